//! Everything a front end may ask.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use engine::Command;
use engine::command::Transient;
use engine::job::JobMode;
use units::{Definition, UnitName};

use crate::dependency::Direction;
use crate::reply::LogSource;
use crate::selection::Selection;

/// A request. Commands change something and are decided by the engine; the others are questions
/// the manager answers from views.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// For the engine; answered with [`Reply::Answer`](crate::Reply::Answer).
    Command(Command),
    /// Define units that are in no file, and start the first;
    /// [`Reply::Answer`](crate::Reply::Answer), as of [`Command::Submit`].
    StartTransient {
        /// The units: the one to start, then those that go with it.
        units: Vec<Transient>,
        /// How the job deals with jobs that are in its way.
        mode: JobMode,
        /// Standard input, output and error of the main process of the first.
        stdio: Descriptors,
    },
    /// Units, in order of name; [`Reply::Units`](crate::Reply::Units).
    Units(Selection),
    /// One unit; [`Reply::Unit`](crate::Reply::Unit). A valid name that is not loaded is answered
    /// with a view without definition.
    Unit(UnitName),
    /// Why a unit is as it is: the chain of causes; [`Reply::Why`](crate::Reply::Why).
    Why(UnitName),
    /// What the unit uses now, its processes among it; [`Reply::Usage`](crate::Reply::Usage).
    /// Apart from [`Request::Unit`] because it reads `/proc` and cgroup files.
    Usage(UnitName),
    /// The unit a process belongs to; [`Reply::UnitOf`](crate::Reply::UnitOf).
    UnitOf {
        /// The process.
        pid: u32,
    },
    /// Queued and running jobs, in order of number; [`Reply::Jobs`](crate::Reply::Jobs).
    Jobs,
    /// Lines the units wrote, oldest first; [`Reply::Logs`](crate::Reply::Logs).
    Logs {
        /// Whose lines.
        units: Vec<UnitName>,
        /// How many of each unit's last lines.
        lines: u32,
        /// Go on with new lines until the receiver is dropped.
        follow: bool,
    },
    /// The files a unit was read from, drop-ins last; [`Reply::Files`](crate::Reply::Files).
    Cat(UnitName),
    /// The units this one depends on, or that depend on it, as a tree in preorder;
    /// [`Reply::Dependencies`](crate::Reply::Dependencies).
    Dependencies {
        /// The root of the tree.
        unit: UnitName,
        /// Which dependencies are followed.
        direction: Direction,
    },
    /// Every listening address of the loaded sockets; [`Reply::Sockets`](crate::Reply::Sockets).
    Sockets,
    /// Services as processes of groups, sorted by group and name: these, or all;
    /// [`Reply::Processes`](crate::Reply::Processes). One that is not there is left out.
    Processes(Option<Vec<UnitName>>),
    /// The definitions in force and those laid aside; [`Reply::Sets`](crate::Reply::Sets).
    Sets,
    /// Whether the program of a service's first command is there and may be run, before it is
    /// started: looks at the file system; [`Reply::Program`](crate::Reply::Program).
    Program(UnitName),
    /// Write to the standard input of a service (`standard-input = "pipe"`): all of it or nothing.
    /// [`Reply::Done`](crate::Reply::Done).
    Input {
        /// The service.
        unit: UnitName,
        /// What to write.
        bytes: Vec<u8>,
    },
    /// As [`Request::Input`], and exactly once, over recoveries too: what was delivered under a
    /// number, or under a later one, is not written again. [`Reply::Done`](crate::Reply::Done).
    Deliver {
        /// The service.
        unit: UnitName,
        /// Counts up, over all services.
        number: u64,
        /// What to write.
        bytes: Vec<u8>,
    },
    /// A part of a log as it is in its file; [`Reply::LogText`](crate::Reply::LogText).
    LogText {
        /// Which log.
        log: LogName,
        /// Which part.
        range: LogRange,
    },
    /// The end of a log and then all that comes to it, until the receiver is dropped;
    /// [`Reply::LogBytes`](crate::Reply::LogBytes).
    LogFollow {
        /// Which log.
        log: LogName,
        /// How many bytes of it to begin with, if there are so many; else all of it.
        last: u64,
    },
    /// Empty logs, taking rotated files away; [`Reply::Done`](crate::Reply::Done).
    LogClear(Vec<LogName>),
    /// Open all log files again, after somebody moved them away; [`Reply::Done`](crate::Reply::Done).
    LogReopen,
    /// All that comes to an output, as it comes, chunk by chunk; [`Reply::Tap`](crate::Reply::Tap).
    /// Only outputs that are copied can be tapped: those of event listeners, and those with
    /// `log-events` or `log-capture-size`.
    Tap {
        /// The service.
        unit: UnitName,
        /// Which output: `Out` or `Error`.
        source: LogSource,
        /// From this position on, where it still is in memory, so that nothing is missed over a
        /// recovery; from now on where there is none.
        from: Option<u64>,
    },
    /// Wait until all that was written to the service's output so far has been read and given to
    /// whoever taps it; [`Reply::Done`](crate::Reply::Done).
    Drain(UnitName),
    /// What has happened since number `after`, as soon as there is something;
    /// [`Reply::Happened`](crate::Reply::Happened). For event listeners: unlike a subscription it
    /// misses nothing over a recovery, since it is kept with the state until a
    /// [`Request::Note`] says that it was seen. Kept only while a service has `event-types`.
    Happened {
        /// The number of the last one that was seen; 0 for all that is kept.
        after: u64,
    },
    /// Keep these with the state, all of them or none: a front end's own memory over a recovery.
    /// A key without text is forgotten. [`Reply::Done`](crate::Reply::Done).
    Note {
        /// Keys and what they stand for.
        records: Vec<(String, Option<String>)>,
        /// What has happened up to here ([`Request::Happened`]) needs to be kept no longer.
        seen: u64,
    },
    /// What was kept by [`Request::Note`]; [`Reply::Recalled`](crate::Reply::Recalled).
    Recall,
    /// The whole; [`Reply::Manager`](crate::Reply::Manager).
    Manager,
    /// Read the unit files, or the supervisord.conf, and tell what a reload, or an update, would
    /// change, without changing anything; [`Reply::Preview`](crate::Reply::Preview).
    Preview,
    /// Enable, mask or otherwise change unit files, without reading them again;
    /// [`Reply::Installed`](crate::Reply::Installed).
    Install(units::install::Order),
    /// Every unit file with its state, as the files are now;
    /// [`Reply::UnitFiles`](crate::Reply::UnitFiles).
    UnitFiles,
    /// The state of one and what a preset wants of it, as the files were when they were last read or
    /// changed by us; [`Reply::KnownUnitFile`](crate::Reply::KnownUnitFile).
    KnownUnitFile(UnitName),
    /// Whether a unit's files are others than those that were read;
    /// [`Reply::FilesChanged`](crate::Reply::FilesChanged).
    FilesChanged(UnitName),
    /// The state of one, as the files are now;
    /// [`Reply::UnitFileState`](crate::Reply::UnitFileState).
    UnitFileState(UnitName),
    /// Take directories of a unit away that is down (`systemctl clean`);
    /// [`Reply::Done`](crate::Reply::Done).
    Clean {
        /// The unit.
        unit: UnitName,
        /// Which of them.
        what: Vec<OwnedDirectories>,
    },
    /// Keep all processes of a unit from running, or let them go on;
    /// [`Reply::Done`](crate::Reply::Done) once they all do.
    Freeze {
        /// The unit.
        unit: UnitName,
        /// Whether they are to stand still.
        frozen: bool,
    },
    /// The links that disabling a unit would take away, as the files are now;
    /// [`Reply::Installed`](crate::Reply::Installed).
    UnitFileLinks {
        /// The unit.
        unit: UnitName,
        /// Those that are there until the end only.
        runtime: bool,
    },
    /// Look at the daemon's own events from this level on; [`Reply::Done`](crate::Reply::Done).
    LogLevel(units::value::LogLevel),
    /// Say the daemon's own lines there from now on, until the manager is another process;
    /// [`Reply::Done`](crate::Reply::Done). The output of units stays where it goes.
    LogTarget(OwnLogTarget),
    /// Replace the manager by a new process of the program on disk, keeping its state. Answered
    /// with [`Reply::Answer`](crate::Reply::Answer) before connections are lost.
    Reexec,
}

