//! What clients are told of programs, beside the real supervisord: `getAllConfigInfo` of a file
//! itself, of the units a daemon makes of it, and of the unit files `runnerctl import` writes.
//!
//! `SEED=n` generates the same files again; a difference prints the file it is about.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "ini_oracle/grammar.rs"]
mod grammar;
#[path = "ini_oracle/machine.rs"]
mod machine;
#[path = "ini_oracle/original.rs"]
mod original;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use nix::unistd::User;
use serde_json::{Value, json};
use units::disk::supervisord as disk;
use units::supervisord::import::import;
use units::supervisord::{Anywhere, Around, config_info, load};
use units::{Source, Surroundings, UnitSet};

use crate::machine::Machine;
use crate::original::{around, corpus, environment};

/// What the real program tells of each file; `None` where it refuses it.
fn real(
    files: &[String],
    lenient: bool,
    directory: &Path,
    environment: &BTreeMap<String, String>,
) -> Vec<Option<Vec<Value>>> {
    let request = |path| json!({"path": path, "lenient": lenient, "config_info": true});
    let requests: Vec<Value> = files.iter().map(request).collect();
    original::ask(&requests, directory, environment)
        .into_iter()
        .map(|mut answer| answer["is"].as_array_mut().map(std::mem::take))
        .collect()
}

/// What we tell, in the shape of the real one. Of a set that was imported users are known by name;
/// they are looked up where `here` are the users that are meant.
fn told(set: &UnitSet, here: bool) -> BTreeMap<(String, String), Value> {
    let none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let infos = set.iter().filter_map(|unit| config_info(unit, true));
    infos
        .map(|info| {
            let uid = match &info.user {
                None => json!("none"),
                Some(text) => match (text.parse::<u32>(), User::from_name(text)) {
                    (Ok(number), _) => json!(number),
                    (_, Ok(Some(user))) if here => json!(user.uid.as_raw()),
                    _ => json!(text),
                },
            };
            let mut shown = json!({
                "autostart": info.autostart,
                "directory": none(info.directory),
                "uid": uid,
                "command": info.command,
                "exitcodes": info.exitcodes,
                "group": info.group,
                "group_prio": info.group_prio,
                "inuse": info.inuse,
                "killasgroup": info.killasgroup,
                "name": info.name,
                "process_prio": info.process_prio,
                "redirect_stderr": info.redirect_stderr,
                "startretries": info.startretries,
                "startsecs": info.startsecs,
                "stopsignal": info.stopsignal,
                "stopwaitsecs": info.stopwaitsecs,
                "serverurl": none(info.serverurl),
            });
            for (name, output) in [("stdout", info.stdout), ("stderr", info.stderr)] {
                for (member, value) in [
                    ("capture_maxbytes", json!(output.capture_maxbytes)),
                    ("events_enabled", json!(output.events_enabled)),
                    ("logfile", json!(none(output.logfile))),
                    ("logfile_backups", json!(output.logfile_backups)),
                    ("logfile_maxbytes", json!(output.logfile_maxbytes)),
                    ("syslog", json!(output.syslog)),
                ] {
                    shown[format!("{name}_{member}")] = value;
                }
            }
            ((info.group, info.name), shown)
        })
        .collect()
}

/// Where the real one says more than means anything: less than nothing, an empty path, and numbers
/// beyond those of a unit file.
fn normal(info: &Value) -> Value {
    let mut normal = info.as_object().unwrap().clone();
    for (key, value) in &mut normal {
        if let Some(number) = value.as_i64() {
            let (least, most) = match key.as_str() {
                "group_prio" | "process_prio" => (i64::from(i32::MIN), i64::from(i32::MAX)),
                "startretries" | "stdout_logfile_backups" | "stderr_logfile_backups" => {
                    (0, i64::from(u32::MAX))
                }
                "startsecs" | "stopwaitsecs" => (0, i64::from(i32::MAX)),
                _ => (0, i64::MAX),
            };
            *value = json!(number.clamp(least, most));
        }
        if key == "stopsignal" && *value == json!(0) {
            *value = json!(libc::SIGCONT);
        }
        if (key.ends_with("_logfile") || key == "serverurl") && *value == json!("") {
            *value = json!("none");
        }
        // A path of this name would be another word in a unit file.
        if key.ends_with("_logfile") && value.as_str().is_some_and(|path| path.starts_with("auto:"))
        {
            *value = json!(format!("./{}", value.as_str().unwrap()));
        }
    }
    Value::Object(normal)
}

