//! Descriptors with low numbers, for the child to find its sources at.
//!
//! A child gets a copy of the manager's descriptor table, only to close all of it but a few, and
//! both take time for each of the thousands a manager may have. So the child shares the table, and
//! copies only its beginning ([`super::child`]); what it needs is put there for as long as the clone
//! takes.

use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::{DupFlags, dup3, fcntl_dupfd_cloexec};

use super::launch;

/// Enough for the standard ones and a dozen sockets; who needs more pays for the copy.
const COUNT: usize = 16;

/// The reserved numbers of one launching thread.
#[derive(Debug)]
pub(super) struct Slots {
    /// What lies in a slot that is not used.
    filler: Option<OwnedFd>,
    slots: Vec<OwnedFd>,
}

impl Slots {
    /// Takes the lowest free numbers. Without any, children get a copy of the whole table.
    pub(super) fn reserve() -> Slots {
        let none = Slots {
            filler: None,
            slots: Vec::new(),
        };
        if !launch::can_copy_part() {
            return none;
        }
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let Ok(filler) = rustix::fs::open("/", flags, Mode::empty()) else {
            return none;
        };
        let slots = (0..COUNT)
            .map_while(|_| fcntl_dupfd_cloexec(&filler, 3).ok())
            .collect();
        Slots {
            filler: Some(filler),
            slots,
        }
    }

    /// Puts the sources into slots and gives their numbers there, and the number above all of them;
    /// `None` where there are too many.
    pub(super) fn fill(&mut self, sources: &[impl AsFd]) -> Option<(Vec<RawFd>, RawFd)> {
        if sources.len() > self.slots.len() {
            return None;
        }
        let mut numbers = Vec::with_capacity(sources.len());
        for (slot, source) in self.slots.iter_mut().zip(sources) {
            dup3(source, slot, DupFlags::CLOEXEC).ok()?;
            numbers.push(slot.as_raw_fd());
        }
        let above = self.slots.iter().map(AsRawFd::as_raw_fd).max()? + 1;
        Some((numbers, above))
    }

    /// Lets go of the sources: the reader of a pipe would wait for us, else.
    pub(super) fn clear(&mut self, used: usize) {
        let Some(filler) = &self.filler else { return };
        for slot in self.slots.iter_mut().take(used) {
            if dup3(filler, slot, DupFlags::CLOEXEC).is_err() {
                // Cannot be with two open descriptors; and if it were, a copy is what we can do.
                self.slots.clear();
                return;
            }
        }
    }
}
