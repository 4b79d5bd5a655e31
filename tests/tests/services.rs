//! What a service is given, and what is done with what it says.

use serde_json::Value;
use tests::{Event, World};

fn started(settings: &str) -> (World, Event) {
    let mut world = World::new();
    world.unit(
        "x.toml",
        &format!("[service]\n{settings}\nexec-start = \"@actor@ as=x facts pause\"\n"),
    );
    world.start();
    let facts = world.event("x", "facts");
    (world, facts)
}

fn text<'a>(facts: &'a Value, group: &str, key: &str) -> &'a str {
    facts[group][key].as_str().unwrap_or("(nothing)")
}

#[test]
fn a_child_starts_clean() {
    let mut world = World::new();
    world.environment("SECRET", "of the daemon");
    world.unit(
        "x.toml",
        "[service]\nexec-start = \"@actor@ as=x facts pause\"\n",
    );
    world.start();
    let event = world.event("x", "facts");
    let facts = &event.detail;
    let names: Vec<&String> = facts["environment"].as_object().unwrap().keys().collect();
    for name in &names {
        let known = [
            "PATH",
            "LANG",
            "INVOCATION_ID",
            "HOME",
            "LOGNAME",
            "USER",
            "SHELL",
            "SYSTEMD_EXEC_PID",
            "JOURNAL_STREAM",
        ];
        assert!(known.contains(&name.as_str()), "{name} leaked: {names:?}");
    }
    let descriptors: Vec<&String> = facts["descriptors"].as_object().unwrap().keys().collect();
    assert_eq!(descriptors, ["0", "1", "2"], "{}", facts["descriptors"]);
    assert_eq!(text(facts, "descriptors", "0"), "/dev/null");
    assert_eq!(text(facts, "status", "SigBlk"), "0000000000000000");
    // SIGPIPE (bit 12) may be ignored, as systemd does; nothing else.
    let ignored = u64::from_str_radix(text(facts, "status", "SigIgn"), 16).unwrap();
    assert_eq!(ignored & !(1 << 12), 0, "{ignored:x}");
    assert_eq!(text(facts, "status", "Umask"), "0022");
    assert_eq!(
        facts["session"], event.pid,
        "not the leader of a session of its own"
    );
    assert_eq!(facts["directory"], "/");
    assert_eq!(text(facts, "environment", "INVOCATION_ID").len(), 32);
    assert_eq!(
        text(facts, "environment", "INVOCATION_ID"),
        world.show("x.service", "InvocationID")
    );
}

#[test]
fn the_environment_and_its_files() {
    let mut world = World::new();
    std::fs::write(
        world.path("one.env"),
        "# a comment\nA=file\nB=\"two words\"\nexport_is_no_word=1\nC='it''s'\n",
    )
    .unwrap();
    world.unit(
        "x.toml",
        "[service]\nenvironment = [\"A=unit\", \"D=d e\"]\nenvironment-file = [\"@dir@/one.env\", \"-@dir@/none.env\"]\n\
         exec-start = \"@actor@ as=x facts tell=words_$A ${D} $D $NOTHING ${NOTHING} pause\"\n",
    );
    world.start();
    let facts = world.event("x", "facts").detail;
    for (name, value) in [("A", "file"), ("B", "two words"), ("D", "d e")] {
        assert_eq!(text(&facts, "environment", name), value, "{name}");
    }
    let arguments: Vec<&str> = facts["arguments"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let tail = &arguments[arguments.len() - 6..];
    assert_eq!(tail, ["tell=words_$A", "d e", "d", "e", "", "pause"]);
}

#[test]
fn user_group_directory_umask_and_limits() {
    tests::needs_root();
    let (_world, event) = started(
        "user = \"nobody\"\ngroup = \"daemon\"\nworking-directory = \"/tmp\"\numask = \"0077\"\nlimit-nofile = \"100:200\"",
    );
    let facts = &event.detail;
    assert_eq!(text(facts, "status", "Uid"), "65534 65534 65534 65534");
    assert_eq!(text(facts, "status", "Gid"), "1 1 1 1");
    assert_eq!(text(facts, "status", "Umask"), "0077");
    assert_eq!(facts["directory"], "/tmp");
    assert_eq!(facts["nofile"], serde_json::json!([100, 200]));
    assert_eq!(text(facts, "environment", "USER"), "nobody");
    assert_eq!(text(facts, "environment", "LOGNAME"), "nobody");
}

#[test]
fn commands_run_in_their_order_with_what_they_need_to_know() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        r#"
        [service]
        type = "notify"
        notify-access = "all"
        exec-start-pre = "@actor@ as=pre1 tell=ran ; -@actor@ as=pre2 tell=ran exit=5"
        exec-start = "@actor@ as=main hold=TERM tell=ran notify=READY=1 await tell=down exit=3"
        exec-start-post = "@actor@ as=post facts tell=ran"
        exec-reload = "@actor@ as=reload facts tell=ran"
        exec-stop = "@actor@ as=stop facts tell=ran"
        exec-stop-post = "@actor@ as=gone facts tell=ran"
        "#,
    );
    world.start();
    let main = world.event("main", "ran");
    let order = [
        world.event("pre1", "ran").at,
        world.event("pre2", "ran").at,
        main.at,
        world.event("post", "ran").at,
    ];
    assert!(order.is_sorted());
    let pid = main.pid.to_string();
    assert_eq!(
        text(
            &world.event("post", "facts").detail,
            "environment",
            "MAINPID"
        ),
        pid
    );
    world.ctl(&["reload", "x"]).ok();
    world.event("reload", "ran");
    assert_eq!(
        text(
            &world.event("reload", "facts").detail,
            "environment",
            "MAINPID"
        ),
        pid
    );
    let _ = world.ctl(&["stop", "x"]);
    let stopped = [
        world.event("stop", "ran").at,
        world.event("main", "down").at,
        world.event("gone", "ran").at,
    ];
    assert!(stopped.is_sorted());
    let facts = world.event("gone", "facts").detail;
    assert_eq!(text(&facts, "environment", "SERVICE_RESULT"), "exit-code");
    assert_eq!(text(&facts, "environment", "EXIT_CODE"), "exited");
    assert_eq!(text(&facts, "environment", "EXIT_STATUS"), "3");
}

