//! Records in a memfd that the keeper holds: what a manager must find again after its death.
//!
//! A store is the magic line, then frames: `length u32, crc32 u32, entries`, little-endian. A frame
//! is what one [`Store::write`] wrote, all of it or nothing: the checksum covers length and
//! entries, and a reader stops at the first frame that is not whole. An entry is `key length u16,
//! value length u32, key, value`; a value length of all ones deletes the key. The last entry of a
//! key counts.
//!
//! The file is read and written, never mapped: a mapping of a file that somebody shortened is a
//! SIGBUS.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::MemfdFlags;

/// At the start of every store; a later layout gets another line.
const MAGIC: &[u8; 16] = b"runner store 1\n\0";

/// Bytes before the entries of a frame.
const FRAME: usize = 8;

/// A file below this size is never compacted.
const SMALL: u64 = 64 * 1024;

/// A file is compacted when it has grown to so many times what lived in it last time.
const GROWTH: u64 = 4;

/// The value length that deletes a key.
const DELETED: u32 = u32::MAX;

/// Records by key, in a memfd.
#[derive(Debug)]
pub struct Store {
    fd: OwnedFd,
    name: String,
    end: u64,
    /// Size above which the next write compacts.
    limit: u64,
}

/// Where a write went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Written {
    /// Into the file that the keeper holds.
    Appended,
    /// Into a new file, which counts only once the keeper was given it.
    Moved,
}

impl Store {
    /// An empty store; `name` shows in `/proc/PID/fd`.
    ///
    /// # Errors
    /// What `memfd_create(2)` or `pwrite(2)` say.
    pub fn create(name: &str) -> io::Result<Store> {
        Store::with(name, &BTreeMap::new())
    }

    /// Takes up a store and gives its records, in order of key: what is torn at its end is cut off.
    ///
    /// # Errors
    /// `InvalidData` if this is no store; what `pread(2)` and `ftruncate(2)` say.
    pub fn open(name: &str, fd: OwnedFd) -> io::Result<(Store, Vec<(String, String)>)> {
        let bytes = read_all(fd.as_fd())?;
        let Some(frames) = bytes.strip_prefix(MAGIC) else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("no store: {name}"),
            ));
        };
        let (records, length) = read_frames(frames);
        let end = as_u64(MAGIC.len() + length);
        if end < as_u64(bytes.len()) {
            rustix::fs::ftruncate(&fd, end)?;
        }
        let limit = limit(as_u64(size(&records)));
        let store = Store {
            fd,
            name: name.to_owned(),
            end,
            limit,
        };
        Ok((store, records.into_iter().collect()))
    }

    /// All records, in order of key.
    ///
    /// # Errors
    /// What `pread(2)` says.
    pub fn records(&self) -> io::Result<Vec<(String, String)>> {
        Ok(self.read()?.into_iter().collect())
    }

    /// Sets keys, and deletes those with `None`: all of it or, if it does not succeed, nothing.
    /// After [`Written::Moved`] the keeper has to be given [`Store::as_fd`] again.
    ///
    /// # Errors
    /// `InvalidInput` for a key of 64 KiB or a value of 4 GiB, else what `pwrite(2)` and
    /// `memfd_create(2)` say.
    pub fn write(&mut self, changes: &[(String, Option<String>)]) -> io::Result<Written> {
        if changes.is_empty() {
            return Ok(Written::Appended);
        }
        let frame = frame(
            changes
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_deref())),
        )?;
        if self.end + as_u64(frame.len()) > self.limit {
            let mut records = self.read()?;
            for (key, value) in changes {
                match value {
                    Some(value) => records.insert(key.clone(), value.clone()),
                    None => records.remove(key),
                };
            }
            *self = Store::with(&self.name, &records)?;
            return Ok(Written::Moved);
        }
        write_all(self.fd.as_fd(), &frame, self.end)?;
        self.end += as_u64(frame.len());
        Ok(Written::Appended)
    }

    fn with(name: &str, records: &BTreeMap<String, String>) -> io::Result<Store> {
        let fd = rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?;
        let mut bytes = MAGIC.to_vec();
        if !records.is_empty() {
            let live = records
                .iter()
                .map(|(key, value)| (key.as_str(), Some(value.as_str())));
            bytes.extend_from_slice(&frame(live)?);
        }
        write_all(fd.as_fd(), &bytes, 0)?;
        let end = as_u64(bytes.len());
        Ok(Store {
            fd,
            name: name.to_owned(),
            end,
            limit: limit(end),
        })
    }

    fn read(&self) -> io::Result<BTreeMap<String, String>> {
        let bytes = read_all(self.fd.as_fd())?;
        Ok(read_frames(bytes.get(MAGIC.len()..).unwrap_or_default()).0)
    }
}

