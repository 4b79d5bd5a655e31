//! The ring: the last output of a unit, in a memfd that the keeper holds.
//!
//! It is a file that only ever grows at its end and whose beginning is punched out again, so that
//! it never holds more than its capacity and one page of memory. *Its size is the position*: there
//! is no header that could disagree with the bytes, so a manager that is killed between any two
//! system calls leaves a ring to which the next one just appends.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{FallocateFlags, MemfdFlags};

use super::pipe;

/// How many bytes of output a ring keeps.
pub const CAPACITY: u64 = 64 * 1024;
const PAGE: u64 = 4096;

/// Makes the memfd of a ring, for the keeper to hold. It takes no memory until something is written.
///
/// # Errors
/// What memfd_create(2) says.
pub fn create(unit: &str) -> io::Result<OwnedFd> {
    // The name is only shown in /proc; the kernel takes up to 249 bytes.
    let shown: String = unit
        .chars()
        .filter(char::is_ascii_graphic)
        .take(200)
        .collect();
    Ok(rustix::fs::memfd_create(
        format!("log:{shown}"),
        MemfdFlags::CLOEXEC,
    )?)
}

#[derive(Debug)]
pub(super) struct Ring {
    memory: std::fs::File,
    /// Where the next byte goes: the size of the file.
    end: u64,
    /// Everything before is punched out.
    start: u64,
}

impl Ring {
    /// Takes up a ring where its end is.
    pub(super) fn open(memory: OwnedFd) -> io::Result<Ring> {
        let memory = std::fs::File::from(memory);
        let end = memory.metadata()?.len();
        let mut ring = Ring {
            memory,
            end,
            start: 0,
        };
        ring.forget_old();
        Ok(ring)
    }

    /// Moves `bytes` out of the pipe to the end of the ring, and says how many were there.
    pub(super) fn take(&mut self, from: BorrowedFd<'_>, bytes: usize) -> io::Result<usize> {
        let mut moved = 0;
        while moved < bytes {
            let at = self.end;
            match pipe::splice(from, self.memory.as_fd(), Some(at), bytes - moved)? {
                0 => break,
                now => {
                    moved += now;
                    self.end += now as u64;
                }
            }
        }
        self.forget_old();
        Ok(moved)
    }

    /// Writes `bytes` at the end: for what is not in a pipe any more.
    pub(super) fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.memory.write_all_at(bytes, self.end)?;
        self.end += bytes.len() as u64;
        self.forget_old();
        Ok(())
    }

    /// Ends a last line that has no newline, so that the next output does not go on with it.
    pub(super) fn end_line(&mut self) -> io::Result<()> {
        let mut last = [b'\n'];
        if self.end > self.start {
            self.memory.read_exact_at(&mut last, self.end - 1)?;
        }
        if last != [b'\n'] {
            self.memory.write_all_at(b"\n", self.end)?;
            self.end += 1;
        }
        Ok(())
    }

    /// What it holds, and whether that begins with the first byte ever written.
    pub(super) fn contents(&self) -> io::Result<(Vec<u8>, bool)> {
        let start = self.end.saturating_sub(CAPACITY);
        let mut bytes = vec![0; usize::try_from(self.end - start).unwrap_or_default()];
        self.memory.read_exact_at(&mut bytes, start)?;
        Ok((bytes, start == 0))
    }

    /// Gives back the pages that only hold what is too old. A failure costs memory, no lines.
    fn forget_old(&mut self) {
        let start = self.end.saturating_sub(CAPACITY) / PAGE * PAGE;
        if start > self.start {
            let mode = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            if rustix::fs::fallocate(&self.memory, mode, self.start, start - self.start).is_ok() {
                self.start = start;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::log::lines;

    #[test]
    fn keeps_the_end_and_little_memory() {
        let held = create("a.service").unwrap();
        let mut ring = Ring::open(held.try_clone().unwrap()).unwrap();
        let (read, write) = std::io::pipe().unwrap();
        let mut write = write;
        let mut total = 0;
        for n in 0..20_000 {
            let line = format!("line number {n}\n");
            write.write_all(line.as_bytes()).unwrap();
            total += line.len() as u64;
            if n % 100 == 99 {
                let waiting = pipe::waiting(read.as_fd()).unwrap();
                // A new one each time: nothing is kept outside the memfd.
                ring = Ring::open(held.try_clone().unwrap()).unwrap();
                assert_eq!(ring.take(read.as_fd(), waiting).unwrap(), waiting);
            }
        }
        assert_eq!(ring.end, total);
        let held = std::fs::File::from(held);
        assert!(held.metadata().unwrap().blocks() * 512 <= CAPACITY + 2 * PAGE);
        let (text, from_start) = ring.contents().unwrap();
        assert_eq!((text.len() as u64, from_start), (CAPACITY, false));
        let last = lines::last(&text, 3, from_start);
        assert_eq!(
            last,
            [
                b"line number 19997",
                b"line number 19998",
                b"line number 19999"
            ]
        );
    }

    #[test]
    fn ends_an_open_line() {
        let mut ring = Ring::open(create("a.service").unwrap()).unwrap();
        ring.end_line().unwrap();
        assert_eq!(ring.contents().unwrap().0, b"");
        let (read, mut write) = std::io::pipe().unwrap();
        write.write_all(b"half").unwrap();
        ring.take(read.as_fd(), 4).unwrap();
        ring.end_line().unwrap();
        ring.end_line().unwrap();
        assert_eq!(ring.contents().unwrap().0, b"half\n");
    }
}
