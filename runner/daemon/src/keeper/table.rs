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

/// All of it. Pids are in here only while the kernel cannot give them to anybody else.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Table {
    #[serde(skip)]
    pub(super) fds: BTreeMap<String, OwnedFd>,
    pub(super) children: BTreeMap<u64, Child>,
    #[serde(skip)]
    instances: BTreeMap<u32, u64>,
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
            .map(|(instance, child)| (child.pid, *instance))
            .collect();
    }

    pub(super) fn knows(&self, pid: u32) -> bool {
        self.instances.contains_key(&pid)
    }

    pub(super) fn insert(&mut self, instance: u64, child: Child) {
        self.highest = self.highest.max(instance);
        self.instances.insert(child.pid, instance);
        self.children.insert(instance, child);
    }

    /// Pid `pid` was reaped; whether it was anybody we know.
    pub(super) fn ended(&mut self, pid: u32, status: i32, time: u64) -> bool {
        let Some(instance) = self.instances.remove(&pid) else {
            return false;
        };
        let Some(child) = self.children.remove(&instance) else {
            return false;
        };
        self.seq += 1;
        let seq = self.seq;
        self.exits.push_back(Exit {
            seq,
            instance,
            pid,
            status,
            time,
            unit: child.unit,
        });
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
    }

    /// Whether one of these signals was not acknowledged yet.
    pub(super) fn has_signals(&self, mask: u64) -> bool {
        self.signals.iter().any(|(_, waiting)| waiting & mask != 0)
    }

    pub(super) fn acknowledge(&mut self, seq: u64) {
        if let Ok(at) = self.exits.binary_search_by_key(&seq, |exit| exit.seq) {
            self.exits.remove(at);
        }
    }

    pub(super) fn acknowledge_signals(&mut self, seq: u64) {
        self.signals.retain(|(waiting, _)| *waiting != seq);
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
