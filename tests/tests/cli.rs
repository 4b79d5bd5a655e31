//! Every verb of runnerctl, with its exit statuses and its JSON.
#![allow(
    clippy::expect_used,
    reason = "what helps a test fails it by panicking"
)]

use serde_json::Value;
use tests::World;

fn world() -> World {
    let mut world = World::new();
    world.unit("up.toml", "[service]\ndescription = \"Runs\"\nexec-reload = \"@actor@ as=reload tell=ran\"\nexec-start = \"@actor@ as=up print=hello tell=up pause\"\n");
    world.unit(
        "down.toml",
        "[service]\nautostart = false\nexec-start = \"@actor@ as=down tell=up pause\"\n",
    );
    world.unit("bad.toml", "[service]\nautostart = false\ntype = \"oneshot\"\nexec-start = \"@actor@ as=bad tell=up exit=3\"\n");
    world.unit("web.toml", "[socket]\nlisten-stream = \"@host@:80\"\n[service]\nrequires = [\"up.service\"]\nafter = [\"up.service\"]\nexec-start = \"@actor@ as=web tell=up serve\"\n");
    world.start();
    world.event("up", "up");
    world
}

/// The names in a list of units printed as JSON, whatever the objects are like otherwise.
fn names(list: &Value) -> Vec<String> {
    let objects = list.as_array().expect("a list");
    objects
        .iter()
        .map(|object| {
            let name = object.get("unit").or_else(|| object.get("name"));
            name.and_then(Value::as_str)
                .expect("every object names its unit")
                .to_owned()
        })
        .collect()
}

#[test]
fn states() {
    let world = world();
    assert_eq!(world.ctl(&["is-active", "up"]).ok(), "active\n");
    assert_eq!(world.ctl(&["is-active", "down"]).refused(3), "inactive\n");
    assert_eq!(
        world.ctl(&["is-active", "down", "up"]).ok(),
        "inactive\nactive\n"
    );
    assert_eq!(world.ctl(&["is-active", "none"]).refused(3), "inactive\n");
    assert_eq!(world.ctl(&["-q", "is-active", "up"]).ok(), "");
    assert_eq!(world.ctl(&["is-failed", "up"]).refused(1), "active\n");
    assert_eq!(world.ctl(&["start", "bad"]).code, 1);
    assert_eq!(world.ctl(&["is-failed", "bad"]).ok(), "failed\n");
    assert_eq!(world.ctl(&["status", "up"]).code, 0);
    assert_eq!(world.ctl(&["status", "down"]).code, 3);
    assert_eq!(world.ctl(&["status", "bad"]).code, 3);
    assert_eq!(world.ctl(&["status", "none"]).code, 4);
    world.ctl(&["status"]).ok();
    let text = world.ctl(&["status", "up"]).ok();
    for piece in [
        "up.service",
        "Runs",
        "active (running)",
        "Main PID",
        "hello",
        "up.toml",
    ] {
        assert!(text.contains(piece), "{piece}: {text}");
    }
    world.ctl(&["reset-failed", "bad"]).ok();
    assert_eq!(world.ctl(&["is-failed", "bad"]).refused(1), "inactive\n");
    world.ctl(&["status", "up", "--json"]).json();
}

#[test]
fn lists() {
    let world = world();
    let units = world.ctl(&["list-units"]).ok();
    assert!(
        units.contains("up.service") && !units.contains("down.service"),
        "{units}"
    );
    let units = world.ctl(&["list-units", "--all"]).ok();
    assert!(units.contains("down.service"), "{units}");
    let list = names(
        &world
            .ctl(&["list-units", "--all", "--json", "*.service"])
            .json(),
    );
    assert!(
        list.contains(&"down.service".into()) && list.iter().all(|name| name.ends_with(".service"))
    );
    let list = names(&world.ctl(&["list-units", "--type=socket", "--json"]).json());
    assert_eq!(list, ["web.socket"]);
    assert_eq!(world.ctl(&["start", "bad"]).code, 1);
    let list = names(&world.ctl(&["list-units", "--failed", "--json"]).json());
    assert_eq!(list, ["bad.service"]);
    let sockets = world.ctl(&["list-sockets"]).ok();
    assert!(
        sockets.contains(world.host()) && sockets.contains("web.service"),
        "{sockets}"
    );
    world.ctl(&["list-sockets", "--json"]).json();
    assert_eq!(
        world.ctl(&["list-jobs", "--json"]).json(),
        serde_json::json!([])
    );
    let tree = world.ctl(&["list-dependencies", "web.service"]).ok();
    assert!(tree.contains("up.service"), "{tree}");
    let tree = world.ctl(&["list-dependencies", "--reverse", "up"]).ok();
    assert!(tree.contains("web.service"), "{tree}");
    let tree = world
        .ctl(&["list-dependencies", "--after", "web.service"])
        .ok();
    assert!(tree.contains("web.socket"), "{tree}");
    world.ctl(&["list-dependencies", "--json"]).json();
}

