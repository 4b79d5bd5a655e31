//! Our name on a message bus, where there is one. The private socket never depends on it: the bus
//! may come, go and come back (it may be a unit of ours), and nothing waits for it.
//!
//! Two things differ from private connections. Who calls is what the bus says
//! (`GetConnectionCredentials`), asked for each call, since names are never used twice but
//! credentials are cheap. And signals are seen by everybody on the bus, so they are sent only while
//! somebody subscribed, and show what an observer may see.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use control::{Caller, Change, Handle, Subscription, Via};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use zbus::message::Type;
use zbus::{Connection, Message, MessageStream, OwnedVariant};

use super::call::{Boxed, Call};
use super::connection::{MOST_FEEDS, MOST_PENDING, Settled, reply_of, send};
use super::methods::{self, Run};
use super::refusal::Failure;
use super::{objects, signals};
use crate::error::Kind;
use crate::names::{Face, interface};

/// What is served on a bus.
const FACE: Face = Face::Runner;

/// How long the bus may take to greet us and to answer.
const BUS_TIMEOUT: Duration = Duration::from_secs(25);

/// Pauses between two attempts to reach the bus: the first one and the longest.
pub(super) const PAUSES: (Duration, Duration) =
    (Duration::from_millis(100), Duration::from_secs(60));

/// Which bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bus {
    /// The system bus.
    System,
    /// The bus of the user's session.
    Session,
    /// The bus at this D-Bus address.
    Address(String),
}

/// What happens to our name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It is ours.
    Owned,
    /// It is not, or not any more; why. Another attempt follows.
    Lost(String),
}

