use super::*;
use crate::settings::Value;
use crate::unit_set::{DEFAULT_TARGET, Difference};
use crate::value::{Output, Restart, Span};
use crate::{Dependency, Effect};

fn load_one(texts: &[(&str, &str)]) -> (UnitSet, Vec<String>) {
    let (set, found) = load_texts(texts, &Surroundings::example());
    (set, found.iter().map(ToString::to_string).collect())
}

fn good(texts: &[(&str, &str)]) -> UnitSet {
    let (set, found) = load_one(texts);
    assert_eq!(found, [""; 0]);
    set
}

fn name(text: &str) -> UnitName {
    UnitName::parse(text).unwrap()
}

fn unit(set: &UnitSet, text: &str) -> Arc<Definition> {
    set.get(&name(text))
        .unwrap_or_else(|| panic!("no {text}"))
        .clone()
}

fn has(set: &UnitSet, from: &str, word: Dependency, to: &str) -> bool {
    set.dependencies(&name(from))
        .any(|(w, other)| w == word && *other == name(to))
}

#[test]
fn built_in_units_are_right() {
    let set = good(&[]);
    assert!(set.get(&name(DEFAULT_TARGET)).unwrap().is_loaded());
    assert!(has(
        &set,
        "default.target",
        Dependency::Wants,
        "multi-user.target"
    ));
    assert!(has(
        &set,
        "default.target",
        Dependency::After,
        "multi-user.target"
    ));
    assert!(
        set.get(&name("sysinit.target"))
            .unwrap()
            .origin()
            .fragment
            .is_none()
    );
}

#[test]
fn the_example_of_the_design() {
    let set = good(&[
        (
            "web.toml",
            r#"
            description = "Shop front end"
            [service]
            type = "notify"
            exec-start = "/usr/bin/web --workers 4"
            requires = ["db.service"]
            after = ["db.service"]
            restart = "on-failure"
            restart-sec = "500ms"
            user = "www"
            [socket]
            listen-stream = ["0.0.0.0:8080", "/run/web.sock"]
            "#,
        ),
        (
            "db.toml",
            "[service]\nexec-start = ['/usr/bin/db', 'a b', ';', '$X']",
        ),
    ]);
    let web = unit(&set, "web.service");
    assert_eq!(web.description(), "Shop front end");
    assert_eq!(web.restart(), Restart::OnFailure);
    assert_eq!(web.restart_sec(), Span::from_millis(500));
    assert_eq!(
        web.written(SettingId::ExecStart).as_deref(),
        Some("/usr/bin/web --workers 4")
    );
    assert_eq!(unit(&set, "web.socket").description(), "Shop front end");
    assert_eq!(unit(&set, "web.socket").listen().count(), 2);
    let db = unit(&set, "db.service");
    assert_eq!(
        db.exec_start()[0].expand(&|_| Some("x y".into())),
        ["/usr/bin/db", "a b", ";", "x", "y"]
    );
    assert!(has(&set, "web.socket", Dependency::Triggers, "web.service"));
    assert!(has(&set, "web.service", Dependency::After, "web.socket"));
    assert!(has(
        &set,
        "db.service",
        Dependency::RequiredBy,
        "web.service"
    ));
    assert!(has(&set, "default.target", Dependency::Wants, "web.socket"));
    assert!(has(&set, "default.target", Dependency::After, "web.socket"));
    assert!(has(&set, "default.target", Dependency::Wants, "db.service"));
    // The socket starts it.
    assert!(!has(
        &set,
        "default.target",
        Dependency::Wants,
        "web.service"
    ));
    let pulled: Vec<_> = set
        .with_effect(&name("web.service"), Effect::PullInStart)
        .collect();
    let pulled_in = ["db.service", "sysinit.target", "system.slice"];
    assert_eq!(pulled, pulled_in.map(name).iter().collect::<Vec<_>>());
}

