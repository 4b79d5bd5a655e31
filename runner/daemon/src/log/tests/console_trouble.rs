//! A console that takes nothing, and one that is gone.

use super::*;

#[test]
fn a_stopped_console_holds_up_nobody_for_long() {
    let mut world = World::text();
    let (read, mut write) = std::io::pipe().unwrap();
    world.follow("a.service", Sink::Console, &read, None);
    // Far more than both pipes hold: this returns only because lines pass the console by.
    write_numbers(&mut write, 0..100_000);
    world.flush();
    let lost = world.losses("a.service");
    assert!(lost > 0);
    assert_eq!(world.tail("a.service", 1), ["line 99999"]);
    let (mut shown, mut marked) = (0, 0);
    loop {
        // The console is tried again when there is a new line; by then it has room.
        if shown + lost == 100_000 && marked == 0 {
            write.write_all(b"the end\n").unwrap();
        }
        let line = world.console_line();
        if line == "a.service[7]: the end\n" {
            break;
        }
        if line.starts_with("a.service[7]: line ") {
            shown += 1;
        } else if line.contains(" of a.service missing here: ") {
            let number = line
                .strip_prefix("runnerd[42]: ")
                .unwrap()
                .split(' ')
                .next()
                .unwrap();
            marked += number.parse::<u64>().unwrap();
        } else {
            assert!(line.contains("the console takes no lines"), "{line}");
        }
    }
    assert_eq!((shown + lost, marked), (100_000, lost));
}

#[test]
fn a_closed_console_ends_nothing() {
    let world = World::text();
    let World { logs, console, .. } = world;
    drop(console);
    let (read, mut write) = std::io::pipe().unwrap();
    logs.follow(Follow {
        unit: unit("a.service"),
        stream: Stream::Out,
        read_end: read.into(),
        sink: Sink::Console,
        ring: None,
        copy: None,
        pid: None,
    });
    write_numbers(&mut write, 0..20_000);
    logs.flush().blocking_recv().unwrap();
    let tail = logs.tail(unit("a.service"), 1).blocking_recv().unwrap();
    assert_eq!(tail[0].text, b"line 19999");
}
