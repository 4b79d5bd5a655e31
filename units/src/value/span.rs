//! Time spans, as systemd.time(7) writes them.

use std::fmt;

use super::ValueProblem;

/// A length of time in microseconds; [`Span::INFINITY`] never ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(u64);

const MICROSECONDS: u64 = 1;
const MILLISECONDS: u64 = 1_000;
const SECONDS: u64 = 1_000_000;
const MINUTES: u64 = 60 * SECONDS;
const HOURS: u64 = 60 * MINUTES;
const DAYS: u64 = 24 * HOURS;
const WEEKS: u64 = 7 * DAYS;
const MONTHS: u64 = 2_629_800 * SECONDS;
const YEARS: u64 = 31_557_600 * SECONDS;

/// Each unit's length and its names, the longest unit first; the first name is the one printed.
const UNITS: &[(u64, &[&str])] = &[
    (YEARS, &["y", "year", "years"]),
    (MONTHS, &["month", "months", "M"]),
    (WEEKS, &["w", "week", "weeks"]),
    (DAYS, &["d", "day", "days"]),
    (HOURS, &["h", "hr", "hour", "hours"]),
    (MINUTES, &["min", "m", "minute", "minutes"]),
    (SECONDS, &["s", "sec", "second", "seconds"]),
    (MILLISECONDS, &["ms", "msec"]),
    (MICROSECONDS, &["us", "usec", "µs", "μs"]),
];

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);
    /// Longer than any other.
    pub const INFINITY: Span = Span(u64::MAX);

    /// A span of `n` microseconds; `u64::MAX` is [`Span::INFINITY`].
    pub const fn from_micros(n: u64) -> Span {
        Span(n)
    }

    /// A span of `n` milliseconds, at most [`Span::INFINITY`].
    pub const fn from_millis(n: u64) -> Span {
        Span(n.saturating_mul(MILLISECONDS))
    }

    /// A span of `n` seconds, at most [`Span::INFINITY`].
    pub const fn from_secs(n: u64) -> Span {
        Span(n.saturating_mul(SECONDS))
    }

    /// Microseconds; `u64::MAX` for [`Span::INFINITY`].
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whether it never ends.
    pub const fn is_infinite(self) -> bool {
        self.0 == u64::MAX
    }

    /// Whether it is no time at all.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// `None` for [`Span::INFINITY`].
    pub fn as_duration(self) -> Option<std::time::Duration> {
        (!self.is_infinite()).then(|| std::time::Duration::from_micros(self.0))
    }

    /// This span, or [`Span::INFINITY`] when it is zero: the reading of systemd's time-outs.
    #[must_use]
    pub const fn zero_is_infinite(self) -> Span {
        if self.0 == 0 { Span::INFINITY } else { self }
    }

    /// Reads `"1min 30s"`, `"1.5h"`, `"90"` (seconds), `"infinity"`.
    ///
    /// # Errors
    /// Says which part is no time.
    pub fn parse(text: &str) -> Result<Span, ValueProblem> {
        let mut rest = text.trim();
        if rest == "infinity" {
            return Ok(Span::INFINITY);
        }
        if rest.is_empty() {
            return Err(ValueProblem::new("a time span cannot be empty"));
        }
        if rest.starts_with('-') {
            return Err(ValueProblem::new(format!("{text:?} is negative")));
        }
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let number_end = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(rest.len());
            let (number, after) = rest.split_at(number_end);
            let after = after.trim_start();
            let unit_end = after
                .find(|c: char| c.is_ascii_digit() || c.is_whitespace() || c == '.')
                .unwrap_or(after.len());
            let (unit, next) = after.split_at(unit_end);
            let part = part_of(text, number, unit)?;
            total = total
                .checked_add(part)
                .filter(|sum| *sum != u64::MAX)
                .ok_or_else(|| too_long(text))?;
            rest = next.trim_start();
        }
        Ok(Span(total))
    }
}

fn too_long(text: &str) -> ValueProblem {
    ValueProblem::new(format!("{text:?} is too long a time")).with_hint("`infinity` never ends")
}

fn part_of(text: &str, number: &str, unit: &str) -> Result<u64, ValueProblem> {
    let length = if unit.is_empty() {
        SECONDS
    } else {
        let known = UNITS.iter().find(|(_, names)| names.contains(&unit));
        known.map(|(length, _)| *length).ok_or_else(|| {
            ValueProblem::new(format!("{unit:?} in {text:?} is no unit of time"))
                .with_hint("units: us ms s min h d w month y")
        })?
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(fraction) {
        return Err(ValueProblem::new(format!("{text:?} is no time span"))
            .with_hint("write it as `1min 30s`, or a number of seconds"));
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().map_err(|_| too_long(text))?
    };
    let mut sum = whole.checked_mul(length).ok_or_else(|| too_long(text))?;
    let mut worth = length;
    for digit in fraction.bytes() {
        worth /= 10;
        sum = sum
            .checked_add(worth * u64::from(digit - b'0'))
            .ok_or_else(|| too_long(text))?;
    }
    Ok(sum)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_infinite() {
            return f.write_str("infinity");
        }
        if self.0 == 0 {
            return f.write_str("0");
        }
        let mut rest = self.0;
        let mut first = true;
        for (length, names) in UNITS {
            let count = rest / length;
            rest %= length;
            if count > 0 {
                let name = names.first().copied().unwrap_or_default();
                write!(f, "{}{count}{name}", if first { "" } else { " " })?;
                first = false;
            }
        }
        Ok(())
    }
}

super::serde_as_text!(Span);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_systemd_reads() {
        for (text, micros) in [
            ("90", 90 * SECONDS),
            ("0", 0),
            ("500ms", 500 * MILLISECONDS),
            ("1min 30s", 90 * SECONDS),
            ("1h30min", 90 * MINUTES),
            ("1.5s", 1_500_000),
            (".5s", 500_000),
            ("2 weeks 1 d", 2 * WEEKS + DAYS),
            ("1M", MONTHS),
            ("1m", MINUTES),
            ("7µs", 7),
        ] {
            assert_eq!(Span::parse(text), Ok(Span(micros)), "{text}");
        }
        assert!(Span::parse("infinity").unwrap().is_infinite());
        for bad in [
            "",
            "-1",
            "x",
            "1 parsec",
            ".",
            "1..2",
            "99999999999999999999",
            "600000 y",
        ] {
            assert!(Span::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn print_then_parse(n in any::<u64>()) {
            prop_assert_eq!(Span::parse(&Span(n).to_string()), Ok(Span(n)));
        }

        #[test]
        fn any_text(text in any::<String>()) {
            let _ = Span::parse(&text);
        }
    }
}
