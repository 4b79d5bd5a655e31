//! What is settled for the daemon as a whole, from the command line and a supervisord.conf. The
//! keeper holds it with the definitions, so a manager that takes over needs no file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine::json;
use serde::{Deserialize, Serialize};
use units::supervisord::{self, Config, LogLevel, ServerAddress};

use super::options::Given;
use crate::log::FileSink;
use crate::log::own::{MainLog, Severity};
use crate::options::{HttpAddress, LogTarget, Options};

/// The key of this record among the definitions. No unit has such a name.
pub const KEY: &str = "daemon";

/// Log files of the daemon are readable by everybody, as the original makes them.
const LOG_MODE: u32 = 0o644;

/// Everything. Records of older versions lack what they did not know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settled {
    /// The supervisord.conf that is run, if one is.
    pub conf: Option<Conf>,
    /// Our name in events, in `getIdentification` and in the names of AUTO logs.
    pub identifier: String,
    /// The servers for supervisord's clients, in the order they are opened.
    pub servers: Vec<Server>,
    /// Whether `supervisor.*` methods exist.
    pub rpc_interface: bool,
    /// `SUPERVISOR_SERVER_URL` of programs that are given none of their own.
    pub server_url: Option<String>,
    /// Where our pid is, for the world.
    pub pid_file: Option<PathBuf>,
}

/// What only a supervisord.conf brings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conf {
    /// The file, absolute.
    pub file: String,
    /// What the command line says in place of it.
    pub given: Given,
    /// The main log, absolute; none where it goes to syslog.
    pub log_file: Option<PathBuf>,
    /// Rotate it when it would become longer, in bytes; 0: never.
    pub log_max_size: u64,
    /// How many rotated ones are kept.
    pub log_backups: u32,
    /// How much is logged.
    pub log_level: Level,
    /// A copy goes to standard output.
    pub log_on_stdout: bool,
    /// Where AUTO logs go.
    pub child_log_dir: PathBuf,
    /// AUTO logs of the last run are kept.
    pub keep_old_logs: bool,
    /// Options that count when the daemon starts and at no reload, each with its value.
    pub at_start: BTreeMap<String, String>,
    /// Remarks of the start, for the main log.
    pub remarks: Vec<(Level, String)>,
}

/// How grave a remark is, or how grave it has to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    /// Somebody has to act at once.
    Critical,
    /// Something is wrong.
    Error,
    /// Something may be wrong.
    Warning,
    /// The normal course.
    #[default]
    Info,
    /// Everything.
    Debug,
}

/// What is done once, before there is a keeper.
fn at_start(daemon: &supervisord::Daemon) -> BTreeMap<String, String> {
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    let user = daemon.user.as_ref().map(|user| user.text.clone());
    [
        ("user", text(&user)),
        ("minfds", daemon.minfds.to_string()),
        ("minprocs", daemon.minprocs.to_string()),
        ("directory", text(&daemon.directory)),
        ("umask", format!("{:o}", daemon.umask)),
    ]
    .map(|(option, value)| (option.to_owned(), value))
    .into()
}

impl From<LogLevel> for Level {
    fn from(level: LogLevel) -> Level {
        match level {
            LogLevel::Critical => Level::Critical,
            LogLevel::Error => Level::Error,
            LogLevel::Warn => Level::Warning,
            LogLevel::Info => Level::Info,
            LogLevel::Debug | LogLevel::Trace | LogLevel::Blather => Level::Debug,
        }
    }
}

impl From<Level> for Severity {
    fn from(level: Level) -> Severity {
        match level {
            Level::Critical => Severity::Critical,
            Level::Error => Severity::Error,
            Level::Warning => Severity::Warning,
            Level::Info => Severity::Info,
            Level::Debug => Severity::Debug,
        }
    }
}

/// One server.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// The section it comes from; of one from our own command line, the option.
    pub section: String,
    /// Names its listener with the keeper, as long as there is one.
    pub slot: u32,
    /// Where it listens.
    pub address: Address,
    /// Who gets in: name and password, as written. Everybody, if absent.
    pub auth: Option<(String, String)>,
    /// Nobody minds that it is open to other machines (`runner.insecure-http`).
    pub insecure: bool,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("section", &self.section)
            .field("slot", &self.slot)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Address {
    /// A name or number and a port; an empty name is every address.
    Inet {
        /// As written.
        host: String,
        /// The port.
        port: u16,
    },
    /// A socket in the file system.
    Unix {
        /// Absolute.
        path: String,
        /// Its permission bits.
        mode: u32,
        /// Its owner, unless we are.
        uid: Option<u32>,
        /// Its group, unless ours.
        gid: Option<u32>,
    },
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Inet { host, port } if host.is_empty() => write!(f, "*:{port}"),
            Address::Inet { host, port } => write!(f, "{host}:{port}"),
            Address::Unix { path, .. } => f.write_str(path),
        }
    }
}

