//! What each setting of systemd.exec(5) does to a real process.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runnerd::process::directories::Roots;
use runnerd::process::order::Stdio;

use super::steps::is_root;
use super::{Bench, Running, SLEEP, bench, bench_with, order};

/// A bench whose directories of units lie below `directory`.
fn bench_in(directory: &Path) -> Bench {
    let below = |name: &str| directory.join(name);
    let roots = Roots {
        runtime: below("run"),
        state: below("lib"),
        cache: below("cache"),
        logs: below("log"),
        configuration: below("etc"),
        credentials: below("credentials"),
    };
    bench_with(|settings| settings.roots = roots)
}

fn started(table: &str) -> Running {
    bench().start(order(&format!("{SLEEP}\n{table}")))
}

/// A line of a file in `/proc`, from its label on.
fn line_of(running: &Running, file: &str, label: &str) -> String {
    let path = format!("/proc/{}/{file}", running.pid());
    let text = std::fs::read_to_string(path).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(label))
        .unwrap();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_limit() {
    let table = "limit-cpu = \"1min\"\nlimit-fsize = \"1G\"\nlimit-data = \"2G\"\nlimit-stack = \"4M:8M\"\n\
                 limit-core = \"0\"\nlimit-rss = \"3G\"\nlimit-nofile = \"200\"\nlimit-as = \"5G\"\n\
                 limit-nproc = \"1000\"\nlimit-memlock = \"32K\"\nlimit-locks = \"70\"\n\
                 limit-sigpending = \"80\"\nlimit-msgqueue = \"9K\"\nlimit-nice = \"0\"\n\
                 limit-rtprio = \"0\"\nlimit-rttime = \"5ms\"";
    let running = started(table);
    for (label, expected) in [
        ("Max cpu time", "60 60 seconds"),
        ("Max file size", "1073741824 1073741824 bytes"),
        ("Max data size", "2147483648 2147483648 bytes"),
        ("Max stack size", "4194304 8388608 bytes"),
        ("Max core file size", "0 0 bytes"),
        ("Max resident set", "3221225472 3221225472 bytes"),
        ("Max open files", "200 200 files"),
        ("Max address space", "5368709120 5368709120 bytes"),
        ("Max processes", "1000 1000 processes"),
        ("Max locked memory", "32768 32768 bytes"),
        ("Max file locks", "70 70 locks"),
        ("Max pending signals", "80 80 signals"),
        ("Max msgqueue size", "9216 9216 bytes"),
        ("Max nice priority", "0 0"),
        ("Max realtime priority", "0 0"),
        ("Max realtime timeout", "5000 5000 us"),
    ] {
        assert_eq!(line_of(&running, "limits", label), expected, "{label}");
    }
}

#[test]
fn scheduling() {
    let running = started(
        "nice = 7\ncpu-scheduling-policy = \"batch\"\ncpu-affinity = \"0\"\noom-score-adjust = 300\n\
         coredump-filter = \"private-anonymous elf-headers\"\ntimer-slack-nsec = \"70us\"\n\
         io-scheduling-class = \"idle\"",
    );
    let read = |file: &str| {
        let path = format!("/proc/{}/{file}", running.pid());
        std::fs::read_to_string(path).unwrap().trim().to_owned()
    };
    assert_eq!(read("oom_score_adj"), "300");
    assert_eq!(read("coredump_filter"), "00000011");
    // The child shares our memory until it executes its program, and leaves nothing behind in it.
    let ours = std::fs::read_to_string("/proc/self/coredump_filter").unwrap();
    assert_ne!(ours.trim(), "00000011");
    assert_eq!(running.status("Cpus_allowed_list"), "0");
    let stat = read("stat");
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    assert_eq!(fields[16], "7", "the nice level");
    assert_eq!(fields[38], "3", "SCHED_BATCH");
    // Only its owner and root may look.
    if is_root() {
        assert_eq!(read("timerslack_ns"), "70000");
    }
}

