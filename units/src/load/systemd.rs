//! systemd's own unit files among the rest: units, drop-ins for units of either format, links and
//! other names.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Chosen, Loaded, Loader};
use crate::definition::{Definition, Item, LoadState, Origin};
use crate::diagnostic::{Diagnostic, Place};
use crate::name::{UnitKind, UnitName};
use crate::resolve::{self, Merged};
use crate::settings::{self, SettingId};
use crate::source::{Content, Source};
use crate::systemd::gather;
use crate::systemd::read;
use crate::written::WrittenUnit;

/// How many links may lead to a unit before it is called by its own name.
const MOST_HOPS: usize = 16;

/// What there is beside the files that define units.
#[derive(Default)]
pub(super) struct Beside<'a> {
    /// Drop-ins by directory (without `.d`) and file.
    pub(super) drop_ins: BTreeMap<&'a str, BTreeMap<&'a str, &'a Source>>,
    /// Links by the unit whose directory they are in, the setting they add to, and their name.
    pub(super) links: BTreeMap<(&'a str, &'static str, &'a str), &'a Source>,
    /// Other names of each unit.
    aliases: BTreeMap<UnitName, Vec<UnitName>>,
}

impl<'a> Chosen<'a> {
    /// Takes the links to other units out of the files that were found.
    pub(super) fn find_aliases(&mut self) {
        let target = |name: &UnitName, units: &BTreeMap<UnitName, &Source>| {
            let mut at = name.clone();
            for _ in 0..MOST_HOPS {
                match units.get(&at).map(|source| &source.content) {
                    Some(Content::Link(next)) => at = next.clone(),
                    _ => return Some(at),
                }
            }
            None
        };
        let links: Vec<(UnitName, Place)> = self
            .units
            .iter()
            .filter(|(_, source)| matches!(source.content, Content::Link(_)))
            .map(|(name, source)| (name.clone(), Place::file(source.path.clone())))
            .collect();
        for (name, place) in links {
            let found = target(&name, &self.units);
            let problem = match &found {
                None => Some(format!("{name} is a link that leads nowhere")),
                Some(other) if other.kind() != name.kind() => Some(format!(
                    "{name} is a link to {other}, which is another kind of unit"
                )),
                _ => None,
            };
            if let Some(message) = problem {
                self.diagnostics.push(Diagnostic::warning(place, message));
            } else if let Some(other) = found
                // An instance that leads to its template is what it would be without the link.
                && name.template().as_ref() != Some(&other)
                && name != other
            {
                self.beside.aliases.entry(other).or_default().push(name);
            }
        }
        self.units
            .retain(|_, source| !matches!(source.content, Content::Link(_)));
    }
}

impl Loader<'_> {
    /// Reads one of systemd's unit files.
    pub(super) fn read_unit(&mut self, name: &UnitName, source: &Source, beside: &Beside<'_>) {
        let place = Place::file(source.path.clone());
        let origin = Origin {
            fragment: Some(source.path.clone()),
            drop_ins: Box::default(),
        };
        if !name.kind().is_supported() {
            // Other units may be ordered around it, so it is no error that it is there.
            let message = format!("{} units are not supported", name.kind());
            let found = Diagnostic::error(place.clone(), message).about(name);
            let mut definition =
                Definition::empty(name.clone(), LoadState::BadSetting([found].into()));
            definition.origin = origin;
            return self.insert(Loaded {
                definition,
                rank: source.rank,
                place,
            });
        }
        let unit = match &source.content {
            Content::Bytes(bytes) => read::read(&source.path, name, bytes),
            Content::Unreadable(problem) => {
                self.diagnostics.push((**problem).clone().about(name));
                let state = LoadState::Error([(**problem).clone()].into());
                let mut definition = Definition::empty(name.clone(), state);
                definition.origin = origin;
                return self.insert(Loaded {
                    definition,
                    rank: source.rank,
                    place,
                });
            }
            Content::Mask | Content::Link(_) => return,
        };
        let mut merged = Merged::new(name.clone(), origin, place);
        lay_over(&mut merged, &unit);
        // It starts at boot where a link says so, or who named the file.
        if matches!(
            name.kind(),
            UnitKind::Service | UnitKind::Socket | UnitKind::Timer | UnitKind::Path
        ) {
            let item = Item {
                text: source.named.to_string().into(),
                place: merged.place.clone(),
            };
            merged
                .settings
                .entry(SettingId::Autostart)
                .or_insert_with(|| vec![item]);
        }
        self.take(merged, source.rank, beside, &[]);
    }

    /// Makes a unit of what was read of it: drop-ins and links are added, of a template the instances
    /// that have some of their own as well. `more` is wrong with its file.
    pub(super) fn take(
        &mut self,
        mut merged: Merged,
        rank: u32,
        beside: &Beside<'_>,
        more: &[Diagnostic],
    ) {
        if merged.name.is_template() {
            for instance in beside.instances_of(&merged.name) {
                let mut merged = Merged {
                    name: instance,
                    ..merged.clone()
                };
                beside.add_to(&mut merged);
                self.settle(merged, rank, Vec::new(), more);
            }
        }
        beside.add_to(&mut merged);
        let aliases = beside
            .aliases
            .get(&merged.name)
            .cloned()
            .unwrap_or_default();
        self.settle(merged, rank, aliases, more);
    }

    fn settle(&mut self, merged: Merged, rank: u32, aliases: Vec<UnitName>, more: &[Diagnostic]) {
        let place = merged.place.clone();
        let (mut definition, found) = resolve::resolve(merged, self.around);
        self.diagnostics.extend(found.iter().cloned());
        if more.iter().any(Diagnostic::is_error) {
            let all: Vec<Diagnostic> = more.iter().chain(&found).cloned().collect();
            resolve::settle_load_state(&mut definition, &all);
        }
        let mut aliases = aliases;
        if definition.installs_itself() {
            // One of another kind, or for all instances at once, cannot be another name of it.
            let fits = |alias: &&UnitName| {
                alias.kind() == definition.kind()
                    && alias.is_template() == definition.name().is_template()
                    && **alias != definition.name
            };
            let own: Vec<UnitName> = definition.alias().iter().filter(fits).cloned().collect();
            aliases.extend(own);
            crate::sort::all(&mut aliases);
            aliases.dedup();
        }
        definition.aliases = aliases.into();
        self.insert(Loaded {
            definition,
            rank,
            place,
        });
    }
}

