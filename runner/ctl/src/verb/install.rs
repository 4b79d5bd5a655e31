//! Verbs about unit files: what is started without being asked for, and settings that are set.

use dbus::client::{Client, Error, Installed, Kind};
use serde_json::{Map, Value, json};

use super::jobs;
use super::lists::{matches, or_dash, plural};
use crate::cli::{
    AddDependencyArgs, DisableArgs, InstallArgs, JobArgs, JobMode, ListUnitFilesArgs,
    NamedUnitsArgs, SetPropertyArgs, UnitsArgs, UnmaskArgs,
};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::names::UnitArg;
use crate::render::columns::{self, Cell};
use crate::terminal::{Finding, Style, Terminal};

/// States in which `is-enabled` says yes, as systemctl has it.
const ENABLED: [&str; 6] = [
    "enabled",
    "enabled-runtime",
    "static",
    "alias",
    "indirect",
    "generated",
];

/// `list-unit-files`
pub(super) async fn list(
    client: &Client,
    terminal: &mut Terminal,
    args: &ListUnitFilesArgs,
) -> Outcome {
    let mut files = client.unit_files().await?;
    files.retain(|(unit, _, state, _)| {
        let kind = unit.rsplit_once('.').map_or("", |(_, kind)| kind);
        matches(&args.patterns.patterns, unit)
            && (args.state.is_empty() || args.state.contains(state))
            && (args.kind.is_empty() || args.kind.iter().any(|wanted| wanted.as_str() == kind))
    });
    let exit = match files.is_empty() && !args.patterns.patterns.is_empty() {
        true => Exit::Failed,
        false => Exit::Done,
    };
    if terminal.json() {
        let files: Vec<Value> = files
            .iter()
            .map(|(unit, path, state, preset)| {
                let preset = (!preset.is_empty()).then_some(preset);
                json!({ "unit": unit, "state": state, "preset": preset, "path": path })
            })
            .collect();
        terminal.value(&files)?;
        return Ok(exit);
    }
    let count = files.len();
    let style = |word: &str| match word {
        "enabled" | "enabled-runtime" => Style::Good,
        "masked" | "masked-runtime" | "bad" | "disabled" => Style::Bad,
        _ => Style::Plain,
    };
    let rows = files.into_iter().map(|(unit, path, state, preset)| {
        let of_state = style(&state);
        let of_preset = style(&preset);
        [
            Cell::from(unit),
            Cell::styled(state, of_state),
            Cell::styled(or_dash(preset), of_preset),
            Cell::from(path),
        ]
    });
    columns::print(
        terminal,
        ["UNIT FILE", "STATE", "PRESET", "FILE"],
        rows.collect(),
    )?;
    if terminal.person_reads() {
        terminal.remark(&plural(count, "unit file"));
    }
    Ok(exit)
}

