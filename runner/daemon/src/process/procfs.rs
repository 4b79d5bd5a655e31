//! What `/proc` says about processes: parents, sessions, marks in environments.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::sync::OnceLock;

/// A process as `/proc/PID/stat` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub parent: u32,
    pub session: u32,
    /// When it began, in ticks since boot: together with the pid, an identity.
    pub started: u64,
    pub is_zombie: bool,
}

/// Whether the numbers in `/proc` are those that we know processes by. They are others where it is that
/// of another namespace, as after `unshare --pid --fork` alone: what it says of a number then is about
/// a stranger. Where there is none at all it says nothing.
pub(crate) fn is_ours() -> bool {
    static IS_OURS: OnceLock<bool> = OnceLock::new();
    *IS_OURS.get_or_init(|| {
        let own = std::process::id().to_string();
        fs::read_link("/proc/self").is_ok_and(|path| path.as_os_str() == own.as_str())
    })
}

/// `None` when there is no such process.
pub(super) fn stat(pid: u32) -> Option<Stat> {
    if !is_ours() {
        return None;
    }
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name of the program stands in parentheses and may contain anything, also parentheses.
fn parse_stat(text: &str) -> Option<Stat> {
    let mut fields = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace();
    let is_zombie = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    let started = fields.nth(15)?.parse().ok()?;
    Some(Stat {
        parent,
        session,
        started,
        is_zombie,
    })
}

/// All processes there are, at one moment, more or less.
pub(super) fn all() -> HashMap<u32, Stat> {
    if !is_ours() {
        return HashMap::new();
    }
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(|pid| Some((pid, stat(pid)?)))
        .collect()
}

/// The children of a process; `None` where the kernel does not list them.
pub(super) fn children(pid: u32) -> Option<Vec<u32>> {
    if !is_ours() {
        return None;
    }
    let mut found = Vec::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        // A thread that has just ended has no children; a kernel without the list has none of them.
        match fs::read_to_string(thread.path().join("children")) {
            Ok(text) => found.extend(
                text.split_ascii_whitespace()
                    .filter_map(|n| n.parse::<u32>().ok()),
            ),
            Err(_) if thread.path().exists() => return None,
            Err(_) => {}
        }
    }
    Some(found)
}

/// The value of a variable in the environment a process was started with.
pub(super) fn variable(pid: u32, name: &str) -> Option<String> {
    let bytes = read_bounded(&format!("/proc/{pid}/environ"), 256 << 10)?;
    let found = bytes
        .split(|byte| *byte == 0)
        .find_map(|variable| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
    Some(String::from_utf8_lossy(found).into_owned())
}

/// The command line of a process, for people; the name of the program in brackets where it has none.
pub(super) fn command(pid: u32) -> Option<String> {
    let bytes = read_bounded(&format!("/proc/{pid}/cmdline"), 4096)?;
    let words: Vec<_> = bytes
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(String::from_utf8_lossy)
        .collect();
    if words.is_empty() {
        let name = read_bounded(&format!("/proc/{pid}/comm"), 64)?;
        return Some(format!("[{}]", String::from_utf8_lossy(&name).trim_end()));
    }
    Some(words.join(" "))
}

/// The real uid of a process.
pub(super) fn uid(pid: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn read_bounded(path: &str, most: u64) -> Option<Vec<u8>> {
    if !is_ours() {
        return None;
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .ok()?
        .take(most)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_parentheses() {
        let text = "7 (a) R (b) S 1 7 6 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 99";
        assert_eq!(
            parse_stat(text),
            Some(Stat {
                parent: 1,
                session: 6,
                started: 12345,
                is_zombie: false
            })
        );
        assert_eq!(parse_stat("7 (x"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn ourselves() {
        let pid = std::process::id();
        let own = stat(pid).unwrap();
        assert_eq!(all().get(&pid), Some(&own));
        assert!(command(pid).unwrap().contains("runnerd"));
        assert_eq!(uid(pid), Some(rustix::process::getuid().as_raw()));
        assert_eq!(stat(u32::MAX), None);
        assert_eq!(command(u32::MAX), None);
    }
}