#[test]
fn a_failing_start_pre_starts_nothing() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nexec-start-pre = \"@actor@ as=pre tell=ran exit=4\"\nexec-start = \"@actor@ as=main tell=ran\"\nexec-stop-post = \"@actor@ as=gone tell=ran\"\n",
    );
    world.start();
    world.event("gone", "ran");
    world.wait_for("x.service", "inactive");
    assert_eq!(world.show("x.service", "ActiveState"), "failed");
    assert!(!world.heard().iter().any(|event| event.tag == "main"));
}

#[test]
fn oneshots() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nautostart = false\ntype = \"oneshot\"\nexec-start = \"@actor@ as=one tell=ran ; @actor@ as=two tell=ran\"\n",
    );
    world.unit(
        "y.toml",
        "[service]\nautostart = false\ntype = \"oneshot\"\nremain-after-exit = true\nexec-start = \"@actor@ as=y tell=ran\"\nexec-stop = \"@actor@ as=y tell=undone\"\n",
    );
    world.start();
    for _ in 0..2 {
        world.ctl(&["start", "x"]).ok();
        assert!(world.event("one", "ran").at <= world.event("two", "ran").at);
        assert_eq!(world.show("x.service", "ActiveState"), "inactive");
    }
    world.ctl(&["start", "y"]).ok();
    world.ctl(&["start", "y"]).ok();
    world.event("y", "ran");
    assert_eq!(world.show("y.service", "ActiveState"), "active");
    assert_eq!(world.show("y.service", "SubState"), "exited");
    world.ctl(&["stop", "y"]).ok();
    world.event("y", "undone");
    assert!(
        !world.heard().iter().any(|event| event.word == "ran"),
        "ran again"
    );
}

#[test]
fn a_daemon_of_the_old_kind() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\ntype = \"forking\"\npid-file = \"@dir@/x.pid\"\n\
         exec-start = \"@actor@ as=x detach=@dir@/x.pid hold=TERM tell=up await tell=down\"\n",
    );
    world.start();
    let up = world.event("x", "up");
    world.wait_for("x.service", "ready");
    assert_eq!(world.show("x.service", "MainPID"), up.pid.to_string());
    world.ctl(&["stop", "x"]).ok();
    assert_eq!(world.event("x", "down").pid, up.pid);
}

/// How servers replace their own program: the new process is a child of the old one, which ends.
#[test]
fn main_pid_can_move_inside_the_service() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\ntype = \"notify\"\nnotify-access = \"all\"\ntimeout-stop-sec = \"500ms\"\n\
         exec-start = \"@actor@ as=x leave notify=READY=1 obey\"\n",
    );
    world.start();
    let child = world.event("x-child", "left").pid;
    world.event("x", "obeys");
    // A process that is none of ours is never taken.
    let stranger = std::process::id();
    world.order("x", &format!("notify=MAINPID={stranger}|STATUS=theirs"));
    world.event("x", "did");
    world.until("StatusText is theirs", || {
        world.show("x.service", "StatusText") == "theirs"
    });
    assert_ne!(world.show("x.service", "MainPID"), stranger.to_string());
    world.order("x", &format!("notify=MAINPID={child}"));
    world.event("x", "did");
    let old = world.main_process("x.service");
    world.order("x", "exit=0");
    assert!(old.gone_within(std::time::Duration::from_secs(30)));
    let now = || world.show("x.service", "MainPID");
    world.until("another main process", || now() != old.pid.to_string());
    assert_eq!(now(), child.to_string());
    assert_eq!(world.show("x.service", "ActiveState"), "active");
}

