//! Files to a set of units: which file counts, what is laid over it, and what it comes to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::built_in::{self, BUILT_IN};
use crate::definition::{Definition, Item, LoadState, Origin};
use crate::diagnostic::{Diagnostic, Place};
use crate::name::{UnitKind, UnitName};
use crate::resolve::{self, Merged};
use crate::settings::SettingId;
use crate::source::{Content, Role, Source};
use crate::surroundings::Surroundings;
use crate::unit_set::UnitSet;
use crate::written::{self, WrittenFile, WrittenUnit};
use systemd::Beside;

/// Makes a set of units from the files of a search path, and says what is wrong with them. A unit
/// with an error is in the set and cannot be started; every other unit can.
pub fn load(sources: &[Source], around: &Surroundings) -> (UnitSet, Vec<Diagnostic>) {
    let built_in: Vec<Source> = built_in::sources().collect();
    let chosen = Chosen::from(sources.iter());
    let mut loader = Loader {
        around,
        units: BTreeMap::new(),
        diagnostics: chosen.diagnostics,
        masks: chosen.masks,
        beside: chosen.beside,
    };
    let nothing = BTreeMap::new();
    for source in &built_in {
        let Role::Fragment { stem } = source.role() else {
            continue;
        };
        // A file of this name replaces the unit only if it defines it: `user.toml` may be a service.
        let own = chosen.drop_ins.get(stem);
        let drop_ins = own.filter(|_| !chosen.fragments.contains_key(stem));
        loader.read_stem(stem, source, drop_ins.unwrap_or(&nothing));
    }
    for (stem, fragment) in &chosen.fragments {
        loader.read_stem(
            stem,
            fragment,
            chosen.drop_ins.get(stem).unwrap_or(&nothing),
        );
    }
    for (stem, drop_ins) in &chosen.drop_ins {
        if !chosen.fragments.contains_key(stem) && !built_in::has(stem) {
            for source in drop_ins.values() {
                let message = format!("there is no unit file {stem}.toml for this to add to");
                loader.diagnostics.push(Diagnostic::warning(
                    Place::file(source.path.clone()),
                    message,
                ));
            }
        }
    }
    let beside = std::mem::take(&mut loader.beside);
    for (name, source) in &chosen.units {
        loader.read_unit(name, source, &beside);
    }
    loader.finish()
}

/// As [`load`], for texts that come from no directory: a path and a text each.
pub fn load_texts(texts: &[(&str, &str)], around: &Surroundings) -> (UnitSet, Vec<Diagnostic>) {
    let sources: Vec<Source> = texts
        .iter()
        .map(|(path, text)| Source::text(path, text))
        .collect();
    load(&sources, around)
}

/// As [`load`], for units that come from no unit files: what is said about each is complete.
pub(crate) fn beside_built_in(
    units: Vec<Merged>,
    around: &Surroundings,
) -> (UnitSet, Vec<Diagnostic>) {
    let built_in: Vec<Source> = built_in::sources().collect();
    let mut loader = Loader {
        around,
        units: BTreeMap::new(),
        diagnostics: Vec::new(),
        masks: BTreeMap::new(),
        beside: Beside::default(),
    };
    for source in &built_in {
        if let Role::Fragment { stem } = source.role() {
            loader.read_stem(stem, source, &BTreeMap::new());
        }
    }
    for unit in units {
        let place = unit.place.clone();
        let (definition, found) = resolve::resolve(unit, around);
        loader.diagnostics.extend(found);
        loader.insert(Loaded {
            definition,
            rank: 0,
            place,
        });
    }
    loader.finish()
}

