//! The name of a service on a message bus (`bus-name`). A service of type `dbus` has started when
//! somebody owns the name, and is stopped when nobody does any more.
//!
//! The bus is asked before the service runs: so it is known that there is one, and that whoever owns
//! the name at that moment is somebody else. The bus may be restarted beneath the service; then it
//! has [`TIME_TO_RETURN`] to connect and to take its name again.

use serde::{Deserialize, Serialize};
use units::value::{ServiceType, Span};

use super::stop::KillKind;
use super::{Child, Phase, Run};
use crate::action::{Action, AdoptFrom, Level, MessageId};
use crate::event::NameOwner;
use crate::ticket::Ticket;
use crate::timer::Timer;
use crate::view::systemd::UnitResult;

/// How long a service may be without its name on a bus that was started anew.
const TIME_TO_RETURN: Span = Span::from_secs(10);

/// What is known of the owner of a service's name, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NameWatch {
    /// Of the `WatchName`.
    ticket: Ticket,
    /// The bus has said who owns the name.
    #[serde(default)]
    is_known: bool,
    /// The connection that owns it; `None` for nobody.
    #[serde(default)]
    owner: Option<String>,
    /// Since the service was asked to run, somebody has become the owner.
    #[serde(default)]
    is_taken: bool,
    /// The bus was started anew, and until then nobody need own the name.
    #[serde(default)]
    return_by: Option<Timer>,
}

impl NameWatch {
    pub(super) fn timer(&self) -> Option<Timer> {
        self.return_by
    }

    /// Every ticket it waits for an answer to.
    pub(super) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        std::iter::once(self.ticket).chain(self.return_by.map(|timer| timer.ticket))
    }
}

