//! What a child has and is when its program begins, and what is said when a step on the way fails.

use std::collections::HashMap;
use std::io::Read as _;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use nix::sys::wait::WaitStatus;
use runnerd::process::launch::Method;
use runnerd::process::order::{FileMode, Order, Passed, Stdio};

use crate::{SLEEP, bench, bench_with, order};

pub(super) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[test]
fn a_child_starts_clean() {
    for method in [Method::IntoCgroup, Method::Clone3, Method::Clone] {
        let mut bench = bench_with(|settings| settings.method = method);
        // A descriptor without close-on-exec, as a careless library would leave it.
        let careless = rustix_dup(&std::fs::File::open("/").unwrap());
        let running = bench.start(order(SLEEP));
        assert_eq!(running.descriptors(), [0, 1, 2], "{method:?}");
        drop(careless);
        for name in ["fd/0", "fd/1", "fd/2"] {
            assert_eq!(running.link(name), "/dev/null");
        }
        for set in ["SigBlk", "SigCgt"] {
            assert_eq!(running.status(set), "0".repeat(16), "{method:?} {set}");
        }
        // As systemd has it: SIGPIPE (bit 12) and nothing else.
        assert_eq!(running.status("SigIgn"), "0000000000001000", "{method:?}");
        let piping = bench.start(order(&format!("{SLEEP}\nignore-sigpipe = false")));
        assert_eq!(piping.status("SigIgn"), "0".repeat(16), "{method:?}");
        assert_eq!(running.status("Umask"), "0022");
        assert_eq!(running.link("cwd"), "/");
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", running.pid())).unwrap();
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .collect();
        let pid = running.pid().to_string();
        assert_eq!(fields[1], std::process::id().to_string(), "our child");
        assert_eq!(&fields[2..4], [&pid, &pid], "its own group and session");
        assert_eq!(fields[4], "0", "no terminal");
    }
}

fn rustix_dup(file: &std::fs::File) -> OwnedFd {
    let fd = nix::fcntl::fcntl(file, nix::fcntl::FcntlArg::F_DUPFD(100)).unwrap();
    // SAFETY: just made by fcntl.
    #[allow(unsafe_code, reason = "fcntl gives a number")]
    unsafe {
        std::os::fd::FromRawFd::from_raw_fd(fd)
    }
}

#[test]
fn the_environment_is_declared() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("env");
    std::fs::write(&file, "B=file\nC='quoted value'\n").unwrap();
    let mut order = order(&format!(
        "{SLEEP}\nenvironment = [\"A=unit\", \"B=unit\"]\nenvironment-file = [\"{}\", \"-/none\"]\n\
         watchdog-sec = \"3s\"\npid-file = \"/run/x.pid\"\nfile-descriptor-store-max = 2\n",
        file.display()
    ));
    order.spawn.environment = vec![("MAINPID".to_owned(), "7".to_owned())];
    order.notify_path = Some("/run/notify/1".into());
    let run = order.spawn.invocation.to_string();
    let running = bench().start(order);
    let pid = running.pid().to_string();
    let mut environment = running.environment();
    for (name, value) in [
        ("A", "unit"),
        ("B", "file"),
        ("C", "quoted value"),
        ("LANG", "C.UTF-8"),
        ("PATH", runnerd::process::SEARCH_PATH),
        ("INVOCATION_ID", &run),
        ("MAINPID", "7"),
        ("NOTIFY_SOCKET", "/run/notify/1"),
        ("PIDFILE", "/run/x.pid"),
        ("WATCHDOG_USEC", "3000000"),
        ("WATCHDOG_PID", &pid),
        ("SYSTEMD_EXEC_PID", &pid),
        ("FDSTORE", "2"),
    ] {
        assert_eq!(environment.remove(name).as_deref(), Some(value), "{name}");
    }
    assert!(environment.is_empty(), "{environment:?}");
}

/// `=…` with what supervisord gives its programs.
fn literal(line: &str, more: &str) -> Order {
    order(&format!(
        "exec-start = '''\n={line}'''\ninherit-environment = true
         working-directory = \"inherit\"\n{more}"
    ))
}

