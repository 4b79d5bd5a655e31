//! The definitions in force: the loaded set, and what is kept beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use units::{Definition, Dependency, Effect, UnitName, UnitSet};

/// The loaded set, and definitions that are in no file any more but still needed: those of
/// running units whose file is gone, and the last good ones of units whose file is broken.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    set: Arc<UnitSet>,
    kept: BTreeMap<UnitName, Arc<Definition>>,
    kept_links: BTreeMap<UnitName, Vec<(Dependency, UnitName)>>,
    changed: bool,
}

impl Definitions {
    pub(crate) fn new(set: Arc<UnitSet>) -> Definitions {
        Definitions {
            set,
            ..Definitions::default()
        }
    }

    pub(crate) fn set(&self) -> &Arc<UnitSet> {
        &self.set
    }

    /// Puts another set in force, and other kept definitions.
    pub(crate) fn replace(&mut self, set: Arc<UnitSet>, kept: BTreeMap<UnitName, Arc<Definition>>) {
        self.set = set;
        self.kept = kept;
        self.changed = true;
        self.tie_kept();
        // The slices of units that are in no file are in none either, as a rule.
        let slices: Vec<UnitName> = self.kept.values().filter_map(|unit| unit.slice()).collect();
        for slice in slices {
            self.ensure(&slice);
        }
    }

    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    pub(crate) fn kept(&self) -> &BTreeMap<UnitName, Arc<Definition>> {
        &self.kept
    }

    /// Lets go of a kept definition: its unit is down.
    pub(crate) fn drop_kept(&mut self, name: &UnitName) {
        if self.kept.remove(name).is_some() {
            self.changed = true;
            self.tie_kept();
        }
    }

    fn tie_kept(&mut self) {
        let mut links: BTreeMap<UnitName, Vec<(Dependency, UnitName)>> = BTreeMap::new();
        for (name, definition) in &self.kept {
            for (word, other) in definition.ties() {
                links
                    .entry(other.clone())
                    .or_default()
                    .push((word.inverse(), name.clone()));
                links.entry(name.clone()).or_default().push((word, other));
            }
        }
        self.kept_links = links;
    }

    /// The name a unit goes by itself, where `name` is another one of its names.
    pub(crate) fn own_name(&self, name: &UnitName) -> UnitName {
        if self.kept.contains_key(name) {
            return name.clone();
        }
        self.set.own_name(name)
    }

    /// Makes an instance, or a slice, part of the set, if that is what the name asks for; true if it
    /// was made.
    pub(crate) fn ensure(&mut self, name: &UnitName) -> bool {
        let of_template = || {
            let template = name.template();
            template.is_some_and(|template| self.set.get(&template).is_some())
        };
        let is_new = self.set.get(name).is_none()
            && !self.kept.contains_key(name)
            && (name.slice_path().is_some() || of_template());
        is_new && Arc::make_mut(&mut self.set).instantiate(name).is_some()
    }

    /// Takes an instance out of the set that was made for one connection.
    pub(crate) fn forget(&mut self, name: &UnitName) {
        Arc::make_mut(&mut self.set).forget(name);
    }

    pub(crate) fn get(&self, name: &UnitName) -> Option<Arc<Definition>> {
        self.kept
            .get(name)
            .cloned()
            .or_else(|| self.set.resolve(name))
    }

    /// What a unit has to do with others, those whose definition is kept beside the set included.
    pub(crate) fn dependencies(
        &self,
        name: &UnitName,
    ) -> impl Iterator<Item = (Dependency, &UnitName)> {
        let kept = self.kept_links.get(name).map_or(&[][..], Vec::as_slice);
        let kept = kept.iter().map(|(word, other)| (*word, other));
        self.set.dependencies(name).chain(kept)
    }

    /// Whether another unit wants something of this one.
    pub(crate) fn is_referred_to(&self, name: &UnitName) -> bool {
        self.dependencies(name).map(|(word, _)| word).any(|word| {
            matches!(
                word,
                Dependency::RequiredBy
                    | Dependency::RequisiteOf
                    | Dependency::WantedBy
                    | Dependency::UpheldBy
                    | Dependency::BoundBy
                    | Dependency::ConsistsOf
                    | Dependency::OnSuccessOf
                    | Dependency::OnFailureOf
                    | Dependency::TriggeredBy
            )
        })
    }

    /// The units that name this one in a dependency of their own, whichever word it is.
    pub(crate) fn named_by<'a>(&'a self, name: &'a UnitName) -> impl Iterator<Item = &'a UnitName> {
        let names = move |other: &&UnitName| {
            let found = self.get(other);
            found.is_some_and(|other| other.ties().iter().any(|(_, named)| named == name))
        };
        self.set
            .dependencies(name)
            .map(|(_, other)| other)
            .filter(names)
    }

    /// The units that a dependency of `name` with this effect leads to, each once.
    pub(crate) fn related(&self, name: &UnitName, effect: Effect) -> Vec<UnitName> {
        let kept = self.kept_links.get(name).map_or(&[][..], Vec::as_slice);
        let kept = kept
            .iter()
            .filter(|(word, _)| word.has(effect))
            .map(|(_, other)| other);
        let mut found: Vec<UnitName> = self
            .set
            .with_effect(name, effect)
            .chain(kept)
            .cloned()
            .collect();
        // The set's own list is sorted by word: one unit can stand in it twice.
        if found.len() > 1 {
            units::sort::all(&mut found);
            found.dedup();
        }
        found
    }
}
