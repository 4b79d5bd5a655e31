//! One output of one service, on its way from the pipe to where it belongs.

mod to_copy;
mod to_file;

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use units::UnitName;

use super::Stream;
use super::console::{Offered, Speaker};
use super::copied::Copied;
use super::file::LogFile;
use super::journal::Record;
use super::lines::{self, Break, Piece};
use super::manner::{Manner, Verdict};
use super::outlets::{Outlets, Screen};
use super::own::OwnLine;
use super::pipe;
use super::trouble::{Advice, Health, refuse};
use crate::reason::reason;

/// How much one output may move before it is the next one's turn, in bytes spliced to a file.
const BUDGET: usize = 1024 * 1024;
/// How much dearer it is to look at a byte and show it than to splice it unseen.
const SHOWING: usize = 4;
/// How much is looked at in one step.
const LOOK: usize = 64 * 1024;
/// How much is offered to a console in one step: what a stopped one repeats after a kill.
const OFFER: usize = 16 * 1024;

/// Which way an output goes.
#[derive(Debug, Clone)]
pub(super) enum Route {
    /// By splice into this file.
    File(Rc<RefCell<LogFile>>),
    /// Shown in another form while passing by, then into the unit's ring.
    Shown(Show),
    /// Into `/dev/null`.
    Null,
}

/// Who is shown the lines on their way to the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    Nobody,
    Screen(Screen),
    Journal,
}

#[derive(Debug)]
pub(super) struct Source {
    pub(super) token: u64,
    pub(super) unit: UnitName,
    pub(super) stream: Stream,
    pub(super) pipe: OwnedFd,
    /// Device and inode of the pipe.
    pub(super) identity: (u64, u64),
    pub(super) route: Route,
    pub(super) pid: Option<u32>,
    /// All write ends are closed.
    pub(super) hung_up: bool,
    /// What is in the pipe without a newline is not waited for any longer.
    pub(super) ending: bool,
    /// Somebody wants to know when there is no whole line left.
    pub(super) settling: bool,
    /// It is in the writer's queue.
    pub(super) queued: bool,
    /// Another pipe has taken its place; nobody waits for its end.
    pub(super) replaced: bool,
    /// It had much to move since the last look at its pipe's size.
    pub(super) busy: bool,
    pub(super) capacity: usize,
    /// Its bytes are looked into on their way.
    pub(super) copied: Option<Rc<RefCell<Copied>>>,
    /// Of a copied output, the text that is on its way to the log just now.
    pending: Option<Vec<u8>>,
    /// So many bytes at the front of the pipe are with the console already.
    shown: usize,
    /// It keeps what waits for a log file or a journal that takes nothing, as long as its pipe has room.
    pub(super) holding: bool,
    /// So many bytes at the front of the pipe, which it holds, have been told to followers.
    heard: usize,
    /// Lines that passed their sink by since the last mark, and why.
    missing: u64,
    why: String,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// There is more.
    Again,
    /// Nothing to do until something is written.
    Idle,
    /// Its sink takes nothing just now.
    Waiting,
    /// The output has ended.
    Drained,
}

/// What one step of a turn did.
enum Step {
    /// So much of the budget is used up.
    Moved(usize),
    /// There is no whole line yet.
    Partial,
    Waiting,
}

/// What is said where lines were thrown away for being too many.
fn suppressed(lines: u64) -> String {
    format!("{lines} lines were thrown away: more came than log-rate-limit-burst allows")
}

/// What lines passed by, and what ended the last one.
type Front = (usize, Break);

impl Source {
    pub(super) fn new(
        token: u64,
        unit: UnitName,
        stream: Stream,
        pipe: OwnedFd,
        route: Route,
    ) -> io::Result<Source> {
        let identity = pipe::identity(&pipe)?;
        let capacity = pipe::capacity(pipe.as_fd());
        Ok(Source {
            token,
            unit,
            stream,
            pipe,
            identity,
            route,
            pid: None,
            hung_up: false,
            ending: false,
            settling: false,
            queued: false,
            replaced: false,
            busy: false,
            capacity,
            copied: None,
            pending: None,
            shown: 0,
            holding: false,
            heard: 0,
            missing: 0,
            why: String::new(),
        })
    }

