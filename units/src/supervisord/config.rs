//! What a supervisord.conf says, every option resolved: the configuration that supervisord 4.3.0
//! would run with. Names of fields are the names of options.
//!
//! Python's integers have no end; here they are `i64` and a larger one is the largest.

use std::fmt;
use std::sync::Arc;

use crate::diagnostic::Place;

/// A whole configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `[supervisord]`.
    pub daemon: Daemon,
    /// `[inet_http_server]` and `[unix_http_server]` sections, in the order they are opened: inet
    /// before unix, each kind in the order of the file.
    pub servers: Vec<Server>,
    /// Whether an `[rpcinterface:…]` section asks for the `supervisor.*` methods. Without one only
    /// `system.*` exists.
    pub rpc_interface: bool,
    /// `[supervisorctl]`, where there is one that can be read.
    pub client: Option<Client>,
    /// Groups by (priority, name). Two may have one name; the first is the one that runs.
    pub groups: Vec<Group>,
    /// What the real program writes into its main log about the file at level INFO, each line in
    /// its words.
    pub infos: Vec<String>,
    /// The same at level WARN.
    pub warnings: Vec<String>,
}

/// `[supervisord]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daemon {
    /// The main log; absolute, or the word `syslog`.
    pub logfile: String,
    /// Bytes after which the main log is rotated; 0 or less: never.
    pub logfile_maxbytes: i64,
    /// How many rotated main logs are kept.
    pub logfile_backups: i64,
    /// How much is logged.
    pub loglevel: LogLevel,
    /// The pid file; absolute.
    pub pidfile: String,
    /// Stay in the foreground.
    pub nodaemon: bool,
    /// In the foreground, no copy of the log on standard output.
    pub silent: bool,
    /// The fewest file descriptors that must be available.
    pub minfds: i64,
    /// The fewest processes that must be available.
    pub minprocs: i64,
    /// The umask of the daemon; the real one sets it only when it goes into the background.
    pub umask: i64,
    /// The directory of the daemon; the real one goes there only when it goes into the background.
    pub directory: Option<String>,
    /// Whom to become.
    pub user: Option<User>,
    /// Our name in events, in `getIdentification` and in the names of AUTO logs.
    pub identifier: String,
    /// Where AUTO logs go.
    pub childlogdir: String,
    /// Keep the AUTO logs of the last run.
    pub nocleanup: bool,
    /// Take escape sequences out of what programs write.
    pub strip_ansi: bool,
    /// What every program has in its environment. Already merged into each [`Process`].
    pub environment: Vec<(String, String)>,
    /// `SUPERVISOR_SERVER_URL` of programs without `serverurl` of their own: the first unix socket,
    /// else the last inet server.
    pub server_url: Option<String>,
    /// What the section really says.
    pub written: Arc<Written>,
}

/// The options a section really has, with their places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// The section's name, for example `program:web`.
    pub section: String,
    /// Its header; the first one when there are several.
    pub place: Option<Place>,
    /// Comment lines before the header, without the sign that begins them.
    pub comments: Vec<String>,
    /// The options in the order of the file, the last of equal ones only.
    pub options: Vec<WrittenOption>,
}

/// One option as it stands in a file.
#[derive(Clone, PartialEq, Eq)]
pub struct WrittenOption {
    /// Its name in lower case.
    pub key: String,
    /// Its text, lines joined, nothing expanded but `%(here)s`.
    pub text: String,
    /// Where it stands.
    pub place: Place,
    /// Comment lines before it.
    pub comments: Vec<String>,
    /// Whether it comes from `[DEFAULT]`.
    pub is_default: bool,
}

impl fmt::Debug for WrittenOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.key.as_str() {
            "password" => "…",
            _ => &self.text,
        };
        write!(f, "{}: {}={text:?}", self.place, self.key)
    }
}

impl Written {
    /// The option of this name.
    pub fn option(&self, key: &str) -> Option<&WrittenOption> {
        self.options.iter().find(|option| option.key == key)
    }

