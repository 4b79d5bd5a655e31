//! Step 3: drops what is so already, and then what nobody wants any more.

use super::{ANCHOR, Transaction, World, explain};
use crate::command::Refusal;
use crate::job::JobKind;
use crate::job::merge::{conflicting, redundant as is_redundant};
use crate::view::systemd::ActiveState;

/// Drops jobs whose unit is where they want it, unless a queued job would take it away. The anchor
/// stays: whoever asked wants an answer.
pub(super) fn redundant(transaction: &mut Transaction, world: World<'_>) {
    for (number, job) in transaction.jobs.iter_mut().enumerate() {
        if job.dropped || number == ANCHOR || !is_redundant(job.kind, world.state.active(&job.unit))
        {
            continue;
        }
        let queued = world.state.job_of(&job.unit).map(|(_, queued)| queued.kind);
        job.dropped = queued.is_none_or(|queued| !conflicting(job.kind, queued));
    }
}

/// Drops jobs that the anchor can do without and that would stop something which runs, or take the
/// place of a queued job: mode `fail` does as little as it can. What cannot do without them goes too:
/// where a unit is only wanted and conflicts with one that runs, it is not started.
pub(super) fn with_impact(transaction: &mut Transaction, world: World<'_>) {
    for number in 0..transaction.jobs.len() {
        let job = &transaction.jobs[number];
        if job.dropped || job.matters || number == ANCHOR {
            continue;
        }
        let up = matches!(
            world.state.active(&job.unit),
            ActiveState::Active | ActiveState::Reloading | ActiveState::Activating
        );
        let queued = world.state.job_of(&job.unit).map(|(_, queued)| queued.kind);
        if job.kind == JobKind::Stop && up
            || queued.is_some_and(|queued| conflicting(job.kind, queued))
        {
            // Never the anchor's refusal: what it cannot do without matters.
            let sentence = explain::impossible(&job.unit);
            transaction.drop_with_dependants(number, &Refusal::Invalid(sentence));
        }
    }
}

/// Drops jobs that nothing leads to from the anchor.
pub(super) fn unwanted(transaction: &mut Transaction) {
    let mut wanted = vec![false; transaction.jobs.len()];
    let mut queue = vec![ANCHOR];
    while let Some(job) = queue.pop() {
        if transaction.jobs[job].dropped || std::mem::replace(&mut wanted[job], true) {
            continue;
        }
        queue.extend(transaction.jobs[job].pulls.iter().map(|link| link.job));
    }
    for (job, wanted) in transaction.jobs.iter_mut().zip(wanted) {
        job.dropped |= !wanted;
    }
}
