//! The web page, used in a real browser: with JavaScript, without it, and on a phone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::process::Command;

use tests::{CONFIGURATION, Kind, Peer};

#[test]
fn a_person_uses_the_page() {
    let port = tests::free_port();
    let peer = Peer::start(
        Kind::Ours,
        &format!(
            "{CONFIGURATION}
[inet_http_server]
port=127.0.0.1:{port}
username=somebody
password={{SHA}}5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8
[program:cat]
command=/bin/cat
[program:idle]
command=/bin/sleep 1000
autostart=false
startsecs=0
[program:broken]
command=/no/such/program
autostart=false
[program:talk]
command=/bin/sh -c \"echo hello; while ! [ -e DIR/say-more ]; do sleep 0.1; done; echo more to say; exec sleep 1000\"
[program:one]
command=/bin/sleep 1000
[program:two]
command=/bin/sleep 1000
[group:grp]
programs=one,two
"
        ),
    );
    let done = Command::new(tests::tool("python"))
        .arg(tests::repository().join("tests/browser/page.py"))
        .args([&format!("127.0.0.1:{port}"), "somebody", "password"])
        .arg(peer.path(""))
        .output()
        .expect("python");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && said.contains("all seen"),
        "{said}{}\n{}",
        String::from_utf8_lossy(&done.stderr),
        peer.console()
    );
    // To be looked at by whoever changes the page.
    if let Some(directory) = std::env::var_os("RUNNER_PICTURES") {
        for name in ["list.png", "process.png", "phone.png"] {
            std::fs::copy(peer.path(name), std::path::Path::new(&directory).join(name)).unwrap();
        }
    }
    peer.ends_well();
}
