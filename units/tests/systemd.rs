//! systemd's own unit files: what is read, from where, and what it comes to.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use units::{Content, Definition, Dependency, Source, Surroundings, UnitName, UnitSet, disk, load};

fn name(text: &str) -> UnitName {
    UnitName::parse(text).unwrap()
}

/// A file of the directory of this rank: `/0/a.service` is in the first.
fn file(path: &str, text: &str) -> Source {
    let rank = path[1..2].parse().unwrap();
    Source {
        rank,
        ..Source::text(path, text)
    }
}

fn link(path: &str, to: &str) -> Source {
    let content = match to {
        "/dev/null" => Content::Mask,
        to => Content::Link(name(to)),
    };
    Source {
        content,
        ..file(path, "")
    }
}

fn loaded(sources: &[Source]) -> (UnitSet, Vec<String>) {
    let (set, found) = load(sources, &Surroundings::example());
    (set, found.iter().map(ToString::to_string).collect())
}

fn good(sources: &[Source]) -> UnitSet {
    let (set, found) = loaded(sources);
    assert_eq!(found, [""; 0]);
    set
}

fn unit(set: &UnitSet, text: &str) -> Definition {
    let found = set.resolve(&name(text));
    (*found.unwrap_or_else(|| panic!("no {text}"))).clone()
}

fn has(set: &UnitSet, from: &str, word: Dependency, to: &str) -> bool {
    let (from, to) = (name(from), name(to));
    set.dependencies(&from)
        .any(|(w, other)| w == word && *other == to)
}

const SERVICE: &str = "[Service]\nExecStart=/bin/x\n";

#[test]
fn a_service_as_it_is_packaged() {
    let text = "# A comment\n[Unit]\nDescription=The %p\nDocumentation=man:x(8) https://x\n\
        After=network.target a.mount\n\n[Service]\nType=forking\nEnvironment=\"A=b c\" D=e\n\
        EnvironmentFile=-/etc/default/x\nExecStartPre=/bin/a 'b c' ; /bin/d\nExecStart=/bin/x \\\n  --more\n\
        PIDFile=/run/x.pid\nTimeoutSec=5min\nRemainAfterExit=yes\nX-ReadyAfter=0\n\
        [Install]\nWantedBy=multi-user.target\n";
    let set = good(&[file("/0/x.service", text)]);
    let x = unit(&set, "x.service");
    assert_eq!(x.description(), "The x");
    assert_eq!(x.documentation().len(), 2);
    assert_eq!(x.environment().len(), 2);
    assert_eq!(x.exec_start_pre().len(), 2);
    assert_eq!(x.exec_start()[0].to_string(), "/bin/x --more");
    assert_eq!(x.timeout_start_sec(), x.timeout_stop_sec());
    assert!(x.remain_after_exit());
    // Installing it takes a link.
    assert!(!has(
        &set,
        "multi-user.target",
        Dependency::Wants,
        "x.service"
    ));
    assert!(!has(&set, "default.target", Dependency::Wants, "x.service"));
}

#[test]
fn it_starts_at_boot_when_linked_or_named() {
    let set = good(&[
        file("/0/x.service", SERVICE),
        file("/0/y.service", SERVICE),
        file("/0/multi-user.target.wants/x.service", ""),
        file("/0/y.service.requires/x.service", ""),
    ]);
    assert!(has(
        &set,
        "multi-user.target",
        Dependency::Wants,
        "x.service"
    ));
    assert!(has(&set, "y.service", Dependency::Requires, "x.service"));
    let named = Source {
        named: true,
        ..file("/0/x.service", SERVICE)
    };
    assert!(has(
        &good(&[named]),
        "default.target",
        Dependency::Wants,
        "x.service"
    ));
}

