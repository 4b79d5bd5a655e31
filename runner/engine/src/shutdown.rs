//! The end: everything is stopped in order, and then the program; or everything is started anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use units::unit_set::Difference;
use units::{UnitKind, UnitName};

use crate::Engine;
use crate::action::{Action, Level, MessageId};
use crate::cause::Cause;
use crate::change::Change;
use crate::command::{Answer, Refusal};
use crate::job::{JobKind, JobMode};
use crate::machine::Closing;
use crate::reload::{Files, Reading};
use crate::scope::ScopeEvent;
use crate::service::{Phase, ServiceEvent};
use crate::socket::SocketEvent;
use crate::state::Machine;
use crate::ticket::{RequestId, Ticket};
use crate::timer::Timer;
use crate::view::systemd::ActiveState;

impl Engine {
    /// Begins to stop everything; asked a second time, hurries.
    pub(crate) fn begin_closing(&mut self, status: u8) {
        let meta = self.state.meta_mut();
        match meta.closing {
            Closing::No => {
                meta.status = status;
                self.limit_stopping();
                self.close(false, "stopping everything");
            }
            _ if meta.restarting => {
                meta.restarting = false;
                meta.status = status;
                self.next = None;
                self.limit_stopping();
                let text = "everything is stopped for good, not to be started anew";
                self.log(None, Level::Notice, MessageId::Stopping, text);
                let change = Change::Closing { restarting: false };
                self.actions.push(Action::Publish(change));
            }
            Closing::Orderly => {
                meta.closing = Closing::Hurried;
                self.log(
                    None,
                    Level::Notice,
                    MessageId::Stopping,
                    "asked again: nobody gets more than a moment",
                );
                self.hurry_all();
                self.stop_next();
            }
            Closing::Hurried => {}
        }
    }

    /// All of it together may take so long: whoever asked us to stop kills us when it takes longer,
    /// and then nobody is stopped in order.
    fn limit_stopping(&mut self) {
        let mut mint = self.state.meta().mint.clone();
        let limit = Timer::arm(&mut mint, &mut self.actions, self.now, self.host.stop_limit);
        if limit.is_some() {
            let meta = self.state.meta_mut();
            meta.mint = mint;
            meta.stop_limit = limit;
        }
    }

    /// That time is over, if this is its timer: what is left is killed when the program ends.
    pub(crate) fn stop_limit_reached(&mut self, ticket: Ticket) -> bool {
        let limit = self.state.meta().stop_limit;
        if limit.is_none_or(|limit| limit.ticket != ticket) {
            return false;
        }
        self.state.meta_mut().stop_limit = None;
        if !self.halted {
            let left: Vec<String> = self
                .units_in_the_way()
                .into_iter()
                .filter(|unit| !self.has_nothing_to_stop(unit))
                .map(|unit| unit.to_string())
                .collect();
            let text = format!(
                "not everything was stopped within {}: killing what is left: {}",
                self.host.stop_limit,
                left.join(", ")
            );
            self.log(None, Level::Warning, MessageId::Stopping, text);
            self.halt();
        }
        true
    }

    fn halt(&mut self) {
        self.halted = true;
        let status = self.state.meta().status;
        self.actions.push(Action::Halt { status });
    }

    fn close(&mut self, restarting: bool, why: &str) {
        let meta = self.state.meta_mut();
        meta.closing = Closing::Orderly;
        meta.restarting = restarting;
        self.log(None, Level::Notice, MessageId::Stopping, why);
        for (request, _) in std::mem::take(&mut self.removals) {
            let answer = Err(Refusal::ShuttingDown);
            self.actions.push(Action::Reply { request, answer });
        }
        let change = Change::Closing { restarting };
        self.actions.push(Action::Publish(change));
        self.stop_next();
    }

    /// Stop jobs that nothing may replace, for the units that are next: those of the highest level
    /// that is still up, and whatever has nothing to stop but might still start.
    fn stop_next(&mut self) {
        let units = self.units_in_the_way();
        let levels: BTreeMap<&UnitName, Option<i32>> = units
            .iter()
            .map(|unit| (unit, self.place(unit).level))
            .collect();
        let up = || {
            let up = levels
                .iter()
                .filter(|(unit, _)| !self.has_nothing_to_stop(unit));
            up.filter_map(|(_, level)| *level)
        };
        let (lowest, highest) = (up().min(), up().max());
        let hurried = self.state.meta().closing == Closing::Hurried;
        let next: Vec<UnitName> = levels
            .iter()
            .filter(|(unit, level)| {
                // What has no level of its own goes with the last ones.
                let level = level.or(lowest);
                hurried || level >= highest || self.has_nothing_to_stop(unit)
            })
            .map(|(unit, _)| (*unit).clone())
            .collect();
        for unit in next {
            let mode = JobMode::ReplaceIrreversibly;
            self.install(&unit, JobKind::Stop, mode, Cause::Shutdown, false);
        }
        self.untangle(self.state.jobs().keys().copied().collect());
    }

    fn units_in_the_way(&self) -> Vec<UnitName> {
        let up = self.state.units().iter().filter(|(name, state)| {
            let down = state.active().is_down() || name.is_perpetual();
            !down || state.job.is_some()
        });
        up.map(|(name, _)| name.clone()).collect()
    }

