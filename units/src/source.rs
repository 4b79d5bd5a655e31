//! Unit files as they come in: bytes with a path and a rank, nothing understood yet.

use std::sync::Arc;

use crate::diagnostic::Diagnostic;

/// One file of a search path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Which directory of the search path it is from; 0 replaces 1, and so on.
    pub rank: u32,
    /// Its path. The last part is its name: `web.toml`, or `10-more.toml` in `web.toml.d`.
    pub path: Arc<str>,
    /// What is in it.
    pub content: Content,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Bytes, hopefully TOML.
    Bytes(Vec<u8>),
    /// It is a link to `/dev/null`: it takes the place of lower files, and says nothing.
    Mask,
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
    /// `web.service`: only good as a mask.
    UnitName(&'a str),
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
            (_, None) => Role::UnitName(file),
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
    }
}
