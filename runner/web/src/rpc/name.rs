//! Names of processes as clients write them: `proc`, `group:proc`, `group:*`. Pure.

use units::group::{self, Group};
use units::{UnitName, UnitSet};

/// A process of the definitions in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    /// Its unit.
    pub(crate) unit: UnitName,
    /// Its group.
    pub(crate) group: String,
    /// Its name in the group.
    pub(crate) name: String,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// One process.
    Process(Process),
    /// A whole group.
    Group(Group),
}

/// What `name` stands for among the definitions; `None` if nothing.
pub(crate) fn resolve(set: &UnitSet, name: &str) -> Option<Named> {
    let (group_name, process_name) = group::split_namespec(name);
    let Some(process_name) = process_name else {
        return set.group(group_name).map(Named::Group);
    };
    let unit = candidates(group_name, process_name)
        .into_iter()
        .flatten()
        .find(|unit| set.get(unit).is_some())?;
    let (group, name) = group::group_and_process(&unit)?;
    // A unit that is named otherwise shows under another name only.
    (group == group_name && name == process_name).then_some(Named::Process(Process {
        unit,
        group,
        name,
    }))
}

/// The units that can be that process: a service of its own name, and an instance, which shows as
/// `worker:worker@3`.
fn candidates(group: &str, process: &str) -> [Option<UnitName>; 2] {
    [
        group::service_of(group, process).ok(),
        UnitName::parse(&format!("{process}.service")).ok(),
    ]
}

/// The processes of a group, those with a low priority first; those with the same as they are
/// written.
pub(crate) fn by_priority(set: &UnitSet, group: &Group) -> Vec<Process> {
    let mut services: Vec<(i32, &UnitName)> = group
        .services
        .iter()
        .filter_map(|unit| Some((set.get(unit)?.priority(), unit)))
        .collect();
    units::sort::by_key(&mut services, |(priority, _)| *priority);
    services
        .into_iter()
        .filter_map(|(_, unit)| {
            let (group, name) = group::group_and_process(unit)?;
            Some(Process {
                unit: unit.clone(),
                group,
                name,
            })
        })
        .collect()
}

impl Process {
    /// As supervisord prints it: `proc` in a group of the same name, else `group:proc`.
    pub(crate) fn display(&self) -> String {
        group::namespec(&self.group, &self.name)
    }
}

#[cfg(test)]
mod tests {
    use units::Surroundings;

    use super::*;

    fn set() -> UnitSet {
        let service = |name: &str, more: &str| {
            format!("[service.'{name}']\nexec-start = \"/bin/true\"\n{more}\n")
        };
        let group = [
            service("grp:b", "priority = 1\ngroup-position = 1"),
            service("grp:a", "group-position = 0"),
            service("grp:c", "group-position = 2"),
        ]
        .concat();
        let one = "[service]\nexec-start = \"/bin/true\"\n";
        let (set, found) = units::load_texts(
            &[
                ("/u/x.toml", &group),
                ("/u/cat.toml", one),
                (r"/u/odd\x20name.toml", one),
                ("/u/worker@.toml", one),
            ],
            &Surroundings::example(),
        );
        assert_eq!(found, []);
        set
    }

    fn process(name: &str) -> Option<String> {
        match resolve(&set(), name)? {
            Named::Process(process) => {
                assert_eq!(process.display(), name.replace("cat:cat", "cat"));
                Some(process.unit.as_str().to_owned())
            }
            Named::Group(group) => Some(format!("group {}", group.name)),
        }
    }

    #[test]
    fn names_are_resolved_as_by_supervisord() {
        for (name, unit) in [
            ("cat", Some("cat.service")),
            ("cat:cat", Some("cat.service")),
            ("cat:*", Some("group cat")),
            ("cat:", Some("group cat")),
            ("grp:a", Some("grp:a.service")),
            ("grp:*", Some("group grp")),
            ("odd name", Some(r"odd\x20name.service")),
            // A group is no process, and a process of a group is not found without it.
            ("grp", None),
            ("a", None),
            ("grp:x", None),
            ("x:*", None),
            ("", None),
            (":", None),
            ("*", None),
            ("cat.service", None),
            (r"odd\x20name", None),
            ("../../etc/passwd", None),
        ] {
            assert_eq!(process(name).as_deref(), unit, "{name:?}");
        }
    }

    #[test]
    fn a_group_is_in_order_of_priority() {
        let set = set();
        let names: Vec<String> = by_priority(&set, &set.group("grp").unwrap())
            .into_iter()
            .map(|process| process.name)
            .collect();
        assert_eq!(names, ["b", "a", "c"]);
    }
}
