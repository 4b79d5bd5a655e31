//! What a client can ask the engine to do. Questions are not here: they are read from a view.

use serde::{Deserialize, Serialize};
use units::UnitName;
use units::value::Signal;

use crate::job::{JobId, JobKind, JobMode};
use crate::transient::RunEnd;

/// A wish of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Queue a job. Answered at once with [`Answer::Job`], or refused.
    Submit {
        /// For which unit.
        unit: UnitName,
        /// What for.
        verb: Verb,
        /// How it deals with jobs that are in its way.
        mode: JobMode,
        /// Chosen by the client: the same token again is answered with the same job, so a client
        /// may ask again after it lost its connection.
        token: Option<String>,
    },
    /// Define units that are in no file, and start the first. Answered as `Submit`.
    StartTransient {
        /// The units: the one to start, then those that go with it, such as what a timer starts.
        units: Vec<Transient>,
        /// How the job deals with jobs that are in its way.
        mode: JobMode,
        /// As of `Submit`.
        token: Option<String>,
    },
    /// Wait until a unit is down and has no job. Answered with [`Answer::UnitEnded`]; for a unit that
    /// a client defined, for 60 s afterwards too.
    AwaitEnd {
        /// The unit.
        unit: UnitName,
    },
    /// Keep what is known of a unit that a client defined, also when it is down, for as long as whoever
    /// asks waits for the answer. There is none.
    Hold {
        /// The unit; it need not be there yet.
        unit: UnitName,
    },
    /// Wait for a job to end. Answered with [`Answer::Ended`] when it has, for 60 s afterwards too.
    AwaitJob {
        /// The job.
        job: JobId,
    },
    /// Take a queued or running job back.
    CancelJob {
        /// The job.
        job: JobId,
    },
    /// Send a signal to processes of a unit.
    Kill {
        /// The unit.
        unit: UnitName,
        /// Which of them.
        whom: Whom,
        /// The signal.
        signal: Signal,
    },
    /// Forget failures and start limits, of one unit or of all.
    ResetFailed {
        /// Of this one only.
        unit: Option<UnitName>,
    },
    /// Read all unit files again (`daemon-reload`). Answered with [`Answer::Reloaded`].
    Reload {
        /// Apply what is good, keep the last good definition of the rest.
        keep_going: bool,
    },
    /// Read all unit files again and lay what they say aside, as a candidate beside the definitions
    /// in force (supervisord's `reread`). Answered with [`Answer::Staged`], or refused with
    /// [`Refusal::ReloadRefused`], and then the candidate stays what it was.
    Stage,
    /// Put a group of the candidate in force and start those of its services that start at boot.
    AddGroup {
        /// Its name.
        group: String,
    },
    /// Take a group whose services are all down out of the definitions in force.
    RemoveGroup {
        /// Its name.
        group: String,
    },
    /// Read all unit files again, and if they are good stop everything in order and start anew with
    /// them (supervisord's `reload`). Answered with [`Answer::Done`] when the stopping begins, or
    /// refused with [`Refusal::ReloadRefused`], and then nothing is touched.
    RestartAll,
    /// Take every queued and running job back that may be.
    CancelAllJobs,
    /// Nobody looks after a scope any more: its processes stay, and it is told of.
    Abandon {
        /// The scope.
        unit: UnitName,
    },
    /// Change the manager's block: the variables every program's environment starts from. Taking
    /// away goes first. Kept until the program ends.
    SetEnvironment {
        /// Names to take away.
        unset: Vec<String>,
        /// Names and values to set.
        set: Vec<(String, String)>,
    },
    /// Whether services that miss their watchdog are ended, which they are at first, or only
    /// reported. Kept until the program ends.
    ServiceWatchdogs(bool),
    /// Stop everything in order and end the program with this exit status.
    Shutdown {
        /// Exit status of the whole program.
        status: u8,
    },
}

/// What a client says about a unit of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transient {
    /// Its name.
    pub name: UnitName,
    /// Settings by systemd's names or ours, and what a unit file of systemd's would say.
    pub settings: Vec<(String, String)>,
    /// Whom a scope takes in, as we see them; nobody for any other kind.
    #[serde(default)]
    pub pids: Vec<u32>,
}

/// What a submitted job is to achieve (systemctl's verbs).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Verb {
    /// `start`
    Start,
    /// `stop`
    Stop,
    /// `restart`: start it if it does not run.
    Restart,
    /// `try-restart`: nothing if it does not run.
    TryRestart,
    /// `reload`: its own configuration, by exec-reload.
    Reload,
    /// `reload-or-restart`
    ReloadOrRestart,
    /// `try-reload-or-restart`
    TryReloadOrRestart,
}

/// Which processes of a unit a signal is for (`systemctl kill --kill-whom=`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Whom {
    /// Every process of the unit.
    #[default]
    All,
    /// The main process.
    Main,
    /// The control process (a start-pre, reload, stop … command).
    Control,
}

