//! How many connections there may be: one user cannot take all, and all cannot take our memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::names::Face;

/// Of one user.
pub(super) const MOST_OF_USER: usize = 32;

/// Of one user, where systemd would be spoken to: those are many short ones of scripts, and only
/// root gets as far as that socket.
const MOST_OF_USER_OF_SYSTEMD: usize = 512;

/// Of all users together. Root is counted but never turned away by this one.
pub(super) const MOST: usize = 256;

/// Counts connections by uid.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    of_user: usize,
    counts: Arc<Mutex<HashMap<u32, usize>>>,
}

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    limits: Limits,
    uid: u32,
}

impl Limits {
    /// Nobody there yet.
    pub(super) fn of(face: Face) -> Limits {
        Limits {
            of_user: match face {
                Face::Runner => MOST_OF_USER,
                Face::Systemd => MOST_OF_USER_OF_SYSTEMD,
            },
            counts: Arc::default(),
        }
    }

    /// A place for a connection of `uid`, if there is one left.
    pub(super) fn take(&self, uid: u32) -> Option<Place> {
        let mut counts = self.counts();
        let all: usize = counts.values().sum();
        let own = counts.get(&uid).copied().unwrap_or_default();
        if own >= self.of_user || (all >= MOST && uid != 0) {
            return None;
        }
        counts.insert(uid, own + 1);
        drop(counts);
        Some(Place {
            limits: self.clone(),
            uid,
        })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<u32, usize>> {
        // Counts are whole at every moment, so a panic elsewhere cannot have broken them.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.limits.counts();
        if let Some(count) = counts.get_mut(&self.uid) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.uid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_cannot_take_all_places() {
        let limits = Limits::of(Face::Runner);
        let mut places: Vec<Place> = Vec::new();
        while let Some(place) = limits.take(1000) {
            places.push(place);
        }
        assert_eq!(places.len(), MOST_OF_USER);
        assert!(limits.take(1001).is_some());
        places.pop();
        assert!(limits.take(1000).is_some());
    }

    #[test]
    fn root_gets_in_when_all_places_are_taken() {
        let limits = Limits::of(Face::Runner);
        let mut places = Vec::new();
        for uid in 1..=8 {
            for _ in 0..MOST_OF_USER {
                places.extend(limits.take(uid));
            }
        }
        assert_eq!(places.len(), MOST);
        assert!(limits.take(9).is_none());
        assert!(limits.take(0).is_some());
        places.clear();
        assert!(limits.counts().is_empty());
    }
}
