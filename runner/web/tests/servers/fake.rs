//! A small manager behind real servers: a few processes that do as they are told at once, but for
//! one that takes as long as the test wants.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command as Program, Output};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use control::{
    Answerer, Door, Knock, LogName, LogProblem, LogRange, LogSource, LogText, Manager, Policy,
    ProcessDetail, ProgramProblem, Refusal, Reply, Request, Restarting, Sets,
};
use engine::Command;
use engine::clock::{Monotonic, Now, Realtime};
use engine::command::{Answer, Verb, Whom};
use engine::job::{JobId, JobResult};
use engine::view::supervisord::{ProcessState, ProcessView};
use engine::view::systemd::SystemState;
use units::group::{GroupDifference, group_and_process};
use units::{Surroundings, UnitName, UnitSet};
use web::{Auth, Config, Endpoint, Limits, Server};
use xmlrpc::{Response, Value};

/// The password of the server that has one, and the user.
pub(crate) const CREDENTIALS: (&str, &str) = ("user", "thepassword");

/// The servers, by their place in the configuration.
const UNIX: usize = 0;
const WITH_PASSWORD: usize = 1;
const OPEN: usize = 2;

/// A manager on a thread of its own, with its servers.
pub(crate) struct Fake {
    pub(crate) directory: tempfile::TempDir,
    /// The server with a password.
    pub(crate) guarded: u16,
    /// The server without one.
    pub(crate) open: u16,
    orders: Option<tokio::sync::mpsc::UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

/// What a test makes the manager do.
pub(crate) enum Order {
    /// End the job of `slow`.
    EndSlow(JobResult),
    /// More comes to a log.
    Say(LogName, Vec<u8>),
    /// Give away how many listen to the log of `cat`.
    Listeners(mpsc::Sender<usize>),
    /// Give away what was written to `cat`, and the signals it got.
    Seen(mpsc::Sender<(Vec<u8>, Vec<i32>)>),
    /// Have an error in the configuration from now on.
    Break,
    /// Serve something else.
    Reconfigure(Box<dyn FnOnce(&mut Config) + Send>),
}

impl Fake {
    pub(crate) fn start() -> Fake {
        Fake::start_with(|_| {})
    }

    /// With other limits.
    pub(crate) fn start_with(change: impl FnOnce(&mut Limits)) -> Fake {
        let directory = tempfile::tempdir().unwrap();
        let unix = std::os::unix::net::UnixListener::bind(directory.path().join("s.sock")).unwrap();
        let tcp = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (guarded, open) = (tcp(), tcp());
        let ports = [&guarded, &open].map(|listener| listener.local_addr().unwrap().port());
        let mut limits = Limits::default();
        change(&mut limits);
        let (orders, receiver) = tokio::sync::mpsc::unbounded_channel();
        let thread =
            std::thread::spawn(move || run(unix, [guarded, open], receiver, config(limits)));
        Fake {
            directory,
            guarded: ports[0],
            open: ports[1],
            orders: Some(orders),
            thread: Some(thread),
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("s.sock")
    }

    pub(crate) fn order(&self, order: Order) {
        assert!(self.orders.as_ref().unwrap().send(order).is_ok());
    }

    /// What was written to `cat`, and the signals it got.
    pub(crate) fn seen(&self) -> (Vec<u8>, Vec<i32>) {
        let (sender, receiver) = mpsc::channel();
        self.order(Order::Seen(sender));
        receiver.recv().unwrap()
    }

    pub(crate) fn listeners(&self) -> usize {
        let (sender, receiver) = mpsc::channel();
        self.order(Order::Listeners(sender));
        receiver.recv().unwrap()
    }

    pub(crate) fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }

    pub(crate) fn connect_tcp(&self, port: u16) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }

