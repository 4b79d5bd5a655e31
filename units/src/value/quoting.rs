//! Words, quotes and C escapes, as systemd.syntax(7) has them.

use super::ValueProblem;

/// One word of a line, and whether it stood there bare (a bare `;` separates commands).
#[derive(Debug)]
pub(super) struct LexedWord {
    pub(super) text: String,
    pub(super) bare: bool,
}

/// Splits `text` at white space; `'…'` and `"…"` hold words together and C escapes work inside
/// and outside of them.
///
/// # Errors
/// On an unbalanced quote, an unknown escape, or a NUL or non-UTF-8 byte made by one.
pub fn split_words(text: &str) -> Result<Vec<String>, ValueProblem> {
    Ok(lex(text)?.into_iter().map(|word| word.text).collect())
}

/// Splits a line of commands at each lone `;`, every word being quoted again.
///
/// # Errors
/// As [`split_words`].
pub fn split_commands(text: &str) -> Result<Vec<String>, ValueProblem> {
    let words = lex_command(text)?;
    let commands = words.split(|word| word.bare && word.text == ";");
    let commands = commands.filter(|words| !words.is_empty()).map(|words| {
        let words: Vec<String> = words.iter().map(|word| quote(&word.text)).collect();
        words.join(" ")
    });
    Ok(commands.collect())
}

/// As [`split_words`], for command lines: what is no escape stays as it stands, since systemd has
/// always let `sed 's/\./-/'` pass.
pub(super) fn lex_command(text: &str) -> Result<Vec<LexedWord>, ValueProblem> {
    lex_with(text, Unknown::Stays)
}

fn lex(text: &str) -> Result<Vec<LexedWord>, ValueProblem> {
    lex_with(text, Unknown::IsAnError)
}

/// What becomes of a `\` that begins no escape.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unknown {
    IsAnError,
    Stays,
}

fn lex_with(text: &str, unknown: Unknown) -> Result<Vec<LexedWord>, ValueProblem> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (word, after) = lex_word(rest, unknown)?;
        words.push(word);
        rest = after.trim_start();
    }
    Ok(words)
}

