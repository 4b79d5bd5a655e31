//! Clone: the one place where a process comes into being.
//!
//! The new process shares the manager's memory and the calling thread stands still until it has
//! executed its program or is gone (`CLONE_VM | CLONE_VFORK`), so the cost does not grow with the
//! manager's heap, and a failing step is simply read from memory afterwards. It is a child of the
//! keeper from its first instruction on (`CLONE_PARENT`).
#![allow(
    unsafe_code,
    reason = "clone on a stack of our own cannot be had from safe code"
)]

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU8, Ordering};

use super::child::{self, Script};

/// How a process is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Method {
    /// `clone3`, straight into the control group where there is one.
    IntoCgroup,
    /// `clone3`; the child moves itself into its control group.
    Clone3,
    /// glibc's `clone`: where a container's seccomp filter refuses `clone3`.
    Clone,
}

impl Method {
    const ALL: [Method; 3] = [Method::IntoCgroup, Method::Clone3, Method::Clone];

    fn from_number(number: u8) -> Method {
        Method::ALL
            .get(usize::from(number))
            .copied()
            .unwrap_or(Method::Clone)
    }
}

/// Which method works here; learned once, for all threads that launch.
#[derive(Debug)]
pub struct KnownMethod(AtomicU8);

impl KnownMethod {
    /// Begins with `best`; what is refused is not tried again.
    #[must_use]
    pub const fn starting_with(best: Method) -> KnownMethod {
        KnownMethod(AtomicU8::new(best as u8))
    }

    /// The best method that has not been refused so far.
    #[must_use]
    pub fn get(&self) -> Method {
        Method::from_number(self.0.load(Ordering::Relaxed))
    }

    fn at_least(&self, method: Method) {
        self.0.fetch_max(method as u8, Ordering::Relaxed);
    }
}

/// Memory for the child to run on until it executes its program. One per launching thread: the
/// thread is suspended while the stack is in use.
#[derive(Debug)]
pub(super) struct Stack {
    base: *mut c_void,
}

// SAFETY: the mapping belongs to this value alone, and any thread may use it.
unsafe impl Send for Stack {}

const STACK_SIZE: usize = 64 * 1024;
const GUARD_SIZE: usize = 64 * 1024;

impl Stack {
    /// Maps a stack with an inaccessible guard below it.
    ///
    /// # Errors
    /// When the machine has no memory for it.
    pub(super) fn new() -> io::Result<Stack> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                GUARD_SIZE + STACK_SIZE,
                protection,
                flags,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let stack = Stack { base };
        // SAFETY: the lower part of the mapping made above.
        if unsafe { libc::mprotect(base, GUARD_SIZE, libc::PROT_NONE) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(stack)
    }

    /// The lowest usable address.
    fn low(&self) -> *mut c_void {
        // SAFETY: within the mapping.
        unsafe { self.base.byte_add(GUARD_SIZE) }
    }

    /// The address above the highest usable one.
    fn top(&self) -> *mut c_void {
        // SAFETY: one past the end of the mapping.
        unsafe { self.base.byte_add(GUARD_SIZE + STACK_SIZE) }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: our own mapping; no child runs on it, since launching returned.
        unsafe { libc::munmap(self.base, GUARD_SIZE + STACK_SIZE) };
    }
}

/// What a launch is to do about parents and control groups.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placement {
    /// Make it a child of our parent (the keeper) instead of ours.
    pub of_our_parent: bool,
    /// The control group's directory.
    pub cgroup: Option<RawFd>,
    /// Let the child move there by itself: see [`crate::cgroup::Entered`].
    pub by_itself: bool,
}

/// A process that exists, or existed: whether a step failed is in the script.
#[derive(Debug)]
pub(super) struct Launched {
    pub pid: i32,
    pub pidfd: OwnedFd,
}

