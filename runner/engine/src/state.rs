//! All state there is: plain serde data with one owner. No descriptor, no clock, nothing that can
//! be computed again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use units::{UnitKind, UnitName};

use crate::cause::Asked;
use crate::clock::{Monotonic, Now};
use crate::condition::Tested;
use crate::job::{JobId, JobKind, JobMode, JobResult};
use crate::limit::Limit;
use crate::machine::Closing;
use crate::path_unit::PathUnit;
use crate::scope::Scope;
use crate::service::Service;
use crate::socket::Socket;
use crate::target::Target;
use crate::ticket::{ConnectionId, Invocation};
use crate::timer::{Mint, Timer};
use crate::timer_unit::TimerUnit;
use crate::transient::RunEnd;
use crate::view::systemd::{ActiveState, SubState};

/// The state of the whole.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Sparse: units that never did anything are not here.
    /// In boxes: nodes of a tree are half empty where units come in the order of their names.
    units: BTreeMap<UnitName, Box<UnitState>>,
    jobs: BTreeMap<JobId, Job>,
    /// Jobs that ended lately and that somebody may still ask about.
    ended: BTreeMap<JobId, EndedJob>,
    /// Runs of transient units that ended lately, likewise.
    runs: BTreeMap<UnitName, EndedRun>,
    meta: Meta,
    /// What [`take_changed`](State::take_changed) has to give out.
    changed: BTreeSet<Key>,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Meta,
    Unit(UnitName),
    Job(JobId),
    Ended(JobId),
    Run(UnitName),
}

/// All that is known of one unit.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct UnitState {
    pub(crate) machine: Machine,
    /// Its job; kept with the jobs.
    #[serde(skip)]
    pub(crate) job: Option<JobId>,
    pub(crate) invocation: Invocation,
    pub(crate) times: Times,
    pub(crate) starts: Limit,
    /// The last start was refused because of the start limit.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) start_limit_hit: bool,
    /// How often it was started or stopped because others are as they are (`upholds`,
    /// `stop-when-unneeded`, `binds-to`). Not kept: after a recovery counting begins anew.
    #[serde(skip)]
    pub(crate) adjusted: Limit,
    /// Whose failure started it (`on-failure`), and the variables that say so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) started_by: Vec<(UnitName, Vec<(String, String)>)>,
    /// The timer or path that started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) triggered_by: Option<TriggeredBy>,
    /// Its last job, and why it had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) asked: Option<Box<Asked>>,
    /// The connection it serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connection: Option<Box<Connection>>,
    /// What was tested before its last start, where there was anything to test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tested: Option<Box<Tested>>,
    /// Fields of a newer version.
    #[serde(flatten)]
    pub(crate) unread: BTreeMap<String, Value>,
}

/// By hand: what derives from `flatten` lays everything aside first to see what is left over, and
/// a recovery reads one of these for each unit before it answers anybody.
impl<'de> Deserialize<'de> for UnitState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<UnitState, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = UnitState;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the state of a unit")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UnitState, A::Error> {
        let mut unit = UnitState::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "machine" => unit.machine = map.next_value()?,
                "invocation" => unit.invocation = map.next_value()?,
                "times" => unit.times = map.next_value()?,
                "starts" => unit.starts = map.next_value()?,
                "start_limit_hit" => unit.start_limit_hit = map.next_value()?,
                "started_by" => unit.started_by = map.next_value()?,
                "triggered_by" => unit.triggered_by = map.next_value()?,
                "asked" => unit.asked = map.next_value()?,
                "connection" => unit.connection = map.next_value()?,
                "tested" => unit.tested = map.next_value()?,
                _ => drop(unit.unread.insert(key, map.next_value()?)),
            }
        }
        Ok(unit)
    }
}

/// What a timer or path tells the unit that it starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TriggeredBy {
    /// The job: a start by any other is not by the trigger.
    pub(crate) job: JobId,
    /// `TRIGGER_UNIT` and its like.
    pub(crate) environment: Vec<(String, String)>,
}

