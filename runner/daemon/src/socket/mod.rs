//! The sockets of socket units: opened, taken over from whoever started us, accepted on.

pub mod accept;
mod flush;
pub mod inherit;
mod node;
pub mod open;
mod option;

pub use accept::{Accepted, Acceptor};
pub use flush::flush;
pub use inherit::Inherited;
pub use node::remove_nodes;
pub use open::{Listeners, open, open_one};
pub use option::Options;
