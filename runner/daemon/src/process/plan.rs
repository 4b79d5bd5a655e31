//! The spawn plan: everything that may block, fail or allocate, done before the clone. What is left
//! for the child is a list of raw system calls on prepared memory.

use std::ffi::{CString, c_char, c_int};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::Arc;

use engine::event::SpawnFailure;
use rustix::fs::OFlags;
use units::value::{Limit, MemoryLimit, WorkingDirectory};

use crate::cgroup::Entered;

use super::child::{PID_ROOM, Script};
use super::environment::{Environment, PID_VARIABLES, Value};
use super::identity::{Identity, home};
use super::launch::{self, KnownMethod, Launched, Placement, Stack};
use super::literal;
use super::order::{FileMode, Order, Passed, Stdio};
use super::slots::Slots;
use super::spawner::Settings;
use super::step::{Step, is_shortage};
use super::{SEARCH_PATH, open};

/// A start, ready to go. It owns all that the child is going to read.
#[derive(Debug)]
pub(super) struct Plan {
    path: CString,
    argv: Vec<CString>,
    /// The command was taken as it stands: failures are told the program's own log, as well.
    literal: bool,
    environment: Vec<Vec<u8>>,
    /// Sources of descriptors 0, 1, 2, 3 and so on.
    descriptors: Vec<Source>,
    limits: Vec<(c_int, libc::rlimit64)>,
    identity: Identity,
    umask: u32,
    /// `None`: where we are.
    directory: Option<CString>,
    directory_optional: bool,
    cgroup: Option<Entered>,
    /// The keeper's socket and the record for it; `None` makes the child our own.
    pub(super) register: Option<(RawFd, Vec<u8>)>,
    pub(super) ignored_signals: u64,
    pub(super) reset_oom_score: bool,
}

/// Why a plan made no program run.
#[derive(Debug)]
pub(super) enum Failed {
    /// The keeper has given this manager up.
    Fenced,
    /// A step failed.
    Step(SpawnFailure),
}

/// Where a descriptor of the child comes from.
#[derive(Debug)]
enum Source {
    /// Held by somebody else too.
    Shared(Arc<OwnedFd>),
    /// Opened for this start.
    Own(OwnedFd),
    /// The same as another one of the child's, by its place.
    As(usize),
    /// Our own.
    Ours(Standard),
}

/// One of our own standard descriptors.
#[derive(Debug, Clone, Copy)]
enum Standard {
    Input,
    Output,
}

impl Standard {
    fn borrow(self) -> BorrowedFd<'static> {
        match self {
            Standard::Input => rustix::stdio::stdin(),
            Standard::Output => rustix::stdio::stdout(),
        }
    }

    /// It, if it is open.
    fn if_open(self) -> Option<Source> {
        rustix::fs::fstat(self.borrow())
            .is_ok()
            .then_some(Source::Ours(self))
    }
}

impl Plan {
    /// Prepares everything; may block.
    ///
    /// # Errors
    /// With the step that would have failed, as the child would have reported it.
    pub(super) fn prepare(order: &Order, settings: &Settings) -> Result<Plan, SpawnFailure> {
        let definition = &order.definition;
        let command = &order.spawn.command;
        let identity = Identity::of(order, &settings.accounts).map_err(|failure| {
            if !command.literal {
                return failure;
            }
            if let (Stdio::Fd(fd), SpawnFailure::Setup { message, .. }) = (&order.stderr, &failure)
            {
                literal::tell_log(fd.as_fd(), &format!("couldn't setuid: {message}"));
            }
            literal::failure(failure)
        })?;
        let (descriptors, names) = descriptors(order)?;
        let environment = Environment::of(order, identity.user.as_ref(), &names)?;
        let (path, words) = if command.literal {
            let path = environment.get("PATH").filter(|path| !path.is_empty());
            let found = literal::find(&command.path, path.as_deref()).map_err(|problem| {
                SpawnFailure::Resources {
                    message: problem.sentence().to_owned(),
                }
            })?;
            (
                c_string(found.file, "the path of the program")?,
                found.words,
            )
        } else {
            let words = command.expand(&|name| environment.get(name));
            (executable(&command.path)?, words)
        };
        let argv = words
            .into_iter()
            .map(|word| c_string(word, "an argument"))
            .collect::<Result<Vec<CString>, SpawnFailure>>()?;
        let (directory, directory_optional) = match definition.working_directory() {
            None => (Some("/".to_owned()), false),
            Some(WorkingDirectory::Path { path, missing_ok }) => {
                (Some(path.to_string()), *missing_ok)
            }
            // A child begins where we are, also where its user could not go.
            Some(WorkingDirectory::Inherit) => (None, false),
            Some(WorkingDirectory::Below(path)) => (Some(path.to_string()), false),
            Some(WorkingDirectory::Home) => (Some(home(&identity, &settings.accounts)?), false),
        };
        Ok(Plan {
            path,
            argv,
            literal: command.literal,
            environment: environment
                .iter()
                .map(|(name, value)| variable(name, value))
                .collect(),
            descriptors,
            limits: vec![open_files(
                definition.limit_nofile(),
                settings.limits.open_files,
            )],
            identity,
            umask: definition.umask().bits(),
            directory: directory
                .map(|directory| c_string(directory, "the working directory"))
                .transpose()?,
            directory_optional,
            cgroup: cgroup(order, settings)?,
            register: None,
            ignored_signals: 0,
            reset_oom_score: false,
        })
    }

