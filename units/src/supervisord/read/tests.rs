//! Whole files: order of errors, includes, and what is said beside. Values are compared with the
//! real program in `tests/tests/ini_oracle.rs`.

use super::super::config::{FcgiSocket, GroupKind, LogFile, ServerAddress};
use super::*;

fn read_text(text: &str) -> Result<(Config, Vec<Diagnostic>), Refused> {
    let sources = Sources {
        main: SourceFile::text("/etc/s.conf", text),
        includes: Vec::new(),
    };
    read(&sources, &Around::anywhere())
}

fn config(text: &str) -> Config {
    read_text(text).unwrap().0
}

fn refusal(text: &str) -> String {
    let refused = read_text(text).unwrap_err();
    let last = refused.diagnostics.last().unwrap();
    assert_eq!(last.message, refused.message);
    format!("{}: {}", last.place, refused.message)
}

fn found(text: &str) -> Vec<String> {
    let (_, diagnostics) = read_text(text).unwrap();
    diagnostics.iter().map(Diagnostic::to_string).collect()
}

#[test]
fn an_empty_section_is_a_configuration() {
    let config = config("[supervisord]\n");
    assert_eq!(config.daemon.logfile, "/supervisord.log");
    assert_eq!(config.daemon.childlogdir, "/tmp");
    assert_eq!(config.daemon.identifier, "supervisor");
    assert_eq!(config.groups, []);
    assert_eq!(config.client, None);
    assert!(!config.rpc_interface);
}

#[test]
fn processes_of_a_program_are_sorted_by_name_and_groups_by_priority() {
    let text = "[supervisord]\nenvironment=A=1,B=2\n\
        [program:w]\ncommand=x %(process_num)d %(ENV_C)s\nnumprocs=11\nnumprocs_start=1\n\
        process_name=%(program_name)s_%(process_num)d\nenvironment=C=\"%(process_num)s\",B=3\n\
        [program:early]\ncommand=y\npriority=1\n\
        [eventlistener:l]\ncommand=z\nevents=tick_5, TICK_5,process_state\n\
        [group:g]\nprograms=in2,in1\n\
        [program:in1]\ncommand=a\npriority=1\n\
        [program:in2]\ncommand=b\n";
    let config = config(text);
    let names: Vec<&str> = config
        .groups
        .iter()
        .map(|group| group.name.as_str())
        .collect();
    assert_eq!(names, ["l", "early", "g", "w"]);
    let members: Vec<&str> = config.groups[2]
        .processes
        .iter()
        .map(|p| p.name.as_str())
        .collect();
    assert_eq!(members, ["in2", "in1"]);
    let workers = &config.groups[3].processes;
    assert_eq!(workers[1].name, "w_10");
    assert_eq!(workers[1].command, "x 10 10");
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(
        workers[1].environment,
        [pair("A", "1"), pair("B", "3"), pair("C", "10")]
    );
    let GroupKind::EventPool {
        events,
        buffer_size,
        result_handler: None,
    } = &config.groups[0].kind
    else {
        panic!("{:?}", config.groups[0].kind);
    };
    assert_eq!(events, &["TICK_5", "PROCESS_STATE"]);
    assert_eq!(*buffer_size, 10);
}

#[test]
fn servers_sockets_and_streams() {
    let config = config(
        "[supervisord]\n[unix_http_server]\nfile=/run/../run/s.sock\nchmod=0770\n\
         [inet_http_server:a]\nport=127.0.0.1:9001\nusername=u\npassword={SHA}x\n\
         [fcgi-program:f]\ncommand=f\nsocket=unix:///run/%(program_name)s.sock\nsocket_mode=0666\n\
         stdout_logfile=NONE\nstderr_logfile=syslog\n\
         [supervisorctl]\nserverurl=unix:///run/s.sock\n\
         [rpcinterface:supervisor]\n\
         supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n",
    );
    assert!(config.rpc_interface);
    assert_eq!(
        config.daemon.server_url.as_deref(),
        Some("unix:///run/s.sock")
    );
    assert_eq!(config.servers[0].name.as_deref(), Some("a"));
    assert_eq!(
        config.servers[1].address,
        ServerAddress::Unix {
            file: "/run/s.sock".to_owned(),
            chmod: 0o770,
            chown: super::super::SocketOwner::default(),
        }
    );
    assert_eq!(config.client.unwrap().serverurl, "unix:///run/s.sock");
    let GroupKind::Fcgi(socket) = &config.groups[0].kind else {
        panic!("{:?}", config.groups[0].kind);
    };
    assert!(matches!(socket, FcgiSocket::Unix { mode: 0o666, .. }));
    assert_eq!(socket.url(), "unix:///run/f.sock");
    let process = &config.groups[0].processes[0];
    assert_eq!(process.stdout.logfile, LogFile::None);
    assert_eq!(process.stderr.logfile, LogFile::None);
    assert!(process.stderr.syslog && !process.stdout.syslog);
    assert_eq!(config.warnings.len(), 1);
    let shown = format!("{:?}", config.servers);
    assert!(!shown.contains("{SHA}") && shown.contains("Secret"));
}

