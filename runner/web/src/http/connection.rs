//! One connection: request after request, each read whole before it is answered, with a bound and a
//! time-out for everything a client can make us wait for or keep.

use std::io;
use std::sync::Arc;

use control::Caller;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, timeout, timeout_at};

use crate::auth::Verdict;
use crate::config::{Config, Endpoint, Limits};
use crate::guard;
use crate::health;
use crate::http::head::{Search, Unreadable, parse};
use crate::http::message::Framing;
use crate::http::{Body, Head, Request, Response};
use crate::places::{Doing, Peer, Place};
use crate::route;
use crate::server::Shared;

/// How much is read or written at once.
const PIECE: usize = 64 * 1024;

/// How long a client that has been refused may go on sending before the connection is cut: without
/// this it would often not see why.
const LINGER: Duration = Duration::from_millis(500);

/// How much of what such a client sends is looked at.
const MOST_LINGERING: usize = 256 * 1024;

/// Bytes in both directions.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// A client's end, of whatever kind: nothing here depends on that, so nothing is compiled for each.
pub(crate) type Stream = Box<dyn Duplex>;

/// Who is at the other end, and what holds its place.
pub(crate) struct Visit {
    pub(crate) shared: Arc<Shared>,
    /// The name of the server it came to.
    pub(crate) endpoint: String,
    pub(crate) caller: Caller,
    pub(crate) peer: Peer,
    pub(crate) place: Place,
}

/// Why a connection ends, where it is no error.
enum End {
    /// It has been said all there was to say.
    Closed,
    /// The client was refused and may still be sending.
    Refused,
}

/// A request that was read as far as its head, with what it came to.
struct Arrived {
    head: Head,
    endpoint: Endpoint,
    limits: Limits,
}

/// Serves one connection until it ends.
///
/// # Errors
/// When the client does not keep to the time, or breaks the connection.
pub(crate) async fn serve(mut stream: Stream, visit: Visit) -> io::Result<()> {
    let mut buffer = Vec::new();
    let ended = tokio::select! {
        ended = converse(&mut stream, &mut buffer, &visit) => ended?,
        () = visit.place.given_up() => {
            return Err(io::Error::other("the connection made room for another one"));
        }
    };
    if matches!(ended, End::Refused) {
        let _ = timeout(LINGER, drain(&mut stream)).await;
    }
    Ok(())
}

/// Tells a client that there is no place for it.
pub(crate) async fn turn_away(mut stream: Stream) {
    let busy = Response::error(503);
    let _ = timeout(LINGER, async {
        let head = busy.head(Framing::LAST);
        stream.write_all(head.as_bytes()).await?;
        if let Body::Whole(page) = &busy.body {
            stream.write_all(page).await?;
        }
        stream.shutdown().await
    })
    .await;
}

/// Lets a refused client finish, within reason.
async fn drain(stream: &mut Stream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut scrap = [0; 4096];
    let mut left = MOST_LINGERING;
    while left > 0 {
        match stream.read(&mut scrap).await? {
            0 => break,
            length => left = left.saturating_sub(length),
        }
    }
    Ok(())
}

async fn converse(stream: &mut Stream, buffer: &mut Vec<u8>, visit: &Visit) -> io::Result<End> {
    let mut has_asked = false;
    loop {
        let config = visit.shared.config();
        let head = match read_head(stream, buffer, &config.limits, has_asked).await? {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(End::Closed),
            Err(unreadable) => return refuse(stream, unreadable, &config.limits).await,
        };
        // Looked up anew for each request: a password that has been changed is changed for
        // connections that are open, too.
        let Some(endpoint) = endpoint(&config, &visit.endpoint) else {
            return Ok(End::Closed);
        };
        let arrived = Arrived {
            head,
            endpoint,
            limits: config.limits,
        };
        if !health::is_asked(&arrived.head)
            && let Some(response) = turned_down(&arrived, visit).await
        {
            let framing = Framing {
                keep_alive: false,
                ..Framing::of(&arrived.head)
            };
            send(stream, response, framing, &arrived.limits).await?;
            return Ok(End::Refused);
        }
        visit.place.doing(Doing::Busy);
        let mut framing = Framing::of(&arrived.head);
        let limits = arrived.limits;
        let request = read_body(stream, buffer, arrived, visit).await?;
        let response = answer(stream, buffer, request, visit).await?;
        match response {
            Response {
                body: Body::Stream(_),
                ..
            } if !visit.place.stream(&limits) => {
                let busy = Response::error_because(503, "you follow too many logs already");
                send(stream, busy, framing, &limits).await?;
            }
            response => {
                // Without chunks only the end of the connection says that it is over.
                framing.keep_alive &= framing.is_1_1 || matches!(response.body, Body::Whole(_));
                send_watching(stream, buffer, response, framing, &limits).await?;
            }
        }
        if !framing.keep_alive {
            stream.shutdown().await?;
            return Ok(End::Closed);
        }
        has_asked = true;
        visit.place.doing(Doing::Idle);
        if buffer.is_empty() {
            // An idle connection costs no buffer.
            *buffer = Vec::new();
        }
        // A client that sends one request after the other without reading is not the only one.
        tokio::task::yield_now().await;
    }
}

