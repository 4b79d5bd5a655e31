//! The signal table, and changes on their way to becoming signals.

use control::{Caller, Change, Handle, Reply, Request, Word};
use engine::job::{JobId, JobResult};
use units::{UnitKind, UnitName};
use zbus::{Message, Variant};

use super::OWN_UNIQUE;
use super::methods::{Argument, arguments, object};
use super::properties::{self, Emits, Subject, UnitFacts};
use crate::names::Face;
use crate::names::interface::{
    MANAGER, PATH, PROPERTIES, SCOPE, SERVICE, SLICE, SOCKET, TARGET, TIMER, UNIT,
};
use crate::wire;

/// A row of the signal table.
#[derive(Debug)]
pub struct SignalRow {
    /// The interface it belongs to.
    pub interface: &'static str,
    /// Its name; systemd's where it means the same.
    pub name: &'static str,
    /// What it carries.
    pub arguments: &'static [Argument],
    /// When it is sent.
    pub doc: &'static str,
}

/// Every signal of ours, in the order it is documented.
pub static SIGNALS: &[SignalRow] = &[
    SignalRow {
        interface: MANAGER,
        name: "UnitMoved",
        arguments: arguments!(
            "seq": "t", "realtime_usec": "t", "unit": "s", "from_active": "s", "from_sub": "s",
            "to_active": "s", "to_sub": "s", "main_pid": "u", "cause": "s"
        ),
        doc: "A unit went from one state to another. Every step is told, in order and with a \
              number that counts up by one, over recoveries of the manager too",
    },
    SignalRow {
        interface: MANAGER,
        name: "JobNew",
        arguments: arguments!("id": "u", "job": "o", "unit": "s"),
        doc: "A job was queued",
    },
    SignalRow {
        interface: MANAGER,
        name: "JobRemoved",
        arguments: arguments!("id": "u", "job": "o", "unit": "s", "result": "s"),
        doc: "A job ended; the result as AwaitJob gives it",
    },
    SignalRow {
        interface: MANAGER,
        name: "UnitNew",
        arguments: arguments!("id": "s", "unit": "o"),
        doc: "A unit is known that was not before",
    },
    SignalRow {
        interface: MANAGER,
        name: "UnitRemoved",
        arguments: arguments!("id": "s", "unit": "o"),
        doc: "A unit is not known any more",
    },
    SignalRow {
        interface: MANAGER,
        name: "Reloading",
        arguments: arguments!("active": "b"),
        doc: "Unit files are being read again (true), or have been (false)",
    },
    SignalRow {
        interface: MANAGER,
        name: "UnitFilesChanged",
        arguments: arguments!(),
        doc: "Unit files were enabled, masked or otherwise changed by a client; they have yet to be \
              read again",
    },
    SignalRow {
        interface: MANAGER,
        name: "StartupFinished",
        arguments: arguments!(),
        doc: "Everything that starts at boot has been tried",
    },
];

/// The signals of an interface as a face has them.
pub(super) fn on(face: Face, interface: &str) -> impl Iterator<Item = &'static SignalRow> {
    let more = match face {
        Face::Runner => &[],
        Face::Systemd => SYSTEMD_SIGNALS,
    };
    // What only we say, and what systemd says at greater length.
    let other = ["UnitMoved", "StartupFinished"];
    of_interface(interface)
        .filter(move |row| face == Face::Runner || !other.contains(&row.name))
        .chain(more.iter().filter(move |row| row.interface == interface))
}

/// The signals that systemd has with other arguments.
static SYSTEMD_SIGNALS: &[SignalRow] = &[SignalRow {
    interface: MANAGER,
    name: "StartupFinished",
    arguments: arguments!(
        "firmware": "t", "loader": "t", "kernel": "t", "initrd": "t", "userspace": "t",
        "total": "t"
    ),
    doc: "Everything that starts at boot has been tried; how long that took, in microseconds",
}];

/// The signals of an interface of ours.
pub fn of_interface(interface: &str) -> impl Iterator<Item = &'static SignalRow> {
    SIGNALS
        .iter()
        .filter(move |signal| signal.interface == interface)
}

