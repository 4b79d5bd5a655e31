//! Taking over: what the keeper held is put where it belongs, the engine goes on from its records.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use engine::ticket::ConnectionId;
use engine::{Action, Engine, Found, Host, Now, Ticket};
use units::{Definition, Diagnostic, Severity, Surroundings, UnitName, UnitSet};

use super::delivery::{self, Deliveries};
use super::happenings::Happenings;
use super::poller::Source;
use super::{Manager, held, outputs, systemd_face};
use crate::link::{Child, Exit, Key, Link, Takeover};
use crate::options::Options;
use crate::reason::reason;
use crate::store::{Store, Written};
use crate::supervisord::settled::{self, Settled};
use crate::{load, now};

/// What the keeper held, by kind.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) state: Option<OwnedFd>,
    pub(super) definitions: Option<OwnedFd>,
    pub(super) bus: Option<OwnedFd>,
    /// The same for systemd's own programs.
    pub(super) systemd_face: Option<OwnedFd>,
    pub(super) servers: HashMap<String, OwnedFd>,
    pub(super) listeners: Vec<(UnitName, u32, OwnedFd)>,
    pub(super) connections: Vec<(UnitName, u64, OwnedFd)>,
    pub(super) notify: Vec<(UnitName, OwnedFd)>,
    pub(super) stored: Vec<(UnitName, u32, String, OwnedFd)>,
    pub(super) outputs: outputs::Found,
    pub(super) inputs: Vec<(UnitName, OwnedFd)>,
    pub(super) given: Vec<(UnitName, u32, OwnedFd)>,
    pub(super) deliveries: Option<OwnedFd>,
    pub(super) children: Vec<Child>,
    pub(super) exits: Vec<Exit>,
    pub(super) highest: Ticket,
    pub(super) generation: u32,
    pub(super) keeper_pid: u32,
    pub(super) safe_mode: bool,
}