#[test]
fn what_may_not_be_raised_comes_as_near_as_it_may() {
    let own = std::fs::read_to_string("/proc/self/limits").unwrap();
    let hard = own
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .and_then(|line| line.split_whitespace().nth(4))
        .unwrap()
        .to_owned();
    let running = started("limit-nofile = \"1073741816\"");
    let limit = line_of(&running, "limits", "Max open files");
    let may = format!("{hard} {hard} files");
    assert!(
        limit == may || limit.starts_with("1073741816"),
        "{limit}, not {may}"
    );
}

#[test]
fn privileges() {
    if !is_root() {
        return;
    }
    let capability =
        |running: &Running, set: &str| u64::from_str_radix(&running.status(set), 16).unwrap();
    let running =
        started("no-new-privileges = true\ncapability-bounding-set = \"CAP_CHOWN CAP_KILL\"");
    assert_eq!(running.status("NoNewPrivs"), "1");
    assert_eq!(capability(&running, "CapBnd"), 0b10_0001);
    assert_eq!(capability(&running, "CapEff"), 0b10_0001);
    let running = started("capability-bounding-set = \"\"");
    assert_eq!(capability(&running, "CapBnd"), 0);
    let running = started("capability-bounding-set = \"~CAP_CHOWN\"");
    assert_eq!(capability(&running, "CapBnd") & 0b11, 0b10);
    let table = "user = \"nobody\"\nambient-capabilities = \"CAP_NET_BIND_SERVICE\"\n\
                 secure-bits = \"keep-caps noroot-locked\"";
    let running = started(table);
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(capability(&running, set), 1 << 10, "{set}");
    }
    // `+` is under no restriction.
    let command = "exec-start = \"+sleep 1000\"\nno-new-privileges = true\n\
                   capability-bounding-set = \"CAP_CHOWN\"\nlimit-core = \"17\"";
    let running = bench().start(order(command));
    assert_eq!(running.status("NoNewPrivs"), "0");
    assert_ne!(capability(&running, "CapBnd"), 1);
    assert!(!line_of(&running, "limits", "Max core file size").starts_with("17"));
}

#[test]
fn groups() {
    if !is_root() {
        return;
    }
    let running = started("supplementary-groups = \"54321 54322\"");
    assert_eq!(running.status("Groups"), "54321 54322");
    let running = started("user = \"nobody\"\nsupplementary-groups = \"54321\"");
    assert_eq!(running.status("Groups"), "54321 65534");
}

#[test]
fn the_environment_in_its_order() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(directory.path().join(name), text).unwrap();
    };
    file("1.env", "A=file\nB=one\nD=gone\n");
    file("2.env", "B=two\n");
    file("2.txt", "B=three\n");
    let running = started(&format!(
        "environment = \"A=unit C=unit D=unit E=kept F=gone\"\n\
         environment-file = [\"{0}/*.env\", \"-{0}/*.none\", \"-/proc/none\"]\n\
         exec-search-path = \"/opt/bin:/usr/bin:/bin\"\npass-environment = \"CARGO_PKG_NAME NONE C\"\n\
         unset-environment = \"D E=other F=gone SYSTEMD_EXEC_PID\"",
        directory.path().display()
    ));
    let environment = running.environment();
    for (name, value) in [
        ("A", Some("file")),
        ("B", Some("two")),
        ("C", Some("unit")),
        ("D", None),
        ("E", Some("kept")),
        ("F", None),
        ("PATH", Some("/opt/bin:/usr/bin:/bin")),
        ("CARGO_PKG_NAME", Some(env!("CARGO_PKG_NAME"))),
        ("SYSTEMD_EXEC_PID", None),
    ] {
        assert_eq!(environment.get(name).map(String::as_str), value, "{name}");
    }
    let missing = format!(
        "{SLEEP}\nenvironment-file = \"{}/*.none\"",
        directory.path().display()
    );
    let (_, sentence) = bench().failure(order(&missing));
    assert!(
        sentence.contains("cannot read environment file"),
        "{sentence}"
    );
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path)
        .unwrap()
        .permissions()
        .mode()
        & 0o7777
}

