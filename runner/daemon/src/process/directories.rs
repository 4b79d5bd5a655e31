//! Directories that a unit asks for (`runtime-directory` and its like): made, given to its user, and
//! removed. Where root works in somebody else's directory it follows nobody (`Place`).

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use control::OwnedDirectories;
use engine::event::SpawnFailure;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use units::value::OwnDirectory;
use units::{Definition, Surroundings};

use super::identity::Identity;
use super::step::Step;
use super::{open, tree};
use crate::place::Place;

/// Where the directories of units lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// `runtime-directory`
    pub runtime: PathBuf,
    /// `state-directory`
    pub state: PathBuf,
    /// `cache-directory`
    pub cache: PathBuf,
    /// `logs-directory`
    pub logs: PathBuf,
    /// `configuration-directory`
    pub configuration: PathBuf,
    /// Credentials of running services, a directory each.
    pub credentials: PathBuf,
}

impl Roots {
    /// Those of this host, or of the user we run as.
    #[must_use]
    pub fn of(around: &Surroundings) -> Roots {
        Roots {
            runtime: PathBuf::from(&around.runtime_directory),
            state: PathBuf::from(&around.state_directory),
            cache: PathBuf::from(&around.cache_directory),
            logs: PathBuf::from(&around.log_directory),
            configuration: PathBuf::from(&around.configuration_directory),
            credentials: PathBuf::from(&around.credentials_directory),
        }
    }
}

/// One of the five settings.
struct Kind<'a> {
    key: &'static str,
    variable: &'static str,
    step: Step,
    root: &'a Path,
    mode: u32,
    directories: &'a [OwnDirectory],
}

fn kinds<'a>(unit: &'a Definition, roots: &'a Roots) -> [Kind<'a>; 5] {
    [
        Kind {
            key: "runtime-directory",
            variable: "RUNTIME_DIRECTORY",
            step: Step::RuntimeDirectory,
            root: &roots.runtime,
            mode: unit.runtime_directory_mode().bits(),
            directories: unit.runtime_directory(),
        },
        Kind {
            key: "state-directory",
            variable: "STATE_DIRECTORY",
            step: Step::StateDirectory,
            root: &roots.state,
            mode: unit.state_directory_mode().bits(),
            directories: unit.state_directory(),
        },
        Kind {
            key: "cache-directory",
            variable: "CACHE_DIRECTORY",
            step: Step::CacheDirectory,
            root: &roots.cache,
            mode: unit.cache_directory_mode().bits(),
            directories: unit.cache_directory(),
        },
        Kind {
            key: "logs-directory",
            variable: "LOGS_DIRECTORY",
            step: Step::LogsDirectory,
            root: &roots.logs,
            mode: unit.logs_directory_mode().bits(),
            directories: unit.logs_directory(),
        },
        Kind {
            key: "configuration-directory",
            variable: "CONFIGURATION_DIRECTORY",
            step: Step::ConfigurationDirectory,
            root: &roots.configuration,
            mode: unit.configuration_directory_mode().bits(),
            directories: unit.configuration_directory(),
        },
    ]
}

/// The variables that say where a unit's directories are.
pub(super) fn variables(unit: &Definition, roots: &Roots) -> Vec<(&'static str, String)> {
    let path = |root: &Path, directory: &OwnDirectory| {
        root.join(&*directory.path).to_string_lossy().into_owned()
    };
    kinds(unit, roots)
        .iter()
        .filter(|kind| !kind.directories.is_empty())
        .map(|kind| {
            let paths = kind
                .directories
                .iter()
                .map(|directory| path(kind.root, directory));
            (kind.variable, paths.collect::<Vec<_>>().join(":"))
        })
        .collect()
}

/// Makes what is missing of a unit's directories, and gives them to whom its commands run as.
///
/// # Errors
/// With the step of the setting.
pub(super) fn make(
    unit: &Definition,
    roots: &Roots,
    identity: &Identity,
) -> Result<(), SpawnFailure> {
    for kind in kinds(unit, roots) {
        for directory in kind.directories {
            let path = kind.root.join(&*directory.path);
            make_one(&kind, &path, identity).map_err(|error| {
                let what = format!("cannot make {} {}", kind.key, path.display());
                open::failure(kind.step, &what, &error)
            })?;
            for link in &directory.links {
                let link = kind.root.join(&**link);
                make_link(&path, &link).map_err(|error| {
                    let what = format!("cannot make the link {} for {}", link.display(), kind.key);
                    open::failure(kind.step, &what, &error)
                })?;
            }
        }
    }
    Ok(())
}

