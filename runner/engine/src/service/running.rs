//! What happens between the way up and the way down: the main process ends, a reload, the watchdog.

use units::value::{ExitType, OomPolicy, ServiceType, Span, TimeoutFailureMode};

use super::stop::KillKind;
use super::{Phase, Run, Watchdog};
use crate::action::{Action, Level, MessageId, Role, Target};
use crate::event::ExitStatus;
use crate::notify;
use crate::timer::Timer;
use crate::view::systemd::UnitResult;

impl Run<'_> {
    /// Looks what there is to be after a start, a reload or the end of the main process.
    pub(super) fn enter_running(&mut self, result: UnitResult, cause: &str) {
        self.fail(result);
        // How its main process ended says how such a service has ended, not when.
        let lives_on = self.cx.definition.exit_type() == ExitType::Cgroup && self.has_main();
        if self.s.result != UnitResult::Success && !lives_on {
            return self.enter_signal(KillKind::StopSigterm, result);
        }
        let has_its_name = self.has_its_name();
        if has_its_name {
            self.was_ready_now();
        }
        if self.has_main() && has_its_name {
            self.go(Phase::Running, cause);
            self.limit_runtime();
            if self.s.main.is_none() {
                self.watch_empty();
            }
            match self.s.told.take() {
                Some(notify::Phase::Reloading) => self.reload_begun_by_service(),
                Some(notify::Phase::Stopping) => self.stop_begun_by_service(),
                Some(notify::Phase::Ready) | None => {}
            }
        } else if self.cx.definition.remain_after_exit() {
            self.stop_watchdog();
            self.go(Phase::Exited, cause);
        } else {
            self.enter_stop(UnitResult::Success, cause);
        }
    }

    fn was_ready_now(&mut self) {
        if !self.s.was_ready {
            self.s.was_ready = true;
            self.s.told_process.tries = 0;
            let longest = self.cx.definition.runtime_max_sec();
            self.s.expires = self.cx.now.monotonic.after(longest.as_micros());
            if let Some(at) = &mut self.s.expires {
                let extra = self.cx.definition.runtime_randomized_extra_sec();
                at.0 = at.0.saturating_add(self.cx.mint.below(extra.as_micros()));
            }
            let text = format!("started {}", self.title());
            self.cx.log(Level::Info, MessageId::Started, text);
        }
    }

    /// Sees to it that the run ends when `runtime-max-sec` is over.
    pub(super) fn limit_runtime(&mut self) {
        if let (Some(at), None) = (self.s.expires, self.s.expiry) {
            let ticket = self.cx.mint.ticket();
            self.cx.actions.push(Action::SetTimer { ticket, at });
            self.s.expiry = Some(Timer { ticket, at });
        }
    }

    /// `runtime-max-sec` is over.
    pub(super) fn expired(&mut self) {
        self.s.expiry = None;
        let why = "it has run for as long as `runtime-max-sec` allows";
        self.cx.log(Level::Warning, MessageId::Other, why);
        self.fail_because(UnitResult::Timeout, why);
        self.enter_stop(UnitResult::Timeout, "runtime-max-sec");
    }

    /// The main process has ended, or never was (`None`).
    pub(super) fn main_ended(&mut self, role: Role, index: u16, status: Option<ExitStatus>) {
        if let Some(status) = status {
            self.s.main_exit = Some((self.cx.now, status));
        }
        if status.is_some() && self.s.told_process.spawn_error.is_empty() {
            self.s.told_process.last_stop = Some(self.cx.now.realtime);
        }
        let up = self.s.phase.is_up();
        self.s.told_process.ended_by_itself |= up && !self.s.forbid_restart;
        let result = self.judge(role, index, status);
        self.main_result(index, result, status.is_some());
    }

    fn main_result(&mut self, index: u16, result: UnitResult, status_is_known: bool) {
        self.fail(result);
        let fine = result == UnitResult::Success;
        let busy = self.s.control.is_some();
        match self.s.phase {
            Phase::Start { .. } if fine && self.s.probing.is_some() => self.ended_while_probed(),
            Phase::Start { .. } => match self.kind() {
                ServiceType::Oneshot if fine => self.next_main(index),
                ServiceType::Notify | ServiceType::NotifyReload if fine => {
                    self.fail_because(
                        UnitResult::Protocol,
                        "it ended without saying that it is ready",
                    );
                    self.enter_signal(KillKind::StopSigterm, UnitResult::Protocol);
                }
                ServiceType::Simple | ServiceType::Exec
                    if fine && status_is_known && self.has_to_prove_itself() =>
                {
                    let why = match self.cx.definition.ready_probe() {
                        Some(_) => "it ended before it was ready".to_owned(),
                        None => {
                            let span = self.cx.definition.ready_after();
                            format!("it ended before it had stayed up for {span}")
                        }
                    };
                    self.fail_because(UnitResult::Protocol, why);
                    self.enter_signal(KillKind::StopSigterm, UnitResult::Protocol);
                }
                _ => self.enter_running(result, "the main process ended"),
            },
            // The command that runs beside it is waited for.
            Phase::StartPost { .. } | Phase::Reload { .. } if busy => {}
            Phase::StartPost { .. }
            | Phase::Reload { .. }
            | Phase::ReloadSignal { .. }
            | Phase::ReloadNotify { .. }
            | Phase::Running => {
                self.enter_running(result, "the main process ended");
            }
            Phase::Stop { .. } | Phase::StopPost { .. } if busy => {}
            Phase::Stop { .. } => self.enter_signal(KillKind::StopSigterm, result),
            Phase::StopPost { .. } => self.enter_signal(KillKind::FinalSigterm, result),
            Phase::StopWatchdog(_)
            | Phase::StopSigterm(_)
            | Phase::StopSigkill(_)
            | Phase::FinalWatchdog(_)
            | Phase::FinalSigterm(_)
            | Phase::FinalSigkill(_) => self.kill_progress(),
            Phase::Dead { .. }
            | Phase::Failed { .. }
            | Phase::Condition { .. }
            | Phase::StartPre { .. }
            | Phase::Exited
            | Phase::AutoRestart { .. } => self.unexpected("the end of the main process"),
        }
    }

    /// A reload job runs.
    pub(super) fn reload(&mut self) {
        if !matches!(self.s.phase, Phase::Running | Phase::Exited) {
            return self.unexpected("a reload");
        }
        self.s.reload_result = UnitResult::Success;
        self.s.told = None;
        let since = self.cx.now.monotonic;
        let signals =
            self.cx.definition.service_type() == ServiceType::NotifyReload && self.s.main.is_some();
        if signals {
            self.s.reload_signal = Some(self.cx.mint.ticket());
            self.ask_to_reload();
        }
        if self.run_beside(Role::Reload, 0) {
            let timer = self.arm(self.start_window());
            self.go(Phase::Reload { timer }, "reload");
        } else if signals {
            let timer = self.arm(self.start_window());
            self.go(Phase::ReloadSignal { timer, since }, "reload");
        }
    }

    /// Sends `reload-signal`. Where a recovery cannot tell whether it was sent it is sent again: a
    /// reload too many does less harm than one that never comes.
    pub(super) fn ask_to_reload(&mut self) {
        let main = self.s.main.as_ref().and_then(super::Child::ticket);
        let Some((ticket, process)) = self.s.reload_signal.zip(main) else {
            self.s.reload_signal = None;
            return;
        };
        let signal = self.cx.definition.reload_signal();
        self.cx.signal(ticket, Target::Process(process), signal);
    }

    /// The reload commands are done: the service goes on whatever they said.
    pub(super) fn reloaded(&mut self, result: UnitResult) {
        self.s.reload_result = result;
        if self.s.result == UnitResult::Success {
            // The sentence about the command is not about the service.
            self.s.failure.clear();
        }
        let goes_on = self.cx.definition.service_type() == ServiceType::NotifyReload
            && self.s.told == Some(notify::Phase::Reloading)
            && self.s.main.is_some();
        if goes_on {
            // The commands are done, and the service says that it is not.
            self.s.told = None;
            let timer = self.s.phase.timer();
            return self.go(Phase::ReloadNotify { timer }, "the service reloads");
        }
        self.back_from_reload("reload is done");
    }

    pub(super) fn back_from_reload(&mut self, cause: &str) {
        self.enter_running(UnitResult::Success, cause);
    }

    /// `RELOADING=1`
    pub(super) fn reload_begun_by_service(&mut self) {
        self.s.reload_result = UnitResult::Success;
        let timer = self.arm(self.start_window());
        let phase = match self.cx.definition.service_type() {
            ServiceType::NotifyReload => Phase::ReloadNotify { timer },
            _ => Phase::Reload { timer },
        };
        self.go(phase, "the service reloads itself");
    }

    /// The phase's own timer is due.
    pub(super) fn phase_timed_out(&mut self) {
        use UnitResult::Timeout;
        let (_, sub) = self.s.states();
        let text = match self.probe_in_vain() {
            Some(said) => format!("{} took too long: {said}", sub.as_str()),
            None => format!("{} took too long", sub.as_str()),
        };
        match self.s.phase {
            Phase::Start { .. } if self.is_proving_itself() => {
                self.s.phase.set_timer(None);
                return self.stayed_up();
            }
            Phase::AutoRestart { .. } => return self.restart_due(),
            Phase::Dead { .. } | Phase::Failed { .. } | Phase::Running | Phase::Exited => {
                return self.unexpected("a time-out");
            }
            _ => {}
        }
        self.cx.log(Level::Warning, MessageId::Other, text.clone());
        if self.s.result == UnitResult::Success && !self.s.phase.is_reload() {
            self.s.failure = text;
        }
        let on_start = self.cx.definition.timeout_start_failure_mode();
        let on_stop = self.cx.definition.timeout_stop_failure_mode();
        // The order of systemd's service_dispatch_timer.
        match self.s.phase {
            Phase::Condition { .. }
            | Phase::StartPre { .. }
            | Phase::Start { .. }
            | Phase::StartPost { .. } => self.answer_time_out(on_start),
            Phase::Reload { .. } | Phase::ReloadSignal { .. } | Phase::ReloadNotify { .. } => {
                self.reload_timed_out();
            }
            Phase::Stop { .. } => self.answer_time_out(on_stop),
            Phase::StopSigterm(_) if on_stop == TimeoutFailureMode::Abort => {
                self.enter_signal(KillKind::StopWatchdog, Timeout);
            }
            Phase::StopWatchdog(_) | Phase::StopSigterm(_) => {
                self.answer_time_out(TimeoutFailureMode::Kill);
            }
            Phase::StopSigkill(_) => self.enter_stop_post(Timeout),
            Phase::StopPost { .. } => self.answer_late_time_out(on_stop),
            Phase::FinalSigterm(_) if on_stop == TimeoutFailureMode::Abort => {
                self.enter_signal(KillKind::FinalWatchdog, Timeout);
            }
            Phase::FinalWatchdog(_) | Phase::FinalSigterm(_) => {
                self.answer_late_time_out(TimeoutFailureMode::Kill);
            }
            Phase::FinalSigkill(_) => self.give_up(),
            Phase::Dead { .. }
            | Phase::Failed { .. }
            | Phase::Running
            | Phase::Exited
            | Phase::AutoRestart { .. } => {}
        }
    }

    /// What follows a time-out before the stop commands are done.
    fn answer_time_out(&mut self, mode: TimeoutFailureMode) {
        let kind = match mode {
            TimeoutFailureMode::Terminate => KillKind::StopSigterm,
            TimeoutFailureMode::Abort => KillKind::StopWatchdog,
            TimeoutFailureMode::Kill if self.cx.definition.send_sigkill() => KillKind::StopSigkill,
            TimeoutFailureMode::Kill => return self.enter_stop_post(UnitResult::Timeout),
        };
        self.enter_signal(kind, UnitResult::Timeout);
    }

    /// The same afterwards.
    fn answer_late_time_out(&mut self, mode: TimeoutFailureMode) {
        let kind = match mode {
            TimeoutFailureMode::Terminate => KillKind::FinalSigterm,
            TimeoutFailureMode::Abort => KillKind::FinalWatchdog,
            TimeoutFailureMode::Kill if self.cx.definition.send_sigkill() => KillKind::FinalSigkill,
            TimeoutFailureMode::Kill => return self.give_up(),
        };
        self.enter_signal(kind, UnitResult::Timeout);
    }

    fn reload_timed_out(&mut self) {
        let control = self.s.control.take();
        if let Some(ticket) = control.as_ref().and_then(super::Child::ticket) {
            self.cx.kill_at_once(ticket);
        }
        self.disown(control);
        self.reloaded(UnitResult::Timeout);
    }

    /// The kernel killed one of its processes, because they used more memory than they may:
    /// `oom-policy`.
    pub(super) fn out_of_memory(&mut self) {
        let (active, _) = self.s.phase.states();
        let is_down = active.is_down();
        if is_down || matches!(self.s.phase, Phase::AutoRestart { .. }) {
            return self.unexpected("a shortage of memory");
        }
        let why = "the kernel killed a process for want of memory";
        self.cx.log(Level::Error, MessageId::Other, why);
        let policy = self.cx.definition.oom_policy();
        if policy == OomPolicy::Continue {
            return;
        }
        self.fail_because(UnitResult::OomKill, why);
        let oom = UnitResult::OomKill;
        // The order of systemd's service_notify_cgroup_oom_event.
        match self.s.phase {
            Phase::StopWatchdog(_) | Phase::StopSigterm(_) => {
                self.enter_signal(KillKind::StopSigkill, oom);
            }
            Phase::StopPost { .. } | Phase::FinalWatchdog(_) | Phase::FinalSigterm(_) => {
                self.enter_signal(KillKind::FinalSigkill, oom);
            }
            Phase::StopSigkill(_) | Phase::FinalSigkill(_) => {}
            _ if policy == OomPolicy::Kill => self.enter_signal(KillKind::FinalSigkill, oom),
            Phase::Running | Phase::Exited => self.enter_stop(oom, oom.as_str()),
            _ => self.enter_signal(KillKind::StopSigterm, oom),
        }
    }

    // The watchdog.

    pub(super) fn start_watchdog(&mut self) {
        let own = self.s.watchdog.take().and_then(|watchdog| {
            if let Some(timer) = watchdog.timer {
                timer.cancel(self.cx.actions);
            }
            watchdog.own
        });
        let timer =
            watchdog_span(own, self.cx.definition.watchdog_sec()).and_then(|span| self.arm(span));
        if own.is_some() || timer.is_some() {
            self.s.watchdog = Some(Box::new(Watchdog {
                own,
                timer,
                last_ping: Some(self.cx.now),
            }));
        }
    }

    pub(super) fn stop_watchdog(&mut self) {
        if let Some(timer) = self.s.watchdog.take().and_then(|watchdog| watchdog.timer) {
            timer.cancel(self.cx.actions);
        }
    }

    /// `WATCHDOG_USEC=`
    pub(super) fn set_watchdog(&mut self, span: Span) {
        let armed = self
            .s
            .watchdog
            .as_deref()
            .is_some_and(|watchdog| watchdog.timer.is_some());
        match &mut self.s.watchdog {
            Some(watchdog) => watchdog.own = Some(span),
            None => {
                self.s.watchdog = Some(Box::new(Watchdog {
                    own: Some(span),
                    timer: None,
                    last_ping: None,
                }))
            }
        }
        if armed
            || matches!(self.s.phase, Phase::Running | Phase::StartPost { .. })
            || self.s.phase.is_reload()
        {
            self.start_watchdog();
        }
    }

    /// The timer is due; pings since it was armed only moved the deadline, to keep them cheap.
    pub(super) fn watchdog_due(&mut self) {
        let Some(watchdog) = &mut self.s.watchdog else {
            return;
        };
        watchdog.timer = None;
        let span = watchdog_span(watchdog.own, self.cx.definition.watchdog_sec());
        let last = watchdog.last_ping.unwrap_or(self.cx.now).monotonic;
        let Some(due) = span.and_then(|span| last.after(span.as_micros())) else {
            return;
        };
        if due > self.cx.now.monotonic {
            let ticket = self.cx.mint.ticket();
            self.cx.actions.push(Action::SetTimer { ticket, at: due });
            watchdog.timer = Some(Timer { ticket, at: due });
        } else {
            self.watchdog_missed("no sign of life in time");
            if self.cx.watchdogs_ignored {
                // It counts again from its next sign of life, and nothing is said until then.
                self.start_watchdog();
                if let Some(watchdog) = &mut self.s.watchdog {
                    watchdog.last_ping = None;
                }
            }
        }
    }

    pub(super) fn watchdog_missed(&mut self, why: &str) {
        let watched = matches!(self.s.phase, Phase::StartPost { .. } | Phase::Running)
            || self.s.phase.is_reload();
        if !watched {
            return;
        }
        if self.cx.watchdogs_ignored {
            let text = format!("watchdog: {why}, which is ignored: watchdogs are switched off");
            return self.cx.log(Level::Warning, MessageId::Other, text);
        }
        self.cx
            .log(Level::Error, MessageId::Other, format!("watchdog: {why}"));
        self.fail_because(UnitResult::Watchdog, why);
        self.enter_signal(KillKind::StopWatchdog, UnitResult::Watchdog);
    }

    pub(super) fn ping(&mut self) {
        let now = self.cx.now;
        if let Some(watchdog) = &mut self.s.watchdog {
            watchdog.last_ping = Some(now);
        }
    }
}

/// What the service set itself goes before the setting.
pub(super) fn watchdog_span(own: Option<Span>, configured: Option<Span>) -> Option<Span> {
    own.or(configured)
        .filter(|span| !span.is_zero() && !span.is_infinite())
}
