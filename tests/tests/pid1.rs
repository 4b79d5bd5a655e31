//! As process 1 of a namespace: it reaps, stops in order, and ends with a status.

use tests::{Ended, Identity, World};

#[test]
fn reaps_orphans_and_stops_in_order_on_sigterm() {
    let mut world = World::with(Identity::Init);
    world.unit(
        "a.toml",
        "[service]\nexec-start = \"@actor@ as=a hold=TERM tell=up await tell=down\"\n",
    );
    world.unit(
        "b.toml",
        "[service]\nafter = [\"a.service\"]\nexec-start = \"@actor@ as=b hold=TERM tell=up await tell=down\"\n",
    );
    // Two hundred orphans: each is left behind by a parent that ends at once.
    world.unit(
        "orphans.toml",
        "[service]\ntype = \"oneshot\"\nkill-mode = \"process\"\nexec-start = [\":/bin/sh\", \"-c\", '''\n\
         i=0; while [ $i -lt 200 ]; do (true & exec true) ; i=$((i+1)); done''']\n",
    );
    world.start();
    world.event("a", "up");
    world.event("b", "up");
    let keeper = world.keeper();
    world.wait_for("orphans.service", "inactive");
    let zombies = || {
        std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok())
            .filter(|stat| stat.contains(&format!(") Z {} ", keeper.pid)))
            .count()
    };
    world.until("no zombies", || zombies() == 0);
    keeper.signal(libc::SIGTERM);
    assert_eq!(world.ended(), Ended::Exited(0));
    assert!(world.event("b", "down").at <= world.event("a", "down").at);
}

#[test]
fn the_exit_status_of_the_container() {
    let mut world = World::with(Identity::Init);
    world.unit(
        "a.toml",
        "[service]\nexec-start = \"@actor@ as=a hold=TERM tell=up await tell=down\"\n",
    );
    world.start();
    world.event("a", "up");
    world.ctl(&["shutdown", "--exit-status=42"]).ok();
    assert_eq!(world.ended(), Ended::Exited(42));
    world.event("a", "down");
}

#[test]
fn a_killed_manager_is_no_reason_for_the_container_to_end() {
    let mut world = World::with(Identity::Init);
    world.unit(
        "a.toml",
        "[service]\nexec-start = \"@actor@ as=a tell=up obey\"\n",
    );
    world.start();
    world.event("a", "obeys");
    for _ in 0..10 {
        world.kill_manager();
        world.answers();
    }
    world.order("a", "tell=alive");
    world.event("a", "alive");
    assert_eq!(world.show("a.service", "NRestarts"), "0");
    assert_eq!(world.stop(), Ended::Exited(0));
}

#[test]
fn bad_arguments_end_the_container_at_once() {
    let mut world = World::with(Identity::Init);
    world.arguments(&["--log-format", "xml"]);
    world.launch();
    assert_eq!(world.ended(), Ended::Exited(2));
}

#[test]
fn a_process_that_escaped_does_not_outlive_the_container() {
    let mut world = World::with(Identity::Init);
    world.unit(
        "x.toml",
        "[service]\nkill-mode = \"process\"\ntimeout-stop-sec = \"1s\"\nexec-start = \"@actor@ as=x leave tell=up hold=TERM await\"\n",
    );
    world.start();
    world.event("x-child", "left");
    world.event("x", "up");
    world.ctl(&["stop", "x"]).ok();
    assert_eq!(world.stop(), Ended::Exited(0));
}
