//! Answers questions from views. Nothing here changes anything.

use std::path::Path;
use std::sync::Arc;

use control::{
    LogLine, LogSource, LogStream, Node, Refusal, Reply, Request, SocketLine, UnitDetail, UnitFile,
    Usage, dependency,
};
use engine::view::systemd::ActiveState;
use tokio::sync::mpsc;
use units::{Dependency, UnitKind, UnitName};

use super::{Manager, transient_files};
use crate::link::Stream;
use crate::log::{Heard, Logs};

/// Lines that wait for a reader of a log.
const LOG_QUEUE: usize = 256;

/// The most lines one request may ask for; more is cut silently, as `tail` does at the file's start.
const MOST_LINES: u32 = 100_000;

/// The largest unit file `cat` shows; no larger one is ever read.
const LARGEST_FILE: u64 = 1024 * 1024;

impl Manager {
    /// Answers a question; `None` for a request that is none (a command, a re-exec).
    pub(super) fn answer(&mut self, request: &Request) -> Option<Result<Reply, Refusal>> {
        Some(match request {
            Request::Command(_)
            | Request::StartTransient { .. }
            | Request::Reexec
            | Request::Happened { .. } => return None,
            Request::Note { records, seen } => self.keep_note(records, *seen),
            Request::Recall => self.recall(),
            Request::LogLevel(level) => self.set_log_level(*level),
            Request::LogTarget(target) => self.set_log_target(*target),
            Request::Units(selection) => Ok(Reply::Units(
                self.engine
                    .units()
                    .into_iter()
                    .filter(|view| selection.takes(view))
                    .collect(),
            )),
            Request::Unit(name) => self
                .detail(name)
                .map(|detail| Reply::Unit(Box::new(detail)))
                .ok_or_else(|| Refusal::NoSuchUnit(name.clone())),
            Request::Why(name) => Ok(Reply::Why(Box::new(self.engine.why(name)))),
            Request::Usage(name) => Ok(Reply::Usage(self.usage(name))),
            Request::UnitOf { pid } => Ok(Reply::UnitOf(self.processes.unit_of(*pid))),
            Request::Jobs => Ok(Reply::Jobs(self.engine.jobs())),
            Request::Logs {
                units,
                lines,
                follow,
            } => self.log_stream(units, *lines, *follow),
            Request::Cat(name) => self.cat(name),
            Request::Dependencies { unit, direction } => {
                let tree = dependency::walk(self.engine.definitions(), unit, *direction);
                Ok(Reply::Dependencies(
                    tree.into_iter().map(|node| self.with_state(node)).collect(),
                ))
            }
            Request::Sockets => Ok(Reply::Sockets(self.socket_lines())),
            Request::Manager => Ok(Reply::Manager(Box::new(self.about()))),
            Request::Sets => Ok(Reply::Sets(control::Sets {
                active: Arc::clone(self.engine.definitions()),
                candidate: Arc::clone(self.engine.candidate()),
                closing: self.engine.closing().map(control::Restarting),
            })),
            Request::Processes(names) => {
                Ok(Reply::Processes(self.process_details(names.as_deref())))
            }
            // By [`Manager::answer_later`].
            Request::Preview
            | Request::Install(_)
            | Request::UnitFiles
            | Request::UnitFileState(_)
            | Request::UnitFileLinks { .. }
            | Request::Clean { .. }
            | Request::Freeze { .. }
            | Request::KnownUnitFile(_)
            | Request::FilesChanged(_)
            | Request::Program(_)
            | Request::Input { .. }
            | Request::Deliver { .. }
            | Request::LogText { .. }
            | Request::LogFollow { .. }
            | Request::LogClear(_)
            | Request::LogReopen
            | Request::Tap { .. }
            | Request::Drain(_) => return None,
        })
    }

    fn with_state(&self, node: Node) -> (Node, ActiveState) {
        let state = self.active(&node.unit);
        (node, state)
    }

    fn active(&self, name: &UnitName) -> ActiveState {
        self.engine
            .unit(name)
            .map_or(ActiveState::Inactive, |view| view.active)
    }

    fn dependencies(&self, name: &UnitName) -> Vec<(Dependency, UnitName)> {
        self.engine
            .dependencies(name)
            .map(|(dependency, other)| (dependency, other.clone()))
            .collect()
    }

