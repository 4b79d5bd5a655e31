//! Lines for the journal, and a journald that is there, slow or away.

use super::*;

#[test]
fn the_journal_gets_lines_with_their_fields() {
    let dir = tempfile::tempdir().unwrap();
    let socket = UnixDatagram::bind(dir.path().join("journal")).unwrap();
    let world = World::with_journal(LogTarget::Journal, dir.path().join("journal"));
    let (read, mut write) = std::io::pipe().unwrap();
    world.follow("web@1.service", Sink::Target, &read, None);
    write.write_all(b"<3>bad\n").unwrap();
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).unwrap();
    let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
    let whose = match nix::unistd::getuid().is_root() {
        true => "OBJECT_SYSTEMD_UNIT",
        false => "USER_UNIT",
    };
    let expected = format!(
        "MESSAGE=bad\nPRIORITY=3\nSYSLOG_IDENTIFIER=web@1\nUNIT=web@1.service\n\
         {whose}=web@1.service\nSYSLOG_PID=7\nSYSLOG_FACILITY=3\n"
    );
    assert_eq!(text, expected);
    world.logs.own(OwnLine {
        level: Severity::Error,
        text: "failed".into(),
        unit: None,
        message_id: Some("be02cf6855d2428ba40df7e9d022f03d"),
        fields: Vec::new(),
    });
    let length = socket.recv(&mut buffer).unwrap();
    let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
    assert!(
        text.contains("MESSAGE_ID=be02cf6855d2428ba40df7e9d022f03d\n"),
        "{text}"
    );
    assert!(
        text.contains("PRIORITY=3\nSYSLOG_IDENTIFIER=runnerd\n"),
        "{text}"
    );

    // A journald that does not read holds lines up, and loses none when it reads again.
    write_numbers(&mut write, 0..2_000);
    for n in 0..2_000 {
        let length = socket.recv(&mut buffer).unwrap();
        assert!(buffer[..length].starts_with(format!("MESSAGE=line {n}\n").as_bytes()));
    }
}

#[test]
fn a_journald_that_does_not_read_for_long_holds_nobody_up_and_misses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let socket = UnixDatagram::bind(dir.path().join("journal")).unwrap();
    let world = World::with_journal(LogTarget::Journal, dir.path().join("journal"));
    let (read, mut write) = std::io::pipe().unwrap();
    world.follow("a.service", Sink::Target, &read, None);
    // More than its queue takes. Resolves when the patience with it is at its end.
    write_numbers(&mut write, 0..1_000);
    world.flush();
    write_numbers(&mut write, 1_000..2_000);
    world.flush();
    assert_eq!(world.losses("a.service"), 0);
    assert_eq!(world.tail("a.service", 1), ["line 1999"]);
    let mut buffer = [0; 4096];
    let mut next = 0;
    while next < 2_000 {
        let length = socket.recv(&mut buffer).unwrap();
        // What we say of it ourselves waited with them.
        if buffer[..length].starts_with(b"MESSAGE=line") {
            assert!(buffer[..length].starts_with(format!("MESSAGE=line {next}\n").as_bytes()));
            next += 1;
        }
    }
}

#[test]
fn without_a_journald_lines_are_counted_kept_and_marked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let world = World::with_journal(LogTarget::Journal, path.clone());
    let (read, mut write) = std::io::pipe().unwrap();
    world.follow("a.service", Sink::Journal, &read, None);
    write_numbers(&mut write, 0..3);
    // Resolves when the patience with the journal is at its end.
    world.flush();
    assert_eq!(world.losses("a.service"), 3);
    assert_eq!(world.tail("a.service", 9), ["line 0", "line 1", "line 2"]);
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 4096];
    let mut sent = 3;
    let first = loop {
        write_numbers(&mut write, sent..sent + 1);
        sent += 1;
        world.flush();
        if let Ok(length) = socket.recv(&mut buffer) {
            break String::from_utf8_lossy(&buffer[..length]).into_owned();
        }
    };
    assert!(
        first.contains("missing here: no such file or directory"),
        "{first}"
    );
    assert!(world.losses("a.service") >= 3);
}
