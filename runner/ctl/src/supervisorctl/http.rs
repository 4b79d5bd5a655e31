//! As much of an HTTP/1.1 client as supervisor's protocol needs: requests with a body on a
//! connection that is kept, and the replies to them. Streams of log text are in `log_stream`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::rc::Rc;

use rustix::event::PollFlags;
use xmlrpc::base64;

use super::address::Address;
use super::failure::{Failure, Outcome};
use super::interrupt::Interrupt;
use super::python;

/// Bytes of a status line with all headers behind it: a server that sends more means no good.
pub(super) const HEAD_LIMIT: usize = 64 * 1024;

/// Bytes of a reply: the largest is a whole log that somebody asked for.
const BODY_LIMIT: usize = 256 * 1024 * 1024;

/// A name and a password for HTTP's basic authentication.
#[derive(Debug, Clone, Default)]
pub(super) struct Credentials {
    /// Who we say we are.
    pub(super) username: Option<String>,
    /// How we prove it.
    pub(super) password: Option<String>,
}

impl Credentials {
    /// The value of the header `Authorization`, where both are known.
    fn header(&self) -> Option<String> {
        let (username, password) = (self.username.as_ref()?, self.password.as_ref()?);
        let pair = format!("{username}:{password}");
        Some(format!("Basic {}", base64::encode(pair.as_bytes())))
    }

    /// The header of a log stream: there the original sends a password without a name as well.
    pub(super) fn stream_header(&self) -> Option<String> {
        let password = self.password.as_ref().filter(|word| !word.is_empty())?;
        // Python's word for a name that was never given.
        let username = self.username.as_deref().unwrap_or("None");
        let pair = format!("{username}:{password}");
        Some(format!("Basic {}", base64::encode(pair.as_bytes())))
    }
}

/// Requests to one server, one after another.
pub(super) struct Requests {
    address: Address,
    credentials: Credentials,
    interrupt: Rc<Interrupt>,
    connection: Option<Connection>,
}

impl Requests {
    /// To the server at `address`. Nothing is connected yet.
    pub(super) fn new(
        address: Address,
        credentials: Credentials,
        interrupt: Rc<Interrupt>,
    ) -> Requests {
        Requests {
            address,
            credentials,
            interrupt,
            connection: None,
        }
    }

    /// Posts XML to `/RPC2` and gives what comes back.
    ///
    /// # Errors
    /// When the connection fails, or the answer is not 200.
    pub(super) fn post(&mut self, body: &[u8]) -> Outcome<Vec<u8>> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection {
                socket: self.address.connect(&self.interrupt)?,
                interrupt: Rc::clone(&self.interrupt),
                read: Vec::new(),
                taken: 0,
            },
        };
        let mut request = format!(
            "POST /RPC2 HTTP/1.1\r\nHost: {}\r\nAccept-Encoding: identity\r\n\
             User-Agent: supervisorctl (runner {})\r\nContent-Type: text/xml\r\n\
             Accept: text/xml\r\n",
            self.address.host(),
            env!("CARGO_PKG_VERSION"),
        );
        if let Some(header) = self.credentials.header() {
            request.push_str(&format!("Authorization: {header}\r\n"));
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        let mut request = request.into_bytes();
        request.extend_from_slice(body);
        connection.send(&request)?;
        let reply = connection.reply()?;
        if reply.kept && reply.status == 200 {
            self.connection = Some(connection);
        }
        match reply.status {
            200 => Ok(reply.body),
            status => Err(Failure::Status {
                status,
                reason: reply.reason,
            }),
        }
    }
}

/// A reply, read to its end.
struct Reply {
    status: u16,
    reason: String,
    body: Vec<u8>,
    /// Whether the connection can be used again.
    kept: bool,
}

/// What the headers say about the body and the connection.
#[derive(Debug, Default, PartialEq, Eq)]
struct Headers {
    length: Option<usize>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
}

impl Headers {
    /// Takes in one line.
    fn read(&mut self, line: &str) {
        let Some((name, value)) = line.split_once(':') else {
            return;
        };
        let value = value.trim();
        let has = |word: &str| {
            value
                .split(',')
                .any(|part| part.trim().eq_ignore_ascii_case(word))
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => self.length = value.parse().ok(),
            "transfer-encoding" => self.chunked = has("chunked"),
            "connection" => {
                self.close |= has("close");
                self.keep_alive |= has("keep-alive");
            }
            _ => {}
        }
    }
}

