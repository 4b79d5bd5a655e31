//! What must hold in every schedule.

use std::collections::{BTreeMap, BTreeSet};

use engine::Engine;
use engine::Now;
use engine::action::{Role, Spawn};
use engine::change::Moved;
use engine::command::Verb;
use engine::job::{JobId, JobKind};
use engine::view::systemd::{ActiveState, SubState};
use units::value::{CollectMode, EmergencyAction, ExitType, ServiceType};
use units::{Dependency, Effect, UnitKind, UnitName, UnitSet};

use super::processes::{Process, spares};

#[derive(Debug, Default)]
pub(crate) struct Invariants {
    last_seq: u64,
    last: BTreeMap<UnitName, (ActiveState, SubState)>,
    starts: BTreeMap<UnitName, Vec<u64>>,
    /// Units whose stop was done, and nobody asked for anything since.
    stopped: BTreeSet<UnitName>,
    /// What each waiting timer says it waits for: in real time, and in monotonic time.
    waits: BTreeMap<UnitName, (Option<u64>, Option<u64>)>,
    /// The moment of the calendar at which each timer last elapsed.
    elapsed: BTreeMap<UnitName, u64>,
    was_reloaded: bool,
    was_killed: bool,
    /// Everything is being stopped.
    closing: bool,
    /// The status that an action ends everything with.
    ends_with: Option<u8>,
    /// Units whose turn to start came when their conditions were tested. That takes its time, and
    /// what is queued meanwhile is none of their business.
    tested: BTreeSet<UnitName>,
    /// The last job of each unit that was to bring it up.
    wanted: BTreeMap<UnitName, JobId>,
    /// How many jobs a unit had.
    jobs: BTreeMap<UnitName, u32>,
}

/// So often a unit is started or stopped because of how others are, and not more.
const MOST_ADJUSTED: u32 = 16;

impl Invariants {
    /// A client asked for something, or a connection came in: a stopped unit may start again.
    pub(crate) fn asked(&mut self) {
        self.stopped.clear();
        self.starts.clear();
    }

    pub(crate) fn killed(&mut self) {
        self.was_killed = true;
    }

    /// Nothing is known of the unit any more.
    pub(crate) fn removed(&mut self, unit: &UnitName) {
        self.last.remove(unit);
    }

    /// A group is not in force any more: nothing of it runs.
    pub(crate) fn group_removed(&mut self, group: &str, living: &[Process]) {
        let ours = |unit: &UnitName| {
            units::group::group_and_process(unit).is_some_and(|(name, _)| name == group)
        };
        let left: Vec<&Process> = living
            .iter()
            .filter(|process| !process.spared && ours(&process.unit))
            .collect();
        assert!(
            left.is_empty(),
            "group {group} is removed and runs: {left:?}"
        );
    }

    pub(crate) fn job_new(&mut self, unit: &UnitName, job: JobId, kind: JobKind) {
        *self.jobs.entry(unit.clone()).or_default() += 1;
        self.tested.remove(unit);
        self.wants(unit, job, kind);
    }

    fn wants(&mut self, unit: &UnitName, job: JobId, kind: JobKind) {
        let starts = matches!(
            kind,
            JobKind::Start | JobKind::Restart | JobKind::TryRestart | JobKind::ReloadOrStart
        );
        if starts {
            let last = self.wanted.entry(unit.clone()).or_default();
            *last = job.max(*last);
        }
    }

    pub(crate) fn closing(&mut self, restarting: bool) {
        self.closing = true;
        self.was_reloaded |= restarting;
    }

    /// R1: what refuses to be started or stopped by hand is not.
    pub(crate) fn granted(&self, engine: &Engine, unit: &UnitName, verb: Verb) {
        let Some(definition) = engine.definition(unit).filter(|_| !self.was_reloaded) else {
            return;
        };
        let refused = match verb {
            Verb::Stop => definition.refuse_manual_stop(),
            Verb::Restart => definition.refuse_manual_start() || definition.refuse_manual_stop(),
            Verb::Start => definition.refuse_manual_start(),
            _ => false,
        };
        assert!(!refused, "R1: {verb:?} of {unit} was granted");
    }

