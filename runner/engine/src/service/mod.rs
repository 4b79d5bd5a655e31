//! The service machine: `step(definition, state, event, now) -> (state, actions)`.
//!
//! The way of a run, as systemd's: condition, start-pre, start, start-post, running or exited,
//! reload, stop, stop-sigterm, stop-sigkill, stop-post, final-sigterm, final-sigkill, then dead or
//! failed, and from there perhaps auto-restart. `start.rs` has the way up, `stop.rs` the way down,
//! `running.rs` what happens between, `readiness.rs` what the service says itself and which
//! process is the main one, `probe.rs` what is tried from outside before it counts as started,
//! `bus_name.rs` what the message bus says of it, `restart.rs` whether and when it comes back,
//! `resume.rs` what is uttered again after a recovery.

mod bus_name;
mod probe;
pub(crate) mod process;
mod readiness;
pub(crate) mod restart;
mod resume;
mod running;
mod start;
mod stop;

use serde::{Deserialize, Serialize};
use units::value::{NotifyAccess, Span};

pub(crate) use bus_name::NameWatch;
pub(crate) use probe::Probing;
pub(crate) use process::{Child, Process};
pub(crate) use readiness::Adopting;
pub(crate) use resume::{Trace, resume};
pub(crate) use stop::Kill;

use crate::action::{Level, MessageId};
use crate::clock::{Monotonic, Now};
use crate::event::{AdoptFailure, ExitStatus, NameOwner, Sender, SpawnFailure};
use crate::exec_record::ExecRecords;
use crate::machine::{Context, Move, Wish};
use crate::notify::Message;
use crate::ticket::{BatchId, Ticket};
use crate::timer::Timer;
use crate::view::supervisord::{self, ToldProcess};
use crate::view::systemd::{ActiveState, SubState, UnitResult};

/// All that is known of a service and cannot be computed again. What few services have is in boxes:
/// there is one of these for each.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Service {
    pub(crate) phase: Phase,
    /// The service itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) main: Option<Child>,
    /// The command that runs beside it or in its stead. `exec-start` of a forking service is one,
    /// too: it is not the process that stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) control: Option<Child>,
    /// The search for the main process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) adopting: Option<Box<Adopting>>,
    /// Who was named as the next main process, but is still a child of the present one: it can be
    /// taken when that has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) heir: Option<crate::action::AdoptFrom>,
    /// The attempts at its readiness probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) probing: Option<Box<Probing>>,
    /// What is known of the owner of its bus name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name_watch: Option<Box<NameWatch>>,
    /// `WatchEmpty` that is not answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) watch_empty: Option<Ticket>,
    /// No process was left, and none was asked for since.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) known_empty: bool,
    /// It forked and nobody knows its main process: it lives as long as any process of it does.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) lives_as_group: bool,
    /// `exec-start` of this run was run to go to the background, whatever its type is by now.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) forks: bool,
    /// Processes that are not followed any more but still belong to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) former: Vec<Ticket>,
    /// This run is shown as active while it starts: its `type` is `idle`.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) idle: bool,
    /// It waits until there is no job left, at the latest until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) idling: Option<Timer>,
    /// The first failure of this run.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) result: UnitResult,
    /// A sentence about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) failure: String,
    /// The start was done once in this run.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) was_ready: bool,
    /// Stopped on request: no automatic restart.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) forbid_restart: bool,
    /// Automatic restarts since the last start on request.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) restarts: u32,
    /// The next start begins to count restarts anew.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) flush_restarts: bool,
    /// What became of the last reload.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) reload_result: UnitResult,
    /// The signal that asks it to reload, not known to be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reload_signal: Option<Ticket>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) watchdog: Option<Box<Watchdog>>,
    /// When this run has to end (`runtime-max-sec`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<Monotonic>,
    /// Armed for it while the service runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expiry: Option<Timer>,
    /// Phase the service told before its turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) told: Option<crate::notify::Phase>,
    /// Messages that came before anybody knew whose process had sent them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) early: Vec<(Sender, Message)>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) status_text: String,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) status_errno: i32,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) bus_error: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) varlink_error: String,
    /// Whose messages are believed, where the service itself has said so in this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) notify_access: Option<NotifyAccess>,
    /// What belongs to a run was kept for the one that was to follow.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) kept_for_restart: bool,
    /// Something was put into the fd store.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) uses_store: bool,
    /// How many descriptors it holds.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) stored: u32,
    /// It is down, and what it stored is kept for its next start.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) pinned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) main_start: Option<Now>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) main_exit: Option<(Now, ExitStatus)>,
    /// What became of its commands.
    #[serde(skip_serializing_if = "ExecRecords::is_empty")]
    pub(crate) records: ExecRecords,
    /// What supervisord would know of it beside that.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) told_process: ToldProcess,
}

