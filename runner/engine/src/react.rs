//! Consequences of one unit's change for others: bound units, `on-failure`, triggers, restarts.

use units::value::{CollectMode, RestartMode};
use units::{Effect, UnitKind, UnitName};

use crate::Engine;
use crate::action::{Action, Level, MessageId};
use crate::cause::Cause;
use crate::change::{Change, Moved};
use crate::command::Refusal;
use crate::job::{JobKind, JobMode};
use crate::machine::{Closing, Move, Wish};
use crate::service::process::exit_variables;
use crate::service::{Phase, ServiceEvent};
use crate::socket::SocketEvent;
use crate::state::UnitState;
use crate::view::systemd::{ActiveState, UnitResult};

impl Engine {
    /// A unit went from one state to another.
    pub(crate) fn moved(&mut self, unit: &UnitName, moved: &Move) {
        let (from, to) = (moved.from.0, moved.to.0);
        let meta = self.state.meta_mut();
        meta.seq += 1;
        let seq = meta.seq;
        let now = self.now;
        let state = self.state.unit_mut(unit);
        state.times.moved(from, to, now);
        let pid = state
            .service()
            .and_then(|service| service.main.as_ref()?.pid());
        self.actions.push(Action::Publish(Change::Moved(Moved {
            seq,
            at: now,
            unit: unit.clone(),
            from: moved.from,
            to: moved.to,
            pid,
            cause: moved.cause.clone(),
            process: moved.process.clone(),
        })));
        self.refresh.insert(unit.clone());
        self.revisit.insert(unit.clone());
        let was_up = matches!(from, ActiveState::Active | ActiveState::Reloading);
        let is_up = matches!(to, ActiveState::Active | ActiveState::Reloading);
        if was_up && !is_up && !self.is_being_stopped(unit) {
            self.stop_bound(unit);
        }
        self.job_of_moved(unit, to);
        if is_up && !was_up {
            self.stop_if_bound_in_vain(unit);
        }
        let was_down = from.is_down();
        match to {
            ActiveState::Failed if from != ActiveState::Failed => {
                if !moved.will_restart {
                    self.start_on_failure(unit);
                }
                self.failure_action(unit);
                if !moved.will_restart {
                    self.end_with_essential(unit);
                }
            }
            ActiveState::Inactive if !was_down => {
                if !moved.will_restart {
                    self.start_on_success(unit);
                }
                self.success_action(unit);
                if !moved.will_restart {
                    self.end_with_essential(unit);
                }
            }
            _ => {}
        }
    }

    /// Somebody asked for it to go down: a transaction has seen to its dependants.
    fn is_being_stopped(&self, unit: &UnitName) -> bool {
        let job = self.state.job_of(unit);
        job.is_some_and(|(_, job)| {
            matches!(
                job.kind,
                JobKind::Stop | JobKind::Restart | JobKind::TryRestart
            )
        })
    }

    /// `binds-to`: who lives with a unit dies with it.
    fn stop_bound(&mut self, unit: &UnitName) {
        for other in self.definitions.related(unit, Effect::PropagateInactive) {
            let active = self.state.active(&other);
            if !active.is_down() {
                let text = format!("{unit}, which it is bound to, has ended");
                self.log(Some(&other), Level::Info, MessageId::Stopping, text);
                self.submit_for(unit, &other, JobKind::Stop, Cause::Bound(unit.clone()));
            }
        }
    }

    /// The same, where the other one ended while this one was on its way up.
    fn stop_if_bound_in_vain(&mut self, unit: &UnitName) {
        let missing = self
            .definitions
            .related(unit, Effect::CannotBeActiveWithout)
            .into_iter()
            .find(|other| {
                let down = self.state.active(other).is_down();
                down && self.state.job_of(other).is_none()
            });
        if let Some(other) = missing {
            self.submit_for(unit, unit, JobKind::Stop, Cause::Bound(other));
        }
    }

