//! How much is read, and why something is not.

use std::fmt;

/// How much of a document is read. What is larger is refused as soon as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole document.
    pub bytes: usize,
    /// Elements of the whole document.
    pub elements: usize,
    /// Elements within elements.
    pub depth: usize,
}

impl Limits {
    /// For a server that reads what strangers send: 1 MiB, 65,536 elements, 64 deep.
    pub const CALL: Limits = Limits {
        bytes: 1024 * 1024,
        elements: 65_536,
        depth: 64,
    };

    /// For a client that asked for it: a log may be long, and there may be many processes.
    pub const RESPONSE: Limits = Limits {
        bytes: 256 * 1024 * 1024,
        elements: 8 * 1024 * 1024,
        depth: 64,
    };
}

/// Why a document was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// It is larger than the [`Limits`] allow; the sentence says in which way.
    TooLarge(&'static str),
    /// It is not XML, or not XML-RPC.
    Malformed {
        /// Offset of the byte at which this was noticed.
        at: u64,
        /// What is wrong there.
        what: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::TooLarge(what) => f.write_str(what),
            Error::Malformed { at, what } => write!(f, "byte {at}: {what}"),
        }
    }
}

impl std::error::Error for Error {}
