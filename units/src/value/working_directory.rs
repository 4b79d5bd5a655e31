//! Where a program runs.

use std::fmt;

use super::{ValueProblem, absolute_path};

/// The directory a program is started in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WorkingDirectory {
    /// The home of the unit's user (`~`).
    Home {
        /// Whether it may be missing (`-~`).
        missing_ok: bool,
    },
    /// The one we were started in (`inherit`).
    Inherit,
    /// A path from the one we were started in, taken as it stands (`inherit:PATH`).
    Below(Box<str>),
    /// A directory by path.
    Path {
        /// An absolute path.
        path: Box<str>,
        /// Whether it may be missing (`-` before the path).
        missing_ok: bool,
    },
}

impl WorkingDirectory {
    /// Reads `"~"`, `"inherit"`, `"inherit:path"`, `"/path"` or `"-/path"`.
    ///
    /// # Errors
    /// When the path is not absolute, except after `inherit:`.
    pub fn parse(text: &str) -> Result<WorkingDirectory, ValueProblem> {
        if let "~" | "-~" = text {
            let missing_ok = text.starts_with('-');
            return Ok(WorkingDirectory::Home { missing_ok });
        }
        if text == "inherit" {
            return Ok(WorkingDirectory::Inherit);
        }
        if let Some(path) = text.strip_prefix("inherit:") {
            if path.contains('\0') || path.len() >= 4096 {
                return Err(ValueProblem::new(format!("{path:?} is no path")));
            }
            return Ok(WorkingDirectory::Below(path.into()));
        }
        let (path, missing_ok) = match text.strip_prefix('-') {
            Some(path) => (path, true),
            None => (text, false),
        };
        Ok(WorkingDirectory::Path {
            path: absolute_path(path)?.into(),
            missing_ok,
        })
    }
}

impl fmt::Display for WorkingDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorkingDirectory::Home { missing_ok: false } => f.write_str("~"),
            WorkingDirectory::Home { missing_ok: true } => f.write_str("-~"),
            WorkingDirectory::Inherit => f.write_str("inherit"),
            WorkingDirectory::Below(path) => write!(f, "inherit:{path}"),
            WorkingDirectory::Path { path, missing_ok } => {
                write!(f, "{}{path}", if *missing_ok { "-" } else { "" })
            }
        }
    }
}

super::serde_as_text!(WorkingDirectory);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        for text in ["~", "-~", "inherit", "inherit:a/../b", "/srv", "-/srv"] {
            assert_eq!(WorkingDirectory::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "srv", "-", "~/x", "/a/../b", "inherit:\0"] {
            assert!(WorkingDirectory::parse(bad).is_err(), "{bad}");
        }
    }
}
