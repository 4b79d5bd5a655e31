//! A keeper under test: how it is started, and how its managers are told what to do.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// Longer than anything here takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The variable with the socket on which managers ask what to do.
pub(crate) const SOCKET: &str = "KEEPER_TEST_SOCKET";

pub(crate) struct World {
    pub(crate) directory: TempDir,
    listener: UnixListener,
    keeper: Option<Child>,
}

impl World {
    pub(crate) fn new() -> World {
        World::with(|_| {})
    }

    /// As [`World::new`], with a keeper that is started a bit differently.
    pub(crate) fn with(change: impl FnOnce(&mut Command)) -> World {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("orders")).unwrap();
        let mut world = World {
            directory,
            listener,
            keeper: None,
        };
        let mut command = world.command();
        change(&mut command);
        world.keeper = Some(command.spawn().unwrap());
        world
    }

    /// What starts a keeper in this world.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .arg("--keeper")
            .arg(self.directory.path())
            .env(SOCKET, self.directory.path().join("orders"))
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn keeper(&self) -> u32 {
        self.keeper.as_ref().unwrap().id()
    }

    /// The next manager that reports.
    pub(crate) fn manager(&self) -> Manager {
        use std::os::fd::AsFd;
        let mut fds = [nix::poll::PollFd::new(
            self.listener.as_fd(),
            nix::poll::PollFlags::POLLIN,
        )];
        let patience = u16::try_from(PATIENCE.as_millis()).unwrap();
        assert_eq!(
            nix::poll::poll(&mut fds, patience),
            Ok(1),
            "no manager reports; the keeper: {:?}",
            std::fs::read_to_string(format!("/proc/{}/stat", self.keeper()))
        );
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap());
        let mut manager = Manager {
            stream,
            lines,
            hello: String::new(),
            pid: 0,
        };
        manager.hello = manager.line();
        manager.pid = manager.value("pid").parse().unwrap();
        manager
    }

    /// Starts another keeper, after the one before has ended.
    pub(crate) fn begin(&mut self, mut command: Command) {
        self.keeper = Some(command.spawn().unwrap());
    }

    /// Waits until the keeper has ended.
    pub(crate) fn end(&mut self) -> ExitStatus {
        self.keeper.take().unwrap().wait().unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // After a failure it ends by itself: its managers find nobody who would tell them what to
        // do, and quit or crash until it gives up.
        assert!(
            self.keeper.is_none() || std::thread::panicking(),
            "the keeper was not ended"
        );
    }
}

/// A manager that waits for orders.
pub(crate) struct Manager {
    stream: UnixStream,
    lines: BufReader<UnixStream>,
    /// What it took over.
    pub(crate) hello: String,
    pub(crate) pid: i32,
}

impl Manager {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines
            .read_line(&mut line)
            .expect("the manager answers");
        line.trim_end().to_owned()
    }

    /// What the hello line says about `name`.
    pub(crate) fn value(&self, name: &str) -> &str {
        let start = format!("{name}=");
        self.hello
            .split('|')
            .find_map(|word| word.strip_prefix(&start))
            .expect("it is reported")
    }

    /// Gives an order that is not answered.
    pub(crate) fn order(&mut self, order: &str) {
        writeln!(self.stream, "{order}").unwrap();
    }

    /// Gives an order; its answer.
    pub(crate) fn ask(&mut self, order: &str) -> String {
        self.order(order);
        self.line()
    }

    /// The answer to an order given before.
    pub(crate) fn answer(&mut self) -> String {
        self.line()
    }

    pub(crate) fn kill(&self, signal: i32) {
        kill(self.pid, signal);
    }
}

pub(crate) fn kill(pid: i32, signal: i32) {
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(pid),
        nix::sys::signal::Signal::try_from(signal).unwrap(),
    )
    .unwrap();
}

/// Whether the process exists, dead or alive.
pub(crate) fn exists(pid: &str) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}
