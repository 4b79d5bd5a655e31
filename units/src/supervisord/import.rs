//! A supervisord.conf to unit files that do the same, and a report of what became of every option.
//! `runnerctl import` writes what is decided here.
//!
//! Each group becomes a file, and a program that is in no group is a group of its own. A group may
//! hold several units; then each is a table named `[service."GROUP:NAME"]`.

mod files;
mod legacy;
mod report;
pub(crate) mod toml;
mod zconfig;

use std::collections::BTreeMap;

use super::mapping::Purpose;
use super::read::{Refused, SourceFile, Sources};
use super::translate;
use super::world::{Account, Around, Known, World};
use crate::diagnostic::Diagnostic;

pub use files::UnitFile;
pub use report::{Line, Verdict};
pub use zconfig::is_zconfig;

/// What a configuration becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The unit files, in the order of the groups.
    pub files: Vec<UnitFile>,
    /// A line for each option, in the order of the file.
    pub report: Vec<Line>,
    /// What is wrong with the configuration, and what its readers may want to know.
    pub diagnostics: Vec<Diagnostic>,
}

/// Makes unit files of a configuration. Users and directories that do not exist here are noted and
/// taken as they are; so are environment variables that are not set. Older files are read as well:
/// the ZConfig of supervisor 1, and the options that supervisor 2 had.
///
/// # Errors
/// When supervisord itself refuses the file.
pub fn import(sources: &Sources, around: &Around<'_>) -> Result<Import, Refused> {
    let (sources, rewritten) = modern(sources)?;
    match of_modern(&sources, &rewritten, around) {
        // What only an older supervisor would have looked at is no reason to refuse a file.
        Err(_) if rewritten.is_optional => {
            let original = Sources {
                main: SourceFile {
                    path: sources.main.path.clone(),
                    bytes: rewritten.original.clone(),
                },
                includes: sources.includes.clone(),
            };
            of_modern(&original, &Rewritten::default(), around)
        }
        outcome => outcome,
    }
}

fn of_modern(
    sources: &Sources,
    rewritten: &Rewritten,
    around: &Around<'_>,
) -> Result<Import, Refused> {
    let lenient = Lenient(around.world);
    let missing = missing_variables(sources, around);
    let mut around_lenient = Around {
        world: &lenient,
        needs_supervisord_section: false,
        ..around.clone()
    };
    for (name, stand_in) in &missing {
        around_lenient
            .environment
            .insert(name.clone(), stand_in.clone());
    }
    let (config, mut diagnostics) = super::read(sources, &around_lenient)?;
    let (mut groups, found) = translate::units(&config, Purpose::Read);
    diagnostics.extend(found);
    for unit in groups.iter_mut().flat_map(|group| &mut group.units) {
        diagnostics.append(&mut unit.diagnostics);
    }
    let files = files::of(&groups);
    let report = report::Reporter {
        sources,
        config: &config,
        groups: &groups,
        files: &files,
        missing: &missing,
        rewritten,
        around,
    }
    .lines(&diagnostics);
    Ok(Import {
        files,
        report,
        diagnostics,
    })
}

/// What an older file was rewritten to, line by line: the lines keep their numbers.
#[derive(Debug, Default)]
struct Rewritten {
    /// What stands in a line that means the same under another name: the old name, and how the
    /// meaning differs where it does.
    renamed: BTreeMap<u32, (String, Option<String>)>,
    /// What is said of lines that mean nothing any more.
    said: Vec<Line>,
    /// Lines after this one are ours.
    last_line: Option<u32>,
    /// Whether the file is one of today as well, and what it was then.
    is_optional: bool,
    original: Vec<u8>,
}

fn modern(sources: &Sources) -> Result<(Sources, Rewritten), Refused> {
    let mut sources = sources.clone();
    let Ok(text) = std::str::from_utf8(&sources.main.bytes) else {
        return Ok((sources, Rewritten::default()));
    };
    let (text, mut rewritten) = if is_zconfig(&sources.main.bytes) {
        zconfig::rewrite(&sources.main.path, text)?
    } else {
        legacy::rewrite(&sources.main.path, text)
    };
    let new = text.into_bytes();
    let old = std::mem::take(&mut sources.main.bytes);
    rewritten.is_optional = !is_zconfig(&old) && new != old;
    if rewritten.is_optional {
        rewritten.original = old;
    }
    sources.main.bytes = new;
    Ok((sources, rewritten))
}

/// The variables of `%(ENV_X)s` that are not set, and what stands in for each.
fn missing_variables(sources: &Sources, around: &Around<'_>) -> BTreeMap<String, String> {
    let included = sources.includes.iter().flat_map(|include| &include.files);
    let included = included.filter_map(|file| file.content.as_deref().ok());
    let mut missing = BTreeMap::new();
    for bytes in std::iter::once(sources.main.bytes.as_slice()).chain(included) {
        let text = String::from_utf8_lossy(bytes);
        for (at, start) in text.match_indices("%(ENV_") {
            let rest = text.get(at + start.len()..).unwrap_or_default();
            let Some((name, after)) = rest.split_once(')') else {
                continue;
            };
            if around.environment.contains_key(&format!("ENV_{name}"))
                || around.environment.contains_key(name)
            {
                continue;
            }
            // A number is needed where one is printed as such.
            let conversion = after.trim_start_matches(|letter: char| !letter.is_ascii_alphabetic());
            let stand_in = match conversion.starts_with('s') {
                true => name.to_owned(),
                false => "0".to_owned(),
            };
            missing.insert(name.to_owned(), stand_in);
        }
    }
    missing
}

/// A world in which what is not there may be elsewhere.
struct Lenient<'a>(&'a dyn World);

fn perhaps<T>(known: Known<T>) -> Known<T> {
    match known {
        Known::No => Known::Perhaps,
        known => known,
    }
}

impl World for Lenient<'_> {
    fn user(&self, name: &str) -> Known<Account> {
        perhaps(self.0.user(name))
    }

    fn user_by_id(&self, uid: u32) -> Known<Account> {
        perhaps(self.0.user_by_id(uid))
    }

    fn group(&self, name: &str) -> Known<u32> {
        perhaps(self.0.group(name))
    }

    fn group_by_id(&self, gid: u32) -> Known<u32> {
        perhaps(self.0.group_by_id(gid))
    }

    fn is_directory(&self, _: &str) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
