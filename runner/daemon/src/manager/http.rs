//! The servers for supervisord's clients and browsers: their listeners, which the keeper holds, and
//! the hand-over of connections to `web`. What is wrong with one listener ends nothing else.

use std::collections::HashMap;
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::sys::epoll::EpollFlags;

use super::Manager;
use super::poller::Source;
use super::wake::{BUDGET, Done};
use crate::link::{Key, Link};
use crate::reason::reason;
use crate::socket::Accepted;
use crate::supervisord::servers::{self, Opened, Trouble};
use crate::supervisord::settled::{Address, Server, Settled};

/// The private one, below the runtime directory.
const PRIVATE: &str = "supervisor.sock";
/// Its name with the keeper, and among the servers.
const PRIVATE_KEY: &str = "supervisor";

/// Where the private server listens.
pub(super) fn private_path(runtime: &Path) -> PathBuf {
    runtime.join(PRIVATE)
}

/// The open servers.
pub(super) struct Http {
    server: web::Server,
    /// By the names they have with the keeper.
    listeners: HashMap<String, Listener>,
}

struct Listener {
    fd: OwnedFd,
    /// As `web` counts them.
    endpoint: usize,
    is_unix: bool,
}

/// What `web` serves: the private socket first, then the others in their order.
fn config(settled: &Settled, private: &Path) -> web::Config {
    let mut endpoints = vec![web::Endpoint {
        name: PRIVATE_KEY.to_owned(),
        address: private.display().to_string(),
        auth: None,
        hosts: Vec::new(),
    }];
    endpoints.extend(settled.servers.iter().map(|server| web::Endpoint {
        name: server.section.clone(),
        address: server.address.to_string(),
        auth: server.auth.as_ref().map(|(username, password)| web::Auth {
            username: username.clone(),
            password: password.clone(),
        }),
        hosts: Vec::new(),
    }));
    web::Config {
        identifier: settled.identifier.clone(),
        endpoints,
        rpc_interface: settled.rpc_interface,
        ..web::Config::default()
    }
}

fn is_unix(server: &Server) -> bool {
    matches!(server.address, Address::Unix { .. })
}

fn key(name: &str) -> Key {
    Key::Control {
        name: name.to_owned(),
    }
}

/// Why a server is not there, as a sentence.
fn sentence(server: &Server, trouble: Trouble) -> String {
    let reason = match trouble {
        Trouble::InUse => "somebody else listens there already".to_owned(),
        Trouble::Other(sentence) => sentence,
    };
    format!(
        "[{}] cannot be served at {}: {reason}",
        server.section, server.address
    )
}

impl Http {
    /// Takes over the listeners that are held, and the private one that we were started with, and
    /// opens those that are not: at a first start without a supervisord.conf all of them.
    ///
    /// # Errors
    /// At a first start, when one that was asked for cannot be had.
    pub(super) fn open(
        settled: &Settled,
        runtime: &Path,
        handle: control::Handle,
        link: &Link,
        (mut held, given): (HashMap<String, OwnedFd>, Option<OwnedFd>),
        first: bool,
    ) -> Result<Http, String> {
        let path = private_path(runtime);
        let server = web::Server::new(handle, config(settled, &path));
        tokio::spawn(server.clone().serve_listeners());
        let mut http = Http {
            server,
            listeners: HashMap::new(),
        };
        let private = match (given, held.remove(PRIVATE_KEY)) {
            (None, Some(held)) => Ok(held),
            (given, _) => given
                .map_or_else(|| servers::open_private(&path), Ok)
                .and_then(|opened| {
                    link.put(&key(PRIVATE_KEY), opened.as_fd())?;
                    Ok(opened)
                }),
        };
        match private {
            Ok(fd) => http.insert(PRIVATE_KEY.to_owned(), fd, 0, true),
            Err(error) => {
                tracing::error!("cannot serve at {}: {}", path.display(), reason(&error));
            }
        }
        for (endpoint, server) in (1..).zip(&settled.servers) {
            let name = server.key();
            let found = match held.remove(&name) {
                Some(fd) => Ok(fd),
                None => servers::open(server)
                    .map_err(|trouble| sentence(server, trouble))
                    .and_then(|opened| {
                        link.put(&key(&name), opened.listener.as_fd())
                            .map_err(|error| format!("cannot speak to the keeper: {error}"))?;
                        Ok(opened.listener)
                    }),
            };
            match found {
                Ok(fd) => http.insert(name, fd, endpoint, is_unix(server)),
                Err(sentence) if first => return Err(sentence),
                Err(sentence) => tracing::error!("{sentence}"),
            }
        }
        // Of a server that went while a manager was killed.
        for name in held.into_keys() {
            let _ = link.delete(&key(&name));
        }
        Ok(http)
    }

    fn insert(&mut self, name: String, fd: OwnedFd, endpoint: usize, is_unix: bool) {
        let listener = Listener {
            fd,
            endpoint,
            is_unix,
        };
        self.listeners.insert(name, listener);
    }
}

impl Manager {
    /// Watches all listeners.
    pub(super) fn watch_http(&mut self) -> std::io::Result<()> {
        for (name, listener) in &self.http.listeners {
            let source = Source::Http(name.clone());
            self.poller
                .add(source, listener.fd.as_fd(), EpollFlags::EPOLLIN)?;
        }
        Ok(())
    }

