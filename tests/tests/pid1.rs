//! As process 1 of a namespace: it reaps, stops in order, and ends with a status.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use tests::{Ended, Identity, World};

#[test]
fn reaps_orphans_and_stops_in_order_on_sigterm() {
    let mut world = World::with(Identity::Init);
    world.unit(
        "a.toml",
        "[service]\nexec-start = \"@actor@ as=a hold=TERM tell=up await tell=down\"\n",
    );
    world.unit(
        "b.toml",
        "[service]\nafter = [\"a.service\"]\nexec-start = \"@actor@ as=b hold=TERM tell=up await tell=down\"\n",
    );
    // Two hundred orphans: each is left behind by a parent that ends at once.
    world.unit(
        "orphans.toml",
        "[service]\ntype = \"oneshot\"\nkill-mode = \"process\"\nexec-start = [\":/bin/sh\", \"-c\", '''\n\
         i=0; while [ $i -lt 200 ]; do (true & exec true) ; i=$((i+1)); done''']\n",
    );
    world.start();
    world.event("a", "up");
    world.event("b", "up");
    let keeper = world.keeper();
    world.wait_for("orphans.service", "inactive");
    let zombies = || {
        std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok())
            .filter(|stat| stat.contains(&format!(") Z {} ", keeper.pid)))
            .count()
    };
    world.until("no zombies", || zombies() == 0);
    keeper.signal(libc::SIGTERM);
    assert_eq!(world.ended(), Ended::Exited(0));
    assert!(world.event("b", "down").at <= world.event("a", "down").at);
}

#[test]
fn the_exit_status_of_the_container() {
    let mut world = World::with(Identity::Init);
    world.unit(
        "a.toml",
        "[service]\nexec-start = \"@actor@ as=a hold=TERM tell=up await tell=down\"\n",
    );
    world.start();
    world.event("a", "up");
    world.ctl(&["shutdown", "--exit-status=42"]).ok();
    assert_eq!(world.ended(), Ended::Exited(42));
    world.event("a", "down");
}

#[test]
fn a_killed_manager_is_no_reason_for_the_container_to_end() {
    let mut world = World::with(Identity::Init);
    world.unit(
        "a.toml",
        "[service]\nexec-start = \"@actor@ as=a tell=up obey\"\n",
    );
    world.start();
    world.event("a", "obeys");
    for _ in 0..10 {
        world.kill_manager();
        world.answers();
    }
    world.order("a", "tell=alive");
    world.event("a", "alive");
    assert_eq!(world.show("a.service", "NRestarts"), "0");
    assert_eq!(world.stop(), Ended::Exited(0));
}

#[test]
fn bad_arguments_end_the_container_at_once() {
    let mut world = World::with(Identity::Init);
    world.arguments(&["--log-format", "xml"]);
    world.launch();
    assert_eq!(world.ended(), Ended::Exited(2));
}

#[test]
fn a_process_that_escaped_does_not_outlive_the_container() {
    let mut world = World::with(Identity::Init);
    world.unit(
        "x.toml",
        "[service]\nkill-mode = \"process\"\ntimeout-stop-sec = \"1s\"\nexec-start = \"@actor@ as=x leave tell=up hold=TERM await\"\n",
    );
    world.start();
    world.event("x-child", "left");
    world.event("x", "up");
    world.ctl(&["stop", "x"]).ok();
    assert_eq!(world.stop(), Ended::Exited(0));
}

#[test]
fn an_essential_unit_takes_the_container_along() {
    for (ends, status) in [("exit=3", 3), ("signal=KILL", 128 + 9)] {
        let mut world = World::with(Identity::Init);
        world.unit(
            "a.toml",
            "[service]\nexec-start = \"@actor@ as=a hold=TERM tell=up await tell=down\"\n",
        );
        world.unit(
            "main.toml",
            "[service]\nessential = true\nexec-start = \"@actor@ as=main tell=up obey\"\n",
        );
        world.start();
        world.event("a", "up");
        world.event("main", "obeys");
        match ends {
            "exit=3" => world.order("main", "exit=3"),
            _ => drop(world.ctl(&["kill", "--signal=KILL", "main"]).ok()),
        }
        world.event("a", "down");
        assert_eq!(world.ended(), Ended::Exited(status));
    }
}

#[test]
fn the_signals_of_a_container_manager() {
    for (signal, status) in [(34 + 3, 0), (34 + 4, 0), (34 + 5, 133), (libc::SIGINT, 0)] {
        let mut world = World::with(Identity::Init);
        world.unit(
            "a.toml",
            "[service]\nexec-start = \"@actor@ as=a hold=TERM tell=up await tell=down\"\n",
        );
        world.start();
        world.event("a", "up");
        // By number: no library has a name for these.
        let words = [format!("-{signal}"), world.keeper().pid.to_string()];
        let sent = std::process::Command::new("kill").args(words).status();
        assert!(sent.unwrap().success());
        world.event("a", "down");
        assert_eq!(world.ended(), Ended::Exited(status), "signal {signal}");
    }
}