    fn detail(&self, name: &UnitName) -> Option<UnitDetail> {
        let view = self.engine.unit(name)?;
        Some(UnitDetail {
            transient_file: view.transient.then(|| self.transient_file(name)),
            view,
            dependencies: self.dependencies(name),
            listening: self.sockets.addresses(name),
            notify_socket: self.notify.path(&self.runtime, name),
            control_group: self
                .cgroups
                .as_ref()
                .and_then(|cgroups| cgroups.shown(name)),
            frozen: self.frozen.contains(name),
            defaults: Arc::clone(&self.defaults),
        })
    }

    fn usage(&mut self, name: &UnitName) -> Usage {
        let processes = self
            .processes
            .members(name)
            .into_iter()
            .map(|member| control::Process {
                pid: member.pid,
                command: member.command,
            })
            .collect::<Vec<_>>();
        let group = self.cgroups.as_ref();
        Usage {
            memory_max: self.memory_max(name),
            memory_current: group.and_then(|group| group.number(name, "memory.current", None)),
            tasks_current: group
                .and_then(|group| group.number(name, "pids.current", None))
                .or((!processes.is_empty()).then_some(processes.len() as u64)),
            cpu_usage_nsec: group
                .and_then(|group| group.number(name, "cpu.stat", Some("usage_usec")))
                .map(|micros| micros.saturating_mul(1000)),
            processes,
        }
    }

    /// What is in force; for a unit that does not run, what would be.
    fn memory_max(&self, name: &UnitName) -> Option<u64> {
        let cgroups = self.cgroups.as_ref()?;
        let in_force = cgroups.number(name, "memory.max", None);
        let limit = self.definition(name)?.memory_max();
        in_force.or_else(|| limit.of(cgroups.memory()))
    }

    fn cat(&self, name: &UnitName) -> Result<Reply, Refusal> {
        let definition = self
            .definition(name)
            .ok_or_else(|| Refusal::NoSuchUnit(name.clone()))?;
        // Its file says nothing, and may be a device.
        if *definition.load_state() == units::LoadState::Masked {
            return Ok(Reply::Files(Vec::new()));
        }
        if self.engine.is_transient(name) {
            // Of what is kept, which may be newer.
            return Ok(Reply::Files(vec![UnitFile {
                path: self.transient_file(name),
                text: transient_files::text_of(&definition),
            }]));
        }
        let origin = definition.origin();
        let files = origin
            .fragment
            .iter()
            .chain(&origin.drop_ins)
            .map(|path| {
                let path = Path::new(&**path);
                let text = read_bounded(path).map_err(|error| {
                    Refusal::Invalid(format!("cannot read {}: {error}", path.display()))
                })?;
                Ok(UnitFile {
                    path: path.to_owned(),
                    text,
                })
            })
            .collect::<Result<Vec<_>, Refusal>>()?;
        Ok(Reply::Files(files))
    }

    fn socket_lines(&self) -> Vec<SocketLine> {
        let mut lines = Vec::new();
        for view in self.engine.units() {
            if view.name.kind() != UnitKind::Socket {
                continue;
            }
            let Some(definition) = &view.definition else {
                continue;
            };
            let triggers: Vec<UnitName> = self
                .dependencies(&view.name)
                .into_iter()
                .filter(|(dependency, _)| *dependency == Dependency::Triggers)
                .map(|(_, unit)| unit)
                .collect();
            for (kind, address) in definition.listen() {
                lines.push(SocketLine {
                    address: address.to_string(),
                    kind: kind.as_str(),
                    unit: view.name.clone(),
                    triggers: triggers.clone(),
                    active: view.active,
                });
            }
        }
        lines
    }

