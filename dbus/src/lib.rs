//! runner over D-Bus: the interface `org.unitrunner.Runner1`, both ends of it.
//!
//! - [`names`], [`error`] and [`wire`] are what both ends agree on: paths, error names and the
//!   types that travel.
//! - `server` (feature `server`) answers on the private socket and on a message bus. Its tables of
//!   methods, properties and signals are the single source for dispatch, introspection and the man
//!   page.
//! - `client` (feature `client`) is what `runnerctl` asks with. It needs neither the engine nor the
//!   definitions.

#[cfg(feature = "client")]
pub mod client;
pub mod error;
pub mod names;
#[cfg(feature = "server")]
pub mod server;
pub mod wire;
