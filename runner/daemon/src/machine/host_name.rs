//! The machine's own name, from `/etc/hostname` (hostname(5)); `localhost` where nobody has named it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// What the kernel calls a machine that has no name yet.
const NONE: &[u8] = b"(none)";
/// As long as a name can be (`HOST_NAME_MAX`).
const LONGEST: usize = 64;
/// So much of the file is looked at.
const LOOKED_AT: u64 = 4096;

/// Gives the machine its name. One that it has already stays where there is no file.
///
/// # Errors
/// When the file cannot be read, or the kernel does not take the name.
pub(super) fn set(file: &Path) -> io::Result<()> {
    let mut text = Vec::new();
    match File::open(file) {
        Ok(file) => drop(file.take(LOOKED_AT).read_to_end(&mut text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let text = String::from_utf8_lossy(&text);
    let is_named = rustix::system::uname().nodename().to_bytes() != NONE;
    match named(&text) {
        None if is_named => Ok(()),
        name => Ok(rustix::system::sethostname(
            name.unwrap_or("localhost").as_bytes(),
        )?),
    }
}

/// The name that is in the file: the first line which is no comment, if it can be a name.
fn named(text: &str) -> Option<&str> {
    let mut lines = text.lines().map(str::trim);
    let name = lines.find(|line| !line.is_empty() && !line.starts_with('#'))?;
    let can_be = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let fits =
        name.len() <= LONGEST && !name.starts_with(['.', '-']) && !name.ends_with(['.', '-']);
    (fits && name.bytes().all(can_be)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_says_something() {
        assert_eq!(
            named("# mine\n\n host-1.example \nother\n"),
            Some("host-1.example")
        );
        let long = "a".repeat(65);
        for text in ["", "# only\n", "a b\n", ".a\n", "a-\n", "a/b", &long] {
            assert_eq!(named(text), None, "{text:?}");
        }
    }
}
