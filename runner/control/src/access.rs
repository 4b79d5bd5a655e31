//! Who may ask what. Pure, and the only place where it is decided.
//!
//! | standing | may |
//! |---|---|
//! | owner: root, the uid we run as, and whoever an HTTP server of ours let in | everything |
//! | administrator: group `runner-admin` | everything but shutdown, and the settings and environment of programs |
//! | observer: everybody else | see states; never environments, command lines, logs, stdin |
//!
//! Whoever may not by standing may still be [permitted](Action) one thing by the system's authority
//! (polkit), which the front end on the system bus asks.

use engine::{Command, Refusal};
use units::install::Order;

use crate::caller::{Caller, Via};
use crate::request::Request;

/// What the decision depends on beside the caller; fixed when the manager starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The uid the manager runs as.
    pub own_uid: u32,
    /// The group `runner-admin`, where it exists.
    pub admin_gid: Option<u32>,
}

/// What a caller is to us; a higher one may all that a lower one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Sees states.
    Observer,
    /// Does all but shutdown.
    Administrator,
    /// Does everything.
    Owner,
}

/// What `caller` is to us.
#[must_use]
pub fn standing(caller: &Caller, policy: &Policy) -> Standing {
    let by_server = matches!(caller.via, Via::HttpUnix | Via::HttpInet(_));
    if by_server || caller.uid == 0 || caller.uid == policy.own_uid {
        Standing::Owner
    } else if policy.admin_gid.is_some_and(|gid| caller.is_in_group(gid)) {
        Standing::Administrator
    } else {
        Standing::Observer
    }
}

/// The least standing `request` takes.
#[must_use]
pub fn required(request: &Request) -> Standing {
    match request {
        // Who chooses the environment of programs can run anything in them, and what a client defines
        // runs as whoever it says.
        Request::Command(
            Command::Shutdown { .. }
            | Command::RestartAll
            | Command::SetEnvironment { .. }
            | Command::ServiceWatchdogs(_)
            | Command::StartTransient { .. },
        )
        | Request::StartTransient { .. } => Standing::Owner,
        // The result of a job is a state, and so is how the units hang together.
        Request::Command(Command::AwaitJob { .. } | Command::AwaitEnd { .. })
        | Request::Units(_)
        | Request::Unit(_)
        | Request::UnitOf { .. }
        | Request::Jobs
        | Request::Dependencies { .. }
        | Request::Sockets
        | Request::Processes(_)
        | Request::UnitFiles
        | Request::UnitFileState(_)
        | Request::UnitFileLinks { .. }
        | Request::KnownUnitFile(_)
        | Request::FilesChanged(_)
        | Request::Manager => Standing::Observer,
        // Who sets a command line runs it, and so does who brings a unit file along; the others only
        // choose among what is there.
        Request::Install(Order::Set { .. } | Order::Link { .. }) => Standing::Owner,
        Request::Command(
            Command::Submit { .. }
            | Command::CancelJob { .. }
            | Command::CancelAllJobs
            | Command::Kill { .. }
            | Command::ResetFailed { .. }
            | Command::Abandon { .. }
            | Command::Hold { .. }
            | Command::Reload { .. }
            | Command::Stage
            | Command::AddGroup { .. }
            | Command::RemoveGroup { .. },
        )
        | Request::Sets
        | Request::Why(_)
        | Request::Install(_)
        | Request::Preview
        | Request::Program(_)
        | Request::LogLevel(_)
        | Request::LogTarget(_)
        | Request::Clean { .. }
        | Request::Freeze { .. }
        | Request::Input { .. }
        | Request::Deliver { .. }
        | Request::LogText { .. }
        | Request::LogFollow { .. }
        | Request::LogClear(_)
        | Request::LogReopen
        | Request::Tap { .. }
        | Request::Drain(_)
        | Request::Happened { .. }
        | Request::Note { .. }
        | Request::Recall
        | Request::Usage(_)
        | Request::Logs { .. }
        | Request::Cat(_)
        | Request::Reexec => Standing::Administrator,
    }
}

/// What the system's authority can permit somebody to do: systemd's division, so that rules an
/// administrator wrote for systemd keep their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Start, stop, signal and otherwise change units.
    ManageUnits,
    /// Enable, disable and mask unit files.
    ManageUnitFiles,
    /// Change the environment that programs start from.
    SetEnvironment,
    /// Read unit files again, replace the manager.
    ReloadDaemon,
}

