//! Reads the lines of a story as events.

use engine::Event;
use engine::action::Role;
use engine::clock::{Monotonic, Realtime};
use engine::command::{Command, Transient, Verb, Whom};
use engine::event::{AdoptFailure, ExitStatus, Peer, Sender, SpawnFailure};
use engine::job::{JobId, JobMode};
use engine::notify::Message;
use engine::ticket::{BatchId, ConnectionId, RequestId};
use units::value::Signal;

use super::{Process, Stage, name};

impl Stage {
    pub(super) fn event(&mut self, words: &[&str], line: &str) -> Option<Event> {
        Some(match words {
            ["spawned", unit] => {
                let process = self
                    .processes
                    .iter_mut()
                    .find(|process| process.unit.as_str() == *unit && process.pid.is_none());
                let process = process?;
                process.pid = Some(self.next_pid);
                self.next_pid += 1;
                Event::Spawned {
                    ticket: process.ticket,
                    pid: process.pid.unwrap(),
                }
            }
            ["short", unit] => {
                let ticket = self.take_asked(unit)?;
                Event::SpawnFailed {
                    ticket,
                    process: None,
                    failure: SpawnFailure::Shortage { errno: 11 },
                }
            }
            ["setup-failed", unit, status, message @ ..] => {
                let ticket = self.take_asked(unit)?;
                let failure = SpawnFailure::Setup {
                    status: status.parse().unwrap(),
                    message: message.join(" "),
                };
                Event::SpawnFailed {
                    ticket,
                    process: Some((99, self.now())),
                    failure,
                }
            }
            ["no-resources", unit, message @ ..] => {
                let ticket = self.take_asked(unit)?;
                let message = message.join(" ");
                let failure = SpawnFailure::Resources { message };
                Event::SpawnFailed {
                    ticket,
                    process: None,
                    failure,
                }
            }
            ["exited", unit, status, role @ ..] => {
                let at = self.find(unit, role.first().copied())?;
                let process = self.processes.remove(at);
                Event::Exited {
                    ticket: process.ticket,
                    status: status_of(status),
                    at: Monotonic(self.now),
                }
            }
            // It ended this much later, and the timers that were due by then come afterwards.
            ["late-exit", unit, span, status] => {
                let at = self.find(unit, None)?;
                let process = self.processes.remove(at);
                self.now += units::value::Span::parse(span).unwrap().as_micros();
                Event::Exited {
                    ticket: process.ticket,
                    status: status_of(status),
                    at: Monotonic(self.now),
                }
            }
            ["signalled", unit] => {
                let ticket = self.signals.remove(*unit).expect("no answer is held back");
                Event::Signalled { ticket }
            }
            ["emptied", unit] => {
                let ticket = self.empties.remove(*unit)?;
                Event::Emptied { ticket }
            }
            ["gathered", unit] => {
                let ticket = self.gathers.remove(*unit)?;
                Event::Gathered { ticket }
            }
            ["gather-failed", unit, why @ ..] => {
                let ticket = self.gathers.remove(*unit)?;
                let message = why.join(" ");
                Event::GatherFailed { ticket, message }
            }
            ["adopted", unit] => {
                let ticket = self.adopts.remove(*unit)?;
                let pid = self.next_pid;
                self.next_pid += 1;
                self.processes.push(Process {
                    ticket,
                    unit: name(unit),
                    role: Role::Main,
                    pid: Some(pid),
                });
                Event::Adopted { ticket, pid }
            }
            ["adopt-failed", unit, reason @ ..] => {
                let ticket = self.adopts.remove(*unit)?;
                let reason = match reason {
                    ["not-yet"] => AdoptFailure::NotYet,
                    ["unclear"] => AdoptFailure::Unclear,
                    words => AdoptFailure::Refused(words.join(" ")),
                };
                Event::AdoptFailed { ticket, reason }
            }
            ["probed", unit, outcome @ ..] => Event::Probed {
                ticket: self.probes.remove(*unit)?,
                outcome: match outcome {
                    ["ready"] => Ok(()),
                    words => Err(words.join(" ")),
                },
            },
            // bus UNIT :1.7 [PID], or bus UNIT nobody; with `first` before it on a new connection
            ["bus", unit, words @ ..] => {
                let ticket = *self.names.get(*unit)?;
                let (first, words) = match words {
                    ["first", words @ ..] => (true, words),
                    words => (false, words),
                };
                let owner = match words {
                    ["nobody"] => None,
                    [connection, pid @ ..] => Some(engine::event::NameOwner {
                        connection: (*connection).to_owned(),
                        pid: pid.first().map(|pid| pid.parse().unwrap()),
                    }),
                    [] => panic!("who?"),
                };
                Event::NameOwner {
                    ticket,
                    owner,
                    first,
                }
            }
            ["no-bus", unit, message @ ..] => Event::NameUnknown {
                ticket: *self.names.get(*unit)?,
                message: message.join(" "),
            },
            ["out-of-memory", unit] => Event::OutOfMemory { unit: name(unit) },
            ["listening", unit] => Event::Listening {
                ticket: *self.listens.get(*unit)?,
            },
            ["listen-failed", unit, message @ ..] => Event::ListenFailed {
                ticket: *self.listens.get(*unit)?,
                message: message.join(" "),
            },
            ["clock-set"] => Event::ClockSet,
            ["zone-changed", rule] => Event::ZoneChanged {
                zone: units::civil::TimeZone::posix(rule).unwrap(),
            },
            ["stamp-read", unit, before @ ..] => {
                let ticket = self.stamps.remove(*unit)?;
                let before = (!before.is_empty()).then(|| {
                    let before = units::value::Span::parse(&before.join(" ")).unwrap();
                    Realtime(self.now().realtime.0 - before.as_micros())
                });
                Event::StampRead { ticket, at: before }
            }
            ["watched", unit] => Event::PathsWatched {
                ticket: *self.watches.get(*unit)?,
                seen: vec![7],
            },
            ["found", unit, path] => Event::PathFound {
                ticket: self.watches.remove(*unit)?,
                path: (*path).to_owned(),
            },
            ["watch-failed", unit, message @ ..] => Event::PathsFailed {
                ticket: self.watches.remove(*unit)?,
                message: message.join(" "),
            },
            ["connected", unit] => Event::Connected { unit: name(unit) },
            ["accepted", unit, peer @ ..] => {
                self.next_connection += 1;
                let peer = match peer {
                    ["inet"] => Peer::Inet {
                        local: "127.0.0.1".to_owned(),
                        local_port: 80,
                        remote: "10.0.0.9".to_owned(),
                        remote_port: 4000 + u16::try_from(self.next_connection).unwrap(),
                    },
                    ["unix"] => Peer::Unix { pid: 900, uid: 33 },
                    _ => Peer::Unknown,
                };
                Event::Accepted {
                    unit: name(unit),
                    connection: ConnectionId(self.next_connection),
                    peer,
                }
            }
            ["notify", unit, fields @ ..] => {
                let at = self.find(unit, None)?;
                let pid = self.processes[at].pid?;
                self.notified(
                    unit,
                    Sender {
                        pid,
                        uid: 0,
                        member: true,
                    },
                    fields,
                )
            }
            ["notify-by", who, unit, fields @ ..] => {
                let sender = match *who {
                    "control" => {
                        let control = self.processes.iter().find(|process| {
                            process.unit.as_str() == *unit && process.role != Role::Main
                        });
                        Sender {
                            pid: control?.pid?,
                            uid: 0,
                            member: true,
                        }
                    }
                    "member" => Sender {
                        pid: 77,
                        uid: 0,
                        member: true,
                    },
                    pid => Sender {
                        pid: pid.parse().unwrap_or(78),
                        uid: 99,
                        member: pid.parse::<u32>().is_ok(),
                    },
                };
                self.notified(unit, sender, fields)
            }
            ["store-is", unit, names @ ..] => {
                let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
                self.stores.insert(name(unit), names.clone());
                Event::StoreIs {
                    unit: name(unit),
                    names,
                }
            }
            // What is so of each test, in order: `yes`, `no`, or why nobody can say.
            ["checked", unit, found @ ..] => {
                let of = |word: &&str| match *word {
                    "yes" => Ok(true),
                    "no" => Ok(false),
                    why => Err(why.to_owned()),
                };
                Event::Checked {
                    ticket: self.checks.remove(*unit)?,
                    found: found.iter().map(of).collect(),
                }
            }
            ["units-read"] => {
                let (units, diagnostics) = self.load();
                Event::UnitsRead {
                    ticket: self.readings.pop()?,
                    units,
                    diagnostics,
                }
            }
            ["shutdown-requested", status] => Event::ShutdownRequested {
                // `-` names none.
                status: (*status != "-").then(|| status.parse().unwrap()),
            },
            _ => {
                self.next_request += 1;
                Event::Requested {
                    by: Some("somebody".into()),
                    request: RequestId(self.next_request),
                    command: self.command(words, line),
                }
            }
        })
    }

