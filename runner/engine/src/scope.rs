//! The scope's machine: processes that somebody else started, as a unit of their own.
//!
//! A scope is there for as long as any of them is (systemd.scope(5)); nothing is ever run for it, so
//! nobody knows more of its end than that there is none left.

use serde::{Deserialize, Serialize};
use units::value::{KillMode, Signal};

use crate::action::{Action, Level, MessageId, Target};
use crate::machine::Context;
use crate::ticket::Ticket;
use crate::timer::Timer;
use crate::view::systemd::{ActiveState, SubState, UnitResult};

/// All that is known of a scope and cannot be computed again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Scope {
    pub(crate) phase: Phase,
    pub(crate) result: UnitResult,
    /// Who is to be taken in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) pids: Vec<u32>,
    /// `WatchEmpty` that is not answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    watch_empty: Option<Ticket>,
    /// Of this phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    timer: Option<Timer>,
}

/// Where a scope is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    #[default]
    Dead,
    Failed,
    /// `Gather` is not answered.
    Start {
        gather: Ticket,
    },
    Running,
    /// Whoever made it does not look after it any more.
    Abandoned,
    StopSigterm,
    StopSigkill,
}

/// What can happen to a scope.
#[derive(Debug, Clone)]
pub(crate) enum ScopeEvent {
    Start,
    Stop,
    /// Everything is being stopped and somebody is impatient.
    Hurry,
    ResetFailed,
    Abandon,
    /// The processes are in it.
    Gathered(Ticket),
    /// They are not, or not all.
    GatherFailed {
        ticket: Ticket,
        message: String,
    },
    Emptied(Ticket),
    Timer(Ticket),
    /// After a recovery.
    Resume,
}

impl Scope {
    /// The tickets whose answers it waits for.
    pub(crate) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        let gather = match self.phase {
            Phase::Start { gather } => Some(gather),
            _ => None,
        };
        let timer = self.timer.map(|timer| timer.ticket);
        [gather, self.watch_empty, timer].into_iter().flatten()
    }
}

impl Phase {
    /// systemd's words for it.
    pub(crate) fn states(self) -> (ActiveState, SubState) {
        match self {
            Phase::Dead => (ActiveState::Inactive, SubState::Dead),
            Phase::Failed => (ActiveState::Failed, SubState::Failed),
            Phase::Start { .. } => (ActiveState::Activating, SubState::Start),
            Phase::Running => (ActiveState::Active, SubState::Running),
            Phase::Abandoned => (ActiveState::Active, SubState::Abandoned),
            Phase::StopSigterm => (ActiveState::Deactivating, SubState::StopSigterm),
            Phase::StopSigkill => (ActiveState::Deactivating, SubState::StopSigkill),
        }
    }
}

/// One step: what becomes of `state` by `event`.
pub(crate) fn step(cx: Context<'_>, state: Scope, event: ScopeEvent) -> Scope {
    let mut run = Run { cx, s: state };
    run.take(event);
    run.s
}

struct Run<'a> {
    cx: Context<'a>,
    s: Scope,
}

