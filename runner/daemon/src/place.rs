//! Where a file that we write really is, found without being led astray.
//!
//! As root we write into directories that belong to others (`/srv/app/log` of user `app`). Whoever
//! owns such a directory may replace anything in it at any moment, so no link in it is followed,
//! and everything is done on descriptors.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};

/// The kernel's own limit of links in one path.
const MOST_LINKS: usize = 40;

/// A directory and a name in it that is no symbolic link, or does not exist yet.
#[derive(Debug)]
pub(crate) struct Place {
    /// Opened with `O_PATH`.
    pub(crate) directory: OwnedFd,
    pub(crate) name: OsString,
    /// Nobody but us and root can change what is in the directory.
    pub(crate) ours: bool,
}

impl Place {
    /// Walks to `path`, which has to be absolute.
    pub(crate) fn find(path: &Path) -> io::Result<Place> {
        let mut ahead: VecDeque<OsString> = names(path)?;
        let mut directory = root()?;
        let mut links = 0;
        loop {
            let Some(name) = ahead.pop_front() else {
                return Err(io::Error::other("it names a directory"));
            };
            let last = ahead.is_empty();
            let found = match rustix::fs::statat(&directory, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(found) => found,
                Err(rustix::io::Errno::NOENT) if last => return Place::at(directory, name),
                Err(error) => return Err(error.into()),
            };
            if FileType::from_raw_mode(found.st_mode) == FileType::Symlink {
                links += 1;
                if links > MOST_LINKS {
                    return Err(rustix::io::Errno::LOOP.into());
                }
                if !may_follow(&rustix::fs::fstat(&directory)?, &found) {
                    return Err(io::Error::other(format!(
                        "{:?} is a symbolic link in a directory of another user",
                        name.to_string_lossy()
                    )));
                }
                let target = rustix::fs::readlinkat(&directory, &name, Vec::new())?;
                let target = OsString::from_vec(target.into_bytes());
                if target.as_bytes().starts_with(b"/") {
                    directory = root()?;
                }
                for name in names(Path::new(&target))?.into_iter().rev() {
                    ahead.push_front(name);
                }
            } else if last {
                return Place::at(directory, name);
            } else {
                directory = open_directory(&directory, &name)?;
            }
        }
    }

    fn at(directory: OwnedFd, name: OsString) -> io::Result<Place> {
        let stat = rustix::fs::fstat(&directory)?;
        let ours = is_ours(stat.st_uid) && stat.st_mode & 0o022 == 0;
        Ok(Place {
            directory,
            name,
            ours,
        })
    }

    /// The name of backup `n`.
    pub(crate) fn backup(&self, n: u32) -> OsString {
        if n == 0 {
            return self.name.clone();
        }
        let mut name = self.name.clone();
        name.push(format!(".{n}"));
        name
    }

    /// A descriptor of the node itself, good for asking and changing what it is.
    pub(crate) fn node(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(
            &self.directory,
            &self.name,
            flags,
            Mode::empty(),
        )?)
    }

    /// Opens what is there. Never waits, never makes it our terminal.
    pub(crate) fn open(&self, name: &OsStr, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(
            &self.directory,
            name,
            flags,
            Mode::from_raw_mode(0o600),
        )?)
    }
}

fn names(path: &Path) -> io::Result<VecDeque<OsString>> {
    let mut names = VecDeque::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir => names.push_back("..".into()),
            Component::Normal(name) => names.push_back(name.to_owned()),
            Component::Prefix(_) => return Err(io::ErrorKind::InvalidInput.into()),
        }
    }
    Ok(names)
}

fn directory_flags() -> OFlags {
    OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

fn root() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/", directory_flags(), Mode::empty())?)
}

fn open_directory(at: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(
        at,
        name,
        directory_flags(),
        Mode::empty(),
    )?)
}

fn is_ours(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

/// Somebody without privileges harms nobody by following a link; root follows its own links in its
/// own directories only.
fn may_follow(directory: &Stat, link: &Stat) -> bool {
    !rustix::process::geteuid().is_root() || (is_ours(directory.st_uid) && is_ours(link.st_uid))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, lchown, symlink};

    use super::*;

    #[test]
    fn walks_links_of_ours_and_names_what_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("real/deep")).unwrap();
        symlink("real", dir.path().join("relative")).unwrap();
        symlink(
            dir.path().join("real/deep/new.log"),
            dir.path().join("final"),
        )
        .unwrap();
        for path in [
            "relative/deep/new.log",
            "real/deep/../deep/./new.log",
            "final",
        ] {
            let place = Place::find(&dir.path().join(path)).unwrap();
            assert_eq!(place.name, "new.log", "{path}");
            drop(
                place
                    .open(&place.name, OFlags::WRONLY | OFlags::CREATE)
                    .unwrap(),
            );
            std::fs::remove_file(dir.path().join("real/deep/new.log")).unwrap();
        }
        let missing = Place::find(&dir.path().join("nothing/new.log")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        symlink("loop", dir.path().join("loop")).unwrap();
        assert!(Place::find(&dir.path().join("loop/x")).is_err());
        assert!(Place::find(Path::new("/")).is_err());
    }

    #[test]
    fn root_follows_no_strangers_links() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        std::fs::create_dir(&home).unwrap();
        symlink("/etc", home.join("log")).unwrap();
        lchown(home.join("log"), Some(65534), Some(65534)).unwrap();
        let refused = Place::find(&home.join("log/passwd")).unwrap_err();
        assert!(refused.to_string().contains("symbolic link"), "{refused}");
        lchown(home.join("log"), Some(0), Some(0)).unwrap();
        chown(&home, Some(65534), Some(65534)).unwrap();
        assert!(Place::find(&home.join("log/passwd")).is_err());
        assert!(!Place::find(&home.join("new")).unwrap().ours);
    }
}
