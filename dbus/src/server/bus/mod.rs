//! Our names on a message bus, where there is one. The private sockets never depend on it: the bus
//! may come, go and come back (it may be a unit of ours), and nothing waits for it.
//!
//! Three things differ from private connections. Who calls is what the bus says of a connection's
//! unique name, asked once for each (`clients`). Signals are seen by everybody on the bus, so they
//! are sent only while somebody subscribed, and show what an observer may see. And whoever may not
//! by uid or group may still be permitted by the system's authority (`authority`).

mod activation;
pub(super) mod arrival;
pub(super) mod authority;
mod clients;
pub(super) mod credentials;
mod serve;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use control::Handle;
use tokio::sync::watch;
use zbus::{Connection, Message, MessageStream};

use crate::names::{Face, interface};
pub use authority::Patience;

use arrival::Arrival;
use authority::Authority;

/// How long the bus may take to greet us and to answer.
const BUS_TIMEOUT: Duration = Duration::from_secs(25);

/// Pauses between two attempts to reach the bus: the first one and the longest.
pub(super) const PAUSES: (Duration, Duration) =
    (Duration::from_millis(100), Duration::from_secs(60));

/// `DBUS_NAME_FLAG_DO_NOT_QUEUE` of the specification.
const DO_NOT_QUEUE: u32 = 4;

/// What `RequestName` answers when the name is ours: from now on, or already.
const OURS: [u32; 2] = [1, 4];

/// Which bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bus {
    /// The system bus.
    System,
    /// The bus of the user's session.
    Session,
    /// The bus at this D-Bus address.
    Address(String),
}

impl Bus {
    /// The socket at which the bus is reached first, where that is in the file system.
    #[must_use]
    pub fn socket(&self) -> Option<PathBuf> {
        let set = |name: &str| std::env::var(name).ok();
        let address = match self {
            Bus::System => match set("DBUS_SYSTEM_BUS_ADDRESS") {
                Some(address) => address,
                None => return Some("/run/dbus/system_bus_socket".into()),
            },
            Bus::Session => match (set("DBUS_SESSION_BUS_ADDRESS"), set("XDG_RUNTIME_DIR")) {
                (Some(address), _) => address,
                (None, Some(directory)) => return Some(PathBuf::from(directory).join("bus")),
                (None, None) => return None,
            },
            Bus::Address(address) => address.clone(),
        };
        socket_of(&address)
    }

    /// Looks out for that socket.
    pub(super) fn arrival(&self) -> Option<Arrival> {
        Arrival::of(&self.socket()?)
    }
}

/// The path in an address of the D-Bus specification: `unix:path=/run/bus,guid=…;tcp:…`.
fn socket_of(address: &str) -> Option<PathBuf> {
    let first = address.split(';').next()?;
    let pairs = first.strip_prefix("unix:")?.split(',');
    let path = pairs
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(key, value)| (key == "path").then_some(value))?;
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let value = digit(rest.next()?)? * 16 + digit(rest.next()?)?;
                u8::try_from(value).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

/// What happens to our name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It is ours.
    Owned,
    /// It is not, or not any more; why. Another attempt follows.
    Lost(String),
}

/// Whether the bus is to be tried, as far as the units say that it runs on. Each change of the
/// number is a reason to try again at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outlook {
    /// The bus is a unit of ours that waits for its first client, which is not to be us.
    pub sleeps: bool,
    /// Counts how often the bus has become ready.
    pub wakes: u64,
}

/// Which name to own, where and how.
#[derive(Debug, Clone)]
pub struct Ownership {
    /// Under which of our names.
    pub face: Face,
    /// Somebody asked for it, and wants to hear that there is no bus. Otherwise nothing is told until
    /// there is one.
    pub is_wanted: bool,
    /// On which bus.
    pub bus: Bus,
    /// Whether the system's authority is asked about callers who may not by uid or group, and how
    /// long that may take. Only where nobody can pose as it: on the system bus.
    pub authority: Option<Patience>,
    /// Whether to try at all.
    pub outlook: watch::Receiver<Outlook>,
}

