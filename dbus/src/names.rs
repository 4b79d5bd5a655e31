//! Names and object paths.

/// The well-known name, where there is a bus; private connections accept any destination.
pub const BUS_NAME: &str = "org.unitrunner.Runner1";

/// The object of the manager; all others are below it.
pub const ROOT: &str = "/org/unitrunner/Runner1";

/// Interfaces.
pub mod interface {
    /// The whole, at [`ROOT`](super::ROOT).
    pub const MANAGER: &str = "org.unitrunner.Runner1.Manager";
    /// What every unit has.
    pub const UNIT: &str = "org.unitrunner.Runner1.Unit";
    /// What only services have.
    pub const SERVICE: &str = "org.unitrunner.Runner1.Service";
    /// What only sockets have.
    pub const SOCKET: &str = "org.unitrunner.Runner1.Socket";
    /// What only timers have.
    pub const TIMER: &str = "org.unitrunner.Runner1.Timer";
    /// What only paths have.
    pub const PATH: &str = "org.unitrunner.Runner1.Path";
    /// A queued or running job.
    pub const JOB: &str = "org.unitrunner.Runner1.Job";
    /// Of the D-Bus specification.
    pub const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
    /// Of the D-Bus specification.
    pub const INTROSPECTABLE: &str = "org.freedesktop.DBus.Introspectable";
    /// Of the D-Bus specification.
    pub const PEER: &str = "org.freedesktop.DBus.Peer";
    /// The message bus itself, which the private socket answers for.
    pub const BUS: &str = "org.freedesktop.DBus";
    /// The part of the message bus that `busctl monitor` asks for.
    pub const MONITORING: &str = "org.freedesktop.DBus.Monitoring";
}

/// The object path of a unit, `/org/unitrunner/Runner1/unit/<escaped name>`.
#[must_use]
pub fn unit_path(unit: &str) -> String {
    format!("{ROOT}/unit/{}", escape(unit))
}

/// The object path of a job, `/org/unitrunner/Runner1/job/<number>`.
#[must_use]
pub fn job_path(job: u32) -> String {
    format!("{ROOT}/job/{job}")
}

/// What an object path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// [`ROOT`].
    Manager,
    /// A unit of this name, known or not.
    Unit(String),
    /// A job of this number, known or not.
    Job(u32),
    /// A node above or between: the root, `/org`, `…/unit`, …
    Between,
    /// `/org/freedesktop/DBus` and `/`, where clients look for the bus.
    Bus,
}

impl Object {
    /// Reads `path`; `None` where there is nothing.
    #[must_use]
    pub fn at(path: &str) -> Option<Object> {
        match path {
            ROOT => return Some(Object::Manager),
            "/org/freedesktop/DBus" => return Some(Object::Bus),
            "/"
            | "/org"
            | "/org/unitrunner"
            | "/org/freedesktop"
            | "/org/unitrunner/Runner1/unit"
            | "/org/unitrunner/Runner1/job" => return Some(Object::Between),
            _ => {}
        }
        let below = path.strip_prefix(ROOT)?.strip_prefix('/')?;
        match below.split_once('/')? {
            ("unit", label) => unescape(label).map(Object::Unit),
            ("job", number) if number.bytes().all(|b| b.is_ascii_digit()) => {
                number.parse().ok().map(Object::Job)
            }
            _ => None,
        }
    }
}

/// Fits any text into one element of an object path: letters and digits stay, a digit in front
/// and every other byte becomes `_xx`, the empty text `_` (as systemd escapes unit names).
#[must_use]
pub fn escape(text: &str) -> String {
    if text.is_empty() {
        return "_".to_owned();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for (at, byte) in text.bytes().enumerate() {
        if byte.is_ascii_alphabetic() || (at > 0 && byte.is_ascii_digit()) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("_{byte:02x}"));
        }
    }
    out
}

/// Reverses [`escape`]; `None` for a text it never gives.
#[must_use]
pub fn unescape(label: &str) -> Option<String> {
    if label == "_" {
        return Some(String::new());
    }
    let mut out = Vec::with_capacity(label.len());
    let mut bytes = label.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'_' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                out.push(u8::try_from(high * 16 + low).ok()?);
            }
            byte if byte.is_ascii_alphanumeric() => out.push(byte),
            _ => return None,
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_as_systemd() {
        for (name, label) in [
            ("a-b@1.service", "a_2db_401_2eservice"),
            ("_", "_5f"),
            ("-.slice", "_2d_2eslice"),
            ("1up.service", "_31up_2eservice"),
            ("", "_"),
        ] {
            assert_eq!(escape(name), label);
            assert_eq!(unescape(label).as_deref(), Some(name));
        }
        assert_eq!(unescape("a_2"), None);
        assert_eq!(unescape("a-b"), None);
        assert_eq!(unescape("_ff"), None, "not UTF-8");
    }

    #[test]
    fn paths_lead_to_objects() {
        assert_eq!(Object::at(ROOT), Some(Object::Manager));
        assert_eq!(Object::at("/"), Some(Object::Between));
        assert_eq!(
            Object::at(&unit_path("web.service")),
            Some(Object::Unit("web.service".into()))
        );
        assert_eq!(Object::at(&job_path(12)), Some(Object::Job(12)));
        for nothing in [
            "/org/unitrunner/Runner1/job/x",
            "/org/unitrunner/Runner1/job/+1",
            "/org/unitrunner/Runner1/unit/a/b",
            "/org/unitrunner/Runner2",
            "/org/unitrunner/Runner1/timer",
            "/com",
        ] {
            assert_eq!(Object::at(nothing), None, "{nothing}");
        }
    }
}
