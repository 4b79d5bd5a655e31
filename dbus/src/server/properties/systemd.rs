//! The properties as systemd 252 has them: which of ours it knows, those it types otherwise, and
//! those only it has.

use std::borrow::Cow;
use std::sync::LazyLock;

use control::words::load_state;
use units::settings;
use units::value::{CpuSet, LogLevel, Output};
use units::{Definition, SettingId, Value};
use zbus::Variant;

use super::{Access, Emits, Getter, Property, UnitFacts, all, commands, row, text, texts};
use crate::error::Kind;
use crate::names::interface::{
    JOB, LOG_CONTROL, MANAGER, SCOPE, SERVICE, SLICE, SOCKET, TIMER, UNIT,
};

/// Ours, of which systemd knows nothing, or nothing yet. Settings that no unit file of systemd's
/// can have need no row.
const OURS: &[(&str, &[&str])] = &[
    (
        MANAGER,
        &[
            "RuntimeDirectory",
            "KeeperPID",
            "ManagerPID",
            "Recoveries",
            "SafeMode",
            "NotReady",
        ],
    ),
    (UNIT, &["Diagnostics", "WantsMountsFor"]),
    (
        SERVICE,
        &[
            "StatusBusError",
            "StatusVarlinkError",
            "Failure",
            "ReadyProbeResult",
            "NextRestartUSecMonotonic",
            "NotifySocket",
            "ReloadSignal",
            "RestartMode",
            "RestartSteps",
            "RestartMaxDelayUSec",
            "OpenFile",
            "FileDescriptorStorePreserve",
            // Elsewhere: among the dependencies, in the flags of commands, in the data.
            "Sockets",
            "PermissionsStartOnly",
            "StandardInputText",
        ],
    ),
    (
        SOCKET,
        &[
            "Listening",
            "PollLimitBurst",
            "PollLimitIntervalUSec",
            "AcceptFileDescriptors",
            "PassFileDescriptorsToExec",
            "PassPIDFD",
            "Service",
            "StandardInputText",
        ],
    ),
    (TIMER, &["DeferReactivation"]),
    (JOB, &["JobMode", "WaitsFor"]),
];

/// Whether systemd has a property of this name and type.
pub(super) fn knows(property: &Property) -> bool {
    if let Getter::Setting(id) = property.getter
        && settings::all().any(|setting| setting.id == id && setting.systemd.is_none())
    {
        return false;
    }
    let ours = OURS.iter().any(|(interface, names)| {
        *interface == property.interface && names.contains(&&*property.name)
    });
    let other_type = TYPED_OTHERWISE.iter().any(|(name, ..)| {
        [SERVICE, SOCKET].contains(&property.interface) && *name == property.name
    });
    !ours && !other_type
}

type Get = fn(&UnitFacts) -> Variant<'static>;