    /// Moves what waits, as far as the budget and the sink allow.
    pub(super) fn turn(&mut self, out: &mut Outlets) -> Turn {
        let by_name = matches!(self.route, Route::Shown(Show::Screen(_) | Show::Journal));
        if (by_name || self.copied.is_some()) && out.awaits_pid(&self.unit) {
            return Turn::Waiting;
        }
        if let Some(copied) = self.copied.clone() {
            return self.turn_copied(&mut copied.borrow_mut(), out);
        }
        let mut budget = BUDGET;
        self.holding = false;
        loop {
            let waiting = match pipe::waiting(self.pipe.as_fd()) {
                Ok(0) if self.hung_up => return Turn::Drained,
                Ok(0) => return Turn::Idle,
                Ok(waiting) => waiting,
                // Not a pipe: there will never be anything.
                Err(_) => return Turn::Drained,
            };
            if budget == 0 || out.is_told_more() {
                return Turn::Again;
            }
            self.grow(waiting);
            let route = self.route.clone();
            let step = match &route {
                Route::File(file) => {
                    self.pass_to_file(&mut file.borrow_mut(), waiting, budget, out)
                }
                Route::Shown(show) => self.pass_to_ring(*show, waiting, out),
                Route::Null => Ok(Step::Moved(self.discard(waiting, out))),
            };
            match step {
                Ok(Step::Moved(bytes)) => budget = budget.saturating_sub(bytes.max(1)),
                Ok(Step::Partial) => return Turn::Idle,
                Ok(Step::Waiting) => return Turn::Waiting,
                // The pipe itself cannot be read; the kernel has no such case for a valid one.
                Err(_) => return Turn::Drained,
            }
        }
    }

    /// Gives the writer more room while the pipe may be full.
    fn grow(&mut self, waiting: usize) {
        self.busy |= waiting >= pipe::USUAL / 4;
        if waiting >= pipe::certain(self.capacity) && self.capacity < pipe::LARGEST {
            self.capacity = pipe::resize(self.pipe.as_fd(), self.capacity * 2);
        }
    }

    /// Gives back the room when it was not needed for a while. Says whether any is left to give.
    pub(super) fn shrink(&mut self) -> bool {
        if !std::mem::take(&mut self.busy) && self.capacity > pipe::USUAL {
            self.capacity = pipe::resize(self.pipe.as_fd(), pipe::USUAL);
        }
        self.capacity > pipe::USUAL
    }

    /// Names the process that writes from now on.
    pub(super) fn name(&mut self, pid: Option<u32>) {
        self.pid = pid;
        if let (Some(copied), Some(pid)) = (&self.copied, pid) {
            copied.borrow_mut().mark(pid);
        }
    }

    /// Whether something waits in its pipe.
    pub(super) fn has_more(&self) -> bool {
        pipe::waiting(self.pipe.as_fd()).is_ok_and(|bytes| bytes > 0)
    }

    /// Sends it another way from now on.
    pub(super) fn reroute(&mut self, route: Route) {
        // What a console has been offered is with it; it stays the way for these bytes.
        if self.shown == 0 {
            self.route = route;
        }
    }

    /// Looks at the whole lines at the front. `None`: there is no whole line.
    fn front(&self, chunk: &[u8], waiting: usize, sight: usize) -> Option<Front> {
        let whole = lines::whole(chunk);
        if whole > 0 {
            return Some((whole, Break::Newline));
        }
        if (self.hung_up || self.ending) && chunk.len() >= waiting {
            return Some((chunk.len(), Break::End));
        }
        let longest = lines::LONGEST.min(sight).min(pipe::certain(self.capacity));
        (chunk.len() >= longest).then(|| (chunk.len().min(lines::LONGEST), Break::TooLong))
    }

