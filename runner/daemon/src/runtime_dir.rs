//! Where sockets, lock and pidfile live: `$RUNTIME`.

use std::env;
use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Uid};

/// The runtime directory, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeDir {
    /// Absolute. It exists, belongs to us, and nobody else may write to it.
    pub path: PathBuf,
    /// It was made for this run only: nobody knows it unless it is told.
    pub fresh: bool,
    /// Why it is not the usual one, where that cannot be had.
    pub instead: Option<String>,
    /// Uid and gid of whom root has taken it over from, until the lock is had.
    pub taken_from: Option<(u32, u32)>,
}

impl RuntimeDir {
    fn of(path: PathBuf) -> RuntimeDir {
        RuntimeDir {
            path,
            fresh: false,
            instead: None,
            taken_from: None,
        }
    }

    /// The lock is somebody else's, and so is the directory.
    pub fn give_back(&self) {
        if let Some((uid, gid)) = self.taken_from {
            // Who has the lock lives with what there is.
            let _ = std::os::unix::fs::lchown(&self.path, Some(uid), Some(gid));
        }
    }
}

/// What the choice depends on.
#[derive(Debug, Clone, Default)]
pub struct Circumstances {
    /// `--runtime-dir`
    pub asked: Option<PathBuf>,
    /// `RUNNER_RUNTIME_DIR`
    pub variable: Option<OsString>,
    /// `XDG_RUNTIME_DIR`
    pub xdg: Option<OsString>,
    /// Effective uid.
    pub uid: u32,
    /// What root uses where nobody says anything.
    pub of_root: PathBuf,
}

impl Circumstances {
    /// As they are for this process.
    #[must_use]
    pub fn here(asked: Option<PathBuf>) -> Circumstances {
        Circumstances {
            asked,
            variable: env::var_os("RUNNER_RUNTIME_DIR").filter(|path| !path.is_empty()),
            xdg: env::var_os("XDG_RUNTIME_DIR").filter(|path| !path.is_empty()),
            uid: rustix::process::geteuid().as_raw(),
            of_root: "/run/runner".into(),
        }
    }

    /// The directories to try, in order, and what follows the last one.
    fn candidates(&self) -> (Vec<PathBuf>, Otherwise) {
        if let Some(path) = self
            .asked
            .clone()
            .or_else(|| self.variable.clone().map(Into::into))
        {
            return (vec![path], Otherwise::Refuse);
        }
        if self.uid == 0 {
            return (vec![self.of_root.clone()], Otherwise::FreshIfUnwritable);
        }
        let user = PathBuf::from(format!("/run/user/{}", self.uid));
        let bases = self
            .xdg
            .clone()
            .map(PathBuf::from)
            .into_iter()
            .chain([user]);
        (
            bases
                .filter(|base| base.is_dir())
                .map(|base| base.join("runner"))
                .collect(),
            Otherwise::Fresh,
        )
    }
}

/// What is done when none of the candidates can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Otherwise {
    /// It was asked for: nothing else will do.
    Refuse,
    /// A directory for this run only.
    Fresh,
    /// The same where the system does not let us make the usual one, as in a container that may write
    /// nowhere. One that somebody else has made is looked at by a person first.
    FreshIfUnwritable,
}

/// Finds the runtime directory of the daemon that runs the configuration file `conf`: several of
/// them on a host are normal, so each has one of its own below the usual place, unless somebody says
/// which. With `owner`, uid and gid, it is for a user that we are going to become.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_for(
    circumstances: &Circumstances,
    conf: &Path,
    owner: Option<(u32, u32)>,
) -> Result<RuntimeDir, String> {
    let uid = owner.map_or(circumstances.uid, |(uid, _)| uid);
    if circumstances.asked.is_some() || circumstances.variable.is_some() {
        let (candidates, _) = circumstances.candidates();
        let path = candidates.into_iter().next().unwrap_or_default();
        return make_for(&path, uid);
    }
    let base = prepare(circumstances)?;
    if base.fresh {
        return Ok(base);
    }
    let canonical = conf.canonicalize().unwrap_or_else(|_| conf.to_owned());
    let name = units::disk::supervisord::runtime_name(&canonical);
    make_for(&base.path.join(name), uid)
}

