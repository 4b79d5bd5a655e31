//! The property table: one row per property, and everything about it. `Get`, `GetAll`,
//! introspection, `PropertiesChanged`, `runnerctl show` and the man page all come from it.

mod commands;
mod defaults;
mod job;
mod manager;
mod path;
mod scope;
mod service;
mod setting;
mod slice;
mod socket;
mod systemd;
mod timer;
mod unit;

use std::borrow::Cow;
use std::sync::LazyLock;

pub(super) use service::exit_code_and_status;

use control::{Manager, Standing, UnitDetail, Usage};
use engine::clock::Now;
use engine::view::systemd::JobView;

use crate::names::Face;
use crate::names::interface::{LOG_CONTROL, MANAGER};
use units::SettingId;
use units::install::{Preset, State};
use zbus::Variant;

/// One row.
#[derive(Debug)]
pub struct Property {
    /// The interface it belongs to.
    pub interface: &'static str,
    /// Its name; systemd's where it means the same.
    pub name: Cow<'static, str>,
    /// Its D-Bus type.
    pub signature: &'static str,
    /// Who may read it.
    pub access: Access,
    /// Whether `PropertiesChanged` tells of it.
    pub emits: Emits,
    /// What it is: a sentence or two without a final period.
    pub doc: Cow<'static, str>,
    pub(super) getter: Getter,
}

/// Who may read a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody: it is part of a state.
    State,
    /// Administrators: it may show command lines, environments or what a program says.
    Detail,
}

impl Access {
    /// Whether somebody of this standing may.
    #[must_use]
    pub fn allows(self, standing: Standing) -> bool {
        match self {
            Access::State => true,
            Access::Detail => standing >= Standing::Administrator,
        }
    }
}

/// What setting a property sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settable {
    /// From which level on the daemon's own events are looked at.
    LogLevel,
    /// Where the daemon's own lines go.
    LogTarget,
    /// Whether services that miss their watchdog are ended.
    ServiceWatchdogs,
}

/// What `org.freedesktop.DBus.Property.EmitsChangedSignal` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emits {
    /// `PropertiesChanged` carries the new value.
    Change,
    /// It is never another one for the same object.
    Const,
    /// It changes and nobody is told: counters of the kernel, and settings, which change at a
    /// reload of all definitions only.
    Silent,
}

impl Emits {
    /// The annotation's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Emits::Change => "true",
            Emits::Const => "const",
            Emits::Silent => "false",
        }
    }
}

