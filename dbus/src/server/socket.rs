//! The transport under zbus: our own, because zbus' asks the name service who the peer is, on a
//! thread of its own for every connection (`getpwuid`, `getgrouplist`), which can block, load
//! libraries into a static program and even ask us. It also bounds what a stranger may send.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recv, recvmsg, sendmsg, shutdown,
};
use tokio::io::Interest;
use tokio::net::UnixStream;
use zbus::connection::AuthMechanism;
use zbus::connection::socket::{ReadHalf, Socket, Split, WriteHalf};
use zbus::export::async_trait::async_trait;
use zbus::fdo::ConnectionCredentials;

use super::greeting::Greeted;

/// The longest message a client may send. Ours are at most some names and patterns; the 128 MiB of
/// the specification would let every client make us hold that much, times the calls it may have
/// unanswered.
const LONGEST_MESSAGE: usize = 64 * 1024;

/// The most descriptors in one message (`DBUS_MAXIMUM_MESSAGE_UNIX_FDS` of other implementations).
const MOST_DESCRIPTORS: usize = 16;

/// A connected Unix stream as a zbus socket.
#[derive(Debug)]
pub(crate) struct Transport {
    stream: Arc<UnixStream>,
    uid: u32,
    greeted: Greeted,
}

impl Transport {
    /// Wraps `stream`, whose peer has this `uid` and has greeted us.
    pub(crate) fn new(stream: UnixStream, uid: u32, greeted: Greeted) -> Transport {
        Transport {
            stream: Arc::new(stream),
            uid,
            greeted,
        }
    }
}

impl Socket for Transport {
    type ReadHalf = Reader;
    type WriteHalf = Writer;

    fn split(self) -> Split<Reader, Writer> {
        let Transport {
            stream,
            uid,
            greeted: Greeted { passes_fds },
        } = self;
        let reader = Reader {
            stream: Arc::clone(&stream),
            uid,
            passes_fds,
            takes_fds: passes_fds && (uid == 0 || uid == rustix::process::geteuid().as_raw()),
            framing: Framing::default(),
        };
        Split::new(
            reader,
            Writer {
                stream,
                uid,
                passes_fds,
            },
        )
    }
}

/// The half that receives. Descriptors are taken of those only who may do everything; of others
/// the kernel drops them.
#[derive(Debug)]
pub(crate) struct Reader {
    stream: Arc<UnixStream>,
    uid: u32,
    passes_fds: bool,
    /// Whether descriptors are taken.
    takes_fds: bool,
    framing: Framing,
}

/// The half that sends.
#[derive(Debug)]
pub(crate) struct Writer {
    stream: Arc<UnixStream>,
    uid: u32,
    passes_fds: bool,
}

#[async_trait]
impl ReadHalf for Reader {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        let stream = Arc::clone(&self.stream);
        let takes_fds = self.takes_fds;
        let (read, fds) = stream
            .async_io(Interest::READABLE, || {
                if takes_fds {
                    return with_descriptors(stream.as_fd(), buffer);
                }
                let (read, _) = recv(stream.as_fd(), &mut *buffer, RecvFlags::empty())?;
                Ok((read, Vec::new()))
            })
            .await?;
        self.framing.pass(&buffer[..read])?;
        Ok((read, fds))
    }

    fn can_pass_unix_fd(&self) -> bool {
        self.passes_fds
    }

    async fn peer_credentials(&mut self) -> io::Result<ConnectionCredentials> {
        Ok(ConnectionCredentials::default().set_unix_user_id(self.uid))
    }

    fn auth_mechanism(&self) -> AuthMechanism {
        AuthMechanism::External
    }
}

/// Receives bytes, and the descriptors that came with the first of them.
fn with_descriptors(
    stream: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut buffers = [io::IoSliceMut::new(buffer)];
    let received = recvmsg(stream, &mut buffers, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut fds = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(passed) = message {
            fds.extend(passed);
        }
    }
    Ok((received.bytes, fds))
}

