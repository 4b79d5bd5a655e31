//! A method call on its way through the tables.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;

use control::{Caller, Handle, Reply, Request, Standing};
use serde::de::DeserializeOwned;
use zbus::Message;
use zbus::wire::DynamicType;

use super::OWN_UNIQUE;
use super::refusal::Failure;
use crate::error::Kind;
use crate::names::Face;

/// A future on its own.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A call: who, what, and the door to ask at.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) message: Message,
    pub(crate) caller: Caller,
    pub(crate) handle: Handle,
    /// How the caller names things.
    pub(crate) face: Face,
    /// The exit status that was set over this connection, for when everything is ended over it.
    pub(crate) exit_status: Arc<AtomicU8>,
}

/// The end of a call.
pub(crate) struct Done {
    /// The reply.
    pub(crate) reply: Message,
    /// Something that goes on afterwards, until the connection ends.
    pub(crate) then: Option<Boxed<()>>,
}

/// A reply or an error.
pub(crate) type Outcome = Result<Done, Failure>;

impl Call {
    /// The arguments, which have to be of exactly this type.
    pub(crate) fn arguments<T: DeserializeOwned + zbus::Type>(&self) -> Result<T, Failure> {
        self.message.body().deserialize().map_err(|_| {
            Failure::new(
                Kind::InvalidArgs,
                format!(
                    "arguments of type '{}' do not fit, expected '{}'",
                    self.message.body().signature().to_string_no_parens(),
                    T::SIGNATURE.to_string_no_parens(),
                ),
            )
        })
    }

    /// Asks the manager.
    pub(crate) async fn ask(&self, request: Request) -> Result<Reply, Failure> {
        Ok(self.handle.ask(self.caller.clone(), request).await?)
    }

    /// What the caller is to us.
    pub(crate) fn standing(&self) -> Standing {
        self.handle.standing(&self.caller)
    }

    /// A reply of this body.
    pub(crate) fn reply<B: serde::Serialize + DynamicType>(&self, body: &B) -> Outcome {
        self.reply_from(OWN_UNIQUE, body)
    }

    /// A reply of this body in another's name.
    pub(crate) fn reply_from<B: serde::Serialize + DynamicType>(
        &self,
        sender: &'static str,
        body: &B,
    ) -> Outcome {
        let reply = Message::method_return(&self.message.header())
            .sender(sender)
            .build(body);
        match reply {
            Ok(reply) => Ok(Done { reply, then: None }),
            // Only a body too long for one message can get here.
            Err(error) => Err(Failure::new(Kind::LimitsExceeded, error.to_string())),
        }
    }

    /// An error reply; `None` if not even that can be sent.
    pub(crate) fn refuse(&self, failure: &Failure) -> Option<Message> {
        Message::error(&self.message.header(), failure.kind.name(self.face))
            .sender(OWN_UNIQUE)
            // A NUL byte in a file's name would end up in a sentence about it.
            .build(&failure.said(self.face).replace('\0', "\u{fffd}"))
            .ok()
    }
}

/// The manager answered something else than what was asked: a fault of ours, told as one.
pub(crate) fn strange(reply: &Reply) -> Failure {
    Failure::new(
        Kind::Failed,
        format!("the manager gave an answer to another question: {reply:?}"),
    )
}
