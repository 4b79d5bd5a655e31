//! The command line of `runnerd`.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use units::value::Span;

use crate::log::own::MainLog;
use crate::rewrite::Rewrite;

/// What `--help` prints.
pub const HELP: &str = "\
Usage: runnerd [OPTION]... [PATH]...
       runnerd [OPTION]... -- COMMAND [ARGUMENT]...

Runs units: starts services in the right order, listens on their sockets and
starts them on the first connection, restarts them, keeps their logs, and stops
all of them cleanly. Stays in the foreground; SIGTERM or ctrl-C stop in order,
a second one hurries.

PATH is a directory of unit files, a unit file (NAME.toml, or one of systemd's
such as NAME.service), or a supervisord.conf. A unit file named here counts as
enabled. Without PATH the search path is read:
/etc/runner/units, /run/runner/units, /usr/local/lib/runner/units,
/usr/lib/runner/units; the XDG directories when not root.

With COMMAND that is all there is to run: it gets our standard input, output
and error as they are, our environment and every signal, and we end as it does.
Processes that it leaves behind are reaped, and stopped when it has ended.

  -c, --configuration FILE
                       run this supervisord.conf: as PATH, whatever is in
                       it; see runner-supervisord(7)
  --runtime-dir DIR    sockets, lock and pidfile live here (default: /run/runner
                       for root, else $XDG_RUNTIME_DIR/runner; the variable
                       RUNNER_RUNTIME_DIR says the same)
  --target UNIT        what to start (default: default.target)
  --stop-timeout SPAN  how long stopping everything may take, such as 30s or
                       infinity; what is left then is killed (default: 9s as
                       process 1 without a supervisord.conf, else infinity)
  --rewrite FROM:TO    take a signal that we are sent for another, or with TO 0
                       for none: TERM:QUIT, 1:0; may be said several times
  --log-target WHERE   where the daemon and its units log by default:
                       auto (the journal under systemd, else the console),
                       console, journal, file:PATH
  --log-format FORMAT  lines on the console and in files: text, json
  --bus WHICH          take the name org.unitrunner.Runner1 on a bus as well:
                       none, system, session, or an address; the private socket
                       in the runtime directory always serves (default: none;
                       where systemctl finds us the bus of our user, and there
                       org.freedesktop.systemd1 as well)
  --http ADDRESS       serve supervisord's clients and browsers there too:
                       HOST:PORT or a port on a loopback address, or the path of
                       a socket for our own user; may be said several times
  --systemd-units      read systemd's own unit directories as well, where units
                       of the search path or PATH go first; see
                       runner-systemd(7)
  --systemd-compat[=WHETHER]
                       be there for systemctl and others that look for systemd:
                       make /run/systemd/system and listen at
                       /run/systemd/private; refused where systemd runs.
                       yes, no, or auto (the default): as process 1 of root
                       where a systemctl is installed and no systemd runs
  --ignore-unsupported load units without what runner does not support, with a
                       warning for each setting that is left out
  --pidfile FILE       write our pid there as well
  --identifier NAME    the name of this instance, in the answers to clients of
                       supervisord and in the names of automatic log files
  --check              load all units, say what is wrong with them, and exit:
                       0 if nothing is
  --make-room          for ExecStopPost= below a systemd before 254: take the
                       memory controller back from groups of units, so that
                       runnerd can be started again beside them, and exit
  -h, --help           print this
  -V, --version        print the version

Exit status: 0 after an ordered shutdown; that of COMMAND or of an essential
unit, where it has ended (128 and the number of a signal that ended it); 1 if
something failed on the way; 2 if the command line, a PATH or the runtime
directory cannot be used; 126 or 127 if COMMAND cannot be executed or found.
";

