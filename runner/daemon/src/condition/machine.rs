//! Conditions about the machine, its kernel and its system.

use std::fs;
use std::path::Path;

use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};
use nix::sys::utsname::{UtsName, uname};
use nix::unistd::{SysconfVar, sysconf};
use units::value::split_words;

use super::comparison::{Kind, Operator, operator};
use super::{Found, flag, text_of, virtualization};
use crate::machine_id;

fn names() -> Result<UtsName, String> {
    uname().map_err(|error| format!("uname(2): {error}"))
}

pub(super) fn architecture(parameter: &str) -> Found {
    let names = names()?;
    let here = names.machine().to_string_lossy();
    let wanted = match parameter {
        "native" => architecture_word(std::env::consts::ARCH),
        other => other,
    };
    Ok(architecture_word(&here) == wanted)
}

/// systemd's word for what `uname -m` says, or Rust's for what a program was built for.
fn architecture_word(machine: &str) -> &str {
    match machine {
        "x86_64" => "x86-64",
        "i386" | "i486" | "i586" | "i686" => "x86",
        "aarch64" => "arm64",
        "aarch64_be" => "arm64-be",
        "ppc64le" => "ppc64-le",
        "ppcle" => "ppc-le",
        "powerpc64" => "ppc64",
        "powerpc" => "ppc",
        arm if arm.starts_with("arm") && arm.ends_with('b') => "arm-be",
        arm if arm.starts_with("arm") => "arm",
        other => other,
    }
}

pub(super) fn host(parameter: &str) -> Found {
    let digits: String = parameter.chars().filter(|c| *c != '-').collect();
    if digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let container = std::env::var("container_uuid").unwrap_or_default();
        let here = machine_id::known(Path::new("/"), &container);
        return Ok(here.eq_ignore_ascii_case(&digits));
    }
    let names = names()?;
    let here = names.nodename().to_string_lossy().to_lowercase();
    Ok(control::matches(&parameter.to_lowercase(), &here))
}

pub(super) fn kernel_version(parameter: &str) -> Found {
    let names = names()?;
    let release = names.release().to_string_lossy();
    let all = words(parameter)?;
    let mut words = all.iter();
    let mut is_first = true;
    while let Some(word) = words.next() {
        let holds = match operator(word, Kind::Versions) {
            None => control::matches(word, &release),
            Some((operator, "")) => {
                // White space between the two, which was always allowed in the first place only.
                let value = words.next().filter(|_| is_first);
                let value = value.ok_or_else(|| format!("{parameter:?} ends too early"))?;
                operator.holds_for(&release, value)
            }
            Some((operator, value)) => operator.holds_for(&release, value.trim_start()),
        };
        if !holds {
            return Ok(false);
        }
        is_first = false;
    }
    Ok(true)
}

/// Whether a module is loaded. One that is built in has a directory, and no state.
pub(super) fn kernel_module_loaded(parameter: &str) -> Found {
    let name = parameter.replace('-', "_");
    if name.is_empty() || name.contains('/') {
        return Err(format!("{parameter:?} is no name of a module"));
    }
    let directory = Path::new("/sys/module").join(name);
    let state = text_of(&directory.join("initstate").to_string_lossy());
    Ok(directory.exists() && state.is_none_or(|state| state == "live"))
}

fn words(text: &str) -> Result<Vec<String>, String> {
    split_words(text).map_err(|problem| problem.to_string())
}

pub(super) fn os_release(parameter: &str) -> Found {
    let files = ["/etc/os-release", "/usr/lib/os-release"];
    let text = files.into_iter().find_map(text_of).unwrap_or_default();
    os_release_says(&text, parameter)
}

fn os_release_says(text: &str, parameter: &str) -> Found {
    for word in words(parameter)? {
        let end = word
            .find(['!', '<', '=', '>', '$'])
            .ok_or_else(|| format!("{word:?} compares nothing"))?;
        let (field, rest) = word.split_at(end);
        let compared = operator(rest, Kind::Texts).filter(|(_, value)| !value.is_empty());
        let (operator, value) = compared
            .filter(|_| !field.is_empty())
            .ok_or_else(|| format!("{word:?} compares nothing"))?;
        let here = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix(field)?.strip_prefix('='))
            .next_back()
            .map(|value| words(value).unwrap_or_default().concat());
        if !operator.holds_for(&here.unwrap_or_default(), value) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A number with an operator before it; without one it is the least there may be.
fn compare(parameter: &str, here: u64, read: impl Fn(&str) -> Option<u64>) -> Found {
    let (operator, value) =
        operator(parameter.trim(), Kind::Numbers).unwrap_or((Operator::GreaterOrEqual, parameter));
    let value = read(value.trim()).ok_or_else(|| format!("{value:?} is no number"))?;
    Ok(operator.holds(here.cmp(&value)))
}

pub(super) fn memory(parameter: &str) -> Found {
    let pages = sysconf(SysconfVar::_PHYS_PAGES).ok().flatten();
    let size = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    let whole = pages
        .zip(size)
        .and_then(|(pages, size)| u64::try_from(pages.checked_mul(size)?).ok())
        .ok_or("the kernel does not tell how much memory there is")?;
    let limits = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ];
    let limit = limits
        .into_iter()
        .filter_map(|path| text_of(path)?.parse::<u64>().ok())
        .min();
    let here = limit.map_or(whole, |limit| limit.min(whole));
    compare(parameter, here, |text| {
        let size = units::value::Size::parse(text).ok()?;
        (size != units::value::Size::INFINITY).then(|| size.as_bytes())
    })
}

