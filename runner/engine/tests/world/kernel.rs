//! A fake kernel, keeper and shell. Answers come late, in any order, twice or never; forks fail;
//! processes die; the manager is killed between any two actions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use engine::action::{AdoptFrom, Role, Target};
use engine::clock::{Monotonic, Realtime};
use engine::command::{Command, Verb, Whom};
use engine::event::{AdoptFailure, ExitStatus, Peer, Sender, SpawnFailure};
use engine::job::{JobId, JobKind, JobMode, JobResult};
use engine::notify::Message;
use engine::ticket::{BatchId, ConnectionId, RequestId};
use engine::view::systemd::ActiveState;
use engine::{Action, Answer, Change, Engine, Event, Found, Now, Ticket};
use units::value::{KillMode, ServiceType, Signal};
use units::{UnitKind, UnitName, UnitSet};

use super::dice::Dice;
use super::invariants::Invariants;
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
}

/// What the manager holds and loses when it is killed.
#[derive(Debug, Default)]
struct Manager {
    answers: VecDeque<Event>,
    timers: BTreeMap<Ticket, Monotonic>,
    empties: Vec<(Ticket, UnitName)>,
    watched: BTreeSet<UnitName>,
    readings: Vec<Ticket>,
    connections: BTreeSet<ConnectionId>,
    told: Vec<u32>,
}

pub(crate) struct World<'a> {
    sets: &'a Sets,
    variant: &'a Variant,
    dice: Dice,
    engine: Option<Engine>,
    /// The definitions in force.
    units: Arc<UnitSet>,
    now: u64,
    manager: Manager,
    // What outlives the manager.
    pub(crate) processes: Vec<Process>,
    exits: VecDeque<(Ticket, UnitName, ExitStatus, u64)>,
    records: BTreeMap<String, String>,
    listeners: BTreeSet<UnitName>,
    stores: BTreeMap<UnitName, Vec<String>>,
    highest: u64,
    next_pid: u32,
    next_id: u64,
    waiting: BTreeMap<RequestId, Command>,
    halted: Option<u8>,
    /// Counts managers.
    generation: u64,
    /// Its main process ends at once, always and badly.
    crashing: Option<UnitName>,
    /// What the jobs were for.
    kinds: BTreeMap<JobId, JobKind>,
    /// Nothing goes wrong any more, and clients ask for nothing.
    fair: bool,
    invariants: Invariants,
    pub(crate) events: u64,
    /// A sum of all that was said, to compare two runs.
    pub(crate) trace: u64,
    pub(crate) tell: bool,
}

const CLEAN: ExitStatus = ExitStatus::Code(0);

