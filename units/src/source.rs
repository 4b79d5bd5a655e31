//! Unit files as they come in: bytes with a path and a rank, nothing understood yet.

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::name::UnitName;
use crate::systemd::gather;

/// One file of a search path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Which directory of the search path it is from; 0 replaces 1, and so on.
    pub rank: u32,
    /// Its path. The last part is its name: `web.toml`, or `10-more.toml` in `web.toml.d`.
    pub path: Arc<str>,
    /// What is in it.
    pub content: Content,
    /// Whether somebody named this very file: what it defines is to be started.
    pub named: bool,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Bytes, hopefully of a unit file.
    Bytes(Vec<u8>),
    /// It is a link to `/dev/null`: it takes the place of lower files, and says nothing.
    Mask,
    /// It is a link to a file of the search path that defines the unit of this name.
    Link(UnitName),
    /// It could not be read; it takes the place of lower files all the same.
    Unreadable(Box<Diagnostic>),
}

impl Source {
    /// A file of the first directory with this text.
    pub fn text(path: &str, text: &str) -> Source {
        Source {
            rank: 0,
            path: path.into(),
            content: Content::Bytes(text.as_bytes().to_vec()),
            named: false,
        }
    }
}

/// What the path of a file says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role<'a> {
    /// `web.toml`: defines the units of the stem `web`.
    Fragment {
        /// `web`
        stem: &'a str,
    },
    /// `web.toml.d/10-more.toml`: adds to the units of the stem.
    DropIn {
        /// `web`
        stem: &'a str,
        /// `10-more.toml`
        file: &'a str,
    },
    /// `web.service`: one of systemd's unit files, a link to one, or a mask.
    UnitName(&'a str),
    /// `web.service.d/10-more.conf`: adds to a unit, whatever its file is.
    Conf {
        /// `web.service`, `web-.service` or `service`
        of: &'a str,
        /// `10-more.conf`
        file: &'a str,
    },
    /// `web.target.wants/db.service`: adds to the dependencies of a unit.
    Link {
        /// `web.target`
        of: &'a str,
        /// `wants`
        key: &'static str,
        /// `db.service`
        file: &'a str,
    },
}

impl Source {
    pub(crate) fn role(&self) -> Role<'_> {
        let (directory, file) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let directory = directory.rsplit('/').next().unwrap_or(directory);
        match (
            directory.strip_suffix(".toml.d"),
            file.strip_suffix(".toml"),
        ) {
            (Some(stem), Some(_)) if !stem.is_empty() => Role::DropIn { stem, file },
            (_, Some(stem)) => Role::Fragment { stem },
            (_, None) => match (gather::drop_ins_of(directory), gather::links_of(directory)) {
                (Some(of), _) if file.ends_with(".conf") => Role::Conf { of, file },
                (_, Some((of, key))) => Role::Link { of, key, file },
                _ => Role::UnitName(file),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles() {
        let role = |path: &str| format!("{:?}", Source::text(path, "").role());
        assert_eq!(role("/u/web.toml"), "Fragment { stem: \"web\" }");
        assert_eq!(role("web.toml"), "Fragment { stem: \"web\" }");
        assert_eq!(
            role("/u/web.toml.d/1.toml"),
            "DropIn { stem: \"web\", file: \"1.toml\" }"
        );
        assert_eq!(role("/u/web.service"), "UnitName(\"web.service\")");
        assert_eq!(
            role("/u/web-.service.d/1.conf"),
            "Conf { of: \"web-.service\", file: \"1.conf\" }"
        );
        assert_eq!(
            role("/u/a.target.wants/b.service"),
            "Link { of: \"a.target\", key: \"wants\", file: \"b.service\" }"
        );
    }
}
