//! One private connection, from greeting to end.

use std::future::poll_fn;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::task::Poll;
use std::time::Duration;

use control::{Caller, Change, Subscription};
use engine::job::JobId;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::UnixStream;
use units::UnitName;
use zbus::message::{Flags, Type};
use zbus::{Connection, Message, MessageStream};

use super::bus::established;
use super::call::{Boxed, Call, Done, Hold, Outcome};
use super::limits::Place;
use super::methods::{self, Run};
use super::refusal::Failure;
use super::rule::Rule;
use super::socket::Transport;
use super::{Shared, driver, greeting, objects, peer, signals};
use crate::error::Kind;
use crate::names::{Face, interface};

/// How long a client may take to authenticate.
const GREETING_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a client may leave us waiting before it reads what we send.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);

/// How many calls of a connection may be unanswered; the next ones stay in the socket.
const MOST_PENDING: usize = 32;

/// How many logs a connection may follow at a time.
pub(super) const MOST_FEEDS: usize = 16;

/// How many messages zbus reads ahead of us.
const READ_AHEAD: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// What a connection is to us.
pub(super) struct Session {
    shared: Arc<Shared>,
    pub(super) caller: Caller,
    unique_name: String,
    /// It takes us for a bus: it gets the signals it adds rules for.
    pub(super) said_hello: bool,
    pub(super) rules: Vec<Rule>,
    /// It asked for everything.
    pub(super) wants_all: bool,
    subscription: Option<Subscription>,
    /// As of [`Call::exit_status`].
    exit_status: Arc<AtomicU8>,
}

impl Session {
    pub(super) fn unique_name(&self) -> &str {
        &self.unique_name
    }

    pub(super) fn face(&self) -> Face {
        self.shared.face
    }

    pub(super) fn bus_id(&self) -> String {
        self.shared.guid.to_string()
    }

    /// Listens for changes while, and only while, somebody wants some.
    fn mind_subscription(&mut self) {
        if !self.wants_all && self.rules.is_empty() {
            self.subscription = None;
        } else if self.subscription.is_none() {
            self.subscription = Some(self.shared.handle.subscribe());
        }
    }

    fn wants(&self, signal: &signals::Signal) -> bool {
        self.wants_all || self.rules.iter().any(|rule| rule.takes(signal))
    }
}

/// A call that is carried out.
pub(super) struct Settled {
    /// The message to send, if one is wanted.
    pub(super) reply: Option<Message>,
    /// What goes on afterwards.
    pub(super) then: Option<Boxed<()>>,
    /// Whether the call came to nothing.
    pub(super) refused: bool,
    /// As of [`Done::job`].
    pub(super) job: Option<(JobId, UnitName)>,
    /// As of [`Done::hold`].
    pub(super) hold: Option<Hold>,
}

/// Something to do next.
enum Turn {
    /// A message came, or the connection ended.
    Received(Option<zbus::Result<Message>>),
    /// A call is carried out.
    Answered(Settled),
    /// Something changed; `None` if we fell too far behind to be told what.
    Changed(Option<Arc<Change>>),
}

/// Serves a connection until it ends. `place` is given back then.
pub(super) async fn serve(
    shared: Arc<Shared>,
    stream: UnixStream,
    number: u64,
    caller: Caller,
    _place: Place,
) -> io::Result<()> {
    let uid = caller.uid;
    let guid = shared.guid.clone();
    let greeting = greeting::greet(&stream, uid, guid.as_str());
    let greeted = match tokio::time::timeout(GREETING_TIMEOUT, greeting).await {
        Ok(greeted) => greeted?,
        Err(_) => return Err(io::ErrorKind::TimedOut.into()),
    };
    let transport = Transport::new(stream, uid, greeted);
    let builder = zbus::connection::Builder::authenticated_socket(transport, guid)
        .p2p()
        .max_queued(READ_AHEAD);
    let (connection, mut messages) = established(builder).await.map_err(io::Error::other)?;
    let shared_face = shared.face;
    let mut session = Session {
        shared,
        caller,
        unique_name: format!(":1.{number}"),
        said_hello: false,
        rules: Vec::new(),
        // systemd tells everybody who is connected everything, and its clients rely on that.
        wants_all: shared_face == Face::Systemd,
        subscription: None,
        exit_status: Arc::default(),
    };
    session.mind_subscription();
    let outcome = run(session, &connection, &mut messages).await;
    // The last reference would be enough, but zbus' reading task holds one until it sees the end.
    let _ = connection.close().await;
    outcome
}

