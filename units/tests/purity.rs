//! `units` decides without the system: one room reads files, nothing else asks for anything.

use std::fs;
use std::io;
use std::path::Path;

/// What would reach the system, and the one room that may: `disk.rs` and what is in `disk/`.
const FORBIDDEN: &[(&str, &str)] = &[
    ("std::fs", "disk.rs"),
    ("fs::", "disk.rs"),
    ("File::", "disk.rs"),
    ("std::env", ""),
    ("env::", ""),
    ("SystemTime", ""),
    ("Instant", ""),
    ("std::process", ""),
    ("UdpSocket", ""),
    ("TcpStream", ""),
    ("std::thread", ""),
];

fn sources(directory: &Path, found: &mut Vec<(String, String)>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let mut name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            sources(&entry.path(), found)?;
        } else if name != "tests.rs" {
            let text = fs::read_to_string(entry.path())?;
            let tests_begin = text.find("#[cfg(test)]").unwrap_or(text.len());
            if directory.ends_with("disk") {
                "disk.rs".clone_into(&mut name);
            }
            found.push((name, text[..tests_begin].to_owned()));
        }
    }
    Ok(())
}

/// Whether `line` has `word`, and not as the end of a longer one: `LogFile::Auto` is no file.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
    })
}

#[test]
fn nothing_asks_the_system() {
    let mut found = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    )
    .unwrap();
    assert!(found.len() > 20);
    for (name, text) in &found {
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            for (word, allowed_in) in FORBIDDEN {
                assert!(!names(line, word) || name == allowed_in, "{name}: {line}");
            }
        }
    }
}
