//! New definitions: all of them, or none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use units::unit_set::Difference;
use units::{Definition, Diagnostic, LoadState, UnitName, UnitSet};

use crate::action::{Action, Level, MessageId};
use crate::change::Change;
use crate::clock::Now;
use crate::command::{Answer, Refusal};
use crate::job::queue::Queue;
use crate::machine::Closing;
use crate::ticket::RequestId;
use crate::view::systemd::ActiveState;
use crate::{Engine, Ticket};

/// What the unit files are read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// To be put in force at once.
    Reload {
        request: RequestId,
        keep_going: bool,
    },
    /// To be laid aside; nobody asked where it is done again after a recovery.
    Stage { request: Option<RequestId> },
    /// To start everything anew with, if they are good.
    RestartAll { request: RequestId },
    /// The same, after a recovery: everything is stopped.
    Anew,
}

/// What is in the files, and what there is to say of them.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) units: Arc<UnitSet>,
    pub(crate) diagnostics: Arc<Vec<Diagnostic>>,
    /// When they began to be read.
    pub(crate) since: Option<Now>,
}

impl Engine {
    pub(crate) fn read_units(&mut self, reading: Reading) {
        let ticket = self.mint_ticket();
        self.readings.insert(ticket, (reading, self.now));
        self.actions.push(Action::ReadUnits { ticket });
    }

    /// The unit files were read.
    pub(crate) fn units_read(
        &mut self,
        ticket: Ticket,
        units: Arc<UnitSet>,
        diagnostics: Arc<Vec<Diagnostic>>,
    ) {
        let Some((reading, since)) = self.readings.remove(&ticket) else {
            let text = "unit files nobody asked for";
            return self.log(None, Level::Debug, MessageId::Unexpected, text);
        };
        if self.last_read.is_some_and(|last| ticket < last) {
            // A later one was quicker: this is what the files said before.
            return self.read_units(reading);
        }
        self.last_read = Some(ticket);
        let files = Files {
            units,
            diagnostics,
            since: Some(since),
        };
        match reading {
            Reading::Reload {
                request,
                keep_going,
            } => self.reloaded(request, keep_going, files),
            Reading::Stage { request } => self.staged(request, files),
            Reading::RestartAll { request } => self.restart_read(request, files),
            Reading::Anew => self.anew_read(files),
        }
    }

    /// Logs what there is to say about unit files that was not said before; true if an error is
    /// among it. What was broken before and still is does not stand in the way of the rest.
    pub(crate) fn tells_of_new_errors(&mut self, diagnostics: &[Diagnostic]) -> bool {
        let new: Vec<&Diagnostic> = diagnostics
            .iter()
            .filter(|diagnostic| !self.has_said(diagnostic))
            .collect();
        let said: Vec<(bool, String)> = new
            .into_iter()
            .map(|diagnostic| (diagnostic.is_error(), diagnostic.to_string()))
            .collect();
        let errors = said.iter().any(|(is_error, _)| *is_error);
        for (is_error, text) in said {
            let level = if is_error {
                Level::Error
            } else {
                Level::Warning
            };
            self.log(None, level, MessageId::Reloaded, text);
        }
        errors
    }

    /// Why nothing is made of what was read: new errors, which are logged and what comes of them, or
    /// that everything is being stopped since it was asked for.
    pub(crate) fn refuse_what_was_read(
        &mut self,
        diagnostics: &Arc<Vec<Diagnostic>>,
        so: Option<&str>,
    ) -> Option<Refusal> {
        if self.state.meta().closing != Closing::No {
            return Some(Refusal::ShuttingDown);
        }
        if !self.tells_of_new_errors(diagnostics) {
            return None;
        }
        if let Some(so) = so {
            let text = format!("unit files have new errors: {so}");
            self.log(None, Level::Error, MessageId::Reloaded, text);
        }
        Some(Refusal::ReloadRefused(Arc::clone(diagnostics)))
    }

    fn reloaded(&mut self, request: RequestId, keep_going: bool, files: Files) {
        let Files {
            units,
            diagnostics,
            since,
        } = files;
        let so = (!keep_going).then_some("nothing is applied");
        let refusal = self
            .refuse_what_was_read(&diagnostics, so)
            .filter(|refusal| !keep_going || *refusal == Refusal::ShuttingDown);
        let answer = if let Some(refusal) = refusal {
            Err(refusal)
        } else {
            self.apply(units);
            self.state.meta_mut().units_read_at = since;
            self.diagnostics = Arc::clone(&diagnostics);
            self.log(
                None,
                Level::Info,
                MessageId::Reloaded,
                "unit files were read again",
            );
            Ok(Answer::Reloaded(diagnostics))
        };
        self.actions.push(Action::Publish(Change::Reloading(false)));
        self.actions.push(Action::Reply { request, answer });
    }

