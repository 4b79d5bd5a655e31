//! Files of transient units: what a client defined can be read, for as long as the unit is there.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tests::{Init, Machine};

fn machine() -> Machine {
    let units = tempfile::tempdir().unwrap();
    Machine::boot_with(Init::Runnerd, units.path(), None, &["--systemd-compat"])
}

/// Where the file of a unit is said to be.
fn path(machine: &Machine, unit: &str) -> String {
    let words = ["show", unit, "-p", "FragmentPath", "--value"];
    machine.systemctl(&words).stdout.trim().to_owned()
}

fn file(machine: &Machine, path: &str) -> PathBuf {
    machine.file(path)
}

#[test]
fn a_transient_unit_has_a_file_as_long_as_it_is_there() {
    let machine = machine();
    let words = [
        "systemd-run",
        "--unit=made",
        "--property=Nice=3",
        "--setenv=SECRET=b",
        "--description=Made by hand",
        "sleep",
        "1000",
    ];
    assert_eq!(machine.run(&words).code, 0);
    let path = path(&machine, "made");
    assert!(path.ends_with("/transient/made.service"), "{path}");
    machine.until("its file is there", || file(&machine, &path).exists());

    let shown = machine.systemctl(&["cat", "made"]);
    assert_eq!(shown.code, 0, "{shown:?}");
    for line in [
        &*format!("# {path}"),
        "[Unit]",
        "Description=Made by hand",
        "[Service]",
        "Nice=3",
    ] {
        assert!(
            shown.stdout.lines().any(|found| found == line),
            "{line}: {shown:?}"
        );
    }
    assert!(!shown.stdout.contains("[Install]"), "{shown:?}");
    // What others may not see of a unit is not in a file for everybody.
    let mode = std::fs::metadata(file(&machine, &path)).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    let ours = machine.ctl(&["cat", "made"]);
    assert_eq!(ours.stdout.trim_end(), shown.stdout.trim_end());

    // What the next manager writes is the same.
    let strange = file(&machine, &path).with_file_name("gone.service");
    std::fs::write(&strange, "").unwrap();
    let script = "kill -KILL $(pgrep -P 1 -x runnerd) && systemctl cat made";
    let again = machine.run(&["sh", "-c", script]);
    assert_eq!(again.stdout, shown.stdout);
    machine.until("what nobody has is cleared away", || !strange.exists());
    assert_eq!(machine.systemctl(&["daemon-reload"]).code, 0);
    assert_eq!(machine.systemctl(&["cat", "made"]).stdout, shown.stdout);

    assert_eq!(machine.systemctl(&["stop", "made"]).code, 0);
    machine.until("its file goes with it", || !file(&machine, &path).exists());
    assert_eq!(machine.systemctl(&["cat", "made"]).code, 1);
}

#[test]
fn all_that_come_together_have_files() {
    let machine = machine();
    let words = [
        "systemd-run",
        "--unit=made",
        "--on-active=1000",
        "--timer-property=AccuracySec=1s",
        "true",
    ];
    assert_eq!(machine.run(&words).code, 0);
    for (unit, line) in [
        ("made.timer", "AccuracySec=1000000us"),
        ("made.service", "[Service]"),
    ] {
        let path = path(&machine, unit);
        machine.until("its file is there", || file(&machine, &path).exists());
        let shown = machine.systemctl(&["cat", unit]).stdout;
        assert!(shown.lines().any(|found| found == line), "{line}: {shown}");
    }
    let files = ["made.timer", "made.service"].map(|unit| file(&machine, &path(&machine, unit)));
    assert_eq!(machine.systemctl(&["stop", "made.timer"]).code, 0);
    machine.until("both files are gone", || {
        files.iter().all(|file| !file.exists())
    });
}
