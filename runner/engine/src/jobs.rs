//! Jobs: queued, run, ended.

use std::collections::BTreeSet;

use units::value::{RestartMode, Span};
use units::{SettingId, UnitKind, UnitName};

use crate::Engine;
use crate::action::{Action, Level, MessageId};
use crate::cause::{Asked, Cause};
use crate::change::Change;
use crate::clock::Monotonic;
use crate::command::{Answer, Refusal};
use crate::job::merge::{collapsed, conflicting, covers, merged};
use crate::job::{JobId, JobKind, JobMode, JobResult, RESULT_KEPT};
use crate::machine::Closing;
use crate::path_unit::PathEvent;
use crate::scope::ScopeEvent;
use crate::service::{Phase, ServiceEvent};
use crate::socket::SocketEvent;
use crate::state::{EndedJob, Job, UnitState};
use crate::target::TargetEvent;
use crate::timer::Timer;
use crate::timer_unit::TimerEvent;
use crate::transaction::{self, World};
use crate::view::systemd::ActiveState;

impl Engine {
    /// Queues a job and all that it pulls in.
    pub(crate) fn submit(
        &mut self,
        unit: &UnitName,
        kind: JobKind,
        mode: JobMode,
        cause: Cause,
    ) -> Result<JobId, Refusal> {
        self.submit_marked(unit, kind, mode, cause, false)
    }

    pub(crate) fn submit_marked(
        &mut self,
        unit: &UnitName,
        kind: JobKind,
        mode: JobMode,
        cause: Cause,
        boot: bool,
    ) -> Result<JobId, Refusal> {
        let unit = &self.definitions.own_name(unit);
        self.ensure(unit);
        let world = World {
            definitions: &self.definitions,
            state: &self.state,
        };
        let mut plan = transaction::build(world, unit, kind, mode)?;
        self.in_order_of_groups(&mut plan.jobs);
        for note in plan.notes {
            self.log(Some(unit), Level::Warning, MessageId::CycleBroken, note);
        }
        if matches!(mode, JobMode::Isolate | JobMode::Flush) {
            self.flush_all_but(&plan.jobs);
        }
        let mut anchor = None;
        for (unit, kind) in plan.jobs {
            let cause = match plan.pulled_in.remove(&unit) {
                Some((by, true)) => Cause::Conflict(by),
                Some((by, false)) => Cause::PulledIn(by),
                None => cause.clone(),
            };
            let id = self.install(&unit, kind, mode, cause, boot);
            anchor.get_or_insert(id);
        }
        anchor.ok_or_else(|| Refusal::Invalid("nothing is left of the transaction".to_owned()))
    }

    /// Takes every queued job back whose unit is not in the transaction. Nobody fails by that.
    fn flush_all_but(&mut self, planned: &[(UnitName, JobKind)]) {
        let stay: BTreeSet<&UnitName> = planned.iter().map(|(unit, _)| unit).collect();
        let others: Vec<JobId> = self
            .state
            .jobs()
            .iter()
            .filter(|(_, job)| !stay.contains(&job.unit))
            .map(|(id, _)| *id)
            .collect();
        for id in others {
            self.end_job(id, JobResult::Canceled);
        }
    }

    /// Makes an instance of a template known, if that is what the name asks for.
    pub(crate) fn ensure(&mut self, unit: &UnitName) {
        if self.definitions.ensure(unit) {
            self.actions
                .push(Action::Publish(Change::UnitNew(unit.clone())));
        }
    }

