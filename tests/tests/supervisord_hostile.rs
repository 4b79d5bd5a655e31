//! A supervisord.conf and its world at their worst: files that break what they are included in, logs
//! that cannot be written, requests that ask for too much. What runs goes on, and who asks is told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tests::{CONFIGURATION, Kind, Peer, rpc};
use xmlrpc::Value;

fn call(peer: &Peer, method: &str, parameters: &[Value]) -> Result<Value, String> {
    rpc::call(&peer.path("s.sock"), method, parameters).map_err(|error| error.to_string())
}

fn text(text: &str) -> Value {
    Value::Str(text.to_owned())
}

/// The state and the pid of a process.
#[track_caller]
fn process(peer: &Peer, name: &str) -> (String, i64) {
    let info = call(peer, "supervisor.getProcessInfo", &[text(name)]).unwrap();
    (
        info.member("statename")
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned(),
        info.member("pid").unwrap().as_int().unwrap(),
    )
}

#[track_caller]
fn running(peer: &Peer, name: &str) -> i64 {
    peer.wait_until(&format!("{name} runs"), |peer| {
        process(peer, name).0 == "RUNNING"
    });
    process(peer, name).1
}

/// The memory of the whole daemon, in KiB.
fn memory(peer: &Peer) -> u64 {
    tests::children_running(peer.pid(), &tests::program("runnerd"))
        .into_iter()
        .filter_map(|pid| std::fs::read_to_string(format!("/proc/{pid}/status")).ok())
        .filter_map(|status| {
            let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .sum()
}

/// A broken included file refuses the whole reading, quickly (one that cannot be opened is left out,
/// as the original does); nothing that runs is touched, and with
/// the file gone everything is as it was.
#[test]
fn hostile_1_to_6_what_is_included_may_be_anything() {
    let configuration = format!(
        "{CONFIGURATION}[include]\nfiles=DIR/conf.d/*.conf\n[program:app]\ncommand=/bin/sleep 1000\nstartsecs=0\n"
    );
    let (peer, ()) = Peer::start_with(Kind::Ours, &configuration, |directory| {
        std::fs::create_dir(directory.join("conf.d")).unwrap();
    });
    let pid = running(&peer, "app");
    let write = |bytes: &'static [u8]| {
        move |path: &Path| {
            std::fs::write(path, bytes).unwrap();
        }
    };
    type Make = Box<dyn Fn(&Path)>;
    let cases: Vec<(&str, bool, Make)> = vec![
        (
            "an open header",
            true,
            Box::new(write(b"[program:x\ncommand=/bin/true\n")),
        ),
        (
            "a key before any header",
            true,
            Box::new(write(b"command=/bin/true\n")),
        ),
        (
            "a program without a command",
            true,
            Box::new(write(b"[program:x]\nstartsecs=1\n")),
        ),
        (
            "a bad number",
            true,
            Box::new(write(b"[program:x]\ncommand=/bin/true\nstartsecs=soon\n")),
        ),
        (
            "a number out of range",
            true,
            Box::new(write(
                b"[program:x]\ncommand=/bin/true\nnumprocs=1000000000\n",
            )),
        ),
        (
            "an unknown signal",
            true,
            Box::new(write(
                b"[program:x]\ncommand=/bin/true\nstopsignal=SIGFOO\n",
            )),
        ),
        (
            "an unknown user",
            true,
            Box::new(write(
                b"[program:x]\ncommand=/bin/true\nuser=nobody-at-all\n",
            )),
        ),
        (
            "an unknown expansion",
            true,
            Box::new(write(b"[program:x]\ncommand=/bin/%(ENV_NOPE)s\n")),
        ),
        (
            "a bad umask",
            true,
            Box::new(write(b"[program:x]\ncommand=/bin/true\numask=999\n")),
        ),
        (
            "bytes that are no text",
            true,
            Box::new(write(b"\x7fELF\0\0\xff\xfe[program:x]\n")),
        ),
        (
            "an open quote",
            false,
            Box::new(write(
                b"[program:x]\ncommand=/bin/echo \"open\nautostart=false\n",
            )),
        ),
        (
            "a fifo",
            true,
            Box::new(|path| {
                nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
            }),
        ),
        (
            "a directory",
            false,
            Box::new(|path| std::fs::create_dir(path).unwrap()),
        ),
        (
            "a loop",
            false,
            Box::new(|path| symlink(path, path).unwrap()),
        ),
        (
            "a link to nothing",
            false,
            Box::new(|path| symlink("/no/such/file", path).unwrap()),
        ),
        (
            "an endless device",
            true,
            Box::new(|path| symlink("/dev/zero", path).unwrap()),
        ),
        (
            "ten gigabytes",
            true,
            Box::new(|path| {
                std::fs::File::create(path)
                    .unwrap()
                    .set_len(10 << 30)
                    .unwrap();
            }),
        ),
    ];
    let file = peer.path("conf.d/bad.conf");
    for (what, refused, make) in cases {
        make(&file);
        let asked = Instant::now();
        let answer = call(&peer, "supervisor.reloadConfig", &[]);
        assert_eq!(answer.is_err(), refused, "{what}: {answer:?}");
        if let Err(error) = &answer {
            assert!(error.starts_with("CANT_REREAD"), "{what}: {error}");
        }
        assert!(
            asked.elapsed() < Duration::from_secs(10),
            "{what}: {:?}",
            asked.elapsed()
        );
        assert_eq!(process(&peer, "app"), ("RUNNING".to_owned(), pid), "{what}");
        if file.is_dir() {
            std::fs::remove_dir(&file).unwrap();
        } else {
            std::fs::remove_file(&file).unwrap();
        }
        let answer = call(&peer, "supervisor.reloadConfig", &[]);
        let nothing = Value::Array(vec![Value::Array(vec![Value::Array(Vec::new()); 3])]);
        assert_eq!(answer, Ok(nothing), "{what}");
    }
    let peak = memory(&peer);
    assert!(peak < 200 * 1024, "{peak} KiB were used");
    peer.ends_well();
}

/// Takes a file system away again.
struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A log that cannot be written costs no program anything; what is written afterwards is in the log
/// as soon as there is room, and the gap is marked.
#[test]
fn hostile_55_logs_that_cannot_be_written() {
    tests::needs_root();
    let script = "n=0; while :; do echo line $n $(printf %%01000d 0); n=$((n+1)); echo $n > DIR/NAME.at; read -t 0.002 <> <(:); done";
    let mut configuration = CONFIGURATION.to_owned();
    for (name, log) in [("full", "DIR/small/full.log"), ("directory", "DIR/taken")] {
        let script = script.replace("NAME", name);
        configuration += &format!(
            "[program:{name}]\ncommand=/bin/bash -c \"{script}\"\nstdout_logfile={log}\nstdout_logfile_maxbytes=0\n"
        );
    }
    let (peer, small) = Peer::start_with(Kind::Ours, &configuration, |directory| {
        std::fs::create_dir(directory.join("taken")).unwrap();
        let small = directory.join("small");
        std::fs::create_dir(&small).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "small"])
            .arg(&small)
            .status()
            .unwrap();
        assert!(mounted.success());
        std::fs::write(small.join("ballast"), vec![0; 32 * 1024]).unwrap();
        Mounted(small)
    });
    let pids = ["full", "directory"].map(|name| running(&peer, name));
    let main_log = || std::fs::read_to_string(peer.path("main.log")).unwrap_or_default();
    peer.wait_until("both are reported", |_| {
        let log = main_log();
        log.contains("small/full.log") && log.contains("/taken")
    });
    // Both go on although nothing takes what they say.
    let at = |name: &str| -> u64 {
        let text = std::fs::read_to_string(peer.path(&format!("{name}.at"))).unwrap_or_default();
        text.trim().parse().unwrap_or_default()
    };
    for name in ["full", "directory"] {
        let before = at(name);
        peer.wait_until("it goes on", |_| at(name) > before + 200);
    }
    assert_eq!(
        ["full", "directory"].map(|name| process(&peer, name)),
        pids.map(|pid| ("RUNNING".to_owned(), pid))
    );
    std::fs::remove_file(small.0.join("ballast")).unwrap();
    std::fs::remove_dir(peer.path("taken")).unwrap();
    for (name, log) in [("full", "small/full.log"), ("directory", "taken")] {
        peer.wait_until("the gap is marked", |peer| {
            let bytes = std::fs::read(peer.path(log)).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            text.contains(&format!("of {name}.service missing here"))
        });
    }
    let stopped = call(&peer, "supervisor.stopAllProcesses", &[]);
    assert!(stopped.is_ok(), "{stopped:?}");
    peer.ends_well();
    drop(small);
}