/// The files that count: of several with one name, that of the highest directory.
#[derive(Default)]
struct Chosen<'a> {
    fragments: BTreeMap<&'a str, &'a Source>,
    drop_ins: BTreeMap<&'a str, BTreeMap<&'a str, &'a Source>>,
    units: BTreeMap<UnitName, &'a Source>,
    beside: Beside<'a>,
    masks: BTreeMap<UnitName, (u32, Arc<str>)>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Chosen<'a> {
    fn from(sources: impl Iterator<Item = &'a Source>) -> Chosen<'a> {
        let mut chosen = Chosen::default();
        let keep_higher = |held: &mut &'a Source, source: &'a Source| {
            if source.rank < held.rank {
                *held = source;
            }
        };
        for source in sources {
            match source.role() {
                Role::Fragment { stem } => {
                    keep_higher(chosen.fragments.entry(stem).or_insert(source), source)
                }
                Role::DropIn { stem, file } => keep_higher(
                    chosen
                        .drop_ins
                        .entry(stem)
                        .or_default()
                        .entry(file)
                        .or_insert(source),
                    source,
                ),
                Role::UnitName(file) => chosen.unit(file, source),
                Role::Conf { of, file } => keep_higher(
                    chosen
                        .beside
                        .drop_ins
                        .entry(of)
                        .or_default()
                        .entry(file)
                        .or_insert(source),
                    source,
                ),
                Role::Link { of, key, file } if UnitName::parse(file).is_ok() => {
                    let held = chosen.beside.links.entry((of, key, file));
                    keep_higher(held.or_insert(source), source);
                }
                Role::Link { .. } => {}
            }
        }
        chosen.find_aliases();
        chosen
    }

    fn unit(&mut self, file: &str, source: &'a Source) {
        let place = Place::file(source.path.clone());
        let empty = matches!(&source.content, Content::Bytes(bytes) if bytes.is_empty());
        match (&source.content, UnitName::parse(file)) {
            (
                Content::Mask | Content::Bytes(_) | Content::Link(_) | Content::Unreadable(_),
                Ok(name),
            ) => {
                let held = self.units.get(&name).map(|held| held.rank);
                let mask = self.masks.get(&name).map(|(rank, _)| *rank);
                if held.into_iter().chain(mask).any(|rank| rank <= source.rank) {
                    return;
                }
                self.units.remove(&name);
                self.masks.remove(&name);
                // An empty file is a mask as well.
                if empty || matches!(source.content, Content::Mask) {
                    self.masks.insert(name, (source.rank, source.path.clone()));
                } else {
                    self.units.insert(name, source);
                }
            }
            (Content::Mask, Err(problem)) => {
                let message = format!("this link masks no unit: {problem}");
                self.diagnostics.push(Diagnostic::warning(place, message));
            }
            (Content::Unreadable(problem), _) => self.diagnostics.push((**problem).clone()),
            (Content::Bytes(_) | Content::Link(_), _) => {
                let message =
                    "this is no unit file, whose name ends in `.toml` or in a kind of unit";
                self.diagnostics.push(Diagnostic::error(place, message));
            }
        }
    }
}

/// A unit of the set to be, and where it is from.
struct Loaded {
    definition: Definition,
    rank: u32,
    place: Place,
}

struct Loader<'a> {
    around: &'a Surroundings,
    units: BTreeMap<UnitName, Loaded>,
    diagnostics: Vec<Diagnostic>,
    masks: BTreeMap<UnitName, (u32, Arc<str>)>,
    beside: Beside<'a>,
}

