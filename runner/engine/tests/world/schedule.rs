//! What happens when: turmoil, then calm, then the end.

use engine::Event;
use engine::action::Role;
use engine::clock::Monotonic;
use engine::command::Command;
use engine::event::ExitStatus;
use engine::view::systemd::{ActiveState, SubState};
use units::UnitName;
use units::value::ServiceType;

use super::kernel::{CLEAN, World};
use super::processes::{Process, spares};

impl World<'_> {
    /// One schedule: some turmoil, then calm, then the end.
    pub(crate) fn run(&mut self) {
        if self.tell {
            println!("{}", self.variant.text);
        }
        self.resume();
        for _ in 0..15 + self.dice.below(30) {
            if self.halted.is_some() {
                return;
            }
            self.turmoil();
        }
        self.fair = true;
        self.mend_bus();
        if self.dice.percent(30) {
            self.crashing = self.dice.pick(&self.variant.names).cloned();
        }
        self.calm("every job ends");
        if self.halted.is_none() {
            let jobs = self.engine().jobs();
            assert!(jobs.is_empty(), "L2: jobs that never end: {jobs:?}");
            let unanswered = self.unanswered();
            assert!(unanswered.is_none(), "L2: nobody answers {unanswered:?}");
            let empties = &self.manager.empties;
            let awaited = |unit: &UnitName| empties.iter().any(|(_, watched)| watched == unit);
            self.invariants
                .at_rest(self.engine.as_ref().unwrap(), &self.processes, awaited);
            self.sockets_are_watched();
            self.names_are_owned();
            self.notes_are_needed();
            self.scopes_are_watched();
            self.feed(Event::ShutdownRequested { status: Some(7) });
            self.calm("shutdown");
        }
        assert!(self.halted.is_some(), "L4: shutdown does not end");
        let left: Vec<_> = self
            .processes
            .iter()
            .filter(|process| !process.spared && !spares(&self.units, &process.unit))
            .collect();
        assert!(left.is_empty(), "leftovers after the end: {left:?}");
        self.strangers.none_is_kept();
    }

    /// A client who waits, but not for the end of what goes on.
    fn unanswered(&self) -> Option<&Command> {
        let engine = self.engine.as_ref().unwrap();
        self.waiting.values().find(|command| match command {
            Command::AwaitEnd { unit } => {
                let active = engine.unit(unit).unwrap().active;
                matches!(active, ActiveState::Inactive | ActiveState::Failed)
            }
            _ => true,
        })
    }

    /// D2, D3: at rest, what lives by its name has it, or will be looked at when its time to take it
    /// again is over; and nobody asks for the names of what is down.
    fn names_are_owned(&self) {
        let engine = self.engine.as_ref().unwrap();
        for unit in self.invariants.seen() {
            let view = engine.unit(unit).unwrap();
            let by_name = self.invariants.lives_by_name(engine, unit);
            assert!(
                view.sub != SubState::Running
                    || !by_name
                    || self.is_named(unit)
                    || self.awaits(unit, "return_by"),
                "D2: {unit} runs, and nobody owns its name"
            );
        }
        for watched in self.manager.names.values() {
            let active = engine.unit(&watched.unit).unwrap().active;
            assert!(
                !matches!(active, ActiveState::Inactive | ActiveState::Failed),
                "D3: {watched:?} is for nobody"
            );
        }
    }

    /// A1: at rest, who listens for others is looked at, or will be when its pause is over.
    fn sockets_are_watched(&self) {
        let engine = self.engine.as_ref().unwrap();
        for unit in self.invariants.seen() {
            let view = engine.unit(unit).unwrap();
            let activates = view.definition.is_some_and(|unit| unit.activates());
            assert!(
                view.sub != SubState::Listening
                    || !activates
                    || self.manager.watched.contains(unit)
                    || self.awaits(unit, "paused"),
                "A1: {unit} listens and nobody looks"
            );
        }
    }

    /// Whether the alarm of this name in a unit's record is set.
    pub(super) fn awaits(&self, unit: &UnitName, name: &str) -> bool {
        let record = self.records.get(&format!("unit:{unit}"));
        let record = record.and_then(|text| serde_json::from_str(text).ok());
        let alarm = record.as_ref().and_then(|record| alarm_of(record, name));
        alarm.is_some_and(|alarm| self.manager.timers.keys().any(|set| set.0 == alarm))
    }

    /// M1: nothing is noted of processes that are gone, or records would grow with every run.
    fn notes_are_needed(&self) {
        for (key, text) in &self.records {
            let Ok(record) = serde_json::from_str::<serde_json::Value>(text) else {
                panic!("M1: record {key} is no JSON: {text}");
            };
            for ticket in noted_processes(&record) {
                let lives = self
                    .processes
                    .iter()
                    .any(|process| process.ticket.0 == ticket);
                assert!(lives, "M1: {key} remembers process {ticket}, which is gone");
            }
        }
    }

    /// Lets everything happen that must, in order, until nothing is left to happen.
    fn calm(&mut self, what: &str) {
        for _ in 0..3_000 {
            if self.halted.is_some() {
                return;
            }
            if !self.go_on() {
                return;
            }
            // Services that come back for ever are no unrest.
            if self.engine().jobs().is_empty()
                && self.unanswered().is_none()
                && !self.closing()
                && self.all_settled()
            {
                return;
            }
        }
        let jobs = self.engine().jobs();
        panic!("{what} takes for ever: {jobs:?}");
    }

    fn closing(&mut self) -> bool {
        self.engine().system_state() == engine::view::systemd::SystemState::Stopping
    }

    fn all_settled(&mut self) -> bool {
        if !self.manager.answers.is_empty() || !self.exits.is_empty() {
            return false;
        }
        let engine = self.engine.as_ref().unwrap();
        self.invariants.seen().all(|unit| {
            let view = engine.unit(unit).unwrap();
            let waits = view.sub == engine::view::systemd::SubState::AutoRestart
                && self.crashing.as_ref() != Some(unit);
            waits
                || !matches!(
                    view.active,
                    ActiveState::Activating | ActiveState::Deactivating
                )
        })
    }

    /// The next thing that must happen: an answer, an exit, a process that obeys, a timer.
    fn go_on(&mut self) -> bool {
        if let Some(event) = self.manager.answers.pop_front() {
            self.feed(event);
        } else if let Some((ticket, _, status, at)) = self.next_exit() {
            self.feed(Event::Exited {
                ticket,
                status,
                at: Monotonic(at),
            });
        } else if self.speak() || self.check_empty() {
        } else if let Some(process) = self
            .processes
            .iter()
            .position(|process| self.must_end(process))
        {
            let crashes = self.crashing.as_ref() == Some(&self.processes[process].unit);
            self.end(process, if crashes { ExitStatus::Code(9) } else { CLEAN });
        } else if let Some((ticket, at)) = self
            .manager
            .timers
            .iter()
            .map(|(t, at)| (*t, *at))
            .min_by_key(|(t, at)| (*at, *t))
        {
            self.manager.timers.remove(&ticket);
            self.now = self.now.max(at.0);
            self.feed(Event::TimerFired { ticket });
        } else {
            return false;
        }
        true
    }

    /// Programs that end by themselves when all is well.
    fn must_end(&self, process: &Process) -> bool {
        let Some(definition) = self.engine.as_ref().unwrap().definition(&process.unit) else {
            return true;
        };
        process.role != Role::Main
            || self.crashing.as_ref() == Some(&process.unit)
            || (definition.service_type() == ServiceType::Oneshot)
            || (definition.service_type() == ServiceType::Forking && !self.is_daemon(process))
    }

    fn is_daemon(&self, process: &Process) -> bool {
        self.engine
            .as_ref()
            .unwrap()
            .unit(&process.unit)
            .unwrap()
            .service
            .is_some_and(|service| service.main_pid == Some(process.pid))
    }

    /// The answer that is really next where this one was chosen: one thread reads unit files, in the
    /// order in which it was asked, and a bus tells what happens in order.
    fn in_order(&self, chosen: usize) -> usize {
        let is_reading = |event: &Event| matches!(event, Event::UnitsRead { .. });
        let mut answers = self.manager.answers.iter();
        let first = match self.manager.answers.get(chosen) {
            Some(event) if is_reading(event) => answers.position(is_reading),
            Some(event) if is_of_bus(event) => answers.position(is_of_bus),
            _ => None,
        };
        first.unwrap_or(chosen)
    }

    /// Something happens, perhaps something bad.
    fn turmoil(&mut self) {
        if self.strangers.stir(&mut self.dice) {
            return self.deal_with_strangers();
        }
        match self.dice.below(100) {
            0..30 => {
                // Any answer, not only the first; a few come twice.
                let many = self.manager.answers.len();
                if many == 0 {
                    self.go_on();
                } else {
                    let at = self.dice.below(many);
                    let at = self.in_order(at);
                    let event = self.manager.answers.remove(at).unwrap();
                    let once = matches!(event, Event::Requested { .. }) || is_of_bus(&event);
                    if !once && self.dice.percent(5) {
                        self.manager.answers.push_back(event.clone());
                    }
                    self.feed(event);
                }
            }
            30..42 => {
                if let Some((ticket, _, status, at)) = self.next_exit() {
                    self.feed(Event::Exited {
                        ticket,
                        status,
                        at: Monotonic(at),
                    });
                }
            }
            42..54 => {
                if !self.processes.is_empty() {
                    let at = self.dice.below(self.processes.len());
                    let status = *self
                        .dice
                        .pick(&[
                            CLEAN,
                            CLEAN,
                            ExitStatus::Code(3),
                            ExitStatus::Signal(15),
                            ExitStatus::Signal(9),
                            ExitStatus::Dumped(6),
                        ])
                        .unwrap();
                    self.end(at, status);
                }
            }
            54..62 => {
                let next = self
                    .manager
                    .timers
                    .iter()
                    .map(|(t, at)| (*t, *at))
                    .min_by_key(|(t, at)| (*at, *t));
                if let Some((ticket, at)) = next {
                    self.manager.timers.remove(&ticket);
                    self.now = self.now.max(at.0);
                    self.feed(Event::TimerFired { ticket });
                }
            }
            62..66 => {
                self.speak();
            }
            66..70 => {
                self.check_empty();
            }
            70..84 => self.ask(),
            84..88 => self.connect(),
            88..90 => self.babble(),
            90..92 => self.set_clock(),
            92..94 => self.touch(),
            94..97 => self.trade_names(),
            _ => self.crash(),
        }
        self.now += u64::try_from(self.dice.below(200_000)).unwrap();
    }
}

fn is_of_bus(event: &Event) -> bool {
    matches!(event, Event::NameOwner { .. } | Event::NameUnknown { .. })
}

/// The ticket of the alarm of this name in a record.
fn alarm_of(record: &serde_json::Value, name: &str) -> Option<u64> {
    let fields = record.as_object()?;
    let own = fields.get(name).and_then(|alarm| alarm.get("ticket"));
    own.and_then(serde_json::Value::as_u64)
        .or_else(|| fields.values().find_map(|value| alarm_of(value, name)))
}

/// The tickets in every list `former` of a record.
pub(super) fn noted_processes(record: &serde_json::Value) -> Vec<u64> {
    match record {
        serde_json::Value::Object(fields) => {
            let former = fields.get("former").and_then(|list| list.as_array());
            let own = former
                .into_iter()
                .flatten()
                .filter_map(|ticket| ticket.as_u64());
            own.chain(fields.values().flat_map(noted_processes))
                .collect()
        }
        _ => Vec::new(),
    }
}
