//! Assignments to settings: which row of the table a line is for, or what else it is.

use std::sync::Arc;

use super::own_name;
use super::syntax::{self, Assignment};
use crate::definition::Item;
use crate::diagnostic::{Diagnostic, Place};
use crate::name::{UnitKind, UnitName};
use crate::settings::{self, Section, Setting, Spelling, alias, unsupported};
use crate::written::{Unheard, WrittenSetting, WrittenUnit};

/// Reads what a file says about the unit `name`. Errors among the findings are about the file.
pub(crate) fn read(path: &Arc<str>, name: &UnitName, bytes: &[u8]) -> WrittenUnit {
    let lines = syntax::read(path, bytes);
    let mut unit = WrittenUnit {
        name: name.clone(),
        sub_table: None,
        place: Place::file(path.clone()),
        settings: Vec::new(),
        unsupported: Vec::new(),
        diagnostics: Vec::new(),
    };
    for found in lines.diagnostics {
        unit.diagnostics.push(found.about(name));
    }
    let mut strange: Vec<String> = Vec::new();
    for line in lines.assignments {
        match meaning(name.kind(), &line.section, &line.key) {
            Meaning::Settings(rows, values) => {
                let value = values(&line.value).map_or(line.value.as_str(), |other| other);
                for row in rows {
                    unit.settings.push(WrittenSetting {
                        id: row.id,
                        items: vec![Item {
                            text: value.into(),
                            place: line.place.clone(),
                        }],
                    });
                }
            }
            Meaning::Unsupported(why) if why.is_asked(&line.key, &line.value) => {
                unit.unsupported.push(Unheard {
                    name: line.key.into(),
                    place: line.place,
                    why,
                });
            }
            Meaning::Unsupported(_) | Meaning::Silent => {}
            Meaning::StrangeSection => {
                if !strange.contains(&line.section) {
                    let message = format!("[{}] is no section here, and is ignored", line.section);
                    let found = Diagnostic::warning(line.place.clone(), message);
                    unit.diagnostics.push(found.about(name));
                    strange.push(line.section);
                }
            }
            Meaning::Strange => {
                unit.diagnostics
                    .push(unknown(name.kind(), &line).about(name));
            }
        }
    }
    unit
}

