//! What is there, and what it looks like.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;

/// So many entries of directories are looked at for one pattern or appearance.
const MOST_ENTRIES: usize = 4_096;

/// Whether the path leads to something.
pub(super) fn exists(path: &str) -> bool {
    fs::metadata(path).is_ok()
}

/// Whether the path is a directory with at least one entry.
pub(super) fn has_entry(path: &str) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some())
}

/// Whether a part of a path, or a path, is a pattern of glob(7).
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Whether something exists that fits the pattern. As the shell has it, a wildcard does not stand for
/// a dot at the beginning of a name.
pub(super) fn exists_glob(pattern: &str) -> bool {
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    let mut budget = MOST_ENTRIES;
    // Depth first, without calling ourselves: a directory, and how many parts it stands for.
    let mut open = vec![(String::from("/"), 0)];
    while let Some((directory, at)) = open.pop() {
        let Some(part) = parts.get(at) else {
            if fs::symlink_metadata(&directory).is_ok() {
                return true;
            }
            continue;
        };
        let below = |name: &str| match directory.as_str() {
            "/" => format!("/{name}"),
            directory => format!("{directory}/{name}"),
        };
        if !is_pattern(part) {
            open.push((below(part), at + 1));
            continue;
        }
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries.flatten() {
            let Some(left) = budget.checked_sub(1) else {
                return false;
            };
            budget = left;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let hidden = name.starts_with('.') && !part.starts_with('.');
            if !hidden && control::matches(part, name) {
                open.push((below(name), at + 1));
            }
        }
    }
    false
}

/// A number that is another one when the file, or an entry of the directory, was changed, replaced,
/// made or removed.
pub(super) fn appearance(path: &str) -> u64 {
    let mut bits = Bits::default();
    for found in [fs::symlink_metadata(path), fs::metadata(path)] {
        match found {
            Ok(found) => bits.add_file(&found),
            Err(_) => bits.add(u64::MAX),
        }
    }
    let Ok(entries) = fs::read_dir(path) else {
        return bits.0;
    };
    // Entries come in any order, so they are added up.
    let mut sum: u64 = 0;
    for entry in entries.flatten().take(MOST_ENTRIES) {
        let mut one = Bits::default();
        for byte in entry.file_name().as_bytes() {
            one.add(u64::from(*byte));
        }
        if let Ok(found) = entry.metadata() {
            one.add_file(&found);
        }
        sum = sum.wrapping_add(one.0);
    }
    bits.add(sum);
    bits.0
}

/// FNV-1a, over numbers: the same in every build, since another build may compare.
struct Bits(u64);

impl Default for Bits {
    fn default() -> Bits {
        Bits(0xcbf2_9ce4_8422_2325)
    }
}

impl Bits {
    fn add(&mut self, number: u64) {
        for byte in number.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Not when it was last read: looking is no change.
    fn add_file(&mut self, found: &fs::Metadata) {
        self.add(found.dev());
        self.add(found.ino());
        self.add(found.size());
        self.add(u64::from(found.mode()));
        for time in [
            found.mtime(),
            found.mtime_nsec(),
            found.ctime(),
            found.ctime_nsec(),
        ] {
            self.add(time.unsigned_abs());
        }
    }
}
