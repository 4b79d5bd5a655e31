//! Handing over: to the next manager, to a newer program, or to nobody.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use control::{Answerer, Refusal, Reply};
use engine::command::Answer;
use engine::event::ExitStatus;
use engine::{Event, Ticket};
use nix::sys::epoll::EpollFlags;

use super::Manager;
use super::poller::Source;
use crate::link::UpgradeFailure;
use crate::now;
use crate::process::table::Delivery;

/// A re-exec on its way: first the keeper goes on as the new program, then we make room.
#[derive(Debug)]
pub(super) struct Reexec {
    program: File,
    asker: Answerer,
}

/// How long clients get to read their last answers.
const GRACE: Duration = Duration::from_millis(100);

impl Manager {
    /// Replaces keeper and manager by the program that is on disk now.
    pub(super) fn reexec(&mut self, asker: Answerer) {
        if self.reexec.is_some() {
            asker.answer(Err(Refusal::Invalid(
                "a re-exec is on its way already".to_owned(),
            )));
            return;
        }
        let begun = program_on_disk().and_then(|program| {
            self.link.upgrade_keeper(program.as_fd())?;
            Ok(program)
        });
        match begun {
            Ok(program) => self.reexec = Some(Reexec { program, asker }),
            Err(error) => {
                let refusal = Refusal::Invalid(format!("cannot run the program on disk: {error}"));
                asker.answer(Err(refusal));
            }
        }
    }

    /// The keeper is the new program, or stays what it was; then so do we.
    pub(super) fn keeper_upgraded(&mut self, result: Result<(), UpgradeFailure>) {
        let Some(Reexec { program, asker }) = self.reexec.take() else {
            return;
        };
        let handed_over = match result {
            Ok(()) => self
                .link
                .upgrade_manager(program.as_fd())
                .map_err(|error| error.to_string()),
            Err(UpgradeFailure::SelfTest) => Err("it fails its self-test".to_owned()),
            Err(UpgradeFailure::Errno(errno)) => {
                Err(io::Error::from_raw_os_error(errno).to_string())
            }
        };
        match handed_over {
            Ok(()) => {
                asker.answer(Ok(Reply::Answer(Answer::Done)));
                self.replaced = true;
            }
            Err(reason) => {
                tracing::error!("the program on disk is not taken: {reason}");
                let refusal = format!("the program on disk is not taken: {reason}");
                asker.answer(Err(Refusal::Invalid(refusal)));
            }
        }
    }

    /// The keeper has ended. Should what it has written down be kept, the next one finds us at work;
    /// else the link says so too.
    pub(super) fn keeper_ended(&mut self) {
        if let Some(pidfd) = self.above.keeper.take() {
            self.poller.remove(&Source::Keeper, pidfd.as_fd());
        }
        self.make_room_above();
    }

    /// Whether the process that started us still is our parent.
    pub(super) fn has_keeper(&self) -> bool {
        let parent = rustix::process::getppid();
        parent.is_some_and(|pid| {
            pid.as_raw_nonzero().get().unsigned_abs() == self.link.introduction().keeper
        })
    }

    /// Nobody reaps any more and nobody holds anything: what we have pidfds of is stopped in order,
    /// and that is the end.
    pub(super) fn keeper_gone(&mut self) {
        if std::mem::replace(&mut self.orphaned, true) {
            return;
        }
        tracing::error!("the keeper is gone: stopping everything");
        for (ticket, pidfd) in self.processes.lives() {
            // One that cannot be watched is waited for until its time is up.
            let _ = self
                .poller
                .add(Source::Process(ticket), pidfd.as_fd(), EpollFlags::EPOLLIN);
        }
        self.events
            .push_back(Event::ShutdownRequested { status: Some(1) });
        self.turn();
    }

    /// A process ended and nobody can say how.
    pub(super) fn ended_unseen(&mut self, ticket: Ticket) {
        let at = now::read().monotonic;
        let status = ExitStatus::Unknown;
        if self.processes.exited(ticket, status, at) == Delivery::Now {
            self.feed(Event::Exited { ticket, status, at });
        }
    }

    /// The end of this manager: gives its exit status.
    pub(super) async fn leave(mut self) -> u8 {
        // Dropped requests tell their askers that we are going; they get a moment to write it down.
        self.requests.clear();
        let quiet = async {
            let flushed = match self.halted {
                Some(_) => self.logs.finish(),
                None => self.logs.flush(),
            };
            // The log writer answers as long as there is one.
            let _ = flushed.await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        let _ = tokio::time::timeout(GRACE, quiet).await;
        let Some(status) = self.halted else {
            return 0;
        };
        if let Some(cgroups) = &self.cgroups {
            cgroups.remove_base();
        }
        self.remove_servers();
        if let Some((face, _)) = &self.systemd_face {
            face.remove();
        }
        if let Err(error) = self.link.quit(status) {
            tracing::error!("cannot tell the keeper to end: {error}");
        }
        status
    }
}

/// The program we were started from, as it is on disk now: after an upgrade another file.
fn program_on_disk() -> io::Result<File> {
    let path = std::fs::read_link("/proc/self/exe")?;
    let text = path.to_string_lossy();
    // The kernel says so when the file was replaced.
    File::open(text.strip_suffix(" (deleted)").unwrap_or(&text))
}
