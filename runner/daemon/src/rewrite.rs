//! Signals that mean others: `--rewrite`, as dumb-init has it.

use units::value::Signal;

/// One signal that we are sent, and what it is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewrite {
    from: Signal,
    /// Nothing at all where there is none.
    to: Option<Signal>,
}

impl Rewrite {
    /// Reads `FROM:TO`, two signals by name or number; 0 is none.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Rewrite, String> {
        let cannot = |why: &str| format!("--rewrite cannot be {text:?}: {why}");
        let (from, to) = text
            .split_once(':')
            .ok_or_else(|| cannot("it is not of the form FROM:TO, such as TERM:QUIT"))?;
        let signal =
            |word: &str| Signal::parse(word).map_err(|problem| cannot(&problem.to_string()));
        let from = signal(from)?;
        if [libc::SIGKILL, libc::SIGSTOP].contains(&from.number()) {
            return Err(cannot("nobody ever gets to see that signal"));
        }
        let to = match to {
            "0" => None,
            word => Some(signal(word)?),
        };
        Ok(Rewrite { from, to })
    }
}

/// What a signal is taken for; of several rewrites of one the last one counts.
#[must_use]
pub(crate) fn taken_for(rewrites: &[Rewrite], signal: Signal) -> Option<Signal> {
    let of_it = rewrites.iter().rev().find(|rewrite| rewrite.from == signal);
    of_it.map_or(Some(signal), |rewrite| rewrite.to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let named = |name: &str| Signal::parse(name).unwrap();
        let rewrites: Vec<Rewrite> = ["15:3", "SIGHUP:USR1", "WINCH:0", "15:INT"]
            .iter()
            .map(|text| Rewrite::parse(text).unwrap())
            .collect();
        for (from, to) in [
            ("TERM", Some("INT")),
            ("HUP", Some("USR1")),
            ("USR1", Some("USR1")),
            ("WINCH", None),
        ] {
            assert_eq!(taken_for(&rewrites, named(from)), to.map(named), "{from}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for text in [
            "",
            "15",
            "15:",
            ":3",
            "TERM:NOSUCH",
            "0:3",
            "KILL:TERM",
            "TERM:3:4",
        ] {
            let sentence = Rewrite::parse(text).unwrap_err();
            assert!(sentence.contains(&format!("{text:?}")), "{sentence}");
        }
    }
}