/// As systemd: the line counts as not written.
#[test]
fn wrong_values_are_left_out() {
    let text = "[Unit]\nAfter=a.service no b.service\n[Service]\nExecStart=/bin/x\nRestartSec=soon\n\
        Environment=A=1 nothing B=%Z C=3\nUMask=99\nRestart=perhaps\n";
    let (set, found) = loaded(&[file("/0/x.service", text)]);
    let x = unit(&set, "x.service");
    assert!(x.is_loaded(), "{found:?}");
    assert_eq!(x.after(), [name("a.service"), name("b.service")]);
    let variables: Vec<String> = x.environment().iter().map(ToString::to_string).collect();
    assert_eq!(variables, ["A=1", "C=3"]);
    let expected = [
        "/0/x.service:2:1: warning: `After=no` is ignored: ",
        "/0/x.service:5:1: warning: `RestartSec=soon` is ignored: ",
        "/0/x.service:6:1: warning: `Environment=nothing` is ignored: ",
        "/0/x.service:6:1: warning: `Environment=B=%Z` is ignored: ",
        "/0/x.service:7:1: warning: `UMask=99` is ignored: ",
        "/0/x.service:8:1: warning: `Restart=perhaps` is ignored: ",
    ];
    for line in expected {
        assert!(
            found.iter().any(|said| said.starts_with(line)),
            "{line}: {found:#?}"
        );
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

/// Here ignoring would start something else.
#[test]
fn some_wrong_values_are_errors() {
    for wrong in [
        "ExecStart=bin/x",
        "ExecStart=/bin/x\nUser=not a user",
        "ExecStart=/bin/x\nType=whatever",
        "ExecStart=/bin/x\nWorkingDirectory=here",
        "ExecStart=/bin/x\nExecStartPre=/bin/%Z",
        "ExecStart=/bin/x\nPrivateTmp=yes",
    ] {
        let text = format!("[Service]\n{wrong}\n");
        let (set, found) = loaded(&[file("/0/x.service", &text)]);
        assert_eq!(
            unit(&set, "x.service").load_state().as_str(),
            "bad-setting",
            "{wrong}"
        );
        assert_eq!(found.len(), 1, "{found:?}");
    }
}

#[test]
fn unsupported_settings_can_be_ignored() {
    let text =
        format!("[Unit]\nX-IgnoreUnsupported=yes\n{SERVICE}PrivateTmp=yes\nProtectHome=no\n");
    let (set, found) = loaded(&[file("/0/x.service", &text)]);
    assert!(unit(&set, "x.service").is_loaded());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("`PrivateTmp` is ignored"), "{found:?}");
}

#[test]
fn drop_ins_by_name_prefix_and_kind() {
    let set = good(&[
        file("/0/a-b.service", SERVICE),
        file(
            "/0/a-b.service.d/20.conf",
            "[Service]\nUser=own\nUMask=0001",
        ),
        file(
            "/0/a-.service.d/10.conf",
            "[Service]\nUser=prefix\nGroup=prefix",
        ),
        file(
            "/0/service.d/30.conf",
            "[Unit]\nDescription=all\n[Service]\nUMask=0077",
        ),
        // The same file name: of the kind's and the unit's own, the latter counts.
        file("/0/service.d/20.conf", "[Service]\nUser=kind"),
        // In a higher directory it hides the lower one, and a mask hides it.
        file("/1/a-b.service.d/20.conf", "[Service]\nUser=low"),
        link("/0/a-b.service.d/40.conf", "/dev/null"),
        file("/1/a-b.service.d/40.conf", "[Service]\nUser=masked"),
        // Units of TOML files take them as well.
        file("/0/t.toml", "[service]\nexec-start = '/bin/t'"),
        file(
            "/0/t.service.d/90.conf",
            "[Service]\nUser=\nUser=t\nExecStart=\nExecStart=/bin/u",
        ),
    ]);
    let unit_of = |text| unit(&set, text);
    let ab = unit_of("a-b.service");
    assert_eq!((ab.user(), ab.group()), (Some("own"), Some("prefix")));
    assert_eq!(ab.umask().to_string(), "0077");
    assert_eq!(ab.description(), "all");
    let drop_ins: Vec<&str> = ab.origin().drop_ins.iter().map(|path| &**path).collect();
    assert_eq!(
        drop_ins,
        [
            "/0/a-.service.d/10.conf",
            "/0/a-b.service.d/20.conf",
            "/0/service.d/30.conf"
        ]
    );
    let t = unit_of("t.service");
    assert_eq!((t.user(), &*t.exec_start()[0].path), (Some("t"), "/bin/u"));
    assert_eq!(t.exec_start().len(), 1);
}

#[test]
fn templates_and_instances() {
    let set = good(&[
        file("/0/w@.service", "[Service]\nExecStart=/bin/w %i"),
        file("/0/w@.service.d/1.conf", "[Service]\nUser=all"),
        file("/0/w@two.service.d/2.conf", "[Service]\nGroup=two"),
        file("/0/multi-user.target.wants/w@one.service", ""),
    ]);
    assert!(has(
        &set,
        "multi-user.target",
        Dependency::Wants,
        "w@one.service"
    ));
    let one = unit(&set, "w@one.service");
    assert_eq!(one.exec_start()[0].to_string(), "/bin/w one");
    assert_eq!((one.user(), one.group()), (Some("all"), None));
    let two = unit(&set, "w@two.service");
    assert_eq!(two.exec_start()[0].to_string(), "/bin/w two");
    assert_eq!((two.user(), two.group()), (Some("all"), Some("two")));
}

#[test]
fn masks() {
    let set = good(&[
        link("/0/a.service", "/dev/null"),
        file("/1/a.service", SERVICE),
        file("/0/b.service", SERVICE),
        link("/1/b.service", "/dev/null"),
        file("/0/c.service", ""),
        file("/1/c.service", SERVICE),
        link("/1/d.service", "/dev/null"),
        file("/0/d.toml", "[service]\nexec-start = '/bin/d'"),
    ]);
    let state = |text| unit(&set, text).load_state().as_str().to_owned();
    assert_eq!(state("a.service"), "masked");
    assert_eq!(state("b.service"), "loaded");
    assert_eq!(state("c.service"), "masked");
    assert_eq!(state("d.service"), "loaded");
}

#[test]
fn links_are_other_names() {
    let set = good(&[
        file("/1/sshd.service", SERVICE),
        link("/0/ssh.service", "sshd.service"),
        link("/0/openssh.service", "ssh.service"),
        file("/0/ssh.service.d/1.conf", "[Service]\nUser=x"),
        file(
            "/0/a.service",
            "[Unit]\nAfter=ssh.service\nWants=openssh.service\n[Service]\nExecStart=/bin/x",
        ),
        link("/0/default.target", "rescue.target"),
        file("/0/w@.service", SERVICE),
        link("/0/v@.service", "w@.service"),
    ]);
    let ssh = unit(&set, "ssh.service");
    assert_eq!(*ssh.name(), name("sshd.service"));
    assert_eq!(ssh.user(), Some("x"));
    assert_eq!(
        ssh.aliases(),
        [name("openssh.service"), name("ssh.service")]
    );
    assert!(has(&set, "a.service", Dependency::After, "sshd.service"));
    assert!(has(&set, "sshd.service", Dependency::WantedBy, "a.service"));
    assert_eq!(*unit(&set, "default.target").name(), name("rescue.target"));
    assert_eq!(set.own_name(&name("v@1.service")), name("w@1.service"));
    assert_eq!(*unit(&set, "v@1.service").name(), name("w@1.service"));

    let records: Vec<(UnitName, String)> = set
        .records()
        .map(|(name, record)| (name.clone(), record))
        .collect();
    let texts = records
        .iter()
        .map(|(name, record)| (name.clone(), record.as_str()));
    let (again, _) = UnitSet::from_records(texts, &Surroundings::example());
    assert_eq!(again.own_name(&name("ssh.service")), name("sshd.service"));
    assert!(set.diff(&again).is_empty());
}

#[test]
fn links_that_lead_nowhere_are_said() {
    let (_, found) = loaded(&[
        link("/0/a.service", "b.service"),
        link("/0/b.service", "a.service"),
        link("/0/c.service", "d.socket"),
        file("/0/d.socket", "[Socket]\nListenStream=1\n"),
        file("/0/d.service", SERVICE),
    ]);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].contains("a.service is a link that leads nowhere"));
    assert!(found[2].contains("which is another kind of unit"));
}

