//! The log writer killed at any moment.

use std::os::fd::AsRawFd;
use std::process::Command as Process;

use rustix::fs::{Mode, OFlags};

use super::*;

/// The child of [`killed_at_any_moment_nothing_is_lost_or_doubled`]; on its own it does nothing.
#[test]
fn follow_until_killed() {
    let Ok(told) = std::env::var("RUNNER_TEST_FOLLOW") else {
        return;
    };
    let mut told = told.split(':');
    let mut open = || {
        let path = format!(
            "/proc/{}/fd/{}",
            std::os::unix::process::parent_id(),
            told.next()?
        );
        rustix::fs::open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).ok()
    };
    let [file_pipe, ring_pipe, console_pipe, ring, copied_pipe, spool] =
        [(); 6].map(|()| open().unwrap());
    let path = PathBuf::from(told.next().unwrap());
    let (sender, _events) = tokio::sync::mpsc::unbounded_channel();
    let logs = Logs::start(LogTarget::Console(Format::Text), None, sender).unwrap();
    let follow = |name: &str, read_end, sink, ring| {
        let (unit, stream) = (unit(name), Stream::Out);
        logs.follow(Follow {
            unit,
            stream,
            read_end,
            sink,
            ring,
            copy: None,
            pid: None,
        });
    };
    follow(
        "file.service",
        file_pipe,
        file_sink(&path, 500_000, 1_000),
        None,
    );
    follow("ring.service", ring_pipe, Sink::Ring, Some(ring));
    follow("console.service", console_pipe, Sink::Console, None);
    logs.follow(follow_copied(copied_pipe, &path, &spool));
    println!("up");
    loop {
        std::thread::park();
    }
}

/// An output from which escape sequences are taken, on its way to a file of its own.
fn follow_copied(read_end: OwnedFd, path: &Path, spool: &OwnedFd) -> Follow {
    let copying = Copying {
        form: Form {
            strip: true,
            capture: 100,
        },
        ..Copying::default()
    };
    Follow {
        unit: unit("copied.service"),
        stream: Stream::Out,
        read_end,
        sink: file_sink(&path.with_extension("copied"), 300_000, 1_000),
        ring: None,
        copy: Some((copying, Some(spool.try_clone().unwrap()))),
        pid: None,
    }
}

/// What a file, a ring and a console get while the log writer is killed again and again. The first
/// two get each line once; the console may get a chunk again.
#[test]
fn killed_at_any_moment_nothing_is_lost_or_doubled() {
    const KILLS: u64 = 40;
    const CHUNK: u64 = 16 * 1024;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let (file_read, mut file_write) = std::io::pipe().unwrap();
    let (ring_read, mut ring_write) = std::io::pipe().unwrap();
    let (console_read, mut console_write) = std::io::pipe().unwrap();
    let (screen_read, screen_write) = std::io::pipe().unwrap();
    let ring = create_ring("ring.service").unwrap();
    let (copied_read, mut copied_write) = std::io::pipe().unwrap();
    let spool = create_ring("copied.service").unwrap();
    let (written, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let (up, is_up) = mpsc::channel();
    let (total, mut shown) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                for write in [&mut file_write, &mut ring_write, &mut console_write] {
                    write_numbers(write, n..n + 1);
                }
                let hidden = "<!--XSUPERVISOR:BEGIN-->x<!--XSUPERVISOR:END-->";
                let line = format!("{hidden}line \x1b[1m{n}\x1b[0m\n");
                copied_write.write_all(line.as_bytes()).unwrap();
                n += 1;
                written.store(n, Ordering::Relaxed);
            }
            n
        });
        let screen = scope.spawn(move || {
            let mut shown = Vec::new();
            for line in BufReader::new(screen_read).lines() {
                let line = line.unwrap();
                // A line that was torn by a kill is followed on its line by the next child's words.
                match line.rsplit_once("console.service: line ") {
                    Some((_, number)) => shown.extend(number.parse::<u64>()),
                    None if line.ends_with("up") => up.send(()).unwrap(),
                    None => {}
                }
            }
            shown
        });
        let mut random = 12_345u64;
        for _ in 0..KILLS {
            let told = format!(
                "{}:{}:{}:{}:{}:{}:{}",
                file_read.as_raw_fd(),
                ring_read.as_raw_fd(),
                console_read.as_raw_fd(),
                ring.as_raw_fd(),
                copied_read.as_raw_fd(),
                spool.as_raw_fd(),
                path.display()
            );
            let mut child = Process::new(std::env::current_exe().unwrap())
                .args([
                    "log::tests::kill::follow_until_killed",
                    "--exact",
                    "--nocapture",
                ])
                .env("RUNNER_TEST_FOLLOW", told)
                .stdout(screen_write.try_clone().unwrap())
                .spawn()
                .unwrap();
            is_up.recv().unwrap();
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let until = written.load(Ordering::Relaxed) + (random >> 33) % 6_000;
            while written.load(Ordering::Relaxed) < until {
                std::thread::yield_now();
            }
            child.kill().unwrap();
            child.wait().unwrap();
        }
        // Somebody has to read, or the last write never returns.
        let world = World::on(LogTarget::Console(Format::Text), screen_write);
        world.follow(
            "file.service",
            file_sink(&path, 500_000, 1_000),
            &file_read,
            None,
        );
        world.follow("ring.service", Sink::Ring, &ring_read, Some(&ring));
        world.logs.follow(Follow {
            unit: unit("console.service"),
            stream: Stream::Out,
            read_end: console_read.into(),
            sink: Sink::Console,
            ring: None,
            copy: None,
            pid: None,
        });
        let copied_read = copied_read.try_clone().unwrap().into();
        world.logs.follow(follow_copied(copied_read, &path, &spool));
        stop.store(true, Ordering::Relaxed);
        let total = writer.join().unwrap();
        world.flush();
        for name in ["file.service", "ring.service", "console.service"] {
            assert_eq!(world.losses(name), 0, "{name}");
        }
        let last = total.saturating_sub(1_000)..total;
        let last: Vec<_> = last.map(|n| format!("line {n}")).collect();
        assert_eq!(world.tail("ring.service", 1_000), last);
        // The console ends with the log writer.
        let World {
            logs, mut events, ..
        } = world;
        drop(logs);
        assert_eq!(events.blocking_recv(), None);
        (total, screen.join().unwrap())
    });
    assert_numbers(&read_all(&path), 0..total);
    assert_numbers(&read_all(&path.with_extension("copied")), 0..total);
    // The size of the ring's memfd counts every byte that ever went in.
    let bytes: u64 = (0..total).map(|n| format!("line {n}\n").len() as u64).sum();
    assert_eq!(File::from(ring).metadata().unwrap().len(), bytes);
    let count = shown.len() as u64;
    shown.sort_unstable();
    shown.dedup();
    assert_eq!(shown.len() as u64, total, "lines on the console");
    assert!(
        count - total <= KILLS * CHUNK / 7,
        "{} lines repeated",
        count - total
    );
}
