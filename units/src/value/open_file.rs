//! Files that are opened for a service (`open-file`).

use std::fmt;

use super::{ValueProblem, absolute_path};

/// One file to open.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OpenFile {
    /// An absolute path.
    pub path: Box<str>,
    /// Its name in `LISTEN_FDNAMES`.
    pub name: Box<str>,
    /// For what it is opened.
    pub mode: OpenMode,
    /// Whether a file that cannot be opened is left out.
    pub graceful: bool,
}

/// For what a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpenMode {
    /// For reading and writing.
    Both,
    /// `read-only`
    ReadOnly,
    /// `append`: for reading, and writing at its end.
    Append,
    /// `truncate`: for reading and writing, and emptied.
    Truncate,
}

impl OpenMode {
    fn as_str(self) -> Option<&'static str> {
        match self {
            OpenMode::Both => None,
            OpenMode::ReadOnly => Some("read-only"),
            OpenMode::Append => Some("append"),
            OpenMode::Truncate => Some("truncate"),
        }
    }

    fn from_word(word: &str) -> Option<OpenMode> {
        [OpenMode::ReadOnly, OpenMode::Append, OpenMode::Truncate]
            .into_iter()
            .find(|mode| mode.as_str() == Some(word))
    }
}

const OPTIONS: &[&str] = &["read-only", "append", "truncate", "graceful"];

impl OpenFile {
    /// Reads `PATH[:NAME[:OPTION,…]]` (systemd.service(5), `OpenFile=`).
    ///
    /// # Errors
    /// When the path is not absolute, the name is none, or an option is unknown or contradicts
    /// another one.
    pub fn parse(text: &str) -> Result<OpenFile, ValueProblem> {
        let mut parts = text.splitn(3, ':');
        let path = unescape(parts.next().unwrap_or_default())?;
        let path = absolute_path(&path)?;
        let own_name = path.rsplit('/').find(|part| !part.is_empty());
        let name = parts
            .next()
            .filter(|name| !name.is_empty())
            .or(own_name)
            .unwrap_or_default();
        if !is_name(name) {
            return Err(
                ValueProblem::new(format!("{name:?} is no name for a descriptor"))
                    .with_hint("at most 255 printable ASCII characters without `:`"),
            );
        }
        let mut file = OpenFile {
            path: path.into(),
            name: name.into(),
            mode: OpenMode::Both,
            graceful: false,
        };
        let options = parts.next().unwrap_or_default();
        for option in options.split(',').filter(|option| !option.is_empty()) {
            match (option, OpenMode::from_word(option)) {
                ("graceful", _) => file.graceful = true,
                (_, Some(mode)) if file.mode == OpenMode::Both || file.mode == mode => {
                    file.mode = mode;
                }
                (_, Some(_)) => {
                    return Err(ValueProblem::new(
                        "only one of `read-only`, `append` and `truncate` can be had",
                    ));
                }
                (_, None) => {
                    return Err(ValueProblem::unknown_word("option", option, OPTIONS));
                }
            }
        }
        Ok(file)
    }
}

/// sd_pid_notify_with_fds(3): printable ASCII, no colon, because `LISTEN_FDNAMES` is a colon list.
fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && name.bytes().all(|b| (b' '..0x7f).contains(&b) && b != b':')
}

/// A path in which a colon is `\x3a` and a backslash is doubled.
fn unescape(text: &str) -> Result<String, ValueProblem> {
    let mut path = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        path.push_str(plain);
        rest = if let Some(after) = escape.strip_prefix("x3a") {
            path.push(':');
            after
        } else if let Some(after) = escape.strip_prefix('\\') {
            path.push('\\');
            after
        } else {
            return Err(ValueProblem::new(format!("{text:?} has a stray backslash"))
                .with_hint("write `\\x3a` for a colon in the path, and `\\\\` for a backslash"));
        };
    }
    path.push_str(rest);
    Ok(path)
}

impl fmt::Display for OpenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.replace('\\', "\\\\").replace(':', "\\x3a");
        write!(f, "{path}:{}", self.name)?;
        let options = [self.mode.as_str(), self.graceful.then_some("graceful")];
        for (place, option) in options.into_iter().flatten().enumerate() {
            write!(f, "{}{option}", if place == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

super::serde_as_text!(OpenFile);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_name_and_options() {
        for (written, shown) in [
            ("/etc/passwd", "/etc/passwd:passwd"),
            ("/etc/passwd:users", "/etc/passwd:users"),
            ("/a/b/::read-only", "/a/b/:b:read-only"),
            ("/a:b:graceful,append", "/a:b:append,graceful"),
            ("/a\\x3ab\\\\c:n:truncate", "/a\\x3ab\\\\c:n:truncate"),
        ] {
            let file = OpenFile::parse(written).unwrap();
            assert_eq!(file.to_string(), shown);
            assert_eq!(OpenFile::parse(shown), Ok(file));
        }
        assert_eq!(&*OpenFile::parse("/a\\x3ab:n").unwrap().path, "/a:b");
    }

    #[test]
    fn what_it_cannot_be() {
        for bad in [
            "",
            "passwd",
            "/",
            "/a:b:append,truncate",
            "/a:b:writable",
            "/a\\n",
            "/a:b:read-only:c",
        ] {
            assert!(OpenFile::parse(bad).is_err(), "{bad}");
        }
    }
}
