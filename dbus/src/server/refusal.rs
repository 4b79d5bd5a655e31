//! The engine's no in the words of D-Bus: one table.

use control::{Refusal, Word};

use super::diagnostics;
use crate::error::Kind;

/// An error reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Failure {
        Failure {
            kind,
            message: message.into(),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        use std::format as f;
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
            group @ (Refusal::NoSuchGroup(_) | Refusal::GroupExists(_) | Refusal::GroupRuns(_)) => {
                (Kind::InvalidArgs, group.to_string())
            }
            Refusal::ShuttingDown => (Kind::ShuttingDown, "everything is being stopped".to_owned()),
            Refusal::AccessDenied(why) => (Kind::AccessDenied, why),
            Refusal::Invalid(why) => (Kind::InvalidArgs, why),
        };
        Failure { kind, message }
    }
}
