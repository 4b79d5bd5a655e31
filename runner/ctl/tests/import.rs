//! `runnerctl import` and `runnerctl check` on supervisord's files: what is written, printed and
//! refused, and the exit statuses.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod said;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;

use serde_json::Value;

use said::{Said, runnerctl, said};

/// A directory with a configuration in it.
fn home(text: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("s.conf"), text).unwrap();
    home
}

fn run(home: &tempfile::TempDir, words: &[&str]) -> Said {
    said(runnerctl(home.path(), words).output().unwrap())
}

const GOOD: &str = "[supervisord]\nnodaemon=true\n; The clock.\n[program:clock]\n\
    command=/bin/date\nautorestart=true\n";

#[test]
fn files_are_written_and_can_be_loaded() {
    let home = home(GOOD);
    let imported = run(&home, &["import", "s.conf", "-o", "units"]);
    assert_eq!((imported.code, imported.err.as_str()), (0, ""));
    assert!(
        imported.out.contains(
            "s.conf:6: mapped: [program:clock] autorestart: restart = \"always\", restart-sec = 0\n"
        ),
        "{}",
        imported.out
    );
    assert!(
        imported.out.ends_with(
            "1 file in units; 3 options mapped, 0 approximated, 0 dropped, 0 to decide\n"
        ),
        "{}",
        imported.out
    );
    let text = fs::read_to_string(home.path().join("units/clock.toml")).unwrap();
    assert!(
        text.starts_with("# The clock.\n[service]\nexec-start = \"/bin/date\"\n"),
        "{text}"
    );
    let checked = run(&home, &["check", "units"]);
    assert_eq!((checked.code, checked.err.as_str()), (0, ""));
    // Nothing but the files is left, and they are not replaced unasked.
    let left = fs::read_dir(home.path().join("units")).unwrap().count();
    assert_eq!(left, 1);
    fs::write(home.path().join("units/clock.toml"), "mine").unwrap();
    let again = run(&home, &["import", "s.conf", "-o", "units"]);
    assert_eq!(again.code, 1);
    assert!(
        again
            .err
            .contains("clock.toml already, and nothing was written"),
        "{}",
        again.err
    );
    assert_eq!(
        fs::read(home.path().join("units/clock.toml")).unwrap(),
        b"mine"
    );
    let forced = run(&home, &["import", "s.conf", "-o", "units", "--force"]);
    assert_eq!(forced.code, 0);
    assert_eq!(
        fs::read_to_string(home.path().join("units/clock.toml")).unwrap(),
        text
    );
}

#[test]
fn links_are_replaced_and_not_followed_and_secrets_stay_secret() {
    let home = home(GOOD);
    let path = |name: &str| home.path().join(name);
    fs::set_permissions(path("s.conf"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir(path("units")).unwrap();
    fs::write(path("precious"), "kept").unwrap();
    symlink(path("precious"), path("units/clock.toml")).unwrap();
    assert_eq!(run(&home, &["import", "s.conf", "-o", "units"]).code, 1);
    assert_eq!(
        run(&home, &["import", "s.conf", "-o", "units", "--force"]).code,
        0
    );
    assert_eq!(fs::read(path("precious")).unwrap(), b"kept");
    let found = fs::symlink_metadata(path("units/clock.toml")).unwrap();
    assert!(found.is_file());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
}

#[test]
fn the_exit_status_says_what_was_lost() {
    let lossy = home("[supervisord]\nlogfile_maxbytes=1MB\n[program:a]\ncommand=a\n");
    let told = run(&lossy, &["import", "s.conf"]);
    assert_eq!(told.code, 3);
    // The files are what was asked for; the report is a remark then.
    assert!(
        told.out.starts_with("# a.toml\n\n[service]\n"),
        "{}",
        told.out
    );
    assert!(
        told.err
            .contains("s.conf:2: dropped: [supervisord] logfile_maxbytes"),
        "{}",
        told.err
    );
    let refused = home("[supervisord]\n[program:a]\nstartsecs=soon\ncommand=a\n");
    for words in [
        &["import", "s.conf"][..],
        &["import", "s.conf", "-o", "units"],
    ] {
        let told = run(&refused, words);
        assert_eq!((told.code, told.out.as_str()), (2, ""));
        assert!(told.err.contains("s.conf:3:1: error: "), "{}", told.err);
    }
    assert!(!refused.path().join("units").exists());
    let missing = run(&refused, &["import", "nosuch.conf"]);
    assert_eq!(missing.code, 2);
    assert!(
        missing.err.contains("could not find config file"),
        "{}",
        missing.err
    );
}

#[test]
fn json_holds_files_and_report() {
    let home = home(GOOD);
    let told = run(&home, &["import", "s.conf", "--json"]);
    assert_eq!((told.code, told.err.as_str()), (0, ""));
    let value: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(value["files"][0]["name"], "clock.toml");
    assert_eq!(value["files"][0]["units"][0], "clock.service");
    assert_eq!(value["report"][1]["option"], "command");
    assert_eq!(value["report"][1]["verdict"], "mapped");
    assert_eq!(value["report"][1]["line"], 5);
}

#[test]
fn standard_input_is_read_but_includes_nothing() {
    let home = home("");
    let pipe = |text: &str| {
        use std::io::Write as _;
        let mut child = runnerctl(home.path(), &["import", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        said(child.wait_with_output().unwrap())
    };
    let told =
        pipe("<supervisord>\n</supervisord>\n<program old>\n  command /bin/true\n</program>\n");
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(
        told.out
            .starts_with("# old.toml\n\n[service]\nexec-start = \"/bin/true\"\n")
    );
    let told = pipe("[supervisord]\n[include]\nfiles=*.conf\n");
    assert_eq!(told.code, 2);
    assert!(
        told.err.contains("cannot be followed from standard input"),
        "{}",
        told.err
    );
}

#[test]
fn check_reads_supervisords_files_too() {
    let home = home("[supervisord]\n[program:a]\ncommand=a\ncolour=red\ndepends_on=b\n");
    let told = run(&home, &["check", "s.conf"]);
    assert_eq!(told.code, 1);
    for line in [
        "s.conf:4:1: warning: ",
        "s.conf:5:1: error: `depends_on` names \"b\", and there is no such program or group",
    ] {
        assert!(told.err.contains(line), "{line}\n{}", told.err);
    }
    fs::write(home.path().join("s.conf"), GOOD).unwrap();
    let told = run(&home, &["check", "s.conf"]);
    assert_eq!((told.code, told.err.as_str()), (0, ""));
}
