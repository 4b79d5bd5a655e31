//! A small manager behind a real private socket: enough units to look at, and jobs that end when
//! the test says so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Output};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use control::{
    Answerer, Change, Command, Door, Knock, LogLine, LogSource, Manager, Policy, Refusal, Reply,
    Request, SocketLine, UnitDetail, UnitFile, Usage, dependency,
};
use dbus::names::Face;
use dbus::server::Server;
use dbus::server::bus::{Bus, News, Outlook, Ownership, Patience, own_name};
use engine::change::Moved;
use engine::clock::{Monotonic, Now, Realtime};
use engine::command::{Answer, Verb};
use engine::event::ExitStatus;
use engine::job::{JobId, JobKind, JobResult};
use engine::ticket::Invocation;
use engine::view::systemd::{
    ActiveState, JobView, ServiceView, SocketView, SubState, SystemState, TestsView, UnitResult,
    UnitView,
};
use units::{Surroundings, UnitKind, UnitName, UnitSet};

const UNITS: &[(&str, &str)] = &[
    (
        "/etc/runner/units/web.toml",
        r#"
description = "Shop front end"
[service]
exec-start = ["/usr/bin/web", "--workers", "4"]
exec-reload = "/bin/kill -HUP $MAINPID"
requires = ["db.service"]
after = ["db.service"]
environment = ["SECRET=hunter2"]
restart = "on-failure"
restart-sec = "500ms"
success-exit-status = "3 SIGUSR1"
environment-file = "-/etc/web.env"
[socket]
listen-stream = ["127.0.0.1:8080", "/run/web.sock"]
"#,
    ),
    (
        "/etc/runner/units/db.toml",
        "[service]\nexec-start = \"/usr/bin/db\"\ntype = \"notify\"\n",
    ),
    (
        "/etc/runner/units/slow@.toml",
        "[service]\nexec-start = \"/bin/sleep %i\"\n",
    ),
];

/// A manager on a thread of its own, and the address of its socket.
pub(crate) struct Fake {
    directory: tempfile::TempDir,
    orders: Option<tokio::sync::mpsc::UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

/// What a test makes the manager do.
pub(crate) enum Order {
    /// End a job.
    End(u32, JobResult),
    /// Say which units somebody holds on to.
    Holds(mpsc::Sender<Vec<String>>),
    /// Publish this many moves at once.
    Burst(u32),
    /// Own a name on the bus at an address, and say what happens to it.
    Own {
        /// Of the bus.
        address: String,
        /// Which name.
        face: Face,
        /// Whether an authority is asked, and how long it may take.
        authority: Option<Patience>,
        /// To be told.
        news: tokio::sync::mpsc::UnboundedSender<News>,
    },
    /// Drop every connection, as a manager that is killed does; the socket stays.
    Restart(mpsc::Sender<()>),
}

impl Fake {
    /// A manager that runs as we do.
    pub(crate) fn start() -> Fake {
        Fake::start_as(rustix_uid())
    }

    /// A manager for which we are only root or somebody.
    pub(crate) fn start_as(uid: u32) -> Fake {
        Fake::start_with(uid, Face::Runner)
    }

    /// A manager that runs as we do and shows systemd's face.
    pub(crate) fn start_as_systemd() -> Fake {
        Fake::start_with(rustix_uid(), Face::Systemd)
    }

