//! The path unit's machine: has paths watched, and says when its unit is wanted.
//!
//! Whether a path is as it should be is asked in one action, which is answered once: when one of
//! them is, or has changed. The rules are those of systemd.path(5).

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::limit::Limit;
use crate::machine::{Context, Wish};
use crate::ticket::Ticket;
use crate::view::systemd::{ActiveState, SubState, UnitResult};

/// All that is known of a path unit and cannot be computed again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PathUnit {
    pub(crate) phase: Phase,
    pub(crate) result: UnitResult,
    /// What the watched paths looked like: so it is seen what changed while no manager ran.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    seen: Vec<u64>,
    /// The path that last made it start its unit.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) found: String,
    /// That was found while it was about to be stopped: nothing was started.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) held_back: bool,
    /// Counts activations.
    triggers: Limit,
}

/// Where a path unit is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    #[default]
    Dead,
    Failed,
    /// `WatchPaths` is not answered.
    Start {
        watch: Ticket,
    },
    Waiting {
        watch: Ticket,
    },
    /// Its unit is on its way or up: nobody looks.
    Running,
}

/// What can happen to a path unit.
#[derive(Debug, Clone)]
pub(crate) enum PathEvent {
    Start {
        /// Its unit is up already.
        unit_runs: bool,
    },
    Stop,
    ResetFailed,
    /// The start limit is hit.
    Limited,
    /// The paths are watched from now on, and look like this.
    Watched {
        ticket: Ticket,
        seen: Vec<u64>,
    },
    /// This path is as it should be, or has changed.
    Found {
        ticket: Ticket,
        path: String,
    },
    /// The paths cannot be watched.
    WatchFailed {
        ticket: Ticket,
        message: String,
    },
    /// Its unit could not be asked to start.
    TriggerRefused(String),
    /// Its unit is on its way or up.
    UnitRuns,
    /// Its unit is down, and nobody is about to start it.
    UnitEnded,
    /// Its unit is down because it was started too often.
    UnitLimited,
    /// It is not about to be stopped any more.
    Spared,
    /// Its definition is another one.
    Redefined,
    /// After a recovery.
    Resume,
}

impl Phase {
    /// The ticket whose answer it waits for.
    pub(crate) fn watch(self) -> Option<Ticket> {
        match self {
            Phase::Start { watch } | Phase::Waiting { watch } => Some(watch),
            Phase::Dead | Phase::Failed | Phase::Running => None,
        }
    }

    /// systemd's words for it.
    pub(crate) fn states(self) -> (ActiveState, SubState) {
        match self {
            Phase::Dead => (ActiveState::Inactive, SubState::Dead),
            Phase::Failed => (ActiveState::Failed, SubState::Failed),
            Phase::Start { .. } => (ActiveState::Activating, SubState::Start),
            Phase::Waiting { .. } => (ActiveState::Active, SubState::Waiting),
            Phase::Running => (ActiveState::Active, SubState::Running),
        }
    }
}

/// One step: what becomes of `state` by `event`.
pub(crate) fn step(cx: Context<'_>, state: PathUnit, event: PathEvent) -> PathUnit {
    let mut run = Run { cx, s: state };
    run.take(event);
    run.s
}

struct Run<'a> {
    cx: Context<'a>,
    s: PathUnit,
}

