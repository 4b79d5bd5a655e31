//! The measurements.

use crate::quantile::{Samples, alone, beside};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tests::{Process, World};

/// Name, measurement.
pub(crate) const ALL: &[(&str, fn())] = &[
    ("spawn", spawn),
    ("crash", crash),
    ("activation", activation),
    ("log", log),
    ("memory", memory),
    ("idle", idle),
    ("stop", stop),
    ("load", load),
    ("order", order),
    ("killed", killed),
    ("process-one", crate::process_one::process_one),
    ("orphans", crate::process_one::orphans),
    ("supervisord-programs", crate::supervisord::programs),
    ("supervisord-loaded", crate::supervisord::loaded),
    ("supervisord-full-disk", crate::supervisord::full_disk),
];

pub(crate) fn helper(name: &str) -> String {
    let directory = std::env::var("RUNNER_BENCH_DIR").expect("start me by tests/bench/run");
    PathBuf::from(directory).join(name).display().to_string()
}

/// A world with `count` services that report their start and then wait.
fn many(count: usize, autostart: bool) -> World {
    let world = World::new();
    for number in 0..count {
        world.unit(
            &format!("s{number}.toml"),
            &format!(
                "[service]\nautostart = {autostart}\nexec-start = \"{} stamp @dir@/stamps\"\n",
                helper("service")
            ),
        );
    }
    world
}

fn stamps(world: &World) -> UnixDatagram {
    let socket = UnixDatagram::bind(world.path("stamps")).expect("a socket for the stamps");
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a time-out");
    socket
}

/// The next stamp: who was started, and when (nanoseconds, CLOCK_MONOTONIC).
pub(crate) fn stamp(socket: &UnixDatagram) -> (i32, u64) {
    let mut text = [0u8; 64];
    let length = socket.recv(&mut text).expect("a stamp");
    let text = std::str::from_utf8(&text[..length]).expect("text");
    let (pid, at) = text.split_once(' ').expect("two numbers");
    (pid.parse().expect("a pid"), at.parse().expect("a time"))
}

fn monotonic() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// Start of 1,000 services that end at once, beside a loop of `posix_spawn`.
fn spawn() {
    const COUNT: usize = 1000;
    let mut world = World::new();
    let program = helper("service");
    let mut wants = Vec::new();
    for number in 0..COUNT {
        world.unit(
            &format!("s{number}.toml"),
            &format!("[service]\nautostart = false\nstart-limit-burst = 0\ntype = \"oneshot\"\nexec-start = \"{program} true\"\n"),
        );
        wants.push(format!("\"s{number}.service\""));
    }
    let wants = wants.join(", ");
    world.unit(
        "all.toml",
        &format!("[target]\nautostart = false\nwants = [{wants}]\nafter = [{wants}]\n"),
    );
    world.start();
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for _ in 0..5 {
        let begun = Instant::now();
        world.ctl(&["start", "all.target"]).ok();
        ours.add(begun.elapsed());
        world.ctl(&["stop", "all.target"]).ok();
        let output = Command::new(helper("peers"))
            .args(["spawn", &COUNT.to_string(), &program, "true"])
            .output()
            .expect("peers");
        let text = String::from_utf8_lossy(&output.stdout);
        theirs.add(Duration::from_micros(
            text.trim().parse().expect("microseconds"),
        ));
    }
    beside(
        "spawn + exit of 1,000 services",
        ours.quantile(50),
        theirs.quantile(50),
        "<= 1.3",
    );
}

/// A service is killed: how long until it runs again.
fn crash() {
    let mut world = World::new();
    let socket = stamps(&world);
    world.unit(
        "x.toml",
        &format!(
            "[service]\nrestart = \"always\"\nrestart-sec = 0\nstart-limit-burst = 0\nexec-start = \"{} stamp @dir@/stamps\"\n",
            helper("service")
        ),
    );
    world.start();
    let mut samples = Samples::default();
    let (mut pid, _) = stamp(&socket);
    for _ in 0..500 {
        let process = Process::open(pid).expect("the service");
        let killed = monotonic();
        process.signal(libc::SIGKILL);
        let (next, at) = stamp(&socket);
        samples.add(Duration::from_nanos(at.saturating_sub(killed)));
        pid = next;
    }
    alone(
        "crash -> running again, p50",
        format!("{:.1?}", samples.quantile(50)),
        "<= 0.8 ms",
    );
    alone(
        "crash -> running again, p99",
        format!("{:.1?}", samples.quantile(99)),
        "<= 1.5 ms",
    );
}

