//! supervisord's faults.

use engine::Refusal;
use units::Diagnostic;

/// The kinds of faults, with supervisord's numbers and words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the words of supervisord's documentation themselves"
)]
pub enum FaultCode {
    UnknownMethod = 1,
    IncorrectParameters = 2,
    BadArguments = 3,
    SignatureUnsupported = 4,
    ShutdownState = 6,
    BadName = 10,
    BadSignal = 11,
    NoFile = 20,
    NotExecutable = 21,
    Failed = 30,
    AbnormalTermination = 40,
    SpawnError = 50,
    AlreadyStarted = 60,
    NotRunning = 70,
    Success = 80,
    AlreadyAdded = 90,
    StillRunning = 91,
    CantReread = 92,
}

impl FaultCode {
    /// Its number.
    #[must_use]
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            FaultCode::UnknownMethod => "UNKNOWN_METHOD",
            FaultCode::IncorrectParameters => "INCORRECT_PARAMETERS",
            FaultCode::BadArguments => "BAD_ARGUMENTS",
            FaultCode::SignatureUnsupported => "SIGNATURE_UNSUPPORTED",
            FaultCode::ShutdownState => "SHUTDOWN_STATE",
            FaultCode::BadName => "BAD_NAME",
            FaultCode::BadSignal => "BAD_SIGNAL",
            FaultCode::NoFile => "NO_FILE",
            FaultCode::NotExecutable => "NOT_EXECUTABLE",
            FaultCode::Failed => "FAILED",
            FaultCode::AbnormalTermination => "ABNORMAL_TERMINATION",
            FaultCode::SpawnError => "SPAWN_ERROR",
            FaultCode::AlreadyStarted => "ALREADY_STARTED",
            FaultCode::NotRunning => "NOT_RUNNING",
            FaultCode::Success => "SUCCESS",
            FaultCode::AlreadyAdded => "ALREADY_ADDED",
            FaultCode::StillRunning => "STILL_RUNNING",
            FaultCode::CantReread => "CANT_REREAD",
        }
    }

    /// A fault that says nothing more.
    pub(crate) fn plain(self) -> Fault {
        Fault {
            code: self,
            text: self.word().to_owned(),
        }
    }

    /// A fault about something.
    pub(crate) fn about(self, what: impl std::fmt::Display) -> Fault {
        Fault {
            code: self,
            text: format!("{}: {what}", self.word()),
        }
    }
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which kind.
    pub code: FaultCode,
    /// What supervisord would say: the kind's word, and what it is about.
    pub text: String,
}

impl Fault {
    /// What a refusal of the manager is in supervisord's words. `name` is what was asked about.
    pub(crate) fn of(refusal: Refusal, name: &str) -> Fault {
        match refusal {
            Refusal::NoSuchUnit(_) | Refusal::NoSuchGroup(_) => FaultCode::BadName.about(name),
            Refusal::GroupExists(_) => FaultCode::AlreadyAdded.about(name),
            Refusal::GroupRuns(_) => FaultCode::StillRunning.about(name),
            Refusal::NoProcess(..) => FaultCode::NotRunning.about(name),
            Refusal::ShuttingDown => FaultCode::ShutdownState.plain(),
            Refusal::ReloadRefused(found) => FaultCode::CantReread.about(sentences(&found)),
            other => FaultCode::Failed.about(other),
        }
    }
}

/// Every error that was found, one per line. supervisord's own messages name the file themselves;
/// before the others stands where they are.
fn sentences(found: &[Diagnostic]) -> String {
    let lines: Vec<String> = found
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .map(|diagnostic| {
            if diagnostic.message.contains(&*diagnostic.place.path) {
                diagnostic.message.clone()
            } else {
                format!("{}: {}", diagnostic.place, diagnostic.message)
            }
        })
        .collect();
    lines.join("\n")
}
