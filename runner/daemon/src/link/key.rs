//! The names under which the keeper holds descriptors: `kind`, `kind:unit` or `kind:unit:name`.
//!
//! Units may contain `:`, names cannot, so the text is split at the last one; the kind fixes
//! whether a name follows.

use std::fmt;

use units::UnitName;

/// Which of a service's two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Standard output, and standard error where both share a pipe.
    Out,
    /// Standard error with a pipe of its own.
    Err,
}

impl Stream {
    /// As it stands in a key.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Stream::Out => "out",
            Stream::Err => "err",
        }
    }

    fn parse(text: &str) -> Option<Stream> {
        [Stream::Out, Stream::Err]
            .into_iter()
            .find(|stream| stream.as_str() == text)
    }
}

/// What a held descriptor is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The listener at the `index`-th address of a socket unit.
    Listener {
        /// The socket unit.
        unit: UnitName,
        /// Position among the unit's addresses.
        index: u32,
    },
    /// A connection that was accepted and waits for its service.
    Connection {
        /// The socket unit.
        unit: UnitName,
        /// Tells apart those of one unit.
        number: u64,
    },
    /// A listener of our own: `bus`, …
    Control {
        /// Which one; without `:`.
        name: String,
    },
    /// The end of a log pipe that we read.
    LogRead {
        /// The service.
        unit: UnitName,
        /// Which output.
        stream: Stream,
    },
    /// The end of a log pipe that the service writes.
    LogWrite {
        /// The service.
        unit: UnitName,
        /// Which output.
        stream: Stream,
    },
    /// The end of a standard input pipe that we write.
    Stdin {
        /// The service.
        unit: UnitName,
    },
    /// A standard descriptor of a service that a client handed over.
    Given {
        /// The service.
        unit: UnitName,
        /// 0, 1 or 2.
        place: u32,
    },
    /// The socket on which a unit's notify messages come in.
    Notify {
        /// The service.
        unit: UnitName,
    },
    /// A descriptor that a service stored.
    Store {
        /// The service.
        unit: UnitName,
        /// Tells apart those of one name; higher ones are newer.
        index: u32,
        /// Its `FDNAME`; without `:`.
        name: String,
    },
    /// The memfd with a unit's last output.
    Ring {
        /// The service.
        unit: UnitName,
    },
    /// The memfd through which an output goes that is copied.
    Spool {
        /// The service.
        unit: UnitName,
        /// Which output.
        stream: Stream,
    },
    /// The memfd with the state.
    State,
    /// The memfd with the last good definitions.
    Definitions,
    /// The state from before the last upgrade.
    PreviousState,
    /// The definitions from before the last upgrade.
    PreviousDefinitions,
    /// The lock of the runtime directory.
    Lock,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Listener { unit, index } => write!(f, "listener:{}:{index}", unit.as_str()),
            Key::Connection { unit, number } => {
                write!(f, "connection:{}:{number}", unit.as_str())
            }
            Key::Control { name } => write!(f, "control:{name}"),
            Key::LogRead { unit, stream } => {
                write!(f, "log-read:{}:{}", unit.as_str(), stream.as_str())
            }
            Key::LogWrite { unit, stream } => {
                write!(f, "log-write:{}:{}", unit.as_str(), stream.as_str())
            }
            Key::Stdin { unit } => write!(f, "stdin:{}", unit.as_str()),
            Key::Given { unit, place } => write!(f, "given:{}:{place}", unit.as_str()),
            Key::Notify { unit } => write!(f, "notify:{}", unit.as_str()),
            Key::Store { unit, index, name } => {
                write!(f, "store:{}:{index}.{name}", unit.as_str())
            }
            Key::Ring { unit } => write!(f, "ring:{}", unit.as_str()),
            Key::Spool { unit, stream } => {
                write!(f, "spool:{}:{}", unit.as_str(), stream.as_str())
            }
            Key::State => f.write_str("state"),
            Key::Definitions => f.write_str("definitions"),
            Key::PreviousState => f.write_str("previous-state"),
            Key::PreviousDefinitions => f.write_str("previous-definitions"),
            Key::Lock => f.write_str("lock"),
        }
    }
}

