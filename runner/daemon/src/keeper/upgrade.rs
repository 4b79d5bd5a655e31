//! The keeper goes on as another program: same pid, same children, same descriptors.
//!
//! The table is written into a memfd. The new program reads a copy of it first, as a child, which
//! is its self-test: what fails there costs nothing. Then the keeper executes it, every descriptor
//! at its number. Pending signals and exits wait in the kernel meanwhile; the manager notices
//! nothing.

use std::collections::{BTreeMap, VecDeque};
use std::env;
use std::ffi::{CString, OsStr};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use rustix::io::FdFlags;

use super::ladder::{Ladder, Rung};
use super::launch::Launch;
use super::outer::Outer;
use super::system::{Birth, adopt_fd, become_program, give_birth, listen_to_signals};
use super::table::{Child, Exit, Table};
use super::telling::Telling;
use super::wire::{Kind, Record};
use super::{Keeper, Manager, Next, Settings, now, say};
use crate::store::Store;

/// The environment variable that makes a process a keeper that goes on, or its self-test:
/// `WORD FD PID`, PID being the keeper's.
const VARIABLE: &str = "RUNNER_KEEPER";
const GO_ON: &str = "go-on";
const TEST: &str = "test";

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

/// What was handed to this process by the keeper it was, or whose child it is.
#[derive(Debug)]
pub struct Resumption {
    table: OwnedFd,
    test: bool,
}

