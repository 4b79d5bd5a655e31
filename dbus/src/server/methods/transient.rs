//! Units that clients define.

use std::sync::Arc;

use control::{Command, Descriptors, Reply, Request, Standing, Via, Word};
use engine::clock::Now;
use engine::command::{Answer, Transient};
use zbus::{OwnedVariant, Variant};

use super::{unit_name, word};
use crate::error::Kind;
use crate::server::call::{Call, Done, Hold, Outcome, strange};
use crate::server::properties::exit_code_and_status;
use crate::server::refusal::Failure;
use crate::server::transient::{self, Said};

/// The properties of a unit, as they travel.
type Properties = Vec<(String, OwnedVariant)>;

pub(super) async fn start(call: Call) -> Outcome {
    let (name, mode, properties, aux): (String, String, Properties, Vec<(String, Properties)>) =
        call.arguments()?;
    let (first, stdio, holds) = unit(&call, &name, properties)?;
    let name = first.name.clone();
    let mut units = vec![first];
    for (name, properties) in aux {
        let (unit, stdio, _) = unit(&call, &name, properties)?;
        if stdio != Descriptors::default() {
            let message = format!("{name}: descriptors can be given to the first unit only");
            return Err(Failure::new(Kind::InvalidArgs, message));
        }
        units.push(unit);
    }
    let mode = word("job mode", &mode)?;
    let starting = call.ask(Request::StartTransient { units, mode, stdio });
    // Before there is a unit: it may have ended when its start is answered.
    let mut standing = holds.then(|| super::standing_hold(&call, name.clone()));
    let started = match &mut standing {
        None => starting.await,
        Some(standing) => {
            tokio::pin!(starting);
            tokio::select! {
                biased;
                // Refused; the start is then refused as well, or does not need it.
                () = &mut *standing => starting.await,
                started = &mut starting => started,
            }
        }
    };
    match started? {
        Reply::Answer(Answer::Job(job)) => {
            let unit = name.clone();
            let hold = standing.map(|standing| Hold { unit, standing });
            Ok(Done {
                hold,
                ..call.reply_job(job, name)?
            })
        }
        other => Err(strange(&other)),
    }
}

/// What is to be defined, what it is given, and whether the caller holds on to it.
fn unit(
    call: &Call,
    name: &str,
    properties: Properties,
) -> Result<(Transient, Descriptors, bool), Failure> {
    let name = unit_name(name)?;
    let properties: Vec<(String, Variant<'static>)> = properties
        .into_iter()
        .map(|(name, value)| (name, Variant::from(value)))
        .collect();
    let Said {
        settings,
        stdio,
        pids,
        holds,
    } = transient::read(&properties)?;
    if holds && call.caller.via != Via::Bus {
        return Err(Failure::new(
            Kind::NotSupported,
            "AddRef: a private connection cannot hold on to units; AwaitUnit tells how a transient \
             unit ended for a minute after it is gone",
        ));
    }
    let stdio = Descriptors(stdio.map(|fd| fd.map(Arc::new)));
    let unit = Transient {
        name,
        settings,
        pids: taken_in(call, pids)?,
    };
    Ok((unit, stdio, holds))
}

/// Who is taken into a scope. Only those who may signal anybody may say who that is: to whom it was
/// permitted to start units, a process of somebody else's is none of their business.
fn taken_in(call: &Call, mut pids: Vec<u32>) -> Result<Vec<u32>, Failure> {
    let own = call.caller.pid;
    for pid in pids.iter_mut().filter(|pid| **pid == 0) {
        let unknown = || Failure::new(Kind::InvalidArgs, "nobody knows your pid here");
        *pid = own.ok_or_else(unknown)?;
    }
    if call.standing() < Standing::Owner
        && let Some(pid) = pids.first()
    {
        let message = format!("uid {} may not move process {pid}", call.caller.uid);
        return Err(Failure::new(Kind::AccessDenied, message));
    }
    Ok(pids)
}

pub(super) async fn await_end(call: Call) -> Outcome {
    let unit = unit_name(&call.arguments::<String>()?)?;
    let command = Command::AwaitEnd { unit };
    let end = match call.ask(Request::Command(command)).await? {
        Reply::Answer(Answer::UnitEnded(end)) => end,
        other => return Err(strange(&other)),
    };
    let (code, status) = exit_code_and_status(end.exit);
    // It may name commands, as the property of this name.
    let failure = match call.standing() >= Standing::Administrator {
        true => end.failure.as_str(),
        false => "",
    };
    let micros = |at: Option<Now>| at.map_or(0, |at| at.realtime.0);
    call.reply(&(
        end.result.word(),
        code,
        status,
        micros(end.began),
        micros(end.ended),
        failure,
    ))
}
