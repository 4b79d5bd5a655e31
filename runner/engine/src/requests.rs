//! What clients ask for. Every request gets exactly one reply.

use std::sync::Arc;

use units::value::Signal;
use units::{LoadState, UnitKind, UnitName};

use crate::Engine;
use crate::action::{Action, Target};
use crate::cause::Cause;
use crate::change::Change;
use crate::command::{Answer, Command, Refusal, Verb, Whom};
use crate::job::merge::collapsed;
use crate::job::{JobId, JobKind, JobMode, JobResult};
use crate::limit::Limit;
use crate::machine::Closing;
use crate::path_unit::PathEvent;
use crate::reload::Reading;
use crate::scope::ScopeEvent;
use crate::service::{Child, ServiceEvent};
use crate::socket::SocketEvent;
use crate::state::UnitState;
use crate::ticket::RequestId;
use crate::timer_unit::TimerEvent;
use crate::transaction::expand;
use crate::view::systemd::ActiveState;

/// A signal of a client's for a process that is being started: it is sent when there is a program
/// that can hear it. For systemd and supervisord, which fork while nobody can ask, there is no such
/// moment.
#[derive(Debug)]
pub(crate) struct HeldSignal {
    request: RequestId,
    unit: UnitName,
    whom: Whom,
    signal: Signal,
}

impl Engine {
    pub(crate) fn requested(&mut self, request: RequestId, command: Command, by: Option<&str>) {
        let answer = match command {
            Command::Submit {
                unit,
                verb,
                mode,
                token,
            } => self
                .submit_asked(&unit, verb, mode, token, by)
                .map(Answer::Job),
            Command::StartTransient { units, mode, token } => self
                .start_transient(&units, mode, token, by)
                .map(Answer::Job),
            Command::AwaitEnd { unit } => return self.await_end(request, unit),
            Command::Hold { unit } => return self.hold(request, unit),
            Command::AwaitJob { job } => {
                if let Some(ended) = self.state.ended().get(&job) {
                    Ok(Answer::Ended(ended.result))
                } else if let Some(queued) = self.state.job(job) {
                    if !queued.asked_for
                        && let Some(queued) = self.state.job_mut(job)
                    {
                        queued.asked_for = true;
                    }
                    return self.waiters.entry(job).or_default().push(request);
                } else {
                    Err(Refusal::NoSuchJob(job))
                }
            }
            Command::CancelJob { job } => match self.state.job(job) {
                Some(queued) if queued.irreversible => Err(Refusal::Destructive(format!(
                    "job {} of {} may not be taken back",
                    job.0, queued.unit
                ))),
                Some(_) => {
                    self.finish_job(job, JobResult::Canceled);
                    Ok(Answer::Done)
                }
                None => Err(Refusal::NoSuchJob(job)),
            },
            Command::CancelAllJobs => {
                let all: Vec<JobId> = self.state.jobs().keys().copied().collect();
                for job in all {
                    // Taking one back may have ended another.
                    let queued = self.state.job(job);
                    if queued.is_some_and(|queued| !queued.irreversible) {
                        self.finish_job(job, JobResult::Canceled);
                    }
                }
                Ok(Answer::Done)
            }
            Command::SetEnvironment { unset, set } => self.set_environment(unset, set),
            Command::ServiceWatchdogs(counting) => {
                self.state.meta_mut().watchdogs_ignored = !counting;
                Ok(Answer::Done)
            }
            Command::Kill { unit, whom, signal } => {
                let unit = self.definitions.own_name(&unit);
                if self.is_being_spawned(&unit, whom) {
                    let held = HeldSignal {
                        request,
                        unit,
                        whom,
                        signal,
                    };
                    return self.held_signals.push(held);
                }
                self.kill(&unit, whom, signal)
            }
            Command::ResetFailed { unit } => self.reset_failed(unit),
            Command::Abandon { unit } => self.abandon(&unit),
            Command::Reload { .. }
            | Command::Stage
            | Command::AddGroup { .. }
            | Command::RemoveGroup { .. }
            | Command::RestartAll
                if self.state.meta().closing != Closing::No =>
            {
                Err(Refusal::ShuttingDown)
            }
            Command::Reload { keep_going } => {
                self.actions.push(Action::Publish(Change::Reloading(true)));
                return self.read_units(Reading::Reload {
                    request,
                    keep_going,
                });
            }
            Command::Stage => {
                let request = Some(request);
                return self.read_units(Reading::Stage { request });
            }
            Command::AddGroup { group } => return self.add_group_asked(request, group),
            Command::RemoveGroup { group } => return self.remove_group_asked(request, group),
            Command::RestartAll => return self.read_units(Reading::RestartAll { request }),
            Command::Shutdown { status } => {
                self.begin_closing(status);
                Ok(Answer::Done)
            }
        };
        self.actions.push(Action::Reply { request, answer });
    }

