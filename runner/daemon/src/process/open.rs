//! Opening files that a unit names, with the daemon's rights.
//!
//! No open waits for anybody (a FIFO without a reader, a tape), none makes a terminal ours, and root
//! does not follow a stranger's lead ([`Place`]): a link to `/etc/shadow` in a user's directory leads
//! nowhere.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

use engine::event::SpawnFailure;
use rustix::fs::{FileType, Mode, OFlags};
use units::value::{OpenFile, OpenMode};

use super::order::FileMode;
use super::step::{Step, reason_of};
use crate::place::Place;

/// The failure of `step` for an error of this module.
pub(super) fn failure(step: Step, what: &str, error: &io::Error) -> SpawnFailure {
    match error.raw_os_error() {
        Some(errno) => step.failed(what, errno),
        None => step.refused(format!("{what}: {}", reason_of(error))),
    }
}

/// Opens a file as a standard descriptor.
pub(super) fn for_stdio(path: &Path, mode: FileMode) -> io::Result<OwnedFd> {
    let flags = match mode {
        FileMode::Read => OFlags::RDONLY,
        FileMode::ReadWrite => OFlags::RDWR | OFlags::CREATE,
        FileMode::Write => OFlags::WRONLY | OFlags::CREATE,
        FileMode::Append => OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND,
        FileMode::Truncate => OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC,
    };
    for_program(path, flags)
}

/// Opens a file that the service is to find among its descriptors. It is not made.
pub(super) fn for_service(file: &OpenFile) -> io::Result<OwnedFd> {
    let path = Path::new(&*file.path);
    let flags = match file.mode {
        OpenMode::ReadOnly => OFlags::RDONLY,
        OpenMode::Both => OFlags::RDWR,
        OpenMode::Append => OFlags::RDWR | OFlags::APPEND,
        OpenMode::Truncate => OFlags::RDWR | OFlags::TRUNC,
    };
    for_program(path, flags)
}

/// Opens what a program is to have, which expects a descriptor that waits.
fn for_program(path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let fd = match open_trusted(path, flags) {
        // A FIFO nobody reads yet, or a socket in the file system.
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => open_special(path)?,
        opened => opened?,
    };
    let flags = rustix::fs::fcntl_getfl(&fd)?;
    rustix::fs::fcntl_setfl(&fd, flags - OFlags::NONBLOCK)?;
    Ok(fd)
}

/// What can be written to although `open` for writing refuses it.
fn open_special(path: &Path) -> io::Result<OwnedFd> {
    match FileType::from_raw_mode(rustix::fs::stat(path)?.st_mode) {
        // Linux lets both directions be opened at once, without another end.
        FileType::Fifo => open_trusted(path, OFlags::RDWR),
        FileType::Socket => Ok(std::os::unix::net::UnixStream::connect(path)?.into()),
        _ => Err(io::Error::from_raw_os_error(libc::ENXIO)),
    }
}

/// The content of a regular file of at most `most` bytes.
pub(super) fn read_regular(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let fd = open_trusted(path, OFlags::RDONLY)?;
    read_bounded(fd, most)
}

/// The first bytes of a file, at most `most` of them.
pub(super) fn read_head(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::from(open_trusted(path, OFlags::RDONLY)?)
        .take(most)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The content behind a descriptor, which must be a regular file of at most `most` bytes.
pub(super) fn read_bounded(fd: OwnedFd, most: usize) -> io::Result<Vec<u8>> {
    if FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::from(fd)
        .take(most as u64 + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(io::Error::other(format!("it is longer than {most} bytes")));
    }
    Ok(bytes)
}

/// Opens `path` without waiting; as root without following strangers.
///
/// # Errors
/// The system's; one without a number where a stranger's lead was refused.
pub(super) fn open_trusted(path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(0o644);
    if !rustix::process::geteuid().is_root() {
        return Ok(rustix::fs::open(path, flags, mode)?);
    }
    let place = Place::find(path)?;
    // Emptied only when it is known to be what it seems.
    let unharmful = (flags - OFlags::TRUNC) | OFlags::NOFOLLOW;
    let opened = rustix::fs::openat(&place.directory, &place.name, unharmful, mode)?;
    let found = rustix::fs::fstat(&opened)?;
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Ok(opened);
    }
    if found.st_nlink > 1 && !place.ours {
        return Err(io::Error::other(format!(
            "it has {} names, and its directory belongs to others too",
            found.st_nlink
        )));
    }
    if flags.contains(OFlags::TRUNC) {
        rustix::fs::ftruncate(&opened, 0)?;
    }
    Ok(opened)
}