#[test]
fn named_sub_tables() {
    let set = good(&[
        (
            "web.toml",
            r#"
            [service]
            exec-start = "/bin/web"
            environment = { A = "1 2", B = "%n" }
            [socket.http]
            listen-stream = 80
            [socket.admin]
            listen-stream = "@admin"
            file-descriptor-name = "adm"
            "#,
        ),
        (
            "cat.toml",
            r#"
            [service.mailer]
            exec-start = "/bin/mailer"
            [service.mailer.environment]
            "X" = 'quoted "text"'
            [service.mailer.install]
            wanted-by = "multi-user.target"
            [service."cat:cat_00"]
            exec-start = "/bin/cat"
            "#,
        ),
        (
            "worker@.toml",
            "[service]\nexec-start = '/bin/worker %i'\n[socket.http]\nlisten-stream = '/run/%i'",
        ),
        (
            "pool.toml",
            "[target]\nwants = ['worker@3.service', 'worker-http@3.socket']",
        ),
    ]);
    assert_eq!(
        unit(&set, "web-http.socket").service(),
        Some(name("web.service"))
    );
    assert_eq!(unit(&set, "web-http.socket").file_descriptor_name(), "http");
    assert_eq!(unit(&set, "web-admin.socket").file_descriptor_name(), "adm");
    let environment: Vec<String> = unit(&set, "web.service")
        .environment()
        .iter()
        .map(|a| a.to_string())
        .collect();
    assert_eq!(environment, ["\"A=1 2\"", "B=web.service"]);
    let mailer = unit(&set, "cat-mailer.service");
    assert_eq!(&*mailer.environment()[0].value, "quoted \"text\"");
    assert!(has(
        &set,
        "multi-user.target",
        Dependency::Wants,
        "cat-mailer.service"
    ));
    assert!(!has(
        &set,
        "default.target",
        Dependency::Wants,
        "cat-mailer.service"
    ));
    assert!(set.get(&name("cat:cat_00.service")).is_some());
    assert_eq!(
        unit(&set, "worker-http@3.socket").service(),
        Some(name("worker@3.service"))
    );
    assert_eq!(
        unit(&set, "worker@3.service").exec_start()[0].to_string(),
        "/bin/worker 3"
    );
    assert!(has(
        &set,
        "worker-http@3.socket",
        Dependency::Triggers,
        "worker@3.service"
    ));
    assert!(!has(
        &set,
        "default.target",
        Dependency::Wants,
        "worker@.service"
    ));
}

#[test]
fn instances_share_their_template() {
    let mut set = good(&[(
        "worker@.toml",
        "[service]\nexec-start = '/bin/worker %i'\nrestart = 'always'\nafter = 'db@%i.service'",
    )]);
    let template = unit(&set, "worker@.service");
    assert!(set.get(&name("worker@7.service")).is_none());
    let instance = set.resolve(&name("worker@7.service")).unwrap();
    let shared = |id| {
        let of = |unit: &Definition| std::ptr::from_ref(unit.entry(id).unwrap());
        of(&template) == of(&instance)
    };
    assert!(shared(SettingId::Restart) && !shared(SettingId::ExecStart));
    assert!(set.get(&name("worker@7.service")).is_none());
    set.instantiate(&name("worker@7.service")).unwrap();
    assert!(has(
        &set,
        "worker@7.service",
        Dependency::After,
        "db@7.service"
    ));
    assert!(has(
        &set,
        "db@7.service",
        Dependency::Before,
        "worker@7.service"
    ));
    let before = set.clone();
    set.forget(&name("worker@7.service"));
    assert!(set.get(&name("worker@7.service")).is_none());
    assert_eq!(set.dependencies(&name("db@7.service")).count(), 0);
    assert_eq!(before.dependencies(&name("db@7.service")).count(), 1);
    assert!(set.resolve(&name("nobody@1.service")).is_none());
}