    pub(crate) fn forget_request(&mut self, request: RequestId) {
        self.waiters.retain(|_, waiting| {
            waiting.retain(|waiter| *waiter != request);
            !waiting.is_empty()
        });
        self.end_waiters.retain(|_, waiting| {
            waiting.retain(|waiter| *waiter != request);
            !waiting.is_empty()
        });
        self.let_go(request);
        self.deferred.retain(|(waiter, _)| *waiter != request);
        self.removals.retain(|(waiter, _)| *waiter != request);
        self.held_signals.retain(|held| held.request != request);
    }

    pub(crate) fn mint_ticket(&mut self) -> crate::Ticket {
        self.state.meta_mut().mint.ticket()
    }

    fn submit_asked(
        &mut self,
        unit: &UnitName,
        verb: Verb,
        mode: JobMode,
        token: Option<String>,
        by: Option<&str>,
    ) -> Result<JobId, Refusal> {
        if let Some(known) = self.admit(verb, token.as_deref())? {
            return Ok(known);
        }
        let unit = &self.definitions.own_name(unit);
        self.ensure(unit);
        let can_reload = self.can_reload(unit);
        let kind = match verb {
            Verb::Start => JobKind::Start,
            Verb::Stop => JobKind::Stop,
            Verb::Restart => JobKind::Restart,
            Verb::TryRestart => JobKind::TryRestart,
            Verb::Reload => JobKind::Reload,
            Verb::ReloadOrRestart if can_reload => JobKind::ReloadOrStart,
            Verb::ReloadOrRestart => JobKind::Restart,
            Verb::TryReloadOrRestart if can_reload => JobKind::TryReload,
            Verb::TryReloadOrRestart => JobKind::TryRestart,
        };
        // A reload would take the place of the stop that is under way.
        let stopping = self.state.active(unit) == ActiveState::Deactivating;
        if verb == Verb::Reload && stopping && can_reload {
            return Err(Refusal::Invalid(format!("{unit} is being stopped")));
        }
        self.refuse_unusable(unit, verb)?;
        if self.refuses_by_hand(unit, kind) {
            return Err(Refusal::OnlyByDependency(unit.clone()));
        }
        self.submit_by_hand(unit, kind, mode, token, by)
    }

    /// The job that a client asked for with this token before, or `None` where it may have a new one:
    /// while everything is being stopped it may only stop more.
    pub(crate) fn admit(&self, verb: Verb, token: Option<&str>) -> Result<Option<JobId>, Refusal> {
        let known = token.and_then(|token| self.tokens.get(token)).copied();
        let refused = self.state.meta().closing != Closing::No && verb != Verb::Stop;
        match known {
            None if refused => Err(Refusal::ShuttingDown),
            known => Ok(known),
        }
    }

    /// Queues the job of a client, which may ask for it again by its token.
    pub(crate) fn submit_by_hand(
        &mut self,
        unit: &UnitName,
        kind: JobKind,
        mode: JobMode,
        token: Option<String>,
        by: Option<&str>,
    ) -> Result<JobId, Refusal> {
        let cause = Cause::Client(by.unwrap_or_default().to_owned());
        let id = self.submit(unit, kind, mode, cause)?;
        if let Some(job) = self.state.job_mut(id) {
            job.asked_for = true;
            if let Some(token) = token {
                job.tokens.insert(token.clone());
                self.tokens.insert(token, id);
            }
        }
        Ok(id)
    }

    fn can_reload(&self, unit: &UnitName) -> bool {
        let definition = self.definitions.get(unit);
        definition.is_some_and(|unit| expand::can_reload(&self.definitions, &unit))
    }

    /// `refuse-manual-start`, `refuse-manual-stop`
    fn refuses_by_hand(&self, unit: &UnitName, kind: JobKind) -> bool {
        let Some(definition) = self.definitions.get(unit) else {
            return false;
        };
        let (start, stop) = (
            definition.refuse_manual_start(),
            definition.refuse_manual_stop(),
        );
        // Whether there would be anything to do does not count, as systemd has it.
        match kind {
            JobKind::Start => start,
            JobKind::Stop => stop,
            JobKind::Restart | JobKind::TryRestart => start || stop,
            JobKind::ReloadOrStart => {
                start && collapsed(kind, self.state.active(unit)) == JobKind::Start
            }
            _ => false,
        }
    }

    /// A unit whose file has an error and that does not run: to systemd it is not there to be stopped,
    /// and cannot be restarted, though there would be nothing to do.
    fn refuse_unusable(&self, unit: &UnitName, verb: Verb) -> Result<(), Refusal> {
        let Some(definition) = self.definitions.get(unit) else {
            return Ok(());
        };
        let state = definition.load_state();
        let usable = matches!(state, LoadState::Loaded | LoadState::Masked);
        if usable || self.state.active(unit) != ActiveState::Inactive {
            return Ok(());
        }
        match verb {
            Verb::Stop => Err(Refusal::NoSuchUnit(unit.clone())),
            Verb::TryRestart | Verb::TryReloadOrRestart if *state != LoadState::NotFound => {
                let found = Arc::new(state.diagnostics().to_vec());
                Err(Refusal::BadSetting(unit.clone(), found))
            }
            _ => Ok(()),
        }
    }

