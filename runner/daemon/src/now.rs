//! The only reader of the clocks.

use engine::Now;
use engine::clock::{Monotonic, Realtime};
use nix::time::{ClockId, clock_gettime};

/// Reads both clocks.
///
/// `clock_gettime` cannot fail for these two clocks on any kernel we run on; should it, time stands
/// still at zero rather than ending the program.
#[must_use]
pub fn read() -> Now {
    Now {
        monotonic: Monotonic(micros(ClockId::CLOCK_MONOTONIC)),
        realtime: Realtime(micros(ClockId::CLOCK_REALTIME)),
    }
}

fn micros(clock: ClockId) -> u64 {
    let Ok(time) = clock_gettime(clock) else {
        return 0;
    };
    let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec()).unwrap_or(0);
    seconds * 1_000_000 + nanos / 1_000
}
