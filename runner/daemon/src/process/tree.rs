//! Directory trees of services: given to another owner, or removed. A service may change its tree at
//! any moment, so everything is done on descriptors and no link is followed.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, Uid};

/// Deeper than this no service builds for its own use.
const DEEPEST: usize = 256;

fn open_directory(at: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(at, name, flags, Mode::empty())?)
}

/// The names in a directory.
fn names(directory: BorrowedFd<'_>) -> io::Result<Vec<CString>> {
    let mut found = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            found.push(name.to_owned());
        }
    }
    Ok(found)
}

/// A directory whose names are being dealt with, the last first.
struct Level {
    directory: OwnedFd,
    left: Vec<CString>,
}

impl Level {
    fn of(directory: OwnedFd) -> io::Result<Level> {
        let left = names(directory.as_fd())?;
        Ok(Level { directory, left })
    }
}

fn too_deep() -> io::Error {
    io::Error::other(format!("it is more than {DEEPEST} directories deep"))
}

/// Gives `directory` and all that is in it to `uid` and `gid`, unless it is theirs already: then all
/// in it is taken to be right, as systemd does.
///
/// # Errors
/// The system's, and for a tree that is too deep.
pub(super) fn give(directory: OwnedFd, uid: u32, gid: u32) -> io::Result<()> {
    let found = rustix::fs::fstat(&directory)?;
    if found.st_uid == uid && found.st_gid == gid {
        return Ok(());
    }
    let former = found.st_uid;
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
    let mut levels = vec![Level::of(directory)?];
    loop {
        let Some(level) = levels.last_mut() else {
            return Ok(());
        };
        let Some(name) = level.left.pop() else {
            // Last, so that one that was interrupted is done again from the start.
            rustix::fs::fchown(&level.directory, Some(user), Some(group))?;
            levels.pop();
            continue;
        };
        let at = level.directory.as_fd();
        let Ok(node) = rustix::fs::statat(at, &name, AtFlags::SYMLINK_NOFOLLOW) else {
            // Gone meanwhile.
            continue;
        };
        match FileType::from_raw_mode(node.st_mode) {
            FileType::Directory => {
                let below = open_directory(at, &name)?;
                if levels.len() >= DEEPEST {
                    return Err(too_deep());
                }
                levels.push(Level::of(below)?);
            }
            // A second name of somebody else's file: the service would be given what is not its own.
            FileType::RegularFile if node.st_nlink > 1 && node.st_uid != former => {}
            _ => {
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                match rustix::fs::chownat(at, &name, Some(user), Some(group), flags) {
                    Ok(()) | Err(rustix::io::Errno::NOENT) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}

/// Removes what is called `name` in `at`, with all that is in it. That there is nothing is no error.
///
/// # Errors
/// The system's, and for a tree that is too deep.
pub(super) fn remove(at: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    let gone = |result: rustix::io::Result<()>| match result {
        Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(true),
        Err(rustix::io::Errno::ISDIR | rustix::io::Errno::PERM | rustix::io::Errno::NOTEMPTY) => {
            Ok(false)
        }
        Err(error) => Err(io::Error::from(error)),
    };
    if gone(rustix::fs::unlinkat(at, name, AtFlags::empty()))?
        || gone(rustix::fs::unlinkat(at, name, AtFlags::REMOVEDIR))?
    {
        return Ok(());
    }
    // Each level with its own name in the one above.
    let mut levels = vec![(Level::of(open_directory(at, name)?)?, name.to_owned())];
    loop {
        let Some((level, _)) = levels.last_mut() else {
            return Ok(());
        };
        let Some(name) = level.left.pop() else {
            let Some((_, name)) = levels.pop() else {
                return Ok(());
            };
            let above = levels
                .last()
                .map_or(at, |(level, _)| level.directory.as_fd());
            rustix::fs::unlinkat(above, &name, AtFlags::REMOVEDIR)?;
            continue;
        };
        let directory = level.directory.as_fd();
        if gone(rustix::fs::unlinkat(directory, &name, AtFlags::empty()))? {
            continue;
        }
        let below = Level::of(open_directory(directory, &name)?)?;
        if levels.len() >= DEEPEST {
            return Err(too_deep());
        }
        levels.push((below, name));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::*;

    #[test]
    fn removes_all_and_follows_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir_all(at("tree/a/b")).unwrap();
        std::fs::write(at("tree/a/b/file"), "x").unwrap();
        std::fs::create_dir(at("other")).unwrap();
        std::fs::write(at("other/kept"), "x").unwrap();
        symlink(at("other"), at("tree/link")).unwrap();
        symlink(at("other"), at("alias")).unwrap();
        let root = std::fs::File::open(directory.path()).unwrap();
        for name in [c"tree", c"alias", c"nothing"] {
            remove(root.as_fd(), name).unwrap();
        }
        assert!(!at("tree").exists() && !at("alias").is_symlink());
        assert!(at("other/kept").exists());
    }

    #[test]
    fn gives_all_but_what_belongs_to_others() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir_all(at("tree/a")).unwrap();
        std::os::unix::fs::chown(at("tree"), Some(54321), Some(54321)).unwrap();
        std::fs::write(at("tree/a/file"), "x").unwrap();
        std::fs::write(at("secret"), "x").unwrap();
        std::fs::hard_link(at("secret"), at("tree/hard")).unwrap();
        symlink(at("secret"), at("tree/link")).unwrap();
        give(
            std::fs::File::open(at("tree")).unwrap().into(),
            54322,
            54323,
        )
        .unwrap();
        let owner = |name: &str| {
            let found = std::fs::symlink_metadata(at(name)).unwrap();
            (found.uid(), found.gid())
        };
        for name in ["tree", "tree/a", "tree/a/file", "tree/link"] {
            assert_eq!(owner(name), (54322, 54323), "{name}");
        }
        assert_eq!(owner("secret"), (0, 0));
        // What is theirs at the top is not looked into again.
        std::fs::write(at("tree/later"), "x").unwrap();
        give(
            std::fs::File::open(at("tree")).unwrap().into(),
            54322,
            54323,
        )
        .unwrap();
        assert_eq!(owner("tree/later"), (0, 0));
    }
}
