//! One file as its author wrote it: units, settings, texts and places. TOML ends here.

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::definition::Item;
use crate::diagnostic::{Diagnostic, Place, nearest};
use crate::name::{UnitKind, UnitName};
use crate::settings::unsupported::{self, Unsupported};
use crate::settings::{self, Section, Setting, SettingId, Spelling, alias};

mod shape;

/// A setting as written: its items, an empty text among them starting the list over.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WrittenSetting {
    pub(crate) id: SettingId,
    pub(crate) items: Vec<Item>,
}

/// A setting that is known and not supported.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unheard {
    /// As it was written.
    pub(crate) name: Box<str>,
    pub(crate) place: Place,
    pub(crate) why: &'static Unsupported,
}

/// One unit of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WrittenUnit {
    pub(crate) name: UnitName,
    /// The key of a named sub-table.
    pub(crate) sub_table: Option<Box<str>>,
    /// Where its table begins.
    pub(crate) place: Place,
    pub(crate) settings: Vec<WrittenSetting>,
    /// What it asks for and nobody does.
    pub(crate) unsupported: Vec<Unheard>,
    /// What is wrong with it so far.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// One file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WrittenFile {
    pub(crate) path: Arc<str>,
    /// `description` and `documentation` at the top level.
    pub(crate) defaults: Vec<WrittenSetting>,
    pub(crate) units: Vec<WrittenUnit>,
    /// What is wrong with the file as a whole, and so with each of its units.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// How many syntax errors of one file are reported; the rest would be consequences.
const MOST_SYNTAX_ERRORS: usize = 5;

/// The settings that may stand at the top level of a file.
const TOP_LEVEL: [SettingId; 2] = [SettingId::Description, SettingId::Documentation];

/// Reads a file that defines, or adds to, the units of `stem`.
pub(crate) fn read(path: &Arc<str>, stem: &str, bytes: &[u8]) -> WrittenFile {
    let mut file = WrittenFile {
        path: path.clone(),
        defaults: Vec::new(),
        units: Vec::new(),
        diagnostics: Vec::new(),
    };
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(problem) => {
            let good = bytes.get(..problem.valid_up_to()).unwrap_or_default();
            let good = std::str::from_utf8(good).unwrap_or_default();
            let place = Positions::new(path, good).place(good.len());
            file.diagnostics
                .push(Diagnostic::error(place, "the file is not UTF-8 text"));
            return file;
        }
    };
    // Editors of another system mark UTF-8 files with it; it is no part of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let positions = Positions::new(path, text);
    let (table, problems) = DeTable::parse_recoverable(text);
    let count = problems.len();
    for problem in problems.iter().take(MOST_SYNTAX_ERRORS) {
        let at = problem.span().map_or(0, |span| span.start);
        let message = problem.message().trim().to_lowercase().replace('\n', ", ");
        file.diagnostics
            .push(Diagnostic::error(positions.place(at), message));
    }
    if count > MOST_SYNTAX_ERRORS {
        let more = count - MOST_SYNTAX_ERRORS;
        file.diagnostics.push(Diagnostic::error(
            Place::file(path.clone()),
            format!("{more} more syntax errors in this file"),
        ));
    }
    // What the parser made up to go on after a syntax error would only raise errors of its own.
    if count == 0 {
        Reader {
            positions: &positions,
            stem,
            file: &mut file,
        }
        .read_top(table.get_ref());
    }
    file
}

/// The places of byte offsets in a text.
pub(crate) struct Positions<'a> {
    path: &'a Arc<str>,
    text: &'a str,
    line_starts: Vec<usize>,
}

impl<'a> Positions<'a> {
    pub(crate) fn new(path: &'a Arc<str>, text: &'a str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Positions {
            path,
            text,
            line_starts: std::iter::once(0).chain(after_breaks).collect(),
        }
    }

    pub(crate) fn place(&self, offset: usize) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self
            .line_starts
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or_default();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place {
            path: self.path.clone(),
            line: number(line),
            column: number(before.chars().count() + 1),
        }
    }
}

type Key<'i> = Spanned<DeString<'i>>;
type Val<'i> = Spanned<DeValue<'i>>;

struct Reader<'a> {
    positions: &'a Positions<'a>,
    stem: &'a str,
    file: &'a mut WrittenFile,
}

/// The entries of a table in the order they were written.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t Key<'i>, &'t Val<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    crate::sort::by_key(&mut entries, |(key, _)| key.span().start);
    entries
}

fn text_of<'t>(key: &'t Key<'_>) -> &'t str {
    key.get_ref()
}

