//! Logs: what services write, and what we have to say ourselves.
//!
//! One thread, the *log writer*, owns every pipe that a service writes to. The loop only sends it
//! commands through [`Logs`], so no slow disk, terminal or journal ever holds up the loop.
//!
//! # No line lost, none doubled
//!
//! The pipes are held by the keeper, so what is in one outlives us. A byte leaves its pipe in one
//! way only: by `splice(2)` into its **deposit**, and a splice takes out of the pipe exactly what it
//! wrote, even when SIGKILL comes in its middle. So each output has exactly one deposit, which gets
//! each byte once:
//!
//! | sink | shown while passing by | deposit |
//! |---|---|---|
//! | a log file | – | the file |
//! | console, journal | each whole line | the unit's ring |
//! | ring | – | the unit's ring |
//! | null | – | `/dev/null` |
//!
//! Two deposits cannot both get each byte once, since nothing joins two splices into one. Therefore
//! the ring does not repeat a log file: `runnerctl logs` reads the file itself where there is one.
//! Both are the same idea, a file whose *size is the position*: there is no record of how far we
//! are that could disagree with the bytes.
//!
//! Console and journal change the form of a line, which splice cannot. They are shown a copy
//! (`tee(2)` into a scratch pipe) of the whole lines at the front of the pipe; when they have them,
//! as many bytes are spliced into the ring. A kill between the two shows one chunk again and loses
//! none.
//!
//! # Outputs that are looked into
//!
//! What is told to event listeners, captured, stripped or copied (`log-events` and the like) goes by
//! splice into the output's *spool*, a memfd of the keeper's as the ring is one, and from there to
//! the log and to those who tap it. A note in the spool says how far the log is; what was written
//! after the last note is found by comparing the end of the file. So a log file gets each line once
//! here, too, and who taps is told positions, from which to go on after a kill. Syslog may be told a
//! line twice.
//!
//! # Trouble
//!
//! A sink that takes nothing (a full disk, a stopped terminal, no journald) first holds up its
//! services, as a pipe does, for [`PATIENCE`]. After that its lines pass it by: they are counted, go
//! to the ring, and where they are missing a mark says how many there were and why.
//!
//! Lines for a log file whose trouble may pass, as a full disk does, and those for a journald that is
//! there and does not read, wait in their pipe even then, as far as it has room for more: nobody is held up, and a shortage that is over soon loses nothing.
//! They are shown to those who ask for the log meanwhile. Outputs that are looked into do not wait:
//! who taps them is not to hear late because a disk is full.

mod bell;
mod clearing;
mod console;
mod copied;
mod device;
mod file;
mod journal;
mod lines;
mod local_time;
mod main_log;
mod manner;
mod outlets;
pub mod own;
mod pipe;
mod ring;
mod source;
mod spool;
mod syslog;
mod tail;
#[cfg(test)]
mod tests;
mod transform;
mod trouble;
mod ways;
mod writer;

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use control::OwnLogTarget;
use tokio::sync::mpsc::{Receiver, UnboundedSender};
use tokio::sync::oneshot;
use units::UnitName;

use crate::link::Holder;
pub use crate::link::Stream;
pub use ring::{CAPACITY as RING_CAPACITY, create as create_ring};

pub use copied::Copying;
pub use manner::Manner;
pub use transform::Form;

use bell::Bell;
use own::OwnLine;
use ways::Ways;

/// Whether a log at this path is written to a descriptor of ours, a terminal, a pipe or the like, and
/// not kept and rotated. Looks at the file system.
#[must_use]
pub fn is_device(path: &Path) -> bool {
    device::of(path).is_some()
}

/// How long a sink that takes nothing holds up its services before lines pass it by.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// Where the daemon's own lines go, and the output of units whose sink is [`Sink::Target`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// Our standard output.
    Console(Format),
    /// The same on our standard error, where the output is somebody else's.
    StandardError(Format),
    /// The journal of systemd-journald.
    Journal,
    /// Lines as on the console, appended to a file.
    File(PathBuf, Format),
    /// A main log as supervisord keeps it. Units whose sink is the target have their output in
    /// memory only.
    Main(own::MainLog),
}

