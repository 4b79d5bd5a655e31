//! Units that are started or stopped because of how others are: `upholds`, `stop-when-unneeded`,
//! and `binds-to` where the other one never came up.
//!
//! Each time a unit has moved or its job has ended, it and those whose need of it may have changed
//! are looked at. What is done then is a job like any other, in mode `fail`: it is in nobody's way,
//! and where another job is in its way it is tried again once a job has ended.

use units::value::Span;
use units::{Effect, UnitName};

use crate::Engine;
use crate::action::{Level, MessageId};
use crate::cause::Cause;
use crate::command::Refusal;
use crate::job::{JobKind, JobMode};
use crate::machine::Closing;
use crate::view::systemd::ActiveState;

/// How often within which time a unit is started or stopped for such a reason: systemd's numbers.
const MOST: u32 = 16;
const WITHIN: Span = Span::from_secs(10);

/// What two units that conflict are to each other.
const CONFLICTS: [Effect; 2] = [Effect::PullInStop, Effect::PullInStopIgnored];

impl Engine {
    /// Looks at what the unit needs and who needs it, now that it is like this.
    pub(crate) fn look_at_needs(&mut self, unit: &UnitName, active: ActiveState, has_job: bool) {
        if self.state.meta().closing != Closing::No {
            return;
        }
        if active == ActiveState::Active {
            for other in self.definitions.related(unit, Effect::KeepUp) {
                self.keep_up(&other);
            }
        }
        if has_job {
            return;
        }
        self.keep_up(unit);
        self.stop_unneeded(unit);
        self.stop_without_bond(unit);
        if active.is_down() {
            for other in self.definitions.related(unit, Effect::Needs) {
                self.stop_unneeded(&other);
            }
            for other in self.definitions.related(unit, Effect::NeededToBeActive) {
                self.stop_without_bond(&other);
            }
            // While this one was up, or on its way, nothing that conflicts with it was started.
            for effect in CONFLICTS {
                for other in self.definitions.related(unit, effect) {
                    self.keep_up(&other);
                }
            }
        }
    }

    /// The unit's own state, where it has no job.
    fn at_rest(&self, unit: &UnitName) -> Option<ActiveState> {
        let has_job = self.state.job_of(unit).is_some();
        (!has_job).then(|| self.state.active(unit))
    }

    /// Starts a unit that is down while one that upholds it is up.
    fn keep_up(&mut self, unit: &UnitName) {
        if !self.at_rest(unit).is_some_and(ActiveState::is_down) {
            return;
        }
        let by = self.definitions.related(unit, Effect::KeptUp);
        let is_up = |other: &UnitName| {
            matches!(
                self.state.active(other),
                ActiveState::Active | ActiveState::Reloading
            )
        };
        let Some(by) = by.into_iter().find(is_up) else {
            return;
        };
        // In mode `fail` it would be started beside what conflicts with it. When that is down both
        // are looked at again.
        let in_the_way = CONFLICTS
            .into_iter()
            .flat_map(|effect| self.definitions.related(unit, effect))
            .any(|other| !self.at_rest(&other).is_some_and(ActiveState::is_down));
        if !in_the_way {
            let cause = Cause::Upheld(by.clone());
            self.adjust(
                &by,
                unit,
                JobKind::Start,
                cause,
                &format!("{by} upholds it"),
            );
        }
    }

    /// Stops a unit that wants to be stopped when nobody needs it.
    fn stop_unneeded(&mut self, unit: &UnitName) {
        let asks = || {
            let definition = self.definitions.get(unit);
            definition.is_some_and(|unit| unit.stop_when_unneeded())
        };
        if self.at_rest(unit) != Some(ActiveState::Active) || !asks() {
            return;
        }
        let needed = self
            .definitions
            .related(unit, Effect::NeededBy)
            .into_iter()
            .any(|other| !self.at_rest(&other).is_some_and(ActiveState::is_down));
        if !needed {
            let why = "nobody needs it any more";
            self.adjust(unit, unit, JobKind::Stop, Cause::Unneeded, why);
        }
    }

    /// Stops a unit that is bound to one which is down and has no job that could bring it up.
    fn stop_without_bond(&mut self, unit: &UnitName) {
        if self.at_rest(unit) != Some(ActiveState::Active) {
            return;
        }
        let bonds = self
            .definitions
            .related(unit, Effect::CannotBeActiveWithout);
        let missing = |other: &UnitName| self.at_rest(other).is_some_and(ActiveState::is_down);
        if let Some(other) = bonds.into_iter().find(missing) {
            let why = format!("{other}, which it is bound to, is down");
            let cause = Cause::Bound(other.clone());
            self.adjust(&other, unit, JobKind::Stop, cause, &why);
        }
    }

    /// Does so, unless that was done very often lately: two units may want the contrary.
    fn adjust(
        &mut self,
        because_of: &UnitName,
        unit: &UnitName,
        kind: JobKind,
        cause: Cause,
        why: &str,
    ) {
        let now = self.now.monotonic;
        let state = self.state.unit_unrecorded(unit);
        if !state.adjusted.admits(now, WITHIN, MOST) {
            let text = format!(
                "no more {} of {unit} although {why}: {MOST} times within {WITHIN} is enough",
                kind.as_str()
            );
            return self.log(Some(unit), Level::Warning, MessageId::JobFailed, text);
        }
        let text = format!("{} of {unit}: {why}", kind.as_str());
        self.log(Some(unit), Level::Info, MessageId::Other, text);
        if let Some(Refusal::Destructive(_)) =
            self.submit_in_mode(because_of, unit, kind, JobMode::Fail, cause)
        {
            self.obstructed.insert(unit.clone());
        }
    }
}
