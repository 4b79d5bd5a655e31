//! The units that are always there, unless a file replaces them: the targets that other units
//! may name (systemd.special(7)), written as the files they could be.

use crate::source::{Content, Source};

/// What stands in front of the name of a built-in unit in the place of a path.
pub(crate) const BUILT_IN: &str = "(built in)/";

/// Stem and text of each.
const TARGETS: &[(&str, &str)] = &[
    (
        "basic",
        "description = 'Basic System'\n[target]\nrequires = 'sysinit.target'\nwants = 'sockets.target timers.target paths.target slices.target'",
    ),
    (
        "cryptsetup",
        "description = 'Encrypted Volumes'\n[target]\nconflicts = 'shutdown.target'\nbefore = 'shutdown.target'\ndefault-dependencies = false",
    ),
    (
        "default",
        "description = 'Default Target'\n[target]\nallow-isolate = true\nwants = 'multi-user.target'",
    ),
    (
        "emergency",
        "description = 'Emergency Mode'\n[target]\nallow-isolate = true",
    ),
    (
        "exit",
        "description = 'Exit'\n[target]\nallow-isolate = true\ndefault-dependencies = false",
    ),
    (
        "final",
        "description = 'Late Shutdown'\n[target]\ndefault-dependencies = false",
    ),
    ("getty", "description = 'Login Prompts'\n[target]"),
    (
        "graphical",
        "description = 'Graphical Interface'\n[target]\nallow-isolate = true\nrequires = 'multi-user.target'",
    ),
    (
        "halt",
        "description = 'System Halt'\n[target]\nallow-isolate = true\ndefault-dependencies = false",
    ),
    (
        "local-fs",
        "description = 'Local File Systems'\n[target]\nconflicts = 'shutdown.target'\nbefore = 'shutdown.target'\ndefault-dependencies = false",
    ),
    (
        "local-fs-pre",
        "description = 'Preparation for Local File Systems'\n[target]\ndefault-dependencies = false",
    ),
    (
        "multi-user",
        "description = 'Multi-User System'\n[target]\nallow-isolate = true\nrequires = 'basic.target'",
    ),
    ("network", "description = 'Network'\n[target]"),
    (
        "network-online",
        "description = 'Network is Online'\n[target]",
    ),
    (
        "network-pre",
        "description = 'Preparation for Network'\n[target]",
    ),
    (
        "nss-lookup",
        "description = 'Host and Network Name Lookups'\n[target]",
    ),
    (
        "nss-user-lookup",
        "description = 'User and Group Name Lookups'\n[target]",
    ),
    ("paths", "description = 'Path Units'\n[target]"),
    (
        "poweroff",
        "description = 'System Power Off'\n[target]\nallow-isolate = true\ndefault-dependencies = false",
    ),
    (
        "reboot",
        "description = 'System Reboot'\n[target]\nallow-isolate = true\ndefault-dependencies = false",
    ),
    ("remote-fs", "description = 'Remote File Systems'\n[target]"),
    (
        "remote-fs-pre",
        "description = 'Preparation for Remote File Systems'\n[target]",
    ),
    (
        "rescue",
        "description = 'Rescue Mode'\n[target]\nallow-isolate = true",
    ),
    ("rpcbind", "description = 'RPC Port Mapper'\n[target]"),
    (
        "shutdown",
        "description = 'System Shutdown'\n[target]\ndefault-dependencies = false",
    ),
    (
        "slices",
        "description = 'Slice Units'\n[target]\nwants = '-.slice system.slice'",
    ),
    ("sockets", "description = 'Socket Units'\n[target]"),
    (
        "swap",
        "description = 'Swaps'\n[target]\nconflicts = 'shutdown.target'\nbefore = 'shutdown.target'\ndefault-dependencies = false",
    ),
    ("sysinit", "description = 'System Initialization'\n[target]"),
    ("time-set", "description = 'System Time Set'\n[target]"),
    (
        "time-sync",
        "description = 'System Time Synchronized'\n[target]",
    ),
    (
        "timers",
        "description = 'Timer Units'\n[target]\nconflicts = 'shutdown.target'\nbefore = 'shutdown.target'\ndefault-dependencies = false",
    ),
    (
        "umount",
        "description = 'Unmount All File Systems'\n[target]\ndefault-dependencies = false",
    ),
];

/// Stem and text of the slices that are always there. Nothing is divided among them: they group
/// units, which start after them and are stopped with them.
const SLICES: &[(&str, &str)] = &[
    (
        "-",
        "description = 'Root Slice'\ndocumentation = 'man:systemd.special(7)'\n[slice]\nbefore = 'slices.target'\ndefault-dependencies = false",
    ),
    (
        "system",
        "description = 'System Slice'\ndocumentation = 'man:systemd.special(7)'\n[slice]\nbefore = 'slices.target'\ndefault-dependencies = false",
    ),
    (
        "user",
        "description = 'User and Session Slice'\ndocumentation = 'man:systemd.special(7)'\n[slice]\nbefore = 'slices.target'",
    ),
];

/// Whether a built-in unit has this stem.
pub(crate) fn has(stem: &str) -> bool {
    TARGETS
        .iter()
        .chain(SLICES)
        .any(|(known, _)| *known == stem)
}

/// The built-in units as files of the lowest rank.
pub(crate) fn sources() -> impl Iterator<Item = Source> {
    TARGETS.iter().chain(SLICES).map(|(stem, text)| Source {
        rank: u32::MAX,
        path: format!("{BUILT_IN}{stem}.toml").into(),
        content: Content::Bytes(text.as_bytes().to_vec()),
        named: false,
    })
}
