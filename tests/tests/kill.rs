//! The claim: no service, no log line and no connection is lost when the manager dies.
//!
//! `RUNNER_TESTS_LONG=1` kills ten times as often. A run prints its seed; `SEED=n` repeats the
//! choices (not the races).
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "what helps a test fails it by panicking, and prints the figures"
)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tests::{Client, Ended, Random, World, exactly_once};

fn kills() -> u32 {
    if std::env::var_os("RUNNER_TESTS_LONG").is_some() {
        3000
    } else {
        300
    }
}

/// The units under load.
fn load(world: &World) {
    world.unit(
        "web.toml",
        "[socket]\nlisten-stream = \"@host@:80\"\n[service]\nexec-start = \"@actor@ as=web lock=@dir@/web.lock hold=TERM serve\"\n",
    );
    for (name, rate, sink) in [
        ("file", 5000, "log-file = \"@dir@/file.log\""),
        (
            "turn",
            5000,
            "log-file = \"@dir@/turn.log\"\nlog-max-size = \"256K\"\nlog-backups = 1000",
        ),
        ("ring", 1000, "standard-output = \"ring\""),
        ("console", 500, ""),
        ("journal", 500, "standard-output = \"journal\""),
    ] {
        world.unit(
            &format!("{name}.toml"),
            &format!(
                "[service]\n{sink}\nexec-start = \"@actor@ as={name} lock=@dir@/{name}.lock hold=TERM tell=up tick={rate}\"\n"
            ),
        );
    }
    for number in 0..2 {
        world.unit(
            &format!("churn{number}.toml"),
            &format!(
                "[service]\nrestart = \"always\"\nrestart-sec = 0\nstart-limit-burst = 0\n\
                 exec-start = \"@actor@ as=churn{number} lock=@dir@/churn{number}.lock exit=7\"\n\
                 exec-stop-post = '@actor@ as=churn{number} \"tell=end ${{EXIT_CODE}} ${{EXIT_STATUS}}\"'\n"
            ),
        );
    }
    world.unit(
        "edge.toml",
        "[service]\ntype = \"notify\"\nrestart = \"always\"\nrestart-sec = 0\nstart-limit-burst = 0\n\
         exec-start = \"@actor@ as=edge lock=@dir@/edge.lock tell=before notify=READY=1 obey\"\n",
    );
    world.unit(
        "mortal.toml",
        "[service]\nautostart = false\nstart-limit-burst = 0\nexec-start = \"@actor@ as=mortal lock=@dir@/mortal.lock obey\"\n",
    );
    for number in 0..5 {
        world.unit(
            &format!("still{number}.toml"),
            &format!("[service]\nexec-start = \"@actor@ as=still{number} lock=@dir@/still{number}.lock tell=up obey\"\n"),
        );
    }
}

