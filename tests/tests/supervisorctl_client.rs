//! Our supervisorctl beside the real one: both do the same with the real supervisord, and every
//! line they print and every exit status has to be the same. Pids, times and directories are
//! replaced by words.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tests::{CONFIGURATION, Kind, Peer, Process, script};

/// One of the two clients, as a program to run beside this daemon.
fn client(kind: Kind, peer: &Peer) -> PathBuf {
    match kind {
        Kind::Real => tests::tool("supervisorctl"),
        Kind::Ours => {
            let link = peer.path("supervisorctl");
            if !link.exists() {
                symlink(tests::program("runnerctl"), &link).expect("a link to the client");
            }
            link
        }
    }
}

/// Drives a real supervisord with one of the clients.
fn answers(kind: Kind, configuration: &str, steps: &str) -> Vec<Value> {
    let peer = Peer::start(Kind::Real, configuration);
    let client = client(kind, &peer);
    let name = client.display().to_string();
    let inside = name.replace(&peer.path("").display().to_string(), "DIR/");
    let mut answers = peer.drive(&client, steps);
    for answer in &mut answers {
        let text = answer.to_string();
        let text = text.replace(&name, "CLIENT").replace(&inside, "CLIENT");
        *answer = serde_json::from_str(&text).unwrap();
    }
    answers
}

#[track_caller]
fn compare(path: &str) {
    let (configuration, steps) = script(path);
    let (expected, found) = std::thread::scope(|scope| {
        let real = scope.spawn(|| answers(Kind::Real, &configuration, &steps));
        let ours = answers(Kind::Ours, &configuration, &steps);
        (real.join().unwrap(), ours)
    });
    let differences: String = expected
        .iter()
        .zip(&found)
        .filter(|(expected, found)| expected != found)
        .map(|(expected, found)| {
            format!(
                "step     {}\noriginal {}\nours     {}\n\n",
                expected["step"], expected["answer"], found["answer"]
            )
        })
        .collect();
    assert!(differences.is_empty(), "{path}:\n{differences}");
    assert_eq!(expected.len(), found.len());
}

macro_rules! scripts {
    ($($name:ident: $path:literal)+) => {
        $(#[test]
        fn $name() {
            compare($path);
        })+
    };
}

// What drives the daemons side by side drives the clients side by side as well.
scripts! {
    processes: "supervisorctl_client/processes.txt"
    logs: "supervisorctl_client/logs.txt"
    daemon: "supervisorctl_client/daemon.txt"
    status_and_start: "side_by_side/status_and_start.txt"
    stop_and_signals: "side_by_side/stop_and_signals.txt"
    groups: "side_by_side/groups.txt"
    logs_of_many_kinds: "side_by_side/logs.txt"
    reread_and_update: "side_by_side/reread_and_update.txt"
    interactive: "side_by_side/interactive.txt"
}

