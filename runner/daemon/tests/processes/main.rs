//! Real processes, made by the real spawner, looked at from outside through `/proc`. They are
//! children of this test, not of a keeper.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is a failed test, also in what the tests share"
)]

mod belonging;
mod settings;
mod steps;

use std::collections::HashMap;
use std::io::Read as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::Ticket;
use engine::action::{Role, Spawn, StopHint};
use engine::event::SpawnFailure;
use engine::ticket::Invocation;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use runnerd::process::directories::Roots;
use runnerd::process::limits::OriginalLimits;
use runnerd::process::order::{Order, Stdio};
use runnerd::process::spawner::{Registrar, Report, Settings, Spawned, Spawner};
use runnerd::process::table::Processes;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use units::value::{Signal, Span};
use units::{Surroundings, UnitName};

struct Bench {
    spawner: Spawner,
    reports: UnboundedReceiver<Report>,
    next: u64,
}

fn bench() -> Bench {
    bench_with(|_| {})
}

fn bench_with(change: impl FnOnce(&mut Settings)) -> Bench {
    let mut settings = Settings::new(
        None,
        None,
        OriginalLimits::remember().unwrap(),
        Roots::of(&Surroundings::example()),
    );
    change(&mut settings);
    let (sender, reports) = unbounded_channel();
    Bench {
        spawner: Spawner::start(settings, sender).unwrap(),
        reports,
        next: 1,
    }
}

/// Runs are told apart by their number: without it, tests that run at the same time would take each
/// other's orphans for their own.
static RUNS: AtomicU64 = AtomicU64::new(0xfeed);

/// An order for the first `exec-start` command of a `[service]` table.
fn order(table: &str) -> Order {
    let text = format!("[service]\n{table}\n");
    let (units, diagnostics) = units::load_texts(&[("test.toml", &text)], &Surroundings::example());
    let errors: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
    let unit = UnitName::parse("test.service").unwrap();
    let definition = units.get(&unit).unwrap_or_else(|| panic!("{errors:?}"));
    assert!(definition.is_loaded(), "{errors:?}");
    Order {
        spawn: Spawn {
            ticket: Ticket(0),
            unit,
            role: Role::Main,
            command: definition.exec_start().first().unwrap().clone(),
            environment: Vec::new(),
            invocation: Invocation(RUNS.fetch_add(1, Ordering::Relaxed).into()),
            listen: Vec::new(),
            connection: None,
            stop: StopHint {
                rank: 0,
                signal: Signal::TERM,
                timeout: Span::from_secs(1),
            },
        },
        definition: Arc::clone(definition),
        stdin: Stdio::Null,
        stdout: Stdio::Null,
        stderr: Stdio::Inherit,
        listen: Vec::new(),
        stored: Vec::new(),
        notify_path: None,
        changed_environment: Arc::new([]),
        environment: Arc::new([("LANG".to_owned(), "C.UTF-8".to_owned())]),
        server_url: None,
        foreground: false,
    }
}

const SLEEP: &str = "exec-start = \"sleep 1000\"";

impl Bench {
    fn report(&mut self, mut order: Order) -> Report {
        order.spawn.ticket = Ticket(self.next);
        self.next += 1;
        self.spawner.submit(order);
        self.reports.blocking_recv().unwrap()
    }

    fn start(&mut self, order: Order) -> Running {
        match self.report(order) {
            Report::Spawned(spawned) => Running(spawned),
            other => panic!("{other:?}"),
        }
    }

    fn failure(&mut self, order: Order) -> (u8, String) {
        match self.report(order) {
            Report::Failed {
                failure: SpawnFailure::Setup { status, message },
                ..
            } => (status, message),
            // Before there is a process nothing can have a status.
            Report::Failed {
                failure: SpawnFailure::Resources { message },
                ..
            } => (0, message),
            other => panic!("{other:?}"),
        }
    }

    /// Runs to the end, and gives what it wrote to stdout.
    fn output(&mut self, mut order: Order) -> String {
        let (mut reader, writer) = std::io::pipe().unwrap();
        order.stdout = Stdio::Fd(Arc::new(OwnedFd::from(writer)));
        let running = self.start(order);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert!(matches!(running.wait(), WaitStatus::Exited(_, 0)));
        text
    }
}

/// A child that is killed and reaped with this value, if it still lives.
struct Running(Spawned);

impl Running {
    fn pid(&self) -> u32 {
        self.0.pid
    }

    fn wait(&self) -> WaitStatus {
        waitid(Id::PIDFd(self.0.pidfd.as_fd()), WaitPidFlag::WEXITED).unwrap()
    }

