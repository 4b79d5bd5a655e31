//! Bad input and faults: named with place and reason, and nothing else suffers.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use tests::{Identity, World};

const GOOD: &str = "[service]\nexec-start = \"@actor@ as=good tell=up pause\"\n";

/// A world with a good unit and one bad file: the good one runs, the bad one is reported on the
/// console at `place` with every one of `words`, and starting `unit` is refused with the reason.
#[track_caller]
fn reported(mut world: World, file: &str, unit: &str, place: &str, words: &[&str]) {
    world.unit("good.toml", GOOD);
    world.start();
    world.event("good", "up");
    let place = format!("{file}{place}");
    let line = world.console_line(&place, |line| line.contains(&place));
    for word in words {
        assert!(line.contains(word), "{word:?} is not in: {line}");
    }
    let refused = world.ctl(&["start", unit]).refused(6);
    assert!(
        refused.contains(unit) && refused.contains(file),
        "{refused}"
    );
    assert_eq!(world.show(unit, "LoadState"), "bad-setting");
    assert_eq!(world.show("good.service", "ActiveState"), "active");
}

#[track_caller]
fn bad_text(text: &str, place: &str, words: &[&str]) {
    let world = World::new();
    world.unit("bad.toml", text);
    reported(world, "bad.toml", "bad.service", place, words);
}

#[test]
fn a_binary_file() {
    let mut world = World::new();
    let elf = std::fs::read("/bin/sh").unwrap();
    std::fs::write(world.path("units/bad.toml"), &elf[..4096]).unwrap();
    world.unit("good.toml", GOOD);
    world.start();
    world.event("good", "up");
    world.console_line("the binary file", |line| line.contains("bad.toml:1"));
}

#[test]
fn a_truncated_file() {
    bad_text("[service]\nexec-start = \"/bin/tr", ":2:", &["error"]);
}

