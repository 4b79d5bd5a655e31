//! runnerd as a service of the real systemd, by the unit files that we ship: its restart and the
//! death of its keeper are noticed by nobody, and stopping it stops everything in order.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking: what it was asked for is not there"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use serde_json::Value;
use tests::{Init, Machine, exactly_once, repository};

/// What runs below it: a server that is started by its first connection and answers with its pid, a
/// writer of numbered lines, and two whose order at the end is seen.
const UNITS: &[(&str, &str)] = &[
    (
        "web.toml",
        r#"
        [service]
        exec-start = "/run/bin/actor /run/board as=web serve"
        [socket]
        listen-stream = "127.0.0.1:8080"
        "#,
    ),
    (
        "writer.toml",
        r#"
        [service]
        exec-start = "/run/bin/actor /run/board as=writer hold=TERM tick=2000"
        log-file = "/run/writer.log"
        log-max-size = "infinity"
        "#,
    ),
    (
        "first.toml",
        r#"
        [service]
        exec-start = "/bin/sleep infinity"
        exec-stop-post = "/bin/sh -c 'echo first >>/run/order'"
        "#,
    ),
    (
        "second.toml",
        r#"
        [service]
        exec-start = "/bin/sleep infinity"
        exec-stop-post = "/bin/sh -c 'echo second >>/run/order'"
        after = ["first.service"]
        "#,
    ),
];

/// Where its console is.
const LOG: &str = "/run/runnerd.log";
const DROP_IN: &str = "runnerd.service.d/log.conf";
const CONSOLE: &str = "[Service]\nExecStart=\nExecStart=/usr/bin/runnerd --log-target=console\n\
    StandardOutput=append:/run/runnerd.log\nStandardError=append:/run/runnerd.log\n";

/// A machine of systemd's with runnerd on it.
struct Host {
    machine: Machine,
    /// Where actors report.
    board: UnixDatagram,
    _directories: [tempfile::TempDir; 2],
}

impl Host {
    /// Boots it with our unit files.
    fn boot_bare(change: impl FnOnce(&Path)) -> Host {
        let (units, layer) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let shipped = repository().join("contrib/systemd");
        for name in ["runnerd.service", "runnerd.socket", "runnerd-rpc.socket"] {
            fs::copy(shipped.join(name), units.path().join(name)).unwrap();
        }
        let of_users = "etc/systemd/user";
        for directory in ["usr/bin", "etc/runner/units", of_users] {
            fs::create_dir_all(layer.path().join(directory)).unwrap();
        }
        for name in ["runnerd.service", "runnerd.socket"] {
            let target = layer.path().join(of_users).join(name);
            fs::copy(shipped.join("user").join(name), target).unwrap();
        }
        let catalog = layer.path().join("usr/lib/systemd/catalog");
        fs::create_dir_all(&catalog).unwrap();
        fs::copy(
            shipped.join("runner.catalog"),
            catalog.join("runner.catalog"),
        )
        .unwrap();
        for program in ["runnerd", "runnerctl"] {
            let link = layer.path().join("usr/bin").join(program);
            symlink(format!("/run/bin/{program}"), link).unwrap();
        }
        for (name, text) in UNITS {
            fs::write(layer.path().join("etc/runner/units").join(name), text).unwrap();
        }
        // What it has to say is for the report of a failure.
        fs::create_dir(units.path().join("runnerd.service.d")).unwrap();
        fs::write(units.path().join(DROP_IN), CONSOLE).unwrap();
        change(units.path());
        let machine = Machine::boot_with(Init::Systemd, units.path(), Some(layer.path()), &[]);
        let board = UnixDatagram::bind(machine.file("/run/board")).unwrap();
        board
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        Host {
            machine,
            board,
            _directories: [units, layer],
        }
    }

    /// Boots it, and starts runnerd with its sockets. `change` is for the unit files of the host.
    fn boot(change: impl FnOnce(&Path)) -> Host {
        let host = Host::boot_bare(change);
        host.systemctl(&["start", "runnerd.socket", "runnerd-rpc.socket", "runnerd"]);
        host
    }

    /// Has systemd do something, which must succeed.
    #[track_caller]
    fn systemctl(&self, words: &[&str]) -> String {
        let outcome = self.machine.systemctl(words);
        assert_eq!(
            outcome.code,
            0,
            "{words:?}: {outcome:?}\n{}",
            self.console()
        );
        outcome.stdout.trim_end().to_owned()
    }

    /// What systemd and runnerd have said.
    fn console(&self) -> String {
        let log = fs::read(self.machine.file(LOG)).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        format!("{}--- runnerd\n{log}", self.machine.console())
    }

