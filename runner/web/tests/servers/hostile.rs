//! Clients that mean harm. The rows are those of the list of attacks on XML-RPC and HTTP.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use control::LogName;
use engine::job::JobResult;
use xmlrpc::{Value, write_call};

use crate::fake::{Fake, Order, post, read_to_end};

/// Nobody else may notice more of an attack than this. Generous, since tests share the machine; the
/// limit on an idle one is 50 ms.
const NOTICEABLE: Duration = Duration::from_secs(2);

/// An honest client is served meanwhile.
fn honest(fake: &Fake) {
    let began = Instant::now();
    assert_eq!(fake.call("supervisor.getPID", &[]), Ok(Value::Int(4711)));
    let took = began.elapsed();
    assert!(took < NOTICEABLE, "an honest client waited {took:?}");
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or("none")
}

#[test]
fn b11_a_document_with_entities_is_refused() {
    let fake = Fake::start();
    let bomb = b"<!DOCTYPE b [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>\
        <methodCall><methodName>&b;</methodName></methodCall>";
    for body in [&bomb[..], b"", b"not xml", b"<methodCall/>", b"\x00\xff"] {
        let answer = fake.raw(&post(body, "Connection: close\r\n"));
        assert_eq!(status(&answer), "400", "{answer}");
    }
    honest(&fake);
}

#[test]
fn b12_a_large_body_is_refused_before_it_is_read() {
    let fake = Fake::start();
    let head = |length: u64| {
        format!("POST /RPC2 HTTP/1.1\r\nContent-Length: {length}\r\n\r\n").into_bytes()
    };
    // Not a byte of the body is sent.
    for length in [1_048_577, 400_000_000, u64::from(u32::MAX) * 1_000] {
        assert_eq!(status(&fake.raw(&head(length))), "413");
    }
    let chunked = b"POST /RPC2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(status(&fake.raw(chunked)), "411");
    // Who has no password is not even asked for the body, and cannot go on sending it.
    let mut stream = fake.connect_tcp(fake.guarded);
    let began = Instant::now();
    stream.write_all(&head(1_000_000)).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer[9..], b"401");
    let piece = [b'a'; 16 * 1024];
    let mut sent = 0;
    while stream.write_all(&piece).is_ok() {
        sent += piece.len();
        assert!(sent < 64 * 1024 * 1024, "it goes on reading");
    }
    assert!(began.elapsed() < Duration::from_secs(5));
    honest(&fake);
}

#[test]
fn b13_a_multicall_of_the_largest_size_lets_others_through() {
    let fake = Fake::start();
    let one = Value::Struct(vec![(
        "methodName".to_owned(),
        "supervisor.getAllConfigInfo".into(),
    )]);
    let call = write_call("system.multicall", &[Value::Array(vec![one; 1_000])]);
    assert!(call.len() < 1024 * 1024);
    std::thread::scope(|scope| {
        let greedy = scope.spawn(|| fake.raw(&post(&call, "Connection: close\r\n")));
        while !greedy.is_finished() {
            honest(&fake);
        }
        let answer = greedy.join().unwrap();
        // About 20 kB each: what does not fit any more is said to be too long.
        let given = answer.matches("<name>autostart</name>").count() / 7;
        let refused = answer.matches("system.multicall are too long").count();
        assert_eq!(given + refused, 1_000);
        assert!((100..900).contains(&given), "{given} results were given");
        assert!(answer.len() < 20 * 1024 * 1024, "{} bytes", answer.len());
    });
    // More than may be in one document.
    let deep = "<array><data><value>".repeat(20_000);
    let deep = format!("<methodCall><methodName>a</methodName><params><param><value>{deep}");
    let answer = fake.raw(&post(deep.as_bytes(), "Connection: close\r\n"));
    assert_eq!(status(&answer), "413");
}

#[test]
fn b15_a_request_with_two_meanings_gets_one_answer() {
    let fake = Fake::start();
    let call = String::from_utf8(write_call("supervisor.getPID", &[])).unwrap();
    let length = call.len();
    let smuggled = format!("POST /RPC2 HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{call}");
    for headers in [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked"),
        format!("Content-Length: {length}\r\nContent-Length: {length}"),
        "Content-Length: -1".to_owned(),
        "Content-Length: +5".to_owned(),
        "Content-Length: 0x10".to_owned(),
        "Content-Length: 100000000000000000000".to_owned(),
        "Transfer-Encoding: chunked, identity".to_owned(),
        format!("Content-Length : {length}"),
        format!("A: b\r\n c\r\nContent-Length: {length}"),
        format!("A: \0\r\nContent-Length: {length}"),
        format!("A: b\nContent-Length: {length}"),
    ] {
        let answer =
            fake.raw(format!("POST /RPC2 HTTP/1.1\r\n{headers}\r\n\r\n{smuggled}").as_bytes());
        assert_eq!(status(&answer), "400", "{headers}: {answer}");
        assert_eq!(answer.matches("HTTP/1.").count(), 1, "{headers}: {answer}");
    }
    for request in [
        "GET /\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET http://evil/ HTTP/1.1\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\nHost: x\n\n",
    ] {
        assert_eq!(status(&fake.raw(request.as_bytes())), "400", "{request}");
    }
}

