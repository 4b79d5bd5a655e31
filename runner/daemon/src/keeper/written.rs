//! Writing down what there is ([`super::journal`]), and taking over what a keeper before us has
//! written: after it was killed, or has made room for another program.
//!
//! The heir finds everything but two: it is not the parent of the processes, see
//! [`super::fosters`]; and the manager that lives is a child of somebody else now, so what it starts
//! would not be ours. It is killed, which costs nothing, and what it and newborn children had still
//! to say is in the socket that was written down too. As long as the store has that, nobody notices
//! that there is no keeper; when the store is given up, the manager hears end-of-file and stops
//! everything.

use std::collections::{BTreeSet, VecDeque};
use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::PidfdFlags;

use super::fosters::Fosters;
use super::journal::{Entry, Found, Journal, NAME, Sheet};
use super::launch::{FIRST_SOCKET, Launch, inherited_count};
use super::outer::Outer;
use super::system::{self, adopt_fd, as_pid, listen_to_signals};
use super::table::{Change, Child, Table, is_passing};
use super::telling::Telling;
use super::{Keeper, Manager, Next, Settings, now, pid_file, say};

/// Held beside what managers hold, by names that no manager uses: our own pidfd, our end of the
/// manager's socket, and its pidfd.
const OWN: &str = ":keeper";
const MANAGER_SOCKET: &str = ":manager-socket";
const MANAGER: &str = ":manager";

/// Snapshots may take one part in so many of the time.
const SHARE: u64 = 20;

/// How long a killed manager may take to be gone, in seconds.
const PATIENCE: i64 = 10;

/// Everything about writing down.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) journal: Journal,
    /// A snapshot is wanted, not before this time.
    wanted: bool,
    not_before: u64,
}

impl Written {
    pub(super) fn new(journal: Journal) -> Written {
        Written {
            journal,
            wanted: true,
            not_before: 0,
        }
    }

    /// When something is to be written although nothing happens.
    pub(super) fn due(&self) -> Option<u64> {
        self.wanted.then_some(self.not_before)
    }
}

/// The store of the service manager that runs us gets a new journal, if there is one.
pub(super) fn begin(outer: &mut Outer, table: &mut Table) -> Option<Written> {
    if !outer.is_there() || std::process::id() == 1 {
        return None;
    }
    let journal = Journal::new().ok()?;
    // What a keeper left that ended in order is of no use.
    outer.notify(format!("FDSTOREREMOVE=1\nFDNAME={NAME}"), Vec::new());
    let ends = journal.ends().map(|end| end.try_clone_to_owned().ok());
    // A hung-up end is as good as any: it is read.
    let text = format!("FDSTORE=1\nFDPOLL=0\nFDNAME={NAME}");
    outer.notify(text, ends.into_iter().flatten().collect());
    table.changes = Some(Vec::new());
    Some(Written::new(journal))
}

impl Keeper {
    /// What is asked for again and again is written down only once it is time.
    pub(super) fn wants_snapshot(&mut self) {
        if let Some(written) = &mut self.written {
            written.wanted = true;
            written.not_before = 0;
        }
    }

    /// What is held no longer is in no journal either, before anybody is answered.
    pub(super) fn lets_go_at_once(&mut self) {
        let stale = self.table.stale;
        if self.written.as_ref().is_some_and(|written| written.wanted) || stale {
            self.wants_snapshot();
        }
    }

