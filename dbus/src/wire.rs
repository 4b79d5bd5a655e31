//! The types that travel: each is written once and used by both ends, so its signature cannot
//! differ. Field order is part of the interface.

use serde::{Deserialize, Serialize};
use zbus::{OwnedObjectPath, Type};

/// A line of `ListUnits`, as systemd's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct UnitLine {
    /// Name.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// `loaded`, `not-found`, `bad-setting`, `masked`, …
    pub load_state: String,
    /// `active`, `inactive`, `failed`, …
    pub active_state: String,
    /// `running`, `dead`, `auto-restart`, …
    pub sub_state: String,
    /// Always empty; systemd has an alias here.
    pub following: String,
    /// Object of the unit.
    pub path: OwnedObjectPath,
    /// Number of its job, or 0.
    pub job: u32,
    /// What the job does, or empty.
    pub job_type: String,
    /// Object of the job, or `/`.
    pub job_path: OwnedObjectPath,
}

/// A line of `ListJobs`, as systemd's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct JobLine {
    /// Number.
    pub id: u32,
    /// Its unit.
    pub unit: String,
    /// What it does: `start`, `stop`, `restart`, …
    pub kind: String,
    /// `waiting` or `running`.
    pub state: String,
    /// Object of the job.
    pub path: OwnedObjectPath,
    /// Object of the unit.
    pub unit_path: OwnedObjectPath,
}

/// A line of `ListSockets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct SocketLine {
    /// The address: `/run/web.sock`, `0.0.0.0:8080`, `@name`.
    pub address: String,
    /// `Stream`, `Datagram`, `SequentialPacket` or `FIFO`.
    pub kind: String,
    /// The socket unit.
    pub unit: String,
    /// What a connection starts.
    pub triggers: Vec<String>,
    /// State of the socket unit.
    pub active_state: String,
}

/// A line of `ListDependencies`: a tree in preorder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct DependencyLine {
    /// 0 for the root.
    pub depth: u32,
    /// The unit.
    pub unit: String,
    /// Its state.
    pub active_state: String,
    /// It stands further up with its own dependencies, which are not repeated.
    pub repeated: bool,
}

/// A process of `GetUnitProcesses`, as systemd's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ProcessLine {
    /// The cgroup it is in, or empty.
    pub control_group: String,
    /// Its pid.
    pub pid: u32,
    /// Its command line.
    pub command: String,
}

/// A file of `Cat`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct FileText {
    /// Where it is.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// A unit in the answer of `PreviewReload`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct UnitPreview {
    /// Its name.
    pub unit: String,
    /// Its load state now, or empty.
    pub from: String,
    /// Its load state afterwards, or empty.
    pub to: String,
    /// What becomes of it: `known`, `next-start`, `at-once`, `needs-restart`, `forgotten`, `runs-on`,
    /// `keeps-old`, `unusable`, `masked`, `starts`, `stops` or `restarts`.
    pub outcome: String,
    /// The group that is put in anew, or empty.
    pub group: String,
    /// The settings that differ.
    pub settings: Vec<SettingPreview>,
}

/// A setting in the answer of `PreviewReload`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct SettingPreview {
    /// Its name.
    pub setting: String,
    /// Whether something was written for it.
    pub was_set: bool,
    /// What was written, items one below the other.
    pub from: String,
    /// Whether something is written for it now.
    pub is_set: bool,
    /// What is written now.
    pub to: String,
    /// The file it is written in, or was.
    pub path: String,
    /// Its line there, from 1; 0 where it is not known.
    pub line: u32,
    /// Whether what runs goes on without it until it is started again.
    pub at_start: bool,
}

/// A fact in the answer of `Why`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Link {
    /// Of which unit.
    pub unit: String,
    /// When it became so, in microseconds since the epoch; 0 where that is not known.
    pub at: u64,
    /// `definition`, `state`, `waits`, `failure`, `limit`, `condition`, `asked` or `not-asked`.
    pub fact: String,
    /// A sentence.
    pub text: String,
}

/// Something to say about a unit file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Diagnostic {
    /// `error` or `warning`.
    pub severity: String,
    /// The file.
    pub path: String,
    /// Line, from 1; 0 when the file as a whole is meant.
    pub line: u32,
    /// Column in characters, from 1; 0 when the line as a whole is meant.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What would be right, or empty.
    pub hint: String,
    /// The unit it is about, or empty.
    pub unit: String,
}

impl std::fmt::Display for Diagnostic {
    /// As `runnerctl check` prints it: `path:line:column: error: message`, a hint on a line below.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
            if self.column > 0 {
                write!(f, ":{}", self.column)?;
            }
        }
        write!(f, ": {}: {}", self.severity, self.message)?;
        if !self.hint.is_empty() {
            write!(f, "\n  hint: {}", self.hint)?;
        }
        Ok(())
    }
}

/// The signal `UnitMoved`: a unit went from one state to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Moved {
    /// Counts up by one for each move, over recoveries of the manager too.
    pub seq: u64,
    /// When, in microseconds since the epoch.
    pub realtime_usec: u64,
    /// The unit.
    pub unit: String,
    /// Active state before.
    pub from_active: String,
    /// Sub-state before.
    pub from_sub: String,
    /// Active state now.
    pub to_active: String,
    /// Sub-state now.
    pub to_sub: String,
    /// Its main process now, or 0.
    pub main_pid: u32,
    /// Why, in a few words.
    pub cause: String,
}

/// A line of the pipe that `ReadLog` gives: one JSON object, then a newline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Who wrote it.
    pub unit: String,
    /// `out`, `error`, or `manager` for a remark of the manager about the log itself.
    pub source: String,
    /// When it was read, in microseconds since the epoch, where that was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realtime_usec: Option<u64>,
    /// The process that wrote it, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The line. Bytes that are no UTF-8 are replaced.
    pub text: String,
}
