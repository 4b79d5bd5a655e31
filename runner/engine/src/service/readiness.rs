//! What the service says itself (sd_notify(3)), and which process is the main one.

use serde::{Deserialize, Serialize};
use units::value::{NotifyAccess, ServiceType, Span};

use super::{Child, Phase, Process, Run};
use crate::action::{Action, AdoptFrom, Level, MessageId, Role};
use crate::clock::Monotonic;
use crate::event::{AdoptFailure, ExitStatus, Sender};
use crate::machine::Wish;
use crate::notify::{self, Message};
use crate::ticket::{BatchId, Ticket};
use crate::timer::Timer;
use crate::view::systemd::UnitResult;

/// A search for the main process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Adopting {
    pub(crate) ticket: Ticket,
    pub(crate) from: AdoptFrom,
    /// The next look; `Adopt` is not answered while there is none.
    #[serde(default)]
    pub(crate) retry: Option<Timer>,
    /// How often it was in vain.
    #[serde(default)]
    pub(crate) attempts: u32,
    /// How the former main process ended: what is true if no new one is found.
    #[serde(default)]
    pub(crate) ended: Option<ExitStatus>,
}

/// The waits between two looks for a pid file; the last one stays.
const LOOKS: [Span; 6] = [
    Span::from_millis(5),
    Span::from_millis(10),
    Span::from_millis(20),
    Span::from_millis(50),
    Span::from_millis(100),
    Span::from_millis(200),
];

/// More messages than this are not kept for a process that is not known yet.
const MOST_EARLY: usize = 16;

/// Name of a stored descriptor that was given none.
const NAMELESS: &str = "stored";

