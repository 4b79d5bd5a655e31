//! Reading unit files for the daemon: the paths it was given, or the search path.

use std::path::PathBuf;

use units::{Diagnostic, Surroundings, UnitSet, disk};

/// The paths that are read: those of the command line, else the search path.
#[must_use]
pub fn unit_path(paths: &[PathBuf], around: &Surroundings) -> Vec<PathBuf> {
    if !paths.is_empty() {
        return paths.to_vec();
    }
    let data_home = match std::env::var("XDG_DATA_HOME") {
        Ok(path) if !path.is_empty() => path,
        _ => format!("{}/.local/share", around.home),
    };
    disk::search_path(around, &data_home)
}

/// Reads and resolves every unit. Blocks on the file system: not for the loop's thread.
#[must_use]
pub fn read(paths: &[PathBuf], around: &Surroundings) -> (UnitSet, Vec<Diagnostic>) {
    let (sources, mut diagnostics) =
        disk::read(&unit_path(paths, around), !paths.is_empty(), around);
    let (units, found) = units::load(&sources, around);
    diagnostics.extend(found);
    (units, diagnostics)
}
