//! Log files that we write: a path, or one we choose ourselves.

use std::fmt;

use super::{ValueProblem, absolute_path};

/// Where an output is logged to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LogFile {
    /// A file of its own with a name we choose, gone when we start the next time (`auto`).
    Auto {
        /// Its directory; the one for temporary files where none is named.
        directory: Option<Box<str>>,
    },
    /// A file by path; a relative one begins at the directory we were started in.
    Path(Box<str>),
}

impl LogFile {
    /// Reads `auto`, `auto:DIR` or a path.
    ///
    /// # Errors
    /// When it is empty, contains a NUL character, or the directory is not absolute.
    pub fn parse(text: &str) -> Result<LogFile, ValueProblem> {
        if text == "auto" {
            return Ok(LogFile::Auto { directory: None });
        }
        if let Some(directory) = text.strip_prefix("auto:") {
            return Ok(LogFile::Auto {
                directory: Some(absolute_path(directory)?.into()),
            });
        }
        if text.is_empty() || text.contains('\0') || text.len() >= 4096 {
            return Err(ValueProblem::new(format!("{text:?} is no path")));
        }
        Ok(LogFile::Path(text.into()))
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
        for text in ["auto", "auto:/var/log", "/var/log/a.log", "a.log", "../a"] {
            assert_eq!(LogFile::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "auto:", "auto:log", "a\0b"] {
            assert!(LogFile::parse(bad).is_err(), "{bad}");
        }
    }
}