/// All there is to know about a unit.
#[derive(Debug)]
pub(super) struct UnitFacts {
    /// How things are named to who asks.
    pub(super) face: Face,
    pub(super) detail: UnitDetail,
    /// Asked for only where a property needs it and the caller may.
    pub(super) usage: Option<Usage>,
    /// Asked for only where a property needs it. None also for a unit without a file.
    pub(super) file: Option<(State, Preset)>,
    /// Whether its files were changed since they were read. Asked for only where a property needs it.
    pub(super) files_changed: bool,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Getter {
    /// What is known of a unit.
    Unit(fn(&UnitFacts) -> Variant<'static>),
    /// What the unit uses at the moment.
    Usage(fn(&Usage) -> Variant<'static>),
    /// What is known of a unit, and whether its files were changed.
    Files(fn(&UnitFacts) -> Variant<'static>),
    /// Whether the unit is enabled.
    File(fn(State, Preset) -> &'static str),
    /// A setting of the unit's definition.
    Setting(SettingId),
    /// The commands of a setting, with what became of them.
    Commands(SettingId),
    /// The same with their prefixes.
    CommandsWithFlags(SettingId),
    /// The hard limit of a setting.
    HardLimit(SettingId),
    /// The soft limit of a setting.
    SoftLimit(SettingId),
    /// The manager.
    Manager(fn(&Manager) -> Variant<'static>),
    /// A job.
    Job(fn(&JobView, Face) -> Variant<'static>),
    /// Nothing: what is always the same, since there is no such thing here.
    Fixed(fn() -> Variant<'static>),
}

/// What is asked for its properties.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject<'a> {
    Unit(&'a UnitFacts),
    Manager(&'a Manager),
    Job(&'a JobView, Face),
}

impl Property {
    /// The value for `subject`; `None` if the property is none of it, or what it tells is not known
    /// to us because the caller may not ask.
    pub(super) fn of(&self, subject: Subject<'_>) -> Option<Variant<'static>> {
        match (self.getter, subject) {
            (Getter::Unit(get) | Getter::Files(get), Subject::Unit(facts)) => Some(get(facts)),
            (Getter::Usage(get), Subject::Unit(facts)) => facts.usage.as_ref().map(get),
            (Getter::File(get), Subject::Unit(facts)) => {
                let word = facts.file.map_or("", |(state, preset)| get(state, preset));
                Some(text(word))
            }
            (Getter::Setting(id), Subject::Unit(facts)) => {
                Some(setting::value(facts.detail.view.definition.as_deref(), id))
            }
            (Getter::Commands(id), Subject::Unit(facts)) => Some(commands::value(facts, id)),
            (Getter::CommandsWithFlags(id), Subject::Unit(facts)) => {
                Some(commands::with_flags(facts, id))
            }
            (Getter::HardLimit(id), Subject::Unit(facts)) => Some(defaults::hard_limit(facts, id)),
            (Getter::SoftLimit(id), Subject::Unit(facts)) => Some(defaults::soft_limit(facts, id)),
            (Getter::Manager(get), Subject::Manager(manager)) => Some(get(manager)),
            (Getter::Job(get), Subject::Job(job, face)) => Some(get(job, face)),
            (Getter::Fixed(get), _) => Some(get()),
            _ => None,
        }
    }

    /// What is set where it can be set.
    #[must_use]
    pub fn settable(&self) -> Option<Settable> {
        match (self.interface, &*self.name) {
            (MANAGER | LOG_CONTROL, "LogLevel") => Some(Settable::LogLevel),
            (MANAGER | LOG_CONTROL, "LogTarget") => Some(Settable::LogTarget),
            (MANAGER, "ServiceWatchdogs") => Some(Settable::ServiceWatchdogs),
            _ => None,
        }
    }

    /// Whether the unit's file has to be asked for.
    pub(super) fn needs_file(&self) -> bool {
        matches!(self.getter, Getter::File(_))
    }

    /// Whether the unit's files have to be looked at.
    pub(super) fn needs_look_at_files(&self) -> bool {
        matches!(self.getter, Getter::Files(_))
    }

    /// Whether the kernel has to be asked for it.
    pub(super) fn needs_usage(&self) -> bool {
        matches!(self.getter, Getter::Usage(_))
    }
}

/// Every property, grouped by interface, settings after the others.
pub fn all() -> &'static [Property] {
    static ALL: LazyLock<Vec<Property>> = LazyLock::new(|| {
        let mut table = Vec::new();
        manager::add(&mut table);
        unit::add(&mut table);
        service::add(&mut table);
        socket::add(&mut table);
        timer::add(&mut table);
        path::add(&mut table);
        job::add(&mut table);
        defaults::add(&mut table);
        slice::add(&mut table);
        setting::add(&mut table);
        // Stable: within an interface the order of documentation stays.
        let mut order: Vec<&'static str> = Vec::new();
        for property in &table {
            if !order.contains(&property.interface) {
                order.push(property.interface);
            }
        }
        units::sort::by_key(&mut table, |property| {
            order.iter().position(|known| *known == property.interface)
        });
        table
    });
    &ALL
}

/// The properties of an interface as a face has them: on systemd's, what systemd does not know is
/// left out, and what only systemd says is there.
pub(super) fn on(face: Face, interface: &str) -> impl Iterator<Item = &'static Property> {
    /// What systemd knows of ours is found by looking through tables, so it is found once.
    static SYSTEMD: LazyLock<Vec<&Property>> = LazyLock::new(|| {
        let known = all().iter().filter(|row| systemd::knows(row));
        known.chain(systemd::rows()).collect()
    });
    static RUNNER: LazyLock<Vec<&Property>> = LazyLock::new(|| all().iter().collect());
    let table = match face {
        Face::Runner => &RUNNER,
        Face::Systemd => &SYSTEMD,
    };
    let rows = table.iter().copied();
    rows.filter(move |row| row.interface == interface)
}

/// The properties of an interface of ours.
pub fn of_interface(interface: &str) -> impl Iterator<Item = &'static Property> {
    all()
        .iter()
        .filter(move |property| property.interface == interface)
}

/// A row whose values come from code.
fn row(
    interface: &'static str,
    (name, signature): (&'static str, &'static str),
    (access, emits): (Access, Emits),
    doc: &'static str,
    getter: Getter,
) -> Property {
    Property {
        interface,
        name: Cow::Borrowed(name),
        signature,
        access,
        emits,
        doc: Cow::Borrowed(doc),
        getter,
    }
}

/// Microseconds since the epoch, 0 for never.
fn realtime(at: Option<Now>) -> Variant<'static> {
    Variant::from(at.map_or(0, |at| at.realtime.0))
}

/// Microseconds on the monotonic clock, 0 for never.
fn monotonic(at: Option<Now>) -> Variant<'static> {
    Variant::from(at.map_or(0, |at| at.monotonic.0))
}

/// The unit that a timer or path starts; empty where there is none.
fn triggered(facts: &UnitFacts) -> String {
    let definition = facts.detail.view.definition.as_ref();
    let unit = definition.and_then(|definition| definition.triggered_unit());
    unit.map(|unit| unit.to_string()).unwrap_or_default()
}

/// A text.
fn text(text: impl AsRef<str>) -> Variant<'static> {
    // D-Bus strings cannot hold NUL; nothing of ours does, but a program's status text might.
    Variant::from(text.as_ref().replace('\0', "\u{fffd}"))
}

/// A list of texts.
fn texts<T: ToString>(texts: impl IntoIterator<Item = T>) -> Variant<'static> {
    Variant::from(
        texts
            .into_iter()
            .map(|text| text.to_string())
            .collect::<Vec<String>>(),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_is_whole() {
        let mut names = BTreeSet::new();
        for property in all() {
            let name = format!("{}.{}", property.interface, property.name);
            assert!(names.insert(name.clone()), "{name} stands twice");
            assert!(property.doc.len() > 5, "{name} has no documentation");
            assert!(!property.doc.ends_with('.'), "{name}: final period");
            assert!(
                zbus::Signature::try_from(property.signature).is_ok(),
                "{name}"
            );
            assert!(
                property.name.chars().all(|c| c.is_ascii_alphanumeric()),
                "{name} cannot be a D-Bus name"
            );
        }
    }
}
