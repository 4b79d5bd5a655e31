//! `Condition…=` and `Assert…=` of systemd.unit(5): what has to hold when a unit starts. One row
//! here is two settings, which differ only in what follows where it does not hold.

use crate::definition::Definition;
use crate::settings::value_type::{Typed, types};
use crate::settings::{Section, Setting, SettingId, Value};
use crate::value::{Condition, words};

macro_rules! conditions {
    (
        after $before:expr;
        $(
            $(#[doc = $doc:literal])+
            $kind:ident $key:literal $name:literal as $type:ident;
        )+
    ) => {
        words! {
            /// What a condition is about; its word is that of systemd without `Condition` or
            /// `Assert`.
            pub enum ConditionKind {
                $($(#[doc = $doc])+ $kind = $name,)+
            }
        }

        /// The chapter: of each kind the condition, then the assert.
        pub(super) const ROWS: &[Setting] = &[$(
            Setting {
                id: SettingId($before + 2 * ConditionKind::$kind as u16),
                sections: &[Section::Unit],
                key: concat!("condition-", $key),
                systemd: Some(concat!("Condition", $name)),
                value: &<types::$type as Typed>::TYPE,
                default: "",
                summary: [$($doc),+][0],
                #[cfg(any(test, feature = "manual"))]
                doc: &[
                    $($doc,)+
                    "",
                    " Tested when the unit is to start. Where it does not hold, the start is skipped: \
                     the unit stays down, and that is no failure.",
                ],
            },
            Setting {
                id: SettingId($before + 2 * ConditionKind::$kind as u16 + 1),
                sections: &[Section::Unit],
                key: concat!("assert-", $key),
                systemd: Some(concat!("Assert", $name)),
                value: &<types::$type as Typed>::TYPE,
                default: "",
                summary: concat!(" As `condition-", $key, "`, but without it the start fails."),
                #[cfg(any(test, feature = "manual"))]
                doc: &[
                    concat!(" As `condition-", $key, "`, but without it the start fails."),
                    "",
                    " The job ends with the result `assert`; the unit itself is not marked as failed.",
                ],
            },
        )+];

        /// Where the next chapter begins.
        pub(super) const END: u16 = $before + 2 * ConditionKind::ALL.len() as u16;

        impl ConditionKind {
            /// The setting of this kind that skips a start.
            pub const fn condition(self) -> SettingId {
                SettingId($before + 2 * self as u16)
            }

            /// The setting of this kind that lets a start fail.
            pub const fn assert(self) -> SettingId {
                SettingId($before + 2 * self as u16 + 1)
            }
        }
    };
}

conditions! {
    after super::unit::END;

    /// Starts the unit only on a machine of this architecture.
    ///
    /// systemd's names, such as `x86-64`, `arm64` or `riscv64`; `native` is the one this program
    /// was built for.
    Architecture "architecture" "Architecture" as Conditions;

    /// Starts the unit only on a machine with this firmware.
    ///
    /// `uefi`, `device-tree`, `device-tree-compatible(NAME)` or `smbios-field(NAME OPERATOR VALUE)`.
    Firmware "firmware" "Firmware" as Conditions;

    /// Starts the unit only inside of this virtualization.
    ///
    /// `true` for any, `vm` or `container` for any of those, `private-users` for a user namespace of
    /// its own, or a name such as `kvm`, `docker` or `podman`.
    Virtualization "virtualization" "Virtualization" as Conditions;

    /// Starts the unit only on this host.
    ///
    /// A host name, in which `*`, `?` and `[…]` stand for others, or a machine id.
    Host "host" "Host" as Conditions;

    /// Starts the unit only with this word on the kernel's command line.
    ///
    /// `word` for that word or an assignment to it, `word=value` for that alone. In a container it is
    /// the command line of process 1.
    KernelCommandLine "kernel-command-line" "KernelCommandLine" as Conditions;

    /// Starts the unit only with such a kernel.
    ///
    /// A pattern for the release, or comparisons with it (`< <= = != >= >`), all of which must hold.
    KernelVersion "kernel-version" "KernelVersion" as Conditions;

    /// Starts the unit only if this module of the kernel is loaded, or built into it.
    KernelModuleLoaded "kernel-module-loaded" "KernelModuleLoaded" as Conditions;

    /// Starts the unit only if this credential was passed to the program.
    Credential "credential" "Credential" as Conditions;

    /// Starts the unit only if this security technology is in use.
    ///
    /// `selinux`, `apparmor`, `tomoyo`, `ima`, `smack`, `audit`, `uefi-secureboot` or `tpm2`.
    Security "security" "Security" as Conditions;

    /// Starts the unit only if this capability may be had.
    ///
    /// Such as `CAP_NET_ADMIN`: whether it is in the capability bounding set.
    Capability "capability" "Capability" as Conditions;

    /// Starts the unit only while there is power from a socket, or, with `false`, while there is none.
    ACPower "ac-power" "ACPower" as Conditions;

    /// Starts the unit only with so much memory.
    ///
    /// A size, at least which there must be; or another comparison (`< <= = != >= >`) before it.
    Memory "memory" "Memory" as Conditions;

    /// Starts the unit only with this feature of the processor.
    ///
    /// As `/proc/cpuinfo` names it, such as `rdrand`.
    CPUFeature "cpu-feature" "CPUFeature" as Conditions;

    /// Starts the unit only with so many processors.
    ///
    /// A number, at least which there must be; or another comparison (`< <= = != >= >`) before it.
    CPUs "cpus" "CPUs" as Conditions;

    /// Starts the unit only if the program's own environment has this variable.
    ///
    /// `NAME`, or `NAME=value` for that value alone.
    Environment "environment" "Environment" as Conditions;

    /// Starts the unit only if the program runs as this user.
    ///
    /// A name, a number, or `@system` for any system user.
    User "user" "User" as Conditions;

    /// Starts the unit only if the program runs in this group.
    ///
    /// A name or a number.
    Group "group" "Group" as Conditions;

    /// Starts the unit only if these control group controllers are there.
    ///
    /// Names separated by spaces, or `v2` or `v1` for the version of the hierarchy.
    ControlGroupController "control-group-controller" "ControlGroupController" as Conditions;

    /// Starts the unit only on such an operating system.
    ///
    /// Comparisons with fields of os-release(5), all of which must hold: `ID=debian VERSION_ID>=12`.
    OSRelease "os-release" "OSRelease" as Conditions;

    /// Starts the unit only while the pressure on memory is not above this.
    ///
    /// A percentage, with `/10sec`, `/1min` or `/5min` after it for what is averaged (5 minutes), and
    /// a slice and `:` before it for that slice instead of the whole machine.
    MemoryPressure "memory-pressure" "MemoryPressure" as Conditions;

    /// Starts the unit only while the pressure on processors is not above this.
    ///
    /// See `condition-memory-pressure`.
    CPUPressure "cpu-pressure" "CPUPressure" as Conditions;

    /// Starts the unit only while the pressure on input and output is not above this.
    ///
    /// See `condition-memory-pressure`.
    IOPressure "io-pressure" "IOPressure" as Conditions;

    /// Starts the unit only if this directory is older than `/usr`.
    ///
    /// `/etc` or `/var`: whether `.updated` in it is missing or older, as after an update offline.
    NeedsUpdate "needs-update" "NeedsUpdate" as Conditions;

    /// Starts the unit only at the first boot, or, with `false`, at any other.
    ///
    /// The first boot is one with `/run/systemd/first-boot`.
    FirstBoot "first-boot" "FirstBoot" as Conditions;

    /// Starts the unit only if this path exists.
    PathExists "path-exists" "PathExists" as PathConditions;

    /// Starts the unit only if this pattern finds a path.
    ///
    /// `*`, `?`, `[…]` and `{a,b}` stand for what they stand for in a shell.
    PathExistsGlob "path-exists-glob" "PathExistsGlob" as PathConditions;

    /// Starts the unit only if this path is a directory.
    PathIsDirectory "path-is-directory" "PathIsDirectory" as PathConditions;

    /// Starts the unit only if this path is a symbolic link.
    PathIsSymbolicLink "path-is-symbolic-link" "PathIsSymbolicLink" as PathConditions;

    /// Starts the unit only if this path is a socket.
    PathIsSocket "path-is-socket" "PathIsSocket" as PathConditions;

    /// Starts the unit only if something is mounted on this path.
    PathIsMountPoint "path-is-mount-point" "PathIsMountPoint" as PathConditions;

    /// Starts the unit only if this path is on a file system that can be written to.
    PathIsReadWrite "path-is-read-write" "PathIsReadWrite" as PathConditions;

    /// Starts the unit only if this path is on an encrypted block device.
    PathIsEncrypted "path-is-encrypted" "PathIsEncrypted" as PathConditions;

    /// Starts the unit only if this path is a directory with something in it.
    ///
    /// Hidden files and backups do not count.
    DirectoryNotEmpty "directory-not-empty" "DirectoryNotEmpty" as PathConditions;

    /// Starts the unit only if this path is a file with something in it.
    FileNotEmpty "file-not-empty" "FileNotEmpty" as PathConditions;

    /// Starts the unit only if this path is a file that may be executed.
    FileIsExecutable "file-is-executable" "FileIsExecutable" as PathConditions;
}

impl Definition {
    const FIRST_TEST: SettingId = SettingId(super::unit::END);
    const LAST_TEST: SettingId = SettingId(END - 1);

    /// What is tested before the unit starts; a start is skipped where it does not hold.
    pub fn conditions(&self) -> impl Iterator<Item = (ConditionKind, &Condition)> {
        self.tests(ConditionKind::condition)
    }

    /// What is tested before the unit starts; a start fails where it does not hold.
    pub fn asserts(&self) -> impl Iterator<Item = (ConditionKind, &Condition)> {
        self.tests(ConditionKind::assert)
    }

    fn tests(
        &self,
        setting: fn(ConditionKind) -> SettingId,
    ) -> impl Iterator<Item = (ConditionKind, &Condition)> {
        // Most units have none, and are asked each time somebody looks at all units.
        let kinds = if self.sets_any_in(Self::FIRST_TEST, Self::LAST_TEST) {
            ConditionKind::ALL
        } else {
            &[]
        };
        kinds.iter().flat_map(move |kind| {
            let conditions = match self.value(setting(*kind)) {
                Value::Conditions(conditions) => &**conditions,
                _ => &[],
            };
            conditions.iter().map(|condition| (*kind, condition))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_two_settings() {
        for kind in ConditionKind::ALL {
            let (condition, assert) = (kind.condition().row(), kind.assert().row());
            assert_eq!(condition.systemd, Some(&*format!("Condition{kind}")));
            assert_eq!(assert.systemd, Some(&*format!("Assert{kind}")));
            assert_eq!(condition.value.name, assert.value.name);
        }
        assert_eq!(ConditionKind::ALL.len() * 2, ROWS.len());
    }

    #[test]
    fn a_definition_tells_its_conditions() {
        let text = "[service]\nexec-start = '/a'\n\
                    condition-path-exists = ['/etc/a', '|!/run//%p']\n\
                    condition-virtualization = '!container'\n\
                    assert-user = 'root'\n";
        let around = crate::Surroundings::example();
        let (set, found) = crate::load_texts(&[("a.toml", text)], &around);
        assert_eq!(found, []);
        let name = crate::UnitName::parse("a.service").expect("a name");
        let unit = set.get(&name).expect("it is there");
        let shown = |(kind, condition): (ConditionKind, &Condition)| format!("{kind}={condition}");
        let conditions: Vec<String> = unit.conditions().map(shown).collect();
        assert_eq!(
            conditions,
            [
                "Virtualization=!container",
                "PathExists=/etc/a",
                "PathExists=|!/run/a"
            ]
        );
        assert_eq!(unit.asserts().map(shown).collect::<Vec<_>>(), ["User=root"]);
    }
}
