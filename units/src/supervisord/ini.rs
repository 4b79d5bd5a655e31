//! Lines to sections and options, as Python's `RawConfigParser` reads them with `strict` off and
//! `;` and `#` as inline comment signs. It knows no section by name: what the options mean is
//! decided elsewhere.
//!
//! A value keeps its lines and what was cut from them, so that others can see where the reading
//! differs from what was meant.

use std::collections::HashMap;
use std::sync::Arc;

use super::python::{is_space, repr, strip, strip_end};
use crate::diagnostic::Place;

/// Sections in the order of their first headers.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// `[DEFAULT]`: options every section has unless it has them itself.
    pub defaults: Section,
    /// All others.
    pub sections: Vec<Section>,
    /// Comment lines that nothing follows.
    pub last_comments: Vec<String>,
    index: HashMap<String, usize>,
}

/// A section; several headers of one name are one section.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// What stands between the brackets.
    pub name: String,
    /// Its first header.
    pub place: Option<Place>,
    /// Comment lines before its headers, without their signs.
    pub comments: Vec<String>,
    /// Options in the order of their first lines.
    pub entries: Vec<Entry>,
    keys: HashMap<String, usize>,
}

/// An option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, in lower case.
    pub key: String,
    /// Its value: the lines joined by line feeds.
    pub value: String,
    /// Where its name stands.
    pub place: Place,
    /// Comment lines before it, then those at the ends of its lines; without their signs.
    pub comments: Vec<String>,
    /// The lines of the value as they were read. Blank lines are pieces too.
    pub pieces: Vec<Piece>,
    /// The place of the same option that counted until this one came.
    pub replaces: Option<Place>,
    /// Whether it was copied here from `[DEFAULT]`.
    pub is_default: bool,
}

/// One line of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The text that counts.
    pub text: String,
    /// What was cut off as a comment, its sign included.
    pub cut: Option<String>,
    /// Where the text begins.
    pub place: Place,
}

/// Text that is no configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseProblem {
    /// What Python says.
    pub message: String,
    /// The first line it is about.
    pub place: Place,
}

/// Where the next line belongs.
#[derive(Debug, Clone, Copy)]
enum Target {
    Nowhere,
    Defaults,
    Section(usize),
}

