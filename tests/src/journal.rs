//! A stand-in for journald: takes datagrams of its native protocol and keeps the entries.

use crate::World;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex, PoisonError};

/// One entry: its fields.
pub type Entry = BTreeMap<String, String>;

/// The stand-in. It is found at the usual place by a daemon with a mount namespace of its own.
pub struct Journal(Arc<Mutex<Vec<Entry>>>);

impl Journal {
    /// Listens, and gives the world's daemon a `/run` in which it is journald. Needs root.
    pub fn of(world: &mut World) -> Journal {
        crate::needs_root();
        let path = world.path("journal.sock");
        let socket = UnixDatagram::bind(&path).expect("the journal's socket");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).expect("mode");
        world.wrapper(&[
            "unshare",
            "--mount",
            "/bin/sh",
            "-c",
            "mount -t tmpfs run /run && mkdir -p /run/systemd/journal && \
             ln -s @dir@/journal.sock /run/systemd/journal/socket && exec \"$@\"",
            "sh",
        ]);
        let entries = Arc::new(Mutex::new(Vec::new()));
        let kept = entries.clone();
        std::thread::spawn(move || {
            let mut text = vec![0u8; 256 * 1024];
            while let Ok(length) = socket.recv(&mut text) {
                let entry = parse(&text[..length]);
                kept.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(entry);
            }
        });
        Journal(entries)
    }

    /// The entries so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// `KEY=value\n`, or `KEY\n`, eight bytes of little-endian length, the value, `\n`.
fn parse(mut rest: &[u8]) -> Entry {
    let mut entry = Entry::new();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 1..];
        if let Some((key, value)) = line.split_once('=') {
            entry.insert(key.into(), value.into());
        } else if let Some((length, after)) = rest.split_first_chunk::<8>() {
            let length = usize::try_from(u64::from_le_bytes(*length)).expect("a length");
            entry.insert(line, String::from_utf8_lossy(&after[..length]).into_owned());
            rest = &after[(length + 1).min(after.len())..];
        }
    }
    entry
}
