//! Verbs that queue jobs and wait for them.

use clap::ValueEnum;
use dbus::client::{Client, Ended, Error, Kind, Properties};
use futures_util::future::join_all;
use serde::Serialize;
use units::UnitName;

use crate::cli::{CancelArgs, IsolateArgs, JobArgs, JobMode, UnitsArgs};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::names::UnitArg;
use crate::render::ending::Ending;
use crate::terminal::Terminal;

/// What became of the wish for one unit, for programs.
#[derive(Serialize)]
pub(super) struct Report {
    unit: String,
    job: Option<u32>,
    result: Option<String>,
    error: Option<String>,
}

/// What became of the wish for all of them.
pub(super) struct Performed {
    /// Unit by unit.
    pub(super) reports: Vec<Report>,
    /// The worst.
    exit: Exit,
}

impl Performed {
    /// For whoever has told everything.
    pub(super) fn outcome(&self) -> Outcome {
        match self.exit {
            Exit::Done => Ok(Exit::Done),
            exit => Err(Failure::Told(exit)),
        }
    }
}

/// Queues `verb` for every unit at once, so that they are ordered among each other, and waits.
pub(super) async fn queue(
    client: &Client,
    terminal: &mut Terminal,
    verb: &'static str,
    args: &JobArgs,
) -> Outcome {
    let performed = perform(client, terminal, verb, args).await?;
    if terminal.json() {
        terminal.value(&performed.reports)?;
    }
    performed.outcome()
}

/// As [`queue`], and tells people how it went; what programs are to be told is given back.
pub(super) async fn perform(
    client: &Client,
    terminal: &mut Terminal,
    verb: &'static str,
    args: &JobArgs,
) -> Result<Performed, Failure> {
    let units = args.units.names(client).await?;
    let mode = args.job_mode.to_possible_value();
    let mode = mode.as_ref().map_or("replace", |mode| mode.get_name());
    let answers = join_all(units.iter().map(|unit| {
        let mut client = client.clone();
        async move {
            let answer = if args.no_block {
                client
                    .enqueue(unit, verb, mode, "")
                    .await
                    .map(|job| (job, None))
            } else {
                let ended = client.enqueue_and_wait(unit, verb, mode).await;
                ended.map(|Ended { job, result }| (job, Some(result)))
            };
            // The connection it has now: the manager may be another one than at the beginning.
            (client, answer)
        }
    }))
    .await;

    let mut exit = Exit::Done;
    let mut reports = Vec::new();
    for (unit, (client, answer)) in units.iter().zip(&answers) {
        let failure = match answer {
            Ok((_, result)) => match result.as_deref() {
                None | Some("done" | "skipped") => None,
                Some(result) => Some(explain(client, unit, verb, result).await),
            },
            Err(error) => Some(refusal(unit, verb, error)),
        };
        let done = answer.as_ref().ok();
        reports.push(Report {
            unit: unit.clone(),
            job: done.map(|(job, _)| *job),
            result: done.and_then(|(_, result)| result.clone()),
            error: failure.as_ref().map(|failure| failure.to_string()),
        });
        if let Some(Failure::Because {
            exit: this,
            message,
            hint,
        }) = failure
        {
            exit = exit.max(this);
            if !terminal.json() {
                terminal.error(&message, hint.as_deref(), this.code());
            }
        }
    }
    if !terminal.json() && !args.no_block && !terminal.quiet() {
        for (unit, (client, _)) in units.iter().zip(&answers) {
            remarks(client, terminal, unit, verb).await;
        }
    }
    Ok(Performed { reports, exit })
}

/// `isolate`
pub(super) async fn isolate(
    client: &Client,
    terminal: &mut Terminal,
    args: &IsolateArgs,
) -> Outcome {
    // Any text can be a name, and none is a pattern: what is isolated is one unit.
    let Ok(unit) = target_name(&args.unit).parse::<UnitArg>();
    if unit.is_pattern() {
        let message = format!("{unit} may stand for several units, and only one can be isolated");
        return Err(Failure::new(Exit::Usage, message));
    }
    let args = JobArgs {
        units: UnitsArgs { units: vec![unit] },
        no_block: args.no_block,
        job_mode: JobMode::Isolate,
    };
    queue(client, terminal, "start", &args).await
}

/// The name of a target, where nothing says that it is another kind of unit.
pub(super) fn target_name(text: &str) -> String {
    match UnitName::parse(text) {
        Ok(_) => text.to_owned(),
        Err(_) => format!("{text}.target"),
    }
}

/// `cancel`
pub(super) async fn cancel(client: &Client, terminal: &mut Terminal, args: &CancelArgs) -> Outcome {
    let mut exit = Exit::Done;
    let mut cancelled = Vec::new();
    if args.jobs.is_empty() {
        let before: Vec<u32> = client.list_jobs().await?.iter().map(|job| job.id).collect();
        client.clear_jobs().await?;
        let after: Vec<u32> = client.list_jobs().await?.iter().map(|job| job.id).collect();
        cancelled.extend(before.into_iter().filter(|job| !after.contains(job)));
    }
    for job in &args.jobs {
        match client.cancel_job(*job).await {
            Ok(()) => cancelled.push(*job),
            Err(error) => {
                let failure = refused("cancel job", &job.to_string(), &error);
                if let Failure::Because {
                    exit: this,
                    message,
                    hint,
                } = failure
                {
                    exit = exit.max(this);
                    terminal.error(&message, hint.as_deref(), this.code());
                }
            }
        }
    }
    if terminal.json() {
        terminal.value(&serde_json::json!({ "jobs": cancelled }))?;
    }
    match exit {
        Exit::Done => Ok(exit),
        exit => Err(Failure::Told(exit)),
    }
}

