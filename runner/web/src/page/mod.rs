//! The web page.

use crate::http::{Method, Request, Response};
use crate::server::Shared;

/// Answers a request that is neither a call nor for a log.
pub(crate) async fn respond(_shared: &Shared, request: Request) -> Response {
    match (request.head.method, request.head.path.as_str()) {
        (Method::Get | Method::Head, "/ok.html") => Response::ok("text/plain", "OK"),
        (Method::Get | Method::Head, _) => Response::error(404),
        _ => Response::error(400),
    }
}
