//! As process 1 of a container, beside supervisord, s6-svscan and tini: what an image needs, how soon the
//! first service runs, what stays in memory.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tests::{World, repository};

use crate::figures::{helper, kilobytes, stamp};
use crate::quantile::{Samples, alone};

/// How often each is started.
const RUNS: usize = 20;

/// One that starts services as process 1.
struct Init {
    name: &'static str,
    /// The words of its command line, given a directory with a program that stamps.
    words: fn(&Path) -> Vec<String>,
    /// What an image has to hold, beside a C library for the peers.
    files: fn() -> Vec<PathBuf>,
}

const ALL: &[Init] = &[
    Init {
        name: "runnerd",
        words: runnerd,
        files: || vec![ours()],
    },
    Init {
        name: "supervisord",
        words: supervisord,
        files: supervisords_files,
    },
    Init {
        name: "s6-svscan",
        words: svscan,
        files: || {
            let mut files: Vec<PathBuf> = ["s6-svscan", "s6-supervise"].map(peer).into();
            files.extend(libraries());
            files
        },
    },
    Init {
        name: "tini",
        words: |directory| {
            let tini = word(&peer("tini"));
            vec![tini, "--".into(), word(&directory.join("run"))]
        },
        files: || vec![peer("tini")],
    },
];

fn ours() -> PathBuf {
    let path = std::env::var("RUNNER_STATIC").expect("start me by tests/bench/run");
    path.into()
}

/// A program of a Debian package.
fn peer(name: &str) -> PathBuf {
    PathBuf::from("/usr/bin").join(name)
}

/// Those of s6: the C library is everybody's.
fn libraries() -> Vec<PathBuf> {
    let packages = ["libs6-2.11", "libskarnet2.13", "libexecline2.9"];
    let output = Command::new("dpkg").arg("-L").args(packages).output();
    let text = String::from_utf8_lossy(&output.expect("dpkg").stdout).into_owned();
    let paths = text.lines().map(PathBuf::from);
    let is_library = |path: &PathBuf| {
        !path.is_symlink()
            && path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().contains(".so."))
    };
    paths.filter(is_library).collect()
}

fn word(path: &Path) -> String {
    path.display().to_string()
}

fn runnerd(directory: &Path) -> Vec<String> {
    let units = directory.join("units");
    std::fs::create_dir(&units).expect("a directory");
    let run = word(&directory.join("run"));
    let unit = format!("[service]\nexec-start = \"{run}\"\n");
    std::fs::write(units.join("a.toml"), unit).expect("a unit file");
    let place = word(&directory.join("runtime"));
    vec![
        word(&ours()),
        "--systemd-compat=no".into(),
        "--runtime-dir".into(),
        place,
        word(&units),
    ]
}

fn supervisord(directory: &Path) -> Vec<String> {
    let conf = directory.join("supervisord.conf");
    let text = format!(
        "[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile={0}/pid\n\
         [program:a]\ncommand={0}/run\n",
        directory.display()
    );
    std::fs::write(&conf, text).expect("a configuration");
    let program = repository().join("target/python/bin/supervisord");
    vec![word(&program), "-c".into(), word(&conf)]
}

/// The interpreter with its library, and the package.
fn supervisords_files() -> Vec<PathBuf> {
    let python = repository().join("target/python/bin/python");
    let says = "import os, shutil, supervisor, sys; print(os.path.realpath(sys.executable)); \
                print(os.path.dirname(os.__file__)); print(os.path.dirname(supervisor.__file__))";
    let output = Command::new(python).args(["-c", says]).output();
    let text = String::from_utf8_lossy(&output.expect("python").stdout).into_owned();
    text.lines().map(PathBuf::from).collect()
}

fn svscan(directory: &Path) -> Vec<String> {
    let service = directory.join("scan/a");
    std::fs::create_dir_all(&service).expect("a directory");
    std::fs::copy(directory.join("run"), service.join("run")).expect("a program");
    vec![word(&peer("s6-svscan")), word(&directory.join("scan"))]
}

/// What is not counted of a Python: what it compiles by itself, its own tests, other packages.
const NOT_NEEDED: [&str; 4] = ["__pycache__", "test", "site-packages", "dist-packages"];

/// Bytes of a file, or of all that are needed below a directory.
fn bytes(path: &Path) -> u64 {
    let found = path.symlink_metadata().expect("a file of an image");
    if !found.is_dir() {
        return found.len();
    }
    let entries = std::fs::read_dir(path).expect("a directory of an image");
    let paths = entries.flatten().map(|entry| entry.path());
    paths
        .filter(|path| !NOT_NEEDED.iter().any(|name| path.ends_with(name)))
        .map(|path| bytes(&path))
        .sum()
}

