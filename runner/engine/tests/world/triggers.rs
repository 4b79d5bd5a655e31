//! Timers and paths: stamps, clocks that are set, files that come and change.

use engine::{Event, Ticket};
use units::{UnitKind, UnitName};

use super::kernel::World;

impl World<'_> {
    /// Looks at the paths of a unit, and watches them.
    pub(super) fn watch_paths(&mut self, ticket: Ticket, unit: UnitName, seen: &[u64]) {
        let look = self.look(&unit);
        self.manager.watches.insert(unit.clone(), (ticket, look));
        if !self.fair && self.dice.percent(4) {
            self.manager.watches.remove(&unit);
            let message = "cannot watch: too many watches".to_owned();
            let failed = Event::PathsFailed { ticket, message };
            return self.manager.answers.push_back(failed);
        }
        let changed = seen.first().is_some_and(|seen| *seen != look);
        if changed || !self.fair && self.dice.percent(20) {
            return self.found(&unit);
        }
        let seen = vec![look];
        self.manager
            .answers
            .push_back(Event::PathsWatched { ticket, seen });
    }

    /// What the paths of a unit look like; never the same after a change.
    fn look(&self, unit: &UnitName) -> u64 {
        self.looks.get(unit).copied().unwrap_or(1)
    }

    fn found(&mut self, unit: &UnitName) {
        if let Some((ticket, _)) = self.manager.watches.remove(unit) {
            let path = "/run/found".to_owned();
            self.invariants.asked();
            self.manager
                .answers
                .push_back(Event::PathFound { ticket, path });
        }
    }

    /// A file changes, whether somebody looks or not.
    pub(super) fn touch(&mut self) {
        let is_path = |unit: &&UnitName| unit.kind() == UnitKind::Path;
        let paths: Vec<UnitName> = self.variant.names.iter().filter(is_path).cloned().collect();
        let Some(unit) = self.dice.pick(&paths).cloned() else {
            return;
        };
        let look = self.look(&unit);
        self.looks.insert(unit.clone(), look + 1);
        self.found(&unit);
    }

    /// The clock is set forward or back; the manager hears of it at once or later, as with every
    /// other answer.
    pub(super) fn set_clock(&mut self) {
        let span = u64::try_from(self.dice.below(100_000_000)).unwrap();
        self.clock = match self.dice.percent(50) {
            true => self.clock + span,
            false => self.clock - span,
        };
        self.clock_news = true;
        self.invariants.clock_set();
        self.manager.answers.push_back(Event::ClockSet);
    }

    /// T3: no timer that waits is forgotten: an alarm is set for the moment, or not much later.
    pub(super) fn timers_are_armed(&mut self) {
        let now = self.clock();
        let engine = self.engine.as_ref().unwrap();
        self.invariants.timers_wait(engine);
        // An alarm that was set for another time is put right with the news.
        if self.clock_news {
            let told = |event: &Event| matches!(event, Event::ClockSet);
            self.clock_news = self.manager.answers.iter().any(told);
            return;
        }
        for (unit, (realtime, monotonic)) in self.invariants.waiting_timers() {
            let Some(definition) = engine.definition(unit) else {
                continue;
            };
            let stops = engine.jobs().iter().any(|job| job.unit == *unit);
            if stops {
                continue;
            }
            let accuracy = definition.accuracy_sec().as_micros();
            let in_monotonic =
                realtime.map(|at| now.monotonic.0 + at.saturating_sub(now.realtime.0));
            for at in [monotonic, in_monotonic].into_iter().flatten() {
                // What is due since a while is about to be told.
                let latest = at.max(now.monotonic.0) + accuracy;
                let armed = self.manager.timers.values().any(|alarm| alarm.0 <= latest);
                assert!(armed, "T3: nothing wakes {unit} at {at}");
            }
        }
    }
}
