//! `pid`, `version`, `shutdown`, `reload`, `open`, `quit`: the daemon itself and our way to it.

use std::io;

use xmlrpc::Value;

use super::status::status;
use crate::supervisorctl::address;
use crate::supervisorctl::controller::Controller;
use crate::supervisorctl::exit;
use crate::supervisorctl::failure::{Failure, Outcome, fault};
use crate::supervisorctl::supervisor::{shown, text};

/// `pid`
pub(super) fn pid(controller: &mut Controller, argument: &str) -> Outcome<()> {
    let mut supervisor = controller.supervisor()?;
    if !controller.is_up()? {
        return Ok(());
    }
    let names: Vec<&str> = argument.split_whitespace().collect();
    if names.is_empty() {
        let pid = supervisor.call("getPID", &[])?;
        return controller.say(&shown(&pid));
    }
    if names.contains(&"all") {
        for process in supervisor.list("getAllProcessInfo", &[])? {
            controller.say(&text(&process, "pid")?)?;
        }
        return Ok(());
    }
    for name in names {
        match supervisor.call("getProcessInfo", &[Value::from(name)]) {
            Ok(process) => {
                let pid = text(&process, "pid")?;
                controller.say(&pid)?;
                if pid == "0" {
                    controller.exit = exit::NOT_RUNNING;
                }
            }
            Err(failure) if failure.fault_code() == Some(fault::BAD_NAME) => {
                controller.exit = exit::GENERIC;
                controller.say(&format!("No such process {name}"))?;
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

/// `version`
pub(super) fn version(controller: &mut Controller, argument: &str) -> Outcome<()> {
    if !argument.is_empty() {
        let message = "Error: version accepts no arguments";
        return controller.refuse(message, "version", exit::GENERIC);
    }
    if !controller.is_up()? {
        return Ok(());
    }
    let version = controller.supervisor()?.call("getSupervisorVersion", &[])?;
    controller.say(&shown(&version))
}

/// `shutdown`
pub(super) fn shutdown(controller: &mut Controller, argument: &str) -> Outcome<()> {
    if !argument.is_empty() {
        let message = "Error: shutdown accepts no arguments";
        return controller.refuse(message, "shutdown", exit::GENERIC);
    }
    if !controller.confirm("Really shut the remote supervisord process down y/N? ")? {
        return Ok(());
    }
    match controller.supervisor()?.call("shutdown", &[]) {
        Ok(_) => controller.say("Shut down"),
        Err(failure) if failure.fault_code() == Some(fault::SHUTDOWN_STATE) => {
            controller.say("ERROR: already shutting down")
        }
        Err(Failure::Socket(error)) => {
            controller.exit = exit::GENERIC;
            let problem = match error.kind() {
                io::ErrorKind::ConnectionRefused => "refused connection",
                io::ErrorKind::NotFound => "no such file",
                _ => return Err(Failure::Socket(error)),
            };
            let url = controller.url().to_owned();
            controller.say(&format!("ERROR: {url} {problem} (already shut down?)"))
        }
        Err(failure) => Err(failure),
    }
}

/// `reload`: the daemon starts anew.
pub(super) fn reload(controller: &mut Controller, argument: &str) -> Outcome<()> {
    if !argument.is_empty() {
        let message = "Error: reload accepts no arguments";
        return controller.refuse(message, "reload", exit::GENERIC);
    }
    if !controller.confirm("Really restart the remote supervisord process y/N? ")? {
        return Ok(());
    }
    match controller.supervisor()?.call("restart", &[]) {
        Ok(_) => controller.say("Restarted supervisord"),
        Err(failure) if failure.fault_code() == Some(fault::SHUTDOWN_STATE) => {
            controller.exit = exit::GENERIC;
            controller.say("ERROR: already shutting down")
        }
        Err(failure) => Err(failure),
    }
}

/// `open`: another daemon from here on.
pub(super) fn open(controller: &mut Controller, argument: &str) -> Outcome<()> {
    if !matches!(address::scheme(argument).as_str(), "unix" | "http") {
        controller.exit = exit::GENERIC;
        return controller.say("ERROR: url must be http:// or unix://");
    }
    controller.connect_to(argument);
    let before = controller.exit;
    status(controller, "")?;
    controller.exit = before;
    Ok(())
}

/// `quit`, `exit`, and the end of the input.
pub(super) fn quit(controller: &mut Controller, _: &str) -> Outcome<()> {
    controller.over = true;
    controller.say("")
}
