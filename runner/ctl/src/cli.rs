//! The verb table. Help, man page and completions are all made from it, so a verb or an option
//! that is not here does not exist, and one that is here is documented everywhere.

mod files;
mod offline;
mod run;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use units::UnitKind;
use units::value::{Signal, Span};

use crate::exit;
use crate::names::UnitArg;

pub use files::{
    AddDependencyArgs, AssignmentsArgs, CancelArgs, CleanArgs, DirectArgs, DisableArgs, EditArgs,
    GetDefaultArgs, InstallArgs, IsEnabledArgs, IsolateArgs, LinkArgs, ListUnitFilesArgs,
    NamedUnitsArgs, SetDefaultArgs, SetPropertyArgs, UnmaskArgs, UnsetArgs, VariablesArgs,
};
pub use offline::{CalendarArgs, CheckArgs, EscapeArgs, PasswdArgs, TimespanArgs};
pub use run::RunArgs;

/// Control runnerd: see what runs, start and stop units, read their logs.
#[derive(Debug, Parser)]
#[command(
    name = "runnerctl",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    subcommand_value_name = "VERB",
    subcommand_help_heading = "Verbs",
    after_long_help = exit::help()
)]
pub struct Cli {
    /// Runtime directory of the runnerd to talk to
    ///
    /// Without it, what RUNNER_RUNTIME_DIR says; else /run/runner for root, $XDG_RUNTIME_DIR/runner
    /// or /run/user/UID/runner for others; if nothing answers there, the only live directory below.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        value_hint = ValueHint::DirPath,
        help_heading = "Everywhere"
    )]
    pub runtime_dir: Option<PathBuf>,

    /// Print one JSON value on standard output instead of text
    ///
    /// `logs` prints one object per line. Errors are JSON too, on standard error.
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub json: bool,

    /// Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub quiet: bool,

    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What runnerctl can do, in the order it is documented.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show the state of units with their last log lines, or of everything
    ///
    /// The exit status is that of the worst unit: 0 active, 3 not active, 4 not found.
    Status(StatusArgs),
    /// List loaded units
    ///
    /// Those that are down and have no job only with --all, or if they are asked for by name or state.
    ListUnits(ListUnitsArgs),
    /// List what is listened on, and the units a connection starts
    ListSockets(PatternArgs),
    /// List timers by when they elapse next, and the units they start
    ///
    /// Moments are those of the settings; a timer may elapse later than that by its accuracy-sec.
    ListTimers(PatternArgs),
    /// List what path units look for, and the units they start
    ListPaths(PatternArgs),
    /// List queued and running jobs
    ListJobs(PatternArgs),
    /// Show what units need, as a tree
    ///
    /// Without UNIT, what default.target needs. Only targets are gone into, unless --all is given. What
    /// stands above itself is left out; `...` stands for it.
    ListDependencies(DependenciesArgs),
    /// Start units and wait until they are ready
    Start(JobArgs),
    /// Stop units and wait until they are down
    Stop(JobArgs),
    /// Stop units, then start them; start those that were down
    Restart(JobArgs),
    /// Restart the units that are up
    TryRestart(JobArgs),
    /// Let units read their own configuration again
    Reload(JobArgs),
    /// Reload the units that can, restart the others; start those that were down
    ReloadOrRestart(JobArgs),
    /// Reload the units that can, restart the others; only those that are up
    TryReloadOrRestart(JobArgs),
    /// Start a unit, and stop everything that it does not need
    ///
    /// As `start --job-mode=isolate`; without a suffix the name is that of a target. The unit has to
    /// allow it (`allow-isolate`).
    Isolate(IsolateArgs),
    /// Take queued and running jobs back, or all of them
    ///
    /// Without JOB, all that may be taken back. What a running job has begun goes on.
    Cancel(CancelArgs),
    /// Send a signal to the processes of units
    Kill(KillArgs),
    /// Take away directories that units have made for themselves
    ///
    /// Only of units that are down.
    Clean(CleanArgs),
    /// Keep the processes of units from running, until `thaw`
    ///
    /// Needs control groups.
    Freeze(UnitsArgs),
    /// Let the processes of units run again
    Thaw(UnitsArgs),
    /// Say why a unit is as it is, and what to do next
    ///
    /// The chain of causes, back to who or what began it; how its last process ended; its last lines;
    /// and a command that helps. Exit status: 0 if the unit is up, 3 if it is not, 4 if there is none.
    Why(WhyArgs),
    /// Print properties of units, or of the manager
    ///
    /// Without UNIT, those of the manager. Values are as systemctl prints them: moments as dates in
    /// local time (TZ), spans in units, modes octal; with --json they are as the bus has them. A
    /// property that does not exist is left out, and one that is empty unless it is asked for.
    Show(ShowArgs),
    /// Print the files that define units, with their drop-ins
    Cat(UnitsArgs),
    /// Print what units wrote
    ///
    /// Lines of several units, or of all if none is named, begin with the name of their unit.
    Logs(LogsArgs),
    /// Tell whether at least one of the units is active
    ///
    /// Prints the state of each. Exit status: 0 if one is active or reloading, else 3.
    IsActive(UnitsArgs),
    /// Tell whether at least one of the units has failed
    ///
    /// Prints the state of each. Exit status: 0 if one has failed, else 1.
    IsFailed(UnitsArgs),
    /// Wait until units are up, ready or down
    ///
    /// Exit status: 0 when all are, 1 when one cannot get there any more because it failed, 124
    /// when the time is over.
    Wait(WaitArgs),
    /// Tell whether everything is up that starts at boot, or units are
    ///
    /// Without UNIT it is about the default target and all that it pulls in: what has ended well is no
    /// obstacle, what has failed or is on its way is one, and is named. Exit status: 0 when all is
    /// ready, else 1; 124 when the time is over. For health checks of containers.
    IsReady(IsReadyArgs),
    /// Forget failures and start limits of units, or of all
    ///
    /// Without UNIT, of all.
    ResetFailed(OptionalUnitsArgs),
    /// Check unit files without running anything
    ///
    /// Reports every problem as file:line:column. Exit status: 0 if there are no errors, else 1.
    /// A PATH may be a supervisord.conf. Needs no runnerd.
    Check(CheckArgs),
    /// Turn a supervisord.conf, or unit files of systemd, into unit files that do the same
    ///
    /// Unit files of systemd (`x.service`, `x.socket` …) become a file for each name; comments are
    /// kept. Of a supervisord.conf each group becomes a file, and a program in no group is a group of its own. The report has a
    /// line for each option: mapped, approximated (and how it differs), dropped (and why), or to
    /// decide. Files of supervisor 1 (ZConfig) and options of supervisor 2 are read as well. Users,
    /// directories and variables that are not on this machine are noted. Exit status: 0 if nothing
    /// was lost, 3 if an option was dropped or is to be decided, 2 if a file cannot be used.
    /// Needs no runnerd. See runner-supervisord(7) and runner-systemd(7).
    Import(ImportArgs),
    /// Write units as unit files of another system
    ///
    /// The unit files are read as runnerd would read them, drop-ins included. What the other system
    /// does not have is kept in words it passes over (`X-ReadyAfter=`), and the report says so. Exit
    /// status: 0 if nothing is lost there, 3 if something is. Needs no runnerd. See
    /// runner-systemd(7).
    Export(ExportArgs),
    /// Run a command as a unit of its own, which is gone when it has ended
    ///
    /// Returns when the service is started; with --wait or --pipe when it has ended, and then the
    /// exit status is that of the command, or 128 and the number of the signal that ended it. Ctrl-C
    /// stops the service, and the exit status is 130; a second one leaves it alone. A service that failed stays, to be looked at,
    /// until `reset-failed`, unless --collect is given. With one of the --on options a timer starts
    /// it. Only root, and who runnerd runs as, may do this.
    Run(Box<RunArgs>),
    /// Show what daemon-reload would change, before it does
    ///
    /// Unit by unit: the settings that differ, from what and to what, and whether what runs follows
    /// at once or has to be restarted; a reload itself restarts nothing. Where runnerd runs a
    /// supervisord.conf, what `update` would start, stop and restart. Exit status: 0, or 1 if a file
    /// has a new error, so that the reload would be refused.
    Plan,
    /// Read all unit files again
    ///
    /// If a file has a new error, nothing is applied: all problems are printed, the exit status is
    /// 1, and what runs keeps running on its old definition. A file that was broken before, and has
    /// not changed since, is only reported.
    DaemonReload(ReloadArgs),
    /// List unit files, and whether what they define is enabled
    ///
    /// Other names of units and masks are listed too. Exit status: 1 if no file matches a PATTERN.
    ListUnitFiles(ListUnitFilesArgs),
    /// Tell whether units are started at boot, or with others
    ///
    /// Prints the state of each: enabled, enabled-runtime, linked, linked-runtime, alias, masked,
    /// masked-runtime, static (nothing to enable), indirect (another unit is enabled with it, or
    /// starts it), disabled, generated, transient or bad. Exit status: 0 if one is enabled,
    /// enabled-runtime, static, alias, indirect or generated, else 1.
    IsEnabled(IsEnabledArgs),
    /// Let units be started at boot, or with the units they name
    ///
    /// One of systemd's unit files is linked from where its `[Install]` section says, by all of its
    /// names. A unit of a TOML file starts at boot unless something says otherwise: what
    /// `disable` said is taken back, and where the file itself says otherwise a drop-in goes over it.
    /// Files are read again afterwards. Units named by `also` come along.
    Enable(InstallArgs),
    /// Undo `enable`
    ///
    /// Links to systemd's unit files go, also one that `link` has made; for a unit of a TOML file a
    /// drop-in says that it does not start by itself.
    Disable(DisableArgs),
    /// Undo `enable`, and do it again by what the files say now
    Reenable(InstallArgs),
    /// Make it impossible to start units
    ///
    /// By a link to /dev/null with the name of each; there need be no such unit yet.
    Mask(InstallArgs),
    /// Undo `mask`
    Unmask(UnmaskArgs),
    /// Take away drop-ins and masks of units, and files that stand before those of a package
    ///
    /// Whether they are enabled stays as it is.
    Revert(NamedUnitsArgs),
    /// Let a unit want others: they are started with it
    AddWants(AddDependencyArgs),
    /// Let a unit require others: it is not started without them
    AddRequires(AddDependencyArgs),
    /// Make unit files known that are somewhere else, by links to them
    ///
    /// `disable` takes such a link away.
    Link(LinkArgs),
    /// Print the target that boot starts
    GetDefault(GetDefaultArgs),
    /// Let boot start another target
    ///
    /// By a link: `default.target` is another name of it.
    SetDefault(SetDefaultArgs),
    /// Set settings of a unit
    ///
    /// Writes a drop-in for each and reads the unit files again; nothing is written if a value is
    /// wrong. A name is that of a setting (`memory-max`) or systemd's (`MemoryMax`), a value is as in
    /// a unit file of systemd's; the same name again adds to a list, an empty value starts it over.
    /// What a process is given when it starts (environment, user, limits) is another one from the next
    /// start on, everything else at once, `memory-max` among it. Undone by `revert`.
    SetProperty(SetPropertyArgs),
    /// Change units with an editor, and save nothing that is wrong
    ///
    /// Edits a drop-in, with the unit's other files as a comment below it; with --full the unit file
    /// itself. Works for unit files of both formats. SYSTEMD_EDITOR, EDITOR or VISUAL says which
    /// editor is used, else `editor`, `nano`, `vim` or `vi`. What is wrong with a text is printed, the
    /// text is kept in a file that is named, and nothing changes. Otherwise files are read again.
    Edit(EditArgs),
    /// Print the variables every program's environment starts from
    ///
    /// A value that a shell would not take as it stands is quoted for one. Settings of a unit
    /// (`environment`, `environment-file`) go over these, see runner.unit(5).
    ShowEnvironment,
    /// Set some of these variables, for programs that are started from now on
    ///
    /// They stay until runnerd ends, whatever becomes of its manager.
    SetEnvironment(AssignmentsArgs),
    /// Take some of these variables away
    UnsetEnvironment(UnsetArgs),
    /// Set some of these variables to what they are here
    ///
    /// One that is not set here is passed over with a remark.
    ImportEnvironment(VariablesArgs),
    /// Make a password line for a server section of a supervisord.conf
    ///
    /// Asks for the password, or reads it from standard input, and prints `password=` with what is
    /// kept of it: an argon2id hash, which runnerd takes and supervisord does not. Goes into
    /// `[unix_http_server]` or `[inet_http_server]`; `[supervisorctl]` needs the password itself.
    /// Needs no runnerd.
    Passwd(PasswdArgs),
    /// Say what calendar expressions mean, and when they elapse next
    ///
    /// Prints the normalised form of each and the moments it names, in local time and in UTC; what
    /// is wrong with an expression is printed with the character it begins at. Exit status: 0 if all
    /// are right, else 1. TZ says what local time is. See systemd.time(7) for the grammar. Needs no
    /// runnerd.
    Calendar(CalendarArgs),
    /// Say what time spans mean, in microseconds and in one form
    ///
    /// Exit status: 0 if all are right, else 1. Needs no runnerd.
    Timespan(TimespanArgs),
    /// Fit texts into unit names, or the other way round
    ///
    /// As systemd-escape(1): `/` becomes `-`, and what cannot stand in a name becomes `\xNN`. Prints
    /// one line for each text. Needs no runnerd.
    Escape(EscapeArgs),
    /// Replace the running runnerd by its present program file; no unit notices
    DaemonReexec,
    /// Stop all units in order and end runnerd
    Shutdown(ShutdownArgs),
    /// The same as shutdown, with the exit status as systemctl takes it
    ///
    /// Where runnerd is process 1 of a container, STATUS is what the container ends with.
    Exit(ExitArgs),
    /// Print the version of runnerctl, and of the runnerd that answers
    Version,
}

