//! The daemon itself under the name of `supervisord`: its command line, its start in the background,
//! its files, its user, its servers. Where the original is asked too, it is the judge.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tests::{CONFIGURATION, Kind, Process, children_running, free_port, said};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory in which daemons are started in the background; those that are left end with it.
struct Ground {
    directory: tempfile::TempDir,
}

impl Ground {
    fn new() -> Ground {
        let directory = tempfile::Builder::new().prefix("sd-").tempdir().unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let ground = Ground { directory };
        symlink(tests::program("runnerd"), ground.path("supervisord")).unwrap();
        ground
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a configuration; `DIR` in it is the directory.
    fn write(&self, name: &str, text: &str) {
        let directory = self.directory.path().display().to_string();
        std::fs::write(self.path(name), text.replace("DIR", &directory)).unwrap();
    }

    fn command(&self, program: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(words)
            .current_dir(self.directory.path())
            .env("RUNNER_RUNTIME_DIR", self.path("run/here"))
            .stdin(Stdio::null());
        command
    }

    /// Calls ours by the name of supervisord.
    fn call(&self, words: &[&str]) -> Output {
        let program = self.path("supervisord");
        self.command(&program, words).output().unwrap()
    }

    /// Starts a daemon on `s.conf`, which goes into the background.
    #[track_caller]
    fn start(&self) -> Process {
        let out = self.call(&["-c", "s.conf"]);
        assert!(out.status.success(), "{}", said(&out));
        self.until("there is a pidfile", || self.pid().is_some());
        let daemon = self.pid().unwrap();
        let line = format!("supervisord started with pid {}\n", daemon.pid);
        self.until("it has said so", || self.log().contains(&line));
        daemon
    }

    fn pid(&self) -> Option<Process> {
        let text = std::fs::read_to_string(self.path("s.pid")).ok()?;
        Process::open(text.trim().parse().ok()?)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("main.log")).unwrap_or_default()
    }

    #[track_caller]
    fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < end, "not so: {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The real supervisorctl.
    fn ctl(&self, words: &[&str]) -> Output {
        let mut all = vec!["-c", "s.conf"];
        all.extend(words);
        self.command(&tests::tool("supervisorctl"), &all)
            .output()
            .unwrap()
    }

    #[track_caller]
    fn end(&self, daemon: &Process) {
        assert!(daemon.signal(libc::SIGTERM));
        assert!(daemon.gone_within(PATIENCE), "{}", self.log());
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // Only after a failure is there one left. It is our own: the file says so, and it was
        // written by what this test has started.
        if let Some(daemon) = self.pid() {
            daemon.signal(libc::SIGTERM);
            if !daemon.gone_within(Duration::from_secs(15)) {
                daemon.signal(libc::SIGKILL);
            }
        }
    }
}

/// What cannot be started is refused in the same words and with the same status.
#[test]
fn refusals_are_those_of_the_original() {
    let ground = Ground::new();
    ground.write("good.conf", CONFIGURATION);
    ground.write(
        "int.conf",
        &format!("{CONFIGURATION}[program:a]\ncommand=x\nstartsecs=1.5\n"),
    );
    ground.write("section.conf", "[program:a]\ncommand=x\n");
    ground.write("parse.conf", "[supervisord]\nrem nothing\n");
    ground.write("user.conf", "[supervisord]\nuser=nobody-at-all\n");
    ground.write("directory.conf", "[supervisord]\ndirectory=/no/such\n");
    let real = tests::tool("supervisord");
    let ours = ground.path("supervisord");
    for line in [
        "-x",
        "-c",
        "--no",
        "--nodaemon=1",
        "-n one two",
        "-n -n",
        "-m 9",
        "-y 1K",
        "-e loud",
        "-d /no/such",
        "-c nowhere.conf",
        "-c int.conf",
        "-c section.conf",
        "-c parse.conf",
        "-c user.conf",
        "-c directory.conf",
        "-c good.conf -u nobody-at-all",
        "-c good.conf -l /no/such/log",
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [expected, found] = [(&real, Kind::Real), (&ours, Kind::Ours)].map(|(program, _)| {
            let out = ground.command(program, &words).output().unwrap();
            let text = said(&out).replace(program.to_str().unwrap(), "PROGRAM");
            (out.status.code(), text)
        });
        assert_eq!(found, expected, "supervisord {line}");
        assert_eq!(found.0, Some(2), "{line}");
    }
    let out = ground.call(&["-v"]);
    assert_eq!(
        (said(&out).as_str(), out.status.code()),
        ("4.3.0\n", Some(0))
    );
    let out = ground.call(&["-h"]);
    assert!(out.status.success() && said(&out).contains("-c/--configuration"));
}

