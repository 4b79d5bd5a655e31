//! Scenarios as data: units in TOML, events in, actions and both views out.
//!
//! Each file in `tests/scenarios/` is a story. `== NAME.toml` begins a unit file that goes on to
//! the next `==` or `>` line; `> EVENT` is an event, and the lines below it are what must come of
//! it. `UPDATE=1 cargo test -p engine --test scenarios` writes what did come of it instead.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests"
)]

mod stage;

use std::path::Path;

use stage::story::{first_difference, play};

#[test]
fn every_scenario_goes_as_written() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let update = std::env::var_os("UPDATE").is_some();
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() > 3, "where are the scenarios?");
    let mut different = Vec::new();
    for path in paths {
        let written = std::fs::read_to_string(&path).unwrap();
        // Told where it stops in its middle.
        println!("{}", path.display());
        let played = play(&written);
        if update {
            std::fs::write(&path, played).unwrap();
        } else if let Some(line) = first_difference(&written, &played) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            different.push(format!("{name}:{line}"));
        }
    }
    assert!(
        different.is_empty(),
        "these went otherwise:\n{}",
        different.join("\n")
    );
}
