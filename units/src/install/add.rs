//! What each order comes to.

use std::collections::BTreeSet;
use std::path::Path;

use super::change::{Change, Deed, Plan};
use super::drop_in::{self, Table};
use super::state::{has_rules, starts_by_itself};
use super::{Files, How, Order, Places, Problem, is_mask};
use crate::definition::Definition;
use crate::diagnostic::Diagnostic;
use crate::load::load;
use crate::name::UnitName;
use crate::source::{Content, Role, Source};
use crate::systemd::gather;
use crate::unit_set::{DEFAULT_TARGET, UnitSet};

/// How many units may be enabled because others name them.
const MOST_UNITS: usize = 1_000;

impl Files<'_> {
    /// What an order comes to. Nothing is done yet.
    ///
    /// # Errors
    /// When it cannot be carried out as a whole: then nothing of it is.
    pub fn plan(&self, order: &Order) -> Result<Plan, Problem> {
        let mut plan = Plan::default();
        match order {
            Order::Enable { units, how } => self.enable(&mut plan, units, *how)?,
            Order::Disable { units, runtime } => self.disable(&mut plan, units, *runtime)?,
            Order::Reenable { units, how } => {
                self.disable(&mut plan, units, how.runtime)?;
                self.enable(&mut plan, units, *how)?;
                // What is there already need not go first.
                let made: Vec<_> = plan
                    .changes
                    .iter()
                    .filter(|change| change.deed != Deed::Remove)
                    .map(Change::path)
                    .collect();
                plan.changes
                    .retain(|change| change.deed != Deed::Remove || !made.contains(&change.path()));
            }
            Order::Mask { units, how } => {
                for unit in units {
                    self.mask(&mut plan, unit, *how)?;
                }
            }
            Order::Unmask { units, runtime } => self.unmask(&mut plan, units, *runtime),
            Order::Revert { units } => {
                for unit in units {
                    self.revert(&mut plan, unit)?;
                }
            }
            Order::Depend {
                units,
                on_behalf_of,
                word,
                how,
            } => {
                self.definition(on_behalf_of)?;
                for unit in units {
                    let unit = self.definition(unit)?;
                    let directory = format!("{on_behalf_of}.{}", word.directory());
                    self.link(&mut plan, &unit, &directory, unit.name(), *how)?;
                }
            }
            Order::Link { paths, how } => {
                for path in paths {
                    self.link_file(&mut plan, path, *how)?;
                }
            }
            Order::Default { unit, force } => self.set_default(&mut plan, unit, *force)?,
            Order::Set {
                unit,
                settings,
                runtime,
            } => self.set(&mut plan, unit, settings, *runtime)?,
        }
        Ok(plan)
    }

    /// These and all that they name with `also`, by their own names.
    fn with_also(&self, units: &[UnitName]) -> Result<Vec<std::sync::Arc<Definition>>, Problem> {
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        let mut wanted: Vec<UnitName> = units.iter().rev().cloned().collect();
        while let Some(name) = wanted.pop() {
            let unit = self.definition(&name)?;
            if !seen.insert(unit.name().clone()) {
                continue;
            }
            if seen.len() > MOST_UNITS {
                let message = format!("more than {MOST_UNITS} units name each other with `also`");
                return Err(Problem::Refused(message));
            }
            // An instance means its instance of others where they are templates.
            wanted.extend(unit.also().iter().rev().cloned());
            found.push(unit);
        }
        Ok(found)
    }

    fn enable(&self, plan: &mut Plan, units: &[UnitName], how: How) -> Result<(), Problem> {
        for unit in self.with_also(units)? {
            if unit.origin().fragment.is_none() {
                continue;
            }
            plan.has_install_info |=
                has_rules(&unit) || !unit.also().is_empty() || !unit.default_instance().is_empty();
            match unit.is_systemds() {
                true => self.enable_systemds(plan, &unit, how)?,
                false => self.enable_toml(plan, &unit, how)?,
            }
        }
        Ok(())
    }

    fn enable_systemds(&self, plan: &mut Plan, unit: &Definition, how: How) -> Result<(), Problem> {
        for alias in unit.alias() {
            let same = alias.kind() == unit.kind()
                && alias.is_template() == unit.name().is_template()
                && alias.instance() == unit.name().instance();
            if !same {
                let message = format!("{} cannot go by the name {alias}", unit.name());
                return Err(Problem::Refused(message));
            }
            self.link_at(plan, unit, None, alias, how)?;
        }
        self.link_as_installed(plan, unit, how)
    }

    /// Links for `wanted-by` and the like; of a template those of its default instance.
    fn link_as_installed(
        &self,
        plan: &mut Plan,
        unit: &Definition,
        how: How,
    ) -> Result<(), Problem> {
        let default;
        let mut unit = unit;
        if unit.name().is_template() {
            if unit.default_instance().is_empty() {
                return Ok(());
            }
            let name = unit.name().instantiate(unit.default_instance());
            let name = name.map_err(|problem| {
                Problem::Refused(format!(
                    "the default instance of {} has no valid name: {problem}",
                    unit.name()
                ))
            })?;
            default = self.definition(&name)?;
            unit = &default;
        }
        let lists = [
            (unit.wanted_by(), "wants"),
            (unit.required_by(), "requires"),
            (unit.upheld_by(), "upholds"),
        ];
        for (owners, word) in lists {
            for owner in owners {
                self.link(plan, unit, &format!("{owner}.{word}"), unit.name(), how)?;
            }
        }
        Ok(())
    }

    fn enable_toml(&self, plan: &mut Plan, unit: &Definition, how: How) -> Result<(), Problem> {
        let name = unit.name();
        let instance = name.instance().is_some();
        if instance || !starts_by_itself(unit.kind()) {
            // There is no drop-in for one instance; a link makes it one that is wanted.
            let installed = !unit.wanted_by().is_empty()
                || !unit.required_by().is_empty()
                || !unit.upheld_by().is_empty();
            if installed {
                return self.link_as_installed(plan, unit, how);
            }
            let default = name.is_template() && !unit.default_instance().is_empty();
            let wanted = match default {
                true => name.instantiate(unit.default_instance()).ok(),
                false => Some(name.clone()).filter(|name| !name.is_template()),
            };
            if let Some(wanted) = wanted.filter(|_| starts_by_itself(unit.kind())) {
                plan.has_install_info = true;
                let directory = format!("{DEFAULT_TARGET}.wants");
                self.link(plan, unit, &directory, &wanted, how)?;
            }
            return Ok(());
        }
        plan.has_install_info = true;
        let table = self.own_table(unit)?;
        let change = self.enablement(unit, &table, how.runtime)?;
        let before = self.without(&change);
        // Without ours it may be what is wanted: then ours goes, and otherwise it says so.
        let starts = |sources: &[Source]| {
            let (units, _) = load(sources, self.units.surroundings());
            let files = Files {
                sources,
                units: &units,
                index: None,
                ..*self
            };
            let unit = units.get(name);
            files.starts_at_boot(name)
                || unit.is_some_and(|unit| unit.installs_itself() && has_rules(unit))
        };
        let held = before.len() < self.sources.len();
        if starts(&before) {
            if held {
                plan.push(change);
            }
            return Ok(());
        }
        let text = drop_in::enablement(&table, unit, true);
        self.write_checked(plan, change, text, held, |sources| starts(sources))
    }

    fn disable(&self, plan: &mut Plan, units: &[UnitName], runtime: bool) -> Result<(), Problem> {
        let directories = match runtime {
            true => &self.places.runtime,
            false => &self.places.lasting,
        };
        // What is masked is not enabled; somebody who disables several is not held up by it.
        let is_free = |name: &&UnitName| self.mask_of(name).is_none();
        let units: Vec<UnitName> = units.iter().filter(is_free).cloned().collect();
        for unit in self.with_also(&units)? {
            self.unlink(plan, &unit, directories);
            let by_drop_in = !unit.is_systemds()
                && unit.origin().fragment.is_some()
                && unit.name().instance().is_none()
                && starts_by_itself(unit.kind());
            if by_drop_in {
                self.disable_toml(plan, &unit, runtime)?;
            }
        }
        Ok(())
    }

    fn disable_toml(
        &self,
        plan: &mut Plan,
        unit: &Definition,
        runtime: bool,
    ) -> Result<(), Problem> {
        let name = unit.name();
        let table = self.own_table(unit)?;
        let change = self.enablement(unit, &table, runtime)?;
        let before = self.without(&change);
        let stays_down = |sources: &[Source]| {
            let (units, _) = load(sources, self.units.surroundings());
            let files = Files {
                sources,
                units: &units,
                index: None,
                ..*self
            };
            // What links say is not the file's to decide.
            let links = |unit: &Definition| !has_rules(unit);
            !files.starts_by_setting(name) && units.get(name).is_none_or(|unit| links(unit))
        };
        let held = before.len() < self.sources.len();
        if stays_down(&before) {
            if held {
                plan.push(change);
            }
            return Ok(());
        }
        // What it would say without ours is what has to be taken back.
        let (bare, _) = load(&before, self.units.surroundings());
        let text = drop_in::enablement(&table, bare.get(name).map_or(unit, |unit| unit), false);
        self.write_checked(plan, change, text, held, |sources| stays_down(sources))
    }

    /// Whether a unit is started at boot by what its file says.
    fn starts_by_setting(&self, name: &UnitName) -> bool {
        let linked = self.sources.iter().any(|source| {
            matches!(source.role(), Role::Link { of, file, .. }
                if of == DEFAULT_TARGET && file == name.as_str())
        });
        match self.units.get(name) {
            Some(unit) if unit.is_set(crate::settings::SettingId::Autostart) => unit.autostart(),
            _ => !linked && self.starts_at_boot(name),
        }
    }

    fn own_table(&self, unit: &Definition) -> Result<Table, Problem> {
        self.table_of(unit).ok_or_else(|| {
            let path = unit.origin().fragment.as_deref().unwrap_or_default();
            Problem::Refused(format!(
                "{} is defined in {path}, which is no unit file: what starts by itself is said there",
                unit.name()
            ))
        })
    }

    /// The change that takes our drop-in about a unit's start away.
    fn enablement(
        &self,
        unit: &Definition,
        table: &Table,
        runtime: bool,
    ) -> Result<Change, Problem> {
        Ok(Change {
            base: self.base_for(unit, runtime)?,
            directory: Some(format!("{}.toml.d", table.stem)),
            file: drop_in::enablement_file(unit.name()),
            deed: Deed::Remove,
        })
    }

    /// Where drop-ins of a unit go: beside its file, where that was named alone.
    pub(super) fn base_for(
        &self,
        unit: &Definition,
        runtime: bool,
    ) -> Result<std::path::PathBuf, Problem> {
        let fragment = unit.origin().fragment.as_deref().unwrap_or_default();
        let named = self
            .sources
            .iter()
            .any(|source| source.named && *source.path == *fragment);
        match Path::new(fragment).parent().filter(|_| named && !runtime) {
            Some(parent) => Ok(parent.to_owned()),
            None => self.places.to_write(runtime).map(Path::to_owned),
        }
    }

    /// The files without the one of a change.
    fn without(&self, change: &Change) -> Vec<Source> {
        let path = change.path();
        let others = self.sources.iter();
        others
            .filter(|source| Path::new(&*source.path) != path)
            .cloned()
            .collect()
    }

    /// Adds a change that writes `text`, if what is meant by it comes of it.
    fn write_checked(
        &self,
        plan: &mut Plan,
        change: Change,
        text: String,
        held: bool,
        is_so: impl Fn(&[Source]) -> bool,
    ) -> Result<(), Problem> {
        let path = change.path().to_string_lossy().into_owned();
        let same = |source: &Source| matches!(&source.content, Content::Bytes(bytes) if bytes == text.as_bytes());
        if held
            && self
                .sources
                .iter()
                .any(|source| *source.path == *path && same(source))
        {
            return Ok(());
        }
        let mut sources = self.without(&change);
        sources.push(drop_in::source(&path, &text, self.rank_of(&change)));
        if !is_so(&sources) {
            let other = sources.iter().find(|source| {
                source.path.ends_with(&format!("/{}", change.file)) && *source.path != *path
            });
            let why = match other {
                Some(other) => format!("{} goes over it", other.path),
                None => "another drop-in or unit says otherwise".to_owned(),
            };
            return Err(Problem::Refused(format!(
                "{path} would change nothing: {why}"
            )));
        }
        plan.push(Change {
            deed: Deed::Write { text },
            ..change
        });
        Ok(())
    }

    /// How strong the directory is that a change is made in.
    pub(super) fn rank_of(&self, change: &Change) -> u32 {
        let base = &change.base;
        let here = |source: &&Source| {
            let path = Path::new(&*source.path);
            let parent = path.parent();
            parent == Some(base) || parent.and_then(Path::parent) == Some(base)
        };
        let runtime = self.places.runtime.contains(base);
        let found = self.sources.iter().find(here).map(|source| source.rank);
        found.unwrap_or(if runtime { u32::MAX / 2 } else { 0 })
    }

    fn unlink(&self, plan: &mut Plan, unit: &Definition, directories: &[std::path::PathBuf]) {
        let name = unit.name();
        let means = |file: &str| {
            let link = UnitName::parse(file).ok();
            file == name.as_str()
                || unit.aliases().iter().any(|alias| alias.as_str() == file)
                || name.is_template()
                    && link.is_some_and(|link| link.template().as_ref() == Some(name))
        };
        // Links of directories first, then other names, as systemd has it.
        let mut names = Vec::new();
        for source in self.sources {
            let within = |base: &&std::path::PathBuf| Path::new(&*source.path).starts_with(base);
            let Some(base) = directories.iter().find(within) else {
                continue;
            };
            let is_link = self.links.contains_key(&source.path);
            match (source.role(), &source.content) {
                (Role::Link { file, .. }, _) if is_link && means(file) => {
                    plan.push(removal(base, source));
                }
                (Role::UnitName(_), Content::Link(to)) if to == name => {
                    names.push(removal(base, source));
                }
                // Its file is elsewhere, and is known by this link alone.
                (Role::UnitName(file), Content::Bytes(_)) if is_link && file == name.as_str() => {
                    names.push(removal(base, source));
                }
                _ => {}
            }
        }
        for change in names {
            plan.push(change);
        }
    }

    /// A link in a directory of links to a unit's file.
    fn link(
        &self,
        plan: &mut Plan,
        unit: &Definition,
        directory: &str,
        name: &UnitName,
        how: How,
    ) -> Result<(), Problem> {
        if gather::links_of(directory).is_none() {
            let message = format!("{directory} cannot be a directory of links");
            return Err(Problem::Refused(message));
        }
        self.link_at(plan, unit, Some(directory), name, how)
    }

    fn link_at(
        &self,
        plan: &mut Plan,
        unit: &Definition,
        directory: Option<&str>,
        name: &UnitName,
        how: How,
    ) -> Result<(), Problem> {
        let Some(target) = unit.origin().fragment.as_deref() else {
            let message = format!("{} is built in: there is no file to link", unit.name());
            return Err(Problem::Refused(message));
        };
        let change = Change {
            base: self.places.to_write(how.runtime)?.to_owned(),
            directory: directory.map(str::to_owned),
            file: name.to_string(),
            deed: Deed::Link {
                target: target.to_owned(),
                replace: how.force,
            },
        };
        self.push_link(plan, change, target, how.force)
    }

    pub(super) fn push_link(
        &self,
        plan: &mut Plan,
        change: Change,
        target: &str,
        force: bool,
    ) -> Result<(), Problem> {
        let path = change.path().to_string_lossy().into_owned();
        let going = |held: &Change| held.deed == Deed::Remove && held.path() == change.path();
        let goes = plan.changes.iter().any(going);
        match self.links.get(path.as_str()) {
            Some(held) if held == target && !goes => return Ok(()),
            Some(held) if !force && !goes && held != target => {
                let message = format!("{path} is there already, and leads to {held}");
                return Err(Problem::Exists(message));
            }
            None if self.sources.iter().any(|source| *source.path == *path) && !force => {
                return Err(Problem::Exists(format!("{path} is there already")));
            }
            _ => {}
        }
        plan.push(match goes {
            // Whatever is there is ours.
            true => Change {
                deed: Deed::Link {
                    target: target.to_owned(),
                    replace: true,
                },
                ..change
            },
            false => change,
        });
        Ok(())
    }

    fn mask(&self, plan: &mut Plan, name: &UnitName, how: How) -> Result<(), Problem> {
        const NOTHING: &str = "/dev/null";
        let change = Change {
            base: self.places.to_write(how.runtime)?.to_owned(),
            directory: None,
            file: name.to_string(),
            deed: Deed::Link {
                target: NOTHING.to_owned(),
                replace: how.force,
            },
        };
        self.push_link(plan, change, NOTHING, how.force)
    }

    fn unmask(&self, plan: &mut Plan, units: &[UnitName], runtime: bool) {
        let directories = match runtime {
            true => &self.places.runtime,
            false => &self.places.lasting,
        };
        for name in units {
            for source in self.sources {
                let own = matches!(source.role(), Role::UnitName(file) if file == name.as_str());
                let parent = Path::new(&*source.path).parent();
                let base = directories.iter().find(|base| parent == Some(base));
                if let Some(base) = base.filter(|_| own && is_mask(source)) {
                    plan.push(removal(base, source));
                }
            }
        }
    }

    fn revert(&self, plan: &mut Plan, name: &UnitName) -> Result<(), Problem> {
        let unit = self.units.resolve(name);
        if unit.is_none() && self.file_named(name).is_none() {
            return Err(Problem::NoSuchUnit(name.clone()));
        }
        let stem = unit.as_ref().and_then(|unit| self.table_of(unit));
        let all: Places = self.places.clone();
        let directories: Vec<_> = all.lasting.iter().chain(&all.runtime).cloned().collect();
        let ours = drop_in::enablement_file(name);
        let shipped = |file: &str| {
            let elsewhere = |source: &&Source| {
                matches!(source.role(), Role::UnitName(other) if other == file)
                    && self.places.lasts(&source.path).is_none()
                    && !is_mask(source)
            };
            self.sources.iter().find(elsewhere).is_some()
        };
        for source in self.sources {
            let within = |base: &&std::path::PathBuf| Path::new(&*source.path).starts_with(base);
            let Some(base) = directories.iter().find(within) else {
                continue;
            };
            let goes = match source.role() {
                Role::Conf { of, .. } => of == name.as_str(),
                Role::DropIn { stem: of, file } => {
                    // Whether it is enabled stays as it is.
                    stem.as_ref().is_some_and(|table| table.stem == of)
                        && file != ours
                        && !file.starts_with("zz-install-")
                }
                Role::UnitName(file) if file == name.as_str() && is_mask(source) => {
                    // Where there is nothing below it, the mask is all there is.
                    self.is_defined_without(source, name)
                }
                Role::UnitName(file) => file == name.as_str() && shipped(file),
                Role::Fragment { .. } | Role::Link { .. } => false,
            };
            if goes {
                plan.push(removal(base, source));
            }
        }
        Ok(())
    }

    /// Whether a unit is there also without one of the files.
    fn is_defined_without(&self, file: &Source, name: &UnitName) -> bool {
        let others = self
            .sources
            .iter()
            .filter(|source| source.path != file.path);
        let others: Vec<Source> = others.cloned().collect();
        let (units, _) = load(&others, self.units.surroundings());
        let found = units.resolve(name);
        found.is_some_and(|unit| unit.origin().fragment.is_some())
    }

    fn set(
        &self,
        plan: &mut Plan,
        name: &UnitName,
        settings: &[(String, String)],
        runtime: bool,
    ) -> Result<(), Problem> {
        let unit = self.definition(name)?;
        let table = match unit.is_systemds() {
            true => None,
            false => self
                .table_of(&unit)
                .filter(|_| unit.name().instance().is_none()),
        };
        let base = self.base_for(&unit, runtime)?;
        let mut sources: Vec<Source> = self.sources.to_vec();
        let mut rows: Vec<(&str, Vec<&str>)> = Vec::new();
        for (key, value) in settings {
            match rows.iter_mut().find(|(held, _)| held == key) {
                Some((_, values)) => values.push(value),
                None => rows.push((key, vec![value])),
            }
        }
        // What holds until the end only goes over what holds for good.
        let number = if runtime { 51 } else { 50 };
        for (key, values) in rows {
            let row = drop_in::row_of(&unit, key)?;
            let (directory, file, text) = match &table {
                Some(table) => (
                    format!("{}.toml.d", table.stem),
                    format!("{number}-{}.{}.toml", row.key, unit.name()),
                    drop_in::table(table, &unit, row, &values),
                ),
                None => (
                    format!("{}.d", unit.name()),
                    format!("{number}-{}.conf", row.systemd.unwrap_or(row.key)),
                    drop_in::conf(&unit, row, &values),
                ),
            };
            if values.iter().any(|value| value.contains(['\n', '\0'])) {
                let message = format!("the value of {key} has more than one line");
                return Err(Problem::Refused(message));
            }
            let change = Change {
                base: base.clone(),
                directory: Some(directory),
                file,
                deed: Deed::Write { text: text.clone() },
            };
            let path = change.path();
            sources.retain(|source| Path::new(&*source.path) != path);
            if !runtime {
                // What was set until the end only would go over it.
                let weaker = change.file.replacen("50-", "51-", 1);
                for base in &self.places.runtime {
                    let old = Change {
                        base: base.clone(),
                        file: weaker.clone(),
                        deed: Deed::Remove,
                        ..change.clone()
                    };
                    let held = sources.len();
                    sources.retain(|source| Path::new(&*source.path) != old.path());
                    if sources.len() < held {
                        plan.push(old);
                    }
                }
            }
            let rank = self.rank_of(&change);
            sources.push(drop_in::source(&path.to_string_lossy(), &text, rank));
            plan.push(change);
        }
        let (units, found) = load(&sources, self.units.surroundings());
        let written: Vec<_> = plan.changes.iter().map(Change::path).collect();
        let here = |found: &&Diagnostic| {
            let at = Path::new(&*found.place.path);
            written.iter().any(|path| path == at)
        };
        let about: Vec<Diagnostic> = found.iter().filter(here).cloned().collect();
        if !about.is_empty() || breaks(self.units, &units, unit.name()) {
            let all = found
                .iter()
                .filter(|found| about.contains(found) || found.unit.as_ref() == Some(unit.name()));
            return Err(Problem::Invalid(all.cloned().collect()));
        }
        Ok(())
    }
}

/// Whether a unit could be used before, and cannot any more.
pub(super) fn breaks(before: &UnitSet, after: &UnitSet, name: &UnitName) -> bool {
    let is_loaded = |set: &UnitSet| set.resolve(name).is_some_and(|unit| unit.is_loaded());
    is_loaded(before) && !is_loaded(after)
}

/// Takes a file away.
fn removal(base: &Path, source: &Source) -> Change {
    let path = Path::new(&*source.path);
    let within = path.strip_prefix(base).unwrap_or(path);
    let directory = within
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let file = path.file_name().unwrap_or_default();
    Change {
        base: base.to_owned(),
        directory: directory.map(|parent| parent.to_string_lossy().into_owned()),
        file: file.to_string_lossy().into_owned(),
        deed: Deed::Remove,
    }
}
