//! Conditions about what the kernel allows.

use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

use super::{Found, flag, machine, text_of};

/// capabilities(7), in the order of their numbers.
const CAPABILITIES: &[&str] = &[
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// Whether a capability is in our bounding set.
pub(super) fn capability(parameter: &str) -> Found {
    let number =
        capability_number(parameter).ok_or_else(|| format!("{parameter:?} is no capability"))?;
    let status = text_of("/proc/self/status").unwrap_or_default();
    let set = status
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:"))
        .and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok())
        .ok_or("/proc/self/status does not tell the capability bounding set")?;
    Ok(set >> number & 1 == 1)
}

fn capability_number(parameter: &str) -> Option<usize> {
    let lower = parameter.to_ascii_lowercase();
    match lower.strip_prefix("cap_") {
        Some(name) => CAPABILITIES.iter().position(|known| *known == name),
        None => lower
            .parse()
            .ok()
            .filter(|number| *number < CAPABILITIES.len()),
    }
}

/// Whether a security technology is in use. One that nobody knows is not.
pub(super) fn is_in_use(parameter: &str) -> Found {
    let there = |path: &str| Path::new(path).exists();
    Ok(match parameter {
        "selinux" => there("/sys/fs/selinux/enforce"),
        "smack" => there("/sys/fs/smackfs/"),
        "apparmor" => text_of("/sys/module/apparmor/parameters/enabled")
            .is_some_and(|text| flag(&text) == Ok(true)),
        "audit" => has_audit(),
        "ima" => there("/sys/kernel/security/ima/"),
        "tomoyo" => there("/sys/kernel/security/tomoyo/version"),
        "uefi-secureboot" => machine::is_efi() && secure_boot(),
        "tpm2" => std::fs::read_dir("/sys/class/tpmrm").is_ok_and(|mut all| all.next().is_some()),
        _ => false,
    })
}

/// Whether the kernel lets us speak to its audit system.
fn has_audit() -> bool {
    let opened = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        SockProtocol::NetlinkAudit,
    );
    !matches!(
        opened.err(),
        Some(Errno::EAFNOSUPPORT | Errno::EPROTONOSUPPORT | Errno::EPERM)
    )
}

fn secure_boot() -> bool {
    const VARIABLE: &str =
        "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    // Four bytes of attributes, then the value.
    std::fs::read(VARIABLE).is_ok_and(|bytes| bytes.get(4) == Some(&1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_by_name_and_number() {
        assert_eq!(capability_number("CAP_CHOWN"), Some(0));
        assert_eq!(capability_number("cap_checkpoint_restore"), Some(40));
        assert_eq!(capability_number("12"), Some(12));
        for bad in ["chown", "CAP_NOSUCH", "41", "-1", ""] {
            assert_eq!(capability_number(bad), None, "{bad}");
        }
    }
}
