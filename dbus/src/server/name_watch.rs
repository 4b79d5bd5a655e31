//! Who owns names on a message bus, for services that count as started when theirs has an owner.
//!
//! The bus may itself be a unit of ours: nothing waits for it, there is a connection only while
//! somebody wants to know, and one that breaks is made again.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::UnboundedReceiver;
use zbus::message::Type;
use zbus::{Connection, Message, MessageStream};

use super::arguments::read;
use super::bus::arrival::{self, Arrival};
use super::bus::credentials::{Credentials, credentials};
use super::bus::{Bus, PAUSES, bus_call, connect};
use super::call::Boxed;
use crate::names::interface;

/// What is to be watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The owner of a name, from now on.
    Watch {
        /// For the news of it; never used twice.
        id: u64,
        /// The well-known name.
        name: String,
    },
    /// No longer.
    Forget {
        /// Of the watch.
        id: u64,
    },
}

/// Who owns a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its unique name: `:1.42`.
    pub connection: String,
    /// Its process, where the bus says, and counts processes as we do.
    pub pid: Option<u32>,
    /// Its user, where the bus says.
    pub uid: Option<u32>,
}

/// What there is to say about a watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Who owns the name now.
    Owner {
        /// Of the watch.
        id: u64,
        /// `None`: nobody does.
        owner: Option<Owner>,
        /// What was found on a connection that is new, not a change.
        first: bool,
    },
    /// There is no bus to ask; another attempt follows.
    Unreachable {
        /// Of the watch.
        id: u64,
        /// A few words on what is in the way.
        why: String,
    },
}

/// A name that is watched.
#[derive(Debug)]
struct Watched {
    name: String,
    /// The present connection has been asked about it.
    asked: bool,
    /// How much was heard of it on that connection: an answer to an older question is stale.
    heard: u64,
}

/// The answer to a question about a name: which watch, how much had been heard when it was asked.
struct Found {
    id: u64,
    heard: u64,
    first: bool,
    owner: zbus::Result<Option<Owner>>,
}

/// Watches names on `bus` until nobody can want anything any more. To be spawned.
pub async fn watch_names(
    bus: Bus,
    mut wanted: UnboundedReceiver<Wanted>,
    mut tell: impl FnMut(News),
) {
    let mut watches: BTreeMap<u64, Watched> = BTreeMap::new();
    let mut pause = PAUSES.0;
    loop {
        while watches.is_empty() {
            match wanted.recv().await {
                Some(order) => heed(&mut watches, order),
                None => return,
            }
        }
        // Before the attempt, so that nothing comes between. A bus that is there at once needs none.
        let arrival = if pause > PAUSES.0 {
            bus.arrival()
        } else {
            None
        };
        let attempt = connect(&bus);
        tokio::pin!(attempt);
        let outcome = loop {
            tokio::select! {
                outcome = &mut attempt => break outcome,
                order = wanted.recv() => match order {
                    Some(order) => heed(&mut watches, order),
                    None => return,
                },
            }
        };
        match outcome {
            Ok((connection, messages)) => {
                pause = PAUSES.0;
                if !serve(&connection, messages, &mut watches, &mut wanted, &mut tell).await {
                    return;
                }
                for watch in watches.values_mut() {
                    watch.asked = false;
                }
            }
            Err(error) => {
                let why = error.to_string();
                for id in watches.keys() {
                    let (id, why) = (*id, why.clone());
                    tell(News::Unreachable { id, why });
                }
            }
        }
        if !rest(&mut pause, arrival, &mut watches, &mut wanted).await {
            return;
        }
    }
}

/// Waits before the next attempt, which somebody new does not have to wait for, nor the bus once its
/// socket is made. `false`: the end.
async fn rest(
    pause: &mut Duration,
    arrival: Option<Arrival>,
    watches: &mut BTreeMap<u64, Watched>,
    wanted: &mut UnboundedReceiver<Wanted>,
) -> bool {
    let over = tokio::time::sleep(*pause);
    *pause = (*pause * 2).min(PAUSES.1);
    tokio::pin!(over);
    while !watches.is_empty() {
        tokio::select! {
            () = &mut over => return true,
            () = arrival::seen(arrival.as_ref()) => {
                // It is listened at a moment later.
                tokio::time::sleep(PAUSES.0).await;
                *pause = PAUSES.0;
                return true;
            }
            order = wanted.recv() => {
                let Some(order) = order else { return false };
                let is_new = matches!(order, Wanted::Watch { .. });
                heed(watches, order);
                if is_new {
                    return true;
                }
            }
        }
    }
    true
}

fn heed(watches: &mut BTreeMap<u64, Watched>, order: Wanted) {
    match order {
        Wanted::Watch { id, name } => {
            let watch = Watched {
                name,
                asked: false,
                heard: 0,
            };
            watches.insert(id, watch);
        }
        Wanted::Forget { id } => {
            watches.remove(&id);
        }
    }
}

enum Turn {
    Heard(Option<zbus::Result<Message>>),
    Found(Found),
    Wanted(Option<Wanted>),
}

