//! The words of supervisord for what the engine knows (its process states).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use units::{Definition, UnitKind, UnitName};

use crate::Engine;
use crate::clock::Realtime;
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

/// All that supervisord tells of a process (`getProcessInfo`), but for what it makes of files and
/// of the present moment.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessView {
    /// The unit.
    pub unit: UnitName,
    /// Its group, as people write it.
    pub group: String,
    /// Its name within the group.
    pub name: String,
    /// Its state.
    pub state: ProcessState,
    /// When it was last started; `None` if never.
    pub start: Option<Realtime>,
    /// When it last ended; `None` if never.
    pub stop: Option<Realtime>,
    /// Its main process; 0 without one.
    pub pid: u32,
    /// How many starts in a row have failed.
    pub tries: u32,
    /// Automatic restarts since the last start on request.
    pub restarts: u32,
    /// How its last end came about that was no failed start: an exit code, -1 for a signal, 0 if
    /// there was none.
    pub exit_status: i32,
    /// Why its last start failed or its last end was not expected; empty once it is started again.
    pub spawn_error: String,
    /// What it runs on.
    pub definition: Arc<Definition>,
}

impl Engine {
    /// Every service, sorted by group and name (bytewise).
    #[must_use]
    pub fn processes(&self) -> Vec<ProcessView> {
        let mut views: Vec<ProcessView> = self
            .units()
            .iter()
            .filter_map(|view| self.process(&view.name))
            .collect();
        views.sort_by(|a, b| (&a.group, &a.name).cmp(&(&b.group, &b.name)));
        views
    }

    /// One service as supervisord would tell of it; `None` for other kinds, and where there is none.
    #[must_use]
    pub fn process(&self, unit: &UnitName) -> Option<ProcessView> {
        let (group, name) = units::group::group_and_process(unit)?;
        let definition = self.definition(unit)?;
        let state = self.process_state(unit)?;
        let service = self.state.unit(unit).and_then(UnitState::service);
        Some(ProcessView {
            unit: unit.clone(),
            group,
            name,
            state,
            start: service.and_then(|service| Some(service.main_start?.realtime)),
            stop: service.and_then(|service| Some(service.main_exit?.0.realtime)),
            pid: service
                .and_then(|service| service.main.as_ref()?.pid())
                .unwrap_or_default(),
            tries: 0,
            restarts: service.map_or(0, |service| service.restarts),
            exit_status: 0,
            spawn_error: String::new(),
            definition,
        })
    }

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
