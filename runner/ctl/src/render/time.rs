//! Moments and lengths of time. Moments are printed in UTC: one log is read in many places.

use units::civil::CivilTime;
use units::value::Span;

/// `2026-11-20 11:16:33 UTC`, from microseconds since 1970.
pub(crate) fn moment(micros: u64) -> String {
    let seconds = i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX);
    format!("{} UTC", CivilTime::utc(seconds))
}

/// `5min 3s ago`: the two largest units are enough to know.
pub(crate) fn ago(then: u64, now: u64) -> String {
    if then > now {
        return format!("in {}", rough(then - now));
    }
    format!("{} ago", rough(now - then))
}

/// A length of time in its two largest units, milliseconds at the least.
pub(crate) fn rough(micros: u64) -> String {
    let whole = match micros {
        0..1_000_000 => micros / 1_000 * 1_000,
        _ => micros / 1_000_000 * 1_000_000,
    };
    let text = Span::from_micros(whole).to_string();
    let parts: Vec<&str> = text.split(' ').take(2).collect();
    match parts.as_slice() {
        ["0"] => "0s".to_owned(),
        parts => parts.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 UTC"),
            (4_102_444_800, "2100-01-01 00:00:00 UTC"),
        ] {
            assert_eq!(moment(seconds * 1_000_000), text);
        }
    }

    #[test]
    fn lengths() {
        let second = 1_000_000;
        assert_eq!(rough(0), "0s");
        assert_eq!(rough(4_700), "4ms");
        assert_eq!(rough(3 * second + 5), "3s");
        assert_eq!(rough(303 * second), "5min 3s");
        assert_eq!(rough(90_061 * second), "1d 1h");
        assert_eq!(ago(second, 61 * second), "1min ago");
        assert_eq!(ago(3 * second, second), "in 2s");
    }
}
