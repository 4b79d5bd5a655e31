//! One daemon with everything around it.

use crate::board::{Board, Ended, Event, patience};
use crate::process::{Process, children};
use crate::{actor, bus, place, program};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// As whom the daemon runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Identity {
    /// As the user running the tests.
    Me,
    /// As `nobody`, without any privilege.
    Nobody,
    /// As process 1 of new process and mount namespaces.
    Init,
}

/// What a command line said.
#[derive(Debug)]
pub struct Outcome {
    /// Exit status.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Outcome {
    /// The output of a command that must have succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(
            self.code, 0,
            "exit status {}\n{}{}",
            self.code, self.stdout, self.stderr
        );
        self.stdout
    }

    /// The standard output, as JSON, of a command that must have succeeded.
    #[track_caller]
    pub fn json(self) -> Value {
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("not JSON: {error}\n{text}"))
    }

    /// Asserts on the exit status, and hands out both streams together.
    #[track_caller]
    pub fn refused(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        self.stdout + &self.stderr
    }
}

struct Daemon {
    warden: Child,
    leash: Option<ChildStdin>,
    readers: Vec<std::thread::JoinHandle<()>>,
}

/// One daemon, its directories, its network address, and the ears of the test.
pub struct World {
    directory: tempfile::TempDir,
    /// A loopback address of its own: every world may use the same ports.
    host: String,
    identity: Identity,
    board: Board,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    wrapper: Vec<String>,
    binary: Option<PathBuf>,
    daemon: Option<Daemon>,
    linger: bool,
}

impl Default for World {
    fn default() -> Self {
        World::new()
    }
}

impl World {
    /// Directories, an address and ears; no daemon yet.
    pub fn new() -> World {
        World::with(Identity::Me)
    }

