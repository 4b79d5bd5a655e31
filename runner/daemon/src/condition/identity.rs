//! Conditions about who we are.

use std::env;
use std::path::Path;

use nix::unistd::{getegid, geteuid, getgid, getgroups, getuid};

use super::Found;
use crate::users::Accounts;

/// The highest number of a system user (systemd's `SYSTEM_UID_MAX` on Debian).
const LAST_SYSTEM_UID: u32 = 999;

/// Whether our own environment has a variable, or one with that value.
pub(super) fn environment(parameter: &str) -> Found {
    Ok(match parameter.split_once('=') {
        Some((name, value)) => {
            !name.is_empty() && env::var_os(name).is_some_and(|found| found.as_os_str() == value)
        }
        None => {
            let usable = !parameter.is_empty() && !parameter.contains('\0');
            usable && env::var_os(parameter).is_some()
        }
    })
}

/// Whether we run as this user: by name, by number, or as any system user.
pub(super) fn user(parameter: &str) -> Found {
    let ours = [getuid().as_raw(), geteuid().as_raw()];
    if let Ok(number) = parameter.parse::<u32>() {
        return Ok(ours.contains(&number));
    }
    if parameter == "@system" {
        return Ok(ours.iter().any(|uid| *uid <= LAST_SYSTEM_UID));
    }
    let found = Accounts::default()
        .user(parameter)
        .map_err(|error| format!("cannot look up user {parameter}: {error}"))?;
    Ok(found.is_some_and(|user| ours.contains(&user.uid)))
}

/// Whether this is one of our groups: by name or by number.
pub(super) fn group(parameter: &str) -> Found {
    let mut ours = vec![getgid().as_raw(), getegid().as_raw()];
    let more = getgroups().map_err(|error| format!("cannot tell our groups: {error}"))?;
    ours.extend(more.iter().map(|gid| gid.as_raw()));
    if let Ok(number) = parameter.parse::<u32>() {
        return Ok(ours.contains(&number));
    }
    let found = Accounts::default()
        .group(parameter)
        .map_err(|error| format!("cannot look up group {parameter}: {error}"))?;
    Ok(found.is_some_and(|group| ours.contains(&group.gid)))
}

/// Whether a credential was passed to us.
pub(super) fn credential(parameter: &str) -> Found {
    let is_name = !parameter.is_empty()
        && parameter.len() <= 255
        && !parameter.contains('/')
        && !matches!(parameter, "." | "..");
    let directories = ["CREDENTIALS_DIRECTORY", "ENCRYPTED_CREDENTIALS_DIRECTORY"];
    Ok(is_name
        && directories
            .into_iter()
            .filter_map(env::var_os)
            .any(|directory| {
                let directory = Path::new(&directory);
                directory.is_absolute() && directory.join(parameter).exists()
            }))
}
