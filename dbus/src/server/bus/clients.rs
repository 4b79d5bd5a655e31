//! Who has called us over the bus: what the bus says of each connection, and what we owe to it until
//! it is gone. A unique name is never used twice on a bus, so what is known of one stays true.
//!
//! Pure: messages and answers of the bus come in, and what is to be done comes out. Every list is
//! bounded, since anybody on the bus may call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU8;

use control::Caller;
use tokio::sync::watch;
use units::UnitName;
use zbus::Message;

/// How many connections are remembered. A thousand is four times what one user may have on a
/// system bus.
const MOST_CLIENTS: usize = 1024;

/// How many calls of one connection may be unanswered.
const MOST_PENDING: usize = 256;

/// How many jobs of one connection are followed for it, and how many units it may hold on to.
const MOST_OWED: usize = 1024;

/// One connection.
#[derive(Debug)]
pub(super) struct Client {
    identity: Identity,
    /// Calls that are being answered or wait for the identity.
    pending: usize,
    /// It wants signals.
    subscribed: bool,
    /// Jobs it queued: it is told of their end without a subscription.
    jobs: BTreeSet<u32>,
    /// Units it holds on to: how often it said so, and what ends the hold when it is dropped.
    held: BTreeMap<UnitName, (u32, watch::Sender<()>)>,
    /// As of [`Call::exit_status`](crate::server::call::Call::exit_status).
    pub(super) exit_status: Arc<AtomicU8>,
    /// Dropped with this: whatever is being done for it ends.
    there: watch::Sender<()>,
    /// How many calls all connections had made before its last one.
    last_call: u64,
}

#[derive(Debug)]
enum Identity {
    /// The bus is being asked; calls wait, in order.
    Asked(Vec<Message>),
    /// What it said.
    Known(Caller),
}

/// What is to be done about a call.
#[derive(Debug)]
pub(super) enum Admission {
    /// Ask the bus who this is; the call waits. Whoever is named is forgotten for it.
    Identify {
        /// Whose place it takes.
        instead_of: Option<String>,
    },
    /// It waits for the bus like those before it.
    Waits,
    /// Answer it.
    Answer(Message),
    /// Too much at once.
    Refuse(Message),
}

/// What came of holding on to a unit.
#[derive(Debug)]
pub(super) enum Held {
    /// It is to be held from now on, until this ends.
    First(watch::Receiver<()>),
    /// It is held already.
    Already,
    /// It holds on to too many.
    TooMany,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Clients {
    clients: BTreeMap<String, Client>,
    calls: u64,
}

impl Clients {
    /// A call has come from `name`.
    pub(super) fn admit(&mut self, name: &str, message: Message) -> Admission {
        self.calls += 1;
        if let Some(client) = self.clients.get_mut(name) {
            client.last_call = self.calls;
            if client.pending >= MOST_PENDING {
                return Admission::Refuse(message);
            }
            client.pending += 1;
            return match &mut client.identity {
                Identity::Known(_) => Admission::Answer(message),
                Identity::Asked(waiting) => {
                    waiting.push(message);
                    Admission::Waits
                }
            };
        }
        let instead_of = if self.clients.len() >= MOST_CLIENTS {
            let Some(idle) = self.idle() else {
                return Admission::Refuse(message);
            };
            self.forget(&idle);
            Some(idle)
        } else {
            None
        };
        let client = Client {
            identity: Identity::Asked(vec![message]),
            pending: 1,
            subscribed: false,
            jobs: BTreeSet::new(),
            held: BTreeMap::new(),
            exit_status: Arc::default(),
            there: watch::channel(()).0,
            last_call: self.calls,
        };
        self.clients.insert(name.to_owned(), client);
        Admission::Identify { instead_of }
    }

    /// The one to whom nothing is owed and who has been silent for the longest.
    fn idle(&self) -> Option<String> {
        let owed = |client: &Client| {
            let owes_signals = client.subscribed || !client.jobs.is_empty();
            client.pending > 0 || owes_signals || !client.held.is_empty()
        };
        let idle = self.clients.iter().filter(|(_, client)| !owed(client));
        let longest = idle.min_by_key(|(_, client)| client.last_call);
        longest.map(|(name, _)| name.clone())
    }

    /// The bus has said who `name` is: gives the calls that waited for that.
    pub(super) fn identified(&mut self, name: &str, caller: Caller) -> Vec<Message> {
        let Some(client) = self.clients.get_mut(name) else {
            return Vec::new();
        };
        match std::mem::replace(&mut client.identity, Identity::Known(caller)) {
            Identity::Asked(waiting) => waiting,
            Identity::Known(_) => Vec::new(),
        }
    }