#[test]
fn stopping_has_one_limit_for_all() {
    let mut world = World::with(Identity::Init);
    world.arguments(&["--stop-timeout", "1s"]);
    for name in ["a", "b"] {
        // Each would be given forever, one after the other.
        let after = if name == "b" {
            "after = [\"a.service\"]\n"
        } else {
            ""
        };
        world.unit(
            &format!("{name}.toml"),
            &format!(
                "[service]\n{after}timeout-stop-sec = \"infinity\"\n\
                 exec-start = \"@actor@ as={name} hold=TERM tell=up await await\"\n"
            ),
        );
    }
    world.start();
    world.event("b", "up");
    let begun = std::time::Instant::now();
    world.keeper().signal(libc::SIGTERM);
    assert_eq!(world.ended(), Ended::Exited(0));
    assert!(begun.elapsed() >= std::time::Duration::from_secs(1));
}

/// Runs the daemon with one unit where `wrapper` leaves little.
fn starts_in(wrapper: &[&str], arguments: &[&str]) {
    starts_in_of(wrapper, arguments, |_| {});
}

/// The same in a world that is prepared before.
fn starts_in_of(wrapper: &[&str], arguments: &[&str], prepare: impl Fn(&World)) {
    let mut world = World::with(Identity::Init);
    prepare(&world);
    world.wrapper(wrapper);
    world.arguments(arguments);
    world.unit(
        "a.toml",
        "[service]\nexec-start = \"@actor@ as=a hold=TERM tell=up await tell=down\"\n",
    );
    // It leaves a process behind, and comes back.
    world.unit(
        "b.toml",
        "[service]\nafter = [\"a.service\"]\nrestart = \"on-failure\"\nrestart-sec = 0\n\
         exec-start = [\":/bin/sh\", \"-c\", \"(sleep 1000 &); \
         [ -e @dir@/state/been ] && exec @actor@ as=b hold=TERM tell=again await; \
         : >@dir@/state/been; exit 1\"]\n",
    );
    world.start();
    world.event("a", "up");
    world.event("b", "again");
    world.keeper().signal(libc::SIGTERM);
    world.event("a", "down");
    assert_eq!(world.ended(), Ended::Exited(0), "{wrapper:?}");
}

/// Gives what the daemon writes to to `nobody`.
fn of_nobody(world: &World) {
    for name in ["run", "state"] {
        std::os::unix::fs::chown(world.path(name), Some(65534), Some(65534)).unwrap();
    }
}

const AS_NOBODY: &str = "setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all \
     --inh-caps=-all --no-new-privs";

#[test]
fn with_few_descriptors() {
    starts_in(&["prlimit", "--nofile=64"], &[]);
}

#[test]
fn with_standard_descriptors_closed() {
    starts_in(&["sh", "-c", "exec \"$@\" <&- >&- 2>&-", "sh"], &[]);
}

#[test]
fn with_no_device_at_all_and_standard_descriptors_closed() {
    let script = "mount -t tmpfs none /dev && exec \"$@\" <&- >&- 2>&-";
    starts_in(&["sh", "-c", script, "sh"], &[]);
}

#[test]
fn as_any_user_without_a_privilege() {
    let script = format!("exec {AS_NOBODY} \"$@\"");
    starts_in_of(&["sh", "-c", &script, "sh"], &[], of_nobody);
}

#[test]
fn as_a_user_that_only_its_own_namespace_knows() {
    let users = ["unshare", "--user", "--map-user=1000", "--map-group=1000"];
    let wrapper = [&users[..], &["setpriv", "--no-new-privs"]].concat();
    starts_in(&wrapper, &[]);
}

#[test]
fn with_no_control_groups() {
    let script = "mount -t tmpfs -o ro none /sys && exec \"$@\"";
    starts_in(&["sh", "-c", script, "sh"], &[]);
}

#[test]
fn with_control_groups_that_cannot_be_written_to() {
    let script = "mount --make-rprivate / && mount -t cgroup2 -o ro none /sys && exec \"$@\"";
    starts_in(&["sh", "-c", script, "sh"], &[]);
}

#[test]
fn in_a_session_without_a_terminal() {
    starts_in(&["setsid"], &[]);
}

#[test]
fn with_everything_read_only_but_the_runtime_directory() {
    starts_in(
        &[
            "sh",
            "-c",
            "mount --make-rprivate / && mount --bind @dir@ @dir@ && \
             mount -o remount,ro,bind / && exec \"$@\"",
            "sh",
        ],
        &[],
    );
}

