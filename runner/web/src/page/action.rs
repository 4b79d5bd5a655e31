//! What a page can do, and what it says of how that went. The words are supervisord's.

use xmlrpc::Value;

use crate::rpc::fault::{Fault, FaultCode};

/// Something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Look again.
    Refresh,
    /// Start every process that is down.
    StartAll,
    /// Stop every process.
    StopAll,
    /// Stop every process, then start them.
    RestartAll,
    /// Start one.
    Start,
    /// Stop one.
    Stop,
    /// Stop one if it runs, then start it.
    Restart,
    /// Empty the logs of one.
    ClearLog,
}

/// Every action: its word in addresses and forms, and its label.
const ACTIONS: [(Action, &str, &str); 8] = [
    (Action::Refresh, "refresh", "Refresh"),
    (Action::StartAll, "startall", "Start all"),
    (Action::StopAll, "stopall", "Stop all"),
    (Action::RestartAll, "restartall", "Restart all"),
    (Action::Start, "start", "Start"),
    (Action::Stop, "stop", "Stop"),
    (Action::Restart, "restart", "Restart"),
    (Action::ClearLog, "clearlog", "Clear log"),
];

impl Action {
    /// The action a word stands for.
    pub(super) fn parse(word: &str) -> Option<Action> {
        ACTIONS
            .iter()
            .find(|(_, known, _)| *known == word)
            .map(|(action, _, _)| *action)
    }

    /// Its word.
    pub(super) fn word(self) -> &'static str {
        self.row().1
    }

    /// What its button says.
    pub(super) fn label(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (Action, &'static str, &'static str) {
        // The table has every action: a test reads it.
        ACTIONS
            .into_iter()
            .find(|(action, _, _)| *action == self)
            .unwrap_or(ACTIONS[0])
    }

    /// Whether it is about one process.
    pub(super) fn wants_process(self) -> bool {
        matches!(
            self,
            Action::Start | Action::Stop | Action::Restart | Action::ClearLog
        )
    }

    /// The methods it calls, in turn. A restart does not mind that there is nothing to stop.
    pub(super) fn calls(self, process: &str) -> Vec<Call> {
        let about = || vec![Value::from(process)];
        match self {
            Action::Refresh => Vec::new(),
            Action::StartAll => vec![Call::must("supervisor.startAllProcesses", Vec::new())],
            Action::StopAll => vec![Call::must("supervisor.stopAllProcesses", Vec::new())],
            Action::RestartAll => vec![
                Call::must("supervisor.stopAllProcesses", Vec::new()),
                Call::must("supervisor.startAllProcesses", Vec::new()),
            ],
            Action::Start => vec![Call::must("supervisor.startProcess", about())],
            Action::Stop => vec![Call::must("supervisor.stopProcess", about())],
            Action::Restart => vec![
                Call {
                    method: "supervisor.stopProcess",
                    parameters: about(),
                    may_fail_with: Some(FaultCode::NotRunning),
                },
                Call::must("supervisor.startProcess", about()),
            ],
            Action::ClearLog => vec![Call::must("supervisor.clearProcessLogs", about())],
        }
    }

    /// What the page says afterwards; `now` is the time for people.
    pub(super) fn message(self, process: &str, now: &str, outcome: Result<(), Fault>) -> String {
        let done = match outcome {
            Ok(()) => match self {
                Action::Refresh => format!("Page refreshed at {now}"),
                Action::StartAll => format!("All started at {now}"),
                Action::StopAll => format!("All stopped at {now}"),
                Action::RestartAll => format!("All restarted at {now}"),
                Action::Start => format!("Process {process} started"),
                Action::Stop => format!("Process {process} stopped"),
                Action::Restart => format!("Process {process} restarted"),
                Action::ClearLog => format!("Log for {process} cleared"),
            },
            Err(fault) => match fault.code {
                FaultCode::BadName => format!("No such process named {process}"),
                FaultCode::NoFile => format!("ERROR: Process {process}: no such file"),
                FaultCode::NotExecutable => {
                    format!("ERROR: Process {process}: file not executable")
                }
                FaultCode::AbnormalTermination => {
                    format!("ERROR: Process {process}: abnormal termination")
                }
                FaultCode::SpawnError => format!("ERROR: Process {process}: spawn error"),
                FaultCode::AlreadyStarted => format!("ERROR: Process {process}: already started"),
                FaultCode::NotRunning => format!("ERROR: Process {process}: not running"),
                code => format!(
                    "ERROR: unexpected rpc fault [{}] {}",
                    code.number(),
                    fault.text
                ),
            },
        };
        // Whatever it is, it is shown on one line.
        done.replace(['\r', '\n'], " ")
    }
}

/// One method to call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    /// Its name.
    pub(super) method: &'static str,
    /// With what.
    pub(super) parameters: Vec<Value>,
    /// A fault that does not matter.
    pub(super) may_fail_with: Option<FaultCode>,
}

impl Call {
    fn must(method: &'static str, parameters: Vec<Value>) -> Call {
        Call {
            method,
            parameters,
            may_fail_with: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_its_word() {
        for (action, word, label) in ACTIONS {
            assert_eq!(Action::parse(word), Some(action));
            assert_eq!((action.word(), action.label()), (word, label));
        }
        assert_eq!(Action::parse("format-disk"), None);
    }
}
