//! The real program's reader, one process for all files, and the surroundings in which files are
//! read by both.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use units::supervisord::{Around, World};

/// What the real program answers to these requests (see `oracle/supervisord.py`).
pub(crate) fn ask(
    requests: &[Value],
    directory: &Path,
    environment: &BTreeMap<String, String>,
) -> Vec<Value> {
    let lines: String = requests.iter().map(|line| format!("{line}\n")).collect();
    let list = directory.join("requests");
    fs::write(&list, lines).unwrap();
    let output = Command::new(tests::tool("python"))
        .arg(tests::repository().join("tests/oracle/supervisord.py"))
        .arg(&list)
        .current_dir(directory)
        .env_clear()
        .envs(environment)
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let answers: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), requests.len(), "{complaint}");
    answers
}

/// What we read with, in that directory and environment.
pub(crate) fn around<'a>(
    directory: &Path,
    environment: &BTreeMap<String, String>,
    world: &'a dyn World,
) -> Around<'a> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    Around {
        environment: environment.clone(),
        host_name: host.trim().to_owned(),
        current_directory: directory.to_str().unwrap().to_owned(),
        temporary_directory: environment["TMPDIR"].clone(),
        uid: nix::unistd::getuid().as_raw(),
        user_is_given: false,
        needs_supervisord_section: true,
        world,
    }
}

/// The environment `grammar` counts on. A locale is said, since Python sets one otherwise.
pub(crate) fn environment(directory: &Path) -> BTreeMap<String, String> {
    [
        ("HOME", directory.to_str().unwrap()),
        ("TMPDIR", directory.to_str().unwrap()),
        ("LC_ALL", "C.UTF-8"),
        ("PATH", "/usr/bin:/bin"),
        ("X", "x1"),
        ("NUMBER", "7"),
        ("ODD", "a b;c,d"),
        ("PERCENT", "50%(x)s"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// The files of real projects. What they expand gets a value in the environment.
pub(crate) fn corpus(environment: &mut BTreeMap<String, String>) -> Vec<String> {
    let mut files: Vec<String> = fs::read_dir(tests::repository().join("tests/corpus/supervisord"))
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    for path in &files {
        let text = fs::read_to_string(path).unwrap();
        for after in text.split("%(ENV_").skip(1) {
            let name = after.split(')').next().unwrap();
            environment
                .entry(name.to_owned())
                .or_insert(name.to_owned());
        }
    }
    files
}
