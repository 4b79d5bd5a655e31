//! Beside the real supervisord: the same configuration, the same calls, one after the other.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use tests::{CONFIGURATION, Kind, Peer};

use crate::quantile::{Samples, beside};

/// A connection that is kept.
struct Api {
    stream: UnixStream,
    unread: Vec<u8>,
}

impl Api {
    fn open(peer: &Peer) -> Api {
        Api {
            stream: UnixStream::connect(peer.path("s.sock")).expect("the API"),
            unread: Vec::new(),
        }
    }

    /// Calls a method without parameters and reads all of the reply.
    fn call(&mut self, method: &str) -> String {
        let body = format!("<methodCall><methodName>{method}</methodName></methodCall>");
        write!(
            self.stream,
            "POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("a call");
        loop {
            let text = String::from_utf8_lossy(&self.unread);
            if let Some((head, rest)) = text.split_once("\r\n\r\n") {
                let length: usize = head
                    .lines()
                    .find_map(|line| {
                        let (name, value) = line.split_once(':')?;
                        name.eq_ignore_ascii_case("content-length")
                            .then(|| value.trim().parse().ok())?
                    })
                    .expect("a length");
                if rest.len() >= length {
                    let reply = rest[..length].to_owned();
                    self.unread = rest.as_bytes()[length..].to_vec();
                    return reply;
                }
            }
            let mut more = [0u8; 65536];
            let count = self.stream.read(&mut more).expect("a reply");
            assert!(count > 0, "the API hung up");
            self.unread.extend_from_slice(&more[..count]);
        }
    }

    fn latency(&mut self, method: &str, count: usize, samples: &mut Samples) {
        for _ in 0..count {
            let begun = Instant::now();
            self.call(method);
            samples.add(begun.elapsed());
        }
    }

    fn count(&mut self, state: &str) -> usize {
        self.call("supervisor.getAllProcessInfo")
            .matches(&format!("<string>{state}</string>"))
            .count()
    }
}

/// Kilobytes that a process and the processes of the same program below it have in memory.
fn memory(peer: &Peer) -> u64 {
    let of = |pid: i32| -> u64 {
        std::fs::read_to_string(format!("/proc/{pid}/status"))
            .unwrap_or_default()
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok())
            .unwrap_or(0)
    };
    let program = std::fs::read_link(format!("/proc/{}/exe", peer.pid())).expect("the program");
    of(peer.pid())
        + tests::children_running(peer.pid(), &program)
            .into_iter()
            .map(of)
            .sum::<u64>()
}

fn sleepers(count: usize) -> String {
    let mut text = CONFIGURATION.replace("user=root", "user=root\nminfds=8192");
    for number in 0..count {
        text.push_str(&format!(
            "[program:p{number}]\ncommand=/bin/sleep 100000\nstartsecs=0\n"
        ));
    }
    text
}

/// What one daemon does with so many programs; each a sample of every run.
#[derive(Default)]
struct Many {
    running: Samples,
    memory: Vec<u64>,
    state: Samples,
    all: Samples,
    stop: Samples,
}

impl Many {
    fn median_memory(&mut self) -> u64 {
        self.memory.sort_unstable();
        self.memory[self.memory.len() / 2]
    }
}

fn many(kind: Kind, count: usize, into: &mut Many) {
    let begun = Instant::now();
    let peer = Peer::start(kind, &sleepers(count));
    let mut api = Api::open(&peer);
    while api.count("RUNNING") < count {
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "{kind:?}: {count} never run"
        );
    }
    into.running.add(begun.elapsed());
    api.latency("supervisor.getState", 200, &mut into.state);
    api.latency("supervisor.getAllProcessInfo", 30, &mut into.all);
    into.memory.push(memory(&peer));
    let begun = Instant::now();
    peer.stop();
    into.stop.add(begun.elapsed());
}

/// Ten and five hundred programs, alternately here and there.
pub(crate) fn programs() {
    const RUNS: usize = 3;
    let mut before = [0, 0];
    for count in [10, 500] {
        let [mut ours, mut theirs] = [(); 2].map(|()| Many::default());
        for _ in 0..RUNS {
            many(Kind::Ours, count, &mut ours);
            many(Kind::Real, count, &mut theirs);
        }
        let figure = |what: &str| format!("{count} programs: {what}");
        let budget = if count == 500 { "<= 0.02" } else { "" };
        let rows = [
            ("until all run", &mut ours.running, &mut theirs.running, ""),
            ("getState", &mut ours.state, &mut theirs.state, ""),
            ("getAllProcessInfo", &mut ours.all, &mut theirs.all, budget),
            ("SIGTERM until gone", &mut ours.stop, &mut theirs.stop, ""),
        ];
        for (what, ours, theirs, budget) in rows {
            beside(
                &figure(what),
                ours.quantile(50),
                theirs.quantile(50),
                budget,
            );
        }
        beside(
            &figure("getState, p99"),
            ours.state.quantile(99),
            theirs.state.quantile(99),
            "< 10 ms",
        );
        beside(
            &figure("getAllProcessInfo, p99"),
            ours.all.quantile(99),
            theirs.all.quantile(99),
            "< 10 ms",
        );
        let now = [ours.median_memory(), theirs.median_memory()];
        sizes(&figure("memory, keeper and manager"), now, "kB");
        if count == 500 {
            let each = |at: usize| (now[at].saturating_sub(before[at])) * 1024 / 490;
            sizes("memory, each further program", [each(0), each(1)], "B");
        }
        before = now;
    }
}