impl Document {
    /// The section of this name.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.get(*self.index.get(name)?)
    }

    /// The option of a section, or the default all sections have.
    pub fn entry(&self, section: &str, key: &str) -> Option<&Entry> {
        let section = self.section(section)?;
        section.entry(key).or_else(|| self.defaults.entry(key))
    }

    /// Reads a file into what is already there: sections of the same name are one, and the later
    /// option wins.
    ///
    /// # Errors
    /// With lines that are neither header nor option. Python names all of them, so everything is
    /// read first.
    pub fn read(&mut self, path: &Arc<str>, text: &str) -> Result<(), ParseProblem> {
        let mut reading = Reading {
            path,
            target: Target::Nowhere,
            open: None,
            indent: 0,
            comments: Vec::new(),
            bad_lines: Vec::new(),
        };
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        for (number, line) in (1..).zip(text.split_inclusive('\n')) {
            reading.line(self, number, line)?;
        }
        reading.close(self);
        self.last_comments.append(&mut reading.comments);
        match reading.bad_lines.first() {
            None => Ok(()),
            Some((number, _)) => Err(ParseProblem {
                place: place(path, *number, 1),
                message: parsing_errors(path, &reading.bad_lines),
            }),
        }
    }

    /// Replaces `%(here)s` in every value by `here`. Defaults go into each section by this, with
    /// their replacement: so does the real one, after each file of an `[include]`.
    ///
    /// # Errors
    /// When that would copy more than a million defaults.
    pub fn expand_here(&mut self, here: &str) -> Result<(), ParseProblem> {
        const HERE: &str = "%(here)s";
        const MOST_COPIES: usize = 1_000_000;
        let defaults: Vec<&Entry> = self
            .defaults
            .entries
            .iter()
            .filter(|default| default.value.contains(HERE))
            .collect();
        if let Some(first) = defaults.first()
            && defaults.len().saturating_mul(self.sections.len()) > MOST_COPIES
        {
            return Err(ParseProblem {
                message: "[DEFAULT] has too many options for this many sections".to_owned(),
                place: first.place.clone(),
            });
        }
        for section in &mut self.sections {
            for entry in &mut section.entries {
                if entry.value.contains(HERE) {
                    entry.value = entry.value.replace(HERE, here);
                }
            }
            for default in &defaults {
                if section.entry(&default.key).is_none() {
                    let mut entry = (*default).clone();
                    entry.value = entry.value.replace(HERE, here);
                    entry.is_default = true;
                    section.set(entry);
                }
            }
        }
        Ok(())
    }

    fn open(&mut self, name: &str, place: Place, comments: Vec<String>) -> Target {
        let (target, section) = if name == "DEFAULT" {
            (Target::Defaults, &mut self.defaults)
        } else {
            let at = match self.index.get(name) {
                Some(at) => *at,
                None => {
                    self.index.insert(name.to_owned(), self.sections.len());
                    self.sections.push(Section::default());
                    self.sections.len() - 1
                }
            };
            match self.sections.get_mut(at) {
                Some(section) => (Target::Section(at), section),
                None => return Target::Nowhere,
            }
        };
        name.clone_into(&mut section.name);
        section.place.get_or_insert(place);
        section.comments.extend(comments);
        target
    }

    fn at(&mut self, target: Target) -> Option<&mut Section> {
        match target {
            Target::Nowhere => None,
            Target::Defaults => Some(&mut self.defaults),
            Target::Section(at) => self.sections.get_mut(at),
        }
    }
}

impl Section {
    /// The option of this name, defaults left aside.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(*self.keys.get(key)?)
    }

    fn set(&mut self, mut entry: Entry) {
        let at = self.keys.get(&entry.key).copied();
        match at.and_then(|at| self.entries.get_mut(at)) {
            Some(old) => {
                entry.replaces = Some(old.place.clone());
                *old = entry;
            }
            None => {
                self.keys.insert(entry.key.clone(), self.entries.len());
                self.entries.push(entry);
            }
        }
    }
}

struct Reading<'a> {
    path: &'a Arc<str>,
    target: Target,
    /// The option whose value may go on.
    open: Option<Entry>,
    /// How deep the last header or option is indented, in characters.
    indent: usize,
    /// Comment lines nothing followed yet.
    comments: Vec<String>,
    bad_lines: Vec<(u32, String)>,
}

