//! Transactions: a consistent set of jobs around the one somebody asked for, the *anchor*.
//!
//! A pipeline of pure functions, each in its own file, in this order:
//!
//! 1. [`expand`]: the jobs that the anchor pulls in, by the effects of dependencies
//! 2. [`merge`]: one job per unit; what contradicts the anchor is dropped, or refuses it; in mode
//!    `fail` also what would stop or replace something the anchor could do without
//! 3. [`prune`]: what is so already, and what nobody wants any more then, is dropped
//! 4. [`cycle`]: circles of orderings are broken by dropping jobs the anchor can do without
//! 5. [`conflict`]: whether jobs that are queued would have to be replaced, and may be
//! 6. `apply` (`job/queue.rs`): the jobs are put into the queue
//!
//! systemd breaks circles before it merges; here every unit has one job by then, so the order is
//! judged by the kinds of job that will really run.

mod conflict;
mod cycle;
pub(crate) mod expand;
mod explain;
mod merge;
mod prune;

use std::collections::BTreeMap;

use units::UnitName;

use crate::command::Refusal;
use crate::definitions::Definitions;
use crate::job::{JobKind, JobMode};
use crate::state::State;

/// What a transaction is judged against.
#[derive(Clone, Copy)]
pub(crate) struct World<'a> {
    pub(crate) definitions: &'a Definitions,
    pub(crate) state: &'a State,
}

/// A transaction under construction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transaction {
    jobs: Vec<Wanted>,
    by_unit: BTreeMap<UnitName, Vec<usize>>,
    /// Why the anchor cannot be.
    refusal: Option<Refusal>,
    /// What the administrator should know: jobs that were left out, and why.
    pub(crate) notes: Vec<String>,
}

/// The anchor is the first job.
const ANCHOR: usize = 0;

/// A job of a transaction.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) unit: UnitName,
    pub(crate) kind: JobKind,
    /// Dropped ones stay in place, so that numbers stay right.
    dropped: bool,
    /// The anchor cannot do without it.
    matters: bool,
    /// Stopped because something that conflicts with it starts.
    conflicted: bool,
    pulls: Vec<Link>,
    pulled_by: Vec<Link>,
}

/// One job wants another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Link {
    job: usize,
    /// Without the other, the first one makes no sense.
    must: bool,
}

/// The jobs to be queued, the anchor first.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) jobs: Vec<(UnitName, JobKind)>,
    /// The unit whose job pulled another one's in, and whether by conflicting with it. Not the
    /// anchor's, which nothing did.
    pub(crate) pulled_in: BTreeMap<UnitName, (UnitName, bool)>,
    pub(crate) notes: Vec<String>,
}

/// Runs the pipeline.
pub(crate) fn build(
    world: World<'_>,
    unit: &UnitName,
    kind: JobKind,
    mode: JobMode,
) -> Result<Plan, Refusal> {
    check_mode(world, unit, kind, mode)?;
    let mut transaction = expand::expand(world, unit, kind, mode)?;
    transaction.mark_mattering();
    merge::merge(&mut transaction)?;
    if mode == JobMode::Fail {
        prune::with_impact(&mut transaction, world);
    }
    prune::redundant(&mut transaction, world);
    prune::unwanted(&mut transaction);
    cycle::break_cycles(&mut transaction, world)?;
    conflict::check(&transaction, world, mode)?;
    Ok(transaction.plan())
}

/// Some modes make sense for some jobs only.
fn check_mode(
    world: World<'_>,
    unit: &UnitName,
    kind: JobKind,
    mode: JobMode,
) -> Result<(), Refusal> {
    let only_for = |wanted: JobKind| {
        if kind == wanted {
            return Ok(());
        }
        let text = format!("mode {mode} is only for {} jobs", wanted.as_str());
        Err(Refusal::Invalid(text))
    };
    match mode {
        JobMode::Isolate => {
            only_for(JobKind::Start)?;
            match world.definitions.get(unit) {
                Some(definition) if !definition.allow_isolate() => {
                    Err(Refusal::NoIsolation(unit.clone()))
                }
                _ => Ok(()),
            }
        }
        JobMode::Triggering => only_for(JobKind::Stop),
        JobMode::RestartDependencies => only_for(JobKind::Start),
        _ => Ok(()),
    }
}

impl Transaction {
    /// The jobs that were not dropped, with their numbers.
    fn alive(&self) -> impl Iterator<Item = (usize, &Wanted)> {
        self.jobs.iter().enumerate().filter(|(_, job)| !job.dropped)
    }

    /// The one job of a unit, once merged.
    fn job_of(&self, unit: &UnitName) -> Option<(usize, &Wanted)> {
        let numbers = self.by_unit.get(unit)?;
        numbers
            .iter()
            .map(|number| (*number, &self.jobs[*number]))
            .find(|(_, job)| !job.dropped)
    }

    /// Drops a job, and with it those that make no sense without it. The anchor among them: the
    /// transaction is refused for that reason.
    fn drop_with_dependants(&mut self, job: usize, refusal: &Refusal) {
        let mut queue = vec![job];
        while let Some(job) = queue.pop() {
            if std::mem::replace(&mut self.jobs[job].dropped, true) {
                continue;
            }
            if job == ANCHOR {
                self.refusal.get_or_insert_with(|| refusal.clone());
            }
            queue.extend(
                self.jobs[job]
                    .pulled_by
                    .iter()
                    .filter(|link| link.must)
                    .map(|link| link.job),
            );
        }
    }

    /// Marks what the anchor cannot do without.
    fn mark_mattering(&mut self) {
        let mut queue = vec![ANCHOR];
        while let Some(job) = queue.pop() {
            if std::mem::replace(&mut self.jobs[job].matters, true) {
                continue;
            }
            queue.extend(
                self.jobs[job]
                    .pulls
                    .iter()
                    .filter(|link| link.must)
                    .map(|link| link.job),
            );
        }
    }

    fn plan(self) -> Plan {
        let pulled_in = self
            .alive()
            .filter(|(number, _)| *number != ANCHOR)
            .filter_map(|(_, job)| {
                let alive = |link: &&Link| !self.jobs[link.job].dropped;
                let by = job.pulled_by.iter().find(alive)?;
                let by = self.jobs[by.job].unit.clone();
                (by != job.unit).then(|| (job.unit.clone(), (by, job.conflicted)))
            })
            .collect();
        let jobs = self
            .jobs
            .into_iter()
            .filter(|job| !job.dropped)
            .map(|job| (job.unit, job.kind))
            .collect();
        Plan {
            jobs,
            pulled_in,
            notes: self.notes,
        }
    }
}
