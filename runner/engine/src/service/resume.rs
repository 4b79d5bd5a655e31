//! What a service utters again after a recovery. Total: every state has an answer.

use super::running::watchdog_span;
use super::{Child, NameWatch, Phase, Probing, Process, Run, Service};
use crate::action::{Action, Role};
use crate::clock::Monotonic;
use crate::event::ExitStatus;
use crate::machine::{Context, Wish};
use crate::ticket::Ticket;
use crate::timer::Timer;

/// What is known about a process after a recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trace {
    /// It lives, and has this pid.
    Lives(u32),
    /// It was there; its end will be told.
    Ended,
    /// There never was one, or it went without anybody noticing.
    None,
    /// The same, and it would be of no use now.
    Vain,
}

/// Takes the run up again.
pub(crate) fn resume(cx: Context<'_>, state: Service, trace: impl Fn(Ticket) -> Trace) -> Service {
    let mut run = Run { cx, s: state };
    run.resume(trace);
    run.s
}

impl Run<'_> {
    fn resume(&mut self, trace: impl Fn(Ticket) -> Trace) {
        // Repeatable: uttered as they were.
        if let Some(timer) = self.s.phase.timer() {
            timer.rearm(self.cx.actions);
        }
        self.resume_watchdog();
        if let Some(timer) = self.s.expiry {
            timer.rearm(self.cx.actions);
        }
        if let Some(timer) = self.s.idling {
            timer.rearm(self.cx.actions);
            self.cx.wishes.push(Wish::AwaitIdle);
        }
        if self.s.reload_signal.is_some() {
            self.ask_to_reload();
        }
        match self.s.adopting.as_deref().map(|adopting| adopting.retry) {
            Some(Some(retry)) => retry.rearm(self.cx.actions),
            Some(None) => self.utter_adopt(),
            None => {}
        }
        self.resume_probing();
        self.resume_name_watch();
        if let Some(ticket) = self.s.watch_empty.filter(|_| !planted!(EmptinessForgotten)) {
            self.cx.watch_empty(ticket);
        }
        if let Some(kill) = self.kill_mut() {
            for pending in kill.pending.clone() {
                self.cx
                    .signal(pending.ticket, pending.target, pending.signal);
            }
        }
        if matches!(self.s.phase, Phase::Dead { .. } | Phase::Failed { .. }) {
            // Perhaps it was killed just before it gave these back.
            self.s.uses_store |= self.s.stored > 0;
            self.let_go();
        }
        self.s
            .former
            .retain(|ticket| matches!(trace(*ticket), Trace::Lives(_) | Trace::Ended));
        // Reconciled: compared with what is there.
        let (main, control) = (self.s.main.clone(), self.s.control.clone());
        if let Some(main) = main {
            self.resume_child(&main, true, &trace);
        }
        // Not one that was asked for just now, because of what the main process has done.
        if let Some(control) = control.filter(|known| self.s.control.as_ref() == Some(known)) {
            self.resume_child(&control, false, &trace);
        }
        if matches!(self.s.phase, Phase::AutoRestart { timer: None }) && !self.cx.restarting {
            // The wish for a restart job was lost.
            self.cx.wishes.push(Wish::Restart);
        }
    }

    fn resume_child(&mut self, child: &Child, is_main: bool, trace: &impl Fn(Ticket) -> Trace) {
        match child.process {
            Process::Waiting { retry, .. } => retry.rearm(self.cx.actions),
            Process::Asked { ticket, attempt } => match trace(ticket) {
                Trace::Lives(_) if planted!(StartedTwice) => {
                    let again = self.spawn(child.role, child.index, attempt);
                    *(if is_main {
                        &mut self.s.main
                    } else {
                        &mut self.s.control
                    }) = again;
                }
                Trace::Lives(pid) => self.spawned(ticket, pid),
                Trace::Ended => {}
                // A reload happens at most once. Everything else was not done, so it is done now.
                Trace::None if child.role == Role::Reload => {
                    self.ended(ticket, ExitStatus::Unknown)
                }
                Trace::Vain => self.ended(ticket, ExitStatus::Unknown),
                Trace::None if self.kill_mut().is_some() => {
                    self.forget_child(is_main);
                    self.send_deferred_signals();
                }
                Trace::None => {
                    let again = self.spawn(child.role, child.index, attempt);
                    let gone = again.is_none();
                    *(if is_main {
                        &mut self.s.main
                    } else {
                        &mut self.s.control
                    }) = again;
                    match (gone, is_main) {
                        (false, _) => {}
                        (true, true) => self.main_ended(child.role, child.index, None),
                        (true, false) => self.control_ended(child.role, child.index, None),
                    }
                }
            },
            Process::Live { ticket, .. } => match trace(ticket) {
                Trace::Lives(_) | Trace::Ended => {}
                Trace::None | Trace::Vain => self.ended(ticket, ExitStatus::Unknown),
            },
        }
    }

    /// Nobody read the service's signs of life meanwhile: it gets a full new window.
    fn resume_watchdog(&mut self) {
        let now = self.cx.now;
        let Some(watchdog) = &mut self.s.watchdog else {
            return;
        };
        watchdog.last_ping = Some(now);
        if let Some(Timer { ticket, at }) = watchdog.timer {
            let span = watchdog_span(watchdog.own, self.cx.definition.watchdog_sec());
            let at: Monotonic = span
                .and_then(|span| now.monotonic.after(span.as_micros()))
                .unwrap_or(at);
            watchdog.timer = Some(Timer { ticket, at });
            self.cx.actions.push(Action::SetTimer { ticket, at });
        }
    }
}

impl Service {
    /// Every ticket it waits for an answer to.
    pub(crate) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        let children = [&self.main, &self.control].into_iter().flatten();
        let processes = children.map(|child| match child.process {
            Process::Waiting { retry, .. } => retry.ticket,
            Process::Asked { ticket, .. } | Process::Live { ticket, .. } => ticket,
        });
        let kill = match &self.phase {
            Phase::StopWatchdog(kill)
            | Phase::StopSigterm(kill)
            | Phase::StopSigkill(kill)
            | Phase::FinalWatchdog(kill)
            | Phase::FinalSigterm(kill)
            | Phase::FinalSigkill(kill) => kill.pending.as_slice(),
            _ => &[],
        };
        let adopting = self.adopting.as_deref().into_iter().flat_map(|adopting| {
            std::iter::once(adopting.ticket).chain(adopting.retry.map(|retry| retry.ticket))
        });
        processes
            .chain(self.former.iter().copied())
            .chain(kill.iter().map(|pending| pending.ticket))
            .chain(adopting)
            .chain(self.phase.timer().map(|timer| timer.ticket))
            .chain(self.watch_empty)
            .chain(self.reload_signal)
            .chain(self.idling.map(|timer| timer.ticket))
            .chain(self.expiry.map(|timer| timer.ticket))
            .chain(
                self.probing
                    .as_deref()
                    .into_iter()
                    .flat_map(Probing::tickets),
            )
            .chain(
                self.name_watch
                    .as_deref()
                    .into_iter()
                    .flat_map(NameWatch::tickets),
            )
            .chain(
                self.watchdog
                    .as_deref()
                    .and_then(|watchdog| watchdog.timer)
                    .map(|timer| timer.ticket),
            )
    }
}