    /// It is down and waits for a job's turn, or for its next restart.
    fn has_nothing_to_stop(&self, unit: &UnitName) -> bool {
        let state = self.state.unit(unit);
        state.is_none_or(|state| {
            let phase = state.service().map(|service| &service.phase);
            state.active().is_down() || matches!(phase, Some(Phase::AutoRestart { .. }))
        })
    }

    fn hurry_all(&mut self) {
        for unit in self.units_in_the_way() {
            match unit.kind() {
                UnitKind::Service => self.service_step(&unit, ServiceEvent::Hurry),
                UnitKind::Socket => self.socket_step(&unit, SocketEvent::Hurry),
                UnitKind::Scope => self.scope_step(&unit, ScopeEvent::Hurry),
                _ => {}
            }
        }
    }

    /// Ends the program once nothing is left, or starts everything anew; true if there is more to
    /// do before.
    pub(crate) fn closing_check(&mut self) -> bool {
        let meta = self.state.meta();
        if meta.closing == Closing::No || self.halted {
            return false;
        }
        let jobs = self.state.jobs().values();
        let stops = jobs.into_iter().any(|job| job.kind == JobKind::Stop);
        if stops && !planted!(HaltedEarly) {
            return false;
        }
        if !self.units_in_the_way().is_empty() && !planted!(HaltedEarly) {
            // Those of a lower level; or somebody took a stop back.
            self.stop_next();
            return true;
        }
        if meta.restarting {
            return self.begin_anew();
        }
        self.halt();
        false
    }

    /// The files are read to start everything anew with them.
    pub(crate) fn restart_read(&mut self, request: RequestId, files: Files) {
        let refusal = self.refuse_what_was_read(&files.diagnostics, Some("nothing is restarted"));
        let answer = refusal.map_or(Ok(Answer::Done), Err);
        let begins = answer.is_ok();
        self.actions.push(Action::Reply { request, answer });
        if begins {
            self.next = Some(files);
            self.close(true, "stopping everything, to start it anew");
        }
    }

    /// Everything is stopped, and is to start again.
    fn begin_anew(&mut self) -> bool {
        let mut states = self.state.units().values();
        if states.any(|state| state.active() == ActiveState::Failed) {
            // Who watches is told that these are no more what they were.
            let _ = self.reset_failed(None);
            return true;
        }
        if let Some(files) = self.next.take() {
            self.start_anew(files);
            return true;
        }
        let read = self
            .readings
            .values()
            .any(|(reading, _)| *reading == Reading::Anew);
        if !read {
            self.read_units(Reading::Anew);
        }
        false
    }

    /// A manager was killed while everything stopped, and the files were read again.
    pub(crate) fn anew_read(&mut self, files: Files) {
        if !self.state.meta().restarting {
            return;
        }
        self.next = Some(if self.tells_of_new_errors(&files.diagnostics) {
            let text = "unit files have new errors: starting with what was in force";
            self.log(None, Level::Error, MessageId::Reloaded, text);
            Files {
                units: Arc::clone(self.definitions.set()),
                diagnostics: Arc::clone(&self.diagnostics),
                since: self.state.meta().units_read_at,
            }
        } else {
            files
        });
    }

    /// Puts the new definitions in force, forgets all units, and boots.
    fn start_anew(&mut self, files: Files) {
        let Files {
            units,
            diagnostics,
            since,
        } = files;
        let old = Arc::clone(self.definitions.set());
        let names: Vec<UnitName> = self.state.units().keys().cloned().collect();
        for name in &names {
            let stays = units.get(name).is_some();
            if !stays {
                self.empty_store(name);
            }
            let left = self.state.remove_unit(name);
            // What a service has left with us outlives it, and its next stop has to know of it.
            if stays
                && let Some(before) = left.as_ref().and_then(|unit| unit.service())
                && before.uses_store
                && let Machine::Service(service) = &mut self.state.unit_mut(name).machine
            {
                service.keep_store_of(before);
            }
            if old.get(name).is_none() && units.get(name).is_none() {
                let change = Change::UnitRemoved(name.clone());
                self.actions.push(Action::Publish(change));
            }
        }
        for (name, difference) in old.diff(&units) {
            self.actions.extend(match difference {
                Difference::Added => Some(Action::Publish(Change::UnitNew(name))),
                Difference::Removed => Some(Action::Publish(Change::UnitRemoved(name))),
                Difference::Changed(_) => {
                    self.refresh.insert(name);
                    None
                }
            });
        }
        // Answers that are still on their way are for units that are no more.
        self.routes.clear();
        self.revisit.clear();
        self.refresh.extend(names);
        let meta = self.state.meta_mut();
        meta.closing = Closing::No;
        meta.restarting = false;
        meta.staged = false;
        meta.awake = None;
        meta.finished = None;
        meta.stale.clear();
        meta.units_read_at = since;
        self.candidate = None;
        self.diagnostics = diagnostics;
        self.put_in_force(units, BTreeMap::new());
        self.boot();
    }
}
