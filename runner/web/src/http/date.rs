//! Dates as HTTP writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use units::civil::{CivilTime, MONTHS, WEEKDAYS};

/// The present moment: `Sat, 21 Nov 2026 13:46:30 GMT`.
pub(crate) fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    format(since.unwrap_or(Duration::ZERO).as_secs())
}

/// A moment in seconds since 1970.
pub(crate) fn format(seconds: u64) -> String {
    let shown = CivilTime::utc(i64::try_from(seconds).unwrap_or(i64::MAX));
    let month = usize::try_from(shown.month - 1).ok();
    format!(
        "{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
        shown.weekday().map_or("", |day| WEEKDAYS[day]),
        shown.day,
        month.map_or("", |month| MONTHS[month]),
        shown.year,
        shown.hour,
        shown.minute,
        shown.second,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_date_1() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_700_000_000, "Tue, 14 Nov 2023 22:13:20 GMT"),
            (1_795_268_790, "Sat, 21 Nov 2026 13:46:30 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
        ] {
            assert_eq!(format(seconds), text);
        }
    }
}
