use super::*;
use crate::load;
use crate::surroundings::Surroundings;

const ETC: &str = "/etc/runner/units";
const RUN: &str = "/run/runner/units";
const LIB: &str = "/usr/lib/runner/units";

/// Files as they would be found in three directories, with the changes of plans made to them.
#[derive(Default)]
struct Disk {
    files: BTreeMap<String, Found>,
}

enum Found {
    Text(String),
    Link(String),
    /// A link out of the directories, and what is there.
    Elsewhere(String, String),
}

impl Disk {
    fn new(files: &[(&str, &str)]) -> Disk {
        let mut disk = Disk::default();
        for (path, text) in files {
            disk.files
                .insert((*path).to_owned(), Found::Text((*text).to_owned()));
        }
        disk
    }

    fn with<T>(&self, ask: impl FnOnce(Files<'_>) -> T) -> T {
        let rank = |path: &str| match path {
            path if path.starts_with(ETC) => 0,
            path if path.starts_with(RUN) => 1,
            _ => 2,
        };
        let mut links = BTreeMap::new();
        let mut sources = Vec::new();
        for (path, found) in &self.files {
            let content = match found {
                Found::Text(text) => Content::Bytes(text.clone().into_bytes()),
                Found::Elsewhere(target, text) => {
                    links.insert(Arc::from(path.as_str()), target.clone());
                    Content::Bytes(text.clone().into_bytes())
                }
                Found::Link(target) => {
                    links.insert(Arc::from(path.as_str()), target.clone());
                    let in_links = matches!(Source::text(path, "").role(), Role::Link { .. });
                    let name = target.rsplit('/').next().unwrap_or_default();
                    match target.as_str() {
                        "/dev/null" => Content::Mask,
                        _ if in_links => Content::Bytes(Vec::new()),
                        _ => Content::Link(UnitName::parse(name).unwrap()),
                    }
                }
            };
            sources.push(Source {
                rank: rank(path),
                path: path.as_str().into(),
                content,
                named: false,
            });
        }
        let (units, _) = load(&sources, &Surroundings::example());
        let places = Places {
            lasting: vec![ETC.into()],
            runtime: vec![RUN.into()],
        };
        let presets = Presets::default();
        ask(Files::new(&sources, &units, &links, &places, &presets))
    }

    /// Carries an order out; gives back what was done, a line for each change.
    fn perform(&mut self, order: &Order) -> Result<Vec<String>, String> {
        let plan = self
            .with(|files| files.plan(order))
            .map_err(|problem| problem.to_string())?;
        let mut said = Vec::new();
        for change in plan.changes {
            let path = change.path().to_string_lossy().into_owned();
            let short = path.replace(ETC, "E").replace(RUN, "R");
            match change.deed {
                Deed::Link { target, replace } => {
                    assert!(
                        replace || !self.files.contains_key(&path),
                        "{path} is there"
                    );
                    said.push(format!(
                        "{short} -> {}",
                        target.replace(LIB, "L").replace(ETC, "E")
                    ));
                    self.files.insert(path, Found::Link(target));
                }
                Deed::Write { text } => {
                    said.push(format!("{short} written"));
                    self.files.insert(path, Found::Text(text));
                }
                Deed::Remove => {
                    assert!(self.files.remove(&path).is_some(), "{path} is not there");
                    said.push(format!("{short} removed"));
                }
            }
        }
        Ok(said)
    }

    fn state(&self, name: &str) -> &'static str {
        match self.with(|files| files.state(&unit(name))) {
            Ok(state) => state.as_str(),
            Err(Problem::NoSuchUnit(_)) => "none",
            Err(_) => "?",
        }
    }
}

fn unit(name: &str) -> UnitName {
    UnitName::parse(name).unwrap()
}

fn units(names: &[&str]) -> Vec<UnitName> {
    names.iter().map(|name| unit(name)).collect()
}

fn enable(names: &[&str]) -> Order {
    Order::Enable {
        units: units(names),
        how: How::default(),
    }
}

fn disable(names: &[&str]) -> Order {
    Order::Disable {
        units: units(names),
        runtime: false,
    }
}

