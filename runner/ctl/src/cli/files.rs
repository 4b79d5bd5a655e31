//! Options of the verbs about unit files, about the environment, and of a few about jobs.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use units::UnitKind;

use super::{PatternArgs, UnitsArgs, unit_kind};
use crate::names::UnitArg;

/// Where the verbs about unit files work when there is nobody to ask.
#[derive(Debug, Args)]
pub struct DirectArgs {
    /// Work on the files of this directory and ask no runnerd; may be said several times
    ///
    /// The first is written to. Without it the manager does what is asked; where no runnerd runs, it is
    /// done to the directories that one would read.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub unit_dir: Vec<PathBuf>,
}

/// Of `is-enabled`.
#[derive(Debug, Args)]
pub struct IsEnabledArgs {
    /// Which units.
    #[command(flatten)]
    pub units: UnitsArgs,
    /// Where.
    #[command(flatten)]
    pub direct: DirectArgs,
}

/// Of `edit`.
#[derive(Debug, Args)]
pub struct EditArgs {
    /// Names; without a suffix, services
    #[arg(required = true, value_name = "UNIT")]
    pub units: Vec<UnitArg>,
    /// The unit file itself instead of a drop-in; a copy goes before that of a package
    #[arg(long)]
    pub full: bool,
    /// Also where there is no such unit yet
    #[arg(short, long)]
    pub force: bool,
    /// The name of the drop-in
    #[arg(
        long,
        value_name = "NAME",
        default_value = "override",
        conflicts_with = "full"
    )]
    pub drop_in: String,
    /// Take the new text from standard input instead of an editor
    #[arg(long)]
    pub stdin: bool,
    /// Until runnerd's runtime directory goes, at the next boot at the latest
    #[arg(long)]
    pub runtime: bool,
    /// Do not read the unit files again afterwards
    #[arg(long)]
    pub no_reload: bool,
    /// Where.
    #[command(flatten)]
    pub direct: DirectArgs,
}

/// Of `list-unit-files`.
#[derive(Debug, Args)]
pub struct ListUnitFilesArgs {
    /// Where.
    #[command(flatten)]
    pub direct: DirectArgs,
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
    /// Where.
    #[command(flatten)]
    pub direct: DirectArgs,
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

/// Of `link`.
#[derive(Debug, Args)]
pub struct LinkArgs {
    /// Unit files
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// Until runnerd's runtime directory goes, at the next boot at the latest
    #[arg(long)]
    pub runtime: bool,
    /// Replace links that lead elsewhere
    #[arg(short, long)]
    pub force: bool,
    /// Do not read the unit files again afterwards
    #[arg(long)]
    pub no_reload: bool,
    /// Where.
    #[command(flatten)]
    pub direct: DirectArgs,
}

/// Of `get-default`.
#[derive(Debug, Args)]
pub struct GetDefaultArgs {
    /// Where.
    #[command(flatten)]
    pub direct: DirectArgs,
}

/// Of `set-default`.
#[derive(Debug, Args)]
pub struct SetDefaultArgs {
    /// The target; the suffix may be left out
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// Do not read the unit files again afterwards
    #[arg(long)]
    pub no_reload: bool,
    /// Where.
    #[command(flatten)]
    pub direct: DirectArgs,
}

/// Of `clean`.
#[derive(Debug, Args)]
pub struct CleanArgs {
    /// Which units.
    #[command(flatten)]
    pub units: UnitsArgs,
    /// Which directories
    #[arg(
        long,
        value_name = "KIND",
        value_delimiter = ',',
        default_values = ["cache", "runtime"],
        value_parser = ["configuration", "state", "cache", "logs", "runtime", "all"]
    )]
    pub what: Vec<String>,
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
