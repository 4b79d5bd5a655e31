//! Real processes, made by the real spawner, looked at from outside through `/proc`. They are
//! children of this test, not of a keeper.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is a failed test, also in what the tests share"
)]

use std::collections::HashMap;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::Ticket;
use engine::action::{Role, Spawn, StopHint};
use engine::event::SpawnFailure;
use engine::ticket::Invocation;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use runnerd::cgroup::Cgroups;
use runnerd::process::launch::Method;
use runnerd::process::limits::OriginalLimits;
use runnerd::process::order::{FileMode, Order, Passed, Stdio};
use runnerd::process::spawner::{Registrar, Report, Settings, Spawned, Spawner};
use runnerd::process::table::{Membership, Processes};
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
    let mut settings = Settings::new(None, None, OriginalLimits::remember().unwrap());
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
        environment: Arc::new([("LANG".to_owned(), "C.UTF-8".to_owned())]),
        server_url: None,
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

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[test]
fn a_child_starts_clean() {
    for method in [Method::IntoCgroup, Method::Clone3, Method::Clone] {
        let mut bench = bench_with(|settings| settings.method = method);
        // A descriptor without close-on-exec, as a careless library would leave it.
        let careless = rustix_dup(&std::fs::File::open("/").unwrap());
        let running = bench.start(order(SLEEP));
        assert_eq!(running.descriptors(), [0, 1, 2], "{method:?}");
        drop(careless);
        for name in ["fd/0", "fd/1", "fd/2"] {
            assert_eq!(running.link(name), "/dev/null");
        }
        // Rust ignores SIGPIPE in every program of its own.
        for set in ["SigBlk", "SigIgn", "SigCgt"] {
            assert_eq!(running.status(set), "0".repeat(16), "{method:?} {set}");
        }
        assert_eq!(running.status("Umask"), "0022");
        assert_eq!(running.link("cwd"), "/");
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", running.pid())).unwrap();
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .collect();
        let pid = running.pid().to_string();
        assert_eq!(fields[1], std::process::id().to_string(), "our child");
        assert_eq!(&fields[2..4], [&pid, &pid], "its own group and session");
        assert_eq!(fields[4], "0", "no terminal");
    }
}

fn rustix_dup(file: &std::fs::File) -> OwnedFd {
    let fd = nix::fcntl::fcntl(file, nix::fcntl::FcntlArg::F_DUPFD(100)).unwrap();
    // SAFETY: just made by fcntl.
    #[allow(unsafe_code, reason = "fcntl gives a number")]
    unsafe {
        std::os::fd::FromRawFd::from_raw_fd(fd)
    }
}

#[test]
fn the_environment_is_declared() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("env");
    std::fs::write(&file, "B=file\nC='quoted value'\n").unwrap();
    let mut order = order(&format!(
        "{SLEEP}\nenvironment = [\"A=unit\", \"B=unit\"]\nenvironment-file = [\"{}\", \"-/none\"]\n\
         watchdog-sec = \"3s\"\npid-file = \"/run/x.pid\"\nfile-descriptor-store-max = 2\n",
        file.display()
    ));
    order.spawn.environment = vec![("MAINPID".to_owned(), "7".to_owned())];
    order.notify_path = Some("/run/notify/1".into());
    let run = order.spawn.invocation.to_string();
    let running = bench().start(order);
    let pid = running.pid().to_string();
    let mut environment = running.environment();
    for (name, value) in [
        ("A", "unit"),
        ("B", "file"),
        ("C", "quoted value"),
        ("LANG", "C.UTF-8"),
        ("PATH", runnerd::process::SEARCH_PATH),
        ("INVOCATION_ID", &run),
        ("MAINPID", "7"),
        ("NOTIFY_SOCKET", "/run/notify/1"),
        ("PIDFILE", "/run/x.pid"),
        ("WATCHDOG_USEC", "3000000"),
        ("WATCHDOG_PID", &pid),
        ("SYSTEMD_EXEC_PID", &pid),
        ("FDSTORE", "2"),
    ] {
        assert_eq!(environment.remove(name).as_deref(), Some(value), "{name}");
    }
    assert!(environment.is_empty(), "{environment:?}");
}

/// `=…` with what supervisord gives its programs.
fn literal(line: &str, more: &str) -> Order {
    order(&format!(
        "exec-start = '''\n={line}'''\ninherit-environment = true
         working-directory = \"inherit\"\n{more}"
    ))
}

