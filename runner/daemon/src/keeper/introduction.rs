//! How a keeper tells the process it starts that it is its manager, and on which descriptor.

use std::env;
use std::fmt;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use rustix::net::SocketType;

/// The environment variable that makes a process a manager. It never reaches a service.
pub(super) const VARIABLE: &str = "RUNNER_MANAGER";

/// What a manager is told at its start: `SOCKET KEEPER SOFT_LIMIT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Introduction {
    socket: RawFd,
    /// The pid of the keeper, which is the manager's parent.
    pub keeper: u32,
    /// The soft limit of open files that was in force before the keeper raised it: what services
    /// get that ask for nothing else.
    pub open_files: u64,
}

impl Introduction {
    pub(super) fn new(socket: RawFd, keeper: u32, open_files: u64) -> Introduction {
        Introduction {
            socket,
            keeper,
            open_files,
        }
    }

    fn parse(text: &str) -> Option<Introduction> {
        let mut words = text.split(' ');
        let introduction = Introduction {
            socket: words.next()?.parse().ok()?,
            keeper: words.next()?.parse().ok()?,
            open_files: words.next()?.parse().ok()?,
        };
        words.next().is_none().then_some(introduction)
    }

    /// Whether this process was started as a manager by its parent. A variable that merely leaked
    /// does not say so: the parent must be the keeper it names.
    #[must_use]
    pub fn is_there() -> bool {
        Introduction::read().is_some()
    }

    fn read() -> Option<Introduction> {
        let introduction = Introduction::parse(&env::var(VARIABLE).ok()?)?;
        let parent = rustix::process::getppid()?
            .as_raw_nonzero()
            .get()
            .unsigned_abs();
        (introduction.keeper == parent).then_some(introduction)
    }

    /// Takes the socket, and the variable out of the environment. `None` if no keeper started this
    /// process, and the second time.
    #[must_use]
    pub fn take() -> Option<(Introduction, OwnedFd)> {
        let introduction = Introduction::read()?;
        // SAFETY: the manager has a single thread when it takes over, so nobody reads the
        // environment meanwhile.
        #[allow(unsafe_code, reason = "std offers no other way")]
        unsafe {
            env::remove_var(VARIABLE);
        }
        // SAFETY: the keeper left this descriptor open for us, and the variable that names it is
        // gone now, so nobody takes it twice.
        #[allow(unsafe_code, reason = "a descriptor comes in by number")]
        let socket = unsafe { OwnedFd::from_raw_fd(introduction.socket) };
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC).ok()?;
        let kind = rustix::net::sockopt::socket_type(&socket).ok()?;
        (kind == SocketType::SEQPACKET).then_some((introduction, socket))
    }
}

impl fmt::Display for Introduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.socket, self.keeper, self.open_files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let introduction = Introduction::new(5, 1, u64::MAX);
        assert_eq!(
            Introduction::parse(&introduction.to_string()),
            Some(introduction)
        );
        for text in ["", "5", "5 1", "5 1 x", "5 1 1024 7", "5  1 1024"] {
            assert_eq!(Introduction::parse(text), None, "{text}");
        }
    }

    #[test]
    fn nobody_started_this_test_as_a_manager() {
        assert!(!Introduction::is_there());
    }
}
