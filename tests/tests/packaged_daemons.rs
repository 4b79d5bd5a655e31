//! Daemons as Debian ships them, run from their own unit files, of which no letter is changed: by
//! runnerd and by the real systemd, and both have to say the same of them.
//!
//! What is left of the protections that a unit asks for is said when it is loaded
//! (`--ignore-unsupported`). `packaged_daemons/NAME.sh` has what the packages' own scripts would
//! have prepared, and how somebody who needs the daemon asks it for something.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::path::{Path, PathBuf};

use tests::{Init, Machine, Outcome, repository};

/// A daemon's script, with what its first lines say.
struct Daemon {
    script: String,
    /// The unit files of the package, and of what it needs.
    units: Vec<String>,
    /// Another name of the first of them, as `enable` would link it.
    alias: Option<String>,
    /// The unit that is started.
    unit: String,
    /// Its configuration can be changed, and read again.
    reloads: bool,
}

impl Daemon {
    fn read(name: &str) -> Daemon {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packaged_daemons");
        let script = std::fs::read_to_string(directory.join(format!("{name}.sh"))).unwrap();
        let head = |key: &str| {
            let mut lines = script.lines();
            let line = lines.find_map(|line| line.strip_prefix("# ")?.strip_prefix(key));
            line.map(|value| value.trim().to_owned())
        };
        let units: Vec<String> = head("units:")
            .expect("which units")
            .split(' ')
            .map(str::to_owned)
            .collect();
        Daemon {
            alias: head("alias:"),
            unit: head("start:").unwrap_or_else(|| units[0].clone()),
            reloads: script.contains("\nchange()"),
            units,
            script,
        }
    }

    /// Copies the unit files into a directory.
    fn install(&self, to: &Path) {
        for unit in &self.units {
            let places = [
                unpacked().join("usr/lib/systemd/system"),
                "/lib/systemd/system".into(),
            ];
            let file = places.iter().map(|place| place.join(unit));
            let file = file.into_iter().find(|file| file.is_file());
            let file = file.unwrap_or_else(|| panic!("there is no {unit}: tests/run --set-up"));
            std::fs::copy(file, to.join(unit)).unwrap();
        }
        if let Some(alias) = &self.alias {
            std::os::unix::fs::symlink(&self.units[0], to.join(alias)).unwrap();
        }
    }
}

/// Where packages are unpacked that are not installed here.
fn unpacked() -> PathBuf {
    repository().join("target/daemons")
}

/// A daemon under one of the inits, and what was answered so far.
struct Run<'a> {
    machine: &'a Machine,
    daemon: &'a Daemon,
    answers: Vec<String>,
}

impl Run<'_> {
    fn note(&mut self, what: &str, answer: &str) {
        self.answers.push(format!("{what}: {}", answer.trim_end()));
    }

    fn call(&self, function: &str) -> Outcome {
        let script = format!("{}\n{function}", self.daemon.script);
        self.machine.run(&["bash", "-ec", &script])
    }

    /// What the daemon answers to whoever needs it.
    fn ask(&mut self) {
        let outcome = self.call("ask");
        let words = format!("{}{}", outcome.stdout, outcome.stderr);
        self.note("asked", &words);
    }

    /// Waits until it answers something else than before.
    fn ask_until_changed(&mut self) {
        let mut answer = String::new();
        self.machine.until("it answers something else", || {
            answer = self.call("ask").stdout;
            answer.contains("changed")
        });
        self.note("asked again", &answer);
    }

    fn verb(&mut self, verb: &str) {
        let outcome = self.machine.ctl(&[verb, &self.daemon.unit]);
        self.note(verb, &outcome.code.to_string());
    }

    fn property(&self, name: &str) -> String {
        let words = ["show", "--property", name, &self.daemon.unit];
        let outcome = self.machine.ctl(&words);
        let value = outcome.stdout.trim_end().split_once('=');
        value.map_or_else(String::new, |(_, value)| value.to_owned())
    }

    fn properties(&mut self, names: &[&str]) {
        for name in names {
            let value = self.property(name);
            self.note(name, &value);
        }
    }

    /// What the main process is, as far as the unit says. What no unit says is another matter:
    /// systemd leaves a soft limit of 1,024 open files, sets `LANG`, and hands on that the two
    /// signals of the C library are ignored.
    fn main_process(&mut self) -> String {
        let pid = self.property("MainPID");
        let look = format!(
            "tr '\\0' ' ' </proc/{pid}/cmdline && echo
            readlink /proc/{pid}/cwd /proc/{pid}/root
            grep -E '^(Uid|Gid|Groups|Umask|SigBlk):' /proc/{pid}/status
            ignored=$(sed -n 's/^SigIgn:[[:space:]]*//p' /proc/{pid}/status)
            printf 'ignored %x\\n' $((0x$ignored & 0x7fffffff))
            grep -E 'core file|processes' /proc/{pid}/limits
            awk '/open files/ {{ print $5 }}' /proc/{pid}/limits
            cat /proc/{pid}/oom_score_adj
            tr '\\0' '\\n' </proc/{pid}/environ |
                sed -n 's/^\\([A-Z_]*\\)=.*/\\1/p' | grep -vx LANG | sort"
        );
        let outcome = self.machine.run(&["sh", "-c", &look]);
        let words = format!("{}{}", outcome.stdout, outcome.stderr);
        self.note("main process", &words);
        pid
    }

    /// Waits until it is active: some say themselves that they are reloading, and when that is over.
    fn await_active(&self) {
        self.machine
            .until("it is active", || self.property("ActiveState") == "active");
    }
}