impl Run<'_> {
    fn take(&mut self, event: PathEvent) {
        match event {
            PathEvent::Start { unit_runs } => self.start(unit_runs),
            PathEvent::Stop => self.end(Phase::Dead, "stop"),
            PathEvent::ResetFailed => {
                if self.s.phase == Phase::Failed {
                    self.s.result = UnitResult::Success;
                    self.go(Phase::Dead, "reset-failed");
                }
            }
            PathEvent::Limited => {
                self.fail(
                    UnitResult::StartLimitHit,
                    "it was started too often in too short a time",
                );
            }
            PathEvent::Watched { ticket, seen } => {
                if self.s.phase.watch() == Some(ticket) {
                    self.s.seen = seen;
                    self.go(Phase::Waiting { watch: ticket }, "its paths are watched");
                }
            }
            PathEvent::Found { ticket, path } => {
                if self.s.phase.watch() == Some(ticket) {
                    self.found(path);
                }
            }
            PathEvent::WatchFailed { ticket, message } => {
                if self.s.phase.watch() == Some(ticket) {
                    self.fail(UnitResult::Resources, &message);
                }
            }
            PathEvent::TriggerRefused(why) => self.fail(UnitResult::Resources, &why),
            PathEvent::UnitRuns => {
                if let Phase::Waiting { .. } = self.s.phase {
                    self.unwatch();
                    self.go(Phase::Running, "its unit runs");
                }
            }
            PathEvent::UnitEnded => {
                if self.s.phase == Phase::Running {
                    let watch = self.watch(false);
                    self.go(Phase::Waiting { watch }, "its unit has ended");
                }
            }
            PathEvent::UnitLimited => {
                if self.s.phase.states().0 == ActiveState::Active {
                    self.fail(
                        UnitResult::UnitStartLimitHit,
                        "its unit was started too often in too short a time",
                    );
                }
            }
            PathEvent::Spared => {
                let waits = self.s.phase.watch().is_some();
                if std::mem::take(&mut self.s.held_back) && waits {
                    let path = std::mem::take(&mut self.s.found);
                    self.found(path);
                }
            }
            PathEvent::Redefined => match self.s.phase {
                Phase::Start { .. } => {
                    let watch = self.watch(true);
                    self.go(Phase::Start { watch }, "its definition has changed");
                }
                Phase::Waiting { .. } => {
                    let watch = self.watch(true);
                    self.go(Phase::Waiting { watch }, "its definition has changed");
                }
                Phase::Dead | Phase::Failed | Phase::Running => {}
            },
            PathEvent::Resume => {
                if let Some(ticket) = self.s.phase.watch() {
                    let make_directories = matches!(self.s.phase, Phase::Start { .. });
                    self.cx.actions.push(Action::WatchPaths {
                        ticket,
                        unit: self.cx.name.clone(),
                        make_directories,
                        seen: self.s.seen.clone(),
                    });
                }
            }
        }
    }

    fn start(&mut self, unit_runs: bool) {
        if !matches!(self.s.phase, Phase::Dead | Phase::Failed) {
            return;
        }
        self.s = PathUnit {
            phase: self.s.phase,
            triggers: self.s.triggers,
            ..PathUnit::default()
        };
        if unit_runs {
            return self.go(Phase::Running, "its unit runs already");
        }
        let watch = self.watch(true);
        self.go(Phase::Start { watch }, "start");
    }

    /// Asks anew: only what happens from now on is a change.
    fn watch(&mut self, make_directories: bool) -> Ticket {
        self.s.seen.clear();
        let ticket = self.cx.mint.ticket();
        self.cx.actions.push(Action::WatchPaths {
            ticket,
            unit: self.cx.name.clone(),
            make_directories,
            seen: Vec::new(),
        });
        ticket
    }

    fn unwatch(&mut self) {
        self.s.seen.clear();
        let unit = self.cx.name.clone();
        self.cx.actions.push(Action::UnwatchPaths { unit });
    }

    fn found(&mut self, path: String) {
        // It is about to go down: then nothing is started any more.
        self.s.held_back = self.cx.stop_pending;
        if self.s.held_back {
            self.s.found = path;
            return;
        }
        let interval = self.cx.definition.trigger_limit_interval_sec();
        let burst = self.cx.definition.trigger_limit_burst();
        let now = self.cx.now.monotonic;
        if !self.s.triggers.admits(now, interval, burst) {
            return self.fail(
                UnitResult::TriggerLimitHit,
                "its unit was triggered too often in too short a time",
            );
        }
        self.s.seen.clear();
        let cause = format!("{path} made it start its unit");
        self.s.found = path;
        self.go(Phase::Running, &cause);
        self.cx.wishes.push(Wish::Trigger);
    }

    fn fail(&mut self, result: UnitResult, why: &str) {
        self.s.result = result;
        self.cx.log_failure(why);
        self.end(Phase::Failed, result.as_str());
    }

    fn end(&mut self, phase: Phase, cause: &str) {
        if self.s.phase.watch().is_some() {
            self.unwatch();
        }
        if phase == Phase::Failed || self.s.phase != Phase::Failed {
            self.go(phase, cause);
        }
    }

    fn go(&mut self, phase: Phase, cause: &str) {
        let from = self.s.phase.states();
        self.s.phase = phase;
        let to = phase.states();
        self.cx.went(from, to, cause);
    }
}