    /// A property of runnerd's unit.
    #[track_caller]
    fn own(&self, property: &str) -> String {
        self.systemctl(&["show", "runnerd", "-P", property])
    }

    /// Has runnerd do something, which must succeed.
    #[track_caller]
    fn runnerctl(&self, words: &[&str]) -> String {
        let outcome = self.machine.run(&[&["runnerctl"], words].concat());
        assert_eq!(
            outcome.code,
            0,
            "{words:?}: {outcome:?}\n{}",
            self.console()
        );
        outcome.stdout.trim_end().to_owned()
    }

    /// A property of a unit of runnerd's.
    #[track_caller]
    fn show(&self, unit: &str, property: &str) -> String {
        self.runnerctl(&["show", unit, "-p", property, "--value"])
    }

    /// The pids of those who must notice nothing.
    #[track_caller]
    fn pids(&self) -> Vec<String> {
        ["web", "writer", "first", "second"]
            .map(|unit| self.show(unit, "MainPID"))
            .into()
    }

    /// Waits until an actor reports this.
    fn reported(&self, tag: &str, word: &str) -> Value {
        let mut buffer = [0; 4_096];
        loop {
            let length = self.board.recv(&mut buffer).unwrap();
            let event: Value = serde_json::from_slice(&buffer[..length]).unwrap();
            if event["tag"] == tag && event["word"] == word {
                return event["detail"].clone();
            }
        }
    }

    /// Waits until another keeper runs, with everything taken over.
    #[track_caller]
    fn await_another(&self, keeper: &str) {
        self.machine.until("another keeper runs", || {
            let own = |property| self.machine.systemctl(&["show", "runnerd", "-P", property]);
            own("ActiveState").stdout.trim() == "active"
                && !["0", keeper].contains(&own("MainPID").stdout.trim())
        });
    }

    /// The writer is stopped; each of its lines must be there.
    #[track_caller]
    fn check_lines(&self) {
        self.runnerctl(&["stop", "writer"]);
        let count = self.reported("writer", "lines").as_u64().unwrap();
        let log = fs::read_to_string(self.machine.file("/run/writer.log")).unwrap();
        exactly_once("writer", &log, 0..count);
    }
}

/// Connects again and again, and says of each connection what came of it.
const CLIENT: &str = r#"
while [ ! -e /run/enough ]; do
    if exec 3<>/dev/tcp/127.0.0.1/8080; then
        printf 'GET / HTTP/1.0\r\n\r\n' >&3
        tail -1 <&3; echo
        exec 3>&-
    else
        echo refused
    fi
done
"#;

/// Clients that hold the server busy.
fn clients(host: &Host) -> Child {
    host.machine.begin(&["bash", "-c", CLIENT])
}

/// All connections of these clients have been answered, and not a few.
#[track_caller]
fn check_clients(host: &Host, clients: Child) {
    fs::write(host.machine.file("/run/enough"), "").unwrap();
    let output = clients.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let answers = text.lines().filter(|line| !line.trim().is_empty()).count();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        !text.contains("refused") && errors.is_empty(),
        "{text}{errors}"
    );
    assert!(answers > 10, "{text}");
}

#[test]
fn starts_by_its_socket_and_says_when_it_is_ready() {
    let host = Host::boot(|_| {});
    host.systemctl(&["stop", "runnerd"]);
    // Who asks starts it, and finds the socket that systemd has opened.
    host.machine.until("everything is up", || {
        host.show("writer", "ActiveState") == "active" && host.own("ActiveState") == "active"
    });
    assert_eq!(host.own("StatusText"), "Running.");
    assert_eq!(host.own("NFileDescriptorStore"), "2");
    let pid = fs::read_to_string(host.machine.file("/run/runner/pid")).unwrap();
    assert_eq!(pid.trim(), host.own("MainPID"));
    // The other socket is systemd's too.
    let script = "stat -c %a /run/runner/bus /run/runner/supervisor.sock";
    assert_eq!(host.machine.run(&["sh", "-c", script]).stdout, "666\n700\n");
    let rpc = ["runnerctl", "status"];
    assert_eq!(host.machine.run(&rpc).code, 0);
}

#[test]
fn a_restart_is_noticed_by_nobody() {
    let host = Host::boot(|_| {});
    let clients = clients(&host);
    host.reported("web", "serving");
    let before = host.pids();
    for _ in 0..3 {
        let keeper = host.own("MainPID");
        host.systemctl(&["restart", "runnerd"]);
        assert_ne!(host.own("MainPID"), keeper);
        assert_eq!(host.pids(), before, "{}", host.console());
    }
    check_clients(&host, clients);
    host.check_lines();
    // What ends now ends as ever.
    host.runnerctl(&["kill", "-s", "KILL", "first"]);
    host.machine.until("how it ended is known", || {
        host.show("first", "Result") == "signal"
    });
}

