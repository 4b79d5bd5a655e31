//! Methods about unit files: what is started without being asked for, and settings that are set.

use control::{Command, Installed, Reply, Request, matches};
use units::UnitName;
use units::install::{How, Line, Order, Preset, Tie};
use zbus::{OwnedVariant, Variant};

use super::{command, unit_name};
use crate::error::Kind;
use crate::names::Face;
use crate::server::call::{Call, Outcome, strange};
use crate::server::refusal::Failure;

/// What boot starts.
const DEFAULT_TARGET: &str = "default.target";

/// How many units one call may name.
const MOST_NAMES: usize = 10_000;

pub(super) async fn unit_file_state(call: Call) -> Outcome {
    let unit = name_of(&call.arguments::<String>()?)?;
    let state = call.ask(Request::UnitFileState(unit)).await;
    let state = match state {
        // To systemd this is a question about a file.
        Err(failure) if failure.kind == Kind::NoSuchUnit && call.face == Face::Systemd => {
            let missing = Failure::new(Kind::FileNotFound, "No such file or directory");
            return Err(missing);
        }
        state => state?,
    };
    match state {
        Reply::UnitFileState(state) => call.reply(&state.as_str()),
        other => Err(strange(&other)),
    }
}

pub(super) async fn lines(call: &Call) -> Result<Vec<Line>, Failure> {
    match call.ask(Request::UnitFiles).await? {
        Reply::UnitFiles(lines) => Ok(lines),
        other => Err(strange(&other)),
    }
}

pub(super) async fn list_unit_files(call: Call) -> Outcome {
    call.no_arguments()?;
    list(call, &[], &[]).await
}

pub(super) async fn list_unit_files_by_patterns(call: Call) -> Outcome {
    let (states, patterns): (Vec<String>, Vec<String>) = call.arguments()?;
    list(call, &states, &patterns).await
}

async fn list(call: Call, states: &[String], patterns: &[String]) -> Outcome {
    let lines: Vec<(String, &str)> = lines(&call)
        .await?
        .into_iter()
        .filter(|line| {
            let state = line.state.as_str();
            let name = line.name.as_str();
            (states.is_empty() || states.iter().any(|wanted| wanted == state))
                && (patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, name)))
        })
        // Clients take the unit's name from the path; one TOML file has several.
        .map(|line| {
            let directory = line
                .path
                .rsplit_once('/')
                .map_or("", |(directory, _)| directory);
            (format!("{directory}/{}", line.name), line.state.as_str())
        })
        .collect();
    call.reply(&(lines,))
}

pub(super) async fn describe_unit_files(call: Call) -> Outcome {
    call.no_arguments()?;
    let lines: Vec<(String, String, &str, &str)> = lines(&call)
        .await?
        .into_iter()
        .map(|line| {
            let preset = line.preset.map_or("", Preset::as_str);
            (
                line.name.to_string(),
                line.path,
                line.state.as_str(),
                preset,
            )
        })
        .collect();
    call.reply(&(lines,))
}

/// A unit by its name, or by the path of its file as systemctl may give it.
fn name_of(text: &str) -> Result<UnitName, Failure> {
    unit_name(text.rsplit('/').next().unwrap_or(text))
}

pub(super) fn names_of(texts: &[String]) -> Result<Vec<UnitName>, Failure> {
    if texts.len() > MOST_NAMES {
        return Err(Failure::new(
            Kind::LimitsExceeded,
            format!("at most {MOST_NAMES} units at a time"),
        ));
    }
    texts.iter().map(|text| name_of(text)).collect()
}

pub(super) async fn install(call: &Call, order: Order) -> Result<Installed, Failure> {
    let sets = matches!(order, Order::Set { .. });
    let asked = call.ask(Request::Install(order)).await;
    let asked = asked.map_err(|failure| {
        let message = failure.message.as_str();
        let missing = message
            .strip_prefix("unit ")
            .and_then(|rest| rest.strip_suffix(" not found"))
            .filter(|_| !sets)
            .or_else(|| message.strip_suffix(" does not exist"));
        let sentence = if let Some(path) = message.strip_suffix(" is there already") {
            Some(format!("File {path} already exists."))
        } else if message.ends_with("another target is wanted") {
            Some("Invalid argument".to_owned())
        } else {
            missing.map(|file| format!("Unit file {file} does not exist."))
        };
        match sentence {
            Some(sentence) => failure.on_systemd(sentence),
            None => failure,
        }
    });
    match asked? {
        Reply::Installed(installed) => Ok(installed),
        other => Err(strange(&other)),
    }
}

