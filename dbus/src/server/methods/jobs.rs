//! Methods about jobs.

use control::{Command, Reply, Request, Word};
use engine::command::{Answer, Verb};
use engine::job::{JobId, JobMode};
use engine::view::systemd::JobView;
use units::UnitName;

use super::{command, object, own_object, own_unit, unit_name, word};
use crate::error::Kind;
use crate::names::{Face, Object};
use crate::server::call::{Call, Outcome, strange};
use crate::server::refusal::Failure;
use crate::wire;

pub(super) async fn enqueue_job(call: Call) -> Outcome {
    let (unit, verb, mode, token): (String, String, String, String) = call.arguments()?;
    let token = (!token.is_empty()).then_some(token);
    let unit = unit_name(&unit)?;
    let job = submit(&call, unit.clone(), word("verb", &verb)?, &mode, token).await?;
    let done = call.reply(&(job.0, object(call.face.job_path(job.0))))?;
    Ok(done.with_job(job, unit))
}

pub(super) async fn submit_named(call: Call, verb: Verb) -> Outcome {
    let (unit, mode): (String, String) = call.arguments()?;
    let unit = unit_name(&unit)?;
    if verb == Verb::Start && call.face == Face::Systemd {
        let status = super::systemd::ending(&call, &unit).await?;
        if let Some(status) = status {
            return super::systemd::end_as_job(call, status).await;
        }
    }
    let job = submit(&call, unit.clone(), verb, &mode, None).await?;
    call.reply_job(job, unit)
}

pub(super) async fn submit_own(call: Call, verb: Verb) -> Outcome {
    let mode: String = call.arguments()?;
    let unit = own_unit(&call)?;
    let job = submit(&call, unit.clone(), verb, &mode, None).await?;
    call.reply_job(job, unit)
}

pub(super) async fn submit(
    call: &Call,
    unit: UnitName,
    verb: Verb,
    mode: &str,
    token: Option<String>,
) -> Result<JobId, Failure> {
    let mode: JobMode = word("job mode", mode)?;
    let submitted = call
        .ask(Request::Command(Command::Submit {
            unit,
            verb,
            mode,
            token,
        }))
        .await;
    let submitted = match verb {
        Verb::Stop => submitted.map_err(Failure::of_loaded),
        _ => submitted,
    };
    match submitted? {
        Reply::Answer(Answer::Job(job)) => Ok(job),
        other => Err(strange(&other)),
    }
}

pub(super) async fn await_job(call: Call) -> Outcome {
    let job = JobId(call.arguments()?);
    match call
        .ask(Request::Command(Command::AwaitJob { job }))
        .await?
    {
        Reply::Answer(Answer::Ended(result)) => call.reply(&result.word()),
        other => Err(strange(&other)),
    }
}

pub(super) async fn cancel_named_job(call: Call) -> Outcome {
    let job = JobId(call.arguments()?);
    command(call, Command::CancelJob { job }).await
}

pub(super) async fn clear_jobs(call: Call) -> Outcome {
    call.no_arguments()?;
    command(call, Command::CancelAllJobs).await
}

pub(super) async fn cancel_own_job(call: Call) -> Outcome {
    call.no_arguments()?;
    match own_object(&call) {
        Some(Object::Job(job)) => command(call, Command::CancelJob { job: JobId(job) }).await,
        _ => Err(Failure::new(Kind::UnknownObject, "this is no job")),
    }
}

pub(super) async fn list_jobs(call: Call) -> Outcome {
    call.no_arguments()?;
    let lines: Vec<wire::JobLine> = jobs(&call)
        .await?
        .iter()
        .map(|job| job_line(call.face, job))
        .collect();
    call.reply(&(lines,))
}

pub(super) async fn get_job(call: Call) -> Outcome {
    let id: u32 = call.arguments()?;
    match jobs(&call).await?.iter().any(|job| job.id.0 == id) {
        true => call.reply(&object(call.face.job_path(id))),
        false => Err(Failure::new(Kind::NoSuchJob, format!("no job {id}"))
            .on_systemd(format!("Job {id} does not exist."))),
    }
}

pub(super) async fn named_after(call: Call) -> Outcome {
    let id = call.arguments()?;
    neighbours(&call, id, waited_for).await
}

pub(super) async fn named_before(call: Call) -> Outcome {
    let id = call.arguments()?;
    neighbours(&call, id, waits_for).await
}

pub(super) async fn own_after(call: Call) -> Outcome {
    call.no_arguments()?;
    neighbours(&call, own_job(&call)?, waited_for).await
}

pub(super) async fn own_before(call: Call) -> Outcome {
    call.no_arguments()?;
    neighbours(&call, own_job(&call)?, waits_for).await
}

fn own_job(call: &Call) -> Result<u32, Failure> {
    match own_object(call) {
        Some(Object::Job(job)) => Ok(job),
        _ => Err(Failure::new(Kind::UnknownObject, "this is no job")),
    }
}

/// Whether `job` waits for `other` to end.
fn waited_for(job: &JobView, other: &JobView) -> bool {
    job.waits_for.contains(&other.unit)
}

/// Whether `other` waits for `job` to end.
fn waits_for(job: &JobView, other: &JobView) -> bool {
    waited_for(other, job)
}

async fn neighbours(call: &Call, id: u32, is_one: fn(&JobView, &JobView) -> bool) -> Outcome {
    let all = jobs(call).await?;
    let Some(job) = all.iter().find(|job| job.id.0 == id) else {
        let failure = Failure::new(Kind::NoSuchJob, format!("no job {id}"));
        return Err(failure.on_systemd(format!("Job {id} does not exist.")));
    };
    let lines: Vec<wire::JobLine> = all
        .iter()
        .filter(|other| is_one(job, other))
        .map(|other| job_line(call.face, other))
        .collect();
    call.reply(&(lines,))
}

/// All jobs.
pub(in crate::server) async fn jobs(call: &Call) -> Result<Vec<JobView>, Failure> {
    match call.ask(Request::Jobs).await? {
        Reply::Jobs(jobs) => Ok(jobs),
        other => Err(strange(&other)),
    }
}

fn job_line(face: Face, job: &JobView) -> wire::JobLine {
    wire::JobLine {
        id: job.id.0,
        unit: job.unit.to_string(),
        kind: job.kind.word().to_owned(),
        state: job_state(job.running).to_owned(),
        path: object(face.job_path(job.id.0)),
        unit_path: object(face.unit_path(job.unit.as_str())),
    }
}

/// systemd's words for the two states of a job.
pub(in crate::server) fn job_state(running: bool) -> &'static str {
    if running { "running" } else { "waiting" }
}
