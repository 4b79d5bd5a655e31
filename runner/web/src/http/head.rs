//! The head of a request: where it ends, what it says, and whether we and anybody before us could
//! disagree about that. Pure.

use crate::config::Limits;

/// How many headers a request may have.
const MOST_HEADERS: usize = 100;

/// How many empty lines before a request are skipped: supervisorctl's streaming client sends one
/// after its own.
const MOST_EMPTY_LINES: usize = 4;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// Any other one.
    Other,
}

/// The head of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The method.
    pub(crate) method: Method,
    /// The path, percent signs resolved; bytes that are not UTF-8 are U+FFFD. Begins with `/`.
    pub(crate) path: String,
    /// What follows the `?`, as it was sent.
    pub(crate) query: Option<String>,
    /// HTTP/1.1, not 1.0.
    pub(crate) is_1_1: bool,
    /// The connection is to stay open.
    pub(crate) keep_alive: bool,
    /// The length of the body, where there is one.
    pub(crate) length: Option<usize>,
    /// The client waits to be told to send the body.
    pub(crate) expects_continue: bool,
    headers: Vec<(String, String)>,
}

impl Head {
    /// The value of a header, by its name in lower case; the first if there are several.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Why a request is not read any further. The connection ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// The status it is answered with.
    pub(crate) status: u16,
    /// Why, in a few words.
    pub(crate) why: &'static str,
}

const fn bad(why: &'static str) -> Unreadable {
    Unreadable { status: 400, why }
}

/// Looks for the end of a head in what has come so far, looking at no byte twice.
#[derive(Debug, Default)]
pub(crate) struct Search {
    looked_at: usize,
}

impl Search {
    /// How long the head is, once it is all there. Empty lines before it are taken out of `bytes`.
    pub(crate) fn end(
        &mut self,
        bytes: &mut Vec<u8>,
        limits: &Limits,
    ) -> Result<Option<usize>, Unreadable> {
        if self.looked_at == 0 {
            let empty = bytes.chunks(2).take_while(|pair| pair == b"\r\n").count();
            if empty > MOST_EMPTY_LINES {
                return Err(bad("a request begins with a request line"));
            }
            bytes.drain(..2 * empty);
        }
        for at in self.looked_at..bytes.len() {
            let before = at.checked_sub(1).map(|before| bytes[before]);
            match bytes[at] {
                b'\n' if before != Some(b'\r') => return Err(bad("a line ends with CR LF")),
                0 => return Err(bad("a head has no NUL")),
                _ if before == Some(b'\r') && bytes[at] != b'\n' => {
                    return Err(bad("a CR is followed by LF"));
                }
                b'\n' if at >= 3 && bytes[at - 3..at] == *b"\r\n\r" => {
                    self.looked_at = 0;
                    return Ok(Some(at + 1));
                }
                _ => {}
            }
        }
        // Of an empty line that is half there, the beginning is still to be looked at.
        self.looked_at = if bytes == b"\r" { 0 } else { bytes.len() };
        if bytes.len() > limits.head_bytes {
            return Err(Unreadable {
                status: 431,
                why: "the head of the request is too long",
            });
        }
        Ok(None)
    }
}

/// Reads a whole head.
pub(crate) fn parse(bytes: &[u8], limits: &Limits) -> Result<Head, Unreadable> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Unreadable {
                status: 431,
                why: "the request has too many headers",
            });
        }
        _ => return Err(bad("this is no HTTP request")),
    }
    let target = request.path.unwrap_or_default();
    if target.len() > limits.target_bytes {
        return Err(Unreadable {
            status: 414,
            why: "the target of the request is too long",
        });
    }
    if !target.starts_with('/') {
        return Err(bad("the target of a request is a path"));
    }
    let is_1_1 = request.version == Some(1);
    let headers: Vec<(String, String)> = request
        .headers
        .iter()
        .map(|header| {
            let value = String::from_utf8_lossy(header.value);
            (header.name.to_ascii_lowercase(), value.trim().to_owned())
        })
        .collect();
    let all = |name: &'static str| {
        headers
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    };
    if all("host").count() > 1 {
        return Err(bad("a request has one Host"));
    }
    let method = match request.method {
        Some("GET") => Method::Get,
        Some("HEAD") => Method::Head,
        Some("POST") => Method::Post,
        _ => Method::Other,
    };
    let length = length(
        all("content-length"),
        all("transfer-encoding"),
        is_1_1,
        limits,
    )?;
    if length.is_none() && method == Method::Post {
        return Err(Unreadable {
            status: 411,
            why: "Length Required",
        });
    }
    let connection: Vec<String> = all("connection")
        .flat_map(|value| value.split(','))
        .map(|word| word.trim().to_ascii_lowercase())
        .collect();
    let says = |word: &str| connection.iter().any(|said| said == word);
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    Ok(Head {
        method,
        path: percent_decoded(path.split('#').next().unwrap_or_default()),
        query,
        is_1_1,
        keep_alive: !says("close") && (is_1_1 || says("keep-alive")),
        length,
        expects_continue: is_1_1
            && all("expect").any(|value| value.eq_ignore_ascii_case("100-continue")),
        headers,
    })
}

