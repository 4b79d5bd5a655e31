//! Takes directories of units away, where a client asks for that (`systemctl clean`).

use control::{Answerer, OwnedDirectories, Refusal, Reply};
use engine::view::systemd::ActiveState;
use units::UnitName;

use super::Manager;

impl Manager {
    /// Answers once they are gone. Starts of the unit that come later wait for it.
    pub(super) fn clean(&mut self, unit: &UnitName, what: &[OwnedDirectories], answerer: Answerer) {
        let view = self.engine.unit(unit);
        let Some((view, definition)) =
            view.and_then(|view| view.definition.clone().map(|definition| (view, definition)))
        else {
            return answerer.answer(Err(Refusal::NoSuchUnit(unit.clone())));
        };
        let is_down = matches!(view.active, ActiveState::Inactive | ActiveState::Failed);
        if !is_down || view.job.is_some() {
            return answerer.answer(Err(Refusal::Busy(view.name)));
        }
        let what: Vec<OwnedDirectories> = what
            .iter()
            .copied()
            .filter(|kind| kind.are_of(&definition))
            .collect();
        if what.is_empty() {
            return answerer.answer(Err(Refusal::NothingToClean(view.name)));
        }
        self.spawner.clean(definition, what, move |outcome| {
            answerer.answer(outcome.map(|()| Reply::Done).map_err(Refusal::Invalid));
        });
    }
}
