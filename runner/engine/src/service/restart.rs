//! Whether and when a service comes back by itself.

use units::Definition;
use units::value::{Restart, Span};

use super::process::is_listed;
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
                R::OomKill,
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
                R::OomKill,
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
                R::OomKill,
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

/// The wait before a failed start is tried again, `failed` of them in a row: each one longer by
/// `start-retry-sec`, as supervisord.
pub(crate) fn retry_delay(definition: &Definition, failed: u32) -> Span {
    let each = definition.start_retry_sec().as_micros();
    Span::from_micros(each.saturating_mul(u64::from(failed)))
}

/// What follows the end of a run by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comeback {
    No,
    /// As `restart` says.
    Restart,
    /// The start failed, and `start-retries` has one left.
    Retry,
    /// The start failed, and none is left: a moment's wait for nothing, then it has failed.
    GiveUp,
}

impl Run<'_> {
    pub(super) fn comeback(&self, may_restart: bool) -> Comeback {
        let is_stopped = self.s.forbid_restart || self.cx.stop_pending;
        let is_to_go = is_stopped && !planted!(RestartAfterStop) || self.cx.closing != Closing::No;
        if !may_restart || is_to_go || self.s.result == UnitResult::ExecCondition {
            return Comeback::No;
        }
        let definition = self.cx.definition;
        let ended = |set| {
            let status = self.s.main_exit.map(|(_, status)| status);
            status.is_some_and(|status| is_listed(set, status))
        };
        if ended(definition.restart_prevent_exit_status()) {
            return Comeback::No;
        }
        let failed_to_start = !self.s.was_ready && self.s.result != UnitResult::Success;
        match self.cx.definition.start_retries() {
            Some(retries) if failed_to_start => {
                if self.s.told_process.tries_with_this_one() <= retries {
                    Comeback::Retry
                } else {
                    Comeback::GiveUp
                }
            }
            _ if ended(definition.restart_force_exit_status()) => Comeback::Restart,
            _ if policy_restarts(self.cx.definition.restart(), self.s.result) => Comeback::Restart,
            _ => Comeback::No,
        }
    }

    /// A failed start is tried again after a while.
    pub(super) fn enter_start_retry(&mut self) {
        let span = retry_delay(self.cx.definition, self.s.told_process.tries);
        self.wait_for_restart(span);
    }

    /// All tries have failed.
    pub(super) fn give_up_starting(&mut self) {
        self.s.flush_restarts = true;
        self.go(Phase::AutoRestart { timer: None }, "auto-restart");
        self.release_and_go(
            Phase::Failed { on_request: false },
            "every start has failed",
        );
    }

    pub(super) fn enter_auto_restart(&mut self) {
        let span = delay(self.cx.definition, self.s.restarts);
        self.wait_for_restart(span);
    }

    fn wait_for_restart(&mut self, span: Span) {
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
        if matches!(self.s.phase, Phase::Dead { .. } | Phase::Failed { .. }) {
            if self.s.kept_for_restart {
                self.let_go();
            }
            return;
        }
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
        let rows: [(R, &str); 9] = [
            (R::Success, ". X X . . . ."),
            (R::ExitCode, ". X . X . . ."),
            (R::Signal, ". X . X X X ."),
            (R::CoreDump, ". X . X X X ."),
            (R::Timeout, ". X . X X . ."),
            (R::Watchdog, ". X . X X . X"),
            (R::OomKill, ". X . X X . ."),
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
    fn every_try_waits_longer() {
        let unit = |text: &str| {
            let files = [("a.toml", text)];
            let (set, _) = units::load_texts(&files, &units::Surroundings::example());
            let name = units::UnitName::parse("a.service").expect("a name");
            set.get(&name).expect("it is there").clone()
        };
        let unit =
            unit("[service]\nexec-start = '/a'\nstart-retries = 3\nstart-retry-sec = '2s'\n");
        let waits: Vec<Span> = (1..=3).map(|failed| retry_delay(&unit, failed)).collect();
        assert_eq!(waits, [2, 4, 6].map(Span::from_secs));
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
