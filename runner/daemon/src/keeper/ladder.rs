//! What to do when a manager has died: pure, so that every story can be told in a test.

use serde::{Deserialize, Serialize};

/// So many strikes within [`WINDOW`] lead one rung down.
const LIMIT: usize = 5;

/// Microseconds after which a strike is forgotten, and a manager that was ready counts as sound.
const WINDOW: u64 = 60_000_000;

/// The first pause, and the longest, in microseconds.
const FIRST_PAUSE: u64 = 24_000;
const LONGEST_PAUSE: u64 = 10_000_000;

/// With what the next manager has to do. Each rung is tried only when the one above has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Rung {
    /// As asked.
    Normal,
    /// No reload, no replay.
    Safe,
    /// The program from before the last upgrade.
    PreviousProgram,
    /// The state from before the last upgrade.
    PreviousState,
}

impl Rung {
    pub(super) const ALL: [Rung; 4] = [
        Rung::Normal,
        Rung::Safe,
        Rung::PreviousProgram,
        Rung::PreviousState,
    ];
}

/// How a manager died.
#[derive(Debug, Clone, Copy)]
pub(super) struct Death {
    /// Raw wait status.
    pub(super) status: i32,
    /// The keeper killed it because it hung.
    pub(super) shot: bool,
    /// It had asked for an upgrade.
    pub(super) asked: bool,
}

/// What there is to fall back to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FallBack {
    pub(super) program: bool,
    pub(super) state: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Start the next one after so many microseconds.
    Start(u64),
    /// The first start failed by itself: end with its exit status.
    End(u8),
    /// Nothing helps: stop everything in order.
    GiveUp,
}

/// The story so far. Times are microseconds on the monotonic clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ladder {
    pub(super) rung: Rung,
    /// Deaths that count, within the window, oldest first.
    pub(super) strikes: Vec<u64>,
    /// Deaths before ready, one after the other.
    pub(super) failed_starts: u32,
    /// Since when the living manager is ready.
    pub(super) ready_since: Option<u64>,
    /// Whether any manager was ever ready.
    pub(super) ever_ready: bool,
    /// No manager made from the present program was ready yet.
    pub(super) unproven: bool,
    /// The raw wait status of the last one, unless it was asked to go.
    pub(super) last_death: Option<i32>,
}

impl Ladder {
    pub(super) fn new() -> Ladder {
        Ladder {
            rung: Rung::Normal,
            strikes: Vec::new(),
            failed_starts: 0,
            ready_since: None,
            ever_ready: false,
            unproven: false,
            last_death: None,
        }
    }

    /// The manager is ready.
    pub(super) fn ready(&mut self, now: u64) {
        self.ready_since = Some(now);
        self.ever_ready = true;
        self.unproven = false;
        self.failed_starts = 0;
    }

    /// The manager has died.
    pub(super) fn died(&mut self, now: u64, death: Death, fall_back: FallBack) -> Verdict {
        let ready_since = self.ready_since.take();
        self.strikes.retain(|at| now.saturating_sub(*at) < WINDOW);
        if ready_since.is_some_and(|since| now.saturating_sub(since) >= WINDOW) {
            self.rung = Rung::Normal;
            self.strikes.clear();
        }
        if death.asked {
            self.last_death = None;
            self.unproven = true;
            self.rung = Rung::Normal;
            self.strikes.clear();
            return Verdict::Start(0);
        }
        self.last_death = Some(death.status);
        if !self.ever_ready && libc::WIFEXITED(death.status) {
            // The mask leaves what fits into a byte.
            return Verdict::End((libc::WEXITSTATUS(death.status) & 0xff) as u8);
        }
        if ready_since.is_none() {
            self.failed_starts = self.failed_starts.saturating_add(1);
        }
        // Somebody else's SIGKILL says nothing about the program: it only ever costs a pause,
        // unless the program is new and has shown nothing better yet.
        let kill = libc::WIFSIGNALED(death.status) && libc::WTERMSIG(death.status) == libc::SIGKILL;
        let foreign = kill && !death.shot;
        if !foreign || self.unproven {
            self.strikes.push(now);
        }
        let hopeless = self.unproven && !foreign && fall_back.program;
        if hopeless || self.strikes.len() >= LIMIT {
            let next = Rung::ALL.into_iter().find(|rung| {
                *rung > self.rung
                    && match rung {
                        Rung::Normal => false,
                        Rung::Safe => !hopeless,
                        Rung::PreviousProgram => fall_back.program,
                        Rung::PreviousState => fall_back.state,
                    }
            });
            let Some(next) = next else {
                return Verdict::GiveUp;
            };
            self.rung = next;
            self.strikes.clear();
            if next == Rung::PreviousProgram {
                self.unproven = false;
                self.failed_starts = 0;
                return Verdict::Start(0);
            }
        }
        // One that was ready comes back at once, unless that has gone wrong too often already.
        let struck = if self.rung == Rung::Normal {
            0
        } else {
            self.strikes.len()
        };
        Verdict::Start(pause(
            self.failed_starts
                .max(u32::try_from(struck).unwrap_or(u32::MAX)),
        ))
    }

