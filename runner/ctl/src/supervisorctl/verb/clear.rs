//! `clear`: logs of processes, emptied.

use units::group::{namespec, split_namespec};
use xmlrpc::Value;

use crate::supervisorctl::controller::Controller;
use crate::supervisorctl::exit;
use crate::supervisorctl::failure::{Failure, Outcome, fault};
use crate::supervisorctl::supervisor::Fate;

/// `clear`
pub(super) fn clear(controller: &mut Controller, argument: &str) -> Outcome<()> {
    if !controller.is_up()? {
        return Ok(());
    }
    let names: Vec<&str> = argument.split_whitespace().collect();
    if names.is_empty() {
        let message = "Error: clear requires a process name";
        return controller.refuse(message, "clear", exit::GENERIC);
    }
    let mut supervisor = controller.supervisor()?;
    if names.contains(&"all") {
        for fate in supervisor.results("clearAllProcessLogs", &[])? {
            tell(controller, &fate)?;
        }
        return Ok(());
    }
    for name in names {
        let (group, process) = split_namespec(name);
        // There is no such call for a whole group, and this is how the original says so.
        let spec = namespec(group, process.unwrap_or("None"));
        match supervisor.call("clearProcessLogs", &[Value::from(name)]) {
            Ok(_) => controller.say(&format!("{spec}: cleared"))?,
            Err(failure) => tell(controller, &Fate::of_failure(&spec, failure)?)?,
        }
    }
    Ok(())
}

fn tell(controller: &mut Controller, fate: &Fate) -> Outcome<()> {
    let name = &fate.name;
    let line = match fate.status {
        fault::SUCCESS => format!("{name}: cleared"),
        fault::BAD_NAME => format!("{name}: ERROR (no such process)"),
        fault::FAILED => format!("{name}: ERROR (failed)"),
        other => return Err(Failure::unknown_result(other, name)),
    };
    controller.say(&line)?;
    controller.note_fault(fate.status, None);
    Ok(())
}
