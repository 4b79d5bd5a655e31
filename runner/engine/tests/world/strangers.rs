//! Processes that somebody else started, and the scopes that clients make of them.

use engine::command::{Command, Transient, Verb, Whom};
use engine::job::JobMode;
use engine::view::systemd::ActiveState;
use engine::{Event, Ticket};
use units::value::Signal;
use units::{UnitKind, UnitName};

use super::dice::Dice;
use super::kernel::World;
use super::processes::spares_what;

/// A process that is nobody's child here, and whose end nobody is told.
#[derive(Debug)]
struct Stranger {
    pid: u32,
    /// The scope that it was taken into.
    scope: Option<UnitName>,
    /// Its scope is one that spares processes.
    spared: bool,
    /// Only `SIGKILL` ends it.
    stubborn: bool,
}

#[derive(Debug)]
pub(super) struct Strangers {
    /// They come in every fourth world, so that the seeds of the others go on meaning what they did.
    come: bool,
    living: Vec<Stranger>,
}

impl Strangers {
    pub(super) fn new(seed: u64) -> Strangers {
        Strangers {
            come: seed % 4 == 3,
            living: Vec::new(),
        }
    }

    /// Whether something that has to do with them happens next.
    pub(super) fn stir(&self, dice: &mut Dice) -> bool {
        self.come && dice.percent(20)
    }

    pub(super) fn are_in(&self, unit: &UnitName) -> bool {
        let mut living = self.living.iter();
        living.any(|stranger| stranger.scope.as_ref() == Some(unit))
    }

    /// Those who obey end at once: none of them is told of, so nobody sees a difference.
    pub(super) fn signal(&mut self, unit: &UnitName, signal: Signal) {
        self.living.retain(|stranger| {
            let hit = stranger.scope.as_ref() == Some(unit);
            !hit || signal == Signal::CONT || stranger.stubborn && signal != Signal::KILL
        });
    }

    /// They are let go. S4: nobody is whom the scope was to end.
    pub(super) fn release(&mut self, unit: &UnitName) {
        for stranger in &mut self.living {
            let was_in = stranger.scope.take_if(|scope| scope == unit).is_some();
            assert!(
                !was_in || stranger.spared,
                "S4: {unit} is over, and {stranger:?} lives"
            );
        }
    }

    /// S2: when all is over nobody is left whom a scope was to end.
    pub(super) fn none_is_kept(&self) {
        let mut living = self.living.iter();
        let kept = living.find(|stranger| stranger.scope.is_some() && !stranger.spared);
        assert!(kept.is_none(), "S2: left after the end: {kept:?}");
    }
}

impl World<'_> {
    /// Takes processes into a scope: all of them, or as many as could be.
    pub(super) fn gather(&mut self, ticket: Ticket, unit: &UnitName, pids: &[u32]) {
        let definition = self.engine.as_ref().unwrap().definition(unit);
        let spared = definition.is_none_or(|unit| spares_what(&unit));
        let mut failure = (!self.fair && self.dice.percent(5)).then(|| "no space left".to_owned());
        for pid in pids {
            let mut living = self.strangers.living.iter_mut();
            let found = living.find(|stranger| stranger.pid == *pid);
            match found.filter(|_| failure.is_none()) {
                Some(stranger) => {
                    stranger.scope = Some(unit.clone());
                    stranger.spared = spared;
                }
                None => failure = Some(format!("process {pid} is gone")),
            }
        }
        self.manager.answers.push_back(match failure {
            None => Event::Gathered { ticket },
            Some(message) => {
                // Who has come so far is not ended for it.
                for stranger in &mut self.strangers.living {
                    stranger.spared |= stranger.scope.as_ref() == Some(unit);
                }
                Event::GatherFailed { ticket, message }
            }
        });
    }

    /// Somebody makes a scope, or does something with one; or a stranger ends.
    pub(super) fn deal_with_strangers(&mut self) {
        let number = self.dice.below(3);
        let unit = UnitName::parse(&format!("others-{number}.scope")).unwrap();
        let command = match self.dice.below(20) {
            0..7 => self.scope(unit),
            7..9 => Command::Abandon { unit },
            9 => Command::ResetFailed { unit: Some(unit) },
            10 => Command::Kill {
                unit,
                whom: Whom::All,
                signal: *self.dice.pick(&[Signal::TERM, Signal::KILL]).unwrap(),
            },
            11..13 => Command::Submit {
                unit,
                verb: Verb::Stop,
                mode: JobMode::Replace,
                token: None,
            },
            _ => {
                if !self.strangers.living.is_empty() {
                    let at = self.dice.below(self.strangers.living.len());
                    let gone = self.strangers.living.remove(at);
                    self.say(|| format!("~ {gone:?} ends"));
                }
                return;
            }
        };
        self.invariants.asked();
        let request = self.new_request();
        self.request(request, command);
    }

    /// A scope of some who just came, and perhaps of one who was there before.
    fn scope(&mut self, name: UnitName) -> Command {
        let mut pids = Vec::new();
        for _ in 0..1 + self.dice.below(2) {
            pids.push(self.next_pid);
            self.strangers.living.push(Stranger {
                pid: self.next_pid,
                scope: None,
                spared: false,
                stubborn: self.dice.percent(30),
            });
            self.next_pid += 1;
        }
        if let Some(known) = self.dice.pick(&self.strangers.living)
            && self.dice.percent(20)
            && !pids.contains(&known.pid)
        {
            pids.push(known.pid);
        }
        let mut settings = vec![("TimeoutStopSec".to_owned(), "2s".to_owned())];
        for (key, value) in [
            ("KillMode", "mixed"),
            ("KillMode", "none"),
            ("SendSIGKILL", "no"),
            ("SendSIGHUP", "yes"),
            ("RuntimeMaxSec", "3s"),
            ("CollectMode", "inactive-or-failed"),
        ] {
            if self.dice.percent(15) {
                settings.push((key.to_owned(), value.to_owned()));
            }
        }
        let token = self.dice.percent(50).then(|| name.to_string());
        Command::StartTransient {
            units: vec![Transient {
                name,
                settings,
                pids,
            }],
            mode: *self.dice.pick(&[JobMode::Fail, JobMode::Replace]).unwrap(),
            token,
        }
    }

    /// S3: at rest the end of the last one in a scope that is up will be told, and one that is down
    /// keeps nobody whom it was to end.
    pub(super) fn scopes_are_watched(&self) {
        let engine = self.engine.as_ref().unwrap();
        for unit in self.invariants.seen() {
            if unit.kind() != UnitKind::Scope {
                continue;
            }
            let active = engine.unit(unit).unwrap().active;
            let watched = self.manager.empties.iter().any(|(_, name)| name == unit);
            if active == ActiveState::Active {
                assert!(watched, "S3: {unit} is up, and nobody will tell of its end");
            } else {
                let mut living = self.strangers.living.iter();
                let kept = living
                    .find(|stranger| stranger.scope.as_ref() == Some(unit) && !stranger.spared);
                assert!(kept.is_none(), "S3: {unit} is down and keeps {kept:?}");
            }
        }
    }
}
