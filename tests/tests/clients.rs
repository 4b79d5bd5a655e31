//! Real programs, started from the examples as a user would, and real tools talking to us.

use std::process::{Command, Stdio};
use tests::{Client, World, get, repository, tool};

fn root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[test]
fn redis() {
    let mut world = World::new();
    world.example("redis", &[]);
    world.start();
    let cli = |words: &[&str]| {
        let host = world.host().to_owned();
        let mut all = vec!["-h", &host, "-p", "6379"];
        all.extend(words);
        world.tool("redis-cli", &all)
    };
    // Ready means ready: the very first request is answered.
    assert_eq!(cli(&["ping"]).ok().trim(), "PONG");
    assert_eq!(world.show("redis.service", "Type"), "notify");
    assert!(world.show("redis.service", "StatusText").contains("Ready"));
    let main = world.main_process("redis.service");
    assert!(
        cli(&["info", "server"])
            .ok()
            .contains(&format!("process_id:{}", main.pid))
    );
    // It dies: it is there again.
    main.signal(libc::SIGSEGV);
    assert!(main.gone_within(std::time::Duration::from_secs(30)));
    world.wait_for("redis.service", "ready");
    assert_eq!(cli(&["ping"]).ok().trim(), "PONG");
    assert_eq!(world.show("redis.service", "NRestarts"), "1");
    world.ctl(&["stop", "redis"]).ok();
    assert_eq!(world.show("redis.service", "Result"), "success");
    assert_ne!(cli(&["ping"]).code, 0);
}

#[test]
fn gunicorn() {
    let gunicorn = tool("gunicorn").display().to_string();
    let mut world = World::new();
    world.example("gunicorn", &[("/usr/bin/gunicorn", &gunicorn)]);
    world.start();
    assert_eq!(world.show("gunicorn.service", "ActiveState"), "inactive");
    let address = format!("{}:8000", world.host());
    let first = get(&address).unwrap();
    assert!(first.contains("gunicorn "), "{first}");
    world.wait_for("gunicorn.service", "ready");
    let main = world.main_process("gunicorn.service");
    assert!(
        first.contains(&format!("gunicorn {} ", main.pid)),
        "{first}"
    );
    // Its own reload keeps the master.
    world.ctl(&["reload", "gunicorn"]).ok();
    assert_eq!(world.main_process("gunicorn.service").pid, main.pid);

    let client = Client::start(&address, 200);
    for _ in 0..3 {
        world.ctl(&["restart", "gunicorn"]).ok();
        assert!(get(&address).unwrap().contains("200 OK"));
    }
    let tally = client.stop();
    assert!(
        tally.failed.is_empty(),
        "{} of {} requests failed: {:?}",
        tally.failed.len(),
        tally.answered + tally.failed.len() as u64,
        &tally.failed[..tally.failed.len().min(5)]
    );
    assert!(tally.answered >= 100, "{tally:?}");
    println!(
        "{} requests answered over 3 restarts, slowest {:?}",
        tally.answered, tally.slowest
    );
}

#[test]
fn dbus_daemon() {
    let mut world = World::new();
    world.example("dbus-daemon", &[]);
    world.start();
    assert_eq!(world.show("dbus.service", "ActiveState"), "inactive");
    let address = world.fill("--address=unix:path=@dir@/run/dbus-example/bus");
    let names = world.tool("busctl", &[&address, "list", "--no-pager"]).ok();
    assert!(names.contains("org.freedesktop.DBus"), "{names}");
    assert_eq!(world.show("dbus.service", "ActiveState"), "active");
    let main = world.main_process("dbus.service").pid.to_string();
    let status = world.tool("busctl", &[&address, "status", "org.freedesktop.DBus"]);
    assert!(status.code == 0 || !main.is_empty(), "{}", status.stderr);
    world.ctl(&["stop", "dbus.service"]).ok();
    // The address is still there, and the next client has a bus again.
    world.tool("busctl", &[&address, "list", "--no-pager"]).ok();
}

#[test]
fn nginx() {
    let mut world = World::new();
    world.example("nginx", &[]);
    world.start();
    let address = format!("{}:8090", world.host());
    assert!(get(&address).unwrap().ends_with("nginx\n"));
    let main = world.main_process("nginx.service");
    let written = std::fs::read_to_string(world.path("run/nginx-example/nginx.pid")).unwrap();
    assert_eq!(written.trim(), main.pid.to_string());
    // A new configuration, the same process.
    let path = world.path("units/nginx.conf");
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("nginx\\n", "second\\n");
    std::fs::write(&path, text).unwrap();
    world.ctl(&["reload", "nginx"]).ok();
    let second = || get(&address).unwrap().ends_with("second\n");
    world.until("the new configuration", second);
    assert_eq!(world.main_process("nginx.service").pid, main.pid);
    // A broken one refuses the start, by its exec-start-pre.
    world.ctl(&["stop", "nginx"]).ok();
    assert!(main.is_gone());
    std::fs::write(&path, "nonsense").unwrap();
    assert_eq!(world.ctl(&["start", "nginx"]).code, 1);
}

