//! Takes actions in, and tells them as the lines of a story.

use std::collections::BTreeSet;

use engine::action::{AdoptFrom, Role, Target};
use engine::change::ProcessMoved;
use engine::{Action, Change, Event};
use units::UnitName;

use super::{Process, Stage};

impl Stage {
    /// Takes the actions in as a shell would, and tells them.
    pub(super) fn take(&mut self, actions: Vec<Action>, out: &mut Vec<String>) {
        for (key, text) in self.engine().take_records() {
            match text {
                Some(text) => self.records.insert(key, text),
                None => self.records.remove(&key),
            };
        }
        let mut moved: BTreeSet<UnitName> = BTreeSet::new();
        let mut answers = Vec::new();
        for action in actions {
            let mut said = Vec::new();
            if let Some(line) = self.take_one(action, &mut moved, &mut answers, &mut said) {
                out.push(line);
            }
            out.extend(said);
        }
        for unit in moved {
            if unit.kind() != units::UnitKind::Target {
                out.push(self.show(&unit));
            }
        }
        for event in answers {
            self.feed(event, out);
        }
    }

    fn take_one(
        &mut self,
        action: Action,
        moved: &mut BTreeSet<UnitName>,
        answers: &mut Vec<Event>,
        said: &mut Vec<String>,
    ) -> Option<String> {
        Some(match action {
            Action::Spawn(spawn) => {
                let mut line = format!(
                    "spawn {} {} {}",
                    spawn.unit,
                    role_word(spawn.role),
                    spawn.command
                );
                for (key, value) in &spawn.environment {
                    let value = if key == "MONITOR_INVOCATION_ID" {
                        "…"
                    } else {
                        value
                    };
                    line.push_str(&format!(" {key}={value}"));
                }
                if !spawn.listen.is_empty() {
                    let names: Vec<&str> = spawn.listen.iter().map(UnitName::as_str).collect();
                    line.push_str(&format!(" listen: {}", names.join(" ")));
                }
                if let Some(connection) = spawn.connection {
                    line.push_str(&format!(" connection: {}", connection.0));
                }
                self.processes.push(Process {
                    ticket: spawn.ticket,
                    unit: spawn.unit,
                    role: spawn.role,
                    pid: None,
                });
                line
            }
            Action::Adopt { ticket, unit, from } => {
                self.adopts.insert(unit.clone(), ticket);
                match from {
                    AdoptFrom::PidFile(path) => format!("adopt {unit} from {path}"),
                    AdoptFrom::Guess => format!("adopt {unit} by guess"),
                    AdoptFrom::Named { pid, trusted } => {
                        format!("adopt {unit} {pid} trusted: {trusted}")
                    }
                }
            }
            Action::Gather { ticket, unit, pids } => {
                let line = format!("gather {unit} {pids:?}");
                self.gathers.insert(unit, ticket);
                line
            }
            Action::Signal {
                ticket,
                unit,
                target,
                signal,
                ..
            } => {
                // A world that is slow says so later, in a step of its own.
                if self.slow_signals {
                    self.signals.insert(unit.clone(), ticket);
                } else {
                    answers.push(Event::Signalled { ticket });
                }
                let target = match target {
                    Target::All => "all".to_owned(),
                    Target::Process(process) => {
                        let found = self.processes.iter().find(|found| found.ticket == process);
                        found.map_or("gone".to_owned(), |found| role_word(found.role).to_owned())
                    }
                };
                format!("signal {unit} {target} {signal}")
            }
            Action::WatchEmpty { ticket, unit } => {
                let line = format!("watch-empty {unit}");
                self.empties.insert(unit, ticket);
                line
            }
            Action::Probe {
                ticket,
                unit,
                probe,
            } => {
                let line = format!("probe {unit} {probe}");
                self.probes.insert(unit, ticket);
                line
            }
            Action::EndProbe { ticket } => {
                self.probes.retain(|_, asked| *asked != ticket);
                "end probe".to_owned()
            }
            Action::WatchName {
                ticket,
                unit,
                name,
                with_pid,
            } => {
                let pid = if with_pid { " with its process" } else { "" };
                let line = format!("watch-name {unit} {name}{pid}");
                self.names.insert(unit, ticket);
                line
            }
            Action::UnwatchName { ticket } => {
                self.names.retain(|_, watched| *watched != ticket);
                "unwatch-name".to_owned()
            }
            Action::Release { unit } => format!("release {unit}"),
            Action::ClearAway {
                unit,
                runtime: true,
            } => format!("clear away {unit}"),
            Action::ClearAway { unit, .. } => format!("clear away {unit}, keep its directories"),
            Action::Listen { ticket, unit } => {
                let line = format!("listen {unit}");
                self.listens.insert(unit, ticket);
                line
            }
            Action::Watch { unit, on } => format!("watch {unit} {}", if on { "on" } else { "off" }),
            Action::Flush { unit } => format!("flush {unit}"),
            Action::Unlisten { unit, remove_nodes } => {
                format!(
                    "unlisten {unit}{}",
                    if remove_nodes { " and remove" } else { "" }
                )
            }
            Action::CloseConnection { connection } => format!("close connection {}", connection.0),
            Action::Store {
                unit,
                name,
                max,
                poll,
                ..
            } => format!("store {unit} {name} max {max} poll {poll}"),
            Action::Unstore { unit, name } => {
                format!("unstore {unit} {}", name.as_deref().unwrap_or("all"))
            }
            Action::SetTimer { ticket, at } => {
                self.timers.insert(ticket, at);
                format!(
                    "timer {}",
                    units::value::Span::from_micros(at.0.saturating_sub(self.now))
                )
            }
            Action::CancelTimer { ticket } => {
                self.timers.remove(&ticket);
                return None;
            }
            Action::Check {
                ticket,
                unit,
                tests,
            } => {
                let tests: Vec<String> = tests
                    .iter()
                    .map(|test| format!("{}={}", test.kind, test.condition))
                    .collect();
                let line = format!("check {unit} {}", tests.join(" "));
                self.checks.insert(unit, ticket);
                line
            }
            Action::ReadStamp { ticket, unit } => {
                let line = format!("read stamp of {unit}");
                self.stamps.insert(unit, ticket);
                line
            }
            Action::WriteStamp { unit, .. } => format!("write stamp of {unit}"),
            Action::WakeSystem { unit, at } => match at {
                Some(_) => format!("wake the system for {unit}"),
                None => format!("no need to wake the system for {unit}"),
            },
            Action::WatchPaths {
                ticket,
                unit,
                make_directories,
                seen,
            } => {
                let make = if make_directories { ", made first" } else { "" };
                let seen = if seen.is_empty() {
                    ""
                } else {
                    ", as seen before"
                };
                let line = format!("watch paths of {unit}{make}{seen}");
                self.watches.insert(unit, ticket);
                line
            }
            Action::UnwatchPaths { unit } => {
                self.watches.remove(&unit);
                format!("unwatch paths of {unit}")
            }
            Action::ReadUnits { ticket } => {
                self.readings.push(ticket);
                "read units".to_owned()
            }
            Action::Reply { request, answer } => match answer {
                Ok(answer) => format!("reply {} {}", request.0, answer_word(&answer)),
                Err(refusal) => format!("reply {} refused: {refusal}", request.0),
            },
            Action::Publish(change) => {
                if self.says_log {
                    let lines = self.engine().main_log(&change);
                    let lines = lines
                        .into_iter()
                        .map(|(level, text)| format!("{level:?}: {text}"));
                    said.extend(lines);
                }
                return publish_word(change, moved, self.says_log);
            }
            Action::Log(entry) if entry.level <= engine::action::Level::Warning => {
                format!("log: {}", entry.text)
            }
            Action::Log(_) => return None,
            Action::Halt { status } => format!("halt {status}"),
        })
    }

