//! A log file: written by splice, rotated by size, looked after when others move or empty it.
//!
//! Its size is where the next byte goes, asked for before each move. So a file that somebody
//! emptied (`copytruncate`) is simply written on from its start, and a manager that was killed
//! leaves nothing behind that the next one has to know.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, fchown};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, OFlags};
use units::UnitName;

use super::FileSink;
use super::lines;
use super::pipe;
use super::trouble::Health;
use crate::place::Place;
use crate::reason::reason;

/// How often we look whether the path still leads to the open file.
const CHECK: Duration = Duration::from_secs(1);
/// How long a file that could not be rotated grows on before the next attempt.
const ROTATE_AGAIN: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) sink: FileSink,
    pub(super) health: Health,
    open: Option<File>,
    checked: Option<Instant>,
    unrotatable: Option<Instant>,
}

/// Where the next bytes may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// So many bytes fit.
    Bytes(usize),
    /// So many bytes come first, then the file is rotated.
    ThenRotate(usize),
}

impl LogFile {
    pub(super) fn new(sink: FileSink) -> LogFile {
        LogFile {
            sink,
            health: Health::Well,
            open: None,
            checked: None,
            unrotatable: None,
        }
    }

    /// Opens the path again at the next move.
    pub(super) fn reopen(&mut self) {
        self.open = None;
    }

    /// How long the file is. Opens it where it is not open, or not at its path any more.
    fn length(&mut self, now: Instant) -> io::Result<u64> {
        if let Some(file) = &self.open {
            let found = file.metadata()?;
            let due = self
                .checked
                .is_none_or(|last| now.duration_since(last) >= CHECK);
            let gone = found.nlink() == 0 || (due && self.moved_away(&found));
            if due {
                self.checked = Some(now);
            }
            if !gone {
                return Ok(found.len());
            }
            self.open = None;
        }
        let file = open(&self.sink)?;
        let length = file.metadata()?.len();
        self.open = Some(file);
        self.checked = Some(now);
        Ok(length)
    }

    /// The length at which to rotate; 0 when not to.
    fn limit(&self, now: Instant) -> u64 {
        match self.unrotatable {
            Some(until) if now < until => 0,
            _ => self.sink.max_size,
        }
    }

    /// It could not be rotated: goes on with the file as it is, and tries again later.
    pub(super) fn postpone_rotation(&mut self, now: Instant) {
        self.unrotatable = Some(now + ROTATE_AGAIN);
    }

    /// Rotates the log of `unit`, or postpones that and says so.
    pub(super) fn rotate_or_grow(&mut self, unit: &UnitName, now: Instant) -> Result<(), String> {
        self.rotate().map_err(|error| {
            self.postpone_rotation(now);
            let (path, why) = (self.sink.path.display(), reason(&error));
            format!("cannot rotate log file {path} of {unit}: {why}; it grows on")
        })
    }

