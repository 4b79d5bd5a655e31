//! Opens the listeners of the servers, and refuses those that would be open to everybody. May ask
//! `getent` for a host's name.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

use units::supervisord::repr;
use units::value::{ListenAddress, ListenKind};

use super::settled::{Address, Server};
use crate::socket::{Listeners, open_one};
use crate::users;

/// How many connections may wait, as the original.
const BACKLOG: u32 = 1024;

/// Why a server cannot be had.
#[derive(Debug)]
pub enum Trouble {
    /// Somebody else listens there.
    InUse,
    /// Anything else: a sentence.
    Other(String),
}

/// A server is open.
#[derive(Debug)]
pub struct Opened {
    /// Its listener; it does not wait.
    pub listener: OwnedFd,
    /// The file of a dead one was taken away.
    pub was_stale: bool,
}

/// Opens one server.
///
/// # Errors
/// When it cannot listen, or must not: a server for other machines that anybody may command.
pub fn open(server: &Server) -> Result<Opened, Trouble> {
    let (kind, mut listeners) = (ListenKind::Stream, listeners());
    let (address, was_stale) = match &server.address {
        Address::Inet { host, port } => {
            let ip = resolve(host)?;
            if !ip.is_loopback() && server.auth.is_none() && !server.insecure {
                return Err(Trouble::Other(too_open(server, ip)));
            }
            (ListenAddress::Inet(SocketAddr::new(ip, *port)), false)
        }
        Address::Unix {
            path,
            mode,
            uid,
            gid,
        } => {
            listeners.mode = *mode;
            listeners.uid = *uid;
            listeners.gid = *gid;
            let was_there = std::fs::symlink_metadata(path).is_ok();
            (ListenAddress::Path(path.as_str().into()), was_there)
        }
    };
    let opened = open_one(&listeners, kind, &address);
    let listener = opened.map_err(|error| trouble(server, &error))?;
    Ok(Opened {
        listener,
        was_stale,
    })
}

fn listeners() -> Listeners {
    Listeners {
        backlog: BACKLOG,
        mode: 0o700,
        accept: true,
        ..Listeners::default()
    }
}

/// The private socket of this kind, for those who own the daemon.
///
/// # Errors
/// What the system says.
pub fn open_private(path: &std::path::Path) -> io::Result<OwnedFd> {
    let path = path
        .to_str()
        .ok_or_else(|| io::Error::other("the runtime directory's path is not valid UTF-8"))?;
    open_one(
        &listeners(),
        ListenKind::Stream,
        &ListenAddress::Path(path.into()),
    )
}

fn trouble(server: &Server, error: &io::Error) -> Trouble {
    match (error.raw_os_error(), &server.address) {
        (Some(libc::EADDRINUSE), _) => Trouble::InUse,
        (Some(libc::EPERM), Address::Unix { path, uid, gid, .. })
            if uid.is_some() || gid.is_some() =>
        {
            let id = |id: &Option<u32>| id.map_or("-1".to_owned(), |id| id.to_string());
            Trouble::Other(format!(
                "Not permitted to chown {path} to uid/gid ({}, {}); adjust \"sockchown\" value in \
                 config file or on command line to values that the current user ({}) can \
                 successfully chown",
                id(uid),
                id(gid),
                nix::unistd::geteuid()
            ))
        }
        (Some(errno), _) => Trouble::Other(format!(
            "Cannot open an HTTP server: socket.error reported errno.{:?} ({errno})",
            nix::errno::Errno::from_raw(errno)
        )),
        (None, address) => {
            Trouble::Other(format!("Cannot open an HTTP server at {address}: {error}"))
        }
    }
}

fn too_open(server: &Server, ip: IpAddr) -> String {
    let Server {
        section, address, ..
    } = server;
    if section == "--http" {
        return format!(
            "--http {address}: whoever reaches this port could run any program here; use a \
             loopback address or the path of a socket, or run a supervisord.conf whose \
             [inet_http_server] has a password"
        );
    }
    let at = if ip.is_unspecified() {
        "every address"
    } else {
        "an address others reach"
    };
    format!(
        "Server {} would listen on {at} ({address}) without a password: whoever reaches it could \
         run any program here. Set username and password (runnerctl passwd makes the line), or \
         port=127.0.0.1:{}, or, if the network in front of it is safe, runner.insecure-http=true",
        repr(section),
        match address {
            Address::Inet { port, .. } => *port,
            Address::Unix { .. } => 0,
        }
    )
}

fn resolve(host: &str) -> Result<IpAddr, Trouble> {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Ok(ip) = bare.unwrap_or(host).parse() {
        return Ok(ip);
    }
    match host {
        "" | "*" => Ok(Ipv4Addr::UNSPECIFIED.into()),
        "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        _ => {
            let found = users::address_of_host(host);
            let found = found.map_err(|error| {
                Trouble::Other(format!("Cannot find the address of host {host}: {error}"))
            })?;
            found.ok_or_else(|| Trouble::Other(format!("There is no host {}", repr(host))))
        }
    }
}

/// What the original says of a server that lets everybody in.
#[must_use]
pub fn warning(server: &Server) -> Option<String> {
    server.auth.is_none().then(|| {
        format!(
            "Server {} running without any HTTP authentication checking",
            repr(&server.section)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inet(host: &str, auth: bool, insecure: bool) -> Server {
        Server {
            section: "inet_http_server".to_owned(),
            slot: 0,
            // Nobody is asked for a port that is free: what is refused is refused before.
            address: Address::Inet {
                host: host.to_owned(),
                port: 0,
            },
            auth: auth.then(|| ("u".to_owned(), "p".to_owned())),
            insecure,
        }
    }

    #[test]
    fn nobody_commands_us_from_afar_without_a_password() {
        for (host, auth, insecure, allowed) in [
            ("127.0.0.1", false, false, true),
            ("localhost", false, false, true),
            ("127.9.9.9", false, false, true),
            ("", false, false, false),
            ("*", false, false, false),
            ("0.0.0.0", false, false, false),
            ("", true, false, true),
            ("", false, true, true),
        ] {
            match open(&inet(host, auth, insecure)) {
                Ok(_) => assert!(allowed, "{host:?}"),
                Err(Trouble::Other(sentence)) => {
                    assert!(!allowed, "{sentence}");
                    assert!(sentence.contains("runner.insecure-http=true"), "{sentence}");
                }
                Err(Trouble::InUse) => panic!("in use"),
            }
        }
    }

    #[test]
    fn a_dead_socket_is_replaced_and_a_living_one_left() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.sock");
        let server = Server {
            section: "unix_http_server".to_owned(),
            slot: 0,
            address: Address::Unix {
                path: path.to_str().unwrap().to_owned(),
                mode: 0o770,
                uid: None,
                gid: None,
            },
            auth: None,
            insecure: false,
        };
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let opened = open(&server).unwrap();
        assert!(opened.was_stale);
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o770);
        assert!(matches!(open(&server), Err(Trouble::InUse)));
        assert_eq!(
            warning(&server).unwrap(),
            "Server 'unix_http_server' running without any HTTP authentication checking"
        );
    }
}
