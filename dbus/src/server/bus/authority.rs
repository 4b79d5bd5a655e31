//! The system's authority on who may do what (polkit), asked about callers of the system bus who may
//! not by uid or group. It may ask a person, so it may take long; whatever it does not clearly
//! permit, in time, is denied, and so is everything where there is no authority.
//!
//! The subject is the caller's name on the bus: a pid could be somebody else's by the time it is
//! looked at.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use control::{Action, Command, Request, Word};
use units::install::Order;
use zbus::message::Flags;
use zbus::{Connection, Message, Variant};

use crate::names::Face;

const NAME: &str = "org.freedesktop.PolicyKit1";
const PATH: &str = "/org/freedesktop/PolicyKit1/Authority";
const INTERFACE: &str = "org.freedesktop.PolicyKit1.Authority";

/// `AllowUserInteraction` of polkit.
const MAY_ASK_SOMEBODY: u32 = 1;

/// How long the authority may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Where it has to decide by itself.
    pub by_itself: Duration,
    /// Where the caller lets it ask a person.
    pub with_somebody: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            by_itself: Duration::from_secs(25),
            with_somebody: Duration::from_secs(120),
        }
    }
}

/// What the authority says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Verdict {
    /// Go on.
    Permitted,
    /// No, or nothing, or too late.
    Denied,
    /// If the caller let it ask a person, perhaps.
    WouldAsk,
}

/// Where to ask.
#[derive(Debug, Clone)]
pub(in crate::server) struct Authority {
    connection: Connection,
    patience: Patience,
    /// Of the last question, by which it can be taken back.
    asked: Arc<AtomicU64>,
}

impl Authority {
    /// Asks over this connection, on a bus whose policy lets nobody pose as the authority.
    pub(super) fn new(connection: Connection, patience: Patience) -> Authority {
        Authority {
            connection,
            patience,
            asked: Arc::default(),
        }
    }

    /// Whether whoever sent `message` is permitted `action` to have `request` carried out.
    pub(in crate::server) async fn judge(
        &self,
        face: Face,
        message: &Message,
        action: Action,
        request: &Request,
    ) -> Verdict {
        let Some(name) = message.header().sender().map(ToString::to_string) else {
            return Verdict::Denied;
        };
        let flags = message.primary_header().flags();
        let interactive = flags.contains(Flags::ALLOW_INTERACTIVE_AUTH);
        let (flags, patience) = match interactive {
            true => (MAY_ASK_SOMEBODY, self.patience.with_somebody),
            false => (0, self.patience.by_itself),
        };
        let subject = BTreeMap::from([("name", Variant::from(name))]);
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let ticket = format!("{}-{number}", face.bus_name());
        let body = (
            ("system-bus-name", subject),
            format!("{}.{}", face.bus_name(), action.word()),
            details(request),
            flags,
            ticket.as_str(),
        );
        let asking = self.call("CheckAuthorization", &body);
        let Ok(reply) = tokio::time::timeout(patience, asking).await else {
            // It need not go on asking somebody; whether it hears that changes nothing.
            let taking_back = self.call("CancelCheckAuthorization", &ticket);
            let _ = tokio::time::timeout(Duration::from_secs(1), taking_back).await;
            return Verdict::Denied;
        };
        match reply.map(|reply| verdict(&reply)) {
            Ok(Some(verdict)) => verdict,
            _ => Verdict::Denied,
        }
    }

    async fn call<B: serde::Serialize + zbus::wire::DynamicType>(
        &self,
        method: &str,
        body: &B,
    ) -> zbus::Result<Message> {
        self.connection
            .call_method(Some(NAME), PATH, Some(INTERFACE), method, body)
            .await
    }
}

/// Reads the answer to `CheckAuthorization`; `None` for one that is none.
fn verdict(reply: &Message) -> Option<Verdict> {
    type Answer = (bool, bool, BTreeMap<String, String>);
    let ((permitted, would_ask, _),): (Answer,) = reply.body().deserialize().ok()?;
    Some(match (permitted, would_ask) {
        (true, _) => Verdict::Permitted,
        (false, true) => Verdict::WouldAsk,
        (false, false) => Verdict::Denied,
    })
}

/// What rules of the authority can look at, by systemd's names, and what a person is asked.
fn details(request: &Request) -> BTreeMap<&'static str, String> {
    let (verb, unit) = match request {
        Request::Command(Command::Submit { unit, verb, .. }) => (verb.word(), Some(unit)),
        Request::Command(Command::Kill { unit, .. }) => ("kill", Some(unit)),
        Request::Command(Command::ResetFailed { unit }) => ("reset-failed", unit.as_ref()),
        Request::Command(Command::Hold { unit }) => ("ref", Some(unit)),
        Request::Command(Command::CancelJob { .. } | Command::CancelAllJobs) => ("cancel", None),
        Request::StartTransient { units, .. } => ("start", units.first().map(|unit| &unit.name)),
        Request::Install(Order::Set { unit, .. }) => ("set-property", Some(unit)),
        _ => return BTreeMap::new(),
    };
    let mut details = BTreeMap::from([("verb", verb.to_owned())]);
    if let Some(unit) = unit {
        details.insert("unit", unit.to_string());
        // polkit puts the unit in where this says so.
        let message = format!("Authentication is required for \"{verb}\" of '$(unit)'.");
        details.insert("polkit.message", message);
    }
    details
}

#[cfg(test)]
mod tests {
    use engine::command::Verb;
    use engine::job::JobMode;
    use units::UnitName;

    use super::*;

    fn answer(permitted: bool, would_ask: bool) -> Message {
        let call = Message::method_call("/", "X").build(&()).unwrap();
        let none = BTreeMap::<String, String>::new();
        Message::method_return(&call.header())
            .build(&((permitted, would_ask, none),))
            .unwrap()
    }

    #[test]
    fn only_a_clear_yes_permits() {
        assert_eq!(verdict(&answer(true, false)), Some(Verdict::Permitted));
        assert_eq!(verdict(&answer(false, false)), Some(Verdict::Denied));
        assert_eq!(verdict(&answer(false, true)), Some(Verdict::WouldAsk));
        let call = Message::method_call("/", "X").build(&()).unwrap();
        let strange = Message::method_return(&call.header()).build(&true).unwrap();
        assert_eq!(verdict(&strange), None);
    }

    #[test]
    fn rules_can_look_at_unit_and_verb() {
        let request = Request::Command(Command::Submit {
            unit: UnitName::parse("a.service").unwrap(),
            verb: Verb::Restart,
            mode: JobMode::Replace,
            token: None,
        });
        let details = details(&request);
        assert_eq!(details["unit"], "a.service");
        assert_eq!(details["verb"], "restart");
    }
}