    fn start_with(uid: u32, face: Face) -> Fake {
        let directory = tempfile::tempdir().unwrap();
        let listener =
            std::os::unix::net::UnixListener::bind(directory.path().join("bus")).unwrap();
        let (orders, receiver) = tokio::sync::mpsc::unbounded_channel();
        let thread = std::thread::spawn(move || run(listener, receiver, uid, face));
        Fake {
            directory,
            orders: Some(orders),
            thread: Some(thread),
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("bus")
    }

    pub(crate) fn address(&self) -> String {
        format!("unix:path={}", self.socket().display())
    }

    pub(crate) fn order(&self, order: Order) {
        assert!(
            self.orders.as_ref().unwrap().send(order).is_ok(),
            "the manager is gone"
        );
    }

    /// Runs a program to its end.
    pub(crate) fn output(&self, program: &str, arguments: &[&str]) -> Output {
        let address = self.address();
        let arguments = arguments
            .iter()
            .map(|word| word.replace("ADDRESS", &address));
        Process::new(program)
            .args(arguments)
            .env("LC_ALL", "C")
            .output()
            .unwrap()
    }

    /// Runs a program that has to succeed, and gives what it printed.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.output(program, arguments);
        assert!(
            output.status.success(),
            "{program} {arguments:?}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        String::from_utf8(output.stdout).unwrap()
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

fn rustix_uid() -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid()
}

fn run(
    listener: std::os::unix::net::UnixListener,
    mut orders: tokio::sync::mpsc::UnboundedReceiver<Order>,
    uid: u32,
    face: Face,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut world = World::new();
    let outlook = tokio::sync::watch::Sender::new(Outlook::default());
    runtime.block_on(async {
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::UnixListener::from_std(listener).unwrap();
        loop {
            // One round is one manager; the world outlives it.
            let (handle, mut door) = control::open(Policy {
                own_uid: uid,
                admin_gid: None,
            });
            let server = Server::new(handle.clone(), face);
            let mut connections = tokio::task::JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let stream = accepted.unwrap().0.into_std().unwrap();
                        connections.spawn(server.clone().serve(stream));
                    }
                    Some(_ended) = connections.join_next() => {}
                    Some(knock) = door.next() => world.answer(knock, &door),
                    order = orders.recv() => match order {
                        None => return,
                        Some(Order::Restart(done)) => {
                            // Its door closes first: the answers nobody gave must not be sent.
                            drop(door);
                            world.waiting.clear();
                            while connections.try_join_next().is_some() {}
                            tokio::task::yield_now().await;
                            connections.shutdown().await;
                            world.manager_pid += 1;
                            done.send(()).unwrap();
                            break;
                        }
                        Some(Order::Own { address, face, authority, news }) => {
                            let tell = move |what| drop(news.send(what));
                            let ownership = Ownership {
                                is_wanted: true,
                                face,
                                bus: Bus::Address(address),
                                authority,
                                outlook: outlook.subscribe(),
                            };
                            tokio::spawn(own_name(handle.clone(), ownership, tell));
                        }
                        Some(order) => world.obey(order, &door),
                    },
                }
            }
        }
    });
}

struct World {
    units: UnitSet,
    views: BTreeMap<UnitName, UnitView>,
    jobs: BTreeMap<u32, (JobView, Option<String>)>,
    results: BTreeMap<u32, JobResult>,
    tokens: BTreeMap<String, u32>,
    waiting: Vec<(u32, Answerer)>,
    holds: Vec<(UnitName, Answerer)>,
    seq: u64,
    pid: u32,
    manager_pid: u32,
}

fn now() -> Now {
    Now {
        monotonic: Monotonic(5_000_000),
        realtime: Realtime(1_700_000_000_000_000),
    }
}

impl World {
    fn new() -> World {
        let (units, found) = units::load_texts(UNITS, &Surroundings::example());
        assert_eq!(found, [], "the units of the test are good");
        let views = units
            .iter()
            .filter(|definition| !definition.name().is_template())
            .map(|definition| (definition.name().clone(), view(definition)))
            .collect();
        World {
            units,
            views,
            jobs: BTreeMap::new(),
            results: BTreeMap::new(),
            tokens: BTreeMap::new(),
            waiting: Vec::new(),
            holds: Vec::new(),
            seq: 0,
            pid: 100,
            manager_pid: 50,
        }
    }

