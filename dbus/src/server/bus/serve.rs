//! Calls that come over the bus, from the moment the name is ours until it is not.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;

use control::{Caller, Change, Handle, Subscription, Via};
use engine::job::{JobId, JobResult};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use units::UnitName;
use zbus::message::Type;
use zbus::{Connection, Message, MessageStream};

use super::authority::Authority;
use super::clients::{Admission, Clients, Held};
use super::credentials::credentials;
use super::{activation, bus_call};
use crate::error::Kind;
use crate::names::{Face, interface};
use crate::server::arguments::read;
use crate::server::call::{Boxed, Call, Hold, Outcome};
use crate::server::connection::{MOST_FEEDS, Settled, reply_of, send};
use crate::server::methods::{self, Run};
use crate::server::refusal::Failure;
use crate::server::{objects, signals};

/// How many units are being started for the bus at a time; it asks for each name once.
const MOST_ACTIVATIONS: usize = 512;

/// How many ends of jobs are remembered while calls are being answered.
const MOST_ENDED: usize = 4096;

/// Something that went on beside the loop has come to its end.
enum Done {
    /// The bus has said who somebody is, or why it does not.
    Identified(String, Result<Caller, String>),
    /// A call of somebody is carried out; nothing if whoever called has left.
    Answered(String, Option<Settled>),
    /// A unit is started for the bus, or this is why not.
    Activated(Option<Message>),
    /// What nobody waits for.
    Nothing,
}

enum Turn {
    Received(Option<zbus::Result<Message>>),
    Done(Done),
    Changed(Option<Arc<Change>>),
}

/// What serves one connection to a bus.
struct Server<'a> {
    face: Face,
    handle: &'a Handle,
    connection: &'a Connection,
    authority: Option<Authority>,
    clients: Clients,
    going_on: FuturesUnordered<Boxed<Done>>,
    feeds: FuturesUnordered<Boxed<()>>,
    activations: usize,
    subscription: Option<Subscription>,
    /// Jobs that ended while calls were being answered: one of those may have queued it.
    ended: VecDeque<(JobId, UnitName, JobResult)>,
}

/// Serves until the name is lost; gives why.
pub(super) async fn serve(
    face: Face,
    handle: &Handle,
    connection: &Connection,
    mut messages: MessageStream,
    authority: Option<Authority>,
) -> io::Result<&'static str> {
    let mut server = Server {
        face,
        handle,
        connection,
        authority,
        clients: Clients::default(),
        going_on: FuturesUnordered::new(),
        feeds: FuturesUnordered::new(),
        activations: 0,
        subscription: None,
        ended: VecDeque::new(),
    };
    loop {
        match server.next(&mut messages).await {
            Turn::Received(None) => return Ok("the bus closed the connection"),
            Turn::Received(Some(Err(error))) => return Err(io::Error::other(error)),
            Turn::Received(Some(Ok(message))) => match message.message_type() {
                Type::MethodCall => server.called(message).await?,
                Type::Signal if is_lost(face, &message) => {
                    return Ok("the bus has given the name to somebody else");
                }
                Type::Signal => server.signalled(&message),
                // They find whoever asked by themselves.
                Type::MethodReturn | Type::Error => {}
            },
            Turn::Done(Done::Identified(name, who)) => server.identified(&name, who).await?,
            Turn::Done(Done::Answered(name, settled)) => {
                server.clients.answered(&name);
                match settled {
                    // See private connections: an answer for want of a manager is none.
                    Some(settled) if settled.refused && handle.is_closed() => {
                        return Ok("the manager ends");
                    }
                    Some(settled) => server.answered(&name, settled).await?,
                    None => {}
                }
            }
            Turn::Done(Done::Activated(failure)) => {
                server.activations -= 1;
                if let Some(failure) = failure {
                    send(connection, &failure).await?;
                }
            }
            Turn::Done(Done::Nothing) => {}
            // Behind by thousands: signals on a bus promise nothing, start afresh.
            Turn::Changed(None) => server.subscription = None,
            Turn::Changed(Some(change)) => server.changed(&change).await?,
        }
        server.mind_subscription();
    }
}