/// Settings of programs whose value systemd gives in another way: words as the kernel's numbers,
/// lists as bits or bytes, several settings as one.
const TYPED_OTHERWISE: &[(&str, &str, Get)] = &[
    ("LoadCredential", "a(ss)", |u| {
        let all = definition(u).map_or(&[][..], Definition::load_credential);
        let pair = |one: &units::value::LoadedCredential| {
            let from = one.path.as_ref().or(one.received_as.as_ref());
            (
                one.id.to_string(),
                from.map(ToString::to_string).unwrap_or_default(),
            )
        };
        Variant::from(all.iter().map(pair).collect::<Vec<(String, String)>>())
    }),
    // Secrets are nobody's business: their names are.
    ("SetCredential", "a(say)", |u| {
        let all = definition(u).map_or(&[][..], Definition::set_credential);
        let names = all.iter().map(|one| (one.id.to_string(), Vec::new()));
        Variant::from(names.collect::<Vec<(String, Vec<u8>)>>())
    }),
    ("StandardInputData", "ay", |u| {
        let bytes = definition(u).map_or(&[][..], Definition::standard_input_data);
        Variant::from(bytes.to_vec())
    }),
    ("TTYRows", "q", |u| {
        size_of_terminal(definition(u).and_then(Definition::tty_rows))
    }),
    ("TTYColumns", "q", |u| {
        size_of_terminal(definition(u).and_then(Definition::tty_columns))
    }),
    ("SyslogFacility", "i", |u| {
        definition(u)
            .map_or(0, |d| i32::from(d.syslog_facility().number()))
            .into()
    }),
    ("SyslogLevel", "i", |u| {
        definition(u)
            .map_or(0, |d| i32::from(d.syslog_level().number()))
            .into()
    }),
    // Both in the kernel's number.
    ("SyslogPriority", "i", |u| {
        definition(u)
            .map_or(0, |d| {
                i32::from(d.syslog_facility().number()) << 3 | i32::from(d.syslog_level().number())
            })
            .into()
    }),
    // Paths and names of descriptors are not told there.
    ("StandardInput", "s", |u| {
        let input = definition(u).map(|d| d.standard_input().to_string());
        text(first_word(input.as_deref().unwrap_or_default()))
    }),
    ("StandardOutput", "s", |u| {
        output(
            definition(u).and_then(Definition::standard_output),
            "journal",
        )
    }),
    ("StandardError", "s", |u| {
        output(
            definition(u).and_then(Definition::standard_error),
            "inherit",
        )
    }),
    ("StandardInputFileDescriptorName", "s", |u| {
        let input = definition(u).map(|d| d.standard_input().to_string());
        text(descriptor_name(input.as_deref().unwrap_or_default()))
    }),
    ("StandardOutputFileDescriptorName", "s", |u| {
        let output = definition(u).and_then(Definition::standard_output);
        let output = output.map(ToString::to_string);
        text(descriptor_name(output.as_deref().unwrap_or_default()))
    }),
    ("StandardErrorFileDescriptorName", "s", |u| {
        let output = definition(u).and_then(Definition::standard_error);
        let output = output.map(ToString::to_string);
        text(descriptor_name(output.as_deref().unwrap_or_default()))
    }),
    // A directory that may be missing has an exclamation mark there.
    ("WorkingDirectory", "s", |u| {
        let directory = definition(u).map(|d| d.value(SettingId::WorkingDirectory));
        match directory {
            Some(Value::Directory(directory)) => {
                let written = directory.to_string();
                match written.strip_prefix('-') {
                    Some(path) => text(format!("!{path}")),
                    None => text(written),
                }
            }
            _ => text(""),
        }
    }),
    // The console where nobody says, and that is not told.
    ("TTYPath", "s", |u| {
        let said = definition(u).filter(|d| d.is_set(SettingId::TtyPath));
        text(said.map_or("", Definition::tty_path))
    }),
    // -1 says that nothing is held back, and so does the last level.
    ("LogLevelMax", "i", |u| {
        let level = definition(u).map_or(LogLevel::Debug, Definition::log_level_max);
        let held_back = level != LogLevel::Debug;
        held_back
            .then_some(level)
            .map_or(-1, |level| i32::from(level.number()))
            .into()
    }),
    ("LogExtraFields", "aay", |u| {
        let all = definition(u).map_or(&[][..], Definition::log_extra_fields);
        let fields = all.iter().map(|field| field.as_bytes().to_vec());
        Variant::from(fields.collect::<Vec<Vec<u8>>>())
    }),
    ("SecureBits", "i", |u| {
        let bits = definition(u).map_or(0, |d| d.secure_bits().bits());
        i32::try_from(bits).unwrap_or_default().into()
    }),
    ("CPUSchedulingPolicy", "i", |u| {
        let policy = definition(u).and_then(Definition::cpu_scheduling_policy);
        policy.map_or(0, |policy| policy.number()).into()
    }),
    ("NUMAPolicy", "i", |u| {
        let policy = definition(u).and_then(Definition::numa_policy);
        policy.map_or(-1, |policy| policy.number()).into()
    }),
    // Unset, a program is as important as its nice level says: the kernel's best effort.
    ("IOSchedulingClass", "i", |u| {
        let class = definition(u).and_then(Definition::io_scheduling_class);
        class.map_or(2, |class| class.number()).into()
    }),
    ("CPUAffinity", "ay", |u| {
        mask(definition(u).and_then(Definition::cpu_affinity))
    }),
    ("NUMAMask", "ay", |u| {
        mask(definition(u).and_then(Definition::numa_mask))
    }),
];

