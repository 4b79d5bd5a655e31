//! Chooses the role: manager where a keeper started us, keeper otherwise. Called as `supervisord` it
//! takes that program's command line.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use runnerd::keeper::{self, Introduction, Resumption, Settings};
use runnerd::link::Link;
use runnerd::options::{self, Asked, Options};
use runnerd::runtime_dir::{self, Circumstances};
use runnerd::supervisord::options::Given;
use runnerd::supervisord::start::{Start, with_runtime_dir};
use runnerd::supervisord::{self, by_name, reading};
use runnerd::{cgroup, load, machine, manager, one_command, standard_descriptors, surroundings};

/// The command line, a PATH or the runtime directory cannot be used.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    let status = act();
    if machine::is_ours() {
        machine::end(status);
    }
    status
}

fn act() -> ExitCode {
    standard_descriptors::fill();
    if let Some(table) = Resumption::take() {
        return keeper::resume(table);
    }
    if machine::is_ours() {
        machine::prepare();
    }
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let name = arguments.first().map(|path| Path::new(path).file_name());
    if name.flatten() == Some(OsStr::new("supervisord")) {
        if Introduction::is_there() {
            let runtime_dir = std::env::var_os("RUNNER_RUNTIME_DIR").map(PathBuf::from);
            return run_manager(Options {
                runtime_dir,
                ..Options::default()
            });
        }
        return match by_name::start(arguments) {
            by_name::Called::Start(start) => start.run(),
            by_name::Called::Said(status) => status,
        };
    }
    let arguments = match name.flatten() == Some(OsStr::new("init")) && !Introduction::is_there() {
        true if machine::is_process_one() => machine::arguments(arguments),
        true => return be_telinit(&arguments),
        false => arguments,
    };
    let options = match options::parse(arguments.iter().skip(1).cloned()) {
        Ok(Asked::Run(options)) => *options,
        Ok(Asked::Help) => return say(options::HELP),
        Ok(Asked::Version) => return say(concat!("runnerd ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Asked::MakeRoom) => return make_room(),
        Err(sentence) => return refuse(&format!("{sentence}\ntry runnerd --help")),
    };
    if Introduction::is_there() {
        return run_manager(options);
    }
    if let Some(name) = options.command.first().filter(|_| !options.check)
        && let Err(missing) = one_command::find(name)
    {
        let _ = writeln!(std::io::stderr(), "runnerd: {}", missing.sentence);
        return ExitCode::from(missing.status);
    }
    match conf_of(&options) {
        Ok(Some(file)) if options.check => check_conf(&file),
        Ok(Some(file)) => Start {
            file,
            given: Given {
                // Under our own name we stay where we were started, and say what happens.
                nodaemon: true,
                identifier: options.identifier_given().map(str::to_owned),
                ..Given::default()
            },
            program: arguments
                .first()
                .map(|path| path.to_string_lossy().into_owned())
                .unwrap_or_default(),
            native: Some(options),
            arguments,
        }
        .run(),
        Ok(None) if options.check => check(&options),
        Ok(None) => run_keeper(options, arguments),
        Err(sentence) => refuse(&sentence),
    }
}

/// Called as `init` by somebody who is not starting a machine: that is a wish for the init there is.
fn be_telinit(arguments: &[OsString]) -> ExitCode {
    use std::os::unix::process::CommandExt as _;
    let beside = std::env::current_exe().map(|own| own.with_file_name("runnerctl"));
    let path = beside.unwrap_or_else(|_| "runnerctl".into());
    let words = arguments.iter().skip(1);
    let error = std::process::Command::new(&path)
        .arg0("telinit")
        .args(words)
        .exec();
    refuse(&format!("cannot execute {}: {error}", path.display()))
}

/// `--make-room`
fn make_room() -> ExitCode {
    match cgroup::make_room_for_next() {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            // Whoever closed standard error does not want to know.
            let _ = writeln!(std::io::stderr(), "runnerd: {sentence}");
            ExitCode::FAILURE
        }
    }
}

/// The supervisord.conf that is to be run, if one is: what follows `-c`, or a path with such a file.
fn conf_of(options: &Options) -> Result<Option<String>, String> {
    let text = |path: &Path| match path.to_str() {
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(format!("cannot use path {}", path.display())),
    };
    if let Some(conf) = &options.conf {
        return text(conf);
    }
    match options.paths.iter().find(|path| reading::is_conf(path)) {
        None => Ok(None),
        Some(conf) if options.paths.len() == 1 => text(conf),
        Some(conf) => Err(format!(
            "{} is a supervisord.conf and cannot be run together with other paths",
            conf.display()
        )),
    }
}

fn run_keeper(options: Options, arguments: Vec<OsString>) -> ExitCode {
    match runtime_dir::prepare(&Circumstances::here(options.runtime_dir.clone())) {
        Ok(found) => {
            let runs_one = !options.command.is_empty();
            if found.fresh && !runs_one {
                // Nobody could find it otherwise.
                let path = found.path.display();
                let _ = match &found.instead {
                    Some(why) => writeln!(std::io::stderr(), "runnerd: {why}"),
                    None => Ok(()),
                };
                let _ = writeln!(std::io::stderr(), "runtime directory: {path}");
            }
            let held = match runs_one.then(one_command::descriptors).transpose() {
                Ok(held) => held.unwrap_or_default(),
                Err(error) => return refuse(&format!("cannot share our descriptors: {error}")),
            };
            let stop_limit = options.stop_limit(std::process::id() == 1, false);
            let settings = Settings {
                arguments: with_runtime_dir(arguments, &found.path),
                runtime_dir: found.path,
                fresh: found.fresh,
                pid_file: options.pid_file,
                one_command: runs_one,
                stop_limit: stop_limit.as_micros(),
            };
            keeper::run(settings, held)
        }
        Err(sentence) => refuse(&sentence),
    }
}

fn run_manager(options: Options) -> ExitCode {
    // What the keeper says counts: after a restart the command line may be another one.
    let named = std::env::var_os("RUNNER_RUNTIME_DIR").map(PathBuf::from);
    let Some(runtime_dir) = named.or_else(|| options.runtime_dir.clone()) else {
        return refuse("the keeper named no runtime directory");
    };
    match Link::take_over() {
        Ok((link, takeover)) => manager::run(options, runtime_dir, link, takeover),
        Err(error) => refuse(&format!("cannot speak to the keeper: {error}")),
    }
}

/// `--check`: load, report, exit.
fn check(options: &Options) -> ExitCode {
    let around = units::Surroundings {
        ignore_unsupported: options.ignore_unsupported,
        ..surroundings::here()
    };
    let (_, diagnostics) = load::read(options, &around);
    report(&diagnostics)
}

/// `--check` of a supervisord.conf: what it says of the daemon is looked at as well.
fn check_conf(file: &str) -> ExitCode {
    match reading::read_units(file, &Given::default(), &surroundings::here()) {
        Ok((_, _, diagnostics)) => report(&diagnostics),
        Err(refused) => report(&refused.diagnostics),
    }
}

fn report(diagnostics: &[units::Diagnostic]) -> ExitCode {
    let mut out = std::io::stderr().lock();
    for found in diagnostics {
        // Whoever closed standard error does not want to know.
        let _ = writeln!(out, "{found}");
    }
    let broken = diagnostics
        .iter()
        .any(|found| found.severity == units::Severity::Error);
    ExitCode::from(u8::from(broken))
}

fn say(text: &str) -> ExitCode {
    supervisord::say(text)
}

fn refuse(sentence: &str) -> ExitCode {
    // The status says it too.
    let _ = writeln!(std::io::stderr(), "runnerd: {sentence}");
    ExitCode::from(UNUSABLE)
}
