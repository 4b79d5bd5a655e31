//! The engine's idea of time: numbers handed in by the caller, never read here.

use serde::{Deserialize, Serialize};

/// Microseconds on the monotonic clock (`CLOCK_MONOTONIC`). All deadlines are in it: a wall clock
/// that jumps changes nothing.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Monotonic(pub u64);

/// Microseconds since the epoch (`CLOCK_REALTIME`): displayed, and what calendars are about.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Realtime(pub u64);

/// The two clocks, read once by the caller for each turn of its loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Now {
    /// For every deadline and duration.
    pub monotonic: Monotonic,
    /// For display, and for calendars.
    pub realtime: Realtime,
}

impl Monotonic {
    /// This instant plus `span` microseconds, saturating; an infinite span gives `None`.
    #[must_use]
    pub fn after(self, span: u64) -> Option<Monotonic> {
        (span != u64::MAX).then(|| Monotonic(self.0.saturating_add(span)))
    }
}
