//! What path units wait for: files that exist, change or come (systemd.path(5)), by inotify(7).
//!
//! One inotify descriptor serves all units. Everything here may block on a file system and belongs
//! on a thread of its own; the loop only learns from the descriptor that there is something to read.

mod directories;
mod look;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use engine::Ticket;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use units::UnitName;
use units::value::PathCheck;

use crate::reason::reason;

/// For whom something is watched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watcher {
    /// A path unit.
    Unit(UnitName),
    /// Ourselves: where local time is.
    Zone,
}

/// What is to be watched.
#[derive(Debug)]
pub struct Request {
    /// For whom; an earlier request of the same is over.
    pub watcher: Watcher,
    /// For the answers.
    pub ticket: Ticket,
    /// What to look for, and where.
    pub paths: Vec<(PathCheck, String)>,
    /// The access mode of directories that are made first; `None` makes none.
    pub make: Option<u32>,
    /// What [`Answer::Watched`] said to an earlier manager.
    pub seen: Vec<u64>,
}

/// What there is to say to a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing is as it should be yet; the paths look like this.
    Watched {
        /// Of the request.
        ticket: Ticket,
        /// A number for each path.
        seen: Vec<u64>,
    },
    /// A path is as it should be, or has changed. The request is over.
    Found {
        /// Of the request.
        ticket: Ticket,
        /// The path, or its pattern.
        path: String,
    },
    /// The paths cannot be watched. The request is over.
    Failed {
        /// Of the request.
        ticket: Ticket,
        /// A sentence with the path and the reason.
        message: String,
    },
}

/// So many nodes of file systems are watched at most, whatever the kernel would allow: a watch holds
/// kernel memory.
const MOST_WATCHES: usize = 16_384;

/// What happens to a directory above that matters while the next part of the path is missing.
const ABOVE: WatchFlags = WatchFlags::MOVE_SELF
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::ATTRIB);

/// And while it is there: only that the directory itself goes elsewhere.
const ABOVE_FOUND: WatchFlags = WatchFlags::MOVE_SELF;

/// What matters at the path itself.
fn flags_of(check: PathCheck) -> WatchFlags {
    let gone = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF | WatchFlags::ATTRIB;
    let changed = gone
        | WatchFlags::CLOSE_WRITE
        | WatchFlags::CREATE
        | WatchFlags::DELETE
        | WatchFlags::MOVED_FROM
        | WatchFlags::MOVED_TO;
    match check {
        PathCheck::Exists | PathCheck::ExistsGlob => gone,
        PathCheck::Changed => changed,
        PathCheck::Modified => changed | WatchFlags::MODIFY,
        PathCheck::DirectoryNotEmpty => gone | WatchFlags::CREATE | WatchFlags::MOVED_TO,
    }
}

/// A request that is not over.
#[derive(Debug)]
struct Watched {
    ticket: Ticket,
    specs: Vec<Spec>,
}

#[derive(Debug)]
struct Spec {
    check: PathCheck,
    path: String,
    /// Whether it was there when it was last looked at.
    existed: bool,
    seen: u64,
}

/// Why a node is watched.
#[derive(Debug, Clone)]
struct Interest {
    watcher: Watcher,
    spec: usize,
    flags: WatchFlags,
    /// It is the path itself, not a directory above.
    is_path: bool,
}

/// Everything that is watched.
#[derive(Debug)]
pub struct Watches {
    inotify: Arc<OwnedFd>,
    requests: BTreeMap<Watcher, Watched>,
    nodes: HashMap<i32, Vec<Interest>>,
}

impl Watches {
    /// Nothing yet.
    ///
    /// # Errors
    /// When there are too many inotify descriptors, or none at all; the sentence says so.
    pub fn new() -> Result<Watches, String> {
        let flags = CreateFlags::CLOEXEC | CreateFlags::NONBLOCK;
        let inotify = inotify::init(flags).map_err(|errno| match errno {
            Errno::MFILE => {
                "too many programs watch files (fs.inotify.max_user_instances)".to_owned()
            }
            other => format!("cannot watch files: {}", reason(&other.into())),
        })?;
        Ok(Watches {
            inotify: Arc::new(inotify),
            requests: BTreeMap::new(),
            nodes: HashMap::new(),
        })
    }

