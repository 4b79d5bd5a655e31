//! The processes of a service: asking for one, and what its end means.

use serde::{Deserialize, Serialize};
use units::Definition;
use units::value::{ExecLine, ExitSet, Probe, RestartMode, ServiceType, Signal};

use super::{Phase, Run};
use crate::action::{Action, Level, MessageId, Role};
use crate::change::Change;
use crate::clock::{Monotonic, Now};
use crate::event::{ExitStatus, SpawnFailure};
use crate::exec_record::ExecRecord;
use crate::machine::Wish;
use crate::ticket::Ticket;
use crate::timer::Timer;
use crate::view::systemd::{ActiveState, UnitResult};

/// One command of a service, from the wish to run it to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Child {
    pub(crate) role: Role,
    /// Which of the role's commands.
    pub(crate) index: u16,
    pub(crate) process: Process,
}

/// How far a command has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Process {
    /// The machine was short of something: it is asked for again when the timer fires.
    Waiting { retry: Timer, attempt: u32 },
    /// `Spawn` was uttered and not answered.
    Asked { ticket: Ticket, attempt: u32 },
    /// It runs.
    Live { ticket: Ticket, pid: u32 },
}

impl Child {
    pub(crate) fn ticket(&self) -> Option<Ticket> {
        match self.process {
            Process::Waiting { .. } => None,
            Process::Asked { ticket, .. } | Process::Live { ticket, .. } => Some(ticket),
        }
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        match self.process {
            Process::Live { pid, .. } => Some(pid),
            Process::Waiting { .. } | Process::Asked { .. } => None,
        }
    }

    pub(crate) fn is_asked(&self) -> bool {
        matches!(self.process, Process::Asked { .. })
    }
}

/// What a child exits with that could not become its program (`systemd.exec(5)`, "Process exit
/// codes").
pub(crate) const NOT_EXECUTED: u8 = 203;
const SETUP_FAILURES: std::ops::RangeInclusive<u8> = 200..=243;

/// The commands of a role, as written.
pub(crate) fn commands(definition: &Definition, role: Role) -> &[ExecLine] {
    match role {
        Role::Condition => definition.exec_condition(),
        Role::StartPre => definition.exec_start_pre(),
        Role::Main => definition.exec_start(),
        Role::StartPost => definition.exec_start_post(),
        Role::Reload => definition.exec_reload(),
        Role::Stop => definition.exec_stop(),
        Role::StopPost => definition.exec_stop_post(),
        // Only sockets have such.
        Role::StopPre => &[],
        Role::ReadyProbe => match definition.ready_probe() {
            Some(Probe::Exec(line)) => std::slice::from_ref(line),
            _ => &[],
        },
    }
}

/// Whether an end counts as success (systemd.service(5), "clean"). `asked`: it was told to go.
pub(crate) fn classify(
    definition: &Definition,
    role: Role,
    status: ExitStatus,
    asked: bool,
) -> UnitResult {
    let success = definition.success_exit_status();
    let is_main = role == Role::Main;
    // Who was told to go and goes is not to blame for the way.
    let strict = is_main && definition.success_exit_status_only();
    let only_listed = strict && !asked;
    // A daemon that is told to go and goes did well; a command that was killed did not finish.
    let is_daemon =
        is_main && !only_listed && !matches!(definition.service_type(), ServiceType::Oneshot);
    match status {
        ExitStatus::Code(0) if !only_listed => UnitResult::Success,
        ExitStatus::Code(code) if success.has_code(i32::from(code)) => UnitResult::Success,
        ExitStatus::Code(_) => UnitResult::ExitCode,
        ExitStatus::Signal(number) => {
            let signal = Signal::from_number(i32::from(number));
            let clean = [Signal::HUP, Signal::INT, Signal::TERM, Signal::PIPE];
            let expected = signal.is_some_and(|signal| {
                let told = strict && asked && signal == definition.kill_signal();
                (is_daemon && (clean.contains(&signal) || told)) || success.has_signal(signal)
            });
            if expected {
                UnitResult::Success
            } else {
                UnitResult::Signal
            }
        }
        ExitStatus::Dumped(_) => UnitResult::CoreDump,
        ExitStatus::Unknown => UnitResult::Protocol,
    }
}

