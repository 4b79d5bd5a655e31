//! Views made of the state, on demand.

use units::value::Condition;
use units::{ConditionKind, Definition, UnitName};

use super::systemd::{
    ActiveState, JobView, Outcome, ServiceView, SocketView, SystemState, TestsView, UnitResult,
    UnitView,
};
use crate::Engine;
use crate::action::{Role, Test};
use crate::exec_record::ExecRecord;
use crate::job::JobId;
use crate::machine::Closing;
use crate::service::{Child, Phase, Service};
use crate::socket::Socket;
use crate::state::{Machine, UnitState};

impl Engine {
    pub(crate) fn view(&self, name: &UnitName) -> UnitView {
        let idle = UnitState::new(name);
        let state = self.state.unit(name).unwrap_or(&idle);
        let (active, sub) = state.machine.states();
        let result = match &state.machine {
            Machine::Service(service) => service.result,
            Machine::Socket(socket) => socket.result,
            Machine::Timer(timer) => timer.result,
            Machine::Path(path) => path.result,
            Machine::Scope(scope) => scope.result,
            Machine::Target(_) => UnitResult::Success,
        };
        let definition = self.definitions.get(name);
        let mut times = state.times;
        if name.is_perpetual() && times.active_enter.is_none() {
            // It has been up for as long as there was anybody to say so.
            let since = self.state.meta().awake;
            times.state_change = since;
            times.inactive_exit = since;
            times.active_enter = since;
        }
        UnitView {
            name: name.clone(),
            conditions: tests_of(state, definition.as_deref(), false),
            asserts: tests_of(state, definition.as_deref(), true),
            definition,
            active,
            sub,
            result,
            job: state.job,
            invocation: state.invocation,
            state_change: times.state_change,
            inactive_exit: times.inactive_exit,
            active_enter: times.active_enter,
            active_exit: times.active_exit,
            inactive_enter: times.inactive_enter,
            stale: self.state.meta().stale.contains(name),
            transient: self.is_transient(name),
            commands: match &state.machine {
                Machine::Service(service) => service.records.all().to_vec(),
                Machine::Socket(socket) => socket.records.all().to_vec(),
                Machine::Timer(_) | Machine::Path(_) | Machine::Scope(_) | Machine::Target(_) => {
                    Vec::new()
                }
            },
            service: state.service().map(|service| {
                let definition = self.definitions.get(name);
                view_of_service(service, definition.as_deref())
            }),
            socket: state.socket().map(view_of_socket),
            timer: state.timer().map(|timer| self.view_of_timer(name, timer)),
        }
    }

    pub(crate) fn job_view(&self, id: JobId) -> Option<JobView> {
        let job = self.state.job(id)?;
        let waits_for = self
            .queue
            .awaited(id)
            .filter_map(|other| self.state.job(other));
        Some(JobView {
            id,
            unit: job.unit.clone(),
            kind: job.kind,
            mode: job.mode,
            running: job.running,
            waits_for: waits_for.map(|other| other.unit.clone()).collect(),
        })
    }

    pub(crate) fn view_of_system(&self) -> SystemState {
        let meta = self.state.meta();
        if meta.closing != Closing::No {
            SystemState::Stopping
        } else if meta.finished.is_none() {
            SystemState::Starting
        } else if self
            .state
            .units()
            .values()
            .any(|state| state.active() == ActiveState::Failed)
        {
            SystemState::Degraded
        } else {
            SystemState::Running
        }
    }
}

/// What is tested by the definition in force, with the outcomes of the last time.
fn tests_of(state: &UnitState, definition: Option<&Definition>, asserts: bool) -> TestsView {
    let known = state.tested.as_ref().map(|tested| match asserts {
        true => &tested.asserts,
        false => &tested.conditions,
    });
    let test = |(kind, condition): (ConditionKind, &Condition)| {
        let condition = condition.clone();
        let test = Test { kind, condition };
        let outcome = known
            .and_then(|known| known.tests.iter().find(|(tested, _)| *tested == test))
            .map_or(Outcome::Untested, |(_, outcome)| *outcome);
        (test, outcome)
    };
    let tests = definition.map_or_else(Vec::new, |definition| match asserts {
        true => definition.asserts().map(test).collect(),
        false => definition.conditions().map(test).collect(),
    });
    // Where there was nothing to test, that was found when it began to start.
    let verdict = match known {
        Some(known) => known.verdict,
        None => state.times.inactive_exit.map(|at| (at, true)),
    };
    // systemd calls `ExecCondition=` a condition too.
    let said_no = state
        .service()
        .is_some_and(|service| !asserts && service.result == UnitResult::ExecCondition);
    TestsView {
        result: !said_no && verdict.is_some_and(|(_, fine)| fine),
        at: verdict.map(|(at, _)| at),
        tests,
    }
}

fn view_of_service(service: &Service, definition: Option<&Definition>) -> ServiceView {
    let restart_at = match service.phase {
        Phase::AutoRestart { timer: Some(timer) } => Some(timer.at.0),
        _ => None,
    };
    ServiceView {
        main_pid: service.main.as_ref().and_then(Child::pid),
        ended_pid: service
            .main_exit
            .map(|_| service.told_process.ended_pid)
            .filter(|pid| *pid != 0)
            .or_else(|| pid_that_ran_nothing(service)),
        control_pid: service.control.as_ref().and_then(Child::pid),
        main_start: service.main_start,
        main_exit: service.main_exit,
        status_text: service.status_text.clone(),
        status_errno: service.status_errno,
        bus_error: service.bus_error.clone(),
        varlink_error: service.varlink_error.clone(),
        reload_result: service.reload_result,
        watchdog_ping: service
            .watchdog
            .as_deref()
            .and_then(|watchdog| watchdog.last_ping),
        notify_access: service.notify_access,
        restarts: service.restarts,
        restart_at,
        stored_fds: service.stored,
        failure: service.failure.clone(),
        probing: definition.and_then(|definition| service.probe_in_vain(definition)),
    }
}

/// The process of the last main command, where it could not become its program: for supervisord
/// there was none.
fn pid_that_ran_nothing(service: &Service) -> Option<u32> {
    let (at, _) = service.main_exit?;
    let is_it = |record: &&ExecRecord| {
        record.role == Role::Main && record.exit.is_some_and(|(ended, _)| ended == at)
    };
    let record = service.records.all().iter().find(is_it)?;
    Some(record.pid).filter(|pid| *pid != 0)
}

fn view_of_socket(socket: &Socket) -> SocketView {
    SocketView {
        accepted: socket.accepted,
        connections: socket.connections,
        refused: socket.refused,
        control_pid: socket.control.as_ref().and_then(Child::pid),
    }
}
