//! Questions to the systemd that runs us as a service. On its private socket, as systemctl asks where
//! that is root; where we may not, on the message bus.

use std::path::Path;
use std::time::Duration;

use tokio::net::UnixStream;
use zbus::{Connection, OwnedObjectPath, OwnedVariant};

use super::bus::{Bus, connect};

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(5);

const NAME: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// What is to become of us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The type of the job of our unit, `restart` or `stop`, if it has one.
    pub job: Option<String>,
    /// How many descriptors are kept for our unit.
    pub stored: u32,
}

/// Asks the systemd whose sockets are in `directory` about the unit of this invocation
/// (systemd.exec(5), `$INVOCATION_ID`, 32 digits).
///
/// # Errors
/// A sentence that says why there is no answer.
pub async fn plan(directory: &Path, invocation: &str) -> Result<Plan, String> {
    let id = bytes_of(invocation).ok_or("systemd did not say which invocation this is")?;
    let asked = async {
        let connection = connection(directory).await?;
        ask(&connection, id).await
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_) => Err("it did not answer in time".to_owned()),
    }
}

async fn connection(directory: &Path) -> zbus::Result<Connection> {
    let private = async {
        let stream = UnixStream::connect(directory.join("private"))
            .await?
            .into_std()?;
        zbus::connection::Builder::unix_stream(stream)
            .p2p()
            .build()
            .await
    };
    match private.await {
        Ok(connection) => Ok(connection),
        Err(_) => {
            let bus = match directory == Path::new("/run/systemd") {
                true => Bus::System,
                false => Bus::Session,
            };
            connect(&bus).await.map(|(connection, _)| connection)
        }
    }
}

async fn ask(connection: &Connection, id: Vec<u8>) -> zbus::Result<Plan> {
    let path = "/org/freedesktop/systemd1";
    let method = "GetUnitByInvocationID";
    let reply = connection
        .call_method(Some(NAME), path, Some(MANAGER), method, &id)
        .await?;
    let unit: OwnedObjectPath = reply.body().deserialize()?;
    let interface = "org.freedesktop.systemd1.Service";
    let stored = property(connection, &unit, interface, "NFileDescriptorStore").await?;
    let interface = "org.freedesktop.systemd1.Unit";
    let job = property(connection, &unit, interface, "Job").await?;
    let (number, job): (u32, OwnedObjectPath) = job.try_into()?;
    let job = match number {
        0 => None,
        _ => {
            let interface = "org.freedesktop.systemd1.Job";
            let kind = property(connection, &job, interface, "JobType").await?;
            Some(kind.try_into()?)
        }
    };
    Ok(Plan {
        job,
        stored: stored.try_into()?,
    })
}

async fn property(
    connection: &Connection,
    path: &OwnedObjectPath,
    interface: &str,
    name: &str,
) -> zbus::Result<OwnedVariant> {
    let reply = connection
        .call_method(
            Some(NAME),
            path.as_ref(),
            Some(PROPERTIES),
            "Get",
            &(interface, name),
        )
        .await?;
    Ok(reply.body().deserialize()?)
}

/// 32 hexadecimal digits as 16 bytes.
fn bytes_of(id: &str) -> Option<Vec<u8>> {
    let digits = id.as_bytes();
    if digits.len() != 32 || !id.is_ascii() {
        return None;
    }
    let pairs = (0..16).map(|at| id.get(2 * at..2 * at + 2));
    pairs
        .map(|pair| u8::from_str_radix(pair?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invocations() {
        let id = bytes_of("00ff1000000000000000000000000001").unwrap();
        assert_eq!((id.len(), id[1], id[2], id[15]), (16, 0xff, 0x10, 1));
        for text in [
            "",
            "00",
            "x0ff1000000000000000000000000001",
            "é0ff100000000000000000000000001",
        ] {
            assert_eq!(bytes_of(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn nobody_there_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let refused = plan(directory.path(), "nothing").await.unwrap_err();
        assert!(refused.contains("invocation"), "{refused}");
    }
}
