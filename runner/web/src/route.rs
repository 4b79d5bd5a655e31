//! Which part of us answers a request.

use std::pin::Pin;

use crate::http::{Method, Request, Response};
use crate::server::Shared;
use crate::{health, log_tail, page, rpc};

/// An answer that is being made. Boxed, and its type forgotten: an idle connection should not be as
/// large as the largest of its answers.
pub(crate) type Answering<'a> = Pin<Box<dyn Future<Output = Response> + Send + 'a>>;

/// The answer to a request. Paths are matched by their beginning, as supervisord does.
pub(crate) fn respond(shared: &Shared, request: Request) -> Answering<'_> {
    if health::is_asked(&request.head) {
        return Box::pin(async move { health::respond(shared, &request.head.path).await });
    }
    let path = request.head.path.as_str();
    let refused = || Box::pin(std::future::ready(Response::error(400)));
    if path.starts_with("/RPC2") {
        return match request.head.method {
            Method::Post => Box::pin(rpc::respond(shared, request)),
            _ => refused(),
        };
    }
    if path.starts_with("/logtail") || path.starts_with("/mainlogtail") {
        return match request.head.method {
            Method::Get => Box::pin(log_tail::respond(shared, request)),
            _ => refused(),
        };
    }
    Box::pin(page::respond(shared, request))
}