    /// E1: where an action ended everything, its status is that of the whole.
    pub(crate) fn halts(&self, status: u8) {
        if let Some(expected) = self.ends_with {
            assert_eq!(status, expected, "E1: the status of the action was lost");
        }
    }

    pub(crate) fn reloaded(&mut self) {
        self.was_reloaded = true;
    }

    /// A job was done as wished. Where it was a stop that somebody asked for, and nobody else
    /// could want the unit up, it is to stay down.
    pub(crate) fn job_done(&mut self, engine: &Engine, unit: &UnitName, kind: Option<JobKind>) {
        let set = engine.definitions();
        let wanted_by_none = set.dependencies(unit).all(|(word, _)| {
            !word.inverse().has(Effect::PullInStart)
                && !word.inverse().has(Effect::PullInStartIgnored)
                && !word.has(Effect::TriggeredBy)
                && !matches!(word, Dependency::OnFailureOf | Dependency::OnSuccessOf)
        });
        if kind == Some(JobKind::Stop) && wanted_by_none && !self.was_reloaded {
            self.stopped.insert(unit.clone());
        }
    }

    /// Every unit that ever moved.
    pub(crate) fn seen(&self) -> impl Iterator<Item = &UnitName> {
        self.last.keys()
    }

    /// Changes are told in order, without gaps, and each begins where the last one ended.
    pub(crate) fn moved(&mut self, engine: &Engine, moved: &Moved) {
        assert!(
            moved.seq > self.last_seq,
            "{moved:?} comes after {}",
            self.last_seq
        );
        self.last_seq = moved.seq;
        assert_ne!(moved.from, moved.to, "{moved:?}");
        if let Some(last) = self.last.get(&moved.unit) {
            // What was published right before a kill is told by nobody.
            assert!(
                *last == moved.from || self.was_killed,
                "{moved:?} begins at {last:?}"
            );
        }
        self.last.insert(moved.unit.clone(), moved.to);
        let failed = moved.to.0 == ActiveState::Failed && moved.from.0 != ActiveState::Failed;
        let definition = engine.definition(&moved.unit);
        if failed && !self.closing && !self.was_reloaded && self.ends_with.is_none() {
            let acts = definition.filter(|unit| unit.failure_action() == EmergencyAction::Exit);
            self.ends_with = acts.and_then(|unit| unit.failure_action_exit_status());
        }
        let down = |state| matches!(state, ActiveState::Inactive | ActiveState::Failed);
        if down(moved.from.0)
            && !down(moved.to.0)
            && moved.to.1 != SubState::AutoRestart
            && !self.tested.remove(&moved.unit)
        {
            self.begins(engine, &moved.unit);
        }
    }

    /// I5: a unit begins to start.
    fn begins(&mut self, engine: &Engine, unit: &UnitName) {
        if self.was_reloaded {
            return;
        }
        let set = engine.definitions();
        for (word, other) in set.dependencies(unit) {
            if word != Dependency::Requires
                || !set
                    .dependencies(unit)
                    .any(|(word, name)| word == Dependency::After && name == other)
            {
                continue;
            }
            if waits_for(set, other, unit) {
                // They wait for each other in a circle: one of them had to go first.
                continue;
            }
            let starting = engine
                .jobs()
                .into_iter()
                .any(|job| job.unit == *other && job.kind == JobKind::Start);
            assert!(
                !starting,
                "I5: {unit} starts before {other}, which it requires and comes after"
            );
        }
    }