impl Server<'_> {
    /// Waits for what is to be done next. Messages are always taken: among them are the answers of
    /// the bus that others wait for. What one client can have unanswered is bounded instead.
    async fn next(&mut self, messages: &mut MessageStream) -> Turn {
        poll_fn(|context| {
            if let Poll::Ready(Some(done)) = self.going_on.poll_next_unpin(context) {
                return Poll::Ready(Turn::Done(done));
            }
            while let Poll::Ready(Some(())) = self.feeds.poll_next_unpin(context) {}
            if let Some(subscription) = &mut self.subscription
                && let Poll::Ready(change) = subscription.poll_next(context)
            {
                return Poll::Ready(Turn::Changed(change));
            }
            messages.poll_next_unpin(context).map(Turn::Received)
        })
        .await
    }

    /// Listens for changes while, and only while, somebody may have to be told.
    fn mind_subscription(&mut self) {
        let may_have_jobs = self.clients.may_have_jobs();
        if !may_have_jobs {
            self.ended.clear();
        }
        let is_owed = may_have_jobs || self.clients.has_holders(None);
        if !self.clients.has_subscribers() && !is_owed {
            self.subscription = None;
        } else if self.subscription.is_none() {
            self.subscription = Some(self.handle.subscribe());
        }
    }

    async fn called(&mut self, message: Message) -> io::Result<()> {
        // The bus stamps every message.
        let Some(name) = sender(&message) else {
            return Ok(());
        };
        match self.clients.admit(&name, message) {
            Admission::Waits => {}
            Admission::Answer(message) => {
                // A job must not end unseen.
                self.mind_subscription();
                self.take_up(&name, message).await?;
            }
            Admission::Refuse(message) => {
                let failure = Failure::new(Kind::LimitsExceeded, "too many calls at once");
                self.refuse(&message, &failure).await?;
            }
            Admission::Identify { instead_of } => {
                if let Some(idle) = instead_of {
                    let connection = self.connection.clone();
                    self.going_on.push(Box::pin(async move {
                        // A rule too many costs the bus a few bytes.
                        let _ = bus_call(&connection, "RemoveMatch", &rule(&idle)).await;
                        Done::Nothing
                    }));
                }
                let connection = self.connection.clone();
                self.going_on.push(Box::pin(async move {
                    let who = identify(&connection, &name).await;
                    Done::Identified(name, who)
                }));
            }
        }
        Ok(())
    }

    /// The bus has said who somebody is: calls that waited for that are taken up, in order.
    async fn identified(&mut self, name: &str, who: Result<Caller, String>) -> io::Result<()> {
        match who {
            Ok(caller) => {
                let waiting = self.clients.identified(name, caller);
                self.mind_subscription();
                for message in waiting {
                    self.take_up(name, message).await?;
                }
            }
            Err(why) => {
                let why = format!("the bus does not say who {name} is: {why}");
                let failure = Failure::new(Kind::AccessDenied, why);
                for message in self.clients.forget(name) {
                    self.refuse(&message, &failure).await?;
                }
            }
        }
        Ok(())
    }

    /// Begins to answer a call of somebody who is known.
    async fn take_up(&mut self, name: &str, message: Message) -> io::Result<()> {
        let Some((client, caller)) = self.clients.get(name) else {
            return Ok(());
        };
        let mut there = client.presence();
        let call = Call {
            caller: caller.clone(),
            exit_status: Arc::clone(&client.exit_status),
            authority: self.authority.clone(),
            ..Call::new(message, self.handle.clone(), self.face)
        };
        if let Some(outcome) = self.own(name, &call) {
            self.clients.answered(name);
            if let Some(reply) = reply_of(&call, outcome).reply {
                send(self.connection, &reply).await?;
            }
            return Ok(());
        }
        let name = name.to_owned();
        self.going_on.push(Box::pin(async move {
            let answering = async {
                let outcome = objects::answer(call.clone()).await;
                reply_of(&call, outcome)
            };
            let settled = tokio::select! {
                settled = answering => Some(settled),
                _ = there.changed() => None,
            };
            Done::Answered(name, settled)
        }));
        Ok(())
    }

    /// Calls that are about the connection they come over.
    fn own(&mut self, name: &str, call: &Call) -> Option<Outcome> {
        let header = call.message.header();
        let interface = match header.interface() {
            Some(name) => Some(self.face.own_interface(name.as_str())?),
            None => None,
        };
        let interfaces: &[&str] = if header.path()?.as_str() == self.face.root() {
            &[interface::MANAGER]
        } else {
            &[interface::UNIT]
        };
        let method = methods::find(self.face, interfaces, interface, header.member()?.as_str())?;
        if !interfaces.contains(&method.interface) {
            return None;
        }
        let outcome = match method.run {
            // A reference comes back from the manager, with what stands for it.
            Run::Ask(_) | Run::Ref => return None,
            Run::Subscribe => self.subscribe(name, call, true),
            Run::Unsubscribe => self.subscribe(name, call, false),
            Run::Unref => methods::referred_unit(call).and_then(|unit| {
                match self.clients.let_go(name, &unit) {
                    true => call.reply(&()),
                    false => Err(Failure::new(
                        Kind::NotReferenced,
                        format!("this connection does not hold on to {unit}"),
                    )
                    .on_systemd("Unit has not been referenced yet.")),
                }
            }),
        };
        Some(outcome)
    }

    fn subscribe(&mut self, name: &str, call: &Call, wants: bool) -> Outcome {
        call.no_arguments()?;
        let changed = self.clients.subscribe(name, wants);
        // To our own clients it is no error to say so twice.
        match (self.face, changed, wants) {
            (Face::Runner, ..) | (_, true, _) => call.reply(&()),
            (Face::Systemd, false, true) => Err(Failure::new(
                Kind::AlreadySubscribed,
                "Client is already subscribed.",
            )),
            (Face::Systemd, false, false) => Err(Failure::new(
                Kind::NotSubscribed,
                "Client is not subscribed.",
            )),
        }
    }

    async fn refuse(&mut self, message: &Message, failure: &Failure) -> io::Result<()> {
        let call = Call::new(message.clone(), self.handle.clone(), self.face);
        match reply_of(&call, Err(failure.clone())).reply {
            Some(reply) => send(self.connection, &reply).await,
            None => Ok(()),
        }
    }

    async fn answered(&mut self, name: &str, settled: Settled) -> io::Result<()> {
        if let Some(Hold { unit, standing }) = settled.hold
            && let Held::First(held) = self.clients.hold(name, &unit)
        {
            self.going_on.push(Box::pin(until(standing, held)));
        }
        if let Some(reply) = settled.reply {
            send(self.connection, &reply).await?;
        }
        if let Some((job, unit)) = settled.job {
            self.follow(name, job, &unit).await?;
        }
        let feeds = self.feeds.len();
        self.feeds
            .extend(settled.then.filter(|_| feeds < MOST_FEEDS));
        Ok(())
    }

    /// Somebody queued a job: it is told of that and of the end, also without a subscription.
    async fn follow(&mut self, name: &str, job: JobId, unit: &UnitName) -> io::Result<()> {
        if self.clients.has_subscribers() {
            // So everybody has been told of all that happened until now.
            self.clients.has_queued(name, job.0);
            return Ok(());
        }
        let ended = self.ended.iter().find(|(ended, ..)| *ended == job);
        let removed = ended.and_then(|(job, unit, result)| {
            signals::job_removed(self.face, *job, unit, *result, name)
        });
        if removed.is_none() {
            self.clients.has_queued(name, job.0);
        }
        let new = signals::job_new(self.face, job, unit, name);
        for message in new.into_iter().chain(removed) {
            send(self.connection, &message).await?;
        }
        Ok(())
    }

    fn signalled(&mut self, message: &Message) {
        if let Some(name) = gone(message) {
            for waited in self.clients.forget(&name) {
                // Nobody is there to hear that it is not carried out.
                drop(waited);
            }
            return;
        }
        if self.face == Face::Systemd
            && self.activations < MOST_ACTIVATIONS
            && let Some(unit) = activation::requested(message)
        {
            self.activations += 1;
            let handle = self.handle.clone();
            self.going_on.push(Box::pin(async move {
                Done::Activated(activation::activate(handle, unit).await)
            }));
        }
    }

    async fn changed(&mut self, change: &Change) -> io::Result<()> {
        let owners = match change {
            Change::JobRemoved { job, .. } => self.clients.take_owners(job.0),
            _ => Vec::new(),
        };
        // Who holds on to a unit is told of it as if it had subscribed: that is what systemd-run and
        // `systemctl start --wait` listen to.
        let is_held = match change {
            Change::Properties(unit) => self.clients.has_holders(Some(unit)),
            _ => false,
        };
        if self.clients.has_subscribers() || is_held {
            let heads = signals::heads(self.face, change);
            let (face, handle) = (self.face, self.handle);
            for message in signals::messages(face, change, &heads, handle, &everybody()).await {
                send(self.connection, &message).await?;
            }
            return Ok(());
        }
        if let Change::JobRemoved { job, unit, result } = change {
            if self.ended.len() >= MOST_ENDED {
                self.ended.pop_front();
            }
            self.ended.push_back((*job, unit.clone(), *result));
            for name in owners {
                if let Some(message) = signals::job_removed(self.face, *job, unit, *result, &name) {
                    send(self.connection, &message).await?;
                }
            }
        }
        Ok(())
    }
}

