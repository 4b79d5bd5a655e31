//! What processes see under the real systemd and under runnerd: who they are, what they may do, what
//! they are given, and which words they are called with.
//!
//! Each init is booted once, and every service of `exec_beside_systemd/units.txt` and every line of
//! `lines.txt` is run under both.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value};
use tests::{Init, Machine};
use units::systemd::deviations::DEVIATIONS;
use units::systemd::running::RUNNING_DEVIATIONS;

const UNITS: &str = include_str!("exec_beside_systemd/units.txt");
const LINES: &str = include_str!("exec_beside_systemd/lines.txt");
const DUMP: &str = include_str!("exec_beside_systemd/dump.py");

/// What the variables of `lines.txt` are.
const VARIABLES: &str = r#"Environment="X=one 'two three'" E= "Q=it's" "BS=a\\\\ b" "TAB=a\tb" "NL=a\nb" 'DQ="a b" c' X1=1 X_=_"#;

/// A service of `units.txt`.
struct Service {
    name: String,
    text: String,
    /// The parts that are known to differ.
    differs: Vec<String>,
}

fn services() -> Vec<Service> {
    let mut found: Vec<Service> = Vec::new();
    for line in UNITS.lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix("== ") {
            found.push(Service {
                name: name.to_owned(),
                text: String::new(),
                differs: Vec::new(),
            });
        } else if let Some(service) = found.last_mut() {
            match line.strip_prefix("! ") {
                Some(known) => {
                    let (part, row) = known.split_once(": ").expect("a part and a row");
                    assert_is_row(row);
                    service.differs.push(part.to_owned());
                }
                None => service.text.push_str(&format!("{line}\n")),
            }
        }
    }
    found
}

/// A line of `lines.txt`.
struct Line {
    words: &'static str,
    /// It is known to differ.
    differs: bool,
}

fn lines() -> Vec<Line> {
    let mut found = Vec::new();
    let mut differs = false;
    for words in LINES.lines().filter(|line| !line.starts_with('#')) {
        if let Some(row) = words.strip_prefix("! ") {
            assert_is_row(row);
            differs = true;
        } else {
            found.push(Line { words, differs });
            differs = false;
        }
    }
    found
}

/// Fails for what runner-systemd(7) does not tell of.
fn assert_is_row(name: &str) {
    let mut rows = DEVIATIONS.iter().chain(RUNNING_DEVIATIONS);
    assert!(rows.any(|row| row.name == name), "no row: {name}");
}

fn install(directory: &Path) {
    let write = |name: &str, text: &str| std::fs::write(directory.join(name), text).unwrap();
    write("dump.py", DUMP);
    write(
        "a.env",
        "T_A=x'y'\"z\"\nT_B='a'b c\nT_C=\"a\" 'b'  c  \nT_D=a\\\nb\n# comment \\\nT_E=1\n",
    );
    write(
        "b.env",
        "T_F=\"a\\nb\\$c\\`d\\x\"\nT_G='a\\nb'\nT_H=  a  b  \nexport T_I=1\nT_J\nT_K=\n1T=3\nT_L=a\\ b\\nc\nT_M=\"x\ny\"\n; c\nT_N=#no\nT_O=\"open\n",
    );
    for service in services() {
        let dump = format!(
            "/usr/bin/python3 /etc/systemd/system/dump.py {}",
            service.name
        );
        let mut text = service.text.replace("@dump@", &dump);
        if !text.contains("ExecStart=") {
            text.push_str(&format!("ExecStart={dump}\n"));
        }
        write(
            &format!("{}.service", service.name),
            &format!("[Service]\nType=oneshot\n{text}"),
        );
    }
    let words = "import sys; open(sys.argv[1], 'w').write(repr(sys.argv[2:]))";
    write("words.py", words);
    for (number, line) in lines().into_iter().enumerate() {
        let text = format!(
            "[Service]\nType=oneshot\n{VARIABLES}\n\
             ExecStart=/usr/bin/python3 /etc/systemd/system/words.py /run/cases/words-{number} {}\n",
            line.words
        );
        write(&format!("words-{number}.service"), &text);
    }
}