#[test]
fn a_killed_keeper_is_noticed_by_nobody() {
    let host = Host::boot(|_| {});
    let clients = clients(&host);
    host.reported("web", "serving");
    let before = host.pids();
    for _ in 0..5 {
        let keeper = host.own("MainPID");
        host.systemctl(&["kill", "--kill-whom=main", "-s", "KILL", "runnerd"]);
        host.await_another(&keeper);
        assert_eq!(host.pids(), before, "{}", host.console());
    }
    check_clients(&host, clients);
    host.check_lines();
}

#[test]
fn a_keeper_killed_with_its_manager_is_noticed_by_nobody() {
    let host = Host::boot(|_| {});
    let clients = clients(&host);
    host.reported("web", "serving");
    let before = host.pids();
    for keeper_first in [true, false, true, false] {
        let keeper = host.own("MainPID");
        let found = host.machine.run(&["pgrep", "-P", &keeper, "-x", "runnerd"]);
        let manager = found.stdout.trim().to_owned();
        assert_ne!(manager, "");
        let mut both = [&*keeper, &*manager];
        if !keeper_first {
            both.reverse();
        }
        let killed = host.machine.run(&["kill", "-KILL", both[0], both[1]]);
        // The first may have taken the second along.
        assert!(killed.code == 0 || keeper_first, "{killed:?}");
        host.await_another(&keeper);
        assert_eq!(host.pids(), before, "{}", host.console());
    }
    check_clients(&host, clients);
    host.check_lines();
}

/// systemd has no other program to fall back to, and tries this one again until somebody mends it.
#[test]
fn a_program_that_is_broken_stops_nothing_and_one_that_is_mended_takes_over() {
    let host = Host::boot(|_| {});
    let clients = clients(&host);
    host.reported("web", "serving");
    let before = host.pids();
    let installed = host.machine.file("/usr/bin/runnerd");
    let aside = host.machine.file("/usr/bin/runnerd.good");
    for broken in ["#!/bin/sh\necho broken >&2; exit 1\n", "no program at all"] {
        let keeper = host.own("MainPID");
        fs::rename(&installed, &aside).unwrap();
        fs::write(&installed, broken).unwrap();
        fs::set_permissions(&installed, fs::Permissions::from_mode(0o755)).unwrap();
        let restarted = host.machine.systemctl(&["restart", "runnerd"]);
        assert_eq!(restarted.code, 1, "{restarted:?}");
        assert!(
            restarted.stderr.contains("journalctl -xeu runnerd.service"),
            "{restarted:?}"
        );
        for pid in before.iter().filter(|pid| *pid != "0") {
            let process = host.machine.file(&format!("/proc/{pid}"));
            assert!(process.exists(), "{pid}\n{}", host.console());
        }
        fs::rename(&aside, &installed).unwrap();
        host.await_another(&keeper);
        assert_eq!(host.pids(), before, "{}", host.console());
    }
    check_clients(&host, clients);
    host.check_lines();
}

#[test]
fn stopping_stops_everything_in_order() {
    let host = Host::boot(|_| {});
    let keeper = host.own("MainPID");
    host.systemctl(&["kill", "--kill-whom=main", "-s", "KILL", "runnerd"]);
    host.await_another(&keeper);
    let pids = host.pids();
    host.systemctl(&["stop", "runnerd"]);
    let order = fs::read_to_string(host.machine.file("/run/order")).unwrap();
    assert_eq!(order, "second\nfirst\n");
    for pid in pids.iter().filter(|pid| *pid != "0") {
        assert!(
            !host.machine.file(&format!("/proc/{pid}")).exists(),
            "{pid}"
        );
    }
    assert_eq!(host.own("Result"), "success");
    assert_eq!(host.own("NFileDescriptorStore"), "0");
    // And then everything is new.
    host.systemctl(&["start", "runnerd"]);
    assert_ne!(host.show("first", "MainPID"), pids[2]);
}

