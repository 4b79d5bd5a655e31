//! What is kept over the death of the manager: serials, what waits, who has what, and how much of
//! each output was heard.
//!
//! An event that waits is a record of its own, so that a note writes only what is new. Which ones
//! wait is in the state, as runs of serials: a long queue costs a look at its numbers and no more.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use engine::clock::Monotonic;
use engine::json;
use serde::{Deserialize, Serialize};
use units::UnitName;
use units::value::{EventResults, Span};

use super::event::{Channel, Event};
use super::machine::{Machine, Stage};
use super::pool::{Member, MemberDefinition, Pool, PoolDefinition, Waiting};
use super::protocol::Protocol;

/// The record of everything but the events themselves.
const STATE: &str = "listeners";
/// Before the serial of an event that waits.
const EVENT: &str = "event:";

/// How much of which outputs was heard.
pub(super) type Positions = BTreeMap<(UnitName, Channel), u64>;

/// An event that a listener is to be written under this number: once, however often it is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Delivery {
    pub(super) number: u64,
    pub(super) unit: UnitName,
    pub(super) serial: u64,
}

/// What the shell knows beside the machine.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    pub(super) positions: Positions,
    /// The number of the last happening that was dealt with.
    pub(super) seen: u64,
    /// What is being written.
    pub(super) deliveries: Vec<Delivery>,
    /// The number of the last of them that ever was.
    pub(super) delivered: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    seen: u64,
    next: u64,
    stage: Stage,
    #[serde(default)]
    ticked: Option<[u64; 3]>,
    pools: Vec<KeptPool>,
    heard: Vec<(UnitName, Channel, u64)>,
    deliveries: Vec<Delivery>,
    delivered: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptPool {
    name: String,
    types: Vec<String>,
    size: usize,
    next: u64,
    dropped: u64,
    waiting: Vec<KeptWaiting>,
    members: Vec<KeptMember>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptMember {
    unit: UnitName,
    process: String,
    patience_usec: u64,
    /// `event-results = "any"`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    accepts_any: bool,
    protocol: Protocol,
    event: Option<KeptWaiting>,
    pid: u32,
    started: bool,
    running: bool,
    early: bool,
    deaf: bool,
    /// Whether it owes us something.
    owes: bool,
}

/// An event that waits, and those behind it whose serials follow one by one.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptWaiting {
    serial: u64,
    in_pool: u64,
    returned: u32,
    /// How many they are besides the first.
    #[serde(default, skip_serializing_if = "is_zero")]
    more: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The memory itself: what was written last.
#[derive(Debug, Default)]
pub(super) struct Note {
    state: Option<String>,
    /// The serials of the events that are kept. An event never changes.
    events: BTreeSet<u64>,
}

/// What is to be written, and what is kept once it is.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) records: Vec<(String, Option<String>)>,
    state: Option<String>,
    added: Vec<u64>,
    removed: Vec<u64>,
}

/// What was found again.
#[derive(Debug)]
pub(super) struct Recalled {
    pub(super) machine: Machine,
    pub(super) heard: Heard,
    pub(super) note: Note,
    /// What could not be read.
    pub(super) problem: Option<String>,
}