#[test]
fn hundreds_of_kills_under_load() {
    let mut random = Random::seeded();
    let mut world = World::new();
    let journal = tests::Journal::of(&mut world);
    load(&world);
    world.start();
    let mut pids = BTreeMap::new();
    for tag in [
        "file", "turn", "ring", "console", "journal", "still0", "still1", "still2", "still3",
        "still4",
    ] {
        pids.insert(tag, world.event(tag, "up").pid);
    }
    world.event("edge", "obeys");
    let client = Client::start(&format!("{}:80", world.host()), 300);
    let mut back = Vec::new();
    let begun = Instant::now();
    for turn in 0..kills() {
        // The moment is random: this is the load's pace, nothing is waited for.
        std::thread::sleep(Duration::from_micros(random.below(15_000)));
        match random.below(8) {
            // Around the moment when a service becomes ready.
            0 | 1 => {
                world.order("edge", "exit=9");
                world.event("edge", "before");
                std::thread::sleep(Duration::from_micros(random.below(800)));
                world.kill_manager();
                world.event("edge", "obeys");
            }
            // A service ends while there is no manager.
            2 => {
                world.ctl(&["start", "mortal"]).ok();
                world.event("mortal", "obeys");
                let status = 1 + turn % 250;
                world.kill_manager();
                world.order("mortal", &format!("exit={status}"));
                world.wait_for("mortal.service", "inactive");
                assert_eq!(
                    world.show("mortal.service", "ExecMainStatus"),
                    status.to_string()
                );
            }
            // Stopped, not killed: it is continued.
            3 => {
                if let Some(manager) = world.manager() {
                    manager.signal(libc::SIGSTOP);
                    world.answers();
                }
            }
            // Twice in a row, the second time perhaps before it was ready.
            4 => {
                world.kill_manager();
                std::thread::sleep(Duration::from_micros(random.below(3_000)));
                world.kill_manager();
            }
            // The orderly way: a new manager, at times a new keeper.
            5 if turn % 4 == 0 => world.ctl(&["daemon-reexec"]).ok().clear(),
            _ => world.kill_manager(),
        }
        let asked = Instant::now();
        world.answers();
        back.push(asked.elapsed());
    }
    let lasted = begun.elapsed();
    back.sort();
    println!(
        "{} rounds in {lasted:?}; answering again after p50 {:?} p99 {:?} max {:?}",
        kills(),
        back[back.len() / 2],
        back[back.len() * 99 / 100],
        back[back.len() - 1]
    );

    let tally = client.stop();
    assert!(
        tally.failed.is_empty(),
        "{} lost: {:?}",
        tally.failed.len(),
        tally.failed.first()
    );
    println!(
        "{} requests answered, slowest {:?}",
        tally.answered, tally.slowest
    );
    assert!(tally.answered > u64::from(kills()), "{}", tally.answered);

    for (tag, pid) in &pids {
        let unit = format!("{tag}.service");
        assert_eq!(
            world.show(&unit, "MainPID"),
            pid.to_string(),
            "{unit} was lost"
        );
        assert_eq!(world.show(&unit, "NRestarts"), "0");
    }
    // How each run ended is known, whether a manager lived at that moment or not.
    world.ctl(&["stop", "churn0", "churn1"]).ok();
    let ends: Vec<_> = world
        .heard()
        .into_iter()
        .filter(|event| event.word == "end")
        .collect();
    println!("{} runs ended meanwhile", ends.len());
    let wrong: Vec<_> = ends
        .iter()
        .filter(|event| event.detail != "exited 7" && event.detail != "killed TERM")
        .collect();
    if !wrong.is_empty() {
        // What was said about them is the only trace of what happened.
        let lines = world.console();
        let about = |line: &&String| line.contains("runnerd[") && !line.contains("audit:");
        for line in lines.iter().filter(about) {
            println!("{line}");
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(
        ends.iter()
            .filter(|event| event.detail == "killed TERM")
            .count()
            <= 2
    );
    let double: Vec<_> = world
        .heard()
        .into_iter()
        .filter(|event| event.word == "double")
        .collect();
    assert!(double.is_empty(), "started twice: {double:?}");

    // Every line, in every sink.
    let mut written = BTreeMap::new();
    for tag in ["file", "turn", "ring", "console", "journal"] {
        world.ctl(&["stop", tag]).ok();
        written.insert(tag, world.event(tag, "lines").detail.as_u64().unwrap());
    }
    let ring = world.ctl(&["logs", "-n", "500", "ring"]).ok();
    let last = world.ctl(&["logs", "-n", "1", "console"]).ok();
    world.stop();
    println!("lines written: {written:?}");
    exactly_once(
        "file",
        &std::fs::read_to_string(world.path("file.log")).unwrap(),
        0..written["file"],
    );
    let mut text = String::new();
    for number in (1..=1000).rev() {
        if let Ok(part) = std::fs::read_to_string(world.path(&format!("turn.log.{number}"))) {
            text += &part;
        }
    }
    text += &std::fs::read_to_string(world.path("turn.log")).unwrap();
    exactly_once("turn", &text, 0..written["turn"]);
    exactly_once("ring", &ring, written["ring"] - 500..written["ring"]);
    exactly_once("console", &last, written["console"] - 1..written["console"]);
    let console = world.console();
    let console = console
        .iter()
        .filter_map(|line| line.split_once("]: console "))
        .map(|line| line.1);
    nothing_missing("console", console, written["console"]);
    let entries = journal.entries();
    let messages = entries
        .iter()
        .filter_map(|entry| entry.get("MESSAGE")?.strip_prefix("journal "));
    nothing_missing("journal", messages, written["journal"]);
}

/// These sinks may repeat one chunk per kill, and lose nothing.
fn nothing_missing<'a>(sink: &str, numbers: impl Iterator<Item = &'a str>, end: u64) {
    let mut expected = 0;
    let mut repeated = 0;
    for number in numbers {
        let number: u64 = number.parse().expect("a torn line");
        assert!(number <= expected, "{sink}: lost {expected} to {number}");
        repeated += u64::from(number < expected);
        expected = expected.max(number + 1);
    }
    assert_eq!(expected, end, "{sink}: the end is missing");
    println!("{sink}: {repeated} of {end} lines came twice");
}

#[test]
fn a_stopped_manager_is_continued() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nexec-start = \"@actor@ as=x tell=up obey\"\n",
    );
    world.start();
    world.event("x", "obeys");
    let manager = world.manager().unwrap();
    manager.signal(libc::SIGSTOP);
    world.answers();
    assert!(!manager.is_gone(), "killed instead of continued");
    assert_eq!(world.show("x.service", "ActiveState"), "active");
}

