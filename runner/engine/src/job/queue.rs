//! Who may run now: the order of jobs, kept as edges, so that the end of a job looks at those
//! that wait for it and at no others.

use std::collections::{BTreeMap, BTreeSet};

use units::{Effect, UnitName};

use super::merge::first_goes_first;
use super::{JobId, JobKind};
use crate::definitions::Definitions;
use crate::state::State;

/// The units whose jobs a job of this kind for `unit` waits for; `kind_of` says which have one.
pub(crate) fn waits_for(
    definitions: &Definitions,
    unit: &UnitName,
    kind: JobKind,
    kind_of: &dyn Fn(&UnitName) -> Option<JobKind>,
) -> Vec<UnitName> {
    if kind == JobKind::Nop {
        return Vec::new();
    }
    let relevant = |other: &UnitName| kind_of(other).filter(|kind| *kind != JobKind::Nop);
    let mut found = Vec::new();
    for other in definitions.related(unit, Effect::OrderAfter) {
        // The other one is ordered first: it is waited for, unless this one stops.
        if relevant(&other).is_some() && other != *unit && first_goes_first(kind) {
            found.push(other);
        }
    }
    for other in definitions.related(unit, Effect::OrderBefore) {
        if let Some(second) = relevant(&other)
            && other != *unit
            && !first_goes_first(second)
            && !found.contains(&other)
        {
            found.push(other);
        }
    }
    found
}

/// The edges between queued jobs, and the jobs that may run. Computed again after a recovery.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waits: BTreeMap<JobId, BTreeSet<JobId>>,
    blocks: BTreeMap<JobId, BTreeSet<JobId>>,
    ready: BTreeSet<JobId>,
}

impl Queue {
    /// Ties a job that is new in the queue, or whose kind has changed.
    pub(crate) fn tie(&mut self, definitions: &Definitions, state: &State, id: JobId) {
        let woken = self.untie(id);
        let Some(job) = state.job(id) else { return };
        let queued = |unit: &UnitName| state.job_of(unit).filter(|(_, job)| !job.ignores_order);
        let kind_of = |unit: &UnitName| queued(unit).map(|(_, job)| job.kind);
        if !job.ignores_order && job.kind != JobKind::Nop && !planted!(OrderForgotten) {
            for unit in waits_for(definitions, &job.unit, job.kind, &kind_of) {
                if let Some((other, _)) = queued(&unit) {
                    self.edge(id, other);
                }
            }
            // The others, seen from their side.
            for effect in [Effect::OrderAfter, Effect::OrderBefore] {
                for unit in definitions.related(&job.unit, effect) {
                    let Some((other, found)) = queued(&unit) else {
                        continue;
                    };
                    if other == id || found.running || found.kind == JobKind::Nop {
                        continue;
                    }
                    let other_waits = match effect {
                        // This one after the other: the other waits only if this one stops.
                        Effect::OrderAfter => !first_goes_first(job.kind),
                        _ => first_goes_first(found.kind),
                    };
                    if other_waits {
                        self.edge(other, id);
                    }
                }
            }
        }
        for id in woken {
            self.look(state, id);
        }
        self.look(state, id);
    }

    fn edge(&mut self, waits: JobId, blocks: JobId) {
        if waits != blocks {
            self.waits.entry(waits).or_default().insert(blocks);
            self.blocks.entry(blocks).or_default().insert(waits);
            self.ready.remove(&waits);
        }
    }

    /// Takes a job's edges away; gives back those that waited for it.
    fn untie(&mut self, id: JobId) -> Vec<JobId> {
        self.ready.remove(&id);
        for blocker in self.waits.remove(&id).unwrap_or_default() {
            if let Some(blocked) = self.blocks.get_mut(&blocker) {
                blocked.remove(&id);
            }
        }
        let waiting = self.blocks.remove(&id).unwrap_or_default();
        for waiter in &waiting {
            if let Some(waits) = self.waits.get_mut(waiter) {
                waits.remove(&id);
            }
        }
        waiting.into_iter().collect()
    }

    /// A job is gone: whoever waited for it may run now.
    pub(crate) fn remove(&mut self, state: &State, id: JobId) {
        for waiter in self.untie(id) {
            self.look(state, waiter);
        }
    }

    /// Puts a job among those that may run, if it may.
    pub(crate) fn look(&mut self, state: &State, id: JobId) {
        let free = self.waits.get(&id).is_none_or(BTreeSet::is_empty);
        if free && state.job(id).is_some_and(|job| !job.running) {
            self.ready.insert(id);
        }
    }

    /// The next job to run: the oldest.
    pub(crate) fn next(&mut self) -> Option<JobId> {
        self.ready.pop_first()
    }

    /// A circle of jobs that wait for each other, among those reachable from `from`. A search with
    /// its own stack: chains of jobs may be long.
    pub(crate) fn circle(&self, from: impl IntoIterator<Item = JobId>) -> Option<Vec<JobId>> {
        // True while the job is on the path.
        let mut seen: BTreeMap<JobId, bool> = BTreeMap::new();
        for start in from {
            if seen.contains_key(&start) {
                continue;
            }
            seen.insert(start, true);
            let mut path = vec![(start, self.awaited(start).collect::<Vec<_>>())];
            while let Some((job, rest)) = path.last_mut() {
                let Some(next) = rest.pop() else {
                    seen.insert(*job, false);
                    path.pop();
                    continue;
                };
                match seen.get(&next) {
                    Some(true) => {
                        let first = path.iter().position(|(job, _)| *job == next)?;
                        return Some(path.drain(first..).map(|(job, _)| job).collect());
                    }
                    Some(false) => {}
                    None => {
                        seen.insert(next, true);
                        path.push((next, self.awaited(next).collect()));
                    }
                }
            }
        }
        None
    }

    /// The jobs that a job waits for.
    pub(crate) fn awaited(&self, id: JobId) -> impl Iterator<Item = JobId> {
        self.waits.get(&id).into_iter().flatten().copied()
    }
}
