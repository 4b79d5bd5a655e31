//! Configuration files by chance: mostly right, with every trap that is known, and now and then
//! something that is no configuration at all.

mod values;

use std::fmt::Write;

use values::{
    boolean, command, environment, expanded, integer, log_file, name, name_text, octal, owner,
    path, size, user,
};

/// Marsaglia's xorshift: the same seed, the same files.
pub(crate) struct Random(u64);

impl Random {
    /// The choices of `SEED`, else the same ones each time, or new ones with `RUNNER_TESTS_LONG`; and
    /// the seed, to be printed. What one change breaks must not depend on chance.
    pub(crate) fn seeded() -> (Random, u64) {
        let seed = std::env::var("SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let seed: u64 = seed.unwrap_or_else(|| {
            if std::env::var_os("RUNNER_TESTS_LONG").is_none() {
                return 1;
            }
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(1, |now| now.subsec_nanos().into())
        });
        // Seeds near each other must not begin alike.
        let state = (seed << 1 | 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (Random(state | 1), seed)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % limit as u64).unwrap()
    }

    /// True once in `times`.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    /// A good choice, once in two hundred and fifty a bad one.
    fn word(&mut self, good: &[&'static str], bad: &[&'static str]) -> String {
        let choices = if self.once_in(250) { bad } else { good };
        self.of(choices).to_owned()
    }
}

/// A whole configuration: names of files and what is in them.
pub(crate) fn file(random: &mut Random) -> Vec<(&'static str, Vec<u8>)> {
    let mut files = Vec::new();
    let mut sections = sections(random);
    if random.once_in(4) {
        let mut include = Section::new("include");
        if !random.once_in(15) {
            let patterns = random.of(&[
                "conf.d/*.conf",
                "conf.d/*.conf",
                "%(here)s/conf.d/[ab].conf",
                "conf.d/a.* nosuch/*",
                "conf.d/b.conf conf.d/a.conf",
                "conf.d\n  conf.d/?.conf",
                "%(ENV_X)s*.conf conf.d/.[!x]*",
                "*/*.conf %(nosuch)s",
            ]);
            include
                .options
                .push(("files".to_owned(), patterns.to_owned()));
        }
        sections.push(include);
        for name in ["conf.d/a.conf", "conf.d/b.conf"] {
            if random.once_in(4) {
                continue;
            }
            let mut included = Vec::new();
            for _ in 0..=random.below(2) {
                let section = program(random);
                included.push(section);
            }
            if random.once_in(6) {
                included.push(Section::new("include"));
            }
            if random.once_in(6) {
                included.push(daemon(random));
            }
            files.push((name, text(random, &included)));
        }
    }
    // Their order decides which error is told first.
    for index in (1..sections.len()).rev() {
        sections.swap(index, random.below(index + 1));
    }
    files.push(("main.conf", text(random, &sections)));
    files
}

struct Section {
    name: String,
    options: Vec<(String, String)>,
}

impl Section {
    fn new(name: &str) -> Section {
        Section {
            name: name.to_owned(),
            options: Vec::new(),
        }
    }

    /// Adds an option once in `times`.
    fn maybe(
        &mut self,
        random: &mut Random,
        times: usize,
        key: &str,
        value: fn(&mut Random) -> String,
    ) {
        if random.once_in(times) {
            let value = value(random);
            self.options.push((key.to_owned(), value));
        }
    }
}

fn sections(random: &mut Random) -> Vec<Section> {
    let mut sections = Vec::new();
    if !random.once_in(40) {
        sections.push(daemon(random));
    }
    for _ in 0..random.below(5) {
        sections.push(program(random));
    }
    if random.once_in(5) {
        sections.push(listener(random));
    }
    if random.once_in(5) {
        sections.push(fcgi(random));
    }
    if random.once_in(3) {
        sections.push(group(random, &sections));
    }
    if random.once_in(3) {
        sections.push(server(random));
    }
    if random.once_in(4) {
        sections.push(client(random));
    }
    if random.once_in(4) {
        let mut section = Section::new("rpcinterface:supervisor");
        let factory = "supervisor.rpcinterface:make_main_rpcinterface";
        if !random.once_in(20) {
            let key = "supervisor.rpcinterface_factory";
            section.options.push((key.to_owned(), factory.to_owned()));
        }
        section.maybe(random, 8, "extra", expanded);
        sections.push(section);
    }
    if random.once_in(8) {
        let mut section = Section::new("DEFAULT");
        section.maybe(random, 2, "startsecs", integer);
        section.maybe(random, 2, "directory", expanded);
        section.maybe(random, 2, "environment", environment);
        section.maybe(random, 3, "username", name_text);
        sections.push(section);
    }
    if random.once_in(8) {
        let name = random.of(&[
            "Program:a",
            "unknown",
            "program",
            "x:y",
            "supervisord ",
            "group",
        ]);
        let mut section = Section::new(name);
        section.maybe(random, 1, "command", expanded);
        sections.push(section);
    }
    if random.once_in(10)
        && let Some(first) = sections.first()
    {
        // The same section again, with something else in it.
        let mut again = Section::new(&first.name);
        again.maybe(random, 2, "priority", integer);
        again.maybe(random, 2, "umask", octal);
        sections.push(again);
    }
    sections
}

