//! `run`: a command as a unit of its own, which is gone when it is down.

use std::env;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use dbus::client::{Client, Error, Kind, Property, UnitEnd};
use serde_json::json;
use units::UnitName;

use super::jobs::{explain, refusal, why_failed};
use super::next_manager;
use crate::cli::RunArgs;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::render::ending::Ending;
use crate::render::time::rough;
use crate::terminal::Terminal;

/// What a shell gives to a command that a signal ended, beside the signal's number.
const SIGNALLED: i32 = 128;

/// The same where that signal is SIGINT.
const INTERRUPTED: u8 = 130;

/// `run`
pub(super) async fn run(client: &mut Client, terminal: &mut Terminal, args: &RunArgs) -> Outcome {
    let service = service_name(args)?;
    let timer = args.timers().map(|timers| (timer_of(&service), timers));
    let started = match &timer {
        Some((timer, _)) => timer.as_str(),
        None => service.as_str(),
    };
    let of_service = service_properties(args)?;
    let of_service: Vec<(&str, Property<'_>)> = of_service
        .iter()
        .map(|(name, value)| (name.as_str(), value.property()))
        .collect();
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let piped = [
        ("StandardInputFileDescriptor", stdin.as_fd()),
        ("StandardOutputFileDescriptor", stdout.as_fd()),
        ("StandardErrorFileDescriptor", stderr.as_fd()),
    ];
    let piped = piped.map(|(name, fd)| (name, Property::Descriptor(fd)));
    let job = match &timer {
        Some((name, timers)) => {
            let mut of_timer: Vec<(&str, Property<'_>)> = timers
                .iter()
                .map(|(name, text)| (*name, Property::Text(text)))
                .collect();
            // As systemd-run: one that has elapsed for the last time is of no use.
            of_timer.push(("RemainAfterElapse", Property::Text("no")));
            if args.collect {
                of_timer.push(COLLECT);
            }
            start(client, name, &of_timer, &[(&service, &of_service)]).await?
        }
        None => {
            let given = piped.iter().filter(|_| args.pipe).cloned();
            let all: Vec<(&str, Property<'_>)> = of_service.into_iter().chain(given).collect();
            start(client, &service, &all, &[]).await?
        }
    };
    if args.no_block {
        if terminal.json() {
            terminal.value(&json!({ "unit": started, "job": job }))?;
        } else {
            terminal.remark(&format!("started as {started}"));
        }
        return Ok(Exit::Done);
    }
    if args.waits() {
        return wait(client, terminal, &service, args.pipe).await;
    }
    let result = match job {
        Some(job) => await_job(client, job).await?,
        None => None,
    };
    if terminal.json() {
        terminal.value(&json!({ "unit": started, "job": job, "result": result }))?;
    } else {
        terminal.remark(&format!("running as {started}"));
    }
    match result.as_deref() {
        None | Some("done" | "skipped") => Ok(Exit::Done),
        Some(_) if terminal.json() => Err(Failure::Told(Exit::Failed)),
        Some(result) => Err(explain(client, started, "start", result).await),
    }
}

/// `CollectMode=inactive-or-failed`
const COLLECT: (&str, Property<'static>) = ("CollectMode", Property::Text("inactive-or-failed"));

/// A value that is kept while it travels.
enum Said {
    Text(String),
    Words(Vec<String>),
    Command(Vec<String>),
}

impl Said {
    fn property(&self) -> Property<'_> {
        match self {
            Said::Text(text) => Property::Text(text),
            Said::Words(words) => Property::Words(words),
            Said::Command(words) => Property::Command(words),
        }
    }
}

/// The name that was asked for, or one that nobody has.
fn service_name(args: &RunArgs) -> Result<String, Failure> {
    let name = match &args.unit {
        Some(name) => {
            let stem = name
                .strip_suffix(".timer")
                .filter(|_| args.timers().is_some());
            let stem = stem.unwrap_or(name);
            match stem.ends_with(".service") {
                true => stem.to_owned(),
                false => format!("{stem}.service"),
            }
        }
        // Keyed by chance: nothing is hashed.
        None => format!(
            "run-r{:016x}.service",
            RandomState::new().build_hasher().finish()
        ),
    };
    match UnitName::parse(&name) {
        Ok(_) => Ok(name),
        Err(problem) => {
            let text = format!("{name:?} is not a unit name: {problem}");
            Err(Failure::new(Exit::Usage, text))
        }
    }
}

fn timer_of(service: &str) -> String {
    let stem = service.strip_suffix(".service").unwrap_or(service);
    format!("{stem}.timer")
}

fn service_properties(args: &RunArgs) -> Result<Vec<(String, Said)>, Failure> {
    let mut said: Vec<(String, Said)> = Vec::new();
    let mut text =
        |name: &str, text: &str| said.push((name.to_owned(), Said::Text(text.to_owned())));
    let shown = args.command.join(" ");
    text("Description", args.description.as_deref().unwrap_or(&shown));
    for (name, value) in [("User", &args.uid), ("Group", &args.gid)] {
        if let Some(value) = value {
            text(name, value);
        }
    }
    if let Some(directory) = &args.working_directory {
        text(
            "WorkingDirectory",
            &absolute(directory)?.display().to_string(),
        );
    }
    if args.collect {
        text("CollectMode", "inactive-or-failed");
    }
    for property in &args.properties {
        let Some((name, value)) = property.split_once('=') else {
            let failure = Failure::new(Exit::Usage, format!("{property:?} is no KEY=VALUE"));
            return Err(failure.with_hint("such as `-p Restart=on-failure`"));
        };
        text(name, value);
    }
    let mut variables = Vec::new();
    for variable in &args.environment {
        match variable.split_once('=') {
            Some(_) => variables.push(variable.clone()),
            // As systemd-run: ours.
            None => variables.extend(
                env::var(variable)
                    .ok()
                    .map(|value| format!("{variable}={value}")),
            ),
        }
    }
    if !variables.is_empty() {
        said.push(("Environment".to_owned(), Said::Words(variables)));
    }
    let mut command = args.command.clone();
    if let Some(program) = command.first_mut() {
        *program = find_program(program)?;
    }
    // Who means a variable of the unit's environment lets a shell replace it.
    said.push(("ExecStartEx".to_owned(), Said::Command(command)));
    Ok(said)
}

/// The program, as whoever typed it would have started it; a bare name that is not in our PATH may
/// be in that of the unit.
fn find_program(program: &str) -> Result<String, Failure> {
    if program.contains('/') {
        return Ok(absolute(Path::new(program))?.display().to_string());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(program))
        .find(|path| {
            use rustix::fs::{Access, access};
            path.is_file() && access(path, Access::EXEC_OK).is_ok()
        });
    Ok(found.map_or_else(|| program.to_owned(), |path| path.display().to_string()))
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path)
        .map_err(|error| Failure::because(format!("no path {}: {error}", path.display())))
}

/// Starts it; gives the number of the job, where that is known. A manager that goes away meanwhile
/// may have done it: then the next one has a unit of this name, and nobody else chose it.
async fn start(
    client: &mut Client,
    unit: &str,
    properties: &[(&str, Property<'_>)],
    beside: &[(&str, &[(&str, Property<'_>)])],
) -> Result<Option<u32>, Failure> {
    let mut lost = false;
    let passes = |(_, value): &(&str, Property<'_>)| matches!(value, Property::Descriptor(_));
    loop {
        // Whoever has answered once reads no greeting any more: descriptors that came together with
        // the end of that would be lost.
        let greeted = match properties.iter().any(passes) {
            true => client.properties().await.map(drop),
            false => Ok(()),
        };
        let started = match greeted {
            Ok(()) => {
                client
                    .start_transient(unit, "fail", properties, beside)
                    .await
            }
            Err(error) => Err(error),
        };
        match started {
            Ok(job) => return Ok(Some(job)),
            Err(Error::Lost(cause)) => {
                lost = true;
                next_manager(client, cause).await?;
            }
            Err(error) if lost && error.kind() == Some(Kind::UnitExists) => return Ok(None),
            // There is no file to correct.
            Err(error) if error.kind() == Some(Kind::BadUnitSetting) => {
                let text = format!("cannot start {unit}: {error}");
                return Err(Failure::new(Exit::NotLoaded, text));
            }
            Err(error) => return Err(refusal(unit, "start", &error)),
        }
    }
}

async fn await_job(client: &mut Client, job: u32) -> Result<Option<String>, Failure> {
    loop {
        match client.await_job(job).await {
            Ok(result) => return Ok(Some(result)),
            Err(Error::Lost(cause)) => next_manager(client, cause).await?,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits for the end of the unit and ends as it did. Ctrl-C stops it; a second one leaves it alone.
async fn wait(client: &mut Client, terminal: &mut Terminal, unit: &str, piped: bool) -> Outcome {
    if !piped && !terminal.json() {
        terminal.remark(&format!("running as {unit}"));
    }
    let mut stopping = false;
    let end = loop {
        let asked = client.clone();
        let waiting = asked.await_unit(unit);
        let outcome = tokio::select! {
            outcome = waiting => outcome,
            pressed = tokio::signal::ctrl_c() => {
                pressed?;
                if stopping {
                    terminal.remark(&format!("{unit} is still being stopped"));
                    return Err(Failure::Told(Exit::OfProgram(INTERRUPTED)));
                }
                stopping = true;
                match client.enqueue(unit, "stop", "replace", "").await {
                    // It may be gone by now, which is what was wanted.
                    Ok(_) | Err(Error::Refused { .. }) => {}
                    Err(Error::Lost(cause)) => {
                        stopping = false;
                        next_manager(client, cause).await?;
                    }
                    Err(error) => return Err(error.into()),
                }
                continue;
            }
        };
        match outcome {
            Ok(end) => break end,
            Err(Error::Lost(cause)) => next_manager(client, cause).await?,
            Err(error) => return Err(error.into()),
        }
    };
    let exit = ended(client, terminal, unit, &end, piped).await;
    if stopping {
        // What a shell says of a command that ctrl-C ended.
        return Ok(Exit::OfProgram(INTERRUPTED));
    }
    exit
}

async fn ended(
    client: &Client,
    terminal: &mut Terminal,
    unit: &str,
    end: &UnitEnd,
    piped: bool,
) -> Outcome {
    let ending = Ending::new(end.code, end.status);
    let status = exit_status(&end.result, ending);
    let ran = (end.began > 0 && end.ended >= end.began).then(|| end.ended - end.began);
    if terminal.json() {
        terminal.value(&json!({
            "unit": unit,
            "result": end.result,
            "code": end.code,
            "status": end.status,
            "failure": Some(&end.failure).filter(|text| !text.is_empty()),
            "runtime_usec": ran,
            "exit_status": status,
        }))?;
    } else if !piped {
        let how = ending.map_or_else(|| "no process ran".to_owned(), |ending| ending.to_string());
        let ran = ran.map(|micros| format!(" after {}", rough(micros)));
        terminal.remark(&format!(
            "{} ({how}){}",
            end.result,
            ran.unwrap_or_default()
        ));
    }
    // A program that says so by its status needs no further words.
    let speaks = matches!(end.result.as_str(), "success" | "exit-code" | "signal");
    if !speaks && !terminal.json() {
        let why = match client.unit(unit).await {
            Ok(properties) if end.failure.is_empty() => why_failed(&properties),
            _ => end.failure.clone(),
        };
        let failure = Failure::because(format!("{unit} failed: {why}"));
        return Err(failure.with_hint(format!("see `runnerctl why {unit}`")));
    }
    Ok(match status {
        0 => Exit::Done,
        status => Exit::OfProgram(status),
    })
}

/// What a shell would say of the program: its exit status, or 128 and the number of the signal. What
/// the unit counts as success is one; a failure that no process showed is 1.
fn exit_status(result: &str, ending: Option<Ending>) -> u8 {
    if matches!(result, "success" | "exec-condition") {
        return 0;
    }
    let status = match ending {
        Some(Ending::Exited(0)) | None => 1,
        Some(Ending::Exited(status)) => status,
        Some(Ending::Killed(signal) | Ending::Dumped(signal)) => SIGNALLED + signal,
    };
    u8::try_from(status).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_decides_the_exit_status() {
        for (result, ending, expected) in [
            ("success", Some(Ending::Exited(0)), 0),
            // By SuccessExitStatus, or by a clean signal.
            ("success", Some(Ending::Exited(3)), 0),
            ("success", Some(Ending::Killed(15)), 0),
            ("exit-code", Some(Ending::Exited(42)), 42),
            ("exit-code", Some(Ending::Exited(203)), 203),
            ("signal", Some(Ending::Killed(9)), 137),
            ("core-dump", Some(Ending::Dumped(11)), 139),
            ("timeout", Some(Ending::Killed(9)), 137),
            ("timeout", Some(Ending::Exited(0)), 1),
            ("resources", None, 1),
        ] {
            assert_eq!(exit_status(result, ending), expected, "{result} {ending:?}");
        }
    }

    #[test]
    fn names() {
        use clap::Parser as _;
        let named = |words: &[&str]| {
            let words = ["runnerctl", "run"]
                .iter()
                .chain(words)
                .chain(&["/bin/true"]);
            match crate::cli::Cli::parse_from(words).verb {
                crate::cli::Verb::Run(args) => service_name(&args),
                _ => unreachable!("it was asked to run"),
            }
        };
        assert_eq!(named(&["--unit", "job"]).unwrap(), "job.service");
        assert_eq!(named(&["--unit=job.service"]).unwrap(), "job.service");
        let timer = named(&["--unit", "job.timer", "--on-active", "1h"]);
        assert_eq!(timer.unwrap(), "job.service");
        assert!(named(&["--unit", "a b"]).is_err());
        let (one, other) = (named(&[]).unwrap(), named(&[]).unwrap());
        assert!(one.starts_with("run-r") && one != other);
    }
}
