//! An event finds its unit, and the unit's machine makes one step.

use std::sync::Arc;

use units::{Definition, UnitKind, UnitName};

use crate::action::{Action, Entry, Level, MessageId, Role, Spawn};
use crate::event::Event;
use crate::job::JobKind;
use crate::machine::Context;
use crate::notify::{Message, Watchdog};
use crate::path_unit::{self, PathEvent};
use crate::scope::{self, ScopeEvent};
use crate::service::{self, ServiceEvent};
use crate::socket::{self, SocketEvent};
use crate::state::Machine;
use crate::target::{self, TargetEvent};
use crate::timer_unit::{self, Around, TimerEvent};
use crate::{Engine, Ticket};

impl Engine {
    /// Hands an event to whom it concerns.
    pub(crate) fn dispatch(&mut self, event: Event) {
        match event {
            Event::Spawned { ticket, pid } => {
                self.answer(ticket, false, ServiceEvent::Spawned { ticket, pid });
                self.connection_handed_over(ticket);
            }
            Event::SpawnFailed {
                ticket,
                process,
                failure,
            } => {
                let failed = ServiceEvent::SpawnFailed {
                    ticket,
                    process,
                    failure,
                };
                self.answer(ticket, true, failed);
            }
            Event::Exited { ticket, status, at } => {
                self.answer(ticket, true, ServiceEvent::Exited { ticket, status, at });
            }
            Event::Adopted { ticket, pid } => {
                self.answer(ticket, false, ServiceEvent::Adopted { ticket, pid })
            }
            Event::AdoptFailed { ticket, reason } => {
                self.answer(ticket, true, ServiceEvent::AdoptFailed { ticket, reason });
            }
            Event::Gathered { ticket } => {
                if let Some(unit) = self.routes.remove(&ticket) {
                    self.scope_step(&unit, ScopeEvent::Gathered(ticket));
                }
            }
            Event::GatherFailed { ticket, message } => {
                if let Some(unit) = self.routes.remove(&ticket) {
                    self.scope_step(&unit, ScopeEvent::GatherFailed { ticket, message });
                }
            }
            Event::TimerFired { ticket } => match self.job_timers.remove(&ticket) {
                Some(job) => self.job_timed_out(job),
                None => self.timer_fired(ticket),
            },
            Event::Signalled { ticket } => {
                self.answer(ticket, true, ServiceEvent::Signalled(ticket))
            }
            Event::Emptied { ticket } => self.answer(ticket, true, ServiceEvent::Emptied(ticket)),
            Event::Probed { ticket, outcome } => {
                self.answer(ticket, true, ServiceEvent::Probed { ticket, outcome });
            }
            Event::NameOwner {
                ticket,
                owner,
                first,
            } => {
                let event = ServiceEvent::NameOwner {
                    ticket,
                    owner,
                    first,
                };
                self.answer(ticket, false, event);
            }
            Event::NameUnknown { ticket, message } => {
                self.answer(ticket, false, ServiceEvent::NameUnknown { ticket, message });
            }
            Event::OutOfMemory { unit } => self.service_step(&unit, ServiceEvent::OutOfMemory),
            Event::Lost { ticket } => self.answer(ticket, true, ServiceEvent::Lost(ticket)),
            Event::Listening { ticket } => {
                if let Some(unit) = self.routes.get(&ticket).cloned() {
                    self.socket_step(&unit, SocketEvent::Listening(ticket));
                }
            }
            Event::ListenFailed { ticket, message } => {
                if let Some(unit) = self.routes.get(&ticket).cloned() {
                    self.socket_step(&unit, SocketEvent::ListenFailed { ticket, message });
                }
            }
            Event::StampRead { ticket, at } => {
                if let Some(unit) = self.routes.remove(&ticket) {
                    self.timer_step(&unit, TimerEvent::StampRead { ticket, at });
                }
            }
            Event::ClockSet if planted!(ClockIgnored) => {}
            Event::ClockSet => self.for_each_timer(&TimerEvent::ClockSet),
            Event::ZoneChanged { zone } => {
                self.host.zone = zone;
                self.for_each_timer(&TimerEvent::ZoneChanged);
            }
            Event::PathsWatched { ticket, seen } => {
                if let Some(unit) = self.routes.get(&ticket).cloned() {
                    self.path_step(&unit, PathEvent::Watched { ticket, seen });
                }
            }
            Event::PathFound { ticket, path } => {
                if let Some(unit) = self.routes.remove(&ticket) {
                    self.path_step(&unit, PathEvent::Found { ticket, path });
                }
            }
            Event::PathsFailed { ticket, message } => {
                if let Some(unit) = self.routes.remove(&ticket) {
                    self.path_step(&unit, PathEvent::WatchFailed { ticket, message });
                }
            }
            Event::Connected { unit } => self.socket_step(&unit, SocketEvent::Connected),
            Event::Accepted {
                unit,
                connection,
                peer,
            } => self.accepted(&unit, connection, &peer),
            Event::Notified {
                unit,
                sender,
                message,
                batch,
            } => {
                let event = ServiceEvent::Notified {
                    sender,
                    message,
                    batch,
                };
                self.service_step(&unit, event);
            }
            Event::StoreIs { unit, names } => {
                let count = u32::try_from(names.len()).unwrap_or(u32::MAX);
                self.service_step(&unit, ServiceEvent::Stored(count));
            }
            Event::Requested {
                request,
                command,
                by,
            } => self.requested(request, command, by.as_deref()),
            Event::Forgotten { request } => self.forget_request(request),
            Event::Checked { ticket, found } => self.checked(ticket, &found),
            Event::UnitsRead {
                ticket,
                units,
                diagnostics,
            } => self.units_read(ticket, units, diagnostics),
            Event::ShutdownRequested { status } => {
                let status = status.unwrap_or_else(|| self.status_of_failure());
                self.begin_closing(status);
            }
        }
    }

