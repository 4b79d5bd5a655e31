//! A fake kernel, keeper and shell. Answers come late, in any order, twice or never; forks fail;
//! processes die; the manager is killed between any two actions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use engine::action::{AdoptFrom, Role, Target};
use engine::clock::{Monotonic, Realtime};
use engine::command::{Command, Refusal};
use engine::event::{AdoptFailure, ExitStatus, SpawnFailure};
use engine::job::{JobId, JobKind, JobResult};
use engine::ticket::{ConnectionId, RequestId};
use engine::view::systemd::SubState;
use engine::view::systemd::SystemState;
use engine::{Action, Answer, Change, Engine, Event, Found, Now, Ticket};
use units::value::{KillMode, Signal};
use units::{UnitName, UnitSet};

use super::dice::Dice;
use super::invariants::Invariants;
use super::schedule::noted_processes;
use super::sets::{Sets, Variant};

/// A process that lives.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) ticket: Ticket,
    pub(crate) unit: UnitName,
    pub(crate) role: Role,
    pub(crate) pid: u32,
    /// Left over on purpose: `kill-mode` spares it.
    pub(crate) spared: bool,
    stubborn: bool,
    /// A manager was told that it runs its program.
    known: bool,
}

/// What the manager holds and loses when it is killed.
#[derive(Debug, Default)]
pub(super) struct Manager {
    pub(super) answers: VecDeque<Event>,
    pub(super) timers: BTreeMap<Ticket, Monotonic>,
    pub(super) empties: Vec<(Ticket, UnitName)>,
    pub(super) watched: BTreeSet<UnitName>,
    pub(super) connections: BTreeSet<ConnectionId>,
    pub(super) told: Vec<u32>,
    /// Path units that are watched, with what their paths looked like then.
    pub(super) watches: BTreeMap<UnitName, (Ticket, u64)>,
}

pub(crate) struct World<'a> {
    pub(super) sets: &'a Sets,
    pub(super) variant: &'a Variant,
    /// What the unit files say now.
    pub(super) files: &'a Variant,
    /// What they say was laid aside, and a client knows it.
    pub(super) staged: bool,
    pub(super) dice: Dice,
    pub(super) engine: Option<Engine>,
    /// The definitions in force.
    pub(super) units: Arc<UnitSet>,
    pub(super) now: u64,
    pub(super) manager: Manager,
    // What outlives the manager.
    pub(crate) processes: Vec<Process>,
    pub(super) exits: VecDeque<(Ticket, UnitName, ExitStatus, u64)>,
    pub(super) records: BTreeMap<String, String>,
    pub(super) listeners: BTreeSet<UnitName>,
    pub(super) stores: BTreeMap<UnitName, Vec<String>>,
    /// When timers last elapsed, as their stamps say.
    pub(super) stamps: BTreeMap<UnitName, Realtime>,
    /// What the paths of path units look like now.
    pub(super) looks: BTreeMap<UnitName, u64>,
    /// How far real time is ahead of monotonic time.
    pub(super) clock: u64,
    /// The manager was not told yet that the clock was set.
    pub(super) clock_news: bool,
    pub(super) highest: u64,
    pub(super) next_pid: u32,
    pub(super) next_id: u64,
    pub(super) waiting: BTreeMap<RequestId, Command>,
    pub(super) halted: Option<u8>,
    /// Counts managers.
    pub(super) generation: u64,
    /// Its main process ends at once, always and badly.
    pub(super) crashing: Option<UnitName>,
    /// What the jobs were for.
    pub(super) kinds: BTreeMap<JobId, JobKind>,
    /// Nothing goes wrong any more, and clients ask for nothing.
    pub(super) fair: bool,
    pub(super) invariants: Invariants,
    pub(crate) events: u64,
    /// A sum of all that was said, to compare two runs.
    pub(crate) trace: u64,
    pub(crate) tell: bool,
}

pub(super) const CLEAN: ExitStatus = ExitStatus::Code(0);

