//! XML-RPC over a socket in the file system: one call, one connection.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use xmlrpc::{Limits, Response, Value};

use crate::board::patience;

/// Sends one HTTP request and gives the whole answer, head and body.
///
/// # Errors
/// When the connection cannot be made, or breaks.
pub fn ask(socket: &Path, head: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(patience()))?;
    // One that is refused in its middle is answered, and the rest of it is not wanted.
    let sent = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body));
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    if answer.is_empty() {
        sent?;
        read?;
    }
    Ok(answer)
}

/// Calls a method of the daemon that listens on `socket`.
///
/// # Errors
/// When the connection breaks (the manager that had it was killed), and for a fault, whose text is
/// the error's.
pub fn call(socket: &Path, method: &str, parameters: &[Value]) -> io::Result<Value> {
    let body = xmlrpc::write_call(method, parameters);
    let head = format!(
        "POST /RPC2 HTTP/1.0\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let answer = ask(socket, &head, &body)?;
    let begin = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    let body = answer.get(begin + 4..).unwrap_or_default();
    match xmlrpc::parse_response(body, &Limits::RESPONSE) {
        Ok(Response::Value(value)) => Ok(value),
        Ok(Response::Fault { text, .. }) => Err(io::Error::other(text)),
        // Cut off in the middle.
        Err(_) => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