/// A kind of directories that belong to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnedDirectories {
    /// `runtime-directory`
    Runtime,
    /// `state-directory`
    State,
    /// `cache-directory`
    Cache,
    /// `logs-directory`
    Logs,
    /// `configuration-directory`
    Configuration,
}

impl OwnedDirectories {
    /// All of them, in systemd's order.
    pub const ALL: [OwnedDirectories; 5] = [
        OwnedDirectories::Runtime,
        OwnedDirectories::State,
        OwnedDirectories::Cache,
        OwnedDirectories::Logs,
        OwnedDirectories::Configuration,
    ];

    /// systemd's word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            OwnedDirectories::Runtime => "runtime",
            OwnedDirectories::State => "state",
            OwnedDirectories::Cache => "cache",
            OwnedDirectories::Logs => "logs",
            OwnedDirectories::Configuration => "configuration",
        }
    }

    /// Whether a unit has any.
    #[must_use]
    pub fn are_of(self, unit: &Definition) -> bool {
        let list = match self {
            OwnedDirectories::Runtime => unit.runtime_directory(),
            OwnedDirectories::State => unit.state_directory(),
            OwnedDirectories::Cache => unit.cache_directory(),
            OwnedDirectories::Logs => unit.logs_directory(),
            OwnedDirectories::Configuration => unit.configuration_directory(),
        };
        !list.is_empty()
    }
}

/// The standard descriptors a client hands over, those that it does. Two are equal when they are
/// the very same.
#[derive(Debug, Clone, Default)]
pub struct Descriptors(pub [Option<Arc<OwnedFd>>; 3]);

impl PartialEq for Descriptors {
    fn eq(&self, other: &Descriptors) -> bool {
        let same = |pair: (&Option<Arc<OwnedFd>>, &Option<Arc<OwnedFd>>)| match pair {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        self.0.iter().zip(&other.0).all(same)
    }
}

impl Eq for Descriptors {}

/// A log that is kept in a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LogName {
    /// The daemon's own.
    Main,
    /// An output of a service: `Out` or `Error`.
    Unit(UnitName, LogSource),
}

/// A part of a log file, in bytes. The rules are supervisord's (`readProcessStdoutLog`,
/// `tailProcessStdoutLog`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogRange {
    /// `length` bytes from `offset` on; all the rest where `length` is 0. A negative `offset` with
    /// `length` 0: the last so many bytes.
    Read {
        /// Where to begin.
        offset: i64,
        /// How many bytes.
        length: i64,
    },
    /// The last `length` bytes, for a reader who is at `offset`.
    Tail {
        /// Where the reader is.
        offset: i64,
        /// How many bytes at most.
        length: i64,
    },
}

/// Where the daemon's own lines go; systemd's words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnLogTarget {
    /// Where it was told to say them when it was started.
    AsStarted,
    /// Its standard output.
    Console,
    /// The journal of systemd-journald.
    Journal,
}