    /// Writes down what is different from what was written before.
    pub(super) fn write_down(&mut self) {
        let Some(mut written) = self.written.take() else {
            return;
        };
        let changes = self.table.changes.replace(Vec::new()).unwrap_or_default();
        written.wanted |= std::mem::take(&mut self.table.stale);
        let time = now();
        let due = written.wanted && written.not_before <= time || written.journal.is_long();
        let outcome = if due {
            self.snapshot(&mut written)
        } else {
            match self.write_changes(&mut written.journal, &changes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.snapshot(&mut written)
                }
                outcome => outcome,
            }
        };
        match outcome {
            Ok(()) => self.written = Some(written),
            Err(error) => {
                say(&format!(
                    "what is held cannot be written down for a keeper after this one: {error}"
                ));
                self.give_journal_up(written);
            }
        }
    }

    /// Ends and leaves everything as it is, for a keeper after this one.
    pub(super) fn hand_over(&mut self) -> ExitCode {
        if self.written.is_none() {
            say("nobody keeps what is held: everything will be stopped");
        }
        ExitCode::SUCCESS
    }

    /// Nobody after us shall find anything.
    pub(super) fn give_journal_up(&mut self, mut written: Written) {
        written.journal.forget();
        self.table.changes = None;
        self.outer
            .notify(format!("FDSTOREREMOVE=1\nFDNAME={NAME}"), Vec::new());
    }

    fn snapshot(&self, written: &mut Written) -> io::Result<()> {
        let began = now();
        let specials: Vec<(String, OwnedFd)> = [
            (OWN, pidfd(std::process::id())),
            (
                MANAGER,
                self.manager.as_ref().and_then(|one| pidfd(one.pid)),
            ),
        ]
        .into_iter()
        .filter_map(|(key, fd)| Some((key.to_owned(), fd?)))
        .collect();
        let socket_key = MANAGER_SOCKET.to_owned();
        let socket = self.manager.as_ref().and_then(|one| one.socket.as_ref());
        let mut held: Vec<(&String, BorrowedFd<'_>)> = self
            .table
            .fds
            .iter()
            .filter(|(key, _)| !is_passing(key))
            .map(|(key, fd)| (key, fd.as_fd()))
            .collect();
        held.extend(specials.iter().map(|(key, fd)| (key, fd.as_fd())));
        held.extend(socket.map(|socket| (&socket_key, socket.as_fd())));
        let own = self.own_pidfds(self.table.children.iter());
        let children: Vec<_> = own
            .iter()
            .map(|(instance, child, fd)| (*instance, *child, fd.as_fd()))
            .collect();
        let exits: Vec<_> = self.table.exits.iter().cloned().collect();
        written
            .journal
            .snapshot(self.sheet(), &held, &children, &exits)?;
        let took = now().saturating_sub(began);
        written.wanted = false;
        written.not_before = now().saturating_add(took.saturating_mul(SHARE));
        Ok(())
    }

    /// Children with their pidfds. One without is dead, and there is an exit for it soon.
    fn own_pidfds<'a>(
        &self,
        children: impl Iterator<Item = (&'a u64, &'a Child)>,
    ) -> Vec<(u64, &'a Child, OwnedFd)> {
        children
            .filter_map(|(instance, child)| {
                let pidfd = match self.table.fosters.get(instance) {
                    Some(pidfd) => pidfd.try_clone().ok(),
                    None => pidfd(child.pid),
                };
                Some((*instance, child, pidfd?))
            })
            .collect()
    }

    fn write_changes(&self, journal: &mut Journal, changes: &[Change]) -> io::Result<()> {
        let mut keys = BTreeSet::new();
        let mut children = BTreeSet::new();
        let mut ended = BTreeSet::new();
        let mut acknowledged = Vec::new();
        let mut signals = false;
        for change in changes {
            match change {
                Change::Fd(key) => drop(keys.insert(key)),
                Change::Child(instance) => drop(children.insert(*instance)),
                Change::Ended(seq) => drop(ended.insert(*seq)),
                Change::Acknowledged(seq) => acknowledged.push(*seq),
                Change::Signals => signals = true,
            }
        }
        if signals {
            journal.write(&Entry::Sheet(Box::new(self.sheet())), &[])?;
        }
        let (held, gone): (Vec<_>, Vec<_>) = keys
            .into_iter()
            .partition(|key| self.table.fds.contains_key(*key));
        // One by one: a burst is rare, and an entry has room for so many only.
        for key in held {
            let fds: Vec<_> = self
                .table
                .fds
                .get(key)
                .map(AsFd::as_fd)
                .into_iter()
                .collect();
            journal.write(&Entry::Held(vec![key.clone()]), &fds)?;
        }
        if !gone.is_empty() {
            journal.write(&Entry::LetGo(gone.into_iter().cloned().collect()), &[])?;
        }
        let born = children
            .iter()
            .filter_map(|instance| self.table.children.get_key_value(instance));
        for (instance, child, pidfd) in self.own_pidfds(born) {
            let entry = Entry::Children(vec![(instance, child.clone())]);
            journal.write(&entry, &[pidfd.as_fd()])?;
        }
        let exits = self.table.exits.iter();
        let exits: Vec<_> = exits
            .filter(|exit| ended.contains(&exit.seq))
            .cloned()
            .collect();
        if !exits.is_empty() {
            journal.write(&Entry::Ended(exits), &[])?;
        }
        if !acknowledged.is_empty() {
            journal.write(&Entry::Acknowledged(acknowledged), &[])?;
        }
        Ok(())
    }

    fn sheet(&self) -> Sheet {
        let settings = &self.settings;
        Sheet {
            keeper: std::process::id(),
            uid: rustix::process::geteuid().as_raw(),
            runtime_dir: settings.runtime_dir.as_os_str().as_bytes().to_vec(),
            pid_file: settings
                .pid_file
                .as_ref()
                .map(|path| path.as_os_str().as_bytes().to_vec()),
            one_command: settings.one_command,
            fresh: settings.fresh,
            stop_limit: Some(settings.stop_limit).filter(|limit| *limit != u64::MAX),
            manager: self.manager.as_ref().map(|manager| manager.pid),
            generation: self.generation,
            ladder: self.ladder.clone(),
            rolled_back: self.rolled_back,
            highest: self.table.highest,
            seq: self.table.seq,
            signals: self.table.signals.iter().copied().collect(),
            signals_seq: self.table.signals_seq,
        }
    }
}

