//! The start of a daemon that runs a supervisord.conf, in the order of the original: file, user,
//! limits, log, servers, background. Only then is there a keeper, and the first program later
//! still; so whoever started us learns what is wrong by our exit status.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::process::ExitCode;

use rustix::fs::{Mode, OFlags};
use units::Diagnostic;
use units::supervisord::{Config, Daemon};

use super::options::Given;
use super::settled::{self, Level, Settled};
use super::{privileges, reading, servers};
use crate::keeper::{self, Beginning};
use crate::link::Key;
use crate::log;
use crate::options::Options;
use crate::place::Place;
use crate::reason::reason;
use crate::runtime_dir::{self, Circumstances, RuntimeDir};
use crate::store::Store;

/// The exit status of a start that came to nothing.
const REFUSED: u8 = 2;

/// What is to be started, and how it was asked for.
#[derive(Debug)]
pub struct Start {
    /// The configuration file.
    pub file: String,
    /// What the command line says in place of it.
    pub given: Given,
    /// Our own options, where we were not called as `supervisord`.
    pub native: Option<Options>,
    /// How people call us: for the line that names `-h`.
    pub program: String,
    /// Our arguments, `argv[0]` first.
    pub arguments: Vec<OsString>,
}

/// Why it does not start.
struct Refusal {
    message: String,
    /// Where in which file, if it is about one.
    diagnostics: Vec<Diagnostic>,
}

impl From<String> for Refusal {
    fn from(message: String) -> Refusal {
        Refusal {
            message,
            diagnostics: Vec::new(),
        }
    }
}

impl Start {
    /// Becomes the keeper, in the foreground or in the background; comes back with the exit status
    /// of a start that was refused.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let error = match self.prepare() {
            Ok(beginning) => {
                let error = beginning.begin();
                Refusal::from(format!("cannot become the keeper: {}", reason(&error)))
            }
            Err(refusal) => refusal,
        };
        self.refuse(&error)
    }

    fn refuse(&self, refusal: &Refusal) -> ExitCode {
        let mut out = io::stderr().lock();
        // The status says it too.
        let _ = writeln!(out, "Error: {}", refusal.message);
        // People who know us get the place; scripts that know the original get its two lines.
        if self.native.is_some() {
            for found in &refusal.diagnostics {
                let _ = writeln!(out, "{found}");
            }
        }
        let _ = writeln!(out, "For help, use {} -h", self.program);
        ExitCode::from(REFUSED)
    }

    fn prepare(&self) -> Result<Beginning, Refusal> {
        let file = absolute(&self.file);
        let config = self.read()?;
        let plain = Options::default();
        let options = self.native.as_ref().unwrap_or(&plain);
        let mut settled = Settled::of(&config, file.clone(), self.given.clone(), options);
        let daemon = &config.daemon;
        let of = |level, texts: &[String]| -> Vec<(Level, String)> {
            texts.iter().map(|text| (level, text.clone())).collect()
        };
        let mut remarks = of(Level::Warning, &config.warnings);
        remarks.extend(of(Level::Info, &config.infos));

        let owner = daemon.user.as_ref().and_then(|user| user.uid.zip(user.gid));
        let runtime_dir = self.runtime_dir(&file, owner)?;
        let lock = keeper::take_lock(&runtime_dir.path);
        // Two daemons on one file: the original's clients know the message of the servers, which
        // comes first there.
        let lock = lock.map_err(|sentence| {
            runtime_dir.give_back();
            in_use(&settled).unwrap_or(sentence)
        })?;
        let changes_hands = owner.is_some() || runtime_dir.taken_from.is_some();
        let fresh = runtime_dir.fresh;
        let runtime_dir = runtime_dir.path;
        if changes_hands && nix::unistd::getuid().is_root() {
            let (uid, gid) = owner.unwrap_or((0, 0));
            runtime_dir::give(&runtime_dir, &lock, uid, gid)?;
        }

        user(daemon, &mut remarks)?;
        let raised = privileges::raise_limits(daemon.minfds, daemon.minprocs)?;
        remarks.extend(raised.into_iter().map(|text| (Level::Info, text)));
        // What comes later stands in the order in which it happens.
        units::sort::by_key(&mut remarks, |(level, _)| *level as u8);
        if let Some(path) = settled
            .conf
            .as_ref()
            .and_then(|conf| conf.log_file.as_ref())
        {
            try_log(path)?;
        }
        let mut held = open_servers(&settled, &mut remarks)?;
        if !daemon.nodaemon {
            into_background(daemon, &mut remarks)?;
        }

        if let Some(conf) = &mut settled.conf {
            conf.remarks = remarks;
        }
        let definitions = definitions(&settled)
            .map_err(|error| format!("cannot keep the definitions: {error}"))?;
        held.insert(Key::Definitions.to_string(), definitions);
        Ok(Beginning {
            arguments: self.arguments_for(&runtime_dir),
            runtime_dir,
            fresh,
            lock,
            pid_file: settled.pid_file,
            held,
        })
    }

    fn read(&self) -> Result<Config, Refusal> {
        reading::read(&self.file, &self.given)
            .map(|(config, _)| config)
            .map_err(|refused| Refusal {
                message: refused.message,
                diagnostics: refused.diagnostics,
            })
    }

    fn runtime_dir(&self, file: &str, owner: Option<(u32, u32)>) -> Result<RuntimeDir, Refusal> {
        let asked = self
            .native
            .as_ref()
            .and_then(|options| options.runtime_dir.clone());
        let circumstances = Circumstances::here(asked);
        let found = runtime_dir::prepare_for(&circumstances, Path::new(file), owner)?;
        if found.fresh {
            // Nobody could find it otherwise.
            let path = found.path.display();
            let _ = writeln!(io::stderr(), "runtime directory: {path}");
        }
        Ok(found)
    }

    /// Of keeper and managers. Under the name of the original they stay what they were, so that
    /// `ps` shows what people expect.
    fn arguments_for(&self, runtime_dir: &Path) -> Vec<OsString> {
        match self.native {
            Some(_) => with_runtime_dir(self.arguments.clone(), runtime_dir),
            None => self.arguments.clone(),
        }
    }
}

