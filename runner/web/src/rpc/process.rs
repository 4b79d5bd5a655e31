//! Methods on processes: one, those of a group, or all.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use control::{ProcessDetail, ProgramProblem, Reply, Request, Sets};
use engine::clock::Realtime;
use engine::command::{Answer, Verb, Whom};
use engine::job::{JobId, JobMode, JobResult};
use engine::view::supervisord::ProcessState;
use engine::{Command, Refusal};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use units::value::Signal;
use xmlrpc::Value;

use super::argument::{Arguments, display};
use super::fault::{Fault, FaultCode};
use super::name::{self, Named, Process};
use super::{Context, info, unexpected};

/// What is to be done with a process.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// Start it, and wait until it is up.
    Start {
        /// Whether to wait.
        wait: bool,
    },
    /// Stop it, and wait until it is down.
    Stop {
        /// Whether to wait.
        wait: bool,
    },
    /// Send it a signal. Which one is looked at after the process, so that may be a fault still.
    Signal(Result<Option<Signal>, Fault>),
}

impl Deed {
    fn waits(&self) -> bool {
        match self {
            Deed::Start { wait } | Deed::Stop { wait } => *wait,
            Deed::Signal(_) => false,
        }
    }

    /// Whether it makes sense for a process, when it is done to several.
    fn concerns(&self, state: ProcessState) -> bool {
        match self {
            Deed::Start { .. } => !info::is_running(state),
            Deed::Stop { .. } => info::is_running(state),
            Deed::Signal(_) => info::is_signallable(state),
        }
    }
}

