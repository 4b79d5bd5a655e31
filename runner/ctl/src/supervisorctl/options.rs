//! What the command line and the configuration file say together.

use std::path::{Path, PathBuf};

use super::address;
use super::getopt::{self, Given, Opt};
use super::http::Credentials;
use super::python;

/// Where a daemon is looked for that nothing names.
const URL: &str = "http://localhost:9001";

/// What the prompt says where nothing else is wanted.
const PROMPT: &str = "supervisor";

/// Everything the client has been told.
#[derive(Debug)]
pub(super) struct Options {
    /// Where the daemon is.
    pub(super) url: String,
    /// Who we are to it.
    pub(super) credentials: Credentials,
    /// What stands before `> `.
    pub(super) prompt: String,
    /// Where typed lines are remembered.
    pub(super) history_file: Option<PathBuf>,
    /// Whether a person is there to be asked.
    pub(super) interactive: bool,
    /// The command, empty for a shell.
    pub(super) command: Vec<String>,
}

/// Why nothing is done at all.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Instead {
    /// Help was asked for.
    Help,
    /// Something is wrong: what.
    Usage(String),
}

/// What a configuration file says, as far as it concerns the client.
#[derive(Debug, Default)]
pub(super) struct File {
    /// `serverurl`
    pub(super) url: String,
    /// `username`, `password`
    pub(super) credentials: Credentials,
    /// `prompt`
    pub(super) prompt: Option<String>,
    /// `history_file`
    pub(super) history_file: Option<PathBuf>,
}

/// The options, by what they stand for. Their order is that of [`TABLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Help,
    Configuration,
    Interactive,
    Url,
    Username,
    Password,
    History,
}

/// Every option. `-?` has no long form.
const TABLE: &[(Which, Option<char>, Option<&str>)] = &[
    (Which::Help, Some('h'), Some("help")),
    (Which::Help, Some('?'), None),
    (Which::Configuration, Some('c'), Some("configuration")),
    (Which::Interactive, Some('i'), Some("interactive")),
    (Which::Url, Some('s'), Some("serverurl")),
    (Which::Username, Some('u'), Some("username")),
    (Which::Password, Some('p'), Some("password")),
    (Which::History, Some('r'), Some("history_file")),
];