/// An accepted connection and its instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Connection {
    pub(crate) socket: UnitName,
    pub(crate) id: ConnectionId,
    pub(crate) environment: Vec<(String, String)>,
    /// Whom it comes from, as far as connections are counted; empty if nobody knows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) source: String,
    /// It was handed to a process.
    #[serde(default)]
    pub(crate) handed_over: bool,
}

/// The machine of a unit, by its kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Machine {
    Service(Box<Service>),
    Socket(Box<Socket>),
    Timer(Box<TimerUnit>),
    Path(Box<PathUnit>),
    Scope(Box<Scope>),
    Target(Target),
}

impl Default for Machine {
    fn default() -> Machine {
        Machine::Target(Target::Dead)
    }
}

impl Machine {
    /// The machine of a unit that never did anything. Kinds that are not run are shown like
    /// targets that are never reached, and what is always up needs nobody to start it.
    pub(crate) fn new(name: &UnitName) -> Machine {
        match name.kind() {
            UnitKind::Slice if name.is_perpetual() => Machine::Target(Target::Active),
            UnitKind::Service => Machine::Service(Box::default()),
            UnitKind::Socket => Machine::Socket(Box::default()),
            UnitKind::Timer => Machine::Timer(Box::default()),
            UnitKind::Path => Machine::Path(Box::default()),
            UnitKind::Scope => Machine::Scope(Box::default()),
            _ => Machine::default(),
        }
    }

    pub(crate) fn states(&self) -> (ActiveState, SubState) {
        match self {
            Machine::Service(service) => service.states(),
            Machine::Socket(socket) => socket.phase.states(),
            Machine::Timer(timer) => timer.phase.states(),
            Machine::Path(path) => path.phase.states(),
            Machine::Scope(scope) => scope.phase.states(),
            Machine::Target(target) => target.states(),
        }
    }
}

impl UnitState {
    pub(crate) fn new(name: &UnitName) -> UnitState {
        UnitState {
            machine: Machine::new(name),
            ..UnitState::default()
        }
    }

    pub(crate) fn active(&self) -> ActiveState {
        self.machine.states().0
    }

    pub(crate) fn service(&self) -> Option<&Service> {
        match &self.machine {
            Machine::Service(service) => Some(service),
            _ => None,
        }
    }

    pub(crate) fn socket(&self) -> Option<&Socket> {
        match &self.machine {
            Machine::Socket(socket) => Some(socket),
            _ => None,
        }
    }

    pub(crate) fn timer(&self) -> Option<&TimerUnit> {
        match &self.machine {
            Machine::Timer(timer) => Some(timer),
            _ => None,
        }
    }

    pub(crate) fn path(&self) -> Option<&PathUnit> {
        match &self.machine {
            Machine::Path(path) => Some(path),
            _ => None,
        }
    }
}

/// When a unit changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Times {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state_change: Option<Now>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) inactive_exit: Option<Now>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) active_enter: Option<Now>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) active_exit: Option<Now>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) inactive_enter: Option<Now>,
}

impl Times {
    pub(crate) fn moved(&mut self, from: ActiveState, to: ActiveState, now: Now) {
        let is_up = |state| matches!(state, ActiveState::Active | ActiveState::Reloading);
        self.state_change = Some(now);
        match (from.is_down(), to.is_down()) {
            (true, false) => self.inactive_exit = Some(now),
            (false, true) => self.inactive_enter = Some(now),
            _ => {}
        }
        match (is_up(from), is_up(to)) {
            (true, false) => self.active_exit = Some(now),
            (false, true) => self.active_enter = Some(now),
            _ => {}
        }
    }
}

/// A queued or running job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) unit: UnitName,
    pub(crate) kind: JobKind,
    pub(crate) mode: JobMode,
    #[serde(default)]
    pub(crate) running: bool,
    /// Nothing may replace it.
    #[serde(default)]
    pub(crate) irreversible: bool,
    /// Orderings are left aside.
    #[serde(default)]
    pub(crate) ignores_order: bool,
    /// Part of the transaction that boot waits for.
    #[serde(default)]
    pub(crate) boot: bool,
    /// When it has taken too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timer: Option<Timer>,
    /// What clients call it.
    #[serde(default)]
    pub(crate) tokens: BTreeSet<String>,
    /// A client knows its number: its result is kept for a while.
    #[serde(default)]
    pub(crate) asked_for: bool,
}

