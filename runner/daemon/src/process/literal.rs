//! Command lines that are taken as they stand (`exec-start = "=…"`): split, looked for and refused
//! at the moment of the start, with supervisord's rules and in its words (`get_execv_args` and
//! `check_execv_args` of supervisord 4.3.0). May block on a file system.

use std::fs::Metadata;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use engine::event::SpawnFailure;
use rustix::event::{PollFd, PollFlags, Timespec};
use units::Definition;
use units::supervisord::{command, repr};

use super::environment::inherited;

/// Where a bare name is looked for when neither the unit nor runnerd's own environment says.
const SEARCH_PATH: &str = "/bin:/usr/bin:/usr/local/bin";

/// A command line, ready to be executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The file. A relative one is looked for from runnerd's own directory, and executed from the
    /// unit's.
    pub file: String,
    /// What the program sees as its arguments, its own name first; there is at least that.
    pub words: Vec<String>,
}

/// Why a command line cannot be executed; each with the whole sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// It names nothing that is there.
    NoFile(String),
    /// It cannot be split or is empty, or what it names is a directory or may not be executed.
    NotExecutable(String),
}

impl Problem {
    /// The sentence.
    #[must_use]
    pub fn sentence(&self) -> &str {
        match self {
            Problem::NoFile(sentence) | Problem::NotExecutable(sentence) => sentence,
        }
    }
}

/// Splits `line` and looks for its program; `path` is the `PATH` it would get, if any.
///
/// # Errors
/// The sentence clients of supervisord's kind are told.
pub fn find(line: &str, path: Option<&str>) -> Result<Command, Problem> {
    let words = command::split(line).map_err(|problem| {
        Problem::NotExecutable(format!("can't parse command {}: {problem}", repr(line)))
    })?;
    let Some(program) = words.first() else {
        return Err(Problem::NotExecutable("command is empty".to_owned()));
    };
    let (file, found) = if program.contains('/') {
        (program.clone(), std::fs::metadata(program).ok())
    } else {
        look_for(program, path.unwrap_or(SEARCH_PATH))
    };
    let Some(found) = found else {
        let sentence = format!("can't find command {}", repr(&file));
        return Err(Problem::NoFile(sentence));
    };
    check(&file, &found)?;
    Ok(Command { file, words })
}

/// Whether the first command of a service can be executed: what a client is told before the start.
///
/// # Errors
/// As [`find`]. Commands in systemd's form are only known to be wrong when they are started.
pub fn look(definition: &Definition) -> Result<(), Problem> {
    match definition.exec_start().first() {
        Some(line) if line.literal => {
            let own = definition
                .environment()
                .iter()
                .rev()
                .find(|assignment| &*assignment.name == "PATH")
                .map(|assignment| assignment.value.to_string());
            let path = own.or_else(|| path_of_ours(definition.inherit_environment()));
            find(&line.path, path.as_deref()).map(drop)
        }
        _ => Ok(()),
    }
}

/// The exit status of a child of supervisord that came to nothing.
const NOT_SPAWNED: u8 = 127;

/// A failed step of such a command: it counts as an exit with 127.
pub(super) fn failure(failure: SpawnFailure) -> SpawnFailure {
    match failure {
        SpawnFailure::Setup { message, .. } => SpawnFailure::Setup {
            status: NOT_SPAWNED,
            message,
        },
        other => other,
    }
}

/// Writes a complaint to the program's standard error, as the original's child does, unless that
/// would wait: its log is where people look.
pub(super) fn tell_log(stderr: BorrowedFd<'_>, complaint: &str) {
    let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    if matches!(rustix::event::poll(&mut fds, Some(&at_once)), Ok(1)) {
        let text = format!("supervisor: {complaint}\nsupervisor: child process was not spawned\n");
        // Nobody is left to tell if the log cannot be written.
        let _ = rustix::io::write(stderr, text.as_bytes());
    }
}

/// `PATH` as a unit that sets none gets it from us.
fn path_of_ours(inherits: bool) -> Option<String> {
    if !inherits {
        return Some(super::SEARCH_PATH.to_owned());
    }
    inherited()
        .find(|(name, _)| name == "PATH")
        .and_then(|(_, value)| value.into_string().ok())
        .filter(|path| !path.is_empty())
}

/// The first directory with something of this name decides, whatever it is.
fn look_for(program: &str, path: &str) -> (String, Option<Metadata>) {
    for directory in path.split(':') {
        let candidate = match directory {
            "" => program.to_owned(),
            _ if directory.ends_with('/') => format!("{directory}{program}"),
            _ => format!("{directory}/{program}"),
        };
        if let Ok(found) = std::fs::metadata(&candidate) {
            return (candidate, Some(found));
        }
    }
    (program.to_owned(), None)
}

fn check(file: &str, found: &Metadata) -> Result<(), Problem> {
    let shown = repr(file);
    if found.is_dir() {
        let sentence = format!("command at {shown} is a directory");
        return Err(Problem::NotExecutable(sentence));
    }
    if found.permissions().mode() & 0o111 == 0 {
        let sentence = format!("command at {shown} is not executable");
        return Err(Problem::NotExecutable(sentence));
    }
    let may = nix::unistd::access(Path::new(file), nix::unistd::AccessFlags::X_OK).is_ok();
    if may {
        return Ok(());
    }
    // The original counts this one among the missing ones for its clients.
    let sentence = format!("no permission to run command {shown}");
    Err(Problem::NotExecutable(sentence))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(line: &str, path: Option<&str>) -> String {
        find(line, path).unwrap_err().sentence().to_owned()
    }

    #[test]
    fn a_program_is_found_where_the_original_finds_it() {
        let found = find("sh -c 'exit 0'", Some("/nonexistent:/bin/:/usr/bin")).unwrap();
        assert_eq!(found.file, "/bin/sh");
        assert_eq!(found.words, ["sh", "-c", "exit 0"]);
        let found = find("/bin/sh", None).unwrap();
        assert_eq!((&*found.file, found.words.len()), ("/bin/sh", 1));
        assert_eq!(find("sh", None).unwrap().file, "/bin/sh");
    }

    #[test]
    fn what_cannot_be_run_is_said_in_the_originals_words() {
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path().to_str().unwrap();
        let plain = format!("{here}/plain");
        std::fs::write(&plain, "").unwrap();
        std::fs::create_dir(format!("{here}/folder")).unwrap();
        for (line, expected) in [
            ("", "command is empty".to_owned()),
            (" \n ", "command is empty".to_owned()),
            (
                "echo 'x",
                r#"can't parse command "echo 'x": No closing quotation"#.to_owned(),
            ),
            ("nosuch -x", "can't find command 'nosuch'".to_owned()),
            ("/no/such -x", "can't find command '/no/such'".to_owned()),
            (&plain, format!("command at '{plain}' is not executable")),
            // The first hit decides, although the next directory has a better one.
            ("plain", format!("command at '{plain}' is not executable")),
            (
                "folder",
                format!("command at '{here}/folder' is a directory"),
            ),
        ] {
            assert_eq!(sentence(line, Some(&format!("{here}:/bin"))), expected);
        }
    }
    #[test]
    fn a_line_that_cannot_be_split_is_not_executable() {
        for (line, is_there) in [("", true), ("echo 'x", true), ("/no/such", false)] {
            let problem = find(line, None).unwrap_err();
            assert_eq!(
                matches!(problem, Problem::NotExecutable(_)),
                is_there,
                "{line}"
            );
        }
    }
}
