//! What services write is kept: in files, in the ring, on the console.
#![allow(clippy::panic, reason = "what helps a test fails it by panicking")]

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};
use tests::World;

/// The numbers of the lines `TAG NUMBER` in a text, in order.
fn numbers(text: &str) -> Vec<u64> {
    text.lines()
        .map(|line| {
            let number = line.rsplit_once(' ').map(|(_, number)| number.parse());
            number
                .and_then(Result::ok)
                .unwrap_or_else(|| panic!("a torn line: {line:?}"))
        })
        .collect()
}

#[test]
fn a_file_gets_every_line_once() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\ntype = \"oneshot\"\nlog-file = \"@dir@/x.log\"\nexec-start = \"@actor@ as=x lines=50000\"\n",
    );
    world.start();
    world.event("x", "lines");
    world.stop();
    let text = std::fs::read_to_string(world.path("x.log")).unwrap();
    assert_eq!(numbers(&text), (0..50_000).collect::<Vec<_>>());
    let metadata = std::fs::metadata(world.path("x.log")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o640);
}

#[test]
fn rotation_loses_nothing_and_keeps_within_bounds() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\ntype = \"oneshot\"\nlog-file = \"@dir@/x.log\"\nlog-max-size = \"64K\"\nlog-backups = 20\n\
         exec-start = \"@actor@ as=x lines=50000\"\n",
    );
    world.unit(
        "y.toml",
        "[service]\ntype = \"oneshot\"\nlog-file = \"@dir@/y.log\"\nlog-max-size = \"32K\"\nlog-backups = 2\n\
         exec-start = \"@actor@ as=y lines=20000\"\n",
    );
    world.start();
    world.event("x", "lines");
    world.event("y", "lines");
    world.stop();
    let mut text = String::new();
    for number in (1..=20).rev() {
        if let Ok(part) = std::fs::read_to_string(world.path(&format!("x.log.{number}"))) {
            assert!(
                part.len() <= 64 << 10,
                "x.log.{number} has {} bytes",
                part.len()
            );
            text += &part;
        }
    }
    text += &std::fs::read_to_string(world.path("x.log")).unwrap();
    assert_eq!(numbers(&text), (0..50_000).collect::<Vec<_>>());
    assert!(world.path("y.log.2").exists() && !world.path("y.log.3").exists());
}

#[test]
fn a_truncated_file_goes_on_at_its_start() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nlog-file = \"@dir@/x.log\"\nexec-start = \"@actor@ as=x lines=1000 obey\"\n",
    );
    world.start();
    world.event("x", "obeys");
    // `logs` hands out what was written before it was asked.
    assert_eq!(
        world.ctl(&["logs", "-n", "1", "x"]).ok().trim(),
        "x 00000999"
    );
    std::fs::File::options()
        .write(true)
        .open(world.path("x.log"))
        .unwrap()
        .set_len(0)
        .unwrap();
    world.order("x", "print=after 1");
    world.event("x", "did");
    assert_eq!(world.ctl(&["logs", "-n", "1", "x"]).ok().trim(), "after 1");
    assert_eq!(
        std::fs::read_to_string(world.path("x.log")).unwrap(),
        "after 1\n"
    );
}

#[test]
fn owner_and_mode_of_a_log_file() {
    tests::needs_root();
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\ntype = \"oneshot\"\nuser = \"nobody\"\nlog-file = \"@dir@/x.log\"\nlog-mode = \"0600\"\nexec-start = \"/bin/echo hello\"\n",
    );
    world.unit(
        "y.toml",
        "[service]\ntype = \"oneshot\"\nlog-owner = \"daemon\"\nlog-file = \"@dir@/y.log\"\nexec-start = \"/bin/echo hello\"\n",
    );
    world.start();
    world.stop();
    let x = std::fs::metadata(world.path("x.log")).unwrap();
    assert_eq!((x.uid(), x.permissions().mode() & 0o7777), (65534, 0o600));
    let y = std::fs::metadata(world.path("y.log")).unwrap();
    assert_eq!(y.uid(), 1);
}

#[test]
fn errors_can_have_a_file_of_their_own() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\ntype = \"oneshot\"\nlog-file = \"@dir@/out.log\"\nerror-log-file = \"@dir@/err.log\"\n\
         exec-start = \"@actor@ as=x print=out eprint=err\"\n",
    );
    world.unit(
        "y.toml",
        "[service]\ntype = \"oneshot\"\nlog-file = \"@dir@/both.log\"\nexec-start = \"@actor@ as=y print=out eprint=err\"\n",
    );
    world.start();
    world.stop();
    let read = |name: &str| std::fs::read_to_string(world.path(name)).unwrap();
    assert_eq!(read("out.log"), "out\n");
    assert_eq!(read("err.log"), "err\n");
    assert_eq!(read("both.log"), "out\nerr\n");
}

