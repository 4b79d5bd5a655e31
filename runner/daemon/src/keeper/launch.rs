//! How a manager is started: program, arguments, environment and the end of a new socket pair.

use std::env;
use std::ffi::{CStr, CString, OsString};
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::{Resource, Rlimit};

use super::introduction::VARIABLE;
use super::outer::Outer;
use super::system::{Birth, give_birth};
use super::{Introduction, Settings};

/// Variables that are the keeper's alone, or are made anew for each manager. No program gets them
/// from us.
pub(crate) const OURS: [&str; 11] = [
    VARIABLE,
    RUNTIME_DIR,
    SERVICE_MANAGER,
    "RUNNER_KEEPER",
    "NOTIFY_SOCKET",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

const RUNTIME_DIR: &str = "RUNNER_RUNTIME_DIR";

/// Where the manager finds the sockets of the service manager that runs us.
pub(crate) const SERVICE_MANAGER: &str = "RUNNER_SERVICE_MANAGER";

/// Inherited sockets begin here (`sd_listen_fds(3)`).
pub(super) const FIRST_SOCKET: RawFd = 3;

/// `oom_score_adj` of a keeper, if it may: it holds what everybody else needs, and is tiny.
const KEEPER_OOM_SCORE: &[u8] = b"-900";

/// Everything that is the same for each manager.
#[derive(Debug)]
pub(super) struct Launch {
    pub(super) program: OwnedFd,
    arguments: Vec<CString>,
    environment: Vec<Vec<u8>>,
    /// Sockets that we were started with. They stay at their numbers.
    inherited: Vec<RawFd>,
    watchdog: bool,
    /// The soft limit of open files before we raised it.
    pub(super) open_files: u64,
    /// The one command is to have our terminal, for which it and who starts it stay in our session.
    shares_terminal: bool,
    /// Our `oom_score_adj` before we lowered it.
    pub(super) oom_score: Option<CString>,
}

impl Launch {
    /// Looks at how this process was started, and makes it a keeper: many descriptors, low risk.
    pub(super) fn prepare(settings: &Settings) -> io::Result<Launch> {
        let arguments = settings
            .arguments
            .iter()
            .map(|argument| Ok(CString::new(argument.as_bytes())?))
            .collect::<io::Result<Vec<_>>>()?;
        let mut environment: Vec<Vec<u8>> = env::vars_os()
            .filter(|(name, _)| !OURS.iter().any(|ours| name == ours))
            .map(|(name, value)| variable(&name, &value))
            .collect();
        let runtime_dir = settings.runtime_dir.clone().into_os_string();
        environment.push(variable(&RUNTIME_DIR.into(), &runtime_dir));

        let above = Outer::directory().filter(|_| std::process::id() != 1);
        environment
            .extend(above.map(|above| variable(&SERVICE_MANAGER.into(), &above.into_os_string())));

        let count = inherited_count();
        let inherited: Vec<RawFd> = (FIRST_SOCKET..FIRST_SOCKET.saturating_add(count)).collect();
        if !inherited.is_empty() {
            environment.push(format!("LISTEN_FDS={count}").into_bytes());
            let names = env::var_os("LISTEN_FDNAMES");
            environment.extend(names.map(|names| variable(&"LISTEN_FDNAMES".into(), &names)));
        }
        let watchdog = env::var_os("WATCHDOG_PID").is_none() || names_us("WATCHDOG_PID");
        let limit = env::var_os("WATCHDOG_USEC").filter(|_| watchdog);
        let watchdog = limit.is_some();
        environment.extend(limit.map(|limit| variable(&"WATCHDOG_USEC".into(), &limit)));

        let open_files = rustix::process::getrlimit(Resource::Nofile);
        let raised = Rlimit {
            current: open_files.maximum,
            maximum: open_files.maximum,
        };
        // Refused or not, the manager is told the limit that was there before.
        let _ = rustix::process::setrlimit(Resource::Nofile, raised);
        Ok(Launch {
            program: own_program(settings)?,
            arguments,
            environment,
            inherited,
            watchdog,
            shares_terminal: settings.one_command && io::stdin().is_terminal(),
            open_files: open_files.current.unwrap_or(u64::MAX),
            oom_score: lower_oom_score(),
        })
    }

    /// Of each manager, and of a keeper that goes on.
    pub(super) fn arguments(&self) -> Vec<&CStr> {
        self.arguments.iter().map(CString::as_c_str).collect()
    }

    /// Starts a manager: its pid, and our end of the pair.
    pub(super) fn start(&self) -> io::Result<(u32, OwnedFd)> {
        let (ours, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        rustix::net::sockopt::set_socket_passcred(&ours, true)?;
        let introduction =
            Introduction::new(theirs.as_raw_fd(), std::process::id(), self.open_files);
        let mut environment = self.environment.clone();
        environment.push(format!("{VARIABLE}={introduction}").into_bytes());
        let mut own_pid = Vec::new();
        if !self.inherited.is_empty() {
            own_pid.push("LISTEN_PID=");
        }
        if self.watchdog {
            own_pid.push("WATCHDOG_PID=");
        }
        let mut keep_open = self.inherited.clone();
        keep_open.push(theirs.as_raw_fd());
        let pid = give_birth(Birth {
            program: self.program.as_fd(),
            arguments: &self.arguments(),
            environment,
            own_pid: &own_pid,
            keep_open: &keep_open,
            oom_score: self.oom_score.as_deref(),
            own_session: !self.shares_terminal,
        })?;
        Ok((pid, ours))
    }
}

/// How many descriptors whoever started us has passed to us.
pub(super) fn inherited_count() -> i32 {
    match names_us("LISTEN_PID") {
        true => number("LISTEN_FDS").unwrap_or(0),
        false => 0,
    }
}

/// The program this process runs, even if its file was replaced meanwhile. Without `/proc` it is
/// looked for where `argv[0]` says.
fn own_program(settings: &Settings) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    rustix::fs::open("/proc/self/exe", flags, Mode::empty())
        .or_else(|error| {
            let named = settings
                .arguments
                .first()
                .filter(|path| path.as_bytes().contains(&b'/'));
            let path = named.ok_or(error)?;
            rustix::fs::open(path.as_os_str(), flags, Mode::empty())
        })
        .map_err(Into::into)
}

/// Our own environment and one variable more, for a program that takes our place.
pub(super) fn environment_with(more: String) -> io::Result<Vec<CString>> {
    env::vars_os()
        .map(|(name, value)| variable(&name, &value))
        .chain([more.into_bytes()])
        .map(|text| Ok(CString::new(text)?))
        .collect()
}

fn variable(name: &OsString, value: &OsString) -> Vec<u8> {
    let mut text = name.clone().into_vec();
    text.push(b'=');
    text.extend_from_slice(value.as_bytes());
    text
}

fn number(name: &str) -> Option<i32> {
    env::var(name)
        .ok()?
        .parse()
        .ok()
        .filter(|count| (0..=4_096).contains(count))
}

fn names_us(name: &str) -> bool {
    env::var(name).is_ok_and(|pid| pid.parse() == Ok(std::process::id()))
}

/// Lowers our own score; what it was before, if that worked.
fn lower_oom_score() -> Option<CString> {
    let path = "/proc/self/oom_score_adj";
    let before = std::fs::read_to_string(path).ok()?;
    let mut file = File::options().write(true).open(path).ok()?;
    io::Write::write_all(&mut file, KEEPER_OOM_SCORE).ok()?;
    CString::new(before.trim()).ok()
}
