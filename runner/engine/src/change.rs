//! What is told to subscribers: D-Bus signals, event listeners and web pages are projections of it.

use serde::{Deserialize, Serialize};
use units::UnitName;

use crate::clock::Now;
use crate::job::{JobId, JobKind, JobResult};
use crate::view::systemd::{ActiveState, SubState};

/// One thing that changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A unit went from one state to another. Never coalesced, in order, without gaps in `seq`.
    Moved(Moved),
    /// Some property of the unit has another value; once per settle.
    Properties(UnitName),
    /// A job was queued.
    JobNew {
        /// Its number.
        job: JobId,
        /// Its unit.
        unit: UnitName,
        /// What it does.
        kind: JobKind,
    },
    /// A job ended.
    JobRemoved {
        /// Its number.
        job: JobId,
        /// Its unit.
        unit: UnitName,
        /// How it ended.
        result: JobResult,
    },
    /// A unit is known that was not before.
    UnitNew(UnitName),
    /// A unit is not known any more.
    UnitRemoved(UnitName),
    /// Definitions are being read again, or have been.
    Reloading(bool),
    /// The first transaction is done: everything that starts at boot has been tried.
    StartupFinished,
}

/// A unit went from one state to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// Counts up by one for each, over recoveries too.
    pub seq: u64,
    /// When.
    pub at: Now,
    /// The unit.
    pub unit: UnitName,
    /// From where.
    pub from: (ActiveState, SubState),
    /// To where.
    pub to: (ActiveState, SubState),
    /// Its main process, if it has one now.
    pub pid: Option<u32>,
    /// Why, in a few words for a person.
    pub cause: String,
}
