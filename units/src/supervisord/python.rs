//! What Python does to text, where that shows: white space, `repr`, paths.

use super::world::{Around, Known};

/// Whether `str.isspace` says so: Unicode's white space and the four separators of ASCII.
pub(super) fn is_space(letter: char) -> bool {
    letter.is_whitespace() || ('\x1c'..='\x1f').contains(&letter)
}

/// `str.strip`
pub(super) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// `str.rstrip`
pub(super) fn strip_end(text: &str) -> &str {
    text.trim_end_matches(is_space)
}

/// `repr` of a text: in quotes, with everything escaped that cannot be printed.
pub fn repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut shown = String::with_capacity(text.len() + 2);
    shown.push(quote);
    for letter in text.chars() {
        match letter {
            '\\' => shown.push_str("\\\\"),
            '\t' => shown.push_str("\\t"),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            _ if letter == quote => shown.extend(['\\', quote]),
            _ if is_printable(letter) => shown.push(letter),
            _ => shown.push_str(&escaped(letter)),
        }
    }
    shown.push(quote);
    shown
}

/// `ascii`: `repr`, with everything outside ASCII escaped too.
pub(super) fn ascii(text: &str) -> String {
    let mut shown = String::new();
    for letter in repr(text).chars() {
        if letter.is_ascii() {
            shown.push(letter);
        } else {
            shown.push_str(&escaped(letter));
        }
    }
    shown
}

/// `repr` cut to `most` characters, as messages about numbers do it.
pub(super) fn short_repr(text: &str, most: usize) -> String {
    repr(text).chars().take(most).collect()
}

fn escaped(letter: char) -> String {
    match u32::from(letter) {
        code @ 0..=0xff => format!("\\x{code:02x}"),
        code @ 0x100..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

/// Python and Rust agree on what is printable; only the way to ask differs. After another letter
/// Rust escapes nothing else.
fn is_printable(letter: char) -> bool {
    match letter {
        ' '..='~' => true,
        _ => !format!("a{letter}").escape_debug().any(|sign| sign == '\\'),
    }
}

/// `os.path.dirname`
pub(super) fn directory_of(path: &str) -> &str {
    let Some(end) = path.rfind('/') else {
        return "";
    };
    let head = &path[..=end];
    let cut = head.trim_end_matches('/');
    if cut.is_empty() { head } else { cut }
}

/// `os.path.join` of two.
pub(super) fn join(base: &str, path: &str) -> String {
    if path.starts_with('/') || base.is_empty() {
        path.to_owned()
    } else if base.ends_with('/') {
        format!("{base}{path}")
    } else {
        format!("{base}/{path}")
    }
}

/// `os.path.abspath`
pub(super) fn absolute(path: &str, current_directory: &str) -> String {
    let path = join(current_directory, path);
    let slashes = match path.bytes().take_while(|byte| *byte == b'/').count() {
        2 => "//",
        0 => "",
        _ => "/",
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if !slashes.is_empty() => {}
            _ => parts.push(part),
        }
    }
    let path = format!("{slashes}{}", parts.join("/"));
    if path.is_empty() {
        ".".to_owned()
    } else {
        path
    }
}

/// `os.path.expanduser`: a `~` or `~name` in front, where somebody knows that home.
pub(super) fn expand_user(path: &str, around: &Around<'_>) -> String {
    let Some(rest) = path.strip_prefix('~') else {
        return path.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let (name, below) = rest.split_at(end);
    let home = match (name, around.environment.get("HOME")) {
        ("", Some(home)) => Some(home.clone()),
        ("", None) => home_of(around.world.user_by_id(around.uid)),
        (name, _) => home_of(around.world.user(name)),
    };
    let Some(home) = home else {
        return path.to_owned();
    };
    match format!("{}{below}", home.trim_end_matches('/')) {
        path if path.is_empty() => "/".to_owned(),
        path => path,
    }
}

fn home_of(account: Known<super::world::Account>) -> Option<String> {
    match account {
        Known::Yes(account) => Some(account.home),
        Known::No | Known::Perhaps => None,
    }
}

/// `normalize_path` of supervisor: `~` first, then absolute.
pub(super) fn normalize(path: &str, around: &Around<'_>) -> String {
    absolute(&expand_user(path, around), &around.current_directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repr_is_pythons() {
        for (text, shown) in [
            ("a'b", "\"a'b\""),
            ("a'b\"c", "'a\\'b\"c'"),
            ("a\"b", "'a\"b'"),
            ("a\\b\n\t\r", "'a\\\\b\\n\\t\\r'"),
            ("\x00\x1f\x7f\u{a0}\u{ad}", "'\\x00\\x1f\\x7f\\xa0\\xad'"),
            ("\u{feff}é\u{301}\u{2028}", "'\\ufeffé\u{301}\\u2028'"),
            ("\u{1f600}\u{e0001}", "'\u{1f600}\\U000e0001'"),
        ] {
            assert_eq!(repr(text), shown);
        }
        assert_eq!(ascii("é'\u{1f600}"), "\"\\xe9'\\U0001f600\"");
    }

    #[test]
    fn paths_are_pythons() {
        for (path, directory) in [
            ("/a/b", "/a"),
            ("/a", "/"),
            ("//a", "//"),
            ("a", ""),
            ("a//b", "a"),
            ("/a/b/", "/a/b"),
        ] {
            assert_eq!(directory_of(path), directory, "{path}");
        }
        for (path, whole) in [
            ("", "/x/y"),
            ("a/../b", "/x/y/b"),
            ("../../../a", "/a"),
            ("//a/./b//c", "//a/b/c"),
            ("///a", "/a"),
            ("/..", "/"),
        ] {
            assert_eq!(absolute(path, "/x/y"), whole, "{path}");
        }
    }

    #[test]
    fn a_tilde_is_a_home_where_one_is_known() {
        let mut around = Around::anywhere();
        assert_eq!(expand_user("~/a", &around), "~/a");
        around
            .environment
            .insert("HOME".to_owned(), "/home/x/".to_owned());
        assert_eq!(expand_user("~/a", &around), "/home/x/a");
        assert_eq!(expand_user("~", &around), "/home/x");
        assert_eq!(expand_user("~who/a", &around), "~who/a");
        assert_eq!(expand_user("a~", &around), "a~");
    }
}
