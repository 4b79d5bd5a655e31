//! Makes the listening sockets, pipes and queues of a socket unit (systemd.socket(5)).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use rustix::net::{AddressFamily, Protocol, RawProtocol, SocketAddrUnix, SocketFlags, SocketType};
use units::Definition;
use units::value::{ListenAddress, ListenKind};

use super::node::{self, set_blocking};
use super::{Inherited, Options};
use crate::reason::reason;

/// What a socket unit listens on, and how. Holds all that is needed, so that it can be opened on
/// another thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listeners {
    /// In the order in which services get them.
    pub addresses: Vec<(ListenKind, ListenAddress)>,
    /// How many connections may wait; the kernel has its own limit (`net.core.somaxconn`).
    pub backlog: u32,
    /// Permission bits of nodes in the file system.
    pub mode: u32,
    /// Permission bits of directories that have to be made for nodes.
    pub directory_mode: u32,
    /// Owner of nodes in the file system; ours if absent.
    pub uid: Option<u32>,
    /// Group of nodes in the file system; ours if absent.
    pub gid: Option<u32>,
    /// We accept connections ourselves, and must not wait for one that is gone again.
    pub accept: bool,
    /// Special files are opened for writing too.
    pub writable: bool,
    /// What a pipe is to hold in bytes; 0 for what the kernel gives it.
    pub pipe_size: u64,
    /// How many messages a new queue holds, and how long one may be; 0 for what the kernel gives it.
    pub queue: (u32, u32),
    /// Symbolic links to make to the one node.
    pub links: Vec<Box<str>>,
    /// Options of the sockets.
    pub options: Options,
}

impl Default for Listeners {
    fn default() -> Listeners {
        Listeners {
            addresses: Vec::new(),
            backlog: u32::MAX,
            mode: 0o666,
            directory_mode: 0o755,
            uid: None,
            gid: None,
            accept: false,
            writable: false,
            pipe_size: 0,
            queue: (0, 0),
            links: Vec::new(),
            options: Options::default(),
        }
    }
}

impl Listeners {
    /// What a definition asks for; names of users and groups are looked up by the caller.
    #[must_use]
    pub fn of(definition: &Definition, uid: Option<u32>, gid: Option<u32>) -> Listeners {
        Listeners {
            addresses: definition
                .listen()
                .map(|(kind, address)| (kind, address.clone()))
                .collect(),
            backlog: definition.backlog(),
            mode: definition.socket_mode().bits(),
            directory_mode: definition.directory_mode().bits(),
            uid,
            gid,
            accept: definition.accept(),
            writable: definition.writable(),
            pipe_size: definition.pipe_size().as_bytes(),
            queue: (
                definition.message_queue_max_messages(),
                definition.message_queue_message_size(),
            ),
            links: definition.symlinks().to_vec(),
            options: Options::of(definition),
        }
    }

    /// Everything with a name that outlives the descriptor.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (ListenKind, &str)> {
        self.addresses
            .iter()
            .filter_map(|(kind, address)| Some((*kind, address.as_path()?)))
    }

    /// Where the symbolic links lead.
    pub(super) fn link_target(&self) -> Option<&str> {
        let leads = |kind| !matches!(kind, ListenKind::Special | ListenKind::MessageQueue);
        self.nodes()
            .find(|(kind, _)| leads(*kind))
            .map(|(_, path)| path)
    }
}

/// Opens all addresses, in their order, or none. A socket that we inherited for an address is taken
/// instead of a new one. What could not be set on them is in `troubles`, a sentence each.
///
/// # Errors
/// A sentence with the address and the reason: `cannot listen on 0.0.0.0:80: permission denied`.
pub fn open(
    listeners: &Listeners,
    inherited: &mut Inherited,
    troubles: &mut Vec<String>,
) -> Result<Vec<OwnedFd>, String> {
    let mut opened = Vec::with_capacity(listeners.addresses.len());
    let mut made = Vec::new();
    for (kind, address) in &listeners.addresses {
        let result = match inherited.claim(*kind, address) {
            Some(fd) => set_blocking(fd, !listeners.accept),
            None => {
                let result = open_with(listeners, *kind, address, troubles);
                if result.is_ok() {
                    made.extend(address.as_path().map(|path| (*kind, path)));
                }
                result
            }
        };
        match result {
            Ok(fd) => opened.push(fd),
            Err(error) => {
                made.into_iter()
                    .for_each(|(kind, path)| node::remove_node(kind, path));
                return Err(format!("cannot listen on {address}: {}", reason(&error)));
            }
        }
    }
    node::make_links(listeners, troubles);
    Ok(opened)
}

