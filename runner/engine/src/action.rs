//! Every wish the engine can utter. Whoever performs them decides nothing.

use serde::{Deserialize, Serialize};
use units::value::{Condition, ExecLine, Probe, Signal, Span};
use units::{ConditionKind, UnitName};

use crate::change::Change;
use crate::clock::{Monotonic, Realtime};
use crate::command::{Answer, Refusal};
use crate::ticket::{BatchId, ConnectionId, Invocation, RequestId, Ticket};

/// A wish. What happens to it over a recovery is written beside each one:
/// *repeatable* (resume utters it again), *reconciled* (compared with what the keeper says is
/// there) or *once* (answered by `Event::Lost`).
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Start a process. Reconciled. Answered by `Spawned` or `SpawnFailed`, then by `Exited`.
    Spawn(Box<Spawn>),
    /// Find the main process of a unit that forked, or that named another. Repeatable.
    Adopt {
        /// For the answer, and the instance of the process found.
        ticket: Ticket,
        /// The unit.
        unit: UnitName,
        /// How to find it.
        from: AdoptFrom,
    },
    /// Put processes that somebody else started into the group of the unit. *Once*: their numbers may
    /// be others' later. Answered by `Gathered` or `GatherFailed`.
    Gather {
        /// For the answer.
        ticket: Ticket,
        /// The unit.
        unit: UnitName,
        /// Who, as we see them.
        pids: Vec<u32>,
    },
    /// Send a signal. *Once*, unless it is SIGKILL or SIGCONT (repeatable). Answered by `Signalled`,
    /// also when nobody was there to get it.
    Signal {
        /// For the answer.
        ticket: Ticket,
        /// The unit.
        unit: UnitName,
        /// To which processes.
        target: Target,
        /// The signal; every signal but SIGKILL is followed by SIGCONT if `wake`.
        signal: Signal,
        /// Send SIGCONT afterwards: a stopped process could not obey.
        wake: bool,
    },
    /// Say when no process of the unit is left. Repeatable. Answered by `Emptied`, at once if so.
    WatchEmpty {
        /// For the answer.
        ticket: Ticket,
        /// The unit.
        unit: UnitName,
    },
    /// The unit's run is over: give back what belongs to a run (write ends of its log pipe, its
    /// cgroup, its notify socket). Repeatable.
    Release {
        /// The unit.
        unit: UnitName,
    },
    /// Make one attempt at a readiness probe over the network. Repeatable. Answered by `Probed`; how
    /// long it may take is a timer of the engine's.
    Probe {
        /// For the answer.
        ticket: Ticket,
        /// The service.
        unit: UnitName,
        /// What to try; never a command, which is a process.
        probe: Probe,
    },
    /// The answer to `Probe{ticket}` is not wanted any more. Repeatable.
    EndProbe {
        /// Of the `Probe`.
        ticket: Ticket,
    },
    /// Say who owns a name on the message bus, and every change of that, until `UnwatchName`.
    /// Repeatable. Answered by `NameOwner` or `NameUnknown`.
    WatchName {
        /// For the answers.
        ticket: Ticket,
        /// The service.
        unit: UnitName,
        /// The well-known name.
        name: String,
        /// Also say which process the owner is.
        with_pid: bool,
    },
    /// Nobody wants to know any more. Repeatable.
    UnwatchName {
        /// Of the `WatchName`.
        ticket: Ticket,
    },
    /// A run has ended: remove its credentials and its pid file, and its runtime directories too if
    /// `runtime`.
    /// Repeatable. Whatever is started for the unit afterwards waits until it is done.
    ClearAway {
        /// The unit.
        unit: UnitName,
        /// Whether `runtime-directory-preserve` lets the directories go.
        runtime: bool,
    },
    /// Bind and listen on all addresses of a socket unit, or take those still held. Repeatable.
    Listen {
        /// For the answer.
        ticket: Ticket,
        /// The socket unit.
        unit: UnitName,
    },
    /// Report the next connection, or stop to look for one. Repeatable.
    Watch {
        /// The socket unit.
        unit: UnitName,
        /// Whether to look.
        on: bool,
    },
    /// Throw away what waits at the listeners of a socket unit. Repeatable.
    Flush {
        /// The socket unit.
        unit: UnitName,
    },
    /// Close the listeners of a socket unit. Repeatable.
    Unlisten {
        /// The socket unit.
        unit: UnitName,
        /// Also remove the socket's node from the file system (`remove-on-stop`).
        remove_nodes: bool,
    },
    /// Close an accepted connection that will not be served. Once; nobody waits for it.
    CloseConnection {
        /// The connection.
        connection: ConnectionId,
    },
    /// Keep these descriptors in the unit's fd store, up to `max` in all. Once; answered by `StoreIs`.
    Store {
        /// The service.
        unit: UnitName,
        /// The descriptors.
        batch: BatchId,
        /// Their name.
        name: String,
        /// How many the store may hold.
        max: u32,
        /// Drop one when its other end hangs up.
        poll: bool,
    },
    /// Forget stored descriptors: those of a name, or all. Repeatable; answered by `StoreIs`.
    Unstore {
        /// The service.
        unit: UnitName,
        /// Only those of this name.
        name: Option<String>,
    },
    /// Say when this moment has come. Repeatable.
    SetTimer {
        /// For the answer.
        ticket: Ticket,
        /// When.
        at: Monotonic,
    },
    /// The timer is not needed any more.
    CancelTimer {
        /// Of the `SetTimer`.
        ticket: Ticket,
    },
    /// Say what holds of these. Repeatable. Answered by `Checked`.
    Check {
        /// For the answer.
        ticket: Ticket,
        /// The unit that is to start.
        unit: UnitName,
        /// What to find out, in the order of the answer.
        tests: Vec<Test>,
    },
    /// Say when a persistent timer last elapsed. Repeatable. Answered by `StampRead`.
    ReadStamp {
        /// For the answer.
        ticket: Ticket,
        /// The timer.
        unit: UnitName,
    },
    /// Keep when a persistent timer last elapsed. Repeatable.
    WriteStamp {
        /// The timer.
        unit: UnitName,
        /// When.
        at: Realtime,
    },
    /// Wake the machine from suspend at this moment for a timer, instead of any earlier wish of
    /// its; `None` for none. Repeatable.
    WakeSystem {
        /// The timer.
        unit: UnitName,
        /// When.
        at: Option<Realtime>,
    },
    /// Look at the paths of a path unit, and watch them until one of them is as it should be or
    /// changes. Repeatable. Answered by `PathFound`, with `PathsWatched` before it where none was
    /// found at once, or by `PathsFailed`.
    WatchPaths {
        /// For the answers; an earlier one of the unit is not answered any more.
        ticket: Ticket,
        /// The path unit.
        unit: UnitName,
        /// Make directories that are missing first, if the unit is to have that.
        make_directories: bool,
        /// What the paths looked like when they were watched last: what differs from that has
        /// changed. Empty where only what happens from now on is a change.
        seen: Vec<u64>,
    },
    /// Watch the paths of a path unit no more. Repeatable.
    UnwatchPaths {
        /// The path unit.
        unit: UnitName,
    },
    /// Read all unit files. Repeatable. Answered by `UnitsRead`.
    ReadUnits {
        /// For the answer.
        ticket: Ticket,
    },
    /// Answer a client. Once; nobody misses it after a recovery, since clients ask again.
    Reply {
        /// Which request.
        request: RequestId,
        /// The answer.
        answer: Result<Answer, Refusal>,
    },
    /// Tell everybody who listens. Not repeated.
    Publish(Change),
    /// Say something to the administrator. Not repeated.
    Log(Entry),
    /// Everything is stopped: end the program. Repeatable.
    Halt {
        /// Exit status of the whole program.
        status: u8,
    },
}

