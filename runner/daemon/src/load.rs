//! Reading definitions for the daemon: unit files at the paths it was given or on the search path,
//! or a supervisord.conf.

use std::path::PathBuf;
use std::sync::Arc;

use units::install::Places;
use units::supervisord::Refused;
use units::{Diagnostic, Source, Surroundings, UnitSet, disk};

use crate::one_command;
use crate::options::Options;
use crate::supervisord::reading;
use crate::supervisord::settled::{Conf, Settled};

/// The paths that are read, the strongest first, and which of them somebody named: those of the
/// command line, else the search path; then what was written until the end only, and systemd's own
/// directories where they are asked for.
#[must_use]
pub fn unit_path(options: &Options, around: &Surroundings) -> Vec<(PathBuf, bool)> {
    if !options.command.is_empty() {
        return Vec::new();
    }
    let mut paths: Vec<(PathBuf, bool)> = match options.paths.as_slice() {
        [] => {
            let data_home = match std::env::var("XDG_DATA_HOME") {
                Ok(path) if !path.is_empty() => path,
                _ => format!("{}/.local/share", around.home),
            };
            let path = disk::search_path(around, &data_home).into_iter();
            path.map(|path| (path, false)).collect()
        }
        named => named.iter().map(|path| (path.clone(), true)).collect(),
    };
    let runtime = runtime_units(options, around);
    if !paths.iter().any(|(path, _)| *path == runtime) {
        // Where nothing is named it stands where it stands otherwise: below what stays.
        let at = if options.paths.is_empty() {
            1
        } else {
            paths.len()
        };
        paths.insert(at.min(paths.len()), (runtime, false));
    }
    if options.systemd_units {
        // What is runner's own goes before what is systemd's.
        paths.extend(disk::systemd_path().into_iter().map(|path| (path, false)));
    }
    paths
}

/// Where units are kept until the end only.
fn runtime_units(options: &Options, around: &Surroundings) -> PathBuf {
    match &options.runtime_dir {
        Some(directory) => directory.join("units"),
        None => PathBuf::from(&around.runtime_directory).join("runner/units"),
    }
}

/// Where `enable` and the like write. Blocks as [`read`].
#[must_use]
pub fn places(options: &Options, around: &Surroundings) -> Places {
    let mut lasting: Vec<PathBuf> = match options.paths.as_slice() {
        [] => unit_path(options, around)
            .into_iter()
            .take(1)
            .map(|(path, _)| path)
            .collect(),
        named => named.iter().filter(|path| path.is_dir()).cloned().collect(),
    };
    let mut runtime = vec![runtime_units(options, around)];
    if options.systemd_units {
        lasting.push("/etc/systemd/system".into());
        runtime.push("/run/systemd/system".into());
    }
    Places { lasting, runtime }
}

/// Reads and resolves every unit. Blocks on the file system: not for the loop's thread.
#[must_use]
pub fn read(options: &Options, around: &Surroundings) -> (UnitSet, Vec<Diagnostic>) {
    let (_, units, diagnostics) = read_files(options, around);
    (units, diagnostics)
}

/// As [`read`], with the files themselves.
#[must_use]
pub fn read_files(
    options: &Options,
    around: &Surroundings,
) -> (Vec<Source>, UnitSet, Vec<Diagnostic>) {
    let (mut sources, mut diagnostics) = disk::read_each(&unit_path(options, around), around);
    if !options.command.is_empty() {
        sources.push(one_command::source(options));
    }
    let (units, found) = units::load(&sources, around);
    diagnostics.extend(found);
    (sources, units, diagnostics)
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
