//! Directories that are made for a service (systemd.exec(5), `RuntimeDirectory=` and its like).

use std::fmt;

use super::ValueProblem;
use super::quoting::{quote, split_words};

/// One directory below the place its setting is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OwnDirectory {
    /// A relative path without `.`, `..` and empty parts.
    pub path: Box<str>,
    /// Names of symbolic links to it, paths of the same kind.
    pub links: Box<[Box<str>]>,
}

super::words! {
    /// When the directories in `/run` are removed (systemd.exec(5), `RuntimeDirectoryPreserve=`).
    pub enum Preserve {
        /// whenever the service ends
        No = "no",
        /// never
        Yes = "yes",
        /// when the service ends and is not started again right away
        Restart = "restart",
    }
}

impl OwnDirectory {
    /// Reads a line of directories, quoted as commands are, each followed by `:LINK` where it is to
    /// be known by another name too; `expand` is applied to each part.
    ///
    /// # Errors
    /// When a path is not relative, leads upwards, or is systemd's own `private`.
    pub fn parse_line_with(
        text: &str,
        expand: &mut dyn FnMut(&str) -> Result<String, ValueProblem>,
    ) -> Result<Vec<OwnDirectory>, ValueProblem> {
        let mut found = Vec::new();
        for word in split_words(text)? {
            let mut parts = word.split(':');
            let path = relative(&expand(parts.next().unwrap_or_default())?)?;
            let mut links = Vec::new();
            for part in parts.filter(|part| !part.is_empty()) {
                links.push(relative(&expand(part)?)?);
            }
            found.push(OwnDirectory {
                path,
                links: links.into(),
            });
        }
        Ok(found)
    }

    /// Puts directories in order, parents first, and names for the same one together.
    pub fn in_order(directories: Vec<OwnDirectory>) -> Box<[OwnDirectory]> {
        let mut ordered: Vec<OwnDirectory> = Vec::with_capacity(directories.len());
        for directory in directories {
            match ordered.iter_mut().find(|held| held.path == directory.path) {
                Some(held) => {
                    let mut links = held.links.to_vec();
                    links.extend(directory.links);
                    held.links = links.into();
                }
                None => ordered.push(directory),
            }
        }
        crate::sort::by(&mut ordered, |a, b| {
            a.path.split('/').cmp(b.path.split('/'))
        });
        ordered.into()
    }
}

fn relative(text: &str) -> Result<Box<str>, ValueProblem> {
    let problem = |what: &str| {
        Err(ValueProblem::new(format!("{text:?} {what}")).with_hint(
            "write a path below the directory the setting is about, such as `web/cache`",
        ))
    };
    if text.starts_with('/') {
        return problem("is an absolute path");
    }
    if text.contains('\0') || text.len() >= 4096 {
        return problem("is no path");
    }
    let parts: Vec<&str> = text
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    if parts.contains(&"..") {
        return problem("leads upwards with `..`");
    }
    match parts.first() {
        None => problem("names no directory"),
        Some(&"private") => problem("begins with `private`, which is kept for other uses"),
        Some(_) => Ok(parts.join("/").into()),
    }
}

impl fmt::Display for OwnDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.path.to_string();
        for link in &self.links {
            text.push(':');
            text.push_str(link);
        }
        f.write_str(&quote(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<OwnDirectory>, ValueProblem> {
        OwnDirectory::parse_line_with(text, &mut |word| Ok(word.to_owned()))
    }

    fn shown(directories: &[OwnDirectory]) -> String {
        let all: Vec<String> = directories.iter().map(ToString::to_string).collect();
        all.join(" ")
    }

    #[test]
    fn lines() {
        let found = read(r#"web/./cache//x a:b:c/d "two words""#).unwrap();
        assert_eq!(shown(&found), r#"web/cache/x a:b:c/d "two words""#);
        assert_eq!(read(&shown(&found)), Ok(found));
        for bad in ["/run/x", "a/../b", "..", ".", "private/x", "a:/b"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn parents_come_first() {
        let found = read("b/c a:l b a:m ab/x").unwrap();
        assert_eq!(shown(&OwnDirectory::in_order(found)), "a:l:m ab/x b b/c");
    }
}
