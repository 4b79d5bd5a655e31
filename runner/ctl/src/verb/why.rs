//! `why`: the chain of causes of a unit's state, and what to do next.

use dbus::client::{Client, Link, LogLine, Properties, Why};
use serde_json::json;

use super::logs;
use crate::cli::WhyArgs;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::render::ending::Ending;
use crate::render::time;
use crate::terminal::{Style, Terminal};

/// `why`
pub(super) async fn why(client: &Client, terminal: &mut Terminal, args: &WhyArgs) -> Outcome {
    let why = client.why(args.unit.as_str()).await?;
    let properties = client.unit(&why.unit).await?;
    let mut log = Vec::new();
    if args.lines > 0
        && let Ok(mut reader) = client
            .read_log(std::slice::from_ref(&why.unit), args.lines, false)
            .await
    {
        while let Ok(Some(line)) = reader.next().await {
            log.push(line);
        }
    }
    let ending = ending(&properties);
    if terminal.json() {
        terminal.value(&in_json(&why, ending, &log))?;
    } else {
        print(terminal, &why, &properties, ending, &log)?;
    }
    Ok(
        match (properties.text("LoadState"), properties.text("ActiveState")) {
            ("not-found", "inactive") => Exit::Unknown,
            (_, "active" | "reloading") => Exit::Done,
            _ => Exit::NotActive,
        },
    )
}

/// How the main process of the last run ended; `None` while it runs, and before the first.
fn ending(properties: &Properties) -> Option<Ending> {
    if properties.number("MainPID").unwrap_or_default() > 0 {
        return None;
    }
    let number = |name| {
        properties
            .number(name)
            .and_then(|number| i32::try_from(number).ok())
            .unwrap_or_default()
    };
    Ending::new(number("ExecMainCode"), number("ExecMainStatus"))
}

fn print(
    terminal: &mut Terminal,
    why: &Why,
    properties: &Properties,
    ending: Option<Ending>,
    log: &[LogLine],
) -> Result<(), Failure> {
    let mut last: Option<&str> = None;
    for link in &why.chain {
        if last != Some(&link.unit) {
            let active = match last {
                None => properties.text("ActiveState"),
                Some(_) => "",
            };
            let name = terminal.foreign(&link.unit).into_owned();
            let heading = terminal.paint(Style::of_active(active), &name);
            let arrow = if last.is_some() { "└ " } else { "" };
            terminal.line(&format!("{arrow}{heading}"))?;
        }
        last = Some(&link.unit);
        let text = terminal.foreign(&sentence(link)).replace('\n', "\n    ");
        terminal.line(&format!("  {text}"))?;
    }
    if let Some(ending) = ending {
        terminal.line("")?;
        let when = properties.number("ExecMainExitTimestamp");
        let when = when
            .filter(|at| *at > 0)
            .map(|at| format!(", {}", time::moment(at)));
        let when = when.unwrap_or_default();
        terminal.line(&format!("last process: {ending}{when}"))?;
    }
    if !log.is_empty() {
        terminal.line("")?;
    }
    for line in log {
        logs::print(terminal, line, false)?;
    }
    terminal.line("")?;
    let advice = terminal.foreign(&why.advice).into_owned();
    terminal.line(&format!("next: {advice}"))?;
    Ok(())
}

/// The sentence, with its time.
fn sentence(link: &Link) -> String {
    match link.at {
        0 => link.text.clone(),
        at => format!("{} ({})", link.text, time::moment(at)),
    }
}

fn in_json(why: &Why, ending: Option<Ending>, log: &[LogLine]) -> serde_json::Value {
    let chain = why.chain.iter().map(|link| {
        json!({
            "unit": link.unit,
            "at": Some(link.at).filter(|at| *at > 0),
            "fact": link.fact,
            "text": link.text,
        })
    });
    json!({
        "unit": why.unit,
        "chain": chain.collect::<Vec<_>>(),
        "last_process": ending.map(|ending| ending.to_string()),
        "log": log.iter().map(logs::record).collect::<Vec<_>>(),
        "next": why.advice,
    })
}
