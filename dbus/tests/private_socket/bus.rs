//! Our name on a real message bus that comes, goes and comes back.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use dbus::server::bus::{Bus, News, own_name};

use crate::fake::{Fake, Order};

/// A bus of our own.
struct Daemon {
    child: Child,
}

impl Daemon {
    fn start(socket: &Path) -> Daemon {
        let mut child = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--print-address"])
            .arg(format!("--address=unix:path={}", socket.display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It prints its address when it listens.
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.contains("unix:path="), "{line}");
        Daemon { child }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn call(socket: &Path, arguments: &[&str]) -> String {
    let output = Command::new("busctl")
        .arg(format!("--address=unix:path={}", socket.display()))
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn the_name_is_ours_again_when_the_bus_is_back() {
    let fake = Fake::start();
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("bus");
    let daemon = Daemon::start(&socket);
    let (news, mut heard) = tokio::sync::mpsc::unbounded_channel();
    fake.order(Order::Own(
        Bus::Address(format!("unix:path={}", socket.display())),
        news,
    ));
    assert_eq!(heard.recv().await, Some(News::Owned));

    let name = "org.unitrunner.Runner1";
    let root = "/org/unitrunner/Runner1";
    let manager = "org.unitrunner.Runner1.Manager";
    let start = [
        "call",
        name,
        root,
        manager,
        "StartUnit",
        "ss",
        "web.service",
        "replace",
    ];
    assert_eq!(
        call(&socket, &start),
        "o \"/org/unitrunner/Runner1/job/1\"\n"
    );
    let tree = call(&socket, &["tree", "--list", name]);
    assert!(
        tree.lines()
            .any(|line| line == "/org/unitrunner/Runner1/unit/web_2eservice")
    );

    drop(daemon);
    assert!(matches!(heard.recv().await, Some(News::Lost(_))));
    std::fs::remove_file(&socket).ok();
    let _daemon = Daemon::start(&socket);
    while heard.recv().await != Some(News::Owned) {}
    assert_eq!(
        call(&socket, &["get-property", name, root, manager, "NJobs"]),
        "u 0\n"
    );
}

/// Subscribed clients of a bus are told, and see what everybody may see.
#[tokio::test]
async fn signals_reach_subscribers() {
    use futures_util::StreamExt;

    let fake = Fake::start();
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("bus");
    let _daemon = Daemon::start(&socket);
    let address = format!("unix:path={}", socket.display());
    let (news, mut heard) = tokio::sync::mpsc::unbounded_channel();
    fake.order(Order::Own(Bus::Address(address.clone()), news));
    assert_eq!(heard.recv().await, Some(News::Owned));

    let client = zbus::connection::Builder::address(address.as_str())
        .build()
        .await
        .unwrap();
    let rule = zbus::MatchRule::builder()
        .msg_type(zbus::message::Type::Signal)
        .path_namespace("/org/unitrunner")
        .build()
        .unwrap();
    let mut signals = zbus::MessageStream::for_match_rule(rule, &client, None)
        .await
        .unwrap();
    client
        .call_method(
            Some("org.unitrunner.Runner1"),
            "/org/unitrunner/Runner1",
            Some("org.unitrunner.Runner1.Manager"),
            "Subscribe",
            &(),
        )
        .await
        .unwrap();
    fake.order(Order::Burst(1));
    let mut members = Vec::new();
    while members.len() < 3 {
        let message = signals.next().await.unwrap().unwrap();
        let text = String::from_utf8_lossy(message.data()).into_owned();
        assert!(
            !text.contains("at your service"),
            "a status text is not for everybody"
        );
        members.push(message.header().member().unwrap().to_string());
    }
    assert_eq!(
        members,
        ["UnitMoved", "PropertiesChanged", "PropertiesChanged"]
    );
}

/// Without a bus the attempts go on quietly.
#[tokio::test]
async fn no_bus_is_told_once() {
    let (handle, _door) = control::open(control::Policy {
        own_uid: 0,
        admin_gid: None,
    });
    let (news, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let bus = Bus::Address("unix:path=/nonexistent/bus".to_owned());
    let owning = tokio::spawn(own_name(handle, bus, move |what| drop(news.send(what))));
    assert!(matches!(heard.recv().await, Some(News::Lost(_))));
    owning.abort();
    assert!(owning.await.unwrap_err().is_cancelled());
    assert_eq!(heard.recv().await, None);
}
