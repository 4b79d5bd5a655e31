//! Where reading systemd's unit files differs from systemd 252, on purpose. runner-systemd(7) is made
//! from this table, and comparisons with the real one excuse nothing else.

use crate::deviation::Deviation;

/// All differences in reading unit files.
pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        name: "unsupported settings",
        original: "does what it can of them, and passes over what the kernel or the build lacks",
        here: "refuses to load the unit, unless ignore-unsupported says otherwise; a setting that asks for nothing (PrivateTmp=no) or changes nothing is no reason",
        why: "nobody should trust in a protection that is not there",
    },
    Deviation {
        name: "wrong values",
        original: "ignores the line with a warning, and runs the unit without it; only wrong commands, users, groups and directories are errors",
        here: "does the same, except that wrong values of Type, KillMode, NoNewPrivileges, CapabilityBoundingSet, AmbientCapabilities, SecureBits and SupplementaryGroups are errors as well",
        why: "without the line something else would be started, or with more rights",
    },
    Deviation {
        name: "a wrong line after a right one",
        original: "keeps the value of the line before",
        here: "has the default: of a setting that has one value only the last line is looked at",
        why: "who overrides a value does not want the old one back",
    },
    Deviation {
        name: "files of others",
        original: "reads whatever is in its directories",
        here: "as root takes only files and links of root, of its own user and, for a path that was named, of that path's owner, and no file that anybody can write",
        why: "who can write a unit file can run anything as root",
    },
    Deviation {
        name: "large files",
        original: "reads lines of 1 MiB and files without limit",
        here: "a line and a file have at most 1 MiB each",
        why: "a mistake in a file must not take the memory of the machine",
    },
    Deviation {
        name: "mounts, automounts, swaps and devices",
        original: "has units for them",
        here: "knows their names, so that others can be ordered around them; a unit that requires one cannot be started",
        why: "file systems and devices belong to the container or to the system below",
    },
    Deviation {
        name: "slices",
        original: "divides the machine among them, gives each a control group, and puts the units of a user's manager into app.slice",
        here: "groups units by them, which start after their slice and are stopped with it; they have no control group, and the default is system.slice for everybody",
        why: "what slices, scopes and services may use of the machine comes together",
    },
    Deviation {
        name: "scopes",
        original: "limits their resources, asks their controller to end them, and does without control groups of version 2",
        here: "stops them and ends them after their time; whoever asks for more is refused",
        why: "what slices, scopes and services may use of the machine comes together",
    },
    Deviation {
        name: "generators and presets",
        original: "runs generators at each reload, and presets at the first boot",
        here: "reads what generators have left, and runs none",
        why: "what they make are mostly mounts",
    },
    Deviation {
        name: "files named on the command line",
        original: "cannot be told to",
        here: "a unit file that is named as PATH counts as enabled; a directory's units take links, as with systemd",
        why: "who names a file wants it to run",
    },
    Deviation {
        name: "drop-ins for units of TOML files",
        original: "has no TOML files",
        here: "adds NAME.d/*.conf to a unit whatever the format of its file",
        why: "tools and people write them without asking what they add to",
    },
    Deviation {
        name: "words for runner only",
        original: "passes over words that begin with X-",
        here: "reads X- and the name of a setting of runner.unit(5) as that setting: X-ReadyAfter=2s is ready-after",
        why: "one file can serve both",
    },
    Deviation {
        name: "actions on the machine",
        original: "reboots, halts or powers off the machine or the container for FailureAction, SuccessAction, StartLimitAction and JobTimeoutAction",
        here: "ends this program: in order, or hurried for the words with force and immediate; with the exit status of `exit`, with 0 for poweroff and halt, and with 133 for reboot, kexec and soft-reboot",
        why: "a container is all of the machine that there is, and its exit status is what whoever started it sees",
    },
    Deviation {
        name: "units that nobody refers to",
        original: "unloads a unit that is inactive, and forgets its last run",
        here: "forgets its count of starts, and a failure where CollectMode=inactive-or-failed; the rest of the last run can still be looked at",
        why: "who starts a program by hand asks afterwards how it ended",
    },
    Deviation {
        name: "mounts that paths need",
        original: "adds dependencies on mount units for RequiresMountsFor, WantsMountsFor and paths in settings",
        here: "adds none",
        why: "what is mounted was mounted before runnerd was started",
    },
    Deviation {
        name: "paths of conditions",
        original: "ignores a condition whose path is not absolute, with a warning",
        here: "does the same in systemd's files; in TOML it is an error",
        why: "a unit that starts although a condition was written is not what was meant",
    },
];