/// Where output goes, as systemd has it. What only we have is where its journal would be.
fn output(output: Option<&Output>, unset: &str) -> Variant<'static> {
    match output {
        None => text(unset),
        Some(Output::Console | Output::Ring | Output::Log) => text("journal"),
        Some(other) => text(first_word(&other.to_string())),
    }
}

/// The name of the descriptor that a stream is.
fn descriptor_name(stream: &str) -> &str {
    stream.strip_prefix("fd:").unwrap_or_default()
}

/// What stands before a colon, if there is one.
fn first_word(text: &str) -> &str {
    text.split_once(':').map_or(text, |(word, _)| word)
}

fn definition(facts: &UnitFacts) -> Option<&Definition> {
    facts.detail.view.definition.as_deref()
}

/// Why a unit is not `loaded`, in systemd's words: an error name and a sentence.
pub(super) fn load_error(facts: &UnitFacts) -> Variant<'static> {
    let view = &facts.detail.view;
    let unit = &view.name;
    let (kind, sentence) = match load_state(view) {
        "not-found" => (Kind::NoSuchUnit, format!("Unit {unit} not found.")),
        "masked" => (Kind::UnitMasked, format!("Unit {unit} is masked.")),
        "bad-setting" => {
            let sentence = format!("Unit {unit} has a bad unit file setting.");
            (Kind::BadUnitSetting, sentence)
        }
        _ => return Variant::new((String::new(), String::new())),
    };
    Variant::new((kind.name(facts.face).to_owned(), sentence))
}

/// Rows or columns; 65535 for whatever the terminal has.
fn size_of_terminal(size: Option<u32>) -> Variant<'static> {
    let size = size.and_then(|size| u16::try_from(size).ok());
    size.unwrap_or(u16::MAX).into()
}

/// A set as bytes, the lowest number in the lowest bit of the first; nothing where it is empty.
fn mask(set: Option<&CpuSet>) -> Variant<'static> {
    let mut bytes: Vec<u8> = match set {
        Some(set) if !set.numbers().is_empty() => {
            set.mask().into_iter().flat_map(u64::to_le_bytes).collect()
        }
        _ => Vec::new(),
    };
    let used = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    bytes.truncate(used);
    Variant::from(bytes)
}

/// What only systemd has, or has with another type. A row of ours with the same name, as of a
/// setting that came to be supported, goes before one of these.
pub(super) fn rows() -> &'static [Property] {
    static ROWS: LazyLock<Vec<Property>> = LazyLock::new(|| {
        let mut table = Vec::new();
        for interface in [SERVICE, SOCKET] {
            for (name, signature, get) in TYPED_OTHERWISE {
                let getter = Getter::Unit(*get);
                let marks = (Access::Detail, Emits::Silent);
                table.push(row(interface, (name, signature), marks, DOC, getter));
            }
        }
        derived(&mut table);
        super::scope::add(&mut table);
        super::slice::add_systemds(&mut table);
        table.push(row(
            LOG_CONTROL,
            ("LogTarget", "s"),
            (Access::State, Emits::Silent),
            DOC,
            Getter::Manager(|manager| text(&manager.log_target)),
        ));
        table.push(row(
            LOG_CONTROL,
            ("LogLevel", "s"),
            (Access::State, Emits::Silent),
            DOC,
            Getter::Manager(|manager| text(manager.log_level)),
        ));
        for (interfaces, name, signature, get) in FIXED {
            for interface in *interfaces {
                let marks = (Access::State, Emits::Silent);
                table.push(row(
                    interface,
                    (name, signature),
                    marks,
                    DOC,
                    Getter::Fixed(*get),
                ));
            }
        }
        table.retain(|row| {
            let same =
                |other: &Property| other.interface == row.interface && other.name == row.name;
            !all().iter().any(|other| same(other) && knows(other))
        });
        table
    });
    &ROWS
}