/// Records leave out what a missing field means anyway: they are written at every step, and a
/// recovery reads all of them before it answers anybody.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Where in its run a service is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    Dead {
        ended: Ended,
    },
    /// Down after a failure.
    Failed {
        on_request: bool,
    },
    Condition {
        timer: Option<Timer>,
    },
    StartPre {
        timer: Option<Timer>,
    },
    Start {
        timer: Option<Timer>,
    },
    StartPost {
        timer: Option<Timer>,
    },
    Running,
    Exited,
    Reload {
        timer: Option<Timer>,
    },
    /// It was signalled to reload, and has not said since then that it does.
    ReloadSignal {
        timer: Option<Timer>,
        since: Monotonic,
    },
    /// A service of type `notify-reload` says that it reloads, and not yet that it is done.
    ReloadNotify {
        timer: Option<Timer>,
    },
    Stop {
        timer: Option<Timer>,
    },
    StopWatchdog(Kill),
    StopSigterm(Kill),
    StopSigkill(Kill),
    StopPost {
        timer: Option<Timer>,
    },
    FinalWatchdog(Kill),
    FinalSigterm(Kill),
    FinalSigkill(Kill),
    /// Waiting to restart; without a timer once the restart job is queued.
    AutoRestart {
        timer: Option<Timer>,
    },
}

/// Why a service that did not fail is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ended {
    #[default]
    Never,
    OnRequest,
    ByItself,
    /// `exec-condition` said that it is not to run.
    Skipped,
}

impl Default for Phase {
    fn default() -> Phase {
        Phase::Dead {
            ended: Ended::Never,
        }
    }
}

/// The watchdog of a run that is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Watchdog {
    /// Set by the service itself, instead of the setting.
    pub(crate) own: Option<Span>,
    pub(crate) timer: Option<Timer>,
    /// The last sign of life. Not kept: after a recovery the service gets a full new window.
    #[serde(skip)]
    pub(crate) last_ping: Option<Now>,
}

/// What can happen to a service.
#[derive(Debug, Clone)]
pub(crate) enum ServiceEvent {
    Start,
    Stop,
    Reload,
    /// Everything is being stopped and somebody is impatient.
    Hurry,
    ResetFailed,
    /// The start limit is hit.
    Limited,
    /// The restart job is gone without having run.
    RestartDropped(UnitResult),
    Spawned {
        ticket: Ticket,
        pid: u32,
    },
    SpawnFailed {
        ticket: Ticket,
        process: Option<(u32, Now)>,
        failure: SpawnFailure,
    },
    Exited {
        ticket: Ticket,
        status: ExitStatus,
        at: Monotonic,
    },
    Adopted {
        ticket: Ticket,
        pid: u32,
    },
    AdoptFailed {
        ticket: Ticket,
        reason: AdoptFailure,
    },
    Timer(Ticket),
    Signalled(Ticket),
    Emptied(Ticket),
    Probed {
        ticket: Ticket,
        outcome: Result<(), String>,
    },
    NameOwner {
        ticket: Ticket,
        owner: Option<NameOwner>,
        first: bool,
    },
    NameUnknown {
        ticket: Ticket,
        message: String,
    },
    OutOfMemory,
    /// No job is left to do.
    QueueIdle,
    /// It has another definition.
    Redefined,
    Notified {
        sender: Sender,
        message: Message,
        batch: Option<(BatchId, u32)>,
    },
    Stored(u32),
    Lost(Ticket),
}