    /// Puts a new set in force. What runs goes on, on its new definition; what has none any more,
    /// or a broken one, stays on its last good one.
    fn apply(&mut self, units: Arc<UnitSet>) {
        let groups = self.groups_in_force();
        let old = Arc::clone(self.definitions.set());
        let units = self.with_instances_in_use(units);
        let kept = self.last_good_beside(&units);
        // What a client defined is in no file that could say something else.
        let mut stale: BTreeSet<UnitName> = kept
            .values()
            .filter(|definition| !definition.is_without_file())
            .map(|definition| definition.name().clone())
            .collect();
        let mut redefined = Vec::new();
        for (name, difference) in old.diff(&units) {
            match difference {
                Difference::Added => {
                    // Its file may be back, and say something else than what it went on with.
                    redefined.push(name.clone());
                    self.actions.push(Action::Publish(Change::UnitNew(name)));
                }
                Difference::Removed if kept.contains_key(&name) => {}
                Difference::Removed => {
                    self.empty_store(&name);
                    self.state.remove_unit(&name);
                    self.actions
                        .push(Action::Publish(Change::UnitRemoved(name)));
                }
                Difference::Changed(settings) => {
                    let listens = self
                        .state
                        .unit(&name)
                        .and_then(crate::state::UnitState::socket)
                        .is_some_and(|socket| socket.phase.listen().is_some());
                    if listens && Engine::moves_a_socket(&settings) {
                        stale.insert(name.clone());
                    }
                    self.refresh.insert(name.clone());
                    redefined.push(name);
                }
            }
        }
        self.refresh.extend(stale.iter().cloned());
        // A socket that did not follow its new addresses yet still does not.
        let lagging = self
            .state
            .meta()
            .stale
            .iter()
            .filter(|name| self.is_in_use(name))
            .cloned();
        let lagging: Vec<UnitName> = lagging
            .filter(|name| !self.definitions.kept().contains_key(name))
            .collect();
        stale.extend(lagging);
        self.state.meta_mut().stale = stale;
        self.put_in_force(units, kept);
        for unit in redefined {
            self.redefine(&unit);
        }
        self.candidate = None;
        self.state.meta_mut().staged = false;
        self.publish_groups(&groups);
    }

    /// The definitions that stay in force beside a new set: the last good ones of units whose file
    /// is broken now, and those of units that are in use and whose file is gone.
    pub(crate) fn last_good_beside(&self, units: &UnitSet) -> BTreeMap<UnitName, Arc<Definition>> {
        let mut kept = BTreeMap::new();
        let last_good = self.definitions.set().iter();
        let last_good = last_good.chain(self.definitions.kept().values());
        for definition in last_good.filter(|definition| definition.is_loaded()) {
            let name = definition.name();
            let keep = match units.get(name).map(|new| new.load_state()) {
                Some(LoadState::Loaded) => false,
                // Broken, but not gone: as good as the last time it was read.
                Some(LoadState::BadSetting(_) | LoadState::Error(_)) => true,
                _ if planted!(OrphanForgotten) => false,
                Some(LoadState::NotFound | LoadState::Masked) | None => {
                    self.is_in_use(name) || self.is_transient(name)
                }
            };
            if keep && !name.is_template() {
                kept.insert(name.clone(), Arc::clone(definition));
            }
        }
        kept
    }

    /// Whether a finding was there before: it does not stand in the way of the rest.
    pub(crate) fn has_said(&self, found: &Diagnostic) -> bool {
        self.diagnostics.contains(found)
    }

    /// It runs, has failed, or is about to do something.
    fn is_in_use(&self, name: &UnitName) -> bool {
        self.state
            .unit(name)
            .is_some_and(|state| state.job.is_some() || state.active() != ActiveState::Inactive)
    }

    /// Orders the queued jobs by the definitions in force.
    pub(crate) fn retie_jobs(&mut self) {
        self.queue = Queue::default();
        let ids: Vec<_> = self.state.jobs().keys().copied().collect();
        if planted!(JobsLostByReload) {
            return;
        }
        for id in &ids {
            self.queue.tie(&self.definitions, &self.state, *id);
        }
        self.untangle(ids);
    }

    /// A unit is down: an orphan's definition goes with it.
    pub(crate) fn let_definition_go(&mut self, unit: &UnitName) {
        if !self.definitions.kept().contains_key(unit) {
            return;
        }
        let transient = self.is_transient(unit);
        if transient && (self.definitions.is_referred_to(unit) || self.is_kept_for_clients(unit)) {
            // Its timer starts it again, or a client wants to see how it ended.
            return;
        }
        let orphan = match self
            .definitions
            .set()
            .get(unit)
            .map(|definition| definition.load_state())
        {
            Some(LoadState::BadSetting(_) | LoadState::Error(_)) => return,
            Some(LoadState::Loaded | LoadState::Masked) => false,
            Some(LoadState::NotFound) | None => true,
        };
        if self.state.active(unit) == ActiveState::Failed {
            // Still worth a look; `reset-failed` lets it go.
            return;
        }
        let groups = self.groups_in_force();
        if transient {
            self.look_at_triggered(unit);
        }
        self.definitions.drop_kept(unit);
        self.state.meta_mut().stale.remove(unit);
        if orphan {
            self.empty_store(unit);
            self.state.remove_unit(unit);
            self.refresh.remove(unit);
            self.actions
                .push(Action::Publish(Change::UnitRemoved(unit.clone())));
        }
        self.publish_groups(&groups);
    }
}
