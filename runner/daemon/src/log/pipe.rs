//! The pipes that services write to: looking into one, moving bytes out of one, and its size.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::MemfdFlags;
use rustix::pipe::{PipeFlags, SpliceFlags};

/// What a pipe holds when nobody asked for another size: 16 slots of a page each.
pub(super) const USUAL: usize = 64 * 1024;
/// How far a pipe grows while it is found full.
pub(super) const LARGEST: usize = 1024 * 1024;

/// How many bytes wait in the pipe.
pub(super) fn waiting(pipe: BorrowedFd<'_>) -> io::Result<usize> {
    let bytes = rustix::io::ioctl_fionread(pipe)?;
    Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// How many bytes the pipe holds when each slot is full.
pub(super) fn capacity(pipe: BorrowedFd<'_>) -> usize {
    rustix::pipe::fcntl_getpipe_size(pipe).unwrap_or(USUAL)
}

/// Asks for another size and says which one it is then. A user over the limit of pipe pages
/// (`pipe-user-pages-soft`) and a pipe that holds more than asked for keep the old one.
pub(super) fn resize(pipe: BorrowedFd<'_>, bytes: usize) -> usize {
    match rustix::pipe::fcntl_setpipe_size(pipe, bytes) {
        Ok(size) => size,
        Err(_) => capacity(pipe),
    }
}

/// How many bytes are certain to fit into a pipe of this capacity however they are written: two
/// neighbouring slots hold more than one page together, and the first may be used up in part.
pub(super) fn certain(capacity: usize) -> usize {
    (capacity / 2).saturating_sub(4096)
}

/// Moves up to `bytes` from a pipe to the place `at` of a file. The pipe gives up exactly what was
/// written, whatever happens to us meanwhile. `Ok(0)` means that the pipe is empty.
pub(super) fn splice(
    pipe: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    at: Option<u64>,
    bytes: usize,
) -> io::Result<usize> {
    let mut at = at;
    loop {
        match rustix::pipe::splice(pipe, None, to, at.as_mut(), bytes, SpliceFlags::NONBLOCK) {
            Ok(moved) => return Ok(moved),
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => return Ok(0),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Device and inode of an open file.
pub(super) fn identity(fd: &OwnedFd) -> io::Result<(u64, u64)> {
    let found = rustix::fs::fstat(fd)?;
    Ok((found.st_dev, found.st_ino))
}

/// Where everything goes that nobody wants, always to its beginning: where there is no `/dev/null`, it
/// is a file in memory, no longer than what a pipe holds.
pub(super) fn open_null() -> io::Result<File> {
    let opened = File::options().write(true).open("/dev/null");
    opened.or_else(|_| Ok(rustix::fs::memfd_create("null", MemfdFlags::CLOEXEC)?.into()))
}

/// A pipe of our own, through which the front of another one is read without taking it away.
#[derive(Debug)]
pub(super) struct Scratch {
    read: OwnedFd,
    write: OwnedFd,
    /// How much of another pipe one look is certain to show.
    pub(super) sight: usize,
    seen: Vec<u8>,
}

impl Scratch {
    pub(super) fn new() -> io::Result<Scratch> {
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // Slots are copied one by one, however little is in them.
        let capacity = resize(write.as_fd(), 4 * USUAL);
        Ok(Scratch {
            read,
            write,
            sight: certain(capacity),
            seen: Vec::new(),
        })
    }

    /// Copies up to `bytes` from the front of `pipe`, which keeps them, into a buffer that is to be
    /// given back by [`Self::give_back`].
    pub(super) fn look(&mut self, pipe: BorrowedFd<'_>, bytes: usize) -> io::Result<Vec<u8>> {
        let mut seen = std::mem::take(&mut self.seen);
        seen.clear();
        let copied = loop {
            match rustix::pipe::tee(pipe, &self.write, bytes, SpliceFlags::NONBLOCK) {
                Ok(copied) => break copied,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break 0,
                Err(error) => return Err(error.into()),
            }
        };
        seen.resize(copied, 0);
        let mut filled = 0;
        while let Some(rest) = seen.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match rustix::io::read(&self.read, rest) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        seen.truncate(filled);
        Ok(seen)
    }

    /// Takes back the buffer of a look, for the next one.
    pub(super) fn give_back(&mut self, seen: Vec<u8>) {
        self.seen = seen;
    }
}