async fn with_info(call: Call, order: Order) -> Outcome {
    let installed = install(&call, order).await?;
    call.reply(&(installed.has_install_info, installed.changes))
}

async fn without_info(call: Call, order: Order) -> Outcome {
    let installed = install(&call, order).await?;
    call.reply(&(installed.changes,))
}

pub(super) async fn enable(call: Call) -> Outcome {
    let (units, runtime, force): (Vec<String>, bool, bool) = call.arguments()?;
    let units = names_of(&units)?;
    let how = How { runtime, force };
    with_info(call, Order::Enable { units, how }).await
}

pub(super) async fn reenable(call: Call) -> Outcome {
    let (units, runtime, force): (Vec<String>, bool, bool) = call.arguments()?;
    let units = names_of(&units)?;
    let how = How { runtime, force };
    with_info(call, Order::Reenable { units, how }).await
}

pub(super) async fn disable(call: Call) -> Outcome {
    let (units, runtime): (Vec<String>, bool) = call.arguments()?;
    let units = names_of(&units)?;
    without_info(call, Order::Disable { units, runtime }).await
}

/// Flags of systemd's: what is enabled until the end only, and links that are replaced.
const RUNTIME: u64 = 1;
const FORCE: u64 = 2;

pub(super) async fn enable_with_flags(call: Call) -> Outcome {
    let (units, flags): (Vec<String>, u64) = call.arguments()?;
    let units = names_of(&units)?;
    let how = How {
        runtime: flags & RUNTIME != 0,
        force: flags & FORCE != 0,
    };
    with_info(call, Order::Enable { units, how }).await
}

pub(super) async fn disable_by_flags(call: Call) -> Outcome {
    let (units, flags): (Vec<String>, u64) = call.arguments()?;
    let units = names_of(&units)?;
    let runtime = flags & RUNTIME != 0;
    without_info(call, Order::Disable { units, runtime }).await
}

pub(super) async fn disable_with_flags(call: Call) -> Outcome {
    let (units, flags): (Vec<String>, u64) = call.arguments()?;
    let units = names_of(&units)?;
    let runtime = flags & RUNTIME != 0;
    with_info(call, Order::Disable { units, runtime }).await
}

pub(super) async fn mask(call: Call) -> Outcome {
    let (units, runtime, force): (Vec<String>, bool, bool) = call.arguments()?;
    let units = names_of(&units)?;
    let how = How { runtime, force };
    without_info(call, Order::Mask { units, how }).await
}

pub(super) async fn unmask(call: Call) -> Outcome {
    let (units, runtime): (Vec<String>, bool) = call.arguments()?;
    let units = names_of(&units)?;
    without_info(call, Order::Unmask { units, runtime }).await
}

pub(super) async fn revert(call: Call) -> Outcome {
    let units = names_of(&call.arguments::<Vec<String>>()?)?;
    without_info(call, Order::Revert { units }).await
}

pub(super) async fn add_dependency(call: Call) -> Outcome {
    let (units, target, word, runtime, force): (Vec<String>, String, String, bool, bool) =
        call.arguments()?;
    let word = match word.as_str() {
        "Wants" => Tie::Wants,
        "Requires" => Tie::Requires,
        other => {
            let message = format!("{other:?} is neither Wants nor Requires");
            return Err(Failure::new(Kind::InvalidArgs, message));
        }
    };
    let order = Order::Depend {
        units: names_of(&units)?,
        on_behalf_of: name_of(&target)?,
        word,
        how: How { runtime, force },
    };
    without_info(call, order).await
}

pub(super) async fn link(call: Call) -> Outcome {
    let (paths, runtime, force): (Vec<String>, bool, bool) = call.arguments()?;
    if paths.len() > MOST_NAMES {
        let message = format!("at most {MOST_NAMES} files at a time");
        return Err(Failure::new(Kind::LimitsExceeded, message));
    }
    let how = How { runtime, force };
    without_info(call, Order::Link { paths, how }).await
}

pub(super) async fn unit_file_links(call: Call) -> Outcome {
    let (name, runtime): (String, bool) = call.arguments()?;
    let unit = name_of(&name)?;
    match call.ask(Request::UnitFileLinks { unit, runtime }).await? {
        Reply::Installed(installed) => {
            let links = installed.changes.into_iter();
            call.reply(&(links.map(|(_, path, _)| path).collect::<Vec<String>>(),))
        }
        other => Err(strange(&other)),
    }
}

