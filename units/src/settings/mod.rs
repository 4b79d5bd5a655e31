//! The settings table: one row per setting. The reader, the defaults, the typed accessors of
//! [`Definition`](crate::definition::Definition), the manual, the schema and the D-Bus properties
//! all come from it.

#[macro_use]
mod row;
pub mod alias;
mod list;
mod table;
pub mod unsupported;
mod value;
mod value_type;

pub(crate) use list::one_list;
pub use table::ConditionKind;
pub use value::Value;
pub(crate) use value_type::read_calendars;
pub use value_type::{Shape, ValueType};

use std::sync::LazyLock;

use crate::diagnostic;
use crate::name::UnitKind;

/// Where settings stand: a chapter of systemd's manual, and the tables of a unit file it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// Any kind's table; systemd's `[Unit]`.
    Unit,
    /// `[service]`
    Service,
    /// How commands are run (systemd.exec(5)).
    Exec,
    /// How processes are stopped (systemd.kill(5)).
    Kill,
    /// How much of the machine they may use (systemd.resource-control(5)).
    Resource,
    /// `[socket]`
    Socket,
    /// `[timer]`
    Timer,
    /// `[path]`
    Path,
    /// `[slice]`
    Slice,
    /// `[install]`
    Install,
}

impl Section {
    /// Whether a unit of `kind` may have settings of this section in its own table.
    pub const fn is_in_table_of(self, kind: UnitKind) -> bool {
        match self {
            Section::Unit => true,
            Section::Service | Section::Resource => matches!(kind, UnitKind::Service),
            Section::Exec | Section::Kill => matches!(kind, UnitKind::Service | UnitKind::Socket),
            Section::Socket => matches!(kind, UnitKind::Socket),
            Section::Timer => matches!(kind, UnitKind::Timer),
            Section::Path => matches!(kind, UnitKind::Path),
            Section::Slice => matches!(kind, UnitKind::Slice),
            Section::Install => false,
        }
    }

    /// The section of systemd's unit files that is about one kind only; `None` for targets, which
    /// have none, and for kinds that are known by name only.
    pub const fn of_kind(kind: UnitKind) -> Option<Section> {
        match kind {
            UnitKind::Service => Some(Section::Service),
            UnitKind::Socket => Some(Section::Socket),
            UnitKind::Timer => Some(Section::Timer),
            UnitKind::Path => Some(Section::Path),
            UnitKind::Slice => Some(Section::Slice),
            _ => None,
        }
    }
}

/// A setting; settings are ordered as the manual has them, which says nothing else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SettingId(u16);

/// One row: all there is to know about a setting.
#[derive(Debug)]
pub struct Setting {
    /// Its identity in this build; never written anywhere.
    pub id: SettingId,
    /// Where it stands; it is documented with the first.
    pub sections: &'static [Section],
    /// Its key in a unit file and in records. No two settings of one kind of unit have the same.
    pub key: &'static str,
    /// systemd's name for the same; `None` where systemd has no such setting.
    pub systemd: Option<&'static str>,
    /// What its values are.
    pub value: &'static ValueType,
    /// What it is where nobody sets it, as it would be written; `""` for nothing.
    pub default: &'static str,
    /// The first line of its documentation.
    summary: &'static str,
    /// Its documentation, one text per line, the first line being a summary. Markdown.
    #[cfg(any(test, feature = "manual"))]
    doc: &'static [&'static str],
}

impl Setting {
    /// One line that says what it does, without a final period.
    pub fn summary(&self) -> &'static str {
        self.summary.trim().trim_end_matches('.')
    }

    /// The full documentation as Markdown paragraphs, the summary included: for the pages that are
    /// made of it. Programs do without, as it is 70 kB.
    #[cfg(any(test, feature = "manual"))]
    pub fn documentation(&self) -> String {
        let lines: Vec<&str> = self
            .doc
            .iter()
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .collect();
        lines.join("\n")
    }

    /// Whether a unit of `kind` may have it in its own table.
    pub fn is_in_table_of(&self, kind: UnitKind) -> bool {
        self.sections
            .iter()
            .any(|section| section.is_in_table_of(kind))
    }

    /// Whether it stands in this section of systemd's unit files, where the chapters about commands
    /// and processes belong to the kinds that have some.
    pub fn stands_in(&self, file_section: Section) -> bool {
        let shared = |section: &Section| {
            let here = |kind: &&UnitKind| Section::of_kind(**kind) == Some(file_section);
            let kind = UnitKind::ALL.iter().find(here);
            *section != Section::Unit && kind.is_some_and(|kind| section.is_in_table_of(*kind))
        };
        let at = |section: &Section| *section == file_section || shared(section);
        self.sections.iter().any(at)
    }

    /// Whether it stands in `[install]`.
    pub fn is_install(&self) -> bool {
        self.sections.contains(&Section::Install)
    }

    /// Whether several values add up (a drop-in appends; an empty value starts over).
    pub fn is_list(&self) -> bool {
        self.value.is_list
    }

    /// Whether the empty text is a value of its own, instead of starting over: no capabilities are
    /// something else than nothing said about them.
    pub(crate) fn keeps_empty(&self) -> bool {
        matches!(
            self.id,
            SettingId::CapabilityBoundingSet | SettingId::AmbientCapabilities
        )
    }
}

/// What `id` is where nobody sets it.
pub(crate) fn default_of(id: SettingId) -> &'static Value {
    static DEFAULTS: LazyLock<Box<[Value]>> = LazyLock::new(|| {
        // A test reads every default, so none of them is replaced here.
        let read = |row: &Setting| {
            row.value
                .read_literally(row.default)
                .unwrap_or(Value::Nothing)
        };
        table::rows().map(read).collect()
    });
    &DEFAULTS[usize::from(id.0)]
}

