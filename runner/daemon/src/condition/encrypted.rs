//! `condition-path-is-encrypted`: what a path's block device is made of.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::stat::{major, minor};

use super::{Found, path};

/// Devices stand on others, on which others stand; deeper than this nobody builds.
const DEEPEST: usize = 10;

/// Whether the block device of a path's file system is encrypted, or all that it is made of.
pub(super) fn is(parameter: &str) -> Found {
    let Some(device) = path::block_device_of(parameter) else {
        return Ok(false);
    };
    let node = format!("/sys/dev/block/{}:{}", major(device), minor(device));
    Ok(fs::canonicalize(node).is_ok_and(|device| is_encrypted(&device, DEEPEST)))
}

fn is_encrypted(device: &Path, deeper: usize) -> bool {
    if fs::read_to_string(device.join("dm/uuid")).is_ok_and(|uuid| uuid.starts_with("CRYPT-")) {
        return true;
    }
    if deeper == 0 {
        return false;
    }
    let below: Vec<PathBuf> = fs::read_dir(device.join("slaves"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| fs::canonicalize(entry.path()).ok())
        .collect();
    !below.is_empty() && below.iter().all(|device| is_encrypted(device, deeper - 1))
}
