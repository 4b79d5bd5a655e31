//! The journal, by its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram for each
//! line, each field as `NAME=value`. Never waits for journald.

use std::io::{self, IoSlice, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, UnixCredentials, sendmsg};

use super::trouble::Health;

/// Where journald listens.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    socket: Option<UnixDatagram>,
    pub(super) health: Health,
    datagram: Vec<u8>,
    /// The pid that the world knows us by.
    keeper: u32,
    /// Whether we say for whom a line is sent: as process 1, if the kernel lets us.
    names_senders: bool,
    /// We are a user's.
    of_user: bool,
}

/// One line for the journal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) message: &'a [u8],
    /// syslog's, 0 to 7.
    pub(super) priority: u8,
    pub(super) identifier: &'a str,
    pub(super) unit: Option<&'a str>,
    pub(super) pid: Option<u32>,
    /// The catalog id.
    pub(super) message_id: Option<&'a str>,
    /// Why the line ends, when not by a newline.
    pub(super) line_break: Option<&'a str>,
    /// syslog's, not shifted.
    pub(super) facility: Option<u8>,
    /// More fields, `NAME=value`.
    pub(super) fields: &'a [Box<str>],
}

impl Journal {
    pub(super) fn new(path: PathBuf, keeper: u32) -> Journal {
        Journal {
            path,
            socket: None,
            health: Health::Well,
            datagram: Vec::new(),
            keeper,
            // Elsewhere it is better found below the unit that we are: journald finds nothing out about
            // a process that is gone by then.
            names_senders: keeper == 1,
            of_user: !nix::unistd::getuid().is_root(),
        }
    }

    /// The descriptor that says when journald takes more.
    pub(super) fn pollable(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(AsFd::as_fd)
    }