#[test]
fn b16_half_requests_neither_stay_nor_keep_anybody_out() {
    let fake = Fake::start_with(|limits| limits.connections_of_peer = 16);
    let mut half = Vec::new();
    for number in 0..200 {
        let mut stream = fake.connect();
        stream.write_all(b"POST /RPC2 HTTP/1.1\r\nA: ").unwrap();
        half.push(stream);
        if number % 20 == 0 {
            honest(&fake);
        }
    }
    // All but the newest were ended to make room.
    let ended = half
        .iter_mut()
        .take(180)
        .map(|stream| stream.read(&mut [0; 16]))
        .filter(|read| matches!(read, Ok(0) | Err(_)))
        .count();
    assert_eq!(ended, 180);
    honest(&fake);
}

#[test]
fn b16_slow_requests_are_timed_out() {
    let fake = Fake::start_with(|limits| {
        limits.head = Duration::from_millis(200);
        limits.body = Duration::from_millis(200);
        limits.idle = Duration::from_millis(200);
    });
    // One that never says anything, one that stops in its head, one in its body, and one that says
    // something ever so slowly.
    assert_eq!(fake.raw(b""), "");
    assert_eq!(status(&fake.raw(b"GET / HT")), "408");
    let stops = b"POST /RPC2 HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc";
    assert_eq!(fake.raw(stops), "");
    let mut slow = fake.connect();
    let began = Instant::now();
    while slow.write_all(b"a").is_ok() && began.elapsed() < Duration::from_secs(10) {
        // The load: one byte at a time.
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    // An idle connection ends without a word.
    let idle = fake.raw(b"GET /ok.html HTTP/1.1\r\n\r\n");
    assert!(idle.ends_with("\r\n\r\nOK"), "{idle}");
}

#[test]
fn b17_who_does_not_read_is_given_up() {
    let fake = Fake::start_with(|limits| limits.write = Duration::from_millis(300));
    fake.order(Order::Say(LogName::Main, vec![b'a'; 20 * 1024 * 1024]));
    let mut stream = fake.connect();
    let call = write_call("supervisor.readLog", &[Value::Int(0), Value::Int(0)]);
    stream.write_all(&post(&call, "")).unwrap();
    honest(&fake);
    // It is ended in the middle of its answer: waiting for that is waiting for the time-out.
    let mut follows = fake.connect();
    follows
        .write_all(b"GET /mainlogtail HTTP/1.1\r\n\r\n")
        .unwrap();
    while fake.listeners() == 0 {}
    let began = Instant::now();
    while fake.listeners() > 0 {
        fake.order(Order::Say(LogName::Main, vec![b'a'; 64 * 1024]));
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "it is waited for"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    honest(&fake);
    let answer = read_to_end(stream);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(!answer.contains("</methodResponse>"), "it got all of it");
}

#[test]
fn b18_heads_are_bounded() {
    let fake = Fake::start();
    let headers = "A: b\r\n".repeat(1_000);
    let many = format!("GET / HTTP/1.1\r\n{headers}\r\n");
    assert_eq!(status(&fake.raw(many.as_bytes())), "431");
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(9_000));
    assert_eq!(status(&fake.raw(long.as_bytes())), "414");
    let endless = format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(32 * 1024 * 1024));
    assert_eq!(status(&fake.raw(endless.as_bytes())), "431");
    honest(&fake);
}

