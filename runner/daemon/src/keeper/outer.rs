//! The service manager that runs us, if there is one: `sd_notify(3)` messages are passed on unread.

use std::collections::VecDeque;
use std::env;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType,
};

/// So many messages wait for a busy service manager; then the oldest is dropped.
const WAITING: usize = 32;

/// The way to it.
#[derive(Debug)]
pub(super) struct Outer {
    address: Option<SocketAddrUnix>,
    waiting: VecDeque<(String, Vec<OwnedFd>)>,
}

impl Outer {
    /// From `NOTIFY_SOCKET`.
    pub(super) fn from_environment() -> Outer {
        let address = env::var_os("NOTIFY_SOCKET").and_then(|path| match path.as_bytes() {
            [b'@', name @ ..] => SocketAddrUnix::new_abstract_name(name).ok(),
            [b'/', ..] => SocketAddrUnix::new(path.as_bytes()).ok(),
            _ => None,
        });
        Outer {
            address,
            waiting: VecDeque::new(),
        }
    }

    /// Whether there is one.
    pub(super) fn is_there(&self) -> bool {
        self.address.is_some()
    }

    /// Where its sockets are, if that is a directory.
    pub(super) fn directory() -> Option<std::path::PathBuf> {
        let path = std::path::PathBuf::from(env::var_os("NOTIFY_SOCKET")?);
        path.parent().filter(|_| path.is_absolute()).map(Into::into)
    }

    /// Sends a message with at most two descriptors, now or at a later [`Outer::flush`].
    pub(super) fn notify(&mut self, text: String, fds: Vec<OwnedFd>) {
        if self.address.is_some() {
            self.waiting.push_back((text, fds));
            if self.waiting.len() > WAITING {
                self.waiting.pop_front();
            }
            self.flush();
        }
    }

    /// Sends what waits; whether anything still does.
    pub(super) fn flush(&mut self) -> bool {
        while let (Some(address), Some((text, fds))) = (&self.address, self.waiting.front()) {
            if send(address, text, fds) == Err(Errno::AGAIN) {
                return true;
            }
            self.waiting.pop_front();
        }
        false
    }
}

fn send(address: &SocketAddrUnix, text: &str, fds: &[OwnedFd]) -> Result<(), Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
    if !fds.is_empty() {
        beside.push(SendAncillaryMessage::ScmRights(&fds));
    }
    let text = [IoSlice::new(text.as_bytes())];
    rustix::net::sendmsg_addr(&socket, address, &text, &mut beside, SendFlags::NOSIGNAL)?;
    Ok(())
}
