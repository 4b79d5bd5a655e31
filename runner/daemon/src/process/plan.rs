//! The spawn plan: everything that may block, fail or allocate, done before the clone. What is left
//! for the child is a list of raw system calls on prepared memory.

use std::ffi::{CString, c_char, c_int};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::Path;
use std::sync::Arc;

use engine::action::Role;
use engine::event::SpawnFailure;
use units::Definition;
use units::value::{MemoryLimit, WorkingDirectory};

use crate::cgroup::Entered;

use super::call::{Calls, Deed, Ground, limits};
use super::child::{PID_ROOM, Script};
use super::environment::{Environment, PID_VARIABLES, Value};
use super::identity::{Identity, home};
use super::launch::{self, KnownMethod, Launched, Placement, Stack};
use super::order::{Order, Stdio};
use super::own::Own;
use super::slots::Slots;
use super::spawner::Settings;
use super::stdio::{Source, borrowed, descriptors};
use super::step::{Step, is_shortage};
use super::{credentials, directories, literal, open, program, terminal};

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
    /// What else is to be done; it does not change any more.
    calls: Calls,
    /// Our own `coredump_filter`, to be set again after a child that has another one.
    dump_filter: Option<String>,
    identity: Identity,
    /// For sentences.
    definition: Arc<Definition>,
    /// `None`: where we are.
    directory: Option<String>,
    cgroup: Option<Entered>,
    /// The keeper's socket and the record for it; `None` makes the child our own.
    pub(super) register: Option<(RawFd, Vec<u8>)>,
    pub(super) ignored_signals: u64,
    foreground: bool,
    pub(super) reset_oom_score: bool,
}

/// Why a plan made no program run.
#[derive(Debug)]
pub(super) enum Failed {
    /// The keeper has given this manager up.
    Fenced,
    /// A step failed.
    Step {
        /// The process that took it, which has ended.
        pid: Option<u32>,
        failure: SpawnFailure,
    },
}

impl Failed {
    /// There never was a process.
    fn unmade(failure: SpawnFailure) -> Failed {
        Failed::Step { pid: None, failure }
    }
}

