//! Why something failed, in the words of our messages.

use std::io;

use nix::errno::Errno;

/// What an error says, in lower case and without its number: `permission denied`.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = match error.raw_os_error() {
        Some(errno) => Errno::from_raw(errno).desc().to_owned(),
        None => error.to_string(),
    };
    let mut letters = text.chars();
    match letters.next() {
        // "I/O error" and the like keep their capitals.
        Some(first) if letters.clone().next().is_some_and(char::is_lowercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_plainly() {
        assert_eq!(
            reason(&io::Error::from_raw_os_error(libc::EACCES)),
            "permission denied"
        );
        assert_eq!(
            reason(&io::Error::from_raw_os_error(libc::EIO)),
            "I/O error"
        );
        assert_eq!(reason(&io::Error::other("no such thing")), "no such thing");
    }
}
