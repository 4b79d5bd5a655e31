//! The socket machine: listens, and says when its service is wanted.
//!
//! The way of a run, as systemd's: start-pre, start, start-post, listening, running, stop-pre,
//! stop-pre-sigterm, stop-pre-sigkill, stop-post, final-sigterm, final-sigkill, then dead or failed.
//! `command.rs` has what is about commands and their ends.

mod command;

use serde::{Deserialize, Serialize};
use units::UnitName;
use units::value::Span;

use crate::action::{Action, Level, MessageId, Role};
use crate::exec_record::ExecRecords;
use crate::limit::Limit;
use crate::machine::{Context, Wish};
use crate::service::{Child, Process, ServiceEvent, Trace};
use crate::ticket::Ticket;
use crate::timer::Timer;
use crate::view::systemd::{ActiveState, SubState, UnitResult};

/// All that is known of a socket unit and cannot be computed again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Socket {
    pub(crate) phase: Phase,
    pub(crate) result: UnitResult,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) failure: String,
    /// Connections accepted so far.
    pub(crate) accepted: u32,
    /// Connections being served.
    pub(crate) connections: u32,
    /// Connections closed because of `max-connections`.
    pub(crate) refused: u32,
    /// Counts activations.
    pub(crate) triggers: Limit,
    /// Counts how often something was there to be read.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) polls: Limit,
    /// Nobody looks until then: too much came in too short a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) paused: Option<Timer>,
    /// The command that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) control: Option<Child>,
    /// Commands were run since the start: something may be left of them.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) has_run: bool,
    /// What became of its commands.
    #[serde(skip_serializing_if = "ExecRecords::is_empty")]
    pub(crate) records: ExecRecords,
    /// `WatchEmpty` that is not answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) watch_empty: Option<Ticket>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Where a socket unit is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    #[default]
    Dead,
    Failed,
    StartPre {
        timer: Option<Timer>,
    },
    /// `Listen` is not answered.
    Start {
        listen: Ticket,
    },
    StartPost {
        listen: Ticket,
        timer: Option<Timer>,
    },
    Listening {
        listen: Ticket,
    },
    /// The service has taken over: nobody looks for connections.
    Running {
        listen: Ticket,
    },
    StopPre {
        listen: Ticket,
        timer: Option<Timer>,
    },
    /// A command of the start or of `exec-stop-pre` is told to end.
    StopPreSigterm {
        listen: Option<Ticket>,
        kill: Kill,
    },
    StopPreSigkill {
        listen: Option<Ticket>,
        kill: Kill,
    },
    StopPost {
        timer: Option<Timer>,
    },
    /// What is left of its commands is told to end.
    FinalSigterm {
        kill: Kill,
    },
    FinalSigkill {
        kill: Kill,
    },
}

/// A phase in which processes are killed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kill {
    pub(crate) timer: Option<Timer>,
    /// The signal, while it is not known to be sent.
    pub(crate) pending: Option<Ticket>,
}

/// What can happen to a socket unit.
#[derive(Debug, Clone)]
pub(crate) enum SocketEvent {
    Start,
    Stop,
    ResetFailed,
    /// The start limit is hit.
    Limited,
    Listening(Ticket),
    ListenFailed {
        ticket: Ticket,
        message: String,
    },
    /// A listener has something to read.
    Connected,
    /// A connection is there, whether it will be served or not (`accept = true`).
    Polled,
    /// It is to be served.
    Accepted,
    /// The service could not be asked to start.
    TriggerRefused(String),
    /// The service is up.
    ServiceRuns,
    /// The service is down and nobody is about to start it.
    ServiceEnded,
    /// The service is down because it was started too often.
    ServiceLimited,
    /// A connection is not served any more.
    ConnectionEnded,
    /// What became of a command, a signal or a timer of its.
    Answer(Box<ServiceEvent>),
    /// Everything is being stopped and somebody is impatient.
    Hurry,
    /// It has another definition.
    Redefined,
    /// After a recovery, with what is known of its command.
    Resume(Option<Trace>),
}