#[test]
fn other_kinds_are_known_and_not_loaded() {
    let set = good(&[
        file("/0/a.mount", "[Mount]\nWhat=/dev/a\nWhere=/a\n"),
        file("/0/b.slice", "[Unit]\nDescription=B\n"),
    ]);
    assert_eq!(unit(&set, "a.mount").load_state().as_str(), "bad-setting");
    assert!(unit(&set, "b.slice").is_loaded());
    assert!(unit(&set, "system.slice").is_loaded());
}

#[test]
fn a_file_named_like_a_built_in_unit_does_not_hide_it() {
    let set = good(&[file("/0/user.toml", "[service]\nexec-start = '/bin/x'")]);
    assert!(unit(&set, "user.slice").is_loaded());
    assert!(unit(&set, "user.service").is_loaded());
}

/// Links, drop-ins and masks as they lie in directories.
#[test]
fn directories_of_systemd() {
    use std::os::unix::fs::symlink;

    let scratch = tempfile::tempdir().unwrap();
    let [etc, lib] = ["etc", "lib"].map(|part| scratch.path().join(part));
    let wants = etc.join("multi-user.target.wants");
    for directory in [&lib, &wants, &etc.join("x.service.d")] {
        std::fs::create_dir_all(directory).unwrap();
    }
    let write = |path: std::path::PathBuf, text: &str| std::fs::write(path, text).unwrap();
    write(lib.join("x.service"), SERVICE);
    write(lib.join("y.service"), SERVICE);
    write(lib.join("notes.txt"), "nothing");
    write(etc.join("x.service.d/1.conf"), "[Service]\nUser=x\n");
    write(etc.join("x.service.d/1.bak"), "[Service]\nUser=y\n");
    symlink(lib.join("x.service"), wants.join("x.service")).unwrap();
    symlink(lib.join("x.service"), etc.join("alias.service")).unwrap();
    symlink("/dev/null", etc.join("y.service")).unwrap();
    // A link out of the search path is a unit of its own.
    write(scratch.path().join("far.service"), SERVICE);
    symlink(scratch.path().join("far.service"), etc.join("near.service")).unwrap();

    let (uid, is_root) = {
        use std::os::unix::fs::MetadataExt;
        let uid = std::fs::metadata(scratch.path()).unwrap().uid();
        (uid, uid == 0)
    };
    let around = Surroundings {
        uid,
        is_root,
        ..Surroundings::example()
    };
    let (sources, problems) = disk::read(&[etc, lib], false, &around);
    assert_eq!(problems, []);
    let (set, found) = load(&sources, &around);
    assert_eq!(found, []);
    assert_eq!(unit(&set, "alias.service").user(), Some("x"));
    assert!(has(
        &set,
        "multi-user.target",
        Dependency::Wants,
        "x.service"
    ));
    assert_eq!(unit(&set, "y.service").load_state().as_str(), "masked");
    assert!(unit(&set, "near.service").is_loaded());
}