impl Loader<'_> {
    /// Reads one unit file with its drop-ins.
    fn read_stem(&mut self, stem: &str, fragment: &Source, drop_ins: &BTreeMap<&str, &Source>) {
        let bytes = match &fragment.content {
            Content::Bytes(bytes) => bytes,
            Content::Mask | Content::Link(_) => {
                return self.stand_in(stem, fragment, LoadState::Masked);
            }
            Content::Unreadable(problem) => {
                self.diagnostics.push((**problem).clone());
                let state = LoadState::Error([(**problem).clone()].into());
                return self.stand_in(stem, fragment, state);
            }
        };
        let mut file = written::read(&fragment.path, stem, bytes);
        let mut layers = Vec::new();
        for source in drop_ins.values() {
            match &source.content {
                Content::Bytes(bytes) => {
                    let layer = written::read(&source.path, stem, bytes);
                    file.diagnostics.extend(layer.diagnostics.iter().cloned());
                    layers.push(layer);
                }
                Content::Mask | Content::Link(_) => {}
                Content::Unreadable(problem) => file.diagnostics.push((**problem).clone()),
            }
        }
        self.check_layers(&mut file, &layers);
        self.diagnostics.extend(file.diagnostics.iter().cloned());
        if file.units.is_empty() {
            if file.diagnostics.iter().any(Diagnostic::is_error) {
                let state = LoadState::BadSetting(file.diagnostics.into());
                return self.stand_in(stem, fragment, state);
            }
            let message = "this file defines no unit: it has no [service], [socket], [timer], [path] or [target]";
            self.diagnostics
                .push(Diagnostic::warning(Place::file(file.path), message));
            return;
        }
        let unnamed_service = file
            .units
            .iter()
            .find(|unit| unit.sub_table.is_none() && unit.name.kind() == UnitKind::Service)
            .map(|unit| unit.name.clone());
        for unit in &file.units {
            let merged = merge(unit, &file, &layers, fragment);
            let merged = imply(merged, unit, unnamed_service.as_ref());
            let beside = std::mem::take(&mut self.beside);
            self.take(merged, fragment.rank, &beside, &file.diagnostics);
            self.beside = beside;
        }
    }

    /// A drop-in only adds: a unit that its file does not define is a mistake.
    fn check_layers(&self, file: &mut WrittenFile, layers: &[WrittenFile]) {
        let known: BTreeSet<&UnitName> = file.units.iter().map(|unit| &unit.name).collect();
        let strangers = layers.iter().flat_map(|layer| &layer.units);
        let found: Vec<Diagnostic> = strangers
            .filter(|unit| !known.contains(&unit.name))
            .map(|unit| {
                let message = format!(
                    "{} does not define {} for this to add to",
                    file.path, unit.name
                );
                Diagnostic::error(unit.place.clone(), message).about(&unit.name)
            })
            .collect();
        file.diagnostics.extend(found);
    }

    /// A unit for a file that says nothing: the service it would most likely define.
    fn stand_in(&mut self, stem: &str, fragment: &Source, state: LoadState) {
        let Ok(name) = UnitName::parse(&format!("{stem}.service")) else {
            return;
        };
        let mut definition = Definition::empty(name, state);
        definition.origin.fragment = Some(fragment.path.clone());
        let place = Place::file(fragment.path.clone());
        self.insert(Loaded {
            definition,
            rank: fragment.rank,
            place,
        });
    }

    fn insert(&mut self, new: Loaded) {
        let name = new.definition.name().clone();
        let Some(held) = self.units.get_mut(&name) else {
            self.units.insert(name, new);
            return;
        };
        if new.rank != held.rank {
            if new.rank < held.rank {
                *held = new;
            }
            return;
        }
        let message = format!("{name} is defined here and at {}", held.place);
        let problem = Diagnostic::error(new.place, message).about(&name);
        let mut all = held.definition.load_state().diagnostics().to_vec();
        all.push(problem.clone());
        resolve::settle_load_state(&mut held.definition, &all);
        self.diagnostics.push(problem);
    }

    fn finish(mut self) -> (UnitSet, Vec<Diagnostic>) {
        for (name, (rank, path)) in std::mem::take(&mut self.masks) {
            // A stronger directory has a file for it.
            if self.units.get(&name).is_some_and(|held| held.rank < rank) {
                continue;
            }
            let mut definition = Definition::empty(name.clone(), LoadState::Masked);
            definition.origin.fragment = Some(path);
            // A mask only hides: what is wrong with the hidden file does not matter any more.
            self.diagnostics
                .retain(|found| found.unit.as_ref() != Some(&name));
            let place = Place::file("");
            self.units.insert(
                name,
                Loaded {
                    definition,
                    rank: 0,
                    place,
                },
            );
        }
        let units = self.units.into_values().map(|loaded| loaded.definition);
        let (set, found) = UnitSet::build(units, self.around);
        self.diagnostics.extend(found);
        // Built-in files are right: a test loads them without a finding.
        (set, self.diagnostics)
    }
}