impl Settled {
    /// Without a supervisord.conf: what our own options say.
    #[must_use]
    pub fn native(options: &Options) -> Settled {
        let servers: Vec<Server> = (0..)
            .zip(&options.http)
            .map(|(slot, address)| Server::native(slot, address))
            .collect();
        Settled {
            conf: None,
            identifier: options.identifier.clone(),
            server_url: server_url(&servers),
            servers,
            rpc_interface: true,
            pid_file: options.pid_file.clone(),
        }
    }

    /// From a configuration that the command line has been applied to.
    #[must_use]
    pub fn of(config: &Config, file: String, given: Given, options: &Options) -> Settled {
        let daemon = &config.daemon;
        let mut servers: Vec<Server> = config.servers.iter().map(Server::of).collect();
        servers.extend(
            options
                .http
                .iter()
                .map(|address| Server::native(0, address)),
        );
        for (slot, server) in (0..).zip(&mut servers) {
            server.slot = slot;
        }
        let pid_file = Some(PathBuf::from(&daemon.pidfile));
        Settled {
            identifier: daemon.identifier.clone(),
            server_url: daemon.server_url.clone().or_else(|| server_url(&servers)),
            servers,
            rpc_interface: config.rpc_interface,
            pid_file: options.pid_file.clone().or(pid_file),
            conf: Some(Conf {
                file,
                given,
                log_file: (daemon.logfile != "syslog").then(|| PathBuf::from(&daemon.logfile)),
                log_max_size: u64::try_from(daemon.logfile_maxbytes).unwrap_or(0),
                log_backups: u32::try_from(daemon.logfile_backups.max(0)).unwrap_or(u32::MAX),
                log_level: daemon.loglevel.into(),
                log_on_stdout: daemon.nodaemon && !daemon.silent,
                child_log_dir: PathBuf::from(&daemon.childlogdir),
                keep_old_logs: daemon.nocleanup,
                at_start: at_start(daemon),
                remarks: Vec::new(),
            }),
        }
    }

    /// Options that `next` has other values for, which count at the next start of the daemon only.
    #[must_use]
    pub fn not_before_a_start<'a>(&'a self, next: &'a Settled) -> Vec<&'a str> {
        let (Some(conf), Some(next)) = (&self.conf, &next.conf) else {
            return Vec::new();
        };
        let of_old = &conf.at_start;
        let differs = |(option, value): &(&'a String, &String)| {
            // An older version of ours noted none.
            of_old.get(*option).is_some_and(|old| old != *value)
        };
        let changed = next.at_start.iter().filter(differs);
        changed.map(|(option, _)| option.as_str()).collect()
    }

    /// The record for the keeper.
    #[must_use]
    pub fn record(&self) -> String {
        // Plain data with texts for keys: there is nothing that could not be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads [`Settled::record`].
    #[must_use]
    pub fn from_record(text: &str) -> Option<Settled> {
        json::from_str(text).ok()
    }

    /// What it changes in the options of a manager.
    pub fn apply(&self, options: &mut Options) {
        options.identifier.clone_from(&self.identifier);
        let Some(conf) = &self.conf else { return };
        options.child_log_dir = Some(conf.child_log_dir.clone());
        options.keep_old_logs = conf.keep_old_logs;
        // Whoever says `--log-target` on our own command line means it.
        if matches!(options.log_target, LogTarget::Auto | LogTarget::Main(_)) {
            options.log_target = LogTarget::Main(conf.main_log());
        }
    }
}

impl Conf {
    /// How the main log is kept.
    #[must_use]
    pub fn main_log(&self) -> MainLog {
        MainLog {
            file: self.log_file.as_ref().map(|path| FileSink {
                path: path.clone(),
                max_size: self.log_max_size,
                backups: self.log_backups,
                owner: None,
                mode: LOG_MODE,
            }),
            level: self.log_level.into(),
            on_stdout: self.log_on_stdout,
            syslog: self.log_file.is_none(),
        }
    }
}

impl Server {
    fn of(server: &supervisord::Server) -> Server {
        let address = match &server.address {
            ServerAddress::Inet { host, port } => Address::Inet {
                host: host.clone(),
                port: *port,
            },
            ServerAddress::Unix { file, chmod, chown } => Address::Unix {
                path: file.clone(),
                mode: u32::try_from(chmod & 0o7777).unwrap_or(0o700),
                uid: chown.uid,
                gid: chown.gid,
            },
        };
        let username = server.username.as_ref().filter(|name| !name.is_empty());
        let password = server.password.as_ref();
        let insecure = server.written.option("runner.insecure-http");
        Server {
            section: server.written.section.clone(),
            slot: 0,
            address,
            auth: username
                .zip(password)
                .map(|(name, password)| (name.clone(), password.reveal().to_owned())),
            insecure: insecure
                .is_some_and(|option| supervisord::values::boolean(&option.text) == Ok(true)),
        }
    }

