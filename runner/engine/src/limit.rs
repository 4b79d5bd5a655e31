//! How often something may happen: `start-limit-*` and `trigger-limit-*`.

use serde::{Deserialize, Serialize};
use units::value::Span;

use crate::clock::Monotonic;

/// Counts within a window that begins with the first event (as systemd's rate limits).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Limit {
    begin: Monotonic,
    count: u32,
}

impl Limit {
    /// Counts one more; false if that is too many. A zero interval or burst is no limit.
    pub(crate) fn admits(&mut self, now: Monotonic, interval: Span, burst: u32) -> bool {
        if interval.is_zero() || burst == 0 {
            return true;
        }
        let over = self
            .begin
            .after(interval.as_micros())
            .is_some_and(|end| now > end);
        if self.count == 0 || over {
            *self = Limit {
                begin: now,
                count: 1,
            };
            return true;
        }
        if self.count < burst {
            self.count += 1;
            return true;
        }
        false
    }

    /// When the window that is being counted in is over.
    pub(crate) fn end(&self, interval: Span) -> Monotonic {
        // The window ends after this microsecond.
        let after = interval.as_micros().saturating_add(1);
        Monotonic(self.begin.0.saturating_add(after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_no_more() {
        let mut limit = Limit::default();
        let (interval, at) = (Span::from_secs(10), |seconds: u64| {
            Monotonic(seconds * 1_000_000 + 1)
        });
        for _ in 0..5 {
            assert!(limit.admits(at(0), interval, 5));
        }
        assert!(!limit.admits(at(0), interval, 5));
        assert!(!limit.admits(at(10), interval, 5), "the window is not over");
        let mut other = limit;
        assert!(other.admits(limit.end(interval), interval, 5));
        assert!(limit.admits(at(11), interval, 5));
    }

    #[test]
    fn zero_is_no_limit() {
        let mut limit = Limit::default();
        for _ in 0..100 {
            assert!(limit.admits(Monotonic(1), Span::ZERO, 1));
            assert!(limit.admits(Monotonic(1), Span::from_secs(1), 0));
        }
    }
}
