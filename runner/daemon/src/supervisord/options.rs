//! The command line of `supervisord`, split as Python's `getopt` does it and refused in its words.

use std::path::Path;

use serde::{Deserialize, Serialize};
use units::supervisord::{Around, Config, LogLevel, repr, values};

/// What `-h` prints after the line with our name.
pub const HELP: &str = "\
Runs the programs of a supervisord.conf, as supervisord 4.3.0 does.

Options:
-c/--configuration FILENAME -- the configuration file (searched for if not given)
-n/--nodaemon -- stay in the foreground (as 'nodaemon=true' in the file)
-s/--silent -- no copy of the log on standard output (as 'silent=true')
-h/--help -- print this and exit
-v/--version -- print the version of supervisord that this stands in for, and exit
-u/--user USER -- become this user, by name or number
-m/--umask UMASK -- the umask in the background (default: 022)
-d/--directory DIRECTORY -- where to be in the background
-l/--logfile FILENAME -- the main log
-y/--logfile_maxbytes BYTES -- the size at which the main log is rotated
-z/--logfile_backups NUM -- how many rotated main logs are kept
-e/--loglevel LEVEL -- how much is logged (debug,info,warn,error,critical)
-j/--pidfile FILENAME -- where to write the pid
-i/--identifier STR -- the name of this instance
-q/--childlogdir DIRECTORY -- where the automatic logs of programs go
-k/--nocleanup -- keep the automatic logs of the last run
-a/--minfds NUM -- the fewest file descriptors to start with
-t/--strip_ansi -- take escape sequences out of what programs write
--minprocs NUM -- the fewest processes to start with

Exit status: 0 after an ordered end, or once the daemon is in the background;
2 if the command line, the file, a server, the user or a limit cannot be used.
Also see runner-supervisord(7).
";

/// What a command line says in place of the file. It counts for every reading of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Given {
    /// `-n`
    pub nodaemon: bool,
    /// `-s`
    pub silent: bool,
    /// `-k`
    pub nocleanup: bool,
    /// `-t`
    pub strip_ansi: bool,
    /// `-u`, as written.
    pub user: Option<String>,
    /// `-m`
    pub umask: Option<i64>,
    /// `-d`
    pub directory: Option<String>,
    /// `-l`
    pub logfile: Option<String>,
    /// `-y`
    pub logfile_maxbytes: Option<i64>,
    /// `-z`
    pub logfile_backups: Option<i64>,
    /// `-e`, as written.
    pub loglevel: Option<String>,
    /// `-j`
    pub pidfile: Option<String>,
    /// `-i`
    pub identifier: Option<String>,
    /// `-q`
    pub childlogdir: Option<String>,
    /// `-a`
    pub minfds: Option<i64>,
    /// `--minprocs`
    pub minprocs: Option<i64>,
}

/// What a command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// To run.
    Run {
        /// `-c`
        file: Option<String>,
        /// Everything else.
        given: Box<Given>,
    },
    /// For [`HELP`].
    Help,
    /// For [`super::VERSION`].
    Version,
}

/// Short and long name, and whether a value follows. In the order of the original, which is that of
/// nothing but the help.
const OPTIONS: [(Option<char>, &str, bool); 21] = [
    (Some('c'), "configuration", true),
    (Some('n'), "nodaemon", false),
    (Some('s'), "silent", false),
    (Some('h'), "help", false),
    (Some('v'), "version", false),
    (Some('u'), "user", true),
    (Some('m'), "umask", true),
    (Some('d'), "directory", true),
    (Some('l'), "logfile", true),
    (Some('y'), "logfile_maxbytes", true),
    (Some('z'), "logfile_backups", true),
    (Some('e'), "loglevel", true),
    (Some('j'), "pidfile", true),
    (Some('i'), "identifier", true),
    (Some('q'), "childlogdir", true),
    (Some('k'), "nocleanup", false),
    (Some('a'), "minfds", true),
    (Some('t'), "strip_ansi", false),
    (None, "minprocs", true),
    (None, "profile_options", true),
    (Some('?'), "", false),
];

/// One option as it stood there.
struct Found {
    /// With its dashes, the long name in full.
    shown: String,
    name: &'static str,
    value: String,
}

