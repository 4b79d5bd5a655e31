//! The claim for a supervisord.conf: programs, their output, events and clients survive a manager
//! that is killed at any moment.
//!
//! `RUNNER_TESTS_LONG=1` kills twenty times as often. A run prints its seed; `SEED=n` repeats the
//! choices (not the races).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints the figures"
)]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tests::{CONFIGURATION, Kind, Peer, Process, Random, exactly_once, rpc};
use xmlrpc::Value;

/// Each line of so many is captured.
const MAILED: u64 = 50;

fn rounds() -> u64 {
    if std::env::var_os("RUNNER_TESTS_LONG").is_some() {
        1000
    } else {
        60
    }
}

/// The programs. `DIR` is the directory; a line of `ticking` is `TAG NUMBER`.
fn configuration() -> String {
    let actor = tests::actor().display().to_string();
    let python = tests::tool("python").display().to_string();
    let listener = tests::repository().join("tests/oracle/listener.py");
    let ticking = |tag: &str, rate: u32, log: &str| {
        format!(
            "[program:{tag}]\ncommand={actor} DIR/reports as={tag} lock=DIR/{tag}.lock hold=TERM tick={rate}\n{log}\n"
        )
    };
    // Counts until it is stopped, and says then how far it came. The wait is the test's load.
    let counting = |tag: &str, line: &str, log: &str| {
        format!(
            "[program:{tag}]\ncommand=/bin/bash -c \"n=0; trap 'echo end $n; exit 0' TERM; while :; do {line}; n=$((n+1)); read -t 0.004 <> <(:); done\"\n{log}\n"
        )
    };
    let mut text = format!("{CONFIGURATION}[include]\nfiles=DIR/conf.d/*.conf\n");
    text += &ticking(
        "plain",
        1000,
        "stdout_logfile=DIR/plain.log\nstdout_logfile_maxbytes=64KB\nstdout_logfile_backups=1000",
    );
    text += &ticking("auto", 500, "");
    text += &ticking(
        "shown",
        100,
        "stdout_logfile=/dev/stdout\nstdout_logfile_maxbytes=0",
    );
    text += &counting(
        "stripped",
        r"printf '\033[1mstripped %%08d\033[0m\n' $n",
        "stdout_logfile=DIR/stripped.log\nrunner.log-strip-ansi=true",
    );
    text += &counting(
        "captured",
        "printf 'captured %%08d\\n' $n; ((n %% 50)) || printf '<!--XSUPERVISOR:BEGIN-->mail %%08d<!--XSUPERVISOR:END-->' $n",
        "stdout_logfile=DIR/captured.log\nstdout_capture_maxbytes=1MB",
    );
    text += &counting(
        "both",
        "printf 'both %%08d\\n' $n >&$((1 + n % 2))",
        "stdout_logfile=DIR/both.log\nredirect_stderr=true",
    )
    .replace("n % 2", "n %% 2");
    for number in 0..2 {
        text += &format!(
            "[program:churn{number}]\ncommand={actor} DIR/reports as=churn{number} lock=DIR/churn{number}.lock exit=7\n\
             startsecs=0\nautorestart=true\n"
        );
    }
    text += &format!(
        "[program:cat]\ncommand=/bin/cat\nstdout_logfile=DIR/cat.log\n\
         [program:mortal]\ncommand={actor} DIR/reports as=mortal lock=DIR/mortal.lock pause\n\
         autostart=false\nstartsecs=0\n\
         [group:pair]\nprograms=left,right\npriority=5\n\
         [program:left]\ncommand={actor} DIR/reports as=left lock=DIR/left.lock pause\n\
         [program:right]\ncommand={actor} DIR/reports as=right lock=DIR/right.lock pause\n\
         [eventlistener:mail]\ncommand={python} -u {} DIR/events\nevents=PROCESS_COMMUNICATION\n\
         buffer_size=1000000\nstartsecs=0\n",
        listener.display()
    );
    text
}

struct Scene {
    peer: Peer,
    socket: PathBuf,
}

impl Scene {
    fn call(&self, method: &str, parameters: &[Value]) -> std::io::Result<Value> {
        rpc::call(&self.socket, method, parameters)
    }

    /// Asks until it is answered: whoever was killed in the middle did not.
    #[track_caller]
    fn answer(&self, method: &str, parameters: &[Value]) -> Value {
        let begun = Instant::now();
        loop {
            match self.call(method, parameters) {
                Ok(value) => return value,
                Err(error) => assert!(
                    error.kind() != std::io::ErrorKind::Other
                        && begun.elapsed() < Duration::from_secs(30),
                    "{method}: {error}"
                ),
            }
        }
    }

