//! What the keeper holds, written down where its death does not reach: in the store of the service
//! manager that runs us (`FDSTORE=1`, sd_notify(3)).
//!
//! The store is given one pair of sockets, once. What is sent at one end and not taken at the
//! other stays in the kernel together with the descriptors that came along, as long as anybody has
//! both ends. So each end is a *side* on which entries are written down: an entry is one packet of
//! JSON, with the descriptors it names. Nobody has to wake up for an entry, and the store needs no
//! room for each descriptor.
//!
//! A side begins with a *snapshot*, which is whole once its last entry is there; what changes
//! follows. As nothing can be taken out of the middle of a side, what was let go of stays open in
//! there until the next snapshot, which goes to the other side and empties this one. Killed at any
//! moment, one of the sides is whole; the later snapshot counts.

use std::collections::BTreeMap;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use engine::json;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use serde::{Deserialize, Serialize};

use super::ladder::Ladder;
use super::system;
use super::table::{Child, Exit};

/// The name of both sockets in the store.
pub(super) const NAME: &str = "runner-keeper";

/// So many descriptors, children or exits are in one entry.
const CHUNK: usize = 64;

/// No entry is longer: [`CHUNK`] of the longest keys.
const LONGEST: usize = 128 * 1024;

/// Room for entries on one side, in bytes, where we may have as much. Without privilege the
/// kernel's own limit has to do.
const ROOM: usize = 8 << 20;

/// After so many entries there is another snapshot, so that a side is not filled by what does not
/// count any more.
const MANY: usize = 1_024;

/// What is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Entry {
    /// A snapshot begins; later ones have higher numbers.
    Begin(u64),
    /// All that is small.
    Sheet(Box<Sheet>),
    /// These are held: one descriptor each.
    Held(Vec<String>),
    /// These are not held any more.
    LetGo(Vec<String>),
    /// These processes live, by instance: one pidfd each.
    Children(Vec<(u64, Child)>),
    /// This is how they ended.
    Ended(Vec<Exit>),
    /// These ends were dealt with.
    Acknowledged(Vec<u64>),
    /// The snapshot is whole.
    Whole(u64),
    /// What a later version has to say.
    #[serde(other)]
    Unknown,
}

/// What is rewritten as a whole whenever any of it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sheet {
    /// The keeper that writes.
    pub(super) keeper: u32,
    /// Whose rights it has.
    pub(super) uid: u32,
    pub(super) runtime_dir: Vec<u8>,
    pub(super) pid_file: Option<Vec<u8>>,
    pub(super) one_command: bool,
    #[serde(default)]
    pub(super) fresh: bool,
    pub(super) stop_limit: Option<u64>,
    /// Of the living manager.
    pub(super) manager: Option<u32>,
    pub(super) generation: u32,
    pub(super) ladder: Ladder,
    pub(super) rolled_back: bool,
    pub(super) highest: u64,
    pub(super) seq: u64,
    pub(super) signals: Vec<(u64, u64)>,
    pub(super) signals_seq: u64,
}

/// What was found written down.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) sheet: Sheet,
    pub(super) held: BTreeMap<String, OwnedFd>,
    /// By instance.
    pub(super) children: BTreeMap<u64, (Child, OwnedFd)>,
    pub(super) exits: Vec<Exit>,
}

/// The pair.
#[derive(Debug)]
pub(super) struct Journal {
    /// What is sent at one is found at the other.
    ends: [OwnedFd; 2],
    /// The end at which entries are sent at present.
    side: usize,
    /// The number of the last snapshot.
    epoch: u64,
    /// Entries since then.
    entries: usize,
}

