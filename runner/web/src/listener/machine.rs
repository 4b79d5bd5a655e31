//! All pools: what happens goes in, what is to be done about it comes out. No clock, no I/O.

use std::sync::Arc;

use control::Happening;
use engine::change::ProcessMoved;
use engine::clock::Monotonic;
use engine::view::supervisord::ProcessState;
use units::value::EventResults;
use units::{UnitName, UnitSet};

use super::event::{self, Channel, Event, Kind, Period};
use super::pool::{Member, Pool, PoolDefinition, Waiting};
use super::protocol::{ListenerState, Said};

/// As much output is told in one event at most; a longer piece makes several.
const LONGEST_PIECE: usize = 32 * 1024;

/// Something that is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    /// Write its event to the standard input of a listener ([`Machine::envelope`]).
    Write { unit: UnitName, serial: u64 },
    /// Tell the log.
    Say(Level, String),
}

/// How much a line of the log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Error,
    Warning,
    Debug,
}

/// Why an event could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unwritten {
    /// The process is gone or has closed its standard input.
    Closed,
    /// It is more than can be written at once.
    TooLong,
}

/// What the whole is doing, as far as it has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stage {
    /// Groups are being made; that everything runs has not been told yet.
    #[default]
    Booting,
    Running,
    /// Everything is being stopped, perhaps to be started anew.
    Closing {
        restarting: bool,
    },
}

/// Every pool, and what all of them share.
#[derive(Debug)]
pub(super) struct Machine {
    /// Who we say that we are.
    pub(super) identifier: String,
    /// The next serial.
    pub(super) next: u64,
    pub(super) stage: Stage,
    /// The boundaries that ticks were told of last, in seconds since the epoch; `None` while nobody
    /// wants any.
    pub(super) ticked: Option<[u64; 3]>,
    /// In the order in which they came to be.
    pub(super) pools: Vec<Pool>,
    deeds: Vec<Deed>,
}

impl Machine {
    pub(super) fn new(identifier: &str) -> Machine {
        Machine {
            identifier: identifier.to_owned(),
            next: 0,
            stage: Stage::default(),
            ticked: None,
            pools: Vec::new(),
            deeds: Vec::new(),
        }
    }

    /// What is to be done, once.
    pub(super) fn take_deeds(&mut self) -> Vec<Deed> {
        std::mem::take(&mut self.deeds)
    }

    /// Something happened to a process, to a group or to the whole; `set` is in force now.
    pub(super) fn happened(&mut self, now: Monotonic, happening: &Happening, set: &UnitSet) {
        if self.stage == Stage::Booting && !matches!(happening, Happening::GroupAdded(_)) {
            self.stage = Stage::Running;
            self.tell(&Event::supervisor(Kind::SupervisorRunning));
        }
        match happening {
            Happening::Moved { unit, process } => self.moved(now, unit, process),
            Happening::GroupAdded(group) => {
                if self.stage == (Stage::Closing { restarting: true }) {
                    // A new life: what waited is lost, as it is when the original starts anew.
                    self.pools.clear();
                    self.stage = Stage::Booting;
                }
                if let Some(definition) = PoolDefinition::of(set, group) {
                    self.define(definition);
                }
                self.tell(&Event::group(Kind::GroupAdded, group));
            }
            Happening::GroupRemoved(group) => {
                self.pools.retain(|pool| pool.definition.name != *group);
                self.tell(&Event::group(Kind::GroupRemoved, group));
            }
            Happening::Closing { restarting } => {
                let told = matches!(self.stage, Stage::Closing { .. });
                self.stage = Stage::Closing {
                    restarting: *restarting,
                };
                if !told {
                    self.tell(&Event::supervisor(Kind::SupervisorStopping));
                }
            }
            Happening::Reloaded => self.define_all(set),
            Happening::StartupFinished => {}
        }
        self.dispatch(now);
    }

    /// Makes the pools those of a set, keeping what waits in those that stay.
    fn define_all(&mut self, set: &UnitSet) {
        let wanted = PoolDefinition::all(set);
        self.pools.retain(|pool| {
            wanted
                .iter()
                .any(|definition| definition.name == pool.definition.name)
        });
        for definition in wanted {
            self.define(definition);
        }
    }

    fn define(&mut self, definition: PoolDefinition) {
        let known = self
            .pools
            .iter_mut()
            .find(|pool| pool.definition.name == definition.name);
        let Some(pool) = known else {
            self.pools.push(Pool::new(definition));
            return;
        };
        let mut dropped = Vec::new();
        for waiting in pool.redefine(definition) {
            dropped.extend(pool.accept(waiting, true));
        }
        let name = pool.definition.name.clone();
        for waiting in dropped {
            self.say_overflow(&name, waiting.serial);
        }
    }