    fn obey(&mut self, order: Order, door: &Door) {
        match order {
            Order::End(job, result) => self.end(job, result, door),
            Order::Holds(to) => {
                let held = self.holds.iter().filter(|(_, holder)| !holder.is_gone());
                to.send(held.map(|(unit, _)| unit.to_string()).collect())
                    .unwrap();
            }
            Order::Burst(count) => {
                for _ in 0..count {
                    self.move_to(
                        "web.service",
                        (ActiveState::Active, SubState::Running),
                        door,
                    );
                }
            }
            Order::Restart(_) | Order::Own { .. } => unreachable!("obeyed by the loop"),
        }
    }

    fn move_to(&mut self, unit: &str, to: (ActiveState, SubState), door: &Door) {
        let name = UnitName::parse(unit).unwrap();
        let Some(view) = self.views.get_mut(&name) else {
            return;
        };
        self.seq += 1;
        let from = (view.active, view.sub);
        (view.active, view.sub) = to;
        view.active_enter = Some(now());
        if let Some(service) = &mut view.service {
            self.pid += 1;
            service.main_pid = (to.1 == SubState::Running).then_some(self.pid);
        }
        let pid = view.service.as_ref().and_then(|service| service.main_pid);
        let cause = "the test says so".to_owned();
        door.publish(Change::Moved(Moved {
            seq: self.seq,
            at: now(),
            unit: name.clone(),
            from,
            to,
            pid,
            cause,
            process: None,
        }));
        door.publish(Change::Properties(name));
    }

    fn end(&mut self, job: u32, result: JobResult, door: &Door) {
        let (view, _) = self.jobs.remove(&job).expect("the job runs");
        if let Some(unit) = self.views.get_mut(&view.unit) {
            unit.job = None;
        }
        if result == JobResult::Done {
            let to = match view.kind {
                JobKind::Stop => (ActiveState::Inactive, SubState::Dead),
                _ => (ActiveState::Active, SubState::Running),
            };
            self.move_to(view.unit.as_str(), to, door);
        }
        self.results.insert(job, result);
        door.publish(Change::JobRemoved {
            job: JobId(job),
            unit: view.unit,
            result,
        });
        let mut still = Vec::new();
        for (number, answerer) in self.waiting.drain(..) {
            if number == job {
                answerer.answer(Ok(Reply::Answer(Answer::Ended(result))));
            } else {
                still.push((number, answerer));
            }
        }
        self.waiting = still;
    }

    fn answer(&mut self, knock: Knock, door: &Door) {
        let Knock::Asked {
            request, answerer, ..
        } = knock
        else {
            return;
        };
        if let Request::Command(Command::AwaitJob { job }) = &request
            && self.jobs.contains_key(&job.0)
        {
            self.waiting.push((job.0, answerer));
            return;
        }
        if let Request::Command(Command::Hold { unit }) = request {
            self.holds.push((unit, answerer));
            return;
        }
        answerer.answer(self.reply(request, door));
    }

