//! Options of the verbs about unit files, about the environment, and of a few about jobs.

use clap::Args;
use units::UnitKind;

use super::{PatternArgs, unit_kind};
use crate::names::UnitArg;

/// Of `list-unit-files`.
#[derive(Debug, Args)]
pub struct ListUnitFilesArgs {
    /// Which, by the names of units.
    #[command(flatten)]
    pub patterns: PatternArgs,
    /// Only those in one of these states
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    pub state: Vec<String>,
    /// Only units of these kinds
    #[arg(short = 't', long = "type", value_name = "KIND", value_delimiter = ',', value_parser = unit_kind())]
    pub kind: Vec<UnitKind>,
}

/// One or more units by their names.
#[derive(Debug, Args)]
pub struct NamedUnitsArgs {
    /// Names; without a suffix, services
    #[arg(required = true, value_name = "UNIT")]
    pub units: Vec<UnitArg>,
    /// Do not read the unit files again afterwards
    #[arg(long)]
    pub no_reload: bool,
}

/// Of `enable`, `reenable` and `mask`.
#[derive(Debug, Args)]
pub struct InstallArgs {
    /// Which units.
    #[command(flatten)]
    pub units: NamedUnitsArgs,
    /// Until runnerd's runtime directory goes, at the next boot at the latest
    #[arg(long)]
    pub runtime: bool,
    /// Replace links that lead elsewhere
    #[arg(short, long)]
    pub force: bool,
    /// Start the units as well; with `mask`, stop them
    #[arg(long)]
    pub now: bool,
}

/// Of `disable`.
#[derive(Debug, Args)]
pub struct DisableArgs {
    /// Which units.
    #[command(flatten)]
    pub units: NamedUnitsArgs,
    /// What was enabled with --runtime
    #[arg(long)]
    pub runtime: bool,
    /// Stop the units as well
    #[arg(long)]
    pub now: bool,
}

/// Of `unmask`.
#[derive(Debug, Args)]
pub struct UnmaskArgs {
    /// Which units.
    #[command(flatten)]
    pub units: NamedUnitsArgs,
    /// What was masked with --runtime
    #[arg(long)]
    pub runtime: bool,
}

/// Of `add-wants` and `add-requires`.
#[derive(Debug, Args)]
pub struct AddDependencyArgs {
    /// The unit that is to need the others; without a suffix, a target
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// Which units.
    #[command(flatten)]
    pub units: NamedUnitsArgs,
    /// Until runnerd's runtime directory goes, at the next boot at the latest
    #[arg(long)]
    pub runtime: bool,
    /// Replace links that lead elsewhere
    #[arg(short, long)]
    pub force: bool,
}

/// Of `set-property`.
#[derive(Debug, Args)]
pub struct SetPropertyArgs {
    /// The unit; without a suffix, a service
    #[arg(value_name = "UNIT")]
    pub unit: UnitArg,
    /// Settings
    #[arg(required = true, value_name = "NAME=VALUE")]
    pub settings: Vec<String>,
    /// Until runnerd's runtime directory goes, at the next boot at the latest
    #[arg(long)]
    pub runtime: bool,
}

/// Of `isolate`.
#[derive(Debug, Args)]
pub struct IsolateArgs {
    /// The unit; without a suffix, a target
    #[arg(value_name = "UNIT")]
    pub unit: String,
    /// Queue the jobs and do not wait for them
    #[arg(long)]
    pub no_block: bool,
}

/// Of `cancel`.
#[derive(Debug, Args)]
pub struct CancelArgs {
    /// Numbers of jobs, as `list-jobs` has them
    #[arg(value_name = "JOB")]
    pub jobs: Vec<u32>,
}

/// Of `set-environment`.
#[derive(Debug, Args)]
pub struct AssignmentsArgs {
    /// Names and values
    #[arg(required = true, value_name = "NAME=VALUE")]
    pub assignments: Vec<String>,
}

/// Of `unset-environment`.
#[derive(Debug, Args)]
pub struct UnsetArgs {
    /// Names; with a value, only where this is the value
    #[arg(required = true, value_name = "NAME[=VALUE]")]
    pub names: Vec<String>,
}

/// Of `import-environment`.
#[derive(Debug, Args)]
pub struct VariablesArgs {
    /// Names of variables
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
}
