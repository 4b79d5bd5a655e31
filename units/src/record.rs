//! Definitions as text that explains itself, for the day no file is there to read them from again.
//! A record holds what was written, not what it came to: it is resolved through today's settings
//! table, so a record of an older build gets newer defaults, and keys of a newer build are kept.
//!
//! One line each, in this order:
//!
//! ```text
//! fragment /etc/runner/units/web.toml    the unit file; absent for a built-in unit
//! drop-in /etc/…/web.toml.d/50.toml      one for each, in order
//! file /usr/lib/…                        further files that places name
//! alias web-server.service               one for each other name
//! masked                                 or not-found: where that is the load state
//! ! 0 4 1 error message…                 what was wrong, with a further `? hint` line
//! = exec-start 0 4 14 /usr/bin/web       an item of a setting: file, line, column, text
//! ```
//!
//! Files are numbered in the order of their lines. Texts end with the line; a line break in them
//! is `\n`, a backslash `\\`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::definition::{Definition, Item, LoadState, Origin, UnknownEntry};
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::name::{UnitKind, UnitName};
use crate::resolve::{self, Merged};
use crate::settings;
use crate::surroundings::Surroundings;
use crate::unit_set::UnitSet;

/// Why a text is no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordProblem {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

impl std::fmt::Display for RecordProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {} of the record: {}", self.line, self.message)
    }
}

impl std::error::Error for RecordProblem {}

/// Collects the lines of a record, numbering files as they are met.
struct Writer {
    files: Vec<Arc<str>>,
    head: String,
    body: String,
}

impl Writer {
    fn file(&mut self, word: &str, path: &Arc<str>) {
        self.head.push_str(&format!("{word} {}\n", escape(path)));
        self.files.push(path.clone());
    }

    fn place(&mut self, place: &Place) -> String {
        let known = self.files.iter().position(|path| *path == place.path);
        let number = known.unwrap_or_else(|| {
            self.file("file", &place.path);
            self.files.len() - 1
        });
        format!("{number} {} {}", place.line, place.column)
    }

    fn items(&mut self, key: &str, items: &[Item]) {
        for item in items {
            let place = self.place(&item.place);
            self.body
                .push_str(&format!("= {key} {place} {}\n", escape(&item.text)));
        }
    }
}

impl Definition {
    /// The record of this definition.
    pub fn record(&self) -> String {
        let mut out = Writer {
            files: Vec::new(),
            head: String::new(),
            body: String::new(),
        };
        if let Some(path) = &self.origin.fragment {
            out.file("fragment", path);
        }
        for path in &self.origin.drop_ins {
            out.file("drop-in", path);
        }
        for alias in &self.aliases {
            out.head.push_str(&format!("alias {alias}\n"));
        }
        let state = match &self.load_state {
            LoadState::Loaded | LoadState::BadSetting(_) => "",
            LoadState::NotFound => "not-found\n",
            LoadState::Masked => "masked\n",
            LoadState::Error(_) => "error\n",
        };
        for found in self.load_state.diagnostics() {
            let place = out.place(&found.place);
            out.body.push_str(&format!(
                "! {place} {} {}\n",
                found.severity,
                escape(&found.message)
            ));
            if let Some(hint) = &found.hint {
                out.body.push_str(&format!("? {}\n", escape(hint)));
            }
        }
        for entry in self.all_entries() {
            out.items(entry.id.key(), &entry.items);
        }
        for entry in &self.unknown {
            out.items(&entry.key, &entry.items);
        }
        format!("{}{state}{}", out.head, out.body)
    }

    /// The definition a record holds, resolved through today's settings.
    ///
    /// # Errors
    /// When the text is no record. A setting that cannot be read any more is no error of the record:
    /// the unit is then [`LoadState::BadSetting`].
    pub fn from_record(
        name: &UnitName,
        record: &str,
        around: &Surroundings,
    ) -> Result<Definition, RecordProblem> {
        let mut reader = Reader::new(name.kind());
        for (at, line) in record.lines().enumerate() {
            reader.line(line).map_err(|message| RecordProblem {
                line: at + 1,
                message,
            })?;
        }
        Ok(reader.finish(name, around))
    }
}

impl UnitSet {
    /// The record of every unit that was loaded, with its name; instances are made again from the
    /// record of their template.
    pub fn records(&self) -> impl Iterator<Item = (&UnitName, String)> {
        self.loaded()
            .filter(|unit| unit.template.is_none())
            .map(|unit| (unit.name(), unit.record()))
    }

