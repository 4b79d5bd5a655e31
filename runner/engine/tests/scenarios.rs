//! Scenarios as data: units in TOML, events in, actions and both views out.
//!
//! Each file in `tests/scenarios/` is a story. `== NAME.toml` begins a unit file that goes on to
//! the next `==` or `>` line; `> EVENT` is an event, and the lines below it are what must come of
//! it. `UPDATE=1 cargo test -p engine --test scenarios` writes what did come of it instead.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod stage;

use std::path::Path;

use stage::Stage;

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

/// The same story with what really came of each event.
fn play(written: &str) -> String {
    let mut stage = Stage::default();
    let mut played = String::new();
    let mut lines = written.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("== ") {
            let mut text = String::new();
            played.push_str(line);
            played.push('\n');
            while let Some(line) =
                lines.next_if(|line| !line.starts_with("==") && !line.starts_with("> "))
            {
                text.push_str(line);
                text.push('\n');
                played.push_str(line);
                played.push('\n');
            }
            stage.write_file(name.trim(), &text);
        } else if let Some(event) = line.strip_prefix("> ") {
            // What was written below it is what is to be compared, not copied.
            while lines
                .next_if(|line| {
                    !line.starts_with('>') && !line.starts_with("==") && !line.starts_with('#')
                })
                .is_some()
            {}
            played.push_str(line);
            played.push('\n');
            for line in stage.perform(event) {
                played.push_str("  ");
                played.push_str(&line);
                played.push('\n');
            }
        } else {
            played.push_str(line);
            played.push('\n');
        }
    }
    played
}

fn first_difference(written: &str, played: &str) -> Option<String> {
    let (mut a, mut b) = (written.lines(), played.lines());
    for number in 1.. {
        match (a.next(), b.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (a, b) => {
                return Some(format!(
                    "{number}:\n  written: {}\n  played:  {}",
                    a.unwrap_or("(end)"),
                    b.unwrap_or("(end)")
                ));
            }
        }
    }
    None
}