#[test]
fn forgetting_leaves_what_others_say() {
    let mut set = good(&[
        (
            "a@.toml",
            "[service]\nexec-start='/bin/a'\nrequires='b@%i.service'\nafter='b@%i.service'",
        ),
        (
            "b@.toml",
            "[service]\nexec-start='/bin/b'\nbefore='a@%i.service'",
        ),
    ]);
    let (a, b) = (name("a@1.service"), name("b@1.service"));
    set.instantiate(&a).unwrap();
    assert!(set.get(&b).is_some());
    set.forget(&b);
    assert!(has(
        &set,
        "a@1.service",
        Dependency::Requires,
        "b@1.service"
    ));
    assert!(has(&set, "a@1.service", Dependency::After, "b@1.service"));
    set.instantiate(&b).unwrap();
    set.forget(&a);
    assert!(has(&set, "b@1.service", Dependency::Before, "a@1.service"));
    set.forget(&b);
    assert_eq!(
        set.dependencies(&a).count() + set.dependencies(&b).count(),
        0
    );
}

#[test]
fn templates_that_breed() {
    let (mut set, found) = load_one(&[
        (
            "w@.toml",
            "[service]\nexec-start='/bin/w'\nwants=['w@%ia.service', 'w@%ib.service']",
        ),
        ("start.toml", "[target]\nwants='w@x.service'"),
    ]);
    assert!(
        found[0].contains("more than 10000 instances"),
        "{}",
        found[0]
    );
    assert!(set.len() < 11_000);
    set.instantiate(&name("w@y.service")).unwrap();
    assert!(set.len() < 21_000);
}

#[test]
fn instances_for_connections() {
    let mut set = good(&[
        ("echo.toml", "[socket]\nlisten-stream = 7\naccept = true"),
        (
            "echo@.toml",
            "[service]\nexec-start = '/bin/cat'\nstandard-input = 'socket'",
        ),
    ]);
    assert_eq!(
        unit(&set, "echo.socket").service(),
        Some(name("echo@.service"))
    );
    assert_eq!(unit(&set, "echo.socket").trigger_limit_burst(), 200);
    let connection = name("echo@0-1.2.3.4:5-6.7.8.9:10.service");
    set.instantiate(&connection).unwrap();
    assert!(has(
        &set,
        connection.as_str(),
        Dependency::After,
        "echo.socket"
    ));
    assert!(has(
        &set,
        connection.as_str(),
        Dependency::TriggeredBy,
        "echo.socket"
    ));
    set.forget(&connection);
    assert!(!has(
        &set,
        "echo.socket",
        Dependency::Triggers,
        connection.as_str()
    ));
}

#[test]
fn drop_ins_merge_in_order() {
    let set = good(&[
        (
            "/u/web.toml",
            "[service]\nexec-start='/bin/a'\nafter=['a.service']\nuser='www'\nrestart='always'",
        ),
        (
            "/u/web.toml.d/20.toml",
            "description='b'\n[service]\nexec-start=[]\nafter=['', 'c.service']",
        ),
        (
            "/u/web.toml.d/10.toml",
            "[service]\nafter='b.service'\nuser=''\nrestart='no'",
        ),
        (
            "/u/web.toml.d/30.toml",
            "[service]\nexec-start='/bin/c'\nstandard-output='null'",
        ),
    ]);
    let web = unit(&set, "web.service");
    assert_eq!(web.exec_start().len(), 1);
    assert_eq!(&*web.exec_start()[0].path, "/bin/c");
    assert_eq!(web.after(), [name("c.service")]);
    assert_eq!(web.user(), None);
    assert_eq!(web.restart(), Restart::No);
    assert_eq!(web.description(), "b");
    assert_eq!(web.standard_output(), Some(&Output::Null));
    assert_eq!(web.origin().drop_ins.len(), 3);
    assert_eq!(
        web.place(SettingId::After).unwrap().to_string(),
        "/u/web.toml.d/20.toml:4:12"
    );
}

