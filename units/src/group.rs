//! Groups: every service belongs to one, and clients of supervisord's kind act on whole groups.
//!
//! The service `GROUP:NAME.service` is the process `NAME` of `GROUP`; `NAME.service` is the process
//! `NAME` of a group of its own; the instance `NAME@X.service` is the process `NAME@X` of the group
//! `NAME`. Characters that supervisord takes in names and unit names cannot have are `\xNN` there.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::definition::Definition;
use crate::dependency::Effect;
use crate::name::{NameProblem, UnitKind, UnitName};
use crate::settings::SettingId;
use crate::unit_set::UnitSet;
use crate::value::{LogFile, Output};

/// The group a service belongs to and its name within it, as people write them. `None` for units of
/// other kinds, and for templates.
pub fn group_and_process(unit: &UnitName) -> Option<(String, String)> {
    if unit.kind() != UnitKind::Service || unit.is_template() {
        return None;
    }
    let stem = unit.stem();
    Some(match stem.split_once(':') {
        Some((group, process)) => (unescape_bytes(group), unescape_bytes(process)),
        None if unit.instance().is_some() => (unescape_bytes(unit.prefix()), unescape_bytes(stem)),
        None => (unescape_bytes(stem), unescape_bytes(stem)),
    })
}

/// A process as clients write it: `NAME` in a group of the same name, else `GROUP:NAME`.
pub fn namespec(group: &str, process: &str) -> String {
    if group == process {
        process.to_owned()
    } else {
        format!("{group}:{process}")
    }
}

/// The group and the process of a [`namespec`]; the process is `None` for all of a group, `GROUP:*`.
pub fn split_namespec(name: &str) -> (&str, Option<&str>) {
    match name.split_once(':') {
        Some((group, "" | "*")) => (group, None),
        Some((group, process)) => (group, Some(process)),
        None => (name, Some(name)),
    }
}

/// The unit of a process in a group.
///
/// # Errors
/// When no unit can have such a name: one of them is empty, or both are too long together.
pub fn service_of(group: &str, process: &str) -> Result<UnitName, NameProblem> {
    let stem = if group == process {
        escape_bytes(group)
    } else {
        format!("{}:{}", escape_bytes(group), escape_bytes(process))
    };
    UnitName::parse(&format!("{stem}.service"))
}

/// The services of one name, with the sockets that belong to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// As people write it.
    pub name: String,
    /// `group-priority` of its first service.
    pub priority: i32,
    /// In the order of `group-position`, then of names.
    pub services: Vec<UnitName>,
    /// Sockets its services name in `sockets`, and those that start them.
    pub sockets: Vec<UnitName>,
}

/// Which groups differ between two sets; each list in the order of priority and name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupDifference {
    /// Only in the new set.
    pub added: Vec<String>,
    /// In both, and not the same.
    pub changed: Vec<String>,
    /// Only in the old set.
    pub removed: Vec<String>,
}

impl UnitSet {
    /// Every group, in the order of priority and name.
    pub fn groups(&self) -> Vec<Group> {
        let mut groups: BTreeMap<String, Vec<&Definition>> = BTreeMap::new();
        for definition in self.iter() {
            if let Some((group, _)) = group_and_process(definition.name()) {
                groups.entry(group).or_default().push(definition);
            }
        }
        let mut groups: Vec<Group> = groups
            .into_iter()
            .map(|(name, services)| self.group_of(name, services))
            .collect();
        crate::sort::by(&mut groups, |a, b| {
            (a.priority, &a.name).cmp(&(b.priority, &b.name))
        });
        groups
    }

    /// One group.
    pub fn group(&self, name: &str) -> Option<Group> {
        let services: Vec<&Definition> = self
            .iter()
            .map(|definition| &**definition)
            .filter(|definition| {
                group_and_process(definition.name()).is_some_and(|(group, _)| group == name)
            })
            .collect();
        (!services.is_empty()).then(|| self.group_of(name.to_owned(), services))
    }