#[test]
fn with_no_process_file_system() {
    starts_in(
        &[
            "sh",
            "-c",
            "mount -t tmpfs -o ro none /proc && exec \"$@\"",
            "sh",
        ],
        &[],
    );
}

#[test]
fn with_the_process_file_system_of_another_namespace() {
    // What `--mount-proc` has mounted goes, and that of this test comes to light.
    starts_in(&["sh", "-c", "umount -l /proc && exec \"$@\"", "sh"], &[]);
}

#[test]
fn with_nothing_at_all() {
    let script = format!(
        "mount --make-rprivate / && mount --bind @dir@ @dir@ && mount -t tmpfs -o ro none /sys && \
         mount -t tmpfs -o ro none /dev && mount -t tmpfs -o ro none /proc && mount -o remount,ro,bind / && \
         exec prlimit --nofile=64 setsid {AS_NOBODY} \"$@\" <&- >&- 2>&-"
    );
    starts_in_of(&["sh", "-c", &script, "sh"], &[], of_nobody);
}

#[test]
fn one_command_with_no_process_file_system() {
    let mut world = World::with(Identity::Init);
    world.wrapper(&[
        "sh",
        "-c",
        "mount -t tmpfs -o ro none /proc && exec \"$1\" --runtime-dir @dir@/run -- sh -c 'exit 6'",
        "sh",
    ]);
    world.launch();
    assert_eq!(world.ended(), Ended::Exited(6));
}

