//! Writing to a standard input exactly once, whenever the manager is killed.
//!
//! A write to a pipe and the record that it was done are two steps, and a manager can die between
//! them. Here the bytes go into a memfd that the keeper holds as well, then a record says where they
//! end, and then they are spliced into the pipe: that moves the memfd's own position by exactly what
//! the pipe took. Who comes after compares position and record and splices the rest.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use engine::json;
use rustix::fs::{FallocateFlags, MemfdFlags, SeekFrom};
use rustix::pipe::SpliceFlags;
use serde::{Deserialize, Serialize};
use units::UnitName;

use super::Manager;
use super::input::Refused;
use crate::link::Key;
use control::Refusal;

/// The record's key.
pub(super) const RECORD: &str = "delivery";
/// What the keeper knows the memfd by.
pub(super) const HELD: &str = "deliveries";
/// Memory is given back after so much was delivered: whole pages, whatever their size is.
const GENEROUS: u64 = 256 * 1024;

/// What was delivered last, or is being delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Last {
    number: u64,
    unit: UnitName,
    /// Where its bytes end in the memfd.
    end: u64,
}

/// The bytes on their way.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    memory: Option<OwnedFd>,
    last: Option<Last>,
    /// Up to here memory was given back.
    freed: u64,
}

impl Deliveries {
    /// Goes on from the records of a state.
    pub(super) fn recover(records: &[(String, String)]) -> Deliveries {
        let last = records
            .iter()
            .find(|(key, _)| key == RECORD)
            .and_then(|(_, text)| json::from_str(text).ok());
        Deliveries {
            last,
            ..Deliveries::default()
        }
    }

    fn was_delivered(&self, number: u64) -> bool {
        self.last.as_ref().is_some_and(|last| number <= last.number)
    }

    /// Puts the bytes down; gives the record that makes them count.
    fn put_down(&mut self, number: u64, unit: &UnitName, bytes: &[u8]) -> io::Result<String> {
        let memory = match &self.memory {
            Some(memory) => memory,
            None => self
                .memory
                .insert(rustix::fs::memfd_create(HELD, MemfdFlags::CLOEXEC)?),
        };
        let end = self.last.as_ref().map_or(0, |last| last.end);
        // What a killed manager put down and made no record of is written over.
        rustix::fs::ftruncate(memory, end)?;
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            written += rustix::io::pwrite(memory, rest, end + as_u64(written))?;
        }
        let last = Last {
            number,
            unit: unit.clone(),
            end: end + as_u64(bytes.len()),
        };
        let record = serde_json::to_string(&last)?;
        self.last = Some(last);
        Ok(record)
    }

    /// Gives what was put down and not moved yet; it is nobody's but the caller's then.
    fn take_rest(&mut self) -> io::Result<Vec<u8>> {
        let (Some(memory), Some(last)) = (&self.memory, &self.last) else {
            return Ok(Vec::new());
        };
        let at = rustix::fs::tell(memory)?;
        let left = usize::try_from(last.end.saturating_sub(at)).unwrap_or_default();
        let mut rest = vec![0; left];
        let got = rustix::io::pread(memory, &mut rest[..], at)?;
        rest.truncate(got);
        rustix::fs::seek(memory, SeekFrom::Start(last.end))?;
        Ok(rest)
    }

    /// Moves what was put down and not moved yet into the pipe, as far as that takes it; gives what
    /// it does not take, which is then nobody's but the caller's.
    fn hand_over(&mut self, pipe: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
        let (Some(memory), Some(last)) = (&self.memory, &self.last) else {
            return Ok(Vec::new());
        };
        let mut result = Ok(Vec::new());
        loop {
            let at = rustix::fs::tell(memory)?;
            let Some(left) = last.end.checked_sub(at).filter(|left| *left > 0) else {
                break;
            };
            let length = usize::try_from(left).unwrap_or(usize::MAX);
            match rustix::pipe::splice(memory, None, pipe, None, length, SpliceFlags::NONBLOCK) {
                Ok(0) => break,
                Ok(_) | Err(rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::AGAIN) => {
                    let mut rest = vec![0; length];
                    let got = rustix::io::pread(memory, &mut rest[..], at)?;
                    rest.truncate(got);
                    result = Ok(rest);
                }
                Err(error) => result = Err(error.into()),
            }
            break;
        }
        rustix::fs::seek(memory, SeekFrom::Start(last.end))?;
        if last.end - self.freed.min(last.end) > GENEROUS {
            let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            // The pipe has its own hold on pages it was given, and keeps them as they are when the
            // whole page is let go. A part of one would be filled with zeros, under the eyes of a
            // listener that has not read it yet. Without the hole it costs memory.
            let end = last.end - last.end % GENEROUS;
            if rustix::fs::fallocate(memory, hole, self.freed, end - self.freed).is_ok() {
                self.freed = end;
            }
        }
        result
    }
}