/// The version, number and words of a status line.
pub(super) fn status_line(line: &str) -> Option<(&str, u16, &str)> {
    let (version, rest) = line.split_once(' ')?;
    let rest = rest.trim_start();
    let (number, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let number = number.parse().ok().filter(|n| (100..1000).contains(n))?;
    version
        .starts_with("HTTP/")
        .then_some((version, number, reason.trim()))
}

/// A connection that is open.
struct Connection {
    socket: File,
    interrupt: Rc<Interrupt>,
    /// What has been read.
    read: Vec<u8>,
    /// How much of it has been used.
    taken: usize,
}

impl Connection {
    fn send(&mut self, mut bytes: &[u8]) -> Outcome<()> {
        while !bytes.is_empty() {
            match self.socket.write(bytes) {
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self
                    .interrupt
                    .wait_for(self.socket.as_fd(), PollFlags::OUT)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads more; false at the end.
    fn fill(&mut self) -> Outcome<bool> {
        if self.taken > 0 {
            self.read.drain(..self.taken);
            self.taken = 0;
        }
        let mut chunk = [0; 16 * 1024];
        loop {
            match self.socket.read(&mut chunk) {
                Ok(0) => return Ok(false),
                Ok(length) => {
                    self.read
                        .extend_from_slice(chunk.get(..length).unwrap_or_default());
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self
                    .interrupt
                    .wait_for(self.socket.as_fd(), PollFlags::IN)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn unused(&self) -> &[u8] {
        self.read.get(self.taken..).unwrap_or_default()
    }

    /// A line without its end; `None` at the end of the connection.
    fn line(&mut self, budget: &mut usize) -> Outcome<Option<String>> {
        loop {
            if let Some(end) = self.unused().iter().position(|byte| *byte == b'\n') {
                let line = self.unused().get(..end).unwrap_or_default();
                let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
                let line = line.into_owned();
                self.taken += end + 1;
                *budget = budget.checked_sub(end + 1).ok_or_else(too_long_a_head)?;
                return Ok(Some(line));
            }
            if self.unused().len() > *budget {
                return Err(too_long_a_head());
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// The headers, up to the empty line.
    fn headers(&mut self, budget: &mut usize) -> Outcome<Headers> {
        let mut headers = Headers::default();
        while let Some(line) = self.line(budget)?.filter(|line| !line.is_empty()) {
            headers.read(&line);
        }
        Ok(headers)
    }

    fn reply(&mut self) -> Outcome<Reply> {
        let mut budget = HEAD_LIMIT;
        let (version, status, reason, headers) = loop {
            let line = self.line(&mut budget)?.ok_or_else(|| {
                Failure::raised(
                    "http.client.RemoteDisconnected",
                    "Remote end closed connection without response",
                )
            })?;
            let (version, status, reason) = status_line(&line)
                .ok_or_else(|| Failure::raised("http.client.BadStatusLine", python::repr(&line)))?;
            let (version, reason) = (version.to_owned(), reason.to_owned());
            let headers = self.headers(&mut budget)?;
            // `100 Continue` and its like only announce the reply.
            if status >= 200 {
                break (version, status, reason, headers);
            }
        };
        let body = match (headers.chunked, headers.length) {
            (true, _) => self.chunks()?,
            (false, Some(length)) => self.bytes(length)?,
            (false, None) => self.rest()?,
        };
        let bounded = headers.chunked || headers.length.is_some();
        let lasting = version != "HTTP/1.0" || headers.keep_alive;
        Ok(Reply {
            status,
            reason,
            body,
            kept: bounded && lasting && !headers.close,
        })
    }

    fn bytes(&mut self, length: usize) -> Outcome<Vec<u8>> {
        if length > BODY_LIMIT {
            return Err(too_long_a_body());
        }
        while self.unused().len() < length {
            if !self.fill()? {
                let got = self.unused().len();
                return Err(incomplete(got, Some(length - got)));
            }
        }
        let body = self.unused().get(..length).unwrap_or_default().to_vec();
        self.taken += length;
        Ok(body)
    }

    fn chunks(&mut self) -> Outcome<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line(&mut HEAD_LIMIT.clone())?;
            let line = line.ok_or_else(|| incomplete(body.len(), None))?;
            let size = chunk_size(&line).ok_or_else(|| incomplete(body.len(), None))?;
            if size == 0 {
                break;
            }
            if size > BODY_LIMIT - body.len() {
                return Err(too_long_a_body());
            }
            body.extend_from_slice(&self.bytes(size)?);
            self.line(&mut HEAD_LIMIT.clone())?;
        }
        self.headers(&mut HEAD_LIMIT.clone())?;
        Ok(body)
    }

    fn rest(&mut self) -> Outcome<Vec<u8>> {
        while self.fill()? {
            if self.unused().len() > BODY_LIMIT {
                return Err(too_long_a_body());
            }
        }
        let body = self.unused().to_vec();
        self.taken = self.read.len();
        Ok(body)
    }
}

/// The size a chunk says it has, whatever is said behind it.
pub(super) fn chunk_size(line: &str) -> Option<usize> {
    let digits = line.split(';').next().unwrap_or_default().trim();
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    usize::from_str_radix(digits, 16).ok().filter(|_| plain)
}

fn incomplete(got: usize, missing: Option<usize>) -> Failure {
    let missing = missing.map_or(String::new(), |missing| {
        format!(", {missing} more expected")
    });
    Failure::raised(
        "http.client.IncompleteRead",
        format!("IncompleteRead({got} bytes read{missing})"),
    )
}

fn too_long_a_head() -> Failure {
    Failure::raised(
        "http.client.LineTooLong",
        format!("got more than {HEAD_LIMIT} bytes when reading header line"),
    )
}

fn too_long_a_body() -> Failure {
    Failure::raised(
        "OverflowError",
        format!("reply of more than {} MiB", BODY_LIMIT / 1024 / 1024),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_stream_is_asked_for_with_a_password_alone() {
        let credentials = Credentials {
            username: None,
            password: Some("p".to_owned()),
        };
        assert_eq!(credentials.header(), None);
        let header = credentials.stream_header().unwrap();
        assert_eq!(header, format!("Basic {}", base64::encode(b"None:p")));
    }

    /// What becomes of a reply whose bytes come in these pieces.
    fn reply(pieces: &[&str]) -> Outcome<Reply> {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let pieces: Vec<String> = pieces.iter().map(|piece| (*piece).to_owned()).collect();
        let server = std::thread::spawn(move || {
            for piece in pieces {
                // A reader that has seen enough may be gone.
                let _ = theirs.write_all(piece.as_bytes());
            }
        });
        let mut connection = Connection {
            socket: File::from(OwnedFd::from(ours)),
            interrupt: Rc::default(),
            read: Vec::new(),
            taken: 0,
        };
        let reply = connection.reply();
        drop(connection);
        server.join().unwrap();
        reply
    }

    #[test]
    fn replies_of_every_shape() {
        for (pieces, body, kept) in [
            (
                &["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"][..],
                "abc",
                true,
            ),
            (
                &[
                    "HTTP/1.1 200 OK\r\nConn",
                    "ection: close\r\nContent-Length: 1\r\n\r",
                    "\na",
                ],
                "a",
                false,
            ),
            (
                &["HTTP/1.0 200 OK\r\n\r\nto the ", "end"],
                "to the end",
                false,
            ),
            (
                &["HTTP/1.0 200 OK\nConnection: Keep-Alive\nContent-Length: 0\n\n"],
                "",
                true,
            ),
            (
                &[
                    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\
                     Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde",
                    "\r\n0\r\nTrailer: x\r\n\r\n",
                ],
                "abcde",
                true,
            ),
        ] {
            let reply = reply(pieces).unwrap();
            assert_eq!(reply.status, 200);
            assert_eq!(String::from_utf8(reply.body).unwrap(), body);
            assert_eq!(reply.kept, kept, "{pieces:?}");
        }
    }

    #[test]
    fn replies_that_are_none() {
        let endless = "x".repeat(HEAD_LIMIT + 2);
        for (piece, said) in [
            ("", "Remote end closed connection without response"),
            ("SSH-2.0-x\r\n", "'SSH-2.0-x'"),
            (&endless, "got more than 65536 bytes"),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
                "IncompleteRead(2 bytes read, 3 more expected)",
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
                "reply of more than 256 MiB",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                "IncompleteRead(0 bytes read)",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
                "reply of more than 256 MiB",
            ),
        ] {
            let failure = reply(&[piece]).map(|reply| reply.body).unwrap_err();
            let text = failure.to_string();
            assert!(text.contains(said), "{text}");
        }
    }
}
