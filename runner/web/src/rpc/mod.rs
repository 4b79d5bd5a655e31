//! supervisord's XML-RPC interface.
//!
//! A call is read ([`xmlrpc`]), looked up in the [`table`], and carried out by asking at the door.
//! The order of checks, the faults and every text are the original's; where it fails over something
//! with an unexpected exception (500), there is a fault here.

mod argument;
mod config_info;
mod daemon;
pub mod fault;
pub(crate) mod info;
pub(crate) mod local_time;
mod logs;
pub(crate) mod name;
pub(crate) mod process;
pub mod table;

use control::{Caller, Reply, Request as Question, Sets};
use engine::Refusal;
use xmlrpc::Value;

use crate::http::{Request, Response};
use crate::server::Shared;
use argument::Arguments;
use fault::{Fault, FaultCode};
use table::{Does, METHODS, Method};

/// Of supervisord's interface.
const API_VERSION: &str = "3.0";

/// The version of the supervisord whose place is taken.
pub const SUPERVISOR_VERSION: &str = "4.3.0";

/// Who calls, and where answers come from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    /// What all connections have in common.
    pub(crate) shared: &'a Shared,
    /// Who calls.
    pub(crate) caller: &'a Caller,
}

impl Context<'_> {
    /// Asks the manager.
    pub(crate) async fn ask(&self, question: Question) -> Result<Reply, Refusal> {
        self.shared.handle.ask(self.caller.clone(), question).await
    }

    /// The definitions; a fault once everything is being stopped.
    pub(crate) async fn sets(&self) -> Result<Sets, Fault> {
        match self.ask(Question::Sets).await {
            Ok(Reply::Sets(sets)) if sets.closing.is_none() => Ok(sets),
            Ok(Reply::Sets(_)) => Err(FaultCode::ShutdownState.plain()),
            Ok(_) => Err(unexpected()),
            Err(refusal) => Err(Fault::of(refusal, "")),
        }
    }
}

/// An answer of another kind than was asked for. Does not come.
pub(crate) fn unexpected() -> Fault {
    FaultCode::Failed.about("the manager gave an answer to another question")
}

/// Answers a POST.
pub(crate) async fn respond(shared: &Shared, request: Request) -> Response {
    let limits = xmlrpc::Limits {
        bytes: shared.config().limits.body_bytes,
        ..xmlrpc::Limits::CALL
    };
    let called = match xmlrpc::parse_call(&request.body, &limits) {
        Ok(called) => called,
        Err(error) => {
            tracing::warn!("{}: an XML-RPC request is invalid: {error}", request.caller);
            return Response::error(match error {
                xmlrpc::Error::TooLarge(_) => 413,
                xmlrpc::Error::Malformed { .. } => 400,
            });
        }
    };
    let context = Context {
        shared,
        caller: &request.caller,
    };
    let body = match call(context, &called.method, &called.parameters).await {
        Ok(value) => xmlrpc::write_response(&value),
        Err(fault) => xmlrpc::write_fault(fault.code.number(), &fault.text),
    };
    Response::ok("text/xml", body)
}

/// Carries out a call.
pub(crate) async fn call(
    context: Context<'_>,
    name: &str,
    parameters: &[Value],
) -> Result<Value, Fault> {
    let method = look_up(context, name, parameters)?;
    if method.does == Does::Multicall {
        return multicall(context, Arguments(parameters)).await;
    }
    perform(context, method.does, Arguments(parameters)).await
}

fn look_up(
    context: Context<'_>,
    name: &str,
    parameters: &[Value],
) -> Result<&'static Method, Fault> {
    let is_there =
        |method: &&Method| context.shared.config().rpc_interface || !method.is_of_supervisor();
    let method = Method::named(name)
        .filter(is_there)
        .ok_or_else(|| FaultCode::UnknownMethod.plain())?;
    if !method.takes(parameters.len()) {
        return Err(FaultCode::IncorrectParameters.plain());
    }
    Ok(method)
}

