//! A log as the daemon writes it: one GET whose reply never ends, in chunks, as `tail -f` and `fg`
//! read it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::PollFlags;

use super::address::Address;
use super::failure::Outcome;
use super::http::{Credentials, HEAD_LIMIT, chunk_size, status_line};
use super::interrupt::Interrupt;
use super::python;

/// What a stream came to, having read what was there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// More may come.
    Open,
    /// The server has ended it.
    Ended,
    /// It is no log: why, as standard error gets it behind the URL.
    Refused(String),
}

/// What the next bytes are.
#[derive(Debug)]
enum Part {
    StatusLine,
    Headers {
        chunked: bool,
    },
    /// The line with the size of a chunk, or the empty one behind a chunk.
    Size,
    /// As many bytes of a chunk.
    Chunk(usize),
    /// Behind the last chunk.
    Trailer,
    /// Without chunks: all that comes.
    Plain,
}

/// An open stream.
pub(super) struct LogStream {
    socket: File,
    reader: Reader,
}

/// The bytes of a stream and what they mean, wherever they come from.
struct Reader {
    part: Part,
    unused: Vec<u8>,
    /// How long the head may still get.
    budget: usize,
}

impl LogStream {
    /// Asks for `path`.
    ///
    /// # Errors
    /// When nobody answers.
    pub(super) fn open(
        address: &Address,
        path: &str,
        credentials: &Credentials,
        interrupt: &Interrupt,
    ) -> Outcome<LogStream> {
        let mut socket = address.connect(interrupt)?;
        let host = match address {
            // supervisord's own client sends an empty one.
            Address::Unix(_) => String::new(),
            Address::Tcp(..) => address.host(),
        };
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\
             User-Agent: supervisorctl (runner {})\r\n",
            env!("CARGO_PKG_VERSION"),
        );
        if let Some(header) = credentials.stream_header() {
            request.push_str(&format!("Authorization: {header}\r\n"));
        }
        request.push_str("\r\n");
        let mut rest = request.as_bytes();
        while !rest.is_empty() {
            match socket.write(rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    interrupt.wait_for(socket.as_fd(), PollFlags::OUT)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(LogStream {
            socket,
            reader: Reader::new(),
        })
    }

    /// What to wait for until there is something to read.
    pub(super) fn readable(&self) -> (BorrowedFd<'_>, PollFlags) {
        (self.socket.as_fd(), PollFlags::IN)
    }

    /// Reads what is there and hands pieces of the log to `show`.
    ///
    /// # Errors
    /// Those of `show`.
    pub(super) fn advance(
        &mut self,
        show: &mut dyn FnMut(&[u8]) -> Outcome<()>,
    ) -> Outcome<Progress> {
        let mut chunk = [0; 16 * 1024];
        match self.socket.read(&mut chunk) {
            Ok(0) => Ok(Progress::Ended),
            Ok(length) => self
                .reader
                .take_in(chunk.get(..length).unwrap_or_default(), show),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(Progress::Open)
            }
            // As if it had been closed: what was shown so far is what there is.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(Progress::Ended),
            Err(error) => Ok(Progress::Refused(cannot_connect(
                "OSError",
                &error.to_string(),
            ))),
        }
    }
}

impl Reader {
    fn new() -> Reader {
        Reader {
            part: Part::StatusLine,
            unused: Vec::new(),
            budget: HEAD_LIMIT,
        }
    }

    fn take_in(
        &mut self,
        bytes: &[u8],
        show: &mut dyn FnMut(&[u8]) -> Outcome<()>,
    ) -> Outcome<Progress> {
        self.unused.extend_from_slice(bytes);
        loop {
            if let Part::Plain = self.part {
                show(&std::mem::take(&mut self.unused))?;
                return Ok(Progress::Open);
            }
            if let Part::Chunk(left) = &mut self.part {
                let here = (*left).min(self.unused.len());
                if here > 0 {
                    show(self.unused.get(..here).unwrap_or_default())?;
                    self.unused.drain(..here);
                    *left -= here;
                }
                if *left > 0 {
                    return Ok(Progress::Open);
                }
                self.part = Part::Size;
            }
            let Some(end) = self.unused.iter().position(|byte| *byte == b'\n') else {
                let endless = self.unused.len() > self.budget;
                return Ok(if endless { refused("") } else { Progress::Open });
            };
            let line: Vec<u8> = self.unused.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            match self.line(line) {
                Progress::Open => {}
                over => return Ok(over),
            }
        }
    }

    fn line(&mut self, line: &str) -> Progress {
        match &mut self.part {
            Part::StatusLine => match status_line(line) {
                Some((_, 200, _)) => self.part = Part::Headers { chunked: false },
                Some((_, status, _)) => {
                    return Progress::Refused(format!("Cannot read, status code {status}"));
                }
                None => return refused(line),
            },
            Part::Headers { chunked } if line.is_empty() => {
                self.part = if *chunked { Part::Size } else { Part::Plain };
            }
            Part::Headers { chunked } => {
                self.budget = self.budget.saturating_sub(line.len());
                if let Some((name, value)) = line.split_once(':') {
                    let name = name.trim();
                    *chunked |= name.eq_ignore_ascii_case("transfer-encoding")
                        && value.trim().eq_ignore_ascii_case("chunked");
                }
            }
            // Behind a chunk.
            Part::Size if line.is_empty() => {}
            Part::Size => match chunk_size(line) {
                Some(0) => self.part = Part::Trailer,
                Some(size) => self.part = Part::Chunk(size),
                None => return refused(line),
            },
            Part::Trailer if line.is_empty() => return Progress::Ended,
            Part::Trailer | Part::Chunk(_) | Part::Plain => {}
        }
        Progress::Open
    }
}

fn refused(line: &str) -> Progress {
    Progress::Refused(cannot_connect(
        "ValueError",
        &format!("no HTTP: {}", python::repr(line)),
    ))
}

fn cannot_connect(class: &str, text: &str) -> String {
    format!("Cannot connect, error: <class '{class}'> ({text})")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of a stream whose bytes come in pieces of `size`, and how it ends.
    fn read(stream: &str, size: usize) -> (String, Progress) {
        let mut reader = Reader::new();
        let mut shown = Vec::new();
        for piece in stream.as_bytes().chunks(size) {
            let mut show = |bytes: &[u8]| {
                shown.extend_from_slice(bytes);
                Ok(())
            };
            match reader.take_in(piece, &mut show).unwrap() {
                Progress::Open => {}
                over => return (String::from_utf8(shown).unwrap(), over),
            }
        }
        (String::from_utf8(shown).unwrap(), Progress::Open)
    }

    #[test]
    fn chunks_cut_anywhere() {
        let stream = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                      6\r\none\r\n2\r\n3\r\nend\r\n0\r\n\r\n";
        for size in 1..stream.len() {
            let (shown, how) = read(stream, size);
            assert_eq!(shown, "one\r\n2end", "in pieces of {size}");
            assert_eq!(how, Progress::Ended);
        }
    }

    #[test]
    fn what_is_no_log() {
        let (_, how) = read("HTTP/1.1 404 Not Found\r\n", 7);
        assert_eq!(
            how,
            Progress::Refused("Cannot read, status code 404".to_owned())
        );
        for stream in [
            "nonsense\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            &"x".repeat(HEAD_LIMIT + 1),
        ] {
            assert!(matches!(read(stream, 1000).1, Progress::Refused(_)));
        }
        let plain = "HTTP/1.0 200 OK\r\n\r\nall\r\nof it";
        assert_eq!(read(plain, 4), ("all\r\nof it".to_owned(), Progress::Open));
    }
}