#[test]
fn a_keeper_that_does_not_come_back_is_the_end_of_all() {
    let host = Host::boot(|units| {
        let path = units.join("runnerd.service.d/never.conf");
        fs::write(path, "[Service]\nRestart=no\n").unwrap();
    });
    let pids = host.pids();
    host.systemctl(&["kill", "--kill-whom=main", "-s", "KILL", "runnerd"]);
    // Nobody is to come: systemd gives the store up, and the manager hears of it.
    host.machine.until("everything was stopped", || {
        host.own("ActiveState") == "failed"
            && host.machine.run(&["pgrep", "-x", "runnerd"]).code == 1
    });
    for pid in pids.iter().filter(|pid| *pid != "0") {
        let process = host.machine.file(&format!("/proc/{pid}"));
        assert!(!process.exists(), "{pid}\n{}", host.console());
    }
    assert_eq!(host.own("NFileDescriptorStore"), "0");
    let log = host.console();
    assert!(
        log.contains("the keeper is gone: stopping everything"),
        "{log}"
    );
}

#[test]
fn how_a_process_ended_meanwhile_is_known_or_said_to_be_unknown() {
    let host = Host::boot(|units| {
        let path = units.join("runnerd.service.d/slow.conf");
        fs::write(path, "[Service]\nRestartSec=500ms\n").unwrap();
    });
    let keeper = host.own("MainPID");
    let pids = host.pids();
    host.systemctl(&["kill", "--kill-whom=main", "-s", "KILL", "runnerd"]);
    // While there is no keeper.
    assert_eq!(host.machine.run(&["kill", "-s", "ABRT", &pids[2]]).code, 0);
    host.await_another(&keeper);
    host.machine.until("its end is known", || {
        host.show("first", "ActiveState") == "failed"
    });
    let result = host.show("first", "Result");
    assert!(
        ["signal", "core-dump", "protocol"].contains(&&*result),
        "{result}"
    );
    assert_eq!(host.show("second", "MainPID"), pids[3]);
}

#[test]
fn a_hung_keeper_is_ended_by_the_watchdog_and_a_hung_manager_by_the_keeper() {
    let host = Host::boot(|units| {
        let path = units.join("runnerd.service.d/watchdog.conf");
        fs::write(path, "[Service]\nWatchdogSec=2s\n").unwrap();
    });
    let before = host.pids();
    let keeper = host.own("MainPID");
    // A manager that was stopped is woken by the keeper.
    let script = format!("kill -STOP $(pgrep -P {keeper} -x runnerd)");
    assert_eq!(host.machine.run(&["sh", "-c", &script]).code, 0);
    assert_eq!(host.pids(), before);
    assert_eq!(host.own("MainPID"), keeper);
    // Nobody wakes the keeper.
    host.systemctl(&["kill", "--kill-whom=main", "-s", "STOP", "runnerd"]);
    host.await_another(&keeper);
    assert_eq!(host.own("NRestarts"), "1");
    assert_eq!(host.pids(), before, "{}", host.console());
}

#[test]
fn reloads_with_its_own_answer() {
    let host = Host::boot(|_| {});
    let before = host.pids();
    let file = host.machine.file("/etc/runner/units/third.toml");
    fs::write(&file, "[service]\nexec-start = \"/bin/sleep infinity\"\n").unwrap();
    host.systemctl(&["reload", "runnerd"]);
    assert_eq!(host.show("third", "LoadState"), "loaded");
    fs::write(&file, "[service]\nexec-strat = \"/bin/sleep infinity\"\n").unwrap();
    assert_ne!(host.machine.systemctl(&["reload", "runnerd"]).code, 0);
    assert_eq!(host.own("ActiveState"), "active");
    assert_eq!(host.pids(), before);
}

#[test]
fn logs_are_in_the_journal_of_the_host() {
    let host = Host::boot_bare(|units| fs::remove_file(units.join(DROP_IN)).unwrap());
    host.systemctl(&["start", "systemd-journald"]);
    host.systemctl(&["start", "runnerd"]);
    host.runnerctl(&["run", "--unit=chat", "--wait", "--", "/bin/echo", "a word"]);
    let journal = |words: &[&str]| {
        let all = [
            &["journalctl", "--no-pager", "_SYSTEMD_UNIT=runnerd.service"],
            words,
        ];
        host.machine.run(&all.concat()).stdout
    };
    host.machine.until("journald has written it", || {
        journal(&["-o", "cat", "UNIT=chat.service"])
            .lines()
            .any(|line| line == "a word")
    });
    // By its own name, although systemd knows no such unit.
    let found = host.machine.run(&[
        "journalctl",
        "--quiet",
        "--no-pager",
        "-o",
        "cat",
        "-u",
        "chat",
    ]);
    assert!(
        found.stdout.lines().any(|line| line == "a word") && found.stdout.contains("starting chat"),
        "{found:?}"
    );
    // By systemd's own ids, so its catalog says what they mean.
    let started = [
        "-x",
        "UNIT=first.service",
        "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf",
    ];
    host.machine.until("the catalog explains it", || {
        journal(&started).contains("Subject: A start job for unit first.service has finished")
    });
    // And by ours where it has none.
    let updated = host.machine.run(&["journalctl", "--update-catalog"]);
    assert_eq!((updated.code, updated.stderr.as_str()), (0, ""));
    host.systemctl(&["reload", "runnerd"]);
    let read = ["-x", "MESSAGE_ID=9f0e1dcb5d0b4bb9a8f3c7cf5be0a4e7"];
    host.machine.until("our catalog explains it", || {
        journal(&read).contains("Subject: Unit files have been read again")
    });
}

