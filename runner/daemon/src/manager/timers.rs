//! The deadlines the engine asked for, and one sleeping future for the earliest of them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::{Duration, Instant};

use engine::Ticket;
use engine::clock::Monotonic;

use crate::now;

/// Tickets by deadline. A cancelled one stays in the heap until its time comes; it is then not in
/// `live` any more and nobody hears of it.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Monotonic, Ticket)>>,
    live: HashMap<Ticket, Monotonic>,
}

impl Timers {
    /// Arms `ticket`, or moves it.
    pub(super) fn set(&mut self, ticket: Ticket, at: Monotonic) {
        self.live.insert(ticket, at);
        self.heap.push(Reverse((at, ticket)));
        // Cancelled ones must not pile up under a service that restarts all the time.
        if self.heap.len() > 64 && self.heap.len() > 4 * self.live.len() {
            self.heap = self
                .live
                .iter()
                .map(|(ticket, at)| Reverse((*at, *ticket)))
                .collect();
        }
    }

    /// Disarms `ticket`.
    pub(super) fn cancel(&mut self, ticket: Ticket) {
        self.live.remove(&ticket);
    }

    /// Takes one that is due.
    pub(super) fn due(&mut self, now: Monotonic) -> Option<Ticket> {
        while let Some(Reverse((at, ticket))) = self.heap.peek().copied() {
            if self.live.get(&ticket) != Some(&at) {
                self.heap.pop();
            } else if at <= now {
                self.heap.pop();
                self.live.remove(&ticket);
                return Some(ticket);
            } else {
                return None;
            }
        }
        None
    }

    /// Sleeps until the earliest deadline; for ever when there is none. Cancel-safe.
    pub(super) async fn sleep(&self) {
        // The top may be a cancelled one: waking up for it once is cheaper than searching.
        let Some(Reverse((at, _))) = self.heap.peek() else {
            return std::future::pending().await;
        };
        let left = at.0.saturating_sub(now::read().monotonic.0);
        tokio::time::sleep_until((Instant::now() + Duration::from_micros(left)).into()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fires_in_order_and_forgets_what_was_cancelled_or_moved() {
        let mut timers = Timers::default();
        timers.set(Ticket(1), Monotonic(30));
        timers.set(Ticket(2), Monotonic(10));
        timers.set(Ticket(3), Monotonic(20));
        timers.cancel(Ticket(3));
        timers.set(Ticket(1), Monotonic(15));
        assert_eq!(timers.due(Monotonic(5)), None);
        assert_eq!(timers.due(Monotonic(40)), Some(Ticket(2)));
        assert_eq!(timers.due(Monotonic(40)), Some(Ticket(1)));
        assert_eq!(timers.due(Monotonic(40)), None);
    }

    #[test]
    fn cancelled_timers_do_not_pile_up() {
        let mut timers = Timers::default();
        for n in 0..10_000 {
            timers.set(Ticket(n), Monotonic(1_000_000 + n));
            timers.cancel(Ticket(n));
        }
        assert!(timers.heap.len() < 200);
    }
}
