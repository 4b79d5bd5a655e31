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

    /// Reads `"1min 30s"`, `"1.5h"`, `"90"` (seconds), `"infinity"`, and whatever else systemd
    /// takes: parts need no space between them, and a unit may touch the next number.
    ///
    /// # Errors
    /// Says which part is no time.
    pub fn parse(text: &str) -> Result<Span, ValueProblem> {
        let mut rest = text.trim_start_matches(SPACE);
        if let Some(after) = rest.strip_prefix("infinity")
            && after.trim_start_matches(SPACE).is_empty()
        {
            return Ok(Span::INFINITY);
        }
        if rest.is_empty() {
            return Err(ValueProblem::new("a time span cannot be empty"));
        }
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let (part, next) = part_of(text, rest)?;
            total = total
                .checked_add(part)
                .filter(|sum| *sum != u64::MAX)
                .ok_or_else(|| too_long(text))?;
            rest = next.trim_start_matches(SPACE);
        }
        Ok(Span(total))
    }

    /// As systemd writes it for people, such as `1min 30s` or `1.500s`. Less than `accuracy` is
    /// left out, where it is not all there is.
    pub fn rounded_to(self, accuracy: Span) -> String {
        if self.is_infinite() {
            return "infinity".to_owned();
        }
        if self.is_zero() {
            return "0".to_owned();
        }
        // Whole digits that are dropped from a fraction.
        let dropped = accuracy.0.max(1).ilog10() + u32::from(!is_power_of_ten(accuracy.0));
        let mut rest = self.0;
        let mut words: Vec<String> = Vec::new();
        for (length, names) in UNITS {
            if rest == 0 || (rest < accuracy.0 && !words.is_empty()) {
                break;
            }
            let (count, below) = (rest / length, rest % length);
            if count == 0 {
                continue;
            }
            let name = names.first().copied().unwrap_or_default();
            // Under a minute what is left is a fraction.
            let digits = length.ilog10().saturating_sub(dropped);
            if rest < MINUTES && below > 0 && digits > 0 {
                let below = below / 10_u64.pow(dropped);
                let width = digits as usize;
                words.push(format!("{count}.{below:0width$}{name}"));
                break;
            }
            words.push(format!("{count}{name}"));
            rest = below;
        }
        words.join(" ")
    }
}

/// What may stand around the parts of a span.
const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

fn is_power_of_ten(number: u64) -> bool {
    number == 0 || 10_u64.checked_pow(number.ilog10()) == Some(number)
}

fn too_long(text: &str) -> ValueProblem {
    ValueProblem::new(format!("{text:?} is too long a time")).with_hint("`infinity` never ends")
}

fn no_span(text: &str) -> ValueProblem {
    ValueProblem::new(format!("{text:?} is no time span"))
        .with_hint("write it as `1min 30s`, or a number of seconds")
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit());
    text.split_at(end.unwrap_or(text.len()))
}

/// The first part of `rest` in microseconds, and what follows it. `text` is all of it.
fn part_of<'a>(text: &str, rest: &'a str) -> Result<(u64, &'a str), ValueProblem> {
    // strtoll(3) passes over these too.
    let number = rest.trim_start_matches(['\u{b}', '\u{c}']);
    if number.starts_with('-') {
        return Err(ValueProblem::new(format!("{text:?} is negative")));
    }
    let number = number.strip_prefix('+').unwrap_or(number);
    let (whole, after) = split_digits(number);
    let (fraction, after) = match after.strip_prefix('.') {
        None if whole.is_empty() => return Err(no_unit(text, rest)),
        None => ("", after),
        Some(after) => {
            let (fraction, after) = split_digits(after);
            if fraction.is_empty() {
                return Err(no_span(text));
            }
            (fraction, after)
        }
    };
    let spaced = after.trim_start_matches(SPACE);
    let unit = UNITS
        .iter()
        .flat_map(|(length, names)| names.iter().map(move |name| (*length, *name)))
        .filter(|(_, name)| spaced.starts_with(name))
        .max_by_key(|(_, name)| name.len());
    let (length, next) = match unit {
        Some((length, name)) => (length, spaced.get(name.len()..).unwrap_or_default()),
        None if spaced.len() == after.len() && !after.is_empty() => {
            return Err(no_unit(text, after));
        }
        None => (SECONDS, spaced),
    };
    let whole: i64 = match whole {
        "" => 0,
        digits => digits.parse().map_err(|_| too_long(text))?,
    };
    let mut sum = whole.unsigned_abs().checked_mul(length);
    let mut worth = length;
    for digit in fraction.bytes() {
        worth /= 10;
        sum = sum.and_then(|sum| sum.checked_add(worth * u64::from(digit - b'0')));
    }
    let sum = sum.ok_or_else(|| too_long(text))?;
    Ok((sum, next))
}

/// `rest` begins with something that is neither a number nor a unit.
fn no_unit(text: &str, rest: &str) -> ValueProblem {
    let end = rest.find(|c: char| c.is_ascii_digit() || c.is_whitespace() || c == '.');
    match rest.split_at(end.unwrap_or(rest.len())).0 {
        "" => no_span(text),
        word => ValueProblem::new(format!("{word:?} in {text:?} is no unit of time"))
            .with_hint("units: us ms s min h d w month y"),
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.rounded_to(Span(1)))
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
            ("7μs", 7),
            (" +5 ", 5 * SECONDS),
            ("1 +2", 3 * SECONDS),
            ("1s.5", 1_500_000),
            ("5s5months", 5 * SECONDS + 5 * MONTHS),
            ("0.0000019s", 1),
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
            "1.2.3",
            "3.s",
            "3.-1",
            "3+1",
            "1 -2",
            "5mi",
            "5secx",
            "infinity 1",
            "1 infinity",
            "9223372036854775808us",
            "99999999999999999999",
            "600000 y",
        ] {
            assert!(Span::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn writes_what_systemd_writes() {
        for (micros, text) in [
            (0, "0"),
            (1, "1us"),
            (1_500, "1.500ms"),
            (1_500_000, "1.500000s"),
            (59_000_001, "59.000001s"),
            (60_000_001, "1min 1us"),
            (90 * SECONDS, "1min 30s"),
            (YEARS + MONTHS + WEEKS, "1y 1month 1w"),
            (u64::MAX, "infinity"),
        ] {
            assert_eq!(Span(micros).to_string(), text);
        }
        let rounded = |micros, accuracy| Span(micros).rounded_to(Span(accuracy));
        assert_eq!(rounded(1_234_567, MILLISECONDS), "1.234s");
        assert_eq!(rounded(1_234_567, SECONDS), "1s");
        assert_eq!(rounded(1_234, SECONDS), "1ms");
        assert_eq!(rounded(61_234_567, SECONDS), "1min 1s");
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
