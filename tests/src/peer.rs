//! A daemon that reads a supervisord.conf: the real supervisord, or ours under that name. Both are
//! run in the same kind of directory and asked the same things, so that their answers can be
//! compared.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use crate::board::patience;
use crate::place;
use crate::process::Process;

/// Which program it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// supervisord as PyPI has it.
    Real,
    /// `runnerd`, called as `supervisord`.
    Ours,
}

/// What configurations begin with, for [`Peer::start`]; programs follow.
pub const CONFIGURATION: &str = "
[unix_http_server]
file=DIR/s.sock
[supervisord]
logfile=DIR/main.log
pidfile=DIR/s.pid
childlogdir=DIR
user=root
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://DIR/s.sock
";

/// A script of `tests/tests`: what its configuration adds to [`CONFIGURATION`], a line of dashes,
/// and the steps for [`Peer::drive`].
#[track_caller]
pub fn script(path: &str) -> (String, String) {
    let file = place::repository().join("tests/tests").join(path);
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (configuration, steps) = text.split_once("\n----\n").expect("a line of dashes");
    (
        format!("{CONFIGURATION}{configuration}\n"),
        steps.to_owned(),
    )
}

/// All that a command wrote.
pub fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A running daemon, its directory and its configuration in it.
pub struct Peer {
    directory: tempfile::TempDir,
    kind: Kind,
    warden: Child,
    leash: Option<ChildStdin>,
    reports: BufReader<std::process::ChildStdout>,
    console: Arc<Mutex<String>>,
    pid: i32,
}

impl Peer {
    /// Starts a daemon in the foreground on this configuration, in which `DIR` is the directory,
    /// and waits until `s.sock` there takes connections.
    #[track_caller]
    pub fn start(kind: Kind, configuration: &str) -> Peer {
        Peer::start_with(kind, configuration, |_| ()).0
    }

    /// As [`Peer::start`], after preparing its directory.
    #[track_caller]
    pub fn start_with<T>(
        kind: Kind,
        configuration: &str,
        prepare: impl FnOnce(&Path) -> T,
    ) -> (Peer, T) {
        let directory = tempfile::Builder::new()
            .prefix("sv-")
            .tempdir()
            .expect("a temporary directory");
        let prepared = prepare(directory.path());
        let path = directory.path().display().to_string();
        let file = directory.path().join("supervisord.conf");
        std::fs::write(&file, configuration.replace("DIR", &path)).expect("the configuration");
        let program = match kind {
            Kind::Real => place::tool("supervisord"),
            Kind::Ours => {
                let link = directory.path().join("supervisord");
                symlink(place::program("runnerd"), &link).expect("a link to the daemon");
                link
            }
        };
        let mut warden = Command::new(place::actor())
            .arg("warden")
            .arg(program)
            .args(["-n", "-c"])
            .arg(&file)
            .env("RUNNER_RUNTIME_DIR", directory.path().join("run"))
            .current_dir(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the warden");
        let console = Arc::new(Mutex::new(String::new()));
        let mut lines = BufReader::new(warden.stderr.take().expect("piped"));
        let heard = Arc::clone(&console);
        std::thread::spawn(move || {
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                if let Ok(mut heard) = heard.lock() {
                    heard.push_str(&String::from_utf8_lossy(&line));
                }
                line.clear();
            }
        });
        let mut reports = BufReader::new(warden.stdout.take().expect("piped"));
        let mut line = String::new();
        reports.read_line(&mut line).expect("the warden's report");
        let pid = line
            .strip_prefix("started ")
            .and_then(|pid| pid.trim().parse().ok())
            .unwrap_or_else(|| panic!("the warden says {line:?}"));
        let peer = Peer {
            leash: warden.stdin.take(),
            directory,
            kind,
            warden,
            reports,
            console,
            pid,
        };
        peer.wait_until("it listens", |peer| {
            UnixStream::connect(peer.path("s.sock")).is_ok()
        });
        (peer, prepared)
    }

    /// A path in its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Which program it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The process the world knows it by.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// What it wrote to its standard streams so far.
    pub fn console(&self) -> String {
        self.console
            .lock()
            .map(|heard| heard.clone())
            .unwrap_or_default()
    }

    /// Looks again and again until it is so.
    #[track_caller]
    pub fn wait_until(&self, what: &str, mut is_so: impl FnMut(&Peer) -> bool) {
        let end = std::time::Instant::now() + patience();
        while !is_so(self) {
            assert!(
                std::time::Instant::now() < end,
                "{:?}: not so: {what}\n{}",
                self.kind,
                self.console()
            );
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Drives it through a script (see `oracle/drive.py`) with this client; one JSON object a step.
    #[track_caller]
    pub fn drive(&self, client: &Path, script: &str) -> Vec<serde_json::Value> {
        let file = self.path("script");
        std::fs::write(&file, script).expect("the script");
        let done = Command::new(place::tool("python"))
            .arg(place::repository().join("tests/oracle/drive.py"))
            .arg(self.directory.path())
            .arg(client)
            .arg(&file)
            .output()
            .expect("python");
        assert!(
            done.status.success(),
            "{:?}: the script failed:\n{}{}\n{}",
            self.kind,
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr),
            self.console()
        );
        String::from_utf8_lossy(&done.stdout)
            .lines()
            .map(|line| serde_json::from_str(line).expect("one JSON object a line"))
            .collect()
    }

    /// What supervisorctl of PyPI says on its configuration.
    #[track_caller]
    pub fn ctl(&self, words: &[&str]) -> String {
        let output = Command::new(place::tool("supervisorctl"))
            .arg("-c")
            .arg(self.path("supervisord.conf"))
            .args(words)
            .output()
            .expect("supervisorctl");
        said(&output)
    }

    /// Stops it; it has to end well and leave nothing behind.
    #[track_caller]
    pub fn ends_well(self) {
        let (status, left) = self.stop();
        assert_eq!((status.as_str(), left.len()), ("exited 0", 0), "{left:?}");
    }

    /// Asks it to end with SIGTERM, waits, and gives its exit status and what it left behind.
    #[track_caller]
    pub fn stop(mut self) -> (String, Vec<String>) {
        if let Some(process) = Process::open(self.pid) {
            process.signal(libc::SIGTERM);
        }
        self.rest()
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub fn ended(mut self) -> (String, Vec<String>) {
        self.rest()
    }

    fn rest(&mut self) -> (String, Vec<String>) {
        let mut text = String::new();
        let _ = self.reports.read_to_string(&mut text);
        let status = text.lines().next().unwrap_or_default().to_owned();
        let left = text
            .lines()
            .filter(|line| line.starts_with("leftover"))
            .map(str::to_owned)
            .collect();
        (status, left)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Letting go of the leash ends everything below the warden.
        self.leash = None;
        let _ = self.warden.wait();
    }
}
