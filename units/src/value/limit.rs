//! Resource limits, a soft and a hard one.

use std::fmt;

use super::{Size, Span, ValueProblem};

/// A resource limit as setrlimit(2) takes it; [`Limit::INFINITY`] is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limit {
    /// What applies at first.
    pub soft: u64,
    /// How far the program may raise it.
    pub hard: u64,
}

impl Limit {
    /// No limit.
    pub const INFINITY: u64 = u64::MAX;

    /// Reads `"4096"` (both), `"1024:524288"` (soft and hard), either of them `infinity`.
    ///
    /// # Errors
    /// When a part is no number, or the soft limit is above the hard one.
    pub fn parse(text: &str) -> Result<Limit, ValueProblem> {
        Limit::parse_with(text, |part| number(part, text))
    }

    /// As [`Limit::parse`], sizes with the suffixes of [`Size`]: `"64M:1G"`.
    ///
    /// # Errors
    /// As [`Limit::parse`].
    pub fn parse_bytes(text: &str) -> Result<Limit, ValueProblem> {
        Limit::parse_with(text, |part| Size::parse(part).map(Size::as_bytes))
    }

    /// As [`Limit::parse`], times in whole seconds: `"10min"`; a part of a second counts as one.
    ///
    /// # Errors
    /// As [`Limit::parse`].
    pub fn parse_seconds(text: &str) -> Result<Limit, ValueProblem> {
        Limit::parse_with(text, |part| {
            let span = Span::parse(part)?;
            Ok(match span.as_micros() {
                u64::MAX => Limit::INFINITY,
                micros => micros.div_ceil(1_000_000),
            })
        })
    }

    /// As [`Limit::parse`], times in microseconds, which is also what a bare number means.
    ///
    /// # Errors
    /// As [`Limit::parse`].
    pub fn parse_microseconds(text: &str) -> Result<Limit, ValueProblem> {
        Limit::parse_with(text, |part| {
            if part.bytes().all(|b| b.is_ascii_digit()) {
                return number(part, text);
            }
            Ok(Span::parse(part)?.as_micros())
        })
    }

    /// As [`Limit::parse`], for how far the nice level may be lowered: `"+5"` and `"-5"` are levels,
    /// a number without a sign is what the kernel has (20 less the level).
    ///
    /// # Errors
    /// As [`Limit::parse`], and for a level that does not exist.
    pub fn parse_nice(text: &str) -> Result<Limit, ValueProblem> {
        Limit::parse_with(text, |part| {
            if !part.starts_with(['+', '-']) {
                return number(part, text);
            }
            let level: i64 = part
                .parse()
                .ok()
                .filter(|level| (-20..=19).contains(level))
                .ok_or_else(|| {
                    ValueProblem::new(format!("{part:?} is no nice level"))
                        .with_hint("levels go from -20 to +19")
                })?;
            // 1 to 40: the filter above keeps it there.
            Ok((20 - level).unsigned_abs())
        })
    }

    fn parse_with(
        text: &str,
        part: impl Fn(&str) -> Result<u64, ValueProblem>,
    ) -> Result<Limit, ValueProblem> {
        let part = |written: &str| match written.trim() {
            "infinity" => Ok(Limit::INFINITY),
            other => part(other),
        };
        let limit = match text.split_once(':') {
            Some((soft, hard)) => Limit {
                soft: part(soft)?,
                hard: part(hard)?,
            },
            None => {
                let both = part(text)?;
                Limit {
                    soft: both,
                    hard: both,
                }
            }
        };
        if limit.soft > limit.hard {
            return Err(ValueProblem::new(format!(
                "the soft limit of {text:?} is above the hard one"
            )));
        }
        Ok(limit)
    }
}

/// A plain number, of the limit `text`.
fn number(part: &str, text: &str) -> Result<u64, ValueProblem> {
    if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ValueProblem::new(format!("{text:?} is no limit"))
            .with_hint("write a number, `soft:hard`, or `infinity`"));
    }
    part.parse()
        .map_err(|_| ValueProblem::new(format!("{part:?} is too big a limit")))
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |n: u64| match n {
            Limit::INFINITY => "infinity".to_owned(),
            n => n.to_string(),
        };
        if self.soft == self.hard {
            f.write_str(&part(self.soft))
        } else {
            write!(f, "{}:{}", part(self.soft), part(self.hard))
        }
    }
}

super::serde_as_text!(Limit);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn soft_and_hard() {
        assert_eq!(
            Limit::parse("1024:4096"),
            Ok(Limit {
                soft: 1024,
                hard: 4096
            })
        );
        assert_eq!(Limit::parse("10:infinity").unwrap().hard, Limit::INFINITY);
        for bad in ["", "2:1", "x", "1:2:3", "-1", "infinity:1"] {
            assert!(Limit::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_with_its_unit() {
        let soft = |limit: Result<Limit, ValueProblem>| limit.unwrap().soft;
        assert_eq!(soft(Limit::parse_bytes("64K:1M")), 65_536);
        assert_eq!(soft(Limit::parse_seconds("1min 500ms")), 61);
        assert_eq!(soft(Limit::parse_microseconds("2ms")), 2_000);
        assert_eq!(soft(Limit::parse_microseconds("70")), 70);
        assert_eq!(soft(Limit::parse_nice("-5")), 25);
        assert_eq!(soft(Limit::parse_nice("+19")), 1);
        assert_eq!(soft(Limit::parse_nice("7")), 7);
        for bad in [
            Limit::parse_nice("+20"),
            Limit::parse_nice("-21"),
            Limit::parse("64K"),
        ] {
            assert!(bad.is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn print_then_parse(a: u64, b: u64) {
            let limit = Limit { soft: a.min(b), hard: a.max(b) };
            prop_assert_eq!(Limit::parse(&limit.to_string()), Ok(limit));
        }
    }
}
