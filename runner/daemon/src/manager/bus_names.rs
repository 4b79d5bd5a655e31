//! Names on the message bus: our own, where one was asked for, and those whose owners services live
//! by. Each of the two has a task of its own on the loop, the latter from the first watched name on.

use control::Handle;
use dbus::names::BUS_NAME;
use dbus::server::bus::{Bus as Address, News as OwnNews, own_name};
use dbus::server::name_watch::{News, Wanted, watch_names};
use engine::event::NameOwner;
use engine::{Event, Ticket};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::options::Bus;

/// Our name and the watched ones.
pub(super) struct BusNames {
    address: Address,
    /// What is to be served under our own name, until that begins.
    own: Option<Handle>,
    /// To the task, once there is one.
    wanted: Option<UnboundedSender<Wanted>>,
    news: UnboundedReceiver<News>,
    teller: UnboundedSender<News>,
}

impl BusNames {
    /// On the bus that was chosen for our own name; where none was, the one of our user.
    pub(super) fn new(bus: &Bus, is_root: bool, handle: Handle) -> BusNames {
        let address = match bus {
            Bus::Address(address) => Address::Address(address.clone()),
            Bus::System => Address::System,
            Bus::Session => Address::Session,
            Bus::None if is_root => Address::System,
            Bus::None => Address::Session,
        };
        let own = Some(handle).filter(|_| *bus != Bus::None);
        let (teller, news) = unbounded_channel();
        BusNames {
            address,
            own,
            wanted: None,
            news,
            teller,
        }
    }

    /// Takes our own name, if one was asked for, whenever the bus is there.
    pub(super) fn begin(&mut self) {
        let Some(handle) = self.own.take() else {
            return;
        };
        tokio::spawn(own_name(handle, self.address.clone(), |news| match news {
            OwnNews::Owned => tracing::info!("{BUS_NAME} on the message bus is ours"),
            OwnNews::Lost(why) => {
                tracing::warn!("{BUS_NAME} on the message bus is not ours: {why}")
            }
        }));
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