#[async_trait]
impl WriteHalf for Writer {
    async fn sendmsg(&mut self, buffer: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        if fds.len() > MOST_DESCRIPTORS {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let stream = &self.stream;
        stream
            .async_io(Interest::WRITABLE, || {
                let mut space =
                    [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
                let mut control = SendAncillaryBuffer::new(&mut space);
                if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
                    return Err(io::ErrorKind::InvalidInput.into());
                }
                let buffers = [io::IoSlice::new(buffer)];
                Ok(sendmsg(
                    stream.as_fd(),
                    &buffers,
                    &mut control,
                    SendFlags::NOSIGNAL,
                )?)
            })
            .await
    }

    async fn close(&mut self) -> io::Result<()> {
        Ok(shutdown(self.stream.as_fd(), rustix::net::Shutdown::Both)?)
    }

    fn can_pass_unix_fd(&self) -> bool {
        self.passes_fds
    }

    async fn peer_credentials(&mut self) -> io::Result<ConnectionCredentials> {
        Ok(ConnectionCredentials::default().set_unix_user_id(self.uid))
    }
}

/// Follows the bytes of a stream just far enough to know how long each message is going to be.
#[derive(Debug)]
enum Framing {
    /// The 16 bytes that tell a message's length.
    Head { head: [u8; 16], have: usize },
    /// The rest of a message.
    Rest { left: usize },
}

impl Default for Framing {
    fn default() -> Self {
        Framing::Head {
            head: [0; 16],
            have: 0,
        }
    }
}

impl Framing {
    /// Lets `bytes` pass, or says why the connection has to end.
    fn pass(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let too_long = || io::Error::new(io::ErrorKind::InvalidData, "message too long");
        while !bytes.is_empty() {
            match self {
                Framing::Head { head, have } => {
                    let take = bytes.len().min(16 - *have);
                    head[*have..*have + take].copy_from_slice(&bytes[..take]);
                    *have += take;
                    bytes = &bytes[take..];
                    if *have == 16 {
                        let left = rest_of(head)
                            .filter(|left| left + 16 <= LONGEST_MESSAGE)
                            .ok_or_else(too_long)?;
                        *self = Framing::Rest { left };
                        self.begin_next();
                    }
                }
                Framing::Rest { left } => {
                    let take = bytes.len().min(*left);
                    *left -= take;
                    bytes = &bytes[take..];
                    self.begin_next();
                }
            }
        }
        Ok(())
    }

    fn begin_next(&mut self) {
        if let Framing::Rest { left: 0 } = self {
            *self = Framing::Head {
                head: [0; 16],
                have: 0,
            };
        }
    }
}

/// How many bytes follow the first 16 of a message; `None` if those are no beginning of one.
fn rest_of(head: &[u8; 16]) -> Option<usize> {
    let number = |at: usize| {
        let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
        match head[0] {
            b'l' => Some(u32::from_le_bytes(bytes)),
            b'B' => Some(u32::from_be_bytes(bytes)),
            _ => None,
        }
    };
    let body = usize::try_from(number(4)?).ok()?;
    let fields = usize::try_from(number(12)?).ok()?;
    fields.checked_next_multiple_of(8)?.checked_add(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Vec<u8> {
        let message = zbus::Message::method_call("/", "Ping").unwrap_build(body);
        message.data().to_vec()
    }

    trait UnwrapBuild {
        fn unwrap_build(self, body: &str) -> zbus::Message;
    }

    impl UnwrapBuild for zbus::message::Builder<'_> {
        fn unwrap_build(self, body: &str) -> zbus::Message {
            self.build(&body).unwrap()
        }
    }

    #[test]
    fn messages_of_any_length_and_cut_pass() {
        let mut stream = Vec::new();
        for length in [0, 1, 7, 8, 9, 5_000] {
            stream.extend(message(&"x".repeat(length)));
        }
        for cut in [1, 3, 16, 17, 4096, stream.len()] {
            let mut framing = Framing::default();
            for chunk in stream.chunks(cut) {
                framing.pass(chunk).unwrap();
            }
            assert!(
                matches!(framing, Framing::Head { have: 0, .. }),
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn a_message_too_long_is_refused_by_its_head() {
        let mut framing = Framing::default();
        let long = message(&"x".repeat(LONGEST_MESSAGE));
        assert!(framing.pass(&long[..16]).is_err());
        let mut framing = Framing::default();
        assert!(framing.pass(&[b'l'; 16]).is_err());
        let mut framing = Framing::default();
        assert!(framing.pass(&[0; 16]).is_err(), "no byte order");
    }
}
