//! What an `sd_notify` message says (sd_notify(3)); parsed here, because parsing is deciding.

use serde::{Deserialize, Serialize};
use units::value::NotifyAccess;

/// The fields of one datagram that are understood. Unknown fields are dropped, a field that does
/// not parse is treated as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `READY=1`, `RELOADING=1` or `STOPPING=1`; where several stand, the last wins.
    pub phase: Option<Phase>,
    /// `RELOADING=1` stands somewhere, though a later field may have won.
    pub reloading: bool,
    /// `MONOTONIC_USEC=`, microseconds: when the reload began.
    pub monotonic_usec: Option<u64>,
    /// `STATUS=`; an empty text clears it.
    pub status: Option<String>,
    /// `ERRNO=`.
    pub errno: Option<i32>,
    /// `BUSERROR=`: the name of a D-Bus error.
    pub bus_error: Option<String>,
    /// `VARLINKERROR=`: the name of a Varlink error.
    pub varlink_error: Option<String>,
    /// `NOTIFYACCESS=`: whose messages are believed from now on.
    pub notify_access: Option<NotifyAccess>,
    /// `RESTART_RESET=1`: begin to count restarts anew.
    pub restart_reset: bool,
    /// `MAINPID=`.
    pub main_pid: Option<u32>,
    /// `MAINPIDFD=1`: the first descriptor that came along is the main process. Who reads the message
    /// finds out which one that is, and takes it from the others.
    pub main_pid_fd: bool,
    /// `MAINPIDFDID=`: the number of the main process's pidfd, which no other process has.
    pub main_pid_fd_id: Option<u64>,
    /// `WATCHDOG=`.
    pub watchdog: Option<Watchdog>,
    /// `WATCHDOG_USEC=`, microseconds.
    pub watchdog_usec: Option<u64>,
    /// `EXTEND_TIMEOUT_USEC=`, microseconds.
    pub extend_timeout_usec: Option<u64>,
    /// `FDSTORE=1`: keep the descriptors that came along.
    pub store: bool,
    /// `FDNAME=`, already checked: at most 255 printable ASCII characters and no colon.
    pub fd_name: Option<String>,
    /// `FDSTOREREMOVE=1`: forget those of `fd_name`.
    pub store_remove: bool,
    /// `FDPOLL=0` turns this off: drop a stored descriptor that hangs up.
    pub keep_hung_up: bool,
    /// `BARRIER=1`, alone in its datagram. The shell closes the descriptor afterwards.
    pub barrier: bool,
}

/// Where the service says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// `READY=1`
    Ready,
    /// `RELOADING=1`
    Reloading,
    /// `STOPPING=1`
    Stopping,
}

/// What a watchdog field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Watchdog {
    /// `WATCHDOG=1`: alive.
    Ping,
    /// `WATCHDOG=trigger`: act as if it had not been.
    Trigger,
}

/// A datagram this long or longer is none of ours (`PIPE_BUF`).
const TOO_LONG: usize = 4096;
/// Longest name of a stored descriptor.
const LONGEST_FD_NAME: usize = 255;

impl Message {
    /// Reads one datagram. `None` if it is none (embedded NUL, over 4,095 bytes, not one `KEY=value`,
    /// or a `BARRIER=1` that is not alone).
    #[must_use]
    pub fn parse(datagram: &[u8]) -> Option<Message> {
        if datagram.len() >= TOO_LONG {
            return None;
        }
        // C programs like to send the terminator along.
        let text = datagram.strip_suffix(b"\0").unwrap_or(datagram);
        if text.contains(&0) {
            return None;
        }
        let mut message = Message::default();
        let mut fields = 0;
        for line in text.split(|byte| *byte == b'\n') {
            let Some(equals) = line.iter().position(|byte| *byte == b'=') else {
                continue;
            };
            if equals == 0 {
                continue;
            }
            fields += 1;
            // A value that is not UTF-8 is one that does not parse.
            if let Ok(value) = std::str::from_utf8(&line[equals + 1..]) {
                message.read_field(&line[..equals], value);
            }
        }
        let barrier_in_company = message.barrier && fields > 1;
        (fields > 0 && !barrier_in_company).then_some(message)
    }

    fn read_field(&mut self, key: &[u8], value: &str) {
        match key {
            b"READY" if value == "1" => self.phase = Some(Phase::Ready),
            b"RELOADING" if value == "1" => {
                self.phase = Some(Phase::Reloading);
                self.reloading = true;
            }
            b"MONOTONIC_USEC" => self.monotonic_usec = decimal(value),
            b"STOPPING" if value == "1" => self.phase = Some(Phase::Stopping),
            b"STATUS" => self.status = Some(value.to_owned()),
            b"ERRNO" => self.errno = decimal(value).and_then(|n| i32::try_from(n).ok()),
            b"BUSERROR" => self.bus_error = Some(value.to_owned()),
            b"VARLINKERROR" => self.varlink_error = Some(value.to_owned()),
            b"NOTIFYACCESS" => self.notify_access = NotifyAccess::from_word(value),
            b"RESTART_RESET" if value == "1" => self.restart_reset = true,
            b"MAINPID" => {
                self.main_pid = decimal(value)
                    .and_then(|n| u32::try_from(n).ok())
                    .filter(|pid| (2..=i32::MAX as u32).contains(pid));
            }
            b"MAINPIDFD" if value == "1" => self.main_pid_fd = true,
            b"MAINPIDFDID" => self.main_pid_fd_id = decimal(value).filter(|id| *id > 0),
            b"WATCHDOG" if value == "1" => self.watchdog = Some(Watchdog::Ping),
            b"WATCHDOG" if value == "trigger" => self.watchdog = Some(Watchdog::Trigger),
            b"WATCHDOG_USEC" => self.watchdog_usec = decimal(value),
            b"EXTEND_TIMEOUT_USEC" => self.extend_timeout_usec = decimal(value),
            b"FDSTORE" if value == "1" => self.store = true,
            b"FDNAME" if is_fd_name(value) => self.fd_name = Some(value.to_owned()),
            b"FDSTOREREMOVE" if value == "1" => self.store_remove = true,
            b"FDPOLL" if value == "0" => self.keep_hung_up = true,
            b"BARRIER" if value == "1" => self.barrier = true,
            _ => {}
        }
    }
}

