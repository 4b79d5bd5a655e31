//! The programs people have: busctl, gdbus, dbus-send and dbus-monitor against a private socket.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::fake::{Fake, Order};
use engine::job::JobResult;

const NAME: &str = "org.unitrunner.Runner1";
const ROOT: &str = "/org/unitrunner/Runner1";
const MANAGER: &str = "org.unitrunner.Runner1.Manager";
const WEB: &str = "/org/unitrunner/Runner1/unit/web_2eservice";

#[test]
fn busctl_shows_the_tree() {
    let fake = Fake::start();
    let tree = fake.run("busctl", &["--address=ADDRESS", "tree", "--list", NAME]);
    let lines: Vec<&str> = tree.lines().collect();
    for path in [
        "/",
        "/org",
        "/org/unitrunner",
        ROOT,
        WEB,
        "/org/unitrunner/Runner1/job",
    ] {
        assert!(lines.contains(&path), "{path} in {tree}");
    }
    assert!(lines.len() < 60, "no endless recursion: {tree}");
}

#[test]
fn busctl_introspects_every_kind_of_object() {
    let fake = Fake::start();
    let introspect =
        |path: &str| fake.run("busctl", &["--address=ADDRESS", "introspect", NAME, path]);
    let manager = introspect(ROOT);
    for member in [
        ".StartUnit",
        ".EnqueueJob",
        ".Version",
        ".UnitMoved",
        ".JobRemoved",
        ".Ping",
    ] {
        assert!(manager.contains(member), "{member} in {manager}");
    }
    let service = introspect(WEB);
    for (member, value) in [
        (".ActiveState", "\"inactive\""),
        (".RestartUSec", "500000"),
        (".MemoryCurrent", "4096"),
        (".ExecStart", "\"--workers\""),
    ] {
        let line = service
            .lines()
            .find(|line| line.split_whitespace().next() == Some(member));
        assert!(
            line.is_some_and(|line| line.contains(value)),
            "{member} in {service}"
        );
    }
    assert!(introspect("/org/unitrunner/Runner1/unit/web_2esocket").contains(".Listen "));
    // A unit nobody defined is there to be asked, as in systemd.
    assert!(introspect("/org/unitrunner/Runner1/unit/no_2eservice").contains("\"not-found\""));
    fake.run(
        "busctl",
        &[
            "--address=ADDRESS",
            "call",
            NAME,
            ROOT,
            MANAGER,
            "StopUnit",
            "ss",
            "db.service",
            "replace",
        ],
    );
    assert!(introspect("/org/unitrunner/Runner1/job/1").contains("\"stop\""));
    fake.order(Order::End(1, JobResult::Done));
}