fn daemon(random: &mut Random) -> Section {
    let mut section = Section::new("supervisord");
    for key in ["logfile", "pidfile"] {
        section.maybe(random, 6, key, path);
    }
    section.maybe(random, 8, "logfile_maxbytes", size);
    section.maybe(random, 8, "logfile_backups", integer);
    section.maybe(random, 8, "loglevel", |random| {
        random.word(
            &[
                "info", "DEBUG", "warn", "critical", "trace", "blather", "error",
            ],
            &["warning", "", "20", "crit"],
        )
    });
    for key in ["nodaemon", "silent", "nocleanup", "strip_ansi"] {
        section.maybe(random, 10, key, boolean);
    }
    for key in ["minfds", "minprocs"] {
        section.maybe(random, 10, key, integer);
    }
    section.maybe(random, 8, "umask", octal);
    for key in ["directory", "childlogdir"] {
        section.maybe(random, 10, key, |random| {
            random.word(
                &["/tmp", "%(here)s", ".", "~", "/"],
                &["/nosuch", "", "~nosuch/x"],
            )
        });
    }
    section.maybe(random, 10, "user", user);
    section.maybe(random, 8, "identifier", expanded);
    section.maybe(random, 4, "environment", environment);
    section.maybe(random, 20, "http_port", integer);
    section
}

fn program(random: &mut Random) -> Section {
    let name = name(random);
    let mut section = Section::new(&format!("program:{name}"));
    program_options(random, &mut section);
    section
}

fn program_options(random: &mut Random, section: &mut Section) {
    if !random.once_in(50) {
        let command = command(random);
        section.options.push(("command".to_owned(), command));
    }
    for key in ["priority", "startsecs", "startretries", "stopwaitsecs"] {
        section.maybe(random, 6, key, integer);
    }
    for key in ["autostart", "stopasgroup", "killasgroup", "redirect_stderr"] {
        section.maybe(random, 9, key, boolean);
    }
    for stream in ["stdout", "stderr"] {
        section.maybe(random, 3, &format!("{stream}_logfile"), log_file);
        for end in ["logfile_maxbytes", "capture_maxbytes"] {
            section.maybe(random, 8, &format!("{stream}_{end}"), size);
        }
        section.maybe(random, 8, &format!("{stream}_logfile_backups"), integer);
        for end in ["events_enabled", "syslog"] {
            section.maybe(random, 10, &format!("{stream}_{end}"), boolean);
        }
    }
    section.maybe(random, 5, "autorestart", |random| {
        random.word(
            &["true", "false", "unexpected", "UNEXPECTED", "1", "off"],
            &["always", "", "never"],
        )
    });
    section.maybe(random, 5, "exitcodes", |random| {
        random.word(
            &["0", "0,2", " 1 , 255", "", "007", "+3"],
            &["256", "-1", "1,", "a", "0 2"],
        )
    });
    section.maybe(random, 5, "stopsignal", |random| {
        random.word(
            &[
                "TERM", "HUP", "sigint", "9", "0", "USR1", "SIGRTMIN", "64", "_dfl", "CLD",
            ],
            &["FOO", "99", "", "35", "TERM,INT", "-1", "RTMIN+1"],
        )
    });
    section.maybe(random, 6, "umask", octal);
    section.maybe(random, 6, "user", user);
    section.maybe(random, 4, "directory", expanded);
    section.maybe(random, 2, "environment", environment);
    section.maybe(random, 8, "serverurl", |random| {
        random.word(
            &["AUTO", "auto ", "http://x:1", "%(ENV_X)s", ""],
            &["%(nosuch)s"],
        )
    });
    if random.once_in(4) {
        let numprocs = random.word(&["2", "3", "1", "0", "11", "-1"], &["", "x"]);
        section.options.push(("numprocs".to_owned(), numprocs));
        let name = random.word(
            &[
                "%(program_name)s_%(process_num)02d",
                "%(process_num)s",
                "%(program_name)s_%(process_num)d_%(numprocs)x",
                "%(process_num)#x-%(ENV_X)s",
            ],
            &[
                "%(program_name)s",
                "%(process_num) 3d",
                "%(process_num)",
                "a:%(process_num)d",
            ],
        );
        section.options.push(("process_name".to_owned(), name));
        section.maybe(random, 2, "numprocs_start", |random| {
            random.word(&["1", "0", "8", "-2"], &["1.0"])
        });
    } else {
        section.maybe(random, 8, "process_name", |random| {
            random.word(
                &[
                    "%(program_name)s",
                    "x",
                    "%(group_name)s-%(host_node_name)s",
                    " y ",
                ],
                &["a b", "a/b", "%(nosuch)s", "%(process_num)y"],
            )
        });
    }
    section.maybe(random, 30, "comand", expanded);
}

