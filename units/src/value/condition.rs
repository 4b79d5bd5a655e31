//! One test of a `condition-*` or `assert-*` setting.

use serde::{Deserialize, Serialize};

use super::{ValueProblem, absolute_path};

/// What is tested, and how its outcome counts among the others of the unit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Condition {
    /// `|`: of all conditions marked so, one is enough.
    pub trigger: bool,
    /// `!`: the outcome is turned round.
    pub negate: bool,
    /// What is tested; its grammar depends on the kind of condition.
    pub parameter: Box<str>,
}

impl Condition {
    /// Reads a condition: `|`, `!`, then the parameter, with white space between. The parameter
    /// alone goes through `expand`, as systemd expands specifiers in it alone.
    pub(crate) fn parse_with(
        text: &str,
        expand: impl FnOnce(&str) -> Result<String, ValueProblem>,
    ) -> Result<Condition, ValueProblem> {
        let trimmed = text.trim();
        let (trigger, rest) = after(trimmed, '|');
        let (negate, rest) = after(rest, '!');
        Ok(Condition {
            trigger,
            negate,
            parameter: expand(rest)?.into(),
        })
    }

    /// The same, the parameter being an absolute path, which is cleaned of what says nothing.
    pub(crate) fn parse_path_with(
        text: &str,
        expand: impl FnOnce(&str) -> Result<String, ValueProblem>,
    ) -> Result<Condition, ValueProblem> {
        let mut condition = Condition::parse_with(text, expand)?;
        absolute_path(&condition.parameter)?;
        condition.parameter = simplified(&condition.parameter).into();
        Ok(condition)
    }
}

/// Whether `text` begins with the mark, and what comes after it.
fn after(text: &str, mark: char) -> (bool, &str) {
    match text.strip_prefix(mark) {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text),
    }
}

/// An absolute path without repeated slashes, `.` and a slash at its end.
fn simplified(path: &str) -> String {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    format!("/{}", parts.join("/"))
}

/// As it was written, its specifiers replaced.
impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = |set: bool, mark: &'static str| if set { mark } else { "" };
        write!(
            f,
            "{}{}{}",
            mark(self.trigger, "|"),
            mark(self.negate, "!"),
            self.parameter
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Condition {
        Condition::parse_with(text, |text| Ok(text.to_owned())).expect("a condition")
    }

    fn path(text: &str) -> Result<Condition, ValueProblem> {
        Condition::parse_path_with(text, |text| Ok(text.to_owned()))
    }

    #[test]
    fn marks_stand_before_the_parameter_in_one_order() {
        for (text, trigger, negate, parameter) in [
            ("x", false, false, "x"),
            ("|x", true, false, "x"),
            ("!x", false, true, "x"),
            ("|!x", true, true, "x"),
            ("| ! x y", true, true, "x y"),
            // The other way round the second mark is part of the parameter.
            ("!|x", false, true, "|x"),
            ("", false, false, ""),
        ] {
            let found = parse(text);
            assert_eq!(
                (found.trigger, found.negate, &*found.parameter),
                (trigger, negate, parameter),
                "{text:?}"
            );
            assert_eq!(parse(&found.to_string()), found, "{text:?}");
        }
    }

    #[test]
    fn only_the_parameter_is_expanded() {
        let mut seen = String::new();
        let condition = Condition::parse_with("|!%t", |text| {
            seen = text.to_owned();
            Ok("!run".to_owned())
        })
        .expect("a condition");
        assert_eq!(seen, "%t");
        assert_eq!(&*condition.parameter, "!run");
    }

    #[test]
    fn paths_are_absolute_and_clean() {
        assert_eq!(&*path("!//etc/./x/").expect("a path").parameter, "/etc/x");
        assert_eq!(&*path("/").expect("a path").parameter, "/");
        for bad in ["etc", "", "|", "!", "/a/../b"] {
            assert!(path(bad).is_err(), "{bad:?}");
        }
    }
}