#[test]
fn busctl_calls_and_reads() {
    let fake = Fake::start();
    let call = |arguments: &[&str]| {
        let mut all = vec!["--address=ADDRESS", "call", NAME, ROOT, MANAGER];
        all.extend(arguments);
        fake.run("busctl", &all)
    };
    assert_eq!(
        call(&["StartUnit", "ss", "web.service", "replace"]),
        "o \"/org/unitrunner/Runner1/job/1\"\n"
    );
    let get = |path: &str, interface: &str, name: &str| {
        fake.run(
            "busctl",
            &[
                "--address=ADDRESS",
                "get-property",
                NAME,
                path,
                interface,
                name,
            ],
        )
    };
    let unit = "org.unitrunner.Runner1.Unit";
    let service = "org.unitrunner.Runner1.Service";
    assert_eq!(get(WEB, unit, "ActiveState"), "s \"active\"\n");
    assert_eq!(
        get(WEB, unit, "Requires"),
        "as 3 \"db.service\" \"sysinit.target\" \"system.slice\"\n"
    );
    assert_eq!(get(WEB, unit, "TriggeredBy"), "as 1 \"web.socket\"\n");
    assert_eq!(
        get(WEB, service, "Environment"),
        "as 1 \"SECRET=hunter2\"\n"
    );
    assert_eq!(
        get(WEB, service, "EnvironmentFiles"),
        "a(sb) 1 \"/etc/web.env\" true\n"
    );
    assert_eq!(get(WEB, service, "SuccessExitStatus"), "(aiai) 1 3 1 10\n");
    assert_eq!(get(WEB, service, "ExecMainStatus"), "i 7\n");
    assert_eq!(get(WEB, service, "MemoryCurrent"), "t 4096\n");
    assert_eq!(get(WEB, service, "Restart"), "s \"on-failure\"\n");
    assert_eq!(
        get(WEB, service, "ExecStart"),
        "a(sasbttttuii) 1 \"/usr/bin/web\" 3 \"/usr/bin/web\" \"--workers\" \"4\" false 0 0 0 0 0 0 0\n"
    );
    assert_eq!(get(ROOT, MANAGER, "SystemState"), "s \"running\"\n");
    assert_eq!(
        get(
            "/org/unitrunner/Runner1/unit/web_2esocket",
            "org.unitrunner.Runner1.Socket",
            "Listen"
        ),
        "a(ss) 2 \"Stream\" \"127.0.0.1:8080\" \"Stream\" \"/run/web.sock\"\n"
    );
    assert_eq!(
        call(&["ListUnitsByPatterns", "asas", "0", "1", "db.*"]),
        "a(ssssssouso) 1 \"db.service\" \"db.service\" \"loaded\" \"inactive\" \"dead\" \"\" \"/org/unitrunner/Runner1/unit/db_2eservice\" 0 \"\" \"/\"\n"
    );
    assert_eq!(
        call(&["GetUnit", "s", "web.service"]),
        format!("o \"{WEB}\"\n")
    );
    assert_eq!(call(&["ListJobs"]), "a(usssoo) 0\n");
    // GetAll over all interfaces, as systemctl asks.
    let all = fake.run(
        "busctl",
        &[
            "--address=ADDRESS",
            "--json=short",
            "call",
            NAME,
            WEB,
            "org.freedesktop.DBus.Properties",
            "GetAll",
            "s",
            "",
        ],
    );
    assert!(
        all.contains("\"MainPID\"") && all.contains("\"FragmentPath\""),
        "{all}"
    );
}

#[test]
fn busctl_prints_errors() {
    let fake = Fake::start();
    for (arguments, sentence) in [
        (
            &["StartUnit", "ss", "no.service", "replace"][..],
            "unit no.service not found",
        ),
        (&["StartUnit", "ss", "web", "replace"], "not a unit name"),
        (
            &["StartUnit", "ss", "web.service", "sideways"],
            "\"sideways\" is not a job mode",
        ),
        (
            &["StartUnit", "s", "web.service"],
            "do not fit, expected 'ss'",
        ),
        (
            &["ReloadUnit", "ss", "db.service", "replace"],
            "it has no exec-reload",
        ),
        (
            &["KillUnit", "ssi", "web.service", "all", "99"],
            "99 is not a signal number",
        ),
        (&["Sing"], "has no method Sing"),
        (
            &["Reload"],
            "/etc/bad.toml:3:7: error: unknown setting `exec-strat`",
        ),
    ] {
        let mut all = vec!["--address=ADDRESS", "call", NAME, ROOT, MANAGER];
        all.extend(arguments);
        let output = fake.output("busctl", &all);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && message.contains(sentence),
            "{arguments:?}: {message}"
        );
    }
    let output = fake.output(
        "busctl",
        &[
            "--address=ADDRESS",
            "set-property",
            NAME,
            WEB,
            "org.unitrunner.Runner1.Unit",
            "Id",
            "s",
            "x",
        ],
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be set"));
    let output = fake.output(
        "busctl",
        &[
            "--address=ADDRESS",
            "introspect",
            NAME,
            "/org/unitrunner/No",
        ],
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("no object at"));
}

#[test]
fn busctl_lists_and_shows_us() {
    let fake = Fake::start();
    let list = fake.run("busctl", &["--address=ADDRESS", "list", "--no-legend"]);
    assert!(list.contains(NAME), "{list}");
    fake.run("busctl", &["--address=ADDRESS", "status", NAME]);
}

