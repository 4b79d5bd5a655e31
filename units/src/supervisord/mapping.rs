//! What each option of a program means in the words of the settings table. The daemon's own reading
//! and the importer both take it from here, so that an imported file cannot mean anything else.

use super::config::{
    AutoRestart, Config, FcgiSocket, Group, GroupKind, LogFile, Process, SocketOwner, Stream, User,
};
use crate::settings::{SettingId as S, default_of};
use crate::value::{Signal, quote};

/// A setting as an option of supervisord asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mapped {
    pub(super) id: S,
    /// One text for a scalar, one for each element of a list, as a unit file would have them but
    /// with bare percent signs; none for an empty list.
    pub(super) texts: Vec<String>,
    /// The option it comes from; empty where every program has it.
    pub(super) option: &'static str,
}

impl Mapped {
    fn one(id: S, text: impl Into<String>, option: &'static str) -> Mapped {
        Mapped {
            id,
            texts: vec![text.into()],
            option,
        }
    }

    /// Whether it says what is the case anyway.
    pub(super) fn is_default(&self) -> bool {
        let texts: Vec<&str> = self.texts.iter().map(String::as_str).collect();
        let literally = &mut |text: &str| Ok(text.to_owned());
        let value = self.id.row().value.read(&texts, literally);
        value.is_ok_and(|value| value == *default_of(self.id))
    }

    /// The texts with percent signs as a unit file has them.
    pub(super) fn escaped(&self) -> impl Iterator<Item = String> + '_ {
        let literal = self.id == S::ExecStart;
        self.texts.iter().map(move |text| match literal {
            true => text.clone(),
            false => text.replace('%', "%%"),
        })
    }
}

/// Where an event listener's or program's definition is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be run now, by us.
    Run {
        /// Whether we can give files away.
        is_root: bool,
    },
    /// To be read by people, perhaps on another machine: names instead of numbers, and command
    /// lines in their plain form where that means the same.
    Read,
}

/// What is said about one process; what is the case anyway is left out.
pub(super) fn of_process(
    config: &Config,
    group: &Group,
    position: usize,
    process: &Process,
    purpose: Purpose,
) -> Vec<Mapped> {
    let mut mapping = Mapping {
        config,
        process,
        purpose,
        mapped: Vec::new(),
    };
    mapping.program();
    mapping.starting();
    mapping.stopping();
    mapping.group(group, position);
    mapping.output(&OUTPUT, &process.stdout);
    mapping.output(&ERROR, &process.stderr);
    mapping.mapped.retain(|mapped| !mapped.is_default());
    mapping.mapped
}

struct Mapping<'a> {
    config: &'a Config,
    process: &'a Process,
    purpose: Purpose,
    mapped: Vec<Mapped>,
}

