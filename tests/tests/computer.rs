//! On a whole computer, which is emulated: as its init, and as a service of Debian's systemd.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "computer/init.rs"]
mod init;
#[path = "computer/service.rs"]
mod service;

/// All of these lines, in this order.
#[track_caller]
fn has(said: &str, lines: &[&str]) {
    let mut rest = said.lines();
    for line in lines {
        assert!(
            rest.any(|one| one.contains(line)),
            "{line:?} is missing in:\n{said}"
        );
    }
}