    /// `on-failure`
    pub(crate) fn start_on_failure(&mut self, unit: &UnitName) {
        let mode = self
            .definitions
            .get(unit)
            .map(|unit| unit.on_failure_job_mode());
        self.start_after(unit, Effect::StartOnFailure, mode.unwrap_or_default());
    }

    /// `on-success`
    fn start_on_success(&mut self, unit: &UnitName) {
        let mode = self
            .definitions
            .get(unit)
            .map(|unit| unit.on_success_job_mode());
        self.start_after(unit, Effect::StartOnSuccess, mode.unwrap_or_default());
    }

    fn start_after(&mut self, unit: &UnitName, effect: Effect, mode: JobMode) {
        if self.state.meta().closing != Closing::No {
            return;
        }
        let others = self.definitions.related(unit, effect);
        if others.is_empty() {
            return;
        }
        let variables = self.monitor_variables(unit);
        for other in others {
            if self.meets_its_start_limit(&other) {
                // It would fail at once, and where it needs this unit that would go round for ever.
                let text = format!("{other} is not started for {unit}: it was started too often");
                self.log(Some(unit), Level::Warning, MessageId::JobFailed, text);
                continue;
            }
            let state = self.state.unit_mut(&other);
            if state.active().is_down() && state.job.is_none() {
                state.started_by.clear();
            }
            state.started_by.retain(|(by, _)| by != unit);
            state.started_by.push((unit.clone(), variables.clone()));
            let cause = match effect {
                Effect::StartOnSuccess => Cause::OnSuccess(unit.clone()),
                _ => Cause::OnFailure(unit.clone()),
            };
            self.submit_in_mode(unit, &other, JobKind::Start, mode, cause);
        }
    }

    /// `MONITOR_*` (systemd.exec(5)).
    fn monitor_variables(&self, unit: &UnitName) -> Vec<(String, String)> {
        let mut variables = vec![("MONITOR_UNIT".to_owned(), unit.to_string())];
        let Some(state) = self.state.unit(unit) else {
            return variables;
        };
        variables.push((
            "MONITOR_INVOCATION_ID".to_owned(),
            state.invocation.to_string(),
        ));
        if let Some(service) = state.service() {
            variables.push((
                "MONITOR_SERVICE_RESULT".to_owned(),
                service.result.as_str().to_owned(),
            ));
            if let Some((code, status)) = service
                .main_exit
                .and_then(|(_, status)| exit_variables(status))
            {
                variables.push(("MONITOR_EXIT_CODE".to_owned(), code.to_owned()));
                variables.push(("MONITOR_EXIT_STATUS".to_owned(), status));
            }
        }
        variables
    }

    /// Queues a job that nobody asked for.
    pub(crate) fn submit_for(
        &mut self,
        because_of: &UnitName,
        unit: &UnitName,
        kind: JobKind,
        cause: Cause,
    ) {
        self.submit_in_mode(because_of, unit, kind, JobMode::Replace, cause);
    }

    /// As [`Engine::submit_for`] in another mode; says why where it was refused.
    pub(crate) fn submit_in_mode(
        &mut self,
        because_of: &UnitName,
        unit: &UnitName,
        kind: JobKind,
        mode: JobMode,
        cause: Cause,
    ) -> Option<Refusal> {
        let refusal = self.submit(unit, kind, mode, cause).err()?;
        let text = format!("no {} of {unit} for {because_of}: {refusal}", kind.as_str());
        self.log(Some(because_of), Level::Warning, MessageId::JobFailed, text);
        Some(refusal)
    }

    /// Does what a machine wishes for.
    pub(crate) fn grant(&mut self, unit: &UnitName, wish: &Wish) {
        match wish {
            Wish::Refresh => {
                self.refresh.insert(unit.clone());
            }
            Wish::AwaitIdle => {
                self.idlers.insert(unit.clone());
            }
            Wish::Restart => self.restart_by_itself(unit),
            Wish::Trigger => self.trigger(unit),
        }
    }

