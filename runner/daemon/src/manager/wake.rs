//! What woke the loop, turned into facts for the engine.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use control::{Answerer, Knock, Refusal, Reply, Request};
use engine::clock::Realtime;
use engine::command::Answer;
use engine::event::{ExitStatus, SpawnFailure};
use engine::ticket::{ConnectionId, RequestId};
use engine::{Change, Command, Event, Ticket};
use nix::sys::epoll::EpollFlags;
use units::UnitName;
use units::civil::TimeZone;

use super::audit;
use super::poller::Source;
use super::triggers::Looked;
use super::{Manager, Wake};
use crate::link::{Exit, Key, Message};
use crate::load::Reading;
use crate::log::LogEvent;
use crate::now;
use crate::process::spawner::Report;
use crate::process::table::Delivery;
use crate::socket::Accepted;
use crate::supervisord::servers::{Opened, Trouble};
use crate::supervisord::settled::Server;

/// What the file worker gives back.
pub(super) enum Done {
    /// `ReadUnits`
    UnitsRead {
        /// Of the action.
        ticket: Ticket,
        /// What was found.
        reading: Reading,
    },
    /// For a preview, which somebody waits for.
    Foreseen {
        /// Who asked.
        answerer: Answerer,
        /// What was found.
        reading: Reading,
    },
    /// The states of unit files.
    FilesJudged(super::unit_files::Judged),
    /// `Check`
    Checked {
        /// Of the action.
        ticket: Ticket,
        /// What is so, and what nobody can say.
        found: Vec<Result<bool, String>>,
    },
    /// New HTTP servers.
    ServersOpened(Vec<(Server, Result<Opened, Trouble>)>),
    /// `Listen`
    Listened {
        /// Of the action.
        ticket: Ticket,
        /// The socket unit.
        unit: UnitName,
        /// Its listeners, or a sentence.
        result: Result<Vec<OwnedFd>, String>,
    },
    /// What a client asked for.
    Answer {
        /// Who asked.
        answerer: Answerer,
        /// What there is to say.
        answer: Result<Reply, Refusal>,
    },
    /// `ReadStamp`
    StampRead {
        /// Of the action.
        ticket: Ticket,
        /// When the timer last elapsed.
        at: Option<Realtime>,
    },
    /// What came of looking at paths.
    Looked(Looked),
    /// Where local time is.
    Zone(Box<TimeZone>),
    /// Something nobody waits for.
    Nothing,
    /// `Adopt`, the part that reads files.
    Found {
        /// Of the action.
        ticket: Ticket,
        /// The process.
        result: Result<u32, engine::event::AdoptFailure>,
    },
}

/// How many connections, or notify messages of one unit, are taken in one turn: nobody's flood
/// holds up the others.
pub(super) const BUDGET: usize = 32;

/// How long the keeper may take to close what it was to let go of; it does nothing else that takes
/// time. Shorter than anybody's patience with us.
const KEEPER_PATIENCE: Duration = Duration::from_millis(100);

impl Manager {
    /// Turns one wake-up into events, feeding those that must be fed in a special order.
    pub(super) fn note(&mut self, woken: Wake) {
        match woken {
            Wake::Keeper(Ok(message)) => {
                self.hear(message);
                // What else the keeper has said: one turn for all, and one acknowledgement each.
                while !self.orphaned
                    && let Ok(Some(message)) = self.link.try_next()
                {
                    self.hear(message);
                }
            }
            Wake::Keeper(Err(error)) => {
                tracing::error!("cannot hear the keeper: {error}");
                self.halted = Some(1);
            }
            Wake::Report(report) => {
                let mut next = report;
                while let Some(report) = next {
                    self.reported(report);
                    next = self.reports.try_recv().ok();
                }
            }
            Wake::Ready(sources) => {
                for source in sources {
                    self.ready(source);
                }
            }
            Wake::Due => {
                while let Some(ticket) = self.timers.due(now::read().monotonic) {
                    self.feed(Event::TimerFired { ticket });
                }
            }
            Wake::Done(done) => self.done(done),
            Wake::Probed(ticket, outcome) => {
                self.events.push_back(Event::Probed { ticket, outcome })
            }
            Wake::Named(news) => self.named(news),
            Wake::Log(Some(event)) => self.logged(event),
            Wake::Alive => self.tell_alive(),
            Wake::Log(None) => {}
            Wake::Above(plan) => self.answered_above(plan),
            Wake::Knock(Some(knock)) => self.knocked(knock),
            Wake::Knock(None) => {}
        }
        self.turn();
        self.look_for_empty();
        self.acknowledge();
    }

