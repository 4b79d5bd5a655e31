//! An output that is looked into: what it is told to event listeners, taken out of, or copied.
//!
//! Its bytes go from the pipe into the *spool*, by splice as everywhere, and from there each reader
//! takes them at its own pace: the log, by way of a [`Transform`], and those who tap the output.
//! Nobody takes more out of the pipe than the slowest reader leaves room for, so one that does not
//! keep up holds up this service only.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use control::{Chunk, ChunkKind};
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::spool::{Note, Spool};
use super::transform::{Form, Found, Transform};

/// How far the slowest reader may be behind.
const BEHIND: u64 = 64 * 1024;
/// How much one reader is given at once.
const STEP: usize = 16 * 1024;

/// What is done with an output beside logging it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copying {
    /// What is taken out.
    pub form: Form,
    /// Each line goes to syslog too.
    pub syslog: bool,
    /// All of it is in the main log too.
    pub main_log: bool,
}

impl Copying {
    /// How much a spool keeps: room for those who are behind, and for a whole capture, which is read
    /// again after a recovery.
    fn capacity(&self) -> u64 {
        2 * BEHIND + self.form.capture as u64
    }
}

/// Text on its way to the log.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) log: Vec<u8>,
    pub(super) syslog: Vec<u8>,
    /// For the main log, piece by piece.
    pub(super) main_log: Vec<Vec<u8>>,
}

#[derive(Debug)]
pub(super) struct Copied {
    pub(super) spool: Spool,
    pub(super) copying: Copying,
    /// The log's.
    transform: Transform,
    pub(super) pending: Pending,
    /// Of what the log's transform gave out from here on…
    restart: u64,
    /// … so many bytes are in the log.
    delivered: u64,
    /// What the manager before had noted about the file.
    pub(super) before: Option<Note>,
    taps: Vec<Tap>,
    /// From which position on which process wrote.
    marks: VecDeque<(u64, u32)>,
}

/// Somebody who is told all that comes.
#[derive(Debug)]
struct Tap {
    to: Sender<Chunk>,
    transform: Transform,
    /// What its queue did not take.
    waiting: VecDeque<Chunk>,
}

/// How a tap is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    UpToDate,
    Behind,
    Gone,
}

impl Copied {
    /// Goes on with a spool where its note says.
    pub(super) fn open(memory: OwnedFd, copying: Copying) -> io::Result<Copied> {
        let spool = Spool::open(memory, copying.capacity())?;
        let note = spool.note();
        // What is no more in the spool cannot be repeated.
        let wanted = note.map_or(0, |note| note.restart).min(spool.end());
        let restart = wanted.max(spool.first());
        let mut copied = Copied {
            transform: Transform::new(copying.form, restart),
            copying,
            pending: Pending::default(),
            restart,
            delivered: 0,
            before: note,
            taps: Vec::new(),
            marks: VecDeque::new(),
            spool,
        };
        if let Some(note) = note {
            let marks = note.marks.into_iter().filter(|(_, pid)| *pid != 0);
            copied.marks = marks
                .map(|(position, pid)| (position, u32::try_from(pid).unwrap_or_default()))
                .collect();
            copied.feed_all()?;
            if wanted == restart {
                let done = usize::try_from(note.delivered).unwrap_or(usize::MAX);
                copied.drop_front(done);
            }
        }
        Ok(copied)
    }

    fn feed_all(&mut self) -> io::Result<()> {
        while self.feed()? {}
        Ok(())
    }

    /// So many bytes of the pending text are in the log: the manager before has seen to it. Syslog
    /// may be told a line twice.
    pub(super) fn drop_front(&mut self, bytes: usize) {
        let bytes = bytes.min(self.pending.log.len());
        self.pending.log.drain(..bytes);
        self.delivered += bytes as u64;
    }

    /// Does other things from now on.
    pub(super) fn change(&mut self, copying: Copying) {
        if self.copying == copying {
            return;
        }
        self.finish();
        self.copying = copying;
        self.spool.set_capacity(copying.capacity());
        self.transform.form = copying.form;
        for tap in &mut self.taps {
            tap.transform.form = copying.form;
        }
    }

    /// From now on another process writes.
    pub(super) fn mark(&mut self, pid: u32) {
        if self.marks.back().is_some_and(|(_, last)| *last == pid) {
            return;
        }
        self.marks.push_back((self.spool.end(), pid));
        while self.marks.len() > 4 {
            self.marks.pop_front();
        }
        self.note_marks();
    }

    fn note_marks(&mut self) {
        if let Some(mut note) = self.spool.note() {
            note.marks = self.noted_marks();
            // An older note tells a wrong pid after a recovery, no more.
            let _ = self.spool.write_note(&note);
        }
    }

    fn noted_marks(&self) -> [(u64, u64); 4] {
        let mut marks = [(0, 0); 4];
        for (place, (position, pid)) in marks.iter_mut().zip(&self.marks) {
            *place = (*position, u64::from(*pid));
        }
        marks
    }

    /// How much may be taken out of the pipe now.
    pub(super) fn room(&self) -> usize {
        let slowest = self
            .taps
            .iter()
            .map(|tap| tap.transform.position())
            .chain([self.transform.position()])
            .min()
            .unwrap_or_default();
        let behind = self.spool.end().saturating_sub(slowest);
        usize::try_from(BEHIND.saturating_sub(behind)).unwrap_or_default()
    }

