//! Sockets we were started with (`LISTEN_FDS`, sd_listen_fds(3)): under systemd, or under
//! `systemd-socket-activate`. A socket unit that listens on the same address takes one over.

use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use listenfd::ListenFd;
use rustix::fs::FileType;
use rustix::net::{SocketAddrAny, SocketAddrUnix, SocketType};
use units::value::{ListenAddress, ListenKind};

/// The sockets nobody has claimed yet.
#[derive(Debug, Default)]
pub struct Inherited {
    sockets: Vec<Socket>,
}

#[derive(Debug)]
struct Socket {
    name: String,
    fd: OwnedFd,
}

impl Inherited {
    /// Takes what the environment offers, and removes the offer from it. To be called once, before
    /// there are other threads.
    #[must_use]
    pub fn from_environment() -> Inherited {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':').map(str::to_owned);
        let mut offered = ListenFd::from_env();
        let sockets = (0..offered.len())
            .filter_map(|index| {
                let name = names.next().filter(|name| !name.is_empty());
                Some(Socket {
                    fd: take(&mut offered, index)?,
                    name: name.unwrap_or_default(),
                })
            })
            .collect();
        Inherited { sockets }
    }

    /// Sockets with their names, got in another way.
    #[must_use]
    pub fn from_descriptors(descriptors: Vec<(String, OwnedFd)>) -> Inherited {
        let sockets = descriptors
            .into_iter()
            .map(|(name, fd)| Socket { name, fd })
            .collect();
        Inherited { sockets }
    }

    /// Takes the socket that listens on this address, if there is one.
    pub fn claim(&mut self, kind: ListenKind, address: &ListenAddress) -> Option<OwnedFd> {
        let at = self
            .sockets
            .iter()
            .position(|socket| listens_on(&socket.fd, kind, address))?;
        Some(self.sockets.remove(at).fd)
    }

    /// Takes the listener at this path, for a control socket of ours; it does not block.
    pub fn claim_control(&mut self, path: &Path) -> Option<OwnedFd> {
        let address = ListenAddress::Path(path.to_str()?.into());
        let listener = self.claim(ListenKind::Stream, &address)?;
        // The loop must not wait in it: then rather a listener of our own.
        rustix::io::ioctl_fionbio(&listener, true).ok()?;
        Some(listener)
    }

    /// The names of those that nobody has claimed.
    pub fn unclaimed(&self) -> impl Iterator<Item = &str> {
        self.sockets.iter().map(|socket| socket.name.as_str())
    }
}

/// Takes one descriptor, whatever it is.
fn take(offered: &mut ListenFd, index: usize) -> Option<OwnedFd> {
    const FAMILIES: [i32; 2] = [libc::AF_INET, libc::AF_UNIX];
    const TYPES: [i32; 3] = [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_SEQPACKET];
    for family in FAMILIES {
        for socket_type in TYPES {
            // For listenfd, IPv6 is a case of AF_INET. What does not fit stays at its place.
            if let Ok(Some(fd)) = offered.take_custom(index, family, socket_type, "socket") {
                return Some(fd);
            }
        }
    }
    let raw = offered.take_raw_fd(index).ok().flatten()?;
    // It may not be open at all: what LISTEN_FDS says is only a claim.
    nix::fcntl::fcntl(
        borrow(raw)?,
        nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC),
    )
    .ok()?;
    #[expect(
        unsafe_code,
        reason = "listenfd hands out what it does not know as a number"
    )]
    // SAFETY: the descriptor is open, and listenfd gives each one away only once.
    let fd = unsafe { OwnedFd::from_raw_fd(raw) };
    Some(fd)
}

fn borrow(raw: i32) -> Option<std::os::fd::BorrowedFd<'static>> {
    #[expect(unsafe_code, reason = "it is looked at before it is owned")]
    // SAFETY: fcntl(2) on a number that is no open descriptor only fails.
    (raw >= 0).then(|| unsafe { std::os::fd::BorrowedFd::borrow_raw(raw) })
}

