//! Which processes belong to a unit besides the ones we made, where there are no control groups: by
//! descent, by session, and by the mark of the run (`INVOCATION_ID`).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use units::UnitName;

use super::super::procfs::{self, Stat};
use super::super::signal;
use super::{Leader, Membership, Other, Processes, Unit};

/// How long one look at `/proc` serves the signals of many units that stop together.
const SEEN_FOR: Duration = Duration::from_millis(5);

/// One look at all processes: how each was then, and which belonged to a unit without being one of
/// its leaders.
#[derive(Debug)]
pub(super) struct Seen {
    at: Instant,
    started: HashMap<u32, u64>,
    pub others: HashMap<UnitName, Vec<u32>>,
}

impl Processes {
    /// Whether the keeper has children that we have not made: whoever outlived its parent.
    pub(super) fn has_strays(&self) -> bool {
        let Some(children) = procfs::children(self.keeper) else {
            return true;
        };
        let known: HashSet<u32> = self
            .units
            .values()
            .flat_map(|unit| &unit.leaders)
            .filter(|leader| leader.lives)
            .map(|leader| leader.pid)
            .chain([std::process::id()])
            .collect();
        children.iter().any(|pid| !known.contains(pid))
    }

    /// A look at `/proc`, at most [`SEEN_FOR`] old: one serves all units that stop together.
    pub(super) fn look_around(&mut self) -> Arc<Seen> {
        match &self.seen {
            Some(seen) if seen.at.elapsed() < SEEN_FOR => Arc::clone(seen),
            _ => {
                let at = Instant::now();
                let all = procfs::all();
                let others = self.sort(&all);
                let started = all.iter().map(|(pid, stat)| (*pid, stat.started)).collect();
                let seen = Arc::new(Seen {
                    at,
                    started,
                    others,
                });
                self.seen = Some(Arc::clone(&seen));
                seen
            }
        }
    }

    /// Enters the unit's processes that we have not made into its list, by pidfd.
    pub(super) fn find_others(&mut self, name: &UnitName) {
        let seen = self.look_around();
        let Some(unit) = self.units.get_mut(name) else {
            return;
        };
        unit.others.retain(|other| signal::exists(&other.pidfd));
        for pid in seen.others.get(name).into_iter().flatten().copied() {
            if unit.others.iter().any(|other| other.pid == pid) {
                continue;
            }
            let Some(pidfd) = signal::open(pid) else {
                continue;
            };
            // The number may have been given to somebody else since the look.
            if procfs::stat(pid).map(|now| now.started) != seen.started.get(&pid).copied() {
                continue;
            }
            self.watch.watch_process(&pidfd);
            unit.others.push(Other { pid, pidfd });
        }
    }

    /// Whose each process is that is not a leader: climbs from it towards the keeper until that is
    /// clear.
    fn sort(&self, all: &HashMap<u32, Stat>) -> HashMap<UnitName, Vec<u32>> {
        let mut leading = HashMap::new();
        let mut sessions = HashMap::new();
        let mut runs = HashMap::new();
        for (name, unit) in &self.units {
            runs.extend(unit.invocation.map(|run| (run.to_string(), name)));
            for leader in &unit.leaders {
                if leader.lives {
                    leading.insert(leader.pid, name);
                }
                if leader.lives || !all.contains_key(&leader.pid) {
                    sessions.insert(leader.pid, name);
                }
            }
        }
        let mut verdicts: HashMap<u32, Option<&UnitName>> = HashMap::new();
        let mut sorted: HashMap<UnitName, Vec<u32>> = HashMap::new();
        for (pid, stat) in all {
            if stat.is_zombie || leading.contains_key(pid) {
                continue;
            }
            let mut climbed = Vec::new();
            let mut at = *pid;
            let verdict = loop {
                if let Some(known) = verdicts.get(&at) {
                    break *known;
                }
                if let Some(name) = leading.get(&at) {
                    break Some(*name);
                }
                let Some(stat) = all.get(&at).filter(|_| at != std::process::id()) else {
                    break None;
                };
                climbed.push(at);
                if let Some(name) = sessions.get(&stat.session) {
                    break Some(*name);
                }
                if stat.parent == self.keeper {
                    let mark = procfs::variable(at, "INVOCATION_ID");
                    break mark.and_then(|mark| runs.get(&mark).copied());
                }
                // A circle can be seen while processes change their parents.
                if stat.parent == 0 || climbed.len() > all.len() {
                    break None;
                }
                at = stat.parent;
            };
            verdicts.extend(climbed.into_iter().map(|pid| (pid, verdict)));
            if let Some(name) = verdict {
                sorted.entry(name.clone()).or_default().push(*pid);
            }
        }
        sorted
    }

    /// Whether a process belongs to the unit, for those who decide whom to believe. `uid` is the
    /// unit's user: a process that nobody's descent vouches for must at least run as it, or as root.
    #[must_use]
    pub fn membership(&self, name: &UnitName, pid: u32, uid: u32) -> Membership {
        let Some(unit) = self.units.get(name) else {
            return Membership::Stranger;
        };
        if unit
            .leaders
            .iter()
            .any(|leader| leader.lives && leader.pid == pid)
        {
            return Membership::Member;
        }
        if let Some(cgroups) = &self.cgroups {
            return match cgroups.contains(name, pid) {
                Some(true) => Membership::Member,
                Some(false) => Membership::Stranger,
                None => Membership::Gone,
            };
        }
        let mut at = pid;
        // Longer than any tree of processes people make; a circle cannot hold us for ever.
        for _ in 0..1000 {
            let Some(stat) = procfs::stat(at) else {
                return if at == pid {
                    Membership::Gone
                } else {
                    Membership::Stranger
                };
            };
            let leads = |leader: &Leader| leader.lives && leader.pid == stat.parent;
            if unit.leaders.iter().any(leads) || unit.owns_session(stat.session) {
                return Membership::Member;
            }
            if stat.parent == self.keeper {
                let mark = procfs::variable(at, "INVOCATION_ID");
                let marked = mark.is_some() && mark == unit.invocation.map(|run| run.to_string());
                let trusted = procfs::uid(at).is_some_and(|owner| owner == uid || owner == 0);
                return if marked && trusted {
                    Membership::Member
                } else {
                    Membership::Stranger
                };
            }
            if stat.parent == 0 {
                break;
            }
            at = stat.parent;
        }
        Membership::Stranger
    }
}

impl Unit {
    /// Whether the session was made by one of the unit's processes. The number is not given to
    /// another session while this one has members, but may be once it had none.
    fn owns_session(&self, session: u32) -> bool {
        self.leaders.iter().any(|leader| {
            leader.pid == session && (leader.lives || procfs::stat(session).is_none())
        })
    }
}
