//! From a call to its answer: which object, which interface, which method. No object is registered
//! anywhere; a path is looked up when somebody calls it.

use std::sync::{Arc, OnceLock};

use control::{Manager, OwnLogTarget, Reply, Request, Selection};
use engine::{Answer, Command};
use units::value::LogLevel;
use units::{Definition, UnitKind, UnitName};
use zbus::Variant;

use super::call::{Call, Outcome, strange};
use super::introspection;
use super::methods::{self, Run, unit_detail};
use super::properties::{self, Property, Settable, Subject, UnitFacts};
use super::refusal::Failure;
use super::signals::{Dictionary, interfaces_of};
use crate::error::Kind;
use crate::names::interface::{
    BUS, INTROSPECTABLE, JOB, LOG_CONTROL, MANAGER, MONITORING, PEER, PROPERTIES,
};
use crate::names::{Face, Object, escape};

/// Answers a call.
pub(super) async fn answer(call: Call) -> Outcome {
    let header = call.message.header();
    // zbus refuses method calls without these when it reads them.
    let path = header
        .path()
        .map(|path| path.as_str().to_owned())
        .unwrap_or_default();
    let member = header
        .member()
        .map(|member| member.as_str().to_owned())
        .unwrap_or_default();
    let interface = header
        .interface()
        .map(|interface| interface.as_str().to_owned());
    drop(header);

    let Some(object) = Object::at(call.face, &path) else {
        return Err(Failure::new(
            Kind::UnknownObject,
            format!("no object at {path}"),
        ));
    };
    let object = match object {
        Object::Unit(name) if name == "self" && call.face == Face::Systemd => own(&call).await?,
        other => other,
    };
    match interface.as_deref() {
        Some(PEER) => return peer(call, &member),
        Some(INTROSPECTABLE) => return introspect(call, &object, &member).await,
        Some(PROPERTIES) => return property_call(call, &object, &member).await,
        _ => {}
    }
    let interfaces = interfaces(call.face, &object)?;
    let own = match interface.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => Some(call.face.own_interface(name).unwrap_or_default()),
        None => None,
    };
    match methods::find(call.face, &interfaces, own, &member) {
        Some(method) if interfaces.contains(&method.interface) => match method.run {
            Run::Ask(run) => run(call).await,
            // Connections take these out before they get here.
            Run::Subscribe | Run::Unsubscribe | Run::Unref => call.reply(&()),
            Run::Ref => methods::refer(call).await,
        },
        _ => Err(unknown(
            own.is_none_or(|own| interfaces.contains(&own)),
            interface.as_deref(),
            &member,
            &path,
        )),
    }
}

/// The unit of whoever calls.
async fn own(call: &Call) -> Result<Object, Failure> {
    let none = |why: &str| Failure::new(Kind::NoUnitForPid, why.to_owned());
    let pid = call
        .caller
        .pid
        .ok_or_else(|| none("nobody knows your pid here"))?;
    match call.ask(Request::UnitOf { pid }).await? {
        Reply::UnitOf(Some(unit)) => Ok(Object::Unit(unit.as_str().to_owned())),
        Reply::UnitOf(None) => Err(none("your process belongs to no unit")),
        other => Err(strange(&other)),
    }
}

/// `is_there` is whether the object has the interface.
fn unknown(is_there: bool, interface: Option<&str>, member: &str, path: &str) -> Failure {
    match interface {
        Some(interface) if !is_there => Failure::new(
            Kind::UnknownInterface,
            format!("{path} has no interface {interface}"),
        ),
        Some(interface) => Failure::new(
            Kind::UnknownMethod,
            format!("{interface} has no method {member}"),
        ),
        None => Failure::new(
            Kind::UnknownMethod,
            format!("{path} has no method {member}"),
        ),
    }
}

/// The interfaces of ours that an object has.
fn interfaces(face: Face, object: &Object) -> Result<Vec<&'static str>, Failure> {
    Ok(match object {
        Object::Manager => vec![MANAGER],
        Object::LogControl => vec![LOG_CONTROL],
        Object::Unit(name) => interfaces_of(face, object_unit(name)?.kind()).to_vec(),
        Object::Job(_) => vec![JOB],
        Object::Bus => vec![BUS],
        Object::Above(_) | Object::Units | Object::Jobs => Vec::new(),
    })
}

fn object_unit(name: &str) -> Result<UnitName, Failure> {
    UnitName::parse(name).map_err(|problem| {
        Failure::new(
            Kind::UnknownObject,
            format!("{name:?} is not a unit name: {problem}"),
        )
    })
}

fn peer(call: Call, member: &str) -> Outcome {
    call.no_arguments()?;
    match member {
        "Ping" => call.reply(&()),
        "GetMachineId" => match MACHINE_ID.get().and_then(Option::as_ref) {
            Some(id) => call.reply(id),
            None => Err(Failure::new(Kind::NotSupported, "this machine has no id")),
        },
        _ => Err(unknown(true, Some(PEER), member, "")),
    }
}