fn systemds() -> Disk {
    let program = "[Service]\nExecStart=/bin/true\n";
    let with = |install: &str| format!("{program}[Install]\n{install}");
    Disk::new(&[
        (
            "/usr/lib/runner/units/a.service",
            &with("WantedBy=multi-user.target\nAlias=aa.service\nAlso=b.socket\n"),
        ),
        (
            "/usr/lib/runner/units/b.socket",
            "[Socket]\nListenStream=/b\n[Install]\nWantedBy=sockets.target\n",
        ),
        ("/usr/lib/runner/units/b.service", &with("Also=b.socket\n")),
        (
            "/usr/lib/runner/units/w@.service",
            &with("WantedBy=multi-user.target\nDefaultInstance=one\n"),
        ),
        ("/usr/lib/runner/units/s.service", program),
        ("/usr/lib/runner/units/t.target", "[Unit]\nDescription=t\n"),
        ("/usr/lib/runner/units/m.service", ""),
    ])
}

#[test]
fn links_of_systemds_units_are_as_systemd_makes_them() {
    let mut disk = systemds();
    for (name, state) in [
        ("a.service", "disabled"),
        ("aa.service", "none"),
        ("b.service", "indirect"),
        ("b.socket", "disabled"),
        ("w@.service", "disabled"),
        ("w@x.service", "disabled"),
        ("s.service", "static"),
        ("m.service", "masked"),
        ("none.service", "none"),
    ] {
        assert_eq!(disk.state(name), state, "{name}");
    }
    let made = [
        "E/aa.service -> L/a.service",
        "E/multi-user.target.wants/a.service -> L/a.service",
        "E/sockets.target.wants/b.socket -> L/b.socket",
    ];
    assert_eq!(disk.perform(&enable(&["a.service"])).unwrap(), made);
    assert_eq!(disk.perform(&enable(&["a.service"])).unwrap(), [""; 0]);
    for (name, state) in [
        ("a.service", "enabled"),
        ("aa.service", "alias"),
        ("b.service", "indirect"),
        ("b.socket", "enabled"),
    ] {
        assert_eq!(disk.state(name), state, "{name}");
    }
    let names = disk.with(|files| {
        files
            .units
            .get(&unit("aa.service"))
            .map(|unit| unit.name().to_string())
    });
    assert_eq!(names.as_deref(), Some("a.service"));
    let again = Order::Reenable {
        units: units(&["a.service"]),
        how: How::default(),
    };
    assert_eq!(disk.perform(&again).unwrap(), made);
    assert_eq!(
        disk.perform(&disable(&["aa.service"])).unwrap(),
        [
            "E/multi-user.target.wants/a.service removed",
            "E/aa.service removed",
            "E/sockets.target.wants/b.socket removed",
        ]
    );
    assert_eq!(disk.state("a.service"), "disabled");
}

#[test]
fn templates_are_enabled_as_instances() {
    let mut disk = systemds();
    assert_eq!(
        disk.perform(&enable(&["w@.service"])).unwrap(),
        ["E/multi-user.target.wants/w@one.service -> L/w@.service"]
    );
    assert_eq!(
        disk.perform(&enable(&["w@x.service"])).unwrap(),
        ["E/multi-user.target.wants/w@x.service -> L/w@.service"]
    );
    for (name, state) in [
        ("w@.service", "enabled"),
        ("w@one.service", "enabled"),
        ("w@x.service", "enabled"),
        ("w@y.service", "disabled"),
    ] {
        assert_eq!(disk.state(name), state, "{name}");
    }
    assert_eq!(disk.perform(&disable(&["w@x.service"])).unwrap().len(), 1);
    assert_eq!(disk.state("w@.service"), "enabled");
    assert_eq!(disk.perform(&disable(&["w@.service"])).unwrap().len(), 1);
    assert_eq!(disk.state("w@.service"), "disabled");
}

#[test]
fn until_the_end_only() {
    let mut disk = systemds();
    let how = How {
        runtime: true,
        force: false,
    };
    let order = Order::Enable {
        units: units(&["a.service"]),
        how,
    };
    assert_eq!(disk.perform(&order).unwrap().len(), 3);
    assert_eq!(disk.state("a.service"), "enabled-runtime");
    // What was not enabled for good cannot be disabled so.
    assert_eq!(disk.perform(&disable(&["a.service"])).unwrap(), [""; 0]);
    let order = Order::Disable {
        units: units(&["a.service"]),
        runtime: true,
    };
    assert_eq!(disk.perform(&order).unwrap().len(), 3);
    assert_eq!(disk.state("a.service"), "disabled");
}