    /// What `getProcessInfo` is made of.
    pub(super) fn process(&mut self, unit: &UnitName) -> String {
        let Some(process) = self.engine().process(unit) else {
            return "no process".to_owned();
        };
        let second = |at: Option<engine::clock::Realtime>| {
            at.map_or("never".to_owned(), |at| format!("{}ms", at.0 / 1_000))
        };
        format!(
            "{}:{} {} start {} stop {} pid {} tries {} exit status {} “{}”",
            process.group,
            process.name,
            process.state.as_str(),
            second(process.start),
            second(process.stop),
            process.pid,
            process.tries,
            process.exit_status,
            process.spawn_error
        )
    }

    pub(super) fn show(&mut self, unit: &UnitName) -> String {
        let engine = self.engine();
        let view = engine.unit(unit).unwrap();
        let mut line = format!("= {unit} {}/{}", view.active.as_str(), view.sub.as_str());
        if let Some(state) = engine.process_state(unit) {
            line.push_str(&format!(" {}", state.as_str()));
        }
        if view.result != engine::view::systemd::UnitResult::Success {
            line.push_str(&format!(" result {}", view.result.as_str()));
        }
        if let Some(service) = view.service {
            if service.restarts > 0 {
                line.push_str(&format!(" restarts {}", service.restarts));
            }
            if !service.status_text.is_empty() {
                line.push_str(&format!(" status “{}”", service.status_text));
            }
            if !service.failure.is_empty() {
                line.push_str(&format!(" failure “{}”", service.failure));
            }
        }
        if !view.conditions.tests.is_empty() || !view.asserts.tests.is_empty() {
            let word = |result: bool| if result { "held" } else { "did not hold" };
            line.push_str(&format!(
                " conditions {} asserts {}",
                word(view.conditions.result),
                word(view.asserts.result)
            ));
        }
        if view.stale {
            line.push_str(" stale");
        }
        line
    }
}

