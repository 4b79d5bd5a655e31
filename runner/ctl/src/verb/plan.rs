//! `plan`: what `daemon-reload` would change, before it does.

use dbus::client::{Client, Preview, SettingPreview, UnitPreview};
use serde_json::json;

use super::lists::plural;
use super::manager::finding;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::terminal::{Finding, Style, Terminal};

/// `plan`
pub(super) async fn plan(client: &Client, terminal: &mut Terminal) -> Outcome {
    let preview = client.preview_reload().await?;
    if terminal.json() {
        terminal.value(&in_json(&preview))?;
    } else {
        print(terminal, &preview)?;
    }
    if !preview.refused {
        return Ok(Exit::Done);
    }
    if terminal.json() {
        return Err(Failure::Told(Exit::Failed));
    }
    let verb = verb(&preview);
    let failure = Failure::because(format!(
        "{verb} would be refused, and nothing applied: the files have errors"
    ));
    Err(match verb {
        "daemon-reload" => failure.with_hint(
            "correct them, or apply the good ones: `runnerctl daemon-reload --keep-going`",
        ),
        _ => failure.with_hint("correct them"),
    })
}

/// What people call that which is previewed.
fn verb(preview: &Preview) -> &'static str {
    match preview.way.as_str() {
        "update" => "update",
        _ => "daemon-reload",
    }
}

fn print(terminal: &mut Terminal, preview: &Preview) -> Result<(), Failure> {
    for found in &preview.diagnostics {
        terminal.finding(&Finding::from(found));
    }
    let verb = verb(preview);
    if preview.units.is_empty() {
        terminal.line(&format!("{verb} would change nothing"))?;
        return Ok(());
    }
    let count = plural(preview.units.len(), "unit");
    let heading = match preview.refused {
        true => format!("the good files alone would change {count}:"),
        false => format!("{verb} would change {count}:"),
    };
    terminal.line(&heading)?;
    for unit in &preview.units {
        terminal.line("")?;
        print_unit(terminal, unit)?;
    }
    let waiting: Vec<&str> = preview
        .units
        .iter()
        .filter(|unit| unit.outcome == "needs-restart")
        .map(|unit| unit.unit.as_str())
        .collect();
    if !waiting.is_empty() && !preview.refused {
        terminal.line("")?;
        terminal.line(&format!(
            "a reload restarts nothing; to bring all of it into effect: `runnerctl daemon-reload && runnerctl try-restart {}`",
            waiting.join(" ")
        ))?;
    }
    Ok(())
}

fn print_unit(terminal: &mut Terminal, unit: &UnitPreview) -> Result<(), Failure> {
    let (sign, style) = match (unit.from.as_str(), unit.to.as_str()) {
        ("", _) => ("+", Style::Good),
        (_, "") => ("-", Style::Bad),
        _ => ("~", Style::Passing),
    };
    let sign = terminal.paint(style, sign);
    let name = terminal.foreign(&unit.unit).into_owned();
    terminal.line(&format!("{sign} {name}: {}", outcome(unit)))?;
    if !unit.from.is_empty() && !unit.to.is_empty() && unit.from != unit.to {
        terminal.line(&format!("    load state: {} → {}", unit.from, unit.to))?;
    }
    for setting in &unit.settings {
        let line = terminal.foreign(&change(setting)).into_owned();
        terminal.line(&format!("    {line}"))?;
    }
    Ok(())
}

/// What becomes of the unit, as a sentence.
fn outcome(unit: &UnitPreview) -> String {
    let group = &unit.group;
    match unit.outcome.as_str() {
        "known" => "is new, and not started".to_owned(),
        "next-start" => "is down; its next start is by the new definition".to_owned(),
        "at-once" => "runs on; all of this counts at once".to_owned(),
        "needs-restart" => "runs on as it was started; needs a restart".to_owned(),
        "forgotten" => "is gone, and forgotten".to_owned(),
        "runs-on" if unit.to == "masked" => {
            "is masked; runs on, and cannot be started again".to_owned()
        }
        "runs-on" => "is gone; runs on until it is stopped, then it is forgotten".to_owned(),
        "keeps-old" => "is broken; stays on its last good definition".to_owned(),
        "unusable" => "is broken; cannot be started".to_owned(),
        "masked" => "is masked; cannot be started".to_owned(),
        "starts" => format!("is started, with group {group}"),
        "stops" => format!("is stopped, with group {group}"),
        "restarts" => format!("is stopped and started again, with group {group}"),
        other => other.to_owned(),
    }
}

/// `user: unset → www (web.toml:3; from the next start)`
fn change(setting: &SettingPreview) -> String {
    let shown = |is_set: bool, text: &str| match is_set {
        true => format!("{:?}", text.replace('\n', " ")),
        false => "unset".to_owned(),
    };
    let mut remarks = Vec::new();
    if !setting.path.is_empty() {
        remarks.push(match setting.line {
            0 => setting.path.clone(),
            line => format!("{}:{line}", setting.path),
        });
    }
    if setting.at_start {
        remarks.push("from the next start".to_owned());
    }
    let remarks = match remarks.as_slice() {
        [] => String::new(),
        some => format!("  ({})", some.join("; ")),
    };
    format!(
        "{}: {} → {}{remarks}",
        setting.setting,
        shown(setting.was_set, &setting.from),
        shown(setting.is_set, &setting.to)
    )
}

fn in_json(preview: &Preview) -> serde_json::Value {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let settings = |unit: &UnitPreview| -> Vec<_> {
        let settings = unit.settings.iter().map(|setting| {
            json!({
                "setting": setting.setting,
                "from": setting.was_set.then_some(&setting.from),
                "to": setting.is_set.then_some(&setting.to),
                "path": text(&setting.path),
                "line": setting.line,
                "at_start": setting.at_start,
            })
        });
        settings.collect()
    };
    let units = preview.units.iter().map(|unit| {
        json!({
            "unit": unit.unit,
            "from": text(&unit.from),
            "to": text(&unit.to),
            "outcome": unit.outcome,
            "group": text(&unit.group),
            "settings": settings(unit),
        })
    });
    json!({
        "way": preview.way,
        "refused": preview.refused,
        "units": units.collect::<Vec<_>>(),
        "diagnostics": preview.diagnostics.iter().map(finding).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_says_what_where_and_when() {
        let setting = SettingPreview {
            setting: "user".to_owned(),
            was_set: false,
            from: String::new(),
            is_set: true,
            to: "www".to_owned(),
            path: "/u/web.toml".to_owned(),
            line: 3,
            at_start: true,
        };
        assert_eq!(
            change(&setting),
            "user: unset → \"www\"  (/u/web.toml:3; from the next start)"
        );
        let gone = SettingPreview {
            was_set: true,
            from: "a\nb".to_owned(),
            is_set: false,
            to: String::new(),
            line: 0,
            at_start: false,
            ..setting
        };
        assert_eq!(change(&gone), "user: \"a b\" → unset  (/u/web.toml)");
    }
}
