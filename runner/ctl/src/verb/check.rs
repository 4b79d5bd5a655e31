//! `check`: what is wrong with unit files, without anybody running them.

use std::env;
use std::path::{Path, PathBuf};

use units::supervisord::{self, Around};
use units::{Diagnostic, HostZones, Surroundings, disk};

use super::calendar;
use crate::cli::CheckArgs;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::runtime::Place;
use crate::supervisorctl::config_file;
use crate::terminal::{Finding, Terminal, in_json};

/// `check`
pub(super) fn check(args: &CheckArgs, place: &Place, terminal: &mut Terminal) -> Outcome {
    let (around, data_home) = surroundings(place);
    let named = !args.paths.is_empty();
    let (foreign, paths): (Vec<&PathBuf>, Vec<&PathBuf>) =
        args.paths.iter().partition(|path| is_supervisord(path));
    let paths: Vec<PathBuf> = paths.into_iter().cloned().collect();
    let mut found_elsewhere = Vec::new();
    for path in foreign {
        found_elsewhere.extend(check_supervisord(path, &around));
    }
    let (sources, mut findings) = if named {
        disk::read(&paths, true, &around)
    } else {
        disk::read(&disk::search_path(&around, &data_home), false, &around)
    };
    let (_, more) = units::load(&sources, &around);
    findings.extend(more);
    findings.extend(found_elsewhere);
    if terminal.json() {
        terminal.value(&findings.iter().map(in_json).collect::<Vec<_>>())?;
    } else {
        for found in &findings {
            terminal.finding(&Finding::from(found));
        }
    }
    match findings.iter().filter(|found| found.is_error()).count() {
        0 => Ok(Exit::Done),
        _ => Err(Failure::Told(Exit::Failed)),
    }
}

/// Whether a file is a supervisord.conf, by what is in it.
fn is_supervisord(path: &Path) -> bool {
    // Anything but a file is left to the one who reads unit files, who never blocks on it.
    let is_file = path.is_file() && path.extension().is_none_or(|extension| extension != "toml");
    let text = is_file.then(|| {
        let around = config_file::around();
        disk::supervisord::read_alone(&path.to_string_lossy(), &around).ok()
    });
    text.flatten()
        .is_some_and(|file| supervisord::is_supervisord(&file.bytes))
}

/// Everything that is wrong with a supervisord.conf and the units it makes. What supervisord
/// itself refuses comes last.
fn check_supervisord(path: &Path, surroundings: &Surroundings) -> Vec<Diagnostic> {
    let around = Around {
        needs_supervisord_section: true,
        ..config_file::around()
    };
    let (sources, mut found) = match disk::supervisord::read(&path.to_string_lossy(), &around) {
        Ok(read) => read,
        Err(refused) => return refused.diagnostics,
    };
    match supervisord::load(&sources, &around, surroundings) {
        Ok((_, _, more)) => found.extend(more),
        Err(refused) => found.extend(refused.diagnostics),
    }
    found
}

/// The place units would be loaded in, and where a user's own data lie. Only what decides whether
/// a file is right has to be true: who we are, and where our directories are, which
/// time zones there are.
pub(super) fn surroundings(place: &Place) -> (Surroundings, String) {
    let text = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let home = text("HOME").unwrap_or_else(|| "/".to_owned());
    let below_home = |name: &str, default: &str| {
        text(name)
            .filter(|path| path.starts_with('/'))
            .unwrap_or_else(|| Path::new(&home).join(default).display().to_string())
    };
    let data_home = below_home("XDG_DATA_HOME", ".local/share");
    let example = Surroundings {
        uid: place.uid,
        zones: HostZones::new(calendar::zones(calendar::now())),
        ..Surroundings::example()
    };
    if place.uid == 0 {
        return (example, data_home);
    }
    let runtime = place
        .xdg_runtime_dir
        .as_ref()
        .map(|path| path.display().to_string());
    let around = Surroundings {
        is_root: false,
        user: text("USER").unwrap_or_else(|| place.uid.to_string()),
        runtime_directory: runtime.unwrap_or_else(|| format!("/run/user/{}", place.uid)),
        configuration_directory: below_home("XDG_CONFIG_HOME", ".config"),
        state_directory: below_home("XDG_STATE_HOME", ".local/state"),
        cache_directory: below_home("XDG_CACHE_HOME", ".cache"),
        log_directory: below_home("XDG_STATE_HOME", ".local/state") + "/log",
        home,
        ..example
    };
    (around, data_home)
}
