//! What signals to the program mean: those of systemd's table that make sense in a container
//! (systemd(1), "Signals"), except that SIGTERM stops, since that is what containers are sent.

use engine::command::Whom;
use engine::ticket::RequestId;
use engine::view::systemd::{ActiveState, SystemState};
use engine::{Command, Event};
use units::UnitName;
use units::value::Signal;

use super::Manager;
use crate::link::SignalMask;
use crate::rewrite::taken_for;

/// Ends with which status where everything is to start anew.
const ANEW: u8 = 133;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// To stop everything, and then end with this status if one is meant; hurried from the beginning on, or not.
    Stop {
        status: Option<u8>,
        hurried: bool,
    },
    /// To read the unit files.
    Reload,
    /// To open the log files again.
    Reopen,
    /// To start what boot starts.
    Default,
    /// To say more, or not any more.
    Verbose(bool),
    Nothing,
}

fn asked(signal: Signal) -> Asked {
    let stop = |status, hurried| Asked::Stop { status, hurried };
    match signal.number() {
        libc::SIGTERM | libc::SIGINT | libc::SIGQUIT | libc::SIGPWR => stop(None, false),
        libc::SIGHUP => Asked::Reload,
        libc::SIGUSR1 => Asked::Reopen,
        _ => match signal.real_time() {
            Some(0) => Asked::Default,
            // halt, poweroff; reboot, kexec; the user's exit
            Some(3 | 4 | 24) => stop(None, false),
            Some(5 | 6 | 17) => stop(Some(ANEW), false),
            // The same at once.
            Some(13 | 14) => stop(None, true),
            Some(15 | 16) => stop(Some(ANEW), true),
            Some(22) => Asked::Verbose(true),
            Some(23) => Asked::Verbose(false),
            _ => Asked::Nothing,
        },
    }
}

/// So many times a command may be signalled before it runs.
const EARLY: usize = 2;

impl Manager {
    /// Does what signals ask for, in their order, and acknowledges them. Those for the one command wait
    /// until it runs: it may be there, and known to whoever signals, before we have heard of it. Who
    /// asks again and again means us.
    pub(super) fn take_signals(&mut self) {
        while (self.early_signals.len() > EARLY || !self.awaits_command())
            && let Some((seq, mask)) = self.early_signals.pop_front()
        {
            self.signalled(mask);
            self.turn();
            if let Err(error) = self.link.acknowledge_signals(seq) {
                tracing::error!("cannot acknowledge to the keeper: {error}");
            }
        }
    }

    /// Whether there is one command to run, which does not run yet.
    fn awaits_command(&self) -> bool {
        !self.options.command.is_empty()
            && self.engine.system_state() == SystemState::Starting
            && !self.command_runs()
    }

    fn signalled(&mut self, mask: SignalMask) {
        for signal in mask.iter() {
            let Some(signal) = taken_for(&self.options.rewrites, signal) else {
                continue;
            };
            if !self.options.command.is_empty() && self.passed_on(signal) {
                continue;
            }
            if self.asks_above(signal) {
                continue;
            }
            if self.settled.conf.is_some() && self.signalled_as_supervisord(signal) {
                continue;
            }
            match asked(signal) {
                Asked::Reload => {
                    tracing::info!("{signal}: reading the unit files again");
                    self.ask_ourselves(Command::Reload { keep_going: false });
                }
                Asked::Reopen => {
                    tracing::info!("{signal}: opening the log files again");
                    self.logs.reopen();
                }
                Asked::Stop { status, hurried } => {
                    tracing::info!("{signal}: stopping everything");
                    let times = 1 + usize::from(hurried);
                    for _ in 0..times {
                        self.events.push_back(Event::ShutdownRequested { status });
                    }
                }
                Asked::Default => {
                    tracing::info!("{signal}: starting {}", self.options.target);
                    self.start_target();
                }
                Asked::Verbose(more) => self.be_verbose(more, signal),
                Asked::Nothing => tracing::info!("{signal}: nothing to do"),
            }
        }
    }