impl Reading<'_> {
    fn line(
        &mut self,
        document: &mut Document,
        number: u32,
        line: &str,
    ) -> Result<(), ParseProblem> {
        let cut = comment_start(line);
        let text = strip(line.get(..cut.unwrap_or(line.len())).unwrap_or(line));
        let comment = cut
            .and_then(|cut| line.get(cut..))
            .map(|rest| strip(rest).to_owned());
        let indent = line.chars().take_while(|letter| is_space(*letter)).count();
        if text.is_empty() {
            match (comment, &mut self.open) {
                (Some(comment), _) => self.comments.push(without_sign(&comment)),
                // A blank line does not end a value.
                (None, Some(open)) => open.pieces.push(Piece {
                    text: String::new(),
                    cut: None,
                    place: place(self.path, number, 0),
                }),
                (None, None) => {}
            }
            return Ok(());
        }
        if let Some(open) = &mut self.open
            && indent > self.indent
        {
            open.pieces.push(Piece {
                text: text.to_owned(),
                cut: comment,
                place: place(self.path, number, indent + 1),
            });
            return Ok(());
        }
        self.indent = indent;
        if let Some(name) = header(text) {
            self.close(document);
            let comments = std::mem::take(&mut self.comments);
            self.target = document.open(name, place(self.path, number, indent + 1), comments);
            return Ok(());
        }
        if matches!(self.target, Target::Nowhere) {
            return Err(ParseProblem {
                message: format!(
                    "File contains no section headers.\nfile: {}, line: {number}\n{}",
                    repr(self.path),
                    repr(line)
                ),
                place: place(self.path, number, 1),
            });
        }
        match text.find(['=', ':']) {
            // What is deeper than the bad line still belongs to the option before it.
            None => self.bad_lines.push((number, line.to_owned())),
            Some(delimiter) => {
                self.close(document);
                self.option(number, line, text, delimiter, indent, comment);
            }
        }
        Ok(())
    }

    fn option(
        &mut self,
        number: u32,
        line: &str,
        text: &str,
        delimiter: usize,
        indent: usize,
        cut: Option<String>,
    ) {
        let (key, value) = text.split_at(delimiter);
        let value = strip(value.get(1..).unwrap_or_default());
        let key = strip_end(key).to_lowercase();
        if key.is_empty() {
            // Python notes the error and goes on with an option without a name.
            self.bad_lines.push((number, line.to_owned()));
            return;
        }
        let column = text.chars().count() - value.chars().count() + indent + 1;
        self.open = Some(Entry {
            key,
            value: String::new(),
            place: place(self.path, number, indent + 1),
            comments: std::mem::take(&mut self.comments),
            pieces: vec![Piece {
                text: value.to_owned(),
                cut,
                place: place(self.path, number, column),
            }],
            replaces: None,
            is_default: false,
        });
    }

    /// Files the option whose value is now complete.
    fn close(&mut self, document: &mut Document) {
        let Some(mut entry) = self.open.take() else {
            return;
        };
        let texts: Vec<&str> = entry
            .pieces
            .iter()
            .map(|piece| piece.text.as_str())
            .collect();
        entry.value = strip_end(&texts.join("\n")).to_owned();
        let cuts = entry.pieces.iter().filter_map(|piece| piece.cut.as_deref());
        entry.comments.extend(cuts.map(without_sign));
        if let Some(section) = document.at(self.target) {
            section.set(entry);
        }
    }
}

fn place(path: &Arc<str>, line: u32, column: usize) -> Place {
    Place {
        path: path.clone(),
        line,
        column: u32::try_from(column).unwrap_or(u32::MAX),
    }
}

/// The name in a header: up to the *last* bracket of the line, whatever follows.
fn header(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('[')?;
    let name = inside.get(..inside.rfind(']')?)?;
    (!name.is_empty()).then_some(name)
}

fn without_sign(comment: &str) -> String {
    strip(comment.trim_start_matches([';', '#'])).to_owned()
}

/// Where the comment of a line begins. A sign counts at the start of the line and after white
/// space, also in quotes.
///
/// Python looks for the two signs side by side, the first of each, then the second of each, and
/// stops at the first round that finds one: in `a;b ;c #d` the first round finds `#`, and ` ;`
/// stays part of the value.
fn comment_start(line: &str) -> Option<usize> {
    if strip(line).starts_with([';', '#']) {
        return Some(0);
    }
    let mut signs = vec![(';', 0), ('#', 0)];
    while !signs.is_empty() {
        let mut start = None;
        signs.retain_mut(|(sign, from)| {
            let Some(found) = line.get(*from..).and_then(|rest| rest.find(*sign)) else {
                return false;
            };
            let at = *from + found;
            *from = at + 1;
            let before = line.get(..at).and_then(|before| before.chars().next_back());
            if before.is_none_or(is_space) {
                start = Some(start.map_or(at, |start: usize| start.min(at)));
            }
            true
        });
        if start.is_some() {
            return start;
        }
    }
    None
}