impl Reader<'_> {
    fn place(&self, key: &Key<'_>) -> Place {
        self.positions.place(key.span().start)
    }

    fn complain(&mut self, diagnostic: Diagnostic) {
        self.file.diagnostics.push(diagnostic);
    }

    fn read_top(&mut self, table: &DeTable<'_>) {
        let mut install = None;
        for (key, value) in in_order(table) {
            let word = text_of(key);
            let top = TOP_LEVEL.iter().find(|id| id.key() == word);
            if let Some(row) = top.map(|id| id.row()) {
                match shape::items(row, value, self.positions) {
                    Ok(items) => self
                        .file
                        .defaults
                        .push(WrittenSetting { id: row.id, items }),
                    Err(problem) => self.complain(problem),
                }
            } else if word == "install" {
                install = Some((key, value));
            } else if let Some(kind) = UnitKind::from_word(word) {
                self.read_kind(kind, key, value);
            } else {
                let problem = self.unknown_at_top(key, value);
                self.complain(problem);
            }
        }
        if let Some((key, value)) = install {
            self.read_top_install(key, value);
        }
    }

    fn unknown_at_top(&self, key: &Key<'_>, value: &Val<'_>) -> Diagnostic {
        let word = text_of(key);
        let is_table = value.get_ref().is_table();
        let what = if is_table {
            format!("table [{word}]")
        } else {
            format!("setting `{word}`")
        };
        let problem = Diagnostic::error(self.place(key), format!("unknown {what}"));
        if let Some(row) = settings::named(word).next() {
            let table = tables(row)[0];
            return Diagnostic {
                message: format!("`{word}` cannot stand at the top level of a file"),
                ..problem
            }
            .with_hint(format!("it belongs in a unit's table, such as [{table}]"));
        }
        let words: Vec<&str> = if is_table {
            let kinds = UnitKind::ALL.iter().filter(|kind| kind.is_supported());
            kinds.map(|kind| kind.as_str()).chain(["install"]).collect()
        } else {
            TOP_LEVEL.iter().map(|id| id.key()).collect()
        };
        match nearest(word, words.iter().copied()) {
            Some(near) => problem.with_hint(format!("did you mean `{near}`?")),
            None => {
                let list: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                problem.with_hint(format!("known here: {}", list.join(", ")))
            }
        }
    }

    fn read_kind(&mut self, kind: UnitKind, key: &Key<'_>, value: &Val<'_>) {
        let DeValue::Table(table) = value.get_ref() else {
            let problem = Diagnostic::error(
                self.place(key),
                format!("`{kind}` is a table, not a {}", value.get_ref().type_str()),
            );
            return self.complain(problem.with_hint(format!("write it as [{kind}]")));
        };
        if !kind.is_supported() {
            let message = format!("{kind} units are not supported yet");
            return self.complain(Diagnostic::error(self.place(key), message));
        }
        let is_unit = |(key, value): &(&Key<'_>, &Val<'_>)| {
            let known = settings::in_table_of(kind, text_of(key)).is_some();
            value.get_ref().is_table() && !known && text_of(key) != "install"
        };
        let (units, own): (Vec<_>, Vec<_>) = in_order(table).into_iter().partition(is_unit);
        if units.is_empty() {
            return self.read_unit(kind, None, key, table);
        }
        if let Some((first, _)) = own.first() {
            let names: Vec<&str> = units.iter().map(|(key, _)| text_of(key)).collect();
            let message = format!(
                "[{kind}] holds settings of its own, such as `{}`, so it cannot hold the table [{kind}.{}] of another unit",
                text_of(first),
                names[0]
            );
            let near = settings::nearest(names[0], Spelling::Key, settings::of_kind(kind));
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("give each unit a table of its own: [{kind}.NAME]"),
            };
            let place = self.place(units[0].0);
            self.complain(Diagnostic::error(place, message).with_hint(hint));
            return self.read_entries(kind, None, key, own);
        }
        for (key, value) in units {
            if let DeValue::Table(table) = value.get_ref() {
                self.read_unit(kind, Some(text_of(key)), key, table);
            }
        }
    }

    fn read_unit(
        &mut self,
        kind: UnitKind,
        sub_table: Option<&str>,
        key: &Key<'_>,
        table: &DeTable<'_>,
    ) {
        self.read_entries(kind, sub_table, key, in_order(table));
    }

    fn read_entries(
        &mut self,
        kind: UnitKind,
        sub_table: Option<&str>,
        key: &Key<'_>,
        entries: Vec<(&Key<'_>, &Val<'_>)>,
    ) {
        let place = self.place(key);
        let name = match name_of(self.stem, sub_table, kind) {
            Ok(name) => name,
            Err(problem) => {
                let message = format!("this table cannot be a unit: {problem}");
                return self.complain(Diagnostic::error(place, message));
            }
        };
        let mut unit = WrittenUnit {
            name,
            sub_table: sub_table.map(Box::from),
            place,
            settings: Vec::new(),
            unsupported: Vec::new(),
            diagnostics: Vec::new(),
        };
        for (key, value) in entries {
            if text_of(key) == "install" {
                self.read_install(&mut unit, key, value);
            } else {
                let row = settings::in_table_of(kind, text_of(key));
                self.read_setting(&mut unit, row, &format!("[{kind}]"), key, value);
            }
        }
        self.file.units.push(unit);
    }

    /// `[install]` belongs to the file's unnamed service, or its only unnamed unit.
    fn read_top_install(&mut self, key: &Key<'_>, value: &Val<'_>) {
        let unnamed = |unit: &WrittenUnit| unit.sub_table.is_none();
        let at = self
            .file
            .units
            .iter()
            .position(|unit| unnamed(unit) && unit.name.kind() == UnitKind::Service)
            .or_else(|| self.file.units.iter().position(unnamed));
        let Some(at) = at else {
            let message = "[install] belongs to an unnamed unit, and this file has none";
            let problem = Diagnostic::error(self.place(key), message);
            return self.complain(problem.with_hint("write it as [service.NAME.install]"));
        };
        let mut unit = self.file.units.swap_remove(at);
        self.read_install(&mut unit, key, value);
        self.file.units.push(unit);
        let last = self.file.units.len() - 1;
        self.file.units.swap(at, last);
    }

    fn read_install(&self, unit: &mut WrittenUnit, key: &Key<'_>, value: &Val<'_>) {
        let DeValue::Table(table) = value.get_ref() else {
            let message = format!("`install` is a table, not a {}", value.get_ref().type_str());
            let problem = Diagnostic::error(self.place(key), message).about(&unit.name);
            unit.diagnostics.push(problem);
            return;
        };
        for (key, value) in in_order(table) {
            let row = settings::of_install().find(|row| row.key == text_of(key));
            self.read_setting(unit, row, "[install]", key, value);
        }
    }

    fn read_setting(
        &self,
        unit: &mut WrittenUnit,
        row: Option<&'static Setting>,
        table: &str,
        key: &Key<'_>,
        value: &Val<'_>,
    ) {
        let kind = unit.name.kind();
        let in_install = table == "[install]";
        if row.is_none()
            && let Some((_, why)) = unsupported::keyed(kind, in_install, text_of(key))
        {
            if why.is_asked(text_of(key), &shape::line(value)) {
                unit.unsupported.push(Unheard {
                    name: text_of(key).into(),
                    place: self.place(key),
                    why,
                });
            }
            return;
        }
        let outcome = match row {
            Some(row) => shape::items(row, value, self.positions)
                .map(|items| WrittenSetting { id: row.id, items }),
            None => Err(self.unknown_setting(unit.name.kind(), table, key)),
        };
        match outcome {
            Ok(setting) => unit.settings.push(setting),
            Err(problem) => unit.diagnostics.push(problem.about(&unit.name)),
        }
    }

    fn unknown_setting(&self, kind: UnitKind, table: &str, key: &Key<'_>) -> Diagnostic {
        let word = text_of(key);
        let place = self.place(key);
        let in_install = table == "[install]";
        let sections = match Section::of_kind(kind) {
            _ if in_install => vec![Section::Install],
            own => [Section::Unit].into_iter().chain(own).collect(),
        };
        if let Some(alias) = alias::keyed(&sections, word) {
            let names: Vec<String> = alias
                .means
                .iter()
                .map(|(_, name)| {
                    let row = settings::all().find(|row| row.systemd == Some(name));
                    format!("`{}`", row.map_or(*name, |row| row.key))
                })
                .collect();
            let problem = Diagnostic::error(place, format!("unknown setting `{word}` in {table}"));
            return problem.with_hint(format!("it is written {} here", names.join(" and ")));
        }
        if let Some(row) = settings::named(word).next() {
            let homes: Vec<String> = tables(row).iter().map(|t| format!("[{t}]")).collect();
            return Diagnostic::error(place, format!("`{word}` is no setting of {table}"))
                .with_hint(format!("it belongs in {}", homes.join(" or ")));
        }
        let problem = Diagnostic::error(place, format!("unknown setting `{word}` in {table}"));
        if let Some(row) = settings::all().find(|row| row.systemd == Some(word)) {
            return problem.with_hint(format!("it is written `{}` here", row.key));
        }
        let here = settings::all().filter(|row| match in_install {
            true => row.is_install(),
            false => row.is_in_table_of(kind),
        });
        match settings::nearest(word, Spelling::Key, here) {
            Some(near) => problem.with_hint(format!("did you mean `{near}`?")),
            None => problem.with_hint("runner.unit(5) lists the settings"),
        }
    }
}

/// The tables of a file that a setting can stand in; never none.
fn tables(row: &Setting) -> Vec<&'static str> {
    if row.is_install() {
        return vec!["install"];
    }
    let kinds = UnitKind::ALL
        .iter()
        .filter(|kind| row.is_in_table_of(**kind));
    kinds.map(|kind| kind.as_str()).collect()
}

/// The name of the unit in the table of `kind`, or its sub-table, in the file `stem`.toml.
fn name_of(
    stem: &str,
    sub_table: Option<&str>,
    kind: UnitKind,
) -> Result<UnitName, crate::name::NameProblem> {
    let (prefix, instance) = match stem.split_once('@') {
        Some((prefix, instance)) => (prefix, Some(instance)),
        None => (stem, None),
    };
    match sub_table {
        None => UnitName::build(prefix, instance, kind),
        Some(whole) if whole.contains(':') => UnitName::build(whole, None, kind),
        Some(part) => UnitName::build(&format!("{prefix}-{part}"), instance, kind),
    }
}
