//! The methods there are: one table for dispatch, arity, `system.listMethods`, `methodHelp` and
//! `methodSignature`.

/// A method.
#[derive(Debug, Clone, Copy)]
pub struct Method {
    /// Its full name.
    pub name: &'static str,
    /// What it takes, in order; those that may be left out come last.
    pub parameters: &'static [Parameter],
    /// The type of what it gives.
    pub returns: &'static str,
    /// What that is.
    pub result: &'static str,
    /// What it does.
    pub help: &'static str,
    pub(crate) does: Does,
}

/// A parameter of a method.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its type, in the words of `methodSignature`.
    pub kind: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub help: &'static str,
    /// Whether it may be left out.
    pub optional: bool,
}

const fn parameter(kind: &'static str, name: &'static str, help: &'static str) -> Parameter {
    Parameter {
        kind,
        name,
        help,
        optional: false,
    }
}

const NAME: Parameter = parameter("string", "name", "a process, as `proc` or `group:proc`");
const NAME_OR_GROUP: Parameter = parameter(
    "string",
    "name",
    "a process, as `proc` or `group:proc`, or all of a group, as `group:*`",
);
const GROUP: Parameter = parameter("string", "name", "a group");
const OFFSET: Parameter = parameter("int", "offset", "where to begin");
const LENGTH: Parameter = parameter("int", "length", "how many bytes");
const SIGNAL: Parameter = parameter("string", "signal", "a signal, by name (`HUP`) or number");
const WAIT: Parameter = Parameter {
    optional: true,
    ..parameter(
        "boolean",
        "wait",
        "whether to answer only when it is done; true if left out",
    )
};

/// What a method does; its aliases do the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    GetApiVersion,
    GetSupervisorVersion,
    GetIdentification,
    GetState,
    GetPid,
    ReadLog,
    ClearLog,
    Shutdown,
    Restart,
    ReloadConfig,
    AddProcessGroup,
    RemoveProcessGroup,
    StartProcess,
    StartProcessGroup,
    StartAllProcesses,
    StopProcess,
    StopProcessGroup,
    StopAllProcesses,
    SignalProcess,
    SignalProcessGroup,
    SignalAllProcesses,
    GetProcessInfo,
    GetAllProcessInfo,
    GetAllConfigInfo,
    ReadStdoutLog,
    ReadStderrLog,
    TailStdoutLog,
    TailStderrLog,
    ClearProcessLogs,
    ClearAllProcessLogs,
    SendProcessStdin,
    SendRemoteCommEvent,
    ListMethods,
    MethodHelp,
    MethodSignature,
    Multicall,
}

const fn method(
    name: &'static str,
    parameters: &'static [Parameter],
    (returns, result): (&'static str, &'static str),
    help: &'static str,
    does: Does,
) -> Method {
    Method {
        name,
        parameters,
        returns,
        result,
        help,
        does,
    }
}

const TRUE: (&str, &str) = ("boolean", "always true");
const STATUSES: (&str, &str) = (
    "array",
    "for each process a struct of name, group, status (80, or the number of a fault) and description",
);
const TEXT: (&str, &str) = ("string", "the text");
const TAIL: (&str, &str) = (
    "array",
    "the text, the size of the log, and whether the reader has missed something",
);
const VERSION: (&str, &str) = ("string", "`3.0`");

const START: &str = "Start a process";
const READ: &str = "Read a part of a log. Length 0 reads to the end; a negative offset with length 0 reads the last \
     so many bytes";
const TAIL_HELP: &str =
    "Read the end of a log: the last bytes, at most so many, for a reader who is at this offset";
const CLEAR: &str = "Empty the logs of a process";
const MAIN: &str = "Read a part of the main log, as readProcessStdoutLog does";

