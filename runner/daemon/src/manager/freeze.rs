//! Units whose processes are kept from running, by the freezer of their control group. What is stopped
//! goes on first: a process that stands still hears no signal.

use std::io;
use std::time::Duration;

use control::{Answerer, Refusal, Reply};
use engine::Change;
use engine::view::systemd::ActiveState;
use units::{UnitKind, UnitName};

use super::Manager;

/// Between two looks whether all processes stand still: the kernel tells by a file, and mostly before
/// the first.
const PAUSE: Duration = Duration::from_millis(2);

/// How long that may take; a process that hangs in the kernel cannot be frozen.
const PATIENCE: Duration = Duration::from_secs(25);

impl Manager {
    /// Answers once all processes of the unit stand still, or may go on.
    pub(super) fn freeze(&mut self, unit: &UnitName, frozen: bool, answerer: Answerer) {
        let unit = match self.freezable(unit) {
            Ok(unit) => unit,
            Err(refusal) => return answerer.answer(Err(refusal)),
        };
        if let Err(error) = self.set_frozen(&unit, frozen) {
            let why = format!("the processes of {unit} cannot be frozen: {error}");
            return answerer.answer(Err(Refusal::NotPossible(why)));
        }
        self.publish(Change::Properties(unit.clone()));
        let Some(cgroups) = self.cgroups.clone() else {
            return;
        };
        let is_so = move || {
            cgroups.number(&unit, "cgroup.events", Some("frozen")) == Some(u64::from(frozen))
        };
        tokio::spawn(async move {
            let waiting = async {
                while !is_so() {
                    tokio::time::sleep(PAUSE).await;
                }
            };
            let answer = match tokio::time::timeout(PATIENCE, waiting).await {
                Ok(()) => Ok(Reply::Done),
                Err(_) => Err(Refusal::NotPossible(
                    "a process does not stand still; it may hang in the kernel".to_owned(),
                )),
            };
            answerer.answer(answer);
        });
    }

    /// The unit's own name, where it can be frozen.
    fn freezable(&self, unit: &UnitName) -> Result<UnitName, Refusal> {
        let view = self.engine.unit(unit);
        let Some(view) = view.filter(|view| view.definition.is_some()) else {
            return Err(Refusal::NoSuchUnit(unit.clone()));
        };
        if view.name.kind() != UnitKind::Service || self.cgroups.is_none() {
            let why = match self.cgroups.is_none() {
                true => "units have no control groups here, so none can be frozen",
                false => "only services can be frozen",
            };
            return Err(Refusal::NotPossible(why.to_owned()));
        }
        match view.active {
            ActiveState::Active => Ok(view.name),
            _ => Err(Refusal::Inactive(view.name)),
        }
    }

    fn set_frozen(&mut self, unit: &UnitName, frozen: bool) -> io::Result<()> {
        if let Some(cgroups) = &self.cgroups {
            cgroups.freeze(unit, frozen)?;
        }
        if frozen {
            self.frozen.insert(unit.clone());
        } else {
            self.frozen.remove(unit);
        }
        Ok(())
    }

    /// A unit is sent a signal: if that is to stop it, it goes on.
    pub(super) fn thaw_to_stop(&mut self, unit: &UnitName) {
        if !self.frozen.contains(unit) {
            return;
        }
        let view = self.engine.unit(unit);
        if view.is_some_and(|view| view.active == ActiveState::Deactivating)
            && let Err(error) = self.set_frozen(unit, false)
        {
            tracing::warn!("{unit}: its processes cannot go on: {error}");
        }
    }

    /// What stood still under the manager before this one still does.
    pub(super) fn look_for_frozen(&mut self) {
        let Some(cgroups) = self.cgroups.clone().filter(|_| self.about.recoveries > 0) else {
            return;
        };
        let stands_still = |unit: &UnitName| cgroups.number(unit, "cgroup.freeze", None) == Some(1);
        let frozen: Vec<UnitName> = self
            .engine
            .live_runs()
            .map(|(unit, _)| unit.clone())
            .filter(stands_still)
            .collect();
        self.frozen.extend(frozen);
    }
}
