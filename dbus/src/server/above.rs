//! Questions to the systemd that runs us as a service: on its private socket, as systemctl asks
//! where that is root; where we may not, on the message bus.
//!
//! The answers are taken apart here. systemd signs what it sends on its private socket with its
//! well-known name, which D-Bus allows a bus alone, so zbus takes none of it.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use tokio::net::UnixStream;
use zbus::Message;
use zbus::wire::DynamicType;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// No message that we wait for is longer, and none that comes in between.
const LONGEST: usize = 1 << 20;

/// The part of a message that comes first: it says how long the others are.
const HEAD: usize = 16;

/// What the kinds of messages are that end a call.
const RETURN: u8 = 2;
const ERROR: u8 = 3;

const NAME: &str = "org.freedesktop.systemd1";
const MANAGER: (&str, &str) = (
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
);
const BUS: (&str, &str, &str) = (
    "org.freedesktop.DBus",
    "/org/freedesktop/DBus",
    "org.freedesktop.DBus",
);
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
    let id = bytes_of(invocation).ok_or("it did not say which invocation this is")?;
    let asked = async {
        let mut line = Line::open(directory).await?;
        ask(&mut line, id).await
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_) => Err("it did not answer in time".to_owned()),
    }
}

async fn ask(line: &mut Line, id: Vec<u8>) -> io::Result<Plan> {
    let (path, interface) = MANAGER;
    let method = "GetUnitByInvocationID";
    let reply = line.call(NAME, path, interface, method, &id).await?;
    let unit = Body(&reply).text()?;
    let interface = "org.freedesktop.systemd1.Service";
    let stored = line.property(&unit, interface, "NFileDescriptorStore");
    let stored = Body(&stored.await?).variant("u", 4)?.number()?;
    let job = line.property(&unit, "org.freedesktop.systemd1.Unit", "Job");
    let job = job.await?;
    let mut job = Body(&job);
    let mut job = job.variant("(uo)", 8)?;
    let job = match job.number()? {
        0 => None,
        _ => {
            let path = job.text()?;
            let interface = "org.freedesktop.systemd1.Job";
            let kind = line.property(&path, interface, "JobType").await?;
            Some(Body(&kind).variant("s", 4)?.text()?)
        }
    };
    Ok(Plan { job, stored })
}

/// A connection on which one question is asked at a time.
struct Line(UnixStream);

impl Line {
    async fn open(directory: &Path) -> io::Result<Line> {
        let private = async {
            let mut line = Line(UnixStream::connect(directory.join("private")).await?);
            line.greet().await?;
            Ok::<_, io::Error>(line)
        };
        if let Ok(line) = private.await {
            return Ok(line);
        }
        let mut line = Line(UnixStream::connect(bus_beside(directory)).await?);
        line.greet().await?;
        let (name, path, interface) = BUS;
        line.call(name, path, interface, "Hello", &()).await?;
        Ok(line)
    }

    /// Says who we are, which the kernel says too (D-Bus specification, "EXTERNAL"). All at once and
    /// with the question for descriptors, as sd-bus does it: systemd answers nobody who waits for
    /// its first line before going on.
    async fn greet(&mut self) -> io::Result<()> {
        let uid = rustix::process::geteuid().as_raw().to_string();
        let digits: String = uid.bytes().map(|byte| format!("{byte:02x}")).collect();
        let words = format!("\0AUTH EXTERNAL {digits}\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n");
        self.write(words.as_bytes()).await?;
        let mut answer = Vec::new();
        while answer.iter().filter(|byte| **byte == b'\n').count() < 2 {
            let mut byte = [0];
            self.read(&mut byte).await?;
            answer.extend_from_slice(&byte);
            if answer.len() > 512 {
                return Err(broken());
            }
        }
        match answer.starts_with(b"OK ") {
            true => Ok(()),
            false => Err(ErrorKind::PermissionDenied.into()),
        }
    }

    async fn property(&mut self, path: &str, interface: &str, name: &str) -> io::Result<Vec<u8>> {
        self.call(NAME, path, PROPERTIES, "Get", &(interface, name))
            .await
    }

    /// Calls a method; the body of its answer.
    async fn call<B: Serialize + DynamicType>(
        &mut self,
        name: &str,
        path: &str,
        interface: &str,
        method: &str,
        body: &B,
    ) -> io::Result<Vec<u8>> {
        let message = Message::method_call(path, method)
            .destination(name)
            .interface(interface)
            .build(body)
            .map_err(io::Error::other)?;
        self.write(message.data()).await?;
        loop {
            let mut head = [0; HEAD];
            self.read(&mut head).await?;
            let number = |at: usize| {
                let bytes = head.get(at..at + 4)?.try_into().ok()?;
                usize::try_from(u32::from_le_bytes(bytes)).ok()
            };
            // systemd and every bus speak the byte order of the machine they run on.
            if head[0] != b'l' {
                return Err(broken());
            }
            let (Some(body), Some(fields)) = (number(4), number(12)) else {
                return Err(broken());
            };
            let fields = fields.saturating_add(7) & !7;
            if body.saturating_add(fields) > LONGEST {
                return Err(broken());
            }
            let mut rest = vec![0; fields + body];
            self.read(&mut rest).await?;
            let body = rest.split_off(fields);
            match head[1] {
                RETURN => return Ok(body),
                ERROR => {
                    let text = Body(&body).text();
                    return Err(io::Error::other(
                        text.unwrap_or_else(|_| "it refuses".into()),
                    ));
                }
                // Signals are sent to everybody.
                _ => {}
            }
        }
    }