    /// `name` has left the bus, or the bus does not say who it is. Whatever is being done for it
    /// ends. Gives the calls that waited.
    pub(super) fn forget(&mut self, name: &str) -> Vec<Message> {
        match self.clients.remove(name).map(|client| client.identity) {
            Some(Identity::Asked(waiting)) => waiting,
            _ => Vec::new(),
        }
    }

    /// One that is known.
    pub(super) fn get(&self, name: &str) -> Option<(&Client, &Caller)> {
        let client = self.clients.get(name)?;
        match &client.identity {
            Identity::Known(caller) => Some((client, caller)),
            Identity::Asked(_) => None,
        }
    }

    /// A call of `name` is answered.
    pub(super) fn answered(&mut self, name: &str) {
        if let Some(client) = self.clients.get_mut(name) {
            client.pending = client.pending.saturating_sub(1);
        }
    }

    /// `name` wants signals, or none any more; `false` where that was so already.
    pub(super) fn subscribe(&mut self, name: &str, wants: bool) -> bool {
        let client = self.clients.get_mut(name);
        client.is_some_and(|client| std::mem::replace(&mut client.subscribed, wants) != wants)
    }

    /// `name` has queued a job.
    pub(super) fn has_queued(&mut self, name: &str, job: u32) {
        if let Some(client) = self.clients.get_mut(name)
            && client.jobs.len() < MOST_OWED
        {
            client.jobs.insert(job);
        }
    }

    /// `name` holds on to a unit, once more: gives what ends with the hold, where it is the first.
    pub(super) fn hold(&mut self, name: &str, unit: &UnitName) -> Held {
        let Some(client) = self.clients.get_mut(name) else {
            return Held::TooMany;
        };
        if let Some((count, _)) = client.held.get_mut(unit) {
            *count = count.saturating_add(1);
            return Held::Already;
        }
        if client.held.len() >= MOST_OWED {
            return Held::TooMany;
        }
        let (held, hold) = watch::channel(());
        client.held.insert(unit.clone(), (1, held));
        Held::First(hold)
    }

    /// `name` lets go of a unit once; `false` where it did not hold on to it.
    pub(super) fn let_go(&mut self, name: &str, unit: &UnitName) -> bool {
        let Some(client) = self.clients.get_mut(name) else {
            return false;
        };
        let Some((count, _)) = client.held.get_mut(unit) else {
            return false;
        };
        *count -= 1;
        if *count == 0 {
            client.held.remove(unit);
        }
        true
    }

    /// A job is over: gives those who queued it.
    pub(super) fn take_owners(&mut self, job: u32) -> Vec<String> {
        let clients = self.clients.iter_mut();
        let owners = clients.filter_map(|(name, client)| client.jobs.remove(&job).then_some(name));
        owners.cloned().collect()
    }

    /// Whether anybody wants all signals.
    pub(super) fn has_subscribers(&self) -> bool {
        self.clients.values().any(|client| client.subscribed)
    }

    /// Whether anybody has queued a job that is not over, or may be about to.
    pub(super) fn may_have_jobs(&self) -> bool {
        let mut clients = self.clients.values();
        clients.any(|client| client.pending > 0 || !client.jobs.is_empty())
    }