impl Journal {
    /// One with nothing in it.
    pub(super) fn new() -> io::Result<Journal> {
        let (one, other) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )?;
        Ok(Journal::of([one, other]))
    }

    fn of(ends: [OwnedFd; 2]) -> Journal {
        for end in &ends {
            let forced = rustix::net::sockopt::set_socket_send_buffer_size_force(end, ROOM);
            if forced.is_err() {
                let _ = rustix::net::sockopt::set_socket_send_buffer_size(end, ROOM);
            }
        }
        Journal {
            ends,
            side: 0,
            epoch: 0,
            entries: 0,
        }
    }

    /// The one that is on these ends, whatever a keeper before has written there.
    pub(super) fn open(ends: [OwnedFd; 2]) -> io::Result<(Journal, Option<Found>)> {
        let mut journal = Journal::of(ends);
        let mut best: Option<(u64, Found)> = None;
        for side in 0..2 {
            if let Some((epoch, found)) = journal.read(side)?
                && best.as_ref().is_none_or(|(other, _)| *other < epoch)
            {
                journal.side = side;
                journal.epoch = epoch;
                best = Some((epoch, found));
            }
        }
        // Something may have to be let go of by the next snapshot.
        journal.entries = MANY;
        Ok((journal, best.map(|(_, found)| found)))
    }

    /// For the store.
    pub(super) fn ends(&self) -> [BorrowedFd<'_>; 2] {
        [self.ends[0].as_fd(), self.ends[1].as_fd()]
    }

    /// Whether the next thing to write is better a snapshot.
    pub(super) fn is_long(&self) -> bool {
        self.entries >= MANY
    }

    /// Writes an entry after the others. `WouldBlock` means that there is no room: a snapshot makes
    /// some.
    pub(super) fn write(&mut self, entry: &Entry, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.entries += 1;
        self.send(self.side, entry, fds)
    }

    /// Writes everything there is, and forgets what was written before. A failure leaves what was
    /// there.
    pub(super) fn snapshot(
        &mut self,
        sheet: Sheet,
        held: &[(&String, BorrowedFd<'_>)],
        children: &[(u64, &Child, BorrowedFd<'_>)],
        exits: &[Exit],
    ) -> io::Result<()> {
        let (before, next) = (self.side, 1 - self.side);
        let epoch = self.epoch + 1;
        self.clear(next)?;
        self.send(next, &Entry::Begin(epoch), &[])?;
        self.send(next, &Entry::Sheet(Box::new(sheet)), &[])?;
        for chunk in held.chunks(CHUNK) {
            let keys = chunk.iter().map(|(key, _)| (*key).clone()).collect();
            let fds: Vec<_> = chunk.iter().map(|(_, fd)| *fd).collect();
            self.send(next, &Entry::Held(keys), &fds)?;
        }
        for chunk in children.chunks(CHUNK) {
            let known = chunk
                .iter()
                .map(|(instance, child, _)| (*instance, (*child).clone()))
                .collect();
            let fds: Vec<_> = chunk.iter().map(|(.., fd)| *fd).collect();
            self.send(next, &Entry::Children(known), &fds)?;
        }
        for chunk in exits.chunks(CHUNK) {
            self.send(next, &Entry::Ended(chunk.to_vec()), &[])?;
        }
        self.send(next, &Entry::Whole(epoch), &[])?;
        (self.side, self.epoch, self.entries) = (next, epoch, 0);
        self.clear(before)
    }

    /// Forgets everything: nobody shall find anything.
    pub(super) fn forget(&mut self) {
        for side in 0..2 {
            // It fails only where there is no socket, and then there is nothing either.
            let _ = self.clear(side);
        }
    }

    fn send(&self, side: usize, entry: &Entry, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let bytes = serde_json::to_vec(entry)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(CHUNK))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            beside.push(SendAncillaryMessage::ScmRights(fds));
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        rustix::net::sendmsg(
            &self.ends[side],
            &[IoSlice::new(&bytes)],
            &mut beside,
            flags,
        )?;
        Ok(())
    }

    /// Takes everything out of a side, and closes it.
    fn clear(&self, side: usize) -> io::Result<()> {
        let mut room = vec![0; LONGEST];
        while receive(&self.ends[1 - side], &mut room, RecvFlags::empty())?.is_some() {}
        Ok(())
    }

    /// The whole snapshot on a side with what follows, and its number. All of it stays there.
    fn read(&self, side: usize) -> io::Result<Option<(u64, Found)>> {
        let end = &self.ends[1 - side];
        system::peek_from_start(end.as_fd())?;
        let mut room = vec![0; LONGEST];
        let mut reading = Reading::default();
        while let Some((length, fds)) = receive(end, &mut room, RecvFlags::PEEK)? {
            let bytes = room.get(..length).unwrap_or_default();
            // Who wrote this is root, or us; what is broken is left out.
            let text = str::from_utf8(bytes).unwrap_or_default();
            let entry = json::from_str(text).unwrap_or(Entry::Unknown);
            reading.take_in(entry, fds);
        }
        Ok(reading.found())
    }
}

/// One packet: its length, and its descriptors. `None` when there is none.
fn receive(
    end: &OwnedFd,
    room: &mut [u8],
    flags: RecvFlags,
) -> io::Result<Option<(usize, Vec<OwnedFd>)>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(CHUNK))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let flags = flags | RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let received = loop {
        match rustix::net::recvmsg(end, &mut [IoSliceMut::new(room)], &mut beside, flags) {
            Err(Errno::INTR) => {}
            received => break received,
        }
    };
    match received {
        Ok(message) if message.bytes > 0 => {
            let fds = beside.drain().flat_map(|message| match message {
                RecvAncillaryMessage::ScmRights(fds) => fds.collect(),
                _ => Vec::new(),
            });
            Ok(Some((message.bytes, fds.collect())))
        }
        Ok(_) | Err(Errno::AGAIN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Entries taken in one after the other.
#[derive(Debug, Default)]
struct Reading {
    epoch: u64,
    whole: bool,
    sheet: Option<Sheet>,
    held: BTreeMap<String, OwnedFd>,
    children: BTreeMap<u64, (Child, OwnedFd)>,
    exits: BTreeMap<u64, Exit>,
}

impl Reading {
    fn take_in(&mut self, entry: Entry, fds: Vec<OwnedFd>) {
        match entry {
            Entry::Begin(epoch) => {
                *self = Reading {
                    epoch,
                    ..Reading::default()
                }
            }
            Entry::Sheet(sheet) => self.sheet = Some(*sheet),
            Entry::Held(keys) => self.held.extend(keys.into_iter().zip(fds)),
            Entry::LetGo(keys) => self.held.retain(|key, _| !keys.contains(key)),
            Entry::Children(children) => {
                let known = children.into_iter().zip(fds);
                self.children
                    .extend(known.map(|((instance, child), fd)| (instance, (child, fd))));
            }
            Entry::Ended(exits) => {
                for exit in exits {
                    self.children.remove(&exit.instance);
                    self.exits.insert(exit.seq, exit);
                }
            }
            Entry::Acknowledged(seqs) => self.exits.retain(|seq, _| !seqs.contains(seq)),
            Entry::Whole(epoch) => self.whole = epoch == self.epoch,
            Entry::Unknown => {}
        }
    }

    fn found(self) -> Option<(u64, Found)> {
        let found = Found {
            sheet: self.sheet.filter(|_| self.whole)?,
            held: self.held,
            children: self.children,
            exits: self.exits.into_values().collect(),
        };
        Some((self.epoch, found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(generation: u32) -> Sheet {
        Sheet {
            keeper: 1,
            uid: 0,
            runtime_dir: b"/r".to_vec(),
            pid_file: None,
            one_command: false,
            fresh: false,
            stop_limit: None,
            manager: Some(7),
            generation,
            ladder: Ladder::new(),
            rolled_back: false,
            highest: 5,
            seq: 2,
            signals: vec![(1, 2)],
            signals_seq: 1,
        }
    }

    fn child(pid: u32) -> Child {
        Child {
            pid,
            unit: "a.service".to_owned(),
            rank: 1,
            signal: 15,
            timeout: 3,
        }
    }

    fn exit(seq: u64, instance: u64) -> Exit {
        Exit {
            seq,
            instance,
            pid: 9,
            status: 256,
            time: 1,
            unit: "b.service".to_owned(),
        }
    }

    /// What the next keeper finds when this one is dead.
    fn after(journal: Journal) -> (Journal, Option<Found>) {
        Journal::open(journal.ends).unwrap()
    }

    /// A pipe: the end that is read says whether anybody still has the other.
    fn pipe() -> (std::io::PipeReader, OwnedFd) {
        let (reader, writer) = std::io::pipe().unwrap();
        (reader, writer.into())
    }

    fn is_closed(mut reader: &std::io::PipeReader) -> bool {
        rustix::io::ioctl_fionbio(reader, true).unwrap();
        io::Read::read(&mut reader, &mut [0]).is_ok_and(|count| count == 0)
    }

    #[test]
    fn what_is_written_is_found_and_what_is_let_go_of_is_closed() {
        let mut journal = Journal::new().unwrap();
        let (one, two, three) = (pipe(), pipe(), pipe());
        let key = |text: &str| text.to_owned();
        let (first, second, third) = (key("first"), key("second"), key("third"));
        let held = [(&first, one.1.as_fd()), (&second, two.1.as_fd())];
        let (lives, dies) = (child(4), child(5));
        let children = [(1, &lives, one.1.as_fd()), (2, &dies, one.1.as_fd())];
        journal
            .snapshot(sheet(1), &held, &children, &[exit(1, 9)])
            .unwrap();
        journal
            .write(&Entry::Held(vec![third.clone()]), &[three.1.as_fd()])
            .unwrap();
        journal
            .write(&Entry::LetGo(vec![second.clone()]), &[])
            .unwrap();
        journal.write(&Entry::Ended(vec![exit(2, 2)]), &[]).unwrap();
        journal.write(&Entry::Acknowledged(vec![1]), &[]).unwrap();
        drop((one.1, two.1, three.1));
        assert!(!is_closed(&two.0), "an entry still has it");

        let (mut journal, found) = after(journal);
        let found = found.unwrap();
        assert_eq!(found.sheet, sheet(1));
        assert!(found.held.keys().eq([&first, &third]));
        assert!(found.children.keys().eq([&1]));
        assert_eq!(found.exits, [exit(2, 2)]);
        assert!(journal.is_long(), "what was let go of has to be closed");

        let held: Vec<_> = found
            .held
            .iter()
            .map(|(key, fd)| (key, fd.as_fd()))
            .collect();
        journal.snapshot(sheet(2), &held, &[], &[]).unwrap();
        drop(held);
        drop(found);
        assert!(is_closed(&two.0) && !is_closed(&three.0));
        let (_journal, found) = after(journal);
        assert_eq!(found.unwrap().sheet.generation, 2);
    }

    #[test]
    fn a_snapshot_that_is_not_whole_does_not_count() {
        let mut journal = Journal::new().unwrap();
        for generation in 1..5 {
            journal.snapshot(sheet(generation), &[], &[], &[]).unwrap();
        }
        // Killed in the middle of the next.
        let other = 1 - journal.side;
        journal.send(other, &Entry::Begin(5), &[]).unwrap();
        journal
            .send(other, &Entry::Sheet(Box::new(sheet(5))), &[])
            .unwrap();
        let (mut journal, found) = after(journal);
        assert_eq!(found.unwrap().sheet.generation, 4);
        journal.snapshot(sheet(6), &[], &[], &[]).unwrap();
        let (mut journal, found) = after(journal);
        assert_eq!(found.unwrap().sheet.generation, 6);
        journal.forget();
        assert!(after(journal).1.is_none());
    }

    #[test]
    fn a_full_side_says_so_and_a_snapshot_makes_room() {
        let mut journal = Journal::new().unwrap();
        journal.snapshot(sheet(1), &[], &[], &[]).unwrap();
        let entry = Entry::LetGo(vec!["x".repeat(600)]);
        let error = loop {
            if let Err(error) = journal.write(&entry, &[]) {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        journal.snapshot(sheet(2), &[], &[], &[]).unwrap();
        journal.write(&entry, &[]).unwrap();
        assert_eq!(after(journal).1.unwrap().sheet.generation, 2);
    }

    #[test]
    fn thousands_of_descriptors_fit() {
        let mut journal = Journal::new().unwrap();
        let null = std::fs::File::open("/dev/null").unwrap();
        let keys: Vec<String> = (0..3_000)
            .map(|n| format!("{n}:{}", "k".repeat(500)))
            .collect();
        let held: Vec<_> = keys.iter().map(|key| (key, null.as_fd())).collect();
        journal.snapshot(sheet(1), &held, &[], &[]).unwrap();
        assert_eq!(after(journal).1.unwrap().held.len(), 3_000);
    }

    #[test]
    fn what_a_later_version_says_is_passed_over() {
        let entry: Entry = serde_json::from_str(r#""Later""#).unwrap();
        assert_eq!(entry, Entry::Unknown);
    }
}
