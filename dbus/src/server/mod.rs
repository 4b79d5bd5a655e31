//! The answering end.
//!
//! Calls are dispatched on (path, interface, member) from two tables, [`methods::METHODS`] and
//! [`properties::all`]; a third, [`signals::SIGNALS`], says what is sent. Introspection and the
//! manual come from the same tables, so they cannot differ from what is served.
//!
//! The daemon owns the listening socket of the private address and hands each accepted stream to
//! [`Server::serve`]. Nothing here blocks, makes a thread or asks a name service.

pub mod above;
mod arguments;
pub mod bus;
mod call;
mod connection;
mod diagnostics;
mod driver;
mod greeting;
pub mod introspection;
mod limits;
mod log_pipe;
pub mod methods;
pub mod name_watch;
mod objects;
mod peer;
pub mod properties;
mod refusal;
mod rule;
pub mod signals;
mod socket;
mod transient;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use control::Handle;
use zbus::Guid;

use crate::names::Face;
use limits::Limits;

/// Our own name on private connections.
pub(crate) const OWN_UNIQUE: &str = ":1.0";

/// The name of the bus we stand in for there.
pub(crate) const DRIVER_UNIQUE: &str = "org.freedesktop.DBus";

/// Every interface of ours with a sentence about it, in the order they are documented.
pub const INTERFACES: &[(&str, &str)] = &[
    (
        crate::names::interface::MANAGER,
        "The whole: jobs, units, definitions",
    ),
    (crate::names::interface::UNIT, "What every unit has"),
    (crate::names::interface::SERVICE, "What only services have"),
    (crate::names::interface::SOCKET, "What only sockets have"),
    (crate::names::interface::TIMER, "What only timers have"),
    (crate::names::interface::PATH, "What only paths have"),
    (crate::names::interface::JOB, "A queued or running job"),
];

/// The number by which clients tell servers apart; no secret. The library's own way to make one ends the
/// program where a static one has no `/dev/urandom`, and waits for chance on a machine that has just begun.
fn new_guid() -> Guid<'static> {
    let mut bytes = [0; 16];
    let flags = rustix::rand::GetRandomFlags::NONBLOCK;
    if rustix::rand::getrandom(&mut bytes, flags) != Ok(bytes.len()) {
        let now = std::time::SystemTime::now();
        let since = now.duration_since(std::time::UNIX_EPOCH);
        bytes = since.unwrap_or_default().as_nanos().to_ne_bytes();
    }
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    // It always is one.
    Guid::try_from(digits).unwrap_or_else(|_| Guid::generate())
}

/// Serves private connections.
#[derive(Debug, Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    face: Face,
    handle: Handle,
    guid: Guid<'static>,
    limits: Limits,
    next: AtomicU64,
}

impl Server {
    /// A server that asks at `handle` and shows `face` to its clients. Reads the machine's id from
    /// disk.
    #[must_use]
    pub fn new(handle: Handle, face: Face) -> Server {
        objects::learn_machine_id();
        let guid = new_guid();
        let shared = Shared {
            face,
            handle,
            guid,
            limits: Limits::of(face),
            next: AtomicU64::new(1),
        };
        Server {
            shared: Arc::new(shared),
        }
    }

    /// Serves one accepted connection until it ends. To be spawned on the runtime; dropping the
    /// future ends the connection.
    ///
    /// # Errors
    /// When the peer is turned away (too many connections), does not authenticate in time, does not
    /// read, or breaks the protocol. Worth a line at debug level, nothing more.
    pub async fn serve(self, stream: std::os::unix::net::UnixStream) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        let stream = tokio::net::UnixStream::from_std(stream)?;
        let caller = connection::caller(&stream)?;
        let Some(place) = self.shared.limits.take(caller.uid) else {
            return Err(io::Error::other(format!(
                "too many connections of uid {}",
                caller.uid
            )));
        };
        let number = self.shared.next.fetch_add(1, Ordering::Relaxed);
        connection::serve(self.shared, stream, number, caller, place).await
    }
}