pub(super) fn cpus(parameter: &str) -> Found {
    let status = text_of("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed:"))
        .ok_or("/proc/self/status does not tell the processors")?;
    let here = mask
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .map(|digit| u64::from(digit.count_ones()))
        .sum();
    compare(parameter, here, |text| text.parse().ok())
}

pub(super) fn cpu_feature(parameter: &str) -> Found {
    let text = text_of("/proc/cpuinfo").unwrap_or_default();
    let wanted = parameter.to_ascii_lowercase();
    let lists = text.lines().filter_map(|line| {
        let (key, value) = line.split_once(':')?;
        matches!(key.trim(), "flags" | "Features").then_some(value)
    });
    Ok(lists
        .flat_map(str::split_ascii_whitespace)
        .any(|feature| feature == wanted))
}

pub(super) fn ac_power(parameter: &str) -> Found {
    let wanted = flag(parameter)?;
    let (mut on, mut off) = (false, false);
    for supply in fs::read_dir("/sys/class/power_supply")
        .into_iter()
        .flatten()
        .flatten()
    {
        let file = |name: &str| text_of(&supply.path().join(name).to_string_lossy());
        let is_mains = matches!(file("type").as_deref(), Some("Mains" | "USB"));
        match file("online").as_deref() {
            Some("0") if is_mains => off = true,
            Some(_) if is_mains => on = true,
            _ => {}
        }
    }
    // A machine that says nothing of it has no battery.
    Ok((on || !off) == wanted)
}

/// Whether this machine was started by EFI. In a container nobody can know.
pub(super) fn is_efi() -> bool {
    virtualization::container().is_none() && Path::new("/sys/firmware/efi/").exists()
}

pub(super) fn firmware(parameter: &str) -> Found {
    let within = |name: &str| {
        let rest = parameter.strip_prefix(name)?.strip_prefix('(')?;
        rest.strip_suffix(')')
    };
    if let Some(wanted) = within("device-tree-compatible") {
        let text = text_of("/proc/device-tree/compatible").unwrap_or_default();
        return Ok(text.split('\0').any(|name| name == wanted));
    }
    if let Some(expression) = within("smbios-field") {
        return smbios_field(expression);
    }
    Ok(match parameter {
        "device-tree" => Path::new("/sys/firmware/devicetree/").exists(),
        "uefi" => is_efi(),
        _ => false,
    })
}

fn smbios_field(expression: &str) -> Found {
    let wrong = || format!("{expression:?} compares no field of SMBIOS");
    let end = expression
        .find(['!', '<', '=', '>', '$'])
        .ok_or_else(wrong)?;
    let (field, rest) = expression.split_at(end);
    let field = field.trim();
    let (operator, value) = operator(rest, Kind::Texts).ok_or_else(wrong)?;
    let value = match words(value)?.as_slice() {
        [one] => one.clone(),
        _ => return Err(wrong()),
    };
    if field.is_empty() || field.contains('/') {
        return Err(wrong());
    }
    let here = text_of(&format!("/sys/class/dmi/id/{field}"));
    Ok(here.is_some_and(|here| operator.holds_for(&here, &value)))
}

/// Whether all of these controllers are there. Names that nobody knows are passed over, and where
/// only such are named there is nothing to miss.
pub(super) fn controllers(parameter: &str) -> Found {
    const KNOWN: &[&str] = &[
        "cpu", "cpuacct", "cpuset", "io", "blkio", "memory", "devices", "pids",
    ];
    let unified =
        statfs("/sys/fs/cgroup").is_ok_and(|found| found.filesystem_type() == CGROUP2_SUPER_MAGIC);
    match parameter {
        "v2" => return Ok(unified),
        "v1" => return Ok(!unified),
        _ => {}
    }
    let of_v2 = text_of("/sys/fs/cgroup/cgroup.controllers").unwrap_or_default();
    let is_there = |name: &str| match unified {
        true => of_v2.split_ascii_whitespace().any(|found| found == name),
        // systemd never used these two of the old hierarchy.
        false => {
            !matches!(name, "cpuset" | "io") && Path::new("/sys/fs/cgroup").join(name).exists()
        }
    };
    Ok(parameter
        .split_ascii_whitespace()
        .filter(|name| KNOWN.contains(name))
        .all(is_there))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_os_release_are_compared() {
        let text = "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"A b\"\n# ID=other\n";
        for (parameter, so) in [
            ("ID=debian", true),
            ("ID=Debian", false),
            ("ID!=ubuntu VERSION_ID>=11", true),
            ("ID=debian VERSION_ID<12", false),
            ("VERSION_ID=12.0", false),
            ("ID$=deb*", true),
            ("ID!$=deb*", false),
            ("\"PRETTY_NAME=A b\"", true),
            ("NOTHING=x", false),
            ("NOTHING!=x", true),
        ] {
            assert_eq!(os_release_says(text, parameter), Ok(so), "{parameter}");
        }
        for bad in ["ID", "ID = debian", "=x", "NOTHING="] {
            assert!(os_release_says(text, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_are_at_least_so_big() {
        let number = |text: &str| text.parse().ok();
        for (parameter, so) in [
            ("2", true),
            ("3", false),
            (">=3", false),
            ("< 3", true),
            ("=2", true),
            ("<>2", false),
        ] {
            assert_eq!(compare(parameter, 2, number), Ok(so), "{parameter}");
        }
        assert!(compare("x", 2, number).is_err());
    }
}
