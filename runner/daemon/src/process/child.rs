//! What the new process does between clone and `execve`.
//!
//! It shares the manager's memory while the spawning thread is suspended, so everything here is
//! prepared beforehand and only raw system calls are made: no allocation, no lock, no libc function
//! that keeps state (libc's `setuid`, for one, would change every thread of the manager).
#![allow(
    unsafe_code,
    reason = "raw system calls on prepared memory; nothing safe can do this"
)]

use std::ffi::{CStr, c_char, c_int, c_long};

use super::call::{Call, Deed};
use super::step::{FENCED_STATUS, Step};

#[cfg(not(target_pointer_width = "64"))]
compile_error!("the raw identity calls used here take 16-bit ids on 32-bit machines");

/// Room for a pid in decimal, its NUL included.
pub(super) const PID_ROOM: usize = 12;

/// The whole plan as the child reads it. Every pointer points into memory that the spawning thread
/// owns and does not touch until the child has executed its program or is gone.
#[derive(Debug)]
pub(super) struct Script {
    /// Signals to set to the default disposition, as a mask (bit n-1 for signal n).
    pub default_signals: u64,
    /// Whether it stays in our session and gets the terminal that is its standard input, as a shell
    /// does it for what it runs; otherwise it gets a session of its own.
    pub foreground: bool,
    /// The registration record for the keeper, sent on this socket; -1 for none.
    pub register: c_int,
    pub record: *const u8,
    pub record_len: usize,
    /// The directory of the control group to move into; -1 where clone has done it, or none is used.
    pub cgroup: c_int,
    /// Whether to write 0 to `oom_score_adj`.
    pub reset_oom_score: bool,
    /// The descriptor table is the manager's own until the child copies the part below this number
    /// (where all sources are); 0 where clone has copied all of it.
    pub copy_below: c_int,
    /// Source descriptors for 0, 1, 2, 3 and so on. Overwritten by the child.
    pub fds: *mut c_int,
    pub fd_count: c_int,
    /// All else that is to be done, in order.
    pub calls: *const Call,
    pub call_count: usize,
    /// Places in the environment that take the pid of the child, each [`PID_ROOM`] bytes long.
    pub pid_places: *const *mut u8,
    pub pid_place_count: usize,
    pub path: *const c_char,
    pub argv: *const *const c_char,
    pub envp: *const *const c_char,
    /// Filled in by the child: the step that failed (0 for none) and its errno.
    /// Set by the child when the keeper has been told of it.
    pub registered: bool,
    pub failed_step: u32,
    pub failed_errno: c_int,
    /// Which of the calls failed, for the sentence.
    pub failed_index: usize,
}

/// Makes a system call; negative results are `-1` with errno set, as libc's `syscall` does it.
/// errno belongs to the suspended spawning thread, which reads it only after calls of its own.
macro_rules! sys {
    ($number:expr $(, $arg:expr)* $(,)?) => {
        // SAFETY: raw system call; each caller states why its arguments are valid.
        unsafe { libc::syscall($number $(, $arg as c_long)*) }
    };
}

fn errno() -> c_int {
    // SAFETY: the location of errno is always valid for the running thread.
    unsafe { *libc::__errno_location() }
}

/// Runs the script; never returns.
///
/// # Safety
/// `script` must be valid, and so must every pointer in it, until the process executes or exits;
/// nobody else may touch that memory meanwhile. Signals must be blocked.
pub(super) unsafe extern "C" fn run(script: *mut Script) -> ! {
    // SAFETY: valid and exclusive by this function's own contract.
    let script = unsafe { &mut *script };
    match steps(script) {
        Ok(never) => match never {},
        Err(step) => {
            let errno = errno();
            let fenced = step == Step::Register
                && matches!(errno, libc::EPIPE | libc::ECONNRESET | libc::ENOTCONN);
            script.failed_errno = errno;
            script.failed_step = step as u32;
            let status = if fenced { FENCED_STATUS } else { step.status() };
            loop {
                // The loop satisfies the type: exit_group does not return.
                sys!(libc::SYS_exit_group, status);
            }
        }
    }
}

/// A value that cannot exist: success of the whole script is another program running.
enum Never {}

