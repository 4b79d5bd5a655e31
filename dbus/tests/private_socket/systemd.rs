//! What systemd's own clients rely on.

use dbus::names::Face;
use futures_util::StreamExt;
use zbus::message::Type;
use zbus::{Connection, Message, MessageStream, ObjectPath};

use crate::fake::Fake;

const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";

/// Connects and says neither Hello nor Subscribe.
async fn connect(fake: &Fake) -> (Connection, MessageStream) {
    let stream = std::os::unix::net::UnixStream::connect(fake.socket()).unwrap();
    let connection = zbus::connection::Builder::unix_stream(stream)
        .p2p()
        .build()
        .await
        .unwrap();
    let messages = MessageStream::from(&connection);
    (connection, messages)
}

async fn call<B>(connection: &Connection, path: &str, name: &str, body: &B) -> zbus::Result<Message>
where
    B: serde::Serialize + zbus::wire::DynamicType,
{
    let (interface, member) = name.rsplit_once('.').unwrap();
    let to = Some(Face::Systemd.bus_name());
    connection
        .call_method(to, path, Some(interface), member, body)
        .await
}

fn error_of(answer: zbus::Result<Message>) -> (String, String) {
    match answer {
        Err(zbus::Error::MethodError(name, text, _)) => {
            (name.to_string(), text.unwrap_or_default())
        }
        other => panic!("no error: {other:?}"),
    }
}

/// Waits for a signal of this name, and gives those that came before and it.
async fn signals_until(messages: &mut MessageStream, last: &str) -> Vec<Message> {
    let mut signals = Vec::new();
    while let Some(message) = messages.next().await {
        let message = message.unwrap();
        if message.message_type() != Type::Signal {
            continue;
        }
        let member = message.header().member().unwrap().to_string();
        signals.push(message);
        if member == last {
            break;
        }
    }
    signals
}

#[tokio::test]
async fn signals_come_unasked_and_in_systemds_order() {
    let fake = Fake::start_as_systemd();
    let (connection, mut messages) = connect(&fake).await;
    let root = Face::Systemd.root();
    let start = format!("{MANAGER}.StartUnit");
    let reply = call(&connection, root, &start, &("web.service", "replace"))
        .await
        .unwrap();
    let body = reply.body();
    let job: ObjectPath<'_> = body.deserialize().unwrap();
    let number = job.rsplit('/').next().unwrap().parse().unwrap();
    assert_eq!(job.as_str(), Face::Systemd.job_path(number));
    let signals = signals_until(&mut messages, "JobRemoved").await;
    let told: Vec<(String, String)> = signals
        .iter()
        .map(|signal| {
            let header = signal.header();
            let member = header.member().unwrap().to_string();
            let what = match member.as_str() {
                "PropertiesChanged" => {
                    type Body<'a> = (
                        &'a str,
                        std::collections::HashMap<&'a str, zbus::Variant<'a>>,
                        Vec<&'a str>,
                    );
                    let body = signal.body();
                    let (interface, ..): Body<'_> = body.deserialize().unwrap();
                    interface.to_owned()
                }
                _ => header.interface().unwrap().to_string(),
            };
            (member, what)
        })
        .collect();
    let of = |member: &str| -> Vec<&str> {
        let those = told.iter().filter(|(name, _)| name == member);
        those.map(|(_, what)| what.as_str()).collect()
    };
    assert_eq!(of("JobNew"), [MANAGER]);
    assert_eq!(of("JobRemoved"), [MANAGER]);
    // The particular interface first.
    let changed = of("PropertiesChanged");
    assert_eq!(changed[..2], ["org.freedesktop.systemd1.Service", UNIT]);
    // What only we say is said to our own clients.
    assert_eq!(of("UnitMoved"), [""; 0]);
}

#[tokio::test]
async fn errors_have_systemds_names_and_sentences() {
    let fake = Fake::start_as_systemd();
    let (connection, _messages) = connect(&fake).await;
    let root = Face::Systemd.root();
    let not_found = "Unit nosuch.service not found.";
    let not_loaded = "Unit nosuch.service not loaded.";
    for (method, sentence) in [("StartUnit", not_found), ("StopUnit", not_loaded)] {
        let body = ("nosuch.service", "replace");
        let answer = call(&connection, root, &format!("{MANAGER}.{method}"), &body).await;
        let name = "org.freedesktop.systemd1.NoSuchUnit".to_owned();
        assert_eq!(error_of(answer), (name, sentence.to_owned()), "{method}");
    }
    let answer = call(&connection, root, &format!("{MANAGER}.KExec"), &()).await;
    let refused = matches!(
        answer,
        Err(zbus::Error::FDO(error)) if matches!(*error, zbus::fdo::Error::NotSupported(_))
    );
    assert!(refused);
    // Our own names and rows are not there.
    for (path, method) in [
        (Face::Runner.root(), format!("{MANAGER}.ListUnits")),
        (root, "org.unitrunner.Runner1.Manager.ListUnits".to_owned()),
        (root, format!("{MANAGER}.PreviewReload")),
    ] {
        let answer = call(&connection, path, &method, &()).await;
        let error = answer.unwrap_err().to_string();
        assert!(error.contains("Unknown"), "{error}");
    }
}

#[tokio::test]
async fn a_unit_that_is_not_there_says_so_in_all_its_properties() {
    let fake = Fake::start_as_systemd();
    let (connection, _messages) = connect(&fake).await;
    let path = Face::Systemd.unit_path("nosuch.service");
    let all = "org.freedesktop.DBus.Properties.GetAll";
    let reply = call(&connection, &path, all, &"").await.unwrap();
    let body = reply.body();
    let all: std::collections::HashMap<&str, zbus::Variant<'_>> = body.deserialize().unwrap();
    let expected = (
        "org.freedesktop.systemd1.NoSuchUnit",
        "Unit nosuch.service not found.",
    );
    assert_eq!(all["LoadState"], zbus::Variant::from("not-found"));
    assert_eq!(all["LoadError"], zbus::Variant::new(expected));
    // Of the service's interface as well, in systemd's types.
    assert_eq!(all["TTYRows"], zbus::Variant::from(u16::MAX));
}

#[tokio::test]
async fn a_program_that_takes_us_for_a_bus_gets_what_its_rules_say() {
    let fake = Fake::start_as_systemd();
    let bus = [
        "--address=ADDRESS",
        "get-property",
        "org.freedesktop.systemd1",
        "/org/freedesktop/systemd1/unit/web_2eservice",
        UNIT,
        "Id",
    ];
    assert_eq!(fake.run("busctl", &bus), "s \"web.service\"\n");
    let tree = [
        "--address=ADDRESS",
        "tree",
        "--list",
        "org.freedesktop.systemd1",
    ];
    let nodes = fake.run("busctl", &tree);
    for node in [
        "/org/freedesktop/systemd1",
        "/org/freedesktop/systemd1/unit/web_2eservice",
    ] {
        assert!(nodes.lines().any(|line| line == node), "{nodes}");
    }
}
