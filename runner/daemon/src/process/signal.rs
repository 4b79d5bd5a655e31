//! Signals by pidfd: a number that was given to somebody else meanwhile cannot be hit.
#![allow(
    unsafe_code,
    reason = "pidfd system calls that no safe library has with all their flags"
)]

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use units::UnitName;
use units::value::Signal;

use crate::cgroup::Cgroups;

/// Signal the process group led by the process (Linux 6.9).
const PIDFD_SIGNAL_PROCESS_GROUP: u32 = 1 << 2;

fn pidfd_send(pidfd: &OwnedFd, signal: i32, flags: u32) -> io::Result<()> {
    // SAFETY: a descriptor that is open, and no pointer.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            0usize,
            flags,
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// A descriptor for a process; `None` when there is none.
pub(super) fn open(pid: u32) -> Option<OwnedFd> {
    let pid = i32::try_from(pid).ok()?;
    // SAFETY: no pointer.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0u32) };
    // SAFETY: the kernel has just made it for us.
    (fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Sends a signal, then SIGCONT if `wake` and it is of use. Whether the process was there.
pub(super) fn send(pidfd: &OwnedFd, signal: Signal, wake: bool) -> io::Result<bool> {
    match pidfd_send(pidfd, signal.number(), 0) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(false),
        Err(error) => return Err(error),
    }
    if wake && signal != Signal::KILL && signal != Signal::CONT {
        // It may have ended of the first one already.
        let _ = pidfd_send(pidfd, Signal::CONT.number(), 0);
    }
    Ok(true)
}

/// Sends a signal to the process group that this process led or leads. Whether anybody was there;
/// before Linux 6.9 nobody is, as the number alone could by now be somebody else's.
pub(super) fn send_group(pidfd: &OwnedFd, signal: Signal, wake: bool) -> bool {
    let sent = pidfd_send(pidfd, signal.number(), PIDFD_SIGNAL_PROCESS_GROUP).is_ok();
    if sent && wake && signal != Signal::KILL && signal != Signal::CONT {
        let _ = pidfd_send(pidfd, Signal::CONT.number(), PIDFD_SIGNAL_PROCESS_GROUP);
    }
    sent
}

/// Whether the process runs. One that has ended and was not reaped does not: that it is reaped is
/// told to nobody but its parent.
pub(super) fn exists(pidfd: &OwnedFd) -> bool {
    let mut ended = [PollFd::new(pidfd, PollFlags::IN)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    matches!(rustix::event::poll(&mut ended, Some(&now)), Ok(0) | Err(_))
}

/// Whether anybody is in the process group that this process led or leads. Where the kernel cannot
/// say, somebody may be.
pub(super) fn group_exists(pidfd: &OwnedFd) -> bool {
    match pidfd_send(pidfd, 0, PIDFD_SIGNAL_PROCESS_GROUP) {
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => false,
        Ok(()) | Err(_) => true,
    }
}

/// Sends a signal to all processes of a control group, and to those that were forked meanwhile.
pub(super) fn send_cgroup(
    cgroups: &Cgroups,
    unit: &UnitName,
    signal: Signal,
    wake: bool,
    reached: &mut HashSet<u32>,
) {
    // A program that forks without end is ended by SIGKILL, which the kernel does at once.
    for _ in 0..8 {
        let mut news = false;
        for pid in cgroups.processes(unit) {
            if reached.contains(&pid) {
                continue;
            }
            let Some(pidfd) = open(pid) else {
                continue;
            };
            // Only now the number is held fast.
            if cgroups.contains(unit, pid) == Some(true)
                && send(&pidfd, signal, wake).unwrap_or(false)
            {
                news |= reached.insert(pid);
            }
        }
        if !news {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

    #[test]
    fn who_has_ended_and_waits_to_be_reaped_is_gone() {
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let pidfd = open(child.id()).unwrap();
        assert!(exists(&pidfd));
        drop(child.stdin.take());
        let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        let unreaped = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(pid), unreaped).unwrap();
        assert!(!exists(&pidfd));
        child.wait().unwrap();
        assert!(!exists(&pidfd));
    }
}