#[test]
fn a_program_may_get_all_of_our_environment() {
    let table = "exec-start = \"env -0\"\ninherit-environment = true\nuser = \"nobody\"
                 server-url = \"auto\"\nenvironment = {SUPERVISOR_GROUP_NAME = \"mine\"}";
    let table = if is_root() {
        table.to_owned()
    } else {
        table.replace("user = \"nobody\"", "")
    };
    let mut order = order(&table);
    order.server_url = Some("unix:///run/s".into());
    let text = bench().output(order);
    let found: HashMap<&str, &str> = text
        .split_terminator('\0')
        .filter_map(|variable| variable.split_once('='))
        .collect();
    for (name, value) in std::env::vars() {
        assert_eq!(found.get(&*name), Some(&&*value), "{name}");
    }
    for (name, value) in [
        ("SUPERVISOR_ENABLED", "1"),
        ("SUPERVISOR_SERVER_URL", "unix:///run/s"),
        ("SUPERVISOR_PROCESS_NAME", "test"),
        ("SUPERVISOR_GROUP_NAME", "mine"),
    ] {
        assert_eq!(found.get(name), Some(&value), "{name}");
    }
    assert!(!found.contains_key("LANG") || std::env::var_os("LANG").is_some());
}

#[test]
fn a_literal_command_is_split_and_found_at_the_start() {
    let mut bench = bench();
    assert_eq!(
        bench.output(literal("printf '%s|' \"a b\" $HOME *\n 'c'", "")),
        "a b|$HOME|*|c|"
    );
    let here = std::env::current_dir().unwrap();
    assert_eq!(
        bench.output(literal("pwd", "")).trim_end(),
        here.to_str().unwrap()
    );
    let directory = tempfile::tempdir().unwrap();
    let tool = directory.path().join("tool");
    std::fs::write(&tool, "#!/bin/sh\necho found\n").unwrap();
    make_executable(&tool);
    let path = format!("environment = {{PATH = {:?}}}", directory.path());
    assert_eq!(bench.output(literal("tool", &path)), "found\n");
    for (line, sentence) in [
        ("nosuch", "can't find command 'nosuch'"),
        (
            "echo 'x",
            "can't parse command \"echo 'x\": No closing quotation",
        ),
        ("", "command is empty"),
        ("/etc/passwd", "command at '/etc/passwd' is not executable"),
        ("/etc", "command at '/etc' is a directory"),
    ] {
        assert_eq!(bench.failure(literal(line, "")), (0, sentence.to_owned()));
    }
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_literal_command_that_fails_says_so_in_its_own_log() {
    let mut bench = bench();
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("script");
    std::fs::write(&script, "echo never\n").unwrap();
    make_executable(&script);
    let shown = script.display();
    let mut said = |table: &str| {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut order = order(table);
        order.stderr = Stdio::Fd(Arc::new(OwnedFd::from(writer)));
        assert_eq!(bench.failure(order).0, 127);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    };
    assert_eq!(
        said(&format!("exec-start = \"={shown}\"")),
        format!(
            "supervisor: couldn't exec {shown}: ENOEXEC\n\
             supervisor: child process was not spawned\n"
        )
    );
    assert_eq!(
        said("exec-start = \"=true\"\nworking-directory = \"/no/such\""),
        "supervisor: couldn't chdir to /no/such: ENOENT\n\
         supervisor: child process was not spawned\n"
    );
}

#[test]
fn words_arrive_as_written() {
    let mut bench = bench();
    let text = bench.output(order(
        r#"exec-start = """printf '[%%s]' "a b" 'c"d' e\\x20f $LIST ${LIST} $NONE ${NONE} $$x ;"""
environment = { LIST = "1 '2 3'" }"#,
    ));
    assert_eq!(text, "[a b][c\"d][e f][1][2 3][1 '2 3'][][$x]");
    let text = bench.output(order("exec-start = \"@/bin/sh mine -c 'echo $0' \""));
    assert_eq!(text, "mine\n");
    let text = bench.output(order(
        "exec-start = [\"printf\", \"%%s|\", \"a;b\", \"$$HOME\", \"\"]",
    ));
    assert_eq!(text, "a;b|$HOME||");
}

#[test]
fn descriptors_are_passed() {
    let passed = |name: &str| Passed {
        fd: Arc::new(std::fs::File::open("/").unwrap().into()),
        name: name.to_owned(),
    };
    let mut order = order(SLEEP);
    order.listen = vec![passed("http"), passed("admin")];
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    order.listen.push(Passed {
        fd: Arc::new(listener.into()),
        name: "tcp".to_owned(),
    });
    order.stored = vec![passed("stored")];
    let mut bench = bench();
    let running = bench.start(order.clone());
    assert_eq!(running.descriptors(), [0, 1, 2, 3, 4, 5, 6]);
    assert!(running.link("fd/5").starts_with("socket:"));
    let environment = running.environment();
    assert_eq!(environment["LISTEN_FDS"], "4");
    assert_eq!(environment["LISTEN_FDNAMES"], "http:admin:tcp:stored");
    assert_eq!(environment["LISTEN_PID"], running.pid().to_string());
    let info = std::fs::read_to_string(format!("/proc/{}/fdinfo/5", running.pid())).unwrap();
    let flags = info
        .lines()
        .find_map(|line| line.strip_prefix("flags:"))
        .unwrap()
        .trim();
    let flags = i32::from_str_radix(flags, 8).unwrap();
    assert_eq!(flags & (libc::O_NONBLOCK | libc::O_CLOEXEC), 0);

    // Only for the main process is anything listened for; the caller passes nothing otherwise.
    order.listen.clear();
    order.stored.clear();
    let running = bench.start(order);
    assert!(!running.environment().contains_key("LISTEN_FDS"));
}

#[test]
fn descriptors_may_stand_in_each_others_place() {
    // Sources that are themselves 3, 4, 5 in some order: what is passed must still be right.
    let mut order = order(SLEEP);
    let mut files: Vec<(i32, Passed)> = Vec::new();
    let directory = tempfile::tempdir().unwrap();
    for number in 0..20 {
        let path = directory.path().join(number.to_string());
        let file = std::fs::File::create(&path).unwrap();
        let name = path.to_str().unwrap().to_owned();
        files.push((
            file.as_raw_fd(),
            Passed {
                fd: Arc::new(file.into()),
                name,
            },
        ));
    }
    files.sort_by_key(|(fd, _)| std::cmp::Reverse(*fd));
    order.listen = files.into_iter().map(|(_, passed)| passed).collect();
    let names: Vec<String> = order
        .listen
        .iter()
        .map(|passed| passed.name.clone())
        .collect();
    let running = bench().start(order);
    for (number, name) in (3..).zip(names) {
        assert_eq!(running.link(&format!("fd/{number}")), name);
    }
}

#[test]
fn a_connection_as_standard_descriptors() {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut order =
        order("exec-start = \"/bin/sh -c 'read x; echo got $x; echo $LISTEN_FDS- >&2'\"");
    order.listen = vec![Passed {
        fd: Arc::new(theirs.into()),
        name: "connection".to_owned(),
    }];
    order.stdin = Stdio::Socket;
    order.stdout = Stdio::Inherit;
    order.stderr = Stdio::Inherit;
    let mut bench = bench();
    let running = bench.start(order.clone());
    std::io::Write::write_all(&mut &ours, b"hello\n").unwrap();
    assert!(matches!(running.wait(), WaitStatus::Exited(_, 0)));
    order.listen.clear();
    let (status, message) = bench.failure(order.clone());
    assert_eq!(status, 208);
    assert_eq!(
        message,
        "standard-input = \"socket\" needs exactly one socket, there are 0"
    );
    // The order holds the other end; without it there is an end to read to.
    drop(order);
    let mut text = String::new();
    (&ours).read_to_string(&mut text).unwrap();
    assert_eq!(text, "got hello\n-\n");
}

#[test]
fn files_as_standard_descriptors() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("in"), "input").unwrap();
    std::fs::write(at("out"), "before:").unwrap();
    let mut order = order("exec-start = \"/bin/sh -c 'cat; echo error >&2'\"");
    order.stdin = Stdio::File {
        path: at("in"),
        mode: FileMode::Read,
    };
    order.stdout = Stdio::File {
        path: at("out"),
        mode: FileMode::Append,
    };
    order.stderr = Stdio::File {
        path: at("err"),
        mode: FileMode::Write,
    };
    let mut bench = bench();
    bench.start(order.clone()).wait();
    assert_eq!(std::fs::read_to_string(at("out")).unwrap(), "before:input");
    assert_eq!(std::fs::read_to_string(at("err")).unwrap(), "error\n");
    order.stderr = Stdio::File {
        path: at("none/err"),
        mode: FileMode::Write,
    };
    let (status, message) = bench.failure(order);
    assert_eq!(status, 222);
    let expected = format!(
        "cannot write to {} for standard-error: no such file or directory",
        at("none/err").display()
    );
    assert_eq!(message, expected);
}