impl<'a> World<'a> {
    pub(crate) fn new(sets: &'a Sets, seed: u64) -> World<'a> {
        let mut dice = Dice::new(seed);
        let variant = dice.pick(&sets.variants).unwrap();
        World {
            sets,
            variant,
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

    /// One schedule: some turmoil, then calm, then the end.
    pub(crate) fn run(&mut self) {
        if self.tell {
            println!("{}", self.variant.text);
        }
        self.resume();
        for _ in 0..15 + self.dice.below(30) {
            if self.halted.is_some() {
                return;
            }
            self.turmoil();
        }
        self.fair = true;
        if self.dice.percent(30) {
            self.crashing = self.dice.pick(&self.variant.names).cloned();
        }
        self.calm("every job ends");
        if self.halted.is_none() {
            let jobs = self.engine().jobs();
            assert!(jobs.is_empty(), "L2: jobs that never end: {jobs:?}");
            assert!(
                self.waiting.is_empty(),
                "L2: nobody answers {:?}",
                self.waiting
            );
            self.invariants
                .at_rest(self.engine.as_ref().unwrap(), &self.processes);
            self.feed(Event::ShutdownRequested { status: 7 });
            self.calm("shutdown");
        }
        assert!(self.halted.is_some(), "L4: shutdown does not end");
        let left: Vec<_> = self
            .processes
            .iter()
            .filter(|process| !process.spared && !spares(&self.units, &process.unit))
            .collect();
        assert!(left.is_empty(), "leftovers after the end: {left:?}");
    }

    /// Lets everything happen that must, in order, until nothing is left to happen.
    fn calm(&mut self, what: &str) {
        for _ in 0..3_000 {
            if self.halted.is_some() {
                return;
            }
            if !self.go_on() {
                return;
            }
            // Services that come back for ever are no unrest.
            if self.engine().jobs().is_empty()
                && self.waiting.is_empty()
                && !self.closing()
                && self.all_settled()
            {
                return;
            }
        }
        let jobs = self.engine().jobs();
        panic!("{what} takes for ever: {jobs:?}");
    }

    fn closing(&mut self) -> bool {
        self.engine().system_state() == engine::view::systemd::SystemState::Stopping
    }

    fn all_settled(&mut self) -> bool {
        if !self.manager.answers.is_empty() || !self.exits.is_empty() {
            return false;
        }
        let engine = self.engine.as_ref().unwrap();
        self.invariants.seen().all(|unit| {
            let view = engine.unit(unit).unwrap();
            let waits = view.sub == engine::view::systemd::SubState::AutoRestart
                && self.crashing.as_ref() != Some(unit);
            waits
                || !matches!(
                    view.active,
                    ActiveState::Activating | ActiveState::Deactivating
                )
        })
    }

    /// The next thing that must happen: an answer, an exit, a process that obeys, a timer.
    fn go_on(&mut self) -> bool {
        if let Some(event) = self.manager.answers.pop_front() {
            self.feed(event);
        } else if let Some((ticket, _, status, at)) = self.next_exit() {
            self.feed(Event::Exited {
                ticket,
                status,
                at: Monotonic(at),
            });
        } else if self.speak() || self.check_empty() {
        } else if let Some(process) = self
            .processes
            .iter()
            .position(|process| self.must_end(process))
        {
            let crashes = self.crashing.as_ref() == Some(&self.processes[process].unit);
            self.end(process, if crashes { ExitStatus::Code(9) } else { CLEAN });
        } else if let Some((ticket, at)) = self
            .manager
            .timers
            .iter()
            .map(|(t, at)| (*t, *at))
            .min_by_key(|(t, at)| (*at, *t))
        {
            self.manager.timers.remove(&ticket);
            self.now = self.now.max(at.0);
            self.feed(Event::TimerFired { ticket });
        } else {
            return false;
        }
        true
    }

    /// Programs that end by themselves when all is well.
    fn must_end(&self, process: &Process) -> bool {
        let Some(definition) = self.engine.as_ref().unwrap().definition(&process.unit) else {
            return true;
        };
        process.role != Role::Main
            || self.crashing.as_ref() == Some(&process.unit)
            || (definition.service_type() == ServiceType::Oneshot)
            || (definition.service_type() == ServiceType::Forking && !self.is_daemon(process))
    }

    fn is_daemon(&self, process: &Process) -> bool {
        self.engine
            .as_ref()
            .unwrap()
            .unit(&process.unit)
            .unwrap()
            .service
            .is_some_and(|service| service.main_pid == Some(process.pid))
    }

    /// Something happens, perhaps something bad.
    fn turmoil(&mut self) {
        match self.dice.below(100) {
            0..30 => {
                // Any answer, not only the first; a few come twice.
                let many = self.manager.answers.len();
                if many == 0 {
                    self.go_on();
                } else {
                    let at = self.dice.below(many);
                    let event = self.manager.answers.remove(at).unwrap();
                    if self.dice.percent(5) && !matches!(event, Event::Requested { .. }) {
                        self.manager.answers.push_back(event.clone());
                    }
                    self.feed(event);
                }
            }
            30..42 => {
                if let Some((ticket, _, status, at)) = self.next_exit() {
                    self.feed(Event::Exited {
                        ticket,
                        status,
                        at: Monotonic(at),
                    });
                }
            }
            42..54 => {
                if !self.processes.is_empty() {
                    let at = self.dice.below(self.processes.len());
                    let status = *self
                        .dice
                        .pick(&[
                            CLEAN,
                            CLEAN,
                            ExitStatus::Code(3),
                            ExitStatus::Signal(15),
                            ExitStatus::Signal(9),
                            ExitStatus::Dumped(6),
                        ])
                        .unwrap();
                    self.end(at, status);
                }
            }
            54..62 => {
                let next = self
                    .manager
                    .timers
                    .iter()
                    .map(|(t, at)| (*t, *at))
                    .min_by_key(|(t, at)| (*at, *t));
                if let Some((ticket, at)) = next {
                    self.manager.timers.remove(&ticket);
                    self.now = self.now.max(at.0);
                    self.feed(Event::TimerFired { ticket });
                }
            }
            62..66 => {
                self.speak();
            }
            66..70 => {
                self.check_empty();
            }
            70..85 => self.ask(),
            85..90 => self.connect(),
            90..93 => self.babble(),
            _ => self.crash(),
        }
        self.now += u64::try_from(self.dice.below(200_000)).unwrap();
    }

    // The manager.

    fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().unwrap()
    }

    fn clock(&self) -> Now {
        Now {
            monotonic: Monotonic(self.now),
            realtime: Realtime(self.now),
        }
    }

    fn resume(&mut self) {
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
        self.say(|| "-- resume".to_owned());
        let generation = self.generation;
        let (engine, actions) = Engine::resume(
            self.clock(),
            Arc::clone(&self.units),
            Arc::clone(&self.variant.diagnostics),
            found,
        );
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

    fn feed(&mut self, event: Event) {
        self.events += 1;
        self.say(|| format!("> {event:?}"));
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
    }

    /// The manager is killed: what only it knew is gone.
    fn crash(&mut self) {
        self.say(|| "-- killed".to_owned());
        self.manager = Manager::default();
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
                ..
            } => {
                self.signal(&unit, target, signal);
                self.manager.answers.push_back(Event::Signalled { ticket });
            }
            Action::WatchEmpty { ticket, unit } => self.manager.empties.push((ticket, unit)),
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
            Action::ReadUnits { ticket } => self.manager.readings.push(ticket),
            Action::Reply { request, answer } => {
                assert!(
                    self.waiting.remove(&request).is_some(),
                    "L2: {request:?} is answered twice"
                );
                if let Ok(Answer::Job(job)) = answer
                    && self.dice.percent(50)
                {
                    let request = self.new_request();
                    self.waiting.insert(request, Command::AwaitJob { job });
                    self.manager.answers.push_back(Event::Requested {
                        request,
                        command: Command::AwaitJob { job },
                    });
                }
            }
            Action::Publish(change) => self.published(change),
            Action::Log(_) => {}
            Action::Halt { status } => self.halted = Some(status),
        }
    }

    fn published(&mut self, change: Change) {
        match change {
            Change::Moved(moved) => self.invariants.moved(&moved),
            Change::JobNew { job, kind, .. } => {
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
            });
            Event::Adopted { ticket, pid }
        };
        self.manager.answers.push_back(event);
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
    fn end(&mut self, at: usize, status: ExitStatus) {
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
    fn next_exit(&mut self) -> Option<(Ticket, UnitName, ExitStatus, u64)> {
        let unanswered = |ticket: Ticket| {
            self.manager.answers.iter().any(|event| matches!(event, Event::Spawned { ticket: asked, .. } | Event::Adopted { ticket: asked, .. } if *asked == ticket))
        };
        let at = self
            .exits
            .iter()
            .position(|(ticket, ..)| !unanswered(*ticket))?;
        self.exits.remove(at)
    }

    fn check_empty(&mut self) -> bool {
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

    /// A notify service says that it is ready, once.
    fn speak(&mut self) -> bool {
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
                        .is_some_and(|unit| unit.service_type() == ServiceType::Notify)
            })
            .map(|process| process.pid)
        else {
            return false;
        };
        self.manager.told.push(pid);
        self.notify(pid, b"READY=1");
        true
    }

    fn notify(&mut self, pid: u32, text: &[u8]) {
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
    fn babble(&mut self) {
        let Some(pid) = self.dice.pick(&self.processes).map(|process| process.pid) else {
            return;
        };
        let texts: [&[u8]; 9] = [
            b"RELOADING=1",
            b"STOPPING=1",
            b"READY=1",
            b"WATCHDOG=1",
            b"WATCHDOG=trigger",
            b"EXTEND_TIMEOUT_USEC=3000000",
            b"FDSTORE=1\nFDNAME=x",
            b"STATUS=well\nERRNO=3\nWATCHDOG_USEC=700000",
            b"FDSTOREREMOVE=1\nFDNAME=x",
        ];
        let text = *self.dice.pick(&texts).unwrap();
        self.notify(pid, text);
    }

    // Clients.

    fn new_request(&mut self) -> RequestId {
        self.next_id += 1;
        RequestId(self.next_id)
    }

    fn request(&mut self, request: RequestId, command: Command) {
        self.waiting.insert(request, command.clone());
        self.feed(Event::Requested { request, command });
    }

    fn ask(&mut self) {
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
            _ => {
                let verb = *self.dice.pick(&verbs).unwrap();
                let mode = *self
                    .dice
                    .pick(&[
                        JobMode::Replace,
                        JobMode::Replace,
                        JobMode::Replace,
                        JobMode::Fail,
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
        let reads = matches!(command, Command::Reload { .. });
        self.invariants.asked();
        self.request(request, command);
        if reads && !self.manager.readings.is_empty() {
            // The files say something else now, as often as not.
            if self.dice.percent(50) {
                self.variant = self.dice.pick(&self.sets.variants).unwrap();
                self.invariants.reloaded();
            }
            let ticket = self.manager.readings.remove(0);
            let (units, diagnostics) = (
                Arc::clone(&self.variant.units),
                Arc::clone(&self.variant.diagnostics),
            );
            self.manager.answers.push_back(Event::UnitsRead {
                ticket,
                units,
                diagnostics,
            });
        } else {
            self.waiting
                .retain(|_, command| !matches!(command, Command::Reload { .. }) || !reads);
        }
    }

    fn connect(&mut self) {
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
