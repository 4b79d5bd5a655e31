//! What `condition-*` and `assert-*` ask about this machine (systemd.unit(5)): one function for
//! each kind, which says whether it is so, or why nobody can say.
//!
//! Everything here may block on a file system, and some of it on a name service: it is called on
//! the file worker's thread. What the marks `|` and `!` make of the answer the engine decides.

#[cfg(test)]
mod against_systemd;
mod boot;
mod comparison;
mod encrypted;
mod glob;
mod identity;
mod machine;
mod path;
mod pressure;
mod security;
mod virtualization;

use engine::action::Test;
use units::ConditionKind;

/// Whether something is so, or a sentence why nobody can say.
type Found = Result<bool, String>;

/// The container or virtual machine we run in, by systemd's name for it; empty on bare metal.
#[must_use]
pub fn virtualization() -> &'static str {
    virtualization::name()
}

/// Makes each test.
#[must_use]
pub fn find_out(tests: &[Test]) -> Vec<Result<bool, String>> {
    tests
        .iter()
        .map(|test| is_so(test.kind, &test.condition.parameter))
        .collect()
}

/// Makes one test.
///
/// # Errors
/// When the parameter makes no sense, or the system does not let us look.
pub fn is_so(kind: ConditionKind, parameter: &str) -> Result<bool, String> {
    match kind {
        ConditionKind::Architecture => machine::architecture(parameter),
        ConditionKind::Firmware => machine::firmware(parameter),
        ConditionKind::Virtualization => virtualization::is(parameter),
        ConditionKind::Host => machine::host(parameter),
        ConditionKind::KernelCommandLine => boot::kernel_command_line(parameter),
        ConditionKind::KernelVersion => machine::kernel_version(parameter),
        ConditionKind::KernelModuleLoaded => machine::kernel_module_loaded(parameter),
        ConditionKind::Credential => identity::credential(parameter),
        ConditionKind::Security => security::is_in_use(parameter),
        ConditionKind::Capability => security::capability(parameter),
        ConditionKind::ACPower => machine::ac_power(parameter),
        ConditionKind::Memory => machine::memory(parameter),
        ConditionKind::CPUFeature => machine::cpu_feature(parameter),
        ConditionKind::CPUs => machine::cpus(parameter),
        ConditionKind::Environment => identity::environment(parameter),
        ConditionKind::User => identity::user(parameter),
        ConditionKind::Group => identity::group(parameter),
        ConditionKind::ControlGroupController => machine::controllers(parameter),
        ConditionKind::OSRelease => machine::os_release(parameter),
        ConditionKind::MemoryPressure => pressure::is_below("memory", parameter),
        ConditionKind::CPUPressure => pressure::is_below("cpu", parameter),
        ConditionKind::IOPressure => pressure::is_below("io", parameter),
        ConditionKind::NeedsUpdate => boot::needs_update(parameter),
        ConditionKind::FirstBoot => boot::first_boot(parameter),
        ConditionKind::PathExists => path::exists(parameter),
        ConditionKind::PathExistsGlob => Ok(glob::finds_any(parameter)),
        ConditionKind::PathIsDirectory => path::is_directory(parameter),
        ConditionKind::PathIsSymbolicLink => path::is_symbolic_link(parameter),
        ConditionKind::PathIsSocket => path::is_socket(parameter),
        ConditionKind::PathIsMountPoint => path::is_mount_point(parameter),
        ConditionKind::PathIsReadWrite => path::is_read_write(parameter),
        ConditionKind::PathIsEncrypted => encrypted::is(parameter),
        ConditionKind::DirectoryNotEmpty => path::directory_not_empty(parameter),
        ConditionKind::FileNotEmpty => path::file_not_empty(parameter),
        ConditionKind::FileIsExecutable => path::file_is_executable(parameter),
    }
}

/// systemd's words for yes and no.
fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Ok(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Ok(false),
        _ => Err(format!("{text:?} is neither `true` nor `false`")),
    }
}

/// The text of a small file of the kernel's, its end trimmed; `None` where it cannot be read.
fn text_of(path: &str) -> Option<String> {
    use std::io::Read as _;
    const MOST: u64 = 1 << 20;
    let mut text = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(MOST).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).trim_end().to_owned())
}
