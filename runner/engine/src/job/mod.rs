//! Jobs: one queued wish for one unit (systemd's job algebra).

pub(crate) mod merge;
pub(crate) mod queue;

use serde::{Deserialize, Serialize};
pub use units::value::JobMode;

/// How long the result of a job that somebody asked for is kept.
pub(crate) const RESULT_KEPT: units::value::Span = units::value::Span::from_secs(60);

/// Number of a job; never 0, never used again.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct JobId(pub u32);

/// What a job does (`org.freedesktop.systemd1.Job.JobType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobKind {
    /// Make the unit active.
    Start,
    /// Succeed only if the unit is active already.
    VerifyActive,
    /// Make the unit inactive.
    Stop,
    /// Let the unit read its configuration again.
    Reload,
    /// Reload if active, else start.
    ReloadOrStart,
    /// Stop, then start.
    Restart,
    /// Restart if active, else nothing.
    TryRestart,
    /// Reload if active, else nothing.
    TryReload,
    /// Nothing.
    Nop,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobResult {
    /// As wished.
    Done,
    /// Another job took its place, or a client took it back.
    Canceled,
    /// It took too long.
    Timeout,
    /// The unit failed.
    Failed,
    /// A unit it requires did not come up.
    Dependency,
    /// There was nothing to do.
    Skipped,
    /// An assert of the unit did not hold.
    Assert,
    /// It made no sense for the unit when its turn came.
    Invalid,
}

impl JobKind {
    /// Whether the unit is up after it, where it goes well.
    pub(crate) const fn starts(self) -> bool {
        matches!(
            self,
            JobKind::Start | JobKind::ReloadOrStart | JobKind::Restart | JobKind::TryRestart
        )
    }

    /// systemd's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            JobKind::Start => "start",
            JobKind::VerifyActive => "verify-active",
            JobKind::Stop => "stop",
            JobKind::Reload => "reload",
            JobKind::ReloadOrStart => "reload-or-start",
            JobKind::Restart => "restart",
            JobKind::TryRestart => "try-restart",
            JobKind::TryReload => "try-reload",
            JobKind::Nop => "nop",
        }
    }
}

impl JobResult {
    /// systemd's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            JobResult::Done => "done",
            JobResult::Canceled => "canceled",
            JobResult::Timeout => "timeout",
            JobResult::Failed => "failed",
            JobResult::Dependency => "dependency",
            JobResult::Skipped => "skipped",
            JobResult::Assert => "assert",
            JobResult::Invalid => "invalid",
        }
    }
}