    /// The processes there are: for listeners whose start nobody told us of.
    pub(super) fn look(
        &mut self,
        now: Monotonic,
        process: impl Fn(&UnitName) -> Option<(ProcessState, u32)>,
    ) {
        for index in 0..self.pools.len() {
            let mut returned = Vec::new();
            let Some(pool) = self.pools.get_mut(index) else {
                continue;
            };
            for member in &mut pool.members {
                let Some((state, pid)) = process(&member.definition.unit) else {
                    continue;
                };
                let another = pid != 0 && member.pid != 0 && pid != member.pid;
                let started = pid != 0;
                if another || (member.started && !started) {
                    returned.extend(member.begin_anew());
                }
                if pid != 0 {
                    member.pid = pid;
                }
                let runs = state == ProcessState::Running;
                if runs && !member.running {
                    member.since.get_or_insert(now);
                }
                member.started = started;
                member.running = runs;
                member.early = false;
            }
            for waiting in returned {
                self.take_back(now, index, waiting);
            }
        }
        self.dispatch(now);
    }

    fn moved(&mut self, now: Monotonic, unit: &UnitName, process: &ProcessMoved) {
        self.tell(&Event::moved(unit, process));
        let Some((index, member)) = self.member(unit) else {
            return;
        };
        let mut returned = None;
        match process.to {
            ProcessState::Starting => {
                if !std::mem::take(&mut member.early) {
                    returned = member.begin_anew();
                }
                member.started = true;
                member.running = false;
            }
            ProcessState::Running => {
                member.started = true;
                member.running = true;
                if process.pid != 0 {
                    member.pid = process.pid;
                }
                if member.protocol.state == ListenerState::Acknowledged {
                    member.since = Some(now);
                }
            }
            ProcessState::Stopping => member.running = false,
            ProcessState::Stopped
            | ProcessState::Exited
            | ProcessState::Backoff
            | ProcessState::Fatal => {
                member.started = false;
                member.running = false;
                // All it said was heard before we were told of its end.
                if !member.early {
                    returned = member.event.take();
                    member.since = None;
                }
            }
        }
        if let Some(waiting) = returned {
            self.take_back(now, index, waiting);
        }
    }

    /// A listener wrote to its standard output; `pid` is 0 where it is not known.
    pub(super) fn output(&mut self, now: Monotonic, unit: &UnitName, pid: u32, bytes: &[u8]) {
        let Some((index, member)) = self.member(unit) else {
            return;
        };
        let another = pid != 0 && member.pid != 0 && pid != member.pid;
        let mut returned = None;
        if !member.started && !member.early && pid != 0 && !another && member.pid != 0 {
            // A straggler: its process has ended, and so has the conversation.
            return;
        }
        if (another || !member.started) && !member.early {
            // A new process speaks before we were told of it.
            returned = member.begin_anew();
            member.early = true;
            member.running = false;
        }
        if pid != 0 {
            member.pid = pid;
        }
        let before = member.protocol.state;
        let accepts_any = member.definition.results == EventResults::Any;
        let mut said = member.protocol.push(bytes);
        for one in &mut said {
            if accepts_any && *one == Said::Rejected {
                *one = Said::Processed;
            }
        }
        let name = member.definition.process.clone();
        if let Some(waiting) = returned {
            self.take_back(now, index, waiting);
        }
        let mut state = before;
        for one in said {
            self.said(now, index, unit, &name, &mut state, one);
        }
        self.dispatch(now);
    }

    /// What a listener said, one thing after the other. `state` is where it was in between.
    fn said(
        &mut self,
        now: Monotonic,
        index: usize,
        unit: &UnitName,
        name: &str,
        state: &mut ListenerState,
        said: Said,
    ) {
        let next = match said {
            Said::Ready => ListenerState::Ready,
            Said::Processed | Said::Rejected => ListenerState::Acknowledged,
            Said::Violated | Said::BadResult(_) => ListenerState::Unknown,
        };
        let Some((_, member)) = self.member(unit) else {
            return;
        };
        let event = match said {
            Said::Ready => None,
            _ => member.event.take(),
        };
        member.since = (next == ListenerState::Acknowledged).then_some(now);
        match &said {
            Said::Ready | Said::Violated => {}
            Said::Processed => self.say(Level::Debug, format!("{name}: event was processed")),
            Said::Rejected => self.say(Level::Warning, format!("{name}: event was rejected")),
            Said::BadResult(line) => {
                let line = event::text(line);
                self.say(Level::Warning, format!("{name}: bad result line: '{line}'"));
            }
        }
        self.say_state(name, *state, next);
        *state = next;
        if let (Said::Rejected | Said::BadResult(_), Some(waiting)) = (said, event) {
            self.take_back(now, index, waiting);
        }
    }

