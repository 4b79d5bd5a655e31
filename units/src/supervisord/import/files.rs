//! Units to the texts of unit files.

use super::super::config::{Group, GroupKind, Written};
use super::super::translate::GroupUnits;
use super::toml;
use crate::definition::Item;
use crate::diagnostic::Place;
use crate::name::UnitKind;
use crate::resolve::Merged;
use crate::settings::SettingId;

/// One unit file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitFile {
    /// Its name, such as `web.toml`.
    pub name: String,
    /// What is in it.
    pub text: String,
    /// The units it defines.
    pub units: Vec<crate::name::UnitName>,
}

/// The files of all groups. A group without a unit has none.
pub(super) fn of(groups: &[GroupUnits<'_>]) -> Vec<UnitFile> {
    let mut files = Vec::new();
    for group in groups {
        let named_as_the_group = |unit: &&Merged| !unit.name.stem().contains(':');
        let (own, others): (Vec<&Merged>, Vec<&Merged>) =
            group.units.iter().partition(named_as_the_group);
        let own_service = own.iter().any(|unit| unit.name.kind() == UnitKind::Service);
        let Some(stem) = stem(group) else { continue };
        // A table of a file holds one unit or several named ones, never both.
        if own_service && !others.is_empty() {
            files.extend(file(&stem, &own, group.group));
            files.extend(file(&format!("{stem}:members"), &others, group.group));
        } else {
            let mut all = others;
            all.extend(own);
            files.extend(file(&stem, &all, group.group));
        }
    }
    files
}

/// The group's name as a unit has it. A file that begins with a dot would not be read.
fn stem(group: &GroupUnits<'_>) -> Option<String> {
    let unit = group.units.first()?;
    let stem = unit.name.stem();
    Some(
        stem.split_once(':')
            .map_or(stem, |(group, _)| group)
            .to_owned(),
    )
}

fn file(stem: &str, units: &[&Merged], group: &Group) -> Option<UnitFile> {
    if units.is_empty() {
        return None;
    }
    let mut text = String::new();
    if group.kind == GroupKind::Group {
        text.push_str(&toml::comment(&group.written.comments.join("\n")));
        if !group.written.comments.is_empty() {
            text.push('\n');
        }
    }
    let mut last_section = None;
    for unit in units {
        if !text.is_empty() && !text.ends_with("\n\n") {
            text.push('\n');
        }
        let written = written_of(unit, group);
        // The comments of a section with several processes stand before the first of them.
        let is_first = written.map(|written| written.place.as_ref()) != last_section;
        last_section = written.map(|written| written.place.as_ref());
        table(&mut text, unit, written.filter(|_| is_first), written);
    }
    Some(UnitFile {
        name: format!("{stem}.toml"),
        text,
        units: units.iter().map(|unit| unit.name.clone()).collect(),
    })
}

/// The section a unit comes from.
fn written_of<'a>(unit: &Merged, group: &'a Group) -> Option<&'a Written> {
    let sections = group.processes.iter().map(|process| &*process.written);
    sections
        .chain(std::iter::once(&*group.written))
        .find(|written| written.place.as_ref() == Some(&unit.place))
}

/// Writes one unit: what its section says, in the order of the section, then the rest.
fn table(text: &mut String, unit: &Merged, comments: Option<&Written>, written: Option<&Written>) {
    if let Some(section) = comments {
        text.push_str(&toml::comment(&section.comments.join("\n")));
    }
    let kind = unit.name.kind();
    match unit.name.stem().contains(':') {
        true => text.push_str(&format!("[{kind}.{}]\n", toml::key(unit.name.stem()))),
        false => text.push_str(&format!("[{kind}]\n")),
    }
    let is_install = |id: &SettingId| id.row().is_install();
    let mut said: Vec<SettingId> = Vec::new();
    for option in written.map_or(&[][..], |written| &written.options) {
        let mut notes = match comments.is_some() {
            true => toml::comment(&option.comments.join("\n")),
            false => String::new(),
        };
        for (id, items) in settings_of(unit, &option.place) {
            if said.contains(&id) || is_install(&id) {
                continue;
            }
            said.push(id);
            text.push_str(&std::mem::take(&mut notes));
            line(text, id, items);
        }
        text.push_str(&notes);
    }
    let settings = unit.settings.iter();
    let (install, rest): (Vec<_>, Vec<_>) = settings
        .filter(|(id, _)| !said.contains(id))
        .partition(|(id, _)| is_install(id));
    if !rest.is_empty() && !said.is_empty() {
        text.push_str("\n# As supervisord has it.\n");
    }
    for (id, items) in rest {
        line(text, *id, items);
    }
    if !install.is_empty() {
        match unit.name.stem().contains(':') {
            true => text.push_str(&format!(
                "\n[{kind}.{}.install]\n",
                toml::key(unit.name.stem())
            )),
            false => text.push_str("\n[install]\n"),
        }
    }
    for (id, items) in install {
        line(text, *id, items);
    }
}

/// The settings that an option decides: those of which an item stands in its line.
pub(super) fn settings_of<'a>(
    unit: &'a Merged,
    place: &'a Place,
) -> impl Iterator<Item = (SettingId, &'a [Item])> {
    unit.settings
        .iter()
        .filter(move |(_, items)| items.iter().any(|item| item.place == *place))
        .map(|(id, items)| (*id, items.as_slice()))
}

fn line(text: &mut String, id: SettingId, items: &[Item]) {
    text.push_str(&format!("{} = {}\n", id.key(), toml::value(id, items)));
}
