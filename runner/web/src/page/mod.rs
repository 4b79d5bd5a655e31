//! The web page: the list of processes and the page of each, with supervisord's addresses.
//!
//! Everything works without JavaScript; `live.js` only spares reloading. What changes something
//! takes a POST with a secret that only our own pages have; an address of an old bookmark
//! (`/?action=stopall`) leads to a page that asks first. Pages are put together by pure functions
//! (`list`, `process`); this file asks for what they show.

mod action;
mod frame;
mod list;
mod markup;
mod process;
mod row;

use std::sync::Arc;
use std::time::Duration;

use control::{Caller, LogName, LogRange, LogSource, ProcessDetail, Reply};
use subtle::ConstantTimeEq as _;
use tokio::sync::mpsc;
use units::group::split_namespec;

use crate::http::{Body, Method, Request, Response};
use crate::rpc::fault::Fault;
use crate::rpc::process::details;
use crate::rpc::{self, Context, local_time};
use crate::server::Shared;
use action::Action;
use frame::Message;
use list::List;
use process::{Log, Process};
use row::Row;

/// How much of a log a page shows, in bytes.
const LOG_SHOWN: i64 = 16 * 1024;

/// The least somebody may ask for, as with supervisord.
const LEAST_LOG: i64 = 1024;

/// The most.
const MOST_LOG: i64 = 1024 * 1024;

/// How many changes are told as one.
const PAUSE: Duration = Duration::from_millis(200);

/// Answers a request that is neither a call nor for a log.
pub(crate) async fn respond(shared: &Shared, request: Request) -> Response {
    let request = &request;
    let path = request.head.path.as_str();
    let get = matches!(request.head.method, Method::Get | Method::Head);
    match path {
        "/ok.html" if get => Response::ok("text/plain", "OK"),
        "/stylesheets/supervisor.css" if get => asset("text/css", include_str!("style.css")),
        "/live.js" if get => asset("text/javascript", include_str!("live.js")),
        "/changes" if get => changes(shared),
        "/" | "/index.html" if get || request.head.method == Method::Post => {
            visit(shared, request).await
        }
        "/tail.html" if get => tail(shared, request).await,
        _ if get => Response::error(404),
        _ => Response::error(400),
    }
}

fn asset(kind: &str, text: &'static str) -> Response {
    Response::ok(&format!("{kind}; charset=utf-8"), text)
        // It changes with the program, and then at once.
        .with("Cache-Control", "no-cache")
        .with("X-Content-Type-Options", "nosniff")
}

/// The fields of the address or, of a POST, of the form.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn of(request: &Request) -> Fields {
        let text = if request.head.method == Method::Post {
            String::from_utf8_lossy(&request.body).into_owned()
        } else {
            request.head.query.clone().unwrap_or_default()
        };
        Fields(markup::fields(&text))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The list, or something to do.
async fn visit(shared: &Shared, request: &Request) -> Response {
    let fields = Fields::of(request);
    let action = match fields.get("action") {
        None if request.head.method == Method::Post => return Response::error(400),
        None | Some("") => None,
        Some(word) => match Action::parse(word) {
            Some(action) => Some(action),
            None => return Response::error_because(400, "there is no such action"),
        },
    };
    let process = fields.get("processname").filter(|name| !name.is_empty());
    match action {
        None => show_list(shared, request, &fields).await,
        Some(action) if action.wants_process() && process.is_none() => {
            Response::error_because(400, "this needs the name of a process")
        }
        Some(Action::Refresh) => done(Action::Refresh, "", Ok(())),
        Some(action) => {
            let known = request.head.method == Method::Post
                && fields
                    .get("token")
                    .is_some_and(|token| is_secret(shared, token));
            if !known {
                return list::ask(
                    action,
                    process,
                    &shared.page_secret,
                    &shared.config().identifier,
                    now(),
                );
            }
            let process = process.unwrap_or_default();
            let outcome = perform(shared, &request.caller, action, process).await;
            done(action, process, outcome)
        }
    }
}

/// What our forms know and nobody else does: 128 random bits, new with each manager.
pub(crate) fn secret() -> String {
    let mut bytes = [0u8; 16];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(16) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        // Then no form is believed.
        _ => String::new(),
    }
}

fn is_secret(shared: &Shared, token: &str) -> bool {
    !shared.page_secret.is_empty()
        && bool::from(token.as_bytes().ct_eq(shared.page_secret.as_bytes()))
}

async fn perform(
    shared: &Shared,
    caller: &Caller,
    action: Action,
    process: &str,
) -> Result<(), Fault> {
    for call in action.calls(process) {
        let context = Context { shared, caller };
        let outcome = rpc::call(context, call.method, &call.parameters).await;
        if let Err(fault) = outcome
            && call.may_fail_with != Some(fault.code)
        {
            return Err(fault);
        }
    }
    Ok(())
}

/// Back to the list with a word on what has been done. Relative, so that a proxy may put us anywhere.
fn done(action: Action, process: &str, outcome: Result<(), Fault>) -> Response {
    let time = local_time::short(i64::try_from(now()).unwrap_or(i64::MAX));
    let message = action.message(process, &time, outcome);
    let mut response = Response::ok("text/plain; charset=utf-8", format!("{message}\n"));
    response.status = 303;
    response.with(
        "Location",
        format!("./?message={}", markup::encode(&message)),
    )
}

