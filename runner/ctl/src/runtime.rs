//! Where the runnerd we talk to has its runtime directory (runnerd(8), "Runtime directory").

use std::fmt;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The name of the private socket in a runtime directory.
const SOCKET: &str = "bus";

/// What of the process' surroundings decides.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// `--runtime-dir` or `RUNNER_RUNTIME_DIR`.
    pub(crate) told: Option<PathBuf>,
    /// Our user.
    pub(crate) uid: u32,
    /// `XDG_RUNTIME_DIR`.
    pub(crate) xdg_runtime_dir: Option<PathBuf>,
}

/// Why there is nobody to talk to.
#[derive(Debug)]
pub(crate) enum Silence {
    /// Nobody answers in any of these directories.
    Nobody {
        /// Where we looked, and what came back.
        asked: Vec<(PathBuf, io::Error)>,
        /// A directory of somebody else that does answer.
        elsewhere: Option<PathBuf>,
    },
    /// Several answer below one directory, and nothing says which is meant.
    Several(Vec<PathBuf>),
}

impl Place {
    /// The socket of the runnerd that is meant.
    ///
    /// # Errors
    /// When nobody answers, or several do.
    pub(crate) fn socket(&self) -> Result<PathBuf, Silence> {
        self.socket_if(Path::new("/run"), &|socket| {
            UnixStream::connect(socket).map(drop)
        })
    }

    fn socket_if(
        &self,
        run: &Path,
        answers: &dyn Fn(&Path) -> io::Result<()>,
    ) -> Result<PathBuf, Silence> {
        let candidates = self.candidates(run);
        let mut asked = Vec::new();
        for directory in &candidates {
            let socket = directory.join(SOCKET);
            match answers(&socket) {
                Ok(()) => return Ok(socket),
                Err(error) => asked.push((directory.clone(), error)),
            }
        }
        if self.told.is_none() {
            let mut live: Vec<PathBuf> = candidates
                .iter()
                .flat_map(|directory| live_below(directory, answers))
                .collect();
            match (live.pop(), live.is_empty()) {
                (Some(only), true) => return Ok(only.join(SOCKET)),
                (Some(last), false) => {
                    live.push(last);
                    return Err(Silence::Several(live));
                }
                (None, _) => {}
            }
        }
        let roots = run.join("runner");
        let elsewhere = Some(roots)
            .filter(|roots| !candidates.contains(roots) && answers(&roots.join(SOCKET)).is_ok());
        Err(Silence::Nobody { asked, elsewhere })
    }

    /// Where a daemon of ours can be, in the order it chooses.
    fn candidates(&self, run: &Path) -> Vec<PathBuf> {
        if let Some(told) = &self.told {
            return vec![told.clone()];
        }
        if self.uid == 0 {
            return vec![run.join("runner")];
        }
        let xdg = self
            .xdg_runtime_dir
            .iter()
            .filter(|directory| directory.is_absolute())
            .cloned();
        let mut all: Vec<PathBuf> = xdg
            .chain([run.join("user").join(self.uid.to_string())])
            .map(|directory| directory.join("runner"))
            .collect();
        all.dedup();
        all
    }
}

/// The sub-directories of `directory` in which somebody answers, sorted.
fn live_below(directory: &Path, answers: &dyn Fn(&Path) -> io::Result<()>) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut live: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| answers(&path.join(SOCKET)).is_ok())
        .collect();
    live.sort();
    live
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Silence::Nobody { asked, .. } => {
                let asked: Vec<String> = asked
                    .iter()
                    .map(|(directory, error)| {
                        let why = match error.kind() {
                            io::ErrorKind::NotFound => "there is no such socket".to_owned(),
                            io::ErrorKind::ConnectionRefused => {
                                "the socket is there, but nobody listens".to_owned()
                            }
                            io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
                            _ => error.to_string(),
                        };
                        format!("{}: {why}", directory.join(SOCKET).display())
                    })
                    .collect();
                write!(f, "no runnerd answers at {}", asked.join(", "))
            }
            Silence::Several(live) => {
                let live: Vec<String> =
                    live.iter().map(|path| path.display().to_string()).collect();
                write!(f, "several runnerd answer: {}", live.join(", "))
            }
        }
    }
}

impl Silence {
    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Silence::Nobody {
                elsewhere: Some(directory),
                ..
            } => {
                format!(
                    "another runnerd answers: add `--runtime-dir {}`",
                    directory.display()
                )
            }
            Silence::Nobody { asked, .. } => {
                let denied = asked
                    .iter()
                    .any(|(_, error)| error.kind() == io::ErrorKind::PermissionDenied);
                if denied {
                    "ask as the user runnerd runs as, or as root".to_owned()
                } else {
                    "start it with `runnerd`, or name its directory with `--runtime-dir`".to_owned()
                }
            }
            Silence::Several(_) => "choose one with `--runtime-dir`".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(uid: u32, xdg: Option<&str>, told: Option<&str>) -> Place {
        Place {
            uid,
            xdg_runtime_dir: xdg.map(PathBuf::from),
            told: told.map(PathBuf::from),
        }
    }

    fn everybody(_: &Path) -> io::Result<()> {
        Ok(())
    }

    fn nobody(_: &Path) -> io::Result<()> {
        Err(io::ErrorKind::NotFound.into())
    }

    #[test]
    fn the_written_order() {
        for (place, socket) in [
            (place(0, Some("/run/user/0"), None), "/run/runner/bus"),
            (place(1000, Some("/x"), None), "/x/runner/bus"),
            (
                place(1000, Some("relative"), None),
                "/run/user/1000/runner/bus",
            ),
            (place(1000, None, None), "/run/user/1000/runner/bus"),
            (place(0, None, Some("/d")), "/d/bus"),
        ] {
            let found = place.socket_if(Path::new("/run"), &everybody).unwrap();
            assert_eq!(found, Path::new(socket));
        }
    }

    #[test]
    fn nobody_answers() {
        let silence = place(1000, None, None)
            .socket_if(Path::new("/run"), &nobody)
            .unwrap_err();
        assert_eq!(
            silence.to_string(),
            "no runnerd answers at /run/user/1000/runner/bus: there is no such socket"
        );
        assert!(silence.hint().contains("runnerd"));
    }

    #[test]
    fn the_one_of_root_is_offered_not_taken() {
        let roots = |socket: &Path| {
            if socket == Path::new("/run/runner/bus") {
                Ok(())
            } else {
                nobody(socket)
            }
        };
        let silence = place(1000, None, None)
            .socket_if(Path::new("/run"), &roots)
            .unwrap_err();
        assert_eq!(
            silence.hint(),
            "another runnerd answers: add `--runtime-dir /run/runner`"
        );
    }

    #[test]
    fn the_only_live_one_below_is_taken_and_several_are_listed() {
        let run = tempfile::tempdir().unwrap();
        for name in ["conf-1", "conf-2", "notify"] {
            std::fs::create_dir_all(run.path().join("runner").join(name)).unwrap();
        }
        let one = |socket: &Path| {
            if socket.ends_with("conf-2/bus") {
                Ok(())
            } else {
                nobody(socket)
            }
        };
        let found = place(0, None, None).socket_if(run.path(), &one).unwrap();
        assert!(found.ends_with("runner/conf-2/bus"));
        let two = |socket: &Path| {
            if socket.to_string_lossy().contains("conf-") {
                Ok(())
            } else {
                nobody(socket)
            }
        };
        match place(0, None, None).socket_if(run.path(), &two) {
            Err(Silence::Several(live)) => assert_eq!(live.len(), 2),
            other => panic!("{other:?}"),
        }
    }
}