impl Action {
    /// The last part of its name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Action::ManageUnits => "manage-units",
            Action::ManageUnitFiles => "manage-unit-files",
            Action::SetEnvironment => "set-environment",
            Action::ReloadDaemon => "reload-daemon",
        }
    }

    /// Whether who is permitted this may ask `request`.
    fn covers(self, request: &Request) -> bool {
        match action(request) {
            Some(needed) if needed == self => true,
            // Who sets a property has the files read again by that: one question is enough.
            Some(Action::ReloadDaemon) => self == Action::ManageUnits,
            _ => false,
        }
    }
}

/// What somebody who may not ask `request` by standing would have to be permitted; `None` where
/// nobody can be.
#[must_use]
pub fn action(request: &Request) -> Option<Action> {
    match request {
        Request::Command(
            Command::Submit { .. }
            | Command::StartTransient { .. }
            | Command::CancelJob { .. }
            | Command::CancelAllJobs
            | Command::Kill { .. }
            | Command::ResetFailed { .. }
            | Command::Abandon { .. }
            | Command::Hold { .. },
        )
        | Request::StartTransient { .. }
        | Request::Clean { .. }
        | Request::Freeze { .. }
        | Request::Install(Order::Set { .. }) => Some(Action::ManageUnits),
        Request::Install(_) => Some(Action::ManageUnitFiles),
        Request::Command(Command::SetEnvironment { .. }) => Some(Action::SetEnvironment),
        Request::Command(Command::Reload { .. }) | Request::Reexec => Some(Action::ReloadDaemon),
        // What is supervisord's, what ends everything, and what shows more than states.
        _ => None,
    }
}

/// Whether `caller` may ask `request`, having been `permitted` something by the system's authority.
///
/// # Errors
/// As [`may`].
pub fn may_with(
    caller: &Caller,
    request: &Request,
    policy: &Policy,
    permitted: Option<Action>,
) -> Result<(), Refusal> {
    match permitted {
        Some(permitted) if permitted.covers(request) => Ok(()),
        _ => may(caller, request, policy),
    }
}

/// Whether `caller` may ask `request`.
///
/// # Errors
/// [`Refusal::AccessDenied`] with a sentence that says who could.
pub fn may(caller: &Caller, request: &Request, policy: &Policy) -> Result<(), Refusal> {
    let required = required(request);
    if standing(caller, policy) >= required {
        return Ok(());
    }
    Err(Refusal::AccessDenied(format!(
        "uid {} may not do this, only {} may",
        caller.uid,
        match (required, policy.admin_gid) {
            (Standing::Administrator, Some(_)) =>
                format!("root, uid {} and the group runner-admin", policy.own_uid),
            _ if policy.own_uid == 0 => "root".to_owned(),
            _ => format!("root and uid {}", policy.own_uid),
        }
    )))
}

#[cfg(test)]
mod tests {
    use engine::command::{Verb, Whom};
    use engine::job::{JobId, JobMode};
    use units::UnitName;
    use units::value::{LogLevel, Signal};

    use super::*;
    use crate::{Descriptors, Direction, LogName, LogRange, LogSource, OwnLogTarget, Selection};

    fn caller(uid: u32, gid: u32, groups: &[u32]) -> Caller {
        Caller {
            uid,
            gid: Some(gid),
            groups: groups.to_vec(),
            pid: Some(7),
            via: Via::Private,
        }
    }

