//! The fd stores of services, kept in step with the keeper and the poller.

use std::os::fd::{AsFd, AsRawFd as _, OwnedFd, RawFd};

use engine::Event;
use nix::sys::epoll::EpollFlags;
use units::UnitName;

use super::Manager;
use super::poller::Source;
use crate::link::Key;
use crate::notify::fd_store::Stored;
use crate::process::order::Passed;

fn key(unit: &UnitName, stored: &Stored) -> Key {
    Key::Store {
        unit: unit.clone(),
        index: stored.index,
        name: stored.name.clone(),
    }
}

impl Manager {
    /// Performs `Store`.
    pub(super) fn store(
        &mut self,
        unit: UnitName,
        name: &str,
        fds: Vec<OwnedFd>,
        max: u32,
        poll: bool,
    ) {
        for stored in self.stores.add(&unit, name, fds, max, poll) {
            self.hold(&key(&unit, &stored), stored.fd.as_fd());
            self.watch_stored(&unit, &stored);
        }
        self.say_stored(unit);
    }

    /// Performs `Unstore`.
    pub(super) fn unstore(&mut self, unit: UnitName, name: Option<&str>) {
        let gone = self.stores.remove(&unit, name);
        self.let_go(&unit, &gone);
        if !gone.is_empty() {
            drop(gone);
            self.await_keeper();
        }
        self.say_stored(unit);
    }

    /// The other end of a stored descriptor hung up: nobody can use it any more.
    pub(super) fn stored_hung_up(&mut self, unit: UnitName, fd: RawFd) {
        let gone = self.stores.hung_up(&unit, fd);
        self.let_go(&unit, &gone);
        self.say_stored(unit);
    }

    /// Watches a stored descriptor for a hang-up.
    pub(super) fn watch_stored(&mut self, unit: &UnitName, stored: &Stored) {
        if stored.poll {
            let source = Source::Stored(unit.clone(), stored.fd.as_raw_fd());
            // Hang-ups and errors are reported without being asked for. What epoll does not take
            // cannot hang up either.
            let _ = self
                .poller
                .add(source, stored.fd.as_fd(), EpollFlags::empty());
        }
    }

    /// What is handed back to a service, newest first.
    pub(super) fn stored_for(&self, unit: &UnitName) -> Vec<Passed> {
        let stored = self.stores.of(unit);
        stored
            .map(|stored| Passed {
                fd: stored.fd.clone(),
                name: stored.name.clone(),
            })
            .collect()
    }

    fn let_go(&mut self, unit: &UnitName, gone: &[Stored]) {
        for stored in gone {
            self.poller.remove(
                &Source::Stored(unit.clone(), stored.fd.as_raw_fd()),
                stored.fd.as_fd(),
            );
            self.unhold(&key(unit, stored));
        }
    }

    fn say_stored(&mut self, unit: UnitName) {
        let names = self.stores.names(&unit);
        self.events.push_back(Event::StoreIs { unit, names });
    }
}
