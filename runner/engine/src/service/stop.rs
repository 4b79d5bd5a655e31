//! The way down: stop, stop-sigterm, stop-sigkill, stop-post, final-sigterm, final-sigkill, dead.

use serde::{Deserialize, Serialize};
use units::value::{KillMode, Preserve, RestartMode, Signal};

use super::restart::Comeback;
use super::{Child, Ended, Phase, Process, Run};
use crate::action::{Action, Level, MessageId, Role, Target};
use crate::machine::Closing;
use crate::ticket::Ticket;
use crate::timer::Timer;
use crate::view::systemd::UnitResult;

/// A phase in which processes are being killed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kill {
    pub(crate) timer: Option<Timer>,
    /// Signals not known to be sent. After a recovery these are sent again, and no others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) pending: Vec<Pending>,
    /// A process is being started: a signal now would be lost.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) deferred: bool,
    /// Every process of the unit was told to go.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) told_all: bool,
}

/// A signal whose sending was not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) ticket: Ticket,
    pub(crate) target: Target,
    pub(crate) signal: Signal,
}

/// Which of the killing phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KillKind {
    StopWatchdog,
    StopSigterm,
    StopSigkill,
    FinalWatchdog,
    FinalSigterm,
    FinalSigkill,
}

impl KillKind {
    fn is_final(self) -> bool {
        matches!(
            self,
            KillKind::FinalWatchdog | KillKind::FinalSigterm | KillKind::FinalSigkill
        )
    }

    fn is_abort(self) -> bool {
        matches!(self, KillKind::StopWatchdog | KillKind::FinalWatchdog)
    }

    fn is_sigkill(self) -> bool {
        matches!(self, KillKind::StopSigkill | KillKind::FinalSigkill)
    }

    fn phase(self, kill: Kill) -> Phase {
        match self {
            KillKind::StopWatchdog => Phase::StopWatchdog(kill),
            KillKind::StopSigterm => Phase::StopSigterm(kill),
            KillKind::StopSigkill => Phase::StopSigkill(kill),
            KillKind::FinalWatchdog => Phase::FinalWatchdog(kill),
            KillKind::FinalSigterm => Phase::FinalSigterm(kill),
            KillKind::FinalSigkill => Phase::FinalSigkill(kill),
        }
    }
}

impl Phase {
    fn kill_kind(&self) -> Option<KillKind> {
        match self {
            Phase::StopWatchdog(_) => Some(KillKind::StopWatchdog),
            Phase::StopSigterm(_) => Some(KillKind::StopSigterm),
            Phase::StopSigkill(_) => Some(KillKind::StopSigkill),
            Phase::FinalWatchdog(_) => Some(KillKind::FinalWatchdog),
            Phase::FinalSigterm(_) => Some(KillKind::FinalSigterm),
            Phase::FinalSigkill(_) => Some(KillKind::FinalSigkill),
            _ => None,
        }
    }
}