    fn reply(&mut self, request: Request, door: &Door) -> Result<Reply, Refusal> {
        Ok(match request {
            Request::Command(command) => Reply::Answer(self.command(command, door)?),
            Request::Units(selection) => Reply::Units(
                self.views
                    .values()
                    .filter(|view| selection.takes(view))
                    .cloned()
                    .collect(),
            ),
            Request::Unit(unit) => Reply::Unit(Box::new(self.detail(&unit))),
            Request::KnownUnitFile(_) => Reply::KnownUnitFile(None),
            Request::FilesChanged(_) => Reply::FilesChanged(false),
            Request::Usage(unit) => {
                let process = control::Process {
                    pid: 101,
                    command: "/usr/bin/web -w".to_owned(),
                };
                let known = unit.as_str() == "web.service";
                Reply::Usage(Usage {
                    memory_max: None,
                    memory_current: known.then_some(4096),
                    tasks_current: known.then_some(1),
                    cpu_usage_nsec: None,
                    processes: if known { vec![process] } else { vec![] },
                })
            }
            Request::UnitOf { .. } => Reply::UnitOf(Some(UnitName::parse("web.service").unwrap())),
            Request::Jobs => {
                Reply::Jobs(self.jobs.values().map(|(view, _)| view.clone()).collect())
            }
            Request::Logs {
                units,
                lines,
                follow,
            } => Reply::Logs(logs(&units, lines, follow)),
            Request::Cat(unit) => {
                let definition = self
                    .units
                    .get(&unit)
                    .ok_or_else(|| Refusal::NoSuchUnit(unit.clone()))?;
                let path = definition.origin().fragment.clone().unwrap_or_default();
                let text = UNITS
                    .iter()
                    .find(|(known, _)| *known == &*path)
                    .unwrap()
                    .1
                    .to_owned();
                Reply::Files(vec![UnitFile {
                    path: Path::new(&*path).to_owned(),
                    text,
                }])
            }
            Request::Dependencies { unit, direction } => Reply::Dependencies(
                dependency::walk(&self.units, &unit, direction)
                    .into_iter()
                    .map(|node| {
                        let active = self
                            .views
                            .get(&node.unit)
                            .map_or(ActiveState::Inactive, |v| v.active);
                        (node, active)
                    })
                    .collect(),
            ),
            Request::Sockets => Reply::Sockets(vec![SocketLine {
                address: "127.0.0.1:8080".to_owned(),
                kind: "Stream",
                unit: UnitName::parse("web.socket").unwrap(),
                triggers: vec![UnitName::parse("web.service").unwrap()],
                active: ActiveState::Active,
            }]),
            Request::Manager => Reply::Manager(Box::new(self.manager())),
            Request::Reexec => Reply::Answer(Answer::Done),
            Request::Clean { .. } | Request::Freeze { .. } => Reply::Done,
            // D-Bus asks for nothing else.
            other => return Err(Refusal::Invalid(format!("{other:?}"))),
        })
    }

    fn command(&mut self, command: Command, door: &Door) -> Result<Answer, Refusal> {
        Ok(match command {
            Command::Submit {
                unit,
                verb,
                mode,
                token,
            } => {
                if let Some(known) = token.as_ref().and_then(|token| self.tokens.get(token)) {
                    return Ok(Answer::Job(JobId(*known)));
                }
                let Some(view) = self.views.get_mut(&unit) else {
                    return Err(Refusal::NoSuchUnit(unit));
                };
                if verb == Verb::Reload && unit.as_str() != "web.service" {
                    return Err(Refusal::NotApplicable(
                        unit,
                        "it has no exec-reload".to_owned(),
                    ));
                }
                let number = u32::try_from(self.jobs.len() + self.results.len() + 1).unwrap();
                let kind = match verb {
                    Verb::Stop => JobKind::Stop,
                    Verb::Restart => JobKind::Restart,
                    Verb::TryRestart => JobKind::TryRestart,
                    Verb::Start | Verb::Reload => JobKind::Start,
                    Verb::ReloadOrRestart | Verb::TryReloadOrRestart => JobKind::Reload,
                };
                let id = JobId(number);
                view.job = Some(id);
                let waits_for = vec![UnitName::parse("db.service").unwrap()];
                let job = JobView {
                    id,
                    unit: unit.clone(),
                    kind,
                    mode,
                    running: true,
                    waits_for,
                };
                self.jobs.insert(number, (job, token.clone()));
                self.tokens.extend(token.map(|token| (token, number)));
                door.publish(Change::JobNew {
                    job: id,
                    unit: unit.clone(),
                    kind,
                });
                // Only jobs of db.service wait for the test.
                if unit.as_str() != "db.service" {
                    self.end(number, JobResult::Done, door);
                }
                Answer::Job(id)
            }
            Command::AwaitJob { job } => match self.results.get(&job.0) {
                Some(result) => Answer::Ended(*result),
                None => return Err(Refusal::NoSuchJob(job)),
            },
            Command::SetEnvironment { .. } | Command::CancelAllJobs => Answer::Done,
            Command::CancelJob { job } => {
                if !self.jobs.contains_key(&job.0) {
                    return Err(Refusal::NoSuchJob(job));
                }
                self.end(job.0, JobResult::Canceled, door);
                Answer::Done
            }
            Command::Kill { unit, whom, .. } => {
                if unit.as_str() != "web.service" {
                    return Err(Refusal::NoProcess(unit, whom));
                }
                Answer::Done
            }
            Command::Reload { keep_going } => {
                door.publish(Change::Reloading(true));
                door.publish(Change::Reloading(false));
                let place = units::Place {
                    path: "/etc/bad.toml".into(),
                    line: 3,
                    column: 7,
                };
                let found = units::Diagnostic::error(place, "unknown setting `exec-strat`")
                    .with_hint("did you mean `exec-start`?");
                let found = Arc::new(vec![found]);
                if !keep_going {
                    return Err(Refusal::ReloadRefused(found));
                }
                Answer::Reloaded(found)
            }
            Command::ResetFailed { .. } | Command::Shutdown { .. } => Answer::Done,
            // D-Bus asks for nothing else.
            other => return Err(Refusal::Invalid(format!("{other:?}"))),
        })
    }

