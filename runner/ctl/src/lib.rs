//! The command line of runner.
//!
//! `cli` is the verb table; help, man page and completions are made from it. Each group of verbs
//! has a file in `verb/`. `render/` turns values into text for people. Everything that can be done
//! without a running runnerd (`check`) needs nothing but the `units` crate; all other verbs speak to
//! the manager over the private socket in the runtime directory.
//!
//! The same binary is supervisor's client and two of its small programs, told by the name it is
//! called by (`called_as`): `supervisorctl/`, `pidproxy`, `sample_conf`. By still other names it ends a machine
//! (`power`).

mod called_as;
pub mod cli;
pub mod exit;
mod failure;
pub mod names;
mod pidproxy;
mod power;
mod render;
mod runtime;
mod sample_conf;
mod supervisorctl;
mod terminal;
mod verb;

pub use supervisorctl::DEVIATIONS;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::called_as::CalledAs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// The verb table as clap sees it: for help, completions and man pages.
pub fn command() -> clap::Command {
    cli::Cli::command()
}

/// Does what the command line of this process says, as the program it was called as.
pub fn main() -> ExitCode {
    match CalledAs::from_word(std::env::args_os().next().as_deref()) {
        CalledAs::Runnerctl => runnerctl(cli::Cli::parse()),
        CalledAs::Power(name) => power(name),
        CalledAs::Supervisorctl => supervisorctl::main(std::env::args_os()),
        CalledAs::Pidproxy => pidproxy::main(std::env::args_os()),
        CalledAs::EchoSupervisordConf => sample_conf::main(),
    }
}

/// What a command line by the name of one of the programs that end a machine comes to.
fn power(name: power::Name) -> ExitCode {
    let mut words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let called = words.next().unwrap_or_default();
    let called = called.rsplit('/').next().unwrap_or_default().to_owned();
    let words: Vec<String> = words.collect();
    // A later process of ours is called by the name of this file, whatever leads to it.
    let own = std::env::current_exe().unwrap_or_else(|_| "runnerctl".into());
    let mut terminal = Terminal::new(false, false, false);
    match name.read(&words, &own.to_string_lossy()) {
        Ok(power::Meaning::Words(words)) => {
            let words = std::iter::once("runnerctl".to_owned()).chain(words);
            runnerctl(cli::Cli::parse_from(words))
        }
        Ok(power::Meaning::Text(text)) => match terminal.line(text.trim_end()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Ok(power::Meaning::Nothing) => ExitCode::SUCCESS,
        Err(sentence) => {
            terminal.error(&format!("{called}: {sentence}"), None, Exit::Failed.code());
            Exit::Failed.into()
        }
    }
}

fn runnerctl(cli: cli::Cli) -> ExitCode {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let mut terminal = Terminal::new(cli.json, cli.quiet, no_colour);
    let outcome = verb::perform(cli, &mut terminal).and_then(|exit| {
        terminal.flush()?;
        Ok(exit)
    });
    match outcome {
        Ok(exit) | Err(Failure::Told(exit)) => exit.into(),
        Err(Failure::NobodyReads) => ExitCode::SUCCESS,
        Err(nothing @ Failure::NoMatch(_)) => {
            terminal.remark(&nothing.to_string());
            ExitCode::SUCCESS
        }
        Err(lost @ Failure::Lost(_)) => {
            terminal.error(&lost.to_string(), None, Exit::Failed.code());
            Exit::Failed.into()
        }
        Err(Failure::Because {
            exit,
            message,
            hint,
        }) => {
            terminal.error(&message, hint.as_deref(), exit.code());
            exit.into()
        }
    }
}
