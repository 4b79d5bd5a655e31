//! Runs one command as a child subreaper and reports, on standard output, how it ended and which
//! processes it left behind. Those are killed; nothing else is ever touched. Standard input is
//! the leash: when it closes (the test ended or died) everything below is killed.

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::error::Error;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, Stdio};

/// `--linger`: what is left is waited for and not killed, to see it end by itself.
pub(crate) fn run(mut words: Vec<String>) -> Result<ExitCode, Box<dyn Error>> {
    nix::sys::prctl::set_child_subreaper(true)?;
    let linger = words.first().is_some_and(|word| word == "--linger");
    words.drain(..usize::from(linger));
    let (program, arguments) = words.split_first().ok_or("warden: no command")?;
    // Standard error is the console of the test: both streams of the daemon go there.
    let console = std::io::stderr().as_fd().try_clone_to_owned()?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(console)
        .spawn()
        .map_err(|error| format!("warden: {program}: {error}"))?;
    let pid = child.id();
    report(&format!("started {pid}"))?;
    std::thread::spawn(move || {
        let mut leash = std::io::stdin();
        let mut word = [0u8; 64];
        while leash.read(&mut word).is_ok_and(|n| n > 0) {}
        let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
        // Who lingers has no time left either. The main thread reaps.
        while let Ok(left) = children()
            && linger
            && !left.is_empty()
        {
            for pid in left {
                let _ = kill(pid, Signal::SIGKILL);
            }
        }
    });
    let status = child.wait()?;
    report(&match status.code() {
        Some(code) => format!("exited {code}"),
        None => format!("killed {}", status.signal().unwrap_or(0)),
    })?;
    if linger {
        while !matches!(waitpid(None, None), Err(Errno::ECHILD)) {}
    }
    for left in sweep()? {
        report(&format!("leftover {left}"))?;
    }
    report("end")?;
    Ok(ExitCode::SUCCESS)
}

/// Kills and reaps every process that came to us, and their children after them. Returns what
/// was alive, as `PID COMMAND`.
fn sweep() -> Result<Vec<String>, Box<dyn Error>> {
    let mut alive = Vec::new();
    loop {
        // Dead ones first: a zombie is no leftover.
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => break,
                Ok(_) => {}
                Err(Errno::ECHILD) => return Ok(alive),
                Err(error) => return Err(error.into()),
            }
        }
        for pid in children()? {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            let _ = kill(pid, Signal::SIGKILL);
            match waitpid(pid, None) {
                Ok(WaitStatus::Signaled(_, Signal::SIGKILL, _)) => {
                    alive.push(format!("{pid} {}", words.trim_end()));
                }
                // It was on its way out when it was seen, and ended as it wanted.
                Ok(_) | Err(Errno::ECHILD) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn children() -> Result<Vec<Pid>, Box<dyn Error>> {
    let mut found = Vec::new();
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("children"))?;
        for word in text.split_whitespace() {
            found.push(Pid::from_raw(word.parse()?));
        }
    }
    Ok(found)
}

fn report(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
