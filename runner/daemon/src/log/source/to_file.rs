//! An output whose deposit is a log file.

use std::io;
use std::os::fd::AsFd;

use super::{LOOK, Route, Source, Step};
use crate::log::file::{LogFile, Room};
use crate::log::lines::Break;
use crate::log::outlets::Outlets;
use crate::log::own::{IDENTIFIER, OwnLine};
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
        let chunk = out.look(self.pipe.as_fd(), LOOK)?;
        let step = match self.front(&chunk, waiting, out.sight()) {
            Some((cut, rest)) => self.pass_by(&chunk[..cut], rest, out),
            None => Step::Partial,
        };
        out.looked(chunk);
        Ok(step)
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
            return Ok(Step::Moved(moved));
        }
        let chunk = out.look(self.pipe.as_fd(), LOOK)?;
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
        out.publish(&self.unit, &chunk[..moved], rest);
        if rotate
            && moved == wanted
            && let Err(text) = file.rotate_or_grow(&self.unit, out.now)
        {
            out.say(OwnLine::warning(&self.unit, text));
        }
        Ok(Step::Moved(moved))
    }
}
