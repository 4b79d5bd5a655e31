//! The one door to the manager.
//!
//! Front ends (D-Bus, XML-RPC, the web page) hold a [`Handle`] and ask; the manager owns
//! the [`Door`], answers and publishes. Nothing else crosses: no front end sees the engine itself,
//! and the manager knows no protocol.
//!
//! ```text
//! front end   Handle::ask(caller, request)  ──▶  Door::next() → Knock::Asked   manager
//!             Reply or Refusal              ◀──  Answerer::answer()
//!             Subscription::next() → Change ◀──  Door::publish()
//! ```
//!
//! Whether a caller may ask is decided in one place, [`access::may`], before the manager sees the
//! request.

pub mod access;
mod caller;
pub mod dependency;
mod door;
mod happening;
mod local_time;
mod reply;
mod request;
mod selection;
pub mod words;

pub use access::{Action, Policy, Standing};
pub use caller::{Caller, Via};
pub use dependency::{Direction, Node};
pub use door::{Answerer, Door, Handle, Knock, Subscription, open};
pub use happening::Happening;
pub use local_time::LocalTime;
pub use reply::{
    Chunk, ChunkKind, Defaults, Installed, LogLine, LogProblem, LogSource, LogStream, LogText,
    Manager, Process, ProcessDetail, ProgramProblem, Reply, Restarting, Sets, SocketLine,
    UnitDetail, UnitFile, Usage,
};
pub use request::{Descriptors, LogName, LogRange, OwnLogTarget, OwnedDirectories, Request};
pub use selection::{Selection, matches};
pub use words::Word;

pub use engine::{Change, Command, Refusal};
