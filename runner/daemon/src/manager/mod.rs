//! The manager: everything but what must not die. Read this file first.
//!
//! One loop owns all state. What wakes it becomes a fact for the engine; the engine's records are
//! written; the engine's wishes are performed. Nothing is decided here.
//!
//! ```text
//! wake ──▶ event ──▶ engine.handle ──▶ records written ──▶ actions performed ──▶ (more events) ──▶ sleep
//! ```

mod above;
mod adopt;
mod answer;
mod audit;
mod boot;
mod bus_names;
mod clean;
mod delivery;
mod freeze;
mod given;
mod happenings;
mod held;
mod http;
mod input;
mod install;
mod log_files;
mod log_follow;
mod log_requests;
mod log_text;
mod main_process;
mod notified;
mod offload;
mod outer;
mod outputs;
mod perform;
mod poller;
mod probes;
mod recover;
mod reexec;
mod signals;
mod spawn;
mod stored;
mod systemd_face;
mod timers;
mod transient_files;
mod triggers;
mod unit_files;
mod wake;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use control::{Answerer, Door};
use dbus::server::name_watch::News;
use engine::ticket::{BatchId, ConnectionId, RequestId};
use engine::{Action, Change, Engine, Event, Ticket};
use tokio::sync::mpsc::UnboundedReceiver;
use units::{Definition, UnitName};

use crate::cgroup::Cgroups;
use crate::link::{Exit, Key, Link, Message, SignalMask, SignalSeq};
use crate::log::own::LevelHandle;
use crate::log::{LogEvent, Logs};
use crate::memory;
use crate::notify::fd_store::FdStore;
use crate::now;
use crate::options::Options;
use crate::process::spawner::{Report, Spawner};
use crate::process::table::Processes;
use crate::socket::{Acceptor, Inherited};
use crate::store::{Store, Written};
use crate::supervisord::settled::Settled;
use crate::users::Accounts;

pub use boot::run;

/// After so many wishes at once there is memory to be given back.
const BURST: usize = 100;

/// Everything the manager owns.
struct Manager {
    options: Arc<Options>,
    /// What holds for the daemon as a whole.
    settled: Settled,
    /// What the supervisord.conf said when it was read last; it counts when everything starts anew.
    read_last: Option<Box<Settled>>,
    runtime: PathBuf,
    unit_path: Vec<PathBuf>,
    surroundings: Arc<units::Surroundings>,
    about: answer::About,
    /// What every program's environment starts from.
    environment: Arc<[(String, String)]>,
    /// Local accounts only: asking further may block.
    accounts: Accounts,

    engine: Engine,
    /// Facts that performing an action brought about at once.
    events: VecDeque<Event>,

    link: Link,
    outer: outer::Outer,
    above: above::Above,
    state: Store,
    definitions: Store,

    processes: Processes,
    cgroups: Option<Arc<Cgroups>>,
    /// What programs have where their unit says nothing.
    defaults: Arc<control::Defaults>,
    spawner: Spawner,
    reports: UnboundedReceiver<Report>,
    /// Exits to be acknowledged once the records that tell of them are written.
    dealt_with: Vec<u64>,
    /// Exits that came before the spawner's answer.
    held_exits: HashMap<Ticket, Exit>,
    adopting: HashMap<Ticket, adopt::Adopting>,
    /// Stop ranks of units, as of their last spawn.
    ranks: HashMap<UnitName, u32>,
    /// Who waits for a unit to have no process left.
    empties: HashMap<UnitName, Ticket>,
    /// Units whose processes are kept from running.
    frozen: BTreeSet<UnitName>,
    /// Signals for the one command, which does not run yet.
    early_signals: VecDeque<(SignalSeq, SignalMask)>,
    /// How often the kernel has killed a process of a unit for its memory, as far as was told.
    memory_kills: HashMap<UnitName, u64>,

    /// What is known of the files of units beside what they say.
    unit_files: unit_files::UnitFiles,
    transient_files: transient_files::TransientFiles,

    /// What event listeners have yet to be told.
    happenings: happenings::Happenings,

    logs: Logs,
    /// How much of what we have to say ourselves is looked at.
    log_level: Option<LevelHandle>,
    log_events: UnboundedReceiver<LogEvent>,
    outputs: outputs::Outputs,
    inputs: input::Inputs,
    given: given::Given,
    deliveries: delivery::Deliveries,
    followers: log_follow::Followers,

    sockets: held::Sockets,
    inherited: Arc<Mutex<Inherited>>,
    acceptor: Acceptor,
    /// Accepted, and not handed to a process yet, each with its socket unit.
    connections: HashMap<ConnectionId, (UnitName, Arc<OwnedFd>)>,
    /// Which spawn takes which of them.
    handing_over: HashMap<Ticket, ConnectionId>,
    notify: notified::NotifySockets,
    stores: FdStore,
    batches: HashMap<BatchId, Vec<OwnedFd>>,
    numbers: u64,

    poller: poller::Poller,
    timers: timers::Timers,
    probes: probes::Probes,
    bus_names: bus_names::BusNames,
    offload: offload::Offload<wake::Done>,
    triggers: triggers::Triggers,

