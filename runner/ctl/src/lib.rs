//! The command line of runner.
//!
//! `cli` is the verb table; help, man page and completions are made from it. Each group of verbs
//! has a file in `verb/`. `render/` turns values into text for people. Everything that can be done
//! without a running runnerd (`check`) needs nothing but the `units` crate; all other verbs speak to
//! the manager over the private socket in the runtime directory.

pub mod cli;
pub mod exit;
mod failure;
pub mod names;
mod render;
mod runtime;
mod terminal;
mod verb;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// The verb table as clap sees it: for help, completions and man pages.
pub fn command() -> clap::Command {
    cli::Cli::command()
}

/// Does what the command line of this process says.
pub fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let mut terminal = Terminal::new(cli.json, cli.quiet, no_colour);
    let outcome = verb::perform(cli, &mut terminal).and_then(|exit| {
        terminal.flush()?;
        Ok(exit)
    });
    match outcome {
        Ok(exit) | Err(Failure::Told(exit)) => exit.into(),
        Err(Failure::NobodyReads) => ExitCode::SUCCESS,
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
