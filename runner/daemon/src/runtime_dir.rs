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
        }
    }

    /// The directories to try, in order; after the last one, a fresh one. Only a directory that
    /// was asked for is the only one.
    fn candidates(&self) -> (Vec<PathBuf>, bool) {
        if let Some(path) = self
            .asked
            .clone()
            .or_else(|| self.variable.clone().map(Into::into))
        {
            return (vec![path], true);
        }
        if self.uid == 0 {
            return (vec!["/run/runner".into()], true);
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
            false,
        )
    }
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
    let owner = owner.filter(|(uid, _)| *uid != circumstances.uid);
    if circumstances.asked.is_some() || circumstances.variable.is_some() {
        return match owner {
            None => prepare(circumstances),
            Some((uid, _)) => {
                let (candidates, _) = circumstances.candidates();
                let path = candidates.into_iter().next().unwrap_or_default();
                let path = make_for(&path, uid)?;
                Ok(RuntimeDir { path, fresh: false })
            }
        };
    }
    let base = prepare(circumstances)?;
    if base.fresh {
        return Ok(base);
    }
    let canonical = conf.canonicalize().unwrap_or_else(|_| conf.to_owned());
    let name = units::disk::supervisord::runtime_name(&canonical);
    let path = base.path.join(name);
    let path = match owner {
        None => make_for(&path, circumstances.uid)?,
        Some((uid, _)) => make_for(&path, uid)?,
    };
    Ok(RuntimeDir { path, fresh: false })
}

/// Makes a directory that is, or is going to be, of user `uid`. Root takes one over that another
/// user's daemon left.
fn make_for(path: &Path, uid: u32) -> Result<PathBuf, String> {
    let is_root = rustix::process::geteuid().is_root();
    let left_behind = path
        .symlink_metadata()
        .ok()
        .filter(|found| is_root && found.is_dir() && found.uid() != uid);
    if left_behind.is_some() {
        let own = Some(0);
        std::os::unix::fs::lchown(path, own, own)
            .map_err(|error| format!("cannot use runtime directory {}: {error}", path.display()))?;
    }
    make(path, rustix::process::geteuid().as_raw())
}

/// Gives a runtime directory, whose lock we have, to the user that we are going to become, and takes
/// away what an earlier daemon of another user left in it.
///
/// # Errors
/// A sentence with the path.
pub fn give(path: &Path, lock: &OwnedFd, uid: u32, gid: u32) -> Result<(), String> {
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name() != "lock") {
        // What cannot be removed is in somebody's way later, and is named then.
        let _ = match entry.file_type() {
            Ok(kind) if kind.is_dir() => std::fs::remove_dir_all(entry.path()),
            _ => std::fs::remove_file(entry.path()),
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
    let (candidates, last) = circumstances.candidates();
    let mut refused = None;
    for path in candidates {
        match make(&path, circumstances.uid) {
            Ok(path) => return Ok(RuntimeDir { path, fresh: false }),
            Err(sentence) => refused = Some(sentence),
        }
    }
    match refused {
        Some(sentence) if last => Err(sentence),
        _ => make_fresh(&env::temp_dir(), circumstances.uid),
    }
}

fn make(path: &Path, uid: u32) -> Result<PathBuf, String> {
    let sentence =
        |error: io::Error| format!("cannot use runtime directory {}: {error}", path.display());
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
    } else {
        return Ok(path);
    };
    Err(format!(
        "cannot use runtime directory {}: {trouble}",
        path.display()
    ))
}

/// A directory with a name nobody can have taken before us.
fn make_fresh(parent: &Path, uid: u32) -> Result<RuntimeDir, String> {
    let own = std::process::id();
    for attempt in 0..1_000 {
        let path = parent.join(format!("runner-{uid}-{own}-{attempt}"));
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(RuntimeDir { path, fresh: true }),
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
            xdg: Some("/xdg".into()),
            ..Circumstances::default()
        };
        assert_eq!(root.candidates(), (vec!["/run/runner".into()], true));
        let variable = Circumstances {
            variable: Some("/v".into()),
            ..root.clone()
        };
        assert_eq!(variable.candidates(), (vec!["/v".into()], true));
        let asked = Circumstances {
            asked: Some("/a".into()),
            ..variable
        };
        assert_eq!(asked.candidates(), (vec!["/a".into()], true));
        let base = tempfile::tempdir().unwrap();
        let user = Circumstances {
            xdg: Some(base.path().into()),
            uid: 4_000_000,
            ..Default::default()
        };
        assert_eq!(user.candidates(), (vec![base.path().join("runner")], false));
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