#[test]
fn higher_directories_replace_files() {
    let source = |rank, path: &str, text: &str| Source {
        rank,
        ..Source::text(path, text)
    };
    let sources = [
        source(
            1,
            "/lib/web.toml",
            "[service]\nexec-start='/bin/low'\n[socket]\nlisten-stream=1",
        ),
        source(0, "/etc/web.toml", "[service]\nexec-start='/bin/high'"),
        source(1, "/lib/web.toml.d/1.toml", "[service]\nuser='low'"),
        source(0, "/etc/web.toml.d/1.toml", "[service]\nuser='high'"),
        source(1, "/lib/web.toml.d/2.toml", "[service]\ngroup='low'"),
        source(1, "/lib/gone.toml", "[service]\nexec-start='/bin/x'"),
        Source {
            rank: 0,
            path: "/etc/gone.service".into(),
            content: Content::Mask,
            named: false,
        },
    ];
    let (set, found) = load(&sources, &Surroundings::example());
    assert_eq!(found, []);
    let web = unit(&set, "web.service");
    assert_eq!((web.user(), web.group()), (Some("high"), Some("low")));
    assert_eq!(&*web.exec_start()[0].path, "/bin/high");
    assert!(set.get(&name("web.socket")).is_none());
    assert_eq!(unit(&set, "gone.service").load_state(), &LoadState::Masked);
    assert!(!has(
        &set,
        "default.target",
        Dependency::Wants,
        "gone.service"
    ));
}

/// Each row: a file, and what is said about it. The other unit always loads.
#[test]
fn findings() {
    for (text, said) in [
        (
            "[service]\nexec-strat='/bin/x'",
            "web.toml:2:1: error: unknown setting `exec-strat` in [service]\n  hint: did you mean `exec-start`?",
        ),
        (
            "[service]\nExecStart='/bin/x'",
            "web.toml:2:1: error: unknown setting `ExecStart` in [service]\n  hint: it is written `exec-start` here",
        ),
        (
            "[service]\nlisten-stream=80",
            "web.toml:2:1: error: `listen-stream` is no setting of [service]\n  hint: it belongs in [socket]",
        ),
        (
            "[service]\nexec-start='/bin/x'\nrestart-sec='5 parsecs'",
            "web.toml:3:13: error: `restart-sec`: \"parsecs\" in \"5 parsecs\" is no unit of time\n  hint: units: us ms s min h d w month y",
        ),
        (
            "[service]\nexec-start='/bin/x'\nautostart='yes'",
            "web.toml:3:11: error: `autostart` takes `true` or `false`, not the string \"yes\"\n  hint: write `true`, without quotes",
        ),
        (
            "[service]\nexec-start='/bin/x'\nrestart='allways'",
            "web.toml:3:9: error: `restart`: \"allways\" is no restart policy\n  hint: did you mean `always`?",
        ),
        (
            "[service]\nexec-start='/bin/x %z'",
            "web.toml:2:12: error: `exec-start`: `%z` is no specifier\n  hint: write `%%` for a percent sign",
        ),
        (
            "[service]\nexec-start='/bin/x'\nafter=['ä.service']",
            "web.toml:3:8: error: `after`: 'ä' cannot stand in a unit name (allowed: A-Z a-z 0-9 : - _ . \\ @)",
        ),
        (
            "[servce]\nexec-start='/bin/x'",
            "web.toml:1:2: error: unknown table [servce]\n  hint: did you mean `service`?",
        ),
        (
            "exec-start='/bin/x'",
            "web.toml:1:1: error: `exec-start` cannot stand at the top level of a file\n  hint: it belongs in a unit's table, such as [service]",
        ),
        (
            "service = 1",
            "web.toml:1:1: error: `service` is a table, not a integer\n  hint: write it as [service]",
        ),
        (
            "[mount]\n",
            "web.toml:1:2: error: mount units are not supported yet",
        ),
        (
            "[service]\nexec-start='/bin/x'\n[service.enviroment]\nA='1'",
            "web.toml:3:10: error: [service] holds settings of its own, such as `exec-start`, so it cannot hold the table [service.enviroment] of another unit\n  hint: did you mean `environment`?",
        ),
        (
            "[service]\n",
            "web.toml:1:2: error: web.service has no `exec-start`\n  hint: write the command it runs: exec-start = \"/usr/bin/program\"",
        ),
        (
            "[service]\nexec-start=[['/bin/a'],['/bin/b']]",
            "web.toml:2:13: error: `exec-start` has 2 commands, which only a `oneshot` runs in turn\n  hint: write commands that go before it in `exec-start-pre`, or set type = \"oneshot\"",
        ),
        (
            "[service]\ntype='oneshot'\nexec-start='/bin/x'\nrestart='always'",
            "web.toml:4:9: error: `restart` is always, which a `oneshot` that ends well would do for ever\n  hint: a `oneshot` can have restart = \"on-failure\"",
        ),
        (
            "[service]\nexec-start='/bin/x'\nstandard-output='log'",
            "web.toml:3:17: error: `standard-output` is `log`, which needs `log-file`",
        ),
        (
            "[socket]\n",
            "web.toml:1:2: error: web.socket listens on nothing\n  hint: set `listen-stream`, or another `listen-…`",
        ),
        (
            "[socket]\nlisten-stream=80",
            "web.toml: error: web.socket starts web.service, and there is no such unit\n  hint: add [service] to the file, or name one in `service`",
        ),
        (
            "[service]\nexec-start='/bin/x'\nrequires='dbb.service'",
            "web.toml:3:10: error: `requires` names dbb.service, and there is no such unit\n  hint: did you mean `db.service`?",
        ),
        (
            "[service]\nexec-start='/bin/x",
            "web.toml:2:19: error: invalid literal string, expected `'`",
        ),
        (
            "[service]\nexec-start='/bin/x'\nexec-start='/bin/y'",
            "web.toml:3:1: error: duplicate key",
        ),
        (
            "[install]\nwanted-by='x.target'",
            "web.toml:1:2: error: [install] belongs to an unnamed unit, and this file has none\n  hint: write it as [service.NAME.install]",
        ),
    ] {
        let (set, found) = load_one(&[
            ("db.toml", "[service]\nexec-start='/bin/db'"),
            ("web.toml", text),
        ]);
        assert_eq!(found.join("\n"), said, "\n{text}");
        assert!(unit(&set, "db.service").is_loaded());
        if let Some(web) = set.get(&name("web.service")) {
            let missing_requirement = text.contains("requires");
            assert_eq!(
                web.load_state().as_str() == "bad-setting",
                !missing_requirement,
                "{text}"
            );
        }
    }
}

