//! Makes the listening sockets and FIFOs of a socket unit (systemd.socket(5)).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use units::Definition;
use units::value::{ListenAddress, ListenKind};

use super::Inherited;
use crate::place::Place;
use crate::reason::reason;

/// The longest path of a Unix socket (unix(7)), in bytes.
const LONGEST_PATH: usize = 107;
/// The mode of directories that have to be made for a node (`DirectoryMode=`).
const DIRECTORY_MODE: u32 = 0o755;

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
    /// Owner of nodes in the file system; ours if absent.
    pub uid: Option<u32>,
    /// Group of nodes in the file system; ours if absent.
    pub gid: Option<u32>,
    /// We accept connections ourselves, and must not wait for one that is gone again.
    pub accept: bool,
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
            uid,
            gid,
            accept: definition.accept(),
        }
    }

    fn nodes(&self) -> impl Iterator<Item = (ListenKind, &str)> {
        self.addresses
            .iter()
            .filter_map(|(kind, address)| Some((*kind, address.as_path()?)))
    }
}

/// Opens all addresses, in their order, or none. A socket that we inherited for an address is taken
/// instead of a new one.
///
/// # Errors
/// A sentence with the address and the reason: `cannot listen on 0.0.0.0:80: permission denied`.
pub fn open(listeners: &Listeners, inherited: &mut Inherited) -> Result<Vec<OwnedFd>, String> {
    let mut opened = Vec::with_capacity(listeners.addresses.len());
    let mut made = Vec::new();
    for (kind, address) in &listeners.addresses {
        let result = match inherited.claim(*kind, address) {
            Some(fd) => set_blocking(fd, !listeners.accept),
            None => {
                let result = open_one(listeners, *kind, address);
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
                    .for_each(|(kind, path)| remove_node(kind, path));
                return Err(format!("cannot listen on {address}: {}", reason(&error)));
            }
        }
    }
    Ok(opened)
}

/// Removes the nodes in the file system (`remove-on-stop`).
pub fn remove_nodes(listeners: &Listeners) {
    listeners
        .nodes()
        .for_each(|(kind, path)| remove_node(kind, path));
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
    let socket_type = match kind {
        ListenKind::Stream => SocketType::STREAM,
        ListenKind::Datagram => SocketType::DGRAM,
        ListenKind::SequentialPacket => SocketType::SEQPACKET,
        ListenKind::Fifo => {
            return match address {
                ListenAddress::Path(path) => open_fifo(listeners, Path::new(&**path)),
                ListenAddress::Abstract(_) | ListenAddress::Inet(_) => {
                    Err(io::Error::other("a FIFO has a path"))
                }
            };
        }
    };
    let mut flags = SocketFlags::CLOEXEC;
    flags.set(SocketFlags::NONBLOCK, listeners.accept);
    let make = |family| rustix::net::socket_with(family, socket_type, flags, None);
    let socket = match address {
        ListenAddress::Path(path) => {
            let socket = make(AddressFamily::UNIX)?;
            bind_path(listeners, &socket, socket_type, path)?;
            socket
        }
        ListenAddress::Abstract(name) => {
            let socket = make(AddressFamily::UNIX)?;
            rustix::net::bind(
                &socket,
                &SocketAddrUnix::new_abstract_name(name.as_bytes())?,
            )?;
            socket
        }
        ListenAddress::Inet(address) => bind_inet(*address, make)?,
    };
    if socket_type != SocketType::DGRAM {
        rustix::net::listen(
            &socket,
            i32::try_from(listeners.backlog).unwrap_or(i32::MAX),
        )?;
    }
    Ok(socket)
}

fn bind_inet(
    address: SocketAddr,
    make: impl Fn(AddressFamily) -> rustix::io::Result<OwnedFd>,
) -> io::Result<OwnedFd> {
    let any = address.ip().is_unspecified();
    let family = if address.is_ipv6() {
        AddressFamily::INET6
    } else {
        AddressFamily::INET
    };
    let bind = |socket: OwnedFd, address: SocketAddr| -> io::Result<OwnedFd> {
        rustix::net::sockopt::set_socket_reuseaddr(&socket, true)?;
        if address.is_ipv6() && any {
            // `[::]` stands for IPv4 too, whatever net.ipv6.bindv6only says.
            rustix::net::sockopt::set_ipv6_v6only(&socket, false)?;
        }
        rustix::net::bind(&socket, &address)?;
        Ok(socket)
    };
    let bound = make(family)
        .map_err(io::Error::from)
        .and_then(|socket| bind(socket, address));
    match bound {
        // A host without IPv6: `[::]` is then all of IPv4.
        Err(error)
            if address.is_ipv6()
                && any
                && matches!(
                    error.raw_os_error(),
                    Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)
                ) =>
        {
            let all = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port());
            bind(make(AddressFamily::INET)?, all)
        }
        other => other,
    }
}