/// All that has to be known to start one process, beside the unit's definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Spawn {
    /// For the answers; the instance of the process.
    pub ticket: Ticket,
    /// The unit.
    pub unit: UnitName,
    /// What the process is to the unit.
    pub role: Role,
    /// What to run.
    pub command: ExecLine,
    /// Variables only the engine knows: `MAINPID`, `SERVICE_RESULT`, `EXIT_CODE`, `EXIT_STATUS`,
    /// `REMOTE_ADDR`, `MONITOR_*` … `WATCHDOG_USEC` and `INVOCATION_ID` are added by the shell.
    pub environment: Vec<(String, String)>,
    /// The run this belongs to.
    pub invocation: Invocation,
    /// Socket units whose listeners are handed over, in this order: to the main process of a
    /// service, and to commands of a socket that are to have its own.
    pub listen: Vec<UnitName>,
    /// The accepted connection that is handed over.
    pub connection: Option<ConnectionId>,
    /// For the keeper, should it have to stop the process without a manager.
    pub stop: StopHint,
}

/// One condition or assert of a unit that is to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Test {
    /// What it is about.
    pub kind: ConditionKind,
    /// The parameter, and what the engine makes of the answer.
    pub condition: Condition,
}

/// What a process is to its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// exec-condition
    Condition,
    /// exec-start-pre
    StartPre,
    /// exec-start: the service itself
    Main,
    /// exec-start-post
    StartPost,
    /// exec-reload
    Reload,
    /// exec-stop
    Stop,
    /// exec-stop-pre, of sockets
    StopPre,
    /// exec-stop-post
    StopPost,
    /// one attempt at a `ready-probe` that is a command
    ReadyProbe,
}