#[test]
fn a_program_may_get_all_of_our_environment() {
    let table = "exec-start = \"env -0\"\ninherit-environment = true\nuser = \"nobody\"
                 server-url = \"auto\"\nenvironment = {SUPERVISOR_GROUP_NAME = \"mine\"}";
    let table = if is_root() {
        table.to_owned()
    } else {
        table.replace("user = \"nobody\"", "")
    };
    let mut order = order(&table);
    order.server_url = Some("unix:///run/s".into());
    let text = bench().output(order);
    let found: HashMap<&str, &str> = text
        .split_terminator('\0')
        .filter_map(|variable| variable.split_once('='))
        .collect();
    for (name, value) in std::env::vars() {
        assert_eq!(found.get(&*name), Some(&&*value), "{name}");
    }
    for (name, value) in [
        ("SUPERVISOR_ENABLED", "1"),
        ("SUPERVISOR_SERVER_URL", "unix:///run/s"),
        ("SUPERVISOR_PROCESS_NAME", "test"),
        ("SUPERVISOR_GROUP_NAME", "mine"),
    ] {
        assert_eq!(found.get(name), Some(&value), "{name}");
    }
    assert!(!found.contains_key("LANG") || std::env::var_os("LANG").is_some());
}

#[test]
fn a_literal_command_is_split_and_found_at_the_start() {
    let mut bench = bench();
    assert_eq!(
        bench.output(literal("printf '%s|' \"a b\" $HOME *\n 'c'", "")),
        "a b|$HOME|*|c|"
    );
    let here = std::env::current_dir().unwrap();
    assert_eq!(
        bench.output(literal("pwd", "")).trim_end(),
        here.to_str().unwrap()
    );
    let directory = tempfile::tempdir().unwrap();
    let tool = directory.path().join("tool");
    std::fs::write(&tool, "#!/bin/sh\necho found\n").unwrap();
    make_executable(&tool);
    let path = format!("environment = {{PATH = {:?}}}", directory.path());
    assert_eq!(bench.output(literal("tool", &path)), "found\n");
    for (line, sentence) in [
        ("nosuch", "can't find command 'nosuch'"),
        (
            "echo 'x",
            "can't parse command \"echo 'x\": No closing quotation",
        ),
        ("", "command is empty"),
        ("/etc/passwd", "command at '/etc/passwd' is not executable"),
        ("/etc", "command at '/etc' is a directory"),
    ] {
        assert_eq!(bench.failure(literal(line, "")), (0, sentence.to_owned()));
    }
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_literal_command_that_fails_says_so_in_its_own_log() {
    let mut bench = bench();
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("script");
    std::fs::write(&script, "echo never\n").unwrap();
    make_executable(&script);
    let shown = script.display();
    let mut said = |table: &str| {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut order = order(table);
        order.stderr = Stdio::Fd(Arc::new(OwnedFd::from(writer)));
        assert_eq!(bench.failure(order).0, 127);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    };
    assert_eq!(
        said(&format!("exec-start = \"={shown}\"")),
        format!(
            "supervisor: couldn't exec {shown}: ENOEXEC\n\
             supervisor: child process was not spawned\n"
        )
    );
    assert_eq!(
        said("exec-start = \"=true\"\nworking-directory = \"/no/such\""),
        "supervisor: couldn't chdir to /no/such: ENOENT\n\
         supervisor: child process was not spawned\n"
    );
}

#[test]
fn words_arrive_as_written() {
    let mut bench = bench();
    let text = bench.output(order(
        r#"exec-start = """printf '[%%s]' "a b" 'c"d' e\\x20f $LIST ${LIST} $NONE ${NONE} $$x ;"""
environment = { LIST = "1 '2 3'" }"#,
    ));
    assert_eq!(text, "[a b][c\"d][e f][1][2 3][1 '2 3'][][$x]");
    let text = bench.output(order("exec-start = \"@/bin/sh mine -c 'echo $0' \""));
    assert_eq!(text, "mine\n");
    let text = bench.output(order(
        "exec-start = [\"printf\", \"%%s|\", \"a;b\", \"$$HOME\", \"\"]",
    ));
    assert_eq!(text, "a;b|$HOME||");
}

#[test]
fn descriptors_are_passed() {
    let passed = |name: &str| Passed {
        fd: Arc::new(std::fs::File::open("/").unwrap().into()),
        name: name.to_owned(),
    };
    let mut order = order(SLEEP);
    order.listen = vec![passed("http"), passed("admin")];
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    order.listen.push(Passed {
        fd: Arc::new(listener.into()),
        name: "tcp".to_owned(),
    });
    order.stored = vec![passed("stored")];
    let mut bench = bench();
    let running = bench.start(order.clone());
    assert_eq!(running.descriptors(), [0, 1, 2, 3, 4, 5, 6]);
    assert!(running.link("fd/5").starts_with("socket:"));
    let environment = running.environment();
    assert_eq!(environment["LISTEN_FDS"], "4");
    assert_eq!(environment["LISTEN_FDNAMES"], "http:admin:tcp:stored");
    assert_eq!(environment["LISTEN_PID"], running.pid().to_string());
    let info = std::fs::read_to_string(format!("/proc/{}/fdinfo/5", running.pid())).unwrap();
    let flags = info
        .lines()
        .find_map(|line| line.strip_prefix("flags:"))
        .unwrap()
        .trim();
    let flags = i32::from_str_radix(flags, 8).unwrap();
    assert_eq!(flags & (libc::O_NONBLOCK | libc::O_CLOEXEC), 0);

    // Only for the main process is anything listened for; the caller passes nothing otherwise.
    order.listen.clear();
    order.stored.clear();
    let running = bench.start(order);
    assert!(!running.environment().contains_key("LISTEN_FDS"));
}

#[test]
fn descriptors_may_stand_in_each_others_place() {
    // Sources that are themselves 3, 4, 5 in some order: what is passed must still be right.
    let mut order = order(SLEEP);
    let mut files: Vec<(i32, Passed)> = Vec::new();
    let directory = tempfile::tempdir().unwrap();
    for number in 0..20 {
        let path = directory.path().join(number.to_string());
        let file = std::fs::File::create(&path).unwrap();
        let name = path.to_str().unwrap().to_owned();
        files.push((
            file.as_raw_fd(),
            Passed {
                fd: Arc::new(file.into()),
                name,
            },
        ));
    }
    files.sort_by_key(|(fd, _)| std::cmp::Reverse(*fd));
    order.listen = files.into_iter().map(|(_, passed)| passed).collect();
    let names: Vec<String> = order
        .listen
        .iter()
        .map(|passed| passed.name.clone())
        .collect();
    let running = bench().start(order);
    for (number, name) in (3..).zip(names) {
        assert_eq!(running.link(&format!("fd/{number}")), name);
    }
}

#[test]
fn a_connection_as_standard_descriptors() {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut order =
        order("exec-start = \"/bin/sh -c 'read x; echo got $x; echo $LISTEN_FDS- >&2'\"");
    order.listen = vec![Passed {
        fd: Arc::new(theirs.into()),
        name: "connection".to_owned(),
    }];
    order.stdin = Stdio::Socket;
    order.stdout = Stdio::Inherit;
    order.stderr = Stdio::Inherit;
    let mut bench = bench();
    let running = bench.start(order.clone());
    std::io::Write::write_all(&mut &ours, b"hello\n").unwrap();
    assert!(matches!(running.wait(), WaitStatus::Exited(_, 0)));
    order.listen.clear();
    let (status, message) = bench.failure(order.clone());
    assert_eq!(status, 208);
    assert_eq!(
        message,
        "standard-input = \"socket\" needs exactly one socket, there are 0"
    );
    // The order holds the other end; without it there is an end to read to.
    drop(order);
    let mut text = String::new();
    (&ours).read_to_string(&mut text).unwrap();
    assert_eq!(text, "got hello\n-\n");
}

#[test]
fn files_as_standard_descriptors() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("in"), "input").unwrap();
    std::fs::write(at("out"), "before:").unwrap();
    let mut order = order("exec-start = \"/bin/sh -c 'cat; echo error >&2'\"");
    order.stdin = Stdio::File {
        path: at("in"),
        mode: FileMode::Read,
    };
    order.stdout = Stdio::File {
        path: at("out"),
        mode: FileMode::Append,
    };
    order.stderr = Stdio::File {
        path: at("err"),
        mode: FileMode::Write,
    };
    let mut bench = bench();
    bench.start(order.clone()).wait();
    assert_eq!(std::fs::read_to_string(at("out")).unwrap(), "before:input");
    assert_eq!(std::fs::read_to_string(at("err")).unwrap(), "error\n");
    order.stderr = Stdio::File {
        path: at("none/err"),
        mode: FileMode::Write,
    };
    let (status, message) = bench.failure(order);
    assert_eq!(status, 222);
    let expected = format!(
        "cannot write to {} for standard-error: no such file or directory",
        at("none/err").display()
    );
    assert_eq!(message, expected);
}