    /// I6, I7: when a unit may start.
    pub(crate) fn spawn(&mut self, engine: &Engine, spawn: &Spawn, now: u64) {
        let unit = &spawn.unit;
        let view = engine.unit(unit).unwrap();
        assert!(
            view.definition.is_some(),
            "{unit} starts, and its group is not in force"
        );
        let first = match spawn.role {
            Role::StartPre => true,
            Role::Main => view
                .definition
                .as_ref()
                .is_some_and(|unit| unit.exec_start_pre().is_empty()),
            _ => false,
        };
        if !first {
            return;
        }
        for tests in [&view.conditions, &view.asserts] {
            assert!(
                tests.tests.is_empty() || tests.result || self.was_reloaded,
                "C2: {unit} starts although {:?}",
                tests.tests
            );
        }
        assert!(
            !self.stopped.contains(unit),
            "I6: {unit} was stopped and starts by itself"
        );
        let starts = self.starts.entry(unit.clone()).or_default();
        starts.push(now);
        // The window of a limit is not sliding: at its edge two bursts may meet. Shortages make
        // attempts that are no starts, so the count is generous.
        let recent = starts.iter().filter(|at| now - **at <= 10_000_000).count();
        assert!(
            recent <= 40,
            "I7: {unit} starts {recent} times in ten seconds"
        );
    }

    /// C1: only what is down is tested (or about to restart in direct mode), and for a start job whose turn has come.
    pub(crate) fn check(&mut self, engine: &Engine, unit: &UnitName) {
        let view = engine.unit(unit).unwrap();
        assert!(
            matches!(view.active, ActiveState::Inactive | ActiveState::Failed)
                || view.sub == SubState::AutoRestart,
            "C1: {unit} is tested while it is {}",
            view.sub.as_str()
        );
        if self.tested.insert(unit.clone()) {
            self.begins(engine, unit);
        }
    }

    /// I1: at most one main process for each unit.
    pub(crate) fn born(&mut self, engine: &Engine, process: &Process, living: &[Process]) {
        let (unit, units) = (&process.unit, engine.definitions());
        if process.role != Role::Main || spares(units, unit) || self.was_reloaded {
            return;
        }
        let view = engine.unit(unit).unwrap();
        let forks = view
            .definition
            .is_some_and(|unit| unit.service_type() == ServiceType::Forking);
        // Somebody named the main process before the start command could be run.
        let early = forks && view.sub == SubState::Start;
        let twin = living
            .iter()
            .filter(|other| other.unit == *unit && other.role == Role::Main)
            .find(|other| !(other.spared || early && other.named));
        assert!(twin.is_none(), "I1: {process:?} is started beside {twin:?}");
    }

    /// I4, I5: what holds between units after every event.
    pub(crate) fn after_event(&mut self, engine: &Engine, names: &[UnitName]) {
        if self.was_reloaded {
            return;
        }
        let set = engine.definitions();
        let jobs = engine.jobs();
        for job in &jobs {
            // Also of one that nobody was told of, since the manager was killed just then.
            self.wants(&job.unit, job.id, job.kind);
        }
        let active = |name: &UnitName| engine.unit(name).unwrap().active;
        for name in names {
            for (word, other) in set.dependencies(name) {
                let after = || {
                    set.dependencies(name)
                        .any(|(word, found)| word == Dependency::After && found == other)
                };
                match word {
                    // Where the other one's job is the later one, its own transaction may have let
                    // this one be: mode `fail` stops nothing it can do without, as systemd.
                    // A unit's view is much to build, so it is asked for last.
                    Dependency::Conflicts if self.wanted_later(name, other) && after() => {
                        let resolved = jobs.iter().any(|job| {
                            (job.unit == *name || job.unit == *other) && job.kind != JobKind::Start
                        });
                        let is_active = |unit: &UnitName| active(unit) == ActiveState::Active;
                        assert!(
                            resolved || !is_active(name) || !is_active(other),
                            "I4: {name} and {other} are both active"
                        );
                    }
                    Dependency::Requires => {
                        let stops = jobs.iter().any(|job| {
                            job.unit == *other
                                && job.running
                                && job.kind == JobKind::Stop
                                && job.mode != engine::job::JobMode::ReplaceIrreversibly
                        });
                        let going = jobs
                            .iter()
                            .any(|job| job.unit == *name && job.kind == JobKind::Start);
                        if !stops || going || !after() || waits_for(set, other, name) {
                            continue;
                        }
                        let down =
                            matches!(active(name), ActiveState::Inactive | ActiveState::Failed);
                        assert!(down, "I5: {other} stops before {name}, which requires it");
                    }
                    _ => {}
                }
            }
        }
    }