/// What a keeper before us has left.
#[derive(Debug)]
pub(super) struct Legacy {
    journal: Journal,
    found: Found,
}

impl Legacy {
    /// Takes what is among the descriptors we were started with, and hides it from everybody else.
    pub(super) fn take() -> Option<Legacy> {
        let names = env::var("LISTEN_FDNAMES").ok()?;
        let count = inherited_count();
        let ours: Vec<usize> = (0..usize::try_from(count).unwrap_or(0))
            .zip(names.split(':'))
            .filter(|(_, name)| *name == NAME)
            .map(|(at, _)| at)
            .collect();
        // What is stored follows all sockets (sd_listen_fds(3)).
        let first = *ours.first()?;
        let sockets: Vec<&str> = names.split(':').take(first).collect();
        #[allow(
            unsafe_code,
            reason = "std and descriptors by number offer no other way"
        )]
        // SAFETY: this is called before there is a second thread that could read the environment,
        // and what it says of these descriptors is gone when they are taken.
        let ends: Vec<OwnedFd> = unsafe {
            env::set_var("LISTEN_FDS", first.to_string());
            env::set_var("LISTEN_FDNAMES", sockets.join(":"));
            let numbers = ours.iter().filter_map(|at| RawFd::try_from(*at).ok());
            numbers
                .filter_map(|at| adopt_fd(FIRST_SOCKET.saturating_add(at)).ok())
                .collect()
        };
        let ends: [OwnedFd; 2] = ends.try_into().ok()?;
        let (journal, found) = Journal::open(ends).ok()?;
        let found = found?;
        Some(Legacy { journal, found })
    }
}

/// Goes on as the heir.
pub(super) fn inherit(legacy: Legacy) -> ExitCode {
    match Keeper::inherit(legacy).and_then(Keeper::succeed) {
        Ok(Ok(keeper)) => keeper.reign(),
        Ok(Err(end)) => end,
        Err(error) => {
            say(&format!(
                "cannot take over from the keeper before this one: {error}"
            ));
            ExitCode::FAILURE
        }
    }
}

