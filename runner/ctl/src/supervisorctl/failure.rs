//! Why a command did not do what it was asked, named as the original names it: by the exceptions
//! of its libraries, which scripts have learned to look for.

use std::fmt;
use std::io;

use super::python;

/// What a command comes to.
pub(super) type Outcome<T> = Result<T, Failure>;

/// Numbers of faults, as far as the client tells them apart.
pub(super) mod fault {
    /// There is no such method.
    pub(in super::super) const UNKNOWN_METHOD: i64 = 1;
    /// The daemon is going down.
    pub(in super::super) const SHUTDOWN_STATE: i64 = 6;
    /// There is no such process or group.
    pub(in super::super) const BAD_NAME: i64 = 10;
    /// There is no such signal.
    pub(in super::super) const BAD_SIGNAL: i64 = 11;
    /// A file is not there.
    pub(in super::super) const NO_FILE: i64 = 20;
    /// A file cannot be executed.
    pub(in super::super) const NOT_EXECUTABLE: i64 = 21;
    /// Anything else went wrong.
    pub(in super::super) const FAILED: i64 = 30;
    /// A process ended while it was started.
    pub(in super::super) const ABNORMAL_TERMINATION: i64 = 40;
    /// A process could not be started.
    pub(in super::super) const SPAWN_ERROR: i64 = 50;
    /// A process runs already.
    pub(in super::super) const ALREADY_STARTED: i64 = 60;
    /// A process does not run.
    pub(in super::super) const NOT_RUNNING: i64 = 70;
    /// None: it worked.
    pub(in super::super) const SUCCESS: i64 = 80;
    /// A group is active already.
    pub(in super::super) const ALREADY_ADDED: i64 = 90;
    /// A group has processes that run.
    pub(in super::super) const STILL_RUNNING: i64 = 91;
    /// The configuration has an error.
    pub(in super::super) const CANT_REREAD: i64 = 92;
}

/// Why a command was not carried out.
#[derive(Debug)]
pub(super) enum Failure {
    /// The daemon answered with a fault.
    Fault {
        /// Its number.
        code: i64,
        /// Its text.
        text: String,
    },
    /// The HTTP server answered with something other than 200.
    Status {
        /// The number.
        status: u16,
        /// The words behind it.
        reason: String,
    },
    /// The connection failed.
    Socket(io::Error),
    /// Something else, by the name and the text of the original's exception.
    Raised {
        /// Such as `http.client.IncompleteRead`.
        class: &'static str,
        /// What it says.
        text: String,
    },
    /// Ctrl-C.
    Interrupted,
    /// Whoever read our output has gone.
    NobodyReads,
}

impl Failure {
    /// An exception of this class.
    pub(super) fn raised(class: &'static str, text: impl Into<String>) -> Failure {
        Failure::Raised {
            class,
            text: text.into(),
        }
    }

    /// What Python raises for a number that is none of those expected.
    pub(super) fn unknown_result(code: i64, name: &str) -> Failure {
        Failure::raised(
            "ValueError",
            format!("Unknown result code {code} for {name}"),
        )
    }

    /// The number of the fault, if it is one.
    pub(super) fn fault_code(&self) -> Option<i64> {
        match self {
            Failure::Fault { code, .. } => Some(*code),
            _ => None,
        }
    }
}

/// Reads or writes of a connection; what is printed fails in `Screen`.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Socket(error)
    }
}

/// `CLASS, TEXT`, as it stands in the original's lines between `error: ` and `: file:`.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Fault { code, text } => {
                let shown = python::repr(text);
                write!(f, "<class 'xmlrpc.client.Fault'>, <Fault {code}: {shown}>")
            }
            Failure::Status { status, reason } => write!(
                f,
                "<class 'xmlrpc.client.ProtocolError'>, \
                 <ProtocolError for 127.0.0.1/RPC2: {status} {reason}>"
            ),
            Failure::Socket(error) => {
                let (class, text) = exception(error);
                write!(f, "<class '{class}'>, {text}")
            }
            Failure::Raised { class, text } => write!(f, "<class '{class}'>, {text}"),
            Failure::Interrupted => f.write_str("<class 'KeyboardInterrupt'>, "),
            Failure::NobodyReads => {
                f.write_str("<class 'BrokenPipeError'>, [Errno 32] Broken pipe")
            }
        }
    }
}

/// Python's exception for an error of the system: its class and its text.
fn exception(error: &io::Error) -> (&'static str, String) {
    let class = match error.kind() {
        io::ErrorKind::ConnectionRefused => "ConnectionRefusedError",
        io::ErrorKind::ConnectionReset => "ConnectionResetError",
        io::ErrorKind::ConnectionAborted => "ConnectionAbortedError",
        io::ErrorKind::BrokenPipe => "BrokenPipeError",
        io::ErrorKind::NotFound => "FileNotFoundError",
        io::ErrorKind::PermissionDenied => "PermissionError",
        io::ErrorKind::NotADirectory => "NotADirectoryError",
        io::ErrorKind::TimedOut => "TimeoutError",
        _ => "OSError",
    };
    let said = error.to_string();
    match error.raw_os_error() {
        Some(number) => {
            let words = said.split(" (os error").next().unwrap_or_default();
            (class, format!("[Errno {number}] {words}"))
        }
        // The resolver's numbers do not come through: these two are what it says in practice.
        None => match said.split_once("address information: ") {
            Some((_, words)) => {
                let number = if words.starts_with("Temporary") {
                    -3
                } else {
                    -2
                };
                ("socket.gaierror", format!("[Errno {number}] {words}"))
            }
            None => (class, said),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_words_of_python() {
        let fault = Failure::Fault {
            code: 92,
            text: "CANT_REREAD: it's".to_owned(),
        };
        for (failure, shown) in [
            (
                fault,
                "<class 'xmlrpc.client.Fault'>, <Fault 92: \"CANT_REREAD: it's\">",
            ),
            (
                Failure::Status {
                    status: 401,
                    reason: "Unauthorized".to_owned(),
                },
                "<class 'xmlrpc.client.ProtocolError'>, \
                 <ProtocolError for 127.0.0.1/RPC2: 401 Unauthorized>",
            ),
            (
                io::Error::from_raw_os_error(111).into(),
                "<class 'ConnectionRefusedError'>, [Errno 111] Connection refused",
            ),
            (
                io::Error::from_raw_os_error(2).into(),
                "<class 'FileNotFoundError'>, [Errno 2] No such file or directory",
            ),
            (
                io::Error::other("failed to lookup address information: Name or service not known")
                    .into(),
                "<class 'socket.gaierror'>, [Errno -2] Name or service not known",
            ),
            (
                Failure::unknown_result(30, "cat"),
                "<class 'ValueError'>, Unknown result code 30 for cat",
            ),
        ] {
            assert_eq!(failure.to_string(), shown);
        }
    }
}