/// One step: what becomes of `state` by `event`.
pub(crate) fn step(cx: Context<'_>, state: Service, event: ServiceEvent) -> Service {
    let mut run = Run { cx, s: state };
    run.take(event);
    run.s
}

/// A step under way: the state, taken by value, and its surroundings.
pub(crate) struct Run<'a> {
    pub(super) cx: Context<'a>,
    pub(super) s: Service,
}

impl Run<'_> {
    fn take(&mut self, event: ServiceEvent) {
        match event {
            ServiceEvent::Start => self.start(),
            ServiceEvent::Stop => self.stop(),
            ServiceEvent::Reload => self.reload(),
            ServiceEvent::Hurry => self.hurry(),
            ServiceEvent::ResetFailed => self.reset_failed(),
            ServiceEvent::Limited => self.limited(),
            ServiceEvent::RestartDropped(result) => self.restart_dropped(result),
            ServiceEvent::Spawned { ticket, pid } => self.spawned(ticket, pid),
            ServiceEvent::SpawnFailed {
                ticket,
                process,
                failure,
            } => self.spawn_failed(ticket, process, failure),
            ServiceEvent::Exited { ticket, status, at } => self.exited(ticket, status, at),
            ServiceEvent::Adopted { ticket, pid } => self.adopted(ticket, pid),
            ServiceEvent::AdoptFailed { ticket, reason } => self.adopt_failed(ticket, reason),
            ServiceEvent::Timer(ticket) => self.timer_fired(ticket),
            ServiceEvent::Signalled(ticket) => self.signalled(ticket),
            ServiceEvent::Emptied(ticket) => self.emptied(ticket),
            ServiceEvent::Probed { ticket, outcome } => self.probed(ticket, outcome),
            ServiceEvent::NameOwner {
                ticket,
                owner,
                first,
            } => self.name_owner(ticket, owner, first),
            ServiceEvent::NameUnknown { ticket, message } => self.name_unknown(ticket, &message),
            ServiceEvent::OutOfMemory => self.out_of_memory(),
            ServiceEvent::QueueIdle => self.has_idled(),
            ServiceEvent::Redefined => self.redefined(),
            ServiceEvent::Notified {
                sender,
                message,
                batch,
            } => self.notified(sender, message, batch),
            ServiceEvent::Stored(count) => {
                self.s.stored = count;
                self.s.uses_store |= count > 0;
                let from = self.s.states();
                self.s.pinned &= count > 0;
                self.note_move(from, "nothing is stored any more", false);
                self.cx.wishes.push(Wish::Refresh);
            }
            ServiceEvent::Lost(ticket) => self.lost(ticket),
        }
    }

    /// Goes to another phase: takes back the timer of the one that is left, and notes the change.
    pub(super) fn go(&mut self, phase: Phase, cause: impl Into<String>) {
        self.go_with(phase, cause, false);
    }

    pub(super) fn go_with(&mut self, phase: Phase, cause: impl Into<String>, will_restart: bool) {
        if !matches!(phase, Phase::Start { .. }) {
            self.drop_probing();
            if let Some(timer) = self.s.idling.take() {
                timer.cancel(self.cx.actions);
            }
        }
        if phase != Phase::Running
            && let Some(timer) = self.s.expiry.take()
        {
            timer.cancel(self.cx.actions);
        }
        let from = self.s.states();
        let left = std::mem::replace(&mut self.s.phase, phase);
        if let Some(timer) = left.timer()
            && self
                .s
                .phase
                .timer()
                .is_none_or(|kept| kept.ticket != timer.ticket)
        {
            timer.cancel(self.cx.actions);
        }
        if !matches!(self.s.phase, Phase::Dead { .. }) {
            self.s.pinned = false;
        }
        self.note_move(from, cause, will_restart);
    }

    /// Notes the change of state since `from`, if it is one.
    fn note_move(
        &mut self,
        from: (ActiveState, SubState),
        cause: impl Into<String>,
        will_restart: bool,
    ) {
        let to = self.s.states();
        if from != to {
            let process = supervisord::process_moved(self.cx.definition, &mut self.s, will_restart);
            self.cx.moves.push(Move {
                from,
                to,
                cause: cause.into(),
                will_restart,
                process,
            });
        }
    }

    /// Notes a failure: the first one of a run stays.
    pub(super) fn fail(&mut self, result: UnitResult) {
        if self.s.result == UnitResult::Success {
            self.s.result = result;
        }
    }

    /// The same with a sentence.
    pub(super) fn fail_because(&mut self, result: UnitResult, why: impl Into<String>) {
        if self.s.result == UnitResult::Success {
            self.s.failure = why.into();
        }
        self.fail(result);
    }

    pub(super) fn unexpected(&mut self, what: &str) {
        let (_, sub) = self.s.phase.states();
        self.cx.log(
            Level::Debug,
            MessageId::Unexpected,
            format!("{what} makes no sense in state {}", sub.as_str()),
        );
    }

    pub(super) fn arm(&mut self, span: Span) -> Option<Timer> {
        Timer::arm(self.cx.mint, self.cx.actions, self.cx.now, span)
    }

    /// How long one step of the start may take.
    pub(super) fn start_window(&self) -> Span {
        self.cx.definition.timeout_start_sec()
    }

    /// How long one step of the stop may take.
    pub(super) fn stop_window(&self) -> Span {
        self.cx.way_down(self.cx.definition.timeout_stop_sec())
    }

    /// How long the service may take to end when it is aborted.
    pub(super) fn abort_window(&self) -> Span {
        self.cx.way_down(self.cx.definition.timeout_abort_sec())
    }

    fn timer_fired(&mut self, ticket: Ticket) {
        let is = |timer: Option<Timer>| timer.is_some_and(|timer| timer.ticket == ticket);
        let retries = |child: &Option<Child>| match child {
            Some(Child {
                process: Process::Waiting { retry, .. },
                ..
            }) => retry.ticket == ticket,
            _ => false,
        };
        if is(self.s.phase.timer()) {
            self.phase_timed_out();
        } else if retries(&self.s.main) {
            self.retry(true);
        } else if retries(&self.s.control) {
            self.retry(false);
        } else if is(self
            .s
            .watchdog
            .as_deref()
            .and_then(|watchdog| watchdog.timer))
        {
            self.watchdog_due();
        } else if is(self
            .s
            .adopting
            .as_deref()
            .and_then(|adopting| adopting.retry))
        {
            self.adopt_again();
        } else if is(self.s.probing.as_deref().and_then(Probing::timer)) {
            self.probe_due();
        } else if is(self.s.expiry) {
            self.expired();
        } else if is(self.s.name_watch.as_deref().and_then(NameWatch::timer)) {
            self.name_not_taken_again();
        } else if is(self.s.idling) {
            self.has_idled();
        } else {
            self.unexpected("a timer");
        }
    }

    /// After a recovery nobody knows whether the action of this ticket was done.
    fn lost(&mut self, ticket: Ticket) {
        if self.child_mut(ticket).is_some() {
            self.ended(ticket, ExitStatus::Unknown);
        } else {
            self.signalled(ticket);
        }
    }
}

