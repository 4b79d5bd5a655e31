//! Step 1: the jobs that the anchor pulls in.

use std::collections::VecDeque;

use units::{Definition, Effect, LoadState, UnitKind, UnitName};

use super::{ANCHOR, Link, Transaction, Wanted, World, explain};
use crate::command::Refusal;
use crate::definitions::Definitions;
use crate::job::merge::{collapsed, redundant as is_redundant};
use crate::job::{JobKind, JobMode};

/// One pull that was not followed yet.
struct Pull {
    unit: UnitName,
    kind: JobKind,
    by: Option<usize>,
    must: bool,
    conflicted: bool,
}

/// What the jobs of a kind pull in: for each effect, the kind, and whether they need it.
fn pulls(kind: JobKind) -> &'static [(Effect, JobKind, bool)] {
    match kind {
        JobKind::Start => &[
            (Effect::PullInStart, JobKind::Start, true),
            (Effect::PullInStartIgnored, JobKind::Start, false),
            (Effect::PullInVerify, JobKind::VerifyActive, true),
            (Effect::PullInStop, JobKind::Stop, true),
            (Effect::PullInStopIgnored, JobKind::Stop, false),
        ],
        JobKind::Restart => &[
            (Effect::PullInStart, JobKind::Start, true),
            (Effect::PullInStartIgnored, JobKind::Start, false),
            (Effect::PullInVerify, JobKind::VerifyActive, true),
            (Effect::PullInStop, JobKind::Stop, true),
            (Effect::PullInStopIgnored, JobKind::Stop, false),
            (Effect::PropagateRestart, JobKind::TryRestart, true),
        ],
        JobKind::Stop => &[(Effect::PropagateStop, JobKind::Stop, true)],
        JobKind::Reload => &[(Effect::PropagateReload, JobKind::TryReload, false)],
        JobKind::VerifyActive
        | JobKind::ReloadOrStart
        | JobKind::TryRestart
        | JobKind::TryReload
        | JobKind::Nop => &[],
    }
}

/// Follows every pull. Nothing here calls itself: chains of dependencies may be long.
pub(super) fn expand(
    world: World<'_>,
    unit: &UnitName,
    kind: JobKind,
    mode: JobMode,
) -> Result<Transaction, Refusal> {
    let mut transaction = Transaction::default();
    let mut queue = VecDeque::from([Pull {
        unit: unit.clone(),
        kind,
        by: None,
        must: true,
        conflicted: false,
    }]);
    let alone = matches!(
        mode,
        JobMode::IgnoreDependencies | JobMode::IgnoreRequirements
    );
    let mut beside = Some(mode);
    loop {
        let Some(pull) = queue.pop_front() else {
            // What the mode adds comes last: it leaves alone what has a job by then.
            match beside.take() {
                Some(mode) => queue.extend(added_by(world, &transaction, unit, mode)),
                None => break,
            }
            continue;
        };
        let kind = collapsed(pull.kind, world.state.active(&pull.unit));
        if kind == JobKind::Nop && pull.by.is_some() {
            continue;
        }
        let (job, is_new) = match check(world, &pull.unit, kind) {
            Ok(()) => transaction.add(pull.unit, kind, pull.conflicted),
            // What nobody ever heard of is down: systemd asks no more of a stop either.
            Err(Refusal::NoSuchUnit(_)) if kind == JobKind::Stop && pull.by.is_some() => continue,
            Err(refusal) => match pull.by {
                None => return Err(refusal),
                Some(by) => {
                    let note = explain::left_out(&transaction.jobs[by].unit, &pull.unit, &refusal);
                    transaction.notes.push(note);
                    if pull.must {
                        transaction.drop_with_dependants(by, &refusal);
                    }
                    continue;
                }
            },
        };
        if let Some(by) = pull.by {
            transaction.link(by, job, pull.must);
        }
        // What is so already pulls in nothing that would be left in the end: see `prune`. Some units
        // are named by nearly all others, so that counts. Where everything else is to be stopped, what
        // is needed for it has to be known.
        let is_so = pull.by.is_some()
            && mode != JobMode::Isolate
            && is_redundant(kind, world.state.active(&transaction.jobs[job].unit))
            && world.state.job_of(&transaction.jobs[job].unit).is_none();
        if !is_new || alone || is_so || transaction.jobs[job].dropped {
            continue;
        }
        let unit = transaction.jobs[job].unit.clone();
        let restarts = mode == JobMode::RestartDependencies && job == ANCHOR;
        let more: &[_] = match restarts {
            true => &[(Effect::PropagateRestart, JobKind::TryRestart, true)],
            false => &[],
        };
        for (effect, kind, must) in pulls(kind).iter().chain(more) {
            for other in world.definitions.related(&unit, *effect) {
                queue.push_back(Pull {
                    unit: other,
                    kind: *kind,
                    by: Some(job),
                    must: *must,
                    conflicted: matches!(effect, Effect::PullInStop | Effect::PullInStopIgnored),
                });
            }
        }
    }
    match transaction.refusal.take() {
        Some(refusal) => Err(refusal),
        None => Ok(transaction),
    }
}

