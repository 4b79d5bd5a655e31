//! Verbs about unit files: what is started without being asked for, and settings that are set.

use std::fmt::Display;

use dbus::client::{Client, Error, Installed, Kind};
use serde_json::{Map, Value, json};
use units::UnitName;
use units::install::{How, Order, Preset, Problem, Tie};

use super::directories::Directories;
use super::jobs::{self, Performed};
use super::lists::{matches, or_dash, plural};
use crate::cli::{
    AddDependencyArgs, DisableArgs, GetDefaultArgs, InstallArgs, IsEnabledArgs, JobArgs, JobMode,
    LinkArgs, ListUnitFilesArgs, NamedUnitsArgs, SetDefaultArgs, SetPropertyArgs, UnitsArgs,
    UnmaskArgs,
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

/// What helps against a mask.
pub(super) const UNMASK: &str = "`runnerctl unmask` allows it";

/// What helps where a unit has no file.
const LIST: &str = "`runnerctl list-unit-files` lists those there are";

/// Who works on unit files.
pub(super) enum Hand<'a> {
    /// A manager, which then reads them again.
    Manager(&'a Client),
    /// This process.
    Ours(Box<Directories>),
}

impl Hand<'_> {
    /// The manager; a failure where `what` needs one and there is none.
    fn manager(&self, what: &str) -> Result<&Client, Failure> {
        match self {
            Hand::Manager(client) => Ok(client),
            Hand::Ours(_) => Err(Failure::because(format!(
                "{what} needs a runnerd that runs"
            ))),
        }
    }

    /// Carries an order out.
    async fn perform(&self, order: &Order) -> Result<Installed, Failure> {
        let cannot = |why: &dyn Display, exit| {
            let (what, units) = told(order);
            Failure::new(exit, format!("cannot {what} {units}: {why}"))
        };
        match self {
            Hand::Manager(client) => match client.install(order).await {
                Err(Error::Lost(cause)) => Err(Failure::Lost(cause)),
                Err(error) => Err(match error.kind() {
                    Some(Kind::AccessDenied) => cannot(&error, Exit::Refused),
                    Some(Kind::NoSuchUnit) => cannot(&error, Exit::Failed).with_hint(LIST),
                    Some(Kind::UnitMasked) => cannot(&error, Exit::Failed).with_hint(UNMASK),
                    _ => cannot(&error, Exit::Failed),
                }),
                Ok(installed) => Ok(installed),
            },
            Hand::Ours(directories) => directories.perform(order, |problem| match problem {
                Problem::NoSuchUnit(_) => cannot(problem, Exit::Failed).with_hint(LIST),
                Problem::Masked(..) => cannot(problem, Exit::Failed).with_hint(UNMASK),
                _ => cannot(problem, Exit::Failed),
            }),
        }
    }

    async fn unit_files(&self) -> Result<Vec<(String, String, String, String)>, Failure> {
        match self {
            Hand::Manager(client) => Ok(client.unit_files().await?),
            Hand::Ours(directories) => {
                let lines = directories.files().list().into_iter();
                let texts = lines.map(|line| {
                    let preset = line.preset.map_or("", Preset::as_str).to_owned();
                    let state = line.state.as_str().to_owned();
                    (line.name.to_string(), line.path, state, preset)
                });
                Ok(texts.collect())
            }
        }
    }

    /// The state of a unit's file; none for a unit without one.
    async fn unit_file_state(&self, unit: &str) -> Result<Option<String>, Failure> {
        match self {
            Hand::Manager(client) => match client.unit_file_state(unit).await {
                Ok(state) => Ok(Some(state)),
                Err(error) if error.kind() == Some(Kind::NoSuchUnit) => Ok(None),
                Err(error) => Err(error.into()),
            },
            Hand::Ours(directories) => match directories.files().state(&parsed(unit)?) {
                Ok(state) => Ok(Some(state.as_str().to_owned())),
                Err(Problem::NoSuchUnit(_)) => Ok(None),
                Err(problem) => Err(Failure::because(problem.to_string())),
            },
        }
    }
}

fn parsed(unit: &str) -> Result<UnitName, Failure> {
    UnitName::parse(unit).map_err(|problem| Failure::new(Exit::Usage, format!("{unit}: {problem}")))
}

