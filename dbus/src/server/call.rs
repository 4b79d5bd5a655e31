//! A method call on its way through the tables.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::AtomicU8;
use std::sync::{Arc, OnceLock};

use control::{Action, Caller, Handle, Refusal, Reply, Request, Standing, Via};
use engine::job::JobId;
use units::UnitName;
use zbus::wire::DynamicType;
use zbus::{Message, Signature};

use super::OWN_UNIQUE;
use super::arguments::Expected;
use super::bus::authority::{Authority, Verdict};
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
    /// Who else may permit what the caller may not by uid or group.
    pub(crate) authority: Option<Authority>,
    /// What that has permitted for this call.
    pub(crate) permitted: Arc<OnceLock<Action>>,
}

/// The end of a call.
pub(crate) struct Done {
    /// The reply.
    pub(crate) reply: Message,
    /// Something that goes on afterwards, until the connection ends.
    pub(crate) then: Option<Boxed<()>>,
    /// The job that was queued, and its unit.
    pub(crate) job: Option<(JobId, UnitName)>,
    /// A unit that the connection holds on to from now on.
    pub(crate) hold: Option<Hold>,
}

impl Done {
    /// The same of a call that queued a job.
    pub(crate) fn with_job(self, job: JobId, unit: UnitName) -> Done {
        Done {
            job: Some((job, unit)),
            ..self
        }
    }
}

/// A unit that stays for as long as this goes on.
pub(crate) struct Hold {
    /// Which.
    pub(crate) unit: UnitName,
    /// The request that stands for it.
    pub(crate) standing: Boxed<()>,
}

/// A reply or an error.
pub(crate) type Outcome = Result<Done, Failure>;

impl Call {
    /// A call by nobody in particular: whoever answers says who it is.
    pub(crate) fn new(message: Message, handle: Handle, face: Face) -> Call {
        Call {
            message,
            // This uid is nobody's: it stands for "none" in setuid(2) and its relatives.
            caller: Caller {
                uid: u32::MAX,
                gid: None,
                groups: Vec::new(),
                pid: None,
                via: Via::Bus,
            },
            handle,
            face,
            exit_status: Arc::default(),
            authority: None,
            permitted: Arc::default(),
        }
    }

    /// The arguments, which have to be of exactly this type.
    pub(crate) fn arguments<T: Expected>(&self) -> Result<T, Failure> {
        super::arguments::read(&self.message.body()).ok_or_else(|| self.unfit(T::SIGNATURE))
    }

    /// The body has to be empty.
    pub(crate) fn no_arguments(&self) -> Result<(), Failure> {
        match self.message.body().signature() {
            Signature::Unit => Ok(()),
            _ => Err(self.unfit(&Signature::Unit)),
        }
    }

    fn unfit(&self, expected: &Signature) -> Failure {
        Failure::new(
            Kind::InvalidArgs,
            format!(
                "arguments of type '{}' do not fit, expected '{}'",
                self.message.body().signature().to_string_no_parens(),
                expected.to_string_no_parens(),
            ),
        )
    }

    /// Asks the manager.
    pub(crate) async fn ask(&self, request: Request) -> Result<Reply, Failure> {
        Ok(self.ask_for_refusal(request).await??)
    }

    /// Asks the manager, and leaves its refusal as it is. The authority is asked first, where the
    /// caller may not by itself.
    pub(crate) async fn ask_for_refusal(
        &self,
        request: Request,
    ) -> Result<Result<Reply, Refusal>, Failure> {
        let caller = self.caller.clone();
        match self.permission(&request).await {
            Ok(permitted) => Ok(self.handle.ask_permitted(caller, request, permitted).await),
            Err(failure) => {
                // Refused, and noted.
                let _ = self.handle.ask(caller, request).await;
                Err(failure)
            }
        }
    }

    /// What the authority permits for this call; it is asked where the caller may not by itself.
    pub(super) async fn permission(&self, request: &Request) -> Result<Option<Action>, Failure> {
        if let Some(permitted) = self.permitted.get() {
            return Ok(Some(*permitted));
        }
        match self.judge(request).await {
            (Verdict::Permitted, action) => {
                Ok(action.map(|action| *self.permitted.get_or_init(|| action)))
            }
            (Verdict::Denied, _) => Ok(None),
            (Verdict::WouldAsk, _) => {
                let message = "somebody has to be asked, and the call forbids that";
                let failure = Failure::new(Kind::InteractiveAuthorizationRequired, message);
                Err(failure.on_systemd("Interactive authentication required."))
            }
        }
    }

    /// What the authority says of the request, where the caller needs it, and for which action.
    async fn judge(&self, request: &Request) -> (Verdict, Option<Action>) {
        let action = self.handle.lacks(&self.caller, request);
        match (&self.authority, action) {
            (Some(authority), Some(action)) => {
                let judging = authority.judge(self.face, &self.message, action, request);
                (judging.await, Some(action))
            }
            _ => (Verdict::Denied, None),
        }
    }

    /// What the caller is to us.
    pub(crate) fn standing(&self) -> Standing {
        self.handle.standing(&self.caller)
    }

    /// A reply of this body.
    pub(crate) fn reply<B: serde::Serialize + DynamicType>(&self, body: &B) -> Outcome {
        self.reply_from(OWN_UNIQUE, body)
    }

    /// A reply of the object of a job that was queued.
    pub(crate) fn reply_job(&self, job: JobId, unit: UnitName) -> Outcome {
        let done = self.reply(&super::methods::object(self.face.job_path(job.0)))?;
        Ok(done.with_job(job, unit))
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
            Ok(reply) => Ok(Done {
                reply,
                then: None,
                job: None,
                hold: None,
            }),
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
