//! In which order everything is stopped: groups of higher priority first, and in any case whoever is
//! ordered after a unit before that unit. And in which order services of one transaction are begun
//! with, where nothing else says so.

use std::collections::BTreeMap;

use units::group::group_and_process;
use units::{Effect, UnitKind, UnitName};

use crate::Engine;
use crate::job::JobKind;

/// Where a unit stands when everything is stopped. Computed once for each unit and set of
/// definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Place {
    /// The highest `group-priority` among the unit and those it is ordered after; units that are no
    /// services have none.
    pub(crate) level: Option<i32>,
    /// One more than the highest depth among those it is ordered after.
    depth: u32,
}

/// What is known of the order.
#[derive(Debug, Default)]
pub(crate) struct Order {
    places: BTreeMap<UnitName, Place>,
    /// Every `group-priority` there is, ascending.
    levels: Option<Vec<i32>>,
}

impl Order {
    /// The definitions are others now.
    pub(crate) fn forget(&mut self) {
        *self = Order::default();
    }
}

impl Engine {
    /// The unit's place among all, by a search with its own stack; a unit on the path counts as
    /// the first of all, which breaks circles.
    pub(crate) fn place(&mut self, unit: &UnitName) -> Place {
        if let Some(known) = self.order.places.get(unit) {
            return *known;
        }
        let mut path = vec![(
            unit.clone(),
            self.definitions.related(unit, Effect::OrderAfter),
            self.own_place(unit),
        )];
        while let Some((unit, rest, place)) = path.last_mut() {
            let Some(before) = rest.pop() else {
                self.order.places.insert(unit.clone(), *place);
                path.pop();
                continue;
            };
            match self.order.places.get(&before) {
                Some(known) => {
                    place.level = place.level.max(known.level);
                    place.depth = place.depth.max(known.depth.saturating_add(1));
                }
                None => {
                    let own = self.own_place(&before);
                    self.order.places.insert(before.clone(), own);
                    // Looked at again once its own place is known.
                    rest.push(before.clone());
                    let deeper = self.definitions.related(&before, Effect::OrderAfter);
                    path.push((before, deeper, own));
                }
            }
        }
        self.order.places.get(unit).copied().unwrap_or_default()
    }

    fn own_place(&self, unit: &UnitName) -> Place {
        let definition = self.definitions.get(unit);
        let service = definition.filter(|_| unit.kind() == UnitKind::Service);
        Place {
            level: service.map(|service| service.group_priority()),
            depth: 0,
        }
    }

    /// The same as one number, for a keeper that has to stop everything alone: higher ones first.
    pub(crate) fn rank(&mut self, unit: &UnitName) -> u32 {
        let place = self.place(unit);
        let levels = self.order.levels.get_or_insert_with(|| {
            let services = self.definitions.set().iter();
            let mut levels: Vec<i32> = services
                .filter(|unit| unit.kind() == UnitKind::Service)
                .map(|service| service.group_priority())
                .collect();
            units::sort::all(&mut levels);
            levels.dedup();
            levels
        });
        let below = levels.partition_point(|level| Some(*level) < place.level);
        let most = u32::from(u16::MAX);
        let below = u32::try_from(below).unwrap_or(most).min(most);
        (below << 16) | place.depth.min(most)
    }

    /// Puts the starts of services into the order of their groups and places. Whatever else is in
    /// the transaction, its anchor above all, stays where it is.
    pub(crate) fn in_order_of_groups(&self, jobs: &mut [(UnitName, JobKind)]) {
        let Some((_, jobs)) = jobs.split_first_mut() else {
            return;
        };
        let is_start = |job: &(UnitName, JobKind)| {
            job.1 == JobKind::Start && job.0.kind() == UnitKind::Service
        };
        let slots: Vec<usize> = (0..jobs.len())
            .filter(|at| jobs.get(*at).is_some_and(is_start))
            .collect();
        let mut starts: Vec<_> = slots
            .iter()
            .filter_map(|at| jobs.get(*at).cloned())
            .map(|(unit, kind)| {
                let definition = self.definitions.get(&unit);
                let priority = definition
                    .as_ref()
                    .map_or(0, |service| service.group_priority());
                let position = definition
                    .as_ref()
                    .map_or(0, |service| service.group_position());
                let group = group_and_process(&unit).map(|(group, _)| group);
                (priority, group, position, unit, kind)
            })
            .collect();
        units::sort::all(&mut starts);
        for (slot, (.., unit, kind)) in slots.into_iter().zip(starts) {
            if let Some(job) = jobs.get_mut(slot) {
                *job = (unit, kind);
            }
        }
    }
}
