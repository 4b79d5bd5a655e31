//! What a unit is: names, the settings table, readers, diagnostics.
//!
//! The way of a unit file is *written → merged → resolved*: a file is read into texts with places,
//! drop-ins are laid over it, and the settings table makes typed values of the texts. Nothing here
//! asks the system: what must be known of it is a [`Surroundings`], and
//! files are read in one room, [`disk`](mod@disk). Reading never aborts; what is wrong comes back
//! as [`Diagnostic`]s beside what is right.

mod built_in;
mod check;
mod check_set;
pub mod civil;
pub mod definition;
pub mod dependency;
mod deviation;
pub mod diagnostic;
pub mod disk;
pub mod group;
pub mod install;
mod load;
pub mod name;
pub mod one_command;
pub mod record;
mod resolve;
pub mod settings;
pub mod sort;
pub mod source;
pub mod specifier;
pub mod supervisord;
pub mod surroundings;
pub mod systemd;
pub mod transient;
pub mod unit_set;
pub mod value;
mod written;

pub use definition::{Definition, Item, LoadState, Origin};
pub use dependency::{Dependency, Effect};
pub use deviation::Deviation;
pub use diagnostic::{Diagnostic, Place, Severity};
pub use load::{load, load_texts};
pub use name::{NameProblem, UnitKind, UnitName};
pub use settings::{ConditionKind, Section, Setting, SettingId, Value};
pub use source::{Content, Source};
pub use surroundings::{HostZones, Surroundings};
pub use unit_set::{DEFAULT_TARGET, Difference, UnitSet};
pub use value::{
    ExecLine, Input, KillMode, NotifyAccess, Output, Owner, Restart, ServiceType, Signal, Span,
};
