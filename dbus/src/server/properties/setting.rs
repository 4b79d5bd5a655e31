//! Settings as properties: derived from the settings table, name, type and documentation.

use std::borrow::Cow;

use units::settings::{self, Section, Setting};
use units::value::{MemoryLimit, OpenFile, OpenMode, Span};
use units::{Definition, SettingId, UnitKind, Value};
use zbus::Variant;

use super::{Access, Emits, Getter, Property, commands, text, texts};
use crate::names::interface::{PATH, SERVICE, SOCKET, TIMER, UNIT};

/// Settings whose D-Bus name in systemd does not follow from their name in a file.
const RENAMED: &[(SettingId, &str)] = &[(SettingId::EnvironmentFile, "EnvironmentFiles")];

/// Adds every setting that has no row yet: a row made by hand knows better, since it tells the
/// value in force where that is not the one written.
pub(super) fn add(table: &mut Vec<Property>) {
    for setting in settings::all() {
        for (interface, access) in homes(setting) {
            let name = name(setting);
            // Several settings in a file are one list here: `Listen`, `Paths`, `TimersMonotonic`.
            let is_part = match interface {
                SOCKET => name.starts_with("Listen"),
                PATH => setting.value.name == "list of paths",
                TIMER => setting.is_list(),
                _ => false,
            };
            let has_row = |row: &Property| row.interface == interface && row.name == name;
            if is_part || table.iter().any(has_row) {
                continue;
            }
            table.push(Property {
                interface,
                name: Cow::Owned(name),
                signature: signature(setting),
                access,
                emits: Emits::Silent,
                doc: Cow::Owned(format!("Setting `{}`: {}", setting.key, setting.summary())),
                getter: match setting.value.name {
                    "commands" => Getter::Commands(setting.id),
                    "resource limit" => Getter::HardLimit(setting.id),
                    _ => Getter::Setting(setting.id),
                },
            });
        }
    }
}

/// The interfaces a setting is a property of, and who may see it. None has the settings of
/// `[install]`: what an installation did is told by the dependencies it led to.
fn homes(setting: &Setting) -> Vec<(&'static str, Access)> {
    // All of them together are one property: `Conditions`, or `Asserts`.
    if setting.value.name == "list of conditions" {
        return Vec::new();
    }
    if setting.sections.contains(&Section::Unit) {
        return vec![(UNIT, Access::State)];
    }
    let kinds = [
        (UnitKind::Service, SERVICE),
        (UnitKind::Socket, SOCKET),
        (UnitKind::Timer, TIMER),
        (UnitKind::Path, PATH),
    ];
    kinds
        .into_iter()
        .filter(|(kind, _)| setting.is_in_table_of(*kind))
        .map(|(_, interface)| (interface, Access::Detail))
        .collect()
}

/// systemd's D-Bus name, or what it would be.
fn name(setting: &Setting) -> String {
    if let Some((_, name)) = RENAMED.iter().find(|(id, _)| *id == setting.id) {
        return (*name).to_owned();
    }
    let name = match setting.systemd {
        Some(name) => name.to_owned(),
        None => setting
            .key
            .split('-')
            .flat_map(|word| {
                let mut letters = word.chars();
                letters
                    .next()
                    .map(|first| first.to_ascii_uppercase())
                    .into_iter()
                    .chain(letters)
            })
            .collect(),
    };
    // Time spans travel in microseconds, and say so.
    match name.strip_suffix("Sec") {
        Some(stem) if setting.value.name == "time span" => format!("{stem}USec"),
        _ => name,
    }
}

/// The D-Bus type of a setting's values.
fn signature(setting: &Setting) -> &'static str {
    match setting.value.name {
        "yes or no" => "b",
        "number" | "access mode" => "u",
        "time span" | "size" | "resource limit" => "t",
        "signal" | "whole number" | "exit status" => "i",
        "capabilities" | "core dump filter" | "time in nanoseconds" => "t",
        "secure bits"
        | "list of processors"
        | "list of memory nodes"
        | "lines of text"
        | "bytes in Base64" => "s",
        "exit codes and signals" => "(aiai)",
        "commands" => commands::SIGNATURE,
        "list of files" => "a(sb)",
        "files to open" => "a(sst)",
        _ if setting.is_list() => "as",
        _ => "s",
    }
}