/// Owns the name on `bus` whenever that is possible. Never returns; to be spawned, and dropped at
/// the end. `tell` hears each change once, not each attempt.
pub async fn own_name(handle: Handle, bus: Bus, mut tell: impl FnMut(News)) {
    let mut pause = PAUSES.0;
    let mut last = None;
    loop {
        let lost = match take_name(&bus).await {
            Ok((connection, messages)) => {
                pause = PAUSES.0;
                last = None;
                tell(News::Owned);
                match serve(&handle, &connection, messages).await {
                    Ok(()) => "the bus closed the connection".to_owned(),
                    Err(error) => error.to_string(),
                }
            }
            Err(error) => error.to_string(),
        };
        if last.as_ref() != Some(&lost) {
            tell(News::Lost(lost.clone()));
            last = Some(lost);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

async fn take_name(bus: &Bus) -> zbus::Result<(Connection, MessageStream)> {
    // The stream comes first: calls arrive from the moment the name is ours.
    let (connection, messages) = connect(bus).await?;
    match tokio::time::timeout(BUS_TIMEOUT, connection.request_name(FACE.bus_name())).await {
        Ok(taken) => taken?,
        Err(_) => return Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    };
    Ok((connection, messages))
}

/// Connects, and is greeted.
pub(super) async fn connect(bus: &Bus) -> zbus::Result<(Connection, MessageStream)> {
    let connecting = async {
        let builder = match bus {
            Bus::System => zbus::connection::Builder::system(),
            Bus::Session => zbus::connection::Builder::session(),
            Bus::Address(address) => zbus::connection::Builder::address(address.as_str()),
        };
        let messages = builder
            .method_timeout(BUS_TIMEOUT)
            .build_message_stream()
            .await?;
        let connection = Connection::from(&messages);
        Ok((connection, messages))
    };
    match tokio::time::timeout(BUS_TIMEOUT, connecting).await {
        Ok(outcome) => outcome,
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    }
}

enum Turn {
    Received(Option<zbus::Result<Message>>),
    Answered(Settled),
    Changed(Option<Arc<Change>>),
}

async fn serve(
    handle: &Handle,
    connection: &Connection,
    mut messages: MessageStream,
) -> io::Result<()> {
    let mut pending: FuturesUnordered<Boxed<Settled>> = FuturesUnordered::new();
    let mut feeds: FuturesUnordered<Boxed<()>> = FuturesUnordered::new();
    let mut subscribers: BTreeSet<String> = BTreeSet::new();
    let mut subscription: Option<Subscription> = None;
    loop {
        let turn = poll_fn(|context| {
            if let Poll::Ready(Some(settled)) = pending.poll_next_unpin(context) {
                return Poll::Ready(Turn::Answered(settled));
            }
            while let Poll::Ready(Some(())) = feeds.poll_next_unpin(context) {}
            if let Some(subscription) = &mut subscription
                && let Poll::Ready(change) = subscription.poll_next(context)
            {
                return Poll::Ready(Turn::Changed(change));
            }
            if pending.len() < MOST_PENDING {
                return messages.poll_next_unpin(context).map(Turn::Received);
            }
            Poll::Pending
        })
        .await;
        match turn {
            Turn::Received(None) => return Ok(()),
            Turn::Received(Some(Err(error))) => return Err(io::Error::other(error)),
            Turn::Received(Some(Ok(message))) => match message.message_type() {
                Type::MethodCall => {
                    if let Some(subscribes) = subscribes(&message)
                        && let Some(name) = sender(&message)
                    {
                        if subscribes {
                            subscribers.insert(name);
                        } else {
                            subscribers.remove(&name);
                        }
                    }
                    pending.push(Box::pin(answer(
                        connection.clone(),
                        handle.clone(),
                        message,
                    )));
                }
                Type::Signal => {
                    if let Some(name) = gone(&message) {
                        subscribers.remove(&name);
                    }
                }
                Type::MethodReturn | Type::Error => {}
            },
            // See private connections: an answer for want of a manager is none.
            Turn::Answered(settled) if settled.refused && handle.is_closed() => return Ok(()),
            Turn::Answered(Settled { reply, then, .. }) => {
                if let Some(reply) = reply {
                    send(connection, &reply).await?;
                }
                feeds.extend(then.filter(|_| feeds.len() < MOST_FEEDS));
            }
            // Behind by thousands: signals on a bus promise nothing, start afresh.
            Turn::Changed(None) => subscription = None,
            Turn::Changed(Some(change)) => {
                let heads = signals::heads(FACE, &change);
                for message in signals::messages(FACE, &change, &heads, handle, &everybody()).await
                {
                    send(connection, &message).await?;
                }
            }
        }
        if subscribers.is_empty() {
            subscription = None;
        } else if subscription.is_none() {
            subscription = Some(handle.subscribe());
        }
    }
}

/// Whoever listens to the bus: what anybody may see.
fn everybody() -> Caller {
    // This uid is nobody's: it stands for "none" in setuid(2) and its relatives.
    Caller {
        uid: u32::MAX,
        gid: None,
        groups: Vec::new(),
        pid: None,
        via: Via::Bus,
    }
}

/// Whether a call wants signals (`true`), wants none any more (`false`), or is about something else.
fn subscribes(message: &Message) -> Option<bool> {
    let header = message.header();
    if header.path()?.as_str() != FACE.root() {
        return None;
    }
    let interface = match header.interface() {
        Some(name) => Some(FACE.own_interface(name.as_str())?),
        None => None,
    };
    let method = methods::find(
        FACE,
        &[interface::MANAGER],
        interface,
        header.member()?.as_str(),
    )?;
    match method.run {
        Run::Subscribe => Some(true),
        Run::Unsubscribe => Some(false),
        Run::Ask(_) => None,
    }
}

fn sender(message: &Message) -> Option<String> {
    message.header().sender().map(ToString::to_string)
}

/// The unique name that a `NameOwnerChanged` of the bus says nobody has any more.
fn gone(message: &Message) -> Option<String> {
    let header = message.header();
    if header.sender()?.as_str() != interface::BUS
        || header.member()?.as_str() != "NameOwnerChanged"
    {
        return None;
    }
    let (name, _old, new): (String, String, String) = message.body().deserialize().ok()?;
    new.is_empty().then_some(name)
}

async fn answer(connection: Connection, handle: Handle, message: Message) -> Settled {
    let outcome = async {
        let name = sender(&message)
            .ok_or_else(|| Failure::new(Kind::AccessDenied, "the bus does not say who calls"))?;
        let caller = identify(&connection, &name).await?;
        if subscribes(&message) == Some(true) {
            watch(&connection, &name).await;
        }
        objects::answer(Call {
            message: message.clone(),
            caller,
            handle: handle.clone(),
            face: FACE,
            exit_status: Arc::default(),
        })
        .await
    };
    let outcome = outcome.await;
    // Only for its message: who called does not matter to a reply.
    reply_of(
        &Call {
            message: message.clone(),
            caller: everybody(),
            handle,
            face: FACE,
            exit_status: Arc::default(),
        },
        outcome,
    )
}

/// Has the bus tell us when `name` is gone. A failure costs some signals nobody reads.
async fn watch(connection: &Connection, name: &str) {
    let rule = format!(
        "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',\
         member='NameOwnerChanged',arg0='{name}'"
    );
    let _ = bus_call(connection, "AddMatch", &rule).await;
}

async fn identify(connection: &Connection, name: &str) -> Result<Caller, Failure> {
    type Known = std::collections::HashMap<String, OwnedVariant>;
    let denied = |why: String| {
        Failure::new(
            Kind::AccessDenied,
            format!("the bus does not say who {name} is: {why}"),
        )
    };
    let reply = bus_call(connection, "GetConnectionCredentials", name)
        .await
        .map_err(|error| denied(error.to_string()))?;
    let mut known: Known = reply
        .body()
        .deserialize()
        .map_err(|error| denied(error.to_string()))?;
    let mut number = |key: &str| {
        known
            .remove(key)
            .and_then(|value| u32::try_from(value).ok())
    };
    let uid = number("UnixUserID").ok_or_else(|| denied("no uid".to_owned()))?;
    let pid = number("ProcessID");
    // Newer buses only; on others group runner-admin works over the private socket alone.
    let groups = known
        .remove("UnixGroupIDs")
        .and_then(|value| <Vec<u32>>::try_from(value).ok())
        .unwrap_or_default();
    Ok(Caller {
        uid,
        gid: None,
        groups,
        pid,
        via: Via::Bus,
    })
}

/// Asks the bus itself.
pub(super) async fn bus_call(
    connection: &Connection,
    method: &str,
    argument: &str,
) -> zbus::Result<Message> {
    connection
        .call_method(
            Some("org.freedesktop.DBus"),
            "/org/freedesktop/DBus",
            Some(interface::BUS),
            method,
            &argument,
        )
        .await
}