/// The options, as far as they need no look at the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Unit files and directories of them; none means the search path.
    pub paths: Vec<PathBuf>,
    /// Where sockets, lock and pidfile live.
    pub runtime_dir: Option<PathBuf>,
    /// The one command to run instead of units: its words.
    pub command: Vec<String>,
    /// How long stopping everything may take, where that was said.
    pub stop_timeout: Option<Span>,
    /// Which signals are taken for others.
    pub rewrites: Vec<Rewrite>,
    /// What to start.
    pub target: String,
    /// Where the daemon and its units log by default.
    pub log_target: LogTarget,
    /// How lines on the console and in files look.
    pub log_format: LogFormat,
    /// Which instance we are: in the names of log files we choose ourselves (`log-file = "auto"`).
    pub identifier: String,
    /// Where such files go that name no directory; the one for temporary files if absent. Where it
    /// is set, files of earlier runs are cleared out of it at a first start.
    pub child_log_dir: Option<PathBuf>,
    /// Leave the files of earlier runs where they are.
    pub keep_old_logs: bool,
    /// The bus to take our name on, beside the private socket.
    pub bus: Bus,
    /// The supervisord.conf to run. One among `paths` is recognised later, by what is in it.
    pub conf: Option<PathBuf>,
    /// Where supervisord's clients are served, beside the private socket.
    pub http: Vec<HttpAddress>,
    /// Where to write our pid, beside the runtime directory.
    pub pid_file: Option<PathBuf>,
    /// Read systemd's own unit directories as well.
    pub systemd_units: bool,
    /// Be where systemd's own programs look for it.
    pub systemd_compat: Compat,
    /// Load units without what is not supported.
    pub ignore_unsupported: bool,
    /// Load, report, exit.
    pub check: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            paths: Vec::new(),
            runtime_dir: None,
            command: Vec::new(),
            stop_timeout: None,
            rewrites: Vec::new(),
            target: "default.target".to_owned(),
            log_target: LogTarget::Auto,
            log_format: LogFormat::Text,
            identifier: DEFAULT_IDENTIFIER.to_owned(),
            child_log_dir: None,
            keep_old_logs: false,
            bus: Bus::Auto,
            conf: None,
            http: Vec::new(),
            pid_file: None,
            systemd_units: false,
            systemd_compat: Compat::Auto,
            ignore_unsupported: false,
            check: false,
        }
    }
}

impl Options {
    /// `--identifier`, if it was said.
    #[must_use]
    pub fn identifier_given(&self) -> Option<&str> {
        (self.identifier != DEFAULT_IDENTIFIER).then_some(&self.identifier)
    }

    /// How long stopping everything may take. Whoever stops a container waits for ten seconds and then
    /// kills it, so process 1 is done before; but nobody who comes with a supervisord.conf
    /// (`runs_conf`) has told that more than its own times.
    #[must_use]
    pub fn stop_limit(&self, is_init: bool, runs_conf: bool) -> Span {
        self.stop_timeout.unwrap_or(match is_init && !runs_conf {
            true => STOP_LIMIT_OF_INIT,
            false => Span::INFINITY,
        })
    }
}

/// A second below what `docker stop` waits.
const STOP_LIMIT_OF_INIT: Span = Span::from_secs(9);

/// What an instance is called that nobody has named.
const DEFAULT_IDENTIFIER: &str = "supervisor";

/// `--systemd-compat`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compat {
    /// As process 1, where there is somebody to look for us and no systemd to be found instead.
    Auto,
    /// Or refuse to start.
    Yes,
    /// Never.
    No,
}

/// `--log-target`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// The journal under systemd, else the console.
    Auto,
    /// Standard error.
    Console,
    /// systemd's journal.
    Journal,
    /// A file.
    File(PathBuf),
    /// A main log as supervisord keeps it, whatever the format.
    Main(MainLog),
}

/// `--log-format`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// `unit[pid]: text`
    Text,
    /// One JSON object for each line.
    Json,
}

/// `--bus`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bus {
    /// Where systemctl finds us the system bus for root and the session bus for others, else none.
    Auto,
    /// Only the private socket.
    None,
    /// The system bus.
    System,
    /// The session bus.
    Session,
    /// The bus at this address.
    Address(String),
}

/// `--http`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpAddress {
    /// A loopback address.
    Inet {
        /// Its name or number.
        host: String,
        /// Its port.
        port: u16,
    },
    /// A socket in the file system, absolute.
    Unix(PathBuf),
}

impl HttpAddress {
    fn parse(text: &str) -> Result<HttpAddress, String> {
        let path = text.strip_prefix("unix:").unwrap_or(text);
        if path.starts_with('/') {
            return Ok(HttpAddress::Unix(PathBuf::from(path)));
        }
        let (host, port) = text.rsplit_once(':').unwrap_or(("127.0.0.1", text));
        match port.parse() {
            Ok(port) if port > 0 && !host.is_empty() => Ok(HttpAddress::Inet {
                host: host.to_owned(),
                port,
            }),
            _ => Err(unknown(
                "--http",
                text,
                "PORT, HOST:PORT, the path of a socket",
            )),
        }
    }
}

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// To run, or to check.
    Run(Box<Options>),
    /// For [`HELP`].
    Help,
    /// For the version.
    Version,
    /// To let systemd start us again, and exit.
    MakeRoom,
}

type Setter = fn(&mut Options, &OsStr) -> Result<(), String>;

