//! The algebra of jobs, as tables (systemd's `job.c`): what two jobs for one unit make together,
//! and what a job comes down to in the state its unit is in.

use super::JobKind;
use crate::view::systemd::ActiveState;

/// The job that does what both do; `None` if they contradict each other.
///
/// Commutative, associative where defined, and idempotent. `Stop` merges with itself only;
/// the conditional kinds are collapsed before and never get here.
pub(crate) fn merged(a: JobKind, b: JobKind) -> Option<JobKind> {
    use JobKind::{
        Nop, Reload, ReloadOrStart, Restart, Start, Stop, TryReload, TryRestart, VerifyActive,
    };
    let (a, b) = if a <= b { (a, b) } else { (b, a) };
    Some(match (a, b) {
        (same, other) if same == other => same,
        (other, Nop) => other,
        (Start, VerifyActive) => Start,
        (Start | VerifyActive | Reload | ReloadOrStart, Restart) => Restart,
        (Start | VerifyActive | Reload, ReloadOrStart) => ReloadOrStart,
        (Start, Reload) => ReloadOrStart,
        (VerifyActive, Reload) => Reload,
        (Stop, _) | (_, Stop | TryRestart | TryReload) | (TryRestart | TryReload, _) => {
            return None;
        }
        _ => return None,
    })
}

/// Whether one of them has to go.
pub(crate) fn conflicting(a: JobKind, b: JobKind) -> bool {
    merged(a, b).is_none()
}

/// Whether a running `a` does all that `b` would.
pub(crate) fn covers(a: JobKind, b: JobKind) -> bool {
    merged(a, b) == Some(a)
}

/// What the conditional kinds come down to.
pub(crate) fn collapsed(kind: JobKind, state: ActiveState) -> JobKind {
    let up = matches!(state, ActiveState::Active | ActiveState::Reloading);
    let coming = up || state == ActiveState::Activating;
    match kind {
        JobKind::TryRestart if coming => JobKind::Restart,
        JobKind::TryReload if up => JobKind::Reload,
        JobKind::TryRestart | JobKind::TryReload => JobKind::Nop,
        JobKind::ReloadOrStart if coming => JobKind::Reload,
        JobKind::ReloadOrStart => JobKind::Start,
        JobKind::Start
        | JobKind::VerifyActive
        | JobKind::Stop
        | JobKind::Reload
        | JobKind::Restart
        | JobKind::Nop => kind,
    }
}

/// Whether there is nothing to do.
pub(crate) fn redundant(kind: JobKind, state: ActiveState) -> bool {
    let up = matches!(state, ActiveState::Active | ActiveState::Reloading);
    let down = state.is_down();
    match kind {
        JobKind::Start | JobKind::VerifyActive => up,
        JobKind::Stop => down,
        JobKind::Nop => true,
        JobKind::Reload
        | JobKind::ReloadOrStart
        | JobKind::Restart
        | JobKind::TryRestart
        | JobKind::TryReload => false,
    }
}

/// Whether jobs for two units, the first of which is ordered before the second, run in that
/// order. What stops goes first, whatever the direction.
pub(crate) fn first_goes_first(second: JobKind) -> bool {
    !matches!(
        second,
        JobKind::Stop | JobKind::Restart | JobKind::TryRestart
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [JobKind; 9] = [
        JobKind::Start,
        JobKind::VerifyActive,
        JobKind::Stop,
        JobKind::Reload,
        JobKind::ReloadOrStart,
        JobKind::Restart,
        JobKind::TryRestart,
        JobKind::TryReload,
        JobKind::Nop,
    ];
    const STATES: [ActiveState; 6] = [
        ActiveState::Active,
        ActiveState::Reloading,
        ActiveState::Inactive,
        ActiveState::Failed,
        ActiveState::Activating,
        ActiveState::Deactivating,
    ];

    #[test]
    fn commutative_and_idempotent() {
        for a in ALL {
            assert_eq!(merged(a, a), Some(a));
            for b in ALL {
                assert_eq!(merged(a, b), merged(b, a), "{a:?} {b:?}");
                if let Some(m) = merged(a, b) {
                    assert!(covers(m, a) && covers(m, b), "{a:?} {b:?} -> {m:?}");
                }
            }
        }
    }

    #[test]
    fn associative() {
        for a in ALL {
            for b in ALL {
                for c in ALL {
                    let left = merged(a, b).and_then(|m| merged(m, c));
                    let right = merged(b, c).and_then(|m| merged(a, m));
                    assert_eq!(left, right, "{a:?} {b:?} {c:?}");
                }
            }
        }
    }

    #[test]
    fn a_stop_agrees_with_nothing_else() {
        for kind in ALL {
            let alone = matches!(kind, JobKind::Stop | JobKind::Nop);
            assert_eq!(!conflicting(JobKind::Stop, kind), alone, "{kind:?}");
        }
    }

    #[test]
    fn the_table_of_systemd() {
        use JobKind::{Reload, ReloadOrStart, Restart, Start, VerifyActive};
        for (a, b, expected) in [
            (Start, VerifyActive, Start),
            (Start, Reload, ReloadOrStart),
            (Start, Restart, Restart),
            (VerifyActive, Reload, Reload),
            (VerifyActive, Restart, Restart),
            (Reload, Restart, Restart),
        ] {
            assert_eq!(merged(a, b), Some(expected), "{a:?} {b:?}");
        }
    }

    #[test]
    fn collapsing_leaves_nothing_conditional() {
        for kind in ALL {
            for state in STATES {
                let plain = collapsed(kind, state);
                assert!(!matches!(
                    plain,
                    JobKind::TryRestart | JobKind::TryReload | JobKind::ReloadOrStart
                ));
                assert_eq!(collapsed(plain, state), plain);
            }
        }
    }
}
