//! Timers and paths and the units they start: what each is told of the other.

use units::{Effect, UnitKind, UnitName};

use crate::Engine;
use crate::clock::Monotonic;
use crate::job::JobId;
use crate::path_unit::PathEvent;
use crate::service::ServiceEvent;
use crate::socket::SocketEvent;
use crate::state::{TriggeredBy, UnitState};
use crate::timer_unit::{self, Around, Moment, Phase, TimerEvent, TimerUnit, Triggered};
use crate::view::systemd::TimerView;

impl Engine {
    /// When the first manager began to start units.
    pub(crate) fn begun(&self) -> Monotonic {
        let begun = self.state.meta().begun;
        begun.map_or(self.now.monotonic, |begun| begun.monotonic)
    }

    /// What a timer has to know of the unit that it starts.
    pub(crate) fn unit_of_timer(&self, timer: &UnitName) -> Triggered {
        let units = self.definitions.related(timer, Effect::Trigger);
        let Some(name) = units.into_iter().next() else {
            return Triggered::default();
        };
        let state = self.state.unit(&name);
        Triggered {
            at_rest: self.state.active(&name).is_down()
                && state.is_none_or(|unit| unit.job.is_none()),
            inactive_exit: state.and_then(|unit| unit.times.inactive_exit),
            inactive_enter: state.and_then(|unit| unit.times.inactive_enter),
        }
    }

    /// Why this socket, timer or path cannot start now: there is nothing that it could start
    /// (systemd: "not loaded, refusing").
    pub(crate) fn trigger_start_refused(&self, unit: &UnitName) -> Option<String> {
        let units = self.definitions.related(unit, Effect::Trigger);
        let cannot_start = |unit: &UnitName| {
            let definition = self.definitions.get(unit);
            !unit.is_template() && !definition.is_some_and(|unit| unit.is_loaded())
        };
        let unusable = units.into_iter().find(cannot_start)?;
        Some(format!(
            "{unit} cannot start: {unusable}, which it starts, is masked or has an error"
        ))
    }

    /// Whether the unit that a path starts is on its way or up.
    pub(crate) fn unit_of_path_runs(&self, path: &UnitName) -> bool {
        let units = self.definitions.related(path, Effect::Trigger);
        units.iter().any(|unit| !self.state.active(unit).is_down())
    }

    /// The same happens to every timer.
    pub(crate) fn for_each_timer(&mut self, event: &TimerEvent) {
        let is_timer = |unit: &&UnitName| unit.kind() == UnitKind::Timer;
        let timers: Vec<UnitName> = self
            .state
            .units()
            .keys()
            .filter(is_timer)
            .cloned()
            .collect();
        for timer in timers {
            self.timer_step(&timer, event.clone());
        }
    }

    /// Tells the timers and paths of a unit how it is, and one of these that it is not about to be
    /// stopped any more.
    pub(crate) fn tell_timers_and_paths(&mut self, unit: &UnitName) {
        let Some(state) = self.state.unit(unit) else {
            return;
        };
        if state.job.is_none() {
            let held_back = |state: &UnitState| {
                let timer = state.timer().is_some_and(|timer| timer.held_back);
                timer || state.path().is_some_and(|path| path.held_back)
            };
            if held_back(state) {
                self.timer_step(unit, TimerEvent::Spared);
                self.path_step(unit, PathEvent::Spared);
                return;
            }
        }
        let to_paths = match state.active() {
            _ if state.start_limit_hit => Some(PathEvent::UnitLimited),
            // A job may be about to change it.
            _ if state.job.is_some() => None,
            active if active.is_down() => Some(PathEvent::UnitEnded),
            _ => Some(PathEvent::UnitRuns),
        };
        for trigger in self.definitions.related(unit, Effect::TriggeredBy) {
            if self.state.unit(&trigger).is_none() {
                continue;
            }
            self.timer_step(&trigger, TimerEvent::UnitChanged);
            if let Some(event) = &to_paths {
                self.path_step(&trigger, event.clone());
            }
        }
    }

    /// The definition of a unit is another one.
    pub(crate) fn redefine(&mut self, unit: &UnitName) {
        if self.state.unit(unit).is_some() {
            self.service_step(unit, ServiceEvent::Redefined);
            self.socket_step(unit, SocketEvent::Redefined);
            self.timer_step(unit, TimerEvent::Redefined);
            self.path_step(unit, PathEvent::Redefined);
        }
    }

    /// A timer or path has queued this job: whoever runs for it is told who did.
    pub(crate) fn note_trigger(&mut self, trigger: &UnitName, unit: &UnitName, job: JobId) {
        let Some(state) = self.state.unit(trigger) else {
            return;
        };
        let mut environment = vec![("TRIGGER_UNIT".to_owned(), trigger.to_string())];
        if let Some(last) = state.timer().and_then(|timer| timer.last) {
            let (real, monotonic) = (last.realtime.0, last.monotonic.0);
            environment.push(("TRIGGER_TIMER_REALTIME_USEC".to_owned(), real.to_string()));
            environment.push((
                "TRIGGER_TIMER_MONOTONIC_USEC".to_owned(),
                monotonic.to_string(),
            ));
        } else if let Some(path) = state.path() {
            environment.push(("TRIGGER_PATH".to_owned(), path.found.clone()));
        } else {
            return;
        }
        if self.state.job(job).is_some() {
            self.state.unit_mut(unit).triggered_by = Some(TriggeredBy { job, environment });
        }
    }

    pub(crate) fn view_of_timer(&self, name: &UnitName, timer: &TimerUnit) -> TimerView {
        let begun = self.begun();
        let around = Around {
            zone: &self.host.zone,
            host: self.host.number,
            booted: self.host.booted.unwrap_or(begun),
            begun,
            unit: self.unit_of_timer(name),
        };
        let next = match &timer.phase {
            Phase::Waiting(waiting) => waiting.next,
            _ => timer_unit::Plan::default(),
        };
        let mut view = TimerView {
            next_realtime: next.realtime,
            next_monotonic: next.monotonic,
            last: timer.last,
            ..TimerView::default()
        };
        let Some(definition) = self.definitions.get(name) else {
            return view;
        };
        // One that is down waits for nothing.
        let waits = matches!(timer.phase, Phase::Waiting(_) | Phase::Running);
        for moment in timer_unit::moments(&definition, timer, &around, self.now) {
            match moment {
                Moment::Since(base, span, next) => {
                    view.spans.push((base, span, next.filter(|_| waits)));
                }
                Moment::Calendar(spec, next) => {
                    let next = next.filter(|_| waits);
                    view.calendars.push((spec.to_string(), next));
                }
            }
        }
        view
    }
}