impl Key {
    /// Reads what [`fmt::Display`] writes; `None` for keys of a later version.
    #[must_use]
    pub fn parse(text: &str) -> Option<Key> {
        let Some((kind, rest)) = text.split_once(':') else {
            return match text {
                "state" => Some(Key::State),
                "definitions" => Some(Key::Definitions),
                "previous-state" => Some(Key::PreviousState),
                "previous-definitions" => Some(Key::PreviousDefinitions),
                "lock" => Some(Key::Lock),
                _ => None,
            };
        };
        let whole = || UnitName::parse(rest).ok();
        let named = || {
            let (unit, name) = rest.rsplit_once(':')?;
            Some((UnitName::parse(unit).ok()?, name))
        };
        match kind {
            "listener" => {
                let (unit, name) = named()?;
                Some(Key::Listener {
                    unit,
                    index: name.parse().ok()?,
                })
            }
            "connection" => {
                let (unit, name) = named()?;
                Some(Key::Connection {
                    unit,
                    number: name.parse().ok()?,
                })
            }
            "control" if !rest.contains(':') => Some(Key::Control {
                name: rest.to_owned(),
            }),
            "log-read" => {
                let (unit, name) = named()?;
                Some(Key::LogRead {
                    unit,
                    stream: Stream::parse(name)?,
                })
            }
            "log-write" => {
                let (unit, name) = named()?;
                Some(Key::LogWrite {
                    unit,
                    stream: Stream::parse(name)?,
                })
            }
            "stdin" => Some(Key::Stdin { unit: whole()? }),
            "given" => {
                let (unit, name) = named()?;
                Some(Key::Given {
                    unit,
                    place: name.parse().ok()?,
                })
            }
            "notify" => Some(Key::Notify { unit: whole()? }),
            "store" => {
                let (unit, name) = named()?;
                let (index, name) = name.split_once('.')?;
                Some(Key::Store {
                    unit,
                    index: index.parse().ok()?,
                    name: name.to_owned(),
                })
            }
            "ring" => Some(Key::Ring { unit: whole()? }),
            "spool" => {
                let (unit, name) = named()?;
                Some(Key::Spool {
                    unit,
                    stream: Stream::parse(name)?,
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_back_whatever_the_unit_is_called() {
        let longest = format!("{}.service", "x".repeat(247));
        for unit in [
            "a.service",
            "cat:cat_00.service",
            "web-admin@:1:2.socket",
            &longest,
        ] {
            let unit = || UnitName::parse(unit).unwrap();
            let name = "n.a-me/x".to_owned();
            for key in [
                Key::Listener {
                    unit: unit(),
                    index: 12,
                },
                Key::Connection {
                    unit: unit(),
                    number: u64::MAX,
                },
                Key::Control {
                    name: "bus".to_owned(),
                },
                Key::LogRead {
                    unit: unit(),
                    stream: Stream::Out,
                },
                Key::LogWrite {
                    unit: unit(),
                    stream: Stream::Err,
                },
                Key::Stdin { unit: unit() },
                Key::Given {
                    unit: unit(),
                    place: 2,
                },
                Key::Notify { unit: unit() },
                Key::Store {
                    unit: unit(),
                    index: u32::MAX,
                    name: name.clone(),
                },
                Key::Store {
                    unit: unit(),
                    index: 0,
                    name: "x".repeat(255),
                },
                Key::Ring { unit: unit() },
                Key::Spool {
                    unit: unit(),
                    stream: Stream::Err,
                },
                Key::State,
                Key::Definitions,
                Key::PreviousState,
                Key::PreviousDefinitions,
                Key::Lock,
            ] {
                let text = key.to_string();
                assert!(text.len() <= crate::keeper::wire::KEY_MAX, "{text}");
                assert_eq!(Key::parse(&text), Some(key));
            }
        }
    }

    #[test]
    fn what_is_no_key_is_none() {
        for text in [
            "",
            "state:",
            "later",
            "later:a.service",
            "ring:",
            "ring:a",
            "control:a:b",
            "listener:a.socket",
            "listener:a.socket:x",
            "listener:a.socket:-1",
            "log-read:a.service:both",
            "store:a.service:conn",
            "store:a.service:x.conn",
        ] {
            assert_eq!(Key::parse(text), None, "{text}");
        }
    }
}
