//! The commands of a socket unit (`exec-start-pre` and its like), how they end, and how they are
//! ended.

use units::Definition;
use units::value::{ExecLine, KillMode};

use super::{Kill, Phase, Run};
use crate::action::{Action, Level, MessageId, Role, Target};
use crate::clock::Now;
use crate::event::{ExitStatus, SpawnFailure};
use crate::exec_record::ExecRecord;
use crate::machine::Wish;
use crate::service::process::{NOT_EXECUTED, describe};
use crate::service::{Child, Process, ServiceEvent, Trace};
use crate::ticket::Ticket;
use crate::timer::Timer;
use crate::view::systemd::UnitResult;

/// A phase in which processes are killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    StopPreSigterm,
    StopPreSigkill,
    FinalSigterm,
    FinalSigkill,
}

impl Stage {
    fn is_final(self) -> bool {
        matches!(self, Stage::FinalSigterm | Stage::FinalSigkill)
    }

    fn is_sigkill(self) -> bool {
        matches!(self, Stage::StopPreSigkill | Stage::FinalSigkill)
    }

    fn of(phase: Phase) -> Option<Stage> {
        Some(match phase {
            Phase::StopPreSigterm { .. } => Stage::StopPreSigterm,
            Phase::StopPreSigkill { .. } => Stage::StopPreSigkill,
            Phase::FinalSigterm { .. } => Stage::FinalSigterm,
            Phase::FinalSigkill { .. } => Stage::FinalSigkill,
            _ => return None,
        })
    }

    fn phase(self, listen: Option<Ticket>, kill: Kill) -> Phase {
        match self {
            Stage::StopPreSigterm => Phase::StopPreSigterm { listen, kill },
            Stage::StopPreSigkill => Phase::StopPreSigkill { listen, kill },
            Stage::FinalSigterm => Phase::FinalSigterm { kill },
            Stage::FinalSigkill => Phase::FinalSigkill { kill },
        }
    }
}

fn commands(definition: &Definition, role: Role) -> &[ExecLine] {
    match role {
        Role::StartPre => definition.exec_start_pre(),
        Role::StartPost => definition.exec_start_post(),
        Role::StopPre => definition.exec_stop_pre(),
        Role::StopPost => definition.exec_stop_post(),
        Role::Condition | Role::Main | Role::Reload | Role::Stop | Role::ReadyProbe => &[],
    }
}