/// The arguments of each manager: ours, and the runtime directory, so that all find the same one.
#[must_use]
pub fn with_runtime_dir(mut arguments: Vec<OsString>, runtime_dir: &Path) -> Vec<OsString> {
    arguments.insert(1.min(arguments.len()), "--runtime-dir".into());
    arguments.insert(2.min(arguments.len()), runtime_dir.into());
    arguments
}

fn absolute(path: &str) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
    absolute.to_string_lossy().into_owned()
}

/// Somebody else has the runtime directory; if a server of ours listens, it is the same daemon.
fn in_use(settled: &Settled) -> Option<String> {
    let alive = |path: &Path| std::os::unix::net::UnixStream::connect(path).is_ok();
    settled
        .servers
        .iter()
        .filter_map(|server| server.path())
        .any(alive)
        .then(already_listening)
}

fn already_listening() -> String {
    "Another program is already listening on a port that one of our HTTP servers is configured to \
     use.  Shut this program down first before starting supervisord."
        .to_owned()
}

fn user(daemon: &Daemon, remarks: &mut Vec<(Level, String)>) -> Result<(), Refusal> {
    match daemon.user.as_ref().and_then(|user| user.uid) {
        Some(uid) => {
            privileges::become_user(uid)?;
            remarks.push((Level::Info, format!("Set uid to user {uid} succeeded")));
        }
        None if nix::unistd::getuid().is_root() => remarks.push((
            Level::Critical,
            "Supervisor is running as root.  Privileges were not dropped because no user is \
             specified in the config file.  If you intend to run as root, you can set user=root \
             in the config file to avoid this message."
                .to_owned(),
        )),
        None => {}
    }
    Ok(())
}

/// Whether the main log can be written, before anybody waits for what it says.
fn try_log(path: &Path) -> Result<(), Refusal> {
    // Opened by whoever writes it; `/dev/stdout` may lead to what no path leads to.
    if log::is_device(path) {
        return Ok(());
    }
    let refused =
        |error: io::Error| format!("cannot open logfile {}: {}", path.display(), reason(&error));
    let place = Place::find(path).map_err(refused)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    match rustix::fs::openat(
        &place.directory,
        &place.name,
        flags | OFlags::NOCTTY | OFlags::CLOEXEC,
        Mode::from_raw_mode(0o644),
    ) {
        // A named pipe nobody reads yet.
        Ok(_) | Err(rustix::io::Errno::NXIO) => Ok(()),
        Err(error) => Err(refused(error.into()).into()),
    }
}

fn open_servers(
    settled: &Settled,
    remarks: &mut Vec<(Level, String)>,
) -> Result<BTreeMap<String, OwnedFd>, Refusal> {
    let mut held = BTreeMap::new();
    for server in &settled.servers {
        let opened = servers::open(server).map_err(|trouble| match trouble {
            servers::Trouble::InUse => already_listening(),
            servers::Trouble::Other(sentence) => sentence,
        })?;
        if let (true, Some(path)) = (opened.was_stale, server.path()) {
            let _ = writeln!(io::stderr(), "Unlinking stale socket {}", path.display());
        }
        if settled.rpc_interface {
            let text = "RPC interface 'supervisor' initialized".to_owned();
            remarks.push((Level::Info, text));
        }
        let open_to_all = servers::warning(server);
        remarks.extend(open_to_all.map(|text| (Level::Critical, text)));
        let key = Key::Control { name: server.key() };
        held.insert(key.to_string(), opened.listener);
    }
    Ok(held)
}

/// Whoever started us goes on; what is left has a session of its own.
fn into_background(daemon: &Daemon, remarks: &mut Vec<(Level, String)>) -> Result<(), Refusal> {
    nix::unistd::daemon(true, false)
        .map_err(|error| format!("cannot go into the background: {error}"))?;
    remarks.push((
        Level::Info,
        "daemonizing the supervisord process".to_owned(),
    ));
    if let Some(directory) = &daemon.directory {
        let shown = units::supervisord::repr(directory);
        remarks.push(match std::env::set_current_dir(directory) {
            Ok(()) => (Level::Info, format!("set current directory: {shown}")),
            Err(error) => (
                Level::Critical,
                format!("can't chdir into {shown}: {error}"),
            ),
        });
    }
    let umask = u32::try_from(daemon.umask & 0o777).unwrap_or(0o022);
    rustix::process::umask(Mode::from_raw_mode(umask));
    Ok(())
}

/// The definitions as the first manager finds them: only what is settled.
fn definitions(settled: &Settled) -> io::Result<OwnedFd> {
    let mut store = Store::create("definitions")?;
    let record = (settled::KEY.to_owned(), Some(settled.record()));
    let _ = store.write(&[record])?;
    store.as_fd().try_clone_to_owned()
}
