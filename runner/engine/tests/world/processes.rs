//! Processes: how they come, hear, end, and are waited for.

use engine::action::{AdoptFrom, Role, Target};
use engine::event::{AdoptFailure, ExitStatus};
use engine::view::systemd::SubState;
use engine::{Event, Ticket};
use units::UnitName;
use units::value::{KillMode, Signal};

use super::kernel::{CLEAN, World};
use super::schedule::noted_processes;
/// A process that lives.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) ticket: Ticket,
    pub(crate) unit: UnitName,
    pub(crate) role: Role,
    pub(crate) pid: u32,
    /// Left over on purpose: `kill-mode` spares it.
    pub(crate) spared: bool,
    /// Somebody said that it is the main process.
    pub(crate) named: bool,
    pub(super) stubborn: bool,
    /// A manager was told that it runs its program.
    pub(super) known: bool,
}

/// Whether `kill-mode` spares processes of the unit.
pub(crate) fn spares(units: &units::UnitSet, unit: &UnitName) -> bool {
    units.resolve(unit).is_some_and(|unit| spares_what(&unit))
}

/// Whether `kill-mode` spares processes of such a unit.
pub(super) fn spares_what(unit: &units::Definition) -> bool {
    matches!(unit.kill_mode(), KillMode::Process | KillMode::None) || !unit.send_sigkill()
}

impl World<'_> {
    pub(super) fn adopt(&mut self, ticket: Ticket, unit: UnitName, from: &AdoptFrom) {
        let fails = !self.fair && self.dice.percent(40);
        let event = if fails {
            let reason = match from {
                AdoptFrom::PidFile(_) if self.dice.percent(70) => AdoptFailure::NotYet,
                AdoptFrom::Guess => AdoptFailure::Unclear,
                _ => AdoptFailure::Refused("not one of its processes".to_owned()),
            };
            Event::AdoptFailed { ticket, reason }
        } else if self.fair && matches!(from, AdoptFrom::PidFile(_)) && self.dice.percent(30) {
            Event::AdoptFailed {
                ticket,
                reason: AdoptFailure::Refused("it is gone".to_owned()),
            }
        } else {
            let pid = match from {
                AdoptFrom::Named { pid, .. } => *pid,
                AdoptFrom::PidFile(_) | AdoptFrom::Guess => self.next_pid,
            };
            self.next_pid = self.next_pid.max(pid + 1);
            self.highest = self.highest.max(ticket.0);
            // After a recovery the same search may find the process a second time.
            if let Some(known) = self
                .processes
                .iter()
                .find(|process| process.ticket == ticket)
            {
                let pid = known.pid;
                self.manager
                    .answers
                    .push_back(Event::Adopted { ticket, pid });
                return;
            }
            let is_anothers = self.processes.iter().any(|process| process.pid == pid);
            if is_anothers || self.exits.iter().any(|(gone, ..)| *gone == ticket) {
                let reason = AdoptFailure::Refused("it is gone".to_owned());
                self.manager
                    .answers
                    .push_back(Event::AdoptFailed { ticket, reason });
                return;
            }
            self.processes.push(Process {
                ticket,
                unit,
                role: Role::Main,
                pid,
                spared: false,
                named: matches!(from, AdoptFrom::Named { .. }),
                stubborn: false,
                known: true,
            });
            Event::Adopted { ticket, pid }
        };
        self.manager.answers.push_back(event);
    }

    /// S1: what asks for something is only sent to programs, not to what is about to become one and
    /// would not hear it.
    pub(super) fn heard(&self, unit: &UnitName, target: Target) {
        let service = self.engine.as_ref().unwrap().unit(unit).unwrap().sub;
        let asks = service == SubState::StopSigterm;
        // Who was given up may still be on its way.
        let record = self.records.get(&format!("unit:{unit}"));
        let record = record.and_then(|text| serde_json::from_str(text).ok());
        let former = record.as_ref().map(noted_processes).unwrap_or_default();
        let unborn = self.processes.iter().find(|process| {
            let hit = match target {
                Target::All => process.unit == *unit,
                Target::Process(ticket) => process.ticket == ticket,
            };
            // An attempt at a probe that was given up is killed as soon as it is there.
            let waited_for =
                process.role != Role::ReadyProbe && !former.contains(&process.ticket.0);
            hit && waited_for && !process.spared && !process.known
        });
        assert!(
            !asks || unborn.is_none(),
            "S1: {unit} is told to go before {unborn:?} is there"
        );
    }

    pub(super) fn signal(&mut self, unit: &UnitName, target: Target, signal: Signal) {
        if target == Target::All {
            self.strangers.signal(unit, signal);
        }
        let hit = |process: &Process| match target {
            Target::All => process.unit == *unit,
            Target::Process(ticket) => process.ticket == ticket,
        };
        let victims: Vec<usize> = (0..self.processes.len())
            .rev()
            .filter(|at| hit(&self.processes[*at]))
            .filter(|at| {
                signal == Signal::KILL || (signal != Signal::CONT && !self.processes[*at].stubborn)
            })
            .collect();
        for at in victims {
            if signal == Signal::KILL || self.fair || self.dice.percent(60) {
                let number = u8::try_from(signal.number()).unwrap();
                let status = if signal == Signal::KILL || self.dice.percent(50) {
                    ExitStatus::Signal(number)
                } else {
                    CLEAN
                };
                self.end(at, status);
            }
        }
    }

    /// A process ends: the keeper has its exit.
    pub(super) fn end(&mut self, at: usize, status: ExitStatus) {
        let process = self.processes.remove(at);
        self.say(|| {
            format!(
                "~ {} {:?} {} ends: {status:?}",
                process.unit, process.role, process.ticket.0
            )
        });
        self.exits
            .push_back((process.ticket, process.unit, status, self.now));
        self.disconnect(process.pid);
    }

    /// An exit may be told once the spawn was answered.
    pub(super) fn next_exit(&mut self) -> Option<(Ticket, UnitName, ExitStatus, u64)> {
        let unanswered = |ticket: Ticket| {
            self.manager.answers.iter().any(|event| matches!(event, Event::Spawned { ticket: asked, .. } | Event::Adopted { ticket: asked, .. } if *asked == ticket))
        };
        let at = self
            .exits
            .iter()
            .position(|(ticket, ..)| !unanswered(*ticket))?;
        self.exits.remove(at)
    }

    pub(super) fn check_empty(&mut self) -> bool {
        let empty = |unit: &UnitName| {
            self.processes.iter().all(|process| process.unit != *unit)
                && !self.strangers.are_in(unit)
        };
        let Some(at) = self
            .manager
            .empties
            .iter()
            .position(|(_, unit)| empty(unit))
        else {
            return false;
        };
        let (ticket, _) = self.manager.empties.remove(at);
        self.feed(Event::Emptied { ticket });
        true
    }
}
