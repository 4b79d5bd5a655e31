//! Where the world finds our pid: `pid` in the runtime directory, and a file somebody asked for.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use crate::place::Place;

/// Writes our pid into a file that anybody may read. As root no link of a stranger is followed.
pub(super) fn write(path: &Path) -> io::Result<()> {
    let place = Place::find(path)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
    let fd = place.open(&place.name, flags)?;
    if FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("it is not a regular file"));
    }
    rustix::fs::fchmod(&fd, Mode::from_raw_mode(0o644))?;
    let mut file = std::fs::File::from(fd);
    writeln!(file, "{}", std::process::id())
}

/// Takes the file away, if it still says who we are: another daemon may have it by now.
pub(super) fn remove(path: &Path) {
    let Ok(place) = Place::find(path) else { return };
    if says_who_we_are(&place, &place.name) {
        let _ = rustix::fs::unlinkat(&place.directory, &place.name, AtFlags::empty());
    }
}

fn says_who_we_are(place: &Place, name: &OsStr) -> bool {
    let Ok(fd) = place.open(name, OFlags::RDONLY) else {
        return false;
    };
    let mut text = [0; 16];
    let length = rustix::io::read(&fd, &mut text).unwrap_or(0);
    text.get(..length)
        .and_then(|text| std::str::from_utf8(text).ok())
        .is_some_and(|text| text.trim().parse() == Ok(std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_and_only_ours_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.pid");
        std::fs::write(&path, "something longer than a pid\n").unwrap();
        write(&path).unwrap();
        let text = format!("{}\n", std::process::id());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        std::fs::write(&path, "1\n").unwrap();
        remove(&path);
        assert!(path.exists());
        write(&path).unwrap();
        remove(&path);
        assert!(!path.exists());
        assert!(write(&directory.path().join("no/such")).is_err());
    }
}
