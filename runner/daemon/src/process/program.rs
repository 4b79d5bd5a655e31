//! The program's file: where it is, and why it cannot be executed.

use std::ffi::c_int;
use std::path::Path;

use engine::event::SpawnFailure;

use super::SEARCH_PATH;
use super::open;
use super::step::Step;

/// The path to execute: the one that is written, or where a bare name is found among `directories`,
/// all of it as seen from `root`.
pub(super) fn find(
    path: &str,
    directories: &[Box<str>],
    root: Option<&str>,
) -> Result<String, SpawnFailure> {
    if path.starts_with('/') {
        return Ok(path.to_owned());
    }
    let search_path = search_path(directories);
    for directory in search_path.split(':') {
        let candidate = format!("{directory}/{path}");
        let seen = format!("{}{candidate}", root.unwrap_or_default());
        if is_executable(Path::new(&seen)) {
            return Ok(candidate);
        }
    }
    Err(Step::Execute.refused(format!("cannot execute {path}: it is not in {search_path}")))
}

/// The directories of `exec-search-path`, or the usual ones, as a `PATH`.
pub(super) fn search_path(directories: &[Box<str>]) -> String {
    if directories.is_empty() {
        SEARCH_PATH.to_owned()
    } else {
        directories.join(":")
    }
}

fn is_executable(path: &Path) -> bool {
    nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).is_ok()
        && std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// What `execve`'s errno does not say: the missing file is the interpreter, or the script has none.
pub(super) fn blame(path: &Path, errno: c_int) -> Option<String> {
    match errno {
        libc::ENOENT | libc::EACCES => {
            let head = open::read_head(path, 256).ok()?;
            let line = head.strip_prefix(b"#!")?;
            let line = line.split(|byte| *byte == b'\n').next()?;
            let line = String::from_utf8_lossy(line);
            let interpreter = line.split_whitespace().next()?.to_owned();
            // The carriage return of another system's text file is invisible otherwise.
            let shown = format!("{interpreter:?}");
            let bad = match errno {
                libc::ENOENT => !Path::new(&interpreter).exists() || line.ends_with('\r'),
                _ => !is_executable(Path::new(&interpreter)),
            };
            bad.then(|| {
                let shown = if line.ends_with('\r') {
                    format!("{line:?}")
                } else {
                    shown
                };
                format!("its interpreter is {shown}")
            })
        }
        libc::ENOEXEC => Some("a script needs a first line such as #!/bin/sh".to_owned()),
        _ => None,
    }
}
