//! Unit files without a manager: read, judged and changed here, as systemctl does where no systemd
//! runs. What is done to which file is decided in `units::install`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dbus::client::{Installed, Properties};
use units::install::{Change, Files, Order, Places, Presets, Problem};
use units::{Source, Surroundings, UnitName, UnitSet, disk};

use super::check::surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::runtime::Place;

/// What is in directories of unit files.
pub(super) struct Directories {
    sources: Vec<Source>,
    units: UnitSet,
    links: BTreeMap<Arc<str>, String>,
    places: Places,
    presets: Presets,
}

impl Directories {
    /// These directories; without one, those that a runnerd reads when nobody names any.
    pub(super) fn read(named: &[PathBuf], place: &Place) -> Directories {
        let (around, data_home) = surroundings(place);
        let runtime = Path::new(&around.runtime_directory).join("runner/units");
        let (mut paths, lasting): (Vec<(PathBuf, bool)>, _) = match named {
            [] => {
                let path = disk::search_path(&around, &data_home);
                let first = path.first().cloned().into_iter().collect();
                (path.into_iter().map(|path| (path, false)).collect(), first)
            }
            named => {
                let named: Vec<PathBuf> = named.iter().map(absolute).collect();
                let paths = named.iter().map(|path| (path.clone(), true)).collect();
                (paths, named)
            }
        };
        // As in a runnerd: what holds until the end only stands below what stays.
        let at = paths
            .len()
            .min(if named.is_empty() { 1 } else { paths.len() });
        if !paths.iter().any(|(path, _)| *path == runtime) {
            paths.insert(at, (runtime.clone(), false));
        }
        let places = Places {
            lasting,
            runtime: vec![runtime],
        };
        Directories::of(&paths, places, &around)
    }

    /// Those that a manager reads, from its properties.
    pub(super) fn of_manager(manager: &Properties, place: &Place) -> Directories {
        let (around, data_home) = surroundings(place);
        let runtime = Path::new(manager.text("RuntimeDirectory")).join("units");
        let mut usual = disk::search_path(&around, &data_home);
        // It writes to the first of the usual ones, and to those that somebody named.
        if !usual.is_empty() {
            usual.remove(0);
        }
        usual.extend(disk::systemd_path());
        usual.retain(|path| path != Path::new("/etc/systemd/system"));
        let read: Vec<PathBuf> = manager
            .texts("UnitPath")
            .into_iter()
            .map(PathBuf::from)
            .collect();
        let is_named = |path: &PathBuf| *path != runtime && !usual.contains(path);
        let paths: Vec<(PathBuf, bool)> = read
            .iter()
            .map(|path| (path.clone(), is_named(path)))
            .collect();
        let lasting = read.iter().filter(|path| is_named(path) && !path.is_file());
        let places = Places {
            lasting: lasting.cloned().collect(),
            runtime: vec![runtime.clone()],
        };
        Directories::of(&paths, places, &around)
    }

    fn of(paths: &[(PathBuf, bool)], places: Places, around: &Surroundings) -> Directories {
        let (sources, _) = disk::read_each(paths, around);
        let (units, _) = units::load(&sources, around);
        let directories: Vec<PathBuf> = paths.iter().map(|(path, _)| path.clone()).collect();
        Directories {
            links: disk::install::links(&sources),
            presets: disk::preset::read(&directories),
            sources,
            units,
            places,
        }
    }

    /// The target that boot starts.
    pub(super) fn default_target(&self) -> String {
        let name = UnitName::parse("default.target").ok();
        name.map_or_else(String::new, |name| self.units.own_name(&name).to_string())
    }

    /// For who decides about them.
    pub(super) fn files(&self) -> Files<'_> {
        Files::new(
            &self.sources,
            &self.units,
            &self.links,
            &self.places,
            &self.presets,
        )
    }

    /// Carries an order out.
    ///
    /// # Errors
    /// With what `refused` makes of a problem.
    pub(super) fn perform(
        &self,
        order: &Order,
        refused: impl Fn(&Problem) -> Failure,
    ) -> Result<Installed, Failure> {
        let plan = self.files().plan(order).map_err(|found| refused(&found))?;
        let mut changes = Vec::new();
        for change in &plan.changes {
            let emptied = make(change)?;
            let (word, target) = change.words();
            let path = change.path().to_string_lossy().into_owned();
            changes.push((word.to_owned(), path, target.to_owned()));
            if let Some(directory) = emptied.filter(|_| matches!(order, Order::Revert { .. })) {
                let path = directory.to_string_lossy().into_owned();
                changes.push(("unlink".to_owned(), path, String::new()));
            }
        }
        Ok(Installed {
            has_install_info: plan.has_install_info,
            changes,
        })
    }
}

/// Makes one change; gives back a directory that went because nothing was left in it.
pub(super) fn make(change: &Change) -> Result<Option<PathBuf>, Failure> {
    disk::install::perform(change).map_err(|why| Failure::new(Exit::Failed, why))
}

fn absolute(path: &PathBuf) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.clone())
}
