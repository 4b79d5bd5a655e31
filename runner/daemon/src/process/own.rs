//! What we are ourselves, as far as children depend on it: looked up once, since it does not change.
#![allow(unsafe_code, reason = "capget and prctl have no safe form here")]

use std::ffi::c_int;

use units::value::Personality;

/// Our own privileges and limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) permitted: u64,
    pub(super) inheritable: u64,
    pub(super) bounding: u64,
    /// The highest capability the kernel has.
    pub(super) last_capability: u32,
    /// Our nice level, and how far it may be lowered as the kernel counts it.
    pub(super) nice: i32,
    pub(super) nice_limit: u64,
    /// The wide personality of this machine, where we know a name for it.
    pub(super) personality: Option<Personality>,
    /// Our `coredump_filter`, as it is written.
    pub(super) dump_filter: Option<String>,
    /// Hard limits by number.
    hard: [u64; 16],
}

impl Own {
    /// Looks.
    pub(super) fn look() -> Own {
        let last_capability = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap")
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(40)
            .min(62);
        let (permitted, inheritable) = capabilities();
        let bounding = (0..=last_capability)
            .filter(|number| prctl(libc::PR_CAPBSET_READ, *number) == 1)
            .fold(0, |set, number| set | 1 << number);
        let mut hard = [u64::MAX; 16];
        for (number, limit) in (0..).zip(&mut hard) {
            *limit = hard_limit(number);
        }
        Own {
            permitted,
            inheritable,
            bounding,
            last_capability,
            // SAFETY: asks for a number, of this process.
            nice: unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) },
            nice_limit: hard
                .get(libc::RLIMIT_NICE as usize)
                .copied()
                .unwrap_or_default(),
            personality: match std::env::consts::ARCH {
                "x86_64" => Some(Personality::X86_64),
                "aarch64" => Some(Personality::Arm64),
                "powerpc64" if cfg!(target_endian = "little") => Some(Personality::Ppc64Le),
                "powerpc64" => Some(Personality::Ppc64),
                "s390x" => Some(Personality::S390x),
                _ => None,
            },
            // The kernel writes it in hexadecimal digits without saying so.
            dump_filter: std::fs::read_to_string("/proc/self/coredump_filter")
                .ok()
                .map(|digits| format!("0x{}", digits.trim())),
            hard,
        }
    }

    /// How high a limit may be without privileges.
    pub(super) fn hard_limit(&self, resource: c_int) -> u64 {
        let place = usize::try_from(resource).unwrap_or(usize::MAX);
        self.hard.get(place).copied().unwrap_or(u64::MAX)
    }
}

fn prctl(option: c_int, argument: u32) -> c_int {
    // SAFETY: these options take a number and give one.
    unsafe { libc::prctl(option, libc::c_ulong::from(argument), 0, 0, 0) }
}

fn hard_limit(resource: u32) -> u64 {
    let mut limit = libc::rlimit64 {
        rlim_cur: 0,
        rlim_max: 0,
    };
    let wanted: *mut libc::rlimit64 = &raw mut limit;
    // SAFETY: reads one limit of this process into memory of its size.
    let result = unsafe { libc::syscall(libc::SYS_prlimit64, 0, resource, 0, wanted) };
    if result == 0 {
        limit.rlim_max
    } else {
        u64::MAX
    }
}

/// Permitted and inheritable.
fn capabilities() -> (u64, u64) {
    let mut header = [0x2008_0522u32, 0];
    let mut data = [0u32; 6];
    // SAFETY: version 3 reads a header of two words and writes two times three.
    let result = unsafe { libc::syscall(libc::SYS_capget, header.as_mut_ptr(), data.as_mut_ptr()) };
    if result < 0 {
        return (0, 0);
    }
    let [
        _,
        permitted,
        inheritable,
        _,
        permitted_above,
        inheritable_above,
    ] = data.map(u64::from);
    (
        permitted | permitted_above << 32,
        inheritable | inheritable_above << 32,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_proc_says() {
        let own = Own::look();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let field = |name: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap();
            u64::from_str_radix(line.trim(), 16).unwrap()
        };
        assert_eq!(own.permitted, field("CapPrm:"));
        assert_eq!(own.inheritable, field("CapInh:"));
        assert_eq!(own.bounding, field("CapBnd:"));
    }
}