impl<'a> World<'a> {
    pub(crate) fn new(sets: &'a Sets, seed: u64) -> World<'a> {
        let mut dice = Dice::new(seed);
        let variant = dice.pick(&sets.variants).unwrap();
        World {
            sets,
            variant,
            files: variant,
            staged: false,
            dice,
            engine: None,
            units: Arc::clone(&variant.units),
            now: 5_000_000,
            manager: Manager::default(),
            processes: Vec::new(),
            exits: VecDeque::new(),
            records: BTreeMap::new(),
            listeners: BTreeSet::new(),
            stores: BTreeMap::new(),
            stamps: BTreeMap::new(),
            looks: BTreeMap::new(),
            // A round moment of the year 2030.
            clock: 1_893_456_000_000_000,
            clock_news: false,
            highest: 0,
            next_pid: 2,
            next_id: 0,
            waiting: BTreeMap::new(),
            halted: None,
            generation: 0,
            crashing: None,
            kinds: BTreeMap::new(),
            fair: false,
            invariants: Invariants::default(),
            events: 0,
            trace: 0,
            tell: false,
        }
    }

    // The manager.

    pub(super) fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().unwrap()
    }

    pub(super) fn clock(&self) -> Now {
        Now {
            monotonic: Monotonic(self.now),
            realtime: Realtime(self.now + self.clock),
        }
    }

    pub(super) fn resume(&mut self) {
        let mut found = Found {
            records: self.records.clone().into_iter().collect(),
            processes: self
                .processes
                .iter()
                .map(|process| (process.ticket, process.unit.clone(), process.pid))
                .collect(),
            exits: self
                .exits
                .iter()
                .map(|(ticket, _, status, at)| (*ticket, *status, Monotonic(*at)))
                .collect(),
            highest: self.highest,
            listeners: self.listeners.iter().cloned().collect(),
            stored: self.stores.clone().into_iter().collect(),
            seed: 1,
            ..Found::default()
        };
        if let Some(old) = &self.engine {
            found.kept = old.kept().cloned().collect();
        }
        for process in &mut self.processes {
            process.known = true;
        }
        self.say(|| "-- resume".to_owned());
        let generation = self.generation;
        let (engine, actions) = Engine::resume(
            self.clock(),
            Arc::clone(&self.units),
            Arc::clone(&self.variant.diagnostics),
            found,
        );
        if engine.system_state() == SystemState::Stopping {
            // Perhaps the one before was killed just before it said so.
            self.invariants.closing(false);
        }
        self.engine = Some(engine);
        self.perform(actions);
        if generation != self.generation {
            // Killed again at once: that manager's successor has seen to the clients.
            return;
        }
        // Clients come back and ask again.
        self.waiting.retain(|_, command| {
            matches!(command, Command::Submit { .. } | Command::AwaitJob { .. })
        });
        self.generation += 1;
        let generation = self.generation;
        for (request, command) in self.waiting.clone() {
            if generation == self.generation && self.halted.is_none() {
                self.request(request, command);
            }
        }
    }

    pub(super) fn feed(&mut self, event: Event) {
        self.events += 1;
        self.say(|| format!("> {event:?}"));
        if let Event::Spawned { ticket, .. } = event {
            for process in &mut self.processes {
                process.known |= process.ticket == ticket;
            }
        }
        let now = self.clock();
        let actions = self.engine().handle(now, event);
        self.perform(actions);
    }

    fn say(&mut self, what: impl FnOnce() -> String) {
        if self.tell {
            println!("{:>10} {}", self.now, what());
        }
    }

    /// Writes the records, then does as it is told, up to a sudden end.
    fn perform(&mut self, actions: Vec<Action>) {
        for (key, text) in self.engine().take_records() {
            match text {
                Some(text) => self.records.insert(key, text),
                None => self.records.remove(&key),
            };
        }
        self.units = Arc::clone(self.engine().definitions());
        self.invariants
            .after_event(self.engine.as_ref().unwrap(), &self.variant.names);
        let survives = if !self.fair && self.dice.percent(3) {
            self.dice.below(actions.len() + 1)
        } else {
            usize::MAX
        };
        for (number, action) in actions.into_iter().enumerate() {
            if number == survives {
                return self.crash();
            }
            self.act(action);
        }
        self.timers_are_armed();
    }

