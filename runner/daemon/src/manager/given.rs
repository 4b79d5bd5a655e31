//! Standard descriptors that clients hand over with a transient unit (`runnerctl run --pipe`).
//!
//! They stay with the keeper while the unit is up, so that a restart by its own policy has them
//! again, also after a recovery, and are closed once it is down: whoever reads the other end of a
//! pipe is waiting for that.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use control::Descriptors;
use engine::ticket::RequestId;
use engine::view::systemd::ActiveState;
use units::UnitName;

use super::Manager;
use crate::link::Key;

/// What was handed over, by service.
#[derive(Debug, Default)]
pub(super) struct Given {
    of: HashMap<UnitName, Descriptors>,
    /// Handed over with a request that is not answered yet.
    asked: HashMap<RequestId, UnitName>,
}

impl Given {
    /// Those of a service.
    pub(super) fn of(&self, unit: &UnitName) -> [Option<Arc<OwnedFd>>; 3] {
        self.of
            .get(unit)
            .map(|given| given.0.clone())
            .unwrap_or_default()
    }
}

impl Manager {
    /// Takes what comes with a request, for when the unit starts. A unit that is there already is
    /// about to be refused, and keeps what it has.
    pub(super) fn take_given(&mut self, id: RequestId, unit: &UnitName, given: &Descriptors) {
        let is_there = self
            .engine
            .unit(unit)
            .is_some_and(|view| view.definition.is_some());
        if is_there || self.given.of.contains_key(unit) || given.0.iter().all(Option::is_none) {
            return;
        }
        for (place, fd) in (0..).zip(&given.0) {
            if let Some(fd) = fd {
                let unit = unit.clone();
                self.hold(&Key::Given { unit, place }, fd.as_fd());
            }
        }
        self.given.of.insert(unit.clone(), given.clone());
        self.given.asked.insert(id, unit.clone());
    }

    /// The request is answered: a refused unit needs nothing.
    pub(super) fn settle_given(&mut self, id: RequestId, started: bool) {
        if let Some(unit) = self.given.asked.remove(&id)
            && !started
        {
            self.give_back(&unit);
        }
    }

    /// A unit went from one state to another: once it is down it needs them no more.
    pub(super) fn give_back_when_down(&mut self, unit: &UnitName) {
        if self.given.of.contains_key(unit) && self.is_down(unit) {
            self.give_back(unit);
        }
    }

    /// Takes one back after a recovery.
    pub(super) fn restore_given(&mut self, unit: UnitName, place: u32, fd: OwnedFd) {
        let slot = usize::try_from(place).unwrap_or(usize::MAX);
        let busy = self
            .engine
            .unit(&unit)
            .is_some_and(|view| view.job.is_some());
        if slot > 2 || (self.is_down(&unit) && !busy) {
            return self.unhold(&Key::Given { unit, place });
        }
        let given = self.given.of.entry(unit).or_default();
        if let Some(slot) = given.0.get_mut(slot) {
            *slot = Some(Arc::new(fd));
        }
    }

    fn is_down(&self, unit: &UnitName) -> bool {
        self.engine
            .unit(unit)
            .is_none_or(|view| matches!(view.active, ActiveState::Inactive | ActiveState::Failed))
    }

    fn give_back(&mut self, unit: &UnitName) {
        let Some(given) = self.given.of.remove(unit) else {
            return;
        };
        for (place, fd) in (0..).zip(&given.0) {
            if fd.is_some() {
                let unit = unit.clone();
                self.unhold(&Key::Given { unit, place });
            }
        }
    }
}