fn steps(script: &mut Script) -> Result<Never, Step> {
    reset_signals(script.default_signals)?;
    let session = if script.foreground {
        sys!(libc::SYS_setpgid, 0, 0)
    } else {
        sys!(libc::SYS_setsid)
    };
    check(session, Step::Session)?;
    if script.register >= 0 {
        // The record is plain memory of the stated length; the call neither blocks nor raises
        // SIGPIPE, and the kernel adds our pid as the sender's credentials.
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        let (record, len) = (script.record, script.record_len);
        check(
            sys!(libc::SYS_sendto, script.register, record, len, flags, 0, 0),
            Step::Register,
        )?;
        script.registered = true;
    }
    if script.copy_below > 0 {
        let unshare = libc::CLOSE_RANGE_UNSHARE;
        let copied = sys!(libc::SYS_close_range, script.copy_below, u32::MAX, unshare);
        check(copied, Step::Descriptors)?;
    }
    if script.cgroup >= 0 {
        write_zero(script.cgroup, c"cgroup.procs", Step::Cgroup)?;
    }
    if script.reset_oom_score {
        write_zero(
            libc::AT_FDCWD,
            c"/proc/self/oom_score_adj",
            Step::OutOfMemory,
        )?;
    }
    place_descriptors(script)?;
    close_from(script.fd_count)?;
    if script.foreground {
        let group = sys!(libc::SYS_getpid) as c_int;
        // No signal stops us for this, since all are blocked. A terminal that is not ours stays
        // whose it is.
        sys!(libc::SYS_ioctl, 0, libc::TIOCSPGRP, &raw const group);
    }
    for index in 0..script.call_count {
        // SAFETY: `calls` has `call_count` elements.
        let call = unsafe { &*script.calls.add(index) };
        script.failed_index = index;
        if let Err(step) = perform(call)
            && !call.tolerated.contains(&errno())
        {
            return Err(step);
        }
    }
    fill_in_pid(script);
    // Last, so that a signal sent since clone ends this process as it would end the program, and
    // none is lost.
    let nothing: u64 = 0;
    let mask: *const u64 = &raw const nothing;
    check(
        sys!(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, mask, 0, 8),
        Step::Mask,
    )?;
    sys!(libc::SYS_execve, script.path, script.argv, script.envp);
    Err(Step::Execute)
}

fn check(result: c_long, step: Step) -> Result<(), Step> {
    if result < 0 { Err(step) } else { Ok(()) }
}

/// Carries one of the calls out; every pointer in it is valid as those of the script are.
fn perform(call: &Call) -> Result<(), Step> {
    let step = call.step;
    match call.deed {
        Deed::System(number, args) => system(number, args, step),
        Deed::Or(number, args, instead) => match system(number, args, step) {
            Err(_) if matches!(errno(), libc::EPERM | libc::EACCES) => {
                system(number, instead, step)
            }
            done => done,
        },
        Deed::Write(path, text, length) => {
            let flags = libc::O_WRONLY | libc::O_CLOEXEC;
            let fd = sys!(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags, 0);
            check(fd, step)?;
            let written = sys!(libc::SYS_write, fd, text, length);
            let failure = errno();
            sys!(libc::SYS_close, fd);
            set_errno(failure);
            check(written, step)
        }
        Deed::BecomeUser(uid, keeps_capabilities) => become_user(uid, keeps_capabilities),
        Deed::Directory(path, optional) => {
            let changed = sys!(libc::SYS_chdir, path) == 0
                || (optional && sys!(libc::SYS_chdir, c"/".as_ptr()) == 0);
            if changed { Ok(()) } else { Err(step) }
        }
    }
}

fn system(number: c_long, args: [c_long; 5], step: Step) -> Result<(), Step> {
    let [a, b, c, d, e] = args;
    check(sys!(number, a, b, c, d, e), step)
}

/// Writes `0` to a file of the kernel's; [`close_from`] closes it.
fn write_zero(directory: c_int, path: &CStr, step: Step) -> Result<(), Step> {
    let flags = libc::O_WRONLY | libc::O_CLOEXEC;
    let fd = sys!(libc::SYS_openat, directory, path.as_ptr(), flags, 0);
    check(fd, step)?;
    check(sys!(libc::SYS_write, fd, c"0".as_ptr(), 1), step)
}

/// `struct sigaction` as the kernel has it: large enough on every machine, and all zero is the
/// default disposition.
const KERNEL_SIGACTION: [u64; 8] = [0; 8];

fn reset_signals(mask: u64) -> Result<(), Step> {
    for signal in 1..=64 {
        if mask & (1 << (signal - 1)) != 0 {
            let action = KERNEL_SIGACTION.as_ptr();
            check(
                sys!(libc::SYS_rt_sigaction, signal, action, 0, 8),
                Step::Signals,
            )?;
        }
    }
    Ok(())
}

/// Which step a failure with descriptor `number` belongs to.
fn descriptor_step(number: c_int) -> Step {
    match number {
        0 => Step::Stdin,
        1 => Step::Stdout,
        2 => Step::Stderr,
        _ => Step::Descriptors,
    }
}

