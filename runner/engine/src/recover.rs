//! The one recovery path: a first start, a crash, an upgrade all come through here.

use std::collections::{BTreeMap, BTreeSet};

use units::{UnitName, UnitSet};

use crate::action::{Action, Level, MessageId, Target};
use crate::cause::Cause;
use crate::change::Change;
use crate::job::{JobId, JobKind, JobMode, JobResult};
use crate::path_unit::PathEvent;
use crate::record::{self, Unreadable};
use crate::scope::ScopeEvent;
use crate::service::{self, Child, ServiceEvent, Trace};
use crate::socket::SocketEvent;
use crate::state::{Machine, UnitState};
use crate::ticket::ConnectionId;
use crate::timer_unit::TimerEvent;
use crate::{Engine, Found, Ticket};

/// Where boot goes.
const DEFAULT_TARGET: &str = "default.target";

impl Engine {
    /// Takes up the state, compares it with what is there, and utters again what is repeatable.
    pub(crate) fn take_up(&mut self, found: Found) {
        let first = found.records.is_empty();
        self.state.meta_mut().mint = crate::timer::Mint::new(found.seed);
        for (key, text) in &found.records {
            match record::read(key, text) {
                Ok(record) => self.state.restore(record),
                Err(Unreadable::UnknownKey) => {}
                Err(Unreadable::Broken(why)) => {
                    let text = format!("record {key} is not readable, its unit starts anew: {why}");
                    self.log(None, Level::Error, MessageId::Other, text);
                }
            }
        }
        let now = self.now;
        let meta = self.state.meta_mut();
        if meta.started && meta.begun.is_none() {
            // Records from before there were timers.
            meta.begun = Some(now);
        }
        let highest = found.highest.max(self.highest_known_ticket(&found));
        self.state.meta_mut().mint.skip_to(highest);
        let set: std::sync::Arc<UnitSet> = std::sync::Arc::clone(self.definitions.set());
        let kept = found
            .kept
            .iter()
            .map(|definition| (definition.name().clone(), std::sync::Arc::clone(definition)));
        self.definitions.replace(set, kept.collect());
        // Whoever handed them in has them.
        self.definitions.take_changed();
        let names: Vec<UnitName> = self.state.units().keys().cloned().collect();
        for name in &names {
            self.definitions.ensure(name);
        }
        if let Some(limit) = self.state.meta().stop_limit {
            limit.rearm(&mut self.actions);
        }
        self.resume_jobs();
        self.resume_units(&names, &found);
        if first {
            let meta = self.state.meta_mut();
            meta.target = found.target;
            meta.awake = found.awake;
            meta.units_read_at = Some(now);
            self.boot();
        }
        self.stage_again();
    }

    /// Records can be older than what the keeper saw; tickets in records can be younger.
    fn highest_known_ticket(&self, found: &Found) -> u64 {
        let processes = found.processes.iter().map(|(ticket, _, _)| ticket.0);
        let exits = found.exits.iter().map(|(ticket, _, _)| ticket.0);
        processes.chain(exits).max().unwrap_or_default()
    }

    fn resume_jobs(&mut self) {
        let orphans: Vec<JobId> = {
            // A job whose unit has another one: the record of one was written, of the other not.
            let slot = |unit: &UnitName| self.state.unit(unit).and_then(|unit| unit.job);
            self.state
                .jobs()
                .iter()
                .filter(|(id, job)| slot(&job.unit) != Some(**id))
                .map(|(id, _)| *id)
                .collect()
        };
        for id in orphans {
            self.state.remove_job(id);
        }
        if planted!(WaitingStartLost) {
            let running = self.state.jobs().values().any(|job| job.running);
            let waiting = self.state.jobs().iter().find(|(_, job)| !job.running);
            if let Some(id) = waiting.map(|(id, _)| *id).filter(|_| running) {
                self.state.remove_job(id);
            }
        }
        self.boot_jobs = self.state.jobs().values().filter(|job| job.boot).count();
        let queued = self.state.jobs().iter().map(|(id, job)| (id, &job.tokens));
        let ended = self.state.ended().iter().map(|(id, job)| (id, &job.tokens));
        self.tokens = queued
            .chain(ended)
            .flat_map(|(id, tokens)| tokens.iter().map(|token| (token.clone(), *id)))
            .collect();
        let timers: Vec<_> = self
            .state
            .jobs()
            .iter()
            .filter_map(|(id, job)| Some((*id, job.timer?)))
            .collect();
        for (id, timer) in timers {
            timer.rearm(&mut self.actions);
            self.job_timers.insert(timer.ticket, id);
        }
        self.retie_jobs();
    }