/// machine-id(5), read once by [`learn_machine_id`]: answering calls touches no file system.
static MACHINE_ID: OnceLock<Option<String>> = OnceLock::new();

/// Reads this machine's id, while it is still all right to wait for a disk.
pub(super) fn learn_machine_id() {
    MACHINE_ID.get_or_init(|| {
        [
            "/etc/machine-id",
            "/run/machine-id",
            "/var/lib/dbus/machine-id",
        ]
        .iter()
        .find_map(|path| {
            let text = std::fs::read_to_string(path).ok()?;
            let id = text.lines().next()?.trim();
            (id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())).then(|| id.to_owned())
        })
    });
}

async fn introspect(call: Call, object: &Object, member: &str) -> Outcome {
    if member != "Introspect" {
        return Err(unknown(true, Some(INTROSPECTABLE), member, ""));
    }
    call.no_arguments()?;
    let interfaces = interfaces(call.face, object)?;
    // Exactly the children there are: a node that always has some sends busctl round for ever.
    let children: Vec<String> = match object {
        Object::Manager => vec!["job".to_owned(), "unit".to_owned()],
        Object::Above(next) => vec![(*next).to_owned()],
        Object::Units => {
            let units = methods::units(&call, Selection::default()).await?;
            units
                .iter()
                .map(|view| escape(view.name.as_str()))
                .collect()
        }
        Object::Jobs => methods::jobs(&call)
            .await?
            .iter()
            .map(|job| job.id.0.to_string())
            .collect(),
        Object::Unit(_) | Object::Job(_) | Object::Bus | Object::LogControl => Vec::new(),
    };
    call.reply(&introspection::node(call.face, &interfaces, &children))
}

async fn property_call(call: Call, object: &Object, member: &str) -> Outcome {
    let interfaces = interfaces(call.face, object)?;
    match member {
        "Get" => {
            let (interface, name): (String, String) = call.arguments()?;
            let rows = rows(call.face, &interfaces, &interface)?;
            let row = rows.iter().find(|row| row.name == name).ok_or_else(|| {
                Failure::new(
                    Kind::UnknownProperty,
                    format!("{} has no property {name}", or_object(&interface)),
                )
            })?;
            let mut values = values(&call, object, &[*row]).await?;
            match values.pop() {
                Some((_, value)) => call.reply(&(value,)),
                None => Err(Failure::new(
                    Kind::AccessDenied,
                    format!("uid {} may not read {name}", call.caller.uid),
                )),
            }
        }
        "GetAll" => {
            let interface: String = call.arguments()?;
            let rows = rows(call.face, &interfaces, &interface)?;
            let values = values(&call, object, &rows).await?;
            call.reply(&(Dictionary(values),))
        }
        "Set" => {
            let (interface, name, value): (String, String, zbus::OwnedVariant) =
                call.arguments()?;
            let rows = rows(call.face, &interfaces, &interface)?;
            let row = rows.iter().find(|row| row.name == name).ok_or_else(|| {
                Failure::new(
                    Kind::UnknownProperty,
                    format!("{} has no property {name}", or_object(&interface)),
                )
            })?;
            match row.settable() {
                Some(what) => set(call, what, value).await,
                None => Err(Failure::new(
                    Kind::PropertyReadOnly,
                    format!("property {name} cannot be set"),
                )),
            }
        }
        _ => Err(unknown(true, Some(PROPERTIES), member, "")),
    }
}

async fn set(call: Call, what: Settable, value: zbus::OwnedVariant) -> Outcome {
    let invalid = |message: String| Failure::new(Kind::InvalidArgs, message);
    let request = match what {
        Settable::LogLevel => {
            let word =
                String::try_from(value).map_err(|_| invalid("a text is wanted".to_owned()))?;
            let level = LogLevel::from_word(&word)
                .ok_or_else(|| invalid(format!("{word:?} is no level of a log")))?;
            Request::LogLevel(level)
        }
        Settable::LogTarget => {
            let word =
                String::try_from(value).map_err(|_| invalid("a text is wanted".to_owned()))?;
            Request::LogTarget(log_target(&word)?)
        }
        Settable::ServiceWatchdogs => {
            let counting =
                bool::try_from(value).map_err(|_| invalid("true or false is wanted".to_owned()))?;
            Request::Command(Command::ServiceWatchdogs(counting))
        }
    };
    match call.ask(request).await? {
        Reply::Done | Reply::Answer(Answer::Done) => call.reply(&()),
        other => Err(strange(&other)),
    }
}