    /// Answers those whose unit has no process left.
    pub(super) fn look_for_empty(&mut self) {
        if !self.empties.is_empty() {
            self.look_at_processes();
        }
    }

    fn look_at_processes(&mut self) {
        for unit in self.processes.look() {
            if let Some(ticket) = self.empties.remove(&unit) {
                self.events.push_back(Event::Emptied { ticket });
            }
        }
        self.turn();
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Exit(exit) => self.exited(exit),
            Message::Child(child) => self.adopted(child),
            Message::AdoptFailed { instance, errno } => self.adopt_failed(instance, errno),
            Message::Signals { seq, mask } => {
                self.early_signals.push_back((seq, mask));
                self.take_signals();
            }
            Message::PutFailed { key, errno } => {
                let error = io::Error::from_raw_os_error(errno);
                tracing::error!("the keeper cannot hold {key}: {error}");
            }
            Message::KeeperUpgraded(result) => self.keeper_upgraded(result),
            Message::KeeperGone => self.keeper_gone(),
        }
    }

    /// A process ended. Its last words are read first; if the spawner has not said yet that it
    /// began, its end waits for that.
    fn exited(&mut self, exit: Exit) {
        match self.processes.exited(exit.instance, exit.status, exit.at) {
            Delivery::Held => drop(self.held_exits.insert(exit.instance, exit)),
            Delivery::Now => self.end(&exit),
            // The engine heard of it, or of the step that failed.
            Delivery::Unknown => self.dealt_with.push(exit.seq),
        }
    }

    /// Queues an end for the engine, after the unit's last words.
    pub(super) fn end(&mut self, exit: &Exit) {
        if self.notify.has(&exit.unit) {
            // What the engine does not know yet could make the sender a stranger.
            self.turn();
            self.take_messages(&exit.unit, usize::MAX);
        }
        self.look_at_memory(exit);
        self.events.push_back(Event::Exited {
            ticket: exit.instance,
            status: exit.status,
            at: exit.at,
        });
        self.dealt_with.push(exit.seq);
    }

    /// Tells whose memory the kernel found too much: it kills with SIGKILL and counts.
    fn look_at_memory(&mut self, exit: &Exit) {
        let killed = exit.status == ExitStatus::Signal(libc::SIGKILL as u8);
        let Some(cgroups) = self.cgroups.as_ref().filter(|_| killed) else {
            return;
        };
        let kills = cgroups.memory_kills(&exit.unit);
        let told = self.memory_kills.insert(exit.unit.clone(), kills);
        if kills > told.unwrap_or(0) {
            let unit = exit.unit.clone();
            self.events.push_back(Event::OutOfMemory { unit });
        }
    }

    /// Lets the keeper forget the exits whose records are written.
    pub(super) fn acknowledge(&mut self) {
        for seq in std::mem::take(&mut self.dealt_with) {
            if let Err(error) = self.link.acknowledge(seq) {
                tracing::error!("cannot acknowledge to the keeper: {error}");
            }
        }
    }

    fn reported(&mut self, report: Report) {
        let (ticket, unit, event) = match report {
            Report::Spawned(spawned) => {
                let (ticket, unit, pid) = (spawned.ticket, spawned.unit.clone(), spawned.pid);
                self.logs.pid(unit.clone(), Some(pid));
                if let Some(connection) = self.handing_over.remove(&ticket) {
                    self.drop_connection(connection);
                }
                // An end that came early is in `held_exits` with its number.
                self.processes.spawned(spawned);
                (ticket, unit, Event::Spawned { ticket, pid })
            }
            Report::Failed {
                ticket,
                unit,
                process,
                failure,
            } => {
                // A shortage passes: the connection waits for the next attempt.
                self.handing_over.remove(&ticket);
                self.processes.failed(ticket);
                self.logs.pid(unit.clone(), None);
                let event = Event::SpawnFailed {
                    ticket,
                    process,
                    failure,
                };
                (ticket, unit, event)
            }
            // Another manager is in charge: everything it needs is with the keeper.
            Report::Fenced { .. } if self.has_keeper() => {
                self.replaced = true;
                return;
            }
            // What is to be run at the end cannot be: the end goes on without.
            Report::Fenced { ticket, unit } => {
                self.keeper_gone();
                self.handing_over.remove(&ticket);
                self.processes.failed(ticket);
                let failure = SpawnFailure::Resources {
                    message: "the keeper is gone".to_owned(),
                };
                let event = Event::SpawnFailed {
                    ticket,
                    process: None,
                    failure,
                };
                (ticket, unit, event)
            }
        };
        self.events.push_back(event);
        self.look_at_strangers(&unit);
        self.watch_notify(&unit);
        if let Some(exit) = self.held_exits.remove(&ticket) {
            self.end(&exit);
        }
    }

    fn ready(&mut self, source: Source) {
        match source {
            Source::Listener(unit, index) => self.listener_ready(&unit, index),
            Source::Notify(unit) => self.take_messages(&unit, BUDGET),
            Source::Stored(unit, fd) => self.stored_hung_up(unit, fd),
            Source::Process(ticket) => self.ended_unseen(ticket),
            // Also when nobody waits any more: a descriptor that stays readable would wake us again
            // and again.
            Source::Processes => self.look_at_processes(),
            // Its reader going away is nobody's trouble: the next write says so.
            Source::Input(unit) => drop(self.inputs.flush(&mut self.poller, &unit)),
            Source::Clock => self.clock_ready(),
            Source::WakeAlarm => self.alarm_rang(),
            Source::Paths => self.paths_ready(),
            Source::Keeper => self.keeper_ended(),
            Source::Bus | Source::SystemdFace => self.accept_clients(&source),
            Source::Http(name) => self.http_ready(&name),
        }
        self.turn();
    }

    fn listener_ready(&mut self, unit: &UnitName, index: usize) {
        let Some(definition) = self.engine.unit(unit).and_then(|view| view.definition) else {
            return;
        };
        if !definition.accept() {
            self.watch(unit, false);
            self.events
                .push_back(Event::Connected { unit: unit.clone() });
            return;
        }
        for _ in 0..BUDGET {
            let Some(listener) = self.sockets.get(unit, index) else {
                return;
            };
            match self.acceptor.accept(listener.fd.as_fd()) {
                Ok(Accepted::Connection(fd, peer)) => {
                    let connection = ConnectionId(self.number());
                    let key = Key::Connection {
                        unit: unit.clone(),
                        number: connection.0,
                    };
                    self.hold(&key, fd.as_fd());
                    self.connections
                        .insert(connection, (unit.clone(), Arc::new(fd)));
                    self.feed(Event::Accepted {
                        unit: unit.clone(),
                        connection,
                        peer,
                    });
                    self.turn();
                    // It was one too many for now.
                    if !self.poller.watches(&Source::Listener(unit.clone(), index)) {
                        return;
                    }
                }
                Ok(Accepted::Nobody) => return,
                Ok(Accepted::Shed) => {
                    tracing::warn!("{unit}: out of descriptors, a connection was closed");
                }
                Err(error) => {
                    tracing::warn!("{unit}: cannot accept: {error}");
                    return;
                }
            }
        }
    }

    fn knocked(&mut self, knock: Knock) {
        match knock {
            Knock::Asked {
                id,
                caller,
                request,
                answerer,
            } => {
                if let Some(answer) = self.answer(&request) {
                    answerer.answer(answer);
                    return;
                }
                if matches!(
                    request,
                    Request::Install(_) | Request::Clean { .. } | Request::Freeze { .. }
                ) {
                    tracing::info!(audit = true, "{caller}: {}", audit::request(&request));
                }
                let Some((request, answerer)) = self.answer_later(request, answerer) else {
                    return;
                };
                let request = match request {
                    Request::StartTransient { units, mode, stdio } => {
                        if let Some(first) = units.first() {
                            self.take_given(id, &first.name, &stdio);
                        }
                        Request::Command(Command::StartTransient {
                            units,
                            mode,
                            token: None,
                        })
                    }
                    other => other,
                };
                match request {
                    Request::Command(command) => {
                        if !is_question(&command) {
                            tracing::info!(audit = true, "{caller}: {}", audit::command(&command));
                        }
                        self.requests.insert(id, answerer);
                        self.events.push_back(Event::Requested {
                            request: id,
                            command,
                            by: Some(caller.to_string().into()),
                        });
                    }
                    Request::Happened { after } => self.happenings.ask(after, answerer),
                    _ => {
                        tracing::info!(audit = true, "{caller}: daemon-reexec");
                        self.reexec(answerer);
                    }
                }
            }
            Knock::Denied { caller, request } => {
                tracing::warn!(
                    audit = true,
                    "{caller}: denied: {}",
                    audit::request(&request)
                );
            }
            Knock::Gone(id) => {
                if self.requests.remove(&id).is_some() {
                    self.events.push_back(Event::Forgotten { request: id });
                }
            }
        }
    }

    /// Passes an answer on to whoever asked.
    pub(super) fn reply(&mut self, request: RequestId, answer: Result<Answer, Refusal>) {
        self.settle_given(request, answer.is_ok());
        match self.requests.remove(&request) {
            Some(answerer) => answerer.answer(answer.map(Reply::Answer)),
            // A signal asked.
            None => match answer {
                // The engine has said what is wrong with the files.
                Err(Refusal::ReloadRefused(_)) => {}
                Err(refusal) => tracing::error!("{refusal}"),
                Ok(_) => {}
            },
        }
    }

    fn logged(&mut self, event: LogEvent) {
        match event {
            LogEvent::Drained { unit, stream } => self.outputs.drained(&self.link, &unit, stream),
            LogEvent::Settled { unit, stream } => self.outputs.settled(&self.link, &unit, stream),
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::UnitsRead { ticket, reading } => {
                self.read_last = reading.settled;
                self.unit_files.have_changed();
                self.events.push_back(Event::UnitsRead {
                    ticket,
                    units: reading.units,
                    diagnostics: Arc::new(reading.diagnostics),
                });
            }
            Done::FilesJudged(judged) => self.files_judged(judged),
            Done::Foreseen { answerer, reading } => self.preview(answerer, reading),
            Done::Checked { ticket, found } => {
                self.events.push_back(Event::Checked { ticket, found });
            }
            Done::ServersOpened(opened) => self.servers_opened(opened),
            Done::Listened {
                ticket,
                unit,
                result,
            } => self.listened(ticket, unit, result),
            Done::Answer { answerer, answer } => {
                let has_changed = matches!(
                    &answer,
                    Ok(Reply::Installed(installed)) if !installed.changes.is_empty()
                );
                answerer.answer(answer);
                if has_changed {
                    self.publish(Change::UnitFilesChanged);
                }
            }
            Done::StampRead { ticket, at } => {
                self.events.push_back(Event::StampRead { ticket, at });
            }
            Done::Looked(looked) => self.looked(looked),
            Done::Zone(zone) => self.zone_is(*zone),
            Done::Nothing => {}
            Done::Found { ticket, result } => self.found_main(ticket, result),
        }
    }

    /// Lets the keeper hold a copy of `fd`.
    pub(super) fn hold(&self, key: &Key, fd: std::os::fd::BorrowedFd<'_>) {
        if let Err(error) = self.link.put(key, fd) {
            tracing::error!("the keeper cannot hold {key}: {error}");
        }
    }

    /// Waits until the keeper has closed what it was to let go of: whoever is told that a listener is
    /// closed may want its address.
    pub(super) fn await_keeper(&self) {
        if !self.orphaned
            && let Err(error) = self.link.barrier(KEEPER_PATIENCE)
        {
            tracing::error!("cannot wait for the keeper: {error}");
        }
    }

    /// Lets the keeper close its copy.
    pub(super) fn unhold(&self, key: &Key) {
        if let Err(error) = self.link.delete(key) {
            tracing::error!("the keeper cannot let go of {key}: {error}");
        }
    }
}

