//! A process seen from outside, by pidfd: no number is ever mistaken for another process.

use crate::board::patience;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

/// One running process.
#[derive(Debug)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    descriptor: OwnedFd,
}

impl Process {
    /// The process that has this number now, if any.
    pub fn open(pid: i32) -> Option<Process> {
        let descriptor = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
        Some(Process { pid, descriptor })
    }

    /// Sends a signal, by number; false when the process is gone.
    pub fn signal(&self, number: i32) -> bool {
        Signal::from_named_raw(number)
            .is_some_and(|signal| pidfd_send_signal(&self.descriptor, signal).is_ok())
    }

    /// Waits until the process is dead (a zombie is); false when it still lives after `patience`.
    pub fn gone_within(&self, patience: Duration) -> bool {
        let mut ready = [nix::poll::PollFd::new(
            self.descriptor.as_fd(),
            nix::poll::PollFlags::POLLIN,
        )];
        let patience = u16::try_from(patience.as_millis()).unwrap_or(u16::MAX);
        nix::poll::poll(&mut ready, patience).is_ok_and(|n| n > 0)
    }

    /// The manager of this keeper: its child that runs the same program. Between two managers there
    /// is none for a moment.
    pub fn manager(&self) -> Option<Process> {
        let program = std::fs::read_link(format!("/proc/{}/exe", self.pid)).ok()?;
        let managers = children_running(self.pid, &program);
        Process::open(*managers.first()?)
    }

    /// Kills the manager of this keeper and waits until it is dead.
    #[track_caller]
    pub fn kill_manager(&self) {
        let manager = loop {
            if let Some(manager) = self.manager() {
                break manager;
            }
            assert!(!self.is_gone(), "the keeper is gone");
        };
        manager.signal(libc::SIGKILL);
        assert!(manager.gone_within(patience()), "SIGKILL does not kill");
    }

    /// Is it dead?
    pub fn is_gone(&self) -> bool {
        self.gone_within(Duration::ZERO)
    }
}

/// The children of a process, of all its threads.
pub(crate) fn children(pid: i32) -> Vec<i32> {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|text| {
            text.split_whitespace()
                .filter_map(|word| word.parse().ok())
                .collect::<Vec<i32>>()
        })
        .collect()
}

/// The children of a process that run this program file.
pub fn children_running(pid: i32, program: &Path) -> Vec<i32> {
    // In this order: what executes changes its program first, then its name.
    let runs = |pid: &i32| {
        !is_about_to_execute(*pid)
            && std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program)
    };
    children(pid).into_iter().filter(runs).collect()
}

/// Whether this is a service's process before it has executed its program: it is the keeper's child
/// and still runs the manager's, under the name of the thread that made it.
fn is_about_to_execute(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm"))
        .is_ok_and(|name| name.starts_with("spawner"))
}
