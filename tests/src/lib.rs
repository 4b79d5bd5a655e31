//! The harness of the whole-program tests.
//!
//! A [`World`] is one real `runnerd` in directories of its own, with a network address of its
//! own, so that any number run side by side. Its services are mostly *actors* (`src/actor`),
//! which report what happens to them; a test waits for those reports, never for time. When a
//! world ends, the warden that ran the daemon says what was left behind, and that must be
//! nothing.
//!
//! ```no_run
//! let mut world = tests::World::new();
//! world.unit("a.toml", r#"
//!     [service]
//!     exec-start = "@actor@ as=a tell=up pause"
//! "#);
//! world.start();
//! world.event("a", "up");
//! assert_eq!(world.show("a.service", "ActiveState"), "active");
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a harness fails by panicking: that is the test's failure"
)]

pub mod beside;
mod board;
mod bus;
mod client;
mod emulated;
mod journal;
mod machine;
mod peer;
mod place;
mod process;
mod random;
pub mod rpc;
mod ticks;
mod world;

pub use board::{Ended, Event};
pub use client::{Client, Tally, get};
pub use emulated::Computer;
pub use journal::{Entry, Journal};
pub use machine::{Init, Machine};
pub use peer::{CONFIGURATION, Kind, Peer, said, script};
pub use place::{actor, free_port, needs_root, program, repository, tool};
pub use process::{Process, children_running};
pub use random::Random;
pub use ticks::exactly_once;
pub use world::{Identity, Outcome, World};
