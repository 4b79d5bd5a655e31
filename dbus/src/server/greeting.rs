//! The authentication that opens a D-Bus connection, server side (SASL with EXTERNAL, D-Bus
//! specification "Authentication Protocol").
//!
//! Our own, because strangers talk to it: zbus 6.2.1 panics on a line that is a lone newline, which
//! would let anybody who can connect end the manager.

use std::io;
use std::os::fd::AsFd;

use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// How much a client may say before `BEGIN`, in bytes.
const LONGEST: usize = 4 * 1024;

/// How many lines of it.
const MOST_LINES: usize = 32;

/// What came of a greeting.
#[derive(Debug)]
pub(super) struct Greeted {
    /// Whether the client takes file descriptors.
    pub(super) passes_fds: bool,
}

/// Lets a client authenticate as `uid`, which is who the kernel says it is.
///
/// # Errors
/// When it hangs up, says too much, or begins without being authenticated.
pub(super) async fn greet(stream: &UnixStream, uid: u32, guid: &str) -> io::Result<Greeted> {
    let mut dialogue = Dialogue::new(uid, guid);
    let mut received = Vec::new();
    loop {
        let mut chunk = [0; 1024];
        stream.readable().await?;
        match take_line(stream, &mut chunk) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => received.extend_from_slice(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        while let Some(end) = received.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = received.drain(..=end).collect();
            match dialogue.answer(&line)? {
                Some(answer) => write(stream, answer.as_bytes()).await?,
                None => {
                    return Ok(Greeted {
                        passes_fds: dialogue.passes_fds,
                    });
                }
            }
        }
        if received.len() > LONGEST {
            return Err(broken("line too long"));
        }
    }
}

/// Takes bytes up to the end of a line and none beyond it: what follows `BEGIN` is a message, and
/// descriptors that come with its first byte are lost to who reads that without asking for them.
fn take_line(stream: &UnixStream, chunk: &mut [u8]) -> io::Result<usize> {
    stream.try_io(Interest::READABLE, || {
        let (seen, _) = recv(stream.as_fd(), &mut *chunk, RecvFlags::PEEK)?;
        let end = chunk[..seen].iter().position(|byte| *byte == b'\n');
        let take = end.map_or(seen, |end| end + 1);
        let (taken, _) = recv(stream.as_fd(), &mut chunk[..take], RecvFlags::empty())?;
        Ok(taken)
    })
}

async fn write(stream: &UnixStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("greeting: {what}"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// `AUTH` has to come.
    Auth,
    /// `AUTH EXTERNAL` came without a name: `DATA` has to follow.
    Data,
    /// Authenticated: `BEGIN` has to come.
    Begin,
}

/// What was said so far. Pure: lines in, lines out.
#[derive(Debug)]
struct Dialogue<'a> {
    uid: u32,
    guid: &'a str,
    step: Step,
    lines: usize,
    passes_fds: bool,
}