fn publish_word(
    change: Change,
    moved: &mut BTreeSet<UnitName>,
    says_processes: bool,
) -> Option<String> {
    Some(match change {
        Change::Moved(to) => {
            moved.insert(to.unit.clone());
            let mut line = format!(
                "{}: {} -> {} ({})",
                to.unit,
                to.from.1.as_str(),
                to.to.1.as_str(),
                to.cause
            );
            if let Some(process) = to.process.filter(|_| says_processes) {
                line.push_str(&format!(" {}", process_words(&process)));
            }
            line
        }
        Change::Properties(_) => return None,
        Change::JobNew { job, unit, kind } => format!("job {} {unit} {}", job.0, kind.as_str()),
        Change::JobRemoved { job, unit, result } => {
            format!("job {} {unit} ended: {}", job.0, result.as_str())
        }
        Change::UnitNew(unit) => format!("new unit {unit}"),
        Change::UnitRemoved(unit) => format!("removed unit {unit}"),
        Change::Reloading(on) => format!("reloading {on}"),
        Change::UnitFilesChanged => "unit files changed".to_owned(),
        Change::StartupFinished => "startup finished".to_owned(),
        Change::ProcessStarted { .. } => return None,
        Change::GroupAdded(_) | Change::GroupRemoved(_) | Change::Closing { .. }
            if !says_processes =>
        {
            return None;
        }
        Change::GroupAdded(group) => format!("new group {group}"),
        Change::GroupRemoved(group) => format!("removed group {group}"),
        Change::Closing { restarting: false } => "closing".to_owned(),
        Change::Closing { restarting: true } => "closing to start anew".to_owned(),
    })
}

/// What supervisord's event would say, with what it has beside.
fn process_words(process: &ProcessMoved) -> String {
    let mut words = format!(
        "[{} -> {} tries {} pid {}",
        process.from.as_str(),
        process.to.as_str(),
        process.tries,
        process.pid
    );
    if let Some(status) = process.status {
        let judgement = if process.expected { "" } else { "not " };
        words.push_str(&format!(" {status:?} {judgement}expected"));
    }
    if !process.error.is_empty() {
        words.push_str(&format!(" “{}”", process.error));
    }
    words.push(']');
    words
}

fn answer_word(answer: &engine::Answer) -> String {
    match answer {
        engine::Answer::Done => "done".to_owned(),
        engine::Answer::Job(job) => format!("job {}", job.0),
        engine::Answer::Ended(result) => format!("ended {}", result.as_str()),
        engine::Answer::UnitEnded(end) => {
            format!(
                "unit ended: {} {:?} {}",
                end.result.as_str(),
                end.exit,
                end.failure
            )
        }
        engine::Answer::Staged { groups, .. } => format!(
            "staged: added {:?}, changed {:?}, removed {:?}",
            groups.added, groups.changed, groups.removed
        ),
        engine::Answer::Reloaded(diagnostics) => {
            format!("reloaded, {} diagnostics", diagnostics.len())
        }
    }
}

pub(super) fn role_word(role: Role) -> &'static str {
    match role {
        Role::Condition => "condition",
        Role::StartPre => "start-pre",
        Role::Main => "main",
        Role::StartPost => "start-post",
        Role::Reload => "reload",
        Role::Stop => "stop",
        Role::StopPre => "stop-pre",
        Role::StopPost => "stop-post",
        Role::ReadyProbe => "ready-probe",
    }
}