/// Opens one address, whatever `listeners` names.
///
/// # Errors
/// What the system says; `EADDRINUSE` also for a Unix socket on which somebody listens.
pub fn open_one(
    listeners: &Listeners,
    kind: ListenKind,
    address: &ListenAddress,
) -> io::Result<OwnedFd> {
    open_with(listeners, kind, address, &mut Vec::new())
}

fn open_with(
    listeners: &Listeners,
    kind: ListenKind,
    address: &ListenAddress,
    troubles: &mut Vec<String>,
) -> io::Result<OwnedFd> {
    let path = || {
        address
            .as_path()
            .ok_or_else(|| io::Error::other("it is no path"))
    };
    let socket_type = match kind {
        ListenKind::Stream => SocketType::STREAM,
        ListenKind::Datagram => SocketType::DGRAM,
        ListenKind::SequentialPacket => SocketType::SEQPACKET,
        ListenKind::Netlink => SocketType::RAW,
        ListenKind::Fifo => return node::open_fifo(listeners, Path::new(path()?), troubles),
        ListenKind::Special => return node::open_special(listeners, Path::new(path()?)),
        ListenKind::MessageQueue => return node::open_queue(listeners, path()?),
    };
    let mut flags = SocketFlags::CLOEXEC;
    flags.set(SocketFlags::NONBLOCK, listeners.accept);
    let make = |family, protocol: u32| {
        let protocol = RawProtocol::new(protocol).map(Protocol::from_raw);
        rustix::net::socket_with(family, socket_type, flags, protocol)
    };
    let socket = match address {
        ListenAddress::Path(path) => {
            let socket = make(AddressFamily::UNIX, 0)?;
            node::bind_path(listeners, &socket, socket_type, path)?;
            socket
        }
        ListenAddress::Abstract(name) => {
            let socket = make(AddressFamily::UNIX, 0)?;
            rustix::net::bind(
                &socket,
                &SocketAddrUnix::new_abstract_name(name.as_bytes())?,
            )?;
            socket
        }
        ListenAddress::Inet(bound) => {
            let make = |family| make(family, listeners.options.protocol_of(kind));
            bind_inet(listeners, address, *bound, make, troubles)?
        }
        ListenAddress::InetOn(bound, interface) => {
            let mut bound = *bound;
            bound.set_scope_id(nix::net::if_::if_nametoindex(&**interface)?);
            let make = |family| make(family, listeners.options.protocol_of(kind));
            bind_inet(listeners, address, bound.into(), make, troubles)?
        }
        ListenAddress::Vsock { cid, port } => {
            let socket = make(AddressFamily::VSOCK, 0)?;
            rustix::net::sockopt::set_socket_reuseaddr(&socket, true)?;
            let address = nix::sys::socket::VsockAddr::new(*cid, *port);
            nix::sys::socket::bind(socket.as_raw_fd(), &address)?;
            socket
        }
        ListenAddress::Netlink { family, groups } => {
            let socket = make(AddressFamily::NETLINK, u32::from(*family))?;
            let address = nix::sys::socket::NetlinkAddr::new(0, *groups);
            nix::sys::socket::bind(socket.as_raw_fd(), &address)?;
            socket
        }
    };
    listeners
        .options
        .set_on(socket.as_fd(), kind, address, troubles);
    if kind.has_connections() {
        rustix::net::listen(
            &socket,
            i32::try_from(listeners.backlog).unwrap_or(i32::MAX),
        )?;
    }
    Ok(socket)
}

