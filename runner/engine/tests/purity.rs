//! The engine and the definitions decide; they reach no clock, no file and no runtime.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crates that would let a decision wait for the world.
const FORBIDDEN: [&str; 8] = [
    "tokio", "nix", "zbus", "rustix", "mio", "async-io", "chrono", "rand",
];

/// What a source may not name; `disk.rs` of `units` reads files, and says so.
const WORDS: [&str; 9] = [
    "std::fs",
    "std::env::",
    "std::time::Instant",
    "SystemTime",
    "TcpStream",
    "UdpSocket",
    "std::process",
    "std::thread",
    "std::os",
];

#[test]
fn no_runtime_is_within_reach() {
    let root = workspace();
    for package in ["engine", "units"] {
        let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
            .args([
                "tree",
                "--offline",
                "--edges",
                "normal",
                "--prefix",
                "none",
                "--package",
                package,
            ])
            .current_dir(&root)
            .output()
            .expect("cargo tree runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let tree = String::from_utf8(output.stdout).unwrap();
        let names: BTreeSet<&str> = tree
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert!(names.contains("serde"), "is this a tree? {tree}");
        for name in FORBIDDEN {
            assert!(!names.contains(name), "{package} reaches {name}");
        }
    }
}

#[test]
fn no_source_names_the_world() {
    let root = workspace();
    let mut sources = Vec::new();
    for directory in ["runner/engine/src", "units/src"] {
        collect(&root.join(directory), &mut sources);
    }
    assert!(sources.len() > 20, "where are the sources?");
    for path in sources {
        let is_disk = path
            .components()
            .any(|part| part.as_os_str() == "disk" || part.as_os_str() == "disk.rs");
        if is_disk {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        // Tests may ask for what they like.
        let code = text.split("#[cfg(test)]").next().unwrap();
        for (number, line) in code.lines().enumerate() {
            let code = line.split("//").next().unwrap();
            for word in WORDS {
                assert!(
                    !code.contains(word),
                    "{}:{} names {word}",
                    path.display(),
                    number + 1
                );
            }
        }
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn collect(directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}
