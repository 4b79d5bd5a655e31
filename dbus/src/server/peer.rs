//! Who is at the other end of the private socket, from the kernel alone: no name service, no thread.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use control::{Caller, Via};
use tokio::net::UnixStream;

/// More groups than this and the caller counts as being in none of them; Linux allows 65,536.
const MOST_GROUPS: usize = 65_536;

/// The peer's credentials at the time it connected (`SO_PEERCRED`, `SO_PEERGROUPS`; unix(7)).
///
/// # Errors
/// When the kernel does not tell, for example because it is no Unix socket.
pub(crate) fn caller(socket: &UnixStream) -> io::Result<Caller> {
    let credentials = socket.peer_cred()?;
    Ok(Caller {
        uid: credentials.uid(),
        gid: Some(credentials.gid()),
        groups: groups(socket)?,
        // 0 stands for a process of another pid namespace.
        pid: credentials
            .pid()
            .and_then(|pid| u32::try_from(pid).ok())
            .filter(|pid| *pid != 0),
        via: Via::Private,
    })
}

fn groups(socket: &impl AsFd) -> io::Result<Vec<u32>> {
    let mut groups = vec![0 as libc::gid_t; 32];
    loop {
        let size = groups.len() * size_of::<libc::gid_t>();
        let mut length = libc::socklen_t::try_from(size).map_err(io::Error::other)?;
        #[expect(unsafe_code, reason = "no crate wraps SO_PEERGROUPS")]
        // SAFETY: the buffer is valid for `length` bytes, which the kernel never exceeds, and any
        // bytes are valid gids; the descriptor is borrowed for the call.
        let result = unsafe {
            libc::getsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        if result == 0 {
            groups.truncate(length as usize / size_of::<libc::gid_t>());
            return Ok(groups);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            // The kernel says how many it would have been.
            Some(libc::ERANGE) if groups.len() < MOST_GROUPS => {
                let needed = length as usize / size_of::<libc::gid_t>();
                groups.resize(needed.clamp(groups.len() + 1, MOST_GROUPS), 0);
            }
            Some(libc::ENOPROTOOPT | libc::ERANGE) => return Ok(Vec::new()),
            _ => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn we_know_ourselves() {
        let (one, _other) = UnixStream::pair().unwrap();
        let caller = caller(&one).unwrap();
        assert_eq!(caller.uid, rustix::process::geteuid().as_raw());
        assert_eq!(caller.pid, Some(std::process::id()));
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("Groups:"))
            .unwrap();
        let mut expected: Vec<u32> = line
            .split_whitespace()
            .map(|gid| gid.parse().unwrap())
            .collect();
        let mut found = caller.groups;
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected);
    }
}
