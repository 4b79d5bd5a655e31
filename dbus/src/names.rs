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
    /// What systemd says of targets beside what every unit has: nothing.
    pub const TARGET: &str = "org.freedesktop.systemd1.Target";
    /// Where a program's own log goes (org.freedesktop.LogControl1(5)).
    pub const LOG_CONTROL: &str = "org.freedesktop.LogControl1";
    /// What systemd says of slices.
    pub const SLICE: &str = "org.freedesktop.systemd1.Slice";
    /// What systemd says of scopes.
    pub const SCOPE: &str = "org.freedesktop.systemd1.Scope";
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

/// Under which names a connection sees us: our own, or systemd's, for the programs that speak to
/// that. There is one table of methods, properties and signals; a face says how what is in it is
/// called, and which rows the other side knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Face {
    /// `org.unitrunner.Runner1`
    Runner,
    /// `org.freedesktop.systemd1`
    Systemd,
}

impl Face {
    /// The well-known name.
    #[must_use]
    pub const fn bus_name(self) -> &'static str {
        match self {
            Face::Runner => BUS_NAME,
            Face::Systemd => "org.freedesktop.systemd1",
        }
    }

    /// The object of the manager; all others are below it.
    #[must_use]
    pub const fn root(self) -> &'static str {
        match self {
            Face::Runner => ROOT,
            Face::Systemd => "/org/freedesktop/systemd1",
        }
    }

    /// What an interface of the tables is called here.
    #[must_use]
    pub fn interface(self, own: &'static str) -> &'static str {
        let other = || SYSTEMD_INTERFACES.iter().find(|(known, _)| *known == own);
        match self {
            Face::Runner => own,
            Face::Systemd => other().map_or(own, |(_, name)| name),
        }
    }

    /// Which interface of the tables is called so here. Those of the D-Bus specification have the
    /// same name on every face and are in no table.
    #[must_use]
    pub fn own_interface(self, name: &str) -> Option<&'static str> {
        SYSTEMD_INTERFACES
            .iter()
            .find(|(own, systemd)| match self {
                Face::Runner => *own == name && own != systemd,
                Face::Systemd => *systemd == name,
            })
            .map(|(own, _)| *own)
    }

    /// The object path of a unit, `<root>/unit/<escaped name>`.
    #[must_use]
    pub fn unit_path(self, unit: &str) -> String {
        format!("{}/unit/{}", self.root(), escape(unit))
    }

    /// The object path of a job, `<root>/job/<number>`.
    #[must_use]
    pub fn job_path(self, job: u32) -> String {
        format!("{}/job/{job}", self.root())
    }
}

/// The interfaces of the tables, and what systemd calls them. The last ones say what only systemd
/// says.
const SYSTEMD_INTERFACES: &[(&str, &str)] = &[
    (interface::MANAGER, "org.freedesktop.systemd1.Manager"),
    (interface::UNIT, "org.freedesktop.systemd1.Unit"),
    (interface::SERVICE, "org.freedesktop.systemd1.Service"),
    (interface::SOCKET, "org.freedesktop.systemd1.Socket"),
    (interface::TIMER, "org.freedesktop.systemd1.Timer"),
    (interface::PATH, "org.freedesktop.systemd1.Path"),
    (interface::JOB, "org.freedesktop.systemd1.Job"),
    (interface::TARGET, interface::TARGET),
    (interface::SLICE, interface::SLICE),
    (interface::SCOPE, interface::SCOPE),
    (interface::LOG_CONTROL, interface::LOG_CONTROL),
];

/// [`Face::unit_path`] of our own face, for its clients.
#[must_use]
pub fn unit_path(unit: &str) -> String {
    Face::Runner.unit_path(unit)
}

/// [`Face::job_path`] of our own face, for its clients.
#[must_use]
pub fn job_path(job: u32) -> String {
    Face::Runner.job_path(job)
}

/// What an object path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// [`Face::root`].
    Manager,
    /// A unit of this name, known or not.
    Unit(String),
    /// A job of this number, known or not.
    Job(u32),
    /// A node above or between, with the next one on the way down to the manager: the root, `/org`.
    Above(&'static str),
    /// The node all units are below.
    Units,
    /// The node all jobs are below.
    Jobs,
    /// `/org/freedesktop/LogControl1`, which is on systemd's face only.
    LogControl,
    /// `/org/freedesktop/DBus`, where clients look for the bus.
    Bus,
}

impl Object {
    /// Reads `path` as the face has it; `None` where there is nothing.
    #[must_use]
    pub fn at(face: Face, path: &str) -> Option<Object> {
        let root = face.root();
        if path == root {
            return Some(Object::Manager);
        }
        if path == "/org/freedesktop/DBus" {
            return Some(Object::Bus);
        }
        if face == Face::Systemd && path == "/org/freedesktop/LogControl1" {
            return Some(Object::LogControl);
        }
        let above = if path == "/" { "" } else { path };
        if let Some(below) = root.strip_prefix(above).and_then(|b| b.strip_prefix('/')) {
            return below.split('/').next().map(Object::Above);
        }
        // A client may look at what is above the bus on any face.
        if path == "/org/freedesktop" {
            return Some(Object::Above("DBus"));
        }
        let below = path.strip_prefix(root)?.strip_prefix('/')?;
        match below.split_once('/') {
            None if below == "unit" => Some(Object::Units),
            None if below == "job" => Some(Object::Jobs),
            Some(("unit", label)) => unescape(label).map(Object::Unit),
            Some(("job", number)) if number.bytes().all(|b| b.is_ascii_digit()) => {
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
        for face in [Face::Runner, Face::Systemd] {
            let at = |path: &str| Object::at(face, path);
            assert_eq!(at(face.root()), Some(Object::Manager));
            assert_eq!(at("/"), Some(Object::Above("org")));
            assert_eq!(at(&format!("{}/unit", face.root())), Some(Object::Units));
            assert_eq!(at(&format!("{}/job", face.root())), Some(Object::Jobs));
            assert_eq!(
                at(&face.unit_path("web.service")),
                Some(Object::Unit("web.service".into()))
            );
            assert_eq!(at(&face.job_path(12)), Some(Object::Job(12)));
            for nothing in ["/job/x", "/job/+1", "/unit/a/b", "2", "/timer", "/unitx"] {
                let path = format!("{}{nothing}", face.root());
                assert_eq!(at(&path), None, "{path}");
            }
            assert_eq!(at("/com"), None);
            assert_eq!(at("/o"), None);
        }
        assert_eq!(
            Object::at(Face::Runner, "/org"),
            Some(Object::Above("unitrunner"))
        );
        assert_eq!(
            Object::at(Face::Systemd, "/org/freedesktop"),
            Some(Object::Above("systemd1"))
        );
        // What is there on one face is not on the other.
        assert_eq!(Object::at(Face::Systemd, ROOT), None);
        assert_eq!(Object::at(Face::Runner, Face::Systemd.root()), None);
    }

    #[test]
    fn interfaces_have_one_name_on_each_face() {
        for (own, systemd) in SYSTEMD_INTERFACES {
            assert_eq!(Face::Systemd.interface(own), *systemd);
            assert_eq!(Face::Systemd.own_interface(systemd), Some(*own));
            if own != systemd {
                assert_eq!(Face::Runner.own_interface(own), Some(*own));
                assert_eq!(Face::Runner.own_interface(systemd), None);
                assert_eq!(Face::Systemd.own_interface(own), None);
            }
        }
    }
}
