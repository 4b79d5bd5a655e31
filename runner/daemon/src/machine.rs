//! What only the first process of a machine does, and that of a container does not: it mounts the file
//! systems through which the kernel is spoken to (`api_file_systems`), names the machine, switches its
//! loopback interface on, and when all is over it switches the machine off instead of ending, which the
//! kernel would not survive.

mod api_file_systems;
mod host_name;
mod loopback;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;

use rustix::fs::{AtFlags, CWD};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags};
use rustix::system::RebootCommand;

use crate::reason::reason;

/// The number of the first namespace of processes (`PROC_PID_INIT_INO` of the kernel). Whoever is
/// process 1 there started the machine, whatever its environment says.
const FIRST_NAMESPACE: u64 = 0xEFFF_FFFC;

/// With this exit status everything is meant to start anew (`success-action = "reboot"`).
const STARTS_ANEW: u8 = 133;

/// Whether this process is the first one of its namespace.
#[must_use]
pub fn is_process_one() -> bool {
    std::process::id() == 1
}

/// Whether this process is the first one of the machine.
#[must_use]
pub fn is_ours() -> bool {
    let told = std::env::var_os("container").is_some_and(|name| !name.is_empty());
    if !is_process_one() || told {
        return false;
    }
    match is_first_namespace(CWD, "/proc/self/ns/pid") {
        Some(is_first) => is_first,
        // Looked at where nobody else sees it: this may yet be a container without /proc.
        None => detached_proc()
            .and_then(|proc| is_first_namespace(proc.as_fd(), "self/ns/pid"))
            .unwrap_or(false),
    }
}

fn is_first_namespace(directory: impl AsFd, path: &str) -> Option<bool> {
    let found = rustix::fs::statat(directory, path, AtFlags::empty()).ok()?;
    Some(found.st_ino == FIRST_NAMESPACE)
}

/// The process file system, mounted nowhere.
fn detached_proc() -> Option<OwnedFd> {
    let context = rustix::mount::fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC).ok()?;
    rustix::mount::fsconfig_create(context.as_fd()).ok()?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    rustix::mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes).ok()
}

/// What of the words that a kernel hands to its init is meant for us. It hands on all that it does
/// not know itself: a runlevel or its name says what to start (init(1) of systemd), options of ours have
/// their value behind a `=`, and what begins with `/` is a PATH. The first word is the program.
#[must_use]
pub fn arguments(words: Vec<OsString>) -> Vec<OsString> {
    let is_ours = |word: &OsStr| {
        let text = word.to_string_lossy();
        text.starts_with("--") && text.len() > 2 || text.starts_with('/')
    };
    let target = |word: &OsStr| match word.to_str()? {
        "single" | "s" | "S" | "1" | "rescue" => Some("rescue.target"),
        "2" | "3" | "4" | "5" => Some("multi-user.target"),
        "emergency" | "-b" | "b" => Some("emergency.target"),
        _ => None,
    };
    let mut words = words.into_iter();
    let program = words.next();
    let meant = words.filter_map(|word| match target(&word) {
        Some(target) => Some(format!("--target={target}").into()),
        None => is_ours(&word).then_some(word),
    });
    program.into_iter().chain(meant).collect()
}

/// Makes the machine fit to run units in. What cannot be done is told, and is no reason to end: the
/// machine has nobody else.
pub fn prepare() {
    for trouble in api_file_systems::mount(Path::new("/")) {
        say(&trouble);
    }
    if let Err(error) = host_name::set(Path::new("/etc/hostname")) {
        say(&format!(
            "cannot name the machine as /etc/hostname says: {}",
            reason(&error)
        ));
    }
    if let Err(error) = lengthen_queues(Path::new(QUEUE_LENGTH)) {
        say(&format!("cannot raise {QUEUE_LENGTH}: {}", reason(&error)));
    }
    if let Err(error) = loopback::switch_on() {
        say(&format!(
            "cannot switch the loopback interface on: {}",
            reason(&error)
        ));
    }
    // Ctrl-Alt-Del is for us to hear (SIGINT), not for the kernel to obey.
    if let Err(error) = rustix::system::reboot(RebootCommand::CadOff) {
        say(&format!("cannot take over Ctrl-Alt-Del: {error}"));
    }
}

/// How many datagrams wait at a socket that is made from now on.
const QUEUE_LENGTH: &str = "/proc/sys/net/unix/max_dgram_qlen";
/// What systemd makes of it (`DEFAULT_UNIX_MAX_DGRAM_QLEN` of systemd 252): the kernel's ten are few for
/// a journald that is not up yet, or is started again.
const ENOUGH: u32 = 512;

fn lengthen_queues(setting: &Path) -> io::Result<()> {
    let known = std::fs::read_to_string(setting)?;
    match known.trim().parse::<u32>() {
        Ok(length) if length >= ENOUGH => Ok(()),
        _ => std::fs::write(setting, ENOUGH.to_string()),
    }
}

/// Switches the machine off, or starts it again where the exit status of the whole program says so.
/// Comes back only where that is refused.
pub fn end(status: ExitCode) {
    let command = match status == ExitCode::from(STARTS_ANEW) {
        true => RebootCommand::Restart,
        false => RebootCommand::PowerOff,
    };
    rustix::fs::sync();
    // What is still open for writing then is told to the disks by the sync alone.
    let flags = MountFlags::RDONLY;
    let _ = rustix::mount::mount_remount("/", flags, "");
    if let Err(error) = rustix::system::reboot(command) {
        say(&format!("cannot end the machine: {error}"));
    }
}

fn say(text: &str) {
    // Nobody else could be told.
    let _ = writeln!(std::io::stderr(), "runnerd: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_kernels_words_only_ours_count() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        let line = "/sbin/init splash 3 --log-format=json /etc/units fsck.mode=skip";
        let ours = "/sbin/init --target=multi-user.target --log-format=json /etc/units";
        assert_eq!(arguments(words(line)), words(ours));
        assert_eq!(
            arguments(words("init -b -- x single")),
            words("init --target=emergency.target --target=rescue.target")
        );
        assert_eq!(arguments(Vec::new()), Vec::<OsString>::new());
    }

    #[test]
    fn queues_become_longer_and_never_shorter() {
        let setting = tempfile::NamedTempFile::new().unwrap();
        for (before, after) in [("10\n", "512"), ("1024\n", "1024\n")] {
            std::fs::write(setting.path(), before).unwrap();
            lengthen_queues(setting.path()).unwrap();
            assert_eq!(std::fs::read_to_string(setting.path()).unwrap(), after);
        }
    }

    #[test]
    fn a_test_is_not_the_first_process_of_a_machine() {
        assert!(!is_ours());
        // Here or in a container, the number is that of some namespace.
        assert!(is_first_namespace(CWD, "/proc/self/ns/pid").is_some());
        assert_eq!(is_first_namespace(CWD, "/nonexistent"), None);
    }
}
