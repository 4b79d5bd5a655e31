//! A [`Config`] to definitions: programs become units like any other, made through the settings
//! table, each item with the line of the file it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::config::{Config, Extension, FcgiSocket, Group, GroupKind, Process, Written};
use super::mapping::{self, Mapped, Purpose};
use super::meaning;
use super::read::{Refused, Sources};
use super::world::Around;
use crate::definition::{Item, Origin};
use crate::diagnostic::{Diagnostic, Place, nearest};
use crate::group::service_of;
use crate::name::{NameProblem, UnitKind, UnitName};
use crate::resolve::Merged;
use crate::settings::{self, SettingId, Spelling};
use crate::surroundings::Surroundings;
use crate::unit_set::UnitSet;

/// Reads a configuration and makes its units, as [`read`](super::read) and [`translate`].
///
/// # Errors
/// When the real program refuses the file. What is wrong with single units is no refusal.
pub fn load(
    sources: &Sources,
    around: &Around<'_>,
    surroundings: &Surroundings,
) -> Result<(UnitSet, Config, Vec<Diagnostic>), Refused> {
    let (config, mut diagnostics) = super::read(sources, around)?;
    let (set, found) = translate(&config, surroundings);
    diagnostics.extend(found);
    Ok((set, config, diagnostics))
}

/// The units of a configuration, the built-in ones among them, and what is wrong with them. Every
/// program that can be a unit is one.
pub fn translate(config: &Config, around: &Surroundings) -> (UnitSet, Vec<Diagnostic>) {
    let purpose = Purpose::Run {
        is_root: around.is_root,
    };
    let (groups, mut diagnostics) = units(config, purpose);
    let units = groups.into_iter().flat_map(|group| group.units).collect();
    let (set, found) = crate::load::beside_built_in(units, around);
    diagnostics.extend(found);
    (set, diagnostics)
}

/// The units of a group: its services in their order, then its socket.
pub(super) struct GroupUnits<'a> {
    pub(super) group: &'a Group,
    pub(super) units: Vec<Merged>,
}

/// What is said about each unit, group by group.
pub(super) fn units(config: &Config, purpose: Purpose) -> (Vec<GroupUnits<'_>>, Vec<Diagnostic>) {
    let mut translation = Translation {
        config,
        purpose,
        members: members(config),
        diagnostics: Vec::new(),
    };
    let mut seen = BTreeSet::new();
    let mut groups = Vec::new();
    for group in &config.groups {
        if seen.insert(group.name.as_str()) {
            groups.push(translation.group(group));
        } else {
            let place = place(&group.written, "");
            let message = format!(
                "there is another group {:?}, which comes before this one by priority; this one never runs",
                group.name
            );
            let problem = Diagnostic::warning(place, message);
            translation
                .diagnostics
                .push(problem.with_hint("give one of them another name"));
        }
    }
    (groups, translation.diagnostics)
}

/// The unit of an `[fcgi-program:…]`'s socket.
///
/// # Errors
/// When no unit can have such a name.
pub(super) fn socket_of(group: &str) -> Result<UnitName, NameProblem> {
    service_of(group, group)?.with_kind(UnitKind::Socket)
}

/// The services of each group, for `depends_on`.
fn members(config: &Config) -> BTreeMap<&str, Vec<UnitName>> {
    let mut members: BTreeMap<&str, Vec<UnitName>> = BTreeMap::new();
    for group in &config.groups {
        let services = group.processes.iter();
        let services = services.filter_map(|process| service_of(&group.name, &process.name).ok());
        members
            .entry(&group.name)
            .or_insert_with(|| services.collect());
    }
    members
}

/// Where an option stands; its section's header where it is not written.
pub(super) fn place(written: &Written, option: &str) -> Place {
    let header = || {
        let place = written.place.clone();
        place.unwrap_or_else(|| Place::file(""))
    };
    written.place_of(option).cloned().unwrap_or_else(header)
}

struct Translation<'a> {
    config: &'a Config,
    purpose: Purpose,
    members: BTreeMap<&'a str, Vec<UnitName>>,
    diagnostics: Vec<Diagnostic>,
}