/// These rows are documented by systemd.
pub(super) const DOC: &str = "As org.freedesktop.systemd1(5) has it";

/// Commands with their prefixes as flags, and the soft one of each pair of limits.
fn derived(table: &mut Vec<Property>) {
    for own in all() {
        let (suffix, signature, getter) = match own.getter {
            Getter::Commands(id) if own.interface == SERVICE => (
                "Ex",
                commands::SIGNATURE_WITH_FLAGS,
                Getter::CommandsWithFlags(id),
            ),
            Getter::HardLimit(id) => ("Soft", "t", Getter::SoftLimit(id)),
            _ => continue,
        };
        table.push(Property {
            interface: own.interface,
            name: Cow::Owned(format!("{}{suffix}", own.name)),
            signature,
            access: own.access,
            emits: own.emits,
            doc: Cow::Borrowed(DOC),
            getter,
        });
    }
}

/// Interfaces, name, type, and the value there always is.
type Fixed = (
    &'static [&'static str],
    &'static str,
    &'static str,
    fn() -> Variant<'static>,
);

/// The kinds of units that have a cgroup to speak of.
const RESOURCES: &[&str] = &[SERVICE, SOCKET, SLICE, SCOPE];
/// The kinds of units that run programs.
const PROGRAMS: &[&str] = &[SERVICE, SOCKET];

