//! Where running units differs from systemd 252, on purpose: what comparisons with the real one
//! found and nobody wants to mend. runner-systemd(7) is made from this table.

use crate::deviation::Deviation;

/// All differences in running units. The cases of `tests/tests/beside_systemd` name them.
pub const RUNNING_DEVIATIONS: &[Deviation] = &[Deviation {
    name: "exit status for broken unit files",
    original: "systemctl ends with 1 when a unit cannot be started because its file has an error, as when the service fails",
    here: "runnerctl ends with 6",
    why: "a script can tell a file to be mended from a service that failed",
}];