#[test]
fn an_unreadable_file() {
    let mut world = World::with(Identity::Nobody);
    world.unit("good.toml", GOOD);
    world.unit("bad.toml", GOOD);
    let path = world.path("units/bad.toml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    world.start();
    world.event("good", "up");
    world.console_line("the unreadable file", |line| {
        line.contains("bad.toml") && line.to_lowercase().contains("permission denied")
    });
}

#[test]
fn special_files_are_not_read() {
    let mut world = World::new();
    world.unit("good.toml", GOOD);
    nix::unistd::mkfifo(
        &world.path("units/fifo.toml"),
        nix::sys::stat::Mode::S_IRWXU,
    )
    .unwrap();
    std::fs::create_dir(world.path("units/directory.toml")).unwrap();
    std::os::unix::fs::symlink("loop.toml", world.path("units/loop.toml")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", world.path("units/zero.toml")).unwrap();
    let huge = std::fs::File::create(world.path("units/huge.toml")).unwrap();
    huge.set_len(10 << 30).unwrap();
    world.start();
    world.event("good", "up");
    for name in [
        "fifo.toml",
        "directory.toml",
        "loop.toml",
        "zero.toml",
        "huge.toml",
    ] {
        world.console_line(name, |line| line.contains(name));
    }
}

#[test]
fn an_unknown_key() {
    bad_text(
        "[service]\nexec-start = \"/bin/true\"\nrestrat = \"always\"\n",
        ":3:1: error:",
        &["restrat"],
    );
}

#[test]
fn a_wrong_type() {
    bad_text(
        "[service]\nexec-start = \"/bin/true\"\nrestart = 3\n",
        ":3:11: error:",
        &["restart"],
    );
}

#[test]
fn a_bad_value() {
    bad_text(
        "[service]\nexec-start = \"/bin/true\"\nrestart-sec = \"5 parsecs\"\n",
        ":3:15: error:",
        &["5 parsecs"],
    );
}

#[test]
fn a_service_without_a_command() {
    bad_text("[service]\nrestart = \"always\"\n", ":", &["exec-start"]);
}

#[test]
fn a_cycle() {
    let mut world = World::new();
    world.unit("good.toml", GOOD);
    for (name, after) in [("x", "y"), ("y", "z"), ("z", "x")] {
        world.unit(
            &format!("{name}.toml"),
            &format!(
                "[service]\nafter = [\"{after}.service\"]\nrequires = [\"{after}.service\"]\n\
                 exec-start = \"@actor@ as={name} tell=up pause\"\n"
            ),
        );
    }
    world.start();
    world.event("good", "up");
    let line = world.console_line("the cycle", |line| line.contains("wait for each other"));
    assert!(line.contains(".toml:2:"), "no place: {line}");
    for name in ["x.service", "y.service", "z.service"] {
        assert!(line.contains(name), "{name} is not named: {line}");
    }
}

#[test]
fn a_missing_requirement() {
    let mut world = World::new();
    world.unit("good.toml", GOOD);
    world.unit(
        "lonely.toml",
        "[service]\nrequires = [\"nowhere.service\"]\nexec-start = \"@actor@ as=lonely tell=up pause\"\n",
    );
    world.start();
    world.event("good", "up");
    let line = world.console_line("the missing unit", |line| line.contains("nowhere.service"));
    assert!(line.contains("lonely.toml:2:"), "no place: {line}");
    let refused = world.ctl(&["start", "lonely.service"]);
    assert_ne!(refused.code, 0);
    assert!((refused.stdout + &refused.stderr).contains("nowhere.service"));
    assert_ne!(world.show("lonely.service", "ActiveState"), "active");
}

#[test]
fn one_address_claimed_twice() {
    let mut world = World::new();
    for name in ["one", "two"] {
        world.unit(
            &format!("{name}.toml"),
            "[socket]\nlisten-stream = \"@host@:81\"\n[service]\nexec-start = \"/bin/true\"\n",
        );
    }
    world.unit("good.toml", GOOD);
    world.start();
    world.event("good", "up");
    world.console_line("both names", |line| {
        line.contains("one.") && line.contains("two.")
    });
}

#[test]
fn a_file_of_a_stranger_is_not_obeyed_by_root() {
    tests::needs_root();
    let mut world = World::new();
    world.unit("good.toml", GOOD);
    world.unit(
        "open.toml",
        "[service]\nexec-start = \"@actor@ as=open tell=up pause\"\n",
    );
    let path = world.path("units/open.toml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    world.unit(
        "theirs.toml",
        "[service]\nexec-start = \"@actor@ as=theirs tell=up pause\"\n",
    );
    std::os::unix::fs::chown(world.path("units/theirs.toml"), Some(65534), None).unwrap();
    world.start();
    world.event("good", "up");
    for name in ["open.toml", "theirs.toml"] {
        world.console_line(name, |line| line.contains(name));
    }
    assert!(world.heard().iter().all(|event| event.tag == "good"));
}

// A start that cannot work says why, with systemd's exit status.

#[track_caller]
fn cannot_start(settings: &str, status: &str, words: &[&str]) {
    let mut world = World::new();
    world.unit(
        "x.toml",
        &format!("[service]\nautostart = false\ntype = \"exec\"\n{settings}\n"),
    );
    world.start();
    let outcome = world.ctl(&["start", "x.service"]);
    assert_eq!(outcome.code, 1, "{}{}", outcome.stdout, outcome.stderr);
    assert_eq!(world.show("x.service", "ExecMainStatus"), status);
    assert_eq!(world.show("x.service", "Result"), "exit-code");
    assert_eq!(world.show("x.service", "ActiveState"), "failed");
    let sentence = world.console_line("the reason", |line| {
        line.contains("x.service") && words.iter().all(|word| line.contains(word))
    });
    let told = world.ctl(&["status", "x.service"]);
    assert_eq!(told.code, 3, "{sentence}");
    assert!(
        told.stdout.contains(&format!("{status}/")),
        "{}",
        told.stdout
    );
}

#[test]
fn a_missing_binary() {
    cannot_start(
        "exec-start = \"/no/such/program\"",
        "203",
        &["/no/such/program"],
    );
}

#[test]
fn a_file_that_is_no_program() {
    cannot_start("exec-start = \"/etc/passwd\"", "203", &["/etc/passwd"]);
}

#[test]
fn a_missing_user() {
    cannot_start(
        "user = \"nobody-of-that-name\"\nexec-start = \"/bin/true\"",
        "217",
        &["nobody-of-that-name"],
    );
}

#[test]
fn a_missing_group() {
    cannot_start(
        "group = \"no-such-group\"\nexec-start = \"/bin/true\"",
        "216",
        &["no-such-group"],
    );
}

#[test]
fn a_missing_directory() {
    cannot_start(
        "working-directory = \"/no/such/directory\"\nexec-start = \"/bin/true\"",
        "200",
        &["/no/such/directory"],
    );
}

#[test]
fn a_missing_environment_file() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nautostart = false\nenvironment-file = \"/no/such/file\"\nexec-start = \"/bin/true\"\n",
    );
    world.unit(
        "y.toml",
        "[service]\nautostart = false\nenvironment-file = \"-/no/such/file\"\nexec-start = \"@actor@ as=y tell=up pause\"\n",
    );
    world.start();
    assert_eq!(world.ctl(&["start", "x.service"]).code, 1);
    world.wait_for("x.service", "inactive");
    assert_eq!(world.show("x.service", "ActiveState"), "failed");
    world.console_line("the file", |line| {
        line.contains("x.service") && line.contains("/no/such/file")
    });
    world.ctl(&["start", "y.service"]).ok();
    world.event("y", "up");
}

