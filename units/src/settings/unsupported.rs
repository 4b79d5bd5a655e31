//! systemd's words that runner knows and does not do: every name of systemd 252 that is no row of
//! the settings table and no other name for one, and those that later releases added.
//!
//! A unit that has one cannot be loaded, so nobody believes in a protection that is not there. With
//! `ignore-unsupported` it is loaded without, and every such word is a warning. What asks for
//! nothing (`PrivateTmp=no`) is no finding, and a word that would change nothing is a warning only.

mod never;
mod not_yet;

use super::{Section, Setting, all};
use crate::name::UnitKind;

/// What leaving a word out loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Something that holds the service in, or others out.
    Protection,
    /// The service would run, and not as written.
    Behaviour,
    /// Nothing the service could notice.
    Nothing,
}

/// Words that are not supported for one reason.
#[derive(Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// What they are about, as a heading.
    pub title: &'static str,
    /// The sections systemd has them in.
    pub sections: &'static [Section],
    /// systemd's names.
    pub names: &'static [&'static str],
    /// Why they are not supported: half a sentence.
    pub why: &'static str,
    /// What to use or do instead: half a sentence.
    pub instead: &'static str,
    /// What leaving them out loses.
    pub loss: Loss,
}

const UNIT: &[Section] = &[Section::Unit];
const SERVICE: &[Section] = &[Section::Service];
const SOCKET: &[Section] = &[Section::Socket];
const TIMER: &[Section] = &[Section::Timer];
const SLICE: &[Section] = &[Section::Slice];
/// The kinds that run commands.
const EXEC: &[Section] = &[Section::Service, Section::Socket];
/// The kinds that have a control group.
const RESOURCE: &[Section] = &[Section::Service, Section::Socket, Section::Slice];

/// What a socket would need to have its commands held in.
static LIMITS_OF_SOCKETS: Unsupported = Unsupported {
    title: "Limits of sockets",
    sections: SOCKET,
    names: &[],
    why: "the commands of a socket have no share of their own",
    instead: "set it for the service",
    loss: Loss::Nothing,
};

/// What a slice would need to divide anything.
static LIMITS_OF_SLICES: Unsupported = Unsupported {
    title: "Limits of slices",
    sections: SLICE,
    names: &[],
    why: "nothing is divided among slices",
    instead: "set it for each service",
    loss: Loss::Behaviour,
};

/// Every group of words, in the order it is documented.
pub fn groups() -> impl Iterator<Item = &'static Unsupported> {
    never::WORDS.iter().chain(not_yet::WORDS)
}

/// Why systemd's `name` is not supported in `section`, if that is what there is to say about it.
pub fn named(section: Section, name: &str) -> Option<&'static Unsupported> {
    let listed =
        |group: &&Unsupported| group.sections.contains(&section) && group.names.contains(&name);
    if let Some(group) = groups().find(listed) {
        return Some(group);
    }
    // What the chapters about commands and resources say for services, systemd has for these too.
    let (kind, group) = match section {
        Section::Socket => (UnitKind::Socket, &LIMITS_OF_SOCKETS),
        Section::Slice => (UnitKind::Slice, &LIMITS_OF_SLICES),
        _ => return None,
    };
    let here = |row: &Setting| {
        row.systemd == Some(name)
            && row.sections.contains(&Section::Resource)
            && !row.is_in_table_of(kind)
    };
    all().any(here).then_some(group)
}

/// The same for a key as a TOML file has it (`private-tmp`) in the table of `kind`, or in its
/// `[install]`; with systemd's name.
pub fn keyed(
    kind: UnitKind,
    in_install: bool,
    key: &str,
) -> Option<(&'static str, &'static Unsupported)> {
    let sections = match in_install {
        true => vec![Section::Install],
        false => vec![Section::Unit, Section::of_kind(kind)?],
    };
    let key = key.replace('-', "");
    let (group, name) = groups()
        .filter(|group| group.sections.iter().any(|at| sections.contains(at)))
        .flat_map(|group| group.names.iter().map(move |name| (group, *name)))
        .find(|(_, name)| name.eq_ignore_ascii_case(&key))?;
    Some((name, group))
}