    /// What timers say they wait for, now.
    pub(crate) fn timers_wait(&mut self, engine: &Engine) {
        self.waits.clear();
        for unit in self
            .last
            .keys()
            .filter(|unit| unit.kind() == UnitKind::Timer)
        {
            let view = engine.unit(unit).unwrap();
            if let Some(timer) = view.timer.filter(|_| view.sub == SubState::Waiting) {
                let next = (timer.next_realtime, timer.next_monotonic);
                self.waits.insert(unit.clone(), next);
            }
        }
    }

    /// Each waiting timer, with what it waits for.
    pub(crate) fn waiting_timers(
        &self,
    ) -> impl Iterator<Item = (&UnitName, (Option<u64>, Option<u64>))> {
        self.waits.iter().map(|(unit, waits)| (unit, *waits))
    }

    /// The clock was set: what elapsed may elapse again.
    pub(crate) fn clock_set(&mut self) {
        self.elapsed.clear();
    }

    /// Timers never elapse early, and never twice for one moment.
    pub(crate) fn timer_moved(&mut self, engine: &Engine, moved: &Moved, now: Now) {
        let unit = &moved.unit;
        if unit.kind() != UnitKind::Timer {
            return;
        }
        if moved.to.1 == SubState::Dead {
            self.elapsed.remove(unit);
        }
        let definition = engine.definition(unit);
        let by_clock = definition.is_none_or(|unit| unit.on_clock_change());
        let Some((realtime, monotonic)) = self.waits.get(unit).copied() else {
            return;
        };
        if moved.to.1 != SubState::Running || by_clock || self.was_reloaded {
            return;
        }
        let by_calendar = realtime.is_some_and(|at| at <= now.realtime.0);
        let otherwise = monotonic.is_some_and(|at| at <= now.monotonic.0);
        assert!(
            by_calendar || otherwise,
            "T1: {unit} elapses early: {realtime:?} {monotonic:?} at {now:?}"
        );
        if let Some(at) = realtime.filter(|_| by_calendar) {
            let before = self.elapsed.insert(unit.clone(), at);
            assert!(
                before < Some(at),
                "T2: {unit} elapses twice for {at}: {before:?}"
            );
        }
    }

    /// L3: at rest no unit is on its way anywhere, and who runs has a process that does.
    pub(crate) fn at_rest(
        &mut self,
        engine: &Engine,
        living: &[Process],
        awaited: impl Fn(&UnitName) -> bool,
    ) {
        self.transient_are_forgotten(engine);
        for unit in self.last.keys() {
            let view = engine.unit(unit).unwrap();
            let transient = matches!(view.active, ActiveState::Deactivating);
            assert!(!transient, "L3: {unit} stays {}", view.sub.as_str());
            let Some(service) = view.service else {
                continue;
            };
            let jobs = self.jobs.get(unit).copied().unwrap_or_default();
            if !self.was_reloaded && jobs < MOST_ADJUSTED {
                self.needs_are_met(engine, unit);
            }
            let forking = view.definition.is_some_and(|unit| {
                unit.service_type() == ServiceType::Forking || unit.exit_type() == ExitType::Cgroup
            });
            let lives = |pid: u32| {
                living
                    .iter()
                    .any(|process| process.pid == pid && process.unit == *unit)
            };
            let group = || living.iter().any(|process| process.unit == *unit);
            assert!(
                view.sub != SubState::Running || group() || awaited(unit) || self.was_reloaded,
                "L3: {unit} runs, no process of it lives, and nobody will tell"
            );
            match service.main_pid {
                Some(pid) => assert!(lives(pid), "I2: the end of {unit}'s process {pid} was lost"),
                None => assert!(
                    view.sub != SubState::Running || forking || self.was_reloaded,
                    "L3: {unit} runs without a process"
                ),
            }
        }
    }
}

