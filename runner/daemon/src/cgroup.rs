//! Control groups (cgroup v2): one for each running unit, where we may make them.
//!
//! Mostly their tracking is used: which processes belong to a unit, whether any is left, and killing
//! all of them at once. That needs no controller, so nobody has to be moved out of our own group;
//! `memory.rs` has what a limit needs.
//! Everything here is a call on the kernel's own memory; none can hang on a disk.

mod memory;

pub use memory::make_room_for_next;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};
use units::UnitName;

use crate::reason::reason;

/// The directory under which every unit has its group.
#[derive(Debug)]
pub struct Cgroups {
    /// In the file system.
    base: PathBuf,
    /// As `/proc/PID/cgroup` shows it.
    shown: String,
    /// The name of the group the daemon moves into, should it have to leave the one we are in.
    leaf: String,
    /// systemd puts us into a group of our own, [`SUBGROUP`].
    in_subgroup: bool,
}

/// A unit's group that a process is about to be put into.
#[derive(Debug)]
pub struct Entered {
    /// Its directory.
    pub directory: OwnedFd,
    /// Whether nobody was ever killed by way of it. A process that is cloned into a group whose
    /// `cgroup.kill` was written before, however long ago, is killed by Linux from 6.14 on, which
    /// compares that group's count of kills with the one of the group the clone comes from. Into
    /// such a group a process has to move by itself.
    pub is_new: bool,
}

/// The group of our own processes in the one that is delegated to us, where systemd has made it.
const SUBGROUP: &str = "supervisor";

/// Where cgroup2 is mounted, the usual place and the one of machines that also use version 1.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

impl Cgroups {
    /// Makes the directory for the groups of the daemon with this runtime directory, inside the
    /// group we are in. Every manager of one keeper finds the same one.
    ///
    /// # Errors
    /// A sentence that says why there are none to be had; the daemon then tells processes apart by
    /// session and descent.
    pub fn detect(runtime_dir: &Path) -> Result<Cgroups, String> {
        let mount = MOUNTS
            .iter()
            .map(Path::new)
            .find(|mount| {
                statfs(*mount).is_ok_and(|fs| fs.filesystem_type() == CGROUP2_SUPER_MAGIC)
            })
            .ok_or("cgroup version 2 is not mounted at /sys/fs/cgroup")?;
        let own = path_of("self")
            .map_err(|error| format!("cannot read /proc/self/cgroup: {error}"))?
            .ok_or("this process is in no group of cgroup version 2")?;
        if own.split('/').any(|part| part == "..") {
            return Err(format!(
                "our control group {own} is outside the mounted ones"
            ));
        }
        let id = format!(
            "runner-{:08x}",
            fnv1a(runtime_dir.as_os_str().as_encoded_bytes())
        );
        // Journald, and whoever else reads paths of groups as systemd does, finds units below slices.
        let name = format!("{id}.slice");
        let leaf = format!("{id}-daemon");
        let own = own.trim_end_matches('/');
        // A manager before this one may have moved, or systemd has put us there right away
        // (systemd.resource-control(5), DelegateSubgroup=).
        let subgroup = own.strip_suffix(SUBGROUP).filter(|_| by_systemd());
        let above = own.strip_suffix(leaf.as_str()).or(subgroup);
        let in_subgroup = subgroup.is_some();
        let own = above
            .and_then(|above| above.strip_suffix('/'))
            .unwrap_or(own);
        let parent = mount.join(own.trim_start_matches('/'));
        // A process can only be put into a group by somebody who may write to the group above both.
        let procs = parent.join("cgroup.procs");
        nix::unistd::access(&procs, nix::unistd::AccessFlags::W_OK)
            .map_err(|errno| format!("cannot write to {}: {}", procs.display(), errno.desc()))?;
        let base = parent.join(&name);
        make_directory(&base)
            .map_err(|error| format!("cannot make control group {}: {error}", base.display()))?;
        let kind = fs::read_to_string(base.join("cgroup.type")).unwrap_or_default();
        if !matches!(kind.trim(), "domain" | "domain threaded") {
            return Err(format!(
                "control group {} is of type {:?}",
                base.display(),
                kind.trim()
            ));
        }
        Ok(Cgroups {
            base,
            shown: format!("{own}/{name}"),
            leaf,
            in_subgroup,
        })
    }

    /// The group all units' groups are in, as `/proc/PID/cgroup` shows it.
    #[must_use]
    pub fn shown_base(&self) -> &str {
        &self.shown
    }

    /// A unit's group as `/proc/PID/cgroup` shows it; `None` while there is none.
    #[must_use]
    pub fn shown(&self, unit: &UnitName) -> Option<String> {
        let directory = self.directory(unit);
        let name = directory.file_name()?.to_str()?;
        directory.is_dir().then(|| format!("{}/{name}", self.shown))
    }

