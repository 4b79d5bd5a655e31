//! `edit`: which file a person changes, what it says now, and whether it may say something else.

use std::path::Path;

use super::add::breaks;
use super::change::{Change, Deed};
use super::{Files, Problem, drop_in};
use crate::definition::Definition;
use crate::diagnostic::Diagnostic;
use crate::load::load;
use crate::name::UnitName;
use crate::source::{Content, Role, Source};

/// What begins the part of a draft that counts (systemctl's words).
const BEGIN: &str =
    "### Anything between here and the comment below will become the new contents of the file";

/// What ends it.
const END: &str = "### Lines below this comment will be discarded";

/// Which file is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The unit's file itself, and no drop-in.
    pub full: bool,
    /// There need be no such unit yet.
    pub new: bool,
    /// Until the end only.
    pub runtime: bool,
    /// The name of the drop-in without what a file's name ends with.
    pub drop_in: String,
}

/// A file that is being edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Editing {
    unit: UnitName,
    change: Change,
    /// What it says now.
    text: String,
    /// Whether it is the unit's own file.
    full: bool,
    /// The other files of the unit, with what they say.
    others: Vec<(String, String)>,
}

impl Editing {
    /// The unit.
    pub fn unit(&self) -> &UnitName {
        &self.unit
    }

    /// The file's name.
    pub fn file(&self) -> &str {
        &self.change.file
    }

    /// The file.
    pub fn path(&self) -> std::path::PathBuf {
        self.change.path()
    }

    /// What an editor is given: of a drop-in with the rest of the unit as a comment.
    pub fn draft(&self) -> String {
        if self.full {
            return self.text.clone();
        }
        let path = self.change.path();
        let text = self.text.trim_end_matches('\n');
        let mut draft = format!(
            "### Editing {}\n{BEGIN}\n\n{text}\n\n{END}\n",
            path.display()
        );
        for (path, text) in &self.others {
            draft.push_str(&format!("\n### {path}\n"));
            for line in text.lines() {
                draft.push_str(&match line {
                    "" => "#\n".to_owned(),
                    line => format!("# {line}\n"),
                });
            }
        }
        draft
    }

    /// The line of a draft where a person begins, from 1 on.
    pub fn first_line(&self) -> usize {
        if self.full { 1 } else { 4 }
    }

    /// What the file is to say when a draft has come back: nothing for nothing, which means that all
    /// stays as it is.
    pub fn taken(&self, draft: &str) -> Option<String> {
        let mut text = draft;
        if !self.full {
            text = text.split_once(BEGIN).map_or(text, |(_, after)| after);
            text = text.split_once(END).map_or(text, |(before, _)| before);
        }
        let text = text.trim_matches('\n').trim_end();
        (!text.trim().is_empty()).then(|| format!("{text}\n"))
    }
}

