//! Outputs that are looked into on their way: what is taken out of them, and who taps them.

use control::{Chunk, ChunkKind};
use tokio::sync::mpsc::Receiver;

use super::*;

const BEGIN: &str = "<!--XSUPERVISOR:BEGIN-->";
const END: &str = "<!--XSUPERVISOR:END-->";

fn copying(strip: bool, capture: usize) -> Copying {
    Copying {
        form: Form { strip, capture },
        ..Copying::default()
    }
}

fn follow(world: &World, read: &PipeReader, sink: Sink, copying: Copying, spool: &OwnedFd) {
    world.logs.follow(Follow {
        unit: unit("a.service"),
        stream: Stream::Out,
        read_end: read.try_clone().unwrap().into(),
        sink,
        ring: None,
        copy: Some((copying, Some(spool.try_clone().unwrap()))),
        pid: Some(7),
    });
}

fn tap(world: &World, from: Option<u64>) -> Receiver<Chunk> {
    world.logs.tap(unit("a.service"), Stream::Out, from)
}

fn next(chunks: &mut Receiver<Chunk>) -> (u64, u64, u32, ChunkKind, String) {
    let chunk = chunks.blocking_recv().unwrap();
    let text = String::from_utf8(chunk.bytes.to_vec()).unwrap();
    (chunk.position, chunk.end, chunk.pid, chunk.kind, text)
}

fn drain(world: &World) {
    world.logs.drain(unit("a.service")).blocking_recv().unwrap();
}

#[test]
fn captured_text_is_told_and_not_logged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let mut world = World::text();
    // Before there is anything to tap.
    let mut chunks = tap(&world, None);
    let (read, mut write) = std::io::pipe().unwrap();
    let spool = create_ring("a").unwrap();
    follow(
        &world,
        &read,
        file_sink(&path, 0, 0),
        copying(true, 100),
        &spool,
    );
    write.write_all(b"no newline yet").unwrap();
    // Told at once, though the line has no end.
    let told = (0, 14, 7, ChunkKind::Output, "no newline yet".to_owned());
    assert_eq!(next(&mut chunks), told);
    let text = format!(", \x1b[1mbold\x1b[0m{BEGIN}hi{END} after <!--X");
    write.write_all(text.as_bytes()).unwrap();
    drain(&world);
    assert_eq!(next(&mut chunks).4, ", bold");
    let begin = 14 + 14;
    let whole = begin + 24 + 2 + 22;
    assert_eq!(
        next(&mut chunks),
        (begin, begin, 7, ChunkKind::Output, "hi".to_owned())
    );
    assert_eq!(
        next(&mut chunks),
        (begin, whole, 7, ChunkKind::Captured, "hi".to_owned())
    );
    let after = (whole, whole + 7, 7, ChunkKind::Output, " after ".to_owned());
    assert_eq!(next(&mut chunks), after);
    drop(write);
    assert!(matches!(
        world.events.blocking_recv(),
        Some(LogEvent::Drained { .. })
    ));
    assert_eq!(next(&mut chunks).4, "<!--X");
    let logged = std::fs::read_to_string(&path).unwrap();
    assert_eq!(logged, "no newline yet, bold after <!--X");
}

#[test]
fn who_taps_again_goes_on_where_he_was_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let (read, mut write) = std::io::pipe().unwrap();
    let spool = create_ring("a").unwrap();
    let first = World::text();
    follow(
        &first,
        &read,
        file_sink(&path, 0, 0),
        copying(false, 0),
        &spool,
    );
    let mut chunks = tap(&first, None);
    write.write_all(b"one\n").unwrap();
    let end = next(&mut chunks).1;
    assert_eq!(end, 4);
    write.write_all(b"two\n").unwrap();
    drain(&first);
    drop(first);
    let second = World::text();
    second.logs.spool(
        unit("a.service"),
        Stream::Out,
        copying(false, 0),
        spool.try_clone().unwrap(),
    );
    // Nobody writes any more, and what was not told is still there.
    let mut chunks = tap(&second, Some(end));
    assert_eq!(
        next(&mut chunks),
        (4, 8, 7, ChunkKind::Output, "two\n".to_owned())
    );
    follow(
        &second,
        &read,
        file_sink(&path, 0, 0),
        copying(false, 0),
        &spool,
    );
    write.write_all(b"three\n").unwrap();
    assert_eq!(next(&mut chunks).4, "three\n");
    drain(&second);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\nthree\n");
}

