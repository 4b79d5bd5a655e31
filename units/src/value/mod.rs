//! The types of the values settings hold, one room each: text to value (`parse`), value to
//! canonical text (`Display`), and the two are inverse.

mod calendar;
mod capability;
mod condition;
mod count;
mod credential;
mod directories;
mod environment;
mod exec_line;
mod exit_set;
mod input_data;
mod limit;
mod listen;
mod log_file;
mod memory_limit;
mod mode;
mod open_file;
mod owner;
mod policy;
mod probe;
mod process_bits;
mod quoting;
mod scheduling;
mod signal;
mod size;
mod span;
mod stream;
mod timestamp;
mod trigger;
mod working_directory;

pub use calendar::{CalendarSpec, NoZones, Zones};
pub use capability::{Capabilities, SecureBits};
pub use condition::Condition;
pub use count::{parse_count, parse_integer};
pub use credential::{LoadedCredential, SetCredential};
pub use directories::{OwnDirectory, Preserve};
pub use environment::{Assignment, EnvironmentFile};
pub use exec_line::{ExecLine, Privileges};
pub use exit_set::ExitSet;
pub use input_data::{InputData, InputText};
pub use limit::Limit;
pub(crate) use listen::parse_type_of_service;
pub use listen::{BindIpv6Only, ListenAddress, ListenKind, SocketProtocol, Timestamping};
pub use log_file::LogFile;
pub use memory_limit::MemoryLimit;
pub use mode::Mode;
pub use open_file::{OpenFile, OpenMode};
pub use owner::{Owner, check_account};
pub use policy::{
    CollectMode, EmergencyAction, EventResults, ExitType, Facility, JobMode, KeyringMode, KillMode,
    LogLevel, NotifyAccess, OomPolicy, Personality, Restart, RestartMode, ServiceType,
    TimeoutFailureMode,
};
pub use probe::Probe;
pub use process_bits::{CoredumpFilter, Nanoseconds};
pub use quoting::{quote, split_commands, split_words};
pub(crate) use scheduling::parse_between;
pub use scheduling::{CpuPolicy, CpuSet, IoClass, NumaPolicy};
pub use signal::Signal;
pub use size::Size;
pub use span::Span;
pub use stream::{Input, Output};
pub use timestamp::{format_timestamp, parse_timestamp};
pub use trigger::{PathCheck, TimerBase};
pub use working_directory::WorkingDirectory;

/// Why a text is no value of its type; the caller knows the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueProblem {
    /// What is wrong; lower case, no final period.
    pub message: String,
    /// What would be right, where we can tell.
    pub hint: Option<String>,
}

impl ValueProblem {
    /// A problem without a hint.
    pub fn new(message: impl Into<String>) -> ValueProblem {
        ValueProblem {
            message: message.into(),
            hint: None,
        }
    }

    /// With what would be right.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> ValueProblem {
        ValueProblem {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// A word that is not in its list, with the nearest one as hint.
    pub fn unknown_word(what: &str, written: &str, words: &[&str]) -> ValueProblem {
        let problem = ValueProblem::new(format!("{written:?} is no {what}"));
        match crate::diagnostic::nearest(written, words.iter().copied()) {
            Some(word) => problem.with_hint(format!("did you mean `{word}`?")),
            None => problem.with_hint(format!("one of: {}", words.join(", "))),
        }
    }
}

impl std::fmt::Display for ValueProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ValueProblem {}

/// Checks that `text` is an absolute path without empty, `.` or `..` parts, and returns it.
pub(crate) fn absolute_path(text: &str) -> Result<&str, ValueProblem> {
    if !text.starts_with('/') {
        return Err(
            ValueProblem::new(format!("{text:?} is not an absolute path"))
                .with_hint("begin the path with `/`"),
        );
    }
    if text.contains('\0') {
        return Err(ValueProblem::new(format!(
            "{text:?} contains a NUL character"
        )));
    }
    if text.split('/').any(|part| part == "..") {
        return Err(ValueProblem::new(format!(
            "{text:?} leads upwards with `..`"
        )));
    }
    if text.len() >= 4096 {
        return Err(ValueProblem::new(format!(
            "a path has at most 4095 bytes, this one has {}",
            text.len()
        )));
    }
    Ok(text)
}

/// Declares an enum whose values are words: parsing, printing, serde and the documented word list
/// come from the one list.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[doc = $doc:literal])+ $variant:ident = $word:literal,)+
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl $name {
            /// Every value, in the order it is documented.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
            /// The word of every value, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];
            /// What each word means, in the same order.
            pub const MEANINGS: &'static [&'static str] = &[$(concat!($($doc),+)),+];

            /// The word for this value.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            /// The value of `word`, exactly as written in the list.
            pub fn from_word(word: &str) -> Option<$name> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                $name::from_word(&text)
                    .ok_or_else(|| serde::de::Error::unknown_variant(&text, $name::WORDS))
            }
        }
    };
}
pub(crate) use words;

/// serde as the canonical text, for a type with `parse` and `Display`.
macro_rules! serde_as_text {
    ($($name:ident),+) => { $(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                $name::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    )+ };
}
pub(crate) use serde_as_text;
