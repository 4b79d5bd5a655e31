//! systemd's unit files to TOML files that do the same, and a report of what became of every line.
//! `runnerctl import` writes what is decided here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::read::{self, Meaning};
use super::syntax;
use crate::definition::{Definition, Item, Origin};
use crate::diagnostic::{Diagnostic, Place};
use crate::name::UnitName;
use crate::resolve::{self, Merged};
use crate::settings::unsupported::Loss;
use crate::settings::{self, SettingId, Shape};
use crate::supervisord::import::{Import, Line, UnitFile, Verdict, toml};
use crate::surroundings::Surroundings;
use crate::value::split_commands;

/// One unit file: its path, whose last part is the unit's name, and what is in it.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// Its path.
    pub path: &'a str,
    /// What is in it.
    pub bytes: &'a [u8],
}

/// Makes TOML files of unit files: one for all units of a stem, such as `web.service` and
/// `web.socket`. A file whose name is none of a unit is a finding.
pub fn import(files: &[File<'_>], around: &Surroundings) -> Import {
    let mut import = Import {
        files: Vec::new(),
        report: Vec::new(),
        diagnostics: Vec::new(),
    };
    let mut stems: BTreeMap<String, Vec<(UnitName, String)>> = BTreeMap::new();
    for file in files {
        let name = file.path.rsplit('/').next().unwrap_or(file.path);
        let problem = match UnitName::parse(name) {
            Ok(name) if name.kind().is_supported() => {
                let table = Table::read(file, &name, around, &mut import);
                stems
                    .entry(name.stem().to_owned())
                    .or_default()
                    .push((name, table));
                continue;
            }
            Ok(name) => format!("{} units are not supported", name.kind()),
            Err(problem) => problem.to_string(),
        };
        let place = Place::file(file.path);
        import.diagnostics.push(Diagnostic::error(place, problem));
    }
    for (stem, tables) in stems {
        let texts: Vec<&str> = tables.iter().map(|(_, text)| text.as_str()).collect();
        import.files.push(UnitFile {
            name: format!("{stem}.toml"),
            text: texts.join("\n"),
            units: tables.iter().map(|(name, _)| name.clone()).collect(),
        });
    }
    import
}

/// What is written about a setting: the comments before it, and its items.
#[derive(Default)]
struct Written {
    comments: String,
    items: Vec<Item>,
}

struct Table<'a> {
    name: &'a UnitName,
    settings: BTreeMap<SettingId, Written>,
    /// Lines that are kept as comments only.
    lost: String,
}

