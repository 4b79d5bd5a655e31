//! Unit files as Debian ships them: those of this machine, and of daemons that are only unpacked.
//! Nothing in them is unknown; what is not supported is said, and can be ignored.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use units::{Diagnostic, LoadState, Surroundings, UnitSet, disk};

/// Where the packages are unpacked: `tests/run --set-up`.
fn packages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/packages");
    let listed = include_str!("../corpus/packages");
    let names = listed.lines().filter(|line| !line.starts_with('#'));
    names.map(|name| root.join(name)).collect()
}

/// The unit directories below `root`, the strongest first.
fn directories(root: &Path) -> Vec<PathBuf> {
    ["etc", "lib", "usr/lib"]
        .map(|part| root.join(part).join("systemd/system"))
        .into_iter()
        .filter(|directory| directory.is_dir())
        .collect()
}

fn read(paths: &[PathBuf], named: bool, ignore: bool) -> (UnitSet, Vec<Diagnostic>) {
    use std::os::unix::fs::MetadataExt;

    let uid = std::fs::metadata("/proc/self").unwrap().uid();
    let around = Surroundings {
        uid,
        is_root: uid == 0,
        ignore_unsupported: ignore,
        ..Surroundings::example()
    };
    let (sources, mut found) = disk::read(paths, named, &around);
    let (set, more) = units::load(&sources, &around);
    found.extend(more);
    (set, found)
}

/// What makes some of them unloadable still: words of types and sockets that are to come, and what
/// systemd would refuse to start as well.
const KNOWN: [&str; 3] = [
    "listens on nothing",
    "has no `exec-start`",
    "and there is no such unit",
];

/// What is wrong that nobody expects: a word that is not known, or a unit that cannot be loaded
/// although what is not supported is ignored.
fn surprises(set: &UnitSet, found: &[Diagnostic]) -> Vec<String> {
    let strange = found.iter().filter(|found| {
        found.message.contains("unknown setting") || found.message.contains("is no section here")
    });
    let mut said: BTreeSet<String> = strange.map(ToString::to_string).collect();
    for unit in set.iter().filter(|unit| unit.kind().is_supported()) {
        if let LoadState::BadSetting(found) | LoadState::Error(found) = unit.load_state() {
            let known = |found: &&Diagnostic| KNOWN.iter().any(|part| found.message.contains(part));
            said.extend(
                found
                    .iter()
                    .filter(|found| !known(found))
                    .map(ToString::to_string),
            );
        }
    }
    said.into_iter().collect()
}

#[test]
fn every_packaged_unit_is_understood() {
    let mut said = Vec::new();
    let mut services = 0;
    let packages = packages();
    assert!(packages.len() >= 30);
    for package in &packages {
        let directories = directories(package);
        assert!(
            !directories.is_empty(),
            "{} is not unpacked",
            package.display()
        );
        let (set, found) = read(&directories, true, true);
        services += set.iter().filter(|unit| unit.is_systemds()).count();
        said.extend(surprises(&set, &found));
    }
    assert!(services > packages.len(), "{services} units");
    assert!(said.is_empty(), "{}", said.join("\n"));
}

#[test]
fn the_units_of_this_machine_are_understood() {
    let (set, found) = read(&disk::systemd_path(), false, true);
    assert!(set.iter().filter(|unit| unit.is_systemds()).count() > 50);
    let said = surprises(&set, &found);
    assert!(said.is_empty(), "{}", said.join("\n"));
}

/// The list of words the tables are checked against is the real one's.
#[test]
fn the_words_are_those_of_the_real_systemd() {
    let out = std::process::Command::new("/lib/systemd/systemd")
        .arg("--dump-configuration-items")
        .output()
        .unwrap();
    let dump = String::from_utf8(out.stdout).unwrap();
    let mut real: BTreeSet<(String, String)> = BTreeSet::new();
    let mut section = String::new();
    for line in dump.lines() {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = name.to_owned();
        } else if let Some((key, _)) = line.split_once('=') {
            real.insert((section.clone(), key.to_owned()));
        }
    }
    let list = include_str!("../../units/src/settings/systemd-252.txt");
    let mut listed = 0;
    for line in list.lines() {
        let (section, names) = line.split_once(": ").unwrap();
        let of_section = real.iter().filter(|(at, _)| at == section);
        let real: BTreeSet<&str> = of_section.map(|(_, name)| name.as_str()).collect();
        let names: BTreeSet<&str> = names.split(' ').collect();
        assert_eq!(names, real, "[{section}]");
        listed += names.len();
    }
    assert!(listed > 600, "{listed}");
}