#[test]
fn who_does_not_keep_up_holds_up_one_service() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::text();
    let (read, mut write) = std::io::pipe().unwrap();
    let spool = create_ring("a").unwrap();
    let path = dir.path().join("a.log");
    follow(
        &world,
        &read,
        file_sink(&path, 0, 0),
        copying(false, 0),
        &spool,
    );
    let mut chunks = tap(&world, None);
    let writer = std::thread::spawn(move || write_numbers(&mut write, 0..400_000));
    let (other_read, mut other_write) = std::io::pipe().unwrap();
    let other = dir.path().join("b.log");
    world.follow("b.service", file_sink(&other, 0, 0), &other_read, None);
    write_numbers(&mut other_write, 0..100_000);
    world.logs.settle(unit("b.service"));
    let mut events = world.events;
    assert!(matches!(
        events.blocking_recv(),
        Some(LogEvent::Settled { .. })
    ));
    assert!(!writer.is_finished());
    let (mut told, mut position) = (Vec::new(), 0);
    while !told.ends_with(b"line 399999\n") {
        let chunk = chunks.blocking_recv().unwrap();
        assert_eq!(chunk.position, position);
        position = chunk.end;
        told.extend_from_slice(&chunk.bytes);
    }
    writer.join().unwrap();
    assert_numbers(&String::from_utf8(told).unwrap(), 0..400_000);
    world.logs.flush().blocking_recv().unwrap();
    assert_numbers(&read_all(&path), 0..400_000);
}

#[test]
fn a_copy_goes_to_syslog_and_to_the_main_log() {
    let dir = tempfile::tempdir().unwrap();
    let syslogd = UnixDatagram::bind(dir.path().join("log")).unwrap();
    let (sender, _events) = tokio::sync::mpsc::unbounded_channel();
    let main = dir.path().join("main.log");
    let surroundings = Surroundings {
        target: LogTarget::Main(own::MainLog {
            file: match file_sink(&main, 0, 0) {
                Sink::File(file) => Some(file),
                _ => None,
            },
            level: Severity::Debug,
            on_stdout: false,
            syslog: false,
        }),
        journal: PathBuf::from("/nonexistent/journal"),
        syslog: dir.path().join("log"),
        standard: None,
        pid: 42,
        holder: None,
        introduction: PATIENCE,
    };
    let logs = Logs::start_with(surroundings, sender).unwrap();
    let (read, mut write) = std::io::pipe().unwrap();
    logs.follow(Follow {
        unit: unit("g:a.service"),
        stream: Stream::Err,
        read_end: read.into(),
        sink: Sink::Ring,
        ring: None,
        copy: Some((
            Copying {
                syslog: true,
                main_log: true,
                ..Copying::default()
            },
            None,
        )),
        pid: Some(7),
    });
    write.write_all(b"one\ntwo").unwrap();
    let mut buffer = [0; 256];
    let mut message = || {
        let length = syslogd.recv(&mut buffer).unwrap();
        let text = String::from_utf8_lossy(&buffer[..length]);
        text.rsplit_once(": ").unwrap().1.to_owned()
    };
    assert_eq!(message(), "a one");
    drop(write);
    assert_eq!(message(), "a two");
    logs.flush().blocking_recv().unwrap();
    let tail = logs.tail(unit("g:a.service"), 9).blocking_recv().unwrap();
    assert_eq!(tail.len(), 2);
    let said = std::fs::read_to_string(&main).unwrap();
    assert!(
        said.contains(" DEBG 'a' stderr output:\none\ntwo\n"),
        "{said}"
    );
}

#[test]
fn a_log_file_that_is_a_pipe_gets_everything_as_it_is_and_holds_up_nobody_for_long() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let world = World::text();
    let (read, mut write) = std::io::pipe().unwrap();
    world.follow("a.service", file_sink(&fifo, 10, 1), &read, None);
    // Nobody reads it: what is written is in memory.
    write.write_all(b"lost\n").unwrap();
    world.flush();
    assert_eq!(world.tail("a.service", 9), ["lost"]);
    let reader = File::options().read(true).write(true).open(&fifo);
    let mut reader = BufReader::new(reader.unwrap());
    let (other_read, mut other_write) = std::io::pipe().unwrap();
    world.follow("b.service", file_sink(&fifo, 10, 1), &other_read, None);
    // It is tried again after a while, with what comes then.
    let has_read = AtomicBool::new(false);
    let got = std::thread::scope(|scope| {
        let got = scope.spawn(|| {
            let mut got = [0; 6];
            let mut mark = String::new();
            reader.read_line(&mut mark).unwrap();
            reader.read_exact(&mut got).unwrap();
            has_read.store(true, Ordering::Relaxed);
            assert!(mark.contains(" of b.service missing here: "), "{mark}");
            got
        });
        while !has_read.load(Ordering::Relaxed) {
            other_write.write_all(b"prompt").unwrap();
            world.flush();
        }
        got.join().unwrap()
    });
    assert_eq!(&got, b"prompt");
}