/// Follows the names until the connection ends or nobody wants to know; `false`: nobody can any more.
async fn serve(
    connection: &Connection,
    mut messages: MessageStream,
    watches: &mut BTreeMap<u64, Watched>,
    wanted: &mut UnboundedReceiver<Wanted>,
    tell: &mut impl FnMut(News),
) -> bool {
    let mut questions: FuturesUnordered<Boxed<Found>> = FuturesUnordered::new();
    while !watches.is_empty() {
        for (id, watch) in watches.iter_mut().filter(|(_, watch)| !watch.asked) {
            watch.asked = true;
            watch.heard = 0;
            let question = look(connection.clone(), *id, watch.name.clone());
            questions.push(Box::pin(question));
        }
        let turn = poll_fn(|context| {
            // What the bus says comes in order: news before the answers to later questions.
            if let Poll::Ready(message) = messages.poll_next_unpin(context) {
                return Poll::Ready(Turn::Heard(message));
            }
            if let Poll::Ready(Some(found)) = questions.poll_next_unpin(context) {
                return Poll::Ready(Turn::Found(found));
            }
            wanted.poll_recv(context).map(Turn::Wanted)
        })
        .await;
        match turn {
            Turn::Heard(None | Some(Err(_))) => return true,
            Turn::Heard(Some(Ok(message))) => {
                let Some((name, owner)) = changed(&message) else {
                    continue;
                };
                for (id, watch) in watches.iter_mut().filter(|(_, watch)| watch.name == name) {
                    watch.heard += 1;
                    match &owner {
                        Some(owner) => {
                            let question =
                                identify(connection.clone(), *id, watch.heard, owner.clone());
                            questions.push(Box::pin(question));
                        }
                        None => tell(News::Owner {
                            id: *id,
                            owner: None,
                            first: false,
                        }),
                    }
                }
            }
            Turn::Found(found) => {
                let is_news = |watch: &&Watched| watch.heard == found.heard;
                if watches.get(&found.id).filter(is_news).is_some() {
                    let id = found.id;
                    match found.owner {
                        Ok(owner) => tell(News::Owner {
                            id,
                            owner,
                            first: found.first,
                        }),
                        Err(error) => tell(News::Unreachable {
                            id,
                            why: error.to_string(),
                        }),
                    }
                }
            }
            Turn::Wanted(None) => return false,
            Turn::Wanted(Some(order)) => {
                if let Wanted::Forget { id } = &order
                    && let Some(watch) = watches.get(id)
                {
                    let (connection, name) = (connection.clone(), watch.name.clone());
                    // The bus counts equal rules: others who watch the name keep theirs.
                    questions.push(Box::pin(forget(connection, *id, name)));
                }
                heed(watches, order);
            }
        }
    }
    true
}

/// Has the bus tell us of changes, and asks what is so now.
async fn look(connection: Connection, id: u64, name: String) -> Found {
    let owner = async {
        bus_call(&connection, "AddMatch", &rule(&name)).await?;
        let owner = match bus_call(&connection, "GetNameOwner", &name).await {
            Ok(reply) => reply.body().deserialize::<String>()?,
            Err(zbus::Error::FDO(error))
                if matches!(*error, zbus::fdo::Error::NameHasNoOwner(_)) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        Ok(Some(owner_of(&connection, owner).await))
    };
    Found {
        id,
        heard: 0,
        first: true,
        owner: owner.await,
    }
}

/// Asks who an owner is.
async fn identify(connection: Connection, id: u64, heard: u64, owner: String) -> Found {
    Found {
        id,
        heard,
        first: false,
        owner: Ok(Some(owner_of(&connection, owner).await)),
    }
}

async fn forget(connection: Connection, id: u64, name: String) -> Found {
    let outcome = bus_call(&connection, "RemoveMatch", &rule(&name)).await;
    Found {
        id,
        heard: 0,
        first: false,
        // Nobody listens: the watch is gone.
        owner: outcome.map(|_| None),
    }
}

async fn owner_of(connection: &Connection, owner: String) -> Owner {
    let who = credentials(connection, &owner).await.unwrap_or_default();
    // A bus outside of our pid namespace knows processes by other numbers, us among them.
    let own = connection.unique_name().map(ToString::to_string);
    let us = match own {
        Some(own) => credentials(connection, &own).await.unwrap_or_default(),
        None => Credentials::default(),
    };
    let comparable = us.pid == Some(std::process::id());
    Owner {
        connection: owner,
        pid: who.pid.filter(|_| comparable),
        uid: who.uid,
    }
}

fn rule(name: &str) -> String {
    format!(
        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',\
         interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{name}'"
    )
}

/// The name a `NameOwnerChanged` of the bus is about, and who owns it from now on.
fn changed(message: &Message) -> Option<(String, Option<String>)> {
    let header = message.header();
    let is_ours = message.message_type() == Type::Signal
        && header.sender()?.as_str() == interface::BUS
        && header.member()?.as_str() == "NameOwnerChanged";
    if !is_ours {
        return None;
    }
    let (name, _old, new): (String, String, String) = read(&message.body())?;
    Some((name, Some(new).filter(|new| !new.is_empty())))
}