    /// Puts a job into its unit's slot; joins the one that is there if it does the same.
    pub(crate) fn install(
        &mut self,
        unit: &UnitName,
        kind: JobKind,
        mode: JobMode,
        cause: Cause,
        boot: bool,
    ) -> JobId {
        let irreversible = mode == JobMode::ReplaceIrreversibly;
        if let Some((id, queued)) = self.state.job_of(unit) {
            if conflicting(queued.kind, kind) {
                self.finish_job(id, JobResult::Canceled);
            } else {
                let together = merged(queued.kind, kind).unwrap_or(kind);
                let active = self.state.active(unit);
                let together = collapsed(together, active);
                // As systemd: what is on its way up is taken for reloaded once it is there. That is
                // also what waits for its next attempt, which this job is.
                let starts_afresh = queued.kind == JobKind::Start
                    && matches!(kind, JobKind::Reload | JobKind::ReloadOrStart)
                    && (queued.running || active == ActiveState::Activating);
                let joined = queued.running && covers(queued.kind, kind)
                    || starts_afresh
                    || together == queued.kind;
                if let Some(job) = self.state.job_mut(id) {
                    job.irreversible |= irreversible;
                    if !joined {
                        job.kind = together;
                        job.running = false;
                    }
                }
                if !joined {
                    self.note_cause(unit, id, together, cause);
                    self.leave_tests(unit);
                    self.queue.tie(&self.definitions, &self.state, id);
                    self.untangle(vec![id]);
                }
                return id;
            }
        }
        let id = self.state.add_job(Job {
            unit: unit.clone(),
            kind,
            mode,
            running: false,
            irreversible,
            ignores_order: mode == JobMode::IgnoreDependencies,
            boot,
            timer: None,
            tokens: BTreeSet::new(),
            asked_for: false,
        });
        let limit = self
            .definitions
            .get(unit)
            .map(|unit| unit.job_timeout_sec());
        self.limit_job(id, limit);
        self.boot_jobs += usize::from(boot);
        self.note_cause(unit, id, kind, cause);
        self.queue.tie(&self.definitions, &self.state, id);
        let meta = self.state.meta_mut();
        meta.installed_jobs = meta.installed_jobs.wrapping_add(1);
        self.refresh.insert(unit.clone());
        self.actions.push(Action::Publish(Change::JobNew {
            job: id,
            unit: unit.clone(),
            kind,
        }));
        id
    }

    /// Notes why the unit has the job, for whoever asks afterwards.
    fn note_cause(&mut self, unit: &UnitName, job: JobId, kind: JobKind, cause: Cause) {
        let at = self.now;
        self.state.unit_mut(unit).asked = Some(Box::new(Asked {
            job,
            kind,
            at,
            cause,
            ended: None,
            blame: None,
        }));
    }

    /// Notes which unit is to blame for the end of a unit's job.
    fn blame(&mut self, unit: &UnitName, other: &UnitName) {
        if let Some(asked) = &mut self.state.unit_mut(unit).asked {
            asked.blame = Some(other.clone());
        }
    }

    /// A job's turn has come.
    pub(crate) fn run_job(&mut self, id: JobId) {
        let Some(job) = self.state.job(id) else {
            return;
        };
        let unit = job.unit.clone();
        let active = self.state.active(&unit);
        let kind = collapsed(job.kind, active);
        if kind != job.kind
            && let Some(job) = self.state.job_mut(id)
        {
            job.kind = kind;
        }
        let is_down = active.is_down();
        match (kind, active) {
            (JobKind::Nop, _) => self.finish_job(id, JobResult::Done),
            (JobKind::VerifyActive, ActiveState::Active | ActiveState::Reloading) => {
                self.finish_job(id, JobResult::Done);
            }
            (JobKind::VerifyActive, ActiveState::Activating) => self.set_running(id),
            (JobKind::VerifyActive, _) => self.finish_job(id, JobResult::Skipped),
            (JobKind::Start, ActiveState::Active | ActiveState::Reloading) => {
                self.finish_job(id, JobResult::Done);
            }
            (JobKind::Start, ActiveState::Activating) => self.join_start(id, &unit),
            (JobKind::Start, ActiveState::Deactivating) => {}
            (JobKind::Start, ActiveState::Inactive | ActiveState::Failed) => {
                self.begin_start(id, &unit)
            }
            (JobKind::Stop, _) if is_down => self.finish_job(id, JobResult::Done),
            (JobKind::Restart | JobKind::TryRestart, _) if is_down => {
                self.restart_becomes_start(id);
            }
            (JobKind::Stop | JobKind::Restart | JobKind::TryRestart, _) => {
                self.set_running(id);
                self.stop_unit(&unit);
            }
            // Only what is reloaded with it matters.
            (JobKind::Reload, ActiveState::Active) if unit.kind() != UnitKind::Service => {
                self.finish_job(id, JobResult::Done);
            }
            (JobKind::Reload, ActiveState::Active) => {
                self.set_running(id);
                self.service_step(&unit, ServiceEvent::Reload);
                if self.state.active(&unit) == ActiveState::Active && self.moves.is_empty() {
                    // It has no exec-reload any more.
                    self.finish_job(id, JobResult::Invalid);
                }
            }
            (
                JobKind::Reload,
                ActiveState::Reloading | ActiveState::Activating | ActiveState::Deactivating,
            ) => {}
            (JobKind::Reload, ActiveState::Inactive | ActiveState::Failed) => {
                self.finish_job(id, JobResult::Invalid);
            }
            (JobKind::ReloadOrStart | JobKind::TryReload, _) => {
                self.finish_job(id, JobResult::Invalid)
            }
        }
    }

