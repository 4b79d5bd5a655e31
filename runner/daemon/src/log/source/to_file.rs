//! An output whose deposit is a log file.

use std::io;
use std::os::fd::AsFd;

use super::{LOOK, Route, Source, Step};
use crate::log::file::{LogFile, Room};
use crate::log::lines::{self, Break};
use crate::log::outlets::Outlets;
use crate::log::own::{IDENTIFIER, OwnLine};
use crate::log::pipe;
use crate::log::trouble::{Advice, refuse};
use crate::reason::reason;

impl Source {
    /// Moves what waits to the file, or past it.
    pub(super) fn pass_to_file(
        &mut self,
        file: &mut LogFile,
        waiting: usize,
        budget: usize,
        out: &mut Outlets,
    ) -> io::Result<Step> {
        let advice = file.health.advice(out.now);
        if advice == Advice::Wait {
            return Ok(Step::Waiting);
        }
        if advice == Advice::Try {
            match self.try_file(file, waiting, budget, out) {
                Ok(step) => {
                    file.health.took();
                    return Ok(step);
                }
                Err(error) => {
                    if self.file_refused(file, &error, out) == Advice::Wait {
                        return Ok(Step::Waiting);
                    }
                }
            }
        }
        if file.health.may_recover() && self.can_hold(waiting, out) {
            return Ok(self.hold(out));
        }
        let chunk = out.look(self.pipe.as_fd(), waiting.min(LOOK))?;
        let step = match self.front(&chunk, waiting, out.sight()) {
            Some((cut, rest)) => self.pass_by(&chunk[..cut], rest, out),
            None => Step::Partial,
        };
        out.looked(chunk);
        Ok(step)
    }

    /// Leaves what waits where it is; who follows it knows it by then.
    pub(super) fn hold(&mut self, out: &mut Outlets) -> Step {
        self.holding = true;
        if out.has_subscriber(&self.unit) {
            let held = self.tell_held(out);
            out.looked(held);
        }
        Step::Waiting
    }

    /// Whether what waits may stay where it is until the sink takes it: nobody is held up while the
    /// pipe has room, and nothing is lost. No more than one look shows, so that it can be shown to
    /// those who ask; not at the end of a run, which may wait for its last lines to be moved.
    pub(super) fn can_hold(&self, waiting: usize, out: &Outlets) -> bool {
        let ending = self.hung_up || self.ending || self.settling || self.replaced;
        !ending && waiting < pipe::certain(self.capacity).min(out.sight())
    }

    /// The whole lines that wait for a log file or the journal, which takes none now; who follows it
    /// knows them by then. The buffer goes back with [`Outlets::looked`].
    pub(in crate::log) fn held(&mut self, out: &mut Outlets) -> Vec<u8> {
        match &self.route {
            Route::File(file) if self.copied.is_none() && !file.borrow().health.is_well() => {
                self.tell_held(out)
            }
            Route::Shown(_) if self.is_for_journal() && !out.journal.health.is_well() => {
                self.tell_held(out)
            }
            _ => Vec::new(),
        }
    }

    /// Tells followers the whole lines that wait, each once, and gives all of them.
    fn tell_held(&mut self, out: &mut Outlets) -> Vec<u8> {
        // What cannot be looked at now is told when it leaves the pipe.
        let mut held = out
            .look(self.pipe.as_fd(), pipe::LARGEST)
            .unwrap_or_default();
        held.truncate(lines::whole(&held));
        if let Some(new) = held.get(self.heard..) {
            out.publish(&self.unit, new, Break::Newline);
            self.heard = held.len();
        }
        held
    }

    /// Tells followers the front of the pipe, which is about to leave it or just has, as far as
    /// they have not heard it while it was held.
    pub(super) fn tell(&mut self, chunk: &[u8], rest: Break, out: &mut Outlets) {
        let heard = self.heard.min(chunk.len());
        self.heard -= heard;
        out.publish(&self.unit, &chunk[heard..], rest);
    }

    pub(super) fn file_refused(
        &mut self,
        file: &mut LogFile,
        error: &io::Error,
        out: &mut Outlets,
    ) -> Advice {
        let (advice, new) = refuse(&mut file.health, error, out.now);
        if advice == Advice::Skip {
            self.why = reason(error);
        }
        if new {
            let text = format!(
                "cannot write to log file {} of {}: {}; lines are kept in memory",
                file.sink.path.display(),
                self.unit,
                self.why
            );
            out.say(OwnLine::warning(&self.unit, text));
        }
        advice
    }

    /// Makes the log file now, so that it exists while there is nothing to say, and so that what is
    /// wrong with it is told at the start.
    pub(in crate::log) fn prepare(&mut self, out: &mut Outlets) {
        if let Route::File(file) = self.route.clone() {
            let mut file = file.borrow_mut();
            if let Err(error) = file.takes_all(0, out.now) {
                self.file_refused(&mut file, &error, out);
            }
        }
    }

    fn try_file(
        &mut self,
        file: &mut LogFile,
        waiting: usize,
        budget: usize,
        out: &mut Outlets,
    ) -> io::Result<Step> {
        if let Some(mark) = self.mark() {
            file.mark(&format!("{}: {}", IDENTIFIER, mark.text), out.now)?;
            self.missing = 0;
        }
        if !out.has_subscriber(&self.unit) && file.takes_all(waiting, out.now)? {
            let moved = file.take(self.pipe.as_fd(), waiting.min(budget), out.now)?;
            self.heard = self.heard.saturating_sub(moved);
            return Ok(Step::Moved(moved));
        }
        let chunk = out.look(self.pipe.as_fd(), waiting.min(LOOK))?;
        let step = match self.front(&chunk, waiting, out.sight()) {
            Some((cut, rest)) => self.file_lines(file, &chunk[..cut], rest, out),
            None => Ok(Step::Partial),
        };
        out.looked(chunk);
        step
    }

    /// Moves whole lines to the file, and rotates it where it is full.
    fn file_lines(
        &mut self,
        file: &mut LogFile,
        chunk: &[u8],
        rest: Break,
        out: &mut Outlets,
    ) -> io::Result<Step> {
        let (wanted, rotate) = match file.fit(chunk, out.now)? {
            Room::Bytes(bytes) => (bytes, false),
            Room::ThenRotate(bytes) => (bytes, true),
        };
        let mut moved = 0;
        while moved < wanted {
            match file.take(self.pipe.as_fd(), wanted - moved, out.now) {
                Ok(0) => break,
                Ok(now) => moved += now,
                // What is in the file is in the file; the error comes again at the next move.
                Err(_) if moved > 0 => break,
                Err(error) => return Err(error),
            }
        }
        let rest = if moved == chunk.len() {
            rest
        } else {
            Break::TooLong
        };
        self.tell(&chunk[..moved], rest, out);
        if rotate
            && moved == wanted
            && let Err(text) = file.rotate_or_grow(&self.unit, out.now)
        {
            out.say(OwnLine::warning(&self.unit, text));
        }
        Ok(Step::Moved(moved))
    }
}
