//! The journal, by its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram for each
//! line, each field as `NAME=value`. Never waits for journald.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use super::trouble::Health;

/// Where journald listens.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    socket: Option<UnixDatagram>,
    pub(super) health: Health,
    datagram: Vec<u8>,
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
    pub(super) fn new(path: PathBuf) -> Journal {
        Journal {
            path,
            socket: None,
            health: Health::Well,
            datagram: Vec::new(),
        }
    }

    /// The descriptor that says when journald takes more.
    pub(super) fn pollable(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(AsFd::as_fd)
    }

    /// Sends one line. `WouldBlock` when journald is busy, other errors when it is not there.
    pub(super) fn send(&mut self, record: &Record<'_>) -> io::Result<()> {
        encode(&mut self.datagram, record)?;
        let socket = match &self.socket {
            Some(socket) => socket,
            None => self.socket.insert(connect(&self.path)?),
        };
        match socket.send(&self.datagram) {
            Ok(_) => Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
            Err(error) => {
                // A journald that was started again has a new socket at the same path.
                let again = connect(&self.path).and_then(|socket| {
                    socket.send(&self.datagram)?;
                    Ok(socket)
                });
                self.socket = again.ok();
                if self.socket.is_some() {
                    Ok(())
                } else {
                    Err(error)
                }
            }
        }
    }
}

fn connect(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    Ok(socket)
}

fn encode(datagram: &mut Vec<u8>, record: &Record<'_>) -> io::Result<()> {
    datagram.clear();
    field(datagram, "MESSAGE", record.message);
    writeln!(datagram, "PRIORITY={}", record.priority)?;
    field(datagram, "SYSLOG_IDENTIFIER", record.identifier.as_bytes());
    if let Some(unit) = record.unit {
        field(datagram, "UNIT", unit.as_bytes());
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
        encode(&mut datagram, &record).unwrap();
        assert!(datagram.ends_with(b"SYSLOG_FACILITY=3\nA=b=c\nB=d\n"));
    }

    #[test]
    fn encodes_newlines_with_their_length() {
        let mut datagram = Vec::new();
        encode(&mut datagram, &record(b"a\nb")).unwrap();
        let expected = b"MESSAGE\n\x03\0\0\0\0\0\0\0a\nb\nPRIORITY=6\nSYSLOG_IDENTIFIER=web\nUNIT=web.service\nSYSLOG_PID=7\n";
        assert_eq!(datagram, expected);
    }

    #[test]
    fn finds_a_journald_that_was_started_again_and_never_waits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let mut journal = Journal::new(path.clone());
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
