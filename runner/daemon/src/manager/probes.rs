//! Attempts at readiness probes over the network, each a task of its own on the loop. How long one
//! may take is the engine's business: it ends those it is tired of, and a peer that hangs costs
//! nobody else anything.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;

use engine::Ticket;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;
use units::value::Probe;

use super::offload::Offload;
use crate::reason::reason;

/// Ready, or why not.
type Outcome = Result<(), String>;

/// The attempts under way.
pub(super) struct Probes {
    under_way: HashMap<Ticket, AbortHandle>,
    /// Looking up the path of a socket may block, so a thread of its own does it.
    paths: Offload<(Ticket, Outcome)>,
    outcomes: UnboundedReceiver<(Ticket, Outcome)>,
    over: UnboundedSender<(Ticket, Outcome)>,
}

impl Probes {
    pub(super) fn new() -> Probes {
        let (over, outcomes) = unbounded_channel();
        Probes {
            under_way: HashMap::new(),
            paths: Offload::new(),
            outcomes,
            over,
        }
    }

    /// Begins an attempt.
    pub(super) fn begin(&mut self, ticket: Ticket, probe: Probe) {
        match probe {
            Probe::Unix(path) => self.paths.submit(move || (ticket, listens(&path))),
            Probe::Tcp(address) => self.spawn(ticket, async move {
                connect(address).await.map(drop).map_err(|why| reason(&why))
            }),
            Probe::Http { address, path } => self.spawn(ticket, get(address, path)),
            // The engine runs those as processes.
            Probe::Exec(_) => {}
        }
    }

    fn spawn(&mut self, ticket: Ticket, attempt: impl Future<Output = Outcome> + Send + 'static) {
        let over = self.over.clone();
        let task = tokio::spawn(async move {
            let outcome = attempt.await;
            // Nobody listens any more when the manager ends.
            let _ = over.send((ticket, outcome));
        });
        self.under_way.insert(ticket, task.abort_handle());
    }

    /// Gives an attempt up. One that is over already has no effect any more: its ticket is stale.
    pub(super) fn end(&mut self, ticket: Ticket) {
        if let Some(task) = self.under_way.remove(&ticket) {
            task.abort();
        }
    }

    /// The next attempt that is over. Cancel-safe.
    pub(super) async fn next(&mut self) -> (Ticket, Outcome) {
        let over = tokio::select! {
            over = self.outcomes.recv() => over,
            over = self.paths.next() => Some(over),
        };
        match over {
            Some((ticket, outcome)) => {
                self.under_way.remove(&ticket);
                (ticket, outcome)
            }
            // Never: we hold a sender ourselves.
            None => std::future::pending().await,
        }
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // Where nobody listens on a port of those that are given to clients, a client may be given that
    // very port, and then it is connected to itself.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::Error::from_raw_os_error(libc::ECONNREFUSED));
    }
    Ok(stream)
}

/// Whether somebody listens on the socket at a path, of whichever type it is.
fn listens(path: &str) -> Outcome {
    let mut refusal = rustix::io::Errno::PROTOTYPE;
    for kind in [SocketType::STREAM, SocketType::SEQPACKET, SocketType::DGRAM] {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let attempt = rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None)
            .and_then(|socket| rustix::net::connect(&socket, &SocketAddrUnix::new(path)?));
        match attempt {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::PROTOTYPE) => {}
            Err(errno) => {
                refusal = errno;
                break;
            }
        }
    }
    Err(reason(&refusal.into()))
}

/// The longest first line of an answer that is read, in bytes.
const LONGEST_STATUS_LINE: usize = 1024;

/// Whether a GET is answered with a status from 200 to 399. Nothing after the first line is read.
async fn get(address: SocketAddr, path: Box<str>) -> Outcome {
    let said = |why: io::Error| reason(&why);
    let mut stream = connect(address).await.map_err(said)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: runnerd\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.map_err(said)?;
    let mut line = Vec::new();
    while !line.contains(&b'\n') {
        let mut chunk = [0; LONGEST_STATUS_LINE];
        let length = stream.read(&mut chunk).await.map_err(said)?;
        if length == 0 {
            return Err("the connection was closed without an answer".to_owned());
        }
        line.extend_from_slice(&chunk[..length]);
        if line.len() > LONGEST_STATUS_LINE && !line[..LONGEST_STATUS_LINE].contains(&b'\n') {
            return Err("the answer is no HTTP".to_owned());
        }
    }
    judge(&line)
}

/// What the first line of an answer says.
fn judge(answer: &[u8]) -> Outcome {
    match status_of(answer) {
        Some(200..=399) => Ok(()),
        Some(status) => Err(format!("HTTP status {status}")),
        None => Err("the answer is no HTTP".to_owned()),
    }
}

