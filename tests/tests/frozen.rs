//! `runnerctl freeze` and `thaw`, with the kernel's freezer of control groups.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use tests::{Init, Machine};

/// Says on USR1 that it runs.
const HEARS: &str = "[Service]\nExecStart=/bin/sh -c 'trap \"echo >>/run/heard\" USR1; echo >/run/up; \
                     while :; do sleep 1000 & wait $$!; done'\n";

/// Whether the kernel has all processes of the group of `a.service` stand still.
fn is_frozen(machine: &Machine) -> bool {
    let script = "grep -qx 'frozen 1' $(find /sys/fs/cgroup -path '*/a.service/cgroup.events')";
    machine.run(&["sh", "-c", script]).code == 0
}

fn state(machine: &Machine) -> String {
    let words = ["show", "a", "-p", "FreezerState", "--value"];
    machine.ctl(&words).stdout.trim().to_owned()
}

fn running() -> Machine {
    let units = tempfile::tempdir().unwrap();
    std::fs::write(units.path().join("a.service"), HEARS).unwrap();
    let machine = Machine::boot(Init::Runnerd, units.path());
    assert_eq!(machine.ctl(&["start", "a"]).code, 0);
    machine.until("it listens to signals", || machine.file("/run/up").exists());
    machine
}

#[test]
fn what_is_frozen_stands_still_until_it_is_thawed() {
    let machine = running();
    assert_eq!(
        (state(&machine).as_str(), is_frozen(&machine)),
        ("running", false)
    );
    let said = machine.ctl(&["freeze", "a"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(
        (state(&machine).as_str(), is_frozen(&machine)),
        ("frozen", true)
    );
    // As often as one likes.
    assert_eq!(machine.ctl(&["freeze", "a"]).code, 0);
    assert_eq!(machine.ctl(&["is-active", "a"]).code, 0);

    // It hears nothing, also of the next manager, until it may run again.
    assert_eq!(machine.ctl(&["kill", "-s", "USR1", "a"]).code, 0);
    let script = "kill -KILL $(pgrep -P 1 -x runnerd)";
    assert_eq!(machine.run(&["sh", "-c", script]).code, 0);
    assert_eq!(
        (state(&machine).as_str(), is_frozen(&machine)),
        ("frozen", true)
    );
    assert!(!machine.file("/run/heard").exists());
    let said = machine.ctl(&["thaw", "a"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(
        (state(&machine).as_str(), is_frozen(&machine)),
        ("running", false)
    );
    machine.until("it hears the signal", || {
        machine.file("/run/heard").exists()
    });
}

#[test]
fn what_is_frozen_can_be_stopped() {
    let machine = running();
    let said = machine.ctl(&["--json", "freeze", "a"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("\"frozen\": true"), "{said:?}");
    assert!(is_frozen(&machine));
    assert_eq!(machine.ctl(&["stop", "a"]).code, 0);
    assert_eq!(machine.ctl(&["is-active", "a"]).code, 3);
    assert_eq!(state(&machine), "running");
}

#[test]
fn what_cannot_be_frozen_is_refused() {
    let machine = running();
    let said = machine.ctl(&["freeze", "nosuch"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stderr.contains("not found"), "{said:?}");
    assert_eq!(machine.ctl(&["stop", "a"]).code, 0);
    let said = machine.ctl(&["freeze", "a"]);
    assert_ne!(said.code, 0);
    assert!(said.stderr.contains("a.service is not up"), "{said:?}");
    let said = machine.ctl(&["freeze", "sysinit.target"]);
    assert_ne!(said.code, 0, "{said:?}");
}
