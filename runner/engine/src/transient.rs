//! Transient units: a client defines them, they start at once, and nothing is left of them once they
//! are down and nobody refers to them. Their definitions are kept beside the set, as those of
//! running units whose file is gone: a reload leaves them alone, and a recovery has them again.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use units::{Definition, Effect, UnitKind, UnitName};

use crate::Engine;
use crate::action::Action;
use crate::change::Change;
use crate::clock::Now;
use crate::command::{Answer, Refusal, Transient, Verb};
use crate::event::ExitStatus;
use crate::job::{JobId, JobKind, JobMode};
use crate::state::{EndedRun, Machine, UnitState};
use crate::ticket::RequestId;
use crate::view::systemd::{ActiveState, UnitResult};

/// How many units may come with a transient one: its timer, sockets and the like.
const MOST_AT_ONCE: usize = 64;

/// How a unit ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnd {
    /// systemd's word for how it went.
    pub result: UnitResult,
    /// How the main process of a service ended; `None` where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitStatus>,
    /// When that process began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Now>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Now>,
    /// A sentence about a failure.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub failure: String,
}

impl Engine {
    /// Whether a client defined the unit.
    #[must_use]
    pub fn is_transient(&self, unit: &UnitName) -> bool {
        let kept = self.definitions.kept().get(unit);
        kept.is_some_and(|definition| definition.is_without_file())
    }

    /// `StartTransient`: all of the units become known, and the first is started; or none.
    pub(crate) fn start_transient(
        &mut self,
        units: &[Transient],
        mode: JobMode,
        token: Option<String>,
        by: Option<&str>,
    ) -> Result<JobId, Refusal> {
        if let Some(known) = self.admit(Verb::Start, token.as_deref())? {
            return Ok(known);
        }
        let Some(first) = units.first().map(|unit| unit.name.clone()) else {
            return Err(Refusal::Invalid("no unit is defined".to_owned()));
        };
        let made = self.define_transient(units)?;
        let names: Vec<UnitName> = made.keys().cloned().collect();
        let mut kept = self.definitions.kept().clone();
        kept.extend(made);
        self.put_in_force(Arc::clone(self.definitions.set()), kept);
        match self.submit_by_hand(&first, JobKind::Start, mode, token, by) {
            Ok(job) => {
                for unit in units.iter().filter(|unit| !unit.pids.is_empty()) {
                    if let Machine::Scope(scope) = &mut self.state.unit_mut(&unit.name).machine {
                        scope.pids.clone_from(&unit.pids);
                    }
                }
                let new = names.into_iter().map(Change::UnitNew);
                self.actions.extend(new.map(Action::Publish));
                Ok(job)
            }
            Err(refusal) => {
                for name in &names {
                    self.definitions.drop_kept(name);
                }
                Err(refusal)
            }
        }
    }

    fn define_transient(
        &self,
        units: &[Transient],
    ) -> Result<BTreeMap<UnitName, Arc<Definition>>, Refusal> {
        if units.len() > MOST_AT_ONCE {
            let text = format!("more than {MOST_AT_ONCE} units at once");
            return Err(Refusal::Invalid(text));
        }
        let around = self.definitions.set().surroundings();
        let mut made = BTreeMap::new();
        for Transient {
            name,
            settings,
            pids,
        } in units
        {
            let is_scope = name.kind() == UnitKind::Scope;
            if name.is_template() || !(name.kind().is_supported() || is_scope) {
                return Err(Refusal::Invalid(format!("{name} cannot be started")));
            }
            if is_scope == pids.is_empty() {
                let why = match is_scope {
                    true => "a scope needs processes (PIDs)",
                    false => "only a scope takes processes in",
                };
                return Err(Refusal::Invalid(format!("{name} cannot be started: {why}")));
            }
            if self.is_known(name) || made.contains_key(name) {
                return Err(Refusal::UnitExists(name.clone()));
            }
            let (definition, found) = units::transient::define(name, settings, around);
            if !definition.is_loaded() {
                return Err(Refusal::BadSetting(name.clone(), Arc::new(found)));
            }
            made.insert(name.clone(), Arc::new(definition));
        }
        Ok(made)
    }