    fn detail(&self, unit: &UnitName) -> UnitDetail {
        let view = self.views.get(unit).cloned().unwrap_or_else(|| UnitView {
            definition: None,
            ..view(&units::Definition::not_found(unit.clone()))
        });
        UnitDetail {
            dependencies: self
                .units
                .dependencies(unit)
                .map(|(word, other)| (word, other.clone()))
                .collect(),
            listening: match view.name.kind() {
                UnitKind::Socket => vec!["127.0.0.1:8080".to_owned()],
                _ => vec![],
            },
            notify_socket: Some("/run/runner/notify/1".into()),
            control_group: Some(format!("/runner/{unit}")),
            frozen: false,
            transient_file: None,
            defaults: Arc::default(),
            view,
        }
    }

    fn manager(&self) -> Manager {
        Manager {
            version: "0.0.1",
            state: SystemState::Running,
            not_ready: None,
            units: u32::try_from(self.views.len()).unwrap(),
            jobs: u32::try_from(self.jobs.len()).unwrap(),
            failed_units: 0,
            started: now(),
            keeper_pid: 1,
            manager_pid: self.manager_pid,
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
            environment: vec![("PATH".to_owned(), "/bin".to_owned())],
            control_group: None,
        }
    }
}

fn view(definition: &units::Definition) -> UnitView {
    let name = definition.name().clone();
    let kind = name.kind();
    UnitView {
        definition: Some(Arc::new(definition.clone())),
        active: ActiveState::Inactive,
        sub: SubState::Dead,
        result: UnitResult::Success,
        job: None,
        invocation: Invocation(0x1234),
        state_change: Some(now()),
        inactive_exit: None,
        active_enter: None,
        active_exit: None,
        inactive_enter: None,
        conditions: TestsView::default(),
        asserts: TestsView::default(),
        stale: false,
        transient: false,
        commands: Vec::new(),
        service: (kind == UnitKind::Service).then(|| ServiceView {
            main_exit: Some((now(), ExitStatus::Code(7))),
            status_text: "at your service".to_owned(),
            ..ServiceView::default()
        }),
        socket: (kind == UnitKind::Socket).then(SocketView::default),
        timer: None,
        name,
    }
}

fn logs(units: &[UnitName], lines: u32, follow: bool) -> control::LogStream {
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    let unit = units[0].clone();
    tokio::spawn(async move {
        let mut number = 0u32;
        while follow || number < lines {
            number += 1;
            let line = LogLine {
                unit: unit.clone(),
                source: LogSource::Out,
                at: Some(Realtime(u64::from(number))),
                pid: Some(101),
                text: format!("line {number} of \"{unit}\"").into_bytes().into(),
            };
            if sender.send(line).await.is_err() {
                return;
            }
        }
    });
    receiver
}