    fn info(&self, process: &str) -> Value {
        self.answer("supervisor.getProcessInfo", &[text(process)])
    }

    fn state(&self, process: &str) -> String {
        let info = self.info(process);
        let state = info.member("statename").and_then(Value::as_str);
        state.unwrap().to_owned()
    }

    fn pid(&self, process: &str) -> i64 {
        self.info(process)
            .member("pid")
            .and_then(Value::as_int)
            .unwrap()
    }

    #[track_caller]
    fn wait_for(&self, process: &str, state: &str) {
        self.peer.wait_until(&format!("{process} is {state}"), |_| {
            self.state(process) == state
        });
    }

    /// Kills the manager and waits until it is dead.
    fn kill(&self) {
        keeper(&self.peer).kill_manager();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.peer.path(name)).unwrap_or_default()
    }
}

fn keeper(peer: &Peer) -> Process {
    Process::open(peer.pid()).unwrap()
}

fn text(text: &str) -> Value {
    Value::Str(text.to_owned())
}

/// What the actors report, kept from the beginning.
fn reports(socket: UnixDatagram) -> std::sync::mpsc::Receiver<serde_json::Value> {
    let (heard, reports) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length) = socket.recv(&mut buffer) {
            let report = serde_json::from_slice(&buffer[..length]).unwrap();
            if heard.send(report).is_err() {
                return;
            }
        }
    });
    reports
}

/// Follows a log as `supervisorctl tail -f` does, connecting again whenever the manager that served
/// it is gone; within a connection no line may be missing. Gives how many lines were seen.
fn follow(socket: PathBuf, over: Arc<AtomicBool>) -> std::thread::JoinHandle<u64> {
    std::thread::spawn(move || {
        let mut seen = 0;
        while !over.load(Ordering::Relaxed) {
            let Ok(mut stream) = UnixStream::connect(&socket) else {
                continue;
            };
            stream
                .set_read_timeout(Some(Duration::from_millis(500)))
                .unwrap();
            let head = b"GET /logtail/auto/stdout HTTP/1.1\r\nHost: localhost\r\n\r\n";
            let mut bytes = Vec::new();
            let mut buffer = [0; 8192];
            if stream.write_all(head).is_err() {
                continue;
            }
            while let Ok(length) = stream.read(&mut buffer) {
                bytes.extend_from_slice(&buffer[..length]);
                if length == 0 || over.load(Ordering::Relaxed) {
                    break;
                }
            }
            let all = String::from_utf8_lossy(&bytes);
            // Without the head, the sizes of chunks, and what is cut off at both ends.
            let numbers: Vec<u64> = all
                .lines()
                .filter_map(|line| line.strip_prefix("auto ")?.parse().ok())
                .collect();
            let pairs = numbers.windows(2).filter(|two| two[1] != two[0] + 1);
            // A line that a chunk's border divides is seen as two halves.
            let divided = all.lines().filter(|line| {
                !line.is_empty() && "auto ".starts_with(line.get(..5).unwrap_or(line))
            });
            let gaps = pairs.count();
            assert!(gaps <= divided.count(), "{gaps} gaps in what was followed");
            seen += numbers.len() as u64;
        }
        seen
    })
}

/// As [`exactly_once`] for who says itself how far it came.
#[track_caller]
fn counted(tag: &str, text: &str) -> u64 {
    let (lines, end) = text
        .trim_end()
        .rsplit_once("\nend ")
        .unwrap_or_else(|| panic!("{tag} does not say how far it came: {text}"));
    let end = end.parse().unwrap();
    exactly_once(tag, lines, 0..end);
    end
}

