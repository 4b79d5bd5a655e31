//! What every machine is handed besides its own state, and what it gives back besides it.

use units::value::{ExecLine, Signal, Span};
use units::{Definition, UnitName};

use crate::action::{Action, Entry, Level, MessageId, Role, Spawn, StopHint, Target};
use crate::clock::{Monotonic, Now};
use crate::service::{Child, Process};
use crate::ticket::{Invocation, Ticket};
use crate::timer::{Mint, Timer};
use crate::view::systemd::{ActiveState, SubState};

/// What is left of a step on the way down once somebody is impatient, for services and sockets alike:
/// enough for a program that obeys at once.
const HURRIED_WINDOW: Span = Span::from_millis(500);

/// First wait after a shortage of the machine; doubled each time, up to [`LONGEST_SHORTAGE`].
const FIRST_SHORTAGE: Span = Span::from_millis(10);
const LONGEST_SHORTAGE: Span = Span::from_secs(5);

/// One step's surroundings. A machine reads the first half and appends to the second.
pub(crate) struct Context<'a> {
    pub(crate) name: &'a UnitName,
    pub(crate) definition: &'a Definition,
    pub(crate) now: Now,
    /// The unit's job will start it again: what it keeps between runs stays.
    pub(crate) restarting: bool,
    /// The unit has a stop job, whether its turn has come or not.
    pub(crate) stop_pending: bool,
    pub(crate) closing: Closing,
    /// Whoever misses its watchdog is left alone.
    pub(crate) watchdogs_ignored: bool,
    pub(crate) mint: &'a mut Mint,
    pub(crate) actions: &'a mut Vec<Action>,
    /// Every change of state on the way, in order.
    pub(crate) moves: &'a mut Vec<Move>,
    pub(crate) wishes: &'a mut Vec<Wish>,
}

impl Context<'_> {
    pub(crate) fn log(&mut self, level: Level, id: MessageId, text: impl Into<String>) {
        self.actions.push(Action::Log(Entry {
            unit: Some(self.name.clone()),
            level,
            id,
            text: text.into(),
        }));
    }

    /// Asks for the process of a command, which gets `stop` to end when everything is stopped
    /// without a manager. The engine fills in what concerns other units.
    pub(crate) fn spawn(
        &mut self,
        role: Role,
        command: ExecLine,
        environment: Vec<(String, String)>,
        stop: Span,
    ) -> Ticket {
        let ticket = self.mint.ticket();
        self.actions.push(Action::Spawn(Box::new(Spawn {
            ticket,
            unit: self.name.clone(),
            role,
            command,
            environment,
            invocation: Invocation::default(),
            listen: Vec::new(),
            connection: None,
            stop: StopHint {
                rank: 0,
                signal: self.definition.kill_signal(),
                timeout: stop,
            },
        })));
        ticket
    }

    /// Sends a signal that is to be obeyed: who is stopped is woken for it.
    pub(crate) fn signal(&mut self, ticket: Ticket, target: Target, signal: Signal) {
        self.actions.push(Action::Signal {
            ticket,
            unit: self.name.clone(),
            target,
            signal,
            wake: signal != Signal::KILL,
        });
    }

    /// SIGKILL for one process.
    pub(crate) fn kill_at_once(&mut self, process: Ticket) {
        let ticket = self.mint.ticket();
        self.signal(ticket, Target::Process(process), Signal::KILL);
    }

    /// Asks to be told when no process of the unit is left.
    pub(crate) fn watch_empty(&mut self, ticket: Ticket) {
        let unit = self.name.clone();
        self.actions.push(Action::WatchEmpty { ticket, unit });
    }

    /// The machine is short of something: the same child again, later.
    pub(crate) fn wait_out_shortage(&mut self, child: &Child, errno: i32) -> Child {
        let attempt = match child.process {
            Process::Asked { attempt, .. } | Process::Waiting { attempt, .. } => attempt,
            Process::Live { .. } => 0,
        };
        if attempt == 0 {
            let text = format!("the machine is short of something (errno {errno}), trying again");
            self.log(Level::Warning, MessageId::Shortage, text);
        }
        let micros = FIRST_SHORTAGE.as_micros() << attempt.min(16);
        let micros = micros.min(LONGEST_SHORTAGE.as_micros());
        let at = Monotonic(self.now.monotonic.0.saturating_add(micros));
        Child {
            role: child.role,
            index: child.index,
            process: Process::Waiting {
                retry: Timer::arm_at(self.mint, self.actions, at),
                attempt: attempt + 1,
            },
        }
    }

    /// How long a step of the way down may take for which so much is configured.
    pub(crate) fn way_down(&self, configured: Span) -> Span {
        match self.closing {
            Closing::No | Closing::Orderly => configured,
            Closing::Hurried => configured.min(HURRIED_WINDOW),
        }
    }

    /// Somebody has become impatient: the timer that takes the place of the one of a step on the way
    /// down, unless that is due as soon.
    pub(crate) fn hurried(&mut self, due: Option<Timer>) -> Option<Timer> {
        let cap = self.now.monotonic.after(HURRIED_WINDOW.as_micros())?;
        match due {
            Some(due) if due.at <= cap => None,
            _ => Some(Timer::arm_at(self.mint, self.actions, cap)),
        }
    }

    /// Says that the unit has failed.
    pub(crate) fn log_failure(&mut self, why: &str) {
        let text = format!("{} failed: {why}", self.name);
        self.log(Level::Error, MessageId::Failed, text);
    }

    /// Notes that the unit, which is no service, went from one state to another, if it did.
    pub(crate) fn went(
        &mut self,
        from: (ActiveState, SubState),
        to: (ActiveState, SubState),
        cause: &str,
    ) {
        if from != to {
            self.moves.push(Move {
                from,
                to,
                cause: cause.to_owned(),
                will_restart: false,
                process: None,
            });
        }
    }
}

/// One change of a unit's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) from: (ActiveState, SubState),
    pub(crate) to: (ActiveState, SubState),
    pub(crate) cause: String,
    /// It is down now, but will be started again by itself: no reason for `on-failure`.
    pub(crate) will_restart: bool,
    /// What supervisord would say of it.
    pub(crate) process: Option<crate::change::ProcessMoved>,
}

/// What a machine cannot do itself, since it concerns other units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// The delay is over: queue a restart job for this unit.
    Restart,
    /// A connection came in, or a timer or path wants its unit: start what this one triggers.
    Trigger,
    /// Say when no job is left to do.
    AwaitIdle,
    /// What was shown of the unit changed, though its state did not.
    Refresh,
}

/// Whether everything is being stopped.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub(crate) enum Closing {
    #[default]
    No,
    /// In order, with all the time that was configured.
    Orderly,
    /// In order, but nobody gets more than a moment.
    Hurried,
}
