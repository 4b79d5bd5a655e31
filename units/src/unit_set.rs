//! The set of all units: immutable definitions, what they mean to each other, and what changed
//! between two sets.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::check_set;
use crate::definition::{Definition, LoadState};
use crate::dependency::{Dependency, Effect};
use crate::diagnostic::{Diagnostic, Place};
use crate::name::{UnitKind, UnitName};
use crate::resolve;
use crate::settings::SettingId;
use crate::surroundings::Surroundings;

/// Where boot goes.
pub const DEFAULT_TARGET: &str = "default.target";

/// How many instances of templates come into a set because units name them.
const MOST_NAMED_INSTANCES: usize = 10_000;

/// What a unit has to do with others.
type Links = HashMap<UnitName, Vec<(Dependency, UnitName)>>;

/// All units and their dependencies. Cheap to clone; the definitions never change, and instances
/// of templates are added as they are needed.
#[derive(Debug, Clone)]
pub struct UnitSet {
    base: Arc<Base>,
    instances: Arc<Instances>,
}

/// What was loaded.
#[derive(Debug, Default)]
struct Base {
    units: BTreeMap<UnitName, Arc<Definition>>,
    links: Links,
    /// Other names of units.
    aliases: BTreeMap<UnitName, UnitName>,
    surroundings: Surroundings,
}

/// What was made since.
#[derive(Debug, Clone, Default)]
struct Instances {
    units: BTreeMap<UnitName, Arc<Definition>>,
    links: Links,
}

/// How a unit differs between two sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// It is only in the new set.
    Added,
    /// It is only in the old set.
    Removed,
    /// It is in both, and these settings differ; none where only its load state does.
    Changed(Vec<SettingId>),
}

impl Default for UnitSet {
    /// A set without any unit, not even the built-in ones.
    fn default() -> UnitSet {
        UnitSet {
            base: Arc::default(),
            instances: Arc::default(),
        }
    }
}

impl UnitSet {
    /// Makes a set of definitions: adds the instances they name, ties the dependencies, and
    /// checks the whole.
    pub(crate) fn build(
        definitions: impl Iterator<Item = Definition>,
        around: &Surroundings,
    ) -> (UnitSet, Vec<Diagnostic>) {
        let units = definitions
            .map(|unit| (unit.name().clone(), Arc::new(unit)))
            .collect();
        UnitSet::assemble(units, around)
    }

    /// The same, of definitions that are shared with other sets.
    pub(crate) fn assemble(
        mut units: BTreeMap<UnitName, Arc<Definition>>,
        around: &Surroundings,
    ) -> (UnitSet, Vec<Diagnostic>) {
        let mut diagnostics = add_named_instances(&mut units, around);
        let aliases = aliases_of(&mut units);
        diagnostics.extend(check_set::addresses(&units));
        diagnostics.extend(check_set::triggers(&mut units, &aliases));
        let mut links = Links::new();
        for unit in units.values() {
            tie(unit, &mut links);
        }
        autostart(&units, &mut links);
        use_own_names(&aliases, &mut links);
        order_targets(&units, &mut links);
        for ties in links.values_mut() {
            crate::sort::all(ties);
            ties.dedup();
            ties.shrink_to_fit();
        }
        let base = Base {
            units,
            links,
            aliases,
            surroundings: around.clone(),
        };
        let set = UnitSet {
            base: Arc::new(base),
            instances: Arc::default(),
        };
        diagnostics.extend(check_set::references(&set));
        diagnostics.extend(check_set::cycles(&set));
        (set, diagnostics)
    }

    /// The definition of a unit that was loaded, or made with [`UnitSet::instantiate`].
    pub fn get(&self, name: &UnitName) -> Option<&Arc<Definition>> {
        let name = self.base.aliases.get(name).unwrap_or(name);
        self.base
            .units
            .get(name)
            .or_else(|| self.instances.units.get(name))
    }

    /// The same, by no other of its names.
    fn by_own_name(&self, name: &UnitName) -> Option<&Arc<Definition>> {
        let loaded = self.base.units.get(name);
        loaded.or_else(|| self.instances.units.get(name))
    }

