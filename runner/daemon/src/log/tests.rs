//! The log writer with real pipes, files, memfds and sockets.

mod console_trouble;
mod copied;
mod journald;
mod kill;
mod ways;

use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;

use super::console::Console;
use super::own::Severity;
use super::writer::Surroundings;
use super::*;
use crate::keeper::channel::{self, Wait};
use crate::keeper::wire::Kind;
use crate::link::Key;

fn unit(name: &str) -> UnitName {
    UnitName::parse(name).unwrap()
}

fn file_sink(path: &Path, max_size: u64, backups: u32) -> Sink {
    Sink::File(FileSink {
        path: path.to_owned(),
        max_size,
        backups,
        owner: None,
        mode: 0o600,
    })
}

/// A log writer with a pipe for its console and no journald, unless told where.
struct World {
    logs: Logs,
    events: UnboundedReceiver<LogEvent>,
    console: BufReader<PipeReader>,
}

impl World {
    fn new(target: LogTarget) -> World {
        World::with_journal(target, PathBuf::from("/nonexistent/journal"))
    }

    fn with_journal(target: LogTarget, journal: PathBuf) -> World {
        let (console, write) = std::io::pipe().unwrap();
        let (logs, events) = start(target, journal, write);
        World {
            logs,
            events,
            console: BufReader::new(console),
        }
    }

    /// One whose console is read elsewhere.
    fn on(target: LogTarget, console: PipeWriter) -> World {
        let (logs, events) = start(target, PathBuf::from("/nonexistent/journal"), console);
        let (nothing, _) = std::io::pipe().unwrap();
        World {
            logs,
            events,
            console: BufReader::new(nothing),
        }
    }

    fn text() -> World {
        World::new(LogTarget::Console(Format::Text))
    }

    /// One that gives its rings to `holder`.
    fn held_by(holder: Holder) -> World {
        let (console, write) = std::io::pipe().unwrap();
        let (logs, events) = start_with(
            LogTarget::Console(Format::Text),
            PathBuf::from("/nonexistent/journal"),
            write,
            Some(holder),
        );
        World {
            logs,
            events,
            console: BufReader::new(console),
        }
    }

    fn follow(&self, name: &str, sink: Sink, read: &PipeReader, ring: Option<&OwnedFd>) {
        self.logs.follow(way(name, sink, read, ring));
    }

    fn flush(&self) {
        self.logs.flush().blocking_recv().unwrap();
    }

    fn tail(&self, name: &str, lines: usize) -> Vec<String> {
        let lines = self.logs.tail(unit(name), lines).blocking_recv().unwrap();
        lines
            .into_iter()
            .map(|line| String::from_utf8(line.text).unwrap())
            .collect()
    }

    fn console_line(&mut self) -> String {
        let mut line = String::new();
        self.console.read_line(&mut line).unwrap();
        line
    }

    fn losses(&self, name: &str) -> u64 {
        self.logs.losses(unit(name)).blocking_recv().unwrap().lines
    }
}

fn way(name: &str, sink: Sink, read: &PipeReader, ring: Option<&OwnedFd>) -> Follow {
    Follow {
        unit: unit(name),
        stream: Stream::Out,
        read_end: read.try_clone().unwrap().into(),
        sink,
        ring: ring.map(|ring| ring.try_clone().unwrap()),
        copy: None,
        pid: Some(7),
    }
}

fn start(
    target: LogTarget,
    journal: PathBuf,
    console: PipeWriter,
) -> (Logs, UnboundedReceiver<LogEvent>) {
    start_with(target, journal, console, None)
}

fn start_with(
    target: LogTarget,
    journal: PathBuf,
    console: PipeWriter,
    holder: Option<Holder>,
) -> (Logs, UnboundedReceiver<LogEvent>) {
    let format = match &target {
        LogTarget::Console(format) => *format,
        _ => Format::Text,
    };
    let standard = Some(Console::on(console.as_fd(), format).unwrap());
    let (sender, events) = tokio::sync::mpsc::unbounded_channel();
    let surroundings = Surroundings {
        target,
        journal,
        syslog: PathBuf::from("/nonexistent/syslog"),
        standard,
        pid: 42,
        holder,
        introduction: PATIENCE,
    };
    (Logs::start_with(surroundings, sender).unwrap(), events)
}

