//! Readiness probes: what is tried from outside until a service counts as started.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use super::{ExecLine, ValueProblem, absolute_path};

/// What is tried. Addresses are numbers: nothing is looked up, so that a slow name server cannot
/// make a service that is ready look as if it were not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Probe {
    /// `tcp:…`: somebody accepts a connection.
    Tcp(SocketAddr),
    /// `unix:…`: somebody listens on the socket at this path.
    Unix(Box<str>),
    /// `http:…`: a GET is answered with a status from 200 to 399.
    Http {
        /// Where the server is.
        address: SocketAddr,
        /// What is asked for, with its query.
        path: Box<str>,
    },
    /// `exec:…`: the command exits with 0.
    Exec(ExecLine),
}

/// The longest path of a socket (unix(7)), in bytes.
const LONGEST_SOCKET_PATH: usize = 107;
/// The longest path asked for over HTTP, in bytes.
const LONGEST_HTTP_PATH: usize = 1024;

const FORMS: &str = "write `tcp:PORT`, `tcp:HOST:PORT`, `unix:/path`, `http:PORT/path`, `http://HOST:PORT/path` or `exec:COMMAND`";

impl Probe {
    /// Reads a probe as it is written in a unit file.
    ///
    /// # Errors
    /// When it is none of the forms, or names a host that would have to be looked up.
    pub fn parse(text: &str) -> Result<Probe, ValueProblem> {
        Probe::parse_with(text, &mut |text| Ok(text.to_owned()))
    }

    /// As [`Probe::parse`], `expand` being applied to the text, or to each word of a command once
    /// quoting is resolved.
    ///
    /// # Errors
    /// As [`Probe::parse`], and whatever `expand` refuses.
    pub fn parse_with(
        text: &str,
        expand: &mut dyn FnMut(&str) -> Result<String, ValueProblem>,
    ) -> Result<Probe, ValueProblem> {
        let text = text.trim();
        if let Some(command) = text.strip_prefix("exec:") {
            return parse_command(command.trim_start(), expand).map(Probe::Exec);
        }
        let text = expand(text)?;
        match text.split_once(':') {
            Some(("tcp", address)) => parse_address(address, &text).map(Probe::Tcp),
            Some(("unix", path)) => parse_socket_path(path).map(Probe::Unix),
            Some(("http", rest)) => parse_http(rest, &text),
            Some(("https", _)) => Err(ValueProblem::new(format!(
                "{text:?} would need TLS, which no probe speaks"
            ))
            .with_hint("probe the port with `tcp:PORT`, or let a command do it: `exec:curl …`")),
            _ => Err(ValueProblem::new(format!("{text:?} is no probe")).with_hint(FORMS)),
        }
    }
}

fn parse_command(
    text: &str,
    expand: &mut dyn FnMut(&str) -> Result<String, ValueProblem>,
) -> Result<ExecLine, ValueProblem> {
    let mut lines = ExecLine::parse_line_with(text, expand)?;
    let (Some(line), true) = (lines.pop(), lines.is_empty()) else {
        return Err(ValueProblem::new("a probe is one command, not several")
            .with_hint("let a shell run them: exec:/bin/sh -c '…'"));
    };
    if line.ignore_failure {
        return Err(
            ValueProblem::new("a probe whose failure is ignored tells nothing")
                .with_hint("take the `-` away"),
        );
    }
    Ok(line)
}

fn parse_socket_path(path: &str) -> Result<Box<str>, ValueProblem> {
    let path = absolute_path(path)?;
    match path.len() {
        n if n > LONGEST_SOCKET_PATH => Err(ValueProblem::new(format!(
            "a socket's path has at most {LONGEST_SOCKET_PATH} bytes, {path:?} has {n}"
        ))),
        _ => Ok(path.into()),
    }
}

/// `PORT/path`, `//HOST:PORT/path` or `//HOST/path`.
fn parse_http(rest: &str, whole: &str) -> Result<Probe, ValueProblem> {
    let (authority, path) = match rest.strip_prefix("//") {
        Some(url) => {
            let at = url.find(['/', '?']).unwrap_or(url.len());
            let (authority, path) = url.split_at(at);
            let bare = authority.parse::<std::net::Ipv6Addr>().is_ok();
            let has_port = authority
                .rsplit_once(':')
                .is_some_and(|(_, port)| !port.ends_with(']'));
            match bare || has_port {
                true => (authority.to_owned(), path),
                false => (format!("{authority}:80"), path),
            }
        }
        None => {
            let at = rest.find(['/', '?']).unwrap_or(rest.len());
            let (port, path) = rest.split_at(at);
            (port.to_owned(), path)
        }
    };
    let address = parse_address(&authority, whole)?;
    let path = path.split('#').next().unwrap_or_default();
    let path = match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("/{path}"),
    };
    if path.len() > LONGEST_HTTP_PATH {
        return Err(ValueProblem::new(format!(
            "the path of {whole:?} has more than {LONGEST_HTTP_PATH} bytes"
        )));
    }
    if let Some(bad) = path.chars().find(|c| !c.is_ascii_graphic()) {
        return Err(
            ValueProblem::new(format!("the path of {whole:?} contains {bad:?}"))
                .with_hint("write it as `%XX`, in a unit file with the percent sign doubled"),
        );
    }
    Ok(Probe::Http {
        address,
        path: path.into(),
    })
}

