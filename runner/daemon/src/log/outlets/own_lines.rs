//! Our own lines: waiting for the log target, and said as it takes them.

use std::io;

use control::OwnLogTarget;
use units::UnitName;

use super::{Outlets, Screen, Target};
use crate::log::console::{Console, Offered, Speaker};
use crate::log::journal::Record;
use crate::log::own::{self, MainLog, OwnLine, Severity};
use crate::log::trouble::Advice;

/// So many own lines wait for a target that takes none.
const QUEUE: usize = 1000;
/// The owner of what a console has parked, when it is an own line.
const OURSELVES: u64 = 0;

impl Outlets {
    /// Says something on the log target, as soon as that takes it. Details for debugging are only
    /// for the journal, where they can be left out when reading; a main log has its own level.
    pub(in crate::log) fn say(&mut self, line: OwnLine) {
        let wanted = match &self.main {
            Some(main) if self.own_target == Target::Main => main.takes(line.level),
            _ => line.level != Severity::Debug || self.own_target == Target::Journal,
        };
        if !wanted {
            return;
        }
        if self.own.len() < QUEUE {
            self.own.push_back(line);
        } else {
            self.own_missing += 1;
        }
    }

    /// Whether there are own lines to say.
    pub(in crate::log) fn has_own(&self) -> bool {
        !self.own.is_empty() || self.own_is_parked()
    }

    fn own_is_parked(&self) -> bool {
        let parked = |console: &Console| console.parked == Some(OURSELVES);
        parked(&self.standard) || self.file.as_ref().is_some_and(parked)
    }

    /// Says what there is to say, as far as the target takes it.
    pub(in crate::log) fn say_own(&mut self) {
        while let Some(line) = self.own.pop_front() {
            let mark = (self.own_missing > 0).then(|| {
                let text = format!("{} lines of our own are missing here", self.own_missing);
                OwnLine::about_us(Severity::Warning, text)
            });
            let said = match self.own_target {
                Target::Screen(screen) => self.own_to_screen(screen, mark.as_ref(), &line),
                Target::Journal => self.own_to_journal(mark.as_ref(), &line),
                Target::Main => self.own_to_main(mark.as_ref(), &line),
            };
            match said {
                Advice::Try => self.own_missing = 0,
                Advice::Skip => self.own_missing += 1,
                Advice::Wait => {
                    self.own.push_front(line);
                    return;
                }
            }
        }
        // Also where they were said before: a line begun there holds up everybody else's.
        for screen in [Screen::Standard, Screen::File] {
            if self.screen(screen).parked == Some(OURSELVES) {
                self.settle_own(screen);
            }
        }
    }

    /// Says our own lines there from now on. What waits for the old place is said on the new one.
    pub(in crate::log) fn say_own_on(&mut self, target: OwnLogTarget) {
        self.own_target = match target {
            OwnLogTarget::AsStarted => self.target,
            OwnLogTarget::Console => Target::Screen(Screen::Standard),
            OwnLogTarget::Journal => Target::Journal,
        };
        self.say_own();
    }

    fn own_to_screen(&mut self, screen: Screen, mark: Option<&OwnLine>, line: &OwnLine) -> Advice {
        if self.screen(screen).parked == Some(OURSELVES) && !self.settle_own(screen) {
            return Advice::Wait;
        }
        let now = self.now;
        let advice = self.screen(screen).health.advice(now);
        if advice != Advice::Try {
            return advice;
        }
        if self.screen(screen).parked.is_some() {
            return Advice::Wait;
        }
        let time = self.time();
        let mut text = Vec::new();
        for line in mark.into_iter().chain([line]) {
            self.own_text(screen, line, &time, &mut text);
        }
        let console = self.screen(screen);
        match console.offer(&text) {
            Offered::Taken => console.health.took(),
            Offered::Parked => {
                console.parked = Some(OURSELVES);
                console.health.refused(now);
            }
            Offered::Refused(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return console.health.refused(now).0;
            }
            Offered::Refused(_) => {
                console.health.give_up(now);
                return Advice::Skip;
            }
        }
        Advice::Try
    }

    /// Goes on with an own line that is written in part; says whether the console is free then.
    fn settle_own(&mut self, screen: Screen) -> bool {
        let now = self.now;
        let console = self.screen(screen);
        match console.settle() {
            Ok(()) => console.health.took(),
            Err(error) => {
                let given_up = error.kind() != io::ErrorKind::WouldBlock
                    || console.health.refused(now).0 == Advice::Skip;
                if !given_up {
                    return false;
                }
                let lost = console.abandon();
                self.own_missing += lost;
            }
        }
        self.screen(screen).parked = None;
        true
    }

    /// Says it to the journal, for which it waits a while: a journald that is started again, or is
    /// our own unit and not up yet, loses nothing of ours. What it does not take even then is said
    /// where we were started from.
    fn own_to_journal(&mut self, mark: Option<&OwnLine>, line: &OwnLine) -> Advice {
        let now = self.now;
        let mut advice = self.journal.health.advice(now);
        if advice == Advice::Try {
            let said = mark
                .into_iter()
                .chain([line])
                .try_for_each(|line| self.journal_own(line));
            match said {
                Ok(()) => self.journal.health.took(),
                Err(_) => advice = self.journal.health.refused(now).0,
            }
        }
        match advice {
            // Details are only for who leaves them out when reading.
            Advice::Skip if line.level == Severity::Debug => Advice::Try,
            Advice::Skip => self.own_to_screen(Screen::Standard, mark, line),
            advice => advice,
        }
    }

    fn own_to_main(&mut self, mark: Option<&OwnLine>, line: &OwnLine) -> Advice {
        let Some(main) = &mut self.main else {
            return Advice::Skip;
        };
        let (standard, syslog, now) = (&mut self.standard, &mut self.syslog, self.now);
        if let Some(mark) = mark {
            let said = main.say(mark, standard, syslog, now);
            if said != Advice::Try {
                return said;
            }
            self.own_missing = 0;
        }
        main.say(line, standard, syslog, now)
    }

    /// Keeps the main log in another way. What waits for the old one is said to it first, as far as
    /// it takes it.
    pub(in crate::log) fn keep_main_log(&mut self, wanted: MainLog) {
        self.say_own();
        if let Some(main) = &mut self.main {
            main.change(wanted, self.now);
        }
    }

    /// Sends one line of our own to the journal.
    pub(in crate::log) fn journal_own(&mut self, line: &OwnLine) -> io::Result<()> {
        self.journal.send(&Record {
            message: line.text.as_bytes(),
            priority: line.level as u8,
            identifier: own::IDENTIFIER,
            unit: line.unit.as_ref().map(UnitName::as_str),
            pid: Some(self.pid),
            message_id: line.message_id,
            line_break: None,
            facility: None,
            fields: &line.fields,
        })
    }

    /// Formats one line of our own for a console.
    pub(in crate::log) fn own_text(
        &mut self,
        screen: Screen,
        line: &OwnLine,
        time: &str,
        text: &mut Vec<u8>,
    ) {
        let who = Speaker {
            name: own::IDENTIFIER,
            pid: Some(self.pid),
        };
        self.screen(screen).own_line(text, time, who, line);
    }
}
