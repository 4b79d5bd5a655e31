//! Timers and paths: what starts their services, with real time, real files and killed managers.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs::{File, create_dir, read_to_string, rename, write};
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use tests::World;

/// A moment or span as the bus has it, in microseconds.
fn micros(world: &World, unit: &str, property: &str) -> u64 {
    let shown = world.ctl(&["show", unit, "--json", "-p", property]).json();
    shown[0][property].as_u64().unwrap()
}

#[test]
fn a_timer_goes_on_over_a_killed_manager() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[timer]\non-active-sec = \"5ms\"\non-unit-inactive-sec = \"5ms\"\naccuracy-sec = \"1us\"\n\
         [service]\ntype = \"oneshot\"\nstart-limit-burst = 0\nexec-start = \"@actor@ as=x tell=ran\"\n",
    );
    world.start();
    for _ in 0..3 {
        world.event("x", "ran");
    }
    world.kill_manager();
    world.answers();
    // Those from before the kill that nobody has taken yet.
    while world
        .heard()
        .iter()
        .any(|event| event.tag == "x" && event.word == "ran")
    {
        world.event("x", "ran");
    }
    for _ in 0..3 {
        world.event("x", "ran");
    }
    let listed = world.ctl(&["list-timers", "--json"]).json();
    assert_eq!(listed[0]["unit"], "x.timer", "{listed}");
    assert_eq!(listed[0]["activates"], "x.service", "{listed}");
    world.ctl(&["stop", "x.timer"]).ok();
    world.wait_for("x.service", "inactive");
    assert_eq!(world.show("x.timer", "ActiveState"), "inactive");
    world.stop();
}

#[test]
fn the_calendar_is_kept_by_the_clock_on_the_wall() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[timer]\non-calendar = \"*-*-* *:*:* UTC\"\naccuracy-sec = \"1us\"\n\
         [service]\ntype = \"oneshot\"\nexec-start = \"@actor@ as=x tell=ran\"\n",
    );
    // Elapsed long ago, and so it never does.
    world.unit(
        "past.toml",
        "[timer]\non-calendar = \"2001-01-01\"\n[service]\nexec-start = \"@actor@ as=past tell=ran\"\n",
    );
    world.start();
    world.event("x", "ran");
    // It elapses at full seconds.
    world.until("the last elapse is known", || {
        micros(&world, "x.timer", "LastTriggerUSec") > 0
    });
    world.event("x", "ran");
    assert_eq!(world.show("past.timer", "NextElapseUSecRealtime"), "");
    assert_eq!(world.show("past.timer", "SubState"), "elapsed");
    assert_eq!(world.show("past.service", "ActiveState"), "inactive");
    world.stop();
}

#[test]
fn what_was_missed_is_made_up_for_once() {
    let mut world = World::new();
    world.environment("STATE_DIRECTORY", &world.path("state").to_string_lossy());
    world.unit(
        "x.toml",
        "[timer]\non-calendar = \"yearly\"\npersistent = true\n\
         [service]\ntype = \"oneshot\"\nexec-start = \"@actor@ as=x tell=ran\"\n",
    );
    world.unit(
        "new.toml",
        "[timer]\non-calendar = \"yearly\"\npersistent = true\n\
         [service]\ntype = \"oneshot\"\nexec-start = \"@actor@ as=new tell=ran\"\n",
    );
    let stamp = world.path("state/timers/stamp-x.timer");
    std::fs::create_dir_all(stamp.parent().unwrap()).unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(2 * 366 * 24 * 60 * 60);
    File::create(&stamp)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    let stamped = || std::fs::metadata(&stamp).unwrap().modified().unwrap();
    world.start();
    world.event("x", "ran");
    world.until("the stamp is new", || stamped() > long_ago);
    // Of this one nobody knows when it last elapsed, so nothing was missed.
    assert_eq!(
        world.show("new.service", "ActiveEnterTimestampMonotonic"),
        "0"
    );
    world.stop();
    let before = stamped();
    world.start();
    assert_eq!(world.show("x.timer", "ActiveState"), "active");
    assert_eq!(world.show("x.service", "ActiveState"), "inactive");
    assert_eq!(
        world.show("x.service", "InactiveExitTimestampMonotonic"),
        "0"
    );
    assert_eq!(stamped(), before);
    world.stop();
}