#[test]
fn the_child_may_own_its_file() {
    let mut world = World::new();
    std::fs::write(world.path("append.log"), "before\n").unwrap();
    std::fs::write(world.path("truncate.log"), "before\n").unwrap();
    for kind in ["append", "truncate", "file"] {
        world.unit(
            &format!("{kind}.toml"),
            &format!("[service]\ntype = \"oneshot\"\nstandard-output = \"{kind}:@dir@/{kind}.log\"\nexec-start = \"/bin/echo hello\"\n"),
        );
    }
    world.unit("null.toml", "[service]\ntype = \"oneshot\"\nstandard-output = \"null\"\nexec-start = \"/bin/echo hello\"\n");
    world.start();
    world.stop();
    let read = |name: &str| std::fs::read_to_string(world.path(name)).unwrap();
    assert_eq!(read("append.log"), "before\nhello\n");
    assert_eq!(read("truncate.log"), "hello\n");
    assert_eq!(read("file.log"), "hello\n");
    assert!(
        !world
            .console()
            .iter()
            .any(|line| line.contains("null.service[") && line.ends_with("hello"))
    );
}

#[test]
fn the_console_says_who_speaks() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nexec-start = \"@actor@ as=x print=hello eprint=oops tell=up pause\"\n",
    );
    world.start();
    let pid = world.event("x", "up").pid;
    world.console_line("its line", |line| {
        line == format!("x.service[{pid}]: hello")
    });
    world.console_line("its error", |line| {
        line == format!("x.service[{pid}]: oops")
    });
}

#[test]
fn the_console_in_json() {
    let mut world = World::new();
    world.arguments(&["--log-format", "json"]);
    world.unit(
        "x.toml",
        "[service]\nexec-start = '@actor@ as=x \"print=quote \\\" and \\t tab\" tell=up pause'\n",
    );
    world.start();
    let pid = world.event("x", "up").pid;
    let line = world.console_line("its line", |line| line.contains("quote"));
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["unit"], "x.service");
    assert_eq!(value["pid"], pid);
    assert_eq!(value["message"], "quote \" and \t tab");
    for line in world.console() {
        assert!(
            serde_json::from_str::<serde_json::Value>(&line).is_ok(),
            "no JSON: {line}"
        );
    }
}

#[test]
fn the_daemon_s_own_log_to_a_file() {
    let mut world = World::new();
    world.arguments(&["--log-target", "file:@dir@/own.log"]);
    world.unit(
        "x.toml",
        "[service]\nexec-start = \"@actor@ as=x print=hello tell=up pause\"\n",
    );
    world.start();
    world.event("x", "up");
    world.stop();
    let text = std::fs::read_to_string(world.path("own.log")).unwrap();
    assert!(text.contains("x.service"), "{text}");
    assert!(text.contains("hello"), "{text}");
}

#[test]
fn logs_from_the_ring() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nexec-start = \"@actor@ as=x lines=10000 tell=up obey\"\n",
    );
    world.unit(
        "y.toml",
        "[service]\nexec-start = \"@actor@ as=y print=y_1 obey\"\n",
    );
    world.start();
    world.event("x", "obeys");
    world.event("y", "obeys");
    // A line is in the ring right after it was shown.
    world.console_line("the last of x", |line| line.contains("x 00009999"));
    world.console_line("that of y", |line| line.contains("y_1"));
    let tail = world.ctl(&["logs", "-n", "100", "x"]).ok();
    assert_eq!(numbers(&tail), (9_900..10_000).collect::<Vec<_>>());
    let both = world.ctl(&["logs", "-n", "1", "x", "y"]).ok();
    assert!(
        both.contains("x 00009999") && both.contains("y_1"),
        "{both}"
    );
    assert!(both.contains("y.service"), "{both}");
    // The ring outlives the service, and its restart.
    world.ctl(&["stop", "y"]).ok();
    assert!(world.ctl(&["logs", "y"]).ok().contains("y_1"));
}