fn write_numbers(write: &mut PipeWriter, numbers: std::ops::Range<u64>) {
    for n in numbers {
        write.write_all(format!("line {n}\n").as_bytes()).unwrap();
    }
}

/// Reads a file and its backups, oldest first.
fn read_all(path: &Path) -> String {
    let mut text = String::new();
    let backup = |n: u32| PathBuf::from(format!("{}.{n}", path.display()));
    let last = (1..).find(|n| !backup(*n).exists()).unwrap();
    for n in (1..last).rev() {
        text += &std::fs::read_to_string(backup(n)).unwrap();
    }
    text + &std::fs::read_to_string(path).unwrap_or_default()
}

fn assert_numbers(text: &str, numbers: std::ops::Range<u64>) {
    let mut expected = numbers.clone();
    for line in text.lines() {
        assert_eq!(
            Some(line),
            expected.next().map(|n| format!("line {n}")).as_deref()
        );
    }
    assert_eq!(expected.next(), None);
}

#[test]
fn a_ring_is_made_and_held_when_there_is_something_for_it_and_let_go_with_its_unit() {
    let (ours, keepers) = rustix::net::socketpair(
        rustix::net::AddressFamily::UNIX,
        rustix::net::SocketType::SEQPACKET,
        rustix::net::SocketFlags::CLOEXEC,
        None,
    )
    .unwrap();
    let key = Key::Ring {
        unit: unit("a.service"),
    }
    .to_string();
    let mut world = World::held_by(Holder::on(ours));
    let told = || channel::receive(keepers.as_fd(), Wait::Never);
    let (read, mut write) = std::io::pipe().unwrap();
    world.follow("a.service", Sink::Ring, &read, None);
    drop(read);
    world.flush();
    assert_eq!(told().unwrap_err().kind(), io::ErrorKind::WouldBlock);

    write.write_all(b"first\n").unwrap();
    world.flush();
    let packet = told().unwrap().unwrap();
    assert_eq!(
        (packet.record.kind, packet.record.key),
        (Kind::Put, key.clone())
    );
    let held = File::from(packet.fd.unwrap());
    write.write_all(b"second\n").unwrap();
    world.flush();
    let mut text = [0; 64];
    let length = std::os::unix::fs::FileExt::read_at(&held, &mut text, 0).unwrap();
    assert_eq!(&text[..length], b"first\nsecond\n");
    assert_eq!(told().unwrap_err().kind(), io::ErrorKind::WouldBlock);

    // What its last process still writes is read first.
    world.logs.forget(unit("a.service"));
    world.flush();
    assert_eq!(told().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(write);
    let drained = world.events.blocking_recv().unwrap();
    assert!(matches!(drained, LogEvent::Drained { .. }), "{drained:?}");
    let packet = told().unwrap().unwrap();
    assert_eq!((packet.record.kind, packet.record.key), (Kind::Delete, key));
}

#[test]
fn the_console_shows_marked_lines_and_the_ring_has_them() {
    let mut world = World::text();
    let (read, mut write) = std::io::pipe().unwrap();
    let ring = create_ring("web.service").unwrap();
    world.follow("web.service", Sink::Console, &read, Some(&ring));
    write.write_all(b"one\ntw").unwrap();
    assert_eq!(world.console_line(), "web.service[7]: one\n");
    world.flush();
    assert_eq!(world.tail("web.service", 9), ["one"]);
    write.write_all(b"o\nrest").unwrap();
    assert_eq!(world.console_line(), "web.service[7]: two\n");
    drop(write);
    assert_eq!(world.console_line(), "web.service[7]: rest\n");
    let drained = LogEvent::Drained {
        unit: unit("web.service"),
        stream: Stream::Out,
    };
    assert_eq!(world.events.blocking_recv(), Some(drained));
    assert_eq!(world.tail("web.service", 2), ["two", "rest"]);
    let mut held = String::new();
    File::from(ring).read_to_string(&mut held).unwrap();
    assert_eq!(held, "one\ntwo\nrest\n");
}

#[test]
fn a_new_process_is_shown_with_its_own_pid() {
    let mut world = World::text();
    let (read, mut write) = std::io::pipe().unwrap();
    world.follow("a.service", Sink::Console, &read, None);
    write.write_all(b"old\n").unwrap();
    world.logs.starting(unit("a.service"));
    // Answered after it, so it knows that a new process comes.
    world.losses("a.service");
    write.write_all(b"new\n").unwrap();
    world.logs.pid(unit("a.service"), Some(8));
    assert_eq!(world.console_line(), "a.service[7]: old\n");
    assert_eq!(world.console_line(), "a.service[8]: new\n");
    // One whose pid is never told is not silenced.
    world.logs.starting(unit("a.service"));
    world.losses("a.service");
    write.write_all(b"newer\n").unwrap();
    assert_eq!(world.console_line(), "a.service[8]: newer\n");
    // Also where none has been before, however fast it writes.
    let (read, mut write) = std::io::pipe().unwrap();
    write.write_all(b"early\n").unwrap();
    world.logs.starting(unit("b.service"));
    world.logs.follow(Follow {
        unit: unit("b.service"),
        stream: Stream::Out,
        read_end: read.into(),
        sink: Sink::Console,
        ring: None,
        copy: None,
        pid: None,
    });
    world.losses("b.service");
    world.logs.pid(unit("b.service"), Some(9));
    assert_eq!(world.console_line(), "b.service[9]: early\n");
}

#[test]
fn settles_and_finishes() {
    let mut world = World::text();
    let (read, mut write) = std::io::pipe().unwrap();
    world.follow("a.service", Sink::Console, &read, None);
    write.write_all(b"whole\npart").unwrap();
    world.logs.settle(unit("a.service"));
    let settled = LogEvent::Settled {
        unit: unit("a.service"),
        stream: Stream::Out,
    };
    assert_eq!(world.events.blocking_recv(), Some(settled));
    assert_eq!(world.console_line(), "a.service[7]: whole\n");
    assert_eq!(world.tail("a.service", 9), ["whole"]);
    world.logs.finish().blocking_recv().unwrap();
    assert_eq!(world.console_line(), "a.service[7]: part\n");
}

#[test]
fn a_forgotten_unit_is_read_to_its_end() {
    let mut world = World::text();
    let (read, mut write) = std::io::pipe().unwrap();
    world.follow("a@1.service", Sink::Console, &read, None);
    world.logs.forget(unit("a@1.service"));
    world.flush();
    write.write_all(b"last words").unwrap();
    drop(write);
    assert_eq!(world.console_line(), "a@1.service[7]: last words\n");
    let drained = LogEvent::Drained {
        unit: unit("a@1.service"),
        stream: Stream::Out,
    };
    assert_eq!(world.events.blocking_recv(), Some(drained));
    assert!(world.tail("a@1.service", 9).is_empty());
}

#[test]
fn remembers_where_the_past_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let world = World::text();
    let ring = create_ring("a.service").unwrap();
    File::from(ring.try_clone().unwrap())
        .write_all(b"in the ring\n")
        .unwrap();
    world.logs.remember(unit("a.service"), Some(ring), None);
    assert_eq!(world.tail("a.service", 9), ["in the ring"]);
    std::fs::write(&path, "in the file\n").unwrap();
    let Sink::File(file) = file_sink(&path, 0, 0) else {
        unreachable!()
    };
    world.logs.remember(unit("b.service"), None, Some(file));
    assert_eq!(world.tail("b.service", 9), ["in the file"]);
}

