//! The way up: start-pre, start, start-post.

use units::value::{ExitType, ServiceType, Span};

use super::stop::KillKind;
use super::{Child, Ended, Phase, Process, Run};
use crate::action::{AdoptFrom, Level, MessageId, Role};
use crate::clock::Monotonic;
use crate::event::ExitStatus;
use crate::machine::Wish;
use crate::view::systemd::UnitResult;

/// How long a service of type `idle` waits for the others, as systemd.
const LONGEST_IDLING: Span = Span::from_secs(5);

impl Run<'_> {
    /// A start job runs. Its start limit was checked.
    pub(super) fn start(&mut self) {
        match self.s.phase {
            Phase::Dead { .. } | Phase::Failed { .. } => {}
            // Straight from there, with `restart-mode = "direct"`.
            Phase::AutoRestart { timer: None } => {}
            _ => return self.unexpected("a start"),
        }
        self.s.result = UnitResult::Success;
        self.s.failure.clear();
        self.s.was_ready = false;
        self.s.forbid_restart = false;
        self.s.reload_result = UnitResult::Success;
        self.s.lives_as_group = false;
        self.s.forks = false;
        self.s.kept_for_restart = false;
        self.s.told = None;
        self.s.status_text.clear();
        self.s.status_errno = 0;
        self.s.main_start = None;
        self.s.main_exit = None;
        self.s.records.clear();
        self.s.bus_error.clear();
        self.s.varlink_error.clear();
        self.s.notify_access = None;
        self.s.idle = self.cx.definition.service_type() == ServiceType::Idle;
        self.s.expires = None;
        self.s.reload_signal = None;
        self.s.told_process.begin(self.cx.now);
        self.s.early.clear();
        if std::mem::take(&mut self.s.flush_restarts) {
            self.s.restarts = 0;
        }
        let text = format!("starting {}", self.title());
        self.cx.log(Level::Info, MessageId::Starting, text);
        if self.run_beside(Role::Condition, 0) {
            let timer = self.arm(self.start_window());
            self.go(Phase::Condition { timer }, "start");
        } else {
            self.enter_start_pre();
        }
    }

    fn enter_start_pre(&mut self) {
        if self.run_beside(Role::StartPre, 0) {
            let timer = self.arm(self.start_window());
            self.go(Phase::StartPre { timer }, "start");
        } else {
            self.enter_start();
        }
    }

    /// The start limit is hit: nothing was tried.
    pub(super) fn limited(&mut self) {
        self.s.was_ready = false;
        self.fail_because(
            UnitResult::StartLimitHit,
            "it was started too often in too short a time",
        );
        self.enter_dead(UnitResult::Success, false);
    }

    /// The description, or the name where there is none.
    pub(super) fn title(&self) -> String {
        match self.cx.definition.description() {
            "" => self.cx.name.to_string(),
            description => format!("{} ({description})", self.cx.name),
        }
    }

    pub(super) fn enter_start(&mut self) {
        if self.cx.definition.service_type() == ServiceType::Idle {
            self.s.idling = self.arm(LONGEST_IDLING);
            self.cx.wishes.push(Wish::AwaitIdle);
            return self.go(Phase::Start { timer: None }, "start");
        }
        if self.cx.definition.bus_name().is_some() {
            self.watch_name();
        }
        if self.cx.definition.service_type() == ServiceType::Dbus && self.s.name_watch.is_some() {
            // Who owns the name before the service runs is somebody else.
            let timer = self.arm(self.start_window());
            return self.go(Phase::Start { timer }, "start");
        }
        self.run_main();
    }

    /// No job is left to do, or it has waited for long enough.
    pub(super) fn has_idled(&mut self) {
        if let Some(timer) = self.s.idling.take() {
            timer.cancel(self.cx.actions);
            self.run_main();
        }
    }

    pub(super) fn run_main(&mut self) {
        let child = self.spawn(Role::Main, 0, 0);
        if child.is_none() {
            // A one-shot with nothing but stop commands.
            return self.enter_start_post("nothing to run");
        }
        match self.cx.definition.service_type() {
            ServiceType::Forking => {
                self.s.control = child;
                self.s.forks = true;
            }
            ServiceType::Simple
            | ServiceType::Idle
            | ServiceType::Exec
            | ServiceType::Oneshot
            | ServiceType::Dbus
            | ServiceType::Notify
            | ServiceType::NotifyReload => {
                self.s.main = child;
            }
        }
        let timer = self.arm(self.start_window());
        self.go(Phase::Start { timer }, "start");
    }

    /// The type of this run. What was started to go to the background does so, and is not taken for
    /// anything else where another definition says so in the middle of it.
    pub(super) fn kind(&self) -> ServiceType {
        match self.s.forks {
            true => ServiceType::Forking,
            false => self.cx.definition.service_type(),
        }
    }

    /// The main process runs its program.
    pub(super) fn main_spawned(&mut self) {
        if !matches!(self.s.phase, Phase::Start { .. }) {
            return;
        }
        match self.kind() {
            ServiceType::Simple | ServiceType::Idle | ServiceType::Exec => {
                match self.time_to_stay_up() {
                    None => self.up_by_its_type("the process runs"),
                    Some(span) => {
                        let timer = self.arm(span);
                        if let Some(old) = self.s.phase.set_timer(timer) {
                            old.cancel(self.cx.actions);
                        }
                    }
                }
            }
            ServiceType::Dbus => self.up_by_its_name(),
            ServiceType::Oneshot
            | ServiceType::Notify
            | ServiceType::NotifyReload
            | ServiceType::Forking => {}
        }
    }

    /// `ready-after`, where the service has such a thing.
    fn time_to_stay_up(&self) -> Option<Span> {
        let says_nothing = matches!(self.kind(), ServiceType::Simple | ServiceType::Exec);
        let span = self.cx.definition.ready_after();
        (says_nothing && !span.is_zero()).then_some(span)
    }

    /// Whether it takes more than a running process to be up.
    pub(super) fn has_to_prove_itself(&self) -> bool {
        self.time_to_stay_up().is_some() || self.cx.definition.ready_probe().is_some()
    }

    /// Whether the timer of the start phase is the one of `ready-after`: until there is a process
    /// it limits how long that may take.
    pub(super) fn is_proving_itself(&self) -> bool {
        matches!(self.s.phase, Phase::Start { .. })
            && self.s.probing.is_none()
            && self.time_to_stay_up().is_some()
            && self.s.main.as_ref().and_then(Child::pid).is_some()
    }

    /// Whether it had stayed up for long enough at this moment.
    pub(super) fn has_stayed_up(&self, at: Monotonic) -> bool {
        let due = self.s.phase.timer();
        self.is_proving_itself() && due.is_none_or(|due| at.min(self.cx.now.monotonic) >= due.at)
    }

    pub(super) fn stayed_up(&mut self) {
        self.up_by_its_type("it stayed up");
    }

    /// The main process ran its program, which was seen too late to know for how long.
    pub(super) fn main_ran(&mut self) {
        let is_enough = matches!(self.kind(), ServiceType::Simple | ServiceType::Exec)
            && !self.has_to_prove_itself();
        if is_enough && matches!(self.s.phase, Phase::Start { .. }) {
            self.enter_start_post("the process ran");
        }
    }

    /// The main process could not execute its program: for a simple service, the start was done
    /// before that came out.
    pub(super) fn main_failed_to_execute(&mut self) {
        let simple = matches!(self.kind(), ServiceType::Simple | ServiceType::Idle)
            && !self.has_to_prove_itself()
            && self.cx.definition.start_retries().is_none();
        if simple && matches!(self.s.phase, Phase::Start { .. }) {
            self.s.main_start = Some(self.cx.now);
            self.enter_start_post("the process was started");
        }
    }

    /// Another definition is in force. What is on its way up without a limit gets the one that it
    /// says: its new type may wait for something that will never come.
    pub(super) fn redefined(&mut self) {
        // A place in a list of commands may be another command's now. So it is with systemd.
        self.s.records.clear();
        let is_tried =
            |child: &Option<Child>| child.as_ref().is_some_and(|child| child.ticket().is_some());
        let waits =
            self.s.adopting.is_some() || is_tried(&self.s.main) || is_tried(&self.s.control);
        let unlimited = matches!(
            self.s.phase,
            Phase::Condition { timer: None }
                | Phase::StartPre { timer: None }
                | Phase::Start { timer: None }
                | Phase::StartPost { timer: None }
        );
        if unlimited && waits && !planted!(TypeChangeUnlimited) {
            let timer = self.arm(self.start_window());
            self.s.phase.set_timer(timer);
        }
    }

    /// A one-shot's command has ended well: the next one, or the end of the start.
    pub(super) fn next_main(&mut self, index: u16) {
        self.s.told_process.ended_by_itself = false;
        self.s.main = self.spawn(Role::Main, index + 1, 0);
        if self.s.main.is_none() {
            return self.enter_start_post("all commands are done");
        }
        let timer = self.arm(self.start_window());
        self.go(Phase::Start { timer }, "next command");
    }

    /// `exec-start` of a forking service has returned.
    pub(super) fn forked(&mut self, result: UnitResult) {
        if result != UnitResult::Success {
            return self.enter_signal(KillKind::StopSigterm, result);
        }
        let from = match self.cx.definition.pid_file() {
            Some(path) => AdoptFrom::PidFile(path.to_owned()),
            // Somebody has named it by then.
            None if self.s.main.is_some() => {
                return self.up_by_its_type("the start command has returned");
            }
            None if self.s.adopting.is_some() => return,
            None if self.cx.definition.guess_main_pid() => AdoptFrom::Guess,
            None => {
                self.s.lives_as_group = true;
                return self.up_by_its_type("the start command has returned");
            }
        };
        self.adopt(from, None);
    }

    pub(super) fn enter_start_post(&mut self, cause: &str) {
        self.start_watchdog();
        if self.run_beside(Role::StartPost, 0) {
            let timer = self.arm(self.start_window());
            self.go(Phase::StartPost { timer }, cause);
        } else {
            self.enter_running(UnitResult::Success, cause);
        }
    }

    /// The next command of a role, in the same phase with a new window.
    pub(super) fn next_control(&mut self, role: Role, index: u16) -> bool {
        if !self.run_beside(role, index + 1) {
            return false;
        }
        let window = match role {
            Role::Condition | Role::StartPre | Role::Main | Role::StartPost | Role::Reload => {
                self.start_window()
            }
            Role::Stop | Role::StopPre | Role::StopPost => self.stop_window(),
            // Its own timer limits an attempt, and there is no next command.
            Role::ReadyProbe => return true,
        };
        let timer = self.arm(window);
        let phase = match &self.s.phase {
            Phase::Condition { .. } => Phase::Condition { timer },
            Phase::StartPre { .. } => Phase::StartPre { timer },
            Phase::StartPost { .. } => Phase::StartPost { timer },
            Phase::Reload { .. } => Phase::Reload { timer },
            Phase::Stop { .. } => Phase::Stop { timer },
            Phase::StopPost { .. } => Phase::StopPost { timer },
            other => other.clone(),
        };
        self.go(phase, "next command");
        true
    }

    /// A control process has ended, or never was (`None`).
    pub(super) fn control_ended(&mut self, role: Role, index: u16, status: Option<ExitStatus>) {
        if role == Role::ReadyProbe {
            return self.probe_command_ended(status);
        }
        let mut result = self.judge(role, index, status);
        let says_no = matches!(status, Some(ExitStatus::Code(..=254)));
        if role == Role::Condition && result == UnitResult::ExitCode && says_no {
            result = UnitResult::ExecCondition;
            self.s.failure.clear();
            let text = format!("{} is not to run: exec-condition says so", self.title());
            self.cx.log(Level::Info, MessageId::Other, text);
        }
        if self.kill_mut().is_some() {
            self.fail(result);
            // Also where it never was: signals wait until nobody is being started.
            return self.send_deferred_signals();
        }
        let fine = result == UnitResult::Success;
        if fine && role != Role::Main && self.next_control(role, index) {
            return;
        }
        match self.s.phase {
            Phase::Condition { .. } if fine => self.enter_start_pre(),
            Phase::StartPre { .. } if fine => self.enter_start(),
            Phase::Start { .. } => self.forked(result),
            Phase::Condition { .. } | Phase::StartPre { .. } => {
                self.enter_signal(KillKind::StopSigterm, result);
            }
            Phase::StartPost { .. } if fine => {
                self.enter_running(UnitResult::Success, "start-post is done")
            }
            Phase::StartPost { .. } => self.enter_signal(KillKind::StopSigterm, result),
            Phase::Reload { .. } => self.reloaded(result),
            Phase::Stop { .. } => self.enter_signal(KillKind::StopSigterm, result),
            Phase::StopPost { .. } => self.enter_signal(KillKind::FinalSigterm, result),
            _ => self.unexpected("the end of a command"),
        }
    }

    /// Forgets failures and counts.
    pub(super) fn reset_failed(&mut self) {
        self.s.restarts = 0;
        self.s.told_process.tries = 0;
        if matches!(self.s.phase, Phase::Failed { .. }) {
            self.s.result = UnitResult::Success;
            self.s.failure.clear();
            self.go(
                Phase::Dead {
                    ended: Ended::OnRequest,
                },
                "reset-failed",
            );
        }
    }

    /// Whether the main process is there, or may still come.
    pub(super) fn has_main(&self) -> bool {
        let group = self.s.lives_as_group || self.cx.definition.exit_type() == ExitType::Cgroup;
        self.s.main.is_some() || (group && !self.s.known_empty)
    }

    /// Lets go of a process that outlives its run.
    pub(super) fn disown(&mut self, child: Option<Child>) {
        match child.map(|child| child.process) {
            Some(Process::Asked { ticket, .. } | Process::Live { ticket, .. }) => {
                self.s.former.push(ticket);
            }
            Some(Process::Waiting { retry, .. }) => retry.cancel(self.cx.actions),
            None => {}
        }
    }
}
