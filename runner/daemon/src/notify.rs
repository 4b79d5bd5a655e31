//! Notify sockets: one for each unit that uses sd_notify(3), so that the unit is known by the socket
//! and one flooder fills nobody's queue but its own.
//!
//! A message is first only looked at ([`peek`]); when what it changed is written down, it is taken
//! off the queue ([`consume`]). So a manager that is killed in between gets it again.

pub mod fd_store;

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use engine::notify::Message;
use rustix::fs::Mode;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// The sockets' directory: others may reach the sockets in it, but not see which there are.
const DIRECTORY_MODE: u32 = 0o711;
/// Every process of a unit may write, whatever its user; who it is the kernel says.
const SOCKET_MODE: u32 = 0o666;
/// Messages have to be shorter (`PIPE_BUF`).
const LONGEST: usize = 4096;
/// The kernel's limit of descriptors in one message (`SCM_MAX_FD`).
const MOST_DESCRIPTORS: usize = 253;
/// So many messages that make no sense are thrown away at one look.
const JUNK_AT_ONCE: usize = 64;

/// A message at the front of a queue.
#[derive(Debug)]
pub struct Received {
    /// Who sent it, as the kernel says.
    pub pid: u32,
    /// With which uid.
    pub uid: u32,
    /// What it says.
    pub message: Message,
    /// The descriptors that came with it. They are closed when this is dropped; a `BARRIER=1`
    /// lifts then, once the message is consumed too.
    pub descriptors: Vec<OwnedFd>,
}

/// Where the notify socket of number `n` is: what `NOTIFY_SOCKET` says.
#[must_use]
pub fn path(runtime: &Path, n: u64) -> PathBuf {
    runtime.join("notify").join(n.to_string())
}

