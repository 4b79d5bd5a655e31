//! Names on the message bus: our own, where they were asked for, and those whose owners services live
//! by. Each of our own has a task on the loop, and all watched ones share another, from the first
//! watched name on.

use std::collections::HashMap;
use std::path::PathBuf;

use control::Handle;
use dbus::names::Face;
use dbus::server::bus::{Bus as Address, News as OwnNews, Outlook, Ownership, Patience, own_name};
use dbus::server::name_watch::{News, Owner, Wanted, watch_names};
use engine::event::NameOwner;
use engine::view::systemd::{ActiveState, SubState, UnitView};
use engine::{Change, Event, Ticket};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use units::{Definition, UnitKind, UnitName};

use super::Manager;
use crate::options::Bus;

/// Our names and the watched ones.
pub(super) struct BusNames {
    address: Address,
    /// The socket at which the bus is reached, where it is in the file system.
    socket: Option<PathBuf>,
    /// What is to be served under our own names, until that begins.
    own: Option<Handle>,
    /// They were asked for on the command line.
    is_wanted: bool,
    /// Which those are.
    faces: Vec<Face>,
    outlook: watch::Sender<Outlook>,
    watched: HashMap<Ticket, Watched>,
    /// To the task, once there is one.
    wanted: Option<UnboundedSender<Wanted>>,
    news: UnboundedReceiver<News>,
    teller: UnboundedSender<News>,
}

/// A name that is watched for a unit.
struct Watched {
    unit: UnitName,
    name: String,
    /// Whoever owns the name is to be the unit's main process. Otherwise only the unit's own processes
    /// count as owners.
    for_main: bool,
    /// It is owned by this one, who is none of the unit's processes as far as we know.
    stranger: Option<Owner>,
}

impl BusNames {
    /// On the bus that was chosen for our own names; where none was, the one of our user. `for_systemctl`
    /// is whether systemd's programs are to find us.
    pub(super) fn new(bus: &Bus, for_systemctl: bool, is_root: bool, handle: Handle) -> BusNames {
        let of_user = match is_root {
            true => Address::System,
            false => Address::Session,
        };
        let (address, owns) = match bus {
            Bus::Address(address) => (Address::Address(address.clone()), true),
            Bus::System => (Address::System, true),
            Bus::Session => (Address::Session, true),
            Bus::Auto => (of_user, for_systemctl),
            Bus::None => (of_user, false),
        };
        let mut faces = vec![Face::Runner];
        if for_systemctl {
            faces.push(Face::Systemd);
        }
        let (teller, news) = unbounded_channel();
        BusNames {
            socket: address.socket(),
            address,
            own: Some(handle).filter(|_| owns),
            is_wanted: *bus != Bus::Auto,
            faces,
            outlook: watch::channel(Outlook::default()).0,
            watched: HashMap::new(),
            wanted: None,
            news,
            teller,
        }
    }

    /// Takes our own names, if they were asked for, whenever the bus is there.
    fn begin(&mut self, sleeps: bool) {
        let Some(handle) = self.own.take() else {
            return;
        };
        self.outlook.send_modify(|outlook| outlook.sleeps = sleeps);
        for face in &self.faces {
            let name = face.bus_name();
            let ownership = Ownership {
                face: *face,
                is_wanted: self.is_wanted,
                bus: self.address.clone(),
                // The policy of a system bus lets nobody pose as the authority; others may.
                authority: (self.address == Address::System).then(Patience::default),
                outlook: self.outlook.subscribe(),
            };
            tokio::spawn(own_name(
                handle.clone(),
                ownership,
                move |news| match news {
                    OwnNews::Owned => tracing::info!("{name} on the message bus is ours"),
                    OwnNews::Lost(why) => {
                        tracing::warn!("{name} on the message bus is not ours: {why}");
                    }
                },
            ));
        }
    }

    /// Whether the socket unit opens the door to the bus.
    fn is_door(&self, definition: &Definition) -> bool {
        let Some(path) = &self.socket else {
            return false;
        };
        // Two names of one directory that the file system hierarchy promises to be the same.
        let plain = |path: &str| path.strip_prefix("/var").unwrap_or(path).to_owned();
        let wanted = plain(&path.to_string_lossy());
        definition
            .listen()
            .any(|(_, address)| plain(&address.to_string()) == wanted)
    }

    /// The socket of the bus is like this now.
    fn door_is(&self, sleeps: bool) {
        self.outlook.send_modify(|outlook| {
            outlook.wakes += u64::from(outlook.sleeps && !sleeps);
            outlook.sleeps = sleeps;
        });
    }

    /// Another bus may be ready.
    fn look_again(&self) {
        self.outlook.send_modify(|outlook| outlook.wakes += 1);
    }

    /// Watches a name for this ticket.
    pub(super) fn watch(&mut self, ticket: Ticket, unit: UnitName, name: String, for_main: bool) {
        let watched = Watched {
            unit,
            name: name.clone(),
            for_main,
            stranger: None,
        };
        self.watched.insert(ticket, watched);
        let id = ticket.0;
        self.order(Wanted::Watch { id, name });
    }