    /// Sends one line. `WouldBlock` when journald is busy, other errors when it is not there.
    pub(super) fn send(&mut self, record: &Record<'_>) -> io::Result<()> {
        encode(&mut self.datagram, record, self.of_user)?;
        let (socket, is_old) = match self.socket.take() {
            Some(socket) => (socket, true),
            None => (connect(&self.path)?, false),
        };
        let sent = self.send_for(&socket, record.pid);
        match sent {
            Ok(()) => {
                self.socket = Some(socket);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.socket = Some(socket);
                Err(error)
            }
            // A journald that was started again has a new socket at the same path.
            Err(_) if is_old => {
                let socket = connect(&self.path)?;
                self.send_for(&socket, record.pid)?;
                self.socket = Some(socket);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Sends what is encoded as if this process had, so that journald finds out whose it is by its
    /// control group; one that is gone already, or none, is the keeper. Who may not say so, which
    /// takes CAP_SYS_ADMIN, sends it as itself.
    fn send_for(&mut self, socket: &UnixDatagram, pid: Option<u32>) -> io::Result<()> {
        for sender in pid.into_iter().chain([self.keeper]) {
            if !self.names_senders {
                break;
            }
            match send_as(socket, &self.datagram, sender) {
                Ok(()) => return Ok(()),
                Err(Errno::ESRCH) => {}
                Err(Errno::EPERM | Errno::EINVAL) => self.names_senders = false,
                Err(errno) => return Err(refusal(errno)),
            }
        }
        let sent = nix::sys::socket::send(
            socket.as_raw_fd(),
            &self.datagram,
            MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT,
        );
        sent.map(drop).map_err(refusal)
    }
}

/// Sends a datagram with the credentials of `pid`, and our own user and group.
fn send_as(socket: &UnixDatagram, datagram: &[u8], pid: u32) -> nix::Result<()> {
    let credentials = UnixCredentials::from(libc::ucred {
        pid: i32::try_from(pid).map_err(|_| Errno::EINVAL)?,
        uid: nix::unistd::getuid().as_raw(),
        gid: nix::unistd::getgid().as_raw(),
    });
    sendmsg::<()>(
        socket.as_raw_fd(),
        &[IoSlice::new(datagram)],
        &[ControlMessage::ScmCredentials(&credentials)],
        MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT,
        None,
    )
    .map(drop)
}

/// A queue that is full is something to wait for, however the kernel says it.
fn refusal(errno: Errno) -> io::Error {
    match errno {
        Errno::ENOBUFS => io::ErrorKind::WouldBlock.into(),
        errno => errno.into(),
    }
}

fn connect(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    Ok(socket)
}

/// By `OBJECT_SYSTEMD_UNIT`, and by `USER_UNIT` where we are a user's, `journalctl -u` finds what a
/// service of ours has said wherever we run.
fn encode(datagram: &mut Vec<u8>, record: &Record<'_>, of_user: bool) -> io::Result<()> {
    datagram.clear();
    field(datagram, "MESSAGE", record.message);
    writeln!(datagram, "PRIORITY={}", record.priority)?;
    field(datagram, "SYSLOG_IDENTIFIER", record.identifier.as_bytes());
    if let Some(unit) = record.unit {
        field(datagram, "UNIT", unit.as_bytes());
        let name = if of_user {
            "USER_UNIT"
        } else {
            "OBJECT_SYSTEMD_UNIT"
        };
        field(datagram, name, unit.as_bytes());
    }
    if let Some(pid) = record.pid {
        writeln!(datagram, "SYSLOG_PID={pid}")?;
    }
    if let Some(id) = record.message_id {
        field(datagram, "MESSAGE_ID", id.as_bytes());
    }
    if let Some(line_break) = record.line_break {
        field(datagram, "LINE_BREAK", line_break.as_bytes());
    }
    if let Some(facility) = record.facility {
        writeln!(datagram, "SYSLOG_FACILITY={facility}")?;
    }
    for (name, value) in record
        .fields
        .iter()
        .filter_map(|field| field.split_once('='))
    {
        field(datagram, name, value.as_bytes());
    }
    Ok(())
}

fn field(datagram: &mut Vec<u8>, name: &str, value: &[u8]) {
    datagram.extend_from_slice(name.as_bytes());
    if value.contains(&b'\n') {
        datagram.push(b'\n');
        datagram.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        datagram.push(b'=');
    }
    datagram.extend_from_slice(value);
    datagram.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(message: &[u8]) -> Record<'_> {
        Record {
            message,
            priority: 6,
            identifier: "web",
            unit: Some("web.service"),
            pid: Some(7),
            message_id: None,
            line_break: None,
            facility: None,
            fields: &[],
        }
    }

    #[test]
    fn more_fields_come_last() {
        let mut datagram = Vec::new();
        let fields = [Box::from("A=b=c"), Box::from("B=d")];
        let record = Record {
            facility: Some(3),
            fields: &fields,
            ..record(b"x")
        };
        encode(&mut datagram, &record, false).unwrap();
        assert!(datagram.ends_with(b"SYSLOG_FACILITY=3\nA=b=c\nB=d\n"));
    }

    #[test]
    fn encodes_newlines_with_their_length() {
        let mut datagram = Vec::new();
        encode(&mut datagram, &record(b"a\nb"), true).unwrap();
        let expected = b"MESSAGE\n\x03\0\0\0\0\0\0\0a\nb\nPRIORITY=6\nSYSLOG_IDENTIFIER=web\nUNIT=web.service\nUSER_UNIT=web.service\nSYSLOG_PID=7\n";
        assert_eq!(datagram, expected);
    }

    #[test]
    fn finds_a_journald_that_was_started_again_and_never_waits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let mut journal = Journal::new(path.clone(), std::process::id());
        assert!(journal.send(&record(b"nobody")).is_err());
        let first = UnixDatagram::bind(&path).unwrap();
        journal.send(&record(b"one")).unwrap();
        drop(first);
        std::fs::remove_file(&path).unwrap();
        assert!(journal.send(&record(b"nobody")).is_err());
        let second = UnixDatagram::bind(&path).unwrap();
        journal.send(&record(b"two")).unwrap();
        let mut buffer = [0; 256];
        let length = second.recv(&mut buffer).unwrap();
        assert!(buffer[..length].starts_with(b"MESSAGE=two\nPRIORITY=6\n"));
        let full = (0..1_000_000).find_map(|_| journal.send(&record(b"flood")).err());
        assert_eq!(full.unwrap().kind(), io::ErrorKind::WouldBlock);
    }
}