    /// Hands an answer to the service, socket or scope that waits for it; `last`: no other answer will follow.
    fn answer(&mut self, ticket: Ticket, last: bool, event: ServiceEvent) {
        let unit = if last {
            self.routes.remove(&ticket)
        } else {
            self.routes.get(&ticket).cloned()
        };
        // A unit that was removed, as a connection's instance is, waits for nothing any more.
        match unit.filter(|unit| self.state.unit(unit).is_some()) {
            Some(unit) if unit.kind() == UnitKind::Socket => {
                self.socket_step(&unit, SocketEvent::Answer(Box::new(event)));
            }
            Some(unit) if unit.kind() == UnitKind::Scope => match event {
                ServiceEvent::Emptied(ticket) => {
                    self.scope_step(&unit, ScopeEvent::Emptied(ticket));
                }
                ServiceEvent::Timer(ticket) => self.scope_step(&unit, ScopeEvent::Timer(ticket)),
                // Its signals may have come too late, or never: it waits for nobody but the group.
                _ => {}
            },
            Some(unit) => self.service_step(&unit, event),
            // Stale: an answer to an action of an earlier life.
            None => self.log(
                None,
                Level::Debug,
                MessageId::Unexpected,
                format!("stale answer {}", ticket.0),
            ),
        }
    }

    /// One step of a service. Units of other kinds do not hear it.
    pub(crate) fn service_step(&mut self, unit: &UnitName, event: ServiceEvent) {
        if unit.kind() == UnitKind::Service {
            // Signs of life are frequent and change nothing that has to be kept.
            let is_ping = matches!(
                &event,
                ServiceEvent::Notified { message, batch: None, .. }
                    if *message == Message { watchdog: Some(Watchdog::Ping), ..Message::default() }
            );
            self.step(unit, !is_ping, |cx, machine| match machine {
                Machine::Service(state) => {
                    Machine::Service(Box::new(service::step(cx, *state, event)))
                }
                other => other,
            });
        }
    }