/// Whether this end is in the set.
pub(super) fn is_listed(set: &ExitSet, status: ExitStatus) -> bool {
    match status {
        ExitStatus::Code(code) => set.has_code(i32::from(code)),
        ExitStatus::Signal(number) | ExitStatus::Dumped(number) => {
            Signal::from_number(i32::from(number)).is_some_and(|signal| set.has_signal(signal))
        }
        ExitStatus::Unknown => false,
    }
}

/// How a process ended, for a person.
pub(crate) fn describe(status: ExitStatus) -> String {
    match status {
        ExitStatus::Code(code) => format!("exited with status {code}"),
        ExitStatus::Signal(number) => format!("was killed by {}", signal_name(number)),
        ExitStatus::Dumped(number) => format!("dumped core on {}", signal_name(number)),
        ExitStatus::Unknown => "is gone, nobody knows how".to_owned(),
    }
}

fn signal_name(number: u8) -> String {
    match Signal::from_number(i32::from(number)) {
        Some(signal) => signal.to_string(),
        None => format!("signal {number}"),
    }
}

/// `EXIT_CODE` and `EXIT_STATUS` as systemd.exec(5) has them.
pub(crate) fn exit_variables(status: ExitStatus) -> Option<(&'static str, String)> {
    match status {
        ExitStatus::Code(code) => Some(("exited", code.to_string())),
        ExitStatus::Signal(number) => Some(("killed", bare_signal_name(number))),
        ExitStatus::Dumped(number) => Some(("dumped", bare_signal_name(number))),
        ExitStatus::Unknown => None,
    }
}

/// `TERM`, not `SIGTERM`: so systemd writes it into the environment.
fn bare_signal_name(number: u8) -> String {
    let name = signal_name(number);
    name.strip_prefix("SIG").map_or(name.clone(), str::to_owned)
}

