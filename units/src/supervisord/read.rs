//! Files to a [`Config`].

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::config::{Client, Config};
use super::environment::Pairs;
use super::ini::{Document, ParseProblem};
use super::options::{Notes, Options, Trouble};
use super::python::{absolute, directory_of, join};
use super::world::Around;
use super::{client, daemon, groups, server, traps};
use crate::diagnostic::{Diagnostic, Place};

/// A file: its path as it was named, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Messages show it; relative paths begin in the current directory.
    pub path: Arc<str>,
    /// Hopefully UTF-8.
    pub bytes: Vec<u8>,
}

impl SourceFile {
    /// A file with this text.
    pub fn text(path: &str, text: &str) -> SourceFile {
        SourceFile {
            path: path.into(),
            bytes: text.as_bytes().to_vec(),
        }
    }
}

/// A configuration file and those it includes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    /// The file that was named.
    pub main: SourceFile,
    /// What each pattern of its `[include]` found, in the order of the patterns.
    pub includes: Vec<Include>,
}

/// One pattern of `[include] files`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// The pattern, absolute.
    pub pattern: String,
    /// The files that match, by name.
    pub files: Vec<Included>,
}

/// One file that a pattern found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Included {
    /// Its path: the pattern's directory and the name.
    pub path: Arc<str>,
    /// What is in it.
    pub content: Result<Vec<u8>, Unread>,
}

/// Why an included file was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// The system said no. The real program goes on without a word.
    Skipped(String),
    /// We said no, where the real one would have tried: what is in it may matter.
    Refused(String),
}

/// A configuration that the real program does not run either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What it says after `Error: `, word for word.
    pub message: String,
    /// The same with its place, and what was noticed on the way.
    pub diagnostics: Vec<Diagnostic>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refused {}

impl Refused {
    pub(super) fn new(trouble: Trouble, file: &Arc<str>, notes: Notes) -> Refused {
        let place = trouble.place.unwrap_or_else(|| Place::file(file.clone()));
        let mut diagnostic = Diagnostic::error(place, trouble.message.clone());
        diagnostic.hint = trouble.hint;
        let mut diagnostics = notes.diagnostics;
        diagnostics.push(diagnostic);
        Refused {
            message: trouble.message,
            diagnostics,
        }
    }

    /// The main file is not there, or cannot be read.
    pub(crate) fn unreadable(message: String, path: &str) -> Refused {
        Refused::new(Trouble::new(message), &path.into(), Notes::default())
    }
}

/// Reads a configuration.
///
/// # Errors
/// When the real program refuses it, with its message; in few cases when only we do, see
/// [`DEVIATIONS`](super::DEVIATIONS).
pub fn read(sources: &Sources, around: &Around<'_>) -> Result<(Config, Vec<Diagnostic>), Refused> {
    let mut notes = Notes::default();
    match read_all(sources, around, &mut notes) {
        Ok(config) => Ok((config, notes.diagnostics)),
        Err(trouble) => Err(Refused::new(trouble, &sources.main.path, notes)),
    }
}

/// The patterns in `[include] files` of a main file, each absolute. None without that section.
///
/// # Errors
/// When the file cannot be parsed, or the section says nothing.
pub fn include_patterns(main: &SourceFile, around: &Around<'_>) -> Result<Vec<String>, Refused> {
    let patterns = main_document(main, around)
        .and_then(|(document, here)| patterns_of(&document, here.as_deref(), &main.path, around));
    patterns.map_err(|trouble| Refused::new(trouble, &main.path, Notes::default()))
}

/// Reads `[supervisorctl]` of a file. Included files are not looked at: the real client does not
/// either.
///
/// # Errors
/// When the file cannot be parsed, has no such section, or says something impossible there.
pub fn read_client(
    main: &SourceFile,
    around: &Around<'_>,
) -> Result<(Client, Vec<Diagnostic>), Refused> {
    let mut document = Document::default();
    let mut notes = Notes::default();
    let read = parse(&mut document, &main.path, &main.bytes).and_then(|()| {
        let options = options(&document, around, &main.path, HashMap::new());
        client::read(&options, &mut notes)
    });
    match read {
        Ok(client) => Ok((client, notes.diagnostics)),
        Err(trouble) => Err(Refused::new(trouble, &main.path, notes)),
    }
}

/// The directory of a file: `%(here)s`.
fn here(path: &str, around: &Around<'_>) -> String {
    absolute(directory_of(path), &around.current_directory)
}

