//! The words of supervisord for what the engine knows (its process states).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use units::{Definition, UnitKind, UnitName};

use units::value::Signal;

use crate::Engine;
use crate::action::{Level, Role};
use crate::change::{Change, Moved, ProcessMoved};
use crate::clock::{Now, Realtime};
use crate::event::ExitStatus;
use crate::job::JobKind;
use crate::service::process::classify;
use crate::service::{Child, Ended, Phase, Service};
use crate::state::UnitState;
use crate::view::systemd::{SubState, UnitResult};

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

    /// Whether there is no process, and none will be by itself (supervisord's `STOPPED_STATES`).
    #[must_use]
    pub const fn is_down(self) -> bool {
        matches!(
            self,
            ProcessState::Stopped | ProcessState::Exited | ProcessState::Fatal
        )
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

impl ProcessView {
    /// Its name as clients write it.
    pub fn namespec(&self) -> String {
        units::group::namespec(&self.group, &self.name)
    }
}

/// What supervisord remembers of a process, and nobody else.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ToldProcess {
    /// The state that was told last; `None` if none ever was.
    #[serde(skip_serializing_if = "Option::is_none")]
    shown: Option<ProcessState>,
    /// Failed starts in a row (`backoff`).
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) tries: u32,
    /// The last start (`laststart`), and the last end of a process (`laststop`).
    #[serde(skip_serializing_if = "Option::is_none")]
    last_start: Option<Realtime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_stop: Option<Realtime>,
    /// The main process that ended last in this run.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) ended_pid: u32,
    /// It ended, and nobody had asked for it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) ended_by_itself: bool,
    #[serde(skip_serializing_if = "is_zero")]
    exit_status: i32,
    /// Why there was no process, or what was wrong with its end (`spawnerr`).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) spawn_error: String,
}

fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

impl ToldProcess {
    /// A run begins. What was shown, and how many starts have failed, stays.
    pub(crate) fn begin(&mut self, now: Now) {
        *self = ToldProcess {
            shown: self.shown,
            tries: self.tries,
            last_start: Some(now.realtime),
            last_stop: self.last_stop,
            ..ToldProcess::default()
        };
    }

    /// How many starts in a row have failed, the present one included if it has.
    pub(crate) fn tries_with_this_one(&self) -> u32 {
        let counted = self.shown == Some(ProcessState::Backoff);
        self.tries.saturating_add(u32::from(!counted))
    }
}

/// What supervisord would say of a service whose phase has just changed, if it would show another
/// state now. `will_restart`: it is down, and will come back by itself.
pub(crate) fn process_moved(
    definition: &Definition,
    service: &mut Service,
    will_restart: bool,
) -> Option<ProcessMoved> {
    let told = &service.told_process;
    let from = told.shown.unwrap_or(ProcessState::Stopped);
    let to = project(service, will_restart);
    if from == to && told.shown.is_some() {
        return None;
    }
    let live = service.main.as_ref().and_then(Child::pid);
    let status = service.main_exit.map(|(_, status)| status);
    let expected = match status {
        Some(status) => classify(definition, Role::Main, status, false) == UnitResult::Success,
        None => service.result == UnitResult::Success,
    };
    let failure = service.failure.clone();
    let told = &mut service.told_process;
    told.shown = Some(to);
    if from == to {
        return None;
    }
    let mut moved = ProcessMoved {
        from,
        to,
        tries: told.tries,
        pid: live.unwrap_or_default(),
        status: None,
        expected: false,
        error: String::new(),
    };
    match to {
        ProcessState::Starting | ProcessState::Running | ProcessState::Stopping => {}
        ProcessState::Backoff => {
            told.tries = told.tries.saturating_add(1);
            moved.tries = told.tries;
            if told.spawn_error.is_empty() && status.is_none() {
                told.spawn_error = failure;
            }
            if told.spawn_error.is_empty() {
                told.spawn_error = EXITED_TOO_QUICKLY.to_owned();
                moved.pid = told.ended_pid;
                moved.status = status;
            } else {
                moved.error = told.spawn_error.clone();
            }
        }
        ProcessState::Exited => {
            told.tries = 0;
            moved.tries = 0;
            told.exit_status = status.map_or(0, code_of);
            if !expected && told.spawn_error.is_empty() {
                told.spawn_error = format!("Bad exit code {}", told.exit_status);
            }
            moved.pid = told.ended_pid;
            moved.status = status;
            moved.expected = expected;
        }
        ProcessState::Stopped if from == ProcessState::Stopping => {
            told.exit_status = status.map_or(0, code_of);
            moved.pid = told.ended_pid;
            moved.status = status;
            moved.expected = expected;
        }
        ProcessState::Stopped => {}
        ProcessState::Fatal => {
            told.tries = 0;
            if told.spawn_error.is_empty() {
                told.spawn_error = failure;
            }
        }
    }
    Some(moved)
}