fn endpoint(config: &Config, name: &str) -> Option<Endpoint> {
    let mut all = config.endpoints.iter();
    all.find(|known| known.name == name).cloned()
}

/// Reads the head of the next request; `None` when there is none any more.
async fn read_head(
    stream: &mut Stream,
    buffer: &mut Vec<u8>,
    limits: &Limits,
    has_asked: bool,
) -> io::Result<Result<Option<Head>, Unreadable>> {
    let mut search = Search::default();
    let mut deadline = None;
    loop {
        match search.end(buffer, limits) {
            Ok(Some(length)) => {
                let head = parse(&buffer[..length], limits);
                buffer.drain(..length);
                return Ok(head.map(Some));
            }
            Ok(None) => {}
            Err(unreadable) => return Ok(Err(unreadable)),
        }
        // What is waited for: the first byte of a request on a connection that has shown what it
        // is for, else a whole head.
        if deadline.is_none() {
            let within = if buffer.is_empty() && has_asked {
                limits.idle
            } else {
                limits.head
            };
            deadline = Some((Instant::now() + within, buffer.is_empty() && has_asked));
        }
        let (until, is_idle) = deadline.unwrap_or((Instant::now(), false));
        buffer.reserve(4096);
        match timeout_at(until, stream.read_buf(buffer)).await {
            Ok(read) => {
                if read? == 0 {
                    return match buffer.is_empty() {
                        true => Ok(Ok(None)),
                        false => Err(io::ErrorKind::UnexpectedEof.into()),
                    };
                }
            }
            Err(_) if buffer.is_empty() => return Ok(Ok(None)),
            Err(_) => {
                return Ok(Err(Unreadable {
                    status: 408,
                    why: "the request took too long",
                }));
            }
        }
        if is_idle {
            deadline = None;
        }
    }
}

/// Answers a request that cannot be read. Where the next one begins is not known.
async fn refuse(stream: &mut Stream, unreadable: Unreadable, limits: &Limits) -> io::Result<End> {
    tracing::debug!("a request was refused: {}", unreadable.why);
    let response = Response::error_because(unreadable.status, unreadable.why);
    send(stream, response, Framing::LAST, limits).await?;
    Ok(End::Refused)
}

/// The answer to a request that does not even get its body read.
async fn turned_down(arrived: &Arrived, visit: &Visit) -> Option<Response> {
    let (shared, head) = (&visit.shared, &arrived.head);
    let verdict = shared
        .doorkeeper
        .admit(&arrived.endpoint, head.header("authorization"), visit.peer)
        .await;
    match verdict {
        Verdict::Admitted => {}
        Verdict::Refused(delay) => {
            if head.header("authorization").is_some() {
                tracing::warn!(
                    audit = true,
                    "{}: wrong user or password at {}",
                    visit.caller,
                    arrived.endpoint.address
                );
            }
            if !delay.is_zero() {
                // It is the first to go when somebody needs its place.
                visit.place.doing(Doing::Arriving);
                tokio::time::sleep(delay).await;
            }
            let realm = "Basic realm=\"default\"";
            return Some(Response::error(401).with("WWW-Authenticate", realm));
        }
        Verdict::Malformed => return Some(Response::error(400)),
        Verdict::Busy => return Some(Response::error(503)),
    }
    if let Err(why) = guard::verdict(head, &arrived.endpoint, &shared.machine) {
        tracing::warn!(audit = true, "{}: refused: {why}", visit.caller);
        return Some(Response::error_because(403, why));
    }
    None
}

