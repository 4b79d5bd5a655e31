//! The properties of `StartTransientUnit` on their way to settings: each becomes what a unit file
//! would say. Types are systemd's, so that what is written for it works here.

use std::os::fd::{AsFd, OwnedFd};

use units::settings;
use units::value::quote;
use zbus::Variant;

use super::refusal::Failure;
use crate::error::Kind;

/// What the properties of one unit come to.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Settings by name, and their values.
    pub(super) settings: Vec<(String, String)>,
    /// Standard input, output and error.
    pub(super) stdio: [Option<OwnedFd>; 3],
    /// Whom a scope takes in; 0 is whoever calls.
    pub(super) pids: Vec<u32>,
    /// Whether whoever defines the unit holds on to it (`AddRef`).
    pub(super) holds: bool,
}

/// The properties that are descriptors, in the order of the descriptors.
const STDIO: [&str; 3] = [
    "StandardInputFileDescriptor",
    "StandardOutputFileDescriptor",
    "StandardErrorFileDescriptor",
];

/// Names that are other ones in a file.
const RENAMED: &[(&str, &str)] = &[
    ("EnvironmentFiles", "EnvironmentFile"),
    ("CPUQuotaPerSecUSec", "CPUQuota"),
];

/// Reads the properties of one unit.
pub(super) fn read(properties: &[(String, Variant<'static>)]) -> Result<Said, Failure> {
    let mut said = Said::default();
    for (name, value) in properties {
        if let Some(place) = STDIO.iter().position(|known| known == name) {
            said.stdio[place] = Some(descriptor(name, value)?);
            continue;
        }
        if name == "PIDs" {
            let Variant::Array(pids) = value else {
                return Err(unfit(name, value));
            };
            for pid in pids.inner() {
                let Variant::U32(pid) = pid else {
                    return Err(unfit(name, value));
                };
                said.pids.push(*pid);
            }
            continue;
        }
        if name == "AddRef" {
            let Variant::Bool(holds) = value else {
                return Err(unfit(name, value));
            };
            said.holds = *holds;
            continue;
        }
        said.settings.extend(assignments(name, value)?);
    }
    join_limits(&mut said.settings);
    Ok(said)
}

fn descriptor(name: &str, value: &Variant<'_>) -> Result<OwnedFd, Failure> {
    let Variant::Fd(fd) = value else {
        return Err(unfit(name, value));
    };
    fd.as_fd()
        .try_clone_to_owned()
        .map_err(|error| Failure::new(Kind::LimitsExceeded, format!("cannot take {name}: {error}")))
}

/// What a file would say for one property.
fn assignments(name: &str, value: &Variant<'_>) -> Result<Vec<(String, String)>, Failure> {
    let renamed = RENAMED.iter().find(|(known, _)| *known == name);
    let key = renamed.map_or(name, |(_, key)| *key);
    if let Some(found) = structured(key, value) {
        return found.ok_or_else(|| unfit(name, value));
    }
    let one = |text: String| vec![(key.to_owned(), text)];
    Ok(match value {
        Variant::Bool(flag) => one(if *flag { "yes" } else { "no" }.to_owned()),
        Variant::Str(text) => one(literally(text)),
        Variant::U64(number) => match key.strip_suffix("USec").filter(|_| !is_a_setting(key)) {
            Some(stem) => vec![(format!("{stem}Sec"), span(*number))],
            None if *number == u64::MAX => one("infinity".to_owned()),
            None => one(number.to_string()),
        },
        Variant::U32(number) if is_mode(key) => one(format!("{number:04o}")),
        Variant::U8(number) => one(number.to_string()),
        Variant::U16(number) => one(number.to_string()),
        Variant::U32(number) => one(number.to_string()),
        Variant::I16(number) => one(number.to_string()),
        Variant::I32(number) => one(number.to_string()),
        Variant::I64(number) => one(number.to_string()),
        Variant::F64(number) => one(number.to_string()),
        Variant::Array(words) => {
            let mut found = Vec::new();
            for word in words.inner() {
                let Variant::Str(word) = word else {
                    return Err(unfit(name, value));
                };
                found.push((key.to_owned(), quote(&literally(word))));
            }
            found
        }
        Variant::Signature(_)
        | Variant::ObjectPath(_)
        | Variant::Variant(_)
        | Variant::Dict(_)
        | Variant::Structure(_)
        | Variant::Fd(_) => return Err(unfit(name, value)),
    })
}

/// Reads the fields of one structure of a property, whose name comes first, into an assignment.
type ReadFields = fn(&str, &[Variant<'_>]) -> Option<(String, String)>;

/// Settings whose properties are lists of structures: `None` for any other, an inner `None` where
/// the type is another one.
fn structured(key: &str, value: &Variant<'_>) -> Option<Option<Vec<(String, String)>>> {
    let read: ReadFields = match key {
        _ if key.starts_with("Exec") && key.ends_with("Ex") => |key, fields| match fields {
            [Variant::Str(path), argv, flags] => {
                let flags: Vec<String> = texts(flags)?;
                let mut prefix = String::new();
                for flag in &flags {
                    prefix.push_str(match flag.as_str() {
                        "ignore-failure" => "-",
                        "no-env-expand" => ":",
                        "privileged" => "+",
                        "no-setuid" => "!",
                        "ambient" => "!!",
                        _ => return None,
                    });
                }
                let key = key.strip_suffix("Ex")?;
                Some((key.to_owned(), command(&prefix, path, &texts(argv)?)))
            }
            _ => None,
        },
        _ if key.starts_with("Exec") => |key, fields| match fields {
            [Variant::Str(path), argv, Variant::Bool(ignore)] => {
                let prefix = if *ignore { "-" } else { "" };
                Some((key.to_owned(), command(prefix, path, &texts(argv)?)))
            }
            _ => None,
        },
        "EnvironmentFile" => |key, fields| match fields {
            [Variant::Str(path), Variant::Bool(optional)] => {
                let prefix = if *optional { "-" } else { "" };
                Some((key.to_owned(), format!("{prefix}{}", literally(path))))
            }
            _ => None,
        },
        "TimersMonotonic" => |_, fields| match fields {
            [Variant::Str(base), Variant::U64(after)] => {
                let base = base.strip_suffix("USec").map(|stem| format!("{stem}Sec"));
                Some((base.or_else(|| text_of(fields))?, span(*after)))
            }
            _ => None,
        },
        "TimersCalendar" | "Paths" => |_, fields| match fields {
            [Variant::Str(key), Variant::Str(text)] => Some((key.to_string(), literally(text))),
            _ => None,
        },
        "Listen" => |_, fields| match fields {
            [Variant::Str(kind), Variant::Str(address)] => {
                Some((format!("Listen{kind}"), literally(address)))
            }
            _ => None,
        },
        "LoadCredential" => |key, fields| match fields {
            [Variant::Str(id), Variant::Str(path)] => {
                Some((key.to_owned(), literally(&format!("{id}:{path}"))))
            }
            _ => None,
        },
        "SuccessExitStatus" | "RestartPreventExitStatus" | "RestartForceExitStatus" => {
            return exit_set(key, value);
        }
        _ => return None,
    };
    // A text is what stands in a file, whatever the type would be.
    if let Variant::Str(_) = value {
        return None;
    }
    let Variant::Array(items) = value else {
        return Some(None);
    };
    let items = items.inner().iter().map(|item| match item {
        Variant::Structure(fields) => read(key, fields.fields()),
        _ => None,
    });
    Some(items.collect())
}

/// `(aiai)`: exit codes, then signals.
fn exit_set(key: &str, value: &Variant<'_>) -> Option<Option<Vec<(String, String)>>> {
    let fields = match value {
        Variant::Structure(fields) => fields.fields(),
        Variant::Str(_) | Variant::Array(_) => return None,
        _ => return Some(None),
    };
    let numbers = |list: &Variant<'_>| -> Option<Vec<i32>> {
        let Variant::Array(list) = list else {
            return None;
        };
        let number = |number: &Variant<'_>| match number {
            Variant::I32(number) => Some(*number),
            _ => None,
        };
        list.inner().iter().map(number).collect()
    };
    let [codes, signals] = fields else {
        return Some(None);
    };
    let (Some(codes), Some(signals)) = (numbers(codes), numbers(signals)) else {
        return Some(None);
    };
    let signals: Option<Vec<String>> = signals
        .into_iter()
        .map(|number| Some(units::value::Signal::from_number(number)?.to_string()))
        .collect();
    let codes = codes.iter().map(ToString::to_string);
    Some(signals.map(|signals| {
        codes
            .chain(signals)
            .map(|word| (key.to_owned(), word))
            .collect()
    }))
}

fn text_of(fields: &[Variant<'_>]) -> Option<String> {
    match fields.first() {
        Some(Variant::Str(text)) => Some(text.to_string()),
        _ => None,
    }
}

fn texts(list: &Variant<'_>) -> Option<Vec<String>> {
    let Variant::Array(list) = list else {
        return None;
    };
    let text = |text: &Variant<'_>| match text {
        Variant::Str(text) => Some(text.to_string()),
        _ => None,
    };
    list.inner().iter().map(text).collect()
}

/// A command line of words that are not split any further. Variables are still replaced, as
/// systemd does.
fn command(prefix: &str, path: &str, argv: &[String]) -> String {
    let own_name = argv.first().filter(|first| *first != path);
    let mark = if own_name.is_some() { "@" } else { "" };
    let first = quote(&literally(&format!("{prefix}{mark}{path}")));
    let rest = match own_name {
        Some(_) => argv,
        None => argv.get(1..).unwrap_or_default(),
    };
    let rest = rest.iter().map(|word| quote(&literally(word)));
    std::iter::once(first)
        .chain(rest)
        .collect::<Vec<_>>()
        .join(" ")
}

/// A client says what it means: no specifiers.
fn literally(text: &str) -> String {
    text.replace('%', "%%")
}

fn span(micros: u64) -> String {
    match micros {
        u64::MAX => "infinity".to_owned(),
        micros => format!("{micros}us"),
    }
}

fn is_a_setting(name: &str) -> bool {
    settings::all().any(|row| row.systemd == Some(name))
}

fn is_mode(name: &str) -> bool {
    settings::all().any(|row| {
        (row.systemd == Some(name) || row.key == name) && row.value.name == "access mode"
    })
}

/// `LimitNOFILE` and `LimitNOFILESoft` are one setting in a file.
fn join_limits(settings: &mut Vec<(String, String)>) {
    let is_soft = |name: &str| name.starts_with("Limit") && name.ends_with("Soft");
    let (soft, rest): (Vec<_>, Vec<_>) = std::mem::take(settings)
        .into_iter()
        .partition(|(name, _)| is_soft(name));
    *settings = rest;
    for (name, value) in soft {
        let stem = name.trim_end_matches("Soft");
        match settings.iter_mut().find(|(hard, _)| hard == stem) {
            Some((_, hard)) => *hard = format!("{value}:{hard}"),
            None => settings.push((stem.to_owned(), value)),
        }
    }
}

fn unfit(name: &str, value: &Variant<'_>) -> Failure {
    Failure::new(
        Kind::InvalidArgs,
        format!(
            "a value of type '{}' does not fit the property {name}",
            value.value_signature()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str, value: Variant<'static>) -> Vec<(String, String)> {
        read(&[(name.to_owned(), value)])
            .expect("a setting")
            .settings
    }

    fn pairs(found: &[(String, String)]) -> Vec<(&str, &str)> {
        found
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }

    #[test]
    fn types_are_what_a_file_would_say() {
        let commands = vec![(
            "/bin/sh".to_owned(),
            vec![
                "sh".to_owned(),
                "-c".to_owned(),
                "echo \"a b\" 5%;".to_owned(),
            ],
            true,
        )];
        for (name, value, expected) in [
            (
                "RemainAfterExit",
                Variant::from(true),
                ("RemainAfterExit", "yes"),
            ),
            ("User", Variant::from("www"), ("User", "www")),
            (
                "Description",
                Variant::from("50% n"),
                ("Description", "50%% n"),
            ),
            (
                "TimeoutStopUSec",
                Variant::from(1500u64),
                ("TimeoutStopSec", "1500us"),
            ),
            (
                "RuntimeMaxUSec",
                Variant::from(u64::MAX),
                ("RuntimeMaxSec", "infinity"),
            ),
            ("UMask", Variant::from(0o27u32), ("UMask", "0027")),
            ("Nice", Variant::from(-5i32), ("Nice", "-5")),
            (
                "ExecStart",
                Variant::from(commands),
                ("ExecStart", "-@/bin/sh sh -c \"echo \\\"a b\\\" 5%%;\""),
            ),
            (
                "EnvironmentFiles",
                Variant::from(vec![("/e".to_owned(), true)]),
                ("EnvironmentFile", "-/e"),
            ),
            (
                "TimersMonotonic",
                Variant::from(vec![("OnBootUSec".to_owned(), 7u64)]),
                ("OnBootSec", "7us"),
            ),
            (
                "TimersCalendar",
                Variant::from(vec![("OnCalendar".to_owned(), "daily".to_owned())]),
                ("OnCalendar", "daily"),
            ),
        ] {
            assert_eq!(pairs(&said(name, value)), [expected], "{name}");
        }
        let words = vec!["A=1 2".to_owned(), "B=3".to_owned()];
        assert_eq!(
            pairs(&said("Environment", Variant::from(words))),
            [("Environment", "\"A=1 2\""), ("Environment", "B=3")]
        );
        let set = Variant::new((vec![3i32], vec![15i32]));
        assert_eq!(
            pairs(&said("SuccessExitStatus", set)),
            [("SuccessExitStatus", "3"), ("SuccessExitStatus", "SIGTERM")]
        );
    }

    #[test]
    fn limits_are_joined() {
        let properties = [
            ("LimitNOFILESoft".to_owned(), Variant::from(10u64)),
            ("LimitNOFILE".to_owned(), Variant::from(20u64)),
        ];
        let found = read(&properties).expect("limits").settings;
        assert_eq!(pairs(&found), [("LimitNOFILE", "10:20")]);
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        for (name, value) in [
            ("ExecStart", Variant::from(5u32)),
            ("Listen", Variant::from(true)),
            ("StandardInputFileDescriptor", Variant::from("x")),
            ("AddRef", Variant::from(1u32)),
        ] {
            let failure = read(&[(name.to_owned(), value)]).expect_err("no such type");
            assert!(failure.message.contains(name), "{}", failure.message);
        }
    }
}
