//! The engine's no in the words of D-Bus: one table.

use control::{Refusal, Word};
use engine::command::Whom;

use super::diagnostics;
use crate::error::Kind;
use crate::names::Face;

/// An error reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    /// What systemd says, which its clients print as it stands; where it says something else.
    systemds: Option<String>,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Failure {
        Failure {
            kind,
            message: message.into(),
            systemds: None,
        }
    }

    /// The same, in systemd's own words for systemd's clients.
    pub(crate) fn on_systemd(self, sentence: impl Into<String>) -> Failure {
        Failure {
            systemds: Some(sentence.into()),
            ..self
        }
    }

    /// The same of a question about what is loaded: there systemd says that a unit is not loaded,
    /// and not that it was not found.
    pub(crate) fn of_loaded(mut self) -> Failure {
        if self.kind == Kind::NoSuchUnit
            && let Some(sentence) = &mut self.systemds
        {
            *sentence = sentence.replace(" not found.", " not loaded.");
        }
        self
    }

    /// The sentence for clients of this face.
    pub(crate) fn said(&self, face: Face) -> &str {
        match (face, &self.systemds) {
            (Face::Systemd, Some(sentence)) => sentence,
            _ => &self.message,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        use std::format as f;
        let systemds = systemds(&refusal);
        let (kind, message) = match refusal {
            Refusal::NoSuchUnit(unit) => (Kind::NoSuchUnit, f!("unit {unit} not found")),
            ref there @ Refusal::UnitExists(_) => (Kind::UnitExists, there.to_string()),
            Refusal::BadSetting(unit, found) => (
                Kind::BadUnitSetting,
                f!(
                    "unit {unit} has a bad setting:\n{}",
                    diagnostics::sentences(&*found)
                ),
            ),
            Refusal::Masked(unit) => (Kind::UnitMasked, f!("unit {unit} is masked")),
            Refusal::NotApplicable(unit, why) => (
                Kind::JobTypeNotApplicable,
                f!("this kind of job is not applicable to unit {unit}: {why}"),
            ),
            ref always @ Refusal::AlwaysUp(..) => (Kind::JobTypeNotApplicable, always.to_string()),
            ref only @ Refusal::OnlyByDependency(_) => (Kind::OnlyByDependency, only.to_string()),
            ref alone @ Refusal::NoIsolation(_) => (Kind::NoIsolation, alone.to_string()),
            Refusal::Conflicting(why) => (Kind::TransactionJobsConflicting, why),
            Refusal::Cyclic(why) => (Kind::TransactionOrderIsCyclic, why),
            Refusal::Destructive(why) => (Kind::TransactionIsDestructive, why),
            Refusal::NoSuchJob(job) => (Kind::NoSuchJob, f!("no job {}", job.0)),
            Refusal::NoProcess(unit, whom) => (
                Kind::NoSuchProcess,
                f!("unit {unit} has no process to signal ({})", whom.word()),
            ),
            Refusal::ReloadRefused(found) => (
                Kind::ReloadRefused,
                f!("nothing was reloaded:\n{}", diagnostics::sentences(&*found)),
            ),
            ref busy @ Refusal::Busy(_) => (Kind::UnitBusy, busy.to_string()),
            ref down @ Refusal::Inactive(_) => (Kind::UnitInactive, down.to_string()),
            ref none @ Refusal::NothingToClean(_) => (Kind::NothingToClean, none.to_string()),
            Refusal::NotPossible(why) => (Kind::NotSupported, why),
            group @ (Refusal::NoSuchGroup(_) | Refusal::GroupExists(_) | Refusal::GroupRuns(_)) => {
                (Kind::InvalidArgs, group.to_string())
            }
            Refusal::ShuttingDown => (Kind::ShuttingDown, "everything is being stopped".to_owned()),
            Refusal::AccessDenied(why) => (Kind::AccessDenied, why),
            Refusal::Invalid(why) => (Kind::InvalidArgs, why),
        };
        Failure {
            kind,
            message,
            systemds,
        }
    }
}

/// systemd's words for a refusal, where its clients' users know them. Those about a transaction
/// name the jobs that are in each other's way, which ours do better.
fn systemds(refusal: &Refusal) -> Option<String> {
    use std::format as f;
    Some(match refusal {
        Refusal::NoSuchUnit(unit) => f!("Unit {unit} not found."),
        Refusal::UnitExists(unit) => {
            f!("Unit {unit} was already loaded or has a fragment file.")
        }
        Refusal::BadSetting(unit, _) => f!("Unit {unit} has a bad unit file setting."),
        Refusal::Masked(unit) => f!("Unit {unit} is masked."),
        // Only a reload can be that.
        Refusal::NotApplicable(unit, _) => {
            f!("Job type reload is not applicable for unit {unit}.")
        }
        Refusal::AlwaysUp(unit, kind) => f!(
            "Job type {} is not applicable for unit {unit}.",
            kind.as_str()
        ),
        Refusal::OnlyByDependency(unit) => f!(
            "Operation refused, unit {unit} may be requested by dependency only (it is configured \
             to refuse manual start/stop)."
        ),
        Refusal::NoIsolation(_) => "Operation refused, unit may not be isolated.".to_owned(),
        Refusal::NoSuchJob(job) => f!("Job {} does not exist.", job.0),
        Refusal::Busy(_) => "Unit is not inactive or has pending job.".to_owned(),
        Refusal::Inactive(_) => "Unit is not active.".to_owned(),
        Refusal::NothingToClean(_) => "No matching resources found.".to_owned(),
        Refusal::NoProcess(_, Whom::All) => "No matching processes to kill".to_owned(),
        Refusal::NoProcess(_, Whom::Main) => "No main process to kill".to_owned(),
        Refusal::NoProcess(_, Whom::Control) => "No control process to kill".to_owned(),
        _ => return None,
    })
}
