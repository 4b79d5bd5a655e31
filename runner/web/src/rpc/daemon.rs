//! Methods about the daemon as a whole, and about which groups are in force.

use control::{Reply, Request};
use engine::Command;
use engine::command::Answer;
use xmlrpc::Value;

use super::argument::Arguments;
use super::fault::Fault;
use super::{Context, unexpected};

/// The pid the world knows us by.
pub(super) async fn pid(context: Context<'_>) -> Result<Value, Fault> {
    match context.ask(Request::Manager).await {
        Ok(Reply::Manager(manager)) => Ok(Value::Int(i64::from(manager.keeper_pid))),
        Ok(_) => Err(unexpected()),
        Err(refusal) => Err(Fault::of(refusal, "")),
    }
}

async fn command(context: Context<'_>, command: Command, name: &str) -> Result<Answer, Fault> {
    match context.ask(Request::Command(command)).await {
        Ok(Reply::Answer(answer)) => Ok(answer),
        Ok(_) => Err(unexpected()),
        Err(refusal) => Err(Fault::of(refusal, name)),
    }
}

pub(super) async fn shutdown(context: Context<'_>) -> Result<Value, Fault> {
    command(context, Command::Shutdown { status: 0 }, "").await?;
    Ok(Value::Bool(true))
}

/// supervisord answers true, stops everything, and then finds out that it cannot read its
/// configuration.
pub(super) async fn restart(context: Context<'_>) -> Result<Value, Fault> {
    command(context, Command::RestartAll, "").await?;
    Ok(Value::Bool(true))
}

pub(super) async fn reload_config(context: Context<'_>) -> Result<Value, Fault> {
    let Answer::Staged { groups, .. } = command(context, Command::Stage, "").await? else {
        return Err(unexpected());
    };
    let names = |names: Vec<String>| Value::Array(names.into_iter().map(Value::from).collect());
    Ok(Value::Array(vec![Value::Array(vec![
        names(groups.added),
        names(groups.changed),
        names(groups.removed),
    ])]))
}

pub(super) async fn add_group(
    context: Context<'_>,
    arguments: Arguments<'_>,
) -> Result<Value, Fault> {
    let group = arguments.text(0)?;
    let add = Command::AddGroup {
        group: group.clone(),
    };
    command(context, add, &group).await?;
    Ok(Value::Bool(true))
}

pub(super) async fn remove_group(
    context: Context<'_>,
    arguments: Arguments<'_>,
) -> Result<Value, Fault> {
    let group = arguments.text(0)?;
    let remove = Command::RemoveGroup {
        group: group.clone(),
    };
    command(context, remove, &group).await?;
    Ok(Value::Bool(true))
}

/// Passes a message on to the event listeners. Also while everything is being stopped.
pub(super) fn remote_communication(
    context: Context<'_>,
    arguments: Arguments<'_>,
) -> Result<Value, Fault> {
    let (kind, data) = (arguments.text(0)?, arguments.text(1)?);
    context.shared.tell_listeners(kind, data);
    Ok(Value::Bool(true))
}
