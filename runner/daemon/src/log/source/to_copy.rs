//! An output that is copied: from the pipe to its spool, and from there to the log.

use std::io;
use std::os::fd::AsFd;

use super::{BUDGET, LOOK, Route, SHOWING, Show, Source, Step, Turn};
use crate::log::copied::Copied;
use crate::log::file::{LogFile, Room};
use crate::log::lines::{self, Break};
use crate::log::outlets::{Outlets, Screen};
use crate::log::own::{IDENTIFIER, OwnLine};
use crate::log::pipe;
use crate::log::trouble::Advice;

/// How much goes from the pipe to the spool at once.
const TAKEN: usize = 32 * 1024;

impl Source {
    /// Moves what waits, as far as the budget, the log and those who tap it allow.
    pub(super) fn turn_copied(&mut self, copied: &mut Copied, out: &mut Outlets) -> Turn {
        let mut budget = BUDGET;
        loop {
            let logged = self.log_pending(copied, out);
            let up_to_date = copied.tell_taps();
            if logged {
                match copied.feed() {
                    Ok(true) => continue,
                    Ok(false) => {}
                    // No memory to read it into: it stays where it is.
                    Err(_) => return Turn::Waiting,
                }
            }
            let waiting = match pipe::waiting(self.pipe.as_fd()) {
                Ok(0) | Err(_) if !logged || !up_to_date => return Turn::Waiting,
                Ok(0) | Err(_) => {
                    // The run is over: what looked like the beginning of something is none.
                    if self.hung_up || self.ending || self.settling {
                        copied.finish();
                        let logged = self.log_pending(copied, out);
                        if !logged || !copied.tell_taps() {
                            return Turn::Waiting;
                        }
                    }
                    return if self.hung_up {
                        Turn::Drained
                    } else {
                        Turn::Idle
                    };
                }
                Ok(waiting) => waiting,
            };
            if !logged {
                return Turn::Waiting;
            }
            if budget == 0 || out.is_told_more() {
                return Turn::Again;
            }
            self.grow(waiting);
            let room = copied.room().min(TAKEN);
            if room == 0 {
                return Turn::Waiting;
            }
            match copied.spool.take(self.pipe.as_fd(), waiting.min(room)) {
                Ok(moved) => budget = budget.saturating_sub(moved.max(1) * SHOWING),
                Err(_) => return Turn::Waiting,
            }
        }
    }

    /// Brings the pending text to the log. Says whether the log takes more.
    fn log_pending(&mut self, copied: &mut Copied, out: &mut Outlets) -> bool {
        for piece in std::mem::take(&mut copied.pending.main_log) {
            out.say_output(&self.unit, self.stream, &piece);
        }
        let last = self.hung_up || self.ending;
        if !out.syslog_lines(&self.unit, &mut copied.pending.syslog, last) {
            return false;
        }
        if copied.pending.log.is_empty() && self.shown == 0 {
            copied.before = None;
            copied.logged(0, self.standing(out));
            return true;
        }
        let route = self.route.clone();
        loop {
            let before = copied.pending.log.len();
            let step = match &route {
                Route::File(file) => self.pending_to_file(&mut file.borrow_mut(), copied, out),
                Route::Shown(show) => self.pending_to_show(*show, copied, out),
                Route::Null => {
                    copied.pending.log.clear();
                    Step::Moved(before)
                }
            };
            let moved = match step {
                Step::Moved(bytes) => bytes.min(before - copied.pending.log.len()),
                Step::Partial | Step::Waiting => 0,
            };
            copied.logged(moved, self.standing(out));
            match step {
                Step::Moved(_) if copied.pending.log.is_empty() => return true,
                Step::Moved(_) => {}
                // A line has no end yet; more of it may come, but not without bound.
                Step::Partial => return true,
                Step::Waiting => return false,
            }
        }
    }

    /// Which file the log is, and how long, where it is one.
    fn standing(&self, out: &Outlets) -> Option<((u64, u64), u64)> {
        match &self.route {
            Route::File(file) => file.borrow_mut().standing(out.now).ok(),
            Route::Shown(_) | Route::Null => None,
        }
    }

