//! Whether units are enabled, in systemd's words.

use super::{Files, Index, Preset, Problem, drop_in, is_mask};
use crate::definition::{Definition, LoadState};
use crate::dependency::Dependency;
use crate::name::{UnitKind, UnitName};
use crate::source::{Content, Role};
use crate::unit_set::DEFAULT_TARGET;

/// Whether a unit is started without being asked for, and how that came (systemctl(1), `is-enabled`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It is.
    Enabled,
    /// It is, until the end.
    EnabledRuntime,
    /// Its file is elsewhere, and a link leads to it.
    Linked,
    /// The same, until the end.
    LinkedRuntime,
    /// It is another name of a unit.
    Alias,
    /// Nobody can start it.
    Masked,
    /// The same, until the end.
    MaskedRuntime,
    /// It has nothing to enable; others start it.
    Static,
    /// It is not, but another one is enabled with it, or starts it.
    Indirect,
    /// It is not.
    Disabled,
    /// A generator wrote it.
    Generated,
    /// It was made at run time.
    Transient,
    /// Its file has an error.
    Bad,
}

impl State {
    /// Every state with its word.
    pub const WORDS: &'static [(&'static str, State)] = &[
        ("enabled", State::Enabled),
        ("enabled-runtime", State::EnabledRuntime),
        ("linked", State::Linked),
        ("linked-runtime", State::LinkedRuntime),
        ("alias", State::Alias),
        ("masked", State::Masked),
        ("masked-runtime", State::MaskedRuntime),
        ("static", State::Static),
        ("indirect", State::Indirect),
        ("disabled", State::Disabled),
        ("generated", State::Generated),
        ("transient", State::Transient),
        ("bad", State::Bad),
    ];

    /// systemd's word.
    pub fn as_str(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, state)| *state == self)
            .map_or("bad", |(word, _)| word)
    }
}

/// A unit that has a file, and its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its name, or another name of it.
    pub name: UnitName,
    /// Its file.
    pub path: String,
    /// Its state.
    pub state: State,
    /// What a preset wants of it; none where that says nothing, since there is nothing to enable.
    pub preset: Option<Preset>,
}

impl State {
    /// Whether what a preset wants can make a difference (`show_preset_for_state` of systemd).
    pub fn heeds_presets(self) -> bool {
        !matches!(
            self,
            State::Alias | State::Static | State::Generated | State::Transient
        )
    }
}

