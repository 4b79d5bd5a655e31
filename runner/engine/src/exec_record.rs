//! What became of the commands of a unit: one record for each that ran since its last start, as
//! systemd keeps an `ExecStatus` beside each line of `ExecStart=` and its like.

use serde::{Deserialize, Serialize};

use crate::action::Role;
use crate::clock::Now;
use crate::event::ExitStatus;

/// The last run of one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecRecord {
    /// Which setting the command is of.
    pub role: Role,
    /// Which of the setting's commands, from 0 on.
    #[serde(default, skip_serializing_if = "is_first")]
    pub index: u16,
    /// Its process; 0 where nobody knows it any more.
    pub pid: u32,
    /// When the process began; `None` where nobody saw that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Now>,
    /// When it ended, and how; `None` while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<(Now, ExitStatus)>,
}

fn is_first(index: &u16) -> bool {
    *index == 0
}

/// The records of a unit, at most one for each of its commands: nothing for those that never ran.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ExecRecords(Vec<ExecRecord>);

impl ExecRecords {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A start begins, or the commands are others now.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn all(&self) -> &[ExecRecord] {
        &self.0
    }

    /// The record of a command, if it ran.
    pub(crate) fn of(&self, role: Role, index: u16) -> Option<&ExecRecord> {
        let at = self.place(role, index).ok()?;
        self.0.get(at)
    }

    fn place(&self, role: Role, index: u16) -> Result<usize, usize> {
        self.0
            .binary_search_by_key(&(role, index), |record| (record.role, record.index))
    }

    /// A command has a process now.
    pub(crate) fn started(&mut self, role: Role, index: u16, pid: u32, at: Now) {
        self.put(ExecRecord {
            role,
            index,
            pid,
            start: Some(at),
            exit: None,
        });
    }

    /// The process of a command has ended. Of one whose beginning is not recorded, `start` is what
    /// is known: it may have been named as the main process later, or the commands were changed.
    pub(crate) fn ended(&mut self, mut record: ExecRecord) {
        let known = self.of(record.role, record.index);
        if let Some(known) = known.filter(|known| known.pid == record.pid) {
            record.start = known.start;
        }
        self.put(record);
    }

    fn put(&mut self, record: ExecRecord) {
        // The attempts of a probe are no commands of a list: what they said is kept elsewhere.
        if record.role == Role::ReadyProbe {
            return;
        }
        match self.place(record.role, record.index) {
            Ok(at) => self.0[at] = record,
            Err(at) => {
                // Most services have one command.
                self.0.reserve_exact(1);
                self.0.insert(at, record);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Now {
        let mut now = Now::default();
        now.monotonic.0 = micros;
        now
    }

    fn told(records: &ExecRecords) -> Vec<String> {
        let one = |record: &ExecRecord| {
            let start = record.start.map_or(0, |at| at.monotonic.0);
            let exit = record.exit.map(|(at, status)| (at.monotonic.0, status));
            let (role, index, pid) = (record.role, record.index, record.pid);
            format!("{role:?}.{index} {pid} {start} {exit:?}")
        };
        records.all().iter().map(one).collect()
    }

    fn end(role: Role, index: u16, pid: u32, micros: u64) -> ExecRecord {
        ExecRecord {
            role,
            index,
            pid,
            start: None,
            exit: Some((at(micros), ExitStatus::Code(0))),
        }
    }

    #[test]
    fn each_command_has_one_record() {
        let mut records = ExecRecords::default();
        records.started(Role::Main, 0, 12, at(3));
        records.started(Role::StartPre, 1, 11, at(2));
        records.started(Role::StartPre, 0, 10, at(1));
        records.ended(end(Role::StartPre, 0, 10, 2));
        records.started(Role::ReadyProbe, 0, 13, at(4));
        assert_eq!(
            told(&records),
            [
                "StartPre.0 10 1 Some((2, Code(0)))",
                "StartPre.1 11 2 None",
                "Main.0 12 3 None",
            ]
        );
        // Once more: what was is gone.
        records.started(Role::StartPre, 0, 20, at(9));
        assert_eq!(told(&records)[0], "StartPre.0 20 9 None");
        assert_eq!(told(&records).len(), 3);
    }

    #[test]
    fn the_end_of_another_process_is_not_the_end_of_the_one_that_began() {
        let mut records = ExecRecords::default();
        records.started(Role::Main, 0, 12, at(3));
        records.ended(end(Role::Main, 0, 30, 8));
        assert_eq!(told(&records), ["Main.0 30 0 Some((8, Code(0)))"]);
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let mut records = ExecRecords::default();
        records.started(Role::StopPost, 2, 7, at(1));
        records.ended(end(Role::StopPost, 2, 7, 2));
        let text = serde_json::to_string(&records).unwrap();
        assert_eq!(
            serde_json::from_str::<ExecRecords>(&text).unwrap(),
            records,
            "{text}"
        );
    }
}
