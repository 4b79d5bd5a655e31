//! `runnerctl why`: the chain of causes, and what to do next.
#![allow(
    clippy::expect_used,
    reason = "what helps a test fails it by panicking"
)]

use serde_json::Value;
use tests::World;

/// The sentences of a chain, each after its unit.
fn chain(why: &Value) -> Vec<String> {
    let links = why["chain"].as_array().expect("a chain").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    links
        .map(|link| format!("{}: {}", text(&link["unit"]), text(&link["text"])))
        .collect()
}

#[test]
fn a_failed_requirement_is_the_root() {
    let mut world = World::new();
    world.unit(
        "db.toml",
        "[service]\nautostart = false\ntype = \"notify\"\nexec-start = \"@actor@ as=db print=no-disk tell=up exit=3\"\n",
    );
    world.unit(
        "web.toml",
        "[service]\nautostart = false\nrequires = [\"db.service\"]\nafter = [\"db.service\"]\nexec-start = \"@actor@ as=web tell=up pause\"\n",
    );
    world.start();
    world.ctl(&["start", "web"]).refused(1);
    // What is known is known to the next manager, too.
    world.kill_manager();
    world.answers();
    let outcome = world.ctl(&["why", "web", "--json"]);
    assert_eq!(outcome.code, 3, "{}", outcome.stderr);
    let why: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    let told = chain(&why).join("\n");
    for piece in [
        "web.service: it is inactive (dead)",
        "web.service: its start was asked for by uid ",
        ", and was given up because of db.service",
        "db.service: it is failed (failed)",
        "db.service: it failed (exit-code): the main process exited with status 3",
        "db.service: its start came with a job of web.service",
    ] {
        assert!(told.contains(piece), "{piece}:\n{told}");
    }
    let next = why["next"].as_str().expect("an advice");
    assert!(next.starts_with("`runnerctl logs db.service`"), "{next}");
    // Of the one that failed, also how it ended and what it said.
    let text = world.ctl(&["why", "db"]).refused(3);
    for piece in [
        "last process: exited, status=3",
        "no-disk",
        "next: `runnerctl logs db.service`",
    ] {
        assert!(text.contains(piece), "{piece}:\n{text}");
    }
}

#[test]
fn what_a_person_meets() {
    let mut world = World::new();
    world.unit(
        "up.toml",
        "[service]\nexec-start = \"@actor@ as=up tell=up pause\"\n",
    );
    world.unit(
        "missing.toml",
        "[service]\nautostart = false\nexec-start = \"/nonexistent/program\"\n",
    );
    world.unit(
        "held.toml",
        "[service]\nautostart = false\ncondition-path-exists = \"/nonexistent/file\"\nexec-start = \"@actor@ as=held tell=up pause\"\n",
    );
    world.unit(
        "often.toml",
        "[service]\nautostart = false\nstart-limit-burst = 1\nstart-limit-interval-sec = \"1h\"\nexec-start = \"@actor@ as=often exit=1\"\ntype = \"oneshot\"\n",
    );
    world.unit("bad.toml", "[service]\nexec-strat = \"x\"\n");
    world.start();
    world.event("up", "up");
    world.ctl(&["start", "missing", "held"]);
    world.ctl(&["start", "often"]).refused(1);
    world.ctl(&["start", "often"]).refused(1);
    for (unit, code, pieces) in [
        (
            "up",
            0,
            &[
                "came with a job of default.target",
                "part of the boot",
                "next: nothing: it is up",
            ][..],
        ),
        (
            "missing",
            3,
            &[
                "status=203/EXEC",
                "see what `exec-start` names: `runnerctl cat missing.service`",
            ][..],
        ),
        (
            "held",
            3,
            &[
                "`condition-path-exists = /nonexistent/file` does not hold",
                "then `runnerctl start held.service`",
            ][..],
        ),
        (
            "often",
            3,
            &[
                "it was started 1 times within 1h",
                "`runnerctl reset-failed often.service && runnerctl start often.service`",
            ][..],
        ),
        (
            "bad",
            3,
            &["bad.toml:2:1: error: unknown setting", "next: correct "][..],
        ),
        ("none", 4, &["no unit file defines it"][..]),
        ("sockets.target", 0, &["active"][..]),
    ] {
        let said = world.ctl(&["why", unit]).refused(code);
        for piece in pieces {
            assert!(said.contains(piece), "{unit}: {piece}:\n{said}");
        }
    }
    world.ctl(&["stop", "up"]).ok();
    let said = world.ctl(&["why", "up"]).refused(3);
    for piece in [
        "its stop was asked for by uid ",
        "next: `runnerctl start up.service`",
    ] {
        assert!(said.contains(piece), "{piece}:\n{said}");
    }
}
