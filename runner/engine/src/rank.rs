//! Stop ranks: in which order the keeper alone would stop everything.

use units::{Effect, UnitName};

use crate::Engine;

impl Engine {
    /// One more than the highest rank among the units this one is ordered after: dependants are
    /// stopped before what they need. Computed once for each unit and set of definitions.
    pub(crate) fn rank(&mut self, unit: &UnitName) -> u32 {
        // A search with its own stack; a unit on the path counts as 0, which breaks circles.
        let mut path = vec![(
            unit.clone(),
            self.definitions.related(unit, Effect::OrderAfter),
            0,
        )];
        while let Some((unit, rest, rank)) = path.last_mut() {
            let Some(before) = rest.pop() else {
                self.ranks.insert(unit.clone(), *rank);
                path.pop();
                continue;
            };
            match self.ranks.get(&before) {
                Some(known) => *rank = (*rank).max(known + 1),
                None => {
                    self.ranks.insert(before.clone(), 0);
                    // Looked at again once its own rank is known.
                    rest.push(before.clone());
                    let deeper = self.definitions.related(&before, Effect::OrderAfter);
                    path.push((before, deeper, 0));
                }
            }
        }
        self.ranks.get(unit).copied().unwrap_or_default()
    }
}