/// Reads the arguments after `argv[0]`.
///
/// # Errors
/// What the original says after `Error: `.
pub fn parse(arguments: &[String], around: &Around<'_>) -> Result<Asked, String> {
    let (found, rest) = split(arguments)?;
    if !rest.is_empty() {
        let shown: Vec<String> = rest.iter().map(|word| repr(word)).collect();
        return Err(format!(
            "positional arguments are not supported: [{}]",
            shown.join(", ")
        ));
    }
    let mut file = None;
    let mut given = Given::default();
    let mut seen: Vec<&'static str> = Vec::new();
    for option in &found {
        match option.name {
            "help" | "" => return Ok(Asked::Help),
            "version" => return Ok(Asked::Version),
            _ => {}
        }
        let set = set(&mut file, &mut given, option, around);
        set.map_err(|why| {
            let value = repr(&option.value);
            format!("invalid value for {} {value}: {why}", option.shown)
        })?;
        if seen.contains(&option.name) {
            return Err(format!(
                "conflicting command line option {}",
                repr(&option.shown)
            ));
        }
        seen.push(option.name);
    }
    Ok(Asked::Run {
        file,
        given: Box::new(given),
    })
}

fn set(
    file: &mut Option<String>,
    given: &mut Given,
    option: &Found,
    around: &Around<'_>,
) -> Result<(), String> {
    let text = option.value.as_str();
    match option.name {
        "configuration" => *file = Some(text.to_owned()),
        "nodaemon" => given.nodaemon = true,
        "silent" => given.silent = true,
        "nocleanup" => given.nocleanup = true,
        "strip_ansi" => given.strip_ansi = true,
        "user" => given.user = Some(text.to_owned()),
        "umask" => given.umask = Some(values::octal(text)?),
        "directory" => given.directory = Some(values::directory(text, around)?),
        "logfile" => given.logfile = Some(values::path_in_directory(text, around)?),
        "logfile_maxbytes" => given.logfile_maxbytes = Some(values::byte_size(text)?),
        "logfile_backups" => given.logfile_backups = Some(values::integer(text)?),
        "loglevel" => {
            values::log_level(text)?;
            given.loglevel = Some(text.to_owned());
        }
        "pidfile" => given.pidfile = Some(values::path_in_directory(text, around)?),
        "identifier" => given.identifier = Some(text.to_owned()),
        "childlogdir" => given.childlogdir = Some(values::directory(text, around)?),
        "minfds" => given.minfds = Some(values::integer(text)?),
        "minprocs" => given.minprocs = Some(values::integer(text)?),
        _ => return Err("there is no profiler in this program".to_owned()),
    }
    Ok(())
}

/// `getopt.getopt`: options up to the first word that is none, and the words from there on.
fn split(arguments: &[String]) -> Result<(Vec<Found>, &[String]), String> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(argument) = arguments.get(at) {
        if argument == "--" {
            at += 1;
            break;
        }
        if let Some(long) = argument.strip_prefix("--") {
            at += 1;
            let (name, attached) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            let (name, takes_value) = long_option(name)?;
            let value = match (takes_value, attached) {
                (true, Some(value)) => value,
                (true, None) => {
                    let value = arguments.get(at).cloned();
                    at += 1;
                    value.ok_or_else(|| format!("option --{name} requires argument"))?
                }
                (false, None) => String::new(),
                (false, Some(_)) => {
                    return Err(format!("option --{name} must not have an argument"));
                }
            };
            found.push(Found {
                shown: format!("--{name}"),
                name,
                value,
            });
            continue;
        }
        let Some(letters) = argument.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
            break;
        };
        at += 1;
        let mut letters = letters.chars();
        while let Some(letter) = letters.next() {
            let known = OPTIONS.iter().find(|(short, ..)| *short == Some(letter));
            let Some((_, name, takes_value)) = known else {
                return Err(format!("option -{letter} not recognized"));
            };
            let mut value = String::new();
            if *takes_value {
                value = letters.as_str().to_owned();
                letters = "".chars();
                if value.is_empty() {
                    let next = arguments.get(at).cloned();
                    at += 1;
                    value = next.ok_or_else(|| format!("option -{letter} requires argument"))?;
                }
            }
            found.push(Found {
                shown: format!("-{letter}"),
                name,
                value,
            });
        }
    }
    Ok((found, arguments.get(at..).unwrap_or_default()))
}

/// A long option by its name, or by a beginning that only it has.
fn long_option(text: &str) -> Result<(&'static str, bool), String> {
    let mut possible = OPTIONS
        .iter()
        .filter(|(_, name, _)| !name.is_empty() && name.starts_with(text));
    let exact = OPTIONS
        .iter()
        .find(|(_, name, _)| !name.is_empty() && *name == text);
    match (exact, possible.next(), possible.next()) {
        (Some((_, name, takes_value)), ..) | (None, Some((_, name, takes_value)), None) => {
            Ok((name, *takes_value))
        }
        (None, None, _) => Err(format!("option --{text} not recognized")),
        (None, Some(_), Some(_)) => Err(format!("option --{text} not a unique prefix")),
    }
}

