//! The words of audit records: who asked for what.

use control::{Request, Word};
use engine::Command;
use units::UnitName;
use units::install::Order;

/// A command in the words of an audit record.
pub(super) fn command(command: &Command) -> String {
    match command {
        Command::Submit {
            unit, verb, mode, ..
        } => format!("{verb:?} {unit} ({mode:?})").to_lowercase(),
        Command::StartTransient { units, mode, .. } => {
            let names: Vec<&str> = units.iter().map(|unit| unit.name.as_str()).collect();
            format!("start transient {} ({mode})", names.join(" "))
        }
        Command::AwaitEnd { unit } => format!("await the end of {unit}"),
        Command::Hold { unit } => format!("hold on to {unit}"),
        Command::AwaitJob { job } => format!("await job {}", job.0),
        Command::CancelJob { job } => format!("cancel job {}", job.0),
        Command::CancelAllJobs => "cancel all jobs".to_owned(),
        // Values may be secrets.
        Command::SetEnvironment { unset, set } => {
            let set = set.iter().map(|(name, _)| name);
            let names: Vec<&str> = unset.iter().chain(set).map(String::as_str).collect();
            format!("set environment: {}", names.join(" "))
        }
        Command::ServiceWatchdogs(counting) => format!("service watchdogs {counting}"),
        Command::Kill { unit, whom, signal } => format!("kill {unit} {whom:?} {signal}"),
        Command::ResetFailed { unit: Some(unit) } => format!("reset-failed {unit}"),
        Command::ResetFailed { unit: None } => "reset-failed".to_owned(),
        Command::Abandon { unit } => format!("abandon {unit}"),
        Command::Reload { keep_going: false } => "daemon-reload".to_owned(),
        Command::Reload { keep_going: true } => "daemon-reload, keeping going".to_owned(),
        Command::Stage => "reread".to_owned(),
        Command::AddGroup { group } => format!("add group {group}"),
        Command::RemoveGroup { group } => format!("remove group {group}"),
        Command::RestartAll => "restart everything".to_owned(),
        Command::Shutdown { status } => format!("shutdown with status {status}"),
    }
}

/// An order about unit files.
fn install(order: &Order) -> String {
    let list = |verb: &str, units: &[UnitName]| {
        let names: Vec<&str> = units.iter().map(UnitName::as_str).collect();
        format!("{verb} {}", names.join(" "))
    };
    match order {
        Order::Enable { units, .. } => list("enable", units),
        Order::Disable { units, .. } => list("disable", units),
        Order::Reenable { units, .. } => list("reenable", units),
        Order::Mask { units, .. } => list("mask", units),
        Order::Unmask { units, .. } => list("unmask", units),
        Order::Revert { units } => list("revert", units),
        Order::Depend {
            units,
            on_behalf_of,
            ..
        } => list(&format!("add to what {on_behalf_of} needs:"), units),
        Order::Link { paths, .. } => format!("link {}", paths.join(" ")),
        Order::Default { unit, .. } => format!("let boot start {unit}"),
        // Values may be secrets.
        Order::Set { unit, settings, .. } => {
            let keys: Vec<&str> = settings.iter().map(|(key, _)| key.as_str()).collect();
            format!("set {} of {unit}", keys.join(", "))
        }
    }
}

/// A request in those words.
pub(super) fn request(request: &Request) -> String {
    match request {
        Request::Command(command) => self::command(command),
        Request::StartTransient { .. } => "start a transient unit".to_owned(),
        Request::Usage(unit) => format!("usage of {unit}"),
        Request::Logs { .. } => "logs".to_owned(),
        Request::Cat(unit) => format!("cat {unit}"),
        Request::Reexec => "daemon-reexec".to_owned(),
        Request::Input { unit, .. } | Request::Deliver { unit, .. } => format!("input for {unit}"),
        Request::LogText { .. } | Request::LogFollow { .. } | Request::Tap { .. } => {
            "logs".to_owned()
        }
        Request::LogClear(_) => "clear logs".to_owned(),
        Request::LogReopen => "reopen logs".to_owned(),
        Request::Clean { unit, what } => {
            let what: Vec<&str> = what.iter().map(|kind| kind.word()).collect();
            format!("clean {} of {unit}", what.join(", "))
        }
        Request::Freeze { unit, frozen: true } => format!("freeze {unit}"),
        Request::Freeze { unit, .. } => format!("thaw {unit}"),
        Request::LogLevel(level) => format!("log level {level}"),
        Request::LogTarget(target) => format!("log target {}", target.word()),
        Request::Install(order) => install(order),
        Request::Units(_)
        | Request::Unit(_)
        | Request::UnitOf { .. }
        | Request::Jobs
        | Request::Dependencies { .. }
        | Request::Sockets
        | Request::Processes(_)
        | Request::Sets
        | Request::Why(_)
        | Request::Preview
        | Request::UnitFiles
        | Request::UnitFileState(_)
        | Request::UnitFileLinks { .. }
        | Request::KnownUnitFile(_)
        | Request::FilesChanged(_)
        | Request::Program(_)
        | Request::Drain(_)
        | Request::Happened { .. }
        | Request::Note { .. }
        | Request::Recall
        | Request::Manager => "question".to_owned(),
    }
}
