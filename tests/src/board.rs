//! Everything that is heard in a world, in the order heard, and waiting for it.

use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How long a test waits before it gives up: long, because it costs only a failing run. Whoever
/// debugs one says how many seconds in `RUNNER_TESTS_PATIENCE`.
pub(crate) fn patience() -> Duration {
    let seconds = std::env::var("RUNNER_TESTS_PATIENCE").ok();
    Duration::from_secs(
        seconds
            .and_then(|seconds| seconds.parse().ok())
            .unwrap_or(60),
    )
}

/// Something an actor reported.
#[derive(Clone, Debug)]
pub struct Event {
    /// The name the actor goes by.
    pub tag: String,
    /// Its process.
    pub pid: i32,
    /// What happened.
    pub word: String,
    /// What goes with it.
    pub detail: Value,
    /// When it was heard.
    pub at: Instant,
}

/// How the daemon (the process the test started, seen from outside) ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Killed(i32),
}

#[derive(Default)]
pub(crate) struct Heard {
    /// Events not yet taken by the test.
    pub(crate) events: VecDeque<Event>,
    /// Lines on the daemon's console.
    pub(crate) console: Vec<String>,
    /// What the daemon told its own supervisor.
    pub(crate) notifications: Vec<String>,
    pub(crate) daemon: Option<i32>,
    pub(crate) ended: Option<Ended>,
    pub(crate) leftovers: Vec<String>,
    pub(crate) swept: bool,
}

#[derive(Clone, Default)]
pub(crate) struct Board(Arc<(Mutex<Heard>, Condvar)>);

impl Board {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn add(&self, change: impl FnOnce(&mut Heard)) {
        change(&mut self.lock());
        self.0.1.notify_all();
    }

    /// Waits until `look` finds what it looks for; `None` when the time is up.
    pub(crate) fn wait<T>(
        &self,
        patience: Duration,
        mut look: impl FnMut(&mut Heard) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + patience;
        let mut heard = self.lock();
        loop {
            if let Some(found) = look(&mut heard) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            heard = self
                .0
                .1
                .wait_timeout(heard, left)
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .0;
        }
    }
}