fn parsing_errors(path: &str, lines: &[(u32, String)]) -> String {
    let mut message = format!("Source contains parsing errors: {}", repr(path));
    for (number, line) in lines {
        message.push_str(&format!("\n\t[line {number:2}]: {}", repr(line)));
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Document, ParseProblem> {
        let mut document = Document::default();
        document.read(&"f".into(), text)?;
        Ok(document)
    }

    fn values(text: &str) -> Vec<(String, String, String)> {
        let document = read(text).unwrap();
        let mut all = Vec::new();
        for section in &document.sections {
            for entry in &section.entries {
                all.push((section.name.clone(), entry.key.clone(), entry.value.clone()));
            }
        }
        all
    }

    fn value(line: &str) -> String {
        values(&format!("[s]\n{line}\n")).remove(0).2
    }

    #[test]
    fn comments_are_cut_where_python_cuts_them() {
        for (line, expected) in [
            ("a=b;c", "b;c"),
            ("a=b ;c", "b"),
            ("a=b # c", "b"),
            ("a=b#c", "b#c"),
            ("a=;x", ";x"),
            ("a= ;x", ""),
            ("a=bash -c \"x ; y\"", "bash -c \"x"),
            ("a=a;b ;c #d", "a;b ;c"),
            ("a=a#b #c ;d", "a#b #c"),
        ] {
            assert_eq!(value(line), expected, "{line}");
        }
    }

    #[test]
    fn values_go_on_while_lines_are_deeper() {
        assert_eq!(value("a=b\n  c\n ; x\n\n  d\n\n"), "b\nc\n\nd");
        assert_eq!(
            values("  [s]\n  a = 1\n   b = 2\n c = 3\n"),
            [
                ("s".into(), "a".into(), "1\nb = 2".into()),
                ("s".into(), "c".into(), "3".into())
            ]
        );
        // A header can be swallowed too.
        assert_eq!(value("a=b\n [t]"), "b\n[t]");
    }

    #[test]
    fn keys_headers_and_repetition() {
        assert_eq!(
            values("[s] x\nA : b=c\n[t]\na=1\n[s]\na = 2\nb:\n"),
            [
                ("s".into(), "a".into(), "2".into()),
                ("s".into(), "b".into(), String::new()),
                ("t".into(), "a".into(), "1".into())
            ]
        );
        assert_eq!(values("[a]b]\nx=1")[0].0, "a]b");
        let document = read("; one\n[s]\n# two\na = 1 ; three\n; four\n").unwrap();
        let section = document.section("s").unwrap();
        assert_eq!(section.comments, ["one"]);
        assert_eq!(section.entries[0].comments, ["two", "three"]);
        assert_eq!(document.last_comments, ["four"]);
        assert_eq!(section.entries[0].place.to_string(), "f:4:1");
        assert_eq!(section.entries[0].pieces[0].place.to_string(), "f:4:5");
    }

    #[test]
    fn defaults_are_everywhere_and_take_here_along() {
        let mut document = read("[DEFAULT]\na=%(here)s/x\nb=1\n[s]\nb=2\n[t]\n").unwrap();
        assert_eq!(document.entry("s", "b").unwrap().value, "2");
        assert_eq!(document.entry("t", "b").unwrap().value, "1");
        document.expand_here("/etc").unwrap();
        assert_eq!(document.entry("t", "a").unwrap().value, "/etc/x");
        assert_eq!(document.defaults.entry("a").unwrap().value, "%(here)s/x");
    }

    #[test]
    fn bad_lines_are_told_in_pythons_words() {
        let problem = read("[s]\nz=1\nREM x\n deeper\nok=1\n= 3\nREM y").unwrap_err();
        assert_eq!(
            problem.message,
            "Source contains parsing errors: 'f'\n\t[line  3]: 'REM x\\n'\n\t[line  6]: '= 3\\n'\n\t[line  7]: 'REM y'"
        );
        assert_eq!(problem.place.to_string(), "f:3:1");
        let problem = read("\n\u{feff}[s]\r\n").unwrap_err();
        assert_eq!(
            problem.message,
            "File contains no section headers.\nfile: 'f', line: 2\n'\\ufeff[s]\\n'"
        );
    }
}
