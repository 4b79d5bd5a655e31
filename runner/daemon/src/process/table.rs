//! Which processes exist, whose they are, and every signal that is sent.
//!
//! A process is known by its instance and its pidfd; a number is only ever shown. A unit's other
//! processes are those of its control group, else those that descend from the ones we made, share a
//! session with one, or carry the mark of the unit's run (`INVOCATION_ID`) after their parents died
//! and the keeper inherited them.

mod belonging;

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use engine::Ticket;
use engine::action::Spawn;
use engine::clock::Monotonic;
use engine::event::ExitStatus;
use engine::ticket::Invocation;
use units::UnitName;
use units::value::Signal;

use self::belonging::Seen;
use super::procfs;
use super::signal;
use super::spawner::Spawned;
use super::watch::Watch;
use crate::cgroup::Cgroups;

/// All processes of all units.
#[derive(Debug)]
pub struct Processes {
    keeper: u32,
    cgroups: Option<Arc<Cgroups>>,
    watch: Watch,
    instances: HashMap<Ticket, Instance>,
    /// In boxes: a table keeps room for more than are in it.
    units: HashMap<UnitName, Box<Unit>>,
    /// `/proc` as it was at a moment; good for the signals of one turn of the loop.
    seen: Option<Arc<Seen>>,
}

/// A process we asked for.
#[derive(Debug)]
enum Instance {
    /// The spawner has not answered yet; the keeper may already know how it ended.
    Ordered {
        unit: UnitName,
        ended: Option<(ExitStatus, Monotonic)>,
    },
    /// It lives, as far as we know.
    Lives {
        unit: UnitName,
        pid: u32,
        pidfd: Arc<OwnedFd>,
    },
}

/// What is known of a unit while it has, or had, processes.
#[derive(Debug, Default)]
struct Unit {
    invocation: Option<Invocation>,
    leaders: Vec<Leader>,
    /// How many orders the spawner still owes an answer for.
    ordered: u32,
    /// Processes of the unit that somebody else made, as far as we have met them.
    others: Vec<Other>,
    /// Somebody waits for it to be empty.
    watched: bool,
    /// It was sent SIGKILL as a whole: whoever turns up late gets it too.
    killing: bool,
}

/// A process we made (or adopted), kept after its end: it may have left a process group behind.
#[derive(Debug)]
struct Leader {
    ticket: Ticket,
    pid: u32,
    pidfd: Arc<OwnedFd>,
    lives: bool,
}

#[derive(Debug)]
struct Other {
    pid: u32,
    pidfd: OwnedFd,
}

/// What to do with an exit the keeper reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Tell the engine.
    Now,
    /// The spawner has not answered yet: [`Processes::spawned`] gives it back.
    Held,
    /// No such instance: it was told before, or the spawner reported a failed step.
    Unknown,
}

/// Whether a process belongs to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// It does.
    Member,
    /// It does not.
    Stranger,
    /// There is no such process any more.
    Gone,
}

/// A process of a unit, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its pid.
    pub pid: u32,
    /// Its command line.
    pub command: String,
}

impl Processes {
    /// An empty table. `keeper` is the parent of all our processes, `cgroups` where they live.
    ///
    /// # Errors
    /// When the kernel gives no epoll, timer or inotify descriptor.
    pub fn new(keeper: u32, cgroups: Option<Arc<Cgroups>>) -> io::Result<Processes> {
        Ok(Processes {
            keeper,
            watch: Watch::new(cgroups.is_some())?,
            cgroups,
            instances: HashMap::new(),
            units: HashMap::new(),
            seen: None,
        })
    }

    /// Notes an order that goes to the spawner, before it does.
    pub fn ordered(&mut self, spawn: &Spawn) {
        let unit = spawn.unit.clone();
        let entry = self.units.entry(unit.clone()).or_default();
        entry.invocation = Some(spawn.invocation);
        entry.killing = false;
        entry.ordered += 1;
        self.instances
            .insert(spawn.ticket, Instance::Ordered { unit, ended: None });
    }

    /// Enters what the spawner made. Gives the exit back that was reported meanwhile: it is to be
    /// told to the engine right after the start.
    pub fn spawned(&mut self, spawned: Spawned) -> Option<(ExitStatus, Monotonic)> {
        let Spawned {
            ticket,
            unit,
            pid,
            pidfd,
        } = spawned;
        let ended = self.answered(ticket);
        self.enter(ticket, unit, pid, pidfd);
        if ended.is_some() {
            self.end(ticket);
        }
        ended
    }