fn as_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

impl Manager {
    /// Writes to the standard input of a service: all of it or nothing, and once for each number.
    pub(super) fn deliver(
        &mut self,
        unit: &UnitName,
        number: u64,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        if self.deliveries.was_delivered(number) {
            return Ok(());
        }
        self.require_process(unit)?;
        let room = self.inputs.room(unit, bytes.len());
        room.map_err(|refused| refusal(unit, refused))?;
        let fresh = self.deliveries.memory.is_none();
        let trouble = |error: io::Error| Refusal::Invalid(format!("{unit}: {error}"));
        let record = self
            .deliveries
            .put_down(number, unit, bytes)
            .map_err(trouble)?;
        if fresh {
            self.hold_deliveries();
        }
        self.write_state(&[(RECORD.to_owned(), Some(record))]);
        self.hand_over(unit);
        Ok(())
    }

    /// Takes the memory back after a recovery, and finishes what it was killed in.
    pub(super) fn take_up_deliveries(&mut self, memory: Option<OwnedFd>) {
        self.deliveries.memory = memory;
        let Some(last) = self.deliveries.last.clone() else {
            return;
        };
        if self.deliveries.memory.is_none() {
            // It was never held, so nothing was put down that counts.
            self.deliveries.last = Some(Last { end: 0, ..last });
            return;
        }
        self.hand_over(&last.unit);
    }

    fn hand_over(&mut self, unit: &UnitName) {
        let handed = match self.inputs.pipe(unit) {
            Some(pipe) => self.deliveries.hand_over(pipe),
            // What others wrote waits before it, or the process is gone.
            None => self.deliveries.take_rest(),
        };
        let result = match handed {
            Ok(rest) if rest.is_empty() => return,
            // A pipe that was filled by somebody else meanwhile: it waits with what others wrote.
            Ok(rest) => self
                .inputs
                .write(&mut self.poller, unit, &rest)
                .map_err(|_| io::ErrorKind::BrokenPipe.into()),
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            // Its process has just ended, and whoever wrote is told of that by itself.
            tracing::debug!("{unit}: its standard input took no more: {error}");
        }
    }

    fn hold_deliveries(&self) {
        if let Some(memory) = &self.deliveries.memory {
            let name = HELD.to_owned();
            self.hold(&Key::Control { name }, memory.as_fd());
        }
    }
}

