//! What a keeper promises.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;

use crate::world::{Manager, World, exists, kill};

type Test = (&'static str, fn());

macro_rules! tests {
    ($($name:ident,)*) => { &[$((stringify!($name), $name),)*] };
}

pub(crate) const ALL: &[Test] = tests![
    a_first_manager_is_told_that_there_is_nothing,
    a_killed_manager_loses_nothing,
    a_first_manager_that_exits_ends_the_keeper,
    the_second_keeper_is_refused,
    descriptors_are_held_replaced_and_forgotten,
    signals_are_passed_on_until_they_are_acknowledged,
    quit_kills_what_is_left_and_its_orphans,
    a_child_of_a_dead_manager_runs_nothing,
    a_hanging_manager_is_shot,
    a_stopped_manager_goes_on,
    a_daemon_is_adopted,
    a_broken_upgrade_goes_back,
    an_upgrade_keeps_the_state_from_before,
    messages_reach_the_outer_service_manager,
    inherited_sockets_reach_every_manager,
    without_a_manager_everything_is_stopped_in_order,
    a_thousand_exits_wait_for_a_stopped_manager,
    managers_killed_at_any_moment_lose_no_exit,
    the_keeper_itself_is_upgraded,
    a_keeper_that_fails_its_self_test_is_not_used,
    a_manager_without_a_keeper_is_told,
    an_heir_takes_over_from_a_killed_keeper,
    an_heir_takes_over_from_one_that_made_room,
    an_heir_of_an_heir_that_was_upgraded,
    what_a_keeper_left_that_ended_is_nothing,
    without_a_store_the_manager_is_told,
    keepers_killed_at_any_moment_lose_nothing,
];

/// Opens a fifo and reads a line: what a service writes there tells that it has come so far.
fn line_from(fifo: &Path) -> String {
    let mut line = String::new();
    BufReader::new(fs::File::open(fifo).unwrap())
        .read_line(&mut line)
        .unwrap();
    line.trim_end().to_owned()
}

fn fifo(world: &World, name: &str) -> String {
    let path = world.path(name);
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn quit(mut world: World, mut manager: Manager) {
    manager.order("quit 0");
    assert_eq!(world.end().code(), Some(0));
}

fn a_first_manager_is_told_that_there_is_nothing() {
    let world = World::new();
    let mut manager = world.manager();
    for (name, value) in [
        ("keeper", world.keeper().to_string().as_str()),
        ("parent", &world.keeper().to_string()),
        ("generation", "1"),
        ("crashes", "0"),
        ("death", "None"),
        ("safe", "false"),
        ("highest", "0"),
        ("unknown", "[]"),
        ("fds", ""),
        ("children", ""),
        ("exits", ""),
        ("link", "none"),
    ] {
        assert_eq!(manager.value(name), value, "{name}");
    }
    let pid = fs::read_to_string(world.path("pid")).unwrap();
    assert_eq!(pid.trim(), world.keeper().to_string());
    let session = nix::unistd::getsid(Some(nix::unistd::Pid::from_raw(manager.pid))).unwrap();
    assert_eq!(session.as_raw(), manager.pid, "a session of its own");
    manager.order("ready");
    let path = world.path("pid");
    quit(world, manager);
    assert!(!path.exists());
}

fn a_killed_manager_loses_nothing() {
    let world = World::new();
    let mut manager = world.manager();
    manager.order("ready");
    manager.order("put state hello");
    let lives = manager.ask("spawn 5 web.service 1 exec sleep 1000");
    manager.ask("spawn 7 job.service 1 exit 3");
    assert_eq!(manager.ask("next"), "exit 1/7/job.service/Code(3)");
    manager.ask("spawn 6 bad.service 1 kill -9 $$");
    assert_eq!(manager.ask("next"), "exit 2/6/bad.service/Signal(9)");
    manager.order("acknowledge 1");
    assert_eq!(manager.ask("ping"), "pong");
    manager.kill(libc::SIGKILL);

    let mut manager = world.manager();
    assert_eq!(manager.value("generation"), "2");
    assert_eq!(manager.value("death"), "Some(Signal(9))");
    assert_eq!(
        manager.value("children"),
        format!("5/web.service/{lives}/fd")
    );
    assert_eq!(manager.value("exits"), "2/6/bad.service/Signal(9)");
    assert_eq!(manager.value("highest"), "7");
    assert_eq!(manager.value("fds"), "state");
    assert_eq!(manager.ask("read state"), "hello");
    manager.order("acknowledge 2");
    manager.order("ready");
    assert_eq!(manager.ask("ping"), "pong");
    // Killed while there is no manager to be told.
    manager.kill(libc::SIGKILL);
    kill(lives.parse().unwrap(), libc::SIGTERM);
    let mut manager = world.manager();
    if manager.value("exits").is_empty() {
        assert_eq!(manager.ask("next"), "exit 3/5/web.service/Signal(15)");
    } else {
        assert_eq!(manager.value("exits"), "3/5/web.service/Signal(15)");
    }
    quit(world, manager);
}

fn a_first_manager_that_exits_ends_the_keeper() {
    let mut world = World::with(|command| {
        command.env("KEEPER_TEST_EXIT", "");
    });
    assert_eq!(world.end().code(), Some(7));
    assert!(!world.path("pid").exists());
}

fn the_second_keeper_is_refused() {
    let world = World::new();
    let manager = world.manager();
    let second = world.command().stderr(Stdio::piped()).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    let complaint = String::from_utf8(second.stderr).unwrap();
    assert!(
        complaint.contains(&format!("process {} already does", world.keeper())),
        "{complaint}"
    );
    let pid = fs::read_to_string(world.path("pid")).unwrap();
    assert_eq!(pid.trim(), world.keeper().to_string(), "it touched nothing");
    quit(world, manager);
}

fn descriptors_are_held_replaced_and_forgotten() {
    let world = World::new();
    let mut manager = world.manager();
    manager.order("ready");
    manager.order("put ring:a.service one");
    manager.order("put ring:a.service two");
    manager.order("put-new listener:cat:cat.socket:0 first");
    manager.order("put-new listener:cat:cat.socket:0 second");
    assert_eq!(
        manager.ask("next"),
        "put-failed listener:cat:cat.socket:0 17"
    );
    manager.order("put notify:a.service gone");
    manager.order("delete notify:a.service");
    manager.order("delete notify:never.service");
    assert_eq!(manager.ask("ping"), "pong");
    manager.kill(libc::SIGKILL);
    let mut manager = world.manager();
    assert_eq!(
        manager.value("fds"),
        "listener:cat:cat.socket:0 ring:a.service"
    );
    assert_eq!(manager.ask("read ring:a.service"), "two");
    assert_eq!(manager.ask("read listener:cat:cat.socket:0"), "first");
    quit(world, manager);
}

fn signals_are_passed_on_until_they_are_acknowledged() {
    let world = World::new();
    let mut manager = world.manager();
    manager.order("ready");
    let keeper = world.keeper().try_into().unwrap();
    kill(keeper, libc::SIGHUP);
    assert_eq!(manager.ask("next"), "signals 1 1");
    manager.kill(libc::SIGKILL);
    let mut manager = world.manager();
    assert_eq!(manager.ask("next"), "signals 1 1");
    kill(keeper, libc::SIGTERM);
    assert_eq!(
        manager.ask("next"),
        "signals 2 15",
        "what was told is not told again"
    );
    manager.order("acknowledge-signals 1");
    kill(keeper, libc::SIGUSR1);
    assert_eq!(manager.ask("next"), "signals 3 10");
    manager.kill(libc::SIGKILL);
    let mut manager = world.manager();
    assert_eq!(manager.ask("next"), "signals 2 15");
    assert_eq!(manager.ask("next"), "signals 3 10");
    quit(world, manager);
}

fn quit_kills_what_is_left_and_its_orphans() {
    let mut world = World::new();
    let mut manager = world.manager();
    manager.order("ready");
    let orphan = fifo(&world, "orphan");
    let command = format!("trap '' TERM; (setsid sleep 1000 & echo $! > {orphan}); sleep 1000");
    let known = manager.ask(&format!("spawn 1 a.service 1 {command}"));
    let orphan = line_from(Path::new(&orphan));
    assert!(exists(&known) && exists(&orphan));
    manager.order("quit 3");
    assert_eq!(world.end().code(), Some(3));
    assert!(!exists(&known) && !exists(&orphan));
}

fn a_child_of_a_dead_manager_runs_nothing() {
    let world = World::new();
    let mut manager = world.manager();
    manager.order("ready");
    let gate = fifo(&world, "gate");
    let marker = world.path("marker");
    let command = format!("echo ran > {}", marker.display());
    let late = manager.ask(&format!("spawn-late 9 late.service {gate} {command}"));
    manager.kill(libc::SIGKILL);
    let mut manager = world.manager();
    assert_eq!(manager.value("children"), "");
    assert_eq!(manager.value("highest"), "0");
    // From here on it is born; its end of the old pair is a broken pipe.
    fs::OpenOptions::new().write(true).open(&gate).unwrap();
    while exists(&late) {
        std::thread::yield_now();
    }
    assert!(!marker.exists());
    manager.order("ready");
    quit(world, manager);
}

fn a_hanging_manager_is_shot() {
    let world = World::new();
    let mut manager = world.manager();
    manager.order("ready");
    manager.order("no-hang");
    assert_eq!(manager.ask("ping"), "pong");
    manager.order("hang");
    let manager = world.manager();
    assert_eq!(manager.value("death"), "Some(Signal(9))");
    assert_eq!(manager.value("crashes"), "1");
    quit(world, manager);
}

fn a_stopped_manager_goes_on() {
    let world = World::new();
    let mut manager = world.manager();
    manager.order("ready");
    manager.kill(libc::SIGSTOP);
    assert_eq!(manager.ask("ping"), "pong");
    quit(world, manager);
}

fn a_daemon_is_adopted() {
    let world = World::new();
    let mut manager = world.manager();
    manager.order("ready");
    let name = fifo(&world, "daemon");
    manager.ask(&format!(
        "spawn 1 forks.service 1 (setsid sleep 1000 & echo $! > {name})"
    ));
    let daemon = line_from(Path::new(&name));
    assert_eq!(manager.ask("next"), "exit 1/1/forks.service/Code(0)");
    manager.order(&format!("adopt 2 forks.service {daemon}"));
    assert_eq!(
        manager.ask("next"),
        format!("child 2/forks.service/{daemon}/fd")
    );
    manager.order(&format!("adopt 3 forks.service {daemon}"));
    assert_eq!(
        manager.ask("next"),
        format!("adopt-failed 3 {}", libc::EEXIST)
    );
    let own = manager.pid;
    for stranger in [1, own] {
        manager.order(&format!("adopt 4 forks.service {stranger}"));
        assert_eq!(
            manager.ask("next"),
            format!("adopt-failed 4 {}", libc::ECHILD)
        );
    }
    kill(daemon.parse().unwrap(), libc::SIGKILL);
    assert_eq!(manager.ask("next"), "exit 2/2/forks.service/Signal(9)");
    quit(world, manager);
}

fn a_broken_upgrade_goes_back() {
    let world = World::new();
    let mut manager = world.manager();
    manager.order("ready");
    manager.order("put state good");
    let lives = manager.ask("spawn 5 web.service 1 exec sleep 1000");
    let not_a_program = world.path("orders.txt");
    fs::write(&not_a_program, "no program").unwrap();
    manager.order(&format!("upgrade {}", not_a_program.display()));
    let mut manager = world.manager();
    assert_eq!(manager.value("back"), "true");
    assert_eq!(manager.value("old"), "false");
    assert_eq!(
        manager.value("children"),
        format!("5/web.service/{lives}/fd")
    );
    assert_eq!(manager.ask("read state"), "good");
    // One that exits by itself goes back as well.
    manager.order("ready");
    manager.order("upgrade /bin/false");
    let manager = world.manager();
    assert_eq!(manager.value("back"), "true");
    quit(world, manager);
}

fn an_upgrade_keeps_the_state_from_before() {
    let world = World::new();
    let mut manager = world.manager();
    manager.order("ready");
    manager.order("put state before");
    manager.order("put definitions meanings");
    let program = std::env::current_exe().unwrap();
    manager.order(&format!("upgrade {}", program.display()));
    let mut manager = world.manager();
    assert_eq!(manager.value("death"), "None");
    assert_eq!(manager.value("back"), "false");
    assert_eq!(
        manager.value("fds"),
        "definitions previous-definitions previous-state state"
    );
    manager.order("append state -after");
    assert_eq!(manager.ask("read state"), "before-after");
    assert_eq!(manager.ask("read previous-state"), "before");
    // It crashes until even the program from before was tried: then the state goes back.
    loop {
        let program_back = manager.value("back") == "true";
        let state_back = manager.value("old") == "true";
        assert!(program_back || !state_back);
        if state_back {
            break;
        }
        manager.order("ready");
        manager.order("crash");
        manager = world.manager();
    }
    assert_eq!(manager.ask("read state"), "before");
    assert_eq!(manager.ask("read definitions"), "meanings");
    quit(world, manager);
}

fn messages_reach_the_outer_service_manager() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let outer = UnixDatagram::bind(&path).unwrap();
    let world = World::with(|command| {
        command.env("NOTIFY_SOCKET", &path);
    });
    let mut manager = world.manager();
    assert_eq!(manager.value("notify"), "none");
    let mut buffer = [0; 64];
    let mut heard = || {
        let length = outer.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    // What there is to be kept comes first.
    assert_eq!(heard(), "FDSTOREREMOVE=1\nFDNAME=runner-keeper");
    assert_eq!(heard(), "FDSTORE=1\nFDPOLL=0\nFDNAME=runner-keeper");
    manager.order("notify READY=1\tSTATUS=up");
    assert_eq!(heard(), "READY=1\tSTATUS=up");
    manager.order("notify-fd FDSTORE=1");
    let mut space = nix::cmsg_space!([i32; 1]);
    let mut slices = [std::io::IoSliceMut::new(&mut buffer)];
    let flags = nix::sys::socket::MsgFlags::empty();
    let message =
        nix::sys::socket::recvmsg::<()>(outer.as_raw_fd(), &mut slices, Some(&mut space), flags)
            .unwrap();
    let Some(nix::sys::socket::ControlMessageOwned::ScmRights(fds)) =
        message.cmsgs().unwrap().next()
    else {
        panic!("no descriptor")
    };
    let text = fs::read_to_string(format!("/proc/self/fd/{}", fds[0])).unwrap();
    assert_eq!(text, "passed on");
    quit(world, manager);
}

fn inherited_sockets_reach_every_manager() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let world = World::with(|command| {
        let program = command.get_program().to_owned();
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let variables: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        *command = std::process::Command::new("/bin/sh");
        command
            .args(["-c", "LISTEN_PID=$$ exec \"$0\" \"$@\""])
            .arg(program)
            .args(arguments)
            .envs(variables)
            .env("LISTEN_FDS", "1")
            .env("LISTEN_FDNAMES", "web")
            .stderr(Stdio::null());
        let fd = listener.as_raw_fd();
        // SAFETY: dup2 is all it does.
        unsafe {
            command.pre_exec(move || {
                if libc::dup2(fd, 3) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
                Ok(())
            });
        }
    });
    let manager = world.manager();
    let socket = |manager: &Manager| {
        assert_eq!(manager.value("listen"), "self");
        assert_eq!(manager.value("names"), "web");
        fs::read_link(format!("/proc/{}/fd/3", manager.pid)).unwrap()
    };
    let first = socket(&manager);
    assert!(first.to_str().unwrap().starts_with("socket:"));
    manager.kill(libc::SIGKILL);
    let manager = world.manager();
    assert_eq!(socket(&manager), first);
    quit(world, manager);
}

fn without_a_manager_everything_is_stopped_in_order() {
    let mut world = World::new();
    let mut manager = world.manager();
    let log = world.path("log");
    for (instance, rank, name) in [(1, 1, "low"), (2, 9, "high"), (3, 5, "middle")] {
        let up = fifo(&world, name);
        let command = format!(
            "trap 'echo {name} >> {log}; exit 0' TERM; echo up > {up}; \
             while :; do sleep 1000 & wait; done",
            log = log.display()
        );
        manager.ask(&format!("spawn {instance} {name}.service {rank} {command}"));
        assert_eq!(line_from(Path::new(&up)), "up");
    }
    let mut generations = 1;
    loop {
        manager.order("ready");
        manager.order("crash");
        if generations == 10 {
            break;
        }
        manager = world.manager();
        generations += 1;
        assert_eq!(
            manager.value("safe") == "true",
            generations > 5,
            "{generations}"
        );
    }
    assert_eq!(world.end().code(), Some(1));
    assert_eq!(fs::read_to_string(log).unwrap(), "high\nmiddle\nlow\n");
}

fn a_thousand_exits_wait_for_a_stopped_manager() {
    let world = World::new();
    let mut manager = world.manager();
    manager.order("ready");
    let up = fifo(&world, "up");
    let command = format!("echo up > {up}; read line < {up}.go");
    let gate = fifo(&world, "up.go");
    for instance in 1..=1_000 {
        let command = if instance == 1 { &command } else { "exit 5" };
        manager.ask(&format!("spawn {instance} a.service 1 {command}"));
    }
    assert_eq!(line_from(Path::new(&up)), "up");
    // Nobody has received one yet. The last one to go is the first one.
    fs::write(gate, "go\n").unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for seq in 1..=1_000 {
        let exit = manager.ask("next");
        let words: Vec<&str> = exit.strip_prefix("exit ").unwrap().split('/').collect();
        assert_eq!(words[0], seq.to_string());
        assert!(seen.insert(words[1].to_owned()));
    }
    manager.kill(libc::SIGKILL);
    let mut manager = world.manager();
    assert_eq!(manager.value("exits").split(' ').count(), 1_000);
    for seq in 1..=1_000 {
        manager.order(&format!("acknowledge {seq}"));
    }
    assert_eq!(manager.ask("ping"), "pong");
    manager.kill(libc::SIGKILL);
    let manager = world.manager();
    assert_eq!(manager.value("exits"), "");
    quit(world, manager);
}

fn managers_killed_at_any_moment_lose_no_exit() {
    let world = World::new();
    let mut manager = world.manager();
    manager.order("ready");
    let program = std::env::current_exe().unwrap();
    let mut instances = 0;
    let mut ended = std::collections::BTreeSet::new();
    for round in 0..100 {
        for _ in 0..5 {
            instances += 1;
            manager.ask(&format!(
                "spawn {instances} a.service 1 exit {}",
                instances % 100
            ));
        }
        if round % 10 == 3 {
            manager.order(&format!("upgrade-keeper {}", program.display()));
        }
        manager.order("next");
        manager.kill(libc::SIGKILL);
        manager = world.manager();
        if round % 3 == 0 {
            manager.kill(libc::SIGKILL);
            manager = world.manager();
        }
        let mut seen = Vec::new();
        for exit in manager.value("exits").to_owned().split_ascii_whitespace() {
            let words: Vec<&str> = exit.split('/').collect();
            let seq: u64 = words[0].parse().unwrap();
            assert!(seen.last() < Some(&seq), "{exit}");
            seen.push(seq);
            let instance: u32 = words[1].parse().unwrap();
            assert!(ended.insert(instance), "{instance} ended twice");
            assert_eq!(words[3], format!("Code({})", instance % 100));
        }
        for seq in seen {
            manager.order(&format!("acknowledge {seq}"));
        }
        manager.order("ready");
    }
    while ended.len() < instances {
        let message = manager.ask("next");
        if let Some(exit) = message.strip_prefix("exit ") {
            let words: Vec<&str> = exit.split('/').collect();
            assert!(ended.insert(words[1].parse().unwrap()), "{exit}");
        }
    }
    quit(world, manager);
}

fn the_keeper_itself_is_upgraded() {
    let world = World::new();
    let mut manager = world.manager();
    manager.order("ready");
    manager.order("put state hello");
    let lives = manager.ask("spawn 5 web.service 1 exec sleep 1000");
    manager.ask("spawn 6 job.service 1 exit 3");
    assert_eq!(manager.ask("next"), "exit 1/6/job.service/Code(3)");
    let program = std::env::current_exe().unwrap();
    manager.order(&format!("upgrade-keeper {}", program.display()));
    assert_eq!(manager.ask("next"), "upgraded Ok(())");
    manager.ask("spawn 7 job.service 1 exit 4");
    assert_eq!(manager.ask("next"), "exit 2/7/job.service/Code(4)");
    kill(world.keeper().try_into().unwrap(), libc::SIGHUP);
    assert_eq!(manager.ask("next"), "signals 1 1");
    manager.kill(libc::SIGKILL);
    let mut manager = world.manager();
    assert_eq!(manager.value("keeper"), world.keeper().to_string());
    assert_eq!(manager.value("generation"), "2");
    assert_eq!(manager.value("fds"), "state");
    assert_eq!(
        manager.value("children"),
        format!("5/web.service/{lives}/fd")
    );
    assert_eq!(
        manager.value("exits"),
        "1/6/job.service/Code(3) 2/7/job.service/Code(4)"
    );
    assert_eq!(manager.ask("read state"), "hello");
    assert_eq!(manager.ask("next"), "signals 1 1");
    let second = world.command().output().unwrap();
    assert_eq!(second.status.code(), Some(2), "it still has the lock");
    quit(world, manager);
}

fn a_keeper_that_fails_its_self_test_is_not_used() {
    let world = World::new();
    let mut manager = world.manager();
    manager.order("ready");
    for program in ["/bin/false", "/etc/passwd"] {
        manager.order(&format!("upgrade-keeper {program}"));
        assert_eq!(manager.ask("next"), "upgraded Err(SelfTest)");
    }
    quit(world, manager);
}

fn a_manager_without_a_keeper_is_told() {
    let mut world = World::new();
    let mut manager = world.manager();
    assert_eq!(manager.ask("ping"), "pong");
    manager.order("next");
    kill(world.keeper().try_into().unwrap(), libc::SIGKILL);
    assert_eq!(manager.answer(), "gone");
    world.end();
}

/// A service manager that runs keepers and has a store for their descriptors.
struct Outer {
    _directory: tempfile::TempDir,
    path: std::path::PathBuf,
    socket: UnixDatagram,
    store: Vec<OwnedFd>,
}

impl Outer {
    fn new() -> Outer {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Outer {
            _directory: directory,
            path,
            socket,
            store: Vec::new(),
        }
    }

    /// Starts the first keeper, and stores what it wants to be kept.
    fn start(&mut self) -> World {
        let world = World::with(|command| {
            command.env("NOTIFY_SOCKET", &self.path);
        });
        let mut kept = Vec::new();
        while kept.is_empty() {
            kept = self.hear();
        }
        self.store = kept;
        world
    }

    /// One message; the descriptors that are to be stored.
    fn hear(&self) -> Vec<OwnedFd> {
        use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
        let mut buffer = [0; 256];
        let mut space = nix::cmsg_space!([i32; 2]);
        let mut slices = [std::io::IoSliceMut::new(&mut buffer)];
        let fd = self.socket.as_raw_fd();
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = recvmsg::<()>(fd, &mut slices, Some(&mut space), flags).unwrap();
        let fds: Vec<i32> = message
            .cmsgs()
            .unwrap()
            .flat_map(|message| match message {
                ControlMessageOwned::ScmRights(fds) => fds,
                _ => Vec::new(),
            })
            .collect();
        // SAFETY: they are new and nobody else's.
        fds.into_iter()
            .map(|fd| unsafe { std::os::fd::FromRawFd::from_raw_fd(fd) })
            .collect()
    }

    /// Starts the next keeper of this world, with what is stored.
    fn again(&self, world: &mut World) {
        let plain = world.command();
        let mut command = std::process::Command::new("/bin/sh");
        command
            .args(["-c", "LISTEN_PID=$$ exec \"$0\" \"$@\""])
            .arg(plain.get_program())
            .args(plain.get_args())
            .envs(
                plain
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .env("NOTIFY_SOCKET", &self.path)
            .env("LISTEN_FDS", self.store.len().to_string())
            .env("LISTEN_FDNAMES", "runner-keeper:runner-keeper")
            .stderr(Stdio::null());
        let [one, other] = [0, 1].map(|at: usize| self.store[at].as_raw_fd());
        // SAFETY: fcntl and dup2 are all it does; first away from where they have to be.
        unsafe {
            command.pre_exec(move || {
                let one = libc::fcntl(one, libc::F_DUPFD_CLOEXEC, 8);
                let other = libc::fcntl(other, libc::F_DUPFD_CLOEXEC, 8);
                if libc::dup2(one, 3) < 0 || libc::dup2(other, 4) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
                Ok(())
            });
        }
        world.begin(command);
    }
}

fn an_heir_takes_over_from_a_killed_keeper() {
    let mut outer = Outer::new();
    let mut world = outer.start();
    let mut manager = world.manager();
    manager.order("ready");
    manager.order("put state hello");
    manager.order("put definitions there");
    manager.order("delete definitions");
    let lives = manager.ask("spawn 5 web.service 1 exec sleep 1000");
    let dies = manager.ask("spawn 6 bad.service 1 exec sleep 1000");
    manager.ask("spawn 7 job.service 1 exit 3");
    assert_eq!(manager.ask("next"), "exit 1/7/job.service/Code(3)");
    let first = world.keeper();
    kill(first.try_into().unwrap(), libc::SIGKILL);
    world.end();
    // It goes on, and what it says and starts now is not lost either.
    assert_eq!(manager.ask("ping"), "pong");
    manager.order("put listener:a.socket:0 late");
    let late = manager.ask("spawn 8 late.service 1 exec sleep 1000");
    kill(dies.parse().unwrap(), libc::SIGKILL);

    outer.again(&mut world);
    let mut manager = world.manager();
    assert_eq!(manager.value("keeper"), world.keeper().to_string());
    assert_eq!(manager.value("generation"), "2");
    assert_eq!(manager.value("death"), "None");
    assert_eq!(manager.value("fds"), "listener:a.socket:0 state");
    assert_eq!(manager.ask("read state"), "hello");
    assert_eq!(manager.ask("read listener:a.socket:0"), "late");
    assert_eq!(manager.value("highest"), "8");
    let child = |number, unit, pid: &str| format!("{number}/{unit}.service/{pid}/fd");
    let living = manager
        .value("children")
        .replace(&format!("{} ", child(6, "bad", &dies)), "");
    let expected = [child(5, "web", &lives), child(8, "late", &late)].join(" ");
    assert_eq!(living, expected);
    manager.order("ready");
    // Of the one that was killed in between it is known when it was reaped by whoever has to; how it
    // ended is what the kernel tells, as far as it does.
    let exits = manager.value("exits").to_owned();
    let ended = match exits.strip_prefix("1/7/job.service/Code(3)").unwrap() {
        "" => manager.ask("next"),
        other => format!("exit{other}"),
    };
    let how = ended.strip_prefix("exit 2/6/bad.service/").unwrap();
    assert!(["Signal(9)", "Unknown"].contains(&how), "{ended}");
    kill(lives.parse().unwrap(), libc::SIGTERM);
    let ended = manager.ask("next");
    assert!(ended.starts_with("exit 3/5/web.service/"), "{ended}");
    let own = manager.ask("spawn 9 new.service 1 exit 4");
    assert_eq!(manager.ask("next"), "exit 4/9/new.service/Code(4)", "{own}");
    let pid = fs::read_to_string(world.path("pid")).unwrap();
    assert_eq!(pid.trim(), world.keeper().to_string());
    // What is left of the first one's children ends with the second.
    quit(world, manager);
    assert!(!lives_still(&late));
}

/// Whether the process lives: a zombie does not.
fn lives_still(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.starts_with(" Z"))
}

fn an_heir_takes_over_from_one_that_made_room() {
    let mut outer = Outer::new();
    let mut world = outer.start();
    // One that is not spoken to any more wants everything to end.
    let mut before = Vec::new();
    for _ in 0..3 {
        let mut manager = world.manager();
        manager.order("ready");
        let count: u64 = manager.value("generation").parse().unwrap();
        let pid = manager.ask(&format!("spawn {count} a{count}.service 1 exec sleep 1000"));
        manager.order("hand-over");
        assert_eq!(world.end().code(), Some(0));
        assert!(lives_still(&pid));
        assert_eq!(manager.ask("ping"), "pong");
        before.push(manager);
        outer.again(&mut world);
    }
    let manager = world.manager();
    assert_eq!(manager.value("children").split(' ').count(), 3);
    quit(world, manager);
}

fn an_heir_of_an_heir_that_was_upgraded() {
    let mut outer = Outer::new();
    let mut world = outer.start();
    let mut manager = world.manager();
    manager.order("ready");
    manager.order("put state hello");
    let lives = manager.ask("spawn 5 web.service 1 exec sleep 1000");
    kill(world.keeper().try_into().unwrap(), libc::SIGKILL);
    world.end();
    outer.again(&mut world);
    let mut manager = world.manager();
    manager.order("ready");
    let own = std::env::current_exe().unwrap();
    manager.order(&format!("upgrade-keeper {}", own.display()));
    assert_eq!(manager.ask("next"), "upgraded Ok(())");
    manager.ask("spawn 6 job.service 1 exit 3");
    assert_eq!(manager.ask("next"), "exit 1/6/job.service/Code(3)");
    kill(world.keeper().try_into().unwrap(), libc::SIGKILL);
    world.end();
    outer.again(&mut world);
    let mut manager = world.manager();
    assert_eq!(
        manager.value("children"),
        format!("5/web.service/{lives}/fd")
    );
    assert_eq!(manager.value("exits"), "1/6/job.service/Code(3)");
    assert_eq!(manager.ask("read state"), "hello");
    manager.order("ready");
    quit(world, manager);
}

fn what_a_keeper_left_that_ended_is_nothing() {
    let mut outer = Outer::new();
    let mut world = outer.start();
    let mut manager = world.manager();
    manager.order("ready");
    manager.order("put state hello");
    manager.ask("spawn 5 web.service 1 exec sleep 1000");
    manager.order("quit 3");
    assert_eq!(world.end().code(), Some(3));
    outer.again(&mut world);
    let manager = world.manager();
    assert_eq!(manager.value("generation"), "1");
    assert_eq!((manager.value("fds"), manager.value("children")), ("", ""));
    quit(world, manager);
}

fn without_a_store_the_manager_is_told() {
    let mut outer = Outer::new();
    let mut world = outer.start();
    let mut manager = world.manager();
    assert_eq!(manager.ask("ping"), "pong");
    manager.order("next");
    kill(world.keeper().try_into().unwrap(), libc::SIGKILL);
    world.end();
    // Only now: up to here another keeper might have come.
    outer.store.clear();
    assert_eq!(manager.answer(), "gone");
}

fn keepers_killed_at_any_moment_lose_nothing() {
    let mut outer = Outer::new();
    let mut world = outer.start();
    let mut expected = 0;
    let mut before = Vec::new();
    for round in 1..=30_u64 {
        let mut manager = world.manager();
        manager.order("ready");
        let children = manager.value("children").to_owned();
        let held = manager.value("fds").to_owned();
        let count = |text: &str| text.split(' ').filter(|word| !word.is_empty()).count();
        assert_eq!(count(&children), expected, "{children}");
        assert_eq!(count(&held), expected, "{held}");
        // Without an answer to wait for: the kill comes anywhere among these.
        for number in 0..8 {
            let instance = round * 8 + number;
            manager.order(&format!("put listener:a.socket:{instance} x"));
            manager.order(&format!("spawn {instance} a.service 1 exec sleep 1000"));
        }
        expected += 8;
        for _ in 0..round % 8 {
            manager.answer();
        }
        kill(world.keeper().try_into().unwrap(), libc::SIGKILL);
        world.end();
        for _ in round % 8..8 {
            manager.answer();
        }
        before.push(manager);
        outer.again(&mut world);
    }
    let manager = world.manager();
    quit(world, manager);
}
