//! The readiness probe (`ready-probe`): what is tried from outside until the service counts as
//! started. It begins where the start would be done otherwise, and all of it is the start phase:
//! the phase's own timer limits it.

use serde::{Deserialize, Serialize};
use units::Definition;
use units::value::{Probe, Span};

use super::stop::KillKind;
use super::{Child, Phase, Process, Run, Service};
use crate::action::{Action, Level, MessageId, Role};
use crate::event::ExitStatus;
use crate::machine::Wish;
use crate::ticket::Ticket;
use crate::timer::Timer;
use crate::view::systemd::UnitResult;

/// The attempts at a service's probe, while there are any.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Probing {
    /// An attempt over the network that is not answered. An attempt by command is the control
    /// process.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<(Ticket, Probe)>,
    /// While an attempt is made: its end. Otherwise: the next attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    timer: Option<Timer>,
    /// Attempts that failed.
    attempts: u32,
    /// What the last of them said; empty before the first is over.
    said: String,
}

/// The wait after the first attempt; doubled each time, up to `ready-probe-interval-sec`.
const FIRST_WAIT: Span = Span::from_millis(20);

/// Commands may say a lot when they cannot be run; a record keeps this many bytes of it.
const LONGEST_SAID: usize = 512;

impl Probing {
    pub(super) fn timer(&self) -> Option<Timer> {
        self.timer
    }

    /// Every ticket it waits for an answer to.
    pub(super) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        let asked = self.asked.as_ref().map(|(ticket, _)| *ticket);
        asked
            .into_iter()
            .chain(self.timer.map(|timer| timer.ticket))
    }
}

impl Service {
    /// What is known of a probe that has not succeeded.
    pub(crate) fn probe_in_vain(&self, definition: &Definition) -> Option<String> {
        let probing = self.probing.as_deref()?;
        let probe = definition.ready_probe()?;
        let said = match probing.said.as_str() {
            "" => "no answer",
            said => said,
        };
        Some(format!("ready-probe {probe}: {said}"))
    }
}

