//! Our names on a real message bus that comes, goes and comes back, and the clients there.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use dbus::names::Face;
use dbus::server::bus::{Bus, News, Outlook, Ownership, Patience, own_name};
use futures_util::StreamExt;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use zbus::message::Type;
use zbus::{Connection, MessageStream};

use crate::fake::{Fake, Order};

const NAME: &str = "org.unitrunner.Runner1";
const ROOT: &str = "/org/unitrunner/Runner1";
const MANAGER: &str = "org.unitrunner.Runner1.Manager";
const SYSTEMD: &str = "org.freedesktop.systemd1";
const SYSTEMD_ROOT: &str = "/org/freedesktop/systemd1";
const SYSTEMD_MANAGER: &str = "org.freedesktop.systemd1.Manager";

/// A bus on which everybody may do everything.
const CONFIGURATION: &str = r#"<busconfig>
 <type>session</type>
 <listen>unix:path=SOCKET</listen>
 <auth>EXTERNAL</auth>
 <servicedir>SERVICES</servicedir>
 <policy context="default">
  <allow user="*"/>
  <allow send_destination="*"/>
  <allow receive_sender="*"/>
  <allow own="*"/>
 </policy>
</busconfig>
"#;

/// A bus of our own, in a directory of its own.
struct Daemon {
    directory: tempfile::TempDir,
    child: Option<Child>,
}

impl Daemon {
    fn start() -> Daemon {
        let directory = tempfile::tempdir().unwrap();
        let everybody = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(directory.path(), everybody).unwrap();
        std::fs::create_dir(directory.path().join("services")).unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let text = CONFIGURATION
            .replace("SOCKET", &path("bus"))
            .replace("SERVICES", &path("services"));
        std::fs::write(directory.path().join("bus.conf"), text).unwrap();
        let mut daemon = Daemon {
            directory,
            child: None,
        };
        daemon.restart();
        daemon
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("bus")
    }

    fn address(&self) -> String {
        format!("unix:path={}", self.socket().display())
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        std::fs::remove_file(self.socket()).ok();
    }

    fn restart(&mut self) {
        self.stop();
        let file = self.directory.path().join("bus.conf");
        let mut child = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", file.display()))
            .args(["--nofork", "--nopidfile", "--print-address"])
            .arg("--systemd-activation")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It prints its address when it listens.
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        self.child = Some(child);
        assert!(line.contains("unix:path="), "{line}");
    }

    async fn client(&self) -> Connection {
        zbus::connection::Builder::address(self.address().as_str())
            .build()
            .await
            .unwrap()
    }

    /// Lets `fake` own a name; returns when it does.
    async fn give(
        &self,
        fake: &Fake,
        face: Face,
        authority: Option<Patience>,
    ) -> UnboundedReceiver<News> {
        let (news, mut heard) = unbounded_channel();
        fake.order(Order::Own {
            address: self.address(),
            face,
            authority,
            news,
        });
        assert_eq!(heard.recv().await, Some(News::Owned));
        heard
    }

    fn busctl(&self, words: &[&str], arguments: &[&str]) -> Command {
        let mut words = words.iter().chain(&["busctl"]);
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .arg(format!("--address={}", self.address()))
            .args(arguments);
        command
    }