    async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.0.writable().await?;
            match self.0.try_write(bytes) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Fills `room`.
    async fn read(&self, room: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while let Some(rest) = room.get_mut(done..).filter(|rest| !rest.is_empty()) {
            self.0.readable().await?;
            match self.0.try_read(rest) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What is left to read of a body, from a place where nothing has to be padded.
struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn take(&mut self, count: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(broken)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> io::Result<u32> {
        let bytes = self.take(4)?.try_into().map_err(|_| broken())?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// A string or an object path.
    fn text(&mut self) -> io::Result<String> {
        let length = usize::try_from(self.number()?).map_err(|_| broken())?;
        let bytes = self.take(length)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| broken())
    }

    /// What is in the variant that the whole body is: it must be of this type, which is aligned so.
    fn variant(&mut self, signature: &str, alignment: usize) -> io::Result<Body<'a>> {
        let expected = signature.as_bytes();
        let length = usize::from(*self.take(1)?.first().ok_or_else(broken)?);
        if self.take(length)? != expected {
            return Err(broken());
        }
        // The zero at its end, and what brings the value to its place.
        let place = (length + 2).next_multiple_of(alignment);
        self.take(place - length - 1)?;
        Ok(Body(self.0))
    }
}

fn broken() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "its answer is not understood")
}

/// The message bus of the system, or of the user whose systemd has its sockets here.
fn bus_beside(directory: &Path) -> PathBuf {
    match directory.parent() {
        Some(parent) if directory != Path::new("/run/systemd") => parent.join("bus"),
        _ => "/run/dbus/system_bus_socket".into(),
    }
}

/// 32 hexadecimal digits as 16 bytes.
fn bytes_of(id: &str) -> Option<Vec<u8>> {
    if id.len() != 32 || !id.is_ascii() {
        return None;
    }
    let pairs = (0..16).map(|at| id.get(2 * at..2 * at + 2));
    pairs
        .map(|pair| u8::from_str_radix(pair?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use zbus::{OwnedObjectPath, Variant};

    use super::*;

    #[test]
    fn invocations() {
        let id = bytes_of("00ff1000000000000000000000000001").unwrap();
        assert_eq!((id.len(), id[1], id[2], id[15]), (16, 0xff, 0x10, 1));
        for text in ["", "00", "x0ff1000000000000000000000000001"] {
            assert_eq!(bytes_of(text), None, "{text}");
        }
    }

    #[test]
    fn the_bus_of_whom() {
        let bus = |directory: &str| bus_beside(Path::new(directory));
        assert_eq!(
            bus("/run/systemd"),
            Path::new("/run/dbus/system_bus_socket")
        );
        assert_eq!(bus("/run/user/7/systemd"), Path::new("/run/user/7/bus"));
    }

    #[test]
    fn bodies_are_taken_apart_and_broken_ones_refused() {
        let path = || OwnedObjectPath::try_from("/a/b".to_owned()).unwrap();
        let message = |value: Variant<'_>| {
            let builder = Message::method_call("/", "M");
            builder.build(&value).unwrap()
        };
        let pair = message(Variant::from((7_u32, path())));
        let bytes = pair.body().data().to_vec();
        let mut body = Body(&bytes);
        let mut pair = body.variant("(uo)", 8).unwrap();
        assert_eq!(
            (pair.number().unwrap(), pair.text().unwrap()),
            (7, "/a/b".to_owned())
        );
        for count in 0..bytes.len() - 1 {
            let mut body = Body(&bytes[..count]);
            let broken = body
                .variant("(uo)", 8)
                .and_then(|mut pair| pair.number().and_then(|_| pair.text()));
            assert!(broken.is_err(), "{count}");
        }
        let word = message(Variant::from("restart"));
        let bytes = word.body().data().to_vec();
        assert_eq!(
            Body(&bytes).variant("s", 4).unwrap().text().unwrap(),
            "restart"
        );
        assert!(Body(&bytes).variant("u", 4).is_err());
    }

    #[tokio::test]
    async fn nobody_there_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let id = "00ff1000000000000000000000000001";
        assert!(plan(directory.path(), id).await.is_err());
        assert!(plan(directory.path(), "").await.is_err());
    }
}
