//! The command line of `runnerd`.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use crate::log::own::MainLog;

/// What `--help` prints.
pub const HELP: &str = "\
Usage: runnerd [OPTION]... [PATH]...

Runs units: starts services in the right order, listens on their sockets and
starts them on the first connection, restarts them, keeps their logs, and stops
all of them cleanly. Stays in the foreground; SIGTERM or ctrl-C stop in order,
a second one hurries.

PATH is a directory of unit files, or a unit file (NAME.toml). Units of paths
named here count as enabled. Without PATH the search path is read:
/etc/runner/units, /run/runner/units, /usr/local/lib/runner/units,
/usr/lib/runner/units; the XDG directories when not root.

  --runtime-dir DIR    sockets, lock and pidfile live here (default: /run/runner
                       for root, else $XDG_RUNTIME_DIR/runner; the variable
                       RUNNER_RUNTIME_DIR says the same)
  --target UNIT        what to start (default: default.target)
  --log-target WHERE   where the daemon and its units log by default:
                       auto (the journal under systemd, else the console),
                       console, journal, file:PATH
  --log-format FORMAT  lines on the console and in files: text, json
  --bus WHICH          take the name org.unitrunner.Runner1 on a bus as well:
                       none (the default), system, session, or an address;
                       the private socket in the runtime directory always serves
  --check              load all units, say what is wrong with them, and exit:
                       0 if nothing is
  -h, --help           print this
  -V, --version        print the version

Exit status: 0 after an ordered shutdown; 1 if something failed on the way;
2 if the command line, a PATH or the runtime directory cannot be used.
";

/// The options, as far as they need no look at the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Unit files and directories of them; none means the search path.
    pub paths: Vec<PathBuf>,
    /// Where sockets, lock and pidfile live.
    pub runtime_dir: Option<PathBuf>,
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
    /// Load, report, exit.
    pub check: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            paths: Vec::new(),
            runtime_dir: None,
            target: "default.target".to_owned(),
            log_target: LogTarget::Auto,
            log_format: LogFormat::Text,
            identifier: "supervisor".to_owned(),
            child_log_dir: None,
            keep_old_logs: false,
            bus: Bus::None,
            check: false,
        }
    }
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
    /// Only the private socket.
    None,
    /// The system bus.
    System,
    /// The session bus.
    Session,
    /// The bus at this address.
    Address(String),
}

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// To run, or to check.
    Run(Options),
    /// For [`HELP`].
    Help,
    /// For the version.
    Version,
}

type Setter = fn(&mut Options, &OsStr) -> Result<(), String>;

/// The options that take a value, and what each does with it.
const WITH_VALUE: [(&str, Setter); 5] = [
    ("--runtime-dir", |options, value| {
        options.runtime_dir = Some(absolute(value)?);
        Ok(())
    }),
    ("--target", |options, value| {
        text("--target", value)?.clone_into(&mut options.target);
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
];

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
            "--check" if attached.is_none() => options.check = true,
            "-c" | "--configuration" => {
                return Err("supervisord files are not supported yet".to_owned());
            }
            "--" => options.paths.extend(arguments.by_ref().map(PathBuf::from)),
            _ if name.starts_with('-') && name != "-" => {
                return Err(format!(
                    "there is no option {word}; runnerd --help lists them"
                ));
            }
            _ => options.paths.push(argument.into()),
        }
    }
    Ok(Asked::Run(options))
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
            Ok(Asked::Run(options)) => options,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn everything_at_once() {
        let line = "--runtime-dir /r --target=web.target a --log-target file:/l --log-format json \
                    --bus unix:path=/b --check b -- --c";
        assert_eq!(
            options(line),
            Options {
                paths: vec!["a".into(), "b".into(), "--c".into()],
                runtime_dir: Some("/r".into()),
                target: "web.target".to_owned(),
                log_target: LogTarget::File("/l".into()),
                log_format: LogFormat::Json,
                bus: Bus::Address("unix:path=/b".to_owned()),
                check: true,
                ..Options::default()
            }
        );
        assert_eq!(options(""), Options::default());
    }

    #[test]
    fn help_and_version() {
        assert_eq!(read("a --help --nonsense"), Ok(Asked::Help));
        assert_eq!(read("-V"), Ok(Asked::Version));
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
            ("-c x.conf", "supervisord files are not supported yet"),
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
            assert!(HELP.contains(&format!("  {name} ")), "{name}");
        }
        assert!(HELP.lines().all(|line| line.len() <= 80));
    }
}