/// What a line is.
pub(crate) enum Meaning {
    /// One setting, or several; and what values become.
    Settings(Vec<&'static Setting>, fn(&str) -> Option<&'static str>),
    /// A setting that nobody does.
    Unsupported(&'static unsupported::Unsupported),
    /// Somebody else's, marked as such.
    Silent,
    /// In a section that units of this kind do not have.
    StrangeSection,
    /// No setting.
    Strange,
}

/// What `key` is in a section of a unit of `kind`.
pub(crate) fn meaning(kind: UnitKind, section: &str, key: &str) -> Meaning {
    if section.starts_with("X-") {
        return Meaning::Silent;
    }
    let Some(at) = section_of(kind, section) else {
        return Meaning::StrangeSection;
    };
    let row = |at: Section, name: &str| {
        settings::all().find(|row| row.systemd == Some(name) && stands(row, at, kind))
    };
    if let Some(row) = row(at, key) {
        return Meaning::Settings(vec![row], |_| None);
    }
    if let Some(alias) = alias::of(at, key) {
        let rows: Vec<_> = alias
            .means
            .iter()
            .filter_map(|(at, name)| row(*at, name))
            .collect();
        if !rows.is_empty() {
            return Meaning::Settings(rows, alias.values);
        }
        let mut means = alias.means.iter();
        if let Some(why) = means.find_map(|(at, name)| unsupported::named(*at, name)) {
            return Meaning::Unsupported(why);
        }
    }
    if let Some(why) = unsupported::named(at, key) {
        return Meaning::Unsupported(why);
    }
    if key.starts_with("X-") {
        // For a setting that systemd has as well it holds a value that only runner has.
        let ours = settings::all()
            .find(|row| own_name(row.key) == key && (row.is_in_table_of(kind) || row.is_install()));
        return match ours {
            Some(row) => Meaning::Settings(vec![row], |_| None),
            None => Meaning::Silent,
        };
    }
    Meaning::Strange
}

fn section_of(kind: UnitKind, name: &str) -> Option<Section> {
    match name {
        "Unit" => Some(Section::Unit),
        "Install" => Some(Section::Install),
        other => {
            let named = UnitKind::from_word(&other.to_ascii_lowercase())?;
            let own = Section::of_kind(named)?;
            (named == kind && other == title(kind)).then_some(own)
        }
    }
}

/// The section of systemd's files that is about one kind: `Service`.
pub(crate) fn title(kind: UnitKind) -> String {
    let mut letters = kind.as_str().chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Whether a row stands in a section of a unit of `kind`.
fn stands(row: &Setting, at: Section, kind: UnitKind) -> bool {
    match at {
        Section::Unit => row.sections.contains(&Section::Unit),
        Section::Install => row.is_install(),
        _ => row.stands_in(at) && row.is_in_table_of(kind),
    }
}

fn unknown(kind: UnitKind, line: &Assignment<'_>) -> Diagnostic {
    let Assignment { section, key, .. } = line;
    let message = format!("unknown setting `{key}` in [{section}], which is ignored");
    let found = Diagnostic::warning(line.place.clone(), message);
    let elsewhere = ["Unit", "Install", &title(kind)]
        .into_iter()
        .find(|other| {
            *other != section && matches!(meaning(kind, other, key), Meaning::Settings(..))
        })
        .map(|other| format!("it belongs in [{other}]"));
    if let Some(hint) = elsewhere {
        return found.with_hint(hint);
    }
    let here = section_of(kind, section);
    let rows = settings::all().filter(|row| here.is_some_and(|at| stands(row, at, kind)));
    match settings::nearest(key, Spelling::Systemd, rows) {
        Some(near) => found.with_hint(format!("did you mean `{near}`?")),
        None => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str, text: &str) -> (Vec<String>, Vec<String>) {
        let name = UnitName::parse(name).unwrap();
        let unit = read(&"a".into(), &name, text.as_bytes());
        let settings = unit.settings.iter();
        let settings = settings.map(|setting| format!("{}={}", setting.id, setting.items[0].text));
        let found = unit.diagnostics.iter().map(ToString::to_string);
        let unheard = unit
            .unsupported
            .iter()
            .map(|unheard| format!("no {}", unheard.name));
        (settings.collect(), found.chain(unheard).collect())
    }

    #[test]
    fn every_line_has_a_meaning() {
        let text = "[Unit]\nDescription=A\nBindTo=b.service\n[Service]\nTimeoutSec=5\n\
                    StartLimitBurst=3\nPrivateTmp=yes\nPrivateDevices=no\nX-ReadyAfter=1s\n\
                    X-Other=1\n[Install]\nWantedBy=c.target\n[X-More]\nA=1\n";
        let (settings, found) = said("a.service", text);
        assert_eq!(
            settings,
            [
                "description=A",
                "binds-to=b.service",
                "timeout-start-sec=5",
                "timeout-stop-sec=5",
                "start-limit-burst=3",
                "ready-after=1s",
                "wanted-by=c.target",
            ]
        );
        assert_eq!(found, ["no PrivateTmp"]);
    }

    #[test]
    fn strangers_are_warnings_with_a_hint() {
        let text =
            "[Service]\nExecStrat=/a\nWantedBy=b.target\nNoSuchThing=1\n[Socket]\nA=1\nB=2\n";
        let (settings, found) = said("a.service", text);
        assert_eq!(settings, [""; 0]);
        assert_eq!(
            found,
            [
                "a:2:1: warning: unknown setting `ExecStrat` in [Service], which is ignored\n  hint: did you mean `ExecStart`?",
                "a:3:1: warning: unknown setting `WantedBy` in [Service], which is ignored\n  hint: it belongs in [Install]",
                "a:4:1: warning: unknown setting `NoSuchThing` in [Service], which is ignored",
                "a:6:1: warning: [Socket] is no section here, and is ignored",
            ]
        );
    }
}
