//! What should happen: pure decisions. No clock, no I/O, no async, no randomness.
//!
//! ```text
//! engine.handle(now, event) -> Vec<Action>
//! ```
//!
//! One owner of all state. Facts come in as [`Event`]s, wishes go out as [`Action`]s, and both are
//! closed enums. An action's result comes back only as a later event with the action's [`Ticket`].

//!
//! Inside: an event goes to the machine of its unit (`dispatch.rs`), which changes its
//! own state only. What that means for jobs and for other units is put into queues, and
//! `settle.rs` drains them in one written order until nothing moves.

/// Whether a bug is planted here, to see whether tests find it: never, but in the test of that.
#[cfg(feature = "planted-bugs")]
macro_rules! planted {
    ($bug:ident) => {
        crate::planted::is_planted(crate::planted::Bug::$bug)
    };
}
#[cfg(not(feature = "planted-bugs"))]
macro_rules! planted {
    ($bug:ident) => {
        false
    };
}

pub mod action;
mod activation;
mod cause;
pub mod change;
pub mod clock;
pub mod command;
mod condition;
mod definitions;
mod dispatch;
mod emergency;
mod environment;
pub mod event;
pub mod exec_record;
mod groups;
pub mod job;
mod jobs;
pub mod json;
mod limit;
mod machine;
mod needs;
pub mod notify;
mod order;
mod path_unit;
#[cfg(feature = "planted-bugs")]
pub mod planted;
pub mod preview;
mod react;
mod record;
mod recover;
mod reload;
mod requests;
mod scope;
mod service;
mod settle;
mod shutdown;
mod socket;
mod start_limit;
mod state;
mod target;
pub mod ticket;
mod timer;
mod timer_unit;
mod transaction;
pub mod transient;
mod triggering;
pub mod view;
pub mod why;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use units::civil::TimeZone;
use units::value::Span;
use units::{Definition, Diagnostic, UnitName, UnitSet};

pub use action::Action;
pub use change::Change;
pub use clock::Now;
pub use command::{Answer, Command, Refusal};
pub use event::Event;
pub use ticket::Ticket;

use clock::Monotonic;
use definitions::Definitions;
use event::ExitStatus;
use job::queue::Queue;
use job::{JobId, JobResult};
use machine::{Move, Wish};
use order::Order;
use reload::{Files, Reading};
use requests::HeldSignal;
use state::State;
use ticket::{ConnectionId, Invocation, RequestId};
use view::systemd::{JobView, SystemState, UnitView};

/// The owner of all state.
#[derive(Debug)]
pub struct Engine {
    definitions: Definitions,
    /// What was read and laid aside.
    candidate: Option<Arc<UnitSet>>,
    /// What there was to say about them when they were read.
    diagnostics: Arc<Vec<Diagnostic>>,
    state: State,
    /// What timers have to know of the machine.
    host: Host,
    /// Everything below can be computed again, or is drained before [`Engine::handle`] returns.
    now: Now,
    /// The units that wait for an answer.
    routes: BTreeMap<Ticket, UnitName>,
    queue: Queue,
    actions: Vec<Action>,
    moves: VecDeque<(UnitName, Move)>,
    wishes: VecDeque<(UnitName, Wish)>,
    finishing: VecDeque<(JobId, JobResult)>,
    /// Which job has taken too long when a timer fires.
    job_timers: BTreeMap<Ticket, JobId>,
    /// Units to be looked at again, once jobs have settled.
    revisit: BTreeSet<UnitName>,
    /// Units that are to be looked at again when a job has ended: one was in their way.
    obstructed: BTreeSet<UnitName>,
    /// Services that wait until there is no job.
    idlers: BTreeSet<UnitName>,
    /// Units that are shown differently now.
    refresh: BTreeSet<UnitName>,
    tokens: BTreeMap<String, JobId>,
    waiters: BTreeMap<JobId, Vec<RequestId>>,
    /// Who waits for a unit to be down.
    end_waiters: BTreeMap<UnitName, Vec<RequestId>>,
    /// Who holds on to which units. Not kept: they are connections, and those end with the manager.
    holders: BTreeMap<UnitName, Vec<RequestId>>,
    /// Who waits for the unit files to be read, and for what.
    /// What the files are being read for, and since when.
    readings: BTreeMap<Ticket, (Reading, Now)>,
    /// The last reading that is done: what an earlier one brings now is older than that.
    last_read: Option<Ticket>,
    /// Commands that wait until the candidate is read again after a recovery.
    deferred: Vec<(RequestId, Command)>,
    /// Groups that are to be removed once they are quite down.
    removals: Vec<(RequestId, String)>,
    /// Signals for processes that are being started.
    held_signals: Vec<HeldSignal>,
    /// What everything is started anew with, once everything is stopped.
    next: Option<Files>,
    order: Order,
    boot_jobs: usize,
    halted: bool,
}