impl Files<'_> {
    /// The file that is meant by `wish` about a unit.
    ///
    /// # Errors
    /// Where there is no such unit, or the file would not count.
    pub fn edit(&self, name: &UnitName, wish: &Wish) -> Result<Editing, Problem> {
        let unit = match self.definition(name) {
            Ok(unit) => Some(unit),
            Err(Problem::NoSuchUnit(_)) if wish.new => None,
            Err(problem) => return Err(problem),
        };
        let unit = unit.as_deref();
        let mut change = match unit {
            Some(unit) => self.place_of(unit, wish)?,
            None => Change {
                base: self.places.to_write(wish.runtime)?.to_owned(),
                directory: (!wish.full).then(|| format!("{name}.d")),
                file: match wish.full {
                    true => name.to_string(),
                    false => format!("{}.conf", wish.drop_in),
                },
                deed: Deed::Remove,
            },
        };
        let path = change.path();
        if let Some(stronger) = self.stronger(&change).filter(|_| wish.runtime) {
            return Err(Problem::Refused(format!(
                "{} would say nothing: {} goes over it",
                path.display(),
                stronger.path
            )));
        }
        let fragment = unit.and_then(|unit| unit.origin().fragment.as_deref());
        let text_of = |wanted: &str| {
            let source = self.sources.iter().find(|source| *source.path == *wanted)?;
            match &source.content {
                Content::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
                _ => None,
            }
        };
        let own = text_of(&path.to_string_lossy());
        let text = match wish.full {
            true => own.or_else(|| fragment.and_then(text_of)),
            false => own,
        }
        .unwrap_or_default();
        let others = match (wish.full, unit) {
            (false, Some(unit)) => {
                let drop_ins = unit.origin().drop_ins.iter().map(|path| &**path);
                let all = fragment.into_iter().chain(drop_ins);
                all.filter(|other| Path::new(other) != path)
                    .filter_map(|path| Some((path.to_owned(), text_of(path)?)))
                    .collect()
            }
            _ => Vec::new(),
        };
        change.deed = Deed::Write { text: text.clone() };
        Ok(Editing {
            unit: unit.map_or(name, Definition::name).clone(),
            change,
            text,
            full: wish.full,
            others,
        })
    }

    /// The change that lets a file say `text`.
    ///
    /// # Errors
    /// [`Problem::Invalid`] with what is wrong with it: then nothing is to be changed.
    pub fn edited(&self, editing: &Editing, text: &str) -> Result<Change, Problem> {
        let change = Change {
            deed: Deed::Write {
                text: text.to_owned(),
            },
            ..editing.change.clone()
        };
        let path = change.path().to_string_lossy().into_owned();
        let mut sources: Vec<Source> = self.sources.to_vec();
        sources.retain(|source| *source.path != *path);
        let rank = self.rank_of(&change);
        let named = self.sources.iter().find(|source| *source.path == *path);
        sources.push(Source {
            named: named.is_some_and(|source| source.named),
            ..drop_in::source(&path, text, rank)
        });
        let (_, before) = load(self.sources, self.units.surroundings());
        let (after, found) = load(&sources, self.units.surroundings());
        // What was wrong before is nothing that this edit has done.
        let is_new = |found: &&Diagnostic| {
            *found.place.path == *path && !before.iter().any(|old| old.message == found.message)
        };
        let about: Vec<Diagnostic> = found.iter().filter(is_new).cloned().collect();
        if !about.is_empty() || breaks(self.units, &after, &editing.unit) {
            let all = found.iter().filter(|found| {
                about.contains(found) || found.unit.as_ref() == Some(&editing.unit)
            });
            return Err(Problem::Invalid(all.cloned().collect()));
        }
        Ok(change)
    }

    /// Where the file of a unit that is there goes.
    fn place_of(&self, unit: &Definition, wish: &Wish) -> Result<Change, Problem> {
        let fragment = unit.origin().fragment.as_deref();
        let table = match unit.is_systemds() {
            true => None,
            false => self.table_of(unit),
        };
        let at = |base: &Path, directory: Option<String>, file: String| Change {
            base: base.to_owned(),
            directory,
            file,
            deed: Deed::Remove,
        };
        if !wish.full {
            let base = self.base_for(unit, wish.runtime)?;
            // An instance has no table of its own.
            let table = table.filter(|_| unit.name().instance().is_none());
            let (directory, end) = match table {
                Some(table) => (format!("{}.toml.d", table.stem), "toml"),
                None => (format!("{}.d", unit.name()), "conf"),
            };
            return Ok(at(
                &base,
                Some(directory),
                format!("{}.{end}", wish.drop_in),
            ));
        }
        let Some(fragment) = fragment else {
            return Err(Problem::Refused(format!(
                "{} is built in: there is no file to edit, only drop-ins",
                unit.name()
            )));
        };
        if table.is_none() && !unit.is_systemds() {
            return Err(Problem::Refused(format!(
                "{} is defined in {fragment}, which is no unit file",
                unit.name()
            )));
        }
        let path = Path::new(fragment);
        let lasts = self.places.lasts(fragment) == Some(true) && !wish.runtime;
        let parent = path.parent().filter(|_| lasts);
        let base = match parent {
            Some(parent) => parent.to_owned(),
            None => self.base_for(unit, wish.runtime)?,
        };
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(at(&base, None, file.into_owned()))
    }

    /// A file that lasts and hides the one that is to be written until the end only.
    fn stronger(&self, change: &Change) -> Option<&Source> {
        let below = |source: &&Source| {
            let path = Path::new(&*source.path);
            let own = path.file_name().is_some_and(|file| *file == *change.file);
            let parent = path.parent();
            let base = match &change.directory {
                Some(directory) => parent
                    .filter(|parent| parent.ends_with(directory))
                    .and_then(Path::parent),
                None => parent,
            };
            let lasting = |base: &Path| self.places.lasting.iter().any(|lasting| lasting == base);
            own && base.is_some_and(lasting) && !matches!(source.role(), Role::Link { .. })
        };
        self.sources.iter().find(below)
    }
}
