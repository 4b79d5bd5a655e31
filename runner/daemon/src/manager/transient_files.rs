//! Files of transient units: what clients defined, as unit files of systemd's would say it. Nothing is
//! ever read from them, since the definitions are with the keeper; they are for people, and for
//! programs that open what `FragmentPath` names.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use units::{Definition, UnitName};

use super::Manager;
use super::wake::Done;

/// Where they are, below the runtime directory.
const DIRECTORY: &str = "transient";
/// A file on its way to its name. No unit can be called so.
const UNFINISHED: &str = ".new";
/// The first line of each.
const TITLE: &str = "# A client of runnerd has defined this unit. Nothing is read from here.\n";

/// Those that are there, with what they say.
#[derive(Debug, Default)]
pub(super) struct TransientFiles {
    written: BTreeMap<UnitName, Arc<Definition>>,
}

/// What a unit's file says.
pub(super) fn text_of(definition: &Definition) -> String {
    format!("{TITLE}{}", units::systemd::export::export(definition).text)
}

impl Manager {
    /// Where a transient unit's file is.
    pub(super) fn transient_file(&self, unit: &UnitName) -> PathBuf {
        self.runtime.join(DIRECTORY).join(unit.as_str())
    }

    /// Lets the file worker write files of what was defined since, and take those away of what is
    /// gone.
    pub(super) fn keep_transient_files(&mut self) {
        let kept = self.engine.kept().filter(|unit| unit.is_without_file());
        let now: BTreeMap<UnitName, Arc<Definition>> = kept
            .map(|unit| (unit.name().clone(), Arc::clone(unit)))
            .collect();
        let before = &self.transient_files.written;
        let is_new = |unit: &&Arc<Definition>| {
            let held = before.get(unit.name());
            held.is_none_or(|held| !Arc::ptr_eq(held, unit))
        };
        let new: Vec<Arc<Definition>> = now.values().filter(is_new).cloned().collect();
        let gone = before.keys().filter(|unit| !now.contains_key(*unit));
        let gone: Vec<UnitName> = gone.cloned().collect();
        self.transient_files.written = now;
        if new.is_empty() && gone.is_empty() {
            return;
        }
        let directory = self.runtime.join(DIRECTORY);
        self.offload.submit(move || {
            for unit in gone {
                // It may never have been written.
                let _ = fs::remove_file(directory.join(unit.as_str()));
            }
            for unit in new {
                let path = directory.join(unit.name().as_str());
                if let Err(error) = write(&directory, &path, &text_of(&unit)) {
                    tracing::warn!("cannot write {}: {error}", path.display());
                }
            }
            Done::Nothing
        });
    }

    /// Takes away what earlier managers left of units that are gone, and writes what is missing: at a
    /// start.
    pub(super) fn renew_transient_files(&mut self) {
        if let Ok(entries) = fs::read_dir(self.runtime.join(DIRECTORY)) {
            let kept: Vec<&UnitName> = self.engine.kept().map(|unit| unit.name()).collect();
            for entry in entries.flatten() {
                let name = entry.file_name();
                if !kept.iter().any(|unit| name == *unit.as_str()) {
                    // What cannot be removed now can be as little later.
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
        self.keep_transient_files();
    }
}

/// Nobody sees half a file. Only we may read it: it says what others may not see.
fn write(directory: &Path, path: &Path, text: &str) -> io::Result<()> {
    match DirBuilder::new().mode(0o755).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let unfinished = directory.join(UNFINISHED);
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&unfinished)?.write_all(text.as_bytes())?;
    fs::rename(unfinished, path)
}