/// `text` with its C escapes resolved, no quotes and no words: what they make need not be text.
pub(super) fn unescape_bytes(text: &str) -> Result<Vec<u8>, ValueProblem> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escaped)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let used = unescape(escaped, &mut bytes)?;
        rest = escaped.get(used..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// Writes bytes so that [`unescape_bytes`] reads them back.
pub(super) fn escape_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// The first word of `text`, which begins with one, and what follows it.
fn lex_word(text: &str, unknown: Unknown) -> Result<(LexedWord, &str), ValueProblem> {
    let mut bytes = Vec::new();
    let mut bare = true;
    let mut quote = None;
    let mut chars = text.char_indices();
    let mut end = text.len();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (_, '\0') => return Err(ValueProblem::new("a word contains a NUL character")),
            (_, '\\') => {
                bare = false;
                let escaped = text.get(at + 1..).unwrap_or_default();
                // Only a word of its own would be taken for a separator.
                let alone = escaped
                    .strip_prefix(';')
                    .is_some_and(|rest| rest.chars().next().is_none_or(char::is_whitespace));
                let used = if alone && at == 0 {
                    bytes.push(b';');
                    1
                } else {
                    match unescape(escaped, &mut bytes) {
                        Ok(used) => used,
                        // The letter behind it stays as well, and be it a space.
                        Err(_) if unknown == Unknown::Stays => {
                            bytes.push(b'\\');
                            match escaped.chars().next() {
                                Some(c) => {
                                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                                    1
                                }
                                None => 0,
                            }
                        }
                        Err(problem) => return Err(problem),
                    }
                };
                // Escapes are ASCII, so characters and bytes count alike.
                for _ in 0..used {
                    chars.next();
                }
            }
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                bare = false;
                quote = Some(c);
            }
            (None, c) if c.is_ascii_whitespace() => {
                end = at;
                break;
            }
            (_, c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    if let Some(open) = quote {
        return Err(ValueProblem::new(format!("the quote {open} is not closed")));
    }
    let text_of_word = String::from_utf8(bytes)
        .map_err(|_| ValueProblem::new("the escapes of a word make bytes that are not UTF-8"))?;
    Ok((
        LexedWord {
            text: text_of_word,
            bare,
        },
        text.get(end..).unwrap_or_default(),
    ))
}

/// Appends what the escape at the start of `text` (after its `\`) stands for; returns its length.
fn unescape(text: &str, out: &mut Vec<u8>) -> Result<usize, ValueProblem> {
    let Some(first) = text.chars().next() else {
        return Err(ValueProblem::new("a line ends in a lone `\\`"));
    };
    let simple = match first {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        's' => b' ',
        '\\' => b'\\',
        '"' => b'"',
        '\'' => b'\'',
        _ => 0,
    };
    if simple != 0 {
        out.push(simple);
        return Ok(1);
    }
    let (skip, digits, radix) = match first {
        'x' => (1, 2, 16),
        'u' => (1, 4, 16),
        'U' => (1, 8, 16),
        '0'..='7' => (0, 3, 8),
        _ => (0, 0, 0),
    };
    let code = text
        .get(skip..skip + digits)
        .filter(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_hexdigit()))
        .and_then(|d| u32::from_str_radix(d, radix).ok())
        .filter(|code| *code != 0);
    let problem = || {
        ValueProblem::new(format!("`\\{first}` begins no escape"))
            .with_hint("write `\\\\` for a backslash")
    };
    let code = code.ok_or_else(problem)?;
    if digits <= 3 {
        out.push(u8::try_from(code).map_err(|_| problem())?);
    } else {
        let c = char::from_u32(code).ok_or_else(problem)?;
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Ok(skip + digits)
}

/// Writes `word` so that [`split_words`] reads it back as one word.
pub fn quote(word: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '\'' | '\\');
    if !word.is_empty() && word != ";" && word.chars().all(plain) {
        return word.to_owned();
    }
    let mut out = String::with_capacity(word.len() + 2);
    out.push('"');
    for c in word.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Splits the value of a variable into words for `$NAME`: quotes hold words together, a `\` takes
/// the next character as it is, and nothing is an error.
pub(super) fn split_value(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (_, '\\') => word.get_or_insert_default().extend(chars.next()),
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_ascii_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_quotes_and_escapes() {
        for (text, words) in [
            ("", &[][..]),
            ("  a  b\t", &["a", "b"]),
            ("'a b' \"c d\"", &["a b", "c d"]),
            ("A='b c'd", &["A=b cd"]),
            (r#""it's" 'say "x"'"#, &["it's", "say \"x\""]),
            (r"\x41\102\u00e4\U0001F600\s.", &["ABä😀 ."]),
            (r"a\tb", &["a\tb"]),
            ("\"\" ''", &["", ""]),
            (r"\;", &[";"]),
        ] {
            assert_eq!(split_words(text).unwrap(), words, "{text}");
        }
        for bad in [
            "'a", "\"", "a\\", r"\q", r"\x4", r"\x00", r"\000", r"\ud800", r"\xff", r"\é",
        ] {
            assert!(split_words(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn in_commands_an_unknown_escape_stays() {
        for (text, words) in [
            (r"sed s/\./-/", &["sed", r"s/\./-/"][..]),
            (r"'a\qb' \x4", &[r"a\qb", r"\x4"]),
            (r"a\", &[r"a\"]),
            (r"a\;b \; c\ d", &[r"a\;b", ";", r"c\ d"]),
        ] {
            let found: Vec<String> = lex_command(text)
                .unwrap()
                .into_iter()
                .map(|word| word.text)
                .collect();
            assert_eq!(found, words, "{text}");
        }
        assert!(lex_command("'a").is_err());
    }

    #[test]
    fn bytes_escape_and_come_back() {
        let bytes: Vec<u8> = (1..=255).collect();
        assert_eq!(unescape_bytes(&escape_bytes(&bytes)), Ok(bytes));
        assert!(unescape_bytes(r"\q").is_err());
    }

    #[test]
    fn values_split_without_errors() {
        assert_eq!(
            split_value(" a 'b c' \"\" d\\ e 'f"),
            ["a", "b c", "", "d e", "f"]
        );
        assert!(split_value("  ").is_empty());
    }

    proptest! {
        #[test]
        fn quoted_words_come_back(words in proptest::collection::vec("[^\0]*", 0..4)) {
            let line: Vec<String> = words.iter().map(|w| quote(w)).collect();
            prop_assert_eq!(split_words(&line.join(" ")).unwrap(), words);
        }

        #[test]
        fn any_text(text in any::<String>()) {
            let _ = split_words(&text);
            let _ = split_value(&text);
        }
    }
}