impl Run<'_> {
    /// Looks for the main process. Where one is being looked for already, what becomes of the service
    /// hangs on this search now.
    pub(super) fn adopt(&mut self, from: AdoptFrom, ended: Option<ExitStatus>) {
        let former = self.s.adopting.as_deref().and_then(|former| former.ended);
        let ended = ended.or(former);
        self.drop_adopting();
        self.s.known_empty = false;
        let ticket = self.cx.mint.ticket();
        self.s.adopting = Some(Box::new(Adopting {
            ticket,
            from,
            retry: None,
            attempts: 0,
            ended,
        }));
        self.utter_adopt();
    }

    pub(super) fn utter_adopt(&mut self) {
        if let Some(Adopting {
            ticket,
            from,
            retry: None,
            ..
        }) = self.s.adopting.as_deref()
        {
            let unit = self.cx.name.clone();
            self.cx.actions.push(Action::Adopt {
                ticket: *ticket,
                unit,
                from: from.clone(),
            });
        }
    }

    pub(super) fn drop_adopting(&mut self) {
        self.s.heir = None;
        if let Some(timer) = self.s.adopting.take().and_then(|adopting| adopting.retry) {
            timer.cancel(self.cx.actions);
        }
    }

    pub(super) fn adopt_again(&mut self) {
        let ticket = self.cx.mint.ticket();
        if let Some(adopting) = &mut self.s.adopting {
            adopting.retry = None;
            adopting.ticket = ticket;
        }
        self.utter_adopt();
    }

    pub(super) fn adopted(&mut self, ticket: Ticket, pid: u32) {
        if self
            .s
            .adopting
            .as_deref()
            .is_none_or(|adopting| adopting.ticket != ticket)
        {
            return self.unexpected("a process found");
        }
        self.take_over(ticket, pid);
        self.main_is_known();
        self.read_early_messages();
    }

    /// The process that was looked for is the main one from now on.
    pub(super) fn take_over(&mut self, ticket: Ticket, pid: u32) {
        self.s.adopting = None;
        self.s.heir = None;
        self.s.known_empty = false;
        self.s.lives_as_group = false;
        let former = self.s.main.take();
        self.disown(former);
        self.s.main = Some(Child {
            role: Role::Main,
            index: 0,
            process: Process::Live { ticket, pid },
        });
        self.s.main_start = Some(self.cx.now);
        self.cx.wishes.push(Wish::Refresh);
    }

    /// A daemon that went to the background is up now, if its start command has returned.
    pub(super) fn main_is_known(&mut self) {
        if self.has_forked() {
            self.up_by_its_type("the main process is known");
        }
    }

    /// The start command of a forking service has returned: it is up when its main process is known.
    fn has_forked(&self) -> bool {
        let starts = matches!(self.s.phase, Phase::Start { .. });
        starts && self.kind() == ServiceType::Forking && self.s.control.is_none()
    }

    pub(super) fn adopt_failed(&mut self, ticket: Ticket, reason: AdoptFailure) {
        let Some(adopting) = self
            .s
            .adopting
            .take()
            .filter(|adopting| adopting.ticket == ticket)
        else {
            return self.unexpected("a process not found");
        };
        if let Some(status) = adopting.ended {
            let named = matches!(adopting.from, AdoptFrom::Named { .. });
            if !named || !self.main_may_have_moved(status) {
                self.main_ended(Role::Main, 0, Some(status));
            }
            return;
        }
        if matches!(adopting.from, AdoptFrom::Named { .. }) {
            match reason {
                AdoptFailure::Refused(why) => self.cx.log(
                    Level::Warning,
                    MessageId::Other,
                    format!("MAINPID= is ignored: {why}"),
                ),
                AdoptFailure::NotYet => self.s.heir = Some(adopting.from),
                AdoptFailure::Unclear => {}
            }
            if self.s.main.is_none() && self.has_forked() && self.s.probing.is_none() {
                self.forked(UnitResult::Success);
            }
            return;
        }
        match reason {
            // The only process that was left has gone meanwhile.
            AdoptFailure::NotYet if adopting.from == AdoptFrom::Guess => {
                self.s.lives_as_group = true;
                self.up_by_its_type("the start command has returned");
            }
            // As systemd: what the file says now may be put right in time.
            AdoptFailure::NotYet | AdoptFailure::Refused(_) => {
                if let AdoptFailure::Refused(why) = &reason
                    && adopting.attempts == 0
                {
                    let text = format!("the pid file is not believed: {why}");
                    self.cx.log(Level::Warning, MessageId::Other, text);
                }
                let wait = LOOKS[(adopting.attempts as usize).min(LOOKS.len() - 1)];
                let retry = self.arm(wait);
                self.s.adopting = Some(Box::new(Adopting {
                    retry,
                    attempts: adopting.attempts + 1,
                    ..*adopting
                }));
                // A daemon that is gone will not write its pid file any more.
                self.watch_empty();
            }
            AdoptFailure::Unclear => {
                self.s.lives_as_group = true;
                self.up_by_its_type("the start command has returned");
            }
        }
    }

    /// The main process has ended. If another has taken its place, or is about to, the service
    /// lives on: a daemon may replace itself, as long as it says so before.
    pub(super) fn main_may_have_moved(&mut self, status: ExitStatus) -> bool {
        if !self.s.phase.is_up() {
            return false;
        }
        if let Some(adopting) = &mut self.s.adopting {
            adopting.ended = Some(status);
            return true;
        }
        if let Some(heir) = self.s.heir.take() {
            self.adopt(heir, Some(status));
            return true;
        }
        let forking = matches!(self.cx.definition.service_type(), ServiceType::Forking);
        match self.cx.definition.pid_file() {
            Some(path) if forking => {
                self.adopt(AdoptFrom::PidFile(path.to_owned()), Some(status));
                true
            }
            _ => false,
        }
    }

    /// A notify message came in.
    pub(super) fn notified(
        &mut self,
        sender: Sender,
        message: Message,
        batch: Option<(BatchId, u32)>,
    ) {
        let asked = [&self.s.main, &self.s.control]
            .into_iter()
            .flatten()
            .any(Child::is_asked);
        if !self.believes(sender) {
            if asked && batch.is_none() && self.s.early.len() < MOST_EARLY {
                // Perhaps it is the process that is being started: its pid is not known yet.
                self.s.early.push((sender, message));
            } else {
                self.cx.log(
                    Level::Debug,
                    MessageId::Other,
                    format!(
                        "a notify message of process {} is ignored: notify-access",
                        sender.pid
                    ),
                );
            }
            return;
        }
        self.heed(sender, message, batch);
    }

    pub(super) fn read_early_messages(&mut self) {
        let asked = [&self.s.main, &self.s.control]
            .into_iter()
            .flatten()
            .any(Child::is_asked);
        if asked {
            return;
        }
        for (sender, message) in std::mem::take(&mut self.s.early) {
            if self.believes(sender) {
                self.heed(sender, message, None);
            }
        }
    }

    /// `notify-access`
    fn believes(&self, sender: Sender) -> bool {
        let is = |child: &Option<Child>| child.as_ref().and_then(Child::pid) == Some(sender.pid);
        let needs_main = self.s.notify_access.is_none()
            && (self.cx.definition.service_type().says_ready() || self.s.watchdog.is_some());
        let access = self.s.notify_access;
        match access.unwrap_or_else(|| self.cx.definition.notify_access()) {
            NotifyAccess::None => needs_main && is(&self.s.main),
            NotifyAccess::Main => is(&self.s.main),
            NotifyAccess::Exec => is(&self.s.main) || is(&self.s.control),
            NotifyAccess::All => sender.member || is(&self.s.main) || is(&self.s.control),
        }
    }

    fn heed(&mut self, sender: Sender, message: Message, batch: Option<(BatchId, u32)>) {
        if let Some(pid) = message.main_pid {
            self.main_named(pid, sender.uid == 0);
        }
        if let Some(micros) = message.extend_timeout_usec {
            self.extend_timeout(micros);
        }
        if let Some(text) = message.status
            && text != self.s.status_text
        {
            self.s.status_text = text;
            self.cx.wishes.push(Wish::Refresh);
        }
        if let Some(errno) = message.errno
            && errno != self.s.status_errno
        {
            self.s.status_errno = errno;
            self.cx.wishes.push(Wish::Refresh);
        }
        for (said, known) in [
            (message.bus_error, &mut self.s.bus_error),
            (message.varlink_error, &mut self.s.varlink_error),
        ] {
            if let Some(text) = said.filter(|text| text != known) {
                *known = text;
                self.cx.wishes.push(Wish::Refresh);
            }
        }
        if message.notify_access.is_some() {
            self.s.notify_access = message.notify_access;
        }
        if message.restart_reset && self.s.restarts > 0 {
            self.s.restarts = 0;
            self.cx.wishes.push(Wish::Refresh);
        }
        self.heed_store(
            message.store,
            message.store_remove,
            message.fd_name,
            batch,
            !message.keep_hung_up,
        );
        if let Some(micros) = message.watchdog_usec {
            self.set_watchdog(Span::from_micros(micros));
        }
        if let Some(phase) = message.phase {
            self.told(phase, message.reloading, message.monotonic_usec);
        }
        match message.watchdog {
            Some(notify::Watchdog::Ping) => self.ping(),
            Some(notify::Watchdog::Trigger) => self.watchdog_missed("the service asked for it"),
            None => {}
        }
    }

    fn main_named(&mut self, pid: u32, trusted: bool) {
        if self.s.phase.is_up() && self.s.main.as_ref().and_then(Child::pid) != Some(pid) {
            self.adopt(AdoptFrom::Named { pid, trusted }, None);
        }
    }

    /// `EXTEND_TIMEOUT_USEC=`: the phase may go on until then; its window is never shortened.
    fn extend_timeout(&mut self, micros: u64) {
        self.extend_runtime(micros);
        let Some(timer) = self.s.phase.timer() else {
            return;
        };
        let wanted = self.cx.now.monotonic.after(micros);
        let is_restart = matches!(self.s.phase, Phase::AutoRestart { .. });
        if is_restart || wanted.is_some_and(|wanted| wanted <= timer.at) {
            return;
        }
        let longer = self.arm(Span::from_micros(micros));
        if let Some(old) = self.s.phase.set_timer(longer) {
            old.cancel(self.cx.actions);
        }
    }

    /// The same for `runtime-max-sec`.
    fn extend_runtime(&mut self, micros: u64) {
        let wanted = self.cx.now.monotonic.after(micros);
        let (Some(expires), Some(old)) = (self.s.expires, self.s.expiry) else {
            return;
        };
        if wanted.is_some_and(|wanted| wanted <= expires) {
            return;
        }
        old.cancel(self.cx.actions);
        self.s.expires = wanted;
        self.s.expiry = None;
        self.limit_runtime();
    }

    fn heed_store(
        &mut self,
        store: bool,
        remove: bool,
        name: Option<String>,
        batch: Option<(BatchId, u32)>,
        poll: bool,
    ) {
        let unit = self.cx.name.clone();
        if remove {
            if let Some(name) = name {
                self.cx.actions.push(Action::Unstore {
                    unit,
                    name: Some(name),
                });
            }
            return;
        }
        let max = self.cx.definition.file_descriptor_store_max();
        if let Some((batch, _)) = batch
            && store
            && max > 0
        {
            self.s.uses_store = true;
            let name = name.unwrap_or_else(|| NAMELESS.to_owned());
            self.cx.actions.push(Action::Store {
                unit,
                batch,
                name,
                max,
                poll,
            });
        }
    }

    /// `at`: the moment the message names; `reloading`: it says that a reload began, perhaps beside
    /// that it is done.
    fn told(&mut self, phase: notify::Phase, reloading: bool, at: Option<u64>) {
        use notify::Phase::{Ready, Reloading, Stopping};
        let waits = self.kind().says_ready();
        // What was said before the signal is about an earlier reload.
        let is_answer = |since: Monotonic| reloading && at.is_some_and(|at| at >= since.0);
        match (phase, &self.s.phase) {
            (Ready, Phase::Start { .. }) if waits => {
                self.s.told = None;
                self.up_by_its_type("the service says it is ready");
            }
            (Ready, Phase::ReloadSignal { since, .. }) if is_answer(*since) => {
                self.back_from_reload("the service says it has reloaded");
            }
            (Reloading, Phase::ReloadSignal { since, timer }) if is_answer(*since) => {
                let timer = *timer;
                self.go(Phase::ReloadNotify { timer }, "the service reloads");
            }
            (Ready, Phase::Reload { .. } | Phase::ReloadNotify { .. })
                if self.s.control.is_none() =>
            {
                // Some say twice that they reload, as haproxy when it starts its workers anew.
                self.s.told = None;
                self.back_from_reload("the service says it is ready");
            }
            (Reloading, Phase::Running) => self.reload_begun_by_service(),
            (Stopping, up)
                if (*up == Phase::Running || up.is_reload()) && self.s.control.is_none() =>
            {
                self.stop_begun_by_service();
            }
            (
                Reloading | Stopping,
                Phase::Start { .. } | Phase::StartPost { .. } | Phase::Reload { .. },
            ) => {
                self.s.told = Some(phase);
            }
            (Ready, _) => self.s.told = None,
            _ => {}
        }
    }
}