/// Owns a name whenever that is possible. Never returns while anybody has the other end of the
/// outlook; to be spawned, and dropped at the end. `tell` hears each change once, not each attempt.
pub async fn own_name(handle: Handle, mut ownership: Ownership, mut tell: impl FnMut(News)) {
    let mut pause = PAUSES.0;
    let mut last = None;
    let mut expects_bus = ownership.is_wanted;
    loop {
        if ownership
            .outlook
            .wait_for(|outlook| !outlook.sleeps)
            .await
            .is_err()
        {
            return;
        }
        let face = ownership.face;
        // Before the attempt, so that nothing comes between. A bus that is there at once needs none.
        let mut arrival = match &last {
            Some(_) => ownership.bus.arrival(),
            None => None,
        };
        let lost = match take_name(&ownership.bus, face).await {
            Ok((connection, messages)) => {
                pause = PAUSES.0;
                last = None;
                arrival = None;
                expects_bus = true;
                tell(News::Owned);
                let authority = ownership
                    .authority
                    .map(|patience| Authority::new(connection.clone(), patience));
                let served = serve::serve(face, &handle, &connection, messages, authority).await;
                Lost::Bus(served.map_or_else(|error| error.to_string(), str::to_owned))
            }
            Err(lost) => lost,
        };
        let is_news = expects_bus || !matches!(lost, Lost::Absent(_));
        if is_news && last.as_ref() != Some(&lost) {
            let (Lost::Absent(why) | Lost::Bus(why) | Lost::Name(why)) = lost.clone();
            tell(News::Lost(why));
        }
        let is_away = matches!(lost, Lost::Absent(_) | Lost::Bus(_));
        last = Some(lost);
        let mut outlook = ownership.outlook.clone();
        outlook.mark_unchanged();
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSES.1),
            // Its socket is made first, and listened at a moment later.
            () = arrival::seen(arrival.as_ref()), if is_away => {
                tokio::time::sleep(PAUSES.0).await;
                pause = PAUSES.0;
            }
            // Another bus may be ready. Even so there is a pause: units become ready in crowds.
            changed = outlook.changed(), if is_away => match changed {
                Ok(()) => {
                    tokio::time::sleep(PAUSES.0).await;
                    pause = PAUSES.0;
                }
                Err(_) => return,
            }
        }
    }
}

/// Why a name is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Lost {
    /// Nobody listens where the bus would be.
    Absent(String),
    /// The bus cannot be spoken to, or not any more.
    Bus(String),
    /// The bus does not give it to us.
    Name(String),
}

async fn take_name(bus: &Bus, face: Face) -> Result<(Connection, MessageStream), Lost> {
    let away = |error: zbus::Error| match &error {
        zbus::Error::Connection(cause, _)
            if matches!(
                cause.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            Lost::Absent(error.to_string())
        }
        _ => Lost::Bus(error.to_string()),
    };
    // The stream comes first: calls arrive from the moment the name is ours.
    let (connection, messages) = connect(bus).await.map_err(away)?;
    let body = (face.bus_name(), DO_NOT_QUEUE);
    let reply = match ask_bus(&connection, "RequestName", &body).await {
        Ok(reply) => reply,
        // The bus names our connection, which is another one each time.
        Err(zbus::Error::FDO(error)) if matches!(*error, zbus::fdo::Error::AccessDenied(_)) => {
            let why = "the policy of the bus does not let us own it; \
                       contrib/dbus has files that do";
            return Err(Lost::Name(why.to_owned()));
        }
        Err(error) => return Err(away(error)),
    };
    match reply.body().deserialize::<u32>() {
        Ok(answer) if OURS.contains(&answer) => Ok((connection, messages)),
        Ok(_) => Err(Lost::Name("another program owns it".to_owned())),
        Err(error) => Err(away(error)),
    }
}

/// A connection with all that comes over it from its first message on. The library could do that by
/// itself, as one who writes a bus; but then it brings along what such a one checks in others' messages,
/// 80 kB of code.
pub(super) async fn established(
    builder: zbus::connection::Builder<'_>,
) -> zbus::Result<(Connection, MessageStream)> {
    let connection = builder.build().await?;
    // What reads is a task of our own thread: it runs when we next wait, not before.
    let messages = MessageStream::from(&connection);
    Ok((connection, messages))
}

/// Connects, and is greeted.
pub(super) async fn connect(bus: &Bus) -> zbus::Result<(Connection, MessageStream)> {
    let connecting = async {
        let builder = match bus {
            Bus::System => zbus::connection::Builder::system(),
            Bus::Session => zbus::connection::Builder::session(),
            Bus::Address(address) => zbus::connection::Builder::address(address.as_str()),
        };
        established(builder).await
    };
    match tokio::time::timeout(BUS_TIMEOUT, connecting).await {
        Ok(outcome) => outcome,
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    }
}

/// Asks the bus itself.
pub(super) async fn bus_call(
    connection: &Connection,
    method: &str,
    argument: &str,
) -> zbus::Result<Message> {
    ask_bus(connection, method, &argument).await
}

async fn ask_bus<B: serde::Serialize + zbus::wire::DynamicType>(
    connection: &Connection,
    method: &str,
    body: &B,
) -> zbus::Result<Message> {
    let asking = connection.call_method(
        Some(interface::BUS),
        "/org/freedesktop/DBus",
        Some(interface::BUS),
        method,
        body,
    );
    match tokio::time::timeout(BUS_TIMEOUT, asking).await {
        Ok(outcome) => outcome,
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_in_addresses() {
        for (address, path) in [
            ("unix:path=/run/bus", Some("/run/bus")),
            ("unix:guid=0,path=/a%20b%2c;tcp:host=h", Some("/a b,")),
            ("unix:abstract=/x", None),
            ("tcp:host=h,path=/x", None),
            ("unix:path=/x%4", None),
            ("unix:path=/x%zz", None),
            ("", None),
        ] {
            assert_eq!(
                socket_of(address).as_deref(),
                path.map(std::path::Path::new)
            );
        }
    }
}
