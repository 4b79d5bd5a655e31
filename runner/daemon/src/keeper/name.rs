//! What process 1 is called. A new program takes its own name: the one after an upgrade does this again.

use std::ffi::CStr;

use super::Settings;
use crate::options::{self, Asked, Compat};

/// Takes the name, where this is process 1.
pub(super) fn take(settings: &Settings) {
    if std::process::id() == 1 {
        // Nothing depends on it.
        let _ = nix::sys::prctl::set_name(of_process_one(settings));
    }
}

/// Who asks what runs this machine takes any other name for that of a service manager it does not
/// know; and some (Ansible's `service_facts`) ask systemctl only where this one is systemd's.
fn of_process_one(settings: &Settings) -> &'static CStr {
    match options::parse(settings.arguments.iter().skip(1).cloned()) {
        Ok(Asked::Run(options)) if options.systemd_compat == Compat::Yes => c"systemd",
        _ => c"init",
    }
}