    fn about(&self) -> control::Manager {
        let views = self.engine.units();
        let startup = self.engine.startup();
        control::Manager {
            version: env!("CARGO_PKG_VERSION"),
            state: self.engine.system_state(),
            not_ready: self.engine.not_ready(),
            units: u32::try_from(views.len()).unwrap_or(u32::MAX),
            jobs: u32::try_from(self.engine.jobs().len()).unwrap_or(u32::MAX),
            failed_units: u32::try_from(
                views
                    .iter()
                    .filter(|view| view.active == ActiveState::Failed)
                    .count(),
            )
            .unwrap_or(u32::MAX),
            started: startup.begun.unwrap_or(self.about.started),
            startup,
            keeper_pid: self.about.keeper_pid,
            manager_pid: std::process::id(),
            recoveries: self.about.recoveries,
            safe_mode: self.about.safe_mode,
            runtime_dir: self.runtime.clone(),
            unit_path: self.unit_path.clone(),
            log_target: self.about.log_target.clone(),
            log_level: self.log_level(),
            virtualization: self.about.virtualization,
            environment: self.block(),
            control_group: self
                .cgroups
                .as_ref()
                .map(|cgroups| cgroups.shown_base().to_owned()),
        }
    }

    /// What every program's environment starts from: what the daemon was started with, and what
    /// clients changed of it.
    pub(super) fn block(&self) -> Vec<(String, String)> {
        let changed = self.engine.environment();
        let kept = self
            .environment
            .iter()
            .filter(|(name, _)| !changed.contains_key(name))
            .cloned();
        let set = changed
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
        kept.chain(set).collect()
    }

    /// What clients changed of it.
    pub(super) fn changed_block(&self) -> Arc<[(String, Option<String>)]> {
        let changed = self.engine.environment().iter();
        let owned = |(name, value): (&String, &Option<String>)| (name.clone(), value.clone());
        changed.map(owned).collect()
    }

    fn log_stream(&self, units: &[UnitName], lines: u32, follow: bool) -> Result<Reply, Refusal> {
        if let Some(unknown) = units.iter().find(|name| {
            self.engine
                .unit(name)
                .is_none_or(|view| view.definition.is_none())
        }) {
            return Err(Refusal::NoSuchUnit(unknown.clone()));
        }
        for name in units {
            // One that has not run since a recovery is not known to the log writer.
            if let Some(file) = self
                .definition(name)
                .as_deref()
                .and_then(|definition| self.outputs.files().of(definition, Stream::Out))
            {
                self.logs.remember(name.clone(), None, Some(file));
            }
        }
        let (sender, stream) = mpsc::channel(LOG_QUEUE);
        let lines = lines.min(MOST_LINES) as usize;
        tokio::spawn(copy_lines(
            self.logs.clone(),
            units.to_vec(),
            lines,
            follow,
            sender,
        ));
        Ok(Reply::Logs(stream as LogStream))
    }
}

/// Copies lines from the log writer to a client, for as long as the client takes them.
async fn copy_lines(
    logs: Logs,
    units: Vec<UnitName>,
    lines: usize,
    follow: bool,
    to: mpsc::Sender<LogLine>,
) {
    let line = |unit: UnitName, text: Vec<u8>| LogLine {
        unit,
        source: LogSource::Out,
        at: None,
        pid: None,
        text: Arc::from(text),
    };
    if !follow {
        for unit in units {
            for found in logs.tail(unit, lines).await.unwrap_or_default() {
                if to.send(line(found.unit, found.text)).await.is_err() {
                    return;
                }
            }
        }
        return;
    }
    let first = units.first().cloned();
    let mut heard = logs.subscribe(units, lines);
    loop {
        let next = tokio::select! {
            next = heard.recv() => next,
            () = to.closed() => return,
        };
        let item = match (next, &first) {
            (Some(Heard::Line(found)), _) => line(found.unit, found.text),
            (Some(Heard::Missed(count)), Some(unit)) => LogLine {
                source: LogSource::Manager,
                ..line(
                    unit.clone(),
                    format!("{count} lines were not shown: the reader is too slow").into_bytes(),
                )
            },
            (Some(Heard::Missed(_)) | None, _) => return,
        };
        if to.send(item).await.is_err() {
            return;
        }
    }
}

/// Reads a unit file for display. It is opened without blocking and read up to a bound, since it
/// may have been replaced by something else after it was loaded.
fn read_bounded(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What does not change while a manager lives.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub(super) started: engine::Now,
    pub(super) keeper_pid: u32,
    pub(super) recoveries: u32,
    pub(super) safe_mode: bool,
    pub(super) log_target: String,
    pub(super) virtualization: &'static str,
}