/// One or more units.
#[derive(Debug, Args)]
pub struct UnitsArgs {
    /// Names or patterns (`web*`); without a suffix, services
    #[arg(required = true, value_name = "UNIT")]
    pub units: Vec<UnitArg>,
}

/// Any number of units.
#[derive(Debug, Args)]
pub struct OptionalUnitsArgs {
    /// Names or patterns (`web*`); without a suffix, services
    #[arg(value_name = "UNIT")]
    pub units: Vec<UnitArg>,
}

/// What a list shows.
#[derive(Debug, Args)]
pub struct PatternArgs {
    /// Only units whose names match one of these (`*`, `?`, `[a-z]`)
    #[arg(value_name = "PATTERN")]
    pub patterns: Vec<UnitArg>,
}

/// Of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The units, and how many they are.
    #[command(flatten)]
    pub units: OptionalUnitsArgs,
    /// How many log lines to show of each unit
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    pub lines: u32,
}

/// Of `list-units`.
#[derive(Debug, Args)]
pub struct ListUnitsArgs {
    /// Which units by name.
    #[command(flatten)]
    pub patterns: PatternArgs,
    /// Also units that are down and have no job
    #[arg(short, long)]
    pub all: bool,
    /// Only units in one of these load, active or sub states
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    pub state: Vec<String>,
    /// Only units of these kinds
    #[arg(short = 't', long = "type", value_name = "KIND", value_delimiter = ',', value_parser = unit_kind())]
    pub kind: Vec<UnitKind>,
    /// Only units that have failed: the same as --state=failed
    #[arg(long)]
    pub failed: bool,
}

