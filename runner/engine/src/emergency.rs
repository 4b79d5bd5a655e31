//! What is done to everything when something happens to one unit: `failure-action`,
//! `success-action`, `start-limit-action`, `job-timeout-action` (systemd.unit(5)).
//!
//! Whatever systemd would do to the machine ends this program here, since it is a container, or less,
//! that runs in it. Who started it sees by the exit status what was meant.

use units::UnitName;
use units::value::EmergencyAction;

use crate::Engine;
use crate::action::{Level, MessageId};
use crate::event::ExitStatus;
use crate::machine::Closing;
use crate::state::UnitState;
use crate::view::systemd::ActiveState;

/// Ends with which status: what was meant is that everything is started anew (`RestartForceExitStatus`
/// of systemd's own containers).
const ANEW: u8 = 133;

/// The status where the main process was ended by a signal.
const BY_SIGNAL: u8 = 255;

impl Engine {
    /// The unit has failed.
    pub(crate) fn failure_action(&mut self, unit: &UnitName) {
        let Some(definition) = self.definitions.get(unit) else {
            return;
        };
        let status = definition.failure_action_exit_status();
        let why = format!("{unit} has failed");
        self.emergency(unit, definition.failure_action(), status, &why);
    }

    /// The unit has ended well.
    pub(crate) fn success_action(&mut self, unit: &UnitName) {
        let Some(definition) = self.definitions.get(unit) else {
            return;
        };
        let status = definition.success_action_exit_status();
        let why = format!("{unit} has ended");
        self.emergency(unit, definition.success_action(), status, &why);
    }

    /// The unit is down, and nothing will start it again by itself: where it is `essential`, that is
    /// the end of everything, with its status.
    pub(crate) fn end_with_essential(&mut self, unit: &UnitName) {
        let status = self.status_of_essential(unit);
        self.essential_is_down(unit, status, "has ended");
    }

    /// The unit could not be started because of others.
    pub(crate) fn end_without_essential(&mut self, unit: &UnitName) {
        self.essential_is_down(unit, 1, "cannot be started");
    }

    fn essential_is_down(&mut self, unit: &UnitName, status: u8, why: &str) {
        let definition = self.definitions.get(unit);
        let comes_back = self
            .state
            .job_of(unit)
            .is_some_and(|(_, job)| job.kind.starts());
        if !definition.is_some_and(|it| it.essential())
            || comes_back
            || self.state.meta().closing != Closing::No
        {
            return;
        }
        let text = format!("{unit}, which is essential, {why}: everything ends with it");
        self.log(Some(unit), Level::Notice, MessageId::Stopping, text);
        self.begin_closing(status);
    }

    /// What to end with where nobody has named a status: that of the first unit that had failed when
    /// the end was asked for, and has not been started or forgotten since; 0 if there is none. What
    /// fails while it is being stopped is no news.
    pub(crate) fn status_of_failure(&self) -> u8 {
        if !self.host.tells_failure {
            return 0;
        }
        let units = self.state.units().iter();
        let failed = units.filter(|(_, state)| state.active() == ActiveState::Failed);
        let first =
            failed.min_by_key(|(_, state)| state.times.inactive_enter.map(|at| at.monotonic));
        first.map_or(0, |(unit, _)| self.status_of_essential(unit))
    }

    /// As a shell would say how it ended: 128 and the signal, where one ended it.
    fn status_of_essential(&self, unit: &UnitName) -> u8 {
        let state = self.state.unit(unit);
        let failed = state.is_some_and(|state| state.active() == ActiveState::Failed);
        let exit = state
            .and_then(UnitState::service)
            .and_then(|service| service.main_exit);
        match exit.map(|(_, status)| status) {
            Some(ExitStatus::Code(status)) if status != 0 => status,
            Some(ExitStatus::Signal(signal) | ExitStatus::Dumped(signal)) => {
                signal.saturating_add(128)
            }
            _ => u8::from(failed),
        }
    }

    /// Does it. `status` where it is set; otherwise it is that of the unit's main process.
    pub(crate) fn emergency(
        &mut self,
        unit: &UnitName,
        action: EmergencyAction,
        status: Option<u8>,
        why: &str,
    ) {
        use EmergencyAction as A;
        let (status, hurries) = match action {
            A::None => return,
            A::Exit | A::ExitForce => {
                let status = status.or_else(|| self.status_of_main(unit));
                (status.unwrap_or_default(), action == A::ExitForce)
            }
            A::Poweroff | A::Halt => (0, false),
            A::PoweroffForce | A::PoweroffImmediate | A::HaltForce | A::HaltImmediate => (0, true),
            A::Reboot | A::Kexec | A::SoftReboot => (ANEW, false),
            A::RebootForce | A::RebootImmediate | A::KexecForce | A::SoftRebootForce => {
                (ANEW, true)
            }
        };
        if self.state.meta().closing != Closing::No {
            // Everything is being stopped already: that units end is no news any more.
            return;
        }
        let text = format!("{why}: {action}");
        self.log(Some(unit), Level::Warning, MessageId::Other, text);
        self.begin_closing(status);
        if hurries {
            self.begin_closing(status);
        }
    }

    /// What the main process of the last run ended with.
    fn status_of_main(&self, unit: &UnitName) -> Option<u8> {
        let service = self.state.unit(unit).and_then(UnitState::service)?;
        match service.main_exit?.1 {
            ExitStatus::Code(status) => Some(status),
            ExitStatus::Signal(_) | ExitStatus::Dumped(_) => Some(BY_SIGNAL),
            ExitStatus::Unknown => None,
        }
    }
}
