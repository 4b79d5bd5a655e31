//! Debian's journald as a unit, beside the real systemd: what services and their tools write is found
//! under their names, and a journald that is killed loses none of it.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking: what it was asked for is not there"
)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;
use tests::{Init, Machine};

/// systemd's own files.
const DEBIANS: [&str; 4] = [
    "systemd-journald.service",
    "systemd-journald.socket",
    "systemd-journald-dev-log.socket",
    "systemd-journald-audit.socket",
];

/// Those that write: over their standard output, which the init reads or not, over a stream of their
/// own, and by either protocol of datagrams.
const UNITS: &[(&str, &str)] = &[
    (
        "chat.service",
        "[Service]\nSyslogIdentifier=chat\nExecStartPre=mkfifo /run/chat\n\
         ExecStart=/bin/sh -c 'exec <>/run/chat; while read line; do echo \"$line\"; done'\n",
    ),
    (
        "stream.service",
        "[Service]\nExecStartPre=mkfifo /run/stream\n\
         ExecStart=systemd-cat -t stream \
         /bin/sh -c 'exec <>/run/stream; while read line; do echo \"$line\"; done'\n",
    ),
    (
        "brief.service",
        "[Service]\nType=oneshot\nUser=daemon\nSyslogIdentifier=brief\n\
         ExecStart=/bin/echo gone when this is read\n",
    ),
    (
        "syslog.service",
        "[Service]\nType=oneshot\nExecStart=logger -t syslog to the old socket\n",
    ),
    (
        "native.service",
        "[Service]\nType=oneshot\nExecStart=/bin/sh -c \
         'printf \"MESSAGE=to the new one\\\\nSYSLOG_IDENTIFIER=native\\\\nCOLOUR=blue\\\\n\" | logger --journald'\n",
    ),
];

fn boot(init: Init) -> Machine {
    let units = tempfile::tempdir().unwrap();
    for name in DEBIANS {
        let from = Path::new("/lib/systemd/system").join(name);
        fs::copy(from, units.path().join(name)).unwrap();
    }
    for (name, text) in UNITS {
        fs::write(units.path().join(name), text).unwrap();
    }
    let wanted = units.path().join("default.target.wants");
    fs::create_dir(&wanted).unwrap();
    for name in ["systemd-journald.service", "chat.service", "stream.service"] {
        symlink(format!("../{name}"), wanted.join(name)).unwrap();
    }
    // What it does not support of journald's file it warns of, in the journal.
    let options = [
        "--systemd-compat=yes",
        "--log-target=journal",
        "--ignore-unsupported",
    ];
    Machine::boot_with(init, units.path(), None, &options)
}

/// A machine, and what it has answered.
struct Story {
    machine: Machine,
    answers: Vec<String>,
}

impl Story {
    #[track_caller]
    fn run(&self, words: &[&str]) -> String {
        let outcome = self.machine.run(words);
        assert_eq!(
            outcome.code,
            0,
            "{words:?}: {outcome:?}\n{}",
            self.machine.console()
        );
        outcome.stdout
    }

    fn main_pid(&self, unit: &str) -> String {
        let shown = self.run(&["systemctl", "show", "-P", "MainPID", unit]);
        shown.trim().to_owned()
    }

    fn journal(&self, words: &[&str]) -> String {
        let all = [&["journalctl", "--quiet", "--no-pager"], words].concat();
        self.machine.run(&all).stdout
    }

    /// Waits until these are the messages of this name, in this order.
    #[track_caller]
    fn hears(&self, words: &[&str], expected: &str) {
        let heard = || self.journal(&[words, &["--output=cat"]].concat());
        let what = format!("{words:?} gives {expected:?}");
        self.machine.until(&what, || heard() == expected);
    }

    /// Gives a service a line to write.
    fn tell(&self, service: &str, line: &str) {
        let script = format!("echo '{line}' >/run/{service}");
        self.run(&["sh", "-c", &script]);
    }

    /// The newest entry of a unit, of what does not differ from run to run.
    fn entry(&mut self, unit: &str) {
        let words = [
            "--unit",
            unit,
            "--identifier",
            unit,
            "--output=json",
            "--lines=1",
        ];
        let entry: Value = serde_json::from_str(&self.journal(&words)).unwrap();
        for field in [
            "MESSAGE",
            "PRIORITY",
            "SYSLOG_IDENTIFIER",
            "SYSLOG_FACILITY",
            "COLOUR",
            "_SYSTEMD_UNIT",
        ] {
            self.answers
                .push(format!("{unit} {field} {}", entry[field]));
        }
    }

    fn whose(&mut self, unit: &str) {
        let words = [
            "--unit",
            unit,
            "--identifier",
            unit,
            "--output=json",
            "--lines=1",
        ];
        let entry: Value = serde_json::from_str(&self.journal(&words)).unwrap();
        let is_main = entry["_PID"] == self.main_pid(unit);
        let run = self.run(&["systemctl", "show", "-P", "InvocationID", unit]);
        let is_run = entry["_SYSTEMD_INVOCATION_ID"] == run.trim();
        let rest = ["_COMM", "_UID", "_EXE"].map(|field| entry[field].to_string());
        let answer = format!("{unit}: of its process {is_main}, of its run {is_run}, {rest:?}");
        self.answers.push(answer);
    }

