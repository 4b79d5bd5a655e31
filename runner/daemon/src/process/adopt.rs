//! Finding the main process of a service that puts itself in the background.
//!
//! What a pid file says is the service's word, not the truth: only a process of the unit is taken,
//! and the file itself must be root's or the service's own, over directories nobody else owns.

use std::path::Path;

use engine::event::AdoptFailure;
use units::UnitName;

use super::open;
use super::table::{Membership, Processes};

/// More than this is no pid file.
const MOST_BYTES: usize = 64;

/// The pid in a file. A file that is not there or not written yet is worth another look.
///
/// # Errors
/// What is in the way.
pub fn read_pid_file(path: &Path) -> Result<u32, AdoptFailure> {
    let bytes = match open::read_regular(path, MOST_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(AdoptFailure::NotYet);
        }
        Err(error) => {
            let reason = super::step::reason_of(&error);
            return Err(AdoptFailure::Refused(format!(
                "cannot read pid file {}: {reason}",
                path.display()
            )));
        }
    };
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim();
    if text.is_empty() {
        return Err(AdoptFailure::NotYet);
    }
    let pid = text
        .parse::<u32>()
        .ok()
        .filter(|pid| *pid > 1 && i32::try_from(*pid).is_ok());
    pid.ok_or_else(|| {
        AdoptFailure::Refused(format!(
            "pid file {} says {text:?}, which is no pid",
            path.display()
        ))
    })
}

/// Whether `pid`, which the unit or its pid file named, may be its main process. `uid` is the
/// unit's user; `trusted`, that root said so, which may name any process that is the keeper's child.
///
/// # Errors
/// Why not; a process that is gone is worth another look, as the file may be an old one.
pub fn check(
    processes: &Processes,
    unit: &UnitName,
    pid: u32,
    uid: u32,
    trusted: bool,
) -> Result<u32, AdoptFailure> {
    match processes.membership(unit, pid, uid) {
        Membership::Member => Ok(pid),
        Membership::Gone => Err(AdoptFailure::NotYet),
        Membership::Stranger if trusted && processes.is_child_of_keeper(pid) => Ok(pid),
        Membership::Stranger => Err(AdoptFailure::Refused(format!(
            "process {pid} does not belong to {unit}"
        ))),
    }
}

/// The only process of the unit, where it is one and has the keeper for a parent.
///
/// # Errors
/// [`AdoptFailure::Unclear`] when there is none, or several.
pub fn guess(processes: &mut Processes, unit: &UnitName) -> Result<u32, AdoptFailure> {
    let pids = processes.pids(unit);
    let mut orphans = pids
        .into_iter()
        .filter(|pid| processes.is_child_of_keeper(*pid));
    match (orphans.next(), orphans.next()) {
        (Some(pid), None) => Ok(pid),
        _ => Err(AdoptFailure::Unclear),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pid_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pid");
        let read = |text: Option<&str>| {
            if let Some(text) = text {
                std::fs::write(&path, text).unwrap();
            }
            read_pid_file(&path)
        };
        assert_eq!(read(None), Err(AdoptFailure::NotYet));
        assert_eq!(read(Some(" \n")), Err(AdoptFailure::NotYet));
        assert_eq!(read(Some("42\n")), Ok(42));
        for bad in [
            "1",
            "0",
            "-5",
            "4294967295",
            "x",
            "12 13",
            "\0",
            &"7".repeat(100),
        ] {
            let refused = read(Some(bad));
            assert!(
                matches!(refused, Err(AdoptFailure::Refused(_))),
                "{bad:?}: {refused:?}"
            );
        }
        std::fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(read(None), Err(AdoptFailure::Refused(_))));
    }
}
