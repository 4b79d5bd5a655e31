//! Signals of the manager, typed.

use futures_util::StreamExt;
use zbus::MessageStream;
use zbus::message::Type;

use super::Error;
use crate::names::{self, Object, interface};
use crate::wire::Moved;

/// One thing that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A unit went from one state to another.
    Moved(Moved),
    /// Some property of this unit has another value.
    Properties(String),
    /// A job was queued: its number and unit.
    JobNew(u32, String),
    /// A job ended: its number, unit and result.
    JobRemoved(u32, String, String),
    /// A unit is known that was not before.
    UnitNew(String),
    /// A unit is not known any more.
    UnitRemoved(String),
    /// Definitions are being read again (`true`), or have been.
    Reloading(bool),
    /// Everything that starts at boot has been tried.
    StartupFinished,
}

/// A stream of changes.
#[derive(Debug)]
pub struct Changes {
    stream: MessageStream,
}

impl Changes {
    pub(super) fn new(stream: MessageStream) -> Changes {
        Changes { stream }
    }

    /// The next change. May be cancelled without loss.
    ///
    /// # Errors
    /// [`Error::Lost`] when the connection broke: connect and look again.
    pub async fn next(&mut self) -> Result<Change, Error> {
        loop {
            let message = match self.stream.next().await {
                Some(Ok(message)) => message,
                Some(Err(error)) => return Err(Error::Lost(error.to_string())),
                None => return Err(Error::Lost("closed by the manager".to_owned())),
            };
            if message.message_type() == Type::Signal
                && let Some(change) = read(&message)
            {
                return Ok(change);
            }
        }
    }
}

/// A signal this client knows; others may be added in later versions and are passed over.
fn read(message: &zbus::Message) -> Option<Change> {
    let header = message.header();
    let body = message.body();
    let interface = header.interface()?.as_str();
    let member = header.member()?.as_str();
    if interface == interface::PROPERTIES {
        return match names::Object::at(names::Face::Runner, header.path()?.as_str())? {
            Object::Unit(unit) => Some(Change::Properties(unit)),
            _ => None,
        };
    }
    if interface != interface::MANAGER {
        return None;
    }
    type Path = zbus::OwnedObjectPath;
    match member {
        "UnitMoved" => body.deserialize().ok().map(Change::Moved),
        "JobNew" => {
            let (job, _, unit): (u32, Path, String) = body.deserialize().ok()?;
            Some(Change::JobNew(job, unit))
        }
        "JobRemoved" => {
            let (job, _, unit, result): (u32, Path, String, String) = body.deserialize().ok()?;
            Some(Change::JobRemoved(job, unit, result))
        }
        "UnitNew" => {
            let (unit, _): (String, Path) = body.deserialize().ok()?;
            Some(Change::UnitNew(unit))
        }
        "UnitRemoved" => {
            let (unit, _): (String, Path) = body.deserialize().ok()?;
            Some(Change::UnitRemoved(unit))
        }
        "Reloading" => body.deserialize().ok().map(Change::Reloading),
        "StartupFinished" => Some(Change::StartupFinished),
        _ => None,
    }
}
