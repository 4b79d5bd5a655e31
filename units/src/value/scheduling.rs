//! How the kernel shares processors and disks out (systemd.exec(5), "Scheduling").

use std::fmt;

use super::{ValueProblem, parse_integer};

super::words! {
    /// How a process competes for processors (sched(7)).
    pub enum CpuPolicy {
        /// as every program does
        Other = "other",
        /// as one that computes in the background
        Batch = "batch",
        /// only when nobody else wants to run
        Idle = "idle",
        /// real time: until it waits or something more important runs
        Fifo = "fifo",
        /// real time, taking turns with others of its priority
        Rr = "rr",
    }
}

impl CpuPolicy {
    /// The number the kernel has for it, which may be written as well.
    pub const fn number(self) -> i32 {
        match self {
            CpuPolicy::Other => 0,
            CpuPolicy::Fifo => 1,
            CpuPolicy::Rr => 2,
            CpuPolicy::Batch => 3,
            CpuPolicy::Idle => 5,
        }
    }

    /// Whether it has priorities, 1 to 99.
    pub const fn is_real_time(self) -> bool {
        matches!(self, CpuPolicy::Fifo | CpuPolicy::Rr)
    }
}

super::words! {
    /// How a process competes for disks (ioprio_set(2)).
    pub enum IoClass {
        /// as its nice level says
        None = "none",
        /// before everybody else
        RealTime = "realtime",
        /// as every program does
        BestEffort = "best-effort",
        /// only when nobody else wants the disk
        Idle = "idle",
    }
}

impl IoClass {
    /// The number the kernel has for it, which may be written as well.
    pub const fn number(self) -> i32 {
        match self {
            IoClass::None => 0,
            IoClass::RealTime => 1,
            IoClass::BestEffort => 2,
            IoClass::Idle => 3,
        }
    }
}

super::words! {
    /// On which memory nodes memory is taken (set_mempolicy(2)).
    pub enum NumaPolicy {
        /// where the process runs, as everybody's
        Default = "default",
        /// the nodes of `numa-mask` first
        Preferred = "preferred",
        /// the nodes of `numa-mask` only
        Bind = "bind",
        /// in turns from each of the nodes of `numa-mask`
        Interleave = "interleave",
        /// where the process runs, whatever holds for others
        Local = "local",
    }
}

impl NumaPolicy {
    /// The number the kernel has for it.
    pub const fn number(self) -> i32 {
        match self {
            NumaPolicy::Default => 0,
            NumaPolicy::Preferred => 1,
            NumaPolicy::Bind => 2,
            NumaPolicy::Interleave => 3,
            NumaPolicy::Local => 4,
        }
    }
}

/// Processors, or memory nodes, by number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct CpuSet {
    /// `numa`: the processors of the nodes of `numa-mask` belong to it too.
    pub numa: bool,
    /// `all`: every memory node there is.
    pub all: bool,
    /// Sorted, each once.
    numbers: Box<[u16]>,
}

/// As many as the kernel can be built for.
const MOST: u16 = 8192;

impl CpuSet {
    /// The numbers, in ascending order.
    pub fn numbers(&self) -> &[u16] {
        &self.numbers
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        !self.numa && !self.all && self.numbers.is_empty()
    }

    /// This set and what `text` lists: numbers and ranges (`0-3`), separated by spaces or commas;
    /// `numa`; `all`.
    ///
    /// # Errors
    /// When something is no range of numbers below 8192.
    pub fn with(&self, text: &str) -> Result<CpuSet, ValueProblem> {
        let mut set = self.clone();
        let mut numbers = self.numbers.to_vec();
        let separators = |c: char| c == ',' || c.is_ascii_whitespace();
        for word in text.split(separators).filter(|word| !word.is_empty()) {
            match word {
                "numa" => set.numa = true,
                "all" => set.all = true,
                range => numbers.extend(parse_range(range)?),
            }
        }
        crate::sort::all(&mut numbers);
        numbers.dedup();
        set.numbers = numbers.into();
        Ok(set)
    }

    /// The set as a bit mask in words of 64 bits, long enough for its highest number.
    pub fn mask(&self) -> Vec<u64> {
        let highest = self.numbers.last().copied().unwrap_or_default();
        let mut mask = vec![0; usize::from(highest) / 64 + 1];
        for number in &self.numbers {
            if let Some(word) = mask.get_mut(usize::from(*number) / 64) {
                *word |= 1 << (number % 64);
            }
        }
        mask
    }
}

fn parse_range(range: &str) -> Result<std::ops::RangeInclusive<u16>, ValueProblem> {
    let number = |text: &str| text.parse::<u16>().ok().filter(|number| *number < MOST);
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        _ => Err(
            ValueProblem::new(format!("{range:?} is no processor and no range of them"))
                .with_hint("write `0-3 6`, counting from 0"),
        ),
    }
}

impl fmt::Display for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        if self.numa {
            words.push("numa".to_owned());
        }
        if self.all {
            words.push("all".to_owned());
        }
        let mut rest = &*self.numbers;
        while let Some((first, _)) = rest.split_first() {
            let run = rest
                .iter()
                .zip(*first..)
                .take_while(|(number, expected)| *number == expected)
                .count();
            let (run, after) = rest.split_at(run);
            words.push(match run {
                [first, .., last] => format!("{first}-{last}"),
                _ => first.to_string(),
            });
            rest = after;
        }
        f.write_str(&words.join(" "))
    }
}

/// A whole number between two others, for a setting called `what`.
pub(crate) fn parse_between(
    text: &str,
    what: &str,
    range: std::ops::RangeInclusive<i32>,
) -> Result<i32, ValueProblem> {
    let text = text.trim();
    let number = parse_integer(text.strip_prefix('+').unwrap_or(text))?;
    if range.contains(&number) {
        Ok(number)
    } else {
        Err(
            ValueProblem::new(format!("{text} is no {what}")).with_hint(format!(
                "write a number from {} to {}",
                range.start(),
                range.end()
            )),
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges() {
        let set = CpuSet::default()
            .with("0-2,5 64")
            .unwrap()
            .with("3 numa")
            .unwrap();
        assert_eq!(set.numbers(), [0, 1, 2, 3, 5, 64]);
        assert_eq!(set.to_string(), "numa 0-3 5 64");
        assert_eq!(set.mask(), [0b10_1111, 1]);
        for bad in ["x", "3-1", "-1", "8192", "1-"] {
            assert!(CpuSet::default().with(bad).is_err(), "{bad}");
        }
        assert!(parse_between("+19", "nice level", -20..=19).is_ok());
        assert!(parse_between("20", "nice level", -20..=19).is_err());
    }

    proptest! {
        #[test]
        fn print_then_parse(numbers in proptest::collection::vec(0u16..300, 0..20)) {
            let text: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            let set = CpuSet::default().with(&text.join(" ")).unwrap();
            prop_assert_eq!(CpuSet::default().with(&set.to_string()), Ok(set));
        }
    }
}
