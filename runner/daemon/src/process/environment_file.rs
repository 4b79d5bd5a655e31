//! Files of environment variables (`environment-file`), as systemd.exec(5) reads them: `NAME=value`
//! lines, comments, the two kinds of quotes, and backslashes that join lines.

/// Reads a file's text. A line that sets no variable is skipped, as systemd does, so that a file
/// made for a shell (`export …`, functions) is no error.
pub(super) fn parse(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut letters = text.chars().peekable();
    loop {
        while letters.next_if(|c| c.is_whitespace()).is_some() {}
        match letters.peek() {
            None => return found,
            Some('#' | ';') => skip_comment(&mut letters),
            Some(_) => {
                let name = read_name(&mut letters);
                if letters.next_if_eq(&'=').is_some() {
                    let value = read_value(&mut letters);
                    if is_name(&name) && !value.contains('\0') {
                        found.push((name, value));
                    }
                }
            }
        }
    }
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// A comment goes to the end of its line, which a backslash moves to the next one.
fn skip_comment(letters: &mut Letters<'_>) {
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '\n' => return,
            _ => {}
        }
    }
}

/// All up to a `=`, which stays, or the end of the line.
fn read_name(letters: &mut Letters<'_>) -> String {
    let mut name = String::new();
    while let Some(letter) = letters.next_if(|c| *c != '=' && *c != '\n') {
        name.push(letter);
    }
    name.trim_end().to_owned()
}

/// A value: quoted parts at its beginning, then plain text, in which quotes are letters like others.
fn read_value(letters: &mut Letters<'_>) -> String {
    let mut value = String::new();
    // Before plain text, white space only separates: `"a" 'b' c` is `abc`.
    let mut quotable = true;
    // White space at the end counts only if it was quoted or escaped.
    let mut kept = 0;
    while let Some(letter) = letters.next() {
        match letter {
            '\n' | '\r' => break,
            '\'' if quotable => {
                value.extend(letters.by_ref().take_while(|c| *c != '\''));
                kept = value.len();
            }
            '"' if quotable => {
                read_double_quoted(letters, &mut value);
                kept = value.len();
            }
            '\\' => {
                quotable = false;
                match letters.next() {
                    None | Some('\n' | '\r') => {}
                    Some(escaped) => value.push(escaped),
                }
                kept = value.len();
            }
            other if quotable && matches!(other, ' ' | '\t') => {}
            other => {
                quotable = false;
                value.push(other);
                if !matches!(other, ' ' | '\t') {
                    kept = value.len();
                }
            }
        }
    }
    value.truncate(kept);
    value
}

/// In double quotes a backslash takes the meaning of four letters and joins lines, else it stays.
fn read_double_quoted(letters: &mut Letters<'_>, value: &mut String) {
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return,
            '\\' => match letters.next() {
                None | Some('\n') => {}
                Some(escaped @ ('"' | '\\' | '`' | '$')) => value.push(escaped),
                Some(other) => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_systemd_reads_them() {
        for (text, expected) in [
            (
                "A=1\nB=two words  \n",
                &[("A", "1"), ("B", "two words")][..],
            ),
            ("# c\n;c\n\n  A = x \n", &[("A", "x")]),
            (
                "A='1 2 ' \nB=\" 3\\\"4 \"",
                &[("A", "1 2 "), ("B", " 3\"4 ")],
            ),
            ("A=1\\\n2\nB=\"a\\\nb\"", &[("A", "12"), ("B", "ab")]),
            (
                "A='line\nline'\nB=x'y'\"z\"",
                &[("A", "line\nline"), ("B", "x'y'\"z\"")],
            ),
            (
                "A='a'b c\nB=\"a\" 'b'  c  \n",
                &[("A", "ab c"), ("B", "abc")],
            ),
            ("# joined \\\nA=1\nB=2", &[("B", "2")]),
            (
                "A=a\\ b\\nc\nB=\"\\n\\$\"",
                &[("A", "a bnc"), ("B", "\\n$")],
            ),
            ("export A=1\n1A=2\nA\nB==\nC=", &[("B", "="), ("C", "")]),
            ("A=\"open", &[("A", "open")]),
            ("A=#no comment", &[("A", "#no comment")]),
        ] {
            let expected: Vec<(String, String)> = expected
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }
}
