//! The words of systemd for what the engine knows.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use units::value::{NotifyAccess, Span, TimerBase};
use units::{Definition, UnitName};

use crate::action::Test;
use crate::clock::Now;
pub use crate::condition::Outcome;
use crate::event::ExitStatus;
use crate::exec_record::ExecRecord;
use crate::job::{JobId, JobKind, JobMode};
use crate::ticket::Invocation;

/// How the first start went, and what came since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Startup {
    /// When the manager began to work for it; `None` before that.
    pub begun: Option<Now>,
    /// When everything that starts at boot had been tried; `None` before that.
    pub finished: Option<Now>,
    /// How many jobs there were, whoever wanted them; wraps.
    pub installed_jobs: u32,
    /// How many of them failed; wraps.
    pub failed_jobs: u32,
    /// Whether services that miss their watchdog are ended.
    pub service_watchdogs: bool,
}

/// The coarse state every kind of unit has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActiveState {
    /// Up.
    Active,
    /// Up, and reading its configuration again.
    Reloading,
    /// Down.
    Inactive,
    /// Down, because something went wrong.
    Failed,
    /// On its way up.
    Activating,
    /// On its way down.
    Deactivating,
}

/// The fine state; which are possible depends on the kind of unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(
    missing_docs,
    reason = "the words of systemd.service(5), systemd.socket(5) and systemd.timer(5) themselves"
)]
pub enum SubState {
    Dead,
    DeadResourcesPinned,
    Condition,
    StartPre,
    Start,
    StartChown,
    StartPost,
    Running,
    Exited,
    Reload,
    ReloadSignal,
    ReloadNotify,
    Stop,
    StopPre,
    StopPreSigterm,
    StopPreSigkill,
    StopWatchdog,
    StopSigterm,
    StopSigkill,
    StopPost,
    FinalWatchdog,
    FinalSigterm,
    FinalSigkill,
    Failed,
    AutoRestart,
    Listening,
    Waiting,
    Elapsed,
    Abandoned,
    Active,
}

/// Why a unit is not what it should be (systemd's `Result` property).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[expect(
    missing_docs,
    reason = "the words of systemd's Result property themselves"
)]
pub enum UnitResult {
    #[default]
    Success,
    Resources,
    Protocol,
    Timeout,
    ExitCode,
    Signal,
    CoreDump,
    Watchdog,
    OomKill,
    ExecCondition,
    StartLimitHit,
    ServiceStartLimitHit,
    TriggerLimitHit,
    UnitStartLimitHit,
}

/// Everything about one unit that a front end may show. Built on demand.
#[derive(Debug, Clone)]
pub struct UnitView {
    /// Its name.
    pub name: UnitName,
    /// What is defined for it; `None` when it is not loaded (`not-found`).
    pub definition: Option<Arc<Definition>>,
    /// Coarse state.
    pub active: ActiveState,
    /// Fine state.
    pub sub: SubState,
    /// How the last run went.
    pub result: UnitResult,
    /// Its job, if it has one.
    pub job: Option<JobId>,
    /// Of the current or last run; zero before the first.
    pub invocation: Invocation,
    /// Last change of state.
    pub state_change: Option<Now>,
    /// Last moment it left `inactive` or `failed`.
    pub inactive_exit: Option<Now>,
    /// Last moment it became active.
    pub active_enter: Option<Now>,
    /// Last moment it stopped being active.
    pub active_exit: Option<Now>,
    /// Last moment it became `inactive` or `failed`.
    pub inactive_enter: Option<Now>,
    /// What was tested before its last start; nothing before the first.
    pub conditions: TestsView,
    /// The same of what lets a start fail.
    pub asserts: TestsView,
    /// A file changed since it was read, or the definition is kept although its file is broken or gone.
    pub stale: bool,
    /// A client defined it: it is in no file.
    pub transient: bool,
    /// What became of its commands since its last start.
    pub commands: Vec<ExecRecord>,
    /// What only services have.
    pub service: Option<ServiceView>,
    /// What only sockets have.
    pub socket: Option<SocketView>,
    /// What only timers have.
    pub timer: Option<TimerView>,
}

/// The conditions or asserts of a unit.
#[derive(Debug, Clone, Default)]
pub struct TestsView {
    /// Whether the last start could go on; false before the first.
    pub result: bool,
    /// When that was decided.
    pub at: Option<Now>,
    /// Each test as the definition in force has it, with what came of it when it was last tested.
    pub tests: Vec<(Test, Outcome)>,
}

/// What only services have.
#[derive(Debug, Clone, Default)]
pub struct ServiceView {
    /// The main process.
    pub main_pid: Option<u32>,
    /// The main process that ended last in this run, where there is none now.
    pub ended_pid: Option<u32>,
    /// The control process.
    pub control_pid: Option<u32>,
    /// When the main process started.
    pub main_start: Option<Now>,
    /// When the main process of the last run ended, and how.
    pub main_exit: Option<(Now, ExitStatus)>,
    /// `STATUS=` of its last notify message.
    pub status_text: String,
    /// `ERRNO=` of its last notify message.
    pub status_errno: i32,
    /// `BUSERROR=` of its last notify message.
    pub bus_error: String,
    /// `VARLINKERROR=` of its last notify message.
    pub varlink_error: String,
    /// How its last reload went.
    pub reload_result: UnitResult,
    /// The last sign of life that its watchdog saw, or when that began to watch.
    pub watchdog_ping: Option<Now>,
    /// Whose notify messages are believed, where the service has said so itself.
    pub notify_access: Option<NotifyAccess>,
    /// Automatic restarts since the last start on request.
    pub restarts: u32,
    /// When it will be started again (`auto-restart`), monotonic microseconds.
    pub restart_at: Option<u64>,
    /// Descriptors in its fd store.
    pub stored_fds: u32,
    /// A sentence about the last failure, where the result's word says too little.
    pub failure: String,
    /// While its readiness probe is tried: which, and what the last attempt said.
    pub probing: Option<String>,
}

