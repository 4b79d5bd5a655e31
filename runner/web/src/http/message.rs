//! Requests and responses.

use std::sync::Arc;

use control::Caller;
use tokio::sync::mpsc;

use crate::http::head::{Head, Method};

/// A request that was read whole, authenticated and found harmless.
#[derive(Debug)]
pub(crate) struct Request {
    /// Its head.
    pub(crate) head: Head,
    /// Its body; empty without one.
    pub(crate) body: Vec<u8>,
    /// Who asks.
    pub(crate) caller: Caller,
}

/// What is answered.
#[derive(Debug)]
pub(crate) struct Response {
    /// The status code.
    pub(crate) status: u16,
    /// Headers, but for those every response has and those that say how long the body is.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body.
    pub(crate) body: Body,
}

/// The body of a response.
#[derive(Debug)]
pub(crate) enum Body {
    /// All of it.
    Whole(Vec<u8>),
    /// As it comes; it ends when the other side is dropped, or when the client goes.
    Stream(mpsc::Receiver<Arc<[u8]>>),
}

impl Response {
    /// 200 with a body.
    pub(crate) fn ok(content_type: &str, body: impl Into<Vec<u8>>) -> Response {
        Response {
            status: 200,
            headers: vec![("Content-Type", content_type.to_owned())],
            body: Body::Whole(body.into()),
        }
    }

    /// A status with the page supervisord has for it.
    pub(crate) fn error(status: u16) -> Response {
        Response::error_because(status, reason(status))
    }

    /// A status with a page that says more; `why` is our own text, never a stranger's.
    pub(crate) fn error_because(status: u16, why: &str) -> Response {
        let page = format!(
            "<head>\r\n<title>Error response</title>\r\n</head>\r\n<body>\r\n\
             <h1>Error response</h1>\r\n<p>Error code {status}.\r\n<p>Message: {why}.\r\n</body>\r\n"
        );
        Response {
            status,
            headers: vec![
                ("Content-Type", "text/html".to_owned()),
                ("X-Content-Type-Options", "nosniff".to_owned()),
            ],
            body: Body::Whole(page.into_bytes()),
        }
    }

    /// With one more header.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Response {
        self.headers.push((name, value.into()));
        self
    }

    /// Everything up to the body.
    pub(crate) fn head(&self, request: Framing) -> String {
        // A header nobody may break out of: names and targets of strangers can be in a value.
        let clean = |value: &str| value.replace(['\r', '\n', '\0'], " ");
        let mut out = format!(
            "HTTP/{} {} {}\r\nServer: Medusa/1.12\r\nDate: {}\r\n",
            if request.is_1_1 { "1.1" } else { "1.0" },
            self.status,
            reason(self.status),
            crate::http::date::now(),
        );
        for (name, value) in &self.headers {
            out.push_str(&format!("{name}: {}\r\n", clean(value)));
        }
        match &self.body {
            Body::Whole(bytes) => out.push_str(&format!("Content-Length: {}\r\n", bytes.len())),
            Body::Stream(_) if request.is_1_1 => out.push_str("Transfer-Encoding: chunked\r\n"),
            Body::Stream(_) => {}
        }
        match (request.keep_alive, request.is_1_1) {
            (false, _) => out.push_str("Connection: close\r\n"),
            (true, false) => out.push_str("Connection: Keep-Alive\r\n"),
            (true, true) => {}
        }
        out.push_str("\r\n");
        out
    }
}

/// How a response has to be framed for the client that asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Framing {
    /// HTTP/1.1, not 1.0.
    pub(crate) is_1_1: bool,
    /// The connection stays open after it.
    pub(crate) keep_alive: bool,
    /// The client wants no body (`HEAD`).
    pub(crate) without_body: bool,
}

impl Framing {
    /// For a request that could not be read.
    pub(crate) const LAST: Framing = Framing {
        is_1_1: true,
        keep_alive: false,
        without_body: false,
    };

    /// For a request.
    pub(crate) fn of(head: &Head) -> Framing {
        Framing {
            is_1_1: head.is_1_1,
            keep_alive: head.keep_alive,
            without_body: head.method == Method::Head,
        }
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        303 => "See Other",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Time-out",
        411 => "Length Required",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Large",
        415 => "Unsupported Media Type",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Unknown",
    }
}
