//! The end: in order when there is no manager to see to it, and to the very last child.

use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};

use super::table::Child;
use super::{Keeper, SOON, now, pid_file, say, system};

/// How long to wait for children that were sent SIGKILL, in microseconds. Only one that hangs in
/// the kernel needs any.
const PATIENCE: u64 = 10_000_000;

const KILL: u32 = libc::SIGKILL.unsigned_abs();
const CONT: u32 = libc::SIGCONT.unsigned_abs();

impl Keeper {
    /// Stops everything without a manager, the highest rank first.
    pub(super) fn give_up(&mut self) -> ExitCode {
        self.shoot();
        self.fence();
        self.manager = None;
        let ranks: BTreeSet<u32> = self
            .table
            .children
            .values()
            .map(|child| child.rank)
            .collect();
        let mut hurry = false;
        let limit = now().saturating_add(self.settings.stop_limit);
        for rank in ranks.into_iter().rev() {
            let mut longest = 0;
            for (instance, child) in self.of_rank(rank) {
                self.signal_child(*instance, child.pid, child.signal);
                self.signal_child(*instance, child.pid, CONT);
                longest = longest.max(child.timeout);
            }
            let end = now().saturating_add(longest).min(limit);
            while self.has_rank(rank) && now() < end && !hurry {
                hurry = self.wait_for_children(end);
            }
            for (instance, child) in self.of_rank(rank) {
                self.signal_child(*instance, child.pid, KILL);
            }
            let end = now().saturating_add(PATIENCE);
            while self.has_rank(rank) && now() < end {
                self.wait_for_children(end);
            }
        }
        self.finish(1)
    }

    /// Kills what is left, reaps to the end, and gives the exit status of the whole program.
    pub(super) fn finish(&mut self, status: u8) -> ExitCode {
        let end = now().saturating_add(PATIENCE);
        while self.has_anybody() && now() < end {
            self.kill_all();
            self.wait_for_children(end.min(now().saturating_add(100_000)));
        }
        if self.has_anybody() {
            say("some processes cannot be killed: leaving them behind");
        }
        if std::process::id() == 1 {
            // Whoever runs the container need not wait for its end to know (systemd(1)).
            self.outer
                .notify(format!("EXIT_STATUS={status}"), Vec::new());
        }
        if let Some(written) = self.written.take() {
            self.give_journal_up(written);
        }
        let _ = std::fs::remove_file(self.settings.runtime_dir.join("pid"));
        if self.settings.fresh {
            // Nobody knows it any more. It is ours alone, so nothing in it leads elsewhere.
            let _ = std::fs::remove_dir_all(&self.settings.runtime_dir);
        }
        if let Some(path) = &self.settings.pid_file {
            pid_file::remove(path);
        }
        ExitCode::from(status)
    }

    fn of_rank(&self, rank: u32) -> impl Iterator<Item = (&u64, &Child)> {
        let children = self.table.children.iter();
        children.filter(move |(_, child)| child.rank == rank)
    }

    fn has_rank(&self, rank: u32) -> bool {
        self.of_rank(rank).next().is_some()
    }

    /// Whether anybody lives whom we started, or the keeper before us.
    fn has_anybody(&self) -> bool {
        system::has_children() || !self.table.fosters.is_empty()
    }

    /// Sends SIGKILL to all children, registered or not. Their own children become ours, so this
    /// is repeated until there are none.
    fn kill_all(&self) {
        if std::process::id() == 1 {
            system::kill(None, KILL);
            return;
        }
        for (instance, child) in &self.table.children {
            self.signal_child(*instance, child.pid, KILL);
        }
        // Our own children, in words of the kernel: whoever is in this list is not reaped yet.
        let own = std::process::id();
        let list = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children"));
        for pid in list.unwrap_or_default().split_ascii_whitespace() {
            if let Ok(pid) = pid.parse() {
                system::kill(Some(pid), KILL);
            }
        }
    }

    /// Waits for the next exits, until `end` at most; whether somebody asked to hurry.
    fn wait_for_children(&mut self, end: u64) -> bool {
        let fosters = self.fosters.ready();
        let mut fds = [
            PollFd::new(&self.signals, PollFlags::IN),
            PollFd::new(&fosters, PollFlags::IN),
        ];
        let end = match self.fosters.is_waiting() {
            true => end.min(now().saturating_add(SOON)),
            false => end,
        };
        let pause = Duration::from_micros(end.saturating_sub(now()));
        let _ = rustix::event::poll(&mut fds, Timespec::try_from(pause).ok().as_ref());
        let arrived = system::read_signals(self.signals.as_fd());
        while let Some((pid, status)) = system::reap(None) {
            self.table.ended(pid, status, now());
        }
        self.look_at_fosters();
        arrived.mask & (1 << libc::SIGTERM | 1 << libc::SIGINT) != 0
    }
}