    /// One step of a socket unit. Units of other kinds do not hear it.
    pub(crate) fn socket_step(&mut self, unit: &UnitName, event: SocketEvent) {
        if unit.kind() == UnitKind::Socket {
            self.step(unit, true, |cx, machine| match machine {
                Machine::Socket(state) => {
                    Machine::Socket(Box::new(socket::step(cx, *state, event)))
                }
                other => other,
            });
        }
    }

    fn timer_fired(&mut self, ticket: Ticket) {
        match self.routes.get(&ticket).cloned() {
            Some(unit) if unit.kind() == UnitKind::Timer => {
                self.routes.remove(&ticket);
                self.timer_step(&unit, TimerEvent::Fired(ticket));
            }
            None if self.stop_limit_reached(ticket) => {}
            _ => self.answer(ticket, true, ServiceEvent::Timer(ticket)),
        }
    }

    /// One step of a timer unit. Units of other kinds do not hear it.
    pub(crate) fn timer_step(&mut self, unit: &UnitName, event: TimerEvent) {
        if unit.kind() == UnitKind::Timer {
            let triggered = self.unit_of_timer(unit);
            let host = self.host.clone();
            let begun = self.begun();
            self.step(unit, true, |cx, machine| match machine {
                Machine::Timer(state) => {
                    let around = Around {
                        zone: &host.zone,
                        host: host.number,
                        booted: host.booted.unwrap_or(begun),
                        begun,
                        unit: triggered,
                    };
                    Machine::Timer(Box::new(timer_unit::step(cx, around, *state, event)))
                }
                other => other,
            });
        }
    }

    /// One step of a path unit. Units of other kinds do not hear it.
    pub(crate) fn path_step(&mut self, unit: &UnitName, event: PathEvent) {
        if unit.kind() == UnitKind::Path {
            self.step(unit, true, |cx, machine| match machine {
                Machine::Path(state) => Machine::Path(Box::new(path_unit::step(cx, *state, event))),
                other => other,
            });
        }
    }

    /// One step of a scope. Units of other kinds do not hear it.
    pub(crate) fn scope_step(&mut self, unit: &UnitName, event: ScopeEvent) {
        if unit.kind() == UnitKind::Scope {
            self.step(unit, true, |cx, machine| match machine {
                Machine::Scope(state) => Machine::Scope(Box::new(scope::step(cx, *state, event))),
                other => other,
            });
        }
    }

    /// One step of a target.
    pub(crate) fn target_step(&mut self, unit: &UnitName, event: TargetEvent) {
        self.step(unit, true, |cx, machine| match machine {
            Machine::Target(state) => Machine::Target(target::step(cx, state, event)),
            other => other,
        });
    }

