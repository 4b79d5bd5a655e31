//! Reading definitions for the daemon: unit files at the paths it was given or on the search path,
//! or a supervisord.conf.

use std::path::PathBuf;
use std::sync::Arc;

use units::supervisord::Refused;
use units::{Diagnostic, Source, Surroundings, UnitSet, disk};

use crate::options::Options;
use crate::supervisord::reading;
use crate::supervisord::settled::{Conf, Settled};

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
pub fn read(options: &Options, around: &Surroundings) -> (UnitSet, Vec<Diagnostic>) {
    let paths = &options.paths;
    let (mut sources, mut diagnostics) =
        disk::read(&unit_path(paths, around), !paths.is_empty(), around);
    if options.systemd_units {
        let (more, found) = disk::read(&disk::systemd_path(), false, around);
        // What is runner's own goes before what is systemd's.
        let lowest = sources.iter().map(|source| source.rank).max();
        let below = lowest.map_or(0, |rank| rank + 1);
        sources.extend(more.into_iter().map(|source| Source {
            rank: source.rank + below,
            ..source
        }));
        diagnostics.extend(found);
    }
    let (units, found) = units::load(&sources, around);
    diagnostics.extend(found);
    (units, diagnostics)
}

/// Reads a supervisord.conf, and what it settles for the daemon as a whole. Blocks as [`read`].
///
/// # Errors
/// When supervisord refuses the file.
pub fn read_conf(
    conf: &Conf,
    options: &Options,
    around: &Surroundings,
) -> Result<(UnitSet, Vec<Diagnostic>, Settled), Refused> {
    let (config, units, diagnostics) = reading::read_units(&conf.file, &conf.given, around)?;
    let settled = Settled::of(&config, conf.file.clone(), conf.given.clone(), options);
    Ok((units, diagnostics, settled))
}

/// What a reading brought.
#[derive(Debug)]
pub struct Reading {
    /// All units. A file that is refused as a whole leaves those of before.
    pub units: Arc<UnitSet>,
    /// All there is to say.
    pub diagnostics: Vec<Diagnostic>,
    /// What a supervisord.conf settles now.
    pub settled: Option<Box<Settled>>,
}

/// Reads again what was read at the start. `before` is what was read last.
#[must_use]
pub fn read_again(
    conf: Option<&Conf>,
    options: &Options,
    around: &Surroundings,
    before: Arc<UnitSet>,
) -> Reading {
    match conf.map(|conf| read_conf(conf, options, around)) {
        None => {
            let (units, diagnostics) = read(options, around);
            Reading {
                units: Arc::new(units),
                diagnostics,
                settled: None,
            }
        }
        Some(Ok((units, diagnostics, settled))) => Reading {
            units: Arc::new(units),
            diagnostics,
            settled: Some(Box::new(settled)),
        },
        Some(Err(refused)) => Reading {
            units: before,
            diagnostics: refused.diagnostics,
            settled: None,
        },
    }
}
