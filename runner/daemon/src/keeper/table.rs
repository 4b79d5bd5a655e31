//! What the keeper remembers: descriptors by name, living children, exits nobody acknowledged.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::OwnedFd;

use super::wire::{Kind, Record};

/// A child that registered itself or was adopted, and was not reaped yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Child {
    pub(super) pid: u32,
    pub(super) unit: String,
    /// Higher ranks are stopped first.
    pub(super) rank: u32,
    pub(super) signal: u32,
    /// Microseconds; `u64::MAX` is "for ever".
    pub(super) timeout: u64,
}

/// How an instance ended.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) fds: BTreeMap<String, OwnedFd>,
    pub(super) children: BTreeMap<u64, Child>,
    instances: BTreeMap<u32, u64>,
    pub(super) exits: VecDeque<Exit>,
    /// The highest instance ever registered.
    pub(super) highest: u64,
    /// The last number given to an exit or a signal mask.
    pub(super) seq: u64,
    /// Signals nobody acknowledged, and their number.
    pub(super) signals: u64,
    pub(super) signals_seq: u64,
}

impl Table {
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

    pub(super) fn add_signals(&mut self, mask: u64) {
        if mask != 0 {
            self.seq += 1;
            self.signals |= mask;
            self.signals_seq = self.seq;
        }
    }

    pub(super) fn acknowledge(&mut self, seq: u64) {
        while self.exits.front().is_some_and(|exit| exit.seq <= seq) {
            self.exits.pop_front();
        }
        if self.signals_seq <= seq {
            self.signals = 0;
        }
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
        table.add_signals(1 << 15);
        assert!(table.ended(100, 9, 3));
        assert_eq!((table.highest, table.seq), (7, 3));
        table.acknowledge(1);
        assert_eq!((table.exits.len(), table.signals), (1, 1 << 15));
        table.acknowledge(3);
        assert_eq!((table.exits.len(), table.signals), (0, 0));
    }
}