#[test]
fn directories_are_made_given_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let at = |name: &str| directory.path().join(name);
    let mut bench = bench_in(directory.path());
    let user = if is_root() { "user = \"nobody\"\n" } else { "" };
    let mut order = order(&format!(
        "{SLEEP}\n{user}runtime-directory = \"b/c:link/x a b\"\nruntime-directory-mode = \"0750\"\n\
         state-directory = \"s\"\ncache-directory = \"k\"\nlogs-directory = \"l\"\n\
         configuration-directory = \"f\"\nconfiguration-directory-mode = \"0700\""
    ));
    std::fs::create_dir_all(at("lib/s/old")).unwrap();
    std::fs::create_dir_all(at("etc/f")).unwrap();
    std::fs::set_permissions(at("etc/f"), PermissionsExt::from_mode(0o755)).unwrap();
    let running = bench.start(order.clone());
    let environment = running.environment();
    let shown = |names: &[&str]| {
        let paths: Vec<String> = names
            .iter()
            .map(|name| at(name).display().to_string())
            .collect();
        paths.join(":")
    };
    assert_eq!(
        environment["RUNTIME_DIRECTORY"],
        shown(&["run/a", "run/b", "run/b/c"])
    );
    assert_eq!(environment["STATE_DIRECTORY"], shown(&["lib/s"]));
    assert_eq!(environment["CONFIGURATION_DIRECTORY"], shown(&["etc/f"]));
    assert_eq!(
        std::fs::read_link(at("run/link/x")).unwrap(),
        PathBuf::from("../b/c")
    );
    for (name, expected) in [
        ("run/a", 0o750),
        ("run/b/c", 0o750),
        ("run", 0o755),
        ("lib/s", 0o755),
    ] {
        assert_eq!(mode(&at(name)), expected, "{name}");
    }
    // What an administrator has made is left alone there.
    assert_eq!(mode(&at("etc/f")), 0o755);
    if is_root() {
        let owner = |name: &str| std::fs::metadata(at(name)).unwrap().uid();
        for name in ["run/a", "run/b/c", "lib/s", "lib/s/old", "cache/k", "log/l"] {
            assert_eq!(owner(name), 65534, "{name}");
        }
        assert_eq!((owner("etc/f"), owner("run"), owner("lib")), (0, 0, 0));
    }
    drop(running);
    std::fs::write(at("run/a/left"), "x").unwrap();
    bench
        .spawner
        .clear_away(Arc::clone(&order.definition), true);
    // The next start waits until all is removed, and finds nothing of the last.
    order.spawn.ticket = engine::Ticket(77);
    let _running = bench.start(order.clone());
    assert!(at("run/a").is_dir() && !at("run/a/left").exists());
    bench
        .spawner
        .clear_away(Arc::clone(&order.definition), true);
    let mut other = super::order(SLEEP);
    other.spawn.ticket = engine::Ticket(78);
    // One thread does one thing after the other.
    let _other = bench.start(other);
    for name in ["run/a", "run/b", "run/link/x"] {
        assert!(!at(name).exists() && !at(name).is_symlink(), "{name}");
    }
    assert!(at("lib/s/old").exists());
}

#[test]
fn directories_of_strangers_lead_nowhere() {
    if !is_root() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::create_dir_all(at("lib/app")).unwrap();
    std::fs::create_dir(at("precious")).unwrap();
    std::os::unix::fs::chown(at("lib/app"), Some(54321), Some(54321)).unwrap();
    std::os::unix::fs::symlink(at("precious"), at("lib/app/data")).unwrap();
    std::os::unix::fs::lchown(at("lib/app/data"), Some(54321), Some(54321)).unwrap();
    let table = format!("{SLEEP}\nuser = \"nobody\"\nstate-directory = \"app/data\"");
    let (status, sentence) = bench_in(directory.path()).failure(order(&table));
    assert_eq!(status, 238);
    assert!(
        sentence.contains("symbolic link in a directory of another user"),
        "{sentence}"
    );
    assert_eq!(std::fs::metadata(at("precious")).unwrap().uid(), 0);
}

