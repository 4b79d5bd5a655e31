//! Limits of memory (`memory.max`), where the memory controller is ours to hand on.
//!
//! The kernel gives a controller to the groups below one only while that one holds no process of
//! its own. We are in the group above all units' groups, so the first unit with a limit makes the
//! daemon move into a group beside them; without such a unit nothing is moved.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use units::UnitName;
use units::value::MemoryLimit;

use super::{Cgroups, make_directory};
use crate::reason::reason;

const CONTROLLERS: &str = "cgroup.controllers";
const HANDED_ON: &str = "cgroup.subtree_control";
const PROCESSES: &str = "cgroup.procs";
/// Where systemd puts other processes of a unit than the main one (systemd's "Control Group APIs and
/// Delegation").
const CONTROL: &str = "/.control";

impl Cgroups {
    /// Writes a unit's limit, or takes the one of an earlier run away. Its group has to exist.
    ///
    /// # Errors
    /// A sentence that says why there is no limit.
    pub fn limit_memory(&self, unit: &UnitName, limit: MemoryLimit) -> Result<(), String> {
        let file = self.directory(unit).join("memory.max");
        let Some(bytes) = limit.of(self.memory()) else {
            // Only a group that others were left in has one.
            return match set(&file, "max") {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(format!(
                    "cannot write {}: {}",
                    file.display(),
                    reason(&error)
                )),
                _ => Ok(()),
            };
        };
        self.control_memory()?;
        set(&file, &bytes.to_string())
            .map_err(|error| format!("cannot write {}: {}", file.display(), reason(&error)))
    }

    /// Takes the controller back from units' groups, so that a process can be put into the group we
    /// were started in: that of the next keeper. Limits come back with that one. Not where that goes
    /// into a group of its own anyway.
    pub fn make_room(&self) {
        let Some(group) = self.base.parent().filter(|_| !self.in_subgroup) else {
            return;
        };
        for group in [self.base.as_path(), group] {
            let file = group.join(HANDED_ON);
            if names_memory(&file)
                && let Err(error) = set(&file, "-memory")
            {
                tracing::warn!("cannot write {}: {}", file.display(), reason(&error));
            }
        }
    }

    /// How often the kernel has killed a process of the unit's group because of its limit.
    #[must_use]
    pub fn memory_kills(&self, unit: &UnitName) -> u64 {
        self.number(unit, "memory.events", Some("oom_kill"))
            .unwrap_or(0)
    }

    /// The memory there is, in bytes: the machine's, or what the groups we are in may use of it.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let limits = self.base.ancestors().skip(1).filter_map(|group| {
            let text = fs::read_to_string(group.join("memory.max")).ok()?;
            text.trim().parse::<u64>().ok()
        });
        limits.chain([machine_memory()]).min().unwrap_or(u64::MAX)
    }

    /// Sees to it that units' groups have the memory controller.
    fn control_memory(&self) -> Result<(), String> {
        if !names_memory(&self.base.join(CONTROLLERS)) {
            self.take_memory()?;
        }
        let file = self.base.join(HANDED_ON);
        if names_memory(&file) {
            return Ok(());
        }
        set(&file, "+memory")
            .map_err(|error| format!("cannot write {}: {}", file.display(), reason(&error)))
    }

    /// Hands the controller on from the group we are in.
    fn take_memory(&self) -> Result<(), String> {
        let Some(group) = self.base.parent() else {
            return Err("there is no control group above ours".to_owned());
        };
        if !names_memory(&group.join(CONTROLLERS)) {
            return Err(format!(
                "control group {} has no memory controller",
                group.display()
            ));
        }
        let file = group.join(HANDED_ON);
        let mut written = set(&file, "+memory");
        if written
            .as_ref()
            .is_err_and(|error| error.raw_os_error() == Some(libc::EBUSY))
        {
            self.move_daemon(group)?;
            written = set(&file, "+memory");
        }
        written.map_err(|error| format!("cannot write {}: {}", file.display(), reason(&error)))
    }

    /// Moves keeper and manager into a group of their own. Strangers are left where they are.
    fn move_daemon(&self, group: &Path) -> Result<(), String> {
        let text = fs::read_to_string(group.join(PROCESSES)).unwrap_or_default();
        let ours = [
            std::process::id(),
            nix::unistd::getppid().as_raw().unsigned_abs(),
        ];
        let listed: Vec<u32> = text.lines().filter_map(|line| line.parse().ok()).collect();
        if let Some(stranger) = listed.iter().find(|pid| !ours.contains(pid)) {
            return Err(format!(
                "process {stranger} is in control group {} beside us, so the kernel hands no controller on",
                group.display()
            ));
        }
        let leaf = group.join(&self.leaf);
        make_directory(&leaf).map_err(|error| {
            format!(
                "cannot make control group {}: {}",
                leaf.display(),
                reason(&error)
            )
        })?;
        for pid in listed {
            set(&leaf.join(PROCESSES), &pid.to_string()).map_err(|error| {
                format!(
                    "cannot move process {pid} to {}: {}",
                    leaf.display(),
                    reason(&error)
                )
            })?;
        }
        Ok(())
    }
}