/// What only sockets have.
#[derive(Debug, Clone, Default)]
pub struct SocketView {
    /// Connections accepted so far (`accept = true`).
    pub accepted: u32,
    /// Connections being served now (`accept = true`).
    pub connections: u32,
    /// Connections refused because of max-connections.
    pub refused: u32,
    /// Pid of the command that runs.
    pub control_pid: Option<u32>,
}

/// What only timers have.
#[derive(Debug, Clone, Default)]
pub struct TimerView {
    /// When it elapses next by the calendar, microseconds since the epoch.
    pub next_realtime: Option<u64>,
    /// When it elapses next otherwise, monotonic microseconds.
    pub next_monotonic: Option<u64>,
    /// When it last elapsed; if that was in an earlier life, the monotonic part is 0.
    pub last: Option<Now>,
    /// The moments that count from something that happened: from what, how long after, and when
    /// that is next.
    pub spans: Vec<(TimerBase, Span, Option<u64>)>,
    /// The calendar expressions, and when each of them comes next.
    pub calendars: Vec<(String, Option<u64>)>,
}

/// A queued or running job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView {
    /// Its number.
    pub id: JobId,
    /// Its unit.
    pub unit: UnitName,
    /// What it does.
    pub kind: JobKind,
    /// How it was queued.
    pub mode: JobMode,
    /// Whether it runs or still waits.
    pub running: bool,
    /// Units whose jobs it waits for.
    pub waits_for: Vec<UnitName>,
}

/// The state of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SystemState {
    /// The first transaction is not done.
    Starting,
    /// All is well.
    Running,
    /// At least one unit failed.
    Degraded,
    /// Everything is being stopped.
    Stopping,
}

impl ActiveState {
    /// Whether nothing of the unit is there.
    #[must_use]
    pub const fn is_down(self) -> bool {
        matches!(self, ActiveState::Inactive | ActiveState::Failed)
    }

    /// systemd's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ActiveState::Active => "active",
            ActiveState::Reloading => "reloading",
            ActiveState::Inactive => "inactive",
            ActiveState::Failed => "failed",
            ActiveState::Activating => "activating",
            ActiveState::Deactivating => "deactivating",
        }
    }
}

impl SubState {
    /// systemd's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            SubState::Dead => "dead",
            SubState::DeadResourcesPinned => "dead-resources-pinned",
            SubState::Condition => "condition",
            SubState::StartPre => "start-pre",
            SubState::Start => "start",
            SubState::StartPost => "start-post",
            SubState::Running => "running",
            SubState::Exited => "exited",
            SubState::Reload => "reload",
            SubState::ReloadSignal => "reload-signal",
            SubState::ReloadNotify => "reload-notify",
            SubState::Stop => "stop",
            SubState::StopWatchdog => "stop-watchdog",
            SubState::StopSigterm => "stop-sigterm",
            SubState::StopSigkill => "stop-sigkill",
            SubState::StopPost => "stop-post",
            SubState::FinalWatchdog => "final-watchdog",
            SubState::FinalSigterm => "final-sigterm",
            SubState::FinalSigkill => "final-sigkill",
            SubState::Failed => "failed",
            SubState::AutoRestart => "auto-restart",
            SubState::Listening => "listening",
            SubState::StartChown => "start-chown",
            SubState::StopPre => "stop-pre",
            SubState::StopPreSigterm => "stop-pre-sigterm",
            SubState::StopPreSigkill => "stop-pre-sigkill",
            SubState::Waiting => "waiting",
            SubState::Elapsed => "elapsed",
            SubState::Abandoned => "abandoned",
            SubState::Active => "active",
        }
    }
}

impl UnitResult {
    /// Whether it is a failure; a start that `exec-condition` ended is none.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        !matches!(self, UnitResult::Success | UnitResult::ExecCondition)
    }

    /// systemd's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            UnitResult::Success => "success",
            UnitResult::Resources => "resources",
            UnitResult::Protocol => "protocol",
            UnitResult::Timeout => "timeout",
            UnitResult::ExitCode => "exit-code",
            UnitResult::Signal => "signal",
            UnitResult::CoreDump => "core-dump",
            UnitResult::Watchdog => "watchdog",
            UnitResult::OomKill => "oom-kill",
            UnitResult::ExecCondition => "exec-condition",
            UnitResult::StartLimitHit => "start-limit-hit",
            UnitResult::ServiceStartLimitHit => "service-start-limit-hit",
            UnitResult::TriggerLimitHit => "trigger-limit-hit",
            UnitResult::UnitStartLimitHit => "unit-start-limit-hit",
        }
    }
}

impl SystemState {
    /// systemd's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            SystemState::Starting => "starting",
            SystemState::Running => "running",
            SystemState::Degraded => "degraded",
            SystemState::Stopping => "stopping",
        }
    }
}
