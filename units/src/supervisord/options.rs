//! One option of one section, expanded: what every part of the reader asks for.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::config::{Written, WrittenOption};
use super::expand::{Names, expand};
use super::ini::{Document, Entry, Section};
use super::world::Around;
use crate::diagnostic::{Diagnostic, Place};

/// The most bytes all values together may expand to. Defaults, `numprocs` and groups multiply
/// what the file holds, and somebody has to say how often.
const MOST_TEXT: usize = 64 << 20;

/// Why a file is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// What supervisord says.
    pub(super) message: String,
    /// What it is about.
    pub(super) place: Option<Place>,
    /// What would be right, where we can tell.
    pub(super) hint: Option<String>,
}

impl Trouble {
    pub(super) fn new(message: impl Into<String>) -> Trouble {
        Trouble {
            message: message.into(),
            place: None,
            hint: None,
        }
    }

    /// About `place`, unless it is known better already.
    pub(super) fn at(mut self, place: Option<&Place>) -> Trouble {
        if self.place.is_none() {
            self.place = place.cloned();
        }
        self
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Trouble {
        self.hint.get_or_insert(hint.into());
        self
    }
}

/// What is said beside the configuration.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) infos: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Notes {
    pub(super) fn warn(&mut self, place: Option<&Place>, message: String, hint: &str) {
        // Nobody reads more, and a hostile file has a warning in every line.
        const MOST: usize = 1000;
        if self.diagnostics.len() >= MOST {
            return;
        }
        let place = place.cloned().unwrap_or_else(|| Place::file(""));
        let diagnostic = Diagnostic::warning(place, message);
        self.diagnostics.push(if hint.is_empty() {
            diagnostic
        } else {
            diagnostic.with_hint(hint)
        });
    }
}

/// A merged file and what its values may refer to.
pub(super) struct Options<'a> {
    pub(super) document: &'a Document,
    pub(super) around: &'a Around<'a>,
    /// `ENV_X`: the daemon's environment, and later what `[supervisord] environment` adds.
    pub(super) environment: BTreeMap<String, String>,
    /// The directory of the main file.
    pub(super) here: String,
    /// The main file as it was named.
    pub(super) file: Arc<str>,
    /// Sections that came with an included file, and which.
    pub(super) section_files: HashMap<String, Arc<str>>,
    pub(super) spent: Cell<usize>,
}

impl Options<'_> {
    /// `ENV_X` only.
    pub(super) fn variables(&self) -> Names<'_> {
        Names::new(&self.environment)
    }

    /// `ENV_X` and `here`.
    pub(super) fn names(&self) -> Names<'_> {
        self.variables().with("here", &self.here)
    }

    /// The option as written.
    pub(super) fn entry(&self, section: &str, key: &str) -> Option<&Entry> {
        self.document.entry(section, key)
    }

    /// Where the option stands, else its section's header.
    pub(super) fn place(&self, section: &str, key: &str) -> Option<&Place> {
        let header = || self.document.section(section)?.place.as_ref();
        self.entry(section, key)
            .map(|entry| &entry.place)
            .or_else(header)
    }

    /// The option, expanded.
    pub(super) fn text(
        &self,
        section: &str,
        key: &str,
        names: &Names<'_>,
    ) -> Result<Option<String>, Trouble> {
        match self.entry(section, key) {
            None => Ok(None),
            Some(entry) => self
                .expand(&entry.value, names, &format!("{section}.{key}"))
                .map(Some)
                .map_err(|trouble| trouble.at(Some(&entry.place))),
        }
    }

    /// The option as a value; `default` when the file does not say.
    pub(super) fn value<T>(
        &self,
        section: &str,
        key: &str,
        names: &Names<'_>,
        default: T,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Trouble> {
        match self.text(section, key, names)? {
            None => Ok(default),
            Some(text) => read(&text).map_err(|message| self.refuse(section, key, message)),
        }
    }

    /// The option's value is no good.
    pub(super) fn refuse(&self, section: &str, key: &str, message: impl Into<String>) -> Trouble {
        Trouble::new(message).at(self.place(section, key))
    }

    /// Expands a text on the account of this file.
    pub(super) fn expand(
        &self,
        text: &str,
        names: &Names<'_>,
        option: &str,
    ) -> Result<String, Trouble> {
        let expanded = expand(text, names, option).map_err(|message| {
            let trouble = Trouble::new(message);
            if text.contains('%') {
                trouble.with_hint("a percent sign that means itself is written `%%`")
            } else {
                trouble
            }
        })?;
        self.spend(expanded.len())?;
        Ok(expanded)
    }

    /// Counts text that is kept.
    pub(super) fn spend(&self, bytes: usize) -> Result<(), Trouble> {
        let spent = self.spent.get().saturating_add(bytes);
        self.spent.set(spent);
        if spent > MOST_TEXT {
            let message = format!("the values of this configuration exceed {MOST_TEXT} bytes");
            return Err(Trouble::new(message));
        }
        Ok(())
    }

    /// What the section says, for whoever wants the words.
    pub(super) fn written(&self, name: &str) -> Result<Arc<Written>, Trouble> {
        let Some(section) = self.document.section(name) else {
            return Ok(Arc::new(Written::default()));
        };
        let defaults = &self.document.defaults;
        let entries = section.entries.iter().chain(&defaults.entries);
        let texts = entries.map(|entry| entry.key.len() + entry.value.len());
        // What an option takes besides its texts.
        self.spend(texts.map(|length| length + 64).sum())?;
        Ok(Arc::new(written(section, defaults)))
    }
}

/// The options of a section, then the defaults it does not have itself.
pub(super) fn written(section: &Section, defaults: &Section) -> Written {
    let option = |entry: &Entry, is_default| WrittenOption {
        key: entry.key.clone(),
        text: entry.value.clone(),
        place: entry.place.clone(),
        comments: entry.comments.clone(),
        is_default,
    };
    let own = section
        .entries
        .iter()
        .map(|entry| option(entry, entry.is_default));
    let missing = |entry: &&Entry| section.entry(&entry.key).is_none();
    let defaults = defaults.entries.iter().filter(missing);
    Written {
        section: section.name.clone(),
        place: section.place.clone(),
        comments: section.comments.clone(),
        options: own
            .chain(defaults.map(|entry| option(entry, true)))
            .collect(),
    }
}
