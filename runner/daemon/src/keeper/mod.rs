//! The keeper: what must not die does nothing that can fail.
//!
//! It starts the manager and starts it again when it dies (`ladder`), holds descriptors for it
//! by name and remembers the children and their exits (`table`), reaps, and passes signals on.
//! It speaks in fixed-size records ([`wire`]) and reads nothing that a stranger wrote. One thread,
//! one `poll`, nothing that can block.
//!
//! **Order of a manager's life.** Its `Hello`; then it is told every descriptor, every child,
//! every exit nobody acknowledged, and `End`; only after that, what happens. When it dies, its
//! socket is *fenced*: shut down, so that a child still being born cannot register any more and
//! runs nothing; then drained; then closed. The next manager gets a new pair.
//!
//! **Pids.** The keeper is the parent, so a child's number belongs to nobody else until the keeper
//! itself reaps it. The manager has no such certainty and gets pidfds.

mod beginning;
pub mod channel;
mod fosters;
mod hearing;
mod introduction;
mod journal;
mod ladder;
mod launch;
mod lock;
mod name;
mod outer;
mod pid_file;
mod stop;
mod system;
mod table;
mod telling;
mod upgrade;
pub mod wire;
mod written;

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::time::{ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags};

use serde::{Deserialize, Serialize};

pub use beginning::Beginning;
use fosters::Fosters;
pub use introduction::Introduction;
use ladder::{Death, FallBack, Ladder, Rung, Verdict};
use launch::Launch;
pub(crate) use launch::{OURS, SERVICE_MANAGER};
use lock::LockFailure;
use outer::Outer;
use table::Table;
use telling::Telling;
use upgrade::Trial;
pub use upgrade::{Resumption, resume};
use wire::Record;
use written::Written;

/// Under this key the keeper gives each manager the timer it shares with it.
pub(crate) const HANG_TIMER: &str = "hang-timer";

/// How long a manager that said `Quit` may take to exit, in microseconds.
const QUIT_GRACE: u64 = 5_000_000;

/// After so many failed starts in a row, being asked to end is answered without a manager.
const HOPELESS: u32 = 3;

/// What is copied before an upgrade, and under which key.
const KEPT: [(&str, &str); 2] = [
    ("state", "previous-state"),
    ("definitions", "previous-definitions"),
];

/// After so long something is tried again of which nobody says when it is time, in microseconds.
const SOON: u64 = 20_000;

/// The exit status when the runtime directory belongs to another daemon, or cannot be used.
const NOT_OURS: u8 = 2;

/// What a keeper has to know.
#[derive(Debug)]
pub struct Settings {
    /// The arguments of each manager, `argv[0]` first.
    pub arguments: Vec<OsString>,
    /// Where lock and pidfile are. It exists.
    pub runtime_dir: PathBuf,
    /// That directory was made for this run only: it is taken away at the end.
    pub fresh: bool,
    /// Another file for our pid, which is taken away at the end.
    pub pid_file: Option<PathBuf>,
    /// There is one command to run, which gets every signal that can be passed on, and the terminal.
    pub one_command: bool,
    /// How long stopping everything may take, in microseconds; `u64::MAX` is "for ever".
    pub stop_limit: u64,
}

/// The living manager.
#[derive(Debug)]
struct Manager {
    pid: u32,
    /// `None` once it was closed at the other end.
    socket: Option<OwnedFd>,
    telling: Telling,
    /// Answers it has not been told yet.
    answers: VecDeque<Record>,
    /// We killed it because it hung.
    shot: bool,
    /// It named the program of the next manager.
    asked: bool,
    /// It said `Quit`: with this status, and when its grace ends.
    quit: Option<(u8, u64)>,
}

/// What a turn of the loop left to do with the manager.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Next {
    /// It lives.
    Lives,
    /// Start one at this time.
    StartAt(u64),
}

#[derive(Debug)]
struct Keeper {
    settings: Settings,
    launch: Launch,
    signals: OwnedFd,
    hang: OwnedFd,
    outer: Outer,
    table: Table,
    ladder: Ladder,
    manager: Option<Manager>,
    next: Next,
    generation: u32,
    /// The program from before the last upgrade; the state is in the table.
    previous_program: Option<OwnedFd>,
    /// The program in use is the one from before the last upgrade.
    rolled_back: bool,
    /// Children reaped in this turn that had not registered: pid, raw wait status, time.
    unclaimed: Vec<(u32, i32, u64)>,
    /// How the manager died in this turn.
    death: Option<i32>,
    /// The program that this keeper shall become.
    trial: Option<Trial>,
    /// The watch on children of the keeper before this one.
    fosters: Fosters,
    /// There was one.
    is_heir: bool,
    /// Where everything is written down for one after this; `None` where nobody keeps that.
    written: Option<Written>,
    /// The manager wants us to make room for that one.
    handing_over: bool,
}