    fn pending_to_show(&mut self, show: Show, copied: &mut Copied, out: &mut Outlets) -> Step {
        self.pending = Some(std::mem::take(&mut copied.pending.log));
        let step = self.show_pending(show, out);
        copied.pending.log = self.pending.take().unwrap_or_default();
        step
    }

    fn show_pending(&mut self, show: Show, out: &mut Outlets) -> Step {
        if self.shown > 0 {
            return self.unpark(show, out);
        }
        let chunk = self.pending.clone().unwrap_or_default();
        let front = match show {
            Show::Screen(Screen::Device(_)) => Some((chunk.len(), Break::TooLong)),
            _ => self.front_of_pending(&chunk),
        };
        match front {
            Some((cut, rest)) => self.show(show, &chunk[..cut], rest, out),
            None => Step::Partial,
        }
    }

    fn front_of_pending(&self, chunk: &[u8]) -> Option<(usize, Break)> {
        let whole = lines::whole(chunk);
        if whole > 0 {
            return Some((whole.min(LOOK), Break::Newline));
        }
        if self.hung_up || self.ending {
            return Some((chunk.len(), Break::End));
        }
        (chunk.len() >= lines::LONGEST).then_some((lines::LONGEST, Break::TooLong))
    }

    fn pending_to_file(
        &mut self,
        file: &mut LogFile,
        copied: &mut Copied,
        out: &mut Outlets,
    ) -> Step {
        let advice = file.health.advice(out.now);
        if advice == Advice::Wait {
            return Step::Waiting;
        }
        if advice == Advice::Try {
            match self.try_pending(file, copied, out) {
                Ok(step) => {
                    file.health.took();
                    return step;
                }
                Err(error) => {
                    if self.file_refused(file, &error, out) == Advice::Wait {
                        return Step::Waiting;
                    }
                }
            }
        }
        let chunk = std::mem::take(&mut copied.pending.log);
        self.pending = Some(chunk.clone());
        let step = self.pass_by(&chunk, Break::TooLong, out);
        copied.pending.log = self.pending.take().unwrap_or_default();
        step
    }

    fn try_pending(
        &mut self,
        file: &mut LogFile,
        copied: &mut Copied,
        out: &mut Outlets,
    ) -> io::Result<Step> {
        if let Some(note) = copied.before.take() {
            let there = file.already(note.file, note.length, &copied.pending.log, out.now)?;
            copied.drop_front(there);
            copied.logged(0, file.standing(out.now).ok());
            return Ok(Step::Moved(0));
        }
        if let Some(mark) = self.mark() {
            file.mark(&format!("{}: {}", IDENTIFIER, mark.text), out.now)?;
            self.missing = 0;
        }
        // Who follows is told whole lines.
        let (cut, rest) = if out.has_subscriber(&self.unit) {
            match self.front_of_pending(&copied.pending.log) {
                Some(front) => front,
                None => return Ok(Step::Partial),
            }
        } else {
            (copied.pending.log.len(), Break::TooLong)
        };
        let (wanted, rotate) = match file.fit(&copied.pending.log[..cut], out.now)? {
            Room::Bytes(bytes) => (bytes, false),
            Room::ThenRotate(bytes) => (bytes, true),
        };
        let put = file.put(&copied.pending.log[..wanted], out.now)?;
        let put_rest = if put == cut { rest } else { Break::TooLong };
        out.publish(&self.unit, &copied.pending.log[..put], put_rest);
        copied.pending.log.drain(..put);
        if rotate && put == wanted {
            copied.logged(put, file.standing(out.now).ok());
            if let Err(text) = file.rotate_or_grow(&self.unit, out.now) {
                out.say(OwnLine::warning(&self.unit, text));
            }
            // It is noted already: to the caller nothing has gone.
            return Ok(Step::Moved(0));
        }
        Ok(Step::Moved(put))
    }
}
