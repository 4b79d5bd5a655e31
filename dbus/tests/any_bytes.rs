//! Whatever a client sends, the server answers or hangs up: it never panics, since a panic would
//! end the manager of the release build.
//!
//! `ROUNDS=n` makes it longer, `SEED=n` another one.
#![cfg(feature = "server")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};

use control::{Knock, Policy, Refusal};
use dbus::server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zbus::{Message, Variant};

const GREETING: &[u8] = b"\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Numbers that look random and are the same for the same seed (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }
}

fn environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Messages worth changing: one for each way through the server.
fn corpus() -> Vec<Vec<u8>> {
    let root = "/org/unitrunner/Runner1";
    let unit = "/org/unitrunner/Runner1/unit/a_2eservice";
    let manager = "org.unitrunner.Runner1.Manager";
    let bus = "org.freedesktop.DBus";
    let properties = "org.freedesktop.DBus.Properties";
    let call = |path: &str, interface: &str, member: &str| {
        Message::method_call(path.to_owned(), member.to_owned()).interface(interface.to_owned())
    };
    let mut nested = Variant::from(1u8);
    for _ in 0..40 {
        nested = Variant::Variant(Box::new(nested));
    }
    let long = format!("/{}", "x".repeat(50_000));
    [
        call(root, manager, "StartUnit").build(&("a.service", "replace")),
        call(root, manager, "EnqueueJob").build(&("a.service", "start", "replace", "token")),
        call(root, manager, "ListUnitsByPatterns").build(&(vec!["active"], vec!["*"])),
        call(root, manager, "ReadLog").build(&(vec!["a.service"], 3u32, true)),
        call(root, manager, "KillUnit").build(&("a.service", "all", 15i32)),
        call(root, manager, "Subscribe").build(&()),
        call(unit, properties, "Get").build(&("org.unitrunner.Runner1.Unit", "Id")),
        call(unit, properties, "GetAll").build(&""),
        call(unit, properties, "Set").build(&("", "Id", Variant::from("x"))),
        call(unit, properties, "Set").build(&("", "Id", nested)),
        call("/", "org.freedesktop.DBus.Introspectable", "Introspect").build(&()),
        call(&long, "org.freedesktop.DBus.Peer", "Ping").build(&()),
        call("/org/freedesktop/DBus", bus, "Hello").build(&()),
        call("/org/freedesktop/DBus", bus, "AddMatch")
            .build(&"type='signal',path_namespace='/org',arg0='x'"),
        call(
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus.Monitoring",
            "BecomeMonitor",
        )
        .build(&(vec!["type='signal'"], 0u32)),
        Message::signal(root, manager, "UnitMoved").build(&(1u64, "x")),
    ]
    .into_iter()
    .map(|message| message.expect("the message is good").data().to_vec())
    .collect()
}

fn change(numbers: &mut Numbers, bytes: &mut Vec<u8>) {
    for _ in 0..=numbers.below(4) {
        if bytes.is_empty() {
            return;
        }
        let at = numbers.below(bytes.len());
        match numbers.below(5) {
            0 => bytes[at] = u8::try_from(numbers.below(256)).unwrap(),
            1 => bytes[at] ^= 1 << numbers.below(8),
            2 => {
                bytes.remove(at);
            }
            3 => bytes.insert(at, u8::try_from(numbers.below(256)).unwrap()),
            // Lengths and counts are where parsers stumble.
            _ => {
                let end = bytes.len().min(at + 4);
                let number = [0u32, 1, u32::MAX, 1 << 26, 7][numbers.below(5)];
                bytes[at..end].copy_from_slice(&number.to_le_bytes()[..end - at]);
            }
        }
    }
}

#[tokio::test]
async fn no_bytes_make_the_server_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |what| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        before(what);
    }));
    let rounds = environment("ROUNDS").unwrap_or(2_000);
    let seed = environment("SEED").unwrap_or(1);
    let mut numbers = Numbers(seed);
    let corpus = corpus();
    let (handle, mut door) = control::open(Policy {
        own_uid: 0,
        admin_gid: None,
    });
    // What happens before a question and after its answer is what is tested here.
    tokio::spawn(async move {
        while let Some(knock) = door.next().await {
            if let Knock::Asked { answerer, .. } = knock {
                answerer.answer(Err(Refusal::Invalid("not now".to_owned())));
            }
        }
    });
    let server = Server::new(handle, dbus::names::Face::Runner);
    let mut answered = 0;
    for round in 0..rounds {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut ours = tokio::net::UnixStream::from_std(ours).unwrap();
        let serving = tokio::spawn(server.clone().serve(theirs));
        let mut bytes = GREETING.to_vec();
        if numbers.below(8) == 0 {
            change(&mut numbers, &mut bytes);
        }
        for _ in 0..=numbers.below(3) {
            let mut message = corpus[numbers.below(corpus.len())].clone();
            if numbers.below(2) == 0 {
                change(&mut numbers, &mut message);
            }
            bytes.extend(message);
        }
        // The server may hang up before it has read all of it, and that is all right.
        let _ = ours.write_all(&bytes).await;
        let _ = ours.shutdown().await;
        let mut answers = Vec::new();
        let _ = ours.read_to_end(&mut answers).await;
        answered += u64::from(answers.windows(4).any(|window| window == b":1.0"));
        let ended = serving.await;
        assert!(ended.is_ok(), "round {round} of seed {seed} panics");
        assert_eq!(
            PANICS.load(Ordering::SeqCst),
            0,
            "round {round} of seed {seed} panics"
        );
    }
    assert!(
        answered > rounds / 20,
        "only {answered} of {rounds} got as far as an answer"
    );
}
