//! Properties of scopes, which are on systemd's face only.

use control::{Usage, Word};
use units::SettingId;
use zbus::Variant;

use super::systemd::DOC;
use super::{Access, Emits, Getter, Property, row, text};
use crate::names::interface::SCOPE;

/// What a scope may be told, by systemd's names.
const SETTINGS: [(&str, &str, SettingId); 6] = [
    ("KillMode", "s", SettingId::KillMode),
    ("KillSignal", "i", SettingId::KillSignal),
    ("SendSIGHUP", "b", SettingId::SendSighup),
    ("SendSIGKILL", "b", SettingId::SendSigkill),
    ("RuntimeMaxUSec", "t", SettingId::RuntimeMaxSec),
    ("TimeoutStopUSec", "t", SettingId::TimeoutStopSec),
];

type Count = fn(&Usage) -> Variant<'static>;

/// What the kernel counts.
const COUNTED: [(&str, Count); 3] = [
    ("MemoryCurrent", |usage| known(usage.memory_current)),
    ("TasksCurrent", |usage| known(usage.tasks_current)),
    ("CPUUsageNSec", |usage| known(usage.cpu_usage_nsec)),
];

fn known(count: Option<u64>) -> Variant<'static> {
    count.unwrap_or(u64::MAX).into()
}

pub(super) fn add(table: &mut Vec<Property>) {
    let mut add = |name_and_type, emits, getter| {
        table.push(row(
            SCOPE,
            name_and_type,
            (Access::Detail, emits),
            DOC,
            getter,
        ));
    };
    for (name, signature, id) in SETTINGS {
        add((name, signature), Emits::Silent, Getter::Setting(id));
    }
    for (name, get) in COUNTED {
        add((name, "t"), Emits::Silent, Getter::Usage(get));
    }
    let result = Getter::Unit(|u| text(u.detail.view.result.word()));
    add(("Result", "s"), Emits::Change, result);
    let group = Getter::Unit(|u| text(u.detail.control_group.as_deref().unwrap_or_default()));
    add(("ControlGroup", "s"), Emits::Silent, group);
}
