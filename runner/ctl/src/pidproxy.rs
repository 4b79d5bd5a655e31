//! `pidproxy PIDFILE COMMAND…`: starts a command and passes its own signals on to the process whose
//! number is in a file. It is for daemons that go into the background: something has to stay in the
//! foreground for whoever runs them.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode};

use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{Signal as Arrivals, SignalKind, signal};

/// A number with its end of line fits in many times over; a larger file is something else.
const PID_FILE_LIMIT: u64 = 64;

/// Does what the command line says.
pub(crate) fn main(words: impl Iterator<Item = OsString>) -> ExitCode {
    let mut words = words;
    let name = words.next().unwrap_or_else(|| "pidproxy".into());
    let (Some(pid_file), Some(command)) = (words.next(), words.next()) else {
        let _ = io::stdout().write_all(usage(&name.to_string_lossy()).as_bytes());
        return ExitCode::FAILURE;
    };
    let arguments: Vec<OsString> = words.collect();
    match run(Path::new(&pid_file), &command, &arguments) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("pidproxy: {message}");
            ExitCode::FAILURE
        }
    }
}

fn usage(name: &str) -> String {
    format!(
        "pidproxy -- run command and proxy signals to it via its pidfile.

This executable runs a command and then monitors a pidfile.  When this
executable receives a signal, it sends the same signal to the pid
in the pidfile.

Usage: {name} <pidfile name> <command> [<cmdarg1> ...]
"
    )
}

fn run(pid_file: &Path, command: &OsStr, arguments: &[OsString]) -> Result<ExitCode, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot wait for signals: {error}"))?
        .block_on(proxy(pid_file, command, arguments))
}

/// Until the command has ended, or a signal that means an end has been passed on.
async fn proxy(
    pid_file: &Path,
    command: &OsStr,
    arguments: &[OsString],
) -> Result<ExitCode, String> {
    let listen = |kind: SignalKind| {
        signal(kind).map_err(|error| format!("cannot wait for signals: {error}"))
    };
    let mut ends = listen(SignalKind::child())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut user_1 = listen(SignalKind::user_defined1())?;
    let mut user_2 = listen(SignalKind::user_defined2())?;
    let mut quit = listen(SignalKind::quit())?;
    // PATH is not searched: the original does not do so either, and a relative name would mean
    // something else.
    let path = std::path::absolute(command)
        .map_err(|error| format!("{}: {error}", Path::new(command).display()))?;
    let mut child = Command::new(&path)
        .arg0(command)
        .args(arguments)
        .spawn()
        .map_err(|error| format!("cannot run {}: {error}", path.display()))?;
    loop {
        let arrived = tokio::select! {
            _ = ends.recv() => None,
            signal = arrival(&mut terminate, Signal::TERM) => signal,
            signal = arrival(&mut hang_up, Signal::HUP) => signal,
            signal = arrival(&mut interrupt, Signal::INT) => signal,
            signal = arrival(&mut user_1, Signal::USR1) => signal,
            signal = arrival(&mut user_2, Signal::USR2) => signal,
            signal = arrival(&mut quit, Signal::QUIT) => signal,
        };
        match arrived {
            Some(signal) => match pass_on(signal, pid_file) {
                Passed::On if is_final(signal) => return Ok(ExitCode::SUCCESS),
                // Whoever wants us to end is not made to wait for what is not there.
                Passed::Nowhere if is_final(signal) => return Ok(ExitCode::FAILURE),
                Passed::On | Passed::Nowhere | Passed::NotYet => {}
            },
            None if has_ended(&mut child)? => return Ok(ExitCode::SUCCESS),
            None => {}
        }
    }
}

async fn arrival(arrivals: &mut Arrivals, signal: Signal) -> Option<Signal> {
    arrivals.recv().await.map(|()| signal)
}

fn has_ended(child: &mut Child) -> Result<bool, String> {
    child
        .try_wait()
        .map(|status| status.is_some())
        .map_err(|error| format!("cannot wait for the command: {error}"))
}

/// Those after which the command will end, and nobody needs us any more.
fn is_final(signal: Signal) -> bool {
    [Signal::TERM, Signal::INT, Signal::QUIT].contains(&signal)
}

/// What became of a signal.
enum Passed {
    /// It was sent.
    On,
    /// The process is gone, or not ours.
    Nowhere,
    /// The file names no process: the daemon may be about to write it.
    NotYet,
}

/// Sends a signal to the process of the file.
fn pass_on(signal: Signal, pid_file: &Path) -> Passed {
    let Some(pid) = read(pid_file) else {
        // Where the original says it.
        let mut out = io::stdout();
        let _ = writeln!(out, "Can't read child pidfile {}!", pid_file.display())
            .and_then(|()| out.flush());
        return Passed::NotYet;
    };
    match kill_process(pid, signal) {
        Ok(()) => Passed::On,
        Err(error) => {
            eprintln!(
                "pidproxy: cannot signal process {}: {}",
                pid.as_raw_nonzero(),
                io::Error::from(error)
            );
            Passed::Nowhere
        }
    }
}

/// The process a file names. Never process 1, nor ourselves, nor a group.
fn read(pid_file: &Path) -> Option<Pid> {
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let file = File::options()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(pid_file)
        .ok()?;
    let mut text = String::new();
    file.take(PID_FILE_LIMIT).read_to_string(&mut text).ok()?;
    parse(&text)
}

fn parse(text: &str) -> Option<Pid> {
    let number: i32 = text.trim().parse().ok()?;
    let own = i32::try_from(std::process::id()).ok();
    (number > 1 && Some(number) != own)
        .then(|| Pid::from_raw(number))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_names_one_process() {
        assert_eq!(parse(" 4711\n"), Pid::from_raw(4711));
        let own = std::process::id().to_string();
        for text in ["", "x", "0", "1", "-4711", "4711 4712", &own] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_pipe_in_place_of_the_file_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, fifo, mode, 0).unwrap();
        assert_eq!(read(&pipe), None);
    }
}