pub(super) async fn default_target(call: Call) -> Outcome {
    call.no_arguments()?;
    let target = super::unit_detail(&call, unit_name(DEFAULT_TARGET)?).await?;
    call.reply(&target.view.name.as_str())
}

pub(super) async fn set_default_target(call: Call) -> Outcome {
    let (name, force): (String, bool) = call.arguments()?;
    let unit = name_of(&name)?;
    without_info(call, Order::Default { unit, force }).await
}

pub(super) async fn set_properties(call: Call) -> Outcome {
    let (unit, runtime, properties): (String, bool, Vec<(String, OwnedVariant)>) =
        call.arguments()?;
    let unit = unit_name(&unit)?;
    set(call, unit, runtime, properties).await
}

pub(super) async fn set_own_properties(call: Call) -> Outcome {
    let (runtime, properties): (bool, Vec<(String, OwnedVariant)>) = call.arguments()?;
    let unit = super::own_unit(&call)?;
    set(call, unit, runtime, properties).await
}

async fn set(
    call: Call,
    unit: UnitName,
    runtime: bool,
    properties: Vec<(String, OwnedVariant)>,
) -> Outcome {
    let mut settings = Vec::new();
    for (name, value) in properties {
        settings.extend(assignments(&name, &Variant::from(value))?);
    }
    let order = Order::Set {
        unit,
        settings,
        runtime,
    };
    install(&call, order).await?;
    // What else is wrong somewhere is no reason not to do what was asked.
    command(call, Command::Reload { keep_going: true }).await
}

/// A property in the words of a unit file: one line for each value.
fn assignments(name: &str, value: &Variant<'_>) -> Result<Vec<(String, String)>, Failure> {
    // Properties have times in microseconds, under names of their own.
    let (key, unit) = match name.strip_suffix("USec") {
        Some(stem) => (format!("{stem}Sec"), "us"),
        None => (name.to_owned(), ""),
    };
    let number = |number: u64| match number {
        u64::MAX => "infinity".to_owned(),
        number => format!("{number}{unit}"),
    };
    let one = |text: String| vec![(key.clone(), text)];
    Ok(match value {
        Variant::Str(text) => one(text.to_string()),
        Variant::Bool(flag) => one(if *flag { "yes" } else { "no" }.to_owned()),
        Variant::U8(value) => one(number(u64::from(*value))),
        Variant::U16(value) => one(number(u64::from(*value))),
        Variant::U32(value) => one(number(u64::from(*value))),
        Variant::U64(value) => one(number(*value)),
        Variant::I16(value) => one(value.to_string()),
        Variant::I32(value) => one(value.to_string()),
        Variant::I64(value) => one(value.to_string()),
        Variant::Array(array) => {
            let mut lines = Vec::new();
            for item in array.inner() {
                match item {
                    Variant::Str(text) => lines.push((key.clone(), text.to_string())),
                    _ => return Err(unfit(name)),
                }
            }
            if lines.is_empty() {
                lines = one(String::new());
            }
            lines
        }
        _ => return Err(unfit(name)),
    })
}

fn unfit(name: &str) -> Failure {
    let message = format!("a value of this type cannot be set for {name}");
    Failure::new(Kind::InvalidArgs, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_become_lines_of_a_unit_file() {
        for (name, value, lines) in [
            ("MemoryMax", Variant::new(10u64), vec!["MemoryMax=10"]),
            (
                "MemoryMax",
                Variant::new(u64::MAX),
                vec!["MemoryMax=infinity"],
            ),
            ("RestartUSec", Variant::new(5u64), vec!["RestartSec=5us"]),
            ("Nice", Variant::new(-5i32), vec!["Nice=-5"]),
            ("SendSIGHUP", Variant::new(true), vec!["SendSIGHUP=yes"]),
            ("Description", Variant::new("a b"), vec!["Description=a b"]),
            (
                "Wants",
                Variant::new(vec!["a", "b"]),
                vec!["Wants=a", "Wants=b"],
            ),
            ("Wants", Variant::new(Vec::<String>::new()), vec!["Wants="]),
        ] {
            let found: Vec<String> = assignments(name, &value)
                .unwrap()
                .into_iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            assert_eq!(found, lines);
        }
        assert!(assignments("X", &Variant::new((1u32, 2u32))).is_err());
    }
}
