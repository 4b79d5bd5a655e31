//! Whether and when a service comes back by itself.

use units::Definition;
use units::value::{Restart, Span};

use super::{Ended, Phase, Run};
use crate::action::{Level, MessageId};
use crate::machine::{Closing, Wish};
use crate::timer::Timer;
use crate::view::systemd::UnitResult;

/// The table of systemd.service(5), `Restart=`: which results each policy answers with a restart.
const POLICY: &[(Restart, &[UnitResult])] = {
    use UnitResult as R;
    &[
        (Restart::No, &[]),
        (
            Restart::Always,
            &[
                R::Success,
                R::ExitCode,
                R::Signal,
                R::CoreDump,
                R::Timeout,
                R::Watchdog,
                R::Protocol,
                R::Resources,
            ],
        ),
        (Restart::OnSuccess, &[R::Success]),
        (
            Restart::OnFailure,
            &[
                R::ExitCode,
                R::Signal,
                R::CoreDump,
                R::Timeout,
                R::Watchdog,
                R::Protocol,
                R::Resources,
            ],
        ),
        (
            Restart::OnAbnormal,
            &[
                R::Signal,
                R::CoreDump,
                R::Timeout,
                R::Watchdog,
                R::Protocol,
                R::Resources,
            ],
        ),
        (Restart::OnAbort, &[R::Signal, R::CoreDump]),
        (Restart::OnWatchdog, &[R::Watchdog]),
    ]
};

/// Whether this policy answers this result with a restart.
pub(crate) fn policy_restarts(policy: Restart, result: UnitResult) -> bool {
    POLICY
        .iter()
        .any(|(row, results)| *row == policy && results.contains(&result))
}

/// The wait before the next restart, `done` of them having been tried: from `restart-sec` to
/// `restart-max-delay-sec` in `restart-steps` geometric steps, as systemd 254.
pub(crate) fn delay(definition: &Definition, done: u32) -> Span {
    let first = definition.restart_sec();
    let longest = definition.restart_max_delay_sec();
    let steps = definition.restart_steps();
    if done == 0 || steps == 0 || first.is_zero() || longest.is_infinite() || first >= longest {
        return first;
    }
    if done >= steps {
        return longest;
    }
    let ratio = longest.as_micros() as f64 / first.as_micros() as f64;
    let grown = first.as_micros() as f64 * ratio.powf(f64::from(done) / f64::from(steps));
    // To the millisecond: what people read in the log is not finer than that.
    Span::from_micros((grown / 1_000.0).round() as u64 * 1_000)
        .max(first)
        .min(longest)
}

impl Run<'_> {
    pub(super) fn shall_restart(&self) -> bool {
        !self.s.forbid_restart
            && self.cx.closing == Closing::No
            && policy_restarts(self.cx.definition.restart(), self.s.result)
    }

    pub(super) fn enter_auto_restart(&mut self) {
        let span = delay(self.cx.definition, self.s.restarts);
        self.cx.log(
            Level::Info,
            MessageId::Restarting,
            format!("starting again in {span}"),
        );
        if span.is_zero() {
            self.go(Phase::AutoRestart { timer: None }, "auto-restart");
            return self.restart_due();
        }
        // An infinite delay would be a unit that waits for nothing.
        let ticket = self.cx.mint.ticket();
        let at = crate::clock::Monotonic(self.cx.now.monotonic.0.saturating_add(span.as_micros()));
        self.cx.actions.push(crate::Action::SetTimer { ticket, at });
        let timer = Some(Timer { ticket, at });
        self.go(Phase::AutoRestart { timer }, "auto-restart");
    }

    /// The delay is over.
    pub(super) fn restart_due(&mut self) {
        self.s.restarts += 1;
        // It fired: there is nothing to take back.
        self.s.phase.set_timer(None);
        self.cx.wishes.push(Wish::Restart);
    }

    /// The restart job came to nothing: nobody will take the service out of this state.
    pub(super) fn restart_dropped(&mut self, result: UnitResult) {
        if !matches!(self.s.phase, Phase::AutoRestart { timer: None }) {
            return;
        }
        self.fail(result);
        self.s.flush_restarts = true;
        let phase = match self.s.result {
            UnitResult::Success => Phase::Dead {
                ended: Ended::ByItself,
            },
            _ => Phase::Failed { on_request: false },
        };
        self.release_and_go(phase, "the restart was given up");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_has_a_row() {
        for policy in Restart::ALL {
            assert_eq!(
                POLICY.iter().filter(|(row, _)| row == policy).count(),
                1,
                "{policy}"
            );
        }
    }

    /// The table as systemd.service(5) prints it.
    #[test]
    fn the_matrix_of_the_manual() {
        use UnitResult as R;
        let columns = [
            "no",
            "always",
            "on-success",
            "on-failure",
            "on-abnormal",
            "on-abort",
            "on-watchdog",
        ];
        let rows: [(R, &str); 8] = [
            (R::Success, ". X X . . . ."),
            (R::ExitCode, ". X . X . . ."),
            (R::Signal, ". X . X X X ."),
            (R::CoreDump, ". X . X X X ."),
            (R::Timeout, ". X . X X . ."),
            (R::Watchdog, ". X . X X . X"),
            (R::Protocol, ". X . X X . ."),
            (R::Resources, ". X . X X . ."),
        ];
        for (result, cells) in rows {
            for (column, cell) in columns.iter().zip(cells.split(' ')) {
                let policy = Restart::from_word(column).expect("a policy");
                assert_eq!(
                    policy_restarts(policy, result),
                    cell == "X",
                    "{column} {result:?}"
                );
            }
        }
    }

    #[test]
    fn limits_are_never_answered_by_a_restart() {
        use UnitResult as R;
        for policy in Restart::ALL {
            for result in [
                R::StartLimitHit,
                R::ServiceStartLimitHit,
                R::TriggerLimitHit,
            ] {
                assert!(!policy_restarts(*policy, result));
            }
        }
    }
}