impl Given {
    /// Puts what the command line says in place of what the file says.
    ///
    /// # Errors
    /// When the user does not exist, in the original's words.
    pub fn apply(&self, config: &mut Config, around: &Around<'_>) -> Result<(), String> {
        let daemon = &mut config.daemon;
        daemon.nodaemon |= self.nodaemon;
        daemon.silent |= self.silent;
        daemon.nocleanup |= self.nocleanup;
        daemon.strip_ansi |= self.strip_ansi;
        if let Some(user) = &self.user {
            daemon.user = Some(values::user(user, around)?);
        }
        take(&mut daemon.umask, self.umask);
        take(&mut daemon.logfile_maxbytes, self.logfile_maxbytes);
        take(&mut daemon.logfile_backups, self.logfile_backups);
        take(&mut daemon.minfds, self.minfds);
        take(&mut daemon.minprocs, self.minprocs);
        take(&mut daemon.loglevel, self.level());
        take(&mut daemon.identifier, self.identifier.clone());
        take(&mut daemon.childlogdir, self.childlogdir.clone());
        let absolute = |path: &String| {
            Path::new(&around.current_directory)
                .join(path)
                .to_string_lossy()
                .into_owned()
        };
        let logfile = self.logfile.as_ref().map(|path| match path.as_str() {
            "syslog" => path.clone(),
            _ => absolute(path),
        });
        take(&mut daemon.logfile, logfile);
        take(&mut daemon.pidfile, self.pidfile.as_ref().map(absolute));
        if self.directory.is_some() {
            daemon.directory.clone_from(&self.directory);
        }
        Ok(())
    }

    fn level(&self) -> Option<LogLevel> {
        values::log_level(self.loglevel.as_deref()?).ok()
    }
}

fn take<T>(place: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *place = given;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Asked, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words, &Around::anywhere())
    }

    #[test]
    fn short_long_clustered_and_abbreviated() {
        let Ok(Asked::Run { file, given }) =
            read("-nsc x.conf --logfile_max=1KB -eDebug --minp 7 --minfds=9 -m27 --id=a=b -u 5")
        else {
            panic!("refused")
        };
        assert_eq!(file.as_deref(), Some("x.conf"));
        let expected = Given {
            nodaemon: true,
            silent: true,
            logfile_maxbytes: Some(1024),
            loglevel: Some("Debug".to_owned()),
            ..Given::default()
        };
        assert_eq!(
            Given {
                minfds: None,
                minprocs: None,
                umask: None,
                identifier: None,
                user: None,
                ..(*given).clone()
            },
            expected
        );
        assert_eq!((given.minfds, given.umask), (Some(9), Some(0o27)));
        assert_eq!(given.identifier.as_deref(), Some("a=b"));
    }

    #[test]
    fn help_and_version_count_where_they_stand() {
        assert_eq!(read("-n -h -m9"), Ok(Asked::Help));
        assert_eq!(read("-?"), Ok(Asked::Help));
        assert_eq!(read("--vers"), Ok(Asked::Version));
        assert!(read("-m9 -h").is_err());
    }

    #[test]
    fn refusals_have_the_originals_words() {
        for (line, message) in [
            ("-x", "option -x not recognized"),
            ("-c", "option -c requires argument"),
            ("--conf", "option --configuration requires argument"),
            (
                "--nodaemon=1",
                "option --nodaemon must not have an argument",
            ),
            ("--no", "option --no not a unique prefix"),
            ("--bogus", "option --bogus not recognized"),
            (
                "-n a b",
                "positional arguments are not supported: ['a', 'b']",
            ),
            (
                "-n --nodaemon",
                "conflicting command line option '--nodaemon'",
            ),
            (
                "-m 9",
                "invalid value for -m '9': 9 can not be converted to an octal type",
            ),
            (
                "-e warning",
                "invalid value for -e 'warning': bad logging level name 'warning'",
            ),
        ] {
            assert_eq!(read(line), Err(message.to_owned()), "{line}");
        }
    }

    #[test]
    fn help_names_every_option() {
        for (short, long, _) in OPTIONS {
            // There is nothing to profile.
            if long.is_empty() || long == "profile_options" {
                continue;
            }
            let shown = match short {
                Some(letter) => format!("-{letter}/--{long}"),
                None => format!("--{long}"),
            };
            assert!(HELP.contains(&shown), "{shown}");
        }
        assert!(HELP.lines().all(|line| line.len() <= 84));
    }
}