    /// The name a unit goes by itself, where `name` may be another one of its names.
    pub fn own_name(&self, name: &UnitName) -> UnitName {
        if let Some(own) = self.base.aliases.get(name) {
            return own.clone();
        }
        let template = name.template();
        let own = template.and_then(|template| self.base.aliases.get(&template));
        own.and_then(|own| own.instantiate(name.instance()?).ok())
            .unwrap_or_else(|| name.clone())
    }

    /// Every unit that was loaded or made, those loaded first, each part in the order of names.
    /// Templates are among them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.base
            .units
            .values()
            .chain(self.instances.units.values())
    }

    /// Every unit that was loaded, in the order of names.
    pub(crate) fn loaded(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.base.units.values()
    }

    /// Every unit that was loaded, by name: to assemble another set of.
    pub(crate) fn loaded_by_name(&self) -> &BTreeMap<UnitName, Arc<Definition>> {
        &self.base.units
    }

    /// How many units [`UnitSet::iter`] gives.
    pub fn len(&self) -> usize {
        self.base.units.len() + self.instances.units.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The definition of a unit, made from its template where it has no own, or of a slice, which
    /// needs no file. The set stays as it is: see [`UnitSet::instantiate`].
    pub fn resolve(&self, name: &UnitName) -> Option<Arc<Definition>> {
        let name = &self.own_name(name);
        if let Some(found) = self.get(name) {
            return Some(found.clone());
        }
        if let Some(slice) = Definition::slice_without_file(name) {
            return Some(Arc::new(slice));
        }
        let template = self.get(&name.template()?)?;
        Some(Arc::new(resolve::instantiate(
            template,
            name,
            &self.base.surroundings,
        )))
    }

    /// As [`UnitSet::resolve`], and what was made, and what it names, becomes part of the set with
    /// its dependencies. A connection's instance comes after the socket that accepted it.
    pub fn instantiate(&mut self, name: &UnitName) -> Option<Arc<Definition>> {
        let made = self.resolve(name)?;
        let mut wanted = vec![made.clone()];
        let mut budget = MOST_NAMED_INSTANCES;
        while let Some(unit) = wanted.pop() {
            if self.get(unit.name()).is_some() || budget == 0 {
                continue;
            }
            budget -= 1;
            let ties = self.ties_of_instance(&unit);
            let instances = Arc::make_mut(&mut self.instances);
            instances.units.insert(unit.name().clone(), unit.clone());
            for (end, ties) in ties {
                instances.links.entry(end).or_default().extend(ties);
            }
            wanted.extend(
                names_in(&unit)
                    .iter()
                    .filter_map(|named| self.resolve(named)),
            );
        }
        Some(made)
    }

    /// Takes an instance out again that [`UnitSet::instantiate`] made. Units that were loaded stay,
    /// and so does what others say of it.
    pub fn forget(&mut self, name: &UnitName) {
        let Some(unit) = self.instances.units.get(name).cloned() else {
            return;
        };
        let gone = self.ties_of_instance(&unit);
        let instances = Arc::make_mut(&mut self.instances);
        instances.units.remove(name);
        for (end, gone) in gone {
            let Some(ties) = instances.links.get_mut(&end) else {
                continue;
            };
            for tie in gone {
                // One for one: the other end may say the same of its own accord.
                if let Some(at) = ties.iter().position(|held| *held == tie) {
                    ties.swap_remove(at);
                }
            }
            if ties.is_empty() {
                instances.links.remove(&end);
            }
        }
    }

    /// The ties that come and go with an instance, at both ends.
    fn ties_of_instance(&self, unit: &Definition) -> Links {
        let mut links = Links::new();
        tie(unit, &mut links);
        let name = unit.name();
        let socket = UnitName::build(name.prefix(), None, UnitKind::Socket).ok();
        let accepts = |socket: &UnitName| self.get(socket).is_some_and(|unit| unit.accept());
        if name.kind() == UnitKind::Service
            && let Some(socket) = socket.filter(accepts)
        {
            bind(&mut links, &socket, Dependency::Before, name);
            bind(&mut links, &socket, Dependency::Triggers, name);
        }
        links
    }

    /// What a unit has to do with others: what it says itself, what others say of it (as inverses),
    /// and what follows from sockets, targets and autostart. Units that are named need not exist.
    pub fn dependencies(
        &self,
        name: &UnitName,
    ) -> impl Iterator<Item = (Dependency, &UnitName)> + use<'_> {
        let base = self.base.links.get(name).map_or(&[][..], Vec::as_slice);
        let made = self
            .instances
            .links
            .get(name)
            .map_or(&[][..], Vec::as_slice);
        base.iter().chain(made).map(|(word, other)| (*word, other))
    }

    /// The units a dependency of `name` with this effect leads to.
    pub fn with_effect(
        &self,
        name: &UnitName,
        effect: Effect,
    ) -> impl Iterator<Item = &UnitName> + use<'_> {
        self.dependencies(name)
            .filter(move |(word, _)| word.has(effect))
            .map(|(_, other)| other)
    }

    /// Where the dependency `word` of `from` on `to` was written; `None` for one that nobody wrote.
    pub fn place_of(&self, from: &UnitName, word: Dependency, to: &UnitName) -> Option<&Place> {
        let written = |unit: &UnitName, word: Dependency, other: &UnitName| {
            let definition = self.get(unit)?;
            let id = word.setting()?;
            let named = definition.names_of(id).contains(other);
            // An item can hold several names, or one with a specifier: the first that fits, or
            // the first of all.
            let items = definition.items(id);
            let fits = |item: &&crate::definition::Item| {
                item.text
                    .split_ascii_whitespace()
                    .any(|text| text == other.as_str())
            };
            named
                .then(|| items.iter().find(fits).or(items.first()))?
                .map(|item| &item.place)
        };
        written(from, word, to).or_else(|| written(to, word.inverse(), from))
    }

    /// What definitions are resolved for.
    pub fn surroundings(&self) -> &Surroundings {
        &self.base.surroundings
    }

    /// What is different in `new`, in the order of names. Where units are written does not count,
    /// nor whether an instance was loaded, because a unit names it, or made later.
    pub fn diff(&self, new: &UnitSet) -> Vec<(UnitName, Difference)> {
        let mut differences = Vec::new();
        for definition in self.iter() {
            let name = &definition.name;
            match new.by_own_name(name) {
                None => differences.push((name.clone(), Difference::Removed)),
                Some(now) => {
                    let changed = definition.changed_settings(now);
                    let word = |state: &LoadState| state.as_str();
                    let state_changed = word(&definition.load_state) != word(&now.load_state);
                    if state_changed || !changed.is_empty() {
                        differences.push((name.clone(), Difference::Changed(changed)));
                    }
                }
            }
        }
        let added = new
            .iter()
            .map(|definition| &definition.name)
            .filter(|name| self.by_own_name(name).is_none());
        differences.extend(added.map(|name| (name.clone(), Difference::Added)));
        crate::sort::by(&mut differences, |a, b| a.0.cmp(&b.0));
        differences
    }
}

