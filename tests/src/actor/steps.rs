//! The steps an actor can be told to perform. [`STEPS`] is the list; each is one function.

use nix::sys::signal::{SigSet, Signal};
use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// What a step leaves: go on, or end with this status.
enum Next {
    On,
    End(u8),
}

type Outcome = Result<Next, Box<dyn Error>>;
type Step = fn(&mut Actor, &str) -> Outcome;

struct Actor {
    /// Where to report: path of the test's datagram socket.
    socket: String,
    /// The name under which it reports.
    tag: String,
    /// Signals blocked by `hold`, waited for by `await`.
    held: SigSet,
    /// Kept open until the end.
    locks: Vec<File>,
    /// The steps after the current one.
    rest: Vec<String>,
    listener: Option<TcpListener>,
}

/// Verb, what it does.
const STEPS: &[(&str, Step)] = &[
    ("as", name),                   // as=NAME: report under this name
    ("tell", tell),                 // tell=WORD [DETAIL]: report
    ("say", say), // say=TEXT: a line at the end of the file SOCKET, which is then no socket
    ("facts", facts), // facts: report everything a process can know of its own set-up
    ("notify", notify), // notify=A=B|C=D: one datagram to NOTIFY_SOCKET
    ("notify-child", notify_child), // the same, sent by a short-lived child
    ("store", store), // store=NAME: put a file descriptor into the fd store
    ("print", print), // print=TEXT: a line on standard output
    ("eprint", eprint), // eprint=TEXT: a line on standard error
    ("lines", lines), // lines=N: numbered lines on standard output, as fast as possible
    ("tick", tick), // tick=PER-SECOND: numbered lines until a held signal comes
    ("hold", hold), // hold=TERM,HUP: block these signals
    ("await", wait), // await: wait for a held signal, report it, go on
    ("pause", pause), // pause: for ever
    ("exit", exit), // exit=N
    ("raise", raise), // raise=KILL: to itself
    ("lock", lock), // lock=PATH: report `double` and end when somebody holds it
    ("detach", detach), // detach=PIDFILE: the rest is done by a grandchild
    ("leave", leave), // leave: start a child in a session of its own that ignores all
    ("obey", obey), // obey: perform the steps that the test sends
    ("serve", serve), // serve: HTTP on the first passed listener, one request at a time
    ("hear", hear), // hear=vsock:CID:PORT, hear=sctp:ADDRESS: connect, and print what is said there
    ("answer", answer), // answer: one HTTP answer on standard input (inetd style)
];