    /// Forgets an order for which no program runs.
    pub fn failed(&mut self, ticket: Ticket) {
        self.answered(ticket);
    }

    /// The spawner has answered: gives the exit that was reported meanwhile.
    fn answered(&mut self, ticket: Ticket) -> Option<(ExitStatus, Monotonic)> {
        let Some(Instance::Ordered { unit, ended }) = self.instances.remove(&ticket) else {
            return None;
        };
        if let Some(unit) = self.units.get_mut(&unit) {
            unit.ordered = unit.ordered.saturating_sub(1);
        }
        ended
    }

    /// Enters a process that exists already: after a recovery, or one that was adopted.
    pub fn restore(&mut self, ticket: Ticket, unit: UnitName, pid: u32, pidfd: OwnedFd) {
        self.enter(ticket, unit, pid, pidfd);
    }

    /// Says which run of the unit its processes are marked with: after a recovery.
    pub fn mark(&mut self, unit: &UnitName, invocation: Invocation) {
        self.units.entry(unit.clone()).or_default().invocation = Some(invocation);
    }

    fn enter(&mut self, ticket: Ticket, unit: UnitName, pid: u32, pidfd: OwnedFd) {
        let pidfd = Arc::new(pidfd);
        let entry = self.units.entry(unit.clone()).or_default();
        entry.others.retain(|other| other.pid != pid);
        // Mostly there is one, and a list makes room for four.
        entry.leaders.reserve_exact(1);
        entry.leaders.push(Leader {
            ticket,
            pid,
            pidfd: Arc::clone(&pidfd),
            lives: true,
        });
        self.instances
            .insert(ticket, Instance::Lives { unit, pid, pidfd });
    }

    /// Notes an exit the keeper reports, and says whether it is to be told to the engine now.
    pub fn exited(&mut self, ticket: Ticket, status: ExitStatus, at: Monotonic) -> Delivery {
        match self.instances.get_mut(&ticket) {
            Some(Instance::Ordered { ended, .. }) => {
                *ended = Some((status, at));
                Delivery::Held
            }
            Some(Instance::Lives { .. }) => {
                self.end(ticket);
                Delivery::Now
            }
            None => Delivery::Unknown,
        }
    }

    fn end(&mut self, ticket: Ticket) {
        let Some(Instance::Lives { unit, .. }) = self.instances.remove(&ticket) else {
            return;
        };
        let Some(unit) = self.units.get_mut(&unit) else {
            return;
        };
        for leader in unit
            .leaders
            .iter_mut()
            .filter(|leader| leader.ticket == ticket)
        {
            leader.lives = false;
        }
        if unit.watched {
            self.watch.look_soon();
        } else {
            // Without a group of its own left it can be forgotten at once: a unit that restarts
            // for ever must not fill the table. Where there are control groups these tell.
            let by_group = self.cgroups.is_none();
            unit.leaders
                .retain(|leader| leader.lives || by_group && signal::group_exists(&leader.pidfd));
        }
    }

    /// The pid of an instance that lives.
    #[must_use]
    pub fn pid(&self, ticket: Ticket) -> Option<u32> {
        match self.instances.get(&ticket)? {
            Instance::Lives { pid, .. } => Some(*pid),
            Instance::Ordered { .. } => None,
        }
    }

    /// The unit of an instance that lives or was ordered.
    #[must_use]
    pub fn unit(&self, ticket: Ticket) -> Option<&UnitName> {
        match self.instances.get(&ticket)? {
            Instance::Lives { unit, .. } | Instance::Ordered { unit, .. } => Some(unit),
        }
    }

    /// Whether the spawner still owes an answer for this unit.
    #[must_use]
    pub fn is_ordered(&self, unit: &UnitName) -> bool {
        self.units.get(unit).is_some_and(|unit| unit.ordered > 0)
    }

    /// The processes that live.
    pub fn lives(&self) -> impl Iterator<Item = (Ticket, &OwnedFd)> {
        self.instances.iter().filter_map(|(ticket, one)| match one {
            Instance::Lives { pidfd, .. } => Some((*ticket, &**pidfd)),
            Instance::Ordered { .. } => None,
        })
    }

    /// How many processes live that we made or adopted.
    #[must_use]
    pub fn count(&self) -> usize {
        self.instances
            .values()
            .filter(|one| matches!(one, Instance::Lives { .. }))
            .count()
    }