    fn call(&self, arguments: &[&str]) -> String {
        let output = self.busctl(&[], arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a call says to nobody: its error, or its answer. Tasks of the test go on meanwhile.
    async fn call_as_nobody(&self, arguments: &[&str]) -> String {
        let mut command = self.busctl(AS_NOBODY, arguments);
        let running = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = running.await.unwrap();
        let said = match output.status.success() {
            true => output.stdout,
            false => output.stderr,
        };
        String::from_utf8(said).unwrap()
    }
}

/// What makes a command nobody's.
const AS_NOBODY: &[&str] = &[
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
];

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}

fn needs_root() {
    use std::os::unix::fs::MetadataExt;
    let uid = std::fs::metadata("/proc/self").unwrap().uid();
    assert_eq!(
        uid, 0,
        "this test becomes nobody and has to be root for that"
    );
}

const START: [&str; 7] = [
    NAME,
    ROOT,
    MANAGER,
    "StartUnit",
    "ss",
    "web.service",
    "replace",
];

#[tokio::test]
async fn the_name_is_ours_again_when_the_bus_is_back() {
    let fake = Fake::start();
    let mut daemon = Daemon::start();
    let mut heard = daemon.give(&fake, Face::Runner, None).await;
    let start = [&["call"][..], &START].concat();
    assert_eq!(daemon.call(&start), "o \"/org/unitrunner/Runner1/job/1\"\n");
    let tree = daemon.call(&["tree", "--list", NAME]);
    assert!(
        tree.lines()
            .any(|line| line == "/org/unitrunner/Runner1/unit/web_2eservice")
    );

    daemon.stop();
    assert!(matches!(heard.recv().await, Some(News::Lost(_))));
    daemon.restart();
    while heard.recv().await != Some(News::Owned) {}
    assert_eq!(
        daemon.call(&["get-property", NAME, ROOT, MANAGER, "NJobs"]),
        "u 0\n"
    );
}

/// A bus that was away for long is not waited for as long again.
#[tokio::test]
async fn the_bus_is_noticed_when_it_is_back() {
    let fake = Fake::start();
    let mut daemon = Daemon::start();
    let mut heard = daemon.give(&fake, Face::Runner, None).await;
    daemon.stop();
    assert!(matches!(heard.recv().await, Some(News::Lost(_))));
    // The time it is away is what this is about: pauses are doubled, and after 6.3 s there is none
    // that ends before 12.7 s.
    tokio::time::sleep(Duration::from_millis(6700)).await;
    while heard.try_recv().is_ok() {}
    daemon.restart();
    let back = tokio::time::timeout(Duration::from_secs(4), heard.recv()).await;
    assert_eq!(back, Ok(Some(News::Owned)));
}

#[tokio::test]
async fn a_name_that_somebody_else_has_is_ours_when_it_is_free() {
    let fake = Fake::start();
    let daemon = Daemon::start();
    let other = daemon.client().await;
    other.request_name(NAME).await.unwrap();
    let (news, mut heard) = unbounded_channel();
    fake.order(Order::Own {
        address: daemon.address(),
        face: Face::Runner,
        authority: None,
        news,
    });
    assert!(matches!(heard.recv().await, Some(News::Lost(_))));
    other.release_name(NAME).await.unwrap();
    assert_eq!(heard.recv().await, Some(News::Owned));
}

/// Subscribed clients of a bus are told, and see what everybody may see.
#[tokio::test]
async fn signals_reach_subscribers() {
    let fake = Fake::start();
    let daemon = Daemon::start();
    let _heard = daemon.give(&fake, Face::Runner, None).await;
    let client = daemon.client().await;
    let mut signals = signals_below(&client, "/org/unitrunner").await;
    client
        .call_method(Some(NAME), ROOT, Some(MANAGER), "Subscribe", &())
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

async fn signals_below(client: &Connection, path: &str) -> MessageStream {
    let rule = zbus::MatchRule::builder()
        .msg_type(Type::Signal)
        .path_namespace(path)
        .build()
        .unwrap();
    MessageStream::for_match_rule(rule, client, None)
        .await
        .unwrap()
}

/// As systemd, for whose clients it is: who queued a job is told of its end without a subscription,
/// others are not, and a subscription is one.
#[tokio::test]
async fn a_job_ends_for_whoever_queued_it() {
    let fake = Fake::start();
    let daemon = Daemon::start();
    let _heard = daemon.give(&fake, Face::Systemd, None).await;
    let (client, other) = (daemon.client().await, daemon.client().await);
    let mut signals = signals_below(&client, SYSTEMD_ROOT).await;
    let mut others = signals_below(&other, SYSTEMD_ROOT).await;
    let call = async |client: &Connection, method: &str| {
        let answer = client.call_method(
            Some(SYSTEMD),
            SYSTEMD_ROOT,
            Some(SYSTEMD_MANAGER),
            method,
            &(),
        );
        answer.await.map_err(|error| error.to_string())
    };
    let start = async |unit: &str| {
        let (root, body) = (SYSTEMD_ROOT, (unit, "replace"));
        let manager = Some(SYSTEMD_MANAGER);
        let answer = client.call_method(Some(SYSTEMD), root, manager, "StartUnit", &body);
        answer.await.unwrap();
    };
    // One that is over before its number is known, and one that takes its time.
    start("web.service").await;
    start("db.service").await;
    fake.order(Order::End(2, engine::job::JobResult::Done));
    let mut members = Vec::new();
    while members.len() < 4 {
        let message = signals.next().await.unwrap().unwrap();
        members.push(message.header().member().unwrap().to_string());
    }
    assert_eq!(members, ["JobNew", "JobRemoved", "JobNew", "JobRemoved"]);

    call(&other, "Subscribe").await.unwrap();
    let twice = call(&other, "Subscribe").await.unwrap_err();
    assert!(twice.contains("systemd1.AlreadySubscribed"), "{twice}");
    start("web.service").await;
    let first = others.next().await.unwrap().unwrap();
    let body: (u32, zbus::OwnedObjectPath, String) = first.body().deserialize().unwrap();
    assert_eq!(body.0, 3, "the others were not told of job 1 and 2");
    call(&other, "Unsubscribe").await.unwrap();
    let twice = call(&other, "Unsubscribe").await.unwrap_err();
    assert!(twice.contains("systemd1.NotSubscribed"), "{twice}");
}

#[tokio::test]
async fn a_unit_is_held_until_its_holder_is_gone() {
    let fake = Fake::start();
    let daemon = Daemon::start();
    let _heard = daemon.give(&fake, Face::Systemd, None).await;
    let held = || {
        let (to, from) = mpsc::channel();
        fake.order(Order::Holds(to));
        from.recv().unwrap()
    };
    let client = daemon.client().await;
    let unit = "/org/freedesktop/systemd1/unit/web_2eservice";
    let interface = "org.freedesktop.systemd1.Unit";
    let call = async |method: &str| {
        let call = client.call_method(Some(SYSTEMD), unit, Some(interface), method, &());
        call.await.map(drop).map_err(|error| error.to_string())
    };
    let refused = call("Unref").await.unwrap_err();
    assert!(refused.contains("systemd1.NotReferenced"), "{refused}");
    call("Ref").await.unwrap();
    call("Ref").await.unwrap();
    call("Unref").await.unwrap();
    // The request that stands for it follows the answer.
    while held() != ["web.service"] {
        tokio::task::yield_now().await;
    }
    client.close().await.unwrap();
    while !held().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn everybody_may_look_and_only_root_may_touch() {
    needs_root();
    let fake = Fake::start();
    let daemon = Daemon::start();
    let _heard = daemon.give(&fake, Face::Runner, None).await;
    let looked = daemon
        .call_as_nobody(&["get-property", NAME, ROOT, MANAGER, "NJobs"])
        .await;
    assert_eq!(looked, "u 0\n");
    let touched = daemon
        .call_as_nobody(&[&["call"][..], &START].concat())
        .await;
    assert!(touched.contains("Access denied"), "{touched}");
    let environment = ["get-property", NAME, ROOT, MANAGER, "Environment"];
    let seen = daemon.call_as_nobody(&environment).await;
    assert!(seen.contains("Access denied"), "{seen}");
    assert_eq!(daemon.call(&environment), "as 1 \"PATH=/bin\"\n");
}

/// What the authority is made to say.
#[derive(Clone, Copy)]
enum Says {
    Yes,
    No,
    AskSomebody,
    Nothing,
}

/// An authority that says what it is told to, and tells what it was asked.
async fn authority(daemon: &Daemon, says: Says) -> UnboundedReceiver<String> {
    let (asked, questions) = unbounded_channel();
    let connection = zbus::connection::Builder::address(daemon.address().as_str())
        .build()
        .await
        .unwrap();
    let mut messages = MessageStream::from(&connection);
    connection
        .request_name("org.freedesktop.PolicyKit1")
        .await
        .unwrap();
    tokio::spawn(async move {
        while let Some(Ok(message)) = messages.next().await {
            if message.message_type() != Type::MethodCall {
                continue;
            }
            let member = message.header().member().unwrap().to_string();
            if member != "CheckAuthorization" {
                let _ = asked.send(member);
                continue;
            }
            type Subject = (
                String,
                std::collections::HashMap<String, zbus::OwnedVariant>,
            );
            type Details = std::collections::HashMap<String, String>;
            let ((kind, subject), action, details, flags, _): (
                Subject,
                String,
                Details,
                u32,
                String,
            ) = message.body().deserialize().unwrap();
            let name = String::try_from(subject["name"].try_clone().unwrap()).unwrap();
            assert!(name.starts_with(":1."), "{name}");
            let unit = details.get("unit").cloned().unwrap_or_default();
            let _ = asked.send(format!("{kind} {action} {unit} {flags}"));
            let (permitted, would_ask) = match says {
                Says::Yes => (true, false),
                Says::No => (false, false),
                Says::AskSomebody => (false, true),
                Says::Nothing => continue,
            };
            let answer = ((permitted, would_ask, Details::new()),);
            connection.reply(&message.header(), &answer).await.unwrap();
        }
    });
    questions
}

/// Short enough for a test, and only ever waited for where nothing is said.
const PATIENCE: Patience = Patience {
    by_itself: Duration::from_millis(100),
    with_somebody: Duration::from_millis(100),
};

#[tokio::test]
async fn the_authority_may_permit_what_nobody_may_not() {
    needs_root();
    let denied = "Access denied";
    let start = [&["call"][..], &START].concat();
    for (says, expected) in [
        (Says::Yes, "o \"/org/unitrunner/Runner1/job/1\""),
        (Says::No, denied),
        (Says::AskSomebody, "somebody has to be asked"),
        (Says::Nothing, denied),
    ] {
        let fake = Fake::start();
        let daemon = Daemon::start();
        let patience = match says {
            Says::Nothing => PATIENCE,
            _ => Patience::default(),
        };
        let _heard = daemon.give(&fake, Face::Runner, Some(patience)).await;
        let mut questions = authority(&daemon, says).await;
        let said = daemon.call_as_nobody(&start).await;
        assert!(said.contains(expected), "{said}");
        assert_eq!(
            questions.recv().await.as_deref(),
            // busctl lets somebody be asked.
            Some("system-bus-name org.unitrunner.Runner1.manage-units web.service 1")
        );
        if let Says::Nothing = says {
            let next = questions.recv().await;
            assert_eq!(next.as_deref(), Some("CancelCheckAuthorization"));
        }
        // Nobody is permitted to end everything, and for root nobody is asked.
        let end = ["call", NAME, ROOT, MANAGER, "Exit", "y", "0"];
        let said = daemon.call_as_nobody(&end).await;
        assert!(said.contains(denied), "{said}");
        daemon.call(&start);
        assert!(questions.try_recv().is_err(), "the authority was asked");
    }
}

#[tokio::test]
async fn holding_on_to_a_unit_takes_a_permission() {
    needs_root();
    let hold = [
        "call",
        SYSTEMD,
        SYSTEMD_ROOT,
        SYSTEMD_MANAGER,
        "RefUnit",
        "s",
        "web.service",
    ];
    for (says, expected) in [(Says::Yes, ""), (Says::No, "Access denied")] {
        let fake = Fake::start();
        let daemon = Daemon::start();
        let _heard = daemon
            .give(&fake, Face::Systemd, Some(Patience::default()))
            .await;
        let mut questions = authority(&daemon, says).await;
        let said = daemon.call_as_nobody(&hold).await;
        assert!(said.contains(expected), "{said}");
        assert_eq!(said.is_empty(), expected.is_empty(), "{said}");
        assert_eq!(
            questions.recv().await.as_deref(),
            Some("system-bus-name org.freedesktop.systemd1.manage-units web.service 1")
        );
    }
}

#[tokio::test]
async fn without_an_authority_nobody_is_permitted_anything() {
    needs_root();
    let fake = Fake::start();
    let daemon = Daemon::start();
    let patience = Some(Patience::default());
    let _heard = daemon.give(&fake, Face::Runner, patience).await;
    let said = daemon
        .call_as_nobody(&[&["call"][..], &START].concat())
        .await;
    assert!(said.contains("Access denied"), "{said}");
}

/// One caller who waits for the authority keeps nobody waiting, and its question is dropped when it
/// is gone.
#[tokio::test]
async fn who_waits_for_the_authority_waits_alone() {
    needs_root();
    let fake = Fake::start();
    let daemon = Daemon::start();
    let patience = Some(Patience::default());
    let _heard = daemon.give(&fake, Face::Runner, patience).await;
    let mut questions = authority(&daemon, Says::Nothing).await;
    let start = [&["call"][..], &START].concat();
    let mut waiting = daemon.busctl(AS_NOBODY, &start).spawn().unwrap();
    assert!(questions.recv().await.is_some());
    assert_eq!(daemon.call(&start), "o \"/org/unitrunner/Runner1/job/1\"\n");
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    assert_eq!(
        daemon.call(&["get-property", NAME, ROOT, MANAGER, "NJobs"]),
        "u 0\n"
    );
}

/// A client speaks to a name whose owner is a unit that does not run.
#[tokio::test]
async fn the_bus_has_units_started() {
    let fake = Fake::start();
    let mut daemon = Daemon::start();
    for (name, unit) in [("Web", "web.service"), ("None", "none.service")] {
        let file = daemon
            .directory
            .path()
            .join(format!("services/org.example.{name}.service"));
        let text = format!(
            "[D-BUS Service]\nName=org.example.{name}\nExec=/bin/false\nSystemdService={unit}\n"
        );
        std::fs::write(file, text).unwrap();
    }
    daemon.restart();
    let _heard = daemon.give(&fake, Face::Systemd, None).await;
    let client = daemon.client().await;
    let ping = async |name: &str| {
        let peer = Some("org.freedesktop.DBus.Peer");
        client.call_method(Some(name), "/", peer, "Ping", &()).await
    };
    let refused = ping("org.example.None").await.unwrap_err().to_string();
    assert!(
        refused.contains("Unit none.service not found."),
        "{refused}"
    );

    let connection = zbus::connection::Builder::address(daemon.address().as_str())
        .build()
        .await
        .unwrap();
    let mut service = MessageStream::from(&connection);
    let mut signals = signals_below(&connection, SYSTEMD_ROOT).await;
    let root = (Some(SYSTEMD), SYSTEMD_ROOT, Some(SYSTEMD_MANAGER));
    let subscribing = connection.call_method(root.0, root.1, root.2, "Subscribe", &());
    subscribing.await.unwrap();
    let serving = async {
        // The unit is started, takes its name, and is given what waited for it.
        loop {
            let signal = signals.next().await.unwrap().unwrap();
            if signal.header().member().unwrap() == "JobNew" {
                type Body = (u32, zbus::OwnedObjectPath, String);
                let (_, _, unit): Body = signal.body().deserialize().unwrap();
                assert_eq!(unit, "web.service");
                break;
            }
        }
        connection.request_name("org.example.Web").await.unwrap();
        loop {
            let message = service.next().await.unwrap().unwrap();
            if message.message_type() == Type::MethodCall {
                connection.reply(&message.header(), &()).await.unwrap();
                return;
            }
        }
    };
    let (pinged, ()) = tokio::join!(ping("org.example.Web"), serving);
    pinged.unwrap();
}

/// Without a bus the attempts go on quietly; a bus that waits for its first client is left alone.
#[tokio::test]
async fn no_bus_is_told_once() {
    let (handle, _door) = control::open(control::Policy {
        own_uid: 0,
        admin_gid: None,
    });
    let (news, mut heard) = unbounded_channel();
    let outlook = tokio::sync::watch::Sender::new(Outlook {
        sleeps: true,
        wakes: 0,
    });
    let ownership = Ownership {
        face: Face::Runner,
        is_wanted: true,
        bus: Bus::Address("unix:path=/nonexistent/bus".to_owned()),
        authority: None,
        outlook: outlook.subscribe(),
    };
    let owning = tokio::spawn(own_name(handle, ownership, move |what| {
        drop(news.send(what));
    }));
    tokio::task::yield_now().await;
    assert!(heard.try_recv().is_err(), "it was to be left alone");
    outlook.send_modify(|outlook| outlook.sleeps = false);
    assert!(matches!(heard.recv().await, Some(News::Lost(_))));
    drop(outlook);
    owning.await.unwrap();
    assert_eq!(heard.recv().await, None);
}

/// Whoever did not ask for a bus does not hear that there is none.
#[tokio::test]
async fn no_bus_is_no_news_to_those_who_want_none() {
    for is_wanted in [false, true] {
        let (handle, _door) = control::open(control::Policy {
            own_uid: 0,
            admin_gid: None,
        });
        let (news, mut heard) = unbounded_channel();
        let outlook = tokio::sync::watch::Sender::new(Outlook::default());
        let ownership = Ownership {
            face: Face::Systemd,
            is_wanted,
            bus: Bus::Address("unix:path=/nonexistent/bus".to_owned()),
            authority: None,
            outlook: outlook.subscribe(),
        };
        // One attempt is made, and no other without an outlook.
        drop(outlook);
        own_name(handle, ownership, move |what| drop(news.send(what))).await;
        let told = matches!(heard.recv().await, Some(News::Lost(_)));
        assert_eq!(told, is_wanted);
    }
}

/// What is delivered for the bus of a session is understood by a bus.
#[tokio::test]
async fn a_bus_knows_our_name_before_we_are_there() {
    let mut daemon = Daemon::start();
    let delivered = concat!(env!("CARGO_MANIFEST_DIR"), "/../contrib/dbus");
    let file = format!("{delivered}/session-{NAME}.service");
    let services = daemon.directory.path().join("services");
    std::fs::copy(file, services.join(format!("{NAME}.service"))).unwrap();
    daemon.restart();
    let bus = "org.freedesktop.DBus";
    let list = [
        "call",
        bus,
        "/org/freedesktop/DBus",
        bus,
        "ListActivatableNames",
    ];
    let names = daemon.call(&list);
    assert!(names.contains(&format!("{NAME:?}")), "{names}");
}
