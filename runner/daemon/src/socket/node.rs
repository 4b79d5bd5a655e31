//! What a socket unit has in the file system: Unix sockets, pipes, special files, message queues and
//! symbolic links. No link in a directory of another user is followed.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::mqueue::{MQ_OFlag, MqAttr, mq_attr_member_t};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use units::value::ListenKind;

use super::Listeners;
use crate::place::Place;
use crate::reason::reason;

/// The longest path of a Unix socket (unix(7)), in bytes.
const LONGEST_PATH: usize = 107;

/// Binds a Unix socket to a path. A dead one's node there is replaced.
pub(super) fn bind_path(
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
    make_directories(listeners, Path::new(path))?;
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

pub(super) fn open_fifo(
    listeners: &Listeners,
    path: &Path,
    troubles: &mut Vec<String>,
) -> io::Result<OwnedFd> {
    make_directories(listeners, path)?;
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
    if listeners.pipe_size > 0 {
        let size = usize::try_from(listeners.pipe_size).unwrap_or(usize::MAX);
        if let Err(error) = rustix::pipe::fcntl_setpipe_size(&fifo, size) {
            let why = reason(&error.into());
            troubles.push(format!(
                "cannot set `pipe-size` for {}: {why}",
                path.display()
            ));
        }
    }
    // Opening must not wait, reading may.
    set_blocking(fifo, true)
}

/// Opens a file that there is: a character device, or one of those that the kernel makes up.
pub(super) fn open_special(listeners: &Listeners, path: &Path) -> io::Result<OwnedFd> {
    let place = Place::find(path)?;
    let flags = match listeners.writable {
        true => OFlags::RDWR,
        false => OFlags::RDONLY,
    };
    let file = place.open(&place.name, flags)?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
    if !matches!(kind, FileType::CharacterDevice | FileType::RegularFile) {
        return Err(io::Error::other(
            "it is neither a character device nor a file",
        ));
    }
    // What is always ready cannot be waited for, and epoll(7) says so.
    let set = rustix::event::epoll::create(rustix::event::epoll::CreateFlags::CLOEXEC)?;
    let data = rustix::event::epoll::EventData::new_u64(0);
    rustix::event::epoll::add(&set, &file, data, rustix::event::epoll::EventFlags::IN)
        .map_err(|_| io::Error::other("nobody can wait for anything to come from it"))?;
    set_blocking(file, true)
}

/// How many messages a queue holds, and how long one may be, where nobody says so (mq_overview(7)).
fn usual_queue() -> (u32, u32) {
    let limit = |name: &str, usual: u32| {
        let text = std::fs::read_to_string(format!("/proc/sys/fs/mqueue/{name}"));
        let number = text.ok().and_then(|text| text.trim().parse().ok());
        number.unwrap_or(usual)
    };
    (
        limit("msg_default", 10).min(limit("msg_max", 10)),
        limit("msgsize_default", 8192).min(limit("msgsize_max", 8192)),
    )
}

/// Opens a message queue, and makes it where there is none.
pub(super) fn open_queue(listeners: &Listeners, name: &str) -> io::Result<OwnedFd> {
    let (most, longest) = match listeners.queue {
        (most, longest) if most > 0 && longest > 0 => (most, longest),
        _ => usual_queue(),
    };
    let member = |number: u32| mq_attr_member_t::from(number);
    let attributes = MqAttr::new(0, member(most), member(longest), 0);
    let mode = nix::sys::stat::Mode::from_bits_truncate(listeners.mode);
    let flags = MQ_OFlag::O_RDONLY | MQ_OFlag::O_CLOEXEC | MQ_OFlag::O_NONBLOCK | MQ_OFlag::O_CREAT;
    // Without attributes `mq_open` would be called without its mode either.
    let queue = nix::mqueue::mq_open(name, flags, mode, Some(&attributes))?;
    let held = queue.as_fd().try_clone_to_owned();
    nix::mqueue::mq_close(queue)?;
    let queue = held?;
    let found = rustix::fs::fstat(&queue)?;
    if found.st_uid != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("it belongs to somebody else"));
    }
    // What the umask took away when it was made.
    rustix::fs::fchmod(&queue, Mode::from_raw_mode(listeners.mode))?;
    if listeners.uid.is_some() || listeners.gid.is_some() {
        let (uid, gid) = (listeners.uid, listeners.gid);
        rustix::fs::fchown(&queue, uid.map(Uid::from_raw), gid.map(Gid::from_raw))?;
    }
    set_blocking(queue, true)
}