    fn moved_away(&self, open: &std::fs::Metadata) -> bool {
        // Links were judged when it was opened; here a look at what the path leads to is enough.
        match std::fs::metadata(&self.sink.path) {
            Ok(found) => identity(&found) != identity(open),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    /// Whether all that waits fits before the file has to be rotated. If not, look at it and ask
    /// [`Self::fit`].
    pub(super) fn takes_all(&mut self, waiting: usize, now: Instant) -> io::Result<bool> {
        let length = self.length(now)?;
        Ok(self.limit(now) == 0 || length + waiting as u64 <= self.sink.max_size)
    }

    /// Where these bytes, the front of what waits, may go. Files end with whole lines; only a line
    /// longer than a whole file, or than [`lines::LONGEST`], is torn.
    pub(super) fn fit(&mut self, chunk: &[u8], now: Instant) -> io::Result<Room> {
        let length = self.length(now)?;
        let max = self.limit(now);
        let left = max.saturating_sub(length);
        if max == 0 || chunk.len() as u64 <= left {
            return Ok(Room::Bytes(chunk.len()));
        }
        let within = chunk
            .get(..usize::try_from(left).unwrap_or(usize::MAX))
            .unwrap_or(chunk);
        let whole = lines::whole(within);
        if whole > 0 {
            return Ok(Room::ThenRotate(whole));
        }
        if length == 0 {
            // Not even one line fits into an empty file.
            return Ok(Room::ThenRotate(within.len()));
        }
        if self.ends_with_newline(length)? {
            return Ok(Room::ThenRotate(0));
        }
        match lines::first(chunk) {
            Some(first) => Ok(Room::ThenRotate(first)),
            None if length >= max + lines::LONGEST as u64 => Ok(Room::ThenRotate(0)),
            None => Ok(Room::Bytes(chunk.len())),
        }
    }

    fn ends_with_newline(&self, length: u64) -> io::Result<bool> {
        let Some(file) = &self.open else {
            return Ok(true);
        };
        let mut last = [0];
        file.read_exact_at(&mut last, length.saturating_sub(1))?;
        Ok(last == [b'\n'])
    }

    /// Moves up to `bytes` out of the pipe to the end of the file. `Ok(0)`: the pipe is empty.
    pub(super) fn take(
        &mut self,
        from: BorrowedFd<'_>,
        bytes: usize,
        now: Instant,
    ) -> io::Result<usize> {
        let length = self.length(now)?;
        match &self.open {
            Some(file) => pipe::splice(from, file.as_fd(), Some(length), bytes),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Writes what it takes of `bytes` at its end, and says how many that were.
    pub(super) fn put(&mut self, bytes: &[u8], now: Instant) -> io::Result<usize> {
        let length = self.length(now)?;
        match &self.open {
            Some(file) if !bytes.is_empty() => file.write_at(bytes, length),
            _ => Ok(0),
        }
    }

    /// Which file it is, and how long.
    pub(super) fn standing(&mut self, now: Instant) -> io::Result<((u64, u64), u64)> {
        let length = self.length(now)?;
        let identity = match &self.open {
            Some(file) => identity(&file.metadata()?),
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok((identity, length))
    }

    /// How much of `text` is in the file already, when all of it was meant to go behind the first
    /// `length` bytes of the file `noted`, and perhaps did before a manager was killed. Bytes that
    /// are others' do not count.
    pub(super) fn already(
        &mut self,
        noted: (u64, u64),
        length: u64,
        text: &[u8],
        now: Instant,
    ) -> io::Result<usize> {
        let (found, end) = self.standing(now)?;
        // In another file it is the first thing, whether that came by rotation or otherwise.
        let from = if found == noted { length } else { 0 };
        let Some(file) = &self.open else {
            return Ok(0);
        };
        let most = end.saturating_sub(from).min(text.len() as u64);
        let mut there = vec![0; usize::try_from(most).unwrap_or_default()];
        file.read_exact_at(&mut there, from)?;
        Ok(if text.starts_with(&there) {
            there.len()
        } else {
            0
        })
    }

    /// Writes a line of our own.
    pub(super) fn mark(&mut self, text: &str, now: Instant) -> io::Result<()> {
        let mut length = self.length(now)?;
        let ended = length == 0 || self.ends_with_newline(length)?;
        if let Some(file) = &self.open {
            if !ended {
                file.write_all_at(b"\n", length)?;
                length += 1;
            }
            file.write_all_at(format!("{text}\n").as_bytes(), length)?;
        }
        Ok(())
    }

    /// Makes place for a new file: `PATH` becomes `PATH.1`, and so on up to the first name that is
    /// free. A kill in the middle leaves such a gap, which the next rotation then fills; so no old
    /// file is given up too early.
    pub(super) fn rotate(&mut self) -> io::Result<()> {
        let keep = self.sink.backups;
        if keep == 0 {
            if let Some(file) = &self.open {
                file.set_len(0)?;
            }
            return Ok(());
        }
        let place = Place::find(&self.sink.path)?;
        let exists = |name: &OsStr| {
            rustix::fs::statat(&place.directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
        };
        let free = (1..keep)
            .find(|n| !exists(&place.backup(*n)))
            .unwrap_or(keep);
        for n in (0..free).rev() {
            let (from, to) = (place.backup(n), place.backup(n + 1));
            rustix::fs::renameat(&place.directory, &from, &place.directory, &to)?;
        }
        self.open = None;
        Ok(())
    }
}

/// Device and inode.
fn identity(found: &std::fs::Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

/// Makes the file where there is none.
pub(super) fn make(sink: &FileSink) -> io::Result<()> {
    open(sink).map(drop)
}

/// Opens or makes the file. Ownership and mode are set through the descriptor, and only on what
/// nobody else could have put there: a new file, or one in a directory of ours.
fn open(sink: &FileSink) -> io::Result<File> {
    let place = Place::find(&sink.path)?;
    // Reading, for the last byte at a rotation.
    let flags = OFlags::RDWR;
    let (file, new) = match place.open(&place.name, flags) {
        Ok(file) => (File::from(file), false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (
            File::from(place.open(&place.name, flags | OFlags::CREATE | OFlags::EXCL)?),
            true,
        ),
        Err(error) => return Err(error),
    };
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if !place.ours && found.nlink() > 1 {
        return Err(io::Error::other(
            "it has several names, one of them in a directory that others can write to",
        ));
    }
    if new || place.ours {
        if let Some((uid, gid)) = sink.owner
            && (uid, gid) != (found.uid(), found.gid())
        {
            fchown(&file, Some(uid), Some(gid))?;
        }
        if found.mode() & 0o7777 != sink.mode {
            file.set_permissions(std::fs::Permissions::from_mode(sink.mode))?;
        }
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use super::*;

    fn sink(path: &Path, max_size: u64, backups: u32) -> FileSink {
        FileSink {
            path: path.to_owned(),
            max_size,
            backups,
            owner: None,
            mode: 0o640,
        }
    }

    fn contents(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    fn put(file: &mut LogFile, text: &str) {
        let (read, mut write) = std::io::pipe().unwrap();
        write.write_all(text.as_bytes()).unwrap();
        let moved = file.take(read.as_fd(), text.len(), Instant::now()).unwrap();
        assert_eq!(moved, text.len());
    }

    #[test]
    fn notices_truncation_deletion_and_renaming() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut file = LogFile::new(sink(&path, 0, 0));
        put(&mut file, "one\n");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(0)
            .unwrap();
        put(&mut file, "two\n");
        assert_eq!(contents(&path), "two\n");
        std::fs::remove_file(&path).unwrap();
        put(&mut file, "three\n");
        assert_eq!(contents(&path), "three\n");
        std::fs::rename(&path, dir.path().join("old")).unwrap();
        file.checked = None;
        put(&mut file, "four\n");
        assert_eq!(contents(&path), "four\n");
        std::fs::rename(&path, dir.path().join("older")).unwrap();
        put(&mut file, "five\n");
        file.reopen();
        put(&mut file, "six\n");
        assert_eq!(contents(&dir.path().join("older")), "four\nfive\n");
        assert_eq!(contents(&path), "six\n");
    }

    #[test]
    fn rotates_and_fills_the_gap_a_kill_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let backup = |n: u32| dir.path().join(format!("a.log.{n}"));
        let mut file = LogFile::new(sink(&path, 10, 3));
        for text in ["1\n", "2\n", "3\n", "4\n", "5\n"] {
            put(&mut file, text);
            file.rotate().unwrap();
        }
        assert_eq!(
            (1..=3).map(|n| contents(&backup(n))).collect::<String>(),
            "5\n4\n3\n"
        );
        assert!(!backup(4).exists());
        put(&mut file, "6\n");
        std::fs::rename(backup(1), backup(2)).unwrap();
        file.rotate().unwrap();
        assert_eq!(
            (1..=3).map(|n| contents(&backup(n))).collect::<String>(),
            "6\n5\n3\n"
        );
        let mut file = LogFile::new(sink(&path, 10, 0));
        put(&mut file, "7\n");
        file.rotate().unwrap();
        put(&mut file, "8\n");
        assert_eq!(contents(&path), "8\n");
    }

    #[test]
    fn fits_whole_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut file = LogFile::new(sink(&path, 10, 3));
        let now = Instant::now();
        assert_eq!(file.fit(b"12\n45\n", now).unwrap(), Room::Bytes(6));
        assert_eq!(
            file.fit(b"1234567890123", now).unwrap(),
            Room::ThenRotate(10)
        );
        put(&mut file, "12\n45\n");
        assert!(!file.takes_all(5, now).unwrap());
        assert_eq!(file.fit(b"1\n3\n5\n", now).unwrap(), Room::ThenRotate(4));
        assert_eq!(file.fit(b"123456\n", now).unwrap(), Room::ThenRotate(0));
        put(&mut file, "7");
        assert_eq!(file.fit(b"8901\n3\n", now).unwrap(), Room::ThenRotate(5));
        assert_eq!(file.fit(b"8901", now).unwrap(), Room::Bytes(4));
        file.mark("gone", now).unwrap();
        assert_eq!(contents(&path), "12\n45\n7\ngone\n");
    }

    #[test]
    fn says_why_it_cannot_be_opened() {
        let dir = tempfile::tempdir().unwrap();
        let mut missing = LogFile::new(sink(&dir.path().join("no/a.log"), 0, 0));
        let error = missing.takes_all(1, Instant::now()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let mut directory = LogFile::new(sink(dir.path(), 0, 0));
        assert!(directory.takes_all(1, Instant::now()).is_err());
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        let mut fifo = LogFile::new(sink(&fifo, 0, 0));
        let error = fifo.takes_all(1, Instant::now()).unwrap_err();
        assert_eq!(error.to_string(), "it is not a regular file");
    }

    #[test]
    fn as_root_writes_to_no_second_name_in_a_strangers_directory() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        std::fs::create_dir(&home).unwrap();
        std::fs::write(dir.path().join("secret"), "s").unwrap();
        std::fs::hard_link(dir.path().join("secret"), home.join("a.log")).unwrap();
        std::os::unix::fs::chown(&home, Some(65534), Some(65534)).unwrap();
        let mut file = LogFile::new(FileSink {
            owner: Some((65534, 65534)),
            ..sink(&home.join("a.log"), 0, 0)
        });
        assert!(file.takes_all(1, Instant::now()).is_err());
        std::fs::remove_file(home.join("a.log")).unwrap();
        assert!(file.takes_all(1, Instant::now()).unwrap());
        assert_eq!(std::fs::metadata(home.join("a.log")).unwrap().uid(), 65534);
    }
}
