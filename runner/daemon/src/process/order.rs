//! What a process is to be made from.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use engine::action::{Role, Spawn};
use units::Definition;
use units::value::Privileges;

/// Everything needed to start one process. The descriptors stay the manager's: the child gets copies.
#[derive(Debug, Clone)]
pub struct Order {
    /// What the engine wants.
    pub spawn: Spawn,
    /// The unit's settings.
    pub definition: Arc<Definition>,
    /// It stays in our session and gets the terminal that is its descriptor 0.
    pub foreground: bool,
    /// Descriptor 0.
    pub stdin: Stdio,
    /// Descriptor 1.
    pub stdout: Stdio,
    /// Descriptor 2.
    pub stderr: Stdio,
    /// Listeners, or the accepted connection: descriptors 3 and on.
    pub listen: Vec<Passed>,
    /// The unit's fd store, after the listeners.
    pub stored: Vec<Passed>,
    /// The unit's notify socket (`NOTIFY_SOCKET`), where it has one.
    pub notify_path: Option<PathBuf>,
    /// The manager's block: what every program starts from (`PATH`, `LANG`, `TERM` …).
    pub environment: Arc<[(String, String)]>,
    /// What clients changed of that block, for a program that starts from our own environment: values,
    /// and nothing for what is taken away.
    pub changed_environment: Arc<[(String, Option<String>)]>,
    /// Where our first server for supervisord's clients is (`server-url = "auto"`), if there is one.
    pub server_url: Option<Arc<str>>,
}

impl Order {
    /// What the program may keep of our privileges.
    pub(super) fn privileges(&self) -> Privileges {
        if self.spawn.role != Role::Main && self.definition.permissions_start_only() {
            Privileges::Full
        } else {
            self.spawn.command.privileges
        }
    }
}

/// A descriptor with the name it has in `LISTEN_FDNAMES`.
#[derive(Debug, Clone)]
pub struct Passed {
    /// What is handed over.
    pub fd: Arc<OwnedFd>,
    /// Without `:`.
    pub name: String,
}

/// One of the standard descriptors.
#[derive(Debug, Clone)]
pub enum Stdio {
    /// `/dev/null`.
    Null,
    /// For stderr what stdout is; for stdout what stdin is, and where that is `Null`, our own
    /// stdout; for stdin our own (`systemd.exec(5)`).
    Inherit,
    /// This one: the end of a log or stdin pipe.
    Fd(Arc<OwnedFd>),
    /// A file, opened by the spawner with the daemon's rights.
    File {
        /// An absolute path.
        path: PathBuf,
        /// How.
        mode: FileMode,
    },
    /// The one descriptor in `listen`, which is then not passed a second time.
    Socket,
    /// The one of this name in `listen` or `stored`.
    Named(String),
    /// This, to be read.
    Data(Arc<[u8]>),
    /// A terminal. As standard input it becomes the program's own.
    Terminal {
        /// The device.
        path: PathBuf,
        /// Taken away from whoever has it.
        force: bool,
    },
}

/// How a file becomes a standard descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileMode {
    /// For stdin.
    Read,
    /// For stdin where an output is the same file.
    ReadWrite,
    /// From the beginning on, over what is there (`file:`).
    Write,
    /// At the end (`append:`).
    Append,
    /// Emptied first (`truncate:`).
    Truncate,
}