#[test]
fn the_watchdog_bites_who_stops_barking() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\ntype = \"notify\"\nwatchdog-sec = \"1s\"\nrestart = \"on-watchdog\"\nrestart-sec = 0\n\
         exec-start = \"@actor@ as=x facts notify=READY=1 tell=up notify=WATCHDOG=1 pause\"\n",
    );
    world.start();
    let first = world.event("x", "up");
    let facts = world.event("x", "facts").detail;
    assert_eq!(text(&facts, "environment", "WATCHDOG_USEC"), "1000000");
    assert_eq!(
        text(&facts, "environment", "WATCHDOG_PID"),
        first.pid.to_string()
    );
    let second = world.event("x", "up");
    assert_ne!(first.pid, second.pid);
    assert!(second.at - first.at >= std::time::Duration::from_millis(900));
}

#[test]
fn a_start_that_takes_too_long() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nautostart = false\ntype = \"notify\"\ntimeout-start-sec = \"500ms\"\nexec-start = \"@actor@ as=x tell=up pause\"\n",
    );
    world.unit(
        "y.toml",
        "[service]\nautostart = false\ntype = \"notify\"\ntimeout-start-sec = \"500ms\"\n\
         exec-start = \"@actor@ as=y notify=EXTEND_TIMEOUT_USEC=60000000 tell=up obey\"\n",
    );
    world.start();
    assert_eq!(world.ctl(&["start", "x"]).code, 1);
    assert_eq!(world.show("x.service", "Result"), "timeout");
    world.ctl(&["start", "--no-block", "y"]).ok();
    let up = world.event("y", "obeys");
    while up.at.elapsed() < std::time::Duration::from_millis(900) {
        assert_eq!(world.show("y.service", "ActiveState"), "activating");
    }
    world.order("y", "notify=READY=1");
    world.wait_for("y.service", "ready");
}

#[test]
fn descriptors_are_kept_between_runs() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\ntype = \"notify\"\nfile-descriptor-store-max = 2\n\
         exec-start = \"@actor@ as=x facts notify=READY=1 obey\"\n",
    );
    world.start();
    world.event("x", "obeys");
    let facts = world.event("x", "facts").detail;
    assert!(facts["environment"].get("LISTEN_FDS").is_none(), "{facts}");
    world.order("x", "store=treasure");
    world.event("x", "did");
    // The manager has read it when the count says so.
    world.until("NFileDescriptorStore is 1", || {
        world.show("x.service", "NFileDescriptorStore") == "1"
    });
    world.ctl(&["restart", "x"]).ok();
    let event = world.event("x", "facts");
    assert_eq!(text(&event.detail, "environment", "LISTEN_FDS"), "1");
    assert_eq!(
        text(&event.detail, "environment", "LISTEN_FDNAMES"),
        "treasure"
    );
    assert_eq!(
        text(&event.detail, "environment", "LISTEN_PID"),
        event.pid.to_string()
    );
    assert!(
        text(&event.detail, "descriptors", "3").ends_with("/actor"),
        "{}",
        event.detail
    );
    world.event("x", "obeys");
    world.order("x", "notify=FDSTOREREMOVE=1|FDNAME=treasure");
    world.event("x", "did");
    world.until("NFileDescriptorStore is 0", || {
        world.show("x.service", "NFileDescriptorStore") == "0"
    });
}

#[test]
fn restart_policies() {
    // What ends the service, and under which policies it comes back (systemd.service(5), table).
    let table = [
        ("exit=0", "always on-success"),
        ("exit=1", "always on-failure"),
        ("exit=42", "always on-success"), // in success-exit-status
        ("raise=TERM", "always on-success"),
        ("raise=KILL", "always on-failure on-abnormal on-abort"),
    ];
    let policies = [
        "no",
        "always",
        "on-success",
        "on-failure",
        "on-abnormal",
        "on-abort",
        "on-watchdog",
    ];
    let mut world = World::new();
    for (number, (step, _)) in table.iter().enumerate() {
        for policy in policies {
            world.unit(
                &format!("x{number}-{policy}.toml"),
                &format!(
                    "[service]\nautostart = false\nrestart = \"{policy}\"\nrestart-sec = 0\nstart-limit-burst = 2\n\
                     start-limit-interval-sec = \"10min\"\nsuccess-exit-status = 42\n\
                     exec-start = \"@actor@ as=x{number}-{policy} tell=up {step}\"\n"
                ),
            );
        }
    }
    world.start();
    for (number, (_, comes_back)) in table.iter().enumerate() {
        for policy in policies {
            let unit = format!("x{number}-{policy}.service");
            world.ctl(&["start", &unit]).ok();
            world.wait_for(&unit, "inactive");
            let expected = comes_back.split(' ').any(|word| word == policy);
            let tag = unit.trim_end_matches(".service");
            for _ in 0..if expected { 2 } else { 1 } {
                world.event(tag, "up");
            }
        }
    }
    // Nobody ran more often.
    assert_eq!(world.heard().len(), 0, "{:?}", world.heard());
}

