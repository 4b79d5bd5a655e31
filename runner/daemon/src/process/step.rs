//! The steps between clone and `execve`: what each is called, what a program that fails in it
//! exits with, and what people are told.

use engine::event::SpawnFailure;

/// What the child does, in this order. A step that has nothing to do is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Step {
    /// Default dispositions for all signals.
    Signals = 1,
    /// A session of its own.
    Session,
    /// Telling the keeper that it exists.
    Register,
    /// Into the unit's control group, where clone could not put it there.
    Cgroup,
    /// Away from the daemon's own protection against the out-of-memory killer.
    OutOfMemory,
    /// Descriptor 0.
    Stdin,
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
    /// The passed descriptors from 3 on, and closing all others.
    Descriptors,
    /// What a core dump holds.
    CoreDumps,
    /// The nice level.
    Nice,
    /// The scheduling policy.
    Scheduler,
    /// The processors to run on.
    Affinity,
    /// The memory nodes to take memory from.
    MemoryPolicy,
    /// The priority at disks.
    IoPriority,
    /// How late timers may be.
    TimerSlack,
    /// The machine it is told it runs on.
    Personality,
    /// Its directories below `/run`.
    RuntimeDirectory,
    /// Its directories below `/var/lib`.
    StateDirectory,
    /// Its directories below `/var/cache`.
    CacheDirectory,
    /// Its directories below `/var/log`.
    LogsDirectory,
    /// Its directories below `/etc`.
    ConfigurationDirectory,
    /// Its credentials.
    Credentials,
    /// Resource limits.
    Limits,
    /// The group and the supplementary groups.
    Group,
    /// Capabilities.
    Capabilities,
    /// The root directory.
    Root,
    /// The user.
    User,
    /// The kernel keyring.
    Keyring,
    /// The working directory.
    Directory,
    /// The secure bits.
    SecureBits,
    /// That it can gain no privileges.
    NoNewPrivileges,
    /// An empty signal mask.
    Mask,
    /// The program itself.
    Execute,
}

/// What a child exits with when the keeper has given its manager up: it ran nothing, and the next
/// manager knows nothing of it.
pub const FENCED_STATUS: u8 = 126;

/// Each step with systemd's exit status for it (`systemd.exec(5)`, "Process exit codes").
const STATUSES: [(Step, u8); 34] = [
    (Step::Signals, 207),
    (Step::Session, 220),
    (Step::Register, FENCED_STATUS),
    (Step::Cgroup, 219),
    (Step::OutOfMemory, 206),
    (Step::Stdin, 208),
    (Step::Stdout, 209),
    (Step::Stderr, 222),
    (Step::Descriptors, 202),
    (Step::CoreDumps, 205),
    (Step::Nice, 201),
    (Step::Scheduler, 214),
    (Step::Affinity, 215),
    (Step::MemoryPolicy, 242),
    (Step::IoPriority, 211),
    (Step::TimerSlack, 212),
    (Step::Personality, 230),
    (Step::RuntimeDirectory, 233),
    (Step::StateDirectory, 238),
    (Step::CacheDirectory, 239),
    (Step::LogsDirectory, 240),
    (Step::ConfigurationDirectory, 241),
    (Step::Credentials, 243),
    (Step::Limits, 205),
    (Step::Group, 216),
    (Step::Capabilities, 218),
    (Step::Root, 210),
    (Step::User, 217),
    (Step::Keyring, 237),
    (Step::Directory, 200),
    (Step::SecureBits, 213),
    (Step::NoNewPrivileges, 227),
    (Step::Mask, 207),
    (Step::Execute, 203),
];

impl Step {
    /// systemd's exit status for a failure in this step.
    #[must_use]
    pub const fn status(self) -> u8 {
        // `Signals` is 1, and the table is in the order of the steps (a test checks it).
        STATUSES[self as usize - 1].1
    }

    /// The step with this number, as the child reports it.
    pub(super) fn from_number(number: u32) -> Option<Step> {
        STATUSES
            .iter()
            .map(|(step, _)| *step)
            .find(|step| *step as u32 == number)
    }

    /// The failure of this step for `errno`; `what` is the sentence without the reason, such as
    /// `cannot change to directory /srv`. A shortage of the machine is recognised as one.
    pub(super) fn failed(self, what: &str, errno: i32) -> SpawnFailure {
        if is_shortage(errno) {
            return SpawnFailure::Shortage { errno };
        }
        self.refused(format!("{what}: {}", reason(errno)))
    }

    /// The failure of this step for a reason that is no errno.
    pub(super) fn refused(self, message: String) -> SpawnFailure {
        SpawnFailure::Setup {
            status: self.status(),
            message,
        }
    }
}

/// Whether `errno` says that the machine is short of something, which is not the unit's fault.
#[must_use]
pub fn is_shortage(errno: i32) -> bool {
    matches!(
        errno,
        libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE
    )
}

/// What `errno` means, to stand at the end of a sentence: `no such file or directory`.
#[must_use]
pub fn reason(errno: i32) -> String {
    let text = nix::errno::Errno::from_raw(errno).desc();
    // "RPC version wrong" and "I/O error" begin with an abbreviation, which stays.
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.to_owned(),
    }
}

/// [`reason`] of an error that came from the system; else the error's own words.
#[must_use]
pub fn reason_of(error: &std::io::Error) -> String {
    error
        .raw_os_error()
        .map_or_else(|| error.to_string(), reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        for (place, (step, status)) in STATUSES.iter().enumerate() {
            assert_eq!(*step as usize, place + 1);
            assert_eq!(step.status(), *status);
            assert_eq!(Step::from_number(*step as u32), Some(*step));
        }
        assert_eq!(Step::from_number(0), None);
    }

    #[test]
    fn sentences() {
        assert_eq!(
            Step::Directory.failed("cannot change to directory /x", libc::ENOENT),
            SpawnFailure::Setup {
                status: 200,
                message: "cannot change to directory /x: no such file or directory".to_owned()
            }
        );
        assert_eq!(
            Step::Execute.failed("cannot execute /x", libc::EAGAIN),
            SpawnFailure::Shortage {
                errno: libc::EAGAIN
            }
        );
        assert_eq!(reason(libc::EIO), "I/O error");
    }
}