impl Service {
    /// Everything is started anew, and this is the service that was `before`.
    pub(crate) fn keep_store_of(&mut self, before: &Service) {
        self.uses_store = before.uses_store;
        self.stored = before.stored;
        self.pinned = before.pinned;
    }

    /// systemd's words for it; a service of type `idle` is active as soon as it begins.
    pub(crate) fn states(&self) -> (ActiveState, SubState) {
        match self.phase.states() {
            (ActiveState::Activating, sub) if self.idle && sub != SubState::AutoRestart => {
                (ActiveState::Active, sub)
            }
            (ActiveState::Inactive, SubState::Dead) if self.pinned => {
                (ActiveState::Inactive, SubState::DeadResourcesPinned)
            }
            states => states,
        }
    }
}

impl Phase {
    pub(crate) fn timer(&self) -> Option<Timer> {
        match self {
            Phase::Condition { timer }
            | Phase::StartPre { timer }
            | Phase::Start { timer }
            | Phase::StartPost { timer }
            | Phase::Reload { timer }
            | Phase::ReloadSignal { timer, .. }
            | Phase::ReloadNotify { timer }
            | Phase::Stop { timer }
            | Phase::StopPost { timer }
            | Phase::AutoRestart { timer } => *timer,
            Phase::StopWatchdog(kill)
            | Phase::StopSigterm(kill)
            | Phase::StopSigkill(kill)
            | Phase::FinalWatchdog(kill)
            | Phase::FinalSigterm(kill)
            | Phase::FinalSigkill(kill) => kill.timer,
            Phase::Dead { .. } | Phase::Failed { .. } | Phase::Running | Phase::Exited => None,
        }
    }

