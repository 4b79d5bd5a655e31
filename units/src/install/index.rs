//! Which files say something about which unit: looking through all of them for each of ten thousand
//! units would take a hundred million looks.

use std::collections::{HashMap, HashSet};

use crate::dependency::Dependency;
use crate::name::UnitName;
use crate::source::{Content, Role, Source};
use crate::unit_set::{DEFAULT_TARGET, UnitSet};

/// Files by the names they are about, and what the default target wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Index<'a> {
    by_name: HashMap<String, Vec<&'a Source>>,
    wanted: HashSet<UnitName>,
}

impl<'a> Index<'a> {
    pub(super) fn new(sources: &'a [Source], units: &UnitSet) -> Index<'a> {
        let mut by_name: HashMap<String, Vec<&Source>> = HashMap::new();
        let mut add = |name: &str, source: &'a Source| {
            let about = by_name.entry(name.to_owned()).or_default();
            about.push(source);
        };
        for source in sources {
            match source.role() {
                Role::UnitName(file) => {
                    add(file, source);
                    if let Content::Link(to) = &source.content
                        && to.as_str() != file
                    {
                        add(to.as_str(), source);
                    }
                }
                Role::Link { file, .. } => {
                    add(file, source);
                    // A link to an instance says something about the template.
                    let template = UnitName::parse(file).ok().and_then(|link| link.template());
                    if let Some(template) = template.filter(|template| template.as_str() != file) {
                        add(template.as_str(), source);
                    }
                }
                Role::Fragment { .. } | Role::DropIn { .. } | Role::Conf { .. } => {}
            }
        }
        Index {
            by_name,
            wanted: wanted(units),
        }
    }

    /// The files that may say something about a unit.
    pub(super) fn about(&self, name: &UnitName) -> &[&'a Source] {
        self.by_name
            .get(name.as_str())
            .map_or(&[][..], Vec::as_slice)
    }

    /// Whether the default target wants it.
    pub(super) fn wants(&self, name: &UnitName) -> bool {
        self.wanted.contains(name)
    }
}

/// What the default target wants.
fn wanted(units: &UnitSet) -> HashSet<UnitName> {
    let Ok(target) = UnitName::parse(DEFAULT_TARGET) else {
        return HashSet::new();
    };
    units
        .dependencies(&units.own_name(&target))
        .filter(|(word, _)| *word == Dependency::Wants)
        .map(|(_, other)| other.clone())
        .collect()
}
