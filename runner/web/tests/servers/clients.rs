//! Real clients of supervisord, and curl.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use control::{LogName, LogSource};
use units::UnitName;

use crate::fake::{CREDENTIALS, Fake, Order, post, read_to_end};

fn cat_log() -> LogName {
    LogName::Unit(UnitName::parse("cat.service").unwrap(), LogSource::Out)
}

#[test]
fn pythons_xmlrpc_client() {
    let fake = Fake::start();
    let script = r#"
import xmlrpc.client, sys
from supervisor.xmlrpc import SupervisorTransport
def proxies():
    yield xmlrpc.client.ServerProxy('http://127.0.0.1', transport=SupervisorTransport(None, None, 'unix://SOCKET'))
    yield xmlrpc.client.ServerProxy('http://user:thepassword@127.0.0.1:GUARDED/RPC2')
    yield xmlrpc.client.ServerProxy('http://127.0.0.1:OPEN/RPC2')
for proxy in proxies():
    print(proxy.supervisor.getState())
    info = proxy.supervisor.getProcessInfo('cat')
    assert all(type(info[key]) is int for key in ('start', 'stop', 'now', 'state', 'exitstatus', 'pid')), info
    print(info['statename'], info['description'].split(',')[0], sorted(info))
    print(proxy.supervisor.tailProcessStdoutLog('cat', 0, 4))
    try:
        proxy.supervisor.startProcess('é<&>')
    except xmlrpc.client.Fault as fault:
        print(fault.faultCode, fault.faultString)
    print(len(proxy.system.listMethods()))
"#;
    let output = fake.python("python", &["-c", script]);
    let expected = "{'statecode': 1, 'statename': 'RUNNING'}\n\
        RUNNING pid 101 ['description', 'exitstatus', 'group', 'logfile', 'name', 'now', 'pid', \
        'spawnerr', 'start', 'state', 'statename', 'stderr_logfile', 'stdout_logfile', 'stop']\n\
        ['ghi\\n', 20, True]\n10 BAD_NAME: é<&>\n41\n"
        .repeat(3);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[test]
fn b21_every_byte_in_a_log_can_be_read() {
    let fake = Fake::start();
    fake.order(Order::Say(cat_log(), (0..=255).collect()));
    let script = r#"
import xmlrpc.client
from supervisor.xmlrpc import SupervisorTransport
proxy = xmlrpc.client.ServerProxy('http://127.0.0.1', transport=SupervisorTransport(None, None, 'unix://SOCKET'))
for offset in range(-276, 1):
    text = proxy.supervisor.readProcessStdoutLog('cat', offset, 0)
assert '␛' in text and text.startswith('0123456789'), ascii(text)
"#;
    let output = fake.python("python", &["-c", script]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_real_supervisorctl() {
    let fake = Fake::start();
    let socket = "-s unix://SOCKET";
    let guarded = "-s http://127.0.0.1:GUARDED -u user -p thepassword";
    for (server, line, stdout, status) in [
        (socket, "version", "4.3.0\n", 0),
        (guarded, "version", "4.3.0\n", 0),
        (socket, "pid", "4711\n", 0),
        (guarded, "pid cat", "101\n", 0),
        (
            socket,
            "status nosuch",
            "nosuch                           STOPPED   Not started\n",
            3,
        ),
        (
            socket,
            "status bogus",
            "bogus: ERROR (no such process)\n",
            4,
        ),
        (socket, "start cat", "cat: ERROR (already started)\n", 0),
        (
            socket,
            "start nosuch nox",
            "nosuch: ERROR (no such file)\nnox: ERROR (file is not executable)\n",
            1,
        ),
        (socket, "start quick", "quick: ERROR (spawn error)\n", 7),
        (socket, "start grp:*", "grp:b: started\ngrp:a: started\n", 0),
        (socket, "stop grp:a", "grp:a: stopped\n", 0),
        (socket, "stop grp:a", "grp:a: ERROR (not running)\n", 0),
        (
            socket,
            "restart grp:a",
            "grp:a: ERROR (not running)\ngrp:a: started\n",
            0,
        ),
        (socket, "signal HUP cat", "cat: signalled\n", 0),
        (
            socket,
            "signal NOPE cat",
            "cat: ERROR (bad signal name)\n",
            1,
        ),
        (guarded, "tail cat", "0123456789abcdefghi\n\n", 0),
        (socket, "tail -4 cat", "ghi\n\n", 0),
        (socket, "tail quick", "quick: ERROR (no log file)\n", 1),
        (socket, "maintail", "main log\n\n", 0),
        (socket, "clear cat", "cat: cleared\n", 0),
        (
            socket,
            "reread",
            "new: available\nold: disappeared\nother: available\n",
            0,
        ),
        (socket, "add new", "new: added process group\n", 0),
        (
            socket,
            "add new",
            "ERROR: process group already active\n",
            0,
        ),
        (
            socket,
            "remove cat",
            "ERROR: process/group still running: cat\n",
            1,
        ),
        (
            socket,
            "avail",
            "cat                              in use    auto      999:999\n\
             grp:a                            in use    auto      999:999\n\
             grp:b                            in use    auto      999:1\n\
             nosuch                           in use    auto      999:999\n\
             nox                              in use    auto      999:999\n\
             quick                            in use    auto      999:999\n\
             slow                             in use    auto      999:999\n",
            0,
        ),
        (socket, "reload", "Restarted supervisord\n", 0),
        (socket, "shutdown", "ERROR: already shutting down\n", 0),
    ] {
        let words: Vec<&str> = server.split(' ').chain(line.split(' ')).collect();
        let output = fake.python("supervisorctl", &words);
        let printed = String::from_utf8_lossy(&output.stdout);
        if line == "avail" {
            // Its order is that of names of processes, not of groups.
            let mut lines: Vec<&str> = printed.lines().collect();
            lines.sort_unstable();
            assert_eq!(lines.join("\n") + "\n", stdout);
        } else {
            assert_eq!(printed, stdout, "{line}");
        }
        assert_eq!(output.status.code(), Some(status), "{line}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
    }
}

#[test]
fn the_real_supervisorctl_follows_a_log_until_it_is_killed() {
    let fake = Fake::start();
    for server in [
        &["-s", "unix://SOCKET"][..],
        &[
            "-s",
            "http://127.0.0.1:GUARDED",
            "-u",
            "user",
            "-p",
            "thepassword",
        ],
    ] {
        for (words, log, first) in [
            (
                &["tail", "-f", "cat"][..],
                cat_log(),
                "0123456789abcdefghi\n",
            ),
            (&["maintail", "-f"], LogName::Main, "main log\n"),
        ] {
            let words: Vec<&str> = server.iter().chain(words).copied().collect();
            let mut client = fake
                .python_command("supervisorctl", &words)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(client.stdout.take().unwrap());
            let mut line = || {
                let mut line = String::new();
                lines.read_line(&mut line).unwrap();
                line
            };
            assert_eq!(line(), "==> Press Ctrl-C to exit <==\n");
            // Earlier rounds have added to it.
            let mut read = line();
            while read != first && !read.is_empty() {
                read = line();
            }
            fake.order(Order::Say(log, b"more\n".to_vec()));
            while read != "more\n" {
                read = line();
                assert!(!read.is_empty(), "the log ended");
            }
            assert_eq!(fake.listeners(), 1);
            client.kill().unwrap();
            client.wait().unwrap();
            // Nothing more comes to the log, and yet it is noticed.
            while fake.listeners() > 0 {}
        }
    }
    let output = fake.python(
        "supervisorctl",
        &["-s", "unix://SOCKET", "tail", "-f", "bogus"],
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("Cannot read, status code 404"), "{stderr}");
}

fn curl(fake: &Fake, words: &[&str]) -> String {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "20"])
        .args(words.iter().map(|word| fake.filled(word)))
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn curl_needs_the_password() {
    let fake = Fake::start();
    let url = "http://127.0.0.1:GUARDED/ok.html";
    let refused = curl(&fake, &["-i", url]);
    assert!(
        refused.starts_with("HTTP/1.1 401 Unauthorized\r\n"),
        "{refused}"
    );
    assert!(
        refused.contains("\r\nWWW-Authenticate: Basic realm=\"default\"\r\n"),
        "{refused}"
    );
    assert!(refused.contains("\r\nConnection: close\r\n"), "{refused}");
    assert!(refused.contains("<p>Error code 401.\r\n"), "{refused}");
    let wrong = curl(&fake, &["-i", "-u", "user:wrong", url]);
    assert!(wrong.starts_with("HTTP/1.1 401 "), "{wrong}");
    let right = format!("{}:{}", CREDENTIALS.0, CREDENTIALS.1);
    assert_eq!(curl(&fake, &["-u", &right, url]), "OK");
    // Before the method is even looked at.
    let call = curl(&fake, &["-i", "-d", "x", "http://127.0.0.1:GUARDED/RPC2"]);
    assert!(call.starts_with("HTTP/1.1 401 "), "{call}");
}

#[test]
fn curl_calls_and_follows() {
    let fake = Fake::start();
    let body = "<methodCall><methodName>supervisor.getPID</methodName></methodCall>";
    let form = curl(
        &fake,
        &[
            "-i",
            "--unix-socket",
            "SOCKET",
            "-d",
            body,
            "http://localhost/RPC2",
        ],
    );
    assert!(
        form.starts_with("HTTP/1.1 200 OK\r\nServer: Medusa/1.12\r\nDate: "),
        "{form}"
    );
    assert!(form.contains("\r\nContent-Type: text/xml\r\n"), "{form}");
    assert!(
        form.ends_with("<value><int>4711</int></value>\n</param>\n</params>\n</methodResponse>\n")
    );
    // A body that curl asks about before it sends it.
    let long = format!("{body}{}", " ".repeat(900_000));
    let file = fake.directory.path().join("body");
    std::fs::write(&file, long).unwrap();
    let data = format!("@{}", file.display());
    let words = [
        "--unix-socket",
        "SOCKET",
        "-H",
        "Expect: 100-continue",
        "--data-binary",
        &data,
    ];
    let long = curl(&fake, &[&words[..], &["http://localhost/RPC2"]].concat());
    assert!(long.contains("4711"), "{long}");

    for version in ["--http1.0", "--http1.1"] {
        let mut client = Command::new("curl")
            .args(["--silent", "-i", "-N", version, "--unix-socket"])
            .arg(fake.socket())
            .arg("http://localhost/logtail/cat%3Acat/stdout")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut bytes = client.stdout.take().unwrap();
        let mut seen = String::new();
        let mut until = |wanted: &str| {
            let mut piece = [0; 256];
            while !seen.contains(wanted) {
                let length = bytes.read(&mut piece).unwrap();
                assert!(length > 0, "ended before {wanted:?}: {seen}");
                seen.push_str(&String::from_utf8_lossy(&piece[..length]));
            }
            seen.clone()
        };
        let head = until("ghi\n");
        assert!(
            head.contains("\r\nContent-Type: text/plain;charset=utf-8\r\n"),
            "{head}"
        );
        assert!(head.contains("\r\nX-Accel-Buffering: no\r\n"), "{head}");
        let chunked = head.contains("\r\nTransfer-Encoding: chunked\r\n");
        assert_eq!(chunked, version == "--http1.1", "{head}");
        fake.order(Order::Say(cat_log(), b"and on\n".to_vec()));
        until("and on\n");
        client.kill().unwrap();
        client.wait().unwrap();
    }
    for (path, status) in [
        ("/logtail/bogus", "404"),
        ("/logtail/quick", "404"),
        ("/logtail/cat/nope", "404"),
        ("/logtail", "404"),
        ("/RPC2", "400"),
        ("/nope", "404"),
    ] {
        let url = format!("http://localhost{path}");
        let answer = curl(&fake, &["-i", "--unix-socket", "SOCKET", &url]);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{path}: {answer}"
        );
    }
}

#[test]
fn requests_follow_each_other_on_one_connection() {
    let fake = Fake::start();
    let call = xmlrpc::write_call("supervisor.getPID", &[]);
    // Three at once, a stray line between two of them, the last one closes.
    let mut bytes = post(&call, "");
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&post(&call, ""));
    bytes.extend_from_slice(&post(&call, "Connection: close\r\n"));
    let answers = fake.raw(&bytes);
    assert_eq!(
        answers.matches("HTTP/1.1 200 OK\r\n").count(),
        3,
        "{answers}"
    );
    assert_eq!(answers.matches("<int>4711</int>").count(), 3);
    assert_eq!(answers.matches("Connection: close\r\n").count(), 1);

    // 1.0 closes unless it is told not to.
    let old = fake.raw(b"GET /ok.html HTTP/1.0\r\n\r\n");
    assert!(old.starts_with("HTTP/1.0 200 OK\r\n"), "{old}");
    assert!(old.ends_with("\r\n\r\nOK"), "{old}");
    let kept = fake.raw(
        b"GET /ok.html HTTP/1.0\r\nConnection: keep-alive\r\n\r\nHEAD /ok.html HTTP/1.0\r\n\r\n",
    );
    assert!(
        kept.contains("\r\nConnection: Keep-Alive\r\n\r\nOKHTTP/1.0 200 OK\r\n"),
        "{kept}"
    );
    assert!(kept.ends_with("\r\n\r\n"), "{kept}");
}

#[test]
fn a_client_that_says_it_will_ask_no_more_gets_its_answer() {
    let fake = Fake::start();
    let mut stream = fake.connect();
    let call = xmlrpc::write_call("supervisor.getPID", &[]);
    stream.write_all(&post(&call, "")).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(read_to_end(stream).contains("<int>4711</int>"));
}

#[test]
fn a_changed_password_counts_at_once() {
    let fake = Fake::start();
    let mut stream = fake.connect_tcp(fake.guarded);
    let login = xmlrpc::base64::encode(format!("{}:{}", CREDENTIALS.0, CREDENTIALS.1).as_bytes());
    let request = format!("GET /ok.html HTTP/1.1\r\nAuthorization: Basic {login}\r\n\r\n");
    let ask = |stream: &mut std::net::TcpStream| {
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    };
    assert!(ask(&mut stream).starts_with("HTTP/1.1 200 "));
    fake.order(Order::Reconfigure(Box::new(|config| {
        config.endpoints[1].auth.as_mut().unwrap().password = "another".to_owned();
    })));
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let answer = loop {
        let answer = ask(&mut stream);
        if !answer.starts_with("HTTP/1.1 200 ") {
            break answer;
        }
    };
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}
