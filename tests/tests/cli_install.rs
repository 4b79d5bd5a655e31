//! What is started without being asked for, through the real binary: `enable`, `mask` and their like
//! for unit files of both formats, and `set-property`.
#![allow(
    clippy::expect_used,
    reason = "what helps a test fails it by panicking"
)]

use std::fs;
use std::path::PathBuf;

use tests::World;

/// A daemon with a unit of each format, neither of which starts by itself.
fn world() -> World {
    let mut world = World::new();
    world.unit(
        "a.service",
        "[Service]\nExecStart=@actor@ as=a tell=up pause\n\
         [Install]\nWantedBy=multi-user.target\nAlias=other.service\nAlso=b.service\n",
    );
    world.unit(
        "b.service",
        "[Service]\nExecStart=@actor@ as=b tell=up pause\n[Install]\nWantedBy=multi-user.target\n",
    );
    world.unit(
        "s.service",
        "[Service]\nExecStart=@actor@ as=s tell=up pause\n",
    );
    world.unit(
        "c.toml",
        "[service]\nautostart = false\nexec-start = \"@actor@ as=c tell=up pause\"\n",
    );
    world.start();
    world
}

fn units(world: &World) -> PathBuf {
    world.path("units")
}

#[test]
fn systemds_units_are_enabled_by_links() {
    let world = world();
    assert_eq!(world.ctl(&["is-enabled", "a"]).refused(1), "disabled\n");
    assert_eq!(
        world.ctl(&["is-enabled", "s", "a"]).ok(),
        "static\ndisabled\n"
    );
    let directory = units(&world);
    let path = |name: &str| directory.join(name).display().to_string();
    let said = world.ctl(&["enable", "a"]).ok();
    let expected = format!(
        "Created symlink {} → {}.\nCreated symlink {} → {}.\nCreated symlink {} → {}.\n",
        path("other.service"),
        path("a.service"),
        path("multi-user.target.wants/a.service"),
        path("a.service"),
        path("multi-user.target.wants/b.service"),
        path("b.service"),
    );
    assert_eq!(said, expected);
    assert_eq!(world.ctl(&["enable", "a"]).ok(), "");
    assert_eq!(
        world.ctl(&["is-enabled", "a", "b", "other"]).ok(),
        "enabled\nenabled\nalias\n"
    );
    // It was read again: the other name works, and the target wants both.
    world.ctl(&["start", "other"]).ok();
    world.event("a", "up");
    let tree = world.ctl(&["list-dependencies", "multi-user.target"]).ok();
    assert!(tree.contains("b.service"), "{tree}");
    world.ctl(&["disable", "--now", "a"]).ok();
    assert_eq!(world.ctl(&["is-active", "a"]).code, 3);
    assert_eq!(world.ctl(&["is-enabled", "b"]).refused(1), "disabled\n");
    assert!(!directory.join("multi-user.target.wants").exists());
    let hint = world.ctl(&["enable", "s"]);
    assert_eq!(hint.code, 0);
    assert!(hint.stderr.contains("cannot be enabled"), "{}", hint.stderr);
    let value = world.ctl(&["enable", "--json", "b"]).json();
    assert_eq!(value["changes"][0]["change"], "symlink", "{value}");
    let refused = world.ctl(&["enable", "none"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("none.service"),
        "{}",
        refused.stderr
    );
    let missing = world.ctl(&["is-enabled", "b", "none"]);
    assert_eq!((missing.code, missing.stdout.as_str()), (1, "enabled\n"));
}

#[test]
fn units_of_toml_files_are_enabled_by_drop_ins() {
    let world = world();
    assert_eq!(world.ctl(&["is-enabled", "c"]).refused(1), "disabled\n");
    world.ctl(&["enable", "--now", "c"]).ok();
    world.event("c", "up");
    assert_eq!(world.ctl(&["is-enabled", "c"]).ok(), "enabled\n");
    let tree = world.ctl(&["list-dependencies", "default.target"]).ok();
    assert!(tree.contains("c.service"), "{tree}");
    world.ctl(&["disable", "c"]).ok();
    assert_eq!(world.ctl(&["is-enabled", "c"]).code, 1);
    assert!(!units(&world).join("c.toml.d").exists());
    // Until the end only: not in the directory of unit files.
    world.ctl(&["enable", "--runtime", "c"]).ok();
    assert_eq!(world.ctl(&["is-enabled", "c"]).ok(), "enabled-runtime\n");
    assert!(!units(&world).join("c.toml.d").exists());
    world.ctl(&["disable", "--runtime", "c"]).ok();
    assert_eq!(world.ctl(&["is-enabled", "c"]).code, 1);
}

#[test]
fn masks_keep_units_from_starting() {
    let world = world();
    let link = units(&world).join("c.service");
    world.ctl(&["mask", "c"]).ok();
    assert_eq!(fs::read_link(&link).unwrap(), PathBuf::from("/dev/null"));
    assert_eq!(world.ctl(&["is-enabled", "c"]).refused(1), "masked\n");
    let refused = world.ctl(&["start", "c"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("unmask"), "{}", refused.stderr);
    world.ctl(&["unmask", "c"]).ok();
    assert!(!link.exists());
    world.ctl(&["start", "c"]).ok();
    // A file that is there is not replaced.
    let refused = world.ctl(&["mask", "s"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("there already"),
        "{}",
        refused.stderr
    );
}

#[test]
fn nothing_is_written_through_a_link() {
    let world = world();
    let elsewhere = world.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for name in ["c.toml.d", "multi-user.target.wants"] {
        std::os::unix::fs::symlink(&elsewhere, units(&world).join(name)).unwrap();
    }
    for unit in ["a", "c"] {
        let refused = world.ctl(&["enable", unit]);
        assert_eq!(refused.code, 1, "{unit}");
        assert!(
            refused.stderr.contains("not followed"),
            "{}",
            refused.stderr
        );
    }
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn settings_are_set_and_reverted() {
    let world = world();
    world
        .ctl(&["set-property", "c", "Description=By hand"])
        .ok();
    assert_eq!(world.show("c.service", "Description"), "By hand");
    world
        .ctl(&[
            "set-property",
            "--runtime",
            "s",
            "description=For now",
            "timeout-stop-sec=7s",
        ])
        .ok();
    assert_eq!(world.show("s.service", "Description"), "For now");
    let text = world.ctl(&["cat", "c"]).ok();
    assert!(
        text.contains("50-description.c.service.toml\n")
            && text.contains("description = \"By hand\""),
        "{text}"
    );
    let text = world.ctl(&["cat", "s"]).ok();
    assert!(text.contains("51-TimeoutStopSec.conf\n"), "{text}");
    for (assignment, said) in [
        ("memory-max=lots", "memory-max"),
        ("NoSuchThing=1", "NoSuchThing"),
        ("nothing", "NAME=VALUE"),
    ] {
        let refused = world.ctl(&["set-property", "c", assignment]);
        assert_ne!(refused.code, 0, "{assignment}");
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    world.ctl(&["revert", "c", "s"]).ok();
    assert_eq!(world.show("c.service", "Description"), "c.service");
    assert!(!units(&world).join("c.toml.d").exists());
}

#[test]
fn unit_files_are_listed_with_their_states() {
    let world = world();
    world.ctl(&["mask", "later"]).ok();
    world.ctl(&["enable", "a"]).ok();
    let list = world.ctl(&["list-unit-files"]).ok();
    let states: Vec<(&str, &str)> = list
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .collect();
    assert_eq!(
        states,
        [
            ("a.service", "enabled"),
            ("b.service", "enabled"),
            ("c.service", "disabled"),
            ("later.service", "masked"),
            ("other.service", "alias"),
            ("s.service", "static"),
        ]
    );
    assert!(list.contains("a.service     enabled  enabled"), "{list}");
    let masked = world
        .ctl(&["list-unit-files", "--state=masked", "--json"])
        .json();
    assert_eq!(masked.as_array().map(Vec::len), Some(1), "{masked}");
    // The same as properties, which are kept until something changes.
    let state = |unit: &str| world.show(unit, "UnitFileState");
    assert_eq!(state("a.service"), "enabled");
    assert_eq!(state("later.service"), "masked");
    assert_eq!(world.show("later.service", "LoadState"), "masked");
    assert_eq!(state("s.service"), "static");
    assert_eq!(state("nothing.service"), "");
    assert_eq!(state("default.target"), "static");
    assert_eq!(world.show("a.service", "UnitFilePreset"), "enabled");
    world.ctl(&["disable", "a"]).ok();
    assert_eq!(state("a.service"), "disabled");
    assert_eq!(world.ctl(&["list-unit-files", "zzz*"]).code, 1);
}

#[test]
fn files_elsewhere_are_linked_and_unlinked() {
    let world = world();
    let elsewhere = world.path("elsewhere.service");
    let text = "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n";
    fs::write(&elsewhere, text).expect("a unit file");
    let path = elsewhere.display().to_string();
    let link = units(&world).join("elsewhere.service");
    assert_eq!(
        world.ctl(&["link", &path]).ok(),
        format!("Created symlink {} → {path}.\n", link.display())
    );
    assert_eq!(
        world.ctl(&["is-enabled", "elsewhere"]).refused(1),
        "linked\n"
    );
    world.ctl(&["enable", "elsewhere"]).ok();
    world.ctl(&["disable", "elsewhere"]).ok();
    assert!(!link.is_symlink());
    assert!(elsewhere.is_file());
    let missing = world.ctl(&["link", "/no/such.service"]);
    assert_eq!(missing.code, 1);
    assert!(
        missing.stderr.contains("cannot link /no/such.service"),
        "{}",
        missing.stderr
    );
}

#[test]
fn boot_starts_the_target_that_is_said() {
    let world = world();
    assert_eq!(world.ctl(&["get-default"]).ok(), "default.target\n");
    fs::write(
        units(&world).join("some.target"),
        "[Unit]\nDescription=Some\n",
    )
    .expect("a unit file");
    world.ctl(&["daemon-reload"]).ok();
    world.ctl(&["set-default", "some"]).ok();
    assert_eq!(world.ctl(&["get-default"]).ok(), "some.target\n");
    let directory = units(&world).display().to_string();
    let here = ["get-default", "--unit-dir", &directory];
    assert_eq!(world.ctl(&here).ok(), "some.target\n");
    assert_eq!(world.ctl(&["set-default", "a.service"]).code, 1);
}

#[test]
fn directories_of_units_are_cleaned() {
    let mut world = World::new();
    let name = format!("runner-test-{}", std::process::id());
    let text = "[service]\nautostart = false\ntype = \"oneshot\"\nremain-after-exit = true\n\
         exec-start = \"/bin/true\"\nruntime-directory = \"NAME\"\nruntime-directory-preserve = \"yes\"\n";
    world.unit("d.toml", &text.replace("NAME", &name));
    world.start();
    world.ctl(&["start", "d"]).ok();
    let busy = world.ctl(&["clean", "d"]);
    assert_ne!(busy.code, 0, "{busy:?}");
    world.ctl(&["stop", "d"]).ok();
    assert_eq!(
        world.ctl(&["show", "d", "-P", "CanClean"]).ok(),
        "runtime\n"
    );
    world.ctl(&["clean", "--what=all", "d"]).ok();
    assert_eq!(world.ctl(&["clean", "--what=none", "d"]).code, 2);
}
