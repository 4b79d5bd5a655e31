//! Unit names: `prefix[@instance].suffix`, as systemd writes them, and the escaping that fits any text into one.

mod escape;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::value::ValueProblem;

pub use escape::{
    EscapeProblem, escape, escape_path, instance_in, instance_of, mangle, unescape, unescape_path,
};

/// The slice that every other is in.
const ROOT_SLICE: &str = "-.slice";
/// The slice of units that name none.
const SYSTEM_SLICE: &str = "system.slice";

/// The longest unit name, in bytes (systemd.unit(5)).
pub const LONGEST_NAME: usize = 255;

crate::value::words! {
    /// What sort of thing a unit is; the suffix of its name says it.
    pub enum UnitKind {
        /// A program to run (systemd.service(5)).
        Service = "service",
        /// Addresses to listen on for a service (systemd.socket(5)).
        Socket = "socket",
        /// A named point that groups other units (systemd.target(5)).
        Target = "target",
        /// Starts a unit at points in time (systemd.timer(5)).
        Timer = "timer",
        /// Starts a unit when a file changes (systemd.path(5)).
        Path = "path",
        /// A group in the resource tree (systemd.slice(5)).
        Slice = "slice",
        /// A mounted file system; known by name only, so that units can be ordered around it.
        Mount = "mount",
        /// A file system that is mounted when it is used; known by name only.
        Automount = "automount",
        /// A swap device; known by name only.
        Swap = "swap",
        /// A device of the kernel; known by name only.
        Device = "device",
        /// Processes that were not started by us; known by name only.
        Scope = "scope",
    }
}

impl UnitKind {
    /// Whether units of this kind can be loaded; the others are only known as names.
    pub fn is_supported(self) -> bool {
        matches!(
            self,
            UnitKind::Service
                | UnitKind::Socket
                | UnitKind::Target
                | UnitKind::Timer
                | UnitKind::Path
                | UnitKind::Slice
        )
    }
}

/// The name of a unit: valid, cheap to clone, ordered as text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitName(Arc<str>);

/// Why a text is no unit name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameProblem {
    /// Nothing before the suffix, or nothing at all.
    Empty,
    /// Longer than [`LONGEST_NAME`] bytes; carries the length.
    TooLong(usize),
    /// No `.suffix` at the end.
    NoSuffix,
    /// A suffix that is no [`UnitKind`].
    UnknownSuffix(String),
    /// A character outside `A-Z a-z 0-9 : - _ . \ @`.
    BadCharacter(char),
    /// An `@` with nothing before it.
    NoPrefix,
    /// An instance was asked of a name that is no template.
    NotATemplate,
}

impl fmt::Display for NameProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameProblem::Empty => f.write_str("a unit name cannot be empty"),
            NameProblem::TooLong(n) => {
                write!(
                    f,
                    "a unit name has at most {LONGEST_NAME} bytes, this one has {n}"
                )
            }
            NameProblem::NoSuffix => {
                f.write_str("a unit name ends in its kind, such as `.service`")
            }
            NameProblem::UnknownSuffix(s) => write!(f, "there is no unit kind `.{s}`"),
            NameProblem::BadCharacter(c) => {
                write!(
                    f,
                    "{c:?} cannot stand in a unit name (allowed: A-Z a-z 0-9 : - _ . \\ @)"
                )
            }
            NameProblem::NoPrefix => f.write_str("a unit name cannot begin with `@`"),
            NameProblem::NotATemplate => {
                f.write_str("only a template (`name@.kind`) has instances")
            }
        }
    }
}

impl std::error::Error for NameProblem {}

impl From<NameProblem> for ValueProblem {
    fn from(problem: NameProblem) -> Self {
        let hint = match &problem {
            NameProblem::UnknownSuffix(s) => {
                crate::diagnostic::nearest(s, UnitKind::WORDS.iter().copied())
                    .map(|word| format!("did you mean `.{word}`?"))
            }
            NameProblem::NoSuffix => Some("write the full name, such as `db.service`".to_owned()),
            _ => None,
        };
        ValueProblem {
            message: problem.to_string(),
            hint,
        }
    }
}

impl UnitName {
    /// Checks `text` against the grammar of systemd.unit(5).
    ///
    /// # Errors
    /// [`NameProblem`] says which rule it breaks.
    pub fn parse(text: &str) -> Result<UnitName, NameProblem> {
        if text.is_empty() {
            return Err(NameProblem::Empty);
        }
        if text.len() > LONGEST_NAME {
            return Err(NameProblem::TooLong(text.len()));
        }
        if let Some(bad) = text.chars().find(|c| !may_stand_in_name(*c) && *c != '@') {
            return Err(NameProblem::BadCharacter(bad));
        }
        let (stem, suffix) = text.rsplit_once('.').ok_or(NameProblem::NoSuffix)?;
        if suffix.is_empty() {
            return Err(NameProblem::NoSuffix);
        }
        if UnitKind::from_word(suffix).is_none() {
            return Err(NameProblem::UnknownSuffix(suffix.to_owned()));
        }
        if stem.is_empty() {
            return Err(NameProblem::Empty);
        }
        if stem.starts_with('@') {
            return Err(NameProblem::NoPrefix);
        }
        Ok(UnitName(text.into()))
    }

