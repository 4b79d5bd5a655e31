//! Methods about units.

use std::collections::HashMap;

use control::words::load_state;
use control::{Command, Direction, OwnedDirectories, Reply, Request, Selection, UnitDetail, Word};
use engine::command::{Answer, Whom};
use engine::job::JobKind;
use engine::view::systemd::{JobView, UnitView};
use units::UnitName;
use units::value::Signal;

use super::jobs::jobs;
use super::{command, object, own_unit, unit_name, word};
use crate::error::Kind;
use crate::names::Face;
use crate::server::call::{Call, Outcome, strange};
use crate::server::log_pipe;
use crate::server::objects;
use crate::server::refusal::Failure;
use crate::wire;

/// How many units one call may ask about: a reply is in memory as a whole.
const MOST_UNITS: usize = 1000;

/// How many properties it may name: each is compared with every one there is.
const MOST_PROPERTIES: usize = 500;

/// How many states and patterns a question may have: each is compared with every unit.
const MOST_PATTERNS: usize = 256;

pub(super) async fn clean_named(call: Call) -> Outcome {
    let (unit, mask): (String, Vec<String>) = call.arguments()?;
    clean(call, unit_name(&unit)?, &mask).await
}

pub(super) async fn clean_own(call: Call) -> Outcome {
    let mask: Vec<String> = call.arguments()?;
    let unit = own_unit(&call)?;
    clean(call, unit, &mask).await
}

async fn clean(call: Call, unit: UnitName, mask: &[String]) -> Outcome {
    for word in mask {
        let known = OwnedDirectories::ALL.iter().any(|kind| kind.word() == word);
        if !known && word != "all" {
            let message = format!("{word:?} is no kind of directories of a unit");
            return Err(Failure::new(Kind::InvalidArgs, message));
        }
    }
    let is_meant =
        |kind: &OwnedDirectories| mask.iter().any(|word| word == kind.word() || word == "all");
    let what = OwnedDirectories::ALL.into_iter().filter(is_meant);
    let what = what.collect();
    done(call, Request::Clean { unit, what }).await
}

pub(super) async fn freeze_named(call: Call) -> Outcome {
    let unit = unit_name(&call.arguments::<String>()?)?;
    done(call, Request::Freeze { unit, frozen: true }).await
}

pub(super) async fn thaw_named(call: Call) -> Outcome {
    let unit = unit_name(&call.arguments::<String>()?)?;
    let frozen = false;
    done(call, Request::Freeze { unit, frozen }).await
}

pub(super) async fn freeze_own(call: Call) -> Outcome {
    call.no_arguments()?;
    let unit = own_unit(&call)?;
    done(call, Request::Freeze { unit, frozen: true }).await
}

pub(super) async fn thaw_own(call: Call) -> Outcome {
    call.no_arguments()?;
    let (unit, frozen) = (own_unit(&call)?, false);
    done(call, Request::Freeze { unit, frozen }).await
}

pub(super) async fn abandon_named(call: Call) -> Outcome {
    let unit = unit_name(&call.arguments::<String>()?)?;
    done(call, Request::Command(Command::Abandon { unit })).await
}

pub(super) async fn abandon_own(call: Call) -> Outcome {
    call.no_arguments()?;
    let unit = own_unit(&call)?;
    done(call, Request::Command(Command::Abandon { unit })).await
}

async fn done(call: Call, request: Request) -> Outcome {
    match call.ask(request).await? {
        Reply::Done | Reply::Answer(Answer::Done) => call.reply(&()),
        other => Err(strange(&other)),
    }
}

pub(super) async fn kill_named_unit(call: Call) -> Outcome {
    let (unit, whom, signal): (String, String, i32) = call.arguments()?;
    let unit = unit_name(&unit)?;
    kill(call, unit, &whom, signal).await
}

pub(super) async fn kill_own(call: Call) -> Outcome {
    let (whom, signal): (String, i32) = call.arguments()?;
    let unit = own_unit(&call)?;
    kill(call, unit, &whom, signal).await
}

async fn kill(call: Call, unit: UnitName, whom: &str, signal: i32) -> Outcome {
    // An empty word means all, as it does to systemd.
    // With `-fail`, systemd has it that nobody there to be told is a failure; without, one to all
    // is not.
    let (whom, must_hit) = match whom.strip_suffix("-fail") {
        Some(whom) if call.face == Face::Systemd => (whom, true),
        _ => (whom, call.face == Face::Runner),
    };
    let whom: Whom = if whom.is_empty() {
        Whom::All
    } else {
        word("process selection", whom)?
    };
    let signal = Signal::from_number(signal).ok_or_else(|| {
        Failure::new(
            Kind::InvalidArgs,
            format!("{signal} is not a signal number from 1 to 64"),
        )
    })?;
    let killed = command(call.clone(), Command::Kill { unit, whom, signal }).await;
    match killed.map_err(Failure::of_loaded) {
        Err(failure) if failure.kind == Kind::NoSuchProcess && !must_hit && whom == Whom::All => {
            call.reply(&())
        }
        outcome => outcome,
    }
}

