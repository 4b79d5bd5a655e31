//! Descriptors 0 to 2, where whoever started us left them closed. Before `main` the standard library
//! opens `/dev/null` in their place and gives up where there is none, as in a root directory that holds
//! nothing but this program. So this is done before: whatever is opened later must not end up there,
//! and be written to by a sentence that was meant for people.
#![allow(unsafe_code, reason = "it runs before main, by the loader's table")]

use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};
use rustix::io::FdFlags;

/// The loader calls what stands in this section before `main`, and before the standard library looks.
#[used]
// SAFETY: the section is a table of functions without arguments that are of use; this one is, it
// touches nothing of the standard library and cannot panic.
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = fill;

/// Opens something harmless in the place of each standard descriptor that is closed: `/dev/null`, or an
/// empty file in memory that nothing can be written to.
pub extern "C" fn fill() {
    // SAFETY: what is behind these numbers is asked for and not used.
    let is_open = |fd| rustix::io::fcntl_getfd(unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) });
    for number in 0..=2 {
        if is_open(number).is_ok() {
            continue;
        }
        // The lowest number that is free is given out, which is this one.
        let opened = rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty()).or_else(|_| {
            let empty = rustix::fs::memfd_create("nothing", MemfdFlags::ALLOW_SEALING)?;
            let seals = SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
            rustix::fs::fcntl_add_seals(&empty, seals)?;
            rustix::io::fcntl_setfd(&empty, FdFlags::empty())?;
            Ok::<_, rustix::io::Errno>(empty)
        });
        if let Ok(fd) = opened {
            // It stays open for as long as the process lives.
            let _ = std::os::fd::IntoRawFd::into_raw_fd(fd);
        }
    }
}
