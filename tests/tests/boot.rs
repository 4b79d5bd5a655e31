//! From the command line to a running set, and down again.

use std::time::Duration;
use tests::{Ended, World};

/// An actor that says when it starts and when it is told to stop.
fn polite(name: &str, more: &str) -> String {
    format!(
        "[service]\n{more}\ntype = \"notify\"\n\
         exec-start = \"@actor@ as={name} hold=TERM tell=up notify=READY=1 await tell=down\"\n"
    )
}

#[test]
fn starts_in_order_and_stops_in_the_opposite_order() {
    let mut world = World::new();
    world.unit(
        "c.toml",
        &polite("c", "requires = [\"b.service\"]\nafter = [\"b.service\"]"),
    );
    world.unit(
        "b.toml",
        &polite("b", "wants = [\"a.service\"]\nafter = [\"a.service\"]"),
    );
    world.unit(
        "a.toml",
        "[service]\ntype = \"notify\"\nautostart = false\n\
         exec-start = \"@actor@ as=a hold=TERM tell=up notify=READY=1 await tell=down\"\n",
    );
    world.start();
    let up = ["a", "b", "c"].map(|tag| world.event(tag, "up").at);
    assert!(up.is_sorted(), "started out of order: {up:?}");
    assert_eq!(world.stop(), Ended::Exited(0));
    let down = ["c", "b", "a"].map(|tag| world.event(tag, "down").at);
    assert!(down.is_sorted(), "stopped out of order: {down:?}");
}

#[test]
fn a_start_waits_for_readiness_not_for_the_process() {
    let mut world = World::new();
    world.unit(
        "slow.toml",
        "[service]\ntype = \"notify\"\nexec-start = \"@actor@ as=slow tell=up obey\"\n",
    );
    world.unit("next.toml", &polite("next", "after = [\"slow.service\"]"));
    world.launch();
    world.event("slow", "obeys");
    world.answers();
    assert_eq!(world.show("slow.service", "ActiveState"), "activating");
    assert_eq!(world.show("next.service", "ActiveState"), "inactive");
    let jobs = world.ctl(&["list-jobs", "--json"]).json();
    assert!(
        jobs.as_array().is_some_and(|jobs| jobs.len() >= 2),
        "{jobs}"
    );
    world.order("slow", "notify=READY=1|STATUS=thinking of nothing");
    world.event("next", "up");
    world.wait_for("slow.service", "ready");
    assert_eq!(
        world.show("slow.service", "StatusText"),
        "thinking of nothing"
    );
}

#[test]
fn a_failed_requirement_fails_its_dependant_and_nothing_else() {
    let mut world = World::new();
    world.unit(
        "bad.toml",
        "[service]\ntype = \"oneshot\"\nexec-start = \"@actor@ as=bad tell=up exit=1\"\n",
    );
    world.unit(
        "needs.toml",
        &polite(
            "needs",
            "requires = [\"bad.service\"]\nafter = [\"bad.service\"]",
        ),
    );
    world.unit(
        "likes.toml",
        &polite(
            "likes",
            "wants = [\"bad.service\"]\nafter = [\"bad.service\"]",
        ),
    );
    world.start();
    world.event("likes", "up");
    world.wait_for("likes.service", "ready");
    assert_eq!(world.show("bad.service", "ActiveState"), "failed");
    assert_eq!(world.show("needs.service", "ActiveState"), "inactive");
    assert!(
        !world.heard().iter().any(|event| event.tag == "needs"),
        "started without its requirement"
    );
}

#[test]
fn autostart_and_targets() {
    let mut world = World::new();
    world.unit("on.toml", &polite("on", ""));
    world.unit("off.toml", &polite("off", "autostart = false"));
    world.unit(
        "late.toml",
        &(polite("late", "") + "[install]\nwanted-by = [\"late.target\"]\n"),
    );
    world.unit("extra.toml", "[target]\ndescription = \"More\"\nautostart = false\nwants = [\"off.service\"]\nafter = [\"off.service\"]\n");
    world.start();
    world.event("on", "up");
    assert_eq!(world.show("off.service", "ActiveState"), "inactive");
    assert_eq!(world.show("late.service", "ActiveState"), "inactive");
    assert_eq!(world.show("default.target", "ActiveState"), "active");
    world.ctl(&["start", "extra.target"]).ok();
    world.event("off", "up");
    assert_eq!(world.show("extra.target", "ActiveState"), "active");
}

#[test]
fn another_target_on_the_command_line() {
    let mut world = World::new();
    world.unit("on.toml", &polite("on", ""));
    world.unit("only.toml", &polite("only", "autostart = false"));
    world.arguments(&["--target", "only.service"]);
    world.start();
    world.event("only", "up");
    assert_eq!(world.show("on.service", "ActiveState"), "inactive");
}

#[test]
fn says_that_it_is_ready_and_that_it_stops() {
    let mut world = World::new();
    world.unit("a.toml", &polite("a", ""));
    world.start();
    assert_eq!(world.stop(), Ended::Exited(0));
    let told = world.notifications();
    let position = |word: &str| told.iter().position(|text| text.contains(word));
    assert!(position("READY=1") < position("STOPPING=1"), "{told:?}");
    assert!(position("STOPPING=1").is_some(), "{told:?}");
}