pub(super) async fn reset_failed(call: Call) -> Outcome {
    call.no_arguments()?;
    command(call, Command::ResetFailed { unit: None }).await
}

pub(super) async fn reset_failed_named_unit(call: Call) -> Outcome {
    let unit = Some(unit_name(&call.arguments::<String>()?)?);
    let reset = command(call, Command::ResetFailed { unit }).await;
    reset.map_err(Failure::of_loaded)
}

pub(super) async fn reset_failed_own(call: Call) -> Outcome {
    call.no_arguments()?;
    let unit = Some(own_unit(&call)?);
    command(call, Command::ResetFailed { unit }).await
}

pub(super) async fn get_unit(call: Call) -> Outcome {
    let unit = unit_name(&call.arguments::<String>()?)?;
    if unit_detail(&call, unit.clone())
        .await?
        .view
        .definition
        .is_none()
    {
        return Err(
            Failure::new(Kind::NoSuchUnit, format!("unit {unit} not loaded"))
                .on_systemd(format!("Unit {unit} not loaded.")),
        );
    }
    call.reply(&object(call.face.unit_path(unit.as_str())))
}

pub(super) async fn load_unit(call: Call) -> Outcome {
    let unit = unit_name(&call.arguments::<String>()?)?;
    call.reply(&object(call.face.unit_path(unit.as_str())))
}

pub(super) async fn get_unit_properties(call: Call) -> Outcome {
    let (names, wanted): (Vec<String>, Vec<String>) = call.arguments()?;
    if names.len() > MOST_UNITS || wanted.len() > MOST_PROPERTIES {
        return Err(Failure::new(
            Kind::LimitsExceeded,
            format!("at most {MOST_UNITS} units and {MOST_PROPERTIES} properties at a time"),
        ));
    }
    let mut rows_of = HashMap::new();
    let mut units = Vec::with_capacity(names.len());
    for name in names {
        let unit = unit_name(&name)?;
        let kind = unit.kind();
        let rows = rows_of
            .entry(kind)
            .or_insert_with(|| objects::properties_of(call.face, kind, &wanted));
        units.push((name, objects::values_of(&call, &unit, rows).await?));
    }
    call.reply(&(units,))
}

/// One unit.
pub(in crate::server) async fn unit_detail(
    call: &Call,
    unit: UnitName,
) -> Result<UnitDetail, Failure> {
    match call.ask(Request::Unit(unit)).await? {
        Reply::Unit(detail) => Ok(*detail),
        other => Err(strange(&other)),
    }
}

pub(super) async fn why(call: Call) -> Outcome {
    let unit = unit_name(&call.arguments::<String>()?)?;
    let why = match call.ask(Request::Why(unit)).await? {
        Reply::Why(why) => why,
        other => return Err(strange(&other)),
    };
    let chain = why.chain.into_iter().map(|link| wire::Link {
        unit: link.unit.to_string(),
        at: link.at.map_or(0, |at| at.realtime.0),
        fact: link.fact.as_str().to_owned(),
        text: link.text,
    });
    let chain: Vec<wire::Link> = chain.collect();
    call.reply(&(why.unit.to_string(), chain, why.advice))
}

pub(super) async fn list_units(call: Call) -> Outcome {
    call.no_arguments()?;
    let units = units(&call, Selection::default()).await?;
    lines_reply(call, units).await
}

pub(super) async fn list_units_by_patterns(call: Call) -> Outcome {
    let (states, patterns): (Vec<String>, Vec<String>) = call.arguments()?;
    let units = chosen(&call, states, patterns).await?;
    lines_reply(call, units).await
}

pub(super) async fn list_units_filtered(call: Call) -> Outcome {
    let states: Vec<String> = call.arguments()?;
    let units = chosen(&call, states, Vec::new()).await?;
    lines_reply(call, units).await
}

pub(super) async fn list_units_by_names(call: Call) -> Outcome {
    let names: Vec<String> = call.arguments()?;
    let mut units = Vec::new();
    for name in super::install::names_of(&names)? {
        units.push(unit_detail(&call, name).await?.view);
    }
    lines_reply(call, units).await
}

/// Units in one of these states whose name matches one of the patterns.
pub(super) async fn chosen(
    call: &Call,
    states: Vec<String>,
    patterns: Vec<String>,
) -> Result<Vec<UnitView>, Failure> {
    if states.len() + patterns.len() > MOST_PATTERNS {
        return Err(Failure::new(
            Kind::LimitsExceeded,
            format!("at most {MOST_PATTERNS} states and patterns at a time"),
        ));
    }
    units(call, Selection { patterns, states }).await
}

async fn lines_reply(call: Call, units: Vec<UnitView>) -> Outcome {
    let has_jobs = units.iter().any(|view| view.job.is_some());
    let jobs = if has_jobs {
        jobs(&call).await?
    } else {
        Vec::new()
    };
    let lines: Vec<wire::UnitLine> = units
        .iter()
        .map(|view| unit_line(call.face, view, &jobs))
        .collect();
    call.reply(&(lines,))
}

