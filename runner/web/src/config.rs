//! What is served, and within which bounds.

use std::fmt;
use std::time::Duration;

/// What is served. Replaced as a whole by [`Server::reconfigure`](crate::Server::reconfigure).
#[derive(Debug, Clone)]
pub struct Config {
    /// `getIdentification`, and `server:` of events.
    pub identifier: String,
    /// The servers; a connection is served by the place of its server in this list.
    pub endpoints: Vec<Endpoint>,
    /// Whether the methods of `supervisor.*` are there (`[rpcinterface:supervisor]`).
    pub rpc_interface: bool,
    /// Bounds.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            identifier: "supervisor".to_owned(),
            endpoints: Vec::new(),
            rpc_interface: true,
            limits: Limits::default(),
        }
    }
}

/// One listening server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// What it is called in logs, and how its connections find it again after a reconfiguration:
    /// the section it comes from (`inet_http_server`, `unix_http_server:admin`).
    pub name: String,
    /// Its address, for people: `/run/supervisor.sock`, `127.0.0.1:9001`.
    pub address: String,
    /// Who may ask; without it whoever can connect.
    pub auth: Option<Auth>,
    /// Names under which browsers may ask a server without password, beside addresses,
    /// `localhost` and the name of this machine.
    pub hosts: Vec<String>,
}

/// A user and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Auth {
    /// The user.
    pub username: String,
    /// The password as it is written in the configuration: itself, `{SHA}` and the SHA-1 of it in
    /// lower-case hexadecimal digits, or `{ARGON2ID}` and a PHC string (`$argon2id$…`).
    pub password: String,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// What clients may take of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long the head of a request may take, from its first byte or, at first, from the
    /// connection on.
    pub head: Duration,
    /// How long the body of a request may take.
    pub body: Duration,
    /// How long a connection that has asked something may wait before it asks again. Long, since
    /// listeners that ask once an hour (`TICK_3600`) keep theirs; what is idle makes room when
    /// room is needed.
    pub idle: Duration,
    /// How long a client may take none of what it asked for.
    pub write: Duration,
    /// Connections of all servers together.
    pub connections: usize,
    /// Connections of one user or address.
    pub connections_of_peer: usize,
    /// Logs followed by one user or address.
    pub streams_of_peer: usize,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Bytes of a request's target.
    pub target_bytes: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Calls in one `system.multicall`.
    pub calls: usize,
    /// Bytes of the results of one `system.multicall`, about.
    pub multicall_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head: Duration::from_secs(5),
            body: Duration::from_secs(15),
            idle: Duration::from_secs(2 * 60 * 60),
            write: Duration::from_secs(30),
            connections: 256,
            connections_of_peer: 64,
            streams_of_peer: 32,
            head_bytes: 64 * 1024,
            target_bytes: 8 * 1024,
            body_bytes: 1024 * 1024,
            calls: 1_000,
            multicall_bytes: 16 * 1024 * 1024,
        }
    }
}
