//! Exit statuses: those of the Linux Standard Base for init scripts, as the original has them.

/// Something went wrong.
pub(super) const GENERIC: u8 = 1;
/// The command lacks an argument; of `start` alone.
pub(super) const INVALID_ARGUMENTS: u8 = 2;
/// The daemon answers, but not to supervisor's methods.
pub(super) const UNIMPLEMENTED: u8 = 3;
/// The daemon refuses connections.
pub(super) const INSUFFICIENT_PRIVILEGES: u8 = 4;
/// The daemon speaks another version of the protocol.
pub(super) const NOT_INSTALLED: u8 = 5;
/// A process does not run, or the daemon.
pub(super) const NOT_RUNNING: u8 = 7;

/// `status`: a process does not run.
pub(super) const STATUS_NOT_RUNNING: u8 = 3;
/// `status`: a process does not exist, or nobody answers.
pub(super) const STATUS_UNKNOWN: u8 = 4;

/// The command line, or the configuration, makes no sense.
pub(super) const USAGE: u8 = 2;
