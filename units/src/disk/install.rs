//! Does what `crate::install` decides: makes links and drop-ins, and takes them away.
//!
//! Everything goes by the descriptor of a directory that was opened without following a link, so
//! nothing that somebody puts in the way meanwhile leads anywhere else. A file is there whole or not at
//! all, whenever the process ends.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::install::{Change, Deed};
use crate::source::Source;

/// `O_DIRECTORY | O_NOFOLLOW` of Linux, on the architectures we build for.
#[cfg(any(
    target_arch = "arm",
    target_arch = "aarch64",
    target_arch = "powerpc64"
))]
const DIRECTORY_ITSELF: i32 = 0o40000 | 0o100_000;
/// `O_DIRECTORY | O_NOFOLLOW` of Linux, on the architectures we build for.
#[cfg(not(any(
    target_arch = "arm",
    target_arch = "aarch64",
    target_arch = "powerpc64"
)))]
const DIRECTORY_ITSELF: i32 = 0o200_000 | 0o400_000;

/// Where those of the files lead that are links.
pub fn links(sources: &[Source]) -> BTreeMap<Arc<str>, String> {
    let lead = |source: &Source| {
        let target = fs::read_link(&*source.path).ok()?;
        Some((source.path.clone(), target.to_string_lossy().into_owned()))
    };
    sources.iter().filter_map(lead).collect()
}

/// Whether there is a file that a link could make known: a file itself, not a link or directory.
///
/// # Errors
/// With a sentence that names the path.
pub fn is_plain_file(path: &str) -> Result<(), String> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(found) if found.is_symlink() => Err(format!("{path} is a link, and no file itself")),
        Ok(_) => Err(format!("{path} is not a file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(format!("{path} does not exist"))
        }
        Err(error) => Err(format!("cannot look at {path}: {error}")),
    }
}

/// Makes one change. Gives back directories that went because nothing was left in them.
///
/// # Errors
/// With a sentence that names the path. What was done before stays done.
pub fn perform(change: &Change) -> Result<Option<PathBuf>, String> {
    let path = change.path();
    let failed = |error: io::Error| match &change.deed {
        Deed::Remove => format!("cannot remove {}: {error}", path.display()),
        Deed::Link { .. } => format!("cannot make the link {}: {error}", path.display()),
        Deed::Write { .. } => format!("cannot write {}: {error}", path.display()),
    };
    let makes = change.deed != Deed::Remove;
    if makes {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&change.base)
            .map_err(failed)?;
    }
    let base = Directory(File::open(&change.base).map_err(failed)?);
    let within = match &change.directory {
        Some(name) => base.enter(name, makes).map_err(failed)?,
        None => base.again().map_err(failed)?,
    };
    match &change.deed {
        Deed::Link { target, replace } => within.link(&change.file, target, *replace),
        Deed::Write { text } => within.write(&change.file, text.as_bytes()),
        Deed::Remove => match fs::remove_file(within.at(&change.file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        },
    }
    .map_err(failed)?;
    if let (false, Some(name)) = (makes, &change.directory)
        // It says no while something is in it.
        && fs::remove_dir(base.at(name)).is_ok()
    {
        return Ok(Some(change.base.join(name)));
    }
    Ok(None)
}

/// A directory that is held open.
struct Directory(File);

impl Directory {
    /// A path to something in it, wherever the directory is moved meanwhile.
    fn at(&self, name: &str) -> PathBuf {
        Path::new("/proc/self/fd")
            .join(self.0.as_raw_fd().to_string())
            .join(name)
    }

    fn again(&self) -> io::Result<Directory> {
        self.0.try_clone().map(Directory)
    }