/// Takes the lock of a runtime directory, which decides between two daemons.
///
/// # Errors
/// A sentence, with who has it.
pub fn take_lock(runtime_dir: &std::path::Path) -> Result<OwnedFd, String> {
    let path = runtime_dir.join("lock");
    lock::acquire(&path).map_err(|failure| {
        let directory = runtime_dir.display();
        match failure {
            LockFailure::Held(Some(pid)) => {
                format!("cannot run in {directory}: process {pid} already does")
            }
            LockFailure::Held(None) => {
                format!("cannot run in {directory}: another process already does")
            }
            LockFailure::Io(error) => format!("cannot lock {}: {error}", path.display()),
        }
    })
}

/// Runs as keeper until everything is over, with what the first manager finds `held` by its key;
/// gives the exit status of the whole program.
#[must_use]
pub fn run(settings: Settings, held: BTreeMap<String, OwnedFd>) -> ExitCode {
    match take_lock(&settings.runtime_dir) {
        Ok(lock) => reign(settings, lock, held),
        Err(sentence) => {
            say(&sentence);
            ExitCode::from(NOT_OURS)
        }
    }
}

fn reign(settings: Settings, lock: OwnedFd, held: BTreeMap<String, OwnedFd>) -> ExitCode {
    match Keeper::new(settings, lock, held) {
        Ok(keeper) => keeper.reign(),
        Err(error) => {
            say(&format!("cannot start: {error}"));
            ExitCode::FAILURE
        }
    }
}

impl Keeper {
    fn new(
        settings: Settings,
        lock: OwnedFd,
        held: BTreeMap<String, OwnedFd>,
    ) -> io::Result<Keeper> {
        let launch = Launch::prepare(&settings)?;
        let pid = settings.runtime_dir.join("pid");
        // The one of another user's daemon, which had this directory before, cannot be written to.
        let _ = std::fs::remove_file(&pid);
        for path in [Some(&pid), settings.pid_file.as_ref()]
            .into_iter()
            .flatten()
        {
            if let Err(error) = pid_file::write(path) {
                say(&format!("cannot write {}: {error}", path.display()));
            }
        }
        if std::process::id() != 1 {
            rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        }
        let mut table = Table::default();
        table.fds = held;
        table.fds.insert("lock".to_owned(), lock);
        let mut outer = Outer::from_environment();
        let written = written::begin(&mut outer, &mut table);
        Ok(Keeper {
            launch,
            signals: system::listen_to_signals(settings.one_command)?,
            settings,
            hang: hang_timer()?,
            outer,
            table,
            ladder: Ladder::new(),
            manager: None,
            next: Next::StartAt(0),
            generation: 0,
            previous_program: None,
            rolled_back: false,
            unclaimed: Vec::new(),
            death: None,
            trial: None,
            fosters: Fosters::new()?,
            is_heir: false,
            written,
            handing_over: false,
        })
    }

    fn reign(mut self) -> ExitCode {
        name::take(&self.settings);
        loop {
            if let Next::StartAt(at) = self.next
                && at <= now()
            {
                self.start_manager();
            }
            self.write_down();
            let waiting = self.outer.flush();
            if self.handing_over && !waiting {
                return self.hand_over();
            }
            let room = self.tell();
            if room == Room::Enough && !waiting {
                self.upgrade();
            }
            let ready = self.wait(room, waiting);
            if ready.signals
                && let Some(end) = self.take_signals()
            {
                return end;
            }
            if ready.socket {
                self.hear();
            }
            if let Some(status) = self.death
                && let Some(end) = self.bury(status)
            {
                return end;
            }
            if ready.hang {
                self.shoot_if_hung();
            }
            if ready.fosters || self.fosters.is_waiting() {
                self.look_at_fosters();
            }
            if let Some(Manager {
                quit: Some((_, until)),
                ..
            }) = self.manager
                && until <= now()
            {
                self.shoot();
            }
            if let Some(trial) = &mut self.trial
                && trial.until <= now()
            {
                system::kill(Some(trial.test), libc::SIGKILL.unsigned_abs());
                trial.until = u64::MAX;
            }
        }
    }

