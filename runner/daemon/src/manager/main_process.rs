//! Main processes that a service names by descriptor (`MAINPIDFD=1`), or by number with the number of
//! the pidfd (`MAINPIDFDID=`), so that nobody takes another process with a used number for it.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use engine::notify::Message;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::reason::reason;

/// `PID_FS_MAGIC`: pidfds have inodes of their own since Linux 6.9.
const PID_FS: rustix::fs::FsWord = 0x5049_4446;
/// An entry of `/proc/self/fdinfo` is shorter than that.
const LONGEST_INFO: u64 = 4096;

/// Makes of a descriptor the pid it stands for, and takes it from those that came along. A process
/// that is not the one that was meant is not named at all.
///
/// # Errors
/// A few words on why no process is named by the message any more.
pub(super) fn resolve(message: &mut Message, descriptors: &mut Vec<OwnedFd>) -> Result<(), String> {
    if !message.main_pid_fd && message.main_pid_fd_id.is_none() {
        return Ok(());
    }
    let named = message.main_pid.take();
    let (pid, pidfd) = if message.main_pid_fd {
        if descriptors.is_empty() {
            return Err("MAINPIDFD=1 without a descriptor".to_owned());
        }
        let pidfd = descriptors.remove(0);
        (pid_of(pidfd.as_fd())?, pidfd)
    } else {
        let Some(pid) = named else {
            return Err("MAINPIDFDID= without MAINPID=".to_owned());
        };
        let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let process = process.ok_or("there is no such process")?;
        let pidfd = pidfd_open(process, PidfdFlags::empty())
            .map_err(|error| format!("process {pid}: {}", reason(&error.into())))?;
        (pid, pidfd)
    };
    let given = message.main_pid_fd_id;
    if let (Some(given), Some(found)) = (given, id_of(pidfd.as_fd()))
        && given != found
    {
        return Err(format!("process {pid} is another one by now"));
    }
    message.main_pid = Some(pid);
    Ok(())
}

/// The pid behind a pidfd.
fn pid_of(pidfd: BorrowedFd<'_>) -> Result<u32, String> {
    let path = format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd());
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST_INFO).read_to_string(&mut text))
        .map_err(|error| reason(&error))?;
    let pid = text
        .lines()
        .find_map(|line| line.strip_prefix("Pid:"))
        .ok_or("the descriptor is no process")?;
    // -1: it is gone; 0: it is of another pid namespace.
    let pid = pid.trim().parse().ok().filter(|pid| *pid > 1);
    pid.ok_or_else(|| "there is no such process any more".to_owned())
}

/// The number of a pidfd, where the kernel gives each process its own.
fn id_of(pidfd: BorrowedFd<'_>) -> Option<u64> {
    let system = rustix::fs::fstatfs(pidfd).ok()?;
    if system.f_type != PID_FS {
        return None;
    }
    Some(rustix::fs::fstat(pidfd).ok()?.st_ino)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> OwnedFd {
        pidfd_open(rustix::process::getpid(), PidfdFlags::empty()).unwrap()
    }

    fn message(text: &str) -> Message {
        Message::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_descriptor_becomes_a_pid_and_leaves_the_others() {
        let mut said = message("READY=1\nMAINPID=77\nMAINPIDFD=1\nFDSTORE=1");
        let other = File::open("/dev/null").unwrap();
        let mut descriptors = vec![own(), other.into()];
        assert_eq!(resolve(&mut said, &mut descriptors), Ok(()));
        assert_eq!(said.main_pid, Some(std::process::id()));
        assert_eq!(descriptors.len(), 1);
    }

    #[test]
    fn what_names_no_process() {
        let refused = |text: &str, mut descriptors: Vec<OwnedFd>| {
            let mut said = message(text);
            let why = resolve(&mut said, &mut descriptors).unwrap_err();
            assert_eq!(said.main_pid, None);
            assert!(descriptors.is_empty());
            why
        };
        let none = "MAINPIDFD=1 without a descriptor";
        assert_eq!(refused("MAINPIDFD=1\nMAINPID=1000", Vec::new()), none);
        let file: OwnedFd = File::open("/dev/null").unwrap().into();
        let no_process = "the descriptor is no process";
        assert_eq!(refused("MAINPIDFD=1", vec![file]), no_process);
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let dead = pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()).unwrap();
        child.wait().unwrap();
        let gone = "there is no such process any more";
        assert_eq!(refused("MAINPIDFD=1", vec![dead]), gone);
    }

    #[test]
    fn a_used_number_is_noticed() {
        let pid = std::process::id();
        let Some(id) = id_of(own().as_fd()) else {
            // Before Linux 6.9 nothing can be said about it, and the number counts.
            let mut said = message(&format!("MAINPID={pid}\nMAINPIDFDID=1"));
            assert_eq!(resolve(&mut said, &mut Vec::new()), Ok(()));
            assert_eq!(said.main_pid, Some(pid));
            return;
        };
        let mut right = message(&format!("MAINPID={pid}\nMAINPIDFDID={id}"));
        assert_eq!(resolve(&mut right, &mut Vec::new()), Ok(()));
        assert_eq!(right.main_pid, Some(pid));
        let mut wrong = message(&format!("MAINPID={pid}\nMAINPIDFDID={}", id + 1));
        let why = resolve(&mut wrong, &mut Vec::new()).unwrap_err();
        assert_eq!(why, format!("process {pid} is another one by now"));
        assert_eq!(wrong.main_pid, None);
    }
}
