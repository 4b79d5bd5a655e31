//! The local syslog (`/dev/log`), by datagrams as syslog(3) writes them. Never waits.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use super::local_time::WrittenTime;
use super::trouble::Health;

/// Where syslogd listens.
pub(super) const SOCKET: &str = "/dev/log";
/// `LOG_USER | LOG_INFO`: supervisord has no other.
const PRIORITY: u8 = 14;

#[derive(Debug)]
pub(super) struct Syslog {
    path: PathBuf,
    identifier: String,
    socket: Option<UnixDatagram>,
    pub(super) health: Health,
    datagram: Vec<u8>,
}

impl Syslog {
    pub(super) fn new(path: PathBuf) -> Syslog {
        Syslog {
            path,
            identifier: own_name(),
            socket: None,
            health: Health::Well,
            datagram: Vec::new(),
        }
    }

    /// Sends one message of one line. `WouldBlock` when syslogd is busy, other errors when it is not
    /// there.
    pub(super) fn send(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        self.datagram.clear();
        let head = format!(
            "<{PRIORITY}>{} {}: ",
            WrittenTime::now().for_syslog(),
            self.identifier
        );
        self.datagram.extend_from_slice(head.as_bytes());
        for part in parts {
            // A NUL ends a message for whoever reads it as C does.
            let shown = part
                .iter()
                .map(|byte| if *byte == 0 { b' ' } else { *byte });
            self.datagram.extend(shown);
        }
        // One that listens there since a moment ago has a new socket at the same path.
        if let Some(socket) = &self.socket {
            match socket.send(&self.datagram) {
                Ok(_) => return Ok(()),
                Err(error) if is_busy(&error) => return Err(io::ErrorKind::WouldBlock.into()),
                Err(_) => self.socket = None,
            }
        }
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect(&self.path)?;
        let sent = socket.send(&self.datagram);
        self.socket = Some(socket);
        match sent {
            Ok(_) => Ok(()),
            Err(error) if is_busy(&error) => Err(io::ErrorKind::WouldBlock.into()),
            Err(error) => Err(error),
        }
    }
}

fn is_busy(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::ENOBUFS)
}

/// The name we were started by, as syslog(3) has it.
fn own_name() -> String {
    std::env::args_os()
        .next()
        .and_then(|path| {
            let path = PathBuf::from(path);
            Some(path.file_name()?.to_string_lossy().into_owned())
        })
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| super::own::IDENTIFIER.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_syslogd_that_was_started_again_and_never_waits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut syslog = Syslog::new(path.clone());
        assert!(syslog.send(&[b"nobody"]).is_err());
        let first = UnixDatagram::bind(&path).unwrap();
        syslog.send(&[b"web ", b"one\0two"]).unwrap();
        let mut buffer = [0; 256];
        let length = first.recv(&mut buffer).unwrap();
        let got = String::from_utf8_lossy(&buffer[..length]).into_owned();
        assert!(
            got.starts_with("<14>") && got.ends_with(": web one two"),
            "{got}"
        );
        drop(first);
        std::fs::remove_file(&path).unwrap();
        assert!(syslog.send(&[b"nobody"]).is_err());
        let second = UnixDatagram::bind(&path).unwrap();
        syslog.send(&[b"again"]).unwrap();
        assert!(second.recv(&mut buffer).is_ok());
        let full = (0..1_000_000).find_map(|_| syslog.send(&[b"flood"]).err());
        assert_eq!(full.unwrap().kind(), io::ErrorKind::WouldBlock);
    }
}
