//! Drives a real keeper with a manager that does what the test says.
//!
//! This program is three things: started by a keeper it is a manager (`manager.rs`), started with
//! `--keeper DIR` it is a keeper, else it runs the tests (`tests.rs`), in parallel.
#![allow(
    unsafe_code,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic
)]
#![allow(
    clippy::allow_attributes_without_reason,
    reason = "a test may fail loudly"
)]

mod manager;
mod tests;
mod world;

use std::collections::BTreeMap;
use std::process::ExitCode;

use runnerd::keeper::{self, Introduction, Settings};

fn main() -> ExitCode {
    if Introduction::is_there() {
        return manager::run();
    }
    if let Some(table) = keeper::Resumption::take() {
        return keeper::resume(table);
    }
    let mut arguments = std::env::args_os();
    match arguments.by_ref().nth(1) {
        Some(word) if word == "--keeper" => {
            let runtime_dir = arguments.next().expect("a directory").into();
            let settings = Settings {
                arguments: std::env::args_os().collect(),
                runtime_dir,
                fresh: false,
                pid_file: None,
                one_command: false,
                stop_limit: u64::MAX,
            };
            keeper::run(settings, BTreeMap::new())
        }
        filter => run_tests(
            &filter
                .and_then(|word| word.into_string().ok())
                .unwrap_or_default(),
        ),
    }
}

fn run_tests(filter: &str) -> ExitCode {
    let filter = if filter.starts_with('-') { "" } else { filter };
    let running: Vec<_> = tests::ALL
        .iter()
        .filter(|(name, _)| name.contains(filter))
        .map(|(name, test)| {
            (
                name,
                std::thread::Builder::new().name((*name).into()).spawn(test),
            )
        })
        .collect();
    let mut failed = 0;
    for (name, thread) in running {
        let passed = thread.expect("a thread").join().is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += u8::from(!passed);
    }
    ExitCode::from(failed)
}