/// Makes the notify socket of number `n`, in place of one that was left there.
///
/// # Errors
/// What mkdir(2), bind(2) or chmod(2) say; a path that is too long.
pub fn create(runtime: &Path, n: u64) -> io::Result<OwnedFd> {
    let path = path(runtime, n);
    if let Some(directory) = path.parent() {
        match rustix::fs::mkdir(directory, Mode::from_raw_mode(DIRECTORY_MODE)) {
            // Whatever the umask says.
            Ok(()) => rustix::fs::chmod(directory, Mode::from_raw_mode(DIRECTORY_MODE))?,
            Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
    // Before anybody can send: a message without credentials says nothing.
    rustix::net::sockopt::set_socket_passcred(&socket, true)?;
    remove(runtime, n);
    rustix::net::bind(&socket, &SocketAddrUnix::new(&path)?)?;
    rustix::fs::chmod(&path, Mode::from_raw_mode(SOCKET_MODE))?;
    Ok(socket)
}

/// Removes the node of the notify socket of number `n`, if there is one.
pub fn remove(runtime: &Path, n: u64) {
    // What is left over is replaced when the number is used again.
    let _ = rustix::fs::unlink(path(runtime, n));
}

/// Looks at the message at the front of the queue, which keeps it: it is to be [`consume`]d.
/// Messages that say nothing or whose sender is not known are thrown away on the way to it.
///
/// # Errors
/// What recvmsg(2) says.
pub fn peek(socket: &OwnedFd) -> io::Result<Option<Received>> {
    for _ in 0..JUNK_AT_ONCE {
        let Some(datagram) = receive(socket)? else {
            return Ok(None);
        };
        if let Some(received) = understand(datagram) {
            return Ok(Some(received));
        }
        consume(socket)?;
    }
    Ok(None)
}

/// Takes the message at the front off the queue.
///
/// # Errors
/// What recv(2) says.
pub fn consume(socket: &OwnedFd) -> io::Result<()> {
    let flags = rustix::net::RecvFlags::DONTWAIT;
    match rustix::net::recv(socket, &mut [0; 1][..], flags) {
        Ok(_) | Err(rustix::io::Errno::AGAIN) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn understand(datagram: Datagram) -> Option<Received> {
    let (pid, uid) = datagram.sender.filter(|(pid, _)| *pid != 0)?;
    if datagram.cut {
        return None;
    }
    let message = Message::parse(&datagram.bytes)?;
    let wanted = match (message.barrier, message.store) {
        (true, _) => 1,
        (_, true) => MOST_DESCRIPTORS,
        (false, false) => usize::from(message.main_pid_fd),
    };
    let mut descriptors = datagram.descriptors;
    descriptors.truncate(wanted);
    Some(Received {
        pid,
        uid,
        message,
        descriptors,
    })
}

/// A datagram as it is.
#[derive(Debug)]
struct Datagram {
    bytes: Vec<u8>,
    /// It was longer.
    cut: bool,
    sender: Option<(u32, u32)>,
    descriptors: Vec<OwnedFd>,
}

/// Room for credentials and as many descriptors as there can be, aligned as `cmsghdr` wants it.
#[repr(align(8))]
struct Control([MaybeUninit<u8>; 2048]);

/// Copies the front of the queue. Neither `nix` nor `rustix` can be used here: the one forgets the
/// descriptors of a message whose control data was cut short, the other takes the pid 0 of a sender
/// in another pid namespace for one that cannot be.
#[expect(
    unsafe_code,
    reason = "recvmsg(2) and its control data have no safe form that fits"
)]
fn receive(socket: &OwnedFd) -> io::Result<Option<Datagram>> {
    let mut bytes = vec![0u8; LONGEST];
    let mut control = Control([MaybeUninit::uninit(); 2048]);
    let mut part = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: msghdr is plain data, for which zeroes are valid.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    // Lengths are not of the same type in every C library.
    header.msg_controllen = control.0.len() as _;
    let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    let length = loop {
        // SAFETY: the header points to buffers that live longer than the call, with their sizes.
        let length = unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut header, flags) };
        if let Ok(length) = usize::try_from(length) {
            break length;
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::Interrupted => {}
            io::ErrorKind::WouldBlock => return Ok(None),
            _ => return Err(error),
        }
    };
    bytes.truncate(length);
    let mut datagram = Datagram {
        // As long as the buffer is too long already.
        cut: header.msg_flags & libc::MSG_TRUNC != 0 || length >= LONGEST,
        bytes,
        sender: None,
        descriptors: Vec::new(),
    };
    // SAFETY: the kernel filled the control buffer and set its length; the CMSG functions stay
    // within both. Data is read unaligned, and each descriptor in it is new and ours.
    unsafe {
        let mut next = libc::CMSG_FIRSTHDR(&raw const header);
        while let Some(found) = next.as_ref() {
            let data = libc::CMSG_DATA(found);
            let whole: usize = found.cmsg_len as _;
            let size = whole.saturating_sub(libc::CMSG_LEN(0) as usize);
            match (found.cmsg_level, found.cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if size >= size_of::<libc::ucred>() => {
                    let sender: libc::ucred = data.cast::<libc::ucred>().read_unaligned();
                    let pid = u32::try_from(sender.pid).unwrap_or_default();
                    datagram.sender = Some((pid, sender.uid));
                }
                (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                    for n in 0..size / size_of::<libc::c_int>() {
                        let raw = data.cast::<libc::c_int>().add(n).read_unaligned();
                        datagram.descriptors.push(OwnedFd::from_raw_fd(raw));
                    }
                }
                _ => {}
            }
            next = libc::CMSG_NXTHDR(&raw const header, found);
        }
    }
    Ok(Some(datagram))
}

#[cfg(test)]
mod tests {
    use std::io::{IoSlice, Read};
    use std::os::fd::BorrowedFd;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::UnixDatagram;

    use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

    use super::*;

