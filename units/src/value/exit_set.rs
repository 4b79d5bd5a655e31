//! Sets of exit codes and signals that count as success.

use std::fmt;

use super::{Signal, ValueProblem};

/// Exit codes and ending signals, each sorted and without repetition.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ExitSet {
    codes: Box<[u8]>,
    signals: Box<[Signal]>,
}

/// Names of exit codes: those of the C library, sysexits.h (also with `EX_` before them) and
/// systemd.exec(5).
const NAMES: &[(&str, u8)] = &[
    ("SUCCESS", 0),
    ("FAILURE", 1),
    ("INVALIDARGUMENT", 2),
    ("NOTIMPLEMENTED", 3),
    ("NOPERMISSION", 4),
    ("NOTINSTALLED", 5),
    ("NOTCONFIGURED", 6),
    ("NOTRUNNING", 7),
    ("USAGE", 64),
    ("DATAERR", 65),
    ("NOINPUT", 66),
    ("NOUSER", 67),
    ("NOHOST", 68),
    ("UNAVAILABLE", 69),
    ("SOFTWARE", 70),
    ("OSERR", 71),
    ("OSFILE", 72),
    ("CANTCREAT", 73),
    ("IOERR", 74),
    ("TEMPFAIL", 75),
    ("PROTOCOL", 76),
    ("NOPERM", 77),
    ("CONFIG", 78),
    ("CHDIR", 200),
    ("NICE", 201),
    ("FDS", 202),
    ("EXEC", 203),
    ("MEMORY", 204),
    ("LIMITS", 205),
    ("OOM_ADJUST", 206),
    ("SIGNAL_MASK", 207),
    ("STDIN", 208),
    ("STDOUT", 209),
    ("CHROOT", 210),
    ("IOPRIO", 211),
    ("TIMERSLACK", 212),
    ("SECUREBITS", 213),
    ("SETSCHEDULER", 214),
    ("CPUAFFINITY", 215),
    ("GROUP", 216),
    ("USER", 217),
    ("CAPABILITIES", 218),
    ("CGROUP", 219),
    ("SETSID", 220),
    ("CONFIRM", 221),
    ("STDERR", 222),
    ("PAM", 224),
    ("NETWORK", 225),
    ("NAMESPACE", 226),
    ("NO_NEW_PRIVILEGES", 227),
    ("SECCOMP", 228),
    ("SELINUX_CONTEXT", 229),
    ("PERSONALITY", 230),
    ("APPARMOR", 231),
    ("ADDRESS_FAMILIES", 232),
    ("RUNTIME_DIRECTORY", 233),
    ("CHOWN", 235),
    ("SMACK_PROCESS_LABEL", 236),
    ("KEYRING", 237),
    ("STATE_DIRECTORY", 238),
    ("CACHE_DIRECTORY", 239),
    ("LOGS_DIRECTORY", 240),
    ("CONFIGURATION_DIRECTORY", 241),
    ("NUMA_POLICY", 242),
    ("CREDENTIALS", 243),
];

impl ExitSet {
    /// The name of an exit code, as `status` shows it: `EXEC` for 203.
    pub fn name_of_code(code: u8) -> Option<&'static str> {
        NAMES
            .iter()
            .find(|(_, known)| *known == code)
            .map(|(name, _)| *name)
    }

    /// Reads words separated by spaces: numbers, names such as `TEMPFAIL` or `EX_TEMPFAIL`, and
    /// signals such as `SIGKILL`.
    ///
    /// # Errors
    /// Names the word that is none of them.
    pub fn parse(text: &str) -> Result<ExitSet, ValueProblem> {
        ExitSet::parse_all(std::iter::once(text))
    }

    /// The union of several texts.
    ///
    /// # Errors
    /// As [`ExitSet::parse`].
    pub fn parse_all<'a>(
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<ExitSet, ValueProblem> {
        let mut codes = Vec::new();
        let mut signals = Vec::new();
        for word in texts.into_iter().flat_map(str::split_ascii_whitespace) {
            if word.bytes().all(|b| b.is_ascii_digit()) {
                let code = word.parse().map_err(|_| {
                    ValueProblem::new(format!("{word:?} is no exit code, which is 0 to 255"))
                })?;
                codes.push(code);
                continue;
            }
            let bare = word.strip_prefix("EX_").unwrap_or(word);
            match NAMES.iter().find(|(name, _)| *name == bare) {
                Some((_, code)) => codes.push(*code),
                None => signals.push(Signal::from_name(word).ok_or_else(|| {
                    ValueProblem::new(format!("{word:?} is no exit code or signal")).with_hint(
                        "write a number, a name such as `TEMPFAIL`, or a signal such as `SIGUSR1`",
                    )
                })?),
            }
        }
        crate::sort::all(&mut codes);
        codes.dedup();
        crate::sort::all(&mut signals);
        signals.dedup();
        Ok(ExitSet {
            codes: codes.into(),
            signals: signals.into(),
        })
    }

    /// Whether this exit code is in the set.
    pub fn has_code(&self, code: i32) -> bool {
        u8::try_from(code).is_ok_and(|code| self.codes.contains(&code))
    }

    /// Whether this signal is in the set.
    pub fn has_signal(&self, signal: Signal) -> bool {
        self.signals.contains(&signal)
    }

    /// The exit codes, ascending.
    pub fn codes(&self) -> &[u8] {
        &self.codes
    }

    /// The signals, ascending.
    pub fn signals(&self) -> &[Signal] {
        &self.signals
    }
}

impl fmt::Display for ExitSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codes = self.codes.iter().map(ToString::to_string);
        // A signal without a name would read back as an exit code; `from_name` never makes one.
        let signals = self.signals.iter().map(ToString::to_string);
        let words: Vec<String> = codes.chain(signals).collect();
        f.write_str(&words.join(" "))
    }
}

super::serde_as_text!(ExitSet);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_names_and_signals() {
        let set = ExitSet::parse("42 TEMPFAIL EX_DATAERR SIGKILL TERM 42").unwrap();
        assert_eq!(set.codes(), [42, 65, 75]);
        assert!(set.has_signal(Signal::KILL) && set.has_signal(Signal::TERM));
        assert!(!set.has_code(-1) && !set.has_code(256 + 42));
        for bad in ["256", "NOPE", "-1"] {
            assert!(ExitSet::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(ExitSet::name_of_code(203), Some("EXEC"));
    }

    proptest! {
        #[test]
        fn print_then_parse(codes: Vec<u8>, signals in proptest::collection::vec(1..32i32, 0..5)) {
            let codes = codes.iter().map(ToString::to_string);
            let signals = signals.iter().map(|n| Signal::from_number(*n).unwrap().to_string());
            let set = ExitSet::parse(&codes.chain(signals).collect::<Vec<_>>().join(" ")).unwrap();
            prop_assert_eq!(ExitSet::parse(&set.to_string()), Ok(set));
        }
    }
}