const EXITED_TOO_QUICKLY: &str = "Exited too quickly (process log may have details)";

/// supervisord's number for an end: -1 where there was no exit code.
fn code_of(status: ExitStatus) -> i32 {
    match status {
        ExitStatus::Code(code) => i32::from(code),
        ExitStatus::Signal(_) | ExitStatus::Dumped(_) | ExitStatus::Unknown => -1,
    }
}

/// supervisord's words for an end.
fn words_of(status: ExitStatus) -> String {
    let name = |number: u8| {
        Signal::from_number(i32::from(number))
            .map_or_else(|| format!("signal {number}"), |signal| signal.to_string())
    };
    match status {
        ExitStatus::Code(code) => format!("exit status {code}"),
        ExitStatus::Signal(number) => format!("terminated by {}", name(number)),
        ExitStatus::Dumped(number) => format!("terminated by {} (core dumped)", name(number)),
        ExitStatus::Unknown => "unknown termination cause".to_owned(),
    }
}

/// Lines of supervisord's main log, by which tools know what happens to processes.
impl Engine {
    /// What supervisord's main log would say of a change, in its own order and words. Ask right
    /// after the change was uttered, since a part of it is read from the present state.
    #[must_use]
    pub fn main_log(&self, change: &Change) -> Vec<(Level, String)> {
        match change {
            Change::ProcessStarted { unit, pid } => {
                let line = process_name(unit)
                    .map(|name| (Level::Info, format!("spawned: '{name}' with pid {pid}")));
                line.into_iter().collect()
            }
            Change::Moved(moved) => {
                let stays_up = self
                    .definition(&moved.unit)
                    .map_or(0, |unit| unit.ready_after().as_micros() / 1_000_000);
                line_of(moved, stays_up).into_iter().collect()
            }
            Change::Closing { .. } => {
                let dying: Vec<String> = self
                    .processes()
                    .into_iter()
                    .filter(|process| !process.state.is_down())
                    .map(|process| process.name)
                    .collect();
                let line = (!dying.is_empty()).then(|| {
                    let text = format!("waiting for {} to die", dying.join(", "));
                    (Level::Info, text)
                });
                line.into_iter().collect()
            }
            Change::Properties(_)
            | Change::JobNew { .. }
            | Change::JobRemoved { .. }
            | Change::UnitNew(_)
            | Change::UnitRemoved(_)
            | Change::GroupAdded(_)
            | Change::GroupRemoved(_)
            | Change::Reloading(_)
            | Change::UnitFilesChanged
            | Change::StartupFinished => Vec::new(),
        }
    }
}

/// The name within the group, which is the one supervisord logs.
fn process_name(unit: &UnitName) -> Option<String> {
    units::group::group_and_process(unit).map(|(_, process)| process)
}