#[test]
fn bytes_that_are_no_text() {
    let around = Surroundings::example();
    for bytes in [
        &b"\xff\xfe"[..],
        b"[service]\n\xc3",
        b"\x7fELF\x02\x01\x01\0\0\0",
        b"[service]\nuser=\"\0\"",
    ] {
        let source = Source {
            rank: 0,
            path: "/u/web.toml".into(),
            content: Content::Bytes(bytes.to_vec()),
            named: false,
        };
        let (set, found) = load(&[source], &around);
        assert!(found.iter().any(Diagnostic::is_error), "{bytes:?}");
        assert!(found.len() <= 7, "{found:?}");
        let web = unit(&set, "web.service");
        assert!(matches!(web.load_state(), LoadState::BadSetting(_)));
    }
    let set = good(&[("web.toml", "\u{feff}[service]\r\nexec-start='/bin/x'\r\n")]);
    assert!(unit(&set, "web.service").is_loaded());
}

#[test]
fn one_unit_twice_names_both_places() {
    let (set, found) = load_one(&[
        (
            "web.toml",
            "[service]\nexec-start='/bin/x'\n[socket.http]\nlisten-stream=80",
        ),
        (
            "web-http.toml",
            "[socket]\nlisten-stream=81\nservice='web.service'",
        ),
    ]);
    assert_eq!(
        found,
        ["web-http.toml:1:2: error: web-http.socket is defined here and at web.toml:3:9"]
    );
    assert!(!unit(&set, "web-http.socket").is_loaded());
    assert!(unit(&set, "web.service").is_loaded());
}

#[test]
fn one_address_twice_names_both_places() {
    let (set, found) = load_one(&[
        (
            "a.toml",
            "[service]\nexec-start='/bin/x'\n[socket]\nlisten-stream=[80, '/run/a']",
        ),
        (
            "b.toml",
            "[service]\nexec-start='/bin/x'\n[socket]\nlisten-stream=['[::]:80']\nlisten-datagram=80",
        ),
    ]);
    assert_eq!(
        found,
        [
            "b.toml:4:16: warning: [::]:80 is also listened on by a.socket at a.toml:4:16\n  hint: only one of the two can be started at a time"
        ]
    );
    // Which of the two is wanted is seen when they are started.
    assert!(unit(&set, "a.socket").is_loaded() && unit(&set, "b.socket").is_loaded());
}

