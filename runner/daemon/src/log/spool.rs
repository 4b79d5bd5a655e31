//! The spool: the last of one output that is copied to several readers, in a memfd that the keeper
//! holds.
//!
//! Like a ring it only grows at its end and is punched out at its beginning, and *its size is the
//! position*: how many bytes have ever come through. Its first page is a note of how far they have
//! been logged. A note that is old, or none, makes lines be compared or told again, never lost.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::FallocateFlags;

use super::pipe;

const PAGE: u64 = 4096;
/// Where the bytes begin.
const HEADER: u64 = PAGE;
const MAGIC: u64 = u64::from_le_bytes(*b"spool 1\n");
/// How many processes' beginnings are noted.
const MARKS: usize = 4;
const NUMBERS: usize = 6 + 2 * MARKS;

/// How far an output has been logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Note {
    /// Everything before this position is done with.
    pub(super) restart: u64,
    /// Of what comes out of the bytes from there on, so many have been logged too.
    pub(super) delivered: u64,
    /// Device and inode of the log file.
    pub(super) file: (u64, u64),
    /// How long it was then.
    pub(super) length: u64,
    /// From which position on which process wrote, oldest first.
    pub(super) marks: [(u64, u64); MARKS],
}

#[derive(Debug)]
pub(super) struct Spool {
    memory: File,
    end: u64,
    /// Everything before is punched out.
    start: u64,
    capacity: u64,
}

impl Spool {
    /// Takes up a spool where its end is.
    pub(super) fn open(memory: OwnedFd, capacity: u64) -> io::Result<Spool> {
        let memory = File::from(memory);
        let length = memory.metadata()?.len();
        if length < HEADER {
            memory.set_len(HEADER)?;
        }
        let mut spool = Spool {
            memory,
            end: length.saturating_sub(HEADER),
            start: 0,
            capacity,
        };
        spool.forget_old();
        Ok(spool)
    }

    /// How many bytes have ever come.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// The first one that is kept.
    pub(super) fn first(&self) -> u64 {
        self.end.saturating_sub(self.capacity)
    }

    /// Keeps so many bytes from now on.
    pub(super) fn set_capacity(&mut self, capacity: u64) {
        self.capacity = self.capacity.max(capacity);
    }

    /// Moves `bytes` out of the pipe to the end, and says how many were there.
    pub(super) fn take(&mut self, from: BorrowedFd<'_>, bytes: usize) -> io::Result<usize> {
        let to = Some(HEADER + self.end);
        let moved = pipe::splice(from, self.memory.as_fd(), to, bytes)?;
        self.end += moved as u64;
        self.forget_old();
        Ok(moved)
    }

    /// Up to `bytes` from `position` on.
    pub(super) fn read(&self, position: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let there = usize::try_from(self.end.saturating_sub(position)).unwrap_or(usize::MAX);
        let mut text = vec![0; bytes.min(there)];
        self.memory.read_exact_at(&mut text, HEADER + position)?;
        Ok(text)
    }

    /// Writes the note anew. It is less than a page, which no kill can tear.
    pub(super) fn write_note(&self, note: &Note) -> io::Result<()> {
        let mut numbers = [0; NUMBERS];
        numbers[..6].copy_from_slice(&[
            MAGIC,
            note.restart,
            note.delivered,
            note.file.0,
            note.file.1,
            note.length,
        ]);
        for (place, (position, pid)) in numbers[6..].chunks_exact_mut(2).zip(note.marks) {
            place.copy_from_slice(&[position, pid]);
        }
        let bytes: Vec<u8> = numbers.into_iter().flat_map(u64::to_le_bytes).collect();
        self.memory.write_all_at(&bytes, 0)
    }

    /// The note, where there is one.
    pub(super) fn note(&self) -> Option<Note> {
        let mut bytes = [0; NUMBERS * 8];
        self.memory.read_exact_at(&mut bytes, 0).ok()?;
        let mut numbers = [0; NUMBERS];
        for (number, bytes) in numbers.iter_mut().zip(bytes.chunks_exact(8)) {
            *number = u64::from_le_bytes(bytes.try_into().ok()?);
        }
        let mut marks = [(0, 0); MARKS];
        for (mark, numbers) in marks.iter_mut().zip(numbers[6..].chunks_exact(2)) {
            *mark = (numbers[0], numbers[1]);
        }
        (numbers[0] == MAGIC).then_some(Note {
            restart: numbers[1],
            delivered: numbers[2],
            file: (numbers[3], numbers[4]),
            length: numbers[5],
            marks,
        })
    }

    /// Gives back the pages that only hold what is too old. A failure costs memory, no lines.
    fn forget_old(&mut self) {
        let start = self.first() / PAGE * PAGE;
        if start > self.start {
            let mode = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            let (at, bytes) = (HEADER + self.start, start - self.start);
            if rustix::fs::fallocate(&self.memory, mode, at, bytes).is_ok() {
                self.start = start;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::log::ring;

    #[test]
    fn keeps_its_end_its_note_and_little_memory() {
        let memory = ring::create("a").unwrap();
        let mut spool = Spool::open(memory.try_clone().unwrap(), 65536).unwrap();
        assert_eq!((spool.note(), spool.end()), (None, 0));
        let (read, mut write) = std::io::pipe().unwrap();
        for n in 0..100_u8 {
            write.write_all(&[n; 5000]).unwrap();
            assert_eq!(spool.take(read.as_fd(), 5000).unwrap(), 5000);
        }
        let note = Note {
            restart: 499_000,
            delivered: 7,
            file: (1, 2),
            length: 3,
            marks: [(4, 5), (6, 7), (0, 0), (0, 0)],
        };
        spool.write_note(&note).unwrap();
        let blocks = spool.memory.metadata().unwrap().blocks();
        assert!(blocks * 512 <= 65536 + 3 * PAGE);
        let again = Spool::open(memory, 65536).unwrap();
        assert_eq!((again.note(), again.end()), (Some(note), 500_000));
        assert_eq!(again.read(499_999, 10).unwrap(), [99]);
        assert_eq!(again.read(again.first(), 2).unwrap(), [86, 86]);
        assert!(again.read(500_000, 10).unwrap().is_empty());
    }
}