#[test]
fn credentials_are_for_the_service_alone() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("secret"), "from a file").unwrap();
    std::fs::create_dir_all(at("several/deep")).unwrap();
    std::fs::write(at("several/one"), "1").unwrap();
    std::fs::write(at("several/deep/two"), "2").unwrap();
    let listener = std::os::unix::net::UnixListener::bind(at("giver")).unwrap();
    let giver = std::thread::spawn(move || {
        use std::io::Write as _;
        listener.accept().unwrap().0.write_all(b"given").unwrap();
    });
    let mut bench = bench_in(directory.path());
    let user = if is_root() { "user = \"nobody\"\n" } else { "" };
    let order = order(&format!(
        "exec-start = \"sh -c 'cd $CREDENTIALS_DIRECTORY; for f in *; do echo $f=$(cat $f); done'\"\n{user}\
         load-credential = [\"a:{0}/secret\", \"dir:{0}/several\", \"sock:{0}/giver\", \"b:{0}/none\", \"absent\"]\n\
         set-credential = [\"a:not used\", \"b:fallback\", \"c:x\\\\x41\"]",
        directory.path().display()
    ));
    let said = bench.output(order.clone());
    giver.join().unwrap();
    assert_eq!(
        said,
        "a=from a file\nb=fallback\nc=xA\ndir_deep_two=2\ndir_one=1\nsock=given\n"
    );
    let laid = at("credentials/test.service");
    assert_eq!((mode(&laid), mode(&laid.join("a"))), (0o500, 0o400));
    if is_root() {
        assert_eq!(std::fs::metadata(laid.join("a")).unwrap().uid(), 65534);
    }
    bench
        .spawner
        .clear_away(Arc::clone(&order.definition), false);
    let (status, sentence) = bench.failure(super::order(&format!(
        "{SLEEP}\nload-credential = \"a:{}/none\"",
        directory.path().display()
    )));
    assert_eq!(status, 243);
    assert!(sentence.contains("no such file"), "{sentence}");
    assert!(!laid.exists());
}

#[test]
fn another_root() {
    if !is_root() {
        return;
    }
    let running = started("root-directory = \"/usr\"\nexec-search-path = \"/bin\"");
    // The dynamic loader of most systems lies in /lib, which is in /usr as well.
    assert_eq!(running.link("root"), "/usr");
    assert_eq!(running.link("cwd"), "/usr");
    let (status, sentence) = bench().failure(order(
        "exec-start = \"/bin/x\"\nroot-directory = \"/nonexistent\"",
    ));
    assert_eq!(status, 210);
    assert!(
        sentence.contains("cannot change the root directory to /nonexistent"),
        "{sentence}"
    );
}

#[test]
fn input_from_the_unit() {
    let mut bench = bench();
    let mut order = order("exec-start = \"cat\"");
    order.stdin = Stdio::Data(b"one\ntwo\n".as_slice().into());
    assert_eq!(bench.output(order), "one\ntwo\n");
}

#[test]
fn failures_have_their_status() {
    for (table, status, part) in [
        (
            "cpu-affinity = \"8000\"",
            215,
            "cannot set cpu-affinity to 8000",
        ),
        ("personality = \"s390\"", 230, "no personality s390"),
        (
            "standard-input = \"null\"\nsupplementary-groups = \"no-such\"",
            216,
            "no group",
        ),
    ] {
        let (found, sentence) = bench().failure(order(&format!("{SLEEP}\n{table}")));
        assert_eq!(found, status, "{sentence}");
        assert!(sentence.contains(part), "{sentence}");
    }
}