impl Taken {
    /// Sorts what the keeper told.
    pub(super) fn sort(takeover: Takeover) -> Taken {
        let mut taken = Taken {
            state: None,
            definitions: None,
            bus: None,
            systemd_face: None,
            servers: HashMap::new(),
            listeners: Vec::new(),
            connections: Vec::new(),
            notify: Vec::new(),
            stored: Vec::new(),
            outputs: outputs::Found::default(),
            inputs: Vec::new(),
            given: Vec::new(),
            deliveries: None,
            children: takeover.children,
            exits: takeover.exits,
            highest: takeover.highest_instance,
            generation: takeover.generation,
            keeper_pid: takeover.keeper_pid,
            safe_mode: takeover.safe_mode,
        };
        for (key, fd) in takeover.fds {
            match key {
                Key::State => taken.state = Some(fd),
                Key::Definitions => taken.definitions = Some(fd),
                Key::Control { name } if name == "bus" => taken.bus = Some(fd),
                Key::Control { name } if name == systemd_face::HELD => {
                    taken.systemd_face = Some(fd)
                }
                Key::Control { name } if name == delivery::HELD => taken.deliveries = Some(fd),
                Key::Control { name } => drop(taken.servers.insert(name, fd)),
                Key::Listener { unit, index } => taken.listeners.push((unit, index, fd)),
                Key::Connection { unit, number } => taken.connections.push((unit, number, fd)),
                Key::Notify { unit } => taken.notify.push((unit, fd)),
                Key::Store { unit, index, name } => taken.stored.push((unit, index, name, fd)),
                Key::LogRead { unit, stream } => taken.outputs.read_ends.push(((unit, stream), fd)),
                Key::LogWrite { unit, stream } => {
                    taken.outputs.write_ends.push(((unit, stream), fd))
                }
                Key::Stdin { unit } => taken.inputs.push((unit, fd)),
                Key::Given { unit, place } => taken.given.push((unit, place, fd)),
                Key::Spool { unit, stream } => taken.outputs.spools.push(((unit, stream), fd)),
                Key::Ring { unit } => taken.outputs.rings.push((unit, fd)),
                // The keeper's own affair, or a kind this program does not make.
                Key::PreviousState | Key::PreviousDefinitions | Key::Lock => {}
            }
        }
        units::sort::by(&mut taken.listeners, |a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        taken
    }
}

/// The engine with its stores.
pub(super) struct Begun {
    pub(super) engine: Engine,
    pub(super) actions: Vec<Action>,
    pub(super) state: Store,
    pub(super) definitions: Store,
    pub(super) happenings: Happenings,
    pub(super) deliveries: Deliveries,
}

/// The definitions as they were held; with them, where a supervisord.conf is run also at a first
/// start, what is settled for the daemon as a whole.
pub(super) struct Definitions {
    store: Store,
    records: Vec<(String, String)>,
    pub(super) settled: Settled,
}

impl Definitions {
    /// Takes them up. What is not held comes from the options.
    pub(super) fn take_up(taken: &mut Taken, options: &Options) -> io::Result<Definitions> {
        let (store, records) = take_up("definitions", taken.definitions.take())?;
        let settled = records
            .iter()
            .find(|(key, _)| key == settled::KEY)
            .and_then(|(_, record)| Settled::from_record(record))
            .unwrap_or_else(|| Settled::native(options));
        Ok(Definitions {
            store,
            records,
            settled,
        })
    }
}

fn take_up(name: &str, fd: Option<OwnedFd>) -> io::Result<(Store, Vec<(String, String)>)> {
    match fd {
        Some(fd) => Store::open(name, fd),
        None => Ok((Store::create(name)?, Vec::new())),
    }
}

/// Takes the engine's state up; with no state held this is the first start, which reads the files.
pub(super) fn begin(
    options: &Options,
    surroundings: &Surroundings,
    (host, awake): (Host, Now),
    link: &Link,
    taken: &mut Taken,
    definitions: Definitions,
) -> Result<Begun, String> {
    let told = |error: io::Error| format!("cannot take up the state: {error}");
    let Definitions {
        store: mut definitions,
        records,
        settled,
    } = definitions;
    let target = UnitName::parse(&options.target)
        .map_err(|problem| format!("--target {}: {problem}", options.target))?;
    let first = taken.state.is_none();
    let (state, state_records) = take_up("state", taken.state.take()).map_err(told)?;
    let (units, diagnostics) = if first {
        // A mistyped PATH must not look like a daemon with nothing to do.
        for path in options.paths.iter().filter(|_| settled.conf.is_none()) {
            std::fs::metadata(path)
                .map_err(|error| format!("cannot read {}: {}", path.display(), reason(&error)))?;
        }
        let (units, diagnostics) = match &settled.conf {
            // What was settled counts although the file may say something else by now.
            Some(conf) => load::read_conf(conf, options, surroundings)
                .map(|(units, diagnostics, _)| (units, diagnostics))
                .map_err(|refused| refused.message)?,
            None => load::read(options, surroundings),
        };
        // The keeper is given the result in any case.
        let kept = std::iter::empty();
        let _ = write_definitions(&mut definitions, &units, kept, &settled).map_err(told)?;
        link.put(&Key::Definitions, definitions.as_fd())
            .map_err(told)?;
        link.put(&Key::State, state.as_fd()).map_err(told)?;
        (units, diagnostics)
    } else {
        let named = records
            .iter()
            .filter(|(key, _)| !key.starts_with(KEPT))
            .filter_map(|(name, record)| Some((UnitName::parse(name).ok()?, record.as_str())));
        UnitSet::from_records(named, surroundings)
    };
    report(&diagnostics);
    let happenings = Happenings::recover(&state_records);
    let deliveries = Deliveries::recover(&state_records);
    let found = Found {
        records: state_records,
        kept: kept(&records, surroundings),
        processes: taken
            .children
            .iter()
            .map(|child| (child.instance, child.unit.clone(), child.pid))
            .collect(),
        exits: taken
            .exits
            .iter()
            .map(|exit| (exit.instance, exit.status, exit.at))
            .collect(),
        highest: taken.highest.0,
        listeners: held_listeners(&units, taken),
        connections: taken
            .connections
            .iter()
            .map(|(_, number, _)| ConnectionId(*number))
            .collect(),
        stored: stored_names(taken),
        host,
        seed: random(),
        target: Some(target),
        awake: Some(awake),
    };
    let (engine, actions) =
        Engine::resume(now::read(), Arc::new(units), Arc::new(diagnostics), found);
    Ok(Begun {
        engine,
        actions,
        state,
        definitions,
        happenings,
        deliveries,
    })
}

/// Says what is wrong with unit files, where the administrator will look.
pub(super) fn report(diagnostics: &[Diagnostic]) {
    for found in diagnostics {
        match found.severity {
            Severity::Error => tracing::error!("{found}"),
            Severity::Warning => tracing::warn!("{found}"),
        }
    }
}

/// Before the name of a definition that is in force although no file says so any more.
const KEPT: &str = "kept:";

/// Brings the definitions' store up to date; a settled set differs in nothing and writes nothing.
pub(super) fn write_definitions<'a>(
    store: &mut Store,
    units: &UnitSet,
    kept: impl Iterator<Item = &'a Arc<Definition>>,
    settled: &Settled,
) -> io::Result<Written> {
    let mut wanted: BTreeMap<String, String> = units
        .records()
        .map(|(name, record)| (name.as_str().to_owned(), record))
        .collect();
    wanted.insert(settled::KEY.to_owned(), settled.record());
    wanted.extend(kept.map(|kept| (format!("{KEPT}{}", kept.name()), kept.record())));
    let mut changes = Vec::new();
    for (key, record) in store.records()? {
        match wanted.remove(&key) {
            Some(now) if now == record => {}
            other => changes.push((key, other)),
        }
    }
    changes.extend(wanted.into_iter().map(|(key, record)| (key, Some(record))));
    store.write(&changes)
}

