//! Names on the message bus whose owners services live by: a task of its own on the loop, made when
//! the first one is watched.

use dbus::server::bus::Bus as Address;
use dbus::server::name_watch::{News, Wanted, watch_names};
use engine::event::NameOwner;
use engine::{Event, Ticket};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::options::Bus;

/// The watched names.
pub(super) struct BusNames {
    address: Address,
    /// To the task, once there is one.
    wanted: Option<UnboundedSender<Wanted>>,
    news: UnboundedReceiver<News>,
    teller: UnboundedSender<News>,
}

impl BusNames {
    /// On the bus that was chosen for our own name; where none was, the one of our user.
    pub(super) fn new(bus: &Bus, is_root: bool) -> BusNames {
        let address = match bus {
            Bus::Address(address) => Address::Address(address.clone()),
            Bus::System => Address::System,
            Bus::Session => Address::Session,
            Bus::None if is_root => Address::System,
            Bus::None => Address::Session,
        };
        let (teller, news) = unbounded_channel();
        BusNames {
            address,
            wanted: None,
            news,
            teller,
        }
    }

    /// Watches a name for this ticket.
    pub(super) fn watch(&mut self, ticket: Ticket, name: String, with_pid: bool) {
        let id = ticket.0;
        self.order(Wanted::Watch { id, name, with_pid });
    }

    /// Watches it no more. What was told meanwhile is stale.
    pub(super) fn forget(&mut self, ticket: Ticket) {
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
    pub(super) async fn next(&mut self) -> Event {
        match self.news.recv().await {
            Some(News::Owner { id, owner, first }) => Event::NameOwner {
                ticket: Ticket(id),
                owner: owner.map(|owner| NameOwner {
                    connection: owner.connection,
                    pid: owner.pid,
                }),
                first,
            },
            Some(News::Unreachable { id, why }) => Event::NameUnknown {
                ticket: Ticket(id),
                message: why,
            },
            // Never: we hold a sender ourselves.
            None => std::future::pending().await,
        }
    }
}
