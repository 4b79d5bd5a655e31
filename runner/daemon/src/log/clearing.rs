//! Log files that are to go: those a client clears, and those of earlier runs.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, FileType};

use super::FileSink;
use crate::place::Place;

/// The most backups that are looked for: supervisord's own limit in the names of old files.
const MOST_BACKUPS: u32 = 9999;

/// Deletes a log file and its backups. Devices and pipes stay.
pub(super) fn remove(sink: &FileSink) -> io::Result<()> {
    let place = match Place::find(&sink.path) {
        Ok(place) => place,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let file = remove_file(&place, &place.name);
    for backup in 1..=MOST_BACKUPS.max(sink.backups) {
        match remove_file(&place, &place.backup(backup)) {
            Ok(true) => {}
            // A kill in the middle of a rotation leaves one gap among those that are kept.
            Ok(false) if backup <= sink.backups => {}
            Ok(false) | Err(_) => break,
        }
    }
    file.map(drop)
}

/// Says whether there was one.
fn remove_file(place: &Place, name: &OsStr) -> io::Result<bool> {
    let found = match rustix::fs::statat(&place.directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => found,
        Err(rustix::io::Errno::NOENT) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Ok(false);
    }
    rustix::fs::unlinkat(&place.directory, name, AtFlags::empty())?;
    Ok(true)
}

/// Deletes the files of ours in a directory whose names daemons with this identifier have chosen.
pub(super) fn clean_up(directory: &Path, identifier: &str) -> io::Result<()> {
    // Walked to as any file in it would be.
    let place = Place::find(&directory.join("x"))?;
    let own = rustix::process::geteuid().as_raw();
    let mut last = Ok(());
    for entry in rustix::fs::Dir::read_from(reopened(&place)?)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if !is_chosen(name, identifier) {
            continue;
        }
        let ours = rustix::fs::statat(&place.directory, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|found| found.st_uid == own);
        if ours && let Err(error) = remove_file(&place, name) {
            last = Err(error);
        }
    }
    last
}

fn reopened(place: &Place) -> io::Result<std::os::fd::OwnedFd> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(
        &place.directory,
        ".",
        flags,
        Mode::empty(),
    )?)
}

/// Whether a name is `ANYTHING---IDENTIFIER-LETTERS.log` or a backup `….log.N` of one.
fn is_chosen(name: &OsStr, identifier: &str) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    let base = match name.rsplit_once('.') {
        Some((base, number)) if (1..=4).contains(&number.len()) => {
            let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { base } else { name }
        }
        _ => name,
    };
    let Some(base) = base.strip_suffix(".log") else {
        return false;
    };
    base.split_once(&format!("---{identifier}-"))
        .is_some_and(|(program, letters)| {
            !program.is_empty() && !letters.is_empty() && !letters.contains(char::is_whitespace)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_names_we_choose() {
        for (name, ours) in [
            ("cat-stdout---supervisor-ab12_xyz.log", true),
            ("cat-stderr---supervisor-ab12_xyz.log.10", true),
            ("cat-stdout---supervisor-ab12_xyz.log.old", false),
            ("cat-stdout---other-ab12_xyz.log", false),
            ("---supervisor-ab12_xyz.log", false),
            ("cat-stdout---supervisor-.log", false),
            ("supervisord.log", false),
        ] {
            assert_eq!(is_chosen(OsStr::new(name), "supervisor"), ours, "{name}");
        }
    }

    #[test]
    fn clears_what_is_old_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["a-stdout---s-1.log", "a-stdout---s-1.log.1", "b.log"] {
            std::fs::write(at(name), "x").unwrap();
        }
        std::os::unix::fs::symlink(at("b.log"), at("c-stdout---s-2.log")).unwrap();
        clean_up(dir.path(), "s").unwrap();
        let mut left: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["b.log", "c-stdout---s-2.log"]);
        assert!(clean_up(&at("missing"), "s").is_err());
    }

    #[test]
    fn removes_a_log_with_its_backups() {
        let dir = tempfile::tempdir().unwrap();
        let sink = FileSink {
            path: dir.path().join("a.log"),
            max_size: 0,
            backups: 3,
            owner: None,
            mode: 0o600,
        };
        remove(&sink).unwrap();
        for name in ["a.log", "a.log.1", "a.log.3", "a.log.4", "a.log.x"] {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        remove(&sink).unwrap();
        let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 1);
    }
}
