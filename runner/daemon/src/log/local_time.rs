//! The time of day where we are, as supervisord's log and syslog write it.

use std::time::{SystemTime, UNIX_EPOCH};

use control::LocalTime;
use units::civil::MONTHS;

/// Now, in local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WrittenTime {
    local: LocalTime,
    millisecond: u16,
}

impl WrittenTime {
    pub(super) fn now() -> WrittenTime {
        WrittenTime::of(SystemTime::now())
    }

    fn of(time: SystemTime) -> WrittenTime {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        WrittenTime {
            local: LocalTime::of(seconds),
            millisecond: u16::try_from(since.subsec_millis()).unwrap_or_default(),
        }
    }

    /// `2026-11-21 08:45:03,127`
    pub(super) fn for_main_log(self) -> String {
        let LocalTime {
            year,
            month,
            day,
            hour,
            minute,
            second,
        } = self.local;
        let millisecond = self.millisecond;
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02},{millisecond:03}")
    }

    /// `Nov 21 08:45:03`
    pub(super) fn for_syslog(self) -> String {
        let local = self.local;
        let month = MONTHS
            .get(usize::from(local.month).wrapping_sub(1))
            .unwrap_or(&"Jan");
        format!(
            "{month} {:2} {:02}:{:02}:{:02}",
            local.day, local.hour, local.minute, local.second
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_both_forms() {
        let time = WrittenTime {
            local: LocalTime {
                year: 2026,
                month: 1,
                day: 2,
                hour: 3,
                minute: 4,
                second: 5,
            },
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
        let ours = WrittenTime::of(now).for_main_log();
        assert_eq!(ours.split(',').next(), Some(said.trim_end()));
    }
}