#[test]
fn masks_come_and_go() {
    let mut disk = systemds();
    let mask = |name: &str| Order::Mask {
        units: units(&[name]),
        how: How::default(),
    };
    let unmask = |name: &str| Order::Unmask {
        units: units(&[name]),
        runtime: false,
    };
    assert_eq!(
        disk.perform(&mask("s.service")).unwrap(),
        ["E/s.service -> /dev/null"]
    );
    assert_eq!(disk.state("s.service"), "masked");
    assert_eq!(disk.perform(&mask("s.service")).unwrap(), [""; 0]);
    let said = disk.perform(&enable(&["s.service"])).unwrap_err();
    assert_eq!(said, "s.service is masked by /etc/runner/units/s.service");
    assert_eq!(
        disk.perform(&unmask("s.service")).unwrap(),
        ["E/s.service removed"]
    );
    assert_eq!(disk.perform(&unmask("s.service")).unwrap(), [""; 0]);
    // A file of the administrator is not replaced.
    let path = format!("{ETC}/s.service");
    disk.files.insert(
        path,
        Found::Text("[Service]\nExecStart=/bin/false\n".to_owned()),
    );
    let said = disk.perform(&mask("s.service")).unwrap_err();
    assert_eq!(said, "/etc/runner/units/s.service is there already");
    // One that nobody knows is masked all the same.
    assert_eq!(disk.perform(&mask("later.service")).unwrap().len(), 1);
    assert_eq!(disk.state("later.service"), "masked");
}

#[test]
fn links_that_lead_elsewhere_stay_unless_forced() {
    let mut disk = systemds();
    let path = format!("{ETC}/aa.service");
    disk.files
        .insert(path, Found::Link(format!("{LIB}/s.service")));
    let said = disk.perform(&enable(&["a.service"])).unwrap_err();
    assert!(
        said.contains("leads to /usr/lib/runner/units/s.service"),
        "{said}"
    );
    let order = Order::Enable {
        units: units(&["a.service"]),
        how: How {
            runtime: false,
            force: true,
        },
    };
    assert_eq!(disk.perform(&order).unwrap().len(), 3);
    assert_eq!(disk.state("aa.service"), "alias");
}

fn tomls() -> Disk {
    Disk::new(&[
        (
            "/etc/runner/units/web.toml",
            "[socket]\nlisten-stream='/w'\n[service]\nexec-start='/w'\n",
        ),
        (
            "/usr/lib/runner/units/up.toml",
            "[service]\nexec-start='/u'\n",
        ),
        (
            "/usr/lib/runner/units/off.toml",
            "[service.x]\nexec-start='/u'\nautostart=false\n[service.y]\nexec-start='/u'\n",
        ),
        (
            "/usr/lib/runner/units/by.toml",
            "[service]\nexec-start='/u'\n[install]\nwanted-by='multi-user.target'\nalias='other.service'\n",
        ),
        (
            "/usr/lib/runner/units/w@.toml",
            "[service]\nexec-start='/w %i'\n",
        ),
        ("/usr/lib/runner/units/t.toml", "[target]\n"),
    ])
}

#[test]
fn units_of_toml_files_get_a_drop_in() {
    let mut disk = tomls();
    for (name, state) in [
        ("web.service", "indirect"),
        ("web.socket", "enabled"),
        ("up.service", "enabled"),
        ("off-x.service", "disabled"),
        ("off-y.service", "enabled"),
        ("by.service", "enabled"),
        ("other.service", "alias"),
        ("w@.service", "disabled"),
        ("t.target", "static"),
        ("multi-user.target", "static"),
    ] {
        assert_eq!(disk.state(name), state, "{name}");
    }
    let all = ["up.service", "off-x.service", "off-y.service", "by.service"];
    let file = |name: &str, stem: &str| format!("E/{stem}.toml.d/zz-install-{name}.toml");
    let (up, x, y) = (
        file("up.service", "up"),
        file("off-x.service", "off"),
        file("off-y.service", "off"),
    );
    let by = file("by.service", "by");
    // What is so already takes no drop-in.
    assert_eq!(
        disk.perform(&disable(&all)).unwrap(),
        [
            format!("{up} written"),
            format!("{y} written"),
            format!("{by} written")
        ]
    );
    for name in all {
        assert_eq!(disk.state(name), "disabled", "{name}");
    }
    assert_eq!(disk.state("other.service"), "none");
    assert_eq!(disk.perform(&disable(&all)).unwrap(), [""; 0]);
    assert_eq!(
        disk.perform(&enable(&all)).unwrap(),
        [
            format!("{up} removed"),
            format!("{x} written"),
            format!("{y} removed"),
            format!("{by} removed")
        ]
    );
    for name in all {
        assert_eq!(disk.state(name), "enabled", "{name}");
    }
    assert_eq!(disk.perform(&enable(&all)).unwrap(), [""; 0]);
    assert_eq!(
        disk.perform(&disable(&["off-x.service"])).unwrap(),
        [format!("{x} removed")]
    );
    // The set has what was written: it is read without a finding.
    let (sources, found) = disk.with(|files| {
        (
            files.sources.len(),
            load(files.sources, &Surroundings::example()).1,
        )
    });
    assert_eq!((sources, found), (6, Vec::new()));
}

