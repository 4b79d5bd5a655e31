//! What a definition may know of the world it is read in. The caller fills it in; nothing in this
//! crate asks the system.

use std::fmt;
use std::sync::Arc;

use crate::value::{NoZones, Zones};

/// The host and account units are resolved for, mostly for specifiers. An empty text means the
/// caller does not know: a specifier that needs it is then an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// The host's name (`%H`); up to its first dot it is `%l`.
    pub host_name: String,
    /// The machine id, 32 hexadecimal digits (`%m`).
    pub machine_id: String,
    /// The boot id, 32 hexadecimal digits (`%b`).
    pub boot_id: String,
    /// The kernel's release, as `uname -r` (`%v`).
    pub kernel_release: String,
    /// The architecture, in systemd's words such as `x86-64` (`%a`).
    pub architecture: String,
    /// Our own user's name (`%u`).
    pub user: String,
    /// Our own user's number (`%U`).
    pub uid: u32,
    /// Our own group's name (`%g`).
    pub group: String,
    /// Our own group's number (`%G`).
    pub gid: u32,
    /// Our own user's home directory (`%h`).
    pub home: String,
    /// Our own user's shell (`%s`).
    pub shell: String,
    /// Where runtime directories go: `/run`, or the user's (`%t`).
    pub runtime_directory: String,
    /// Where state goes: `/var/lib`, or the user's (`%S`).
    pub state_directory: String,
    /// Where caches go: `/var/cache`, or the user's (`%C`).
    pub cache_directory: String,
    /// Where logs go: `/var/log`, or the user's (`%L`).
    pub log_directory: String,
    /// Where configuration lies: `/etc`, or the user's (`%E`).
    pub configuration_directory: String,
    /// Where temporary files go (`%T`).
    pub temporary_directory: String,
    /// Where temporary files go that outlive a boot (`%V`).
    pub lasting_temporary_directory: String,
    /// Where credentials of services are laid, a directory for each (`%d`).
    pub credentials_directory: String,
    /// The host's name for people (`%q`).
    pub pretty_host_name: String,
    /// The operating system (os-release(5), `ID`; `%o`).
    pub os_id: String,
    /// Its version (`VERSION_ID`; `%w`), empty where it has none, as those below.
    pub os_version: String,
    /// Its variant (`VARIANT_ID`; `%W`).
    pub os_variant: String,
    /// Its build (`BUILD_ID`; `%B`).
    pub os_build: String,
    /// The image it was installed from (`IMAGE_ID`; `%M`).
    pub image_id: String,
    /// The image's version (`IMAGE_VERSION`; `%A`).
    pub image_version: String,
    /// Whether we run as root, which makes the rules for unit files stricter.
    pub is_root: bool,
    /// Whether every unit is loaded without what is not supported, as `ignore-unsupported` has it.
    pub ignore_unsupported: bool,
    /// The time zones that calendar expressions may name.
    pub zones: HostZones,
}

/// The time zones of a host, shared.
#[derive(Clone)]
pub struct HostZones(Arc<dyn Zones + Send + Sync>);

impl HostZones {
    /// These.
    pub fn new(zones: impl Zones + Send + Sync + 'static) -> HostZones {
        HostZones(Arc::new(zones))
    }

    /// To read expressions with.
    pub fn get(&self) -> &dyn Zones {
        &*self.0
    }
}

/// None but UTC.
impl Default for HostZones {
    fn default() -> HostZones {
        HostZones::new(NoZones)
    }
}

impl fmt::Debug for HostZones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostZones")
    }
}

/// Which zones there are is no part of what a host is: two that differ in nothing else are equal.
impl PartialEq for HostZones {
    fn eq(&self, _: &HostZones) -> bool {
        true
    }
}

impl Eq for HostZones {}

impl Surroundings {
    /// What stands in tests and in `check` where the host does not matter: a host named
    /// `localhost` and root's directories.
    pub fn example() -> Surroundings {
        let text = str::to_owned;
        Surroundings {
            host_name: text("localhost"),
            machine_id: "0".repeat(32),
            boot_id: "0".repeat(32),
            kernel_release: text("6.1.0"),
            architecture: text("x86-64"),
            user: text("root"),
            uid: 0,
            group: text("root"),
            gid: 0,
            home: text("/root"),
            shell: text("/bin/sh"),
            runtime_directory: text("/run"),
            state_directory: text("/var/lib"),
            cache_directory: text("/var/cache"),
            log_directory: text("/var/log"),
            configuration_directory: text("/etc"),
            temporary_directory: text("/tmp"),
            lasting_temporary_directory: text("/var/tmp"),
            credentials_directory: text("/run/runner/credentials"),
            pretty_host_name: text("localhost"),
            os_id: text("linux"),
            os_version: String::new(),
            os_variant: String::new(),
            os_build: String::new(),
            image_id: String::new(),
            image_version: String::new(),
            is_root: true,
            ignore_unsupported: false,
            zones: HostZones::default(),
        }
    }
}