/// The sentence for an order about a job that was not carried out.
fn refused(what: &str, job: &str, error: &Error) -> Failure {
    let failure = Failure::new(exit_of(error), format!("cannot {what} {job}: {error}"));
    match error.kind() {
        Some(Kind::NoSuchJob) => failure.with_hint("`runnerctl list-jobs` shows those there are"),
        _ => failure,
    }
}

/// The sentence for a job that was not even queued.
pub(super) fn refusal(unit: &str, verb: &str, error: &Error) -> Failure {
    let failure = Failure::new(exit_of(error), format!("cannot {verb} {unit}: {error}"));
    match error.kind() {
        Some(Kind::NoSuchUnit) => {
            failure.with_hint("`runnerctl list-units --all` lists what is loaded")
        }
        Some(Kind::BadUnitSetting) => {
            failure.with_hint("correct the file, then `runnerctl daemon-reload`")
        }
        Some(Kind::TransactionIsDestructive) => {
            failure.with_hint("`runnerctl list-jobs` shows the job that is in the way")
        }
        Some(Kind::UnitMasked) => failure.with_hint(format!("`runnerctl unmask {unit}` allows it")),
        _ => failure,
    }
}

/// The exit status for what a manager refused.
fn exit_of(error: &Error) -> Exit {
    match error.kind() {
        Some(Kind::NoSuchUnit) => Exit::NoSuchUnit,
        Some(Kind::BadUnitSetting) => Exit::NotLoaded,
        Some(
            Kind::AccessDenied
            | Kind::TransactionIsDestructive
            | Kind::OnlyByDependency
            | Kind::NoIsolation,
        ) => Exit::Refused,
        Some(Kind::JobTypeNotApplicable | Kind::NotSupported) => Exit::NotApplicable,
        _ => Exit::Failed,
    }
}

/// The sentence for a job that ended otherwise than wished.
pub(super) async fn explain(client: &Client, unit: &str, verb: &str, result: &str) -> Failure {
    let because = |why: &str| Failure::because(format!("cannot {verb} {unit}: {why}"));
    let look = format!("see `runnerctl status {unit}` and `runnerctl logs {unit}`");
    match result {
        "canceled" => because("another job took its place, or it was taken back"),
        "timeout" => because("it took too long").with_hint(look),
        "dependency" => because("a unit it requires did not come up")
            .with_hint(format!("see `runnerctl list-dependencies {unit}`")),
        "assert" => because("an assert does not hold; nothing was started").with_hint(format!(
            "see `runnerctl cat {unit}` and `runnerctl logs {unit}`"
        )),
        "invalid" if verb == "reload" => because("it is not active, so it has nothing to reload"),
        "invalid" => because("it made no sense any more when its turn came"),
        "failed" => match client.unit(unit).await {
            Ok(properties) => {
                let look = match properties.text("Result") {
                    "start-limit-hit" => {
                        format!("`runnerctl reset-failed {unit}` allows it again; {look}")
                    }
                    _ => look,
                };
                because(&why_failed(&properties)).with_hint(look)
            }
            Err(_) => because("it failed").with_hint(look),
        },
        other => because(other).with_hint(look),
    }
}

/// Why a unit is not what it should be, from its `Result`.
pub(super) fn why_failed(properties: &Properties) -> String {
    let number = |name| {
        properties
            .number(name)
            .and_then(|number| i32::try_from(number).ok())
            .unwrap_or_default()
    };
    let ending = Ending::new(number("ExecMainCode"), number("ExecMainStatus"));
    let of_process = |words: &str| match ending {
        Some(ending) if ending != Ending::Exited(0) => format!("{words} ({ending})"),
        _ => words.to_owned(),
    };
    // Its own sentence knows more than the word.
    match properties.text("Failure") {
        "" => {}
        sentence => return sentence.to_owned(),
    }
    match properties.text("Result") {
        "resources" => "something it needs could not be had".to_owned(),
        "protocol" => "it did not do what its type promises".to_owned(),
        "timeout" => "it took too long".to_owned(),
        "exit-code" => of_process("a process exited with an error"),
        "signal" => of_process("a process was killed by a signal"),
        "core-dump" => of_process("a process crashed"),
        "watchdog" => "it did not report in time that it is alive".to_owned(),
        "oom-kill" => "the kernel killed a process because it had used all its memory".to_owned(),
        "start-limit-hit" => "it was started too often in too short a time".to_owned(),
        "service-start-limit-hit" => {
            "the service it triggers was started too often in too short a time".to_owned()
        }
        "trigger-limit-hit" => "it was triggered too often in too short a time".to_owned(),
        "success" | "" => "it failed".to_owned(),
        other => other.to_owned(),
    }
}

/// What a person may want to know beside the result.
async fn remarks(client: &Client, terminal: &mut Terminal, unit: &str, verb: &str) {
    let Ok(properties) = client.unit(unit).await else {
        return;
    };
    if properties.flag("NeedDaemonReload") {
        terminal.remark(&format!(
            "warning: the files of {unit} changed since they were read: `runnerctl daemon-reload`"
        ));
    }
    if verb == "stop" {
        let mut triggers = Vec::new();
        for trigger in properties.texts("TriggeredBy") {
            let state = client.unit(trigger).await;
            if state.is_ok_and(|properties| properties.text("ActiveState") == "active") {
                triggers.push(trigger);
            }
        }
        if !triggers.is_empty() {
            terminal.remark(&format!(
                "warning: {unit} is stopped, but can still be started by {}",
                triggers.join(", ")
            ));
        }
    }
}