/// Makes a directory for user `uid`. Root makes it its own first, if it is that user's already, or
/// if another user's daemon left it in a directory of root: nobody may change what is in it while we
/// look.
fn make_for(path: &Path, uid: u32) -> Result<RuntimeDir, String> {
    let own = rustix::process::geteuid();
    let other = path
        .symlink_metadata()
        .ok()
        .filter(|found| own.is_root() && found.is_dir() && found.uid() != 0)
        .filter(|found| found.uid() == uid || lies_safely(path))
        .map(|found| (found.uid(), found.gid()));
    if other.is_some() {
        std::os::unix::fs::lchown(path, Some(0), Some(0))
            .map_err(|error| format!("cannot use runtime directory {}: {error}", path.display()))?;
        // Root writes into the lock: it must not be another name of something else.
        let lock = path.join("lock");
        let strange = |found: &std::fs::Metadata| !found.is_file() || found.nlink() != 1;
        if lock.symlink_metadata().is_ok_and(|found| strange(&found)) {
            let _ = std::fs::remove_file(&lock);
        }
    }
    let made = RuntimeDir {
        taken_from: other,
        ..RuntimeDir::of(path.to_owned())
    };
    match make(path, own.as_raw()) {
        Ok(path) => Ok(RuntimeDir { path, ..made }),
        Err(refusal) => {
            made.give_back();
            Err(refusal.sentence)
        }
    }
}

/// Whether only root can put another directory in the place of this one.
fn lies_safely(path: &Path) -> bool {
    path.parent()
        .and_then(|parent| parent.metadata().ok())
        .is_some_and(|parent| parent.uid() == 0 && parent.permissions().mode() & 0o022 == 0)
}

/// What a daemon makes in its runtime directory, beside the lock. Nothing else there is touched.
const LEFT_BEHIND: [&str; 5] = ["bus", "supervisor.sock", "pid", "notify", "log-names"];

/// Gives a runtime directory, whose lock we have, to the user that we are going to become, and takes
/// away what an earlier daemon of another user left in it.
///
/// # Errors
/// A sentence with the path.
pub fn give(path: &Path, lock: &OwnedFd, uid: u32, gid: u32) -> Result<(), String> {
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
    for name in LEFT_BEHIND {
        let entry = path.join(name);
        // What cannot be removed is in somebody's way later, and is named then.
        let _ = match entry.symlink_metadata() {
            Ok(found) if found.is_dir() => std::fs::remove_dir_all(entry),
            Ok(_) => std::fs::remove_file(entry),
            Err(_) => Ok(()),
        };
    }
    let given = rustix::fs::fchown(lock, Some(user), Some(group))
        .map_err(io::Error::from)
        .and_then(|()| std::os::unix::fs::lchown(path, Some(uid), Some(gid)));
    given.map_err(|error| {
        format!(
            "cannot give runtime directory {} to user {uid}: {error}",
            path.display()
        )
    })
}

/// Finds the runtime directory and makes it, with mode 0755, if it is not there.
///
/// # Errors
/// A sentence with the path, when none can be had.
pub fn prepare(circumstances: &Circumstances) -> Result<RuntimeDir, String> {
    let (candidates, otherwise) = circumstances.candidates();
    let mut refused = None;
    for path in candidates {
        match make(&path, circumstances.uid) {
            Ok(path) => return Ok(RuntimeDir::of(path)),
            Err(refusal) => refused = Some(refusal),
        }
    }
    match (refused, otherwise) {
        (Some(refusal), Otherwise::Refuse) => Err(refusal.sentence),
        (Some(refusal), Otherwise::FreshIfUnwritable) if !refusal.unwritable => {
            Err(refusal.sentence)
        }
        (Some(refusal), Otherwise::FreshIfUnwritable) => {
            // Memory that containers have even where everything else is read-only.
            let parents = [env::temp_dir(), "/dev/shm".into()];
            let made = parents
                .iter()
                .find_map(|parent| make_fresh(parent, circumstances.uid).ok());
            match made {
                Some(made) => Ok(RuntimeDir {
                    instead: Some(refusal.sentence),
                    ..made
                }),
                None => Err(format!(
                    "{}, and none in {} or /dev/shm either: name one with --runtime-dir",
                    refusal.sentence,
                    env::temp_dir().display()
                )),
            }
        }
        _ => make_fresh(&env::temp_dir(), circumstances.uid),
    }
}

/// Why a directory cannot be used.
struct Refusal {
    sentence: String,
    /// The system does not let us make it.
    unwritable: bool,
}

