//! What runnerctl does without a runnerd: help, mistakes on the command line, `check`, and what it
//! says when nobody answers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod said;

use serde_json::Value;

use said::{Said, runnerctl, said};

fn run(words: &[&str]) -> Said {
    let home = tempfile::tempdir().unwrap();
    said(runnerctl(home.path(), words).output().unwrap())
}

/// Runs `check` on unit files of these names and texts.
fn check(files: &[(&str, &str)], words: &[&str]) -> (Said, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    let units = home.path().join("units");
    for (name, text) in files {
        let path = units.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let output = runnerctl(home.path(), &["check"])
        .args(words)
        .arg(&units)
        .output()
        .unwrap();
    (said(output), home)
}

const GOOD: &str = "[service]\nexec-start = \"/bin/true\"\n";

#[test]
fn help_names_every_verb_and_every_exit_status() {
    let help = run(&["--help"]);
    assert_eq!((help.code, help.err.as_str()), (0, ""));
    for verb in runnerctl::command().get_subcommands() {
        assert!(
            help.out.contains(&format!("  {}", verb.get_name())),
            "{}",
            verb.get_name()
        );
    }
    for (exit, meaning) in runnerctl::exit::TABLE {
        assert!(help.out.contains(meaning), "{exit:?}");
    }
    let help = run(&["start", "--help"]);
    assert!(
        help.out.contains("--no-block") && help.out.contains("--job-mode"),
        "{}",
        help.out
    );
}

#[test]
fn mistakes_on_the_command_line_end_with_2() {
    for words in [
        &[][..],
        &["strat"],
        &["start"],
        &["start", "--job-mode=quick", "x"],
        &["kill", "-s", "SIGNONE", "x"],
        &["wait", "--timeout", "soon", "x"],
        &["list-units", "--type=tmier"],
        &["list-dependencies", "--after", "--before"],
        &["is-active"],
    ] {
        let said = run(words);
        assert_eq!(said.code, 2, "{words:?}: {}", said.err);
        assert!(said.out.is_empty() && !said.err.is_empty(), "{words:?}");
    }
    assert!(
        run(&["strat", "x"]).err.contains("start"),
        "names the verb that was meant"
    );
    assert!(run(&["kill", "-s", "SIGTREM", "x"]).err.contains("SIGTREM"));
}

#[test]
fn nobody_answers() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("none");
    let told = directory.to_str().unwrap();
    for words in [
        &["status"][..],
        &["start", "x"],
        &["is-active", "x"],
        &["logs", "-f"],
    ] {
        let output = runnerctl(home.path(), words)
            .args(["--runtime-dir", told])
            .output()
            .unwrap();
        let said = said(output);
        assert_eq!(said.code, 1, "{words:?}");
        let sentence = format!("error: no runnerd answers at {told}/bus: there is no such socket");
        assert!(said.err.starts_with(&sentence), "{}", said.err);
        assert!(
            said.err.contains("hint: ") && said.out.is_empty(),
            "{}",
            said.err
        );
    }
    // The environment says the same as the option; a hint is not printed when it is not wanted.
    let mut command = runnerctl(home.path(), &["-q", "status"]);
    let said = said(command.env("RUNNER_RUNTIME_DIR", told).output().unwrap());
    assert!(
        said.err.contains(told) && !said.err.contains("hint"),
        "{}",
        said.err
    );
}

#[test]
fn a_socket_nobody_listens_on() {
    let home = tempfile::tempdir().unwrap();
    drop(std::os::unix::net::UnixListener::bind(home.path().join("bus")).unwrap());
    let output = runnerctl(home.path(), &["status", "--runtime-dir"])
        .arg(home.path())
        .output();
    let said = said(output.unwrap());
    assert!(said.err.contains("nobody listens"), "{}", said.err);
}

#[test]
fn errors_are_json_too() {
    let said = run(&["status", "--json", "--runtime-dir=/nonexistent"]);
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    let value: Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(value["exit_status"], 1);
    assert!(
        value["error"]
            .as_str()
            .unwrap()
            .contains("/nonexistent/bus"),
        "{value}"
    );
}