    /// The manager could not even be made: the machine is short of something.
    pub(super) fn not_born(&mut self) -> u64 {
        self.failed_starts = self.failed_starts.saturating_add(1);
        pause(self.failed_starts)
    }
}

/// 0, 24, 48, 96 … milliseconds.
fn pause(failures: u32) -> u64 {
    match failures {
        0 => 0,
        n => FIRST_PAUSE
            .saturating_mul(1 << (n - 1).min(16))
            .min(LONGEST_PAUSE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGV: Death = Death {
        status: libc::SIGSEGV,
        shot: false,
        asked: false,
    };
    const KILLED: Death = Death {
        status: libc::SIGKILL,
        shot: false,
        asked: false,
    };
    const SHOT: Death = Death {
        status: libc::SIGKILL,
        shot: true,
        asked: false,
    };
    const ASKED: Death = Death {
        status: 0,
        shot: false,
        asked: true,
    };
    const BOTH: FallBack = FallBack {
        program: true,
        state: true,
    };
    const NONE: FallBack = FallBack {
        program: false,
        state: false,
    };

    fn exits(code: i32) -> Death {
        Death {
            status: code << 8,
            shot: false,
            asked: false,
        }
    }

    #[test]
    fn a_first_manager_that_exits_ends_everything_and_one_that_is_killed_does_not() {
        assert_eq!(Ladder::new().died(0, exits(2), NONE), Verdict::End(2));
        let mut ladder = Ladder::new();
        assert_eq!(ladder.died(0, SEGV, NONE), Verdict::Start(24_000));
        assert_eq!(ladder.died(0, SEGV, NONE), Verdict::Start(48_000));
        assert_eq!(ladder.died(0, exits(2), NONE), Verdict::End(2));
    }

    #[test]
    fn kills_from_outside_never_lead_down() {
        let mut ladder = Ladder::new();
        for turn in 0..1_000 {
            ladder.ready(turn * 1_000);
            assert_eq!(
                ladder.died(turn * 1_000 + 500, KILLED, NONE),
                Verdict::Start(0)
            );
        }
        let mut last = 0;
        for turn in 0..1_000 {
            let Verdict::Start(pause) = ladder.died(turn, KILLED, NONE) else {
                panic!()
            };
            assert!(pause >= last && pause <= LONGEST_PAUSE);
            last = pause;
        }
        assert_eq!(last, LONGEST_PAUSE);
        assert_eq!(ladder.rung, Rung::Normal);
    }

    #[test]
    fn crashes_lead_down_rung_by_rung() {
        for death in [SEGV, SHOT, exits(101)] {
            let mut ladder = Ladder::new();
            let mut rungs = Vec::new();
            loop {
                ladder.ready(1);
                match ladder.died(2, death, BOTH) {
                    Verdict::Start(_) if rungs.last() == Some(&ladder.rung) => {}
                    Verdict::Start(_) => rungs.push(ladder.rung),
                    verdict => {
                        assert_eq!(verdict, Verdict::GiveUp);
                        break;
                    }
                }
            }
            assert_eq!(rungs, Rung::ALL);
        }
    }

    #[test]
    fn with_nothing_to_fall_back_to_it_gives_up_after_safe_mode() {
        let mut ladder = Ladder::new();
        let mut deaths = 0;
        loop {
            ladder.ready(0);
            deaths += 1;
            if ladder.died(0, SEGV, NONE) == Verdict::GiveUp {
                break;
            }
        }
        assert_eq!((deaths, ladder.rung), (2 * LIMIT, Rung::Safe));
    }

    #[test]
    fn rare_crashes_are_forgotten() {
        let mut ladder = Ladder::new();
        for minute in 0..100 {
            ladder.ready(minute * WINDOW);
            assert_eq!(
                ladder.died((minute + 1) * WINDOW - 1, SEGV, NONE),
                Verdict::Start(0)
            );
            assert_eq!(ladder.rung, Rung::Normal);
        }
    }

    #[test]
    fn a_new_program_that_cannot_start_goes_back_at_once() {
        let mut ladder = Ladder::new();
        ladder.ready(0);
        assert_eq!(ladder.died(1, ASKED, BOTH), Verdict::Start(0));
        assert_eq!(ladder.last_death, None);
        assert_eq!(ladder.died(2, KILLED, BOTH), Verdict::Start(24_000));
        assert_eq!(ladder.rung, Rung::Normal);
        assert_eq!(ladder.died(3, exits(127), BOTH), Verdict::Start(0));
        assert_eq!(ladder.rung, Rung::PreviousProgram);
        ladder.ready(4);
        assert_eq!(ladder.died(5, KILLED, NONE), Verdict::Start(0));
    }
}