fn bind_path(
    listeners: &Listeners,
    socket: &OwnedFd,
    socket_type: SocketType,
    path: &str,
) -> io::Result<()> {
    if path.len() > LONGEST_PATH {
        return Err(io::Error::other(format!(
            "a socket's path has at most {LONGEST_PATH} bytes, this one has {}",
            path.len()
        )));
    }
    make_directories(Path::new(path))?;
    remove_stale(path, socket_type)?;
    // The node is made with the socket's mode, so it is never open to more than it shall be.
    rustix::fs::fchmod(socket, Mode::from_raw_mode(listeners.mode & 0o600))?;
    rustix::net::bind(socket, &SocketAddrUnix::new(path)?)?;
    let place = Place::find(Path::new(path))?;
    let node = place.node()?;
    if FileType::from_raw_mode(rustix::fs::fstat(&node)?.st_mode) != FileType::Socket {
        return Err(io::Error::other("somebody replaced it while it was made"));
    }
    give(listeners, &node)
}

fn open_fifo(listeners: &Listeners, path: &Path) -> io::Result<OwnedFd> {
    make_directories(path)?;
    let place = Place::find(path)?;
    let made = rustix::fs::mknodat(
        &place.directory,
        &place.name,
        FileType::Fifo,
        Mode::from_raw_mode(listeners.mode & 0o600),
        0,
    );
    match made {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    // For reading and writing: it then never ends when a writer goes.
    let fifo = place.open(&place.name, OFlags::RDWR)?;
    if FileType::from_raw_mode(rustix::fs::fstat(&fifo)?.st_mode) != FileType::Fifo {
        return Err(io::Error::other("it exists and is not a FIFO"));
    }
    give(listeners, &place.node()?)?;
    // Opening must not wait, reading may.
    set_blocking(fifo, true)
}

/// Gives a node its owner and mode, through a descriptor of the node itself (`O_PATH`).
fn give(listeners: &Listeners, node: &OwnedFd) -> io::Result<()> {
    if listeners.uid.is_some() || listeners.gid.is_some() {
        let uid = listeners.uid.map(Uid::from_raw);
        let gid = listeners.gid.map(Gid::from_raw);
        rustix::fs::chownat(node, "", uid, gid, AtFlags::EMPTY_PATH)?;
    }
    // fchmod(2) refuses O_PATH descriptors; their name in /proc does not follow links.
    let path = format!("/proc/self/fd/{}", node.as_raw_fd());
    rustix::fs::chmod(path, Mode::from_raw_mode(listeners.mode))?;
    Ok(())
}

fn make_directories(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    match path.parent() {
        Some(parent) if !parent.exists() => std::fs::DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(parent),
        _ => Ok(()),
    }
}

/// Removes a socket that nobody listens on any more. systemd removes those of the living too; that
/// would silently cut off whoever has it.
fn remove_stale(path: &str, socket_type: SocketType) -> io::Result<()> {
    let place = Place::find(Path::new(path))?;
    let found = match rustix::fs::statat(&place.directory, &place.name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => found,
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if FileType::from_raw_mode(found.st_mode) != FileType::Socket {
        return Err(io::Error::other("it exists and is not a socket"));
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let probe = rustix::net::socket_with(AddressFamily::UNIX, socket_type, flags, None)?;
    match rustix::net::connect(&probe, &SocketAddrUnix::new(path)?) {
        // EPROTOTYPE: a living socket of another type.
        Ok(()) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::PROTOTYPE) => {
            Err(rustix::io::Errno::ADDRINUSE.into())
        }
        Err(_) => {
            rustix::fs::unlinkat(&place.directory, &place.name, AtFlags::empty())?;
            Ok(())
        }
    }
}

/// Removes a node if it is what we would have made. What is not there or not ours stays as it is.
fn remove_node(kind: ListenKind, path: &str) {
    let wanted = match kind {
        ListenKind::Fifo => FileType::Fifo,
        ListenKind::Stream | ListenKind::Datagram | ListenKind::SequentialPacket => {
            FileType::Socket
        }
    };
    let Ok(place) = Place::find(&PathBuf::from(path)) else {
        return;
    };
    let found = rustix::fs::statat(&place.directory, &place.name, AtFlags::SYMLINK_NOFOLLOW);
    if found.is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == wanted) {
        // It is only tidiness: the next start removes what is stale.
        let _ = rustix::fs::unlinkat(&place.directory, &place.name, AtFlags::empty());
    }
}

fn set_blocking(fd: OwnedFd, blocking: bool) -> io::Result<OwnedFd> {
    rustix::io::ioctl_fionbio(fd.as_fd(), !blocking)?;
    Ok(fd)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

    use super::*;

    fn listeners(addresses: &[(ListenKind, &str)]) -> Listeners {
        Listeners {
            addresses: addresses
                .iter()
                .map(|(kind, text)| (*kind, ListenAddress::parse(*kind, text).unwrap()))
                .collect(),
            backlog: u32::MAX,
            mode: 0o662,
            uid: None,
            gid: None,
            accept: false,
        }
    }

    fn open_alone(listeners: &Listeners) -> Result<Vec<OwnedFd>, String> {
        open(listeners, &mut Inherited::default())
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
