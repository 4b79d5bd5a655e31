//! The sockets of socket units: opened, taken over from whoever started us, accepted on.

pub mod accept;
pub mod inherit;
pub mod open;

pub use accept::{Accepted, Acceptor};
pub use inherit::Inherited;
pub use open::{Listeners, open, open_one, remove_nodes};
