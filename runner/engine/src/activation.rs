//! Sockets and their services: triggers, connections, descriptors to hand over.

use units::{Effect, UnitKind, UnitName};

use crate::action::{Action, Level, MessageId, Role};
use crate::cause::Cause;
use crate::change::Change;
use crate::event::Peer;
use crate::job::{JobKind, JobMode};
use crate::machine::Closing;
use crate::path_unit::PathEvent;
use crate::socket::SocketEvent;
use crate::state::{Connection, UnitState};
use crate::ticket::ConnectionId;
use crate::timer_unit::TimerEvent;
use crate::view::systemd::ActiveState;
use crate::{Engine, Ticket};

impl Engine {
    /// A connection waits at a socket, a timer has elapsed or a path was found: its unit is started.
    pub(crate) fn trigger(&mut self, trigger: &UnitName) {
        if self.state.meta().closing != Closing::No {
            return;
        }
        let units = self.definitions.related(trigger, Effect::Trigger);
        if units.is_empty() {
            self.trigger_refused(trigger, "there is no unit for it to start");
        }
        for unit in units {
            let on_its_way = matches!(
                self.state.active(&unit),
                ActiveState::Active | ActiveState::Reloading | ActiveState::Activating
            );
            if on_its_way {
                continue;
            }
            let cause = Cause::Trigger(trigger.clone());
            match self.submit(&unit, JobKind::Start, JobMode::Replace, cause) {
                Ok(job) => self.note_trigger(trigger, &unit, job),
                Err(refusal) => self.trigger_refused(trigger, &refusal.to_string()),
            }
        }
    }

    fn trigger_refused(&mut self, trigger: &UnitName, why: &str) {
        let why = why.to_owned();
        match trigger.kind() {
            UnitKind::Timer => self.timer_step(trigger, TimerEvent::TriggerRefused(why)),
            UnitKind::Path => self.path_step(trigger, PathEvent::TriggerRefused(why)),
            _ => self.socket_step(trigger, SocketEvent::TriggerRefused(why)),
        }
    }

    /// The sockets whose descriptors a service gets: every open one that triggers it, by name, then
    /// those it names itself, in its own order.
    pub(crate) fn open_sockets_of(&self, service: &UnitName) -> Vec<UnitName> {
        let is_open = |socket: &UnitName| {
            let state = self.state.unit(socket).and_then(UnitState::socket);
            let accepts = self
                .definitions
                .get(socket)
                .is_some_and(|definition| definition.accept());
            state.is_some_and(|state| state.phase.is_open()) && !accepts
        };
        let definition = self.definitions.get(service);
        let named = definition.as_ref().map_or(&[][..], |unit| unit.sockets());
        let mut sockets = self.definitions.related(service, Effect::TriggeredBy);
        sockets.retain(|socket| !named.contains(socket));
        sockets.extend(named.iter().cloned());
        sockets.retain(is_open);
        sockets
    }

    /// Whether a command of a socket is given the socket's own descriptors
    /// (`pass-file-descriptors-to-exec`): those that are run while they are open.
    pub(crate) fn passes_its_own(&self, socket: &UnitName, role: Role) -> bool {
        let definition = self.definitions.get(socket);
        socket.kind() == UnitKind::Socket
            && matches!(role, Role::StartPost | Role::StopPre | Role::StopPost)
            && definition.is_some_and(|socket| socket.pass_file_descriptors_to_exec())
    }

    /// Why this socket cannot start now: its service runs without it.
    pub(crate) fn socket_start_refused(&self, unit: &UnitName) -> Option<String> {
        if unit.kind() != UnitKind::Socket
            || self.definitions.get(unit).is_some_and(|unit| unit.accept())
        {
            return None;
        }
        let service = self
            .definitions
            .related(unit, Effect::Trigger)
            .into_iter()
            .find(|service| {
                let phase = self
                    .state
                    .unit(service)
                    .and_then(UnitState::service)
                    .map(|service| &service.phase);
                !matches!(
                    phase,
                    None | Some(
                        crate::service::Phase::Dead { .. }
                            | crate::service::Phase::Failed { .. }
                            | crate::service::Phase::AutoRestart { .. }
                    )
                )
            })?;
        Some(format!(
            "{unit} cannot start: its service {service} runs already"
        ))
    }