impl Run<'_> {
    fn is_dbus(&self) -> bool {
        self.cx.definition.service_type() == ServiceType::Dbus
    }

    /// Begins to watch the name, anew in each run.
    pub(super) fn watch_name(&mut self) {
        self.unwatch_name();
        let ticket = self.cx.mint.ticket();
        self.s.name_watch = Some(Box::new(NameWatch {
            ticket,
            is_known: false,
            owner: None,
            is_taken: false,
            return_by: None,
        }));
        self.utter_name_watch();
    }

    fn utter_name_watch(&mut self) {
        if let Some(watch) = &self.s.name_watch
            && let Some(name) = self.cx.definition.bus_name()
        {
            self.cx.actions.push(Action::WatchName {
                ticket: watch.ticket,
                unit: self.cx.name.clone(),
                name: name.to_owned(),
                with_pid: !self.is_dbus(),
            });
        }
    }

    pub(super) fn resume_name_watch(&mut self) {
        if !planted!(NamesForgotten) {
            self.utter_name_watch();
        }
        if let Some(timer) = self.s.name_watch.as_deref().and_then(NameWatch::timer) {
            timer.rearm(self.cx.actions);
        }
    }

    pub(super) fn unwatch_name(&mut self) {
        if let Some(watch) = self.s.name_watch.take() {
            let ticket = watch.ticket;
            self.cx.actions.push(Action::UnwatchName { ticket });
            if let Some(timer) = watch.return_by {
                timer.cancel(self.cx.actions);
            }
        }
    }

    /// Whether a service that lives by its name may live on.
    pub(super) fn has_its_name(&self) -> bool {
        let has = |watch: &NameWatch| watch.owner.is_some() || watch.return_by.is_some();
        !self.is_dbus() || self.s.name_watch.as_deref().is_some_and(has)
    }

    /// The bus says who owns the name.
    pub(super) fn name_owner(&mut self, ticket: Ticket, owner: Option<NameOwner>, first: bool) {
        let Some(watch) = self
            .s
            .name_watch
            .as_mut()
            .filter(|watch| watch.ticket == ticket)
        else {
            return self.unexpected("the owner of a name");
        };
        let (connection, pid) = match owner {
            Some(owner) => (Some(owner.connection), owner.pid),
            None => (None, None),
        };
        let is_asked = self.s.main.as_ref().and_then(Child::ticket).is_some();
        let was_known = std::mem::replace(&mut watch.is_known, true);
        if planted!(ReleaseIgnored) && was_known && connection.is_none() {
            return;
        }
        let changed = watch.owner != connection;
        watch.owner = connection;
        let is_owned = watch.owner.is_some();
        if was_known && changed {
            watch.is_taken = is_owned && is_asked;
        }
        if is_owned && let Some(timer) = watch.return_by.take() {
            timer.cancel(self.cx.actions);
        }
        if !self.is_dbus() {
            return self.take_owner_for_main(pid);
        }
        if !was_known {
            if self.waits_for_the_bus() {
                self.run_main();
            }
            return;
        }
        if !changed {
            return;
        }
        match self.s.phase {
            Phase::Start { .. } => self.up_by_its_name(),
            _ if is_owned || !self.s.phase.is_up() => {}
            _ if first => self.await_return(),
            Phase::Running => self.enter_running(UnitResult::Success, "nobody owns its bus name"),
            // Looked at again when what runs beside it has ended.
            _ => {}
        }
    }

    /// Somebody has taken the name, or the process runs: the service has started if both is so.
    pub(super) fn up_by_its_name(&mut self) {
        let runs = self.s.main.as_ref().and_then(Child::pid).is_some();
        let watch = self.s.name_watch.as_deref();
        if runs && watch.is_some_and(|watch| watch.is_taken) {
            self.up_by_its_type("its bus name has an owner");
        }
    }

    /// The service does not run yet after all: whoever has taken the name is somebody else.
    pub(super) fn name_is_anothers(&mut self) {
        if let Some(watch) = &mut self.s.name_watch {
            watch.is_taken = false;
        }
    }

    /// The start has come to where the service would run, if there were a bus.
    fn waits_for_the_bus(&self) -> bool {
        matches!(self.s.phase, Phase::Start { .. })
            && self.s.main.is_none()
            && self.s.control.is_none()
    }

    /// The bus is not there.
    pub(super) fn name_unknown(&mut self, ticket: Ticket, message: &str) {
        let watch = self.s.name_watch.as_deref();
        let Some(watch) = watch.filter(|watch| watch.ticket == ticket) else {
            return self.unexpected("a bus that is not there");
        };
        if watch.is_known || !self.is_dbus() || !self.waits_for_the_bus() {
            return;
        }
        let name = self.cx.definition.bus_name().unwrap_or_default();
        let why = format!("there is no message bus to look for {name} on: {message}");
        self.fail_because(UnitResult::Resources, why);
        self.enter_signal(KillKind::StopSigterm, UnitResult::Resources);
    }

    /// On a new connection to the bus nobody owns the name: the service has lost the bus too.
    fn await_return(&mut self) {
        self.cx.log(
            Level::Notice,
            MessageId::Other,
            format!("the message bus was started anew: the service has {TIME_TO_RETURN} to take its name again"),
        );
        let timer = self.arm(TIME_TO_RETURN);
        if let Some(watch) = &mut self.s.name_watch {
            watch.return_by = timer;
        }
    }

    /// It has not taken its name again.
    pub(super) fn name_not_taken_again(&mut self) {
        if let Some(watch) = &mut self.s.name_watch {
            watch.return_by = None;
        }
        if self.s.phase == Phase::Running {
            self.enter_running(UnitResult::Success, "nobody has taken its bus name again");
        }
    }

    /// Of a service whose main process nobody knows, the owner of its name is it.
    fn take_owner_for_main(&mut self, pid: Option<u32>) {
        let unknown = self.s.main.is_none() && self.s.adopting.is_none();
        if let Some(pid) = pid.filter(|_| unknown && self.s.phase.is_up()) {
            let trusted = false;
            self.adopt(AdoptFrom::Named { pid, trusted }, None);
        }
    }
}
