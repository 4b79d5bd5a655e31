//! Every fact the world can report. Nothing else can make the engine move.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use units::civil::TimeZone;
use units::{Diagnostic, UnitName, UnitSet};

use crate::clock::{Monotonic, Now, Realtime};
use crate::command::Command;
use crate::notify::Message;
use crate::ticket::{BatchId, ConnectionId, RequestId, Ticket};

/// A fact. Answers carry the [`Ticket`] of the action they answer; an answer whose ticket nobody
/// waits for is stale and is dropped.
#[derive(Debug, Clone)]
pub enum Event {
    /// The process of `Spawn{ticket}` exists and its `execve` succeeded.
    Spawned {
        /// Of the `Spawn`.
        ticket: Ticket,
        /// For display only: signals go by ticket.
        pid: u32,
    },
    /// No program runs for `Spawn{ticket}`.
    SpawnFailed {
        /// Of the `Spawn`.
        ticket: Ticket,
        /// The process that came so far and ended, where one was made, and when it began.
        process: Option<(u32, Now)>,
        /// Why, and whether it is the unit's fault.
        failure: SpawnFailure,
    },
    /// A process that was spawned or adopted has ended. Delivered once for each instance.
    Exited {
        /// Of the `Spawn` or `Adopt`.
        ticket: Ticket,
        /// How it ended.
        status: ExitStatus,
        /// When the keeper reaped it.
        at: Monotonic,
    },
    /// `Adopt{ticket}` found the main process; its exit will be reported under this ticket.
    Adopted {
        /// Of the `Adopt`.
        ticket: Ticket,
        /// The process found.
        pid: u32,
    },
    /// `Adopt{ticket}` found none.
    AdoptFailed {
        /// Of the `Adopt`.
        ticket: Ticket,
        /// What is in the way.
        reason: AdoptFailure,
    },
    /// `Gather{ticket}`: they all are in the unit's group.
    Gathered {
        /// Of the `Gather`.
        ticket: Ticket,
    },
    /// `Gather{ticket}`: not all are.
    GatherFailed {
        /// Of the `Gather`.
        ticket: Ticket,
        /// What is in the way.
        message: String,
    },
    /// `SetTimer{ticket}` is due.
    TimerFired {
        /// Of the `SetTimer`.
        ticket: Ticket,
    },
    /// The signal of `Signal{ticket}` was sent: recorded, so that no recovery repeats it.
    Signalled {
        /// Of the `Signal`.
        ticket: Ticket,
    },
    /// No process of the unit is left: the answer to `WatchEmpty{ticket}`.
    Emptied {
        /// Of the `WatchEmpty`.
        ticket: Ticket,
    },
    /// How the attempt of `Probe{ticket}` went.
    Probed {
        /// Of the `Probe`.
        ticket: Ticket,
        /// Ready, or why not in a few words: `connection refused`.
        outcome: Result<(), String>,
    },
    /// Who owns the name of `WatchName{ticket}`: told when a connection to the bus was made, and at
    /// each change from then on.
    NameOwner {
        /// Of the `WatchName`.
        ticket: Ticket,
        /// The owner; `None` for nobody.
        owner: Option<NameOwner>,
        /// It is no change, but what is so on a connection that is new.
        first: bool,
    },
    /// The bus of `WatchName{ticket}` is not there. It is tried again until `UnwatchName`.
    NameUnknown {
        /// Of the `WatchName`.
        ticket: Ticket,
        /// What is in the way.
        message: String,
    },
    /// The kernel killed a process of the unit because its memory limit was reached.
    OutOfMemory {
        /// The unit.
        unit: UnitName,
    },
    /// All addresses of `Listen{ticket}` are bound and listening.
    Listening {
        /// Of the `Listen`.
        ticket: Ticket,
    },
    /// At least one address could not be bound; none of that unit is listening.
    ListenFailed {
        /// Of the `Listen`.
        ticket: Ticket,
        /// A sentence with the address and the reason.
        message: String,
    },
    /// A watched listener has something to read (`accept = false`). Reported once per `Watch`.
    Connected {
        /// The socket unit.
        unit: UnitName,
    },
    /// A connection was accepted (`accept = true`) and waits for `Spawn` or `CloseConnection`.
    Accepted {
        /// The socket unit.
        unit: UnitName,
        /// Names the connection.
        connection: ConnectionId,
        /// Who is at the other end.
        peer: Peer,
    },
    /// A message came in on the unit's notify socket.
    Notified {
        /// The unit whose socket it is.
        unit: UnitName,
        /// Who sent it, as far as the kernel says.
        sender: Sender,
        /// What it says.
        message: Message,
        /// Descriptors that came with it, and how many.
        batch: Option<(BatchId, u32)>,
    },
    /// The unit's fd store now holds these, by name, newest first.
    StoreIs {
        /// The service.
        unit: UnitName,
        /// Names, one for each descriptor.
        names: Vec<String>,
    },
    /// A client asks for something; answered by exactly one `Reply{request}`.
    Requested {
        /// Names the request.
        request: RequestId,
        /// What is asked. Whether the caller may was decided before.
        command: Command,
        /// Who asks, for people; `None` where nobody knows.
        by: Option<Box<str>>,
    },
    /// The client of this request is gone: no reply is wanted any more.
    Forgotten {
        /// Names the request.
        request: RequestId,
    },
    /// `Check{ticket}` is done.
    Checked {
        /// Of the `Check`.
        ticket: Ticket,
        /// For each test whether it is so, marks aside, or why nobody can say.
        found: Vec<Result<bool, String>>,
    },
    /// `ReadUnits{ticket}` is done.
    UnitsRead {
        /// Of the `ReadUnits`.
        ticket: Ticket,
        /// Every unit found, the broken ones included.
        units: Arc<UnitSet>,
        /// Everything there is to say about them.
        diagnostics: Arc<Vec<Diagnostic>>,
    },
    /// A signal or the outer service manager asks for the end. Repeated: hurry.
    ShutdownRequested {
        /// What the whole program shall exit with; `None` is what it would say of itself
        /// ([`Host::tells_failure`](crate::Host::tells_failure)).
        status: Option<u8>,
    },
    /// What `ReadStamp{ticket}` found.
    StampRead {
        /// Of the `ReadStamp`.
        ticket: Ticket,
        /// When the timer last elapsed; `None` if there is no stamp.
        at: Option<Realtime>,
    },
    /// Real time made a jump against monotonic time, or the machine slept.
    ClockSet,
    /// Local time is that of another zone.
    ZoneChanged {
        /// This one.
        zone: TimeZone,
    },
    /// The paths of `WatchPaths{ticket}` are watched, and none of them is as it should be.
    PathsWatched {
        /// Of the `WatchPaths`.
        ticket: Ticket,
        /// What each of them looks like, for the `seen` of a `WatchPaths` after a recovery.
        seen: Vec<u64>,
    },
    /// One of the paths of `WatchPaths{ticket}` is as it should be, or has changed: nobody looks any
    /// more.
    PathFound {
        /// Of the `WatchPaths`.
        ticket: Ticket,
        /// The path.
        path: String,
    },
    /// The paths of `WatchPaths{ticket}` cannot be watched.
    PathsFailed {
        /// Of the `WatchPaths`.
        ticket: Ticket,
        /// A sentence with the path and the reason.
        message: String,
    },
    /// The action of this ticket can be done at most once, and after a recovery nobody knows
    /// whether it was done.
    Lost {
        /// Of the action.
        ticket: Ticket,
    },
}