#[test]
fn a_triggered_service_can_be_enabled_itself() {
    let mut disk = tomls();
    assert_eq!(disk.perform(&enable(&["web.service"])).unwrap().len(), 1);
    assert_eq!(disk.state("web.service"), "enabled");
    assert_eq!(disk.perform(&disable(&["web.service"])).unwrap().len(), 1);
    assert_eq!(disk.state("web.service"), "indirect");
    assert_eq!(disk.perform(&disable(&["web.socket"])).unwrap().len(), 1);
    assert_eq!(disk.state("web.service"), "disabled");
}

#[test]
fn instances_of_toml_templates_are_linked() {
    let mut disk = tomls();
    assert_eq!(
        disk.perform(&enable(&["w@3.service"])).unwrap(),
        ["E/default.target.wants/w@3.service -> L/w@.toml"]
    );
    assert_eq!(disk.state("w@3.service"), "enabled");
    assert_eq!(disk.state("w@.service"), "enabled");
    let wanted = disk.with(|files| files.starts_at_boot(&unit("w@3.service")));
    assert!(wanted);
    assert_eq!(disk.perform(&disable(&["w@3.service"])).unwrap().len(), 1);
    assert_eq!(disk.state("w@3.service"), "disabled");
}

#[test]
fn dependencies_are_added_by_links() {
    let mut disk = tomls();
    let order = Order::Depend {
        units: units(&["off-x.service"]),
        on_behalf_of: unit("t.target"),
        word: Tie::Requires,
        how: How::default(),
    };
    assert_eq!(
        disk.perform(&order).unwrap(),
        ["E/t.target.requires/off-x.service -> L/off.toml"]
    );
    let needs = disk.with(|files| {
        let unit = files.units.get(&unit("t.target")).cloned().unwrap();
        unit.requires().to_vec()
    });
    assert_eq!(needs, units(&["off-x.service"]));
    assert_eq!(disk.state("off-x.service"), "enabled");
    assert_eq!(disk.perform(&disable(&["off-x.service"])).unwrap().len(), 1);
}

fn set(name: &str, settings: &[(&str, &str)], runtime: bool) -> Order {
    let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Order::Set {
        unit: unit(name),
        settings: settings.iter().map(own).collect(),
        runtime,
    }
}

#[test]
fn settings_are_set_by_drop_ins_and_taken_back() {
    let mut disk = tomls();
    disk.files.extend(systemds().files);
    assert_eq!(
        disk.perform(&set(
            "off-x.service",
            &[
                ("MemoryMax", "10M"),
                ("environment", "A=b"),
                ("environment", "'C=d e'")
            ],
            false
        ))
        .unwrap(),
        [
            "E/off.toml.d/50-memory-max.off-x.service.toml written",
            "E/off.toml.d/50-environment.off-x.service.toml written"
        ]
    );
    assert_eq!(
        disk.perform(&set("off-x.service", &[("memory-max", "20M")], true))
            .unwrap(),
        ["R/off.toml.d/51-memory-max.off-x.service.toml written"]
    );
    assert_eq!(
        disk.perform(&set(
            "s.service",
            &[("Nice", "5"), ("ready-after", "2s")],
            false
        ))
        .unwrap(),
        [
            "E/s.service.d/50-Nice.conf written",
            "E/s.service.d/50-ready-after.conf written"
        ]
    );
    let read = |disk: &Disk, name: &str| {
        disk.with(|files| {
            let unit = files.units.get(&unit(name)).cloned().unwrap();
            assert!(unit.is_loaded());
            let environment = unit.environment().iter();
            let environment: Vec<String> = environment
                .map(|assignment| format!("{}={}", assignment.name, assignment.value))
                .collect();
            (unit.memory_max().to_string(), environment, unit.nice())
        })
    };
    let (memory, environment, _) = read(&disk, "off-x.service");
    assert_eq!(
        (memory.as_str(), environment),
        ("20M", vec!["A=b".to_owned(), "C=d e".to_owned()])
    );
    assert_eq!(read(&disk, "off-y.service").0, "infinity");
    assert_eq!(read(&disk, "s.service").2, Some(5));
    assert_eq!(
        disk.perform(&set("off-x.service", &[("memory-max", "30M")], false))
            .unwrap(),
        [
            "R/off.toml.d/51-memory-max.off-x.service.toml removed",
            "E/off.toml.d/50-memory-max.off-x.service.toml written"
        ]
    );
    for (name, settings, said) in [
        (
            "off-x.service",
            ("MemoryMaks", "1M"),
            "did you mean MemoryMax?",
        ),
        ("off-x.service", ("MemoryMax", "much"), "memory-max"),
        ("s.service", ("Nice", "99"), "nice"),
        ("s.service", ("Nice", "1\nUser=root"), "more than one line"),
        (
            "none.service",
            ("Nice", "1"),
            "there is no unit file of none.service",
        ),
    ] {
        let problem = disk.perform(&set(name, &[settings], false)).unwrap_err();
        assert!(problem.contains(said), "{problem}");
    }
    let revert = |name: &str| Order::Revert {
        units: units(&[name]),
    };
    assert_eq!(disk.perform(&revert("off-x.service")).unwrap().len(), 2);
    assert_eq!(disk.perform(&revert("s.service")).unwrap().len(), 2);
    assert_eq!(read(&disk, "off-x.service").0, "infinity");
    // An administrator's own file goes where there is one that it stood before.
    let path = format!("{ETC}/s.service");
    disk.files.insert(
        path,
        Found::Text("[Service]\nExecStart=/bin/false\n".to_owned()),
    );
    assert_eq!(
        disk.perform(&revert("s.service")).unwrap(),
        ["E/s.service removed"]
    );
    assert_eq!(disk.perform(&revert("s.service")).unwrap(), [""; 0]);
}