    fn send(to: &UnixDatagram, text: &[u8], descriptors: &[BorrowedFd<'_>]) {
        let raw: Vec<_> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        let control = [ControlMessage::ScmRights(&raw)];
        let control = if raw.is_empty() {
            &control[..0]
        } else {
            &control[..]
        };
        let parts = [IoSlice::new(text)];
        sendmsg::<()>(to.as_raw_fd(), &parts, control, MsgFlags::empty(), None).unwrap();
    }

    fn pair() -> (tempfile::TempDir, OwnedFd, UnixDatagram) {
        let dir = tempfile::tempdir().unwrap();
        let socket = create(dir.path(), 7).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect(path(dir.path(), 7)).unwrap();
        (dir, socket, sender)
    }

    #[test]
    fn a_message_stays_until_it_is_consumed() {
        let (dir, socket, sender) = pair();
        assert!(peek(&socket).unwrap().is_none());
        let found = std::fs::metadata(path(dir.path(), 7)).unwrap();
        assert_eq!(found.mode() & 0o7777, 0o666);
        let directory = std::fs::metadata(dir.path().join("notify")).unwrap();
        assert_eq!(directory.mode() & 0o7777, 0o711);
        send(&sender, b"STATUS=one\n", &[]);
        send(&sender, b"READY=1", &[]);
        for _ in 0..2 {
            let first = peek(&socket).unwrap().unwrap();
            assert_eq!((first.pid, first.uid), (std::process::id(), found.uid()));
            assert_eq!(first.message.status.as_deref(), Some("one"));
        }
        consume(&socket).unwrap();
        let second = peek(&socket).unwrap().unwrap();
        assert_eq!(second.message.phase, Some(engine::notify::Phase::Ready));
        consume(&socket).unwrap();
        assert!(peek(&socket).unwrap().is_none());
        consume(&socket).unwrap();
    }

    #[test]
    fn throws_away_what_makes_no_sense() {
        let (_dir, socket, sender) = pair();
        for junk in [
            &b""[..],
            b"nothing",
            b"READY=1\0\0STATUS=x",
            &[b'X'; LONGEST],
            &[b'X'; 70_000],
        ] {
            send(&sender, junk, &[]);
        }
        send(&sender, b"STATUS=good", &[]);
        let good = peek(&socket).unwrap().unwrap();
        assert_eq!(good.message.status.as_deref(), Some("good"));
    }

    #[test]
    fn descriptors_are_kept_only_where_they_mean_something() {
        let (_dir, socket, sender) = pair();
        let (mut read, write) = io::pipe().unwrap();
        send(&sender, b"READY=1", &vec![write.as_fd(); MOST_DESCRIPTORS]);
        assert!(peek(&socket).unwrap().unwrap().descriptors.is_empty());
        consume(&socket).unwrap();
        send(
            &sender,
            b"FDSTORE=1\nFDNAME=x",
            &vec![write.as_fd(); MOST_DESCRIPTORS],
        );
        assert_eq!(
            peek(&socket).unwrap().unwrap().descriptors.len(),
            MOST_DESCRIPTORS
        );
        consume(&socket).unwrap();
        send(&sender, b"BARRIER=1", &[write.as_fd()]);
        let barrier = peek(&socket).unwrap().unwrap();
        assert!(barrier.message.barrier && barrier.descriptors.len() == 1);
        drop(write);
        consume(&socket).unwrap();
        drop(barrier);
        // Nobody has the write end any more: the barrier is lifted.
        assert_eq!(read.read(&mut [0; 1]).unwrap(), 0);
    }

    #[test]
    fn replaces_what_was_left_there() {
        let (dir, socket, sender) = pair();
        drop(socket);
        let socket = create(dir.path(), 7).unwrap();
        assert!(sender.send(b"READY=1").is_err());
        sender.connect(path(dir.path(), 7)).unwrap();
        sender.send(b"READY=1").unwrap();
        assert!(peek(&socket).unwrap().is_some());
        remove(dir.path(), 7);
        remove(dir.path(), 7);
        assert!(!path(dir.path(), 7).exists());
    }
}