    fn set_running(&mut self, id: JobId) {
        if let Some(job) = self.state.job_mut(id) {
            job.running = true;
            let unit = job.unit.clone();
            let definition = self.definitions.get(&unit);
            self.limit_job(id, definition.map(|unit| unit.job_running_timeout_sec()));
            self.refresh.insert(unit);
        }
    }

    /// A job may take so long from now on; of two limits the earlier one counts.
    fn limit_job(&mut self, id: JobId, limit: Option<Span>) {
        let Some(span) = limit.filter(|span| !span.is_infinite()) else {
            return;
        };
        let due = self.now.monotonic.after(span.as_micros());
        let old = self.state.job(id).and_then(|job| job.timer);
        if old.zip(due).is_some_and(|(old, due)| old.at <= due) {
            return;
        }
        if let Some(old) = old {
            self.job_timers.remove(&old.ticket);
            old.cancel(&mut self.actions);
        }
        let mint = &mut self.state.meta_mut().mint;
        let timer = Timer::arm(mint, &mut self.actions, self.now, span);
        if let Some(timer) = timer {
            self.job_timers.insert(timer.ticket, id);
        }
        if let Some(job) = self.state.job_mut(id) {
            job.timer = timer;
        }
    }

    /// A job has taken too long: it is given up, and what it began goes on.
    pub(crate) fn job_timed_out(&mut self, id: JobId) {
        let Some(job) = self.state.job_mut(id) else {
            return;
        };
        job.timer = None;
        let (unit, kind) = (job.unit.clone(), job.kind);
        let action = self
            .definitions
            .get(&unit)
            .map(|unit| unit.job_timeout_action());
        self.finish_job(id, JobResult::Timeout);
        if let Some(action) = action {
            let why = format!("the {} of {unit} took too long", kind.as_str());
            self.emergency(&unit, action, None, &why);
        }
    }

    /// A start job meets a unit that is on its way up.
    fn join_start(&mut self, id: JobId, unit: &UnitName) {
        let service = self.state.unit(unit).and_then(UnitState::service);
        match service.map(|service| &service.phase) {
            // As systemd: what is about to restart is left to do so.
            Some(Phase::AutoRestart { timer: Some(_) }) => {}
            Some(Phase::AutoRestart { timer: None }) => {
                let mode = self.definitions.get(unit).map(|unit| unit.restart_mode());
                if mode == Some(RestartMode::Direct) {
                    self.begin_start(id, unit);
                } else {
                    // Its restart job made room for others: this is it now.
                    self.stop_unit(unit);
                }
            }
            _ => self.set_running(id),
        }
    }

    pub(crate) fn stop_unit(&mut self, unit: &UnitName) {
        match unit.kind() {
            UnitKind::Service => self.service_step(unit, ServiceEvent::Stop),
            UnitKind::Socket => self.socket_step(unit, SocketEvent::Stop),
            UnitKind::Timer => self.timer_step(unit, TimerEvent::Stop),
            UnitKind::Path => self.path_step(unit, PathEvent::Stop),
            UnitKind::Scope => self.scope_step(unit, ScopeEvent::Stop),
            _ => {
                self.target_step(unit, TargetEvent::Stop);
            }
        }
    }

    /// The stop half of a restart is done.
    pub(crate) fn restart_becomes_start(&mut self, id: JobId) {
        if let Some(job) = self.state.job_mut(id) {
            job.kind = JobKind::Start;
            job.running = false;
            self.queue.tie(&self.definitions, &self.state, id);
            self.untangle(vec![id]);
        }
    }

    /// Queued jobs that wait for each other would wait for ever: one of each circle stops to wait.
    /// Transactions have no circles; this is for jobs whose kind or definition changed since.
    pub(crate) fn untangle(&mut self, from: Vec<JobId>) {
        while let Some(circle) = self.queue.circle(from.iter().copied()) {
            let Some(id) = circle.into_iter().max() else {
                return;
            };
            let Some(job) = self.state.job_mut(id) else {
                return;
            };
            job.ignores_order = true;
            let unit = job.unit.clone();
            self.queue.tie(&self.definitions, &self.state, id);
            let text = format!("the job of {unit} waits in a circle: it goes first");
            self.log(Some(&unit), Level::Warning, MessageId::CycleBroken, text);
        }
    }

