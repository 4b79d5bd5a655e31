//! Values of options by chance: mostly right, with every trap that is known.

use super::Random;

pub(super) fn name(random: &mut Random) -> String {
    random.word(
        &[
            "a", "b", "c", "web", "A", "é", "x.y", " a ", "a_1", "a-b", "10", "9", "w%x",
        ],
        &["a b", "w:x", "p/q", "", "a]b"],
    )
}

pub(super) fn name_text(random: &mut Random) -> String {
    random.word(&["user", "%(ENV_X)s", ""], &["%(here)s", "%"])
}

pub(super) fn boolean(random: &mut Random) -> String {
    random.word(
        &["true", "false", "yes", "No", "ON", "off", "1", "0"],
        &["maybe", "", "2", "tru e", "'true'"],
    )
}

pub(super) fn integer(random: &mut Random) -> String {
    random.word(
        &[
            "0",
            "1",
            "5",
            "-1",
            "+7",
            "1_000",
            "007",
            "%(ENV_NUMBER)s",
            "99999999999999999999",
        ],
        &[
            "",
            "1.5",
            "x",
            "0x10",
            "1__0",
            "_1",
            "--1",
            "1 2",
            "%(nosuch)s",
        ],
    )
}

pub(super) fn size(random: &mut Random) -> String {
    random.word(
        &[
            "0",
            "50MB",
            "1 kb",
            "2gb",
            "-1",
            "1048576",
            "%(ENV_NUMBER)skB",
        ],
        &["1K", "50M", "1TB", "1.5MB", "", "MB", "1 MB B"],
    )
}

pub(super) fn octal(random: &mut Random) -> String {
    random.word(
        &["022", "0027", "27", "0o22", "0", "-1", "7_7"],
        &["9", "", "0x1", "rw", "0o"],
    )
}

pub(super) fn user(random: &mut Random) -> String {
    random.word(
        &["root", "0", "nobody", "daemon", "65534"],
        &["nosuch", "54321", "-1", "", "root:root", "99999999999"],
    )
}

pub(super) fn owner(random: &mut Random) -> String {
    random.word(
        &["root", "0:0", "nobody:root", "daemon:daemon"],
        &["nosuch", "root:nosuch", ":", "root:", "-1"],
    )
}

pub(super) fn path(random: &mut Random) -> String {
    random.word(
        &[
            "/tmp/x.log",
            "bare",
            "%(here)s/../x",
            "~/x",
            "",
            "~root/x",
            "syslog",
            "./y",
            "//tmp/z",
        ],
        &["/nosuch/x", "conf.d/no/x", "~nosuch/x", "%(nosuch)s"],
    )
}

pub(super) fn log_file(random: &mut Random) -> String {
    random.word(
        &[
            "AUTO",
            "none",
            "OFF",
            "/tmp/%(program_name)s.log",
            "%(here)s/%(process_num)02d",
            "bare",
            "~/x",
            "syslog",
            "/dev/stdout",
            "a%%%%b",
            "",
            "%(ENV_X)s",
        ],
        &["/nosuch/x", "100%%", "%(ENV_PERCENT)s", "%(nosuch)s"],
    )
}

/// A text with everything in it that `%` may do, and what inline comments are made of.
pub(super) fn expanded(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..=random.below(4) {
        let piece = random.below(14);
        match piece {
            0 => text.push_str(&conversion(random)),
            1 => text.push_str("%%"),
            2 => text.push_str(random.of(&["%(ENV_X)s", "%(ENV_ODD)s", "%(ENV_PERCENT)s"])),
            3 => text.push_str("%(here)s"),
            4 => text.push_str(random.of(&[";", " ;", "#", " #", "a;b ;c #d"])),
            5 => text.push_str(random.of(&["\"a b\"", "'x'", "it's", "\\"])),
            6 => text.push_str(random.of(&["é", "\u{a0}x", "\u{2028}", "\u{1f600}", "\u{301}"])),
            7 => text.push_str(random.of(&["=", ":", "[x]", "a=b"])),
            _ => text.push_str(random.of(&["x", "/y", "z ", "--k 1", " "])),
        }
        if random.once_in(200) {
            text.push_str(random.of(&["%", "%(here", "%(nosuch)s", "%d", "%(here)d", "%y", "%é"]));
        }
    }
    text
}

/// A conversion of a number, each of its parts by chance.
fn conversion(random: &mut Random) -> String {
    // Outside a process two of them are unknown.
    let name = if random.once_in(5) {
        random.of(&["process_num", "numprocs"])
    } else {
        "ENV_X"
    };
    let mut text = format!("%({name})");
    for _ in 0..random.below(3) {
        text.push_str(random.of(&["-", "+", " ", "#", "0"]));
    }
    if random.once_in(3) {
        text.push_str(random.of(&["1", "5", "12"]));
    }
    if random.once_in(4) {
        text.push_str(random.of(&[".", ".0", ".3", ".10"]));
    }
    let letter = if name == "ENV_X" && !random.once_in(100) {
        random.of(&["s", "r", "a", "ls"])
    } else {
        random.of(&[
            "d", "i", "u", "x", "X", "o", "s", "r", "e", "f", "g", "G", "E", "c",
        ])
    };
    text.push_str(letter);
    text
}

pub(super) fn command(random: &mut Random) -> String {
    let mut text = random
        .of(&[
            "/bin/cat",
            "sleep 1",
            "sh -c \"a ; b\"",
            "x",
            "é",
            "./run #1",
            "date +%%s",
        ])
        .to_owned();
    for _ in 0..random.below(4) {
        text.push_str(random.of(&[" ", " ", "\n  ", "\n\n    ", "\n\t"]));
        match random.below(6) {
            0 => text.push_str(&expanded(random)),
            1 => {
                text.push_str(random.of(&["%(process_num)d", "%(program_name)s", "%(group_name)r"]))
            }
            2 => text.push_str(random.of(&["priority=5", "[program:q]", "; comment", "a: b"])),
            _ => text.push_str(random.of(&["-p", "8001", "'q r'", "--name=x"])),
        }
    }
    text
}

/// Mostly pairs as they should be, and the spellings that go wrong.
pub(super) fn environment(random: &mut Random) -> String {
    let mut text = String::new();
    for index in 0..random.below(5) {
        if index > 0 {
            text.push_str(random.of(&[",", ",", ",", ", ", ",\n  ", " , ", ";"]));
        }
        text.push_str(random.of(&[
            "A",
            "B",
            "X",
            "PATH",
            "a.b",
            "FOO-BAR",
            "N%(ENV_NUMBER)s",
            "1x",
        ]));
        text.push_str(random.of(&["=", "=", "=", " = "]));
        let value = random.word(
            &[
                "1",
                "\"a b\"",
                "'c,d'",
                "\"\"",
                "/x/y:z",
                "\"%(here)s\"",
                "%(ENV_X)s",
                "\"%(ENV_ODD)s\"",
                "'a\"b'",
                "\"%(ENV_X)s-%%%%\"",
                "x(y)",
                "é",
                "b#c",
            ],
            &[
                "$HOME",
                "~/x",
                "http://x/y?z=1",
                "a b",
                "\"x y\"z",
                "\"a\\\"b\"",
                "",
                "\"a #b\"",
                "a*",
                "éa",
                "%(ENV_ODD)s",
                "%(nosuch)s",
                "\"50%\"",
                "'it''s'",
                "\"open",
            ],
        );
        text.push_str(&value);
    }
    if random.once_in(8) {
        text.push(',');
    }
    text
}