/// What came of it all under one init: each service's name with what it saw, or how it failed.
fn run(init: Init) -> BTreeMap<String, Value> {
    let units = tempfile::tempdir().unwrap();
    install(units.path());
    let machine = Machine::boot(init, units.path());
    machine.run(&["chmod", "1777", "/run/cases"]);
    let mut names: Vec<String> = services().into_iter().map(|service| service.name).collect();
    names.extend((0..lines().len()).map(|number| format!("words-{number}")));
    let full: Vec<String> = names.iter().map(|name| format!("{name}.service")).collect();
    // A few at a time: that many commands at once are no help.
    for some in full.chunks(20) {
        let mut words = vec!["start"];
        words.extend(some.iter().map(String::as_str));
        machine.ctl(&words);
    }
    names
        .into_iter()
        .map(|name| {
            let seen = std::fs::read_to_string(machine.file(&format!("/run/cases/{name}")));
            let seen = match seen {
                Ok(text) if name.starts_with("words-") => Value::String(text),
                Ok(text) => serde_json::from_str(&text).unwrap(),
                Err(_) => {
                    let wanted = "Result,ExecMainStatus,LoadState";
                    let unit = format!("{name}.service");
                    let shown = machine.ctl(&["show", "--property", wanted, &unit]);
                    let mut lines: Vec<&str> = shown.stdout.lines().collect();
                    lines.sort_unstable();
                    Value::String(format!("nothing: {}", lines.join(" ")))
                }
            };
            (name, seen)
        })
        .collect()
}

/// What differs between two things seen, part by part.
fn compare(path: &str, systemd: &Value, runnerd: &Value, report: &mut Vec<String>) {
    match (systemd, runnerd) {
        (Value::Object(theirs), Value::Object(ours)) => {
            let keys: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
            for key in keys {
                let part = |seen: &Map<String, Value>| seen.get(key).cloned().unwrap_or_default();
                let path = format!("{path}.{key}");
                compare(&path, &part(theirs), &part(ours), report);
            }
        }
        _ if systemd == runnerd => {}
        _ => report.push(format!("{path}: systemd {systemd}, runnerd {runnerd}")),
    }
}

/// Takes a part of what a process saw away from both; whether they differ in it.
fn differ_in(part: &str, systemd: &mut Value, runnerd: &mut Value) -> bool {
    let take = |seen: &mut Value| seen.as_object_mut().and_then(|parts| parts.remove(part));
    take(systemd) != take(runnerd)
}

#[test]
fn processes_see_the_same() {
    let (mut systemd, mut runnerd) = std::thread::scope(|scope| {
        let real = scope.spawn(|| run(Init::Systemd));
        let ours = run(Init::Runnerd);
        (real.join().unwrap(), ours)
    });
    let mut of = |name: &str| (systemd.remove(name).unwrap(), runnerd.remove(name).unwrap());
    let mut report = Vec::new();
    for service in services() {
        let name = &service.name;
        let (mut theirs, mut ours) = of(name);
        for part in &service.differs {
            if !differ_in(part, &mut theirs, &mut ours) {
                report.push(format!("{name}: said to differ in {part}, and does not"));
            }
        }
        if !service.text.contains("Limit") {
            assert_is_row("what no unit says");
            differ_in("limits", &mut theirs, &mut ours);
        }
        compare(name, &theirs, &ours, &mut report);
    }
    assert!(lines().len() >= 100, "{} lines", lines().len());
    for (number, line) in lines().into_iter().enumerate() {
        let (theirs, ours) = of(&format!("words-{number}"));
        match (line.differs, theirs == ours) {
            (true, true) => report.push(format!("`{}`: said to differ", line.words)),
            (true, false) => {}
            (false, _) => compare(&format!("`{}`", line.words), &theirs, &ours, &mut report),
        }
    }
    assert!(report.is_empty(), "{}", report.join("\n"));
}