impl Resumption {
    /// Takes it, and the variable out of the environment. `None` for a process that was not
    /// started as a keeper that goes on, nor as the self-test of one.
    #[must_use]
    pub fn take() -> Option<Resumption> {
        let text = env::var(VARIABLE).ok()?;
        let mut words = text.split(' ');
        let test = match words.next()? {
            GO_ON => false,
            TEST => true,
            _ => return None,
        };
        let fd = words.next()?.parse().ok()?;
        let keeper: i32 = words.next()?.parse().ok()?;
        let own = rustix::process::getpid();
        let expected = if test {
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
        Some(Resumption {
            table: table.ok()?,
            test,
        })
    }
}

/// Goes on as the keeper this process was, or tests whether it could.
#[must_use]
pub fn resume(resumption: Resumption) -> ExitCode {
    let frozen = Store::open("keeper", resumption.table)
        .and_then(|store| Frozen::parse(store.records()?.into_iter().collect()));
    match frozen {
        Ok(_) if resumption.test => ExitCode::SUCCESS,
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
        let environment: Result<Vec<CString>, _> = env::vars_os()
            .map(|(name, value)| {
                let mut text = name.into_vec();
                text.push(b'=');
                text.extend_from_slice(value.as_bytes());
                text
            })
            .chain([variable.into_bytes()])
            .map(CString::new)
            .collect();
        let environment = match environment {
            Ok(environment) => environment,
            Err(error) => return error.into(),
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

    /// All that has to survive, as records in a memfd, and the descriptors they name.
    fn freeze(&self) -> io::Result<(OwnedFd, Vec<RawFd>)> {
        let mut records: Vec<(String, Option<String>)> = Vec::new();
        let mut put = |key: &str, value: String| records.push((key.to_owned(), Some(value)));
        let mut fds = Vec::new();
        let mut number = |fd: &OwnedFd| {
            fds.push(fd.as_raw_fd());
            fd.as_raw_fd().to_string()
        };
        let Keeper {
            table,
            ladder,
            launch,
            ..
        } = self;
        for (key, fd) in &table.fds {
            put(&format!("fd:{key}"), number(fd));
        }
        for (instance, c) in &table.children {
            let value = format!("{} {} {} {} {}", c.pid, c.rank, c.signal, c.timeout, c.unit);
            put(&format!("child:{instance}"), value);
        }
        for e in &table.exits {
            let value = format!(
                "{} {} {} {} {}",
                e.instance, e.pid, e.status, e.time, e.unit
            );
            put(&format!("exit:{}", e.seq), value);
        }
        put("highest", table.highest.to_string());
        put("seq", table.seq.to_string());
        put("signals-seq", table.signals_seq.to_string());
        let signals: Vec<String> = table
            .signals
            .iter()
            .map(|(seq, mask)| format!("{seq}:{mask}"))
            .collect();
        put("signals", signals.join(" "));
        put("rung", (ladder.rung as u8).to_string());
        let strikes: Vec<String> = ladder.strikes.iter().map(u64::to_string).collect();
        put("strikes", strikes.join(" "));
        put("failed-starts", ladder.failed_starts.to_string());
        if let Some(since) = ladder.ready_since {
            put("ready-since", since.to_string());
        }
        put("ever-ready", u8::from(ladder.ever_ready).to_string());
        put("unproven", u8::from(ladder.unproven).to_string());
        if let Some(status) = ladder.last_death {
            put("last-death", status.to_string());
        }
        if let Some(manager) = &self.manager {
            put("manager", manager.pid.to_string());
            if let Some(socket) = &manager.socket {
                put("socket", number(socket));
            }
            let (exits, signals) = manager.telling.told_up_to();
            put(
                "told",
                format!("{} {exits} {signals}", u8::from(manager.telling.is_live())),
            );
            put("shot", u8::from(manager.shot).to_string());
            put("asked", u8::from(manager.asked).to_string());
        }
        if let Next::StartAt(at) = self.next {
            put("start-at", at.to_string());
        }
        put("generation", self.generation.to_string());
        put("rolled-back", u8::from(self.rolled_back).to_string());
        put("hang", number(&self.hang));
        put("program", number(&launch.program));
        if let Some(program) = &self.previous_program {
            put("previous-program", number(program));
        }
        put("open-files", launch.open_files.to_string());
        if let Some(score) = &launch.oom_score {
            put("oom-score", score.to_string_lossy().into_owned());
        }
        let directory = self.settings.runtime_dir.as_os_str().as_bytes();
        put(
            "runtime-dir",
            directory.iter().map(|byte| format!("{byte:02x}")).collect(),
        );
        let mut store = Store::create("keeper")?;
        let _ = store.write(&records)?;
        Ok((store.as_fd().try_clone_to_owned()?, fds))
    }
}

/// A table as it was written, understood but with nothing done about it.
struct Frozen {
    records: BTreeMap<String, String>,
    table: Table,
    fds: BTreeMap<String, RawFd>,
    ladder: Ladder,
    manager: Option<(u32, Option<RawFd>, Telling)>,
    next: Next,
    hang: RawFd,
    program: RawFd,
    previous_program: Option<RawFd>,
    runtime_dir: PathBuf,
}

impl Frozen {
    fn parse(records: BTreeMap<String, String>) -> io::Result<Frozen> {
        let mut table = Table::default();
        let mut fds = BTreeMap::new();
        for (key, value) in &records {
            if let Some(key) = key.strip_prefix("fd:") {
                fds.insert(key.to_owned(), word(value)?);
            } else if let Some(instance) = key.strip_prefix("child:") {
                let [pid, rank, signal, timeout, unit] = words(value)?;
                let child = Child {
                    pid: word(pid)?,
                    rank: word(rank)?,
                    signal: word(signal)?,
                    timeout: word(timeout)?,
                    unit: unit.to_owned(),
                };
                table.insert(word(instance)?, child);
            } else if let Some(seq) = key.strip_prefix("exit:") {
                let [instance, pid, status, time, unit] = words(value)?;
                table.exits.push_back(Exit {
                    seq: word(seq)?,
                    instance: word(instance)?,
                    pid: word(pid)?,
                    status: word(status)?,
                    time: word(time)?,
                    unit: unit.to_owned(),
                });
            }
        }
        table.exits.make_contiguous().sort_by_key(|exit| exit.seq);
        let get = |key: &str| records.get(key).map(String::as_str);
        let need = |key: &str| get(key).ok_or_else(|| broken(key));
        let flag = |key: &str| get(key) == Some("1");
        table.highest = word(need("highest")?)?;
        table.seq = word(need("seq")?)?;
        table.signals_seq = word(need("signals-seq")?)?;
        for waiting in need("signals")?.split_ascii_whitespace() {
            let (seq, mask) = waiting.split_once(':').ok_or_else(|| broken("signals"))?;
            table.signals.push_back((word(seq)?, word(mask)?));
        }
        let rung: u8 = word(need("rung")?)?;
        let ladder = Ladder {
            rung: *Rung::ALL
                .get(usize::from(rung))
                .ok_or_else(|| broken("rung"))?,
            strikes: get("strikes")
                .unwrap_or_default()
                .split_ascii_whitespace()
                .map(word)
                .collect::<io::Result<_>>()?,
            failed_starts: word(need("failed-starts")?)?,
            ready_since: get("ready-since").map(word).transpose()?,
            ever_ready: flag("ever-ready"),
            unproven: flag("unproven"),
            last_death: get("last-death").map(word).transpose()?,
        };
        let manager = match get("manager") {
            None => None,
            Some(pid) => {
                let [live, exits, signals] = words(need("told")?)?;
                let telling = Telling::resumed(live == "1", word(exits)?, word(signals)?);
                Some((word(pid)?, get("socket").map(word).transpose()?, telling))
            }
        };
        Ok(Frozen {
            table,
            fds,
            ladder,
            manager,
            next: match get("start-at") {
                Some(at) => Next::StartAt(word(at)?),
                None => Next::Lives,
            },
            hang: word(need("hang")?)?,
            program: word(need("program")?)?,
            previous_program: get("previous-program").map(word).transpose()?,
            runtime_dir: path(need("runtime-dir")?)?,
            records,
        })
    }

    fn thaw(self) -> io::Result<Keeper> {
        let Frozen {
            mut table,
            ladder,
            records,
            ..
        } = self;
        // SAFETY: each number was written by the keeper this process was, once, from a descriptor
        // that it owned and left open for us.
        #[allow(unsafe_code, reason = "descriptors come in by number")]
        let own = |fd: RawFd| unsafe { adopt_fd(fd) };
        for (key, fd) in self.fds {
            table.fds.insert(key, own(fd)?);
        }
        let number = |key: &str| records.get(key).map(|value| word::<u64>(value)).transpose();
        let settings = Settings {
            arguments: env::args_os().collect(),
            runtime_dir: self.runtime_dir,
        };
        let mut launch = Launch::prepare(&settings)?;
        launch.program = own(self.program)?;
        launch.open_files = number("open-files")?.unwrap_or(launch.open_files);
        launch.oom_score = records
            .get("oom-score")
            .and_then(|score| CString::new(score.as_str()).ok());
        let manager = match self.manager {
            None => None,
            Some((pid, socket, telling)) => Some(Manager {
                pid,
                socket: socket.map(own).transpose()?,
                telling,
                answers: VecDeque::from([Record::new(Kind::KeeperUpgraded)]),
                shot: number("shot")? == Some(1),
                asked: number("asked")? == Some(1),
                quit: None,
            }),
        };
        let mut keeper = Keeper {
            settings,
            launch,
            signals: listen_to_signals()?,
            hang: own(self.hang)?,
            outer: Outer::from_environment(),
            table,
            ladder,
            manager,
            next: self.next,
            generation: number("generation")?.map_or(0, |n| u32::try_from(n).unwrap_or(u32::MAX)),
            previous_program: self.previous_program.map(own).transpose()?,
            rolled_back: number("rolled-back")? == Some(1),
            unclaimed: Vec::new(),
            death: None,
            trial: None,
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

fn broken(what: &str) -> io::Error {
    io::Error::new(
        ErrorKind::InvalidData,
        format!("no {what} in the keeper's table"),
    )
}

fn word<T: FromStr>(text: &str) -> io::Result<T> {
    text.parse().map_err(|_| broken(text))
}

/// The words of `text`; the last one is the rest.
fn words<const N: usize>(text: &str) -> io::Result<[&str; N]> {
    let words: Vec<&str> = text.splitn(N, ' ').collect();
    words.try_into().map_err(|_| broken(text))
}

/// A path written in hexadecimal digits, since it need not be text.
fn path(digits: &str) -> io::Result<PathBuf> {
    let byte = |at: usize| {
        digits
            .get(at..at + 2)
            .and_then(|byte| u8::from_str_radix(byte, 16).ok())
    };
    let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
    Ok(OsStr::from_bytes(&bytes.ok_or_else(|| broken("runtime-dir"))?).into())
}