fn listener(random: &mut Random) -> Section {
    let name = name(random);
    let mut section = Section::new(&format!("eventlistener:{name}"));
    program_options(random, &mut section);
    // What the kind refuses is refused often enough by chance.
    section.options.retain(|(key, _)| key != "redirect_stderr");
    section.maybe(random, 20, "redirect_stderr", boolean);
    if !random.once_in(20) {
        let events = random.word(
            &[
                "TICK_5",
                "process_state, TICK",
                "EVENT,EVENT",
                "PROCESS_LOG_STDERR,\n  SUPERVISOR_STATE_CHANGE",
            ],
            &["FOO", "TICK_5,", "", "TICK_5 TICK_60"],
        );
        section.options.push(("events".to_owned(), events));
    }
    section.maybe(random, 5, "buffer_size", |random| {
        random.word(&["1", "10", "100"], &["0", "-3", "x"])
    });
    section.maybe(random, 10, "result_handler", |random| {
        random.word(
            &["supervisor.dispatchers:default_handler"],
            &["no.such:thing", ""],
        )
    });
    section
}

fn fcgi(random: &mut Random) -> Section {
    let name = name(random);
    let mut section = Section::new(&format!("fcgi-program:{name}"));
    program_options(random, &mut section);
    let is_unix = random.once_in(2);
    let socket = if is_unix {
        random.word(
            &[
                "unix:///tmp/%(program_name)s.sock",
                "unix:///a/../b//c",
                "unix:////x",
            ],
            &["unix://rel", "unix:/x", "unix://%(process_num)d"],
        )
    } else {
        random.word(
            &[
                "tcp://localhost:9000",
                "tcp://H%(ENV_NUMBER)s:65535",
                "tcp://*:1",
            ],
            &[
                "tcp://x",
                "tcp://x:0",
                "tcp://x:70000",
                "udp://x:1",
                "",
                "tcp://x:1:2",
            ],
        )
    };
    section.options.push(("socket".to_owned(), socket));
    section.maybe(random, 5, "socket_backlog", |random| {
        random.word(&["1", "128", "65535"], &["0", "65536", "x"])
    });
    if is_unix || random.once_in(20) {
        section.maybe(random, 3, "socket_mode", octal);
        section.maybe(random, 3, "socket_owner", owner);
    }
    section
}

fn group(random: &mut Random, sections: &[Section]) -> Section {
    let name = name(random);
    let mut section = Section::new(&format!("group:{name}"));
    let mut programs: Vec<&str> = sections
        .iter()
        .filter_map(|section| {
            let (kind, name) = section.name.split_once(':')?;
            kind.ends_with("program").then_some(name)
        })
        .collect();
    programs.truncate(random.below(4));
    if random.once_in(15) {
        programs.push("nosuch");
    }
    let between = random.of(&[",", ", ", " ,\n  "]);
    let mut programs = programs.join(between);
    if random.once_in(20) {
        programs.push(',');
    }
    section.options.push(("programs".to_owned(), programs));
    section.maybe(random, 4, "priority", integer);
    section
}

