//! Verbs about the manager itself.

use dbus::client::{Client, Diagnostic};
use serde_json::json;

use crate::cli::ReloadArgs;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::runtime::Place;
use crate::terminal::{Finding, Terminal};

/// `daemon-reload`
pub(super) async fn reload(client: &Client, terminal: &mut Terminal, args: &ReloadArgs) -> Outcome {
    let answer = client.reload_units(args.keep_going).await?;
    let errors = answer
        .diagnostics
        .iter()
        .filter(|finding| finding.severity == "error")
        .count();
    if terminal.json() {
        let findings: Vec<_> = answer.diagnostics.iter().map(finding).collect();
        terminal.value(&json!({ "applied": answer.applied, "diagnostics": findings }))?;
    } else {
        for finding in &answer.diagnostics {
            terminal.finding(&Finding::from(finding));
        }
    }
    if answer.applied && (errors == 0 || !args.keep_going) {
        // What was broken before and has not changed since is told, and holds nobody up.
        return Ok(Exit::Done);
    }
    if terminal.json() {
        return Err(Failure::Told(Exit::Failed));
    }
    Err(if answer.applied {
        Failure::because("the good files are applied, the others are not")
    } else {
        Failure::because("nothing is applied: the files have errors")
            .with_hint("`--keep-going` applies the good ones")
    })
}

/// A finding about a unit file, for programs.
pub(super) fn finding(finding: &Diagnostic) -> serde_json::Value {
    json!({
        "severity": finding.severity,
        "path": finding.path,
        "line": finding.line,
        "column": finding.column,
        "message": finding.message,
        "hint": finding.hint,
        "unit": finding.unit,
    })
}

/// `daemon-reexec`
pub(super) async fn reexec(client: &mut Client, terminal: &mut Terminal) -> Outcome {
    client.reexecute().await?;
    if terminal.json() {
        let properties = client.properties().await?;
        terminal.value(&json!({ "version": properties.text("Version") }))?;
    }
    Ok(Exit::Done)
}

/// `shutdown`, `exit`
pub(super) async fn shutdown(
    client: &Client,
    terminal: &mut Terminal,
    exit_status: u8,
    force: bool,
) -> Outcome {
    client.exit(exit_status).await?;
    if force {
        // Whoever asks again is in a hurry.
        client.exit(exit_status).await?;
    }
    client.closed().await;
    if terminal.json() {
        terminal.value(&json!({ "exit_status": exit_status }))?;
    }
    Ok(Exit::Done)
}

/// `version`
pub(super) async fn version(place: &Place, terminal: &mut Terminal) -> Outcome {
    let ours = env!("CARGO_PKG_VERSION");
    // Whether anybody answers is part of the answer, so no silence is a failure.
    let properties = match super::connect(place).await {
        Ok(client) => client.properties().await.ok(),
        Err(_) => None,
    };
    let theirs = properties.map(|properties| properties.text("Version").to_owned());
    if terminal.json() {
        terminal.value(&json!({ "runnerctl": ours, "runnerd": theirs }))?;
        return Ok(Exit::Done);
    }
    terminal.line(&format!("runnerctl {ours}"))?;
    match theirs {
        Some(version) => terminal.line(&format!("runnerd {version}"))?,
        None => terminal.remark("no runnerd answers"),
    }
    Ok(Exit::Done)
}