/// What became of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndedJob {
    pub(crate) result: JobResult,
    pub(crate) at: Monotonic,
    #[serde(default)]
    pub(crate) tokens: BTreeSet<String>,
}

/// How a transient unit ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndedRun {
    pub(crate) at: Monotonic,
    /// Which run it was.
    #[serde(default)]
    pub(crate) invocation: Invocation,
    pub(crate) end: RunEnd,
}

/// What concerns no single unit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Meta {
    pub(crate) mint: Mint,
    pub(crate) last_job: u32,
    /// Number of the last `Moved`.
    pub(crate) seq: u64,
    /// The first transaction was queued.
    pub(crate) started: bool,
    /// When the manager that queued it began to work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) awake: Option<Now>,
    /// When all of it had been tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) finished: Option<Now>,
    /// How many jobs there were, and how many of them failed.
    pub(crate) installed_jobs: u32,
    pub(crate) failed_jobs: u32,
    /// Services that miss their watchdog are left alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) watchdogs_ignored: bool,
    /// When it was queued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) begun: Option<Now>,
    /// When the files that are in force began to be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) units_read_at: Option<Now>,
    pub(crate) closing: Closing,
    /// Everything is started anew once it is stopped.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) restarting: bool,
    /// There is a candidate beside the definitions in force.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) staged: bool,
    /// What boot started; `None` is the default target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<UnitName>,
    /// Exit status of the whole program, once everything is stopped.
    pub(crate) status: u8,
    /// When stopping everything has taken long enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stop_limit: Option<Timer>,
    /// What clients changed of the manager's block: a value, or nothing for what is taken away.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) environment: BTreeMap<String, Option<String>>,
    /// Running units whose file is gone, and units kept on their last good definition.
    pub(crate) stale: BTreeSet<UnitName>,
    /// Fields of a newer version.
    #[serde(flatten)]
    pub(crate) unread: BTreeMap<String, Value>,
}

impl State {
    pub(crate) fn units(&self) -> &BTreeMap<UnitName, Box<UnitState>> {
        &self.units
    }

    pub(crate) fn unit(&self, name: &UnitName) -> Option<&UnitState> {
        self.units.get(name).map(|unit| &**unit)
    }

    /// The unit's state, to be changed. Made if there is none yet.
    pub(crate) fn unit_mut(&mut self, name: &UnitName) -> &mut UnitState {
        self.changed.insert(Key::Unit(name.clone()));
        self.units
            .entry(name.clone())
            .or_insert_with(|| Box::new(UnitState::new(name)))
    }

    /// The same, for changes that no record holds.
    pub(crate) fn unit_unrecorded(&mut self, name: &UnitName) -> &mut UnitState {
        self.units
            .entry(name.clone())
            .or_insert_with(|| Box::new(UnitState::new(name)))
    }

    pub(crate) fn remove_unit(&mut self, name: &UnitName) -> Option<Box<UnitState>> {
        self.changed.insert(Key::Unit(name.clone()));
        self.units.remove(name)
    }

    pub(crate) fn active(&self, name: &UnitName) -> ActiveState {
        match self.unit(name) {
            Some(unit) => unit.active(),
            None if name.is_perpetual() => ActiveState::Active,
            None => ActiveState::Inactive,
        }
    }

    pub(crate) fn jobs(&self) -> &BTreeMap<JobId, Job> {
        &self.jobs
    }

    pub(crate) fn job(&self, id: JobId) -> Option<&Job> {
        self.jobs.get(&id)
    }

    pub(crate) fn job_mut(&mut self, id: JobId) -> Option<&mut Job> {
        self.changed.insert(Key::Job(id));
        self.jobs.get_mut(&id)
    }

