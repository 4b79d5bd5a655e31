//! What can go wrong with a question.

use std::io;
use std::path::PathBuf;

use crate::error::Kind;

/// Why there is no answer.
#[derive(Debug)]
pub enum Error {
    /// Nobody answers at the socket.
    Connect {
        /// The socket.
        socket: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The manager said no.
    Refused {
        /// Which kind of no.
        kind: Kind,
        /// Its sentence.
        message: String,
    },
    /// The connection broke before there was an answer. What was asked may have been done.
    Lost(String),
    /// The answer is not what the interface promises.
    Protocol(String),
}

impl Error {
    /// The kind, if the manager refused.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Error::Refused { kind, .. } => Some(*kind),
            _ => None,
        }
    }

    pub(super) fn of_call(error: zbus::Error) -> Error {
        match error {
            zbus::Error::MethodError(name, message, _) => Error::Refused {
                kind: Kind::of(name.as_str()),
                message: message.unwrap_or_else(|| name.to_string()),
            },
            zbus::Error::FDO(error) => {
                use zbus::DBusError;
                match *error {
                    zbus::fdo::Error::ZBus(inner) => Error::of_call(inner),
                    error => Error::Refused {
                        kind: Kind::of(error.name().as_str()),
                        message: error.description().unwrap_or_default().to_owned(),
                    },
                }
            }
            zbus::Error::InputOutput(error) => Error::Lost(error.to_string()),
            error => Error::Protocol(error.to_string()),
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Connect { socket, error } => {
                write!(f, "cannot connect to {}: {error}", socket.display())
            }
            Error::Refused { message, .. } => f.write_str(message),
            Error::Lost(cause) => write!(f, "lost the connection to the manager: {cause}"),
            Error::Protocol(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Connect { error, .. } => Some(error),
            _ => None,
        }
    }
}
