//! `/logtail/NAME[/stdout|/stderr]` and `/mainlogtail`: the end of a log, and then whatever comes to
//! it, for as long as the client listens.

use control::{LogName, LogSource, Reply, Request as Question};

use crate::http::{Body, Request, Response};
use crate::rpc::name::{self, Named};
use crate::server::Shared;

/// How much of the log there is at first.
const LAST: u64 = 1024;

/// Follows the log a request names.
pub(crate) async fn respond(shared: &Shared, request: Request) -> Response {
    let ask = |question| shared.handle.ask(request.caller.clone(), question);
    let log = match request.head.path.strip_prefix("/logtail") {
        // supervisord fails over a path without a name.
        Some(rest) => {
            let Some((name, source)) = rest.strip_prefix('/').and_then(process_and_source) else {
                return Response::error(404);
            };
            let Ok(Reply::Sets(sets)) = ask(Question::Sets).await else {
                return Response::error(503);
            };
            match name::resolve(&sets.active, name) {
                Some(Named::Process(process)) => LogName::Unit(process.unit, source),
                _ => return Response::error(404),
            }
        }
        None => LogName::Main,
    };
    let is_main = log == LogName::Main;
    let pieces = match ask(Question::LogFollow { log, last: LAST }).await {
        Ok(Reply::LogBytes(Ok(pieces))) => pieces,
        Ok(Reply::LogBytes(Err(problem))) => {
            tracing::debug!("cannot follow {}: {problem:?}", request.head.path);
            return Response::error(404);
        }
        Ok(_) | Err(_) => return Response::error(503),
    };
    let response = Response {
        status: 200,
        headers: vec![("Content-Type", "text/plain;charset=utf-8".to_owned())],
        body: Body::Stream(pieces),
    }
    .with("X-Content-Type-Options", "nosniff");
    if is_main {
        return response;
    }
    // So that a proxy passes it on line by line.
    response.with("X-Accel-Buffering", "no")
}

/// `NAME`, `NAME/stdout` or `NAME/stderr`.
fn process_and_source(text: &str) -> Option<(&str, LogSource)> {
    match text.split_once('/') {
        None => Some((text, LogSource::Out)),
        Some((name, "stdout")) => Some((name, LogSource::Out)),
        Some((name, "stderr")) => Some((name, LogSource::Error)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_process_and_an_output() {
        for (text, expected) in [
            ("cat", Some(("cat", LogSource::Out))),
            ("g:cat/stdout", Some(("g:cat", LogSource::Out))),
            ("cat/stderr", Some(("cat", LogSource::Error))),
            ("cat/other", None),
            ("cat/", None),
            ("cat/stdout/x", None),
        ] {
            assert_eq!(process_and_source(text), expected, "{text}");
        }
    }
}