impl Translation<'_> {
    fn group<'g>(&mut self, group: &'g Group) -> GroupUnits<'g> {
        let mut units: Vec<Merged> = Vec::new();
        for (position, process) in group.processes.iter().enumerate() {
            let name = match service_of(&group.name, &process.name) {
                Ok(name) => name,
                Err(problem) => {
                    let message = format!(
                        "the program {:?} of the group {:?} cannot be a unit: {problem}",
                        process.name, group.name
                    );
                    let place = place(&process.written, "process_name");
                    self.diagnostics.push(Diagnostic::error(place, message));
                    continue;
                }
            };
            let merged = self.process(group, position, process, name.clone());
            // The real one keeps the last of equal names; the reader has said so.
            match units.iter_mut().find(|unit| unit.name == merged.name) {
                Some(earlier) => *earlier = merged,
                None => units.push(merged),
            }
        }
        if let GroupKind::Fcgi(socket) = &group.kind {
            units.extend(socket_unit(group, socket));
        }
        GroupUnits { group, units }
    }

    fn process(
        &mut self,
        group: &Group,
        position: usize,
        process: &Process,
        name: UnitName,
    ) -> Merged {
        let mut merged = merged(name, &process.written);
        let mapping = mapping::of_process(self.config, group, position, process, self.purpose);
        for mapped in &mapping {
            lay(&mut merged, mapped, &process.written);
        }
        for (variable, _) in &process.environment {
            if !mapping::is_variable_name(variable) {
                let message = format!("{variable:?} is no name of a variable, and is left out");
                let problem = Diagnostic::warning(place(&process.written, "environment"), message)
                    .with_hint("letters, digits and `_`, not beginning with a digit")
                    .about(&merged.name);
                merged.diagnostics.push(problem);
            }
        }
        self.dependencies(process, &mut merged);
        extend(&mut merged, &process.extensions, &mapping, &process.written);
        merged
    }

    /// `depends_on`: what is named is needed, and waited for.
    fn dependencies(&self, process: &Process, merged: &mut Merged) {
        for dependency in &process.depends_on {
            let found = match dependency.name.split_once(':') {
                Some((group, "*" | "")) => self.members.get(group).cloned(),
                Some((group, process)) => service_of(group, process)
                    .ok()
                    .filter(|name| {
                        let members = self.members.get(group);
                        members.is_some_and(|members| members.contains(name))
                    })
                    .map(|name| vec![name]),
                None => self.members.get(dependency.name.as_str()).cloned(),
            };
            let Some(found) = found else {
                let message = format!(
                    "`depends_on` names {:?}, and there is no such program or group",
                    dependency.name
                );
                let mut problem =
                    Diagnostic::error(dependency.place.clone(), message).about(&merged.name);
                let known = self.members.keys().copied();
                problem.hint =
                    nearest(&dependency.name, known).map(|near| format!("did you mean `{near}`?"));
                merged.diagnostics.push(problem);
                continue;
            };
            for name in found.iter().filter(|name| **name != merged.name) {
                for id in [SettingId::Requires, SettingId::After] {
                    let item = Item {
                        text: name.as_str().into(),
                        place: dependency.place.clone(),
                    };
                    merged.settings.entry(id).or_default().push(item);
                }
            }
        }
    }
}

/// The unit of the socket; a name that is too long was told of with the processes.
fn socket_unit(group: &Group, socket: &FcgiSocket) -> Option<Merged> {
    let mut merged = merged(socket_of(&group.name).ok()?, &group.written);
    for mapped in mapping::of_socket(group, socket) {
        lay(&mut merged, &mapped, &group.written);
    }
    if let FcgiSocket::Tcp { host, .. } = socket
        && host != "localhost"
        && host.parse::<std::net::Ipv4Addr>().is_err()
    {
        let message = format!("the host name {host:?} is not looked up");
        let problem = Diagnostic::error(place(&group.written, "socket"), message)
            .with_hint("write its IPv4 address, or 0.0.0.0 for all")
            .about(&merged.name);
        merged.settings.remove(&SettingId::ListenStream);
        merged.diagnostics.push(problem);
    }
    Some(merged)
}

fn merged(name: UnitName, written: &Written) -> Merged {
    let place = place(written, "");
    let fragment: Arc<str> = place.path.clone();
    let origin = Origin {
        fragment: Some(fragment).filter(|path| !path.is_empty()),
        drop_ins: Box::default(),
    };
    Merged::new(name, origin, place)
}

fn lay(merged: &mut Merged, mapped: &Mapped, written: &Written) {
    let place = place(written, mapped.option);
    let items = mapped.escaped().map(|text| Item {
        text: text.into(),
        place: place.clone(),
    });
    merged.settings.insert(mapped.id, items.collect());
}

