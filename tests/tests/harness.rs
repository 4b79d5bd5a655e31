//! The harness itself, with a shell script in the daemon's place: what would make every other
//! test worthless is tested here.
#![allow(
    clippy::unwrap_used,
    reason = "what helps a test fails it by panicking"
)]

use std::os::unix::fs::PermissionsExt;
use tests::{Ended, World};

/// A world whose daemon is this script.
fn world(script: &str) -> World {
    let mut world = World::new();
    let path = world.path("stand-in");
    let notify = tests::tool("systemd-notify").display().to_string();
    let text = script.replace("READY", &format!("{notify} --ready"));
    std::fs::write(&path, format!("#!/bin/sh\n{}\n", world.fill(&text))).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    world.binary(&path);
    world
}

#[test]
fn actors_are_heard_and_obey() {
    let mut world = world(
        "trap 'kill $!; wait $!; exit 3' TERM\n@actor@ as=a tell=up facts hold=TERM obey &\nREADY\n\
         while :; do wait; done",
    );
    world.start();
    let up = world.event("a", "up");
    let facts = world.event("a", "facts");
    assert_eq!(facts.pid, up.pid);
    assert!(facts.detail["environment"]["NOTIFY_SOCKET"].is_string());
    world.event("a", "obeys");
    world.order("a", "print=hello");
    world.console_line("hello", |line| line == "hello");
    world.event("a", "did");
    world.order("a", "done");
    assert_eq!(world.stop(), Ended::Exited(3));
}

#[test]
fn two_worlds_do_not_meet() {
    let [one, two] = [(); 2].map(|()| World::new());
    assert_ne!(one.host(), two.host());
    assert_ne!(one.path(""), two.path(""));
}

#[test]
#[should_panic(expected = "left behind")]
fn what_is_left_behind_is_found() {
    let mut world = world("@actor@ as=a tell=up pause &\nREADY");
    world.start();
    world.event("a", "up");
    world.ended();
}

#[test]
#[should_panic(expected = "did not become ready")]
fn a_daemon_that_ends_is_not_waited_for() {
    world("exit 2").start();
}

#[test]
fn the_status_is_the_daemon_s() {
    let mut one = world("exit 42");
    one.launch();
    assert_eq!(one.ended(), Ended::Exited(42));
    let mut other = world("kill -SEGV $$");
    other.launch();
    assert_eq!(other.ended(), Ended::Killed(11));
}

#[test]
fn who_lingers_is_waited_for() {
    let mut world = world("@actor@ as=a tell=up hold=TERM await tell=down &\nREADY\nkill -KILL $$");
    world.linger();
    world.start();
    let pid = world.event("a", "up").pid;
    tests::Process::open(pid).unwrap().signal(libc::SIGTERM);
    world.event("a", "down");
    assert_eq!(world.ended(), Ended::Killed(9));
}

#[test]
fn every_step_does_what_it_says() {
    let mut world = world(
        "READY\n\
         @actor@ as=lines lines=3\n\
         @actor@ as=tick hold=TERM tell=up tick=100 exit=5 &\n\
         read -r go < @dir@/go\n\
         kill $!\nwait $!\necho tick $?\n\
         @actor@ as=old detach=@dir@/old.pid tell=up\nread -r go < @dir@/go\n\
         @actor@ as=lock lock=@dir@/lock tell=first\n\
         @actor@ as=dies raise=KILL\necho dies $?",
    );
    nix::unistd::mkfifo(&world.path("go"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    world.start();
    world.event("tick", "up");
    world.console_line("a tick", |line| line == "tick 00000003");
    std::fs::write(world.path("go"), "go\n").unwrap();
    let written = world.event("tick", "lines").detail.as_u64().unwrap();
    assert_eq!(world.event("tick", "signal").detail, "SIGTERM");
    let old = world.event("old", "up").pid;
    std::fs::write(world.path("go"), "go\n").unwrap();
    world.event("lock", "first");
    // Whoever detached has ended by now, and it wrote the file before that.
    assert_eq!(
        std::fs::read_to_string(world.path("old.pid")).unwrap(),
        format!("{old}\n")
    );
    assert_eq!(world.ended(), Ended::Exited(0));
    let console = world.console();
    let has = |line: &str| console.iter().any(|said| said == line);
    assert!(
        has("lines 00000002") && has("tick 5") && has("dies 137"),
        "{console:?}"
    );
    assert!(has(&format!("tick {:08}", written - 1)) && !has(&format!("tick {written:08}")));
}

/// The actor's HTTP server, passed a listener by the reference.
#[test]
fn actors_serve() {
    let mut world = world("READY\nexec @actor@ as=web facts hold=TERM serve exit=0");
    let tool = tests::tool("systemd-socket-activate").display().to_string();
    world.wrapper(&[
        &tool,
        "--listen=@host@:80",
        "-E",
        "NOTIFY_SOCKET=@dir@/ready",
    ]);
    world.launch();
    world.console_line("listening", |line| line.contains("Listening on"));
    let client = tests::Client::start(&format!("{}:80", world.host()), 200);
    world.event("web", "serving");
    assert!(
        tests::get(&format!("{}:80", world.host()))
            .unwrap()
            .contains("200 OK")
    );
    let tally = client.stop();
    assert!(tally.failed.is_empty(), "{:?}", tally.failed);
    assert_eq!(world.stop(), Ended::Exited(0));
}