/// The kept definitions of the store.
fn kept(records: &[(String, String)], around: &Surroundings) -> Vec<Arc<Definition>> {
    let kept = records.iter().filter_map(|(key, record)| {
        let name = UnitName::parse(key.strip_prefix(KEPT)?).ok()?;
        Definition::from_record(&name, record, around).ok()
    });
    kept.map(Arc::new).collect()
}

/// Socket units all of whose listeners are still held.
fn held_listeners(units: &UnitSet, taken: &Taken) -> Vec<UnitName> {
    let mut names: Vec<UnitName> = taken
        .listeners
        .iter()
        .map(|(unit, ..)| unit.clone())
        .collect();
    names.dedup();
    names.retain(|name| {
        let held = taken
            .listeners
            .iter()
            .filter(|(unit, ..)| unit == name)
            .count();
        units
            .get(name)
            .is_some_and(|found| found.listen().count() == held)
    });
    names
}

fn stored_names(taken: &Taken) -> Vec<(UnitName, Vec<String>)> {
    let mut stored: Vec<_> = taken
        .stored
        .iter()
        .map(|(unit, index, name, _)| (unit, index, name))
        .collect();
    // Newest first.
    units::sort::by(&mut stored, |a, b| (a.0, b.1).cmp(&(b.0, a.1)));
    let mut named: Vec<(UnitName, Vec<String>)> = Vec::new();
    for (unit, _, name) in stored {
        match named.last_mut() {
            Some((last, names)) if last == unit => names.push(name.clone()),
            _ => named.push((unit.clone(), vec![name.clone()])),
        }
    }
    named
}

/// 128 random bits for the first start. A kernel without them gets the clock's.
pub(super) fn random() -> u128 {
    let mut bytes = [0; 16];
    match rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::NONBLOCK) {
        Ok(16) => u128::from_ne_bytes(bytes),
        _ => {
            let now = now::read();
            u128::from(now.realtime.0) << 64 | u128::from(now.monotonic.0)
        }
    }
}

