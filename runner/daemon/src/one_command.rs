//! `runnerd -- CMD ARG…`: the command as a shell would find it, and what it gets of ours.

use std::collections::BTreeMap;
use std::env;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use units::{Source, UnitName};

use crate::link::Key;
use crate::options::Options;
use crate::process::SEARCH_PATH;
use crate::reason::reason;

/// What a shell ends with when there is no such program.
const NOT_FOUND: u8 = 127;
/// The same, when there is but it cannot be executed.
const NOT_EXECUTABLE: u8 = 126;

/// Why a command cannot be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What to exit with, as a shell does.
    pub status: u8,
    /// A sentence.
    pub sentence: String,
}

/// The file of the program called `name`, as execvp(3) looks for it.
///
/// # Errors
/// When it is not there, or may not be executed.
pub fn find(name: &str) -> Result<PathBuf, Missing> {
    let search = env::var("PATH").unwrap_or_else(|_| SEARCH_PATH.to_owned());
    find_in(name, &search)
}

fn find_in(name: &str, search: &str) -> Result<PathBuf, Missing> {
    let mut refused = None;
    let candidates: Vec<PathBuf> = match name.contains('/') {
        true => vec![name.into()],
        // An empty directory is the present one.
        false => env::split_paths(search)
            .map(|path| path.join(name))
            .collect(),
    };
    for candidate in candidates {
        match look_at(&candidate) {
            Ok(()) => return Ok(std::path::absolute(&candidate).unwrap_or(candidate)),
            Err(Some(why)) if refused.is_none() => {
                refused = Some(format!("cannot execute {}: {why}", candidate.display()));
            }
            Err(_) => {}
        }
    }
    Err(match refused {
        Some(sentence) => Missing {
            status: NOT_EXECUTABLE,
            sentence,
        },
        None => Missing {
            status: NOT_FOUND,
            sentence: match name.contains('/') {
                true => format!("cannot execute {name}: there is no such file"),
                false => format!("cannot execute {name}: it is not in {search}"),
            },
        },
    })
}

/// Whether it can be executed, as far as its mode says; `None` where it is not there.
fn look_at(path: &Path) -> Result<(), Option<String>> {
    match path.metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Err(None),
        Err(error) => Err(Some(reason(&error))),
        Ok(found) if found.is_dir() => Err(Some("it is a directory".to_owned())),
        Ok(_) => nix::unistd::access(path, nix::unistd::AccessFlags::X_OK)
            .map_err(|errno| Some(reason(&errno.into()))),
    }
}

/// The unit file of the command. Looks at the file system.
#[must_use]
pub fn source(options: &Options) -> Source {
    let name = options.command.first().map_or("", String::as_str);
    // One that went away meanwhile is named when it is to start.
    let path = find(name).unwrap_or_else(|_| PathBuf::from(name));
    let limit = options.stop_limit(true, false);
    units::one_command::source(&path.to_string_lossy(), &options.command, limit)
}

/// Copies of our standard descriptors, for the keeper to hold until the command has ended.
///
/// # Errors
/// When there are too many descriptors.
pub fn descriptors() -> std::io::Result<BTreeMap<String, OwnedFd>> {
    let Ok(unit) = UnitName::parse(units::one_command::UNIT) else {
        return Ok(BTreeMap::new());
    };
    let ours = [
        rustix::stdio::stdin(),
        rustix::stdio::stdout(),
        rustix::stdio::stderr(),
    ];
    let mut held = BTreeMap::new();
    for (place, fd) in (0..).zip(ours) {
        let unit = unit.clone();
        let key = Key::Given { unit, place }.to_string();
        held.insert(key, rustix::io::fcntl_dupfd_cloexec(fd, 3)?);
    }
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_as_a_shell_finds_them() {
        let base = tempfile::tempdir().unwrap();
        let path = |name: &str| base.path().join(name);
        std::fs::create_dir(path("sub")).unwrap();
        std::fs::write(path("sub/plain"), "").unwrap();
        let search = format!("/nonexistent:{}:/bin", path("sub").display());
        assert_eq!(find_in("sh", &search), Ok("/bin/sh".into()));
        assert_eq!(find_in("/bin/sh", ""), Ok("/bin/sh".into()));
        let plain = find_in("plain", &search).unwrap_err();
        assert_eq!(plain.status, NOT_EXECUTABLE);
        assert!(
            plain.sentence.contains("sub/plain: permission denied"),
            "{plain:?}"
        );
        assert_eq!(find_in("/bin", "").unwrap_err().status, NOT_EXECUTABLE);
        for name in ["no-such-program", "/nonexistent/x", "/bin/sh/x"] {
            let missing = find_in(name, &search).unwrap_err();
            assert_eq!(missing.status, NOT_FOUND, "{name}");
            assert!(missing.sentence.contains(name));
        }
    }
}