#[test]
fn settings_are_applied() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().canonicalize().unwrap();
    let running = bench().start(order(&format!(
        "{SLEEP}\nworking-directory = \"{}\"\numask = \"0077\"\nlimit-nofile = \"100:200\"",
        path.display()
    )));
    assert_eq!(running.link("cwd"), path.to_str().unwrap());
    assert_eq!(running.status("Umask"), "0077");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.pid())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let numbers: Vec<&str> = line.split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers, ["100", "200"]);
    let running = bench().start(order(&format!(
        "{SLEEP}\nworking-directory = \"-/nonexistent\""
    )));
    assert_eq!(running.link("cwd"), "/");
}

#[test]
fn root_is_given_up() {
    if !is_root() {
        return;
    }
    let mut bench = bench();
    let running = bench.start(order(&format!("{SLEEP}\nuser = \"nobody\"")));
    let uid = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let (uid, gid) = (uid.uid.to_string(), uid.gid.to_string());
    assert_eq!(running.status("Uid"), [uid.as_str(); 4].join(" "));
    assert_eq!(running.status("Gid"), [gid.as_str(); 4].join(" "));
    assert_eq!(running.status("Groups"), gid);
    assert_eq!(running.status("CapEff"), "0".repeat(16));
    let environment = running.environment();
    assert_eq!(environment["USER"], "nobody");
    assert_eq!(environment["LOGNAME"], "nobody");
    // No home and no shell that anybody could use.
    assert!(!environment.contains_key("HOME") && !environment.contains_key("SHELL"));

    let numbers = format!("{SLEEP}\nuser = \"54321\"\ngroup = \"54322\"");
    let running = bench.start(order(&numbers));
    assert_eq!(running.status("Uid"), "54321 54321 54321 54321");
    assert_eq!(running.status("Groups"), "54322");
    // `!` and `+` keep the user but not the environment.
    let running = bench.start(order("exec-start = \"!sleep 1000\"\nuser = \"nobody\""));
    assert_eq!(running.status("Uid"), "0 0 0 0");
    assert_eq!(running.environment()["USER"], "nobody");
    let running = bench.start(order("exec-start = \"+sleep 1000\"\nuser = \"nobody\""));
    assert_eq!(running.status("Uid"), "0 0 0 0");
    assert_eq!(running.environment()["USER"], "nobody");
    let running = bench.start(order("exec-start = \"!!sleep 1000\"\nuser = \"nobody\""));
    assert_eq!(running.status("Uid"), [uid.as_str(); 4].join(" "));
}