#[test]
fn gdbus_introspects_and_calls() {
    let fake = Fake::start();
    let xml = fake.run(
        "gdbus",
        &[
            "introspect",
            "--address",
            "ADDRESS",
            "-d",
            NAME,
            "-o",
            ROOT,
            "--xml",
        ],
    );
    assert!(xml.contains("org.gtk.GDBus.DocString"), "{xml}");
    let listing = fake.run(
        "gdbus",
        &[
            "introspect",
            "--address",
            "ADDRESS",
            "-d",
            NAME,
            "-o",
            WEB,
            "-r",
        ],
    );
    assert!(
        listing.contains("readonly s ActiveState = 'inactive';"),
        "{listing}"
    );
    let answer = fake.run(
        "gdbus",
        &[
            "call",
            "--address",
            "ADDRESS",
            "-d",
            NAME,
            "-o",
            ROOT,
            "-m",
            "org.unitrunner.Runner1.Manager.EnqueueJob",
            "web.service",
            "start",
            "replace",
            "",
        ],
    );
    assert_eq!(
        answer,
        "(uint32 1, objectpath '/org/unitrunner/Runner1/job/1')\n"
    );
}

#[test]
fn dbus_send_calls_with_and_without_a_bus() {
    let fake = Fake::start();
    for how in ["--bus=ADDRESS", "--peer=ADDRESS"] {
        let answer = fake.run(
            "dbus-send",
            &[
                how,
                "--print-reply",
                "--dest=org.unitrunner.Runner1",
                ROOT,
                "org.unitrunner.Runner1.Manager.GetUnit",
                "string:web.service",
            ],
        );
        assert!(answer.contains(WEB), "{how}: {answer}");
    }
}

/// Starts a program that prints what changes, and calls `then` until a line has `wanted` in it:
/// such programs do not say when they are ready.
fn until_printed(fake: &Fake, program: &str, arguments: &[&str], wanted: &[&str]) {
    let address = fake.address();
    let mut child = Command::new(program)
        .args(
            arguments
                .iter()
                .map(|word| word.replace("ADDRESS", &address)),
        )
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (lines, printed) = std::sync::mpsc::channel();
    let output = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            if lines.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    let mut missing: Vec<&str> = wanted.to_vec();
    let mut seen = String::new();
    for _ in 0..400 {
        fake.order(Order::Burst(1));
        while let Ok(line) = printed.recv_timeout(std::time::Duration::from_millis(50)) {
            missing.retain(|wanted| !line.contains(wanted));
            seen.push_str(&line);
            seen.push('\n');
            if missing.is_empty() {
                break;
            }
        }
        if missing.is_empty() {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    drop(printed);
    reader.join().unwrap();
    assert!(
        missing.is_empty(),
        "{program} never printed {missing:?} but\n{seen}"
    );
}

#[test]
fn busctl_monitors() {
    let fake = Fake::start();
    let wanted = [
        "Member=UnitMoved",
        "Member=PropertiesChanged",
        "STRING \"the test says so\"",
    ];
    until_printed(&fake, "busctl", &["--address=ADDRESS", "monitor"], &wanted);
    until_printed(
        &fake,
        "busctl",
        &["--address=ADDRESS", "monitor", NAME],
        &wanted,
    );
}

#[test]
fn gdbus_monitors() {
    let fake = Fake::start();
    until_printed(
        &fake,
        "gdbus",
        &["monitor", "--address", "ADDRESS", "-d", NAME],
        &["Manager.UnitMoved", "Properties.PropertiesChanged"],
    );
    until_printed(
        &fake,
        "gdbus",
        &["monitor", "--address", "ADDRESS", "-d", NAME, "-o", WEB],
        &["Properties.PropertiesChanged ('org.unitrunner.Runner1.Service'"],
    );
}

#[test]
fn dbus_monitor_monitors() {
    let fake = Fake::start();
    until_printed(
        &fake,
        "dbus-monitor",
        &["--address", "ADDRESS", "type='signal',member='UnitMoved'"],
        &["member=UnitMoved", "string \"the test says so\""],
    );
}
