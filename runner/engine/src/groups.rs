//! Groups of services: laid aside as a candidate, put in force, taken out (supervisord's `reread`,
//! `add` and `remove`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use units::group::group_and_process;
use units::{Definition, Effect, UnitKind, UnitName, UnitSet};

use crate::Engine;
use crate::action::{Action, Level, MessageId};
use crate::cause::Cause;
use crate::change::Change;
use crate::command::{Answer, Command, Refusal};
use crate::job::{JobKind, JobMode};
use crate::reload::{Files, Reading};
use crate::service::Phase;
use crate::state::UnitState;
use crate::ticket::RequestId;
use crate::view::systemd::ActiveState;

impl Engine {
    /// What was read is laid aside. Without a request it was only read again after a recovery.
    pub(crate) fn staged(&mut self, request: Option<RequestId>, files: Files) {
        let Files {
            units, diagnostics, ..
        } = files;
        let refusal = self.refuse_what_was_read(&diagnostics, None);
        if refusal.is_none() {
            self.candidate = Some(units);
            self.state.meta_mut().staged = true;
        }
        if let Some(request) = request {
            let answer = match refusal {
                Some(refusal) => Err(refusal),
                None => Ok(Answer::Staged {
                    groups: self.definitions.set().diff_groups(self.candidate()),
                    diagnostics,
                }),
            };
            self.actions.push(Action::Reply { request, answer });
        }
        for (request, command) in std::mem::take(&mut self.deferred) {
            self.requested(request, command, None);
        }
    }

    /// After a recovery the candidate is in nobody's memory: it is read again.
    pub(crate) fn stage_again(&mut self) {
        if self.state.meta().staged {
            self.read_units(Reading::Stage { request: None });
        }
    }

    /// `AddGroup`; it waits while the candidate is being read again.
    pub(crate) fn add_group_asked(&mut self, request: RequestId, group: String) {
        let reads_again = Reading::Stage { request: None };
        if self
            .readings
            .values()
            .any(|(reading, _)| *reading == reads_again)
        {
            let command = Command::AddGroup { group };
            return self.deferred.push((request, command));
        }
        let answer = self.add_group(&group).map(|()| Answer::Done);
        self.actions.push(Action::Reply { request, answer });
    }

    fn add_group(&mut self, name: &str) -> Result<(), Refusal> {
        let candidate = Arc::clone(self.candidate());
        let Some(group) = candidate.group(name) else {
            return Err(Refusal::NoSuchGroup(name.to_owned()));
        };
        if self.groups_in_force().contains(name) {
            return Err(Refusal::GroupExists(name.to_owned()));
        }
        let members: Vec<&UnitName> = group.sockets.iter().chain(&group.services).collect();
        for unit in &members {
            if self.definitions.set().get(unit).is_none() {
                let change = Change::UnitNew((*unit).clone());
                self.actions.push(Action::Publish(change));
            }
            self.refresh.insert((*unit).clone());
        }
        let units = self.definitions.set().with_group(&candidate, name);
        self.put_in_force(Arc::new(units), self.definitions.kept().clone());
        let change = Change::GroupAdded(name.to_owned());
        self.actions.push(Action::Publish(change));
        for unit in members {
            if !self.starts_at_boot(unit) {
                continue;
            }
            if let Err(refusal) = self.submit(
                unit,
                JobKind::Start,
                JobMode::Replace,
                Cause::Group(name.to_owned()),
            ) {
                let text = format!("{unit} is not started: {refusal}");
                self.log(Some(unit), Level::Error, MessageId::JobFailed, text);
            }
        }
        Ok(())
    }

    /// Whether a target that is up, or on its way, would have started it.
    fn starts_at_boot(&self, unit: &UnitName) -> bool {
        let pulls = |word: units::Dependency| {
            word.has(Effect::PullInStart) || word.has(Effect::PullInStartIgnored)
        };
        self.definitions
            .set()
            .dependencies(unit)
            .filter(|(word, other)| pulls(word.inverse()) && other.kind() == UnitKind::Target)
            .any(|(_, target)| {
                let starts = self.state.job_of(target);
                self.state.active(target) == ActiveState::Active
                    || starts.is_some_and(|(_, job)| job.kind == JobKind::Start)
            })
    }

    /// `RemoveGroup`: answered once the group is gone, or cannot go.
    pub(crate) fn remove_group_asked(&mut self, request: RequestId, group: String) {
        self.removals.push((request, group));
    }

    /// Does what can be done for the groups that are to be removed; true if there was something.
    pub(crate) fn removals_check(&mut self) -> bool {
        let waiting = std::mem::take(&mut self.removals);
        let many = waiting.len();
        let mut did = false;
        for (request, group) in waiting {
            match self.try_to_remove(&group) {
                Removal::Waits => self.removals.push((request, group)),
                Removal::StopsSockets => {
                    did = true;
                    self.removals.push((request, group));
                }
                Removal::Ends(answer) => {
                    let answer = answer.map(|()| Answer::Done);
                    self.actions.push(Action::Reply { request, answer });
                }
            }
        }
        did || self.removals.len() != many
    }

