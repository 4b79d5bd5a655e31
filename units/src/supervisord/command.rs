//! `command=` to words, as Python's `shlex.split` does it: a POSIX shell's quoting and nothing
//! else of a shell. `#` begins no comment here, `$` and `*` are letters.

use std::fmt;

/// Why a command line cannot be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitProblem {
    /// A quote is opened and never closed.
    NoClosingQuotation,
    /// It ends in a backslash.
    NoEscapedCharacter,
}

impl fmt::Display for SplitProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SplitProblem::NoClosingQuotation => "No closing quotation",
            SplitProblem::NoEscapedCharacter => "No escaped character",
        })
    }
}

impl std::error::Error for SplitProblem {}

/// Splits a command line into words. An empty line has none.
///
/// # Errors
/// When quoting is left open. The real program finds out when it starts the process, and says
/// `can't parse command 'CMD': ` and this.
pub fn split(line: &str) -> Result<Vec<String>, SplitProblem> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\\' => {
                let escaped = letters.next().ok_or(SplitProblem::NoEscapedCharacter)?;
                word.get_or_insert_default().push(escaped);
            }
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next().ok_or(SplitProblem::NoClosingQuotation)? {
                        '\'' => break,
                        inside => word.push(inside),
                    }
                }
            }
            '"' => double_quoted(&mut letters, word.get_or_insert_default())?,
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Up to the closing quote. A backslash is itself before anything but a quote or a backslash.
fn double_quoted(letters: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), SplitProblem> {
    loop {
        match letters.next().ok_or(SplitProblem::NoClosingQuotation)? {
            '"' => return Ok(()),
            '\\' => {
                let next = letters.next().ok_or(SplitProblem::NoEscapedCharacter)?;
                if next != '"' && next != '\\' {
                    word.push('\\');
                }
                word.push(next);
            }
            inside => word.push(inside),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_as_a_shell_quotes() {
        for (line, words) in [
            ("", &[] as &[&str]),
            ("  \n\t ", &[]),
            ("a  b\nc", &["a", "b", "c"]),
            ("sh -c 'a \"b\" \\c'", &["sh", "-c", "a \"b\" \\c"]),
            (r#""a\"b\\c\d""#, &[r#"a"b\c\d"#]),
            (r"a\ b\'c\\", &["a b'c\\"]),
            ("a''b \"\" ''", &["ab", "", ""]),
            ("echo #x $HOME *", &["echo", "#x", "$HOME", "*"]),
            ("é=ü", &["é=ü"]),
        ] {
            assert_eq!(split(line).unwrap(), words, "{line}");
        }
        for (line, problem) in [
            ("a 'b", SplitProblem::NoClosingQuotation),
            ("a \"b\\\"", SplitProblem::NoClosingQuotation),
            ("a \"b\\", SplitProblem::NoEscapedCharacter),
            ("a\\", SplitProblem::NoEscapedCharacter),
        ] {
            assert_eq!(split(line), Err(problem), "{line}");
        }
    }
}