    /// The same, for a daemon that will run as somebody else.
    pub fn with(identity: Identity) -> World {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let directory = tempfile::Builder::new()
            .prefix("rt-")
            .tempdir()
            .expect("a temporary directory");
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755))
            .expect("mode of the directory");
        let pid = std::process::id();
        let host = format!(
            "127.{}.{}.{}",
            1 + (pid >> 8) % 254,
            pid % 256,
            COUNT.fetch_add(1, Ordering::Relaxed) % 254 + 1
        );
        let world = World {
            directory,
            host,
            identity,
            board: Board::default(),
            arguments: Vec::new(),
            environment: Vec::new(),
            wrapper: Vec::new(),
            binary: None,
            daemon: None,
            linger: false,
        };
        for name in ["units", "run", "home", "state"] {
            std::fs::create_dir(world.path(name)).expect("a directory");
        }
        world.listen_to_actors();
        world
    }

    fn listen_to_actors(&self) {
        let path = self.path("events");
        let socket = UnixDatagram::bind(&path).expect("the socket for events");
        // Services of any user report here.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).expect("mode");
        let board = self.board.clone();
        std::thread::spawn(move || {
            let mut text = vec![0u8; 256 * 1024];
            while let Ok(length) = socket.recv(&mut text) {
                if length == 0 {
                    return;
                }
                let event: Value =
                    serde_json::from_slice(&text[..length]).expect("actors report in JSON");
                let word = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
                board.add(|heard| {
                    heard.events.push_back(Event {
                        tag: word("tag"),
                        pid: event["pid"]
                            .as_i64()
                            .and_then(|pid| pid.try_into().ok())
                            .unwrap_or(0),
                        word: word("word"),
                        detail: event["detail"].clone(),
                        at: std::time::Instant::now(),
                    });
                });
            }
        });
    }

    // Set-up.

    /// A path in the world's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The loopback address that belongs to this world alone.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Replaces `@actor@` (the program and where it reports), `@dir@`, `@host@`, and what the
    /// examples use for the same: `127.0.0.1`, `localhost`, `%S/`, `%t/`.
    pub fn fill(&self, text: &str) -> String {
        let actor = format!("{} {}", actor().display(), self.path("events").display());
        let directory = self.directory.path().display().to_string();
        text.replace("@actor@", &actor)
            .replace("@dir@", &directory)
            .replace("@host@", &self.host)
    }

    /// Writes a unit file, after [`fill`](Self::fill).
    pub fn unit(&self, name: &str, text: &str) {
        let path = self.path("units").join(name);
        std::fs::create_dir_all(path.parent().expect("below units/")).expect("a directory");
        std::fs::write(path, self.fill(text)).expect("a unit file");
    }

    /// Copies an example of `contrib/examples`, moved to this world's address and directories.
    /// `more` is replaced besides.
    pub fn example(&self, name: &str, more: &[(&str, &str)]) {
        let source = place::repository().join("contrib/examples").join(name);
        for entry in std::fs::read_dir(&source).unwrap_or_else(|error| panic!("{name}: {error}")) {
            let entry = entry.expect("an entry of the example");
            let text = std::fs::read_to_string(entry.path()).expect("a text file");
            let text = more
                .iter()
                .fold(text, |text, (from, to)| text.replace(from, to));
            let text = text
                .replace("127.0.0.1", &self.host)
                .replace("localhost", &self.host)
                .replace("%S/", &format!("{}/", self.path("state").display()))
                .replace("%t/", &format!("{}/", self.path("run").display()));
            let path = self.path("units").join(entry.file_name());
            std::fs::write(&path, text).expect("a file of the example");
            let mode = entry.metadata().expect("metadata").permissions();
            std::fs::set_permissions(&path, mode).expect("mode");
        }
    }

    /// More words for the daemon's command line.
    pub fn arguments(&mut self, words: &[&str]) {
        let words: Vec<String> = words.iter().map(|word| self.fill(word)).collect();
        self.arguments.extend(words);
    }

    /// A variable of the daemon's environment.
    pub fn environment(&mut self, name: &str, value: &str) {
        self.environment.push((name.into(), value.into()));
    }

    /// Runs the daemon under this command, such as `systemd-socket-activate`.
    pub fn wrapper(&mut self, words: &[&str]) {
        self.wrapper = words.iter().map(|word| self.fill(word)).collect();
    }

    /// Runs this binary instead of `runnerd`.
    pub fn binary(&mut self, path: &Path) {
        self.binary = Some(path.into());
    }

    /// This test kills the keeper: what is below it is waited for, and must end by itself.
    pub fn linger(&mut self) {
        self.linger = true;
    }

    // The daemon.

    /// Starts the daemon and waits until it says that it is ready.
    #[track_caller]
    pub fn start(&mut self) {
        self.launch();
        let ready = self.board.wait(patience(), |heard| {
            let said = heard
                .notifications
                .iter()
                .any(|text| text.contains("READY=1"));
            (said || heard.ended.is_some()).then_some(said)
        });
        assert_eq!(
            ready,
            Some(true),
            "the daemon did not become ready{}",
            self.transcript()
        );
    }

    /// Starts the daemon and waits for nothing.
    pub fn launch(&mut self) {
        assert!(self.daemon.is_none(), "the daemon runs already");
        self.board
            .add(|heard| *heard = std::mem::take(heard).next_run());
        let ready = self.path("ready");
        let _ = std::fs::remove_file(&ready);
        let notifications = UnixDatagram::bind(&ready).expect("the socket for READY");
        std::fs::set_permissions(&ready, std::fs::Permissions::from_mode(0o777)).expect("mode");
        if self.identity == Identity::Nobody {
            for name in ["", "units", "run", "home", "state"] {
                chown(self.path(name), Some(65534), Some(65534)).expect("a directory for nobody");
            }
        }
        let mut command = Command::new(actor());
        command
            .arg("warden")
            .args(self.linger.then_some("--linger"));
        match self.identity {
            Identity::Me => {}
            Identity::Nobody => {
                command.args([
                    "setpriv",
                    "--reuid=65534",
                    "--regid=65534",
                    "--clear-groups",
                ]);
                command.args(["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]);
            }
            Identity::Init => {
                command.args(["unshare", "--pid", "--mount", "--fork", "--mount-proc"]);
                command.arg("--kill-child");
            }
        }
        command.args(&self.wrapper);
        command.arg(self.binary.clone().unwrap_or_else(|| program("runnerd")));
        command
            .arg("--runtime-dir")
            .arg(self.path("run"))
            .args(["--bus", "none"]);
        if self.identity == Identity::Init {
            // It has the files of this machine, where systemctl means somebody else.
            command.arg("--systemd-compat=no");
        }
        command.args(&self.arguments).arg(self.path("units"));
        command.env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
            .env("HOME", self.path("home"))
            .env("NOTIFY_SOCKET", &ready);
        command.envs(self.environment.iter().cloned());
        command.current_dir("/");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut warden = command.spawn().expect("the warden");
        let reports = BufReader::new(warden.stdout.take().expect("piped"));
        let console = BufReader::new(warden.stderr.take().expect("piped"));
        let leash = warden.stdin.take();

        let board = self.board.clone();
        std::thread::spawn(move || {
            let mut text = [0u8; 8192];
            while let Ok(length) = notifications.recv(&mut text) {
                let text = String::from_utf8_lossy(&text[..length]).into_owned();
                board.add(|heard| heard.notifications.push(text));
            }
        });
        let board = self.board.clone();
        let listen = std::thread::spawn(move || {
            for line in reports.lines().map_while(Result::ok) {
                board.add(|heard| heard.report(&line));
            }
            board.add(|heard| heard.swept = true);
        });
        let board = self.board.clone();
        let watch = std::thread::spawn(move || {
            for line in console.split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                board.add(|heard| heard.console.push(line));
            }
        });
        self.daemon = Some(Daemon {
            warden,
            leash,
            readers: vec![listen, watch],
        });
    }

    /// The keeper: the process the world knows as the daemon.
    #[track_caller]
    pub fn keeper(&self) -> Process {
        let outer = self
            .board
            .wait(patience(), |heard| heard.daemon)
            .expect("the daemon was started");
        let pid = match self.identity {
            Identity::Init => children(outer).first().copied().expect("process 1"),
            Identity::Me | Identity::Nobody => outer,
        };
        Process::open(pid).unwrap_or_else(|| panic!("the daemon is gone{}", self.transcript()))
    }

    /// The manager, unless there is none at this moment.
    pub fn manager(&self) -> Option<Process> {
        self.keeper().manager()
    }

    /// Kills the manager and waits until it is dead.
    #[track_caller]
    pub fn kill_manager(&self) {
        self.keeper().kill_manager();
    }

    /// The private bus.
    pub fn bus(&self) -> PathBuf {
        self.path("run/bus")
    }

    /// Waits until a manager answers on the private bus.
    #[track_caller]
    pub fn answers(&self) {
        if let Err(error) = bus::greeted(&self.bus(), patience()) {
            panic!("no manager answers: {error}{}", self.transcript());
        }
    }

    /// Asks the daemon to end and waits for it.
    #[track_caller]
    pub fn stop(&mut self) -> Ended {
        if self.board.lock().ended.is_none() {
            self.keeper().signal(libc::SIGTERM);
        }
        self.ended()
    }

    /// Waits until the daemon has ended and everything below it was looked after.
    #[track_caller]
    pub fn ended(&mut self) -> Ended {
        let ended = self.board.wait(patience(), |heard| {
            if heard.swept {
                heard.ended.clone()
            } else {
                None
            }
        });
        let transcript = self.transcript();
        let Some(ended) = ended else {
            panic!("the daemon does not end{transcript}")
        };
        self.collect();
        let left = self.board.lock().leftovers.clone();
        assert!(left.is_empty(), "left behind: {left:#?}{transcript}");
        ended
    }

    fn collect(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            drop(daemon.leash.take());
            let _ = daemon.warden.wait();
            for reader in daemon.readers {
                let _ = reader.join();
            }
        }
    }

    // What happens.

    /// Takes the next report `word` of the actor `tag`, waiting for it.
    #[track_caller]
    pub fn event(&self, tag: &str, word: &str) -> Event {
        self.event_where(&format!("{tag} {word}"), |event| {
            event.tag == tag && event.word == word
        })
    }

    /// Takes the next report that `wanted` accepts, waiting for it.
    #[track_caller]
    pub fn event_where(&self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        let found = self.board.wait(patience(), |heard| {
            let index = heard.events.iter().position(&wanted)?;
            heard.events.remove(index)
        });
        found.unwrap_or_else(|| panic!("never heard: {what}{}", self.transcript()))
    }

    /// The reports heard so far and not taken.
    pub fn heard(&self) -> Vec<Event> {
        self.board.lock().events.iter().cloned().collect()
    }

    /// Has the actor `tag` (at `obey`) perform a step.
    #[track_caller]
    pub fn order(&self, tag: &str, step: &str) {
        let path = format!("{}.{tag}", self.path("events").display());
        let socket = UnixDatagram::unbound().expect("a socket");
        socket
            .send_to(step.as_bytes(), &path)
            .unwrap_or_else(|error| panic!("{tag} does not listen: {error}"));
    }

    /// Waits for a line on the daemon's console that `wanted` accepts.
    #[track_caller]
    pub fn console_line(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let found = self.board.wait(patience(), |heard| {
            heard.console.iter().find(|line| wanted(line)).cloned()
        });
        found.unwrap_or_else(|| panic!("never printed: {what}{}", self.transcript()))
    }

    /// Looks until `found`, for what nobody reports. Costs a process each time: a last resort.
    #[track_caller]
    pub fn until(&self, what: &str, found: impl Fn() -> bool) {
        let begun = std::time::Instant::now();
        while !found() {
            assert!(
                begun.elapsed() < patience(),
                "never: {what}{}",
                self.transcript()
            );
        }
    }

    /// Everything printed on the console so far.
    pub fn console(&self) -> Vec<String> {
        self.board.lock().console.clone()
    }

    /// What the daemon told its own supervisor so far.
    pub fn notifications(&self) -> Vec<String> {
        self.board.lock().notifications.clone()
    }

    /// Waits until the daemon tells its own supervisor `word`, after the first `seen` messages.
    #[track_caller]
    pub fn notified(&self, word: &str, seen: usize) {
        let found = self.board.wait(patience(), |heard| {
            heard
                .notifications
                .iter()
                .skip(seen)
                .any(|text| text.contains(word))
                .then_some(())
        });
        assert!(found.is_some(), "never told: {word}{}", self.transcript());
    }

    fn transcript(&self) -> String {
        let heard = self.board.lock();
        let tail = heard.console.len().saturating_sub(60);
        format!(
            "\n--- ended: {:?}\n--- console:\n{}\n--- reports not taken: {:#?}",
            heard.ended,
            heard.console[tail..].join("\n"),
            heard.events.iter().take(20).collect::<Vec<_>>(),
        )
    }

    // Asking.

    /// A command of `runnerctl`, not yet run.
    pub fn ctl_command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program("runnerctl"));
        command
            .env("RUNNER_RUNTIME_DIR", self.path("run"))
            .env("NO_COLOR", "1");
        command.args(words).stdin(Stdio::null());
        command
    }

    /// Runs `runnerctl`.
    #[track_caller]
    pub fn ctl(&self, words: &[&str]) -> Outcome {
        run(&mut self.ctl_command(words))
    }

    /// Runs a foreign tool, after [`fill`](Self::fill) of its words.
    #[track_caller]
    pub fn tool(&self, name: &str, words: &[&str]) -> Outcome {
        let words: Vec<String> = words.iter().map(|word| self.fill(word)).collect();
        run(Command::new(place::tool(name))
            .args(words)
            .stdin(Stdio::null()))
    }

    /// One property of a unit.
    #[track_caller]
    pub fn show(&self, unit: &str, property: &str) -> String {
        let text = self.ctl(&["show", unit, "-p", property, "--value"]).ok();
        text.trim_end_matches('\n').to_owned()
    }

    /// The main process of a unit that runs.
    #[track_caller]
    pub fn main_process(&self, unit: &str) -> Process {
        let pid = self.show(unit, "MainPID");
        pid.parse()
            .ok()
            .and_then(Process::open)
            .unwrap_or_else(|| panic!("{unit} has no main process, MainPID is {pid:?}"))
    }

    /// Waits until a unit is `active`, `ready` or `inactive`.
    #[track_caller]
    pub fn wait_for(&self, unit: &str, state: &str) {
        let limit = format!("--timeout={}s", patience().as_secs());
        let outcome = self.ctl(&["wait", unit, &format!("--for={state}"), &limit]);
        let Outcome {
            code,
            stdout,
            stderr,
        } = outcome;
        assert_eq!(
            code,
            0,
            "{unit} is not {state}: {stdout}{stderr}{}",
            self.transcript()
        );
    }
}

#[track_caller]
fn run(command: &mut Command) -> Outcome {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Ends the thread that listens to actors.
        let end = |world: &World| {
            if let Ok(socket) = UnixDatagram::unbound() {
                let _ = socket.send_to(&[], world.path("events"));
            }
        };
        if self.daemon.is_none() {
            return end(self);
        }
        if std::thread::panicking() {
            // The leash: the warden kills everything it started.
            self.collect();
            return end(self);
        }
        self.stop();
        end(self);
    }
}

impl crate::board::Heard {
    /// What stays heard when the daemon is started again.
    fn next_run(self) -> Self {
        crate::board::Heard {
            events: self.events,
            ..Self::default()
        }
    }

    fn report(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "started" => self.daemon = rest.parse().ok(),
            "exited" => self.ended = rest.parse().ok().map(Ended::Exited),
            "killed" => self.ended = rest.parse().ok().map(Ended::Killed),
            "leftover" => self.leftovers.push(rest.into()),
            _ => {}
        }
    }
}
