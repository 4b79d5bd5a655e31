//! Log files that we write: a path, or one we choose ourselves.

use std::fmt;

use super::ValueProblem;

/// Where an output is logged to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LogFile {
    /// A file of its own with a name we choose, gone when we start the next time (`auto`).
    Auto {
        /// Its directory, a relative one from where we were started; the one for temporary files
        /// where none is named.
        directory: Option<Box<str>>,
    },
    /// A file by path; a relative one begins at the directory we were started in.
    Path(Box<str>),
}

impl LogFile {
    /// Reads `auto`, `auto:DIR` or a path.
    ///
    /// # Errors
    /// When the path is empty or contains a NUL character.
    pub fn parse(text: &str) -> Result<LogFile, ValueProblem> {
        if text == "auto" {
            return Ok(LogFile::Auto { directory: None });
        }
        let (path, is_auto) = match text.strip_prefix("auto:") {
            Some(directory) => (directory, true),
            None => (text, false),
        };
        if path.is_empty() || path.contains('\0') || path.len() >= 4096 {
            return Err(ValueProblem::new(format!("{path:?} is no path")));
        }
        Ok(match is_auto {
            true => LogFile::Auto {
                directory: Some(path.into()),
            },
            false => LogFile::Path(path.into()),
        })
    }
}

impl fmt::Display for LogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogFile::Auto { directory: None } => f.write_str("auto"),
            LogFile::Auto {
                directory: Some(directory),
            } => write!(f, "auto:{directory}"),
            LogFile::Path(path) => f.write_str(path),
        }
    }
}

super::serde_as_text!(LogFile);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        for text in [
            "auto",
            "auto:/var/log",
            "auto:log",
            "/var/log/a.log",
            "a.log",
            "../a",
        ] {
            assert_eq!(LogFile::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "auto:", "auto:\0", "a\0b"] {
            assert!(LogFile::parse(bad).is_err(), "{bad}");
        }
    }
}
