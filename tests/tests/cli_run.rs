//! `runnerctl run`: a command as a unit of its own.
#![allow(
    clippy::expect_used,
    reason = "what helps a test fails it by panicking"
)]

use std::io::{Read, Write};
use std::process::{Child, Stdio};

use serde_json::Value;
use tests::World;

fn world() -> World {
    let mut world = World::new();
    world.unit(
        "here.toml",
        "[service]\nexec-start = \"@actor@ as=here tell=up pause\"\n",
    );
    world.start();
    world.event("here", "up");
    world
}

/// `runnerctl run` with these words, its descriptors being pipes.
fn spawn(world: &World, words: &[&str]) -> Child {
    world
        .ctl_command(&[&["run"], words].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runnerctl runs")
}

/// Words of `runnerctl`, and the command line they are about.
fn words_with<'a>(options: &[&'a str], command: &'a str) -> Vec<&'a str> {
    let options = options.iter().copied();
    options.chain(["--"]).chain(command.split(' ')).collect()
}

fn text(pipe: Option<impl Read>) -> String {
    let mut text = String::new();
    pipe.expect("a pipe")
        .read_to_string(&mut text)
        .expect("a text");
    text
}

/// The units that are in no file.
fn transient(world: &World) -> Vec<String> {
    let list = world.ctl(&["list-units", "--all", "--json"]).json();
    let units = list.as_array().expect("a list").iter();
    let names = units.map(|unit| {
        let name = unit.get("unit").or_else(|| unit.get("name"));
        name.and_then(Value::as_str).expect("a name").to_owned()
    });
    names
        // Slices may have names that look like options.
        .filter(|name| !name.ends_with(".slice") && world.show(name, "Transient") == "yes")
        .collect()
}

#[test]
fn exit_statuses_are_passed_on() {
    let world = world();
    for (script, code) in [
        ("exit 0", 0),
        ("exit 7", 7),
        ("kill -KILL $$", 137),
        ("kill -SEGV $$", 139),
        // What counts as a clean end to any service.
        ("kill -TERM $$", 0),
    ] {
        let words = ["run", "--wait", "--collect", "--", "/bin/sh", "-c", script];
        let outcome = world.ctl(&words);
        assert_eq!(outcome.code, code, "{script}: {}", outcome.stderr);
    }
    let words = [
        "run",
        "--wait",
        "-G",
        "-p",
        "SuccessExitStatus=7",
        "/bin/sh",
        "-c",
        "exit 7",
    ];
    world.ctl(&words).ok();
    let missing = world.ctl(&["run", "--wait", "-G", "--", "/nonexistent/program"]);
    assert_eq!(missing.code, 203, "{}", missing.stderr);
    // Nothing is left of any of them.
    assert_eq!(transient(&world), [""; 0]);
    let words = [
        "--json", "run", "--wait", "-G", "--", "/bin/sh", "-c", "exit 3",
    ];
    let outcome = world.ctl(&words);
    assert_eq!(outcome.code, 3);
    let told: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(
        (&told["result"], &told["status"]),
        (&"exit-code".into(), &3.into())
    );
}

