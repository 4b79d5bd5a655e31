//! The servers as the daemon sees them: it accepts, we serve.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

use control::{Caller, Handle, Via};
use tokio::sync::mpsc;

use crate::auth::{self, Doorkeeper};
use crate::config::Config;
use crate::health;
use crate::http::connection::{self, Visit};
use crate::listener;
use crate::page;
use crate::places::{Peer, Places};

/// Serves connections of HTTP servers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

/// What all connections have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Where everything is asked.
    pub(crate) handle: Handle,
    /// Who gets in.
    pub(crate) doorkeeper: Doorkeeper,
    /// The name of this machine.
    pub(crate) machine: String,
    /// What only pages we made know, so that no other page can have a browser do something.
    pub(crate) page_secret: String,
    config: Mutex<Arc<Config>>,
    /// Whether everything was up when somebody asked last.
    pub(crate) looked: Mutex<health::Looked>,
    remote: mpsc::Sender<RemoteCommunication>,
    /// The other end, until somebody passes them on.
    remote_communications: Mutex<Option<mpsc::Receiver<RemoteCommunication>>>,
    places: Arc<Places>,
}

/// What a client wants event listeners to be told (`sendRemoteCommEvent`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemoteCommunication {
    /// Its type.
    pub(crate) kind: String,
    /// What it says.
    pub(crate) data: String,
}

/// How many of them may be on their way.
const MOST_ON_THEIR_WAY: usize = 32;

impl Shared {
    /// Tells the event listeners something. Without listeners it is told to nobody, as events are.
    pub(crate) fn tell_listeners(&self, kind: String, data: String) {
        if let Err(mpsc::error::TrySendError::Full(lost)) =
            self.remote.try_send(RemoteCommunication { kind, data })
        {
            tracing::warn!(
                "a remote communication of type {:?} was dropped: too many at once",
                lost.kind
            );
        }
    }

    /// What is served now.
    pub(crate) fn config(&self) -> Arc<Config> {
        // An Arc is whole at every moment.
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&config)
    }
}

impl Server {
    /// Servers that ask at `handle`.
    #[must_use]
    pub fn new(handle: Handle, config: Config) -> Server {
        warn_of(&config);
        let (remote, remote_communications) = mpsc::channel(MOST_ON_THEIR_WAY);
        // Not from a name service: the kernel knows.
        let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Server {
            shared: Arc::new(Shared {
                handle,
                doorkeeper: Doorkeeper::default(),
                machine: machine.trim().to_owned(),
                page_secret: page::secret(),
                config: Mutex::new(Arc::new(config)),
                looked: Mutex::new(None),
                remote,
                remote_communications: Mutex::new(Some(remote_communications)),
                places: Arc::default(),
            }),
        }
    }

    /// Tells event listeners what happens until the manager is gone. To be spawned on the runtime
    /// once; it does nothing a second time.
    pub async fn serve_listeners(self) {
        let remote = self
            .shared
            .remote_communications
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(remote) = remote {
            listener::run(self.shared, remote).await;
        }
    }

    /// Serves something else from now on. Connections of a server that has gone end with their next
    /// request; a changed password counts from the next request on.
    pub fn reconfigure(&self, config: Config) {
        warn_of(&config);
        let mut current = self
            .shared
            .config
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(config);
    }

    /// Serves one accepted connection of the server at `endpoint` in the list until it ends. To be
    /// spawned on the runtime; dropping the future ends the connection.
    ///
    /// # Errors
    /// When the client is turned away, too slow, or breaks the connection. Worth a line at debug
    /// level, nothing more.
    pub async fn serve_unix(self, stream: UnixStream, endpoint: usize) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        let stream = tokio::net::UnixStream::from_std(stream)?;
        let peer = stream.peer_cred()?;
        let caller = Caller {
            uid: peer.uid(),
            gid: Some(peer.gid()),
            groups: Vec::new(),
            pid: peer.pid().and_then(|pid| u32::try_from(pid).ok()),
            via: Via::HttpUnix,
        };
        let from = Peer::Uid(caller.uid);
        self.serve(Box::new(stream), caller, from, endpoint).await
    }

    /// As [`Server::serve_unix`] for a connection from `peer` over TCP.
    ///
    /// # Errors
    /// As there.
    pub async fn serve_tcp(
        self,
        stream: std::net::TcpStream,
        peer: SocketAddr,
        endpoint: usize,
    ) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        // Replies are written in one piece, or in pieces somebody waits for.
        stream.set_nodelay(true)?;
        let stream = tokio::net::TcpStream::from_std(stream)?;
        let caller = Caller {
            uid: u32::MAX,
            gid: None,
            groups: Vec::new(),
            pid: None,
            via: Via::HttpInet(peer),
        };
        self.serve(Box::new(stream), caller, Peer::of(peer), endpoint)
            .await
    }

    async fn serve(
        self,
        stream: connection::Stream,
        caller: Caller,
        peer: Peer,
        endpoint: usize,
    ) -> io::Result<()> {
        let config = self.shared.config();
        let Some(endpoint) = config.endpoints.get(endpoint) else {
            return Err(io::Error::other("there is no such server any more"));
        };
        let endpoint = endpoint.name.clone();
        let Some(place) = self.shared.places.take(peer, &config.limits) else {
            connection::turn_away(stream).await;
            return Err(io::Error::other(format!("too many connections: {caller}")));
        };
        drop(config);
        let visit = Visit {
            shared: self.shared,
            endpoint,
            caller,
            peer,
            place,
        };
        connection::serve(stream, visit).await
    }
}

/// Says what works, but not as meant.
fn warn_of(config: &Config) {
    for endpoint in &config.endpoints {
        if let Some(problem) = endpoint.auth.as_ref().and_then(auth::problem) {
            tracing::error!("[{}]: {problem}; nobody gets in", endpoint.name);
        }
    }
}