fn make_one(kind: &Kind<'_>, path: &Path, identity: &Identity) -> io::Result<()> {
    make_parents(path)?;
    let place = Place::find(path)?;
    let made = make_directory(&place, kind.mode)?;
    // What an administrator put into /etc stays as it is.
    if !made && kind.step == Step::ConfigurationDirectory {
        return Ok(());
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(&place.directory, &place.name, flags, Mode::empty())?;
    rustix::fs::fchmod(&directory, Mode::from_raw_mode(kind.mode))?;
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let uid = identity.user.as_ref().map_or(0, |user| user.uid);
    tree::give(directory, uid, identity.gid.unwrap_or(0))
}

/// Makes the directories above `path` that are missing, for everybody to go through.
fn make_parents(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path
        .ancestors()
        .skip(1)
        .take_while(|above| !above.is_dir())
        .collect();
    for above in missing.into_iter().rev() {
        make_directory(&Place::find(above)?, 0o755)?;
    }
    Ok(())
}

/// Whether it was missing.
fn make_directory(place: &Place, mode: u32) -> io::Result<bool> {
    match rustix::fs::mkdirat(&place.directory, &place.name, Mode::from_raw_mode(mode)) {
        Ok(()) => {
            // Whatever our own mask is.
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let made = rustix::fs::openat(&place.directory, &place.name, flags, Mode::empty())?;
            rustix::fs::fchmod(&made, Mode::from_raw_mode(mode))?;
            Ok(true)
        }
        Err(rustix::io::Errno::EXIST) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Makes `link` lead to `target`, both below the same directory.
fn make_link(target: &Path, link: &Path) -> io::Result<()> {
    make_parents(link)?;
    let (parent, name) = parent_of(link)?;
    let wanted = relative(target, link);
    match rustix::fs::symlinkat(&wanted, &parent, name) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::EXIST) => {
            let there = rustix::fs::readlinkat(&parent, name, Vec::new())
                .map_err(|_| io::Error::other("there is something else of this name"))?;
            if there.as_bytes() == wanted.as_os_str().as_encoded_bytes() {
                Ok(())
            } else {
                Err(io::Error::other(
                    "there is a link of this name that leads elsewhere",
                ))
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// The directory a path is in, and its name there.
fn parent_of(path: &Path) -> io::Result<(OwnedFd, &Path)> {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    // A name that cannot be a link: what is found is the directory itself.
    let place = Place::find(&above.join("-"))?;
    Ok((place.directory, Path::new(name)))
}

/// How `target` is reached from where `link` is.
fn relative(target: &Path, link: &Path) -> PathBuf {
    let above = link.parent().unwrap_or(link);
    let shared = above
        .components()
        .zip(target.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = above.components().count() - shared;
    let mut path: PathBuf = std::iter::repeat_n("..", up).collect();
    path.extend(target.components().skip(shared));
    path
}

/// Removes the runtime directories of a unit and their links.
///
/// # Errors
/// The first that was met; the rest is removed all the same.
pub(super) fn remove_runtime(unit: &Definition, roots: &Roots) -> Result<(), String> {
    remove_all(unit.runtime_directory(), &roots.runtime)
}

/// Removes directories of a unit and their links, of each of these kinds.
///
/// # Errors
/// As [`remove_runtime`].
pub(super) fn remove(
    unit: &Definition,
    roots: &Roots,
    what: &[OwnedDirectories],
) -> Result<(), String> {
    let mut outcome = Ok(());
    for kind in what {
        let (directories, root) = match kind {
            OwnedDirectories::Runtime => (unit.runtime_directory(), &roots.runtime),
            OwnedDirectories::State => (unit.state_directory(), &roots.state),
            OwnedDirectories::Cache => (unit.cache_directory(), &roots.cache),
            OwnedDirectories::Logs => (unit.logs_directory(), &roots.logs),
            OwnedDirectories::Configuration => {
                (unit.configuration_directory(), &roots.configuration)
            }
        };
        outcome = outcome.and(remove_all(directories, root));
    }
    outcome
}

fn remove_all(directories: &[OwnDirectory], root: &Path) -> Result<(), String> {
    let mut outcome = Ok(());
    for directory in directories.iter().rev() {
        let links = directory.links.iter().map(|link| (&**link, true));
        for (name, link) in links.chain([(&*directory.path, false)]) {
            let path = root.join(name);
            let removed = if link {
                remove_link(&path)
            } else {
                remove_tree(&path)
            };
            if let Err(error) = removed
                && error.kind() != io::ErrorKind::NotFound
            {
                let reason = super::step::reason_of(&error);
                outcome = outcome.and(Err(format!("cannot remove {}: {reason}", path.display())));
            }
        }
    }
    outcome
}

fn remove_link(path: &Path) -> io::Result<()> {
    let (parent, name) = parent_of(path)?;
    let found = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(found.st_mode) == FileType::Symlink {
        rustix::fs::unlinkat(&parent, name, AtFlags::empty())?;
    }
    Ok(())
}

/// Removes a directory and all in it, or the link that stands in its place.
pub(super) fn remove_tree(path: &Path) -> io::Result<()> {
    let (parent, name) = parent_of(path)?;
    let name = std::ffi::CString::new(name.as_os_str().as_encoded_bytes())?;
    tree::remove(parent.as_fd(), &name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_relative() {
        for (target, link, expected) in [
            ("/run/a", "/run/b", "a"),
            ("/run/a/b", "/run/c/d/e", "../../a/b"),
            ("/run/a/b", "/run/a/c", "b"),
        ] {
            let path = relative(Path::new(target), Path::new(link));
            assert_eq!(path, Path::new(expected), "{target} {link}");
        }
    }
}
