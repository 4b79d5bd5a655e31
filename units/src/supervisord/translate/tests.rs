//! Whole files to units. That what clients are told is what the real program tells them is tested
//! beside it, in `tests/tests/import_oracle.rs`.

use super::super::{Around, SourceFile, Sources, config_info, load};
use crate::definition::Definition;
use crate::diagnostic::Diagnostic;
use crate::name::UnitName;
use crate::settings::SettingId;
use crate::surroundings::Surroundings;
use crate::unit_set::UnitSet;

fn load_text(text: &str) -> (UnitSet, Vec<String>) {
    let sources = Sources {
        main: SourceFile::text("/etc/s.conf", text),
        includes: Vec::new(),
    };
    let (set, _, found) = load(&sources, &Around::anywhere(), &Surroundings::example()).unwrap();
    (set, found.iter().map(Diagnostic::to_string).collect())
}

fn unit<'a>(set: &'a UnitSet, name: &str) -> &'a Definition {
    set.get(&UnitName::parse(name).unwrap()).unwrap()
}

/// Every setting of a unit as `key=value`, in the order of the table.
fn settings(set: &UnitSet, name: &str) -> Vec<String> {
    let settings = unit(set, name).set_settings();
    settings
        .map(|(id, value)| format!("{id}={}", value.texts().join(" ")))
        .collect()
}

const BASE: [&str; 18] = [
    "start-limit-burst=0",
    "exec-start==a",
    "restart=on-failure",
    "restart-sec=0",
    "ready-after=1s",
    "start-retries=3",
    "timeout-stop-sec=10s",
    "success-exit-status=0",
    "success-exit-status-only=true",
    "working-directory=inherit",
    "standard-input=pipe",
    "inherit-environment=true",
    "kill-mode=process",
    "log-file=auto",
    "log-mode=0600",
    "error-log-file=auto",
    "error-log-mode=0600",
    "server-url=auto",
];

#[test]
fn a_program_is_a_service_with_supervisords_policies() {
    let (set, found) = load_text("[supervisord]\n[program:a]\ncommand=a\n");
    assert_eq!(found, [] as [&str; 0]);
    assert_eq!(settings(&set, "a.service"), BASE);
    assert!(unit(&set, "a.service").is_loaded());
    assert!(
        set.get(&UnitName::parse("default.target").unwrap())
            .is_some()
    );
}

#[test]
fn every_option_becomes_settings_with_its_line() {
    let (set, found) = load_text(
        "[supervisord]\numask=027\nchildlogdir=/var/log\nstrip_ansi=true\nenvironment=A=1\n\
         [program:a]\ncommand=sh -c \"echo 100%%\"\n    x\npriority=-5\nautostart=false\n\
         autorestart=true\nstartsecs=100\nstartretries=0\nexitcodes=2,0,2\nstopsignal=USR2\n\
         stopwaitsecs=0\nstopasgroup=true\nuser=www\nredirect_stderr=true\n\
         stdout_logfile=log/%(program_name)s.log\nstdout_logfile_maxbytes=1MB\n\
         stdout_logfile_backups=0\nstdout_capture_maxbytes=10\nstdout_events_enabled=true\n\
         stdout_syslog=true\nenvironment=B=\"50%%\",C='x y'\ndirectory=web\numask=077\n\
         serverurl=http://x:1\n",
    );
    assert_eq!(found, [] as [&str; 0]);
    assert_eq!(
        settings(&set, "a.service"),
        [
            "autostart=false",
            "start-limit-burst=0",
            "exec-start==sh -c \"echo 100%\"\nx",
            "restart=always",
            "restart-sec=0",
            "ready-after=1min 40s",
            "start-retries=0",
            "timeout-start-sec=infinity",
            "timeout-stop-sec=1ms",
            "success-exit-status=0 2",
            "success-exit-status-only=true",
            "working-directory=inherit:web",
            "user=www",
            "environment=A=1 B=50% \"C=x y\"",
            "umask=0077",
            "standard-input=pipe",
            "inherit-environment=true",
            "kill-signal=SIGUSR2",
            "log-file=log/a.log",
            "log-max-size=1M",
            "log-backups=0",
            "log-owner=root",
            "log-syslog=true",
            "log-events=true",
            "log-capture-size=10",
            "log-strip-ansi=true",
            "priority=-5",
            "group-priority=-5",
            "server-url=http://x:1",
        ]
    );
    let a = unit(&set, "a.service");
    let line = |id| a.place(id).unwrap().line;
    assert_eq!(line(SettingId::ExecStart), 7);
    assert_eq!(line(SettingId::LogBackups), 22);
    // What is not written stands where the section begins.
    assert_eq!(line(SettingId::InheritEnvironment), 6);
    let info = config_info(a, true).unwrap();
    assert_eq!(info.command, "sh -c \"echo 100%\"\nx");
    assert_eq!(info.exitcodes, [2, 0, 2]);
    assert_eq!(info.directory.as_deref(), Some("web"));
    assert_eq!(
        (info.stopsignal, info.stopwaitsecs, info.startsecs),
        (12, 0, 100)
    );
    assert!(info.redirect_stderr && info.killasgroup && info.inuse);
    assert_eq!(info.stderr.logfile, None);
}

