//! The real supervisord and ours, side by side: one script drives both with the real supervisorctl,
//! and every answer has to be the same. Pids, times and directories are replaced by words.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};

use tests::{Kind, Peer, free_port, script};

/// Runs a script against both and compares, with every client there is.
#[track_caller]
fn compare(name: &str) {
    let (configuration, steps) = script(&format!("side_by_side/{name}"));
    for client in clients() {
        let run = |kind| {
            let port = free_port().to_string();
            let filled = |text: &str| text.replace("PORT", &port).replace("CGI", &cgi());
            let peer = Peer::start(kind, &filled(&configuration));
            let answers = peer.drive(&client, &filled(&steps));
            (peer, answers)
        };
        let ((real, expected), (ours, found)) = std::thread::scope(|scope| {
            let real = scope.spawn(|| run(Kind::Real));
            let ours = run(Kind::Ours);
            (real.join().unwrap(), ours)
        });
        let mut differences = String::new();
        for (expected, found) in expected.iter().zip(&found) {
            // Steps may name a port, which is not the same one.
            if expected["answer"] != found["answer"] {
                differences.push_str(&format!(
                    "step      {}\nsupervisord {}\nrunnerd     {}\n\n",
                    expected["step"], expected["answer"], found["answer"]
                ));
            }
        }
        assert!(
            differences.is_empty() && expected.len() == found.len(),
            "{name} with {}:\n{differences}{}",
            client.display(),
            ours.console()
        );
        ours.ends_well();
        real.stop();
    }
}

/// What the word `CGI` becomes: a program that serves connections.
fn cgi() -> String {
    let script = tests::repository().join("tests/oracle/cgi.py");
    format!("{} {}", tests::tool("python").display(), script.display())
}

/// supervisorctl 4.3.0 of PyPI, and 4.2.5 of Debian.
fn clients() -> [PathBuf; 2] {
    [
        tests::tool("supervisorctl"),
        PathBuf::from("/usr/bin/supervisorctl"),
    ]
}

macro_rules! scripts {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            compare(concat!(stringify!($name), ".txt"));
        })+

        /// Every script there is has its test.
        #[test]
        fn no_script_is_forgotten() {
            let names = [$(concat!(stringify!($name), ".txt")),+];
            let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/side_by_side");
            for entry in std::fs::read_dir(directory).unwrap() {
                let name = entry.unwrap().file_name();
                let name = name.to_str().unwrap();
                assert!(names.contains(&name), "{name} is run by no test");
            }
        }
    };
}

scripts! {
    status_and_start
    stop_and_signals
    groups
    logs
    reread_and_update
    interactive
    faults
    introspection
    configuration
    main_log
    timing
    process_groups
    rotation
    automatic_logs
    shutdown
    term
    environment
    fcgi
    names
    http
}