/// The length of the body. Every way of saying it that somebody might understand otherwise is
/// refused.
fn length<'a>(
    mut lengths: impl Iterator<Item = &'a str>,
    mut codings: impl Iterator<Item = &'a str>,
    is_1_1: bool,
    limits: &Limits,
) -> Result<Option<usize>, Unreadable> {
    let (length, coding) = (lengths.next(), codings.next());
    if lengths.next().is_some() || codings.next().is_some() {
        return Err(bad("the length of a request is said once"));
    }
    let text = match (length, coding) {
        (None, None) => return Ok(None),
        (Some(text), None) => text,
        (None, Some(coding)) if is_1_1 && coding.eq_ignore_ascii_case("chunked") => {
            return Err(Unreadable {
                status: 411,
                why: "a request has a Content-Length, it cannot be chunked",
            });
        }
        (None, Some(_)) => return Err(bad("there is no such Transfer-Encoding")),
        (Some(_), Some(_)) => return Err(bad("the length of a request is said in one way")),
    };
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) || text.len() > 18 {
        return Err(bad("Content-Length is a number"));
    }
    match text.parse() {
        Ok(length) if length <= limits.body_bytes => Ok(Some(length)),
        Ok(_) => Err(Unreadable {
            status: 413,
            why: "the body of the request is too long",
        }),
        Err(_) => Err(bad("Content-Length is a number")),
    }
}