/// What match rules look at: a signal without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signal {
    pub(crate) path: String,
    pub(crate) interface: &'static str,
    pub(crate) member: &'static str,
    pub(crate) arg0: Option<String>,
}

impl Signal {
    fn manager(face: Face, member: &'static str, arg0: Option<&UnitName>) -> Signal {
        Signal {
            path: face.root().to_owned(),
            interface: face.interface(MANAGER),
            member,
            arg0: arg0.map(ToString::to_string),
        }
    }

    fn builder(&self) -> zbus::message::Builder<'_> {
        Message::signal(self.path.as_str(), self.interface, self.member).sender(OWN_UNIQUE)
    }

    fn build<B: serde::Serialize + zbus::wire::DynamicType>(&self, body: &B) -> Option<Message> {
        self.builder().build(body).ok()
    }
}

/// The interfaces of a unit of this kind, the particular one first: so `PropertiesChanged` comes
/// in systemd's order.
pub(super) fn interfaces_of(face: Face, kind: UnitKind) -> &'static [&'static str] {
    match kind {
        UnitKind::Target if face == Face::Systemd => &[TARGET, UNIT],
        UnitKind::Slice if face == Face::Systemd => &[SLICE, UNIT],
        UnitKind::Scope if face == Face::Systemd => &[SCOPE, UNIT],
        UnitKind::Service => &[SERVICE, UNIT],
        UnitKind::Socket => &[SOCKET, UNIT],
        UnitKind::Timer => &[TIMER, UNIT],
        UnitKind::Path => &[PATH, UNIT],
        _ => &[UNIT],
    }
}

/// The signals that tell of `change`, without their bodies.
pub(super) fn heads(face: Face, change: &Change) -> Vec<Signal> {
    match change {
        Change::Moved(_) if face == Face::Systemd => Vec::new(),
        Change::Moved(_) => vec![Signal::manager(face, "UnitMoved", None)],
        Change::JobNew { .. } => vec![Signal::manager(face, "JobNew", None)],
        Change::JobRemoved { .. } => vec![Signal::manager(face, "JobRemoved", None)],
        Change::UnitNew(unit) => vec![Signal::manager(face, "UnitNew", Some(unit))],
        Change::UnitRemoved(unit) => vec![Signal::manager(face, "UnitRemoved", Some(unit))],
        Change::Reloading(_) => vec![Signal::manager(face, "Reloading", None)],
        Change::UnitFilesChanged => vec![Signal::manager(face, "UnitFilesChanged", None)],
        Change::StartupFinished => vec![Signal::manager(face, "StartupFinished", None)],
        // Nobody on D-Bus knows groups, and a closing one sees by its jobs.
        Change::ProcessStarted { .. }
        | Change::GroupAdded(_)
        | Change::GroupRemoved(_)
        | Change::Closing { .. } => Vec::new(),
        Change::Properties(unit) => interfaces_of(face, unit.kind())
            .iter()
            .map(|interface| Signal {
                path: face.unit_path(unit.as_str()),
                interface: PROPERTIES,
                member: "PropertiesChanged",
                arg0: Some(face.interface(interface).to_owned()),
            })
            .collect(),
    }
}

