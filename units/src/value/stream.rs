//! Where a service's standard streams come from and go to.

use std::fmt;

use super::{ValueProblem, absolute_path};

/// Where output goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Output {
    /// Thrown away.
    Null,
    /// Where standard input goes, for standard output; where standard output goes, for standard
    /// error.
    Inherit,
    /// Into the connection the service was started for.
    Socket,
    /// To the journal.
    Journal,
    /// To our own standard output, each line marked with its unit.
    Console,
    /// To the memory ring only.
    Ring,
    /// To the rotated log file.
    Log,
    /// The file itself, opened for writing at its start, made when missing.
    File(Box<str>),
    /// The file itself, opened for appending.
    Append(Box<str>),
    /// The file itself, emptied when opened.
    Truncate(Box<str>),
}

impl Output {
    /// The plain words and what they mean; `file:`, `append:` and `truncate:` take a path besides.
    pub const WORDS: &'static [(&'static str, Output)] = &[
        ("null", Output::Null),
        ("inherit", Output::Inherit),
        ("socket", Output::Socket),
        ("journal", Output::Journal),
        ("console", Output::Console),
        ("ring", Output::Ring),
        ("log", Output::Log),
    ];

    /// Reads one of the words, or `file:PATH`, `append:PATH`, `truncate:PATH`.
    ///
    /// # Errors
    /// When it is none of these, or the path is not absolute.
    pub fn parse(text: &str) -> Result<Output, ValueProblem> {
        let text = text.trim();
        if let Some((_, output)) = Output::WORDS.iter().find(|(word, _)| *word == text) {
            return Ok(output.clone());
        }
        let path = |path: &str| absolute_path(path).map(Box::from);
        match text.split_once(':') {
            Some(("file", rest)) => Ok(Output::File(path(rest)?)),
            Some(("append", rest)) => Ok(Output::Append(path(rest)?)),
            Some(("truncate", rest)) => Ok(Output::Truncate(path(rest)?)),
            _ => {
                let mut words: Vec<&str> = Output::WORDS.iter().map(|(word, _)| *word).collect();
                words.extend(["file:PATH", "append:PATH", "truncate:PATH"]);
                Err(ValueProblem::unknown_word("place for output", text, &words))
            }
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::File(path) => write!(f, "file:{path}"),
            Output::Append(path) => write!(f, "append:{path}"),
            Output::Truncate(path) => write!(f, "truncate:{path}"),
            Output::Null => f.write_str("null"),
            Output::Inherit => f.write_str("inherit"),
            Output::Socket => f.write_str("socket"),
            Output::Journal => f.write_str("journal"),
            Output::Console => f.write_str("console"),
            Output::Ring => f.write_str("ring"),
            Output::Log => f.write_str("log"),
        }
    }
}

/// Where input comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Input {
    /// Nowhere: reads end at once.
    Null,
    /// The connection the service was started for.
    Socket,
    /// A pipe whose other end we have.
    Pipe,
    /// A file.
    File(Box<str>),
}

impl Input {
    /// Reads `null`, `socket`, `pipe` or `file:PATH`.
    ///
    /// # Errors
    /// When it is none of these, or the path is not absolute.
    pub fn parse(text: &str) -> Result<Input, ValueProblem> {
        match text.trim() {
            "null" => Ok(Input::Null),
            "socket" => Ok(Input::Socket),
            "pipe" => Ok(Input::Pipe),
            text => match text.strip_prefix("file:") {
                Some(path) => Ok(Input::File(absolute_path(path)?.into())),
                None => {
                    let words = ["null", "socket", "pipe", "file:PATH"];
                    Err(ValueProblem::unknown_word("source of input", text, &words))
                }
            },
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::Null => f.write_str("null"),
            Input::Socket => f.write_str("socket"),
            Input::Pipe => f.write_str("pipe"),
            Input::File(path) => write!(f, "file:{path}"),
        }
    }
}

super::serde_as_text!(Output, Input);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_round_trip() {
        for (word, output) in Output::WORDS {
            assert_eq!(Output::parse(word).as_ref(), Ok(output));
            assert_eq!(output.to_string(), *word);
        }
        for text in ["file:/a", "append:/a b", "truncate:/a:b"] {
            assert_eq!(Output::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "tty", "file:a", "file:", "nul"] {
            assert!(Output::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn inputs_round_trip() {
        for text in ["null", "socket", "pipe", "file:/a"] {
            assert_eq!(Input::parse(text).unwrap().to_string(), text);
        }
        assert!(Input::parse("tty").is_err());
    }
}