/// Lays our own settings over what the options say.
fn extend(merged: &mut Merged, extensions: &[Extension], mapping: &[Mapped], written: &Written) {
    let mut replaced = BTreeSet::new();
    for extension in extensions {
        let row = match setting(extension) {
            Ok(row) => row,
            Err(problem) => {
                let problem = problem.about(&merged.name);
                merged.diagnostics.push(problem);
                continue;
            }
        };
        if let Some(option) = contradicted(row.id, mapping, written) {
            let message = format!("`runner.{}` takes the place of `{option}`", row.key);
            let hint = format!("take `{option}` out, so that nobody is misled");
            let problem = Diagnostic::warning(extension.place.clone(), message);
            merged
                .diagnostics
                .push(problem.with_hint(hint).about(&merged.name));
        }
        if !adds(row.id) && replaced.insert(row.id) {
            merged.settings.remove(&row.id);
        }
        merged.lay_over(row.id, &items(row, extension));
    }
    goes_elsewhere(merged, &replaced);
}

/// A line of a list is an item of it; everything else is one text.
fn items(row: &settings::Setting, extension: &Extension) -> Vec<Item> {
    let item = |text: &str| Item {
        text: text.into(),
        place: extension.place.clone(),
    };
    if !row.is_list() {
        return vec![item(extension.text.trim())];
    }
    let lines = extension.text.lines().map(str::trim);
    let items: Vec<Item> = lines.filter(|line| !line.is_empty()).map(item).collect();
    if items.is_empty() {
        return vec![item("")];
    }
    items
}

/// The setting an extension means.
fn setting(extension: &Extension) -> Result<&'static settings::Setting, Diagnostic> {
    if let Some(row) = settings::by_key(UnitKind::Service, &extension.key) {
        return Ok(row);
    }
    let message = format!(
        "unknown setting `runner.{}`, which is left out",
        extension.key
    );
    let problem = Diagnostic::warning(extension.place.clone(), message);
    let known = settings::of_kind(UnitKind::Service).chain(settings::of_install());
    Err(
        match settings::nearest(&extension.key, Spelling::Key, known) {
            Some(near) => problem.with_hint(format!("did you mean `runner.{near}`?")),
            None => problem.with_hint("runner.unit(5) lists the settings"),
        },
    )
}

/// Settings that add to what an option of supervisord says, instead of taking its place.
fn adds(id: SettingId) -> bool {
    use SettingId as S;
    matches!(
        id,
        S::Environment | S::Requires | S::After | S::Sockets | S::Wants
    )
}

/// Settings that only say more about what an option of supervisord decides.
fn refines(id: SettingId) -> bool {
    use SettingId as S;
    matches!(
        id,
        S::RestartSec
            | S::StartLimitBurst
            | S::StartRetrySec
            | S::StandardInput
            | S::TimeoutStartSec
            | S::SuccessExitStatusOnly
            | S::InheritEnvironment
            | S::GroupPriority
            | S::GroupPosition
            | S::LogOwner
            | S::LogMode
            | S::ErrorLogOwner
            | S::ErrorLogMode
    )
}

/// The option in the file that says something else about the same.
fn contradicted(id: SettingId, mapping: &[Mapped], written: &Written) -> Option<&'static str> {
    if adds(id) || refines(id) {
        return None;
    }
    let option = mapping
        .iter()
        .find(|mapped| mapped.id == id)
        .map(|mapped| mapped.option)
        .or_else(|| meaning::option_of(id))?;
    written.option(option).is_some().then_some(option)
}

/// An output that an extension sends elsewhere has no log file, unless one asks for it as well.
fn goes_elsewhere(merged: &mut Merged, replaced: &BTreeSet<SettingId>) {
    use SettingId as S;
    for (target, settings) in [
        (
            S::StandardOutput,
            [
                S::LogFile,
                S::LogOwner,
                S::LogMode,
                S::LogMaxSize,
                S::LogBackups,
            ],
        ),
        (
            S::StandardError,
            [
                S::ErrorLogFile,
                S::ErrorLogOwner,
                S::ErrorLogMode,
                S::ErrorLogMaxSize,
                S::ErrorLogBackups,
            ],
        ),
    ] {
        let has_target = replaced.contains(&target);
        let has_file = settings.first().is_some_and(|file| replaced.contains(file));
        if has_target {
            for id in settings.iter().filter(|id| !replaced.contains(id)) {
                merged.settings.remove(id);
            }
        } else if has_file {
            merged.settings.remove(&target);
        }
    }
}

#[cfg(test)]
mod tests;
