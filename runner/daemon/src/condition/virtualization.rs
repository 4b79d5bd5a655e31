//! In what we run: the container or the virtual machine, found out as systemd-detect-virt(1) does.

use std::path::Path;

use super::{Found, flag, text_of};

/// Containers by their names.
const CONTAINERS: &[&str] = &[
    "systemd-nspawn",
    "lxc-libvirt",
    "lxc",
    "openvz",
    "docker",
    "podman",
    "rkt",
    "wsl",
    "proot",
    "pouch",
];

/// Whether we run inside of what the parameter names.
pub(super) fn is(parameter: &str) -> Found {
    if parameter == "private-users" {
        return Ok(has_private_users());
    }
    let container = container();
    let machine = || match container {
        Some(_) => None,
        None => virtual_machine(),
    };
    Ok(match (flag(parameter), parameter) {
        (Ok(wanted), _) => (container.is_some() || machine().is_some()) == wanted,
        (_, "container") => container.is_some(),
        (_, "vm") => machine().is_some(),
        (_, name) => container == Some(name) || machine() == Some(name),
    })
}

/// What we run in, by systemd's name; empty on bare metal.
pub(super) fn name() -> &'static str {
    container().or_else(virtual_machine).unwrap_or_default()
}

/// The container we are in.
pub(super) fn container() -> Option<&'static str> {
    let there = |path: &str| Path::new(path).exists();
    if there("/proc/vz") && !there("/proc/bc") {
        return Some("openvz");
    }
    let release = text_of("/proc/sys/kernel/osrelease").unwrap_or_default();
    if release.contains("Microsoft") || release.contains("WSL") {
        return Some("wsl");
    }
    let told = text_of("/run/host/container-manager")
        .or_else(|| text_of("/run/systemd/container"))
        .or_else(told_to_process_one)
        .filter(|name| !name.is_empty());
    match told.as_deref() {
        // Whoever says only that it keeps to the standard may have left a file.
        Some("oci") => by_file().or(Some("container-other")),
        Some(name) => Some(known_container(name)),
        None => {
            by_file().or_else(|| there("/sys/fs/cgroup/cgroup.events").then_some("container-other"))
        }
    }
}

fn known_container(name: &str) -> &'static str {
    let known = CONTAINERS.iter().find(|known| **known == name);
    known.copied().unwrap_or("container-other")
}

/// `$container` of process 1.
fn told_to_process_one() -> Option<String> {
    let block = text_of("/proc/1/environ")?;
    block
        .split('\0')
        .find_map(|variable| variable.strip_prefix("container="))
        .map(str::to_owned)
}

fn by_file() -> Option<&'static str> {
    let files = [("/run/.containerenv", "podman"), ("/.dockerenv", "docker")];
    files
        .into_iter()
        .find(|(path, _)| Path::new(path).exists())
        .map(|(_, name)| name)
}

/// The virtual machine we are in.
fn virtual_machine() -> Option<&'static str> {
    let by_board = by_board();
    // These set up a processor that looks like somebody else's.
    if matches!(
        by_board,
        Some("oracle" | "xen" | "amazon" | "parallels" | "google")
    ) {
        return by_board;
    }
    let hypervisor = text_of("/sys/hypervisor/type");
    if hypervisor.as_deref() == Some("xen") {
        return Some("xen");
    }
    let by_processor = by_processor();
    match by_processor {
        Some("vm-other") | None => by_board.or(by_processor),
        known => known,
    }
}

/// What the firmware says who made the machine.
fn by_board() -> Option<&'static str> {
    const MAKERS: &[(&str, &str)] = &[
        ("KVM", "kvm"),
        ("OpenStack", "kvm"),
        ("KubeVirt", "kvm"),
        ("Amazon EC2", "amazon"),
        ("QEMU", "qemu"),
        ("VMware", "vmware"),
        ("VMW", "vmware"),
        ("innotek GmbH", "oracle"),
        ("VirtualBox", "oracle"),
        ("Oracle Corporation", "oracle"),
        ("Xen", "xen"),
        ("Bochs", "bochs"),
        ("Parallels", "parallels"),
        ("BHYVE", "bhyve"),
        ("Hyper-V", "microsoft"),
        ("Apple Virtualization", "apple"),
        ("Google Compute Engine", "google"),
    ];
    let fields = [
        "product_name",
        "sys_vendor",
        "board_vendor",
        "bios_vendor",
        "product_version",
    ];
    fields.into_iter().find_map(|field| {
        let text = text_of(&format!("/sys/class/dmi/id/{field}"))?;
        let maker = MAKERS.iter().find(|(maker, _)| text.starts_with(maker));
        maker.map(|(_, name)| *name)
    })
}

/// What the processor says who imitates it.
#[cfg(target_arch = "x86_64")]
fn by_processor() -> Option<&'static str> {
    use std::arch::x86_64::__cpuid;
    const MAKERS: &[(&[u8; 12], &str)] = &[
        (b"XenVMMXenVMM", "xen"),
        (b"KVMKVMKVM\0\0\0", "kvm"),
        (b"Linux KVM Hv", "kvm"),
        (b"TCGTCGTCGTCG", "qemu"),
        (b"VMwareVMware", "vmware"),
        (b"Microsoft Hv", "microsoft"),
        (b"bhyve bhyve ", "bhyve"),
        (b"QNXQVMBSQG\0\0", "qnx"),
        (b"ACRNACRNACRN", "acrn"),
        (b"SRESRESRESRE", "sre"),
        (b"Apple VZ\0\0\0\0", "apple"),
    ];
    const HYPERVISOR: u32 = 1 << 31;
    if __cpuid(1).ecx & HYPERVISOR == 0 {
        return None;
    }
    let told = __cpuid(0x4000_0000);
    let mut maker = [0; 12];
    for (place, register) in maker
        .chunks_exact_mut(4)
        .zip([told.ebx, told.ecx, told.edx])
    {
        place.copy_from_slice(&register.to_le_bytes());
    }
    let known = MAKERS.iter().find(|(name, _)| **name == maker);
    Some(known.map_or("vm-other", |(_, name)| *name))
}

/// Other processors do not say.
#[cfg(not(target_arch = "x86_64"))]
fn by_processor() -> Option<&'static str> {
    None
}

/// Whether our numbers of users are not those of the host.
fn has_private_users() -> bool {
    let all = |file: &str| {
        let text = text_of(file)?;
        let mut lines = text.lines();
        let first: Vec<u64> = lines
            .next()?
            .split_ascii_whitespace()
            .filter_map(|number| number.parse().ok())
            .collect();
        Some(first == [0, 0, u64::from(u32::MAX)] && lines.next().is_none())
    };
    let maps = ["/proc/self/uid_map", "/proc/self/gid_map"];
    maps.into_iter().any(|map| all(map) == Some(false))
        || text_of("/proc/self/setgroups").as_deref() == Some("deny")
}