    fn try_to_remove(&mut self, name: &str) -> Removal {
        let mut units = self.definitions.set().group_alone(name);
        // Also what runs and is in no file any more.
        let orphans = self.definitions.kept().keys().filter(|unit| {
            let group = group_and_process(unit).map(|(group, _)| group);
            group.as_deref() == Some(name) && !units.contains(unit)
        });
        let orphans: Vec<UnitName> = orphans.cloned().collect();
        units.extend(orphans);
        if units.is_empty() {
            return Removal::Ends(Err(Refusal::NoSuchGroup(name.to_owned())));
        }
        let (services, sockets): (Vec<UnitName>, Vec<UnitName>) = units
            .into_iter()
            .partition(|unit| unit.kind() == UnitKind::Service);
        if services.iter().any(|service| self.runs(service)) {
            return Removal::Ends(Err(Refusal::GroupRuns(name.to_owned())));
        }
        if !services.iter().all(|service| self.is_idle(service)) {
            // What a service left behind is still being cleared away.
            return Removal::Waits;
        }
        let open: Vec<&UnitName> = sockets
            .iter()
            .filter(|socket| !self.is_idle(socket))
            .collect();
        if !open.is_empty() {
            let mut stops = false;
            for socket in open {
                let queued = self.state.job_of(socket).map(|(_, job)| job.kind);
                if queued != Some(JobKind::Stop) {
                    let cause = Cause::Group(name.to_owned());
                    match self.submit(socket, JobKind::Stop, JobMode::Replace, cause) {
                        Ok(_) => stops = true,
                        Err(refusal) => return Removal::Ends(Err(refusal)),
                    }
                }
            }
            return if stops {
                Removal::StopsSockets
            } else {
                Removal::Waits
            };
        }
        let rest = self.definitions.set().without_group(name);
        let mut kept = self.definitions.kept().clone();
        for unit in services.iter().chain(&sockets) {
            kept.remove(unit);
            self.forget_unit(unit);
        }
        self.put_in_force(Arc::new(rest), kept);
        let change = Change::GroupRemoved(name.to_owned());
        self.actions.push(Action::Publish(change));
        Removal::Ends(Ok(()))
    }

    /// Supervisord would not take it for one that is down, or it will not stay so.
    fn runs(&self, service: &UnitName) -> bool {
        let shown = self.process_state(service);
        let phase = self
            .state
            .unit(service)
            .and_then(UnitState::service)
            .map(|service| &service.phase);
        // A one-shot that is through may remain active, with something to be stopped.
        shown.is_some_and(|state| !state.is_down())
            || matches!(phase, Some(Phase::AutoRestart { .. } | Phase::Exited))
    }

    fn is_idle(&self, unit: &UnitName) -> bool {
        self.state.unit(unit).is_none_or(|state| {
            let down = state.active().is_down();
            down && state.job.is_none()
        })
    }

    /// Nothing is known of a unit any more.
    pub(crate) fn forget_unit(&mut self, unit: &UnitName) {
        self.empty_store(unit);
        self.state.remove_unit(unit);
        self.state.meta_mut().stale.remove(unit);
        self.refresh.remove(unit);
        self.revisit.remove(unit);
        let change = Change::UnitRemoved(unit.clone());
        self.actions.push(Action::Publish(change));
    }

    /// What a service left with us for later is not kept for a unit that is gone.
    pub(crate) fn empty_store(&mut self, unit: &UnitName) {
        let service = self.state.unit(unit).and_then(UnitState::service);
        if service.is_some_and(|service| service.uses_store) {
            self.actions.push(Action::Unstore {
                unit: unit.clone(),
                name: None,
            });
        }
    }

    /// The same definitions with the instances that are in use, which are in no file.
    pub(crate) fn with_instances_in_use(&self, mut units: Arc<UnitSet>) -> Arc<UnitSet> {
        for name in self.state.units().keys() {
            if planted!(InstanceForgotten) {
                break;
            }
            if units.get(name).is_none() && units.resolve(name).is_some() {
                Arc::make_mut(&mut units).instantiate(name);
            }
        }
        units
    }

    /// Other definitions.
    pub(crate) fn put_in_force(
        &mut self,
        units: Arc<UnitSet>,
        kept: BTreeMap<UnitName, Arc<Definition>>,
    ) {
        let units = self.with_instances_in_use(units);
        self.definitions.replace(units, kept);
        self.order.forget();
        self.retie_jobs();
    }

    /// The names of all groups, those of running services whose file is gone among them.
    pub(crate) fn groups_in_force(&self) -> BTreeSet<String> {
        let set = self.definitions.set().iter().map(|unit| unit.name());
        set.chain(self.definitions.kept().keys())
            .filter_map(|unit| Some(group_and_process(unit)?.0))
            .collect()
    }

    /// Tells which groups have come and gone, where those `before` were in force.
    pub(crate) fn publish_groups(&mut self, before: &BTreeSet<String>) {
        let now = self.groups_in_force();
        let gone = before.difference(&now).cloned().map(Change::GroupRemoved);
        let new = now.difference(before).cloned().map(Change::GroupAdded);
        self.actions.extend(gone.chain(new).map(Action::Publish));
    }
}

/// How far the removal of a group has come.
enum Removal {
    /// A service is not quite down.
    Waits,
    /// The group's sockets were told to go.
    StopsSockets,
    Ends(Result<(), Refusal>),
}
