//! Whether everything that is to be up is up, in one sentence.

use std::collections::BTreeSet;

use units::{Effect, UnitName};

use crate::Engine;
use crate::job::JobKind;
use crate::view::systemd::{ActiveState, SystemState};

impl Engine {
    /// Why what boot starts is not ready: its target is not active, or something that it pulls in is
    /// on its way or has failed. `None` when all of it is up; what has done its work and ended, and
    /// what had no reason to start, is no obstacle.
    #[must_use]
    pub fn not_ready(&self) -> Option<String> {
        match self.system_state() {
            SystemState::Stopping => return Some("everything is being stopped".to_owned()),
            SystemState::Starting | SystemState::Running | SystemState::Degraded => {}
        }
        let target = match &self.state.meta().target {
            Some(target) => target.clone(),
            None => UnitName::parse("default.target").ok()?,
        };
        let mut seen = BTreeSet::from([target.clone()]);
        let mut waiting = vec![target.clone()];
        // What has failed says more than who waits for it.
        let mut on_its_way = None;
        while let Some(unit) = waiting.pop() {
            let starts = self
                .state
                .job_of(&unit)
                .is_some_and(|(_, job)| matches!(job.kind, JobKind::Start | JobKind::Restart));
            match self.state.active(&unit) {
                ActiveState::Failed if !starts => return Some(format!("{unit} has failed")),
                ActiveState::Activating => on_its_way = Some(format!("{unit} is starting")),
                ActiveState::Deactivating => on_its_way = Some(format!("{unit} is stopping")),
                ActiveState::Active | ActiveState::Reloading => {}
                ActiveState::Inactive | ActiveState::Failed if starts => {
                    on_its_way.get_or_insert_with(|| format!("{unit} waits for its start"));
                }
                ActiveState::Inactive | ActiveState::Failed => {}
            }
            for effect in [Effect::PullInStart, Effect::PullInStartIgnored] {
                for other in self.definitions.related(&unit, effect) {
                    if seen.insert(other.clone()) {
                        waiting.push(other);
                    }
                }
            }
        }
        let up = matches!(
            self.state.active(&target),
            ActiveState::Active | ActiveState::Reloading
        );
        on_its_way.or_else(|| (!up).then(|| format!("{target} is not active")))
    }
}
