//! Where the client and its small neighbours differ from those of supervisor 4.3.0, on purpose. For
//! the same page of the manual as the differences of the daemon.

use units::Deviation;

/// All differences of `supervisorctl`, `pidproxy` and `echo_supervisord_conf`.
pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        name: "lines of source",
        original: "ends the line of an unexpected error with the Python file and line it came from",
        here: "ends it with `: file: supervisorctl line: 0`; all before that is the same",
        why: "there is no Python file, and scripts look at what stands before it",
    },
    Deviation {
        name: "tracebacks",
        original: "dies with a Python traceback of a configuration it cannot parse, and of ctrl-C",
        here: "says what is wrong in one line and ends with exit status 2; ctrl-C ends it without a word",
        why: "errors are for people",
    },
    Deviation {
        name: "the history option",
        original: "takes `-r FILE` and does nothing with it",
        here: "remembers typed lines there; at most 1000, and not what is typed in `fg`",
        why: "its help says so",
    },
    Deviation {
        name: "control characters on a terminal",
        original: "sends what a process wrote to the terminal, or fails to read the reply",
        here: "shows control characters as `\\xNN` on a terminal; a pipe gets them as they are",
        why: "a log must not be able to rewrite the screen",
    },
    Deviation {
        name: "logs that are followed",
        original: "shows a piece of log that is not UTF-8 as `Undecodable: b'...'`, also where a character was cut in two",
        here: "writes the bytes as they came; on a terminal, what is no character as U+FFFD",
        why: "the log is shown, not described",
    },
    Deviation {
        name: "the end of fg",
        original: "hangs at the end of its input until the process writes something",
        here: "ends",
        why: "a mistake of the original",
    },
    Deviation {
        name: "order of unknown groups",
        original: "`update` complains of unknown groups in an order that changes from run to run",
        here: "in the order they were named",
        why: "an accident of the implementation",
    },
    Deviation {
        name: "client plug-ins",
        original: "loads Python plug-ins from `[ctlplugin:x]`, and refuses those it cannot load",
        here: "leaves them out; on a terminal with a warning",
        why: "no Python runs here, and all other verbs work without them",
    },
    Deviation {
        name: "long replies",
        original: "reads what comes",
        here: "a reply has at most 256 MiB, its head 64 KiB",
        why: "a server must not take the memory of the client's machine",
    },
    Deviation {
        name: "the encoding of standard output",
        original: "warns before a log if standard output is not UTF-8",
        here: "writes UTF-8 always",
        why: "it is what the daemon sends",
    },
    Deviation {
        name: "pidproxy",
        original: "notices the end of its command up to 5 s late, ends with status 0 if it cannot run it, and dies with a traceback when the process to be signalled is gone",
        here: "notices it at once; status 1 if the command cannot be run, or if a signal to end finds no process; never signals process 1, itself or a group",
        why: "a supervisor has to know, and a pid file can be wrong",
    },
    Deviation {
        name: "the sample configuration",
        original: "listens and logs in /tmp",
        here: "another text with the same sections; listens and logs beside the file",
        why: "anybody can write to /tmp",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_difference_has_a_name_of_its_own() {
        let mut names: Vec<&str> = DEVIATIONS.iter().map(|deviation| deviation.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), DEVIATIONS.len());
    }
}