fn listens_on(fd: &OwnedFd, kind: ListenKind, address: &ListenAddress) -> bool {
    let wanted = match kind {
        ListenKind::Stream => SocketType::STREAM,
        ListenKind::Datagram => SocketType::DGRAM,
        ListenKind::SequentialPacket => SocketType::SEQPACKET,
        ListenKind::Fifo => return is_fifo(fd, address),
        // Several can have the same, so nothing says that it is this one.
        ListenKind::Special | ListenKind::Netlink | ListenKind::MessageQueue => return false,
    };
    if rustix::net::sockopt::socket_type(fd) != Ok(wanted) {
        return false;
    }
    let listening = rustix::net::sockopt::socket_acceptconn(fd).unwrap_or(false);
    if wanted != SocketType::DGRAM && !listening {
        return false;
    }
    let Ok(bound) = rustix::net::getsockname(fd) else {
        return false;
    };
    match address {
        ListenAddress::Inet(address) => is_inet(&bound, *address),
        ListenAddress::Path(path) => SocketAddrUnix::try_from(bound).is_ok_and(|bound| {
            bound.path().map(|path| path.to_bytes().to_vec()) == Some(path.as_bytes().to_vec())
        }),
        ListenAddress::Abstract(name) => SocketAddrUnix::try_from(bound)
            .is_ok_and(|bound| bound.abstract_name() == Some(name.as_bytes())),
        ListenAddress::InetOn(address, interface) => {
            let mut address = *address;
            nix::net::if_::if_nametoindex(&**interface).is_ok_and(|index| {
                address.set_scope_id(index);
                is_inet(&bound, address.into())
            })
        }
        ListenAddress::Vsock { cid, port } => {
            let bound =
                nix::sys::socket::getsockname::<nix::sys::socket::VsockAddr>(fd.as_raw_fd());
            bound.is_ok_and(|bound| (bound.cid(), bound.port()) == (*cid, *port))
        }
        ListenAddress::Netlink { .. } => false,
    }
}

fn is_inet(bound: &SocketAddrAny, wanted: SocketAddr) -> bool {
    let Ok(bound) = SocketAddr::try_from(bound.clone()) else {
        return false;
    };
    let both_any = bound.ip().is_unspecified() && wanted.ip().is_unspecified();
    bound.port() == wanted.port() && (both_any || bound.ip() == wanted.ip())
}

fn is_fifo(fd: &OwnedFd, address: &ListenAddress) -> bool {
    let (Some(path), Ok(open)) = (address.as_path(), rustix::fs::fstat(fd.as_fd())) else {
        return false;
    };
    FileType::from_raw_mode(open.st_mode) == FileType::Fifo
        && rustix::fs::stat(path)
            .is_ok_and(|found| (found.st_dev, found.st_ino) == (open.st_dev, open.st_ino))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::{UnixDatagram, UnixListener};

    use super::*;

    #[test]
    fn matches_by_address_and_type() {
        let dir = tempfile::tempdir().unwrap();
        let path = format!("{}/s", dir.path().display());
        let datagram = format!("{}/d", dir.path().display());
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let any = TcpListener::bind("0.0.0.0:0").unwrap();
        let (tcp_address, port) = (tcp.local_addr().unwrap(), any.local_addr().unwrap().port());
        let mut inherited = Inherited::from_descriptors(vec![
            ("tcp".into(), tcp.into()),
            ("any".into(), any.into()),
            ("unix".into(), UnixListener::bind(&path).unwrap().into()),
            (
                "datagram".into(),
                UnixDatagram::bind(&datagram).unwrap().into(),
            ),
        ]);
        let mut claim = |kind, text: &str| {
            let address = ListenAddress::parse(kind, text).unwrap();
            inherited.claim(kind, &address).is_some()
        };
        assert!(!claim(ListenKind::Datagram, &tcp_address.to_string()));
        assert!(!claim(
            ListenKind::Stream,
            &format!("127.0.0.2:{}", tcp_address.port())
        ));
        assert!(claim(ListenKind::Stream, &tcp_address.to_string()));
        assert!(!claim(ListenKind::Stream, &tcp_address.to_string()));
        assert!(claim(ListenKind::Stream, &port.to_string()));
        assert!(!claim(ListenKind::SequentialPacket, &path));
        assert!(!claim(ListenKind::Stream, &datagram));
        assert!(inherited.claim_control(&dir.path().join("none")).is_none());
        assert!(inherited.claim_control(path.as_ref()).is_some());
        assert_eq!(inherited.unclaimed().collect::<Vec<_>>(), ["datagram"]);
    }
}
