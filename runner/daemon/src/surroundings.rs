//! What units may know of this host and of us.

use std::env;
use std::path::Path;

use engine::Host;
use engine::clock::Monotonic;
use nix::sys::utsname::uname;
use units::disk::zoneinfo::{self, ZoneInfo};
use units::value::Span;
use units::value::Zones as _;
use units::{HostZones, Surroundings};

use crate::machine_id;
use crate::now;
use crate::users::Accounts;

/// Looks around once.
#[must_use]
pub fn here() -> Surroundings {
    let (uid, gid) = (
        nix::unistd::geteuid().as_raw(),
        nix::unistd::getegid().as_raw(),
    );
    let accounts = Accounts::local();
    let user = accounts.user_by_uid(uid).ok().flatten();
    let group = accounts.group(&gid.to_string()).ok().flatten();
    let is_root = uid == 0;
    let home = user
        .as_ref()
        .map_or_else(|| variable("HOME"), |user| user.home.clone());
    let of_user = |name: &str, below: &str| match variable(name) {
        path if path.is_empty() => format!("{home}/{below}"),
        path => path,
    };
    let (runtime, state, cache, log, configuration) = if is_root {
        let text = str::to_owned;
        (
            text("/run"),
            text("/var/lib"),
            text("/var/cache"),
            text("/var/log"),
            text("/etc"),
        )
    } else {
        let state = of_user("XDG_STATE_HOME", ".local/state");
        let runtime = match variable("XDG_RUNTIME_DIR") {
            path if path.is_empty() => format!("/run/user/{uid}"),
            path => path,
        };
        let log = format!("{state}/log");
        (
            runtime,
            state,
            of_user("XDG_CACHE_HOME", ".cache"),
            log,
            of_user("XDG_CONFIG_HOME", ".config"),
        )
    };
    let (host_name, kernel_release, machine) = match uname() {
        Ok(names) => {
            let text = |name: &std::ffi::OsStr| name.to_string_lossy().into_owned();
            (
                text(names.nodename()),
                text(names.release()),
                text(names.machine()),
            )
        }
        Err(_) => Default::default(),
    };
    let release = std::fs::read_to_string("/etc/os-release")
        .or_else(|_| std::fs::read_to_string("/usr/lib/os-release"))
        .unwrap_or_default();
    let machine_info = std::fs::read_to_string("/etc/machine-info").unwrap_or_default();
    let pretty = of_release(&machine_info, "PRETTY_HOSTNAME");
    Surroundings {
        credentials_directory: format!("{runtime}/runner/credentials"),
        pretty_host_name: if pretty.is_empty() {
            host_name.clone()
        } else {
            pretty
        },
        os_id: of_release(&release, "ID"),
        os_version: of_release(&release, "VERSION_ID"),
        os_variant: of_release(&release, "VARIANT_ID"),
        os_build: of_release(&release, "BUILD_ID"),
        image_id: of_release(&release, "IMAGE_ID"),
        image_version: of_release(&release, "IMAGE_VERSION"),
        host_name,
        machine_id: machine_id::known(Path::new("/"), &variable("container_uuid")),
        boot_id: first_line("/proc/sys/kernel/random/boot_id").replace('-', ""),
        kernel_release,
        architecture: architecture(&machine),
        user: user
            .as_ref()
            .map(|user| user.name.clone())
            .unwrap_or_default(),
        uid,
        group: group.map(|group| group.name).unwrap_or_default(),
        gid,
        shell: user.map(|user| user.shell).unwrap_or_default(),
        home,
        runtime_directory: runtime,
        state_directory: state,
        cache_directory: cache,
        log_directory: log,
        configuration_directory: configuration,
        temporary_directory: temporary("/tmp"),
        lasting_temporary_directory: temporary("/var/tmp"),
        is_root,
        ignore_unsupported: false,
        zones: HostZones::new(zones()),
    }
}

/// Looks around once, for a daemon with this runtime directory.
#[must_use]
pub fn here_with(runtime: &std::path::Path) -> Surroundings {
    let credentials = runtime.join("credentials");
    Surroundings {
        credentials_directory: credentials.to_string_lossy().into_owned(),
        ..here()
    }
}

/// A word of os-release(5), without its quotes; empty where it is not said.
fn of_release(text: &str, name: &str) -> String {
    let value = text
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        .next_back()
        .unwrap_or_default()
        .trim();
    let bare = ['"', '\'']
        .iter()
        .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    bare.unwrap_or(value).to_owned()
}

/// The time zones of this host. Reads a file.
#[must_use]
pub fn zones() -> ZoneInfo {
    let tz = env::var("TZ").ok();
    let now = now::read().realtime.0 / 1_000_000;
    ZoneInfo::new(
        Path::new(zoneinfo::DIRECTORY),
        Path::new(zoneinfo::LOCAL),
        tz.as_deref(),
        i64::try_from(now).unwrap_or(i64::MAX),
    )
}

/// What the engine has to know of this host, for a keeper of this pid. With a supervisord.conf the
/// exit status tells no failure: the original's does not.
#[must_use]
pub fn host(around: &Surroundings, keeper: u32, stop_limit: Span, runs_conf: bool) -> Host {
    // Who has no machine id, as many a container, has a name at least.
    let name = match around.machine_id.is_empty() {
        true => &around.host_name,
        false => &around.machine_id,
    };
    let number = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |bits, byte| {
        (bits ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Host {
        zone: zones().local().clone(),
        number,
        // The monotonic clock began with the machine, which is not what a container calls boot.
        booted: (!is_container(keeper)).then_some(Monotonic(0)),
        stop_limit,
        tells_failure: keeper == 1 && !runs_conf,
    }
}

/// Whether this is a container, by the signs that those who make them leave (systemd.io,
/// "Container Interface").
fn is_container(keeper: u32) -> bool {
    let signs = [
        "/run/systemd/container",
        "/run/.containerenv",
        "/.dockerenv",
    ];
    keeper == 1
        || !variable("container").is_empty()
        || signs.iter().any(|sign| Path::new(sign).exists())
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// `$TMPDIR` where it is an absolute path (systemd.unit(5), `%T` and `%V`).
fn temporary(default: &str) -> String {
    match variable("TMPDIR") {
        path if path.starts_with('/') => path,
        _ => default.to_owned(),
    }
}

/// The line of a file that has only one; empty where it cannot be read.
fn first_line(path: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// systemd's word for what `uname -m` says (systemd.unit(5), ConditionArchitecture=).
fn architecture(machine: &str) -> String {
    match machine {
        "x86_64" => "x86-64",
        "i386" | "i586" | "i686" => "x86",
        "aarch64" => "arm64",
        other => other,
    }
    .to_owned()
}