#[test]
fn a_runtime_directory_that_cannot_be_made_is_replaced_with_a_sentence_and_taken_away() {
    let world = World::with(Identity::Init);
    let daemon = tests::program("runnerd");
    world.unit(
        "main.toml",
        "[service]\nessential = true\nexec-start = \"/bin/sh -c 'exit 7'\"\n",
    );
    let script = "mount -t tmpfs -o ro none /run && exec \"$0\" \"$1\" --stop-timeout=5s";
    let output = std::process::Command::new("unshare")
        .args(["--pid", "--mount", "--fork", "--mount-proc", "--kill-child"])
        .args(["sh", "-c", script])
        .arg(daemon)
        .arg(world.path("units"))
        .env("TMPDIR", world.path("state"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(7));
    let said = String::from_utf8(output.stderr).unwrap();
    let mut lines = said.lines();
    let (why, path) = (lines.next().unwrap(), lines.next().unwrap());
    assert!(
        why.contains("cannot use runtime directory /run/runner"),
        "{why}"
    );
    let state = world.path("state");
    assert!(
        path.contains(&format!("runtime directory: {}/", state.display())),
        "{path}"
    );
    assert_eq!(std::fs::read_dir(state).unwrap().count(), 0, "{said}");
}

#[test]
fn twenty_thousand_orphans_are_reaped() {
    let mut world = World::with(Identity::Init);
    let source = tests::repository().join("tests/tests/pid1/orphans.c");
    let built = std::process::Command::new("cc")
        .args(["-O2", "-static", "-o"])
        .arg(world.path("orphans"))
        .arg(source)
        .status();
    assert!(built.unwrap().success());
    world.unit(
        "orphans.toml",
        "[service]\ntype = \"oneshot\"\nkill-mode = \"process\"\n\
         remain-after-exit = true\nexec-start = \"@dir@/orphans 20000\"\n",
    );
    world.unit(
        "a.toml",
        "[service]\nexec-start = \"@actor@ as=a tell=up obey\"\n",
    );
    world.launch();
    world.event("a", "obeys");
    let keeper = world.keeper();
    // It fails where one of them could not be made.
    world.wait_for("orphans.service", "active");
    let children = format!("/proc/{0}/task/{0}/children", keeper.pid);
    // The manager and the service are left.
    world.until("no orphans", || {
        std::fs::read_to_string(&children)
            .unwrap()
            .split_whitespace()
            .count()
            == 2
    });
    // Nothing was lost under them.
    world.order("a", "exit=0");
    world.wait_for("a.service", "inactive");
    assert_eq!(world.stop(), Ended::Exited(0));
}

#[test]
fn the_first_unit_that_failed_is_what_the_container_tells() {
    let mut world = World::with(Identity::Init);
    for name in ["a", "b", "c"] {
        world.unit(
            &format!("{name}.toml"),
            &format!("[service]\nexec-start = \"@actor@ as={name} tell=up obey\"\n"),
        );
    }
    world.start();
    for (name, status) in [("a", 3), ("b", 4), ("c", 5)] {
        world.event(name, "obeys");
        world.order(name, &format!("exit={status}"));
        world.wait_for(&format!("{name}.service"), "inactive");
    }
    // What somebody has seen to is no news.
    world.ctl(&["reset-failed", "a"]).ok();
    // Nor does it go with its manager.
    world.kill_manager();
    world.answers();
    assert_eq!(world.stop(), Ended::Exited(4));
}

#[test]
fn the_status_that_somebody_names() {
    let mut world = World::with(Identity::Init);
    world.unit(
        "a.toml",
        "[service]\nexec-start = \"@actor@ as=a hold=TERM tell=up await tell=down\"\n",
    );
    world.unit(
        "failed.toml",
        "[service]\ntype = \"oneshot\"\nexec-start = \"/bin/false\"\n",
    );
    world.start();
    world.event("a", "up");
    world.ctl(&["exit", "42"]).ok();
    assert_eq!(world.ended(), Ended::Exited(42));
    world.event("a", "down");
    let told = world.notifications();
    assert!(told.iter().any(|text| text == "EXIT_STATUS=42"), "{told:?}");
}

#[test]
fn the_programs_that_end_a_machine_end_the_container() {
    for (words, status) in [
        (&["poweroff"][..], 0),
        (&["halt", "-f"], 0),
        (&["reboot"], 133),
        (&["shutdown", "-r", "now"], 133),
        (&["telinit", "0"], 0),
    ] {
        let mut world = World::with(Identity::Init);
        world.unit(
            "a.toml",
            "[service]\nexec-start = \"@actor@ as=a hold=TERM tell=up await tell=down\"\n",
        );
        world.start();
        world.event("a", "up");
        let link = world.path(words[0]);
        std::os::unix::fs::symlink(tests::program("runnerctl"), &link).unwrap();
        let ended = std::process::Command::new(&link)
            .args(&words[1..])
            .env("RUNNER_RUNTIME_DIR", world.path("run"))
            .status()
            .unwrap();
        assert_eq!(ended.code(), Some(0), "{words:?}");
        world.event("a", "down");
        assert_eq!(world.ended(), Ended::Exited(status), "{words:?}");
    }
}

#[test]
fn an_end_at_a_later_time_can_be_taken_back() {
    let mut world = World::with(Identity::Init);
    world.start();
    let shutdown = world.path("shutdown");
    std::os::unix::fs::symlink(tests::program("runnerctl"), &shutdown).unwrap();
    let runs = |words: &[&str]| {
        let output = std::process::Command::new(&shutdown)
            .args(words)
            .env("RUNNER_RUNTIME_DIR", world.path("run"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    runs(&["-r", "+5", "back in a moment"]);
    let shown = runs(&["--show"]);
    assert!(shown.contains("scheduled-shutdown.timer"), "{shown}");
    runs(&["-c"]);
    let shown = runs(&["--show"]);
    assert!(!shown.contains("scheduled-shutdown.timer"), "{shown}");
    assert_eq!(world.stop(), Ended::Exited(0));
}

#[test]
fn it_is_called_as_those_expect_who_ask_what_runs_the_machine() {
    let mut world = World::with(Identity::Init);
    world.start();
    let name = format!("/proc/{}/comm", world.keeper().pid);
    assert_eq!(std::fs::read_to_string(&name).unwrap(), "init\n");
    let before = world.manager().unwrap();
    world.ctl(&["daemon-reexec"]).ok();
    world.answers();
    assert!(before.is_gone());
    assert_eq!(std::fs::read_to_string(name).unwrap(), "init\n");
    assert_eq!(world.stop(), Ended::Exited(0));
}

#[test]
fn health_for_those_who_ask() {
    let mut world = World::with(Identity::Init);
    let port = tests::free_port();
    world.arguments(&["--http", &port.to_string()]);
    world.unit(
        "a.toml",
        "[service]\ntype = \"notify\"\nexec-start = \"@actor@ as=a tell=up obey\"\n",
    );
    world.launch();
    world.event("a", "obeys");
    let asks = |path: &str| {
        let command = ["-s", "-o", "-", "-w", " %{http_code}"];
        let output = std::process::Command::new("curl")
            .args(command)
            .arg(format!("http://127.0.0.1:{port}{path}"))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(asks("/healthz"), "alive\n 200");
    assert_eq!(asks("/readyz"), "not ready: a.service is starting\n 503");
    let said = world.ctl(&["is-ready"]).refused(1);
    assert!(said.contains("not ready: a.service is starting"), "{said}");
    let slow = world.ctl(&["is-ready", "--wait", "--timeout=1ms", "a"]);
    assert_eq!(slow.code, 124);
    world.order("a", "notify=READY=1");
    world.ctl(&["is-ready", "--wait"]).ok();
    world.ctl(&["is-ready", "a"]).ok();
    world.until("ready", || asks("/readyz") == "ready\n 200");
    assert_eq!(world.stop(), Ended::Exited(0));
}
