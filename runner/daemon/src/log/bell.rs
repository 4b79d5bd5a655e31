//! What wakes the log writer: one system call however many commands are queued before it looks.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::eventfd::{EfdFlags, EventFd};

/// Readable while there is something new in the queue.
#[derive(Debug)]
pub(super) struct Bell {
    fd: EventFd,
    /// It was rung, and the writer has not begun to look yet.
    rung: AtomicBool,
    /// It is not to ring just now.
    held: AtomicBool,
    /// Somebody wanted to ring meanwhile.
    wanted: AtomicBool,
}

impl Bell {
    pub(super) fn new() -> io::Result<Bell> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        Ok(Bell {
            fd: EventFd::from_flags(flags)?,
            rung: AtomicBool::new(false),
            held: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
        })
    }

    /// After something was queued.
    pub(super) fn ring(&self) {
        self.wanted.store(true, Ordering::SeqCst);
        if !self.held.load(Ordering::SeqCst) {
            self.ring_if_wanted();
        }
    }

    /// Keeps it quiet until [`Bell::release`].
    pub(super) fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    /// Rings for everybody who wanted to meanwhile.
    pub(super) fn release(&self) {
        self.held.store(false, Ordering::SeqCst);
        self.ring_if_wanted();
    }

    fn ring_if_wanted(&self) {
        if self.wanted.swap(false, Ordering::SeqCst) && !self.rung.swap(true, Ordering::SeqCst) {
            // This can only fail when 2^64-2 rings are pending.
            let _ = self.fd.write(1);
        }
    }

    /// Before the queue is emptied: whoever queues something from here on rings again.
    pub(super) fn heard(&self) {
        // Nothing to read means that somebody else's ring came with an earlier one.
        let _ = self.fd.read();
        self.rung.store(false, Ordering::SeqCst);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
