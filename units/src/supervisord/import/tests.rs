//! Whole files to unit files and reports. That what clients are told stays what the real program
//! tells them is tested in `tests/tests/import_oracle.rs`.

use super::super::{
    Account, Around, ConfigInfo, Known, SourceFile, Sources, World, config_info, load,
};
use super::*;
use crate::source::Source;
use crate::surroundings::Surroundings;
use crate::unit_set::UnitSet;

/// A machine with root and /var/log, and nothing else.
struct Small;

impl World for Small {
    fn user(&self, name: &str) -> Known<Account> {
        match name {
            "root" => Known::Yes(Account {
                uid: 0,
                gid: 0,
                home: "/root".to_owned(),
            }),
            _ => Known::No,
        }
    }

    fn user_by_id(&self, uid: u32) -> Known<Account> {
        match uid {
            0 => self.user("root"),
            _ => Known::No,
        }
    }

    fn group(&self, _: &str) -> Known<u32> {
        Known::No
    }

    fn group_by_id(&self, _: u32) -> Known<u32> {
        Known::No
    }

    fn is_directory(&self, path: &str) -> bool {
        path == "/var/log"
    }
}

fn sources(text: &str) -> Sources {
    Sources {
        main: SourceFile::text("/etc/s.conf", text),
        includes: Vec::new(),
    }
}

fn import_text(text: &str) -> Import {
    let around = Around {
        world: &Small,
        ..Around::anywhere()
    };
    import(&sources(text), &around).unwrap()
}

fn load_files(import: &Import) -> (UnitSet, Vec<String>) {
    let sources: Vec<Source> = import
        .files
        .iter()
        .map(|file| Source::text(&format!("/u/{}", file.name), &file.text))
        .collect();
    let (set, found) = crate::load::load(&sources, &Surroundings::example());
    (set, found.iter().map(ToString::to_string).collect())
}

/// Everything clients are told, users by name.
fn infos(set: &UnitSet) -> Vec<ConfigInfo> {
    set.iter()
        .filter_map(|unit| config_info(unit, true))
        .map(|info| ConfigInfo { user: None, ..info })
        .collect()
}

/// Imports, loads what was written, and compares it with what a daemon makes of the file itself.
fn check(text: &str) -> Import {
    let import = import_text(text);
    let (loaded, found) = load_files(&import);
    assert_eq!(found, [] as [&str; 0], "{import:#?}");
    let around = Around {
        needs_supervisord_section: false,
        ..Around::anywhere()
    };
    let (live, _, _) = load(&sources(text), &around, &Surroundings::example()).unwrap();
    assert_eq!(infos(&loaded), infos(&live));
    let names =
        |set: &UnitSet| -> Vec<String> { set.iter().map(|unit| unit.name().to_string()).collect() };
    assert_eq!(names(&loaded), names(&live));
    for unit in live.iter() {
        let other = loaded.get(unit.name()).unwrap();
        let mut changed = unit.changed_settings(other);
        // Names instead of numbers, and plain command lines.
        changed.retain(|id| !matches!(id.key(), "user" | "exec-start"));
        assert_eq!(changed, [], "{}", unit.name());
    }
    import
}

fn report(import: &Import) -> String {
    let lines = import.report.iter();
    let lines: Vec<String> = lines
        .map(|line| {
            let Line {
                place,
                section,
                option,
                verdict,
                text,
            } = line;
            format!(
                "{}: {}: [{section}] {option}: {text}",
                place.line,
                verdict.as_str()
            )
        })
        .collect();
    lines.join("\n")
}

#[test]
fn a_program_with_comments_becomes_a_pleasant_file() {
    let import = check(
        "; all of it\n[supervisord]\nnodaemon=true\n\n; The front end.\n[program:web]\n\
         command=/usr/sbin/nginx -g \"daemon off;\" ; in front\nautorestart=true\n\
         ; Where it writes.\nstdout_logfile=/var/log/web.log\nredirect_stderr=true\n\
         autostart=true\nenvironment=A=1,B=\"x y\"\nstopwaitsecs=90\n",
    );
    assert_eq!(import.files.len(), 1);
    assert_eq!(import.files[0].name, "web.toml");
    assert_eq!(
        import.files[0].text,
        "# The front end.\n[service]\n# in front\n\
         exec-start = '/usr/sbin/nginx -g \"daemon off;\"'\n\
         restart = \"always\"\nrestart-sec = 0\n\
         # Where it writes.\nlog-file = \"/var/log/web.log\"\nlog-mode = \"0644\"\n\
         environment = { A = \"1\", B = \"x y\" }\n\
         \n# As supervisord has it.\nstart-limit-burst = 0\nready-after = \"1s\"\n\
         start-retries = 3\nsuccess-exit-status = 0\nsuccess-exit-status-only = true\n\
         working-directory = \"inherit\"\nstandard-input = \"pipe\"\n\
         inherit-environment = true\nkill-mode = \"process\"\nserver-url = \"auto\"\n"
    );
    assert_eq!(
        report(&import),
        "3: mapped: [supervisord] nodaemon: this is so anyway\n\
         7: mapped: [program:web] command: exec-start = '/usr/sbin/nginx -g \"daemon off;\"'\n\
         8: mapped: [program:web] autorestart: restart = \"always\", restart-sec = 0\n\
         10: mapped: [program:web] stdout_logfile: log-file = \"/var/log/web.log\", log-mode = \"0644\"\n\
         11: mapped: [program:web] redirect_stderr: this is so anyway\n\
         12: mapped: [program:web] autostart: this is so anyway\n\
         13: mapped: [program:web] environment: environment = { A = \"1\", B = \"x y\" }\n\
         14: mapped: [program:web] stopwaitsecs: this is so anyway"
    );
}

