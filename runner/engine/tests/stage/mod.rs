//! A stage for scenarios: an engine, and the answers of a kernel that does as it is told.

mod read;
pub(crate) mod story;
mod tell;

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::action::Role;
use engine::clock::{Monotonic, Realtime};
use engine::event::ExitStatus;
use engine::preview::Way;
use engine::{Engine, Event, Found, Now, Ticket};
use read::status_of;
use tell::role_word;
use units::{Surroundings, UnitName, load_texts};

/// A process, or one that was asked for.
#[derive(Debug, Clone)]
struct Process {
    ticket: Ticket,
    unit: UnitName,
    role: Role,
    pid: Option<u32>,
}

pub(crate) struct Stage {
    files: BTreeMap<String, String>,
    engine: Option<Engine>,
    records: BTreeMap<String, String>,
    now: u64,
    next_pid: u32,
    next_request: u64,
    next_connection: u64,
    processes: Vec<Process>,
    timers: BTreeMap<Ticket, Monotonic>,
    empties: BTreeMap<UnitName, Ticket>,
    /// Signals whose answer is held back, and whether it is.
    signals: BTreeMap<UnitName, Ticket>,
    slow_signals: bool,
    /// How long stopping everything may take.
    stop_limit: units::value::Span,
    /// Whether the exit status tells how the first unit failed.
    tells_failure: bool,
    /// Whether what supervisord would say is told as well: its events and its main log.
    says_log: bool,
    gathers: BTreeMap<UnitName, Ticket>,
    adopts: BTreeMap<UnitName, Ticket>,
    listens: BTreeMap<UnitName, Ticket>,
    probes: BTreeMap<UnitName, Ticket>,
    names: BTreeMap<UnitName, Ticket>,
    readings: Vec<Ticket>,
    checks: BTreeMap<UnitName, Ticket>,
    /// Exits that were not told: the manager was dead.
    exits: Vec<(Ticket, ExitStatus)>,
    stores: BTreeMap<UnitName, Vec<String>>,
    /// How far real time is ahead of monotonic time.
    clock: u64,
    /// Timers whose stamp is being read, and paths that are watched.
    stamps: BTreeMap<UnitName, Ticket>,
    watches: BTreeMap<UnitName, Ticket>,
}

impl Default for Stage {
    fn default() -> Stage {
        Stage {
            files: BTreeMap::new(),
            engine: None,
            records: BTreeMap::new(),
            now: 1_000_000,
            next_pid: 100,
            next_request: 0,
            next_connection: 0,
            processes: Vec::new(),
            timers: BTreeMap::new(),
            empties: BTreeMap::new(),
            signals: BTreeMap::new(),
            stop_limit: units::value::Span::INFINITY,
            tells_failure: false,
            slow_signals: false,
            says_log: false,
            gathers: BTreeMap::new(),
            adopts: BTreeMap::new(),
            listens: BTreeMap::new(),
            probes: BTreeMap::new(),
            names: BTreeMap::new(),
            readings: Vec::new(),
            checks: BTreeMap::new(),
            exits: Vec::new(),
            stores: BTreeMap::new(),
            clock: 0,
            stamps: BTreeMap::new(),
            watches: BTreeMap::new(),
        }
    }
}

impl Stage {
    pub(crate) fn write_file(&mut self, name: &str, text: &str) {
        if text.trim().is_empty() {
            self.files.remove(name);
        } else {
            self.files.insert(name.to_owned(), text.to_owned());
        }
    }

