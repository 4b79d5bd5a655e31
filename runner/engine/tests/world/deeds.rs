//! Does what the manager says, and answers: late, twice, badly or never.

use std::sync::Arc;

use engine::command::{Command, Refusal};
use engine::event::SpawnFailure;
use engine::job::JobResult;
use engine::view::systemd::SubState;
use engine::{Action, Answer, Change, Event};

use super::kernel::World;
use super::processes::Process;
impl World<'_> {
    pub(super) fn act(&mut self, action: Action) {
        self.trace = self
            .trace
            .wrapping_mul(31)
            .wrapping_add(format_len(&action));
        match &action {
            Action::Log(_) | Action::Publish(Change::Properties(_)) => {}
            other => {
                if self.tell {
                    println!("{:>10}    {other:?}", self.now);
                }
            }
        }
        match action {
            Action::Spawn(spawn) => {
                self.invariants
                    .spawn(self.engine.as_ref().unwrap(), &spawn, self.now);
                let roll = if self.fair { 99 } else { self.dice.below(100) };
                let ticket = spawn.ticket;
                if roll < 4 {
                    self.manager.answers.push_back(Event::SpawnFailed {
                        ticket,
                        process: None,
                        failure: SpawnFailure::Shortage { errno: 11 },
                    });
                    return;
                }
                if roll < 8 {
                    let failure = SpawnFailure::Setup {
                        status: 203,
                        message: "cannot execute".to_owned(),
                    };
                    self.manager.answers.push_back(Event::SpawnFailed {
                        ticket,
                        process: None,
                        failure,
                    });
                    return;
                }
                self.highest = self.highest.max(ticket.0);
                if let Some(connection) = spawn.connection {
                    assert!(
                        self.manager.connections.remove(&connection),
                        "I1: connection {connection:?} is handed over twice"
                    );
                }
                let pid = self.next_pid;
                self.next_pid += 1;
                let process = Process {
                    ticket,
                    unit: spawn.unit.clone(),
                    role: spawn.role,
                    pid,
                    spared: false,
                    named: false,
                    stubborn: !self.fair && self.dice.percent(10),
                    known: false,
                };
                let engine = self.engine.as_ref().unwrap();
                self.invariants.born(engine, &process, &self.processes);
                self.processes.push(process);
                self.manager
                    .answers
                    .push_back(Event::Spawned { ticket, pid });
            }
            Action::Adopt { ticket, unit, from } => self.adopt(ticket, unit, &from),
            Action::Gather { ticket, unit, pids } => self.gather(ticket, &unit, &pids),
            Action::Signal {
                ticket,
                unit,
                target,
                signal,
                wake,
            } => {
                // What a client sends may meet whom it will.
                if wake {
                    self.heard(&unit, target);
                }
                self.signal(&unit, target, signal);
                self.manager.answers.push_back(Event::Signalled { ticket });
            }
            Action::WatchEmpty { ticket, unit } => self.manager.empties.push((ticket, unit)),
            Action::Probe { ticket, unit, .. } => {
                self.manager.probes.insert(ticket, unit);
                // Sometimes nobody answers.
                if self.fair || self.dice.percent(80) {
                    let outcome = match self.dice.percent(if self.fair { 80 } else { 40 }) {
                        true => Ok(()),
                        false => Err("connection refused".to_owned()),
                    };
                    self.manager
                        .answers
                        .push_back(Event::Probed { ticket, outcome });
                }
            }
            Action::EndProbe { ticket } => drop(self.manager.probes.remove(&ticket)),
            Action::WatchName {
                ticket,
                unit,
                name,
                with_pid,
            } => self.watch_name(ticket, unit, name, with_pid),
            Action::UnwatchName { ticket } => drop(self.manager.names.remove(&ticket)),
            // Nothing of these worlds is in a file system.
            Action::ClearAway { .. } => {}
            Action::Release { unit } => {
                for process in &mut self.processes {
                    process.spared |= process.unit == unit;
                }
                self.strangers.release(&unit);
            }
            Action::Listen { ticket, unit } => {
                if self.listeners.contains(&unit) || self.fair || self.dice.percent(90) {
                    self.listeners.insert(unit);
                    self.manager.answers.push_back(Event::Listening { ticket });
                } else {
                    let message = "address in use".to_owned();
                    self.manager
                        .answers
                        .push_back(Event::ListenFailed { ticket, message });
                }
            }
            Action::Watch { unit, on: true } => {
                assert!(
                    self.listeners.contains(&unit),
                    "watches {unit}, which does not listen"
                );
                self.manager.watched.insert(unit);
            }
            Action::Watch { unit, on: false } => {
                self.manager.watched.remove(&unit);
            }
            Action::Flush { unit } => assert!(
                self.listeners.contains(&unit),
                "flushes {unit}, which does not listen"
            ),
            Action::Unlisten { unit, .. } => {
                self.manager.watched.remove(&unit);
                self.listeners.remove(&unit);
            }
            Action::CloseConnection { connection } => {
                self.manager.connections.remove(&connection);
            }
            Action::Store {
                unit, name, max, ..
            } => {
                let store = self.stores.entry(unit.clone()).or_default();
                if store.len() < max as usize {
                    store.insert(0, name);
                }
                let names = store.clone();
                self.manager
                    .answers
                    .push_back(Event::StoreIs { unit, names });
            }
            Action::Unstore { unit, name } => {
                let store = self.stores.entry(unit.clone()).or_default();
                store.retain(|kept| name.as_ref().is_some_and(|name| name != kept));
                let names = store.clone();
                self.manager
                    .answers
                    .push_back(Event::StoreIs { unit, names });
            }
            Action::SetTimer { ticket, at } => {
                self.manager.timers.insert(ticket, at);
            }
            Action::CancelTimer { ticket } => {
                self.manager.timers.remove(&ticket);
            }
            Action::Check {
                ticket,
                unit,
                tests,
            } => {
                self.invariants.check(self.engine.as_ref().unwrap(), &unit);
                let mut found = Vec::new();
                for _ in &tests {
                    let roll = if self.fair { 0 } else { self.dice.below(100) };
                    found.push(match roll {
                        0..70 => Ok(true),
                        70..95 => Ok(false),
                        _ => Err("nobody can say".to_owned()),
                    });
                }
                self.manager
                    .answers
                    .push_back(Event::Checked { ticket, found });
            }
            Action::ReadStamp { ticket, unit } => {
                let at = self.stamps.get(&unit).copied();
                self.manager
                    .answers
                    .push_back(Event::StampRead { ticket, at });
            }
            Action::WriteStamp { unit, at } => drop(self.stamps.insert(unit, at)),
            Action::WakeSystem { .. } => {}
            Action::WatchPaths {
                ticket, unit, seen, ..
            } => self.watch_paths(ticket, unit, &seen),
            Action::UnwatchPaths { unit } => drop(self.manager.watches.remove(&unit)),
            Action::ReadUnits { ticket } => {
                self.manager.answers.push_back(Event::UnitsRead {
                    ticket,
                    units: Arc::clone(&self.files.units),
                    diagnostics: Arc::clone(&self.files.diagnostics),
                });
            }
            Action::Reply { request, answer } => {
                let asked = self.waiting.remove(&request);
                assert!(asked.is_some(), "L2: {request:?} is answered twice");
                match &answer {
                    // The files may say something else by now than when they were read for this.
                    Ok(Answer::Staged { .. }) => {
                        let candidate = self.engine.as_ref().unwrap().candidate();
                        self.staged = Arc::ptr_eq(candidate, &self.files.units);
                    }
                    Ok(Answer::Reloaded(_)) => self.staged = false,
                    Err(Refusal::NoSuchGroup(group)) => self.group_is_unknown(asked, group),
                    Ok(Answer::Job(_)) => match asked {
                        Some(Command::Submit { unit, verb, .. }) => {
                            let engine = self.engine.as_ref().unwrap();
                            self.invariants.granted(engine, &unit, verb);
                        }
                        Some(Command::StartTransient { units, .. }) => {
                            self.await_end(units[0].name.clone());
                        }
                        _ => {}
                    },
                    _ => {}
                }
                if let Ok(Answer::Job(job)) = answer
                    && self.dice.percent(50)
                {
                    let request = self.new_request();
                    self.waiting.insert(request, Command::AwaitJob { job });
                    self.manager.answers.push_back(Event::Requested {
                        by: None,
                        request,
                        command: Command::AwaitJob { job },
                    });
                }
            }
            Action::Publish(change) => self.published(change),
            Action::Log(_) => {}
            Action::Halt { status } => {
                self.invariants.halts(status);
                self.halted = Some(status);
            }
        }
    }

    /// P1: only what starts is probed.
    pub(super) fn probes_are_wanted(&self) {
        for unit in self.manager.probes.values() {
            let sub = self.engine.as_ref().unwrap().unit(unit).unwrap().sub;
            assert!(
                sub == SubState::Start,
                "P1: {unit} is probed and is {}",
                sub.as_str()
            );
        }
    }

    fn published(&mut self, change: Change) {
        match change {
            Change::Moved(moved) => {
                let now = self.clock();
                let engine = self.engine.as_ref().unwrap();
                self.invariants.moved(engine, &moved);
                self.invariants.timer_moved(engine, &moved, now);
                if self.invariants.has_started_by_name(engine, &moved) {
                    self.started_by_name(&moved.unit);
                }
            }
            Change::UnitRemoved(unit) => self.invariants.removed(&unit),
            Change::GroupAdded(_) => self.invariants.asked(),
            Change::GroupRemoved(group) => self.invariants.group_removed(&group, &self.processes),
            Change::Closing { restarting } => {
                self.invariants.closing(restarting);
                self.staged = false;
            }
            Change::JobNew { job, unit, kind } => {
                self.invariants.job_new(&unit, job, kind);
                self.kinds.insert(job, kind);
            }
            Change::JobRemoved {
                job,
                unit,
                result: JobResult::Done,
            } => {
                let kind = self.kinds.get(&job).copied();
                self.invariants
                    .job_done(self.engine.as_ref().unwrap(), &unit, kind);
            }
            _ => {}
        }
    }

    /// What was laid aside is there, whatever became of the manager since.
    fn group_is_unknown(&self, asked: Option<Command>, group: &str) {
        let broken = self.files.diagnostics.iter().any(|found| found.is_error());
        if self.staged && !broken && matches!(asked, Some(Command::AddGroup { .. })) {
            let known = self.files.units.group(group).is_some();
            assert!(!known, "group {group} was laid aside and is forgotten");
        }
    }
}

fn format_len(action: &Action) -> u64 {
    match action {
        Action::Spawn(spawn) => spawn.ticket.0,
        Action::SetTimer { ticket, at } => ticket.0 ^ at.0,
        Action::Signal { ticket, .. } => ticket.0 << 1,
        Action::Publish(Change::Moved(moved)) => moved.seq << 2,
        _ => 1,
    }
}