/// A setting that nobody does is an error that says so, and with `ignore-unsupported` a warning.
#[test]
fn what_is_not_supported_is_said() {
    let text = "[service]\nexec-start = '/a'\nprivate-tmp = true\nprotect-home = false\n";
    let (set, found) = units::load_texts(&[("a.toml", text)], &Surroundings::example());
    let a = name("a.service");
    assert_eq!(set.get(&a).unwrap().load_state().as_str(), "bad-setting");
    let said: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("a.toml:3:1: error: `private-tmp` is not supported: "));
    assert!(said[0].contains("without this protection"), "{}", said[0]);

    let ignoring = format!("{text}ignore-unsupported = true\n");
    let everywhere = Surroundings {
        ignore_unsupported: true,
        ..Surroundings::example()
    };
    for (text, around) in [(&*ignoring, Surroundings::example()), (text, everywhere)] {
        let (set, found) = units::load_texts(&[("a.toml", text)], &around);
        assert!(set.get(&a).unwrap().is_loaded());
        assert_eq!(found.len(), 1);
        assert!(!found[0].is_error());
        assert!(found[0].message.contains("runs without this protection"));
    }
}

#[test]
fn other_names_of_systemd_are_hints_in_toml() {
    let text = "[service]\nexec-start = '/a'\ntimeout-sec = 5\n";
    let (_, found) = units::load_texts(&[("a.toml", text)], &Surroundings::example());
    let hint = found[0].hint.as_deref();
    assert_eq!(
        hint,
        Some("it is written `timeout-start-sec` and `timeout-stop-sec` here")
    );
}

mod both_ways {
    use proptest::prelude::*;
    use units::settings::{self, Shape};
    use units::supervisord::import::Verdict;
    use units::systemd::export::export;
    use units::systemd::import::{File, import};
    use units::{Definition, Diagnostic, SettingId, Surroundings, UnitName, load_texts};

    fn definition(set: &units::UnitSet, name: &UnitName) -> Definition {
        (**set.get(name).unwrap()).clone()
    }