impl Run<'_> {
    fn take(&mut self, event: ScopeEvent) {
        match event {
            ScopeEvent::Start => self.start(),
            ScopeEvent::Stop => match self.s.phase {
                Phase::Start { .. } | Phase::Running | Phase::Abandoned => {
                    self.terminate(UnitResult::Success, "stop");
                }
                Phase::Dead | Phase::Failed | Phase::StopSigterm | Phase::StopSigkill => {}
            },
            ScopeEvent::Hurry => self.hurry(),
            ScopeEvent::ResetFailed => {
                if self.s.phase == Phase::Failed {
                    self.s.result = UnitResult::Success;
                    self.go(Phase::Dead, "reset-failed");
                }
            }
            ScopeEvent::Abandon => {
                if self.s.phase == Phase::Running {
                    self.go(Phase::Abandoned, "abandoned");
                }
            }
            ScopeEvent::Gathered(ticket) => {
                if self.s.phase == (Phase::Start { gather: ticket }) {
                    self.run();
                    if planted!(ScopeOverEarly) {
                        self.end("no process is left");
                    }
                }
            }
            ScopeEvent::GatherFailed { ticket, message } => {
                if self.s.phase == (Phase::Start { gather: ticket }) {
                    self.cx.log_failure(&message);
                    self.s.result = UnitResult::Resources;
                    self.end(&message);
                }
            }
            ScopeEvent::Emptied(ticket) => {
                if self.s.watch_empty == Some(ticket) {
                    self.s.watch_empty = None;
                    self.end("no process is left");
                }
            }
            ScopeEvent::Timer(ticket) => {
                if self.s.timer.is_some_and(|timer| timer.ticket == ticket) {
                    self.s.timer = None;
                    self.time_is_up();
                }
            }
            ScopeEvent::Resume => self.resume(),
        }
    }

    fn start(&mut self) {
        self.s.result = UnitResult::Success;
        let gather = self.cx.mint.ticket();
        self.cx.actions.push(Action::Gather {
            ticket: gather,
            unit: self.cx.name.clone(),
            pids: std::mem::take(&mut self.s.pids),
        });
        self.go(Phase::Start { gather }, "start");
    }

    fn run(&mut self) {
        let text = format!("started {}", self.cx.name);
        self.cx.log(Level::Info, MessageId::Started, text);
        if !planted!(ScopeLeaked) {
            self.watch_empty();
        }
        self.arm(self.cx.definition.runtime_max_sec());
        self.go(Phase::Running, "its processes are in it");
    }

    /// The first step of the way down; `result` says why it goes.
    fn terminate(&mut self, result: UnitResult, cause: &str) {
        self.s.result = result;
        let text = format!("stopping {}", self.cx.name);
        self.cx.log(Level::Info, MessageId::Stopping, text);
        if self.cx.definition.kill_mode() != KillMode::ControlGroup {
            // None of them is the main one.
            return self.kill(cause);
        }
        self.signal(self.cx.definition.kill_signal());
        if self.cx.definition.send_sighup() {
            self.signal(Signal::HUP);
        }
        self.watch_empty();
        self.arm(self.cx.way_down(self.cx.definition.timeout_stop_sec()));
        self.go(Phase::StopSigterm, cause);
    }

    fn kill(&mut self, cause: &str) {
        match self.cx.definition.kill_mode() {
            KillMode::ControlGroup | KillMode::Mixed if self.cx.definition.send_sigkill() => {
                self.signal(Signal::KILL);
                self.watch_empty();
                self.arm(self.cx.way_down(self.cx.definition.timeout_stop_sec()));
                self.go(Phase::StopSigkill, cause);
            }
            _ => self.leave_behind(cause),
        }
    }

    fn leave_behind(&mut self, cause: &str) {
        let text = "processes are left behind";
        self.cx.log(Level::Warning, MessageId::Other, text);
        self.end(cause);
    }

    fn time_is_up(&mut self) {
        match self.s.phase {
            Phase::Running | Phase::Abandoned => {
                let text = "it ran for as long as it may (runtime-max-sec)";
                self.cx.log(Level::Warning, MessageId::Other, text);
                self.terminate(UnitResult::Timeout, "runtime-max-sec");
            }
            Phase::StopSigterm => {
                self.s.result = UnitResult::Timeout;
                self.kill("stop-sigterm took too long");
            }
            Phase::StopSigkill => {
                self.s.result = UnitResult::Timeout;
                self.leave_behind("even SIGKILL did not help");
            }
            Phase::Dead | Phase::Failed | Phase::Start { .. } => {}
        }
    }

    fn hurry(&mut self) {
        if matches!(self.s.phase, Phase::StopSigterm | Phase::StopSigkill)
            && let Some(sooner) = self.cx.hurried(self.s.timer)
            && let Some(old) = self.s.timer.replace(sooner)
        {
            old.cancel(self.cx.actions);
        }
    }

    /// It is over.
    fn end(&mut self, cause: &str) {
        self.arm(units::value::Span::INFINITY);
        self.s.watch_empty = None;
        self.cx.actions.push(Action::Release {
            unit: self.cx.name.clone(),
        });
        if self.s.result.is_failure() {
            self.go(Phase::Failed, cause);
        } else {
            let text = format!("stopped {}", self.cx.name);
            self.cx.log(Level::Info, MessageId::Stopped, text);
            self.go(Phase::Dead, cause);
        }
    }

    fn resume(&mut self) {
        match self.s.phase {
            Phase::Dead | Phase::Failed => {}
            // Nobody knows how far that came: whoever is in it is, and nobody is looked for by a
            // number that may be another's by now.
            Phase::Start { .. } => self.run(),
            Phase::Running | Phase::Abandoned | Phase::StopSigterm | Phase::StopSigkill => {
                if let Some(timer) = self.s.timer {
                    timer.rearm(self.cx.actions);
                }
                if let Some(ticket) = self.s.watch_empty {
                    self.cx.watch_empty(ticket);
                }
                if self.s.phase == Phase::StopSigkill {
                    self.signal(Signal::KILL);
                }
            }
        }
    }

    fn signal(&mut self, signal: Signal) {
        let ticket = self.cx.mint.ticket();
        self.cx.signal(ticket, Target::All, signal);
    }

    fn watch_empty(&mut self) {
        if self.s.watch_empty.is_none() {
            let ticket = self.cx.mint.ticket();
            self.s.watch_empty = Some(ticket);
            self.cx.watch_empty(ticket);
        }
    }

    /// Puts the phase's timer in the place of the last one's.
    fn arm(&mut self, span: units::value::Span) {
        if let Some(old) = self.s.timer.take() {
            old.cancel(self.cx.actions);
        }
        self.s.timer = Timer::arm(self.cx.mint, self.cx.actions, self.cx.now, span);
    }

    fn go(&mut self, phase: Phase, cause: &str) {
        let from = self.s.phase.states();
        self.s.phase = phase;
        self.cx.went(from, phase.states(), cause);
    }
}
