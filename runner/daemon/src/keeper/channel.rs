//! Sends and receives records over one end of the socket pair.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};

use super::wire::{Record, SIZE};

/// What one packet brought.
#[derive(Debug)]
pub struct Packet {
    /// The record.
    pub record: Record,
    /// The descriptor beside it.
    pub fd: Option<OwnedFd>,
    /// Who sent it, as the kernel says; 0 where the end does not ask for credentials.
    pub sender: u32,
}

/// Whether a call may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// As long as it takes.
    Block,
    /// Not at all: `WouldBlock` instead.
    Never,
}

/// Sends `record`, with at most one descriptor.
///
/// # Errors
/// `WouldBlock` if it may not wait, `ResourceBusy` for too many descriptors in flight or too little
/// memory, `InvalidInput` for a key that is too long, else what `sendmsg(2)` says: `BrokenPipe`
/// once the other end is gone.
pub fn send(
    socket: BorrowedFd<'_>,
    record: &Record,
    fd: Option<BorrowedFd<'_>>,
    wait: Wait,
) -> io::Result<()> {
    let bytes = record.encode().ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("key is too long: {}", record.key),
        )
    })?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    let fds = fd.map(|fd| [fd]);
    if let Some(fds) = &fds {
        beside.push(SendAncillaryMessage::ScmRights(fds));
    }
    let flags = match wait {
        Wait::Block => SendFlags::NOSIGNAL,
        Wait::Never => SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
    };
    loop {
        match rustix::net::sendmsg(socket, &[IoSlice::new(&bytes)], &mut beside, flags) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::TOOMANYREFS | rustix::io::Errno::NOBUFS) => {
                return Err(io::ErrorKind::ResourceBusy.into());
            }
            Err(rustix::io::Errno::CONNRESET) => return Err(io::ErrorKind::BrokenPipe.into()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Receives the next packet; `None` when the other end is gone and nothing is left. Packets that
/// are no records of ours are dropped.
///
/// # Errors
/// `WouldBlock` if it may not wait, else what `recvmsg(2)` says.
pub fn receive(socket: BorrowedFd<'_>, wait: Wait) -> io::Result<Option<Packet>> {
    let flags = match wait {
        Wait::Block => RecvFlags::CMSG_CLOEXEC,
        Wait::Never => RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT,
    };
    loop {
        match take(socket, flags)? {
            Taken::Packet(packet) => return Ok(Some(packet)),
            Taken::Stranger => {}
            Taken::End => return Ok(None),
        }
    }
}

/// What came.
pub(super) enum Taken {
    /// A record.
    Packet(Packet),
    /// A packet that is no record of ours.
    Stranger,
    /// The other end is gone.
    End,
}

/// Looks at the next packet without taking it, beginning with the first one after
/// `peek_from_start`. Never waits.
pub(super) fn look(socket: BorrowedFd<'_>) -> io::Result<Taken> {
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT | RecvFlags::PEEK;
    take(socket, flags)
}

/// Takes away the next packet, which was looked at.
pub(super) fn take_away(socket: BorrowedFd<'_>) -> io::Result<()> {
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    take(socket, flags).map(drop)
}

fn take(socket: BorrowedFd<'_>, flags: RecvFlags) -> io::Result<Taken> {
    loop {
        let mut bytes = [0; SIZE];
        let mut space =
            [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1), ScmCredentials(1))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let length = match rustix::net::recvmsg(socket.as_fd(), &mut slices, &mut beside, flags) {
            Ok(message) => message.bytes,
            // A reset only says that the other end died with packets unread; its own packets
            // are still to come.
            Err(rustix::io::Errno::INTR | rustix::io::Errno::CONNRESET) => continue,
            Err(error) => return Err(error.into()),
        };
        if length == 0 {
            return Ok(Taken::End);
        }
        let mut fd = None;
        let mut sender = 0;
        for message in beside.drain() {
            match message {
                RecvAncillaryMessage::ScmRights(fds) => fd = fds.last(),
                RecvAncillaryMessage::ScmCredentials(credentials) => {
                    sender = credentials.pid.as_raw_nonzero().get().unsigned_abs();
                }
                _ => {}
            }
        }
        return Ok(
            match Record::decode(bytes.get(..length).unwrap_or_default()) {
                Some(record) => Taken::Packet(Packet { record, fd, sender }),
                None => Taken::Stranger,
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::super::wire::Kind;
    use super::*;

    fn pair() -> (OwnedFd, OwnedFd) {
        socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .unwrap()
    }

    #[test]
    fn a_record_with_a_descriptor_and_credentials() {
        let (ours, theirs) = pair();
        rustix::net::sockopt::set_socket_passcred(&ours, true).unwrap();
        let null = std::fs::File::open("/dev/null").unwrap();
        let record = Record::about(Kind::Put, "ring:a.service");
        send(theirs.as_fd(), &record, Some(null.as_fd()), Wait::Block).unwrap();
        let packet = receive(ours.as_fd(), Wait::Never).unwrap().unwrap();
        assert_eq!(packet.record, record);
        assert_eq!(packet.sender, std::process::id());
        assert!(packet.fd.is_some());
        assert_eq!(
            receive(ours.as_fd(), Wait::Never).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        drop(theirs);
        assert!(receive(ours.as_fd(), Wait::Block).unwrap().is_none());
    }

    #[test]
    fn a_full_socket_is_would_block_and_a_lost_peer_a_broken_pipe() {
        let (ours, theirs) = pair();
        let record = Record::new(Kind::Signals);
        let error = loop {
            if let Err(error) = send(ours.as_fd(), &record, None, Wait::Never) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        // Not dropped: a child that another test is just forking would still have a copy.
        rustix::net::shutdown(&theirs, rustix::net::Shutdown::Read).unwrap();
        let error = send(ours.as_fd(), &record, None, Wait::Never).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }

    #[test]
    fn what_the_dead_sent_is_still_read_even_if_they_left_something_unread() {
        let (ours, theirs) = pair();
        send(theirs.as_fd(), &Record::new(Kind::Ready), None, Wait::Never).unwrap();
        send(ours.as_fd(), &Record::new(Kind::End), None, Wait::Never).unwrap();
        drop(theirs);
        let packet = receive(ours.as_fd(), Wait::Never).unwrap().unwrap();
        assert_eq!(packet.record.kind, Kind::Ready);
        assert!(receive(ours.as_fd(), Wait::Block).unwrap().is_none());
    }
}
