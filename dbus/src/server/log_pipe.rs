//! Log lines on their way into a client's pipe, at the client's pace.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;

use control::{LogLine, LogSource, LogStream};
use tokio::net::unix::pipe::Sender;

use crate::wire;

/// A pipe's reading end for the client, and what fills the other end until the lines end or the
/// client closes its own.
pub(super) fn open(mut lines: LogStream) -> io::Result<(OwnedFd, impl Future<Output = ()> + Send)> {
    let (reader, writer) = io::pipe()?;
    let sender = Sender::from_owned_fd(writer.into())?;
    let feed = async move {
        while let Some(line) = lines.recv().await {
            // Only ever fails when the client has closed its end: then nobody wants more.
            if write(&sender, &render(&line)).await.is_err() {
                return;
            }
        }
    };
    Ok((reader.into(), feed))
}

async fn write(pipe: &Sender, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        pipe.writable().await?;
        match pipe.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn render(line: &LogLine) -> Vec<u8> {
    let line = wire::LogLine {
        unit: line.unit.to_string(),
        source: match line.source {
            LogSource::Out => "out",
            LogSource::Error => "error",
            LogSource::Manager => "manager",
        }
        .to_owned(),
        realtime_usec: line.at.map(|at| at.0),
        pid: line.pid,
        text: String::from_utf8_lossy(&line.text).into_owned(),
    };
    // A struct of texts and numbers always has a JSON form.
    let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