    fn group_of(&self, name: String, mut services: Vec<&Definition>) -> Group {
        crate::sort::by_key(&mut services, |service| {
            (service.group_position(), service.name())
        });
        let mut sockets: Vec<UnitName> = services
            .iter()
            .flat_map(|service| {
                let starters = self.with_effect(service.name(), Effect::TriggeredBy);
                service.sockets().iter().chain(starters).cloned()
            })
            .collect();
        crate::sort::all(&mut sockets);
        sockets.dedup();
        Group {
            name,
            priority: services.first().map_or(0, |first| first.group_priority()),
            services: services
                .iter()
                .map(|service| service.name().clone())
                .collect(),
            sockets,
        }
    }

    /// How the groups of `new` differ from those of this set, by supervisord's rules: the order of
    /// the members counts, and log files with names we choose ourselves are the same as any other.
    pub fn diff_groups(&self, new: &UnitSet) -> GroupDifference {
        let (before, after) = (self.groups(), new.groups());
        let names = |groups: &[Group]| -> BTreeMap<String, Group> {
            let named = groups
                .iter()
                .map(|group| (group.name.clone(), group.clone()));
            named.collect()
        };
        let (old_by_name, new_by_name) = (names(&before), names(&after));
        let mut difference = GroupDifference::default();
        for group in &after {
            match old_by_name.get(&group.name) {
                None => difference.added.push(group.name.clone()),
                Some(old) if !self.says_the_same(old, new, group) => {
                    difference.changed.push(group.name.clone());
                }
                Some(_) => {}
            }
        }
        let gone = before
            .iter()
            .filter(|group| !new_by_name.contains_key(&group.name));
        difference
            .removed
            .extend(gone.map(|group| group.name.clone()));
        difference
    }

    /// Whether a group is the same in another set.
    fn says_the_same(&self, old: &Group, new: &UnitSet, group: &Group) -> bool {
        let unchanged = |name: &UnitName| match (self.get(name), new.get(name)) {
            (Some(before), Some(after)) => {
                before.load_state().as_str() == after.load_state().as_str()
                    && before
                        .changed_settings(after)
                        .iter()
                        .all(|id| is_of_automatic_log(*id, before, after))
            }
            (before, after) => before.is_none() && after.is_none(),
        };
        old.priority == group.priority
            && old.services == group.services
            && old.sockets == group.sockets
            && old.services.iter().chain(&old.sockets).all(unchanged)
    }

    /// This set with a group of another set: its services and their sockets, in the place of those
    /// of the same names. Without such a group in `from` it is the same set.
    #[must_use]
    pub fn with_group(&self, from: &UnitSet, group: &str) -> UnitSet {
        let Some(group) = from.group(group) else {
            return self.clone();
        };
        let mut units = self.loaded_by_name().clone();
        for name in group.services.iter().chain(&group.sockets) {
            // An instance cannot be made without its template.
            let template = name.template().and_then(|template| from.get(&template));
            for definition in from.get(name).into_iter().chain(template) {
                units.insert(definition.name().clone(), Arc::clone(definition));
            }
        }
        UnitSet::assemble(units, self.surroundings()).0
    }

    /// This set without the services of a group, and without the sockets that only they have.
    /// Templates stay.
    #[must_use]
    pub fn without_group(&self, group: &str) -> UnitSet {
        let mut units = self.loaded_by_name().clone();
        for name in self.group_alone(group) {
            units.remove(&name);
        }
        UnitSet::assemble(units, self.surroundings()).0
    }

    /// The services of a group, and the sockets that only they have.
    pub fn group_alone(&self, name: &str) -> Vec<UnitName> {
        let Some(group) = self.group(name) else {
            return Vec::new();
        };
        let is_ours = |service: &UnitName| group.services.contains(service);
        let shared = |socket: &UnitName| {
            let starts = self.with_effect(socket, Effect::Trigger);
            let wanted = self.iter().filter(|unit| unit.sockets().contains(socket));
            starts
                .chain(wanted.map(|unit| unit.name()))
                .any(|service| !is_ours(service))
        };
        let mut alone = group.services.clone();
        let sockets = group.sockets.iter().filter(|socket| !shared(socket));
        alone.extend(sockets.cloned());
        alone
    }
}