#[test]
fn cycles_are_named_with_places() {
    let (_, found) = load_one(&[
        (
            "a.toml",
            "[service]\nexec-start='/bin/x'\nafter='b.service'",
        ),
        (
            "b.toml",
            "[service]\nexec-start='/bin/x'\nafter='c.service'",
        ),
        (
            "c.toml",
            "[service]\nexec-start='/bin/x'\nbefore='b.service'\nafter='a.service'",
        ),
    ]);
    assert_eq!(
        found,
        [
            "a.toml:3:7: warning: these units wait for each other: a.service after b.service (a.toml:3:7) after c.service (b.toml:3:7) after a.service (c.toml:4:7)\n  hint: when they are started together, one of them is left out"
        ]
    );
    let (_, found) = load_one(&[
        (
            "a.toml",
            "[service]\nexec-start='/bin/x'\nafter='b.service'\nrequires='b.service'",
        ),
        (
            "b.toml",
            "[service]\nexec-start='/bin/x'\nafter='a.service'\nbinds-to='a.service'",
        ),
    ]);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("error: these units wait"), "{}", found[0]);
}

#[test]
fn differences() {
    let old = good(&[
        ("a.toml", "[service]\nexec-start='/bin/a'\nuser='www'"),
        ("b.toml", "[service]\nexec-start='/bin/b'"),
        ("c.toml", "[service]\nexec-start='/bin/c'"),
    ]);
    let new = good(&[
        (
            "a.toml",
            "[service]\nuser='adm'\n\nexec-start='/bin/a'\nrestart='always'",
        ),
        ("c.toml", "# moved\n[service]\nexec-start=['/bin/c']"),
        ("d.toml", "[service]\nexec-start='/bin/d'"),
    ]);
    assert_eq!(
        old.diff(&new),
        [
            (
                name("a.service"),
                Difference::Changed(vec![SettingId::Restart, SettingId::User])
            ),
            (name("b.service"), Difference::Removed),
            (name("d.service"), Difference::Added),
        ]
    );
    assert_eq!(old.diff(&old), []);
}

#[test]
fn an_instance_is_the_same_whoever_made_it() {
    let template = ("t@.toml", "[service]\nexec-start='/bin/t'");
    let other = "[service]\nexec-start='/bin/a'\nwants='t@1.service'";
    let named = good(&[template, ("a.toml", other)]);
    let mut made = good(&[template, ("a.toml", "[service]\nexec-start='/bin/a'")]);
    made.instantiate(&name("t@1.service")).unwrap();
    let changed = [(
        name("a.service"),
        Difference::Changed(vec![SettingId::Wants]),
    )];
    assert_eq!(named.diff(&made), changed);
    assert_eq!(made.diff(&named), changed);
}

#[test]
fn defaults_that_depend_on_other_settings() {
    let set = good(&[
        ("one.toml", "[service]\ntype='oneshot'\nexec-start='/bin/x'"),
        (
            "stop.toml",
            "[service]\nexec-stop='/bin/x'\nremain-after-exit=true",
        ),
        (
            "dog.toml",
            "[service]\nexec-start='/bin/x'\nwatchdog-sec=10\numask=0o077\nlimit-nofile=1024",
        ),
    ]);
    assert!(unit(&set, "one.service").timeout_start_sec().is_infinite());
    assert_eq!(
        unit(&set, "one.service").timeout_stop_sec(),
        Span::from_secs(90)
    );
    assert_eq!(
        unit(&set, "stop.service").service_type(),
        crate::value::ServiceType::Oneshot
    );
    let dog = unit(&set, "dog.service");
    assert_eq!(dog.watchdog_sec(), Some(Span::from_secs(10)));
    assert_eq!(dog.notify_access(), crate::value::NotifyAccess::Main);
    assert_eq!(dog.umask().bits(), 0o077);
    assert_eq!(dog.value(SettingId::Umask), &Value::Mode(dog.umask()));
    assert_eq!(dog.timeout_start_sec(), Span::from_secs(90));
}
