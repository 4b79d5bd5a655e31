//! What has to hold before a unit starts, with real files, and actions that end everything.

use tests::{Ended, World};

#[test]
fn a_start_is_skipped_until_the_file_is_there() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nautostart = false\nexec-start = \"@actor@ as=x tell=up pause\"\n\
         condition-path-exists = [\"@dir@/wanted\", \"!@dir@/unwanted\"]\n",
    );
    world.unit(
        "y.toml",
        "[service]\nautostart = false\nrequires = [\"x.service\"]\nafter = [\"x.service\"]\n\
         exec-start = \"@actor@ as=y tell=up pause\"\n",
    );
    world.start();
    assert_eq!(world.show("x.service", "ConditionResult"), "no");
    // Skipping is no failure, not even for a unit that requires it.
    world.ctl(&["start", "y.service"]).ok();
    world.event("y", "up");
    assert_eq!(world.show("x.service", "ActiveState"), "inactive");
    assert_eq!(world.show("x.service", "ConditionResult"), "no");
    assert_ne!(world.show("x.service", "ConditionTimestampMonotonic"), "0");
    std::fs::write(world.path("wanted"), "").unwrap();
    world.ctl(&["start", "x.service"]).ok();
    world.event("x", "up");
    assert_eq!(world.show("x.service", "ConditionResult"), "yes");
    // Nothing is tested while it runs; at the next start it is.
    std::fs::write(world.path("unwanted"), "").unwrap();
    world.ctl(&["start", "x.service"]).ok();
    assert_eq!(world.show("x.service", "ActiveState"), "active");
    world.ctl(&["restart", "x.service"]).ok();
    assert_eq!(world.show("x.service", "ActiveState"), "inactive");
    assert_eq!(world.show("x.service", "ConditionResult"), "no");
    world.stop();
}

#[test]
fn an_assert_fails_the_job_and_not_the_unit() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nautostart = false\nexec-start = \"@actor@ as=x tell=up pause\"\n\
         assert-directory-not-empty = \"@dir@/full\"\n",
    );
    world.start();
    let said = world.ctl(&["start", "x.service"]).refused(1);
    assert!(said.contains("an assert does not hold"), "{said}");
    assert_eq!(world.show("x.service", "ActiveState"), "inactive");
    assert_eq!(world.show("x.service", "AssertResult"), "no");
    assert_eq!(world.show("x.service", "ConditionResult"), "yes");
    std::fs::create_dir(world.path("full")).unwrap();
    std::fs::write(world.path("full/x"), "").unwrap();
    world.ctl(&["start", "x.service"]).ok();
    world.event("x", "up");
    assert_eq!(world.show("x.service", "AssertResult"), "yes");
    world.stop();
}

#[test]
fn the_end_of_one_service_is_the_end_of_all() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nfailure-action = \"exit\"\nexec-start = \"@actor@ as=x obey\"\n",
    );
    world.unit(
        "y.toml",
        "[service]\nexec-start = \"@actor@ as=y hold=TERM tell=up await tell=down\"\n",
    );
    world.start();
    world.event("y", "up");
    world.event("x", "obeys");
    world.order("x", "exit=7");
    world.event("y", "down");
    assert_eq!(world.ended(), Ended::Exited(7));
}

#[test]
fn by_hand_it_is_refused() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nautostart = false\nrefuse-manual-start = true\n\
         exec-start = \"@actor@ as=x tell=up pause\"\n",
    );
    world.unit(
        "y.toml",
        "[service]\nautostart = false\nwants = [\"x.service\"]\n\
         exec-start = \"@actor@ as=y tell=up pause\"\n",
    );
    world.start();
    world.ctl(&["start", "x.service"]).refused(4);
    world
        .ctl(&["start", "--job-mode=isolate", "y.service"])
        .refused(4);
    world.ctl(&["start", "y.service"]).ok();
    world.event("x", "up");
    world.stop();
}