    /// Sleeps until something happens or is due.
    fn wait(&self, room: Room, waiting: bool) -> Ready {
        let socket = self
            .manager
            .as_ref()
            .and_then(|manager| manager.socket.as_ref());
        let wanted = match &self.manager {
            // While it is told what there is, it has nothing to say that could not wait, and what
            // it is told must not change under our hands.
            Some(manager) if manager.telling.is_under_way() => match room {
                Room::Full => PollFlags::OUT,
                Room::Enough | Room::Busy => PollFlags::empty(),
            },
            Some(_) if room == Room::Full => PollFlags::IN | PollFlags::OUT,
            _ => PollFlags::IN,
        };
        let fosters = self.fosters.ready();
        let mut fds = vec![
            PollFd::new(&self.signals, PollFlags::IN),
            PollFd::new(&self.hang, PollFlags::IN),
            PollFd::new(&fosters, PollFlags::IN),
        ];
        fds.extend(socket.map(|socket| PollFd::new(socket, wanted)));
        let quit = self.manager.as_ref().and_then(|manager| manager.quit);
        let start = match self.next {
            Next::StartAt(at) => Some(at),
            Next::Lives => None,
        };
        let test = self.trial.as_ref().map(|trial| trial.until);
        let snapshot = self.written.as_ref().and_then(Written::due);
        let due = [start, quit.map(|(_, until)| until), test, snapshot]
            .into_iter()
            .flatten()
            .min();
        let mut pause = due.map(|at| Duration::from_micros(at.saturating_sub(now())));
        if waiting || room == Room::Busy || self.fosters.is_waiting() {
            let soon = Duration::from_micros(SOON);
            pause = Some(pause.map_or(soon, |pause| pause.min(soon)));
        }
        let pause = pause.and_then(|pause| Timespec::try_from(pause).ok());
        let _ = rustix::event::poll(&mut fds, pause.as_ref());
        let ready = |n: usize, flags| {
            fds.get(n)
                .is_some_and(|fd: &PollFd<'_>| fd.revents().intersects(flags))
        };
        Ready {
            signals: ready(0, PollFlags::IN),
            hang: ready(1, PollFlags::IN),
            fosters: ready(2, PollFlags::IN),
            socket: ready(3, PollFlags::IN | PollFlags::HUP | PollFlags::ERR),
        }
    }

    fn take_signals(&mut self) -> Option<ExitCode> {
        let arrived = system::read_signals(self.signals.as_fd());
        if arrived.child {
            self.reap(&arrived.children);
        }
        let end = 1 << libc::SIGTERM | 1 << libc::SIGINT;
        let again = self.table.has_signals(end);
        let told = self
            .manager
            .as_ref()
            .map_or(0, |manager| manager.telling.told_signals());
        self.table.add_signals(arrived.mask, told);
        // Asked to end, and no manager comes up that could see to it.
        let hopeless = again || self.ladder.failed_starts >= HOPELESS;
        let unready = self.ladder.ready_since.is_none();
        (arrived.mask & end != 0 && unready && hopeless).then(|| self.give_up())
    }

    /// Reaps all that have ended, the ones the kernel named first: that walks no list.
    fn reap(&mut self, named: &[u32]) {
        let time = now();
        let named = named.iter().filter_map(|pid| system::reap(Some(*pid)));
        let others = std::iter::from_fn(|| system::reap(None));
        for (pid, status) in named.chain(others) {
            if self
                .manager
                .as_ref()
                .is_some_and(|manager| manager.pid == pid)
            {
                self.death = Some(status);
            } else if self.trial.as_ref().is_some_and(|trial| trial.test == pid) {
                self.tested(status);
            } else if !self.table.ended(pid, status, time) {
                self.unclaimed.push((pid, status, time));
            }
        }
        if !self.unclaimed.is_empty() {
            // A child registers before it runs anything, so what an instance sent is in the
            // socket by now. Who is still unclaimed afterwards is a stranger's orphan.
            self.hear();
            self.unclaimed.clear();
        }
        if let Some(manager) = &self.manager
            && system::was_stopped(manager.pid)
            && !is_traced(manager.pid)
        {
            system::kill(Some(manager.pid), libc::SIGCONT.unsigned_abs());
        }
    }

    fn shoot_if_hung(&mut self) {
        let mut expired = [0; 8];
        if rustix::io::read(&self.hang, &mut expired) != Ok(8) {
            return; // disarmed meanwhile
        }
        if let Some(manager) = &mut self.manager
            && !is_traced(manager.pid)
        {
            say(&format!(
                "the manager (process {}) hangs: killing it",
                manager.pid
            ));
            manager.shot = true;
            self.shoot();
        }
    }

    /// Kills the manager, unless it was reaped already: then the number may be anybody's.
    fn shoot(&self) {
        if let (Some(manager), None) = (&self.manager, self.death) {
            system::kill(Some(manager.pid), libc::SIGKILL.unsigned_abs());
        }
    }

    /// The manager is dead: fences its socket and decides what comes next.
    fn bury(&mut self, status: i32) -> Option<ExitCode> {
        self.fence();
        self.death = None;
        self.wants_snapshot();
        let manager = self.manager.take()?;
        self.disarm();
        if let Some((status, _)) = manager.quit {
            return Some(self.finish(status));
        }
        let death = Death {
            status,
            shot: manager.shot,
            asked: manager.asked,
        };
        let fall_back = FallBack {
            program: self.previous_program.is_some(),
            state: self.table.fds.contains_key("previous-state"),
        };
        let rung = self.ladder.rung;
        match self.ladder.died(now(), death, fall_back) {
            Verdict::Start(pause) => {
                if !death.asked {
                    say(&format!(
                        "the manager (process {}) {}: starting it again",
                        manager.pid,
                        describe(status)
                    ));
                }
                if self.ladder.rung != rung {
                    self.descend();
                }
                self.next = Next::StartAt(now().saturating_add(pause));
                None
            }
            Verdict::End(status) => Some(self.finish(status)),
            Verdict::GiveUp => {
                say("the manager dies again and again: stopping everything");
                Some(self.give_up())
            }
        }
    }

    /// Makes the rung reached true.
    fn descend(&mut self) {
        match self.ladder.rung {
            Rung::Normal => {}
            Rung::Safe => say("managers die again and again: the next one is in safe mode"),
            Rung::PreviousProgram => {
                if let Some(program) = self.previous_program.take() {
                    say("going back to the program from before the upgrade");
                    self.launch.program = program;
                    self.rolled_back = true;
                }
            }
            Rung::PreviousState => {
                say("going back to the state from before the upgrade");
                for (key, previous) in KEPT {
                    self.table.let_go(key);
                    if let Some(fd) = self.table.let_go(previous) {
                        self.table.hold(key.to_owned(), fd);
                    }
                }
            }
        }
    }

    fn start_manager(&mut self) {
        self.disarm();
        match self.launch.start() {
            Ok((pid, socket)) => {
                self.generation = self.generation.saturating_add(1);
                self.wants_snapshot();
                self.manager = Some(Manager {
                    pid,
                    socket: Some(socket),
                    telling: Telling::silent(),
                    answers: VecDeque::new(),
                    shot: false,
                    asked: false,
                    quit: None,
                });
                self.next = Next::Lives;
            }
            Err(error) => {
                say(&format!("cannot start a manager: {error}"));
                self.next = Next::StartAt(now().saturating_add(self.ladder.not_born()));
            }
        }
    }

    fn disarm(&self) {
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let never = Itimerspec {
            it_interval: zero,
            it_value: zero,
        };
        let _ = rustix::time::timerfd_settime(&self.hang, TimerfdTimerFlags::empty(), &never);
    }
}

/// Whether everything could be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// Yes.
    Enough,
    /// The socket is full: it says when it no longer is.
    Full,
    /// The kernel is short of something, and does not say when it no longer is.
    Busy,
}