    /// Performs one line of a story; gives back what came of it.
    pub(crate) fn perform(&mut self, line: &str) -> Vec<String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut out = Vec::new();
        match words.as_slice() {
            ["boot"] => self.resume(&mut out),
            ["crash"] => {
                self.timers.clear();
                self.empties.clear();
                self.gathers.clear();
                self.adopts.clear();
                self.listens.clear();
                self.probes.clear();
                self.names.clear();
                self.readings.clear();
                self.checks.clear();
                self.stamps.clear();
                self.watches.clear();
                self.resume(&mut out);
            }
            // Before boot: how long stopping everything may take.
            ["stop-limit", span @ ..] => {
                self.stop_limit = units::value::Span::parse(&span.join(" ")).unwrap();
            }
            // Before boot: we are a container.
            ["tells-failure"] => self.tells_failure = true,
            ["is-ready"] => out.push(match self.engine().not_ready() {
                None => "ready".to_owned(),
                Some(why) => format!("not ready: {why}"),
            }),
            ["slow-signals"] => self.slow_signals = true,
            // The clock is set to so much after midnight of 1 January 2030, and nobody is told.
            ["clock", after @ ..] => {
                let after = units::value::Span::parse(&after.join(" ")).unwrap();
                self.clock = 1_893_456_000_000_000 + after.as_micros() - self.now;
            }
            ["tell-processes"] => self.says_log = true,
            ["commands", unit] => out.extend(self.commands(&name(unit))),
            ["process", unit] => out.push(self.process(&name(unit))),
            ["wait", span] => self.wait(span, &mut out),
            ["show", unit] => out.push(self.show(&name(unit))),
            ["show-environment"] => {
                for (name, value) in self.engine().environment() {
                    out.push(match value {
                        Some(value) => format!("{name}={value}"),
                        None => format!("{name} is taken away"),
                    });
                }
            }
            ["show-units"] => {
                let units = self.engine().units().into_iter();
                let other = units.filter(|view| view.name.kind() != units::UnitKind::Target);
                out.extend(other.map(|view| format!("unit {}", view.name)));
            }
            ["why", unit] => out.extend(self.why(&name(unit))),
            ["plan"] => out.extend(self.plan(Way::Reload)),
            ["plan", "update"] => out.extend(self.plan(Way::Update)),
            ["show-jobs"] => {
                for job in self.engine().jobs() {
                    let waits: Vec<&str> = job.waits_for.iter().map(UnitName::as_str).collect();
                    let running = if job.running { "running" } else { "waiting" };
                    out.push(
                        format!(
                            "{} {} {running} {}",
                            job.unit,
                            job.kind.as_str(),
                            waits.join(" ")
                        )
                        .trim_end()
                        .to_owned(),
                    );
                }
            }
            ["end-quietly", unit, status] => {
                // It ends while no manager is there to be told.
                let at = self.find(unit, None).expect("it runs");
                let process = self.processes.remove(at);
                self.exits.push((process.ticket, status_of(status)));
            }
            ["begin-unseen", unit] => {
                // It is there, and nobody was told.
                let asked = |process: &&mut Process| {
                    process.unit.as_str() == *unit && process.pid.is_none()
                };
                let process = self.processes.iter_mut().find(asked);
                process.expect("it was asked for").pid = Some(self.next_pid);
                self.next_pid += 1;
            }
            ["end-unseen", unit, status] => {
                // Nor was anybody told that it had begun.
                let ticket = self.take_asked(unit).expect("it was asked for");
                self.exits.push((ticket, status_of(status)));
            }
            _ => match self.event(&words, line) {
                Some(event) => self.feed(event, &mut out),
                None => panic!("{line}: this cannot happen now"),
            },
        }
        out
    }

    fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().expect("boot first")
    }

    fn now(&self) -> Now {
        Now {
            monotonic: Monotonic(self.now),
            realtime: Realtime(self.now + self.clock),
        }
    }

    fn load(&self) -> (Arc<units::UnitSet>, Arc<Vec<units::Diagnostic>>) {
        let texts: Vec<(&str, &str)> = self
            .files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        let (set, diagnostics) = load_texts(&texts, &Surroundings::example());
        (Arc::new(set), Arc::new(diagnostics))
    }

    fn resume(&mut self, out: &mut Vec<String>) {
        // A shell keeps what is in force for its successor; only the first one reads the files.
        let (units, diagnostics, kept) = match &self.engine {
            Some(engine) => (
                Arc::clone(engine.definitions()),
                Arc::default(),
                engine.kept().cloned().collect(),
            ),
            None => {
                let (units, diagnostics) = self.load();
                for diagnostic in diagnostics.iter() {
                    out.push(format!(
                        "diagnostic {}",
                        diagnostic.to_string().lines().next().unwrap()
                    ));
                }
                (units, diagnostics, Vec::new())
            }
        };
        // Processes that were asked for and never answered were never started.
        self.processes.retain(|process| process.pid.is_some());
        let found = Found {
            records: self.records.clone().into_iter().collect(),
            processes: self
                .processes
                .iter()
                .map(|process| (process.ticket, process.unit.clone(), process.pid.unwrap()))
                .collect(),
            exits: self
                .exits
                .iter()
                .map(|(ticket, status)| (*ticket, *status, Monotonic(self.now)))
                .collect(),
            highest: self
                .processes
                .iter()
                .map(|process| process.ticket.0)
                .max()
                .unwrap_or_default(),
            stored: self.stores.clone().into_iter().collect(),
            kept,
            seed: 1,
            host: engine::Host {
                stop_limit: self.stop_limit,
                tells_failure: self.tells_failure,
                ..engine::Host::default()
            },
            ..Found::default()
        };
        let (engine, actions) = Engine::resume(self.now(), units, diagnostics, found);
        self.engine = Some(engine);
        self.take(actions, out);
        for (ticket, status) in std::mem::take(&mut self.exits) {
            self.feed(
                Event::Exited {
                    ticket,
                    status,
                    at: Monotonic(self.now),
                },
                out,
            );
        }
    }

    fn feed(&mut self, event: Event, out: &mut Vec<String>) {
        let now = self.now();
        let actions = self.engine().handle(now, event);
        self.take(actions, out);
    }

    /// Fires every timer that becomes due, in order.
    fn wait(&mut self, span: &str, out: &mut Vec<String>) {
        let span = units::value::Span::parse(span).unwrap().as_micros();
        let end = self.now + span;
        loop {
            let next = self
                .timers
                .iter()
                .filter(|(_, at)| at.0 <= end)
                .min_by_key(|(ticket, at)| (**at, **ticket));
            let Some((ticket, at)) = next.map(|(ticket, at)| (*ticket, *at)) else {
                break;
            };
            self.timers.remove(&ticket);
            let before = self.now;
            self.now = self.now.max(at.0);
            out.push(format!(
                "(after {})",
                units::value::Span::from_micros(self.now - before)
            ));
            self.feed(Event::TimerFired { ticket }, out);
        }
        self.now = end;
    }

    /// Why a unit is as it is.
    fn why(&mut self, unit: &UnitName) -> Vec<String> {
        let why = self.engine().why(unit);
        let links = why.chain.iter().map(|link| {
            let text = link.text.replace('\n', " ");
            format!("{} {}: {text}", link.unit, link.fact.as_str())
        });
        links.chain([format!("next: {}", why.advice)]).collect()
    }

    /// What became of a unit's commands, with times as they went by since the boot.
    fn commands(&mut self, unit: &UnitName) -> Vec<String> {
        let since_boot = |at: engine::clock::Now| {
            units::value::Span::from_micros(at.monotonic.0.saturating_sub(1_000_000)).to_string()
        };
        let records = self
            .engine()
            .unit(unit)
            .map_or_else(Vec::new, |view| view.commands);
        let told = records.iter().map(|record| {
            let (role, index, pid) = (role_word(record.role), record.index, record.pid);
            let start = record.start.map_or("?".to_owned(), since_boot);
            let end = match record.exit {
                Some((at, status)) => format!("{} {status:?}", since_boot(at)),
                None => "runs".to_owned(),
            };
            format!("{role} {index} pid {pid} from {start} to {end}")
        });
        told.collect()
    }

    /// What reading the files now would change.
    fn plan(&mut self, way: Way) -> Vec<String> {
        let (units, diagnostics) = self.load();
        let preview = self.engine().preview(way, &units, diagnostics.to_vec());
        let mut told = Vec::new();
        if preview.refused {
            told.push("refused".to_owned());
        }
        let found = preview.diagnostics.iter();
        told.extend(found.map(|found| format!("found {found}").replace('\n', " ")));
        for unit in &preview.units {
            told.push(format!(
                "{} {} {} -> {}{}",
                unit.unit,
                unit.outcome.as_str(),
                unit.from.unwrap_or("-"),
                unit.to.unwrap_or("-"),
                unit.group
                    .as_ref()
                    .map(|group| format!(" group {group}"))
                    .unwrap_or_default()
            ));
            told.extend(unit.settings.iter().map(|setting| {
                format!(
                    "  {}: {:?} -> {:?}{}",
                    setting.setting.key(),
                    setting.from,
                    setting.to,
                    if setting.at_start { " at start" } else { "" }
                )
            }));
        }
        if told.is_empty() {
            told.push("nothing".to_owned());
        }
        told
    }

    fn take_asked(&mut self, unit: &str) -> Option<Ticket> {
        let asked = self
            .processes
            .iter()
            .position(|process| process.unit.as_str() == unit && process.pid.is_none());
        Some(self.processes.remove(asked?).ticket)
    }

    /// The process of a unit: of a role, or the main one, or the only one.
    fn find(&self, unit: &str, role: Option<&str>) -> Option<usize> {
        let of_unit = || {
            self.processes
                .iter()
                .enumerate()
                .filter(|(_, process)| process.unit.as_str() == unit && process.pid.is_some())
        };
        let found = match role {
            Some(role) => of_unit().find(|(_, process)| role_word(process.role) == role),
            None => of_unit()
                .find(|(_, process)| process.role == Role::Main)
                .or_else(|| of_unit().next()),
        };
        Some(found?.0)
    }
}

fn name(text: &str) -> UnitName {
    UnitName::parse(text).unwrap()
}