    fn native(slot: u32, address: &HttpAddress) -> Server {
        Server {
            section: "--http".to_owned(),
            slot,
            address: match address {
                HttpAddress::Inet { host, port } => Address::Inet {
                    host: host.clone(),
                    port: *port,
                },
                HttpAddress::Unix(path) => Address::Unix {
                    path: path.to_string_lossy().into_owned(),
                    mode: 0o700,
                    uid: None,
                    gid: None,
                },
            },
            auth: None,
            insecure: false,
        }
    }

    /// The name of its listener with the keeper.
    #[must_use]
    pub fn key(&self) -> String {
        format!("http-{}", self.slot)
    }

    /// The socket's file, where it has one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.address {
            Address::Unix { path, .. } => Some(Path::new(path)),
            Address::Inet { .. } => None,
        }
    }
}

/// As the original chooses it: the first unix socket, else an inet server.
fn server_url(servers: &[Server]) -> Option<String> {
    let unix = servers.iter().find_map(|server| match &server.address {
        Address::Unix { path, .. } => Some(format!("unix://{path}")),
        Address::Inet { .. } => None,
    });
    unix.or_else(|| {
        servers.iter().find_map(|server| match &server.address {
            Address::Inet { host, port } if host.is_empty() => {
                Some(format!("http://localhost:{port}"))
            }
            Address::Inet { host, port } => Some(format!("http://{host}:{port}")),
            Address::Unix { .. } => None,
        })
    })
}

#[cfg(test)]
mod tests {
    use units::supervisord::{Around, SourceFile, Sources};

    use super::*;

    fn settled(text: &str) -> Settled {
        let sources = Sources {
            main: SourceFile::text("/etc/s.conf", text),
            includes: Vec::new(),
        };
        let around = Around::anywhere();
        let (mut config, _) = supervisord::read(&sources, &around).unwrap();
        let given = Given {
            identifier: Some("given".to_owned()),
            ..Given::default()
        };
        given.apply(&mut config, &around).unwrap();
        Settled::of(
            &config,
            "/etc/s.conf".to_owned(),
            given,
            &Options::default(),
        )
    }

    const TEXT: &str = "[supervisord]\nlogfile=/var/log/s.log\nidentifier=written\nnodaemon=true
[unix_http_server]\nfile=/run/s.sock\nchmod=0770
[inet_http_server]\nport=*:9001\nusername=u\npassword={SHA}x\nrunner.insecure-http=yes\n";

    #[test]
    fn knows_which_options_wait_for_a_start() {
        let before = settled("[supervisord]\nminfds=100\n");
        assert!(before.not_before_a_start(&before).is_empty());
        let after = settled("[supervisord]\nminfds=200\numask=027\ndirectory=/\n");
        assert_eq!(
            before.not_before_a_start(&after),
            ["directory", "minfds", "umask"]
        );
        // One that an older version wrote says nothing about them.
        let mut older = before;
        older.conf.as_mut().unwrap().at_start.clear();
        assert!(older.not_before_a_start(&after).is_empty());
    }

    #[test]
    fn a_file_and_a_command_line_settle_it() {
        let settled = settled(TEXT);
        assert_eq!(settled.identifier, "given");
        assert_eq!(settled.server_url.as_deref(), Some("unix:///run/s.sock"));
        let [inet, unix] = &settled.servers[..] else {
            panic!("{settled:?}")
        };
        assert_eq!(inet.section, "inet_http_server");
        assert_eq!(
            (
                inet.auth.as_ref().map(|(name, _)| name.as_str()),
                inet.insecure
            ),
            (Some("u"), true)
        );
        assert_eq!(
            (unix.slot, unix.address.to_string()),
            (1, "/run/s.sock".to_owned())
        );
        assert!(matches!(unix.address, Address::Unix { mode: 0o770, .. }));
        let conf = settled.conf.unwrap();
        assert_eq!((conf.log_max_size, conf.log_backups), (50 << 20, 10));
        assert!(conf.log_on_stdout);
    }

    #[test]
    fn the_record_says_all_and_older_ones_are_understood() {
        let settled = settled(TEXT);
        assert_eq!(
            Settled::from_record(&settled.record()),
            Some(settled.clone())
        );
        assert_eq!(Settled::from_record("{}"), Some(Settled::default()));
        assert_eq!(Settled::from_record("nothing"), None);
        assert!(
            !format!("{settled:?}").contains("SHA"),
            "a password is shown"
        );
    }
}
