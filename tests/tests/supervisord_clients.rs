//! Programs that were written for supervisord, against ours: they must not notice.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::Value;
use tests::{CONFIGURATION, Kind, Peer, said};

fn start(kind: Kind, programs: &str) -> Peer {
    Peer::start(kind, &format!("{CONFIGURATION}{programs}"))
}

/// supervisor's own tests of its client come out the same with ours as with the real daemon.
#[test]
fn supervisors_own_tests_of_its_client() {
    let programs = "
[program:foo]
command=/bin/sh -c \"trap '' HUP; exec sleep 1000\"
startsecs=0
[program:bar]
command=/no/such/program
startsecs=0
startretries=0
autostart=false
[program:baz]
command=/bin/sleep 1000
process_name=baz_%(process_num)02d
numprocs=2
numprocs_start=1
startsecs=0
autostart=false
[program:NO_FILE]
command=/no/such/program
stdout_logfile=NONE
autostart=false
[program:NOT_EXECUTABLE]
command=/etc/passwd
autostart=false
[program:ALREADY_STARTED]
command=/bin/sh -c \"trap '' HUP; exec sleep 1000\"
startsecs=0
[program:NOT_RUNNING]
command=/bin/sleep 1000
startsecs=0
autostart=false
[program:SPAWN_ERROR]
command=/bin/sh -c \"exit 1\"
startretries=0
autostart=false
";
    let replay = |kind| {
        let peer = start(kind, programs);
        // NOT_RUNNING is one of them by name only. What is signalled stays: a test would meet it before
        // or after its end, as it happens.
        peer.wait_until("what starts by itself runs", |peer| {
            peer.ctl(&["status"]).matches(" RUNNING ").count() == 2
        });
        let done = Command::new(tests::tool("python"))
            .arg(tests::repository().join("tests/oracle/client_tests.py"))
            .arg(peer.path("s.sock"))
            .output()
            .expect("python");
        let passed: Value = serde_json::from_slice(&done.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", said(&done)));
        if kind == Kind::Ours {
            peer.ends_well();
        }
        passed
    };
    let (real, ours) = std::thread::scope(|scope| {
        let real = scope.spawn(|| replay(Kind::Real));
        (real.join().unwrap(), replay(Kind::Ours))
    });
    let passed = real
        .as_object()
        .unwrap()
        .values()
        .filter(|passed| **passed == Value::Bool(true))
        .count();
    assert!(passed > 90, "only {passed} tests make sense with a daemon");
    for (name, outcome) in real.as_object().unwrap() {
        assert_eq!(&ours[name], outcome, "{name}");
    }
}

/// Ansible's module says what it changed, and that there was nothing to change.
#[test]
fn ansible() {
    let peer = start(
        Kind::Ours,
        "[program:app]\ncommand=/bin/sleep 1000\nstartsecs=0\nautostart=false\n[include]\nfiles=DIR/conf.d/*.conf\n",
    );
    std::fs::create_dir(peer.path("conf.d")).unwrap();
    let play = |words: &str| {
        let done = Command::new(tests::tool("ansible"))
            .args(["localhost", "--connection", "local", "--one-line"])
            .args(["--module-name", "community.general.supervisorctl"])
            .arg("--args")
            .arg(format!(
                "{words} supervisorctl_path={} config={}",
                tests::tool("supervisorctl").display(),
                peer.path("supervisord.conf").display()
            ))
            .env(
                "ANSIBLE_COLLECTIONS_PATH",
                tests::repository().join("target/ansible"),
            )
            .env("ANSIBLE_HOME", peer.path("ansible"))
            .env("ANSIBLE_LOCALHOST_WARNING", "False")
            .env("ANSIBLE_PYTHON_INTERPRETER", tests::tool("python"))
            .output()
            .expect("ansible");
        let text = said(&done);
        let word = ["CHANGED", "SUCCESS", "FAILED"]
            .into_iter()
            .find(|word| text.contains(&format!("| {word}")))
            .unwrap_or_else(|| panic!("{text}"));
        (word, text)
    };
    for (words, expected) in [
        ("name=app state=started", "CHANGED"),
        ("name=app state=started", "SUCCESS"),
        ("name=app state=restarted", "CHANGED"),
        ("name=app state=signalled signal=CONT", "CHANGED"),
        ("name=app state=stopped", "CHANGED"),
        ("name=app state=stopped", "SUCCESS"),
        ("name=nobody state=started", "FAILED"),
    ] {
        let (word, text) = play(words);
        assert_eq!(word, expected, "{words}: {text}");
    }
    std::fs::write(
        peer.path("conf.d/new.conf"),
        "[program:new]\ncommand=/bin/sleep 1000\nstartsecs=0\n",
    )
    .unwrap();
    for (words, expected) in [
        ("name=new state=present", "CHANGED"),
        ("name=new state=present", "SUCCESS"),
        ("name=new state=stopped", "CHANGED"),
        ("name=new state=absent", "CHANGED"),
    ] {
        let (word, text) = play(words);
        assert_eq!(word, expected, "{words}: {text}");
    }
    peer.ends_well();
}

/// `supervisorctl start deploy` runs a script that itself calls `supervisorctl restart app`.
#[test]
fn a_deploy_job_restarts_the_application() {
    let peer = start(
        Kind::Ours,
        "[program:deploy]\ncommand=DIR/deploy.sh\nautostart=false\nautorestart=false\nstartsecs=0\n\
         [program:app]\ncommand=/bin/sleep 1000\nstartsecs=0\n",
    );
    let script = format!(
        "#!/bin/sh\n{} -c {} restart app\n",
        tests::tool("supervisorctl").display(),
        peer.path("supervisord.conf").display()
    );
    std::fs::write(peer.path("deploy.sh"), script).unwrap();
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(peer.path("deploy.sh"), mode).unwrap();
    let pid = peer.ctl(&["pid", "app"]);
    let started = peer.ctl(&["start", "deploy"]);
    assert_eq!(started, "deploy: started\n");
    peer.wait_until("the application has another process", |peer| {
        let now = peer.ctl(&["pid", "app"]);
        now != pid && now.trim() != "0"
    });
    peer.wait_until("the job has ended", |peer| {
        peer.ctl(&["status", "deploy"]).contains("EXITED")
    });
    let log = peer.ctl(&["tail", "deploy"]);
    assert!(log.contains("app: stopped\napp: started"), "{log}");
    peer.ends_well();
}

/// The same from outside, over TCP with a hashed password, on three daemons from a shell loop.
#[test]
fn a_shell_loop_over_three_daemons() {
    let ports: Vec<u16> = (0..3)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect::<Vec<_>>()
        .iter()
        .map(|listener| listener.local_addr().unwrap().port())
        .collect();
    let peers: Vec<Peer> = ports
        .iter()
        .map(|port| {
            start(
                Kind::Ours,
                &format!(
                    "[inet_http_server]\nport=127.0.0.1:{port}\nusername=secret_user\n\
                     password={{SHA}}e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4\n\
                     [program:app]\ncommand=/bin/sleep 1000\nstartsecs=0\n"
                ),
            )
        })
        .collect();
    let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
    let run = |password: &str| {
        let done = Command::new("sh")
            .arg("-c")
            .arg(format!(
                "for port in {}; do {} -s http://127.0.0.1:$port -u secret_user -p {password} restart app; done",
                ports.join(" "),
                tests::tool("supervisorctl").display()
            ))
            .output()
            .unwrap();
        said(&done)
    };
    assert_eq!(run("secret"), "app: stopped\napp: started\n".repeat(3));
    let refused = run("wrong");
    assert_eq!(
        refused.matches("Server requires authentication").count(),
        3,
        "{refused}"
    );
    for peer in peers {
        peer.ends_well();
    }
}

/// The groups of the founding notes, with programs that are there.
#[test]
fn the_fourfold_groups() {
    let text = std::fs::read_to_string(
        tests::repository().join("tests/corpus/supervisord/seed-fourfold.conf"),
    )
    .unwrap();
    let programs: String = text
        .lines()
        .skip_while(|line| !line.starts_with("[program:"))
        .filter(|line| !line.starts_with("user=") && !line.starts_with("directory="))
        .map(|line| {
            if line.starts_with("command=") {
                "command=/bin/sleep 1000\nstartsecs=0\n".to_owned()
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    let peer = start(Kind::Ours, &programs);
    let status = peer.ctl(&["status"]);
    let names: Vec<&str> = status
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(
        names,
        [
            "fourfold-public:fourfold-node",
            "fourfold-rails:fourfold-queue-worker",
            "fourfold-rails:fourfold-rails-8001",
            "fourfold-rails:fourfold-rails-8002",
        ]
    );
    let restarted = peer.ctl(&["restart", "fourfold-rails:*"]);
    assert_eq!(restarted.matches(": stopped").count(), 3, "{restarted}");
    assert_eq!(restarted.matches(": started").count(), 3, "{restarted}");
    peer.ends_well();
}

/// The complaint of 2006: a reload with a broken file must not end anything, and says where it is.
#[test]
fn a_reload_with_a_broken_file_ends_nothing() {
    let peer = start(
        Kind::Ours,
        "[program:app]\ncommand=/bin/sleep 1000\nstartsecs=0\n",
    );
    let pid = peer.ctl(&["pid", "app"]);
    let conf = peer.path("supervisord.conf");
    let good = std::fs::read_to_string(&conf).unwrap();
    std::fs::write(&conf, format!("{good}startsecs=soon\n")).unwrap();
    let server = format!("unix://{}", peer.path("s.sock").display());
    let reload = |words: &[&str]| {
        // The client must not read the broken file itself.
        Command::new(tests::tool("supervisorctl"))
            .args(["-s", &server])
            .args(words)
            .current_dir("/")
            .output()
            .unwrap()
    };
    for words in [["reload"], ["reread"], ["update"]] {
        let done = reload(&words);
        let text = said(&done);
        assert_eq!(done.status.code(), Some(1), "{words:?}: {text}");
        assert!(
            text.contains("CANT_REREAD") && text.contains("program:app"),
            "{words:?}: {text}"
        );
    }
    // SIGHUP cannot answer: the log says it, with the place.
    let line = good.lines().count() + 1;
    let read = |peer: &Peer| std::fs::read_to_string(peer.path("main.log")).unwrap_or_default();
    let before = read(&peer).len();
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(peer.pid()),
        nix::sys::signal::Signal::SIGHUP,
    )
    .unwrap();
    peer.wait_until("the log names the place", |peer| {
        read(peer)[before..].contains(&format!("supervisord.conf:{line}"))
    });
    std::fs::write(&conf, &good).unwrap();
    assert_eq!(peer.ctl(&["pid", "app"]), pid, "it still runs");
    // With a good file it does what it says.
    let done = reload(&["reload"]);
    assert_eq!(said(&done), "Restarted supervisord\n");
    peer.wait_until("the program was started anew", |peer| {
        let now = peer.ctl(&["pid", "app"]);
        now != pid && now.trim().parse::<u32>().is_ok_and(|pid| pid != 0)
    });
    peer.ends_well();
}

/// The example that the README names: the workers wait for what they depend on.
#[test]
fn the_example() {
    let text = std::fs::read_to_string(
        tests::repository().join("contrib/examples/supervisord/supervisord.conf"),
    )
    .unwrap();
    let port = tests::free_port();
    let text = text
        .replace("%(here)s/supervisor.sock", "DIR/s.sock")
        .replace("childlogdir=/tmp", "childlogdir=DIR")
        .replace("127.0.0.1:9001\n", &format!("127.0.0.1:{port}\n"));
    let peer = Peer::start(Kind::Ours, &text);
    peer.wait_until("everything runs", |peer| {
        peer.ctl(&["status"]).matches("RUNNING").count() == 3
    });
    let log = std::fs::read_to_string(peer.path("supervisord.log")).unwrap();
    let at = |words: &str| log.find(words).unwrap_or_else(|| panic!("{words}: {log}"));
    assert!(at("success: db") < at("spawned: 'worker_00'"), "{log}");
    let said = peer.ctl(&["tail", "worker:worker_01"]);
    assert_eq!(said, "worker 1 is up\n\n");
    peer.ends_well();
}