    /// Where the option of this name stands.
    pub fn place_of(&self, key: &str) -> Option<&Place> {
        self.option(key).map(|option| &option.place)
    }
}

/// How much goes into the main log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Everything.
    Blather,
    /// What helps authors of plug-ins.
    Trace,
    /// What helps with a configuration; also what programs write.
    Debug,
    /// The normal course.
    Info,
    /// What may be wrong.
    Warn,
    /// What is wrong.
    Error,
    /// What needs somebody at once.
    Critical,
}

/// A user as the file names one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name or number as written.
    pub text: String,
    /// The user's number; `None` when only another machine knows.
    pub uid: Option<u32>,
    /// The number of the primary group; `None` when only another machine knows.
    pub gid: Option<u32>,
}

/// A door for clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// What stands after the `:` of the section's name.
    pub name: Option<String>,
    /// Where it listens.
    pub address: ServerAddress,
    /// Whom it lets in; an empty one lets everybody in, as `None` does.
    pub username: Option<String>,
    /// The password: plain, `{SHA}` and 40 hexadecimal digits, or one of our own forms.
    pub password: Option<Secret>,
    /// What the section really says.
    pub written: Arc<Written>,
}

/// Where a [`Server`] listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerAddress {
    /// `[inet_http_server]`.
    Inet {
        /// In lower case; empty for every IPv4 address.
        host: String,
        /// 1 to 65535.
        port: u16,
    },
    /// `[unix_http_server]`.
    Unix {
        /// The socket's path; absolute.
        file: String,
        /// Its mode; `0700` unless said.
        chmod: i64,
        /// Its owner.
        chown: SocketOwner,
    },
}

/// `user` or `user:group` for a socket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SocketOwner {
    /// As written; `None` when the file does not say.
    pub text: Option<String>,
    /// The user to give it to; `None` to leave it, or when only another machine knows.
    pub uid: Option<u32>,
    /// The group to give it to, likewise.
    pub gid: Option<u32>,
}

/// A text that no log and no error message shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for the one who compares it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// `[supervisorctl]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Where the daemon is: `http://…` or `unix://` and an absolute path.
    pub serverurl: String,
    /// Who we say we are.
    pub username: Option<String>,
    /// And how we prove it.
    pub password: Option<Secret>,
    /// What stands before `>` in interactive use.
    pub prompt: String,
    /// Where lines are remembered; absolute.
    pub history_file: Option<String>,
    /// Names of `[ctlplugin:…]` sections, which nothing here can load.
    pub plugins: Vec<String>,
}

/// Programs that are named together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Groups start in this order, low first, and stop in the reverse.
    pub priority: i64,
    /// What makes it a group.
    pub kind: GroupKind,
    /// Its processes: program by program, those of one program by name.
    pub processes: Vec<Process>,
    /// What the section really says: `[group:…]`, else that of the program.
    pub written: Arc<Written>,
}

/// Where a group comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupKind {
    /// `[group:…]`.
    Group,
    /// A `[program:…]` that is in no group is one of its own.
    Homogeneous,
    /// `[eventlistener:…]`.
    EventPool {
        /// The events its processes get, upper case, as the file orders them, each once.
        events: Vec<String>,
        /// How many events wait for a free listener; at least 1.
        buffer_size: i64,
        /// The Python function that judges results, where it is not supervisord's own. None can be
        /// called here: every result accepts the event then.
        result_handler: Option<String>,
    },
    /// `[fcgi-program:…]`.
    Fcgi(FcgiSocket),
}

/// The listening socket that processes of an `[fcgi-program:…]` find as descriptor 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FcgiSocket {
    /// `tcp://host:port`
    Tcp {
        /// In lower case.
        host: String,
        /// 1 to 65535.
        port: u16,
        /// Length of the queue; `None`: the system's largest.
        backlog: Option<i64>,
    },
    /// `unix:///path`
    Unix {
        /// Absolute.
        path: String,
        /// Its owner; the program's user unless said.
        owner: SocketOwner,
        /// Its mode; `0700` unless said.
        mode: i64,
        /// Length of the queue; `None`: the system's largest.
        backlog: Option<i64>,
    },
}

