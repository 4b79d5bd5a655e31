//! The socket machine: listens, and says when its service is wanted.

use serde::{Deserialize, Serialize};
use units::UnitName;
use units::value::Span;

use crate::action::{Action, Level, MessageId};
use crate::limit::Limit;
use crate::machine::{Context, Wish};
use crate::ticket::Ticket;
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
}

/// Where a socket unit is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    #[default]
    Dead,
    Failed,
    /// `Listen` is not answered.
    Start {
        listen: Ticket,
    },
    Listening {
        listen: Ticket,
    },
    /// The service has taken over: nobody looks for connections.
    Running {
        listen: Ticket,
    },
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
    /// A connection was accepted; `true` if its service may be started.
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
    /// After a recovery.
    Resume,
}

impl Phase {
    pub(crate) fn listen(self) -> Option<Ticket> {
        match self {
            Phase::Dead | Phase::Failed => None,
            Phase::Start { listen } | Phase::Listening { listen } | Phase::Running { listen } => {
                Some(listen)
            }
        }
    }

    /// Its descriptors are there to be handed over.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Phase::Listening { .. } | Phase::Running { .. })
    }

    /// systemd's words for it.
    pub(crate) fn states(self) -> (ActiveState, SubState) {
        match self {
            Phase::Dead => (ActiveState::Inactive, SubState::Dead),
            Phase::Failed => (ActiveState::Failed, SubState::Failed),
            Phase::Start { .. } => (ActiveState::Activating, SubState::Start),
            Phase::Listening { .. } => (ActiveState::Active, SubState::Listening),
            Phase::Running { .. } => (ActiveState::Active, SubState::Running),
        }
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
            SocketEvent::Stop => self.end(Phase::Dead, "stop"),
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
            SocketEvent::Connected => self.connected(),
            SocketEvent::Accepted => {
                self.s.accepted = self.s.accepted.wrapping_add(1);
                self.s.connections += 1;
                self.cx.wishes.push(Wish::Refresh);
                self.count_trigger();
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
                    self.watch(!planted!(SocketDeaf));
                }
            }
            SocketEvent::ServiceLimited => {
                if self.s.phase.is_open() {
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
            SocketEvent::Resume => {
                if let Some(ticket) = self.s.phase.listen() {
                    let unit = self.cx.name.clone();
                    self.cx.actions.push(Action::Listen { ticket, unit });
                }
            }
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
            ..Socket::default()
        };
        let listen = self.cx.mint.ticket();
        let unit = self.cx.name.clone();
        self.cx.actions.push(Action::Listen {
            ticket: listen,
            unit,
        });
        self.go(Phase::Start { listen }, "start");
    }

    fn listening(&mut self, ticket: Ticket) {
        match self.s.phase {
            Phase::Start { listen } if listen == ticket => {
                self.go(Phase::Listening { listen }, "all addresses are bound");
                let addresses: Vec<String> = self
                    .cx
                    .definition
                    .listen()
                    .map(|(_, address)| address.to_string())
                    .collect();
                let text = format!("listening on {}", addresses.join(", "));
                self.cx.log(Level::Info, MessageId::Started, text);
                self.watch(true);
            }
            // The answer after a recovery, when the shell knows nothing yet of who is watched.
            Phase::Listening { listen } if listen == ticket => self.watch(true),
            Phase::Running { listen } if listen == ticket => self.watch(false),
            _ => {}
        }
    }

    fn connected(&mut self) {
        let Phase::Listening { listen } = self.s.phase else {
            return;
        };
        if !self.count_trigger() {
            return;
        }
        // One report for each `Watch`: nobody looks now.
        self.go(Phase::Running { listen }, "a connection came in");
        self.cx.wishes.push(Wish::Trigger);
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

    fn fail(&mut self, result: UnitResult, why: &str) {
        self.s.result = result;
        self.s.failure = why.to_owned();
        self.cx.log_failure(why);
        self.end(Phase::Failed, result.as_str());
    }

    fn end(&mut self, phase: Phase, cause: &str) {
        if self.s.phase.listen().is_some() {
            self.cx.actions.push(Action::Unlisten {
                unit: self.cx.name.clone(),
                remove_nodes: self.cx.definition.remove_on_stop(),
            });
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