/// What is still there when a manager starts: everything the keeper held, or nothing at the first start.
#[derive(Debug, Default)]
pub struct Found {
    /// The records that [`Engine::take_records`] gave out, the last one of each key.
    pub records: Vec<(String, String)>,
    /// The definitions of [`Engine::kept`].
    pub kept: Vec<Arc<Definition>>,
    /// Processes that live: instance, unit, pid.
    pub processes: Vec<(Ticket, UnitName, u32)>,
    /// Exits that the keeper holds and nobody acknowledged yet. Here they only say that the
    /// process existed; the shell feeds them as `Exited` events afterwards.
    pub exits: Vec<(Ticket, ExitStatus, Monotonic)>,
    /// The highest instance the keeper has ever seen: tickets go on above it.
    pub highest: u64,
    /// Socket units whose listeners are held.
    pub listeners: Vec<UnitName>,
    /// Accepted connections that are still held.
    pub connections: Vec<ConnectionId>,
    /// Names of stored descriptors of each unit, newest first.
    pub stored: Vec<(UnitName, Vec<String>)>,
    /// The machine, as it is now.
    pub host: Host,
    /// 128 random bits, used when there are no records yet.
    pub seed: u128,
    /// What is started when there are no records yet; `None` is `default.target`.
    pub target: Option<UnitName>,
    /// When the manager began to read what there is to start; counts when there are no records yet.
    pub awake: Option<Now>,
}

/// What timers have to know of the machine.
#[derive(Debug, Clone)]
pub struct Host {
    /// Where local time is.
    pub zone: TimeZone,
    /// A number that stays the same, and is another one on each machine.
    pub number: u64,
    /// When it was booted; `None` in a container, where boot is our own start.
    pub booted: Option<Monotonic>,
    /// How long stopping everything may take before what is left is killed.
    pub stop_limit: Span,
    /// Whether our exit status tells, where nobody has named one, how the first unit had failed:
    /// that of a container is all that is left of it.
    pub tells_failure: bool,
}

impl Default for Host {
    fn default() -> Host {
        Host {
            zone: TimeZone::UTC,
            number: 0,
            booted: None,
            stop_limit: Span::INFINITY,
            tells_failure: false,
        }
    }
}

impl Engine {
    /// Takes up where the records end. With empty `found` this is the first start.
    ///
    /// Right after this the shell feeds what waited meanwhile: the notify messages that were not
    /// consumed first, then every exit of `found.exits` as an `Exited` event.
    pub fn resume(
        now: Now,
        units: Arc<UnitSet>,
        diagnostics: Arc<Vec<Diagnostic>>,
        found: Found,
    ) -> (Engine, Vec<Action>) {
        let mut engine = Engine {
            definitions: Definitions::new(units),
            candidate: None,
            diagnostics,
            state: State::default(),
            host: found.host.clone(),
            now,
            routes: BTreeMap::new(),
            queue: Queue::default(),
            actions: Vec::new(),
            moves: VecDeque::new(),
            wishes: VecDeque::new(),
            finishing: VecDeque::new(),
            job_timers: BTreeMap::new(),
            revisit: BTreeSet::new(),
            obstructed: BTreeSet::new(),
            idlers: BTreeSet::new(),
            refresh: BTreeSet::new(),
            tokens: BTreeMap::new(),
            waiters: BTreeMap::new(),
            end_waiters: BTreeMap::new(),
            holders: BTreeMap::new(),
            readings: BTreeMap::new(),
            last_read: None,
            deferred: Vec::new(),
            removals: Vec::new(),
            held_signals: Vec::new(),
            next: None,
            order: Order::default(),
            boot_jobs: 0,
            halted: false,
        };
        engine.take_up(found);
        let actions = engine.settle();
        (engine, actions)
    }