impl Run<'_> {
    /// The service is up as far as its type says: the start is done, unless it has a probe.
    pub(super) fn up_by_its_type(&mut self, cause: &str) {
        if self.s.probing.is_some() {
            // It says so again.
            return;
        }
        if self.cx.definition.ready_probe().is_none() {
            return self.enter_start_post(cause);
        }
        self.s.probing = Some(Box::new(Probing::default()));
        // `ready-after` may have used up the timer of the phase.
        if self.s.phase.timer().is_none() {
            let timer = self.arm(self.start_window());
            self.s.phase.set_timer(timer);
        }
        self.attempt();
    }

    /// Makes one attempt.
    fn attempt(&mut self) {
        let Some(probe) = self.cx.definition.ready_probe().cloned() else {
            // The definition changed meanwhile.
            return self.enter_start_post("there is no probe any more");
        };
        let within = self.cx.definition.ready_probe_timeout_sec();
        let asked = if let Probe::Exec(_) = probe {
            self.run_beside(Role::ReadyProbe, 0);
            None
        } else {
            let ticket = self.cx.mint.ticket();
            self.cx.actions.push(Action::Probe {
                ticket,
                unit: self.cx.name.clone(),
                probe: probe.clone(),
            });
            Some((ticket, probe))
        };
        let timer = self.arm(within);
        if let Some(probing) = &mut self.s.probing {
            probing.asked = asked;
            probing.timer = timer;
        }
    }

    /// An attempt over the network is over.
    pub(super) fn probed(&mut self, ticket: Ticket, outcome: Result<(), String>) {
        let asked = self
            .s
            .probing
            .as_deref()
            .and_then(|probing| probing.asked.as_ref());
        if asked.is_none_or(|(asked, _)| *asked != ticket) {
            return self.unexpected("the answer of a probe");
        }
        if let Some(probing) = &mut self.s.probing {
            probing.asked = None;
        }
        match outcome {
            Ok(()) => self.probe_succeeded(),
            Err(why) => {
                self.probe_says(why);
                self.attempt_failed();
            }
        }
    }

    /// The command of an attempt has ended, or never was (`None`).
    pub(super) fn probe_command_ended(&mut self, status: Option<ExitStatus>) {
        if self.kill_mut().is_some() {
            return self.send_deferred_signals();
        }
        if self.s.probing.is_none() {
            // What it was to find out has become known meanwhile. That nobody is left was not
            // believed while it was there.
            if matches!(self.s.phase, Phase::Running) && self.s.main.is_none() {
                return self.watch_empty();
            }
            return self.unexpected("the end of a probe");
        }
        match status {
            Some(ExitStatus::Code(0)) => return self.probe_succeeded(),
            // What there was to say of it was said when it could not be started.
            Some(ExitStatus::Unknown) | None => {}
            Some(status) => self.probe_says(super::process::describe(status)),
        }
        self.attempt_failed();
    }

    fn probe_succeeded(&mut self) {
        self.enter_start_post("its probe succeeded");
    }

    /// Notes what an attempt said.
    pub(super) fn probe_says(&mut self, mut said: String) {
        let end = said.floor_char_boundary(LONGEST_SAID);
        said.truncate(end);
        let Some(probing) = &mut self.s.probing else {
            return;
        };
        if probing.said != said {
            probing.said.clone_from(&said);
            let text = format!("not ready yet: {said}");
            self.cx.log(Level::Debug, MessageId::Other, text);
            self.cx.wishes.push(Wish::Refresh);
        }
    }

    /// The next attempt comes later: soon at first, and then in a steady beat.
    fn attempt_failed(&mut self) {
        let Some(probing) = &mut self.s.probing else {
            return;
        };
        let longest = self.cx.definition.ready_probe_interval_sec();
        let micros = FIRST_WAIT.as_micros() << probing.attempts.min(16);
        let wait = Span::from_micros(micros).min(longest);
        probing.attempts = probing.attempts.saturating_add(1);
        if let Some(timer) = probing.timer.take() {
            timer.cancel(self.cx.actions);
        }
        let timer = self.arm(wait);
        if let Some(probing) = &mut self.s.probing {
            probing.timer = timer;
        }
        if self.s.main.is_none() {
            // Nobody would tell otherwise that all of its processes are gone.
            self.watch_empty();
        }
    }

    /// The timer is due: of an attempt that takes too long, or of the next one.
    pub(super) fn probe_due(&mut self) {
        let Some(probing) = &mut self.s.probing else {
            return;
        };
        probing.timer = None;
        let asked = probing.asked.take();
        let command = self.s.control.take_if(is_attempt);
        if asked.is_none() && command.is_none() {
            return self.attempt();
        }
        if let Some((ticket, _)) = asked {
            self.cx.actions.push(Action::EndProbe { ticket });
        }
        match command {
            Some(Child {
                process: Process::Live { ticket, .. },
                ..
            }) => {
                self.cx.kill_at_once(ticket);
                self.s.former.push(ticket);
            }
            // It is not there yet: when it comes it finds nobody waiting, and is killed.
            other => self.disown(other),
        }
        let within = self.cx.definition.ready_probe_timeout_sec();
        self.probe_says(format!("no answer within {within}"));
        self.attempt_failed();
    }

    /// It has ended while its probe was tried: it never was ready.
    pub(super) fn ended_while_probed(&mut self) {
        let why = match self.probe_in_vain() {
            Some(said) => format!("it ended before it was ready: {said}"),
            None => "it ended before it was ready".to_owned(),
        };
        self.fail_because(UnitResult::Protocol, why);
        self.enter_signal(KillKind::StopSigterm, UnitResult::Protocol);
    }

    pub(super) fn probe_in_vain(&self) -> Option<String> {
        self.s.probe_in_vain(self.cx.definition)
    }

    /// No attempt is made any more. A command that runs is the control process, and goes its way.
    pub(super) fn drop_probing(&mut self) {
        let Some(probing) = self.s.probing.take() else {
            return;
        };
        if let Some((ticket, _)) = probing.asked {
            self.cx.actions.push(Action::EndProbe { ticket });
        }
        if let Some(timer) = probing.timer {
            timer.cancel(self.cx.actions);
        }
    }

    /// Repeats the attempt that was under way.
    pub(super) fn resume_probing(&mut self) {
        let Some(probing) = &self.s.probing else {
            return;
        };
        if let Some((ticket, probe)) = &probing.asked {
            self.cx.actions.push(Action::Probe {
                ticket: *ticket,
                unit: self.cx.name.clone(),
                probe: probe.clone(),
            });
        }
        if let Some(timer) = probing.timer {
            timer.rearm(self.cx.actions);
        }
    }
}

fn is_attempt(child: &mut Child) -> bool {
    child.role == Role::ReadyProbe
}