/// It is in the background when everything is ready that can fail; it is the process its pidfile
/// names; its end leaves nothing behind. A manager that is killed meanwhile is missed by nobody.
#[test]
fn a_life_in_the_background() {
    let ground = Ground::new();
    ground.write(
        "s.conf",
        &format!("{CONFIGURATION}[program:sleeper]\ncommand=sleep 1000\nstartsecs=0\n"),
    );
    let out = ground.call(&["-c", "s.conf"]);
    assert!(out.status.success(), "{}", said(&out));
    assert_eq!(said(&out), "");
    // Whoever started it may connect at once.
    let socket = ground.path("s.sock");
    assert!(std::fs::metadata(&socket).unwrap().file_type().is_socket());
    assert_eq!(said(&ground.ctl(&["version"])), "4.3.0\n");
    let daemon = ground.pid().expect("a pidfile");
    assert_eq!(said(&ground.ctl(&["pid"])), format!("{}\n", daemon.pid));
    // A session of its own, and nothing of whoever started it on its standard descriptors.
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", daemon.pid)).unwrap();
    let session = stat.rsplit_once(") ").unwrap().1.split(' ').nth(3).unwrap();
    assert_eq!(session, daemon.pid.to_string());
    for fd in 0..=2 {
        let open = std::fs::read_link(format!("/proc/{}/fd/{fd}", daemon.pid)).unwrap();
        assert_eq!(open, Path::new("/dev/null"));
    }
    let log = ground.log();
    let line = format!("INFO supervisord started with pid {}\n", daemon.pid);
    assert!(log.contains(&line), "{log}");
    assert!(
        log.contains("INFO daemonizing the supervisord process\n"),
        "{log}"
    );
    ground.until("the program runs", || {
        said(&ground.ctl(&["status"])).contains("RUNNING")
    });
    let before = said(&ground.ctl(&["pid", "sleeper"]));

    daemon.kill_manager();
    ground.until("another manager serves", || {
        said(&ground.ctl(&["pid", "sleeper"])) == before
    });

    ground.end(&daemon);
    assert!(!socket.exists() && !ground.path("s.pid").exists());
    assert!(
        ground
            .log()
            .contains("WARN received SIGTERM indicating exit request\n")
    );
}

/// One socket, one daemon; what a dead one left is taken away.
#[test]
fn two_daemons_on_one_socket() {
    let ground = Ground::new();
    ground.write("s.conf", CONFIGURATION);
    drop(UnixListener::bind(ground.path("s.sock")).unwrap());
    let out = ground.call(&["-c", "s.conf"]);
    let stale = format!(
        "Unlinking stale socket {}\n",
        ground.path("s.sock").display()
    );
    assert_eq!((said(&out), out.status.code()), (stale, Some(0)));
    ground.until("there is a pidfile", || ground.pid().is_some());
    let daemon = ground.pid().unwrap();
    ground.write(
        "other.conf",
        &CONFIGURATION.replace("DIR/s.pid", "DIR/other.pid"),
    );
    for (file, runtime) in [("s.conf", "run/here"), ("other.conf", "run/elsewhere")] {
        let program = ground.path("supervisord");
        let out = ground
            .command(&program, &["-c", file])
            .env("RUNNER_RUNTIME_DIR", ground.path(runtime))
            .output()
            .unwrap();
        let text = said(&out);
        assert_eq!(out.status.code(), Some(2), "{text}");
        assert!(
            text.starts_with("Error: Another program is already listening on a port that one of"),
            "{text}"
        );
    }
    assert_eq!(said(&ground.ctl(&["pid"])), format!("{}\n", daemon.pid));
    ground.end(&daemon);
}