    /// Whether anybody holds on to a unit: to this one, or to any.
    pub(super) fn has_holders(&self, unit: Option<&UnitName>) -> bool {
        self.clients.values().any(|client| match unit {
            Some(unit) => client.held.contains_key(unit),
            None => !client.held.is_empty(),
        })
    }
}

impl Client {
    /// Ends when the connection has left the bus.
    pub(super) fn presence(&self) -> watch::Receiver<()> {
        self.there.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use control::Via;

    use super::*;

    fn call() -> Message {
        Message::method_call("/", "Ping").build(&()).unwrap()
    }

    fn caller(uid: u32) -> Caller {
        Caller {
            uid,
            gid: None,
            groups: Vec::new(),
            pid: None,
            via: Via::Bus,
        }
    }

    #[test]
    fn calls_wait_in_order_until_the_bus_has_said_who_it_is() {
        let mut clients = Clients::default();
        let first = call();
        let serial = first.primary_header().serial_num();
        assert!(matches!(
            clients.admit(":1.1", first),
            Admission::Identify { instead_of: None }
        ));
        assert!(matches!(clients.admit(":1.1", call()), Admission::Waits));
        assert!(clients.get(":1.1").is_none(), "nobody knows yet who it is");
        let waiting = clients.identified(":1.1", caller(7));
        assert_eq!(waiting.len(), 2);
        assert_eq!(waiting[0].primary_header().serial_num(), serial);
        assert_eq!(clients.get(":1.1").unwrap().1.uid, 7);
        assert!(matches!(
            clients.admit(":1.1", call()),
            Admission::Answer(_)
        ));
        // An answer that comes after it has left makes nobody known.
        clients.forget(":1.1");
        assert!(clients.identified(":1.1", caller(0)).is_empty());
        assert!(clients.get(":1.1").is_none());
    }

    #[test]
    fn who_leaves_is_owed_nothing() {
        let mut clients = Clients::default();
        clients.admit(":1.1", call());
        clients.identified(":1.1", caller(7));
        assert!(clients.subscribe(":1.1", true));
        assert!(
            !clients.subscribe(":1.1", true),
            "it was subscribed already"
        );
        clients.has_queued(":1.1", 5);
        let mut there = clients.get(":1.1").unwrap().0.presence();
        clients.forget(":1.1");
        assert!(there.has_changed().is_err(), "what is done for it ends");
        there.mark_unchanged();
        assert!(!clients.has_subscribers());
        assert!(!clients.may_have_jobs());
        assert!(clients.take_owners(5).is_empty());
        assert!(!clients.subscribe(":1.1", true), "it is not there");
    }

    #[test]
    fn those_who_queued_a_job_are_told_once() {
        let mut clients = Clients::default();
        for name in [":1.1", ":1.2", ":1.3"] {
            clients.admit(name, call());
            clients.identified(name, caller(7));
            clients.answered(name);
        }
        clients.has_queued(":1.1", 5);
        clients.has_queued(":1.3", 5);
        assert!(clients.may_have_jobs());
        assert_eq!(clients.take_owners(5), [":1.1", ":1.3"]);
        assert!(clients.take_owners(5).is_empty());
        assert!(!clients.may_have_jobs());
    }

    #[test]
    fn a_unit_is_held_as_often_as_that_was_said() {
        let unit = UnitName::parse("a.service").unwrap();
        let mut clients = Clients::default();
        clients.admit(":1.1", call());
        clients.identified(":1.1", caller(7));
        assert!(!clients.has_holders(None));
        let Held::First(hold) = clients.hold(":1.1", &unit) else {
            panic!("it was not held")
        };
        assert!(clients.has_holders(Some(&unit)) && clients.has_holders(None));
        assert!(matches!(clients.hold(":1.1", &unit), Held::Already));
        assert!(clients.let_go(":1.1", &unit));
        assert!(hold.has_changed().is_ok());
        assert!(clients.let_go(":1.1", &unit));
        assert!(hold.has_changed().is_err(), "the hold is over");
        assert!(!clients.let_go(":1.1", &unit));
        let Held::First(hold) = clients.hold(":1.1", &unit) else {
            panic!("it was not held")
        };
        clients.forget(":1.1");
        assert!(hold.has_changed().is_err(), "who is gone holds nothing");
    }

    #[test]
    fn one_connection_has_its_limit_and_others_their_answers() {
        let mut clients = Clients::default();
        clients.admit(":1.1", call());
        clients.identified(":1.1", caller(7));
        for _ in 1..MOST_PENDING {
            assert!(matches!(
                clients.admit(":1.1", call()),
                Admission::Answer(_)
            ));
        }
        assert!(matches!(
            clients.admit(":1.1", call()),
            Admission::Refuse(_)
        ));
        assert!(matches!(
            clients.admit(":1.2", call()),
            Admission::Identify { .. }
        ));
        clients.answered(":1.1");
        assert!(matches!(
            clients.admit(":1.1", call()),
            Admission::Answer(_)
        ));
    }

    #[test]
    fn the_idlest_makes_room() {
        let mut clients = Clients::default();
        let name = |number: usize| format!(":1.{number}");
        for number in 0..MOST_CLIENTS {
            clients.admit(&name(number), call());
        }
        // All of them wait: nobody is forgotten.
        assert!(matches!(
            clients.admit(":2.1", call()),
            Admission::Refuse(_)
        ));
        for number in 0..MOST_CLIENTS {
            clients.identified(&name(number), caller(7));
            clients.answered(&name(number));
        }
        clients.subscribe(&name(0), true);
        clients.admit(&name(1), call());
        clients.answered(&name(1));
        match clients.admit(":2.1", call()) {
            Admission::Identify { instead_of } => assert_eq!(instead_of, Some(name(2))),
            other => panic!("{other:?}"),
        }
        assert!(clients.get(&name(2)).is_none());
        assert!(clients.get(&name(0)).is_some());
    }
}