/// One call after the other, each waited for. A fault is the result of its call.
async fn multicall(context: Context<'_>, arguments: Arguments<'_>) -> Result<Value, Fault> {
    let incorrect = || FaultCode::IncorrectParameters.plain();
    let calls = arguments.value(0)?.as_array().ok_or_else(incorrect)?;
    let most = context.shared.config().limits.calls;
    if calls.len() > most {
        let what = format!("at most {most} calls in one system.multicall");
        return Err(FaultCode::IncorrectParameters.about(what));
    }
    let mut results = Vec::with_capacity(calls.len());
    let mut room = context.shared.config().limits.multicall_bytes;
    for one in calls {
        let result = called_within(context, one).await.and_then(|value| {
            match room.checked_sub(weight(&value)) {
                Some(left) => {
                    room = left;
                    Ok(value)
                }
                // What it did is done; what it said is not kept.
                None => {
                    room = 0;
                    Err(FaultCode::Failed.about("the results of one system.multicall are too long"))
                }
            }
        });
        results.push(result.unwrap_or_else(|fault| {
            info::structure([
                ("faultCode", Value::Int(i64::from(fault.code.number()))),
                ("faultString", fault.text.into()),
            ])
        }));
        // A thousand calls are somebody else's milliseconds.
        tokio::task::yield_now().await;
    }
    Ok(Value::Array(results))
}

/// About how many bytes a value takes in a reply.
fn weight(value: &Value) -> usize {
    /// Of the tags around it.
    const TAGS: usize = 40;
    TAGS + match value {
        Value::Str(text) | Value::DateTime(text) => text.len(),
        Value::Base64(bytes) => bytes.len() * 4 / 3,
        Value::Array(values) => values.iter().map(weight).sum(),
        Value::Struct(members) => members
            .iter()
            .map(|(name, value)| TAGS + name.len() + weight(value))
            .sum(),
        Value::Int(_) | Value::Bool(_) | Value::Double(_) => 8,
    }
}

async fn called_within(context: Context<'_>, one: &Value) -> Result<Value, Fault> {
    let Value::Struct(_) = one else {
        return Err(FaultCode::IncorrectParameters.plain());
    };
    let name = one
        .member("methodName")
        .ok_or_else(|| FaultCode::IncorrectParameters.about("No methodName"))?;
    let name = name
        .as_str()
        .ok_or_else(|| FaultCode::IncorrectParameters.plain())?;
    if name == "system.multicall" {
        let what = "Recursive system.multicall forbidden";
        return Err(FaultCode::IncorrectParameters.about(what));
    }
    let parameters = match one.member("params") {
        None => &[],
        Some(value) => value
            .as_array()
            .ok_or_else(|| FaultCode::IncorrectParameters.plain())?,
    };
    let method = look_up(context, name, parameters)?;
    perform(context, method.does, Arguments(parameters)).await
}

