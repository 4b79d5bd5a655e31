//! The end: everything is stopped in order, and then the program.

use units::{UnitKind, UnitName};

use crate::Engine;
use crate::action::{Action, Level, MessageId};
use crate::job::{JobKind, JobMode};
use crate::machine::Closing;
use crate::service::ServiceEvent;
use crate::view::systemd::ActiveState;

impl Engine {
    /// Begins to stop everything; asked a second time, hurries.
    pub(crate) fn begin_closing(&mut self, status: u8) {
        let closing = self.state.meta().closing;
        let meta = self.state.meta_mut();
        match closing {
            Closing::No => {
                meta.closing = Closing::Orderly;
                meta.status = status;
                self.log(
                    None,
                    Level::Notice,
                    MessageId::Stopping,
                    "stopping everything",
                );
                self.stop_all();
            }
            Closing::Orderly => {
                meta.closing = Closing::Hurried;
                self.log(
                    None,
                    Level::Notice,
                    MessageId::Stopping,
                    "asked again: nobody gets more than a moment",
                );
                self.hurry_all();
            }
            Closing::Hurried => {}
        }
    }

    /// Stop jobs that nothing may replace, for every unit that is up or about to be.
    fn stop_all(&mut self) {
        for unit in self.units_in_the_way() {
            self.install(&unit, JobKind::Stop, JobMode::ReplaceIrreversibly, false);
        }
        self.untangle(self.state.jobs().keys().copied().collect());
    }

    fn units_in_the_way(&self) -> Vec<UnitName> {
        let up = self.state.units().iter().filter(|(_, state)| {
            let down = matches!(state.active(), ActiveState::Inactive | ActiveState::Failed);
            !down || state.job.is_some()
        });
        up.map(|(name, _)| name.clone()).collect()
    }

    fn hurry_all(&mut self) {
        for unit in self.units_in_the_way() {
            if unit.kind() == UnitKind::Service {
                self.service_step(&unit, ServiceEvent::Hurry);
            }
        }
    }

    /// Ends the program once nothing is left; true if there is more to do before.
    pub(crate) fn closing_check(&mut self) -> bool {
        let closing = self.state.meta().closing != Closing::No;
        if !closing || self.halted || !self.state.jobs().is_empty() {
            return false;
        }
        if self.units_in_the_way().is_empty() {
            self.halted = true;
            let status = self.state.meta().status;
            self.actions.push(Action::Halt { status });
            return false;
        }
        // Somebody took a stop back.
        self.stop_all();
        true
    }
}
