//! The log writer: one thread, one epoll, each output in its turn.

mod taps;

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use units::UnitName;

use super::bell::Bell;
use super::clearing;
use super::console::Console;
use super::copied::{Copied, Copying};
use super::device;
use super::file::{self, LogFile};
use super::journal::{self, Journal};
use super::lines;
use super::manner::Manner;
use super::outlets::{Outlets, Pollable, Screen, Target};
use super::own::{OwnLine, Severity};
use super::pipe;
use super::source::{Route, Show, Source, Turn};
use super::syslog::{self, Syslog};
use super::trouble::{RETRY, REVIVE};
use super::ways::Ways;
use super::{
    Command, FileSink, Follow, INTRODUCTION, Line, LogEvent, LogTarget, Losses, Sink, Stream,
};
use crate::link::Holder;
use crate::reason::reason;

/// What epoll says for the command queue.
const WAKE: u64 = 0;
/// What epoll says for sinks.
const SINKS: [(u64, Pollable); 2] = [(1, Pollable::Standard), (2, Pollable::Journal)];
/// The first token of an output.
const FIRST: u64 = 3;
/// How long a pipe keeps its size without need.
const SHRINK_AFTER: Duration = Duration::from_secs(1);

/// What the log writer has to know of the place it works in.
#[derive(Debug)]
pub(super) struct Surroundings {
    pub(super) target: LogTarget,
    /// Where journald listens.
    pub(super) journal: PathBuf,
    /// Where syslogd listens.
    pub(super) syslog: PathBuf,
    /// In place of our standard output.
    pub(super) standard: Option<Console>,
    /// The pid that the world knows us by: the keeper's, our parent's.
    pub(super) pid: u32,
    /// Who keeps rings over our end.
    pub(super) holder: Option<Holder>,
    /// How long lines of a new process wait for its pid.
    pub(super) introduction: Duration,
}

impl Surroundings {
    pub(super) fn new(target: LogTarget, holder: Option<Holder>) -> Surroundings {
        Surroundings {
            target,
            journal: PathBuf::from(journal::SOCKET),
            syslog: PathBuf::from(syslog::SOCKET),
            standard: None,
            pid: std::os::unix::process::parent_id(),
            holder,
            introduction: INTRODUCTION,
        }
    }
}

#[derive(Debug)]
struct Writer {
    events: UnboundedSender<LogEvent>,
    commands: Receiver<Command>,
    epoll: Epoll,
    bell: Arc<Bell>,
    /// How long lines of a new process wait for its pid.
    introduction: Duration,
    out: Outlets,
    /// In boxes: a table keeps room for more than are in it, and these are large.
    sources: HashMap<u64, Box<Source>>,
    next: u64,
    /// Outputs that may have something to move.
    ready: VecDeque<u64>,
    /// Outputs whose sink takes nothing just now.
    waiting: Vec<u64>,
    /// When to let these try again.
    retry_at: Option<Instant>,
    /// Outputs whose pipe is larger than usual, and when to look at them.
    grown: Vec<u64>,
    shrink_at: Option<Instant>,
    /// Open log files: units may share one.
    files: HashMap<PathBuf, Weak<RefCell<LogFile>>>,
    flushes: Vec<oneshot::Sender<()>>,
    /// Outputs that are copied.
    copied: HashMap<(UnitName, Stream), Rc<RefCell<Copied>>>,
    /// Who wants to tap outputs that there are not yet.
    early: Vec<Early>,
    /// Outputs whose readers are behind, though perhaps no pipe is.
    behind: Vec<Weak<RefCell<Copied>>>,
    /// Who waits until these outputs have been read to the end.
    drains: Vec<(UnitName, oneshot::Sender<()>)>,
}

/// Somebody who wants to tap an output that there is not yet.
#[derive(Debug)]
struct Early {
    unit: UnitName,
    stream: Stream,
    from: Option<u64>,
    to: tokio::sync::mpsc::Sender<control::Chunk>,
}

