//! The thread that makes processes.
//!
//! Preparing may block on a dead mount, and the cloning thread stands still until the child has
//! executed its program, which may block there too. So one thread works at a time; when orders wait
//! and it has been at one order for too long, another takes its place, and the slow one ends itself
//! when it comes back. Idle, there is one sleeping thread and no wake-up.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use control::OwnedDirectories;
use engine::action::Spawn;
use engine::event::SpawnFailure;
use engine::{Now, Ticket};
use tokio::sync::mpsc::UnboundedSender;
use units::{Definition, UnitName};

use super::credentials;
use super::directories::{self, Roots};
use super::launch::{self, KnownMethod, Method, Stack};
use super::limits::OriginalLimits;
use super::open;
use super::order::Order;
use super::own::Own;
use super::plan::Plan;
use super::slots::Slots;
use crate::cgroup::Cgroups;
use crate::now;
use crate::users::Accounts;

/// How a child tells the keeper that it exists.
pub struct Registrar {
    /// The manager's socket to the keeper.
    pub socket: OwnedFd,
    /// The record to send on it for a process.
    pub record: RecordOf,
}

/// Makes the registration record of a process.
pub type RecordOf = Box<dyn Fn(&Spawn) -> Vec<u8> + Send + Sync>;

impl fmt::Debug for Registrar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registrar")
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

/// What the spawner needs to know of its surroundings.
#[derive(Debug)]
pub struct Settings {
    /// `None`: children are our own, for tests and for nothing else.
    pub registrar: Option<Registrar>,
    /// Where units have control groups.
    pub cgroups: Option<Arc<Cgroups>>,
    /// Why they have none, where they have none.
    pub no_cgroups: String,
    /// Units that were told to run without their limits.
    pub told: Mutex<HashSet<UnitName>>,
    /// What children get whose unit sets no limits.
    pub limits: OriginalLimits,
    /// Where users and groups are looked up.
    pub accounts: Accounts,
    /// Where directories of units are made.
    pub roots: Roots,
    /// The best way to clone that is tried.
    pub method: Method,
    /// How long one order may take before another thread goes on with the rest.
    pub patience: Duration,
}

impl Settings {
    /// The usual ones.
    #[must_use]
    pub fn new(
        registrar: Option<Registrar>,
        cgroups: Option<Arc<Cgroups>>,
        limits: OriginalLimits,
        roots: Roots,
    ) -> Settings {
        Settings {
            registrar,
            cgroups,
            no_cgroups: "there are no control groups here".to_owned(),
            told: Mutex::default(),
            limits,
            accounts: Accounts::default(),
            roots,
            method: Method::IntoCgroup,
            patience: Duration::from_millis(100),
        }
    }

    /// Whether this is the first time that something is said about the unit's limits.
    pub(super) fn tells_first_time(&self, unit: &UnitName) -> bool {
        // Whoever held it panicked, and the set is whole all the same.
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(unit.clone())
    }
}

/// The answer to an order; every order gets exactly one.
#[derive(Debug)]
pub enum Report {
    /// The program runs, or ran.
    Spawned(Spawned),
    /// No program runs.
    Failed {
        /// Of the order.
        ticket: Ticket,
        /// Of the order.
        unit: UnitName,
        /// The process that was made and ended before it could execute the program, and when it
        /// began.
        process: Option<(u32, Now)>,
        /// Why.
        failure: SpawnFailure,
    },
    /// The keeper has given this manager up, or is dead: nothing was run.
    Fenced {
        /// Of the order.
        ticket: Ticket,
        /// Of the order.
        unit: UnitName,
    },
}

/// A process that was made.
#[derive(Debug)]
pub struct Spawned {
    /// Of the order; the instance.
    pub ticket: Ticket,
    /// Its unit.
    pub unit: UnitName,
    /// For display.
    pub pid: u32,
    /// For signals.
    pub pidfd: OwnedFd,
}

/// What there is to do.
#[derive(Debug)]
enum Work {
    Start(Box<Order>),
    /// The directories of a run that is over go.
    ClearAway {
        unit: Arc<Definition>,
        runtime: bool,
    },
    /// Directories go because somebody asked for that.
    Clean {
        unit: Arc<Definition>,
        what: Vec<OwnedDirectories>,
        tell: Tell,
    },
}

/// Hears what came of it.
struct Tell(Box<dyn FnOnce(Result<(), String>) + Send>);

impl fmt::Debug for Tell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tell")
    }
}

impl Work {
    fn unit(&self) -> &UnitName {
        match self {
            Work::Start(order) => &order.spawn.unit,
            Work::ClearAway { unit, .. } | Work::Clean { unit, .. } => unit.name(),
        }
    }
}