    /// The set that records hold. What is wrong with a record is said beside it, and its unit is
    /// then [`LoadState::Error`].
    pub fn from_records<'a>(
        records: impl IntoIterator<Item = (UnitName, &'a str)>,
        around: &Surroundings,
    ) -> (UnitSet, Vec<Diagnostic>) {
        let mut problems = Vec::new();
        let mut units = Vec::new();
        for (name, record) in records {
            units.push(
                Definition::from_record(&name, record, around).unwrap_or_else(|problem| {
                    let place = Place::file("(record)");
                    let found = Diagnostic::error(place, problem.to_string()).about(&name);
                    problems.push(found.clone());
                    Definition::empty(name, LoadState::Error([found].into()))
                }),
            );
        }
        let (set, found) = UnitSet::build(units.into_iter(), around);
        problems.extend(found);
        (set, problems)
    }
}

struct Reader {
    kind: UnitKind,
    files: Vec<Arc<str>>,
    origin: Origin,
    drop_ins: Vec<Arc<str>>,
    aliases: Vec<UnitName>,
    state: LoadState,
    diagnostics: Vec<Diagnostic>,
    known: BTreeMap<settings::SettingId, Vec<Item>>,
    unknown: Vec<UnknownEntry>,
}

impl Reader {
    fn new(kind: UnitKind) -> Reader {
        Reader {
            kind,
            files: Vec::new(),
            origin: Origin::default(),
            drop_ins: Vec::new(),
            aliases: Vec::new(),
            state: LoadState::default(),
            diagnostics: Vec::new(),
            known: BTreeMap::new(),
            unknown: Vec::new(),
        }
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "fragment" | "drop-in" | "file" => {
                let path: Arc<str> = unescape(rest)?.into();
                self.files.push(path.clone());
                match word {
                    "fragment" => self.origin.fragment = Some(path),
                    "drop-in" => self.drop_ins.push(path),
                    _ => {}
                }
            }
            "alias" => self.aliases.extend(UnitName::parse(rest).ok()),
            "masked" => self.state = LoadState::Masked,
            "not-found" => self.state = LoadState::NotFound,
            "error" => self.state = LoadState::Error(Arc::default()),
            "!" => {
                let (place, rest) = self.place(rest)?;
                let (severity, message) = rest.split_once(' ').unwrap_or((rest, ""));
                let severity = match severity {
                    "error" => Severity::Error,
                    "warning" => Severity::Warning,
                    other => return Err(format!("{other:?} is no severity")),
                };
                let found = Diagnostic::error(place, unescape(message)?);
                self.diagnostics.push(Diagnostic { severity, ..found });
            }
            "?" => {
                let last = self
                    .diagnostics
                    .last_mut()
                    .ok_or("a hint without a finding")?;
                last.hint = Some(unescape(rest)?);
            }
            "=" => {
                let (key, rest) = rest.split_once(' ').ok_or("a setting without a place")?;
                let (place, text) = self.place(rest)?;
                self.item(
                    key,
                    Item {
                        text: unescape(text)?.into(),
                        place,
                    },
                );
            }
            other => return Err(format!("{other:?} begins no line of a record")),
        }
        Ok(())
    }

    /// `FILE LINE COLUMN REST`
    fn place<'a>(&self, text: &'a str) -> Result<(Place, &'a str), String> {
        let mut parts = text.splitn(4, ' ');
        let mut number = || parts.next().and_then(|part| part.parse::<u32>().ok());
        let (Some(file), Some(line), Some(column)) = (number(), number(), number()) else {
            return Err(format!("{text:?} does not begin with a place"));
        };
        let path = usize::try_from(file).ok().and_then(|at| self.files.get(at));
        let path = path
            .ok_or_else(|| format!("there is no file number {file}"))?
            .clone();
        Ok((
            Place { path, line, column },
            parts.next().unwrap_or_default(),
        ))
    }

    fn item(&mut self, key: &str, item: Item) {
        match settings::by_key(self.kind, key) {
            Some(row) => self.known.entry(row.id).or_default().push(item),
            None => match self.unknown.iter_mut().find(|entry| *entry.key == *key) {
                Some(entry) => {
                    let mut items = std::mem::take(&mut entry.items).into_vec();
                    items.push(item);
                    entry.items = items.into();
                }
                None => {
                    self.unknown.push(UnknownEntry {
                        key: key.into(),
                        items: Box::new([item]),
                    });
                }
            },
        }
    }

    fn finish(mut self, name: &UnitName, around: &Surroundings) -> Definition {
        self.origin.drop_ins = self.drop_ins.into();
        let found: Vec<Diagnostic> = self
            .diagnostics
            .into_iter()
            .map(|found| found.about(name))
            .collect();
        let place = Place::file(self.origin.fragment.clone().unwrap_or_default());
        let mut merged = Merged::new(name.clone(), self.origin, place);
        merged.settings = self.known;
        merged.unknown = self.unknown.into();
        // Findings in settings that are still there are made again, by today's rules; only those
        // about what a record cannot hold are taken over.
        merged.diagnostics = found.clone();
        let (mut definition, _) = resolve::resolve(merged, around);
        definition.aliases = self.aliases.into();
        match self.state {
            LoadState::Error(_) => definition.load_state = LoadState::Error(found.into()),
            LoadState::Masked | LoadState::NotFound => definition.load_state = self.state,
            LoadState::Loaded | LoadState::BadSetting(_) => {}
        }
        definition
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\r', "\\r")
}