pub(super) fn refusal(unit: &UnitName, refused: Refused) -> Refusal {
    match refused {
        Refused::Closed => Refusal::NotApplicable(
            unit.clone(),
            "its standard input is no open pipe of ours".to_owned(),
        ),
        Refused::Full => Refusal::Invalid(format!(
            "{unit} does not read its standard input, and more does not fit"
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn pipe() -> (std::fs::File, OwnedFd) {
        let (read_end, write_end) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
        for end in [&read_end, &write_end] {
            rustix::fs::fcntl_setfl(end, rustix::fs::OFlags::NONBLOCK).unwrap();
        }
        (read_end.into(), write_end)
    }

    fn read(reader: &mut std::fs::File) -> Vec<u8> {
        let mut all = Vec::new();
        // Up to the moment when it would block.
        let _ = reader.read_to_end(&mut all);
        all
    }

    fn unit() -> UnitName {
        UnitName::parse("a.service").unwrap()
    }

    /// A manager that dies now leaves the memory and this record.
    fn kill(deliveries: Deliveries, record: Option<&String>) -> Deliveries {
        let records: Vec<(String, String)> = record
            .map(|record| (RECORD.to_owned(), record.clone()))
            .into_iter()
            .collect();
        let mut next = Deliveries::recover(&records);
        next.memory = deliveries.memory;
        next
    }

    #[test]
    fn each_number_arrives_once_wherever_the_manager_dies() {
        let (mut reader, writer) = pipe();
        let mut deliveries = Deliveries::default();
        let mut record = None;
        for number in 1..200 {
            let bytes = format!("event {number}\n").into_bytes();
            // Before the record: it did not happen, and is asked for again.
            if number % 4 == 1 {
                deliveries.put_down(number, &unit(), b"a torn").unwrap();
                deliveries = kill(deliveries, record.as_ref());
                deliveries.hand_over(writer.as_fd()).unwrap();
                assert!(!deliveries.was_delivered(number));
            }
            record = Some(deliveries.put_down(number, &unit(), &bytes).unwrap());
            // After the record: it is finished by the next one.
            if number % 4 == 2 {
                deliveries = kill(deliveries, record.as_ref());
            }
            assert!(deliveries.hand_over(writer.as_fd()).unwrap().is_empty());
            if number % 4 == 3 {
                deliveries = kill(deliveries, record.as_ref());
                deliveries.hand_over(writer.as_fd()).unwrap();
            }
            assert!(deliveries.was_delivered(number));
            assert_eq!(read(&mut reader), bytes);
        }
    }

    #[test]
    fn what_a_full_pipe_does_not_take_is_given_back() {
        let (mut reader, writer) = pipe();
        let mut deliveries = Deliveries::default();
        let bytes: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        deliveries.put_down(1, &unit(), &bytes).unwrap();
        let rest = deliveries.hand_over(writer.as_fd()).unwrap();
        let mut all = read(&mut reader);
        assert!(!all.is_empty() && !rest.is_empty());
        all.extend(rest);
        assert!(all == bytes);
        // Memory was given back, and the next one is whole all the same.
        assert!(deliveries.freed > 0);
        deliveries.put_down(2, &unit(), b"next").unwrap();
        deliveries.hand_over(writer.as_fd()).unwrap();
        assert_eq!(read(&mut reader), b"next");
    }

    #[test]
    fn what_was_not_read_yet_stays_as_it_is_when_memory_is_given_back() {
        let (mut reader, writer) = pipe();
        let mut deliveries = Deliveries::default();
        for number in 1..10_000_u64 {
            let bytes = format!("event {number} {}\n", "x".repeat(100)).into_bytes();
            deliveries.put_down(number, &unit(), &bytes).unwrap();
            assert!(deliveries.hand_over(writer.as_fd()).unwrap().is_empty());
            assert!(read(&mut reader) == bytes, "event {number} is another");
        }
        assert!(deliveries.freed > 3 * GENEROUS);
    }

    #[test]
    fn a_pipe_nobody_reads_is_told_of() {
        let (reader, writer) = pipe();
        drop(reader);
        let mut deliveries = Deliveries::default();
        deliveries.put_down(1, &unit(), b"x").unwrap();
        assert!(deliveries.hand_over(writer.as_fd()).is_err());
        // What it did not take is not the next one's.
        let (mut reader, writer) = pipe();
        deliveries.put_down(2, &unit(), b"y").unwrap();
        deliveries.hand_over(writer.as_fd()).unwrap();
        assert_eq!(read(&mut reader), b"y");
    }
}
