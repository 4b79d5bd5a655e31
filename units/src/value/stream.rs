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
    /// To the terminal `tty-path`.
    Tty,
    /// To the journal.
    Journal,
    /// To the kernel's log.
    Kmsg,
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
    /// The descriptor of this name, of those that the service is passed; `None`: the one named after
    /// the stream.
    Fd(Option<Box<str>>),
}

impl Output {
    /// The plain words and what they mean; `file:`, `append:` and `truncate:` take a path besides.
    pub const WORDS: &'static [(&'static str, Output)] = &[
        ("null", Output::Null),
        ("inherit", Output::Inherit),
        ("socket", Output::Socket),
        ("tty", Output::Tty),
        ("journal", Output::Journal),
        ("kmsg", Output::Kmsg),
        ("console", Output::Console),
        ("ring", Output::Ring),
        ("log", Output::Log),
    ];

    /// Reads one of the words, or `file:PATH`, `append:PATH`, `truncate:PATH`, `fd:NAME`. `syslog` is
    /// systemd's old word for `journal`.
    ///
    /// # Errors
    /// When it is none of these, or the path is not absolute.
    pub fn parse(text: &str) -> Result<Output, ValueProblem> {
        let text = text.trim();
        if let Some((_, output)) = Output::WORDS.iter().find(|(word, _)| *word == text) {
            return Ok(output.clone());
        }
        let path = |path: &str| absolute_path(path).map(Box::from);
        match text {
            "syslog" => return Ok(Output::Journal),
            "journal+console" | "syslog+console" | "kmsg+console" => {
                return Err(ValueProblem::new(format!(
                    "{text:?} is not supported: each line goes to one place"
                ))
                .with_hint("use `journal` or `console`"));
            }
            "fd" => return Ok(Output::Fd(None)),
            _ => {}
        }
        match text.split_once(':') {
            Some(("fd", name)) => Ok(Output::Fd(Some(descriptor_name(name)?))),
            Some(("file", rest)) => Ok(Output::File(path(rest)?)),
            Some(("append", rest)) => Ok(Output::Append(path(rest)?)),
            Some(("truncate", rest)) => Ok(Output::Truncate(path(rest)?)),
            _ => {
                let mut words: Vec<&str> = Output::WORDS.iter().map(|(word, _)| *word).collect();
                words.extend(["file:PATH", "append:PATH", "truncate:PATH", "fd:NAME"]);
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
            Output::Fd(Some(name)) => write!(f, "fd:{name}"),
            Output::Fd(None) => f.write_str("fd"),
            Output::Tty => f.write_str("tty"),
            Output::Kmsg => f.write_str("kmsg"),
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

/// The name of a descriptor as `LISTEN_FDNAMES` has it.
fn descriptor_name(name: &str) -> Result<Box<str>, ValueProblem> {
    let well = !name.is_empty()
        && name.len() <= 255
        && name.bytes().all(|b| (b' '..0x7f).contains(&b) && b != b':');
    if well {
        Ok(name.into())
    } else {
        Err(
            ValueProblem::new(format!("{name:?} is no name of a descriptor"))
                .with_hint("`file-descriptor-name` of the socket gives it one"),
        )
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
    /// What `standard-input-text` and `standard-input-data` say.
    Data,
    /// The terminal `tty-path`, which becomes the program's own.
    Tty,
    /// The terminal, taken away from whoever has it.
    TtyForce,
    /// The terminal; where somebody has it already the start fails.
    TtyFail,
    /// The descriptor of this name, of those that the service is passed; `None`: `stdin`.
    Fd(Option<Box<str>>),
}

impl Input {
    const WORDS: [(&'static str, Input); 8] = [
        ("null", Input::Null),
        ("socket", Input::Socket),
        ("pipe", Input::Pipe),
        ("data", Input::Data),
        ("tty", Input::Tty),
        ("tty-force", Input::TtyForce),
        ("tty-fail", Input::TtyFail),
        ("fd", Input::Fd(None)),
    ];

    /// Whether it is a terminal.
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Input::Tty | Input::TtyForce | Input::TtyFail)
    }

    /// Reads one of the words, `fd:NAME` or `file:PATH`.
    ///
    /// # Errors
    /// When it is none of these, or the path is not absolute.
    pub fn parse(text: &str) -> Result<Input, ValueProblem> {
        let text = text.trim();
        if let Some((_, input)) = Input::WORDS.iter().find(|(word, _)| *word == text) {
            return Ok(input.clone());
        }
        match text.split_once(':') {
            Some(("file", path)) => Ok(Input::File(absolute_path(path)?.into())),
            Some(("fd", name)) => Ok(Input::Fd(Some(descriptor_name(name)?))),
            _ => {
                let mut words: Vec<&str> = Input::WORDS.iter().map(|(word, _)| *word).collect();
                words.extend(["file:PATH", "fd:NAME"]);
                Err(ValueProblem::unknown_word("source of input", text, &words))
            }
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::File(path) => write!(f, "file:{path}"),
            Input::Fd(Some(name)) => write!(f, "fd:{name}"),
            other => {
                let word = Input::WORDS.iter().find(|(_, input)| input == other);
                f.write_str(word.map_or("", |(word, _)| word))
            }
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
        for text in ["file:/a", "append:/a b", "truncate:/a:b", "fd", "fd:web"] {
            assert_eq!(Output::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "tti", "file:a", "file:", "nul", "fd:", "fd:a:b"] {
            assert!(Output::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn inputs_round_trip() {
        for (word, input) in &Input::WORDS {
            assert_eq!(Input::parse(word).as_ref(), Ok(input));
            assert_eq!(input.to_string(), *word);
        }
        for text in ["file:/a", "fd:web"] {
            assert_eq!(Input::parse(text).unwrap().to_string(), text);
        }
        assert!(Input::parse("terminal").is_err());
    }
}
