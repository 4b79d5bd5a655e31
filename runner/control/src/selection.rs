//! Which units a question is about.

use engine::view::systemd::UnitView;

use crate::words::{Word, load_state};

/// A choice of units by name and state. The default takes all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Glob patterns (`*`, `?`, `[a-z]`, `[!a]`) of names; a unit has to match one. Empty: all.
    pub patterns: Vec<String>,
    /// Load states, active states or sub-states; a unit has to be in one. Empty: all.
    pub states: Vec<String>,
}

impl Selection {
    /// Whether `view` is chosen.
    #[must_use]
    pub fn takes(&self, view: &UnitView) -> bool {
        let name = view.name.as_str();
        let by_name =
            self.patterns.is_empty() || self.patterns.iter().any(|pattern| matches(pattern, name));
        by_name
            && (self.states.is_empty()
                || self.states.iter().any(|state| {
                    [view.active.word(), view.sub.word(), load_state(view)]
                        .contains(&state.as_str())
                }))
    }
}

/// Whether `text` matches `pattern`, as fnmatch(3) without flags. Takes time proportional to the
/// product of the lengths at worst, so a stranger's pattern is harmless.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go on when the text does not match: after the last `*`, one byte further.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                retry = Some((p, t));
                continue;
            }
            Some(_) if t < text.len() => {
                if let Some(next) = one(pattern, p, text[t]) {
                    p = next;
                    t += 1;
                    continue;
                }
            }
            None if t == text.len() => return true,
            _ => {}
        }
        match retry {
            Some((after, at)) if at < text.len() => {
                p = after;
                t = at + 1;
                retry = Some((after, at + 1));
            }
            _ => return false,
        }
    }
}

/// Matches one byte against the element of `pattern` at `p`; gives the place after the element.
fn one(pattern: &[u8], p: usize, byte: u8) -> Option<usize> {
    match pattern[p] {
        b'?' => Some(p + 1),
        b'\\' if p + 1 < pattern.len() => (pattern[p + 1] == byte).then_some(p + 2),
        b'[' => match class(&pattern[p + 1..], byte) {
            Some((true, length)) => Some(p + 1 + length),
            Some((false, _)) => None,
            // No closing bracket: the bracket stands for itself.
            None => (byte == b'[').then_some(p + 1),
        },
        literal => (literal == byte).then_some(p + 1),
    }
}

/// Matches a bracket expression whose `[` is already behind us; `None` if it is never closed.
fn class(rest: &[u8], byte: u8) -> Option<(bool, usize)> {
    let negated = matches!(rest.first(), Some(b'!' | b'^'));
    let start = usize::from(negated);
    let mut at = start;
    let mut found = false;
    loop {
        let low = *rest.get(at)?;
        if low == b']' && at > start {
            return Some((found != negated, at + 1));
        }
        match (rest.get(at + 1), rest.get(at + 2)) {
            (Some(b'-'), Some(&high)) if high != b']' => {
                found |= (low..=high).contains(&byte);
                at += 3;
            }
            _ => {
                found |= low == byte;
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn globs_match_as_fnmatch() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "web.service", true),
            ("web*", "web.service", true),
            ("*.socket", "web.service", false),
            ("w?b.service", "web.service", true),
            ("w?b", "web.service", false),
            ("[a-w]eb.*", "web.service", true),
            ("[!a-v]eb.*", "web.service", true),
            ("[!w]eb.*", "web.service", false),
            ("[]]", "]", true),
            ("[", "[", true),
            ("[a", "a", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("*a*b", "xaxxb", true),
            ("*a*b", "xaxxbc", false),
            ("worker@*.service", "worker@3.service", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends() {
        let pattern = "*a".repeat(100);
        assert!(!matches(&pattern, &"a".repeat(99)));
        assert!(!matches(&format!("{pattern}b"), &"a".repeat(250)));
    }
}