impl<'a> Dialogue<'a> {
    fn new(uid: u32, guid: &'a str) -> Dialogue<'a> {
        Dialogue {
            uid,
            guid,
            step: Step::Auth,
            lines: 0,
            passes_fds: false,
        }
    }

    /// The answer to a line that ends in a newline; `None` after `BEGIN`.
    fn answer(&mut self, line: &[u8]) -> io::Result<Option<String>> {
        self.lines += 1;
        if self.lines > MOST_LINES {
            return Err(broken("too many lines"));
        }
        let line = match (self.lines, line) {
            (1, [0, line @ ..]) => line,
            (1, _) => return Err(broken("the first byte is not NUL")),
            (_, line) => line,
        };
        let line = line
            .strip_suffix(b"\r\n")
            .ok_or_else(|| broken("line without carriage return"))?;
        let line = std::str::from_utf8(line).map_err(|_| broken("line is not text"))?;
        let mut words = line.split_ascii_whitespace();
        let command = words.next().unwrap_or_default();
        let (first, second) = (words.next(), words.next());
        Ok(Some(match (self.step, command) {
            (Step::Begin, "BEGIN") => return Ok(None),
            (_, "BEGIN") => return Err(broken("BEGIN before authentication")),
            (Step::Begin, "NEGOTIATE_UNIX_FD") => {
                self.passes_fds = true;
                "AGREE_UNIX_FD\r\n".to_owned()
            }
            (Step::Auth, "AUTH") if first == Some("EXTERNAL") => match second {
                Some(identity) => self.identify(identity),
                None => {
                    self.step = Step::Data;
                    "DATA\r\n".to_owned()
                }
            },
            (Step::Data, "DATA") => self.identify(first.unwrap_or_default()),
            (_, "AUTH" | "CANCEL" | "ERROR") => self.reject(),
            _ => "ERROR unknown or misplaced command\r\n".to_owned(),
        }))
    }

    /// Accepts the identity if it is the one the kernel told; an empty one means just that.
    fn identify(&mut self, identity: &str) -> String {
        let said = unhex(identity).and_then(|digits| match digits.as_str() {
            "" => Some(self.uid),
            digits => digits.parse().ok(),
        });
        if said == Some(self.uid) {
            self.step = Step::Begin;
            format!("OK {}\r\n", self.guid)
        } else {
            self.reject()
        }
    }

    fn reject(&mut self) -> String {
        self.step = Step::Auth;
        "REJECTED EXTERNAL\r\n".to_owned()
    }
}

/// Text from its bytes in hexadecimal.
fn unhex(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut digits = text.chars();
    while let Some(high) = digits.next() {
        let byte = high.to_digit(16)? * 16 + digits.next()?.to_digit(16)?;
        bytes.push(u8::try_from(byte).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_follows_the_greeting_is_left_where_it_is() {
        use std::io::{Read, Write};
        let (mut client, server) = std::os::unix::net::UnixStream::pair().unwrap();
        server.set_nonblocking(true).unwrap();
        let server = UnixStream::from_std(server).unwrap();
        let said = b"\0AUTH EXTERNAL 31303030\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\nl and the rest";
        client.write_all(said).unwrap();
        let greeted = greet(&server, 1000, "0123").await.unwrap();
        assert!(greeted.passes_fds);
        let mut rest = String::new();
        let mut server = server.into_std().unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        server.set_nonblocking(false).unwrap();
        server.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "l and the rest");
    }

    /// Says `lines` as uid 1000; gives the answers, `BEGIN` for the end, `hang up` for an error.
    fn say(lines: &[&[u8]]) -> Vec<String> {
        let mut dialogue = Dialogue::new(1000, "0123");
        let mut answers = Vec::new();
        for line in lines {
            match dialogue.answer(line) {
                Ok(Some(answer)) => answers.push(answer.trim_end().to_owned()),
                Ok(None) => answers.push("BEGIN".to_owned()),
                Err(_) => {
                    answers.push("hang up".to_owned());
                    break;
                }
            }
        }
        answers
    }

    #[test]
    fn known_clients_get_in() {
        // 31303030 is "1000".
        let sd_bus: &[&[u8]] = &[
            b"\0AUTH EXTERNAL\r\n",
            b"DATA\r\n",
            b"NEGOTIATE_UNIX_FD\r\n",
            b"BEGIN\r\n",
        ];
        assert_eq!(say(sd_bus), ["DATA", "OK 0123", "AGREE_UNIX_FD", "BEGIN"]);
        let libdbus: &[&[u8]] = &[b"\0AUTH EXTERNAL 31303030\r\n", b"BEGIN\r\n"];
        assert_eq!(say(libdbus), ["OK 0123", "BEGIN"]);
        let gdbus: &[&[u8]] = &[
            b"\0AUTH\r\n",
            b"AUTH EXTERNAL 31303030\r\n",
            b"NEGOTIATE_UNIX_FD\r\n",
            b"BEGIN\r\n",
        ];
        assert_eq!(
            say(gdbus),
            ["REJECTED EXTERNAL", "OK 0123", "AGREE_UNIX_FD", "BEGIN"]
        );
    }

    #[test]
    fn others_do_not() {
        for (lines, answers) in [
            (
                &[&b"\0AUTH EXTERNAL 30\r\n"[..], b"BEGIN\r\n"][..],
                &["REJECTED EXTERNAL", "hang up"][..],
            ),
            (&[b"\0AUTH ANONYMOUS\r\n"], &["REJECTED EXTERNAL"]),
            (
                &[b"\0AUTH EXTERNAL\r\n", b"DATA 30\r\n"],
                &["DATA", "REJECTED EXTERNAL"],
            ),
            (&[b"\0AUTH EXTERNAL 3\r\n"], &["REJECTED EXTERNAL"]),
            (&[b"\0AUTH EXTERNAL zz\r\n"], &["REJECTED EXTERNAL"]),
            (&[b"\0DATA\r\n"], &["ERROR unknown or misplaced command"]),
            (
                &[b"\0NEGOTIATE_UNIX_FD\r\n"],
                &["ERROR unknown or misplaced command"],
            ),
            (&[b"\0BEGIN\r\n"], &["hang up"]),
            (&[b"AUTH EXTERNAL\r\n"], &["hang up"]),
            (&[b"\0AUTH EXTERNAL\r\n", b"\n"], &["DATA", "hang up"]),
            (&[b"\n"], &["hang up"]),
            (&[b"\0\r\n"], &["ERROR unknown or misplaced command"]),
            (&[b"\0AUTH \xff\r\n"], &["hang up"]),
        ] {
            assert_eq!(say(lines), answers, "{lines:?}");
        }
        assert_eq!(
            say(&[&b"\0X\r\n"[..]; 2]),
            ["ERROR unknown or misplaced command"; 2]
        );
    }
}