    fn command(&mut self, words: &[&str], line: &str) -> Command {
        let verb = |word: &str| {
            Some(match word {
                "start" => Verb::Start,
                "stop" => Verb::Stop,
                "restart" => Verb::Restart,
                "try-restart" => Verb::TryRestart,
                "reload" => Verb::Reload,
                "reload-or-restart" => Verb::ReloadOrRestart,
                "try-reload-or-restart" => Verb::TryReloadOrRestart,
                _ => return None,
            })
        };
        match words {
            [word, unit, rest @ ..] if verb(word).is_some() => {
                let mode = rest.first().and_then(|word| JobMode::from_word(word));
                let mode = mode.unwrap_or_default();
                let token = rest
                    .iter()
                    .find_map(|word| word.strip_prefix("token="))
                    .map(str::to_owned);
                Command::Submit {
                    unit: name(unit),
                    verb: verb(word).unwrap(),
                    mode,
                    token,
                }
            }
            // `run UNIT KEY=VALUE; KEY=VALUE | UNIT …`
            ["run", ..] => Command::StartTransient {
                units: transient(line),
                mode: JobMode::Fail,
                token: None,
            },
            ["hold", unit] => Command::Hold { unit: name(unit) },
            ["await-end", unit] => Command::AwaitEnd { unit: name(unit) },
            ["await", number] => Command::AwaitJob {
                job: JobId(number.parse().unwrap()),
            },
            ["cancel", number] => Command::CancelJob {
                job: JobId(number.parse().unwrap()),
            },
            ["cancel-all"] => Command::CancelAllJobs,
            ["service-watchdogs", word] => Command::ServiceWatchdogs(*word == "yes"),
            ["set-environment", set @ ..] => {
                let (set, unset): (Vec<&str>, Vec<&str>) =
                    set.iter().partition(|text| text.contains('='));
                let pairs = set.iter().filter_map(|text| text.split_once('='));
                Command::SetEnvironment {
                    unset: unset.iter().map(ToString::to_string).collect(),
                    set: pairs
                        .map(|(name, value)| (name.to_owned(), value.to_owned()))
                        .collect(),
                }
            }
            ["kill", unit, signal, whom @ ..] => Command::Kill {
                unit: name(unit),
                signal: Signal::parse(signal).unwrap(),
                whom: match whom {
                    ["main"] => Whom::Main,
                    ["control"] => Whom::Control,
                    _ => Whom::All,
                },
            },
            ["abandon", unit] => Command::Abandon { unit: name(unit) },
            ["reset-failed"] => Command::ResetFailed { unit: None },
            ["reset-failed", unit] => Command::ResetFailed {
                unit: Some(name(unit)),
            },
            ["daemon-reload", rest @ ..] => Command::Reload {
                keep_going: !rest.is_empty(),
            },
            ["stage"] => Command::Stage,
            ["add-group", group] => Command::AddGroup {
                group: (*group).to_owned(),
            },
            ["remove-group", group] => Command::RemoveGroup {
                group: (*group).to_owned(),
            },
            ["restart-all"] => Command::RestartAll,
            ["shutdown", status] => Command::Shutdown {
                status: status.parse().unwrap(),
            },
            _ => panic!("no such event: {line}"),
        }
    }