/// What is always the same, since there is no such thing here; systemd has the very values for units
/// that do not use it.
const FIXED: &[Fixed] = &[
    // Nothing is marked, and nobody tells who holds on to it.
    (&[UNIT], "Following", "s", || text("")),
    (&[UNIT], "Markers", "as", none),
    (&[UNIT], "Refs", "as", none),
    (&[UNIT], "ActivationDetails", "a(ss)", || {
        Variant::from(Vec::<(String, String)>::new())
    }),
    (&[UNIT], "AccessSELinuxContext", "s", || text("")),
    (&[UNIT], "RebootArgument", "s", || text("")),
    (&[UNIT], "JobTimeoutRebootArgument", "s", || text("")),
    (&[JOB], "ActivationDetails", "a(ss)", || {
        Variant::from(Vec::<(String, String)>::new())
    }),
    (&[SERVICE], "CleanResult", "s", || text("success")),
    // Users are always named ones, which a program's own process knows: none is allocated.
    (PROGRAMS, "UID", "u", || u32::MAX.into()),
    (PROGRAMS, "GID", "u", || u32::MAX.into()),
    (PROGRAMS, "DynamicUser", "b", || false.into()),
    (&[SOCKET], "NonBlocking", "b", || false.into()),
    (PROGRAMS, "LogNamespace", "s", || text("")),
    // One tree, without groups for slices: every unit's group is below the daemon's.
    (&[SOCKET, SLICE], "ControlGroup", "s", || text("")),
    (RESOURCES, "Delegate", "b", || false.into()),
    // What is not counted.
    (&[SOCKET, SLICE], "MemoryCurrent", "t", infinity),
    (&[SOCKET, SLICE], "TasksCurrent", "t", infinity),
    (&[SOCKET, SLICE], "CPUUsageNSec", "t", infinity),
    (RESOURCES, "MemoryAvailable", "t", infinity),
    (RESOURCES, "IPIngressBytes", "t", infinity),
    (RESOURCES, "IPIngressPackets", "t", infinity),
    (RESOURCES, "IPEgressBytes", "t", infinity),
    (RESOURCES, "IPEgressPackets", "t", infinity),
    (RESOURCES, "IOReadBytes", "t", infinity),
    (RESOURCES, "IOReadOperations", "t", infinity),
    (RESOURCES, "IOWriteBytes", "t", infinity),
    (RESOURCES, "IOWriteOperations", "t", infinity),
    (RESOURCES, "IPAccounting", "b", || false.into()),
    (RESOURCES, "IOAccounting", "b", || false.into()),
    // What is not limited.
    (&[SOCKET, SLICE, SCOPE], "MemoryMax", "t", infinity),
    // Whoever made it is not asked before it is stopped.
    (&[SCOPE], "Controller", "s", || text("")),
    (&[SCOPE], "RuntimeRandomizedExtraUSec", "t", || 0u64.into()),
    (&[SCOPE], "OOMPolicy", "s", || text("continue")),
    (RESOURCES, "MemoryMin", "t", || 0u64.into()),
    (RESOURCES, "MemoryLow", "t", || 0u64.into()),
    (RESOURCES, "DefaultMemoryMin", "t", || 0u64.into()),
    (RESOURCES, "DefaultMemoryLow", "t", || 0u64.into()),
    (RESOURCES, "MemoryHigh", "t", infinity),
    (RESOURCES, "MemorySwapMax", "t", infinity),
    (RESOURCES, "MemoryLimit", "t", infinity),
    (RESOURCES, "TasksMax", "t", infinity),
    (RESOURCES, "CPUWeight", "t", infinity),
    (RESOURCES, "IOWeight", "t", infinity),
    (RESOURCES, "CPUQuotaPerSecUSec", "t", infinity),
    // Of the whole. No firmware, loader, kernel or initial disk is ours, and nothing is confirmed
    // or shown on a console.
    (&[MANAGER], "Features", "s", || text("")),
    (&[MANAGER], "Tainted", "s", || text("")),
    (&[MANAGER], "Architecture", "s", || text(architecture())),
    (&[MANAGER], "ConfirmSpawn", "b", || false.into()),
    (&[MANAGER], "ShowStatus", "b", || false.into()),
    (&[LOG_CONTROL], "SyslogIdentifier", "s", || text("runnerd")),
    (&[MANAGER], "FirmwareTimestamp", "t", never),
    (&[MANAGER], "FirmwareTimestampMonotonic", "t", never),
    (&[MANAGER], "LoaderTimestamp", "t", never),
    (&[MANAGER], "LoaderTimestampMonotonic", "t", never),
    (&[MANAGER], "KernelTimestamp", "t", never),
    (&[MANAGER], "KernelTimestampMonotonic", "t", never),
    (&[MANAGER], "InitRDTimestamp", "t", never),
    (&[MANAGER], "InitRDTimestampMonotonic", "t", never),
    (&[MANAGER], "SecurityStartTimestamp", "t", never),
    (&[MANAGER], "SecurityStartTimestampMonotonic", "t", never),
    (&[MANAGER], "SecurityFinishTimestamp", "t", never),
    (&[MANAGER], "SecurityFinishTimestampMonotonic", "t", never),
    (&[MANAGER], "GeneratorsStartTimestamp", "t", never),
    (&[MANAGER], "GeneratorsStartTimestampMonotonic", "t", never),
    (&[MANAGER], "GeneratorsFinishTimestamp", "t", never),
    (&[MANAGER], "GeneratorsFinishTimestampMonotonic", "t", never),
    (&[MANAGER], "RuntimeWatchdogUSec", "t", never),
    (&[MANAGER], "RebootWatchdogUSec", "t", never),
    (&[MANAGER], "KExecWatchdogUSec", "t", never),
    (&[MANAGER], "WatchdogLastPingTimestamp", "t", never),
    (&[MANAGER], "WatchdogLastPingTimestampMonotonic", "t", never),
];

fn none() -> Variant<'static> {
    texts::<String>([])
}

fn infinity() -> Variant<'static> {
    u64::MAX.into()
}

fn never() -> Variant<'static> {
    0u64.into()
}

