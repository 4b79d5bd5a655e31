//! Terminals of services (systemd.exec(5), `TTYPath=` and its like).
#![allow(unsafe_code, reason = "terminals are set up by ioctl")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use units::Definition;

/// The access mode of a terminal that a user gets.
const MODE: u32 = 0o620;

/// Opens a terminal; it does not become ours.
///
/// # Errors
/// The system's, ENOTTY for what is no terminal.
pub(super) fn open(path: &Path, write_only: bool) -> io::Result<OwnedFd> {
    let access = if write_only {
        OFlags::WRONLY
    } else {
        OFlags::RDWR
    };
    let flags = access | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let terminal = rustix::fs::open(path, flags, Mode::empty())?;
    // SAFETY: asks about a descriptor we have.
    if unsafe { libc::isatty(terminal.as_raw_fd()) } != 1 {
        return Err(io::Error::from_raw_os_error(libc::ENOTTY));
    }
    let flags = rustix::fs::fcntl_getfl(&terminal)?;
    rustix::fs::fcntl_setfl(&terminal, flags - OFlags::NONBLOCK)?;
    Ok(terminal)
}

/// Does to the terminal of a unit what it asks for before its commands. What cannot be done is left
/// out, as systemd does.
pub(super) fn prepare(unit: &Definition) {
    let asks = unit.tty_vhangup()
        || unit.tty_reset()
        || unit.tty_rows().is_some()
        || unit.tty_columns().is_some();
    let path = Path::new(unit.tty_path());
    if asks && let Ok(terminal) = open(path, false) {
        let number = terminal.as_raw_fd();
        if unit.tty_vhangup() {
            /// `TIOCVHANGUP` of asm-generic/ioctls.h.
            const HANG_UP: libc::Ioctl = 0x5437;
            // SAFETY: takes no argument.
            unsafe { libc::ioctl(number, HANG_UP) };
        }
    }
    // After a hang-up the terminal has to be opened anew.
    if asks && let Ok(terminal) = open(path, false) {
        if unit.tty_reset() {
            reset(&terminal);
        }
        if unit.tty_rows().is_some() || unit.tty_columns().is_some() {
            resize(&terminal, unit.tty_rows(), unit.tty_columns());
        }
    }
    if unit.tty_vt_disallocate() {
        disallocate(path);
    }
}

/// Gives the terminal to the user of a program that reads from it.
pub(super) fn give(terminal: &OwnedFd, uid: u32) -> io::Result<()> {
    rustix::fs::fchmod(terminal, Mode::from_raw_mode(MODE))?;
    let uid = rustix::fs::Uid::from_raw(uid);
    Ok(rustix::fs::fchown(terminal, Some(uid), None)?)
}

/// What `stty sane` does, and everything that waits is thrown away.
fn reset(terminal: &OwnedFd) {
    let number = terminal.as_raw_fd();
    // SAFETY: all zero is valid for this plain structure, which is then filled in.
    let mut modes: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: reads into the structure.
    if unsafe { libc::tcgetattr(number, &raw mut modes) } < 0 {
        return;
    }
    modes.c_iflag &=
        !(libc::IGNBRK | libc::BRKINT | libc::ISTRIP | libc::INLCR | libc::IGNCR | libc::IUCLC);
    modes.c_iflag |= libc::ICRNL | libc::IMAXBEL | libc::IUTF8;
    modes.c_oflag |= libc::ONLCR | libc::OPOST;
    modes.c_cflag |= libc::CREAD;
    modes.c_lflag = libc::ISIG
        | libc::ICANON
        | libc::IEXTEN
        | libc::ECHO
        | libc::ECHOE
        | libc::ECHOK
        | libc::ECHOCTL
        | libc::ECHOKE;
    for (place, letter) in [
        (libc::VINTR, 0o3),
        (libc::VQUIT, 0o34),
        (libc::VERASE, 0o177),
        (libc::VKILL, 0o25),
        (libc::VEOF, 0o4),
        (libc::VSTART, 0o21),
        (libc::VSTOP, 0o23),
        (libc::VSUSP, 0o32),
        (libc::VLNEXT, 0o26),
        (libc::VWERASE, 0o27),
        (libc::VREPRINT, 0o22),
        (libc::VEOL, 0),
        (libc::VEOL2, 0),
        (libc::VTIME, 0),
        (libc::VMIN, 1),
    ] {
        if let Some(slot) = modes.c_cc.get_mut(place) {
            *slot = letter;
        }
    }
    // SAFETY: writes what was read, changed; and throws away what waits.
    unsafe {
        libc::tcsetattr(number, libc::TCSANOW, &raw const modes);
        libc::tcflush(number, libc::TCIOFLUSH);
    }
}

fn resize(terminal: &OwnedFd, rows: Option<u32>, columns: Option<u32>) {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let number = terminal.as_raw_fd();
    // SAFETY: reads into and writes from a structure of the right kind.
    unsafe {
        if libc::ioctl(number, libc::TIOCGWINSZ, &raw mut size) < 0 {
            return;
        }
        let short = |wanted: Option<u32>, now: u16| {
            wanted.map_or(now, |wanted| u16::try_from(wanted).unwrap_or(u16::MAX))
        };
        size.ws_row = short(rows, size.ws_row);
        size.ws_col = short(columns, size.ws_col);
        libc::ioctl(number, libc::TIOCSWINSZ, &raw const size);
    }
}

/// Gives a virtual console back to the kernel with all that was on it, or empties another terminal.
fn disallocate(path: &Path) {
    let number = path
        .to_str()
        .and_then(|path| path.strip_prefix("/dev/tty"))
        .and_then(|number| number.parse::<libc::c_ulong>().ok())
        .filter(|number| (1..=63).contains(number));
    if let Some(number) = number
        && let Ok(console) = open(Path::new("/dev/tty0"), false)
    {
        /// `VT_DISALLOCATE` of linux/vt.h.
        const DISALLOCATE: libc::Ioctl = 0x5608;
        // SAFETY: takes a number.
        if unsafe { libc::ioctl(console.as_raw_fd(), DISALLOCATE, number) } == 0 {
            return;
        }
    }
    if let Ok(terminal) = open(path, true) {
        // Whole screen, cursor home, all gone, what has scrolled away too.
        let _ = rustix::io::write(&terminal, b"\x1b[r\x1b[H\x1b[3J\x1b[2J");
    }
}

/// What `TERM` is for a terminal, where nobody says.
pub(super) fn kind(path: &str) -> &'static str {
    let console = path
        .strip_prefix("/dev/tty")
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
    if console { "linux" } else { "vt220" }
}