fn server(random: &mut Random) -> Section {
    let (kind, key, value): (_, _, fn(&mut Random) -> String) = if random.once_in(2) {
        ("inet_http_server", "port", |random| {
            random.word(
                &[
                    "9001",
                    ":9001",
                    "*:9001",
                    "LOCALHOST:1",
                    "[::1]:80",
                    "127.0.0.1: 9001",
                ],
                &["foo", "x:", "0", "x:70000", "", "70000"],
            )
        })
    } else {
        ("unix_http_server", "file", |random| {
            random.word(
                &["/tmp/s.sock", "%(here)s/s", "~/s", "rel/../s", "/a//b", ""],
                &["%(program_name)s"],
            )
        })
    };
    let name = random.of(&["", "", ":a", ":b:c", "_x"]);
    let mut section = Section::new(&format!("{kind}{name}"));
    if !random.once_in(30) {
        let value = value(random);
        section.options.push((key.to_owned(), value));
    }
    section.maybe(random, 4, "chmod", octal);
    section.maybe(random, 4, "chown", owner);
    if random.once_in(3) {
        let username = name_text(random);
        section.options.push(("username".to_owned(), username));
        if !random.once_in(10) {
            section
                .options
                .push(("password".to_owned(), "{SHA}abc%%".to_owned()));
        }
    }
    section
}

fn client(random: &mut Random) -> Section {
    let mut section = Section::new("supervisorctl");
    section.maybe(random, 2, "serverurl", |random| {
        random.word(
            &[
                "unix:///tmp/s",
                "http://localhost:9001",
                "unix://rel/%(here)s",
                "unix://~/s",
                "x",
            ],
            &["%(nosuch)s", "100%"],
        )
    });
    section.maybe(random, 3, "username", name_text);
    section.maybe(random, 3, "password", expanded);
    section.maybe(random, 3, "prompt", expanded);
    section.maybe(random, 3, "history_file", path);
    section
}

/// Sections as somebody might type them.
fn text(random: &mut Random, sections: &[Section]) -> Vec<u8> {
    let mut text = String::new();
    if random.once_in(150) {
        text.push('\u{feff}');
    }
    if random.once_in(100) {
        text.push_str("key=before any section\n");
    }
    for section in sections {
        let indent = if random.once_in(100) { " " } else { "" };
        let behind = if random.once_in(10) {
            random.of(&[" ; note", " #x", "junk", " [y]"])
        } else {
            ""
        };
        writeln!(text, "{indent}[{}]{behind}", section.name).unwrap();
        for (key, value) in &section.options {
            option(random, &mut text, key, value);
        }
        if random.once_in(4) {
            text.push_str(random.of(&["\n", "\n\n", "; end\n", "  \n"]));
        }
    }
    if random.once_in(20) {
        for _ in 0..random.below(6) {
            soup(random, &mut text);
        }
    }
    if random.once_in(12) {
        text = text.replace('\n', random.of(&["\r\n", "\r"]));
    }
    if random.once_in(12) {
        text = text.trim_end().to_owned();
    }
    let mut bytes = text.into_bytes();
    if random.once_in(150) {
        bytes.extend(random.of(&["\u{e9}", "€x", "\u{1f600}"]).bytes().take(1));
        if random.once_in(2) {
            bytes.extend_from_slice(b"z\n");
        }
    }
    bytes
}

fn option(random: &mut Random, text: &mut String, key: &str, value: &str) {
    if random.once_in(25) {
        text.push_str(random.of(&["; a comment\n", "  # deeper\n", "\n", ";\n"]));
    }
    if random.once_in(250) {
        text.push_str(random.of(&[" ", "  ", "\t"]));
    }
    let key = if random.once_in(20) {
        key.to_uppercase()
    } else {
        key.to_owned()
    };
    text.push_str(&key);
    text.push_str(random.of(&["=", "=", " = ", ": ", "=\t"]));
    text.push_str(value);
    if random.once_in(12) {
        text.push_str(random.of(&[" ; why", " # why", "\t;x", " ;"]));
    }
    if random.once_in(250) {
        text.push_str(random.of(&[";glued", "#glued"]));
    }
    text.push('\n');
    if random.once_in(40) {
        text.push_str(random.of(&["   ; note\n", "\n", " # note\n"]));
    }
    if random.once_in(250) {
        text.push_str(random.of(&["  more\n", "\n  more=1\n", "\tx ; y\n"]));
    }
    if random.once_in(800) {
        text.push_str(random.of(&["REM x\n", "= 3\n", "[]\n", "word\n"]));
    }
}

/// A line of signs that mean something.
fn soup(random: &mut Random, text: &mut String) {
    for _ in 0..random.below(8) {
        text.push_str(random.of(&[
            "[", "]", "=", ":", ";", "#", " ", " ", "\t", "a", "b", "%", "\"", "\u{1c}", "\u{85}",
            "'", "x=1", "[s]",
        ]));
    }
    text.push('\n');
}