/// The number in `HTTP/1.1 200 OK`.
fn status_of(answer: &[u8]) -> Option<u16> {
    let rest = answer.strip_prefix(b"HTTP/1.")?;
    let (b"0" | b"1", rest) = rest.split_at_checked(1)? else {
        return None;
    };
    let (digits, rest) = rest.strip_prefix(b" ")?.split_at_checked(3)?;
    let ends = matches!(rest.first(), Some(b' ' | b'\r' | b'\n'));
    let digits = std::str::from_utf8(digits).ok()?;
    let number = digits.bytes().all(|b| b.is_ascii_digit());
    (ends && number).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::os::unix::net::{UnixDatagram, UnixListener};
    use std::thread;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    }

    /// Makes one attempt and waits for its end.
    async fn attempt(probes: &mut Probes, number: u64, probe: &str) -> Outcome {
        probes.begin(Ticket(number), Probe::parse(probe).unwrap());
        let (ticket, outcome) = probes.next().await;
        assert_eq!(ticket, Ticket(number));
        assert!(probes.under_way.is_empty());
        outcome
    }

    #[test]
    fn status_lines() {
        for (line, outcome) in [
            ("HTTP/1.1 200 OK\r\n", Ok(())),
            ("HTTP/1.0 204\n", Ok(())),
            ("HTTP/1.1 302 Found\r\n", Ok(())),
            ("HTTP/1.1 404 Not Found\r\n", Err("HTTP status 404")),
            ("HTTP/1.1 503\r\n", Err("HTTP status 503")),
            ("HTTP/1.1 103 Early Hints\r\n", Err("HTTP status 103")),
            ("HTTP/2 200\r\n", Err("the answer is no HTTP")),
            ("HTTP/1.1 2000\r\n", Err("the answer is no HTTP")),
            ("HTTP/1.1 +20 \r\n", Err("the answer is no HTTP")),
            ("HTTP/1.1 20\n", Err("the answer is no HTTP")),
            ("SSH-2.0-OpenSSH\r\n", Err("the answer is no HTTP")),
            ("\n", Err("the answer is no HTTP")),
        ] {
            assert_eq!(
                judge(line.as_bytes()),
                outcome.map_err(str::to_owned),
                "{line:?}"
            );
        }
    }

    /// Serves one connection: reads the request, then says this.
    fn serve(answer: &'static [u8]) -> (u16, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            // Who sends without end is turned away in the middle of it.
            let _ = stream.write_all(answer);
            String::from_utf8(request).unwrap()
        });
        (port, server)
    }

    #[test]
    fn http_is_asked_and_its_answer_bounded() {
        runtime().block_on(async {
            let mut probes = Probes::new();
            static ENDLESS: [u8; 1 << 20] = [b'x'; 1 << 20];
            for (answer, outcome) in [
                (&b"HTTP/1.1 200 OK\r\n\r\nhello"[..], Ok(())),
                (b"HTTP/1.1 500 no\r\n\r\n", Err("HTTP status 500")),
                (b"", Err("the connection was closed without an answer")),
                (&ENDLESS, Err("the answer is no HTTP")),
            ] {
                let (port, server) = serve(answer);
                let probe = format!("http:{port}/health?a=b");
                let said = attempt(&mut probes, 1, &probe).await;
                assert_eq!(said, outcome.map_err(str::to_owned));
                let request = server.join().unwrap();
                let wanted = format!("GET /health?a=b HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n");
                assert!(request.starts_with(&wanted), "{request}");
            }
        });
    }

    #[test]
    fn sockets_that_somebody_listens_on() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| format!("unix:{}", directory.path().join(name).display());
        runtime().block_on(async {
            let mut probes = Probes::new();
            let none = Err("no such file or directory".to_owned());
            assert_eq!(attempt(&mut probes, 1, &path("a")).await, none);
            let listener = UnixListener::bind(directory.path().join("a")).unwrap();
            assert_eq!(attempt(&mut probes, 2, &path("a")).await, Ok(()));
            drop(listener);
            let refused = Err("connection refused".to_owned());
            assert_eq!(attempt(&mut probes, 3, &path("a")).await, refused);
            let _datagrams = UnixDatagram::bind(directory.path().join("b")).unwrap();
            assert_eq!(attempt(&mut probes, 4, &path("b")).await, Ok(()));
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let tcp = format!("tcp:{}", listener.local_addr().unwrap());
            assert_eq!(attempt(&mut probes, 5, &tcp).await, Ok(()));
            // Bound by a socket that does not listen, the port is nobody's to listen on.
            let port = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
            rustix::net::bind(&port, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
            let port = rustix::net::getsockname(&port).map(SocketAddr::try_from);
            let tcp = format!("tcp:{}", port.unwrap().unwrap());
            assert_eq!(attempt(&mut probes, 6, &tcp).await, refused);
        });
    }

    #[test]
    fn an_attempt_that_hangs_is_ended_and_holds_nobody_up() {
        runtime().block_on(async {
            let mut probes = Probes::new();
            // Connections are made, and nobody ever answers.
            let silent = TcpListener::bind("127.0.0.1:0").unwrap();
            let http = format!("http://{}/", silent.local_addr().unwrap());
            probes.begin(Ticket(1), Probe::parse(&http).unwrap());
            let tcp = format!("tcp:{}", silent.local_addr().unwrap());
            probes.begin(Ticket(2), Probe::parse(&tcp).unwrap());
            assert_eq!(probes.next().await, (Ticket(2), Ok(())));
            probes.end(Ticket(1));
            assert!(probes.under_way.is_empty());
            // Its connection is closed: accepted now, it ends at once, after the request at most.
            for _ in 0..2 {
                tokio::task::yield_now().await;
                let (mut stream, _) = silent.accept().unwrap();
                let mut request = Vec::new();
                let _ = stream.read_to_end(&mut request);
            }
        });
    }
}