/// How the keeper alone would stop a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopHint {
    /// Higher ranks are stopped first.
    pub rank: u32,
    /// The polite signal.
    pub signal: Signal,
    /// How long to wait before SIGKILL.
    pub timeout: Span,
}

/// Which processes a signal is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// One process, by the ticket that made it.
    Process(Ticket),
    /// Every process of the unit: its cgroup, or session and descendants.
    All,
}

/// Where a main process is to be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdoptFrom {
    /// In this file.
    PidFile(String),
    /// It is the only process of the unit.
    Guess,
    /// The unit's notify message named it; `trusted` if the sender was root.
    Named {
        /// The pid.
        pid: u32,
        /// Whether a process outside the unit may be named.
        trusted: bool,
    },
}

/// A line for the administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The unit it is about.
    pub unit: Option<UnitName>,
    /// How bad it is.
    pub level: Level,
    /// Which kind of message: a journal catalog id belongs to each.
    pub id: MessageId,
    /// The sentence.
    pub text: String,
}

/// How bad a log line is (syslog's priorities in use).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// 3
    Error,
    /// 4
    Warning,
    /// 5
    Notice,
    /// 6
    Info,
    /// 7
    Debug,
}

/// The kinds of message the engine logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageId {
    /// A unit began to start.
    Starting,
    /// A unit is up.
    Started,
    /// A unit began to stop.
    Stopping,
    /// A unit is down, as asked or by itself and cleanly.
    Stopped,
    /// A unit failed.
    Failed,
    /// A service will be started again by itself.
    Restarting,
    /// A process ended.
    ProcessExited,
    /// A process could not be started.
    SpawnFailed,
    /// The machine is short of something; it will be tried again.
    Shortage,
    /// A job could not be done.
    JobFailed,
    /// Definitions were read again.
    Reloaded,
    /// A circle of orderings was broken.
    CycleBroken,
    /// An event came that makes no sense in the unit's state.
    Unexpected,
    /// Anything else.
    Other,
}

impl Role {
    /// The setting its commands are written in.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Role::Condition => "exec-condition",
            Role::StartPre => "exec-start-pre",
            Role::Main => "the main process",
            Role::StartPost => "exec-start-post",
            Role::Reload => "exec-reload",
            Role::Stop => "exec-stop",
            Role::StopPre => "exec-stop-pre",
            Role::StopPost => "exec-stop-post",
            Role::ReadyProbe => "ready-probe",
        }
    }
}