impl Run<'_> {
    /// The command at `index` of a role, if there is one.
    pub(super) fn command(&self, role: Role, index: u16) -> Option<&ExecLine> {
        commands(self.cx.definition, role).get(usize::from(index))
    }

    /// Asks for the process of a command. `None` when the role has no such command.
    pub(super) fn spawn(&mut self, role: Role, index: u16, attempt: u32) -> Option<Child> {
        let command = self.command(role, index)?.clone();
        let environment = self.environment(role);
        self.s.known_empty = false;
        let stop = self.cx.definition.timeout_stop_sec();
        let ticket = self.cx.spawn(role, command, environment, stop);
        Some(Child {
            role,
            index,
            process: Process::Asked { ticket, attempt },
        })
    }

    /// Runs a command beside the main process or in its stead; false when the role has no such
    /// command. A command that is there still is let go: nobody waits for it any more.
    pub(super) fn run_beside(&mut self, role: Role, index: u16) -> bool {
        let former = self.s.control.take();
        self.disown(former);
        self.s.control = self.spawn(role, index, 0);
        self.s.control.is_some()
    }

    /// The variables that depend on how the run went so far.
    fn environment(&self, role: Role) -> Vec<(String, String)> {
        let mut variables = Vec::new();
        let mut set = |key: &str, value: String| variables.push((key.to_owned(), value));
        if matches!(
            role,
            Role::StartPost | Role::Reload | Role::Stop | Role::ReadyProbe
        ) && let Some(pid) = self.s.main.as_ref().and_then(Child::pid)
        {
            set("MAINPID", pid.to_string());
        }
        if self.s.restarts > 0 && self.cx.definition.restart_mode() == RestartMode::Debug {
            set("DEBUG_INVOCATION", "1".to_owned());
        }
        if matches!(role, Role::Stop | Role::StopPost) {
            set("SERVICE_RESULT", self.s.result.as_str().to_owned());
            if let Some((code, status)) = self
                .s
                .main_exit
                .and_then(|(_, status)| exit_variables(status))
            {
                set("EXIT_CODE", code.to_owned());
                set("EXIT_STATUS", status);
            }
        }
        variables
    }

    /// A process is there now.
    pub(super) fn spawned(&mut self, ticket: Ticket, pid: u32) {
        let Some(child) = self.child_mut(ticket) else {
            // Nobody waits for it any more: the run it belongs to was given up.
            if !self.s.former.contains(&ticket) {
                self.s.former.push(ticket);
            }
            return self.cx.kill_at_once(ticket);
        };
        child.process = Process::Live { ticket, pid };
        let (role, index) = (child.role, child.index);
        let is_main = self.is_main(ticket);
        self.s.records.started(role, index, pid, self.cx.now);
        if role == Role::Main {
            self.s.main_start = Some(self.cx.now);
            let unit = self.cx.name.clone();
            let change = Change::ProcessStarted { unit, pid };
            self.cx.actions.push(Action::Publish(change));
        }
        self.cx.wishes.push(Wish::Refresh);
        if self.kill_mut().is_some() {
            return self.send_deferred_signals();
        }
        if is_main {
            self.main_spawned();
        }
        self.read_early_messages();
    }

    pub(super) fn spawn_failed(
        &mut self,
        ticket: Ticket,
        process: Option<(u32, Now)>,
        failure: SpawnFailure,
    ) {
        let Some(child) = self.child_mut(ticket).cloned() else {
            return self.s.former.retain(|former| *former != ticket);
        };
        if matches!(failure, SpawnFailure::Setup { .. }) {
            // For systemd it began, and what follows is its end.
            let (role, index) = (child.role, child.index);
            let (pid, began) = process.unwrap_or((0, self.cx.now));
            self.s.records.started(role, index, pid, began);
        }
        match failure {
            SpawnFailure::Shortage { errno } if child.role == Role::ReadyProbe => {
                self.probe_says(format!("the machine is short of something (errno {errno})"));
                self.ended(ticket, ExitStatus::Unknown);
            }
            SpawnFailure::Shortage { .. } if planted!(ShortageIsFailure) => {
                self.ended(ticket, ExitStatus::Code(NOT_EXECUTED));
            }
            SpawnFailure::Shortage { errno } => self.short(&child, errno),
            // One attempt that failed: what it needs may still come.
            SpawnFailure::Resources { message } | SpawnFailure::Setup { message, .. }
                if child.role == Role::ReadyProbe =>
            {
                self.probe_says(message);
                self.ended(ticket, ExitStatus::Unknown);
            }
            SpawnFailure::Resources { message } => {
                self.cx
                    .log(Level::Error, MessageId::SpawnFailed, message.clone());
                if self.s.result == UnitResult::Success {
                    self.s.result = UnitResult::Resources;
                    self.s.failure = message.clone();
                }
                self.not_spawned(ticket, message);
                self.ended(ticket, ExitStatus::Unknown);
            }
            SpawnFailure::Setup { status, .. }
                if status == NOT_EXECUTED && self.ignores_failure(&child) =>
            {
                // As systemd: what is missing and may be is passed over, and nothing failed.
                let text = format!("{} is missing and passed over", child.role.describe());
                self.cx.log(Level::Info, MessageId::Other, text);
                if self.is_main(ticket) {
                    self.main_failed_to_execute();
                }
                self.ended(ticket, ExitStatus::Code(0));
            }
            SpawnFailure::Setup { status, message } => {
                self.cx
                    .log(Level::Error, MessageId::SpawnFailed, message.clone());
                if self.s.result == UnitResult::Success {
                    self.s.failure = message.clone();
                }
                self.not_spawned(ticket, message);
                // For systemd a simple service is up once it is forked: what fails after that is
                // its exit.
                if self.is_main(ticket) {
                    self.main_failed_to_execute();
                }
                self.ended(ticket, ExitStatus::Code(status));
            }
        }
    }

    /// Whether the command of a child is marked with `-`.
    fn ignores_failure(&self, child: &Child) -> bool {
        self.command(child.role, child.index)
            .is_some_and(|command| command.ignore_failure)
    }

    /// There is no main process, and this is why.
    fn not_spawned(&mut self, ticket: Ticket, why: String) {
        if self.is_main(ticket) {
            self.s.told_process.spawn_error = why;
        }
    }

    /// The machine is short of something.
    fn short(&mut self, child: &Child, errno: i32) {
        let is_main = child.ticket().is_some_and(|ticket| self.is_main(ticket));
        if self.kill_mut().is_some() {
            // It was to be stopped anyway.
            self.forget_child(is_main);
            return self.send_deferred_signals();
        }
        if is_main {
            self.name_is_anothers();
        }
        let waiting = self.cx.wait_out_shortage(child, errno);
        *(if is_main {
            &mut self.s.main
        } else {
            &mut self.s.control
        }) = Some(waiting);
        // The way up has no deadline while nothing can be tried; the way down keeps its own.
        if let Phase::Condition { timer }
        | Phase::StartPre { timer }
        | Phase::Start { timer }
        | Phase::StartPost { timer } = &mut self.s.phase
            && let Some(timer) = timer.take()
        {
            timer.cancel(self.cx.actions);
        }
    }

    /// Tries again what failed by a shortage.
    pub(super) fn retry(&mut self, is_main: bool) {
        let slot = if is_main {
            &mut self.s.main
        } else {
            &mut self.s.control
        };
        let Some(Child {
            role,
            index,
            process: Process::Waiting { attempt, .. },
        }) = *slot
        else {
            return;
        };
        let child = self.spawn(role, index, attempt);
        let gone = child.is_none();
        *(if is_main {
            &mut self.s.main
        } else {
            &mut self.s.control
        }) = child;
        if let Phase::Condition { timer: None }
        | Phase::StartPre { timer: None }
        | Phase::Start { timer: None }
        | Phase::StartPost { timer: None } = self.s.phase
        {
            let armed = self.arm(self.start_window());
            if let Phase::Condition { timer }
            | Phase::StartPre { timer }
            | Phase::Start { timer }
            | Phase::StartPost { timer } = &mut self.s.phase
            {
                *timer = armed;
            }
        }
        if gone {
            // The definition changed meanwhile and has no such command any more.
            if is_main {
                self.main_ended(role, index, None)
            } else {
                self.control_ended(role, index, None)
            }
        }
    }

    /// A process has ended.
    pub(super) fn exited(&mut self, ticket: Ticket, status: ExitStatus, at: Monotonic) {
        if let Some(at) = self.s.former.iter().position(|former| *former == ticket) {
            if planted!(EndOfAnother)
                && let Some(main) = self.s.main.as_ref().and_then(Child::ticket)
            {
                return self.ended(main, status);
            }
            if !planted!(FormerKept) {
                self.s.former.swap_remove(at);
            }
            return;
        }
        // It was taken for the main process, and the manager was killed before it was told.
        let taken = self
            .s
            .adopting
            .as_deref()
            .is_some_and(|adopting| adopting.ticket == ticket && adopting.retry.is_none());
        if taken {
            self.take_over(ticket, 0);
            // Who is probed was never ready.
            if self.cx.definition.ready_probe().is_none() {
                self.main_is_known();
            }
        }
        if self.child_mut(ticket).is_none() {
            return self.unexpected("the end of a process");
        }
        let probed = self.cx.definition.ready_probe().is_some();
        if self.child_mut(ticket).is_some_and(|child| child.is_asked()) {
            self.ran_unseen(ticket, status);
        } else if self.is_main(ticket) && self.has_stayed_up(at) && !probed {
            // Its timer is due as well, and only comes later.
            self.stayed_up();
        }
        self.ended(ticket, status);
    }

    /// The end of a process is told, and its beginning never was: a manager was killed between the
    /// two. Where nothing more than its beginning was waited for, the start was done by then.
    fn ran_unseen(&mut self, ticket: Ticket, status: ExitStatus) {
        let is_main = self.is_main(ticket);
        let child = self.child_mut(ticket);
        if let Some((role, index)) = child.map(|child| (child.role, child.index)) {
            self.s.records.started(role, index, 0, self.cx.now);
            if role == Role::Main {
                self.s.main_start = Some(self.cx.now);
            }
        }
        if !is_main || self.kill_mut().is_some() {
            return;
        }
        match status {
            // Most likely not its own words: for a simple service that is no matter.
            ExitStatus::Code(code) if SETUP_FAILURES.contains(&code) => {
                self.main_failed_to_execute();
            }
            _ => self.main_ran(),
        }
    }

    pub(super) fn ended(&mut self, ticket: Ticket, status: ExitStatus) {
        let is_main = self.is_main(ticket);
        let slot = if is_main {
            &mut self.s.main
        } else {
            &mut self.s.control
        };
        let Some(child) = slot.take() else { return };
        if is_main {
            self.s.told_process.ended_pid = child.pid().unwrap_or_default();
        }
        self.note_end(&child, is_main, status);
        self.cx.wishes.push(Wish::Refresh);
        if child.role == Role::Main {
            self.s.early.clear();
        }
        if is_main {
            if self.main_may_have_moved(status) {
                return;
            }
            self.main_ended(child.role, child.index, Some(status));
        } else {
            self.control_ended(child.role, child.index, Some(status));
        }
    }

    /// Records the end of a command, if it had begun. Where the start command went to the
    /// background, the main process is none of the commands.
    fn note_end(&mut self, child: &Child, is_main: bool, status: ExitStatus) {
        let recorded = self.s.records.of(child.role, child.index);
        let began = recorded.filter(|record| record.exit.is_none());
        let pid = child.pid().or_else(|| began.map(|record| record.pid));
        let Some(pid) = pid.filter(|_| !(is_main && self.s.forks)) else {
            return;
        };
        self.s.records.ended(ExecRecord {
            role: child.role,
            index: child.index,
            pid,
            start: self.s.main_start.filter(|_| is_main),
            exit: Some((self.cx.now, status)),
        });
    }

    pub(super) fn is_main(&self, ticket: Ticket) -> bool {
        self.s.main.as_ref().and_then(Child::ticket) == Some(ticket)
    }

    pub(super) fn child_mut(&mut self, ticket: Ticket) -> Option<&mut Child> {
        [&mut self.s.main, &mut self.s.control]
            .into_iter()
            .flatten()
            .find(|child| child.ticket() == Some(ticket))
    }

    /// Lets go of a child that was never there.
    pub(super) fn forget_child(&mut self, is_main: bool) {
        let slot = if is_main {
            &mut self.s.main
        } else {
            &mut self.s.control
        };
        if let Some(Child {
            process: Process::Waiting { retry, .. },
            ..
        }) = slot.take()
        {
            retry.cancel(self.cx.actions);
        }
    }

    /// What the end of a command means for the run. `None`: it never ran.
    pub(super) fn judge(
        &mut self,
        role: Role,
        index: u16,
        status: Option<ExitStatus>,
    ) -> UnitResult {
        let Some(status) = status else {
            return UnitResult::Success;
        };
        let asked = self.s.forbid_restart || self.s.phase.states().0 == ActiveState::Deactivating;
        let result = classify(self.cx.definition, role, status, asked);
        let ignored = self
            .command(role, index)
            .is_some_and(|command| command.ignore_failure);
        let level = match (result, ignored) {
            (UnitResult::Success, _) => Level::Debug,
            (_, true) => Level::Info,
            (_, false) => Level::Notice,
        };
        let sentence = format!("{} {}", role.describe(), describe(status));
        self.cx
            .log(level, MessageId::ProcessExited, sentence.clone());
        if ignored || result == UnitResult::Success {
            return UnitResult::Success;
        }
        if self.s.result == UnitResult::Success && self.s.failure.is_empty() {
            self.s.failure = sentence;
        }
        result
    }
}
