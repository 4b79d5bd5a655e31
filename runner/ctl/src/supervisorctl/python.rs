//! Values in the form in which Python shows and reads them: it is what scripts around the original
//! compare with.

pub(super) use units::supervisord::repr;

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
