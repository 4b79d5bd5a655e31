//! Answers for orchestrators: `/healthz`, whether we are alive, and `/readyz`, whether everything is
//! up. Nobody needs a password for them: they say no more than a sentence about states.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use control::{Caller, Reply, Via};

use crate::http::{Head, Method, Response};
use crate::server::Shared;

/// For so long one look at the units is answer enough: anybody may ask as often as he likes.
const FRESH: Duration = Duration::from_millis(200);

/// What was found last, and when.
pub(crate) type Looked = Option<(Instant, Result<(), String>)>;

/// Whether a request is for one of the two.
pub(crate) fn is_asked(head: &Head) -> bool {
    matches!(head.path.as_str(), "/healthz" | "/readyz")
        && matches!(head.method, Method::Get | Method::Head)
}

/// Its answer.
pub(crate) async fn respond(shared: &Shared, path: &str) -> Response {
    if path == "/healthz" {
        return sentence(200, "alive");
    }
    let known = {
        let looked = shared.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked
            .as_ref()
            .filter(|(at, _)| at.elapsed() < FRESH)
            .map(|(_, found)| found.clone())
    };
    let found = match known {
        Some(found) => found,
        None => {
            let found = look(shared).await;
            let mut looked = shared.looked.lock().unwrap_or_else(PoisonError::into_inner);
            *looked = Some((Instant::now(), found.clone()));
            found
        }
    };
    match found {
        Ok(()) => sentence(200, "ready"),
        Err(why) => sentence(503, &format!("not ready: {why}")),
    }
}

async fn look(shared: &Shared) -> Result<(), String> {
    // Nobody in particular: states are for everybody to see.
    let caller = Caller {
        uid: u32::MAX,
        gid: None,
        groups: Vec::new(),
        pid: None,
        via: Via::Private,
    };
    match shared.handle.ask(caller, control::Request::Manager).await {
        Ok(Reply::Manager(manager)) => manager.not_ready.map_or(Ok(()), Err),
        Ok(_) | Err(_) => Err("the manager does not answer".to_owned()),
    }
}

fn sentence(status: u16, text: &str) -> Response {
    Response {
        status,
        ..Response::ok("text/plain; charset=utf-8", format!("{text}\n"))
    }
    .with("Cache-Control", "no-store")
    .with("X-Content-Type-Options", "nosniff")
}
