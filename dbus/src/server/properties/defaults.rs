//! Settings of programs that have a value also where nobody wrote one: what programs get then.

use control::Defaults;
use units::value::Limit;
use units::{Definition, SettingId, Value};
use zbus::Variant;

use super::{Access, Emits, Getter, Property, UnitFacts, row, text};
use crate::names::interface::{SERVICE, SOCKET};

type Get = fn(&UnitFacts) -> Variant<'static>;

/// The best-effort class of ioprio_set(2) in its middle.
const USUAL_IO_PRIORITY: i32 = 4;

const ROWS: &[(&str, &str, &str, Get)] = &[
    (
        "Nice",
        "i",
        "Setting `nice`: the nice level of the commands; that of runnerd where nobody says",
        |u| {
            definition(u)
                .and_then(Definition::nice)
                .unwrap_or(defaults(u).nice)
                .into()
        },
    ),
    (
        "OOMScoreAdjust",
        "i",
        "Setting `oom-score-adjust`: how soon the kernel ends the commands when memory runs out; that of \
         runnerd where nobody says, and 0 where that is below",
        |u| {
            definition(u)
                .and_then(Definition::oom_score_adjust)
                .unwrap_or(defaults(u).oom_score_adjust)
                .into()
        },
    ),
    (
        "TimerSlackNSec",
        "t",
        "Setting `timer-slack-nsec`: by how much timers of the commands may be late, in nanoseconds",
        |u| {
            definition(u)
                .and_then(Definition::timer_slack_nsec)
                .map_or(defaults(u).timer_slack, |slack| slack.0)
                .into()
        },
    ),
    (
        "CoredumpFilter",
        "t",
        "Setting `coredump-filter`: which memory a core dump of the commands has, as bits",
        |u| {
            definition(u)
                .and_then(Definition::coredump_filter)
                .map_or(defaults(u).coredump_filter, |filter| filter.bits())
                .into()
        },
    ),
    (
        "IOSchedulingPriority",
        "i",
        "Setting `io-scheduling-priority`: the priority among those who compete for disks; 4 where nobody \
         says",
        |u| {
            definition(u)
                .and_then(Definition::io_scheduling_priority)
                .unwrap_or(USUAL_IO_PRIORITY)
                .into()
        },
    ),
    (
        "AmbientCapabilities",
        "t",
        "Setting `ambient-capabilities`: the capabilities that the commands keep without being root, as bits",
        |u| {
            definition(u)
                .map_or(0, |d| d.ambient_capabilities().bits())
                .into()
        },
    ),
    (
        "RestartKillSignal",
        "i",
        "Setting `restart-kill-signal`: the signal that asks the service to stop when it is to start again; \
         `kill-signal` where nobody says",
        |u| {
            definition(u)
                .map_or(0, |d| d.restart_kill_signal().number())
                .into()
        },
    ),
    (
        "KeyringMode",
        "s",
        "Setting `keyring-mode`: whose kernel keyring the commands see; `private`, for those of sockets \
         `shared`, where nobody says",
        |u| text(definition(u).map_or("", |d| d.keyring().as_str())),
    ),
];

pub(super) fn add(table: &mut Vec<Property>) {
    for interface in [SERVICE, SOCKET] {
        for (name, signature, doc, get) in ROWS {
            let marks = (Access::Detail, Emits::Silent);
            table.push(row(
                interface,
                (name, signature),
                marks,
                doc,
                Getter::Unit(*get),
            ));
        }
    }
}

/// The hard limit of a setting, and what programs have where nobody says.
pub(super) fn hard_limit(facts: &UnitFacts, id: SettingId) -> Variant<'static> {
    limit(facts, id).hard.into()
}

/// The soft limit of a setting, likewise.
pub(super) fn soft_limit(facts: &UnitFacts, id: SettingId) -> Variant<'static> {
    limit(facts, id).soft.into()
}

fn limit(facts: &UnitFacts, id: SettingId) -> Limit {
    match definition(facts).map(|definition| definition.value(id)) {
        Some(Value::Limit(limit)) => *limit,
        _ => defaults(facts).limit(id),
    }
}

fn defaults(facts: &UnitFacts) -> &Defaults {
    &facts.detail.defaults
}

fn definition(facts: &UnitFacts) -> Option<&Definition> {
    facts.detail.view.definition.as_deref()
}