/// What a line on the console looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `unit[pid]: message`
    Text,
    /// One JSON object with `time`, `unit`, `pid` and `message`.
    Json,
}

/// Where a service's output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sink {
    /// A log file that we write and rotate (`log-file`).
    File(FileSink),
    /// The journal.
    Journal,
    /// Our standard output, in the console's format, or as text where the target is none.
    Console,
    /// What `--log-target` says.
    Target,
    /// Only the ring.
    Ring,
    /// Nowhere.
    Null,
}

/// A log file of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSink {
    /// Absolute.
    pub path: PathBuf,
    /// Rotate when it would become longer, in bytes; 0: never. A file ends with a whole line, so it
    /// may be longer by the rest of one.
    pub max_size: u64,
    /// How many old files stay beside it, named `PATH.1` (the newest) and so on. 0: it is emptied.
    pub backups: u32,
    /// Uid and gid of the file; ours if absent.
    pub owner: Option<(u32, u32)>,
    /// Permission bits of the file.
    pub mode: u32,
}

/// One output to follow.
#[derive(Debug)]
pub struct Follow {
    /// Whose output.
    pub unit: UnitName,
    /// Which.
    pub stream: Stream,
    /// The pipe's read end: a duplicate of the one the keeper holds.
    pub read_end: OwnedFd,
    /// Where it goes.
    pub sink: Sink,
    /// The unit's ring from before a recovery. Without one it is made when something is to be put
    /// into it.
    pub ring: Option<OwnedFd>,
    /// What is done with it beside that. Its spool is a memfd from [`create_ring`], held by the
    /// keeper; only where the writer has it already there is none.
    pub copy: Option<(Copying, Option<OwnedFd>)>,
    /// The main process, for display beside its lines.
    pub pid: Option<u32>,
}

/// What the log writer tells the loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEvent {
    /// The last write end of a pipe is closed and all that was in it has gone where it should.
    Drained {
        /// Whose output.
        unit: UnitName,
        /// Which.
        stream: Stream,
    },
    /// The answer to [`Logs::settle`]: all whole lines that were in a pipe are where they should be.
    Settled {
        /// Whose output.
        unit: UnitName,
        /// Which.
        stream: Stream,
    },
}

/// One line of a unit's output, without its newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whose.
    pub unit: UnitName,
    /// As it was written: any bytes.
    pub text: Vec<u8>,
}

/// What a subscriber hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A line.
    Line(Line),
    /// So many lines are missing here, because the subscriber did not keep up.
    Missed(u64),
}

/// What the log writer can tell about a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Losses {
    /// Lines that did not reach their sink since this manager started.
    pub lines: u64,
}

/// How long lines of a new process wait for its pid. Only one that nobody will ever tell runs it
/// out: longer than a busy computer takes for a new process.
const INTRODUCTION: Duration = Duration::from_secs(10);

/// How many lines wait for a subscriber before it counts as too slow.
const SUBSCRIBER_QUEUE: usize = 1024;

/// How many pieces of an output wait for who taps it.
const TAP_QUEUE: usize = 64;

/// A command to the log writer.
#[derive(Debug)]
enum Command {
    Follow(Box<Follow>),
    Manner(UnitName, Option<Box<Manner>>),
    Starting(UnitName),
    Pid {
        unit: UnitName,
        pid: Option<u32>,
    },
    Forget(UnitName),
    Tail {
        unit: UnitName,
        lines: usize,
        reply: oneshot::Sender<Vec<Line>>,
    },
    Subscribe {
        units: Vec<UnitName>,
        lines: usize,
        to: tokio::sync::mpsc::Sender<Heard>,
    },
    Losses {
        unit: UnitName,
        reply: oneshot::Sender<Losses>,
    },
    Own(OwnLine),
    Remember {
        unit: UnitName,
        ring: Option<OwnedFd>,
        file: Option<FileSink>,
    },
    Spool {
        unit: UnitName,
        stream: Stream,
        copying: Copying,
        memory: OwnedFd,
    },
    Settle(UnitName),
    Tap {
        unit: UnitName,
        stream: Stream,
        from: Option<u64>,
        to: tokio::sync::mpsc::Sender<control::Chunk>,
    },
    Drain {
        unit: UnitName,
        reply: oneshot::Sender<()>,
    },
    Reopen,
    MainLog(own::MainLog),
    OwnTarget(OwnLogTarget),
    Make(Vec<FileSink>),
    CleanUp {
        directory: PathBuf,
        identifier: String,
    },
    Clear {
        files: Vec<FileSink>,
        reply: oneshot::Sender<Result<(), String>>,
    },
    Flush {
        finish: bool,
        reply: oneshot::Sender<()>,
    },
}