/// Who owns a name on a message bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameOwner {
    /// The connection: `:1.42`.
    pub connection: String,
    /// Its process, as far as it was asked for and the bus says.
    pub pid: Option<u32>,
}

/// Why a `Spawn` ran no program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpawnFailure {
    /// A shortage of the machine (EAGAIN, ENOMEM, EMFILE, ENFILE): not the service's failure.
    Shortage {
        /// The errno.
        errno: i32,
    },
    /// Something that is needed before there is a process could not be had, such as a file with
    /// its environment: the start fails whatever the service's type (`Result=resources`).
    Resources {
        /// A sentence with the object and the reason.
        message: String,
    },
    /// A step between clone and `execve` failed. The service counts as having exited with `status`.
    Setup {
        /// systemd's exit status for the step, 200–243 (`systemd.exec(5)`).
        status: u8,
        /// A sentence with the step, its object and the reason.
        message: String,
    },
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitStatus {
    /// It exited with this code.
    Code(u8),
    /// This signal ended it.
    Signal(u8),
    /// This signal ended it, and it dumped core.
    Dumped(u8),
    /// It is gone and nobody can say how (the keeper was killed).
    Unknown,
}

/// Why an `Adopt` found no main process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdoptFailure {
    /// The pid file is not there or is empty: worth another look.
    NotYet,
    /// There is a pid, but it may not be this unit's main process.
    Refused(String),
    /// Guessing found no process, or several.
    Unclear,
}

/// Who is at the other end of an accepted connection: what the instance is named after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Peer {
    /// An internet address, as text without brackets, with both ports.
    Inet {
        /// Our address.
        local: String,
        /// Our port.
        local_port: u16,
        /// Theirs.
        remote: String,
        /// Theirs.
        remote_port: u16,
    },
    /// A process on this machine, by `SO_PEERCRED`.
    Unix {
        /// 0 when it is in another pid namespace.
        pid: u32,
        /// Its uid.
        uid: u32,
    },
    /// A virtual machine or its host, with both ports (vsock(7)).
    Vsock {
        /// Our address.
        local: u32,
        /// Our port.
        local_port: u32,
        /// Theirs.
        remote: u32,
        /// Theirs.
        remote_port: u32,
    },
    /// The kernel does not say.
    Unknown,
}

/// The sender of a notify message, from `SCM_CREDENTIALS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// The pid the kernel vouches for.
    pub pid: u32,
    /// The uid the kernel vouches for.
    pub uid: u32,
    /// It is in the unit's cgroup or among its descendants, or it is gone and its uid is the
    /// unit's user or 0. Main and control processes the engine recognises itself, by pid.
    pub member: bool,
}