    /// Every request there is, with the least standing it takes.
    fn requests() -> Vec<(Request, Standing)> {
        let unit = UnitName::parse("a.service").unwrap();
        let submit = |verb| {
            Request::Command(Command::Submit {
                unit: UnitName::parse("a.service").unwrap(),
                verb,
                mode: JobMode::Replace,
                token: None,
            })
        };
        let signal = Signal::parse("SIGTERM").unwrap();
        let service = unit.clone();
        let mut table = vec![
            (Request::Units(Selection::default()), Standing::Observer),
            (Request::Unit(unit.clone()), Standing::Observer),
            (Request::Usage(unit.clone()), Standing::Administrator),
            (Request::UnitOf { pid: 1 }, Standing::Observer),
            (Request::Jobs, Standing::Observer),
            (
                Request::Logs {
                    units: vec![unit.clone()],
                    lines: 1,
                    follow: false,
                },
                Standing::Administrator,
            ),
            (Request::Cat(unit.clone()), Standing::Administrator),
            (
                Request::Dependencies {
                    unit: unit.clone(),
                    direction: Direction::Requirements,
                },
                Standing::Observer,
            ),
            (Request::Sockets, Standing::Observer),
            (Request::Manager, Standing::Observer),
            (Request::Reexec, Standing::Administrator),
            (
                Request::Command(Command::AwaitJob { job: JobId(1) }),
                Standing::Observer,
            ),
            (
                Request::Command(Command::Hold { unit: unit.clone() }),
                Standing::Administrator,
            ),
            (
                Request::Command(Command::CancelJob { job: JobId(1) }),
                Standing::Administrator,
            ),
            (
                Request::Command(Command::Kill {
                    unit,
                    whom: Whom::All,
                    signal,
                }),
                Standing::Administrator,
            ),
            (
                Request::Command(Command::ResetFailed { unit: None }),
                Standing::Administrator,
            ),
            (
                Request::Command(Command::Reload { keep_going: false }),
                Standing::Administrator,
            ),
            (
                Request::Command(Command::Shutdown { status: 0 }),
                Standing::Owner,
            ),
            (Request::Command(Command::RestartAll), Standing::Owner),
            (
                Request::Command(Command::ServiceWatchdogs(false)),
                Standing::Owner,
            ),
            (
                Request::Command(Command::SetEnvironment {
                    unset: Vec::new(),
                    set: Vec::new(),
                }),
                Standing::Owner,
            ),
            (
                Request::StartTransient {
                    units: Vec::new(),
                    mode: JobMode::Fail,
                    stdio: Descriptors::default(),
                },
                Standing::Owner,
            ),
            (
                Request::Command(Command::StartTransient {
                    units: Vec::new(),
                    mode: JobMode::Fail,
                    token: None,
                }),
                Standing::Owner,
            ),
            (
                Request::Command(Command::CancelAllJobs),
                Standing::Administrator,
            ),
            (
                Request::Command(Command::AwaitEnd {
                    unit: service.clone(),
                }),
                Standing::Observer,
            ),
            (Request::Command(Command::Stage), Standing::Administrator),
            (
                Request::Command(Command::AddGroup {
                    group: "a".to_owned(),
                }),
                Standing::Administrator,
            ),
            (
                Request::Command(Command::RemoveGroup {
                    group: "a".to_owned(),
                }),
                Standing::Administrator,
            ),
            (Request::Processes(None), Standing::Observer),
            (Request::Sets, Standing::Administrator),
            (Request::Preview, Standing::Administrator),
            (Request::Why(service.clone()), Standing::Administrator),
            (Request::UnitFiles, Standing::Observer),
            (
                Request::UnitFileState(UnitName::parse("a.service").unwrap()),
                Standing::Observer,
            ),
            (
                Request::KnownUnitFile(UnitName::parse("a.service").unwrap()),
                Standing::Observer,
            ),
            (
                Request::FilesChanged(UnitName::parse("a.service").unwrap()),
                Standing::Observer,
            ),
            (
                Request::Install(Order::Revert { units: Vec::new() }),
                Standing::Administrator,
            ),
            (
                Request::Install(Order::Set {
                    unit: UnitName::parse("a.service").unwrap(),
                    settings: Vec::new(),
                    runtime: false,
                }),
                Standing::Owner,
            ),
            (Request::Program(service.clone()), Standing::Administrator),
            (
                Request::Deliver {
                    unit: service.clone(),
                    number: 1,
                    bytes: Vec::new(),
                },
                Standing::Administrator,
            ),
            (
                Request::Input {
                    unit: service.clone(),
                    bytes: Vec::new(),
                },
                Standing::Administrator,
            ),
            (
                Request::LogText {
                    log: LogName::Main,
                    range: LogRange::Tail {
                        offset: 0,
                        length: 1,
                    },
                },
                Standing::Administrator,
            ),
            (
                Request::LogFollow {
                    log: LogName::Main,
                    last: 1,
                },
                Standing::Administrator,
            ),
            (
                Request::LogClear(vec![LogName::Main]),
                Standing::Administrator,
            ),
            (Request::LogReopen, Standing::Administrator),
            (
                Request::Tap {
                    unit: service.clone(),
                    source: LogSource::Out,
                    from: None,
                },
                Standing::Administrator,
            ),
            (Request::Drain(service), Standing::Administrator),
            (Request::Happened { after: 0 }, Standing::Administrator),
            (
                Request::Note {
                    records: Vec::new(),
                    seen: 0,
                },
                Standing::Administrator,
            ),
            (Request::Recall, Standing::Administrator),
            (
                Request::UnitFileLinks {
                    unit: UnitName::parse("a.service").unwrap(),
                    runtime: false,
                },
                Standing::Observer,
            ),
            (Request::LogLevel(LogLevel::Debug), Standing::Administrator),
            (
                Request::LogTarget(OwnLogTarget::Console),
                Standing::Administrator,
            ),
            (
                Request::Clean {
                    unit: UnitName::parse("a.service").unwrap(),
                    what: Vec::new(),
                },
                Standing::Administrator,
            ),
            (
                Request::Freeze {
                    unit: UnitName::parse("a.service").unwrap(),
                    frozen: true,
                },
                Standing::Administrator,
            ),
            (
                Request::Install(Order::Link {
                    paths: vec!["/opt/a.service".to_owned()],
                    how: units::install::How::default(),
                }),
                Standing::Owner,
            ),
            (
                Request::Install(Order::Default {
                    unit: UnitName::parse("a.target").unwrap(),
                    force: true,
                }),
                Standing::Administrator,
            ),
        ];
        for verb in [
            Verb::Start,
            Verb::Stop,
            Verb::Restart,
            Verb::TryRestart,
            Verb::Reload,
            Verb::ReloadOrRestart,
            Verb::TryReloadOrRestart,
        ] {
            table.push((submit(verb), Standing::Administrator));
        }
        table
    }

