//! Deadlines a machine waits for, and the tickets that name them.

use serde::{Deserialize, Serialize};
use units::value::Span;

use crate::action::Action;
use crate::clock::{Monotonic, Now};
use crate::ticket::{Invocation, Ticket};

/// One armed timer: kept in the state, so that a recovery can arm it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Timer {
    pub(crate) ticket: Ticket,
    pub(crate) at: Monotonic,
}

impl Timer {
    /// Arms a timer; none when `span` is infinite.
    pub(crate) fn arm(
        mint: &mut Mint,
        out: &mut Vec<Action>,
        now: Now,
        span: Span,
    ) -> Option<Timer> {
        let at = now.monotonic.after(span.as_micros())?;
        Some(Timer::arm_at(mint, out, at))
    }

    /// Arms a timer for a moment.
    pub(crate) fn arm_at(mint: &mut Mint, out: &mut Vec<Action>, at: Monotonic) -> Timer {
        let ticket = mint.ticket();
        out.push(Action::SetTimer { ticket, at });
        Timer { ticket, at }
    }

    /// Utters the timer again after a recovery.
    pub(crate) fn rearm(self, out: &mut Vec<Action>) {
        out.push(Action::SetTimer {
            ticket: self.ticket,
            at: self.at,
        });
    }

    /// Takes the timer back.
    pub(crate) fn cancel(self, out: &mut Vec<Action>) {
        out.push(Action::CancelTimer {
            ticket: self.ticket,
        });
    }
}

/// Where everything that must never be used twice comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Mint {
    /// The last ticket given out.
    ticket: u64,
    /// How many invocations were named.
    invocations: u64,
    /// 128 random bits from the first start, as hexadecimal digits.
    seed: Invocation,
}

impl Mint {
    pub(crate) fn new(seed: u128) -> Mint {
        Mint {
            ticket: 0,
            invocations: 0,
            seed: Invocation(seed),
        }
    }

    /// A ticket that was never used.
    pub(crate) fn ticket(&mut self) -> Ticket {
        self.ticket += 1;
        Ticket(self.ticket)
    }

    /// Tickets go on above this one.
    pub(crate) fn skip_to(&mut self, highest: u64) {
        self.ticket = self.ticket.max(highest);
    }

    /// A number that looks like chance: of no use to guess the next one by, and no secret.
    pub(crate) fn chance(&mut self) -> u64 {
        u64::try_from(self.invocation().0 >> 64).unwrap_or_default()
    }

    /// Names a new run: the counter, scattered by the seed. No secret, but different on every
    /// machine and never the same twice (each step below is a bijection of the counter).
    pub(crate) fn invocation(&mut self) -> Invocation {
        self.invocations += 1;
        Invocation(self.scattered(self.invocations).max(1))
    }

    /// A number below `limit` (0 where that is 0), the next time another one: chance enough to keep
    /// services apart from each other.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 {
            return 0;
        }
        self.ticket += 1;
        let bits = self.scattered(self.ticket) % u128::from(limit);
        u64::try_from(bits).unwrap_or_default()
    }

    fn scattered(&self, counter: u64) -> u128 {
        const ODD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
        let mut bits = self
            .seed
            .0
            .wrapping_add(ODD.wrapping_mul(u128::from(counter)));
        for _ in 0..3 {
            bits = bits.wrapping_mul(ODD);
            bits ^= bits >> 61;
        }
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_the_same_twice() {
        let mut mint = Mint::new(7);
        let seen: std::collections::BTreeSet<_> = (0..1000).map(|_| mint.invocation()).collect();
        assert_eq!(seen.len(), 1000);
        mint.skip_to(50);
        assert_eq!(mint.ticket(), Ticket(51));
    }

    #[test]
    fn chance_stays_below_its_limit() {
        let mut mint = Mint::new(7);
        let drawn: std::collections::BTreeSet<_> = (0..1000).map(|_| mint.below(10)).collect();
        assert_eq!(drawn, (0..10).collect());
        assert_eq!(mint.below(0), 0);
    }

    #[test]
    fn an_infinite_span_arms_nothing() {
        let mut out = Vec::new();
        assert_eq!(
            Timer::arm(
                &mut Mint::default(),
                &mut out,
                Now::default(),
                Span::INFINITY
            ),
            None
        );
        assert!(out.is_empty());
    }
}
