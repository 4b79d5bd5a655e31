//! The time of day where we are, as supervisord's log and syslog write it.

use std::time::{SystemTime, UNIX_EPOCH};

use units::civil::MONTHS;

/// A moment in local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LocalTime {
    pub(super) year: i32,
    /// 1 to 12.
    pub(super) month: u8,
    pub(super) day: u8,
    pub(super) hour: u8,
    pub(super) minute: u8,
    pub(super) second: u8,
    pub(super) millisecond: u16,
}

impl LocalTime {
    pub(super) fn now() -> LocalTime {
        LocalTime::of(SystemTime::now())
    }

    fn of(time: SystemTime) -> LocalTime {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = libc::time_t::try_from(since.as_secs()).unwrap_or(libc::time_t::MAX);
        let small = |value: libc::c_int| u8::try_from(value).unwrap_or_default();
        let broken = broken_down(seconds);
        LocalTime {
            year: broken.tm_year.saturating_add(1900),
            month: small(broken.tm_mon) + 1,
            day: small(broken.tm_mday),
            hour: small(broken.tm_hour),
            minute: small(broken.tm_min),
            second: small(broken.tm_sec),
            millisecond: u16::try_from(since.subsec_millis()).unwrap_or_default(),
        }
    }

    /// `2026-11-21 08:45:03,127`
    pub(super) fn for_main_log(self) -> String {
        format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02},{:03}",
            self.year, self.month, self.day, self.hour, self.minute, self.second, self.millisecond
        )
    }

    /// `Nov 21 08:45:03`
    pub(super) fn for_syslog(self) -> String {
        let month = MONTHS
            .get(usize::from(self.month).wrapping_sub(1))
            .unwrap_or(&"Jan");
        format!(
            "{month} {:2} {:02}:{:02}:{:02}",
            self.day, self.hour, self.minute, self.second
        )
    }
}

/// What localtime(3) says; all zeros for a year it cannot count.
#[expect(unsafe_code, reason = "the C library knows the time zone")]
fn broken_down(seconds: libc::time_t) -> libc::tm {
    // SAFETY: a `tm` is numbers and a pointer that nobody follows, for which zero is a value; the
    // function writes nothing but the `tm` that it is given. It reads the environment, which nobody
    // changes once there are threads.
    unsafe {
        let mut broken: libc::tm = std::mem::zeroed();
        libc::localtime_r(&seconds, &mut broken);
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_both_forms() {
        let time = LocalTime {
            year: 2026,
            month: 1,
            day: 2,
            hour: 3,
            minute: 4,
            second: 5,
            millisecond: 6,
        };
        assert_eq!(time.for_main_log(), "2026-01-02 03:04:05,006");
        assert_eq!(time.for_syslog(), "Jan  2 03:04:05");
    }

    #[test]
    fn agrees_with_date() {
        let now = SystemTime::now();
        let seconds = now.duration_since(UNIX_EPOCH).unwrap().as_secs();
        let date = std::process::Command::new("date")
            .args(["-d", &format!("@{seconds}"), "+%Y-%m-%d %H:%M:%S"])
            .output()
            .unwrap();
        let said = String::from_utf8(date.stdout).unwrap();
        let ours = LocalTime::of(now).for_main_log();
        assert_eq!(ours.split(',').next(), Some(said.trim_end()));
    }
}
