//! Moments as supervisord shows them.

use control::LocalTime;
use units::civil::MONTHS;

/// A moment as supervisord shows when a process ended: `Nov 20 08:45 AM`.
pub(crate) fn short(seconds: i64) -> String {
    let local = LocalTime::of(seconds);
    let month = usize::from(local.month).checked_sub(1);
    let month = month.and_then(|month| MONTHS.get(month)).unwrap_or(&"");
    let (hour, half) = match local.hour {
        0 => (12, "AM"),
        hour @ 1..12 => (hour, "AM"),
        12 => (12, "PM"),
        hour => (hour - 12, "PM"),
    };
    format!(
        "{month} {:02} {hour:02}:{:02} {half}",
        local.day, local.minute
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