#[test]
fn settings_reach_the_program() {
    let world = world();
    let words = [
        "run",
        "--pipe",
        "-E",
        "A=1 2",
        "-p",
        "Environment=B=x C=y",
        "-p",
        "umask=0027",
        "--working-directory",
        "/usr",
        "--description",
        "100% ours",
        "--unit",
        "asks",
        "--",
        "/bin/sh",
        "-c",
        "echo \"$A|$B|$C|$(umask)|$(pwd)|%n\"; exit 4",
    ];
    let outcome = world.ctl(&words);
    assert_eq!(outcome.code, 4, "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "1 2|x|y|0027|/usr|%n\n");
    // It failed: it stays to be looked at, and its name is taken.
    assert_eq!(world.show("asks", "Description"), "100% ours");
    let shown = world.show("asks", "FragmentPath");
    assert!(shown.ends_with("/transient/asks.service"), "{shown}");
    assert_eq!(world.show("asks", "NeedDaemonReload"), "no");
    let refused = world
        .ctl(&["run", "--unit", "asks", "/bin/true"])
        .refused(1);
    assert!(
        refused.contains("there is a unit asks.service already"),
        "{refused}"
    );
    world.ctl(&["reset-failed", "asks"]).ok();
    assert_eq!(world.show("asks", "LoadState"), "not-found");
    for (words, message) in [
        (&["-p", "Usre=x"][..], "did you mean `User`?"),
        (&["-p", "Restart=maybe"][..], "is no restart policy"),
        (&["-p", "Restart"][..], "is no KEY=VALUE"),
        (&["-p", "WantedBy=a.target"][..], "not installed"),
        (
            &["--unit", "here"][..],
            "there is a unit here.service already",
        ),
    ] {
        let words = [&["run"], words, &["/bin/true"]].concat();
        let outcome = world.ctl(&words);
        assert_ne!(outcome.code, 0);
        assert!(
            outcome.stderr.contains(message),
            "{words:?}: {}",
            outcome.stderr
        );
    }
    assert_eq!(transient(&world), [""; 0]);
}

#[test]
fn our_own_descriptors_are_those_of_the_program() {
    let world = world();
    let script = "echo out; echo err >&2; while read line; do echo \"got $line\"; done; exit 5";
    let mut run = spawn(
        &world,
        &["--pipe", "--collect", "--", "/bin/sh", "-c", script],
    );
    let mut stdin = run.stdin.take().expect("a pipe");
    stdin.write_all(b"one\ntwo\n").expect("it listens");
    drop(stdin);
    // The ends of the pipes come although runnerctl had them as well, and so had the keeper.
    assert_eq!(text(run.stdout.take()), "out\ngot one\ngot two\n");
    assert_eq!(text(run.stderr.take()), "err\n");
    assert_eq!(run.wait().expect("it ends").code(), Some(5));
}

#[test]
fn a_killed_manager_costs_nothing() {
    let world = world();
    let script = "echo begun; read line; echo \"got $line\"; exit 6";
    let mut run = spawn(
        &world,
        &["--pipe", "--unit", "kept", "--", "/bin/sh", "-c", script],
    );
    let mut stdout = run.stdout.take().expect("a pipe");
    let mut begun = [0; 6];
    stdout.read_exact(&mut begun).expect("it says so");
    for _ in 0..3 {
        world.kill_manager();
        world.answers();
        assert_eq!(world.show("kept", "Transient"), "yes");
        assert_eq!(world.show("kept", "ActiveState"), "active");
    }
    // Neither does a reload.
    world.ctl(&["daemon-reload"]).ok();
    let mut stdin = run.stdin.take().expect("a pipe");
    stdin.write_all(b"it\n").expect("it listens");
    drop(stdin);
    assert_eq!(text(Some(stdout)), "got it\n");
    assert_eq!(run.wait().expect("it ends").code(), Some(6));
}

#[test]
fn ctrl_c_stops_the_unit() {
    let world = world();
    let actor = world.fill("@actor@ as=long tell=up pause");
    let mut run = spawn(&world, &words_with(&["--wait", "--unit", "long"], &actor));
    world.event("long", "up");
    let main = world.main_process("long.service");
    let pid = nix::unistd::Pid::from_raw(i32::try_from(run.id()).expect("a pid"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("it is there");
    assert_eq!(run.wait().expect("it ends").code(), Some(130));
    assert!(main.is_gone());
    assert_eq!(world.show("long", "LoadState"), "not-found");
}

#[test]
fn a_timer_starts_it() {
    let world = world();
    let actor = world.fill("@actor@ as=late tell=up pause");
    let options = [
        "--json",
        "run",
        "--unit",
        "late",
        "--on-active",
        "100ms",
        "--timer-property",
        "AccuracySec=1us",
    ];
    let told = world.ctl(&words_with(&options, &actor)).json();
    assert_eq!(told["unit"], "late.timer");
    world.event("late", "up");
    assert_eq!(world.show("late.service", "Transient"), "yes");
    world.ctl(&["stop", "late.service"]).ok();
    // The timer has elapsed for the last time, and what it started has ended.
    world.until("both are gone", || transient(&world).is_empty());
    let wrong = ["run", "--on-calendar", "soonish", "/bin/true"];
    let said = world.ctl(&wrong);
    assert_ne!(said.code, 0);
    assert!(said.stderr.contains("soonish"), "{}", said.stderr);
}

#[test]
fn without_waiting() {
    let world = world();
    let actor = world.fill("@actor@ as=free tell=up pause");
    let words = words_with(&["--json", "run", "--no-block"], &actor);
    let told = world.ctl(&words).json();
    let unit = told["unit"].as_str().expect("a name").to_owned();
    assert!(
        told["job"].is_number() && unit.starts_with("run-r"),
        "{told}"
    );
    world.event("free", "up");
    assert_eq!(world.show(&unit, "ActiveState"), "active");
    world.ctl(&["stop", &unit]).ok();
    assert_eq!(transient(&world), [""; 0]);
    // A start that fails is told of.
    let words = ["run", "-p", "Type=notify", "-G", "--", "/bin/false"];
    let refused = world.ctl(&words).refused(1);
    assert!(refused.contains("cannot start run-r"), "{refused}");
}

#[test]
fn systemds_own_types_are_taken_over_the_bus() {
    let world = world();
    let address = format!("--address=unix:path={}", world.bus().display());
    let call = |words: &[&str]| {
        let prefix = [
            address.as_str(),
            "call",
            "org.unitrunner.Runner1",
            "/org/unitrunner/Runner1",
            "org.unitrunner.Runner1.Manager",
        ];
        world.tool("busctl", &[&prefix[..], words].concat())
    };
    let start = [
        "StartTransientUnit",
        "ssa(sv)a(sa(sv))",
        "typed.service",
        "fail",
    ];
    let properties = [
        "5",
        "Description",
        "s",
        "by busctl",
        "ExecStart",
        "a(sasb)",
        "1",
        "/bin/sleep",
        "2",
        "sleep",
        "1000",
        "false",
        "RemainAfterExit",
        "b",
        "false",
        "TimeoutStopUSec",
        "t",
        "1500000",
        "LimitNOFILE",
        "t",
        "77",
        "0",
    ];
    call(&[&start[..], &properties].concat()).ok();
    world.wait_for("typed", "active");
    assert_eq!(world.show("typed", "Description"), "by busctl");
    assert_eq!(world.show("typed", "LimitNOFILE"), "77");
    world.ctl(&["stop", "typed"]).ok();
    let strange = ["1", "ExecStart", "u", "5", "0"];
    let said = call(&[&start[..], &strange].concat());
    assert_ne!(said.code, 0);
    assert!(said.stderr.contains("ExecStart"), "{}", said.stderr);
}
