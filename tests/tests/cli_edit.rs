//! `edit`, and the verbs about unit files where no daemon runs, through the real binary.
#![allow(
    clippy::expect_used,
    reason = "what helps a test fails it by panicking"
)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

use tests::World;

/// Two units, one of each format.
fn world() -> World {
    let world = World::new();
    world.unit(
        "s.service",
        "[Unit]\nDescription=From the file\n[Service]\nExecStart=@actor@ as=s pause\n",
    );
    world.unit(
        "c.toml",
        "[service]\ndescription = \"From the file\"\nautostart = false\nexec-start = \"@actor@ as=c pause\"\n",
    );
    world
}

/// `runnerctl` with a text on standard input.
fn with_input(world: &World, words: &[&str], text: &str) -> Output {
    let mut command = world.ctl_command(words);
    command.env("TMPDIR", world.path("tmp"));
    let _ = fs::create_dir(world.path("tmp"));
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runnerctl");
    // It need not read what it refuses to take.
    let _ = child
        .stdin
        .take()
        .expect("piped")
        .write_all(text.as_bytes());
    child.wait_with_output().expect("a child of ours")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What is left of texts that were not saved.
fn kept(world: &World) -> Vec<String> {
    let entries = fs::read_dir(world.path("tmp")).expect("a directory");
    entries
        .flatten()
        .flat_map(|entry| fs::read_dir(entry.path()).expect("a directory").flatten())
        .map(|entry| fs::read_to_string(entry.path()).expect("a text"))
        .collect()
}

#[test]
fn a_text_from_standard_input_becomes_a_drop_in() {
    let mut world = world();
    world.start();
    for (unit, text, path) in [
        (
            "s",
            "[Unit]\nDescription=By hand\n",
            "units/s.service.d/override.conf",
        ),
        (
            "c",
            "[service]\ndescription = \"By hand\"",
            "units/c.toml.d/override.toml",
        ),
    ] {
        let output = with_input(&world, &["edit", "--stdin", unit], text);
        assert!(output.status.success(), "{}", said(&output));
        let found = fs::read_to_string(world.path(path)).expect("a drop-in");
        assert_eq!(found.trim_end(), text.trim_end());
        assert!(found.ends_with('\n'));
        // It was read again.
        assert_eq!(world.show(unit, "Description"), "By hand");
    }
    let more = ["edit", "--stdin", "--drop-in=60-more", "--no-reload", "s"];
    let output = with_input(&world, &more, "[Unit]\nDescription=Later\n");
    assert!(output.status.success(), "{}", said(&output));
    assert!(world.path("units/s.service.d/60-more.conf").exists());
    assert_eq!(world.show("s", "Description"), "By hand");
    assert!(kept(&world).is_empty());
}

#[test]
fn a_broken_text_changes_nothing_and_is_kept() {
    let mut world = world();
    world.start();
    let broken = "[service]\nrestart = \"sometimes\"\n";
    for (unit, text, word) in [
        ("c", broken, "sometimes"),
        ("s", "[Service]\nNice=zz\n", "zz"),
        ("s", "[Service]\nBogus=1\n", "Bogus"),
    ] {
        let output = with_input(&world, &["edit", "--stdin", unit], text);
        assert_eq!(output.status.code(), Some(1));
        let said = said(&output);
        assert!(said.contains(word) && said.contains("is kept in"), "{said}");
        assert!(kept(&world).contains(&text.to_owned()));
    }
    assert!(!world.path("units/c.toml.d").exists());
    assert!(!world.path("units/s.service.d").exists());
    let output = with_input(&world, &["edit", "--stdin", "--full", "c"], broken);
    assert_eq!(output.status.code(), Some(1));
    let held = fs::read_to_string(world.path("units/c.toml")).expect("the file");
    assert!(held.contains("From the file"), "{held}");
}

#[test]
fn unit_files_are_edited_whole_and_made() {
    let mut world = world();
    world.start();
    let text = "[Service]\nExecStart=/bin/true\n";
    let output = with_input(&world, &["edit", "--stdin", "--full", "s"], text);
    assert!(output.status.success(), "{}", said(&output));
    let held = fs::read_to_string(world.path("units/s.service")).expect("the file");
    assert_eq!(held, text);
    for words in [
        &["edit", "--stdin", "new"][..],
        &["edit", "--stdin", "--full", "new"],
    ] {
        let output = with_input(&world, words, text);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            said(&output).contains("--force --full"),
            "{}",
            said(&output)
        );
    }
    let words = ["edit", "--stdin", "--full", "--force", "new"];
    let output = with_input(&world, &words, text);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(world.show("new", "LoadState"), "loaded");
    world.ctl(&["mask", "later"]).ok();
    let output = with_input(&world, &["edit", "--stdin", "later"], text);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("unmask"), "{}", said(&output));
    // A target that is built in has no file, but may have drop-ins.
    let drop_in = "[Unit]\nDescription=Mine\n";
    let words = ["edit", "--stdin", "timers.target"];
    let output = with_input(&world, &words, drop_in);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(world.show("timers.target", "Description"), "Mine");
}