    /// A signal by which whoever runs us ends us, when that was the question.
    pub(super) fn told_to_end(&mut self, signal: Signal) {
        if self.settled.conf.is_none() || !self.signalled_as_supervisord(signal) {
            tracing::info!("{signal}: stopping everything");
            self.events
                .push_back(Event::ShutdownRequested { status: None });
        }
    }

    /// The one command gets the signal, if it runs; the rest of its life is its own affair. Once it
    /// has ended, signals are ours.
    fn passed_on(&mut self, signal: Signal) -> bool {
        let runs = self.command_runs();
        if runs && let Ok(unit) = UnitName::parse(units::one_command::UNIT) {
            let whom = Whom::Main;
            self.ask_ourselves(Command::Kill { unit, whom, signal });
        }
        runs
    }

    fn command_runs(&self) -> bool {
        let view = UnitName::parse(units::one_command::UNIT)
            .ok()
            .and_then(|unit| self.engine.unit(&unit));
        self.engine.closing().is_none()
            && view.is_some_and(|view| {
                view.active == ActiveState::Active
                    && view
                        .service
                        .as_ref()
                        .is_some_and(|service| service.main_pid.is_some())
            })
    }

    fn start_target(&mut self) {
        if let Ok(unit) = UnitName::parse(&self.options.target) {
            self.ask_ourselves(Command::Submit {
                unit,
                verb: engine::command::Verb::Start,
                mode: engine::job::JobMode::Replace,
                token: None,
            });
        }
    }

    fn be_verbose(&mut self, more: bool, signal: Signal) {
        use tracing::level_filters::LevelFilter;
        let level = match more {
            true => LevelFilter::DEBUG,
            false => LevelFilter::INFO,
        };
        tracing::info!("{signal}: saying {}", if more { "more" } else { "less" });
        if let Some(handle) = &self.log_level {
            handle.set(level);
        }
    }

    /// What a signal means to supervisord, in its words for the main log. Whether it means anything.
    fn signalled_as_supervisord(&mut self, signal: Signal) -> bool {
        let closing = self.engine.system_state() == SystemState::Stopping;
        match signal.number() {
            libc::SIGHUP if closing => {
                tracing::warn!("ignored {signal} indicating restart request (shutdown in progress)")
            }
            libc::SIGHUP => {
                tracing::warn!("received {signal} indicating restart request");
                self.ask_ourselves(Command::RestartAll);
            }
            libc::SIGUSR2 => {
                tracing::info!("received {signal} indicating log reopen request");
                tracing::info!("supervisord logreopen");
                self.logs.reopen();
            }
            libc::SIGTERM | libc::SIGINT | libc::SIGQUIT => {
                tracing::warn!("received {signal} indicating exit request");
                // Asking again does not hurry anything there.
                if !closing {
                    self.events
                        .push_back(Event::ShutdownRequested { status: Some(0) });
                }
            }
            _ => return false,
        }
        true
    }

    /// A command that no client waits for; its refusal goes to the log.
    fn ask_ourselves(&mut self, command: Command) {
        let request = RequestId(u64::MAX - self.number());
        self.events.push_back(Event::Requested {
            request,
            command,
            by: Some("a signal".into()),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signals_of_systemd() {
        let of = |name: &str| asked(Signal::parse(name).unwrap());
        let stop = |status, hurried| Asked::Stop { status, hurried };
        for (names, expected) in [
            (
                "TERM INT QUIT PWR RTMIN+3 RTMIN+4 RTMIN+24",
                stop(None, false),
            ),
            ("RTMIN+5 RTMIN+6", stop(Some(ANEW), false)),
            ("RTMIN+13 RTMIN+14", stop(None, true)),
            ("RTMIN+15 RTMIN+16", stop(Some(ANEW), true)),
            ("HUP", Asked::Reload),
            ("USR1", Asked::Reopen),
            ("RTMIN", Asked::Default),
            ("RTMIN+22", Asked::Verbose(true)),
            ("USR2 RTMIN+1 RTMIN+7 RTMIN+29 WINCH", Asked::Nothing),
        ] {
            for name in names.split(' ') {
                assert_eq!(of(name), expected, "{name}");
            }
        }
    }
}
