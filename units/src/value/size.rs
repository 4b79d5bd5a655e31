//! Sizes in bytes, with the suffixes of systemd.resource-control(5) (powers of 1024).

use std::fmt;

use super::ValueProblem;

/// A number of bytes; [`Size::INFINITY`] is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Size(u64);

const SUFFIXES: &[(u64, &str)] = &[
    (1 << 60, "E"),
    (1 << 50, "P"),
    (1 << 40, "T"),
    (1 << 30, "G"),
    (1 << 20, "M"),
    (1 << 10, "K"),
    (1, "B"),
];

impl Size {
    /// No limit.
    pub const INFINITY: Size = Size(u64::MAX);

    /// Nothing.
    pub const ZERO: Size = Size(0);

    /// A size of `n` bytes.
    pub const fn from_bytes(n: u64) -> Size {
        Size(n)
    }

    /// Bytes; `u64::MAX` for [`Size::INFINITY`].
    pub const fn as_bytes(self) -> u64 {
        self.0
    }

    /// Reads `"64M"`, `"1.5G"`, `"4096"`, `"infinity"`.
    ///
    /// # Errors
    /// Says what is no size.
    pub fn parse(text: &str) -> Result<Size, ValueProblem> {
        let trimmed = text.trim();
        if trimmed == "infinity" {
            return Ok(Size::INFINITY);
        }
        let problem = || {
            ValueProblem::new(format!("{text:?} is no size"))
                .with_hint("write it as `64M`, or a number of bytes")
        };
        let end = trimmed
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(trimmed.len());
        let (number, suffix) = trimmed.split_at(end);
        let suffix = suffix.trim_start();
        let factor = match suffix {
            "" => 1,
            _ => {
                SUFFIXES
                    .iter()
                    .find(|(_, s)| *s == suffix)
                    .ok_or_else(problem)?
                    .0
            }
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return Err(problem());
        }
        let too_big = || ValueProblem::new(format!("{text:?} is too big a size"));
        let whole: u64 = whole.parse().map_err(|_| too_big())?;
        let mut bytes = u128::from(whole) * u128::from(factor);
        // Digits past the twelfth are far below a byte.
        let (mut parts, mut whole_is) = (0u128, 1u128);
        for digit in fraction.bytes().take(12) {
            parts = parts * 10 + u128::from(digit - b'0');
            whole_is *= 10;
        }
        bytes += parts * u128::from(factor) / whole_is;
        u64::try_from(bytes)
            .ok()
            .filter(|n| *n != u64::MAX)
            .map(Size)
            .ok_or_else(too_big)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Size::INFINITY {
            return f.write_str("infinity");
        }
        if self.0 == 0 {
            return f.write_str("0");
        }
        let fits = SUFFIXES
            .iter()
            .find(|(factor, _)| self.0.is_multiple_of(*factor));
        match fits {
            Some((factor, suffix)) if *factor > 1 => write!(f, "{}{suffix}", self.0 / factor),
            _ => write!(f, "{}", self.0),
        }
    }
}

super::serde_as_text!(Size);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_suffixes() {
        for (text, bytes) in [
            ("64M", 64 << 20),
            ("1.5K", 1536),
            ("0", 0),
            ("10B", 10),
            ("2 G", 2 << 30),
        ] {
            assert_eq!(Size::parse(text), Ok(Size(bytes)), "{text}");
        }
        for bad in ["", "M", "1X", "-1", "16E", "1.x", "64MB"] {
            assert!(Size::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn print_then_parse(n in any::<u64>()) {
            prop_assert_eq!(Size::parse(&Size(n).to_string()), Ok(Size(n)));
        }

        #[test]
        fn any_text(text in any::<String>()) {
            let _ = Size::parse(&text);
        }
    }
}
