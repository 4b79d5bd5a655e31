//! The open listeners of socket units.
//! They are held by the keeper too, so that a new manager gets it back.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use units::{Definition, UnitName};

use crate::process::order::Passed;

/// An open address of a socket unit.
#[derive(Debug, Clone)]
pub(super) struct Listener {
    /// The descriptor.
    pub(super) fd: Arc<OwnedFd>,
    /// As systemd shows it.
    pub(super) address: String,
    /// In `LISTEN_FDNAMES`.
    pub(super) name: String,
}

/// Pairs descriptors with the addresses of `definition`, in its order. `None` when they do not fit:
/// the definition is another one by now.
pub(super) fn listeners(definition: &Definition, fds: Vec<OwnedFd>) -> Option<Vec<Listener>> {
    let addresses: Vec<String> = definition
        .listen()
        .map(|(_, address)| address.to_string())
        .collect();
    (addresses.len() == fds.len()).then(|| {
        addresses
            .into_iter()
            .zip(fds)
            .map(|(address, fd)| Listener {
                fd: Arc::new(fd),
                address,
                name: definition.file_descriptor_name().to_owned(),
            })
            .collect()
    })
}

/// The open listeners of socket units.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    open: HashMap<UnitName, Vec<Listener>>,
}

impl Sockets {
    /// Whether the unit's listeners are open.
    pub(super) fn holds(&self, unit: &UnitName) -> bool {
        self.open.contains_key(unit)
    }

    /// All listeners of the unit, in the order of its addresses.
    pub(super) fn of(&self, unit: &UnitName) -> Option<Vec<Listener>> {
        self.open.get(unit).cloned()
    }

    /// One listener of the unit.
    pub(super) fn get(&self, unit: &UnitName, index: usize) -> Option<&Listener> {
        self.open.get(unit)?.get(index)
    }

    /// Takes the unit's listeners over.
    pub(super) fn insert(&mut self, unit: UnitName, listeners: Vec<Listener>) {
        self.open.insert(unit, listeners);
    }

    /// Gives the unit's listeners up.
    pub(super) fn remove(&mut self, unit: &UnitName) -> Vec<Listener> {
        self.open.remove(unit).unwrap_or_default()
    }

    /// The addresses the unit listens on.
    pub(super) fn addresses(&self, unit: &UnitName) -> Vec<String> {
        self.open
            .get(unit)
            .into_iter()
            .flatten()
            .map(|listener| listener.address.clone())
            .collect()
    }

    /// The unit's listeners as they are handed to a service.
    pub(super) fn passed(&self, unit: &UnitName) -> Vec<Passed> {
        let listeners = self.open.get(unit).into_iter().flatten();
        listeners
            .map(|listener| Passed {
                fd: listener.fd.clone(),
                name: listener.name.clone(),
            })
            .collect()
    }
}