#[test]
fn groups_pools_and_sockets() {
    let (set, found) = load_text(
        "[supervisord]\n[group:g]\nprograms=b,a\npriority=7\n\
         [program:a]\ncommand=a\n[program:b]\ncommand=b\nnumprocs=2\n\
         process_name=%(process_num)d\n\
         [eventlistener:l]\ncommand=l\nevents=TICK_5,process_state\nbuffer_size=3\n\
         [fcgi-program:f]\ncommand=f\nsocket=unix:///run/f.sock\nsocket_owner=www:adm\n\
         socket_mode=0770\nnumprocs=2\nprocess_name=f%(process_num)d\n\
         [fcgi-program:t]\ncommand=t\nsocket=tcp://localhost:9000\nsocket_backlog=5\n",
    );
    assert_eq!(found, [] as [&str; 0]);
    let groups: Vec<(String, i32, Vec<String>)> = set
        .groups()
        .into_iter()
        .map(|group| {
            let services = group.services.iter().map(ToString::to_string).collect();
            (group.name, group.priority, services)
        })
        .collect();
    let named = |name: &str, priority, services: &[&str]| {
        let services = services.iter().map(|name| format!("{name}.service"));
        (name.to_owned(), priority, services.collect::<Vec<_>>())
    };
    assert_eq!(
        groups,
        [
            named("l", -1, &["l"]),
            named("g", 7, &["g:0", "g:1", "g:a"]),
            named("f", 999, &["f:f0", "f:f1"]),
            named("t", 999, &["t"]),
        ]
    );
    assert_eq!(
        settings(&set, "f.socket"),
        [
            "autostart=false",
            "listen-stream=/run/f.sock",
            "socket-user=www",
            "socket-group=adm",
            "socket-mode=0770",
            "activates=false",
        ]
    );
    let address = ["listen-stream=127.0.0.1:9000", "backlog=5"];
    assert_eq!(settings(&set, "t.socket")[1..3], address);
    let f1 = settings(&set, "f:f1.service");
    assert!(f1.contains(&"standard-input=socket".to_owned()));
    assert!(f1.contains(&"sockets=f.socket".to_owned()));
    assert!(f1.contains(&"group-position=1".to_owned()));
    let listener = settings(&set, "l.service");
    assert!(listener.contains(&"event-types=TICK_5 PROCESS_STATE".to_owned()));
    assert!(listener.contains(&"event-buffer-size=3".to_owned()));
    assert!(
        !listener
            .iter()
            .any(|line| line.starts_with("event-results"))
    );
    for unit in set.iter() {
        assert!(unit.is_loaded(), "{:?}", unit.load_state());
    }
}

/// `supervisor_stdout` and the like print what a listener answers, and reject nothing.
#[test]
fn another_result_handler_accepts_every_result() {
    let (set, found) = load_text(
        "[supervisord]\n[eventlistener:out]\ncommand=supervisor_stdout\nevents=PROCESS_LOG\n\
         result_handler=supervisor_stdout:event_handler\n\
         [eventlistener:own]\ncommand=own\nevents=PROCESS_LOG\n\
         result_handler=supervisor.dispatchers:default_handler\n",
    );
    let any = "event-results=any".to_owned();
    assert!(settings(&set, "out.service").contains(&any));
    assert!(!settings(&set, "own.service").contains(&any));
    let warned = found
        .iter()
        .any(|one| one.to_string().contains("supervisor_stdout:event_handler"));
    assert!(warned, "{found:?}");
}

#[test]
fn own_settings_win_and_say_so() {
    let (set, found) = load_text(
        "[supervisord]\n[program:db]\ncommand=db\n[program:web]\ncommand=web\nautorestart=false\n\
         environment=A=1\ndepends_on=db, nosuch\nrunner.restart=always\nrunner.restart-sec=5s\n\
         runner.environment=B=%%n\nrunner.ready-afer=3\nrunner.standard-output=journal\n",
    );
    let web = settings(&set, "web.service");
    for expected in [
        "restart=always",
        "restart-sec=5s",
        "environment=A=1 B=web.service",
        "standard-output=journal",
        "requires=db.service",
        "after=db.service",
    ] {
        assert!(web.contains(&expected.to_owned()), "{expected}: {web:?}");
    }
    assert!(
        !web.iter().any(|line| line.starts_with("log-file")),
        "{web:?}"
    );
    assert_eq!(
        found,
        [
            "/etc/s.conf:8:1: error: `depends_on` names \"nosuch\", and there is no such program or group",
            "/etc/s.conf:9:1: warning: `runner.restart` takes the place of `autorestart`\n  hint: take `autorestart` out, so that nobody is misled",
            "/etc/s.conf:12:1: warning: unknown setting `runner.ready-afer`, which is left out\n  hint: did you mean `runner.ready-after`?",
        ]
    );
    assert!(!unit(&set, "web.service").is_loaded());
    assert!(unit(&set, "db.service").is_loaded());
}

#[test]
fn what_cannot_be_a_unit_is_told_with_its_place() {
    let long = "x".repeat(250);
    let (set, found) = load_text(
        &format!(
            "[supervisord]\n[program:{long}]\ncommand=a\n\
         [program:b]\ncommand=b\nnumprocs=2\nprocess_name=b ; %(process_num)d\nstopsignal=0\n\
         environment=a.b=1\n\
         [fcgi-program:f]\ncommand=f\nsocket=tcp://db.example:1\n\
         [program:c]\ncommand=c\n[group:c]\nprograms=b\npriority=1\n"
        )
        .replace("b ; %", "b%"),
    );
    assert!(set.get(&UnitName::parse("f.service").unwrap()).is_some());
    let told = |part: &str| found.iter().any(|line| line.contains(part));
    assert!(told(":2:1: error: the program \"xxxx"), "{found:#?}");
    assert!(
        told(":12:1: error: the host name \"db.example\""),
        "{found:#?}"
    );
    assert!(
        told(":9:1: warning: \"a.b\" is no name of a variable"),
        "{found:#?}"
    );
    assert!(told(":8:1: warning: signal 0 stops nothing"), "{found:#?}");
    assert!(told("there is another group \"c\""), "{found:#?}");
}
