//! Where a daemon answers, from its URL, and the way there.

use std::fs::File;
use std::io;
use std::net::ToSocketAddrs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use rustix::event::PollFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt};

use super::failure::{Failure, Outcome};
use super::interrupt::Interrupt;
use super::python;

/// Where a daemon answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// A socket in the file system.
    Unix(PathBuf),
    /// A host, without the brackets of IPv6, and a port.
    Tcp(String, u16),
}

/// Whether the original takes `text` as a URL at all.
pub(super) fn is_url(text: &str) -> bool {
    match text.split_once(':') {
        Some((scheme, rest)) => {
            let rest = rest.split(['?', '#']).next().unwrap_or_default();
            is_scheme(scheme) && !matches!(rest, "" | "//")
        }
        None => false,
    }
}

/// The scheme of a URL in lower case, empty if there is none.
pub(super) fn scheme(url: &str) -> String {
    match url.split_once(':') {
        Some((scheme, _)) if is_scheme(scheme) => scheme.to_ascii_lowercase(),
        _ => String::new(),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

impl Address {
    /// Of `http://HOST[:PORT]` or `unix://PATH`.
    ///
    /// # Errors
    /// Another scheme, or a port that is none.
    pub(super) fn of_url(url: &str) -> Outcome<Address> {
        if let Some(path) = url.strip_prefix("unix://") {
            return Ok(Address::Unix(path.into()));
        }
        let Some(rest) = url.strip_prefix("http://") else {
            return Err(Failure::raised(
                "ValueError",
                format!("Unknown protocol for serverurl {url}"),
            ));
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // A name and a password in the URL are not used.
        let place = authority
            .rsplit_once('@')
            .map_or(authority, |(_, place)| place);
        let (host, port) = match place
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
        {
            Some((host, port)) => (host, port.strip_prefix(':').unwrap_or_default()),
            None => place.split_once(':').unwrap_or((place, "")),
        };
        if host.is_empty() {
            // What the original stumbles over there.
            let text = "expected string or bytes-like object, got 'NoneType'";
            return Err(Failure::raised("TypeError", text));
        }
        let host = host.to_ascii_lowercase();
        if port.is_empty() {
            return Ok(Address::Tcp(host, 80));
        }
        let number = port.parse::<u32>().map_err(|_| {
            let port = python::repr(port);
            Failure::raised(
                "ValueError",
                format!("Port could not be cast to integer value as {port}"),
            )
        })?;
        let number = u16::try_from(number)
            .map_err(|_| Failure::raised("ValueError", "Port out of range 0-65535"))?;
        Ok(Address::Tcp(host, number))
    }

    /// What a request names as its host. A path would be too long for a host name.
    pub(super) fn host(&self) -> String {
        match self {
            Address::Unix(_) => "localhost".to_owned(),
            Address::Tcp(host, 80) => host.clone(),
            Address::Tcp(host, port) if host.contains(':') => format!("[{host}]:{port}"),
            Address::Tcp(host, port) => format!("{host}:{port}"),
        }
    }

    /// A connection that does not block.
    ///
    /// # Errors
    /// When nobody answers there, or ctrl-C came first.
    pub(super) fn connect(&self, interrupt: &Interrupt) -> Outcome<File> {
        let socket = match self {
            Address::Unix(path) => {
                let stream = UnixStream::connect(path).map_err(|error| match error.kind() {
                    io::ErrorKind::InvalidInput => {
                        Failure::raised("OSError", "AF_UNIX path too long")
                    }
                    _ => error.into(),
                })?;
                stream.set_nonblocking(true)?;
                OwnedFd::from(stream)
            }
            Address::Tcp(host, port) => connect_tcp(host, *port, interrupt)?,
        };
        Ok(File::from(socket))
    }
}

/// To the first address of a host that answers.
fn connect_tcp(host: &str, port: u16, interrupt: &Interrupt) -> Outcome<OwnedFd> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in (host, port).to_socket_addrs()? {
        let family = if address.is_ipv4() {
            AddressFamily::INET
        } else {
            AddressFamily::INET6
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let attempt = socket_with(family, SocketType::STREAM, flags, None).and_then(|socket| {
            match connect(&socket, &address) {
                Ok(()) => Ok((socket, false)),
                Err(rustix::io::Errno::INPROGRESS) => Ok((socket, true)),
                Err(error) => Err(error),
            }
        });
        match attempt {
            Ok((socket, false)) => return Ok(socket),
            Ok((socket, true)) => {
                interrupt.wait_for(socket.as_fd(), PollFlags::OUT)?;
                match sockopt::socket_error(&socket).map_err(io::Error::from)? {
                    Ok(()) => return Ok(socket),
                    Err(error) => last = error.into(),
                }
            }
            Err(error) => last = error.into(),
        }
    }
    Err(last.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let tcp = |host: &str, port| Address::Tcp(host.to_owned(), port);
        for (url, address) in [
            ("unix:///run/s.sock", Address::Unix("/run/s.sock".into())),
            ("http://localhost:9001", tcp("localhost", 9001)),
            ("http://LOCALHOST:9001/", tcp("localhost", 9001)),
            ("http://u:p@host/RPC2", tcp("host", 80)),
            ("http://[::1]:9001", tcp("::1", 9001)),
        ] {
            assert_eq!(Address::of_url(url).unwrap(), address, "{url}");
        }
        for (url, message) in [
            ("https://x", "Unknown protocol for serverurl https://x"),
            (
                "http://x:y",
                "Port could not be cast to integer value as 'y'",
            ),
            ("http://x:99999", "Port out of range 0-65535"),
            (
                "http://:9001",
                "expected string or bytes-like object, got 'NoneType'",
            ),
        ] {
            let said = Address::of_url(url).unwrap_err().to_string();
            assert!(said.ends_with(message), "{said}");
        }
    }

    #[test]
    fn what_counts_as_a_url() {
        for url in ["http://x", "unix:///x", "a:b", "foo:///x", "unix:/x"] {
            assert!(is_url(url), "{url}");
        }
        for text in ["", "foo", "http://", "1a://x", "://x", "/x"] {
            assert!(!is_url(text), "{text}");
        }
        assert_eq!(scheme("HTTP://x"), "http");
        assert_eq!(scheme("x"), "");
    }
}