impl Run<'_> {
    /// Runs a command; false if there is none.
    pub(super) fn run(&mut self, role: Role, index: u16) -> bool {
        self.run_again(role, index, 0)
    }

    fn run_again(&mut self, role: Role, index: u16, attempt: u32) -> bool {
        let definition = self.cx.definition;
        let Some(command) = commands(definition, role).get(usize::from(index)) else {
            return false;
        };
        self.s.has_run = true;
        self.s.watch_empty = None;
        let (command, stop) = (command.clone(), definition.timeout_sec());
        let ticket = self.cx.spawn(role, command, Vec::new(), stop);
        self.s.control = Some(Child {
            role,
            index,
            process: Process::Asked { ticket, attempt },
        });
        true
    }

    /// How long a command may take.
    pub(super) fn arm(&mut self) -> Option<Timer> {
        let window = self.cx.way_down(self.cx.definition.timeout_sec());
        Timer::arm(self.cx.mint, self.cx.actions, self.cx.now, window)
    }

    pub(super) fn stop(&mut self) {
        match self.s.phase {
            Phase::StartPre { .. } | Phase::StartPost { .. } => {
                self.enter_kill(Stage::StopPreSigterm, "stop");
            }
            Phase::Start { .. } | Phase::Listening { .. } | Phase::Running { .. } => {
                self.enter_stop_pre();
            }
            _ => {}
        }
    }

    fn cause(&self) -> &'static str {
        match self.s.result {
            UnitResult::Success => "stop",
            failure => failure.as_str(),
        }
    }

    pub(super) fn enter_stop_pre(&mut self) {
        let Some(listen) = self.s.phase.listen() else {
            return self.enter_stop_post();
        };
        if self.s.control.is_none() && self.run(Role::StopPre, 0) {
            self.watch(false);
            let timer = self.arm();
            let cause = self.cause();
            self.go(Phase::StopPre { listen, timer }, cause);
        } else {
            self.enter_stop_post();
        }
    }

    fn enter_stop_post(&mut self) {
        if self.s.control.is_none() && self.run(Role::StopPost, 0) {
            // Its commands may be given what is closed now.
            self.unlisten();
            let timer = self.arm();
            let cause = self.cause();
            self.go(Phase::StopPost { timer }, cause);
        } else {
            self.enter_kill(Stage::FinalSigterm, self.cause());
        }
    }

    fn enter_kill(&mut self, stage: Stage, cause: &str) {
        if let Some(Child {
            process: Process::Waiting { retry, .. },
            ..
        }) = self.s.control
        {
            retry.cancel(self.cx.actions);
            self.s.control = None;
        }
        let nobody = match stage.is_final() {
            true => !self.s.has_run,
            false => self.s.control.is_none(),
        };
        if nobody {
            return match stage.is_final() {
                true => self.enter_dead(),
                false => self.enter_stop_post(),
            };
        }
        if stage.is_final() {
            self.unlisten();
        }
        let timer = self.arm();
        let listen = self.s.phase.listen();
        let pending = self.signal(stage);
        self.go(stage.phase(listen, Kill { timer, pending }), cause);
        if stage.is_final() {
            self.wait_until_empty();
        }
    }

    /// Sends the signal of a phase to those it reaches; gives back what is not known to be sent.
    fn signal(&mut self, stage: Stage) -> Option<Ticket> {
        let known = || {
            let child = self.s.control.as_ref()?;
            match child.process {
                Process::Live { ticket, .. } => Some(Target::Process(ticket)),
                // It is told when it is there.
                Process::Asked { .. } | Process::Waiting { .. } => None,
            }
        };
        let target = match self.cx.definition.kill_mode() {
            KillMode::ControlGroup => Some(Target::All),
            KillMode::Mixed if stage.is_sigkill() => Some(Target::All),
            KillMode::Mixed | KillMode::Process => known(),
            KillMode::None => None,
        }?;
        let ticket = self.cx.mint.ticket();
        self.utter_signal(ticket, target, stage);
        Some(ticket)
    }

    fn utter_signal(&mut self, ticket: Ticket, target: Target, stage: Stage) {
        let definition = self.cx.definition;
        let signal = match stage.is_sigkill() {
            true => definition.final_kill_signal(),
            false => definition.kill_signal(),
        };
        self.cx.signal(ticket, target, signal);
    }

    fn wait_until_empty(&mut self) {
        let group = matches!(
            self.cx.definition.kill_mode(),
            KillMode::ControlGroup | KillMode::Mixed
        );
        if !group {
            if self.s.control.is_none() {
                self.enter_dead();
            }
        } else if self.s.watch_empty.is_none() {
            let ticket = self.cx.mint.ticket();
            self.s.watch_empty = Some(ticket);
            self.cx.watch_empty(ticket);
        }
    }

    /// The run is over.
    pub(super) fn enter_dead(&mut self) {
        self.unlisten();
        self.s.watch_empty = None;
        if let Some(Child {
            process: Process::Waiting { retry, .. },
            ..
        }) = self.s.control.take()
        {
            retry.cancel(self.cx.actions);
        }
        if std::mem::take(&mut self.s.has_run) {
            let unit = self.cx.name.clone();
            self.cx.actions.push(Action::Release { unit });
        }
        let cause = self.cause();
        match self.s.result {
            UnitResult::Success => self.go(Phase::Dead, cause),
            _ => self.go(Phase::Failed, cause),
        }
    }

    /// Somebody is impatient: the rest of the time is cut short.
    pub(super) fn hurry(&mut self) {
        let going_down = matches!(self.s.phase, Phase::StopPre { .. } | Phase::StopPost { .. })
            || Stage::of(self.s.phase).is_some();
        let old = self.s.phase.timer();
        if going_down && let Some(sooner) = self.cx.hurried(old) {
            self.s.phase.set_timer(Some(sooner));
            if let Some(old) = old {
                old.cancel(self.cx.actions);
            }
        }
    }

    pub(super) fn answered(&mut self, answer: ServiceEvent) {
        match answer {
            ServiceEvent::Spawned { ticket, pid } => self.spawned(ticket, pid),
            ServiceEvent::SpawnFailed {
                ticket,
                process,
                failure,
            } => self.spawn_failed(ticket, process, failure),
            ServiceEvent::Exited { ticket, status, .. } if self.is_control(ticket) => {
                self.exited(Some(status));
            }
            ServiceEvent::Timer(ticket) => self.timer_fired(ticket),
            ServiceEvent::Signalled(ticket) | ServiceEvent::Lost(ticket) => {
                self.s.phase.clear_pending(ticket);
            }
            ServiceEvent::Emptied(ticket) => self.emptied(ticket),
            // The rest is of services only.
            _ => {}
        }
    }

    /// No process of the unit is left.
    fn emptied(&mut self, ticket: Ticket) {
        let asked = self.s.watch_empty.take_if(|asked| *asked == ticket);
        let is_final = Stage::of(self.s.phase).is_some_and(Stage::is_final);
        if asked.is_some() && is_final && self.s.control.is_none() {
            self.enter_dead();
        }
    }

    fn is_control(&self, ticket: Ticket) -> bool {
        self.s.control.as_ref().and_then(Child::ticket) == Some(ticket)
    }

    fn spawned(&mut self, ticket: Ticket, pid: u32) {
        if !self.is_control(ticket) {
            // The run it belongs to is over.
            return self.cx.kill_at_once(ticket);
        }
        if let Some(child) = &mut self.s.control {
            child.process = Process::Live { ticket, pid };
            let (role, index) = (child.role, child.index);
            self.s.records.started(role, index, pid, self.cx.now);
        }
        self.cx.wishes.push(Wish::Refresh);
        if let Some(stage) = Stage::of(self.s.phase)
            && self.cx.definition.kill_mode() != KillMode::None
        {
            let answer = self.cx.mint.ticket();
            self.utter_signal(answer, Target::Process(ticket), stage);
        }
    }

    fn spawn_failed(&mut self, ticket: Ticket, process: Option<(u32, Now)>, failure: SpawnFailure) {
        if !self.is_control(ticket) {
            return;
        }
        match failure {
            SpawnFailure::Shortage { errno } if Stage::of(self.s.phase).is_none() => {
                self.wait_out_shortage(errno);
            }
            SpawnFailure::Shortage { .. } => self.exited(None),
            SpawnFailure::Resources { message } => {
                self.cx
                    .log(Level::Error, MessageId::SpawnFailed, message.clone());
                self.never_ran(UnitResult::Resources, &message);
            }
            SpawnFailure::Setup { status, message } => {
                let passed_over = status == NOT_EXECUTED
                    && (self.s.control.as_ref()).is_some_and(|child| self.is_ignored(child));
                if passed_over && let Some(child) = &self.s.control {
                    // As systemd: what is missing and may be is nothing to worry about.
                    let text = format!("{} is missing and passed over", child.role.describe());
                    self.cx.log(Level::Info, MessageId::Other, text);
                } else {
                    self.cx
                        .log(Level::Error, MessageId::SpawnFailed, message.clone());
                }
                self.note_failed_setup(process, status);
                self.never_ran(UnitResult::ExitCode, &message);
            }
        }
    }

    /// For systemd a process whose program could not be executed began and ended; well, where that
    /// is to be ignored.
    fn note_failed_setup(&mut self, process: Option<(u32, Now)>, status: u8) {
        let Some(child) = self.s.control.clone() else {
            return;
        };
        let status = match self.is_ignored(&child) && status == NOT_EXECUTED {
            true => 0,
            false => status,
        };
        let (pid, began) = process.unwrap_or((0, self.cx.now));
        let (role, index) = (child.role, child.index);
        self.s.records.started(role, index, pid, began);
        self.note_end(&child, Some(ExitStatus::Code(status)));
    }

    /// Records the end of a command, if it had begun.
    fn note_end(&mut self, child: &Child, status: Option<ExitStatus>) {
        let recorded = self.s.records.of(child.role, child.index);
        let began = recorded.filter(|record| record.exit.is_none());
        let pid = child.pid().or_else(|| began.map(|record| record.pid));
        if let (Some(pid), Some(status)) = (pid, status) {
            self.s.records.ended(ExecRecord {
                role: child.role,
                index: child.index,
                pid,
                start: None,
                exit: Some((self.cx.now, status)),
            });
        }
    }

    fn never_ran(&mut self, result: UnitResult, message: &str) {
        let Some(child) = self.s.control.take() else {
            return;
        };
        let result = match self.is_ignored(&child) {
            true => UnitResult::Success,
            false => result,
        };
        self.ended(&child, result, message);
    }

    /// The machine is short of something: the same again, later.
    fn wait_out_shortage(&mut self, errno: i32) {
        if let Some(child) = &self.s.control {
            self.s.control = Some(self.cx.wait_out_shortage(child, errno));
        }
    }

    fn is_ignored(&self, child: &Child) -> bool {
        let line = commands(self.cx.definition, child.role).get(usize::from(child.index));
        line.is_some_and(|line| line.ignore_failure)
    }

    /// A command has ended; `None`: it never ran.
    fn exited(&mut self, status: Option<ExitStatus>) {
        let Some(child) = self.s.control.take() else {
            return;
        };
        self.note_end(&child, status);
        self.cx.wishes.push(Wish::Refresh);
        let result = match status {
            None | Some(ExitStatus::Code(0)) => UnitResult::Success,
            Some(_) if self.is_ignored(&child) => UnitResult::Success,
            Some(ExitStatus::Code(_)) => UnitResult::ExitCode,
            Some(ExitStatus::Signal(_)) => UnitResult::Signal,
            Some(ExitStatus::Dumped(_)) => UnitResult::CoreDump,
            Some(ExitStatus::Unknown) => UnitResult::Protocol,
        };
        let sentence = status.map_or_else(String::new, |status| {
            format!("{} {}", child.role.describe(), describe(status))
        });
        self.ended(&child, result, &sentence);
    }

    fn ended(&mut self, child: &Child, result: UnitResult, sentence: &str) {
        let killed = Stage::of(self.s.phase);
        // Who is told to go and goes is not to blame for the way.
        let told = killed.is_some() && result == UnitResult::Signal;
        let failed = result != UnitResult::Success && !told;
        if failed {
            self.note_failure(result, sentence);
        } else if killed.is_none() && self.run(child.role, child.index.saturating_add(1)) {
            let timer = self.arm();
            if let Some(old) = self.s.phase.timer() {
                old.cancel(self.cx.actions);
            }
            return self.s.phase.set_timer(timer);
        }
        match self.s.phase {
            Phase::StartPre { .. } if failed => {
                self.enter_kill(Stage::FinalSigterm, self.cause());
            }
            Phase::StartPre { .. } => self.enter_start("exec-start-pre is done"),
            Phase::StartPost { .. } if failed => self.enter_stop_pre(),
            Phase::StartPost { listen, .. } => {
                self.enter_listening(listen, "exec-start-post is done");
            }
            Phase::StopPre { .. } | Phase::StopPreSigterm { .. } | Phase::StopPreSigkill { .. } => {
                self.enter_stop_post();
            }
            Phase::StopPost { .. } => self.enter_dead(),
            // Others may be left.
            Phase::FinalSigterm { .. } | Phase::FinalSigkill { .. } => self.wait_until_empty(),
            _ => {}
        }
    }

    fn timer_fired(&mut self, ticket: Ticket) {
        if self
            .s
            .paused
            .take_if(|timer| timer.ticket == ticket)
            .is_some()
        {
            return self.watch(true);
        }
        if let Some(Child {
            role,
            index,
            process: Process::Waiting { retry, attempt },
        }) = self.s.control
            && retry.ticket == ticket
        {
            self.s.control = None;
            if !self.run_again(role, index, attempt) {
                // The definition changed meanwhile and has no such command any more.
                let child = Child {
                    role,
                    index,
                    process: Process::Waiting { retry, attempt },
                };
                self.ended(&child, UnitResult::Success, "");
            }
            return;
        }
        if self.s.phase.timer().map(|timer| timer.ticket) == Some(ticket) {
            self.s.phase.set_timer(None);
            self.timed_out();
        }
    }

    fn timed_out(&mut self) {
        self.note_failure(UnitResult::Timeout, "a command took too long");
        let sigkill = self.cx.definition.send_sigkill();
        let cause = self.cause();
        match self.s.phase {
            Phase::StartPre { .. } => self.enter_kill(Stage::FinalSigterm, cause),
            // The command is in the way of those of the stop.
            Phase::StartPost { .. } | Phase::StopPre { .. } => {
                self.enter_kill(Stage::StopPreSigterm, cause);
            }
            Phase::StopPreSigterm { .. } if sigkill => {
                self.enter_kill(Stage::StopPreSigkill, cause);
            }
            Phase::StopPreSigterm { .. } | Phase::StopPreSigkill { .. } => {
                // Not even SIGKILL has ended it: it is not waited for any more.
                self.s.control = None;
                self.enter_stop_post();
            }
            Phase::StopPost { .. } => self.enter_kill(Stage::FinalSigterm, cause),
            Phase::FinalSigterm { .. } if sigkill => self.enter_kill(Stage::FinalSigkill, cause),
            Phase::FinalSigterm { .. } | Phase::FinalSigkill { .. } => {
                self.cx.log(
                    Level::Warning,
                    MessageId::Other,
                    "processes are left behind",
                );
                self.enter_dead();
            }
            _ => {}
        }
    }

    pub(super) fn resume(&mut self, trace: Option<Trace>) {
        if let Some(timer) = self.s.phase.timer() {
            timer.rearm(self.cx.actions);
        }
        if let Some(timer) = self.s.paused {
            timer.rearm(self.cx.actions);
        }
        if let Some(ticket) = self.s.phase.listen() {
            let unit = self.cx.name.clone();
            self.cx.actions.push(Action::Listen { ticket, unit });
        }
        if let Some(stage) = Stage::of(self.s.phase)
            && let Some(ticket) = self.s.phase.kill().and_then(|kill| kill.pending)
        {
            let control = self.s.control.as_ref().and_then(Child::ticket);
            let target = match (self.cx.definition.kill_mode(), control) {
                (KillMode::Process, Some(process)) => Target::Process(process),
                (KillMode::Mixed, Some(process)) if !stage.is_sigkill() => Target::Process(process),
                _ => Target::All,
            };
            self.utter_signal(ticket, target, stage);
        }
        if let Some(ticket) = self.s.watch_empty {
            self.cx.watch_empty(ticket);
        }
        let Some(child) = self.s.control.clone() else {
            return;
        };
        match (child.process.clone(), trace.unwrap_or(Trace::None)) {
            (Process::Waiting { retry, .. }, _) => retry.rearm(self.cx.actions),
            (Process::Asked { ticket, .. }, Trace::Lives(pid)) => self.spawned(ticket, pid),
            (_, Trace::Lives(_) | Trace::Ended) => {}
            (Process::Asked { attempt, .. }, _) if Stage::of(self.s.phase).is_none() => {
                self.s.control = None;
                if !self.run_again(child.role, child.index, attempt) {
                    self.ended(&child, UnitResult::Success, "");
                }
            }
            (Process::Asked { .. }, _) => self.exited(None),
            (Process::Live { .. }, _) => self.exited(Some(ExitStatus::Unknown)),
        }
    }
}