    /// Watches it no more. What was told meanwhile is stale.
    pub(super) fn forget(&mut self, ticket: Ticket) {
        self.watched.remove(&ticket);
        if self.wanted.is_some() {
            self.order(Wanted::Forget { id: ticket.0 });
        }
    }

    fn order(&mut self, order: Wanted) {
        let wanted = self.wanted.get_or_insert_with(|| {
            let (wanted, orders) = unbounded_channel();
            let teller = self.teller.clone();
            tokio::spawn(watch_names(self.address.clone(), orders, move |news| {
                // Nobody listens any more when the manager ends.
                let _ = teller.send(news);
            }));
            wanted
        });
        // The task ends only with its sender.
        let _ = wanted.send(order);
    }

    /// What is told next. Cancel-safe.
    pub(super) async fn next(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            // Never: we hold a sender ourselves.
            None => std::future::pending().await,
        }
    }
}

impl Manager {
    /// Takes our own names on the message bus.
    pub(super) fn begin_bus_names(&mut self) {
        let sleeps = self.engine.units().iter().any(|view| {
            let definition = view.definition.as_deref();
            view.name.kind() == UnitKind::Socket
                && definition.is_some_and(|found| self.bus_names.is_door(found))
                && waits_for_a_client(view)
        });
        self.bus_names.begin(sleeps);
    }

    /// Something changed that may concern the bus itself.
    pub(super) fn look_at_bus(&self, change: &Change) {
        let unit = match change {
            Change::Moved(moved) => &moved.unit,
            Change::JobNew { unit, .. } | Change::JobRemoved { unit, .. } => unit,
            _ => return,
        };
        match (unit.kind(), change) {
            (UnitKind::Socket, _) => {
                let definition = self.definition(unit);
                if definition.is_some_and(|found| self.bus_names.is_door(&found))
                    && let Some(view) = self.engine.unit(unit)
                {
                    self.bus_names.door_is(waits_for_a_client(&view));
                }
            }
            // Any service may be a bus.
            (UnitKind::Service, Change::Moved(moved)) if moved.to.0 == ActiveState::Active => {
                self.bus_names.look_again();
            }
            _ => {}
        }
    }

    /// What the bus says of a name that is watched becomes a fact for the engine. To it, somebody
    /// else's owning the name of a service is as if nobody did.
    pub(super) fn named(&mut self, news: News) {
        let (ticket, owner, first) = match news {
            News::Owner { id, owner, first } => (Ticket(id), owner, first),
            News::Unreachable { id, why } => {
                self.events.push_back(Event::NameUnknown {
                    ticket: Ticket(id),
                    message: why,
                });
                return;
            }
        };
        let Some(watched) = self.bus_names.watched.get(&ticket) else {
            return;
        };
        let (unit, for_main) = (watched.unit.clone(), watched.for_main);
        let (owner, stranger) = match owner {
            Some(owner) if !for_main && !self.is_of_unit(&unit, &owner) => (None, Some(owner)),
            owner => (owner, None),
        };
        if let Some(watched) = self.bus_names.watched.get_mut(&ticket) {
            if let Some(stranger) = &stranger {
                let name = &watched.name;
                tracing::warn!("{unit}: {name} is owned by {}", described(stranger));
            }
            watched.stranger = stranger;
        }
        let owner = owner.map(told);
        let event = Event::NameOwner {
            ticket,
            owner,
            first,
        };
        self.events.push_back(event);
    }

    /// Another process of the unit is known: whoever owns its name may be one of its own after all.
    pub(super) fn look_at_strangers(&mut self, unit: &UnitName) {
        let strangers = self.bus_names.watched.iter();
        let strangers: Vec<(Ticket, Owner)> = strangers
            .filter(|(_, watched)| watched.unit == *unit)
            .filter_map(|(ticket, watched)| Some((*ticket, watched.stranger.clone()?)))
            .collect();
        for (ticket, owner) in strangers {
            if self.is_of_unit(unit, &owner) {
                let (id, owner, first) = (ticket.0, Some(owner), false);
                self.named(News::Owner { id, owner, first });
            }
        }
    }

    /// Whether whoever owns a name is a process of the unit. Where pids say nothing, a bus beyond our
    /// pid namespace, it is to be of the unit's user.
    fn is_of_unit(&mut self, unit: &UnitName, owner: &Owner) -> bool {
        match owner.pid {
            Some(pid) => self.processes.pids(unit).contains(&pid),
            None => owner.uid == Some(self.uid_of(unit)),
        }
    }
}

/// Whether whoever connects to the socket now, or soon, is the one who starts the service behind it.
fn waits_for_a_client(socket: &UnitView) -> bool {
    match socket.sub {
        SubState::Running => false,
        SubState::Dead | SubState::Failed => socket.job.is_some(),
        _ => true,
    }
}

fn told(owner: Owner) -> NameOwner {
    NameOwner {
        connection: owner.connection,
        pid: owner.pid,
    }
}

fn described(stranger: &Owner) -> String {
    match (stranger.pid, stranger.uid) {
        (Some(pid), _) => format!("process {pid}, which is none of its own"),
        (None, Some(uid)) => format!("somebody of uid {uid}, which is not its user"),
        (None, None) => "somebody of whom the bus says nothing".to_owned(),
    }
}