/// Where own lines are to go, in systemd's words for it (systemd(1), `--log-target=`).
fn log_target(word: &str) -> Result<OwnLogTarget, Failure> {
    match word {
        "auto" => Ok(OwnLogTarget::AsStarted),
        "console" | "console-prefixed" => Ok(OwnLogTarget::Console),
        // What the journal does not take is said where we were started from, never to the kernel.
        "journal" | "journal-or-kmsg" => Ok(OwnLogTarget::Journal),
        "kmsg" | "syslog" | "syslog-or-kmsg" | "null" => Err(Failure::new(
            Kind::NotSupported,
            format!("own lines cannot go to {word}: the targets are journal, console and auto"),
        )),
        _ => {
            let message = format!(
                "{word:?} is no target of a log: the targets are journal, console and auto"
            );
            Err(Failure::new(Kind::InvalidArgs, message)
                .on_systemd(format!("Invalid log target '{word}'")))
        }
    }
}

/// The properties of these names that units of a kind have; all where none is named.
pub(super) fn properties_of(
    face: Face,
    kind: UnitKind,
    wanted: &[String],
) -> Vec<&'static Property> {
    let is_wanted =
        |row: &&Property| wanted.is_empty() || wanted.iter().any(|name| *name == row.name);
    interfaces_of(face, kind)
        .iter()
        .flat_map(|interface| properties::on(face, interface))
        .filter(is_wanted)
        .collect()
}

/// What `rows` say of a unit, without those the caller may not see.
pub(super) async fn values_of(
    call: &Call,
    unit: &UnitName,
    rows: &[&'static Property],
) -> Result<Dictionary<'static>, Failure> {
    let object = Object::Unit(unit.to_string());
    values(call, &object, rows).await.map(Dictionary)
}

fn or_object(interface: &str) -> &str {
    if interface.is_empty() {
        "the object"
    } else {
        interface
    }
}

/// The rows of one interface of an object, or of all of them if none is named.
fn rows(
    face: Face,
    interfaces: &[&str],
    interface: &str,
) -> Result<Vec<&'static Property>, Failure> {
    if interface.is_empty() {
        return Ok(interfaces
            .iter()
            .flat_map(|name| properties::on(face, name))
            .collect());
    }
    if let Some(own) = face.own_interface(interface)
        && interfaces.contains(&own)
    {
        return Ok(properties::on(face, own).collect());
    }
    // These are on every object, and have no properties.
    if [PEER, INTROSPECTABLE, PROPERTIES, MONITORING].contains(&interface) {
        return Ok(Vec::new());
    }
    Err(Failure::new(
        Kind::UnknownInterface,
        format!("no interface {interface} here"),
    ))
}

/// Names and values of `rows`, without those the caller may not see.
async fn values(
    call: &Call,
    object: &Object,
    rows: &[&'static Property],
) -> Result<Vec<(&'static str, Variant<'static>)>, Failure> {
    let standing = call.standing();
    let rows: Vec<&Property> = rows
        .iter()
        .copied()
        .filter(|row| row.access.allows(standing))
        .collect();
    let collect = |subject: Subject<'_>| {
        rows.iter()
            .filter_map(|row| Some((&*row.name, row.of(subject)?)))
            .collect()
    };
    match object {
        Object::Unit(name) => {
            let unit = object_unit(name)?;
            let mut detail = unit_detail(call, unit.clone()).await?;
            // Settings of a unit that is not there are what they would be where nobody sets them.
            let none = || Arc::new(Definition::not_found(unit.clone()));
            detail.view.definition.get_or_insert_with(none);
            let file = if rows.iter().any(|row| row.needs_file()) {
                match call.ask(Request::KnownUnitFile(unit.clone())).await? {
                    Reply::KnownUnitFile(file) => file,
                    other => return Err(strange(&other)),
                }
            } else {
                None
            };
            let look = rows.iter().any(|row| row.needs_look_at_files());
            let files_changed = look
                && match call.ask(Request::FilesChanged(unit.clone())).await? {
                    Reply::FilesChanged(changed) => changed,
                    other => return Err(strange(&other)),
                };
            let usage = if rows.iter().any(|row| row.needs_usage()) {
                match call.ask(Request::Usage(unit)).await? {
                    Reply::Usage(usage) => Some(usage),
                    other => return Err(strange(&other)),
                }
            } else {
                None
            };
            Ok(collect(Subject::Unit(&UnitFacts {
                face: call.face,
                detail,
                usage,
                file,
                files_changed,
            })))
        }
        Object::Manager | Object::LogControl => {
            Ok(collect(Subject::Manager(&manager(call).await?)))
        }
        Object::Job(number) => {
            let jobs = methods::jobs(call).await?;
            let job = jobs
                .iter()
                .find(|job| job.id.0 == *number)
                .ok_or_else(|| Failure::new(Kind::UnknownObject, format!("no job {number}")))?;
            Ok(collect(Subject::Job(job, call.face)))
        }
        Object::Bus | Object::Above(_) | Object::Units | Object::Jobs => Ok(Vec::new()),
    }
}

async fn manager(call: &Call) -> Result<Manager, Failure> {
    match call.ask(Request::Manager).await? {
        Reply::Manager(manager) => Ok(*manager),
        other => Err(strange(&other)),
    }
}
