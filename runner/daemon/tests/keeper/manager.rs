//! A manager that does what it is told, line by line, over the test's socket.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use engine::Ticket;
use engine::action::StopHint;
use runnerd::link::{self, Child, Exit, Key, Link, Message, SignalSeq, Takeover};
use tokio::runtime::{Builder, Runtime};
use units::UnitName;
use units::value::{Signal, Span};

use crate::world::SOCKET;

pub(crate) fn run() -> ExitCode {
    if std::env::var_os("KEEPER_TEST_EXIT").is_some() {
        return ExitCode::from(7);
    }
    let (link, takeover) = Link::take_over().unwrap();
    let mut stream = UnixStream::connect(std::env::var_os(SOCKET).unwrap()).unwrap();
    writeln!(stream, "{}", hello(&link, &takeover)).unwrap();
    let runtime = Builder::new_current_thread().enable_io().build().unwrap();
    let mut manager = Manager {
        link,
        held: takeover.fds,
        stream,
        runtime,
    };
    let orders = BufReader::new(manager.stream.try_clone().unwrap());
    for order in orders.lines() {
        let Ok(order) = order else { break };
        manager.obey(&order);
    }
    // The test is over, or has failed.
    let _ = manager.link.quit(99);
    ExitCode::SUCCESS
}

fn hello(link: &Link, takeover: &Takeover) -> String {
    let fds: Vec<_> = takeover
        .fds
        .iter()
        .map(|(key, _)| key.to_string())
        .collect();
    let children: Vec<_> = takeover.children.iter().map(show_child).collect();
    let exits: Vec<_> = takeover.exits.iter().map(show_exit).collect();
    let own = std::process::id().to_string();
    let variable = |name: &str| match std::env::var(name) {
        Ok(value) if value == own => "self".to_owned(),
        Ok(value) => value,
        Err(_) => "none".to_owned(),
    };
    format!(
        "pid={own}|keeper={}|parent={}|generation={}|crashes={}|death={:?}|safe={}|back={}|old={}|\
         highest={}|unknown={:?}|fds={}|children={}|exits={}|notify={}|listen={}|names={}|link={}",
        takeover.keeper_pid,
        link.introduction().keeper,
        takeover.generation,
        takeover.crashes,
        takeover.last_death,
        takeover.safe_mode,
        takeover.upgrade_failed,
        takeover.state_rolled_back,
        takeover.highest_instance.0,
        takeover.unknown,
        fds.join(" "),
        children.join(" "),
        exits.join(" "),
        variable("NOTIFY_SOCKET"),
        variable("LISTEN_PID"),
        variable("LISTEN_FDNAMES"),
        variable("RUNNER_MANAGER"),
    )
}

fn show_child(child: &Child) -> String {
    let fd = if child.pidfd.is_some() { "fd" } else { "bare" };
    format!(
        "{}/{}/{}/{fd}",
        child.instance.0,
        child.unit.as_str(),
        child.pid
    )
}

fn show_exit(exit: &Exit) -> String {
    format!(
        "{}/{}/{}/{:?}",
        exit.seq,
        exit.instance.0,
        exit.unit.as_str(),
        exit.status
    )
}

struct Manager {
    link: Link,
    held: Vec<(Key, OwnedFd)>,
    stream: UnixStream,
    runtime: Runtime,
}

impl Manager {
    fn say(&mut self, text: &str) {
        writeln!(self.stream, "{text}").unwrap();
    }

