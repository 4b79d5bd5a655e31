//! The variables every program's environment starts from, through the real binary.
#![allow(
    clippy::expect_used,
    reason = "what helps a test fails it by panicking"
)]

use tests::World;

fn block(world: &World) -> serde_json::Value {
    world.ctl(&["show-environment", "--json"]).json()
}

#[test]
fn variables_are_set_taken_away_and_seen_by_services() {
    let mut world = World::new();
    let file = world.path("seen");
    let text = format!(
        "[service]\ntype = \"oneshot\"\nautostart = false\nenvironment = {{ OWN = \"unit\" }}\n\
         exec-start = [[\"/bin/sh\", \"-c\", \"echo $${{GIVEN-none}} $${{OWN-none}} > {}\"]]\n",
        file.display()
    );
    world.unit("a.toml", &text);
    world.start();
    let seen = |world: &World| {
        world.ctl(&["start", "a"]).ok();
        std::fs::read_to_string(&file).expect("what it saw")
    };
    let path = block(&world)["PATH"].as_str().expect("a path").to_owned();
    assert!(path.contains("/bin"), "{path}");
    world
        .ctl(&["set-environment", "GIVEN=by hand", "OWN=manager"])
        .ok();
    let text = world.ctl(&["show-environment"]).ok();
    assert!(text.contains("GIVEN=$'by hand'\n"), "{text}");
    assert!(text.contains("OWN=manager\n"), "{text}");
    assert_eq!(seen(&world), "by hand unit\n");
    // They outlive a manager.
    world.ctl(&["daemon-reexec"]).ok();
    assert_eq!(block(&world)["GIVEN"], "by hand");
    // With a value only where it is this one, be it ours or the one of the beginning.
    world.ctl(&["unset-environment", "GIVEN=other"]).ok();
    assert_eq!(block(&world)["GIVEN"], "by hand");
    world
        .ctl(&[
            "unset-environment",
            "GIVEN=by hand",
            &format!("PATH={path}"),
        ])
        .ok();
    assert!(block(&world).get("GIVEN").is_none());
    assert!(block(&world).get("PATH").is_none());
    assert_eq!(seen(&world), "none unit\n");
}

#[test]
fn variables_are_imported_and_bad_ones_refused() {
    let mut world = World::new();
    world.start();
    let mut import = world.ctl_command(&["import-environment", "FROM_HERE", "NOT_HERE"]);
    let output = import
        .env("FROM_HERE", "value")
        .env_remove("NOT_HERE")
        .output()
        .unwrap();
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("NOT_HERE is not set here"), "{said}");
    let now = block(&world);
    assert_eq!(now["FROM_HERE"], "value");
    assert!(now.get("NOT_HERE").is_none());
    for bad in ["novalue", "1=2", "=x", "a b=c"] {
        let said = world.ctl(&["set-environment", "GOOD=1", bad]);
        assert_eq!(said.code, 1, "{bad}");
    }
    assert!(block(&world).get("GOOD").is_none());
    assert_eq!(world.ctl(&["set-environment"]).code, 2);
}

#[test]
fn services_that_start_from_our_own_environment_see_what_is_set_too() {
    let mut world = World::new();
    let file = world.path("seen");
    world.environment("FROM_START", "first");
    world.environment("KEPT", "as it was");
    world.unit(
        "a.toml",
        &format!(
            "[service]\ntype = \"oneshot\"\nautostart = false\ninherit-environment = true\n\
             exec-start = [[\"/bin/sh\", \"-c\", \"echo $${{GIVEN-none}} $${{FROM_START-none}} $${{KEPT-none}} > {}\"]]\n",
            file.display()
        ),
    );
    world.start();
    let seen = |world: &World| {
        world.ctl(&["start", "a"]).ok();
        std::fs::read_to_string(&file).expect("what it saw")
    };
    assert_eq!(seen(&world), "none first as it was\n");
    world.ctl(&["set-environment", "GIVEN=by hand"]).ok();
    world.ctl(&["unset-environment", "FROM_START"]).ok();
    assert_eq!(seen(&world), "by hand none as it was\n");
    // Back to what it was at the beginning by hand.
    world.ctl(&["set-environment", "FROM_START=again"]).ok();
    assert_eq!(seen(&world), "by hand again as it was\n");
}