    #[test]
    fn the_authority_permits_what_an_observer_may_not() {
        let policy = Policy {
            own_uid: 0,
            admin_gid: None,
        };
        let nobody = caller(65534, 65534, &[]);
        let actions = [
            Action::ManageUnits,
            Action::ManageUnitFiles,
            Action::SetEnvironment,
            Action::ReloadDaemon,
        ];
        for (request, least) in requests() {
            let needed = action(&request);
            assert!(
                needed.is_none() || least > Standing::Observer,
                "{request:?} is for everybody"
            );
            assert!(
                may_with(&nobody, &request, &policy, None).is_err() == (least > Standing::Observer)
            );
            for permitted in actions {
                let may = may_with(&nobody, &request, &policy, Some(permitted)).is_ok();
                let is_part =
                    (permitted, needed) == (Action::ManageUnits, Some(Action::ReloadDaemon));
                let expected = least == Standing::Observer || needed == Some(permitted) || is_part;
                assert_eq!(may, expected, "{permitted:?} for {request:?}");
            }
        }
        // Nobody is permitted to end everything, or to read what programs say.
        let shutdown = Request::Command(Command::Shutdown { status: 0 });
        assert_eq!(action(&shutdown), None);
        let unit = UnitName::parse("a.service").unwrap();
        assert_eq!(action(&Request::Cat(unit)), None);
    }

    #[test]
    fn every_caller_on_every_request() {
        let policies = [
            Policy {
                own_uid: 0,
                admin_gid: Some(50),
            },
            Policy {
                own_uid: 0,
                admin_gid: None,
            },
            Policy {
                own_uid: 1000,
                admin_gid: Some(50),
            },
            Policy {
                own_uid: 1000,
                admin_gid: None,
            },
        ];
        for policy in policies {
            let admin = match policy.admin_gid {
                Some(_) => Standing::Administrator,
                None => Standing::Observer,
            };
            let callers = [
                (caller(0, 0, &[]), Standing::Owner),
                (caller(policy.own_uid, 77, &[]), Standing::Owner),
                (caller(2000, 50, &[]), admin),
                (caller(2000, 77, &[50]), admin),
                (caller(2000, 77, &[51, 0]), Standing::Observer),
                // Group 0 is not root.
                (caller(2000, 0, &[]), Standing::Observer),
                (
                    Caller {
                        via: Via::HttpUnix,
                        ..caller(2000, 77, &[])
                    },
                    Standing::Owner,
                ),
                (
                    Caller {
                        gid: None,
                        ..caller(2000, 0, &[])
                    },
                    Standing::Observer,
                ),
            ];
            for (caller, expected) in callers {
                assert_eq!(
                    standing(&caller, &policy),
                    expected,
                    "{caller} under {policy:?}"
                );
                for (request, least) in requests() {
                    let verdict = may(&caller, &request, &policy);
                    assert_eq!(
                        verdict.is_ok(),
                        expected >= least,
                        "{caller} asks {request:?} under {policy:?}"
                    );
                    if let Err(refusal) = verdict {
                        assert!(matches!(refusal, Refusal::AccessDenied(_)));
                    }
                }
            }
        }
    }
}