    /// A directory in it, itself and no link to one.
    fn enter(&self, name: &str, make: bool) -> io::Result<Directory> {
        if make {
            match DirBuilder::new().mode(0o755).create(self.at(name)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(DIRECTORY_ITSELF)
            .open(self.at(name));
        match opened {
            Ok(file) => Ok(Directory(file)),
            // `ENOTDIR` and `ELOOP` say little to people.
            Err(_) if fs::symlink_metadata(self.at(name)).is_ok_and(|it| it.is_symlink()) => Err(
                io::Error::other("the directory is a link, which is not followed"),
            ),
            Err(error) => Err(error),
        }
    }

    fn link(&self, name: &str, target: &str, replace: bool) -> io::Result<()> {
        if !replace {
            return symlink(target, self.at(name));
        }
        let draft = draft(name);
        symlink(target, self.at(&draft))?;
        self.place(&draft, name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let draft = draft(name);
        // A file that is new: neither what somebody put there, nor a link of theirs.
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(self.at(&draft))?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        if let Err(error) = written {
            let _ = fs::remove_file(self.at(&draft));
            return Err(error);
        }
        self.place(&draft, name)
    }

    /// Gives a draft its name, in the place of whatever has it.
    fn place(&self, draft: &str, name: &str) -> io::Result<()> {
        let placed = fs::rename(self.at(draft), self.at(name));
        if placed.is_err() {
            let _ = fs::remove_file(self.at(draft));
        }
        placed
    }
}

/// A name that is hidden, and that nobody takes for a unit's.
fn draft(name: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    // Of several processes at once one makes the file, and the other is told that it is there.
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let short: String = name.chars().take(60).collect();
    format!(".{short}.{count}.draft")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(base: &Path, directory: Option<&str>, file: &str, deed: Deed) -> Change {
        Change {
            base: base.to_owned(),
            directory: directory.map(str::to_owned),
            file: file.to_owned(),
            deed,
        }
    }

    fn link_to(target: &str, replace: bool) -> Deed {
        Deed::Link {
            target: target.to_owned(),
            replace,
        }
    }

    #[test]
    fn links_and_files_come_and_go_with_their_directories() {
        let top = tempfile::tempdir().unwrap();
        let base = top.path().join("a/b");
        let link = change(
            &base,
            Some("x.target.wants"),
            "a.service",
            link_to("/a", false),
        );
        assert_eq!(perform(&link), Ok(None));
        assert_eq!(fs::read_link(link.path()).unwrap(), Path::new("/a"));
        // What is there is not replaced unasked.
        assert!(perform(&link).is_err());
        let over = change(
            &base,
            Some("x.target.wants"),
            "a.service",
            link_to("/b", true),
        );
        assert_eq!(perform(&over), Ok(None));
        assert_eq!(fs::read_link(link.path()).unwrap(), Path::new("/b"));
        let write = change(
            &base,
            None,
            "f",
            Deed::Write {
                text: "one".to_owned(),
            },
        );
        assert_eq!(perform(&write), Ok(None));
        assert_eq!(fs::read(write.path()).unwrap(), b"one");
        let gone = change(&base, Some("x.target.wants"), "a.service", Deed::Remove);
        assert_eq!(perform(&gone), Ok(Some(base.join("x.target.wants"))));
        // Nothing but the one file is left, no draft either.
        let left: Vec<_> = fs::read_dir(&base)
            .unwrap()
            .map(|it| it.unwrap().file_name())
            .collect();
        assert_eq!(left, ["f"]);
    }

    #[test]
    fn a_link_to_a_directory_is_not_followed() {
        let top = tempfile::tempdir().unwrap();
        let elsewhere = top.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("f"), "theirs").unwrap();
        let base = top.path().join("units");
        fs::create_dir(&base).unwrap();
        symlink(&elsewhere, base.join("a.service.d")).unwrap();
        let text = "ours".to_owned();
        for deed in [Deed::Write { text }, link_to("/a", true), Deed::Remove] {
            let said = perform(&change(&base, Some("a.service.d"), "f", deed)).unwrap_err();
            assert!(said.ends_with("is a link, which is not followed"), "{said}");
        }
        assert_eq!(fs::read(elsewhere.join("f")).unwrap(), b"theirs");
        // A link in the place of the file is replaced itself.
        symlink(elsewhere.join("f"), base.join("f")).unwrap();
        let text = "ours".to_owned();
        perform(&change(&base, None, "f", Deed::Write { text })).unwrap();
        assert_eq!(fs::read(elsewhere.join("f")).unwrap(), b"theirs");
        assert_eq!(fs::read(base.join("f")).unwrap(), b"ours");
    }
}