    door: Door,
    requests: HashMap<RequestId, Answerer>,
    bus: wake::Bus,
    /// The same for systemd's own programs, where they are to find us.
    systemd_face: Option<(systemd_face::SystemdFace, wake::Bus)>,
    http: http::Http,
    /// `SUPERVISOR_SERVER_URL` for programs.
    server_url: Option<Arc<str>>,
    reexec: Option<reexec::Reexec>,

    /// Set by `Halt`: what the whole program exits with.
    halted: Option<u8>,
    /// Another manager takes over.
    replaced: bool,
    /// The keeper is dead.
    orphaned: bool,
}

/// What woke the loop.
enum Wake {
    Keeper(std::io::Result<Message>),
    Report(Option<Report>),
    Ready(Vec<poller::Source>),
    Due,
    Knock(Option<control::Knock>),
    Done(wake::Done),
    Probed(Ticket, Result<(), String>),
    Named(News),
    Log(Option<LogEvent>),
    Alive,
    Above(Result<dbus::server::above::Plan, String>),
}

impl Manager {
    /// Turns until the program halts; gives the exit status of this process.
    async fn serve(mut self) -> u8 {
        self.begin_bus_names();
        self.look_for_frozen();
        self.turn();
        while self.halted.is_none() && !self.replaced {
            let woken = tokio::select! {
                // Chosen by chance among what is ready, so that no flood keeps anybody waiting: not
                // one of notify messages, not one of crashing services, not one of requests.
                report = self.reports.recv() => Wake::Report(report),
                message = self.link.next(), if !self.orphaned => Wake::Keeper(message),
                ready = self.poller.ready() => Wake::Ready(ready),
                () = self.timers.sleep() => Wake::Due,
                () = self.outer.ping() => Wake::Alive,
                plan = self.above.next() => Wake::Above(plan),
                done = self.offload.next() => Wake::Done(done),
                done = self.triggers.work.next() => Wake::Done(done),
                (ticket, outcome) = self.probes.next() => Wake::Probed(ticket, outcome),
                news = self.bus_names.next() => Wake::Named(news),
                event = self.log_events.recv() => Wake::Log(event),
                knock = self.door.next() => Wake::Knock(knock),
            };
            self.note(woken);
            // Front ends run on the same thread: they get their turn however busy the units are.
            tokio::task::yield_now().await;
        }
        self.leave().await
    }

    /// Feeds one fact now, before those that wait.
    fn feed(&mut self, event: Event) {
        let mut waiting = std::mem::replace(&mut self.events, VecDeque::from([event]));
        self.decide();
        waiting.append(&mut self.events);
        self.events = waiting;
    }

    /// Feeds whatever waits, and what performing it brings about, until nothing moves.
    fn turn(&mut self) {
        while !self.events.is_empty() {
            self.decide();
        }
        self.take_signals();
    }

    /// The engine decides about every fact that waits, its records are written, its wishes are
    /// performed. One write serves them all: when many units stop at once, writes were most of it.
    fn decide(&mut self) {
        let mut actions = Vec::new();
        // The first wish of those with which everything starts anew.
        let mut anew = None;
        let was_closing = self.engine.closing().is_some();
        while let Some(event) = self.events.pop_front() {
            actions.append(&mut self.engine.handle(now::read(), event));
            self.tell_stopping();
        }
        if self.engine.take_definitions_changed() {
            self.write_definitions();
            self.keep_transient_files();
            self.renew_limits();
            // Only what was to be started anew comes back from there.
            if was_closing && self.engine.closing().is_none() {
                anew = Some(actions.iter().position(is_new_job).unwrap_or_default());
            } else {
                self.make_auto_logs();
            }
        }
        self.write_records(&actions);
        if actions.len() > BURST {
            memory::used_much();
        }
        self.logs.hold();
        for (number, action) in actions.into_iter().enumerate() {
            if anew == Some(number) {
                self.renew_logs();
                self.make_auto_logs();
            }
            self.perform(action);
        }
        self.logs.release();
        self.tell_what_happened();
    }

    fn write_definitions(&mut self) {
        let units = self.engine.definitions();
        let kept = self.engine.kept();
        match recover::write_definitions(&mut self.definitions, units, kept, &self.settled) {
            Ok(Written::Appended) => {}
            Ok(Written::Moved) => self.hold(&Key::Definitions, self.definitions.as_fd()),
            Err(error) => tracing::error!("cannot write the definitions: {error}"),
        }
    }

    /// The definition a unit runs on.
    fn definition(&self, unit: &UnitName) -> Option<Arc<Definition>> {
        self.engine.definition(unit)
    }

    /// The uid a unit's processes have: its user's, else ours. A user nobody knows is nobody's.
    fn uid_of(&self, unit: &UnitName) -> u32 {
        match self
            .definition(unit)
            .as_ref()
            .and_then(|definition| definition.user())
        {
            None => self.surroundings.uid,
            Some(name) => match self.accounts.user(name) {
                Ok(Some(user)) => user.uid,
                _ => name.parse().unwrap_or(u32::MAX),
            },
        }
    }

    /// Gives an accepted connection up: somebody else has it, or nobody wants it.
    fn drop_connection(&mut self, id: ConnectionId) {
        if let Some((unit, _)) = self.connections.remove(&id) {
            self.unhold(&Key::Connection { unit, number: id.0 });
        }
    }

    /// A number that was not used before, by no manager of this keeper.
    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

fn is_new_job(action: &Action) -> bool {
    matches!(action, Action::Publish(Change::JobNew { .. }))
}