    fn pass_to_ring(&mut self, show: Show, waiting: usize, out: &mut Outlets) -> io::Result<Step> {
        if self.shown > 0 {
            return Ok(self.unpark(show, out));
        }
        let chunk = out.look(self.pipe.as_fd(), waiting.min(LOOK))?;
        let front = match show {
            // As it comes: what waits for the end of its line may be a question.
            Show::Screen(Screen::Device(_)) => Some((chunk.len(), Break::TooLong)),
            _ => self.front(&chunk, waiting, out.sight()),
        };
        let step = match front {
            Some((cut, rest)) => self.show(show, &chunk[..cut], rest, out),
            None => Step::Partial,
        };
        out.looked(chunk);
        Ok(step)
    }

    /// Shows whole lines, then moves them to the ring.
    fn show(&mut self, show: Show, chunk: &[u8], rest: Break, out: &mut Outlets) -> Step {
        let health = match show {
            Show::Nobody => Health::Well,
            Show::Screen(screen) => out.screen(screen).health,
            Show::Journal => out.journal.health,
        };
        match health.advice(out.now) {
            Advice::Wait => return Step::Waiting,
            Advice::Skip => {
                if self.why.is_empty() {
                    self.why = "nothing took them".to_owned();
                }
                return self.go_round(chunk, rest, out);
            }
            Advice::Try => {}
        }
        match show {
            Show::Nobody => self.deposit(chunk, rest, out),
            Show::Screen(screen) => {
                let cut = match chunk.get(..OFFER) {
                    Some(front) if lines::whole(front) > 0 => lines::whole(front),
                    _ => lines::first(chunk).unwrap_or(chunk.len()),
                };
                let cut = if chunk.len() <= OFFER {
                    chunk.len()
                } else {
                    cut
                };
                self.show_screen(screen, &chunk[..cut], rest, out)
            }
            Show::Journal => self.show_journal(chunk, rest, out),
        }
    }

    fn show_screen(
        &mut self,
        screen: Screen,
        chunk: &[u8],
        rest: Break,
        out: &mut Outlets,
    ) -> Step {
        let mut text = std::mem::take(&mut out.text);
        text.clear();
        let time = out.time();
        if let Some(mark) = self.mark() {
            out.own_text(screen, &mark, &time, &mut text);
        }
        let now = out.now;
        let console = out.screen(screen);
        if console.parked.is_some() {
            out.text = text;
            return Step::Waiting;
        }
        let who = Speaker {
            name: self.unit.as_str(),
            pid: self.pid,
        };
        // A device that is the log of one service gets what that writes.
        let mut manner = out.take_manner(&self.unit);
        let console = out.screen(screen);
        for piece in lines::pieces(chunk, rest) {
            if let Some(held) = manner.as_deref_mut().filter(|_| !console.plain) {
                let (settings, told) = held;
                let (level, _) = settings.read(piece.text);
                match told.verdict(settings, level, now) {
                    Verdict::Drop => continue,
                    Verdict::Tell(0) => {}
                    Verdict::Tell(lost) => {
                        let text_of = suppressed(lost);
                        let note = Piece {
                            text: text_of.as_bytes(),
                            ..piece
                        };
                        console.line(&mut text, &time, who, note);
                    }
                }
            }
            console.line(&mut text, &time, who, piece);
        }
        out.put_manner(&self.unit, manner);
        let console = out.screen(screen);
        let offered = console.offer(&text);
        let step = match offered {
            Offered::Taken => {
                console.health.took();
                self.missing = 0;
                self.deposit(chunk, rest, out)
            }
            Offered::Parked => {
                console.health.refused(now);
                console.parked = Some(self.token);
                self.missing = 0;
                self.shown = chunk.len();
                out.publish(&self.unit, chunk, rest);
                Step::Waiting
            }
            Offered::Refused(error) => {
                let (advice, new) = refuse(&mut out.screen(screen).health, &error, now);
                let what = match screen {
                    Screen::Device(_) => "the log file",
                    Screen::Standard | Screen::File => "the console",
                };
                self.refused(advice, new, what, &error, chunk, rest, out)
            }
        };
        out.text = text;
        step
    }

