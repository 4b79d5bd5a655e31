//! The least a D-Bus client can do: connect and be greeted. The greeting comes from a living
//! manager, so waiting for it is waiting for the manager.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Asks the manager behind `socket` to greet us. The listener outlives every manager, so a
/// connection made while none runs waits in its queue; one that a dying manager had taken is
/// made again.
pub(crate) fn greeted(socket: &Path, patience: Duration) -> std::io::Result<()> {
    let uid: String = nix::unistd::getuid()
        .to_string()
        .bytes()
        .map(|b| format!("{b:02x}"))
        .collect();
    let mut again = 0;
    loop {
        match greeting(socket, &uid, patience) {
            Ok(line) if line.starts_with("OK") => return Ok(()),
            Ok(line) if !line.is_empty() => {
                return Err(std::io::Error::other(format!(
                    "{}: {line}",
                    socket.display()
                )));
            }
            // Nothing refused us and nothing was said: the one who took the connection died.
            Ok(_) => again += 1,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => again += 1,
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => again += 1,
            Err(error) => return Err(error),
        }
        if again > 20 {
            return Err(std::io::Error::other(format!(
                "{}: hung up {again} times",
                socket.display()
            )));
        }
    }
}

fn greeting(socket: &Path, uid: &str, patience: Duration) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(format!("\0AUTH EXTERNAL {uid}\r\n").as_bytes())?;
    let mut line = Vec::new();
    let mut byte = [0u8; 1];
    while stream.read(&mut byte)? == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}