/// Makes a process that runs `script`, and returns when it has executed its program or is gone.
///
/// # Errors
/// The errno of clone, when there is no process.
///
/// # Safety
/// Every pointer in `script` must be valid, and its memory untouched by others, until this returns.
pub(super) unsafe fn launch(
    script: &mut Script,
    placement: Placement,
    stack: &Stack,
    known: &KnownMethod,
) -> io::Result<Launched> {
    let blocked = BlockedSignals::all();
    let copy_below = script.copy_below;
    let mut method = known.get();
    if placement.cgroup.is_none() || placement.by_itself {
        method = method.max(Method::Clone3);
    }
    let result = loop {
        let by_itself = method != Method::IntoCgroup;
        script.cgroup = placement.cgroup.filter(|_| by_itself).unwrap_or(-1);
        // Above the copied part there would be no control group to enter, and what the child opened
        // in a shared table would stay open here.
        let share_files = copy_below > 0 && script.cgroup < 0;
        script.copy_below = if share_files { copy_below } else { 0 };
        let mut pidfd: c_int = -1;
        // SAFETY: passed on from the caller; signals are blocked.
        let pid = unsafe {
            match method {
                Method::IntoCgroup | Method::Clone3 => {
                    let cgroup = placement.cgroup.filter(|_| !by_itself);
                    clone3(script, placement.of_our_parent, cgroup, stack, &mut pidfd)
                }
                Method::Clone => clone(script, placement.of_our_parent, stack, &mut pidfd),
            }
        };
        if pid >= 0 {
            // SAFETY: the kernel has just made this descriptor for us.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            break Ok(Launched { pid, pidfd });
        }
        match next_method(method, -pid) {
            Some(next) => {
                // That one unit's group is in a bad state says nothing about the others.
                if matches!(
                    -pid,
                    libc::ENOSYS | libc::EINVAL | libc::E2BIG | libc::EPERM
                ) {
                    known.at_least(next);
                }
                method = next;
            }
            None => break Err(io::Error::from_raw_os_error(-pid)),
        }
    };
    drop(blocked);
    result
}

/// What to try after `method` was refused with `errno`; `None` when another way would not help.
fn next_method(method: Method, errno: c_int) -> Option<Method> {
    match (method, errno) {
        // No such system call at all: the one without a control group does not exist either.
        (Method::IntoCgroup | Method::Clone3, libc::ENOSYS) => Some(Method::Clone),
        (
            Method::IntoCgroup,
            libc::EPERM
            | libc::EACCES
            | libc::EBUSY
            | libc::EOPNOTSUPP
            | libc::EINVAL
            | libc::E2BIG
            | libc::ENODEV,
        ) => Some(Method::Clone3),
        (Method::Clone3, libc::EPERM | libc::EINVAL | libc::E2BIG) => Some(Method::Clone),
        _ => None,
    }
}

/// Every signal blocked in this thread while it lives: the child must not run a handler of ours.
struct BlockedSignals {
    before: u64,
}

impl BlockedSignals {
    fn all() -> BlockedSignals {
        let all = u64::MAX;
        let mut before = 0u64;
        // SAFETY: two masks of the kernel's size. The raw call, since libc's leaves two signals out.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigprocmask,
                libc::SIG_SETMASK,
                &raw const all,
                &raw mut before,
                8usize,
            )
        };
        BlockedSignals { before }
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: a mask of the kernel's size, as it was before.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigprocmask,
                libc::SIG_SETMASK,
                &raw const self.before,
                std::ptr::null_mut::<u64>(),
                8usize,
            )
        };
    }
}

// Not all of these are in libc for every target.
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// The flag that lets the child begin with our descriptor table instead of a copy: copying takes
/// time for every descriptor the manager has.
fn shared_files(script: &Script) -> u64 {
    if script.copy_below > 0 {
        libc::CLONE_FILES as u64
    } else {
        0
    }
}