#[test]
fn following() {
    use std::io::BufRead;
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nexec-start = \"@actor@ as=x print=first obey\"\n",
    );
    world.start();
    world.event("x", "obeys");
    let mut child = world
        .ctl_command(&["logs", "-f", "x"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "first");
    world.order("x", "print=second");
    assert_eq!(lines.next().unwrap().unwrap(), "second");
    // Across a manager that is killed: nothing missed, nothing twice.
    world.kill_manager();
    world.order("x", "print=third");
    assert_eq!(lines.next().unwrap().unwrap(), "third");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_full_disk_stops_no_service() {
    let mut world = World::new();
    // /dev/full says what a full disk says.
    world.unit(
        "x.toml",
        "[service]\nlog-file = \"/dev/full\"\nexec-start = \"@actor@ as=x lines=20000 tell=up obey\"\n",
    );
    world.unit(
        "y.toml",
        "[service]\nlog-file = \"@dir@/no/such/directory/y.log\"\nexec-start = \"@actor@ as=y lines=20000 tell=up obey\"\n",
    );
    world.start();
    for tag in ["x", "y"] {
        world.event(tag, "obeys");
        world.console_line("the trouble", |line| {
            line.contains(&format!("{tag}.service"))
        });
        let last = || world.ctl(&["logs", "-n", "1", tag]).ok();
        world.until("the last line", || last().contains("00019999"));
    }
}

/// Takes a file system away again.
struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Given up for now, the disk has the lines kept for it where they are: who follows sees them, a
/// manager that is killed takes none along, and when there is room again the file has each once.
#[test]
fn a_disk_that_is_full_for_a_while_loses_no_line() {
    use std::io::BufRead;
    tests::needs_root();
    let mut world = World::new();
    let disk = world.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(&disk)
        .status();
    assert!(mount.unwrap().success());
    let disk = Mounted(disk);
    let ballast = disk.0.join("ballast");
    let mut full = std::fs::File::create(&ballast).unwrap();
    while std::io::Write::write_all(&mut full, &[0; 4096]).is_ok() {}
    drop(full);
    world.unit(
        "x.toml",
        "[service]\nlog-file = \"@dir@/disk/x.log\"\nexec-start = \"@actor@ as=x print=first obey\"\n",
    );
    world.start();
    world.event("x", "obeys");
    world.console_line("the trouble", |line| line.contains("x.service"));
    let mut follower = world
        .ctl_command(&["logs", "-f", "x"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(follower.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "first");
    world.order("x", "print=second");
    assert_eq!(lines.next().unwrap().unwrap(), "second");
    assert_eq!(world.ctl(&["logs", "-n", "9", "x"]).ok(), "first\nsecond\n");
    world.kill_manager();
    world.order("x", "print=third");
    assert_eq!(lines.next().unwrap().unwrap(), "third");
    std::fs::remove_file(&ballast).unwrap();
    let text = || std::fs::read_to_string(disk.0.join("x.log")).unwrap_or_default();
    world.until("the last line", || text().contains("third"));
    world.order("x", "print=fourth");
    world.until("a line after it", || text().contains("fourth"));
    assert_eq!(text(), "first\nsecond\nthird\nfourth\n");
    assert_eq!(lines.next().unwrap().unwrap(), "fourth");
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[test]
fn a_child_that_outlives_its_service_is_still_heard() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[service]\nkill-mode = \"process\"\nlog-file = \"@dir@/x.log\"\nexec-start = \":/bin/sh -c '(read -r line < @dir@/go; echo late) & exit 0'\"\n",
    );
    nix::unistd::mkfifo(&world.path("go"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    world.start();
    world.wait_for("x.service", "inactive");
    std::fs::write(world.path("go"), "go\n").unwrap();
    let text = || std::fs::read_to_string(world.path("x.log")).unwrap_or_default();
    world.until("the late line", || text().contains("late"));
}

#[test]
fn the_journal() {
    let mut world = World::new();
    let journal = tests::Journal::of(&mut world);
    world.unit(
        "x.toml",
        "[service]\nstandard-output = \"journal\"\nexec-start = \"@actor@ as=x print=hello print=<3>bad obey\"\n",
    );
    world.start();
    let pid = world.event("x", "obeys").pid.to_string();
    let find = |message: &str| {
        let wanted =
            |entry: &tests::Entry| entry.get("MESSAGE").is_some_and(|text| text == message);
        world.until(message, || journal.entries().iter().any(wanted));
        journal.entries().into_iter().find(wanted).unwrap()
    };
    let hello = find("hello");
    assert_eq!(
        hello.get("UNIT").map(String::as_str),
        Some("x.service"),
        "{hello:?}"
    );
    assert_eq!(
        hello.get("PRIORITY").map(String::as_str),
        Some("6"),
        "{hello:?}"
    );
    assert!(hello.values().any(|value| *value == pid), "{hello:?}");
    assert_eq!(find("bad").get("PRIORITY").map(String::as_str), Some("3"));
    // The ring has it too.
    assert!(world.ctl(&["logs", "x"]).ok().contains("hello"));
}

/// Containers know users by number only: the number is who runs and who owns the file.
#[test]
fn a_user_who_is_only_a_number_has_a_log_file() {
    tests::needs_root();
    let mut world = World::new();
    let log = world.path("numbered.log");
    world.unit(
        "a.toml",
        &format!(
            "[service]\ntype = \"oneshot\"\nautostart = false\nlog-file = {log:?}\n\
             user = \"61234\"\ngroup = \"61235\"\nexec-start = \"/bin/sh -c 'id -u; id -g'\""
        ),
    );
    world.unit(
        "b.toml",
        &format!(
            "[service]\ntype = \"exec\"\nautostart = false\nlog-file = {log:?}\n\
             user = \"61234\"\nexec-start = \"/bin/true\""
        ),
    );
    world.start();
    world.ctl(&["start", "a.service"]).ok();
    world.until("both lines", || {
        std::fs::read_to_string(&log).is_ok_and(|text| text == "61234\n61235\n")
    });
    let file = std::fs::metadata(&log).unwrap();
    assert_eq!((file.uid(), file.gid()), (61234, 61235));
    // Which group it would have nobody says: as systemd, and in a sentence.
    assert_eq!(world.ctl(&["start", "b.service"]).code, 1);
    assert_eq!(world.show("b.service", "ExecMainStatus"), "217");
    let failure = world.show("b.service", "Failure");
    assert!(failure.contains("no group is set"), "{failure}");
}
