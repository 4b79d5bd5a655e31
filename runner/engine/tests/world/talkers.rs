//! Whoever talks to the manager: clients, peers at its sockets, services on theirs.

use engine::Event;
use engine::action::Role;
use engine::command::{Command, Transient, Verb, Whom};
use engine::event::{Peer, Sender};
use engine::job::{JobId, JobMode};
use engine::notify::Message;
use engine::ticket::{BatchId, ConnectionId, RequestId};
use units::value::Signal;
use units::{UnitKind, UnitName};

use super::kernel::World;

impl World<'_> {
    /// A notify service says that it is ready, once; a service with a name takes it.
    pub(super) fn speak(&mut self) -> bool {
        let Some(pid) = self
            .processes
            .iter()
            .find(|process| {
                process.role == Role::Main
                    && !self.manager.told.contains(&process.pid)
                    && self
                        .engine
                        .as_ref()
                        .unwrap()
                        .definition(&process.unit)
                        .is_some_and(|unit| unit.service_type().says_ready())
            })
            .map(|process| process.pid)
        else {
            return self.take_name();
        };
        self.manager.told.push(pid);
        self.notify(pid, b"READY=1");
        true
    }

    pub(super) fn notify(&mut self, pid: u32, text: &[u8]) {
        let Some(process) = self.processes.iter().find(|process| process.pid == pid) else {
            return;
        };
        let unit = process.unit.clone();
        let message = Message::parse(text).unwrap();
        let batch = message.store.then_some((BatchId(1), 1));
        self.feed(Event::Notified {
            unit,
            sender: Sender {
                pid,
                uid: 0,
                member: true,
            },
            message,
            batch,
        });
    }

    /// Somebody says something on a notify socket.
    pub(super) fn babble(&mut self) {
        let Some(pid) = self.dice.pick(&self.processes).map(|process| process.pid) else {
            return;
        };
        // A child that it had, or one that somebody makes up.
        let main = format!("MAINPID={}", self.next_pid);
        let texts: [&[u8]; 10] = [
            b"RELOADING=1",
            b"STOPPING=1",
            b"READY=1",
            b"WATCHDOG=1",
            b"WATCHDOG=trigger",
            b"EXTEND_TIMEOUT_USEC=3000000",
            b"FDSTORE=1\nFDNAME=x",
            b"STATUS=well\nERRNO=3\nWATCHDOG_USEC=700000",
            b"FDSTOREREMOVE=1\nFDNAME=x",
            main.as_bytes(),
        ];
        let text = *self.dice.pick(&texts).unwrap();
        self.notify(pid, text);
    }

    // Clients.

    pub(super) fn new_request(&mut self) -> RequestId {
        self.next_id += 1;
        RequestId(self.next_id)
    }

    pub(super) fn request(&mut self, request: RequestId, command: Command) {
        self.waiting.insert(request, command.clone());
        self.feed(Event::Requested {
            request,
            command,
            by: None,
        });
    }

    pub(super) fn ask(&mut self) {
        let request = self.new_request();
        let Some(unit) = self.dice.pick(&self.variant.names).cloned() else {
            return;
        };
        let verbs = [
            Verb::Start,
            Verb::Start,
            Verb::Stop,
            Verb::Stop,
            Verb::Restart,
            Verb::TryRestart,
            Verb::Reload,
            Verb::ReloadOrRestart,
            Verb::TryReloadOrRestart,
        ];
        let command = match self.dice.below(20) {
            0 => Command::ResetFailed { unit: None },
            1 => Command::ResetFailed { unit: Some(unit) },
            2 => Command::Kill {
                unit,
                whom: *self
                    .dice
                    .pick(&[Whom::All, Whom::Main, Whom::Control])
                    .unwrap(),
                signal: *self
                    .dice
                    .pick(&[Signal::TERM, Signal::KILL, Signal::HUP])
                    .unwrap(),
            },
            3 => Command::CancelJob {
                job: JobId(1 + u32::try_from(self.dice.below(40)).unwrap()),
            },
            4 => Command::Reload {
                keep_going: self.dice.percent(50),
            },
            5 if self.dice.percent(10) => Command::Shutdown { status: 3 },
            9 if self.dice.percent(40) => self.transient(),
            6..9 => match self.dice.below(8) {
                0..2 => Command::Stage,
                2..4 => Command::AddGroup {
                    group: self.some_group(),
                },
                4..7 => Command::RemoveGroup {
                    group: self.some_group(),
                },
                _ => Command::RestartAll,
            },
            _ => {
                let verb = *self.dice.pick(&verbs).unwrap();
                let mode = *self
                    .dice
                    .pick(&[
                        JobMode::Replace,
                        JobMode::Replace,
                        JobMode::Replace,
                        JobMode::Replace,
                        JobMode::Fail,
                        JobMode::Isolate,
                        JobMode::Flush,
                        JobMode::Triggering,
                        JobMode::RestartDependencies,
                    ])
                    .unwrap();
                let token = self
                    .dice
                    .percent(50)
                    .then(|| format!("token-{}", request.0));
                self.invariants.asked();
                Command::Submit {
                    unit,
                    verb,
                    mode,
                    token,
                }
            }
        };
        let reads = matches!(
            command,
            Command::Reload { .. } | Command::Stage | Command::RestartAll
        );
        // The files say something else now, as often as not.
        if reads && self.dice.percent(50) {
            self.files = self.dice.pick(&self.sets.variants).unwrap();
            self.variant = self.files;
            self.staged = false;
            self.invariants.reloaded();
        }
        self.invariants.asked();
        self.request(request, command);
    }

    /// A unit of a client's own, perhaps with a timer that starts it.
    fn transient(&mut self) -> Command {
        let number = self.dice.below(3);
        let name = |kind: &str| UnitName::parse(&format!("run-{number}.{kind}")).unwrap();
        let unit = |kind: &str, settings: &[(&str, &str)]| Transient {
            name: name(kind),
            settings: settings
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            pids: Vec::new(),
        };
        let more = *self
            .dice
            .pick(&[
                ("Type", "simple"),
                ("Type", "oneshot"),
                ("CollectMode", "inactive-or-failed"),
                ("Restart", "on-failure"),
                ("RemainAfterExit", "yes"),
            ])
            .unwrap();
        let service = unit("service", &[("ExecStart", "/bin/run"), more]);
        let timer = unit(
            "timer",
            &[("OnActiveSec", "3s"), ("RemainAfterElapse", "no")],
        );
        let units = match self.dice.percent(30) {
            true => vec![timer, service],
            false => vec![service],
        };
        let token = self.dice.percent(50);
        Command::StartTransient {
            units,
            mode: JobMode::Fail,
            token: token.then(|| format!("run-{number}")),
        }
    }

    /// Whoever started a unit may want to know how it ends.
    pub(super) fn await_end(&mut self, unit: UnitName) {
        if self.dice.percent(50) {
            let request = self.new_request();
            let command = Command::AwaitEnd { unit };
            self.waiting.insert(request, command.clone());
            self.manager.answers.push_back(Event::Requested {
                by: None,
                request,
                command,
            });
        }
    }

    /// A group that there may be, in the files or in force.
    fn some_group(&mut self) -> String {
        let services: Vec<&UnitName> = self
            .variant
            .names
            .iter()
            .filter(|name| name.kind() == UnitKind::Service)
            .collect();
        let service = self.dice.pick(&services);
        service
            .and_then(|service| units::group::group_and_process(service))
            .map_or("none".to_owned(), |(group, _)| group)
    }

    pub(super) fn connect(&mut self) {
        let watched: Vec<UnitName> = self.manager.watched.iter().cloned().collect();
        let Some(unit) = self.dice.pick(&watched).cloned() else {
            return;
        };
        self.invariants.asked();
        if unit.kind() == UnitKind::Socket
            && self.units.get(&unit).is_some_and(|unit| unit.accept())
        {
            self.next_id += 1;
            let connection = ConnectionId(self.next_id);
            self.manager.connections.insert(connection);
            self.feed(Event::Accepted {
                unit,
                connection,
                peer: Peer::Unix { pid: 9, uid: 9 },
            });
        } else {
            self.manager.watched.remove(&unit);
            self.feed(Event::Connected { unit });
        }
    }
}