/// The units a definition names in its dependencies, the one it triggers, and its slice.
fn names_in(unit: &Definition) -> Vec<UnitName> {
    let mut names = Vec::new();
    if unit.name().is_template() {
        return names;
    }
    for id in Dependency::ALL.iter().filter_map(|word| word.setting()) {
        names.extend(unit.names_of(id).iter().cloned());
    }
    names.extend(unit.sockets().iter().cloned());
    names.extend(unit.slice());
    if !unit.accept() {
        names.extend(unit.triggered_unit());
    }
    names
}

/// Adds the instances that units of the set name, and those that they name in turn; and the slices
/// they are in, which are no more than their names have parts. An instance
/// can name two more, and so on until names are too long, which is far beyond any memory: there is
/// a limit, and who reaches it is told.
fn add_named_instances(
    units: &mut BTreeMap<UnitName, Arc<Definition>>,
    around: &Surroundings,
) -> Vec<Diagnostic> {
    let mut wanted: Vec<UnitName> = units.values().flat_map(|unit| names_in(unit)).collect();
    let mut budget = MOST_NAMED_INSTANCES;
    while let Some(name) = wanted.pop() {
        if units.contains_key(&name) {
            continue;
        }
        if let Some(slice) = Definition::slice_without_file(&name) {
            wanted.extend(slice.slice());
            units.insert(name, Arc::new(slice));
            continue;
        }
        let Some(template) = name.template().and_then(|template| units.get(&template)) else {
            continue;
        };
        if budget == 0 {
            let place = Place::file(template.origin().fragment.clone().unwrap_or_default());
            let message = format!(
                "units name more than {MOST_NAMED_INSTANCES} instances of templates; {name} and others are left out"
            );
            return vec![Diagnostic::error(place, message).about(&name)];
        }
        budget -= 1;
        let made = Arc::new(resolve::instantiate(template, &name, around));
        wanted.extend(names_in(&made));
        units.insert(name, made);
    }
    Vec::new()
}

