//! Paths that match a pattern: glob(3) with `GLOB_BRACE`, which stops at the first it finds.

use std::fs;
use std::path::{Path, PathBuf};

/// How many patterns a pattern with braces may stand for, and how many paths are looked at.
const MOST: usize = 100_000;

/// Whether any path matches. `*`, `?` and `[…]` match within one part, and the dot at the
/// beginning of a name only where the pattern has one; `{a,b}` stands for either.
pub(super) fn finds_any(pattern: &str) -> bool {
    let mut budget = MOST;
    let mut patterns = vec![pattern.to_owned()];
    while let Some(pattern) = patterns.pop() {
        if budget == 0 {
            return false;
        }
        budget -= 1;
        match alternatives(&pattern) {
            Some(more) => patterns.extend(more.into_iter().rev()),
            None if finds(&pattern, &mut budget) => return true,
            None => {}
        }
    }
    false
}

/// The patterns that one with braces stands for, its first braces replaced; none without.
fn alternatives(pattern: &str) -> Option<Vec<String>> {
    let bytes = pattern.as_bytes();
    let mut from = 0;
    loop {
        let open = from + bytes.get(from..)?.iter().position(|byte| *byte == b'{')?;
        // Braces with nothing in them are what find(1) wants, and stay.
        if bytes.get(open + 1) == Some(&b'}') {
            from = open + 2;
            continue;
        }
        let (mut depth, mut commas) = (0, vec![open]);
        for (at, byte) in bytes.iter().enumerate().skip(open) {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                b',' if depth == 1 => commas.push(at),
                _ => {}
            }
            if depth == 0 {
                commas.push(at);
                let (head, tail) = (&pattern[..open], &pattern[at + 1..]);
                let each = commas.windows(2).map(|pair| match pair {
                    [a, b] => format!("{head}{}{tail}", &pattern[a + 1..*b]),
                    _ => String::new(),
                });
                return Some(each.collect());
            }
        }
        return None;
    }
}

/// Follows a pattern without braces part by part, depth first.
fn finds(pattern: &str, budget: &mut usize) -> bool {
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    let mut open = vec![(PathBuf::from("/"), 0)];
    while let Some((path, at)) = open.pop() {
        if *budget == 0 {
            return false;
        }
        *budget -= 1;
        let Some(part) = parts.get(at) else {
            return true;
        };
        let is_last = at + 1 == parts.len();
        if !part.contains(['*', '?', '[', '\\']) {
            let next = path.join(part);
            if is_there(&next, is_last) {
                open.push((next, at + 1));
            }
            continue;
        }
        let entries = fs::read_dir(&path).into_iter().flatten().flatten();
        for entry in entries.take(*budget) {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let hidden = name.starts_with('.') && !part.starts_with('.');
            if !hidden && control::matches(part, &name) {
                let next = path.join(&*name);
                if is_there(&next, is_last) {
                    open.push((next, at + 1));
                }
            }
        }
    }
    false
}

/// As glob(3): the last part may be a link that leads nowhere, those before must lead on.
fn is_there(path: &Path, is_last: bool) -> bool {
    if is_last {
        fs::symlink_metadata(path).is_ok()
    } else {
        path.is_dir()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_stand_for_each() {
        let all = |pattern: &str| alternatives(pattern);
        assert_eq!(all("/a"), None);
        assert_eq!(all("/{a,b}/c"), Some(vec!["/a/c".into(), "/b/c".into()]));
        assert_eq!(all("/{}/x"), None);
        assert_eq!(all("/{a{1,2},}"), Some(vec!["/a{1,2}".into(), "/".into()]));
        assert_eq!(all("/{a,b"), None);
    }

    #[test]
    fn patterns_find_what_is_there() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(directory.path().join("one/two")).expect("made");
        fs::write(directory.path().join("one/two/file.conf"), "").expect("written");
        fs::write(directory.path().join("one/.hidden"), "").expect("written");
        let finds = |pattern: &str| finds_any(&format!("{}/{pattern}", directory.path().display()));
        for yes in [
            "*",
            "one/t*/*.conf",
            "one/{x,two}/file.{conf,cfg}",
            "one/.h*",
            "o[nm]e",
            "one/two/file.conf",
        ] {
            assert!(finds(yes), "{yes}");
        }
        for no in ["*.conf", "one/h*", "one/?idden", "one/two/*/x", "{a,b}"] {
            assert!(!finds(no), "{no}");
        }
    }

    #[test]
    fn a_bomb_of_braces_ends() {
        assert!(!finds_any(&format!("/nowhere/{}", "{a,b}".repeat(40))));
    }
}
