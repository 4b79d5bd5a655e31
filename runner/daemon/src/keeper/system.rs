//! The system calls that no safe wrapper offers in the form a keeper needs.
#![allow(unsafe_code, reason = "raw system calls, each with its reason")]

use std::ffi::{CStr, c_char, c_int};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use rustix::process::{Pid, WaitId, WaitIdOptions};
use units::value::Signal;

/// The signals that a keeper passes on: those that ask for something. Real-time signals are passed on
/// too, as far as they fit into the mask.
const PASSED_ON: [c_int; 7] = [
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGHUP,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGPWR,
];

/// What is not passed on to a command either: what cannot be caught, what means that we ourselves are
/// broken, and what the terminal says to those who use it without being asked.
const NEVER_PASSED_ON: [c_int; 11] = [
    libc::SIGKILL,
    libc::SIGSTOP,
    libc::SIGCHLD,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGSEGV,
    libc::SIGSYS,
    libc::SIGPIPE,
];

/// What signals have come in.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    /// Those to pass on: bit n is signal n.
    pub(super) mask: u64,
    /// Children that changed state, as far as the kernel names them.
    pub(super) children: Vec<u32>,
    /// Whether any child may have changed state.
    pub(super) child: bool,
}

/// Blocks the signals a keeper listens to, and gives the descriptor on which they come in: with
/// `all`, every one that can be passed on.
pub(super) fn listen_to_signals(all: bool) -> io::Result<OwnedFd> {
    let real_time = Signal::RTMIN.number()..Signal::RTMAX.number();
    let terminal = [libc::SIGTTIN, libc::SIGTTOU];
    let plain = (1..32)
        .filter(|signal| !NEVER_PASSED_ON.contains(signal) && !terminal.contains(signal))
        .filter(|signal| all || PASSED_ON.contains(signal));
    if all {
        // The command has the terminal, and we may still say something.
        for signal in terminal {
            // SAFETY: ignoring a signal runs no code of ours.
            unsafe { libc::signal(signal, libc::SIG_IGN) };
        }
    }
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the set is initialised by sigemptyset before anything reads it, and the descriptor
    // is new and ours.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in plain.chain(real_time).chain([libc::SIGCHLD]) {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        if libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut()) < 0 {
            return Err(io::Error::last_os_error());
        }
        match libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
            fd if fd < 0 => Err(io::Error::last_os_error()),
            fd => Ok(OwnedFd::from_raw_fd(fd)),
        }
    }
}

/// Reads all signals that have come in.
pub(super) fn read_signals(fd: BorrowedFd<'_>) -> Arrived {
    let mut arrived = Arrived::default();
    let mut buffer = MaybeUninit::<[libc::signalfd_siginfo; 16]>::uninit();
    loop {
        // SAFETY: the buffer is as long as we say, and only what the kernel filled is read.
        let infos = unsafe {
            let size = size_of_val(&buffer);
            let count = libc::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), size);
            let count = usize::try_from(count).unwrap_or(0) / size_of::<libc::signalfd_siginfo>();
            std::slice::from_raw_parts(buffer.as_ptr().cast::<libc::signalfd_siginfo>(), count)
        };
        if infos.is_empty() {
            return arrived;
        }
        for info in infos {
            if info.ssi_signo == libc::SIGCHLD.unsigned_abs() {
                arrived.child = true;
                arrived.children.push(info.ssi_pid);
            } else {
                arrived.mask |= 1_u64.checked_shl(info.ssi_signo).unwrap_or(0);
            }
        }
    }
}

/// Reaps `child`, or any child if `None`, if it has ended: pid and raw wait status.
pub(super) fn reap(child: Option<u32>) -> Option<(u32, i32)> {
    let wanted = child.map_or(Some(-1), |pid| i32::try_from(pid).ok())?;
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    let pid = unsafe { libc::waitpid(wanted, &raw mut status, libc::WNOHANG | libc::__WALL) };
    (pid > 0).then_some((pid.unsigned_abs(), status))
}

/// Whether there is any child, dead or alive.
pub(super) fn has_children() -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    rustix::process::waitid(WaitId::All, all_kinds(options)).is_ok()
}

/// Whether `pid` is a child of this process that was not reaped yet. As long as it is, the number
/// belongs to nobody else, so it may be signalled.
pub(super) fn is_child(pid: u32) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    as_pid(pid)
        .is_some_and(|pid| rustix::process::waitid(WaitId::Pid(pid), all_kinds(options)).is_ok())
}

/// Whether child `pid` was stopped since the last call.
pub(super) fn was_stopped(pid: u32) -> bool {
    let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
    as_pid(pid).is_some_and(|pid| {
        matches!(
            rustix::process::waitid(WaitId::Pid(pid), all_kinds(options)),
            Ok(Some(_))
        )
    })
}

fn all_kinds(options: WaitIdOptions) -> WaitIdOptions {
    // Children that give no SIGCHLD are children too.
    options | WaitIdOptions::from_bits_retain(libc::__WALL.unsigned_abs())
}