#[test]
fn postgres() {
    let mut world = World::new();
    if root() {
        world.example("postgres", &[]);
    } else {
        world.example(
            "postgres",
            &[
                ("user = \"postgres\"\n", ""),
                (
                    "+install -d -m 0750 -o postgres -g postgres",
                    "install -d -m 0750",
                ),
            ],
        );
    }
    world.start();
    assert_eq!(world.show("postgres-init.service", "SubState"), "exited");
    let user = if root() {
        "postgres".into()
    } else {
        std::env::var("USER").unwrap_or_default()
    };
    let query = || {
        let host = world.host().to_owned();
        world.tool(
            "psql",
            &[
                "-h",
                &host,
                "-U",
                &user,
                "-d",
                "postgres",
                "-Atc",
                "select 6 * 7",
            ],
        )
    };
    assert_eq!(query().ok().trim(), "42");
    let main = world.main_process("postgres.service");
    world.ctl(&["restart", "postgres"]).ok();
    assert!(main.is_gone());
    assert_eq!(query().ok().trim(), "42");
    assert_eq!(world.show("postgres.service", "Result"), "success");
    world.ctl(&["stop", "postgres"]).ok();
    assert_eq!(world.show("postgres.service", "Result"), "success");
    assert_ne!(query().code, 0);
}

#[test]
fn systemd_notify() {
    let mut world = World::new();
    for (name, words) in [
        ("x", "--ready --status='by the tool'"),
        ("y", "--pid=$$ --ready --status=mine"),
    ] {
        world.unit(
            &format!("{name}.toml"),
            &format!(
                "[service]\ntype = \"notify\"\nnotify-access = \"all\"\n\
                 exec-start = [':/bin/sh', '-c', '''systemd-notify {words}; exec sleep infinity''']\n"
            ),
        );
    }
    world.start();
    world.wait_for("x.service", "ready");
    assert_eq!(world.show("x.service", "StatusText"), "by the tool");
    world.wait_for("y.service", "ready");
    assert_eq!(world.show("y.service", "StatusText"), "mine");
}

/// Our own listeners can be inherited: the daemon is started by its first client.
#[test]
fn systemd_socket_activate() {
    let mut world = World::new();
    world.unit(
        "web.toml",
        "[socket]\nlisten-stream = \"@host@:80\"\n[service]\nexec-start = \"@actor@ as=web facts serve\"\n",
    );
    let tool = tool("systemd-socket-activate").display().to_string();
    world.wrapper(&[
        &tool,
        "--listen=@host@:80",
        "-E",
        "NOTIFY_SOCKET=@dir@/ready",
        "-E",
        "HOME=@dir@/home",
    ]);
    world.launch();
    // Connections wait in the listener until the daemon that it starts has started the service.
    let address = format!("{}:80", world.host());
    // The tool itself may not have opened its listener yet: only then a connection is refused.
    world.until("the tool listens", || {
        std::net::TcpStream::connect(&address).is_ok()
    });
    let answer = get(&address).unwrap();
    assert!(answer.contains("web "), "{answer}");
    let facts = world.event("web", "facts");
    assert_eq!(facts.detail["environment"]["LISTEN_FDS"], "1");
    assert_eq!(world.show("web.socket", "SubState"), "running");
    // It was taken over and not opened a second time, also by the next manager.
    world.kill_manager();
    world.answers();
    assert!(get(&address).unwrap().contains("web "));
}

// The private bus, with the tools people have.

fn bus_world() -> World {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\ndescription = \"An example\"\nexec-start = \"@actor@ as=x tell=up pause\"\n",
    );
    world.start();
    world.event("x", "up");
    world
}

const NAME: &str = "org.unitrunner.Runner1";
const MANAGER: &str = "/org/unitrunner/Runner1";
const UNIT: &str = "/org/unitrunner/Runner1/unit/x_2eservice";

