//! The lock of the runtime directory: it decides between two daemons.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::FlockOperation;

/// Why there is no lock.
#[derive(Debug)]
pub(super) enum LockFailure {
    /// Another daemon has it: its pid, if it wrote one.
    Held(Option<u32>),
    /// It could not be opened, locked or written.
    Io(io::Error),
}

/// Takes the lock at `path` and writes our pid into it. It is never removed: who locks a removed
/// file locks nothing.
pub(super) fn acquire(path: &Path) -> Result<OwnedFd, LockFailure> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o644)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(LockFailure::Io)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Err(LockFailure::Held(holder(&mut file))),
        Err(error) => return Err(LockFailure::Io(error.into())),
    }
    let lock = OwnedFd::from(file);
    sign(&lock).map_err(LockFailure::Io)?;
    Ok(lock)
}

/// Writes our pid into a lock that we have.
pub(super) fn sign(lock: &OwnedFd) -> io::Result<()> {
    rustix::fs::ftruncate(lock, 0)?;
    let text = format!("{}\n", std::process::id());
    rustix::io::pwrite(lock, text.as_bytes(), 0)?;
    Ok(())
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_the_first_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let first = acquire(&path).unwrap();
        let Err(LockFailure::Held(holder)) = acquire(&path) else {
            panic!("locked twice")
        };
        assert_eq!(holder, Some(std::process::id()));
        drop(first);
        assert!(acquire(&path).is_ok());
    }

    #[test]
    fn a_link_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(matches!(acquire(&path), Err(LockFailure::Io(_))));
    }
}
