//! Addresses a socket unit listens on (systemd.socket(5)).

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4};

use super::{ValueProblem, absolute_path};

super::words! {
    /// What sort of socket is made on an address.
    pub enum ListenKind {
        /// a byte stream with connections (SOCK_STREAM)
        Stream = "Stream",
        /// single messages without connections (SOCK_DGRAM)
        Datagram = "Datagram",
        /// messages over a connection (SOCK_SEQPACKET)
        SequentialPacket = "SequentialPacket",
        /// a named pipe
        Fifo = "FIFO",
    }
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListenAddress {
    /// A node in the file system, by absolute path.
    Path(Box<str>),
    /// A name in the kernel's abstract namespace, without the `@`.
    Abstract(Box<str>),
    /// An internet address. A bare port is `[::]:PORT`, which takes IPv4 connections as well, and
    /// where the host has no IPv6 stands for all of IPv4.
    Inet(SocketAddr),
}

/// The longest path or abstract name a socket address holds (unix(7)), in bytes.
const LONGEST_UNIX_NAME: usize = 107;

impl ListenAddress {
    /// Reads what a socket of `kind` can listen on: `/path`, `@name`, `PORT`, `A.B.C.D:PORT`,
    /// `[v6]:PORT`; a FIFO takes a path only, sequential packets need a Unix address.
    ///
    /// # Errors
    /// When it is none of these, or too long.
    pub fn parse(kind: ListenKind, text: &str) -> Result<ListenAddress, ValueProblem> {
        let text = text.trim();
        let unix_name = |name: &str| match name.len() {
            0 => Err(ValueProblem::new(format!(
                "{text:?} names nothing to listen on"
            ))),
            n if n > LONGEST_UNIX_NAME => Err(ValueProblem::new(format!(
                "a socket's path or name has at most {LONGEST_UNIX_NAME} bytes, {text:?} has {n}"
            ))),
            _ => Ok(()),
        };
        if kind == ListenKind::Fifo {
            return Ok(ListenAddress::Path(absolute_path(text)?.into()));
        }
        if text.starts_with('/') {
            unix_name(text)?;
            return Ok(ListenAddress::Path(absolute_path(text)?.into()));
        }
        if let Some(name) = text.strip_prefix('@') {
            unix_name(name)?;
            if name.contains('\0') {
                return Err(ValueProblem::new(format!(
                    "{text:?} contains a NUL character"
                )));
            }
            return Ok(ListenAddress::Abstract(name.into()));
        }
        let address = parse_inet(text)?;
        if address.port() == 0 {
            return Err(ValueProblem::new(format!(
                "{text:?} has no port, which is 1 to 65535"
            )));
        }
        if kind == ListenKind::SequentialPacket {
            return Err(ValueProblem::new(format!(
                "{text:?} cannot carry sequential packets, only a path or an @name can"
            )));
        }
        Ok(ListenAddress::Inet(address))
    }

    /// The path, where it is one.
    pub fn as_path(&self) -> Option<&str> {
        match self {
            ListenAddress::Path(path) => Some(path),
            ListenAddress::Abstract(_) | ListenAddress::Inet(_) => None,
        }
    }
}

fn parse_inet(text: &str) -> Result<SocketAddr, ValueProblem> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        let port = text
            .parse()
            .map_err(|_| ValueProblem::new(format!("{text:?} is no port, which is 1 to 65535")))?;
        return Ok(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
    }
    if let Ok(v4) = text.parse::<SocketAddrV4>() {
        return Ok(SocketAddr::V4(v4));
    }
    if let Ok(v6) = text.parse() {
        return Ok(SocketAddr::V6(v6));
    }
    let problem = ValueProblem::new(format!("{text:?} is no address to listen on"));
    Err(match text.rsplit_once(':') {
        Some(("localhost", port)) => {
            problem.with_hint(format!("names are not looked up: write `127.0.0.1:{port}`"))
        }
        Some(("*" | "", port)) => problem.with_hint(format!("write `{port}` to take any address")),
        _ if text.starts_with("vsock:") => problem.with_hint("vsock is not supported yet"),
        _ => problem.with_hint("write a port, `A.B.C.D:PORT`, `[v6]:PORT`, `/path` or `@name`"),
    })
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Path(path) => f.write_str(path),
            ListenAddress::Abstract(name) => write!(f, "@{name}"),
            ListenAddress::Inet(address) => write!(f, "{address}"),
        }
    }
}

impl serde::Serialize for ListenAddress {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for ListenAddress {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        // A path too long for a socket can only have been a FIFO's.
        ListenAddress::parse(ListenKind::Stream, &text)
            .or_else(|_| ListenAddress::parse(ListenKind::Fifo, &text))
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_as_systemd_shows_them() {
        for (text, shown) in [
            ("80", "[::]:80"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("[::1]:80", "[::1]:80"),
            ("/run/x", "/run/x"),
            ("@x", "@x"),
        ] {
            let address = ListenAddress::parse(ListenKind::Stream, text).unwrap();
            assert_eq!(address.to_string(), shown);
        }
        let long = format!("/{}", "a".repeat(107));
        for bad in [
            "",
            "0",
            "65536",
            "x",
            "localhost:80",
            "::1:80",
            "@",
            "a/b",
            "1.2.3:4",
            &long,
        ] {
            assert!(
                ListenAddress::parse(ListenKind::Stream, bad).is_err(),
                "{bad}"
            );
        }
        assert!(ListenAddress::parse(ListenKind::Fifo, &long).is_ok());
        assert!(ListenAddress::parse(ListenKind::Fifo, "80").is_err());
        assert!(ListenAddress::parse(ListenKind::SequentialPacket, "80").is_err());
    }

    proptest! {
        #[test]
        fn print_then_parse(ip: std::net::IpAddr, port in 1..u16::MAX) {
            let address = ListenAddress::Inet((ip, port).into());
            prop_assert_eq!(ListenAddress::parse(ListenKind::Stream, &address.to_string()), Ok(address));
        }

        #[test]
        fn any_text(text in any::<String>()) {
            for kind in ListenKind::ALL {
                let _ = ListenAddress::parse(*kind, &text);
            }
        }
    }
}
