//! The keeper goes on as another program: same pid, same children, same descriptors.
//!
//! The table is written into a memfd. The new program reads a copy of it first, as a child, which
//! is its self-test: what fails there costs nothing. Then the keeper executes it, every descriptor
//! at its number. Pending signals and exits wait in the kernel meanwhile; the manager notices
//! nothing.

use std::collections::{BTreeMap, VecDeque};
use std::env;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, Seek};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use engine::json;
use rustix::fs::MemfdFlags;
use rustix::io::FdFlags;
use serde::{Deserialize, Serialize};

use super::fosters::Fosters;
use super::journal::Journal;
use super::ladder::Ladder;
use super::launch::{Launch, environment_with};
use super::outer::Outer;
use super::system::{Birth, adopt_fd, become_program, give_birth, listen_to_signals};
use super::table::Table;
use super::telling::Telling;
use super::wire::{Kind, Record};
use super::written::{self, Legacy, Written};
use super::{Keeper, Manager, Next, Settings, beginning, now, say};

/// The environment variable that makes a process a keeper that goes on, its self-test, or one that
/// was prepared: `WORD FD PID`, PID being the keeper's.
const VARIABLE: &str = "RUNNER_KEEPER";
const GO_ON: &str = "go-on";
const TEST: &str = "test";
const BEGIN: &str = "begin";

/// How long a self-test may take, in microseconds.
const TEST_LIMIT: u64 = 10_000_000;

/// A new program on trial.
#[derive(Debug)]
pub(super) struct Trial {
    program: OwnedFd,
    /// The child that tests it.
    pub(super) test: u32,
    /// When it is killed.
    pub(super) until: u64,
    /// It passed.
    passed: bool,
}

/// What was handed to this process by the keeper it was, or whose child it is, or whose heir.
#[derive(Debug)]
pub struct Resumption(Handed);

#[derive(Debug)]
enum Handed {
    /// By the very process, or its parent.
    Table(OwnedFd, What),
    /// By one that is dead.
    Legacy(Box<Legacy>),
}

/// What such a process is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    GoOn,
    Test,
    Begin,
}

/// The variable with which this process becomes a keeper that it has prepared itself.
pub(super) fn variable_to_begin(table: &impl AsRawFd) -> String {
    format!("{VARIABLE}={BEGIN} {} {}", table.as_raw_fd(), own_pid())
}

impl Resumption {
    /// Takes it, and what says so out of the environment. `None` for a process that was not
    /// started as a keeper that goes on, nor as the self-test of one, and has nothing to inherit.
    #[must_use]
    pub fn take() -> Option<Resumption> {
        let handed = Resumption::take_table().or_else(|| {
            let legacy = Legacy::take()?;
            Some(Handed::Legacy(Box::new(legacy)))
        });
        handed.map(Resumption)
    }

    fn take_table() -> Option<Handed> {
        let text = env::var(VARIABLE).ok()?;
        let mut words = text.split(' ');
        let what = match words.next()? {
            GO_ON => What::GoOn,
            TEST => What::Test,
            BEGIN => What::Begin,
            _ => return None,
        };
        let fd = words.next()?.parse().ok()?;
        let keeper: i32 = words.next()?.parse().ok()?;
        let own = rustix::process::getpid();
        let expected = if what == What::Test {
            rustix::process::getppid()?
        } else {
            own
        };
        if expected != rustix::process::Pid::from_raw(keeper)? {
            return None; // a variable that leaked
        }
        #[allow(
            unsafe_code,
            reason = "std and a descriptor by number offer no other way"
        )]
        // SAFETY: this is called before there is a second thread that could read the environment,
        // and the keeper left the descriptor open for us under a name that is gone now.
        let table = unsafe {
            env::remove_var(VARIABLE);
            adopt_fd(fd)
        };
        Some(Handed::Table(table.ok()?, what))
    }
}

