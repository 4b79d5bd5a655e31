//! What is to be started without being asked for: what `enable`, `mask` and the like do to the files
//! of units, and what can be seen of it there (systemctl(1), "Unit File Commands").
//!
//! systemd's own unit files are enabled by links, as systemd has it. A unit of a TOML file says
//! itself when it starts, and a drop-in of ours says otherwise; links count for it as well. Everything
//! here is decided from files that were read: `disk::install` does what comes out.

mod add;
mod change;
mod drop_in;
mod edit;
mod elsewhere;
mod index;
mod preset;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use index::Index;

pub use change::{Change, Deed, Plan};
pub use edit::{Editing, Wish};
pub use preset::{Preset, Presets};
pub use state::{Line, State};

use crate::definition::Definition;
use crate::diagnostic::Diagnostic;
use crate::name::UnitName;
use crate::source::{Content, Role, Source};
use crate::unit_set::UnitSet;

/// Where what is decided goes, and which directories count as which.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    /// Directories whose contents stay over a boot; what is written goes to the first. Empty where
    /// files alone were named.
    pub lasting: Vec<PathBuf>,
    /// Directories that are gone after one, the same way.
    pub runtime: Vec<PathBuf>,
}

impl Places {
    /// The directory that is written to.
    fn to_write(&self, runtime: bool) -> Result<&Path, Problem> {
        let directories = if runtime {
            &self.runtime
        } else {
            &self.lasting
        };
        directories.first().map(PathBuf::as_path).ok_or_else(|| {
            let which = if runtime { "until the end" } else { "for good" };
            Problem::Refused(format!(
                "no directory of unit files is in use, so nothing can be kept {which}"
            ))
        })
    }

    /// Whether a file is in a directory that stays, or in one that does not; `None` for others.
    fn lasts(&self, path: &str) -> Option<bool> {
        let within = |directories: &[PathBuf]| {
            let here = |directory: &PathBuf| Path::new(path).starts_with(directory);
            directories.iter().any(here)
        };
        if within(&self.lasting) {
            Some(true)
        } else {
            within(&self.runtime).then_some(false)
        }
    }
}

/// What was found: files, what they come to, and where links lead.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// The files of the search path.
    pub sources: &'a [Source],
    /// What they come to.
    pub units: &'a UnitSet,
    /// Where those of them lead that are links.
    pub links: &'a BTreeMap<Arc<str>, String>,
    /// Which directories count as which.
    pub places: &'a Places,
    /// What is wanted of units that nobody has decided about.
    pub presets: &'a Presets,
    /// Where to look first, for who asks about many units.
    index: Option<&'a Index<'a>>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Start these at boot, or with the units they name.
    Enable {
        /// Which.
        units: Vec<UnitName>,
        /// How.
        how: How,
    },
    /// Do not.
    Disable {
        /// Which.
        units: Vec<UnitName>,
        /// What was enabled until the end only.
        runtime: bool,
    },
    /// Disable, then enable: what is in the files now counts.
    Reenable {
        /// Which.
        units: Vec<UnitName>,
        /// How.
        how: How,
    },
    /// Let nobody start these.
    Mask {
        /// Which; they need not be there.
        units: Vec<UnitName>,
        /// How.
        how: How,
    },
    /// Let them.
    Unmask {
        /// Which.
        units: Vec<UnitName>,
        /// What was masked until the end only.
        runtime: bool,
    },
    /// Take away drop-ins and masks: the units are again as they came.
    Revert {
        /// Which.
        units: Vec<UnitName>,
    },
    /// Let a unit want or require these.
    Depend {
        /// Which.
        units: Vec<UnitName>,
        /// Who.
        on_behalf_of: UnitName,
        /// In which way.
        word: Tie,
        /// How.
        how: How,
    },
    /// Make unit files known that are somewhere else, by links to them.
    Link {
        /// Their absolute paths. Whoever asks has looked: each is a file, and no link.
        paths: Vec<String>,
        /// How.
        how: How,
    },
    /// Let boot start this one: `default.target` is another name of it.
    Default {
        /// A target.
        unit: UnitName,
        /// Replace what says otherwise.
        force: bool,
    },
    /// Set settings of a unit, one drop-in for each.
    Set {
        /// Which.
        unit: UnitName,
        /// Keys or systemd's names, with values as a unit file of systemd's has them. An empty
        /// value starts the setting over.
        settings: Vec<(String, String)>,
        /// Until the end only.
        runtime: bool,
    },
}