#[test]
fn jobs_and_waiters_survive() {
    let mut world = World::new();
    world.unit(
        "slow.toml",
        "[service]\nautostart = false\ntype = \"notify\"\nexec-start = \"@actor@ as=slow obey\"\n",
    );
    world.unit("next.toml", "[service]\nautostart = false\nrequires = [\"slow.service\"]\nafter = [\"slow.service\"]\nexec-start = \"@actor@ as=next tell=up pause\"\n");
    world.start();
    let mut start = world.ctl_command(&["start", "next"]).spawn().unwrap();
    world.event("slow", "obeys");
    for _ in 0..5 {
        world.kill_manager();
        world.answers();
        assert_eq!(world.show("slow.service", "ActiveState"), "activating");
    }
    world.order("slow", "notify=READY=1");
    world.event("next", "up");
    assert!(
        start.wait().unwrap().success(),
        "the client of the job was not told"
    );
}

#[test]
fn back_off_and_time_outs_survive() {
    let mut world = World::new();
    world.unit(
        "deaf.toml",
        "[service]\ntimeout-stop-sec = \"2s\"\nexec-start = \"@actor@ as=deaf hold=TERM tell=up await tell=asked pause\"\n",
    );
    world.unit(
        "crash.toml",
        "[service]\nrestart = \"always\"\nrestart-sec = \"2s\"\nexec-start = \"@actor@ as=crash tell=up exit=1\"\n",
    );
    world.start();
    world.event("deaf", "up");
    let first = world.event("crash", "up");
    let deaf = world.main_process("deaf.service");
    world.ctl(&["stop", "--no-block", "deaf"]).ok();
    let asked = world.event("deaf", "asked");
    world.kill_manager();
    world.answers();
    assert!(
        deaf.gone_within(Duration::from_secs(20)),
        "the deadline was forgotten"
    );
    assert!(
        asked.at.elapsed() >= Duration::from_millis(1500),
        "killed early"
    );
    let second = world.event("crash", "up");
    assert!(
        second.at - first.at >= Duration::from_millis(1900),
        "the back-off was forgotten"
    );
    // One stop signal, not two: to many programs a second one means hurry.
    assert!(
        !world
            .heard()
            .iter()
            .any(|event| event.tag == "deaf" && event.word == "signal" && event.at > asked.at)
    );
}