    /// What `systemctl status` shows of the log.
    fn status(&mut self, unit: &str) {
        let pid = self.main_pid(unit);
        let text = self.machine.systemctl(&["status", unit]).stdout;
        let written = format!(" {unit}[{pid}]: ");
        let lines = text.lines().filter_map(|line| line.split_once(&written));
        self.answers
            .extend(lines.map(|(_, text)| format!("status {unit}: {text}")));
    }

    /// Kills journald while lines wait for it, and waits for the next one.
    #[track_caller]
    fn kill_journald(&self, meanwhile: impl FnOnce()) {
        let pid = self.main_pid("systemd-journald");
        self.run(&["kill", "-STOP", &pid]);
        meanwhile();
        self.run(&["kill", "-KILL", &pid]);
        self.machine.until("another journald runs", || {
            let shown = |property| {
                let words = ["show", "systemd-journald", "-P", property];
                self.machine.systemctl(&words).stdout.trim().to_owned()
            };
            shown("ActiveState") == "active" && ![&pid, "0"].contains(&&*shown("MainPID"))
        });
    }
}

fn story(init: Init) -> Story {
    let mut story = Story {
        machine: boot(init),
        answers: Vec::new(),
    };
    for service in ["chat", "stream"] {
        story.tell(service, "<4>hello");
        let whose = ["--unit", service, "--identifier", service];
        story.hears(&whose, "hello\n");
        story.entry(service);
        story.whose(service);
    }
    story.status("chat");
    for service in ["brief", "syslog", "native"] {
        story.run(&["systemctl", "start", service]);
    }
    story.hears(&["--identifier=brief"], "gone when this is read\n");
    // The processes of the others may be gone before anybody can tell whose they were: under systemd too.
    story.hears(
        &["--unit=brief", "--identifier=brief"],
        "gone when this is read\n",
    );
    story.hears(&["--identifier=syslog"], "to the old socket\n");
    story.hears(&["--identifier=native", "COLOUR=blue"], "to the new one\n");

    let mut expected = "hello\n".to_owned();
    // Not more often: neither init starts it more than five times in ten seconds.
    for is_killed in [false, true, false, true] {
        let line = format!("line {}", expected.lines().count());
        let write = || {
            story.tell("chat", &line);
            story.tell("stream", &line);
            story.run(&["logger", "-t", "tool", &line]);
        };
        match is_killed {
            false => write(),
            true => story.kill_journald(write),
        }
        expected += &format!("{line}\n");
    }
    story.hears(&["--unit=chat", "--identifier=chat"], &expected);
    story.hears(&["--unit=stream", "--identifier=stream"], &expected);
    let of_tool = expected.replace("hello\n", "");
    story.hears(&["--identifier=tool"], &of_tool);
    story
}

#[test]
fn as_under_systemd() {
    let (systemd, runnerd) = std::thread::scope(|scope| {
        let other = scope.spawn(|| story(Init::Systemd));
        let ours = story(Init::Runnerd);
        (other.join().unwrap(), ours)
    });
    assert_eq!(runnerd.answers, systemd.answers);

    // What the init itself has to say is there from its first line on, and found beside the unit's.
    let own = runnerd.journal(&[
        "--unit=chat",
        "--identifier=runnerd",
        "--priority=info",
        "--output=cat",
    ]);
    assert_eq!(own, "starting chat.service\nstarted chat.service\n");
    let first = runnerd.journal(&["--identifier=runnerd", "--output=cat"]);
    assert!(
        first.contains("listening on /run/systemd/journal/socket"),
        "{first}"
    );
    assert!(!first.contains("missing"), "{first}");
    assert_eq!(runnerd.machine.console(), "");

    // Both at once, journald and who starts it again.
    runnerd.kill_journald(|| {
        runnerd.tell("chat", "to nobody");
        runnerd.run(&["pkill", "-KILL", "-P", "1", "-x", "runnerd"]);
        runnerd.tell("stream", "to nobody either");
    });
    let last = |service: &str| {
        let words = ["--unit", service, "--identifier", service, "--lines=1"];
        runnerd.journal(&[&words[..], &["--output=cat"]].concat())
    };
    runnerd.machine.until("all of it is there", || {
        last("chat") == "to nobody\n" && last("stream") == "to nobody either\n"
    });

    // Without a journald its services go on; without its sockets we say on the console what there is.
    let stop = "systemctl stop systemd-journald.service systemd-journald.socket \
                systemd-journald-dev-log.socket systemd-journald-audit.socket";
    runnerd.run(&["sh", "-c", stop]);
    runnerd.run(&["systemctl", "start", "brief"]);
    runnerd.machine.until("it is said on the console", || {
        runnerd.machine.console().contains("started brief.service")
    });
}