    /// Makes the process and waits until it has executed its program.
    ///
    /// # Errors
    /// When there is no program: no process could be made, or a step failed.
    pub(super) fn launch(
        mut self,
        stack: &Stack,
        slots: &mut Slots,
        known: &KnownMethod,
    ) -> Result<Launched, Failed> {
        let argv = pointers(&self.argv);
        let envp: Vec<*const c_char> = self
            .environment
            .iter()
            .map(|variable| variable.as_ptr().cast())
            .chain([std::ptr::null()])
            .collect();
        let pid_places: Vec<*mut u8> = self
            .environment
            .iter_mut()
            .filter(|variable| variable.len() > PID_ROOM)
            .filter_map(|variable| pid_place(variable))
            .collect();
        let sources = borrowed(&self.descriptors);
        let (mut fds, copy_below) = slots
            .fill(&sources)
            .unwrap_or_else(|| (sources.iter().map(AsRawFd::as_raw_fd).collect(), 0));
        let identity = &self.identity;
        let groups = identity.groups.as_ref().filter(|_| !identity.keep);
        let gid = identity.gid.filter(|_| !identity.keep);
        let user = identity.user.as_ref().filter(|_| !identity.keep);
        let (register, record) = match &self.register {
            Some((socket, record)) => (*socket, record.as_slice()),
            None => (-1, &[][..]),
        };
        let mut script = Script {
            default_signals: self.ignored_signals,
            register,
            record: record.as_ptr(),
            record_len: record.len(),
            cgroup: -1,
            reset_oom_score: self.reset_oom_score,
            copy_below,
            fds: fds.as_mut_ptr(),
            fd_count: fds.len() as c_int,
            limits: self.limits.as_ptr(),
            limit_count: self.limits.len(),
            groups: groups.map_or(std::ptr::null(), |groups| groups.as_ptr()),
            group_count: groups.map_or(0, Vec::len),
            gid: gid.unwrap_or(u32::MAX),
            uid: user.map_or(u32::MAX, |user| user.uid),
            umask: self.umask,
            directory: self
                .directory
                .as_ref()
                .map_or(std::ptr::null(), |directory| directory.as_ptr()),
            directory_optional: self.directory_optional,
            pid_places: pid_places.as_ptr(),
            pid_place_count: pid_places.len(),
            path: self.path.as_ptr(),
            argv: argv.as_ptr(),
            envp: envp.as_ptr(),
            registered: false,
            failed_step: 0,
            failed_errno: 0,
            failed_index: 0,
        };
        let placement = Placement {
            of_our_parent: self.register.is_some(),
            cgroup: self
                .cgroup
                .as_ref()
                .map(|cgroup| cgroup.directory.as_raw_fd()),
            by_itself: self.cgroup.as_ref().is_some_and(|cgroup| !cgroup.is_new),
        };
        #[allow(unsafe_code, reason = "the child reads the plan through raw pointers")]
        // SAFETY: everything the script points to is owned by `self` or by this function, is not
        // touched meanwhile, and outlives the call.
        let launched = unsafe { launch::launch(&mut script, placement, stack, known) };
        slots.clear(fds.len());
        let launched = launched
            .map_err(|error| Failed::Step(open::failure(Step::Execute, "cannot clone", &error)))?;
        let (number, errno) = (script.failed_step, script.failed_errno);
        let Some(step) = Step::from_number(number) else {
            if self.register.is_some() && !script.registered {
                // Somebody killed it before it could do anything: nobody would report its end.
                let errno = libc::EAGAIN;
                return Err(Failed::Step(SpawnFailure::Shortage { errno }));
            }
            return Ok(launched);
        };
        if self.register.is_none() {
            launch::reap_own(launched.pid);
        }
        if step == Step::Register && !is_shortage(errno) {
            return Err(Failed::Fenced);
        }
        let failure = step.failed(&self.sentence(step, errno), errno);
        if !self.literal {
            return Err(Failed::Step(failure));
        }
        if let Some(stderr) = sources.get(2) {
            literal::tell_log(*stderr, &self.complaint(step, errno));
        }
        Err(Failed::Step(literal::failure(failure)))
    }

