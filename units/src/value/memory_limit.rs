//! How much memory a unit may use (systemd.resource-control(5)).

use std::fmt;

use super::{Size, ValueProblem};

/// A limit of memory, of bytes or as a share of what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemoryLimit {
    /// At most so many bytes; [`Size::INFINITY`] is no limit.
    Bytes(Size),
    /// At most this share of the memory there is, in hundredths of a percent: 1 to 10,000.
    Share(u16),
}

/// All of it, in hundredths of a percent.
const WHOLE: u16 = 10_000;

impl MemoryLimit {
    /// No limit.
    pub const NONE: MemoryLimit = MemoryLimit::Bytes(Size::INFINITY);

    /// Reads `512M`, `50%`, `12.5%` or `infinity`.
    ///
    /// # Errors
    /// When it is none of these, or 0, with which nothing could run.
    pub fn parse(text: &str) -> Result<MemoryLimit, ValueProblem> {
        let limit = match text.trim().strip_suffix('%') {
            Some(percent) => {
                MemoryLimit::Share(parse_percent(percent.trim_end()).ok_or_else(|| {
                    ValueProblem::new(format!("{text:?} is no share of the memory"))
                        .with_hint("a percentage is from 0.01% to 100%")
                })?)
            }
            None => MemoryLimit::Bytes(Size::parse(text)?),
        };
        match limit {
            MemoryLimit::Bytes(Size::ZERO) | MemoryLimit::Share(0) => {
                Err(ValueProblem::new("nothing can run without any memory")
                    .with_hint("`infinity` is no limit"))
            }
            _ => Ok(limit),
        }
    }

    /// The limit in bytes where there are `total` of them; `None` is no limit.
    pub fn of(self, total: u64) -> Option<u64> {
        match self {
            MemoryLimit::Bytes(Size::INFINITY) => None,
            MemoryLimit::Bytes(size) => Some(size.as_bytes()),
            MemoryLimit::Share(share) => {
                let bytes = u128::from(total) * u128::from(share) / u128::from(WHOLE);
                // A share of what there is is never more than that.
                Some(u64::try_from(bytes).unwrap_or(total))
            }
        }
    }
}

/// Digits with at most two behind the point, in hundredths.
fn parse_percent(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 2 {
        return None;
    }
    let whole: u16 = whole.parse().ok()?;
    let hundredths: u16 = format!("{fraction:0<2}").parse().ok()?;
    let share = whole.checked_mul(100)?.checked_add(hundredths)?;
    (share <= WHOLE).then_some(share)
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MemoryLimit::Bytes(size) => write!(f, "{size}"),
            MemoryLimit::Share(share) => match (share / 100, share % 100) {
                (whole, 0) => write!(f, "{whole}%"),
                (whole, part) if part % 10 == 0 => write!(f, "{whole}.{}%", part / 10),
                (whole, part) => write!(f, "{whole}.{part:02}%"),
            },
        }
    }
}

super::serde_as_text!(MemoryLimit);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_and_shares() {
        let total = 8 << 30;
        for (text, bytes) in [
            ("512M", Some(512 << 20)),
            ("50%", Some(4 << 30)),
            ("12.5%", Some(1 << 30)),
            ("100%", Some(8 << 30)),
            ("infinity", None),
        ] {
            assert_eq!(MemoryLimit::parse(text).unwrap().of(total), bytes, "{text}");
        }
        for bad in [
            "", "0", "0M", "0%", "101%", "1.234%", "-1%", "%", ".5%", "1e1%", "x",
        ] {
            assert!(MemoryLimit::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn print_then_parse(bytes in 1u64.., share in 1..=WHOLE) {
            for limit in [MemoryLimit::Bytes(Size::from_bytes(bytes)), MemoryLimit::Share(share)] {
                prop_assert_eq!(MemoryLimit::parse(&limit.to_string()), Ok(limit));
            }
        }

        #[test]
        fn any_text(text in any::<String>(), total: u64) {
            if let Ok(limit) = MemoryLimit::parse(&text) {
                let _ = limit.of(total);
            }
        }
    }
}
