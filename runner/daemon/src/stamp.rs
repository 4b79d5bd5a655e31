//! Stamps: when persistent timers last elapsed, as the times of files (systemd.timer(5),
//! `Persistent=`).

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use engine::clock::Realtime;
use units::{Surroundings, UnitName};

/// Where stamps are: below what the service manager above us gave us for our state, else below the
/// state directory of the host or user.
#[must_use]
pub fn directory(around: &Surroundings) -> PathBuf {
    let given = std::env::var("STATE_DIRECTORY").unwrap_or_default();
    match given.split(':').next().filter(|path| path.starts_with('/')) {
        Some(path) => Path::new(path).join("timers"),
        None => Path::new(&around.state_directory).join("runner/timers"),
    }
}

fn file(directory: &Path, timer: &UnitName) -> PathBuf {
    directory.join(format!("stamp-{timer}"))
}

/// When a timer last elapsed; `None` if nobody knows. Blocks on the file system.
///
/// # Errors
/// When there may be a stamp and it cannot be read.
pub fn read(directory: &Path, timer: &UnitName) -> io::Result<Option<Realtime>> {
    let found = match std::fs::symlink_metadata(file(directory, timer)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let since = found.modified()?.duration_since(UNIX_EPOCH);
    let since = since.unwrap_or(Duration::ZERO);
    Ok(Some(Realtime(
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX),
    )))
}

/// Keeps when a timer elapsed. Blocks on the file system.
///
/// # Errors
/// When the directory or the file cannot be made, or is a link.
pub fn write(directory: &Path, timer: &UnitName, at: Realtime) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(directory)?;
    let file: File = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o644)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(file(directory, timer))?;
    file.set_modified(UNIX_EPOCH + Duration::from_micros(at.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_says_when() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("state/timers");
        let timer = UnitName::parse("a@1.timer").unwrap();
        assert_eq!(read(&directory, &timer).unwrap(), None);
        for at in [1_700_000_000_123_456, 1_600_000_000_000_001] {
            write(&directory, &timer, Realtime(at)).unwrap();
            assert_eq!(read(&directory, &timer).unwrap(), Some(Realtime(at)));
        }
    }

    #[test]
    fn a_link_is_no_stamp() {
        let place = tempfile::tempdir().unwrap();
        let timer = UnitName::parse("a.timer").unwrap();
        let victim = place.path().join("victim");
        std::fs::write(&victim, "").unwrap();
        let before = std::fs::metadata(&victim).unwrap().modified().unwrap();
        std::os::unix::fs::symlink(&victim, file(place.path(), &timer)).unwrap();
        assert!(write(place.path(), &timer, Realtime(5)).is_err());
        let after = std::fs::metadata(&victim).unwrap().modified().unwrap();
        assert_eq!(before, after);
    }
}
