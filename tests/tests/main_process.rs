//! A service that names its main process by descriptor (`MAINPIDFD=1`).
#![allow(clippy::unwrap_used, reason = "tests")]

use tests::World;

/// A parent that names its child, and ends when the child has been adopted: its own end is not the
/// service's then.
const PARENT: &str = r#"
import array, os, signal, socket, sys, time
child = os.fork()
if child == 0:
    os.setsid()
    signal.pause()
fd = os.pidfd_open(child)
bus = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
bus.connect(os.environ["NOTIFY_SOCKET"])
rights = array.array("i", [fd])
bus.sendmsg([b"READY=1\nMAINPIDFD=1"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
print(child, flush=True)
"#;

#[test]
fn a_descriptor_names_the_main_process() {
    let mut world = World::new();
    let script = world.path("parent.py");
    std::fs::write(&script, PARENT).unwrap();
    let log = world.path("log");
    world.unit(
        "a.toml",
        &format!(
            "[service]\ntype = \"notify\"\nautostart = false\nlog-file = {log:?}\n\
             exec-start = \"/usr/bin/python3 {}\"",
            script.display()
        ),
    );
    world.start();
    world.ctl(&["start", "a.service"]).ok();
    let named = || std::fs::read_to_string(&log).unwrap_or_default();
    world.until("the child's number", || named().ends_with('\n'));
    world.until("the child is the main process", || {
        world.show("a.service", "MainPID") == named().trim()
    });
    assert_eq!(world.show("a.service", "ActiveState"), "active");
    world.ctl(&["stop", "a.service"]).ok();
    assert_eq!(world.show("a.service", "Result"), "success");
}
