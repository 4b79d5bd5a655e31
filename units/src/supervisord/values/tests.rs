//! The words are those of supervisord 4.3.0, each seen.

use super::super::world::{Account, World};
use super::*;

/// One user, one group, two directories.
struct Small;

impl World for Small {
    fn user(&self, name: &str) -> Known<Account> {
        if name == "www" {
            self.user_by_id(33)
        } else {
            Known::No
        }
    }

    fn user_by_id(&self, uid: u32) -> Known<Account> {
        if uid == 33 {
            Known::Yes(Account {
                uid,
                gid: 34,
                home: "/var/www".to_owned(),
            })
        } else {
            Known::No
        }
    }

    fn group(&self, name: &str) -> Known<u32> {
        if name == "staff" {
            Known::Yes(50)
        } else {
            Known::No
        }
    }

    fn group_by_id(&self, gid: u32) -> Known<u32> {
        if gid == 50 {
            Known::Yes(gid)
        } else {
            Known::No
        }
    }

    fn is_directory(&self, path: &str) -> bool {
        ["/", "/tmp", "/var/www", "/srv/logs"].contains(&path)
    }
}

fn around() -> Around<'static> {
    Around {
        current_directory: "/srv".to_owned(),
        world: &Small,
        ..Around::anywhere()
    }
}

#[test]
fn booleans() {
    assert_eq!(boolean("YES"), Ok(true));
    assert_eq!(boolean("0"), Ok(false));
    assert_eq!(
        boolean("Maybe"),
        Err("not a valid boolean value: 'Maybe'".to_owned())
    );
}

#[test]
fn integers() {
    for (text, number) in [
        (" 12 ", 12),
        ("-1", -1),
        ("+1_000", 1000),
        ("007", 7),
        ("99999999999999999999", i64::MAX),
        ("-99999999999999999999", i64::MIN),
    ] {
        assert_eq!(integer(text), Ok(number), "{text}");
    }
    for text in ["", "1.5", "_1", "1_", "1__0", "0x1", "1 2", "--1", "٣"] {
        assert_eq!(
            integer(text),
            Err(format!("invalid literal for int() with base 10: '{text}'"))
        );
    }
    for (text, number) in [
        ("022", 18),
        ("0o22", 18),
        ("27", 23),
        ("0o_7", 7),
        ("-1", -1),
    ] {
        assert_eq!(octal(text), Ok(number), "{text}");
    }
    for text in ["9", "", "0o", "0x1", "o7"] {
        assert_eq!(
            octal(text),
            Err(format!("{text} can not be converted to an octal type"))
        );
    }
}

#[test]
fn byte_sizes() {
    for (text, number) in [
        ("50MB", 50 << 20),
        ("1 kb", 1024),
        ("2Gb", 2 << 30),
        ("-1", -1),
        ("0", 0),
    ] {
        assert_eq!(byte_size(text), Ok(number), "{text}");
    }
    assert_eq!(
        byte_size("1.5MB"),
        Err("invalid literal for int() with base 10: '1.5'".to_owned())
    );
    assert_eq!(
        byte_size("1TB"),
        Err("invalid literal for int() with base 10: '1tb'".to_owned())
    );
}

#[test]
fn signals() {
    for (text, number) in [
        ("TERM", 15),
        ("sigusr1", 10),
        (" hup", 1),
        ("9", 9),
        ("0", 0),
        ("_IGN", 1),
        ("rtmin", 34),
    ] {
        assert_eq!(signal(text), Ok(number), "{text}");
    }
    assert_eq!(
        signal("FOO"),
        Err("value 'FOO' is not a valid signal name".to_owned())
    );
    assert_eq!(
        signal("35"),
        Err("value '35' is not a valid signal number".to_owned())
    );
}

#[test]
fn lists_and_words() {
    assert_eq!(exit_codes(""), Ok(vec![]));
    assert_eq!(exit_codes("0, 2"), Ok(vec![0, 2]));
    for bad in ["256", "-1", "1,", "a"] {
        assert_eq!(
            exit_codes(bad),
            Err(format!("not a valid list of exit codes: '{bad}'"))
        );
    }
    assert_eq!(list("a, b,"), ["a", "b", ""]);
    assert_eq!(list(""), [] as [&str; 0]);
    assert_eq!(auto_restart("Unexpected"), Ok(AutoRestart::Unexpected));
    assert_eq!(auto_restart("ON"), Ok(AutoRestart::Always));
    assert_eq!(
        auto_restart("Always"),
        Err("invalid 'autorestart' value 'always'".to_owned())
    );
    assert_eq!(log_level("WARN"), Ok(LogLevel::Warn));
    assert_eq!(
        log_level("warning"),
        Err("bad logging level name 'warning'".to_owned())
    );
    assert_eq!(name(" a "), Ok("a".to_owned()));
    assert_eq!(
        name("a b"),
        Err("Invalid name: 'a b' because of character: ' '".to_owned())
    );
    assert_eq!(
        name("a/b:c"),
        Err("Invalid name: 'a/b:c' because of character: ':'".to_owned())
    );
}