/// Runs a program on a terminal, see `oracle/terminal.py`, and gives all it printed.
#[track_caller]
fn on_a_terminal(program: &Path, words: &[&str], steps: &str) -> String {
    let mut talk = Command::new(tests::tool("python"))
        .arg(tests::repository().join("tests/oracle/terminal.py"))
        .arg(program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    talk.stdin
        .take()
        .unwrap()
        .write_all(steps.as_bytes())
        .unwrap();
    let output = talk.wait_with_output().unwrap();
    let seen = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{}: {}\n{seen}",
        program.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    seen
}

const ONE_PROGRAM: &str = "history_file=DIR/history
[unix_http_server:locked]
file=DIR/locked.sock
username=me
password=thepassword
[program:zebra-one]
command=/bin/cat
stdout_logfile=DIR/zebra.out
[program:two]
command=/bin/cat
[group:grp]
programs=two
";

fn with_one_program() -> Peer {
    let peer = Peer::start(Kind::Real, &format!("{CONFIGURATION}{ONE_PROGRAM}"));
    peer.drive(
        &client(Kind::Real, &peer),
        "wait zebra-one RUNNING\nwait grp:two RUNNING",
    );
    peer
}

/// A person in the shell: completion, the terminal's keys, questions, the history.
#[test]
fn a_person_at_the_shell() {
    for kind in [Kind::Real, Kind::Ours] {
        let peer = with_one_program();
        let client = client(kind, &peer);
        let configuration = peer.path("supervisord.conf");
        let words = ["-c", configuration.to_str().unwrap()];
        // Whoever sees a line of it follows the log: an earlier ctrl-C ends the real client.
        std::fs::write(peer.path("zebra.out"), "said before\n").unwrap();
        on_a_terminal(
            &client,
            &words,
            "expect RUNNING\n\
             expect supervisor> \n\
             send sta\\t\\t\n\
             expect start\n\
             expect status\n\
             send tus zeb\\t\n\
             expect zebra-one\n\
             send \\n\n\
             expect RUNNING\n\
             expect supervisor> \n\
             send pid grp:t\\t\n\
             expect grp:two\n\
             send \\n\n\
             expect supervisor> \n\
             send shutdown\\n\n\
             expect y/N? \n\
             send n\\n\n\
             expect supervisor> \n\
             send tail -f zebra-one\\n\n\
             expect ==> Press Ctrl-C to exit <==\n\
             expect said before\n\
             send \\x03\n\
             expect supervisor> \n\
             send \\x04\n\
             end 0\n",
        );
        let history = std::fs::read_to_string(peer.path("history")).unwrap();
        let typed: Vec<&str> = history.lines().map(str::trim_end).collect();
        for line in ["status zebra-one", "pid grp:two", "shutdown"] {
            assert!(typed.contains(&line), "{kind:?}: {typed:?}");
        }
        // The arrow finds it again in the next session, which ctrl-C ends.
        on_a_terminal(
            &client,
            &words,
            "expect supervisor> \n\
             send \\x1b[A\n\
             expect tail -f zebra-one\n\
             send \\x03\n\
             end 0\n",
        );
    }
}

/// A process in the foreground gets what is typed, and shows what it writes.
#[test]
fn a_process_in_the_foreground() {
    for kind in [Kind::Real, Kind::Ours] {
        let peer = with_one_program();
        let configuration = peer.path("supervisord.conf");
        on_a_terminal(
            &client(kind, &peer),
            &["-c", configuration.to_str().unwrap(), "fg", "zebra-one"],
            "expect ==> Press Ctrl-C to exit <==\n\
             send hello\\n\n\
             expect hello\n\
             expect hello\n\
             send \\x03\n\
             expect Exiting foreground\n",
        );
    }
}

/// Whoever is asked for a password does not show it.
#[test]
fn a_password_is_asked_for() {
    for kind in [Kind::Real, Kind::Ours] {
        let peer = with_one_program();
        let url = format!("unix://{}", peer.path("locked.sock").display());
        let configuration = peer.path("supervisord.conf");
        let seen = on_a_terminal(
            &client(kind, &peer),
            &["-c", configuration.to_str().unwrap(), "-s", &url],
            "expect Server requires authentication\n\
             expect Username:\n\
             send me\\n\n\
             expect Password:\n\
             send wrong\\n\n\
             expect Server requires authentication\n\
             expect Username:\n\
             send me\\n\n\
             expect Password:\n\
             send thepassword\\n\n\
             expect zebra-one\n\
             expect supervisor> \n\
             send quit\\n\n\
             end 0\n",
        );
        assert!(!seen.contains("thepassword"), "{kind:?}: {seen}");
    }
}

/// A log that is followed ends with ctrl-C, or with the daemon.
#[test]
fn a_log_is_followed() {
    let mut said = Vec::new();
    for kind in [Kind::Real, Kind::Ours] {
        let peer = with_one_program();
        let follow = || {
            let mut follower = Command::new(client(kind, &peer))
                .arg("-c")
                .arg(peer.path("supervisord.conf"))
                .args(["tail", "-f", "zebra-one"])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut output = BufReader::new(follower.stdout.take().unwrap());
            let mut line = String::new();
            while !line.ends_with("ß\n") {
                assert!(output.read_line(&mut line).unwrap() > 0, "{line}");
            }
            (follower, output, line)
        };
        std::fs::write(peer.path("zebra.out"), "one\nß\n").unwrap();
        let (mut follower, mut output, mut line) = follow();
        let process = Process::open(i32::try_from(follower.id()).unwrap()).unwrap();
        assert!(process.signal(libc::SIGINT));
        output.read_to_string(&mut line).unwrap();
        let code = follower.wait().unwrap().code();
        let (mut second, mut rest, _) = follow();
        peer.stop();
        let mut end = String::new();
        rest.read_to_string(&mut end).unwrap();
        said.push((line, code, end, second.wait().unwrap().code()));
    }
    // The original leaves out the last end of line when ctrl-C comes while it reads.
    said[0].0 = format!("{}\n\n", said[0].0.trim_end());
    assert_eq!(said[0], said[1]);
    assert_eq!(said[1].0, "==> Press Ctrl-C to exit <==\none\nß\n\n");
}

/// What a process wrote cannot rewrite the screen, and reaches a pipe as it is. The original cannot
/// show such a log at all.
#[test]
fn control_characters_in_a_log() {
    let peer = with_one_program();
    let client = client(Kind::Ours, &peer);
    let configuration = peer.path("supervisord.conf");
    let words = ["-c", configuration.to_str().unwrap(), "tail", "zebra-one"];
    std::fs::write(peer.path("zebra.out"), "\x1b[31mred\x07\n").unwrap();
    let seen = on_a_terminal(&client, &words, "end 0\n");
    assert_eq!(seen, "\\x1b[31mred\\x07\r\n\r\n");
    let piped = Command::new(&client).args(words).output().unwrap();
    assert_eq!(piped.stdout, b"\x1b[31mred\x07\n\n");
}
