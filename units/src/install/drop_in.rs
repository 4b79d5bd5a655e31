//! Drop-ins that are ours: for a unit of a TOML file in TOML, for one of systemd's in systemd's form.

use std::fmt::Write as _;
use std::sync::Arc;

use super::{Files, Problem};
use crate::definition::{Definition, Item};
use crate::diagnostic::Place;
use crate::name::UnitName;
use crate::settings::{self, Section, Setting, SettingId, Spelling};
use crate::source::{Content, Role, Source};
use crate::supervisord::import::toml;
use crate::systemd::own_name;
use crate::systemd::read::title;
use crate::written;

/// What each of them begins with.
pub(super) const HEADING: &str = "Written by runnerctl";

/// Whether a file of a directory of drop-ins is the one that `enable` and `disable` write for a unit.
pub(super) fn enablement_file(name: &UnitName) -> String {
    // Letters go after digits, so it goes over what people call `50-more.toml`.
    format!("zz-install-{name}.toml")
}

/// Where in its TOML file a unit stands.
pub(super) struct Table {
    /// The stem of the file.
    pub(super) stem: String,
    /// The head of the unit's table, without brackets.
    pub(super) head: String,
}

impl Files<'_> {
    /// The table of a unit of a TOML file; `None` for other units.
    pub(super) fn table_of(&self, unit: &Definition) -> Option<Table> {
        let path = unit.origin().fragment.clone()?;
        let source = self.sources.iter().find(|source| source.path == path)?;
        let (Role::Fragment { stem }, Content::Bytes(bytes)) = (source.role(), &source.content)
        else {
            return None;
        };
        let file = written::read(&source.path, stem, bytes);
        let template = unit.name().template();
        let own = |name: &UnitName| name == unit.name() || Some(name) == template.as_ref();
        let found = file.units.iter().find(|written| own(&written.name))?;
        let kind = found.name.kind();
        Some(Table {
            stem: stem.to_owned(),
            head: match &found.sub_table {
                Some(sub_table) => format!("{kind}.{}", toml::key(sub_table)),
                None => kind.to_string(),
            },
        })
    }
}

/// A drop-in that says a unit does, or does not, start by itself.
pub(super) fn enablement(table: &Table, unit: &Definition, starts: bool) -> String {
    let head = &table.head;
    let (verb, other) = match starts {
        true => ("enable", "disable"),
        false => ("disable", "enable"),
    };
    let mut text = format!(
        "# {HEADING} {verb} {}; runnerctl {other} takes it away.\n[{head}]\nautostart = {starts}\n",
        unit.name()
    );
    let said: Vec<&'static str> = settings::of_install()
        .filter(|row| !starts && unit.is_set(row.id))
        .filter(|row| row.id != SettingId::Also && row.id != SettingId::DefaultInstance)
        .map(|row| row.key)
        .collect();
    if !said.is_empty() {
        // Writing to a text cannot fail.
        let _ = write!(text, "\n[{head}.install]\n");
        for key in said {
            let _ = writeln!(text, "{key} = \"\"");
        }
    }
    text
}

/// The row of a setting by its key or by systemd's name.
pub(super) fn row_of(unit: &Definition, name: &str) -> Result<&'static Setting, Problem> {
    let kind = unit.kind();
    let fits = |row: &&Setting| {
        (row.is_in_table_of(kind) || row.is_install())
            && (row.key == name || row.systemd == Some(name) || own_name(row.key) == name)
    };
    settings::all().find(fits).ok_or_else(|| {
        let near = settings::nearest(name, Spelling::of(name), settings::of_kind(kind));
        let hint = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        Problem::Refused(format!("a {kind} has no setting {name}{hint}"))
    })
}

/// A drop-in of systemd's form that sets one setting to these values, one line for each.
pub(super) fn conf(unit: &Definition, row: &Setting, values: &[&str]) -> String {
    let section = match row {
        row if row.is_install() => "Install".to_owned(),
        row if row.sections.contains(&Section::Unit) => "Unit".to_owned(),
        _ => title(unit.kind()),
    };
    let name = row.systemd.map_or_else(|| own_name(row.key), str::to_owned);
    let mut text = format!("# {HEADING} set-property {}.\n[{section}]\n", unit.name());
    for value in values {
        let _ = writeln!(text, "{name}={value}");
    }
    text
}

/// The same in TOML.
pub(super) fn table(table: &Table, unit: &Definition, row: &Setting, values: &[&str]) -> String {
    let items: Vec<Item> = values
        .iter()
        .map(|value| Item {
            text: (*value).into(),
            place: Place::file(""),
        })
        .collect();
    let head = match row.is_install() {
        true => format!("{}.install", table.head),
        false => table.head.clone(),
    };
    format!(
        "# {HEADING} set-property {}.\n[{head}]\n{} = {}\n",
        unit.name(),
        row.key,
        toml::value(row.id, &items)
    )
}

/// A file as it will be read once it is written.
pub(super) fn source(path: &str, text: &str, rank: u32) -> Source {
    Source {
        rank,
        path: Arc::from(path),
        content: Content::Bytes(text.as_bytes().to_vec()),
        named: false,
    }
}
