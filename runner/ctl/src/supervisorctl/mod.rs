//! supervisorctl 4.3.0 by another program: same command line, same words, same exit statuses, for
//! scripts that read them. It speaks XML-RPC, to runnerd as to supervisord itself.
//!
//! `options` is what it was told, `controller` does one command after another with the verbs in
//! `verb/`, `shell` reads commands from a person. `supervisor`, `http` and `address` are the way
//! to the daemon, `log_stream` follows logs.

mod address;
mod completion;
pub(crate) mod config_file;
mod controller;
mod deviations;
mod exit;
mod failure;
mod getopt;
mod history;
mod http;
mod input;
mod interrupt;
mod log_stream;
mod options;
mod python;
mod screen;
mod shell;
mod supervisor;
mod verb;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub use deviations::DEVIATIONS;

use controller::Controller;
use failure::Failure;
use options::{CommandLine, Instead, Options};

use crate::terminal::visible;

/// Does what the command line says.
pub(crate) fn main(words: impl Iterator<Item = OsString>) -> ExitCode {
    // What is no UTF-8 cannot be sent in XML either.
    let mut words = words.map(|word| word.to_string_lossy().into_owned());
    let program = full_name(&words.next().unwrap_or_else(|| "supervisorctl".to_owned()));
    let words: Vec<String> = words.collect();
    let options = match options(&program, &words) {
        Ok(options) => options,
        Err(Instead::Help) => {
            let _ = writeln!(std::io::stdout(), "{}", options::help(&program));
            return ExitCode::SUCCESS;
        }
        Err(Instead::Usage(message)) => {
            eprintln!("Error: {message}\nFor help, use {program} -h");
            return exit::USAGE.into();
        }
    };
    let mut controller = Controller::new(options);
    let command = controller.options().command.join(" ");
    let outcome = if command.is_empty() && controller.options().command.is_empty() {
        shell::run(&mut controller).map(|()| 0)
    } else {
        controller.command(&command).map(|()| controller.exit)
    };
    let outcome = outcome.and_then(|exit| controller.screen.flush().map(|()| exit));
    match outcome {
        Ok(exit) => exit.into(),
        // Nobody is left to be told anything.
        Err(Failure::NobodyReads) => controller.exit.into(),
        Err(failure) => {
            controller.screen.complain(&format!("error: {failure}"));
            exit::GENERIC.into()
        }
    }
}

fn options(program: &str, words: &[String]) -> Result<Options, Instead> {
    let line = CommandLine::read(words)?;
    let file = match &line.configuration {
        Some(path) => Some(PathBuf::from(path)).filter(|path| !path.as_os_str().is_empty()),
        None => options::search_path(program)
            .into_iter()
            .find(|path| path.exists()),
    };
    let Some(path) = file else {
        return Ok(line.with(None));
    };
    let (file, remarks) = config_file::read(&path).map_err(Instead::Usage)?;
    // On a terminal only: whoever reads both streams by program expects what the original says.
    if std::io::stderr().is_terminal() {
        for remark in remarks {
            eprintln!(
                "{}: {}",
                visible(&remark.place.to_string()),
                visible(&remark.message)
            );
        }
    }
    Ok(line.with(Some(file)))
}

/// The program's name as an interpreted one would have it: a shell passes on what was typed, but a
/// script is told where it was found, and the configuration is looked for around that place.
fn full_name(word: &str) -> String {
    if word.contains('/') {
        return word.to_owned();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join(word))
        .find(|candidate| is_executable(candidate))
        .map_or_else(|| word.to_owned(), |found| found.display().to_string())
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}
