//! What the keeper remembers: descriptors by name, living children, exits nobody acknowledged.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::OwnedFd;

use serde::{Deserialize, Serialize};

use super::wire::{Kind, Record};

/// A child that registered itself or was adopted, and was not reaped yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Child {
    pub(super) pid: u32,
    pub(super) unit: String,
    /// Higher ranks are stopped first.
    pub(super) rank: u32,
    pub(super) signal: u32,
    /// Microseconds; `u64::MAX` is "for ever".
    pub(super) timeout: u64,
}

/// So many masks are kept apart for a manager that acknowledges none.
const UNACKNOWLEDGED: usize = 64;

/// How an instance ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Exit {
    pub(super) seq: u64,
    pub(super) instance: u64,
    pub(super) pid: u32,
    pub(super) status: i32,
    pub(super) time: u64,
    pub(super) unit: String,
}

impl Exit {
    pub(super) fn record(&self) -> Record {
        Record {
            seq: self.seq,
            instance: self.instance,
            pid: self.pid,
            status: self.status,
            time: self.time,
            ..Record::about(Kind::Exit, &self.unit)
        }
    }
}

/// What is different, for whoever writes it down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// Another descriptor is held under this key, or none.
    Fd(String),
    /// A child registered.
    Child(u64),
    /// It ended: the number of its exit.
    Ended(u64),
    /// That was dealt with.
    Acknowledged(u64),
    /// Signals came or were dealt with.
    Signals,
}

/// Whether what has this key is too short-lived to be written down: a connection that is about to be
/// handed to its service.
pub(super) fn is_passing(key: &str) -> bool {
    key.starts_with("connection:")
}

/// All of it. The pids of our own children are in here only while the kernel cannot give them to
/// anybody else. Those of *fosters*, the children of a keeper before us, may belong to somebody else
/// by now: they are known by their pidfds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Table {
    #[serde(skip)]
    pub(super) fds: BTreeMap<String, OwnedFd>,
    pub(super) children: BTreeMap<u64, Child>,
    #[serde(skip)]
    instances: BTreeMap<u32, u64>,
    /// Pidfds of those children that are not ours to reap.
    #[serde(skip)]
    pub(super) fosters: BTreeMap<u64, OwnedFd>,
    /// What was not written down yet. `None` where nobody writes anything down.
    #[serde(skip)]
    pub(super) changes: Option<Vec<Change>>,
    /// Something written down is held no longer.
    #[serde(skip)]
    pub(super) stale: bool,
    pub(super) exits: VecDeque<Exit>,
    /// The highest instance ever registered.
    pub(super) highest: u64,
    /// The last number given to an exit.
    pub(super) seq: u64,
    /// Signals nobody acknowledged: number and mask.
    pub(super) signals: VecDeque<(u64, u64)>,
    /// The last number given to a mask.
    pub(super) signals_seq: u64,
}

impl Table {
    /// Makes what is not written out from what is.
    pub(super) fn thaw(&mut self) {
        self.instances = self
            .children
            .iter()
            .filter(|(instance, _)| !self.fosters.contains_key(instance))
            .map(|(instance, child)| (child.pid, *instance))
            .collect();
    }

    fn note(&mut self, change: Change) {
        if let Some(changes) = &mut self.changes {
            changes.push(change);
        }
    }

    /// Holds `fd` under `key`, instead of the one held so far.
    pub(super) fn hold(&mut self, key: String, fd: OwnedFd) {
        if is_passing(&key) {
            self.fds.insert(key, fd);
            return;
        }
        self.note(Change::Fd(key.clone()));
        self.stale |= self.fds.insert(key, fd).is_some();
    }

    /// Holds what is under `key` no longer.
    pub(super) fn let_go(&mut self, key: &str) -> Option<OwnedFd> {
        let fd = self.fds.remove(key)?;
        if !is_passing(key) {
            self.note(Change::Fd(key.to_owned()));
            self.stale = true;
        }
        Some(fd)
    }

    pub(super) fn knows(&self, pid: u32) -> bool {
        self.instances.contains_key(&pid)
    }

    pub(super) fn insert(&mut self, instance: u64, child: Child) {
        self.highest = self.highest.max(instance);
        self.instances.insert(child.pid, instance);
        self.children.insert(instance, child);
        self.note(Change::Child(instance));
    }

    /// Knows a child that is not ours to reap.
    pub(super) fn insert_foster(&mut self, instance: u64, child: Child, pidfd: OwnedFd) {
        self.highest = self.highest.max(instance);
        self.children.insert(instance, child);
        self.fosters.insert(instance, pidfd);
        self.note(Change::Child(instance));
    }

    /// Pid `pid` was reaped; whether it was anybody we know.
    pub(super) fn ended(&mut self, pid: u32, status: i32, time: u64) -> bool {
        match self.instances.remove(&pid) {
            Some(instance) => self.ended_instance(instance, status, time),
            None => false,
        }
    }

