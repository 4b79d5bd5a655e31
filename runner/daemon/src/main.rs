//! Chooses the role: manager where a keeper started us, keeper otherwise.

use std::io::Write as _;
use std::process::ExitCode;

use runnerd::keeper::{self, Introduction, Resumption, Settings};
use runnerd::link::Link;
use runnerd::options::{self, Asked, Options};
use runnerd::runtime_dir::{self, Circumstances};
use runnerd::{load, manager, surroundings};

/// The command line, a PATH or the runtime directory cannot be used.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    if let Some(table) = Resumption::take() {
        return keeper::resume(table);
    }
    let options = match options::parse(std::env::args_os().skip(1)) {
        Ok(Asked::Run(options)) => options,
        Ok(Asked::Help) => return say(options::HELP),
        Ok(Asked::Version) => return say(concat!("runnerd ", env!("CARGO_PKG_VERSION"), "\n")),
        Err(sentence) => return refuse(&format!("{sentence}\ntry runnerd --help")),
    };
    if options.check {
        return check(&options);
    }
    if Introduction::is_there() {
        return run_manager(options);
    }
    match runtime_dir::prepare(&Circumstances::here(options.runtime_dir)) {
        Ok(found) => {
            if found.fresh {
                // Nobody could find it otherwise.
                let _ = writeln!(
                    std::io::stderr(),
                    "runtime directory: {}",
                    found.path.display()
                );
            }
            keeper::run(Settings {
                arguments: arguments(&found.path),
                runtime_dir: found.path,
                pid_file: None,
            })
        }
        Err(sentence) => refuse(&sentence),
    }
}

/// The arguments of each manager: ours, and the runtime directory, so that all find the same one.
fn arguments(runtime_dir: &std::path::Path) -> Vec<std::ffi::OsString> {
    let mut arguments: Vec<_> = std::env::args_os().collect();
    arguments.insert(1.min(arguments.len()), "--runtime-dir".into());
    arguments.insert(2.min(arguments.len()), runtime_dir.into());
    arguments
}

fn run_manager(options: Options) -> ExitCode {
    let Some(runtime_dir) = options.runtime_dir.clone() else {
        return refuse("the keeper named no runtime directory");
    };
    match Link::take_over() {
        Ok((link, takeover)) => manager::run(options, runtime_dir, link, takeover),
        Err(error) => refuse(&format!("cannot speak to the keeper: {error}")),
    }
}

/// `--check`: load, report, exit.
fn check(options: &Options) -> ExitCode {
    let around = surroundings::here();
    let (_, diagnostics) = load::read(&options.paths, &around);
    let mut out = std::io::stderr().lock();
    for found in &diagnostics {
        // Whoever closed standard error does not want to know.
        let _ = writeln!(out, "{found}");
    }
    let broken = diagnostics
        .iter()
        .any(|found| found.severity == units::Severity::Error);
    ExitCode::from(u8::from(broken))
}

fn say(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn refuse(sentence: &str) -> ExitCode {
    // The status says it too.
    let _ = writeln!(std::io::stderr(), "runnerd: {sentence}");
    ExitCode::from(UNUSABLE)
}