#[test]
fn json_lines_and_own_lines() {
    let mut world = World::new(LogTarget::Console(Format::Json));
    world.logs.own(OwnLine {
        level: Severity::Notice,
        text: "started web.service".into(),
        unit: Some(unit("web.service")),
        message_id: None,
        fields: Vec::new(),
    });
    let line: serde_json::Value = serde_json::from_str(&world.console_line()).unwrap();
    assert_eq!(line["unit"], "runnerd");
    assert_eq!(line["pid"], 42);
    assert_eq!(line["level"], "notice");
    assert_eq!(line["subject"], "web.service");
    let (read, mut write) = std::io::pipe().unwrap();
    world.follow("web.service", Sink::Target, &read, None);
    write.write_all(b"say \"hi\"\n").unwrap();
    let line: serde_json::Value = serde_json::from_str(&world.console_line()).unwrap();
    assert_eq!(line["message"], "say \"hi\"");
    assert!(line["time"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn rotation_under_load_loses_nothing_and_tears_no_line() {
    const LINES: u64 = 60_000;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let world = World::text();
    let (read, mut write) = std::io::pipe().unwrap();
    world.follow("a.service", file_sink(&path, 8_000, 1_000), &read, None);
    write_numbers(&mut write, 0..LINES);
    world.flush();
    assert_numbers(&read_all(&path), 0..LINES);
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(text.len() <= 8_000 && (text.is_empty() || text.ends_with('\n')));
    }
    let last: Vec<_> = (LINES - 3_000..LINES)
        .map(|n| format!("line {n}"))
        .collect();
    assert_eq!(world.tail("a.service", 3_000), last);
    assert_eq!(world.losses("a.service"), 0);
}

#[test]
fn a_file_emptied_by_others_is_written_on_from_its_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let world = World::text();
    let (read, mut write) = std::io::pipe().unwrap();
    world.follow("a.service", file_sink(&path, 0, 0), &read, None);
    write_numbers(&mut write, 0..1_000);
    world.flush();
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(0)
        .unwrap();
    write_numbers(&mut write, 1_000..2_000);
    world.flush();
    assert_numbers(&std::fs::read_to_string(&path).unwrap(), 1_000..2_000);
    std::fs::rename(&path, dir.path().join("moved")).unwrap();
    world.logs.reopen();
    // Also where nobody writes.
    world.flush();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    write_numbers(&mut write, 2_000..3_000);
    world.flush();
    assert_numbers(&std::fs::read_to_string(&path).unwrap(), 2_000..3_000);
}

#[test]
fn several_outputs_share_a_file_and_a_replaced_pipe_is_drained() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let mut world = World::text();
    let (read, mut write) = std::io::pipe().unwrap();
    let (other_read, mut other) = std::io::pipe().unwrap();
    world.follow("a.service", file_sink(&path, 0, 0), &read, None);
    world.follow("b.service", file_sink(&path, 0, 0), &other_read, None);
    write_numbers(&mut write, 0..100);
    world.flush();
    write_numbers(&mut other, 100..200);
    // The same pipe again changes nothing, another one is read besides.
    world.follow("a.service", file_sink(&path, 0, 0), &read, None);
    world.flush();
    write_numbers(&mut write, 200..300);
    let (new_read, mut new) = std::io::pipe().unwrap();
    world.follow("a.service", file_sink(&path, 0, 0), &new_read, None);
    world.flush();
    write_numbers(&mut new, 300..400);
    world.flush();
    assert_numbers(&std::fs::read_to_string(&path).unwrap(), 0..400);
    // The end of the replaced pipe is nobody's business.
    drop(write);
    world.flush();
    drop(new);
    let drained = LogEvent::Drained {
        unit: unit("a.service"),
        stream: Stream::Out,
    };
    assert_eq!(world.events.blocking_recv(), Some(drained));
    world.flush();
    assert!(world.events.try_recv().is_err());
}