impl Beside<'_> {
    fn names_of<'n>(&'n self, name: &'n UnitName) -> impl Iterator<Item = &'n UnitName> {
        std::iter::once(name).chain(self.aliases.get(name).into_iter().flatten())
    }

    /// The instances of a template that have drop-ins or links of their own.
    fn instances_of(&self, template: &UnitName) -> Vec<UnitName> {
        let of_drop_ins = self.drop_ins.keys().copied();
        let of_links = self.links.keys().map(|(of, _, _)| *of);
        let mut found: Vec<UnitName> = of_drop_ins
            .chain(of_links)
            .filter_map(|of| UnitName::parse(of).ok())
            .filter(|name| name.template().as_ref() == Some(template))
            .collect();
        crate::sort::all(&mut found);
        found.dedup();
        found
    }

    /// Adds drop-ins, in the order of their names, and links.
    fn add_to(&self, merged: &mut Merged) {
        let name = merged.name.clone();
        let aliases = self.aliases.get(&name).map_or(&[][..], Vec::as_slice);
        let directories = gather::drop_in_names(&name, aliases);
        // Of several files with one name that of the strongest directory counts; what is for the
        // whole kind is weaker than all else.
        let mut chosen: BTreeMap<&str, ((bool, u32, usize), &Source)> = BTreeMap::new();
        for (at, of) in directories.iter().enumerate() {
            for (file, source) in self.drop_ins.get(of.as_str()).into_iter().flatten() {
                let strength = (at + 1 == directories.len(), source.rank, at);
                let held = chosen.entry(file).or_insert((strength, source));
                if strength < held.0 {
                    *held = (strength, source);
                }
            }
        }
        let mut paths: Vec<Arc<str>> = merged.origin.drop_ins.to_vec();
        for (_, source) in chosen.values() {
            match &source.content {
                Content::Bytes(bytes) => {
                    lay_over(merged, &read::read(&source.path, &name, bytes));
                    paths.push(source.path.clone());
                }
                Content::Unreadable(problem) => {
                    merged.diagnostics.push((**problem).clone().about(&name));
                }
                Content::Mask | Content::Link(_) => {}
            }
        }
        merged.origin.drop_ins = paths.into();
        let template = name.template();
        let owners: Vec<&UnitName> = self.names_of(&name).chain(template.as_ref()).collect();
        for ((of, key, file), source) in &self.links {
            if owners.iter().any(|owner| owner.as_str() == *of) {
                link(merged, key, file, source);
            }
        }
    }
}

/// Adds what a link in a directory such as `web.target.wants` says.
fn link(merged: &mut Merged, key: &str, file: &str, source: &Source) {
    let place = Place::file(source.path.clone());
    if matches!(source.content, Content::Mask) {
        return;
    }
    match settings::by_key(merged.name.kind(), key) {
        Some(row) => {
            let items = merged.settings.entry(row.id).or_default();
            if !items.iter().any(|item| &*item.text == file) {
                items.push(Item {
                    text: file.into(),
                    place,
                });
            }
        }
        None => {
            let message = format!("this link is ignored, since `{key}` is not supported");
            let found = Diagnostic::warning(place, message).about(&merged.name);
            merged.diagnostics.push(found);
        }
    }
}

fn lay_over(merged: &mut Merged, unit: &WrittenUnit) {
    for setting in &unit.settings {
        merged.lay_over(setting.id, &setting.items);
    }
    merged.unsupported.extend(unit.unsupported.iter().cloned());
    merged.diagnostics.extend(unit.diagnostics.iter().cloned());
}