#[test]
fn failing_steps_say_what_failed() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str, mode: u32| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&path, mode).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let unreadable = write("not-executable", "x", 0o644);
    let no_format = write("no-format", "echo\n", 0o755);
    let no_interpreter = write("no-interpreter", "#!/nonexistent/sh\n", 0o755);
    let from_windows = write("from-windows", "#!/bin/sh\r\n", 0o755);
    let exec = |path: &str| format!("exec-start = \"{path}\"");
    let mut bench = bench();
    for (table, status, sentence) in [
        (
            exec("/none"),
            203,
            "cannot execute /none: no such file or directory".to_owned(),
        ),
        (
            exec("no-such-program"),
            203,
            format!(
                "cannot execute no-such-program: it is not in {}",
                runnerd::process::SEARCH_PATH
            ),
        ),
        (
            exec("/etc"),
            203,
            "cannot execute /etc: permission denied".to_owned(),
        ),
        (
            exec(&unreadable),
            203,
            format!("cannot execute {unreadable}: permission denied"),
        ),
        (
            exec(&no_format),
            203,
            format!(
                "cannot execute {no_format} (a script needs a first line such as #!/bin/sh): \
                 exec format error"
            ),
        ),
        (
            exec(&no_interpreter),
            203,
            format!(
                "cannot execute {no_interpreter} (its interpreter is \"/nonexistent/sh\"): \
                 no such file or directory"
            ),
        ),
        (
            exec(&from_windows),
            203,
            format!(
                "cannot execute {from_windows} (its interpreter is \"/bin/sh\\r\"): \
                 no such file or directory"
            ),
        ),
        (
            format!("{SLEEP}\nworking-directory = \"/nonexistent\""),
            200,
            "cannot change to directory /nonexistent: no such file or directory".to_owned(),
        ),
        (
            format!("{SLEEP}\nuser = \"nouser\""),
            217,
            "there is no user \"nouser\"".to_owned(),
        ),
        (
            format!("{SLEEP}\ngroup = \"nogroup7\""),
            216,
            "there is no group \"nogroup7\"".to_owned(),
        ),
        (
            format!("{SLEEP}\nuser = \"54321\""),
            217,
            "there is no user with the number 54321, and no group is set that it could run with"
                .to_owned(),
        ),
        (
            format!("{SLEEP}\nenvironment-file = \"/nonexistent\""),
            0,
            "cannot read environment file /nonexistent: no such file or directory".to_owned(),
        ),
    ] {
        assert_eq!(bench.failure(order(&table)), (status, sentence));
    }
}