    /// A connection was accepted: an instance of its own serves it.
    pub(crate) fn accepted(&mut self, socket: &UnitName, id: ConnectionId, peer: &Peer) {
        let open = self
            .state
            .unit(socket)
            .and_then(UnitState::socket)
            .filter(|socket| socket.phase.is_up());
        let template = self.definitions.get(socket).and_then(|definition| {
            Some((
                definition.service().filter(UnitName::is_template)?,
                definition.max_connections(),
                definition.max_connections_per_source(),
            ))
        });
        let (Some(open), Some((template, most, most_of_one)), Closing::No) =
            (open, template, self.state.meta().closing)
        else {
            return self
                .actions
                .push(Action::CloseConnection { connection: id });
        };
        let (served, number) = (open.connections, open.accepted);
        self.socket_step(socket, SocketEvent::Polled);
        let is_stopping = self
            .state
            .job_of(socket)
            .is_some_and(|(_, job)| job.kind == JobKind::Stop);
        let source = source_of(peer);
        let refused = if is_stopping {
            Some(format!("{socket} is about to stop"))
        } else if served >= most {
            Some(format!("{most} are being served"))
        } else if most_of_one > 0 && self.served_of(socket, &source) >= most_of_one {
            Some(format!("{most_of_one} from {source} are being served"))
        } else {
            None
        };
        if let Some(why) = refused {
            let text = format!("a connection is refused: {why}");
            self.log(Some(socket), Level::Warning, MessageId::Other, text);
            if let crate::state::Machine::Socket(state) = &mut self.state.unit_mut(socket).machine {
                state.refused = state.refused.wrapping_add(1);
            }
            self.refresh.insert(socket.clone());
            return self
                .actions
                .push(Action::CloseConnection { connection: id });
        }
        let Some(instance) = instance_name(&template, number, peer) else {
            return self
                .actions
                .push(Action::CloseConnection { connection: id });
        };
        self.socket_step(socket, SocketEvent::Accepted);
        let still_open = self
            .state
            .unit(socket)
            .and_then(UnitState::socket)
            .is_some_and(|socket| socket.phase.is_up());
        self.ensure(&instance);
        let state = self.state.unit_mut(&instance);
        state.connection = Some(Box::new(Connection {
            socket: socket.clone(),
            id,
            environment: peer_variables(peer),
            source,
            handed_over: false,
        }));
        let cause = Cause::Connection(socket.clone());
        if still_open
            && let Err(refusal) = self.submit(&instance, JobKind::Start, JobMode::Replace, cause)
        {
            self.log(
                Some(socket),
                Level::Warning,
                MessageId::JobFailed,
                refusal.to_string(),
            );
        }
        // Where nothing was started, this closes the connection.
        self.revisit.insert(instance);
    }

    /// How many connections of a socket come from one source and are being served.
    fn served_of(&self, socket: &UnitName, source: &str) -> u32 {
        if source.is_empty() {
            return 0;
        }
        let connections = self
            .state
            .units()
            .values()
            .filter_map(|unit| unit.connection.as_deref());
        let of_it = |found: &&Connection| found.socket == *socket && found.source == source;
        let served = connections.filter(of_it).count();
        u32::try_from(served).unwrap_or(u32::MAX)
    }

    /// The process that got the connection is there.
    pub(crate) fn connection_handed_over(&mut self, ticket: Ticket) {
        let Some(unit) = self.routes.get(&ticket).cloned() else {
            return;
        };
        let is_main = self.state.unit(&unit).is_some_and(|state| {
            let main = state
                .service()
                .and_then(|service| service.main.as_ref()?.ticket());
            state.connection.is_some() && main == Some(ticket)
        });
        if is_main && let Some(connection) = &mut self.state.unit_mut(&unit).connection {
            connection.handed_over = true;
        }
    }

    /// The instance of a connection is down: nothing is left of it.
    pub(crate) fn end_connection(&mut self, unit: &UnitName) {
        let Some(connection) = self
            .state
            .unit(unit)
            .and_then(|state| state.connection.clone())
        else {
            return;
        };
        if !connection.handed_over {
            self.actions.push(Action::CloseConnection {
                connection: connection.id,
            });
        }
        self.state.remove_unit(unit);
        self.definitions.forget(unit);
        self.refresh.remove(unit);
        self.actions
            .push(Action::Publish(Change::UnitRemoved(unit.clone())));
        self.socket_step(&connection.socket, SocketEvent::ConnectionEnded);
    }
}

/// systemd's name for the instance: the number of the connection, then who is at both ends.
fn instance_name(template: &UnitName, number: u32, peer: &Peer) -> Option<UnitName> {
    let text = match peer {
        Peer::Inet {
            local,
            local_port,
            remote,
            remote_port,
        } => {
            format!("{number}-{local}:{local_port}-{remote}:{remote_port}")
        }
        Peer::Vsock {
            local,
            local_port,
            remote,
            remote_port,
        } => format!("{number}-{local}:{local_port}-{remote}:{remote_port}"),
        Peer::Unix { pid: 0, .. } | Peer::Unknown => format!("{number}-unknown"),
        Peer::Unix { pid, uid } => format!("{number}-{pid}-{uid}"),
    };
    // A scope (`fe80::1%eth0`) is no part of a name.
    let legal = text.replace(
        |letter: char| !(letter.is_ascii_alphanumeric() || ":-_.".contains(letter)),
        "_",
    );
    template
        .instantiate(&legal)
        .ok()
        .or_else(|| template.instantiate(&format!("{number}-unknown")).ok())
}

/// Whom `max-connections-per-source` counts for one: an address without its port, or a user.
fn source_of(peer: &Peer) -> String {
    match peer {
        Peer::Inet { remote, .. } => remote.clone(),
        Peer::Unix { uid, .. } => format!("uid {uid}"),
        Peer::Vsock { remote, .. } => format!("vsock:{remote}"),
        Peer::Unknown => String::new(),
    }
}

fn peer_variables(peer: &Peer) -> Vec<(String, String)> {
    match peer {
        Peer::Inet {
            remote,
            remote_port,
            ..
        } => vec![
            ("REMOTE_ADDR".to_owned(), remote.clone()),
            ("REMOTE_PORT".to_owned(), remote_port.to_string()),
        ],
        Peer::Vsock {
            remote,
            remote_port,
            ..
        } => vec![
            ("REMOTE_ADDR".to_owned(), format!("vsock:{remote}")),
            ("REMOTE_PORT".to_owned(), remote_port.to_string()),
        ],
        Peer::Unix { .. } | Peer::Unknown => Vec::new(),
    }
}
