//! Resource limits, a soft and a hard one.

use std::fmt;

use super::ValueProblem;

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
        let part = |part: &str| match part.trim() {
            "infinity" => Ok(Limit::INFINITY),
            digits if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => digits
                .parse()
                .map_err(|_| ValueProblem::new(format!("{digits:?} is too big a limit"))),
            _ => Err(ValueProblem::new(format!("{text:?} is no limit"))
                .with_hint("write a number, `soft:hard`, or `infinity`")),
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

    proptest! {
        #[test]
        fn print_then_parse(a: u64, b: u64) {
            let limit = Limit { soft: a.min(b), hard: a.max(b) };
            prop_assert_eq!(Limit::parse(&limit.to_string()), Ok(limit));
        }
    }
}