#[test]
fn b19_a_strangers_page_cannot_call() {
    let fake = Fake::start();
    let call = write_call("supervisor.stopProcess", &["cat".into()]);
    for (headers, expected) in [
        ("Origin: http://evil.example\r\n", "403"),
        ("Origin: null\r\n", "403"),
        ("Sec-Fetch-Site: cross-site\r\n", "403"),
        ("Sec-Fetch-Site: same-site\r\n", "403"),
    ] {
        let answer = fake.raw(&post(&call, &format!("{headers}Connection: close\r\n")));
        assert_eq!(status(&answer), expected, "{headers}");
        assert!(!answer.contains("evil"), "{answer}");
    }
    let plain = b"POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(status(&fake.raw(plain)), "403");
    // Under a name that was just made to point here.
    let mut stream = fake.connect_tcp(fake.open);
    stream
        .write_all(
            b"GET /logtail/cat HTTP/1.1\r\nHost: evil.example\r\nUser-Agent: Mozilla/5.0\r\n\r\n",
        )
        .unwrap();
    assert_eq!(status(&read_to_end(stream)), "403");
    let info = fake
        .call("supervisor.getProcessInfo", &["cat".into()])
        .unwrap();
    assert_eq!(info.member("statename"), Some(&"RUNNING".into()));
}

#[test]
fn b20_what_is_shown_of_a_request_is_inert() {
    let fake = Fake::start();
    let answer = fake
        .raw(b"GET /<script>alert(1)</script>?message=<b> HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert_eq!(status(&answer), "404");
    assert!(
        !answer.contains("<script>") && !answer.contains("<b>"),
        "{answer}"
    );
    let name = "<script>\"'&]]>";
    let (_, text) = fake
        .call("supervisor.getProcessInfo", &[name.into()])
        .unwrap_err();
    assert_eq!(text, format!("BAD_NAME: {name}"));
}

#[test]
fn b23_guessing_is_slow_for_who_guesses() {
    let fake = Fake::start();
    let guess = |login: &str| {
        let mut stream = fake.connect_tcp(fake.guarded);
        let login = xmlrpc::base64::encode(login.as_bytes());
        let request = format!(
            "GET /ok.html HTTP/1.1\r\nAuthorization: Basic {login}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        status(&read_to_end(stream)).to_owned()
    };
    for _ in 0..5 {
        assert_eq!(guess("user:wrong"), "401");
    }
    let began = Instant::now();
    assert_eq!(guess("user:wrong"), "401");
    assert!(began.elapsed() >= Duration::from_millis(900));
    // Neither who knows the password nor anybody elsewhere waits for that.
    let began = Instant::now();
    assert_eq!(guess("user:thepassword"), "200");
    assert!(began.elapsed() < Duration::from_millis(900));
    honest(&fake);
}

#[test]
fn b25_mutated_requests_are_survived() {
    let fake = Fake::start();
    let good = post(
        &write_call("supervisor.getProcessInfo", &["cat".into()]),
        "",
    );
    // Numbers that look random and are the same each time (splitmix64).
    let mut seed = 7u64;
    let mut next = || {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 1).unwrap()
    };
    for round in 0..300 {
        let mut bytes = good.clone();
        for _ in 0..=next() % 4 {
            let at = next() % bytes.len();
            bytes[at] = u8::try_from(next() % 256).unwrap();
        }
        let mut stream = fake.connect();
        stream.write_all(&bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let answer = read_to_end(stream);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1."),
            "round {round}: {answer}"
        );
    }
    honest(&fake);
}

#[test]
fn logs_followed_by_one_client_are_bounded() {
    let fake = Fake::start_with(|limits| limits.streams_of_peer = 3);
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = fake.connect();
        stream
            .write_all(b"GET /mainlogtail HTTP/1.1\r\n\r\n")
            .unwrap();
        streams.push(stream);
    }
    while fake.listeners() < 3 {}
    let refused = fake.raw(b"GET /mainlogtail HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert_eq!(status(&refused), "503");
    streams.pop();
    while fake.listeners() > 2 {}
    honest(&fake);
}

#[test]
fn all_busy_places_turn_the_next_client_away() {
    let fake = Fake::start_with(|limits| limits.connections_of_peer = 2);
    let call = write_call("supervisor.startProcess", &["slow".into()]);
    let mut first = fake.connect();
    first
        .write_all(&post(&call, "Connection: close\r\n"))
        .unwrap();
    loop {
        let info = fake
            .call("supervisor.getProcessInfo", &["slow".into()])
            .unwrap();
        if info.member("statename") == Some(&"STARTING".into()) {
            break;
        }
    }
    let mut second = fake.connect();
    second
        .write_all(b"GET /mainlogtail HTTP/1.1\r\n\r\n")
        .unwrap();
    while fake.listeners() == 0 {}
    assert_eq!(status(&fake.raw(b"")), "503");
    fake.order(Order::EndSlow(JobResult::Done));
    assert!(read_to_end(first).contains("<boolean>1</boolean>"));
    // Once there is a place again the next one is served.
    while status(&fake.raw(b"GET /ok.html HTTP/1.1\r\nConnection: close\r\n\r\n")) != "200" {}
}
