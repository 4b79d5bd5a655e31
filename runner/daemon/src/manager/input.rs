//! Standard inputs that clients write to (`standard-input = "pipe"`).
//!
//! Each run gets a pipe of its own, whose writing end the keeper holds as well: a manager that is
//! killed leaves the service's input open, and what was written is in the pipe. A pipe grows
//! before anything waits here; only what such a pipe does not take waits in memory, and is lost
//! with the manager.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::sys::epoll::EpollFlags;
use rustix::fs::OFlags;
use units::UnitName;

use super::poller::{Poller, Source};
use crate::link::{Key, Link};

/// So much waits at most for one service beyond what its pipe takes.
const QUEUE: usize = 64 * 1024;
/// How far a pipe grows (`/proc/sys/fs/pipe-max-size` where nobody changed it).
const LARGEST: usize = 1024 * 1024;

/// Why nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The service has no such pipe, or has closed it.
    Closed,
    /// Too much waits already.
    Full,
}

#[derive(Debug)]
struct Pipe {
    write_end: OwnedFd,
    waiting: Vec<u8>,
}

/// The writing ends, by service.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    pipes: HashMap<UnitName, Pipe>,
}

impl Inputs {
    /// A new pipe for a new run; gives the end that the service reads.
    pub(super) fn open(
        &mut self,
        link: &Link,
        poller: &mut Poller,
        unit: &UnitName,
    ) -> io::Result<Arc<OwnedFd>> {
        let (read_end, write_end) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
        rustix::fs::fcntl_setfl(&write_end, OFlags::NONBLOCK)?;
        link.put(&Key::Stdin { unit: unit.clone() }, write_end.as_fd())?;
        self.unwatch(poller, unit);
        let pipe = Pipe {
            write_end,
            waiting: Vec::new(),
        };
        self.pipes.insert(unit.clone(), pipe);
        Ok(Arc::new(read_end))
    }

    /// Takes a pipe back after a recovery.
    pub(super) fn restore(&mut self, unit: UnitName, write_end: OwnedFd) {
        let pipe = Pipe {
            write_end,
            waiting: Vec::new(),
        };
        self.pipes.insert(unit, pipe);
    }

    /// The run is over.
    pub(super) fn close(&mut self, link: &Link, poller: &mut Poller, unit: &UnitName) {
        self.unwatch(poller, unit);
        if self.pipes.remove(unit).is_some()
            && let Err(error) = link.delete(&Key::Stdin { unit: unit.clone() })
        {
            tracing::error!("the keeper cannot let go of the input of {unit}: {error}");
        }
    }

    fn unwatch(&self, poller: &mut Poller, unit: &UnitName) {
        if let Some(pipe) = self.pipes.get(unit) {
            poller.remove(&Source::Input(unit.clone()), pipe.write_end.as_fd());
        }
    }

    /// Writes all of it or nothing; what the pipe does not take at once follows by itself.
    pub(super) fn write(
        &mut self,
        poller: &mut Poller,
        unit: &UnitName,
        bytes: &[u8],
    ) -> Result<(), Refused> {
        self.room(unit, bytes.len())?;
        let pipe = self.pipes.get_mut(unit).ok_or(Refused::Closed)?;
        pipe.waiting.extend_from_slice(bytes);
        self.flush(poller, unit).map_err(|_| Refused::Closed)
    }

    /// Whether so many bytes fit now, all of them or at worst with the rest of them waiting here.
    pub(super) fn room(&mut self, unit: &UnitName, bytes: usize) -> Result<(), Refused> {
        let pipe = self.pipes.get(unit).ok_or(Refused::Closed)?;
        if is_closed(pipe.write_end.as_fd()) {
            return Err(Refused::Closed);
        }
        if pipe.waiting.is_empty() {
            grow(pipe.write_end.as_fd(), bytes);
        }
        let room = QUEUE.saturating_sub(pipe.waiting.len());
        let certain = if pipe.waiting.is_empty() {
            free(pipe.write_end.as_fd())
        } else {
            0
        };
        if bytes > room.saturating_add(certain) {
            return Err(Refused::Full);
        }
        Ok(())
    }