/// What an order does to which units, for people.
fn told(order: &Order) -> (&'static str, String) {
    let (what, units) = match order {
        Order::Enable { units, .. } | Order::Reenable { units, .. } => ("enable", &units[..]),
        Order::Disable { units, .. } => ("disable", &units[..]),
        Order::Mask { units, .. } => ("mask", &units[..]),
        Order::Unmask { units, .. } => ("unmask", &units[..]),
        Order::Revert { units } => ("revert", &units[..]),
        Order::Depend { units, .. } => ("add a dependency on", &units[..]),
        Order::Set { unit, .. } => ("set a property of", std::slice::from_ref(unit)),
        Order::Default { unit, .. } => ("let boot start", std::slice::from_ref(unit)),
        Order::Link { paths, .. } => return ("link", paths.join(", ")),
    };
    let units: Vec<&str> = units.iter().map(UnitName::as_str).collect();
    (what, units.join(", "))
}

/// `list-unit-files`
pub(super) async fn list(
    hand: &Hand<'_>,
    terminal: &mut Terminal,
    args: &ListUnitFilesArgs,
) -> Outcome {
    let mut files = hand.unit_files().await?;
    files.retain(|(unit, _, state, _)| {
        let kind = unit.rsplit_once('.').map_or("", |(_, kind)| kind);
        matches(&args.patterns.patterns, unit)
            && (args.state.is_empty() || args.state.contains(state))
            && (args.kind.is_empty() || args.kind.iter().any(|wanted| wanted.as_str() == kind))
    });
    // By kind, as systemctl has it.
    files.sort_by(|(a, ..), (b, ..)| {
        let kind = |unit: &str| unit.rsplit_once('.').map(|(_, kind)| kind.to_owned());
        (kind(a), a).cmp(&(kind(b), b))
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
    hand: &Hand<'_>,
    terminal: &mut Terminal,
    args: &IsEnabledArgs,
) -> Outcome {
    let mut exit = Exit::Failed;
    let mut states = Map::new();
    for unit in names(&args.units.units)? {
        let Some(state) = hand.unit_file_state(&unit).await? else {
            if !terminal.json() {
                let message = format!("there is no unit file of {unit}");
                terminal.error(&message, None, Exit::Failed.code());
            }
            states.insert(unit, Value::from("not-found"));
            continue;
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
    hand: &Hand<'_>,
    terminal: &mut Terminal,
    args: &InstallArgs,
) -> Outcome {
    enable_some(hand, terminal, args, false).await
}

/// `reenable`
pub(super) async fn reenable(
    hand: &Hand<'_>,
    terminal: &mut Terminal,
    args: &InstallArgs,
) -> Outcome {
    enable_some(hand, terminal, args, true).await
}

async fn enable_some(
    hand: &Hand<'_>,
    terminal: &mut Terminal,
    args: &InstallArgs,
    again: bool,
) -> Outcome {
    let units = unit_names(&args.units.units)?;
    let how = How {
        runtime: args.runtime,
        force: args.force,
    };
    if args.now {
        hand.manager("--now")?;
    }
    let order = match again {
        true => Order::Reenable { units, how },
        false => Order::Enable { units, how },
    };
    let installed = hand.perform(&order).await?;
    if !installed.has_install_info && !terminal.json() {
        terminal.remark(&format!(
            "{} cannot be enabled: nothing in [Install] says what should start it; it is started by \
             others, by hand, or by its sockets, timers and paths",
            told(&order).1
        ));
    }
    finish(
        hand,
        terminal,
        &args.units,
        installed,
        args.now.then_some("start"),
    )
    .await
}

/// `disable`
pub(super) async fn disable(
    hand: &Hand<'_>,
    terminal: &mut Terminal,
    args: &DisableArgs,
) -> Outcome {
    let units = unit_names(&args.units.units)?;
    let runtime = args.runtime;
    if args.now {
        hand.manager("--now")?;
    }
    let installed = hand.perform(&Order::Disable { units, runtime }).await?;
    finish(
        hand,
        terminal,
        &args.units,
        installed,
        args.now.then_some("stop"),
    )
    .await
}

/// `mask`
pub(super) async fn mask(hand: &Hand<'_>, terminal: &mut Terminal, args: &InstallArgs) -> Outcome {
    let units = unit_names(&args.units.units)?;
    let how = How {
        runtime: args.runtime,
        force: args.force,
    };
    if args.now {
        hand.manager("--now")?;
    }
    let nobody = |unit: &UnitName| format!("there is no unit {unit}; it is masked all the same");
    for unit in &units {
        match hand {
            Hand::Manager(client) => {
                let properties = client.unit(unit.as_str()).await?;
                let triggers = properties.texts("TriggeredBy").join(", ");
                if properties.text("LoadState") == "not-found" {
                    terminal.remark(&nobody(unit));
                } else if !triggers.is_empty() {
                    terminal.remark(&format!("{unit} is still asked for by {triggers}, in vain"));
                }
            }
            Hand::Ours(directories) => {
                if let Err(Problem::NoSuchUnit(unit)) = directories.files().state(unit) {
                    terminal.remark(&nobody(&unit));
                }
            }
        }
    }
    let installed = hand.perform(&Order::Mask { units, how }).await?;
    finish(
        hand,
        terminal,
        &args.units,
        installed,
        args.now.then_some("stop"),
    )
    .await
}

/// `unmask`
pub(super) async fn unmask(hand: &Hand<'_>, terminal: &mut Terminal, args: &UnmaskArgs) -> Outcome {
    let units = unit_names(&args.units.units)?;
    let runtime = args.runtime;
    let installed = hand.perform(&Order::Unmask { units, runtime }).await?;
    finish(hand, terminal, &args.units, installed, None).await
}

/// `revert`
pub(super) async fn revert(
    hand: &Hand<'_>,
    terminal: &mut Terminal,
    args: &NamedUnitsArgs,
) -> Outcome {
    let units = unit_names(&args.units)?;
    let installed = hand.perform(&Order::Revert { units }).await?;
    finish(hand, terminal, args, installed, None).await
}

/// `add-wants`
pub(super) async fn add_wants(
    hand: &Hand<'_>,
    terminal: &mut Terminal,
    args: &AddDependencyArgs,
) -> Outcome {
    add(hand, terminal, args, Tie::Wants).await
}

/// `add-requires`
pub(super) async fn add_requires(
    hand: &Hand<'_>,
    terminal: &mut Terminal,
    args: &AddDependencyArgs,
) -> Outcome {
    add(hand, terminal, args, Tie::Requires).await
}

async fn add(
    hand: &Hand<'_>,
    terminal: &mut Terminal,
    args: &AddDependencyArgs,
    word: Tie,
) -> Outcome {
    let order = Order::Depend {
        units: unit_names(&args.units.units)?,
        on_behalf_of: parsed(&jobs::target_name(&args.target))?,
        word,
        how: How {
            runtime: args.runtime,
            force: args.force,
        },
    };
    let installed = hand.perform(&order).await?;
    finish(hand, terminal, &args.units, installed, None).await
}

/// `link`
pub(super) async fn link(hand: &Hand<'_>, terminal: &mut Terminal, args: &LinkArgs) -> Outcome {
    let mut paths = Vec::new();
    for file in &args.files {
        let cannot = |why: &dyn Display| {
            Failure::new(
                Exit::Failed,
                format!("cannot link {}: {why}", file.display()),
            )
        };
        let path = std::path::absolute(file).map_err(|error| cannot(&error))?;
        let found = path.symlink_metadata().map_err(|error| cannot(&error))?;
        if !found.is_file() {
            return Err(cannot(&"it is no file"));
        }
        let path = path.into_os_string().into_string();
        paths.push(path.map_err(|_| cannot(&"its path is no text"))?);
    }
    let how = How {
        runtime: args.runtime,
        force: args.force,
    };
    let installed = hand.perform(&Order::Link { paths, how }).await?;
    finish_with(hand, terminal, &[], args.no_reload, installed, None).await
}

/// `get-default`
pub(super) async fn get_default(
    hand: &Hand<'_>,
    terminal: &mut Terminal,
    _: &GetDefaultArgs,
) -> Outcome {
    let target = match hand {
        Hand::Manager(client) => client.default_target().await?,
        Hand::Ours(directories) => directories.default_target(),
    };
    match terminal.json() {
        true => terminal.value(&json!({ "default": target }))?,
        false => terminal.line(&target)?,
    }
    Ok(Exit::Done)
}

/// `set-default`
pub(super) async fn set_default(
    hand: &Hand<'_>,
    terminal: &mut Terminal,
    args: &SetDefaultArgs,
) -> Outcome {
    let order = Order::Default {
        unit: parsed(&jobs::target_name(&args.target))?,
        force: true,
    };
    let installed = hand.perform(&order).await?;
    finish_with(hand, terminal, &[], args.no_reload, installed, None).await
}

/// `set-property`
pub(super) async fn set_property(
    client: &Client,
    terminal: &mut Terminal,
    args: &SetPropertyArgs,
) -> Outcome {
    let mut settings = Vec::new();
    for text in &args.settings {
        let Some((name, value)) = text.split_once('=') else {
            let message = format!("{text} is not of the form NAME=VALUE");
            return Err(Failure::new(Exit::Usage, message));
        };
        settings.push((name.to_owned(), value.to_owned()));
    }
    for unit in unit_names(std::slice::from_ref(&args.unit))? {
        let order = Order::Set {
            unit,
            settings: settings.clone(),
            runtime: args.runtime,
        };
        Hand::Manager(client).perform(&order).await?;
    }
    if terminal.json() {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in &settings {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        terminal.value(&json!({ "unit": args.unit.as_str(), "set": names }))?;
    }
    Ok(Exit::Done)
}

/// Names only: a pattern would mean loaded units, and these need not be.
pub(super) fn names(units: &[UnitArg]) -> Result<Vec<String>, Failure> {
    if let Some(pattern) = units.iter().find(|unit| unit.is_pattern()) {
        let message = format!("{pattern} is a pattern, and names are wanted here");
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(units.iter().map(|unit| unit.as_str().to_owned()).collect())
}

fn unit_names(units: &[UnitArg]) -> Result<Vec<UnitName>, Failure> {
    names(units)?.iter().map(|unit| parsed(unit)).collect()
}

/// Lets a manager read the files again. What else is wrong somewhere is no reason not to do what was
/// asked: it is told.
pub(super) async fn reload(client: &Client, terminal: &mut Terminal) -> Result<(), Failure> {
    let reloaded = client.reload_units(true).await?;
    if !terminal.json() {
        let errors = reloaded.diagnostics.iter();
        for found in errors.filter(|found| found.severity == "error") {
            terminal.finding(&Finding::from(found));
        }
    }
    Ok(())
}

/// Says what was done, lets the manager read the files again, and does the job that goes with it.
async fn finish(
    hand: &Hand<'_>,
    terminal: &mut Terminal,
    args: &NamedUnitsArgs,
    installed: Installed,
    now: Option<&'static str>,
) -> Outcome {
    finish_with(hand, terminal, &args.units, args.no_reload, installed, now).await
}

async fn finish_with(
    hand: &Hand<'_>,
    terminal: &mut Terminal,
    units: &[UnitArg],
    no_reload: bool,
    installed: Installed,
    now: Option<&'static str>,
) -> Outcome {
    if !terminal.json() && !terminal.quiet() {
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
    // What is masked can be stopped no less, but only what is known: so that comes before the files
    // are read again.
    let mut done = None;
    if let Some(verb @ "stop") = now {
        done = Some(job(hand, terminal, units, verb).await?);
    }
    if let Hand::Manager(client) = hand
        && !no_reload
    {
        reload(client, terminal).await?;
    }
    if let (None, Some(verb)) = (&done, now) {
        done = Some(job(hand, terminal, units, verb).await?);
    }
    if terminal.json() {
        let changes: Vec<Value> = installed
            .changes
            .iter()
            .map(|(what, path, target)| match target.as_str() {
                "" => json!({ "change": what, "path": path }),
                target => json!({ "change": what, "path": path, "target": target }),
            })
            .collect();
        let mut value = json!({
            "has_install_info": installed.has_install_info,
            "changes": changes,
        });
        if let Some(done) = &done {
            value["jobs"] = json!(done.reports);
        }
        terminal.value(&value)?;
    }
    match done {
        Some(done) => done.outcome(),
        None => Ok(Exit::Done),
    }
}

/// Does the job that goes with it.
async fn job(
    hand: &Hand<'_>,
    terminal: &mut Terminal,
    units: &[UnitArg],
    verb: &'static str,
) -> Result<Performed, Failure> {
    let wish = JobArgs {
        units: UnitsArgs {
            units: units.to_vec(),
        },
        no_block: false,
        job_mode: JobMode::Replace,
    };
    jobs::perform(hand.manager("--now")?, terminal, verb, &wish).await
}