/// Keeper and manager have become the user before anything was opened, and cannot go back.
#[test]
fn another_user() {
    tests::needs_root();
    let ground = Ground::new();
    let text = CONFIGURATION.replace("user=root", "user=nobody");
    ground.write(
        "s.conf",
        &format!("{text}[program:id]\ncommand=sh -c \"id -u; sleep 1000\"\n"),
    );
    let nobody = Some(65_534);
    std::os::unix::fs::chown(ground.directory.path(), nobody, nobody).unwrap();
    let daemon = ground.start();
    let managers = children_running(daemon.pid, &tests::program("runnerd"));
    assert_eq!(managers.len(), 1);
    for pid in [daemon.pid, managers[0]] {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        assert!(
            status.contains("\nUid:\t65534\t65534\t65534\t65534\n"),
            "{status}"
        );
        assert!(
            status.contains("\nGid:\t65534\t65534\t65534\t65534\n"),
            "{status}"
        );
        assert!(status.contains("\nCapEff:\t0000000000000000\n"), "{status}");
    }
    ground.until("the program has said who it is", || {
        said(&ground.ctl(&["tail", "id"])).starts_with("65534\n")
    });
    assert!(
        ground
            .log()
            .contains("INFO Set uid to user 65534 succeeded\n")
    );
    ground.end(&daemon);
    assert!(!ground.path("s.pid").exists());
    // Again, in the directory that is this user's by now; the next one may be root's.
    let daemon = ground.start();
    ground.end(&daemon);
    ground.write("s.conf", &CONFIGURATION.replace("user=root\n", ""));
    let daemon = ground.start();
    assert!(ground.log().contains("CRIT Supervisor is running as root."));
    ground.end(&daemon);
}

/// A server that anybody on the network could command us by has to be asked for twice.
#[test]
fn an_open_server_is_refused() {
    let ground = Ground::new();
    let port = free_port();
    let server = format!("{CONFIGURATION}[inet_http_server]\nport=*:{port}\n");
    ground.write("s.conf", &server);
    let out = ground.call(&["-c", "s.conf"]);
    let text = said(&out);
    assert_eq!(out.status.code(), Some(2), "{text}");
    assert!(
        text.contains("runner.insecure-http=true") && text.contains("'inet_http_server'"),
        "{text}"
    );
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
    for said_so in [
        format!("{server}runner.insecure-http=true\n"),
        server.replace("*:", "127.0.0.1:"),
    ] {
        ground.write("s.conf", &said_so);
        let daemon = ground.start();
        let warning = "CRIT Server 'inet_http_server' running without any HTTP authentication";
        assert!(ground.log().contains(warning), "{}", ground.log());
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        ground.end(&daemon);
    }
}

/// SIGHUP starts everything anew, servers included, in the same process; a file that is broken by
/// then changes nothing at all.
#[test]
fn a_restart_reads_everything_again() {
    let ground = Ground::new();
    let (first, second) = (free_port(), free_port());
    let with = |port: u16, program: &str| {
        format!(
            "{CONFIGURATION}[inet_http_server]\nport=127.0.0.1:{port}\n\
             [program:{program}]\ncommand=sleep 1000\nstartsecs=0\n"
        )
    };
    ground.write("s.conf", &with(first, "old"));
    let daemon = ground.start();
    ground.until("it runs", || {
        said(&ground.ctl(&["status"])).contains("RUNNING")
    });
    let before = said(&ground.ctl(&["pid", "old"]));

    ground.write(
        "s.conf",
        &format!("{}startretries=many\n", with(second, "new")),
    );
    assert!(daemon.signal(libc::SIGHUP));
    ground.until("the log says where the error is", || {
        let log = ground.log();
        log.contains("WARN received SIGHUP indicating restart request")
            && log.contains("s.conf:18:")
            && log.contains("invalid literal for int() with base 10: 'many'")
    });
    let log = ground.log();
    for once in ["s.conf:18:", "nothing is restarted"] {
        assert_eq!(log.matches(once).count(), 1, "{log}");
    }
    ground.write("s.conf", &with(second, "new"));
    assert_eq!(said(&ground.ctl(&["pid", "old"])), before);

    assert!(daemon.signal(libc::SIGHUP));
    ground.until("the new program runs", || {
        let status = said(&ground.ctl(&["status"]));
        status.contains("new  ") && status.contains("RUNNING") && !status.contains("old  ")
    });
    ground.until("the new server serves and the old one does not", || {
        let open = |port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        open(second) && !open(first)
    });
    assert_eq!(said(&ground.ctl(&["pid"])), format!("{}\n", daemon.pid));
    ground.end(&daemon);
}