    /// The one door in. Actions are to be performed in order, after [`Self::take_records`] was written.
    pub fn handle(&mut self, now: Now, event: Event) -> Vec<Action> {
        self.now = now;
        self.forget_old_results();
        self.dispatch(event);
        self.settle()
    }

    /// Records that changed since the last call; `None` deletes the key. One write per settle.
    pub fn take_records(&mut self) -> Vec<(String, Option<String>)> {
        record::write_changed(&mut self.state)
    }

    /// How the first start went, and what came of it.
    #[must_use]
    pub fn startup(&self) -> view::systemd::Startup {
        let meta = self.state.meta();
        view::systemd::Startup {
            begun: meta.awake.or(meta.begun),
            finished: meta.finished,
            installed_jobs: meta.installed_jobs,
            failed_jobs: meta.failed_jobs,
            service_watchdogs: !meta.watchdogs_ignored,
        }
    }

    /// When the files that are in force began to be read: what changed in them later is not.
    #[must_use]
    pub fn units_read_at(&self) -> Option<Now> {
        self.state.meta().units_read_at
    }

    /// The definitions in force, instances that were made of templates among them. A unit that
    /// runs on a definition that is in no file any more is not: see [`Engine::definition`].
    #[must_use]
    pub fn definitions(&self) -> &Arc<UnitSet> {
        self.definitions.set()
    }

    /// The definitions that were read last and are not all in force ([`Command::Stage`]); those in
    /// force where nothing was laid aside.
    #[must_use]
    pub fn candidate(&self) -> &Arc<UnitSet> {
        self.candidate.as_ref().unwrap_or(self.definitions.set())
    }

    /// Whether the definitions in force, or those kept beside them, are others than at the last call:
    /// the shell keeps them for its successor, like the records.
    pub fn take_definitions_changed(&mut self) -> bool {
        self.definitions.take_changed()
    }

    /// Whether everything is being stopped, and if so whether it is started anew afterwards.
    #[must_use]
    pub fn closing(&self) -> Option<bool> {
        let meta = self.state.meta();
        (meta.closing != machine::Closing::No).then_some(meta.restarting)
    }

    /// The definition a unit runs on, wherever it comes from.
    #[must_use]
    pub fn definition(&self, name: &UnitName) -> Option<Arc<Definition>> {
        self.definitions.get(name)
    }

    /// Definitions that are in force although no file says so any more: the shell keeps them with
    /// the set and hands them back in [`Found::kept`].
    pub fn kept(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.definitions.kept().values()
    }

    /// What a unit has to do with others, inverses and implied dependencies included.
    pub fn dependencies(
        &self,
        name: &UnitName,
    ) -> impl Iterator<Item = (units::Dependency, &UnitName)> {
        self.definitions.dependencies(name)
    }

    /// One unit, by any of its names. A valid name that is not loaded gives a view with no definition.
    #[must_use]
    pub fn unit(&self, name: &UnitName) -> Option<UnitView> {
        Some(self.view(&self.definitions.own_name(name)))
    }

    /// All loaded units, in order of name.
    pub fn units(&self) -> Vec<UnitView> {
        let names = self.names();
        names.into_iter().map(|name| self.view(name)).collect()
    }

    /// The names of all loaded units, in order.
    fn names(&self) -> BTreeSet<&UnitName> {
        let defined = self
            .definitions
            .set()
            .iter()
            .map(|definition| definition.name());
        defined
            .chain(self.definitions.kept().keys())
            .chain(self.state.units().keys())
            .filter(|name| !name.is_template())
            .collect()
    }

    /// The units that have a main process, with the run it belongs to.
    pub fn live_runs(&self) -> impl Iterator<Item = (&UnitName, Invocation)> {
        self.state.units().iter().filter_map(|(name, state)| {
            let main = state.service()?.main.as_ref()?;
            main.pid().map(|_| (name, state.invocation))
        })
    }

    /// All queued and running jobs, in order of number.
    #[must_use]
    pub fn jobs(&self) -> Vec<JobView> {
        self.state
            .jobs()
            .keys()
            .filter_map(|id| self.job_view(*id))
            .collect()
    }

    /// The state of the whole.
    #[must_use]
    pub fn system_state(&self) -> SystemState {
        self.view_of_system()
    }
}