impl AsFd for Store {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn as_u64(length: usize) -> u64 {
    // No file of ours comes near the bound.
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn limit(live: u64) -> u64 {
    SMALL.max(live.saturating_mul(GROWTH))
}

fn size(records: &BTreeMap<String, String>) -> usize {
    records
        .iter()
        .map(|(key, value)| 6 + key.len() + value.len())
        .sum()
}

fn frame<'a>(entries: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> io::Result<Vec<u8>> {
    let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "record is too long");
    let mut frame = vec![0; FRAME];
    for (key, value) in entries {
        let length = match value {
            Some(value) => u32::try_from(value.len()).map_err(too_long)?,
            None => DELETED,
        };
        frame.extend_from_slice(&u16::try_from(key.len()).map_err(too_long)?.to_le_bytes());
        frame.extend_from_slice(&length.to_le_bytes());
        frame.extend_from_slice(key.as_bytes());
        frame.extend_from_slice(value.unwrap_or_default().as_bytes());
    }
    let length = u32::try_from(frame.len() - FRAME)
        .map_err(too_long)?
        .to_le_bytes();
    let sum = checksum(&length, &frame[FRAME..]).to_le_bytes();
    frame[..4].copy_from_slice(&length);
    frame[4..FRAME].copy_from_slice(&sum);
    Ok(frame)
}

/// Reads frames up to the first that is not whole: the records, and the bytes that are.
fn read_frames(bytes: &[u8]) -> (BTreeMap<String, String>, usize) {
    let mut records = BTreeMap::new();
    let mut rest = bytes;
    while let Some((entries, after)) = split_frame(rest) {
        for (key, value) in entries {
            match value {
                Some(value) => records.insert(key.to_owned(), value.to_owned()),
                None => records.remove(key),
            };
        }
        rest = after;
    }
    (records, bytes.len() - rest.len())
}

type Entry<'a> = (&'a str, Option<&'a str>);

/// The entries of the first frame, and what follows it.
fn split_frame(bytes: &[u8]) -> Option<(Vec<Entry<'_>>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let (mut body, after) = rest.split_at_checked(as_usize(u32::from_le_bytes(*length))?)?;
    if checksum(length, body) != u32::from_le_bytes(*sum) {
        return None;
    }
    let mut entries = Vec::new();
    while !body.is_empty() {
        let (key, rest) = body.split_first_chunk::<2>()?;
        let (value, rest) = rest.split_first_chunk::<4>()?;
        let (key, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*key)))?;
        let key = std::str::from_utf8(key).ok()?;
        let length = u32::from_le_bytes(*value);
        if length == DELETED {
            entries.push((key, None));
            body = rest;
        } else {
            let (value, rest) = rest.split_at_checked(as_usize(length)?)?;
            entries.push((key, Some(std::str::from_utf8(value).ok()?)));
            body = rest;
        }
    }
    Some((entries, after))
}

fn as_usize(length: u32) -> Option<usize> {
    usize::try_from(length).ok()
}

