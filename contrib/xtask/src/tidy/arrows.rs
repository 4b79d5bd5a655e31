//! Which crate may know which: arrows only point down (ARCHITECTURE.md).

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// Each crate of ours, and those of ours it may name. A crate that is not here may not exist.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("engine", &["units"]),
    ("control", &["engine", "units"]),
    ("dbus", &["control", "engine", "units"]),
    ("xmlrpc", &[]),
    ("web", &["control", "engine", "units", "xmlrpc"]),
    (
        "runnerd",
        &["control", "dbus", "engine", "units", "web", "xmlrpc"],
    ),
    ("runnerctl", &["dbus", "units", "xmlrpc"]),
    ("xtask", &["dbus", "runnerctl", "units", "web"]),
    ("tests", &["units", "xmlrpc"]),
];

/// What must not be reachable from a crate by any path, because the crate is pure.
const MUST_NOT_REACH: &[(&str, &[&str])] = &[
    ("units", &["tokio", "nix", "rustix", "libc", "zbus"]),
    ("engine", &["tokio", "nix", "rustix", "libc", "zbus"]),
    ("xmlrpc", &["tokio", "nix", "rustix", "libc", "zbus"]),
];

/// What a pure crate must not name in its own code, and the files that are excepted.
const MUST_NOT_NAME: &[(&str, &[&str])] = &[
    ("units/src/", &["units/src/disk.rs", "units/src/disk/"]),
    ("runner/engine/src/", &[]),
];

/// The world, as std offers it.
const WORLD: &[&str] = &[
    "std::fs",
    "std::env",
    "std::net::Tcp",
    "std::net::Udp",
    "std::net::ToSocketAddrs",
    "std::process",
    "std::thread",
    "std::os::",
    "Instant::now",
    "SystemTime::now",
];

fn cargo(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(crate::outputs::root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

#[test]
fn arrows_only_point_down() {
    // Without dependencies these are the members of the workspace.
    let metadata = cargo(&[
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
        "--offline",
    ]);
    let metadata: Value = serde_json::from_slice(&metadata).unwrap();
    let ours = list(&metadata["packages"]);
    let our_names: BTreeSet<&str> = ours.iter().map(|package| text(&package["name"])).collect();
    for package in ours {
        let name = text(&package["name"]);
        let (_, allowed) = MAY_KNOW
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("crate {name} has no place in MAY_KNOW"));
        for dependency in list(&package["dependencies"]) {
            let other = text(&dependency["name"]);
            let is_built = dependency["kind"].is_null();
            assert!(
                !is_built || !our_names.contains(other) || allowed.contains(&other),
                "{name} must not know {other}"
            );
        }
    }
}

#[test]
fn the_pure_crates_reach_nothing_of_the_world() {
    for (name, forbidden) in MUST_NOT_REACH {
        let tree = cargo(&[
            "tree",
            "--offline",
            "-e",
            "normal",
            "--prefix",
            "none",
            "-p",
            name,
        ]);
        let tree = String::from_utf8(tree).unwrap();
        let reached: BTreeSet<&str> = tree
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert!(
            reached.contains(name),
            "cargo tree names the crate itself: {tree}"
        );
        let found: Vec<_> = forbidden
            .iter()
            .filter(|other| reached.contains(*other))
            .collect();
        assert!(found.is_empty(), "{name} reaches {found:?}");
    }
}

#[test]
fn the_pure_crates_name_nothing_of_the_world() {
    for source in super::sources(|name| name.ends_with(".rs")) {
        let pure = MUST_NOT_NAME.iter().any(|(room, excepted)| {
            source.path.starts_with(room)
                && !excepted.iter().any(|path| source.path.starts_with(path))
        });
        // Tests may print, read fixtures and look at the clock.
        let code = source.text.split("#[cfg(test)]").next().unwrap_or_default();
        if pure && !source.path.ends_with("tests.rs") {
            for (number, line) in code.lines().enumerate() {
                let found = WORLD.iter().find(|name| line.contains(**name));
                let said = line.trim_start().starts_with("//");
                assert!(
                    found.is_none() || said,
                    "{}:{}: {found:?} in a pure crate",
                    source.path,
                    number + 1
                );
            }
        }
    }
}