impl Mapping<'_> {
    fn say(&mut self, id: S, text: impl Into<String>, option: &'static str) {
        self.mapped.push(Mapped::one(id, text, option));
    }

    fn list(&mut self, id: S, texts: Vec<String>, option: &'static str) {
        self.mapped.push(Mapped { id, texts, option });
    }

    /// What runs, as whom and where.
    fn program(&mut self) {
        let process = self.process;
        let plain = self.purpose == Purpose::Read && means_the_same_plainly(&process.command);
        let sign = if plain { "" } else { "=" };
        self.say(
            S::ExecStart,
            format!("{sign}{}", process.command),
            "command",
        );
        self.say(
            S::WorkingDirectory,
            directory(process.directory.as_deref()),
            "directory",
        );
        if let Some(user) = &process.user {
            let text = account(user, self.purpose);
            self.say(S::User, text, "user");
        }
        // The real one sets its own umask when it goes into the background.
        let umask = process.umask.unwrap_or(self.config.daemon.umask);
        self.say(S::Umask, octal(umask & 0o777), "umask");
        self.say(S::InheritEnvironment, "true", "");
        let variables = process.environment.iter();
        let assignments: Vec<String> = variables
            .filter(|(name, _)| is_variable_name(name))
            .map(|(name, value)| quote(&format!("{name}={value}")))
            .collect();
        if !assignments.is_empty() {
            self.list(S::Environment, assignments, "environment");
        }
        let url = process.serverurl.as_deref().filter(|url| !url.is_empty());
        let url = url.unwrap_or("auto");
        self.say(S::ServerUrl, url, "serverurl");
    }

    /// When it is started, when that has worked, and when it is started again.
    fn starting(&mut self) {
        let process = self.process;
        self.say(S::Autostart, process.autostart.to_string(), "autostart");
        let seconds = process.startsecs.clamp(0, LONGEST);
        self.say(S::ReadyAfter, format!("{seconds}s"), "startsecs");
        if seconds > LONGEST_IN_THE_DEFAULT_TIMEOUT {
            self.say(S::TimeoutStartSec, "infinity", "startsecs");
        }
        let retries = count(process.startretries);
        self.say(S::StartRetries, retries.to_string(), "startretries");
        let policy = match process.autorestart {
            AutoRestart::Never => "no",
            AutoRestart::Unexpected => "on-failure",
            AutoRestart::Always => "always",
        };
        self.say(S::Restart, policy, "autorestart");
        if process.autorestart != AutoRestart::Never {
            self.say(S::RestartSec, "0", "autorestart");
        }
        self.say(S::StartLimitBurst, "0", "");
        let codes: Vec<String> = process.exitcodes.iter().map(ToString::to_string).collect();
        if !codes.is_empty() {
            self.list(S::SuccessExitStatus, codes, "exitcodes");
        }
        self.say(S::SuccessExitStatusOnly, "true", "exitcodes");
    }

    /// How it is stopped.
    fn stopping(&mut self) {
        let process = self.process;
        // Signal 0 stops nothing, and SIGKILL follows: of all signals SIGCONT comes nearest.
        let signal = Signal::from_number(process.stopsignal).unwrap_or(Signal::CONT);
        self.say(S::KillSignal, signal.to_string(), "stopsignal");
        let wait = match process.stopwaitsecs {
            ..=0 => "1ms".to_owned(),
            seconds => format!("{}s", seconds.min(LONGEST)),
        };
        self.say(S::TimeoutStopSec, wait, "stopwaitsecs");
        let (mode, option) = match (process.stopasgroup, process.killasgroup) {
            (true, _) => ("control-group", "stopasgroup"),
            (false, true) => ("mixed", "killasgroup"),
            (false, false) => ("process", "stopasgroup"),
        };
        self.say(S::KillMode, mode, option);
    }

    /// What it has of its group: order, events, a socket.
    fn group(&mut self, group: &Group, position: usize) {
        let process = self.process;
        self.say(S::Priority, whole(process.priority).to_string(), "priority");
        self.say(
            S::GroupPriority,
            whole(group.priority).to_string(),
            "priority",
        );
        self.say(S::GroupPosition, position.to_string(), "numprocs");
        match &group.kind {
            GroupKind::Group | GroupKind::Homogeneous => {
                self.say(S::StandardInput, "pipe", "");
            }
            GroupKind::EventPool {
                events,
                buffer_size,
                result_handler,
            } => {
                self.say(S::StandardInput, "pipe", "");
                self.list(S::EventTypes, events.clone(), "events");
                self.say(
                    S::EventBufferSize,
                    count(*buffer_size).to_string(),
                    "buffer_size",
                );
                // Python is not run, and what another handler would make of a result nobody
                // knows: the reader has said so.
                if result_handler.is_some() {
                    self.say(S::EventResults, "any", "result_handler");
                }
            }
            GroupKind::Fcgi(_) => {
                self.say(S::StandardInput, "socket", "socket");
                if let Ok(name) = super::translate::socket_of(&group.name) {
                    self.list(S::Sockets, vec![name.to_string()], "socket");
                }
            }
        }
    }

    fn output(&mut self, names: &'static OutputNames, stream: &Stream) {
        let redirected = names.is_error && self.process.redirect_stderr;
        if !redirected {
            match &stream.logfile {
                LogFile::Auto => {
                    let daemon = &self.config.daemon;
                    let text = match daemon.written.option("childlogdir") {
                        Some(_) => format!("auto:{}", daemon.childlogdir),
                        None => "auto".to_owned(),
                    };
                    self.say(names.file, text, names.logfile);
                    // As mkstemp makes them, wherever the directory is.
                    self.say(names.mode, octal(0o600), names.logfile);
                    self.own_log(names);
                }
                LogFile::None => self.say(names.target, "ring", names.logfile),
                LogFile::Path(path) if path.is_empty() => {
                    self.say(names.target, "ring", names.logfile);
                }
                LogFile::Path(path) => self.log_path(names, path),
            }
        }
        self.say(
            names.max_size,
            size(stream.logfile_maxbytes),
            names.maxbytes,
        );
        self.say(
            names.backups,
            count(stream.logfile_backups).to_string(),
            names.logfile_backups,
        );
        self.say(
            names.capture,
            size(stream.capture_maxbytes),
            names.capture_maxbytes,
        );
        self.say(
            names.events,
            stream.events_enabled.to_string(),
            names.events_enabled,
        );
        self.say(names.to_syslog, stream.syslog.to_string(), names.syslog);
        if !names.is_error && self.config.daemon.strip_ansi {
            self.say(S::LogStripAnsi, "true", "strip_ansi");
        }
    }

    fn log_path(&mut self, names: &'static OutputNames, path: &str) {
        // `auto:` at the front would be a directory for names of our choice.
        let shown = match path {
            "auto" => "./auto".to_owned(),
            path if path.starts_with("auto:") => format!("./{path}"),
            path => path.to_owned(),
        };
        self.say(names.file, shown, names.logfile);
        if is_device(path) {
            return;
        }
        let bits = 0o666 & !self.config.daemon.umask & 0o777;
        self.say(names.mode, octal(bits), names.logfile);
        self.own_log(names);
    }

    fn own_log(&mut self, names: &'static OutputNames) {
        // The files are the daemon's own, whoever the program runs as.
        let can = self.purpose != Purpose::Run { is_root: false };
        if can && self.process.user.is_some() {
            let owner = match &self.config.daemon.user {
                Some(user) => account(user, self.purpose),
                None => "root".to_owned(),
            };
            self.say(names.owner, owner, names.logfile);
        }
    }
}

