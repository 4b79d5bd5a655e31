//! Activation: a client of the bus speaks to a name that nobody has, and whose activation file names
//! a unit (`SystemdService=`). The bus asks the owner of systemd's name to start it
//! (`org.freedesktop.systemd1.Activator`), and is told where that fails, so that the client hears of
//! it at once. That it succeeded shows by itself: the name has an owner.

use control::{Caller, Command, Handle, Reply, Request, Via, Word};
use engine::command::{Answer, Verb};
use engine::job::{JobMode, JobResult};
use units::UnitName;
use zbus::Message;

use crate::error::Kind;
use crate::names::{Face, interface};
use crate::server::refusal::Failure;

/// systemd's interface for it.
const ACTIVATOR: &str = "org.freedesktop.systemd1.Activator";

/// The unit that the bus asks for; `None` for any other message. Only the bus itself may ask.
pub(super) fn requested(message: &Message) -> Option<String> {
    let header = message.header();
    let is_request = header.sender()?.as_str() == interface::BUS
        && header.interface()?.as_str() == ACTIVATOR
        && header.member()?.as_str() == "ActivationRequest";
    if !is_request {
        return None;
    }
    message.body().deserialize().ok()
}

/// Starts the unit and waits for the end of its job; gives the message about a failure.
pub(super) async fn activate(handle: Handle, unit: String) -> Option<Message> {
    let failure = start(&handle, &unit).await.err()?;
    let body = (
        unit.as_str(),
        failure.kind.name(Face::Systemd),
        failure.said(Face::Systemd).replace('\0', "\u{fffd}"),
    );
    Message::signal(Face::Systemd.root(), ACTIVATOR, "ActivationFailure")
        .destination(interface::BUS)
        .build(&body)
        .ok()
}

async fn start(handle: &Handle, unit: &str) -> Result<(), Failure> {
    let name = UnitName::parse(unit).map_err(|problem| {
        Failure::new(
            Kind::InvalidArgs,
            format!("{unit:?} is not a unit name: {problem}"),
        )
    })?;
    let command = Command::Submit {
        unit: name,
        verb: Verb::Start,
        mode: JobMode::Replace,
        token: None,
    };
    let by = Caller {
        uid: 0,
        gid: None,
        groups: Vec::new(),
        pid: None,
        via: Via::Activation,
    };
    let job = match handle.ask(by.clone(), Request::Command(command)).await? {
        Reply::Answer(Answer::Job(job)) => job,
        other => return Err(crate::server::call::strange(&other)),
    };
    let end = handle
        .ask(by, Request::Command(Command::AwaitJob { job }))
        .await?;
    match end {
        Reply::Answer(Answer::Ended(JobResult::Done)) => Ok(()),
        Reply::Answer(Answer::Ended(result)) => {
            let message = format!("unit {unit} could not be started: {}", result.word());
            Err(Failure::new(Kind::Failed, message))
        }
        other => Err(crate::server::call::strange(&other)),
    }
}
