//! `runnerd -- COMMAND`: as if the command had been started in our place, but with somebody who reaps.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tests::{Process, program};

/// `runnerd -- WORDS` behind `wrapper`, in a directory of its own.
fn runs(place: &Path, wrapper: &[&str], words: &[&str]) -> Command {
    runs_with(place, wrapper, &[], words)
}

/// The same with options.
fn runs_with(place: &Path, wrapper: &[&str], options: &[&str], words: &[&str]) -> Command {
    let mut all: Vec<&str> = wrapper.to_vec();
    let daemon = program("runnerd");
    all.push(daemon.to_str().unwrap());
    let mut command = Command::new(all[0]);
    command
        .args(&all[1..])
        .arg("--runtime-dir")
        .arg(place.join("run"))
        .args(options)
        .arg("--")
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

const AS_INIT: [&str; 5] = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];

fn output(wrapper: &[&str], words: &[&str]) -> (Option<i32>, String, String) {
    let place = tempfile::tempdir().unwrap();
    let Output {
        status,
        stdout,
        stderr,
    } = runs(place.path(), wrapper, words).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn it_ends_as_the_command_does_and_says_nothing_itself() {
    for wrapper in [&[][..], &AS_INIT] {
        let shell = |script| output(wrapper, &["sh", "-c", script]);
        let silent = |status| (Some(status), String::new(), String::new());
        assert_eq!(shell("exit 0"), silent(0));
        assert_eq!(shell("exit 3"), silent(3));
        assert_eq!(shell("exit 255"), silent(255));
        assert_eq!(shell("kill -KILL $$"), silent(128 + 9));
        assert_eq!(shell("kill -TERM $$"), silent(128 + 15));
        let (status, out, err) = shell("echo out; echo err >&2; exit 1");
        assert_eq!(
            (status, out.as_str(), err.as_str()),
            (Some(1), "out\n", "err\n")
        );
    }
}

#[test]
fn words_and_environment_arrive_as_they_are() {
    let place = tempfile::tempdir().unwrap();
    let script = r#"printf '%s|' "$0" "$@" "$ODD"; pwd"#;
    let output = runs(
        place.path(),
        &[],
        &["sh", "-c", script, "%n", "$HOME", "", "a b"],
    )
    .env("ODD", "x %i $y")
    .current_dir(place.path())
    .output()
    .unwrap();
    let here = place.path().canonicalize().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!("%n|$HOME||a b|x %i $y|{}\n", here.display())
    );
}

#[test]
fn what_is_no_program_is_said_as_a_shell_says_it() {
    let (status, _, err) = output(&[], &["no-such-program"]);
    assert_eq!(status, Some(127));
    assert!(err.contains("no-such-program"), "{err}");
    let (status, _, err) = output(&[], &["/etc/passwd"]);
    assert_eq!(status, Some(126));
    assert!(err.contains("/etc/passwd: permission denied"), "{err}");
}

/// A command that names each signal it gets, and ends with 7 at SIGTERM.
const LISTENER: &str = "for s in HUP INT QUIT USR1 USR2 WINCH ALRM CONT; do \
     trap \"echo $s\" $s; done; trap 'echo TERM; exit 7' TERM; echo up; \
     while :; do sleep 0.05; done";

struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    _place: tempfile::TempDir,
}

impl Running {
    fn start(words: &[&str]) -> Running {
        Running::start_with(&[], words)
    }

    fn start_with(options: &[&str], words: &[&str]) -> Running {
        let place = tempfile::tempdir().unwrap();
        let mut child = runs_with(place.path(), &[], options, words)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Running {
            child,
            lines,
            _place: place,
        }
    }

    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    fn keeper(&self) -> Process {
        Process::open(self.child.id().try_into().unwrap()).unwrap()
    }

    fn signal(&self, number: i32) {
        assert!(self.keeper().signal(number), "it is gone");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Without its keeper the manager stops everything. It is gone already if all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn every_signal_goes_to_the_command_also_after_the_manager_was_killed() {
    let mut running = Running::start(&["sh", "-c", LISTENER]);
    assert_eq!(running.line(), "up");
    for round in 0..2 {
        for (number, name) in [
            (libc::SIGHUP, "HUP"),
            (libc::SIGINT, "INT"),
            (libc::SIGQUIT, "QUIT"),
            (libc::SIGUSR1, "USR1"),
            (libc::SIGUSR2, "USR2"),
            (libc::SIGWINCH, "WINCH"),
            (libc::SIGALRM, "ALRM"),
            (libc::SIGCONT, "CONT"),
        ] {
            running.signal(number);
            assert_eq!(running.line(), name);
        }
        if round == 0 {
            running.keeper().kill_manager();
        }
    }
    running.signal(libc::SIGTERM);
    assert_eq!(running.line(), "TERM");
    assert_eq!(running.child.wait().unwrap().code(), Some(7));
}

#[test]
fn signals_may_mean_others() {
    let options = ["--rewrite=15:QUIT", "--rewrite", "HUP:0"];
    let mut running = Running::start_with(&options, &["sh", "-c", LISTENER]);
    assert_eq!(running.line(), "up");
    running.signal(libc::SIGHUP);
    running.signal(libc::SIGTERM);
    assert_eq!(running.line(), "QUIT");
    running.keeper().kill_manager();
    running.signal(libc::SIGTERM);
    assert_eq!(running.line(), "QUIT");
    running.signal(libc::SIGUSR1);
    assert_eq!(running.line(), "USR1");
}

/// It runs, and others know it, before its manager has heard that it does.
#[test]
fn a_signal_reaches_a_command_that_has_just_begun() {
    let script = "trap 'exit 7' HUP; kill -HUP $PPID; \
                  i=0; while [ $i -lt 200 ]; do i=$((i + 1)); sleep 0.05; done; exit 9";
    for _ in 0..20 {
        let (status, _, err) = output(&[], &["sh", "-c", script]);
        assert_eq!(status, Some(7), "{err}");
    }
}

#[test]
fn standard_input_is_the_commands() {
    let place = tempfile::tempdir().unwrap();
    let mut child = runs(place.path(), &[], &["cat"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"to cat\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"to cat\n");
    assert!(output.status.success() && output.status.signal().is_none());
}

#[test]
fn a_terminal_is_the_commands_as_under_a_shell() {
    let place = tempfile::tempdir().unwrap();
    let script = "test $(ps -o tpgid= -p $$) = $(ps -o pgid= -p $$) && tty >/dev/null && exit 5";
    let line = format!(
        "{} --runtime-dir {} -- sh -c '{script}'",
        program("runnerd").display(),
        place.path().join("run").display()
    );
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(5), "{output:?}");
}

#[test]
fn what_it_leaves_behind_is_stopped_and_the_status_is_its_own() {
    let script = "(trap 'echo stopped; exit 0' TERM; echo there; while :; do sleep 0.05; done) & \
                  read _ < /proc/self/stat; sleep 0.3; exit 42";
    let (status, out, err) = output(&AS_INIT, &["sh", "-c", script]);
    assert_eq!(
        (status, out.as_str()),
        (Some(42), "there\nstopped\n"),
        "{err}"
    );
}

#[test]
fn a_command_and_unit_files_are_not_for_the_same_daemon() {
    let output = Command::new(program("runnerd"))
        .args(["/nonexistent", "--", "true"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("essential = true"), "{said}");
}
