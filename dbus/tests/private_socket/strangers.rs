//! Clients that mean no good, or know no better.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use dbus::client::{Client, Kind};
use zbus::Message;

use crate::fake::{Fake, Order};

const HELLO: &[u8] = b"\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";

fn connect(fake: &Fake) -> UnixStream {
    UnixStream::connect(fake.socket()).unwrap()
}

fn is_closed(stream: &mut UnixStream) -> bool {
    let mut rest = Vec::new();
    matches!(stream.read_to_end(&mut rest), Ok(_) | Err(_))
}

fn call(member: &str, body: &(impl serde::Serialize + zbus::wire::DynamicType)) -> Vec<u8> {
    Message::method_call("/org/unitrunner/Runner1", member)
        .interface("org.unitrunner.Runner1.Manager")
        .build(body)
        .unwrap()
        .data()
        .to_vec()
}

#[test]
fn who_sends_too_much_is_dropped() {
    let fake = Fake::start();
    let mut stream = connect(&fake);
    stream.write_all(HELLO).unwrap();
    // Only the head: the server must not wait for, or make room for, the rest.
    let long = call("GetUnit", &"x".repeat(1 << 20));
    let _ = stream.write_all(&long[..16]);
    assert!(is_closed(&mut stream));
}

#[test]
fn who_never_authenticates_is_dropped() {
    let fake = Fake::start();
    let mut silent = connect(&fake);
    let mut babbling = connect(&fake);
    let _ = babbling.write_all(&[b'A'; 10_000]);
    assert!(is_closed(&mut babbling));
    assert!(is_closed(&mut silent), "after the time-out");
}

#[test]
fn who_says_to_be_another_is_rejected() {
    let fake = Fake::start();
    let mut stream = connect(&fake);
    // 4294967294 in hexadecimal digits of its decimal digits.
    stream
        .write_all(b"\0AUTH EXTERNAL 34323934393637323934\r\n")
        .unwrap();
    let mut answer = [0; 8];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"REJECTED");
}

#[tokio::test]
async fn one_user_has_only_so_many_connections() {
    let fake = Fake::start();
    let mut clients = Vec::new();
    while let Ok(client) = Client::connect(fake.socket()).await {
        clients.push(client);
        assert!(clients.len() <= 32);
    }
    assert_eq!(clients.len(), 32);
    clients[0].list_jobs().await.unwrap();
}

#[test]
fn pipelined_calls_are_all_answered() {
    let fake = Fake::start();
    let mut stream = connect(&fake);
    let mut all = HELLO.to_vec();
    for _ in 0..200 {
        all.extend(call("ListUnits", &()));
    }
    let mut writer = stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || writer.write_all(&all).unwrap());
    let mut received = Vec::new();
    let mut chunk = [0; 4096];
    let signature = b"a(ssssssouso)";
    let count = |bytes: &[u8]| {
        bytes
            .windows(signature.len())
            .filter(|window| window == signature)
            .count()
    };
    while count(&received) < 200 {
        let read = stream.read(&mut chunk).unwrap();
        assert!(read > 0, "answered {} of 200", count(&received));
        received.extend_from_slice(&chunk[..read]);
    }
    writing.join().unwrap();
}

#[test]
fn who_does_not_read_holds_up_nobody() {
    let fake = Fake::start();
    let mut stream = connect(&fake);
    stream.write_all(HELLO).unwrap();
    stream.write_all(&call("Subscribe", &())).unwrap();
    // The reply: from here on it is subscribed, and reads no more.
    let mut greeting = [0; 64];
    assert!(stream.read(&mut greeting).unwrap() > 0);
    for _ in 0..20 {
        fake.order(Order::Burst(1_000));
    }
    let units = fake.run(
        "busctl",
        &[
            "--address=ADDRESS",
            "call",
            "org.unitrunner.Runner1",
            "/org/unitrunner/Runner1",
            "org.unitrunner.Runner1.Manager",
            "ListJobs",
        ],
    );
    assert_eq!(units, "a(usssoo) 0\n");
}