impl Keeper {
    fn inherit(legacy: Legacy) -> io::Result<Keeper> {
        let Legacy { journal, found } = legacy;
        let Found {
            sheet,
            mut held,
            children,
            exits,
        } = found;
        let before = held.remove(OWN);
        if before.is_some_and(|pidfd| !system::has_ended(pidfd.as_fd())) {
            let message = format!("process {} still is it", sheet.keeper);
            return Err(io::Error::other(message));
        }
        crate::supervisord::privileges::become_user(sheet.uid).map_err(io::Error::other)?;
        let settings = Settings {
            arguments: env::args_os().collect(),
            runtime_dir: OsStr::from_bytes(&sheet.runtime_dir).into(),
            pid_file: sheet.pid_file.map(|path| OsStr::from_bytes(&path).into()),
            one_command: sheet.one_command,
            fresh: sheet.fresh,
            stop_limit: sheet.stop_limit.unwrap_or(u64::MAX),
        };
        let launch = Launch::prepare(&settings)?;
        let outer = Outer::from_environment();
        let socket = held.remove(MANAGER_SOCKET);
        let manager = held.remove(MANAGER).zip(sheet.manager);
        if let Some((pidfd, pid)) = &manager {
            end(pidfd.as_fd(), *pid)?;
        }
        let mut table = Table::default();
        table.highest = sheet.highest;
        table.seq = sheet.seq;
        table.signals = sheet.signals.into();
        table.signals_seq = sheet.signals_seq;
        table.exits = exits.into();
        table.fds = held;
        let mut fosters = Fosters::new()?;
        for (instance, (child, pidfd)) in children {
            fosters.watch(instance, &pidfd);
            table.insert_foster(instance, child, pidfd);
        }
        let last = table.exits.back().map_or(0, |exit| exit.seq);
        table.seq = table.seq.max(last);
        table.changes = Some(Vec::new());
        if let Some(lock) = table.fds.get("lock") {
            super::lock::sign(lock)?;
        }
        let pid = settings.runtime_dir.join("pid");
        for path in [Some(&pid), settings.pid_file.as_ref()]
            .into_iter()
            .flatten()
        {
            if let Err(error) = pid_file::write(path) {
                say(&format!("cannot write {}: {error}", path.display()));
            }
        }
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        Ok(Keeper {
            launch,
            signals: listen_to_signals(settings.one_command)?,
            settings,
            hang: super::hang_timer()?,
            outer,
            table,
            ladder: sheet.ladder,
            manager: manager.map(|(_, pid)| Manager {
                pid,
                socket,
                telling: Telling::silent(),
                answers: VecDeque::new(),
                shot: false,
                asked: false,
                quit: None,
            }),
            next: Next::StartAt(0),
            generation: sheet.generation,
            previous_program: None,
            rolled_back: sheet.rolled_back,
            unclaimed: Vec::new(),
            death: None,
            trial: None,
            fosters,
            is_heir: true,
            written: Some(Written::new(journal)),
            handing_over: false,
        })
    }

    /// Hears what the manager before had still to say; then there is a new one, unless it had said
    /// that everything is over.
    fn succeed(mut self) -> io::Result<Result<Keeper, ExitCode>> {
        self.death = Some(libc::SIGKILL);
        self.fence();
        self.death = None;
        let quit = self.manager.take().and_then(|manager| manager.quit);
        if let Some((status, _)) = quit {
            return Ok(Err(self.finish(status)));
        }
        say(&format!(
            "taking over {} processes and {} descriptors from the keeper before this one",
            self.table.children.len(),
            self.table.fds.len()
        ));
        self.ladder.ready_since = None;
        self.ladder.last_death = None;
        self.ladder.failed_starts = 0;
        Ok(Ok(self))
    }
}

/// Kills the manager before, and waits until it is gone: nobody else shall read its pipes then.
fn end(pidfd: BorrowedFd<'_>, pid: u32) -> io::Result<()> {
    system::kill_by(pidfd, libc::SIGKILL.unsigned_abs());
    let patience = Timespec {
        tv_sec: PATIENCE,
        tv_nsec: 0,
    };
    let _ = rustix::event::poll(
        &mut [PollFd::from_borrowed_fd(pidfd, PollFlags::IN)],
        Some(&patience),
    );
    match system::has_ended(pidfd) {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "its manager, process {pid}, cannot be killed"
        ))),
    }
}

fn pidfd(pid: u32) -> Option<OwnedFd> {
    rustix::process::pidfd_open(as_pid(pid)?, PidfdFlags::empty()).ok()
}