fn sizes(figure: &str, [ours, theirs]: [u64; 2], unit: &str) {
    println!(
        "{figure:<44} {:>14} {:>14} {:>8.2}",
        format!("{ours} {unit}"),
        format!("{theirs} {unit}"),
        ours as f64 / theirs as f64
    );
}

/// How long a call takes while this goes on.
fn under(what: &str, programs: &str) {
    let mut figures = Vec::new();
    for kind in [Kind::Ours, Kind::Real] {
        let peer = Peer::start(kind, &format!("{CONFIGURATION}{programs}"));
        let mut api = Api::open(&peer);
        // It has begun when some have written or ended.
        peer.wait_until("programs are busy", |_| {
            api.call("supervisor.getAllProcessInfo")
                .contains("<int>0</int>")
        });
        api.latency("supervisor.getState", 20, &mut Samples::default());
        let mut samples = Samples::default();
        api.latency("supervisor.getState", 500, &mut samples);
        figures.push(samples);
    }
    let [ours, theirs] = &mut figures[..] else {
        return;
    };
    for (name, quantile) in [("p50", 50), ("p99", 99)] {
        beside(
            &format!("getState, {what}, {name}"),
            ours.quantile(quantile),
            theirs.quantile(quantile),
            if quantile == 99 { "< 10 ms" } else { "" },
        );
    }
}

/// While a hundred programs crash again and again, and while twenty write as fast as they can.
pub(crate) fn loaded() {
    under(
        "100 crash-looping",
        "[program:crash]\ncommand=/bin/false\nprocess_name=%(process_num)s\nnumprocs=100\nstartsecs=0\nautorestart=true\nstdout_logfile=NONE\nstderr_logfile=NONE\n",
    );
    under(
        "20 noisy",
        "[program:noisy]\ncommand=/usr/bin/yes a line of some length, as programs write them\nprocess_name=%(process_num)s\nnumprocs=20\nstdout_logfile=DIR/noisy-%(process_num)s.log\nstdout_logfile_maxbytes=1MB\nstdout_logfile_backups=1\n",
    );
}

/// A program writes numbered lines while the disk of its log is full for two seconds.
pub(crate) fn full_disk() {
    const LINES: usize = 4000;
    for kind in [Kind::Ours, Kind::Real] {
        let place = tempfile::tempdir().expect("a directory");
        let disk = place.path();
        let mount = |words: &[&str]| {
            let done = Command::new("mount").args(words).arg(disk).status();
            assert!(done.expect("mount").success());
        };
        mount(&["-t", "tmpfs", "-o", "size=64k", "tmpfs"]);
        let text = format!(
            "{CONFIGURATION}[program:w]\ncommand=/bin/sh -c \"i=0; while [ $i -lt {LINES} ]; do echo line $i of a log on a disk that is full for a while; i=$((i+1)); [ $((i %% 10)) = 0 ] && sleep 0.01; done; exec sleep 1000\"\nstdout_logfile={}/w.log\nstdout_logfile_maxbytes=0\nautorestart=false\n",
            disk.display()
        );
        let peer = Peer::start(kind, &text);
        let log = disk.join("w.log");
        let size = || std::fs::metadata(&log).map_or(0, |found| found.len());
        peer.wait_until("the disk is full", |_| size() >= 64 * 1024);
        std::thread::sleep(Duration::from_secs(2));
        mount(&["-o", "remount,size=16m"]);
        peer.wait_until("the last line is there", |_| {
            std::fs::read_to_string(&log)
                .unwrap_or_default()
                .contains(&format!("line {} of", LINES - 1))
        });
        let text = std::fs::read_to_string(&log).expect("the log");
        let whole = text
            .lines()
            .filter(|line| line.starts_with("line ") && line.ends_with("for a while"))
            .count();
        let marks: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with("line "))
            .collect();
        println!(
            "log lines lost on a full disk, {kind:?}: {} of {LINES}; marks in the log: {marks:?}",
            LINES - whole
        );
        peer.stop();
        let done = Command::new("umount").arg(disk).status();
        assert!(done.expect("umount").success());
    }
}