#[test]
fn an_address_that_cannot_be_had() {
    let mut world = World::new();
    world.unit("good.toml", GOOD);
    world.unit(
        "far.toml",
        "[socket]\nlisten-stream = \"192.0.2.1:80\"\n[service]\nexec-start = \"/bin/true\"\n",
    );
    world.start();
    world.event("good", "up");
    world.console_line("the address", |line| line.contains("192.0.2.1:80"));
    assert_eq!(world.show("far.socket", "ActiveState"), "failed");
    assert_eq!(world.show("far.socket", "Result"), "resources");
}

#[test]
fn failing_for_ever_ends_at_the_start_limit() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nrestart = \"always\"\nrestart-sec = 0\nstart-limit-burst = 5\n\
         start-limit-interval-sec = \"1min\"\nexec-start = \"@actor@ as=x tell=up exit=1\"\n",
    );
    world.start();
    for _ in 0..5 {
        world.event("x", "up");
    }
    world.wait_for("x.service", "inactive");
    assert_eq!(world.show("x.service", "ActiveState"), "failed");
    world.console_line("the reason", |line| {
        line.contains("x.service") && line.contains("started 5 times within 1min")
    });
    // The limit also holds for people, until they say that it is forgiven.
    assert_ne!(world.ctl(&["start", "x.service"]).code, 0);
    assert!(
        world.heard().iter().all(|event| event.word != "up"),
        "started a sixth time"
    );
    world.ctl(&["reset-failed", "x.service"]).ok();
    world.ctl(&["start", "x.service"]).ok();
    world.event("x", "up");
}

#[test]
fn an_exec_that_fails_for_ever_is_no_busy_loop() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nrestart = \"always\"\nrestart-sec = 0\nexec-start = \"/no/such/program\"\n",
    );
    world.start();
    world.wait_for("x.service", "inactive");
    assert_eq!(world.show("x.service", "ActiveState"), "failed");
    // At rest the manager uses no processor time.
    let manager = world.manager().unwrap().pid;
    let spent = || -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{manager}/stat")).unwrap();
        let fields: Vec<&str> = text.rsplit_once(") ").unwrap().1.split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let before = spent();
    std::thread::sleep(Duration::from_secs(1));
    assert!(
        spent() - before <= 2,
        "busy: {} ticks in a second",
        spent() - before
    );
}

#[test]
fn who_ignores_term_is_killed_at_the_deadline() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\ntimeout-stop-sec = \"700ms\"\nexec-start = \"@actor@ as=x hold=TERM tell=up await tell=no pause\"\n",
    );
    world.start();
    world.event("x", "up");
    let main = world.main_process("x.service");
    let asked = Instant::now();
    world.ctl(&["stop", "x.service"]);
    assert!(
        asked.elapsed() >= Duration::from_millis(700),
        "killed early: {:?}",
        asked.elapsed()
    );
    assert!(main.is_gone());
    world.event("x", "no");
    assert_eq!(world.show("x.service", "Result"), "timeout");
    assert_eq!(world.show("x.service", "ActiveState"), "failed");
}