    /// A number from a file of a unit's group: the whole file, or what stands behind `key`.
    #[must_use]
    pub fn number(&self, unit: &UnitName, file: &str, key: Option<&str>) -> Option<u64> {
        let text = fs::read_to_string(self.directory(unit).join(file)).ok()?;
        match key {
            None => text.trim().parse().ok(),
            Some(key) => text
                .lines()
                .find_map(|line| line.strip_prefix(key)?.trim().parse().ok()),
        }
    }

    /// Removes the directory for the groups. One with processes in it stays.
    pub fn remove_base(&self) {
        // What is left is found again by the next daemon of this runtime directory.
        let _ = fs::remove_dir(&self.base);
    }

    /// The directory all units' groups are in.
    #[must_use]
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// The directory of a unit's group, whether or not it exists.
    #[must_use]
    pub fn directory(&self, unit: &UnitName) -> PathBuf {
        self.base.join(directory_name(unit))
    }

    /// Makes the unit's group if it is not there, and opens its directory. One that is there and
    /// empty is made anew.
    ///
    /// # Errors
    /// Whatever the kernel says.
    pub fn enter(&self, unit: &UnitName) -> io::Result<Entered> {
        let directory = self.directory(unit);
        // Mostly it is not there: a group goes when its unit's run is over.
        let made = match fs::create_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // An ending manager may just have removed the directory of all groups.
                make_directory(&self.base)?;
                fs::create_dir(&directory)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // One with processes, or with groups below it, stays.
                let _ = fs::remove_dir(&directory);
                fs::create_dir(&directory)
            }
            made => made,
        };
        let is_new = match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            made => made.map(|()| true)?,
        };
        let flags =
            rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
        let directory = rustix::fs::open(&directory, flags, rustix::fs::Mode::empty())?;
        Ok(Entered { directory, is_new })
    }

    /// Moves processes into the unit's group, which is made where it is not there.
    ///
    /// # Errors
    /// A sentence that says which one could not be moved, and why.
    pub fn gather(&self, unit: &UnitName, pids: &[u32]) -> Result<(), String> {
        let directory = self.directory(unit);
        let said = |what: String| move |error: io::Error| format!("{what}: {}", reason(&error));
        let made = said(format!("cannot make control group {}", directory.display()));
        self.enter(unit).map_err(made)?;
        for pid in pids {
            fs::write(directory.join("cgroup.procs"), pid.to_string()).map_err(said(format!(
                "cannot move process {pid} to control group {}",
                directory.display()
            )))?;
        }
        Ok(())
    }

    /// Whether any process is in the unit's group or below it. A missing group has none.
    #[must_use]
    pub fn is_populated(&self, unit: &UnitName) -> bool {
        // Asked at every end of a process: one buffer that always suffices, and no question first
        // how large the file is.
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC;
        let file = rustix::fs::open(self.events_file(unit), flags, rustix::fs::Mode::empty());
        let mut text = [0; 256];
        let Ok(length) = file.and_then(|file| rustix::io::read(&file, &mut text)) else {
            return false;
        };
        let text = text.get(..length).unwrap_or_default();
        text.split(|byte| *byte == b'\n')
            .any(|line| line == b"populated 1")
    }

    /// The file that changes when the unit's group becomes populated or empty.
    #[must_use]
    pub fn events_file(&self, unit: &UnitName) -> PathBuf {
        self.directory(unit).join("cgroup.events")
    }

    /// The processes of the unit's group and of every group below it.
    #[must_use]
    pub fn processes(&self, unit: &UnitName) -> Vec<u32> {
        let mut pids = Vec::new();
        for directory in subtree(self.directory(unit)) {
            let text = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
            // 0 stands for a process of a pid namespace we cannot see into.
            let listed = text.lines().filter_map(|line| line.parse::<u32>().ok());
            pids.extend(listed.filter(|pid| *pid > 0));
        }
        pids
    }

    /// Whether the process is in the unit's group or below; `None` when it is gone.
    #[must_use]
    pub fn contains(&self, unit: &UnitName, pid: u32) -> Option<bool> {
        if !crate::process::numbers_are_ours() {
            return Some(self.processes(unit).contains(&pid));
        }
        let shown = path_of(&pid.to_string()).ok()??;
        let below = shown
            .strip_prefix(&self.shown)
            .and_then(|below| below.strip_prefix('/'));
        let first = below.and_then(|below| below.split('/').next());
        Some(first.is_some_and(|first| directory_name(unit) == first))
    }

    /// Kills every process of the unit's group and below with SIGKILL, at once.
    ///
    /// # Errors
    /// `NotFound` before Linux 5.14, which cannot, and when the group is gone.
    pub fn kill(&self, unit: &UnitName) -> io::Result<()> {
        fs::write(self.directory(unit).join("cgroup.kill"), "1")
    }

    /// Keeps every process of the unit's group and below from running, or lets them go on. The key
    /// `frozen` of `cgroup.events` says when that is so.
    ///
    /// # Errors
    /// `NotFound` before Linux 5.2, which cannot, and when the group is gone.
    pub fn freeze(&self, unit: &UnitName, frozen: bool) -> io::Result<()> {
        let word = if frozen { "1" } else { "0" };
        fs::write(self.directory(unit).join("cgroup.freeze"), word)
    }

    /// Removes the unit's group and every group below it, which must be empty.
    ///
    /// # Errors
    /// `ResourceBusy` while processes are left.
    pub fn remove(&self, unit: &UnitName) -> io::Result<()> {
        let directory = self.directory(unit);
        match fs::remove_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                for below in subtree(directory).iter().rev() {
                    fs::remove_dir(below)?;
                }
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }
}

