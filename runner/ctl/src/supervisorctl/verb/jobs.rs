//! `start`, `stop`, `restart`, `signal`: processes by name, whole groups, or all.

use units::group::{namespec, split_namespec};
use xmlrpc::Value;

use crate::supervisorctl::controller::Controller;
use crate::supervisorctl::exit;
use crate::supervisorctl::failure::{Failure, Outcome, fault};
use crate::supervisorctl::supervisor::Fate;

/// How one of these verbs differs from the others.
struct Job<'a> {
    /// The method for all processes; those for a group and for one follow from it.
    all: &'static str,
    /// The method for the processes of a group.
    group: &'static str,
    /// The method for one.
    one: &'static str,
    /// What goes with every call, behind the name.
    parameters: &'a [Value],
    /// A process with which all went well.
    done: &'static str,
    /// The line for a process.
    line: fn(&Fate, &str) -> Outcome<String>,
    /// A fault that is as good as success for the exit status.
    harmless: Option<i64>,
    /// The exit status for a group that does not exist.
    no_group: u8,
    /// The exit status for a group with which anything else was wrong.
    group_fault: Option<u8>,
}

impl Job<'_> {
    fn perform(&self, controller: &mut Controller, names: &[&str]) -> Outcome<()> {
        let mut supervisor = controller.supervisor()?;
        if names.contains(&"all") {
            for fate in supervisor.results(self.all, self.parameters)? {
                self.tell(controller, &fate)?;
            }
            return Ok(());
        }
        for name in names {
            let (group, process) = split_namespec(name);
            let whose = if process.is_some() { *name } else { group };
            let mut parameters = vec![Value::from(whose)];
            parameters.extend_from_slice(self.parameters);
            let Some(process) = process else {
                match supervisor.results(self.group, &parameters) {
                    Ok(fates) => {
                        for fate in fates {
                            self.tell(controller, &fate)?;
                        }
                    }
                    Err(failure) if failure.fault_code() == Some(fault::BAD_NAME) => {
                        controller.say(&format!("{group}: ERROR (no such group)"))?;
                        controller.exit = self.no_group;
                    }
                    Err(failure) => {
                        if failure.fault_code().is_some() {
                            controller.exit = self.group_fault.unwrap_or(controller.exit);
                        }
                        return Err(failure);
                    }
                }
                continue;
            };
            let spec = namespec(group, process);
            match supervisor.call(self.one, &parameters) {
                Ok(_) => controller.say(&format!("{spec}: {}", self.done))?,
                Err(failure) => {
                    let fate = Fate::of_failure(&spec, failure)?;
                    self.tell(controller, &fate)?;
                }
            }
        }
        Ok(())
    }

    fn tell(&self, controller: &mut Controller, fate: &Fate) -> Outcome<()> {
        let line = (self.line)(fate, self.done)?;
        controller.say(&line)?;
        controller.note_fault(fate.status, self.harmless);
        Ok(())
    }
}

/// `start`
pub(super) fn start(controller: &mut Controller, argument: &str) -> Outcome<()> {
    if !controller.is_up()? {
        return Ok(());
    }
    let names: Vec<&str> = argument.split_whitespace().collect();
    if names.is_empty() {
        let message = "Error: start requires a process name";
        return controller.refuse(message, "start", exit::INVALID_ARGUMENTS);
    }
    let job = Job {
        all: "startAllProcesses",
        group: "startProcessGroup",
        one: "startProcess",
        parameters: &[],
        done: "started",
        line: line_of_start,
        harmless: Some(fault::ALREADY_STARTED),
        no_group: exit::INVALID_ARGUMENTS,
        group_fault: Some(exit::GENERIC),
    };
    job.perform(controller, &names)
}

/// `stop`
pub(super) fn stop(controller: &mut Controller, argument: &str) -> Outcome<()> {
    if !controller.is_up()? {
        return Ok(());
    }
    let names: Vec<&str> = argument.split_whitespace().collect();
    if names.is_empty() {
        let message = "Error: stop requires a process name";
        return controller.refuse(message, "stop", exit::GENERIC);
    }
    let job = Job {
        all: "stopAllProcesses",
        group: "stopProcessGroup",
        one: "stopProcess",
        parameters: &[],
        done: "stopped",
        line: line_of_signal,
        harmless: Some(fault::NOT_RUNNING),
        no_group: exit::GENERIC,
        group_fault: Some(exit::GENERIC),
    };
    job.perform(controller, &names)
}

