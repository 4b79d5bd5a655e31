//! Children of the keeper before us. Somebody else reaps them, so their ends are seen on their
//! pidfds, and how they ended is what the kernel tells there.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll::{CreateFlags, Event, EventData, EventFlags};

use super::system::{self, Fate};
use super::wire::STATUS_UNKNOWN;
use super::{Keeper, now};

/// How long whoever has to reap may take until it is given up to learn how a process ended, in
/// microseconds.
const PATIENCE: u64 = 2_000_000;

/// The watch on their pidfds.
#[derive(Debug)]
pub(super) struct Fosters {
    epoll: OwnedFd,
    /// Ended, and not reaped yet: the instance, and how long we wait for that.
    dying: Vec<(u64, u64)>,
}

impl Fosters {
    pub(super) fn new() -> std::io::Result<Fosters> {
        Ok(Fosters {
            epoll: rustix::event::epoll::create(CreateFlags::CLOEXEC)?,
            dying: Vec::new(),
        })
    }

    /// Readable when one of them has ended.
    pub(super) fn ready(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// Whether to look again soon, although nothing becomes readable.
    pub(super) fn is_waiting(&self) -> bool {
        !self.dying.is_empty()
    }

    /// Reports the end of this one, once.
    pub(super) fn watch(&mut self, instance: u64, pidfd: &OwnedFd) {
        let data = EventData::new_u64(instance);
        let flags = EventFlags::IN | EventFlags::ONESHOT;
        if rustix::event::epoll::add(&self.epoll, pidfd, data, flags).is_err() {
            // Short of memory: it is asked about again and again.
            self.dying.push((instance, u64::MAX));
        }
    }

    /// Notes who has ended.
    fn take_in(&mut self) {
        let mut events = [MaybeUninit::<Event>::uninit(); 64];
        let at_once = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        while let Ok((ended, _)) =
            rustix::event::epoll::wait(&self.epoll, &mut events[..], Some(&at_once))
        {
            if ended.is_empty() {
                return;
            }
            let until = now().saturating_add(PATIENCE);
            let ended = ended.iter().map(|event| (event.data.u64(), until));
            self.dying.extend(ended);
        }
    }
}

impl Keeper {
    /// Looks who of them has ended, and how.
    pub(super) fn look_at_fosters(&mut self) {
        self.fosters.take_in();
        let time = now();
        let mut waiting = Vec::new();
        for (instance, until) in std::mem::take(&mut self.fosters.dying) {
            let Some(pidfd) = self.table.fosters.get(&instance) else {
                continue;
            };
            let status = match system::fate(pidfd.as_fd()) {
                Fate::Ended(status) => status,
                Fate::Unknown if system::has_ended(pidfd.as_fd()) => STATUS_UNKNOWN,
                Fate::Open if until <= time => STATUS_UNKNOWN,
                Fate::Open | Fate::Unknown => {
                    waiting.push((instance, until));
                    continue;
                }
            };
            self.table.foster_ended(instance, status, time);
        }
        self.fosters.dying = waiting;
    }

    /// Sends a signal to a child that was not reaped by us yet, or to one that is not ours to reap.
    pub(super) fn signal_child(&self, instance: u64, pid: u32, signal: u32) {
        match self.table.fosters.get(&instance) {
            Some(pidfd) => system::kill_by(pidfd.as_fd(), signal),
            None => system::kill(Some(pid), signal),
        }
    }
}