    fn directory(&self) -> std::borrow::Cow<'_, str> {
        let directory = self.directory.as_deref().unwrap_or(c".");
        directory.to_string_lossy()
    }

    /// What could not be done in `step`, as supervisord writes it into the program's log.
    fn complaint(&self, step: Step, errno: c_int) -> String {
        let code = nix::errno::Errno::from_raw(errno);
        match step {
            Step::Group => "couldn't setuid: Could not set groups of effective user".to_owned(),
            Step::User => format!("couldn't setuid: {code:?}"),
            Step::Directory => {
                let directory = self.directory();
                format!("couldn't chdir to {directory}: {code:?}")
            }
            _ => {
                let program = self.argv.first().map(|word| word.to_string_lossy());
                format!("couldn't exec {}: {code:?}", program.unwrap_or_default())
            }
        }
    }

    /// What could not be done in `step`, without the reason.
    fn sentence(&self, step: Step, errno: c_int) -> String {
        let user = self.identity.user_name.as_deref().unwrap_or("root");
        match step {
            Step::Signals => "cannot set signals to their defaults".to_owned(),
            Step::Session => "cannot make a session".to_owned(),
            Step::Register => "cannot register with the keeper".to_owned(),
            Step::Cgroup => "cannot enter the unit's control group".to_owned(),
            Step::OutOfMemory => "cannot reset oom_score_adj".to_owned(),
            Step::Stdin => "cannot set up standard input".to_owned(),
            Step::Stdout => "cannot set up standard output".to_owned(),
            Step::Stderr => "cannot set up standard error".to_owned(),
            Step::Descriptors => "cannot pass descriptors".to_owned(),
            Step::Limits => {
                let (_, limit) = self.limits.first().copied().unwrap_or((
                    0,
                    libc::rlimit64 {
                        rlim_cur: 0,
                        rlim_max: 0,
                    },
                ));
                let limit = Limit {
                    soft: limit.rlim_cur,
                    hard: limit.rlim_max,
                };
                format!("cannot set limit-nofile to {limit}")
            }
            Step::Group => match &self.identity.group_name {
                Some(group) => format!("cannot take the group {group:?}"),
                None => format!("cannot take the groups of user {user:?}"),
            },
            Step::User => format!("cannot become user {user:?}"),
            Step::Directory => {
                format!("cannot change to directory {}", self.directory())
            }
            Step::Mask => "cannot unblock signals".to_owned(),
            Step::Execute => {
                let path = self.path.to_string_lossy();
                match blame(Path::new(&*path), errno) {
                    Some(blame) => format!("cannot execute {path} ({blame})"),
                    None => format!("cannot execute {path}"),
                }
            }
        }
    }
}

/// What `execve`'s errno does not say: the missing file is the interpreter, or the script has none.
fn blame(path: &Path, errno: c_int) -> Option<String> {
    match errno {
        libc::ENOENT | libc::EACCES => {
            let head = open::read_head(path, 256).ok()?;
            let line = head.strip_prefix(b"#!")?;
            let line = line.split(|byte| *byte == b'\n').next()?;
            let line = String::from_utf8_lossy(line);
            let interpreter = line.split_whitespace().next()?.to_owned();
            // The carriage return of another system's text file is invisible otherwise.
            let shown = format!("{interpreter:?}");
            let bad = match errno {
                libc::ENOENT => !Path::new(&interpreter).exists() || line.ends_with('\r'),
                _ => !is_executable(Path::new(&interpreter)),
            };
            bad.then(|| {
                let shown = if line.ends_with('\r') {
                    format!("{line:?}")
                } else {
                    shown
                };
                format!("its interpreter is {shown}")
            })
        }
        libc::ENOEXEC => Some("a script needs a first line such as #!/bin/sh".to_owned()),
        _ => None,
    }
}

