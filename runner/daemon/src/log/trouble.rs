//! How a sink is: it takes lines, or it has not for a while, or it is given up for now.

use std::io;
use std::time::{Duration, Instant};

use super::PATIENCE;

/// How often a sink that cannot tell when it is ready is tried while its services wait.
pub(super) const RETRY: Duration = Duration::from_millis(50);
/// How often a sink that was given up is tried, when there is something to say. What cannot be
/// written costs a few system calls each time; every line until the next try may be a lost one.
pub(super) const REVIVE: Duration = Duration::from_millis(100);

/// How a sink is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Health {
    /// It takes lines.
    #[default]
    Well,
    /// It takes none since `since`; its services wait.
    Stuck { since: Instant, next: Instant },
    /// It was given up; it is tried again at `next`. Whether its trouble is of a kind that passes
    /// is in `passes`: then lines are worth keeping for it where that costs nobody anything.
    Down { next: Instant, passes: bool },
}

/// What to do with lines for a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advice {
    /// Offer them.
    Try,
    /// Keep them.
    Wait,
    /// Let them pass it by.
    Skip,
}

impl Health {
    /// What to do now.
    pub(super) fn advice(&self, now: Instant) -> Advice {
        match self {
            Health::Well => Advice::Try,
            Health::Stuck { next, .. } | Health::Down { next, .. } if now >= *next => Advice::Try,
            Health::Stuck { .. } => Advice::Wait,
            Health::Down { .. } => Advice::Skip,
        }
    }

    /// It takes lines, as far as we know.
    pub(super) fn is_well(&self) -> bool {
        matches!(self, Health::Well)
    }

    /// It took something.
    pub(super) fn took(&mut self) {
        *self = Health::Well;
    }

    /// It took nothing. Says what to do instead, and whether it was given up just now.
    pub(super) fn refused(&mut self, now: Instant) -> (Advice, bool) {
        self.refused_as(true, now)
    }

    /// The same for what is given up for as long as it likes, unless the trouble `passes`.
    pub(super) fn refused_as(&mut self, passes: bool, now: Instant) -> (Advice, bool) {
        match *self {
            Health::Well => {
                *self = Health::Stuck {
                    since: now,
                    next: now + RETRY,
                };
                (Advice::Wait, false)
            }
            Health::Stuck { since, .. } if now < since + PATIENCE => {
                *self = Health::Stuck {
                    since,
                    next: now + RETRY,
                };
                (Advice::Wait, false)
            }
            Health::Stuck { .. } => {
                *self = Health::down(now, passes);
                (Advice::Skip, true)
            }
            Health::Down { .. } => {
                *self = Health::down(now, passes);
                (Advice::Skip, false)
            }
        }
    }

    /// It may take something again: it is worth a try before its time.
    pub(super) fn stirred(&mut self, now: Instant) {
        match self {
            Health::Well => {}
            Health::Stuck { next, .. } | Health::Down { next, .. } => *next = now,
        }
    }

    /// It took nothing and will take nothing soon. Says whether it was not given up before.
    pub(super) fn give_up(&mut self, now: Instant) -> bool {
        let before = matches!(self, Health::Down { .. });
        *self = Health::down(now, false);
        !before
    }

    fn down(now: Instant, passes: bool) -> Health {
        let next = now + REVIVE;
        Health::Down { next, passes }
    }

    /// It was given up, but what is wrong with it may pass.
    pub(super) fn may_recover(&self) -> bool {
        matches!(self, Health::Down { passes: true, .. })
    }
}

/// What to do after an error of a sink: wait for what passes, such as a full disk; give up at once
/// on what does not, such as a missing directory. Says also whether it was given up just now.
pub(super) fn refuse(health: &mut Health, error: &io::Error, now: Instant) -> (Advice, bool) {
    let passes = matches!(
        error.raw_os_error(),
        Some(
            libc::EAGAIN
                | libc::ENOSPC
                | libc::EDQUOT
                | libc::ENOMEM
                | libc::EMFILE
                | libc::ENFILE
                | libc::EIO
        )
    ) || error.kind() == io::ErrorKind::WouldBlock;
    if passes {
        health.refused(now)
    } else {
        (Advice::Skip, health.give_up(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_then_gives_up_then_recovers() {
        let start = Instant::now();
        let mut health = Health::default();
        assert_eq!(health.advice(start), Advice::Try);
        assert_eq!(health.refused(start), (Advice::Wait, false));
        assert_eq!(health.advice(start), Advice::Wait);
        assert_eq!(health.advice(start + RETRY), Advice::Try);
        assert_eq!(health.refused(start + RETRY), (Advice::Wait, false));
        assert_eq!(health.refused(start + PATIENCE), (Advice::Skip, true));
        let later = start + PATIENCE;
        assert_eq!(health.advice(later), Advice::Skip);
        assert_eq!(health.advice(later + REVIVE), Advice::Try);
        assert_eq!(health.refused(later + REVIVE), (Advice::Skip, false));
        assert!(health.may_recover());
        health.took();
        assert!(health.give_up(later) && !health.give_up(later));
        assert!(!health.may_recover());
        health.took();
        assert!(!health.may_recover());
        assert_eq!(health.advice(later), Advice::Try);
    }
}