    /// Sends a signal to one process, and SIGCONT after it if `wake`. Whether it was there.
    ///
    /// # Errors
    /// When we may not: the process changed its user, and we are not root.
    pub fn signal(&self, ticket: Ticket, signal: Signal, wake: bool) -> io::Result<bool> {
        match self.instances.get(&ticket) {
            Some(Instance::Lives { pidfd, .. }) => signal::send(pidfd, signal, wake),
            Some(Instance::Ordered { .. }) | None => Ok(false),
        }
    }

    /// Sends a signal to every process of the unit, and SIGCONT after it if `wake`. How many were
    /// there, at least.
    pub fn signal_all(&mut self, unit: &UnitName, signal: Signal, wake: bool) -> usize {
        let kill = signal == Signal::KILL;
        if let Some(entry) = self.units.get_mut(unit) {
            entry.killing |= kill;
        }
        let mut reached = HashSet::new();
        if let Some(cgroups) = self.cgroups.clone() {
            // Those we made first, wherever they are by now: whoever they fork from here on is in
            // the list that is read afterwards, which mostly holds nobody else.
            for leader in self
                .units
                .get(unit)
                .into_iter()
                .flat_map(|unit| &unit.leaders)
            {
                if leader.lives && signal::send(&leader.pidfd, signal, wake).unwrap_or(false) {
                    reached.insert(leader.pid);
                }
            }
            let there = if kill {
                cgroups.processes(unit)
            } else {
                Vec::new()
            };
            if !there.is_empty() && cgroups.kill(unit).is_ok() {
                reached.extend(there);
            } else {
                signal::send_cgroup(&cgroups, unit, signal, wake, &mut reached);
            }
            return reached.len();
        }
        self.find_others(unit);
        let Some(entry) = self.units.get(unit) else {
            return reached.len();
        };
        for leader in &entry.leaders {
            if leader.lives && !reached.contains(&leader.pid) {
                let sent = signal::send_group(&leader.pidfd, signal, wake)
                    | signal::send(&leader.pidfd, signal, wake).unwrap_or(false);
                reached.extend(sent.then_some(leader.pid));
            } else if !leader.lives {
                signal::send_group(&leader.pidfd, signal, wake);
            }
        }
        for other in &entry.others {
            if !reached.contains(&other.pid)
                && signal::send(&other.pidfd, signal, wake).unwrap_or(false)
            {
                reached.insert(other.pid);
            }
        }
        reached.len()
    }

    /// Begins to watch for the unit's last process to end; true when none is left already. Later
    /// [`Processes::look`] says so.
    pub fn watch_empty(&mut self, unit: &UnitName) -> bool {
        self.units.entry(unit.clone()).or_default().watched = true;
        let empty = self.find_empty(std::slice::from_ref(unit));
        for unit in &empty {
            self.stop_watching(unit);
        }
        !empty.is_empty()
    }

    /// The watched units that have become empty. To be called when the descriptor
    /// ([`AsFd`]) is readable, and at the end of a turn in which something has exited.
    pub fn look(&mut self) -> Vec<UnitName> {
        if !self.watch.is_due() {
            return Vec::new();
        }
        let watched: Vec<UnitName> = self
            .units
            .iter()
            .filter(|(_, unit)| unit.watched && !unit.leaders.iter().any(|leader| leader.lives))
            .map(|(name, _)| name.clone())
            .collect();
        if watched.is_empty() {
            return Vec::new();
        }
        let began = Instant::now();
        let empty = self.find_empty(&watched);
        for unit in &empty {
            self.stop_watching(unit);
        }
        // A look that has found what it looked for is not repeated.
        if empty.len() < watched.len() {
            self.watch.took(began.elapsed());
        }
        empty
    }

    fn stop_watching(&mut self, name: &UnitName) {
        if let Some(unit) = self.units.get_mut(name) {
            unit.watched = false;
        }
        self.watch.forget_group(name);
    }

    /// Those of the units that have no process left. Everybody found is watched from then on.
    fn find_empty(&mut self, units: &[UnitName]) -> Vec<UnitName> {
        if let Some(cgroups) = self.cgroups.clone() {
            return self.find_empty_groups(&cgroups, units);
        }
        let mut in_doubt = Vec::new();
        let mut empty = Vec::new();
        let strays = self.has_strays();
        for name in units {
            let Some(unit) = self.units.get_mut(name) else {
                empty.push(name.clone());
                continue;
            };
            unit.others.retain(|other| signal::exists(&other.pidfd));
            if unit.leaders.iter().any(|leader| leader.lives) || !unit.others.is_empty() {
                continue;
            }
            unit.leaders
                .retain(|leader| signal::group_exists(&leader.pidfd));
            if unit.leaders.is_empty() && !strays {
                empty.push(name.clone());
            } else {
                in_doubt.push(name.clone());
            }
        }
        if in_doubt.is_empty() {
            return empty;
        }
        self.seen = None;
        for name in in_doubt {
            self.find_others(&name);
            let Some(unit) = self.units.get(&name) else {
                continue;
            };
            if unit.others.is_empty() {
                empty.push(name);
            } else if unit.killing {
                for other in &unit.others {
                    // Whoever is gone by now needs no signal.
                    let _ = signal::send(&other.pidfd, Signal::KILL, false);
                }
            }
        }
        empty
    }