/// Finds the machine again from records; a new one where there are none, or none that can be read.
pub(super) fn recall(records: Vec<(String, String)>, identifier: &str, now: Monotonic) -> Recalled {
    let mut recalled = Recalled {
        machine: Machine::new(identifier),
        heard: Heard::default(),
        note: Note::default(),
        problem: None,
    };
    let mut events = HashMap::new();
    for (key, text) in records {
        if let Some(serial) = key.strip_prefix(EVENT).and_then(|it| it.parse().ok()) {
            recalled.note.events.insert(serial);
            if let Ok(event) = json::from_str::<Event>(&text) {
                events.insert(serial, Arc::new(event));
            }
        } else if key == STATE {
            recalled.note.state = Some(text);
        }
    }
    let Some(state) = &recalled.note.state else {
        return recalled;
    };
    let kept: Kept = match json::from_str(state) {
        Ok(kept) => kept,
        Err(error) => {
            recalled.problem = Some(format!(
                "what event listeners were told before cannot be read, it is forgotten: {error}"
            ));
            recalled.machine.stage = Stage::Running;
            return recalled;
        }
    };
    recalled.heard = Heard {
        positions: kept
            .heard
            .into_iter()
            .map(|(unit, channel, position)| ((unit, channel), position))
            .collect(),
        seen: kept.seen,
        deliveries: kept.deliveries,
        delivered: kept.delivered,
    };
    let machine = &mut recalled.machine;
    machine.next = kept.next;
    machine.stage = kept.stage;
    machine.ticked = kept.ticked;
    machine.pools = kept
        .pools
        .into_iter()
        .map(|pool| pool.take_up(&events, now))
        .collect();
    recalled
}

impl Note {
    /// The records that differ from those that were written last; to be given back to
    /// [`Note::written`] once they are.
    pub(super) fn changes(&self, machine: &Machine, heard: &Heard) -> Changes {
        let mut changes = Changes {
            records: Vec::new(),
            state: None,
            added: Vec::new(),
            removed: Vec::new(),
        };
        let mut wanted: Vec<u64> = Vec::with_capacity(self.events.len() + 1);
        for waiting in machine.pools.iter().flat_map(Pool::events) {
            wanted.push(waiting.serial);
        }
        // Mostly they are in order, or nearly so.
        units::sort::all(&mut wanted);
        wanted.dedup();
        let mut before = self.events.iter().copied().peekable();
        for serial in wanted {
            while let Some(gone) = before.next_if(|known| *known < serial) {
                changes.removed.push(gone);
            }
            if before.next_if_eq(&serial).is_none() {
                changes.added.push(serial);
            }
        }
        changes.removed.extend(before);
        for serial in &changes.removed {
            changes.records.push((format!("{EVENT}{serial}"), None));
        }
        for serial in &changes.added {
            // One that is new is at the end of its queue, or with a listener.
            let event = machine.pools.iter().find_map(|pool| pool.event(*serial));
            if let Some(text) = event.and_then(|event| serde_json::to_string(event).ok()) {
                changes
                    .records
                    .push((format!("{EVENT}{serial}"), Some(text)));
            }
        }
        let kept = Kept {
            seen: heard.seen,
            next: machine.next,
            stage: machine.stage,
            ticked: machine.ticked,
            pools: machine.pools.iter().map(KeptPool::of).collect(),
            heard: heard
                .positions
                .iter()
                .map(|((unit, channel), position)| (unit.clone(), *channel, *position))
                .collect(),
            deliveries: heard.deliveries.clone(),
            delivered: heard.delivered,
        };
        // It has no map with keys that are not text, and nothing else can go wrong.
        if let Ok(state) = serde_json::to_string(&kept)
            && self.state.as_ref() != Some(&state)
        {
            changes
                .records
                .push((STATE.to_owned(), Some(state.clone())));
            changes.state = Some(state);
        }
        changes
    }

    /// They are kept now.
    pub(super) fn written(&mut self, changes: Changes) {
        for serial in &changes.removed {
            self.events.remove(serial);
        }
        self.events.extend(changes.added);
        if changes.state.is_some() {
            self.state = changes.state;
        }
    }
}

impl Pool {
    /// The events it has, waiting or with a listener.
    fn events(&self) -> impl Iterator<Item = &Waiting> {
        let with_members = self
            .members
            .iter()
            .filter_map(|member| member.event.as_ref());
        self.buffer.iter().chain(with_members)
    }

    /// The event of a serial. One that was told lately is found at once.
    fn event(&self, serial: u64) -> Option<&Event> {
        let with_members = self
            .members
            .iter()
            .filter_map(|member| member.event.as_ref());
        with_members
            .chain(self.buffer.iter().rev())
            .find(|waiting| waiting.serial == serial)
            .map(|waiting| &*waiting.event)
    }
}