    /// Gives the log's transform more, if there is more; says whether there was.
    pub(super) fn feed(&mut self) -> io::Result<bool> {
        let new = self.spool.read(self.transform.position(), STEP)?;
        if new.is_empty() {
            return Ok(false);
        }
        let (pending, copying) = (&mut self.pending, self.copying);
        self.transform
            .feed(&new, &mut |found| pending.add(found, copying));
        Ok(true)
    }

    /// The output pauses for good: what was held back goes on its way.
    pub(super) fn finish(&mut self) {
        let (pending, copying) = (&mut self.pending, self.copying);
        self.transform
            .finish(&mut |found| pending.add(found, copying));
        for tap in &mut self.taps {
            // One that is behind finishes what it has; the rest it takes as it comes.
            let waiting = &mut tap.waiting;
            let marks = &self.marks;
            tap.transform
                .finish(&mut |found| tell(found, marks, waiting));
        }
    }

    /// So many bytes of the pending text are in the log, whose file is this one and so long now.
    pub(super) fn logged(&mut self, bytes: usize, file: Option<((u64, u64), u64)>) {
        self.delivered += bytes as u64;
        if self.pending.log.is_empty() && self.pending.syslog.is_empty() {
            self.restart = self.transform.restart();
            self.delivered = 0;
        }
        let (file, length) = file.unwrap_or_default();
        let note = Note {
            restart: self.restart,
            delivered: self.delivered,
            file,
            length,
            marks: self.noted_marks(),
        };
        // Without memory for it the older note stays: a kill repeats more.
        let _ = self.spool.write_note(&note);
    }

    /// Adds somebody who is told all from `from` on, as far as it is still there, else from now on.
    pub(super) fn tap(&mut self, from: Option<u64>, to: Sender<Chunk>) {
        let from = from
            .unwrap_or_else(|| self.transform.restart())
            .clamp(self.spool.first(), self.spool.end());
        self.taps.push(Tap {
            to,
            transform: Transform::new(self.copying.form, from),
            waiting: VecDeque::new(),
        });
    }

    /// Tells those who tap what is new. Says whether all of them have everything.
    pub(super) fn tell_taps(&mut self) -> bool {
        let (spool, marks) = (&self.spool, &self.marks);
        let mut up_to_date = true;
        self.taps.retain_mut(|tap| match tap.tell(spool, marks) {
            Pace::UpToDate => true,
            Pace::Behind => {
                up_to_date = false;
                true
            }
            Pace::Gone => false,
        });
        up_to_date
    }
}

impl Pending {
    fn add(&mut self, found: Found<'_>, copying: Copying) {
        if copying.main_log {
            self.main_log.push(found.bytes.to_vec());
        }
        if found.captured {
            return;
        }
        self.log.extend_from_slice(found.bytes);
        if copying.syslog {
            self.syslog.extend_from_slice(found.bytes);
        }
    }
}

impl Tap {
    fn tell(&mut self, spool: &Spool, marks: &VecDeque<(u64, u32)>) -> Pace {
        loop {
            while let Some(chunk) = self.waiting.pop_front() {
                match self.to.try_send(chunk) {
                    Ok(()) => {}
                    Err(TrySendError::Full(chunk)) => {
                        self.waiting.push_front(chunk);
                        return Pace::Behind;
                    }
                    Err(TrySendError::Closed(_)) => return Pace::Gone,
                }
            }
            let at = self.transform.position();
            if at < spool.first() {
                // It was not let fall behind: it was not there.
                self.transform = Transform::new(self.transform.form, spool.first());
                continue;
            }
            // A chunk is one process's.
            let next = marks.iter().map(|(position, _)| *position);
            let until = next
                .filter(|position| *position > at)
                .min()
                .unwrap_or(u64::MAX);
            let most = usize::try_from(until - at).unwrap_or(usize::MAX).min(STEP);
            match spool.read(at, most) {
                Ok(new) if new.is_empty() => break,
                Ok(new) => {
                    let waiting = &mut self.waiting;
                    self.transform
                        .feed(&new, &mut |found| tell(found, marks, waiting));
                }
                // No memory: perhaps later.
                Err(_) => return Pace::Behind,
            }
        }
        if self.to.is_closed() {
            Pace::Gone
        } else {
            Pace::UpToDate
        }
    }
}

/// Queues what was found. Captured text is output as well, in the order supervisord tells of it;
/// who begins again between the two is told both once more.
fn tell(found: Found<'_>, marks: &VecDeque<(u64, u32)>, waiting: &mut VecDeque<Chunk>) {
    let pid = marks
        .iter()
        .rev()
        .find(|(position, _)| *position <= found.position)
        .map_or(0, |(_, pid)| *pid);
    let bytes: Arc<[u8]> = Arc::from(found.bytes);
    if !found.captured || !bytes.is_empty() {
        waiting.push_back(Chunk {
            position: found.position,
            end: if found.captured {
                found.position
            } else {
                found.end
            },
            pid,
            kind: ChunkKind::Output,
            bytes: Arc::clone(&bytes),
        });
    }
    if found.captured {
        waiting.push_back(Chunk {
            position: found.position,
            end: found.end,
            pid,
            kind: ChunkKind::Captured,
            bytes,
        });
    }
}
