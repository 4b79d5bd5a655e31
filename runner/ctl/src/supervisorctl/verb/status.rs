//! `status`: who runs and who does not.

use units::group::{namespec, split_namespec};
use xmlrpc::Value;

use crate::supervisorctl::controller::Controller;
use crate::supervisorctl::exit;
use crate::supervisorctl::failure::Outcome;
use crate::supervisorctl::supervisor::{int, text};

/// The states of processes that are down: stopped, exited, fatal, unknown.
const DOWN: [i64; 4] = [0, 100, 200, 1000];

/// `status`
pub(super) fn status(controller: &mut Controller, argument: &str) -> Outcome<()> {
    if !controller.is_up()? {
        controller.exit = exit::STATUS_UNKNOWN;
        return Ok(());
    }
    let all = controller.supervisor()?.list("getAllProcessInfo", &[])?;
    let processes = all
        .iter()
        .map(Process::of)
        .collect::<Outcome<Vec<Process>>>()?;
    let names: Vec<&str> = argument.split_whitespace().collect();
    let mut shown: Vec<&Process> = Vec::new();
    if names.is_empty() || names.contains(&"all") {
        shown.extend(&processes);
    } else {
        for name in names {
            let (group, process) = split_namespec(name);
            let before = shown.len();
            shown.extend(processes.iter().filter(|known| {
                known.group == group && process.is_none_or(|process| known.name == process)
            }));
            if shown.len() == before {
                let message = match process {
                    None => format!("{group}: ERROR (no such group)"),
                    Some(_) => format!("{name}: ERROR (no such process)"),
                };
                controller.say(&message)?;
                controller.exit = exit::STATUS_UNKNOWN;
            }
        }
    }
    let specs: Vec<String> = shown
        .iter()
        .map(|process| namespec(&process.group, &process.name))
        .collect();
    let width = specs.iter().map(|spec| spec.chars().count()).max();
    let width = width.unwrap_or(0).max(30) + 3;
    for (spec, process) in specs.iter().zip(&shown) {
        controller.say(&format!(
            "{spec:<width$}{:<10}{}",
            process.statename, process.description
        ))?;
    }
    if shown.iter().any(|process| DOWN.contains(&process.state)) {
        controller.exit = exit::STATUS_NOT_RUNNING;
    }
    Ok(())
}

/// What is shown of a process.
struct Process {
    group: String,
    name: String,
    state: i64,
    statename: String,
    description: String,
}

impl Process {
    fn of(value: &Value) -> Outcome<Process> {
        Ok(Process {
            group: text(value, "group")?,
            name: text(value, "name")?,
            state: int(value, "state")?,
            statename: text(value, "statename")?,
            description: text(value, "description")?,
        })
    }
}