#[test]
fn the_second_daemon_on_a_directory_touches_nothing() {
    let mut world = World::new();
    world.unit("a.toml", &polite("a", ""));
    world.start();
    world.event("a", "up");
    let keeper = world.keeper();
    let pidfile = std::fs::read_to_string(world.path("run/pid")).unwrap();
    assert_eq!(pidfile.trim(), keeper.pid.to_string());

    let second = std::process::Command::new(tests::program("runnerd"))
        .arg("--runtime-dir")
        .arg(world.path("run"))
        .arg(world.path("units"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(2), "{said}");
    assert!(
        said.contains(&keeper.pid.to_string()),
        "does not say who holds it: {said}"
    );
    assert_eq!(
        std::fs::read_to_string(world.path("run/pid")).unwrap(),
        pidfile
    );
    world.answers();
    assert_eq!(world.show("a.service", "ActiveState"), "active");
}

#[test]
fn bad_command_lines_are_refused_and_start_nothing() {
    for words in [
        &["--no-such-option"][..],
        &["--log-target", "telegraph"],
        &["--log-format", "xml"],
        &["--runtime-dir"],
        &["/no/such/path"],
    ] {
        let world = World::new();
        let output = std::process::Command::new(tests::program("runnerd"))
            .env("RUNNER_RUNTIME_DIR", world.path("run"))
            .args(words)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
        assert!(
            said.contains(words.last().unwrap()),
            "{words:?} is not named: {said}"
        );
    }
}

#[test]
fn check_reports_and_runs_nothing() {
    let world = World::new();
    world.unit("good.toml", &polite("good", ""));
    world.unit("bad.toml", "[service]\nexec-strat = \"/bin/true\"\n");
    let check = |paths: &str| {
        std::process::Command::new(tests::program("runnerd"))
            .args(["--check", paths])
            .output()
            .unwrap()
    };
    let output = check(&world.path("units").display().to_string());
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("bad.toml:2:1: error:"), "{said}");
    assert!(said.contains("exec-start"), "no suggestion: {said}");
    let output = check(&world.path("units/good.toml").display().to_string());
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn ctrl_c_stops_in_order_and_a_second_one_hurries() {
    let mut world = World::new();
    world.unit(
        "deaf.toml",
        "[service]\ntimeout-stop-sec = \"infinity\"\n\
         exec-start = \"@actor@ as=deaf hold=TERM tell=up await tell=deaf pause\"\n",
    );
    world.start();
    world.event("deaf", "up");
    let keeper = world.keeper();
    keeper.signal(libc::SIGINT);
    world.event("deaf", "deaf");
    assert!(!keeper.is_gone());
    keeper.signal(libc::SIGINT);
    world.ended();
}

#[test]
fn shutdown_by_command_with_an_exit_status() {
    let mut world = World::new();
    world.unit("a.toml", &polite("a", ""));
    world.start();
    world.event("a", "up");
    world.ctl(&["shutdown", "--exit-status", "7"]).ok();
    assert_eq!(world.ended(), Ended::Exited(7));
    world.event("a", "down");
}

#[test]
fn stops_all_in_parallel_within_one_deadline() {
    let mut world = World::new();
    for number in 0..20 {
        world.unit(
            &format!("deaf{number}.toml"),
            &format!(
                "[service]\ntimeout-stop-sec = \"1s\"\n\
                 exec-start = \"@actor@ as=deaf{number} hold=TERM tell=up pause\"\n"
            ),
        );
    }
    world.start();
    for number in 0..20 {
        world.event(&format!("deaf{number}"), "up");
    }
    let asked = std::time::Instant::now();
    world.stop();
    // One after the other they would need 20 s.
    assert!(
        asked.elapsed() < Duration::from_secs(15),
        "{:?}",
        asked.elapsed()
    );
}

#[test]
fn an_empty_directory_is_a_running_daemon_with_nothing_to_do() {
    let mut world = World::new();
    world.start();
    world.answers();
    assert_eq!(world.stop(), Ended::Exited(0));
}

/// The two commands of the README: the quickstart, seen from outside.
#[test]
fn the_quickstart_runs() {
    let mut world = World::new();
    world.example("quickstart", &[]);
    world.start();
    let address = format!("{}:8080", world.host());
    assert_eq!(
        world.ctl(&["list-units", "hello@*", "--json"]).json(),
        serde_json::json!([])
    );
    let answer = tests::get(&address).unwrap();
    assert!(
        answer.contains("200 OK") && answer.contains("born for this connection"),
        "{answer}"
    );
    let first = world.console_line("the crash", |line| line.contains("something went wrong"));
    assert!(first.contains("crash.service["), "{first}");
    world.console_line("what it listens on", |line| {
        line.contains("listening") && line.contains(&address)
    });
    world.console_line("the restart", |line| {
        line.contains("crash.service") && line.contains("starting again in")
    });
    world.keeper().signal(libc::SIGINT);
    assert_eq!(world.ended(), Ended::Exited(0));
    assert!(world.console().iter().any(|line| line.contains("goodbye")));
}