/// Starts the thread. Everything it needs is made first, so that a failure is the caller's to see.
pub(super) fn start(
    surroundings: Surroundings,
    events: UnboundedSender<LogEvent>,
    commands: Receiver<Command>,
    bell: Arc<Bell>,
    ways: Ways,
) -> io::Result<()> {
    let journal = Journal::new(surroundings.journal, surroundings.pid);
    let mut out = Outlets::new(
        surroundings.target,
        surroundings.standard,
        journal,
        Syslog::new(surroundings.syslog),
        surroundings.pid,
        ways,
    )?;
    out.holder = surroundings.holder;
    out.prepare();
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&*bell, EpollEvent::new(EpollFlags::EPOLLIN, WAKE))?;
    std::thread::Builder::new()
        .name("logs".into())
        .spawn(move || {
            // Files are shared by reference count, which stays in this thread.
            let writer = Writer {
                events,
                commands,
                epoll,
                bell,
                introduction: surroundings.introduction,
                out,
                sources: HashMap::new(),
                next: FIRST,
                ready: VecDeque::new(),
                waiting: Vec::new(),
                retry_at: None,
                grown: Vec::new(),
                shrink_at: None,
                files: HashMap::new(),
                flushes: Vec::new(),
                copied: HashMap::new(),
                early: Vec::new(),
                behind: Vec::new(),
                drains: Vec::new(),
            };
            writer.run();
        })?;
    Ok(())
}

impl Writer {
    fn run(mut self) {
        let mut events = [EpollEvent::empty(); 64];
        loop {
            self.watch_sinks();
            let count = match self.epoll.wait(&mut events, self.timeout()) {
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => 0,
                // Only a bad descriptor or pointer: nothing to wait for any more.
                Err(_) => return,
            };
            self.out.now = Instant::now();
            for event in events.iter().take(count) {
                match event.data() {
                    WAKE => {
                        self.bell.heard();
                    }
                    token => match SINKS.iter().find(|(known, _)| *known == token) {
                        Some((_, sink)) => {
                            self.out.unblocked(*sink);
                            self.retry();
                        }
                        None => self.stir(token, event.events()),
                    },
                }
            }
            if !self.obey() {
                return;
            }
            if self.retry_at.is_some_and(|at| self.out.now >= at) {
                self.retry();
            }
            self.out.say_own();
            for _ in 0..self.ready.len() {
                if let Some(token) = self.ready.pop_front() {
                    self.turn(token);
                }
            }
            self.out.say_own();
            self.shrink();
            self.answer_flushes();
            self.answer_drains();
        }
    }

    fn timeout(&self) -> EpollTimeout {
        if !self.ready.is_empty() {
            return EpollTimeout::ZERO;
        }
        let own = self.out.has_own().then_some(RETRY);
        let now = Instant::now();
        let until = |at: Instant| at.saturating_duration_since(now);
        let others = [self.retry_at.map(until), self.shrink_at.map(until)];
        match own.into_iter().chain(others.into_iter().flatten()).min() {
            // Rounded up: to wake a moment too early would be to wake twice.
            Some(wait) => EpollTimeout::try_from(wait + Duration::from_millis(1))
                .unwrap_or(EpollTimeout::ZERO),
            None => EpollTimeout::NONE,
        }
    }