/// Resolves `%2F` and the like; what is no escape stays, as in Python.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%')
            .then(|| after.get(..2))
            .flatten()
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(byte) => {
                out.push(byte);
                rest = &after[2..];
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    match String::from_utf8(out) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Head, Unreadable> {
        let mut bytes = text.as_bytes().to_vec();
        let end = Search::default().end(&mut bytes, &Limits::default())?;
        parse(&bytes[..end.expect("the head ends")], &Limits::default())
    }

    fn status(text: &str) -> u16 {
        match read(text) {
            Ok(head) => panic!("{text:?} was read: {head:?}"),
            Err(unreadable) => unreadable.status,
        }
    }

    #[test]
    fn what_real_clients_send_is_read() {
        let streaming = "GET /logtail/cat/stdout HTTP/1.1\r\nHost: \r\nAccept-Encoding: chunked\r\nAccept: */*\r\nUser-agent: Supervisor HTTP Client\r\n\r\n";
        let head = read(streaming).unwrap();
        assert_eq!(head.path, "/logtail/cat/stdout");
        assert_eq!(head.header("host"), Some(""));
        assert!(head.keep_alive && head.is_1_1 && head.length.is_none());
        // Its stray line before the next request.
        assert!(read(&format!("\r\n{streaming}")).is_ok());

        let old =
            read("POST /RPC2 HTTP/1.0\r\nConnection: Keep-Alive\r\ncontent-length: 007\r\n\r\n");
        let old = old.unwrap();
        assert!(old.keep_alive && !old.is_1_1);
        assert_eq!((old.method, old.length), (Method::Post, Some(7)));
        assert!(!read("GET / HTTP/1.0\r\n\r\n").unwrap().keep_alive);
        assert!(
            !read("GET / HTTP/1.1\r\nConnection: x, close\r\n\r\n")
                .unwrap()
                .keep_alive
        );

        let head = read("GET /logtail/a%3ab%2Fc%zz?x=%41&y HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(head.path, "/logtail/a:b/c%zz");
        assert_eq!(head.query.as_deref(), Some("x=%41&y"));
    }

    #[test]
    fn b15_what_two_could_read_differently_is_refused() {
        for headers in [
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 3",
            "Content-Length: 3\r\nContent-Length: 3",
            "Content-Length: 3, 3",
            "Content-Length: -1",
            "Content-Length: +5",
            "Content-Length: 0x10",
            "Content-Length: 100000000000000000000",
            "Content-Length:",
            "Content-Length: 1 1",
            "Content-Length : 3",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            "Transfer-Encoding: identity",
            "Host: a\r\nHost: b",
            "A: b\r\n c",
            " A: b",
            "A b",
            ": b",
        ] {
            let text = format!("POST /RPC2 HTTP/1.1\r\n{headers}\r\n\r\n");
            assert_eq!(status(&text), 400, "{headers}");
        }
        for text in [
            "GET http://evil/ HTTP/1.1\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\n\r\n",
            "CONNECT a:1 HTTP/1.1\r\n\r\n",
            "GET / HTTP/2.0\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "GET /\r\n\r\n",
            "GET / HTTP/1.1\nHost: x\n\n",
            "GET / HTTP/1.1\r\nA: b\n\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n",
            "GET  / HTTP/1.1\r\n\r\n",
            "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(status(text), 400, "{text:?}");
        }
        let chunked = "POST /RPC2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(status(chunked), 411);
        assert_eq!(status("POST /RPC2 HTTP/1.1\r\n\r\n"), 411);
    }

    #[test]
    fn b18_sizes_are_bounded() {
        let big = "POST /RPC2 HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n";
        assert_eq!(status(big), 413);
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(8 * 1024));
        assert_eq!(status(&long), 414);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(1_000));
        assert_eq!(status(&many), 431);
        let mut endless = b"GET / HTTP/1.1\r\nA: ".to_vec();
        endless.resize(64 * 1024 + 1, b'a');
        let refused = Search::default().end(&mut endless, &Limits::default());
        assert_eq!(refused.unwrap_err().status, 431);
    }

    proptest::proptest! {
        /// Whatever comes and in whatever pieces: the same end is found, and nothing panics.
        #[test]
        fn any_bytes_in_any_pieces(
            start in proptest::prop_oneof!["", "GET / HTTP/1.1\r\n", "(\r\n){0,5}POST /RPC2 HTTP/1.1\r\n"],
            noise in proptest::collection::vec(proptest::prop_oneof![
                proptest::strategy::Just(b'\r'),
                proptest::strategy::Just(b'\n'),
                proptest::arbitrary::any::<u8>(),
            ], 0..60),
            piece in 1usize..9,
        ) {
            let limits = Limits::default();
            let mut all = start.into_bytes();
            all.extend(noise);
            all.extend(b"\r\n\r\n");
            let mut at_once = all.clone();
            let expected = Search::default().end(&mut at_once, &limits);
            if let Ok(Some(end)) = expected {
                let _ = parse(&at_once[..end], &limits);
            }
            let (mut search, mut bytes, mut found) = (Search::default(), Vec::new(), Ok(None));
            for next in all.chunks(piece) {
                bytes.extend_from_slice(next);
                found = search.end(&mut bytes, &limits);
                if !matches!(found, Ok(None)) {
                    break;
                }
            }
            match (expected, found) {
                (Ok(a), Ok(b)) => proptest::prop_assert_eq!(a, b),
                (Err(_), Err(_)) => {}
                // In pieces, empty lines may be gone before they are too many.
                (Err(unreadable), _) => {
                    proptest::prop_assert_eq!(unreadable.why, "a request begins with a request line");
                }
                (Ok(_), Err(unreadable)) => {
                    proptest::prop_assert!(false, "only in pieces: {:?}", unreadable);
                }
            }
        }
    }

    #[test]
    fn a_head_may_come_byte_by_byte() {
        let text = b"\r\nGET / HTTP/1.1\r\nA: b\r\n\r\nrest";
        let (mut search, mut bytes) = (Search::default(), Vec::new());
        for (at, byte) in text.iter().enumerate() {
            bytes.push(*byte);
            let end = search.end(&mut bytes, &Limits::default()).unwrap();
            assert_eq!(end.is_some(), at + 5 == text.len(), "at {at}");
            if let Some(end) = end {
                assert_eq!(end, bytes.len());
                break;
            }
        }
    }
}