/// Does what [`Cgroups::make_room`] does where no manager is left that could: before systemd starts
/// us again it runs the commands of `ExecStopPost=` in a group `.control` of their own, so that they
/// can be run at all. Anywhere else there is nothing to do.
///
/// # Errors
/// A sentence that names the group from which the controller cannot be taken.
pub fn make_room_for_next() -> Result<(), String> {
    let own = super::path_of("self").map_err(|error| format!("/proc/self/cgroup: {error}"))?;
    let group = own.as_deref().and_then(|own| own.strip_suffix(CONTROL));
    let Some(group) = group else {
        return Ok(());
    };
    super::MOUNTS
        .iter()
        .map(|mount| Path::new(mount).join(group.trim_start_matches('/')))
        .find(|group| group.join(HANDED_ON).exists())
        .map_or(Ok(()), |group| take_back(&group))
}

/// Takes the controller back from the groups of all daemons in this group, and from this one.
fn take_back(group: &Path) -> Result<(), String> {
    // There we are put into a group of our own.
    if group.join(super::SUBGROUP).is_dir() {
        return Ok(());
    }
    let inside = fs::read_dir(group)
        .map_err(|error| format!("{}: {}", group.display(), reason(&error)))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join(HANDED_ON).is_file());
    for group in inside.chain([group.to_owned()]) {
        let file = group.join(HANDED_ON);
        if names_memory(&file) {
            set(&file, "-memory")
                .map_err(|error| format!("cannot write {}: {}", file.display(), reason(&error)))?;
        }
    }
    Ok(())
}

/// Writes to a file of the kernel's, which has to be there.
fn set(file: &Path, text: &str) -> io::Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(file)?
        .write_all(text.as_bytes())
}

/// Whether a list of controllers has the one for memory.
fn names_memory(file: &Path) -> bool {
    fs::read_to_string(file)
        .is_ok_and(|text| text.split_ascii_whitespace().any(|word| word == "memory"))
}