impl Manager {
    /// Puts what was held where it belongs, says READY, and performs what the engine wants done.
    pub(super) fn recover(
        &mut self,
        taken: Taken,
        first: bool,
        actions: Vec<Action>,
    ) -> io::Result<()> {
        let pids: HashMap<_, _> = taken
            .children
            .iter()
            .map(|child| (child.unit.clone(), child.pid))
            .collect();
        for child in taken.children {
            // One without a pidfd has ended already; its exit follows.
            if let Some(pidfd) = child.pidfd {
                self.processes
                    .restore(child.instance, child.unit, child.pid, pidfd);
            }
        }
        for (unit, invocation) in self.engine.live_runs() {
            self.processes.mark(unit, invocation);
        }
        self.recover_listeners(taken.listeners);
        for (unit, number, fd) in taken.connections {
            self.connections
                .insert(ConnectionId(number), (unit, Arc::new(fd)));
        }
        for (unit, socket) in taken.notify {
            self.notify.restore(unit, socket);
        }
        for (unit, index, name, fd) in taken.stored {
            let stored = self.stores.restore(&unit, name, index, fd);
            self.watch_stored(&unit, &stored);
        }
        let engine = &self.engine;
        let definition = |unit: &UnitName| engine.unit(unit).and_then(|view| view.definition);
        self.outputs
            .recover(&self.logs, &self.accounts, taken.outputs, &pids, definition);
        for (unit, write_end) in taken.inputs {
            self.inputs.restore(unit, write_end);
        }
        for (unit, place, fd) in taken.given {
            self.restore_given(unit, place, fd);
        }
        self.take_up_deliveries(taken.deliveries);
        if first {
            self.clear_old_logs();
        }
        self.make_auto_logs();
        self.renew_transient_files();
        let timers = self.engine.definitions().iter().chain(self.engine.kept());
        let timers: Vec<UnitName> = timers.map(|unit| unit.name().clone()).collect();
        for unit in timers {
            self.watch_clock(&unit);
        }
        self.watch_bus()?;
        self.watch_http()?;
        self.watch_keeper();
        self.poller.add(
            Source::Processes,
            self.processes.as_fd(),
            nix::sys::epoll::EpollFlags::EPOLLIN,
        )?;
        // Nothing is written before: the program from before an upgrade would find its own state.
        self.link.ready()?;
        self.write_records(&actions);
        for action in actions {
            self.perform(action);
        }
        self.turn();
        for unit in self.notify.units() {
            self.take_messages(&unit, usize::MAX);
            self.watch_notify(&unit);
        }
        // What ended while nobody looked. The table knows those whose pidfd came along; the engine
        // knows by the ticket whether it is news.
        for exit in taken.exits {
            let _ = self.processes.exited(exit.instance, exit.status, exit.at);
            self.end(&exit);
        }
        self.turn();
        self.acknowledge();
        // A manager may have taken them back before its keeper ended.
        self.renew_limits();
        if !first && self.has_started_up() {
            // Whoever runs us waits for it again where the keeper is a new one too.
            self.tell_ready();
        }
        Ok(())
    }

    /// Waits for the end of the keeper, where we may outlive it.
    fn watch_keeper(&mut self) {
        let pid = rustix::process::getppid();
        let pidfd = pid.and_then(|pid| {
            rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
        });
        if let Some(pidfd) = pidfd.filter(|_| self.above.is_there()) {
            let flags = nix::sys::epoll::EpollFlags::EPOLLIN;
            // Without it only the controllers of groups are not made ready for a next keeper.
            let _ = self.poller.add(Source::Keeper, pidfd.as_fd(), flags);
            self.above.keeper = Some(pidfd);
        }
    }

    fn recover_listeners(&mut self, held: Vec<(UnitName, u32, OwnedFd)>) {
        let mut by_unit: BTreeMap<UnitName, Vec<OwnedFd>> = BTreeMap::new();
        for (unit, _, fd) in held {
            by_unit.entry(unit).or_default().push(fd);
        }
        for (unit, fds) in by_unit {
            let count = fds.len();
            match self
                .definition(&unit)
                .and_then(|definition| held::listeners(&definition, fds))
            {
                Some(listeners) => self.sockets.insert(unit, listeners),
                None => {
                    for index in 0..count {
                        let index = u32::try_from(index).unwrap_or(u32::MAX);
                        self.unhold(&Key::Listener {
                            unit: unit.clone(),
                            index,
                        });
                    }
                }
            }
        }
    }
}