impl KeptPool {
    fn of(pool: &Pool) -> KeptPool {
        KeptPool {
            name: pool.definition.name.clone(),
            types: pool.definition.types.clone(),
            size: pool.definition.size,
            next: pool.next,
            dropped: pool.dropped,
            waiting: KeptWaiting::runs(&pool.buffer),
            members: pool.members.iter().map(KeptMember::of).collect(),
        }
    }

    fn take_up(self, events: &HashMap<u64, Arc<Event>>, now: Monotonic) -> Pool {
        let members: Vec<Member> = self
            .members
            .into_iter()
            .map(|member| member.take_up(events, now))
            .collect();
        let definition = PoolDefinition {
            name: self.name,
            types: self.types,
            size: self.size,
            members: members
                .iter()
                .map(|member| member.definition.clone())
                .collect(),
        };
        let mut pool = Pool::new(definition);
        pool.members = members;
        pool.next = self.next;
        pool.dropped = self.dropped;
        pool.buffer = self
            .waiting
            .iter()
            .flat_map(|run| run.each().take(events.len()))
            .filter_map(|waiting| waiting.take_up(events))
            .collect();
        pool
    }
}

impl KeptMember {
    fn of(member: &Member) -> KeptMember {
        KeptMember {
            unit: member.definition.unit.clone(),
            process: member.definition.process.clone(),
            patience_usec: member.definition.patience.as_micros(),
            accepts_any: member.definition.results == EventResults::Any,
            protocol: member.protocol.clone(),
            event: member.event.as_ref().map(KeptWaiting::of),
            pid: member.pid,
            started: member.started,
            running: member.running,
            early: member.early,
            deaf: member.deaf,
            owes: member.since.is_some(),
        }
    }

    fn take_up(self, events: &HashMap<u64, Arc<Event>>, now: Monotonic) -> Member {
        Member {
            definition: MemberDefinition {
                unit: self.unit,
                process: self.process,
                patience: Span::from_micros(self.patience_usec),
                results: match self.accepts_any {
                    true => EventResults::Any,
                    false => EventResults::Ok,
                },
            },
            event: self.event.and_then(|event| event.take_up(events)),
            protocol: self.protocol,
            pid: self.pid,
            started: self.started,
            running: self.running,
            early: self.early,
            deaf: self.deaf,
            // Its patience begins anew: a manager that is killed all the time never gives one up.
            since: self.owes.then_some(now),
        }
    }
}

impl KeptWaiting {
    fn of(waiting: &Waiting) -> KeptWaiting {
        KeptWaiting {
            serial: waiting.serial,
            in_pool: waiting.in_pool,
            returned: waiting.returned,
            more: 0,
        }
    }

    fn runs(queue: &VecDeque<Waiting>) -> Vec<KeptWaiting> {
        let mut runs: Vec<KeptWaiting> = Vec::new();
        for waiting in queue {
            let follows = |run: &&mut KeptWaiting| {
                let at = run.more + 1;
                (waiting.serial, waiting.in_pool, waiting.returned)
                    == (run.serial + at, run.in_pool + at, run.returned)
            };
            match runs.last_mut().filter(follows) {
                Some(run) => run.more += 1,
                None => runs.push(KeptWaiting::of(waiting)),
            }
        }
        runs
    }

    fn each(&self) -> impl Iterator<Item = KeptWaiting> {
        let KeptWaiting {
            serial,
            in_pool,
            returned,
            more,
        } = *self;
        (0..=more).map(move |at| KeptWaiting {
            serial: serial.saturating_add(at),
            in_pool: in_pool.saturating_add(at),
            returned,
            more: 0,
        })
    }

    fn take_up(&self, events: &HashMap<u64, Arc<Event>>) -> Option<Waiting> {
        Some(Waiting {
            event: Arc::clone(events.get(&self.serial)?),
            serial: self.serial,
            in_pool: self.in_pool,
            returned: self.returned,
        })
    }
}