/// What the machine has, in bytes.
fn machine_memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    total
        .and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok())
        .map_or(u64::MAX, |kib| kib.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that stands in for the group we are in, with one for a unit.
    fn stand_in(controllers: &str) -> (tempfile::TempDir, Cgroups, UnitName) {
        let directory = tempfile::tempdir().unwrap();
        let group = directory.path();
        let cgroups = Cgroups {
            base: group.join("runner-1"),
            shown: "/runner-1".to_owned(),
            leaf: "runner-1-daemon".to_owned(),
            in_subgroup: false,
        };
        let unit = UnitName::parse("a.service").unwrap();
        fs::create_dir_all(cgroups.directory(&unit)).unwrap();
        fs::write(group.join(CONTROLLERS), controllers).unwrap();
        fs::write(group.join(HANDED_ON), "").unwrap();
        fs::write(group.join("memory.max"), "1073741824\n").unwrap();
        fs::write(cgroups.base().join(CONTROLLERS), "cpu").unwrap();
        fs::write(cgroups.base().join(HANDED_ON), "").unwrap();
        (directory, cgroups, unit)
    }

    #[test]
    fn the_controller_is_handed_on_and_the_limit_written() {
        let (group, cgroups, unit) = stand_in("cpu memory pids\n");
        let file = cgroups.directory(&unit).join("memory.max");
        fs::write(&file, "max\n").unwrap();
        let limit = |text: &str| {
            let limit = MemoryLimit::parse(text).unwrap();
            cgroups.limit_memory(&unit, limit).unwrap();
            fs::read_to_string(&file).unwrap()
        };
        // No limit: nothing is handed on.
        assert_eq!(limit("infinity"), "max");
        let handed_on = |group: &Path| fs::read_to_string(group.join(HANDED_ON)).unwrap();
        assert_eq!(handed_on(group.path()), "");
        assert_eq!(limit("64M"), "67108864");
        assert_eq!(handed_on(group.path()), "+memory");
        assert_eq!(handed_on(cgroups.base()), "+memory");
        // A share is of what the group we are in may use.
        assert_eq!(limit("25%"), "268435456");
        let events = cgroups.directory(&unit).join("memory.events");
        assert_eq!(cgroups.memory_kills(&unit), 0);
        fs::write(events, "max 3\noom 2\noom_kill 2\noom_group_kill 0\n").unwrap();
        assert_eq!(cgroups.memory_kills(&unit), 2);
    }

    #[test]
    fn the_controller_is_taken_back() {
        let (group, mut cgroups, unit) = stand_in("memory");
        let limit = MemoryLimit::parse("64M").unwrap();
        fs::write(cgroups.directory(&unit).join("memory.max"), "max\n").unwrap();
        cgroups.limit_memory(&unit, limit).unwrap();
        for file in [group.path(), cgroups.base()].map(|group| group.join(HANDED_ON)) {
            fs::write(file, "memory\n").unwrap();
        }
        cgroups.in_subgroup = true;
        cgroups.make_room();
        let handed_on = |group: &Path| fs::read_to_string(group.join(HANDED_ON)).unwrap();
        assert_eq!(handed_on(group.path()), "memory\n");
        cgroups.in_subgroup = false;
        cgroups.make_room();
        assert_eq!(handed_on(cgroups.base()), "-memory");
        assert_eq!(handed_on(group.path()), "-memory");
    }

    #[test]
    fn the_controller_is_taken_back_without_a_manager() {
        let (group, cgroups, unit) = stand_in("memory");
        let files = [group.path(), cgroups.base()].map(|group| group.join(HANDED_ON));
        let fill = || {
            files
                .iter()
                .for_each(|file| fs::write(file, "cpu memory\n").unwrap())
        };
        let read = || {
            files
                .each_ref()
                .map(|file| fs::read_to_string(file).unwrap())
        };
        fill();
        take_back(group.path()).unwrap();
        assert_eq!(read(), ["-memory", "-memory"]);
        assert!(!cgroups.directory(&unit).join(HANDED_ON).exists());
        fill();
        fs::create_dir(group.path().join(super::super::SUBGROUP)).unwrap();
        take_back(group.path()).unwrap();
        assert_eq!(read(), ["cpu memory\n", "cpu memory\n"]);
    }

    #[test]
    fn without_the_controller_the_reason_is_said() {
        let (group, cgroups, unit) = stand_in("cpu pids\n");
        let limit = MemoryLimit::parse("64M").unwrap();
        let why = cgroups.limit_memory(&unit, limit).unwrap_err();
        let group = group.path().display();
        assert_eq!(
            why,
            format!("control group {group} has no memory controller")
        );
        // Handed on, and still no file: said as well.
        let (_group, cgroups, unit) = stand_in("memory");
        let why = cgroups.limit_memory(&unit, limit).unwrap_err();
        assert!(
            why.ends_with("memory.max: no such file or directory"),
            "{why}"
        );
        let none = MemoryLimit::parse("infinity").unwrap();
        assert_eq!(cgroups.limit_memory(&unit, none), Ok(()));
    }

    #[test]
    fn strangers_are_not_moved() {
        let (group, cgroups, _) = stand_in("memory");
        let file = group.path().join(PROCESSES);
        fs::write(&file, format!("{}\n1\n", std::process::id())).unwrap();
        let why = cgroups.move_daemon(group.path()).unwrap_err();
        assert!(why.starts_with("process 1 is in control group"), "{why}");
        assert!(!group.path().join("runner-1-daemon").exists());
    }
}