    fn find_empty_groups(&mut self, cgroups: &Cgroups, units: &[UnitName]) -> Vec<UnitName> {
        let mut empty = Vec::new();
        for name in units {
            let lives = self
                .units
                .get(name)
                .is_some_and(|unit| unit.leaders.iter().any(|leader| leader.lives));
            if lives {
                continue;
            }
            if cgroups.is_populated(name) {
                // The second look is for a process that ended before the watch began.
                self.watch.watch_group(name, &cgroups.events_file(name));
                if cgroups.is_populated(name) {
                    continue;
                }
            }
            empty.push(name.clone());
        }
        empty
    }

    /// The pids of every process of the unit, in order.
    pub fn pids(&mut self, name: &UnitName) -> Vec<u32> {
        let mut pids = match self.cgroups.clone() {
            Some(cgroups) => cgroups.processes(name),
            None => {
                let seen = self.look_around();
                seen.others.get(name).cloned().unwrap_or_default()
            }
        };
        let leaders = self
            .units
            .get(name)
            .into_iter()
            .flat_map(|unit| &unit.leaders);
        pids.extend(
            leaders
                .filter(|leader| leader.lives)
                .map(|leader| leader.pid),
        );
        units::sort::all(&mut pids);
        pids.dedup();
        pids
    }

    /// The unit a process belongs to.
    pub fn unit_of(&mut self, pid: u32) -> Option<UnitName> {
        let names: Vec<UnitName> = self.units.keys().cloned().collect();
        names
            .into_iter()
            .find(|name| self.pids(name).contains(&pid))
    }

    /// Every process of the unit with its command line, in order of pid. For people: reading the
    /// command line of a process that hangs in the kernel can take long.
    pub fn members(&mut self, name: &UnitName) -> Vec<Member> {
        let pids = self.pids(name).into_iter();
        pids.filter_map(|pid| {
            Some(Member {
                pid,
                command: procfs::command(pid)?,
            })
        })
        .collect()
    }

    /// Whether the keeper would learn how this process ends.
    #[must_use]
    pub fn is_child_of_keeper(&self, pid: u32) -> bool {
        procfs::stat(pid).is_some_and(|stat| stat.parent == self.keeper && !stat.is_zombie)
    }

    /// Puts processes that somebody else started into the unit's control group.
    ///
    /// # Errors
    /// A sentence that says who is not in it, and why. Then nobody knows who else is.
    pub fn gather(&mut self, unit: &UnitName, pids: &[u32]) -> Result<(), String> {
        let Some(cgroups) = &self.cgroups else {
            return Err("without control groups nobody could tell its processes".to_owned());
        };
        if let Some(pid) = pids.iter().find(|pid| self.is_ours(**pid)) {
            return Err(format!("process {pid} is ours"));
        }
        let gathered = cgroups.gather(unit, pids);
        if gathered.is_err() {
            let _ = cgroups.remove(unit);
        }
        gathered
    }

    /// Whether it is the manager or the keeper.
    fn is_ours(&self, pid: u32) -> bool {
        pid <= 1 || pid == std::process::id() || pid == self.keeper
    }

    /// The unit's run is over: forgets its past, and removes its control group if it is empty.
    pub fn release(&mut self, name: &UnitName) {
        self.stop_watching(name);
        if let Some(unit) = self.units.get_mut(name) {
            unit.leaders.retain(|leader| leader.lives);
            unit.others.clear();
            unit.killing = false;
            if unit.leaders.is_empty() && unit.ordered == 0 {
                self.units.remove(name);
                if let Some(cgroups) = &self.cgroups {
                    // Leftovers keep it; the next run of the unit finds them there.
                    let _ = cgroups.remove(name);
                }
            }
        }
    }
}

/// Readable when [`Processes::look`] has something to look at.
impl AsFd for Processes {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}