#[test]
fn replaced_by_a_new_binary() {
    let mut world = World::new();
    let binary = world.path("runnerd");
    std::fs::copy(tests::program("runnerd"), &binary).unwrap();
    world.binary(&binary);
    world.unit(
        "x.toml",
        "[service]\nexec-start = \"@actor@ as=x tell=up obey\"\n",
    );
    world.start();
    world.event("x", "obeys");
    let before = world.manager().unwrap();
    // As a package manager does it: a new file under the old name.
    std::fs::copy(tests::program("runnerd"), world.path("new")).unwrap();
    std::fs::rename(world.path("new"), &binary).unwrap();
    world.ctl(&["daemon-reexec"]).ok();
    world.answers();
    assert!(before.is_gone());
    let exe = |pid: i32| std::fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    let now = tests::children_running(world.keeper().pid, &binary);
    assert_eq!(now.len(), 1, "no manager runs the new file");
    assert_eq!(exe(now[0]), binary);
    assert_eq!(world.show("x.service", "NRestarts"), "0");
}

#[test]
fn a_new_binary_that_cannot_start_is_given_up() {
    for broken in [
        "#!/bin/sh\nexit 1\n",
        "#!/bin/sh\nkill -SEGV $$\n",
        "garbage",
    ] {
        let mut world = World::new();
        let binary = world.path("runnerd");
        std::fs::copy(tests::program("runnerd"), &binary).unwrap();
        world.binary(&binary);
        world.unit(
            "x.toml",
            "[service]\nexec-start = \"@actor@ as=x tell=up obey\"\n",
        );
        world.start();
        let pid = world.event("x", "up").pid;
        std::fs::write(world.path("new"), broken).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(world.path("new"), mode).unwrap();
        std::fs::rename(world.path("new"), &binary).unwrap();
        // Refused or fallen back from: either way the old code goes on.
        let _ = world.ctl(&["daemon-reexec"]);
        world.answers();
        assert_eq!(
            world.show("x.service", "MainPID"),
            pid.to_string(),
            "{broken:?}"
        );
        assert_eq!(world.stop(), Ended::Exited(0));
    }
}

#[test]
fn without_its_keeper_the_manager_stops_everything() {
    let mut world = World::new();
    world.linger();
    for (name, after) in [("a", ""), ("b", "after = [\"a.service\"]\n")] {
        world.unit(
            &format!("{name}.toml"),
            // What should run at its end cannot: there is nobody whose child it could be.
            &format!(
                "[service]\n{after}exec-start = \"@actor@ as={name} hold=TERM tell=up await tell=down\"\n\
                 exec-stop-post = \"@actor@ as=post tell={name}\"\n"
            ),
        );
    }
    world.start();
    world.event("a", "up");
    world.event("b", "up");
    world.keeper().signal(libc::SIGKILL);
    assert!(world.event("b", "down").at <= world.event("a", "down").at);
    assert_eq!(world.ended(), Ended::Killed(9));
}

#[test]
fn a_first_manager_that_cannot_start_is_no_loop() {
    let mut world = World::new();
    world.arguments(&["/no/such/directory"]);
    world.launch();
    assert_eq!(world.ended(), Ended::Exited(2));
}

#[test]
fn the_keeper_stops_all_when_no_manager_lives() {
    let mut world = World::new();
    for (name, after) in [("a", ""), ("b", "after = [\"a.service\"]\n")] {
        world.unit(
            &format!("{name}.toml"),
            &format!("[service]\n{after}exec-start = \"@actor@ as={name} hold=TERM tell=up await tell=down\"\n"),
        );
    }
    world.start();
    world.event("a", "up");
    world.event("b", "up");
    // No manager lives longer than a moment: the keeper has to give up on them, in order. (One
    // that somebody kills by SIGKILL says nothing about the program and is always replaced.)
    let keeper = world.keeper();
    while !keeper.is_gone() {
        if let Some(manager) = keeper.manager() {
            manager.signal(libc::SIGABRT);
        }
        if world.heard().iter().any(|event| event.word == "down") {
            break;
        }
    }
    assert!(world.event("b", "down").at <= world.event("a", "down").at);
    assert_eq!(world.ended(), Ended::Exited(1));
}