    /// A child ended that is not ours to reap; whether it was one we know.
    pub(super) fn foster_ended(&mut self, instance: u64, status: i32, time: u64) -> bool {
        self.fosters.remove(&instance).is_some() && self.ended_instance(instance, status, time)
    }

    fn ended_instance(&mut self, instance: u64, status: i32, time: u64) -> bool {
        let Some(child) = self.children.remove(&instance) else {
            return false;
        };
        self.seq += 1;
        let seq = self.seq;
        self.exits.push_back(Exit {
            seq,
            instance,
            pid: child.pid,
            status,
            time,
            unit: child.unit,
        });
        self.note(Change::Ended(seq));
        true
    }

    /// Signals came. They join those that were not told yet: `told` is the last number that was.
    pub(super) fn add_signals(&mut self, mut mask: u64, told: u64) {
        if mask == 0 {
            return;
        }
        let crowded = self.signals.len() >= UNACKNOWLEDGED;
        if let Some((_, waiting)) = self.signals.pop_back_if(|(seq, _)| *seq > told || crowded) {
            mask |= waiting;
        }
        self.signals_seq += 1;
        self.signals.push_back((self.signals_seq, mask));
        self.note(Change::Signals);
    }

    /// Whether one of these signals was not acknowledged yet.
    pub(super) fn has_signals(&self, mask: u64) -> bool {
        self.signals.iter().any(|(_, waiting)| waiting & mask != 0)
    }

    pub(super) fn acknowledge(&mut self, seq: u64) {
        if let Ok(at) = self.exits.binary_search_by_key(&seq, |exit| exit.seq) {
            self.exits.remove(at);
            self.note(Change::Acknowledged(seq));
        }
    }

    pub(super) fn acknowledge_signals(&mut self, seq: u64) {
        self.signals.retain(|(waiting, _)| *waiting != seq);
        self.note(Change::Signals);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child(pid: u32) -> Child {
        Child {
            pid,
            unit: "a.service".to_owned(),
            rank: 0,
            signal: 15,
            timeout: 0,
        }
    }

    #[test]
    fn exits_stay_until_they_are_acknowledged() {
        let mut table = Table::default();
        table.insert(7, child(100));
        table.insert(3, child(101));
        assert!(table.ended(101, 0, 1));
        assert!(!table.ended(101, 0, 2), "the number is anybody's now");
        assert!(table.ended(100, 9, 3));
        assert_eq!((table.highest, table.seq), (7, 2));
        table.acknowledge(2);
        table.acknowledge(3);
        assert_eq!(
            (table.exits.len(), table.exits[0].seq),
            (1, 1),
            "one by one"
        );
        table.acknowledge(1);
        assert_eq!(table.exits.len(), 0);
    }

    #[test]
    fn a_foster_is_not_taken_for_whoever_has_its_pid_now() {
        let mut table = Table::default();
        let pidfd = || std::fs::File::open("/dev/null").unwrap().into();
        table.insert_foster(3, child(100), pidfd());
        assert!(!table.knows(100), "its number may be anybody's");
        table.changes = Some(Vec::new());
        table.insert(4, child(100));
        assert!(table.ended(100, 0, 1));
        assert_eq!(table.exits[0].instance, 4);
        assert!(table.foster_ended(3, 9, 2) && !table.foster_ended(3, 9, 2));
        assert_eq!((table.exits[1].instance, table.exits[1].pid), (3, 100));
        let changes = [Change::Child(4), Change::Ended(1), Change::Ended(2)];
        assert_eq!(table.changes.as_deref(), Some(&changes[..]));
    }

    #[test]
    fn what_is_held_and_let_go_of_is_noted() {
        let mut table = Table::default();
        let fd = || std::fs::File::open("/dev/null").unwrap().into();
        table.hold("unnoted".to_owned(), fd());
        table.changes = Some(Vec::new());
        table.hold("a".to_owned(), fd());
        assert!(table.let_go("a").is_some() && table.let_go("a").is_none());
        let change = || Change::Fd("a".to_owned());
        assert_eq!(table.changes, Some(vec![change(), change()]));
    }

    #[test]
    fn signals_join_those_not_told_and_never_those_told() {
        let mut table = Table::default();
        table.add_signals(1, 0);
        table.add_signals(2, 0);
        assert_eq!(table.signals, [(2, 3)]);
        table.add_signals(4, 2);
        assert_eq!(table.signals, [(2, 3), (3, 4)]);
        assert!(table.has_signals(2) && !table.has_signals(8));
        table.acknowledge_signals(2);
        assert_eq!(table.signals, [(3, 4)]);
        for n in 3..1_000 {
            table.add_signals(8, n);
        }
        assert!(table.signals.len() <= UNACKNOWLEDGED);
        while let Some((seq, _)) = table.signals.front() {
            table.acknowledge_signals(*seq);
        }
        assert!(!table.has_signals(u64::MAX));
    }
}
