//! Log files that are none: our own output, terminals, pipes. They are written to as they are, never
//! rotated, and what they do not take passes them by.

use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

/// What a path leads to that is no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Device {
    /// What was our standard output, or standard error, from the beginning.
    Ours(Standard),
    /// A terminal, a pipe or the like in the file system.
    Named(PathBuf),
}

/// One of our own descriptors. Others are nobody's business: they are not what whoever wrote the
/// path thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standard {
    Output,
    Error,
}

impl Standard {
    pub(super) fn borrow(self) -> BorrowedFd<'static> {
        match self {
            Standard::Output => rustix::stdio::stdout(),
            Standard::Error => rustix::stdio::stderr(),
        }
    }
}

/// What `path` leads to, if it is no file to be kept and rotated.
pub(super) fn of(path: &Path) -> Option<Device> {
    if let Some(standard) = standard(path) {
        return Some(Device::Ours(standard));
    }
    // Images of containers link their log files there.
    if let Some(standard) = std::fs::read_link(path).ok().as_deref().and_then(standard) {
        return Some(Device::Ours(standard));
    }
    let found = rustix::fs::stat(path).ok()?;
    let kind = FileType::from_raw_mode(found.st_mode);
    matches!(kind, FileType::CharacterDevice | FileType::Fifo)
        .then(|| Device::Named(path.to_owned()))
}

fn standard(path: &Path) -> Option<Standard> {
    match path.to_str()? {
        "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" => Some(Standard::Output),
        "/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2" => Some(Standard::Error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_is_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::os::unix::fs::symlink("/dev/stderr", at("error.log")).unwrap();
        nix::unistd::mkfifo(&at("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::fs::write(at("a.log"), "").unwrap();
        for (path, device) in [
            (
                PathBuf::from("/dev/stdout"),
                Some(Device::Ours(Standard::Output)),
            ),
            (
                PathBuf::from("/dev/fd/2"),
                Some(Device::Ours(Standard::Error)),
            ),
            (at("error.log"), Some(Device::Ours(Standard::Error))),
            (at("fifo"), Some(Device::Named(at("fifo")))),
            (
                PathBuf::from("/dev/null"),
                Some(Device::Named("/dev/null".into())),
            ),
            (at("a.log"), None),
            (at("missing.log"), None),
        ] {
            assert_eq!(of(&path), device, "{path:?}");
        }
    }
}