/// `restart`: a stop and then a start, whatever became of the stop.
pub(super) fn restart(controller: &mut Controller, argument: &str) -> Outcome<()> {
    if !controller.is_up()? {
        return Ok(());
    }
    if argument.split_whitespace().next().is_none() {
        let message = "Error: restart requires a process name";
        return controller.refuse(message, "restart", exit::GENERIC);
    }
    stop(controller, argument)?;
    start(controller, argument)
}

/// `signal`
pub(super) fn signal(controller: &mut Controller, argument: &str) -> Outcome<()> {
    if !controller.is_up()? {
        return Ok(());
    }
    let words: Vec<&str> = argument.split_whitespace().collect();
    let (signal, names) = match words.split_first() {
        Some((signal, names)) if !names.is_empty() => (*signal, names),
        _ => {
            let message = "Error: signal requires a signal name and a process name";
            return controller.refuse(message, "signal", exit::GENERIC);
        }
    };
    let job = Job {
        all: "signalAllProcesses",
        group: "signalProcessGroup",
        one: "signalProcess",
        parameters: &[Value::from(signal)],
        done: "signalled",
        line: line_of_signal,
        harmless: None,
        no_group: exit::GENERIC,
        group_fault: None,
    };
    job.perform(controller, names)
}

fn line_of_start(fate: &Fate, done: &str) -> Outcome<String> {
    let name = &fate.name;
    let error = match fate.status {
        fault::SUCCESS => return Ok(format!("{name}: {done}")),
        fault::BAD_NAME => "no such process",
        fault::NO_FILE => "no such file",
        fault::NOT_EXECUTABLE => "file is not executable",
        fault::ALREADY_STARTED => "already started",
        fault::SPAWN_ERROR => "spawn error",
        fault::ABNORMAL_TERMINATION => "abnormal termination",
        other => return Err(Failure::unknown_result(other, name)),
    };
    Ok(format!("{name}: ERROR ({error})"))
}

fn line_of_signal(fate: &Fate, done: &str) -> Outcome<String> {
    let name = &fate.name;
    let error = match fate.status {
        fault::SUCCESS => return Ok(format!("{name}: {done}")),
        fault::FAILED => return Ok(fate.description.clone()),
        fault::BAD_NAME => "no such process",
        fault::BAD_SIGNAL => "bad signal name",
        fault::NOT_RUNNING => "not running",
        other => return Err(Failure::unknown_result(other, name)),
    };
    Ok(format!("{name}: ERROR ({error})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate(status: i64) -> Fate {
        Fate {
            name: "g:p".to_owned(),
            status,
            description: "FAILED: why".to_owned(),
        }
    }

    #[test]
    fn lines_of_a_start() {
        for (status, line) in [
            (80, "g:p: started"),
            (10, "g:p: ERROR (no such process)"),
            (20, "g:p: ERROR (no such file)"),
            (21, "g:p: ERROR (file is not executable)"),
            (40, "g:p: ERROR (abnormal termination)"),
            (50, "g:p: ERROR (spawn error)"),
            (60, "g:p: ERROR (already started)"),
        ] {
            assert_eq!(line_of_start(&fate(status), "started").unwrap(), line);
        }
        let said = line_of_start(&fate(30), "started").unwrap_err().to_string();
        assert_eq!(said, "<class 'ValueError'>, Unknown result code 30 for g:p");
    }

    #[test]
    fn lines_of_a_stop_or_a_signal() {
        for (status, line) in [
            (80, "g:p: stopped"),
            (10, "g:p: ERROR (no such process)"),
            (11, "g:p: ERROR (bad signal name)"),
            (70, "g:p: ERROR (not running)"),
            (30, "FAILED: why"),
        ] {
            assert_eq!(line_of_signal(&fate(status), "stopped").unwrap(), line);
        }
        assert!(line_of_signal(&fate(60), "stopped").is_err());
    }
}
