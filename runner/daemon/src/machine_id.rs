//! The id of this machine (machine-id(5)). A container has one from whoever made it (systemd.io,
//! "Container Interface"), or none; where systemd's programs are to find systemd, it gets one as it
//! would from systemd (252, `machine-id-setup.c`).

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::rand::GetRandomFlags;

/// Where it is written: for ever, or until the machine ends.
const PLACES: [&str; 2] = ["etc/machine-id", "run/machine-id"];

/// The id of the machine with this root, where anybody says one: 32 digits, else nothing. `container`
/// is the value of `container_uuid`.
#[must_use]
pub fn known(root: &Path, container: &str) -> String {
    let [lasting, transient] = PLACES.map(|place| first_line(&root.join(place)));
    let host = first_line(&root.join("run/host/container-uuid"));
    let mut told = [lasting.as_str(), &transient, container, &host].into_iter();
    told.find_map(id_of).unwrap_or_default()
}

/// Writes an id down where the machine has none: that of the container, that of its message bus, or a
/// new one. Gives where, if it had to.
///
/// # Errors
/// Neither place can be written to.
pub fn settle(root: &Path, container: &str) -> io::Result<Option<&'static str>> {
    let has_one = |place| id_of(&first_line(&root.join(place))).is_some();
    if PLACES.into_iter().any(has_one) {
        return Ok(None);
    }
    let known = id_of(&known(root, container));
    let bus = || id_of(&first_line(&root.join("var/lib/dbus/machine-id")));
    let id = known.or_else(bus).map_or_else(new, Ok)?;
    let mut failed = None;
    for place in PLACES {
        match write(&root.join(place), &id) {
            Ok(()) => return Ok(Some(place)),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(None), Err)
}

fn write(path: &Path, id: &str) -> io::Result<()> {
    let flags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o444)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    file.write_all(format!("{id}\n").as_bytes())
}

/// By chance, marked as what it is (RFC 9562, version 4).
fn new() -> io::Result<String> {
    let mut bytes = [0; 16];
    rustix::rand::getrandom(&mut bytes, GetRandomFlags::empty())?;
    let number = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62);
    Ok(format!("{:032x}", number | 0x4 << 76 | 0x2 << 62))
}

/// What is an id, in the way that the file has it.
fn id_of(text: &str) -> Option<String> {
    let digits = text.replace('-', "").to_ascii_lowercase();
    let is_one = digits.len() == 32
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        && digits.bytes().any(|byte| byte != b'0');
    is_one.then_some(digits)
}

/// The line of a file that has only one; empty where it cannot be read.
fn first_line(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";
    const OTHER: &str = "01234567-89AB-CDEF-0123-456789ABCDE0";

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn who_has_none_has_that_of_the_container() {
        for (files, container, expected) in [
            (&[("etc/machine-id", ID)][..], OTHER, ID),
            (
                &[("etc/machine-id", "uninitialized\n"), ("run/x", "")],
                ID,
                ID,
            ),
            (&[("run/host/container-uuid", ID)], "", ID),
            (
                &[("run/host/container-uuid", &"0".repeat(32))],
                "podman",
                "",
            ),
            (&[("run/machine-id", ID)], OTHER, ID),
        ] {
            assert_eq!(known(root(files).path(), container), expected, "{files:?}");
        }
    }

    #[test]
    fn one_is_written_where_there_is_none() {
        let written = |root: &tempfile::TempDir, place: &str| {
            std::fs::read_to_string(root.path().join(place)).unwrap()
        };
        let has_one = root(&[("etc/machine-id", ID)]);
        assert_eq!(settle(has_one.path(), OTHER).unwrap(), None);
        assert_eq!(written(&has_one, "etc/machine-id"), ID);

        let empty = root(&[("etc/machine-id", ""), ("var/lib/dbus/machine-id", ID)]);
        assert_eq!(settle(empty.path(), "").unwrap(), Some("etc/machine-id"));
        assert_eq!(written(&empty, "etc/machine-id"), format!("{ID}\n"));

        let none = root(&[("etc/passwd", "")]);
        assert_eq!(settle(none.path(), "").unwrap(), Some("etc/machine-id"));
        let new = written(&none, "etc/machine-id");
        assert_eq!(known(none.path(), ""), new.trim_end());
        assert_eq!(new.as_bytes()[12], b'4', "{new}");
        assert_eq!(settle(none.path(), "").unwrap(), None, "it has one now");
    }

    #[test]
    fn a_link_is_not_followed() {
        let root = root(&[("etc/other", "kept"), ("run/x", "")]);
        std::os::unix::fs::symlink("other", root.path().join("etc/machine-id")).unwrap();
        let settled = settle(root.path(), OTHER).unwrap();
        assert_eq!(settled, Some("run/machine-id"));
        let kept = std::fs::read_to_string(root.path().join("etc/other")).unwrap();
        assert_eq!(kept, "kept");
        assert!(settle(&root.path().join("nowhere"), OTHER).is_err());
    }
}
