//! Accepts connections for `accept = true`, and says who is at the other end.

use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use engine::event::Peer;
use rustix::net::{AddressFamily, SocketFlags};

/// What one attempt to accept gave.
#[derive(Debug)]
pub enum Accepted {
    /// A connection; it blocks, as the service expects.
    Connection(OwnedFd, Peer),
    /// Nobody waits.
    Nobody,
    /// We are out of descriptors: one connection was closed, so that its client knows and we are
    /// not woken for it for ever.
    Shed,
}

/// Accepts connections, with one descriptor in reserve for when there are no others.
#[derive(Debug)]
pub struct Acceptor {
    reserve: Option<File>,
}

impl Acceptor {
    /// Takes its reserve.
    ///
    /// # Errors
    /// When there are no descriptors left already.
    pub fn new() -> io::Result<Acceptor> {
        Ok(Acceptor {
            reserve: Some(reserve()?),
        })
    }

    /// Accepts one connection from a non-blocking listener.
    ///
    /// # Errors
    /// What accept4(2) says; a connection that is gone again is [`Accepted::Nobody`].
    pub fn accept(&mut self, listener: BorrowedFd<'_>) -> io::Result<Accepted> {
        use rustix::io::Errno;
        match rustix::net::accept_with(listener, SocketFlags::CLOEXEC) {
            Ok(connection) => {
                let peer = peer(connection.as_fd());
                Ok(Accepted::Connection(connection, peer))
            }
            Err(Errno::MFILE | Errno::NFILE) => {
                self.reserve = None;
                let shed = rustix::net::accept_with(listener, SocketFlags::CLOEXEC).is_ok();
                self.reserve = reserve().ok();
                if shed {
                    Ok(Accepted::Shed)
                } else {
                    Err(Errno::MFILE.into())
                }
            }
            // Errors of the one connection (accept(2)), not of the listener.
            Err(
                Errno::AGAIN
                | Errno::INTR
                | Errno::CONNABORTED
                | Errno::PROTO
                | Errno::NETDOWN
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::NONET
                | Errno::HOSTUNREACH
                | Errno::OPNOTSUPP
                | Errno::NETUNREACH,
            ) => Ok(Accepted::Nobody),
            Err(error) => Err(error.into()),
        }
    }
}

fn reserve() -> io::Result<File> {
    // Any will do, also where there is no device.
    Ok(rustix::fs::memfd_create("reserve", rustix::fs::MemfdFlags::CLOEXEC)?.into())
}

/// Who is at the other end of a connection.
pub fn peer(connection: BorrowedFd<'_>) -> Peer {
    match rustix::net::sockopt::socket_domain(connection) {
        Ok(AddressFamily::UNIX) => match nix::sys::socket::getsockopt(
            &connection,
            nix::sys::socket::sockopt::PeerCredentials,
        ) {
            // A pid in another namespace is 0.
            Ok(peer) => Peer::Unix {
                pid: u32::try_from(peer.pid()).unwrap_or_default(),
                uid: peer.uid(),
            },
            Err(_) => Peer::Unknown,
        },
        Ok(AddressFamily::INET | AddressFamily::INET6) => {
            let local = rustix::net::getsockname(connection).ok();
            let remote = rustix::net::getpeername(connection).ok().flatten();
            match (local.and_then(inet), remote.and_then(inet)) {
                (Some(local), Some(remote)) => Peer::Inet {
                    local: local.ip().to_string(),
                    local_port: local.port(),
                    remote: remote.ip().to_string(),
                    remote_port: remote.port(),
                },
                _ => Peer::Unknown,
            }
        }
        Ok(AddressFamily::VSOCK) => {
            use nix::sys::socket::{VsockAddr, getpeername, getsockname};
            let fd = connection.as_raw_fd();
            match (getsockname::<VsockAddr>(fd), getpeername::<VsockAddr>(fd)) {
                (Ok(local), Ok(remote)) => Peer::Vsock {
                    local: local.cid(),
                    local_port: local.port(),
                    remote: remote.cid(),
                    remote_port: remote.port(),
                },
                _ => Peer::Unknown,
            }
        }
        _ => Peer::Unknown,
    }
}

/// An address as people write it: IPv4 in IPv6's clothes is IPv4.
fn inet(address: rustix::net::SocketAddrAny) -> Option<SocketAddr> {
    let address = SocketAddr::try_from(address).ok()?;
    Some(match address.ip() {
        IpAddr::V6(v6) => SocketAddr::new(v6.to_canonical(), address.port()),
        IpAddr::V4(_) => address,
    })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn tells_who_connected() {
        let listener = TcpListener::bind("[::]:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let mut acceptor = Acceptor::new().unwrap();
        assert!(matches!(
            acceptor.accept(listener.as_fd()).unwrap(),
            Accepted::Nobody
        ));
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let Accepted::Connection(connection, peer) = acceptor.accept(listener.as_fd()).unwrap()
        else {
            panic!("nobody");
        };
        let expected = Peer::Inet {
            local: "127.0.0.1".into(),
            local_port: port,
            remote: "127.0.0.1".into(),
            remote_port: client.local_addr().unwrap().port(),
        };
        assert_eq!(peer, expected);
        let flags = rustix::fs::fcntl_getfl(&connection).unwrap();
        assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
    }

    #[test]
    fn tells_which_process_connected() {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("s")).unwrap();
        let _client = UnixStream::connect(dir.path().join("s")).unwrap();
        let accepted = Acceptor::new().unwrap().accept(listener.as_fd()).unwrap();
        let uid = rustix::process::getuid().as_raw();
        let pid = std::process::id();
        assert!(
            matches!(accepted, Accepted::Connection(_, peer) if peer == Peer::Unix { pid, uid })
        );
    }
}