fn place_descriptors(script: &mut Script) -> Result<(), Step> {
    let count = script.fd_count;
    // SAFETY: `fds` has `fd_count` elements, and they are ours alone.
    let fds = unsafe { std::slice::from_raw_parts_mut(script.fds, count as usize) };
    // Sources that stand where another one is to go move out of the way first.
    for (number, fd) in (0..).zip(fds.iter_mut()) {
        if *fd < count && *fd != number {
            let moved = sys!(libc::SYS_fcntl, *fd, libc::F_DUPFD_CLOEXEC, count);
            check(moved, descriptor_step(number))?;
            *fd = moved as c_int;
        }
    }
    for (number, fd) in (0..).zip(fds.iter()) {
        let result = if *fd == number {
            sys!(libc::SYS_fcntl, *fd, libc::F_SETFD, 0)
        } else {
            sys!(libc::SYS_dup3, *fd, number, 0)
        };
        check(result, descriptor_step(number))?;
    }
    Ok(())
}

/// Closes every descriptor from `first` on. All of the manager's are close-on-exec, but a library
/// or an inherited one may not be.
fn close_from(first: c_int) -> Result<(), Step> {
    if sys!(libc::SYS_close_range, first, u32::MAX, 0) == 0 {
        return Ok(());
    }
    // Before Linux 5.9: what /proc lists, until it lists nothing that had to be closed.
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    let list = sys!(
        libc::SYS_openat,
        libc::AT_FDCWD,
        c"/proc/self/fd".as_ptr(),
        flags,
        0
    );
    check(list, Step::Descriptors)?;
    let mut room = [0u64; 256];
    loop {
        let length = sys!(
            libc::SYS_getdents64,
            list,
            room.as_mut_ptr(),
            size_of_val(&room)
        );
        check(length, Step::Descriptors)?;
        if length == 0 {
            return Ok(());
        }
        let bytes = room.as_ptr().cast::<u8>();
        let mut at = 0;
        while at < length as usize {
            // SAFETY: the kernel filled `length` bytes with whole records: inode and offset (8
            // bytes each), record length (2), type (1), and a name that ends in NUL.
            let (record_len, mut name) = unsafe {
                (
                    bytes.add(at + 16).cast::<u16>().read_unaligned() as usize,
                    bytes.add(at + 19),
                )
            };
            let mut number: c_long = 0;
            loop {
                // SAFETY: not past the NUL of the name.
                let digit = unsafe { *name };
                if !digit.is_ascii_digit() {
                    break;
                }
                number = number * 10 + c_long::from(digit - b'0');
                // SAFETY: the byte before was not the NUL.
                name = unsafe { name.add(1) };
            }
            // `.` and `..` read as 0, which stays.
            if number >= c_long::from(first) && number != list {
                sys!(libc::SYS_close, number);
            }
            at += record_len;
        }
    }
}

fn become_user(uid: u32, keeps_capabilities: bool) -> Result<(), Step> {
    check(sys!(libc::SYS_setresuid, uid, uid, uid), Step::User)?;
    // Programs have run as root because nobody looked whether this had worked.
    let mut ids = [0u32; 3];
    let [real, effective, saved] = &mut ids;
    let (real, effective, saved): (*mut u32, *mut u32, *mut u32) = (real, effective, saved);
    check(
        sys!(libc::SYS_getresuid, real, effective, saved),
        Step::User,
    )?;
    // With kept capabilities the way back is open, as the unit wants it.
    let looks = uid != 0 && !keeps_capabilities;
    if ids != [uid; 3] || (looks && sys!(libc::SYS_setresuid, -1, 0, -1) == 0) {
        set_errno(libc::EPERM);
        return Err(Step::User);
    }
    Ok(())
}

fn set_errno(value: c_int) {
    // SAFETY: the location of errno is always valid for the running thread.
    unsafe { *libc::__errno_location() = value };
}

fn fill_in_pid(script: &Script) {
    let mut digits = [0u8; PID_ROOM];
    let mut start = PID_ROOM - 1;
    let mut pid = sys!(libc::SYS_getpid);
    loop {
        start -= 1;
        digits[start] = b'0' + (pid % 10) as u8;
        pid /= 10;
        if pid == 0 {
            break;
        }
    }
    for index in 0..script.pid_place_count {
        // SAFETY: there are `pid_place_count` places of `PID_ROOM` bytes; the copy ends with the
        // NUL at the end of `digits`.
        unsafe {
            let place = *script.pid_places.add(index);
            std::ptr::copy_nonoverlapping(digits.as_ptr().add(start), place, PID_ROOM - start);
        }
    }
}
