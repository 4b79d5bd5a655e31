//! Waiting for descriptors, and for ctrl-C where that ends a command and not the program.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, poll};

use super::failure::{Failure, Outcome};

/// Whether ctrl-C is ours to notice. While one that watches exists, SIGINT is blocked and read from
/// a descriptor; otherwise it ends the process as it ends any other.
#[derive(Debug, Default)]
pub(super) struct Interrupt {
    signals: Option<SignalFd>,
}

impl Interrupt {
    /// One that notices ctrl-C from now on.
    ///
    /// # Errors
    /// When the kernel has no descriptor left.
    pub(super) fn watch() -> io::Result<Interrupt> {
        let mask = SigSet::from(Signal::SIGINT);
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        mask.thread_block()?;
        Ok(Interrupt {
            signals: Some(signals),
        })
    }

    /// Whether ctrl-C is noticed.
    pub(super) fn watches(&self) -> bool {
        self.signals.is_some()
    }

    /// Waits until one of `fds` is ready for what is asked of it, and says which are.
    ///
    /// # Errors
    /// Ctrl-C, where it is noticed; or a failure to wait.
    pub(super) fn wait(&self, fds: &[(BorrowedFd<'_>, PollFlags)]) -> Outcome<Vec<bool>> {
        let mut polled: Vec<PollFd<'_>> = fds
            .iter()
            .map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags))
            .collect();
        if let Some(signals) = &self.signals {
            polled.push(PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN));
        }
        while let Err(error) = poll(&mut polled, None) {
            if error != rustix::io::Errno::INTR {
                return Err(io::Error::from(error).into());
            }
        }
        let mut ready: Vec<bool> = polled.iter().map(|fd| !fd.revents().is_empty()).collect();
        if let Some(signals) = &self.signals
            && ready.pop() == Some(true)
            && matches!(signals.read_signal(), Ok(Some(_)))
        {
            return Err(Failure::Interrupted);
        }
        Ok(ready)
    }

    /// Waits for one descriptor.
    ///
    /// # Errors
    /// As [`wait`](Interrupt::wait).
    pub(super) fn wait_for(&self, fd: BorrowedFd<'_>, flags: PollFlags) -> Outcome<()> {
        self.wait(&[(fd, flags)]).map(drop)
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        if let Some(signals) = self.signals.take() {
            // One that came too late for anything to notice is answered by the end that is near.
            let _ = signals.read_signal();
            let _ = SigSet::from(Signal::SIGINT).thread_unblock();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::raise;

    #[test]
    fn ctrl_c_ends_a_wait_and_no_more() {
        let (reader, _writer) = std::os::unix::net::UnixStream::pair().unwrap();
        let interrupt = Interrupt::watch().unwrap();
        raise(Signal::SIGINT).unwrap();
        let outcome = interrupt.wait_for(reader.as_fd(), PollFlags::IN);
        assert!(matches!(outcome, Err(Failure::Interrupted)));
        drop(interrupt);
        let (reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
        drop(writer);
        Interrupt::default()
            .wait_for(reader.as_fd(), PollFlags::IN)
            .unwrap();
    }
}
