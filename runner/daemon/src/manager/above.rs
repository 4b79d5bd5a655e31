//! The systemd that runs us: whether it starts us again right away, which is to be asked for, since
//! `systemctl restart` and `systemctl stop` send the same signal.
//!
//! Where it does, and keeps what the keeper has written down, the keeper ends alone and everything
//! else stays as it is; the next keeper takes it over ([`crate::keeper`]). Else everything is stopped.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use dbus::server::above::{Plan, plan};
use tokio::task::JoinHandle;
use units::value::Signal;

use super::Manager;
use crate::keeper::SERVICE_MANAGER;

/// So many descriptors the keeper has stored.
const STORED: u32 = 2;

/// The type of a job that starts us again.
const RESTART: &str = "restart";

/// What it may be asked.
#[derive(Debug)]
pub(super) struct Above {
    /// Where its sockets are, if there is one.
    directory: Option<PathBuf>,
    invocation: String,
    question: Option<JoinHandle<Result<Plan, String>>>,
    /// The keeper, whose end is waited for.
    pub(super) keeper: Option<OwnedFd>,
}

impl Above {
    /// Whether there is one.
    pub(super) fn is_there(&self) -> bool {
        self.directory.is_some()
    }

    /// From what it told us in the environment.
    pub(super) fn from_environment() -> Above {
        let invocation = std::env::var("INVOCATION_ID").unwrap_or_default();
        Above {
            directory: std::env::var_os(SERVICE_MANAGER)
                .map(PathBuf::from)
                .filter(|_| !invocation.is_empty()),
            invocation,
            question: None,
            keeper: None,
        }
    }

    /// The answer; never, where nothing was asked. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Plan, String> {
        let Some(question) = &mut self.question else {
            return std::future::pending().await;
        };
        let answer = question.await;
        self.question = None;
        answer.unwrap_or_else(|error| Err(error.to_string()))
    }
}

/// What is done about an answer.
fn starts_again(answer: &Result<Plan, String>) -> bool {
    match answer {
        Ok(plan) => plan.job.as_deref() == Some(RESTART) && plan.stored >= STORED,
        Err(_) => false,
    }
}

impl Manager {
    /// Takes a signal by which it stops us, if the question is worth asking: whether it does.
    pub(super) fn asks_above(&mut self, signal: Signal) -> bool {
        let above = &mut self.above;
        let (Some(directory), None) = (above.directory.clone(), &above.question) else {
            // Asked twice to end: then at once.
            above.question = None;
            return false;
        };
        if signal != Signal::TERM || self.engine.closing().is_some() {
            return false;
        }
        let invocation = above.invocation.clone();
        let question = async move { plan(&directory, &invocation).await };
        above.question = Some(tokio::spawn(question));
        true
    }

    /// It has answered.
    pub(super) fn answered_above(&mut self, answer: Result<Plan, String>) {
        if starts_again(&answer) {
            tracing::info!("SIGTERM: systemd starts us again: handing everything over");
            self.make_room_above();
            match self.link.hand_over() {
                Ok(()) => return,
                Err(error) => tracing::error!("cannot speak to the keeper: {error}"),
            }
        }
        if let Err(reason) = answer {
            tracing::warn!("cannot ask systemd whether it starts us again: {reason}");
        }
        self.told_to_end(Signal::TERM);
    }

    /// The keeper is dead. If what it has written down is kept, we go on until the next one ends us,
    /// and it must be possible to put that one where the dead one was.
    pub(super) fn make_room_above(&self) {
        if let (Some(cgroups), Some(_)) = (&self.cgroups, &self.above.directory) {
            cgroups.make_room();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_restart_that_keeps_everything_hands_over() {
        let answer = |job: Option<&str>, stored| {
            Ok(Plan {
                job: job.map(str::to_owned),
                stored,
            })
        };
        assert!(starts_again(&answer(Some("restart"), 2)));
        for answer in [
            answer(Some("restart"), 0),
            answer(Some("stop"), 2),
            answer(None, 2),
            Err("nobody there".to_owned()),
        ] {
            assert!(!starts_again(&answer), "{answer:?}");
        }
    }
}
