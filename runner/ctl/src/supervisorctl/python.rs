//! Values in the form in which Python shows and reads them: it is what scripts around the original
//! compare with.

/// A string as `repr()` shows it.
///
/// # Examples
/// `it's` is `"it's"`, everything else stands in single quotes.
pub(super) fn repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut shown = String::with_capacity(text.len() + 2);
    shown.push(quote);
    for c in text.chars() {
        match c {
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if c == quote => {
                shown.push('\\');
                shown.push(c);
            }
            c if is_printable(c) => shown.push(c),
            c if u32::from(c) <= 0xff => shown.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if u32::from(c) <= 0xffff => shown.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => shown.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    shown.push(quote);
    shown
}

/// Whether `repr()` shows a character as it is: neither control nor format characters, nor blanks
/// other than the ordinary one.
fn is_printable(c: char) -> bool {
    let invisible = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}');
    c == ' ' || !(c.is_control() || c.is_whitespace() || invisible)
}

/// What `int()` makes of a word; `None` where that raises an exception, or where the number is so
/// large that no reply could hold as much.
pub(super) fn int(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    // `_` may stand between two digits, once.
    let well_formed = digits
        .split('_')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    if !well_formed {
        return None;
    }
    let number: i64 = digits.replace('_', "").parse().ok()?;
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_as_python_shows_them() {
        for (text, shown) in [
            ("plain", "'plain'"),
            ("it's", "\"it's\""),
            ("\"it's\"", "'\"it\\'s\"'"),
            ("a\\b\n\t\r", "'a\\\\b\\n\\t\\r'"),
            ("\x1b[0m\x00", "'\\x1b[0m\\x00'"),
            ("täg €", "'täg €'"),
            ("\u{a0}\u{2028}", "'\\xa0\\u2028'"),
        ] {
            assert_eq!(repr(text), shown);
        }
    }

    #[test]
    fn numbers_as_python_reads_them() {
        for (text, number) in [
            ("100", Some(100)),
            ("-5", Some(-5)),
            ("+5", Some(5)),
            ("1_000", Some(1000)),
            ("", None),
            ("-", None),
            ("1__0", None),
            ("_1", None),
            ("1.5", None),
            ("0x10", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(int(text), number, "{text:?}");
        }
    }
}