    /// Takes a unit's machine out of the state, lets it make a step, and puts it back.
    pub(crate) fn step(
        &mut self,
        unit: &UnitName,
        recorded: bool,
        step: impl FnOnce(Context<'_>, Machine) -> Machine,
    ) {
        let definition = self
            .definitions
            .get(unit)
            .unwrap_or_else(|| Arc::new(Definition::not_found(unit.clone())));
        let restarting = self
            .state
            .job_of(unit)
            .is_some_and(|(_, job)| match job.kind {
                JobKind::Restart | JobKind::TryRestart => true,
                // It waits for the unit to be down.
                JobKind::Start => !job.running,
                _ => false,
            });
        let stop_pending = self
            .state
            .job_of(unit)
            .is_some_and(|(_, job)| job.kind == JobKind::Stop);
        let closing = self.state.meta().closing;
        let watchdogs_ignored = self.state.meta().watchdogs_ignored;
        let mut mint = self.state.meta().mint.clone();
        let first = self.actions.len();
        let (mut moves, mut wishes) = (Vec::new(), Vec::new());
        let slot = if recorded {
            self.state.unit_mut(unit)
        } else {
            self.state.unit_unrecorded(unit)
        };
        let machine = std::mem::take(&mut slot.machine);
        let cx = Context {
            name: unit,
            definition: &definition,
            now: self.now,
            restarting,
            stop_pending,
            closing,
            watchdogs_ignored,
            mint: &mut mint,
            actions: &mut self.actions,
            moves: &mut moves,
            wishes: &mut wishes,
        };
        slot.machine = step(cx, machine);
        if mint != self.state.meta().mint {
            self.state.meta_mut().mint = mint;
        }
        self.route(unit, first);
        self.moves
            .extend(moves.into_iter().map(|moved| (unit.clone(), moved)));
        self.wishes
            .extend(wishes.into_iter().map(|wish| (unit.clone(), wish)));
    }

    /// Notes who waits for the answers to new actions, and completes the spawns among them.
    fn route(&mut self, unit: &UnitName, first: usize) {
        let mut fresh = self.actions.split_off(first);
        for action in &mut fresh {
            match action {
                Action::Spawn(spawn) => {
                    self.routes.insert(spawn.ticket, unit.clone());
                    self.complete(spawn);
                }
                Action::Adopt { ticket, .. }
                | Action::Gather { ticket, .. }
                | Action::Signal { ticket, .. }
                | Action::WatchEmpty { ticket, .. }
                | Action::Probe { ticket, .. }
                | Action::WatchName { ticket, .. }
                | Action::Listen { ticket, .. }
                | Action::ReadStamp { ticket, .. }
                | Action::WatchPaths { ticket, .. }
                | Action::SetTimer { ticket, .. } => {
                    self.routes.insert(*ticket, unit.clone());
                }
                Action::CancelTimer { ticket }
                | Action::EndProbe { ticket }
                | Action::UnwatchName { ticket } => {
                    self.routes.remove(ticket);
                }
                Action::WriteStamp { .. }
                | Action::WakeSystem { .. }
                | Action::UnwatchPaths { .. }
                | Action::Unlisten { .. }
                | Action::Release { .. }
                | Action::ClearAway { .. }
                | Action::Watch { .. }
                | Action::Flush { .. }
                | Action::CloseConnection { .. }
                | Action::Store { .. }
                | Action::Unstore { .. }
                | Action::Check { .. }
                | Action::ReadUnits { .. }
                | Action::Reply { .. }
                | Action::Publish(_)
                | Action::Log(_)
                | Action::Halt { .. } => {}
            }
        }
        self.actions.append(&mut fresh);
    }

    /// Fills in what the service's own machine cannot know.
    fn complete(&mut self, spawn: &mut Spawn) {
        spawn.stop.rank = self.rank(&spawn.unit);
        if spawn.role == Role::Main {
            spawn.listen = self.open_sockets_of(&spawn.unit);
        } else if self.passes_its_own(&spawn.unit, spawn.role) {
            spawn.listen = vec![spawn.unit.clone()];
        }
        let Some(unit) = self.state.unit(&spawn.unit) else {
            return;
        };
        spawn.invocation = unit.invocation;
        if let [(_, variables)] = unit.started_by.as_slice() {
            spawn.environment.extend(variables.iter().cloned());
        }
        if let Some(triggered) = &unit.triggered_by {
            spawn
                .environment
                .extend(triggered.environment.iter().cloned());
        }
        if let Some(connection) = &unit.connection {
            spawn
                .environment
                .extend(connection.environment.iter().cloned());
            if spawn.role == Role::Main && !connection.handed_over {
                spawn.connection = Some(connection.id);
            }
        }
    }

    pub(crate) fn log(
        &mut self,
        unit: Option<&UnitName>,
        level: Level,
        id: MessageId,
        text: impl Into<String>,
    ) {
        let entry = Entry {
            unit: unit.cloned(),
            level,
            id,
            text: text.into(),
        };
        self.actions.push(Action::Log(entry));
    }
}