    fn resume_units(&mut self, names: &[UnitName], found: &Found) {
        let lives: BTreeMap<Ticket, u32> = found
            .processes
            .iter()
            .map(|(ticket, _, pid)| (*ticket, *pid))
            .collect();
        let ended: BTreeSet<Ticket> = found.exits.iter().map(|(ticket, _, _)| *ticket).collect();
        let trace = |ticket: Ticket| match lives.get(&ticket) {
            Some(pid) => Trace::Lives(*pid),
            None if ended.contains(&ticket) => Trace::Ended,
            None => Trace::None,
        };
        let stored: BTreeMap<&UnitName, usize> = found
            .stored
            .iter()
            .map(|(unit, names)| (unit, names.len()))
            .collect();
        for name in names {
            self.route_again(name);
            let Some(state) = self.state.unit(name) else {
                continue;
            };
            match &state.machine {
                Machine::Service(service) => {
                    let held = state
                        .connection
                        .as_ref()
                        .is_some_and(|connection| found.connections.contains(&connection.id));
                    let lost_connection = !held && connection_is_lost(state, trace);
                    let main = service.main.as_ref().and_then(Child::ticket);
                    let handed_over = main.filter(|ticket| trace(*ticket) != Trace::None);
                    let has_main = service
                        .main
                        .as_ref()
                        .is_some_and(|main| main.ticket().is_some());
                    let is_starting = !has_main
                        && matches!(
                            service.phase,
                            service::Phase::Condition { .. }
                                | service::Phase::StartPre { .. }
                                | service::Phase::Start { .. }
                        );
                    let job = state.job;
                    let before = service.clone();
                    let count = stored.get(name).copied().unwrap_or_default();
                    let count = u32::try_from(count).unwrap_or(u32::MAX);
                    let differs = service.stored != count;
                    let trace = |ticket| match trace(ticket) {
                        Trace::None if lost_connection => Trace::Vain,
                        known => known,
                    };
                    if differs {
                        self.service_step(name, ServiceEvent::Stored(count));
                    }
                    self.step(name, false, |cx, machine| match machine {
                        Machine::Service(state) => {
                            Machine::Service(Box::new(service::resume(cx, *state, trace)))
                        }
                        other => other,
                    });
                    // Mostly nothing was different, and its record says so already.
                    if self.state.unit(name).and_then(UnitState::service) != Some(&*before) {
                        self.state.unit_mut(name);
                    }
                    if let Some(main) = handed_over {
                        self.connection_handed_over(main);
                    }
                    if lost_connection {
                        self.finishing
                            .extend(job.map(|job| (job, JobResult::Canceled)));
                        if is_starting {
                            self.service_step(name, ServiceEvent::Stop);
                        }
                    }
                }
                Machine::Socket(socket) => {
                    let control = socket.control.as_ref().and_then(Child::ticket);
                    let trace = control.map(trace);
                    self.socket_step(name, SocketEvent::Resume(trace));
                }
                Machine::Timer(_) => self.timer_step(name, TimerEvent::Resume),
                Machine::Path(_) => self.path_step(name, PathEvent::Resume),
                Machine::Scope(_) => self.scope_step(name, ScopeEvent::Resume),
                Machine::Target(_) => {}
            }
            self.test_again(name);
            self.revisit.insert(name.clone());
        }
        self.kill_leaks(found);
        self.close_leftover_listeners(found);
        self.close_leftovers(found);
    }

