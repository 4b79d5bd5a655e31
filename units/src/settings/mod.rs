//! The settings table: one row per setting. The reader, the defaults, the typed accessors of
//! [`Definition`](crate::definition::Definition), the manual, the schema and the D-Bus properties
//! all come from it.

#[macro_use]
mod row;
mod table;
mod value;
mod value_type;

pub use table::SettingId;
pub use value::Value;
pub use value_type::{Shape, ValueType};

use std::sync::LazyLock;

use crate::name::UnitKind;

/// The table of a unit file a setting stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// Any kind's table; systemd's `[Unit]`.
    Unit,
    /// `[service]`
    Service,
    /// `[socket]`
    Socket,
    /// `[install]`
    Install,
}

impl Section {
    /// systemd's name for it.
    pub const fn systemd_name(self) -> &'static str {
        match self {
            Section::Unit => "Unit",
            Section::Service => "Service",
            Section::Socket => "Socket",
            Section::Install => "Install",
        }
    }

    /// Whether a unit of `kind` may have settings of this section in its own table.
    pub const fn is_in_table_of(self, kind: UnitKind) -> bool {
        match self {
            Section::Unit => true,
            Section::Service => matches!(kind, UnitKind::Service),
            Section::Socket => matches!(kind, UnitKind::Socket),
            Section::Install => false,
        }
    }
}

/// One row: all there is to know about a setting.
#[derive(Debug)]
pub struct Setting {
    /// Its identity in this build; never written anywhere.
    pub id: SettingId,
    /// Where it stands.
    pub section: Section,
    /// Its key in a unit file and in records.
    pub key: &'static str,
    /// systemd's name for the same; `None` where systemd has no such setting.
    pub systemd: Option<&'static str>,
    /// What its values are.
    pub value: &'static ValueType,
    /// What it is where nobody sets it, as it would be written; `""` for nothing.
    pub default: &'static str,
    /// Its documentation, one text per line, the first line being a summary. Markdown.
    doc: &'static [&'static str],
}

impl Setting {
    /// One line that says what it does, without a final period.
    pub fn summary(&self) -> &'static str {
        self.doc
            .first()
            .map_or("", |line| line.trim().trim_end_matches('.'))
    }

    /// The full documentation as Markdown paragraphs, the summary included.
    pub fn documentation(&self) -> String {
        let lines: Vec<&str> = self
            .doc
            .iter()
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .collect();
        lines.join("\n")
    }

    /// Whether several values add up (a drop-in appends; an empty value starts over).
    pub fn is_list(&self) -> bool {
        self.value.is_list
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
        table::ROWS.iter().map(read).collect()
    });
    &DEFAULTS[id as usize]
}

/// Every setting, in the order it is documented.
pub fn all() -> &'static [Setting] {
    table::ROWS
}

/// The settings a unit of `kind` can have in its own table.
pub fn of_kind(kind: UnitKind) -> impl Iterator<Item = &'static Setting> {
    all()
        .iter()
        .filter(move |row| row.section.is_in_table_of(kind))
}

/// The setting a record's `key` names.
pub fn by_key(key: &str) -> Option<&'static Setting> {
    all().iter().find(|row| row.key == key)
}

impl SettingId {
    /// Its row.
    pub fn row(self) -> &'static Setting {
        &table::ROWS[self as usize]
    }

    /// Its key.
    pub fn key(self) -> &'static str {
        self.row().key
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
        for (at, row) in all().iter().enumerate() {
            assert_eq!(row.id as usize, at, "{}", row.key);
            assert!(keys.insert(row.key), "{} stands twice", row.key);
            assert!(
                !row.summary().is_empty() && row.documentation().len() > 60,
                "{}",
                row.key
            );
            assert!(
                row.key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
                "{} is not in kebab-case",
                row.key
            );
            let read = row.value.read_literally(row.default);
            assert!(read.is_ok(), "default of {}: {read:?}", row.key);
        }
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