    /// A name from its parts; `instance` of `Some("")` makes a template.
    ///
    /// # Errors
    /// As [`UnitName::parse`], for the result.
    pub fn build(
        prefix: &str,
        instance: Option<&str>,
        kind: UnitKind,
    ) -> Result<UnitName, NameProblem> {
        match instance {
            Some(instance) => UnitName::parse(&format!("{prefix}@{instance}.{kind}")),
            None => UnitName::parse(&format!("{prefix}.{kind}")),
        }
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without its suffix: `web@1` of `web@1.service` (specifier `%N`).
    pub fn stem(&self) -> &str {
        self.0.rsplit_once('.').map_or(&self.0, |(stem, _)| stem)
    }

    /// What the suffix says.
    pub fn kind(&self) -> UnitKind {
        // `parse` is the only way in and refuses every other suffix.
        self.0
            .rsplit_once('.')
            .and_then(|(_, suffix)| UnitKind::from_word(suffix))
            .unwrap_or(UnitKind::Service)
    }

    /// The part before `@`, or the stem of a plain name (specifier `%p`).
    pub fn prefix(&self) -> &str {
        let stem = self.stem();
        stem.split_once('@').map_or(stem, |(prefix, _)| prefix)
    }

    /// The text between the first `@` and the suffix; `None` for plain names and templates.
    pub fn instance(&self) -> Option<&str> {
        self.stem()
            .split_once('@')
            .map(|(_, instance)| instance)
            .filter(|i| !i.is_empty())
    }

    /// Whether this names a template, such as `worker@.service`.
    pub fn is_template(&self) -> bool {
        self.stem()
            .split_once('@')
            .is_some_and(|(_, instance)| instance.is_empty())
    }

    /// The template an instance is made from; `None` for plain names and templates.
    pub fn template(&self) -> Option<UnitName> {
        self.instance()?;
        Some(UnitName(
            format!("{}@.{}", self.prefix(), self.kind()).into(),
        ))
    }

    /// The instance `instance` of this template.
    ///
    /// # Errors
    /// When this is no template, or the result is no valid name.
    pub fn instantiate(&self, instance: &str) -> Result<UnitName, NameProblem> {
        if !self.is_template() {
            return Err(NameProblem::NotATemplate);
        }
        if instance.is_empty() {
            return Err(NameProblem::Empty);
        }
        UnitName::build(self.prefix(), Some(instance), self.kind())
    }

    /// Whether it is a slice that is always there and always up: the root of all, and the one of the
    /// machine's services (systemd.special(7)). systemd calls such units perpetual.
    pub fn is_perpetual(&self) -> bool {
        matches!(self.as_str(), ROOT_SLICE | SYSTEM_SLICE)
    }

    /// The names of the slices above this one, joined by slashes as systemd shows them: `/app/x` of
    /// `app-x.slice`. `None` where this cannot be a slice: nobody can tell where `a--b.slice` is.
    pub fn slice_path(&self) -> Option<String> {
        let stem = self.stem();
        if self.kind() != UnitKind::Slice || stem.contains('@') {
            return None;
        }
        if stem == "-" {
            return Some("/".to_owned());
        }
        let sound = stem.split('-').all(|part| !part.is_empty());
        sound.then(|| format!("/{}", stem.replace('-', "/")))
    }

    /// The slice that this slice is in: `app.slice` of `app-x.slice`. `None` for the root slice and
    /// for what is no slice.
    pub fn slice_above(&self) -> Option<UnitName> {
        self.slice_path()?;
        match self.stem().rsplit_once('-') {
            _ if self.as_str() == ROOT_SLICE => None,
            Some((above, _)) => UnitName::build(above, None, UnitKind::Slice).ok(),
            None => Some(UnitName(ROOT_SLICE.into())),
        }
    }

    /// The slice of a unit that names none: of instances the one of their template.
    pub(crate) fn slice_by_default(&self) -> UnitName {
        let of_template = self.instance().and_then(|_| {
            let prefix = escape(self.prefix());
            UnitName::build(&format!("system-{prefix}"), None, UnitKind::Slice).ok()
        });
        of_template.unwrap_or_else(|| UnitName(SYSTEM_SLICE.into()))
    }

    /// The same name with another suffix: `web.service` of `web.socket`.
    ///
    /// # Errors
    /// When the other suffix makes the name too long.
    pub fn with_kind(&self, kind: UnitKind) -> Result<UnitName, NameProblem> {
        UnitName::parse(&format!("{}.{kind}", self.stem()))
    }
}

fn may_stand_in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '\\')
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl AsRef<str> for UnitName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

// Ordering, equality and hash are those of the text, so maps can be asked with a `&str`.
impl std::borrow::Borrow<str> for UnitName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for UnitName {
    type Err = NameProblem;

    fn from_str(text: &str) -> Result<Self, NameProblem> {
        UnitName::parse(text)
    }
}

impl Serialize for UnitName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for UnitName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        UnitName::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