fn read_all(fd: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
    let size = usize::try_from(rustix::fs::fstat(fd)?.st_size).unwrap_or(0);
    let mut bytes = vec![0; size];
    let mut at = 0;
    while at < size {
        match rustix::io::pread(fd, &mut bytes[at..], as_u64(at)) {
            Ok(0) => break,
            Ok(count) => at += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    bytes.truncate(at);
    Ok(bytes)
}

fn write_all(fd: BorrowedFd<'_>, bytes: &[u8], at: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match rustix::io::pwrite(fd, &bytes[done..], at + as_u64(done)) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// CRC-32 (IEEE 802.3) over both parts. Eight bytes at a time: a recovery sums up all of the state
/// before it can answer anybody.
fn checksum(head: &[u8], body: &[u8]) -> u32 {
    const TABLES: [[u32; 256]; 8] = {
        let mut tables = [[0; 256]; 8];
        let mut n = 0;
        while n < 256 {
            // `n` is below 256.
            let mut value = n as u32;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 1 {
                    0xedb8_8320 ^ value >> 1
                } else {
                    value >> 1
                };
                bit += 1;
            }
            tables[0][n] = value;
            n += 1;
        }
        let mut table = 1;
        while table < 8 {
            let mut n = 0;
            while n < 256 {
                let before = tables[table - 1][n];
                tables[table][n] = tables[0][(before & 0xff) as usize] ^ before >> 8;
                n += 1;
            }
            table += 1;
        }
        tables
    };
    // The masks keep every index below 256.
    let at = |table: usize, word: u32, shift: u32| TABLES[table][(word >> shift & 0xff) as usize];
    let single = |sum: u32, byte: &u8| at(0, sum ^ u32::from(*byte), 0) ^ sum >> 8;
    let mut sum = head.iter().fold(u32::MAX, single);
    let (words, rest) = body.as_chunks::<8>();
    for [a, b, c, d, e, f, g, h] in words {
        let low = sum ^ u32::from_le_bytes([*a, *b, *c, *d]);
        let high = u32::from_le_bytes([*e, *f, *g, *h]);
        sum = at(7, low, 0)
            ^ at(6, low, 8)
            ^ at(5, low, 16)
            ^ at(4, low, 24)
            ^ at(3, high, 0)
            ^ at(2, high, 8)
            ^ at(1, high, 16)
            ^ at(0, high, 24);
    }
    !rest.iter().fold(sum, single)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: &str, value: &str) -> (String, Option<String>) {
        (key.to_owned(), Some(value.to_owned()))
    }

    fn delete(key: &str) -> (String, Option<String>) {
        (key.to_owned(), None)
    }

    fn owned(records: &[(&str, &str)]) -> Vec<(String, String)> {
        records
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn with_bytes(bytes: &[u8]) -> OwnedFd {
        let fd = rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
        write_all(fd.as_fd(), bytes, 0).unwrap();
        fd
    }

    /// A length of the file, and what is to be read from it then.
    type Stage = (usize, Vec<(String, String)>);

    /// Three writes, the bytes they made, and what is to be read after each.
    fn three_writes() -> (Vec<u8>, Vec<Stage>) {
        let mut store = Store::create("test").unwrap();
        let mut stages = vec![(MAGIC.len(), owned(&[]))];
        let writes = [
            vec![set("unit:a.service", "1"), set("unit:b.service", "")],
            vec![
                set("unit:a.service", "2"),
                delete("unit:b.service"),
                set("job:1", "{\0}"),
            ],
            vec![set("meta", "later"), delete("never")],
        ];
        for changes in writes {
            assert_eq!(store.write(&changes).unwrap(), Written::Appended);
            let length = read_all(store.as_fd()).unwrap().len();
            stages.push((length, store.records().unwrap()));
        }
        assert_eq!(
            stages[1].1,
            owned(&[("unit:a.service", "1"), ("unit:b.service", "")])
        );
        let last = owned(&[
            ("job:1", "{\0}"),
            ("meta", "later"),
            ("unit:a.service", "2"),
        ]);
        assert_eq!(stages[3].1, last);
        (read_all(store.as_fd()).unwrap(), stages)
    }

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(checksum(b"1234", b"56789"), 0xcbf4_3926);
        assert_eq!(checksum(b"", b"123456789"), 0xcbf4_3926);
        let text = b"The quick brown fox jumps over the lazy dog";
        assert_eq!(checksum(b"", text), 0x414f_a339);
    }

    #[test]
    fn torn_at_any_byte_it_is_as_before_the_torn_write() {
        let (bytes, stages) = three_writes();
        for length in MAGIC.len()..=bytes.len() {
            let (whole, expected) = stages.iter().rev().find(|(end, _)| *end <= length).unwrap();
            let mut store = Store::open("test", with_bytes(&bytes[..length])).unwrap().0;
            assert_eq!(store.records().unwrap(), *expected, "torn at {length}");
            assert_eq!(store.end, as_u64(*whole));
            let _ = store.write(&[set("next", "x")]).unwrap();
            let (store, records) = Store::open("test", store.fd).unwrap();
            assert_eq!(store.records().unwrap(), records);
            assert!(
                store
                    .records()
                    .unwrap()
                    .contains(&("next".into(), "x".into()))
            );
        }
    }

    #[test]
    fn a_flipped_bit_costs_its_write_and_those_after_it_and_nothing_else() {
        let (bytes, stages) = three_writes();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            match Store::open("test", with_bytes(&damaged)) {
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
                    assert!(bit / 8 < MAGIC.len());
                }
                Ok((store, _)) => {
                    let (_, expected) = stages
                        .iter()
                        .rev()
                        .find(|(end, _)| *end <= bit / 8)
                        .unwrap();
                    assert_eq!(store.records().unwrap(), *expected, "bit {bit}");
                }
            }
        }
    }

    #[test]
    fn zeros_and_gibberish_at_the_end_are_cut_off() {
        let (bytes, stages) = three_writes();
        for tail in [&[0; 100][..], &[0xff; 100], b"\x05\0\0\0....hello"] {
            let (store, _) = Store::open("test", with_bytes(&[&bytes, tail].concat())).unwrap();
            assert_eq!(store.records().unwrap(), stages[3].1);
            assert_eq!(store.end, as_u64(bytes.len()));
        }
    }

    #[test]
    fn what_is_no_store_is_refused() {
        for bytes in [&b""[..], b"runner", b"{}", &[0; 64]] {
            let error = Store::open("test", with_bytes(bytes)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn it_is_compacted_into_a_new_file_and_the_old_one_stays_whole() {
        let mut store = Store::create("test").unwrap();
        let _ = store.write(&[set("carried:over", "unread")]).unwrap();
        let value = "v".repeat(1_000);
        let mut moves = 0;
        for n in 0..1_000 {
            let old = rustix::io::dup(&store).unwrap();
            let before = store.records().unwrap();
            let changes = [set(&format!("unit:{}", n % 7), &format!("{n}{value}"))];
            if store.write(&changes).unwrap() == Written::Moved {
                moves += 1;
                assert_eq!(Store::open("old", old).unwrap().1, before);
            }
            assert!(store.end <= store.limit);
        }
        assert!((10..30).contains(&moves), "{moves}");
        let records = store.records().unwrap();
        assert_eq!(records.len(), 8);
        assert_eq!(records[0], ("carried:over".to_owned(), "unread".to_owned()));
    }

    #[test]
    fn a_large_store_grows_to_four_times_what_lives() {
        let many: Vec<_> = (0..10_000)
            .map(|n| set(&format!("unit:{n}"), &"x".repeat(100)))
            .collect();
        let mut store = Store::create("test").unwrap();
        assert_eq!(store.write(&many).unwrap(), Written::Moved);
        assert_eq!(store.write(&many).unwrap(), Written::Appended);
        assert_eq!(store.write(&many).unwrap(), Written::Appended);
        let (store, records) = Store::open("test", store.fd).unwrap();
        assert_eq!(store.records().unwrap(), records);
        assert_eq!(store.records().unwrap().len(), 10_000);
        assert_eq!(limit(store.end), store.end * GROWTH);
    }
}
