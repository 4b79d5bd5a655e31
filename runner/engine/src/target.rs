//! The target machine: up or down, nothing between. Slices are no more than that.

use serde::{Deserialize, Serialize};
use units::UnitKind;

use crate::action::{Level, MessageId};
use crate::machine::Context;
use crate::view::systemd::{ActiveState, SubState};

/// Whether a target is up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Target {
    #[default]
    Dead,
    Active,
}

/// What can happen to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TargetEvent {
    Start,
    Stop,
}

impl Target {
    pub(crate) fn states(self) -> (ActiveState, SubState) {
        match self {
            Target::Dead => (ActiveState::Inactive, SubState::Dead),
            Target::Active => (ActiveState::Active, SubState::Active),
        }
    }
}

/// One step: what becomes of `state` by `event`.
pub(crate) fn step(mut cx: Context<'_>, state: Target, event: TargetEvent) -> Target {
    let slice = cx.name.kind() == UnitKind::Slice;
    let (next, cause, id, text) = match event {
        TargetEvent::Start if slice => (Target::Active, "start", MessageId::Started, "created"),
        TargetEvent::Start => (Target::Active, "start", MessageId::Started, "reached"),
        TargetEvent::Stop if slice => (Target::Dead, "stop", MessageId::Stopped, "removed"),
        TargetEvent::Stop => (Target::Dead, "stop", MessageId::Stopped, "left"),
    };
    let (from, to) = (state.states(), next.states());
    if from != to {
        let text = format!("{text} {}", cx.name);
        cx.log(Level::Info, id, text);
        cx.went(from, to, cause);
    }
    next
}
