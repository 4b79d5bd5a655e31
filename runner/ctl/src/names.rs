//! Units as a person types them: `web` means `web.service`, `web*` every loaded unit that matches.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use units::{UnitKind, UnitName};

/// A name or a pattern from the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitArg(String);

/// The characters that make a pattern of a name.
const WILD: [char; 3] = ['*', '?', '['];

impl UnitArg {
    /// The text for the manager: with `.service` where no suffix names a kind.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it may stand for several units.
    pub fn is_pattern(&self) -> bool {
        self.0.contains(WILD)
    }

    /// Whether `name` is what was typed, or matches it.
    pub fn matches(&self, name: &str) -> bool {
        if self.is_pattern() {
            glob(self.0.as_bytes(), name.as_bytes())
        } else {
            self.0 == name
        }
    }
}

impl FromStr for UnitArg {
    type Err = Infallible;

    /// Takes any text: whether such a unit exists, and what is wrong with its name, the manager
    /// says best.
    fn from_str(text: &str) -> Result<UnitArg, Infallible> {
        let has_kind = UnitKind::ALL.iter().any(|kind| {
            text.strip_suffix(kind.as_str())
                .is_some_and(|stem| stem.ends_with('.'))
        });
        let open = text.ends_with(WILD) || text.ends_with(']');
        let complete = has_kind || open || UnitName::parse(text).is_ok() || text.is_empty();
        Ok(UnitArg(if complete {
            text.to_owned()
        } else {
            format!("{text}.service")
        }))
    }
}

impl fmt::Display for UnitArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Shell matching of `*`, `?` and `[…]`. Remembers only the last `*`, so it cannot take
/// exponential time.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while t < text.len() {
        let step = match pattern.get(p) {
            Some(b'*') => {
                last_star = Some((p, t));
                p += 1;
                continue;
            }
            Some(b'?') => Some(1),
            Some(b'[') => class(&pattern[p..], text[t]),
            Some(byte) if *byte == text[t] => Some(1),
            _ => None,
        };
        match (step, last_star) {
            (Some(length), _) => {
                p += length;
                t += 1;
            }
            (None, Some((star, from))) => {
                last_star = Some((star, from + 1));
                p = star + 1;
                t = from + 1;
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// The length of the `[…]` at the start of `pattern` if it contains `byte`. A bracket that is not
/// closed matches itself.
fn class(pattern: &[u8], byte: u8) -> Option<usize> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let from = if negated { 2 } else { 1 };
    // A `]` that comes first is a member.
    let Some(end) = pattern
        .iter()
        .skip(from + 1)
        .position(|b| *b == b']')
        .map(|at| at + from + 1)
    else {
        return (byte == b'[').then_some(1);
    };
    let members = &pattern[from..end];
    let mut found = false;
    let mut at = 0;
    while at < members.len() {
        if members.get(at + 1) == Some(&b'-') && at + 2 < members.len() {
            found |= (members[at]..=members[at + 2]).contains(&byte);
            at += 3;
        } else {
            found |= members[at] == byte;
            at += 1;
        }
    }
    (found != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arg(text: &str) -> UnitArg {
        text.parse().unwrap()
    }

    #[test]
    fn a_bare_word_is_a_service() {
        for (typed, meant) in [
            ("web", "web.service"),
            ("web.v2", "web.v2.service"),
            ("web.service", "web.service"),
            ("web.socket", "web.socket"),
            ("worker@3", "worker@3.service"),
            ("web*", "web*"),
            ("web[12]", "web[12]"),
            ("w*b", "w*b.service"),
            ("*.socket", "*.socket"),
            ("service", "service.service"),
        ] {
            assert_eq!(arg(typed).as_str(), meant, "{typed}");
        }
    }

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, name, matches) in [
            ("web*", "web.service", true),
            ("web*", "we.service", false),
            ("*", "", true),
            ("w?b.service", "web.service", true),
            ("[a-c]*.service", "b.service", true),
            ("[!a-c]*.service", "b.service", false),
            ("[]x]*", "].service", true),
            (
                "*a*a*a*a*a*a*a*a*b",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                false,
            ),
            ("a[", "a[.service", false),
        ] {
            assert_eq!(arg(pattern).matches(name), matches, "{pattern} {name}");
        }
    }
}
