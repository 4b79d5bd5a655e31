//! The small programs of supervisor that runnerctl is by name, beside the real ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tests::{Kind, Peer, Process};

/// A program of supervisor, or ours by its name.
fn called(kind: Kind, name: &str, directory: &Path) -> PathBuf {
    match kind {
        Kind::Real => tests::tool(name),
        Kind::Ours => {
            let link = directory.join(name);
            symlink(tests::program("runnerctl"), &link).unwrap();
            link
        }
    }
}

fn signal(child: &Child, number: i32) {
    let process = Process::open(i32::try_from(child.id()).unwrap()).unwrap();
    assert!(process.signal(number));
}

/// What a process writes, line by line.
fn lines(child: &mut Child) -> BufReader<impl Read + use<>> {
    BufReader::new(child.stdout.take().unwrap())
}

fn next(lines: &mut impl BufRead) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// Signals go to the process of the pid file, not to the command; one that ends ends pidproxy.
#[test]
fn pidproxy_passes_signals_on() {
    for kind in [Kind::Real, Kind::Ours] {
        let directory = tempfile::tempdir().unwrap();
        let pid_file = directory.path().join("pid");
        // `wait` is left when a signal arrives, as no other command is.
        let mut daemon = Command::new("/bin/sh")
            .arg("-c")
            .arg(
                "trap 'echo hup' HUP; trap 'echo usr2' USR2; trap 'echo term; exit' TERM; \
                 cat >/dev/null & echo ready; while :; do wait; done",
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut heard = lines(&mut daemon);
        assert_eq!(next(&mut heard), "ready");
        let mut proxy = Command::new(called(kind, "pidproxy", directory.path()))
            .arg(&pid_file)
            .args(["/bin/sh", "-c", "echo up; read line"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = lines(&mut proxy);
        assert_eq!(next(&mut said), "up");
        if kind == Kind::Ours {
            // The file may come later. The original says it at its end, into a pipe.
            signal(&proxy, libc::SIGTERM);
            let complaint = format!("Can't read child pidfile {}!", pid_file.display());
            assert_eq!(next(&mut said), complaint);
        }
        std::fs::write(&pid_file, format!("{}\n", daemon.id())).unwrap();
        signal(&proxy, libc::SIGHUP);
        assert_eq!(next(&mut heard), "hup", "{kind:?}");
        signal(&proxy, libc::SIGUSR2);
        assert_eq!(next(&mut heard), "usr2", "{kind:?}");
        signal(&proxy, libc::SIGTERM);
        assert_eq!(next(&mut heard), "term", "{kind:?}");
        assert_eq!(proxy.wait().unwrap().code(), Some(0), "{kind:?}");
        assert!(daemon.wait().unwrap().success());
    }
}

#[test]
fn pidproxy_ends_with_its_command() {
    let directory = tempfile::tempdir().unwrap();
    let program = called(Kind::Ours, "pidproxy", directory.path());
    let run = |words: &[&str]| {
        let output = Command::new(&program)
            .args(words)
            .current_dir("/bin")
            .output()
            .unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code(),
            said(&output.stdout),
            said(&output.stderr),
        )
    };
    // Relative to the current directory, and never looked for in PATH.
    assert_eq!(
        run(&["none", "sh", "-c", "echo $0; exit 3"]),
        (Some(0), "sh\n".to_owned(), String::new())
    );
    let (code, _, said) = run(&["none", "no-such-program"]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("/bin/no-such-program: No such file"),
        "{said}"
    );
}

#[test]
fn pidproxy_says_how_it_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let said = [Kind::Real, Kind::Ours].map(|kind| {
        let program = called(kind, "pidproxy", directory.path());
        let output = Command::new(&program).arg("only").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let text = text.replace(program.to_str().unwrap(), "pidproxy");
        (output.status.code(), text.trim().to_owned())
    });
    assert_eq!(said[0], said[1]);
}

/// The sample runs with the real supervisord as it is.
#[test]
fn the_sample_configuration_works() {
    let directory = tempfile::tempdir().unwrap();
    let program = called(Kind::Ours, "echo_supervisord_conf", directory.path());
    let sample = Command::new(program).output().unwrap();
    assert!(sample.status.success());
    let sample = String::from_utf8(sample.stdout).unwrap();
    let sample = sample.replace("supervisor.sock", "s.sock");
    let peer = Peer::start(Kind::Real, &sample);
    let version = Command::new(called(Kind::Ours, "supervisorctl", directory.path()))
        .arg("-c")
        .arg(peer.path("supervisord.conf"))
        .arg("version")
        .output()
        .unwrap();
    assert_eq!(version.stdout, b"4.3.0\n");
    peer.stop();
}

/// The line goes into a configuration that supervisord reads, and the password opens the server.
#[test]
fn a_password_line_for_supervisord() {
    let mut passwd = Command::new(tests::program("runnerctl"))
        .args(["passwd", "--sha1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut passwd.stdin.take().unwrap(), b"gr%n; #1\n").unwrap();
    let line = String::from_utf8(passwd.wait_with_output().unwrap().stdout).unwrap();
    assert!(line.starts_with("password={SHA}"), "{line}");
    let peer = Peer::start(
        Kind::Real,
        &format!(
            "[unix_http_server]\nfile=DIR/s.sock\nusername=me\n{line}\
             [supervisord]\nlogfile=DIR/main.log\npidfile=DIR/s.pid\nuser=root\n\
             [rpcinterface:supervisor]\n\
             supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\
             [supervisorctl]\nserverurl=unix://DIR/s.sock\n"
        ),
    );
    let client = called(Kind::Ours, "supervisorctl", &peer.path(""));
    let ask = |password: &str| {
        let output = Command::new(&client)
            .arg("-c")
            .arg(peer.path("supervisord.conf"))
            .args(["-u", "me", "-p", password, "version"])
            .output()
            .unwrap();
        output.status.code()
    };
    assert_eq!(ask("gr%n; #1"), Some(0));
    assert_eq!(ask("green"), Some(1));
    peer.stop();
}