async fn show_list(shared: &Shared, request: &Request, fields: &Fields) -> Response {
    let context = Context {
        shared,
        caller: &request.caller,
    };
    let Ok(processes) = details(context, None).await else {
        return Response::error(503);
    };
    let rows: Vec<Row> = processes
        .iter()
        .map(|process| Row::new(&process.view, memory_of(process.view.pid)))
        .collect();
    let message = message(fields);
    List {
        rows: &rows,
        filter: fields.get("filter").unwrap_or_default(),
        message: message.as_ref(),
        identifier: &shared.config().identifier,
        token: &shared.page_secret,
        now: now(),
    }
    .page()
}

fn message(fields: &Fields) -> Option<Message> {
    let text = fields.get("message").filter(|text| !text.is_empty())?;
    Some(Message {
        text: text.chars().take(500).collect(),
    })
}

/// The page of one process.
async fn tail(shared: &Shared, request: &Request) -> Response {
    let fields = Fields::of(request);
    let Some(wanted) = fields.get("processname").filter(|name| !name.is_empty()) else {
        return Response::error_because(404, "No process name found");
    };
    let context = Context {
        shared,
        caller: &request.caller,
    };
    let Ok(all) = details(context, None).await else {
        return Response::error(503);
    };
    let wanted = wanted.strip_suffix(":*").unwrap_or(wanted);
    let wanted = split_namespec(wanted);
    let found = all
        .iter()
        .find(|one| (one.view.group.as_str(), Some(one.view.name.as_str())) == wanted);
    let Some(found) = found else {
        return Response::error_because(404, "there is no such process");
    };
    let log = match fields.get("stream") {
        Some("stderr") => Log::Error,
        _ => Log::Out,
    };
    let limit = fields
        .get("limit")
        .and_then(|limit| limit.parse().ok())
        .unwrap_or(LOG_SHOWN)
        .clamp(LEAST_LOG, MOST_LOG);
    let text = log_end(context, found, log, limit).await;
    let unit = found.view.unit.clone();
    let detail = match context.ask(control::Request::Unit(unit.clone())).await {
        Ok(Reply::Unit(detail)) => Some(*detail),
        _ => None,
    };
    let usage = match context.ask(control::Request::Usage(unit)).await {
        Ok(Reply::Usage(usage)) => Some(usage),
        _ => None,
    };
    let row = Row::new(&found.view, memory_of(found.view.pid));
    let message = message(&fields);
    Process {
        row: &row,
        view: &found.view,
        detail: detail.as_ref(),
        usage: usage.as_ref(),
        log,
        text: text.as_deref().map_err(String::as_str),
        message: message.as_ref(),
        identifier: &shared.config().identifier,
        token: &shared.page_secret,
        now: now(),
    }
    .page()
}

async fn log_end(
    context: Context<'_>,
    process: &ProcessDetail,
    log: Log,
    limit: i64,
) -> Result<String, String> {
    let source = match log {
        Log::Out => LogSource::Out,
        Log::Error => LogSource::Error,
    };
    let question = control::Request::LogText {
        log: LogName::Unit(process.view.unit.clone(), source),
        range: LogRange::Read {
            offset: -limit,
            length: 0,
        },
    };
    match context.ask(question).await {
        Ok(Reply::LogText(Ok(text))) => Ok(String::from_utf8_lossy(&text.bytes).into_owned()),
        Ok(Reply::LogText(Err(control::LogProblem::NoFile(_)))) => {
            Err(format!("No file for {}", process.view.namespec()))
        }
        Ok(Reply::LogText(Err(control::LogProblem::Failed(why)))) => Err(why),
        Ok(_) => Err("There is no such part of the log".to_owned()),
        Err(refusal) => Err(refusal.to_string()),
    }
}

/// Tells the browser whenever something has changed, so that it asks for the page again
/// (server-sent events). Ends when the browser goes, or falls too far behind.
fn changes(shared: &Shared) -> Response {
    let mut subscription = shared.handle.subscribe();
    let (sender, stream) = mpsc::channel::<Arc<[u8]>>(4);
    tokio::spawn(async move {
        let word: Arc<[u8]> = Arc::from(&b"data: changed\n\n"[..]);
        // The first word goes at once: something may have changed since the page was made.
        while sender.send(Arc::clone(&word)).await.is_ok() {
            tokio::select! {
                change = subscription.next() => if change.is_none() { return },
                () = sender.closed() => return,
            }
            let pause = tokio::time::sleep(PAUSE);
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    change = subscription.next() => if change.is_none() { return },
                    () = sender.closed() => return,
                }
            }
        }
    });
    let mut response = Response::ok("text/event-stream", Vec::new())
        .with("Cache-Control", "no-store")
        .with("X-Accel-Buffering", "no");
    response.body = Body::Stream(stream);
    response
}

/// Bytes a process has in memory (`VmRSS`, proc(5)). The kernel answers from memory.
fn memory_of(pid: u32) -> Option<u64> {
    if pid == 0 {
        return None;
    }
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Seconds since 1970.
fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