impl Files<'_> {
    /// Every unit that a file defines, every other name of one, and every mask, by kind and name.
    pub fn list(&self) -> Vec<Line> {
        let index = Index::new(self.sources, self.units);
        let files = Files {
            index: Some(&index),
            ..*self
        };
        files.lines()
    }

    fn lines(&self) -> Vec<Line> {
        let named = self
            .sources
            .iter()
            .filter_map(|source| match source.role() {
                Role::UnitName(file) => UnitName::parse(file).ok(),
                _ => None,
            });
        let defined = self.units.loaded().filter_map(|unit| {
            let fragment = unit.origin().fragment.is_some();
            // An instance has the file of its template.
            let own = unit.name().instance().is_none_or(str::is_empty);
            (fragment && own).then(|| unit.name().clone())
        });
        let mut names: Vec<UnitName> = named.chain(defined).collect();
        crate::sort::by(&mut names, |a, b| (a.kind(), a).cmp(&(b.kind(), b)));
        names.dedup();
        let line = |name: UnitName| {
            let state = self.state(&name).ok()?;
            let path = match self.file_named(&name) {
                Some(source) => source.path.to_string(),
                None => self
                    .units
                    .get(&name)?
                    .origin()
                    .fragment
                    .as_deref()?
                    .to_owned(),
            };
            let preset = state.heeds_presets().then(|| self.presets.of(&name));
            Some(Line {
                name,
                path,
                state,
                preset,
            })
        };
        names.into_iter().filter_map(line).collect()
    }

    /// The state of a unit.
    ///
    /// # Errors
    /// [`Problem::NoSuchUnit`] where no file defines it.
    pub fn state(&self, name: &UnitName) -> Result<State, Problem> {
        let by_place = |path: &str, lasting: State, runtime: State| match self.places.lasts(path) {
            Some(false) => runtime,
            _ if path.starts_with("/run/") => runtime,
            _ => lasting,
        };
        if let Some(mask) = self.mask_of(name) {
            return Ok(by_place(&mask.path, State::Masked, State::MaskedRuntime));
        }
        let file = self.file_named(name).filter(|source| !is_mask(source));
        if let Some(source) = file
            && matches!(source.content, Content::Link(_))
        {
            return Ok(State::Alias);
        }
        // Slices that need no file have none: there is nothing to enable.
        let has_no_file = |unit: &Definition| {
            let perpetual = name.is_perpetual() && unit.origin().fragment.is_none();
            perpetual || unit.is_slice_without_file()
        };
        let unit = self
            .units
            .resolve(name)
            .filter(|unit| !has_no_file(unit))
            .ok_or_else(|| Problem::NoSuchUnit(name.clone()))?;
        if unit.name() != name {
            return Ok(State::Alias);
        }
        if matches!(unit.load_state(), LoadState::Masked) {
            return Ok(State::Masked);
        }
        let Some(fragment) = unit.origin().fragment.as_deref() else {
            return Ok(State::Static);
        };
        let directory = fragment.rsplit('/').nth(1).unwrap_or_default();
        if directory.starts_with("generator") {
            return Ok(State::Generated);
        }
        if directory == "transient" {
            return Ok(State::Transient);
        }
        if let Some(state) = self.by_links(&unit) {
            return Ok(state);
        }
        if !unit.is_loaded() {
            return Ok(State::Bad);
        }
        if file.is_some() && self.links.contains_key(fragment) {
            return Ok(by_place(fragment, State::Linked, State::LinkedRuntime));
        }
        Ok(match unit.is_systemds() {
            true => state_of_systemds(&unit),
            false => self.state_of_toml(&unit),
        })
    }

    /// What links say: of instances those of their own, of templates those of all instances.
    fn by_links(&self, unit: &Definition) -> Option<State> {
        let name = unit.name();
        let means = |file: &str| {
            file == name.as_str()
                || name.is_template()
                    && UnitName::parse(file)
                        .is_ok_and(|link| link.template().as_ref() == Some(name))
        };
        // Of a template the link of its default instance; those of others make it `indirect`.
        let default = name
            .is_template()
            .then(|| name.instantiate(unit.default_instance()).ok())
            .flatten();
        let is_other = |file: &str| {
            let other = |default: &UnitName| file != default.as_str();
            unit.is_systemds() && file != name.as_str() && default.as_ref().is_some_and(other)
        };
        let mut runtime = false;
        let mut elsewhere = false;
        let mut indirect = false;
        for source in self.about(name) {
            let counts = match (source.role(), &source.content) {
                (_, Content::Mask) => false,
                (Role::Link { file, .. }, _) => means(file),
                (Role::UnitName(file), Content::Link(to)) => {
                    let own = unit.alias().iter().any(|alias| alias.as_str() == file);
                    own && to == name
                }
                _ => false,
            };
            let of_another = matches!(source.role(), Role::Link { file, .. } if is_other(file));
            indirect |= counts && of_another;
            if counts && !of_another {
                match self.places.lasts(&source.path) {
                    Some(true) => return Some(State::Enabled),
                    Some(false) => runtime = true,
                    None => elsewhere = true,
                }
            }
        }
        let is_instance = name.instance().is_some_and(|text| !text.is_empty());
        match (runtime, elsewhere && is_instance) {
            (true, _) => Some(State::EnabledRuntime),
            (false, true) => Some(State::Static),
            (false, false) => indirect.then_some(State::Indirect),
        }
    }

    fn state_of_toml(&self, unit: &Definition) -> State {
        let can = starts_by_itself(unit.kind());
        let installed = has_rules(unit);
        if installed || self.starts_at_boot(unit.name()) {
            let own = drop_in::enablement_file(unit.name());
            let ours = unit
                .origin()
                .drop_ins
                .iter()
                .find(|path| path.rsplit('/').next() == Some(own.as_str()));
            let runtime = ours.and_then(|path| self.places.lasts(path)) == Some(false);
            return match runtime {
                true => State::EnabledRuntime,
                false => State::Enabled,
            };
        }
        let triggers = self
            .units
            .dependencies(unit.name())
            .filter(|(word, _)| *word == Dependency::TriggeredBy);
        let mut triggers = triggers.map(|(_, other)| other.clone());
        // Not by its own state: units can trigger each other in a circle.
        let enabled = |other: UnitName| {
            let by_links = |unit: &Definition| {
                let state = self.by_links(unit);
                matches!(state, Some(State::Enabled | State::EnabledRuntime))
            };
            let installed = |unit: &Definition| unit.installs_itself() && has_rules(unit);
            self.starts_at_boot(&other)
                || self
                    .units
                    .resolve(&other)
                    .is_some_and(|unit| installed(&unit) || by_links(&unit))
        };
        if !unit.also().is_empty() || triggers.any(enabled) {
            State::Indirect
        } else if can || unit.name().is_template() {
            State::Disabled
        } else {
            State::Static
        }
    }

    /// Whether the default target wants the unit.
    pub(super) fn starts_at_boot(&self, name: &UnitName) -> bool {
        if let Some(index) = self.index {
            return starts_by_itself(name.kind()) && index.wants(name);
        }
        let Ok(target) = UnitName::parse(DEFAULT_TARGET) else {
            return false;
        };
        let wants =
            |(word, other): (Dependency, &UnitName)| word == Dependency::Wants && other == name;
        let target = self.units.own_name(&target);
        starts_by_itself(name.kind()) && self.units.dependencies(&target).any(wants)
    }
}

/// Whether units of a kind are started at boot where nobody says otherwise.
pub(super) fn starts_by_itself(kind: UnitKind) -> bool {
    matches!(
        kind,
        UnitKind::Service | UnitKind::Socket | UnitKind::Timer | UnitKind::Path
    )
}

/// Whether there is something to link.
pub(super) fn has_rules(unit: &Definition) -> bool {
    let lists = [
        unit.wanted_by(),
        unit.required_by(),
        unit.upheld_by(),
        unit.alias(),
    ];
    lists.iter().any(|units| !units.is_empty())
}

fn state_of_systemds(unit: &Definition) -> State {
    match (has_rules(unit), unit.also().is_empty()) {
        // Whoever named the file on the command line has enabled it.
        (true, _) if unit.autostart() => State::Enabled,
        (true, _) => State::Disabled,
        (false, false) => State::Indirect,
        (false, true) => State::Static,
    }
}