    fn status(&self, key: &str) -> String {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{key}:")))
            .unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn link(&self, name: &str) -> String {
        let path = std::fs::read_link(format!("/proc/{}/{name}", self.pid())).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn descriptors(&self) -> Vec<u32> {
        self.wait_until_asleep();
        let list = std::fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap();
        let mut all: Vec<u32> = list
            .map(|entry| {
                entry
                    .unwrap()
                    .file_name()
                    .to_str()
                    .unwrap()
                    .parse()
                    .unwrap()
            })
            .collect();
        all.sort_unstable();
        all
    }

    /// The dynamic loader opens files; the program it loads does nothing but sleep.
    fn wait_until_asleep(&self) {
        let path = format!("/proc/{}/stat", self.pid());
        while !std::fs::read_to_string(&path).unwrap().contains(") S ") {
            std::thread::yield_now();
        }
    }

    fn environment(&self) -> HashMap<String, String> {
        // The spawner goes on when the old memory is given up, which is a little before the new one
        // is complete.
        let path = format!("/proc/{}/environ", self.pid());
        let bytes = std::iter::repeat_with(|| std::fs::read(&path).unwrap());
        let bytes = bytes
            .inspect(|_| std::thread::yield_now())
            .find(|bytes| !bytes.is_empty());
        let bytes = bytes.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        text.split('\0')
            .filter_map(|variable| variable.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.pid).unwrap());
        if waitid(
            Id::PIDFd(self.0.pidfd.as_fd()),
            WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT,
        ) == Ok(WaitStatus::StillAlive)
        {
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
            self.wait();
        }
    }
}

#[test]
fn started_and_stopped_at_once() {
    let mut bench = bench();
    let mut processes = Processes::new(std::process::id(), None).unwrap();
    // A shell ignores nothing before it has read its script: the signal must end it at any moment.
    let order = order("exec-start = \"sleep 1000\"");
    for round in 0..1000 {
        let mut order = order.clone();
        order.spawn.ticket = Ticket(round);
        processes.ordered(&order.spawn);
        let Report::Spawned(spawned) = bench.report_as_is(order) else {
            panic!()
        };
        let pid = nix::unistd::Pid::from_raw(i32::try_from(spawned.pid).unwrap());
        assert_eq!(processes.spawned(spawned), None);
        assert!(processes.signal(Ticket(round), Signal::TERM, true).unwrap());
        let ended = nix::sys::wait::waitpid(pid, None).unwrap();
        assert_eq!(
            ended,
            WaitStatus::Signaled(pid, nix::sys::signal::Signal::SIGTERM, false)
        );
    }
}

impl Bench {
    fn report_as_is(&mut self, order: Order) -> Report {
        self.spawner.submit(order);
        self.reports.blocking_recv().unwrap()
    }
}

#[test]
fn a_hanging_start_does_not_hold_up_the_others() {
    let (socket, _keeper) = std::os::unix::net::UnixStream::pair().unwrap();
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let blocked = std::sync::Mutex::new(blocked);
    let mut bench = bench_with(|settings| {
        settings.patience = Duration::from_millis(1);
        settings.registrar = Some(Registrar {
            socket: socket.into(),
            // Stands for a dead mount: the first order is not prepared until we say so.
            record: Box::new(move |spawn| {
                if spawn.ticket == Ticket(1) {
                    blocked.lock().unwrap().recv().unwrap();
                }
                Vec::new()
            }),
        });
    });
    let mut failing = order(&format!("{SLEEP}\nuser = \"nouser\""));
    for number in 1..=50 {
        failing.spawn.ticket = Ticket(number);
        bench.spawner.submit(failing.clone());
    }
    let mut answered = |count| {
        let reports = std::iter::repeat_with(|| match bench.reports.blocking_recv().unwrap() {
            Report::Failed { ticket, .. } => ticket.0,
            other => panic!("{other:?}"),
        });
        // A thread that is slow to be scheduled is taken for a hanging one: the order may change.
        reports
            .take(count)
            .collect::<std::collections::BTreeSet<u64>>()
    };
    assert_eq!(answered(49), (2..=50).collect());
    release.send(()).unwrap();
    assert_eq!(answered(1), [1].into());
}

#[test]
fn an_exit_before_the_answer_is_held() {
    let mut processes = Processes::new(std::process::id(), None).unwrap();
    let order = order(SLEEP);
    processes.ordered(&order.spawn);
    let status = engine::event::ExitStatus::Code(7);
    let at = engine::clock::Monotonic(1);
    assert_eq!(
        processes.exited(Ticket(0), status, at),
        runnerd::process::table::Delivery::Held
    );
    let Report::Spawned(spawned) = bench().report_as_is(order) else {
        panic!()
    };
    let running = Running(Spawned {
        ticket: Ticket(9),
        unit: spawned.unit.clone(),
        pid: spawned.pid,
        pidfd: spawned.pidfd.try_clone().unwrap(),
    });
    assert_eq!(processes.spawned(spawned), Some((status, at)));
    assert_eq!(processes.pid(Ticket(0)), None);
    drop(running);
}