    fn notified(&mut self, unit: &str, sender: Sender, fields: &[&str]) -> Event {
        let with_descriptors = fields.contains(&"FDSTORE=1");
        let message = Message::parse(fields.join("\n").as_bytes()).expect("a message");
        let batch = with_descriptors.then_some((BatchId(1), 1));
        Event::Notified {
            unit: name(unit),
            sender,
            message,
            batch,
        }
    }
}

/// The units of a `run` line, parted by ` | `, their settings by `; `.
fn transient(line: &str) -> Vec<Transient> {
    let units = line.strip_prefix("run ").unwrap_or(line).split(" | ");
    units
        .map(|unit| {
            let (unit, settings) = unit.split_once(' ').unwrap_or((unit, ""));
            let settings = settings.split("; ").filter_map(|setting| {
                let (key, value) = setting.split_once('=')?;
                Some((key.to_owned(), value.to_owned()))
            });
            let (pids, settings) = settings.partition::<Vec<_>, _>(|(key, _)| key == "PIDs");
            let pids = pids.iter().flat_map(|(_, pids)| pids.split(' '));
            Transient {
                name: name(unit),
                settings,
                pids: pids.map(|pid| pid.parse().unwrap()).collect(),
            }
        })
        .collect()
}

pub(super) fn status_of(word: &str) -> ExitStatus {
    let signal = |name: &str| u8::try_from(Signal::parse(name).unwrap().number()).unwrap();
    match word {
        "unknown" => ExitStatus::Unknown,
        word if word.starts_with("SIG") => ExitStatus::Signal(signal(word)),
        word if word.starts_with("dump:") => ExitStatus::Dumped(signal(&word[5..])),
        code => ExitStatus::Code(code.parse().unwrap()),
    }
}