/// `clone3`; a pid, or a negative errno.
///
/// # Safety
/// As [`launch`]; signals must be blocked.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
unsafe fn clone3(
    script: &mut Script,
    of_our_parent: bool,
    cgroup: Option<RawFd>,
    stack: &Stack,
    pidfd: &mut c_int,
) -> c_int {
    // SAFETY: all zero is valid for this plain structure.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = (libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD) as u64
        | CLONE_CLEAR_SIGHAND
        | shared_files(script);
    args.pidfd = pidfd as *mut c_int as u64;
    args.stack = stack.low() as u64;
    args.stack_size = STACK_SIZE as u64;
    if of_our_parent {
        // The exit signal is then the manager's own; a given one is refused.
        args.flags |= libc::CLONE_PARENT as u64;
    } else {
        args.exit_signal = libc::SIGCHLD as u64;
    }
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup as u64;
    }
    let args: *const libc::clone_args = &raw const args;
    let size = size_of::<libc::clone_args>();
    let script: *mut Script = script;
    let result: i64;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the parent sees an ordinary system call. The child begins on its own 16-byte aligned
    // stack, with the registers of the parent, and calls a function that never returns.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone3 => result,
            in("rdi") args,
            in("rsi") size,
            in("r12") script,
            in("r13") child::run as unsafe extern "C" fn(*mut Script) -> !,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!(
            "svc #0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x30, xzr",
            "mov x0, x20",
            "blr x21",
            "brk #1",
            "2:",
            inlateout("x0") args => result,
            in("x1") size,
            in("x8") libc::SYS_clone3,
            in("x20") script,
            in("x21") child::run as unsafe extern "C" fn(*mut Script) -> !,
        );
    }
    result as c_int
}

/// Machines whose registers nobody has written down here use glibc's `clone`.
///
/// # Safety
/// None needed.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn clone3(_: &mut Script, _: bool, _: Option<RawFd>, _: &Stack, _: &mut c_int) -> c_int {
    -libc::ENOSYS
}

/// glibc's `clone`; a pid, or a negative errno.
///
/// # Safety
/// As [`launch`]; signals must be blocked.
unsafe fn clone(
    script: &mut Script,
    of_our_parent: bool,
    stack: &Stack,
    pidfd: &mut c_int,
) -> c_int {
    /// # Safety
    /// `script` is the script of the launch.
    extern "C" fn start(script: *mut c_void) -> c_int {
        // SAFETY: `launch` passes its script, and nobody else touches it meanwhile.
        unsafe { child::run(script.cast()) }
    }
    let parent = if of_our_parent { libc::CLONE_PARENT } else { 0 };
    let parent = parent | shared_files(script) as c_int;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD | parent;
    // This call does not clear handlers, and a handler of ours must not run in the child.
    let wanted = std::mem::replace(&mut script.default_signals, EVERY_SETTABLE_SIGNAL);
    let script_ptr: *mut Script = &raw mut *script;
    // SAFETY: the stack is our own and large enough; the function never returns; the pidfd is
    // stored through the third argument.
    let pid = unsafe {
        libc::clone(
            start,
            stack.top(),
            flags,
            script_ptr.cast(),
            pidfd as *mut c_int,
        )
    };
    let errno = io::Error::last_os_error()
        .raw_os_error()
        .unwrap_or(libc::EINVAL);
    script.default_signals = wanted;
    if pid < 0 { -errno } else { pid }
}

/// All signals but SIGKILL and SIGSTOP, whose disposition cannot be set.
const EVERY_SETTABLE_SIGNAL: u64 = !((1 << (libc::SIGKILL - 1)) | (1 << (libc::SIGSTOP - 1)));

/// The signals that this process ignores: `execve` and `CLONE_CLEAR_SIGHAND` keep them ignored.
pub(super) fn ignored_signals() -> u64 {
    let mut mask = 0;
    for signal in 1..=64 {
        let mut action = [0u64; 8];
        // SAFETY: reads one disposition into a buffer larger than the kernel's structure.
        let result = unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                std::ptr::null::<u64>(),
                action.as_mut_ptr(),
                8usize,
            )
        };
        if result == 0 && action[0] == libc::SIG_IGN as u64 {
            mask |= 1 << (signal - 1);
        }
    }
    mask
}

/// Whether a process can copy a part of its descriptor table (Linux 5.9).
pub(super) fn can_copy_part() -> bool {
    // SAFETY: closes nothing: no descriptor has this number.
    unsafe { libc::syscall(libc::SYS_close_range, u32::MAX, u32::MAX, 0) == 0 }
}

/// Reaps a child of our own; children of the keeper are reaped by the keeper.
pub(super) fn reap_own(pid: i32) {
    let mut status = 0;
    loop {
        // SAFETY: waits for one child of ours.
        let result = unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL) };
        let again = result < 0 && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted;
        if !again {
            return;
        }
    }
}
