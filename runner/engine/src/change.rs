//! What is told to subscribers: D-Bus signals, event listeners and web pages are projections of it.

use serde::{Deserialize, Serialize};
use units::UnitName;

use crate::clock::Now;
use crate::event::ExitStatus;
use crate::job::{JobId, JobKind, JobResult};
use crate::view::supervisord::ProcessState;
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
    /// A group of services was added to the definitions in force, or made at boot.
    GroupAdded(String),
    /// A group of services was taken out of the definitions in force.
    GroupRemoved(String),
    /// The main process of a service runs its program.
    ProcessStarted {
        /// The service.
        unit: UnitName,
        /// The process.
        pid: u32,
    },
    /// Everything is being stopped: for good, or (`true`) to be started anew.
    Closing {
        /// Whether everything is started anew afterwards.
        restarting: bool,
    },
    /// Definitions are being read again, or have been.
    Reloading(bool),
    /// Something was done to unit files by order of a client: enabled, masked or the like.
    UnitFilesChanged,
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
    /// What supervisord would say happened, where its word for the state is another one now.
    #[serde(default)]
    pub process: Option<ProcessMoved>,
}

/// A process went from one of supervisord's states to another: what its events and its log say of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessMoved {
    /// From where.
    pub from: ProcessState,
    /// To where.
    pub to: ProcessState,
    /// How many starts in a row have failed, this one included.
    pub tries: u32,
    /// The process that runs, or that has just ended; 0 if none did.
    pub pid: u32,
    /// How it ended, where it just did.
    pub status: Option<ExitStatus>,
    /// Whether that end was one of those that count as success.
    pub expected: bool,
    /// Why there was no process (`spawnerr`), where that is what happened; else empty.
    pub error: String,
}