#[test]
fn busctl() {
    let world = bus_world();
    let address = world.fill("--address=unix:path=@dir@/run/bus");
    let busctl = |words: &[&str]| {
        let mut all = vec![address.as_str(), "--no-pager"];
        all.extend(words);
        world.tool("busctl", &all).ok()
    };
    assert!(busctl(&["list"]).contains(NAME));
    let tree = busctl(&["tree", NAME]);
    assert!(tree.contains(MANAGER) && tree.contains(UNIT), "{tree}");
    let manager = busctl(&["introspect", NAME, MANAGER]);
    for word in ["StartUnit", "ListUnits", "Version", "JobRemoved"] {
        assert!(manager.contains(word), "{word}: {manager}");
    }
    let unit = busctl(&["introspect", NAME, UNIT]);
    assert!(
        unit.contains("ActiveState") && unit.contains("\"active\""),
        "{unit}"
    );
    let interface = format!("{NAME}.Manager");
    let call = |words: &[&str]| {
        let mut all = vec!["call", NAME, MANAGER, &interface];
        all.extend(words);
        busctl(&all)
    };
    assert!(call(&["ListUnits"]).contains("x.service"));
    assert!(call(&["GetUnit", "s", "x.service"]).contains("x_2eservice"));
    assert!(call(&["RestartUnit", "ss", "x.service", "replace"]).contains("/job/"));
    world.event("x", "up");
    let state = busctl(&[
        "get-property",
        NAME,
        UNIT,
        &format!("{NAME}.Unit"),
        "ActiveState",
    ]);
    assert_eq!(state.trim(), "s \"active\"");
    let refused = world.tool(
        "busctl",
        &[
            &address,
            "call",
            NAME,
            MANAGER,
            &interface,
            "StartUnit",
            "ss",
            "none.service",
            "replace",
        ],
    );
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("none.service"),
        "{}",
        refused.stderr
    );
}

#[test]
fn busctl_monitor_sees_the_signals() {
    use std::io::BufRead;
    let world = bus_world();
    let address = world.fill("--address=unix:path=@dir@/run/bus");
    let mut monitor = Command::new(tool("busctl"))
        .args([&address, "monitor", "--json=short"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // "Monitoring bus message stream." comes when it listens.
    let mut said = std::io::BufReader::new(monitor.stderr.take().unwrap()).lines();
    assert!(said.next().unwrap().unwrap().contains("Monitoring"));
    world.ctl(&["stop", "x"]).ok();
    let lines = std::io::BufReader::new(monitor.stdout.take().unwrap()).lines();
    let mut wanted = vec!["JobNew", "JobRemoved", "PropertiesChanged"];
    for line in lines {
        let line = line.unwrap();
        wanted.retain(|word| !line.contains(word));
        if wanted.is_empty() {
            break;
        }
    }
    monitor.kill().unwrap();
    monitor.wait().unwrap();
    assert!(wanted.is_empty(), "never seen: {wanted:?}");
}

#[test]
fn gdbus() {
    let world = bus_world();
    let address = world.fill("unix:path=@dir@/run/bus");
    let common = [
        "--address",
        &address,
        "--dest",
        NAME,
        "--object-path",
        MANAGER,
    ];
    let run = |verb: &str, words: &[&str]| {
        let mut all = vec![verb];
        all.extend(common);
        all.extend(words);
        world.tool("gdbus", &all).ok()
    };
    assert!(run("introspect", &[]).contains("StartUnit"));
    let method = format!("{NAME}.Manager.GetUnit");
    assert!(run("call", &["--method", &method, "x.service"]).contains(UNIT));
}

#[test]
fn dbus_send() {
    let world = bus_world();
    let address = world.fill("--peer=unix:path=@dir@/run/bus");
    let bus = world.fill("--bus=unix:path=@dir@/run/bus");
    for way in [address, bus] {
        let answer = world
            .tool(
                "dbus-send",
                &[
                    &way,
                    "--print-reply",
                    &format!("--dest={NAME}"),
                    UNIT,
                    "org.freedesktop.DBus.Properties.Get",
                    &format!("string:{NAME}.Unit"),
                    "string:Description",
                ],
            )
            .ok();
        assert!(answer.contains("An example"), "{way}: {answer}");
    }
}

/// The bus is a unit of ours: it comes later than the daemon, and goes and comes back.
#[test]
fn our_name_on_a_message_bus() {
    let mut world = World::new();
    world.arguments(&["--bus=unix:path=@dir@/message-bus"]);
    world.unit(
        "message-bus.toml",
        "[service]\nexec-start = \"dbus-daemon --session --nofork --nopidfile --address=unix:path=@dir@/message-bus\"\n",
    );
    world.start();
    let address = world.fill("--address=unix:path=@dir@/message-bus");
    let manager = format!("{NAME}.Manager");
    let ask = [
        "call",
        NAME,
        MANAGER,
        &manager,
        "GetUnit",
        "s",
        "message-bus.service",
    ];
    let answers = || {
        let mut words = vec![address.as_str()];
        words.extend(ask);
        world.tool("busctl", &words).code == 0
    };
    world.until("the name is ours", answers);
    world.ctl(&["restart", "message-bus"]).ok();
    world.until("it is ours again", answers);
    world.kill_manager();
    world.until("it is the next manager's", answers);
    world.stop();
}

#[test]
fn the_examples_pass_their_own_check() {
    let examples = repository().join("contrib/examples");
    for entry in std::fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        let output = Command::new(tests::program("runnerctl"))
            .arg("check")
            .arg(&path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}: {said}", path.display());
        assert!(!said.contains("warning"), "{}: {said}", path.display());
    }
}