/// Of `list-dependencies`.
#[derive(Debug, Args)]
pub struct DependenciesArgs {
    /// The roots of the trees.
    #[command(flatten)]
    pub units: OptionalUnitsArgs,
    /// Show the units that need these
    #[arg(long, group = "direction")]
    pub reverse: bool,
    /// Show the units these wait for when they start
    #[arg(long, group = "direction")]
    pub after: bool,
    /// Show the units that wait for these
    #[arg(long, group = "direction")]
    pub before: bool,
    /// Go into all units, and not into targets only
    #[arg(short, long)]
    pub all: bool,
    /// A list, each unit once
    #[arg(long)]
    pub plain: bool,
}

/// Of the verbs that queue jobs.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// Which units.
    #[command(flatten)]
    pub units: UnitsArgs,
    /// Queue the jobs and do not wait for them
    #[arg(long)]
    pub no_block: bool,
    /// What to do about other jobs that are in the way
    #[arg(long, value_enum, value_name = "MODE", default_value_t = JobMode::Replace)]
    pub job_mode: JobMode,
}

/// What a new job does about jobs in its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum JobMode {
    /// Replace them
    Replace,
    /// Refuse the new job
    Fail,
    /// Replace them, and let no later job replace this one
    ReplaceIrreversibly,
    /// Only this job: neither requirements nor orderings count
    IgnoreDependencies,
    /// Orderings count, requirements do not
    IgnoreRequirements,
    /// Stop everything that the unit does not need; start only
    Isolate,
    /// Replace them, and take back every other queued job
    Flush,
    /// Stop what would start the unit again as well; stop only
    Triggering,
    /// Restart the units that depend on it as well; start only
    RestartDependencies,
}