/// Lays everything written about a unit over each other, the weakest first.
fn merge(
    unit: &WrittenUnit,
    file: &WrittenFile,
    layers: &[WrittenFile],
    fragment: &Source,
) -> Merged {
    let path = fragment.path.clone();
    let mut merged = Merged::new(
        unit.name.clone(),
        Origin {
            fragment: Some(path).filter(|path| !path.starts_with(BUILT_IN)),
            drop_ins: Box::default(),
        },
        unit.place.clone(),
    );
    let defaults = std::iter::once(file)
        .chain(layers)
        .flat_map(|layer| &layer.defaults);
    for setting in defaults {
        merged.lay_over(setting.id, &setting.items);
    }
    // A unit's own description replaces the file's, and does not add to it.
    let defaults: Vec<SettingId> = merged.settings.keys().copied().collect();
    for setting in &unit.settings {
        if defaults.contains(&setting.id) {
            merged.settings.remove(&setting.id);
        }
        merged.lay_over(setting.id, &setting.items);
    }
    merged.unsupported.extend(unit.unsupported.iter().cloned());
    merged.diagnostics.extend(unit.diagnostics.iter().cloned());
    let mut drop_ins = Vec::new();
    for layer in layers {
        let mut touched = !layer.defaults.is_empty();
        for over in layer.units.iter().filter(|over| over.name == unit.name) {
            touched = true;
            for setting in &over.settings {
                merged.lay_over(setting.id, &setting.items);
            }
            merged.unsupported.extend(over.unsupported.iter().cloned());
            merged.diagnostics.extend(over.diagnostics.iter().cloned());
        }
        if touched {
            drop_ins.push(layer.path.clone());
        }
    }
    merged.origin.drop_ins = drop_ins.into();
    merged
}

/// Adds what a unit's place in its file says: a socket's name there is its descriptors' name, and
/// the file's unnamed service is the one that a socket, timer or path starts.
fn imply(mut merged: Merged, unit: &WrittenUnit, service: Option<&UnitName>) -> Merged {
    let starts = match unit.name.kind() {
        UnitKind::Socket => SettingId::Service,
        UnitKind::Timer | UnitKind::Path => SettingId::Unit,
        _ => return merged,
    };
    let item = |text: &str| Item {
        text: text.into(),
        place: unit.place.clone(),
    };
    if unit.name.kind() == UnitKind::Socket
        && let Some(sub_table) = unit.sub_table.as_deref().filter(|name| !name.contains(':'))
    {
        // The sub-table is part of a unit's name, so it has no `:` and no `%` either.
        merged
            .settings
            .entry(SettingId::FileDescriptorName)
            .or_insert_with(|| vec![item(sub_table)]);
    }
    let accepts = merged
        .settings
        .get(&SettingId::Accept)
        .and_then(|items| items.last())
        .is_some_and(|item| &*item.text == "true");
    let own = unit.name.with_kind(UnitKind::Service).ok();
    if let Some(service) = service.filter(|service| !accepts && own.as_ref() != Some(*service)) {
        let text = match service.is_template() {
            true => format!("{}@%i.service", service.prefix()),
            false => service.to_string(),
        };
        merged
            .settings
            .entry(starts)
            .or_insert_with(|| vec![item(&text)]);
    }
    merged
}

mod systemd;

#[cfg(test)]
mod tests;
