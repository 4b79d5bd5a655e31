//! Event listeners: what they are told is what the real supervisord tells, whoever else misbehaves
//! and however often the manager is killed; superlance's work as they are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex};

use tests::{CONFIGURATION, Kind, Peer};

fn start(kind: Kind, programs: &str) -> Peer {
    let python = tests::tool("python").display().to_string();
    let scripts = tests::repository().join("tests/oracle/listener.py");
    let programs = programs
        .replace("LISTENER", &format!("{python} -u {}", scripts.display()))
        .replace("PYTHON", &python)
        .replace("BIN/", python.trim_end_matches("python"));
    Peer::start(kind, &format!("{CONFIGURATION}{programs}"))
}

fn text(peer: &Peer, name: &str) -> String {
    std::fs::read_to_string(peer.path(name)).unwrap_or_default()
}

#[track_caller]
fn until(peer: &Peer, name: &str, wanted: &str) {
    peer.wait_until(&format!("{wanted:?} in {name}"), |peer| {
        text(peer, name).contains(wanted)
    });
}

/// The value of a header of an event's line.
fn header<'a>(line: &'a str, name: &str) -> &'a str {
    line.split(' ')
        .find_map(|word| word.strip_prefix(name)?.strip_prefix(':'))
        .unwrap_or_default()
}