impl Phase {
    pub(crate) fn listen(self) -> Option<Ticket> {
        match self {
            Phase::Start { listen }
            | Phase::StartPost { listen, .. }
            | Phase::Listening { listen }
            | Phase::Running { listen }
            | Phase::StopPre { listen, .. } => Some(listen),
            Phase::StopPreSigterm { listen, .. } | Phase::StopPreSigkill { listen, .. } => listen,
            Phase::Dead
            | Phase::Failed
            | Phase::StartPre { .. }
            | Phase::StopPost { .. }
            | Phase::FinalSigterm { .. }
            | Phase::FinalSigkill { .. } => None,
        }
    }

    /// Its descriptors are there to be handed over.
    pub(crate) fn is_open(self) -> bool {
        !matches!(self, Phase::Start { .. }) && self.listen().is_some()
    }

    /// It takes connections.
    pub(crate) fn is_up(self) -> bool {
        matches!(self, Phase::Listening { .. } | Phase::Running { .. })
    }

    /// systemd's words for it.
    pub(crate) fn states(self) -> (ActiveState, SubState) {
        use ActiveState::{Activating, Active, Deactivating};
        match self {
            Phase::Dead => (ActiveState::Inactive, SubState::Dead),
            Phase::Failed => (ActiveState::Failed, SubState::Failed),
            Phase::StartPre { .. } => (Activating, SubState::StartPre),
            Phase::Start { .. } => (Activating, SubState::StartChown),
            Phase::StartPost { .. } => (Activating, SubState::StartPost),
            Phase::Listening { .. } => (Active, SubState::Listening),
            Phase::Running { .. } => (Active, SubState::Running),
            Phase::StopPre { .. } => (Deactivating, SubState::StopPre),
            Phase::StopPreSigterm { .. } => (Deactivating, SubState::StopPreSigterm),
            Phase::StopPreSigkill { .. } => (Deactivating, SubState::StopPreSigkill),
            Phase::StopPost { .. } => (Deactivating, SubState::StopPost),
            Phase::FinalSigterm { .. } => (Deactivating, SubState::FinalSigterm),
            Phase::FinalSigkill { .. } => (Deactivating, SubState::FinalSigkill),
        }
    }

    fn kill(self) -> Option<Kill> {
        match self {
            Phase::StopPreSigterm { kill, .. }
            | Phase::StopPreSigkill { kill, .. }
            | Phase::FinalSigterm { kill }
            | Phase::FinalSigkill { kill } => Some(kill),
            _ => None,
        }
    }

    fn timer(self) -> Option<Timer> {
        match self {
            Phase::StartPre { timer }
            | Phase::StartPost { timer, .. }
            | Phase::StopPre { timer, .. }
            | Phase::StopPost { timer } => timer,
            other => other.kill()?.timer,
        }
    }

    /// Puts another timer in the place of its own; nothing where it has none.
    fn set_timer(&mut self, new: Option<Timer>) {
        match self {
            Phase::StartPre { timer }
            | Phase::StartPost { timer, .. }
            | Phase::StopPre { timer, .. }
            | Phase::StopPost { timer } => *timer = new,
            Phase::StopPreSigterm { kill, .. }
            | Phase::StopPreSigkill { kill, .. }
            | Phase::FinalSigterm { kill }
            | Phase::FinalSigkill { kill } => kill.timer = new,
            Phase::Dead
            | Phase::Failed
            | Phase::Start { .. }
            | Phase::Listening { .. }
            | Phase::Running { .. } => {}
        }
    }

    fn clear_pending(&mut self, sent: Ticket) {
        if let Phase::StopPreSigterm { kill, .. }
        | Phase::StopPreSigkill { kill, .. }
        | Phase::FinalSigterm { kill }
        | Phase::FinalSigkill { kill } = self
        {
            kill.pending.take_if(|ticket| *ticket == sent);
        }
    }
}

impl Socket {
    /// Every ticket it waits for an answer to.
    pub(crate) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        let control = self.control.iter().map(|child| match child.process {
            Process::Waiting { retry, .. } => retry.ticket,
            Process::Asked { ticket, .. } | Process::Live { ticket, .. } => ticket,
        });
        control
            .chain(self.phase.listen())
            .chain(self.phase.timer().map(|timer| timer.ticket))
            .chain(self.phase.kill().and_then(|kill| kill.pending))
            .chain(self.paused.map(|timer| timer.ticket))
            .chain(self.watch_empty)
    }
}