pub(crate) fn play(socket: String, steps: Vec<String>) -> Result<ExitCode, Box<dyn Error>> {
    let mut actor = Actor {
        socket,
        tag: "actor".into(),
        held: SigSet::empty(),
        locks: Vec::new(),
        rest: steps,
        listener: None,
    };
    while !actor.rest.is_empty() {
        let step = actor.rest.remove(0);
        if let Next::End(code) = actor.perform(&step)? {
            return Ok(ExitCode::from(code));
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Actor {
    fn perform(&mut self, step: &str) -> Outcome {
        let (verb, argument) = step.split_once('=').unwrap_or((step, ""));
        let (_, act) = STEPS
            .iter()
            .find(|(known, _)| *known == verb)
            .ok_or_else(|| format!("no such step: {verb}"))?;
        act(self, argument).map_err(|error| format!("{step}: {error}").into())
    }

    fn report(&self, word: &str, detail: serde_json::Value) {
        let event = serde_json::json!({
            "tag": self.tag, "pid": std::process::id(), "word": word, "detail": detail,
        });
        // A test that has ended is not listening any more: nothing to do about it here.
        if let Ok(socket) = UnixDatagram::unbound() {
            let _ = socket.send_to(event.to_string().as_bytes(), &self.socket);
        }
    }
}

fn name(actor: &mut Actor, argument: &str) -> Outcome {
    actor.tag = argument.into();
    Ok(Next::On)
}

fn tell(actor: &mut Actor, argument: &str) -> Outcome {
    let (word, detail) = argument.split_once(' ').unwrap_or((argument, ""));
    actor.report(word, detail.into());
    Ok(Next::On)
}

fn say(actor: &mut Actor, argument: &str) -> Outcome {
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(&actor.socket)?;
    // One write: lines of several processes do not mix.
    file.write_all(format!("{argument}\n").as_bytes())?;
    Ok(Next::On)
}

fn facts(actor: &mut Actor, _: &str) -> Outcome {
    let environment: serde_json::Map<_, _> = std::env::vars()
        .map(|(name, value)| (name, value.into()))
        .collect();
    let arguments: Vec<String> = std::env::args().collect();
    let mut descriptors = serde_json::Map::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        // The directory being read is itself a descriptor, gone when looked at.
        if let Ok(target) = std::fs::read_link(entry.path())
            && !target.starts_with(format!("/proc/{}/fd", std::process::id()))
        {
            let number = entry.file_name().to_string_lossy().into_owned();
            descriptors.insert(number, target.to_string_lossy().into_owned().into());
        }
    }
    let mut status = serde_json::Map::new();
    for line in std::fs::read_to_string("/proc/self/status")?.lines() {
        if let Some((key, value)) = line.split_once(':') {
            status.insert(
                key.into(),
                value
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ")
                    .into(),
            );
        }
    }
    let session = nix::unistd::getsid(None)?.as_raw();
    let (soft, hard) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)?;
    actor.report(
        "facts",
        serde_json::json!({
            "environment": environment, "arguments": arguments, "descriptors": descriptors,
            "status": status, "session": session, "nofile": [soft, hard],
            "directory": std::env::current_dir().ok(),
            "cgroup": std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default(),
        }),
    );
    Ok(Next::On)
}

fn send_notification(argument: &str, descriptors: &[RawFd]) -> Result<(), Box<dyn Error>> {
    let path = std::env::var("NOTIFY_SOCKET").map_err(|_| "no NOTIFY_SOCKET")?;
    let text = argument.replace('|', "\n");
    let socket = UnixDatagram::unbound()?;
    let address = match path.strip_prefix('@') {
        Some(name) => UnixAddr::new_abstract(name.as_bytes())?,
        None => UnixAddr::new(path.as_str())?,
    };
    let rights = [ControlMessage::ScmRights(descriptors)];
    let rights = if descriptors.is_empty() {
        &rights[..0]
    } else {
        &rights[..]
    };
    sendmsg(
        socket.as_raw_fd(),
        &[IoSlice::new(text.as_bytes())],
        rights,
        MsgFlags::empty(),
        Some(&address),
    )?;
    Ok(())
}

fn notify(_: &mut Actor, argument: &str) -> Outcome {
    send_notification(argument, &[])?;
    Ok(Next::On)
}

fn notify_child(actor: &mut Actor, argument: &str) -> Outcome {
    let mut child = Command::new(std::env::current_exe()?)
        .args([actor.socket.as_str(), &format!("notify={argument}")])
        .spawn()?;
    child.wait()?;
    Ok(Next::On)
}

fn store(_: &mut Actor, argument: &str) -> Outcome {
    let file = File::open("/proc/self/exe")?;
    send_notification(
        &format!("FDSTORE=1|FDNAME={argument}|FDPOLL=0"),
        &[file.as_raw_fd()],
    )?;
    Ok(Next::On)
}

fn print(_: &mut Actor, argument: &str) -> Outcome {
    writeln!(std::io::stdout(), "{argument}")?;
    Ok(Next::On)
}

fn eprint(_: &mut Actor, argument: &str) -> Outcome {
    writeln!(std::io::stderr(), "{argument}")?;
    Ok(Next::On)
}

/// One `write` per line and no user-space buffer: every line reported as written has left us.
fn numbered(out: &mut File, tag: &str, number: u64) -> std::io::Result<()> {
    out.write_all(format!("{tag} {number:08}\n").as_bytes())
}

fn lines(actor: &mut Actor, argument: &str) -> Outcome {
    let count: u64 = argument.parse()?;
    let mut out = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    for number in 0..count {
        numbered(&mut out, &actor.tag, number)?;
    }
    actor.report("lines", count.into());
    Ok(Next::On)
}

fn tick(actor: &mut Actor, argument: &str) -> Outcome {
    let per_second: u32 = argument.parse()?;
    let pace = Duration::from_secs(1) / per_second;
    let mut out = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    let signals = nix::sys::signalfd::SignalFd::with_flags(
        &actor.held,
        nix::sys::signalfd::SfdFlags::SFD_NONBLOCK,
    )?;
    let start = Instant::now();
    let mut number = 0u64;
    loop {
        if let Some(signal) = signals.read_signal()? {
            let name = Signal::try_from(signal.ssi_signo.cast_signed())?;
            actor.report("lines", number.into());
            actor.report("signal", name.as_str().into());
            return Ok(Next::On);
        }
        // Catch up with the clock, then wait for the next line's turn: a pace, not a wait.
        let due = u64::try_from(start.elapsed().as_nanos() / pace.as_nanos())?;
        while number <= due {
            numbered(&mut out, &actor.tag, number)?;
            number += 1;
        }
        std::thread::sleep(pace);
    }
}

fn signal_named(name: &str) -> Result<Signal, Box<dyn Error>> {
    Ok(format!("SIG{name}").parse::<Signal>()?)
}

fn hold(actor: &mut Actor, argument: &str) -> Outcome {
    for name in argument.split(',') {
        actor.held.add(signal_named(name)?);
    }
    actor.held.thread_block()?;
    Ok(Next::On)
}

fn wait(actor: &mut Actor, _: &str) -> Outcome {
    let signal = actor.held.wait()?;
    actor.report("signal", signal.as_str().into());
    Ok(Next::On)
}

fn pause(_: &mut Actor, _: &str) -> Outcome {
    loop {
        nix::unistd::pause();
    }
}

fn exit(_: &mut Actor, argument: &str) -> Outcome {
    Ok(Next::End(argument.parse()?))
}

fn raise(_: &mut Actor, argument: &str) -> Outcome {
    nix::sys::signal::raise(signal_named(argument)?)?;
    Ok(Next::On)
}

fn lock(actor: &mut Actor, argument: &str) -> Outcome {
    let file = File::options().create(true).append(true).open(argument)?;
    if file.try_lock().is_err() {
        actor.report("double", argument.into());
        return Ok(Next::End(98));
    }
    actor.locks.push(file);
    Ok(Next::On)
}

/// What daemons of type `forking` do: two generations on, in a session of its own, the pid file
/// written by the parent before it leaves.
fn detach(actor: &mut Actor, argument: &str) -> Outcome {
    let mut steps = vec![actor.socket.clone(), format!("as={}", actor.tag)];
    steps.append(&mut actor.rest);
    let child = Command::new("setsid")
        .arg(std::env::current_exe()?)
        .args(&steps)
        .spawn()?;
    std::fs::write(argument, format!("{}\n", child.id()))?;
    Ok(Next::End(0))
}

fn leave(actor: &mut Actor, _: &str) -> Outcome {
    let me = std::env::current_exe()?;
    Command::new("setsid")
        .arg(me)
        .args([&actor.socket, &format!("as={}-child", actor.tag)])
        .args(["hold=TERM,HUP,INT", "tell=left", "pause"])
        .stdin(Stdio::null())
        .spawn()?;
    Ok(Next::On)
}

/// Steps arrive as datagrams on `SOCKET.TAG`.
fn obey(actor: &mut Actor, _: &str) -> Outcome {
    let path = format!("{}.{}", actor.socket, actor.tag);
    let _ = std::fs::remove_file(&path);
    let orders = UnixDatagram::bind(&path)?;
    actor.report("obeys", path.into());
    let mut text = [0u8; 4096];
    loop {
        let length = orders.recv(&mut text)?;
        let step = std::str::from_utf8(&text[..length])?.to_owned();
        if step == "done" {
            return Ok(Next::On);
        }
        match actor.perform(&step)? {
            Next::On => actor.report("did", step.into()),
            end => return Ok(end),
        }
    }
}

/// One HTTP answer: who served it. Reads the whole head first, so that closing never resets.
fn respond(mut stream: TcpStream, tag: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let body = format!("{tag} {}\n", std::process::id());
    write!(
        stream,
        "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    stream.shutdown(std::net::Shutdown::Write)?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

fn hear(_: &mut Actor, argument: &str) -> Outcome {
    use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrIn, VsockAddr};
    let socket = match argument.split_once(':').ok_or("no kind of address")? {
        ("vsock", address) => {
            let (cid, port) = address.split_once(':').ok_or("no port")?;
            let flags = SockFlag::SOCK_CLOEXEC;
            let socket = socket::socket(AddressFamily::Vsock, SockType::Stream, flags, None)?;
            let address = VsockAddr::new(cid.parse()?, port.parse()?);
            socket::connect(socket.as_raw_fd(), &address)?;
            socket
        }
        ("sctp", address) => {
            let socket = rustix::net::socket(
                rustix::net::AddressFamily::INET,
                rustix::net::SocketType::STREAM,
                Some(rustix::net::ipproto::SCTP),
            )?;
            let address: std::net::SocketAddrV4 = address.parse()?;
            socket::connect(socket.as_raw_fd(), &SockaddrIn::from(address))?;
            socket
        }
        (kind, _) => return Err(format!("no such kind of address: {kind}").into()),
    };
    let mut said = String::new();
    File::from(socket).read_to_string(&mut said)?;
    std::io::stdout().write_all(said.as_bytes())?;
    Ok(Next::On)
}

fn serve(actor: &mut Actor, _: &str) -> Outcome {
    if actor.listener.is_none() {
        actor.listener = listenfd::ListenFd::from_env().take_tcp_listener(0)?;
    }
    let listener = actor.listener.as_ref().ok_or("no listener was passed")?;
    actor.report("serving", listener.local_addr()?.to_string().into());
    let signals = nix::sys::signalfd::SignalFd::with_flags(
        &actor.held,
        nix::sys::signalfd::SfdFlags::SFD_NONBLOCK,
    )?;
    listener.set_nonblocking(true)?;
    loop {
        let mut ready = [
            nix::poll::PollFd::new(listener.as_fd(), nix::poll::PollFlags::POLLIN),
            nix::poll::PollFd::new(signals.as_fd(), nix::poll::PollFlags::POLLIN),
        ];
        nix::poll::poll(&mut ready, nix::poll::PollTimeout::NONE)?;
        // A connection taken is answered before a signal is obeyed: none is dropped half-way.
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                let _ = respond(stream, &actor.tag);
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if let Some(signal) = signals.read_signal()? {
                    let name = Signal::try_from(signal.ssi_signo.cast_signed())?;
                    actor.report("signal", name.as_str().into());
                    return Ok(Next::On);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn answer(actor: &mut Actor, _: &str) -> Outcome {
    let stream = TcpStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let peer = stream
        .peer_addr()
        .map(|peer| peer.to_string())
        .unwrap_or_default();
    actor.report("connection", peer.into());
    respond(stream, &actor.tag)?;
    Ok(Next::On)
}
