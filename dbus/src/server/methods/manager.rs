//! Methods about the whole.

use control::{Command, Reply, Request};
use engine::command::Answer;
use engine::preview::{UnitPreview, Way};

use super::command;
use crate::error::Kind;
use crate::names::Face;
use crate::server::call::{Call, Outcome, strange};
use crate::server::diagnostics;
use crate::server::refusal::Failure;
use crate::wire;

pub(super) async fn reload(call: Call) -> Outcome {
    call.no_arguments()?;
    // systemd has always gone on with the good files, and what calls its reload, such as the
    // installation of a package, knows nothing of other people's broken ones.
    let keep_going = call.face == Face::Systemd;
    command(call, Command::Reload { keep_going }).await
}

pub(super) async fn reload_units(call: Call) -> Outcome {
    let keep_going = call.arguments()?;
    let request = Request::Command(Command::Reload { keep_going });
    let (applied, found) = match call.ask_for_refusal(request).await? {
        Ok(Reply::Answer(Answer::Reloaded(found))) => (true, found),
        Ok(other) => return Err(strange(&other)),
        // Here a broken file is an answer, not an error: the client gets it piece by piece.
        Err(control::Refusal::ReloadRefused(found)) => (false, found),
        Err(refusal) => return Err(refusal.into()),
    };
    let lines: Vec<wire::Diagnostic> = found.iter().map(diagnostics::line).collect();
    call.reply(&(applied, lines))
}

pub(super) async fn preview_reload(call: Call) -> Outcome {
    call.no_arguments()?;
    let preview = match call.ask(Request::Preview).await? {
        Reply::Preview(preview) => preview,
        other => return Err(strange(&other)),
    };
    let way = match preview.way {
        Way::Reload => "reload",
        Way::Update => "update",
    };
    let units: Vec<wire::UnitPreview> = preview.units.into_iter().map(unit_preview).collect();
    let lines: Vec<wire::Diagnostic> = preview.diagnostics.iter().map(diagnostics::line).collect();
    call.reply(&(way, preview.refused, units, lines))
}

fn unit_preview(unit: UnitPreview) -> wire::UnitPreview {
    let settings = unit.settings.into_iter().map(|setting| {
        let place = setting.place.as_ref();
        wire::SettingPreview {
            setting: setting.setting.key().to_owned(),
            was_set: setting.from.is_some(),
            from: setting.from.unwrap_or_default(),
            is_set: setting.to.is_some(),
            to: setting.to.unwrap_or_default(),
            path: place
                .map(|place| place.path.to_string())
                .unwrap_or_default(),
            line: place.map_or(0, |place| place.line),
            at_start: setting.at_start,
        }
    });
    wire::UnitPreview {
        unit: unit.unit.to_string(),
        from: unit.from.unwrap_or_default().to_owned(),
        to: unit.to.unwrap_or_default().to_owned(),
        outcome: unit.outcome.as_str().to_owned(),
        group: unit.group.unwrap_or_default(),
        settings: settings.collect(),
    }
}

pub(super) async fn reexecute(call: Call) -> Outcome {
    call.no_arguments()?;
    match call.ask(Request::Reexec).await? {
        Reply::Answer(_) => call.reply(&()),
        other => Err(strange(&other)),
    }
}

pub(super) async fn exit(call: Call) -> Outcome {
    let status = call.arguments()?;
    command(call, Command::Shutdown { status }).await
}

pub(super) async fn set_environment(call: Call) -> Outcome {
    let set = call.arguments()?;
    change_environment(call, Vec::new(), set).await
}

pub(super) async fn unset_environment(call: Call) -> Outcome {
    let unset = call.arguments()?;
    change_environment(call, unset, Vec::new()).await
}

pub(super) async fn unset_and_set_environment(call: Call) -> Outcome {
    let (unset, set) = call.arguments()?;
    change_environment(call, unset, set).await
}

async fn change_environment(call: Call, unset: Vec<String>, set: Vec<String>) -> Outcome {
    let mut pairs = Vec::with_capacity(set.len());
    for text in &set {
        let Some((name, value)) = text.split_once('=') else {
            return Err(Failure::new(
                Kind::InvalidArgs,
                format!("{text:?} is not of the form NAME=value"),
            ));
        };
        pairs.push((name.to_owned(), value.to_owned()));
    }
    let mut names = Vec::with_capacity(unset.len());
    // A value is only asked for where one is named: it takes a question.
    let held = match unset.iter().any(|text| text.contains('=')) {
        true => match call.ask(Request::Manager).await? {
            Reply::Manager(manager) => manager.environment,
            other => return Err(strange(&other)),
        },
        false => Vec::new(),
    };
    for text in unset {
        match text.split_once('=') {
            None => names.push(text),
            Some((name, value)) => {
                if held.iter().any(|(a, b)| a == name && b == value) {
                    names.push(name.to_owned());
                }
            }
        }
    }
    let unset = names;
    command(call, Command::SetEnvironment { unset, set: pairs }).await
}
