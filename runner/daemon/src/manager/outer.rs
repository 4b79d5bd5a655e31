//! What the service manager above us is told (sd_notify(3)), if there is one.
//!
//! The manager never writes to `NOTIFY_SOCKET` itself: the keeper passes the words on, so that they
//! come from the process systemd knows, and no service can speak for us.

use std::time::Duration;

use engine::view::systemd::SystemState;
use sd_notify::NotifyState;

use super::Manager;

/// How much more time we ask for with a ping: more than two of them are apart.
const EXTENSION: NotifyState<'_> = NotifyState::ExtendTimeoutUsec(60_000_000);

/// The pings it wants, and what it has been told.
#[derive(Debug, Default)]
pub(super) struct Outer {
    watchdog: Option<tokio::time::Interval>,
    stopping: bool,
}

impl Outer {
    /// Reads what it asks for: a ping each `WATCHDOG_USEC`, sent twice as often.
    pub(super) fn from_environment() -> Outer {
        let every = sd_notify::watchdog_enabled().map(|limit| limit / 2);
        let watchdog = every
            .filter(|every| *every >= Duration::from_millis(1))
            .map(tokio::time::interval);
        Outer {
            watchdog,
            ..Outer::default()
        }
    }

    /// The next moment for a ping; never, where nobody wants any. Cancel-safe.
    pub(super) async fn ping(&mut self) {
        match &mut self.watchdog {
            Some(interval) => {
                interval.tick().await;
            }
            None => std::future::pending().await,
        }
    }
}

impl Manager {
    /// Passes words on.
    pub(super) fn tell_outer(&self, states: &[NotifyState<'_>]) {
        let text: String = states.iter().map(|state| format!("{state}\n")).collect();
        if let Err(error) = self.link.notify_outer(text.trim_end(), None) {
            tracing::warn!("cannot notify the service manager: {error}");
        }
    }

    /// Says that we live; while everything is being started or stopped, which may take as long as
    /// the units say, also that we need more time.
    pub(super) fn tell_alive(&self) {
        match self.has_started_up() {
            true => self.tell_outer(&[NotifyState::Watchdog]),
            false => self.tell_outer(&[NotifyState::Watchdog, EXTENSION]),
        }
    }

    /// Whether everything that starts at boot has been tried, and nothing is being ended.
    pub(super) fn has_started_up(&self) -> bool {
        matches!(
            self.engine.system_state(),
            SystemState::Running | SystemState::Degraded
        )
    }

    /// Says that everything is up, or has been tried.
    pub(super) fn tell_ready(&self) {
        let failed = self.engine.system_state() == SystemState::Degraded;
        let status = if failed {
            "Running, some units failed."
        } else {
            "Running."
        };
        self.tell_outer(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// Says that unit files are being read again (sd_notify(3), `RELOADING=1`).
    pub(super) fn tell_reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(since) => self.tell_outer(&[NotifyState::Reloading, since]),
            Err(_) => self.tell_outer(&[NotifyState::Reloading]),
        }
    }

    /// Says once that everything is being stopped, if it is.
    pub(super) fn tell_stopping(&mut self) {
        if !self.outer.stopping && self.engine.closing().is_some() {
            self.outer.stopping = true;
            self.tell_outer(&[NotifyState::Stopping]);
        }
    }
}