    /// A restart job, not just a start, so that dependants follow.
    fn restart_by_itself(&mut self, unit: &UnitName) {
        let phase = self
            .state
            .unit(unit)
            .and_then(UnitState::service)
            .map(|service| &service.phase);
        // A start that was queued already may have taken its turn as this very restart.
        let still_waits = matches!(phase, Some(Phase::AutoRestart { timer: None }));
        if !still_waits || self.is_being_stopped(unit) {
            return;
        }
        let direct = self
            .definitions
            .get(unit)
            .is_some_and(|definition| definition.restart_mode() == RestartMode::Direct);
        // Where nobody else is to notice, it is a start of this unit alone.
        let kind = match direct {
            true => JobKind::Start,
            false => JobKind::Restart,
        };
        match self.state.job_of(unit) {
            Some((id, _)) if direct => {
                // A start that has waited for it all the time; what was to be reloaded is as good
                // as that once it is started anew.
                return self.restart_becomes_start(id);
            }
            _ => {}
        }
        match self.submit(unit, kind, JobMode::Replace, Cause::Policy) {
            Ok(_) => {}
            Err(refusal) => {
                self.log(
                    Some(unit),
                    Level::Warning,
                    MessageId::JobFailed,
                    format!("no restart: {refusal}"),
                );
                self.service_step(unit, ServiceEvent::RestartDropped(UnitResult::Resources));
            }
        }
    }

    /// Looks at a unit again, now that jobs have settled.
    pub(crate) fn look_again(&mut self, unit: &UnitName) {
        let Some(state) = self.state.unit(unit) else {
            // Nothing ever became of it.
            return self.let_definition_go(unit);
        };
        let (active, has_job) = (state.active(), state.job.is_some());
        let is_down = active.is_down();
        if unit.kind() == UnitKind::Service {
            let waits_in_vain = state
                .service()
                .is_some_and(|service| matches!(service.phase, Phase::AutoRestart { timer: None }));
            // Its job was to start it again, and ended otherwise.
            let holds_in_vain = is_down
                && state
                    .service()
                    .is_some_and(|service| service.kept_for_restart);
            if (waits_in_vain || holds_in_vain) && !has_job {
                self.service_step(unit, ServiceEvent::RestartDropped(UnitResult::Success));
            }
            if waits_in_vain && !has_job {
                return;
            }
            self.tell_sockets(unit);
        }
        self.look_at_needs(unit, active, has_job);
        self.tell_timers_and_paths(unit);
        if is_down && !has_job {
            self.tell_of_end(unit);
            self.forget_starts(unit);
            if self.forget_failure(unit) {
                // Once that is done it is looked at again.
                return;
            }
            self.end_connection(unit);
            self.let_definition_go(unit);
        }
    }

    /// `collect-mode = "inactive-or-failed"`: as if nobody had ever looked at it.
    fn forget_failure(&mut self, unit: &UnitName) -> bool {
        let forgets = self.state.active(unit) == ActiveState::Failed
            && !self.definitions.is_referred_to(unit)
            && !self.is_kept_for_clients(unit)
            && self
                .definitions
                .get(unit)
                .is_some_and(|unit| unit.collect_mode() == CollectMode::InactiveOrFailed);
        if forgets {
            // It is there, so nothing is refused.
            let _ = self.reset_failed(Some(unit.clone()));
        }
        forgets
    }

    /// Tells the sockets of a service how it is.
    fn tell_sockets(&mut self, service: &UnitName) {
        let Some(state) = self.state.unit(service) else {
            return;
        };
        if state.connection.is_some() {
            return;
        }
        let event = match state.service().map(|service| &service.phase) {
            _ if state.start_limit_hit => SocketEvent::ServiceLimited,
            Some(Phase::Running) => SocketEvent::ServiceRuns,
            Some(Phase::Dead { .. } | Phase::Failed { .. }) if state.job.is_none() => {
                SocketEvent::ServiceEnded
            }
            _ => return,
        };
        for socket in self.definitions.related(service, Effect::TriggeredBy) {
            let hears = self
                .state
                .unit(&socket)
                .and_then(UnitState::socket)
                .is_some();
            if hears {
                self.socket_step(&socket, event.clone());
            }
        }
    }
}
