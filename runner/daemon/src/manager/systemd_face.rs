//! Where systemd's own programs look for it (`--systemd-compat`): the directory by which everybody
//! tells that systemd runs this machine (sd_booted(3)), and the private socket of its manager.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use control::Handle;
use dbus::names::Face;
use dbus::server::Server;
use engine::ticket::Invocation;
use units::UnitName;

use super::boot::listen_for_clients;
use super::wake::Bus;
use crate::link::{Key, Link};
use crate::machine_id;
use crate::options::Compat;

/// The name under which the keeper holds the listener.
pub(super) const HELD: &str = "systemd";

/// Whom systemd's programs would find, and whether that was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whose {
    /// `--systemd-compat`
    pub(super) asked: Compat,
    /// Of root, or of a user.
    pub(super) is_root: bool,
    /// The pid of the keeper.
    pub(super) keeper: u32,
    /// Unit files are run, and nothing else.
    pub(super) runs_units: bool,
    /// No manager of this daemon has been before.
    pub(super) first: bool,
}

impl Whose {
    /// Whether there is to be such a place, where nobody has said so: process 1 is whom systemctl
    /// means, if there is one.
    fn is_wanted(&self, systemctl: impl FnOnce() -> bool) -> bool {
        match self.asked {
            Compat::Yes => true,
            Compat::No => false,
            Compat::Auto => {
                self.first && self.keeper == 1 && self.is_root && self.runs_units && systemctl()
            }
        }
    }
}

impl Whose {
    /// Gives the machine an id where it has none and systemd is looked for: its programs count on one.
    /// Says where, if it had to.
    ///
    /// # Errors
    /// It cannot be written down.
    pub(super) fn settle_machine_id(&self) -> io::Result<Option<&'static str>> {
        let is_ours = self.first && self.keeper == 1 && self.is_root;
        if !is_ours || !self.is_wanted(systemctl_is_installed) {
            return Ok(None);
        }
        let container = std::env::var("container_uuid").unwrap_or_default();
        machine_id::settle(Path::new("/"), &container)
    }
}

/// Is where systemd's programs look, if that is wanted: as [`SystemdFace::open`]. What was not asked
/// for and cannot be had is told, and no more.
///
/// # Errors
/// A sentence, where it was asked for.
pub(super) fn open(
    whose: &Whose,
    link: &Link,
    handle: &Handle,
    held: Option<OwnedFd>,
) -> Result<Option<(SystemdFace, Bus)>, String> {
    if held.is_none() && !whose.is_wanted(systemctl_is_installed) {
        return Ok(None);
    }
    let opened = SystemdFace::open(whose.is_root, whose.keeper, link, handle.clone(), held);
    match opened {
        Ok(face) => Ok(Some(face)),
        Err(why) if whose.asked == Compat::Auto => {
            tracing::info!("systemctl will not find us: {why}");
            Ok(None)
        }
        Err(why) => Err(why),
    }
}

fn systemctl_is_installed() -> bool {
    ["/usr/bin/systemctl", "/bin/systemctl"]
        .iter()
        .any(|path| Path::new(path).exists())
}

/// Both places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SystemdFace {
    /// Its being there says who runs this machine; only that of root says so.
    booted: Option<PathBuf>,
    /// The socket.
    private: PathBuf,
}

impl SystemdFace {
    /// Those of root, or of a user whose runtime directory this is (`systemctl --user`).
    fn of(is_root: bool, user: Option<PathBuf>) -> Result<SystemdFace, String> {
        if is_root {
            return Ok(SystemdFace {
                booted: Some("/run/systemd/system".into()),
                private: "/run/systemd/private".into(),
            });
        }
        match user.filter(|path| path.is_absolute()) {
            Some(path) => Ok(SystemdFace {
                booted: None,
                private: path.join("systemd/private"),
            }),
            None => Err("--systemd-compat needs XDG_RUNTIME_DIR when not root".to_owned()),
        }
    }

    /// Makes both, or takes up the listener that the keeper holds.
    ///
    /// # Errors
    /// A sentence, also when another service manager is there: its clients must go on reaching it.
    pub(super) fn open(
        is_root: bool,
        keeper: u32,
        link: &Link,
        handle: Handle,
        held: Option<OwnedFd>,
    ) -> Result<(SystemdFace, Bus), String> {
        let user = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let face = SystemdFace::of(is_root, user)?;
        let listener = match held {
            Some(listener) => listener,
            None => {
                face.stand_back(first_process(keeper).as_deref())?;
                let listener = face.listen()?;
                let key = Key::Control {
                    name: HELD.to_owned(),
                };
                link.put(&key, listener.as_fd())
                    .map_err(|error| format!("cannot speak to the keeper: {error}"))?;
                listener
            }
        };
        let server = Server::new(handle, Face::Systemd);
        Ok((face, Bus { listener, server }))
    }

    /// Refuses where another service manager is there. `first` is what process 1 is called, where
    /// that is not us.
    fn stand_back(&self, first: Option<&str>) -> Result<(), String> {
        let refused = |why: &str| {
            Err(format!(
                "--systemd-compat cannot be used here: {why}\n\
                 hint: without it, runnerctl and org.unitrunner.Runner1 work beside systemd"
            ))
        };
        if self.booted.is_some() && first == Some("systemd") {
            return refused("process 1 is systemd");
        }
        if UnixStream::connect(&self.private).is_ok() {
            return refused(&format!(
                "a service manager answers at {}",
                self.private.display()
            ));
        }
        Ok(())
    }