    fn obey(&mut self, order: &str) {
        let words: Vec<&str> = order.splitn(5, ' ').collect();
        match words[..] {
            ["ready"] => self.link.ready().unwrap(),
            ["ping"] => self.say("pong"),
            ["put", key, text] => {
                let fd = memfd(text);
                self.link
                    .put(&Key::parse(key).unwrap(), fd.as_fd())
                    .unwrap();
            }
            ["put-new", key, text] => {
                let fd = memfd(text);
                self.link
                    .put_new(&Key::parse(key).unwrap(), fd.as_fd())
                    .unwrap();
            }
            ["delete", key] => self.link.delete(&Key::parse(key).unwrap()).unwrap(),
            ["append", key, text] => {
                let fd = self.find(key).try_clone().unwrap();
                let mut file = File::from(fd);
                file.seek(std::io::SeekFrom::End(0)).unwrap();
                file.write_all(text.as_bytes()).unwrap();
            }
            ["read", key] => {
                let mut file = File::from(self.find(key).try_clone().unwrap());
                let mut text = String::new();
                file.rewind().unwrap();
                file.read_to_string(&mut text).unwrap();
                self.say(&text);
            }
            ["acknowledge", seq] => self.link.acknowledge(seq.parse().unwrap()).unwrap(),
            ["acknowledge-signals", seq] => {
                let seq = SignalSeq(seq.parse().unwrap());
                self.link.acknowledge_signals(seq).unwrap();
            }
            ["adopt", instance, unit, pid] => {
                let unit = UnitName::parse(unit).unwrap();
                let instance = Ticket(instance.parse().unwrap());
                self.link
                    .adopt(instance, &unit, pid.parse().unwrap(), &stop(0))
                    .unwrap();
            }
            ["spawn", instance, unit, rank, command] => {
                let pid = self.spawn(instance, unit, rank, None, command);
                self.say(&pid);
            }
            ["spawn-late", instance, unit, fifo, command] => {
                let pid = self.spawn(instance, unit, "0", Some(fifo), command);
                self.say(&pid);
            }
            ["next"] => {
                let message = self.next();
                self.say(&message);
            }
            ["notify", text] => self.link.notify_outer(text, None).unwrap(),
            ["notify-fd", text] => {
                let fd = memfd("passed on");
                self.link.notify_outer(text, Some(fd.as_fd())).unwrap();
            }
            ["hang"] => {
                self.link
                    .hang_timer()
                    .unwrap()
                    .arm(Duration::from_millis(50))
                    .unwrap();
                loop {
                    std::thread::park();
                }
            }
            ["no-hang"] => {
                let timer = self.link.hang_timer().unwrap();
                timer.arm(Duration::from_secs(3_600)).unwrap();
                timer.disarm().unwrap();
            }
            ["crash"] => std::process::abort(),
            ["exit", status] => std::process::exit(status.parse().unwrap()),
            ["quit", status] => {
                self.link.quit(status.parse().unwrap()).unwrap();
                std::process::exit(0);
            }
            ["hand-over"] => self.link.hand_over().unwrap(),
            ["upgrade", path] => {
                let program = File::open(path).unwrap();
                self.link.upgrade_manager(program.as_fd()).unwrap();
                std::process::exit(0);
            }
            ["upgrade-keeper", path] => {
                let program = File::open(path).unwrap();
                self.link.upgrade_keeper(program.as_fd()).unwrap();
            }
            _ => panic!("no such order: {order}"),
        }
    }

    fn find(&self, key: &str) -> &OwnedFd {
        let key = Key::parse(key).unwrap();
        &self.held.iter().find(|(held, _)| *held == key).unwrap().1
    }

    fn next(&self) -> String {
        match self.runtime.block_on(self.link.next()).unwrap() {
            Message::Exit(exit) => format!("exit {}", show_exit(&exit)),
            Message::Child(child) => format!("child {}", show_child(&child)),
            Message::AdoptFailed { instance, errno } => {
                format!("adopt-failed {} {errno}", instance.0)
            }
            Message::Signals { seq, mask } => {
                let signals: Vec<_> = mask.iter().map(|s| s.number().to_string()).collect();
                format!("signals {} {}", seq.0, signals.join(" "))
            }
            Message::PutFailed { key, errno } => format!("put-failed {key} {errno}"),
            Message::KeeperUpgraded(result) => format!("upgraded {result:?}"),
            Message::KeeperGone => "gone".to_owned(),
        }
    }

    /// Clones a sibling that registers itself and runs `command` in a shell; its pid. It waits for
    /// a writer of `fifo` before it registers.
    fn spawn(
        &self,
        instance: &str,
        unit: &str,
        rank: &str,
        fifo: Option<&str>,
        command: &str,
    ) -> String {
        let unit = UnitName::parse(unit).unwrap();
        let instance = Ticket(instance.parse().unwrap());
        let record = link::spawned_record(instance, &unit, &stop(rank.parse().unwrap()));
        let socket = self.link.registration().unwrap();
        let socket = socket.as_raw_fd();
        // SAFETY: this manager has one thread, and the copy only opens, sends and executes.
        unsafe {
            // Answered only once it is registered, except for the one that shall be too late.
            let vfork = if fifo.is_some() { 0 } else { libc::CLONE_VFORK };
            let flags = libc::CLONE_PARENT | vfork | libc::SIGCHLD;
            match libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) {
                0 => {}
                pid => return pid.to_string(),
            }
            if let Some(fifo) = fifo {
                let _ = File::open(fifo);
            }
            let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
            if libc::send(socket, record.as_ptr().cast(), record.len(), flags) < 0 {
                libc::_exit(126);
            }
            libc::setsid();
        }
        use std::os::unix::process::CommandExt;
        let mut shell = std::process::Command::new("/bin/sh");
        panic!("{}", shell.arg("-c").arg(command).exec());
    }
}

fn stop(rank: u32) -> StopHint {
    StopHint {
        rank,
        signal: Signal::TERM,
        timeout: Span::from_secs(60),
    }
}

fn memfd(text: &str) -> OwnedFd {
    let name = c"test";
    let fd = rustix::fs::memfd_create(name, rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let mut file = File::from(fd);
    file.write_all(text.as_bytes()).unwrap();
    file.into()
}