/// Digits only: `str::parse` would take a plus sign, too.
fn decimal(value: &str) -> Option<u64> {
    value
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| value.parse().ok())
        .flatten()
}

/// sd_pid_notify_with_fds(3): printable ASCII, no colon, because `LISTEN_FDNAMES` is a colon list.
fn is_fd_name(name: &str) -> bool {
    (1..=LONGEST_FD_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|byte| (b' '..0x7f).contains(&byte) && byte != b':')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Option<Message> {
        Message::parse(text.as_bytes())
    }

    #[test]
    fn what_programs_send() {
        let message =
            parse("READY=1\nSTATUS=Serving, 3 clients\nMAINPID=4711\n").expect("a message");
        assert_eq!(message.phase, Some(Phase::Ready));
        assert_eq!(message.status.as_deref(), Some("Serving, 3 clients"));
        assert_eq!(message.main_pid, Some(4711));
        assert_eq!(
            parse("READY=1\0").and_then(|message| message.phase),
            Some(Phase::Ready)
        );
        let named = parse("MAINPIDFD=1\nMAINPIDFDID=77").expect("a message");
        assert!(named.main_pid_fd && named.main_pid.is_none());
        assert_eq!(named.main_pid_fd_id, Some(77));
        let stored = parse("FDSTORE=1\nFDNAME=db\nFDPOLL=0").expect("a message");
        assert!(stored.store && stored.keep_hung_up);
        assert_eq!(stored.fd_name.as_deref(), Some("db"));
    }

    #[test]
    fn the_last_phase_wins() {
        assert_eq!(
            parse("RELOADING=1\nREADY=1").and_then(|m| m.phase),
            Some(Phase::Ready)
        );
        assert_eq!(
            parse("READY=1\nSTOPPING=1").and_then(|m| m.phase),
            Some(Phase::Stopping)
        );
        assert_eq!(parse("READY=0").and_then(|m| m.phase), None);
        let reloaded = parse("RELOADING=1\nMONOTONIC_USEC=77\nREADY=1").expect("a message");
        assert!(reloaded.reloading);
        assert_eq!(reloaded.monotonic_usec, Some(77));
    }

    #[test]
    fn no_message_at_all() {
        for datagram in ["", "\n", "READY", "=1", "READY=1\0X=2", "\0"] {
            assert_eq!(parse(datagram), None, "{datagram:?}");
        }
        assert_eq!(Message::parse(&[b'A'; 4096]), None);
        let mut longest = b"STATUS=".to_vec();
        longest.resize(4095, b'x');
        assert!(Message::parse(&longest).is_some());
    }

    #[test]
    fn a_barrier_is_alone() {
        assert!(parse("BARRIER=1").is_some_and(|message| message.barrier));
        assert_eq!(parse("BARRIER=1\nREADY=1"), None);
        assert_eq!(parse("X_OTHER=1\nBARRIER=1"), None);
    }

    #[test]
    fn a_field_that_does_not_parse_is_absent() {
        let message =
            parse("MAINPID=-1\nERRNO=+5\nWATCHDOG_USEC=99999999999999999999\nFDNAME=a:b\nX=1")
                .expect("a message");
        assert_eq!(message, Message::default());
        assert_eq!(
            parse("MAINPID=1").and_then(|m| m.main_pid),
            None,
            "pid 1 is nobody's service"
        );
        assert_eq!(
            Message::parse(b"STATUS=\xff\nREADY=1").map(|m| (m.status, m.phase)),
            Some((None, Some(Phase::Ready)))
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
            if let Some(message) = Message::parse(&bytes) {
                prop_assert!(bytes.len() < 4096);
                let barrier = Message { barrier: true, ..Message::default() };
                prop_assert!(!message.barrier || message == barrier);
                prop_assert!(message.fd_name.is_none_or(|name| is_fd_name(&name)));
            }
        }

        #[test]
        fn fields_are_found_in_any_order(status in "[ -~]{0,40}", pid in 2u32..100_000, usec: u64, swap: bool) {
            let mut lines = [format!("STATUS={status}"), format!("MAINPID={pid}"), format!("WATCHDOG_USEC={usec}")];
            if swap { lines.reverse(); }
            let message = parse(&lines.join("\n")).expect("a message");
            prop_assert_eq!(message.status, Some(status));
            prop_assert_eq!(message.main_pid, Some(pid));
            prop_assert_eq!(message.watchdog_usec, Some(usec));
        }
    }
}
