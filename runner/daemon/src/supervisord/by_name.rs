//! What happens when the program is called `supervisord`.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::options::{self, Asked, Given};
use super::reading::{self, Machine};
use super::start::Start;
use super::{VERSION, say};

/// What came of a command line.
#[derive(Debug)]
pub enum Called {
    /// Something is to be started.
    Start(Box<Start>),
    /// All is said, and this is the exit status.
    Said(ExitCode),
}

/// Reads the command line, `argv[0]` first, and finds the configuration file.
#[must_use]
pub fn start(arguments: Vec<OsString>) -> Called {
    let program = program(&arguments);
    let words: Vec<String> = arguments
        .iter()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let machine = Machine::default();
    let around = reading::around(&machine, &Given::default());
    let refuse = |message: &str| {
        let mut out = std::io::stderr().lock();
        // The status says it too.
        let _ = writeln!(out, "Error: {message}\nFor help, use {program} -h");
        Called::Said(ExitCode::from(2))
    };
    let (file, given) = match options::parse(&words, &around) {
        Ok(Asked::Run { file, given }) => (file, given),
        Ok(Asked::Help) => {
            let text = format!("Usage: {program} [options]\n\n{}", options::HELP);
            return Called::Said(say(&text));
        }
        Ok(Asked::Version) => return Called::Said(say(&format!("{VERSION}\n"))),
        Err(message) => return refuse(&message),
    };
    let file = match file {
        Some(file) => file,
        None => match find(&program) {
            Ok(file) => file,
            Err(message) => return refuse(&message),
        },
    };
    Called::Start(Box::new(Start {
        file,
        given: *given,
        native: None,
        program,
        arguments,
    }))
}

/// Our own path, as the kernel tells it to a script: whole, where the shell has found us in `PATH`.
fn program(arguments: &[OsString]) -> String {
    let own = arguments.first().map(PathBuf::from).unwrap_or_default();
    let found = if own.to_string_lossy().contains('/') {
        None
    } else {
        std::env::var_os("PATH").and_then(|path| {
            std::env::split_paths(&path)
                .map(|directory| directory.join(&own))
                .find(|candidate| is_program(candidate))
        })
    };
    found.unwrap_or(own).to_string_lossy().into_owned()
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// The file that is run when nobody names one.
fn find(program: &str) -> Result<String, String> {
    let paths = default_paths(program);
    let found = paths.iter().find(|path| Path::new(path).exists());
    if nix::unistd::getuid().is_root() {
        let _ = writeln!(
            std::io::stderr(),
            "Warning: Supervisord is running as root and it is searching for its configuration \
             file in default locations (including its current working directory); you probably \
             want to specify a \"-c\" argument specifying an absolute path to a configuration file \
             for improved security."
        );
    }
    found.cloned().ok_or_else(|| {
        format!(
            "No config file found at default paths ({}); use the -c option to specify a config \
             file at a different path",
            paths.join(", ")
        )
    })
}

fn default_paths(program: &str) -> [String; 6] {
    // `os.path.dirname` twice, and `os.path.join`: an empty directory is the current one.
    let parent = |path: &str| {
        path.rsplit_once('/')
            .map_or("", |(parent, _)| parent)
            .to_owned()
    };
    let here = parent(&parent(program));
    let join = |name: &str| match here.as_str() {
        "" => name.to_owned(),
        _ => format!("{here}/{name}"),
    };
    [
        join("etc/supervisord.conf"),
        join("supervisord.conf"),
        "supervisord.conf".to_owned(),
        "etc/supervisord.conf".to_owned(),
        "/etc/supervisord.conf".to_owned(),
        "/etc/supervisor/supervisord.conf".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_looked_for_beside_the_program_first() {
        let paths = default_paths("/opt/s/bin/supervisord");
        assert_eq!(paths[0], "/opt/s/etc/supervisord.conf");
        assert_eq!(paths[1], "/opt/s/supervisord.conf");
        assert_eq!(default_paths("bin/supervisord")[0], "etc/supervisord.conf");
        assert_eq!(default_paths("supervisord")[1], "supervisord.conf");
    }
}
