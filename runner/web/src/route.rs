//! Which part of us answers a request.

use crate::http::{Method, Request, Response};
use crate::server::Shared;
use crate::{log_tail, page, rpc};

/// The answer to a request. Paths are matched by their beginning, as supervisord does.
pub(crate) async fn respond(shared: &Shared, request: Request) -> Response {
    let path = request.head.path.as_str();
    if path.starts_with("/RPC2") {
        return match request.head.method {
            // Boxed, here and below: an idle connection should not be as large as the largest of
            // its answers.
            Method::Post => Box::pin(rpc::respond(shared, &request)).await,
            _ => Response::error(400),
        };
    }
    if path.starts_with("/logtail") || path.starts_with("/mainlogtail") {
        return match request.head.method {
            Method::Get => Box::pin(log_tail::respond(shared, &request)).await,
            _ => Response::error(400),
        };
    }
    Box::pin(page::respond(shared, request)).await
}