/// `is-enabled`
pub(super) async fn is_enabled(
    client: &Client,
    terminal: &mut Terminal,
    args: &UnitsArgs,
) -> Outcome {
    let mut exit = Exit::Failed;
    let mut states = Map::new();
    for unit in names(&args.units)? {
        let state = match client.unit_file_state(&unit).await {
            Ok(state) => state,
            Err(error) if error.kind() == Some(Kind::NoSuchUnit) => {
                if !terminal.json() {
                    let message = format!("there is no unit file of {unit}");
                    terminal.error(&message, None, Exit::Failed.code());
                }
                states.insert(unit, Value::from("not-found"));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if ENABLED.contains(&state.as_str()) {
            exit = Exit::Done;
        }
        if !terminal.json() && !terminal.quiet() {
            terminal.line(&state)?;
        }
        states.insert(unit, Value::from(state));
    }
    let missing = states.values().any(|state| state == "not-found");
    if terminal.json() {
        terminal.value(&states)?;
    }
    match missing || exit == Exit::Failed {
        true => Err(Failure::Told(Exit::Failed)),
        false => Ok(Exit::Done),
    }
}

/// `enable`
pub(super) async fn enable(
    client: &Client,
    terminal: &mut Terminal,
    args: &InstallArgs,
) -> Outcome {
    enable_some(client, terminal, args, false).await
}

/// `reenable`
pub(super) async fn reenable(
    client: &Client,
    terminal: &mut Terminal,
    args: &InstallArgs,
) -> Outcome {
    enable_some(client, terminal, args, true).await
}

async fn enable_some(
    client: &Client,
    terminal: &mut Terminal,
    args: &InstallArgs,
    again: bool,
) -> Outcome {
    let units = names(&args.units.units)?;
    let installed = client
        .enable(again, &units, args.runtime, args.force)
        .await
        .map_err(|error| refused("enable", &units, error))?;
    if !installed.has_install_info && !terminal.json() {
        terminal.remark(&format!(
            "{} cannot be enabled: nothing in [Install] says what should start it; it is started by \
             others, by hand, or by its sockets, timers and paths",
            units.join(", ")
        ));
    }
    finish(client, terminal, &args.units, installed).await?;
    now(client, terminal, &args.units, args.now.then_some("start")).await
}

/// `disable`
pub(super) async fn disable(
    client: &Client,
    terminal: &mut Terminal,
    args: &DisableArgs,
) -> Outcome {
    let units = names(&args.units.units)?;
    let installed = client
        .disable(&units, args.runtime)
        .await
        .map_err(|error| refused("disable", &units, error))?;
    finish(client, terminal, &args.units, installed).await?;
    now(client, terminal, &args.units, args.now.then_some("stop")).await
}

/// `mask`
pub(super) async fn mask(client: &Client, terminal: &mut Terminal, args: &InstallArgs) -> Outcome {
    let units = names(&args.units.units)?;
    for unit in &units {
        let properties = client.unit(unit).await?;
        let triggers = properties.texts("TriggeredBy").join(", ");
        if properties.text("LoadState") == "not-found" {
            terminal.remark(&format!(
                "there is no unit {unit}; it is masked all the same"
            ));
        } else if !triggers.is_empty() {
            terminal.remark(&format!("{unit} is still asked for by {triggers}, in vain"));
        }
    }
    let installed = client
        .mask(&units, args.runtime, args.force)
        .await
        .map_err(|error| refused("mask", &units, error))?;
    // What is masked can be stopped no less: it is known until then.
    let known = now(client, terminal, &args.units, args.now.then_some("stop")).await;
    finish(client, terminal, &args.units, installed).await?;
    known
}

/// `unmask`
pub(super) async fn unmask(client: &Client, terminal: &mut Terminal, args: &UnmaskArgs) -> Outcome {
    let units = names(&args.units.units)?;
    let installed = client
        .unmask(&units, args.runtime)
        .await
        .map_err(|error| refused("unmask", &units, error))?;
    finish(client, terminal, &args.units, installed).await
}

/// `revert`
pub(super) async fn revert(
    client: &Client,
    terminal: &mut Terminal,
    args: &NamedUnitsArgs,
) -> Outcome {
    let units = names(&args.units)?;
    let installed = client
        .revert(&units)
        .await
        .map_err(|error| refused("revert", &units, error))?;
    finish(client, terminal, args, installed).await
}

/// `add-wants`
pub(super) async fn add_wants(
    client: &Client,
    terminal: &mut Terminal,
    args: &AddDependencyArgs,
) -> Outcome {
    add(client, terminal, args, "Wants").await
}

/// `add-requires`
pub(super) async fn add_requires(
    client: &Client,
    terminal: &mut Terminal,
    args: &AddDependencyArgs,
) -> Outcome {
    add(client, terminal, args, "Requires").await
}

async fn add(
    client: &Client,
    terminal: &mut Terminal,
    args: &AddDependencyArgs,
    word: &str,
) -> Outcome {
    let units = names(&args.units.units)?;
    let target = jobs::target_name(&args.target);
    let installed = client
        .add_dependency(&units, &target, word, args.runtime, args.force)
        .await
        .map_err(|error| refused("add a dependency on", &units, error))?;
    finish(client, terminal, &args.units, installed).await
}

/// `set-property`
pub(super) async fn set_property(
    client: &Client,
    terminal: &mut Terminal,
    args: &SetPropertyArgs,
) -> Outcome {
    let units = names(std::slice::from_ref(&args.unit))?;
    let mut settings: Vec<(String, Vec<String>)> = Vec::new();
    for text in &args.settings {
        let Some((name, value)) = text.split_once('=') else {
            let message = format!("{text} is not of the form NAME=VALUE");
            return Err(Failure::new(Exit::Usage, message));
        };
        match settings.iter_mut().find(|(held, _)| held == name) {
            Some((_, values)) => values.push(value.to_owned()),
            None => settings.push((name.to_owned(), vec![value.to_owned()])),
        }
    }
    for unit in &units {
        client
            .set_properties(unit, args.runtime, &settings)
            .await
            .map_err(|error| refused("set a property of", &units, error))?;
    }
    if terminal.json() {
        let names: Vec<&str> = settings.iter().map(|(name, _)| name.as_str()).collect();
        terminal.value(&json!({ "unit": units.first(), "set": names }))?;
    }
    Ok(Exit::Done)
}

/// Names only: a pattern would mean loaded units, and these need not be.
fn names(units: &[UnitArg]) -> Result<Vec<String>, Failure> {
    if let Some(pattern) = units.iter().find(|unit| unit.is_pattern()) {
        let message = format!("{pattern} is a pattern, and names are wanted here");
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(units.iter().map(|unit| unit.as_str().to_owned()).collect())
}

fn refused(what: &str, units: &[String], error: Error) -> Failure {
    if let Error::Lost(cause) = error {
        return Failure::Lost(cause);
    }
    let exit = match error.kind() {
        Some(Kind::AccessDenied) => Exit::Refused,
        _ => Exit::Failed,
    };
    let failure = Failure::new(exit, format!("cannot {what} {}: {error}", units.join(", ")));
    match error.kind() {
        Some(Kind::NoSuchUnit) => {
            failure.with_hint("`runnerctl list-unit-files` lists those there are")
        }
        Some(Kind::UnitMasked) => failure.with_hint("`runnerctl unmask` allows it"),
        _ => failure,
    }
}

/// Says what was done, and lets the manager read the files again.
async fn finish(
    client: &Client,
    terminal: &mut Terminal,
    args: &NamedUnitsArgs,
    installed: Installed,
) -> Outcome {
    if terminal.json() {
        let changes: Vec<Value> = installed
            .changes
            .iter()
            .map(|(what, path, target)| match target.as_str() {
                "" => json!({ "change": what, "path": path }),
                target => json!({ "change": what, "path": path, "target": target }),
            })
            .collect();
        terminal.value(&json!({
            "has_install_info": installed.has_install_info,
            "changes": changes,
        }))?;
    } else if !terminal.quiet() {
        for (what, path, target) in &installed.changes {
            let path = terminal.foreign(path).into_owned();
            let target = terminal.foreign(target).into_owned();
            terminal.line(&match what.as_str() {
                "symlink" => format!("Created symlink {path} → {target}."),
                "unlink" => format!("Removed \"{path}\"."),
                "write" => format!("Wrote \"{path}\"."),
                other => format!("{other} {path}"),
            })?;
        }
    }
    if args.no_reload {
        return Ok(Exit::Done);
    }
    // What else is wrong somewhere is no reason not to do what was asked.
    let reloaded = client.reload_units(true).await?;
    if !terminal.json() {
        for found in reloaded
            .diagnostics
            .iter()
            .filter(|it| it.severity == "error")
        {
            terminal.finding(&Finding::from(found));
        }
    }
    Ok(Exit::Done)
}

/// Does the job that goes with it.
async fn now(
    client: &Client,
    terminal: &mut Terminal,
    args: &NamedUnitsArgs,
    verb: Option<&'static str>,
) -> Outcome {
    let Some(verb) = verb else {
        return Ok(Exit::Done);
    };
    let args = JobArgs {
        units: UnitsArgs {
            units: args.units.clone(),
        },
        no_block: false,
        job_mode: JobMode::Replace,
    };
    jobs::queue(client, terminal, verb, &args).await
}
