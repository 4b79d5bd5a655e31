//! The message bus, as far as a client needs one to speak to us over a private connection:
//! `busctl --address=` and `gdbus` always say Hello, look names up and add match rules.

use zbus::Message;

use super::call::{Call, Done, Outcome};
use super::connection::Session;
use super::refusal::Failure;
use super::rule::Rule;
use super::signals::Dictionary;
use super::{DRIVER_UNIQUE, OWN_UNIQUE};
use crate::error::Kind;
use crate::names::{Face, interface};

/// The most match rules of one connection.
const MOST_RULES: usize = 512;

/// `DBUS_START_REPLY_ALREADY_RUNNING` of the specification.
const ALREADY_RUNNING: u32 = 2;

pub(super) const INTROSPECTION: &str = r#" <interface name="org.freedesktop.DBus">
  <method name="Hello"><arg type="s" direction="out"/></method>
  <method name="AddMatch"><arg type="s" direction="in"/></method>
  <method name="RemoveMatch"><arg type="s" direction="in"/></method>
  <method name="GetId"><arg type="s" direction="out"/></method>
  <method name="ListNames"><arg type="as" direction="out"/></method>
  <method name="ListActivatableNames"><arg type="as" direction="out"/></method>
  <method name="NameHasOwner"><arg type="s" direction="in"/><arg type="b" direction="out"/></method>
  <method name="GetNameOwner"><arg type="s" direction="in"/><arg type="s" direction="out"/></method>
  <method name="ListQueuedOwners"><arg type="s" direction="in"/><arg type="as" direction="out"/></method>
  <method name="StartServiceByName"><arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="u" direction="out"/></method>
  <method name="GetConnectionUnixUser"><arg type="s" direction="in"/><arg type="u" direction="out"/></method>
  <method name="GetConnectionUnixProcessID"><arg type="s" direction="in"/><arg type="u" direction="out"/></method>
  <method name="GetConnectionCredentials"><arg type="s" direction="in"/><arg type="a{sv}" direction="out"/></method>
 </interface>
 <interface name="org.freedesktop.DBus.Monitoring">
  <method name="BecomeMonitor"><arg type="as" direction="in"/><arg type="u" direction="in"/></method>
 </interface>
"#;

/// Whether a call is for the bus and not for us.
pub(super) fn is_addressed(destination: Option<&str>, interface: Option<&str>) -> bool {
    match interface {
        Some(name) => name == interface::BUS || name == interface::MONITORING,
        None => destination == Some(DRIVER_UNIQUE),
    }
}

/// Carries out a call to the bus. A second message, if any, follows the reply.
pub(super) fn answer(
    session: &mut Session,
    call: &Call,
    member: &str,
) -> (Outcome, Option<Message>) {
    let outcome = match member {
        "BecomeMonitor" => return become_monitor(session, call),
        "Hello" => hello(session, call),
        "AddMatch" => add_match(session, call),
        "RemoveMatch" => remove_match(session, call),
        "GetId" => reply(call, &session.bus_id()),
        "ListNames" => {
            let own = session.unique_name();
            reply(
                call,
                &(vec![
                    DRIVER_UNIQUE,
                    session.face().bus_name(),
                    OWN_UNIQUE,
                    own,
                ],),
            )
        }
        "ListActivatableNames" => reply(call, &(Vec::<String>::new(),)),
        "NameHasOwner" => call
            .arguments::<String>()
            .and_then(|name| reply(call, &require(session, &name).is_ok())),
        "GetNameOwner" => owned(session, call, |owner| reply(call, &owner)),
        "ListQueuedOwners" => owned(session, call, |owner| reply(call, &(vec![owner],))),
        "StartServiceByName" => call
            .arguments::<(String, u32)>()
            .and_then(|(name, _)| require(session, &name))
            .and_then(|_| reply(call, &ALREADY_RUNNING)),
        "GetConnectionUnixUser" => owned(session, call, |owner| {
            reply(call, &credentials(session, owner).0)
        }),
        "GetConnectionUnixProcessID" => {
            owned(session, call, |owner| match credentials(session, owner).1 {
                Some(pid) => reply(call, &pid),
                None => Err(Failure::new(
                    Kind::Failed,
                    "the process is in another pid namespace and has no pid here",
                )),
            })
        }
        "GetConnectionCredentials" => owned(session, call, |owner| {
            let (uid, pid) = credentials(session, owner);
            let mut known = vec![("UnixUserID", zbus::Variant::from(uid))];
            known.extend(pid.map(|pid| ("ProcessID", zbus::Variant::from(pid))));
            reply(call, &(Dictionary(known),))
        }),
        "RequestName" | "ReleaseName" => Err(Failure::new(
            Kind::NotSupported,
            "a private connection has no names to give",
        )),
        _ => Err(Failure::new(
            Kind::UnknownMethod,
            format!("the bus has no method {member}"),
        )),
    };
    (outcome, None)
}

