//! `runnerctl plan`: what a reload would change, seen before it does.
#![allow(
    clippy::expect_used,
    reason = "what helps a test fails it by panicking"
)]

use std::process::Command;

use serde_json::Value;

use tests::{CONFIGURATION, Kind, Peer, World, program, said};

const A: &str = "[service]\nexec-start = \"@actor@ as=a tell=up pause\"\n";
const B: &str = "[service]\nexec-start = \"@actor@ as=b tell=up pause\"\n";

fn world() -> World {
    let mut world = World::new();
    world.unit("a.toml", A);
    world.unit("b.toml", B);
    world.start();
    world.event("a", "up");
    world.event("b", "up");
    world
}

/// What becomes of each unit, by name.
fn outcomes(plan: &Value) -> Vec<(&str, &str)> {
    fn text(value: &Value) -> &str {
        value.as_str().expect("a text")
    }
    let units = plan["units"].as_array().expect("a list of units");
    let units = units.iter();
    units
        .map(|unit| (text(&unit["unit"]), text(&unit["outcome"])))
        .collect()
}

#[test]
fn the_plan_is_what_the_reload_does() {
    let world = world();
    assert_eq!(
        world.ctl(&["plan"]).ok(),
        "daemon-reload would change nothing\n"
    );
    let main = world.main_process("a.service");
    world.unit(
        "a.toml",
        &format!("{A}user = \"root\"\nrestart = \"always\"\n"),
    );
    world.unit("b.toml", &format!("{B}restart = \"always\"\n"));
    world.unit(
        "c.toml",
        "[service]\nexec-start = \"@actor@ as=c tell=up pause\"\n",
    );
    let plan = world.ctl(&["plan", "--json"]).json();
    assert_eq!(
        outcomes(&plan),
        [
            ("a.service", "needs-restart"),
            ("b.service", "at-once"),
            ("c.service", "known")
        ]
    );
    assert_eq!(plan["refused"], false);
    let user = &plan["units"][0]["settings"];
    let user = user
        .as_array()
        .and_then(|settings| settings.iter().find(|found| found["setting"] == "user"))
        .expect("the user changed");
    assert_eq!(
        (&user["from"], &user["to"]),
        (&Value::Null, &Value::from("root"))
    );
    assert_eq!(user["line"], 3);
    let text = world.ctl(&["plan"]).ok();
    for piece in [
        "daemon-reload would change 3 units:",
        "~ a.service: runs on as it was started; needs a restart",
        "a.toml:3; from the next start)",
        "~ b.service: runs on; all of this counts at once",
        "+ c.service: is new, and not started",
        "`runnerctl daemon-reload && runnerctl try-restart a.service`",
    ] {
        assert!(text.contains(piece), "{piece}: {text}");
    }
    // Nothing of that has happened.
    assert_eq!(world.show("b.service", "Restart"), "no");
    assert_eq!(world.show("c.service", "LoadState"), "not-found");
    world.ctl(&["daemon-reload"]).ok();
    assert!(!main.is_gone());
    assert_eq!(world.show("b.service", "Restart"), "always");
    assert_eq!(
        world.ctl(&["plan"]).ok(),
        "daemon-reload would change nothing\n"
    );
}

#[test]
fn a_broken_file_is_shown_with_its_place_and_refuses() {
    let world = world();
    world.unit("a.toml", "[service]\nexec-strat = \"x\"\n");
    let said = world.ctl(&["plan"]).refused(1);
    for piece in [
        "a.toml:2:1: error: unknown setting `exec-strat`",
        "did you mean `exec-start`?",
        "a.service: is broken; stays on its last good definition",
        "daemon-reload would be refused",
    ] {
        assert!(said.contains(piece), "{piece}: {said}");
    }
    let outcome = world.ctl(&["plan", "--json"]);
    assert_eq!(outcome.code, 1);
    let plan: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(plan["refused"], true);
    assert_eq!(plan["diagnostics"][0]["line"], 2);
    world.ctl(&["daemon-reload"]).refused(1);
}

#[test]
fn with_a_supervisord_conf_it_is_what_update_would_do() {
    const PROGRAMS: &str = "[program:cat]
command=/bin/sleep 1000
startsecs=0
[program:dog]
command=/bin/sleep 1000
startsecs=0
";
    let peer = Peer::start(Kind::Ours, &format!("{CONFIGURATION}{PROGRAMS}"));
    let plan = |words: &[&str]| {
        let output = Command::new(program("runnerctl"))
            .args(words)
            .env("RUNNER_RUNTIME_DIR", peer.path("run"))
            .output()
            .expect("runnerctl runs");
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    peer.wait_until("both run", |peer| {
        peer.ctl(&["status"]).matches("RUNNING").count() == 2
    });
    assert_eq!(plan(&["plan"]), "update would change nothing\n");
    let conf = peer.path("supervisord.conf");
    let text = std::fs::read_to_string(&conf).expect("its configuration");
    let text = text
        .replacen("sleep 1000", "sleep 2000", 1)
        .replace("program:dog", "program:owl");
    std::fs::write(&conf, text).expect("a file");
    let found: Value = serde_json::from_str(&plan(&["plan", "--json"])).expect("JSON");
    assert_eq!(found["way"], "update");
    assert_eq!(
        outcomes(&found),
        [
            ("cat.service", "restarts"),
            ("dog.service", "stops"),
            ("owl.service", "starts")
        ]
    );
    let text = plan(&["plan"]);
    assert!(
        text.contains("cat.service: is stopped and started again, with group cat"),
        "{text}"
    );
    peer.ctl(&["update"]);
    assert_eq!(plan(&["plan"]), "update would change nothing\n");
}