/// A line without what differs from run to run: pids, and how long they make it.
fn normal(line: &str) -> String {
    let words = line.split(' ').filter(|word| !word.starts_with("len:"));
    words
        .map(|word| match word.split_once("pid:") {
            Some((before, pid)) => {
                let after = pid.trim_start_matches(|digit: char| digit.is_ascii_digit());
                format!("{before}pid:N{after}")
            }
            None => word.to_owned(),
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Starts, ends, failures, output, captured text and a client's message, event by event.
#[test]
fn the_trace_is_the_originals() {
    let programs = r#"
[program:cat]
command=/bin/cat
autostart=false
[program:once]
command=/bin/sh -c "echo hello; sleep 1.5; exit 7"
autostart=false
autorestart=false
stdout_events_enabled=true
[program:quick]
command=/bin/sh -c "exit 3"
startretries=1
startsecs=10
autostart=false
[program:said]
command=/bin/sh -c "echo 'x<!--XSUPERVISOR:BEGIN-->captured é<!--XSUPERVISOR:END-->'; exec sleep 100"
stdout_capture_maxbytes=1000
autostart=false
[group:pair]
programs=left,right
[program:left]
command=/bin/cat
autostart=false
[program:right]
command=/bin/cat
autostart=false
[eventlistener:trace]
command=LISTENER DIR/events DIR/state
events=PROCESS_STATE,PROCESS_GROUP,SUPERVISOR_STATE_CHANGE_RUNNING,REMOTE_COMMUNICATION,PROCESS_LOG,PROCESS_COMMUNICATION
buffer_size=100
"#;
    let traced = |kind| {
        let peer = start(kind, programs);
        until(&peer, "events", "PROCESS_STATE_RUNNING");
        assert_eq!(text(&peer, "state"), "RUNNING");
        peer.ctl(&["start", "cat"]);
        peer.ctl(&["stop", "cat"]);
        peer.ctl(&["start", "once"]);
        until(
            &peer,
            "events",
            "processname:once groupname:once from_state:RUNNING",
        );
        peer.ctl(&["start", "quick"]);
        until(&peer, "events", "PROCESS_STATE_FATAL");
        peer.ctl(&["start", "said"]);
        peer.ctl(&["stop", "said"]);
        peer.ctl(&["start", "pair:right"]);
        peer.ctl(&["stop", "pair:right"]);
        let send = "import sys, xmlrpc.client as x; from supervisor.xmlrpc import SupervisorTransport as T; \
                    x.ServerProxy('http://s', T(None, None, sys.argv[1])).supervisor.sendRemoteCommEvent('kind', 'dé\\nta')";
        let sent = Command::new(tests::tool("python"))
            .args(["-c", send])
            .arg(format!("unix://{}", peer.path("s.sock").display()))
            .status()
            .unwrap();
        assert!(sent.success());
        until(&peer, "events", "REMOTE_COMMUNICATION");
        let events = text(&peer, "events");
        peer.ends_well();
        events
    };
    let theirs: Vec<String> = traced(Kind::Real).lines().map(normal).collect();
    let ours: Vec<String> = traced(Kind::Ours).lines().map(normal).collect();
    assert!(ours.len() > 25, "{ours:#?}");
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), theirs.len());
}

/// The manager is killed again and again between events: each arrives once, in order.
#[test]
fn a_killed_manager_neither_loses_an_event_nor_tells_one_twice() {
    let programs = r#"
[program:flap]
command=/bin/sh -c "echo line; sleep 0.02"
startsecs=0
stdout_events_enabled=true
autorestart=true
[eventlistener:trace]
command=LISTENER DIR/events
events=PROCESS_STATE,PROCESS_LOG
buffer_size=10000
startsecs=0
"#;
    let peer = start(Kind::Ours, programs);
    let count = |peer: &Peer| text(peer, "events").lines().count();
    for kill in 1..=15 {
        // At another moment each time.
        peer.wait_until("some more events", |peer| count(peer) > kill * 7);
        let managers = tests::children_running(peer.pid(), &tests::program("runnerd"));
        let [manager] = managers.as_slice() else {
            continue;
        };
        let killed = tests::Process::open(*manager).is_some_and(|manager| manager.signal(9));
        assert!(killed);
        let before = count(&peer);
        peer.wait_until("events again", |peer| count(peer) > before + 3);
    }
    peer.ctl(&["stop", "flap"]);
    peer.wait_until("it is told that all stopped", |peer| {
        text(peer, "events").contains("from_state:STOPPING")
    });
    let events = text(&peer, "events");
    let mut before = String::new();
    for (serial, line) in events.lines().enumerate() {
        assert_eq!(header(line, "serial"), serial.to_string(), "{events}");
        assert_eq!(header(line, "poolserial"), serial.to_string(), "{events}");
        let state = header(line, "eventname").strip_prefix("PROCESS_STATE_");
        if let (Some(state), true) = (state, line.contains("processname:flap ")) {
            let from = line.split_once("from_state:").unwrap().1;
            let from = from.split([' ', '\'']).next().unwrap();
            assert!(before.is_empty() || from == before, "{from} after {before}");
            before = state.to_owned();
        }
    }
    peer.ends_well();
}

/// Listeners that break the protocol are given up and reported; the one that does not is told all.
#[test]
fn hostile_49_listeners_that_misbehave_cost_nobody_else_anything() {
    let programs = r#"
[eventlistener:garbage]
command=/bin/sh -c "while :; do echo garbage; done"
events=TICK_5
startsecs=0
[eventlistener:huge]
command=/bin/sh -c "printf 'READY\\n'; read line; printf 'RESULT 1000000000000\\n'; exec sleep 1000"
events=PROCESS_STATE
startsecs=0
[eventlistener:silent]
command=/bin/sh -c "printf 'READY\\n'; exec sleep 1000"
events=PROCESS_STATE
startsecs=0
runner.event-timeout-sec=1s
[eventlistener:never]
command=/bin/sleep 1000
events=PROCESS_STATE
startsecs=0
runner.event-timeout-sec=1s
[eventlistener:good]
command=LISTENER DIR/events
events=PROCESS_STATE,TICK_5
startsecs=0
"#;
    let peer = start(Kind::Ours, programs);
    for said in [
        "garbage: has entered the UNKNOWN state and will no longer receive events",
        "huge: bad result line: 'RESULT 1000000000000'",
        "huge: has entered the UNKNOWN state",
        "silent: has not answered event",
        "silent: has entered the UNKNOWN state",
        "never: has not said READY for 1s",
    ] {
        until(&peer, "main.log", said);
    }
    until(&peer, "events", "eventname:TICK_5");
    assert!(
        peer.ctl(&["status"])
            .contains("good                             RUNNING")
    );
    peer.ends_well();
}

/// A mail server that keeps what it is sent.
fn mail_server() -> (u16, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mails = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&mails);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let kept = Arc::clone(&kept);
            std::thread::spawn(move || {
                let _ = stream.write_all(b"220 here\r\n");
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let mut reading = false;
                while let Some(Ok(line)) = lines.next() {
                    if reading && line != "." {
                        let mut kept = kept.lock().unwrap();
                        kept.push_str(&line);
                        kept.push('\n');
                        continue;
                    }
                    let word = line.to_ascii_uppercase();
                    reading = word == "DATA";
                    let answer: &[u8] = match word.as_str() {
                        "DATA" => b"354 go on\r\n",
                        "QUIT" => b"221 bye\r\n",
                        _ => b"250 ok\r\n",
                    };
                    if stream.write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, mails)
}

/// superlance's listeners as PyPI has them.
#[test]
fn superlance_works_unmodified() {
    let (port, mails) = mail_server();
    let batch = format!(
        "--toEmail=to@example.org --fromEmail=from@example.org --smtpHost=127.0.0.1:{port} \
         --tickEvent=TICK_5 --interval=0.05"
    );
    let programs = format!(
        r#"
[program:crash]
command=/bin/sh -c "sleep 1.2; exit 3"
autorestart=false
[program:fatal]
command=/bin/sh -c "exit 4"
startretries=0
[program:web]
command=/bin/cat
[program:fat]
command=/bin/cat
[eventlistener:httpok]
command=BIN/httpok -p web -t 1 -m to@example.org -s "cat >> DIR/httpok.mail" http://127.0.0.1:1/
events=TICK_5
[eventlistener:memmon]
command=BIN/memmon -p fat=1KB -m to@example.org -s "cat >> DIR/memmon.mail"
events=TICK_5
[eventlistener:crashmail]
command=BIN/crashmail -a -m to@example.org -s "cat >> DIR/crash.mail"
events=PROCESS_STATE_EXITED
startsecs=0
[eventlistener:crashmailbatch]
command=BIN/crashmailbatch {batch} --subject=crashed
events=PROCESS_STATE_EXITED,TICK_5
startsecs=0
[eventlistener:crashsms]
command=BIN/crashsms {batch} --subject=short
events=PROCESS_STATE_EXITED,TICK_5
startsecs=0
[eventlistener:fatalmailbatch]
command=BIN/fatalmailbatch {batch} --subject=fatal
events=PROCESS_STATE_FATAL,TICK_5
startsecs=0
"#
    );
    let peer = start(Kind::Ours, &programs);
    until(
        &peer,
        "crash.mail",
        "Process crash in group crash exited unexpectedly",
    );
    until(
        &peer,
        "memmon.mail",
        "memmon.py restarted the process named fat:fat",
    );
    until(&peer, "httpok.mail", "web restarted");
    for said in [
        "Subject: crashed",
        "Subject: fatal",
        "Process crash:crash (pid ",
        "Process fatal:fatal failed to start too many times",
    ] {
        peer.wait_until(said, |_| mails.lock().unwrap().contains(said));
    }
    // Without a subject line of its own: it is a text message.
    peer.wait_until("crashsms", |_| {
        mails.lock().unwrap().contains("[crash:crash](")
    });
    let status = peer.ctl(&["status"]);
    for listener in [
        "httpok",
        "memmon",
        "crashmail",
        "crashmailbatch",
        "crashsms",
        "fatalmailbatch",
    ] {
        let line = status
            .lines()
            .find(|line| line.starts_with(&format!("{listener} ")));
        assert!(
            line.is_some_and(|line| line.contains("RUNNING")),
            "{status}"
        );
    }
    assert!(!text(&peer, "main.log").contains("UNKNOWN"));
    peer.ends_well();
}