#[test]
fn our_own_settings() {
    let config = config(
        "[supervisord]\n[program:p]\ncommand=x\ndepends_on=db, cache:a\n\
         runner.memory-max=%(process_num)dM\nrunner.restart-sec = 2s\n",
    );
    let process = &config.groups[0].processes[0];
    let names: Vec<&str> = process.depends_on.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["db", "cache:a"]);
    let extensions: Vec<String> = process
        .extensions
        .iter()
        .map(|e| format!("{}:{}={}", e.place, e.key, e.text))
        .collect();
    assert_eq!(
        extensions,
        [
            "/etc/s.conf:5:1:memory-max=0M",
            "/etc/s.conf:6:1:restart-sec=2s"
        ]
    );
}

#[test]
fn refusals_have_the_real_words_and_a_place() {
    for (text, expected) in [
        (
            "[program:x]\n",
            "/etc/s.conf: .ini file does not include supervisord section",
        ),
        (
            "[supervisord]\n[program:a]\ncommand=x\nautostart=maybe\n",
            "/etc/s.conf:4:1: not a valid boolean value: 'maybe' in section 'program:a' (file: '/etc/s.conf')",
        ),
        (
            "[supervisord]\n[program:a]\ncommand=x\npriority=low\n",
            "/etc/s.conf:4:1: invalid literal for int() with base 10: 'low'",
        ),
        (
            "[supervisord]\n[program:a]\n",
            "/etc/s.conf:2:1: program section program:a does not specify a command in section 'program:a' (file: '/etc/s.conf')",
        ),
        (
            "[supervisord]\n[program:a]\ncommand=x\n[group:g]\nprograms=a,b\n",
            "/etc/s.conf:5:1: [program:a] names unknown program or fcgi-program b",
        ),
        (
            "[supervisord]\n[eventlistener:e]\ncommand=x\nevents=TICK_6\n",
            "/etc/s.conf:4:1: Unknown event type TICK_6 in [eventlistener:e] events",
        ),
        (
            "[supervisord]\n[fcgi-program:f]\ncommand=x\nsocket=udp://x\n",
            "/etc/s.conf:4:1: ('Bad socket format %s', 'udp://x') in [fcgi-program:f] socket",
        ),
        (
            "[supervisord]\n[program:a]\ncommand=x %(nosuch)s\n",
            "/etc/s.conf:3:1: Format string 'x %(nosuch)s' for 'program:a.command' contains names ('nosuch') which cannot be expanded. Available names: group_name, here, host_node_name, numprocs, process_num, program_name in section 'program:a' (file: '/etc/s.conf')",
        ),
        (
            "[supervisord]\n[inet_http_server]\nport=9001\nusername=x\n",
            "/etc/s.conf:4:1: Section [inet_http_server] contains incomplete authentication: If a username or a password is specified, both the username and password must be specified",
        ),
        (
            "[supervisord]\n[include]\n",
            "/etc/s.conf:2:1: .ini file has [include] section, but no files setting",
        ),
    ] {
        assert_eq!(refusal(text), expected);
    }
    let refused = read(
        &Sources {
            main: SourceFile {
                path: "f".into(),
                bytes: b"[supervisord]\na=\xff\n".to_vec(),
            },
            includes: Vec::new(),
        },
        &Around::anywhere(),
    );
    assert_eq!(
        refused.unwrap_err().message,
        "'utf-8' codec can't decode byte 0xff in position 16: invalid start byte"
    );
}