    /// What `export` writes and `import` reads again.
    fn there_and_back(kind: &str, lines: &str) -> Option<(Definition, Definition, String)> {
        let around = Surroundings::example();
        let name = UnitName::parse(&format!("x.{kind}")).unwrap();
        let (set, found) = load_texts(&[("x.toml", &format!("[{kind}]\n{lines}"))], &around);
        if found.iter().any(Diagnostic::is_error) {
            return None;
        }
        let before = definition(&set, &name);
        let exported = export(&before);
        // Such a value has no place on one line; the report says so.
        let approximated = exported
            .report
            .iter()
            .any(|told| told.key != "autostart" && told.verdict == Verdict::Approximated);
        if approximated {
            return None;
        }
        let path = format!("/u/{name}");
        let files = [File {
            path: &path,
            bytes: exported.text.as_bytes(),
        }];
        let imported = import(&files, &around);
        assert!(
            !imported.diagnostics.iter().any(Diagnostic::is_error),
            "{}\n{:?}",
            exported.text,
            imported.diagnostics
        );
        let text = &imported.files[0].text;
        let (set, found) = load_texts(&[("x.toml", text)], &around);
        assert!(!found.iter().any(Diagnostic::is_error), "{text}\n{found:?}");
        let shown = format!("{lines}\n--\n{}\n--\n{text}", exported.text);
        Some((before, definition(&set, &name), shown))
    }

    /// What differs, apart from how it is said that a unit starts at boot.
    fn lost(before: &Definition, after: &Definition) -> Vec<SettingId> {
        let mut lost = before.changed_settings(after);
        lost.retain(|id| !matches!(*id, SettingId::Autostart | SettingId::WantedBy));
        lost
    }

    #[test]
    fn a_service_with_everything_awkward() {
        let lines = "description = 'a  b %%'\nexec-start = ['/bin/sh', '-c', '''echo \"a\n b\"; ; %n''']\n\
            exec-start-pre = ['/bin/a ; -/bin/b \"c d\"', ['/bin/c', ';']]\nlog-file = '/l'\n\
            ready-after = '2s'\nworking-directory = 'inherit'\numask = 0o027\n\
            environment = { A = 'b c', D = 'e\"f' }\nstandard-output = 'log'\nautostart = false\n\
            after = ['a.service', 'b.service']\n[service.install]\nwanted-by = ['c.target']";
        let (before, after, shown) = there_and_back("service", lines).expect("it loads");
        assert_eq!(lost(&before, &after), [], "{shown}");
        assert_eq!(after.wanted_by(), before.wanted_by());
    }

    #[test]
    fn what_starts_at_boot_stays_so() {
        let around = Surroundings::example();
        let packaged = |install: &str| {
            let text = format!("[Service]\nExecStart=/bin/x\n{install}");
            let files = [File {
                path: "/u/x.service",
                bytes: text.as_bytes(),
            }];
            import(&files, &around).files[0].text.clone()
        };
        assert!(packaged("").contains("autostart = false"));
        let wanted = packaged("[Install]\nWantedBy=multi-user.target\n");
        assert!(!wanted.contains("autostart"), "{wanted}");
        assert!(
            wanted.contains("[service.install]\nwanted-by = \"multi-user.target\""),
            "{wanted}"
        );
        let (before, after, shown) = there_and_back("service", "exec-start = '/bin/x'").unwrap();
        assert!(before.autostart() && after.autostart(), "{shown}");
    }

