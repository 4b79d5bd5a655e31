//! Error names: one table for both ends and both faces.

use crate::names::Face;

/// What kind of error a reply is. Closed: a name that is not in the table is [`Kind::Failed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// No such unit is loaded or can be loaded.
    NoSuchUnit,
    /// A unit of this name is there already.
    UnitExists,
    /// The unit's file has an error.
    BadUnitSetting,
    /// The unit is masked.
    UnitMasked,
    /// This kind of job makes no sense for the unit.
    JobTypeNotApplicable,
    /// Only other units may start or stop it.
    OnlyByDependency,
    /// Not everything else may be stopped for it.
    NoIsolation,
    /// The transaction would contradict itself.
    TransactionJobsConflicting,
    /// The ordering asked for is a circle.
    TransactionOrderIsCyclic,
    /// A job is in the way, and the mode forbids to replace it.
    TransactionIsDestructive,
    /// No job of that number, running or recently ended.
    NoSuchJob,
    /// The unit has no such process.
    NoSuchProcess,
    /// No unit has that process.
    NoUnitForPid,
    /// No unit had a run of that number.
    NoUnitForInvocationId,
    /// A unit file is broken; nothing was applied.
    ReloadRefused,
    /// Everything is being stopped, or the manager is gone.
    ShuttingDown,
    /// The caller may not do this.
    AccessDenied,
    /// The caller may, if somebody whom the system's authority asks agrees.
    InteractiveAuthorizationRequired,
    /// The unit is not down, or has a job.
    UnitBusy,
    /// The unit is not up.
    UnitInactive,
    /// The unit has nothing of what is to be cleaned away.
    NothingToClean,
    /// It wants signals already.
    AlreadySubscribed,
    /// It has not asked for signals.
    NotSubscribed,
    /// It does not hold on to the unit.
    NotReferenced,
    /// An argument makes no sense.
    InvalidArgs,
    /// No object at this path.
    UnknownObject,
    /// The object has no such interface.
    UnknownInterface,
    /// The interface has no such method.
    UnknownMethod,
    /// The interface has no such property.
    UnknownProperty,
    /// No property can be set.
    PropertyReadOnly,
    /// There is no such file.
    FileNotFound,
    /// A match rule cannot be read.
    MatchRuleInvalid,
    /// No such match rule was added.
    MatchRuleNotFound,
    /// No such name on this connection.
    NameHasNoOwner,
    /// Too much at once.
    LimitsExceeded,
    /// Understood, but not possible here.
    NotSupported,
    /// Anything else.
    Failed,
}

