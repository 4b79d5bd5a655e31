//! Two numbers of a process that have no other home: what a core dump holds, and by how much timers
//! may be late.

use std::fmt;

use super::{Span, ValueProblem};

/// Which memory a core dump has (core(5), `coredump_filter`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CoredumpFilter(u64);

impl CoredumpFilter {
    /// The kinds of memory, by bit.
    const KINDS: [&'static str; 9] = [
        "private-anonymous",
        "shared-anonymous",
        "private-file-backed",
        "shared-file-backed",
        "elf-headers",
        "private-huge",
        "shared-huge",
        "private-dax",
        "shared-dax",
    ];
    /// What the kernel starts with.
    const DEFAULT: u64 = 0x33;

    /// The bits.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// This and what `text` lists: kinds of memory, `default`, `all`, or hexadecimal digits.
    ///
    /// # Errors
    /// When a word is none of these.
    pub fn with(self, text: &str) -> Result<CoredumpFilter, ValueProblem> {
        let mut bits = self.0;
        for word in text.split_ascii_whitespace() {
            let kind = CoredumpFilter::KINDS.iter().position(|kind| *kind == word);
            bits |= match (word, kind) {
                ("default", _) => CoredumpFilter::DEFAULT,
                ("all", _) => u64::MAX,
                (_, Some(bit)) => 1 << bit,
                (_, None) => {
                    let digits = word.strip_prefix("0x").unwrap_or(word);
                    u64::from_str_radix(digits, 16).map_err(|_| {
                        let mut words = CoredumpFilter::KINDS.to_vec();
                        words.extend(["default", "all"]);
                        ValueProblem::unknown_word("kind of memory", word, &words)
                    })?
                }
            };
        }
        Ok(CoredumpFilter(bits))
    }
}

impl fmt::Display for CoredumpFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A time in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nanoseconds(pub u64);

impl Nanoseconds {
    /// Reads `"50us"`, `"1ms 500ns"`, or a number of nanoseconds.
    ///
    /// # Errors
    /// When it is no time, or lasts for ever.
    pub fn parse(text: &str) -> Result<Nanoseconds, ValueProblem> {
        let bare = |text: &str| {
            let digits = text.trim_end();
            let digits = digits
                .strip_suffix("nsec")
                .or_else(|| digits.strip_suffix("ns"))
                .unwrap_or(digits)
                .trim_end();
            digits.parse::<u64>().ok()
        };
        let text = text.trim();
        if let Some(number) = bare(text) {
            return Ok(Nanoseconds(number));
        }
        // A part in nanoseconds stands last.
        let (spans, rest) = match text.rsplit_once(' ').and_then(|(spans, last)| {
            let last = last.ends_with("ns").then(|| bare(last)).flatten()?;
            Some((spans, last))
        }) {
            Some((spans, rest)) => (spans, rest),
            None => (text, 0),
        };
        Span::parse(spans)?
            .as_micros()
            .checked_mul(1_000)
            .and_then(|number| number.checked_add(rest))
            .map(Nanoseconds)
            .ok_or_else(|| ValueProblem::new(format!("{text:?} is too long a time")))
    }
}

impl fmt::Display for Nanoseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ns", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_dumps() {
        let filter = |text: &str| {
            CoredumpFilter::default()
                .with(text)
                .map(CoredumpFilter::bits)
        };
        assert_eq!(filter("default"), Ok(0x33));
        assert_eq!(filter("shared-dax 0x1"), Ok(0x101));
        assert_eq!(filter("all"), Ok(u64::MAX));
        assert!(filter("privat").is_err());
        let shown = CoredumpFilter::default().with("elf-headers").unwrap();
        assert_eq!(filter(&shown.to_string()), Ok(0x10));
    }

    #[test]
    fn nanoseconds() {
        for (text, number) in [
            ("50", 50),
            ("7ns", 7),
            ("50us", 50_000),
            ("1ms 5ns", 1_000_005),
            ("2s", 2_000_000_000),
        ] {
            assert_eq!(Nanoseconds::parse(text), Ok(Nanoseconds(number)), "{text}");
        }
        let shown = Nanoseconds(1_000_005);
        assert_eq!(Nanoseconds::parse(&shown.to_string()), Ok(shown));
        assert!(Nanoseconds::parse("soon").is_err() && Nanoseconds::parse("infinity").is_err());
    }
}