    /// The pipe itself, while nothing waits that has to go before.
    pub(super) fn pipe(&self, unit: &UnitName) -> Option<BorrowedFd<'_>> {
        let pipe = self.pipes.get(unit)?;
        pipe.waiting.is_empty().then(|| pipe.write_end.as_fd())
    }

    /// Writes what waits, as far as the pipe takes it.
    pub(super) fn flush(&mut self, poller: &mut Poller, unit: &UnitName) -> io::Result<()> {
        let Some(pipe) = self.pipes.get_mut(unit) else {
            return Ok(());
        };
        let written = write_some(&pipe.write_end, &pipe.waiting);
        let source = Source::Input(unit.clone());
        match written {
            Ok(written) => {
                pipe.waiting.drain(..written);
                if pipe.waiting.is_empty() {
                    poller.remove(&source, pipe.write_end.as_fd());
                    pipe.waiting = Vec::new();
                    return Ok(());
                }
                poller.add(source, pipe.write_end.as_fd(), EpollFlags::EPOLLOUT)
            }
            Err(error) => {
                // Nobody will ever read it.
                poller.remove(&source, pipe.write_end.as_fd());
                pipe.waiting = Vec::new();
                Err(error)
            }
        }
    }
}

/// Writes until the pipe takes no more.
fn write_some(pipe: &OwnedFd, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match rustix::io::write(pipe, rest) {
            Ok(now) => written += now,
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(written)
}

/// Whether nobody has the other end.
fn is_closed(pipe: BorrowedFd<'_>) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut asked = [PollFd::new(pipe, PollFlags::POLLOUT)];
    poll(&mut asked, PollTimeout::ZERO).is_ok()
        && asked.iter().any(|fd| {
            fd.revents()
                .is_some_and(|found| found.contains(PollFlags::POLLERR))
        })
}

/// How many bytes are certain to fit, however the pipe's pages are filled.
fn free(pipe: BorrowedFd<'_>) -> usize {
    let capacity = rustix::pipe::fcntl_getpipe_size(pipe).unwrap_or_default();
    let held = rustix::io::ioctl_fionread(pipe)
        .ok()
        .and_then(|held| usize::try_from(held).ok())
        .unwrap_or(capacity);
    // An empty pipe takes whole pages; in one that is not, each page may hold a single byte.
    if held == 0 {
        capacity
    } else {
        (capacity / 2).saturating_sub(held).saturating_sub(4096)
    }
}

/// Makes room for so many bytes more, where the kernel grants it.
fn grow(pipe: BorrowedFd<'_>, bytes: usize) {
    while free(pipe) < bytes {
        let Ok(capacity) = rustix::pipe::fcntl_getpipe_size(pipe) else {
            return;
        };
        let wanted = capacity.saturating_mul(2);
        if wanted > LARGEST || rustix::pipe::fcntl_setpipe_size(pipe, wanted).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn inputs() -> (Inputs, Poller, UnitName, std::fs::File) {
        let unit = UnitName::parse("a.service").unwrap();
        let (read_end, write_end) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
        rustix::fs::fcntl_setfl(&write_end, OFlags::NONBLOCK).unwrap();
        let mut inputs = Inputs::default();
        inputs.restore(unit.clone(), write_end);
        (inputs, Poller::new().unwrap(), unit, read_end.into())
    }

    fn read(file: &mut std::fs::File, bytes: usize) -> Vec<u8> {
        let mut text = vec![0; bytes];
        file.read_exact(&mut text).unwrap();
        text
    }

    #[tokio::test(flavor = "current_thread")]
    async fn takes_all_or_nothing() {
        let (mut inputs, mut poller, unit, mut reader) = inputs();
        inputs.write(&mut poller, &unit, b"hello\n").unwrap();
        assert_eq!(read(&mut reader, 6), b"hello\n");
        let (mut taken, mut sent) = (0, Vec::new());
        let piece: Vec<u8> = (0..50_000_u32).map(|n| (n % 251) as u8).collect();
        while inputs.write(&mut poller, &unit, &piece).is_ok() {
            sent.extend_from_slice(&piece);
            taken += 1;
        }
        assert!((2..30).contains(&taken), "{taken}");
        assert_eq!(inputs.write(&mut poller, &unit, &piece), Err(Refused::Full));
        // What waits follows as room is made.
        let mut got = Vec::new();
        while got.len() < sent.len() {
            let step = (sent.len() - got.len()).min(4096);
            got.extend(read(&mut reader, step));
            inputs.flush(&mut poller, &unit).unwrap();
        }
        assert_eq!(got, sent);
        inputs.write(&mut poller, &unit, b"more").unwrap();
        assert_eq!(read(&mut reader, 4), b"more");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn knows_a_closed_pipe() {
        let (mut inputs, mut poller, unit, reader) = inputs();
        drop(reader);
        assert_eq!(inputs.write(&mut poller, &unit, b"x"), Err(Refused::Closed));
        let other = UnitName::parse("b.service").unwrap();
        assert_eq!(
            inputs.write(&mut poller, &other, b"x"),
            Err(Refused::Closed)
        );
    }
}
