//! Our reader of supervisord.conf beside the real one: the same files, the same values, the same
//! refusals. One Python process reads all files of a test.
//!
//! `SEED=n` generates the same files again; a difference prints the file it is about. What may
//! differ is in `units::supervisord::DEVIATIONS`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "ini_oracle/grammar.rs"]
mod grammar;
#[path = "ini_oracle/machine.rs"]
mod machine;
#[path = "ini_oracle/original.rs"]
mod original;
#[path = "ini_oracle/shown.rs"]
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use units::disk::supervisord as disk;
use units::supervisord::ini::Document;
use units::supervisord::{Anywhere, Around, DEVIATIONS, read, read_client};

use crate::machine::Machine;
use crate::original::{around, corpus, environment};

/// What the real program makes of each file.
fn real(
    files: &[String],
    lenient: bool,
    directory: &Path,
    environment: &BTreeMap<String, String>,
) -> Vec<Value> {
    let request = |path| json!({"path": path, "lenient": lenient});
    let requests: Vec<Value> = files.iter().map(request).collect();
    original::ask(&requests, directory, environment)
}

/// What we make of one.
fn ours(path: &str, around: &Around<'_>) -> Value {
    let found = disk::read(path, around).and_then(|(sources, _)| read(&sources, around));
    let daemon = match &found {
        Ok((config, _)) => json!({"is": shown::config(config)}),
        Err(refused) => json!({"refused": refused.message}),
    };
    let client = disk::read_alone(path, around).and_then(|main| read_client(&main, around));
    let client = match &client {
        Ok((client, _)) => json!({"is": shown::client(client)}),
        Err(refused) => json!({"refused": refused.message}),
    };
    json!({"daemon": daemon, "client": client})
}

/// The sections of a file without `[include]`, as lines and options only.
fn sections(path: &str, around: &Around<'_>) -> Option<(Value, Value)> {
    let main = disk::read_alone(path, around).unwrap();
    let mut document = Document::default();
    let text = std::str::from_utf8(&main.bytes).ok()?;
    document.read(&main.path, text).ok()?;
    if document.section("include").is_some() {
        return None;
    }
    let options = |section: &units::supervisord::ini::Section| -> Vec<Value> {
        let entries = section.entries.iter();
        entries
            .map(|entry| json!([entry.key, entry.value]))
            .collect()
    };
    let sections: Vec<Value> = document
        .sections
        .iter()
        .map(|section| json!([section.name, options(section)]))
        .collect();
    Some((json!(sections), json!(options(&document.defaults))))
}

/// Whether a difference is one of those on the list.
fn is_excused(real: &Value, ours: &Value) -> bool {
    let listed = |name| DEVIATIONS.iter().any(|deviation| deviation.name == name);
    let (real, ours) = (&real["refused"], &ours["refused"]);
    let real = real.as_str().unwrap_or_default();
    let ours = ours.as_str().unwrap_or_default();
    let sections = ["[rpcinterface:", "[ctlplugin:", "[eventlistener:"];
    let is_plug_in = sections.iter().any(|section| real.contains(section))
        && real.contains("cannot be resolved within");
    let nameless = "badly formatted: not enough arguments for format string";
    let is_nameless = ours.contains(nameless) && !real.contains(nameless);
    (is_plug_in && listed("plug-ins")) || (is_nameless && listed("conversion without a name"))
}

/// Every place where two values differ.
fn differences(at: &str, real: &Value, ours: &Value, found: &mut Vec<String>) {
    match (real, ours) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let (a, b) = (a.get(key), b.get(key));
                let null = Value::Null;
                differences(
                    &format!("{at}.{key}"),
                    a.unwrap_or(&null),
                    b.unwrap_or(&null),
                    found,
                );
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{at}[{index}]"), a, b, found);
            }
        }
        _ if real == ours => {}
        _ => found.push(format!("{at}:\n  real: {real}\n  ours: {ours}")),
    }
}

/// Compares one file; gives whether the real one accepts it.
fn compare(path: &str, real: &Value, around: &Around<'_>) -> Result<bool, String> {
    let ours = ours(path, around);
    let mut found = Vec::new();
    for part in ["daemon", "client"] {
        if !is_excused(&real[part], &ours[part]) {
            differences(part, &real[part], &ours[part], &mut found);
        }
    }
    if let Some((sections, defaults)) = sections(path, around) {
        differences("sections", &real["sections"], &sections, &mut found);
        differences("defaults", &real["defaults"], &defaults, &mut found);
    }
    if found.is_empty() {
        Ok(real["daemon"]["refused"].is_null())
    } else {
        Err(found.join("\n"))
    }
}

#[test]
fn files_of_real_projects_mean_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let mut environment = environment(directory.path());
    let files = corpus(&mut environment);
    assert!(files.len() >= 19);
    let around = around(directory.path(), &environment, &Anywhere);
    let answers = real(&files, true, directory.path(), &environment);
    let mut accepted = 0;
    for (path, answer) in files.iter().zip(&answers) {
        match compare(path, answer, &around) {
            Ok(is_accepted) => accepted += usize::from(is_accepted),
            Err(found) => panic!("{path}\n{found}"),
        }
    }
    // Two fragments, two `environment` without pairs and the old syntax are refused.
    assert_eq!(accepted, files.len() - 5);
}

#[test]
fn generated_files_mean_the_same() {
    let count = if std::env::var_os("RUNNER_TESTS_LONG").is_some() {
        20_000
    } else {
        2_500
    };
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().canonicalize().unwrap();
    let (mut random, seed) = grammar::Random::seeded();
    println!("SEED={seed}");
    let mut files = Vec::new();
    for number in 0..count {
        let place = root.join(number.to_string());
        fs::create_dir_all(place.join("conf.d")).unwrap();
        for (name, bytes) in grammar::file(&mut random) {
            fs::write(place.join(name), bytes).unwrap();
        }
        // As it is named on a command line: from the root, or from here.
        files.push(match random.below(3) {
            0 => format!("{number}/main.conf"),
            1 => format!("./{number}/../{number}/main.conf"),
            _ => format!("{}/{number}/main.conf", root.display()),
        });
    }
    let environment = environment(&root);
    let around = around(&root, &environment, &Machine);
    let answers = real(&files, false, &root, &environment);
    let mut accepted = 0;
    let mut different = Vec::new();
    for (path, answer) in files.iter().zip(&answers) {
        match compare(path, answer, &around) {
            Ok(is_accepted) => accepted += usize::from(is_accepted),
            Err(found) => different.push((path, found)),
        }
    }
    println!("{accepted} of {count} files are accepted");
    if let Some((path, _)) = different.first() {
        let place = root.join(path);
        let place = place.parent().unwrap();
        for name in ["main.conf", "conf.d/a.conf", "conf.d/b.conf"] {
            if let Ok(bytes) = fs::read(place.join(name)) {
                println!(
                    "---- {name}\n{}",
                    bytes.escape_ascii().to_string().replace("\\n", "\n")
                );
            }
        }
        let others: Vec<String> = different
            .iter()
            .map(|(path, found)| format!("{path}:\n{found}"))
            .take(10)
            .collect();
        panic!(
            "{} of {count} differ; the first ones:\n{}",
            different.len(),
            others.join("\n")
        );
    }
    // A generator that makes only good or only bad files proves little.
    assert!(
        accepted > count / 4 && accepted < count * 9 / 10,
        "{accepted}"
    );
}