    /// Does what was commanded. Says whether to go on: not when nobody can command any more.
    fn obey(&mut self) -> bool {
        loop {
            match self.commands.try_recv() {
                Ok(command) => self.command(command),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn command(&mut self, command: Command) {
        // A receiver that is gone does not want the answer any more.
        match command {
            Command::Manner(unit, manner) => self.manner(&unit, manner),
            Command::Follow(follow) => {
                self.follow(*follow);
                self.out.ways_obeyed += 1;
            }
            Command::Pid { unit, pid } => {
                self.out.log_of(&unit).introduced = None;
                for token in self.out.sources(&unit) {
                    if let Some(source) = self.sources.get_mut(&token) {
                        source.name(pid);
                    }
                    self.enqueue(token);
                }
            }
            Command::Starting(unit) => {
                for token in self.out.sources(&unit) {
                    // What is in the pipe by now, the process before has written, if there was one.
                    let source = self.sources.get(&token);
                    if source.is_some_and(|source| source.pid.is_some()) {
                        self.turn(token);
                    }
                }
                let until = self.out.now + self.introduction;
                self.out.log_of(&unit).introduced = Some(until);
            }
            Command::Forget(unit) => self.forget(&unit),
            Command::Tail { unit, lines, reply } => {
                let _ = reply.send(self.tail(&unit, lines));
            }
            Command::Subscribe { units, lines, to } => {
                let past = units.iter().flat_map(|unit| self.tail(unit, lines));
                let past = past.collect();
                self.out.subscribe(units, past, to);
            }
            Command::Losses { unit, reply } => {
                let _ = reply.send(Losses {
                    lines: self.out.missing(&unit),
                });
            }
            Command::Own(line) => self.out.say(line),
            Command::Reopen => {
                self.out.reopen();
                for file in self.files.values().filter_map(Weak::upgrade) {
                    let mut file = file.borrow_mut();
                    file.reopen();
                    // Who moved it away finds a new one at once. What is wrong with it shows at the
                    // next line.
                    let _ = file.takes_all(0, self.out.now);
                }
            }
            Command::MainLog(wanted) => self.out.keep_main_log(wanted),
            Command::OwnTarget(target) => self.out.say_own_on(target),
            Command::Make(files) => {
                // A terminal or a pipe is there or is not: nobody makes it.
                let is_file = |sink: &FileSink| device::of(&sink.path).is_none();
                for sink in files.into_iter().filter(is_file) {
                    if let Err(error) = file::make(&sink) {
                        let path = sink.path.display();
                        self.out.say(OwnLine::about_us(
                            Severity::Warning,
                            format!("cannot make log file {path}: {}", reason(&error)),
                        ));
                    }
                }
            }
            Command::CleanUp {
                directory,
                identifier,
            } => {
                if let Err(error) = clearing::clean_up(&directory, &identifier) {
                    let shown = directory.display();
                    self.out.say(OwnLine::about_us(
                        Severity::Warning,
                        format!("cannot clear old log files in {shown}: {}", reason(&error)),
                    ));
                }
            }
            Command::Clear { files, reply } => {
                let _ = reply.send(self.clear(&files));
            }
            Command::Remember { unit, ring, file } => {
                self.take_up(&unit, ring);
                self.out.log_of(&unit).file = file;
            }
            Command::Settle(unit) => {
                for token in self.out.sources(&unit) {
                    if let Some(source) = self.sources.get_mut(&token) {
                        source.settling = true;
                        self.enqueue(token);
                    }
                }
            }
            Command::Tap {
                unit,
                stream,
                from,
                to,
            } => self.tap(Early {
                unit,
                stream,
                from,
                to,
            }),
            Command::Drain { unit, reply } => {
                for token in self.out.sources(&unit) {
                    self.enqueue(token);
                }
                self.drains.push((unit, reply));
            }
            Command::Spool {
                unit,
                stream,
                copying,
                memory,
            } => drop(self.copy(&unit, stream, copying, Some(memory))),
            Command::Flush { finish, reply } => {
                let all: Vec<u64> = self.sources.keys().copied().collect();
                for token in all {
                    if let Some(source) = self.sources.get_mut(&token) {
                        source.ending |= finish;
                    }
                    self.enqueue(token);
                }
                self.flushes.push(reply);
            }
        }
    }

    /// The last lines of a unit, those included that wait for a log file to take them: others who
    /// follow it know them by then.
    fn tail(&mut self, unit: &UnitName, wanted: usize) -> Vec<Line> {
        for token in self.out.sources(unit) {
            // What has been written by now belongs to it, above all what a manager before us held:
            // who follows has heard that.
            self.turn(token);
        }
        let mut last = self.out.tail(unit, wanted);
        for token in self.out.sources(unit) {
            if let Some(source) = self.sources.get_mut(&token) {
                let held = source.held(&mut self.out);
                let texts = lines::last(&held, wanted, true);
                self.out.looked(held);
                last.extend(texts.into_iter().map(|text| Line {
                    unit: unit.clone(),
                    text,
                }));
            }
        }
        last.split_off(last.len().saturating_sub(wanted))
    }

    fn clear(&mut self, files: &[FileSink]) -> Result<(), String> {
        let mut result = Ok(());
        for sink in files {
            if device::of(&sink.path).is_some() {
                continue;
            }
            if let Err(error) = clearing::remove(sink) {
                let path = sink.path.display();
                result = Err(format!("cannot delete {path}: {}", reason(&error)));
            }
            self.out.cleared(&sink.path);
            if let Some(file) = self.files.get(&sink.path).and_then(Weak::upgrade) {
                let mut file = file.borrow_mut();
                file.reopen();
                // What is wrong with it shows at the next line.
                let _ = file.takes_all(0, self.out.now);
            }
        }
        result
    }

    fn take_up(&mut self, unit: &UnitName, ring: Option<OwnedFd>) {
        if let Some(ring) = ring
            && let Err(error) = self.out.log_of(unit).take_up(ring)
        {
            let text = format!("cannot use the ring of {unit}: {}", reason(&error));
            self.out.say(OwnLine::warning(unit, text));
        }
    }

    fn manner(&mut self, unit: &UnitName, manner: Option<Box<Manner>>) {
        let log = self.out.log_of(unit);
        let told = log.manner.take().map(|held| held.1).unwrap_or_default();
        // What was told lately counts on over restarts.
        log.manner = manner.map(|manner| Box::new((*manner, told)));
    }

    fn follow(&mut self, follow: Follow) {
        let Follow {
            unit,
            stream,
            read_end,
            sink,
            ring,
            copy,
            pid,
        } = follow;
        self.out.log_of(&unit).leaving = false;
        let copied = copy.and_then(|(copying, memory)| self.copy(&unit, stream, copying, memory));
        self.take_up(&unit, ring);
        let file = match &sink {
            Sink::File(file) => Some(file.clone()),
            _ => None,
        };
        let route = self.route(sink);
        if stream == Stream::Out {
            let is_file = matches!(route, Route::File(_));
            self.out.log_of(&unit).file = file.filter(|_| is_file);
        }
        let known = pipe::identity(&read_end).ok();
        for token in self.out.sources(&unit) {
            let Some(source) = self.sources.get_mut(&token) else {
                continue;
            };
            if source.stream == stream && !source.replaced {
                if Some(source.identity) == known {
                    source.reroute(route);
                    // One that is not to be copied any more goes the same way as it is.
                    if copied.is_some() {
                        source.copied = copied;
                    } else if let Some(copied) = &source.copied {
                        copied.borrow_mut().change(Copying::default());
                    }
                    source.name(pid);
                    self.enqueue(token);
                    return;
                }
                source.replaced = true;
            }
        }
        let token = self.next;
        self.next += 1;
        let added = Source::new(token, unit.clone(), stream, read_end, route).and_then(|source| {
            let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
            self.epoll
                .add(&source.pipe, EpollEvent::new(flags, token))?;
            Ok(Box::new(source))
        });
        match added {
            Ok(mut source) => {
                source.copied = copied;
                source.name(pid);
                source.prepare(&mut self.out);
                if source.capacity > pipe::USUAL {
                    self.grown.push(token);
                }
                self.sources.insert(token, source);
                self.out.log_of(&unit).sources.push(token);
                self.enqueue(token);
            }
            Err(error) => {
                let text = format!("cannot follow the output of {unit}: {}", reason(&error));
                self.out.say(OwnLine::warning(&unit, text));
            }
        }
    }

    fn route(&mut self, sink: Sink) -> Route {
        match sink {
            Sink::File(sink) => match device::of(&sink.path) {
                None => Route::File(self.file(sink)),
                Some(device) => match self.out.device(device) {
                    Ok(screen) => Route::Shown(Show::Screen(screen)),
                    Err(error) => {
                        let path = sink.path.display();
                        self.out.say(OwnLine::about_us(
                            Severity::Warning,
                            format!(
                                "cannot write to {path}: {}; lines are kept in memory",
                                reason(&error)
                            ),
                        ));
                        Route::Shown(Show::Nobody)
                    }
                },
            },
            Sink::Journal => Route::Shown(Show::Journal),
            Sink::Console => Route::Shown(Show::Screen(Screen::Standard)),
            Sink::Target => match self.out.target {
                Target::Screen(screen) => Route::Shown(Show::Screen(screen)),
                Target::Journal => Route::Shown(Show::Journal),
                Target::Main => Route::Shown(Show::Nobody),
            },
            Sink::Ring => Route::Shown(Show::Nobody),
            Sink::Null => Route::Null,
        }
    }

    /// The open file of a path; the last one to follow decides about its settings.
    fn file(&mut self, sink: FileSink) -> Rc<RefCell<LogFile>> {
        self.files.retain(|_, file| file.strong_count() > 0);
        if let Some(file) = self.files.get(&sink.path).and_then(Weak::upgrade) {
            let mut known = file.borrow_mut();
            if known.sink != sink {
                known.sink = sink;
                known.reopen();
            }
            drop(known);
            return file;
        }
        let path = sink.path.clone();
        let file = Rc::new(RefCell::new(LogFile::new(sink)));
        self.files.insert(path, Rc::downgrade(&file));
        file
    }

    fn forget(&mut self, unit: &UnitName) {
        let log = self.out.log_of(unit);
        log.leaving = true;
        if log.sources.is_empty() {
            self.out.forget(unit);
            self.copied.retain(|(whose, _), _| whose != unit);
        }
    }

    /// Something happened at a pipe.
    fn stir(&mut self, token: u64, events: EpollFlags) {
        if let Some(source) = self.sources.get_mut(&token) {
            source.hung_up |= events.intersects(EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR);
            self.enqueue(token);
        }
    }

    fn enqueue(&mut self, token: u64) {
        if let Some(source) = self.sources.get_mut(&token)
            && !std::mem::replace(&mut source.queued, true)
        {
            self.ready.push_back(token);
        }
    }

    /// Lets everybody try again who waits for a sink.
    fn retry(&mut self) {
        self.retry_at = None;
        for copied in std::mem::take(&mut self.behind) {
            if let Some(copied) = copied.upgrade() {
                self.tell_taps(&copied);
            }
        }
        for token in std::mem::take(&mut self.waiting) {
            self.enqueue(token);
        }
    }

    fn turn(&mut self, token: u64) {
        // It is taken out for its turn, so that it and the outlets can both be changed.
        let Some(mut source) = self.sources.remove(&token) else {
            return;
        };
        source.queued = false;
        let before = source.capacity;
        match source.turn(&mut self.out) {
            Turn::Again => {
                source.queued = true;
                self.ready.push_back(token);
            }
            Turn::Idle => {
                if std::mem::take(&mut source.settling) && !source.replaced {
                    let (unit, stream) = (source.unit.clone(), source.stream);
                    // The loop that does not listen any more is about to end.
                    let _ = self.events.send(LogEvent::Settled { unit, stream });
                }
            }
            Turn::Waiting => {
                if !self.waiting.contains(&token) {
                    self.waiting.push(token);
                    let wait = if source.holding { REVIVE } else { RETRY };
                    let at = self.out.now + wait;
                    self.retry_at = Some(self.retry_at.map_or(at, |other| other.min(at)));
                }
            }
            Turn::Drained => {
                source.end(&mut self.out);
                let log = self.out.log_of(&source.unit);
                log.sources.retain(|other| *other != token);
                if log.leaving && log.sources.is_empty() {
                    self.out.forget(&source.unit);
                    self.copied.retain(|(whose, _), _| *whose != source.unit);
                }
                if !source.replaced {
                    let Source { unit, stream, .. } = *source;
                    // The loop that does not listen any more is about to end.
                    let _ = self.events.send(LogEvent::Drained { unit, stream });
                }
                return;
            }
        }
        if source.capacity > before && !self.grown.contains(&token) {
            self.grown.push(token);
        }
        self.sources.insert(token, source);
    }

    /// Gives pipes that need it no longer their usual size again.
    fn shrink(&mut self) {
        if self.grown.is_empty() {
            self.shrink_at = None;
            return;
        }
        let now = self.out.now;
        match self.shrink_at {
            None => self.shrink_at = Some(now + SHRINK_AFTER),
            Some(at) if now >= at => {
                let sources = &mut self.sources;
                self.grown
                    .retain(|token| sources.get_mut(token).is_some_and(|source| source.shrink()));
                self.shrink_at = (!self.grown.is_empty()).then_some(now + SHRINK_AFTER);
            }
            Some(_) => {}
        }
    }

    /// Sinks are looked at only while somebody waits for them.
    fn watch_sinks(&mut self) {
        if self.waiting.is_empty() && !self.out.has_own() && !self.out.has_rest() {
            return;
        }
        for (token, sink) in SINKS {
            if let Some(fd) = self.out.blocked(sink) {
                let flags = EpollFlags::EPOLLOUT | EpollFlags::EPOLLONESHOT;
                let mut event = EpollEvent::new(flags, token);
                // What cannot be polled is tried again by the clock.
                if self.epoll.modify(fd, &mut event).is_err() {
                    let _ = self.epoll.add(fd, event);
                }
            }
        }
    }

    fn answer_flushes(&mut self) {
        // What is held outlives us in its pipe.
        let held = |token| self.sources.get(token).is_some_and(|source| source.holding);
        if self.ready.is_empty() && self.waiting.iter().all(held) && !self.out.has_own() {
            for reply in self.flushes.drain(..) {
                // Nobody waits any more: nobody is told.
                let _ = reply.send(());
            }
        }
    }
}