/// All of them, in order of name.
pub const METHODS: &[Method] = &[
    method(
        "supervisor.addProcessGroup",
        &[GROUP],
        TRUE,
        "Put a group into force that reloadConfig has found, and start what is to be started of it",
        Does::AddProcessGroup,
    ),
    method(
        "supervisor.clearAllProcessLogs",
        &[],
        STATUSES,
        "Empty the logs of all processes",
        Does::ClearAllProcessLogs,
    ),
    method(
        "supervisor.clearLog",
        &[],
        TRUE,
        "Empty the main log",
        Does::ClearLog,
    ),
    method(
        "supervisor.clearProcessLog",
        &[NAME],
        TRUE,
        CLEAR,
        Does::ClearProcessLogs,
    ),
    method(
        "supervisor.clearProcessLogs",
        &[NAME],
        TRUE,
        CLEAR,
        Does::ClearProcessLogs,
    ),
    method(
        "supervisor.getAPIVersion",
        &[],
        VERSION,
        "The version of this interface",
        Does::GetApiVersion,
    ),
    method(
        "supervisor.getAllConfigInfo",
        &[],
        ("array", "a struct for each process"),
        "The settings of all processes, as they were read last",
        Does::GetAllConfigInfo,
    ),
    method(
        "supervisor.getAllProcessInfo",
        &[],
        (
            "array",
            "a struct for each process, as getProcessInfo gives",
        ),
        "The states of all processes",
        Does::GetAllProcessInfo,
    ),
    method(
        "supervisor.getIdentification",
        &[],
        ("string", "the identifier of the configuration"),
        "What this daemon calls itself",
        Does::GetIdentification,
    ),
    method(
        "supervisor.getPID",
        &[],
        ("int", "the pid"),
        "The pid of the daemon",
        Does::GetPid,
    ),
    method(
        "supervisor.getProcessInfo",
        &[NAME],
        (
            "struct",
            "name, group, description, start, stop, now, state, statename, spawnerr, exitstatus, \
             logfile, stdout_logfile, stderr_logfile, pid",
        ),
        "The state of a process",
        Does::GetProcessInfo,
    ),
    method(
        "supervisor.getState",
        &[],
        ("struct", "statecode and statename"),
        "The state of the daemon",
        Does::GetState,
    ),
    method(
        "supervisor.getSupervisorVersion",
        &[],
        (
            "string",
            "the version of supervisord this interface is that of",
        ),
        "The version of supervisord whose place is taken here",
        Does::GetSupervisorVersion,
    ),
    method(
        "supervisor.getVersion",
        &[],
        VERSION,
        "The version of this interface",
        Does::GetApiVersion,
    ),
    method(
        "supervisor.readLog",
        &[OFFSET, LENGTH],
        TEXT,
        MAIN,
        Does::ReadLog,
    ),
    method(
        "supervisor.readMainLog",
        &[OFFSET, LENGTH],
        TEXT,
        MAIN,
        Does::ReadLog,
    ),
    method(
        "supervisor.readProcessLog",
        &[NAME, OFFSET, LENGTH],
        TEXT,
        READ,
        Does::ReadStdoutLog,
    ),
    method(
        "supervisor.readProcessStderrLog",
        &[NAME, OFFSET, LENGTH],
        TEXT,
        READ,
        Does::ReadStderrLog,
    ),
    method(
        "supervisor.readProcessStdoutLog",
        &[NAME, OFFSET, LENGTH],
        TEXT,
        READ,
        Does::ReadStdoutLog,
    ),
    method(
        "supervisor.reloadConfig",
        &[],
        (
            "array",
            "in an array, three arrays of groups: added, changed, removed",
        ),
        "Read the configuration again and say which groups differ from those in force; nothing else \
         happens",
        Does::ReloadConfig,
    ),
    method(
        "supervisor.removeProcessGroup",
        &[GROUP],
        TRUE,
        "Take a group out of force whose processes are all stopped",
        Does::RemoveProcessGroup,
    ),
    method(
        "supervisor.restart",
        &[],
        TRUE,
        "Stop everything and start anew with the configuration as it is now; refused if that has an \
         error",
        Does::Restart,
    ),
    method(
        "supervisor.sendProcessStdin",
        &[
            NAME,
            parameter(
                "string",
                "chars",
                "what to write; base64 may carry any bytes",
            ),
        ],
        TRUE,
        "Write to the standard input of a process",
        Does::SendProcessStdin,
    ),
    method(
        "supervisor.sendRemoteCommEvent",
        &[
            parameter("string", "type", "the type of the event"),
            parameter("string", "data", "what it says"),
        ],
        TRUE,
        "Tell event listeners something (REMOTE_COMMUNICATION)",
        Does::SendRemoteCommEvent,
    ),
    method(
        "supervisor.shutdown",
        &[],
        TRUE,
        "Stop everything and end the daemon",
        Does::Shutdown,
    ),
    method(
        "supervisor.signalAllProcesses",
        &[SIGNAL],
        STATUSES,
        "Send a signal to all processes that run",
        Does::SignalAllProcesses,
    ),
    method(
        "supervisor.signalProcess",
        &[NAME_OR_GROUP, SIGNAL],
        TRUE,
        "Send a signal to a process",
        Does::SignalProcess,
    ),
    method(
        "supervisor.signalProcessGroup",
        &[GROUP, SIGNAL],
        STATUSES,
        "Send a signal to all processes of a group that run",
        Does::SignalProcessGroup,
    ),
    method(
        "supervisor.startAllProcesses",
        &[WAIT],
        STATUSES,
        "Start all processes that do not run",
        Does::StartAllProcesses,
    ),
    method(
        "supervisor.startProcess",
        &[NAME_OR_GROUP, WAIT],
        TRUE,
        START,
        Does::StartProcess,
    ),
    method(
        "supervisor.startProcessGroup",
        &[GROUP, WAIT],
        STATUSES,
        "Start all processes of a group that do not run",
        Does::StartProcessGroup,
    ),
    method(
        "supervisor.stopAllProcesses",
        &[WAIT],
        STATUSES,
        "Stop all processes",
        Does::StopAllProcesses,
    ),
    method(
        "supervisor.stopProcess",
        &[NAME_OR_GROUP, WAIT],
        TRUE,
        "Stop a process",
        Does::StopProcess,
    ),
    method(
        "supervisor.stopProcessGroup",
        &[GROUP, WAIT],
        STATUSES,
        "Stop all processes of a group",
        Does::StopProcessGroup,
    ),
    method(
        "supervisor.tailProcessLog",
        &[NAME, OFFSET, LENGTH],
        TAIL,
        TAIL_HELP,
        Does::TailStdoutLog,
    ),
    method(
        "supervisor.tailProcessStderrLog",
        &[NAME, OFFSET, LENGTH],
        TAIL,
        TAIL_HELP,
        Does::TailStderrLog,
    ),
    method(
        "supervisor.tailProcessStdoutLog",
        &[NAME, OFFSET, LENGTH],
        TAIL,
        TAIL_HELP,
        Does::TailStdoutLog,
    ),
    method(
        "system.listMethods",
        &[],
        ("array", "the names"),
        "The names of all methods",
        Does::ListMethods,
    ),
    method(
        "system.methodHelp",
        &[parameter("string", "name", "a method")],
        ("string", "the text"),
        "What a method does",
        Does::MethodHelp,
    ),
    method(
        "system.methodSignature",
        &[parameter("string", "name", "a method")],
        (
            "array",
            "the type of the result, then those of the parameters",
        ),
        "What a method takes and gives",
        Does::MethodSignature,
    ),
    method(
        "system.multicall",
        &[parameter(
            "array",
            "calls",
            "for each call a struct of methodName and params",
        )],
        (
            "array",
            "for each call its result, or a struct of faultCode and faultString",
        ),
        "Call several methods one after the other",
        Does::Multicall,
    ),
];