/// Every kind with its name on our own face, on systemd's, and what it says.
pub const NAMES: &[(Kind, &str, &str, &str)] = &[
    (
        Kind::NoSuchUnit,
        "org.unitrunner.Runner1.Error.NoSuchUnit",
        "org.freedesktop.systemd1.NoSuchUnit",
        "no such unit is loaded or can be loaded",
    ),
    (
        Kind::UnitExists,
        "org.unitrunner.Runner1.Error.UnitExists",
        "org.freedesktop.systemd1.UnitExists",
        "a unit of this name is there already",
    ),
    (
        Kind::BadUnitSetting,
        "org.unitrunner.Runner1.Error.BadUnitSetting",
        "org.freedesktop.systemd1.BadUnitSetting",
        "the file of the unit has an error; the message says where",
    ),
    (
        Kind::UnitMasked,
        "org.unitrunner.Runner1.Error.UnitMasked",
        "org.freedesktop.systemd1.UnitMasked",
        "the unit is masked",
    ),
    (
        Kind::JobTypeNotApplicable,
        "org.unitrunner.Runner1.Error.JobTypeNotApplicable",
        "org.freedesktop.systemd1.JobTypeNotApplicable",
        "this kind of job makes no sense for the unit",
    ),
    (
        Kind::OnlyByDependency,
        "org.unitrunner.Runner1.Error.OnlyByDependency",
        "org.freedesktop.systemd1.OnlyByDependency",
        "only other units may start or stop the unit",
    ),
    (
        Kind::NoIsolation,
        "org.unitrunner.Runner1.Error.NoIsolation",
        "org.freedesktop.systemd1.NoIsolation",
        "not everything else may be stopped for the unit",
    ),
    (
        Kind::TransactionJobsConflicting,
        "org.unitrunner.Runner1.Error.TransactionJobsConflicting",
        "org.freedesktop.systemd1.TransactionJobsConflicting",
        "the transaction would contradict itself",
    ),
    (
        Kind::TransactionOrderIsCyclic,
        "org.unitrunner.Runner1.Error.TransactionOrderIsCyclic",
        "org.freedesktop.systemd1.TransactionOrderIsCyclic",
        "the ordering asked for is a circle",
    ),
    (
        Kind::TransactionIsDestructive,
        "org.unitrunner.Runner1.Error.TransactionIsDestructive",
        "org.freedesktop.systemd1.TransactionIsDestructive",
        "a job is in the way and the mode forbids to replace it",
    ),
    (
        Kind::NoSuchJob,
        "org.unitrunner.Runner1.Error.NoSuchJob",
        "org.freedesktop.systemd1.NoSuchJob",
        "no job of that number runs or ended within the last minute",
    ),
    (
        Kind::NoSuchProcess,
        "org.unitrunner.Runner1.Error.NoSuchProcess",
        "org.freedesktop.systemd1.NoSuchProcess",
        "the unit has no such process",
    ),
    (
        Kind::NoUnitForPid,
        "org.unitrunner.Runner1.Error.NoUnitForPID",
        "org.freedesktop.systemd1.NoUnitForPID",
        "no unit has that process",
    ),
    (
        Kind::NoUnitForInvocationId,
        "org.unitrunner.Runner1.Error.NoUnitForInvocationID",
        "org.freedesktop.systemd1.NoUnitForInvocationID",
        "no unit had a run of that number",
    ),
    (
        Kind::ReloadRefused,
        "org.unitrunner.Runner1.Error.ReloadRefused",
        "org.freedesktop.systemd1.LoadFailed",
        "a unit file is broken and nothing was applied; the message says where",
    ),
    (
        Kind::ShuttingDown,
        "org.unitrunner.Runner1.Error.ShuttingDown",
        "org.freedesktop.systemd1.ShuttingDown",
        "everything is being stopped",
    ),
    (
        Kind::AccessDenied,
        "org.freedesktop.DBus.Error.AccessDenied",
        "org.freedesktop.DBus.Error.AccessDenied",
        "the caller may not do this",
    ),
    (
        Kind::InteractiveAuthorizationRequired,
        "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
        "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
        "the caller may, if somebody agrees; the call says that nobody is to be asked",
    ),
    (
        Kind::UnitBusy,
        "org.unitrunner.Runner1.Error.UnitBusy",
        "org.freedesktop.systemd1.UnitBusy",
        "the unit is not down, or has a job",
    ),
    (
        Kind::UnitInactive,
        "org.unitrunner.Runner1.Error.UnitInactive",
        "org.freedesktop.systemd1.UnitInactive",
        "the unit is not up",
    ),
    (
        Kind::NothingToClean,
        "org.unitrunner.Runner1.Error.NothingToClean",
        "org.freedesktop.systemd1.NothingToClean",
        "the unit has nothing of what is to be cleaned away",
    ),
    (
        Kind::AlreadySubscribed,
        "org.unitrunner.Runner1.Error.AlreadySubscribed",
        "org.freedesktop.systemd1.AlreadySubscribed",
        "the connection gets signals already",
    ),
    (
        Kind::NotSubscribed,
        "org.unitrunner.Runner1.Error.NotSubscribed",
        "org.freedesktop.systemd1.NotSubscribed",
        "the connection has not asked for signals",
    ),
    (
        Kind::NotReferenced,
        "org.unitrunner.Runner1.Error.NotReferenced",
        "org.freedesktop.systemd1.NotReferenced",
        "the connection does not hold on to the unit",
    ),
    (
        Kind::InvalidArgs,
        "org.freedesktop.DBus.Error.InvalidArgs",
        "org.freedesktop.DBus.Error.InvalidArgs",
        "an argument makes no sense",
    ),
    (
        Kind::UnknownObject,
        "org.freedesktop.DBus.Error.UnknownObject",
        "org.freedesktop.DBus.Error.UnknownObject",
        "no object at this path",
    ),
    (
        Kind::UnknownInterface,
        "org.freedesktop.DBus.Error.UnknownInterface",
        "org.freedesktop.DBus.Error.UnknownInterface",
        "the object has no such interface",
    ),
    (
        Kind::UnknownMethod,
        "org.freedesktop.DBus.Error.UnknownMethod",
        "org.freedesktop.DBus.Error.UnknownMethod",
        "the interface has no such method",
    ),
    (
        Kind::UnknownProperty,
        "org.freedesktop.DBus.Error.UnknownProperty",
        "org.freedesktop.DBus.Error.UnknownProperty",
        "the interface has no such property",
    ),
    (
        Kind::PropertyReadOnly,
        "org.freedesktop.DBus.Error.PropertyReadOnly",
        "org.freedesktop.DBus.Error.PropertyReadOnly",
        "no property can be set",
    ),
    (
        Kind::FileNotFound,
        "org.freedesktop.DBus.Error.FileNotFound",
        "org.freedesktop.DBus.Error.FileNotFound",
        "there is no such file",
    ),
    (
        Kind::MatchRuleInvalid,
        "org.freedesktop.DBus.Error.MatchRuleInvalid",
        "org.freedesktop.DBus.Error.MatchRuleInvalid",
        "a match rule cannot be read",
    ),
    (
        Kind::MatchRuleNotFound,
        "org.freedesktop.DBus.Error.MatchRuleNotFound",
        "org.freedesktop.DBus.Error.MatchRuleNotFound",
        "no such match rule was added",
    ),
    (
        Kind::NameHasNoOwner,
        "org.freedesktop.DBus.Error.NameHasNoOwner",
        "org.freedesktop.DBus.Error.NameHasNoOwner",
        "nobody has this name on a private connection",
    ),
    (
        Kind::LimitsExceeded,
        "org.freedesktop.DBus.Error.LimitsExceeded",
        "org.freedesktop.DBus.Error.LimitsExceeded",
        "the client asks for too much at once",
    ),
    (
        Kind::NotSupported,
        "org.freedesktop.DBus.Error.NotSupported",
        "org.freedesktop.DBus.Error.NotSupported",
        "understood, but not possible here",
    ),
    (
        Kind::Failed,
        "org.freedesktop.DBus.Error.Failed",
        "org.freedesktop.DBus.Error.Failed",
        "anything else",
    ),
];

impl Kind {
    /// The D-Bus error name.
    #[must_use]
    pub fn name(self, face: Face) -> &'static str {
        NAMES.iter().find(|(kind, ..)| *kind == self).map_or(
            "org.freedesktop.DBus.Error.Failed",
            |(_, own, systemd, _)| match face {
                Face::Runner => own,
                Face::Systemd => systemd,
            },
        )
    }

    /// The kind of a D-Bus error name of our own face.
    #[must_use]
    pub fn of(name: &str) -> Kind {
        NAMES
            .iter()
            .find(|(_, known, ..)| *known == name)
            .map_or(Kind::Failed, |(kind, ..)| *kind)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_kinds_are_one_to_one() {
        for (kind, own, systemd, _) in NAMES {
            assert_eq!(kind.name(Face::Runner), *own);
            assert_eq!(kind.name(Face::Systemd), *systemd);
            assert_eq!(Kind::of(own), *kind);
        }
        assert_eq!(Kind::of("org.example.Strange"), Kind::Failed);
        let distinct: BTreeSet<&str> = NAMES.iter().map(|(_, _, systemd, _)| *systemd).collect();
        assert_eq!(distinct.len(), NAMES.len());
    }
}