#[test]
fn long_lines_are_cut_and_nothing_is_lost() {
    let world = World::text();
    let (read, mut write) = std::io::pipe().unwrap();
    let ring = create_ring("a.service").unwrap();
    let mut heard = world.logs.subscribe(vec![unit("a.service")], 0);
    world.follow("a.service", Sink::Ring, &read, Some(&ring));
    let long = vec![b'x'; 150_000];
    let long_line = long.clone();
    // Small pieces fill the pipe's slots badly.
    let writer = std::thread::spawn(move || {
        for piece in long_line.chunks(2_100) {
            write.write_all(piece).unwrap();
        }
        write.write_all(b"\nshort\n").unwrap();
    });
    let mut got = Vec::new();
    loop {
        let Some(Heard::Line(line)) = heard.blocking_recv() else {
            panic!("no line")
        };
        assert!(line.text.len() <= lines::LONGEST);
        if line.text == b"short" {
            break;
        }
        got.extend(line.text);
    }
    writer.join().unwrap();
    assert_eq!(got.len(), long.len());
    assert!(got == long);
}

#[test]
fn subscribers_hear_the_past_then_the_present() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::text();
    let (read, mut write) = std::io::pipe().unwrap();
    let path = dir.path().join("a.log");
    world.follow("a.service", file_sink(&path, 0, 0), &read, None);
    write_numbers(&mut write, 0..10);
    world.flush();
    let mut heard = world.logs.subscribe(vec![unit("a.service")], 2);
    let mut next = || match heard.blocking_recv() {
        Some(Heard::Line(line)) => String::from_utf8(line.text).unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!((next(), next()), ("line 8".into(), "line 9".into()));
    write_numbers(&mut write, 10..12);
    assert_eq!((next(), next()), ("line 10".into(), "line 11".into()));
    // One that does not keep up is told what it missed, and holds up nobody.
    let mut slow = world.logs.subscribe(vec![unit("a.service")], 0);
    world.flush();
    write_numbers(&mut write, 12..12 + 3 * SUBSCRIBER_QUEUE as u64);
    world.flush();
    let mut lines = 0;
    while let Ok(Heard::Line(_)) = slow.try_recv() {
        lines += 1;
    }
    assert_eq!(lines, SUBSCRIBER_QUEUE);
    write_numbers(&mut write, 0..1);
    assert_eq!(
        slow.blocking_recv(),
        Some(Heard::Missed(2 * SUBSCRIBER_QUEUE as u64))
    );
    assert!(matches!(slow.blocking_recv(), Some(Heard::Line(line)) if line.text == b"line 0"));
}