#[test]
fn addresses() {
    for (text, host, port) in [
        ("9001", "", 9001),
        (":9001", "", 9001),
        ("*:9001", "", 9001),
        ("LocalHost:9001", "localhost", 9001),
        ("[::1]:80", "[::1]", 80),
    ] {
        assert_eq!(inet_address(text), Ok((host.to_owned(), port)), "{text}");
    }
    for (text, message) in [
        ("foo", "not a valid port number: 'foo' "),
        ("70000", "not a valid port number: '70000' "),
        ("a:", "no port number specified in ''"),
        ("a:0", "0 is below lower bound (1)"),
        ("a:70000", "70000 is above upper bound (65535)"),
        ("a:b", "invalid literal for int() with base 10: 'b'"),
    ] {
        assert_eq!(inet_address(text), Err(message.to_owned()), "{text}");
    }
    assert_eq!(socket_text("tcp://H:1"), SocketText::Tcp(Some(("H", "1"))));
    for bad in [
        "tcp://:1",
        "tcp://a",
        "tcp://a:b",
        "tcp://a:1:2",
        "udp://a:1",
        "",
    ] {
        assert_eq!(socket_text(bad), SocketText::Tcp(None), "{bad}");
    }
    for good in ["http://localhost:9001", "unix:///tmp/s", "a:b", "file:/x"] {
        assert_eq!(url(good), Ok(good));
    }
    for bad in ["localhost", "", "http://", "1a://x", "a:?x"] {
        assert_eq!(url(bad), Err(format!("value '{bad}' is not a URL")));
    }
}

#[test]
fn what_must_exist() {
    let around = around();
    assert_eq!(user("www", &around).map(|user| user.gid), Ok(Some(34)));
    assert_eq!(user("33", &around).map(|user| user.uid), Ok(Some(33)));
    assert_eq!(user("", &around), Err("Invalid user name ".to_owned()));
    assert_eq!(
        user("nosuch", &around),
        Err("Invalid user name nosuch".to_owned())
    );
    assert_eq!(
        user("54321", &around),
        Err("Invalid user id 54321".to_owned())
    );
    assert_eq!(user("-7", &around), Err("Invalid user id -7".to_owned()));
    let owner = |text: &str| socket_owner(text, &around).map(|owner| (owner.uid, owner.gid));
    assert_eq!(owner("www"), Some((Some(33), None)));
    assert_eq!(owner("www:staff"), Some((Some(33), Some(50))));
    assert_eq!(owner("33:50"), Some((Some(33), Some(50))));
    assert_eq!(owner("www:nosuch"), None);
    assert_eq!(owner("www:"), None);

    assert_eq!(
        log_file("~www/log", &around),
        Ok(LogFileText::File(LogFile::Path("/var/www/log".to_owned())))
    );
    assert_eq!(
        log_file("Off", &around),
        Ok(LogFileText::File(LogFile::None))
    );
    assert_eq!(log_file("SYSLOG", &around), Ok(LogFileText::Syslog));
    assert_eq!(
        log_file("/nosuch/log", &around),
        Err("The directory named as part of the path /nosuch/log does not exist".to_owned())
    );
    assert_eq!(path_in_directory("bare", &around), Ok("bare".to_owned()));
    assert_eq!(
        path_in_directory("logs/x", &around),
        Ok("logs/x".to_owned())
    );
    assert_eq!(directory("/tmp", &around), Ok("/tmp".to_owned()));
    assert_eq!(
        directory("", &around),
        Err(" is not an existing directory".to_owned())
    );
    let elsewhere = Around::anywhere();
    assert_eq!(user("who", &elsewhere).map(|user| user.uid), Ok(None));
    assert_eq!(user("12", &elsewhere).map(|user| user.uid), Ok(Some(12)));
}