impl Drop for Cgroups {
    /// Leaves nothing behind when no unit's group is left; else the next manager needs it.
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.base);
    }
}

/// Whether systemd has started us (systemd.exec(5), `$INVOCATION_ID`).
fn by_systemd() -> bool {
    std::env::var_os("INVOCATION_ID").is_some()
}

/// A directory and all below it, parents first.
fn subtree(top: PathBuf) -> Vec<PathBuf> {
    let mut found = vec![top];
    let mut next = 0;
    while let Some(directory) = found.get(next) {
        next += 1;
        // Itself and its parent: most groups have none below them.
        if rustix::fs::stat(directory).is_ok_and(|stat| stat.st_nlink <= 2) {
            continue;
        }
        let below = fs::read_dir(directory).into_iter().flatten().flatten();
        let below: Vec<PathBuf> = below
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
        found.extend(below);
    }
    found
}

fn make_directory(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

/// The path of a process's group in version 2, from the line `0::PATH`.
fn path_of(process: &str) -> io::Result<Option<String>> {
    let text = fs::read_to_string(format!("/proc/{process}/cgroup"))?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::"));
    // The kernel marks a removed group that still has processes.
    Ok(path.map(|path| path.strip_suffix(" (deleted)").unwrap_or(path).to_owned()))
}

/// A unit's name as a directory: names that the kernel could take for its own files, or that begin
/// as an escaped one, are escaped with `_` (as systemd does it).
fn directory_name(unit: &UnitName) -> OsString {
    let name = unit.as_str();
    let reserved = name.starts_with(['_', '.']) || name.starts_with("cgroup.");
    OsString::from(if reserved {
        format!("_{name}")
    } else {
        name.to_owned()
    })
}

/// FNV-1a, 32 bits: stable over releases, unlike the standard library's hash.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> UnitName {
        UnitName::parse(text).unwrap()
    }

    #[test]
    fn names() {
        assert_eq!(directory_name(&name("a@b:c.service")), "a@b:c.service");
        assert_eq!(directory_name(&name("_a.service")), "__a.service");
        assert_eq!(directory_name(&name("cgroup.service")), "_cgroup.service");
        assert_eq!(fnv1a(b""), 0x811c_9dc5);
        assert_eq!(fnv1a(b"foobar"), 0xbf9c_f968);
    }

    #[test]
    fn life_of_a_group() {
        let unique = format!("/test/{}", std::process::id());
        let cgroups = match Cgroups::detect(Path::new(&unique)) {
            Ok(cgroups) => cgroups,
            // A machine without them still says why.
            Err(why) => return assert!(!why.is_empty()),
        };
        let unit = name("life.service");
        assert!(!cgroups.is_populated(&unit));
        assert!(cgroups.enter(&unit).unwrap().is_new);
        // Empty, so another one takes its place.
        assert!(cgroups.enter(&unit).unwrap().is_new);
        fs::create_dir(cgroups.directory(&unit).join("below")).unwrap();
        let mut child = std::process::Command::new("sleep")
            .arg("1000")
            .spawn()
            .unwrap();
        fs::write(
            cgroups.directory(&unit).join("below/cgroup.procs"),
            child.id().to_string(),
        )
        .unwrap();
        assert!(cgroups.is_populated(&unit));
        assert!(!cgroups.enter(&unit).unwrap().is_new);
        assert_eq!(cgroups.processes(&unit), [child.id()]);
        assert_eq!(cgroups.contains(&unit, child.id()), Some(true));
        assert_eq!(
            cgroups.contains(&name("other.service"), child.id()),
            Some(false)
        );
        assert!(cgroups.remove(&unit).is_err());
        if cgroups.kill(&unit).is_err() {
            child.kill().unwrap();
        }
        child.wait().unwrap();
        cgroups.remove(&unit).unwrap();
        assert!(!cgroups.directory(&unit).exists());
        let base = cgroups.base().to_owned();
        drop(cgroups);
        assert!(!base.exists());
    }
}