#[test]
fn a_missing_directory_costs_no_service_its_output() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("later/a.log");
    let mut world = World::text();
    let (read, mut write) = std::io::pipe().unwrap();
    world.follow("a.service", file_sink(&path, 0, 0), &read, None);
    write_numbers(&mut write, 0..20_000);
    world.flush();
    let said = world.console_line();
    let expected = format!(
        "runnerd[42]: cannot write to log file {} of a.service: no such file or directory; \
         lines are kept in memory\n",
        path.display()
    );
    assert_eq!(said, expected);
    assert_eq!(world.losses("a.service"), 20_000);
    assert_eq!(world.tail("a.service", 1), ["line 19999"]);
    std::fs::create_dir(dir.path().join("later")).unwrap();
    let mut sent = 20_000;
    while !path.exists() {
        write_numbers(&mut write, sent..sent + 1);
        sent += 1;
        world.flush();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let mark = text.lines().next().unwrap();
    assert!(mark.starts_with("runnerd: ") && mark.contains("lines of a.service missing here"));
    assert_eq!(
        text.lines().count() as u64 - 1 + world.losses("a.service"),
        sent
    );
}

#[test]
fn noisy_services_do_not_silence_a_quiet_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::text();
    let heard = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for n in 0..20 {
            let (read, mut write) = std::io::pipe().unwrap();
            let sink = match n % 2 {
                0 => Sink::Ring,
                _ => file_sink(&dir.path().join(n.to_string()), 1_000_000, 1),
            };
            world.follow(&format!("noisy{n}.service"), sink, &read, None);
            drop(read);
            let heard = &heard;
            scope.spawn(move || {
                while !heard.load(Ordering::Relaxed) {
                    write_numbers(&mut write, 0..100);
                }
            });
        }
        let (read, mut write) = std::io::pipe().unwrap();
        world.follow("quiet.service", Sink::Console, &read, None);
        for n in 0..20 {
            write_numbers(&mut write, n..n + 1);
            assert_eq!(
                world.console_line(),
                format!("quiet.service[7]: line {n}\n")
            );
        }
        heard.store(true, Ordering::Relaxed);
    });
    world.flush();
}

#[test]
fn a_pipe_grows_while_it_is_full_and_shrinks_again() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::text();
    let (read, mut write) = std::io::pipe().unwrap();
    let chunk = [vec![b'x'; 65_535], vec![b'\n']].concat();
    write.write_all(&chunk).unwrap();
    world.follow(
        "a.service",
        file_sink(&dir.path().join("a"), 0, 0),
        &read,
        None,
    );
    world.flush();
    assert!(pipe::capacity(read.as_fd()) > pipe::USUAL);
    let begun = Instant::now();
    while pipe::capacity(read.as_fd()) > pipe::USUAL {
        assert!(begun.elapsed() < Duration::from_secs(20));
        world.flush();
    }
}
