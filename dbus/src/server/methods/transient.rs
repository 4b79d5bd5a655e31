//! Units that clients define.

use std::sync::Arc;

use control::{Command, Descriptors, Reply, Request, Standing, Word};
use engine::clock::Now;
use engine::command::{Answer, Transient};
use zbus::{OwnedVariant, Variant};

use super::{object, unit_name, word};
use crate::error::Kind;
use crate::server::call::{Call, Outcome, strange};
use crate::server::properties::exit_code_and_status;
use crate::server::refusal::Failure;
use crate::server::transient::{self, Said};

/// The properties of a unit, as they travel.
type Properties = Vec<(String, OwnedVariant)>;

pub(super) async fn start(call: Call) -> Outcome {
    let (name, mode, properties, aux): (String, String, Properties, Vec<(String, Properties)>) =
        call.arguments()?;
    let (first, stdio) = unit(&name, properties)?;
    let mut units = vec![first];
    for (name, properties) in aux {
        let (unit, stdio) = unit(&name, properties)?;
        if stdio != Descriptors::default() {
            let message = format!("{name}: descriptors can be given to the first unit only");
            return Err(Failure::new(Kind::InvalidArgs, message));
        }
        units.push(unit);
    }
    let mode = word("job mode", &mode)?;
    match call
        .ask(Request::StartTransient { units, mode, stdio })
        .await?
    {
        Reply::Answer(Answer::Job(job)) => call.reply(&object(call.face.job_path(job.0))),
        other => Err(strange(&other)),
    }
}

fn unit(name: &str, properties: Properties) -> Result<(Transient, Descriptors), Failure> {
    let name = unit_name(name)?;
    let properties: Vec<(String, Variant<'static>)> = properties
        .into_iter()
        .map(|(name, value)| (name, Variant::from(value)))
        .collect();
    let Said { settings, stdio } = transient::read(&properties)?;
    let stdio = Descriptors(stdio.map(|fd| fd.map(Arc::new)));
    Ok((Transient { name, settings }, stdio))
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