/// Every setting, in the order it is documented.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    table::rows()
}

/// The settings a unit of `kind` can have in its own table.
pub fn of_kind(kind: UnitKind) -> impl Iterator<Item = &'static Setting> {
    all().filter(move |row| row.is_in_table_of(kind))
}

/// The settings of `[install]`.
pub fn of_install() -> impl Iterator<Item = &'static Setting> {
    all().filter(|row| row.is_install())
}

/// The setting that `key` is for a unit of `kind`, in its own table or in its `[install]`.
pub fn by_key(kind: UnitKind, key: &str) -> Option<&'static Setting> {
    named(key).find(|row| row.is_in_table_of(kind) || row.is_install())
}

/// The setting that `key` is in the own table of a unit of `kind`.
pub fn in_table_of(kind: UnitKind, key: &str) -> Option<&'static Setting> {
    named(key).find(|row| row.is_in_table_of(kind))
}

/// Every setting of this key, whatever the kind of unit.
pub fn named(key: &str) -> impl Iterator<Item = &'static Setting> {
    /// Sorted by key; those of one key in the order they are documented.
    static BY_KEY: LazyLock<Box<[&'static Setting]>> = LazyLock::new(|| {
        let mut rows: Box<[&'static Setting]> = all().collect();
        crate::sort::by_key(&mut rows, |row| row.key);
        rows
    });
    let begin = BY_KEY.partition_point(|row| row.key < key);
    let found = BY_KEY.get(begin..).unwrap_or_default().iter();
    found.copied().take_while(move |row| row.key == key)
}

/// Whose name of a setting somebody writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// Our key.
    Key,
    /// systemd's name.
    Systemd,
}

impl Spelling {
    /// Whoever begins with a capital means one of systemd's names.
    pub(crate) fn of(written: &str) -> Spelling {
        match written.starts_with(|first: char| first.is_ascii_uppercase()) {
            true => Spelling::Systemd,
            false => Spelling::Key,
        }
    }
}

/// The name among those of `rows` that `written` may have been meant to be, for a hint.
pub(crate) fn nearest(
    written: &str,
    spelling: Spelling,
    rows: impl Iterator<Item = &'static Setting>,
) -> Option<&'static str> {
    let names: Vec<&'static str> = match spelling {
        Spelling::Key => rows.map(|row| row.key).collect(),
        Spelling::Systemd => rows.filter_map(|row| row.systemd).collect(),
    };
    let lower: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    let near = diagnostic::nearest(written, lower.iter().map(String::as_str))?;
    names
        .into_iter()
        .find(|name| name.eq_ignore_ascii_case(near))
}

impl SettingId {
    /// Its row.
    pub fn row(self) -> &'static Setting {
        table::row(self)
    }

    /// Its key.
    pub fn key(self) -> &'static str {
        self.row().key
    }
}

impl std::fmt::Debug for SettingId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.key())
    }
}

impl std::fmt::Display for SettingId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.key())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_is_whole() {
        let mut keys = BTreeSet::new();
        for (at, row) in all().enumerate() {
            assert_eq!(usize::from(row.id.0), at, "{}", row.key);
            assert_eq!(row.id.row().key, row.key);
            assert!(!row.sections.is_empty(), "{} stands nowhere", row.key);
            for kind in UnitKind::ALL
                .iter()
                .filter(|kind| row.is_in_table_of(**kind))
            {
                assert!(
                    keys.insert((kind.as_str(), row.key)),
                    "{} stands twice",
                    row.key
                );
            }
            assert!(!row.is_install() || keys.insert(("install", row.key)));
            assert!(
                !row.summary().is_empty() && row.documentation().len() > 60,
                "{}",
                row.key
            );
            assert!(
                row.key
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{} is not in kebab-case",
                row.key
            );
            let read = row.value.read_literally(row.default);
            assert!(read.is_ok(), "default of {}: {read:?}", row.key);
        }
    }

    #[test]
    fn a_key_is_found_as_by_looking_at_all() {
        for row in all() {
            let same: Vec<SettingId> = all()
                .filter(|other| other.key == row.key)
                .map(|other| other.id)
                .collect();
            assert_eq!(named(row.key).map(|row| row.id).collect::<Vec<_>>(), same);
            for kind in [UnitKind::Service, UnitKind::Socket, UnitKind::Target] {
                let found = in_table_of(kind, row.key).map(|row| row.id);
                let first = of_kind(kind).find(|other| other.key == row.key);
                assert_eq!(found, first.map(|row| row.id), "{} of {kind}", row.key);
            }
        }
        for none in ["", "exec", "exec-start-", "zzz"] {
            assert!(named(none).next().is_none(), "{none:?}");
        }
    }

    #[test]
    fn a_name_that_was_meant_is_found_in_its_spelling() {
        let of_service = || of_kind(UnitKind::Service);
        for (written, meant) in [
            ("exec-strat", Some("exec-start")),
            ("Exec_Strat", Some("ExecStart")),
            ("Usre", Some("User")),
            ("usre", Some("user")),
            ("colour", None),
        ] {
            let found = nearest(written, Spelling::of(written), of_service());
            assert_eq!(found, meant, "{written}");
        }
        let ours = nearest("ExecStrat", Spelling::Key, of_service());
        assert_eq!(ours, Some("exec-start"));
    }

    #[test]
    fn keys_follow_from_systemds_names() {
        for row in all() {
            if let Some(name) = row.systemd {
                assert_eq!(row.key.replace('-', ""), name.to_ascii_lowercase());
            }
        }
    }
}
