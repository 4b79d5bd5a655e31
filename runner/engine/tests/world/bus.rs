//! A message bus: who owns which name. It outlives managers, and is started anew itself at times.

use std::collections::{BTreeMap, BTreeSet};

use engine::action::Role;
use engine::event::NameOwner;
use engine::{Event, Ticket};
use units::UnitName;
use units::value::ServiceType;

use super::kernel::World;

#[derive(Debug, Default)]
pub(super) struct Bus {
    /// Nobody can connect at the moment.
    away: bool,
    owners: BTreeMap<String, NameOwner>,
    connections: u32,
    /// Processes that have had their name. Who loses it does not ask for it again before the bus is
    /// started anew.
    had: BTreeSet<u32>,
    /// Whether the manager was told last that somebody owns the name of a watch.
    told: BTreeMap<Ticket, bool>,
}

/// A name that the manager wants to know the owner of.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) unit: UnitName,
    name: String,
    with_pid: bool,
}

impl World<'_> {
    pub(super) fn watch_name(
        &mut self,
        ticket: Ticket,
        unit: UnitName,
        name: String,
        with_pid: bool,
    ) {
        let twin = |(other, watched): (&Ticket, &Watched)| *other != ticket && watched.unit == unit;
        let watches = &mut self.manager.names;
        assert!(
            !watches.iter().any(twin),
            "D3: two names are watched for {unit}"
        );
        let watched = Watched {
            unit,
            name,
            with_pid,
        };
        watches.insert(ticket, watched);
        self.answer_watch(ticket);
    }

    /// What is said of a name on a connection that is new.
    fn answer_watch(&mut self, ticket: Ticket) {
        let event = if self.bus.away {
            Event::NameUnknown {
                ticket,
                message: "connection refused".to_owned(),
            }
        } else {
            self.owner_of(ticket, true)
        };
        self.manager.answers.push_back(event);
    }

    fn owner_of(&self, ticket: Ticket, first: bool) -> Event {
        let watched = &self.manager.names[&ticket];
        let owner = self.bus.owners.get(&watched.name).map(|owner| NameOwner {
            connection: owner.connection.clone(),
            pid: owner.pid.filter(|_| watched.with_pid),
        });
        Event::NameOwner {
            ticket,
            owner,
            first,
        }
    }

    /// A name gets another owner, or none.
    fn give_name(&mut self, name: &str, pid: Option<u32>) {
        match pid {
            Some(pid) => {
                self.bus.connections += 1;
                let owner = NameOwner {
                    connection: format!(":1.{}", self.bus.connections),
                    pid: Some(pid),
                };
                self.bus.owners.insert(name.to_owned(), owner);
            }
            None => {
                if self.bus.owners.remove(name).is_none() {
                    return;
                }
            }
        }
        let watches = self.manager.names.iter();
        let hear = watches.filter(|(_, watched)| watched.name == name);
        let news: Vec<Event> = hear
            .map(|(ticket, _)| self.owner_of(*ticket, false))
            .collect();
        self.manager.answers.extend(news);
    }

    /// A process is gone, and its connection with it.
    pub(super) fn disconnect(&mut self, pid: u32) {
        let mut owners = self.bus.owners.iter();
        let names = owners.find(|(_, owner)| owner.pid == Some(pid));
        if let Some(name) = names.map(|(name, _)| name.clone()) {
            self.give_name(&name, None);
        }
    }

    /// A service takes its name, if it is free.
    pub(super) fn take_name(&mut self) -> bool {
        if self.bus.away {
            return false;
        }
        let engine = self.engine.as_ref().unwrap();
        let found = self.processes.iter().find_map(|process| {
            let definition = engine.definition(&process.unit)?;
            let name = definition.bus_name()?;
            let takes = process.role == Role::Main
                && definition.service_type() == ServiceType::Dbus
                && !self.bus.owners.contains_key(name)
                && !self.bus.had.contains(&process.pid);
            takes.then(|| (name.to_owned(), process.pid))
        });
        let Some((name, pid)) = found else {
            return false;
        };
        self.bus.had.insert(pid);
        self.give_name(&name, Some(pid));
        true
    }

    /// A name is taken, given back or taken over, or the bus goes and comes.
    pub(super) fn trade_names(&mut self) {
        let watched: Vec<String> = self
            .manager
            .names
            .values()
            .map(|watched| watched.name.clone())
            .collect();
        let name = self.dice.pick(&watched).cloned();
        match self.dice.below(10) {
            0..4 => drop(self.take_name()),
            4..6 => {
                if let Some(name) = name {
                    self.give_name(&name, None);
                }
            }
            6..8 => {
                if let Some(name) = name.filter(|_| !self.bus.away) {
                    let stranger = self.next_pid;
                    self.next_pid += 1;
                    self.give_name(&name, Some(stranger));
                }
            }
            8 => self.start_bus(),
            _ => {
                self.bus.away = true;
                self.bus.owners.clear();
                self.tell_watches();
            }
        }
    }

    /// The bus is started anew: it knows nobody.
    pub(super) fn start_bus(&mut self) {
        self.bus.away = false;
        self.bus.owners.clear();
        self.bus.had.clear();
        self.tell_watches();
    }

    /// Where it was gone it is there again, and strangers give back what is not theirs.
    pub(super) fn mend_bus(&mut self) {
        if self.bus.away {
            return self.start_bus();
        }
        let lives = |pid| {
            self.processes
                .iter()
                .any(|process| Some(process.pid) == pid)
        };
        let owners = self.bus.owners.iter();
        let strange = owners.filter(|(_, owner)| !lives(owner.pid));
        let strange: Vec<String> = strange.map(|(name, _)| name.clone()).collect();
        for name in strange {
            self.give_name(&name, None);
        }
    }

    fn tell_watches(&mut self) {
        let tickets: Vec<Ticket> = self.manager.names.keys().copied().collect();
        for ticket in tickets {
            self.answer_watch(ticket);
        }
    }

    /// The manager hears who owns a name.
    pub(super) fn told_owner(&mut self, event: &Event) {
        if let Event::NameOwner { ticket, owner, .. } = event {
            self.bus.told.insert(*ticket, owner.is_some());
        }
    }

    /// D1: a service that lives by its name has started only when somebody owns it, or is to own it
    /// again on a bus that was started anew.
    pub(super) fn started_by_name(&self, unit: &UnitName) {
        let mut watches = self.manager.names.iter();
        let watch = watches.find(|(_, watched)| watched.unit == *unit);
        let told = watch.and_then(|(ticket, _)| self.bus.told.get(ticket));
        assert!(
            told == Some(&true) || self.awaits(unit, "return_by"),
            "D1: {unit} has started, and nobody owns its name"
        );
    }

    /// Whether somebody owns the name that is watched for a unit.
    pub(super) fn is_named(&self, unit: &UnitName) -> bool {
        let mut watches = self.manager.names.values();
        let watch = watches.find(|watched| watched.unit == *unit);
        watch.is_some_and(|watched| self.bus.owners.contains_key(&watched.name))
    }
}
