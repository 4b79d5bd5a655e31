//! `start-limit-*`: which starts count, what comes of one too many, and when the count is forgotten.

use units::{UnitKind, UnitName};

use crate::Engine;
use crate::action::{Level, MessageId};
use crate::job::{JobId, JobResult};
use crate::limit::Limit;
use crate::path_unit::PathEvent;
use crate::service::{Phase, ServiceEvent};
use crate::socket::SocketEvent;
use crate::timer_unit::TimerEvent;
use crate::view::systemd::ActiveState;

impl Engine {
    /// Counts the start; where it is one too many, that is the end of its job. What does not even come
    /// this far is not counted, as systemd 252 has it.
    pub(crate) fn is_started_too_often(&mut self, id: JobId, unit: &UnitName) -> bool {
        let Some(definition) = self.definitions.get(unit) else {
            return false;
        };
        let limited = matches!(
            unit.kind(),
            UnitKind::Service | UnitKind::Socket | UnitKind::Timer | UnitKind::Path
        );
        let (interval, burst) = (
            definition.start_limit_interval_sec(),
            definition.start_limit_burst(),
        );
        let now = self.now.monotonic;
        let state = self.state.unit_mut(unit);
        state.start_limit_hit =
            limited && !planted!(StartsUnlimited) && !state.starts.admits(now, interval, burst);
        if !state.start_limit_hit {
            return false;
        }
        self.log(
            Some(unit),
            Level::Warning,
            MessageId::JobFailed,
            format!("{unit} was started {burst} times within {interval}: not again before that is over, or reset-failed"),
        );
        match unit.kind() {
            UnitKind::Socket => self.socket_step(unit, SocketEvent::Limited),
            UnitKind::Timer => self.timer_step(unit, TimerEvent::Limited),
            UnitKind::Path => self.path_step(unit, PathEvent::Limited),
            _ => self.service_step(unit, ServiceEvent::Limited),
        }
        self.revisit.insert(unit.clone());
        self.finish_job(id, JobResult::Failed);
        let why = format!("{unit} was started too often");
        self.emergency(unit, definition.start_limit_action(), None, &why);
        true
    }

    /// Its last start was one too many, and the next one would be too.
    pub(crate) fn meets_its_start_limit(&self, unit: &UnitName) -> bool {
        let Some((state, definition)) = self.state.unit(unit).zip(self.definitions.get(unit))
        else {
            return false;
        };
        let interval = definition.start_limit_interval_sec();
        let burst = definition.start_limit_burst();
        let mut starts = state.starts;
        state.start_limit_hit && !starts.admits(self.now.monotonic, interval, burst)
    }

    /// systemd unloads a unit that came to a good end and that no other unit refers to, and with
    /// it its count of starts: a job run by hand again and again meets no start limit.
    pub(crate) fn forget_starts(&mut self, unit: &UnitName) {
        let Some(state) = self.state.unit(unit) else {
            return;
        };
        let ended_well = match state.service() {
            Some(service) => {
                matches!(service.phase, Phase::Dead { .. }) && !service.result.is_failure()
            }
            None => state.active() == ActiveState::Inactive,
        };
        if !ended_well || state.starts == Limit::default() || self.is_held(unit) {
            return;
        }
        self.state.unit_mut(unit).starts = Limit::default();
    }

    /// Whether systemd would keep the unit loaded: a client holds on to it, another unit wants
    /// something of it, or one that is up names it, be it only in an ordering.
    fn is_held(&self, unit: &UnitName) -> bool {
        let is_up = |other: &UnitName| !self.state.active(other).is_down();
        self.is_kept_for_clients(unit)
            || self.definitions.is_referred_to(unit)
            || self.definitions.named_by(unit).any(is_up)
    }
}
