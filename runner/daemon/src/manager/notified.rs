//! Notify sockets of services, and the messages that come in on them.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use engine::Event;
use engine::event::Sender;
use engine::ticket::BatchId;
use nix::sys::epoll::EpollFlags;
use units::{UnitName, value::NotifyAccess};

use super::poller::Source;
use super::{Manager, main_process};
use crate::link::Key;
use crate::notify::{self, Received};
use crate::process::table::Membership;

/// The open sockets: `$RUNTIME/notify/N`.
#[derive(Debug, Default)]
pub(super) struct NotifySockets {
    open: HashMap<UnitName, (OwnedFd, u64)>,
    highest: u64,
}

impl NotifySockets {
    /// Where a unit's messages go.
    pub(super) fn path(&self, runtime: &Path, unit: &UnitName) -> Option<PathBuf> {
        self.open
            .get(unit)
            .map(|(_, number)| notify::path(runtime, *number))
    }

    /// Takes a socket back after a recovery; its number is the end of its address.
    pub(super) fn restore(&mut self, unit: UnitName, socket: OwnedFd) {
        let number = nix::sys::socket::getsockname::<nix::sys::socket::UnixAddr>(
            std::os::fd::AsRawFd::as_raw_fd(&socket),
        )
        .ok()
        .and_then(|address| address.path()?.file_name()?.to_str()?.parse().ok())
        .unwrap_or(0);
        self.highest = self.highest.max(number);
        self.open.insert(unit, (socket, number));
    }

    /// Whether the unit has one.
    pub(super) fn has(&self, unit: &UnitName) -> bool {
        self.open.contains_key(unit)
    }

    /// The units that have one.
    pub(super) fn units(&self) -> Vec<UnitName> {
        self.open.keys().cloned().collect()
    }
}

impl Manager {
    /// Makes sure that the unit has a notify socket and gives its path.
    pub(super) fn open_notify(&mut self, unit: &UnitName) -> io::Result<PathBuf> {
        if let Some(path) = self.notify.path(&self.runtime, unit) {
            return Ok(path);
        }
        let number = self.notify.highest + 1;
        let socket = notify::create(&self.runtime, number)?;
        self.notify.highest = number;
        self.hold(&Key::Notify { unit: unit.clone() }, socket.as_fd());
        self.notify.open.insert(unit.clone(), (socket, number));
        self.watch_notify(unit);
        Ok(notify::path(&self.runtime, number))
    }

    /// Looks for messages of the unit, if it has a socket.
    pub(super) fn watch_notify(&mut self, unit: &UnitName) {
        let Some((socket, _)) = self.notify.open.get(unit) else {
            return;
        };
        let source = Source::Notify(unit.clone());
        if let Err(error) = self.poller.add(source, socket.as_fd(), EpollFlags::EPOLLIN) {
            tracing::error!("{unit}: cannot watch its notify socket: {error}");
        }
    }

    /// Closes the unit's notify socket.
    pub(super) fn close_notify(&mut self, unit: &UnitName) {
        if let Some((socket, number)) = self.notify.open.remove(unit) {
            self.poller
                .remove(&Source::Notify(unit.clone()), socket.as_fd());
            self.unhold(&Key::Notify { unit: unit.clone() });
            notify::remove(&self.runtime, number);
        }
    }

    /// Reads up to `most` messages.
    pub(super) fn take_messages(&mut self, unit: &UnitName, most: usize) {
        if self.processes.is_ordered(unit) {
            // Who the sender is can only be said once the spawner has answered, which wakes us.
            if let Some((socket, _)) = self.notify.open.get(unit) {
                self.poller
                    .remove(&Source::Notify(unit.clone()), socket.as_fd());
            }
            return;
        }
        for _ in 0..most {
            let Some((socket, _)) = self.notify.open.get(unit) else {
                return;
            };
            match notify::peek(socket) {
                Ok(Some(received)) => self.message(unit, received),
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!("{unit}: cannot read its notify socket: {error}");
                    return;
                }
            }
            // Only now: a manager killed before this line reads it again.
            if let Some((socket, _)) = self.notify.open.get(unit)
                && let Err(error) = notify::consume(socket)
            {
                tracing::warn!("{unit}: cannot read its notify socket: {error}");
                return;
            }
        }
    }

    fn message(&mut self, unit: &UnitName, received: Received) {
        let Received {
            pid,
            uid,
            mut message,
            mut descriptors,
        } = received;
        if let Err(why) = main_process::resolve(&mut message, &mut descriptors) {
            tracing::warn!("{unit}: the main process it names is ignored: {why}");
        }
        let sender = Sender {
            pid,
            uid,
            member: self.is_member(unit, pid, uid),
        };
        // A barrier's descriptor is closed once everything before it is dealt with: at the end of
        // this function.
        let (batch, _barrier) = if message.barrier || descriptors.is_empty() {
            (None, descriptors)
        } else {
            let id = BatchId(self.number());
            let count = u32::try_from(descriptors.len()).unwrap_or(u32::MAX);
            self.batches.insert(id, descriptors);
            (Some((id, count)), Vec::new())
        };
        self.feed(Event::Notified {
            unit: unit.clone(),
            sender,
            message,
            batch,
        });
        self.turn();
        if let Some((id, _)) = batch {
            // Nobody wanted them.
            self.batches.remove(&id);
        }
    }

    /// Whether the sender belongs to the unit. Only `all` asks; main and control processes the
    /// engine knows by their pids.
    fn is_member(&mut self, unit: &UnitName, pid: u32, uid: u32) -> bool {
        let all = self
            .definition(unit)
            .is_some_and(|found| found.notify_access() == NotifyAccess::All);
        if !all {
            return false;
        }
        let user = self.uid_of(unit);
        match self.processes.membership(unit, pid, user) {
            Membership::Member => true,
            Membership::Stranger => false,
            // Short-lived helpers such as systemd-notify are gone before anybody can look.
            Membership::Gone => uid == 0 || uid == user,
        }
    }
}