    /// The manager is killed: what only it knew is gone.
    pub(super) fn crash(&mut self) {
        self.say(|| "-- killed".to_owned());
        self.manager = Manager::default();
        // The next one sees it by itself.
        self.clock_news = false;
        self.invariants.killed();
        self.resume();
    }

    // The kernel.

    fn act(&mut self, action: Action) {
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
                        failure: SpawnFailure::Shortage { errno: 11 },
                    });
                    return;
                }
                if roll < 8 {
                    let failure = SpawnFailure::Setup {
                        status: 203,
                        message: "cannot execute".to_owned(),
                    };
                    self.manager
                        .answers
                        .push_back(Event::SpawnFailed { ticket, failure });
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
                    stubborn: !self.fair && self.dice.percent(10),
                    known: false,
                };
                self.invariants.born(&process, &self.processes, &self.units);
                self.processes.push(process);
                self.manager
                    .answers
                    .push_back(Event::Spawned { ticket, pid });
            }
            Action::Adopt { ticket, unit, from } => self.adopt(ticket, unit, &from),
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
                let sub = self.engine.as_ref().unwrap().unit(&unit).unwrap().sub;
                assert!(
                    sub == SubState::Start,
                    "{unit} is probed and is {}",
                    sub.as_str()
                );
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
            Action::EndProbe { .. } | Action::UnwatchName { .. } => {}
            Action::WatchName { ticket, .. } => {
                self.manager.answers.push_back(Event::NameOwner {
                    ticket,
                    owner: None,
                    first: true,
                });
            }
            // Nothing of these worlds is in a file system.
            Action::ClearAway { .. } => {}
            Action::Release { unit } => {
                for process in &mut self.processes {
                    process.spared |= process.unit == unit;
                }
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
                    Ok(Answer::Job(_)) => {
                        if let Some(Command::Submit {
                            unit, verb, mode, ..
                        }) = asked
                        {
                            let engine = self.engine.as_ref().unwrap();
                            self.invariants.granted(engine, &unit, verb, mode);
                        }
                    }
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

    fn published(&mut self, change: Change) {
        match change {
            Change::Moved(moved) => {
                let now = self.clock();
                let engine = self.engine.as_ref().unwrap();
                self.invariants.moved(engine, &moved);
                self.invariants.timer_moved(engine, &moved, now);
            }
            Change::UnitRemoved(unit) => self.invariants.removed(&unit),
            Change::GroupAdded(_) => self.invariants.asked(),
            Change::GroupRemoved(group) => self.invariants.group_removed(&group, &self.processes),
            Change::Closing { restarting } => {
                self.invariants.closing(restarting);
                self.staged = false;
            }
            Change::JobNew { job, unit, kind } => {
                self.invariants.job_new(&unit);
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

    fn adopt(&mut self, ticket: Ticket, unit: UnitName, from: &AdoptFrom) {
        let fails = !self.fair && self.dice.percent(40);
        let event = if fails {
            let reason = match from {
                AdoptFrom::PidFile(_) if self.dice.percent(70) => AdoptFailure::NotYet,
                AdoptFrom::Guess => AdoptFailure::Unclear,
                _ => AdoptFailure::Refused("not one of its processes".to_owned()),
            };
            Event::AdoptFailed { ticket, reason }
        } else if self.fair && matches!(from, AdoptFrom::PidFile(_)) && self.dice.percent(30) {
            Event::AdoptFailed {
                ticket,
                reason: AdoptFailure::Refused("it is gone".to_owned()),
            }
        } else {
            let pid = self.next_pid;
            self.next_pid += 1;
            self.highest = self.highest.max(ticket.0);
            // After a recovery the same search may find the process a second time.
            if let Some(known) = self
                .processes
                .iter()
                .find(|process| process.ticket == ticket)
            {
                let pid = known.pid;
                self.manager
                    .answers
                    .push_back(Event::Adopted { ticket, pid });
                return;
            }
            if self.exits.iter().any(|(gone, ..)| *gone == ticket) {
                let reason = AdoptFailure::Refused("it is gone".to_owned());
                self.manager
                    .answers
                    .push_back(Event::AdoptFailed { ticket, reason });
                return;
            }
            self.processes.push(Process {
                ticket,
                unit,
                role: Role::Main,
                pid,
                spared: false,
                stubborn: false,
                known: true,
            });
            Event::Adopted { ticket, pid }
        };
        self.manager.answers.push_back(event);
    }

    /// S1: what asks for something is only sent to programs, not to what is about to become one and
    /// would not hear it.
    fn heard(&self, unit: &UnitName, target: Target) {
        let service = self.engine.as_ref().unwrap().unit(unit).unwrap().sub;
        let asks = service == SubState::StopSigterm;
        // Who was given up may still be on its way.
        let record = self.records.get(&format!("unit:{unit}"));
        let record = record.and_then(|text| serde_json::from_str(text).ok());
        let former = record.as_ref().map(noted_processes).unwrap_or_default();
        let unborn = self.processes.iter().find(|process| {
            let hit = match target {
                Target::All => process.unit == *unit,
                Target::Process(ticket) => process.ticket == ticket,
            };
            // An attempt at a probe that was given up is killed as soon as it is there.
            let waited_for =
                process.role != Role::ReadyProbe && !former.contains(&process.ticket.0);
            hit && waited_for && !process.spared && !process.known
        });
        assert!(
            !asks || unborn.is_none(),
            "S1: {unit} is told to go before {unborn:?} is there"
        );
    }

    fn signal(&mut self, unit: &UnitName, target: Target, signal: Signal) {
        let hit = |process: &Process| match target {
            Target::All => process.unit == *unit,
            Target::Process(ticket) => process.ticket == ticket,
        };
        let victims: Vec<usize> = (0..self.processes.len())
            .rev()
            .filter(|at| hit(&self.processes[*at]))
            .filter(|at| {
                signal == Signal::KILL || (signal != Signal::CONT && !self.processes[*at].stubborn)
            })
            .collect();
        for at in victims {
            if signal == Signal::KILL || self.fair || self.dice.percent(60) {
                let number = u8::try_from(signal.number()).unwrap();
                let status = if signal == Signal::KILL || self.dice.percent(50) {
                    ExitStatus::Signal(number)
                } else {
                    CLEAN
                };
                self.end(at, status);
            }
        }
    }

    /// A process ends: the keeper has its exit.
    pub(super) fn end(&mut self, at: usize, status: ExitStatus) {
        let process = self.processes.remove(at);
        self.say(|| {
            format!(
                "~ {} {:?} {} ends: {status:?}",
                process.unit, process.role, process.ticket.0
            )
        });
        self.exits
            .push_back((process.ticket, process.unit, status, self.now));
    }

    /// An exit may be told once the spawn was answered.
    pub(super) fn next_exit(&mut self) -> Option<(Ticket, UnitName, ExitStatus, u64)> {
        let unanswered = |ticket: Ticket| {
            self.manager.answers.iter().any(|event| matches!(event, Event::Spawned { ticket: asked, .. } | Event::Adopted { ticket: asked, .. } if *asked == ticket))
        };
        let at = self
            .exits
            .iter()
            .position(|(ticket, ..)| !unanswered(*ticket))?;
        self.exits.remove(at)
    }

    pub(super) fn check_empty(&mut self) -> bool {
        let empty = |unit: &UnitName| self.processes.iter().all(|process| process.unit != *unit);
        let Some(at) = self
            .manager
            .empties
            .iter()
            .position(|(_, unit)| empty(unit))
        else {
            return false;
        };
        let (ticket, _) = self.manager.empties.remove(at);
        self.feed(Event::Emptied { ticket });
        true
    }
}

/// Whether `kill-mode` spares processes of the unit.
pub(crate) fn spares(units: &units::UnitSet, unit: &UnitName) -> bool {
    units.resolve(unit).is_some_and(|unit| {
        matches!(unit.kill_mode(), KillMode::Process | KillMode::None) || !unit.send_sigkill()
    })
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