/// What this was built for, in systemd's words (`ConditionArchitecture=` of systemd.unit(5)).
fn architecture() -> &'static str {
    match (std::env::consts::ARCH, cfg!(target_endian = "little")) {
        ("x86_64", _) => "x86-64",
        ("aarch64", true) => "arm64",
        ("aarch64", false) => "arm64-be",
        ("arm", true) => "arm",
        ("arm", false) => "arm-be",
        ("powerpc64", true) => "ppc64-le",
        ("powerpc64", false) => "ppc64",
        ("s390x", _) => "s390x",
        ("riscv64", _) => "riscv64",
        ("loongarch64", _) => "loongarch64",
        (other, _) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Face;
    use crate::server::{INTERFACES, methods, properties, signals};

    /// Interface, sort, name and type or types of everything in systemd 252.
    const FACTS: &str = include_str!("../../../tests/facts/systemd-252.txt");

    fn is_fact(interface: &str, sort: &str, rest: &str) -> bool {
        let interface = Face::Systemd.interface(
            INTERFACES
                .iter()
                .map(|(name, _)| *name)
                .chain([SLICE, SCOPE])
                .find(|known| *known == interface)
                .expect("an interface of the tables"),
        );
        let short = interface.rsplit('.').next().unwrap_or_default();
        let wanted = format!("{short} {sort} {rest}");
        FACTS
            .lines()
            .any(|line| line == wanted || line.starts_with(&format!("{wanted} ")))
    }

    #[test]
    fn nothing_is_served_that_systemd_does_not_have() {
        let mut strange = Vec::new();
        for interface in INTERFACES
            .iter()
            .map(|(name, _)| *name)
            .chain([SLICE, SCOPE])
        {
            for row in properties::on(Face::Systemd, interface) {
                let rest = format!("{} {}", row.name, row.signature);
                if !is_fact(interface, "property", &rest) {
                    strange.push(format!("{interface} property {rest}"));
                }
            }
            let types = |arguments: &[methods::Argument]| {
                let types: String = arguments.iter().map(|one| one.signature).collect();
                if types.is_empty() {
                    "-".to_owned()
                } else {
                    types
                }
            };
            for row in methods::on(Face::Systemd, interface) {
                let rest = format!("{} {} {}", row.name, types(row.inputs), types(row.outputs));
                if !is_fact(interface, "method", &rest) {
                    strange.push(format!("{interface} method {rest}"));
                }
            }
            for row in signals::on(Face::Systemd, interface) {
                let rest = format!("{} {}", row.name, types(row.arguments));
                if !is_fact(interface, "signal", &rest) {
                    strange.push(format!("{interface} signal {rest}"));
                }
            }
        }
        assert!(strange.is_empty(), "{strange:#?}");
    }

    #[test]
    fn no_row_of_ours_is_left_out_for_nothing() {
        for (interface, names) in OURS {
            for name in *names {
                let row = properties::of_interface(interface).find(|row| row.name == *name);
                let row = row.unwrap_or_else(|| panic!("there is no {interface}.{name}"));
                let rest = format!("{} {}", row.name, row.signature);
                assert!(!is_fact(interface, "property", &rest), "systemd has {rest}");
            }
        }
    }

    #[test]
    fn values_have_the_type_their_row_says() {
        for row in rows() {
            if let Getter::Fixed(get) = row.getter {
                let found = get().value_signature().to_string();
                assert_eq!(found, row.signature, "{}", row.name);
            }
        }
        for (value, expected) in [(mask(None), "ay"), (size_of_terminal(None), "q")] {
            assert_eq!(value.value_signature().to_string(), expected);
        }
    }

    #[test]
    fn masks_are_bytes_from_the_lowest_on() {
        let set = |text: &str| CpuSet::default().with(text).unwrap();
        for (text, bytes) in [("0-3", vec![0x0fu8]), ("0 9", vec![1, 2]), ("", vec![])] {
            assert_eq!(mask(Some(&set(text))), Variant::from(bytes), "{text:?}");
        }
    }
}