fn first_byte(address: &str, samples: &mut Samples) {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address).expect("a connection");
    let mut byte = [0u8; 1];
    stream.read_exact(&mut byte).expect("a byte");
    samples.add(begun.elapsed());
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Connection to first byte, beside a bare loop and `systemd-socket-activate`.
fn activation() {
    const TIMES: usize = 400;
    let mut world = World::new();
    let service = helper("service");
    world.unit(
        "one.toml",
        "[socket]\nlisten-stream = \"@host@:80\"\naccept = true\ntrigger-limit-burst = 0\n",
    );
    world.unit(
        "one@.toml",
        &format!("[service]\nstandard-input = \"socket\"\nstandard-output = \"socket\"\nexec-start = \"{service} byte\"\n"),
    );
    world.start();
    let host = world.host().to_owned();
    let mut bare = Command::new(helper("peers"))
        .args(["accept", &host, "81", &service, "byte"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("peers");
    let mut said = BufReader::new(bare.stdout.take().expect("piped")).lines();
    assert_eq!(
        said.next().and_then(Result::ok).as_deref(),
        Some("listening")
    );
    let mut systemd = Command::new(tests::tool("systemd-socket-activate"))
        .arg(format!("--listen={host}:82"))
        .args(["--accept", "--inetd", &service, "byte"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("systemd-socket-activate");
    let mut told = BufReader::new(systemd.stderr.take().expect("piped")).lines();
    let _ = told.next();
    // It talks about every connection: somebody has to listen.
    std::thread::spawn(move || told.for_each(drop));
    let [mut ours, mut limit, mut theirs] = [(); 3].map(|()| Samples::default());
    for _ in 0..TIMES {
        // Side by side, so that all three see the same machine.
        first_byte(&format!("{host}:80"), &mut ours);
        first_byte(&format!("{host}:81"), &mut limit);
        first_byte(&format!("{host}:82"), &mut theirs);
    }
    for mut child in [bare, systemd] {
        let _ = child.kill();
        let _ = child.wait();
    }
    beside(
        "connect -> first byte, beside a bare loop",
        ours.quantile(50),
        limit.quantile(50),
        "<= 1.15",
    );
    beside("  the same, p99", ours.quantile(99), limit.quantile(99), "");
    beside(
        "  beside systemd-socket-activate",
        ours.quantile(50),
        theirs.quantile(50),
        "<= 0.6",
    );
}

/// Bytes into a log file, beside `cat`.
fn log() {
    const BYTES: u64 = 256 << 20;
    let service = helper("service");
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for _ in 0..5 {
        let mut world = World::new();
        world.unit(
            "x.toml",
            &format!("[service]\nautostart = false\ntype = \"oneshot\"\nlog-file = \"@dir@/x.log\"\nlog-max-size = 0\nexec-start = \"{service} lines {BYTES}\"\n"),
        );
        world.start();
        let begun = Instant::now();
        world.ctl(&["start", "x"]).ok();
        let complete =
            || std::fs::metadata(world.path("x.log")).is_ok_and(|file| file.len() >= BYTES);
        while !complete() {
            std::thread::sleep(Duration::from_micros(200));
        }
        ours.add(begun.elapsed());
        let output = world.path("cat.log").display().to_string();
        let begun = Instant::now();
        let status = Command::new("/bin/sh")
            .args(["-c", &format!("{service} lines {BYTES} | cat > {output}")])
            .status()
            .expect("a shell");
        assert!(status.success());
        theirs.add(begun.elapsed());
    }
    beside(
        "256 MiB of lines to a file, beside cat",
        ours.quantile(50),
        theirs.quantile(50),
        "<= 1.11",
    );
}

/// `Rss`, `Pss` and private kilobytes of a process.
pub(crate) fn kilobytes(pid: i32) -> [u64; 3] {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("smaps_rollup");
    let field = |name: &str| -> u64 {
        text.lines()
            .filter(|line| line.starts_with(name))
            .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
            .sum()
    };
    [field("Rss:"), field("Pss:"), field("Private_")]
}

fn memory() {
    let builds = [
        ("dynamic", tests::program("runnerd")),
        (
            "static",
            std::env::var("RUNNER_STATIC")
                .expect("start me by tests/bench/run")
                .into(),
        ),
    ];
    for (build, binary) in builds {
        let mut before = 0;
        for count in [10, 500] {
            let mut world = many(count, true);
            world.binary(&binary);
            let socket = stamps(&world);
            world.start();
            for _ in 0..count {
                stamp(&socket);
            }
            world.ctl(&["list-units"]).ok();
            let budget = if (build, count) == ("static", 10) {
                ("< 200 private", "< 3,000 RSS")
            } else {
                ("", "")
            };
            let [rss, pss, private] = kilobytes(world.keeper().pid);
            alone(
                &format!("keeper, {build}, {count} services"),
                format!("{rss}/{pss}/{private}"),
                &format!("kB RSS/PSS/private {}", budget.0),
            );
            let [rss, pss, private] = kilobytes(world.manager().expect("a manager").pid);
            alone(
                &format!("manager, {build}, {count} services"),
                format!("{rss}/{pss}/{private}"),
                &format!("kB RSS/PSS/private {}", budget.1),
            );
            if count == 10 {
                before = private;
            } else {
                let each = (private.saturating_sub(before)) * 1024 / 490;
                alone(
                    &format!("per further service, {build}"),
                    format!("{each} B"),
                    "<= 2,048",
                );
            }
        }
    }
}

fn switches(pid: i32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("tasks");
    tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("status")).ok())
        .flat_map(|text| {
            text.lines()
                .filter(|line| line.contains("ctxt_switches"))
                .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
                .collect::<Vec<_>>()
        })
        .sum()
}

fn idle() {
    let mut world = many(10, true);
    let socket = stamps(&world);
    world.start();
    for _ in 0..10 {
        stamp(&socket);
    }
    let pids = [world.keeper().pid, world.manager().expect("a manager").pid];
    // What a start leaves to do is done after a second; then five are looked at.
    std::thread::sleep(Duration::from_secs(1));
    let before: u64 = pids.map(switches).iter().sum();
    std::thread::sleep(Duration::from_secs(5));
    let after: u64 = pids.map(switches).iter().sum();
    let rate = (after - before) as f64 / 5.0;
    alone("wake-ups per second when idle", format!("{rate:.1}"), "0");
}

fn stop() {
    let mut world = many(500, true);
    let socket = stamps(&world);
    world.start();
    for _ in 0..500 {
        stamp(&socket);
    }
    let begun = Instant::now();
    world.stop();
    alone(
        "stop of 500 services and of ourselves",
        format!("{:.1?}", begun.elapsed()),
        "<= 20 ms",
    );
}

fn load() {
    let mut world = World::new();
    for number in 0..10_000 {
        world.unit(
            &format!("s{number}.toml"),
            &format!("[service]\ndescription = \"Number {number}\"\nautostart = false\nexec-start = \"/bin/sleep {number}\"\nrestart = \"on-failure\"\n"),
        );
    }
    let reading = read_all(&world.path("units"));
    let begun = Instant::now();
    world.start();
    beside(
        "10,000 units until ready",
        begun.elapsed(),
        reading,
        "< 1 s, beside reading the files",
    );
    for words in [&["list-units", "--all"][..], &["status"], &["show", "*"]] {
        let begun = Instant::now();
        world.ctl(words).ok();
        let what = format!("  runnerctl {}", words.join(" "));
        alone(&what, format!("{:.1?}", begun.elapsed()), "");
    }
    let [rss, _, private] = kilobytes(world.manager().expect("a manager").pid);
    alone(
        "  memory of the manager",
        format!("{rss}/{private}"),
        "kB RSS/private, <= 4 KiB a unit",
    );
}

/// How long reading all files of a directory takes, which no reader of unit files is faster than.
fn read_all(directory: &std::path::Path) -> Duration {
    let begun = Instant::now();
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory).expect("unit files").flatten() {
        bytes += std::fs::read(entry.path()).map_or(0, |text| text.len());
    }
    assert!(bytes > 0, "no unit file was read");
    begun.elapsed()
}

/// 10,000 targets, each after the one before: what a transaction, its jobs and their order cost
/// where no process does anything.
fn order() {
    const COUNT: usize = 10_000;
    let mut world = World::new();
    let mut wants = Vec::new();
    for number in 0..COUNT {
        let after = number.saturating_sub(1);
        world.unit(
            &format!("t{number}.toml"),
            &format!("[target]\nafter = [\"t{after}.target\"]\ndefault-dependencies = false\n"),
        );
        wants.push(format!("\"t{number}.target\""));
    }
    world.unit("t0.toml", "[target]\ndefault-dependencies = false\n");
    let wants = wants.join(", ");
    world.unit(
        "all.toml",
        &format!("[target]\nrequires = [{wants}]\ndefault-dependencies = false\n"),
    );
    world.start();
    let begun = Instant::now();
    world.ctl(&["start", "all.target"]).ok();
    alone(
        "start of 10,000 targets, one after the other",
        format!("{:.1?}", begun.elapsed()),
        "",
    );
    let begun = Instant::now();
    let listed = world.ctl(&["list-units", "--all"]);
    listed.ok();
    alone("  list-units --all", format!("{:.1?}", begun.elapsed()), "");
    let begun = Instant::now();
    world.ctl(&["stop", "t0.target", "all.target"]).ok();
    alone("  stop", format!("{:.1?}", begun.elapsed()), "");
}

fn killed() {
    let mut world = many(500, true);
    let socket = stamps(&world);
    world.start();
    for _ in 0..500 {
        stamp(&socket);
    }
    let mut samples = Samples::default();
    for _ in 0..100 {
        let manager = world.manager().expect("a manager");
        let begun = Instant::now();
        manager.signal(libc::SIGKILL);
        assert!(
            manager.gone_within(Duration::from_secs(5)),
            "SIGKILL does not kill"
        );
        world.answers();
        samples.add(begun.elapsed());
    }
    alone(
        "kill -9 -> answers, 500 services, p50",
        format!("{:.1?}", samples.quantile(50)),
        "",
    );
    alone(
        "kill -9 -> answers, 500 services, p99",
        format!("{:.1?}", samples.quantile(99)),
        "< 20 ms",
    );
}