/// `stays_up`: seconds it has to stay up to be running.
fn line_of(moved: &Moved, stays_up: u64) -> Option<(Level, String)> {
    let name = process_name(&moved.unit)?;
    let kills = moved.from.1 == SubState::StopSigterm && moved.to.1 == SubState::StopSigkill;
    let Some(process) = &moved.process else {
        let pid = moved.pid.filter(|_| kills)?;
        return Some((
            Level::Warning,
            format!("killing '{name}' ({pid}) with SIGKILL"),
        ));
    };
    let level = if process.expected {
        Level::Info
    } else {
        Level::Warning
    };
    Some(match (process.to, process.status) {
        (ProcessState::Running, _) => (
            Level::Info,
            format!(
                "success: {name} entered RUNNING state, process has stayed up for > than {stays_up} seconds (startsecs)"
            ),
        ),
        (ProcessState::Backoff, None) => (Level::Info, format!("spawnerr: {}", process.error)),
        (ProcessState::Backoff, Some(status)) => (
            level,
            format!("exited: {name} ({}; not expected)", words_of(status)),
        ),
        (ProcessState::Exited, Some(status)) => {
            let judgement = if process.expected {
                "expected"
            } else {
                "not expected"
            };
            (
                level,
                format!("exited: {name} ({}; {judgement})", words_of(status)),
            )
        }
        (ProcessState::Stopped, Some(status)) => {
            (level, format!("stopped: {name} ({})", words_of(status)))
        }
        (ProcessState::Fatal, _) if process.from == ProcessState::Backoff => (
            Level::Info,
            format!("gave up: {name} entered FATAL state, too many start retries too quickly"),
        ),
        _ => return None,
    })
}

impl Engine {
    /// Every service, sorted by group and name (bytewise).
    #[must_use]
    pub fn processes(&self) -> Vec<ProcessView> {
        let mut views: Vec<ProcessView> = self
            .names()
            .into_iter()
            .filter_map(|name| self.process(name))
            .collect();
        units::sort::by(&mut views, |a, b| {
            (&a.group, &a.name).cmp(&(&b.group, &b.name))
        });
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
            start: service.and_then(|service| service.told_process.last_start),
            stop: service.and_then(|service| service.told_process.last_stop),
            pid: service
                .and_then(|service| service.main.as_ref()?.pid())
                .unwrap_or_default(),
            tries: service.map_or(0, |service| service.told_process.tries),
            restarts: service.map_or(0, |service| service.restarts),
            exit_status: service.map_or(0, |service| service.told_process.exit_status),
            spawn_error: service
                .map(|service| service.told_process.spawn_error.clone())
                .unwrap_or_default(),
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
            |service| state_of(service, starts),
        ))
    }
}

/// `starts`: a start job waits for its turn.
fn state_of(service: &Service, starts: bool) -> ProcessState {
    let is_down = matches!(service.phase, Phase::Dead { .. } | Phase::Failed { .. });
    match service.told_process.shown {
        _ if is_down && starts => ProcessState::Starting,
        Some(shown) if !is_down => shown,
        _ => project(service, false),
    }
}

/// supervisord's word for a phase. It knows one process for each service: its end is the end, though
/// what it left behind is still being cleared away.
fn project(service: &Service, will_restart: bool) -> ProcessState {
    let told = &service.told_process;
    let waiting = if service.was_ready {
        ProcessState::Exited
    } else {
        ProcessState::Backoff
    };
    match &service.phase {
        Phase::Dead { .. } | Phase::Failed { .. } if will_restart => waiting,
        Phase::Dead {
            ended: Ended::Never | Ended::OnRequest | Ended::Skipped,
        } => ProcessState::Stopped,
        Phase::Dead {
            ended: Ended::ByItself,
        } => ProcessState::Exited,
        Phase::Failed { on_request: true } => ProcessState::Stopped,
        Phase::Failed { on_request: false } if service.was_ready => ProcessState::Exited,
        Phase::Failed { on_request: false } => ProcessState::Fatal,
        Phase::Condition { .. }
        | Phase::StartPre { .. }
        | Phase::Start { .. }
        | Phase::StartPost { .. } => ProcessState::Starting,
        Phase::Running
        | Phase::Reload { .. }
        | Phase::ReloadSignal { .. }
        | Phase::ReloadNotify { .. } => ProcessState::Running,
        Phase::Exited => ProcessState::Exited,
        Phase::Stop { .. }
        | Phase::StopWatchdog(_)
        | Phase::StopSigterm(_)
        | Phase::StopSigkill(_)
        | Phase::StopPost { .. }
        | Phase::FinalWatchdog(_)
        | Phase::FinalSigterm(_)
        | Phase::FinalSigkill(_) => {
            if told.ended_by_itself && service.main.is_none() {
                waiting
            } else {
                ProcessState::Stopping
            }
        }
        Phase::AutoRestart { .. } => waiting,
    }
}
