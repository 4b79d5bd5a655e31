//! Noticing that a socket comes into being, without asking again and again whether it has.

use std::ffi::OsStr;
use std::future::pending;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::inotify::{CreateFlags, ReadFlags, WatchFlags, add_watch, init};
use tokio::net::unix::pipe::Receiver;

/// Room for events: one with the longest name a file can have fits at least.
const EVENTS: usize = 4096;
/// How long an event is before its name: four numbers, of which the second says what happened and the
/// last how long the name is (inotify(7)).
const HEAD: usize = 16;

/// An eye on the directory that a path is in, or on the nearest one above it that is there.
#[derive(Debug)]
pub(in crate::server) struct Arrival {
    /// Read as a pipe is: tokio has nothing else for a descriptor that is no socket.
    directory: Receiver,
    /// What has to appear in it.
    name: Vec<u8>,
}

impl Arrival {
    /// Looks out for `path` from now on; what is there already is not seen. `None` where the kernel
    /// has no watch to give, or the directories cannot be looked into.
    pub(in crate::server) fn of(path: &Path) -> Option<Arrival> {
        let mut path = path;
        loop {
            let (above, name) = (path.parent()?, path.file_name()?);
            match watch(above, name) {
                Ok(arrival) => return Some(arrival),
                Err(error) if error.kind() == io::ErrorKind::NotFound => path = above,
                Err(_) => return None,
            }
        }
    }

    /// Returns when something appears by that name, or the directory itself goes away: in either case
    /// it is worth an attempt, and after that another look.
    pub(in crate::server) async fn seen(&self) {
        loop {
            if self.directory.readable().await.is_err() {
                return pending().await;
            }
            match self.read() {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return pending().await,
            }
        }
    }

    /// Whether it is among what happened.
    fn read(&self) -> io::Result<bool> {
        let mut room = [0; EVENTS];
        let length = self.directory.try_read(&mut room)?;
        let mut events = room.get(..length).unwrap_or_default();
        let mut seen = false;
        while let Some((what, name, rest)) = first_of(events) {
            let gone = ReadFlags::DELETE_SELF
                | ReadFlags::MOVE_SELF
                | ReadFlags::IGNORED
                | ReadFlags::QUEUE_OVERFLOW;
            seen |= what.intersects(gone) || name == self.name;
            events = rest;
        }
        Ok(seen)
    }
}

/// What the first event is, the name it is about, which is filled up with zeros, and the other events.
fn first_of(events: &[u8]) -> Option<(ReadFlags, &[u8], &[u8])> {
    let (head, rest) = events.split_at_checked(HEAD)?;
    let number = |at: usize| {
        let bytes = head.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_ne_bytes(bytes))
    };
    let what = ReadFlags::from_bits_retain(number(4)?);
    let (name, rest) = rest.split_at_checked(usize::try_from(number(12)?).ok()?)?;
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    Some((what, name, rest))
}

fn watch(directory: &Path, name: &OsStr) -> io::Result<Arrival> {
    let inotify = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    let what = WatchFlags::CREATE
        | WatchFlags::MOVED_TO
        | WatchFlags::DELETE_SELF
        | WatchFlags::MOVE_SELF
        | WatchFlags::ONLYDIR;
    add_watch(&inotify, directory, what)?;
    Ok(Arrival {
        directory: Receiver::from_owned_fd_unchecked(inotify)?,
        name: name.as_bytes().to_vec(),
    })
}

/// The same where there may be nothing to look out for: then it never returns.
pub(in crate::server) async fn seen(arrival: Option<&Arrival>) {
    match arrival {
        Some(arrival) => arrival.seen().await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    /// Whether what was done just now is seen; events are there as soon as it is done.
    async fn is_seen(arrival: &Arrival) -> bool {
        arrival.directory.readable().await.unwrap();
        arrival.read().unwrap()
    }

    #[tokio::test]
    async fn a_socket_is_seen_when_it_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bus");
        let arrival = Arrival::of(&path).unwrap();
        std::fs::write(dir.path().join("other"), "").unwrap();
        assert!(!is_seen(&arrival).await);
        let _listener = UnixListener::bind(&path).unwrap();
        arrival.seen().await;
    }

    #[tokio::test]
    async fn directories_on_the_way_are_seen() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/dbus/socket");
        let arrival = Arrival::of(&path).unwrap();
        std::fs::create_dir(dir.path().join("tmp")).unwrap();
        assert!(!is_seen(&arrival).await);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        arrival.seen().await;
        let arrival = Arrival::of(&path).unwrap();
        std::fs::write(&path, "").unwrap();
        arrival.seen().await;
        // What goes away with the directory may come back in another.
        let arrival = Arrival::of(&path).unwrap();
        std::fs::remove_dir_all(dir.path().join("run")).unwrap();
        arrival.seen().await;
    }
}