/// The help, for a program of this name.
pub(super) fn help(program: &str) -> String {
    format!(
        "supervisorctl -- control applications run by supervisord from the cmd line.

Usage: {program} [options] [action [arguments]]

Options:
-c/--configuration FILENAME -- configuration file path (searches if not given)
-h/--help -- print usage message and exit
-i/--interactive -- start an interactive shell after executing commands
-s/--serverurl URL -- URL on which supervisord server is listening
     (default \"http://localhost:9001\").
-u/--username USERNAME -- username to use for authentication with server
-p/--password PASSWORD -- password to use for authentication with server
-r/--history-file -- keep a readline history (if readline is available)

action [arguments] -- see below

Actions are commands like \"tail\" or \"stop\".  If -i is specified or no action is
specified on the command line, a \"shell\" interpreting actions typed
interactively is started.  Use the action \"help\" to find out about available
actions.
"
    )
}

/// Where a configuration is looked for, in this order, if none is named: around the directory the
/// program is in, then around the current one, then in `/etc`.
pub(super) fn search_path(program: &str) -> Vec<PathBuf> {
    let around = Path::new(program)
        .parent()
        .and_then(Path::parent)
        .unwrap_or(Path::new(""));
    [
        around.join("etc/supervisord.conf"),
        around.join("supervisord.conf"),
    ]
    .into_iter()
    .chain(
        [
            "supervisord.conf",
            "etc/supervisord.conf",
            "/etc/supervisord.conf",
            "/etc/supervisor/supervisord.conf",
        ]
        .map(PathBuf::from),
    )
    .collect()
}

/// What the command line says, alone.
#[derive(Debug, Default)]
pub(super) struct CommandLine {
    /// The configuration to read instead of looking for one; empty for none.
    pub(super) configuration: Option<String>,
    url: Option<String>,
    username: Option<String>,
    password: Option<String>,
    history_file: Option<String>,
    interactive: bool,
    command: Vec<String>,
}

impl CommandLine {
    /// Reads the words behind the name of the program.
    ///
    /// # Errors
    /// When help is asked for, or the words make no sense.
    pub(super) fn read(words: &[String]) -> Result<CommandLine, Instead> {
        let table: Vec<Opt> = TABLE
            .iter()
            .map(|(which, short, long)| Opt {
                short: *short,
                long: *long,
                takes_value: !matches!(which, Which::Help | Which::Interactive),
            })
            .collect();
        let (given, command) = getopt::read(&table, words).map_err(Instead::Usage)?;
        let mut line = CommandLine {
            command,
            ..CommandLine::default()
        };
        for given in given {
            line.take(given)?;
        }
        Ok(line)
    }

    fn take(&mut self, given: Given) -> Result<(), Instead> {
        let Given { row, name, value } = given;
        let which = TABLE.get(row).map_or(Which::Help, |(which, ..)| *which);
        let conflict = || {
            let name = python::repr(&name);
            Err(Instead::Usage(format!(
                "conflicting command line option {name}"
            )))
        };
        let place = match which {
            Which::Help => return Err(Instead::Help),
            Which::Interactive => {
                if std::mem::replace(&mut self.interactive, true) {
                    return conflict();
                }
                return Ok(());
            }
            Which::Url if !address::is_url(&value) => {
                let value = python::repr(&value);
                return Err(Instead::Usage(format!(
                    "invalid value for {name} {value}: value {value} is not a URL"
                )));
            }
            Which::Url => &mut self.url,
            Which::Configuration => &mut self.configuration,
            Which::Username => &mut self.username,
            Which::Password => &mut self.password,
            Which::History => &mut self.history_file,
        };
        if place.is_some() {
            return conflict();
        }
        *place = Some(value);
        Ok(())
    }

    /// With what a file says, where there is one. The command line goes before it.
    pub(super) fn with(self, file: Option<File>) -> Options {
        let file = file.unwrap_or_else(|| File {
            url: URL.to_owned(),
            ..File::default()
        });
        Options {
            url: self.url.unwrap_or(file.url),
            credentials: Credentials {
                username: self.username.or(file.credentials.username),
                password: self.password.or(file.credentials.password),
            },
            prompt: file.prompt.unwrap_or_else(|| PROMPT.to_owned()),
            history_file: self
                .history_file
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
                .or(file.history_file),
            interactive: self.interactive || self.command.is_empty(),
            command: self.command,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<CommandLine, Instead> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        CommandLine::read(&words)
    }

    #[test]
    fn the_command_line_goes_before_the_file() {
        let file = || File {
            url: "unix:///s".to_owned(),
            credentials: Credentials {
                username: Some("file".to_owned()),
                password: Some("secret".to_owned()),
            },
            prompt: Some("web1".to_owned()),
            history_file: Some("/h".into()),
        };
        let options = read(&["-u", "me", "-r", "/mine", "status", "-x"])
            .unwrap()
            .with(Some(file()));
        assert_eq!(options.url, "unix:///s");
        assert_eq!(options.credentials.username.as_deref(), Some("me"));
        assert_eq!(options.credentials.password.as_deref(), Some("secret"));
        assert_eq!(options.prompt, "web1");
        assert_eq!(options.history_file, Some("/mine".into()));
        assert_eq!(options.command, ["status", "-x"]);
        assert!(!options.interactive);
        let options = read(&["-s", "http://x"]).unwrap().with(None);
        assert_eq!(options.url, "http://x");
        assert_eq!(options.prompt, "supervisor");
        assert!(options.interactive);
        assert_eq!(read(&["x"]).unwrap().with(None).url, URL);
    }

    #[test]
    fn what_makes_no_sense() {
        for (words, message) in [
            (&["-i", "-i"][..], "conflicting command line option '-i'"),
            (
                &["-c", "", "--configuration", "x"],
                "conflicting command line option '--configuration'",
            ),
            (
                &["-s", "foo"],
                "invalid value for -s 'foo': value 'foo' is not a URL",
            ),
            (&["-x"], "option -x not recognized"),
        ] {
            let Err(Instead::Usage(said)) = read(words) else {
                panic!("{words:?} is taken");
            };
            assert_eq!(said, message);
        }
        assert!(matches!(read(&["-u", "x", "-?"]), Err(Instead::Help)));
    }

    #[test]
    fn where_a_configuration_is_looked_for() {
        let paths = search_path("/usr/bin/supervisorctl");
        assert_eq!(paths[0], Path::new("/usr/etc/supervisord.conf"));
        assert_eq!(paths[1], Path::new("/usr/supervisord.conf"));
        assert_eq!(
            search_path("supervisorctl")[0],
            Path::new("etc/supervisord.conf")
        );
        assert_eq!(paths.len(), 6);
    }
}