/// A restart keeps its logs as the file says then: another main log, another level, another
/// identifier, and automatic logs in another directory, those of before cleared away.
#[test]
fn a_restart_keeps_its_logs_anew() {
    let ground = Ground::new();
    std::fs::create_dir(ground.path("logs")).unwrap();
    let program = "[program:said]\ncommand=sh -c \"echo hello; exec sleep 1000\"\nstartsecs=0\n";
    ground.write("s.conf", &format!("{CONFIGURATION}{program}"));
    let daemon = ground.start();
    let log_file = || {
        let question = "import sys, xmlrpc.client as x; from supervisor.xmlrpc import SupervisorTransport as T; \
                        print(x.ServerProxy('http://s', T(None, None, sys.argv[1])).supervisor.getProcessInfo('said')['stdout_logfile'])";
        let asked = Command::new(tests::tool("python"))
            .args(["-c", question])
            .arg(format!("unix://{}", ground.path("s.sock").display()))
            .output()
            .unwrap();
        PathBuf::from(said(&asked).trim())
    };
    ground.until("it has said something", || {
        std::fs::read_to_string(log_file()).is_ok_and(|text| text == "hello\n")
    });
    let (old, old_main) = (log_file(), ground.log());
    assert!(!old_main.contains(" DEBG "), "{old_main}");
    // One of an earlier run of the daemon that is to be.
    let stale = ground.path("logs/said-stdout---other-12345678.log");
    std::fs::write(&stale, "old").unwrap();

    let changed = CONFIGURATION
        .replace(
            "DIR/main.log",
            "DIR/logs/main.log\nloglevel=debug\nidentifier=other",
        )
        .replace("childlogdir=DIR", "childlogdir=DIR/logs");
    ground.write("s.conf", &format!("{changed}{program}"));
    assert!(daemon.signal(libc::SIGHUP));
    let main = || std::fs::read_to_string(ground.path("logs/main.log")).unwrap_or_default();
    ground.until("the new main log tells of the new start", || {
        main().contains("INFO spawned: 'said' with pid ")
    });
    // What the program writes is shown at this level.
    ground.until("it has said something again", || {
        let file = log_file();
        file.starts_with(ground.path("logs"))
            && std::fs::read_to_string(&file).is_ok_and(|text| text == "hello\n")
    });
    ground.until("its output is in the main log", || {
        main().contains("'said' stdout output:\nhello")
    });
    let name = log_file();
    let name = name.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("said-stdout---other-"), "{name}");
    assert!(!stale.exists(), "what an earlier run left was kept");
    let ended = ground.log();
    assert!(
        ended.contains("WARN received SIGHUP") && ended.contains("stopped: said"),
        "{ended}"
    );
    assert!(
        !ended
            .get(old_main.len()..)
            .unwrap_or_default()
            .contains("spawned")
    );
    assert!(old.exists(), "the log in the old directory is another's");
    assert!(daemon.signal(libc::SIGTERM));
    assert!(daemon.gone_within(PATIENCE), "{}", main());
}

/// Under its own name the program runs the same file in the foreground, found by `-c` or by what is
/// in it, and what is wrong is shown with its place.
#[test]
fn by_our_own_name() {
    let ground = Ground::new();
    ground.write(
        "broken.conf",
        &format!("{CONFIGURATION}[program:a]\ncommand=x\nstartsecs=1.5\n"),
    );
    let program = tests::program("runnerd");
    for words in [&["-c", "broken.conf"][..], &["broken.conf"]] {
        let out = ground.command(&program, words).output().unwrap();
        let text = said(&out);
        assert_eq!(out.status.code(), Some(2), "{text}");
        assert!(
            text.starts_with("Error: invalid literal for int() with base 10: '1.5'")
                && text.contains("broken.conf:15:"),
            "{text}"
        );
    }
    let out = ground
        .command(&program, &["--check", "broken.conf"])
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));

    ground.write("s.conf", CONFIGURATION);
    let socket = ground.path("native.sock");
    let pid_file = ground.path("native.pid");
    let mut child = ground
        .command(&program, &["s.conf", "--identifier", "me", "--http"])
        .arg(&socket)
        .arg("--pidfile")
        .arg(&pid_file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    ground.until("it serves", || {
        std::os::unix::net::UnixStream::connect(&socket).is_ok()
    });
    // It is written after the servers are there, as the original does.
    let read = || std::fs::read_to_string(&pid_file).unwrap_or_default();
    ground.until("the pid file is whole", || read().ends_with('\n'));
    let text = read();
    assert_eq!(text, format!("{}\n", child.id()));
    assert_eq!(said(&ground.ctl(&["pid"])), text);
    let url = format!("unix://{}", socket.display());
    let out = ground
        .command(&tests::tool("supervisorctl"), &["-s", &url, "version"])
        .output()
        .unwrap();
    assert_eq!(said(&out), "4.3.0\n");
    let daemon = Process::open(i32::try_from(child.id()).unwrap()).unwrap();
    assert!(daemon.signal(libc::SIGTERM));
    assert!(child.wait().unwrap().success());
    assert!(!pid_file.exists() && !socket.exists());
}