fn bind_inet(
    listeners: &Listeners,
    address: &ListenAddress,
    to: SocketAddr,
    make: impl Fn(AddressFamily) -> rustix::io::Result<OwnedFd>,
    troubles: &mut Vec<String>,
) -> io::Result<OwnedFd> {
    let any = to.ip().is_unspecified();
    let family = if to.is_ipv6() {
        AddressFamily::INET6
    } else {
        AddressFamily::INET
    };
    let mut bind =
        |socket: OwnedFd, shown: &ListenAddress, to: SocketAddr| -> io::Result<OwnedFd> {
            listeners
                .options
                .before_bind(socket.as_fd(), shown, troubles)?;
            rustix::net::sockopt::set_socket_reuseaddr(&socket, true)?;
            rustix::net::bind(&socket, &to)?;
            Ok(socket)
        };
    let bound = make(family)
        .map_err(io::Error::from)
        .and_then(|socket| bind(socket, address, to));
    match bound {
        // A host without IPv6: `[::]` is then all of IPv4.
        Err(error)
            if to.is_ipv6()
                && any
                && matches!(
                    error.raw_os_error(),
                    Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)
                ) =>
        {
            let all = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), to.port());
            bind(make(AddressFamily::INET)?, &ListenAddress::Inet(all), all)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

    use rustix::fs::OFlags;
    use units::value::SocketProtocol;

    use super::super::remove_nodes;
    use super::*;

    fn listeners(addresses: &[(ListenKind, &str)]) -> Listeners {
        Listeners {
            addresses: addresses
                .iter()
                .map(|(kind, text)| (*kind, ListenAddress::parse(*kind, text).unwrap()))
                .collect(),
            mode: 0o662,
            ..Listeners::default()
        }
    }

    fn open_alone(listeners: &Listeners) -> Result<Vec<OwnedFd>, String> {
        open(listeners, &mut Inherited::default(), &mut Vec::new())
    }

    #[test]
    fn opens_nodes_of_every_kind_with_their_mode() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| format!("{}/deep/er/{name}", dir.path().display());
        let (stream, datagram) = (path("stream"), path("datagram"));
        let (packet, fifo) = (path("packet"), path("fifo"));
        let wanted = listeners(&[
            (ListenKind::Stream, &stream),
            (ListenKind::Datagram, &datagram),
            (ListenKind::SequentialPacket, &packet),
            (ListenKind::Fifo, &fifo),
        ]);
        let mut opened = open_alone(&wanted).unwrap();
        for path in [&stream, &datagram, &packet, &fifo] {
            assert_eq!(
                std::fs::metadata(path).unwrap().mode() & 0o7777,
                0o662,
                "{path}"
            );
        }
        assert_eq!(
            std::fs::metadata(dir.path().join("deep")).unwrap().mode() & 0o7777,
            0o755
        );

        let mut pipe = std::fs::File::from(opened.pop().unwrap());
        std::fs::OpenOptions::new()
            .write(true)
            .open(&fifo)
            .unwrap()
            .write_all(b"f")
            .unwrap();
        let mut byte = [0];
        pipe.read_exact(&mut byte).unwrap();
        assert_eq!(byte, *b"f");
        UnixDatagram::unbound()
            .unwrap()
            .send_to(b"d", &datagram)
            .unwrap();
        UnixStream::connect(&stream).unwrap();

        // A living one is not taken away, a stale one is.
        let again = listeners(&[(ListenKind::Stream, &stream)]);
        let refused = open_alone(&again).unwrap_err();
        assert_eq!(
            refused,
            format!("cannot listen on {stream}: address already in use")
        );
        drop(opened);
        drop(open_alone(&wanted).unwrap());
        remove_nodes(&wanted);
        assert!(!Path::new(&stream).exists() && !Path::new(&fifo).exists());
    }

    #[test]
    fn takes_ipv4_on_a_bare_port() {
        let free = TcpListener::bind("[::]:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let port = free.to_string();
        let wanted = listeners(&[(ListenKind::Stream, &port), (ListenKind::Datagram, &port)]);
        let opened = open_alone(&wanted).unwrap();
        TcpStream::connect(("127.0.0.1", free)).unwrap();
        assert_eq!(opened.len(), 2);
    }

    #[test]
    fn each_kind_has_the_protocol_that_fits_it() {
        for (protocol, kind, number) in [
            (SocketProtocol::Mptcp, ListenKind::Stream, 262),
            (SocketProtocol::Mptcp, ListenKind::Datagram, 17),
            (SocketProtocol::UdpLite, ListenKind::Stream, 6),
            (SocketProtocol::UdpLite, ListenKind::Datagram, 136),
        ] {
            let mut wanted = listeners(&[(kind, "127.0.0.1:1")]);
            // Any port that is free.
            wanted.addresses = vec![(kind, ListenAddress::Inet(([127, 0, 0, 1], 0).into()))];
            wanted.options.protocol = Some(protocol);
            let socket = open_alone(&wanted).unwrap().remove(0);
            let found = rustix::net::sockopt::socket_protocol(&socket).unwrap();
            let found = found.map(|found| found.as_raw().get());
            assert_eq!(found, Some(number), "{protocol} {kind}");
        }
    }

    #[test]
    fn opens_queues_and_hears_the_kernel() {
        let name = format!("/runner-test-{}", std::process::id());
        let wanted = Listeners {
            queue: (3, 77),
            mode: 0o640,
            ..listeners(&[
                (ListenKind::MessageQueue, &name),
                (ListenKind::Netlink, "kobject-uevent 0"),
            ])
        };
        let opened = open_alone(&wanted).unwrap();
        let found = rustix::fs::fstat(&opened[0]).unwrap();
        assert_eq!(found.st_mode & 0o7777, 0o640);
        // What read(2) tells of a queue (mq_overview(7)).
        let mut told = [0; 100];
        let read = rustix::io::read(&opened[0], &mut told).unwrap();
        assert!(told[..read].starts_with(b"QSIZE:0"));
        drop(open_alone(&wanted).unwrap());
        remove_nodes(&wanted);
        assert!(nix::mqueue::mq_unlink(name.as_str()).is_err());
        // As large as the kernel makes them.
        let usual = Listeners {
            queue: (0, 0),
            ..wanted
        };
        for _ in 0..20 {
            open_alone(&usual).unwrap();
            remove_nodes(&usual);
        }
    }

    #[test]
    fn what_cannot_be_waited_for_is_no_listener() {
        let refused = open_alone(&listeners(&[(ListenKind::Special, "/dev/null")])).unwrap_err();
        assert_eq!(
            refused,
            "cannot listen on /dev/null: nobody can wait for anything to come from it"
        );
        open_alone(&listeners(&[(ListenKind::Special, "/dev/ptmx")])).unwrap();
    }

    #[test]
    fn links_lead_to_the_node_and_are_taken_from_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| format!("{}/{name}", dir.path().display());
        std::fs::write(path("taken"), "text").unwrap();
        let wanted = Listeners {
            links: [path("deep/link"), path("taken")]
                .map(String::into_boxed_str)
                .to_vec(),
            ..listeners(&[(ListenKind::Stream, &path("s"))])
        };
        let mut troubles = Vec::new();
        let opened = open(&wanted, &mut Inherited::default(), &mut troubles).unwrap();
        UnixStream::connect(path("deep/link")).unwrap();
        let [trouble] = troubles.as_slice() else {
            panic!("{troubles:?}");
        };
        assert!(trouble.ends_with("file exists"), "{trouble}");
        drop(opened);
        remove_nodes(&wanted);
        assert!(std::fs::symlink_metadata(path("deep/link")).is_err());
        assert_eq!(std::fs::read_to_string(path("taken")).unwrap(), "text");
    }

    #[test]
    fn is_all_or_nothing_and_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let good = format!("{}/good", dir.path().display());
        let bad = format!("{}/bad", dir.path().display());
        std::fs::write(&bad, "text").unwrap();
        let wanted = listeners(&[(ListenKind::Stream, &good), (ListenKind::Stream, &bad)]);
        let refused = open_alone(&wanted).unwrap_err();
        assert_eq!(
            refused,
            format!("cannot listen on {bad}: it exists and is not a socket")
        );
        assert!(!Path::new(&good).exists());
        assert_eq!(std::fs::read_to_string(&bad).unwrap(), "text");

        let taken = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let first = open_alone(&listeners(&[(ListenKind::Stream, &taken.to_string())])).unwrap();
        let refused =
            open_alone(&listeners(&[(ListenKind::Stream, &taken.to_string())])).unwrap_err();
        assert_eq!(
            refused,
            format!("cannot listen on {taken}: address already in use")
        );
        drop(first);
    }

    #[test]
    fn hands_over_blocking_sockets_unless_it_accepts() {
        let dir = tempfile::tempdir().unwrap();
        let path = format!("{}/s", dir.path().display());
        for accept in [false, true] {
            let wanted = Listeners {
                accept,
                ..listeners(&[(ListenKind::Stream, &path)])
            };
            let socket = open_alone(&wanted).unwrap().remove(0);
            let flags = rustix::fs::fcntl_getfl(&socket).unwrap();
            assert_eq!(flags.contains(OFlags::NONBLOCK), accept);
            let listener = UnixListener::from(socket);
            assert!(listener.local_addr().unwrap().as_pathname().is_some());
            assert!(std::fs::metadata(&path).unwrap().file_type().is_socket());
        }
    }

    #[test]
    fn gives_nodes_away() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = format!("{}/s", dir.path().display());
        let wanted = Listeners {
            uid: Some(65534),
            gid: Some(65533),
            ..listeners(&[(ListenKind::Stream, &path)])
        };
        let _open = open_alone(&wanted).unwrap();
        let found = std::fs::metadata(&path).unwrap();
        assert_eq!(
            (found.uid(), found.gid(), found.mode() & 0o7777),
            (65534, 65533, 0o662)
        );
    }
}