/// The stops that belong to a mode: of everything else, or of what would start the unit again.
fn added_by(
    world: World<'_>,
    transaction: &Transaction,
    anchor: &UnitName,
    mode: JobMode,
) -> Vec<Pull> {
    let is_up = |unit: &UnitName| {
        let state = world.state.unit(unit);
        state.is_some_and(|state| {
            let down = state.active().is_down();
            !down || state.job.is_some()
        })
    };
    let units: Vec<UnitName> = match mode {
        JobMode::Isolate => world
            .state
            .units()
            .keys()
            .filter(|unit| !transaction.by_unit.contains_key(*unit) && !stays(world, unit))
            .cloned()
            .collect(),
        JobMode::Triggering => world.definitions.related(anchor, Effect::TriggeredBy),
        _ => Vec::new(),
    };
    let stop = |unit: UnitName| Pull {
        unit,
        kind: JobKind::Stop,
        by: Some(ANCHOR),
        must: true,
        conflicted: false,
    };
    units.into_iter().filter(is_up).map(stop).collect()
}

/// Whether isolating another unit leaves this one alone.
fn stays(world: World<'_>, unit: &UnitName) -> bool {
    let definition = world.definitions.get(unit);
    unit.kind() == UnitKind::Slice || definition.is_some_and(|unit| unit.ignore_on_isolate())
}

/// Whether such a job makes sense for the unit at all.
fn check(world: World<'_>, unit: &UnitName, kind: JobKind) -> Result<(), Refusal> {
    if unit.is_template() {
        return Err(Refusal::Invalid(format!(
            "{unit} is a template: it needs an instance"
        )));
    }
    if unit.is_perpetual() && !matches!(kind, JobKind::Start | JobKind::VerifyActive | JobKind::Nop)
    {
        return Err(Refusal::AlwaysUp(unit.clone(), kind));
    }
    let definition = world.definitions.get(unit);
    // What runs may always be stopped, whatever became of its file.
    if matches!(kind, JobKind::Stop | JobKind::Nop) {
        let known = definition.is_some() || world.state.unit(unit).is_some();
        return if known {
            Ok(())
        } else {
            Err(Refusal::NoSuchUnit(unit.clone()))
        };
    }
    let definition = definition.ok_or_else(|| Refusal::NoSuchUnit(unit.clone()))?;
    match definition.load_state() {
        LoadState::Loaded => {}
        LoadState::NotFound => return Err(Refusal::NoSuchUnit(unit.clone())),
        LoadState::Masked => return Err(Refusal::Masked(unit.clone())),
        broken => {
            let diagnostics = std::sync::Arc::new(broken.diagnostics().to_vec());
            return Err(Refusal::BadSetting(unit.clone(), diagnostics));
        }
    }
    if kind == JobKind::Reload && !can_reload(world.definitions, &definition) {
        return Err(Refusal::NotApplicable(
            unit.clone(),
            "it has no exec-reload".to_owned(),
        ));
    }
    Ok(())
}

/// Whether the unit has a way to reload itself, or, being nothing that could have one, others that
/// are reloaded with it.
pub(crate) fn can_reload(definitions: &Definitions, definition: &Definition) -> bool {
    match definition.kind() {
        UnitKind::Service => definition.can_reload(),
        _ => !definitions
            .related(definition.name(), Effect::PropagateReload)
            .is_empty(),
    }
}

impl Transaction {
    /// The job of this kind for this unit, and whether it is new.
    fn add(&mut self, unit: UnitName, kind: JobKind, conflicted: bool) -> (usize, bool) {
        let numbers = self.by_unit.entry(unit.clone()).or_default();
        if let Some(number) = numbers
            .iter()
            .copied()
            .find(|number| self.jobs[*number].kind == kind)
        {
            self.jobs[number].conflicted |= conflicted;
            return (number, false);
        }
        let number = self.jobs.len();
        numbers.push(number);
        self.jobs.push(Wanted {
            unit,
            kind,
            dropped: false,
            matters: false,
            conflicted,
            pulls: Vec::new(),
            pulled_by: Vec::new(),
        });
        (number, true)
    }

    fn link(&mut self, by: usize, job: usize, must: bool) {
        self.jobs[by].pulls.push(Link { job, must });
        self.jobs[job].pulled_by.push(Link { job: by, must });
        if must && self.jobs[job].dropped && by != ANCHOR {
            // It was found impossible before.
            let refusal = Refusal::Invalid(explain::impossible(&self.jobs[job].unit));
            self.drop_with_dependants(by, &refusal);
        } else if must && self.jobs[job].dropped {
            let refusal = Refusal::Invalid(explain::impossible(&self.jobs[job].unit));
            self.drop_with_dependants(ANCHOR, &refusal);
        }
    }
}
