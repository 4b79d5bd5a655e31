//! Conditions about one path.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, access};

use super::Found;

/// What a path leads to; a path that leads nowhere is no trouble, one that may not be looked at
/// neither: systemd takes both for "no".
fn metadata(path: &str) -> Option<Metadata> {
    fs::metadata(path).ok()
}

pub(super) fn exists(path: &str) -> Found {
    Ok(access(path, AccessFlags::F_OK).is_ok())
}

pub(super) fn is_directory(path: &str) -> Found {
    Ok(metadata(path).is_some_and(|found| found.is_dir()))
}

pub(super) fn is_symbolic_link(path: &str) -> Found {
    Ok(fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()))
}

pub(super) fn is_socket(path: &str) -> Found {
    Ok(metadata(path).is_some_and(|found| found.file_type().is_socket()))
}

pub(super) fn file_not_empty(path: &str) -> Found {
    Ok(metadata(path).is_some_and(|found| found.is_file() && found.len() > 0))
}

pub(super) fn file_is_executable(path: &str) -> Found {
    Ok(metadata(path).is_some_and(|found| found.is_file() && found.mode() & 0o111 != 0))
}

/// The root of a file system, or something else that is mounted on its own.
pub(super) fn is_mount_point(path: &str) -> Found {
    let Ok(real) = fs::canonicalize(path) else {
        return Ok(false);
    };
    Ok(mount_point_of(&real).is_some_and(|is| is))
}

fn mount_point_of(path: &Path) -> Option<bool> {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    if path == Path::new("/") {
        return Some(true);
    }
    let found = statx(CWD, path, AtFlags::NO_AUTOMOUNT, StatxFlags::BASIC_STATS).ok()?;
    if found
        .stx_attributes_mask
        .contains(StatxAttributes::MOUNT_ROOT)
    {
        return Some(found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT));
    }
    // Before Linux 5.8 only another device can be told from the one above.
    let above = fs::symlink_metadata(path.parent()?).ok()?;
    Some(above.dev() != fs::symlink_metadata(path).ok()?.dev())
}

/// Whether the path is there and its file system may be written to.
pub(super) fn is_read_write(path: &str) -> Found {
    Ok(!is_read_only(path) && fs::metadata(path).is_ok())
}

/// Whether a path is on a file system, or a mount, that may only be read.
pub(super) fn is_read_only(path: &str) -> bool {
    statvfs(path).is_ok_and(|found| found.flags().contains(FsFlags::ST_RDONLY))
        || access(path, AccessFlags::W_OK) == Err(nix::Error::EROFS)
}

/// A directory with a name in it that is neither hidden nor a backup.
pub(super) fn directory_not_empty(path: &str) -> Found {
    match fs::read_dir(path) {
        Ok(entries) => {
            let mut names = entries.flatten().map(|entry| entry.file_name());
            Ok(names.any(|name| !is_hidden_or_backup(&name.to_string_lossy())))
        }
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(false)
        }
        // There is a directory, and nobody says that it is empty.
        Err(_) => Ok(true),
    }
}

/// As systemd's `hidden_or_backup_file`.
fn is_hidden_or_backup(name: &str) -> bool {
    const SUFFIXES: &[&str] = &[
        "rpmnew",
        "rpmsave",
        "rpmorig",
        "dpkg-old",
        "dpkg-new",
        "dpkg-tmp",
        "dpkg-dist",
        "dpkg-bak",
        "dpkg-backup",
        "dpkg-remove",
        "ucf-new",
        "ucf-old",
        "ucf-dist",
        "swp",
        "bak",
        "old",
        "new",
    ];
    name.starts_with('.')
        || matches!(name, "lost+found" | "aquota.user" | "aquota.group")
        || name.ends_with('~')
        || name
            .rsplit_once('.')
            .is_some_and(|(_, suffix)| SUFFIXES.contains(&suffix))
}

/// The device of the file system a path is on, or the path itself where it is a block device.
pub(super) fn block_device_of(path: &str) -> Option<u64> {
    let found = metadata(path)?;
    Some(if found.file_type().is_block_device() {
        found.rdev()
    } else {
        found.dev()
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn each_says_what_is_there() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
        fs::write(at("empty"), "").expect("written");
        fs::write(at("full"), "x").expect("written");
        fs::set_permissions(at("full"), fs::Permissions::from_mode(0o700)).expect("changed");
        symlink("full", at("link")).expect("linked");
        symlink("nothing", at("dangling")).expect("linked");
        fs::create_dir(at("hollow")).expect("made");
        fs::write(at("hollow/.hidden"), "x").expect("written");
        fs::write(at("hollow/x.dpkg-old"), "x").expect("written");
        let _listens = std::os::unix::net::UnixListener::bind(at("socket")).expect("bound");
        type Ask = fn(&str) -> Found;
        let rows: &[(&str, Ask, &[&str])] = &[
            (
                "exists",
                exists,
                &["empty", "full", "link", "hollow", "socket", ""],
            ),
            ("is_directory", is_directory, &["hollow", ""]),
            ("is_symbolic_link", is_symbolic_link, &["link", "dangling"]),
            ("file_not_empty", file_not_empty, &["full", "link"]),
            ("file_is_executable", file_is_executable, &["full", "link"]),
            ("directory_not_empty", directory_not_empty, &[""]),
            (
                "is_read_write",
                is_read_write,
                &["empty", "full", "link", "hollow", "socket", ""],
            ),
            ("is_socket", is_socket, &["socket"]),
            ("is_mount_point", is_mount_point, &[]),
        ];
        for (name, ask, so) in rows {
            for path in [
                "empty", "full", "link", "dangling", "hollow", "socket", "absent", "",
            ] {
                assert_eq!(ask(&at(path)), Ok(so.contains(&path)), "{name} {path:?}");
            }
        }
        assert_eq!(is_mount_point("/proc"), Ok(true));
        assert_eq!(is_mount_point("/"), Ok(true));
    }

    #[test]
    fn backups_are_nothing() {
        for name in [".x", "x~", "x.bak", "lost+found", "a.b.dpkg-new"] {
            assert!(is_hidden_or_backup(name), "{name}");
        }
        for name in ["x", "bak", "x.conf", "old.x"] {
            assert!(!is_hidden_or_backup(name), "{name}");
        }
    }
}