#[test]
fn who_escapes_its_session_is_stopped_all_the_same() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\ntimeout-stop-sec = \"500ms\"\nexec-start = \"@actor@ as=x leave tell=up pause\"\n",
    );
    world.start();
    let child = world.event("x-child", "left").pid;
    let child = tests::Process::open(child).unwrap();
    world.event("x", "up");
    world.ctl(&["stop", "x.service"]);
    assert!(
        child.gone_within(Duration::from_secs(10)),
        "a process of the service outlived it"
    );
}

#[test]
fn start_and_stop_at_once_a_thousand_times() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nautostart = false\nstart-limit-burst = 0\ntimeout-stop-sec = \"20s\"\nexec-start = \"sleep infinity\"\n",
    );
    world.start();
    let begun = Instant::now();
    for turn in 0..1000 {
        world.ctl(&["start", "--no-block", "x.service"]).ok();
        let asked = Instant::now();
        world.ctl(&["stop", "x.service"]).ok();
        assert!(
            asked.elapsed() < Duration::from_secs(15),
            "turn {turn}: SIGTERM was lost"
        );
    }
    println!("1,000 times in {:?}", begun.elapsed());
    assert_eq!(world.show("x.service", "ActiveState"), "inactive");
    assert_eq!(world.show("x.service", "Result"), "success");
    assert!(
        !world.console().iter().any(|line| line.contains("SIGKILL")),
        "somebody was killed"
    );
}

#[test]
fn every_way_to_end_is_told_apart() {
    let mut world = World::new();
    let cases = [
        ("exit=0", "success", "1", "0"),
        ("exit=1", "exit-code", "1", "1"),
        ("exit=255", "exit-code", "1", "255"),
        ("raise=TERM", "success", "2", "15"),
        ("raise=KILL", "signal", "2", "9"),
        ("raise=ABRT", "core-dump", "3", "6"),
    ];
    for (number, (step, ..)) in cases.iter().enumerate() {
        world.unit(
            &format!("x{number}.toml"),
            &format!("[service]\nautostart = false\nexec-start = \"@actor@ as=x{number} tell=up {step}\"\n"),
        );
    }
    world.start();
    for (number, (step, result, code, status)) in cases.iter().enumerate() {
        let unit = format!("x{number}.service");
        world.ctl(&["start", &unit]).ok();
        world.event(&format!("x{number}"), "up");
        world.wait_for(&unit, "inactive");
        let shown = ["Result", "ExecMainStatus"].map(|property| world.show(&unit, property));
        // Whether a core was dumped is up to the limits of the machine.
        let result = if *result == "core-dump" && shown[0] == "signal" {
            "signal"
        } else {
            result
        };
        assert_eq!(shown, [result, status], "{step}");
        let how = world.show(&unit, "ExecMainCode");
        assert!(
            how == *code || (*code == "3" && how == "2"),
            "{step}: ExecMainCode={how}"
        );
    }
}

#[test]
fn notify_from_strangers_is_not_believed() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\ntype = \"notify\"\nnotify-access = \"main\"\n\
         exec-start = \"@actor@ as=x notify-child=READY=1|STATUS=stranger tell=tried obey\"\n",
    );
    world.launch();
    world.event("x", "obeys");
    world.answers();
    assert_eq!(world.show("x.service", "ActiveState"), "activating");
    world.order("x", "notify=READY=1|STATUS=me");
    world.wait_for("x.service", "ready");
    assert_eq!(world.show("x.service", "StatusText"), "me");
    // And garbage changes nothing.
    world.order(
        "x",
        "notify=\u{1}\u{2}=|=|MAINPID=1|MAINPID=-7|WATCHDOG_USEC=x|NONSENSE",
    );
    world.event("x", "did");
    world.order("x", "notify=STATUS=still me");
    world.event("x", "did");
    let main = world.main_process("x.service");
    assert_eq!(world.event("x", "tried").pid, main.pid);
}
