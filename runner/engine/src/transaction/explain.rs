//! Step 7: sentences about what a transaction did not do, and why.

use units::UnitName;

use crate::command::Refusal;
use crate::job::{JobKind, JobMode};

/// A unit's wish that cannot be fulfilled.
pub(super) fn left_out(by: &UnitName, unit: &UnitName, why: &Refusal) -> String {
    format!("{by} asks for {unit}, which cannot be: {why}")
}

pub(super) fn impossible(unit: &UnitName) -> String {
    format!("{unit} needs a unit that cannot be started")
}

pub(super) fn contradiction(unit: &UnitName, a: JobKind, b: JobKind) -> String {
    format!(
        "{unit} would have to {} and {} at once",
        a.as_str(),
        b.as_str()
    )
}

pub(super) fn circle(units: &[UnitName]) -> String {
    let mut names: Vec<&str> = units.iter().map(UnitName::as_str).collect();
    names.extend(units.first().map(UnitName::as_str));
    format!("the order is a circle: {}", names.join(" before "))
}

pub(super) fn circle_broken(units: &[UnitName], dropped: &UnitName) -> String {
    format!("{}; {dropped} is left out", circle(units))
}

pub(super) fn in_the_way(
    unit: &UnitName,
    queued: JobKind,
    wanted: JobKind,
    mode: JobMode,
) -> String {
    let why = match mode {
        JobMode::Fail => "and the mode is fail",
        JobMode::Replace
        | JobMode::ReplaceIrreversibly
        | JobMode::Isolate
        | JobMode::Flush
        | JobMode::IgnoreDependencies
        | JobMode::IgnoreRequirements
        | JobMode::Triggering
        | JobMode::RestartDependencies => "and nothing may replace it",
    };
    format!(
        "{unit} has a {} job queued where a {} is wanted, {why}",
        queued.as_str(),
        wanted.as_str()
    )
}