/// Reads the body. It has a length and is within bounds, or the head would have been refused.
async fn read_body(
    stream: &mut Stream,
    buffer: &mut Vec<u8>,
    arrived: Arrived,
    visit: &Visit,
) -> io::Result<Request> {
    let Arrived { head, limits, .. } = arrived;
    let length = head.length.unwrap_or_default();
    if head.expects_continue && buffer.len() < length {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let deadline = Instant::now() + limits.body;
    while buffer.len() < length {
        // The room grows with what really comes, not with what was announced.
        buffer.reserve((length - buffer.len()).min(PIECE));
        let read = timeout_at(deadline, stream.read_buf(buffer)).await;
        if read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let rest = buffer.split_off(length);
    Ok(Request {
        head,
        body: std::mem::replace(buffer, rest),
        caller: visit.caller.clone(),
    })
}

/// Lets the request be answered. A client that goes meanwhile takes its question back as far as
/// that is possible.
async fn answer(
    stream: &mut Stream,
    buffer: &mut Vec<u8>,
    request: Request,
    visit: &Visit,
) -> io::Result<Response> {
    let mut response = route::respond(&visit.shared, request);
    loop {
        tokio::select! {
            biased;
            response = &mut response => return Ok(response),
            read = stream.read_buf(buffer), if buffer.len() < PIECE => {
                if read? == 0 {
                    // Perhaps it has only said that it will ask no more. It gets its answer, but no
                    // place that others need.
                    visit.place.doing(Doing::Idle);
                    return Ok(response.await);
                }
            }
        }
    }
}

/// Sends a response, and notices when the client of an endless one goes.
async fn send_watching(
    stream: &mut Stream,
    buffer: &mut Vec<u8>,
    response: Response,
    framing: Framing,
    limits: &Limits,
) -> io::Result<()> {
    let head = response.head(framing);
    let Body::Stream(mut pieces) = response.body else {
        return send(stream, response, framing, limits).await;
    };
    write(stream, head.as_bytes(), limits).await?;
    while let Some(piece) = next_piece(stream, buffer, &mut pieces).await? {
        if piece.is_empty() || framing.without_body {
            // An empty chunk would be the last one.
            continue;
        }
        if framing.is_1_1 {
            let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
            chunk.extend_from_slice(&piece);
            chunk.extend_from_slice(b"\r\n");
            write(stream, &chunk, limits).await?;
        } else {
            write(stream, &piece, limits).await?;
        }
    }
    if framing.is_1_1 {
        write(stream, b"0\r\n\r\n", limits).await?;
    }
    Ok(())
}

async fn next_piece(
    stream: &mut Stream,
    buffer: &mut Vec<u8>,
    pieces: &mut mpsc::Receiver<Arc<[u8]>>,
) -> io::Result<Option<Arc<[u8]>>> {
    loop {
        tokio::select! {
            piece = pieces.recv() => return Ok(piece),
            read = stream.read_buf(buffer), if buffer.len() < PIECE => {
                if read? == 0 {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
            }
        }
    }
}

/// Sends a response that is there as a whole.
async fn send(
    stream: &mut Stream,
    response: Response,
    framing: Framing,
    limits: &Limits,
) -> io::Result<()> {
    let mut bytes = response.head(framing).into_bytes();
    let Body::Whole(body) = response.body else {
        return write(stream, &bytes, limits).await;
    };
    if framing.without_body {
        return write(stream, &bytes, limits).await;
    }
    if body.len() < PIECE {
        // One packet for what fits.
        bytes.extend_from_slice(&body);
        return write(stream, &bytes, limits).await;
    }
    write(stream, &bytes, limits).await?;
    write(stream, &body, limits).await
}

/// Writes piece by piece; a client that takes nothing of one for too long is given up.
async fn write(stream: &mut Stream, bytes: &[u8], limits: &Limits) -> io::Result<()> {
    for piece in bytes.chunks(PIECE) {
        timeout(limits.write, stream.write_all(piece))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    }
    Ok(())
}