/// The other names units go by. What has the name itself is gone, where it is only built in.
fn aliases_of(units: &mut BTreeMap<UnitName, Arc<Definition>>) -> BTreeMap<UnitName, UnitName> {
    let mut aliases = BTreeMap::new();
    for unit in units.values() {
        for alias in unit.aliases() {
            let built_in = |held: &Arc<Definition>| held.origin().fragment.is_none();
            if units.get(alias).is_none_or(built_in) {
                aliases.insert(alias.clone(), unit.name().clone());
            }
        }
    }
    for alias in aliases.keys() {
        units.remove(alias);
    }
    aliases
}

/// Ties that were made to another name of a unit belong to the unit.
fn use_own_names(aliases: &BTreeMap<UnitName, UnitName>, links: &mut Links) {
    if aliases.is_empty() {
        return;
    }
    for (alias, own) in aliases {
        if let Some(ties) = links.remove(alias) {
            links.entry(own.clone()).or_default().extend(ties);
        }
    }
    for (name, ties) in links {
        for (_, other) in ties.iter_mut() {
            if let Some(own) = aliases.get(other) {
                *other = own.clone();
            }
        }
        ties.retain(|(_, other)| other != name);
    }
}

/// Ties two units, from both ends.
fn bind(links: &mut Links, from: &UnitName, word: Dependency, to: &UnitName) {
    if from != to {
        links
            .entry(from.clone())
            .or_default()
            .push((word, to.clone()));
        links
            .entry(to.clone())
            .or_default()
            .push((word.inverse(), from.clone()));
    }
}

/// Ties a unit to those it has to do with by itself.
fn tie(unit: &Definition, links: &mut Links) {
    for (word, other) in unit.ties() {
        bind(links, unit.name(), word, &other);
    }
}

/// What starts at boot is wanted by the default target.
fn autostart(units: &BTreeMap<UnitName, Arc<Definition>>, links: &mut Links) {
    let Ok(target) = UnitName::parse(DEFAULT_TARGET) else {
        return;
    };
    for (name, unit) in units {
        let can = matches!(
            unit.kind(),
            UnitKind::Service | UnitKind::Socket | UnitKind::Timer | UnitKind::Path
        ) && !name.is_template()
            && unit.load_state != LoadState::Masked;
        let said = unit.is_set(SettingId::Autostart);
        let installed = [unit.wanted_by(), unit.required_by(), unit.upheld_by()]
            .iter()
            .any(|units| !units.is_empty());
        let triggered = || {
            let ties = links.get(name).map_or(&[][..], Vec::as_slice);
            ties.iter()
                .any(|(word, _)| *word == Dependency::TriggeredBy)
        };
        let wanted = match said {
            true => unit.autostart(),
            false => !installed && !triggered(),
        };
        if can && wanted {
            bind(links, &target, Dependency::Wants, name);
        }
    }
}

/// A target is reached when what it wants and requires is up: it comes after them, except where
/// they come after it, or one of both has no default dependencies.
fn order_targets(units: &BTreeMap<UnitName, Arc<Definition>>, links: &mut Links) {
    let follows = |name: &UnitName| {
        let unit = units.get(name);
        unit.is_none_or(|unit| unit.default_dependencies())
    };
    let targets = units
        .keys()
        .filter(|name| name.kind() == UnitKind::Target && follows(name));
    for name in targets {
        let ties = links.get(name).cloned().unwrap_or_default();
        let order =
            |word: Dependency| word.has(Effect::OrderBefore) || word.has(Effect::OrderAfter);
        let ordered: HashSet<&UnitName> = ties
            .iter()
            .filter(|(word, _)| order(*word))
            .map(|(_, other)| other)
            .collect();
        let members = ties
            .iter()
            .filter(|(word, _)| word.has(Effect::OrderOfTarget));
        for (_, member) in members {
            if !ordered.contains(member) && follows(member) {
                bind(links, name, Dependency::After, member);
            }
        }
    }
}
