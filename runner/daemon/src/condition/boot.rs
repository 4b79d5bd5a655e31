//! Conditions about this boot.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::{Found, flag, path, text_of, virtualization};

/// Whether a word, or an assignment to it, is on the kernel's command line.
pub(super) fn kernel_command_line(parameter: &str) -> Found {
    Ok(command_line().iter().any(|word| is_word(word, parameter)))
}

fn is_word(word: &str, parameter: &str) -> bool {
    match word.strip_prefix(parameter) {
        Some("") => true,
        Some(rest) => !parameter.contains('=') && rest.starts_with('='),
        None => false,
    }
}

/// The words of the kernel's command line; in a container those of process 1, which stands for it.
fn command_line() -> Vec<String> {
    if virtualization::container().is_some() {
        let text = text_of("/proc/1/cmdline").unwrap_or_default();
        return text.split_terminator('\0').map(str::to_owned).collect();
    }
    let text = text_of("/proc/cmdline").unwrap_or_default();
    units::value::split_words(&text).unwrap_or_else(|_| {
        // Quotes that do not match: the kernel took the words as they stand, too.
        text.split_ascii_whitespace().map(str::to_owned).collect()
    })
}

/// What `name=value` says, where the command line has it; the word alone says yes.
fn said_by_command_line(name: &str) -> Option<bool> {
    let words = command_line();
    let last = words.iter().rev().find_map(|word| {
        let rest = word.strip_prefix(name)?;
        match rest.strip_prefix('=') {
            Some(value) => Some(flag(value)),
            None => rest.is_empty().then_some(Ok(true)),
        }
    });
    last.and_then(Result::ok)
}

/// Whether this is the first boot, or is not, as the parameter has it.
pub(super) fn first_boot(parameter: &str) -> Found {
    let wanted = flag(parameter)?;
    let is_first = said_by_command_line("systemd.condition-first-boot")
        .unwrap_or_else(|| Path::new("/run/systemd/first-boot").exists());
    Ok(is_first == wanted)
}

/// Whether a directory was last brought up to date before `/usr` changed. In doubt it was.
pub(super) fn needs_update(parameter: &str) -> Found {
    if let Some(said) = said_by_command_line("systemd.condition-needs-update") {
        return Ok(said);
    }
    if !parameter.starts_with('/') {
        return Ok(true);
    }
    if path::is_read_only(parameter) {
        return Ok(false);
    }
    let stamp = Path::new(parameter).join(".updated");
    let (Ok(stamp_is), Ok(usr)) = (fs::symlink_metadata(&stamp), fs::symlink_metadata("/usr"))
    else {
        return Ok(true);
    };
    if usr.mtime() != stamp_is.mtime() {
        return Ok(usr.mtime() > stamp_is.mtime());
    }
    if usr.mtime_nsec() == 0 || stamp_is.mtime_nsec() > 0 {
        return Ok(usr.mtime_nsec() > stamp_is.mtime_nsec());
    }
    // Its file system does not keep parts of a second: the file itself says.
    let text = text_of(&stamp.to_string_lossy()).unwrap_or_default();
    let written = text
        .lines()
        .find_map(|line| line.strip_prefix("TIMESTAMP_NSEC=")?.trim().parse().ok());
    let written: Option<i128> = written;
    let of_usr = i128::from(usr.mtime()) * 1_000_000_000 + i128::from(usr.mtime_nsec());
    Ok(written.is_none_or(|written| of_usr > written))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stands_alone_or_before_its_value() {
        for (word, parameter, so) in [
            ("quiet", "quiet", true),
            ("quietly", "quiet", false),
            ("root=/dev/x", "root", true),
            ("root=/dev/x", "root=/dev/x", true),
            ("root=/dev/xy", "root=/dev/x", false),
            ("quiet", "quiet=1", false),
        ] {
            assert_eq!(is_word(word, parameter), so, "{word} {parameter}");
        }
    }
}
