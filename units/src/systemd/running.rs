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
        original: "services have a soft limit of 1,024 open files, the LANG of /etc/locale.conf, and ignore the two signals the C library keeps for itself",
        here: "limits and LANG are those runnerd was started with, and no signal is ignored but SIGPIPE",
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
];
