//! Finding main processes that somebody else forked: by pid file, by guess, or by `MAINPID=`.
//!
//! The pid found is only a number. It becomes a process of ours when the keeper, whose child it is,
//! opens its pidfd and registers it as an instance.

use std::path::Path;

use engine::action::{AdoptFrom, StopHint};
use engine::event::AdoptFailure;
use engine::{Event, Ticket};
use units::UnitName;

use super::Manager;
use super::wake::Done;
use crate::link::Child;
use crate::process::adopt;

/// An adoption on its way.
#[derive(Debug)]
pub(super) struct Adopting {
    unit: UnitName,
    /// A process outside the unit may be named: the sender of the message was root.
    trusted: bool,
}

impl Manager {
    /// Performs `Adopt`.
    pub(super) fn adopt(&mut self, ticket: Ticket, unit: UnitName, from: AdoptFrom) {
        let trusted = matches!(from, AdoptFrom::Named { trusted: true, .. });
        self.adopting.insert(
            ticket,
            Adopting {
                unit: unit.clone(),
                trusted,
            },
        );
        match from {
            AdoptFrom::PidFile(path) => self.offload.submit(move || Done::Found {
                ticket,
                result: adopt::read_pid_file(Path::new(&path)),
            }),
            AdoptFrom::Guess => {
                let result = adopt::guess(&mut self.processes, &unit);
                self.found_main(ticket, result);
            }
            AdoptFrom::Named { pid, .. } => self.found_main(ticket, Ok(pid)),
        }
    }

    /// A pid was found, or none was.
    pub(super) fn found_main(&mut self, ticket: Ticket, result: Result<u32, AdoptFailure>) {
        let Some(adopting) = self.adopting.get(&ticket) else {
            return;
        };
        let (unit, trusted) = (adopting.unit.clone(), adopting.trusted);
        let uid = self.uid_of(&unit);
        let checked =
            result.and_then(|pid| adopt::check(&self.processes, &unit, pid, uid, trusted));
        let reason = match checked {
            Ok(pid) => {
                let stop = self.stop_hint(&unit);
                match self.link.adopt(ticket, &unit, pid, &stop) {
                    Ok(()) => return,
                    Err(error) => AdoptFailure::Refused(format!("cannot ask the keeper: {error}")),
                }
            }
            Err(reason) => reason,
        };
        self.adopting.remove(&ticket);
        self.events.push_back(Event::AdoptFailed { ticket, reason });
    }

    /// The keeper knows it now.
    pub(super) fn adopted(&mut self, child: Child) {
        let Child {
            instance: ticket,
            unit,
            pid,
            pidfd,
        } = child;
        self.adopting.remove(&ticket);
        if let Some(pidfd) = pidfd {
            self.processes.restore(ticket, unit.clone(), pid, pidfd);
            self.logs.pid(unit.clone(), Some(pid));
        }
        self.feed(Event::Adopted { ticket, pid });
        self.turn();
    }

    /// The keeper cannot know it.
    pub(super) fn adopt_failed(&mut self, ticket: Ticket, errno: i32) {
        self.adopting.remove(&ticket);
        let reason = match errno {
            // Its parent has not ended yet, so it is not the keeper's child yet; or it is gone.
            libc::ECHILD | libc::ESRCH => AdoptFailure::NotYet,
            libc::EEXIST => AdoptFailure::Refused("the process is known already".to_owned()),
            _ => AdoptFailure::Refused(std::io::Error::from_raw_os_error(errno).to_string()),
        };
        self.events.push_back(Event::AdoptFailed { ticket, reason });
        self.turn();
    }

    fn stop_hint(&self, unit: &UnitName) -> StopHint {
        let definition = self.definition(unit);
        StopHint {
            rank: self.ranks.get(unit).copied().unwrap_or(0),
            signal: definition
                .as_ref()
                .map_or(units::Signal::TERM, |found| found.kill_signal()),
            timeout: definition
                .as_ref()
                .map_or(units::Span::from_micros(90_000_000), |found| {
                    found.timeout_stop_sec()
                }),
        }
    }
}