    /// Goes on with lines of which the console has only a part.
    fn unpark(&mut self, show: Show, out: &mut Outlets) -> Step {
        if let Show::Screen(screen) = show {
            let now = out.now;
            let console = out.screen(screen);
            match console.settle() {
                Ok(()) => console.health.took(),
                Err(error) => match refuse(&mut console.health, &error, now) {
                    (Advice::Try | Advice::Wait, _) => return Step::Waiting,
                    (Advice::Skip, _) => {
                        let lost = console.abandon();
                        self.lose(lost, &error, out);
                    }
                },
            }
            out.screen(screen).parked = None;
        }
        let bytes = std::mem::take(&mut self.shown);
        Step::Moved(self.move_to_ring(bytes, out) * SHOWING)
    }

    fn show_journal(&mut self, chunk: &[u8], rest: Break, out: &mut Outlets) -> Step {
        let mut taken = 0;
        let mut result = Ok(());
        if let Some(mark) = self.mark() {
            result = out.journal_own(&mark);
        }
        if result.is_ok() {
            self.missing = 0;
            let usual = Manner::default();
            let mut manner = out.take_manner(&self.unit);
            for piece in lines::pieces(chunk, rest) {
                let settings = manner.as_ref().map_or(&usual, |held| &held.0);
                let (priority, message) = settings.read(piece.text);
                let told = manner
                    .as_deref_mut()
                    .map_or(Verdict::Tell(0), |(settings, told)| {
                        told.verdict(settings, priority, out.now)
                    });
                let settings = manner.as_ref().map_or(&usual, |held| &held.0);
                let record = Record {
                    message,
                    priority,
                    identifier: settings
                        .identifier
                        .as_deref()
                        .unwrap_or(without_kind(self.unit.as_str())),
                    unit: Some(self.unit.as_str()),
                    pid: self.pid,
                    message_id: None,
                    line_break: piece.ended.word(),
                    facility: Some(settings.facility),
                    fields: &settings.fields,
                };
                result = match told {
                    Verdict::Drop => Ok(()),
                    Verdict::Tell(0) => out.journal.send(&record),
                    Verdict::Tell(lost) => {
                        let text = suppressed(lost);
                        let note = Record {
                            message: text.as_bytes(),
                            ..record
                        };
                        out.journal
                            .send(&note)
                            .and_then(|()| out.journal.send(&record))
                    }
                };
                if result.is_err() {
                    break;
                }
                taken += piece.bytes;
            }
            out.put_manner(&self.unit, manner);
        }
        let (sent, left) = chunk.split_at(taken);
        let sent_rest = if left.is_empty() {
            rest
        } else {
            Break::Newline
        };
        match result {
            Ok(()) => {
                out.journal.health.took();
                self.deposit(sent, sent_rest, out)
            }
            Err(_) if taken > 0 => {
                out.journal.health.took();
                self.deposit(sent, sent_rest, out)
            }
            Err(error) => {
                // Even one that is not there may be back in a moment; one that is and takes nothing, as
                // while it is started again, will be.
                let busy = error.kind() == io::ErrorKind::WouldBlock;
                let (advice, new) = out.journal.health.refused_as(busy, out.now);
                self.refused(advice, new, "the journal", &error, left, rest, out)
            }
        }
    }

