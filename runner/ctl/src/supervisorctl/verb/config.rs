//! `avail`, `reread`, `add`, `remove`, `update`: the configuration on disk and the one in force.

use std::collections::BTreeMap;

use units::group::namespec;
use xmlrpc::Value;

use crate::supervisorctl::controller::Controller;
use crate::supervisorctl::exit;
use crate::supervisorctl::failure::{Failure, Outcome, fault};
use crate::supervisorctl::supervisor::{Supervisor, shown, text, truth};

/// `avail`
pub(super) fn avail(controller: &mut Controller, argument: &str) -> Outcome<()> {
    if !argument.is_empty() {
        let message = "Error: avail accepts no arguments";
        return controller.refuse(message, "avail", exit::GENERIC);
    }
    let processes = match controller.supervisor()?.list("getAllConfigInfo", &[]) {
        Ok(processes) => processes,
        Err(failure) => return shutting_down(controller, failure),
    };
    for process in &processes {
        let name = namespec(&text(process, "group")?, &text(process, "name")?);
        let used = if truth(process, "inuse")? {
            "in use"
        } else {
            "avail"
        };
        let start = if truth(process, "autostart")? {
            "auto"
        } else {
            "manual"
        };
        let (group, own) = (text(process, "group_prio")?, text(process, "process_prio")?);
        controller.say(&format!("{name:<32} {used:<9} {start:<9} {group}:{own}"))?;
    }
    Ok(())
}

/// `reread`
pub(super) fn reread(controller: &mut Controller, argument: &str) -> Outcome<()> {
    if !argument.is_empty() {
        let message = "Error: reread accepts no arguments";
        return controller.refuse(message, "reread", exit::GENERIC);
    }
    let changes = match Changes::read(&mut controller.supervisor()?) {
        Ok(changes) => changes,
        Err(Failure::Fault { code, text }) if code == fault::CANT_REREAD => {
            controller.exit = exit::GENERIC;
            return controller.say(&format!("ERROR: {text}"));
        }
        Err(failure) => return shutting_down(controller, failure),
    };
    let mut lines = BTreeMap::new();
    for (names, word) in [
        (&changes.added, "available"),
        (&changes.changed, "changed"),
        (&changes.removed, "disappeared"),
    ] {
        lines.extend(names.iter().map(|name| (name, word)));
    }
    if lines.is_empty() {
        return controller.say("No config updates to processes");
    }
    for (name, word) in lines {
        controller.say(&format!("{name}: {word}"))?;
    }
    Ok(())
}

/// Says that the daemon is going down, if that is why.
fn shutting_down(controller: &mut Controller, failure: Failure) -> Outcome<()> {
    if failure.fault_code() != Some(fault::SHUTDOWN_STATE) {
        return Err(failure);
    }
    controller.exit = exit::GENERIC;
    controller.say("ERROR: supervisor shutting down")
}

/// `add`
pub(super) fn add(controller: &mut Controller, argument: &str) -> Outcome<()> {
    let mut supervisor = controller.supervisor()?;
    for name in argument.split_whitespace() {
        match supervisor.call("addProcessGroup", &[Value::from(name)]) {
            Ok(_) => controller.say(&format!("{name}: added process group"))?,
            Err(failure) => match failure.fault_code() {
                Some(fault::SHUTDOWN_STATE) => {
                    controller.say("ERROR: shutting down")?;
                    controller.exit = exit::GENERIC;
                }
                Some(fault::ALREADY_ADDED) => {
                    controller.say("ERROR: process group already active")?;
                }
                Some(fault::BAD_NAME) => {
                    controller.say(&format!("ERROR: no such process/group: {name}"))?;
                    controller.exit = exit::GENERIC;
                }
                _ => return Err(failure),
            },
        }
    }
    Ok(())
}