    /// A start job's turn has come, and the unit is down.
    fn begin_start(&mut self, id: JobId, unit: &UnitName) {
        if self.state.meta().closing != Closing::No {
            return self.finish_job(id, JobResult::Canceled);
        }
        let Some(definition) = self
            .definitions
            .get(unit)
            .filter(|definition| definition.is_loaded())
        else {
            // Its file went away, or broke, since the job was queued.
            self.log(
                Some(unit),
                Level::Error,
                MessageId::JobFailed,
                format!("{unit} cannot be loaded"),
            );
            return self.finish_job(id, JobResult::Invalid);
        };
        let refused = self.trigger_start_refused(unit);
        if let Some(why) = refused.or_else(|| self.socket_start_refused(unit)) {
            self.log(Some(unit), Level::Error, MessageId::JobFailed, why);
            return self.finish_job(id, JobResult::Failed);
        }
        self.set_running(id);
        if !self.test_before_start(unit, &definition) {
            self.start_unit(id, unit);
        }
    }

    /// Starts a unit of which all that must hold does.
    pub(crate) fn start_unit(&mut self, id: JobId, unit: &UnitName) {
        if let Some(missing) = self.missing_bond(unit) {
            let text = format!("{unit} is bound to {missing}, which is not active");
            self.log(Some(unit), Level::Notice, MessageId::JobFailed, text);
            self.blame(unit, &missing);
            return self.finish_job(id, JobResult::Dependency);
        }
        if self.is_started_too_often(id, unit) {
            return;
        }
        let follows_its_file = !self.definitions.kept().contains_key(unit);
        let meta = self.state.meta_mut();
        let invocation = meta.mint.invocation();
        if follows_its_file {
            meta.stale.remove(unit);
        }
        let state = self.state.unit_mut(unit);
        state.invocation = invocation;
        // Whoever starts it now, it is not who triggered it then.
        state.triggered_by.take_if(|by| by.job != id);
        match unit.kind() {
            UnitKind::Service => self.service_step(unit, ServiceEvent::Start),
            UnitKind::Socket => self.socket_step(unit, SocketEvent::Start),
            UnitKind::Timer => self.timer_step(unit, TimerEvent::Start),
            UnitKind::Scope => self.scope_step(unit, ScopeEvent::Start),
            UnitKind::Path => {
                let unit_runs = self.unit_of_path_runs(unit);
                self.path_step(unit, PathEvent::Start { unit_runs });
            }
            _ => {
                self.target_step(unit, TargetEvent::Start);
            }
        }
    }

    /// A unit that this one comes after and cannot be active without, and which is not. Its own
    /// job is over by now: perhaps it was skipped, or it ended as soon as it was up.
    fn missing_bond(&self, unit: &UnitName) -> Option<UnitName> {
        let bonds = self
            .definitions
            .related(unit, units::Effect::CannotBeActiveWithout);
        if bonds.is_empty() {
            return None;
        }
        let after = self.definitions.related(unit, units::Effect::OrderAfter);
        bonds.into_iter().find(|other| {
            let up = matches!(
                self.state.active(other),
                ActiveState::Active | ActiveState::Reloading
            );
            after.contains(other) && !up
        })
    }

    /// What a unit's new state means for its job.
    pub(crate) fn job_of_moved(&mut self, unit: &UnitName, to: ActiveState) {
        let Some((id, job)) = self.state.job_of(unit) else {
            return;
        };
        let (kind, running) = (job.kind, job.running);
        let up = matches!(to, ActiveState::Active | ActiveState::Reloading);
        let down = to.is_down();
        let result = match kind {
            JobKind::Start | JobKind::VerifyActive if up => Some(JobResult::Done),
            // A one-shot that is through is down again.
            JobKind::Start if running && to == ActiveState::Inactive => Some(JobResult::Done),
            JobKind::Start | JobKind::VerifyActive if running && down => Some(JobResult::Failed),
            JobKind::Stop if down => Some(JobResult::Done),
            JobKind::Reload if running && to == ActiveState::Active => {
                let service = self.state.unit(unit).and_then(UnitState::service);
                let failed = service.is_some_and(|service| service.reload_result.is_failure());
                Some(if failed {
                    JobResult::Failed
                } else {
                    JobResult::Done
                })
            }
            // It ended meanwhile: as systemd, how it ended is what became of the reload.
            JobKind::Reload if running && to == ActiveState::Inactive => Some(JobResult::Done),
            JobKind::Reload if running && down => Some(JobResult::Failed),
            JobKind::Restart | JobKind::TryRestart if running && down => {
                return self.restart_becomes_start(id);
            }
            _ => None,
        };
        match result {
            Some(result) => self.finish_job(id, result),
            None => self.queue.look(&self.state, id),
        }
    }

