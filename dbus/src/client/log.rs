//! Reading lines from the pipe the manager fills.

use std::io;
use std::os::fd::OwnedFd;

use tokio::net::unix::pipe::Receiver;

use super::Client;
use crate::wire::LogLine;

/// How much is read at once.
const CHUNK: usize = 4 * 1024;

/// Lines of a log, as they come.
#[derive(Debug)]
pub struct LogReader {
    pipe: Option<OwnedFd>,
    reader: Option<Receiver>,
    /// Bytes read and not given out; the first `given` of them are given out already.
    buffer: Vec<u8>,
    given: usize,
    /// The manager stops writing when the connection that asked is closed.
    _client: Client,
}

impl LogReader {
    pub(super) fn new(pipe: OwnedFd, client: Client) -> LogReader {
        LogReader {
            pipe: Some(pipe),
            reader: None,
            buffer: Vec::new(),
            given: 0,
            _client: client,
        }
    }

    /// The next line; `None` when there are no more: the manager is gone, or all was said. May be
    /// cancelled without loss.
    ///
    /// # Errors
    /// When the pipe cannot be read, or a line in it is no [`LogLine`].
    pub async fn next(&mut self) -> io::Result<Option<LogLine>> {
        loop {
            let rest = &self.buffer[self.given..];
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line = serde_json::from_slice(&rest[..end]).map_err(io::Error::other)?;
                self.given += end + 1;
                return Ok(Some(line));
            }
            self.buffer.drain(..self.given);
            self.given = 0;
            if let Some(pipe) = self.pipe.take() {
                self.reader = Some(Receiver::from_owned_fd(pipe)?);
            }
            let Some(reader) = &self.reader else {
                return Ok(None);
            };
            reader.readable().await?;
            let mut chunk = [0; CHUNK];
            match reader.try_read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(read) => self.buffer.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}