/// Some units.
pub(in crate::server) async fn units(
    call: &Call,
    selection: Selection,
) -> Result<Vec<UnitView>, Failure> {
    match call.ask(Request::Units(selection)).await? {
        Reply::Units(units) => Ok(units),
        other => Err(strange(&other)),
    }
}

fn unit_line(face: Face, view: &UnitView, jobs: &[JobView]) -> wire::UnitLine {
    let (job, job_object) = match view.job {
        Some(job) => (job.0, face.job_path(job.0)),
        None => (0, "/".to_owned()),
    };
    let kind: Option<JobKind> = jobs
        .binary_search_by_key(&job, |job| job.id.0)
        .ok()
        .map(|at| jobs[at].kind);
    let description = view
        .definition
        .as_ref()
        .map_or("", |definition| definition.description());
    wire::UnitLine {
        name: view.name.to_string(),
        // systemd shows the name where there is no description.
        description: if description.is_empty() {
            view.name.as_str()
        } else {
            description
        }
        .to_owned(),
        load_state: load_state(view).to_owned(),
        active_state: view.active.word().to_owned(),
        sub_state: view.sub.word().to_owned(),
        following: String::new(),
        path: object(face.unit_path(view.name.as_str())),
        job,
        job_type: kind.map_or("", Word::word).to_owned(),
        job_path: object(job_object),
    }
}

pub(super) async fn list_dependencies(call: Call) -> Outcome {
    let (unit, direction): (String, String) = call.arguments()?;
    let unit = unit_name(&unit)?;
    let direction = word::<Direction>("direction", &direction)?;
    match call.ask(Request::Dependencies { unit, direction }).await? {
        Reply::Dependencies(tree) => {
            let lines: Vec<wire::DependencyLine> = tree
                .into_iter()
                .map(|(node, active)| wire::DependencyLine {
                    depth: node.depth,
                    unit: node.unit.to_string(),
                    active_state: active.word().to_owned(),
                    repeated: node.repeated,
                })
                .collect();
            call.reply(&(lines,))
        }
        other => Err(strange(&other)),
    }
}

pub(super) async fn list_sockets(call: Call) -> Outcome {
    call.no_arguments()?;
    match call.ask(Request::Sockets).await? {
        Reply::Sockets(sockets) => {
            let lines: Vec<wire::SocketLine> = sockets
                .into_iter()
                .map(|line| wire::SocketLine {
                    address: line.address,
                    kind: line.kind.to_owned(),
                    unit: line.unit.to_string(),
                    triggers: line.triggers.iter().map(ToString::to_string).collect(),
                    active_state: line.active.word().to_owned(),
                })
                .collect();
            call.reply(&(lines,))
        }
        other => Err(strange(&other)),
    }
}

pub(super) async fn get_unit_processes(call: Call) -> Outcome {
    let unit = unit_name(&call.arguments::<String>()?)?;
    processes(call, unit).await
}

pub(super) async fn own_processes(call: Call) -> Outcome {
    call.no_arguments()?;
    let unit = own_unit(&call)?;
    processes(call, unit).await
}

async fn processes(call: Call, unit: UnitName) -> Outcome {
    let usage = match call.ask(Request::Usage(unit.clone())).await? {
        Reply::Usage(usage) => usage,
        other => return Err(strange(&other)),
    };
    let control_group = unit_detail(&call, unit)
        .await?
        .control_group
        .unwrap_or_default();
    let lines: Vec<wire::ProcessLine> = usage
        .processes
        .into_iter()
        .map(|process| wire::ProcessLine {
            control_group: control_group.clone(),
            pid: process.pid,
            command: process.command.replace('\0', " "),
        })
        .collect();
    call.reply(&(lines,))
}

pub(super) async fn cat(call: Call) -> Outcome {
    let unit = unit_name(&call.arguments::<String>()?)?;
    match call.ask(Request::Cat(unit)).await? {
        Reply::Files(files) => {
            let lines: Vec<wire::FileText> = files
                .into_iter()
                .map(|file| wire::FileText {
                    path: file.path.to_string_lossy().into_owned(),
                    text: file.text.replace('\0', "\u{fffd}"),
                })
                .collect();
            call.reply(&(lines,))
        }
        other => Err(strange(&other)),
    }
}

pub(super) async fn read_log(call: Call) -> Outcome {
    let (units, lines, follow): (Vec<String>, u32, bool) = call.arguments()?;
    let units = units
        .iter()
        .map(|unit| unit_name(unit))
        .collect::<Result<Vec<_>, _>>()?;
    if units.is_empty() {
        return Err(Failure::new(Kind::InvalidArgs, "no unit named"));
    }
    match call
        .ask(Request::Logs {
            units,
            lines,
            follow,
        })
        .await?
    {
        Reply::Logs(stream) => {
            let (pipe, feed) = log_pipe::open(stream).map_err(|error| {
                Failure::new(Kind::LimitsExceeded, format!("cannot make a pipe: {error}"))
            })?;
            let mut done = call.reply(&zbus::Fd::from(pipe))?;
            done.then = Some(Box::pin(feed));
            Ok(done)
        }
        other => Err(strange(&other)),
    }
}
