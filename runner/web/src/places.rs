//! How many connections there may be. Who asks little but holds much makes room for others: when
//! all places are taken, the connection that has waited longest without asking anything is ended.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::config::Limits;

/// Whom a connection counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    /// A user of this machine.
    Uid(u32),
    /// An address; of IPv6 the network, since one machine has very many in it.
    Address(IpAddr),
}

impl Peer {
    /// Of an address.
    pub(crate) fn of(address: SocketAddr) -> Peer {
        Peer::Address(match address.ip().to_canonical() {
            IpAddr::V6(v6) if !v6.is_loopback() => {
                IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into())
            }
            other => other,
        })
    }
}

/// What a connection does, in the order in which it is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Doing {
    /// It has not asked anything whole yet, or has been refused.
    Arriving,
    /// It has, and waits.
    Idle,
    /// It is being answered.
    Busy,
    /// It follows a log.
    Streaming,
}

/// The places.
#[derive(Debug, Default)]
pub(crate) struct Places {
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    by: BTreeMap<u64, Held>,
}

#[derive(Debug)]
struct Held {
    peer: Peer,
    doing: Doing,
    /// Counts up whenever anybody does something else: the smallest has waited longest.
    since: u64,
    give_up: Arc<Notify>,
}

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    number: u64,
    give_up: Arc<Notify>,
}

impl Places {
    /// A place for a connection of `peer`, made if need be; `None` when all are busy.
    pub(crate) fn take(self: &Arc<Places>, peer: Peer, limits: &Limits) -> Option<Place> {
        let mut taken = self.taken();
        if taken.count(|held| held.peer == peer) >= limits.connections_of_peer {
            taken.give_up(|held| held.peer == peer)?;
        }
        if taken.by.len() >= limits.connections {
            taken.give_up(|_| true)?;
        }
        let number = taken.tick();
        let give_up = Arc::new(Notify::new());
        let held = Held {
            peer,
            doing: Doing::Arriving,
            since: number,
            give_up: Arc::clone(&give_up),
        };
        taken.by.insert(number, held);
        drop(taken);
        Some(Place {
            places: Arc::clone(self),
            number,
            give_up,
        })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // A map is whole between its calls, and nothing between them panics.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn tick(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn count(&self, which: impl Fn(&Held) -> bool) -> usize {
        self.by.values().filter(|held| which(held)).count()
    }

    /// Ends the least missed of those connections.
    fn give_up(&mut self, which: impl Fn(&Held) -> bool) -> Option<()> {
        let (number, _) = self
            .by
            .iter()
            .filter(|(_, held)| which(held) && held.doing <= Doing::Idle)
            .min_by_key(|(_, held)| (held.doing, held.since))?;
        let number = *number;
        let held = self.by.remove(&number)?;
        held.give_up.notify_one();
        Some(())
    }
}

impl Place {
    /// Says what the connection does from now on.
    pub(crate) fn doing(&self, doing: Doing) {
        let mut taken = self.places.taken();
        let since = taken.tick();
        if let Some(held) = taken.by.get_mut(&self.number) {
            (held.doing, held.since) = (doing, since);
        }
    }

    /// As [`Place::doing`] with [`Doing::Streaming`], unless the peer follows as much as it may.
    pub(crate) fn stream(&self, limits: &Limits) -> bool {
        let mut taken = self.places.taken();
        let Some(peer) = taken.by.get(&self.number).map(|held| held.peer) else {
            return false;
        };
        let streams = taken.count(|held| held.peer == peer && held.doing == Doing::Streaming);
        if streams >= limits.streams_of_peer {
            return false;
        }
        if let Some(held) = taken.by.get_mut(&self.number) {
            held.doing = Doing::Streaming;
        }
        true
    }

    /// Ends when the place has been given to somebody else.
    pub(crate) async fn given_up(&self) {
        self.give_up.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken().by.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: fn() -> Limits = || Limits {
        connections: 6,
        connections_of_peer: 4,
        streams_of_peer: 2,
        ..Limits::default()
    };

    fn is_given_up(place: &Place) -> bool {
        let waker = std::task::Waker::noop();
        let mut waits = Box::pin(place.given_up());
        waits
            .as_mut()
            .poll(&mut std::task::Context::from_waker(waker))
            .is_ready()
    }

    #[test]
    fn b16_who_waits_longest_without_asking_makes_room() {
        let places = Arc::new(Places::default());
        let (limits, one) = (LIMITS(), Peer::Uid(1));
        let held: Vec<Place> = (0..4).map(|_| places.take(one, &limits).unwrap()).collect();
        held[0].doing(Doing::Busy);
        held[2].doing(Doing::Idle);
        // Of the two that never asked, the older; then the other one, then the idle one.
        for expected in [1, 3, 2] {
            let newest = places.take(one, &limits).unwrap();
            assert!(is_given_up(&held[expected]), "{expected}");
            newest.doing(Doing::Busy);
            std::mem::forget(newest);
        }
        assert!(!is_given_up(&held[0]));
        // Now all are busy.
        assert!(places.take(one, &limits).is_none());
        // Somebody else is not concerned, until there is no place at all.
        let other = places.take(Peer::Uid(2), &limits).unwrap();
        other.doing(Doing::Busy);
        let third = places.take(Peer::Uid(3), &limits).unwrap();
        let fourth = places.take(Peer::Uid(4), &limits).unwrap();
        assert!(is_given_up(&third));
        drop(fourth);
        assert!(places.take(Peer::Uid(5), &limits).is_some());
    }

    #[test]
    fn logs_followed_are_bounded() {
        let places = Arc::new(Places::default());
        let limits = LIMITS();
        let held: Vec<Place> = (0..3)
            .map(|_| places.take(Peer::Uid(1), &limits).unwrap())
            .collect();
        assert!(held[0].stream(&limits));
        assert!(held[1].stream(&limits));
        assert!(!held[2].stream(&limits));
        held[1].doing(Doing::Idle);
        assert!(held[2].stream(&limits));
    }

    #[test]
    fn an_ipv6_network_is_one_peer() {
        let of = |text: &str| Peer::of(text.parse().unwrap());
        assert_eq!(of("[2001:db8::1]:1"), of("[2001:db8::ffff:1]:2"));
        assert_ne!(of("[2001:db8::1]:1"), of("[2001:db8:0:1::1]:1"));
        assert_eq!(of("[::ffff:10.0.0.1]:1"), of("10.0.0.1:2"));
        assert_ne!(of("10.0.0.1:2"), of("10.0.0.2:2"));
    }
}