impl Run<'_> {
    /// A stop job runs.
    pub(super) fn stop(&mut self) {
        if planted!(StopDuringReloadIgnored) && self.s.phase.is_reload() {
            return;
        }
        self.s.forbid_restart = true;
        match self.s.phase {
            Phase::AutoRestart { .. } => {
                self.s.flush_restarts |= !self.cx.restarting;
                self.let_go();
                let gives_up = self.cx.closing != Closing::No
                    && !self.s.was_ready
                    && self.cx.definition.start_retries().is_some();
                let phase = if gives_up {
                    Phase::Failed { on_request: false }
                } else {
                    Phase::Dead {
                        ended: Ended::OnRequest,
                    }
                };
                self.go_with(phase, "stop", self.cx.restarting);
            }
            Phase::Condition { .. }
            | Phase::StartPre { .. }
            | Phase::Start { .. }
            | Phase::StartPost { .. }
            | Phase::Reload { .. }
            | Phase::ReloadSignal { .. }
            | Phase::ReloadNotify { .. } => {
                self.announce_stop();
                self.enter_signal(KillKind::StopSigterm, UnitResult::Success);
            }
            Phase::Running | Phase::Exited => {
                self.announce_stop();
                self.enter_stop(UnitResult::Success, "stop");
            }
            Phase::Dead { .. }
            | Phase::Failed { .. }
            | Phase::Stop { .. }
            | Phase::StopWatchdog(_)
            | Phase::StopSigterm(_)
            | Phase::StopSigkill(_)
            | Phase::StopPost { .. }
            | Phase::FinalWatchdog(_)
            | Phase::FinalSigterm(_)
            | Phase::FinalSigkill(_) => {}
        }
    }

    fn announce_stop(&mut self) {
        let text = format!("stopping {}", self.title());
        self.cx.log(Level::Info, MessageId::Stopping, text);
    }

    /// Runs exec-stop, then goes on to signals. Only a service whose start was done gets here.
    pub(super) fn enter_stop(&mut self, result: UnitResult, cause: &str) {
        self.fail(result);
        self.stop_watchdog();
        self.drop_adopting();
        if self.run_beside(Role::Stop, 0) {
            let timer = self.arm(self.stop_window());
            self.go(Phase::Stop { timer }, cause);
        } else {
            self.enter_signal(KillKind::StopSigterm, UnitResult::Success);
        }
    }

    /// `STOPPING=1`: as if it had been signalled already.
    pub(super) fn stop_begun_by_service(&mut self) {
        self.stop_watchdog();
        let timer = self.arm(self.stop_window());
        self.go(
            Phase::StopSigterm(Kill {
                timer,
                ..Kill::default()
            }),
            "the service stops itself",
        );
    }

    /// Sends the signals of a phase and waits for their effect; where there is nobody to signal
    /// goes straight on to what comes next.
    pub(super) fn enter_signal(&mut self, kind: KillKind, result: UnitResult) {
        let mut kind = kind;
        let mut cause = if result == UnitResult::Success {
            "stop"
        } else {
            result.as_str()
        };
        self.fail(result);
        self.stop_watchdog();
        self.drop_adopting();
        for is_main in [true, false] {
            let child = if is_main {
                &self.s.main
            } else {
                &self.s.control
            };
            if matches!(
                child,
                Some(Child {
                    process: Process::Waiting { .. },
                    ..
                })
            ) {
                self.forget_child(is_main);
            }
        }
        loop {
            if self.has_somebody_to_wait_for(kind) {
                return self.enter_kill_phase(kind, cause);
            }
            // The order of systemd's service_enter_signal.
            cause = "nothing is left to stop";
            let last_resort = self.cx.definition.send_sigkill() && !self.s.known_empty;
            kind = match kind {
                KillKind::StopWatchdog | KillKind::StopSigterm if last_resort => {
                    KillKind::StopSigkill
                }
                KillKind::FinalWatchdog | KillKind::FinalSigterm if last_resort => {
                    KillKind::FinalSigkill
                }
                KillKind::StopWatchdog | KillKind::StopSigterm | KillKind::StopSigkill => {
                    return self.enter_stop_post(UnitResult::Success);
                }
                KillKind::FinalWatchdog | KillKind::FinalSigterm | KillKind::FinalSigkill => {
                    return self.enter_dead(UnitResult::Success, true);
                }
            };
        }
    }

    /// Whether the phase would reach anybody, or find out that nobody is left.
    fn has_somebody_to_wait_for(&self, kind: KillKind) -> bool {
        let known = self.s.main.is_some() || self.s.control.is_some();
        match self.cx.definition.kill_mode() {
            KillMode::ControlGroup => known || !self.s.known_empty,
            KillMode::Mixed => known || (kind.is_sigkill() && !self.s.known_empty),
            KillMode::Process => known,
            KillMode::None => false,
        }
    }

    fn enter_kill_phase(&mut self, kind: KillKind, cause: &str) {
        let timer = self.arm(match kind.is_abort() {
            true => self.abort_window(),
            false => self.stop_window(),
        });
        // Who was told to go in the phase before is not told again: to many programs a second
        // signal means hurry. Only a command that ran in between may have left somebody new.
        let told_already = kind == KillKind::FinalSigterm
            && matches!(
                self.s.phase,
                Phase::StopSigterm(Kill { told_all: true, .. })
                    | Phase::StopSigkill(Kill { told_all: true, .. })
            );
        let inherited = match &self.s.phase {
            Phase::StopSigterm(kill) | Phase::StopSigkill(kill) if told_already => {
                kill.pending.clone()
            }
            _ => Vec::new(),
        };
        self.go(
            kind.phase(Kill {
                timer,
                pending: inherited,
                deferred: false,
                told_all: told_already,
            }),
            cause,
        );
        let wants_group = self.waits_for_group(kind);
        if self.s.main.is_none() && self.s.control.is_none() && wants_group {
            self.watch_empty();
        }
        if !told_already {
            self.send_signals(kind);
        }
    }

    /// Whether the end of the phase is the end of every process of the unit.
    fn waits_for_group(&self, kind: KillKind) -> bool {
        match self.cx.definition.kill_mode() {
            KillMode::ControlGroup => true,
            KillMode::Mixed => kind.is_sigkill(),
            KillMode::Process | KillMode::None => false,
        }
    }

    fn send_signals(&mut self, kind: KillKind) {
        let definition = self.cx.definition;
        let signal = match kind {
            KillKind::StopWatchdog | KillKind::FinalWatchdog => definition.watchdog_signal(),
            KillKind::StopSigterm | KillKind::FinalSigterm if self.cx.restarting => {
                definition.restart_kill_signal()
            }
            KillKind::StopSigterm | KillKind::FinalSigterm => definition.kill_signal(),
            KillKind::StopSigkill | KillKind::FinalSigkill => definition.final_kill_signal(),
        };
        let politely = matches!(kind, KillKind::StopSigterm | KillKind::FinalSigterm);
        // Not when it comes back at once: nobody hangs up then.
        let hangs_up =
            politely && definition.send_sighup() && !self.cx.restarting && signal != Signal::HUP;
        let signals = [Some(signal), hangs_up.then_some(Signal::HUP)];
        let children = [&self.s.main, &self.s.control];
        let early = children.into_iter().flatten().any(Child::is_asked);
        if early && !planted!(SignalBeforeProgram) {
            if let Some(kill) = self.kill_mut() {
                kill.deferred = true;
            }
            return;
        }
        let known = || {
            children
                .into_iter()
                .flatten()
                .filter_map(Child::ticket)
                .map(Target::Process)
        };
        let targets: Vec<Target> = match self.cx.definition.kill_mode() {
            KillMode::ControlGroup => vec![Target::All],
            KillMode::Mixed if kind.is_sigkill() => vec![Target::All],
            KillMode::Mixed | KillMode::Process => known().collect(),
            KillMode::None => Vec::new(),
        };
        let told_all = targets.contains(&Target::All);
        if let Some(kill) = self.kill_mut() {
            kill.told_all = told_all;
        }
        for (target, signal) in targets.into_iter().flat_map(|target| {
            signals
                .iter()
                .flatten()
                .map(move |signal| (target, *signal))
        }) {
            let ticket = self.cx.mint.ticket();
            self.cx.signal(ticket, target, signal);
            if let Some(kill) = self.kill_mut() {
                kill.pending.push(Pending {
                    ticket,
                    target,
                    signal,
                });
            }
        }
    }

    /// The answer to a spawn came while it was to be stopped.
    pub(super) fn send_deferred_signals(&mut self) {
        let Some(kind) = self.s.phase.kill_kind() else {
            return;
        };
        let still_asked = [&self.s.main, &self.s.control]
            .into_iter()
            .flatten()
            .any(Child::is_asked);
        let Some(kill) = self.kill_mut() else { return };
        if kill.deferred && !still_asked {
            kill.deferred = false;
            self.send_signals(kind);
        }
        self.kill_progress();
    }

    pub(super) fn kill_mut(&mut self) -> Option<&mut Kill> {
        match &mut self.s.phase {
            Phase::StopWatchdog(kill)
            | Phase::StopSigterm(kill)
            | Phase::StopSigkill(kill)
            | Phase::FinalWatchdog(kill)
            | Phase::FinalSigterm(kill)
            | Phase::FinalSigkill(kill) => Some(kill),
            _ => None,
        }
    }

    pub(super) fn signalled(&mut self, ticket: Ticket) {
        self.s.reload_signal.take_if(|asked| *asked == ticket);
        if let Some(kill) = self.kill_mut() {
            kill.pending.retain(|pending| pending.ticket != ticket);
        }
    }

    /// Asks to be told when no process of the unit is left.
    pub(super) fn watch_empty(&mut self) {
        if self.s.watch_empty.is_none() {
            let ticket = self.cx.mint.ticket();
            self.s.watch_empty = Some(ticket);
            self.cx.watch_empty(ticket);
        }
    }

    /// No process of the unit is left.
    pub(super) fn emptied(&mut self, ticket: Ticket) {
        if self.s.watch_empty != Some(ticket) {
            return self.unexpected("emptiness");
        }
        self.s.watch_empty = None;
        if self.s.main.is_some() || self.s.control.is_some() {
            // A process was started since; its own end will be told.
            return;
        }
        self.s.known_empty = true;
        match self.s.phase {
            Phase::Start { .. } => {
                if self.s.probing.is_some() {
                    return self.ended_while_probed();
                }
                self.fail_because(
                    UnitResult::Protocol,
                    "it ended without naming its main process",
                );
                self.enter_signal(KillKind::StopSigterm, UnitResult::Protocol);
            }
            Phase::Running => {
                self.s.told_process.ended_by_itself |= !self.s.forbid_restart;
                self.enter_running(UnitResult::Success, "no process is left");
            }
            _ => self.kill_progress(),
        }
    }

    /// In a killing phase: goes on if nobody is left to wait for.
    pub(super) fn kill_progress(&mut self) {
        let Some(kind) = self.s.phase.kill_kind() else {
            return;
        };
        if self.s.main.is_some() || self.s.control.is_some() {
            return;
        }
        if !kind.is_final() {
            // Others of the unit may be left: they are dealt with in the final phases. But where
            // nobody was known from the start, the group is all there is to wait for.
            if self.s.watch_empty.is_some() && !self.s.known_empty && self.waits_for_group(kind) {
                return;
            }
            return self.enter_stop_post(UnitResult::Success);
        }
        if self.waits_for_group(kind) && !self.s.known_empty {
            return self.watch_empty();
        }
        if !self.s.known_empty && self.cx.definition.kill_mode() == KillMode::Mixed {
            return self.enter_signal(kind, UnitResult::Success);
        }
        self.enter_dead(UnitResult::Success, true);
    }

    pub(super) fn enter_stop_post(&mut self, result: UnitResult) {
        self.fail(result);
        let main = self.s.main.take();
        self.disown(main);
        if self.run_beside(Role::StopPost, 0) {
            let timer = self.arm(self.stop_window());
            self.go(Phase::StopPost { timer }, "stop-post");
        } else {
            self.enter_signal(KillKind::FinalSigterm, UnitResult::Success);
        }
    }

    pub(super) fn release_and_go(&mut self, phase: Phase, cause: &str) {
        self.let_go();
        self.go(phase, cause);
    }

    /// Even SIGKILL did not help, or was not allowed.
    pub(super) fn give_up(&mut self) {
        self.cx.log(
            Level::Warning,
            MessageId::Other,
            "processes are left behind",
        );
        let restart = matches!(self.s.phase, Phase::FinalSigkill(_));
        self.enter_dead(UnitResult::Timeout, restart);
    }

    /// The run is over.
    pub(super) fn enter_dead(&mut self, result: UnitResult, may_restart: bool) {
        self.fail(result);
        self.stop_watchdog();
        self.drop_adopting();
        self.unwatch_name();
        let main = self.s.main.take();
        let control = self.s.control.take();
        self.disown(main);
        self.disown(control);
        self.s.watch_empty = None;
        self.s.told = None;
        self.s.early.clear();
        let comeback = self.comeback(may_restart);
        let will_restart = comeback != Comeback::No;
        let failed = self.s.result.is_failure();
        // Others see no more of it than that it is on its way again.
        let direct = matches!(comeback, Comeback::Restart | Comeback::Retry)
            && self.cx.definition.restart_mode() == RestartMode::Direct;
        let on_request = self.s.forbid_restart;
        let cause = if failed {
            self.s.result.as_str()
        } else {
            "it is over"
        };
        if failed {
            let why = if self.s.failure.is_empty() {
                self.s.result.as_str()
            } else {
                &self.s.failure
            };
            let text = format!("{} failed: {why}", self.title());
            self.cx.log(Level::Error, MessageId::Failed, text);
            if !direct {
                self.go_with(Phase::Failed { on_request }, cause, will_restart);
            }
        } else {
            let text = format!("stopped {}", self.title());
            self.cx.log(Level::Info, MessageId::Stopped, text);
            let ended = if on_request {
                Ended::OnRequest
            } else if self.s.result == UnitResult::ExecCondition {
                Ended::Skipped
            } else {
                Ended::ByItself
            };
            let preserve = self.cx.definition.file_descriptor_store_preserve();
            self.s.pinned = !will_restart
                && self.s.stored > 0
                && preserve == Preserve::Yes
                && self.cx.definition.is_loaded();
            if !direct {
                self.go_with(Phase::Dead { ended }, cause, will_restart);
            }
        }
        if self.cx.definition.file_descriptor_store_preserve() == Preserve::No {
            self.empty_store();
        }
        if will_restart {
            self.clear_away(true);
        }
        match comeback {
            Comeback::Restart => self.enter_auto_restart(),
            Comeback::Retry => self.enter_start_retry(),
            Comeback::GiveUp => self.give_up_starting(),
            Comeback::No => {
                self.s.flush_restarts = true;
                self.let_go();
            }
        }
    }

    /// What the run had in the file system goes, as far as it is not kept for the one that follows
    /// if `again`.
    fn clear_away(&mut self, again: bool) {
        let definition = self.cx.definition;
        let runtime = !definition.runtime_directory().is_empty()
            && match definition.runtime_directory_preserve() {
                Preserve::No => true,
                Preserve::Restart => !again,
                Preserve::Yes => false,
            };
        let credentials =
            !definition.load_credential().is_empty() || !definition.set_credential().is_empty();
        let pid_file = definition.pid_file().is_some();
        if runtime || credentials || pid_file {
            let unit = self.cx.name.clone();
            self.cx.actions.push(Action::ClearAway { unit, runtime });
        }
    }

    /// Gives back what belongs to a run, and what is kept between runs unless one follows.
    pub(super) fn let_go(&mut self) {
        self.clear_away(self.cx.restarting);
        let unit = self.cx.name.clone();
        self.s.kept_for_restart = self.cx.restarting;
        let keeps_store = match self.cx.definition.file_descriptor_store_preserve() {
            Preserve::No => false,
            Preserve::Restart => self.cx.restarting,
            Preserve::Yes => self.cx.definition.is_loaded(),
        };
        if !keeps_store {
            self.empty_store();
        }
        if !self.cx.restarting {
            self.cx.actions.push(Action::Release { unit });
        }
    }

    fn empty_store(&mut self) {
        if self.s.uses_store {
            self.s.uses_store = false;
            self.cx.actions.push(Action::Unstore {
                unit: self.cx.name.clone(),
                name: None,
            });
        }
    }

    /// Somebody is impatient: the rest of the time is cut short.
    pub(super) fn hurry(&mut self) {
        let short = match self.s.phase {
            Phase::Stop { .. } | Phase::StopPost { .. } => true,
            _ => self.kill_mut().is_some(),
        };
        if short
            && let Some(sooner) = self.cx.hurried(self.s.phase.timer())
            && let Some(old) = self.s.phase.set_timer(Some(sooner))
        {
            old.cancel(self.cx.actions);
        }
    }
}

impl Phase {
    /// Puts another timer in the place of the phase's own; gives back the one that was there.
    pub(super) fn set_timer(&mut self, new: Option<Timer>) -> Option<Timer> {
        let slot = match self {
            Phase::Condition { timer }
            | Phase::StartPre { timer }
            | Phase::Start { timer }
            | Phase::StartPost { timer }
            | Phase::Reload { timer }
            | Phase::ReloadSignal { timer, .. }
            | Phase::ReloadNotify { timer }
            | Phase::Stop { timer }
            | Phase::StopPost { timer }
            | Phase::AutoRestart { timer } => timer,
            Phase::StopWatchdog(kill)
            | Phase::StopSigterm(kill)
            | Phase::StopSigkill(kill)
            | Phase::FinalWatchdog(kill)
            | Phase::FinalSigterm(kill)
            | Phase::FinalSigkill(kill) => &mut kill.timer,
            Phase::Dead { .. } | Phase::Failed { .. } | Phase::Running | Phase::Exited => {
                return None;
            }
        };
        std::mem::replace(slot, new)
    }
}
