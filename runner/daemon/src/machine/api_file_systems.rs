//! The file systems by which programs speak to the kernel, each at the place where every program looks
//! for it, with the options that systemd mounts it with (systemd 252, `mount-setup.c`). One that is
//! there already stays as it is.

use std::ffi::CString;
use std::path::Path;

use rustix::mount::MountFlags;

use crate::reason::reason;

/// One of them.
struct FileSystem {
    /// Where, below the root.
    place: &'static str,
    kind: &'static str,
    flags: MountFlags,
    /// Options of the file system itself, the wanted ones first: an old kernel knows fewer.
    options: &'static [&'static str],
    /// Not mounted where this place can be written to as it is.
    only_if_read_only: bool,
}

const SAFE: MountFlags = MountFlags::NOSUID
    .union(MountFlags::NODEV)
    .union(MountFlags::NOEXEC);

/// In the order in which one is mounted on the other.
const ALL: &[FileSystem] = &[
    row("proc", "proc", SAFE, &[""]),
    row("sys", "sysfs", SAFE, &[""]),
    row(
        "dev",
        "devtmpfs",
        MountFlags::NOSUID.union(MountFlags::STRICTATIME),
        &["mode=0755", ""],
    ),
    row(
        "dev/shm",
        "tmpfs",
        MountFlags::NOSUID
            .union(MountFlags::NODEV)
            .union(MountFlags::STRICTATIME),
        &["mode=01777"],
    ),
    row(
        "dev/pts",
        "devpts",
        MountFlags::NOSUID.union(MountFlags::NOEXEC),
        &["mode=0620,gid=5", "mode=0620"],
    ),
    row(
        "run",
        "tmpfs",
        MountFlags::NOSUID
            .union(MountFlags::NODEV)
            .union(MountFlags::STRICTATIME),
        &["mode=0755,size=20%", "mode=0755"],
    ),
    row(
        "sys/fs/cgroup",
        "cgroup2",
        SAFE,
        &["nsdelegate,memory_recursiveprot", "nsdelegate", ""],
    ),
    FileSystem {
        only_if_read_only: true,
        ..row(
            "tmp",
            "tmpfs",
            MountFlags::NOSUID
                .union(MountFlags::NODEV)
                .union(MountFlags::STRICTATIME),
            &["mode=01777"],
        )
    },
];

const fn row(
    place: &'static str,
    kind: &'static str,
    flags: MountFlags,
    options: &'static [&'static str],
) -> FileSystem {
    FileSystem {
        place,
        kind,
        flags,
        options,
        only_if_read_only: false,
    }
}

/// Mounts those that are not there below `root`; a sentence for each that cannot be.
pub(super) fn mount(root: &Path) -> Vec<String> {
    let failed = ALL.iter().filter_map(|one| one.mount(root).err());
    failed.collect()
}

impl FileSystem {
    fn mount(&self, root: &Path) -> Result<(), String> {
        let place = root.join(self.place);
        let told = |error: &std::io::Error| {
            let (kind, path) = (self.kind, place.display());
            format!("cannot mount {kind} on {path}: {}", reason(error))
        };
        if let Err(error) = std::fs::create_dir(&place)
            && error.kind() != std::io::ErrorKind::AlreadyExists
        {
            return Err(told(&error));
        }
        let writable = || {
            let asked = nix::unistd::AccessFlags::W_OK;
            nix::unistd::access(&place, asked).is_ok()
        };
        if is_mounted(&place) || self.only_if_read_only && writable() {
            return Ok(());
        }
        let mut refused = std::io::Error::from(rustix::io::Errno::INVAL);
        for options in self.options {
            let options = CString::new(*options).unwrap_or_default();
            match rustix::mount::mount(self.kind, &place, self.kind, self.flags, &*options) {
                Ok(()) => return Ok(()),
                Err(error) => refused = error.into(),
            }
        }
        Err(told(&refused))
    }
}

/// Whether something is mounted there: it is on another device than the directory above it.
fn is_mounted(place: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path: &Path| path.symlink_metadata().ok().map(|found| found.dev());
    let above = place.parent().and_then(device);
    device(place).is_some_and(|own| Some(own) != above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::statfs;
    use rustix::mount::MountPropagationFlags;

    /// In a namespace of mounts that ends with its only thread.
    fn apart(test: impl FnOnce(&Path) + Send) {
        let root = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
                let apart = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
                rustix::mount::mount_change("/", apart).unwrap();
                test(root.path());
            });
            thread.join().unwrap();
        });
        assert!(!root.path().join("proc/self").exists());
    }

    #[test]
    fn all_are_mounted_and_what_is_there_stays() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        apart(|root| {
            assert_eq!(mount(root), Vec::<String>::new());
            for (place, magic) in [
                ("proc", 0x9fa0),
                ("sys", 0x6265_6572),
                ("dev/pts", 0x1cd1),
                ("dev/shm", 0x0102_1994),
                ("run", 0x0102_1994),
                ("sys/fs/cgroup", 0x6367_7270),
            ] {
                let found = statfs(root.join(place)).unwrap();
                assert_eq!(found.f_type, magic, "{place}");
            }
            assert!(root.join("dev/null").exists());
            assert!(!is_mounted(&root.join("tmp")), "it can be written to");
            std::fs::write(root.join("run/mark"), "").unwrap();
            assert_eq!(mount(root), Vec::<String>::new());
            assert!(root.join("run/mark").exists());
        });
    }

    #[test]
    fn what_cannot_be_mounted_is_told() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("proc"), "").unwrap();
        let told = ALL[0].mount(root.path()).unwrap_err();
        let start = format!("cannot mount proc on {}/proc: ", root.path().display());
        assert!(told.starts_with(&start), "{told}");
    }
}