/// Of `kill`.
#[derive(Debug, Args)]
pub struct KillArgs {
    /// Which units.
    #[command(flatten)]
    pub units: UnitsArgs,
    /// The signal, by name or number
    #[arg(short, long, value_name = "SIGNAL", default_value = "SIGTERM", value_parser = Signal::parse)]
    pub signal: Signal,
    /// Which processes of each unit
    #[arg(long, value_enum, value_name = "WHOM", default_value_t = Whom::All)]
    pub kill_whom: Whom,
}

/// Which processes of a unit get a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Whom {
    /// All of them
    All,
    /// The main process
    Main,
    /// The control process: a start-pre, reload, stop … command
    Control,
}

/// Of `why`.
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// The unit; without a suffix, a service
    #[arg(value_name = "UNIT")]
    pub unit: UnitArg,
    /// How many log lines to show
    #[arg(short = 'n', long, value_name = "N", default_value_t = 5)]
    pub lines: u32,
}

/// Of `show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Which units.
    #[command(flatten)]
    pub units: OptionalUnitsArgs,
    /// Only these properties, also where they are empty
    #[arg(short, long = "property", value_name = "NAME", value_delimiter = ',')]
    pub properties: Vec<String>,
    /// The same as -p NAME --value
    #[arg(
        short = 'P',
        value_name = "NAME",
        value_delimiter = ',',
        conflicts_with = "properties"
    )]
    pub values_of: Vec<String>,
    /// Print the values without the names
    #[arg(long)]
    pub value: bool,
    /// Properties that are empty too
    #[arg(short, long)]
    pub all: bool,
}