async fn perform(
    context: Context<'_>,
    does: Does,
    arguments: Arguments<'_>,
) -> Result<Value, Fault> {
    use process::Deed;
    match does {
        Does::ListMethods => Ok(list_methods(context)),
        Does::MethodHelp => Ok(described(context, arguments)?.documentation().into()),
        Does::MethodSignature => {
            let method = described(context, arguments)?;
            let kinds = method.parameters.iter().map(|parameter| parameter.kind);
            let words = std::iter::once(method.returns).chain(kinds);
            Ok(Value::Array(words.map(Value::from).collect()))
        }
        // Not here: it calls this.
        Does::Multicall => Err(FaultCode::IncorrectParameters.plain()),
        Does::SendRemoteCommEvent => daemon::remote_communication(context, arguments),
        _ => {
            let sets = context.sets().await?;
            match does {
                Does::GetApiVersion => Ok(API_VERSION.into()),
                Does::GetSupervisorVersion => Ok(SUPERVISOR_VERSION.into()),
                Does::GetIdentification => Ok(context.shared.config().identifier.as_str().into()),
                Does::GetState => Ok(info::structure([
                    ("statecode", Value::Int(1)),
                    ("statename", "RUNNING".into()),
                ])),
                Does::GetPid => daemon::pid(context).await,
                Does::ReadLog => logs::read_main(context, arguments).await,
                Does::ClearLog => logs::clear_main(context).await,
                Does::Shutdown => daemon::shutdown(context).await,
                Does::Restart => daemon::restart(context).await,
                Does::ReloadConfig => daemon::reload_config(context).await,
                Does::AddProcessGroup => daemon::add_group(context, arguments).await,
                Does::RemoveProcessGroup => daemon::remove_group(context, arguments).await,
                Does::StartProcess => {
                    let deed = Deed::Start {
                        wait: arguments.wait(1),
                    };
                    process::one_or_group(context, &sets, &arguments.text(0)?, deed).await
                }
                Does::StartProcessGroup => {
                    let deed = Deed::Start {
                        wait: arguments.wait(1),
                    };
                    process::group(context, &sets, &arguments.text(0)?, deed).await
                }
                Does::StartAllProcesses => {
                    let deed = Deed::Start {
                        wait: arguments.wait(0),
                    };
                    process::all(context, &sets, deed).await
                }
                Does::StopProcess => {
                    let deed = Deed::Stop {
                        wait: arguments.wait(1),
                    };
                    process::one_or_group(context, &sets, &arguments.text(0)?, deed).await
                }
                Does::StopProcessGroup => {
                    let deed = Deed::Stop {
                        wait: arguments.wait(1),
                    };
                    process::group(context, &sets, &arguments.text(0)?, deed).await
                }
                Does::StopAllProcesses => {
                    let deed = Deed::Stop {
                        wait: arguments.wait(0),
                    };
                    process::all(context, &sets, deed).await
                }
                Does::SignalProcess => {
                    let deed = Deed::Signal(arguments.signal(1));
                    process::one_or_group(context, &sets, &arguments.text(0)?, deed).await
                }
                Does::SignalProcessGroup => {
                    let deed = Deed::Signal(arguments.signal(1));
                    process::group(context, &sets, &arguments.text(0)?, deed).await
                }
                Does::SignalAllProcesses => {
                    process::all(context, &sets, Deed::Signal(arguments.signal(0))).await
                }
                Does::GetProcessInfo => process::info(context, &sets, &arguments.text(0)?).await,
                Does::GetAllProcessInfo => process::all_info(context).await,
                Does::GetAllConfigInfo => config_info::all(context, &sets).await,
                Does::ReadStdoutLog => logs::read(context, &sets, arguments, OUT).await,
                Does::ReadStderrLog => logs::read(context, &sets, arguments, ERROR).await,
                Does::TailStdoutLog => logs::tail(context, &sets, arguments, OUT).await,
                Does::TailStderrLog => logs::tail(context, &sets, arguments, ERROR).await,
                Does::ClearProcessLogs => logs::clear(context, &sets, arguments).await,
                Does::ClearAllProcessLogs => logs::clear_all(context, &sets).await,
                Does::SendProcessStdin => process::input(context, &sets, arguments).await,
                Does::SendRemoteCommEvent
                | Does::ListMethods
                | Does::MethodHelp
                | Does::MethodSignature
                | Does::Multicall => Err(unexpected()),
            }
        }
    }
}

const OUT: control::LogSource = control::LogSource::Out;
const ERROR: control::LogSource = control::LogSource::Error;

fn list_methods(context: Context<'_>) -> Value {
    let all = context.shared.config().rpc_interface;
    let there = METHODS
        .iter()
        .filter(|method| all || !method.is_of_supervisor());
    Value::Array(there.map(|method| method.name.into()).collect())
}

/// The method a call asks about.
fn described(context: Context<'_>, arguments: Arguments<'_>) -> Result<&'static Method, Fault> {
    let name = arguments.value(0)?.as_str().unwrap_or_default();
    let all = context.shared.config().rpc_interface;
    Method::named(name)
        .filter(|method| all || !method.is_of_supervisor())
        .ok_or_else(|| FaultCode::SignatureUnsupported.plain())
}
