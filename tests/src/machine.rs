//! A machine: the real systemd, or runnerd, as process 1 of namespaces of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use crate::board::patience;
use crate::place::{needs_root, program};
use crate::world::Outcome;

/// What is process 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    /// The systemd that is installed here.
    Systemd,
    /// The runnerd under test.
    Runnerd,
}

impl Init {
    /// How it is called in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Init::Systemd => "systemd",
            Init::Runnerd => "runnerd",
        }
    }

    /// The program that talks to it.
    const fn client(self) -> &'static str {
        match self {
            Init::Systemd => "systemctl",
            Init::Runnerd => "/run/bin/runnerctl",
        }
    }
}

/// A booted init with its processes, mounts, network and cgroups; all of them end with this.
#[derive(Debug)]
pub struct Machine {
    init: Init,
    outer: Child,
    leash: Option<ChildStdin>,
    leader: u32,
    console: PathBuf,
}

/// How many seconds a command inside may take; then its status is 124.
const COMMAND_PATIENCE: u32 = 20;
/// Between two looks at what nobody reports.
const PAUSE: Duration = Duration::from_millis(20);

impl Machine {
    /// Boots with the unit files of a directory, which go to `/etc/systemd/system`, and waits
    /// until the default target is reached. Needs root.
    #[track_caller]
    pub fn boot(init: Init, units: &Path) -> Machine {
        Machine::boot_with(init, units, None, &[])
    }

    /// The same with files in `layer` that hide those of this machine, and with more options for
    /// runnerd.
    #[track_caller]
    pub fn boot_with(init: Init, units: &Path, layer: Option<&Path>, options: &[&str]) -> Machine {
        needs_root();
        let runnerd = program("runnerd");
        let binaries = runnerd.parent().expect("a program is in a directory");
        let mut outer = Command::new("bash")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/machine/boot.sh"))
            .args([init.name().as_ref(), units, binaries])
            .arg(layer.unwrap_or(Path::new("")))
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash");
        let leash = outer.stdin.take();
        let mut line = String::new();
        BufReader::new(outer.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("a line of boot.sh");
        let (leader, console) = line
            .trim_end()
            .split_once(' ')
            .expect("the namespaces could not be made: boot.sh said why");
        let machine = Machine {
            init,
            outer,
            leash,
            leader: leader.parse().expect("a pid"),
            console: console.into(),
        };
        machine.until("the default target is reached", || {
            machine.ctl(&["is-active", "default.target"]).code == 0
        });
        machine
    }

    /// Looks again and again until it is so: nobody inside reports.
    #[track_caller]
    pub fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(
                began.elapsed() < patience(),
                "{}: not so: {what}\n{}",
                self.init.name(),
                self.console()
            );
            std::thread::sleep(PAUSE);
        }
    }

    /// What is process 1.
    pub fn init(&self) -> Init {
        self.init
    }

    /// What the init wrote.
    pub fn console(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.console).unwrap_or_default()).into_owned()
    }

    /// A file inside, by its absolute path there, as a path out here. Links on the way are
    /// followed out here: only for what the test made itself.
    pub fn file(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.leader))
    }

    /// Runs a command inside, as root, and waits for it. It is killed, with status 124, after 20 s.
    pub fn run(&self, words: &[&str]) -> Outcome {
        finished(self.begin(words))
    }

    /// The same for one that may take longer.
    pub fn run_for(&self, seconds: u32, words: &[&str]) -> Outcome {
        finished(self.begin_for(seconds, words))
    }

    /// Begins a command inside, as root; whoever asked waits for it.
    pub fn begin(&self, words: &[&str]) -> Child {
        self.begin_for(COMMAND_PATIENCE, words)
    }

    /// What comes before a command, out here, for it to run inside.
    #[must_use]
    pub fn entrance(&self) -> Vec<String> {
        let leader = self.leader.to_string();
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let words = [
            "nsenter",
            "--all",
            "--target",
            &leader,
            "--wdns=/",
            "env",
            "--ignore-environment",
            path,
        ];
        words.map(str::to_owned).to_vec()
    }

    fn begin_for(&self, seconds: u32, words: &[&str]) -> Child {
        let entrance = self.entrance();
        Command::new(&entrance[0])
            .args(&entrance[1..])
            .args(["timeout", "--kill-after=1", &seconds.to_string()])
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("nsenter")
    }

    /// Runs the real systemctl, whichever the init is, and waits for it. runnerd has to be booted
    /// with `--systemd-compat`.
    pub fn systemctl(&self, words: &[&str]) -> Outcome {
        let mut all = vec!["systemctl", "--no-pager"];
        all.extend(words);
        self.run(&all)
    }

    /// Runs the init's own client, systemctl or runnerctl, and waits for it.
    pub fn ctl(&self, words: &[&str]) -> Outcome {
        finished(self.begin_ctl(words))
    }

    /// Begins a command of the init's own client.
    pub fn begin_ctl(&self, words: &[&str]) -> Child {
        let mut all = vec![self.init.client()];
        all.extend(words);
        self.begin(&all)
    }
}

/// Waits for a command that was begun.
pub(crate) fn finished(child: Child) -> Outcome {
    let output = child.wait_with_output().expect("a child of ours");
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.leash.take());
        // boot.sh kills and clears away; there is nothing to do about a failure here.
        let _ = self.outer.wait();
    }
}