/// Pointers to strings, with a null at the end.
fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings
        .iter()
        .map(|string| string.as_ptr())
        .chain([std::ptr::null()])
        .collect()
}

/// A variable as the program sees it, NUL included; a pid gets room.
fn variable(name: &str, value: &Value) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len() + 1 + PID_ROOM);
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(b'=');
    match value {
        Value::Text(text) => {
            // No value with a NUL gets here from a unit; what follows one would be lost.
            bytes.extend(text.bytes().take_while(|byte| *byte != 0));
            bytes.push(0);
        }
        Value::Bytes(value) => {
            bytes.extend(value);
            bytes.push(0);
        }
        Value::Pid => bytes.resize(bytes.len() + PID_ROOM, 0),
    }
    bytes
}

/// Where the pid goes in a variable that was left empty for it.
fn pid_place(variable: &mut [u8]) -> Option<*mut u8> {
    let at = variable.len().checked_sub(PID_ROOM)?;
    let (name, room) = variable.split_at_mut(at);
    let name = name.strip_suffix(b"=")?;
    let is_pid = PID_VARIABLES.iter().any(|known| known.as_bytes() == name);
    (is_pid && room.iter().all(|byte| *byte == 0)).then_some(room.as_mut_ptr())
}

fn c_string(text: String, what: &str) -> Result<CString, SpawnFailure> {
    CString::new(text).map_err(|error| {
        let shown = String::from_utf8_lossy(&error.into_vec()).into_owned();
        Step::Execute.refused(format!("{what} contains a NUL character: {shown:?}"))
    })
}

/// The descriptors for the child, `As` resolved.
fn borrowed(sources: &[Source]) -> Vec<BorrowedFd<'_>> {
    let mut found: Vec<BorrowedFd<'_>> = Vec::with_capacity(sources.len());
    for source in sources {
        let fd = match source {
            Source::Shared(fd) => fd.as_fd(),
            Source::Own(fd) => fd.as_fd(),
            // Only ever an earlier one.
            Source::As(place) => match found.get(*place) {
                Some(earlier) => *earlier,
                None => continue,
            },
            Source::Ours(standard) => standard.borrow(),
        };
        found.push(fd);
    }
    found
}

/// All descriptors of the child, and the names of those from 3 on.
fn descriptors(order: &Order) -> Result<(Vec<Source>, Vec<&str>), SpawnFailure> {
    let all = [&order.stdin, &order.stdout, &order.stderr];
    let uses_socket = all.iter().any(|stdio| matches!(stdio, Stdio::Socket));
    let steps = [Step::Stdin, Step::Stdout, Step::Stderr];
    let mut sources = Vec::with_capacity(3 + order.listen.len() + order.stored.len());
    for (place, (stdio, step)) in all.into_iter().zip(steps).enumerate() {
        sources.push(standard(order, place, stdio, step)?);
    }
    // A socket that is a standard descriptor is not passed a second time, nor announced.
    let listen: &[Passed] = if uses_socket { &[] } else { &order.listen };
    let mut names = Vec::new();
    for passed in listen.iter().chain(&order.stored) {
        sources.push(Source::Shared(Arc::clone(&passed.fd)));
        names.push(passed.name.as_str());
    }
    for passed in &order.listen {
        make_waiting(passed.fd.as_fd())
            .map_err(|error| open::failure(Step::Descriptors, "cannot pass a socket", &error))?;
    }
    Ok((sources, names))
}

/// The source of descriptor `place`, 0 to 2.
fn standard(
    order: &Order,
    place: usize,
    stdio: &Stdio,
    step: Step,
) -> Result<Source, SpawnFailure> {
    let name = ["standard-input", "standard-output", "standard-error"][place.min(2)];
    match stdio {
        Stdio::Null => null(place, step),
        Stdio::Fd(fd) => Ok(Source::Shared(Arc::clone(fd))),
        Stdio::File { path, mode } => {
            let fd = open::for_stdio(path, *mode).map_err(|error| {
                let verb = if *mode == FileMode::Read {
                    "read"
                } else {
                    "write to"
                };
                let what = format!("cannot {verb} {} for {name}", path.display());
                open::failure(step, &what, &error)
            })?;
            Ok(Source::Own(fd))
        }
        Stdio::Socket => match order.listen.as_slice() {
            [one] => Ok(Source::Shared(Arc::clone(&one.fd))),
            several => Err(step.refused(format!(
                "{name} = \"socket\" needs exactly one socket, there are {}",
                several.len()
            ))),
        },
        Stdio::Inherit => match place {
            0 => Standard::Input.if_open().map_or_else(|| null(0, step), Ok),
            1 if !matches!(order.stdin, Stdio::Null | Stdio::Inherit) => Ok(Source::As(0)),
            1 => Standard::Output.if_open().map_or_else(|| null(1, step), Ok),
            _ => Ok(Source::As(1)),
        },
    }
}