fn make(path: &Path, uid: u32) -> Result<PathBuf, Refusal> {
    use io::ErrorKind as K;
    let sentence = |error: io::Error| Refusal {
        sentence: format!("cannot use runtime directory {}: {error}", path.display()),
        unwritable: matches!(
            error.kind(),
            K::ReadOnlyFilesystem | K::PermissionDenied | K::NotFound | K::StorageFull
        ),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
        .map_err(sentence)?;
    let path = path.canonicalize().map_err(sentence)?;
    let metadata = path.metadata().map_err(sentence)?;
    // What lies in it decides who may command us, so nobody else may put anything there.
    let trouble = if !metadata.is_dir() {
        "it is no directory".to_owned()
    } else if metadata.uid() != uid {
        format!("it belongs to uid {}", metadata.uid())
    } else if metadata.permissions().mode() & 0o022 != 0 {
        let mode = metadata.permissions().mode() & 0o7777;
        format!("others may write to it (mode {mode:04o})")
    } else if let Err(errno) = nix::unistd::access(&path, nix::unistd::AccessFlags::W_OK) {
        return Err(sentence(errno.into()));
    } else {
        return Ok(path);
    };
    Err(Refusal {
        sentence: format!("cannot use runtime directory {}: {trouble}", path.display()),
        unwritable: false,
    })
}

/// A directory with a name nobody can have taken before us.
fn make_fresh(parent: &Path, uid: u32) -> Result<RuntimeDir, String> {
    let own = std::process::id();
    for attempt in 0..1_000 {
        let path = parent.join(format!("runner-{uid}-{own}-{attempt}"));
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => {
                return Ok(RuntimeDir {
                    fresh: true,
                    ..RuntimeDir::of(path)
                });
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(format!(
                    "cannot make runtime directory {}: {error}",
                    path.display()
                ));
            }
        }
    }
    Err(format!(
        "cannot make a runtime directory in {}",
        parent.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    #[test]
    fn the_order_of_choice() {
        let root = Circumstances {
            of_root: "/run/x".into(),
            xdg: Some("/xdg".into()),
            ..Circumstances::default()
        };
        assert_eq!(
            root.candidates(),
            (vec!["/run/x".into()], Otherwise::FreshIfUnwritable)
        );
        let variable = Circumstances {
            variable: Some("/v".into()),
            ..root.clone()
        };
        assert_eq!(
            variable.candidates(),
            (vec!["/v".into()], Otherwise::Refuse)
        );
        let asked = Circumstances {
            asked: Some("/a".into()),
            ..variable
        };
        assert_eq!(asked.candidates(), (vec!["/a".into()], Otherwise::Refuse));
        let base = tempfile::tempdir().unwrap();
        let user = Circumstances {
            xdg: Some(base.path().into()),
            uid: 4_000_000,
            ..Default::default()
        };
        assert_eq!(
            user.candidates(),
            (vec![base.path().join("runner")], Otherwise::Fresh)
        );
    }

    #[test]
    fn it_is_made_and_found_again() {
        let base = tempfile::tempdir().unwrap();
        let asked = Some(base.path().join("deep/er"));
        let circumstances = Circumstances {
            asked,
            uid: own(),
            ..Default::default()
        };
        let first = prepare(&circumstances).unwrap();
        assert!(first.path.is_dir() && !first.fresh);
        assert_eq!(prepare(&circumstances).unwrap(), first);
    }

    #[test]
    fn a_directory_open_to_others_is_refused_with_a_reason() {
        let base = tempfile::tempdir().unwrap();
        let open = base.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).unwrap();
        let file = base.path().join("file");
        std::fs::write(&file, "").unwrap();
        for (path, reason) in [
            (&open, "others may write to it (mode 0777)"),
            (&file, "exists"),
        ] {
            let asked = Some(path.clone());
            let circumstances = Circumstances {
                asked,
                uid: own(),
                ..Default::default()
            };
            let sentence = prepare(&circumstances).unwrap_err();
            assert!(sentence.contains(reason), "{sentence}");
            assert!(sentence.contains(path.to_str().unwrap()), "{sentence}");
        }
    }

    #[test]
    fn where_the_usual_one_cannot_be_made_another_one_is_and_says_why() {
        let nowhere = Circumstances {
            uid: own(),
            of_root: "/proc/runner".into(),
            ..Default::default()
        };
        if nowhere.uid == 0 {
            let found = prepare(&nowhere).unwrap();
            assert!(found.fresh);
            assert!(found.instead.unwrap().contains("/proc/runner"));
            std::fs::remove_dir(found.path).unwrap();
        }
        let base = tempfile::tempdir().unwrap();
        let open = base.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).unwrap();
        // Who else may write to it is for a person to find out.
        let taken = Circumstances {
            of_root: open,
            ..nowhere
        };
        if taken.uid == 0 {
            assert!(prepare(&taken).unwrap_err().contains("others may write"));
        }
    }

    #[test]
    fn a_fresh_one_is_private() {
        let base = tempfile::tempdir().unwrap();
        let first = make_fresh(base.path(), 7).unwrap();
        let second = make_fresh(base.path(), 7).unwrap();
        assert_ne!(first.path, second.path);
        assert!(first.fresh);
        assert_eq!(
            first.path.metadata().unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
}