#[test]
fn a_user_runs_it_too() {
    let host = Host::boot_bare(|_| {});
    let prepare = "mkdir -p /run/user/1 /run/conf/runner/units && chown 1:1 /run/user/1 &&
        printf '[service]\\nexec-start = \"/bin/sleep infinity\"\\n' >/run/conf/runner/units/own.toml &&
        systemd-run --quiet --unit=manager -p User=1 -p Delegate=yes -E XDG_RUNTIME_DIR=/run/user/1 \\
            -E XDG_CONFIG_HOME=/run/conf /lib/systemd/systemd --user --log-target=console";
    let prepared = host.machine.run(&["sh", "-c", prepare]);
    assert_eq!(prepared.code, 0, "{prepared:?}");
    let user = |words: &[&str]| {
        let who = ["setpriv", "--reuid=1", "--regid=1", "--clear-groups", "env"];
        let all = [&who[..], &["XDG_RUNTIME_DIR=/run/user/1"], words];
        host.machine.run(&all.concat())
    };
    host.machine.until("the user's systemd is there", || {
        user(&["systemctl", "--user", "is-active", "basic.target"]).code == 0
    });
    let started = user(&["systemctl", "--user", "start", "runnerd.socket", "runnerd"]);
    assert_eq!(started.code, 0, "{started:?}\n{}", host.console());
    let pid = || user(&["runnerctl", "show", "own", "-p", "MainPID", "--value"]).stdout;
    let keeper = || user(&["systemctl", "--user", "show", "runnerd", "-P", "MainPID"]).stdout;
    let (before, first) = (pid(), keeper());
    assert!(
        before.trim().parse::<u32>().is_ok_and(|pid| pid > 0),
        "{before}"
    );
    assert_eq!(user(&["systemctl", "--user", "restart", "runnerd"]).code, 0);
    assert_eq!(pid(), before);
    assert_ne!(keeper(), first);
    assert_eq!(user(&["systemctl", "--user", "stop", "runnerd"]).code, 0);
    let gone = format!("/proc/{}", before.trim());
    assert!(!host.machine.file(&gone).exists());
}

#[test]
fn a_supervisord_conf_is_run_on_as_well() {
    let host = Host::boot_bare(|units| {
        let command = CONSOLE.replace("--log-target=console", "-c /etc/runner/supervisord.conf");
        fs::write(units.join(DROP_IN), command).unwrap();
    });
    let conf = "[supervisord]\nlogfile=/run/sv/log\npidfile=/run/sv/pid\nuser=daemon\n\
        [program:rest]\ncommand=/bin/sleep infinity\n";
    fs::write(host.machine.file("/etc/runner/supervisord.conf"), conf).unwrap();
    let prepare = "mkdir /run/sv && chown daemon /run/sv";
    assert_eq!(host.machine.run(&["sh", "-c", prepare]).code, 0);
    // Who is not root asks systemd on the bus.
    host.systemctl(&["start", "dbus.socket", "dbus.service", "runnerd"]);
    let program = || host.machine.run(&["pgrep", "-x", "sleep"]).stdout;
    let (keeper, before) = (host.own("MainPID"), program());
    assert_ne!(before, "");
    host.systemctl(&["restart", "runnerd"]);
    let heir = host.own("MainPID");
    assert_ne!(heir, keeper, "{}", host.console());
    assert_eq!(program(), before, "{}", host.console());
    // It began as root, and has no more rights than the one before.
    let status = fs::read_to_string(host.machine.file(&format!("/proc/{heir}/status"))).unwrap();
    assert!(status.contains("Uid:\t1\t1\t1\t1\n"), "{status}");
    host.systemctl(&["stop", "runnerd"]);
    let log = fs::read_to_string(host.machine.file("/run/sv/log")).unwrap();
    assert_eq!(program(), "", "{log}");
    // In the original's words.
    let said = "received SIGTERM indicating exit request";
    assert!(log.contains(said), "{log}");
}
