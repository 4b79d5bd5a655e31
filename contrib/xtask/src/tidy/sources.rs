//! Rules about single files.

use super::{Source, sources};

/// A file with more lines than this, its tests not counted, holds more than one thing.
const LONGEST: usize = 700;

/// Where `unsafe` may stand: next to the kernel, and nowhere else. A directory ends in `/`.
const MAY_BE_UNSAFE: &[&str] = &[
    "dbus/src/server/peer.rs",
    "runner/control/src/local_time.rs",
    "runner/daemon/examples/",
    "runner/daemon/src/keeper/",
    "runner/daemon/src/link.rs",
    "runner/daemon/src/manager/poller.rs",
    "runner/daemon/src/memory.rs",
    "runner/daemon/src/notify.rs",
    "runner/daemon/src/notify/fd_store.rs",
    "runner/daemon/src/process/",
    "runner/daemon/src/socket/inherit.rs",
    "runner/daemon/src/socket/option.rs",
    "runner/daemon/src/standard_descriptors.rs",
    "runner/daemon/tests/",
];

/// Names that say nothing about what lives in a file.
const SAY_NOTHING: &[&str] = &[
    "utils", "util", "common", "helpers", "helper", "misc", "types",
];

/// Marks of unfinished work: finish it, or open an issue. In pieces, so that this file has none.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("X", "XX"),
];

fn rust() -> Vec<Source> {
    sources(|name| name.ends_with(".rs"))
}

#[test]
fn files_are_short() {
    let mut long = Vec::new();
    for source in rust()
        .iter()
        .filter(|source| !source.path.contains("/tests/"))
    {
        let code = source
            .text
            .lines()
            .take_while(|line| !line.contains("#[cfg(test)]"));
        let lines = code.count();
        if lines > LONGEST {
            long.push(format!("{}: {lines} lines, at most {LONGEST}", source.path));
        }
    }
    assert!(long.is_empty(), "split them:\n{}", long.join("\n"));
}

#[test]
fn modules_are_named_for_what_lives_there() {
    let vague: Vec<String> = rust()
        .into_iter()
        .map(|source| source.path)
        .filter(|path| {
            path.split('/')
                .any(|part| SAY_NOTHING.contains(&part.trim_end_matches(".rs")))
        })
        .collect();
    assert!(vague.is_empty(), "these names say nothing: {vague:?}");
}

#[test]
fn modules_say_what_they_are() {
    let silent: Vec<String> = rust()
        .into_iter()
        // The tests of a module are described by the module.
        .filter(|source| !source.path.ends_with("/tests.rs"))
        .filter(|source| {
            !source
                .text
                .lines()
                .take(3)
                .any(|line| line.starts_with("//!"))
        })
        .map(|source| source.path)
        .collect();
    assert!(silent.is_empty(), "no `//!` header: {silent:?}");
}

/// The compiler denies `unsafe` unless a module asks for it: these are the modules that may ask.
#[test]
fn unsafe_stays_next_to_the_kernel() {
    // In pieces, so that this file does not ask.
    let asks = concat!("unsafe", "_code");
    let wild: Vec<String> = rust()
        .into_iter()
        .filter(|source| source.text.contains(asks))
        .map(|source| source.path)
        .filter(|path| !MAY_BE_UNSAFE.iter().any(|room| path.starts_with(room)))
        .collect();
    assert!(wild.is_empty(), "unsafe code is not allowed in {wild:?}");
}

#[test]
fn nothing_is_left_unfinished() {
    let is_text = |name: &str| {
        [".rs", ".toml", ".md", ".in", ".8", ".sh", ".py"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    let mut marks = Vec::new();
    for source in sources(is_text) {
        for (number, line) in source.text.lines().enumerate() {
            let words = line.split(|c: char| !c.is_ascii_alphanumeric());
            marks.extend(
                words
                    .filter(|word| UNFINISHED.contains(word))
                    .map(|word| format!("{}:{}: {word}", source.path, number + 1)),
            );
        }
    }
    assert!(marks.is_empty(), "unfinished:\n{}", marks.join("\n"));
}