/// `PORT` of this machine, or `HOST:PORT`.
fn parse_address(text: &str, whole: &str) -> Result<SocketAddr, ValueProblem> {
    let no_port = || {
        ValueProblem::new(format!("{whole:?} has no port, which is 1 to 65535")).with_hint(FORMS)
    };
    let port_of = |port: &str| match port.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(no_port()),
    };
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok((Ipv4Addr::LOCALHOST, port_of(text)?).into());
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        port_of(&address.port().to_string())?;
        return Ok(address);
    }
    match text.rsplit_once(':') {
        Some(("localhost", port)) => Ok((Ipv4Addr::LOCALHOST, port_of(port)?).into()),
        Some((host, port)) if port_of(port).is_ok() && !host.is_empty() => Err(ValueProblem::new(
            format!("the host name {host:?} is not looked up"),
        )
        .with_hint(
            "write its address, `A.B.C.D:PORT` or `[v6]:PORT`; of names only `localhost` is known",
        )),
        _ => Err(no_port()),
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Probe::Tcp(address) => write!(f, "tcp:{address}"),
            Probe::Unix(path) => write!(f, "unix:{path}"),
            Probe::Http { address, path } => write!(f, "http://{address}{path}"),
            Probe::Exec(line) => write!(f, "exec:{line}"),
        }
    }
}

super::serde_as_text!(Probe);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms_and_how_they_are_shown() {
        for (text, shown) in [
            ("tcp:6379", "tcp:127.0.0.1:6379"),
            ("tcp:localhost:6379", "tcp:127.0.0.1:6379"),
            ("tcp:10.0.0.7:53", "tcp:10.0.0.7:53"),
            ("tcp:[::1]:53", "tcp:[::1]:53"),
            ("unix:/run/x.sock", "unix:/run/x.sock"),
            ("http:8080/health", "http://127.0.0.1:8080/health"),
            ("http:8080", "http://127.0.0.1:8080/"),
            ("http://localhost/a?b=c#d", "http://127.0.0.1:80/a?b=c"),
            ("http://[::1]/", "http://[::1]:80/"),
            ("http://[::1]:81?x", "http://[::1]:81/?x"),
            ("exec:/bin/pg_isready -q", "exec:/bin/pg_isready -q"),
            (" exec: redis-cli ping ", "exec:redis-cli ping"),
        ] {
            let probe = Probe::parse(text).unwrap();
            assert_eq!(probe.to_string(), shown);
            assert_eq!(Probe::parse(shown), Ok(probe));
        }
    }

    #[test]
    fn what_is_none_says_what_would_be() {
        let long = format!("unix:/{}", "a".repeat(107));
        for (text, message) in [
            ("", "is no probe"),
            ("6379", "is no probe"),
            ("tcp:", "has no port"),
            ("tcp:0", "has no port"),
            ("tcp:65536", "has no port"),
            ("tcp:127.0.0.1:0", "has no port"),
            ("tcp:127.0.0.1", "has no port"),
            ("tcp::80", "has no port"),
            ("tcp:db.example:5432", "\"db.example\" is not looked up"),
            ("http://db.example/", "\"db.example\" is not looked up"),
            ("http://:80/", "has no port"),
            ("http:80/a b", "contains ' '"),
            ("https://localhost/", "would need TLS"),
            ("unix:run/x", "absolute"),
            (&long, "has at most 107 bytes"),
            ("exec:", "empty"),
            ("exec:/bin/a ; /bin/b", "not several"),
            ("exec:-/bin/a", "tells nothing"),
        ] {
            let problem = Probe::parse(text).unwrap_err();
            assert!(
                problem.message.contains(message),
                "{text}: {}",
                problem.message
            );
        }
    }

    proptest! {
        #[test]
        fn print_then_parse(ip: std::net::IpAddr, port in 1..u16::MAX, path in "/[a-z/?=&%]{0,20}") {
            let tcp = Probe::Tcp((ip, port).into());
            prop_assert_eq!(Probe::parse(&tcp.to_string()), Ok(tcp));
            let http = Probe::Http { address: (ip, port).into(), path: path.into() };
            prop_assert_eq!(Probe::parse(&http.to_string()), Ok(http));
        }

        #[test]
        fn any_text(text in any::<String>()) {
            let _ = Probe::parse(&text);
            let _ = Probe::parse(&format!("http:{text}"));
            let _ = Probe::parse(&format!("tcp:{text}"));
        }
    }
}
