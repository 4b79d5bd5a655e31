//! The world that an engine is in: a fake kernel, keeper and shell. Answers come late, in any order,
//! twice or never; forks fail; processes die; the manager is killed between any two actions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use engine::clock::{Monotonic, Realtime};
use engine::command::Command;
use engine::event::ExitStatus;
use engine::job::{JobId, JobKind};
use engine::ticket::{ConnectionId, RequestId};
use engine::view::systemd::SystemState;
use engine::{Action, Engine, Event, Found, Now, Ticket};
use units::{UnitName, UnitSet};

use super::bus::{Bus, Watched};
use super::dice::Dice;
use super::invariants::Invariants;
use super::processes::Process;
use super::sets::{Sets, Variant};
use super::strangers::Strangers;

/// What the manager holds and loses when it is killed.
#[derive(Debug, Default)]
pub(super) struct Manager {
    pub(super) answers: VecDeque<Event>,
    pub(super) timers: BTreeMap<Ticket, Monotonic>,
    pub(super) empties: Vec<(Ticket, UnitName)>,
    pub(super) watched: BTreeSet<UnitName>,
    pub(super) connections: BTreeSet<ConnectionId>,
    pub(super) told: Vec<u32>,
    /// Attempts at readiness probes that are under way.
    pub(super) probes: BTreeMap<Ticket, UnitName>,
    /// Names on the bus that are watched.
    pub(super) names: BTreeMap<Ticket, Watched>,
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
    pub(super) bus: Bus,
    pub(super) strangers: Strangers,
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
            bus: Bus::default(),
            strangers: Strangers::new(seed),
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
            matches!(
                command,
                Command::Submit { .. }
                    | Command::StartTransient { .. }
                    | Command::AwaitJob { .. }
                    | Command::AwaitEnd { .. }
            )
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
        if let Event::Probed { ticket, .. } = event {
            self.manager.probes.remove(&ticket);
        }
        self.told_owner(&event);
        let now = self.clock();
        let actions = self.engine().handle(now, event);
        self.perform(actions);
    }

    pub(super) fn say(&mut self, what: impl FnOnce() -> String) {
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
        self.probes_are_wanted();
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
}