#[test]
fn every_kind_of_section_loads_as_it_ran() {
    let import = check(
        "[supervisord]\numask=027\nchildlogdir=/var/log\nstrip_ansi=true\n\
         environment=P=\"100%%%%\",Q='it is \"x\"'\n\
         ; Two of a kind.\n[group:g]\nprograms=b,g\npriority=7\n\
         [program:g]\ncommand=g 'a b' $X \\; %%d\ndirectory=../x\nuser=www\n\
         stdout_logfile=auto:x\nstderr_logfile=NONE\nstderr_logfile_maxbytes=0\n\
         [program:b]\ncommand=b\n    --more\n\nnumprocs=2\nprocess_name=%(process_num)d\n\
         stdout_logfile=/dev/stdout\nstdout_logfile_maxbytes=0\nexitcodes=2,0,2\n\
         [eventlistener:l]\ncommand=l\nevents=TICK_5,process_state\nbuffer_size=3\n\
         [fcgi-program:f]\ncommand=f\nsocket=unix:///run/f.sock\nsocket_owner=www:adm\n\
         numprocs=2\nprocess_name=f%(process_num)d\n\
         [fcgi-program:t]\ncommand=t\nsocket=tcp://localhost:9000\nsocket_backlog=5\n\
         [program:x y]\ncommand=x\n"
            .replace("x y", "x+y")
            .as_str(),
    );
    let names: Vec<&str> = import.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "l.toml",
            "g.toml",
            "g:members.toml",
            "f.toml",
            "t.toml",
            "x\\x2by.toml"
        ]
    );
    assert!(import.files[2].text.contains("# Two of a kind.\n"));
    assert!(import.files[2].text.contains("[service.\"g:0\"]\n"));
    assert!(import.files[3].text.contains("\n[socket]\n"));
}

#[test]
fn the_report_says_what_is_not_the_same() {
    let import = import_text(
        "[unix_http_server]\nfile=/run/s.sock\nchmod=0770\n\
         [inet_http_server]\nport=9001\nusername=u\npassword=hidden\n\
         [supervisord]\nlogfile=/var/log/s.log\nlogfile_maxbytes=1MB\npidfile=/run/s.pid\n\
         identifier=prod\nnocleanup=true\nwrong=1\n\
         [rpcinterface:supervisor]\n\
         supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n\
         [supervisorctl]\nserverurl=unix:///run/s.sock\n\
         [program:a]\ncommand=a %(ENV_TOKEN)s %(host_node_name)s\nuser=www\ndirectory=/srv/a\n\
         stderr_logfile=/srv/log/a.log\nenvironment=a.b=1\ncolour=red\nrunner.nicer=1\n\
         runner.limit-nofile=10\ndepends_on=b\nstopsignal=0\n\
         [program:b]\ncommand=b\n[nonsense]\nx=y\n",
    );
    let report = report(&import);
    for line in [
        "2: approximated: [unix_http_server] file: `runnerd --http /run/s.sock`",
        "3: to decide: [unix_http_server] chmod: the socket",
        "6: to decide: [inet_http_server] username: a server of `--http` asks for no password",
        "9: approximated: [supervisord] logfile: `runnerd --log-target file:/var/log/s.log`",
        "10: dropped: [supervisord] logfile_maxbytes",
        "12: approximated: [supervisord] identifier: `runnerd --identifier prod`",
        "13: dropped: [supervisord] nocleanup",
        "14: dropped: [supervisord] wrong: supervisord knows no such option",
        "16: mapped: [rpcinterface:supervisor]",
        "20: to decide: [program:a] command: exec-start = \"=a TOKEN localhost\"; the variable TOKEN is not set here",
        "21: mapped: [program:a] user: user = \"www\"; no such user is on this machine",
        "22: mapped: [program:a] directory: working-directory = \"/srv/a\"; no such directory",
        "23: mapped: [program:a] stderr_logfile: error-log-file = \"/srv/log/a.log\", error-log-owner",
        "24: dropped: [program:a] environment: a unit file cannot set the variable \"a.b\"",
        "25: dropped: [program:a] colour: supervisord knows no such option",
        "26: dropped: [program:a] runner.nicer",
        "27: mapped: [program:a] runner.limit-nofile: limit-nofile = 10",
        "28: mapped: [program:a] depends_on: requires = \"b.service\", after = \"b.service\"",
        "29: approximated: [program:a] stopsignal: kill-signal = \"SIGCONT\"; signal 0",
        "33: dropped: [nonsense] x: supervisord knows no such section",
    ] {
        assert!(
            report.lines().any(|held| held.starts_with(line)),
            "{line}\n{report}"
        );
    }
    assert!(!report.contains("hidden"));
}

