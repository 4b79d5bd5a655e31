//! Who wanted a job, or what did: kept with the unit, so that it can be told afterwards and over a
//! recovery.

use serde::{Deserialize, Serialize};
use units::UnitName;

use crate::clock::Now;
use crate::job::{JobId, JobKind, JobResult};

/// Why a job was queued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cause {
    /// A client, in words; empty where nobody knows which.
    Client(String),
    /// The start of everything.
    Boot,
    /// The end of everything.
    Shutdown,
    /// The job of another unit pulled it in.
    PulledIn(UnitName),
    /// It is stopped since a unit starts that it conflicts with.
    Conflict(UnitName),
    /// A socket, timer or path elapsed or was found.
    Trigger(UnitName),
    /// A connection came in at this socket.
    Connection(UnitName),
    /// A unit failed whose `on-failure` names it.
    OnFailure(UnitName),
    /// A unit came to a good end whose `on-success` names it.
    OnSuccess(UnitName),
    /// A unit it is bound to is down.
    Bound(UnitName),
    /// A unit that is up upholds it.
    Upheld(UnitName),
    /// No unit needs it any more.
    Unneeded,
    /// Its own restart policy.
    Policy,
    /// Its group was added or removed.
    Group(String),
}

/// The last job of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) job: JobId,
    pub(crate) kind: JobKind,
    pub(crate) at: Now,
    pub(crate) cause: Cause,
    /// When it ended, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended: Option<(Now, JobResult)>,
    /// The unit that was to blame, where it ended because of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) blame: Option<UnitName>,
}
