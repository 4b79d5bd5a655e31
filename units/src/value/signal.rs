//! Signals by name and number, as Linux numbers them.

use std::fmt;

use super::ValueProblem;

/// A signal number from 1 to 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(u8);

/// The named signals, by number minus one.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// Other names in use for some of them.
const ALIASES: [(&str, Signal); 3] = [
    ("IOT", Signal(6)),
    ("CLD", Signal(17)),
    ("POLL", Signal(29)),
];

impl Signal {
    /// SIGHUP
    pub const HUP: Signal = Signal(1);
    /// SIGINT
    pub const INT: Signal = Signal(2);
    /// SIGABRT
    pub const ABRT: Signal = Signal(6);
    /// SIGKILL
    pub const KILL: Signal = Signal(9);
    /// SIGPIPE
    pub const PIPE: Signal = Signal(13);
    /// SIGTERM
    pub const TERM: Signal = Signal(15);
    /// SIGCONT
    pub const CONT: Signal = Signal(18);
    /// SIGRTMIN: the C library keeps 32 and 33 for itself.
    pub const RTMIN: Signal = Signal(34);
    /// SIGRTMAX
    pub const RTMAX: Signal = Signal(64);

    /// The signal with this number, 1 to 64.
    pub const fn from_number(number: i32) -> Option<Signal> {
        // The test above the cast keeps every bit.
        if 1 <= number && number <= 64 {
            Some(Signal(number as u8))
        } else {
            None
        }
    }

    /// Its number.
    pub const fn number(self) -> i32 {
        self.0 as i32
    }

    /// Which real-time signal it is: 0 for SIGRTMIN; `None` for the plain ones.
    pub const fn real_time(self) -> Option<u8> {
        self.0.checked_sub(Signal::RTMIN.0)
    }

    /// Reads `"SIGTERM"`, `"TERM"`, `"15"`, `"SIGRTMIN+3"`, `"RTMAX-1"`.
    ///
    /// # Errors
    /// When there is no such signal.
    pub fn parse(text: &str) -> Result<Signal, ValueProblem> {
        let trimmed = text.trim();
        let signal = if trimmed.bytes().all(|b| b.is_ascii_digit()) {
            trimmed.parse().ok().and_then(Signal::from_number)
        } else {
            Signal::from_name(trimmed)
        };
        signal.ok_or_else(|| {
            let bare = trimmed.to_ascii_uppercase();
            let bare = bare.strip_prefix("SIG").unwrap_or(&bare);
            let problem = ValueProblem::new(format!("{text:?} is no signal"));
            // Names of four letters are all a little alike: only one differing letter is a typo.
            match NAMES
                .iter()
                .find(|name| strsim::osa_distance(bare, name) == 1)
            {
                Some(name) => problem.with_hint(format!("did you mean `SIG{name}`?")),
                None => problem.with_hint("write its name, such as `SIGTERM`, or its number"),
            }
        })
    }

    /// The signal of this name, with or without `SIG`; numbers are not names.
    pub fn from_name(name: &str) -> Option<Signal> {
        let bare = name.strip_prefix("SIG").unwrap_or(name);
        if let Some(at) = NAMES.iter().position(|known| *known == bare) {
            return Signal::from_number(i32::try_from(at).ok()? + 1);
        }
        if let Some((_, signal)) = ALIASES.iter().find(|(alias, _)| *alias == bare) {
            return Some(*signal);
        }
        let number = match bare.split_at_checked(5)? {
            ("RTMIN", "") => Signal::RTMIN.0,
            ("RTMAX", "") => Signal::RTMAX.0,
            ("RTMIN", rest) => {
                let above = digits(rest.strip_prefix('+')?)?;
                Signal::RTMIN.0.checked_add(above)?
            }
            ("RTMAX", rest) => {
                let below = digits(rest.strip_prefix('-')?)?;
                Signal::RTMAX.0.checked_sub(below)?
            }
            _ => return None,
        };
        let signal = Signal::from_number(number.into())?;
        signal.real_time().map(|_| signal)
    }
}

fn digits(text: &str) -> Option<u8> {
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())?
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.get(usize::from(self.0) - 1) {
            Some(name) => f.pad(&format!("SIG{name}")),
            None => match self.real_time() {
                Some(0) => f.pad("SIGRTMIN"),
                Some(above) => f.pad(&format!("SIGRTMIN+{above}")),
                None => f.pad(&self.0.to_string()),
            },
        }
    }
}

super::serde_as_text!(Signal);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_round_trips() {
        for number in 1..=64 {
            let signal = Signal::from_number(number).unwrap();
            assert_eq!(Signal::parse(&signal.to_string()), Ok(signal));
        }
    }

    #[test]
    fn names() {
        for (text, number) in [
            ("SIGTERM", 15),
            ("TERM", 15),
            ("15", 15),
            ("SIGRTMIN", 34),
            ("RTMIN+3", 37),
            ("SIGRTMAX-14", 50),
            ("SIGPOLL", 29),
        ] {
            assert_eq!(Signal::parse(text).unwrap().number(), number, "{text}");
        }
        for bad in [
            "", "0", "65", "SIGTREM", "RTMIN-1", "RTMAX+1", "RTMIN+31", "RTMIN+", "TERMÄ",
        ] {
            assert!(Signal::parse(bad).is_err(), "{bad}");
        }
        let problem = Signal::parse("SIGTREM").unwrap_err();
        assert_eq!(problem.hint.as_deref(), Some("did you mean `SIGTERM`?"));
    }
}