/// The options that take a value, and what each does with it.
const WITH_VALUE: [(&str, Setter); 12] = [
    ("--runtime-dir", |options, value| {
        options.runtime_dir = Some(absolute(value)?);
        Ok(())
    }),
    ("--target", |options, value| {
        text("--target", value)?.clone_into(&mut options.target);
        Ok(())
    }),
    ("--stop-timeout", |options, value| {
        let span = text("--stop-timeout", value)?;
        let limit = Span::parse(span)
            .map_err(|problem| format!("--stop-timeout cannot be {span}: {problem}"))?;
        options.stop_timeout = Some(limit);
        Ok(())
    }),
    ("--rewrite", |options, value| {
        options
            .rewrites
            .push(Rewrite::parse(text("--rewrite", value)?)?);
        Ok(())
    }),
    ("--log-target", |options, value| {
        options.log_target = match text("--log-target", value)? {
            "auto" => LogTarget::Auto,
            "console" => LogTarget::Console,
            "journal" => LogTarget::Journal,
            other => match other.strip_prefix("file:") {
                Some(path) if !path.is_empty() => LogTarget::File(absolute(OsStr::new(path))?),
                _ => {
                    return Err(unknown(
                        "--log-target",
                        other,
                        "auto, console, journal, file:PATH",
                    ));
                }
            },
        };
        Ok(())
    }),
    ("--log-format", |options, value| {
        options.log_format = match text("--log-format", value)? {
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            other => return Err(unknown("--log-format", other, "text, json")),
        };
        Ok(())
    }),
    ("--bus", |options, value| {
        options.bus = match text("--bus", value)? {
            "none" => Bus::None,
            "system" => Bus::System,
            "session" => Bus::Session,
            address if address.contains(':') => Bus::Address(address.to_owned()),
            other => return Err(unknown("--bus", other, "none, system, session, an address")),
        };
        Ok(())
    }),
    ("-c", set_conf),
    ("--configuration", set_conf),
    ("--http", |options, value| {
        let address = HttpAddress::parse(text("--http", value)?)?;
        options.http.push(address);
        Ok(())
    }),
    ("--pidfile", |options, value| {
        options.pid_file = Some(absolute(value)?);
        Ok(())
    }),
    ("--identifier", |options, value| {
        text("--identifier", value)?.clone_into(&mut options.identifier);
        Ok(())
    }),
];

fn set_conf(options: &mut Options, value: &OsStr) -> Result<(), String> {
    if options.conf.is_some() {
        return Err("only one supervisord.conf can be run".to_owned());
    }
    options.conf = Some(text("--configuration", value)?.into());
    Ok(())
}

/// Reads the arguments after `argv[0]`.
///
/// # Errors
/// A sentence with the argument that cannot be used.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Asked, String> {
    let mut options = Options::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let word = argument.to_string_lossy();
        let (name, attached) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(OsString::from(value))),
            _ => (&*word, None),
        };
        if let Some((name, set)) = WITH_VALUE.iter().find(|(known, _)| *known == name) {
            let value = attached.or_else(|| arguments.next());
            let value = value.ok_or_else(|| format!("{name} needs a value"))?;
            set(&mut options, &value)?;
            continue;
        }
        match name {
            "-h" | "--help" if attached.is_none() => return Ok(Asked::Help),
            "-V" | "--version" if attached.is_none() => return Ok(Asked::Version),
            "--make-room" if attached.is_none() => return Ok(Asked::MakeRoom),
            "--check" if attached.is_none() => options.check = true,
            "--systemd-units" if attached.is_none() => options.systemd_units = true,
            "--systemd-compat" => options.systemd_compat = compat(attached.as_deref())?,
            "--ignore-unsupported" if attached.is_none() => options.ignore_unsupported = true,
            "--" => options.command = words(arguments.by_ref())?,
            _ if name.starts_with('-') && name != "-" => {
                return Err(format!(
                    "there is no option {word}; runnerd --help lists them"
                ));
            }
            _ => options.paths.push(argument.into()),
        }
    }
    if options.conf.is_some() && !options.paths.is_empty() {
        return Err("a supervisord.conf cannot be run together with other paths".to_owned());
    }
    if !options.command.is_empty() && (options.conf.is_some() || !options.paths.is_empty()) {
        return Err(
            "a command cannot be run together with unit files: make it a unit of its own, with \
             essential = true"
                .to_owned(),
        );
    }
    Ok(Asked::Run(Box::new(options)))
}

fn compat(value: Option<&OsStr>) -> Result<Compat, String> {
    match value
        .map(|value| text("--systemd-compat", value))
        .transpose()?
    {
        None | Some("yes") => Ok(Compat::Yes),
        Some("no") => Ok(Compat::No),
        Some("auto") => Ok(Compat::Auto),
        Some(other) => Err(unknown("--systemd-compat", other, "auto, yes, no")),
    }
}

/// The words of the command.
fn words(arguments: impl Iterator<Item = OsString>) -> Result<Vec<String>, String> {
    let words = arguments
        .map(|word| {
            word.into_string().map_err(|word| {
                format!("cannot run a command with a word that is no UTF-8: {word:?}")
            })
        })
        .collect::<Result<Vec<String>, String>>()?;
    match words.first().map(String::as_str) {
        None | Some("") => Err("-- needs a command after it".to_owned()),
        Some(_) => Ok(words),
    }
}