    /// An event that was to be written was not.
    pub(super) fn unwritten(
        &mut self,
        now: Monotonic,
        unit: &UnitName,
        serial: u64,
        why: Unwritten,
    ) {
        let Some((index, member)) = self.member(unit) else {
            return;
        };
        let Some(waiting) = member.event.take_if(|waiting| waiting.serial == serial) else {
            return;
        };
        let name = member.definition.process.clone();
        member.protocol.state = ListenerState::Ready;
        member.since = None;
        match why {
            Unwritten::Closed => {
                let runs = member.running;
                member.deaf = true;
                if runs {
                    self.say(
                        Level::Warning,
                        format!(
                            "{name}: has closed its standard input and receives no events until it \
                             is started again"
                        ),
                    );
                }
                let Some(pool) = self.pools.get_mut(index) else {
                    return;
                };
                let dropped = pool.accept(waiting, true);
                self.dropped(index, dropped);
            }
            Unwritten::TooLong => {
                let length = waiting.event.payload.len();
                if let Some(pool) = self.pools.get_mut(index) {
                    pool.dropped += 1;
                }
                self.say(
                    Level::Error,
                    format!("{name}: event {serial} has {length} bytes, too many for its standard input: discarding it"),
                );
            }
        }
        self.dispatch(now);
    }

    /// A process wrote something that is told as it comes.
    pub(super) fn log(
        &mut self,
        now: Monotonic,
        unit: &UnitName,
        pid: u32,
        channel: Channel,
        bytes: &[u8],
    ) {
        for piece in pieces(bytes) {
            self.tell(&Event::log(unit, pid, channel, piece));
            self.dispatch(now);
        }
    }

    /// A process sent a message.
    pub(super) fn communication(
        &mut self,
        now: Monotonic,
        unit: &UnitName,
        pid: u32,
        channel: Channel,
        bytes: &[u8],
    ) {
        self.tell(&Event::communication(unit, pid, channel, bytes));
        self.dispatch(now);
    }

    /// A client sent a message.
    pub(super) fn remote(&mut self, now: Monotonic, kind: &str, data: &str) {
        self.tell(&Event::remote(kind, data));
        self.dispatch(now);
    }

    /// It is `seconds` since the epoch. The first boundary after the beginning is told, not the one
    /// before it; a clock that is set makes a boundary too, as in the original.
    pub(super) fn tick(&mut self, now: Monotonic, seconds: u64) {
        if !self.wants_ticks() {
            self.ticked = None;
            return;
        }
        let boundaries = Period::ALL.map(|period| seconds - seconds % period.seconds());
        let before = self.ticked.replace(boundaries).unwrap_or(boundaries);
        for ((period, boundary), before) in Period::ALL.iter().zip(boundaries).zip(before) {
            if boundary != before {
                self.tell(&Event::tick(*period, boundary));
            }
        }
        self.dispatch(now);
    }

    fn wants_ticks(&self) -> bool {
        Period::ALL
            .iter()
            .any(|period| self.wants(Kind::Tick(*period)))
    }

    /// The next boundary somebody wants to be told of, in seconds since the epoch.
    pub(super) fn next_tick(&self, seconds: u64) -> Option<u64> {
        Period::ALL
            .iter()
            .filter(|period| self.wants(Kind::Tick(**period)))
            .map(|period| seconds - seconds % period.seconds() + period.seconds())
            .min()
    }

    /// Whether anybody subscribed to it.
    pub(super) fn wants(&self, kind: Kind) -> bool {
        self.pools.iter().any(|pool| pool.wants(kind) > 0)
    }

    /// When [`Machine::expire`] has to be called at the latest.
    pub(super) fn deadline(&self) -> Option<Monotonic> {
        self.pools.iter().filter_map(Pool::deadline).min()
    }

    /// Time went by: who did not answer is given up, and who was paused goes on.
    pub(super) fn expire(&mut self, now: Monotonic) {
        for index in 0..self.pools.len() {
            self.expire_pool(now, index);
        }
        self.dispatch(now);
    }

    fn expire_pool(&mut self, now: Monotonic, index: usize) {
        let Some(pool) = self.pools.get_mut(index) else {
            return;
        };
        let waits = !pool.buffer.is_empty();
        let mut late = Vec::new();
        for member in &mut pool.members {
            if member.deadline(waits).is_none_or(|deadline| now < deadline) {
                continue;
            }
            member.since = None;
            let state = member.protocol.state;
            if state == ListenerState::Busy {
                member.protocol.give_up();
            }
            late.push((
                member.definition.process.clone(),
                member.definition.patience,
                state,
                member.event.take(),
            ));
        }
        for (name, patience, state, event) in late {
            match event {
                Some(waiting) => {
                    self.say(
                        Level::Error,
                        format!(
                            "{name}: has not answered event {} for {patience} (event-timeout-sec)",
                            waiting.serial
                        ),
                    );
                    self.say_state(&name, state, ListenerState::Unknown);
                    self.take_back(now, index, waiting);
                }
                // It has nothing of ours; when it comes round after all it is welcome.
                None => self.say(
                    Level::Error,
                    format!(
                        "{name}: has not said READY for {patience} (event-timeout-sec), and events \
                         wait"
                    ),
                ),
            }
        }
    }

