//! Methods about the whole.

use control::{Command, Reply, Request};
use engine::command::Answer;

use super::{command, no_arguments};
use crate::server::call::{Call, Outcome, strange};
use crate::server::diagnostics;
use crate::wire;

pub(super) async fn reload(call: Call) -> Outcome {
    no_arguments(&call)?;
    command(call, Command::Reload { keep_going: false }).await
}

pub(super) async fn reload_units(call: Call) -> Outcome {
    let keep_going = call.arguments()?;
    let asked = call.handle.ask(
        call.caller.clone(),
        Request::Command(Command::Reload { keep_going }),
    );
    let (applied, found) = match asked.await {
        Ok(Reply::Answer(Answer::Reloaded(found))) => (true, found),
        Ok(other) => return Err(strange(&other)),
        // Here a broken file is an answer, not an error: the client gets it piece by piece.
        Err(control::Refusal::ReloadRefused(found)) => (false, found),
        Err(refusal) => return Err(refusal.into()),
    };
    let lines: Vec<wire::Diagnostic> = found.iter().map(diagnostics::line).collect();
    call.reply(&(applied, lines))
}

pub(super) async fn reexecute(call: Call) -> Outcome {
    no_arguments(&call)?;
    match call.ask(Request::Reexec).await? {
        Reply::Answer(_) => call.reply(&()),
        other => Err(strange(&other)),
    }
}

pub(super) async fn exit(call: Call) -> Outcome {
    let status = call.arguments()?;
    command(call, Command::Shutdown { status }).await
}