    /// A value of every kind, right for some settings and wrong for others.
    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("true".to_owned()),
            Just("0".to_owned()),
            (1..100u32).prop_map(|n| n.to_string()),
            prop_oneof![
                Just("/bin/x %i $A 'b c' \"\\n\" ; -/bin/y"),
                Just("a.service b.service"),
                Just("a.socket"),
                Just("a.target"),
                Just("5min 20s"),
                Just("64M"),
                Just("0640"),
                Just("SIGUSR1"),
                Just("notify"),
                Just("oneshot"),
                Just("always"),
                Just("mixed"),
                Just("/run/x"),
                Just("-/etc/x"),
                Just("@x"),
                Just("8080"),
                Just("A=1 \"B=c d\" C=%n"),
                Just("file:/x"),
                Just("10:20"),
                Just("root"),
                Just("TEMPFAIL SIGKILL 3"),
                Just("null"),
            ]
            .prop_map(|text| format!("{:?}", text)),
            "'[a-z0-9%@/:. -]{1,12}'",
        ]
    }

    proptest! {
        /// Each setting of the table alone, with whatever value it takes.
        #[test]
        fn every_setting_comes_back(index in 0..settings::all().count(), value in value()) {
            let row = settings::all().nth(index).unwrap();
            let kind = ["service", "socket", "target", "slice"].into_iter().find(|kind| {
                row.is_in_table_of(units::UnitKind::from_word(kind).unwrap())
            });
            let (kind, mut lines) = match kind {
                Some(kind) => (kind, format!("{} = {value}\n", row.key)),
                None => ("service", format!("[service.install]\n{} = {value}\n", row.key)),
            };
            let base = match kind {
                "service" if row.key != "exec-start" => "exec-start = '/bin/base'\n",
                "socket" if row.value.shape != Shape::ListOrNumber => "listen-fifo = '/base'\nservice = 'default.target'\n",
                _ => "",
            };
            lines.insert_str(0, base);
            if let Some((before, after, shown)) = there_and_back(kind, &lines) {
                prop_assert_eq!(lost(&before, &after), vec![], "{}", shown);
            }
        }
    }
}

#[test]
fn the_moments_of_a_timer_are_one_list() {
    let service = file(
        "/0/a.service",
        "[Service]\nType=oneshot\nExecStart=/bin/true\n",
    );
    let timer = |path: &str, text: &str| file(path, &format!("[Timer]\n{text}"));
    let moments = |sources: &[Source]| {
        let set = good(sources);
        let timer = set.get(&name("a.timer")).unwrap();
        let lengths = (
            timer.on_active_sec().len(),
            timer.on_boot_sec().len(),
            timer.on_calendar().len(),
        );
        (lengths.0, lengths.1, lengths.2)
    };
    let base = timer(
        "/0/a.timer",
        "OnActiveSec=1\nOnBootSec=2\nOnCalendar=daily\n",
    );
    let sources = |more: &[Source]| [&[service.clone(), base.clone()], more].concat();
    assert_eq!(moments(&sources(&[])), (1, 1, 1));
    let adds = timer("/0/a.timer.d/1.conf", "OnActiveSec=3\n");
    assert_eq!(moments(&sources(std::slice::from_ref(&adds))), (2, 1, 1));
    let over = timer(
        "/0/a.timer.d/2.conf",
        "OnBootSec=7\nOnCalendar=\nOnActiveSec=4\n",
    );
    assert_eq!(moments(&sources(&[adds, over])), (1, 0, 0));
    let twice = timer(
        "/0/a.timer",
        "OnActiveSec=1\nOnBootSec=\nOnActiveSec=2\nOnCalendar=daily\nOnBootSec=3\nOnActiveSec=\nOnBootSec=4\n",
    );
    assert_eq!(moments(&[service, twice]), (0, 1, 0));
}

#[test]
fn an_empty_line_starts_all_names_of_a_list_over() {
    let service = file(
        "/0/a.service",
        "[Unit]\nConditionPathExists=/a\nAssertUser=root\n[Service]\nExecStart=/bin/true\n",
    );
    let more = file(
        "/0/a.service.d/1.conf",
        "[Unit]\nConditionUser=\nConditionHost=x\n",
    );
    let socket = file(
        "/0/a.socket",
        "[Socket]\nListenFIFO=/gone\nListenStream=\nListenDatagram=/two\nListenStream=/one\n",
    );
    let path = file(
        "/0/a.path",
        "[Path]\nPathExists=/a\nPathChanged=/b\nDirectoryNotEmpty=\nPathModified=/c\n",
    );
    let set = good(&[service, more, socket, path]);
    let service = set.get(&name("a.service")).unwrap();
    assert_eq!(service.conditions().count(), 1);
    // These are another list.
    assert_eq!(service.asserts().count(), 1);
    let socket = set.get(&name("a.socket")).unwrap();
    let listens: Vec<String> = socket
        .listen()
        .map(|(_, address)| address.to_string())
        .collect();
    assert_eq!(listens, ["/two", "/one"]);
    let path = set.get(&name("a.path")).unwrap();
    assert_eq!(path.watched_paths().count(), 1);
}