    /// A job has ended, with what follows for the jobs of others.
    pub(crate) fn finish_job(&mut self, id: JobId, result: JobResult) {
        let Some((unit, kind)) = self.end_job(id, result) else {
            return;
        };
        if result != JobResult::Done && matches!(kind, JobKind::Start | JobKind::VerifyActive) {
            self.fail_dependants(&unit, units::Effect::PropagateStartFailure);
        }
        let is_down = self.state.active(&unit).is_down();
        if result == JobResult::Done && kind == JobKind::Start && is_down {
            // Who only verifies that it is up finds that it is not: the two jobs were one.
            self.fail_dependants(&unit, units::Effect::PropagateSkippedStart);
        }
        if matches!(result, JobResult::Dependency | JobResult::Timeout) {
            self.start_on_failure(&unit);
            if is_down && kind.starts() {
                self.end_without_essential(&unit);
            }
        }
    }

    /// A job has ended: it is taken out, and whoever waited for it is told.
    fn end_job(&mut self, id: JobId, result: JobResult) -> Option<(UnitName, JobKind)> {
        let job = self.state.remove_job(id)?;
        if let Some(timer) = job.timer {
            self.job_timers.remove(&timer.ticket);
            timer.cancel(&mut self.actions);
        }
        self.queue.remove(&self.state, id);
        let now = self.now;
        let asked = self
            .state
            .unit(&job.unit)
            .and_then(|unit| unit.asked.as_ref());
        if asked.is_some_and(|asked| asked.job == id)
            && let Some(asked) = &mut self.state.unit_mut(&job.unit).asked
        {
            asked.kind = job.kind;
            asked.ended = Some((now, result));
        }
        self.leave_tests(&job.unit);
        self.boot_jobs -= usize::from(job.boot);
        if result == JobResult::Failed {
            let meta = self.state.meta_mut();
            meta.failed_jobs = meta.failed_jobs.wrapping_add(1);
        }
        self.refresh.insert(job.unit.clone());
        self.revisit.insert(job.unit.clone());
        self.revisit.append(&mut self.obstructed);
        let unit = job.unit.clone();
        self.actions.push(Action::Publish(Change::JobRemoved {
            job: id,
            unit: unit.clone(),
            result,
        }));
        for request in self.waiters.remove(&id).unwrap_or_default() {
            if planted!(CanceledUntold) && result == JobResult::Canceled {
                continue;
            }
            self.actions.push(Action::Reply {
                request,
                answer: Ok(Answer::Ended(result)),
            });
        }
        if job.asked_for {
            let at = self.now.monotonic;
            self.state.keep_ended(
                id,
                EndedJob {
                    result,
                    at,
                    tokens: job.tokens,
                },
            );
        }
        if matches!(
            result,
            JobResult::Failed
                | JobResult::Dependency
                | JobResult::Timeout
                | JobResult::Invalid
                | JobResult::Assert
        ) {
            let text = format!(
                "the {} of {unit} ended: {}",
                job.kind.as_str(),
                result.as_str()
            );
            self.log(Some(&unit), Level::Notice, MessageId::JobFailed, text);
        }
        Some((unit, job.kind))
    }

    /// The starts that needed this one end with it.
    fn fail_dependants(&mut self, unit: &UnitName, effect: units::Effect) {
        for other in self.definitions.related(unit, effect) {
            let job = self.state.job_of(&other);
            let starts =
                job.filter(|(_, job)| matches!(job.kind, JobKind::Start | JobKind::VerifyActive));
            if let Some(id) = starts.map(|(id, _)| id) {
                self.blame(&other, unit);
                self.finishing.push_back((id, JobResult::Dependency));
            }
        }
    }

    /// Results are kept for a while only.
    pub(crate) fn forget_old_results(&mut self) {
        if self.state.ended().is_empty() && self.state.runs().is_empty() {
            return;
        }
        let kept = RESULT_KEPT.as_micros();
        let before = Monotonic(self.now.monotonic.0.saturating_sub(kept));
        self.state.forget_ended(before);
        let state = &self.state;
        self.tokens
            .retain(|_, id| state.job(*id).is_some() || state.ended().contains_key(id));
    }

    /// Whether the settings that say where a socket listens are among these.
    pub(crate) fn moves_a_socket(changed: &[SettingId]) -> bool {
        let where_to = [
            SettingId::ListenStream,
            SettingId::ListenDatagram,
            SettingId::ListenSequentialPacket,
            SettingId::ListenFifo,
            SettingId::Accept,
        ];
        changed.iter().any(|id| where_to.contains(id))
    }
}