impl Invariants {
    /// Whether a unit was to come up after another one was.
    fn wanted_later(&self, unit: &UnitName, other: &UnitName) -> bool {
        self.wanted.get(unit) > self.wanted.get(other)
    }

    /// F1: what clients defined is forgotten once it is over.
    fn transient_are_forgotten(&self, engine: &Engine) {
        for definition in engine.kept() {
            let unit = definition.name();
            if !engine.is_transient(unit) {
                continue;
            }
            let view = engine.unit(unit).unwrap();
            let over = match view.active {
                ActiveState::Inactive => true,
                ActiveState::Failed => definition.collect_mode() == CollectMode::InactiveOrFailed,
                _ => false,
            };
            let mut ties = engine.dependencies(unit);
            let waits = ties.any(|(word, _)| word == Dependency::TriggeredBy);
            assert!(!over || waits, "F1: {unit} is over, and still there");
        }
    }

    /// Whether a service lives by its name on the bus, and did so when it was started.
    pub(crate) fn lives_by_name(&self, engine: &Engine, unit: &UnitName) -> bool {
        let definition = engine.definition(unit);
        let is_dbus = definition.is_some_and(|unit| unit.service_type() == ServiceType::Dbus);
        is_dbus && !self.was_reloaded
    }

    /// A service that lives by its name on the bus has started.
    pub(crate) fn has_started_by_name(&self, engine: &Engine, moved: &Moved) -> bool {
        moved.from.0 == ActiveState::Activating
            && moved.to.1 == SubState::Running
            && self.lives_by_name(engine, &moved.unit)
    }

    /// N1: at rest nobody is up who should not be, and nobody down who is to be kept up.
    fn needs_are_met(&self, engine: &Engine, unit: &UnitName) {
        let set = engine.definitions();
        let active = |name: &UnitName| engine.unit(name).unwrap().active;
        let is_down =
            |name: &UnitName| matches!(active(name), ActiveState::Inactive | ActiveState::Failed);
        let others = |effect: Effect| set.with_effect(unit, effect).collect::<Vec<_>>();
        let Some(definition) = engine.definition(unit) else {
            return;
        };
        if active(unit) == ActiveState::Active {
            let missing = others(Effect::CannotBeActiveWithout)
                .into_iter()
                .find(|other| is_down(other));
            assert!(missing.is_none(), "N1: {unit} is up without {missing:?}");
            let needed = others(Effect::NeededBy)
                .into_iter()
                .any(|other| !is_down(other));
            assert!(
                needed || !definition.stop_when_unneeded(),
                "N1: {unit} is up and nobody needs it"
            );
        } else if is_down(unit) {
            let keeper = others(Effect::KeptUp)
                .into_iter()
                .find(|other| active(other) == ActiveState::Active);
            let conflicting = [Effect::PullInStop, Effect::PullInStopIgnored]
                .into_iter()
                .flat_map(others)
                .any(|other| !is_down(other));
            assert!(
                keeper.is_none() || conflicting,
                "N1: {unit} is down although {keeper:?} upholds it"
            );
        }
    }
}

/// Whether one unit comes after another, directly or not.
fn waits_for(set: &UnitSet, unit: &UnitName, other: &UnitName) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = vec![unit];
    while let Some(unit) = next.pop() {
        if unit == other {
            return true;
        }
        if seen.insert(unit) {
            next.extend(set.with_effect(unit, Effect::OrderAfter));
        }
    }
    false
}