/// The value of a setting in `definition`, or what stands for "nothing" in its type.
pub(super) fn value(definition: Option<&Definition>, id: SettingId) -> Variant<'static> {
    let unset = Value::Nothing;
    let value = definition.map_or(&unset, |definition| definition.value(id));
    match value {
        // As systemd: no status is set.
        Value::Nothing if id.row().value.name == "exit status" => (-1i32).into(),
        Value::Nothing => nothing(signature(id.row())),
        Value::Text(value) => text(value),
        Value::Texts(values) => texts(values.iter()),
        Value::Flag(value) => (*value).into(),
        Value::Count(value) => (*value).into(),
        Value::Integer(value) => (*value).into(),
        Value::LogFile(value) => text(value.to_string()),
        Value::Span(value) => micros(*value).into(),
        Value::Spans(values) => texts(values.iter()),
        Value::Calendars(values) => texts(values.iter()),
        Value::Size(value) => value.as_bytes().into(),
        // A share is resolved when the service starts; the row by hand tells what is in force.
        Value::Memory(MemoryLimit::Bytes(value)) => value.as_bytes().into(),
        Value::Memory(MemoryLimit::Share(_)) => u64::MAX.into(),
        Value::Mode(value) => value.bits().into(),
        Value::Signal(value) => value.number().into(),
        Value::Exits(value) => {
            let codes: Vec<i32> = value.codes().iter().copied().map(i32::from).collect();
            let signals: Vec<i32> = value.signals().iter().map(|s| s.number()).collect();
            Variant::new((codes, signals))
        }
        Value::Limit(value) => value.hard.into(),
        Value::Name(value) => text(value),
        Value::Names(values) => texts(values.iter()),
        // They have a getter of their own.
        Value::Commands(_) => commands::none(),
        Value::Assignments(values) => texts(
            values
                .iter()
                .map(|set| format!("{}={}", set.name, set.value)),
        ),
        Value::EnvironmentFiles(values) => {
            let files: Vec<(String, bool)> = values
                .iter()
                .map(|file| (file.path.to_string(), file.optional))
                .collect();
            Variant::from(files)
        }
        Value::OpenFiles(values) => {
            let files: Vec<(String, String, u64)> = values.iter().map(open_file).collect();
            Variant::from(files)
        }
        Value::Directory(value) => text(value.to_string()),
        Value::Output(value) => text(value.to_string()),
        Value::Input(value) => text(value.to_string()),
        Value::Owner(value) => text(value.to_string()),
        Value::Word(value) => text(value),
        Value::Probe(value) => text(value.to_string()),
        Value::Addresses(values) => texts(values.iter()),
        Value::Conditions(values) => texts(values.iter()),
        Value::Capabilities(value) => value.bits().into(),
        Value::SecureBits(value) => text(value.to_string()),
        Value::Cpus(value) => text(value.to_string()),
        Value::CoredumpFilter(value) => value.bits().into(),
        Value::Nanoseconds(value) => value.0.into(),
        Value::OwnDirectories(values) => texts(values.iter()),
        Value::LoadedCredentials(values) => texts(values.iter()),
        // Secrets are nobody's business: their names are.
        Value::SetCredentials(values) => texts(values.iter().map(|set| &set.id)),
        Value::InputText(value) => text(value.to_string()),
        Value::InputData(value) => text(value.to_string()),
    }
}

/// What stands for "unset" in a type; numbers without a limit are the highest there is.
fn nothing(signature: &str) -> Variant<'static> {
    match signature {
        "b" => false.into(),
        "u" => 0u32.into(),
        "t" => u64::MAX.into(),
        "i" => 0i32.into(),
        "as" => texts::<String>([]),
        "(aiai)" => Variant::new((Vec::<i32>::new(), Vec::<i32>::new())),
        commands::SIGNATURE => commands::none(),
        "a(sb)" => Variant::from(Vec::<(String, bool)>::new()),
        "a(sst)" => Variant::from(Vec::<(String, String, u64)>::new()),
        _ => text(""),
    }
}

/// As systemd's `OpenFile` has it: the options are bits.
fn open_file(file: &OpenFile) -> (String, String, u64) {
    let mode = match file.mode {
        OpenMode::Both => 0,
        OpenMode::ReadOnly => 1,
        OpenMode::Append => 2,
        OpenMode::Truncate => 4,
    };
    let flags = mode + if file.graceful { 8 } else { 0 };
    (file.path.to_string(), file.name.to_string(), flags)
}

pub(super) fn micros(span: Span) -> u64 {
    span.as_micros()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use units::UnitName;

    use super::*;
    use crate::server::properties;

    #[test]
    fn names_are_systemds() {
        let names: BTreeMap<&str, String> = settings::all()
            .map(|setting| (setting.key, name(setting)))
            .collect();
        for (key, expected) in [
            ("restart-sec", "RestartUSec"),
            ("umask", "UMask"),
            ("pid-file", "PIDFile"),
            ("exec-start", "ExecStart"),
            ("environment-file", "EnvironmentFiles"),
            ("log-file", "LogFile"),
            ("start-limit-interval-sec", "StartLimitIntervalUSec"),
        ] {
            assert_eq!(names[key], expected);
        }
    }

    #[test]
    fn values_have_the_type_the_table_says() {
        let empty = Definition::not_found(UnitName::parse("a.service").unwrap());
        for row in properties::all() {
            let Getter::Setting(id) = row.getter else {
                continue;
            };
            for definition in [None, Some(&empty)] {
                let value = value(definition, id);
                assert_eq!(
                    value.value_signature().to_string(),
                    row.signature,
                    "{} of {definition:?}",
                    row.name
                );
            }
        }
    }
}