    /// The sink did not take these lines.
    #[expect(
        clippy::too_many_arguments,
        reason = "it is the end of two functions, not an interface"
    )]
    fn refused(
        &mut self,
        advice: Advice,
        new: bool,
        sink: &str,
        error: &io::Error,
        chunk: &[u8],
        rest: Break,
        out: &mut Outlets,
    ) -> Step {
        if advice != Advice::Skip {
            return Step::Waiting;
        }
        self.why = reason(error);
        if new {
            let text = format!(
                "{sink} takes no lines: {}; they are kept in memory",
                self.why
            );
            out.say(OwnLine {
                unit: None,
                ..OwnLine::warning(&self.unit, text)
            });
        }
        self.go_round(chunk, rest, out)
    }

    /// Lets these lines pass their sink by, unless it is a journal that may take them later, and they
    /// can wait for it.
    fn go_round(&mut self, chunk: &[u8], rest: Break, out: &mut Outlets) -> Step {
        let waiting = pipe::waiting(self.pipe.as_fd()).unwrap_or(usize::MAX);
        let may_wait = self.is_for_journal() && out.journal.health.may_recover();
        match may_wait && self.can_hold(waiting, out) {
            true => self.hold(out),
            false => self.pass_by(chunk, rest, out),
        }
    }

    fn is_for_journal(&self) -> bool {
        self.copied.is_none() && matches!(self.route, Route::Shown(Show::Journal))
    }

    /// Lets these lines pass their sink by.
    fn pass_by(&mut self, chunk: &[u8], rest: Break, out: &mut Outlets) -> Step {
        let lost = lines::count(chunk);
        self.missing += lost;
        out.log_of(&self.unit).missing += lost;
        self.deposit(chunk, rest, out)
    }

    fn lose(&mut self, lost: u64, error: &io::Error, out: &mut Outlets) {
        self.missing += lost;
        self.why = reason(error);
        out.log_of(&self.unit).missing += lost;
    }

    /// What to write where lines are missing.
    fn mark(&self) -> Option<OwnLine> {
        (self.missing > 0).then(|| {
            let lines = if self.missing == 1 { "line" } else { "lines" };
            let text = format!(
                "{} {lines} of {} missing here: {}",
                self.missing, self.unit, self.why
            );
            OwnLine::warning(&self.unit, text)
        })
    }

    /// Moves lines that have been shown to their deposit, the ring.
    fn deposit(&mut self, chunk: &[u8], rest: Break, out: &mut Outlets) -> Step {
        self.tell(chunk, rest, out);
        Step::Moved(self.move_to_ring(chunk.len(), out) * SHOWING)
    }

    fn move_to_ring(&mut self, bytes: usize, out: &mut Outlets) -> usize {
        if let Some(pending) = &mut self.pending {
            let bytes = bytes.min(pending.len());
            if let Ok(ring) = out.ring(&self.unit) {
                // No memory for the ring: the sink has it, only `runnerctl logs` will not.
                let _ = ring.put(&pending[..bytes]);
            }
            pending.drain(..bytes);
            return bytes;
        }
        let kept = match out.ring(&self.unit) {
            Ok(ring) => ring.take(self.pipe.as_fd(), bytes),
            Err(error) => Err(error),
        };
        match kept {
            Ok(moved) => moved,
            // No memory for the ring: the sink has them, only `runnerctl logs` will not.
            Err(_) => self.discard(bytes, out),
        }
    }

    fn discard(&self, bytes: usize, out: &Outlets) -> usize {
        pipe::splice(self.pipe.as_fd(), out.null.as_fd(), Some(0), bytes).unwrap_or(0)
    }

    /// The output has ended: ends its last line in the ring, and marks what is still missing.
    pub(super) fn end(&mut self, out: &mut Outlets) {
        let mark = self.mark();
        match &self.route {
            Route::File(file) => {
                if let Some(mark) = mark {
                    let text = format!("{}: {}", super::own::IDENTIFIER, mark.text);
                    // Whether the disk is still full is told by the losses.
                    let _ = file.borrow_mut().mark(&text, out.now);
                }
            }
            Route::Shown(_) => {
                if let Some(ring) = out.ring_if_any(&self.unit) {
                    // Only the look of a line is at stake.
                    let _ = ring.end_line();
                }
                if let Some(mark) = mark {
                    out.say(mark);
                }
            }
            Route::Null => {}
        }
    }
}

/// A unit's name without `.service`: what syslog calls the program.
fn without_kind(unit: &str) -> &str {
    unit.rsplit_once('.').map_or(unit, |(name, _kind)| name)
}