#[test]
fn included_files_override_and_are_named() {
    let included = |path: &str, text: &str| Included {
        path: path.into(),
        content: Ok(text.as_bytes().to_vec()),
    };
    let mut sources = Sources {
        main: SourceFile::text(
            "s.conf",
            "[supervisord]\n[include]\nfiles=d/* none/*\n[program:a]\ncommand=%(here)s/a\npriority=5\n",
        ),
        includes: vec![
            Include {
                pattern: "/d/*".to_owned(),
                files: vec![
                    included("/d/1", "[program:a]\npriority=7\n"),
                    included(
                        "/d/2",
                        "[program:b]\ncommand=%(here)s/b\n[include]\nfiles=x\n",
                    ),
                ],
            },
            Include {
                pattern: "/none/*".to_owned(),
                files: Vec::new(),
            },
        ],
    };
    let around = Around::anywhere();
    assert_eq!(
        include_patterns(&sources.main, &around).unwrap(),
        ["/d/*", "/none/*"]
    );
    let (config, diagnostics) = read(&sources, &around).unwrap();
    assert_eq!(config.groups[0].processes[0].command, "//a");
    assert_eq!(config.groups[0].priority, 7);
    assert_eq!(config.groups[1].processes[0].command, "/d/b");
    assert_eq!(
        config.infos,
        [
            "Included extra file \"/d/1\" during parsing",
            "Included extra file \"/d/2\" during parsing"
        ]
    );
    assert_eq!(config.warnings, ["No file matches via include \"/none/*\""]);
    let messages: Vec<&str> = diagnostics.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "an [include] in an included file does nothing",
            "No file matches via include \"/none/*\""
        ]
    );
    sources.includes[0].files[1] = included("/d/2", "[program:b]\nstartsecs=x\n");
    assert_eq!(
        read(&sources, &around).unwrap_err().message,
        "invalid literal for int() with base 10: 'x' in section 'program:b' (file: '/d/2')"
    );
}

#[test]
fn traps_are_told_with_their_lines() {
    let head = "[supervisord]\n[program:a]\ncommand=x\n";
    for (text, expected) in [
        (
            "[supervisord]\n[program:a]\ncommand=sh -c \"a ; b\"\n",
            "/etc/s.conf:3:9: warning: ` ;` begins a comment even inside quotes: the value ends at sh -c \"a\n  hint: leave out the blank before `;`, or move the text to a script",
        ),
        (
            "[supervisord]\n[program:a]\ncommand=x\n\n  priority=5\n",
            "/etc/s.conf:5:3: warning: this line still belongs to `command` of line 3: a blank line does not end a value\n  hint: begin it at the left margin",
        ),
        (
            "[supervisord]\n[program:a]\ncommand=x\n [program:b]\n",
            "/etc/s.conf:4:2: warning: this line belongs to `command` of line 3, since it is indented\n  hint: begin it at the left margin",
        ),
        (
            &format!("{head}environment=A=$HOME\n"),
            "/etc/s.conf:4:1: warning: `A` becomes '$' and not '$HOME'\n  hint: write A=\"$HOME\"",
        ),
        (
            &format!("{head}autorestrat=true\n"),
            "/etc/s.conf:4:1: warning: `autorestrat` is no option of [program:a], and does nothing\n  hint: did you mean `autorestart`?",
        ),
        (
            "[supervisord]\n[Program:a]\n",
            "/etc/s.conf:2:1: warning: [Program:a] is no section of supervisord, and nothing in it counts\n  hint: did you mean [program:a]? Names of sections are in lower case",
        ),
        (
            &format!("{head}priority=1\npriority=2\n"),
            "/etc/s.conf:5:1: warning: `priority` was set in line 4 already; this one counts\n  hint: take one of them out",
        ),
        (
            "[supervisord]\n[program:a]\ncommand=a && b\n",
            "/etc/s.conf:3:1: warning: `&&` reaches the program as it stands: no shell reads a command\n  hint: write command=/bin/sh -c 'exec …'",
        ),
        (
            &format!("{head}[group:b]\nprograms=a\n[program:b]\ncommand=y\n"),
            "/etc/s.conf:6:1: warning: there is another group `b` at /etc/s.conf:4:1; only that one runs\n  hint: rename one of them",
        ),
    ] {
        let found = found(text);
        assert!(
            found.iter().any(|line| line == expected),
            "{found:#?}\n{expected}"
        );
    }
    assert_eq!(found(head), [] as [&str; 0]);
}

#[test]
fn what_multiplies_is_bounded() {
    let many = "[supervisord]\n[program:a]\ncommand=x\nnumprocs=1000000000\nprocess_name=%(process_num)d\n";
    assert!(refusal(many).contains("more than 10000 processes"));
    let long = format!(
        "[supervisord]\nenvironment=A=\"{}\"\n[program:a]\ncommand=x\nnumprocs=9999\nprocess_name=%(process_num)d\n",
        "x".repeat(100_000)
    );
    assert!(refusal(&long).contains("exceed 67108864 bytes"));
}