fn options<'a>(
    document: &'a Document,
    around: &'a Around<'a>,
    file: &Arc<str>,
    section_files: HashMap<String, Arc<str>>,
) -> Options<'a> {
    Options {
        document,
        around,
        environment: around.environment.clone(),
        here: here(file, around),
        file: file.clone(),
        section_files,
        spent: Cell::new(0),
    }
}

fn parse(document: &mut Document, path: &Arc<str>, bytes: &[u8]) -> Result<(), Trouble> {
    match decode(path, bytes) {
        Ok(text) => parse_text(document, path, text),
        Err(trouble) => Err(without_header(path, bytes).unwrap_or(trouble)),
    }
}

/// Python reads whole lines before it finds that the last character is cut off, and a file that
/// begins without a section ends there.
fn without_header(path: &Arc<str>, bytes: &[u8]) -> Option<Trouble> {
    let problem = std::str::from_utf8(bytes).err()?;
    if problem.error_len().is_some() {
        return None;
    }
    let good = std::str::from_utf8(bytes.get(..problem.valid_up_to())?).ok()?;
    let lines = good.get(..good.rfind(['\n', '\r'])? + 1)?;
    let trouble = parse_text(&mut Document::default(), path, lines).err()?;
    let is_that = trouble
        .message
        .starts_with("File contains no section headers");
    is_that.then_some(trouble)
}

fn parse_text(document: &mut Document, path: &Arc<str>, text: &str) -> Result<(), Trouble> {
    document.read(path, text).map_err(|problem| {
        let ParseProblem { message, place } = problem;
        let trouble = Trouble::new(message).at(Some(&place));
        if text.starts_with('\u{feff}') {
            trouble.with_hint("the file begins with a byte order mark: save it without")
        } else {
            trouble.with_hint("a line is `[section]`, `key=value`, or a comment after `;`")
        }
    })
}

/// The bytes as UTF-8, or what Python says of them.
fn decode<'a>(path: &Arc<str>, bytes: &'a [u8]) -> Result<&'a str, Trouble> {
    let problem = match std::str::from_utf8(bytes) {
        Ok(text) => match text.find('\0') {
            None => return Ok(text),
            Some(at) => {
                let before = text.get(..at).unwrap_or_default();
                let message = "the file has a zero byte, so it is no text".to_owned();
                return Err(Trouble::new(message).at(Some(&line_of(path, before.as_bytes()))));
            }
        },
        Err(problem) => problem,
    };
    let start = problem.valid_up_to();
    let good = bytes.get(..start).unwrap_or_default();
    let bad = bytes.get(start..).unwrap_or_default();
    let first = bad.first().copied().unwrap_or_default();
    let length = problem.error_len().unwrap_or(bad.len());
    let reason = match (problem.error_len(), first) {
        (None, _) => "unexpected end of data",
        (_, 0xc2..=0xf4) => "invalid continuation byte",
        _ => "invalid start byte",
    };
    // Python keeps a character that is cut off for the next block, and counts from that one.
    let position = if problem.error_len().is_none() {
        0
    } else {
        start
    };
    let message = if length == 1 {
        format!("'utf-8' codec can't decode byte 0x{first:02x} in position {position}: {reason}")
    } else {
        let end = position + length - 1;
        format!("'utf-8' codec can't decode bytes in position {position}-{end}: {reason}")
    };
    Err(Trouble::new(message)
        .at(Some(&line_of(path, good)))
        .with_hint("save the file as UTF-8"))
}

fn line_of(path: &Arc<str>, before: &[u8]) -> Place {
    let lines = before.iter().filter(|byte| **byte == b'\n').count();
    Place {
        path: path.clone(),
        line: u32::try_from(lines + 1).unwrap_or(u32::MAX),
        column: 0,
    }
}

/// The main file parsed, and its directory if `%(here)s` was replaced by that already: the real
/// program does so only when there is an `[include]`.
fn main_document(
    main: &SourceFile,
    around: &Around<'_>,
) -> Result<(Document, Option<String>), Trouble> {
    let mut document = Document::default();
    parse(&mut document, &main.path, &main.bytes)?;
    if document.section("include").is_none() {
        return Ok((document, None));
    }
    let here = here(&main.path, around);
    expand_here(&mut document, &here)?;
    Ok((document, Some(here)))
}

fn expand_here(document: &mut Document, here: &str) -> Result<(), Trouble> {
    document.expand_here(here).map_err(|problem| {
        let ParseProblem { message, place } = problem;
        Trouble::new(message).at(Some(&place))
    })
}