fn name_of(info: &Value) -> (String, String) {
    let text = |key: &str| info[key].as_str().unwrap().to_owned();
    (text("group"), text("name"))
}

/// Every difference between what the real one tells and what we do.
fn differences(real: &[Value], ours: &BTreeMap<(String, String), Value>) -> Vec<String> {
    // Of several processes with one name the last one runs, as in the real one, which lists all.
    let real: BTreeMap<(String, String), Value> = real
        .iter()
        .map(|info| (name_of(info), normal(info)))
        .collect();
    let mut found = Vec::new();
    for name in real.keys().chain(ours.keys()).collect::<BTreeSet<_>>() {
        // What cannot be a unit is left out, with an error.
        if units::group::service_of(&name.0, &name.1).is_err() {
            continue;
        }
        let (Some(real), Some(ours)) = (real.get(name), ours.get(name)) else {
            found.push(format!("{name:?} is on one side only"));
            continue;
        };
        for (key, value) in real.as_object().unwrap() {
            if ours[key] != *value {
                found.push(format!(
                    "{name:?} {key}:\n  real: {value}\n  ours: {}",
                    ours[key]
                ));
            }
        }
    }
    found
}

/// Compares one file, as it runs and as it is imported.
fn compare(path: &str, real: &[Value], around: &Around<'_>, here: bool) -> Vec<String> {
    let surroundings = Surroundings::example();
    let (sources, _) = disk::read(path, around).unwrap();
    let (live, _, _) = load(&sources, around, &surroundings).unwrap();
    let mut found = differences(real, &told(&live, here));
    let imported = import(&sources, around).unwrap();
    let files: Vec<Source> = imported
        .files
        .iter()
        .map(|file| Source::text(&format!("/units/{}", file.name), &file.text))
        .collect();
    let (set, _) = units::load(&files, &surroundings);
    let again = differences(real, &told(&set, here));
    found.extend(again.iter().map(|line| format!("imported: {line}")));
    if imported != import(&sources, around).unwrap() {
        found.push("a second import differs".to_owned());
    }
    found
}

/// Groups with one name, of which only the first runs, cannot be told apart in the answers.
fn has_equal_groups(path: &str, around: &Around<'_>) -> bool {
    let (sources, _) = disk::read(path, around).unwrap();
    let (config, _) = units::supervisord::read(&sources, around).unwrap();
    let names: BTreeSet<&str> = config
        .groups
        .iter()
        .map(|group| group.name.as_str())
        .collect();
    names.len() < config.groups.len()
}

#[test]
fn files_of_real_projects_are_told_of_the_same_way() {
    let directory = tempfile::tempdir().unwrap();
    let mut environment = environment(directory.path());
    let files = corpus(&mut environment);
    let around = around(directory.path(), &environment, &Anywhere);
    let answers = real(&files, true, directory.path(), &environment);
    let mut compared = 0;
    for (path, answer) in files.iter().zip(&answers) {
        let Some(answer) = answer else { continue };
        let found = compare(path, answer, &around, false);
        assert!(found.is_empty(), "{path}\n{}", found.join("\n"));
        compared += 1;
    }
    assert_eq!(compared, files.len() - 5);
}

