//! What the manager answers.

use std::path::PathBuf;
use std::sync::Arc;

use engine::clock::{Now, Realtime};
use engine::command::Answer;
use engine::preview::Preview;
use engine::view::supervisord::ProcessView;
use engine::view::systemd::{ActiveState, JobView, Startup, SystemState, UnitView};
use engine::why::Why;
use tokio::sync::mpsc;
use units::value::Limit;
use units::{Dependency, SettingId, UnitName, UnitSet};

use crate::dependency::Node;
use crate::happening::Happening;

/// The answer to a [`Request`](crate::Request); which one belongs to which is written there.
#[derive(Debug)]
pub enum Reply {
    /// The engine's answer to a command.
    Answer(Answer),
    /// Units.
    Units(Vec<UnitView>),
    /// One unit.
    Unit(Box<UnitDetail>),
    /// Why a unit is as it is.
    Why(Box<Why>),
    /// What one unit uses.
    Usage(Usage),
    /// The unit of a process, if it has one.
    UnitOf(Option<UnitName>),
    /// Jobs.
    Jobs(Vec<JobView>),
    /// Lines units wrote.
    Logs(LogStream),
    /// Files a unit was read from.
    Files(Vec<UnitFile>),
    /// A tree of dependencies, with the state of each unit.
    Dependencies(Vec<(Node, ActiveState)>),
    /// Listening addresses.
    Sockets(Vec<SocketLine>),
    /// The whole.
    Manager(Box<Manager>),
    /// Services as processes.
    Processes(Vec<ProcessDetail>),
    /// Definitions.
    Sets(Sets),
    /// Whether a program can be run.
    Program(Result<(), ProgramProblem>),
    /// A part of a log, or why there is none.
    LogText(Result<LogText, LogProblem>),
    /// A log that is followed, or why it cannot be.
    LogBytes(Result<mpsc::Receiver<Arc<[u8]>>, LogProblem>),
    /// An output that is tapped.
    Tap(mpsc::Receiver<Chunk>),
    /// What has happened, with its numbers: they count up by one, over recoveries too. Where some
    /// are missing, nobody asked for so long that they were given up.
    Happened(Vec<(u64, Happening)>),
    /// What was kept, in order of key.
    Recalled(Vec<(String, String)>),
    /// What reading the unit files again would change.
    Preview(Box<Preview>),
    /// What was done to unit files.
    Installed(Installed),
    /// Unit files with their states, by kind and name.
    UnitFiles(Vec<units::install::Line>),
    /// The state of a unit file with what a preset wants; none for a unit without a file.
    KnownUnitFile(Option<(units::install::State, units::install::Preset)>),
    /// Whether reading a unit's files again might find something else.
    FilesChanged(bool),
    /// The state of a unit file.
    UnitFileState(units::install::State),
    /// Nothing more to say.
    Done,
}

/// What was done to unit files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installed {
    /// Whether the units say anything about their installation.
    pub has_install_info: bool,
    /// What was done, in order: `symlink`, `unlink` or `write`, the path, and where a link leads.
    pub changes: Vec<(&'static str, String, String)>,
}

/// A service as a process of a group: the engine's view, and where its logs are.
#[derive(Debug, Clone)]
pub struct ProcessDetail {
    /// The engine's view.
    pub view: ProcessView,
    /// The file of its standard output; `None` where it goes elsewhere.
    pub log_file: Option<PathBuf>,
    /// The file of its standard error, where it has one of its own.
    pub error_log_file: Option<PathBuf>,
}

/// The definitions there are.
#[derive(Debug, Clone)]
pub struct Sets {
    /// In force.
    pub active: Arc<UnitSet>,
    /// Read last; the same one where nothing was laid aside.
    pub candidate: Arc<UnitSet>,
    /// Whether everything is being stopped, and if so whether it is started anew afterwards.
    pub closing: Option<Restarting>,
}

/// Whether everything is started anew once it is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restarting(pub bool);

/// Why a program cannot be run (supervisord's words follow from it).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgramProblem {
    /// The command line names nothing that is there; the sentence.
    NoFile(String),
    /// The command line cannot be split or is empty, or what it names is a directory or may not be
    /// executed; the sentence.
    NotExecutable(String),
}

/// A part of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogText {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The size of the whole file when they were read.
    pub size: u64,
    /// For [`LogRange::Tail`](crate::LogRange::Tail): the reader has missed something.
    pub overflow: bool,
}

/// Why there is nothing of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogProblem {
    /// It goes to no file, or the file is not there: its path, where it has one.
    NoFile(Option<PathBuf>),
    /// The offset or length make no sense.
    BadRange,
    /// Reading failed: a sentence.
    Failed(String),
}

/// A piece of output, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// How many bytes had come through this output before it, over recoveries too; captured text
    /// counts where it begins.
    pub position: u64,
    /// Where the next chunk begins: what to note to go on after a recovery.
    pub end: u64,
    /// The process whose output it is; 0 where it is not known.
    pub pid: u32,
    /// What it is.
    pub kind: ChunkKind,
    /// The bytes.
    pub bytes: Arc<[u8]>,
}

/// What a chunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkKind {
    /// Output as it was written.
    Output,
    /// What stood between capture tokens, whole.
    Captured,
}