#[test]
fn settings_are_applied() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().canonicalize().unwrap();
    let running = bench().start(order(&format!(
        "{SLEEP}\nworking-directory = \"{}\"\numask = \"0077\"\nlimit-nofile = \"100:200\"",
        path.display()
    )));
    assert_eq!(running.link("cwd"), path.to_str().unwrap());
    assert_eq!(running.status("Umask"), "0077");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.pid())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let numbers: Vec<&str> = line.split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers, ["100", "200"]);
    let running = bench().start(order(&format!(
        "{SLEEP}\nworking-directory = \"-/nonexistent\""
    )));
    assert_eq!(running.link("cwd"), "/");
}

#[test]
fn root_is_given_up() {
    if !is_root() {
        return;
    }
    let mut bench = bench();
    let running = bench.start(order(&format!("{SLEEP}\nuser = \"nobody\"")));
    let uid = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let (uid, gid) = (uid.uid.to_string(), uid.gid.to_string());
    assert_eq!(running.status("Uid"), [uid.as_str(); 4].join(" "));
    assert_eq!(running.status("Gid"), [gid.as_str(); 4].join(" "));
    assert_eq!(running.status("Groups"), gid);
    assert_eq!(running.status("CapEff"), "0".repeat(16));
    let environment = running.environment();
    assert_eq!(environment["USER"], "nobody");
    assert_eq!(environment["LOGNAME"], "nobody");
    assert!(environment.contains_key("HOME") && environment.contains_key("SHELL"));

    let numbers = format!("{SLEEP}\nuser = \"54321\"\ngroup = \"54322\"");
    let running = bench.start(order(&numbers));
    assert_eq!(running.status("Uid"), "54321 54321 54321 54321");
    assert_eq!(running.status("Groups"), "54322");
    // `!` keeps the user but not the environment, `+` both.
    let running = bench.start(order("exec-start = \"!sleep 1000\"\nuser = \"nobody\""));
    assert_eq!(running.status("Uid"), "0 0 0 0");
    assert_eq!(running.environment()["USER"], "nobody");
    let running = bench.start(order("exec-start = \"+sleep 1000\"\nuser = \"nobody\""));
    assert_eq!(running.status("Uid"), "0 0 0 0");
    assert!(!running.environment().contains_key("USER"));
}