/// The same requests the servers' own tests send, at the daemon itself: refused before they cost
/// anything, while programs run and others are answered.
#[test]
fn hostile_11_to_20_requests() {
    let peer = Peer::start(
        Kind::Ours,
        &format!("{CONFIGURATION}[program:app]\ncommand=/bin/sleep 1000\nstartsecs=0\n"),
    );
    let pid = running(&peer, "app");
    let before = memory(&peer);
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"x\"><!ENTITY c \"&b;&b;\">]>\
                <methodCall><methodName>&c;</methodName></methodCall>";
    let many = format!(
        "<methodCall><methodName>system.multicall</methodName><params><param><value><array><data>{}",
        "<value><array><data>".repeat(50_000)
    );
    let post = |headers: &str, body: &str| {
        format!(
            "POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n{body}"
        )
    };
    let length = |body: &str| format!("Content-Length: {}\r\n", body.len());
    for (what, request, statuses) in [
        ("entities", post(&length(bomb), bomb), &["400", "200"][..]),
        ("depth", post(&length(&many), &many), &["413", "400"]),
        (
            "a huge body",
            post("Content-Length: 1000000000000\r\n", ""),
            &["413"],
        ),
        (
            "two lengths",
            post("Content-Length: 1\r\nContent-Length: 2\r\n", "ab"),
            &["400"],
        ),
        (
            "two framings",
            post("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "ab"),
            &["400"],
        ),
        (
            "a long head",
            post(&format!("A: {}\r\n", "a".repeat(1_000_000)), ""),
            &["431"],
        ),
        (
            "a long path",
            format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(70_000)),
            &["414", "431"],
        ),
        (
            "a way out",
            "GET /../../etc/shadow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                .to_owned(),
            &["400", "404"],
        ),
        (
            "a stranger's page",
            post("Origin: http://evil\r\nContent-Length: 0\r\n", ""),
            &["403"],
        ),
    ] {
        let answer = rpc::ask(&peer.path("s.sock"), &request, b"");
        let answer = String::from_utf8_lossy(&answer.unwrap_or_default()).into_owned();
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(statuses.contains(&status), "{what}: {answer}");
        if what == "entities" {
            assert!(!answer.contains("xx"), "{answer}");
        }
        assert_eq!(process(&peer, "app"), ("RUNNING".to_owned(), pid), "{what}");
    }
    for name in [
        "__init__",
        "supervisor.__class__",
        "supervisor..stop",
        "system.x.y",
        "ｓ.ｔ",
    ] {
        let answer = call(&peer, name, &[]);
        assert_eq!(answer, Err("UNKNOWN_METHOD".to_owned()), "{name:?}");
    }
    for offset in [i64::from(i32::MIN), i64::from(i32::MAX)] {
        let _ = call(
            &peer,
            "supervisor.readProcessStdoutLog",
            &[text("app"), Value::Int(offset), Value::Int(offset)],
        );
        assert_eq!(process(&peer, "app"), ("RUNNING".to_owned(), pid));
    }
    let grown = memory(&peer).saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} KiB more");
    peer.ends_well();
}
