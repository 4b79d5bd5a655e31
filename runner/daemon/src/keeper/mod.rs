//! The keeper.

pub mod channel;
mod introduction;
pub mod wire;

pub use introduction::Introduction;

/// Under this key the keeper gives each manager the timer it shares with it.
pub(crate) const HANG_TIMER: &str = "hang-timer";
