//! The same questions put to `systemd-analyze condition`, on this very machine.

use std::process::Command;

use units::ConditionKind;

/// Parameters that are sure to be understood, and such as are not, of every kind.
const QUESTIONS: &[(ConditionKind, &[&str])] = {
    use ConditionKind as K;
    &[
        (K::Architecture, &["native", "x86-64", "arm64", "nosuch"]),
        (
            K::Firmware,
            &[
                "uefi",
                "device-tree",
                "nosuch",
                "device-tree-compatible(x)",
                "smbios-field(sys_vendor = x)",
            ],
        ),
        (
            K::Virtualization,
            &[
                "yes",
                "no",
                "container",
                "vm",
                "docker",
                "podman",
                "kvm",
                "private-users",
                "nosuch",
            ],
        ),
        (K::Host, &["*", "nosuch", "[!a]*", "?*"]),
        (
            K::KernelCommandLine,
            &["quiet", "console", "console=ttyS0", "nosuch", "root"],
        ),
        (
            K::KernelVersion,
            &[
                "*",
                ">3",
                "> 3",
                ">=3 <99",
                "<3",
                "= 3",
                "!=3",
                "<>3",
                "$=[0-9]*",
                "!$=[0-9]*",
                "[0-9]*",
                ">",
                ">3 < 99",
                "==",
                "eq 3",
            ],
        ),
        (K::Credential, &["nosuch", "../x"]),
        (
            K::Security,
            &[
                "selinux", "apparmor", "smack", "ima", "tomoyo", "audit", "nosuch",
            ],
        ),
        (
            K::Capability,
            &[
                "CAP_CHOWN",
                "cap_sys_admin",
                "CAP_SYS_TIME",
                "12",
                "chown",
                "CAP_NOSUCH",
                "99",
            ],
        ),
        (K::ACPower, &["yes", "no", "x"]),
        (
            K::Memory,
            &[
                "1M", ">=1M", "<1M", "=1M", "!=1M", "999T", "x", "10%", "infinity", "1.5M",
            ],
        ),
        (K::CPUFeature, &["sse2", "SSE2", "avx2", "rdrand", "nosuch"]),
        (
            K::CPUs,
            &["1", ">=1", "<1", "=0", "<>0", "!= 0", "999", "x"],
        ),
        (
            K::Environment,
            &["PATH", "NOSUCH", "NOSUCH=", "SHELL_OF_NOBODY=x"],
        ),
        (
            K::User,
            &["root", "0", "@system", "nobody", "nosuchuser", "4294967294"],
        ),
        (K::Group, &["root", "0", "nogroup", "nosuchgroup"]),
        (
            K::ControlGroupController,
            &[
                "memory",
                "cpu memory",
                "cpuset",
                "nosuch",
                "v1",
                "v2",
                "cpu,memory",
            ],
        ),
        (
            K::OSRelease,
            &[
                "ID=debian",
                "ID!=debian",
                "VERSION_ID>=1",
                "VERSION_ID<1",
                "VERSION_ID=12.0",
                "ID$=deb*",
                "ID!$=deb*",
                "ID",
                "NOSUCH=x",
                "ID = debian",
                "VERSION_ID>1 VERSION_ID<99",
            ],
        ),
        (
            K::MemoryPressure,
            &[
                "100%",
                "100%/1min",
                "10",
                "10%/2min",
                "nosuch.slice:10%",
                "x",
            ],
        ),
        (K::CPUPressure, &["100%", "100%/10sec", "10"]),
        (K::IOPressure, &["100%", "100%/5min", "10"]),
        (K::NeedsUpdate, &["/etc", "/var", "/nosuch", "/proc"]),
        (K::FirstBoot, &["yes", "no", "x"]),
        (
            K::PathExists,
            &["/", "/etc/passwd", "/nosuch", "/proc/self/exe"],
        ),
        (
            K::PathExistsGlob,
            &[
                "/etc/pass*",
                "/etc/{nosuch,passwd}",
                "/etc/*.nosuch",
                "/*/passwd",
                "/etc/[p]asswd",
                "/etc/",
            ],
        ),
        (
            K::PathIsDirectory,
            &["/", "/etc/passwd", "/nosuch", "/proc/self"],
        ),
        (
            K::PathIsSymbolicLink,
            &[
                "/",
                "/proc/self",
                "/proc/self/exe",
                "/nosuch",
                "/etc/passwd",
            ],
        ),
        (
            K::PathIsMountPoint,
            &["/", "/proc", "/etc/passwd", "/usr", "/nosuch"],
        ),
        (
            K::PathIsReadWrite,
            &["/", "/proc", "/sys", "/nosuch", "/tmp"],
        ),
        (K::PathIsEncrypted, &["/", "/proc", "/nosuch"]),
        (
            K::DirectoryNotEmpty,
            &["/etc", "/nosuch", "/etc/passwd", "/proc", "/usr"],
        ),
        (
            K::FileNotEmpty,
            &["/etc/passwd", "/etc", "/nosuch", "/proc/self/status"],
        ),
        (
            K::FileIsExecutable,
            &["/bin/sh", "/etc/passwd", "/bin", "/nosuch"],
        ),
    ]
};

#[test]
fn systemd_says_the_same() {
    let mut different = Vec::new();
    for (kind, parameters) in QUESTIONS {
        for parameter in *parameters {
            for mark in ["", "!"] {
                let line = format!("Condition{kind}={mark}{parameter}");
                let theirs = Command::new("systemd-analyze")
                    .args(["condition", &line])
                    .output()
                    .expect("systemd-analyze, which `tests/run --set-up` looks for")
                    .status
                    .success();
                // What cannot be told holds neither way, and so say both.
                let ours = super::is_so(*kind, parameter).is_ok_and(|so| so == mark.is_empty());
                if theirs != ours {
                    different.push(format!("{line}: {theirs}, and ours {ours}"));
                }
            }
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn every_kind_is_asked() {
    // What came after 252 there is nobody here to ask about.
    let later = [
        ConditionKind::KernelModuleLoaded,
        ConditionKind::PathIsSocket,
    ];
    for kind in ConditionKind::ALL
        .iter()
        .filter(|kind| !later.contains(kind))
    {
        assert!(QUESTIONS.iter().any(|(asked, _)| asked == kind), "{kind}");
    }
}