/// One step: what becomes of `state` by `event`.
pub(crate) fn step(cx: Context<'_>, state: Socket, event: SocketEvent) -> Socket {
    let mut run = Run { cx, s: state };
    run.take(event);
    run.s
}

struct Run<'a> {
    cx: Context<'a>,
    s: Socket,
}

impl Run<'_> {
    fn take(&mut self, event: SocketEvent) {
        match event {
            SocketEvent::Start => self.start(),
            SocketEvent::Stop => self.stop(),
            SocketEvent::ResetFailed => {
                if self.s.phase == Phase::Failed {
                    self.s.result = UnitResult::Success;
                    self.s.failure.clear();
                    self.go(Phase::Dead, "reset-failed");
                }
            }
            SocketEvent::Limited => {
                self.fail(
                    UnitResult::StartLimitHit,
                    "it was started too often in too short a time",
                );
            }
            SocketEvent::Listening(ticket) => self.listening(ticket),
            SocketEvent::ListenFailed { ticket, message } => {
                if self.s.phase.listen() == Some(ticket) {
                    self.fail(UnitResult::Resources, &message);
                }
            }
            // A place in a list of commands may be another command's now.
            SocketEvent::Redefined => self.s.records.clear(),
            SocketEvent::Connected => self.connected(),
            SocketEvent::Accepted => {
                self.s.accepted = self.s.accepted.wrapping_add(1);
                self.s.connections += 1;
                self.cx.wishes.push(Wish::Refresh);
                self.count_trigger();
            }
            SocketEvent::Polled => {
                if !self.count_poll() {
                    self.watch(false);
                }
            }
            SocketEvent::TriggerRefused(why) => self.fail(UnitResult::Resources, &why),
            SocketEvent::ServiceRuns => {
                if let Phase::Listening { listen } = self.s.phase {
                    self.watch(false);
                    self.go(Phase::Running { listen }, "the service runs");
                }
            }
            SocketEvent::ServiceEnded => {
                if let Phase::Running { listen } = self.s.phase {
                    self.go(Phase::Listening { listen }, "the service has ended");
                    if !planted!(SocketDeaf) {
                        self.look();
                    }
                }
            }
            SocketEvent::ServiceLimited => {
                if self.s.phase.is_up() {
                    self.fail(
                        UnitResult::ServiceStartLimitHit,
                        "its service was started too often in too short a time",
                    );
                }
            }
            SocketEvent::ConnectionEnded => {
                self.s.connections = self.s.connections.saturating_sub(1);
                self.cx.wishes.push(Wish::Refresh);
            }
            SocketEvent::Answer(answer) => self.answered(*answer),
            SocketEvent::Hurry => self.hurry(),
            SocketEvent::Resume(trace) => self.resume(trace),
        }
    }

    fn start(&mut self) {
        if !matches!(self.s.phase, Phase::Dead | Phase::Failed) {
            return;
        }
        // Instances outlive their socket: their numbers go on, and they still count.
        self.s = Socket {
            phase: self.s.phase,
            connections: self.s.connections,
            accepted: self.s.accepted,
            triggers: self.s.triggers,
            polls: self.s.polls,
            ..Socket::default()
        };
        if self.run(Role::StartPre, 0) {
            let timer = self.arm();
            self.go(Phase::StartPre { timer }, "start");
        } else {
            self.enter_start("start");
        }
    }

    fn enter_start(&mut self, cause: &str) {
        let listen = self.cx.mint.ticket();
        let unit = self.cx.name.clone();
        self.cx.actions.push(Action::Listen {
            ticket: listen,
            unit,
        });
        self.go(Phase::Start { listen }, cause);
    }

    fn listening(&mut self, ticket: Ticket) {
        match self.s.phase {
            Phase::Start { listen } if listen == ticket => {
                if self.run(Role::StartPost, 0) {
                    let timer = self.arm();
                    self.go(
                        Phase::StartPost { listen, timer },
                        "all addresses are bound",
                    );
                } else {
                    self.enter_listening(listen, "all addresses are bound");
                }
            }
            // The answer after a recovery, when the shell knows nothing yet of who is watched.
            Phase::Listening { listen } if listen == ticket && self.s.paused.is_none() => {
                self.watch(true);
            }
            Phase::Running { listen } if listen == ticket => self.watch(false),
            _ => {}
        }
    }

    fn enter_listening(&mut self, listen: Ticket, cause: &str) {
        self.go(Phase::Listening { listen }, cause);
        let addresses: Vec<String> = self
            .cx
            .definition
            .listen()
            .map(|(_, address)| address.to_string())
            .collect();
        let text = format!("listening on {}", addresses.join(", "));
        self.cx.log(Level::Info, MessageId::Started, text);
        self.look();
    }

    /// Looks for connections, those that wait already being thrown away with `flush-pending`.
    fn look(&mut self) {
        if self.cx.definition.flush_pending() {
            self.flush();
        }
        self.watch(true);
    }

    fn flush(&mut self) {
        if !self.cx.definition.accept() {
            let unit = self.cx.name.clone();
            self.cx.actions.push(Action::Flush { unit });
        }
    }

    fn connected(&mut self) {
        let Phase::Listening { listen } = self.s.phase else {
            return;
        };
        if self.cx.stop_pending {
            // It is about to close: nobody is started for it any more.
            self.flush();
            return self.watch(true);
        }
        if !self.count_poll() || !self.count_trigger() {
            return;
        }
        // One report for each `Watch`: nobody looks now.
        self.go(Phase::Running { listen }, "a connection came in");
        self.cx.wishes.push(Wish::Trigger);
    }

    /// Counts that something is there to be read; false if that was one too many: then nobody looks
    /// for a while.
    fn count_poll(&mut self) -> bool {
        let interval: Span = self.cx.definition.poll_limit_interval_sec();
        let burst = self.cx.definition.poll_limit_burst();
        if self.s.polls.admits(self.cx.now.monotonic, interval, burst) {
            return true;
        }
        let at = self.s.polls.end(interval);
        if self.s.paused.is_none() {
            let text = format!(
                "more than {burst} connections within {interval}: nobody looks for more before that is over"
            );
            self.cx.log(Level::Warning, MessageId::Other, text);
            self.s.paused = Some(Timer::arm_at(self.cx.mint, self.cx.actions, at));
        }
        false
    }

    /// Counts an activation; false, and the unit has failed, if it was one too many.
    fn count_trigger(&mut self) -> bool {
        let interval: Span = self.cx.definition.trigger_limit_interval_sec();
        let burst = self.cx.definition.trigger_limit_burst();
        if self
            .s
            .triggers
            .admits(self.cx.now.monotonic, interval, burst)
        {
            return true;
        }
        self.fail(
            UnitResult::TriggerLimitHit,
            "its service was triggered too often in too short a time",
        );
        false
    }

    fn watch(&mut self, on: bool) {
        if !self.cx.definition.activates() {
            return;
        }
        let unit: UnitName = self.cx.name.clone();
        self.cx.actions.push(Action::Watch { unit, on });
    }

    /// Ends because something went wrong.
    fn fail(&mut self, result: UnitResult, why: &str) {
        self.note_failure(result, why);
        match self.s.phase {
            Phase::Dead | Phase::Failed => self.enter_dead(),
            _ => self.enter_stop_pre(),
        }
    }

    /// The first failure of a run stays.
    fn note_failure(&mut self, result: UnitResult, why: &str) {
        if self.s.result == UnitResult::Success {
            self.s.result = result;
            self.s.failure = why.to_owned();
        }
        self.cx.log_failure(why);
    }

    /// Closes what is open.
    fn unlisten(&mut self) {
        if self.s.phase.listen().is_some() {
            self.cx.actions.push(Action::Unlisten {
                unit: self.cx.name.clone(),
                remove_nodes: self.cx.definition.remove_on_stop(),
            });
        }
    }

    fn go(&mut self, phase: Phase, cause: &str) {
        if !matches!(phase, Phase::Listening { .. })
            && let Some(timer) = self.s.paused.take()
        {
            timer.cancel(self.cx.actions);
        }
        let left = std::mem::replace(&mut self.s.phase, phase);
        if let Some(timer) = left.timer()
            && phase.timer().is_none_or(|kept| kept.ticket != timer.ticket)
        {
            timer.cancel(self.cx.actions);
        }
        self.cx.went(left.states(), phase.states(), cause);
    }
}
