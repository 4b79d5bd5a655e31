//! Writes what is generated from the tables of the product, and checks the tree.
//!
//! ```text
//! cargo run -p xtask -- generate    write completions, man pages, schema and introspection XML
//! cargo test -p xtask               fail if one of them is stale, or the tree is untidy
//! ```
#![expect(
    clippy::print_stdout,
    reason = "a tool for contributors that reports what it wrote"
)]

mod completions;
mod deviations;
mod interface;
mod outputs;
mod roff;
mod schema;
mod settings;
mod supervisord;
mod systemd;
mod template;
#[cfg(test)]
mod tidy;
mod verbs;

use std::process::ExitCode;

use clap::Parser;

/// Tasks of the source tree.
#[derive(Debug, Parser)]
enum Task {
    /// Write every generated file
    Generate,
}

fn main() -> ExitCode {
    match Task::parse() {
        Task::Generate => match outputs::write(&outputs::root()) {
            Ok(written) => {
                for path in written {
                    println!("wrote {path}");
                }
                ExitCode::SUCCESS
            }
            Err(message) => {
                eprintln!("error: {message}");
                ExitCode::FAILURE
            }
        },
    }
}
