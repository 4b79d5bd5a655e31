//! Reads the files that `crate::install::preset` is about.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::{LARGEST_FILE, MOST_ENTRIES, QUIETLY};
use crate::install::Presets;

/// The rules beside directories of unit files, the strongest first: `DIRECTORY-preset/*.preset`, as
/// `/etc/systemd/system-preset` is beside `/etc/systemd/system`. Files count in order of name
/// wherever they are, and one hides those of its name in weaker directories. What cannot be read
/// says nothing.
pub fn read(directories: &[PathBuf]) -> Presets {
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    for directory in directories {
        let mut beside = directory.as_os_str().to_owned();
        beside.push("-preset");
        for (name, path) in presets_in(Path::new(&beside)) {
            files.entry(name).or_insert(path);
        }
    }
    let texts: Vec<String> = files.values().filter_map(|path| text(path)).collect();
    Presets::parse(texts.iter().map(String::as_str))
}

fn presets_in(directory: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .take(MOST_ENTRIES)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            (name.ends_with(".preset") && !name.starts_with('.')).then(|| (name, entry.path()))
        })
        .collect()
}

fn text(path: &Path) -> Option<String> {
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(QUIETLY).open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::name::UnitName;

    #[test]
    fn stronger_directories_hide_files_of_weaker_ones() {
        let top = tempfile::tempdir().unwrap();
        let directories = ["etc", "lib"].map(|name| top.path().join(name));
        for (path, text) in [
            ("etc-preset/50-b.preset", "disable b.service\n"),
            ("etc-preset/50-b.conf", "disable c.service\n"),
            ("lib-preset/10-a.preset", "disable a.service\n"),
            ("lib-preset/50-b.preset", "disable *\n"),
            ("lib-preset/60-d.preset", "disable d.service\n"),
        ] {
            let path = top.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        // A link to nothing hides, too.
        symlink("/dev/null", top.path().join("etc-preset/60-d.preset")).unwrap();
        let presets = read(&directories);
        let of = |name: &str| presets.of(&UnitName::parse(name).unwrap()).as_str();
        assert_eq!(
            ["a.service", "b.service", "c.service", "d.service"].map(of),
            ["disabled", "disabled", "enabled", "enabled"]
        );
    }
}