/// Lets the manager keep a unit until `held` ends.
async fn until(standing: Boxed<()>, mut held: watch::Receiver<()>) -> Done {
    tokio::select! {
        // Refused: there is nothing to hold on to any more.
        () = standing => {}
        _ = held.changed() => {}
    }
    Done::Nothing
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

fn sender(message: &Message) -> Option<String> {
    message.header().sender().map(ToString::to_string)
}

fn is_of_the_bus(message: &Message, member: &str) -> bool {
    let header = message.header();
    header.sender().map(|name| name.as_str()) == Some(interface::BUS)
        && header.member().map(|name| name.as_str()) == Some(member)
}

/// Whether our name is ours no more.
fn is_lost(face: Face, message: &Message) -> bool {
    is_of_the_bus(message, "NameLost")
        && message
            .body()
            .deserialize::<String>()
            .is_ok_and(|name| name == face.bus_name())
}

/// The unique name that a `NameOwnerChanged` of the bus says nobody has any more.
fn gone(message: &Message) -> Option<String> {
    if !is_of_the_bus(message, "NameOwnerChanged") {
        return None;
    }
    let (name, _old, new): (String, String, String) = read(&message.body())?;
    new.is_empty().then_some(name)
}

/// The match rule for the end of a connection.
fn rule(name: &str) -> String {
    format!(
        "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',\
         member='NameOwnerChanged',arg0='{name}'"
    )
}

/// Has the bus tell when `name` is gone, and asks who it is. In this order: one that goes in between
/// is not known to the bus any more.
async fn identify(connection: &Connection, name: &str) -> Result<Caller, String> {
    let told = |error: zbus::Error| error.to_string();
    bus_call(connection, "AddMatch", &rule(name))
        .await
        .map_err(told)?;
    let who = credentials(connection, name).await.map_err(told)?;
    Ok(Caller {
        uid: who.uid.ok_or("no uid")?,
        gid: None,
        groups: who.groups,
        pid: who.pid,
        via: Via::Bus,
    })
}
