//! Step 4: breaks circles of orderings.

use std::collections::BTreeMap;

use units::UnitName;

use super::{ANCHOR, Transaction, World, explain, prune};
use crate::command::Refusal;
use crate::job::JobKind;
use crate::job::queue::waits_for;

/// Breaks every circle by dropping a job of it that the anchor can do without.
pub(super) fn break_cycles(transaction: &mut Transaction, world: World<'_>) -> Result<(), Refusal> {
    while let Some(circle) = find(transaction, world) {
        if planted!(CircleKept) {
            break;
        }
        let droppable = circle.iter().rev().find_map(|unit| {
            let (number, job) = transaction.job_of(unit)?;
            // A queued job is in the queue whatever becomes of this one.
            let queued = world.state.job_of(unit).is_some();
            (number != ANCHOR && !job.matters && !queued).then_some(number)
        });
        let Some(number) = droppable else {
            return Err(Refusal::Cyclic(explain::circle(&circle)));
        };
        let unit = transaction.jobs[number].unit.clone();
        transaction
            .notes
            .push(explain::circle_broken(&circle, &unit));
        transaction.drop_with_dependants(number, &Refusal::Cyclic(explain::circle(&circle)));
        if let Some(refusal) = transaction.refusal.take() {
            return Err(refusal);
        }
        prune::unwanted(transaction);
    }
    Ok(())
}

/// How far the search has come with a unit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    OnPath,
    Done,
}

/// A circle, first to last in the order in which they would have to run.
///
/// A depth-first search with its own stack, through the jobs of the transaction and those queued.
fn find(transaction: &Transaction, world: World<'_>) -> Option<Vec<UnitName>> {
    let kind_of = |unit: &UnitName| -> Option<JobKind> {
        let wanted = transaction.job_of(unit).map(|(_, job)| job.kind);
        wanted.or_else(|| world.state.job_of(unit).map(|(_, job)| job.kind))
    };
    let mut marks: BTreeMap<UnitName, Mark> = BTreeMap::new();
    for (_, job) in transaction.alive() {
        if marks.contains_key(&job.unit) {
            continue;
        }
        let mut path = vec![(
            job.unit.clone(),
            waits_for(world.definitions, &job.unit, job.kind, &kind_of),
        )];
        marks.insert(job.unit.clone(), Mark::OnPath);
        while let Some((unit, rest)) = path.last_mut() {
            let Some(before) = rest.pop() else {
                marks.insert(unit.clone(), Mark::Done);
                path.pop();
                continue;
            };
            match marks.get(&before) {
                Some(Mark::Done) => {}
                Some(Mark::OnPath) => {
                    let from = path
                        .iter()
                        .position(|(unit, _)| *unit == before)
                        .unwrap_or_default();
                    // The path goes from waiter to awaited.
                    return Some(path.drain(from..).rev().map(|(unit, _)| unit).collect());
                }
                None => {
                    let kind = kind_of(&before).unwrap_or(JobKind::Nop);
                    let awaited = waits_for(world.definitions, &before, kind, &kind_of);
                    marks.insert(before.clone(), Mark::OnPath);
                    path.push((before, awaited));
                }
            }
        }
    }
    None
}
