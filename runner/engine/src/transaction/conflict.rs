//! Step 5: whether queued jobs would have to be replaced, and may be.

use super::{Transaction, World, explain};
use crate::command::Refusal;
use crate::job::JobMode;
use crate::job::merge::conflicting;

pub(super) fn check(
    transaction: &Transaction,
    world: World<'_>,
    mode: JobMode,
) -> Result<(), Refusal> {
    for (_, job) in transaction.alive() {
        let Some((_, queued)) = world.state.job_of(&job.unit) else {
            continue;
        };
        if conflicting(queued.kind, job.kind) && (mode == JobMode::Fail || queued.irreversible) {
            let sentence = explain::in_the_way(&job.unit, queued.kind, job.kind, mode);
            return Err(Refusal::Destructive(sentence));
        }
    }
    Ok(())
}