#[test]
fn failing_steps_say_what_failed() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str, mode: u32| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&path, mode).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let unreadable = write("not-executable", "x", 0o644);
    let no_format = write("no-format", "echo\n", 0o755);
    let no_interpreter = write("no-interpreter", "#!/nonexistent/sh\n", 0o755);
    let from_windows = write("from-windows", "#!/bin/sh\r\n", 0o755);
    let exec = |path: &str| format!("exec-start = \"{path}\"");
    let mut bench = bench();
    for (table, status, sentence) in [
        (
            exec("/none"),
            203,
            "cannot execute /none: no such file or directory".to_owned(),
        ),
        (
            exec("no-such-program"),
            203,
            format!(
                "cannot execute no-such-program: it is not in {}",
                runnerd::process::SEARCH_PATH
            ),
        ),
        (
            exec("/etc"),
            203,
            "cannot execute /etc: permission denied".to_owned(),
        ),
        (
            exec(&unreadable),
            203,
            format!("cannot execute {unreadable}: permission denied"),
        ),
        (
            exec(&no_format),
            203,
            format!(
                "cannot execute {no_format} (a script needs a first line such as #!/bin/sh): \
                 exec format error"
            ),
        ),
        (
            exec(&no_interpreter),
            203,
            format!(
                "cannot execute {no_interpreter} (its interpreter is \"/nonexistent/sh\"): \
                 no such file or directory"
            ),
        ),
        (
            exec(&from_windows),
            203,
            format!(
                "cannot execute {from_windows} (its interpreter is \"/bin/sh\\r\"): \
                 no such file or directory"
            ),
        ),
        (
            format!("{SLEEP}\nworking-directory = \"/nonexistent\""),
            200,
            "cannot change to directory /nonexistent: no such file or directory".to_owned(),
        ),
        (
            format!("{SLEEP}\nuser = \"nouser\""),
            217,
            "there is no user \"nouser\"".to_owned(),
        ),
        (
            format!("{SLEEP}\ngroup = \"nogroup7\""),
            216,
            "there is no group \"nogroup7\"".to_owned(),
        ),
        (
            format!("{SLEEP}\nuser = \"54321\""),
            217,
            "there is no user with the number 54321, and no group is set that it could run with"
                .to_owned(),
        ),
        (
            format!("{SLEEP}\nenvironment-file = \"/nonexistent\""),
            0,
            "cannot read environment file /nonexistent: no such file or directory".to_owned(),
        ),
    ] {
        assert_eq!(bench.failure(order(&table)), (status, sentence));
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

/// A unit with a process that left its session, one that lost its parent, and one in the group.
const FAMILY: &str = "exec-start = \"\"\"/bin/sh -c 'sleep 1001 & setsid sleep 1002 & \
    (setsid sleep 1003 &) ; echo ready; exec sleep 1000'\"\"\"";

fn family(bench: &mut Bench, processes: &mut Processes) -> (UnitName, Running) {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut order = order(FAMILY);
    order.spawn.ticket = Ticket(1);
    order.stdout = Stdio::Fd(Arc::new(OwnedFd::from(writer)));
    let unit = order.spawn.unit.clone();
    processes.ordered(&order.spawn);
    let running = bench.start(order);
    let mut line = [0; 6];
    reader.read_exact(&mut line).unwrap();
    let pidfd = running.0.pidfd.try_clone().unwrap();
    let copy = Spawned {
        ticket: Ticket(1),
        unit: unit.clone(),
        pid: running.pid(),
        pidfd,
    };
    assert_eq!(processes.spawned(copy), None);
    (unit, running)
}

/// Waits until all four processes run the program they are to run.
fn settled(processes: &mut Processes, unit: &UnitName) -> Vec<u32> {
    loop {
        let members = processes.members(unit);
        let sleeping = members
            .iter()
            .filter(|member| member.command.starts_with("sleep 100"));
        if sleeping.count() == 4 {
            return members.iter().map(|member| member.pid).collect();
        }
        std::thread::yield_now();
    }
}

fn everybody_is_reached(cgroups: Option<Arc<Cgroups>>, signal: Signal) {
    // Orphans come to us, as they come to the keeper.
    nix::sys::prctl::set_child_subreaper(true).unwrap();
    let mut bench = bench_with(|settings| settings.cgroups = cgroups.clone());
    let mut processes = Processes::new(std::process::id(), cgroups.clone()).unwrap();
    let (unit, running) = family(&mut bench, &mut processes);
    let pids = settled(&mut processes, &unit);
    for pid in &pids {
        assert_eq!(processes.membership(&unit, *pid, 0), Membership::Member);
    }
    assert_eq!(
        processes.membership(&unit, std::process::id(), 0),
        Membership::Stranger
    );
    assert!(!processes.watch_empty(&unit));
    assert!(processes.look().is_empty());
    assert_eq!(processes.signal_all(&unit, signal, true), 4);
    running.wait();
    let status = engine::event::ExitStatus::Signal(15);
    let at = engine::clock::Monotonic(1);
    assert_eq!(
        processes.exited(Ticket(1), status, at),
        runnerd::process::table::Delivery::Now
    );
    assert_eq!(
        processes.exited(Ticket(1), status, at),
        runnerd::process::table::Delivery::Unknown
    );
    // The keeper's part: reaping those that came to it.
    for pid in pids.iter().filter(|pid| **pid != running.pid()) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(*pid).unwrap());
        loop {
            match nix::sys::wait::waitpid(pid, None) {
                Err(nix::errno::Errno::ECHILD) if Path::new(&format!("/proc/{pid}")).exists() => {
                    std::thread::yield_now();
                }
                _ => break,
            }
        }
    }
    loop {
        let empty = processes.look();
        if empty == [unit.clone()] {
            break;
        }
        let mut waiting = [nix::poll::PollFd::new(
            processes.as_fd(),
            nix::poll::PollFlags::POLLIN,
        )];
        nix::poll::poll(&mut waiting, nix::poll::PollTimeout::NONE).unwrap();
    }
    assert!(processes.members(&unit).is_empty());
    assert_eq!(
        processes.membership(&unit, running.pid(), 0),
        Membership::Gone
    );
    processes.release(&unit);
    if let Some(cgroups) = cgroups {
        assert!(!cgroups.directory(&unit).exists());
    }
}

#[test]
fn everybody_is_reached_by_descent() {
    everybody_is_reached(None, Signal::TERM);
}

#[test]
fn everybody_is_reached_in_a_group() {
    let unique = format!("/test/{}/family", std::process::id());
    if let Ok(cgroups) = Cgroups::detect(Path::new(&unique)) {
        let cgroups = Arc::new(cgroups);
        everybody_is_reached(Some(Arc::clone(&cgroups)), Signal::TERM);
        everybody_is_reached(Some(cgroups), Signal::KILL);
    }
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
