//! Drains the queues in one written order until nothing moves, then publishes what is coalesced.

use crate::Engine;
use crate::action::{Action, Level, MessageId};
use crate::change::Change;
use crate::service::ServiceEvent;

impl Engine {
    /// The one place where the order of consequences is written:
    ///
    /// 1. a unit's change of state: its job, the units bound to it
    /// 2. a job's end: the jobs that needed it
    /// 3. a job's turn
    /// 4. what machines wish for others: restarts, triggers
    /// 5. another look at units whose jobs have changed: sockets, connections
    ///
    /// Each may fill the queues of the others; an earlier one always goes first.
    pub(crate) fn settle(&mut self) -> Vec<Action> {
        let mut turns = self.most_turns();
        while self.turn()
            || self.closing_check()
            || self.removals_check()
            || self.held_signals_check()
            || self.idle_check()
        {
            turns -= 1;
            if turns == 0 {
                self.log(
                    None,
                    Level::Error,
                    MessageId::Unexpected,
                    "units keep changing each other: pausing",
                );
                break;
            }
        }
        self.startup_check();
        let refresh = std::mem::take(&mut self.refresh);
        self.actions.extend(
            refresh
                .into_iter()
                .map(|unit| Action::Publish(Change::Properties(unit))),
        );
        std::mem::take(&mut self.actions)
    }

    /// Every unit may change a few times for each other one; more is a circle without an end.
    fn most_turns(&self) -> usize {
        let many =
            self.definitions.set().len() + self.state.units().len() + self.state.jobs().len();
        10_000 + many * 100
    }

    /// Takes the first thing there is to do.
    fn turn(&mut self) -> bool {
        if let Some((unit, moved)) = self.moves.pop_front() {
            self.moved(&unit, &moved);
        } else if let Some((job, result)) = self.finishing.pop_front() {
            self.finish_job(job, result);
        } else if let Some(job) = self.queue.next() {
            self.run_job(job);
        } else if let Some((unit, wish)) = self.wishes.pop_front() {
            self.grant(&unit, &wish);
        } else if let Some(unit) = self.revisit.pop_first() {
            self.look_again(&unit);
        } else {
            return false;
        }
        true
    }

    /// Services of type `idle` have their turn when nobody else has one.
    fn idle_check(&mut self) -> bool {
        if self.idlers.is_empty() || !self.state.jobs().is_empty() {
            return false;
        }
        for unit in std::mem::take(&mut self.idlers) {
            self.service_step(&unit, ServiceEvent::QueueIdle);
        }
        true
    }

    /// Everything that starts at boot has been tried.
    fn startup_check(&mut self) {
        let meta = self.state.meta();
        if meta.started && meta.finished.is_none() && self.boot_jobs == 0 {
            self.state.meta_mut().finished = Some(self.now);
            self.actions.push(Action::Publish(Change::StartupFinished));
        }
    }
}