#[test]
fn kills_under_load() {
    let mut random = Random::seeded();
    let peer = Peer::start_with(Kind::Ours, &configuration(), |directory| {
        std::fs::create_dir(directory.join("conf.d")).unwrap();
        let socket = UnixDatagram::bind(directory.join("reports")).unwrap();
        reports(socket)
    });
    let (peer, reports) = peer;
    let socket = peer.path("s.sock");
    let scene = Scene { peer, socket };
    let still = [
        "plain",
        "auto",
        "shown",
        "stripped",
        "captured",
        "both",
        "cat",
        "pair:left",
        "pair:right",
        "mail",
    ];
    let mut pids = BTreeMap::new();
    for process in still {
        scene.wait_for(process, "RUNNING");
        pids.insert(process, scene.pid(process));
    }
    let auto = scene.info("auto");
    let auto = auto
        .member("stdout_logfile")
        .and_then(Value::as_str)
        .unwrap();
    let auto = PathBuf::from(auto);
    let over = Arc::new(AtomicBool::new(false));
    let follower = follow(scene.socket.clone(), over.clone());

    let pidfile = scene.read("s.pid");
    assert_eq!(pidfile.trim(), scene.peer.pid().to_string());
    let mut sent = Vec::new();
    let mut known = false;
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    for turn in 0..rounds() {
        // The moment is random: this is the load's pace, nothing is waited for.
        std::thread::sleep(Duration::from_micros(random.below(20_000)));
        match random.below(7) {
            // Orders whose effect the next manager has to finish.
            0 => {
                let _ = scene.call(
                    "supervisor.startProcess",
                    &[text("mortal"), Value::Bool(false)],
                );
                scene.kill();
                let _ = scene.call(
                    "supervisor.stopProcess",
                    &[text("mortal"), Value::Bool(false)],
                );
                scene.kill();
            }
            1 => {
                let _ = scene.call(
                    "supervisor.stopProcess",
                    &[text("mortal"), Value::Bool(true)],
                );
                scene.wait_for("mortal", "STOPPED");
                scene.answer(
                    "supervisor.startProcess",
                    &[text("mortal"), Value::Bool(true)],
                );
                scene.kill();
                assert_eq!(scene.state("mortal"), "RUNNING");
                scene.answer(
                    "supervisor.stopProcess",
                    &[text("mortal"), Value::Bool(true)],
                );
            }
            // A group comes and goes; what was read and not applied is known afterwards.
            2 => {
                let file = scene.peer.path("conf.d/extra.conf");
                if known {
                    std::fs::remove_file(&file).unwrap();
                } else {
                    std::fs::write(&file, "[program:extra]\ncommand=/bin/cat\nstartsecs=0\n")
                        .unwrap();
                }
                let changes = scene.answer("supervisor.reloadConfig", &[]);
                let at = usize::from(known) * 2;
                let named = changes.as_array().unwrap()[0].as_array().unwrap()[at].clone();
                assert_eq!(named, Value::Array(vec![text("extra")]));
                scene.kill();
                // The new manager reads the files again, in its own time.
                scene.peer.wait_until("what was read is known again", |_| {
                    let all = scene.answer("supervisor.getAllConfigInfo", &[]);
                    let extra = Some(text("extra"));
                    let read = all
                        .as_array()
                        .unwrap()
                        .iter()
                        .any(|one| one.member("group") == extra.as_ref());
                    read != known
                });
                if known {
                    scene.answer("supervisor.stopProcessGroup", &[text("extra")]);
                    scene.kill();
                    scene.answer("supervisor.removeProcessGroup", &[text("extra")]);
                } else {
                    scene.answer("supervisor.addProcessGroup", &[text("extra")]);
                    scene.kill();
                    scene.wait_for("extra", "RUNNING");
                }
                known = !known;
            }
            // A line for a program's standard input, and at once no manager.
            3 | 4 => {
                let line = format!("said {turn}\n");
                scene.answer("supervisor.sendProcessStdin", &[text("cat"), text(&line)]);
                sent.push(line);
                scene.kill();
            }
            // Twice in a row, the second time perhaps before it was ready.
            5 => {
                scene.kill();
                std::thread::sleep(Duration::from_micros(random.below(3_000)));
                scene.kill();
            }
            _ => scene.kill(),
        }
        let asked = Instant::now();
        let state = scene.answer("supervisor.getState", &[]);
        slowest = slowest.max(asked.elapsed());
        assert_eq!(state.member("statename"), Some(&text("RUNNING")));
        assert_eq!(scene.read("s.pid"), pidfile);
    }
    println!(
        "{} rounds in {:?}; answering again after {slowest:?} at most",
        rounds(),
        begun.elapsed()
    );

    for (process, pid) in &pids {
        assert_eq!(scene.state(process), "RUNNING", "{process}");
        assert_eq!(scene.pid(process), *pid, "{process} was lost");
    }
    assert_eq!(scene.state("mortal"), "STOPPED");
    // The last words of all are in the logs before their end is told.
    let mails = |scene: &Scene| scene.read("events").lines().count() as u64;
    for process in still {
        if process != "mail" {
            scene.answer(
                "supervisor.stopProcess",
                &[text(process), Value::Bool(true)],
            );
        }
    }
    over.store(true, Ordering::Relaxed);
    let seen = follower.join().unwrap();
    println!("{seen} lines were followed");
    assert!(seen > 0);

    let mut written = BTreeMap::new();
    for report in reports.try_iter() {
        assert_ne!(report["word"], "double", "started twice: {report}");
        if report["word"] == "lines" {
            let tag = report["tag"].as_str().unwrap().to_owned();
            written.insert(tag, report["detail"].as_u64().unwrap());
        }
    }
    println!("lines written: {written:?}");
    let mut plain = String::new();
    for number in (1..=1000).rev() {
        plain += &scene.read(&format!("plain.log.{number}"));
    }
    plain += &scene.read("plain.log");
    exactly_once("plain", &plain, 0..written["plain"]);
    exactly_once(
        "auto",
        &std::fs::read_to_string(auto).unwrap(),
        0..written["auto"],
    );
    // Who stops a program is told when it has ended, not when all it said is written.
    for log in ["stripped.log", "both.log", "captured.log"] {
        scene.peer.wait_until(&format!("{log} has its end"), |_| {
            scene.read(log).contains("\nend ")
        });
    }
    counted("stripped", &scene.read("stripped.log"));
    counted("both", &scene.read("both.log"));
    let mailed = counted("captured", &scene.read("captured.log")).div_ceil(MAILED);
    scene
        .peer
        .wait_until("all that was captured is told", |_| mails(&scene) >= mailed);
    let events = scene.read("events");
    for (number, line) in events.lines().enumerate() {
        let number = number as u64 * MAILED;
        assert!(line.contains(&format!("mail {number:08}")), "{line}");
    }
    assert_eq!(events.lines().count() as u64, mailed);
    assert_eq!(scene.read("cat.log"), sent.concat());

    scene.answer("supervisor.shutdown", &[]);
    // What is shown is a copy: a kill may repeat some of it.
    let console = {
        scene.peer.wait_until("the last line is shown", |peer| {
            let last = format!("shown {:08}", written["shown"] - 1);
            peer.console().contains(&last)
        });
        scene.peer.console()
    };
    assert!(!console.contains("cannot make log file"), "{console}");
    let mut expected = 0;
    for line in console.lines() {
        let Some((_, number)) = line.rsplit_once("shown ") else {
            continue;
        };
        let Ok(number) = number.parse::<u64>() else {
            continue;
        };
        assert!(number <= expected, "lost {expected} to {number}");
        expected = expected.max(number + 1);
    }
    assert_eq!(expected, written["shown"]);
    let socket = scene.socket.clone();
    let (status, left) = scene.peer.ended();
    assert_eq!((status.as_str(), left.len()), ("exited 0", 0), "{left:?}");
    assert!(!socket.exists());
}