/// `/dev/null`, or what comes nearest to it in a container that has none: reading ends at once,
/// writing fails without a signal.
fn null(place: usize, step: Step) -> Result<Source, SpawnFailure> {
    let flags = if place == 0 {
        OFlags::RDONLY
    } else {
        OFlags::WRONLY
    };
    let opened = rustix::fs::open(
        "/dev/null",
        flags | OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )
    .or_else(|errno| match errno {
        rustix::io::Errno::NOENT | rustix::io::Errno::ACCESS | rustix::io::Errno::PERM => {
            sealed_memory()
        }
        other => Err(other),
    });
    opened
        .map(Source::Own)
        .map_err(|errno| step.failed("cannot open /dev/null", errno.raw_os_error()))
}

fn sealed_memory() -> rustix::io::Result<OwnedFd> {
    use rustix::fs::{MemfdFlags, SealFlags};
    let memory = rustix::fs::memfd_create("null", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    rustix::fs::fcntl_add_seals(
        &memory,
        SealFlags::WRITE | SealFlags::GROW | SealFlags::SEAL,
    )?;
    Ok(memory)
}

/// The program expects a socket that waits; we poll before we accept, so it may be one for us too.
fn make_waiting(fd: BorrowedFd<'_>) -> std::io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(fd)?;
    if flags.contains(OFlags::NONBLOCK) {
        rustix::fs::fcntl_setfl(fd, flags - OFlags::NONBLOCK)?;
    }
    Ok(())
}

/// Finds a program that is named without a path.
fn executable(path: &str) -> Result<CString, SpawnFailure> {
    if path.starts_with('/') {
        return c_string(path.to_owned(), "the path of the program");
    }
    for directory in SEARCH_PATH.split(':') {
        let candidate = format!("{directory}/{path}");
        if is_executable(Path::new(&candidate)) {
            return c_string(candidate, "the path of the program");
        }
    }
    Err(Step::Execute.refused(format!("cannot execute {path}: it is not in {SEARCH_PATH}")))
}

fn is_executable(path: &Path) -> bool {
    nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).is_ok()
        && std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
}

fn open_files(wanted: Option<Limit>, original: (u64, u64)) -> (c_int, libc::rlimit64) {
    let (soft, hard) = wanted.map_or(original, |limit| (limit.soft, limit.hard));
    (
        libc::RLIMIT_NOFILE as c_int,
        libc::rlimit64 {
            rlim_cur: soft,
            rlim_max: hard,
        },
    )
}

fn cgroup(order: &Order, settings: &Settings) -> Result<Option<Entered>, SpawnFailure> {
    let unit = &order.spawn.unit;
    let Some(cgroups) = &settings.cgroups else {
        if order.definition.memory_max() != MemoryLimit::NONE {
            unlimited(order, settings, &settings.no_cgroups);
        }
        return Ok(None);
    };
    let entered = cgroups.enter(unit).map_err(|error| {
        let what = format!(
            "cannot make control group {}",
            cgroups.directory(unit).display()
        );
        open::failure(Step::Cgroup, &what, &error)
    })?;
    // Before anything is in it: what is allocated first counts, too.
    if let Err(why) = cgroups.limit_memory(unit, order.definition.memory_max()) {
        unlimited(order, settings, &why);
    }
    Ok(Some(entered))
}

/// Says once that a service runs without its limit, and why.
fn unlimited(order: &Order, settings: &Settings, why: &str) {
    let (unit, limit) = (&order.spawn.unit, order.definition.memory_max());
    if settings.tells_first_time(unit) {
        tracing::warn!(
            "{unit}: memory-max = {limit} has no effect: {why}; it needs the memory controller of \
             cgroup version 2 (for a service of systemd Delegate=yes, for a container a \
             /sys/fs/cgroup it may write to)"
        );
    }
}
