//! The file in which lines typed are remembered: one line each, as GNU readline keeps it, so that
//! the original's file goes on being used.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// How many lines are kept.
pub(super) const LINES: usize = 1000;

/// How much of a file is looked at: whatever is larger was not written by us.
const BYTES: u64 = 4 * 1024 * 1024;

/// The lines of a file, oldest first. A file that is not there, is no plain file or cannot be read
/// has none.
pub(super) fn read(path: &Path) -> Vec<String> {
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let open = File::options()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path);
    let Ok(file) = open else {
        return Vec::new();
    };
    if !file.metadata().is_ok_and(|known| known.is_file()) {
        return Vec::new();
    }
    let mut bytes = Vec::new();
    if file.take(BYTES).read_to_end(&mut bytes).is_err() {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let skipped = lines.len().saturating_sub(LINES);
    lines.into_iter().skip(skipped).map(str::to_owned).collect()
}

/// Replaces the file by one with these lines, readable by us alone. Somebody else's link in its
/// place is replaced, never followed.
///
/// # Errors
/// When the directory cannot be written.
pub(super) fn write(path: &Path, lines: &[String]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!("-{}.tmp", std::process::id()));
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    let mut text = lines.join("\n");
    text.push('\n');
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn written_and_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history");
        assert!(read(&path).is_empty());
        let lines: Vec<String> = (0..LINES + 5).map(|n| format!("status p{n}")).collect();
        write(&path, &lines).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(read(&path), lines[5..]);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_replaced_and_a_pipe_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let (victim, path) = (
            directory.path().join("victim"),
            directory.path().join("history"),
        );
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        write(&path, &["status".to_owned()]).unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert_eq!(read(&path), ["status"]);
        let pipe = directory.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(read(&pipe).is_empty());
    }
}