async fn run(
    mut session: Session,
    connection: &Connection,
    messages: &mut MessageStream,
) -> io::Result<()> {
    let mut pending: FuturesUnordered<Boxed<Settled>> = FuturesUnordered::new();
    let mut feeds: FuturesUnordered<Boxed<()>> = FuturesUnordered::new();
    loop {
        match next(&mut session, messages, &mut pending, &mut feeds).await {
            Turn::Received(None | Some(Err(_))) => return Ok(()),
            Turn::Received(Some(Ok(message))) => {
                if message.message_type() != Type::MethodCall {
                    continue;
                }
                let handle = session.shared.handle.clone();
                let call = Call {
                    caller: session.caller.clone(),
                    exit_status: Arc::clone(&session.exit_status),
                    ..Call::new(message, handle, session.shared.face)
                };
                match own(&mut session, &call) {
                    Some((outcome, more)) => {
                        for message in reply_of(&call, outcome).reply.into_iter().chain(more) {
                            send(connection, &message).await?;
                        }
                        session.mind_subscription();
                    }
                    None => pending.push(Box::pin(async move {
                        let outcome = objects::answer(call.clone()).await;
                        reply_of(&call, outcome)
                    })),
                }
            }
            // For want of a manager every question is refused as if all were being stopped. It is
            // not: the next manager knows better, and a client that loses its connection asks it.
            Turn::Answered(settled) if settled.refused && session.shared.handle.is_closed() => {
                return Ok(());
            }
            Turn::Answered(Settled { reply, then, .. }) => {
                if let Some(reply) = reply {
                    send(connection, &reply).await?;
                }
                // Beyond the limit the pipe is closed, which the client sees at once.
                feeds.extend(then.filter(|_| feeds.len() < MOST_FEEDS));
            }
            // Who cannot keep up has to look at everything afresh: a new connection says so.
            Turn::Changed(None) => return Ok(()),
            Turn::Changed(Some(change)) => {
                let face = session.shared.face;
                let wanted: Vec<signals::Signal> = signals::heads(face, &change)
                    .into_iter()
                    .filter(|signal| session.wants(signal))
                    .collect();
                let handle = &session.shared.handle;
                for message in
                    signals::messages(face, &change, &wanted, handle, &session.caller).await
                {
                    send(connection, &message).await?;
                }
            }
        }
    }
}

/// Waits for what is to be done next: answers first, then news, then new calls.
async fn next(
    session: &mut Session,
    messages: &mut MessageStream,
    pending: &mut FuturesUnordered<Boxed<Settled>>,
    feeds: &mut FuturesUnordered<Boxed<()>>,
) -> Turn {
    poll_fn(|context| {
        if let Poll::Ready(Some(settled)) = pending.poll_next_unpin(context) {
            return Poll::Ready(Turn::Answered(settled));
        }
        while let Poll::Ready(Some(())) = feeds.poll_next_unpin(context) {}
        if let Some(subscription) = &mut session.subscription
            && let Poll::Ready(change) = subscription.poll_next(context)
        {
            return Poll::Ready(Turn::Changed(change));
        }
        if pending.len() < MOST_PENDING {
            return messages.poll_next_unpin(context).map(Turn::Received);
        }
        Poll::Pending
    })
    .await
}

/// Calls the connection answers by itself, because they are about the connection.
fn own(session: &mut Session, call: &Call) -> Option<(Outcome, Option<Message>)> {
    let header = call.message.header();
    let interface = header.interface().map(|name| name.as_str());
    let member = header.member()?.as_str();
    if driver::is_addressed(header.destination().map(|name| name.as_str()), interface) {
        return Some(driver::answer(session, call, member));
    }
    if header.path()?.as_str() != call.face.root() {
        return None;
    }
    let interface = match interface {
        Some(name) => Some(call.face.own_interface(name)?),
        None => None,
    };
    let method = methods::find(call.face, &[interface::MANAGER], interface, member)?;
    let subscribes = match method.run {
        Run::Ask(_) => return None,
        Run::Subscribe => true,
        Run::Unsubscribe => false,
        Run::Ref | Run::Unref => {
            let message = "a private connection cannot hold on to units";
            return Some((Err(Failure::new(Kind::NotSupported, message)), None));
        }
    };
    if let Err(failure) = call.no_arguments() {
        return Some((Err(failure), None));
    }
    // A client that takes us for a bus says by its rules what it wants.
    if call.face == Face::Runner {
        session.wants_all = subscribes && !session.said_hello;
    }
    Some((call.reply(&()), None))
}

/// What there is to do about a call's outcome.
pub(super) fn reply_of(call: &Call, outcome: Outcome) -> Settled {
    let flags = call.message.primary_header().flags();
    let wanted = !flags.contains(Flags::NO_REPLY_EXPECTED);
    match outcome {
        Ok(Done {
            reply,
            then,
            job,
            hold,
        }) => Settled {
            reply: wanted.then_some(reply),
            then,
            refused: false,
            job,
            hold,
        },
        Err(failure) => Settled {
            reply: call.refuse(&failure).filter(|_| wanted),
            then: None,
            refused: true,
            job: None,
            hold: None,
        },
    }
}

/// Sends a message, or gives the connection up.
pub(super) async fn send(connection: &Connection, message: &Message) -> io::Result<()> {
    match tokio::time::timeout(SEND_TIMEOUT, connection.send(message)).await {
        Ok(Ok(())) => Ok(()),
        // The client cannot take descriptors; all else it can still have.
        Ok(Err(zbus::Error::Unsupported)) => Ok(()),
        Ok(Err(error)) => Err(io::Error::other(error)),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Who connected.
pub(super) fn caller(stream: &UnixStream) -> io::Result<Caller> {
    peer::caller(stream)
}