    /// Sends bytes over the socket and gives all that comes until the server closes.
    pub(crate) fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // The server may have enough before it has all.
        let _ = stream.write_all(bytes);
        read_to_end(stream)
    }

    /// Calls a method.
    pub(crate) fn call(&self, method: &str, parameters: &[Value]) -> Result<Value, (i64, String)> {
        let body = xmlrpc::write_call(method, parameters);
        let answer = self.raw(&post(&body, "Connection: close\r\n"));
        let (head, body) = answer.split_once("\r\n\r\n").expect("a whole response");
        assert!(
            head.starts_with("HTTP/1.1 200 OK\r\n"),
            "{method}: {answer}"
        );
        match xmlrpc::parse_response(body.as_bytes(), &xmlrpc::Limits::RESPONSE).unwrap() {
            Response::Value(value) => Ok(value),
            Response::Fault { code, text } => Err((code, text)),
        }
    }

    /// Runs a program of the Python environment with SOCKET, GUARDED and OPEN filled in.
    pub(crate) fn python(&self, program: &str, arguments: &[&str]) -> Output {
        self.python_command(program, arguments).output().unwrap()
    }

    pub(crate) fn python_command(&self, program: &str, arguments: &[&str]) -> Program {
        let bin = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python/bin");
        assert!(bin.exists(), "run tests/run --set-up first");
        let mut command = Program::new(bin.join(program));
        command
            .args(arguments.iter().map(|word| self.filled(word)))
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .current_dir(self.directory.path());
        command
    }

    pub(crate) fn filled(&self, text: &str) -> String {
        text.replace("SOCKET", &self.socket().display().to_string())
            .replace("GUARDED", &self.guarded.to_string())
            .replace("OPEN", &self.open.to_string())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.unwrap();
            }
        }
    }
}