    /// Somebody connects to a server.
    pub(super) fn http_ready(&mut self, name: &str) {
        for _ in 0..BUDGET {
            let Some(listener) = self.http.listeners.get(name) else {
                return;
            };
            match self.acceptor.accept(listener.fd.as_fd()) {
                Ok(Accepted::Connection(stream, _)) => {
                    serve(self.http.server.clone(), stream, listener);
                }
                Ok(Accepted::Nobody) => return,
                Ok(Accepted::Shed) => {
                    tracing::warn!("out of descriptors, a client was turned away");
                }
                Err(error) => {
                    tracing::warn!("cannot accept a client: {error}");
                    return;
                }
            }
        }
    }

    /// The configuration is read and everything starts anew: its servers are those of the file now.
    /// One whose address stays keeps its listener, and every client that waits at it.
    pub(super) fn settle_again(&mut self) {
        let Some(mut next) = self.read_last.take().map(|next| *next) else {
            return;
        };
        let mut free = 1 + self
            .settled
            .servers
            .iter()
            .map(|server| server.slot)
            .max()
            .unwrap_or_default();
        let mut missing = Vec::new();
        for server in &mut next.servers {
            let same = self
                .settled
                .servers
                .iter()
                .find(|old| old.address == server.address && self.serves(old));
            server.slot = match same {
                // What was allowed without a password may not be any more.
                Some(old) if server.auth.is_some() || server.insecure == old.insecure => old.slot,
                _ => {
                    free += 1;
                    free
                }
            };
            if same.is_none_or(|old| old.slot != server.slot) {
                missing.push(server.clone());
            }
        }
        let gone: Vec<Server> = self
            .settled
            .servers
            .iter()
            .filter(|old| next.servers.iter().all(|server| server.slot != old.slot))
            .cloned()
            .collect();
        for server in &gone {
            self.close_server(server);
        }
        if next.pid_file != self.settled.pid_file {
            tracing::warn!("another pidfile is written at the next start of the daemon only");
            next.pid_file.clone_from(&self.settled.pid_file);
        }
        for option in self.settled.not_before_a_start(&next) {
            tracing::warn!(
                "another {option} in [supervisord] counts at the next start of the daemon only"
            );
        }
        if let (Some(conf), Some(next)) = (&self.settled.conf, &mut next.conf) {
            next.at_start.clone_from(&conf.at_start);
        }
        self.settled = next;
        let mut options = (*self.options).clone();
        self.settled.apply(&mut options);
        self.options = std::sync::Arc::new(options);
        self.renew_servers();
        if !missing.is_empty() || !gone.is_empty() {
            self.offload.submit(move || {
                // First: another one may take its place.
                for path in gone.iter().filter_map(Server::path) {
                    let _ = std::fs::remove_file(path);
                }
                let opened = missing
                    .into_iter()
                    .map(|server| {
                        let opened = servers::open(&server);
                        (server, opened)
                    })
                    .collect();
                Done::ServersOpened(opened)
            });
        }
    }

    fn serves(&self, server: &Server) -> bool {
        self.http.listeners.contains_key(&server.key())
    }

    fn close_server(&mut self, server: &Server) {
        let name = server.key();
        if let Some(listener) = self.http.listeners.remove(&name) {
            self.poller
                .remove(&Source::Http(name.clone()), listener.fd.as_fd());
            self.unhold(&key(&name));
        }
    }

    /// New servers are open, or could not be.
    pub(super) fn servers_opened(&mut self, opened: Vec<(Server, Result<Opened, Trouble>)>) {
        for (server, result) in opened {
            let fd = match result {
                Ok(opened) => opened.listener,
                Err(trouble) => {
                    tracing::error!("{}", sentence(&server, trouble));
                    continue;
                }
            };
            let name = server.key();
            self.hold(&key(&name), fd.as_fd());
            let source = Source::Http(name.clone());
            if let Err(error) = self.poller.add(source, fd.as_fd(), EpollFlags::EPOLLIN) {
                tracing::error!("cannot watch {}: {error}", server.address);
            }
            self.http.insert(name, fd, 0, is_unix(&server));
        }
        self.renew_servers();
    }

    /// Tells `web` what is served, and the keeper what is settled.
    fn renew_servers(&mut self) {
        for (endpoint, server) in (1..).zip(&self.settled.servers) {
            if let Some(listener) = self.http.listeners.get_mut(&server.key()) {
                listener.endpoint = endpoint;
            }
        }
        let private = self.runtime.join(PRIVATE);
        self.http
            .server
            .reconfigure(config(&self.settled, &private));
        self.server_url = server_url(&self.settled, &self.runtime);
        self.write_definitions();
    }

    /// Everything has ended: no client shall find a door with nobody behind it.
    pub(super) fn remove_servers(&self) {
        for path in self.settled.servers.iter().filter_map(Server::path) {
            // It is only tidiness: the next start removes what is stale.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// What programs find in `SUPERVISOR_SERVER_URL`; where the configuration has no server, the one
/// that is always there.
pub(super) fn server_url(settled: &Settled, runtime: &Path) -> Option<std::sync::Arc<str>> {
    let private = || format!("unix://{}", private_path(runtime).display());
    Some(settled.server_url.clone().unwrap_or_else(private).into())
}

fn serve(server: web::Server, stream: OwnedFd, listener: &Listener) {
    let endpoint = listener.endpoint;
    if listener.is_unix {
        let served = server.serve_unix(UnixStream::from(stream), endpoint);
        drop(tokio::spawn(served));
        return;
    }
    let stream = TcpStream::from(stream);
    // One that is gone again has no address.
    if let Ok(peer) = stream.peer_addr() {
        let served = server.serve_tcp(stream, peer, endpoint);
        drop(tokio::spawn(served));
    }
}
