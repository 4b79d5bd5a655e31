//! What the manager answers.

use std::path::PathBuf;
use std::sync::Arc;

use engine::clock::{Now, Realtime};
use engine::command::Answer;
use engine::view::systemd::{ActiveState, JobView, SystemState, UnitView};
use tokio::sync::mpsc;
use units::{Dependency, UnitName};

use crate::dependency::Node;

/// The answer to a [`Request`](crate::Request); which one belongs to which is written there.
#[derive(Debug)]
pub enum Reply {
    /// The engine's answer to a command.
    Answer(Answer),
    /// Units.
    Units(Vec<UnitView>),
    /// One unit.
    Unit(Box<UnitDetail>),
    /// What one unit uses.
    Usage(Usage),
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
}

/// What a unit uses at the moment. `None` where the kernel does not say (no cgroup, no controller).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
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
    /// Loaded units.
    pub units: u32,
    /// Queued and running jobs.
    pub jobs: u32,
    /// Units in state `failed`.
    pub failed_units: u32,
    /// When the first manager under this keeper started.
    pub started: Now,
    /// When everything that starts at boot had been tried.
    pub finished: Option<Now>,
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
    /// The cgroup under which units get theirs; `None` without.
    pub control_group: Option<String>,
}