/// The present moment.
pub(crate) fn now() -> Realtime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let micros = since.map_or(0, |since| since.as_micros());
    Realtime(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// The processes of those units, or all; in order of group and name.
pub(crate) async fn details(
    context: Context<'_>,
    units: Option<Vec<units::UnitName>>,
) -> Result<Vec<ProcessDetail>, Fault> {
    match context.ask(Request::Processes(units)).await {
        Ok(Reply::Processes(details)) => Ok(details),
        Ok(_) => Err(unexpected()),
        Err(refusal) => Err(Fault::of(refusal, "")),
    }
}

/// The one process of that name.
pub(super) fn only(sets: &Sets, name: &str) -> Result<Process, Fault> {
    match name::resolve(&sets.active, name) {
        Some(Named::Process(process)) => Ok(process),
        _ => Err(FaultCode::BadName.about(name)),
    }
}

async fn detail(
    context: Context<'_>,
    process: &Process,
    name: &str,
) -> Result<ProcessDetail, Fault> {
    let mut found = details(context, Some(vec![process.unit.clone()])).await?;
    found.pop().ok_or_else(|| FaultCode::BadName.about(name))
}

/// `getProcessInfo`.
pub(super) async fn info(context: Context<'_>, sets: &Sets, name: &str) -> Result<Value, Fault> {
    let process = only(sets, name)?;
    let detail = detail(context, &process, name).await?;
    Ok(info::process(&detail, now()))
}

/// `getAllProcessInfo`.
pub(super) async fn all_info(context: Context<'_>) -> Result<Value, Fault> {
    let now = now();
    let details = details(context, None).await?;
    Ok(Value::Array(
        details
            .iter()
            .map(|detail| info::process(detail, now))
            .collect(),
    ))
}

/// Does something to one process, or to those of a group written as `group:*`.
pub(crate) async fn one_or_group(
    context: Context<'_>,
    sets: &Sets,
    name: &str,
    deed: Deed,
) -> Result<Value, Fault> {
    match name::resolve(&sets.active, name) {
        None => Err(FaultCode::BadName.about(name)),
        Some(Named::Group(group)) => {
            let processes = name::by_priority(&sets.active, &group);
            several(context, processes, deed).await
        }
        Some(Named::Process(process)) => {
            let state = detail(context, &process, name).await?.view.state;
            match begin(context, &process, name, state, &deed).await? {
                Some(job) if deed.waits() => {
                    finish(context, &process, name, job, &deed).await?;
                }
                _ => {}
            }
            Ok(Value::Bool(true))
        }
    }
}

/// Does something to the processes of a group that it concerns.
pub(super) async fn group(
    context: Context<'_>,
    sets: &Sets,
    name: &str,
    deed: Deed,
) -> Result<Value, Fault> {
    let group = sets
        .active
        .group(name)
        .ok_or_else(|| FaultCode::BadName.about(name))?;
    let processes = name::by_priority(&sets.active, &group);
    several(context, processes, deed).await
}

/// Does something to all processes that it concerns.
pub(crate) async fn all(context: Context<'_>, sets: &Sets, deed: Deed) -> Result<Value, Fault> {
    several(context, in_order(sets), deed).await
}

/// All processes: those of groups with a low priority first.
pub(super) fn in_order(sets: &Sets) -> Vec<Process> {
    sets.active
        .groups()
        .iter()
        .flat_map(|group| name::by_priority(&sets.active, group))
        .collect()
}

/// Begins with all of them, then waits for all of them. What is done at once comes first in the
/// result, the rest in the order in which it is done.
async fn several(
    context: Context<'_>,
    processes: Vec<Process>,
    deed: Deed,
) -> Result<Value, Fault> {
    let units = processes
        .iter()
        .map(|process| process.unit.clone())
        .collect();
    let states: HashMap<_, _> = details(context, Some(units))
        .await?
        .into_iter()
        .map(|detail| (detail.view.unit, detail.view.state))
        .collect();
    let concerned: Vec<(&Process, ProcessState)> = processes
        .iter()
        .filter_map(|process| {
            let state = *states.get(&process.unit)?;
            deed.concerns(state).then_some((process, state))
        })
        .collect();
    let mut results = Vec::new();
    let waiting = FuturesUnordered::new();
    for (process, state) in concerned {
        let name = process.display();
        match begin(context, process, &name, state, &deed).await {
            Ok(Some(job)) if deed.waits() => {
                let deed = &deed;
                waiting.push(async move {
                    let ended = finish(context, process, &name, job, deed).await;
                    status(process, ended)
                });
            }
            begun => results.push(status(process, begun.map(drop))),
        }
    }
    results.extend(waiting.collect::<Vec<Value>>().await);
    Ok(Value::Array(results))
}

fn status(process: &Process, ended: Result<(), Fault>) -> Value {
    let (code, text) = match &ended {
        Ok(()) => (FaultCode::Success, "OK"),
        Err(fault) => (fault.code, fault.text.as_str()),
    };
    info::status(&process.name, &process.group, code.number(), text)
}

/// Begins to do something; gives the job that does it, if it is not done already.
async fn begin(
    context: Context<'_>,
    process: &Process,
    name: &str,
    state: ProcessState,
    deed: &Deed,
) -> Result<Option<JobId>, Fault> {
    match deed {
        Deed::Start { .. } => {
            program(context, process, name).await?;
            if info::is_running(state) {
                return Err(FaultCode::AlreadyStarted.about(name));
            }
            if state == ProcessState::Stopping {
                // As the original, though it means something else there.
                return Err(FaultCode::AbnormalTermination.about(name));
            }
            submit(context, process, name, Verb::Start).await.map(Some)
        }
        Deed::Stop { .. } => {
            if !info::is_running(state) {
                return Err(FaultCode::NotRunning.about(name));
            }
            submit(context, process, name, Verb::Stop).await.map(Some)
        }
        Deed::Signal(signal) => {
            let signal = signal.clone()?;
            if !info::is_signallable(state) {
                return Err(FaultCode::NotRunning.about(name));
            }
            if let Some(signal) = signal {
                kill(context, process, name, signal).await?;
            }
            Ok(None)
        }
    }
}

/// Whether the program is there at all: the answer is known before anything is tried.
async fn program(context: Context<'_>, process: &Process, name: &str) -> Result<(), Fault> {
    match context.ask(Request::Program(process.unit.clone())).await {
        Ok(Reply::Program(Ok(()))) => Ok(()),
        Ok(Reply::Program(Err(ProgramProblem::NoFile(why)))) => Err(FaultCode::NoFile.about(why)),
        Ok(Reply::Program(Err(ProgramProblem::NotExecutable(why)))) => {
            Err(FaultCode::NotExecutable.about(why))
        }
        Ok(_) => Err(unexpected()),
        Err(refusal) => Err(Fault::of(refusal, name)),
    }
}

async fn submit(
    context: Context<'_>,
    process: &Process,
    name: &str,
    verb: Verb,
) -> Result<JobId, Fault> {
    let submit = Command::Submit {
        unit: process.unit.clone(),
        verb,
        mode: JobMode::Replace,
        token: None,
    };
    match context.ask(Request::Command(submit)).await {
        Ok(Reply::Answer(Answer::Job(job))) => Ok(job),
        Ok(_) => Err(unexpected()),
        Err(refusal) => Err(Fault::of(refusal, name)),
    }
}

async fn kill(
    context: Context<'_>,
    process: &Process,
    name: &str,
    signal: Signal,
) -> Result<(), Fault> {
    let kill = Command::Kill {
        unit: process.unit.clone(),
        whom: Whom::Main,
        signal,
    };
    match context.ask(Request::Command(kill)).await {
        Ok(_) => Ok(()),
        Err(refusal) => Err(Fault::of(refusal, name)),
    }
}

/// Waits for a job, and says what came of it.
async fn finish(
    context: Context<'_>,
    process: &Process,
    name: &str,
    job: JobId,
    deed: &Deed,
) -> Result<(), Fault> {
    let awaited = context
        .ask(Request::Command(Command::AwaitJob { job }))
        .await;
    let result = match awaited {
        Ok(Reply::Answer(Answer::Ended(result))) => result,
        Ok(_) => return Err(unexpected()),
        Err(refusal) => return Err(Fault::of(refusal, name)),
    };
    if result == JobResult::Done {
        return Ok(());
    }
    let view = detail(context, process, name).await?.view;
    match deed {
        // Somebody else may have done it, or undone it, in between.
        Deed::Start { .. } if view.state == ProcessState::Running => Ok(()),
        Deed::Start { .. } if view.spawn_error.is_empty() => {
            Err(FaultCode::AbnormalTermination.about(name))
        }
        Deed::Start { .. } => Err(FaultCode::SpawnError.about(name)),
        _ if !info::is_running(view.state) && view.state != ProcessState::Stopping => Ok(()),
        _ => Err(FaultCode::Failed.about(format!("{name} was started again meanwhile"))),
    }
}

/// `sendProcessStdin`.
pub(super) async fn input(
    context: Context<'_>,
    sets: &Sets,
    arguments: Arguments<'_>,
) -> Result<Value, Fault> {
    let bytes = match arguments.value(1)? {
        Value::Str(text) => text.clone().into_bytes(),
        Value::Base64(bytes) => bytes.clone(),
        other => return Err(FaultCode::IncorrectParameters.about(display(other))),
    };
    let name = arguments.text(0)?;
    let process = only(sets, &name)?;
    let view = detail(context, &process, &name).await?.view;
    if view.pid == 0 || view.state == ProcessState::Stopping {
        return Err(FaultCode::NotRunning.about(&name));
    }
    let input = Request::Input {
        unit: process.unit,
        bytes,
    };
    match context.ask(input).await {
        Ok(_) => Ok(Value::Bool(true)),
        Err(refusal @ (Refusal::ShuttingDown | Refusal::NoProcess(..))) => {
            Err(Fault::of(refusal, &name))
        }
        // Its standard input is no pipe, is closed, or takes no more.
        Err(_) => Err(FaultCode::NoFile.about(&name)),
    }
}
