//! Short questions about units, and short orders that queue no job.

use clap::ValueEnum;
use dbus::client::Client;
use serde_json::{Map, Value, json};

use super::expand;
use crate::cli::{CleanArgs, KillArgs, OptionalUnitsArgs, UnitsArgs};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::terminal::Terminal;

/// `is-active`
pub(super) async fn is_active(
    client: &Client,
    terminal: &mut Terminal,
    args: &UnitsArgs,
) -> Outcome {
    any(
        client,
        terminal,
        args,
        &["active", "reloading"],
        Exit::NotActive,
    )
    .await
}

/// `is-failed`
pub(super) async fn is_failed(
    client: &Client,
    terminal: &mut Terminal,
    args: &UnitsArgs,
) -> Outcome {
    any(client, terminal, args, &["failed"], Exit::Failed).await
}

/// Prints the state of each unit; done if one of them is in one of `wanted`, else `otherwise`.
async fn any(
    client: &Client,
    terminal: &mut Terminal,
    args: &UnitsArgs,
    wanted: &[&str],
    otherwise: Exit,
) -> Outcome {
    let mut states = Vec::new();
    let units = match args.names(client).await {
        // Nothing is as it was wanted.
        Err(nothing @ Failure::NoMatch(_)) => {
            terminal.remark(&nothing.to_string());
            Vec::new()
        }
        units => units?,
    };
    for unit in units {
        let state = client.unit(&unit).await?.text("ActiveState").to_owned();
        states.push((unit, state));
    }
    let found = states
        .iter()
        .any(|(_, state)| wanted.contains(&state.as_str()));
    if terminal.json() {
        let states: Map<_, _> = states
            .into_iter()
            .map(|(unit, state)| (unit, Value::String(state)))
            .collect();
        terminal.value(&states)?;
    } else if !terminal.quiet() {
        for (_, state) in &states {
            terminal.line(state)?;
        }
    }
    Ok(if found { Exit::Done } else { otherwise })
}

/// `kill`
pub(super) async fn kill(client: &Client, terminal: &mut Terminal, args: &KillArgs) -> Outcome {
    let units = args.units.names(client).await?;
    let whom = args.kill_whom.to_possible_value();
    let whom = whom.as_ref().map_or("all", |whom| whom.get_name());
    for unit in &units {
        client.kill(unit, whom, args.signal.number()).await?;
    }
    if terminal.json() {
        terminal.value(&json!({ "units": units, "signal": args.signal, "whom": whom }))?;
    }
    Ok(Exit::Done)
}

/// `clean`
pub(super) async fn clean(client: &Client, terminal: &mut Terminal, args: &CleanArgs) -> Outcome {
    let units = args.units.names(client).await?;
    for unit in &units {
        client.clean(unit, &args.what).await?;
    }
    if terminal.json() {
        terminal.value(&json!({ "units": units, "what": args.what }))?;
    }
    Ok(Exit::Done)
}

/// `freeze`
pub(super) async fn freeze(client: &Client, terminal: &mut Terminal, args: &UnitsArgs) -> Outcome {
    set_frozen(client, terminal, args, true).await
}

/// `thaw`
pub(super) async fn thaw(client: &Client, terminal: &mut Terminal, args: &UnitsArgs) -> Outcome {
    set_frozen(client, terminal, args, false).await
}

async fn set_frozen(
    client: &Client,
    terminal: &mut Terminal,
    args: &UnitsArgs,
    frozen: bool,
) -> Outcome {
    let units = args.names(client).await?;
    for unit in &units {
        client.set_frozen(unit, frozen).await?;
    }
    if terminal.json() {
        terminal.value(&json!({ "units": units, "frozen": frozen }))?;
    }
    Ok(Exit::Done)
}

/// `reset-failed`
pub(super) async fn reset_failed(
    client: &Client,
    terminal: &mut Terminal,
    args: &OptionalUnitsArgs,
) -> Outcome {
    let units = expand(client, &args.units).await?;
    if args.units.is_empty() {
        client.reset_failed(None).await?;
    }
    for unit in &units {
        client.reset_failed(Some(unit)).await?;
    }
    if terminal.json() {
        terminal.value(&json!({ "units": units, "all": args.units.is_empty() }))?;
    }
    Ok(Exit::Done)
}
