//! The time of day where we are, which only the C library knows.

/// A moment in local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// The year.
    pub year: i32,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day of the month, from 1 on.
    pub day: u8,
    /// The hour, 0 to 23.
    pub hour: u8,
    /// The minute.
    pub minute: u8,
    /// The second, 60 where one is inserted.
    pub second: u8,
}

impl LocalTime {
    /// The moment that is so many seconds after the epoch. In a year that the C library cannot count
    /// there is nothing but zeros.
    #[must_use]
    pub fn of(seconds: i64) -> LocalTime {
        let small = |value: libc::c_int| u8::try_from(value).unwrap_or_default();
        let broken = broken_down(seconds);
        LocalTime {
            year: broken.tm_year.saturating_add(1900),
            month: small(broken.tm_mon) + 1,
            day: small(broken.tm_mday),
            hour: small(broken.tm_hour),
            minute: small(broken.tm_min),
            second: small(broken.tm_sec),
        }
    }
}

/// What localtime(3) says.
#[expect(unsafe_code, reason = "the C library knows the time zone")]
fn broken_down(seconds: i64) -> libc::tm {
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
    fn agrees_with_date() {
        for moment in [
            0,
            1_700_000_000,
            1_700_043_200,
            1_709_164_800,
            4_000_000_000,
        ] {
            let date = std::process::Command::new("date")
                .args(["-d", &format!("@{moment}"), "+%Y %m %d %H %M %S"])
                .output()
                .unwrap();
            let said = String::from_utf8(date.stdout).unwrap();
            let ours = LocalTime::of(moment);
            let ours = format!(
                "{} {:02} {:02} {:02} {:02} {:02}",
                ours.year, ours.month, ours.day, ours.hour, ours.minute, ours.second
            );
            assert_eq!(ours, said.trim_end());
        }
    }
}
