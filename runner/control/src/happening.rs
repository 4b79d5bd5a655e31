//! What event listeners are told about: the part of the changes that must not be lost.

use engine::change::ProcessMoved;
use serde::{Deserialize, Serialize};
use units::UnitName;

use engine::Change;

/// Something that happened to a process, to a group or to the whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Happening {
    /// A service went from one of supervisord's states to another.
    Moved {
        /// The service.
        unit: UnitName,
        /// From where to where.
        process: ProcessMoved,
    },
    /// A group was added, or made at boot.
    GroupAdded(String),
    /// A group was taken away.
    GroupRemoved(String),
    /// Everything is being stopped: for good, or to be started anew.
    Closing {
        /// Whether everything is started anew afterwards.
        restarting: bool,
    },
    /// Other definitions may be in force.
    Reloaded,
    /// Everything that starts at boot has been tried.
    StartupFinished,
}

impl Happening {
    /// What a change is to event listeners; `None` if it is nothing.
    #[must_use]
    pub fn of(change: &Change) -> Option<Happening> {
        match change {
            Change::Moved(moved) => moved.process.as_ref().map(|process| Happening::Moved {
                unit: moved.unit.clone(),
                process: process.clone(),
            }),
            Change::GroupAdded(group) => Some(Happening::GroupAdded(group.clone())),
            Change::GroupRemoved(group) => Some(Happening::GroupRemoved(group.clone())),
            Change::Closing { restarting } => Some(Happening::Closing {
                restarting: *restarting,
            }),
            Change::Reloading(false) => Some(Happening::Reloaded),
            Change::StartupFinished => Some(Happening::StartupFinished),
            Change::Reloading(true)
            | Change::UnitFilesChanged
            | Change::Properties(_)
            | Change::ProcessStarted { .. }
            | Change::JobNew { .. }
            | Change::JobRemoved { .. }
            | Change::UnitNew(_)
            | Change::UnitRemoved(_) => None,
        }
    }
}
