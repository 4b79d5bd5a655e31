//! Parts of log files for clients, by supervisord's rules (`readFile` and `tailFile` of
//! supervisord 4.3.0). May block on a file system: not for the loop's thread.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use control::{LogProblem, LogRange, LogText};
use rustix::fs::OFlags;

use crate::place::Place;
use crate::reason::reason;

/// As much is read at most. Who asks for all of a longer file gets so much of it, from where he
/// asked for, or its end where he asked for that.
const MOST: u64 = 16 * 1024 * 1024;

/// A part of the log file at `path`.
///
/// # Errors
/// Why there is none.
pub(super) fn read(path: &Path, range: LogRange) -> Result<LogText, LogProblem> {
    let failed = |error: io::Error| {
        LogProblem::Failed(format!(
            "cannot read {}: {}",
            path.display(),
            reason(&error)
        ))
    };
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(LogProblem::NoFile(Some(path.to_owned())));
        }
        Err(error) => return Err(failed(error)),
    };
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() {
        return Err(LogProblem::NoFile(Some(path.to_owned())));
    }
    let size = found.len();
    let part = part(size, range).ok_or(LogProblem::BadRange)?;
    let bytes = read_part(&file, part.from, part.bytes).map_err(failed)?;
    Ok(LogText {
        bytes,
        size,
        overflow: part.overflow,
    })
}

/// Opens a log file for reading, led astray by nobody.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let place = Place::find(path)?;
    Ok(File::from(place.open(&place.name, OFlags::RDONLY)?))
}

/// A file may become shorter while it is read: then there is less.
pub(super) fn read_part(file: &File, from: u64, bytes: u64) -> io::Result<Vec<u8>> {
    let mut text = vec![0; usize::try_from(bytes).unwrap_or_default()];
    let mut filled = 0;
    while let Some(rest) = text.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, from + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    text.truncate(filled);
    Ok(text)
}

/// Where a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    from: u64,
    bytes: u64,
    overflow: bool,
}

/// Which part of a file of `size` bytes is meant; `None` for a range that makes no sense.
fn part(size: u64, range: LogRange) -> Option<Part> {
    let (from, bytes, overflow) = match range {
        LogRange::Read { offset, length } if offset < 0 => {
            if length != 0 {
                return None;
            }
            let bytes = offset.unsigned_abs().min(size).min(MOST);
            (size - bytes, bytes, false)
        }
        LogRange::Read { offset, length } => {
            let from = offset.unsigned_abs().min(size);
            let wanted = match u64::try_from(length).ok()? {
                0 => u64::MAX,
                length => length,
            };
            (from, wanted.min(size - from).min(MOST), false)
        }
        LogRange::Tail { offset, length } => tail(size, offset, length),
    };
    Some(Part {
        from,
        bytes,
        overflow,
    })
}

/// `tailFile`, step by step: what looks odd in it is what clients are used to.
fn tail(size: u64, offset: i64, length: i64) -> (u64, u64, bool) {
    let end = i128::from(size);
    let (mut offset, mut length) = (i128::from(offset), i128::from(length));
    let overflow = end > offset + length;
    if overflow {
        offset = end - 1;
    }
    if offset + length > end {
        if offset > end - 1 {
            length = 0;
        }
        offset = end - length;
    }
    let whole = |number: i128| u64::try_from(number.max(0)).unwrap_or(u64::MAX);
    let from = whole(offset).min(size);
    let bytes = whole(length).min(size - from);
    let most = bytes.min(MOST);
    (from + (bytes - most), most, overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_at(offset: i64, length: i64) -> Option<(u64, u64)> {
        part(20, LogRange::Read { offset, length }).map(|part| (part.from, part.bytes))
    }

    #[test]
    fn reads_as_supervisord() {
        assert_eq!(read_at(0, 0), Some((0, 20)));
        assert_eq!(read_at(5, 0), Some((5, 15)));
        assert_eq!(read_at(5, 4), Some((5, 4)));
        assert_eq!(read_at(30, 4), Some((20, 0)));
        assert_eq!(read_at(-4, 0), Some((16, 4)));
        assert_eq!(read_at(-40, 0), Some((0, 20)));
        assert_eq!(read_at(i64::MIN, 0), Some((0, 20)));
        assert_eq!(read_at(-4, 1), None);
        assert_eq!(read_at(0, -1), None);
        assert_eq!(read_at(i64::MAX, i64::MAX), Some((20, 0)));
    }

    #[test]
    fn tails_as_supervisord() {
        // Samples taken from supervisord 4.3.0 with a file of 20 bytes.
        for (offset, length, from, bytes, overflow) in [
            (0, 5, 15, 5, true),
            (0, 100, 0, 20, false),
            (10, 100, 0, 20, false),
            (100, 5, 20, 0, false),
            (0, 0, 20, 0, true),
            (0, -1, 20, 0, true),
        ] {
            let got = tail(20, offset, length);
            assert_eq!((got.1, got.2), (bytes, overflow), "({offset}, {length})");
            assert!(got.1 == 0 || got.0 == from, "({offset}, {length})");
        }
        assert_eq!(tail(0, 0, 100), (0, 0, false));
        assert_eq!(tail(0, i64::MAX, i64::MAX), (0, 0, false));
        assert!(tail(20, i64::MIN, i64::MIN).2);
    }

    #[test]
    fn never_reads_more_than_it_says() {
        let huge = 10 << 30;
        let all = part(
            huge,
            LogRange::Read {
                offset: 7,
                length: 0,
            },
        )
        .unwrap();
        assert_eq!((all.from, all.bytes), (7, MOST));
        let last = part(
            huge,
            LogRange::Read {
                offset: i64::MIN,
                length: 0,
            },
        )
        .unwrap();
        assert_eq!((last.from, last.bytes), (huge - MOST, MOST));
        let tail = tail(huge, 0, i64::MAX);
        assert_eq!((tail.0, tail.1), (huge - MOST, MOST));
    }

    #[test]
    fn says_why_there_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let all = LogRange::Read {
            offset: 0,
            length: 0,
        };
        let path = dir.path().join("a.log");
        assert_eq!(
            read(&path, all),
            Err(LogProblem::NoFile(Some(path.clone())))
        );
        std::fs::write(&path, "text").unwrap();
        let text = read(&path, all).unwrap();
        assert_eq!((text.bytes.as_slice(), text.size), (&b"text"[..], 4));
        let bad = LogRange::Read {
            offset: -1,
            length: 1,
        };
        assert_eq!(read(&path, bad), Err(LogProblem::BadRange));
    }
}