    /// It is up and reads its configuration again.
    pub(super) fn is_reload(&self) -> bool {
        matches!(
            self,
            Phase::Reload { .. } | Phase::ReloadSignal { .. } | Phase::ReloadNotify { .. }
        )
    }

    /// Its program runs as it should, whether the start is done or not.
    pub(super) fn is_up(&self) -> bool {
        matches!(
            self,
            Phase::Start { .. } | Phase::StartPost { .. } | Phase::Running
        ) || self.is_reload()
    }

    /// systemd's words for it.
    pub(crate) fn states(&self) -> (ActiveState, SubState) {
        match self {
            Phase::Dead { .. } => (ActiveState::Inactive, SubState::Dead),
            Phase::Failed { .. } => (ActiveState::Failed, SubState::Failed),
            Phase::Condition { .. } => (ActiveState::Activating, SubState::Condition),
            Phase::StartPre { .. } => (ActiveState::Activating, SubState::StartPre),
            Phase::Start { .. } => (ActiveState::Activating, SubState::Start),
            Phase::StartPost { .. } => (ActiveState::Activating, SubState::StartPost),
            Phase::Running => (ActiveState::Active, SubState::Running),
            Phase::Exited => (ActiveState::Active, SubState::Exited),
            Phase::Reload { .. } => (ActiveState::Reloading, SubState::Reload),
            Phase::ReloadSignal { .. } => (ActiveState::Reloading, SubState::ReloadSignal),
            Phase::ReloadNotify { .. } => (ActiveState::Reloading, SubState::ReloadNotify),
            Phase::Stop { .. } => (ActiveState::Deactivating, SubState::Stop),
            Phase::StopWatchdog(_) => (ActiveState::Deactivating, SubState::StopWatchdog),
            Phase::StopSigterm(_) => (ActiveState::Deactivating, SubState::StopSigterm),
            Phase::StopSigkill(_) => (ActiveState::Deactivating, SubState::StopSigkill),
            Phase::StopPost { .. } => (ActiveState::Deactivating, SubState::StopPost),
            Phase::FinalWatchdog(_) => (ActiveState::Deactivating, SubState::FinalWatchdog),
            Phase::FinalSigterm(_) => (ActiveState::Deactivating, SubState::FinalSigterm),
            Phase::FinalSigkill(_) => (ActiveState::Deactivating, SubState::FinalSigkill),
            Phase::AutoRestart { .. } => (ActiveState::Activating, SubState::AutoRestart),
        }
    }
}