/// Removes a file that is no directory, or the link of that name; as root without following
/// strangers on the way there.
///
/// # Errors
/// The system's; one without a number where a stranger's lead was refused.
pub(super) fn remove_file(path: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return std::fs::remove_file(path);
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::other("it names a directory"));
    };
    let place = Place::find(parent)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(&place.directory, &place.name, flags, Mode::empty())?;
    Ok(rustix::fs::unlinkat(
        directory,
        name,
        rustix::fs::AtFlags::empty(),
    )?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn chown(path: &Path, uid: u32) {
        let uid = Some(rustix::fs::Uid::from_raw(uid));
        rustix::fs::chownat(
            rustix::fs::CWD,
            path,
            uid,
            None,
            rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
        )
        .unwrap();
    }

    #[test]
    fn removing_follows_no_stranger() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pid");
        std::fs::write(&path, "7").unwrap();
        let link = directory.path().join("link");
        symlink("pid", &link).unwrap();
        remove_file(&link).unwrap();
        assert!(path.exists() && !link.is_symlink(), "the link goes alone");
        let gone = remove_file(&directory.path().join("none")).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
        if rustix::process::geteuid().is_root() {
            let theirs = directory.path().join("theirs");
            std::fs::create_dir(&theirs).unwrap();
            symlink(directory.path(), theirs.join("lead")).unwrap();
            for path in [&theirs, &theirs.join("lead")] {
                chown(path, 12);
            }
            assert!(remove_file(&theirs.join("lead/pid")).is_err());
        }
        assert!(path.exists());
        remove_file(&path).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn modes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let write = |mode, text: &str| {
            let mut file = File::from(for_stdio(&path, mode).unwrap());
            io::Write::write_all(&mut file, text.as_bytes()).unwrap();
            std::fs::read_to_string(&path).unwrap()
        };
        assert_eq!(write(FileMode::Write, "long text"), "long text");
        assert_eq!(write(FileMode::Write, "LONG"), "LONG text");
        assert_eq!(write(FileMode::Append, "!"), "LONG text!");
        assert_eq!(write(FileMode::Truncate, "new"), "new");
        assert!(for_stdio(&directory.path().join("none"), FileMode::Read).is_err());
        let link = directory.path().join("link");
        symlink("file", &link).unwrap();
        assert_eq!(read_regular(&link, 10).unwrap(), b"new");
        assert!(read_regular(&link, 2).is_err());
        assert!(read_regular(directory.path(), 10).is_err());
    }

    #[test]
    fn a_fifo_does_not_wait() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fifo");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for mode in [FileMode::Write, FileMode::Read] {
            let fd = for_stdio(&path, mode).unwrap();
            let flags = rustix::fs::fcntl_getfl(&fd).unwrap();
            assert!(!flags.contains(OFlags::NONBLOCK));
        }
        assert!(read_regular(&path, 10).is_err());
    }

    #[test]
    fn root_follows_no_stranger() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::write(at("secret"), "root's").unwrap();
        std::fs::create_dir(at("theirs")).unwrap();
        chown(&at("theirs"), 65534);
        symlink(at("secret"), at("theirs/link")).unwrap();
        chown(&at("theirs/link"), 65534);
        std::fs::write(at("theirs/file"), "their own").unwrap();
        chown(&at("theirs/file"), 65534);
        std::fs::hard_link(at("secret"), at("theirs/hard")).unwrap();

        let read = |name: &str| read_regular(&at(name), 100);
        assert_eq!(read("secret").unwrap(), b"root's");
        assert_eq!(read("theirs/file").unwrap(), b"their own");
        let refused = read("theirs/link").unwrap_err().to_string();
        assert!(
            refused.contains("symbolic link in a directory of another user"),
            "{refused}"
        );
        assert!(read("theirs/hard").is_err());
        // Ours may lead to theirs.
        symlink("theirs/file", at("ours")).unwrap();
        assert_eq!(read("ours").unwrap(), b"their own");
        symlink("loop", at("loop")).unwrap();
        assert_eq!(read("loop").unwrap_err().raw_os_error(), Some(libc::ELOOP));
    }
}