/// The messages for those of `wanted` heads of `change`, as `caller` may see them.
pub(super) async fn messages(
    face: Face,
    change: &Change,
    wanted: &[Signal],
    handle: &Handle,
    caller: &Caller,
) -> Vec<Message> {
    let Some(first) = wanted.first() else {
        return Vec::new();
    };
    let one = match change {
        Change::Moved(moved) => first.build(&wire::Moved {
            seq: moved.seq,
            realtime_usec: moved.at.realtime.0,
            unit: moved.unit.to_string(),
            from_active: moved.from.0.word().to_owned(),
            from_sub: moved.from.1.word().to_owned(),
            to_active: moved.to.0.word().to_owned(),
            to_sub: moved.to.1.word().to_owned(),
            main_pid: moved.pid.unwrap_or(0),
            cause: moved.cause.replace('\0', "\u{fffd}"),
        }),
        Change::JobNew { job, unit, .. } => {
            first.build(&(job.0, object(face.job_path(job.0)), unit.as_str()))
        }
        Change::JobRemoved { job, unit, result } => first.build(&(
            job.0,
            object(face.job_path(job.0)),
            unit.as_str(),
            result.word(),
        )),
        Change::UnitNew(unit) | Change::UnitRemoved(unit) => {
            first.build(&(unit.as_str(), object(face.unit_path(unit.as_str()))))
        }
        Change::Reloading(active) => first.build(active),
        // Firmware, loader, kernel and initial disk took no time of ours.
        Change::StartupFinished if face == Face::Systemd => {
            let took = boot_time(handle, caller).await;
            first.build(&(0u64, 0u64, 0u64, 0u64, took, took))
        }
        Change::StartupFinished
        | Change::UnitFilesChanged
        | Change::ProcessStarted { .. }
        | Change::GroupAdded(_)
        | Change::GroupRemoved(_)
        | Change::Closing { .. } => first.build(&()),
        Change::Properties(unit) => {
            return properties_changed(face, unit, wanted, handle, caller).await;
        }
    };
    one.into_iter().collect()
}

/// `JobNew` for one connection alone: the one that queued the job.
pub(super) fn job_new(face: Face, job: JobId, unit: &UnitName, to: &str) -> Option<Message> {
    Signal::manager(face, "JobNew", None)
        .builder()
        .destination(to)
        .build(&(job.0, object(face.job_path(job.0)), unit.as_str()))
        .ok()
}

/// `JobRemoved` for one connection alone.
pub(super) fn job_removed(
    face: Face,
    job: JobId,
    unit: &UnitName,
    result: JobResult,
    to: &str,
) -> Option<Message> {
    let path = object(face.job_path(job.0));
    Signal::manager(face, "JobRemoved", None)
        .builder()
        .destination(to)
        .build(&(job.0, path, unit.as_str(), result.word()))
        .ok()
}

/// How long everything that starts at boot took, in microseconds; 0 while that is not known.
async fn boot_time(handle: &Handle, caller: &Caller) -> u64 {
    match handle.ask(caller.clone(), Request::Manager).await {
        Ok(Reply::Manager(manager)) => manager.startup.finished.map_or(0, |finished| {
            let (from, to) = (manager.started.monotonic.0, finished.monotonic.0);
            to.saturating_sub(from)
        }),
        _ => 0,
    }
}

async fn properties_changed(
    face: Face,
    unit: &UnitName,
    wanted: &[Signal],
    handle: &Handle,
    caller: &Caller,
) -> Vec<Message> {
    // A unit that is gone again meanwhile has nothing to tell.
    let Ok(Reply::Unit(detail)) = handle
        .ask(caller.clone(), Request::Unit(unit.clone()))
        .await
    else {
        return Vec::new();
    };
    let standing = handle.standing(caller);
    let facts = UnitFacts {
        face,
        detail: *detail,
        usage: None,
        file: None,
        files_changed: false,
    };
    let mut messages = Vec::new();
    for signal in wanted {
        let Some(interface) = signal.arg0.as_deref() else {
            continue;
        };
        let Some(own) = face.own_interface(interface) else {
            continue;
        };
        let changed: Vec<(&str, Variant<'static>)> = properties::on(face, own)
            .filter(|row| row.emits == Emits::Change && row.access.allows(standing))
            .filter_map(|row| Some((&*row.name, row.of(Subject::Unit(&facts))?)))
            .collect();
        // What has no properties has nothing to tell of them.
        if changed.is_empty() {
            continue;
        }
        let invalidated: &[&str] = &[];
        messages.extend(signal.build(&(interface, Dictionary(changed), invalidated)));
    }
    messages
}

/// Names and values as `a{sv}`, in the order given.
#[derive(Debug)]
pub(super) struct Dictionary<'a>(pub(super) Vec<(&'a str, Variant<'static>)>);

impl zbus::Type for Dictionary<'_> {
    const SIGNATURE: &'static zbus::Signature =
        <std::collections::BTreeMap<String, Variant<'static>> as zbus::Type>::SIGNATURE;
}

impl serde::Serialize for Dictionary<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