/// Goes on as the keeper this process was, tests whether it could, or begins as the one that was
/// prepared.
#[must_use]
pub fn resume(resumption: Resumption) -> ExitCode {
    let (table, what) = match resumption.0 {
        Handed::Table(table, what) => (table, what),
        Handed::Legacy(legacy) => return written::inherit(*legacy),
    };
    if what == What::Begin {
        return match beginning::unpack(table) {
            Ok((settings, lock, held)) => super::reign(settings, lock, held),
            Err(error) => {
                say(&format!("cannot read what was prepared: {error}"));
                ExitCode::FAILURE
            }
        };
    }
    let frozen = Frozen::read(table);
    match frozen {
        Ok(_) if what == What::Test => ExitCode::SUCCESS,
        Ok(frozen) => match frozen.thaw() {
            Ok(keeper) => keeper.reign(),
            Err(error) => {
                say(&format!(
                    "cannot go on after the upgrade of the keeper: {error}"
                ));
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            say(&format!("cannot read the table of the keeper: {error}"));
            ExitCode::FAILURE
        }
    }
}

impl Keeper {
    /// Starts the self-test of `program`.
    pub(super) fn try_out(&mut self, program: Option<OwnedFd>) {
        let Some(program) = program.filter(|_| self.trial.is_none()) else {
            return self.upgraded(libc::EINVAL);
        };
        let started = self.freeze().and_then(|(table, _)| {
            let variable = format!("{VARIABLE}={TEST} {} {}", table.as_raw_fd(), own_pid());
            give_birth(Birth {
                program: program.as_fd(),
                arguments: &self.launch.arguments(),
                environment: vec![variable.into_bytes()],
                own_pid: &[],
                keep_open: &[table.as_raw_fd()],
                oom_score: None,
                own_session: true,
            })
        });
        match started {
            Ok(test) => {
                let until = now().saturating_add(TEST_LIMIT);
                self.trial = Some(Trial {
                    program,
                    test,
                    until,
                    passed: false,
                });
            }
            Err(error) => self.upgraded(error.raw_os_error().unwrap_or(libc::EIO)),
        }
    }

    /// The self-test has ended.
    pub(super) fn tested(&mut self, status: i32) {
        match &mut self.trial {
            Some(trial) if status == 0 => trial.passed = true,
            _ => {
                self.trial = None;
                self.upgraded(-1);
            }
        }
    }

    /// Becomes the new program if there is one that passed, and if nothing is half said. Comes
    /// back if not.
    pub(super) fn upgrade(&mut self) {
        let half_said = self.manager.as_ref().is_some_and(|manager| {
            manager.telling.is_under_way() || !manager.answers.is_empty() || manager.quit.is_some()
        });
        if half_said || self.death.is_some() || !self.trial.as_ref().is_some_and(|t| t.passed) {
            return;
        }
        let Some(trial) = self.trial.take() else {
            return;
        };
        let error = match self.freeze() {
            Ok((table, mut fds)) => {
                fds.push(table.as_raw_fd());
                self.execute(&trial, &table, &fds)
            }
            Err(error) => error,
        };
        say(&format!(
            "cannot execute the new program of the keeper: {error}"
        ));
        self.upgraded(error.raw_os_error().unwrap_or(libc::EIO));
    }

    fn execute(&self, trial: &Trial, table: &OwnedFd, fds: &[RawFd]) -> io::Error {
        let variable = format!("{VARIABLE}={GO_ON} {} {}", table.as_raw_fd(), own_pid());
        let environment = match environment_with(variable) {
            Ok(environment) => environment,
            Err(error) => return error,
        };
        let environment: Vec<_> = environment.iter().map(CString::as_c_str).collect();
        set_flags(fds, FdFlags::empty());
        let error = become_program(
            trial.program.as_fd(),
            &self.launch.arguments(),
            &environment,
        );
        set_flags(fds, FdFlags::CLOEXEC);
        error
    }

    fn upgraded(&mut self, code: i32) {
        self.answer(Record {
            code,
            ..Record::new(Kind::KeeperUpgraded)
        });
    }

    /// All that has to survive, in a memfd, and the descriptors it names.
    fn freeze(&self) -> io::Result<(OwnedFd, Vec<RawFd>)> {
        let mut fds = Vec::new();
        let mut number = |fd: &dyn AsRawFd| {
            fds.push(fd.as_raw_fd());
            fd.as_raw_fd()
        };
        let frozen = Frozen {
            table: &self.table,
            fds: self
                .table
                .fds
                .iter()
                .map(|(key, fd)| (key.clone(), number(fd)))
                .collect(),
            ladder: self.ladder.clone(),
            manager: self.manager.as_ref().map(|manager| FrozenManager {
                pid: manager.pid,
                socket: manager.socket.as_ref().map(|fd| number(fd)),
                telling: manager.telling.clone(),
                shot: manager.shot,
                asked: manager.asked,
            }),
            next: self.next,
            generation: self.generation,
            rolled_back: self.rolled_back,
            hang: number(&self.hang),
            program: number(&self.launch.program),
            previous_program: self.previous_program.as_ref().map(|fd| number(fd)),
            open_files: self.launch.open_files,
            oom_score: self.launch.oom_score.clone(),
            runtime_dir: self.settings.runtime_dir.as_os_str().as_bytes().to_vec(),
            fresh: self.settings.fresh,
            pid_file: self
                .settings
                .pid_file
                .as_ref()
                .map(|path| path.as_os_str().as_bytes().to_vec()),
            one_command: self.settings.one_command,
            stop_limit: Some(self.settings.stop_limit).filter(|limit| *limit != u64::MAX),
            fosters: self
                .table
                .fosters
                .iter()
                .map(|(instance, fd)| (*instance, number(fd)))
                .collect(),
            is_heir: self.is_heir,
            journal: self
                .written
                .as_ref()
                .map(|written| written.journal.ends().map(|end| number(&end))),
        };
        let mut file = File::from(rustix::fs::memfd_create("keeper", MemfdFlags::CLOEXEC)?);
        io::Write::write_all(&mut file, serde_json::to_string(&frozen)?.as_bytes())?;
        Ok((file.into(), fds))
    }
}

/// A keeper as it travels: descriptors by their numbers. A later version finds what it needs by
/// name, with a default for what this one did not know.
#[derive(Serialize, Deserialize)]
struct Frozen<T> {
    table: T,
    fds: BTreeMap<String, RawFd>,
    ladder: Ladder,
    manager: Option<FrozenManager>,
    next: Next,
    generation: u32,
    rolled_back: bool,
    hang: RawFd,
    program: RawFd,
    previous_program: Option<RawFd>,
    open_files: u64,
    oom_score: Option<CString>,
    runtime_dir: Vec<u8>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    fresh: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pid_file: Option<Vec<u8>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    one_command: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stop_limit: Option<u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    fosters: BTreeMap<u64, RawFd>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_heir: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    journal: Option<[RawFd; 2]>,
}

#[derive(Serialize, Deserialize)]
struct FrozenManager {
    pid: u32,
    socket: Option<RawFd>,
    telling: Telling,
    shot: bool,
    asked: bool,
}

impl Frozen<Table> {
    fn read(table: OwnedFd) -> io::Result<Frozen<Table>> {
        let mut file = File::from(table);
        file.rewind()?;
        // One kind of reader in the whole program: each is compiled anew for all that it reads.
        Ok(json::from_str(&io::read_to_string(file)?)?)
    }

    fn thaw(self) -> io::Result<Keeper> {
        // SAFETY: each number was written by the keeper this process was, once, from a descriptor
        // that it owned and left open for us.
        #[allow(unsafe_code, reason = "descriptors come in by number")]
        let own = |fd: RawFd| unsafe { adopt_fd(fd) };
        let mut table = self.table;
        let mut fosters = Fosters::new()?;
        for (instance, fd) in self.fosters {
            let pidfd = own(fd)?;
            fosters.watch(instance, &pidfd);
            table.fosters.insert(instance, pidfd);
        }
        table.thaw();
        let written = match self.journal {
            None => None,
            Some([one, other]) => {
                let (journal, _) = Journal::open([own(one)?, own(other)?])?;
                table.changes = Some(Vec::new());
                Some(Written::new(journal))
            }
        };
        for (key, fd) in self.fds {
            table.fds.insert(key, own(fd)?);
        }
        let settings = Settings {
            arguments: env::args_os().collect(),
            runtime_dir: OsStr::from_bytes(&self.runtime_dir).into(),
            fresh: self.fresh,
            pid_file: self.pid_file.map(|path| OsStr::from_bytes(&path).into()),
            one_command: self.one_command,
            stop_limit: self.stop_limit.unwrap_or(u64::MAX),
        };
        let mut launch = Launch::prepare(&settings)?;
        launch.program = own(self.program)?;
        launch.open_files = self.open_files;
        launch.oom_score = self.oom_score;
        let manager = match self.manager {
            None => None,
            Some(manager) => Some(Manager {
                pid: manager.pid,
                socket: manager.socket.map(own).transpose()?,
                telling: manager.telling,
                answers: VecDeque::from([Record::new(Kind::KeeperUpgraded)]),
                shot: manager.shot,
                asked: manager.asked,
                quit: None,
            }),
        };
        let mut keeper = Keeper {
            signals: listen_to_signals(settings.one_command)?,
            settings,
            launch,
            hang: own(self.hang)?,
            outer: Outer::from_environment(),
            table,
            ladder: self.ladder,
            manager,
            next: self.next,
            generation: self.generation,
            previous_program: self.previous_program.map(own).transpose()?,
            rolled_back: self.rolled_back,
            unclaimed: Vec::new(),
            death: None,
            trial: None,
            fosters,
            is_heir: self.is_heir,
            written,
            handing_over: false,
        };
        // Children that ended between the two programs may have left no signal behind.
        keeper.reap(&[]);
        Ok(keeper)
    }
}

fn own_pid() -> u32 {
    std::process::id()
}

fn set_flags(fds: &[RawFd], flags: FdFlags) {
    for fd in fds {
        // SAFETY: all of them are owned by the keeper's table.
        #[allow(unsafe_code, reason = "the list is made from owned descriptors")]
        let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(*fd) };
        let _ = rustix::io::fcntl_setfd(fd, flags);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the first version writes: every later one has to read it.
    const FIRST: &str = r#"{
        "table": {
            "children": {"5": {"pid": 9, "unit": "a.service", "rank": 1, "signal": 15,
                               "timeout": 18446744073709551615}},
            "exits": [{"seq": 1, "instance": 4, "pid": 8, "status": 256, "time": 7,
                       "unit": "b.service"}],
            "highest": 5, "seq": 1, "signals": [[2, 32768]], "signals_seq": 2
        },
        "fds": {"state": 11, "store:cat:cat_00.service:0.conn": 12},
        "ladder": {"rung": "Safe", "strikes": [1, 2], "failed_starts": 0, "ready_since": 3,
                   "ever_ready": true, "unproven": false, "last_death": 139},
        "manager": {"pid": 10, "socket": 13, "telling": {"step": "Live", "exits": 1, "signals": 2},
                    "shot": false, "asked": false},
        "next": "Lives", "generation": 3, "rolled_back": false, "hang": 6, "program": 4,
        "previous_program": null, "open_files": 1024, "oom_score": [48],
        "runtime_dir": [47, 114], "of a later version": {}
    }"#;

    #[test]
    fn the_table_of_the_first_version_is_understood() {
        let mut file = File::from(rustix::fs::memfd_create("t", MemfdFlags::CLOEXEC).unwrap());
        io::Write::write_all(&mut file, FIRST.as_bytes()).unwrap();
        let mut frozen = Frozen::read(file.into()).unwrap();
        frozen.table.thaw();
        assert!(frozen.table.knows(9) && frozen.table.has_signals(1 << 15));
        assert_eq!(frozen.table.exits[0].status, 256);
        assert_eq!(frozen.fds.len(), 2);
        assert_eq!(frozen.oom_score.as_deref(), Some(c"0"));
        assert_eq!(frozen.ladder.last_death, Some(139));
        let again = serde_json::to_value(&frozen).unwrap();
        let mut first: serde_json::Value = serde_json::from_str(FIRST).unwrap();
        first.as_object_mut().unwrap().remove("of a later version");
        assert_eq!(again, first);
    }
}