    /// Puts an event into every pool that wants it, once for each subscription that is for it.
    fn tell(&mut self, event: &Event) {
        let mut shared: Option<(u64, Arc<Event>)> = None;
        for index in 0..self.pools.len() {
            let Some(pool) = self.pools.get_mut(index) else {
                continue;
            };
            let times = pool.wants(event.kind);
            if times == 0 {
                continue;
            }
            // An event nobody wants has no serial.
            let (serial, event) = shared.get_or_insert_with(|| {
                let serial = self.next;
                self.next += 1;
                (serial, Arc::new(event.clone()))
            });
            let waiting = Waiting {
                event: Arc::clone(event),
                serial: *serial,
                in_pool: pool.next,
                returned: 0,
            };
            pool.next += 1;
            for _ in 0..times {
                let dropped = self
                    .pools
                    .get_mut(index)
                    .and_then(|pool| pool.accept(waiting.clone(), false));
                self.dropped(index, dropped);
            }
        }
    }

    fn take_back(&mut self, now: Monotonic, index: usize, waiting: Waiting) {
        let dropped = self
            .pools
            .get_mut(index)
            .and_then(|pool| pool.take_back(now, waiting));
        self.dropped(index, dropped);
    }

    fn dropped(&mut self, index: usize, dropped: Option<Waiting>) {
        if let (Some(waiting), Some(pool)) = (dropped, self.pools.get(index)) {
            let name = pool.definition.name.clone();
            self.say_overflow(&name, waiting.serial);
        }
    }

    /// Gives waiting events to listeners that are ready.
    fn dispatch(&mut self, now: Monotonic) {
        for pool in &mut self.pools {
            while let Some(waiting) = pool.buffer.pop_front() {
                let Some(member) = pool.next_listener(now) else {
                    pool.buffer.push_front(waiting);
                    break;
                };
                member.protocol.busy();
                member.since = Some(now);
                let name = &member.definition.process;
                self.deeds.push(Deed::Say(
                    Level::Debug,
                    format!("event {} sent to listener {name}", waiting.serial),
                ));
                let unit = member.definition.unit.clone();
                let serial = waiting.serial;
                member.event = Some(waiting);
                self.deeds.push(Deed::Write { unit, serial });
            }
        }
    }

    /// What a listener that has an event was written, or is to be.
    pub(super) fn envelope(&self, unit: &UnitName, serial: u64) -> Option<Vec<u8>> {
        self.pools.iter().find_map(|pool| {
            let member = pool
                .members
                .iter()
                .find(|member| member.definition.unit == *unit)?;
            let waiting = member.event.as_ref()?;
            (waiting.serial == serial).then(|| {
                let name = &pool.definition.name;
                let event = &waiting.event;
                event.envelope(&self.identifier, serial, name, waiting.in_pool)
            })
        })
    }

    fn member(&mut self, unit: &UnitName) -> Option<(usize, &mut Member)> {
        self.pools.iter_mut().enumerate().find_map(|(index, pool)| {
            let member = pool
                .members
                .iter_mut()
                .find(|member| member.definition.unit == *unit)?;
            Some((index, member))
        })
    }

    fn say(&mut self, level: Level, text: String) {
        self.deeds.push(Deed::Say(level, text));
    }

    fn say_overflow(&mut self, pool: &str, serial: u64) {
        self.say(
            Level::Error,
            format!("pool {pool} event buffer overflowed, discarding event {serial}"),
        );
    }

    fn say_state(&mut self, name: &str, from: ListenerState, to: ListenerState) {
        self.say(
            Level::Debug,
            format!("{name}: {} -> {}", from.as_str(), to.as_str()),
        );
        if to == ListenerState::Unknown {
            self.say(
                Level::Warning,
                format!(
                    "{name}: has entered the UNKNOWN state and will no longer receive events, this \
                     usually indicates the process violated the eventlistener protocol"
                ),
            );
        }
    }
}

/// Cuts output into pieces of bounded length, between characters where it is text.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.len().min(LONGEST_PIECE);
        if end < rest.len() {
            // A character has four bytes at most; later ones begin with the bits 10.
            let continues = |at: &usize| rest.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
            end = (end - 3..=end)
                .rev()
                .find(|at| !continues(at))
                .unwrap_or(end);
        }
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}
