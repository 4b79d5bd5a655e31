//! Who is behind a name, as the bus says.

use std::collections::HashMap;

use zbus::{Connection, OwnedVariant};

use super::bus_call;

/// What the bus says of a connection; nothing of what it does not know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::server) struct Credentials {
    pub(in crate::server) uid: Option<u32>,
    pub(in crate::server) pid: Option<u32>,
    /// Newer buses only; on others group runner-admin works over the private socket alone.
    pub(in crate::server) groups: Vec<u32>,
}

/// Asks the bus.
pub(in crate::server) async fn credentials(
    connection: &Connection,
    name: &str,
) -> zbus::Result<Credentials> {
    let reply = bus_call(connection, "GetConnectionCredentials", name).await?;
    let mut known: HashMap<String, OwnedVariant> = reply.body().deserialize()?;
    let mut number = |key: &str| {
        let value = known.remove(key)?;
        u32::try_from(value).ok()
    };
    let (uid, pid) = (number("UnixUserID"), number("ProcessID"));
    let groups = known
        .remove("UnixGroupIDs")
        .and_then(|value| <Vec<u32>>::try_from(value).ok());
    Ok(Credentials {
        uid,
        pid,
        groups: groups.unwrap_or_default(),
    })
}