pub(super) fn as_pid(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

/// Sends a signal by number to a child that was not reaped yet, or to all there are (`None`).
pub(super) fn kill(child: Option<u32>, signal: u32) {
    let (Ok(pid), Ok(signal)) = (child.map_or(Ok(-1), i32::try_from), c_int::try_from(signal))
    else {
        return;
    };
    // SAFETY: kill touches no memory. It fails only for a child that is dead already or that we
    // may not signal, and then nothing better could be done.
    unsafe {
        libc::kill(pid, signal);
    }
}

/// What a new manager is made from.
pub(super) struct Birth<'a> {
    /// The program: an open file.
    pub(super) program: BorrowedFd<'a>,
    /// Its arguments, `argv[0]` first.
    pub(super) arguments: &'a [&'a CStr],
    /// Its environment. In [`Birth::own_pid`] each variable has room for the pid at its end.
    pub(super) environment: Vec<Vec<u8>>,
    /// Variables whose value is the pid of the new process, with their `=`.
    pub(super) own_pid: &'a [&'a str],
    /// The descriptors that stay open, beside 0 to 2.
    pub(super) keep_open: &'a [RawFd],
    /// What to write to `/proc/self/oom_score_adj`: the keeper's own must not be inherited.
    pub(super) oom_score: Option<&'a CStr>,
    /// Whether it gets a session of its own; otherwise it stays in ours, in the background.
    pub(super) own_session: bool,
}

/// Room for a pid in decimal digits, and the zero at the end.
const PID_ROOM: usize = 11;

/// Makes a child, away from our process group, with no signal blocked, and runs the program in it.
///
/// A program that cannot be executed shows as exit status 127.
pub(super) fn give_birth(birth: Birth<'_>) -> io::Result<u32> {
    let mut variables: Vec<Vec<u8>> = birth.environment;
    let plain = variables.len();
    for name in birth.own_pid {
        let mut variable = name.as_bytes().to_vec();
        variable.resize(name.len() + PID_ROOM, 0);
        variables.push(variable);
    }
    let mut own: Vec<(*mut u8, usize)> = Vec::new();
    let mut environment: Vec<*const c_char> = Vec::with_capacity(variables.len() + 1);
    for (number, variable) in variables.iter_mut().enumerate() {
        if variable.last() != Some(&0) {
            variable.push(0);
        }
        if number >= plain {
            own.push((variable.as_mut_ptr(), variable.len() - PID_ROOM));
        }
        environment.push(variable.as_ptr().cast());
    }
    environment.push(ptr::null());
    let mut arguments: Vec<*const c_char> = birth.arguments.iter().map(|a| a.as_ptr()).collect();
    arguments.push(ptr::null());
    // SAFETY: the keeper has one thread, so its copy may do what it likes; still it only makes
    // system calls and writes into its own copy of `variables`, which nothing else refers to.
    unsafe {
        match libc::fork() {
            pid if pid < 0 => return Err(io::Error::last_os_error()),
            0 => {}
            pid => return Ok(pid.unsigned_abs()),
        }
        if birth.own_session {
            libc::setsid();
        } else {
            libc::setpgid(0, 0);
        }
        if let Some(score) = birth.oom_score {
            let flags = libc::O_WRONLY | libc::O_CLOEXEC;
            let fd = libc::open(c"/proc/self/oom_score_adj".as_ptr(), flags);
            libc::write(fd, score.as_ptr().cast(), score.count_bytes());
            libc::close(fd);
        }
        for fd in birth.keep_open {
            libc::fcntl(*fd, libc::F_SETFD, 0);
        }
        for (variable, value) in own {
            write_number(variable.add(value), libc::getpid().unsigned_abs());
        }
        let mut nothing = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(nothing.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, nothing.as_ptr(), ptr::null_mut());
        execute(birth.program, &arguments, &environment);
        let sorry = "runnerd: cannot execute the program of the manager\n";
        libc::write(libc::STDERR_FILENO, sorry.as_ptr().cast(), sorry.len());
        libc::_exit(127)
    }
}

/// Becomes `program`; comes back only with the reason why not. The pointers end with null.
///
/// # Safety
/// All pointers before the last are strings, and live.
unsafe fn execute(
    program: BorrowedFd<'_>,
    arguments: &[*const c_char],
    environment: &[*const c_char],
) -> io::Error {
    // SAFETY: as the caller promises.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            program.as_raw_fd(),
            c"".as_ptr(),
            arguments.as_ptr(),
            environment.as_ptr(),
            libc::AT_EMPTY_PATH,
        );
    }
    io::Error::last_os_error()
}

/// Becomes `program` with these arguments and variables; comes back only with the reason why not.
pub(super) fn become_program(
    program: BorrowedFd<'_>,
    arguments: &[&CStr],
    environment: &[&CStr],
) -> io::Error {
    let pointers = |texts: &[&CStr]| -> Vec<*const c_char> {
        texts
            .iter()
            .map(|text| text.as_ptr())
            .chain([ptr::null()])
            .collect()
    };
    // SAFETY: the strings are borrowed for longer than this call.
    unsafe { execute(program, &pointers(arguments), &pointers(environment)) }
}