/// Whether a command changes nothing, and there is nothing to be noted about it.
fn is_question(command: &Command) -> bool {
    matches!(
        command,
        Command::AwaitJob { .. } | Command::AwaitEnd { .. } | Command::Hold { .. }
    )
}

/// The socket on which clients of the private D-Bus come in.
#[derive(Debug)]
pub(super) struct Bus {
    /// The listener.
    pub(super) listener: OwnedFd,
    /// Serves one connection after another.
    pub(super) server: dbus::server::Server,
}

impl Manager {
    fn accept_clients(&mut self, socket: &Source) {
        let bus = match (&self.systemd_face, socket) {
            (Some((_, bus)), Source::SystemdFace) => bus,
            _ => &self.bus,
        };
        for _ in 0..BUDGET {
            match self.acceptor.accept(bus.listener.as_fd()) {
                Ok(Accepted::Connection(stream, _)) => {
                    let served = bus.server.clone().serve(UnixStream::from(stream));
                    tokio::spawn(async move {
                        if let Err(error) = served.await {
                            tracing::debug!("a connection to the bus socket ended: {error}");
                        }
                    });
                }
                Ok(Accepted::Nobody) => return,
                Ok(Accepted::Shed) => {
                    tracing::warn!("out of descriptors, a client was turned away")
                }
                Err(error) => {
                    tracing::warn!("cannot accept on the bus socket: {error}");
                    return;
                }
            }
        }
    }

    /// Watches the listeners of the private sockets.
    pub(super) fn watch_bus(&mut self) -> io::Result<()> {
        if let Some((_, bus)) = &self.systemd_face {
            let listener = bus.listener.as_fd();
            self.poller
                .add(Source::SystemdFace, listener, EpollFlags::EPOLLIN)?;
        }
        self.poller
            .add(Source::Bus, self.bus.listener.as_fd(), EpollFlags::EPOLLIN)
    }
}