/// The answer to a [`Command`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Done, nothing more to say.
    Done,
    /// The job that was queued or joined.
    Job(JobId),
    /// The job has ended.
    Ended(crate::job::JobResult),
    /// The unit is down: how it ended.
    UnitEnded(Box<RunEnd>),
    /// The candidate is what the files say now.
    Staged {
        /// How its groups differ from those in force.
        groups: units::group::GroupDifference,
        /// What there was to say about it.
        diagnostics: std::sync::Arc<Vec<units::Diagnostic>>,
    },
    /// The definitions are the new ones; what there was to say about them.
    Reloaded(std::sync::Arc<Vec<units::Diagnostic>>),
}

/// A documented no. Each maps to a D-Bus error name, an exit status and (later) an XML-RPC fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No such unit is loaded or can be loaded.
    NoSuchUnit(UnitName),
    /// There is one of this name already.
    UnitExists(UnitName),
    /// The unit's file has an error: what and where.
    BadSetting(UnitName, std::sync::Arc<Vec<units::Diagnostic>>),
    /// The unit is masked.
    Masked(UnitName),
    /// This kind of job makes no sense for the unit (a reload without exec-reload).
    NotApplicable(UnitName, String),
    /// It is always up ([`UnitName::is_perpetual`]): no job of this kind makes sense for it.
    AlwaysUp(UnitName, JobKind),
    /// Only other units may start or stop it (`refuse-manual-start`, `refuse-manual-stop`).
    OnlyByDependency(UnitName),
    /// Not everything else may be stopped for it (`allow-isolate`).
    NoIsolation(UnitName),
    /// The transaction would contradict itself; the sentence names both sides.
    Conflicting(String),
    /// The requested ordering is a circle of jobs that all matter; names the circle.
    Cyclic(String),
    /// A job is in the way, and the mode forbids to replace it.
    Destructive(String),
    /// No job of that number, running or recently ended.
    NoSuchJob(JobId),
    /// The unit has no such process.
    NoProcess(UnitName, Whom),
    /// The unit is not down, or about to be something else.
    Busy(UnitName),
    /// The unit is not up.
    Inactive(UnitName),
    /// Nothing of what was to be cleaned away belongs to the unit.
    NothingToClean(UnitName),
    /// It makes sense, but not here; a sentence.
    NotPossible(String),
    /// The candidate, or the set in force, has no such group.
    NoSuchGroup(String),
    /// The group is in force already.
    GroupExists(String),
    /// A service of the group is not down.
    GroupRuns(String),
    /// A unit file is broken: nothing was applied.
    ReloadRefused(std::sync::Arc<Vec<units::Diagnostic>>),
    /// Everything is being stopped: nothing new is started.
    ShuttingDown,
    /// The caller may not do this.
    AccessDenied(String),
    /// The request makes no sense as it stands.
    Invalid(String),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::NoSuchUnit(unit) => write!(f, "unit {unit} not found"),
            Refusal::UnitExists(unit) => write!(f, "there is a unit {unit} already"),
            Refusal::BadSetting(unit, diagnostics) => {
                write!(f, "unit {unit} has a bad setting")?;
                match diagnostics.iter().find(|diagnostic| diagnostic.is_error()) {
                    Some(first) => write!(f, ": {first}"),
                    None => Ok(()),
                }
            }
            Refusal::Masked(unit) => write!(f, "unit {unit} is masked"),
            Refusal::NotApplicable(unit, why) => write!(f, "not possible for {unit}: {why}"),
            Refusal::AlwaysUp(unit, kind) => write!(
                f,
                "{unit} is always up: a {} of it is not possible",
                kind.as_str()
            ),
            Refusal::OnlyByDependency(unit) => write!(
                f,
                "{unit} may be asked for by other units only: it refuses to be started or stopped by hand"
            ),
            Refusal::NoIsolation(unit) => write!(f, "{unit} may not be isolated"),
            Refusal::Conflicting(why) | Refusal::Cyclic(why) | Refusal::Destructive(why) => {
                f.write_str(why)
            }
            Refusal::NoSuchJob(job) => write!(f, "no job {}", job.0),
            Refusal::NoProcess(unit, Whom::All) => write!(f, "{unit} has no process"),
            Refusal::NoProcess(unit, Whom::Main) => write!(f, "{unit} has no main process"),
            Refusal::NoProcess(unit, Whom::Control) => write!(f, "{unit} has no control process"),
            Refusal::Busy(unit) => write!(f, "{unit} is not down, or has a job"),
            Refusal::Inactive(unit) => write!(f, "{unit} is not up"),
            Refusal::NothingToClean(unit) => write!(f, "{unit} has nothing of that kind"),
            Refusal::NotPossible(why) => f.write_str(why),
            Refusal::NoSuchGroup(group) => write!(f, "no group {group}"),
            Refusal::GroupExists(group) => write!(f, "group {group} is there already"),
            Refusal::GroupRuns(group) => write!(f, "group {group} still runs"),
            Refusal::ReloadRefused(diagnostics) => {
                let errors = diagnostics
                    .iter()
                    .filter(|diagnostic| diagnostic.is_error())
                    .count();
                write!(f, "nothing was reloaded: {errors} error(s) in unit files")
            }
            Refusal::ShuttingDown => f.write_str("everything is being stopped"),
            Refusal::AccessDenied(why) => write!(f, "access denied: {why}"),
            Refusal::Invalid(why) => f.write_str(why),
        }
    }
}