#[test]
fn version_needs_nobody() {
    let said = run(&["version", "--runtime-dir=/nonexistent"]);
    assert_eq!(said.code, 0);
    assert_eq!(
        said.out,
        format!("runnerctl {}\n", env!("CARGO_PKG_VERSION"))
    );
    let said = run(&["version", "--json", "--runtime-dir=/nonexistent"]);
    let value: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(value["runnerctl"], env!("CARGO_PKG_VERSION"));
    assert_eq!(value["runnerd"], Value::Null);
}

#[test]
fn good_files_pass_in_silence() {
    let (said, _home) = check(&[("good.toml", GOOD)], &[]);
    assert_eq!(
        (said.code, said.out.as_str(), said.err.as_str()),
        (0, "", "")
    );
}

#[test]
fn every_mistake_is_named_with_its_place() {
    let files = [
        ("good.toml", GOOD),
        (
            "typo.toml",
            "[service]\nexec-start = \"/bin/true\"\n  exec-strat = \"/bin/true\"\n",
        ),
        (
            "type.toml",
            "[service]\nexec-start = \"/bin/true\"\nrestart = 3\n",
        ),
        ("open.toml", "[service]\nexec-start = \"/bin/tr"),
        ("binary.toml", "\u{7f}ELF\u{1}\u{2}"),
    ];
    let (said, home) = check(&files, &[]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(!said.err.contains("good.toml"), "{}", said.err);
    let units = home.path().join("units");
    for place in [
        "typo.toml:3:3: error: ",
        "type.toml:3:",
        "open.toml:2:",
        "binary.toml:1:",
    ] {
        let place = units.join(place);
        assert!(
            said.err.contains(place.to_str().unwrap()),
            "{place:?}: {}",
            said.err
        );
    }
    assert!(
        said.err.contains("hint: did you mean `exec-start`?"),
        "{}",
        said.err
    );
    // In a pipe there is no colour.
    assert!(!said.err.contains('\x1b'));
}

#[test]
fn what_is_wrong_between_files_is_found_too() {
    let files = [
        (
            "a.toml",
            "[service]\nexec-start = \"/bin/true\"\nrequires = [\"b.service\"]\nafter = [\"b.service\"]\n",
        ),
        (
            "b.toml",
            "[service]\nexec-start = \"/bin/true\"\nrequires = [\"a.service\"]\nafter = [\"a.service\"]\n",
        ),
    ];
    let (said, _home) = check(&files, &[]);
    assert!(
        said.err.contains("a.service") && said.err.contains("b.service"),
        "{}",
        said.err
    );
}

#[test]
fn findings_as_json() {
    let (said, home) = check(
        &[("x.toml", "[service]\nexec-strat = \"/bin/true\"\n")],
        &["--json"],
    );
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    let value: Value = serde_json::from_str(&said.out).unwrap();
    let path = home.path().join("units/x.toml");
    let first = &value[0];
    assert_eq!(first["path"], path.to_str().unwrap());
    assert_eq!(
        (&first["line"], &first["column"]),
        (&Value::from(2), &Value::from(1))
    );
    assert_eq!(first["severity"], "error");
}

#[test]
fn a_path_that_is_not_there_is_an_error() {
    let said = run(&["check", "/nonexistent/units"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("/nonexistent/units"), "{}", said.err);
}

#[test]
fn the_search_path_is_checked_without_arguments() {
    let home = tempfile::tempdir().unwrap();
    let output = runnerctl(home.path(), &["check"]).output().unwrap();
    assert_eq!(said(output).code, 0, "nothing there is no mistake");
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let home = tempfile::tempdir().unwrap();
    let mut command = runnerctl(home.path(), &["version", "--runtime-dir=/nonexistent"]);
    let said = said(command.stdout(writer).output().unwrap());
    assert_eq!(said.code, 0);
    assert!(!said.err.contains("error"), "{}", said.err);
}

#[test]
fn a_timer_may_name_any_zone_of_this_host() {
    let timer = |zone: &str| {
        format!("[service]\nexec-start = \"/bin/true\"\n[timer]\non-calendar = \"03:00 {zone}\"\n")
    };
    let (said, _directory) = check(&[("a.toml", &timer("Europe/Berlin"))], &[]);
    assert_eq!(said.code, 0, "{}", said.err);
    let (said, _directory) = check(&[("a.toml", &timer("Europe/Atlantis"))], &[]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("no time zone") || said.err.contains("no time zone"));
}