#[test]
fn an_editor_gets_the_files_on_a_terminal() {
    let mut world = world();
    world.start();
    let refused = world.ctl(&["edit", "s"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("--stdin"), "{}", refused.stderr);
    let editor = world.path("editor");
    let script = format!(
        "#!/bin/sh\ncp \"$1\" {}\n\
         printf '[Unit]\\nDescription=Edited\\n' > \"$1\"\nexit $CODE\n",
        world.path("seen").display()
    );
    fs::write(&editor, script).expect("a script");
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).expect("a mode");
    let on_terminal = |code: &str| {
        let ctl = world.ctl_command(&[]);
        let mut command = Command::new("script");
        command
            .args(["--quiet", "--return", "--command"])
            .arg(format!("{} edit s", ctl.get_program().to_string_lossy()))
            .arg("/dev/null")
            .env("RUNNER_RUNTIME_DIR", world.path("run"))
            .env("VISUAL", "/nonexistent")
            .env("EDITOR", &editor)
            .env_remove("SYSTEMD_EDITOR")
            .env("CODE", code)
            .stdin(Stdio::null());
        command.output().expect("script")
    };
    let failed = on_terminal("3");
    assert_eq!(failed.status.code(), Some(1));
    assert!(!world.path("units/s.service.d").exists());
    let output = on_terminal("0");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(world.show("s", "Description"), "Edited");
    let seen = fs::read_to_string(world.path("seen")).expect("what the editor saw");
    assert!(seen.starts_with("### Editing "), "{seen}");
    assert!(seen.contains("\n# Description=From the file\n"), "{seen}");
}

#[test]
fn files_are_worked_on_without_a_daemon() {
    let world = world();
    let units = world.path("units");
    let directory = units.to_str().expect("a path in UTF-8");
    fs::write(
        units.join("w.service"),
        "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n",
    )
    .expect("a unit file");
    let here = |words: &[&str]| {
        let mut words = words.to_vec();
        words.extend(["--unit-dir", directory]);
        world.ctl(&words)
    };
    assert_eq!(here(&["is-enabled", "w"]).refused(1), "disabled\n");
    let link = units.join("multi-user.target.wants/w.service");
    assert_eq!(
        here(&["enable", "w"]).ok(),
        format!(
            "Created symlink {} → {}.\n",
            link.display(),
            units.join("w.service").display()
        )
    );
    assert!(link.is_symlink());
    assert_eq!(here(&["is-enabled", "w"]).ok(), "enabled\n");
    here(&["enable", "c"]).ok();
    assert_eq!(here(&["is-enabled", "c"]).ok(), "enabled\n");
    here(&["mask", "s2"]).ok();
    let list = here(&["list-unit-files"]).ok();
    for line in ["w.service  enabled enabled", "s2.service masked  enabled"] {
        assert!(list.contains(line), "{list}");
    }
    here(&["unmask", "s2"]).ok();
    here(&["disable", "w", "c"]).ok();
    assert!(!link.exists());
    here(&["add-wants", "timers.target", "w"]).ok();
    assert!(units.join("timers.target.wants/w.service").is_symlink());
    let words = ["edit", "--stdin", "s", "--unit-dir", directory];
    let output = with_input(&world, &words, "[Unit]\nDescription=Offline\n");
    assert!(output.status.success(), "{}", said(&output));
    here(&["revert", "s"]).ok();
    assert!(!units.join("s.service.d").exists());
    let refused = here(&["enable", "none"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("none.service"),
        "{}",
        refused.stderr
    );
    let refused = here(&["enable", "--now", "w"]);
    assert_eq!(refused.code, 1);
    // Nobody answers where somebody was said to be.
    let refused = world.ctl(&["enable", "w"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("--unit-dir"), "{}", refused.stderr);
}

#[test]
fn enabling_now_prints_one_value() {
    let mut world = world();
    world.start();
    let value = world.ctl(&["enable", "--now", "--json", "c"]).json();
    assert_eq!(value["changes"][0]["change"], "write", "{value}");
    assert_eq!(value["jobs"][0]["unit"], "c.service", "{value}");
    assert_eq!(value["jobs"][0]["result"], "done", "{value}");
    let value = world.ctl(&["mask", "--now", "--json", "c"]).json();
    assert_eq!(value["jobs"][0]["result"], "done", "{value}");
    assert_eq!(world.show("c", "ActiveState"), "inactive");
}