const STATE: &[&str] = &["ActiveState", "SubState", "Result"];

/// The life of a daemon under one of the inits.
fn live(init: Init, daemon: &Daemon) -> Vec<String> {
    let units = tempfile::tempdir().unwrap();
    daemon.install(units.path());
    let options = ["--ignore-unsupported"];
    let machine = Machine::boot_with(init, units.path(), Some(&unpacked()), &options);
    let mut run = Run {
        machine: &machine,
        daemon,
        answers: Vec::new(),
    };
    let prepared = run.call("prepare");
    assert_eq!(prepared.code, 0, "{}", prepared.stderr);

    run.verb("start");
    run.properties(STATE);
    run.properties(&["Type", "NRestarts", "StatusText", "PIDFile"]);
    run.ask();
    let first = run.main_process();
    if daemon.reloads {
        assert_eq!(run.call("change").code, 0);
        run.verb("reload");
        run.await_active();
        run.properties(STATE);
        run.ask_until_changed();
        let pid = run.property("MainPID");
        run.note("the same process", &(pid == first).to_string());
    }

    run.verb("restart");
    run.properties(STATE);
    run.ask();
    let second = run.property("MainPID");
    run.note("another process", &(second != first).to_string());

    run.verb("stop");
    run.properties(STATE);
    let gone = run.machine.run(&["test", "-e", &format!("/proc/{second}")]);
    run.note("process left", &(gone.code == 0).to_string());
    run.answers
}

/// The daemon lives under both, and says what it should.
#[track_caller]
fn runs_as_under_systemd(name: &str, answer: &str, changed: Option<&str>) {
    let daemon = Daemon::read(name);
    let (systemd, runnerd) = std::thread::scope(|scope| {
        let real = scope.spawn(|| live(Init::Systemd, &daemon));
        let ours = live(Init::Runnerd, &daemon);
        (real.join().expect("systemd's part"), ours)
    });
    assert_eq!(runnerd, systemd);
    let said = |what: &str, answer: &str| {
        let wanted = format!("{what}: {answer}");
        let times = runnerd.iter().filter(|said| **said == wanted).count();
        assert!(times > 0, "{wanted:?} is missing: {runnerd:#?}");
    };
    said("start", "0");
    said("asked", answer);
    said("ActiveState", "active");
    said("SubState", "running");
    assert_eq!(daemon.reloads, changed.is_some());
    if let Some(changed) = changed {
        said("reload", "0");
        said("asked again", changed);
        said("the same process", "true");
    }
    said("restart", "0");
    said("another process", "true");
    said("stop", "0");
    said("ActiveState", "inactive");
    said("SubState", "dead");
    said("process left", "false");
    let results = runnerd.iter().filter(|said| said.starts_with("Result: "));
    assert!(results.into_iter().all(|said| said == "Result: success"));
}

#[test]
fn nginx() {
    runs_as_under_systemd("nginx", "hello", Some("changed"));
}

#[test]
fn redis() {
    runs_as_under_systemd("redis", "OK\nhello", None);
}

#[test]
fn postgresql() {
    runs_as_under_systemd("postgresql", "\"$user\", public\n42", Some("changed\n42"));
}

#[test]
fn memcached() {
    runs_as_under_systemd("memcached", "STORED\nVALUE greeting 0 5\nhello\nEND", None);
}

#[test]
fn haproxy() {
    runs_as_under_systemd("haproxy", "hello\ntest OPEN", Some("changed\ntest OPEN"));
}

#[test]
fn cron() {
    runs_as_under_systemd("cron", "a job of root", None);
}

#[test]
fn rsyslog() {
    runs_as_under_systemd("rsyslog", "asker: hello", None);
}

#[test]
fn ssh() {
    runs_as_under_systemd("ssh", "hello on 22", Some("changed on 22"));
}

#[test]
fn chrony() {
    runs_as_under_systemd(
        "chrony",
        "Reference ID    : 7F7F0101 ()\nStratum         : 10",
        None,
    );
}
