//! File names with `*`, `?` and `[…]` (glob(7)).

use std::io;
use std::path::{Path, PathBuf};

/// The files that an absolute `pattern` fits, sorted.
///
/// # Errors
/// `NotFound` where there is none.
pub(super) fn files(pattern: &str) -> io::Result<Vec<PathBuf>> {
    if !pattern.contains(['*', '?', '[', '\\']) {
        return Ok(vec![PathBuf::from(pattern)]);
    }
    let mut found = vec![PathBuf::from("/")];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        found = if part.contains(['*', '?', '[', '\\']) {
            let mut below = Vec::new();
            for directory in &found {
                below.extend(matching(directory, part));
            }
            below
        } else {
            found
                .into_iter()
                .map(|path| path.join(part))
                .filter(|path| path.exists())
                .collect()
        };
    }
    units::sort::all(&mut found);
    if found.is_empty() {
        return Err(io::Error::from_raw_os_error(libc::ENOENT));
    }
    Ok(found)
}

/// What is in a directory and fits; in one that cannot be read nothing does.
fn matching(directory: &Path, part: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let part: Vec<char> = part.chars().collect();
    entries
        .flatten()
        .filter(|entry| {
            entry.file_name().to_str().is_some_and(|name| {
                let hidden = name.starts_with('.') && part.first() != Some(&'.');
                !hidden && fits(&part, &name.chars().collect::<Vec<_>>())
            })
        })
        .map(|entry| entry.path())
        .collect()
}

/// Whether a pattern fits a whole name. One star is gone back to at a time, so that no pattern takes
/// longer than its length times that of the name.
fn fits(pattern: &[char], name: &[char]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut star = None;
    loop {
        let used = match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
                continue;
            }
            None if place == name.len() => return true,
            Some(_) => match name.get(place) {
                Some(letter) => one(&pattern[at..], *letter),
                None => return false,
            },
            None => None,
        };
        match (used, star) {
            (Some(used), _) => {
                at += used;
                place += 1;
            }
            (None, Some((from, tried))) if tried < name.len() => {
                star = Some((from, tried + 1));
                at = from + 1;
                place = tried + 1;
            }
            (None, _) => return false,
        }
    }
}

/// How much of the pattern fits this letter, if it does.
fn one(pattern: &[char], letter: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['\\', escaped, ..] => (*escaped == letter).then_some(2),
        ['[', rest @ ..] => {
            let (inverted, rest) = match rest {
                ['!' | '^', rest @ ..] => (true, rest),
                rest => (false, rest),
            };
            // A `]` right at the beginning is one of the letters.
            let Some(end) = rest
                .iter()
                .skip(1)
                .position(|c| *c == ']')
                .map(|end| end + 1)
            else {
                return (letter == '[').then_some(1);
            };
            let mut set = rest.get(..end).unwrap_or_default();
            let mut found = false;
            while let Some((first, after)) = set.split_first() {
                match after {
                    ['-', last, after @ ..] => {
                        found |= (*first..=*last).contains(&letter);
                        set = after;
                    }
                    after => {
                        found |= *first == letter;
                        set = after;
                    }
                }
            }
            let used = pattern.len() - rest.len() + end + 1;
            (found != inverted).then_some(used)
        }
        [plain, ..] => (*plain == letter).then_some(1),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let fits = |pattern: &str, name: &str| {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            super::fits(&letters(pattern), &letters(name))
        };
        for (pattern, name) in [
            ("*", "abc"),
            ("a*c", "abc"),
            ("a*b*c", "axxbxbyyc"),
            ("?b[a-c]", "abc"),
            ("[!x]bc", "abc"),
            ("[]x]", "]"),
            ("\\*", "*"),
            ("a[", "a["),
            ("*.conf", "x.conf"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("a*c", "abd"),
            ("?", ""),
            ("[!a]", "a"),
            ("*b", "abc"),
            ("", "a"),
        ] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
        assert!(!fits(&"a*".repeat(30), &"a".repeat(29)));
    }

    #[test]
    fn finds_files_in_order() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["b.env", "a.env", "c.txt", ".d.env"] {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        let pattern = format!("{}/*.env", directory.path().display());
        let names: Vec<String> = files(&pattern)
            .unwrap()
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["a.env", "b.env"]);
        let none = files(&pattern.replace("env", "no")).unwrap_err();
        assert_eq!(none.kind(), io::ErrorKind::NotFound);
    }
}
