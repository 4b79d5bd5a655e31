//! Whatever a supervisord.conf holds, reading it ends, and says what is wrong where.

use proptest::prelude::*;
use units::supervisord::{
    Around, Include, Included, SourceFile, Sources, command, environment, expand, ini,
    is_supervisord, read, read_client,
};

fn sources(main: &[u8], included: &[u8]) -> Sources {
    Sources {
        main: SourceFile {
            path: "s.conf".into(),
            bytes: main.to_vec(),
        },
        includes: vec![Include {
            pattern: "/d/*".to_owned(),
            files: vec![Included {
                path: "/d/a".into(),
                content: Ok(included.to_vec()),
            }],
        }],
    }
}

fn check(main: &[u8], included: &[u8]) {
    let around = Around::anywhere();
    let sources = sources(main, included);
    let _ = read_client(&sources.main, &around);
    match read(&sources, &around) {
        Ok((_, found)) => assert!(found.iter().all(|found| !found.is_error())),
        Err(refused) => {
            let last = refused.diagnostics.last();
            assert!(!refused.message.is_empty());
            assert!(last.is_some_and(|last| last.is_error() && last.message == refused.message));
        }
    }
}

/// Lines that look like a configuration.
fn lines() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("[supervisord]".to_owned()),
        Just("[program:a]".to_owned()),
        Just("[group:g]\nprograms=a".to_owned()),
        Just("[eventlistener:e]\nevents=TICK_5\ncommand=x".to_owned()),
        Just("[fcgi-program:f]\nsocket=tcp://a:1\ncommand=x".to_owned()),
        Just("[include]\nfiles=*".to_owned()),
        Just("[DEFAULT]".to_owned()),
        Just("numprocs=3\nprocess_name=%(process_num)s".to_owned()),
        "(command|environment|user|stdout_logfile|umask|stopsignal|exitcodes|priority|depends_on|runner.x) ?[=:] ?[-a-zA-Z0-9%()\"' ,;#$=_.é\\\\]{0,24}",
        "[ \t]{0,3}[\\[\\]a-z=:;#%\"' ]{0,16}",
    ];
    proptest::collection::vec(line, 0..24).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        check(&bytes, b"");
        check(b"[supervisord]\n[include]\nfiles=x\n", &bytes);
        is_supervisord(&bytes);
    }

    #[test]
    fn anything_like_a_configuration(main in lines(), included in lines()) {
        check(main.as_bytes(), included.as_bytes());
        check(format!("[supervisord]\n{main}").as_bytes(), included.as_bytes());
    }

    #[test]
    fn any_value(text in any::<String>()) {
        let around = Around::anywhere();
        let names = expand::Names::new(&around.environment).with("here", "/x");
        let _ = expand::expand(&text, &names, "a.b");
        let _ = environment::parse(&text);
        let _ = command::split(&text);
    }

    /// What has no `%` stays, and what was doubled comes out single.
    #[test]
    fn doubled_signs_come_out_single(text in any::<String>()) {
        let around = Around::anywhere();
        let names = expand::Names::new(&around.environment);
        prop_assert_eq!(expand::expand(&text.replace('%', "%%"), &names, "a.b"), Ok(text));
    }

    /// Every option keeps its line, and every comment somebody may want is still there.
    #[test]
    fn places_are_lines_of_the_file(text in lines()) {
        let text = format!("[s]\n{text}\n");
        let mut document = ini::Document::default();
        if document.read(&"f".into(), &text).is_ok() {
            let lines: Vec<&str> = text.lines().collect();
            for section in document.sections.iter().chain([&document.defaults]) {
                for entry in &section.entries {
                    let line = lines[entry.place.line as usize - 1].to_lowercase();
                    prop_assert!(line.contains(&entry.key), "{line:?} {:?}", entry.key);
                    for piece in &entry.pieces {
                        prop_assert!(lines[piece.place.line as usize - 1].contains(&piece.text));
                    }
                }
            }
        }
    }
}

/// As large as a file may be, and of the worst kind.
#[test]
fn large_files_are_read_in_time() {
    const SIZE: usize = 1 << 20;
    let fill = |head: &str, line: &str| {
        let mut text = head.to_owned();
        for number in 0.. {
            text.push_str(&line.replace('N', &number.to_string()));
            if text.len() > SIZE {
                return text;
            }
        }
        text
    };
    let began = std::time::Instant::now();
    for text in [
        fill("[supervisord]\n", "[sN]\n"),
        fill("[supervisord]\n", "kN=\n"),
        fill("[supervisord]\nx=1\n", " ; #\n\n y\n"),
        fill("[supervisord]\n", "junk N\n"),
        fill("[supervisord]\n[program:a]\ncommand=", "%(process_num)s "),
        fill(
            "[supervisord]\n[program:a]\ncommand=x\nenvironment=",
            "AN=1,",
        ),
        fill(
            "[supervisord]\n[program:a]\ncommand=x\n[group:g]\nprograms=",
            "a,",
        ),
        fill(
            "[supervisord]\n[include]\n[DEFAULT]\n",
            "aN=%(here)s\n[sN]\n[DEFAULT]\n",
        ),
        fill("[supervisord]\na=", "; "),
    ] {
        check(text.as_bytes(), b"");
    }
    // A minute would be far too long already; this is for what never ends.
    assert!(began.elapsed().as_secs() < 60);
}
