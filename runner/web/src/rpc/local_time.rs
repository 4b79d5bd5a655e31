//! The local time of a moment, which only the C library knows.
#![expect(unsafe_code, reason = "localtime_r")]

use units::civil::MONTHS;

/// A moment as supervisord shows when a process ended: `Nov 20 08:45 AM`.
pub(crate) fn short(seconds: i64) -> String {
    let mut out = std::mem::MaybeUninit::<libc::tm>::zeroed();
    let moment: libc::time_t = seconds;
    // SAFETY: both point to values of the right type that live until the call returns; the
    // function keeps neither. All bits zero are a valid `tm`, should it write nothing.
    let local = unsafe {
        libc::localtime_r(&raw const moment, out.as_mut_ptr());
        out.assume_init()
    };
    let month = usize::try_from(local.tm_mon).ok();
    let month = month.and_then(|month| MONTHS.get(month)).unwrap_or(&"");
    let (hour, half) = match local.tm_hour {
        0 => (12, "AM"),
        hour @ 1..12 => (hour, "AM"),
        12 => (12, "PM"),
        hour => (hour - 12, "PM"),
    };
    format!(
        "{month} {:02} {hour:02}:{:02} {half}",
        local.tm_mday, local.tm_min
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_date_1_says() {
        for moment in [
            0,
            1_700_000_000,
            1_700_043_200,
            1_709_164_800,
            4_000_000_000,
        ] {
            let output = std::process::Command::new("date")
                .args(["-d", &format!("@{moment}"), "+%b %d %I:%M %p"])
                .env("LC_ALL", "C")
                .output()
                .unwrap();
            let date = String::from_utf8(output.stdout).unwrap();
            assert_eq!(short(moment), date.trim_end());
        }
    }
}