#[test]
fn generated_files_are_told_of_the_same_way() {
    let count = 1_000;
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
        files.push(format!("{}/{number}/main.conf", root.display()));
    }
    let environment = environment(&root);
    let around = around(&root, &environment, &Machine);
    let answers = real(&files, false, &root, &environment);
    let mut compared = 0;
    let mut different = Vec::new();
    for (path, answer) in files.iter().zip(&answers) {
        let Some(answer) = answer else { continue };
        // A few files only we refuse; `ini_oracle` says which may be.
        let ours = disk::read(path, &around)
            .and_then(|(sources, _)| units::supervisord::read(&sources, &around));
        let Ok((config, _)) = ours else { continue };
        // `%(process_num)c` can make a zero byte, which no program can be given: no command of ours
        // holds one.
        let has_zero = config
            .groups
            .iter()
            .flat_map(|group| &group.processes)
            .any(|process| process.command.contains('\0'));
        if has_zero || has_equal_groups(path, &around) {
            continue;
        }
        let found = compare(path, answer, &around, true);
        if !found.is_empty() {
            different.push((path, found.join("\n")));
        }
        compared += 1;
    }
    println!("{compared} of {count} files are compared");
    if let Some((path, _)) = different.first() {
        let text = fs::read(path).unwrap().escape_ascii().to_string();
        println!("{}", text.replace("\\n", "\n"));
        let shown: Vec<String> = different
            .iter()
            .take(10)
            .map(|(path, found)| format!("{path}\n{found}"))
            .collect();
        panic!(
            "{} differ; the first ones:\n{}",
            different.len(),
            shown.join("\n")
        );
    }
    assert!(compared > count / 5, "{compared}");
}

/// What the daemon behind a socket tells of its programs, names of automatic log files left aside.
fn asked(socket: &Path) -> Value {
    let script = "import json, re, sys, xmlrpc.client
from supervisor.xmlrpc import SupervisorTransport
transport = SupervisorTransport(None, None, 'unix://' + sys.argv[1])
told = xmlrpc.client.ServerProxy('http://127.0.0.1', transport=transport).supervisor.getAllConfigInfo()
print(re.sub(r'/[^\"]*---[^\"]*\\.log', 'automatic', json.dumps(told)))";
    let output = Command::new(tests::tool("python"))
        .args(["-c", script])
        .arg(socket)
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Import, run, ask: the same answer as from the real daemon on the file itself.
#[test]
fn imported_units_are_told_of_as_the_original_once_they_run() {
    let configuration = "[unix_http_server]
file=DIR/s.sock
[supervisord]
logfile=DIR/main.log
pidfile=DIR/s.pid
childlogdir=DIR
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[group:g]
programs=b,a
[program:a]
command=/bin/sleep 1000
priority=3
[program:b]
command=/bin/sleep \"1000\"
numprocs=2
process_name=b_%(process_num)02d
stdout_logfile=NONE
exitcodes=2,0
[program:cat]
command=cat
stdout_logfile=DIR/cat.log
redirect_stderr=true
stopsignal=INT
stopwaitsecs=3
environment=A=\"x y\"
directory=/tmp
[program:off]
command=/bin/sleep 5
autostart=false
autorestart=true
startsecs=0
";
    let peer = tests::Peer::start(tests::Kind::Real, configuration);
    let real = asked(&peer.path("s.sock"));
    let file = peer.path("supervisord.conf");
    let environment = environment(&peer.path(""));
    let around = around(&peer.path(""), &environment, &Machine);
    let (sources, _) = disk::read(file.to_str().unwrap(), &around).unwrap();
    let imported = import(&sources, &around).unwrap();
    let mut world = tests::World::new();
    for file in &imported.files {
        world.unit(&file.name, &file.text);
    }
    let socket = world.path("s.sock");
    world.arguments(&["--http", socket.to_str().unwrap()]);
    world.start();
    world.wait_for("g:b_01.service", "active");
    assert_eq!(asked(&socket), real);
    assert_eq!(real.as_array().unwrap().len(), 5);
    world.stop();
    peer.stop();
}
