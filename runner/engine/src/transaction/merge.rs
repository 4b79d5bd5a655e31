//! Step 2: one job per unit.

use super::{ANCHOR, Link, Transaction, explain};
use crate::command::Refusal;
use crate::job::JobKind;
use crate::job::merge::merged;

pub(super) fn merge(transaction: &mut Transaction) -> Result<(), Refusal> {
    let units: Vec<_> = transaction.by_unit.keys().cloned().collect();
    for unit in units {
        while let Some((a, b)) = transaction.first_pair(&unit) {
            let (first, second) = (transaction.jobs[a].kind, transaction.jobs[b].kind);
            match merged(first, second) {
                Some(kind) => transaction.unite(a, b, kind),
                None => {
                    let sentence = explain::contradiction(&unit, first, second);
                    let Some(loser) = transaction.loser(a, b) else {
                        return Err(Refusal::Conflicting(sentence));
                    };
                    transaction.notes.push(format!(
                        "{sentence}; the {} is left out",
                        transaction.jobs[loser].kind.as_str()
                    ));
                    transaction.drop_with_dependants(loser, &Refusal::Conflicting(sentence));
                }
            }
            if let Some(refusal) = transaction.refusal.take() {
                return Err(refusal);
            }
        }
    }
    Ok(())
}

impl Transaction {
    /// Two jobs of the unit that were not dropped.
    fn first_pair(&self, unit: &units::UnitName) -> Option<(usize, usize)> {
        let mut alive = self
            .by_unit
            .get(unit)?
            .iter()
            .copied()
            .filter(|job| !self.jobs[*job].dropped);
        Some((alive.next()?, alive.next()?))
    }

    /// The lower number takes over all that the other one is: the anchor is the lowest.
    fn unite(&mut self, a: usize, b: usize, kind: JobKind) {
        let absorbed = std::mem::take(&mut self.jobs[b].pulls);
        for link in &absorbed {
            for back in &mut self.jobs[link.job].pulled_by {
                if back.job == b {
                    back.job = a;
                }
            }
        }
        let wanted_by = std::mem::take(&mut self.jobs[b].pulled_by);
        for link in &wanted_by {
            for forth in &mut self.jobs[link.job].pulls {
                if forth.job == b {
                    forth.job = a;
                }
            }
        }
        let (matters, conflicted) = (self.jobs[b].matters, self.jobs[b].conflicted);
        self.jobs[b].dropped = true;
        let job = &mut self.jobs[a];
        let not_itself = |link: &Link| link.job != a;
        job.pulls.extend(absorbed.into_iter().filter(not_itself));
        job.pulled_by
            .extend(wanted_by.into_iter().filter(not_itself));
        job.kind = kind;
        job.matters |= matters;
        job.conflicted |= conflicted;
    }

    /// Which of two contradicting jobs goes; none if the anchor needs both. Where it needs neither,
    /// a start goes before a stop, except that a stop for a conflict stays.
    fn loser(&self, a: usize, b: usize) -> Option<usize> {
        let (first, second) = (&self.jobs[a], &self.jobs[b]);
        match (first.matters || a == ANCHOR, second.matters) {
            (true, true) => None,
            (true, false) => Some(b),
            (false, true) => Some(a),
            (false, false) => {
                let (stop, other) = if first.kind == JobKind::Stop {
                    (a, b)
                } else {
                    (b, a)
                };
                Some(if self.jobs[stop].conflicted {
                    other
                } else {
                    stop
                })
            }
        }
    }
}