/// Of `logs`.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Which units.
    #[command(flatten)]
    pub units: OptionalUnitsArgs,
    /// Wait for more lines and print them as they come
    #[arg(short, long)]
    pub follow: bool,
    /// How many of the last lines to begin with
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    pub lines: u32,
}

/// Of `wait`.
#[derive(Debug, Args)]
pub struct WaitArgs {
    /// Which units.
    #[command(flatten)]
    pub units: UnitsArgs,
    /// What to wait for
    #[arg(long = "for", value_enum, value_name = "STATE", default_value_t = Awaited::Ready)]
    pub awaited: Awaited,
    /// How long at most, such as `90`, `500ms`, `1min 30s` or `infinity`
    #[arg(long, value_name = "SPAN", default_value = "infinity", value_parser = Span::parse)]
    pub timeout: Span,
}

/// Of `is-ready`.
#[derive(Debug, Args)]
pub struct IsReadyArgs {
    /// Which units.
    #[command(flatten)]
    pub units: OptionalUnitsArgs,
    /// Wait until all is ready
    #[arg(long)]
    pub wait: bool,
    /// How long at most, such as `90`, `500ms`, `1min 30s` or `infinity`
    #[arg(long, value_name = "SPAN", default_value = "infinity", value_parser = Span::parse, requires = "wait")]
    pub timeout: Span,
}

/// What can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Awaited {
    /// Active, or reading its configuration again
    Active,
    /// Active, and no job is queued for it
    Ready,
    /// Down, or failed
    Inactive,
}

/// Of `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// A supervisord.conf, or unit files of systemd; `-` is a supervisord.conf from standard input,
    /// in which [include] cannot be followed
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath, required = true)]
    pub files: Vec<PathBuf>,
    /// Write the unit files into this directory, which is made if it is missing; otherwise they are
    /// printed, and the report goes to standard error
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub output: Option<PathBuf>,
    /// Replace unit files that are there
    #[arg(long, requires = "output")]
    pub force: bool,
}

/// Of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The system to write for
    #[arg(value_name = "SYSTEM", value_enum)]
    pub system: System,
    /// The units
    #[arg(value_name = "UNIT", required = true)]
    pub units: Vec<UnitArg>,
    /// Read this directory or unit file instead of the search path; may be said several times
    #[arg(short, long = "path", value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Write the unit files into this directory, which is made if it is missing; otherwise they are
    /// printed, and the report goes to standard error
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub output: Option<PathBuf>,
    /// Replace unit files that are there
    #[arg(long, requires = "output")]
    pub force: bool,
}

/// A system that has unit files of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum System {
    /// systemd
    Systemd,
}

/// Of `daemon-reload`.
#[derive(Debug, Args)]
pub struct ReloadArgs {
    /// Apply the good files, and keep the last good definition of the others; exit status 1 if there are others
    #[arg(long)]
    pub keep_going: bool,
}

/// Of `shutdown`.
#[derive(Debug, Args)]
pub struct ShutdownArgs {
    /// The exit status runnerd ends with
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub exit_status: u8,
}

/// Of `exit`.
#[derive(Debug, Args)]
pub struct ExitArgs {
    /// The exit status runnerd ends with
    #[arg(value_name = "STATUS", default_value_t = 0)]
    pub exit_status: u8,
    /// Give nobody more than a moment to stop
    #[arg(short, long)]
    pub force: bool,
}

fn unit_kind() -> impl clap::builder::TypedValueParser<Value = UnitKind> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    let words = UnitKind::ALL
        .iter()
        .filter(|kind| kind.is_supported())
        .map(|kind| kind.as_str());
    PossibleValuesParser::new(words).try_map(|word| {
        UnitKind::from_word(&word).ok_or_else(|| format!("there is no unit kind {word:?}"))
    })
}