struct Ready {
    signals: bool,
    hang: bool,
    fosters: bool,
    socket: bool,
}

/// The timer by which a manager that hangs is seen.
fn hang_timer() -> io::Result<OwnedFd> {
    let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
    Ok(rustix::time::timerfd_create(
        TimerfdClockId::Monotonic,
        flags,
    )?)
}

/// Microseconds on the monotonic clock.
fn now() -> u64 {
    let time = rustix::time::clock_gettime(ClockId::Monotonic);
    time.tv_sec.unsigned_abs() * 1_000_000 + time.tv_nsec.unsigned_abs() / 1_000
}

/// Whether a debugger is attached, which explains every stop and every hang.
fn is_traced(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|status| {
        status
            .lines()
            .find_map(|line| line.strip_prefix("TracerPid:"))
            .is_some_and(|tracer| tracer.trim() != "0")
    })
}

fn describe(status: i32) -> String {
    if libc::WIFEXITED(status) {
        format!("exited with status {}", libc::WEXITSTATUS(status))
    } else {
        format!("was killed by signal {}", libc::WTERMSIG(status))
    }
}

/// Says something to whoever started us, unless that would wait: a full pipe loses it.
fn say(text: &str) {
    let stderr = io::stderr();
    let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // A pipe that is ready takes a whole line of up to 4096 bytes without waiting.
    if matches!(rustix::event::poll(&mut fds, Some(&now)), Ok(1)) {
        let _ = io::stderr().write_all(format!("runnerd: {text}\n").as_bytes());
    }
}