#[test]
fn supervisor_1_is_read_line_by_line() {
    let import = import_text(
        "# old\n<supervisord>\n  logfile /var/log/s.log\n  socket-name /run/s.sock\n  passwdfile /p\n\
         </supervisord>\n\n<program test>\n  command /bin/echo it's 100% ;x \"\n  auto-start false\n\
         auto-restart true\n  logfile /var/log/test.log\n  colour red\n</program>\n\
         # In front.\n<program web>\n  command /bin/web\n  priority 5\n  exit-codes 0 2\n</program>\n\
         <program db>\n command /bin/db\n priority 9\n</program>\n",
    );
    assert_eq!(
        report(&import),
        "3: approximated: [supervisord] logfile: `runnerd --log-target file:/var/log/s.log`\n\
         4: approximated: [supervisord] socket-name: `runnerd --http /run/s.sock`; what is spoken there is XML-RPC over HTTP, and clients of supervisor 1 do not understand it\n\
         5: to decide: [supervisord] passwdfile: the verifiers in it cannot be used: make a new password\n\
         9: mapped: [program:test] command: exec-start = '''=/bin/echo it\\'s 100% \\;x \\\"'''\n\
         10: mapped: [program:test] auto-start: autostart = false\n\
         11: mapped: [program:test] auto-restart: restart = \"always\", restart-sec = 0\n\
         12: approximated: [program:test] logfile: log-file = \"/var/log/test.log\", log-mode = \"0644\"; both outputs, and never rotated\n\
         13: dropped: [program:test] colour: supervisor 1 is not known to have had this\n\
         17: mapped: [program:web] command: exec-start = \"/bin/web\"\n\
         18: approximated: [program:web] priority: priority = 4, group-priority = 4; higher numbers were started first, lower ones are now\n\
         19: approximated: [program:web] exit-codes: success-exit-status = [0, 2], success-exit-status-only = true; after these it is not started again\n\
         22: mapped: [program:db] command: exec-start = \"/bin/db\"\n\
         23: approximated: [program:db] priority: priority = 0, group-priority = 0; higher numbers were started first, lower ones are now"
            .replace("'''=/bin/echo it\\'s 100% \\;x \\\"'''", "\"=/bin/echo it\\\\'s 100% \\\\;x \\\\\\\"\"")
    );
    let (set, found) = load_files(&import);
    assert_eq!(found, [] as [&str; 0]);
    let test = set
        .get(&crate::UnitName::parse("test.service").unwrap())
        .unwrap();
    let words = super::super::command::split(&test.exec_start()[0].path).unwrap();
    assert_eq!(words, ["/bin/echo", "it's", "100%", ";x", "\""]);
    assert_eq!(test.log_max_size().as_bytes(), 0);
    for bad in [
        "<program x>\n",
        "</program>\n<a>\n</a>\n",
        "<a>\n</a>\nkey value\n",
    ] {
        let refused = super::import(&sources(bad), &Around::anywhere()).unwrap_err();
        assert!(
            refused.message.starts_with("/etc/s.conf:"),
            "{}",
            refused.message
        );
    }
}

#[test]
fn supervisor_2_spellings_are_read() {
    let import = import_text(
        "[supervisord]\nhttp_port=/run/s.sock\nsockchmod=0700\n\
         [program:a]\ncommand=a\nlogfile=/var/log/a.log\nlogfile_maxbytes=1MB\nlog_stderr=true\n\
         [program:b]\ncommand=b\nlogfile=/var/log/b.log",
    );
    assert_eq!(
        report(&import),
        "2: approximated: [supervisord] http_port: a section [unix_http_server] or [inet_http_server] of today; see runnerd's --http\n\
         3: approximated: [supervisord] sockchmod: a section [unix_http_server] or [inet_http_server] of today; see runnerd's --http\n\
         5: mapped: [program:a] command: exec-start = \"=a\"\n\
         6: approximated: [program:a] logfile: log-file = \"/var/log/a.log\", log-mode = \"0644\"; as supervisor 2 had it; supervisord of today ignores it\n\
         7: approximated: [program:a] logfile_maxbytes: log-max-size = \"1M\"; as supervisor 2 had it; supervisord of today ignores it\n\
         8: approximated: [program:a] log_stderr: supervisor 2 logged standard error to the same file, or nowhere\n\
         10: mapped: [program:b] command: exec-start = \"=b\"\n\
         11: approximated: [program:b] logfile: log-file = \"/var/log/b.log\", log-mode = \"0644\"; as supervisor 2 had it; supervisord of today ignores it"
    );
    let (set, _) = load_files(&import);
    let info = |name: &str| {
        let unit = set.get(&crate::UnitName::parse(name).unwrap()).unwrap();
        config_info(unit, true).unwrap()
    };
    assert!(info("a.service").redirect_stderr);
    assert!(!info("b.service").redirect_stderr);
    assert_eq!(info("b.service").stderr.logfile, None);
}