#[test]
fn lists_have_every_file_once() {
    let disk = systemds();
    let lines = disk.with(|files| files.list());
    let lines: Vec<String> = lines
        .iter()
        .map(|line| format!("{} {}", line.name, line.state.as_str()))
        .collect();
    assert_eq!(
        lines,
        [
            "a.service disabled",
            "b.service indirect",
            "m.service masked",
            "s.service static",
            "w@.service disabled",
            "b.socket disabled",
            "t.target static",
        ]
    );
}

#[test]
fn files_elsewhere_are_linked() {
    let mut disk = systemds();
    let link = |paths: &[&str]| Order::Link {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        how: How::default(),
    };
    assert_eq!(
        disk.perform(&link(&["/opt/x.service"])).unwrap(),
        ["E/x.service -> /opt/x.service"]
    );
    // It is so already.
    assert!(disk.perform(&link(&["/opt/x.service"])).unwrap().is_empty());
    // Where the file can be read, it is known by the link alone: disabling takes that away, too.
    let path = format!("{ETC}/x.service");
    let text = "[Service]\nExecStart=/bin/x\n[Install]\nWantedBy=basic.target\n";
    disk.files.insert(
        path.clone(),
        Found::Elsewhere("/opt/x.service".to_owned(), text.to_owned()),
    );
    assert_eq!(disk.state("x.service"), "linked");
    disk.perform(&enable(&["x.service"])).unwrap();
    assert_eq!(
        disk.perform(&disable(&["x.service"])).unwrap(),
        [
            "E/basic.target.wants/x.service removed",
            "E/x.service removed"
        ]
    );
    disk.perform(&link(&["/opt/x.service"])).unwrap();
    for (path, why) in [
        ("/opt/x.conf", "has no name of a unit"),
        ("x.service", "is not an absolute path"),
        ("/srv/x.service", "is there already"),
    ] {
        let said = disk.perform(&link(&[path])).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn boot_starts_another_target() {
    let mut disk = tomls();
    let path = format!("{LIB}/other.target");
    disk.files
        .insert(path, Found::Text("[Unit]\nDescription=Other\n".to_owned()));
    let order = |name: &str, force| Order::Default {
        unit: unit(name),
        force,
    };
    let link = "/etc/runner/units/default.target";
    // One that is built in has no file.
    for (name, leads) in [
        ("other.target", "E/default.target -> L/other.target"),
        ("multi-user.target", "E/default.target -> multi-user.target"),
    ] {
        assert_eq!(disk.perform(&order(name, true)).unwrap(), [leads]);
        let meant = disk.with(|files| {
            let target = files.units.resolve(&unit("default.target")).unwrap();
            target.name().to_string()
        });
        assert_eq!(meant, name);
    }
    assert!(disk.perform(&order("other.target", false)).is_err());
    assert!(disk.files.remove(link).is_some());
    for name in ["default.target", "off.service", "none.target"] {
        assert!(disk.perform(&order(name, true)).is_err(), "{name}");
    }
}
