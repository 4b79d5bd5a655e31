//! The words of supervisord for what the engine knows (its process states).

use serde::{Deserialize, Serialize};
use units::{UnitKind, UnitName};

use crate::Engine;
use crate::job::JobKind;
use crate::service::{Ended, Phase, Service};
use crate::state::UnitState;

/// What `supervisorctl status` shows for a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(
    missing_docs,
    reason = "the words of supervisord's documentation themselves"
)]
pub enum ProcessState {
    Stopped,
    Starting,
    Running,
    Backoff,
    Stopping,
    Exited,
    Fatal,
}

impl ProcessState {
    /// supervisord's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ProcessState::Stopped => "STOPPED",
            ProcessState::Starting => "STARTING",
            ProcessState::Running => "RUNNING",
            ProcessState::Backoff => "BACKOFF",
            ProcessState::Stopping => "STOPPING",
            ProcessState::Exited => "EXITED",
            ProcessState::Fatal => "FATAL",
        }
    }
}

impl Engine {
    /// A service as supervisord would show it; `None` for units of other kinds.
    #[must_use]
    pub fn process_state(&self, name: &UnitName) -> Option<ProcessState> {
        if name.kind() != UnitKind::Service {
            return None;
        }
        let starts = self
            .state
            .job_of(name)
            .is_some_and(|(_, job)| job.kind == JobKind::Start);
        let service = self.state.unit(name).and_then(UnitState::service);
        Some(service.map_or(
            if starts {
                ProcessState::Starting
            } else {
                ProcessState::Stopped
            },
            |service| project(service, starts),
        ))
    }
}

/// `starts`: a start job waits for its turn.
fn project(service: &Service, starts: bool) -> ProcessState {
    match &service.phase {
        Phase::Dead { .. } | Phase::Failed { .. } if starts => ProcessState::Starting,
        Phase::Dead {
            ended: Ended::Never | Ended::OnRequest,
        } => ProcessState::Stopped,
        Phase::Dead {
            ended: Ended::ByItself,
        } => ProcessState::Exited,
        Phase::Failed { on_request: true } => ProcessState::Stopped,
        Phase::Failed { on_request: false } if service.was_ready => ProcessState::Exited,
        Phase::Failed { on_request: false } => ProcessState::Fatal,
        Phase::StartPre { .. } | Phase::Start { .. } | Phase::StartPost { .. } => {
            ProcessState::Starting
        }
        Phase::Running | Phase::Reload { .. } => ProcessState::Running,
        Phase::Exited => ProcessState::Exited,
        Phase::Stop { .. }
        | Phase::StopWatchdog(_)
        | Phase::StopSigterm(_)
        | Phase::StopSigkill(_)
        | Phase::StopPost { .. }
        | Phase::FinalSigterm(_)
        | Phase::FinalSigkill(_) => ProcessState::Stopping,
        Phase::AutoRestart { .. } if service.was_ready => ProcessState::Exited,
        Phase::AutoRestart { .. } => ProcessState::Backoff,
    }
}
