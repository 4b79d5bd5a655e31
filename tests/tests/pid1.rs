//! As process 1 of a namespace: it reaps, stops in order, and ends with a status.

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

/// Runs the daemon with one unit where `wrapper` leaves little; gives its standard error.
fn starts_in(wrapper: &[&str], arguments: &[&str]) {
    let mut world = World::with(Identity::Init);
    world.wrapper(wrapper);
    world.arguments(arguments);
    world.unit(
        "a.toml",
        "[service]\nexec-start = \"@actor@ as=a hold=TERM tell=up await tell=down\"\n",
    );
    world.start();
    world.event("a", "up");
    world.keeper().signal(libc::SIGTERM);
    world.event("a", "down");
    assert_eq!(world.ended(), Ended::Exited(0), "{wrapper:?}");
}

#[test]
fn with_few_descriptors() {
    starts_in(&["prlimit", "--nofile=64"], &[]);
}

#[test]
fn with_standard_descriptors_closed() {
    starts_in(&["sh", "-c", "exec \"$@\" <&- >&- 2>&-", "sh"], &[]);
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
    let mut world = World::with(Identity::Init);
    // A command: nothing here can look at processes to find out how a unit is.
    world.wrapper(&[
        "sh",
        "-c",
        "umount -l /proc && exec \"$1\" --runtime-dir @dir@/run -- sh -c 'exit 6'",
        "sh",
    ]);
    world.launch();
    assert_eq!(world.ended(), Ended::Exited(6));
}

#[test]
fn a_runtime_directory_that_cannot_be_made_is_replaced_with_a_sentence() {
    let world = World::with(Identity::Init);
    let daemon = tests::program("runnerd");
    let script = "mount -t tmpfs -o ro none /run && exec \"$0\" \"$1\" --stop-timeout=5s";
    let mut child = std::process::Command::new("unshare")
        .args(["--pid", "--mount", "--fork", "--mount-proc", "--kill-child"])
        .args(["sh", "-c", script])
        .arg(daemon)
        .arg(world.path("units"))
        .env("TMPDIR", world.path("state"))
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let why = lines.next().unwrap().unwrap();
    let path = lines.next().unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        why.contains("cannot use runtime directory /run/runner"),
        "{why}"
    );
    let state = world.path("state");
    assert!(
        path.contains(&format!("runtime directory: {}/", state.display())),
        "{path}"
    );
}

/// A measured short form of 20,000 orphans in 3 s: as fast as a shell makes them.
#[test]
fn a_flood_of_orphans_is_reaped_as_it_comes() {
    let mut world = World::with(Identity::Init);
    world.unit(
        "orphans.toml",
        "[service]\ntype = \"oneshot\"\nkill-mode = \"process\"\nexec-start = [\":/bin/sh\", \"-c\", '''\n\
         i=0; while [ $i -lt 3000 ]; do (true & exec true) ; i=$((i+1)); done''']\n",
    );
    world.start();
    let keeper = world.keeper();
    world.wait_for("orphans.service", "inactive");
    let ended = std::time::Instant::now();
    let children = format!("/proc/{0}/task/{0}/children", keeper.pid);
    // The manager alone is left.
    world.until("no orphans", || {
        std::fs::read_to_string(&children)
            .unwrap()
            .split_whitespace()
            .count()
            == 1
    });
    assert!(ended.elapsed() < std::time::Duration::from_secs(1));
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