fn patterns_of(
    document: &Document,
    here: Option<&str>,
    path: &Arc<str>,
    around: &Around<'_>,
) -> Result<Vec<String>, Trouble> {
    let Some(here) = here else {
        return Ok(Vec::new());
    };
    let Some(entry) = document.entry("include", "files") else {
        let message = ".ini file has [include] section, but no files setting";
        let section = document.section("include");
        return Err(Trouble::new(message).at(section.and_then(|s| s.place.as_ref())));
    };
    let options = options(document, around, path, HashMap::new());
    let names = options.names();
    let names = names.with("host_node_name", &around.host_name);
    let files = options
        .expand(&entry.value, &names, "include.files")
        .map_err(|trouble| trouble.at(Some(&entry.place)))?;
    let words = files.split(super::python::is_space);
    Ok(words
        .filter(|word| !word.is_empty())
        .map(|word| join(here, word))
        .collect())
}

fn read_all(sources: &Sources, around: &Around<'_>, notes: &mut Notes) -> Result<Config, Trouble> {
    let main = &sources.main;
    let (mut document, here) = main_document(main, around)?;
    patterns_of(&document, here.as_deref(), &main.path, around)?;
    let section_files = include(sources, &mut document, around, notes)?;
    let has_section = document.section("supervisord").is_some();
    if !has_section && around.needs_supervisord_section {
        let message = ".ini file does not include supervisord section";
        return Err(Trouble::new(message).with_hint("an empty [supervisord] is enough"));
    }
    let mut options = options(&document, around, &main.path, section_files);
    traps::document(&options, notes);
    let mut daemon = daemon::read(&options, notes)?;
    for (key, value) in &daemon.environment {
        options.environment.insert(key.clone(), value.clone());
    }
    let rpc_interface = daemon::rpc_interface(&options, notes)?;
    let mut groups = groups::read_all(&options, notes)?;
    for group in &mut groups {
        for process in &mut group.processes {
            let own = std::mem::take(&mut process.environment);
            let both = daemon.environment.iter().chain(&own);
            options.spend(both.map(|(k, v)| k.len() + v.len()).sum())?;
            let mut pairs = Pairs::default();
            for (key, value) in daemon.environment.iter().cloned().chain(own) {
                pairs.set(key, value);
            }
            process.environment = pairs.all;
        }
    }
    let servers = server::read_all(&options, notes)?;
    daemon::complete(&mut daemon, &servers, &options)?;
    let config = Config {
        daemon,
        servers,
        rpc_interface,
        client: own_client(main, around, notes),
        groups,
        infos: std::mem::take(&mut notes.infos),
        warnings: std::mem::take(&mut notes.warnings),
    };
    traps::config(&config, notes);
    Ok(config)
}

/// Reads what `[include]` found into the document, and tells which sections are new in which file.
fn include(
    sources: &Sources,
    document: &mut Document,
    around: &Around<'_>,
    notes: &mut Notes,
) -> Result<HashMap<String, Arc<str>>, Trouble> {
    let mut section_files = HashMap::new();
    let include_place = document.entry("include", "files");
    let include_place = include_place.map(|entry| entry.place.clone());
    for include in &sources.includes {
        if include.files.is_empty() {
            let line = format!("No file matches via include \"{}\"", include.pattern);
            notes.warn(include_place.as_ref(), line.clone(), "");
            notes.warnings.push(line);
        }
        for file in &include.files {
            let line = format!("Included extra file \"{}\" during parsing", file.path);
            notes.infos.push(line);
            let place = Place::file(file.path.clone());
            let bytes = match &file.content {
                Ok(bytes) => bytes.as_slice(),
                Err(Unread::Refused(why)) => {
                    return Err(Trouble::new(why.clone()).at(Some(&place)));
                }
                Err(Unread::Skipped(why)) => {
                    notes.warn(
                        Some(&place),
                        format!("{why}; nothing of this file counts"),
                        "",
                    );
                    &[]
                }
            };
            let known = document.sections.len();
            parse(document, &file.path, bytes)?;
            for section in document.sections.iter().skip(known) {
                section_files.insert(section.name.clone(), file.path.clone());
            }
            let nested = document.section("include").and_then(|s| s.entry("files"));
            if let Some(entry) = nested.filter(|entry| entry.place.path == file.path) {
                let message = "an [include] in an included file does nothing".to_owned();
                notes.warn(
                    Some(&entry.place),
                    message,
                    "name the files in the main file",
                );
            }
            expand_here(document, &here(&file.path, around))?;
        }
    }
    Ok(section_files)
}

/// `[supervisorctl]`, where the daemon can say something about it. What is wrong in it is the
/// client's trouble.
fn own_client(main: &SourceFile, around: &Around<'_>, notes: &mut Notes) -> Option<Client> {
    match read_client(main, around) {
        Ok((client, found)) => {
            notes.diagnostics.extend(found);
            Some(client)
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests;