/// One unit: what the engine knows and what the shell adds. Nothing here costs a system call.
#[derive(Debug, Clone)]
pub struct UnitDetail {
    /// The engine's view.
    pub view: UnitView,
    /// Everything the unit has to do with, inverses and implied dependencies included.
    pub dependencies: Vec<(Dependency, UnitName)>,
    /// Addresses a socket unit listens on now, as [`SocketLine::address`]; empty while it does not.
    pub listening: Vec<String>,
    /// Where its notify messages go, while it runs and may send some.
    pub notify_socket: Option<PathBuf>,
    /// Its cgroup, as in `/proc/PID/cgroup`; `None` without one.
    pub control_group: Option<String>,
    /// Its processes are kept from running.
    pub frozen: bool,
    /// The file that shows what a client defined; `None` for units that are no transient ones.
    pub transient_file: Option<PathBuf>,
    /// What its programs have where the unit says nothing.
    pub defaults: Arc<Defaults>,
}

/// What programs have where their unit says nothing: what runnerd was started with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Resource limits, by the settings for them.
    pub limits: Vec<(SettingId, Limit)>,
    /// The nice level.
    pub nice: i32,
    /// `oom_score_adj`.
    pub oom_score_adjust: i32,
    /// By how much timers may be late, in nanoseconds.
    pub timer_slack: u64,
    /// Which memory a core dump has, as the bits of `coredump_filter`.
    pub coredump_filter: u64,
}

impl Defaults {
    /// The limit of a setting; none where the kernel has no such limit.
    #[must_use]
    pub fn limit(&self, id: SettingId) -> Limit {
        let found = self.limits.iter().find(|(known, _)| *known == id);
        let infinite = Limit {
            soft: Limit::INFINITY,
            hard: Limit::INFINITY,
        };
        found.map_or(infinite, |(_, limit)| *limit)
    }
}

/// What a unit uses at the moment. `None` where the kernel does not say (no cgroup, no controller).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes (`memory.max`); none for no limit.
    pub memory_max: Option<u64>,
    /// Bytes (`memory.current`).
    pub memory_current: Option<u64>,
    /// Processes and threads (`pids.current`, else counted).
    pub tasks_current: Option<u64>,
    /// Nanoseconds of CPU time (`cpu.stat`).
    pub cpu_usage_nsec: Option<u64>,
    /// Its processes, in order of pid.
    pub processes: Vec<Process>,
}

/// A process of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its pid.
    pub pid: u32,
    /// Its command line with spaces between the words, or its name in brackets if it has none.
    pub command: String,
}

/// A file a unit was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it says now; not necessarily what was read.
    pub text: String,
}

/// A listening address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketLine {
    /// The address as systemd prints it: `/run/web.sock`, `0.0.0.0:8080`, `@name`.
    pub address: String,
    /// systemd's word for the kind of socket: `Stream`, `Datagram`, `SequentialPacket`, `FIFO`.
    pub kind: &'static str,
    /// The socket unit.
    pub unit: UnitName,
    /// What it starts.
    pub triggers: Vec<UnitName>,
    /// Whether it listens.
    pub active: ActiveState,
}

/// Lines of a log: first those that are there already, then, when followed, new ones. Ends when
/// all is said; dropping it ends the following.
pub type LogStream = mpsc::Receiver<LogLine>;

/// A line a unit wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Who wrote it.
    pub unit: UnitName,
    /// On which stream.
    pub source: LogSource,
    /// When it was read; `None` for kept lines whose time nobody noted.
    pub at: Option<Realtime>,
    /// The process that wrote it, where it is known.
    pub pid: Option<u32>,
    /// The line without its end, as it was written.
    pub text: Arc<[u8]>,
}

/// The stream a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogSource {
    /// Standard output, or both where they share a pipe.
    Out,
    /// Standard error.
    Error,
    /// Not the unit itself: a remark of the manager, such as a number of lost lines.
    Manager,
}

/// The state of the whole.
#[derive(Debug, Clone)]
pub struct Manager {
    /// Version of the program.
    pub version: &'static str,
    /// How it is.
    pub state: SystemState,
    /// Why what boot starts is not all up; `None` where it is.
    pub not_ready: Option<String>,
    /// Loaded units.
    pub units: u32,
    /// The variables every program's environment starts from.
    pub environment: Vec<(String, String)>,
    /// Queued and running jobs.
    pub jobs: u32,
    /// Units in state `failed`.
    pub failed_units: u32,
    /// How what starts at boot went, and what came since.
    pub startup: Startup,
    /// When the first manager began to start units.
    pub started: Now,
    /// The pid the world knows us by.
    pub keeper_pid: u32,
    /// The manager itself; changes with every recovery.
    pub manager_pid: u32,
    /// How many managers there were before this one under the same keeper.
    pub recoveries: u32,
    /// Whether the keeper started it in safe mode: nothing is reloaded.
    pub safe_mode: bool,
    /// Directory of sockets and locks.
    pub runtime_dir: PathBuf,
    /// Where unit files are looked for, first one first.
    pub unit_path: Vec<PathBuf>,
    /// Where the daemon's own lines go, as given to `--log-target`.
    pub log_target: String,
    /// From which level on the daemon's own events are looked at, in systemd's words.
    pub log_level: &'static str,
    /// The container or virtual machine we are in, by systemd's name; empty on bare metal.
    pub virtualization: &'static str,
    /// The cgroup under which units get theirs; `None` without.
    pub control_group: Option<String>,
}