#[tokio::test]
async fn garbage_in_messages_harms_nobody() {
    let fake = Fake::start();
    let good = call("StartUnit", &("web.service", "replace"));
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0xff;
        // One that comes while the places of this user are taken is turned away: it tries again.
        let mut stream = loop {
            let mut stream = connect(&fake);
            if stream.write_all(HELLO).is_ok() {
                break stream;
            }
        };
        let _ = stream.write_all(&bad);
        drop(stream);
    }
    loop {
        // The last ones may still take up the places of this user.
        if let Ok(client) = Client::connect(fake.socket()).await {
            client.list_jobs().await.unwrap();
            break;
        }
    }
}

/// When we run as root, nobody (uid 65534) can be had to ask; otherwise there is nobody to ask.
#[test]
fn an_observer_sees_states_only() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;

    if std::fs::metadata("/proc/self")
        .map(|m| std::os::unix::fs::MetadataExt::uid(&m))
        .ok()
        != Some(0)
    {
        return;
    }
    let fake = Fake::start();
    let socket = fake.socket();
    for (path, mode) in [(socket.parent().unwrap(), 0o755), (&socket, 0o666)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let nobody = |arguments: &[&str]| {
        let output = std::process::Command::new("busctl")
            .arg(format!("--address={}", fake.address()))
            .args(arguments)
            .uid(65534)
            .gid(65534)
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
        )
    };
    let name = "org.unitrunner.Runner1";
    let web = "/org/unitrunner/Runner1/unit/web_2eservice";
    let get = |interface: &str, property: &str| {
        nobody(&[
            "get-property",
            name,
            web,
            &format!("{name}.{interface}"),
            property,
        ])
    };
    assert_eq!(
        get("Unit", "ActiveState"),
        (true, "s \"inactive\"\n".to_owned())
    );
    for hidden in ["Environment", "ExecStart", "StatusText", "MemoryCurrent"] {
        let (worked, text) = get("Service", hidden);
        assert!(
            !worked && text.contains("Access denied"),
            "{hidden}: {text}"
        );
    }
    let (worked, all) = nobody(&[
        "call",
        name,
        web,
        "org.freedesktop.DBus.Properties",
        "GetAll",
        "s",
        "",
    ]);
    assert!(worked && all.contains("ActiveState"), "{all}");
    for hidden in [
        "hunter2",
        "/usr/bin/web",
        "at your service",
        "MemoryCurrent",
    ] {
        assert!(!all.contains(hidden), "{hidden} in {all}");
    }
    let manager = "org.unitrunner.Runner1.Manager";
    for call in [
        &["StartUnit", "ss", "web.service", "replace"][..],
        &["Cat", "s", "web.service"],
        &["ReadLog", "asub", "1", "web.service", "1", "false"],
        &["GetUnitProcesses", "s", "web.service"],
        &["Exit", "y", "0"],
        &["Reexecute"],
    ] {
        let mut arguments = vec!["call", name, "/org/unitrunner/Runner1", manager];
        arguments.extend(call);
        let (worked, text) = nobody(&arguments);
        assert!(
            !worked && text.contains("Access denied"),
            "{call:?}: {text}"
        );
    }
}

#[tokio::test]
async fn errors_have_names() {
    let fake = Fake::start();
    let client = Client::connect(fake.socket()).await.unwrap();
    let error = client
        .enqueue("web.service", "sing", "replace", "")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Some(Kind::InvalidArgs));
    assert!(
        error
            .to_string()
            .contains("\"sing\" is not a verb (one of: start, stop"),
        "{error}"
    );
}

#[tokio::test]
async fn descriptors_nobody_asked_for_are_closed() {
    let fake = Fake::start();
    let stream = connect(&fake);
    let client = zbus::connection::Builder::unix_stream(stream)
        .p2p()
        .build()
        .await
        .unwrap();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let refused = client
        .call_method(
            None::<&str>,
            "/org/unitrunner/Runner1",
            Some("org.unitrunner.Runner1.Manager"),
            "GetUnit",
            &zbus::Fd::from(std::os::fd::OwnedFd::from(writer)),
        )
        .await;
    assert!(refused.is_err());
    // The end comes as soon as no copy of the other end is left, the server's included.
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
}
