//! What is wrong with what somebody wrote: where, what, and what would be right. Reading never
//! stops at the first problem, so diagnostics are values that pile up.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::name::UnitName;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The unit works, but perhaps not as meant.
    Warning,
    /// The unit cannot be used as written.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// A position in a file. Line and column count from 1, columns in characters; 0 is "the file".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The file, as it was named to us.
    pub path: Arc<str>,
    /// The line, from 1; 0 when the place is the file as a whole.
    pub line: u32,
    /// The column in characters, from 1; 0 when the place is a whole line or file.
    pub column: u32,
}

impl Place {
    /// The file as a whole.
    pub fn file(path: impl Into<Arc<str>>) -> Place {
        Place {
            path: path.into(),
            line: 0,
            column: 0,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => write!(f, "{}", self.path),
            (line, 0) => write!(f, "{}:{line}", self.path),
            (line, column) => write!(f, "{}:{line}:{column}", self.path),
        }
    }
}

/// One finding. `Display` renders it for people, over one or two lines without a final newline:
///
/// ```text
/// web.toml:4:1: error: unknown setting `exec-strat` in [service]
///   hint: did you mean `exec-start`?
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// What is wrong; lower case, no final period.
    pub message: String,
    /// What would be right, where we can tell.
    pub hint: Option<String>,
    /// The unit it is about, where it is about one.
    pub unit: Option<UnitName>,
}

impl Diagnostic {
    /// An error at `place`.
    pub fn error(place: Place, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            place,
            message: message.into(),
            hint: None,
            unit: None,
        }
    }

    /// A warning at `place`.
    pub fn warning(place: Place, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Warning,
            ..Diagnostic::error(place, message)
        }
    }

    /// With what would be right.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Diagnostic {
        Diagnostic {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// About `unit`.
    #[must_use]
    pub fn about(self, unit: &UnitName) -> Diagnostic {
        Diagnostic {
            unit: Some(unit.clone()),
            ..self
        }
    }

    /// Whether this is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.severity, self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// The candidate most like `written`, if any is near enough to be what was meant.
pub(crate) fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Nobody mistypes a name of this length; comparing it would only cost time.
    if written.len() > 64 {
        return None;
    }
    let written = written.to_ascii_lowercase().replace('_', "-");
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&written, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_with_place_and_hint() {
        let place = Place {
            path: "web.toml".into(),
            line: 4,
            column: 1,
        };
        let found = Diagnostic::error(place, "unknown setting `exec-strat` in [service]")
            .with_hint("did you mean `exec-start`?");
        assert_eq!(
            found.to_string(),
            "web.toml:4:1: error: unknown setting `exec-strat` in [service]\n  hint: did you mean `exec-start`?"
        );
        assert_eq!(Place::file("a").to_string(), "a");
    }

    #[test]
    fn nearest_finds_typos_only() {
        let keys = ["exec-start", "exec-stop", "restart"];
        assert_eq!(nearest("exec-strat", keys), Some("exec-start"));
        assert_eq!(nearest("Exec_Start", keys), Some("exec-start"));
        assert_eq!(nearest("colour", keys), None);
    }
}