impl Table<'_> {
    /// Reads one file, and gives the text of its table.
    fn read(
        file: &File<'_>,
        name: &UnitName,
        around: &Surroundings,
        import: &mut Import,
    ) -> String {
        let path: Arc<str> = file.path.into();
        let lines = syntax::read(&path, file.bytes);
        import.diagnostics.extend(lines.diagnostics);
        let mut table = Table {
            name,
            settings: BTreeMap::new(),
            lost: String::new(),
        };
        let first = import.report.len();
        for line in lines.assignments {
            let (verdict, text) = table.line(&line);
            import.report.push(Line {
                place: line.place,
                section: line.section,
                option: line.key,
                verdict,
                text,
            });
        }
        let starts = table.settle_autostart();
        let (definition, found) = table.definition(&path, around);
        for found in found {
            // What is wrong with a line is said where the line is reported.
            let line = import.report[first..]
                .iter_mut()
                .find(|line| line.place == found.place);
            match line {
                Some(line) => {
                    let left_out = found.message.contains("is ignored: ");
                    line.verdict = line.verdict.max(match found.is_error() {
                        true => Verdict::Decide,
                        false if left_out => Verdict::Dropped,
                        false => Verdict::Approximated,
                    });
                    line.text = found.message;
                }
                None => import.diagnostics.push(found),
            }
        }
        if let Some(text) = starts {
            import.report.push(Line {
                place: Place::file(path),
                section: "Install".to_owned(),
                option: "(none)".to_owned(),
                verdict: Verdict::Mapped,
                text,
            });
        }
        table.text(&definition, &lines.last_comments)
    }

    fn line(&mut self, line: &syntax::Assignment<'_>) -> (Verdict, String) {
        let comments: Vec<&str> = line
            .comments
            .iter()
            .map(|text| text.trim().trim_start_matches(['#', ';']).trim())
            .collect();
        let comments = comments.join("\n");
        match read::meaning(self.name.kind(), &line.section, &line.key) {
            Meaning::Settings(rows, values) => {
                let value = values(&line.value).unwrap_or(&line.value);
                let mut keys = Vec::new();
                for row in &rows {
                    keys.push(format!("`{}`", row.key));
                    let list = settings::one_list(&row.id);
                    if value.is_empty() && list.len() > 1 {
                        for id in list {
                            self.settings.remove(id);
                        }
                    }
                    let written = self.settings.entry(row.id).or_default();
                    if !comments.is_empty() {
                        written.comments.push_str(&toml::comment(&comments));
                    }
                    let item = Item {
                        text: value.into(),
                        place: line.place.clone(),
                    };
                    written.lay_over(row.id, item);
                }
                let said = keys.join(" and ");
                match rows.iter().any(|row| row.is_install()) {
                    true => (
                        Verdict::Approximated,
                        format!("{said}; in force as long as the file is there, without `enable`"),
                    ),
                    false => (Verdict::Mapped, said),
                }
            }
            Meaning::Unsupported(why) if !why.is_asked(&line.key, &line.value) => {
                (Verdict::Mapped, "this is so anyway".to_owned())
            }
            Meaning::Unsupported(why) => {
                if !comments.is_empty() {
                    self.lost.push_str(&toml::comment(&comments));
                }
                let note = format!("{}={}: not supported", line.key, line.value);
                self.lost.push_str(&toml::comment(&note));
                let text = format!("not supported: {}; {}", why.why, why.instead);
                match why.loss {
                    Loss::Protection => (
                        Verdict::Decide,
                        format!("{text}; the unit would run without this protection"),
                    ),
                    Loss::Behaviour | Loss::Nothing => (Verdict::Dropped, text),
                }
            }
            Meaning::Silent => (Verdict::Dropped, "for another program".to_owned()),
            Meaning::StrangeSection | Meaning::Strange => (
                Verdict::Dropped,
                "no setting; systemd ignores it as well".to_owned(),
            ),
        }
    }

    /// Keeps what starts at boot: there a file takes a link, here one that says nothing needs none.
    fn settle_autostart(&mut self) -> Option<String> {
        use crate::name::UnitKind;

        let starts = matches!(
            self.name.kind(),
            UnitKind::Service | UnitKind::Socket | UnitKind::Timer | UnitKind::Path
        );
        let says = |id: SettingId| {
            self.settings
                .get(&id)
                .is_some_and(|said| !said.items.is_empty())
        };
        let said = says(SettingId::Autostart);
        let installed = says(SettingId::WantedBy) || says(SettingId::RequiredBy);
        if !starts || said || installed {
            return None;
        }
        let item = Item {
            text: "false".into(),
            place: Place::file(""),
        };
        let written = self.settings.entry(SettingId::Autostart).or_default();
        written.items.push(item);
        Some("`autostart = false`, since nothing says when it is to be started".to_owned())
    }

    fn definition(&self, path: &Arc<str>, around: &Surroundings) -> (Definition, Vec<Diagnostic>) {
        let origin = Origin {
            fragment: Some(path.clone()),
            drop_ins: Box::default(),
        };
        let mut merged = Merged::new(self.name.clone(), origin, Place::file(path.clone()));
        for (id, written) in &self.settings {
            if !written.items.is_empty() {
                merged.settings.insert(*id, written.items.clone());
            }
        }
        resolve::resolve(merged, around)
    }

    fn text(&self, definition: &Definition, last: &[&str]) -> String {
        let kind = self.name.kind();
        let mut own = format!("[{kind}]\n");
        let mut install = String::new();
        for (id, written) in &self.settings {
            // Lines that count as not written are left out; those that are errors stay, and are
            // errors again.
            let kept = match definition.items(*id) {
                [] if super::lenient::is_strict(*id) => written.items.as_slice(),
                kept => kept,
            };
            let part = match id.row().is_install() {
                true => &mut install,
                false => &mut own,
            };
            part.push_str(&written.comments);
            if !kept.is_empty() {
                let value = toml::value(*id, &apart(*id, kept));
                // Writing to a `String` cannot fail.
                let _ = writeln!(part, "{} = {value}", id.key());
            }
        }
        own.push_str(&self.lost);
        if !install.is_empty() {
            let _ = write!(own, "\n[{kind}.install]\n{install}");
        }
        let last: Vec<&str> = last
            .iter()
            .map(|text| text.trim().trim_start_matches(['#', ';']).trim())
            .collect();
        if !last.is_empty() {
            own.push_str(&toml::comment(&last.join("\n")));
        }
        own
    }
}

impl Written {
    /// As [`Merged::lay_over`] does it.
    fn lay_over(&mut self, id: SettingId, item: Item) {
        if item.text.is_empty() || !id.row().is_list() {
            self.items.clear();
        }
        if !item.text.is_empty() {
            self.items.push(item);
        }
    }
}

/// Several commands on one line as items of their own: an array of words knows no separator.
fn apart(id: SettingId, items: &[Item]) -> Vec<Item> {
    if id.row().value.shape != Shape::Commands {
        return items.to_vec();
    }
    let commands = |item: &Item| match split_commands(&item.text) {
        Ok(commands) if commands.len() > 1 => commands
            .into_iter()
            .map(|text| Item {
                text: text.into(),
                place: item.place.clone(),
            })
            .collect(),
        _ => vec![item.clone()],
    };
    items.iter().flat_map(commands).collect()
}
