//! Clocks that are set, and machines that sleep: what timers have to hear of.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use engine::clock::Realtime;
use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

/// A descriptor that is readable when real time made a jump against monotonic time, which a machine
/// that wakes up is as well.
#[derive(Debug)]
pub struct ClockWatch(TimerFd);

/// Later than anybody will look, in seconds: the year 2242. The kernel counts to 2262.
const NEVER: i64 = 8_600_000_000;

impl ClockWatch {
    /// Begins to look.
    ///
    /// # Errors
    /// What `timerfd_create(2)` and `timerfd_settime(2)` say.
    pub fn new() -> io::Result<ClockWatch> {
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let watch = ClockWatch(TimerFd::new(ClockId::CLOCK_REALTIME, flags)?);
        watch.arm()?;
        Ok(watch)
    }

    fn arm(&self) -> io::Result<()> {
        let flags =
            TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        let at = Expiration::OneShot(TimeSpec::new(NEVER, 0));
        Ok(self.0.set(at, flags)?)
    }

    /// Whether the clock was set since the last call.
    ///
    /// # Errors
    /// What `timerfd_settime(2)` says.
    pub fn was_set(&self) -> io::Result<bool> {
        let mut count = [0; 8];
        match nix::unistd::read(self.0.as_fd(), &mut count) {
            Err(Errno::ECANCELED) => {
                self.arm()?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

impl AsFd for ClockWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The moment at which the machine is to wake up.
#[derive(Debug)]
pub struct WakeAlarm(TimerFd);

impl WakeAlarm {
    /// No moment yet.
    ///
    /// # Errors
    /// Without the privilege, and on machines that cannot.
    pub fn new() -> io::Result<WakeAlarm> {
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        Ok(WakeAlarm(TimerFd::new(
            ClockId::CLOCK_REALTIME_ALARM,
            flags,
        )?))
    }

    /// Sets or moves it.
    ///
    /// # Errors
    /// What `timerfd_settime(2)` says.
    pub fn set(&self, at: Option<Realtime>) -> io::Result<()> {
        let Some(at) = at else {
            return Ok(self.0.unset()?);
        };
        let seconds = i64::try_from(at.0 / 1_000_000).map_or(NEVER, |at| at.min(NEVER));
        let nanos = i64::try_from(at.0 % 1_000_000).unwrap_or(0) * 1_000;
        let at = Expiration::OneShot(TimeSpec::new(seconds, nanos));
        Ok(self.0.set(at, TimerSetTimeFlags::TFD_TIMER_ABSTIME)?)
    }

    /// Takes note that it has come.
    pub fn take(&self) {
        let mut count = [0; 8];
        // Nobody needs to know how often.
        let _ = nix::unistd::read(self.0.as_fd(), &mut count);
    }
}

impl AsFd for WakeAlarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_nobody_sets_wakes_nobody() {
        let watch = ClockWatch::new().unwrap();
        assert!(!watch.was_set().unwrap());
    }

    #[test]
    fn any_moment_can_be_an_alarm() {
        // Where the machine has no such clock, or we may not use it, there is nothing to set.
        let Ok(alarm) = WakeAlarm::new() else { return };
        for at in [Some(Realtime(u64::MAX)), Some(Realtime(1)), None] {
            alarm.set(at).unwrap();
        }
        alarm.take();
    }
}