/// `remove`
pub(super) fn remove(controller: &mut Controller, argument: &str) -> Outcome<()> {
    let mut supervisor = controller.supervisor()?;
    for name in argument.split_whitespace() {
        match supervisor.call("removeProcessGroup", &[Value::from(name)]) {
            Ok(_) => controller.say(&format!("{name}: removed process group"))?,
            Err(failure) => {
                let problem = match failure.fault_code() {
                    Some(fault::STILL_RUNNING) => "process/group still running",
                    Some(fault::BAD_NAME) => "no such process/group",
                    _ => return Err(failure),
                };
                controller.exit = exit::GENERIC;
                controller.say(&format!("ERROR: {problem}: {name}"))?;
            }
        }
    }
    Ok(())
}

/// `update`: what `reread` finds is put in force, group by group.
pub(super) fn update(controller: &mut Controller, argument: &str) -> Outcome<()> {
    let mut supervisor = controller.supervisor()?;
    let changes = match Changes::read(&mut supervisor) {
        Ok(changes) => changes,
        Err(failure) if failure.fault_code() == Some(fault::SHUTDOWN_STATE) => {
            controller.exit = exit::GENERIC;
            return controller.say("ERROR: already shutting down");
        }
        Err(failure) => return Err(failure),
    };
    let mut wanted: Vec<&str> = Vec::new();
    for name in argument.split_whitespace() {
        if !wanted.contains(&name) {
            wanted.push(name);
        }
    }
    if wanted.contains(&"all") {
        wanted.clear();
    }
    if !wanted.is_empty() {
        let mut groups = changes.added.clone();
        for process in supervisor.list("getAllProcessInfo", &[])? {
            groups.push(text(&process, "group")?);
        }
        for name in &wanted {
            if !groups.iter().any(|group| group == name) {
                controller.say(&format!("ERROR: no such group: {name}"))?;
                controller.exit = exit::GENERIC;
            }
        }
    }
    let is_wanted = |name: &&String| wanted.is_empty() || wanted.contains(&name.as_str());
    for name in changes.removed.iter().filter(is_wanted) {
        let group = [Value::from(name.as_str())];
        let fates = supervisor.results("stopProcessGroup", &group)?;
        controller.say(&format!("{name}: stopped"))?;
        if fates.iter().any(|fate| fate.status == fault::FAILED) {
            controller.say(&format!("{name}: has problems; not removing"))?;
            controller.exit = exit::GENERIC;
            continue;
        }
        supervisor.call("removeProcessGroup", &group)?;
        controller.say(&format!("{name}: removed process group"))?;
    }
    for name in changes.changed.iter().filter(is_wanted) {
        let group = [Value::from(name.as_str())];
        supervisor.call("stopProcessGroup", &group)?;
        controller.say(&format!("{name}: stopped"))?;
        supervisor.call("removeProcessGroup", &group)?;
        supervisor.call("addProcessGroup", &group)?;
        controller.say(&format!("{name}: updated process group"))?;
    }
    for name in changes.added.iter().filter(is_wanted) {
        supervisor.call("addProcessGroup", &[Value::from(name.as_str())])?;
        controller.say(&format!("{name}: added process group"))?;
    }
    Ok(())
}

/// The groups that differ between the files and what is in force.
struct Changes {
    added: Vec<String>,
    changed: Vec<String>,
    removed: Vec<String>,
}

impl Changes {
    fn read(supervisor: &mut Supervisor) -> Outcome<Changes> {
        let reply = supervisor.list("reloadConfig", &[])?;
        let lists = reply.first().and_then(Value::as_array).unwrap_or_default();
        let [added, changed, removed] = lists else {
            let text = format!(
                "not enough values to unpack (expected 3, got {})",
                lists.len()
            );
            return Err(Failure::raised("ValueError", text));
        };
        let names = |list: &Value| -> Vec<String> {
            let values = list.as_array().unwrap_or_default();
            values.iter().map(shown).collect()
        };
        Ok(Changes {
            added: names(added),
            changed: names(changed),
            removed: names(removed),
        })
    }
}
