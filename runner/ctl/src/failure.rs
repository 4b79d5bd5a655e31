//! Why a verb did not do what it was asked, and the exit status that says so.

use std::fmt;
use std::io;

use dbus::client::{Error, Kind};

use crate::exit::Exit;

/// What a verb comes to.
pub(crate) type Outcome = Result<Exit, Failure>;

/// A verb that could not be carried out.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Whoever read our output has gone: not an error, there is just nobody to tell.
    NobodyReads,
    /// Everything there is to say has been said.
    Told(Exit),
    /// No loaded unit matches what was given: there is nothing to do, as systemctl has it.
    NoMatch(String),
    /// The manager went away in the middle, says this cause: the next one can be asked again.
    Lost(String),
    /// With a sentence: lower case, no final period.
    Because {
        /// The exit status.
        exit: Exit,
        /// What went wrong.
        message: String,
        /// What could be done about it.
        hint: Option<String>,
    },
}

impl Failure {
    /// With `exit`, because of `message`.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure::Because {
            exit,
            message: message.into(),
            hint: None,
        }
    }

    /// Exit status 1, because of `message`.
    pub(crate) fn because(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Failed, message)
    }

    /// With what could be done about it.
    #[must_use]
    pub(crate) fn with_hint(mut self, text: impl Into<String>) -> Failure {
        if let Failure::Because { hint, .. } = &mut self {
            *hint = Some(text.into());
        }
        self
    }
}

/// Writing to standard output failed.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::NobodyReads,
            _ => Failure::because(format!("cannot write the output: {error}")),
        }
    }
}

/// The manager said no, or has gone. Verbs that queue jobs tell more kinds of no apart.
impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Lost(cause) => Failure::Lost(cause),
            error if error.kind() == Some(Kind::AccessDenied) => {
                Failure::new(Exit::Refused, error.to_string())
            }
            error => Failure::because(error.to_string()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NobodyReads => f.write_str("nobody reads the output"),
            Failure::Told(exit) => write!(f, "exit status {}", exit.code()),
            Failure::NoMatch(pattern) => write!(f, "no loaded unit matches {pattern}"),
            Failure::Lost(cause) => write!(f, "lost the connection to the manager: {cause}"),
            Failure::Because { message, .. } => f.write_str(message),
        }
    }
}
