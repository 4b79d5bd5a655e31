//! When a timer elapses: the moments that its definition names, and where on the machine's own beats
//! each comes to lie.

use units::Definition;
use units::civil::TimeZone;
use units::value::{Span, TimerBase};

use super::TimerUnit;
use crate::clock::{Monotonic, Now};

/// What a timer has to know of the world.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a> {
    /// Where local time is.
    pub(crate) zone: &'a TimeZone,
    /// A number that is another one on each machine.
    pub(crate) host: u64,
    /// When the machine was booted.
    pub(crate) booted: Monotonic,
    /// When the first manager began.
    pub(crate) begun: Monotonic,
    /// The unit it starts.
    pub(crate) unit: Triggered,
}

/// The unit that a timer starts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Triggered {
    /// It is down, and no job will change that.
    pub(crate) at_rest: bool,
    /// When it last began to start.
    pub(crate) inactive_exit: Option<Now>,
    /// When it was last down.
    pub(crate) inactive_enter: Option<Now>,
}

/// One of the moments a definition names, and when it comes next if it still does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Moment<'a> {
    /// Counted from something that happened, on the monotonic clock.
    Since(TimerBase, Span, Option<u64>),
    /// Of the calendar, in real time.
    Calendar(&'a units::value::CalendarSpec, Option<u64>),
}

/// Every moment that `definition` names, for a timer in this state.
pub(crate) fn moments<'a>(
    definition: &'a Definition,
    state: &TimerUnit,
    around: &Around<'_>,
    now: Now,
) -> Vec<Moment<'a>> {
    let last = state.last.map(|last| last.monotonic.0);
    let after = |at: Option<Now>| {
        let at = at.map(|at| at.monotonic.0);
        at.max(last).filter(|base| *base > 0)
    };
    let spans = definition.timer_spans().map(|(base, span)| {
        let from = match base {
            TimerBase::Active => Some(state.since.monotonic.0),
            TimerBase::Boot => Some(around.booted.0),
            TimerBase::Startup => Some(around.begun.0),
            TimerBase::UnitActive => after(around.unit.inactive_exit),
            TimerBase::UnitInactive => after(around.unit.inactive_enter),
        };
        let over = state.spent.contains(&(base, span));
        let next = from.filter(|_| !over);
        Moment::Since(
            base,
            span,
            next.map(|from| from.saturating_add(span.as_micros())),
        )
    });
    let calendars = definition.on_calendar().iter().map(|spec| {
        let ended = around.unit.inactive_enter;
        let ended = ended.filter(|_| definition.defer_reactivation());
        let from = state.last.max_by_realtime(ended).unwrap_or(state.since);
        // A clock that was set back must not put off what comes before it is there again.
        let from = from.realtime.0.min(now.realtime.0);
        // What was missed before we began elapses as of then, so that a random delay spreads it.
        let running = now.monotonic.0.saturating_sub(around.begun.0);
        let begun = now.realtime.0.saturating_sub(running);
        let next = spec.next_after(from, around.zone);
        Moment::Calendar(spec, next.map(|next| next.max(begun)))
    });
    spans.chain(calendars).collect()
}

/// The later one of two moments in real time.
trait Later {
    fn max_by_realtime(self, other: Option<Now>) -> Option<Now>;
}

impl Later for Option<Now> {
    fn max_by_realtime(self, other: Option<Now>) -> Option<Now> {
        [self, other]
            .into_iter()
            .flatten()
            .max_by_key(|at| at.realtime.0)
    }
}

/// The moment at which what is due at `at` happens: the latest of the machine's own beats that is
/// not more than `accuracy` later, the slowest beat first, as systemd has them. Timers of one machine
/// so elapse together, and those of several machines do not.
pub(super) fn coalesce(at: u64, accuracy: u64, host: u64) -> u64 {
    const MINUTE: u64 = 60_000_000;
    let latest = at.saturating_add(accuracy);
    if latest == u64::MAX {
        return at;
    }
    for beat in [MINUTE, 10_000_000, 1_000_000, 250_000] {
        let shift = host % beat;
        let Some(beats) = latest.checked_sub(shift).map(|span| span / beat) else {
            continue;
        };
        let point = beats * beat + shift;
        if point >= at {
            return point;
        }
    }
    latest
}

/// A number made of both, the same each time, that looks like chance (FNV-1a, then mixed).
pub(super) fn scatter(host: u64, name: &str) -> u64 {
    let mut bits = host ^ 0xcbf2_9ce4_8422_2325;
    for byte in name.bytes() {
        bits = (bits ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits ^ bits >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_never_early_and_not_later_than_allowed() {
        for host in [0, 1, 17_000_003, u64::MAX] {
            for at in [0, 1, 59_999_999, 60_000_000, 1_700_000_000_123_456] {
                for accuracy in [0, 1, 1_000, 250_000, 60_000_000, 3_600_000_000] {
                    let found = coalesce(at, accuracy, host);
                    assert!(
                        (at..=at + accuracy).contains(&found),
                        "{at} {accuracy} {host}"
                    );
                }
            }
        }
    }

    #[test]
    fn timers_of_one_machine_meet() {
        let minute = 60_000_000;
        let at = |moment| coalesce(moment, minute, 7_000_000);
        assert_eq!(at(1), at(6_999_999));
        assert_eq!(at(7_000_001), 67_000_000);
        assert_eq!(at(66_000_000), 67_000_000);
        assert_ne!(at(1), coalesce(1, minute, 8_000_000));
    }

    #[test]
    fn delays_differ_by_name_and_machine() {
        let number = scatter(1, "a.timer");
        assert_eq!(number, scatter(1, "a.timer"));
        assert_ne!(number, scatter(1, "b.timer"));
        assert_ne!(number, scatter(2, "a.timer"));
    }
}