    fn listen(&self) -> Result<OwnedFd, String> {
        let failed = |path: &Path, error: io::Error| {
            format!("cannot make {} for systemctl: {error}", path.display())
        };
        let directory = self.private.parent().unwrap_or(Path::new("/"));
        let directories = self.booted.as_deref().into_iter().chain([directory]);
        for path in directories {
            DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(path)
                .map_err(|error| failed(path, error))?;
        }
        listen_for_clients(&self.private, 0o600).map_err(|error| failed(&self.private, error))
    }

    /// Where journald looks for the run that a unit is in.
    fn runs(&self) -> Option<PathBuf> {
        let directory = self.booted.as_deref()?.parent()?;
        Some(directory.join("units"))
    }

    /// Says which run of a unit this is, before a process of it can write anything: journald puts it
    /// into the unit's entries (`_SYSTEMD_INVOCATION_ID` of systemd.journal-fields(7)). Without it they
    /// are there all the same.
    pub(super) fn begin_run(&self, unit: &UnitName, run: Invocation) {
        let Some(directory) = self.runs() else { return };
        let link = directory.join(format!("invocation:{unit}"));
        let run = run.to_string();
        if fs::read_link(&link).is_ok_and(|known| known == Path::new(&run)) {
            return;
        }
        // Whoever looks meanwhile finds the one or the other. A killed manager may have left its own.
        let new = directory.join(format!(".invocation:{unit}"));
        let _ = fs::remove_file(&new);
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&directory)
            .and_then(|()| symlink(&run, &new))
            .and_then(|()| fs::rename(&new, &link));
        if let Err(error) = made {
            tracing::debug!("cannot make {}: {error}", link.display());
        }
    }

    /// Says that the run is over.
    pub(super) fn end_run(&self, unit: &UnitName) {
        if let Some(directory) = self.runs() {
            // It was not made where the unit had no process.
            let _ = fs::remove_file(directory.join(format!("invocation:{unit}")));
        }
    }

    /// Takes all of it away at the end. Directories that others put something into stay.
    pub(super) fn remove(&self) {
        if let Some(directory) = self.runs() {
            let _ = fs::remove_dir(directory);
        }
        // Whoever removed it before us did what we were about to.
        let _ = fs::remove_file(&self.private);
        if let Some(path) = &self.booted {
            let _ = fs::remove_dir(path);
        }
        if let Some(directory) = self.private.parent() {
            let _ = fs::remove_dir(directory);
        }
    }
}

/// What process 1 is called, where it is neither us nor our keeper.
fn first_process(keeper: u32) -> Option<String> {
    if keeper == 1 {
        return None;
    }
    let name = fs::read_to_string("/proc/1/comm").ok()?;
    Some(name.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn below(directory: &Path) -> SystemdFace {
        SystemdFace {
            booted: Some(directory.join("systemd/system")),
            private: directory.join("systemd/private"),
        }
    }

    #[test]
    fn both_are_made_and_taken_away() {
        let directory = tempfile::tempdir().unwrap();
        let face = below(directory.path());
        let listener = face.listen().unwrap();
        assert!(directory.path().join("systemd/system").is_dir());
        let mode = fs::metadata(&face.private).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(UnixStream::connect(&face.private).is_ok());
        drop(listener);
        // What a dead manager left behind is in nobody's way.
        assert_eq!(face.stand_back(None), Ok(()));
        let _listener = face.listen().unwrap();
        face.remove();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_run_of_a_unit_is_told_while_it_lasts() {
        let directory = tempfile::tempdir().unwrap();
        let face = below(directory.path());
        let unit = UnitName::parse("a.service").unwrap();
        let link = directory.path().join("systemd/units/invocation:a.service");
        for run in [7, 7, 8] {
            face.begin_run(&unit, Invocation(run));
            let told = fs::read_link(&link).unwrap();
            assert_eq!(told, Path::new(&format!("{run:032x}")));
        }
        face.end_run(&unit);
        assert!(link.symlink_metadata().is_err());
        face.remove();
        assert!(!directory.path().join("systemd").exists());
        // A user's has no such place.
        let of_user = SystemdFace::of(false, Some("/run/user/7".into())).unwrap();
        assert_eq!(of_user.runs(), None);
    }

    #[test]
    fn another_manager_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let face = below(directory.path());
        assert_eq!(face.stand_back(Some("tini")), Ok(()));
        let refused = face.stand_back(Some("systemd")).unwrap_err();
        assert!(refused.contains("process 1 is systemd"), "{refused}");
        let _listener = face.listen().unwrap();
        let refused = face.stand_back(None).unwrap_err();
        assert!(refused.contains("a service manager answers"), "{refused}");
    }

    #[test]
    fn process_one_is_there_for_systemctl_unasked() {
        let whose = Whose {
            asked: Compat::Auto,
            is_root: true,
            keeper: 1,
            runs_units: true,
            first: true,
        };
        assert!(whose.is_wanted(|| true));
        assert!(!whose.is_wanted(|| false));
        for other in [
            Whose {
                asked: Compat::No,
                ..whose
            },
            Whose {
                is_root: false,
                ..whose
            },
            Whose { keeper: 7, ..whose },
            Whose {
                runs_units: false,
                ..whose
            },
            Whose {
                first: false,
                ..whose
            },
        ] {
            assert!(!other.is_wanted(|| true), "{other:?}");
        }
        let asked = Whose {
            asked: Compat::Yes,
            keeper: 7,
            ..whose
        };
        assert!(asked.is_wanted(|| false));
    }

    #[test]
    fn users_have_their_own() {
        let face = SystemdFace::of(false, Some("/run/user/7".into())).unwrap();
        assert_eq!(face.booted, None);
        assert_eq!(face.private, Path::new("/run/user/7/systemd/private"));
        assert!(SystemdFace::of(false, None).is_err());
        assert!(SystemdFace::of(false, Some("relative".into())).is_err());
    }
}
