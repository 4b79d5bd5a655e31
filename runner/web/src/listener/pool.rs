//! A pool: the event listeners of one group, and the events that wait for them.

use std::collections::VecDeque;
use std::sync::Arc;

use engine::clock::Monotonic;
use units::value::{EventResults, Span};
use units::{Definition, UnitName, UnitSet};

use super::event::{Event, Kind};
use super::protocol::{ListenerState, Protocol};

/// So often a rejected event is told again at once; after that its pool waits longer each time.
const AT_ONCE: u32 = 5;
/// The longest such wait, in microseconds.
const LONGEST_WAIT: u64 = 60_000_000;

/// What the definitions say about a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PoolDefinition {
    /// The group's name.
    pub(super) name: String,
    /// Subscriptions in capital letters, each once. An event that two of them are for is told
    /// twice, as in the original.
    pub(super) types: Vec<String>,
    /// How many events may wait.
    pub(super) size: usize,
    pub(super) members: Vec<MemberDefinition>,
}

/// What the definitions say about a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MemberDefinition {
    pub(super) unit: UnitName,
    /// The name in supervisord's messages.
    pub(super) process: String,
    /// How long it may take over an event.
    pub(super) patience: Span,
    /// Which of its results accept an event.
    pub(super) results: EventResults,
}

impl PoolDefinition {
    /// The pool of a group; `None` where none of its services is an event listener. What events
    /// there are and how many wait is said by the first of them.
    pub(super) fn of(set: &UnitSet, group: &str) -> Option<PoolDefinition> {
        let services = set.group(group)?.services;
        let listeners: Vec<&Arc<Definition>> = services
            .iter()
            .filter_map(|service| set.get(service))
            .filter(|service| !service.event_types().is_empty())
            .collect();
        let first = listeners.first()?;
        let mut types: Vec<String> = Vec::new();
        for name in first.event_types() {
            let name = name.to_ascii_uppercase();
            if !types.contains(&name) {
                types.push(name);
            }
        }
        Some(PoolDefinition {
            name: group.to_owned(),
            types,
            size: usize::try_from(first.event_buffer_size().max(1)).unwrap_or(usize::MAX),
            members: listeners
                .iter()
                .map(|listener| MemberDefinition::of(listener))
                .collect(),
        })
    }

    /// Every pool of a set, in the order of priority and name.
    pub(super) fn all(set: &UnitSet) -> Vec<PoolDefinition> {
        set.groups()
            .iter()
            .filter_map(|group| PoolDefinition::of(set, &group.name))
            .collect()
    }
}

impl MemberDefinition {
    fn of(definition: &Definition) -> MemberDefinition {
        let unit = definition.name().clone();
        let process = units::group::group_and_process(&unit)
            .map(|(_, process)| process)
            .unwrap_or_default();
        MemberDefinition {
            unit,
            process,
            patience: definition.event_timeout_sec(),
            results: definition.event_results(),
        }
    }
}

/// An event in a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) event: Arc<Event>,
    /// Among all events that were told to anybody.
    pub(super) serial: u64,
    /// Among those of the pool.
    pub(super) in_pool: u64,
    /// How often it came back.
    pub(super) returned: u32,
}

/// A pool and what it is about.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) definition: PoolDefinition,
    /// The next serial of its own.
    pub(super) next: u64,
    pub(super) buffer: VecDeque<Waiting>,
    /// How many events were dropped since it was made.
    pub(super) dropped: u64,
    pub(super) members: Vec<Member>,
    /// Nothing is told before.
    pub(super) pause: Option<Monotonic>,
}

/// A listener of a pool.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) definition: MemberDefinition,
    pub(super) protocol: Protocol,
    /// The event it has.
    pub(super) event: Option<Waiting>,
    /// Its process, where it is known; that of its last run while there is none.
    pub(super) pid: u32,
    /// Its process was started and has not ended.
    pub(super) started: bool,
    /// It is in supervisord's state RUNNING.
    pub(super) running: bool,
    /// The output of a new process was seen before we were told of its start.
    pub(super) early: bool,
    /// Its standard input is closed: it is told nothing until it is started anew.
    pub(super) deaf: bool,
    /// Since when it owes us an answer, or the word that it is ready.
    pub(super) since: Option<Monotonic>,
}