impl Unsupported {
    /// Whether leaving out `name` with this value is a loss. What says no to something that nobody
    /// does anyway is none, nor is a limit that limits nothing. Of words that are still to come only
    /// an empty value asks for nothing: many of them are on by default.
    pub(crate) fn is_asked(&self, name: &str, text: &str) -> bool {
        let text = text.trim();
        if text.is_empty() {
            // No capability at all is as much as one can ask for.
            return name
                .replace('-', "")
                .eq_ignore_ascii_case("CapabilityBoundingSet");
        }
        let nothing: &[&str] = if not_yet::WORDS.contains(self) {
            &[]
        } else if self.sections == RESOURCE {
            &["no", "false", "off", "infinity"]
        } else {
            &["no", "false", "off", "0", "n", "f"]
        };
        !nothing.iter().any(|word| text.eq_ignore_ascii_case(word))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::settings::alias;

    /// Section and names, as `systemd --dump-configuration-items` of systemd 252 has them.
    const SYSTEMD_252: &str = include_str!("systemd-252.txt");

    fn section(word: &str) -> Section {
        match word {
            "Unit" => Section::Unit,
            "Install" => Section::Install,
            kind => {
                let kind = UnitKind::from_word(&kind.to_ascii_lowercase()).unwrap();
                Section::of_kind(kind).unwrap()
            }
        }
    }

    fn rows(at: Section, name: &str) -> usize {
        all()
            .filter(|row| row.systemd == Some(name) && row.stands_in(at))
            .count()
    }

    #[test]
    fn every_word_of_systemd_has_one_answer() {
        let mut wrong = Vec::new();
        for line in SYSTEMD_252.lines() {
            let (word, names) = line.split_once(": ").unwrap();
            let at = section(word);
            for name in names.split(' ') {
                let row = rows(at, name);
                let alias = usize::from(alias::of(at, name).is_some());
                let no = usize::from(named(at, name).is_some());
                if row + alias + no != 1 {
                    wrong.push(format!(
                        "[{word}] {name}: {row} rows, {alias} aliases, {no} times unsupported"
                    ));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn no_word_stands_twice() {
        let mut seen: BTreeMap<(String, &str), &str> = BTreeMap::new();
        for group in groups() {
            assert!(!group.names.is_empty(), "{} says nothing", group.title);
            for name in group.names {
                for at in group.sections {
                    let twice = seen.insert((format!("{at:?}"), name), group.title);
                    assert_eq!(twice, None, "[{at:?}] {name}");
                    assert_eq!(
                        rows(*at, name),
                        0,
                        "[{at:?}] {name} is a setting: take it out of the unsupported ones"
                    );
                }
            }
        }
    }

    #[test]
    fn keys_find_the_names_of_systemd() {
        let found = |key| keyed(UnitKind::Service, false, key).map(|(name, _)| name);
        assert_eq!(found("ip-address-deny"), Some("IPAddressDeny"));
        assert_eq!(found("selinux-context"), Some("SELinuxContext"));
        assert_eq!(found("exec-start"), None);
        assert_eq!(keyed(UnitKind::Target, false, "private-tmp"), None);
    }

    #[test]
    fn a_no_asks_for_nothing() {
        let asked = |section, name, text| named(section, name).unwrap().is_asked(name, text);
        for (name, text, is) in [
            ("PrivateTmp", "no", false),
            ("PrivateTmp", "False", false),
            ("PrivateTmp", "0", false),
            ("PrivateTmp", "", false),
            ("PrivateTmp", "yes", true),
            ("ProtectSystem", "strict", true),
            ("TasksMax", "infinity", false),
            ("TasksMax", "0", true),
            ("MemorySwapMax", "0", true),
        ] {
            assert_eq!(asked(Section::Service, name, text), is, "{name}={text}");
        }
        // What is on where nobody says so is asked for by a no.
        for group in not_yet::WORDS {
            assert!(group.is_asked("Any", "no") && !group.is_asked("Any", ""));
            assert!(group.is_asked("CapabilityBoundingSet", ""));
            assert!(group.is_asked("capability-bounding-set", ""));
        }
    }
}