fn reply<B: serde::Serialize + zbus::wire::DynamicType>(call: &Call, body: &B) -> Outcome {
    call.reply_from(DRIVER_UNIQUE, body)
}

fn hello(session: &mut Session, call: &Call) -> Outcome {
    call.no_arguments()?;
    if session.said_hello {
        return Err(Failure::new(Kind::Failed, "Hello was said already"));
    }
    session.said_hello = true;
    // It takes us for a bus, and says by its rules what it wants.
    session.wants_all = false;
    reply(call, &session.unique_name())
}

fn add_match(session: &mut Session, call: &Call) -> Outcome {
    let text: String = call.arguments()?;
    let rule = Rule::parse(session.face(), &text)
        .map_err(|why| Failure::new(Kind::MatchRuleInvalid, why))?;
    if session.rules.len() >= MOST_RULES {
        return Err(Failure::new(
            Kind::LimitsExceeded,
            format!("there are {MOST_RULES} match rules already"),
        ));
    }
    session.rules.push(rule);
    reply(call, &())
}

fn remove_match(session: &mut Session, call: &Call) -> Outcome {
    let text: String = call.arguments()?;
    let rule = Rule::parse(session.face(), &text)
        .map_err(|why| Failure::new(Kind::MatchRuleInvalid, why))?;
    let Some(at) = session.rules.iter().position(|known| known.is_same(&rule)) else {
        return Err(Failure::new(
            Kind::MatchRuleNotFound,
            format!("no match rule {text:?} was added"),
        ));
    };
    session.rules.remove(at);
    reply(call, &())
}

/// Only the connection's own signals are shown: `busctl monitor` and `dbus-monitor` want to watch a
/// service, and other clients' calls are none of their business.
fn become_monitor(session: &mut Session, call: &Call) -> (Outcome, Option<Message>) {
    let attempt = || {
        let (rules, _flags): (Vec<String>, u32) = call.arguments()?;
        if rules.len() > MOST_RULES {
            return Err(Failure::new(Kind::LimitsExceeded, "too many match rules"));
        }
        let mut parsed = Vec::new();
        for rule in &rules {
            parsed.push(
                Rule::parse(session.face(), rule)
                    .map_err(|why| Failure::new(Kind::MatchRuleInvalid, why))?,
            );
        }
        let done = reply(call, &())?;
        Ok((parsed, done))
    };
    match attempt() {
        Ok((rules, done)) => {
            session.rules = rules;
            session.wants_all = session.rules.is_empty();
            // Without this, busctl waits for ever before it prints the first signal.
            let lost = Message::signal("/org/freedesktop/DBus", interface::BUS, "NameLost")
                .sender(DRIVER_UNIQUE)
                .destination(session.unique_name())
                .build(&session.unique_name())
                .ok();
            (Ok::<Done, Failure>(done), lost)
        }
        Err(failure) => (Err(failure), None),
    }
}

/// For a method with a name as its one argument: who has it.
fn owned(session: &Session, call: &Call, then: impl FnOnce(&str) -> Outcome) -> Outcome {
    let name: String = call.arguments()?;
    then(&require(session, &name)?)
}

fn require(session: &Session, name: &str) -> Result<String, Failure> {
    if name == session.unique_name() {
        return Ok(name.to_owned());
    }
    owner(session.face(), name)
        .map(str::to_owned)
        .ok_or_else(|| {
            Failure::new(
                Kind::NameHasNoOwner,
                format!("nobody has the name {name:?} here"),
            )
        })
}

fn owner(face: Face, name: &str) -> Option<&'static str> {
    match name {
        DRIVER_UNIQUE => Some(DRIVER_UNIQUE),
        OWN_UNIQUE => Some(OWN_UNIQUE),
        name if name == face.bus_name() => Some(OWN_UNIQUE),
        _ => None,
    }
}

/// Uid and pid behind a name: the client, or us.
fn credentials(session: &Session, owner: &str) -> (u32, Option<u32>) {
    if owner == session.unique_name() {
        (session.caller.uid, session.caller.pid)
    } else {
        (
            rustix::process::geteuid().as_raw(),
            Some(std::process::id()),
        )
    }
}