impl Pool {
    pub(super) fn new(definition: PoolDefinition) -> Pool {
        let members = definition.members.iter().cloned().map(Member::new);
        Pool {
            members: members.collect(),
            definition,
            next: 0,
            buffer: VecDeque::new(),
            dropped: 0,
            pause: None,
        }
    }

    /// Goes on with other definitions; gives the events of listeners that are none any more.
    pub(super) fn redefine(&mut self, definition: PoolDefinition) -> Vec<Waiting> {
        let mut before = std::mem::take(&mut self.members);
        for wanted in &definition.members {
            let known = before
                .iter()
                .position(|member| member.definition.unit == wanted.unit);
            self.members.push(match known {
                Some(index) => {
                    let mut member = before.remove(index);
                    member.definition = wanted.clone();
                    member
                }
                None => Member::new(wanted.clone()),
            });
        }
        self.definition = definition;
        before
            .into_iter()
            .filter_map(|member| member.event)
            .collect()
    }

    /// How many of its subscriptions are for an event.
    pub(super) fn wants(&self, kind: Kind) -> usize {
        let wanted = self.definition.types.iter().filter(|name| kind.is(name));
        wanted.count()
    }

    /// Takes an event in, at the end or, if it was rejected, in front. Gives the one that has to go
    /// for it: the oldest, even where that is the one that came back last, as in the original.
    pub(super) fn accept(&mut self, waiting: Waiting, in_front: bool) -> Option<Waiting> {
        let dropped = (self.buffer.len() >= self.definition.size)
            .then(|| self.buffer.pop_front())
            .flatten();
        if in_front {
            self.buffer.push_front(waiting);
        } else {
            self.buffer.push_back(waiting);
        }
        self.dropped += u64::from(dropped.is_some());
        dropped
    }

    /// Puts an event that nobody dealt with in front again. One that comes back again and again
    /// makes the pool wait, longer each time: a listener that rejects all it gets costs nothing.
    pub(super) fn take_back(&mut self, now: Monotonic, mut waiting: Waiting) -> Option<Waiting> {
        waiting.returned = waiting.returned.saturating_add(1);
        if let Some(more) = waiting.returned.checked_sub(AT_ONCE + 1) {
            let wait = 1_000_000_u64
                .checked_shl(more)
                .filter(|wait| *wait < LONGEST_WAIT && more < 32)
                .unwrap_or(LONGEST_WAIT);
            self.pause = now.after(wait);
        }
        self.accept(waiting, true)
    }

    /// The listener that is told the next event: the first that runs and is ready.
    pub(super) fn next_listener(&mut self, now: Monotonic) -> Option<&mut Member> {
        if self.pause.is_some_and(|until| now < until) {
            return None;
        }
        self.pause = None;
        self.members.iter_mut().find(|member| {
            member.running && !member.deaf && member.protocol.state == ListenerState::Ready
        })
    }

    /// When something has to be looked at although nothing comes.
    pub(super) fn deadline(&self) -> Option<Monotonic> {
        let waits = !self.buffer.is_empty();
        let members = self
            .members
            .iter()
            .filter_map(|member| member.deadline(waits));
        let pause = self.pause.filter(|_| waits);
        members.chain(pause).min()
    }
}

impl Member {
    pub(super) fn new(definition: MemberDefinition) -> Member {
        Member {
            definition,
            protocol: Protocol::default(),
            event: None,
            pid: 0,
            started: false,
            running: false,
            early: false,
            deaf: false,
            since: None,
        }
    }

    /// A new process begins; gives the event the one before had.
    pub(super) fn begin_anew(&mut self) -> Option<Waiting> {
        self.protocol = Protocol::default();
        self.pid = 0;
        self.deaf = false;
        self.since = None;
        self.event.take()
    }

    /// When it has owed us something for too long: an answer, or that it is ready while events
    /// wait.
    pub(super) fn deadline(&self, waits: bool) -> Option<Monotonic> {
        let owes = match self.protocol.state {
            ListenerState::Busy => true,
            ListenerState::Acknowledged => self.running && waits,
            ListenerState::Ready | ListenerState::Unknown => false,
        };
        self.since
            .filter(|_| owes)?
            .after(self.definition.patience.as_micros())
    }
}