    /// The number and the job in a unit's slot.
    pub(crate) fn job_of(&self, name: &UnitName) -> Option<(JobId, &Job)> {
        let id = self.unit(name)?.job?;
        Some((id, self.jobs.get(&id)?))
    }

    pub(crate) fn add_job(&mut self, job: Job) -> JobId {
        let meta = self.meta_mut();
        // 0 is no number; a wrap-around after four thousand million jobs starts at 1 again.
        meta.last_job = meta.last_job.checked_add(1).unwrap_or(1);
        let id = JobId(meta.last_job);
        self.units
            .entry(job.unit.clone())
            .or_insert_with(|| Box::new(UnitState::new(&job.unit)))
            .job = Some(id);
        self.jobs.insert(id, job);
        self.changed.insert(Key::Job(id));
        id
    }

    pub(crate) fn remove_job(&mut self, id: JobId) -> Option<Job> {
        let job = self.jobs.remove(&id)?;
        self.changed.insert(Key::Job(id));
        if let Some(unit) = self.units.get_mut(&job.unit)
            && unit.job == Some(id)
        {
            unit.job = None;
        }
        Some(job)
    }

    pub(crate) fn ended(&self) -> &BTreeMap<JobId, EndedJob> {
        &self.ended
    }

    pub(crate) fn keep_ended(&mut self, id: JobId, job: EndedJob) {
        self.changed.insert(Key::Ended(id));
        self.ended.insert(id, job);
    }

    pub(crate) fn runs(&self) -> &BTreeMap<UnitName, EndedRun> {
        &self.runs
    }

    /// Keeps how a run ended, if that is not known yet: a failure that is forgotten was one.
    pub(crate) fn keep_run(&mut self, unit: &UnitName, run: EndedRun) {
        let held = self.runs.get(unit);
        if held.is_some_and(|held| held.invocation == run.invocation) {
            return;
        }
        self.changed.insert(Key::Run(unit.clone()));
        self.runs.insert(unit.clone(), run);
    }

    /// Forgets results that are older than `before`.
    pub(crate) fn forget_ended(&mut self, before: Monotonic) {
        let old: Vec<JobId> = self
            .ended
            .iter()
            .filter(|(_, job)| job.at < before)
            .map(|(id, _)| *id)
            .collect();
        for id in old {
            self.ended.remove(&id);
            self.changed.insert(Key::Ended(id));
        }
        let old: Vec<UnitName> = self
            .runs
            .iter()
            .filter(|(_, run)| run.at < before)
            .map(|(unit, _)| unit.clone())
            .collect();
        for unit in old {
            self.runs.remove(&unit);
            self.changed.insert(Key::Run(unit));
        }
    }

    pub(crate) fn meta(&self) -> &Meta {
        &self.meta
    }

    pub(crate) fn meta_mut(&mut self) -> &mut Meta {
        self.changed.insert(Key::Meta);
        &mut self.meta
    }

    pub(crate) fn take_changed(&mut self) -> BTreeSet<Key> {
        std::mem::take(&mut self.changed)
    }

    /// Puts a record back, as it was read. Its unit's job slot is filled from the jobs.
    pub(crate) fn restore(&mut self, record: crate::record::Record) {
        use crate::record::Record;
        match record {
            Record::Meta(meta) => self.meta = *meta,
            Record::Unit(name, unit) => {
                let job = self.units.get(&name).and_then(|unit| unit.job);
                let mut unit = UnitState { job, ..*unit };
                if name.is_perpetual() {
                    // In older records such a one can be down.
                    unit.machine = Machine::new(&name);
                }
                self.units.insert(name, Box::new(unit));
            }
            Record::Job(id, job) => {
                self.units
                    .entry(job.unit.clone())
                    .or_insert_with(|| Box::new(UnitState::new(&job.unit)))
                    .job = Some(id);
                self.jobs.insert(id, job);
            }
            Record::Ended(id, job) => {
                self.ended.insert(id, job);
            }
            Record::Run(unit, run) => {
                self.runs.insert(unit, *run);
            }
        }
    }
}