fn unescape(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('\\') => out.push('\\'),
            _ => return Err("a `\\` begins no escape".to_owned()),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::load_texts;

    const FILES: &[(&str, &str)] = &[
        (
            "/u/web.toml",
            "description = 'a\\b'\n[service]\nexec-start = '''/bin/sh -c 'echo a\n echo b' '''\nenvironment = ['A=1', 'B=x\\y z']\nafter = ['a.service', 'b.service']\n[socket.http]\nlisten-stream = [80, '/run/web']\n",
        ),
        (
            "/u/web.toml.d/1.toml",
            "[service]\nuser = 'www'\nafter = 'c.service'\n",
        ),
        (
            "/u/bad.toml",
            "[service]\nexec-start = '/bin/x'\nunknown-key = 1\nrestart = 'maybe'\n",
        ),
        (
            "/u/worker@.toml",
            "[service]\nexec-start = '/bin/worker %i'\n",
        ),
        ("/u/pool.toml", "[target]\nwants = 'worker@1.service'\n"),
    ];

    fn again(set: &UnitSet, around: &Surroundings) -> UnitSet {
        let records: Vec<(UnitName, String)> = set
            .records()
            .map(|(name, record)| (name.clone(), record))
            .collect();
        let records = records
            .iter()
            .map(|(name, record)| (name.clone(), record.as_str()));
        UnitSet::from_records(records, around).0
    }

    #[test]
    fn a_set_comes_back() {
        let around = Surroundings::example();
        let (set, _) = load_texts(FILES, &around);
        let back = again(&set, &around);
        assert_eq!(set.diff(&back), []);
        for unit in set.iter() {
            let other = back.get(unit.name()).unwrap();
            assert_eq!(unit.record(), other.record());
            assert_eq!(
                unit.load_state().as_str(),
                other.load_state().as_str(),
                "{}",
                unit.name()
            );
            assert_eq!(unit.origin(), other.origin());
            let ties = |set: &UnitSet| {
                let ties = set.dependencies(unit.name());
                ties.map(|(word, other)| (word, other.clone()))
                    .collect::<Vec<_>>()
            };
            assert_eq!(ties(&set), ties(&back), "{}", unit.name());
        }
        // Findings do not pile up from one generation to the next.
        assert_eq!(again(&back, &around).diff(&set), []);
        let bad = back.get(&UnitName::parse("bad.service").unwrap()).unwrap();
        assert_eq!(bad.load_state().diagnostics().len(), 2);
    }

    #[test]
    fn keys_of_the_future_are_carried_over() {
        let name = UnitName::parse("web.service").unwrap();
        let record = "fragment /u/web.toml\n= exec-start 0 2 1 /bin/x\n= colour 0 3 1 red\n= colour 0 4 1 a\\nb\n";
        let unit = Definition::from_record(&name, record, &Surroundings::example()).unwrap();
        assert!(unit.is_loaded());
        assert_eq!(unit.record(), record);
    }

    #[test]
    fn what_is_no_record_is_said() {
        let name = UnitName::parse("web.service").unwrap();
        for (record, line) in [
            ("fragment /a\n= exec-start 1 1 1 /bin/x", 2),
            ("= exec-start", 1),
            ("hello", 1),
            ("fragment \\q", 1),
            ("? hint", 1),
            ("fragment /a\n! 0 1 1 bad message", 2),
        ] {
            let problem = Definition::from_record(&name, record, &Surroundings::example());
            assert_eq!(problem.unwrap_err().line, line, "{record}");
        }
    }

    proptest! {
        #[test]
        fn any_text(text in any::<String>()) {
            let name = UnitName::parse("web.service").unwrap();
            let _ = Definition::from_record(&name, &text, &Surroundings::example());
            prop_assert_eq!(unescape(&escape(&text)), Ok(text));
        }
    }
}
