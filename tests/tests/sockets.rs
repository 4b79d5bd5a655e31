//! Listeners: opened at the start, handed over at the first connection, kept for ever.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use tests::{World, get};

const SERVICE: &str =
    "[service]\nstart-limit-burst = 0\nexec-start = \"@actor@ as=web facts hold=TERM serve\"\n";

#[test]
fn the_first_connection_starts_the_service() {
    let mut world = World::new();
    world.unit(
        "web.toml",
        &format!("[socket]\nlisten-stream = [\"@host@:80\"]\n{SERVICE}"),
    );
    world.start();
    assert_eq!(world.show("web.service", "ActiveState"), "inactive");
    assert_eq!(world.show("web.socket", "SubState"), "listening");
    let address = format!("{}:80", world.host());
    let answer = get(&address).unwrap();
    let event = world.event("web", "facts");
    assert!(
        answer.ends_with(&format!("web {}\n", event.pid)),
        "{answer}"
    );
    let environment = &event.detail["environment"];
    assert_eq!(environment["LISTEN_FDS"], "1");
    assert_eq!(environment["LISTEN_PID"], event.pid.to_string());
    assert_eq!(environment["LISTEN_FDNAMES"], "web.socket");
    assert_eq!(world.show("web.socket", "SubState"), "running");
    // Stopped, it comes back with the next connection.
    world.ctl(&["stop", "web.service"]).ok();
    assert_eq!(world.show("web.socket", "SubState"), "listening");
    let answer = get(&address).unwrap();
    assert!(!answer.ends_with(&format!("web {}\n", event.pid)));
    // The socket stopped, nobody listens.
    world.ctl(&["stop", "web.socket", "web.service"]).ok();
    assert_eq!(
        get(&address).unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
}

/// The keeper holds every listener too, and below systemd there is a third one in its journal: when a
/// stop is over all are closed.
#[test]
fn a_closed_address_is_free_at_once() {
    let mut world = World::new();
    world.unit(
        "web.toml",
        &format!("[socket]\nlisten-stream = \"@host@:80\"\nstart-limit-burst = 0\n{SERVICE}"),
    );
    world.start();
    for _ in 0..20 {
        world.ctl(&["restart", "web.socket"]).ok();
    }
    for _ in 0..20 {
        world.ctl(&["stop", "web.socket"]).ok();
        let ours = std::net::TcpListener::bind(format!("{}:80", world.host()));
        drop(ours.expect("the address is free"));
        world.ctl(&["start", "web.socket"]).ok();
    }
}

#[test]
fn restarted_under_a_client_nothing_is_refused() {
    let mut world = World::new();
    world.unit(
        "web.toml",
        &format!("[socket]\nlisten-stream = \"@host@:80\"\n{SERVICE}"),
    );
    world.start();
    let client = tests::Client::start(&format!("{}:80", world.host()), 400);
    for _ in 0..20 {
        world.event("web", "facts");
        world.ctl(&["restart", "web.service"]).ok();
    }
    let tally = client.stop();
    assert!(tally.failed.is_empty(), "{:?}", tally.failed);
    assert!(tally.answered > 20);
}

#[test]
fn one_instance_per_connection() {
    let mut world = World::new();
    world.unit(
        "one.toml",
        "[socket]\nlisten-stream = \"@host@:80\"\naccept = true\nmax-connections = 2\n",
    );
    world.unit(
        "one@.toml",
        "[service]\nstandard-input = \"socket\"\nexec-start = \"@actor@ as=one facts answer\"\n",
    );
    world.start();
    let address = format!("{}:80", world.host());
    let mut pids = Vec::new();
    for _ in 0..3 {
        assert!(get(&address).unwrap().contains("200 OK"));
        let facts = world.event("one", "facts");
        assert_eq!(facts.detail["environment"]["REMOTE_ADDR"], "127.0.0.1");
        assert!(facts.detail["environment"]["REMOTE_PORT"].is_string());
        pids.push(facts.pid);
    }
    pids.dedup();
    assert_eq!(pids.len(), 3);
    // An answer is read before the end of its instance is known.
    world.until("no connection is left", || {
        world.show("one.socket", "NConnections") == "0"
    });
    // The third at a time is turned away.
    let open: Vec<_> = (0..2)
        .map(|_| {
            let stream = std::net::TcpStream::connect(&address).unwrap();
            world.event("one", "facts");
            stream
        })
        .collect();
    let mut third = std::net::TcpStream::connect(&address).unwrap();
    let mut nothing = Vec::new();
    let _ = third.read_to_end(&mut nothing);
    assert!(nothing.is_empty());
    assert_eq!(world.show("one.socket", "NConnections"), "2");
    for mut stream in open {
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        stream.read_to_end(&mut nothing).unwrap();
    }
    assert!(!nothing.is_empty());
}

#[test]
fn every_kind_of_listener_with_its_name_mode_and_owner() {
    let mut world = World::new();
    world.unit(
        "all.toml",
        r#"
        [socket.web]
        listen-stream = ["@host@:80", "@dir@/run/sub/web.sock"]
        socket-mode = "0640"
        service = "all.service"
        [socket.datagrams]
        listen-datagram = "@dir@/datagrams.sock"
        file-descriptor-name = "letters"
        service = "all.service"
        [socket.packets]
        listen-sequential-packet = "@dir@/packets.sock"
        service = "all.service"
        [socket.pipe]
        listen-fifo = "@dir@/pipe"
        remove-on-stop = true
        service = "all.service"
        [service]
        exec-start = "@actor@ as=all facts pause"
        "#,
    );
    world.start();
    let mode = |name: &str| {
        std::fs::symlink_metadata(world.path(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    };
    assert_eq!(mode("run/sub/web.sock"), 0o640);
    assert_eq!(mode("datagrams.sock"), 0o666);
    let sockets = world.ctl(&["list-sockets"]).ok();
    for name in ["run/sub/web.sock", "datagrams.sock", "packets.sock", "pipe"] {
        assert!(sockets.contains(name), "{name}: {sockets}");
    }
    let letter = UnixDatagram::unbound().unwrap();
    letter
        .send_to(b"hello", world.path("datagrams.sock"))
        .unwrap();
    let environment = world.event("all", "facts").detail["environment"].clone();
    assert_eq!(environment["LISTEN_FDS"], "5");
    let names = environment["LISTEN_FDNAMES"].as_str().unwrap();
    let mut names: Vec<&str> = names.split(':').collect();
    names.sort_unstable();
    assert_eq!(names, ["letters", "packets", "pipe", "web", "web"]);
    world.ctl(&["stop", "all.service", "all-pipe.socket"]).ok();
    assert!(!world.path("pipe").exists());
    assert!(world.path("datagrams.sock").exists());
}

#[test]
fn a_flood_meets_the_trigger_limit() {
    let mut world = World::new();
    world.unit(
        "x.toml",
        "[socket]\nlisten-stream = \"@dir@/x.sock\"\ntrigger-limit-burst = 5\ntrigger-limit-interval-sec = \"1min\"\n\
         [service]\nstart-limit-burst = 0\nexec-start = \"@actor@ as=x tell=up exit=1\"\n",
    );
    world.start();
    // Nobody ever takes the connection, so it triggers again and again.
    let _stream = UnixStream::connect(world.path("x.sock")).unwrap();
    world.wait_for("x.socket", "inactive");
    assert_eq!(world.show("x.socket", "ActiveState"), "failed");
    assert_eq!(world.show("x.socket", "Result"), "trigger-limit-hit");
    let ups = world
        .heard()
        .iter()
        .filter(|event| event.word == "up")
        .count();
    assert!((1..=5).contains(&ups), "{ups} starts");
}

#[test]
fn a_stale_node_is_replaced() {
    let mut world = World::new();
    drop(std::os::unix::net::UnixListener::bind(world.path("x.sock")).unwrap());
    world.unit(
        "x.toml",
        "[socket]\nlisten-stream = \"@dir@/x.sock\"\n[service]\nexec-start = \"@actor@ as=x tell=up pause\"\n",
    );
    world.start();
    let _stream = UnixStream::connect(world.path("x.sock")).unwrap();
    world.event("x", "up");
}