#[test]
fn files_that_come_change_and_are_written_to() {
    let mut world = World::new();
    for (name, setting) in [
        ("exists", "path-exists = \"@dir@/at/exists\""),
        ("glob", "path-exists-glob = \"@dir@/at/*.glob\""),
        ("changed", "path-changed = \"@dir@/at/changed\""),
        ("modified", "path-modified = \"@dir@/at/modified\""),
        (
            "full",
            "directory-not-empty = \"@dir@/spool\"\nmake-directory = true\ndirectory-mode = \"0700\"",
        ),
    ] {
        world.unit(
            &format!("{name}.toml"),
            &format!(
                "[path]\n{setting}\n[service]\ntype = \"oneshot\"\nexec-start = \"@actor@ as={name} tell=ran\"\n\
                 exec-start-pre = \"/bin/sh -c 'rm -f @dir@/at/exists @dir@/at/*.glob @dir@/spool/*'\"\n"
            ),
        );
    }
    // The directory is not there yet: what leads to it is watched.
    world.start();
    let waits = |name: &str| {
        let unit = format!("{name}.path");
        world.until("it waits", || world.show(&unit, "SubState") == "waiting");
    };
    for name in ["exists", "glob", "changed", "modified", "full"] {
        waits(name);
    }
    create_dir(world.path("at")).unwrap();
    write(world.path("at/exists"), "").unwrap();
    world.event("exists", "ran");
    write(world.path("at/new"), "").unwrap();
    rename(world.path("at/new"), world.path("at/a.glob")).unwrap();
    world.event("glob", "ran");
    write(world.path("spool/letter"), "").unwrap();
    world.event("full", "ran");
    // Changed: closed after writing. Modified: each write.
    let mut changed = File::create(world.path("at/changed")).unwrap();
    changed.write_all(b"x").unwrap();
    drop(changed);
    world.event("changed", "ran");
    let modified = File::create(world.path("at/modified")).unwrap();
    world.event("modified", "ran");
    // Its service has ended, and it may still be on its way back to the file.
    world.until("a write is seen", || {
        (&modified).write_all(b"x").unwrap();
        world.heard().iter().any(|event| event.tag == "modified")
    });
    for name in ["exists", "glob", "changed", "modified", "full"] {
        waits(name);
    }
    let listed = world.ctl(&["list-paths", "--json"]).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(5), "{listed}");
    world.stop();
}

#[test]
fn what_happens_to_files_while_no_manager_lives_is_seen() {
    let mut world = World::new();
    for (name, setting) in [
        ("exists", "path-exists = \"@dir@/exists\""),
        ("changed", "path-changed = \"@dir@/changed\""),
    ] {
        world.unit(
            &format!("{name}.toml"),
            &format!(
                "[path]\n{setting}\n[service]\nexec-start = \"@actor@ as={name} tell=ran pause\"\n"
            ),
        );
    }
    write(world.path("changed"), "before").unwrap();
    world.start();
    for name in ["exists.path", "changed.path"] {
        world.until("it waits", || world.show(name, "SubState") == "waiting");
    }
    let manager = world.manager().unwrap();
    // Stopped, then killed: what happens in between is told to nobody.
    manager.signal(libc::SIGSTOP);
    write(world.path("exists"), "").unwrap();
    write(world.path("changed"), "after, and longer").unwrap();
    manager.signal(libc::SIGKILL);
    world.event("exists", "ran");
    world.event("changed", "ran");
    assert_eq!(
        read_to_string(world.path("changed")).unwrap(),
        "after, and longer"
    );
    world.stop();
}