    /// Connections that no service waits for: accepted, but nothing was recorded of it, or handed
    /// over already.
    fn close_leftovers(&mut self, found: &Found) {
        let waits = |id: &ConnectionId| {
            self.state.units().values().any(|unit| {
                let connection = unit.connection.as_ref();
                connection.is_some_and(|connection| !connection.handed_over && connection.id == *id)
            })
        };
        let closed: Vec<Action> = found
            .connections
            .iter()
            .filter(|id| !waits(id))
            .map(|id| Action::CloseConnection { connection: *id })
            .collect();
        self.actions.extend(closed);
    }

    /// Notes who waits for what, as when the actions were uttered.
    fn route_again(&mut self, name: &UnitName) {
        let Some(state) = self.state.unit(name) else {
            return;
        };
        let mut tickets: Vec<Ticket> = Vec::new();
        match &state.machine {
            Machine::Service(service) => tickets.extend(service.tickets()),
            Machine::Socket(socket) => tickets.extend(socket.tickets()),
            Machine::Timer(timer) => tickets.extend(timer.phase.tickets()),
            Machine::Path(path) => tickets.extend(path.phase.watch()),
            Machine::Scope(scope) => tickets.extend(scope.tickets()),
            Machine::Target(_) => {}
        }
        for ticket in tickets {
            self.routes.insert(ticket, name.clone());
        }
    }

    /// Processes that no state wants.
    fn kill_leaks(&mut self, found: &Found) {
        for (process, unit, pid) in &found.processes {
            if self.routes.contains_key(process) {
                continue;
            }
            let text = format!("process {pid} belongs to no run: killing it");
            self.log(Some(unit), Level::Warning, MessageId::Other, text);
            let ticket = self.mint_ticket();
            self.actions.push(Action::Signal {
                ticket,
                unit: unit.clone(),
                target: Target::Process(*process),
                signal: units::value::Signal::KILL,
                wake: false,
            });
        }
    }

    /// Listeners of socket units that are down: their `Unlisten` was not done.
    fn close_leftover_listeners(&mut self, found: &Found) {
        for unit in &found.listeners {
            let socket = self.state.unit(unit).and_then(UnitState::socket);
            if socket.is_none_or(|socket| socket.phase.listen().is_none()) {
                let definition = self.definitions.get(unit);
                self.actions.push(Action::Unlisten {
                    unit: unit.clone(),
                    remove_nodes: definition.is_some_and(|unit| unit.remove_on_stop()),
                });
            }
        }
    }

    /// The first start, or one that is like it.
    pub(crate) fn boot(&mut self) {
        let now = self.now;
        let meta = self.state.meta_mut();
        meta.started = true;
        meta.begun = Some(now);
        for group in self.definitions.set().groups() {
            let change = Change::GroupAdded(group.name);
            self.actions.push(Action::Publish(change));
        }
        let wanted = self.state.meta().target.clone();
        let Some(target) = wanted.or_else(|| UnitName::parse(DEFAULT_TARGET).ok()) else {
            return;
        };
        if let Err(refusal) =
            self.submit_marked(&target, JobKind::Start, JobMode::Replace, Cause::Boot, true)
        {
            self.log(
                None,
                Level::Error,
                MessageId::JobFailed,
                format!("nothing is started: {refusal}"),
            );
        }
    }
}

/// The connection that an instance was to serve died with the manager that had accepted it.
fn connection_is_lost(state: &UnitState, trace: impl Fn(Ticket) -> Trace) -> bool {
    let waits = state
        .connection
        .as_ref()
        .is_some_and(|connection| !connection.handed_over);
    let main = state
        .service()
        .and_then(|service| service.main.as_ref().and_then(Child::ticket));
    waits && main.is_none_or(|ticket| trace(ticket) == Trace::None)
}