/// The most seconds that are told apart from for ever; clients could not be told of more either.
const LONGEST: i64 = i32::MAX as i64;

/// A start may take 90 s unless told otherwise; the real one sets no limit.
const LONGEST_IN_THE_DEFAULT_TIMEOUT: i64 = 80;

/// The names of everything about one of the two outputs.
struct OutputNames {
    is_error: bool,
    file: S,
    target: S,
    max_size: S,
    backups: S,
    owner: S,
    mode: S,
    capture: S,
    events: S,
    to_syslog: S,
    logfile: &'static str,
    maxbytes: &'static str,
    logfile_backups: &'static str,
    capture_maxbytes: &'static str,
    events_enabled: &'static str,
    syslog: &'static str,
}

static OUTPUT: OutputNames = OutputNames {
    is_error: false,
    file: S::LogFile,
    target: S::StandardOutput,
    max_size: S::LogMaxSize,
    backups: S::LogBackups,
    owner: S::LogOwner,
    mode: S::LogMode,
    capture: S::LogCaptureSize,
    events: S::LogEvents,
    to_syslog: S::LogSyslog,
    logfile: "stdout_logfile",
    maxbytes: "stdout_logfile_maxbytes",
    logfile_backups: "stdout_logfile_backups",
    capture_maxbytes: "stdout_capture_maxbytes",
    events_enabled: "stdout_events_enabled",
    syslog: "stdout_syslog",
};

static ERROR: OutputNames = OutputNames {
    is_error: true,
    file: S::ErrorLogFile,
    target: S::StandardError,
    max_size: S::ErrorLogMaxSize,
    backups: S::ErrorLogBackups,
    owner: S::ErrorLogOwner,
    mode: S::ErrorLogMode,
    capture: S::ErrorLogCaptureSize,
    events: S::ErrorLogEvents,
    to_syslog: S::ErrorLogSyslog,
    logfile: "stderr_logfile",
    maxbytes: "stderr_logfile_maxbytes",
    logfile_backups: "stderr_logfile_backups",
    capture_maxbytes: "stderr_capture_maxbytes",
    events_enabled: "stderr_events_enabled",
    syslog: "stderr_syslog",
};