/// Makes the symbolic links to the unit's one node. A name that something else has is left to it.
pub(super) fn make_links(listeners: &Listeners, troubles: &mut Vec<String>) {
    let Some(target) = listeners.link_target() else {
        return;
    };
    for link in &listeners.links {
        if let Err(error) = make_link(listeners, target, Path::new(&**link)) {
            let why = reason(&error);
            troubles.push(format!(
                "cannot make the symbolic link {link} to {target}: {why}"
            ));
        }
    }
}

fn make_link(listeners: &Listeners, target: &str, link: &Path) -> io::Result<()> {
    make_directories(listeners, link)?;
    let (directory, name) = parent(link)?;
    match rustix::fs::symlinkat(target, &directory, &name) {
        Err(rustix::io::Errno::EXIST) if leads_to(&directory, &name, target) => Ok(()),
        other => Ok(other?),
    }
}

/// The directory of a link, whose own name is not followed, and the name.
fn parent(link: &Path) -> io::Result<(OwnedFd, std::ffi::OsString)> {
    let name = link
        .file_name()
        .ok_or_else(|| io::Error::other("it names a directory"))?;
    let above = link.parent().unwrap_or(Path::new("/"));
    // Only a name that is no link tells where it is: this one there cannot be.
    let place = Place::find(&above.join(NO_NAME))?;
    Ok((place.directory, name.to_owned()))
}

/// A name for asking where a directory is: nothing has it, and if something had, it would do as well.
const NO_NAME: &str = ".runner-nothing";

fn leads_to(directory: &OwnedFd, name: &std::ffi::OsStr, target: &str) -> bool {
    rustix::fs::readlinkat(directory, name, Vec::new())
        .is_ok_and(|found| found.to_bytes() == target.as_bytes())
}

/// Removes what the unit has in the file system (`remove-on-stop`), so far as it is what we made.
pub fn remove_nodes(listeners: &Listeners) {
    for (kind, path) in listeners.nodes() {
        remove_node(kind, path);
    }
    let Some(target) = listeners.link_target() else {
        return;
    };
    for link in &listeners.links {
        if let Ok((directory, name)) = parent(Path::new(&**link))
            && leads_to(&directory, &name, target)
        {
            let _ = rustix::fs::unlinkat(&directory, &name, AtFlags::empty());
        }
    }
}

/// Removes a node if it is what we would have made. What is not there or not ours stays as it is.
pub(super) fn remove_node(kind: ListenKind, path: &str) {
    let wanted = match kind {
        ListenKind::Fifo => FileType::Fifo,
        ListenKind::Stream | ListenKind::Datagram | ListenKind::SequentialPacket => {
            FileType::Socket
        }
        ListenKind::MessageQueue => {
            // It is only tidiness: one that is there is taken again.
            let _ = nix::mqueue::mq_unlink(path);
            return;
        }
        ListenKind::Special | ListenKind::Netlink => return,
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

fn make_directories(listeners: &Listeners, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    match path.parent() {
        Some(parent) if !parent.exists() => std::fs::DirBuilder::new()
            .recursive(true)
            .mode(listeners.directory_mode)
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

pub(super) fn set_blocking(fd: OwnedFd, blocking: bool) -> io::Result<OwnedFd> {
    rustix::io::ioctl_fionbio(fd.as_fd(), !blocking)?;
    Ok(fd)
}
