//! The interface by which programs of one machine speak to each other over the network: without
//! somebody who switches it on there is no 127.0.0.1 (systemd 252, `loopback-setup.c`).

use std::io;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

/// `RTM_NEWLINK` of rtnetlink(7).
const CHANGE_LINK: u16 = 16;
/// `NLM_F_REQUEST | NLM_F_ACK` of netlink(7).
const ASKED_AND_ANSWERED: u16 = 1 | 4;
/// `IFF_UP` of netdevice(7).
const UP: u32 = 1;

/// Switches it on.
///
/// # Errors
/// Whatever the kernel says; it is not there where the network is not the machine's.
pub(super) fn switch_on() -> io::Result<()> {
    let index = nix::net::if_::if_nametoindex("lo")?;
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        // `NETLINK_ROUTE`, the first of them.
        None,
    )?;
    rustix::net::send(&socket, &request(index), SendFlags::empty())?;
    let mut answer = [0; 512];
    let (length, _) = rustix::net::recv(&socket, &mut answer, RecvFlags::empty())?;
    outcome(answer.get(..length).unwrap_or_default())
}

/// A `struct nlmsghdr` and a `struct ifinfomsg` that changes nothing but this one flag.
fn request(index: u32) -> [u8; 32] {
    let mut message = [0; 32];
    message[0..4].copy_from_slice(&32_u32.to_ne_bytes());
    message[4..6].copy_from_slice(&CHANGE_LINK.to_ne_bytes());
    message[6..8].copy_from_slice(&ASKED_AND_ANSWERED.to_ne_bytes());
    message[20..24].copy_from_slice(&index.to_ne_bytes());
    message[24..28].copy_from_slice(&UP.to_ne_bytes());
    message[28..32].copy_from_slice(&UP.to_ne_bytes());
    message
}

/// What a `struct nlmsgerr` says: a negative number of an error, or 0.
fn outcome(answer: &[u8]) -> io::Result<()> {
    let code = answer.get(16..20).and_then(|code| code.try_into().ok());
    match code.map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(code.saturating_neg())),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_the_kernel_reads_and_reads_what_it_says() {
        let message = request(7);
        let word = |at: usize| u32::from_ne_bytes(message[at..at + 4].try_into().unwrap());
        assert_eq!([word(0), word(20), word(24), word(28)], [32, 7, 1, 1]);
        let answer = |code: i32| {
            let mut answer = vec![0; 16];
            answer.extend(code.to_ne_bytes());
            outcome(&answer).map_err(|error| error.raw_os_error())
        };
        assert_eq!(answer(0), Ok(()));
        assert_eq!(answer(-libc::EPERM), Err(Some(libc::EPERM)));
        assert!(outcome(&[0; 16]).is_err());
    }
}
