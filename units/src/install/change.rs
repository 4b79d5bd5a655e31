//! What is to be done to files, one after the other.

use std::path::PathBuf;

/// All that is to be done for an order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// In this order.
    pub changes: Vec<Change>,
    /// Whether the units say anything about their installation: where they do not, enabling them
    /// does nothing.
    pub has_install_info: bool,
}

impl Plan {
    /// Adds what is not in it yet.
    pub(super) fn push(&mut self, change: Change) {
        if !self.changes.contains(&change) {
            self.changes.push(change);
        }
    }
}

/// One file that becomes another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// A directory of unit files. It is made if it is missing.
    pub base: PathBuf,
    /// A directory in it, where the file is in one. It is made when something is put there, and
    /// goes when it has become empty.
    pub directory: Option<String>,
    /// The file's name.
    pub file: String,
    /// What becomes of it.
    pub deed: Deed,
}

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// It is a link there.
    Link {
        /// Where it leads.
        target: String,
        /// What is there may go.
        replace: bool,
    },
    /// It has this text.
    Write {
        /// All of it.
        text: String,
    },
    /// It goes.
    Remove,
}

impl Change {
    /// The file's path.
    pub fn path(&self) -> PathBuf {
        let mut path = self.base.clone();
        path.extend(self.directory.as_deref());
        path.push(&self.file);
        path
    }

    /// systemd's word for it, with our own for a file that is written, and where a link leads to.
    pub fn words(&self) -> (&'static str, &str) {
        match &self.deed {
            Deed::Link { target, .. } => ("symlink", target),
            Deed::Write { .. } => ("write", ""),
            Deed::Remove => ("unlink", ""),
        }
    }
}
