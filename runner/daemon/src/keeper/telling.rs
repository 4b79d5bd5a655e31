//! What the manager is told, and how far we are: nothing is queued that is in the table anyway.

use std::io::ErrorKind;
use std::ops::Bound;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::process::PidfdFlags;
use serde::{Deserialize, Serialize};

use super::channel::{self, Wait};
use super::ladder::Rung;
use super::table::Child;
use super::wire::{Kind, Record, flags};
use super::{HANG_TIMER, Keeper, Manager, Room, now, system};

/// How far a manager was told. The steps follow each other in the order of the enum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Step {
    /// It said no `Hello` yet.
    Silent,
    /// The timer is next.
    Timer,
    /// Descriptors after this key are next.
    Fds(String),
    /// Children after this instance are next.
    Children(Option<u64>),
    /// Exits, then `End`.
    Exits,
    /// Whatever happens.
    Live,
}

/// Where in the telling we are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Telling {
    step: Step,
    /// Exits and signals up to these numbers were told.
    exits: u64,
    signals: u64,
}

/// A descriptor beside a record.
enum Beside<'a> {
    Nothing,
    Held(BorrowedFd<'a>),
    Made(OwnedFd),
}

impl Telling {
    pub(super) fn silent() -> Telling {
        Telling {
            step: Step::Silent,
            exits: 0,
            signals: 0,
        }
    }

    /// The number up to which signals were told.
    pub(super) fn told_signals(&self) -> u64 {
        self.signals
    }

    pub(super) fn begin(&mut self) {
        if self.step == Step::Silent {
            self.step = Step::Timer;
        }
    }

    /// Between `Hello` and `End`.
    pub(super) fn is_under_way(&self) -> bool {
        !matches!(self.step, Step::Silent | Step::Live)
    }
}

impl Keeper {
    /// Tells the manager all it has not been told, as far as there is room.
    pub(super) fn tell(&mut self) -> Room {
        loop {
            let Some((record, beside)) = self.to_tell() else {
                return Room::Enough;
            };
            let fd = match &beside {
                Beside::Nothing => None,
                Beside::Held(fd) => Some(*fd),
                Beside::Made(fd) => Some(fd.as_fd()),
            };
            let socket = self
                .manager
                .as_ref()
                .and_then(|manager| manager.socket.as_ref());
            let Some(socket) = socket else {
                return Room::Enough;
            };
            match channel::send(socket.as_fd(), &record, fd, Wait::Never) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Room::Full,
                Err(error) if error.kind() == ErrorKind::ResourceBusy => return Room::Busy,
                // It is dying, and what it said will be drained then.
                Err(_) => {
                    self.shoot();
                    return Room::Enough;
                }
            }
            drop(beside);
            self.told(record);
        }
    }

    fn to_tell(&self) -> Option<(Record, Beside<'_>)> {
        let manager = self
            .manager
            .as_ref()
            .filter(|manager| manager.socket.is_some())?;
        let Telling {
            step,
            exits,
            signals,
        } = &manager.telling;
        let exit = || {
            let next = self.table.exits.partition_point(|exit| exit.seq <= *exits);
            let exit = self.table.exits.get(next)?;
            Some((exit.record(), Beside::Nothing))
        };
        match step {
            Step::Silent => None,
            Step::Timer => Some((
                Record::about(Kind::Fd, HANG_TIMER),
                Beside::Held(self.hang.as_fd()),
            )),
            Step::Fds(last) => {
                let rest = (Bound::Excluded(last.as_str()), Bound::Unbounded);
                let next = self.table.fds.range::<str, _>(rest).next();
                next.map(|(key, fd)| (Record::about(Kind::Fd, key), Beside::Held(fd.as_fd())))
                    .or_else(|| self.child_after(None))
                    .or_else(exit)
                    .or_else(|| Some((self.end(), Beside::Nothing)))
            }
            Step::Children(last) => self
                .child_after(*last)
                .or_else(exit)
                .or_else(|| Some((self.end(), Beside::Nothing))),
            Step::Exits => exit().or_else(|| Some((self.end(), Beside::Nothing))),
            Step::Live => {
                let answer = manager.answers.front().map(|answer| {
                    let alive = answer.kind == Kind::Child
                        && self.table.children.contains_key(&answer.instance);
                    (
                        answer.clone(),
                        if alive {
                            self.pidfd(answer.instance, answer.pid)
                        } else {
                            Beside::Nothing
                        },
                    )
                });
                let signal = || {
                    let (seq, mask) = self.table.signals.iter().find(|(seq, _)| seq > signals)?;
                    let record = Record {
                        seq: *seq,
                        time: *mask,
                        ..Record::new(Kind::Signals)
                    };
                    Some((record, Beside::Nothing))
                };
                answer.or_else(exit).or_else(signal)
            }
        }
    }

    fn child_after(&self, last: Option<u64>) -> Option<(Record, Beside<'_>)> {
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        let (instance, child) = self.table.children.range((from, Bound::Unbounded)).next()?;
        Some((
            child_record(*instance, child),
            self.pidfd(*instance, child.pid),
        ))
    }

    /// A pidfd of a child that was not reaped yet. Without one the manager cannot signal it, but it
    /// still gets its exit.
    fn pidfd(&self, instance: u64, pid: u32) -> Beside<'_> {
        if let Some(pidfd) = self.table.fosters.get(&instance) {
            return Beside::Held(pidfd.as_fd());
        }
        system::as_pid(pid)
            .and_then(|pid| rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok())
            .map_or(Beside::Nothing, Beside::Made)
    }

    fn end(&self) -> Record {
        let safe = if self.ladder.rung > Rung::Normal {
            flags::SAFE_MODE
        } else {
            0
        };
        let program = if self.rolled_back {
            flags::PREVIOUS_PROGRAM
        } else {
            0
        };
        let state = self.ladder.rung == Rung::PreviousState;
        let state = if state { flags::PREVIOUS_STATE } else { 0 };
        Record {
            seq: self.table.seq,
            instance: self.table.highest,
            pid: std::process::id(),
            rank: self.generation,
            code: i32::try_from(self.ladder.strikes.len()).unwrap_or(i32::MAX),
            status: self.ladder.last_death.unwrap_or(-1),
            time: now(),
            signal: safe | program | state,
            ..Record::new(Kind::End)
        }
    }

    fn told(&mut self, record: Record) {
        let Some(Manager {
            telling, answers, ..
        }) = &mut self.manager
        else {
            return;
        };
        match (record.kind, &telling.step) {
            (Kind::Fd, Step::Timer) => telling.step = Step::Fds(String::new()),
            (Kind::Fd, _) => telling.step = Step::Fds(record.key),
            (Kind::Exit, step) => {
                if *step != Step::Live {
                    telling.step = Step::Exits;
                }
                telling.exits = record.seq;
            }
            (Kind::End, _) => telling.step = Step::Live,
            (Kind::Signals, _) => telling.signals = record.seq,
            (_, Step::Live) => {
                answers.pop_front();
            }
            (_, _) => telling.step = Step::Children(Some(record.instance)),
        }
    }
}

pub(super) fn child_record(instance: u64, child: &Child) -> Record {
    Record {
        instance,
        pid: child.pid,
        ..Record::about(Kind::Child, &child.unit)
    }
}