/// What is said about the socket of an `[fcgi-program:…]`.
pub(super) fn of_socket(group: &Group, socket: &FcgiSocket) -> Vec<Mapped> {
    let mut mapped = Vec::new();
    let user = group
        .processes
        .first()
        .and_then(|process| process.user.as_ref());
    let backlog = match socket {
        FcgiSocket::Tcp {
            host,
            port,
            backlog,
        } => {
            // Names are not looked up before the network is there; this one needs no looking up.
            let host = if host == "localhost" {
                "127.0.0.1"
            } else {
                host
            };
            let address = format!("{host}:{port}");
            mapped.push(Mapped::one(S::ListenStream, address, "socket"));
            backlog
        }
        FcgiSocket::Unix {
            path,
            owner,
            mode,
            backlog,
        } => {
            mapped.push(Mapped::one(S::ListenStream, path.as_str(), "socket"));
            mapped.push(Mapped::one(
                S::SocketMode,
                octal(mode & 0o7777),
                "socket_mode",
            ));
            mapped.extend(owned(owner, user));
            backlog
        }
    };
    if let Some(backlog) = backlog {
        mapped.push(Mapped::one(
            S::Backlog,
            count(*backlog).to_string(),
            "socket_backlog",
        ));
    }
    mapped.push(Mapped::one(S::Activates, "false", "socket"));
    mapped.push(Mapped::one(S::Autostart, "false", "socket"));
    mapped.retain(|mapped| !mapped.is_default());
    mapped
}

/// `socket_owner`, else the program's user.
fn owned(owner: &SocketOwner, user: Option<&User>) -> Vec<Mapped> {
    let Some(text) = &owner.text else {
        let user = user.map(|user| Mapped::one(S::SocketUser, user.text.trim(), "user"));
        return user.into_iter().collect();
    };
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user.trim(), Some(group.trim())),
        None => (text.trim(), None),
    };
    let mut mapped = vec![Mapped::one(S::SocketUser, user, "socket_owner")];
    mapped.extend(group.map(|group| Mapped::one(S::SocketGroup, group, "socket_owner")));
    mapped
}

/// Where it runs. What is no plain absolute path is handed on as it stands.
fn directory(directory: Option<&str>) -> String {
    match directory {
        None => "inherit".to_owned(),
        Some(path) if crate::value::absolute_path(path).is_ok() => path.to_owned(),
        Some(path) => format!("inherit:{path}"),
    }
}

fn account(user: &User, purpose: Purpose) -> String {
    match user.uid {
        Some(uid) if purpose != Purpose::Read => uid.to_string(),
        _ => user.text.trim().to_owned(),
    }
}

/// Whether a command line means the same as a plain line of a unit file: an absolute program, and
/// nothing that one of the two ways to split treats in its own way.
fn means_the_same_plainly(command: &str) -> bool {
    let plain_words = crate::value::split_words(command).ok();
    let words = super::command::split(command).ok();
    command.starts_with('/')
        && !command.contains(['%', '$', '\\', '\0'])
        && words.is_some()
        && plain_words == words
        && words.is_some_and(|words| {
            let program = words.first().map_or("", String::as_str);
            !program.ends_with('/') && words.iter().all(|word| word != ";")
        })
}

/// Whether a unit file can set a variable of this name.
pub(super) fn is_variable_name(name: &str) -> bool {
    crate::value::Assignment::parse(&format!("{name}=")).is_ok()
}

/// Whether a log file is one that nobody makes.
pub(super) fn is_device(path: &str) -> bool {
    path.starts_with("/dev/") || path.starts_with("/proc/")
}

fn octal(bits: i64) -> String {
    format!("{bits:04o}")
}

/// Python's integers have no end and may be negative where that means none.
fn count(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

fn whole(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(if number < 0 { i32::MIN } else { i32::MAX })
}

fn size(bytes: i64) -> String {
    let bytes = u64::try_from(bytes).unwrap_or(0);
    crate::value::Size::from_bytes(bytes).to_string()
}