/// The handle of the log writer. Clones reach the same one; it ends when the last one is dropped,
/// leaving what it has not moved where it is: in the pipes.
#[derive(Debug, Clone)]
pub struct Logs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// `None` only while being dropped.
    commands: Option<mpsc::Sender<Command>>,
    bell: Arc<Bell>,
    ways: Ways,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // First the end of the queue, then the wake-up that makes the writer look.
        self.commands = None;
        self.bell.ring();
    }
}

impl Logs {
    /// Starts the log writer with nothing to follow. What it finds out is sent to `events`. It gives
    /// `holder` the rings that have to outlive it.
    ///
    /// # Errors
    /// When the thread or its descriptors cannot be made.
    pub fn start(
        target: LogTarget,
        holder: Option<Holder>,
        events: UnboundedSender<LogEvent>,
    ) -> io::Result<Logs> {
        Logs::start_with(writer::Surroundings::new(target, holder), events)
    }

    fn start_with(
        surroundings: writer::Surroundings,
        events: UnboundedSender<LogEvent>,
    ) -> io::Result<Logs> {
        let bell = Arc::new(Bell::new()?);
        let (commands, queue) = mpsc::channel();
        let ways = Ways::default();
        writer::start(surroundings, events, queue, bell.clone(), ways.clone())?;
        Ok(Logs {
            inner: Arc::new(Inner {
                commands: Some(commands),
                bell,
                ways,
            }),
        })
    }

    fn send(&self, command: Command) {
        if let Some(commands) = &self.inner.commands {
            // The writer ends only after its last handle, or by a panic, which ends the process.
            let _ = commands.send(command);
            self.inner.bell.ring();
        }
    }

    /// Lets commands wait, until [`Logs::release`], for a moment in which more urgent things are
    /// done: the writer would take the processor that a new process needs.
    pub fn hold(&self) {
        self.inner.bell.hold();
    }

    /// Lets the writer have the commands that waited.
    pub fn release(&self) {
        self.inner.bell.release();
    }

    /// How the lines of a unit are told from now on; `None` is the usual way.
    pub fn manner(&self, unit: UnitName, manner: Option<Manner>) {
        self.send(Command::Manner(unit, manner.map(Box::new)));
    }

    /// Follows an output: at each start of its service and once at a recovery. Idempotent. A pipe
    /// that is followed already gets the new sink and pid; another one than before is read beside
    /// the old one until that is drained.
    pub fn follow(&self, follow: Follow) {
        self.inner.ways.telling();
        self.send(Command::Follow(Box::new(follow)));
    }

    /// Says that a process of the unit is about to be made: what it writes is shown when its pid is
    /// known by [`Logs::pid`], or a moment later.
    pub fn starting(&self, unit: UnitName) {
        self.send(Command::Starting(unit));
    }

    /// Names a unit's main process, for display beside its lines from now on.
    pub fn pid(&self, unit: UnitName, pid: Option<u32>) {
        self.send(Command::Pid { unit, pid });
    }

    /// Forgets a unit and drops its ring, when it is unloaded. What is still in its pipes is read to
    /// the end, and [`LogEvent::Drained`], first.
    pub fn forget(&self, unit: UnitName) {
        self.send(Command::Forget(unit));
    }

