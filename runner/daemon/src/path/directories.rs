//! Making directories where others may write too.
//!
//! Every part of the path is opened in the one before, and a symbolic link is followed only if it is
//! root's or our own: nobody else leads us somewhere.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{self, FileType, Mode, OFlags};
use rustix::io::Errno;

/// So many symbolic links are followed, as the kernel does.
const MOST_LINKS: usize = 40;

/// Makes the directory `path` and those above it that are missing, with this access mode whatever
/// the umask is.
///
/// # Errors
/// When a part is no directory, or a stranger's link, or cannot be made.
pub(super) fn make(path: &str, mode: u32) -> io::Result<()> {
    let parts = |path: &str| -> VecDeque<String> {
        let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
        parts.map(str::to_owned).collect()
    };
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let root = || fs::open("/", flags | OFlags::DIRECTORY, Mode::empty());
    let mode = Mode::from_raw_mode(mode);
    let (mut here, mut left, mut links) = (vec![root()?], parts(path), 0);
    while let Some(part) = left.pop_front() {
        let Some(above) = here.last() else {
            return Err(io::Error::from(Errno::NOENT));
        };
        if part == ".." {
            if here.len() > 1 {
                here.pop();
            }
            continue;
        }
        let next = match fs::openat(above, part.as_str(), flags, Mode::empty()) {
            Err(Errno::NOENT) => make_one(above, &part, mode)?,
            other => other?,
        };
        let found = fs::fstat(&next)?;
        match FileType::from_raw_mode(found.st_mode) {
            FileType::Directory => here.push(next),
            FileType::Symlink => {
                links += 1;
                let ours = rustix::process::geteuid().as_raw();
                if links > MOST_LINKS || ![0, ours].contains(&found.st_uid) {
                    return Err(io::Error::from(Errno::LOOP));
                }
                let target = fs::readlinkat(&next, "", Vec::new())?;
                let target = target.into_string().map_err(|_| Errno::INVAL)?;
                if target.starts_with('/') {
                    here = vec![root()?];
                }
                for part in parts(&target).into_iter().rev() {
                    left.push_front(part);
                }
            }
            _ => return Err(io::Error::from(Errno::NOTDIR)),
        }
    }
    Ok(())
}

fn make_one(above: &OwnedFd, part: &str, mode: Mode) -> io::Result<OwnedFd> {
    match fs::mkdirat(above, part, mode) {
        Ok(()) => {
            // The umask has taken something away. It is a directory that nobody but us has made,
            // and one that was replaced by a link meanwhile is refused.
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let made = fs::openat(above, part, flags, Mode::empty())?;
            fs::fchmod(&made, mode)?;
        }
        // Somebody else was quicker.
        Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno.into()),
    }
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(fs::openat(above, part, flags, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt, symlink};

    use super::*;

    #[test]
    fn what_is_missing_is_made() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| format!("{}/{name}", place.path().display());
        make(&path("a/b/c"), 0o711).unwrap();
        let found = std::fs::metadata(path("a/b")).unwrap();
        assert_eq!(found.mode() & 0o7777, 0o711);
        make(&path("a/b/c"), 0o700).unwrap();
        let kept = std::fs::metadata(path("a/b/c")).unwrap();
        assert_eq!(kept.mode() & 0o7777, 0o711, "what is there stays as it is");
        symlink("a", path("link")).unwrap();
        make(&path("link/d"), 0o755).unwrap();
        assert!(std::fs::metadata(path("a/d")).unwrap().is_dir());
        std::fs::write(path("file"), "").unwrap();
        assert!(make(&path("file/x"), 0o755).is_err());
        symlink("round", path("round")).unwrap();
        assert!(make(&path("round/x"), 0o755).is_err());
    }

    #[test]
    fn a_strangers_link_leads_nowhere() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| format!("{}/{name}", place.path().display());
        std::fs::create_dir(path("target")).unwrap();
        std::fs::set_permissions(path("target"), std::fs::Permissions::from_mode(0o755)).unwrap();
        symlink("target", path("theirs")).unwrap();
        std::os::unix::fs::lchown(path("theirs"), Some(65534), Some(65534)).unwrap();
        let refused = make(&path("theirs/x"), 0o755).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::ELOOP));
        assert!(std::fs::metadata(path("target/x")).is_err());
    }
}