/// How something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct How {
    /// Until the end only.
    pub runtime: bool,
    /// Replace links that lead elsewhere.
    pub force: bool,
}

/// How a unit is to need another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// `wants`
    Wants,
    /// `requires`
    Requires,
}

impl Tie {
    /// The end of the name of a directory of such links.
    fn directory(self) -> &'static str {
        match self {
            Tie::Wants => "wants",
            Tie::Requires => "requires",
        }
    }
}

/// Why nothing is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// There is no such unit.
    NoSuchUnit(UnitName),
    /// It is masked, by this file.
    Masked(UnitName, String),
    /// A file is in the way that may not be replaced.
    Exists(String),
    /// What would be written makes no sense; what is wrong with it.
    Invalid(Vec<Diagnostic>),
    /// It makes no sense; a sentence.
    Refused(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::NoSuchUnit(unit) => write!(f, "there is no unit file of {unit}"),
            Problem::Masked(unit, path) => write!(f, "{unit} is masked by {path}"),
            Problem::Exists(sentence) | Problem::Refused(sentence) => f.write_str(sentence),
            Problem::Invalid(found) => {
                // A value that systemd's files would be read without is no less wrong here.
                let error = found.iter().find(|found| found.is_error());
                match error.or(found.first()) {
                    Some(first) => write!(f, "{first}"),
                    None => f.write_str("it would not be valid"),
                }
            }
        }
    }
}

impl<'a> Files<'a> {
    /// What was found.
    pub fn new(
        sources: &'a [Source],
        units: &'a UnitSet,
        links: &'a BTreeMap<Arc<str>, String>,
        places: &'a Places,
        presets: &'a Presets,
    ) -> Files<'a> {
        Files {
            sources,
            units,
            links,
            places,
            presets,
            index: None,
        }
    }

    /// The files that can say something about a unit by their names or as links; others may be among
    /// them.
    fn about(&self, name: &UnitName) -> impl Iterator<Item = &'a Source> {
        let (some, all): (&[&Source], &[Source]) = match self.index {
            Some(index) => (index.about(name), &[]),
            None => (&[], self.sources),
        };
        some.iter().copied().chain(all)
    }

    /// The strongest file that has the name of a unit: one of systemd's, a link to one, or a mask.
    fn file_named(&self, name: &UnitName) -> Option<&'a Source> {
        let named = |source: &&Source| matches!(source.role(), Role::UnitName(file) if file == name.as_str());
        self.about(name)
            .filter(named)
            .min_by_key(|source| source.rank)
    }

    /// The mask of a unit, where it counts.
    fn mask_of(&self, name: &UnitName) -> Option<&'a Source> {
        let file = self.file_named(name).filter(|source| is_mask(source))?;
        let masked = self
            .units
            .get(name)
            .is_none_or(|unit| *unit.load_state() == crate::definition::LoadState::Masked);
        masked.then_some(file)
    }

    /// The definition of a unit that a file defines.
    fn definition(&self, name: &UnitName) -> Result<Arc<Definition>, Problem> {
        if let Some(mask) = self.mask_of(name) {
            return Err(Problem::Masked(name.clone(), mask.path.to_string()));
        }
        self.units
            .resolve(name)
            .ok_or_else(|| Problem::NoSuchUnit(name.clone()))
    }
}

/// An empty file masks as well as a link to nothing.
fn is_mask(source: &Source) -> bool {
    match &source.content {
        Content::Mask => true,
        Content::Bytes(bytes) => bytes.is_empty() && matches!(source.role(), Role::UnitName(_)),
        Content::Link(_) | Content::Unreadable(_) => false,
    }
}