/// With no manager at all the keeper stops the groups in supervisord's order: highest priority first.
#[test]
fn the_keeper_alone_stops_groups_in_order() {
    let actor = tests::actor().display().to_string();
    let mut conf = configuration()
        .split("[program:")
        .next()
        .unwrap()
        .to_owned();
    for (name, priority) in [("first", 10), ("second", 20), ("third", 999)] {
        conf += &format!(
            "[program:{name}]\ncommand={actor} DIR/reports as={name} hold=TERM tell=up await tell=down\n\
             priority={priority}\n"
        );
    }
    let (peer, reports) = Peer::start_with(Kind::Ours, &conf, |directory| {
        let socket = UnixDatagram::bind(directory.join("reports")).unwrap();
        reports(socket)
    });
    let mut up = 0;
    let mut down = Vec::new();
    let keeper = keeper(&peer);
    while up < 3 {
        let report = reports.recv_timeout(Duration::from_secs(60)).unwrap();
        up += u8::from(report["word"] == "up");
    }
    // No manager lives longer than a moment: the keeper has to give up on them.
    while down.len() < 3 {
        if let Ok(report) = reports.try_recv() {
            if report["word"] == "down" {
                down.push(report["tag"].as_str().unwrap().to_owned());
            }
        } else if let Some(manager) = keeper.manager() {
            manager.signal(libc::SIGABRT);
        }
    }
    assert_eq!(down, ["third", "second", "first"]);
    let (status, left) = peer.ended();
    assert_eq!((status.as_str(), left.len()), ("exited 1", 0), "{left:?}");
}