#[test]
fn jobs() {
    let world = world();
    world.ctl(&["start", "down"]).ok();
    world.event("down", "up");
    world.ctl(&["restart", "down"]).ok();
    world.event("down", "up");
    world.ctl(&["stop", "down"]).ok();
    world.ctl(&["stop", "down"]).ok();
    world.ctl(&["try-restart", "down"]).ok();
    assert_eq!(world.ctl(&["is-active", "down"]).code, 3);
    world.ctl(&["try-restart", "up"]).ok();
    world.event("up", "up");
    world.ctl(&["reload", "up"]).ok();
    world.event("reload", "ran");
    assert_eq!(world.ctl(&["reload", "web.service"]).code, 3);
    world.ctl(&["reload-or-restart", "up"]).ok();
    world.event("reload", "ran");
    assert_eq!(world.ctl(&["start", "none"]).code, 5);
    assert_eq!(world.ctl(&["start"]).code, 2);
    assert_eq!(world.ctl(&["strat", "up"]).code, 2);
    let failed = world.ctl(&["start", "bad"]);
    assert_eq!(failed.code, 1);
    assert!(
        failed.stderr.contains("bad.service") && failed.stderr.contains("runnerctl"),
        "{}",
        failed.stderr
    );
    world.ctl(&["start", "--no-block", "down"]).ok();
    world.event("down", "up");
    world.ctl(&["kill", "--signal=KILL", "down"]).ok();
    world.wait_for("down.service", "inactive");
    // As systemctl has it: nobody to signal is no failure, a missing main process is.
    world.ctl(&["kill", "down"]).ok();
    assert_eq!(world.ctl(&["kill", "--kill-whom=main", "down"]).code, 1);
    world.unit(
        "idle.toml",
        "[service]\nautostart = false\nexec-reload = \"/bin/true\"\nexec-start = \"/bin/true\"\n",
    );
    world.unit("empty.service", "");
    world.ctl(&["daemon-reload"]).ok();
    let refused = world.ctl(&["reload", "idle"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("not active"), "{}", refused.stderr);
    let refused = world.ctl(&["start", "empty"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("masked"), "{}", refused.stderr);
    assert_eq!(world.show("down.service", "Result"), "signal");
}

#[test]
fn waiting() {
    let world = world();
    world.ctl(&["wait", "up", "--for=ready"]).ok();
    assert_eq!(
        world
            .ctl(&["wait", "down", "--for=active", "--timeout=100ms"])
            .code,
        124
    );
    let mut waiter = world
        .ctl_command(&["wait", "down", "--for=ready", "--timeout=1min"])
        .spawn()
        .unwrap();
    world.ctl(&["start", "down"]).ok();
    assert!(waiter.wait().unwrap().success());
    let mut waiter = world
        .ctl_command(&["wait", "down", "--for=inactive"])
        .spawn()
        .unwrap();
    world.ctl(&["stop", "down"]).ok();
    assert!(waiter.wait().unwrap().success());
}

#[test]
fn properties_and_files() {
    let world = world();
    let text = world
        .ctl(&["show", "up", "-p", "ActiveState,SubState"])
        .ok();
    assert_eq!(text, "ActiveState=active\nSubState=running\n");
    let value = world.ctl(&["show", "up", "--json"]).json();
    let value = value
        .as_array()
        .and_then(|list| list.first())
        .cloned()
        .unwrap_or(value);
    assert_eq!(value["ActiveState"], "active", "{value}");
    assert_eq!(value["Type"], "simple");
    assert!(world.ctl(&["show"]).ok().contains("Version="));
    let text = world.ctl(&["cat", "up"]).ok();
    assert!(
        text.contains("up.toml") && text.contains("description = \"Runs\""),
        "{text}"
    );
    assert_ne!(world.ctl(&["cat", "none"]).code, 0);
    assert!(
        world
            .ctl(&["version"])
            .ok()
            .contains(env!("CARGO_PKG_VERSION"))
    );
    world.ctl(&["version", "--json"]).json();
}

#[test]
fn logs() {
    let world = world();
    assert_eq!(world.ctl(&["logs", "up"]).ok(), "hello\n");
    let line = world.ctl(&["logs", "up", "--json"]).ok();
    let value: Value = serde_json::from_str(line.trim()).unwrap();
    assert_eq!(
        (value["unit"].as_str(), value["message"].as_str()),
        (Some("up.service"), Some("hello"))
    );
    assert_eq!(world.ctl(&["logs", "-n", "0", "up"]).ok(), "");
    assert_ne!(world.ctl(&["logs", "none"]).code, 0);
}

#[test]
fn checking_needs_no_daemon() {
    let world = World::new();
    world.unit("good.toml", "[service]\nexec-start = \"/bin/true\"\n");
    world.unit("bad.toml", "[service]\nexec-strat = \"/bin/true\"\n");
    let path = |name: &str| world.path(name).display().to_string();
    world.ctl(&["check", &path("units/good.toml")]).ok();
    let said = world.ctl(&["check", &path("units")]).refused(1);
    assert!(said.contains("bad.toml:2:1: error: "), "{said}");
    assert!(said.contains("exec-start"), "{said}");
    let outcome = world.ctl(&["check", "--json", &path("units")]);
    assert_eq!(outcome.code, 1);
    let value: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(value[0]["line"], 2, "{value}");
}

#[test]
fn the_daemon_itself() {
    let mut world = world();
    world.ctl(&["daemon-reload"]).ok();
    let before = world.manager().unwrap();
    world.ctl(&["daemon-reexec"]).ok();
    world.answers();
    assert!(before.is_gone());
    assert_eq!(world.ctl(&["is-active", "up"]).ok(), "active\n");
    world.ctl(&["shutdown"]).ok();
    assert_eq!(world.ended(), tests::Ended::Exited(0));
    let outcome = world.ctl(&["status"]);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.stderr.contains("run"),
        "does not say where it looked: {}",
        outcome.stderr
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let world = world();
    let mut child = world
        .ctl_command(&["show", "up"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn isolating_and_taking_jobs_back() {
    let mut world = World::new();
    world.unit(
        "alone.toml",
        "[target]\nallow-isolate = true\nwants = [\"kept.service\"]\n",
    );
    for name in ["kept", "other"] {
        let text = format!("[service]\nexec-start = \"@actor@ as={name} tell=up pause\"\n");
        world.unit(&format!("{name}.toml"), &text);
    }
    world.unit(
        "slow.toml",
        "[service]\ntype = \"notify\"\nautostart = false\nexec-start = \"@actor@ as=slow tell=up pause\"\n",
    );
    world.start();
    world.event("kept", "up");
    world.event("other", "up");
    assert_eq!(world.ctl(&["isolate", "kept.service"]).code, 4);
    assert_eq!(world.ctl(&["isolate", "al*"]).code, 2);
    world.ctl(&["isolate", "alone"]).ok();
    assert_eq!(world.ctl(&["is-active", "kept"]).code, 0);
    assert_eq!(world.ctl(&["is-active", "other"]).code, 3);
    let refused = world.ctl(&["cancel", "4000000"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("list-jobs"), "{}", refused.stderr);
    let job = |world: &World| {
        let jobs = world.ctl(&["list-jobs", "--json"]).json();
        jobs[0]["job"].as_u64().expect("a job").to_string()
    };
    world.ctl(&["start", "--no-block", "slow"]).ok();
    world.event("slow", "up");
    world.ctl(&["cancel", &job(&world)]).ok();
    assert_eq!(
        world.ctl(&["list-jobs", "--json"]).json(),
        serde_json::json!([])
    );
    world.ctl(&["stop", "slow"]).ok();
    world.ctl(&["start", "--no-block", "slow"]).ok();
    world.event("slow", "up");
    let taken = world.ctl(&["cancel", "--json"]).json();
    assert_eq!(taken["jobs"].as_array().map(Vec::len), Some(1), "{taken}");
    world.ctl(&["cancel"]).ok();
}