fn text<'a>(name: &str, value: &'a OsStr) -> Result<&'a str, String> {
    value
        .to_str()
        .filter(|text| !text.is_empty())
        .ok_or_else(|| format!("{name} cannot be {}", value.to_string_lossy()))
}

fn unknown(name: &str, value: &str, known: &str) -> String {
    format!("{name} cannot be {value}; it can be {known}")
}

fn absolute(path: &OsStr) -> Result<PathBuf, String> {
    std::path::absolute(path)
        .map_err(|error| format!("cannot use path {}: {error}", path.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Asked, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    fn options(line: &str) -> Options {
        match read(line) {
            Ok(Asked::Run(options)) => *options,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn everything_at_once() {
        let line = "--runtime-dir /r --target=web.target a --log-target file:/l --log-format json \
                    --bus unix:path=/b --check b --http 9001 --http unix:/s --pidfile /p \
                    --identifier me --systemd-units --systemd-compat --ignore-unsupported ./--c \
                    --stop-timeout=1min";
        assert_eq!(
            options(line),
            Options {
                paths: vec!["a".into(), "b".into(), "./--c".into()],
                stop_timeout: Some(Span::from_secs(60)),
                runtime_dir: Some("/r".into()),
                target: "web.target".to_owned(),
                log_target: LogTarget::File("/l".into()),
                log_format: LogFormat::Json,
                bus: Bus::Address("unix:path=/b".to_owned()),
                check: true,
                systemd_units: true,
                systemd_compat: Compat::Yes,
                ignore_unsupported: true,
                http: vec![
                    HttpAddress::Inet {
                        host: "127.0.0.1".to_owned(),
                        port: 9001
                    },
                    HttpAddress::Unix("/s".into())
                ],
                pid_file: Some("/p".into()),
                identifier: "me".to_owned(),
                ..Options::default()
            }
        );
        assert_eq!(options(""), Options::default());
    }

    #[test]
    fn a_command_is_everything_after_two_dashes() {
        let run = options("--http 9001 -- /bin/a -- --help -V");
        assert_eq!(run.command, ["/bin/a", "--", "--help", "-V"]);
        assert_eq!(run.http.len(), 1);
        assert_eq!(run.paths, [""; 0].map(PathBuf::from));
    }

    #[test]
    fn stopping_has_a_limit_where_somebody_else_has_one() {
        let limit = |line: &str, is_init, conf| options(line).stop_limit(is_init, conf);
        assert_eq!(limit("", true, false), Span::from_secs(9));
        assert_eq!(limit("", true, true), Span::INFINITY);
        assert_eq!(limit("", false, false), Span::INFINITY);
        assert_eq!(limit("--stop-timeout 2", true, true), Span::from_secs(2));
        assert_eq!(
            limit("--stop-timeout infinity", true, false),
            Span::INFINITY
        );
    }

    #[test]
    fn help_and_version() {
        assert_eq!(read("a --help --nonsense"), Ok(Asked::Help));
        assert_eq!(read("-V"), Ok(Asked::Version));
        assert_eq!(read("--make-room"), Ok(Asked::MakeRoom));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (line, sentence) in [
            (
                "--chekc",
                "there is no option --chekc; runnerd --help lists them",
            ),
            (
                "--check=yes",
                "there is no option --check=yes; runnerd --help lists them",
            ),
            (
                "-c x.conf a",
                "a supervisord.conf cannot be run together with other paths",
            ),
            ("--", "-- needs a command after it"),
            (
                "a -- b",
                "a command cannot be run together with unit files: make it a unit of its own, with \
                 essential = true",
            ),
            ("-c x -c y", "only one supervisord.conf can be run"),
            (
                "--http :x",
                "--http cannot be :x; it can be PORT, HOST:PORT, the path of a socket",
            ),
            ("--target", "--target needs a value"),
            (
                "--log-format xml",
                "--log-format cannot be xml; it can be text, json",
            ),
            (
                "--bus dbus",
                "--bus cannot be dbus; it can be none, system, session, an address",
            ),
            (
                "--log-target file:",
                "--log-target cannot be file:; it can be auto, console, journal, file:PATH",
            ),
        ] {
            assert_eq!(read(line), Err(sentence.to_owned()));
        }
    }

    #[test]
    fn help_names_every_option_and_fits_a_terminal() {
        for (name, _) in WITH_VALUE {
            let alone = HELP.contains(&format!("  {name} "));
            assert!(alone || HELP.contains("  -c, --configuration "), "{name}");
        }
        assert!(HELP.lines().all(|line| line.len() <= 80));
    }
}