/// A POST to `/RPC2`.
pub(crate) fn post(body: &[u8], headers: &str) -> Vec<u8> {
    let mut out = format!(
        "POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    out.extend_from_slice(body);
    out
}

pub(crate) fn read_to_end(mut stream: impl Read) -> String {
    let mut out = Vec::new();
    match stream.read_to_end(&mut out) {
        Ok(_) => {}
        // What had come before the connection was cut counts.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error} after {}", String::from_utf8_lossy(&out)),
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn config(limits: Limits) -> Config {
    let endpoint = |name: &str, auth| Endpoint {
        name: name.to_owned(),
        address: name.to_owned(),
        auth,
        hosts: Vec::new(),
    };
    let auth = Auth {
        username: CREDENTIALS.0.to_owned(),
        password: "{SHA}82ab876d1387bfafe46cc1c8a2ef074eae50cb1d".to_owned(),
    };
    Config {
        identifier: "tester".to_owned(),
        endpoints: vec![
            endpoint("unix_http_server", None),
            endpoint("inet_http_server", Some(auth)),
            endpoint("inet_http_server:open", None),
        ],
        limits,
        ..Config::default()
    }
}

fn run(
    unix: std::os::unix::net::UnixListener,
    tcp: [std::net::TcpListener; 2],
    mut orders: tokio::sync::mpsc::UnboundedReceiver<Order>,
    mut config: Config,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (handle, mut door) = control::open(Policy {
        own_uid: 0,
        admin_gid: None,
    });
    let mut world = World::new();
    runtime.block_on(async {
        unix.set_nonblocking(true).unwrap();
        let unix = tokio::net::UnixListener::from_std(unix).unwrap();
        let [guarded, open] = tcp.map(|listener| {
            listener.set_nonblocking(true).unwrap();
            tokio::net::TcpListener::from_std(listener).unwrap()
        });
        let server = Server::new(handle, config.clone());
        loop {
            let serve_tcp = |accepted: std::io::Result<(tokio::net::TcpStream, _)>, endpoint| {
                let (stream, peer) = accepted.unwrap();
                let stream = stream.into_std().unwrap();
                tokio::spawn(server.clone().serve_tcp(stream, peer, endpoint));
            };
            tokio::select! {
                accepted = unix.accept() => {
                    let stream = accepted.unwrap().0.into_std().unwrap();
                    tokio::spawn(server.clone().serve_unix(stream, UNIX));
                }
                accepted = guarded.accept() => serve_tcp(accepted, WITH_PASSWORD),
                accepted = open.accept() => serve_tcp(accepted, OPEN),
                Some(knock) = door.next() => world.answer(knock, &door),
                order = orders.recv() => match order {
                    None => return,
                    Some(Order::Reconfigure(change)) => {
                        change(&mut config);
                        server.reconfigure(config.clone());
                    }
                    Some(order) => world.obey(order),
                },
            }
        }
    });
}

struct Process {
    state: ProcessState,
    start: Option<Realtime>,
    stop: Option<Realtime>,
    pid: u32,
    spawn_error: String,
}

struct World {
    units: Arc<UnitSet>,
    processes: BTreeMap<UnitName, Process>,
    results: BTreeMap<u32, Option<JobResult>>,
    waiting: Vec<(u32, Answerer)>,
    logs: BTreeMap<String, Vec<u8>>,
    followers: Vec<(String, tokio::sync::mpsc::Sender<Arc<[u8]>>)>,
    written: Vec<u8>,
    signals: Vec<i32>,
    is_broken: bool,
    closing: Option<Restarting>,
    groups_added: Vec<String>,
    next_pid: u32,
}

fn units() -> Arc<UnitSet> {
    let one = |more: &str| format!("[service]\nexec-start = \"=/bin/cat\"\n{more}\n");
    let cat = one(
        "log-file = \"/var/log/cat.log\"\nstandard-error = \"ring\"\nready-after = \"1s\"\n\
         start-retries = 3\nsuccess-exit-status = \"0 2\"\nsuccess-exit-status-only = true\n\
         timeout-stop-sec = \"10s\"\nkill-mode = \"process\"\nworking-directory = \"/srv\"\nuser = \"0\"",
    );
    let texts = [
        ("/u/cat.toml", cat),
        ("/u/slow.toml", one("log-file = \"auto\"")),
        ("/u/quick.toml", one("")),
        ("/u/nosuch.toml", one("")),
        ("/u/nox.toml", one("")),
        (
            "/u/g.toml",
            "[service.\"grp:a\"]\nexec-start = \"/bin/true\"\n\
             [service.\"grp:b\"]\nexec-start = \"/bin/true\"\npriority = 1\n"
                .to_owned(),
        ),
    ];
    let texts: Vec<(&str, &str)> = texts.iter().map(|(path, text)| (*path, &**text)).collect();
    let (units, found) = units::load_texts(&texts, &Surroundings::example());
    assert_eq!(found, [], "the units of the test are good");
    Arc::new(units)
}

fn key(log: &LogName) -> String {
    match log {
        LogName::Main => "main".to_owned(),
        LogName::Unit(unit, source) => format!("{unit} {source:?}"),
    }
}

impl World {
    fn new() -> World {
        let units = units();
        let processes = units
            .iter()
            .filter(|definition| group_and_process(definition.name()).is_some())
            .map(|definition| {
                let process = Process {
                    state: ProcessState::Stopped,
                    start: None,
                    stop: None,
                    pid: 0,
                    spawn_error: String::new(),
                };
                (definition.name().clone(), process)
            })
            .collect();
        let cat = UnitName::parse("cat.service").unwrap();
        let mut world = World {
            units,
            processes,
            results: BTreeMap::new(),
            waiting: Vec::new(),
            logs: BTreeMap::new(),
            followers: Vec::new(),
            written: Vec::new(),
            signals: Vec::new(),
            is_broken: false,
            closing: None,
            groups_added: Vec::new(),
            next_pid: 100,
        };
        world.logs.insert("main".to_owned(), b"main log\n".to_vec());
        let out = key(&LogName::Unit(cat.clone(), LogSource::Out));
        world.logs.insert(out, b"0123456789abcdefghi\n".to_vec());
        world.start(&cat);
        world
    }

    fn start(&mut self, unit: &UnitName) {
        self.next_pid += 1;
        let process = self.processes.get_mut(unit).unwrap();
        process.state = ProcessState::Running;
        process.start = Some(now().realtime);
        process.pid = self.next_pid;
        process.spawn_error.clear();
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::EndSlow(result) => {
                let slow = UnitName::parse("slow.service").unwrap();
                if result == JobResult::Done {
                    self.start(&slow);
                }
                let open: Vec<u32> = self
                    .results
                    .iter()
                    .filter(|(_, result)| result.is_none())
                    .map(|(job, _)| *job)
                    .collect();
                for job in open {
                    self.results.insert(job, Some(result));
                    let waiting = std::mem::take(&mut self.waiting);
                    for (waits_for, answerer) in waiting {
                        if waits_for == job {
                            answerer.answer(Ok(Reply::Answer(Answer::Ended(result))));
                        } else {
                            self.waiting.push((waits_for, answerer));
                        }
                    }
                }
            }
            Order::Say(log, bytes) => {
                let key = key(&log);
                self.logs
                    .entry(key.clone())
                    .or_default()
                    .extend_from_slice(&bytes);
                let bytes: Arc<[u8]> = bytes.into();
                self.followers.retain(|(followed, sender)| {
                    *followed != key || sender.try_send(Arc::clone(&bytes)).is_ok()
                });
            }
            Order::Listeners(sender) => {
                self.followers.retain(|(_, follower)| !follower.is_closed());
                sender.send(self.followers.len()).unwrap();
            }
            Order::Seen(sender) => sender
                .send((self.written.clone(), self.signals.clone()))
                .unwrap(),
            Order::Break => self.is_broken = true,
            Order::Reconfigure(_) => unreachable!("obeyed by the loop"),
        }
    }

    fn answer(&mut self, knock: Knock, _door: &Door) {
        let Knock::Asked {
            request, answerer, ..
        } = knock
        else {
            return;
        };
        if let Request::Command(Command::AwaitJob { job }) = &request
            && self.results.get(&job.0) == Some(&None)
        {
            self.waiting.push((job.0, answerer));
            return;
        }
        answerer.answer(self.reply(request));
    }

    fn reply(&mut self, request: Request) -> Result<Reply, Refusal> {
        Ok(match request {
            Request::Command(command) => Reply::Answer(self.command(command)?),
            Request::Sets => Reply::Sets(Sets {
                active: Arc::clone(&self.units),
                candidate: Arc::clone(&self.units),
                closing: self.closing,
            }),
            Request::Processes(wanted) => Reply::Processes(self.details(wanted)),
            Request::Program(unit) => Reply::Program(match unit.as_str() {
                "nosuch.service" => Err(ProgramProblem::NoFile(
                    "can't find command 'nosuch'".to_owned(),
                )),
                "nox.service" => Err(ProgramProblem::NotExecutable(
                    "command at '/etc/passwd' is not executable".to_owned(),
                )),
                _ => Ok(()),
            }),
            Request::Input { unit, bytes } => {
                if unit.as_str() != "cat.service" {
                    return Err(Refusal::Invalid("its standard input is closed".to_owned()));
                }
                self.written.extend_from_slice(&bytes);
                Reply::Done
            }
            Request::LogText { log, range } => Reply::LogText(self.log_text(&log, range)),
            Request::LogFollow { log, last } => {
                let key = key(&log);
                Reply::LogBytes(match self.logs.get(&key) {
                    None => Err(LogProblem::NoFile(None)),
                    Some(bytes) => {
                        let (sender, receiver) = tokio::sync::mpsc::channel(64);
                        let from = bytes.len().saturating_sub(usize::try_from(last).unwrap());
                        if !bytes.is_empty() {
                            sender.try_send(bytes[from..].into()).unwrap();
                        }
                        self.followers.push((key, sender));
                        Ok(receiver)
                    }
                })
            }
            Request::LogClear(logs) => {
                for log in logs {
                    if let Some(bytes) = self.logs.get_mut(&key(&log)) {
                        bytes.clear();
                    }
                }
                Reply::Done
            }
            Request::Manager => Reply::Manager(Box::new(manager())),
            other => panic!("nobody should ask {other:?}"),
        })
    }

    fn log_text(&self, log: &LogName, range: LogRange) -> Result<LogText, LogProblem> {
        let bytes = self.logs.get(&key(log)).ok_or(LogProblem::NoFile(None))?;
        let size = i64::try_from(bytes.len()).unwrap();
        let part = |from: i64, to: i64| {
            let at = |place: i64| usize::try_from(place.clamp(0, size)).unwrap();
            bytes[at(from)..at(to.max(from))].to_vec()
        };
        let (bytes, overflow) = match range {
            LogRange::Read { offset, length } if length < 0 || (offset < 0 && length != 0) => {
                return Err(LogProblem::BadRange);
            }
            LogRange::Read { offset, .. } if offset < 0 => (part(size + offset, size), false),
            LogRange::Read { offset, length: 0 } => (part(offset, size), false),
            LogRange::Read { offset, length } => (part(offset, offset + length), false),
            LogRange::Tail { offset, length } => {
                let overflow = size > offset + length;
                let nothing = !overflow && offset > size - 1;
                let from = if nothing { size } else { size - length };
                (part(from, size), overflow)
            }
        };
        Ok(LogText {
            bytes,
            size: u64::try_from(size).unwrap(),
            overflow,
        })
    }

    fn details(&self, wanted: Option<Vec<UnitName>>) -> Vec<ProcessDetail> {
        let mut details: Vec<ProcessDetail> = self
            .processes
            .iter()
            .filter(|(unit, _)| wanted.as_ref().is_none_or(|wanted| wanted.contains(unit)))
            .map(|(unit, process)| {
                let (group, name) = group_and_process(unit).unwrap();
                ProcessDetail {
                    view: ProcessView {
                        unit: unit.clone(),
                        group,
                        name,
                        state: process.state,
                        start: process.start,
                        stop: process.stop,
                        pid: process.pid,
                        tries: 0,
                        restarts: 0,
                        exit_status: 0,
                        spawn_error: process.spawn_error.clone(),
                        definition: Arc::clone(self.units.get(unit).unwrap()),
                    },
                    log_file: match unit.as_str() {
                        "cat.service" => Some("/var/log/cat.log".into()),
                        "slow.service" => Some("/tmp/slow-stdout---tester-abcdefgh.log".into()),
                        _ => None,
                    },
                    error_log_file: None,
                }
            })
            .collect();
        details.sort_by(|a, b| (&a.view.group, &a.view.name).cmp(&(&b.view.group, &b.view.name)));
        details
    }

    fn command(&mut self, command: Command) -> Result<Answer, Refusal> {
        Ok(match command {
            Command::Submit { unit, verb, .. } => {
                let job = u32::try_from(self.results.len() + 1).unwrap();
                let process = self
                    .processes
                    .get_mut(&unit)
                    .ok_or_else(|| Refusal::NoSuchUnit(unit.clone()))?;
                let result = match (verb, unit.as_str()) {
                    (Verb::Start, "quick.service") => {
                        process.state = ProcessState::Backoff;
                        process.spawn_error =
                            "Exited too quickly (process log may have details)".to_owned();
                        Some(JobResult::Failed)
                    }
                    (Verb::Start, "slow.service") => {
                        process.state = ProcessState::Starting;
                        None
                    }
                    (Verb::Start, _) => {
                        self.start(&unit);
                        Some(JobResult::Done)
                    }
                    _ => {
                        process.state = ProcessState::Stopped;
                        process.stop = Some(now().realtime);
                        process.pid = 0;
                        Some(JobResult::Done)
                    }
                };
                self.results.insert(job, result);
                Answer::Job(JobId(job))
            }
            Command::AwaitJob { job } => match self.results.get(&job.0) {
                Some(Some(result)) => Answer::Ended(*result),
                _ => return Err(Refusal::NoSuchJob(job)),
            },
            Command::Kill { whom, signal, .. } => {
                assert_eq!(whom, Whom::Main);
                self.signals.push(signal.number());
                Answer::Done
            }
            Command::Stage | Command::RestartAll if self.is_broken => {
                let path = "/etc/supervisord.conf";
                let place = units::Place {
                    path: path.into(),
                    line: 7,
                    column: 1,
                };
                let theirs = format!(
                    "invalid literal for int() with base 10: 'x' in section 'program:z' (file: '{path}')"
                );
                let found = vec![
                    units::Diagnostic::error(place.clone(), theirs),
                    units::Diagnostic::warning(place.clone(), "never mind"),
                    units::Diagnostic::error(place, "ours"),
                ];
                return Err(Refusal::ReloadRefused(Arc::new(found)));
            }
            Command::Stage => Answer::Staged {
                groups: GroupDifference {
                    added: vec!["new".to_owned(), "other".to_owned()],
                    changed: vec![],
                    removed: vec!["old".to_owned()],
                },
                diagnostics: Arc::default(),
            },
            Command::AddGroup { group } => match group.as_str() {
                "new" if !self.groups_added.contains(&group) => {
                    self.groups_added.push(group);
                    Answer::Done
                }
                "new" | "cat" => return Err(Refusal::GroupExists(group)),
                _ => return Err(Refusal::NoSuchGroup(group)),
            },
            Command::RemoveGroup { group } => match group.as_str() {
                "cat" => return Err(Refusal::GroupRuns(group)),
                "old" => Answer::Done,
                _ => return Err(Refusal::NoSuchGroup(group)),
            },
            Command::Shutdown { status } => {
                assert_eq!(status, 0);
                self.closing = Some(Restarting(false));
                Answer::Done
            }
            Command::RestartAll => {
                self.closing = Some(Restarting(true));
                Answer::Done
            }
            other => panic!("nobody should command {other:?}"),
        })
    }
}

fn now() -> Now {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Now {
        monotonic: Monotonic(5_000_000),
        realtime: Realtime(u64::try_from(since.as_micros()).unwrap()),
    }
}

fn manager() -> Manager {
    Manager {
        version: "0.0.1",
        state: SystemState::Running,
        not_ready: None,
        units: 1,
        jobs: 0,
        failed_units: 0,
        started: now(),
        keeper_pid: 4711,
        manager_pid: 4712,
        recoveries: 0,
        safe_mode: false,
        runtime_dir: "/run/runner".into(),
        unit_path: vec!["/etc/runner/units".into()],
        log_target: "console".to_owned(),
        log_level: "info",
        virtualization: "",
        startup: engine::view::systemd::Startup {
            finished: Some(now()),
            ..engine::view::systemd::Startup::default()
        },
        environment: Vec::new(),
        control_group: None,
    }
}
