//! Environment variables set in a unit, and files of them.

use std::fmt;

use super::quoting::{quote, split_words};
use super::{ValueProblem, absolute_path};

/// One `NAME=value`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Assignment {
    /// Letters, digits and `_`, not beginning with a digit.
    pub name: Box<str>,
    /// Any text without NUL.
    pub value: Box<str>,
}

impl Assignment {
    /// Reads one `NAME=value`, everything after the `=` being the value.
    ///
    /// # Errors
    /// When there is no `=`, or the name is none.
    pub fn parse(text: &str) -> Result<Assignment, ValueProblem> {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            ValueProblem::new(format!("{text:?} sets no variable"))
                .with_hint("write it as `NAME=value`")
        })?;
        check_variable_name(name)?;
        if value.contains('\0') {
            return Err(ValueProblem::new(format!(
                "the value of {name} contains a NUL character"
            )));
        }
        Ok(Assignment {
            name: name.into(),
            value: value.into(),
        })
    }

    /// Reads a line of them, quoted as systemd.exec(5) has it: `"A=b c" D=e`; `expand` is applied
    /// to each once quoting is resolved.
    ///
    /// # Errors
    /// As [`Assignment::parse`] and [`split_words`], and whatever `expand` refuses.
    pub fn parse_line_with(
        text: &str,
        expand: &mut dyn FnMut(&str) -> Result<String, ValueProblem>,
    ) -> Result<Vec<Assignment>, ValueProblem> {
        let words = split_words(text)?;
        words
            .iter()
            .map(|word| Assignment::parse(&expand(word)?))
            .collect()
    }
}

/// Checks the name of an environment variable.
fn check_variable_name(name: &str) -> Result<(), ValueProblem> {
    let well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if well {
        Ok(())
    } else {
        Err(
            ValueProblem::new(format!("{name:?} is no name of a variable"))
                .with_hint("letters, digits and `_`, not beginning with a digit"),
        )
    }
}

impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quote(&format!("{}={}", self.name, self.value)))
    }
}

/// A file of variables, read at each start.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EnvironmentFile {
    /// An absolute path.
    pub path: Box<str>,
    /// Whether the file may be missing (`-` before the path).
    pub optional: bool,
}

impl EnvironmentFile {
    /// Reads `"/path"` or `"-/path"`.
    ///
    /// # Errors
    /// When the path is not absolute.
    pub fn parse(text: &str) -> Result<EnvironmentFile, ValueProblem> {
        let (path, optional) = match text.strip_prefix('-') {
            Some(path) => (path, true),
            None => (text, false),
        };
        Ok(EnvironmentFile {
            path: absolute_path(path)?.into(),
            optional,
        })
    }
}

impl fmt::Display for EnvironmentFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.optional { "-" } else { "" }, self.path)
    }
}

super::serde_as_text!(EnvironmentFile);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(text: &str) -> Result<Vec<Assignment>, ValueProblem> {
        Assignment::parse_line_with(text, &mut |word| Ok(word.to_owned()))
    }

    #[test]
    fn assignments() {
        let set = line(r#"A=1 "B=two words" C='x y' D="#).unwrap();
        let shown: Vec<String> = set.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["A=1", "\"B=two words\"", "\"C=x y\"", "D="]);
        for bad in ["A", "1A=x", "A B=c", "=x", "Ä=1", "'A=1"] {
            assert!(line(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn files() {
        assert!(EnvironmentFile::parse("-/etc/default/x").unwrap().optional);
        assert!(EnvironmentFile::parse("etc/default/x").is_err());
    }

    proptest! {
        #[test]
        fn print_then_parse(name in "[A-Za-z_][A-Za-z0-9_]*", value in "[^\0]*") {
            let set = Assignment { name: name.into(), value: value.into() };
            prop_assert_eq!(line(&set.to_string()), Ok(vec![set]));
        }
    }
}
