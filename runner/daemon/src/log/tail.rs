//! The last lines of a log file, backups included.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::OFlags;

use super::FileSink;
use super::lines;
use crate::place::Place;

/// As much is read at most, however long the lines are.
const MOST: u64 = 4 * 1024 * 1024;
/// What one step back reads.
const STEP: u64 = 64 * 1024;

/// The last `wanted` lines, oldest first.
pub(super) fn of_file(sink: &FileSink, wanted: usize) -> io::Result<Vec<Vec<u8>>> {
    let place = Place::find(&sink.path)?;
    let mut text = Vec::new();
    let mut from_start = true;
    for backup in 0..=sink.backups {
        let file = match place.open(&place.backup(backup), OFlags::RDONLY) {
            Ok(file) => File::from(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound && backup == 0 => continue,
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        };
        let found = file.metadata()?;
        if !found.is_file() {
            break;
        }
        let mut left = found.len();
        while left > 0 {
            // One line more than wanted, since the first may be the rest of one.
            if text.len() as u64 >= MOST || lines::count(&text) > wanted as u64 {
                return Ok(lines::last(&text, wanted, false));
            }
            let step = left.min(STEP);
            left -= step;
            let mut earlier = vec![0; usize::try_from(step).unwrap_or_default()];
            file.read_exact_at(&mut earlier, left)?;
            earlier.append(&mut text);
            text = earlier;
            from_start = left == 0;
        }
    }
    Ok(lines::last(&text, wanted, from_start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_through_backups() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let sink = FileSink {
            path: path.clone(),
            max_size: 0,
            backups: 9,
            owner: None,
            mode: 0,
        };
        assert!(of_file(&sink, 5).unwrap().is_empty());
        std::fs::write(path.with_extension("log.2"), "1\n2\n").unwrap();
        std::fs::write(path.with_extension("log.1"), "3\n4\n").unwrap();
        std::fs::write(&path, "5\n6").unwrap();
        assert_eq!(of_file(&sink, 3).unwrap(), [b"4", b"5", b"6"]);
        assert_eq!(of_file(&sink, 99).unwrap().len(), 6);
        let long: String = (0..100_000).map(|n| format!("{n}\n")).collect();
        std::fs::write(&path, long).unwrap();
        let last = of_file(&sink, 20_000).unwrap();
        assert_eq!((last.len(), last[0].as_slice()), (20_000, &b"80000"[..]));
    }
}
