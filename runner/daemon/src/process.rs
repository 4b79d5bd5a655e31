//! Processes: from an order to a running program, and what belongs to which unit afterwards.
//!
//! An [`order::Order`] goes to the [`spawner`], a thread that prepares everything that may block or
//! fail (`plan`), clones (`launch`), and runs the prepared steps in the child (`child`). What comes
//! back is entered into the [`table`], through which all signals go: by pidfd, never by number.

pub mod adopt;
mod call;
mod child;
mod credentials;
pub mod defaults;
pub mod directories;
mod environment;
mod environment_file;
mod glob;
mod identity;
pub mod launch;
pub mod limits;
pub mod literal;
mod open;
pub mod order;
mod own;
mod plan;
mod procfs;
mod program;
mod signal;
mod slots;
pub mod spawner;
mod stdio;
pub mod step;
pub mod table;
mod terminal;
mod tree;
mod watch;

pub use environment::inherited as passed_on;
pub(crate) use procfs::is_ours as numbers_are_ours;

/// Where programs are looked for that a unit names without a path, and the `PATH` of every child
/// whose unit sets none.
pub const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