/// Whether a setting only says where an output is logged to, and one of both sets leaves that to us:
/// supervisord compares no such options.
fn is_of_automatic_log(id: SettingId, before: &Definition, after: &Definition) -> bool {
    let both = [before, after];
    let automatic = |file: fn(&Definition) -> Option<&LogFile>| {
        both.iter()
            .any(|unit| matches!(file(unit), Some(LogFile::Auto { .. })))
    };
    match id {
        SettingId::LogFile
        | SettingId::LogMode
        | SettingId::LogOwner
        | SettingId::StandardOutput => automatic(|unit| unit.log_file()),
        SettingId::ErrorLogFile | SettingId::ErrorLogMode | SettingId::ErrorLogOwner => {
            automatic(|unit| unit.error_log_file())
        }
        SettingId::StandardError => {
            let joins = |unit: &Definition| unit.standard_error() == Some(&Output::Inherit);
            automatic(|unit| unit.error_log_file()) && !both.into_iter().any(joins)
        }
        _ => false,
    }
}

/// Whether a byte of a group's or process's name stands for itself in a unit name.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

fn escape_bytes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// Reverses [`escape_bytes`] and leaves every other escape as it is, so that no two units show the
/// same name.
fn unescape_bytes(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = text_of_escape(rest).filter(|byte| !is_plain(*byte));
        match escaped {
            Some(byte) => {
                out.push(byte);
                rest = &rest[4..];
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// The byte that the `\xNN` at the front stands for.
fn text_of_escape(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"\\x")?.get(..2)?;
    let lower = digits
        .iter()
        .all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(digit));
    let digits = std::str::from_utf8(digits).ok()?;
    lower.then(|| u8::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::{Surroundings, load_texts};

    fn set(files: &[(&str, &str)]) -> UnitSet {
        let (set, diagnostics) = load_texts(files, &Surroundings::example());
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        set
    }

    fn unit(name: &str) -> UnitName {
        UnitName::parse(name).unwrap()
    }

    const POOL: &str = "[service.'pool:b']
exec-start = '/b'
sockets = ['pool.socket']
group-priority = 5
[service.'pool:a']
exec-start = '/a'
group-position = 1
group-priority = 5
[socket]
listen-stream = '/run/pool'
activates = false
";

    #[test]
    fn groups_are_told_apart_as_supervisord_does() {
        let cat = "[service]\nexec-start = '/cat'\nlog-file = 'auto'\nlog-mode = '0600'\n";
        let old = set(&[("pool.toml", POOL), ("cat.toml", cat), ("dog.toml", cat)]);
        assert_eq!(old.diff_groups(&old.clone()), GroupDifference::default());
        // A log file of our own choice is as good as any; the order of members counts.
        let swapped = POOL
            .replace("group-position = 1", "")
            .replace("exec-start = '/b'", "exec-start = '/b'\ngroup-position = 1");
        let named = cat
            .replace("'auto'", "'/var/log/cat'")
            .replace("0600", "0644");
        let new = set(&[
            ("pool.toml", &swapped),
            ("cat.toml", &named),
            ("ant.toml", cat),
        ]);
        let expected = GroupDifference {
            added: vec!["ant".to_owned()],
            changed: vec!["pool".to_owned()],
            removed: vec!["dog".to_owned()],
        };
        assert_eq!(old.diff_groups(&new), expected);
        // Other addresses of its socket change a group, and so does its priority.
        for (from, to) in [
            ("/run/pool", "/run/other"),
            ("priority = 5", "priority = 6"),
        ] {
            let new = set(&[
                ("pool.toml", &POOL.replace(from, to)),
                ("cat.toml", cat),
                ("dog.toml", cat),
            ]);
            assert_eq!(old.diff_groups(&new).changed, ["pool"], "{to}");
        }
        // Which output goes where is no matter of names.
        let joined = format!("{cat}error-log-file = 'auto'\n");
        let apart = format!("{cat}standard-error = 'inherit'\n");
        let (old, new) = (set(&[("cat.toml", &joined)]), set(&[("cat.toml", &apart)]));
        assert_eq!(old.diff_groups(&new).changed, ["cat"]);
    }

    #[test]
    fn a_group_comes_and_goes_with_its_sockets() {
        let web = "[service]\nexec-start = '/web'\n[socket]\nlisten-stream = '/run/web'\n";
        let empty = set(&[("web.toml", web)]);
        let full = set(&[("web.toml", web), ("pool.toml", POOL)]);
        let with = empty.with_group(&full, "pool");
        let names = |set: &UnitSet| -> Vec<UnitName> {
            set.iter().map(|unit| unit.name().clone()).collect()
        };
        assert_eq!(names(&with), names(&full));
        assert_eq!(with.diff(&full), []);
        let group = with.group("pool").unwrap();
        assert_eq!(
            group.services,
            [unit("pool:b.service"), unit("pool:a.service")]
        );
        assert_eq!(group.sockets, [unit("pool.socket")]);
        assert_eq!(names(&with.without_group("pool")), names(&empty));
        assert!(with.without_group("web").get(&unit("web.socket")).is_none());
        assert_eq!(names(&with.with_group(&empty, "nothing")), names(&with));
        // A socket that another group needs stays.
        let also = "[service]\nexec-start = '/also'\nsockets = ['pool.socket']\n";
        let shared = set(&[("pool.toml", POOL), ("also.toml", also)]);
        assert!(
            shared
                .without_group("pool")
                .get(&unit("pool.socket"))
                .is_some()
        );
    }

    #[test]
    fn a_named_socket_is_wanted_and_comes_first() {
        let set = set(&[("pool.toml", POOL)]);
        let (service, socket) = (unit("pool:b.service"), unit("pool.socket"));
        let pulled: Vec<&UnitName> = set
            .with_effect(&service, Effect::PullInStartIgnored)
            .collect();
        assert_eq!(pulled, [&socket]);
        let first: Vec<&UnitName> = set.with_effect(&service, Effect::OrderAfter).collect();
        assert!(first.contains(&&socket), "{first:?}");
        assert_eq!(set.with_effect(&socket, Effect::Trigger).count(), 0);
    }

    #[test]
    fn names_of_processes() {
        for (name, parts) in [
            ("cat", ("cat", Some("cat"))),
            ("g:cat", ("g", Some("cat"))),
            ("g:*", ("g", None)),
            ("g:", ("g", None)),
            ("g:a:b", ("g", Some("a:b"))),
            (":a", ("", Some("a"))),
        ] {
            assert_eq!(split_namespec(name), parts);
        }
        assert_eq!(namespec("cat", "cat"), "cat");
        assert_eq!(namespec("g", "cat"), "g:cat");
    }

    #[test]
    fn names_go_both_ways() {
        for (group, process, unit) in [
            ("cat", "cat", "cat.service"),
            ("cat", "cat_00", "cat:cat_00.service"),
            ("a b", "é@1", r"a\x20b:\xc3\xa9\x401.service"),
            (r"a\b", r"a\b", r"a\x5cb.service"),
        ] {
            let name = service_of(group, process).unwrap();
            assert_eq!(name.as_str(), unit);
            assert_eq!(
                group_and_process(&name),
                Some((group.to_owned(), process.to_owned()))
            );
        }
        let instance = UnitName::parse("worker@3.service").unwrap();
        assert_eq!(
            group_and_process(&instance),
            Some(("worker".to_owned(), "worker@3".to_owned()))
        );
        for other in ["a.socket", "a@.service"] {
            assert_eq!(group_and_process(&UnitName::parse(other).unwrap()), None);
        }
        assert!(service_of("", "").is_err());
        assert!(service_of(&"é".repeat(40), &"é".repeat(40)).is_err());
    }
}
