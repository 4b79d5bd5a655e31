//! Where running units differs from systemd 252, on purpose: what comparisons with the real one
//! found and nobody wants to mend. runner-systemd(7) is made from this table.

use crate::deviation::Deviation;

/// All differences in running units. The cases of `tests/tests/beside_systemd` name them.
pub const RUNNING_DEVIATIONS: &[Deviation] = &[
    Deviation {
        name: "exit status for broken unit files",
        original: "systemctl ends with 1 when a unit cannot be started because its file has an error, as when the service fails",
        here: "runnerctl ends with 6",
        why: "a script can tell a file to be mended from a service that failed",
    },
    Deviation {
        name: "the socket of the message bus",
        original: "a service of type dbus requires dbus.socket, and its start times out where there is no bus",
        here: "it wants dbus.socket; where there is no bus its start fails at once and says so",
        why: "in a container the bus is mostly another unit, or the host's",
    },
    Deviation {
        name: "what no unit says",
        original: "services have a soft limit of 1,024 open files, 15 % of the tasks that the machine can have (TasksMax), the LANG of /etc/locale.conf, and ignore the two signals the C library keeps for itself",
        here: "limits and LANG are those runnerd was started with, tasks are not limited, and no signal is ignored but SIGPIPE",
        why: "in a container they are chosen by whoever starts it",
    },
    Deviation {
        name: "directories of credentials",
        original: "`%d` and CREDENTIALS_DIRECTORY are below /run/credentials",
        here: "they are below the runtime directory: /run/runner/credentials",
        why: "several managers run on one machine, beside systemd too",
    },
    Deviation {
        name: "bytes that are no text",
        original: "an escape such as `\\351` puts any byte into a command line",
        here: "what is no UTF-8 is an error of that line",
        why: "everything a unit says can be shown, sent and stored as text",
    },
    Deviation {
        name: "main processes of somebody else",
        original: "`MAINPID=` may name a process whose parent lives; how it ends is then not known",
        here: "it becomes the main process when its parent has ended, and until then the one before it stays",
        why: "how the main process ended is always known, also where the manager was killed meanwhile",
    },
    Deviation {
        name: "variables for conditions",
        original: "`ConditionEnvironment=` looks into a block that begins with PATH and the locale alone",
        here: "it looks into the environment runnerd was started with",
        why: "in a container that is where its user says things",
    },
    Deviation {
        name: "triggers without a unit",
        original: "a socket, timer or path whose unit does not exist is loaded, and fails when it is started",
        here: "it has an error, which is said when files are read",
        why: "who mistyped a name learns of it at once",
    },
    Deviation {
        name: "isolating a missing unit",
        original: "systemctl ends with 4, as for a unit that may not be isolated",
        here: "runnerctl ends with 5 and says that there is no such unit",
        why: "it is what is wrong",
    },
    Deviation {
        name: "JOURNAL_STREAM",
        original: "sets it for programs whose output is a stream of journald's, so that they can speak to journald themselves",
        here: "never sets it: output goes through a pipe of ours whatever becomes of it",
        why: "a pipe is what keeps every line when the manager or journald is killed; programs that look for the variable write lines, as they do to any pipe",
    },
    Deviation {
        name: "files of transient units",
        original: "has them in /run/systemd/transient, for everybody to read",
        here: "has them in transient/ of the runtime directory, for root or our own user; they say what was asked for and are never read",
        why: "the definitions are with the keeper, and others may not see what programs are given",
    },
];