impl FcgiSocket {
    /// The socket in supervisord's spelling; two are the same when these are.
    pub fn url(&self) -> String {
        match self {
            FcgiSocket::Tcp { host, port, .. } => format!("tcp://{host}:{port}"),
            FcgiSocket::Unix { path, .. } => format!("unix://{path}"),
        }
    }
}

/// When a program that ended while it was RUNNING is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoRestart {
    /// `false`
    Never,
    /// `unexpected`: after an exit code that is not in `exitcodes`, and after a signal.
    Unexpected,
    /// `true`
    Always,
}

/// Where an output of a program goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogFile {
    /// `AUTO`: a file in `childlogdir` with a name of its own.
    Auto,
    /// `NONE`: nowhere.
    None,
    /// This file; relative names begin in the daemon's directory.
    Path(String),
}

/// What is done with one output of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// `*_logfile`. Of stderr always [`LogFile::None`] with `redirect_stderr`.
    pub logfile: LogFile,
    /// `*_logfile_maxbytes`: bytes after which it is rotated; 0 or less: never.
    pub logfile_maxbytes: i64,
    /// `*_logfile_backups`: how many rotated files are kept; 0 truncates.
    pub logfile_backups: i64,
    /// `*_capture_maxbytes`: the bytes kept between capture tokens; 0 or less: they mean nothing.
    pub capture_maxbytes: i64,
    /// `*_events_enabled`: whether each chunk is a `PROCESS_LOG` event.
    pub events_enabled: bool,
    /// `*_syslog`: whether lines also go to syslog. Set by `*_logfile=syslog` too.
    pub syslog: bool,
}

/// One process of a program: `numprocs` makes several of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its name, expanded.
    pub name: String,
    /// The name in the section's header: `%(program_name)s`.
    pub program: String,
    /// Its number: `%(process_num)d`.
    pub process_num: i64,
    /// The command line, expanded and not split; see [`split`](super::command::split).
    pub command: String,
    /// Where it runs; not looked at before it starts, and `~` means nothing in it.
    pub directory: Option<String>,
    /// Its umask.
    pub umask: Option<i64>,
    /// `priority`
    pub priority: i64,
    /// `autostart`
    pub autostart: bool,
    /// `autorestart`
    pub autorestart: AutoRestart,
    /// Seconds it must stay up to count as started.
    pub startsecs: i64,
    /// How often a start is tried again.
    pub startretries: i64,
    /// Whom it runs as.
    pub user: Option<User>,
    /// Exit codes that are expected, 0 to 255.
    pub exitcodes: Vec<i64>,
    /// The number of the signal that stops it. The real one takes 0, which stops nothing.
    pub stopsignal: i32,
    /// Seconds until SIGKILL follows.
    pub stopwaitsecs: i64,
    /// The stop signal goes to the process group.
    pub stopasgroup: bool,
    /// SIGKILL goes to the process group.
    pub killasgroup: bool,
    /// stderr goes where stdout goes.
    pub redirect_stderr: bool,
    /// Standard output.
    pub stdout: Stream,
    /// Standard error.
    pub stderr: Stream,
    /// What is added to the daemon's environment: `[supervisord] environment`, then the program's
    /// own. Each name once.
    pub environment: Vec<(String, String)>,
    /// `SUPERVISOR_SERVER_URL`; `None`: that of the daemon.
    pub serverurl: Option<String>,
    /// Groups and `group:process` names that must be up first: our own `depends_on`.
    pub depends_on: Vec<Dependency>,
    /// Our own settings: options beginning with `runner.`, the prefix taken off.
    pub extensions: Vec<Extension>,
    /// What the section really says; shared by the processes of one section.
    pub written: Arc<Written>,
}

/// A name in `depends_on`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// `group`, or `group:process`.
    pub name: String,
    /// Where the option stands.
    pub place: Place,
}

/// One of our own settings in a program's section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// The setting's name without `runner.`, for example `memory-max`.
    pub key: String,
    /// Its text, expanded.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}