impl Plan {
    /// Prepares everything; may block.
    ///
    /// # Errors
    /// With the step that would have failed, as the child would have reported it.
    pub(super) fn prepare(
        order: &Order,
        settings: &Settings,
        own: &Own,
    ) -> Result<Plan, SpawnFailure> {
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
        let root = definition
            .root_directory()
            .filter(|_| order.spawn.role == Role::Main || !definition.root_directory_start_only());
        terminal::prepare(definition);
        directories::make(definition, &settings.roots, &identity)?;
        lay_credentials(order, settings, &identity)?;
        let (descriptors, names) = descriptors(order, &identity)?;
        let user = identity.user.as_ref();
        let environment = Environment::of(order, user, &names, &settings.roots)?;
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
            let directories = definition.exec_search_path();
            let path = program::find(&command.path, directories, root)?;
            (c_string(path, "the path of the program")?, words)
        };
        let argv = words
            .into_iter()
            .map(|word| c_string(word, "an argument"))
            .collect::<Result<Vec<CString>, SpawnFailure>>()?;
        let (directory, optional) = working_directory(definition, &identity, settings)?;
        // Who stays outside of the root directory means the same place by it.
        let directory = match (definition.root_directory(), root, directory) {
            (Some(outside), None, Some(path)) => Some(format!("{outside}{path}")),
            (_, _, path) => path,
        };
        let ground = Ground {
            privileges: order.privileges(),
            identity: &identity,
            own,
            open_files: settings.limits.open_files,
            root,
            directory: directory.as_deref().map(|path| (path, optional)),
            terminal: match &order.stdin {
                Stdio::Terminal { force, .. } => Some(*force),
                _ => None,
            },
        };
        let calls = Calls::of(definition, &ground)?;
        Ok(Plan {
            path,
            argv,
            literal: command.literal,
            environment: environment
                .iter()
                .map(|(name, value)| variable(name, value))
                .collect(),
            descriptors,
            calls,
            dump_filter: definition
                .coredump_filter()
                .and_then(|_| own.dump_filter.clone()),
            identity,
            definition: Arc::clone(definition),
            directory,
            cgroup: cgroup(order, settings)?,
            register: None,
            ignored_signals: 0,
            foreground: order.foreground,
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
        let (register, record) = match &self.register {
            Some((socket, record)) => (*socket, record.as_slice()),
            None => (-1, &[][..]),
        };
        let mut script = Script {
            default_signals: self.ignored_signals,
            foreground: self.foreground,
            register,
            record: record.as_ptr(),
            record_len: record.len(),
            cgroup: -1,
            reset_oom_score: self.reset_oom_score,
            copy_below,
            fds: fds.as_mut_ptr(),
            fd_count: fds.len() as c_int,
            calls: self.calls.list.as_ptr(),
            call_count: self.calls.list.len(),
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
        if let Some(filter) = &self.dump_filter {
            // It belongs to the memory, which the child had in common with us until it had executed
            // its program. That it was readable says that it is writable.
            let _ = std::fs::write("/proc/self/coredump_filter", filter);
        }
        let launched = launched.map_err(|error| {
            Failed::unmade(open::failure(Step::Execute, "cannot clone", &error))
        })?;
        let (number, errno) = (script.failed_step, script.failed_errno);
        let Some(step) = Step::from_number(number) else {
            if self.register.is_some() && !script.registered {
                // Somebody killed it before it could do anything: nobody would report its end.
                let errno = libc::EAGAIN;
                return Err(Failed::unmade(SpawnFailure::Shortage { errno }));
            }
            return Ok(launched);
        };
        if self.register.is_none() {
            launch::reap_own(launched.pid);
        }
        if step == Step::Register && !is_shortage(errno) {
            return Err(Failed::Fenced);
        }
        let pid = Some(launched.pid.unsigned_abs());
        let failure = step.failed(&self.sentence(step, errno, script.failed_index), errno);
        if !self.literal {
            return Err(Failed::Step { pid, failure });
        }
        if let Some(stderr) = sources.get(2) {
            literal::tell_log(*stderr, &self.complaint(step, errno));
        }
        let failure = literal::failure(failure);
        Err(Failed::Step { pid, failure })
    }

    fn directory(&self) -> &str {
        self.directory.as_deref().unwrap_or(".")
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

    /// What could not be done in `step`, which may be a call of the list, without the reason.
    fn sentence(&self, step: Step, errno: c_int, call: usize) -> String {
        let unit = &self.definition;
        let set = |key: &str, value: Option<String>| match value {
            Some(value) => format!("cannot set {key} to {value}"),
            None => format!("cannot set {key}"),
        };
        let user = self.identity.user_name.as_deref().unwrap_or("root");
        match step {
            Step::Signals => "cannot set what signals do".to_owned(),
            Step::Session => "cannot make a session".to_owned(),
            Step::Register => "cannot register with the keeper".to_owned(),
            Step::Cgroup => "cannot enter the unit's control group".to_owned(),
            Step::OutOfMemory => set(
                "oom-score-adjust",
                unit.oom_score_adjust().map(|n| n.to_string()),
            ),
            Step::Stdin if !self.calls.list.is_empty() && matches!(errno, libc::EPERM) => {
                let path = unit.tty_path();
                format!("cannot take the terminal {path}, which somebody else has")
            }
            Step::Stdin => "cannot set up standard input".to_owned(),
            Step::Stdout => "cannot set up standard output".to_owned(),
            Step::Stderr => "cannot set up standard error".to_owned(),
            Step::Descriptors => "cannot pass descriptors".to_owned(),
            Step::CoreDumps => set(
                "coredump-filter",
                unit.coredump_filter().map(|f| f.to_string()),
            ),
            Step::Nice => set("nice", unit.nice().map(|level| level.to_string())),
            Step::Scheduler => set(
                "cpu-scheduling-policy",
                unit.cpu_scheduling_policy()
                    .map(|policy| policy.to_string()),
            ),
            Step::Affinity => set("cpu-affinity", unit.cpu_affinity().map(ToString::to_string)),
            Step::MemoryPolicy => set("numa-policy", unit.numa_policy().map(|p| p.to_string())),
            Step::IoPriority => set("io-scheduling-class and -priority", None),
            Step::TimerSlack => set(
                "timer-slack-nsec",
                unit.timer_slack_nsec().map(|t| t.to_string()),
            ),
            Step::Personality => set("personality", unit.personality().map(|p| p.to_string())),
            Step::RuntimeDirectory
            | Step::StateDirectory
            | Step::CacheDirectory
            | Step::LogsDirectory
            | Step::ConfigurationDirectory => "cannot make directories".to_owned(),
            Step::Credentials => "cannot lay credentials".to_owned(),
            Step::Capabilities => "cannot set capabilities".to_owned(),
            Step::Root => format!(
                "cannot change the root directory to {}",
                unit.root_directory().unwrap_or("/")
            ),
            Step::Keyring => "cannot make a keyring".to_owned(),
            Step::SecureBits => set("secure-bits", Some(unit.secure_bits().to_string())),
            Step::NoNewPrivileges => set("no-new-privileges", None),
            Step::Limits => self.limit(call),
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
                match program::blame(Path::new(&*path), errno) {
                    Some(blame) => format!("cannot execute {path} ({blame})"),
                    None => format!("cannot execute {path}"),
                }
            }
        }
    }
}

impl Plan {
    /// Which limit a call of the list was to set.
    fn limit(&self, call: usize) -> String {
        let resource = self.calls.list.get(call).and_then(|call| match call.deed {
            Deed::Or(_, [_, resource, ..], _) => Some(resource),
            _ => None,
        });
        let found = limits(&self.definition)
            .into_iter()
            .find(|(_, number, _)| Some(i64::from(*number)) == resource);
        match found {
            Some((key, _, Some(limit))) => format!("cannot set {key} to {limit}"),
            Some((key, _, None)) => format!("cannot set {key} to what it was"),
            None => "cannot set the limits".to_owned(),
        }
    }
}

/// Credentials are laid before the first command of a start and before the program itself; others
/// find them there.
fn lay_credentials(
    order: &Order,
    settings: &Settings,
    identity: &Identity,
) -> Result<(), SpawnFailure> {
    let unit = &order.definition;
    if !credentials::has_some(unit) {
        return Ok(());
    }
    let begins = matches!(order.spawn.role, Role::StartPre | Role::Main);
    if begins || !credentials::directory(unit, &settings.roots).is_dir() {
        credentials::lay(unit, &settings.roots, identity)?;
    }
    Ok(())
}

/// Where the program begins, and whether the place may be missing.
fn working_directory(
    unit: &Definition,
    identity: &Identity,
    settings: &Settings,
) -> Result<(Option<String>, bool), SpawnFailure> {
    Ok(match unit.working_directory() {
        None => (Some("/".to_owned()), false),
        Some(WorkingDirectory::Path { path, missing_ok }) => (Some(path.to_string()), *missing_ok),
        // A child begins where we are, also where its user could not go.
        Some(WorkingDirectory::Inherit) => (None, false),
        Some(WorkingDirectory::Below(path)) => (Some(path.to_string()), false),
        Some(WorkingDirectory::Home { missing_ok }) => {
            (Some(home(identity, &settings.accounts)?), *missing_ok)
        }
    })
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