/// The queue to the thread.
#[derive(Debug)]
pub struct Spawner {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    reports: UnboundedSender<Report>,
    method: KnownMethod,
    ignored_signals: u64,
    reset_oom_score: bool,
    own: Own,
    queue: Mutex<Queue>,
    /// The active thread waits here for orders.
    work: Condvar,
    /// The watching thread waits here for the active one to take too long.
    progress: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    orders: VecDeque<Work>,
    /// Units whose directories are being removed: what is to be done for them waits.
    clearing: Vec<UnitName>,
    /// Which thread takes orders.
    active: u64,
    /// Since when it has been busy with one.
    busy_since: Option<Instant>,
    watched: bool,
    closed: bool,
}

impl Spawner {
    /// Starts the thread. Answers go to `reports`.
    ///
    /// # Errors
    /// When no thread or no stack can be had.
    pub fn start(settings: Settings, reports: UnboundedSender<Report>) -> io::Result<Spawner> {
        let method = KnownMethod::starting_with(settings.method);
        let own_score = std::fs::read_to_string("/proc/self/oom_score_adj").unwrap_or_default();
        let shared = Arc::new(Shared {
            method,
            ignored_signals: launch::ignored_signals(),
            // Only our own protection is taken back; a score that somebody raised stays.
            own: Own::look(),
            reset_oom_score: own_score.trim().parse::<i32>().is_ok_and(|score| score < 0),
            settings,
            reports,
            queue: Mutex::default(),
            work: Condvar::new(),
            progress: Condvar::new(),
        });
        start_worker(&shared, 0)?;
        Ok(Spawner { shared })
    }

    /// Puts an order into the queue. Never blocks.
    pub fn submit(&self, order: Order) {
        self.queue(Work::Start(Box::new(order)));
    }

    /// Removes the credentials and the pid file of a unit and, with `runtime`, its runtime directories. Orders for the
    /// unit that come later wait for it.
    pub fn clear_away(&self, unit: Arc<Definition>, runtime: bool) {
        self.queue(Work::ClearAway { unit, runtime });
    }

    /// Removes directories of a unit; `tell` hears of it on the thread. Orders for the unit that come
    /// later wait for it.
    pub fn clean(
        &self,
        unit: Arc<Definition>,
        what: Vec<OwnedDirectories>,
        tell: impl FnOnce(Result<(), String>) + Send + 'static,
    ) {
        let tell = Tell(Box::new(tell));
        self.queue(Work::Clean { unit, what, tell });
    }

    fn queue(&self, work: Work) {
        let mut queue = self.shared.lock();
        queue.orders.push_back(work);
        let watch = queue.busy_since.is_some() && !queue.watched;
        queue.watched |= watch;
        drop(queue);
        self.shared.work.notify_one();
        if watch {
            self.shared.start_watching();
        }
    }

    /// How processes are made here, as far as is known by now.
    #[must_use]
    pub fn method(&self) -> Method {
        self.shared.method.get()
    }
}

impl Drop for Spawner {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
        self.shared.progress.notify_all();
    }
}

impl Shared {
    /// The queue is plain data that is consistent between any two statements, so a poisoned lock
    /// holds a usable one.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a thread that takes over when the active one hangs.
    fn start_watching(self: &Arc<Shared>) {
        let shared = Arc::clone(self);
        let started = std::thread::Builder::new()
            .name("spawner-watch".to_owned())
            .stack_size(THREAD_STACK)
            .spawn(move || watch(&shared));
        if started.is_err() {
            // The next order tries again.
            self.lock().watched = false;
        }
    }
}

/// Enough for preparing; the kernel gives the memory only when it is touched.
const THREAD_STACK: usize = 256 * 1024;

fn start_worker(shared: &Arc<Shared>, number: u64) -> io::Result<()> {
    let stack = Stack::new()?;
    let slots = Slots::reserve();
    let shared = Arc::clone(shared);
    std::thread::Builder::new()
        .name("spawner".to_owned())
        .stack_size(THREAD_STACK)
        .spawn(move || work(&shared, number, &stack, slots))?;
    Ok(())
}