    /// Whether somebody whom the signal is for was asked for, and it is not known yet what became of
    /// that.
    fn is_being_spawned(&self, unit: &UnitName, whom: Whom) -> bool {
        let Some(service) = self.state.unit(unit).and_then(UnitState::service) else {
            return false;
        };
        let is_asked = |child: &Option<Child>| child.as_ref().is_some_and(Child::is_asked);
        match whom {
            Whom::Main => is_asked(&service.main),
            Whom::Control => is_asked(&service.control),
            Whom::All => is_asked(&service.main) || is_asked(&service.control),
        }
    }

    /// Sends the held signals of those that are there by now; true if there was one.
    pub(crate) fn held_signals_check(&mut self) -> bool {
        let held = std::mem::take(&mut self.held_signals);
        let many = held.len();
        for held in held {
            if self.is_being_spawned(&held.unit, held.whom) {
                self.held_signals.push(held);
                continue;
            }
            let answer = self.kill(&held.unit, held.whom, held.signal);
            let request = held.request;
            self.actions.push(Action::Reply { request, answer });
        }
        self.held_signals.len() != many
    }

    fn kill(&mut self, unit: &UnitName, whom: Whom, signal: Signal) -> Result<Answer, Refusal> {
        let Some(state) = self.state.unit(unit) else {
            return match self.definitions.get(unit) {
                // To send a signal to all of no processes is done at once, as systemd has it.
                Some(_) if whom == Whom::All => Ok(Answer::Done),
                Some(_) => Err(Refusal::NoProcess(unit.clone(), whom)),
                None => Err(Refusal::NoSuchUnit(unit.clone())),
            };
        };
        let service = state.service();
        let live = |child: &Option<Child>| {
            child
                .as_ref()
                .filter(|child| child.pid().is_some())
                .and_then(Child::ticket)
        };
        let target = match whom {
            Whom::Main => service
                .and_then(|service| live(&service.main))
                .map(Target::Process),
            Whom::Control => service
                .and_then(|service| live(&service.control))
                .map(Target::Process),
            Whom::All => {
                let is_scope = unit.kind() == UnitKind::Scope && !self.state.active(unit).is_down();
                let runs = is_scope
                    || service.is_some_and(|service| {
                        live(&service.main).is_some()
                            || live(&service.control).is_some()
                            || service.lives_as_group
                            || !service.former.is_empty()
                    });
                runs.then_some(Target::All)
            }
        };
        let Some(target) = target else {
            return match whom {
                Whom::All => Ok(Answer::Done),
                Whom::Main | Whom::Control => Err(Refusal::NoProcess(unit.clone(), whom)),
            };
        };
        let ticket = self.mint_ticket();
        self.actions.push(Action::Signal {
            ticket,
            unit: unit.clone(),
            target,
            signal,
            wake: false,
        });
        Ok(Answer::Done)
    }

    pub(crate) fn reset_failed(&mut self, unit: Option<UnitName>) -> Result<Answer, Refusal> {
        let units: Vec<UnitName> = match unit.map(|unit| self.definitions.own_name(&unit)) {
            Some(unit) if self.state.unit(&unit).is_some() => vec![unit],
            Some(unit) if self.definitions.get(&unit).is_some() => return Ok(Answer::Done),
            Some(unit) => return Err(Refusal::NoSuchUnit(unit)),
            None => self.state.units().keys().cloned().collect(),
        };
        for unit in units {
            let state = self.state.unit_mut(&unit);
            state.starts = Limit::default();
            state.start_limit_hit = false;
            match unit.kind() {
                UnitKind::Service => self.service_step(&unit, ServiceEvent::ResetFailed),
                UnitKind::Socket => self.socket_step(&unit, SocketEvent::ResetFailed),
                UnitKind::Timer => self.timer_step(&unit, TimerEvent::ResetFailed),
                UnitKind::Path => self.path_step(&unit, PathEvent::ResetFailed),
                UnitKind::Scope => self.scope_step(&unit, ScopeEvent::ResetFailed),
                _ => {}
            }
        }
        Ok(Answer::Done)
    }

    fn abandon(&mut self, unit: &UnitName) -> Result<Answer, Refusal> {
        if self.state.unit(unit).is_none() || unit.kind() != UnitKind::Scope {
            return Err(Refusal::NoSuchUnit(unit.clone()));
        }
        self.scope_step(unit, ScopeEvent::Abandon);
        Ok(Answer::Done)
    }
}