/// One that runs, and all below it.
struct Running(Child);

impl Running {
    fn start(words: &[String]) -> Running {
        let child = Command::new("unshare")
            .args(["--pid", "--mount", "--fork", "--mount-proc", "--kill-child"])
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Running(child.expect("unshare"))
    }

    /// Proportional and private memory of all but the service, in kB, with the number of processes.
    fn memory(&self) -> (u64, u64, usize) {
        let mut found = Vec::new();
        below(i32::try_from(self.0.id()).expect("a pid"), &mut found);
        // What the stamp says of its pid is a number inside of the namespace.
        let is_init = |pid: &i32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            !line.windows(6).any(|part| part == b"\0stamp")
        };
        let own: Vec<i32> = found.into_iter().filter(is_init).collect();
        let sizes = own.iter().map(|pid| kilobytes(*pid));
        let (pss, private) = sizes.fold((0, 0), |(pss, private), [_, p, own]| {
            (pss + p, private + own)
        });
        (pss, private, own.len())
    }
}

fn below(pid: i32, found: &mut Vec<i32>) {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    for child in list.unwrap_or_default().split_whitespace() {
        if let Ok(child) = child.parse() {
            found.push(child);
            below(child, found);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Size, start and memory of each, one run of one after the other.
pub(crate) fn process_one() {
    let mut starts: Vec<Samples> = ALL.iter().map(|_| Samples::default()).collect();
    let mut memory = vec![(0, 0, 0); ALL.len()];
    for _ in 0..RUNS {
        for (init, (samples, memory)) in ALL.iter().zip(starts.iter_mut().zip(&mut memory)) {
            let directory = tempfile::tempdir().expect("a directory");
            let socket = UnixDatagram::bind(directory.path().join("stamps")).expect("a socket");
            socket
                .set_read_timeout(Some(Duration::from_secs(60)))
                .expect("a time-out");
            let run = directory.path().join("run");
            let script = format!(
                "#!/bin/sh\nexec {} stamp {}/stamps\n",
                helper("service"),
                directory.path().display()
            );
            std::fs::write(&run, script).expect("a program");
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&run, mode).expect("mode");
            let words = (init.words)(directory.path());
            let begun = Instant::now();
            let running = Running::start(&words);
            stamp(&socket);
            samples.add(begun.elapsed());
            *memory = running.memory();
        }
    }
    for (init, (samples, (pss, private, processes))) in
        ALL.iter().zip(starts.iter_mut().zip(memory))
    {
        let size: u64 = (init.files)().iter().map(|path| bytes(path)).sum();
        let name = init.name;
        alone(&format!("{name}, files"), format!("{} kB", size / 1000), "");
        let (half, most) = (samples.quantile(50), samples.quantile(90));
        alone(
            &format!("{name}, first service runs, p50/p90"),
            format!(
                "{:.1}/{:.1} ms",
                half.as_secs_f64() * 1e3,
                most.as_secs_f64() * 1e3
            ),
            "",
        );
        alone(
            &format!("{name}, memory of {processes} processes"),
            format!("{pss}/{private}"),
            "kB PSS/private",
        );
    }
}

/// 20,000 orphans as fast as they can be made: how long after the last one all are reaped. The making
/// is the machine's affair, as the same below tini shows.
pub(crate) fn orphans() {
    let begun = Instant::now();
    let made = Command::new("unshare")
        .args(["--pid", "--mount", "--fork", "--mount-proc", "--kill-child"])
        .arg(peer("tini"))
        .args(["--", &helper("orphans"), "20000"])
        .status();
    assert!(made.expect("unshare").success());
    let below_tini = begun.elapsed();
    let mut world = World::with(tests::Identity::Init);
    world.unit(
        "orphans.toml",
        &format!(
            "[service]\ntype = \"oneshot\"\nremain-after-exit = true\nkill-mode = \"process\"\n\
             exec-start = \"{} 20000\"\n",
            helper("orphans")
        ),
    );
    let begun = Instant::now();
    world.launch();
    world.until("a manager", || world.bus().exists());
    let keeper = world.keeper().pid;
    world.wait_for("orphans.service", "active");
    let made = begun.elapsed();
    let children = format!("/proc/{keeper}/task/{keeper}/children");
    world.until("no orphans", || {
        let list = std::fs::read_to_string(&children).unwrap_or_default();
        list.split_whitespace().count() <= 1
    });
    let reaped = begun.elapsed() - made;
    alone("20,000 orphans made and told", format!("{made:.1?}"), "");
    alone("  the same below tini", format!("{below_tini:.1?}"), "");
    alone("  all reaped after that", format!("{reaped:.1?}"), "< 1 s");
    world.stop();
}