    /// It is defined, or something of it is there.
    fn is_known(&self, unit: &UnitName) -> bool {
        let busy =
            |state: &UnitState| state.job.is_some() || state.active() != ActiveState::Inactive;
        let defined = self.definitions.get(unit);
        // A slice that nobody defined can be defined still.
        let defined = defined.is_some_and(|unit| !unit.is_slice_without_file());
        defined || self.state.unit(unit).is_some_and(busy)
    }

    /// `AwaitEnd`: answered once the unit is down and nothing is about to start it.
    pub(crate) fn await_end(&mut self, request: RequestId, unit: UnitName) {
        let unit = self.definitions.own_name(&unit);
        let is_there = self.definitions.get(&unit).is_some() || self.state.unit(&unit).is_some();
        let answer = match self.end_of(&unit) {
            Some(end) => Ok(Answer::UnitEnded(Box::new(end))),
            None if is_there => return self.end_waiters.entry(unit).or_default().push(request),
            None => match self.state.runs().get(&unit) {
                Some(run) => Ok(Answer::UnitEnded(Box::new(run.end.clone()))),
                None => Err(Refusal::NoSuchUnit(unit)),
            },
        };
        self.actions.push(Action::Reply { request, answer });
    }

    /// `Hold`: what is known of the unit stays until whoever asked is gone.
    pub(crate) fn hold(&mut self, request: RequestId, unit: UnitName) {
        let unit = self.definitions.own_name(&unit);
        self.holders.entry(unit).or_default().push(request);
    }

    /// Whether somebody holds on to the unit.
    pub(crate) fn is_kept_for_clients(&self, unit: &UnitName) -> bool {
        self.holders.contains_key(unit)
    }

    /// Whoever asked this is gone. A unit that only it held on to is looked at again.
    pub(crate) fn let_go(&mut self, request: RequestId) {
        let revisit = &mut self.revisit;
        self.holders.retain(|unit, holders| {
            holders.retain(|holder| *holder != request);
            if holders.is_empty() {
                revisit.insert(unit.clone());
            }
            !holders.is_empty()
        });
    }

    /// How the unit ended, if it is down and has no job.
    fn end_of(&self, unit: &UnitName) -> Option<RunEnd> {
        let state = self.state.unit(unit)?;
        let down = state.active().is_down();
        if !down || state.job.is_some() {
            return None;
        }
        let result = self.view(unit).result;
        let service = state.service();
        Some(RunEnd {
            result,
            exit: service.and_then(|service| Some(service.main_exit?.1)),
            began: service.and_then(|service| service.main_start),
            ended: service.and_then(|service| Some(service.main_exit?.0)),
            failure: service.map_or_else(String::new, |service| service.failure.clone()),
        })
    }

    /// A unit is down, and has no job: whoever waited for that is told.
    pub(crate) fn tell_of_end(&mut self, unit: &UnitName) {
        let Some(end) = self.end_of(unit) else {
            return;
        };
        if self.is_transient(unit) {
            let run = EndedRun {
                at: self.now.monotonic,
                invocation: self.view(unit).invocation,
                end: end.clone(),
            };
            self.state.keep_run(unit, run);
        }
        for request in self.end_waiters.remove(unit).unwrap_or_default() {
            let answer = Ok(Answer::UnitEnded(Box::new(end.clone())));
            self.actions.push(Action::Reply { request, answer });
        }
    }

    /// A transient unit is forgotten: those that were there for it alone are looked at again.
    pub(crate) fn look_at_triggered(&mut self, trigger: &UnitName) {
        for unit in self.definitions.related(trigger, Effect::Trigger) {
            if self.is_transient(&unit) {
                self.revisit.insert(unit);
            }
        }
    }
}
