//! What properties of units say of their files: whether units are enabled, which is found out when
//! somebody first asks and kept until files are read again or changed by us, as systemd keeps it; and
//! whether the files are others by now, which is looked at each time.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::mem;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use control::{Answerer, Reply};
use engine::clock::Realtime;
use units::install::{Preset, State};
use units::{Definition, UnitName};

use super::Manager;
use super::install::with_files;
use super::wake::Done;

/// A unit's state and what a preset wants of it; none for a unit without a file.
type Known = Option<(State, Preset)>;

/// What is known, and who waits for more.
#[derive(Debug, Default)]
pub(super) struct UnitFiles {
    known: BTreeMap<UnitName, Known>,
    waiting: Vec<(UnitName, Answerer)>,
    /// Whether the file worker is at it.
    judging: bool,
    /// Counts changes of files: what was begun before one is worth nothing after it.
    changes: u64,
}

/// What the file worker found.
pub(super) struct Judged {
    changes: u64,
    found: BTreeMap<UnitName, Known>,
}

impl UnitFiles {
    /// What was known need not be so any more.
    pub(super) fn have_changed(&mut self) {
        self.changes += 1;
        self.known.clear();
    }
}

impl Manager {
    /// Answers what is known of a unit's file.
    pub(super) fn known_file(&mut self, unit: UnitName, answerer: Answerer) {
        // A name that no unit has would be looked for on the disk each time.
        let is_loaded = self.definition(&unit).is_some();
        if self.engine.is_transient(&unit) {
            let known = (State::Transient, Preset::Enabled);
            return answerer.answer(Ok(Reply::KnownUnitFile(Some(known))));
        }
        if self.settled.conf.is_some() || !is_loaded {
            answerer.answer(Ok(Reply::KnownUnitFile(None)));
        } else if let Some(known) = self.unit_files.known.get(&unit) {
            answerer.answer(Ok(Reply::KnownUnitFile(*known)));
        } else {
            self.unit_files.waiting.push((unit, answerer));
            self.judge_files();
        }
    }

    /// Answers whether a unit's files were changed since they were read.
    pub(super) fn files_changed(&mut self, unit: &UnitName, answerer: Answerer) {
        let definition = self.definition(unit);
        let definition = definition.filter(|it| !it.is_without_file());
        let (Some(definition), Some(read)) = (definition, self.engine.units_read_at()) else {
            return answerer.answer(Ok(Reply::FilesChanged(false)));
        };
        let directories = drop_in_directories(&definition, &self.unit_path);
        self.offload.submit(move || {
            let origin = definition.origin();
            let mut files = origin.fragment.iter().chain(&origin.drop_ins);
            // A directory that is not there never was, or its files are gone too.
            let changed = files.any(|file| changed_after(Path::new(&**file), read.realtime, true))
                || directories
                    .iter()
                    .any(|directory| changed_after(directory, read.realtime, false));
            Done::Answer {
                answerer,
                answer: Ok(Reply::FilesChanged(changed)),
            }
        });
    }

    /// Lets the file worker find out about all units, unless it is at it or nobody waits.
    fn judge_files(&mut self) {
        if self.unit_files.judging || self.unit_files.waiting.is_empty() {
            return;
        }
        self.unit_files.judging = true;
        let changes = self.unit_files.changes;
        // Instances have no file of their own, and only those are looked at that somebody asks for.
        let asked: Vec<UnitName> = self
            .unit_files
            .waiting
            .iter()
            .map(|it| it.0.clone())
            .collect();
        let options = self.options.clone();
        let around = self.surroundings.clone();
        self.offload.submit(move || {
            let found = with_files(&options, &around, |files| {
                let known = |name: &UnitName| {
                    let state = files.state(name).ok();
                    state.map(|state| (state, files.presets.of(name)))
                };
                let listed = files.list().into_iter();
                let listed = listed.map(|line| {
                    let known = Some((line.state, files.presets.of(&line.name)));
                    (line.name, known)
                });
                let mut found: BTreeMap<UnitName, Known> = listed.collect();
                for name in asked {
                    found.entry(name.clone()).or_insert_with(|| known(&name));
                }
                found
            });
            Done::FilesJudged(Judged { changes, found })
        });
    }

    /// Answers those who waited for it.
    pub(super) fn files_judged(&mut self, judged: Judged) {
        self.unit_files.judging = false;
        if judged.changes == self.unit_files.changes {
            self.unit_files.known.extend(judged.found);
            for (unit, answerer) in mem::take(&mut self.unit_files.waiting) {
                match self.unit_files.known.get(&unit) {
                    Some(known) => answerer.answer(Ok(Reply::KnownUnitFile(*known))),
                    // Asked for meanwhile, and an instance.
                    None => self.unit_files.waiting.push((unit, answerer)),
                }
            }
        }
        self.judge_files();
    }
}

/// Where drop-ins of this unit alone may be: one more or one less changes the directory.
fn drop_in_directories(definition: &Definition, unit_path: &[PathBuf]) -> Vec<PathBuf> {
    let unit = definition.name();
    let mut names = vec![format!("{unit}.d")];
    names.extend(unit.template().map(|template| format!("{template}.d")));
    let fragment = definition.origin().fragment.as_deref().map(Path::new);
    let table = fragment.filter(|path| path.extension().is_some_and(|end| end == "toml"));
    let table = table.and_then(|path| path.file_name()?.to_str());
    names.extend(table.map(|name| format!("{name}.d")));
    let places = unit_path.iter();
    places
        .flat_map(|place| names.iter().map(|name| place.join(name)))
        .collect()
}

/// Whether something was changed after this moment: what it holds, or whose it is. With `there` it
/// was there, and being gone is a change.
fn changed_after(path: &Path, moment: Realtime, there: bool) -> bool {
    match fs::metadata(path) {
        Ok(found) if found.is_file() || found.is_dir() => {
            let seconds = u64::try_from(found.ctime()).unwrap_or_default();
            let nanoseconds = u64::try_from(found.ctime_nsec()).unwrap_or_default();
            seconds * 1_000_000 + nanoseconds / 1000 > moment.0
        }
        // Such as /dev/null, for a mask.
        Ok(_) => false,
        Err(error) => there && error.kind() == ErrorKind::NotFound,
    }
}