    /// The last `lines` lines of a unit, oldest first, from its log file or its ring.
    pub fn tail(&self, unit: UnitName, lines: usize) -> oneshot::Receiver<Vec<Line>> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Tail { unit, lines, reply });
        answer
    }

    /// The last `lines` lines of each of these units, then every further one, until the receiver
    /// is dropped.
    pub fn subscribe(&self, units: Vec<UnitName>, lines: usize) -> Receiver<Heard> {
        let (to, heard) = tokio::sync::mpsc::channel(SUBSCRIBER_QUEUE);
        self.send(Command::Subscribe { units, lines, to });
        heard
    }

    /// How much of a unit's output did not reach its sink.
    pub fn losses(&self, unit: UnitName) -> oneshot::Receiver<Losses> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Losses { unit, reply });
        answer
    }

    /// Says something to the administrator on the log target.
    pub fn own(&self, line: impl Into<OwnLine>) {
        self.send(Command::Own(line.into()));
    }

    /// Opens all log files again, after somebody moved them away.
    pub fn reopen(&self) {
        self.send(Command::Reopen);
    }

    /// Keeps the main log in another way from now on, where there is one.
    pub fn keep_main_log(&self, wanted: own::MainLog) {
        self.send(Command::MainLog(wanted));
    }

    /// Says our own lines there from now on.
    pub fn say_own_on(&self, target: OwnLogTarget) {
        self.send(Command::OwnTarget(target));
    }

    /// Makes log files that are not there.
    pub fn make(&self, files: Vec<FileSink>) {
        self.send(Command::Make(files));
    }

    /// Deletes the log files in a directory that daemons of this identifier have chosen the names of.
    pub fn clean_up(&self, directory: PathBuf, identifier: String) {
        self.send(Command::CleanUp {
            directory,
            identifier,
        });
    }

    /// Deletes log files and their backups, and makes them anew where somebody writes to them. Gives
    /// a sentence where one cannot be deleted.
    pub fn clear(&self, files: Vec<FileSink>) -> oneshot::Receiver<Result<(), String>> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Clear { files, reply });
        answer
    }

    /// Makes known where the past output of a unit is that has no pipe now: after a recovery, so
    /// that [`Logs::tail`] finds it.
    pub fn remember(&self, unit: UnitName, ring: Option<OwnedFd>, file: Option<FileSink>) {
        self.send(Command::Remember { unit, ring, file });
    }

    /// Takes up the spool of an output that has no pipe now: after a recovery, for those who tap it.
    pub fn spool(&self, unit: UnitName, stream: Stream, copying: Copying, memory: OwnedFd) {
        self.send(Command::Spool {
            unit,
            stream,
            copying,
            memory,
        });
    }

    /// Tells all that comes to an output that is copied, from position `from` on where it is still
    /// known, until the receiver is dropped. One that is not there yet is waited for.
    pub fn tap(
        &self,
        unit: UnitName,
        stream: Stream,
        from: Option<u64>,
    ) -> Receiver<control::Chunk> {
        let (to, chunks) = tokio::sync::mpsc::channel(TAP_QUEUE);
        self.send(Command::Tap {
            unit,
            stream,
            from,
            to,
        });
        chunks
    }

    /// Resolves when all that was in the unit's pipes has been read and told to those who tap it.
    pub fn drain(&self, unit: UnitName) -> oneshot::Receiver<()> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Drain { unit, reply });
        answer
    }

    /// Asks for [`LogEvent::Settled`] for each pipe of the unit, as soon as no whole line is in it.
    pub fn settle(&self, unit: UnitName) {
        self.send(Command::Settle(unit));
    }

    /// Resolves when all whole lines that were in the pipes and all own lines said before have gone
    /// where they should, or where [`PATIENCE`] says.
    pub fn flush(&self) -> oneshot::Receiver<()> {
        self.flush_all(false)
    }

    /// As [`Logs::flush`], for the end of everything: lines that have no end yet go too.
    pub fn finish(&self) -> oneshot::Receiver<()> {
        self.flush_all(true)
    }

    fn flush_all(&self, finish: bool) -> oneshot::Receiver<()> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Flush { finish, reply });
        answer
    }
}