impl Method {
    /// The method of that name. What is not in the table does not exist: nothing is looked up in
    /// any other way.
    pub(crate) fn named(name: &str) -> Option<&'static Method> {
        METHODS
            .binary_search_by(|method| method.name.cmp(name))
            .ok()
            .and_then(|at| METHODS.get(at))
    }

    /// Whether it is one of those that `[rpcinterface:supervisor]` brings.
    pub(crate) fn is_of_supervisor(&self) -> bool {
        self.name.starts_with("supervisor.")
    }

    /// Whether it may be called with so many parameters.
    pub(crate) fn takes(&self, count: usize) -> bool {
        let least = self
            .parameters
            .iter()
            .filter(|parameter| !parameter.optional)
            .count();
        (least..=self.parameters.len()).contains(&count)
    }

    /// What `methodHelp` says, in the form of the original's documentation.
    pub(crate) fn documentation(&self) -> String {
        let mut out = format!("{}\n\n", self.help);
        for parameter in self.parameters {
            let Parameter {
                kind, name, help, ..
            } = parameter;
            out.push_str(&format!("@param {kind} {name}  {help}\n"));
        }
        out.push_str(&format!(
            "@return {} result  {}\n",
            self.returns, self.result
        ));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What supervisord 4.3.0 gives for `system.methodSignature` of every method it lists.
    const ORIGINAL: &str = "\
supervisor.addProcessGroup boolean string
supervisor.clearAllProcessLogs array
supervisor.clearLog boolean
supervisor.clearProcessLog boolean string
supervisor.clearProcessLogs boolean string
supervisor.getAPIVersion string
supervisor.getAllConfigInfo array
supervisor.getAllProcessInfo array
supervisor.getIdentification string
supervisor.getPID int
supervisor.getProcessInfo struct string
supervisor.getState struct
supervisor.getSupervisorVersion string
supervisor.getVersion string
supervisor.readLog string int int
supervisor.readMainLog string int int
supervisor.readProcessLog string string int int
supervisor.readProcessStderrLog string string int int
supervisor.readProcessStdoutLog string string int int
supervisor.reloadConfig array
supervisor.removeProcessGroup boolean string
supervisor.restart boolean
supervisor.sendProcessStdin boolean string string
supervisor.sendRemoteCommEvent boolean string string
supervisor.shutdown boolean
supervisor.signalAllProcesses array string
supervisor.signalProcess boolean string string
supervisor.signalProcessGroup array string string
supervisor.startAllProcesses array boolean
supervisor.startProcess boolean string boolean
supervisor.startProcessGroup array string boolean
supervisor.stopAllProcesses array boolean
supervisor.stopProcess boolean string boolean
supervisor.stopProcessGroup array string boolean
supervisor.tailProcessLog array string int int
supervisor.tailProcessStderrLog array string int int
supervisor.tailProcessStdoutLog array string int int
system.listMethods array
system.methodHelp string string
system.methodSignature array string
system.multicall array array
";

    #[test]
    fn the_table_is_supervisords() {
        let ours: String = METHODS
            .iter()
            .map(|method| {
                let kinds = method.parameters.iter().map(|parameter| parameter.kind);
                let words: Vec<&str> = [method.name, method.returns]
                    .into_iter()
                    .chain(kinds)
                    .collect();
                words.join(" ") + "\n"
            })
            .collect();
        assert_eq!(ours, ORIGINAL);
    }

    #[test]
    fn b14_what_is_not_in_the_table_does_not_exist() {
        for method in METHODS {
            assert_eq!(Method::named(method.name).unwrap().name, method.name);
        }
        for name in [
            "",
            "supervisor",
            "supervisor.",
            ".getState",
            "supervisor._update",
            "supervisor.__class__",
            "supervisor.supervisord.options.execve",
            "supervisor.supervisord",
            "system.namespaces",
            "system._listMethods",
            "SUPERVISOR.getState",
            "supervisor.getstate",
            "supervisor.getState ",
            "ѕupervisor.getState",
            "supervisor.getState\0",
        ] {
            assert!(Method::named(name).is_none(), "{name:?}");
        }
        assert!(Method::named(&"a".repeat(1_000_000)).is_none());
    }

    #[test]
    fn arity_is_checked() {
        let takes = |name, count| Method::named(name).unwrap().takes(count);
        assert!(takes("supervisor.getState", 0));
        assert!(!takes("supervisor.getState", 1));
        assert!(!takes("supervisor.startProcess", 0));
        assert!(takes("supervisor.startProcess", 1));
        assert!(takes("supervisor.startProcess", 2));
        assert!(!takes("supervisor.startProcess", 3));
    }
}