    /// The descriptor that is readable when something happened.
    pub fn descriptor(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.inotify)
    }

    /// Begins to watch.
    pub fn watch(&mut self, request: Request) -> Vec<Answer> {
        self.unwatch(&request.watcher);
        let ticket = request.ticket;
        if let Some(mode) = request.make {
            let made = request.paths.iter().try_for_each(|(check, path)| {
                if matches!(check, PathCheck::Exists | PathCheck::ExistsGlob) {
                    return Ok(());
                }
                directories::make(path, mode)
                    .map_err(|error| format!("cannot make {path}: {}", reason(&error)))
            });
            // As systemd: the path may be made by somebody else, and is waited for.
            if let Err(message) = made {
                tracing::warn!("{message}");
            }
        }
        let specs = request.paths.into_iter().map(|(check, path)| Spec {
            existed: look::exists(&path),
            check,
            path,
            seen: 0,
        });
        let specs = specs.collect();
        let watched = Watched { ticket, specs };
        self.requests.insert(request.watcher.clone(), watched);
        let answer = self.look(&request.watcher);
        let is_watched = matches!(answer, Some(Answer::Watched { .. }));
        let changed = self.differs(&request.watcher, &request.seen);
        match changed.filter(|_| is_watched) {
            Some(path) => {
                self.unwatch(&request.watcher);
                vec![Answer::Found { ticket, path }]
            }
            None => answer.into_iter().collect(),
        }
    }

    /// The first path that looks otherwise than it did, where one waits for changes.
    fn differs(&self, watcher: &Watcher, seen: &[u64]) -> Option<String> {
        let watched = self.requests.get(watcher)?;
        if watched.specs.len() != seen.len() {
            return None;
        }
        let mut pairs = watched.specs.iter().zip(seen);
        let changed = pairs.find(|(spec, seen)| spec.check.is_event() && spec.seen != **seen);
        changed.map(|(spec, _)| spec.path.clone())
    }

    /// Watches for this one no more.
    pub fn unwatch(&mut self, watcher: &Watcher) {
        if self.requests.remove(watcher).is_some() {
            self.drop_interests(watcher);
        }
    }

    fn drop_interests(&mut self, watcher: &Watcher) {
        let inotify = &self.inotify;
        self.nodes.retain(|node, interests| {
            interests.retain(|interest| interest.watcher != *watcher);
            if interests.is_empty() {
                // A node that is gone has taken its watch along.
                let _ = inotify::remove_watch(inotify, *node);
            }
            !interests.is_empty()
        });
    }

    /// Looks at the paths of a request, and watches what is to be watched now. What is found ends
    /// the request.
    fn look(&mut self, watcher: &Watcher) -> Option<Answer> {
        self.drop_interests(watcher);
        let watched = self.requests.get(watcher)?;
        let ticket = watched.ticket;
        if let Some(path) = self.found(watcher) {
            self.unwatch(watcher);
            return Some(Answer::Found { ticket, path });
        }
        let wanted: Vec<(usize, PathCheck, String)> = {
            let specs = self.requests.get(watcher)?.specs.iter().enumerate();
            specs
                .map(|(at, spec)| (at, spec.check, spec.path.clone()))
                .collect()
        };
        for (at, check, path) in wanted {
            if let Err(message) = self.watch_path(watcher, at, check, &path) {
                self.unwatch(watcher);
                return Some(Answer::Failed { ticket, message });
            }
        }
        // What came between the look and the watch would not be told.
        if let Some(path) = self.found(watcher) {
            self.unwatch(watcher);
            return Some(Answer::Found { ticket, path });
        }
        let watched = self.requests.get_mut(watcher)?;
        for spec in watched
            .specs
            .iter_mut()
            .filter(|spec| spec.check.is_event())
        {
            spec.seen = look::appearance(&spec.path);
        }
        let seen = watched.specs.iter().map(|spec| spec.seen).collect();
        Some(Answer::Watched { ticket, seen })
    }

    /// The first path of a request that is as it should be. One that waits for changes has changed
    /// when it came or went since the last look.
    fn found(&mut self, watcher: &Watcher) -> Option<String> {
        let watched = self.requests.get_mut(watcher)?;
        let mut found = None;
        for spec in &mut watched.specs {
            let good = match spec.check {
                PathCheck::Exists => look::exists(&spec.path),
                PathCheck::ExistsGlob => look::exists_glob(&spec.path),
                PathCheck::DirectoryNotEmpty => look::has_entry(&spec.path),
                PathCheck::Changed | PathCheck::Modified => {
                    let exists = look::exists(&spec.path);
                    std::mem::replace(&mut spec.existed, exists) != exists
                }
            };
            if good && found.is_none() {
                found = Some(spec.path.clone());
            }
        }
        found
    }

    /// Watches a path and every directory above it, as far as they are there. A symbolic link is
    /// watched as well as what it leads to.
    fn watch_path(
        &mut self,
        watcher: &Watcher,
        spec: usize,
        check: PathCheck,
        path: &str,
    ) -> Result<(), String> {
        let parts = parts_of(path);
        let last = parts.len() - 1;
        let mut above: Option<&str> = None;
        for (at, part) in parts.iter().enumerate() {
            // A pattern is nobody's name.
            if check == PathCheck::ExistsGlob && look::is_pattern(part) {
                break;
            }
            let is_path = at == last;
            let flags = if is_path { flags_of(check) } else { ABOVE };
            let interest = Interest {
                watcher: watcher.clone(),
                spec,
                flags,
                is_path,
            };
            for follow in [WatchFlags::DONT_FOLLOW, WatchFlags::empty()] {
                match self.add(part, follow, &interest) {
                    Ok(()) => {}
                    // What is missing, or not ours to look at, is waited for above.
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::LOOP) => {
                        return Ok(());
                    }
                    Err(errno) => return Err(cannot_watch(part, errno)),
                }
            }
            if let Some(above) = above.replace(part) {
                self.relax(watcher, spec, above);
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &str, follow: WatchFlags, interest: &Interest) -> Result<(), Errno> {
        if self.nodes.len() >= MOST_WATCHES {
            return Err(Errno::NOSPC);
        }
        let flags = interest.flags | follow | WatchFlags::MASK_ADD;
        let node = inotify::add_watch(&self.inotify, path, flags)?;
        let interests = self.nodes.entry(node).or_default();
        let same =
            |held: &&mut Interest| held.watcher == interest.watcher && held.spec == interest.spec;
        match interests.iter_mut().find(same) {
            // One node twice on one path, by links.
            Some(held) => {
                held.flags |= interest.flags;
                held.is_path |= interest.is_path;
            }
            None => interests.push(interest.clone()),
        }
        Ok(())
    }

    /// The next part of the path is there: of this directory only its own going matters any more,
    /// so that a busy directory wakes nobody.
    fn relax(&mut self, watcher: &Watcher, spec: usize, path: &str) {
        for follow in [WatchFlags::DONT_FOLLOW, WatchFlags::empty()] {
            let flags = ABOVE_FOUND | follow | WatchFlags::MASK_ADD;
            let Ok(node) = inotify::add_watch(&self.inotify, path, flags) else {
                continue;
            };
            let interests = self.nodes.entry(node).or_default();
            let own = |held: &&mut Interest| held.watcher == *watcher && held.spec == spec;
            match interests.iter_mut().find(own) {
                Some(held) if !held.is_path => held.flags = ABOVE_FOUND,
                Some(_) => {}
                None => interests.push(Interest {
                    watcher: watcher.clone(),
                    spec,
                    flags: ABOVE_FOUND,
                    is_path: false,
                }),
            }
            let all = interests
                .iter()
                .fold(WatchFlags::empty(), |all, held| all | held.flags);
            let _ = inotify::add_watch(&self.inotify, path, all | follow);
        }
    }

    /// Reads what happened, and says what that means.
    pub fn read(&mut self) -> Vec<(Watcher, Answer)> {
        let mut answers = Vec::new();
        let mut again: Vec<Watcher> = Vec::new();
        let mut overflow = false;
        let mut space = [MaybeUninit::uninit(); 16 * 1024];
        let inotify = Arc::clone(&self.inotify);
        let mut reader = inotify::Reader::new(inotify.as_fd(), &mut space);
        loop {
            let (node, happened) = match reader.next() {
                Ok(event) => (event.wd(), event.events()),
                Err(Errno::INTR) => continue,
                Err(_) => break,
            };
            overflow |= happened.contains(ReadFlags::QUEUE_OVERFLOW);
            let interests = match happened.contains(ReadFlags::IGNORED) {
                true => self.nodes.remove(&node).unwrap_or_default(),
                false => self.nodes.get(&node).cloned().unwrap_or_default(),
            };
            for interest in interests {
                let gone = happened.contains(ReadFlags::IGNORED);
                if !gone && happened.bits() & interest.flags.bits() == 0 {
                    continue;
                }
                let Some(watched) = self.requests.get(&interest.watcher) else {
                    continue;
                };
                let spec = watched.specs.get(interest.spec);
                match spec.filter(|spec| spec.check.is_event() && interest.is_path && !gone) {
                    Some(spec) => {
                        let (ticket, path) = (watched.ticket, spec.path.clone());
                        self.unwatch(&interest.watcher);
                        answers.push((interest.watcher, Answer::Found { ticket, path }));
                    }
                    None if again.contains(&interest.watcher) => {}
                    None => again.push(interest.watcher),
                }
            }
        }
        if overflow {
            // Nobody knows what was lost.
            again = self.requests.keys().cloned().collect();
        }
        for watcher in again {
            let answer = self.look_again(&watcher, overflow);
            answers.extend(answer.map(|answer| (watcher, answer)));
        }
        answers
    }

    fn look_again(&mut self, watcher: &Watcher, compare: bool) -> Option<Answer> {
        let watched = self.requests.get(watcher)?;
        let ticket = watched.ticket;
        let before: Vec<u64> = watched.specs.iter().map(|spec| spec.seen).collect();
        let answer = self.look(watcher);
        if compare && let Some(path) = self.differs(watcher, &before) {
            self.unwatch(watcher);
            return Some(Answer::Found { ticket, path });
        }
        answer
    }
}

/// The directories above a path, from the root on, and the path itself.
fn parts_of(path: &str) -> Vec<&str> {
    let ends = path.match_indices('/').map(|(at, _)| at.max(1));
    let mut parts: Vec<&str> = ends.filter_map(|end| path.get(..end)).collect();
    if path.len() > 1 {
        parts.push(path);
    }
    parts
}

fn cannot_watch(path: &str, errno: Errno) -> String {
    let why = match errno {
        Errno::NOSPC => "too many files are watched (fs.inotify.max_user_watches)".to_owned(),
        other => reason(&io::Error::from(other)),
    };
    format!("cannot watch {path}: {why}")
}

#[cfg(test)]
mod tests;