#[test]
fn back_off_grows() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nrestart = \"always\"\nrestart-sec = \"50ms\"\nrestart-steps = 3\nrestart-max-delay-sec = \"1s\"\nstart-limit-burst = 0\n\
         exec-start = \"@actor@ as=x tell=up exit=1\"\n",
    );
    world.start();
    let ups: Vec<_> = (0..5).map(|_| world.event("x", "up").at).collect();
    let gaps: Vec<_> = ups
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_millis())
        .collect();
    assert!(gaps[0] >= 50 && gaps[3] >= 1000, "{gaps:?}");
    assert!(gaps.is_sorted(), "{gaps:?}");
    assert_ne!(world.show("x.service", "NRestarts"), "0");
}

#[test]
fn dependencies_follow_each_other() {
    let mut world = World::new();
    let actor = |name: &str| {
        format!("exec-start = \"@actor@ as={name} hold=TERM tell=up await tell=down\"\n")
    };
    world.unit("base.toml", &format!("[service]\n{}", actor("base")));
    world.unit(
        "bound.toml",
        &format!(
            "[service]\nbinds-to = [\"base.service\"]\nafter = [\"base.service\"]\n{}",
            actor("bound")
        ),
    );
    world.unit(
        "part.toml",
        &format!("[service]\npart-of = [\"base.service\"]\n{}", actor("part")),
    );
    world.unit(
        "wants.toml",
        &format!("[service]\nwants = [\"base.service\"]\n{}", actor("wants")),
    );
    world.unit(
        "rival.toml",
        &format!(
            "[service]\nautostart = false\nconflicts = [\"wants.service\"]\n{}",
            actor("rival")
        ),
    );
    world.start();
    for tag in ["base", "bound", "part", "wants"] {
        world.event(tag, "up");
    }
    world.ctl(&["restart", "base"]).ok();
    for tag in ["base", "part"] {
        world.event(tag, "down");
        world.event(tag, "up");
    }
    world.event("bound", "down");
    world.ctl(&["start", "bound"]).ok();
    world.event("bound", "up");
    // Ends by itself: who is bound goes too, who is only a part stays.
    world.main_process("base.service").signal(libc::SIGTERM);
    world.event("base", "down");
    world.event("bound", "down");
    assert_eq!(world.show("part.service", "ActiveState"), "active");
    world.ctl(&["start", "rival"]).ok();
    world.event("wants", "down");
    world.event("rival", "up");
    world.ctl(&["start", "wants"]).ok();
    world.event("rival", "down");
}

#[test]
fn on_failure_calls_for_help() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\non-failure = [\"help@%n.service\"]\nexec-start = \"@actor@ as=x exit=1\"\n",
    );
    world.unit(
        "help@.toml",
        "[service]\ntype = \"oneshot\"\nexec-start = \"@actor@ as=help tell=%i\"\n",
    );
    world.start();
    world.event("help", "x.service");
}

#[test]
fn signals_by_command() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nkill-signal = \"SIGUSR1\"\nexec-start = \"@actor@ as=x hold=HUP,USR1 tell=up await tell=next await\"\n",
    );
    world.start();
    world.event("x", "up");
    world.ctl(&["kill", "--signal=HUP", "x"]).ok();
    assert_eq!(world.event("x", "signal").detail, "SIGHUP");
    world.event("x", "next");
    world.ctl(&["stop", "x"]).ok();
    assert_eq!(world.event("x", "signal").detail, "SIGUSR1");
}

#[test]
fn killed_as_a_whole_time_and_again() {
    // Each time by way of its control group, where there are any: what was killed so takes
    // newcomers badly, and a start into it must neither die nor be taken for a success.
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nrestart = \"always\"\nrestart-sec = 0\nexec-start = \"@actor@ as=x tell=up pause\"\n\
         exec-stop-post = \"@actor@ as=x tell=post\"\n",
    );
    world.start();
    for _ in 0..3 {
        world.event("x", "up");
        world.ctl(&["kill", "--signal=KILL", "x"]).ok();
        world.event("x", "post");
    }
    world.event("x", "up");
    assert_eq!(world.show("x.service", "NRestarts"), "3");
    world.ctl(&["stop", "x"]).ok();
}
