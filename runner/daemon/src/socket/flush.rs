//! Throws away what waits at a listener that nobody serves (`flush-pending`).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SocketFlags};
use units::value::ListenKind;

/// How much is thrown away at most: whoever writes without end does not hold us up.
const MOST: usize = 4096;

/// Throws away the connections, messages or bytes that wait. Connections are closed.
///
/// # Errors
/// What the system says.
pub fn flush(kind: ListenKind, listener: BorrowedFd<'_>) -> io::Result<()> {
    let mut bytes = [0; 4096];
    match kind {
        ListenKind::Stream | ListenKind::SequentialPacket => without_waiting(listener, || {
            rustix::net::accept_with(listener, SocketFlags::CLOEXEC).map(|_| true)
        }),
        ListenKind::Datagram | ListenKind::Netlink => without_waiting(listener, || {
            let flags = RecvFlags::DONTWAIT | RecvFlags::TRUNC;
            rustix::net::recv(listener, &mut bytes, flags).map(|_| true)
        }),
        ListenKind::Fifo => without_waiting(listener, || {
            rustix::io::read(listener, &mut bytes).map(|read| read > 0)
        }),
        // Reading a special file means what it means to that file, and a queue's read(2) tells about
        // the queue.
        ListenKind::Special | ListenKind::MessageQueue => Ok(()),
    }
}

/// Takes until nothing is left. The descriptor is the service's own, which expects it to block, so it
/// does not only meanwhile.
fn without_waiting(
    listener: BorrowedFd<'_>,
    mut take: impl FnMut() -> rustix::io::Result<bool>,
) -> io::Result<()> {
    rustix::io::ioctl_fionbio(listener.as_fd(), true)?;
    let mut result = Ok(());
    for _ in 0..MOST {
        match take() {
            Ok(true) | Err(Errno::INTR | Errno::CONNABORTED) => {}
            Ok(false) | Err(Errno::AGAIN) => break,
            Err(error) => {
                result = Err(error.into());
                break;
            }
        }
    }
    rustix::io::ioctl_fionbio(listener, false)?;
    result
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

    use rustix::fs::OFlags;

    use super::*;

    #[test]
    fn connections_that_wait_are_closed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let mut clients: Vec<UnixStream> = (0..3)
            .map(|_| UnixStream::connect(&path).unwrap())
            .collect();
        flush(ListenKind::Stream, listener.as_fd()).unwrap();
        for client in &mut clients {
            assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
        }
        let flags = rustix::fs::fcntl_getfl(&listener).unwrap();
        assert!(
            !flags.contains(OFlags::NONBLOCK),
            "the service expects to wait"
        );
    }

    #[test]
    fn messages_that_wait_are_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let socket = UnixDatagram::bind(&path).unwrap();
        let client = UnixDatagram::unbound().unwrap();
        client.send_to(b"one", &path).unwrap();
        client.send_to(b"two", &path).unwrap();
        flush(ListenKind::Datagram, socket.as_fd()).unwrap();
        client.send_to(b"three", &path).unwrap();
        let mut bytes = [0; 9];
        assert_eq!(socket.recv(&mut bytes).unwrap(), 5);
    }
}