/// How a process is that somebody else reaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It lives, or was not reaped yet.
    Open,
    /// It ended: raw wait status.
    Ended(i32),
    /// It ended, and the kernel does not say how.
    Unknown,
}

/// `struct pidfd_info` of Linux 6.15 (`linux/pidfd.h`).
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroup: u64,
    ids: [u32; 11],
    exit_code: i32,
}

/// `_IOWR(PIDFS_IOCTL_MAGIC, 11, struct pidfd_info)`
const PIDFD_GET_INFO: libc::Ioctl = 0xc040_ff0b_u32 as libc::Ioctl;
const PIDFD_INFO_EXIT: u64 = 1 << 3;

/// Looks how a process ended whose pidfd is readable, so that it is dead at least.
pub(super) fn fate(pidfd: BorrowedFd<'_>) -> Fate {
    let mut info = PidfdInfo {
        mask: PIDFD_INFO_EXIT,
        ..PidfdInfo::default()
    };
    // SAFETY: the kernel writes no more than the size that is part of the request's number, which
    // is the size of `info`.
    let asked = unsafe { libc::ioctl(pidfd.as_raw_fd(), PIDFD_GET_INFO, &raw mut info) };
    match asked {
        0 if info.mask & PIDFD_INFO_EXIT != 0 => Fate::Ended(info.exit_code),
        // It is known how it ended once it was reaped.
        0 => Fate::Open,
        _ => Fate::Unknown,
    }
}

/// Whether the process of a pidfd has ended.
pub(super) fn has_ended(pidfd: BorrowedFd<'_>) -> bool {
    let now = rustix::event::Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let wanted = rustix::event::PollFlags::IN;
    let mut fds = [rustix::event::PollFd::from_borrowed_fd(pidfd, wanted)];
    rustix::event::poll(&mut fds, Some(&now)) == Ok(1)
}

/// Sends a signal by pidfd.
pub(super) fn kill_by(pidfd: BorrowedFd<'_>, signal: u32) {
    // SAFETY: no pointer is given. As with [`kill`], nothing better could be done about a failure.
    unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, 0, 0);
    }
}

/// The parent of a process, as `/proc` shows it.
pub(super) fn parent(pid: u32) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may contain anything.
    let (_, rest) = text.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// `SO_PEEK_OFF`, the same number wherever Linux numbers options as it usually does.
const PEEK_OFFSET: c_int = 42;

/// Lets each look (`MSG_PEEK`) begin where the one before ended, the first one at the beginning.
pub(super) fn peek_from_start(socket: BorrowedFd<'_>) -> io::Result<()> {
    let start: c_int = 0;
    // SAFETY: the option is one int, which outlives the call.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            PEEK_OFFSET,
            (&raw const start).cast(),
            size_of::<c_int>() as libc::socklen_t,
        )
    };
    match set {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Writes `number` and a zero byte.
///
/// # Safety
/// There must be [`PID_ROOM`] bytes at `at`.
unsafe fn write_number(at: *mut u8, number: u32) {
    let mut digits = [0_u8; PID_ROOM];
    let mut rest = number;
    let mut length = 0;
    loop {
        // A remainder of 10 fits into a byte.
        digits[length] = b'0' + (rest % 10) as u8;
        rest /= 10;
        length += 1;
        if rest == 0 {
            break;
        }
    }
    digits[..length].reverse();
    // SAFETY: the caller promises the room; ten digits and the zero need all of it at most.
    unsafe { ptr::copy_nonoverlapping(digits.as_ptr(), at, length + 1) };
}

/// Makes a descriptor known by its number only into an owned one, closed at the next `execve`.
///
/// # Errors
/// If it is not open.
///
/// # Safety
/// Nobody else may own it.
pub(super) unsafe fn adopt_fd(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: fcntl touches no memory.
    if fd < 0 || unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: it is open, as fcntl has just said, and the caller vouches that it is nobody's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn the_kernel_tells_how_others_children_ended_or_says_that_it_cannot() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "exit 3"])
            .spawn()
            .unwrap();
        let pid = as_pid(child.id()).unwrap();
        let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
        child.wait().unwrap();
        let fate = fate(pidfd.as_fd());
        assert!(
            matches!(fate, Fate::Ended(0x300) | Fate::Unknown),
            "{fate:?}"
        );
        assert_eq!(size_of::<PidfdInfo>(), 64, "part of the request's number");
    }

    #[test]
    fn numbers_are_written_as_people_write_them() {
        for number in [0, 7, 4_194_304, u32::MAX] {
            let mut room = [b'x'; PID_ROOM];
            // SAFETY: there is room.
            unsafe { write_number(room.as_mut_ptr(), number) };
            let text = CStr::from_bytes_until_nul(&room).unwrap();
            assert_eq!(text.to_str().unwrap(), number.to_string());
        }
    }
}