/// Takes orders until another thread is the active one.
fn work(shared: &Arc<Shared>, number: u64, stack: &Stack, mut slots: Slots) {
    loop {
        let mut queue = shared.lock();
        let order = loop {
            if queue.closed || queue.active != number {
                return;
            }
            if let Some(work) = queue.next() {
                break work;
            }
            queue = shared
                .work
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        };
        queue.busy_since = Some(Instant::now());
        let watch = !queue.orders.is_empty() && !queue.watched;
        queue.watched |= watch;
        drop(queue);
        if watch {
            shared.start_watching();
        }
        let cleared = match order {
            Work::Start(order) => {
                let report = carry_out(shared, *order, stack, &mut slots);
                // A manager that stopped listening is ending.
                let _ = shared.reports.send(report);
                None
            }
            Work::ClearAway { unit, runtime } => {
                clear_away(&unit, runtime, &shared.settings.roots);
                Some(unit)
            }
            Work::Clean { unit, what, tell } => {
                (tell.0)(directories::remove(&unit, &shared.settings.roots, &what));
                Some(unit)
            }
        };
        let mut queue = shared.lock();
        if let Some(unit) = cleared {
            queue.clearing.retain(|name| name != unit.name());
            // Another thread may have passed over what had to wait for this.
            shared.work.notify_one();
        }
        if queue.active == number {
            queue.busy_since = None;
        }
        let tell = queue.watched && queue.orders.is_empty();
        drop(queue);
        if tell {
            shared.progress.notify_all();
        }
    }
}

impl Queue {
    /// The next that does not have to wait for a removal. What is removed is noted.
    fn next(&mut self) -> Option<Work> {
        let clearing = &self.clearing;
        let place = self
            .orders
            .iter()
            .position(|work| !clearing.contains(work.unit()))?;
        let work = self.orders.remove(place)?;
        if let Work::ClearAway { unit, .. } | Work::Clean { unit, .. } = &work {
            self.clearing.push(unit.name().clone());
        }
        Some(work)
    }
}

fn clear_away(unit: &Definition, runtime: bool, roots: &Roots) {
    let credentials = credentials::remove(unit, roots);
    let directories = if runtime {
        directories::remove_runtime(unit, roots)
    } else {
        Ok(())
    };
    let pid_file = remove_pid_file(unit);
    for problem in [credentials, directories, pid_file]
        .into_iter()
        .filter_map(Result::err)
    {
        tracing::warn!("{}: {problem}", unit.name());
    }
}

/// Removes what the daemon wrote its pid into: a pid that is nobody's any more.
fn remove_pid_file(unit: &Definition) -> Result<(), String> {
    let Some(path) = unit.pid_file() else {
        return Ok(());
    };
    match open::remove_file(Path::new(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let reason = super::step::reason_of(&error);
            Err(format!("cannot remove pid file {path}: {reason}"))
        }
        _ => Ok(()),
    }
}

/// Waits as long as orders wait; becomes the active thread when the present one hangs.
fn watch(shared: &Arc<Shared>) {
    let mut queue = shared.lock();
    loop {
        if queue.closed || queue.orders.is_empty() {
            queue.watched = false;
            return;
        }
        let busy = queue
            .busy_since
            .map_or(Duration::ZERO, |since| since.elapsed());
        let Some(left) = shared
            .settings
            .patience
            .checked_sub(busy)
            .filter(|left| !left.is_zero())
        else {
            break;
        };
        queue = shared
            .progress
            .wait_timeout(queue, left)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
    queue.watched = false;
    queue.active += 1;
    queue.busy_since = None;
    let number = queue.active;
    drop(queue);
    match Stack::new() {
        Ok(stack) => work(shared, number, &stack, Slots::reserve()),
        Err(_) => {
            // No memory for a stack: the slow thread stays the active one.
            let mut queue = shared.lock();
            queue.active -= 1;
            queue.busy_since = Some(Instant::now());
        }
    }
}

fn carry_out(shared: &Shared, order: Order, stack: &Stack, slots: &mut Slots) -> Report {
    let (ticket, unit) = (order.spawn.ticket, order.spawn.unit.clone());
    let failed = |process, failure| Report::Failed {
        ticket,
        unit: unit.clone(),
        process,
        failure,
    };
    let settings = &shared.settings;
    let register = settings.registrar.as_ref().map(|registrar| {
        (
            registrar.socket.as_raw_fd(),
            (registrar.record)(&order.spawn),
        )
    });
    let mut plan = match Plan::prepare(&order, settings, &shared.own) {
        Ok(plan) => plan,
        Err(failure) => return failed(None, failure),
    };
    plan.register = register;
    plan.ignored_signals = shared.ignored_signals;
    plan.reset_oom_score = shared.reset_oom_score;
    let began = now::read();
    match plan.launch(stack, slots, &shared.method) {
        Ok(launched) => Report::Spawned(Spawned {
            ticket,
            unit,
            pid: launched.pid.unsigned_abs(),
            pidfd: launched.pidfd,
        }),
        Err(super::plan::Failed::Fenced) => Report::Fenced { ticket, unit },
        Err(super::plan::Failed::Step { pid, failure }) => {
            failed(pid.map(|pid| (pid, began)), failure)
        }
    }
}
