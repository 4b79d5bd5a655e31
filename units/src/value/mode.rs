//! File access modes.

use std::fmt;

use super::ValueProblem;

/// Permission bits, at most `0o7777`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mode(u16);

impl Mode {
    /// The mode with these bits; `None` above `0o7777`.
    pub const fn from_bits(bits: u32) -> Option<Mode> {
        // The test above the cast keeps every bit.
        if bits <= 0o7777 {
            Some(Mode(bits as u16))
        } else {
            None
        }
    }

    /// The bits.
    pub const fn bits(self) -> u32 {
        self.0 as u32
    }

    /// Reads octal digits: `"0660"`, `"660"`, `"0o660"`.
    ///
    /// # Errors
    /// When there is anything but octal digits, or a bit above `7777`.
    pub fn parse(text: &str) -> Result<Mode, ValueProblem> {
        let trimmed = text.trim();
        let digits = trimmed.strip_prefix("0o").unwrap_or(trimmed);
        Some(digits)
            .filter(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|d| u32::from_str_radix(d, 8).ok())
            .and_then(Mode::from_bits)
            .ok_or_else(|| {
                ValueProblem::new(format!("{text:?} is no access mode"))
                    .with_hint("write up to four octal digits, such as `\"0660\"` or `0o660`")
            })
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

super::serde_as_text!(Mode);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_round_trips() {
        for bits in 0..=0o7777 {
            let mode = Mode::from_bits(bits).unwrap();
            assert_eq!(Mode::parse(&mode.to_string()), Ok(mode));
        }
        assert_eq!(Mode::parse("0o660").unwrap().bits(), 0o660);
        for bad in ["", "8", "10000", "rw", "-1", "+7"] {
            assert!(Mode::parse(bad).is_err(), "{bad}");
        }
    }
}
