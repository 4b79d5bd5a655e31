//! What every machine is handed besides its own state, and what it gives back besides it.

use units::{Definition, UnitName};

use crate::action::{Action, Entry, Level, MessageId};
use crate::clock::Now;
use crate::timer::Mint;
use crate::view::systemd::{ActiveState, SubState};

/// One step's surroundings. A machine reads the first half and appends to the second.
pub(crate) struct Context<'a> {
    pub(crate) name: &'a UnitName,
    pub(crate) definition: &'a Definition,
    pub(crate) now: Now,
    /// The unit's job will start it again: what it keeps between runs stays.
    pub(crate) restarting: bool,
    /// The unit has a stop job, whether its turn has come or not.
    pub(crate) stop_pending: bool,
    pub(crate) closing: Closing,
    pub(crate) mint: &'a mut Mint,
    pub(crate) actions: &'a mut Vec<Action>,
    /// Every change of state on the way, in order.
    pub(crate) moves: &'a mut Vec<Move>,
    pub(crate) wishes: &'a mut Vec<Wish>,
}

impl Context<'_> {
    pub(crate) fn log(&mut self, level: Level, id: MessageId, text: impl Into<String>) {
        self.actions.push(Action::Log(Entry {
            unit: Some(self.name.clone()),
            level,
            id,
            text: text.into(),
        }));
    }

    /// Says that the unit has failed.
    pub(crate) fn log_failure(&mut self, why: &str) {
        let text = format!("{} failed: {why}", self.name);
        self.log(Level::Error, MessageId::Failed, text);
    }

    /// Notes that the unit, which is no service, went from one state to another, if it did.
    pub(crate) fn went(
        &mut self,
        from: (ActiveState, SubState),
        to: (ActiveState, SubState),
        cause: &str,
    ) {
        if from != to {
            self.moves.push(Move {
                from,
                to,
                cause: cause.to_owned(),
                will_restart: false,
                process: None,
            });
        }
    }
}

/// One change of a unit's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) from: (ActiveState, SubState),
    pub(crate) to: (ActiveState, SubState),
    pub(crate) cause: String,
    /// It is down now, but will be started again by itself: no reason for `on-failure`.
    pub(crate) will_restart: bool,
    /// What supervisord would say of it.
    pub(crate) process: Option<crate::change::ProcessMoved>,
}

/// What a machine cannot do itself, since it concerns other units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// The delay is over: queue a restart job for this unit.
    Restart,
    /// A connection came in, or a timer or path wants its unit: start what this one triggers.
    Trigger,
    /// Say when no job is left to do.
    AwaitIdle,
    /// What was shown of the unit changed, though its state did not.
    Refresh,
}

/// Whether everything is being stopped.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub(crate) enum Closing {
    #[default]
    No,
    /// In order, with all the time that was configured.
    Orderly,
    /// In order, but nobody gets more than a moment.
    Hurried,
}
